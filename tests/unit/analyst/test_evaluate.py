"""Scores of predictions, worked out by hand; a tool that came out in time counts for what it has shown."""

from __future__ import annotations

import itertools
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from taktwin.analyst import advice, evaluate
from taktwin.analyst.features import Column
from taktwin.analyst.maintenance.rivals import earlier_tools
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.model import Distribution
from tests.unit.analyst.known_law import Known, machine
from tests.unit.analyst.test_outcome import lived
from tests.unit.analyst.test_watch import ABOUT

EVEN = Distribution(np.array([1.0, 1.0, 0.5, 0.0]))  # two more, or three: one is as likely as the other


@pytest.mark.parametrize(
    ("value", "is_whole", "score"),
    [
        (2.0, True, 0.25),
        (3.0, True, 0.25),
        (0.0, True, 1 + 1 + 0.25),
        (5.0, True, 0.25 + 1 + 1),
        (2.0, False, 0.0),  # it held to the end of what was seen
        (3.0, False, 0.25),  # half of it was said to go at two
        (5.0, False, 0.25 + 1 + 1),
    ],
)
def test_a_prediction_is_scored_as_far_as_was_seen(value: float, is_whole: bool, score: float) -> None:
    assert evaluate.crps(EVEN, value, is_whole=is_whole) == pytest.approx(score)


def test_earlier_tools_that_came_out_in_time_were_at_risk_until_then() -> None:
    """Kaplan and Meier (1958), by hand: of three one is out at 3, one was changed then, one is out at 5."""
    whole = lived([3, 3, 5, 0], drift_um=0.0)
    bad = np.array([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], np.bool_)
    measured = Column(whole["measured"].at_ns, np.where(bad, 40.0, 30.0))
    trace = replace(whole, columns={**whole.columns, "measured": measured})
    left = earlier_tools([trace])(trace)
    assert left.survival[:6] == pytest.approx([1, 1, 1, 2 / 3, 2 / 3, 0])


def test_an_error_that_nobody_judged_is_nobodys() -> None:
    known = advice.past_error(ToolChange, ABOUT)
    assert known is not None
    assert (known.error, known.limit, known.epochs) == (0.05, ToolChange.error_max, 9)
    for lack in ({"judged": 0}, {"error": None}):
        assert advice.past_error(ToolChange, msgspec.structs.replace(ABOUT, **lack)) is None


def test_what_was_judged_in_parts_counts_by_how_many_predictions_each_part_had() -> None:
    parts = [
        evaluate.Score("x", 1, 1, 1, crps=1.0, coverage=1.0, pinball=2.0, bias=-4.0),
        evaluate.Score("x", 3, 2, 1, crps=5.0, coverage=0.0, pinball=4.0, bias=8.0),
        evaluate.Score("x", 0, 0, 0, *[float("nan")] * 4),
    ]
    assert evaluate.together(parts) == evaluate.Score("x", 4, 2, 2, 4.0, 0.25, 3.0, 2.0)
    bounds = evaluate.together([replace(parts[1], whole=0), parts[2]])
    assert (bounds.crps, bounds.whole) == (5.0, 0) and np.isnan(bounds.bias), "no end was seen"


def test_a_life_that_begins_between_two_parts_is_judged_in_one_of_them() -> None:
    trace = machine("m", seed=1, tools=6, advised=False)
    begins = trace["begin"].at_ns.tolist()
    edges = [0, begins[2], begins[4], trace.to_ns]
    found = [
        [life[0].life_ns for life in evaluate.lives(Known, trace, after_ns=one, until_ns=other)]
        for one, other in itertools.pairwise(edges)
    ]
    assert found == [begins[:3], begins[3:5], begins[5:]]
