"""MTBF and MTTR: by a worked example, and nothing of fewer than two failures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taktwin.errors import DomainError
from taktwin.measures.reliability import Reliability, reliability

MINUTE = 60_000_000_000


def test_three_failures_of_a_shift_by_hand() -> None:
    found = reliability(stood_ns=[5 * MINUTE, 10 * MINUTE, 25 * MINUTE], at_work_ns=400 * MINUTE)
    assert found == Reliability(3, 100 * MINUTE, 10 * MINUTE)


@pytest.mark.parametrize("stood", [[], [5 * MINUTE]])
def test_fewer_than_two_failures_have_nothing_between_them(stood: list[int]) -> None:
    assert reliability(stood_ns=stood, at_work_ns=400 * MINUTE) == Reliability(len(stood), None, None)


@given(stood=st.lists(st.integers(0, 10**15), min_size=2), at_work=st.integers(0, 10**15))
def test_a_mean_is_never_longer_than_what_it_is_of(stood: list[int], at_work: int) -> None:
    found = reliability(stood_ns=stood, at_work_ns=at_work)
    assert found.between_ns is not None and found.repair_ns is not None
    assert 0 <= found.between_ns <= at_work and 0 <= found.repair_ns <= max(stood)


def test_a_negative_time_is_no_figure() -> None:
    with pytest.raises(DomainError):
        reliability(stood_ns=[-1, 2], at_work_ns=1)
