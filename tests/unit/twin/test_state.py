"""Sets of numbers, ranges of instants, series of facts: the same whatever the order of arrival."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.twin.state import EPOCHS_KEPT, Ranges, Seen, Series, Source


@given(numbers=st.lists(st.integers(1, 60)), seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None)
def test_each_number_is_new_exactly_once(numbers: list[int], seed: int) -> None:
    seen = Seen()
    new = [number for number in numbers if seen.add(number)]
    assert sorted(new) == sorted(set(numbers))
    covered = [n for first, last in seen.ranges for n in range(first, last + 1)]
    assert covered == sorted(set(numbers))
    assert all(before[1] + 1 < after[0] for before, after in pairwise(seen.ranges))
    if numbers:
        assert seen.missing == max(numbers) - min(numbers) + 1 - len(set(numbers))


@given(instants=st.lists(st.integers(0, 200)), seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None)
def test_ranges_depend_on_the_set_of_instants_alone(instants: list[int], seed: int) -> None:
    in_order, shuffled = Ranges(5), Ranges(5)
    for at in sorted(instants):
        in_order.add(at)
    mixed = list(instants)
    random.Random(seed).shuffle(mixed)
    for at in mixed:
        shuffled.add(at)
    assert (in_order.starts, in_order.ends) == (shuffled.starts, shuffled.ends)
    assert all(start - end > 5 for end, start in zip(in_order.ends, in_order.starts[1:], strict=False))


@given(
    spans=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30))),
    points=st.lists(st.integers(0, 240)),
)
@settings(derandomize=True, deadline=None)
def test_a_span_is_what_all_its_instants_are(spans: list[tuple[int, int]], points: list[int]) -> None:
    whole, single = Ranges(5), Ranges(5)
    for at in points:
        whole.add(at)
        single.add(at)
    for start, length in spans:
        whole.add_span(start, start + length)
        for at in range(start, start + length + 1):
            single.add(at)
    assert (whole.starts, whole.ends) == (single.starts, single.ends)


@given(
    facts=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3), st.integers(1, 50)), unique=True),
    seed=st.integers(0, 99),
)
@settings(derandomize=True, deadline=None)
def test_of_facts_of_one_instant_the_highest_key_wins(facts: list[tuple[int, int, int]], seed: int) -> None:
    series = Series()
    mixed = [*facts, *facts[::2]]
    random.Random(seed).shuffle(mixed)
    for at, epoch, sequence in mixed:
        series.add(at, epoch, sequence, (epoch, sequence))
    best = {at: max(key[1:] for key in facts if key[0] == at) for at in {key[0] for key in facts}}
    assert list(series.times) == sorted(best)
    assert series.values == [best[at] for at in sorted(best)]


def test_a_series_keeps_the_fact_in_force_when_it_forgets() -> None:
    series = Series()
    for at in (10, 20, 30):
        series.add(at, 1, at, at)
    series.drop_before(25)
    assert list(series.times) == [20, 30]
    assert (series.at(25), series.at(9)) == (20, None)


def test_a_source_forgets_its_oldest_epochs_and_takes_nothing_from_before_them() -> None:
    source = Source("line1", "turn1", (), 5)
    for epoch in range(10, 10 + EPOCHS_KEPT + 1):
        assert source.admit(epoch, 1)
    assert len(source.seen) == EPOCHS_KEPT
    assert not source.admit(9, 1)
    assert not source.admit(20, 1)
    assert source.admit(20, 2)


def test_between_two_runs_of_a_gateway_nobody_listened_until_both_are_forgotten() -> None:
    source = Source("line1", "turn1", (), gap_ns=5)
    for epoch_ns, at_ns in ((0, 1), (10, 11), (0, 3), (20, 26), (10, 19), (20, 22)):
        source.vouch(epoch_ns, at_ns)
    assert source.unheard(0) == [(3, 11), (19, 22)]
    assert source.unheard(11) == [(19, 22)]
    source.drop_before(20)  # the last run before stays: the gap behind it is still told
    assert source.unheard(0) == [(19, 22)]
