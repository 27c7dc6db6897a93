"""Samples of signals that have limits: what is kept of them, and when a limit has to be looked at.

Most samples lie far from every limit. They are kept (a late one may come between) but nothing is
computed; only where a sample may start or end an activation, the limits are evaluated again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Limit
from taktwin.twin.alarms import FACTS_KEPT, Activation, Condition, limit_activations, over
from taktwin.twin.state import NEVER, Series

FACTS_KEPT_NS = 600 * SECOND_NS  # a sample that is later than this changes no alarm any more


class LimitWatch:
    """The limits of one signal and the samples that decide them."""

    __slots__ = ("_limits", "_standing", "_start", "series", "waiting")

    def __init__(self, limits: tuple[Limit, ...]) -> None:
        self._limits = limits
        self.series = Series()
        self._start = [Condition()] * len(limits)  # before the kept samples
        self._standing = [False] * len(limits)  # beyond the limit after the newest sample
        self.waiting = False

    def hear(self, at_ns: int, epoch_ns: int, sequence: int, value: Any) -> bool:
        """Keep a sample; return whether the limits have to be evaluated."""
        series = self.series
        in_order = not series.times or at_ns > series.times[-1]
        if not series.add(at_ns, epoch_ns, sequence, value):
            return False
        if not in_order:
            return True
        changed = False
        standing = self._standing
        for place, limit in enumerate(self._limits):
            beyond = over(limit, value)
            if beyond is not None and beyond is not standing[place]:
                standing[place] = beyond
                changed = True
        return changed

    def evaluate(self, vouched_ns: int) -> Iterator[tuple[Limit, list[Activation]]]:
        """Yield the activations of each limit; `waiting` then says whether a delay still runs."""
        self.waiting = False
        for place, limit in enumerate(self._limits):
            activations, after = limit_activations(limit, self.series, vouched_ns, self._start[place])
            self._standing[place] = after.over_since_ns != NEVER
            if self._standing[place] and not (activations and activations[-1].to_ns is None):
                self.waiting = True
            yield limit, activations

    def prune(self) -> int | None:
        """Forget samples that are too old to be reordered; return the instant, None if there are none."""
        series = self.series
        if not series.times:
            return None
        cut_ns = series.times[-1] - FACTS_KEPT_NS
        if len(series.times) > FACTS_KEPT:
            cut_ns = max(cut_ns, series.times[-FACTS_KEPT])
        if series.times[0] > cut_ns:
            return None
        n = bisect_right(series.times, cut_ns)
        early = Series()
        early.times, early.values = series.times[:n], series.values[:n]
        for place, limit in enumerate(self._limits):
            self._start[place] = limit_activations(limit, early, NEVER, self._start[place])[1]
        del series.times[:n], series.epochs[:n], series.sequences[:n], series.values[:n]
        return cut_ns

    def pack(self) -> list[Any]:
        """Return the content for a snapshot."""
        return [self.series.pack(), [list(start) for start in self._start], self._standing, self.waiting]

    def unpack(self, content: list[Any]) -> None:
        """Take a snapshot's content."""
        self.series = Series.unpack(content[0])
        self._start = [Condition(*start) for start in content[1]]
        self._standing = list(content[2])
        self.waiting = bool(content[3])
