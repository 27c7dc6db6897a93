"""Every instant of a work unit in exactly one class: cutting, summing, and what can be inferred.

Comes in: instants in nanoseconds, facts as plain values. Goes out: spans and sums that add up to
the window they were asked for, to the nanosecond. The names of the classes: `standards.iso22400`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from taktwin.errors import DomainError
from taktwin.standards.iso22400 import TimeClass

WAITING = "waiting"


class Band(Protocol):
    """One step of a class inferred from power (`plant.registry.PowerBand`)."""

    @property
    def above_kw(self) -> float:
        """Return where the step begins."""
        ...

    @property
    def time_class(self) -> str:
        """Return the class from there on, or `waiting`."""
        ...


class Content(NamedTuple):
    """What a buffer holds by the counters on both sides. None: a counter was never heard."""

    content: int | None
    capacity: int


class ClassSpan(NamedTuple):
    """One stretch in one class; `to_ns` None: it still goes on."""

    from_ns: int
    to_ns: int | None
    time_class: str


def sums_ns(spans: Iterable[ClassSpan], *, from_ns: int, to_ns: int) -> dict[TimeClass, int]:
    """Return how long each class lasted within [from_ns, to_ns), in nanoseconds.

    All classes are named; what no span covers is `unknown`. The values add up to `to_ns - from_ns`.

    Raises
    ------
    DomainError
        If two spans overlap: some second would be counted twice.
    """
    sums = dict.fromkeys(TimeClass, 0)
    covered_ns = from_ns
    for start, end, time_class in spans:
        first = max(start, from_ns)
        last = to_ns if end is None else min(end, to_ns)
        if last <= first:
            continue
        if first < covered_ns:
            raise DomainError(f"the instant {first} was counted twice: a span reaches to {covered_ns}")
        sums[TimeClass.UNKNOWN] += first - covered_ns
        sums[TimeClass(time_class)] += last - first
        covered_ns = last
    sums[TimeClass.UNKNOWN] += max(to_ns - covered_ns, 0)
    return sums


def band_of(bands: Sequence[Band], power_kw: float) -> str:
    """Return the class word of a power: that of the highest step it reaches.

    Below all steps the unit is down without an order; NaN is unknown.
    """
    if math.isnan(power_kw):
        return TimeClass.UNKNOWN
    best, best_kw = str(TimeClass.DOWN_NO_ORDER), -math.inf
    for band in bands:
        if band.above_kw <= power_kw and band.above_kw >= best_kw:
            best, best_kw = band.time_class, band.above_kw
    return best


def waiting_class(before: Iterable[Content], after: Iterable[Content]) -> TimeClass:
    """Return what a unit waits for: nothing comes in, nothing can go out, or its own trouble.

    Starved wins over blocked: a unit without a part has nothing that could be blocked. A part that
    is in work still counts in the buffer that it came from, so what is empty there is really empty.
    """
    if any(c.content is not None and c.content <= 0 for c in before):
        return TimeClass.STARVED
    if any(c.content is not None and c.content >= c.capacity for c in after):
        return TimeClass.BLOCKED
    return TimeClass.DELAY_OWN


def inferred_class(
    bands: Sequence[Band],
    power_kw: float | None,
    *,
    planned: bool,
    before: Iterable[Content],
    after: Iterable[Content],
) -> TimeClass:
    """Return the class of a unit that has no state signal, from its power and its neighbours.

    Unknown beats all, production beats the calendar, and outside the calendar all else is planned.
    """
    if power_kw is None:
        return TimeClass.UNKNOWN
    word = band_of(bands, power_kw)
    if word in (TimeClass.UNKNOWN, TimeClass.PRODUCTION):
        return TimeClass(word)
    if not planned:
        return TimeClass.PLANNED_DOWN
    if word == WAITING:
        return waiting_class(before, after)
    return TimeClass(word)
