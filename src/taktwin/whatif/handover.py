"""How long parts wait between machines beyond what queues explain: comes in what units did, go out delays.

A machine that works on one order at a time lets parts of another wait, people fetch parts when they have
time, and a trolley is moved when it is full. No queue in a simulation does that by itself. So the waits that
were seen at a buffer are held against those that a queue would have had to which parts came at the same
instants and whose machines took as long for each: what is left over is a delay. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taktwin.simulation.distributions import FloatArray
from taktwin.whatif.observe import Hours, Seen

Ints = npt.NDArray[np.int64]

WINDOW_S = 86_400.0  # in which a buffer is empty at least once: by that, parts without a count out are found
SEEN_MIN = 200  # parts that went through, from which a wait is measured


@dataclass(frozen=True, slots=True)
class Handover:
    """The waits at one buffer, seconds of planned time for a part on average."""

    seen_s: float  # from when it was counted in to when it was counted out, its work included
    queue_s: float  # the same, as a queue would have had it
    parts: int

    @property
    def delay_s(self) -> float:
        """Return what no queue explains."""
        return max(0.0, self.seen_s - self.queue_s)


def handover(sources: Sequence[Seen], targets: Sequence[Seen]) -> Handover | None:
    """Return how parts waited between machines, in the hours of the first target; None: too few went."""
    clock = targets[0].hours
    begin_ns = min(each.from_ns for each in targets)
    came_s, came = _counts(sources, clock, begin_ns, good_only=True)
    went_s, went = _counts(targets, clock, begin_ns, good_only=False)
    n = int(came.sum())
    if min(n, int(went.sum())) < SEEN_MIN:
        return None
    takes = _takes(targets)
    arrivals = np.repeat(came_s, came)
    free = [0.0] * len(targets)
    total = 0.0
    for place, at_s in enumerate(arrivals.tolist()):
        start_s = max(at_s, heapq.heappop(free))
        end_s = start_s + takes[place % len(takes)]
        heapq.heappush(free, end_s)
        total += end_s - at_s
    return Handover(_held(came_s, came, went_s, went) / n, total / n, n)


def _counts(
    units: Sequence[Seen], clock: Hours, begin_ns: int, *, good_only: bool
) -> tuple[FloatArray, Ints]:
    at_ns = np.concatenate([np.array(each.counts.at_ns, np.int64) for each in units])
    parts = np.concatenate([np.array(each.counts.parts, np.int64) for each in units])
    if good_only:
        parts = parts * np.concatenate([np.array(each.counts.is_good, np.int64) for each in units])
    order = np.argsort(at_ns, kind="stable")
    return clock.passed_s(begin_ns, at_ns[order]), parts[order]


def _takes(targets: Sequence[Seen]) -> list[float]:
    """Return how long a machine was taken up by each part, stops and set-ups before it included."""
    found: list[tuple[int, float]] = []
    for each in targets:
        counted = sorted(
            pair for cycles in each.cycles.values()
            for pair in zip(cycles.at_ns, cycles.work_s, strict=True)
        )  # fmt: skip
        lost = sorted(
            [(stop.at_ns, stop.lasted_s) for stop in each.stops]
            + [(change.at_ns, change.lasted_s) for change in each.changes]
        )
        place = 0
        for at_ns, work_s in counted:
            while place < len(lost) and lost[place][0] <= at_ns:
                work_s += lost[place][1]
                place += 1
            found.append((at_ns, work_s))
    return [took_s for _, took_s in sorted(found)]


def _held(
    came_s: FloatArray, came: Ints, went_s: FloatArray,
    went: Ints,
) -> float:  # fmt: skip
    """Return part-seconds between two counts; what stays all day was lost without a count."""
    at_s = np.concatenate((came_s, went_s))
    order = np.argsort(at_s, kind="stable")
    at_s = at_s[order]
    level = np.cumsum(np.concatenate((came, -went))[order])
    lasted_s = np.diff(at_s, append=at_s[-1])
    window = (at_s // WINDOW_S).astype(np.int64)
    least = np.full(int(window.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, window, level)
    return float(((level - least[window]) * lasted_s).sum())
