"""Every instant is in exactly one class, and sums add up to the nanosecond."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.errors import DomainError
from taktwin.measures.time_classes import (
    ClassSpan,
    Content,
    band_of,
    inferred_class,
    sums_ns,
    waiting_class,
)
from taktwin.plant.registry import PowerBand
from taktwin.standards.iso22400 import TimeClass

BANDS = (PowerBand(0.5, "waiting"), PowerBand(2.0, "production"), PowerBand(0.1, "down_no_order"))


@st.composite
def disjoint_spans(draw: st.DrawFn) -> list[ClassSpan]:
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), unique=True, max_size=20)))
    words = draw(st.lists(st.sampled_from(list(TimeClass)), min_size=len(cuts), max_size=len(cuts)))
    keep = draw(st.lists(st.booleans(), min_size=len(cuts), max_size=len(cuts)))
    return [
        ClassSpan(start, end, word)
        for start, end, word, kept in zip(cuts, [*cuts[1:], None], words, keep, strict=False)
        if kept
    ]


@given(spans=disjoint_spans(), window=st.tuples(st.integers(-100, 11_000), st.integers(0, 11_000)))
@settings(derandomize=True, deadline=None)
def test_the_sums_of_all_classes_are_exactly_the_window(
    spans: list[ClassSpan], window: tuple[int, int]
) -> None:
    from_ns, to_ns = window[0], window[0] + window[1]
    sums = sums_ns(spans, from_ns=from_ns, to_ns=to_ns)
    assert set(sums) == set(TimeClass)
    assert sum(sums.values()) == to_ns - from_ns
    assert all(value >= 0 for value in sums.values())


@given(spans=disjoint_spans(), cut=st.integers(0, 10_000))
@settings(derandomize=True, deadline=None)
def test_a_window_cut_in_two_has_the_same_sums(spans: list[ClassSpan], cut: int) -> None:
    whole = sums_ns(spans, from_ns=0, to_ns=10_000)
    first, second = sums_ns(spans, from_ns=0, to_ns=cut), sums_ns(spans, from_ns=cut, to_ns=10_000)
    assert {name: first[name] + second[name] for name in TimeClass} == whole


def test_a_second_that_would_count_twice_is_our_mistake() -> None:
    spans = [ClassSpan(0, 10, "production"), ClassSpan(9, 12, "blocked")]
    with pytest.raises(DomainError, match="counted twice"):
        sums_ns(spans, from_ns=0, to_ns=20)


def test_what_no_span_covers_is_unknown() -> None:
    sums = sums_ns([ClassSpan(5, 7, "production")], from_ns=0, to_ns=10)
    assert (sums[TimeClass.PRODUCTION], sums[TimeClass.UNKNOWN]) == (2, 8)


@pytest.mark.parametrize(
    ("power", "word"),
    [
        (-0.1, "down_no_order"),
        (0.3, "down_no_order"),
        (0.5, "waiting"),
        (1.99, "waiting"),
        (2.0, "production"),
    ],
)
def test_a_power_reaches_its_highest_step(power: float, word: str) -> None:
    assert band_of(BANDS, power) == word


def test_a_power_that_is_no_number_is_unknown() -> None:
    assert band_of(BANDS, math.nan) == TimeClass.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([Content(0, 4)], [Content(1, 3)], TimeClass.STARVED),
        ([Content(2, 4)], [Content(3, 3)], TimeClass.BLOCKED),
        ([Content(0, 4)], [Content(3, 3)], TimeClass.STARVED),
        ([Content(2, 4)], [Content(1, 3)], TimeClass.DELAY_OWN),
        ([Content(None, 4)], [Content(None, 3)], TimeClass.DELAY_OWN),
        ([], [], TimeClass.DELAY_OWN),
    ],
)
def test_a_waiting_unit_is_charged_to_the_neighbour_that_the_counters_show(
    before: list[Content], after: list[Content], expected: TimeClass
) -> None:
    assert waiting_class(before, after) is expected


@pytest.mark.parametrize(
    ("power", "planned", "expected"),
    [
        (None, True, TimeClass.UNKNOWN),
        (None, False, TimeClass.UNKNOWN),
        (3.0, False, TimeClass.PRODUCTION),
        (1.0, False, TimeClass.PLANNED_DOWN),
        (0.0, False, TimeClass.PLANNED_DOWN),
        (1.0, True, TimeClass.STARVED),
        (0.0, True, TimeClass.DOWN_NO_ORDER),
    ],
)
def test_unknown_beats_all_and_production_beats_the_calendar(
    power: float | None, planned: bool, expected: TimeClass
) -> None:
    found = inferred_class(BANDS, power, planned=planned, before=[Content(0, 4)], after=[])
    assert found is expected
