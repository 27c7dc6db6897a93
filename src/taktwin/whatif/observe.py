"""What a work unit did, by its own signals: comes in rows in the order of time, go out samples of durations.

A work unit is followed row by row: when it worked, was set up, stood, waited. From that come the time that
each part took, what a change of family and a repair took, how long it ran until it failed, on both clocks,
how many parts were bad, what it drew. Waiting for neighbours is nobody's own time and is kept apart. What
still ran when the rows end is kept as still running; what nobody saw is dropped and not taken for standing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from taktwin.instants import SECOND_NS
from taktwin.measures.time_classes import Band, band_of
from taktwin.standards import mtconnect, packml
from taktwin.standards.iso22400 import TimeClass

ROLES = (
    "state", "mode", "set_up", "blocked", "starved", "good_count", "reject_count", "job", "product",
    "alarm_code", "power",
)  # fmt: skip
NO_CODE = "without-code"  # a stop of its own for which the machine gives no code: a tool, a dressing

WORKING, SETUP, DOWN, WAITING, STARTING, UNKNOWN = (
    "working", "setup", "down", "waiting", "starting", "unknown"
)  # fmt: skip
_CLASSES = {
    TimeClass.PRODUCTION: WORKING, TimeClass.SET_UP: SETUP, TimeClass.BLOCKED: WAITING,
    TimeClass.STARVED: WAITING, TimeClass.DOWN_NO_ORDER: WAITING, TimeClass.UNKNOWN: UNKNOWN,
}  # fmt: skip
_BANDS: dict[str, str] = {TimeClass.PRODUCTION: WORKING, TimeClass.SET_UP: SETUP, TimeClass.DELAY_OWN: DOWN,
          TimeClass.UNKNOWN: UNKNOWN}  # fmt: skip
_STANDS = (
    packml.State.ABORTING, packml.State.ABORTED, packml.State.HOLDING, packml.State.HELD,
    packml.State.UNHOLDING, packml.State.CLEARING,
)  # fmt: skip


class Row(NamedTuple):
    """One value of a signal of the unit."""

    source_ns: int
    role: str  # one of ROLES
    value: Any
    good: bool = True


class Hours:
    """When a unit is planned to work, as a sum: seconds of it up to any instant."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        """`spans`: planned stretches [from_ns, to_ns), rising, none touching."""
        self.starts = [start for start, _ in spans]
        self.ends = [end for _, end in spans]
        self._sums = [0]
        for start, end in spans:
            self._sums.append(self._sums[-1] + end - start)

    def _until(self, at_ns: int) -> int:
        place = bisect_right(self.starts, at_ns)
        if not place:
            return 0
        return self._sums[place] - max(0, self.ends[place - 1] - at_ns)

    def passed_s(self, from_ns: int, at_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return how much was planned between an instant and each of (n,) others, seconds."""
        places = np.searchsorted(self.starts, at_ns, side="right")
        sums = np.array(self._sums, np.int64)[places]
        ends = np.array([0, *self.ends], np.int64)[places]
        left = np.where(places > 0, np.maximum(0, ends - at_ns), 0)
        return (sums - left - self._until(from_ns)) / SECOND_NS

    def on_ns(self, from_ns: int, to_ns: int) -> int:
        """Return how much of [from, to) is planned."""
        return self._until(to_ns) - self._until(from_ns)


@dataclass(slots=True)
class Cycles:
    """The work of each part of a product, or of each charge of several that were counted together."""

    at_ns: array[int] = field(default_factory=lambda: array("q"))
    work_s: array[float] = field(default_factory=lambda: array("d"))
    parts: array[int] = field(default_factory=lambda: array("q"))


@dataclass(slots=True)
class Counts:
    """What the unit's own counters told, good parts and others."""

    at_ns: array[int] = field(default_factory=lambda: array("q"))
    parts: array[int] = field(default_factory=lambda: array("q"))
    is_good: array[int] = field(default_factory=lambda: array("b"))


@dataclass(frozen=True, slots=True)
class Stop:
    """The unit stood by a cause of its own."""

    kind: str  # the machine's own code; NO_CODE where it gave none
    at_ns: int
    lasted_s: float  # of planned time
    over: bool  # False: it still stood when the rows ended
    worked_s: float  # work since the last stop of this kind was over, or since the rows begin
    passed_s: float  # the same by the calendar
    parts: int  # the same by parts
    from_work: bool  # it was working when it stopped


@dataclass(frozen=True, slots=True)
class Change:
    """From one product to another; 0 s: it needed no set-up."""

    before: str
    after: str
    lasted_s: float
    at_ns: int
    over: bool = True


@dataclass(slots=True)
class Seen:
    """All that was seen of one work unit."""

    unit: str
    from_ns: int = 0
    to_ns: int = 0
    hours: Hours = field(default_factory=lambda: Hours(()))
    cycles: dict[str, Cycles] = field(default_factory=lambda: defaultdict(Cycles))  # by product
    counts: Counts = field(default_factory=Counts)
    stops: list[Stop] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    good: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    spent_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Planned time by what the unit did; what it worked outside of it is `beyond`."""
    energy_kws: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    powered_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    pauses_s: array[float] = field(default_factory=lambda: array("d"))
    """Between the end of a charge and the beginning of the next, where nothing else came between."""
    starts: int = 0  # planned stretches that began
    since: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    """Of each kind of stop what ran when the rows ended: work, calendar (s), parts since the last one."""
    worked_s: float = 0.0
    unseen_s: float = 0.0
    moved: tuple[tuple[Band, float], ...] = ()
    """Steps of power that lie elsewhere than in the plant folder: each as used, and where it is there."""


class Watch:
    """Follows one work unit. Rows may come in several portions; nothing may come from before the last one."""

    def __init__(
        self, unit: str, hours: Hours, *, products: Mapping[str, str], state_model: str = "packml",
        bands: Sequence[Band] = (), powered_ns: int = 0,
    ) -> None:  # fmt: skip
        """Begin.

        Parameters
        ----------
        products : what the unit says it works on -> the product of the routing that this is
        powered_ns : from when on every power that was said is there, and energy can be summed
        """
        self.seen = Seen(unit, hours=hours)
        self._hours, self._products, self._bands = hours, products, bands
        self._is_mtconnect = state_model == "mtconnect"
        self._values: dict[str, Any] = {}
        self._phase = UNKNOWN
        self._is_known = False  # what the unit does was known at some instant
        self._now_ns: int | None = None
        self._power_kw: float | None = None
        self._powered_ns = powered_ns
        # The part in work.
        self._work_ns, self._clean = 0, False
        self._product, self._worked_on = "", ""
        self._charge_ended_ns: int | None = None
        # The set-up and the stop that go on.
        self._setup_ns: int | None = None
        self._stop: tuple[int, str, bool] | None = None
        self._stop_on_ns = 0
        # What ran since the last stop of each kind.
        self._worked_ns, self._parts = 0, 0
        self._last: dict[str, tuple[int, int, int]] = {}

    def feed(self, rows: Iterable[Row]) -> None:
        """Follow some more rows, in the order of time; of one instant counts are taken first."""
        group: list[Row] = []
        for row in rows:
            if group and row.source_ns != group[0].source_ns:
                self._instant(group)
                group = []
            group.append(row)
        if group:
            self._instant(group)

    def finish(self, at_ns: int) -> Seen:
        """Return what was seen up to an instant, with what still goes on then."""
        if self._now_ns is None:
            self.seen.from_ns = self.seen.to_ns = at_ns
            return self.seen
        self._advance(at_ns)
        seen = self.seen
        seen.to_ns = at_ns
        seen.worked_s = self._worked_ns / SECOND_NS
        if self._stop is not None:
            self._stop_ends(at_ns, over=False)
        if self._setup_ns is not None:
            seen.changes.append(Change(self._worked_on, "", self._setup_ns / SECOND_NS, at_ns, over=False))
        stops = {each.kind: each for each in seen.stops}
        for kind, last in stops.items():
            if last.over:
                seen.since[kind] = self._since(kind, at_ns)
        seen.starts = sum(seen.from_ns <= start < at_ns for start in self._hours.starts)
        return seen

    # -- one instant

    def _instant(self, group: list[Row]) -> None:
        at_ns = group[0].source_ns
        if self._now_ns is None:
            self._now_ns = self.seen.from_ns = at_ns
        if at_ns > self._now_ns:
            self._advance(at_ns)
        for row in group:
            if row.role in ("good_count", "reject_count"):
                self._counted(row, at_ns)
        for row in group:
            if row.role == "power":
                self._power_kw = float(row.value) if row.good and row.value is not None else None
            elif row.role not in ("good_count", "reject_count"):
                self._values[row.role] = row.value if row.good else None
        said = self._values.get("product")
        if said is not None and str(said) in self._products:
            self._product = self._products[str(said)]
        elif len(set(self._products.values())) == 1:
            self._product = next(iter(self._products.values()))
        code = self._values.get("alarm_code")
        if self._stop is not None and code and self._stop[1] == NO_CODE:
            self._stop = self._stop[0], str(code), self._stop[2]
        phase = self._phase_now()
        if phase != UNKNOWN and not self._is_known:
            self._begins(at_ns)
        if phase == self._phase == WORKING and self._product != self._worked_on:
            self._work_begins(at_ns)  # one part after the other, without a pause between two products
        self._become(phase, at_ns)

    def _begins(self, at_ns: int) -> None:
        """Begin the range that was heard here.

        What a machine holds since long ago (a job, a code) carries the instant at which it was set, and
        comes with the connection: until the state is known, nobody had heard of the unit.
        """
        self._is_known = True
        seen = self.seen
        seen.from_ns, seen.unseen_s = at_ns, 0.0
        for spent in (seen.spent_s, seen.energy_kws, seen.powered_s):
            spent.clear()

    def _advance(self, to_ns: int) -> None:
        assert self._now_ns is not None and to_ns >= self._now_ns, "rows are in the order of time"
        lasted_ns = to_ns - self._now_ns
        on_ns = self._hours.on_ns(self._now_ns, to_ns)
        seen, phase = self.seen, self._phase
        if phase == WORKING:
            self._work_ns += lasted_ns
            self._worked_ns += lasted_ns
            seen.spent_s["beyond"] += (lasted_ns - on_ns) / SECOND_NS
        elif phase == SETUP and self._setup_ns is not None:
            self._setup_ns += on_ns
        elif phase == DOWN:
            self._stop_on_ns += on_ns
        elif phase == UNKNOWN:
            seen.unseen_s += lasted_ns / SECOND_NS
        seen.spent_s[phase] += on_ns / SECOND_NS
        if self._power_kw is not None and self._now_ns >= self._powered_ns:
            name = phase if on_ns or phase == WORKING else "off"
            seen.energy_kws[name] += self._power_kw * lasted_ns / SECOND_NS
            seen.powered_s[name] += lasted_ns / SECOND_NS
        self._now_ns = to_ns

    def _phase_now(self) -> str:
        if self._bands:
            if self._power_kw is None:
                return UNKNOWN
            return _BANDS.get(band_of(self._bands, self._power_kw), WAITING)
        values = self._values
        state = values.get("state")
        if self._is_mtconnect:
            found = mtconnect.time_class(
                None if state is None else str(state), str(values.get("mode") or ""), planned=True
            )
            return DOWN if found is TimeClass.DELAY_OWN else _CLASSES[found]
        if state is None:
            return UNKNOWN
        set_up = values.get("mode") == packml.Mode.MANUAL or bool(values.get("set_up"))
        found = packml.time_class(
            int(state), set_up=set_up, blocked=bool(values.get("blocked")),
            starved=bool(values.get("starved")), planned=True,
        )  # fmt: skip
        if found is TimeClass.DELAY_OWN:
            # Stopped and on its way up again is how a break looks; with a code it is a fault.
            stands = int(state) in _STANDS or bool(values.get("alarm_code"))
            return DOWN if stands else STARTING
        return _CLASSES[found]

    # -- what begins and ends

    def _become(self, phase: str, at_ns: int) -> None:
        before = self._phase
        if phase == before:
            return
        self._phase = phase
        if phase in (DOWN, SETUP, UNKNOWN):
            self._charge_ended_ns = None
        if before == DOWN and self._stop is not None:
            self._stop_ends(at_ns, over=phase != UNKNOWN)
        if phase == UNKNOWN:
            self._clean, self._setup_ns, self._stop = False, None, None
        elif phase == DOWN:
            code = self._values.get("alarm_code")
            self._stop = at_ns, str(code) if code else NO_CODE, before == WORKING
            self._stop_on_ns = 0
        elif phase == SETUP and self._setup_ns is None:
            self._setup_ns = 0
        elif phase == WORKING:
            self._work_begins(at_ns)

    def _work_begins(self, at_ns: int) -> None:
        before, after = self._worked_on, self._product
        if self._setup_ns is not None and before and after:
            self.seen.changes.append(Change(before, after, self._setup_ns / SECOND_NS, at_ns))
        elif before and after and before != after:
            self.seen.changes.append(Change(before, after, 0.0, at_ns))
        self._setup_ns = None
        self._worked_on = after or before
        if self._charge_ended_ns is not None:
            self.seen.pauses_s.append((at_ns - self._charge_ended_ns) / SECOND_NS)
            self._charge_ended_ns = None

    def _stop_ends(self, at_ns: int, *, over: bool) -> None:
        assert self._stop is not None
        began_ns, kind, from_work = self._stop
        worked_s, passed_s, parts = self._since(kind, began_ns)
        self.seen.stops.append(
            Stop(kind, began_ns, self._stop_on_ns / SECOND_NS, over, worked_s, passed_s, parts, from_work)
        )
        self._last[kind] = self._worked_ns, at_ns, self._parts
        self._stop = None

    def _since(self, kind: str, at_ns: int) -> tuple[float, float, int]:
        worked_ns, last_ns, parts = self._last.get(kind, (0, self.seen.from_ns, 0))
        return (
            (self._worked_ns - worked_ns) / SECOND_NS, (at_ns - last_ns) / SECOND_NS, self._parts - parts
        )  # fmt: skip

    def _counted(self, row: Row, at_ns: int) -> None:
        before = self._values.get(row.role)
        if not row.good or row.value is None:
            self._values[row.role], self._clean = None, False
            return
        count = int(row.value)
        self._values[row.role] = count
        if before is None or count < before:  # heard for the first time, or it began anew
            self._clean, self._work_ns = True, 0
            return
        if count == before:
            return
        parts, product = count - before, self._worked_on or self._product
        (self.seen.good if row.role == "good_count" else self.seen.rejected)[product] += parts
        counts = self.seen.counts
        counts.at_ns.append(at_ns)
        counts.parts.append(parts)
        counts.is_good.append(row.role == "good_count")
        self._parts += parts
        self._charge_ended_ns = at_ns if parts > 1 else None
        if self._clean and self._work_ns > 0:
            cycles = self.seen.cycles[product]
            cycles.at_ns.append(at_ns)
            cycles.work_s.append(self._work_ns / SECOND_NS)
            cycles.parts.append(parts)
        # The next part goes in at once, or the unit waits and says so.
        self._clean, self._work_ns = True, 0
