"""The time bar: a column in which a counter stood still is 0, one that nobody saw is empty."""

import json

import pyarrow as pa
import pytest

from taktwin.portal.routes.bar import covered
from taktwin.portal.tables import gaps_of


@pytest.mark.parametrize(
    ("gaps", "nothing_left"),
    [
        ([], False),
        ([(0, 10)], True),
        ([(2, 10)], False),
        ([(0, 9)], False),
        ([(0, 4), (4, 10)], True),
        ([(0, 4), (5, 10)], False),
        ([(-5, 3), (3, 99)], True),
    ],
)
def test_gaps_cover_a_column_only_if_they_leave_nothing_of_it(
    gaps: list[tuple[int, int]], nothing_left: bool
) -> None:
    assert covered((0, 10), gaps) is nothing_left


def test_gaps_come_with_the_historians_answer() -> None:
    table = pa.table({"signal": ["a"]}).replace_schema_metadata({"gaps": json.dumps({"a": [[1, 2]]})})
    assert gaps_of(table) == {"a": [(1, 2)]}
    assert gaps_of(pa.table({"signal": ["a"]})) == {}
