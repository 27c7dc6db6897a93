"""The comparison itself: what it lets pass, and what it does not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.instants import SECOND_NS
from taktwin.virtual_plant.truth import TruthInterval
from tests.truth.compare import UNKNOWN, Comparison, Stretch, compare, expected, merged

CLASSES = ("production", "starved", "blocked", "delay_own", UNKNOWN)


def tiling(*parts: tuple[float, str]) -> list[Stretch]:
    """Return stretches of (seconds, class) from 0 on."""
    made, at_ns = [], 0
    for seconds, time_class in parts:
        end_ns = at_ns + round(seconds * SECOND_NS)
        made.append(Stretch(at_ns, end_ns, time_class))
        at_ns = end_ns
    return merged(made)


def judged(want: list[Stretch], have: list[Stretch], shown_from_s: float = 0.0) -> Comparison:
    return compare(
        "turn1", "state", want, have, tolerance_ns=SECOND_NS, shown_from_ns=round(shown_from_s * SECOND_NS)
    )


@st.composite
def tilings(draw: st.DrawFn) -> list[Stretch]:
    parts = draw(st.lists(st.tuples(st.floats(4.0, 50.0), st.sampled_from(CLASSES)), min_size=1, max_size=12))
    return tiling(*parts)


@settings(derandomize=True, deadline=None)
@given(tilings(), st.lists(st.integers(-SECOND_NS, SECOND_NS), min_size=12, max_size=12))
def test_boundaries_that_are_off_by_at_most_the_tolerance_pass(want: list[Stretch], offs: list[int]) -> None:
    inner = [s.to_ns for s in want[:-1]]
    edges = [0, *(at + off for at, off in zip(inner, offs, strict=False)), want[-1].to_ns]
    have = [Stretch(a, b, s.time_class) for (a, b), s in zip(pairwise(edges), want, strict=True)]
    result = judged(want, merged(have))
    assert result.wrong == []
    used = [abs(off) for off in offs[: len(inner)]]
    assert max(result.worst_ns, result.worst_unknown_ns) == max(used, default=0)


@settings(derandomize=True, deadline=None)
@given(tilings(), st.integers(0, 11), st.integers(1, 2 * SECOND_NS))
def test_one_boundary_further_off_is_wrong_by_what_is_beyond(
    want: list[Stretch], place: int, beyond: int
) -> None:
    if len(want) < 2:
        return
    place %= len(want) - 1
    edge = want[place].to_ns + SECOND_NS + beyond
    have = list(want)
    have[place] = have[place]._replace(to_ns=edge)
    have[place + 1] = have[place + 1]._replace(from_ns=edge)
    assert judged(want, merged(have)).wrong_ns == beyond


def test_a_class_that_was_never_true_nearby_is_wrong_however_short_it_was() -> None:
    want = tiling((100, "starved"), (100, "production"))
    have = tiling((100, "starved"), (0.3, "delay_own"), (99.7, "production"))
    assert judged(want, have).wrong_ns == 300_000_000


def test_a_boundary_at_the_very_begin_of_the_window_may_be_late_as_any_other() -> None:
    want = tiling((100, "production"))
    have = tiling((0.8, "starved"), (99.2, "production"))
    assert judged(want, have).wrong_ns == 800_000_000
    was = [Stretch(-SECOND_NS, 0, "starved")]
    assert compare("turn1", "state", want, have, tolerance_ns=SECOND_NS, before=was).wrong == []
    late = tiling((1.3, "starved"), (98.7, "production"))
    assert compare("turn1", "state", want, late, tolerance_ns=SECOND_NS, before=was).wrong_ns == 300_000_000


def test_a_stretch_that_a_source_could_show_must_be_shown() -> None:
    want = tiling((100, "production"), (0.9, "starved"), (100, "production"))
    have = tiling(
        (200.9, "production"),
    )
    assert [each.found for each in judged(want, have).wrong] == ["never shown"]
    assert judged(want, have, shown_from_s=1.0).wrong == []


def test_a_short_outage_must_be_shown_from_two_confirmations_on() -> None:
    have = tiling(
        (200, "production"),
    )
    for seconds, wrong in ((1.9, False), (2.0, True)):
        want = tiling((50, "production"), (seconds, UNKNOWN), (150 - seconds, "production"))
        assert bool(judged(want, have).wrong) is wrong


def test_outages_lie_over_the_truth_also_where_they_overlap() -> None:
    truth = [
        TruthInterval(unit="turn1", from_ns=0, to_ns=50, time_class="production", activity="producing"),
        TruthInterval(unit="turn1", from_ns=50, to_ns=100, time_class="starved", activity="starved"),
    ]
    assert expected(truth, [(40, 60), (55, 70), (90, 200)], 10, 100) == [
        Stretch(10, 40, "production"),
        Stretch(40, 70, UNKNOWN),
        Stretch(70, 90, "starved"),
        Stretch(90, 100, UNKNOWN),
    ]


def test_a_hole_or_an_overlap_is_refused() -> None:
    for second in (Stretch(11, 20, "starved"), Stretch(9, 20, "starved")):
        with pytest.raises(AssertionError, match="exactly one class"):
            merged([Stretch(0, 10, "production"), second])
