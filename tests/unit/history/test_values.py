"""Typed columns give back what went in, and frames have the dtype of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from taktwin.errors import DomainError, StoreError
from taktwin.history.client import History
from taktwin.history.frames import to_pandas, wide
from taktwin.history.hot import DuckHistory
from taktwin.history.reading import bucket_grid
from taktwin.history.store import MINUTE_NS
from taktwin.history.values import numbers, pack, unpack
from tests.contract.history_model import ScanOf, batch, exact

values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary(),
    st.lists(st.one_of(st.floats(), st.integers(0, 9), st.text()), max_size=3),
)  # fmt: skip


def table(columns: Any) -> pa.Table:
    names = ("kind", "f64", "i64", "u64", "text", "bytes")
    return pa.table({name: getattr(columns, name) for name in names})


@given(st.lists(values, max_size=20))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_values_come_back_as_they_went_in(plain: list[Any]) -> None:
    assert [exact(value) for value in unpack(table(pack(plain)))] == [exact(value) for value in plain]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {"a": 1}, 1j])
def test_what_is_no_value_is_our_mistake(value: Any) -> None:
    with pytest.raises(DomainError):
        pack([1, value])


def test_numbers_are_for_drawing() -> None:
    found = numbers(table(pack([1.5, 2, True, "x", 2**63, None])))
    assert np.array_equal(found, [1.5, 2, 1, np.nan, 2.0**63, np.nan], equal_nan=True)


@pytest.mark.parametrize(("span_s", "columns"), [(1, 7), (3600, 60), (3600, 29), (86_400, 600), (604_800, 1)])
@pytest.mark.parametrize("from_ns", [0, 7, -123_456_789])
def test_a_window_has_at_most_the_columns_asked_for(span_s: int, columns: int, from_ns: int) -> None:
    start, end, width = bucket_grid(from_ns, from_ns + span_s * 10**9, columns)
    assert start <= from_ns < from_ns + span_s * 10**9 <= end
    assert -(-(end - start) // width) <= columns
    if width >= 2 * MINUTE_NS:
        assert start % MINUTE_NS == end % MINUTE_NS == width % MINUTE_NS == 0


def test_frames_have_the_dtype_of_their_values(tmp_path: Path) -> None:
    store = DuckHistory(tmp_path / "historian", site="s")
    rows = [("a/f", 1, 1.5, 0), ("a/f", 3, 2.5, 3), ("a/i", 2, 7, 0), ("a/t", 2, "00123", 0)]
    store.append(batch(store, ScanOf(1, rows)))
    store.close()
    history = History.open(tmp_path)
    frame = to_pandas(history.range(["a/f"]))
    assert frame["value"].dtype == np.float64
    assert frame["quality"].tolist() == ["Good", "Bad"]
    assert str(frame.index.tz) == "UTC"
    mixed = to_pandas(history.range(None))
    assert mixed["value"].tolist() == [1.5, 2.5, 7, "00123"]
    joined = history.as_of_join(["a/f", "a/i", "a/t"], np.array([3, 0, 2]))
    parts = wide(joined, [3, 0, 2])
    assert parts["a/f"].tolist()[0::2] == [2.5, 1.5]
    assert np.isnan(parts["a/f"].tolist()[1])
    assert parts["a/t"].tolist() == ["00123", None, "00123"]
    assert (history.status().rows, history.status().state) == (4, "stopped")


def test_a_folder_without_history_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"expected historian/hot\.duckdb"):
        History.open(tmp_path)
