"""The value then, against brute force: never a row from after the instant, always the last one before."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from taktwin.history.as_of import as_of_join_positions, as_of_positions

instants = st.integers(-20, 20)


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), instants), max_size=40), times=st.lists(instants, max_size=15)
)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_the_join_finds_the_last_row_that_was_there(rows: list[tuple[int, int]], times: list[int]) -> None:
    rows = sorted(rows)
    group = np.array([g for g, _ in rows], np.int64)
    source_ns = np.array([at for _, at in rows], np.int64)
    instant, place = as_of_join_positions(
        group=group, source_ns=source_ns, groups=4, times_ns=np.array(times, np.int64)
    )
    expected = []
    for number, at in enumerate(times):
        for signal in range(4):
            known = [i for i, (g, then) in enumerate(rows) if g == signal and then <= at]
            if known:
                expected.append((number, known[-1]))
    assert list(zip(instant.tolist(), place.tolist(), strict=True)) == expected


@given(past=st.lists(instants, max_size=20), future=st.lists(st.integers(1, 20), max_size=20), at=instants)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_what_comes_after_an_instant_changes_nothing_at_it(
    past: list[int], future: list[int], at: int
) -> None:
    before = np.array(sorted(t for t in past if t <= at), np.int64)
    after = np.array(sorted(at + ahead for ahead in future), np.int64)
    times = np.array([at], np.int64)
    alone = as_of_positions(source_ns=before, times_ns=times)
    both = as_of_positions(source_ns=np.concatenate([before, after]), times_ns=times)
    assert alone.tolist() == both.tolist() == [len(before) - 1]
