"""What the historian decides, without clock, disk or bus: when to commit, which hours to seal, merge
or age out, and what to do when the disk is full.

All instants are plant time. Declared policy on a full disk: nothing that was acknowledged is dropped
silently. The historian stops reading (the streams keep what comes, 7 days of samples), says
`disk_full` in its health, and goes on by itself where it stopped once there is room again. Only
where `when_full` says `age_out` does it first drop the raw rows of the oldest hours, whose roll-ups
stay, and counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How this installation keeps history."""

    commit_s: float = 0.25  # wall seconds between commits
    commit_rows: int = 20_000  # or earlier, once so many rows wait
    waiting_rows_max: int = 200_000  # readers pause beyond this
    seal_after_s: float = 300.0  # an hour is closed this long after its end
    quiet_s: float = 60.0  # and once no row of it has come for so long
    late_quiet_s: float = 600.0  # late rows of a sealed hour wait this long for company
    hot_rows_max: int = 8_000_000  # an hour with more rows is sealed in parts, open or not
    merge_segments: int = 4  # an hour with so many files becomes one file
    merge_rows_max: int = 20_000_000
    raw_days: float | None = None  # raw rows older than this live on as roll-ups; None: for ever
    bytes_max: int = 20_000_000_000
    disk_free_min: int = 500_000_000
    when_full: str = "stop"  # stop | age_out


class Hot(Protocol):
    """An hour with rows in the hot part."""

    @property
    def hour_ns(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def newest_recorded_ns(self) -> int: ...
    @property
    def segments(self) -> int: ...


class Sealed(Protocol):
    """An hour with sealed files."""

    @property
    def hour_ns(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def segments(self) -> int: ...


def commit_is_due(*, rows: int, waited_s: float, policy: Policy) -> bool:
    """Return whether what waits should be committed now."""
    return rows >= policy.commit_rows or waited_s >= policy.commit_s


def hours_to_seal(hours: Iterable[Hot], *, now_ns: int, policy: Policy) -> list[int]:
    """Return the hours whose hot rows should become a file now, oldest first.

    A closed hour is sealed when nothing has come for a while. Late rows of an hour that has files
    wait longer, so that a trickle does not become a file a row. An hour that outgrows the hot part
    is sealed in parts even while it is open.
    """
    due = []
    for hour in hours:
        closed = hour.hour_ns + HOUR_NS + int(policy.seal_after_s * SECOND_NS) <= now_ns
        quiet_s = policy.late_quiet_s if hour.segments else policy.quiet_s
        quiet = hour.newest_recorded_ns + int(quiet_s * SECOND_NS) <= now_ns
        if (closed and quiet) or hour.rows >= policy.hot_rows_max:
            due.append(hour.hour_ns)
    return sorted(due)


def hours_to_merge(sealed: Iterable[Sealed], hot: Iterable[Hot], *, now_ns: int, policy: Policy) -> list[int]:
    """Return the hours whose files should become one: many files, or any two a day later."""
    busy = {hour.hour_ns for hour in hot}
    return sorted(
        hour.hour_ns
        for hour in sealed
        if hour.hour_ns not in busy
        and hour.rows <= policy.merge_rows_max
        and hour.hour_ns + HOUR_NS <= now_ns
        and (
            hour.segments >= policy.merge_segments or (hour.segments > 1 and hour.hour_ns + DAY_NS <= now_ns)
        )
    )


def raw_ends_before(*, now_ns: int, policy: Policy) -> int | None:
    """Return the instant before which raw rows are aged out, None where they are kept for ever."""
    if policy.raw_days is None:
        return None
    return now_ns - int(policy.raw_days * DAY_NS)


class Room(Enum):
    """What the disk allows."""

    ENOUGH = "enough"
    AGE_OUT = "age_out"  # drop the raw rows of the oldest hour, then look again
    FULL = "full"  # stop reading


class DiskWatch:
    """Judges room on disk, with a margin between stopping and going on so that it does not flap."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._full = False

    @property
    def full(self) -> bool:
        """Whether the last judgement was FULL."""
        return self._full

    def judge(self, *, history_bytes: int, disk_free: int, sealed: Sequence[Sealed]) -> Room:
        """Return what to do about the room that there is."""
        policy = self._policy
        # 2 % of the quota and a tenth of the reserve must be free again before we go on.
        bytes_max = policy.bytes_max * 98 // 100 if self._full else policy.bytes_max
        free_min = policy.disk_free_min * 11 // 10 if self._full else policy.disk_free_min
        if history_bytes <= bytes_max and disk_free >= free_min:
            self._full = False
            return Room.ENOUGH
        if policy.when_full == "age_out" and sealed:
            return Room.AGE_OUT
        self._full = True
        return Room.FULL

    def refused(self) -> None:
        """Note that a commit failed: the disk is full whatever was computed."""
        self._full = True
