"""How work units take turns between job orders: comes in when job orders ran there, go out rules.

Most cells work on one job order at a time and let the parts of others wait, for as long as its own parts
come; only when nothing of it came for a while, or the place before the cell is full, another goes first.
Whether a unit works so, and how patient its people are, is seen in the facts of the MES and in nothing else.
Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.instants import SECOND_NS
from taktwin.simulation.distributions import FloatArray
from taktwin.whatif.observe import Seen

KINDS: tuple[type[EventData], ...] = (
    events.JobOrderStarted, events.JobOrderResumed, events.JobOrderPaused, events.JobOrderEnded,
    events.JobOrderAborted,
)  # fmt: skip
BEGINNINGS = (events.JobOrderStarted, events.JobOrderResumed)
ORDERS_MIN = 10  # that ran at a unit, from which its rule is told
TOGETHER_MAX = 0.02  # of the time that job orders ran: more than one at once is an instant of two bookings
PAUSES_MIN = 5
SOON_S = 60.0  # who changes within a minute had no patience to lose: the place before the cell was full
CLUSTER = 0.05  # relative width within which waits of one rule lie


@dataclass(frozen=True, slots=True)
class Turns:
    """What was seen at one work unit."""

    orders: int  # that ran there
    together: float  # share of the running time in which more than one ran
    waits_s: tuple[float, ...]  # before each pause, how long nothing of the job order had come

    @property
    def one_at_a_time(self) -> bool:
        """Return whether the unit has one job order in hand at a time."""
        return self.orders >= ORDERS_MIN and self.together <= TOGETHER_MAX

    @property
    def patience_s(self) -> float | None:
        """Return how long nothing comes before another job order goes first; None: nobody ever waited it out.

        Pauses have several causes: the place before the unit is full, or the patience is at its end. The
        latter come after nearly the same wait each time, and none waits much longer.
        """
        return cluster(np.array(self.waits_s))


def cluster(waits_s: FloatArray) -> float | None:
    """Return the wait at which most lie close together, of those that were waits at all; None: too few."""
    ordered = np.sort(waits_s[waits_s >= SOON_S])
    if len(ordered) < PAUSES_MIN:
        return None
    upto = np.searchsorted(ordered, ordered * (1 + CLUSTER), side="right")
    counts = upto - np.arange(len(ordered))
    best = int(np.argmax(counts))
    if counts[best] < PAUSES_MIN:
        return None
    return float(np.median(ordered[best : upto[best]]))


def turns(
    said: Iterable[tuple[int, EventData]], seen: Mapping[str, Seen]
) -> dict[str, Turns]:  # fmt: skip
    """Return how each work unit took turns.

    Parameters
    ----------
    said : instants and facts of `KINDS`, in their sequence
    seen : what each unit did over that time: when it counted parts
    """
    running: dict[str, dict[str, int]] = defaultdict(dict)  # work unit -> job order -> since when
    changed: dict[str, int] = {}
    spent: dict[str, list[int]] = defaultdict(lambda: [0, 0])  # with one or more, with more than one
    orders: dict[str, set[str]] = defaultdict(set)
    waits: dict[str, list[float]] = defaultdict(list)
    for at_ns, content in said:
        if not isinstance(content, KINDS):
            continue
        unit, job = str(content.work_unit), str(content.job)  # type: ignore[attr-defined]
        here = running[unit]
        lasted_ns = at_ns - changed.get(unit, at_ns)
        spent[unit][0] += lasted_ns * bool(here)
        spent[unit][1] += lasted_ns * (len(here) > 1)
        changed[unit] = at_ns
        if isinstance(content, BEGINNINGS):
            here[job] = at_ns
            orders[unit].add(job)
            continue
        since_ns = here.pop(job, None)
        if isinstance(content, events.JobOrderPaused) and since_ns is not None and unit in seen:
            waits[unit].append((at_ns - max(since_ns, _last(seen[unit], at_ns))) / SECOND_NS)
    return {
        unit: Turns(len(orders[unit]), spent[unit][1] / max(1, spent[unit][0]), tuple(waits[unit]))
        for unit in sorted(orders)
    }


def _last(seen: Seen, at_ns: int) -> int:
    """Return when a unit counted last before an instant, 0: never."""
    place = bisect_left(seen.counts.at_ns, at_ns)
    return seen.counts.at_ns[place - 1] if place else 0
