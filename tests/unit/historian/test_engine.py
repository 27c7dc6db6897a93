"""What the historian decides: sealing, merging, ageing out, and a disk that fills and empties."""

from __future__ import annotations

import pytest

from taktwin.historian.engine import (
    DAY_NS,
    HOUR_NS,
    SECOND_NS,
    DiskWatch,
    Policy,
    Room,
    commit_is_due,
    hours_to_merge,
    hours_to_seal,
    raw_ends_before,
)
from taktwin.historian.gaps import between
from taktwin.history.store import HourState, SealedHour

POLICY = Policy()
NOW = 100 * HOUR_NS


@pytest.mark.parametrize(
    ("hour", "rows", "heard_ago_s", "segments", "due"),
    [
        (100, 10, 5000, 0, False),  # still open
        (99, 10, 5000, 0, False),  # just closed: late rows may be on the way
        (98, 10, 5000, 0, True),
        (98, 10, 30, 0, False),  # rows still come
        (98, 10, 300, 1, False),  # late rows wait for company
        (98, 10, 601, 1, True),
        (100, 8_000_000, 0, 0, True),  # outgrown
        (200, 10, 10**6, 0, False),  # a source whose clock is ahead
    ],
)
def test_which_hours_are_sealed(hour: int, rows: int, heard_ago_s: int, segments: int, *, due: bool) -> None:
    state = HourState(hour * HOUR_NS, rows, NOW - heard_ago_s * SECOND_NS, segments)
    assert hours_to_seal([state], now_ns=NOW, policy=POLICY) == ([state.hour_ns] if due else [])


def test_which_hours_are_merged() -> None:
    sealed = [
        SealedHour(10 * HOUR_NS, 5, 2),  # a day old
        SealedHour(98 * HOUR_NS, 5, 2),
        SealedHour(97 * HOUR_NS, 5, 4),  # many files
        SealedHour(9 * HOUR_NS, 5, 1),
        SealedHour(8 * HOUR_NS, 30_000_000, 9),  # too large for one file
        SealedHour(7 * HOUR_NS, 5, 9),  # has hot rows
    ]
    hot = [HourState(7 * HOUR_NS, 1, NOW, 9)]
    assert hours_to_merge(sealed, hot, now_ns=NOW, policy=POLICY) == [10 * HOUR_NS, 97 * HOUR_NS]


def test_raw_rows_are_kept_for_ever_unless_a_policy_says_otherwise() -> None:
    assert raw_ends_before(now_ns=NOW, policy=POLICY) is None
    assert raw_ends_before(now_ns=NOW, policy=Policy(raw_days=2)) == NOW - 2 * DAY_NS


def test_when_to_commit() -> None:
    assert not commit_is_due(rows=19_999, waited_s=0.1, policy=POLICY)
    assert commit_is_due(rows=20_000, waited_s=0.1, policy=POLICY)
    assert commit_is_due(rows=0, waited_s=0.25, policy=POLICY)


def test_a_full_disk_stops_and_goes_on_with_a_margin() -> None:
    watch = DiskWatch(Policy(bytes_max=1000, disk_free_min=100))

    def judge(history_bytes: int, free: int) -> Room:
        return watch.judge(history_bytes=history_bytes, disk_free=free, sealed=[])

    assert judge(1000, 100) is Room.ENOUGH
    assert judge(1001, 500) is Room.FULL
    assert judge(990, 500) is Room.FULL
    assert judge(980, 500) is Room.ENOUGH
    assert judge(500, 99) is Room.FULL
    assert judge(500, 109) is Room.FULL
    assert judge(500, 110) is Room.ENOUGH


def test_the_oldest_hours_go_first_where_the_policy_says_so() -> None:
    watch = DiskWatch(Policy(bytes_max=1000, when_full="age_out"))
    hours = [SealedHour(0, 1, 1)]
    assert watch.judge(history_bytes=2000, disk_free=10**9, sealed=hours) is Room.AGE_OUT
    assert watch.judge(history_bytes=2000, disk_free=10**9, sealed=[]) is Room.FULL


def test_gaps_lie_between_spans_and_within_the_window() -> None:
    spans = [(0, 10), (20, 30), (50, 60)]
    assert between(spans, 0, 100) == [(10, 20), (30, 50)]
    assert between(spans, 12, 14) == [(12, 14)]
    assert between(spans, 20, 30) == []
    assert between(spans, 70, 90) == []
