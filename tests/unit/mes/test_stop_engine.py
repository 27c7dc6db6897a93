"""Spans of what a machine says, and the records of its stops: by examples, and against late data."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.measures import time_classes
from taktwin.measures.time_classes import ClassSpan
from taktwin.mes.performance import reconciling, states
from taktwin.mes.performance.reconciling import Record
from taktwin.mes.performance.states import Run, Said, Span, runs_of, told
from taktwin.standards.iso22400 import TimeClass

S = 1_000_000_000
T0 = 1_800_000_000 * S
GAP = 5 * S
OWN, RUN, STARVED, BLOCKED = TimeClass.DELAY_OWN, TimeClass.PRODUCTION, TimeClass.STARVED, TimeClass.BLOCKED


def at(second: float) -> int:
    return T0 + int(second * S)


def tell(said: list[Said], vouched: list[int], before: list[Span] | None = None) -> list[Span]:
    return told(before or [], said, vouched, base={}, model="packml", calendar=None, gap_ns=GAP)


def classes(spans: list[Span]) -> list[tuple[float, float, str]]:
    return [((run.from_ns - T0) / S, (run.to_ns - T0) / S, run.time_class.value) for run in runs_of(spans)]


def test_states_become_spans_and_silence_becomes_nothing() -> None:
    said = [Said(at(0), "state", 6), Said(at(4), "state", 11), Said(at(4), "alarm_code", 4201),
            Said(at(9), "state", 6), Said(at(60), "state", 6)]  # fmt: skip
    spans = tell(said, [at(second) for second in (0, 3, 6, 9, 12, 60, 63)])
    assert classes(spans) == [(0, 4, "production"), (4, 9, "delay_own"), (9, 12, "production"),
                              (60, 63, "production")]  # fmt: skip
    assert [run.code for run in runs_of(spans)] == ["", "4201", "4201", "4201"]
    spread = [ClassSpan(span.from_ns, span.to_ns, span.time_class) for span in spans]
    sums = time_classes.sums_ns(spread, from_ns=at(0), to_ns=at(63))
    assert sums[TimeClass.UNKNOWN] == 48 * S  # neither running nor stopped


def test_blocked_and_starved_are_apart_from_stops_of_its_own() -> None:
    said = [Said(at(0), "state", 5), Said(at(0), "starved", True), Said(at(3), "starved", False),
            Said(at(3), "blocked", True), Said(at(6), "state", 11)]  # fmt: skip
    spans = tell(said, [at(second) for second in (0, 3, 6, 9)])
    assert classes(spans) == [(0, 3, "starved"), (3, 6, "blocked"), (6, 9, "delay_own")]


def test_a_state_without_a_value_is_unknown() -> None:
    spans = tell([Said(at(0), "state", 6), Said(at(3), "state", None)], [at(0), at(3), at(6)])
    assert classes(spans) == [(0, 3, "production"), (3, 6, "unknown")]


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Said], list[int]]:
    """Samples of a machine and instants of its source, one of each role an instant at most."""
    values: dict[str, st.SearchStrategy[Any]] = {
        "state": st.sampled_from((6, 11, 5, 4, None)), "starved": st.booleans(), "blocked": st.booleans(),
        "alarm_code": st.sampled_from((0, 4201)),
    }  # fmt: skip
    keys = draw(
        st.lists(st.tuples(st.integers(0, 80), st.sampled_from(sorted(values))), unique=True, max_size=14)
    )
    said = [Said(at(second), role, draw(values[role])) for second, role in keys]
    vouched = [at(second) for second in draw(st.lists(st.integers(0, 90), max_size=40))]
    return said, vouched + [one.at_ns for one in said]


@given(day=days(), data=st.data())
@settings(max_examples=60)
def test_the_order_of_arrival_leaves_no_trace(day: tuple[list[Said], list[int]], data: st.DataObject) -> None:
    said, vouched = day
    whole = tell(said, vouched)
    first = set(data.draw(st.lists(st.sampled_from(range(len(said))), unique=True))) if said else set()
    early = [one for number, one in enumerate(said) if number in first]
    late = [one for number, one in enumerate(said) if number not in first]
    once = tell(early, vouched)
    # What the first delivery said and no span holds yet is handed in again, as the collector keeps it.
    end_ns = once[-1].to_ns if once else 0
    pending = [one for one in early if one.at_ns >= end_ns]
    assert classes(tell([*pending, *late], vouched, once)) == classes(whole)
    assert classes(tell([*said, *said], vouched, whole)) == classes(whole)  # twice is once


def test_runs_become_records_and_short_ones_none() -> None:
    runs = [Run(at(0), at(50), RUN), Run(at(50), at(170), OWN, "4201"), Run(at(170), at(180), RUN),
            Run(at(180), at(200), OWN), Run(at(200), at(330), STARVED)]  # fmt: skip
    found = reconciling.changes(runs, [], short_ns=60 * S, edge_ns=at(330))
    assert [(c.after.from_ns, c.after.to_ns, c.after.time_class) for c in found] == [
        (at(50), at(170), OWN), (at(200), 0, STARVED),
    ]  # fmt: skip
    assert found[0].after.code == "4201"


ROW = Record("a", at(50), at(170), OWN, coded=True)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([Run(at(40), at(180), OWN)], [("a", 40, 180, False)], id="it was longer"),
        pytest.param([Run(at(60), at(70), OWN)], [("a", 60, 70, False)], id="it was short, and coded"),
        pytest.param([Run(at(50), at(90), OWN), Run(at(90), at(100), RUN), Run(at(100), at(170), OWN)],
                     [("", 50, 90, False), ("a", 100, 170, False)], id="it ran in between"),
        pytest.param([Run(at(50), at(170), RUN)], [("a", 50, 170, True)], id="it never stood"),
        pytest.param([Run(at(50), at(170), STARVED)], [("a", 50, 170, False)], id="it was starved"),
    ],
)  # fmt: skip
def test_late_data_move_what_people_have_coded(runs: list[Run], expected: list[Any]) -> None:
    found = reconciling.changes(runs, [ROW], short_ns=30 * S, edge_ns=at(500))
    after = [(c.after.stop, (c.after.from_ns - T0) // S, (c.after.to_ns - T0) // S, c.after.withdrawn)
             for c in found]  # fmt: skip
    assert sorted(after) == sorted(expected)
    assert all(c.after.like == "a" for c in found if c.before is None)


def test_what_was_withdrawn_comes_back_with_its_reason() -> None:
    gone = replace(ROW, withdrawn=True)
    (change,) = reconciling.changes([Run(at(55), at(160), OWN)], [gone], short_ns=30 * S, edge_ns=at(500))
    assert change.before == gone and not change.after.withdrawn and change.after.from_ns == at(55)


def test_a_split_stop_stays_split() -> None:
    first, second = replace(ROW, to_ns=at(100)), replace(ROW, stop="b", from_ns=at(100))
    found = reconciling.changes([Run(at(40), at(200), OWN)], [first, second], short_ns=S, edge_ns=at(500))
    assert [(c.after.stop, c.after.from_ns, c.after.to_ns) for c in found] == [
        ("a", at(40), at(100)), ("b", at(100), at(200)),
    ]  # fmt: skip


@st.composite
def some_runs(draw: st.DrawFn) -> list[Run]:
    kinds = st.sampled_from((OWN, OWN, RUN, STARVED, TimeClass.UNKNOWN))
    lengths = draw(st.lists(st.tuples(st.integers(1, 40), kinds), min_size=1, max_size=9))
    found: list[Run] = []
    second = 0
    for length, time_class in lengths:
        found.append(Run(at(second), at(second + length), time_class))
        second += length
    return [run for run in runs_of(found) if run.time_class is not TimeClass.UNKNOWN]


@given(before=some_runs(), after=some_runs(), coded=st.sets(st.integers(0, 8)), cut=st.booleans())
@settings(max_examples=60)
def test_records_tell_of_the_runs_and_never_overlap(
    before: list[Run], after: list[Run], coded: set[int], cut: bool
) -> None:
    short_ns, edge_ns = 10 * S, at(1000)
    first = [c.after for c in reconciling.changes(before, [], short_ns=short_ns, edge_ns=edge_ns)]
    rows = [replace(row, stop=f"s{n}", coded=n in coded) for n, row in enumerate(first)]
    if cut and rows and rows[0].to_ns - rows[0].from_ns >= 2 * S:
        middle = rows[0].from_ns + S
        rows = [replace(rows[0], to_ns=middle, coded=True),
                replace(rows[0], stop="cut", from_ns=middle, coded=True), *rows[1:]]  # fmt: skip
    changed = reconciling.changes(after, rows, short_ns=short_ns, edge_ns=edge_ns)
    standing = {row.stop: row for row in rows} | {
        c.after.stop or f"new{n}": c.after for n, c in enumerate(changed)
    }
    assert {row.stop for row in rows} <= standing.keys()  # nothing is lost
    active = sorted((row for row in standing.values() if not row.withdrawn), key=lambda row: row.from_ns)
    for one, other in itertools.pairwise(active):
        assert one.to_ns <= other.from_ns
    for run in after:
        inside = [row for row in active if run.from_ns <= row.from_ns < run.to_ns]
        covered = sum(row.to_ns - row.from_ns for row in inside)
        stands = run.time_class in states.STOPS
        if stands and run.to_ns - run.from_ns >= short_ns:
            assert covered == run.to_ns - run.from_ns
        else:
            assert covered in ((0, run.to_ns - run.from_ns) if stands else (0,))
    # Again, nothing is new.
    again = [replace(row, stop=row.stop or f"new{n}") for n, row in enumerate(standing.values())]
    assert not reconciling.changes(after, again, short_ns=short_ns, edge_ns=edge_ns)
