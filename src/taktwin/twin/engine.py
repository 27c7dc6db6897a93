"""The heart: `apply(event)`, `advance(now)`, and what follows from them. Pure and synchronous.

Scans change the state at once, on the shortest path that Python has; what follows for timelines
and alarms is only marked, and computed by `settle`. Time reaches the engine as an argument: the
same events leave the same state live, in a replay and after a restart, in any order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from taktwin.contracts.events import CloudEvent, EventData
from taktwin.contracts.samples import Scan
from taktwin.contracts.state import IntervalMessage
from taktwin.plant.registry import Registry
from taktwin.twin import apply_events, wiring
from taktwin.twin.alarms import Alarm, Effect
from taktwin.twin.apply_events import OfAlarm, OfConnection
from taktwin.twin.apply_samples import LimitWatch
from taktwin.twin.staleness import Staleness, gap_ns_of, period_ns_of
from taktwin.twin.state import NEVER, Origin, PlantState, Source
from taktwin.twin.timeline import ConnectionFact, UnitTimeline

DAY_NS = 86_400 * 1_000_000_000
CONNECTION_FACTS_KEPT = 2000  # two days of a cut every three minutes
PRUNE_EVERY_NS = 600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class ScanEvent:
    """One scan with the unit it is about and the stamps it collected on its way."""

    unit: str
    scan: Scan
    ingest_ns: int = 0
    received_mono: int = 0
    published_mono: int = 0
    applied_mono: int = 0


@dataclass(frozen=True, slots=True)
class FactEvent:
    """One CloudEvent of the durable road."""

    event: CloudEvent


@dataclass
class Counters:
    """What the engine did since it was made; no part of the state."""

    scans: int = 0
    samples: int = 0
    events: int = 0
    duplicates_ignored: int = 0
    rejected: int = 0
    rejected_why: str = ""


@dataclass
class Effects:
    """What has to be told: corrections of timelines, and events under ids that a replay repeats."""

    intervals: list[IntervalMessage] = field(default_factory=list)
    events: list[Effect] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.intervals or self.events)


class TwinEngine:
    """The twin of one plant."""

    def __init__(self, registry: Registry, *, speed: float = 1.0, generation: int = 0) -> None:
        self.registry = registry
        self.prefix = registry.prefix
        self.speed = speed
        self.gap_ns = gap_ns_of(speed)
        self.generation = generation
        self.state = PlantState(len(registry.signals))
        self.counters = Counters()
        self.connection_facts: dict[str, dict[tuple[str, str], ConnectionFact]] = {
            name: {} for name in registry.connections
        }
        wiring.sources(registry, self.state, self.gap_ns)
        wiring.series(registry, self.state)
        self.timelines: dict[str, UnitTimeline] = wiring.timelines(
            registry, self.state, self.gap_ns, period_ns_of(speed)
        )
        self.watches: dict[int, LimitWatch] = wiring.limit_watches(registry)
        self.alarms: dict[str, Alarm] = wiring.limit_alarms(registry)
        self.staleness = Staleness(registry, self.state, self.connection_facts, self.gap_ns, speed)
        self._timelines_of_source: dict[tuple[str, str], list[UnitTimeline]] = {}
        for timeline in self.timelines.values():
            if timeline.source is not None:
                key = (timeline.source.connector, timeline.source.unit)
                self._timelines_of_source.setdefault(key, []).append(timeline)
        self._main_of: dict[int, UnitTimeline]
        self._touched_by: dict[int, list[UnitTimeline]]
        self._main_of, self._touched_by = wiring.dependents(self.state, self.timelines)
        # Signals whose past matters leave the shortest path; all others never touch it.
        self._special = frozenset(
            {*self.state.series, *self.watches, *self.staleness.own_period, *self.staleness.must_move}
        )
        self.now_ns = NEVER
        self.changed: set[int] = set()  # signals with a new value since a frame took them
        self.changed_units: set[str] = set()
        self.changed_alarms: set[str] = set()
        self.unit_roles = wiring.unit_roles(registry)
        self.unit_of_signal = wiring.unit_of_signal(registry)
        self._counters_of = {b.id: wiring.counters(registry, b) for b in registry.buffers}
        self._dirty_watches: set[int] = set()
        self._pending: dict[str, int] = {}  # units whose intervals changed and from when, not told yet
        self._prune_at_ns = NEVER

    # -- events in -----------------------------------------------------------------------------

    def apply(self, event: ScanEvent | FactEvent) -> Effects:
        """Apply one event and return what follows at once. Duplicates and late ones are welcome."""
        if isinstance(event, ScanEvent):
            self.apply_scan(
                event.unit,
                event.scan,
                event.ingest_ns,
                event.received_mono,
                event.published_mono,
                event.applied_mono,
            )
        else:
            self.apply_fact(event.event)
        return self.settle()

    def apply_scan(
        self,
        unit: str,
        scan: Scan,
        ingest_ns: int = 0,
        received_mono: int = 0,
        published_mono: int = 0,
        applied_mono: int = 0,
    ) -> bool:
        """Apply one scan; return False if it was heard already or is none of this plant's."""
        state = self.state
        source = state.sources.get((scan.connector, unit))
        if source is None or scan.registry != self.prefix:
            return self._reject(f"{scan.connector} of {unit}, registry {scan.registry!r}")
        signals = scan.signals
        if signals and (max(signals) >= len(state.values) or min(signals) < 0):
            return self._reject(f"{scan.connector} of {unit}: a signal's number is not in the registry")
        epoch_ns, sequence = scan.epoch_ns, scan.sequence
        last = source.last
        if epoch_ns == source.epoch_ns and sequence == last[1] + 1:
            last[1] = sequence
        elif not source.admit(epoch_ns, sequence):
            self.counters.duplicates_ignored += 1
            return False
        counters = self.counters
        counters.scans += 1
        if signals:
            counters.samples += len(signals)
            origin = Origin(epoch_ns, sequence, ingest_ns, received_mono, published_mono, applied_mono)
            self._take(source, scan, origin)
        as_of_ns = scan.as_of_ns
        if as_of_ns is not None:
            ends = source.known.ends
            going_on = epoch_ns == source.epoch_ns and epoch_ns in source.as_of
            if going_on and 0 <= as_of_ns - ends[-1] <= self.gap_ns:
                ends[-1] = as_of_ns
                if as_of_ns > source.as_of[epoch_ns]:
                    source.as_of[epoch_ns] = as_of_ns
            else:
                self._vouch(source, epoch_ns, as_of_ns)
            if as_of_ns > source.heard_ns:
                source.heard_ns = as_of_ns
        return True

    def _take(self, source: Source, scan: Scan, origin: Origin) -> None:
        """Put a scan's values into the state: the hottest lines of the product."""
        state = self.state
        signals = scan.signals
        epoch_ns, sequence = scan.epoch_ns, scan.sequence
        t0_ns = scan.t0_ns
        source_ns, values = state.source_ns, state.values
        qualities, origins = state.qualities, state.origins
        if scan.qualities is None:
            for index, dt_ns, value in zip(signals, scan.dt_ns, scan.values, strict=True):
                at_ns = t0_ns + dt_ns
                if at_ns > source_ns[index] or self._wins(index, at_ns, epoch_ns, sequence):
                    source_ns[index] = at_ns
                    values[index] = value
                    qualities[index] = 0
                    origins[index] = origin
        else:
            columns = zip(signals, scan.dt_ns, scan.values, scan.qualities, strict=True)
            for index, dt_ns, value, quality in columns:
                at_ns = t0_ns + dt_ns
                if at_ns > source_ns[index] or self._wins(index, at_ns, epoch_ns, sequence):
                    source_ns[index] = at_ns
                    values[index] = value
                    qualities[index] = quality
                    origins[index] = origin
        newest_ns = t0_ns + scan.dt_ns[-1]
        if newest_ns > source.heard_ns:
            source.heard_ns = newest_ns
        self.changed.update(signals)
        if not self._special.isdisjoint(signals):
            self._apply_special(scan, source)

    def replay(self, unit: str, scan: Scan, ingest_ns: int = 0) -> None:
        """Apply values of the past, of a scan that may have been applied in part: by their keys alone.

        Applying a value twice changes nothing; only the count of scans knows no parts.
        """
        source = self.state.sources.get((scan.connector, unit))
        if source is not None and scan.signals:
            self.counters.samples += len(scan.signals)
            self._take(source, scan, Origin(scan.epoch_ns, scan.sequence, ingest_ns))

    def vouch_span(self, connector: str, unit: str, from_ns: int, to_ns: int) -> None:
        """Take a stretch over which a source vouched without a gap, as history keeps it."""
        source = self.state.sources.get((connector, unit))
        if source is None:
            return
        for timeline in self._timelines_of_source.get((connector, unit), ()):
            timeline.touch_confirmation(from_ns)
        source.known.add_span(from_ns, to_ns)
        self.staleness.dirty.add(connector)
        epochs = {self.state.origins[index].epoch_ns for index in source.signals}
        for epoch_ns in epochs - {NEVER}:
            # History keeps the span, not whose it was; it counts for the newest run of the gateway.
            if epoch_ns == max(epochs) and to_ns > source.as_of.get(epoch_ns, NEVER):
                source.as_of[epoch_ns] = to_ns
        source.heard_ns = max(source.heard_ns, to_ns)

    def _wins(self, index: int, at_ns: int, epoch_ns: int, sequence: int) -> bool:
        if at_ns < self.state.source_ns[index]:
            return False
        origin = self.state.origins[index]
        return (epoch_ns, sequence) >= (origin.epoch_ns, origin.sequence)

    def _reject(self, why: str) -> bool:
        self.counters.rejected += 1
        self.counters.rejected_why = why
        return False

    def _vouch(self, source: Source, epoch_ns: int, as_of_ns: int) -> None:
        before_ns = source.word_before(epoch_ns, as_of_ns)
        for timeline in self._timelines_of_source.get((source.connector, source.unit), ()):
            timeline.touch_confirmation(as_of_ns)
            if before_ns != NEVER:
                timeline.touch(before_ns)
        if source.vouch(epoch_ns, as_of_ns):
            self.staleness.dirty.add(source.connector)

    def _apply_special(self, scan: Scan, source: Source) -> None:
        special = self._special
        epoch_ns, sequence, t0_ns = scan.epoch_ns, scan.sequence, scan.t0_ns
        qualities = scan.qualities
        for place, index in enumerate(scan.signals):
            if index not in special:
                continue
            at_ns = t0_ns + scan.dt_ns[place]
            value = scan.values[place]
            if qualities is not None and qualities[place] == 3:
                value = None
            series = self.state.series.get(index)
            if series is not None:
                main = self._main_of.get(index)
                if main is not None:
                    main.touch_confirmation(at_ns)
                if series.add(at_ns, epoch_ns, sequence, value):
                    for timeline in self._touched_by.get(index, ()):
                        timeline.touch(at_ns)
            watch = self.watches.get(index)
            if watch is not None and watch.hear(at_ns, epoch_ns, sequence, value):
                self._dirty_watches.add(index)
            if index in self.staleness.own_period or index in self.staleness.must_move:
                self.staleness.hear(index, at_ns, epoch_ns, sequence, value)

    def apply_fact(self, event: CloudEvent) -> bool:
        """Apply one event of the durable road; return False if it was heard already or means nothing here."""
        meant = apply_events.understand(event)
        if isinstance(meant, OfConnection):
            facts = self.connection_facts.get(meant.connector)
            if facts is None:
                return False
            if event.key in facts:
                self.counters.duplicates_ignored += 1
                return False
            facts[event.key] = meant.fact
            if len(facts) > CONNECTION_FACTS_KEPT:
                del facts[min(facts, key=lambda key: facts[key])]
            self.staleness.heard_of(meant.connector)
            self._touch_units(meant.connector, meant.fact.time_ns)
        elif isinstance(meant, OfAlarm):
            alarm = self.alarms.get(meant.alarm) or self.staleness.alarms.get(meant.alarm)
            if alarm is None:
                return False
            if not alarm.decide(meant.decision):
                self.counters.duplicates_ignored += 1
                return False
            self.alarms[meant.alarm] = alarm
            self.changed_alarms.add(meant.alarm)
        else:
            return False
        self.counters.events += 1
        return True

    # -- consequences --------------------------------------------------------------------------

    def advance(self, now_ns: int) -> Effects:
        """Move time forward: live edges, silences, ends of shelvings. Return what has to be told."""
        self.now_ns = max(self.now_ns, now_ns)
        return self.settle(looking=True)

    def settle(self, *, looking: bool = False) -> Effects:
        """Compute what is marked; with `looking` also what follows from the time alone."""
        effects = Effects()
        self.compute()
        if self.now_ns != NEVER:
            for unit, timeline in self.timelines.items():
                edge_ns = timeline.look_at_edge(self.now_ns)
                if edge_ns is not None:
                    self._tell(unit, edge_ns)
        for unit, changed_ns in self._pending.items():
            self.changed_units.add(unit)
            effects.intervals.extend(self.timelines[unit].corrections(changed_ns, self.generation))
        self._pending.clear()
        self._settle_limits(effects)
        if looking:
            for alarm, activations in self.staleness.look(self.now_ns):
                self._update(alarm, activations, effects)
            for alarm in list(self.alarms.values()):
                if alarm.state.shelved_until_ns:
                    effects.events.extend(alarm.look_at(self.now_ns))
                    self.changed_alarms.add(alarm.declared.alarm)
            self._prune()
        return effects

    def compute(self) -> None:
        """Bring all timelines up to what was applied, without telling anybody yet."""
        for unit, timeline in self.timelines.items():
            changed_ns = timeline.settle()
            if changed_ns is not None:
                self._tell(unit, changed_ns)

    def _tell(self, unit: str, from_ns: int) -> None:
        known = self._pending.get(unit)
        self._pending[unit] = from_ns if known is None else min(known, from_ns)

    def tell_again(self) -> None:
        """Compare all kept intervals with what was published: after a restart, something may be missing."""
        for unit, timeline in self.timelines.items():
            if timeline.intervals:
                self._tell(unit, timeline.intervals[0].from_ns)

    def look_again_at(self, index: int) -> None:
        """Have the limits of a signal evaluated at the next settling."""
        self._dirty_watches.add(index)

    def buffer_content(self, buffer: str) -> int | None:
        """Return what a buffer holds by the newest counters, None where one was never heard."""
        fills, empties = self._counters_of[buffer]
        total = 0
        for sign, counters in ((1, fills), (-1, empties)):
            for index in counters:
                count = self.state.values[index]
                if not isinstance(count, int | float):
                    return None
                total += sign * int(count)
        return total

    def _settle_limits(self, effects: Effects) -> None:
        dirty = self._dirty_watches
        if not dirty:
            return
        waiting = set()
        for index in dirty:
            watch = self.watches[index]
            vouched_ns = self.staleness.confirmed_ns(index)
            for limit, activations in watch.evaluate(vouched_ns):
                self._update(self.alarms[limit.id], activations, effects)
            if watch.waiting:
                waiting.add(index)  # beyond a limit, but not for long enough yet
        self._dirty_watches = waiting

    def _update(self, alarm: Alarm, activations: list[Any], effects: Effects) -> None:
        known = self.alarms.setdefault(alarm.declared.alarm, alarm)
        if activations == known.activations:
            return
        effects.events.extend(known.update(activations))
        self.changed_alarms.add(known.declared.alarm)

    def _touch_units(self, connector: str, at_ns: int) -> None:
        """Say that a connection's own account of itself changed."""
        for timeline in self.timelines.values():
            if timeline.source is not None and timeline.source.connector == connector:
                timeline.losses = self.staleness.losses_of(connector, timeline.unit)
                timeline.touch(at_ns)

    def _prune(self) -> None:
        if self.now_ns < self._prune_at_ns:
            return
        self._prune_at_ns = self.now_ns + PRUNE_EVERY_NS
        cut_ns = self.kept_from_ns()
        if cut_ns == NEVER:
            return
        for timeline in self.timelines.values():
            timeline.drop_before(cut_ns)
        for series in self.state.series.values():
            series.drop_before(cut_ns)
        for source in self.state.sources.values():
            source.drop_before(cut_ns)
        for index, watch in self.watches.items():
            fold_ns = watch.prune()
            if fold_ns is not None:
                for limit in self.registry.signals[index].limits:
                    self.alarms[limit.id].rebase(fold_ns)
        self.staleness.drop_before(cut_ns)

    def newest_fact_ns(self) -> int:
        """Return the latest instant that any source told of."""
        return max((source.heard_ns for source in self.state.sources.values()), default=NEVER)

    def kept_from_ns(self) -> int:
        """Return the start of the production day before the newest fact's: what is older is history's."""
        newest_ns = self.newest_fact_ns()
        if newest_ns == NEVER:
            return NEVER
        for calendar in self.registry.calendars.values():
            if hasattr(calendar, "production_day"):
                today = calendar.production_day(newest_ns)
                return int(calendar.production_day(today.from_ns - 1).from_ns)
        return (newest_ns // DAY_NS - 1) * DAY_NS

    def next_deadline_ns(self) -> int | None:
        """Return the next instant at which `advance` may find something by time alone, None if never."""
        deadlines: list[int] = [timeline.end_ns + self.gap_ns + 1 for timeline in self._running()]
        deadlines.extend(self.staleness.deadlines())
        deadlines.extend(
            alarm.state.shelved_until_ns for alarm in self.alarms.values() if alarm.state.shelved_until_ns
        )
        return min((at_ns for at_ns in deadlines if at_ns > self.now_ns), default=None)

    def _running(self) -> Iterable[UnitTimeline]:
        return (t for t in self.timelines.values() if t.edge_ns is None and t.end_ns != NEVER)


__all__ = ["Counters", "Effects", "EventData", "FactEvent", "ScanEvent", "TwinEngine"]
