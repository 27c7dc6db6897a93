"""Ranges of sequence numbers behave as a set does, also when a commit is taken back."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given, settings

from taktwin.contracts.vouching import SILENT_AFTER_NS
from taktwin.history.seen import SeenRanges
from taktwin.history.spans import OpenSpans, joined
from taktwin.history.store import Vouched

numbers = st.tuples(st.integers(0, 2), st.integers(-3, 25))


@given(commits=st.lists(st.tuples(st.lists(numbers, max_size=12), st.booleans()), max_size=12))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_ranges_are_a_set(commits: list[tuple[list[tuple[int, int]], bool]]) -> None:
    seen, model = SeenRanges(), set[tuple[int, int]]()
    for added, kept in commits:
        before = set(model)
        for key, number in added:
            assert seen.add(key, number, 5) == ((key, number) not in model)
            model.add((key, number))
        if kept:
            seen.keep()
        else:
            seen.undo()
            model = before
        seen = SeenRanges.decode(seen.encode())
        for key in range(3):
            for number in range(-4, 27):
                assert seen.contains(key, number) == ((key, number) in model)


def test_old_keys_are_forgotten_only_when_there_are_many() -> None:
    seen = SeenRanges()
    for key in range(5):
        seen.add(key, 1, now_ns=key)
    seen.keep()
    seen.forget_before(3, keep=frozenset({0}), above=5)
    assert all(seen.contains(key, 1) for key in range(5))
    seen.forget_before(3, keep=frozenset({0}), above=4)
    assert [seen.contains(key, 1) for key in range(5)] == [True, False, False, True, True]


@given(said=st.lists(st.integers(0, 40), max_size=25))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_spans_keep_each_gap_in_any_order(said: list[int]) -> None:
    """The gaps that remain are those between sorted confirmations further apart than the join."""
    step = SILENT_AFTER_NS // 2
    spans, closed = OpenSpans(), list[Vouched]()
    for at in said:
        closed += spans.add_span(Vouched("c", "u", at * step, at * step))
        spans = OpenSpans.decode(spans.encode())
    ordered = sorted(set(said))
    expected: list[tuple[int, int]] = []
    for at in ordered:
        if expected and (at - expected[-1][1]) * step <= SILENT_AFTER_NS:
            expected[-1] = (expected[-1][0], at)
        else:
            expected.append((at, at))
    found = joined(closed + spans.all())
    assert [(s.from_ns // step, s.to_ns // step) for s in found] == expected
