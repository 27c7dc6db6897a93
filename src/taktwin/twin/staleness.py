"""Silence is an event: heartbeats of sources, expected rates of signals, values that must move.

A source that ever confirmed is silent once it has not done so for the gap (5 s, three confirmation
periods, never below 2 s of wall time). A signal with a period of its own is silent after three of
its periods (at least the gap). A value that must move is frozen if it stays the same for longer
than the plant model allows, although its source is alive. One silent connection is one alarm: the
silences of its units and signals at the same time are not alarms of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taktwin.contracts.state import ConnectionDocument
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.twin.alarms import Activation, Alarm, Declared, inside, merged
from taktwin.twin.state import NEVER, PlantState, Ranges, Series, Source
from taktwin.twin.timeline import ALIVE, ConnectionFact, Loss, losses

SILENT_AFTER_NS = 5 * SECOND_NS
WALL_NS_MIN = 2 * SECOND_NS
PERIODS = 3
RESPONSE = "Look at the connection on the System page: server, network, gateway."


def period_ns_of(speed: float) -> int:
    """Return how often a gateway confirms: every plant second, but at most four times a wall second."""
    return max(SECOND_NS, int(0.25 * speed * SECOND_NS))


def gap_ns_of(speed: float) -> int:
    """Return for how long a source may be silent, in plant time."""
    return max(SILENT_AFTER_NS, PERIODS * period_ns_of(speed), int(WALL_NS_MIN * speed))


class Staleness:
    """What is too old, now and in the kept past."""

    def __init__(
        self,
        registry: Registry,
        state: PlantState,
        facts: Mapping[str, Mapping[tuple[str, str], ConnectionFact]],
        gap_ns: int,
        speed: float,
    ) -> None:
        self._registry = registry
        self._state = state
        self._facts = facts
        self.gap_ns = gap_ns
        self.dirty: set[str] = set(registry.connections)  # connections whose past changed
        self._sources: dict[str, list[Source]] = {name: [] for name in registry.connections}
        self._source_of: list[Source | None] = [None] * len(registry.signals)
        for source in state.sources.values():
            self._sources[source.connector].append(source)
            for index in source.signals:
                self._source_of[index] = source
        wall_ns = int(WALL_NS_MIN * speed)
        # Signals whose own samples are expected; only those tell that a single signal is silent.
        self.own_period: dict[int, Ranges] = {
            signal.index: Ranges(max(SILENT_AFTER_NS, int(PERIODS * signal.period_s * SECOND_NS), wall_ns))
            for signal in registry.signals
            if signal.period_s is not None and signal.connection
        }
        self.must_move: dict[int, Series] = {
            signal.index: Series() for signal in registry.signals if signal.must_move_s and signal.connection
        }
        self.frozen: set[int] = set()
        self._lost: set[tuple[str, str]] = set()  # (connection, unit) that said so, and not yet otherwise
        self._past: dict[str, list[Activation]] = {}
        self._losses: dict[str, list[Loss]] = {name: [] for name in registry.connections}
        self._alarms = self._declare()

    # -- facts ---------------------------------------------------------------------------------

    def hear(self, index: int, at_ns: int, epoch_ns: int, sequence: int, value: Any) -> None:
        """Take a sample of a signal with a period of its own, or of one that must move."""
        ranges = self.own_period.get(index)
        if ranges is not None:
            ranges.add(at_ns)
        series = self.must_move.get(index)
        if series is not None:
            series.add(at_ns, epoch_ns, sequence, value)

    def heard_of(self, connector: str) -> None:
        """Say that a connection's own account of itself got a new fact."""
        self.dirty.add(connector)
        facts = sorted(self._facts[connector].values())
        self._losses[connector] = losses(facts)
        for source in self._sources[connector]:
            spans = losses(facts, source.unit)
            if spans and spans[-1].to_ns is None:
                self._lost.add((connector, source.unit))
            else:
                self._lost.discard((connector, source.unit))

    def losses_of(self, connector: str, unit: str) -> list[Loss]:
        """Return the stretches in which a connection said that a unit was lost."""
        return losses(sorted(self._facts[connector].values()), unit)

    # -- ages ----------------------------------------------------------------------------------

    def confirmed_ns(self, index: int) -> int:
        """Return until when a signal's value is vouched for, NEVER if it was never heard."""
        at_ns = self._state.source_ns[index]
        source = self._source_of[index]
        if at_ns == NEVER or source is None or index in self.own_period:
            return at_ns
        # A confirmation counts for what its own run of the gateway has sent, and for nothing else.
        vouched_ns = source.as_of.get(self._state.origins[index].epoch_ns, NEVER)
        return max(at_ns, vouched_ns)

    def stale_now(self, now_ns: int) -> set[int]:
        """Return the signals whose value is too old, lost with its connection, or frozen.

        What was never heard is not among them: that is GoodNoData and has no age.
        """
        found = set(self.frozen)
        source_ns, origins = self._state.source_ns, self._state.origins
        for source in self._state.sources.values():
            lost = (source.connector, source.unit) in self._lost
            oldest_ns = now_ns - self.gap_ns
            as_of, vouches = source.as_of, source.vouches
            for index in source.signals:
                at_ns = source_ns[index]
                if at_ns == NEVER:
                    continue
                if lost:
                    found.add(index)
                    continue
                ranges = self.own_period.get(index)
                if ranges is not None:
                    if now_ns - at_ns > ranges.gap_ns:
                        found.add(index)
                elif vouches and at_ns < oldest_ns and as_of.get(origins[index].epoch_ns, NEVER) < oldest_ns:
                    found.add(index)
        return found

    # -- alarms --------------------------------------------------------------------------------

    def _declare(self) -> dict[str, Alarm]:
        alarms: dict[str, Alarm] = {}
        signals = self._registry.signals
        for name in self._registry.connections:
            units = sorted({source.unit for source in self._sources[name]})
            of_whom = units[0] if len(units) == 1 else f"{len(units)} units"
            count = sum(len(source.signals) for source in self._sources[name])
            alarms[f"{name}:silent"] = Alarm(
                _silence(
                    f"{name}:silent",
                    units[0] if len(units) == 1 else name,
                    2,
                    f"No data from {name}",
                    name,
                    f"{count} values of {of_whom} are unknown.",
                )
            )
            if len(units) > 1:
                for unit in units:
                    alarms[f"{name}/{unit}:silent"] = Alarm(
                        _silence(
                            f"{name}/{unit}:silent",
                            unit,
                            2,
                            f"No data of {unit} from {name}",
                            name,
                            "What the unit does is unknown.",
                        )
                    )
        for index in self.own_period:
            signal = signals[index]
            alarms[f"{signal.id}:silent"] = Alarm(
                _silence(
                    f"{signal.id}:silent",
                    signal.equipment,
                    3,
                    f"{signal.name} is silent",
                    signal.connection,
                    "The value is unknown.",
                    signal.id,
                )
            )
        for index in self.must_move:
            signal = signals[index]
            alarms[f"{signal.id}:frozen"] = Alarm(
                _silence(
                    f"{signal.id}:frozen",
                    signal.equipment,
                    3,
                    f"{signal.name} does not move",
                    "",
                    "The value shown is probably not the real one.",
                    signal.id,
                )
            )
        return alarms

    @property
    def alarms(self) -> Mapping[str, Alarm]:
        """Return the silences that can become alarms, by id."""
        return self._alarms

    def look(self, now_ns: int) -> Iterator[tuple[Alarm, list[Activation]]]:
        """Yield each silence with its activations up to now."""
        for name, sources in self._sources.items():
            silent = self._connection(name, sources, now_ns)
            yield self._alarms[f"{name}:silent"], silent
            if len(sources) > 1:
                for source in sources:
                    alarm = self._alarms.get(f"{name}/{source.unit}:silent")
                    if alarm is not None:
                        yield alarm, self._alone(source.known, 2 * self.gap_ns, silent, now_ns)
        for index, ranges in self.own_period.items():
            signal = self._registry.signals[index]
            silent = self._alarms[f"{signal.connection}:silent"].activations
            yield self._alarms[f"{signal.id}:silent"], self._alone(ranges, ranges.gap_ns, silent, now_ns)
        for index, series in self.must_move.items():
            signal = self._registry.signals[index]
            assert signal.must_move_s is not None
            found = _frozen(series, int(signal.must_move_s * SECOND_NS), self._vouched_ns(index))
            if found and found[-1].to_ns is None:
                self.frozen.add(index)
            else:
                self.frozen.discard(index)
            yield self._alarms[f"{signal.id}:frozen"], found

    def _vouched_ns(self, index: int) -> int:
        source = self._source_of[index]
        vouched = NEVER if source is None else source.as_of.get(self._state.origins[index].epoch_ns, NEVER)
        return max(self._state.source_ns[index], vouched)

    def _connection(self, name: str, sources: list[Source], now_ns: int) -> list[Activation]:
        """Return when a connection was silent as a whole: by its confirmations, or by its own account."""
        past = self._past.get(name)
        if past is None or name in self.dirty:
            self.dirty.discard(name)
            past = self._past[name] = self._past_silences(name, sources)
        end_ns = max((source.known.end_ns for source in sources), default=NEVER)
        if end_ns == NEVER or now_ns - end_ns <= self.gap_ns:
            return past
        return merged([(a.from_ns, a.to_ns) for a in past] + [(end_ns + self.gap_ns, None)])

    def _past_silences(self, name: str, sources: list[Source]) -> list[Activation]:
        spans: list[tuple[int, int | None]] = [(loss.from_ns, loss.to_ns) for loss in self._losses[name]]
        heard = sorted(
            pair for source in sources for pair in zip(source.known.starts, source.known.ends, strict=True)
        )
        end_ns = NEVER
        for start, end in heard:
            if end_ns != NEVER and start - end_ns > self.gap_ns:
                spans.append((end_ns + self.gap_ns, start))
            end_ns = max(end_ns, end)
        return merged(spans)

    def _alone(self, ranges: Ranges, wait_ns: int, silent: list[Activation], now_ns: int) -> list[Activation]:
        """Return the silences of one source or signal that its connection's silence does not explain."""
        found = []
        for place, end_ns in enumerate(ranges.ends):
            following = ranges.starts[place + 1] if place + 1 < len(ranges.starts) else None
            raised_ns = end_ns + wait_ns
            if (now_ns if following is None else following) <= raised_ns or inside(silent, raised_ns):
                continue
            found.append(Activation(raised_ns, following))
        return found

    # -- views ---------------------------------------------------------------------------------

    def connection(self, name: str, now_ns: int, fresh: int) -> ConnectionDocument:
        """Return what is known of a connection now."""
        sources = self._sources[name]
        heard_ns = max((source.heard_ns for source in sources), default=NEVER)
        confirmed_ns = max((source.known.end_ns for source in sources), default=NEVER)
        last = max(self._facts[name].values(), default=None)
        state, reason, since_ns = "connecting", "", 0
        if last is not None:
            state, reason, since_ns = last.state, last.reason, last.time_ns
        elif heard_ns != NEVER:
            state = "running"
        if state in (*ALIVE, "connecting") and confirmed_ns != NEVER and now_ns - confirmed_ns > self.gap_ns:
            state, reason, since_ns = "lost", "silent", confirmed_ns
        return ConnectionDocument(
            connector=name,
            state=state,
            reason=reason,
            since_ns=since_ns,
            heard_ns=max(heard_ns, 0),
            fresh=fresh,
            signals=len(self._registry.connections[name].signals),
        )

    def deadlines(self) -> Iterator[int]:
        """Yield the instants at which something would become silent."""
        for source in self._state.sources.values():
            if source.known.ends:
                yield source.known.ends[-1] + self.gap_ns + 1
                yield source.known.ends[-1] + 2 * self.gap_ns + 1
        for ranges in self.own_period.values():
            if ranges.ends:
                yield ranges.ends[-1] + ranges.gap_ns + 1

    def drop_before(self, cut_ns: int) -> None:
        """Forget what was before an instant."""
        for ranges in self.own_period.values():
            ranges.drop_before(cut_ns)
        for series in self.must_move.values():
            series.drop_before(cut_ns)


def _silence(
    alarm: str, equipment: str, priority: int, message: str, cause: str, consequence: str, signal: str = ""
) -> Declared:
    return Declared(
        alarm=alarm,
        equipment=equipment,
        kind="silence",
        priority=priority,
        message=message,
        response=RESPONSE,
        consequence=consequence,
        owner_role="process engineer",
        cause=cause,
        signal=signal,
    )


def _frozen(series: Series, must_move_ns: int, vouched_ns: int) -> list[Activation]:
    found: list[Activation] = []
    since_ns, value_then = NEVER, None
    for at_ns, value in zip(series.times, series.values, strict=True):
        if since_ns != NEVER and value == value_then:
            continue
        if since_ns != NEVER and at_ns - since_ns > must_move_ns:
            found.append(Activation(since_ns + must_move_ns, at_ns, value_then))
        since_ns, value_then = at_ns, value
    if since_ns != NEVER and vouched_ns - since_ns > must_move_ns:
        found.append(Activation(since_ns + must_move_ns, None, value_then))
    return found
