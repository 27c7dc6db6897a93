"""Truth against timeline, to the nanosecond.

What is expected of a unit: its true class, and `unknown` during outages that hide it. At each instant
the twin's class must be the expected one of some instant at most the tolerance away: so a boundary may
be late or early by that much, and a class that was never true there is wrong for however short a time.
And each expected stretch that a source could show must have been shown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from taktwin.contracts.state import IntervalMessage
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.standards.iso22400 import TimeClass
from taktwin.virtual_plant.truth import TruthInterval

UNKNOWN = TimeClass.UNKNOWN.value
CLASSES = tuple(each.value for each in TimeClass)


class Stretch(NamedTuple):
    """One class over [from_ns, to_ns)."""

    from_ns: int
    to_ns: int
    time_class: str


class Wrong(NamedTuple):
    """A stretch in which the twin said what was not so within the tolerance, or did not say what was."""

    from_ns: int
    to_ns: int
    expected: str
    found: str

    def __str__(self) -> str:
        seconds = (self.to_ns - self.from_ns) / SECOND_NS
        return f"{rfc3339(self.from_ns)} for {seconds:.3f} s: expected {self.expected}, found {self.found}"


@dataclass
class Comparison:
    """What was found for one unit."""

    unit: str
    kind: str  # state | polled | inferred
    compared_ns: int = 0
    expected_ns: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    found_ns: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    boundaries: int = 0
    moved_ns: int = 0  # disagreement within the tolerance: boundaries that are late or early
    worst_ns: int = 0  # the boundary furthest from where it should be, those of outages apart
    worst_unknown_ns: int = 0  # the same of the boundaries of outages
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def wrong_ns(self) -> int:
        """Return for how long the twin was wrong."""
        return sum(each.to_ns - each.from_ns for each in self.wrong)


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches with equal neighbours joined; raise where they overlap or leave a hole."""
    found: list[Stretch] = []
    for stretch in stretches:
        if stretch.to_ns <= stretch.from_ns:
            continue
        if not found:
            found.append(stretch)
            continue
        last = found[-1]
        assert last.to_ns == stretch.from_ns, (
            f"{rfc3339(last.to_ns)} to {rfc3339(stretch.from_ns)}: every instant is in exactly one class"
        )
        if last.time_class == stretch.time_class:
            found[-1] = last._replace(to_ns=stretch.to_ns)
        else:
            found.append(stretch)
    return found


def cut(stretches: Iterable[Stretch], from_ns: int, to_ns: int) -> list[Stretch]:
    """Return what lies within a window."""
    return merged(
        Stretch(max(s.from_ns, from_ns), min(s.to_ns, to_ns), s.time_class)
        for s in stretches
        if s.to_ns > from_ns and s.from_ns < to_ns
    )


def expected(
    truth: Sequence[TruthInterval], hidden: Iterable[tuple[int, int]], from_ns: int, to_ns: int
) -> list[Stretch]:
    """Return the true classes of a window, `unknown` where outages hide them."""
    stretches = cut((Stretch(i.from_ns, i.to_ns, i.time_class) for i in truth), from_ns, to_ns)
    for start, end in hidden:
        pieces = []
        for s in stretches:
            pieces.append(s._replace(to_ns=min(s.to_ns, start)))
            inside = Stretch(max(s.from_ns, start), min(s.to_ns, end), UNKNOWN)
            pieces.append(inside)
            pieces.append(s._replace(from_ns=max(s.from_ns, end)))
        stretches = merged(p for p in pieces if p.to_ns > p.from_ns)
    return stretches


def published(intervals: Sequence[IntervalMessage], from_ns: int, to_ns: int) -> list[Stretch]:
    """Return the classes that the twin published for a window."""
    return cut(
        (Stretch(i.from_ns, to_ns if i.to_ns is None else i.to_ns, i.time_class) for i in intervals),
        from_ns,
        to_ns,
    )


def compare(
    unit: str,
    kind: str,
    want: Sequence[Stretch],
    have: Sequence[Stretch],
    *,
    tolerance_ns: int,
    unknown_tolerance_ns: int = SECOND_NS,
    shown_from_ns: int = 0,
    before: Sequence[Stretch] = (),
) -> Comparison:
    """Compare two tilings of one window.

    before : what was true until the window began: a boundary that lies there may be late as any other
    tolerance_ns : how far a boundary may be off; at boundaries of `unknown`: `unknown_tolerance_ns`
    shown_from_ns : an expected stretch of at least this length must be found; shorter ones a source
        that reports by periods cannot show
    """
    assert want and have, f"{unit}: nothing to compare"
    assert (want[0].from_ns, want[-1].to_ns) == (have[0].from_ns, have[-1].to_ns), (
        f"{unit}: expected {rfc3339(want[0].from_ns)} to {rfc3339(want[-1].to_ns)}, "
        f"found {rfc3339(have[0].from_ns)} to {rfc3339(have[-1].to_ns)}"
    )
    result = Comparison(unit, kind, compared_ns=want[-1].to_ns - want[0].from_ns, boundaries=len(want) - 1)
    for stretch in want:
        result.expected_ns[stretch.time_class] += stretch.to_ns - stretch.from_ns
    for stretch in have:
        result.found_ns[stretch.time_class] += stretch.to_ns - stretch.from_ns
    by_class = _by_class([*before, *want])
    for start, end, expected_class, found_class in _disagreements(want, have):
        at_outage = UNKNOWN in (expected_class, found_class)
        tolerance = unknown_tolerance_ns if at_outage else tolerance_ns
        off = _outside(by_class.get(found_class), start, end, tolerance)
        if at_outage:
            result.worst_unknown_ns = max(result.worst_unknown_ns, off.worst_ns)
        else:
            result.worst_ns = max(result.worst_ns, off.worst_ns)
            result.moved_ns += end - start
        if off.to_ns > off.from_ns:
            result.wrong.append(Wrong(off.from_ns, off.to_ns, expected_class, found_class))
    shown = _by_class(have)
    for place, stretch in enumerate(want):
        if stretch.time_class == UNKNOWN:
            tolerance, least_ns = unknown_tolerance_ns, 2 * unknown_tolerance_ns
        else:
            beside = [want[at].time_class for at in (place - 1, place + 1) if 0 <= at < len(want)]
            # What happened just before an outage was not confirmed any more, just after it not yet.
            tolerance, least_ns = tolerance_ns, shown_from_ns + beside.count(UNKNOWN) * unknown_tolerance_ns
        if stretch.to_ns - stretch.from_ns < least_ns:
            continue
        if not _touches(shown.get(stretch.time_class), stretch, tolerance):
            result.wrong.append(Wrong(stretch.from_ns, stretch.to_ns, stretch.time_class, "never shown"))
    return result


class _Off(NamedTuple):
    from_ns: int
    to_ns: int
    worst_ns: int


def _by_class(stretches: Sequence[Stretch]) -> dict[str, tuple[list[int], list[int]]]:
    found: dict[str, tuple[list[int], list[int]]] = {}
    for stretch in stretches:
        starts, ends = found.setdefault(stretch.time_class, ([], []))
        starts.append(stretch.from_ns)
        ends.append(stretch.to_ns)
    return found


def _disagreements(want: Sequence[Stretch], have: Sequence[Stretch]) -> Iterable[tuple[int, int, str, str]]:
    place = 0
    for stretch in have:
        while place and want[place].from_ns > stretch.from_ns:
            place -= 1
        while want[place].to_ns <= stretch.from_ns:
            place += 1
        at = place
        while at < len(want) and want[at].from_ns < stretch.to_ns:
            if want[at].time_class != stretch.time_class:
                start, end = max(want[at].from_ns, stretch.from_ns), min(want[at].to_ns, stretch.to_ns)
                yield start, end, want[at].time_class, stretch.time_class
            at += 1
        place = max(at - 1, 0)


def _outside(spans: tuple[list[int], list[int]] | None, start: int, end: int, tolerance: int) -> _Off:
    """Return the part of [start, end) that is further than the tolerance from where a class is expected."""
    if spans is None:
        return _Off(start, end, end - start)
    starts, ends = spans
    before = bisect_right(ends, start) - 1
    after = bisect_left(starts, end)
    left = ends[before] if before >= 0 else None
    right = starts[after] if after < len(starts) else None
    low = start if left is None else max(start, left + tolerance)
    high = end if right is None else min(end, right - tolerance)
    # How far the boundary is off: the furthest instant from the nearest place where the class is right.
    far = []
    if left is not None:
        far.append(end - left)
    if right is not None:
        far.append(right - start)
    worst = min(far) if far else end - start
    return _Off(low, max(high, low), worst)


def _touches(spans: tuple[list[int], list[int]] | None, stretch: Stretch, tolerance: int) -> bool:
    if spans is None:
        return False
    starts, ends = spans
    place = bisect_right(ends, stretch.from_ns - tolerance)
    return place < len(starts) and starts[place] < stretch.to_ns + tolerance
