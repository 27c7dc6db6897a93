"""A day of the virtual plant through the product's own code, as fast as possible.

What the machines report becomes readings, as each connector would hand them over: OPC UA and SHDR
by change with a confirmation every second, Modbus by its poll, MQTT as it is published. From there on
everything is the product: the gateway (life cycle, resolver, scans, events), the wire format, the
twin's engine, the intervals that it publishes. Outages are done to the readings' side only; nobody
tells the twin.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from taktwin.bus.buffer import Record
from taktwin.clock import VirtualClock
from taktwin.contracts import events, samples, topics
from taktwin.contracts.state import IntervalMessage
from taktwin.entropy import Entropy
from taktwin.gateway.connection import Running
from taktwin.gateway.connector import Confirmed, Item, Reading
from taktwin.gateway.engine import Close, Connect, Effect, Report
from taktwin.gateway.service import Gateway, GatewaySettings
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry, Signal
from taktwin.quality import Quality
from taktwin.twin.engine import Effects, TwinEngine
from taktwin.virtual_plant.model import VirtualPlant
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import Fact, TruthInterval

CHUNK_NS = 60 * SECOND_NS
LOOK_NS = 5 * SECOND_NS  # how often the twin looks at its clock and publishes what changed
POLL_PHASE_NS = 370_000_000  # polls do not happen on the full second
KNOCKS_NS = (-750_000_000, -500_000_000, -250_000_000)  # a lost connection is looked at in between
# A gateway that waits shorter before it knocks again: its waiting is no part of the outage.
PATIENT = {"retry_first_s": 0.25, "retry_max_s": 0.5}


class Outage(NamedTuple):
    """Something done to what lies between a machine and the twin.

    kind: `cut_server` (its connection breaks), `freeze_server` (connected, but silent), `kill_gateway`
    (all connections at once, and nobody says so), `bad_signal` (the device itself calls the value bad),
    `silence_sensor` (one signal is not published any more).
    """

    kind: str
    target: str  # a connection; a signal for `bad_signal` and `silence_sensor`; "" for the gateway
    from_ns: int
    to_ns: int

    def at(self, now_ns: int) -> bool:
        """Return whether it is going on."""
        return self.from_ns <= now_ns < self.to_ns


def deciding_signal(registry: Registry, unit: str) -> Signal | None:
    """Return the signal that tells what a unit does: its state, or its power where it has none.

    Read from the plant model alone, apart from how the twin finds it.
    """
    own = [s for s in registry.signals if s.equipment == unit and s.path in ("state", "power")]
    own.sort(key=lambda signal: signal.path != "state")
    return own[0] if own else None


def hidden(registry: Registry, unit: str, outages: Iterable[Outage]) -> list[tuple[int, int]]:
    """Return when nobody could know what a unit does."""
    signal = deciding_signal(registry, unit)
    assert signal is not None, f"{unit} tells nothing"
    return [
        (outage.from_ns, outage.to_ns)
        for outage in outages
        if outage.kind == "kill_gateway"
        or (outage.kind in ("cut_server", "freeze_server") and outage.target == signal.connection)
        or (outage.kind == "bad_signal" and outage.target == signal.id)
    ]


@dataclass
class Road:
    """One connection: the device's side of it, and the gateway's."""

    name: str
    signals: tuple[Signal, ...]
    poll_ns: int  # 0: the device reports changes by itself
    vouches: bool
    coming: deque[tuple[int, int, Any]] = field(default_factory=deque)  # (instant, signal, value) to happen
    held: dict[int, tuple[int, Any]] = field(default_factory=dict)  # what the device holds now
    bad: dict[int, bool] = field(default_factory=dict)
    running: Running | None = None  # None: no gateway
    attempting: bool = False
    alive: bool = False
    next_poll_ns: int = 0


class Played(NamedTuple):
    """What a run left behind."""

    from_ns: int
    to_ns: int
    truth: dict[str, list[TruthInterval]]
    intervals: dict[str, list[IntervalMessage]]  # as published: the newest revision of each, none withdrawn
    engine: TwinEngine
    readings: int
    scans: int


def play(
    registry: Registry,
    physics: Physics,
    *,
    from_ns: int,
    to_ns: int,
    seed: int,
    outages: Sequence[Outage] = (),
    warm_up_h: float = 0.0,
    everything: bool = False,
    keep: list[Heard] | None = None,
    twin: Callable[[Registry], TwinEngine] = TwinEngine,
    progress: Callable[[int], None] | None = None,
) -> Played:
    """Play [from_ns, to_ns) and return truth and published intervals.

    warm_up_h : the plant has been running for so long when the gateway starts
    everything : all signals travel; without it those that decide a class, and those of outages
    keep : gets all that the twin heard, for playing it to another twin
    """
    return _Play(registry, physics, from_ns, to_ns, seed, outages, warm_up_h, everything, keep, twin).run(
        progress
    )


class Heard(NamedTuple):
    """One message as the twin hears it; an empty payload: the twin looks at its clock."""

    now_ns: int
    subject: str
    payload: bytes


class Ear:
    """A twin with what it published, fed from the wire."""

    def __init__(self, registry: Registry, twin: Callable[[Registry], TwinEngine]) -> None:
        self.engine = twin(registry)
        self._unit_of = {topics.sample(e.place): str(e.id) for e in registry.equipment.values()}
        self._published: dict[str, IntervalMessage] = {}

    def hear(self, message: Heard) -> None:
        """Take one message from the wire, or look at the clock."""
        now_ns, subject, payload = message
        if not payload:
            self._note(self.engine.advance(now_ns))
            return
        unit = self._unit_of.get(subject)
        if unit is None:
            self.engine.apply_fact(events.decode(payload))
            return
        new = self.engine.apply_scan(unit, samples.decode(payload), now_ns)
        assert new, f"a scan of {unit} was refused: {self.engine.counters.rejected_why}"

    def _note(self, effects: Effects) -> None:
        for interval in effects.intervals:
            known = self._published.get(interval.id)
            if known is None or interval.revision > known.revision:
                self._published[interval.id] = interval

    def intervals(self) -> dict[str, list[IntervalMessage]]:
        """Return what stands after all corrections, by unit, in order."""
        found: dict[str, list[IntervalMessage]] = {}
        for interval in self._published.values():
            if not interval.withdrawn:
                found.setdefault(interval.unit, []).append(interval)
        for each in found.values():
            each.sort(key=lambda interval: interval.from_ns)
        return found


def hear_again(
    registry: Registry, heard: Iterable[Heard], twin: Callable[[Registry], TwinEngine]
) -> dict[str, list[IntervalMessage]]:
    """Return what another twin publishes that hears the same."""
    ear = Ear(registry, twin)
    for message in heard:
        ear.hear(message)
    return ear.intervals()


class _Wire:
    """The forwarder's place: what the gateway offers is on the wire at once."""

    def __init__(self, take: Callable[[Record], None]) -> None:
        self.offer = take


class _Plant(VirtualPlant):
    """The virtual plant, reporting only some signals: what happens in it does not depend on them."""

    def __init__(
        self,
        wanted: set[int],
        registry: Registry,
        physics: Physics,
        start_ns: int,
        seed: int,
        sink: Callable[[Fact], None],
    ) -> None:
        self._indices = wanted
        super().__init__(registry, physics, start_ns=start_ns, seed=seed, sink=sink)

    def _wanted(self, signal: Signal) -> bool:
        return signal.index in self._indices


class _Play:
    def __init__(
        self,
        registry: Registry,
        physics: Physics,
        from_ns: int,
        to_ns: int,
        seed: int,
        outages: Sequence[Outage],
        warm_up_h: float,
        everything: bool,
        keep: list[Heard] | None,
        twin: Callable[[Registry], TwinEngine],
    ) -> None:
        self.from_ns, self.to_ns = from_ns, to_ns
        self.outages = outages
        self.ear = Ear(registry, twin)
        self.keep = keep
        self.truth: dict[str, list[TruthInterval]] = {}
        self.readings = self.scans = 0
        wanted = set(range(len(registry.signals))) if everything else self._deciding(registry)
        self.registry = _reduced(registry, wanted)
        start_ns = from_ns - int(warm_up_h * 3600) * SECOND_NS
        self.plant = _Plant(wanted, registry, physics, start_ns, seed, self._note_truth)
        self.plant.skip(from_ns)
        self.entropy = Entropy(seed)
        self.clock = VirtualClock(from_ns)
        self.roads = {name: self._road(name) for name in self.registry.connections}
        self._road_of = {signal.index: road for road in self.roads.values() for signal in road.signals}
        self.address = [signal.address for signal in registry.signals]
        self.single = [
            signal.type == "float32" and self._connector(registry, signal) in ("opcua", "modbus-tcp")
            for signal in registry.signals
        ]
        self.gateway: Gateway | None = None
        self.gateway_since_ns = from_ns

    def _deciding(self, registry: Registry) -> set[int]:
        """Return the signals whose past decides a class: what the twin itself keeps a past of."""
        kept = set(self.ear.engine.state.series)
        by_id = {str(signal.id): signal.index for signal in registry.signals}
        return kept | {by_id[outage.target] for outage in self.outages if outage.target in by_id}

    @staticmethod
    def _connector(registry: Registry, signal: Signal) -> str:
        connection = registry.connections.get(signal.connection)
        return "" if connection is None else connection.connector

    def _road(self, name: str) -> Road:
        connection = self.registry.connections[name]
        polled = connection.connector == "modbus-tcp"
        poll_s = float(connection.settings.get("poll_s", 1.0)) if polled else 0.0
        return Road(
            name=name,
            signals=tuple(self.registry.signals[index] for index in connection.signals),
            poll_ns=round(poll_s * SECOND_NS),
            vouches=connection.connector != "mqtt",
        )

    def _note_truth(self, fact: Fact) -> None:
        # What was true until the begin is needed too: a boundary there may be told late.
        if isinstance(fact, TruthInterval) and fact.to_ns > self.from_ns - SECOND_NS:
            self.truth.setdefault(fact.unit, []).append(fact)

    # -- time ------------------------------------------------------------------------------------

    def run(self, progress: Callable[[int], None] | None) -> Played:
        for report in self.plant.current():
            self._coming(report.source_ns, report.signal, report.value)
        at_ns = self.from_ns
        self._step(at_ns)
        while at_ns < self.to_ns:
            end_ns = min(at_ns + CHUNK_NS, self.to_ns)
            for report in self.plant.advance(end_ns):
                self._coming(report.source_ns, report.signal, report.value)
            while at_ns < end_ns:
                at_ns = min(at_ns + SECOND_NS, end_ns)
                self._step(at_ns)
            if progress is not None:
                progress(at_ns)
        self.plant.finish()
        self._look(self.to_ns)
        return Played(
            self.from_ns, self.to_ns, self.truth, self.ear.intervals(), self.ear.engine, self.readings,
            self.scans,
        )  # fmt: skip

    def _coming(self, at_ns: int, index: int, value: Any) -> None:
        road = self._road_of.get(index)
        if road is None:
            return
        if self.single[index] and isinstance(value, float):
            value = float(np.float32(value))
        elif isinstance(value, bytes) and self.registry.signals[index].type == "array":
            value = np.frombuffer(value, dtype="<f4").astype(np.float64).tolist()
        road.coming.append((at_ns, index, value))

    def _step(self, now_ns: int) -> None:
        for road in self.roads.values():
            while road.poll_ns and road.alive and road.next_poll_ns <= now_ns:
                at_ns, road.next_poll_ns = road.next_poll_ns, road.next_poll_ns + road.poll_ns
                if not self._is_killed(at_ns):
                    self._converse(road, at_ns)
                    self._confirm(road, at_ns, SECOND_NS // 4)  # the gateway looks four times a second
        self._watch_gateway(now_ns)
        for road in self.roads.values():
            if road.running is None:
                continue
            if not road.alive:
                for earlier_ns in KNOCKS_NS:
                    if now_ns + earlier_ns > self.gateway_since_ns:
                        self._knock(road, now_ns + earlier_ns)
                self._knock(road, now_ns)
            elif not road.poll_ns:
                self._converse(road, now_ns)
        self._set(now_ns)
        for road in self.roads.values():
            if not road.poll_ns:
                self._confirm(road, now_ns, SECOND_NS * 3 // 4)
        if now_ns % LOOK_NS == 0:
            self._look(now_ns)

    def _confirm(self, road: Road, now_ns: int, period_ns: int) -> None:
        if road.running is not None:
            road.running.confirm(now_ns, period_ns=period_ns)

    def _set(self, now_ns: int) -> None:
        clock = self.clock
        clock._now_ns = max(now_ns, clock._now_ns)

    def _look(self, now_ns: int) -> None:
        self._hear(Heard(now_ns, "", b""))

    def _hear(self, message: Heard) -> None:
        if self.keep is not None:
            self.keep.append(message)
        self.ear.hear(message)

    # -- the gateway's side ------------------------------------------------------------------------

    def _watch_gateway(self, now_ns: int) -> None:
        killed = self._is_killed(now_ns)
        if killed and self.gateway is not None:
            self.gateway = None
            for road in self.roads.values():
                road.running, road.alive, road.attempting = None, False, False
        elif not killed and self.gateway is None:
            self._set(now_ns)
            self.gateway_since_ns = now_ns
            wire: Any = _Wire(self._take)
            nobody: Any = None
            self.gateway = Gateway(
                self.registry, nobody, wire, self.clock, self.entropy, epoch_ns=now_ns,
                settings=GatewaySettings(),
            )  # fmt: skip
            for name, road in self.roads.items():
                road.running = self.gateway.running[name]
                self._perform(road, road.running.lifecycle.start(now_ns, now_ns))

    def _is_killed(self, now_ns: int) -> bool:
        return any(outage.kind == "kill_gateway" and outage.at(now_ns) for outage in self.outages)

    def _take(self, record: Record) -> None:
        self.scans += record.values >= 0
        self._hear(Heard(self.clock.now_ns(), record.subject, record.payload))

    def _perform(self, road: Road, effects: list[Effect]) -> None:
        running, gateway = road.running, self.gateway
        assert running is not None and gateway is not None, "nothing happens without a gateway"
        for effect in effects:
            match effect:
                case Connect():
                    road.attempting = True
                case Close():
                    road.attempting = road.alive = False
                    for record in running.scans.end(self.clock.now_ns()):
                        self._take(record)
                case Report():
                    gateway.state(running, effect)

    # -- the device's side ------------------------------------------------------------------------

    def _disturbed(self, road: Road, kind: str, now_ns: int) -> bool:
        return any(o.kind == kind and o.target == road.name and o.at(now_ns) for o in self.outages)

    def _knock(self, road: Road, now_ns: int) -> None:
        """Let the gateway try to connect, and let it succeed if somebody answers."""
        running = road.running
        if road.alive or running is None:
            return
        self._set(now_ns)
        lifecycle = running.lifecycle
        self._perform(road, lifecycle.advance(now_ns, now_ns))
        if not road.attempting:
            return
        if self._disturbed(road, "cut_server", now_ns):
            self._perform(road, lifecycle.failed("connection refused", now_ns, now_ns))
        elif not self._disturbed(road, "freeze_server", now_ns):  # a frozen one keeps us waiting
            road.attempting, road.alive = False, True
            running.resolver.forget()
            self._perform(road, lifecycle.connected(now_ns, now_ns))
            road.next_poll_ns = now_ns
            self._converse(road, now_ns, first=True)
            if road.poll_ns:
                road.next_poll_ns = (
                    (now_ns - POLL_PHASE_NS) // road.poll_ns * road.poll_ns + road.poll_ns + POLL_PHASE_NS
                )

    def _converse(self, road: Road, now_ns: int, *, first: bool = False) -> None:
        """Hand over what a connection says up to an instant, and what the gateway makes of it."""
        running = road.running
        assert running is not None, "only a gateway converses"
        self._set(now_ns)
        lifecycle = running.lifecycle
        if self._disturbed(road, "cut_server", now_ns):
            road.alive = False
            self._perform(road, lifecycle.failed("connection reset", now_ns, now_ns))
            return
        if self._disturbed(road, "freeze_server", now_ns):
            self._perform(road, lifecycle.advance(now_ns, now_ns))
            return
        news = self._happen(road, now_ns)
        items: list[Item]
        if first and not road.vouches:
            items = []  # nobody keeps for us what a sensor said before
        elif road.poll_ns:
            items = [self._reading(road, index, None, now_ns) for index in road.held]
        elif first:
            items = [
                self._reading(road, index, at_ns, now_ns, standing=True)
                for index, (at_ns, _) in sorted(road.held.items(), key=lambda item: item[1][0])
            ]
        else:
            items = news
        self.readings += len(items)
        if road.vouches:
            items.append(Confirmed(now_ns))
        running._take(items)

    def _happen(self, road: Road, now_ns: int) -> list[Item]:
        """Let the device's values change up to an instant; return the changes as readings."""
        news: list[Item] = []
        coming, held = road.coming, road.held
        while coming and coming[0][0] <= now_ns:
            at_ns, index, value = coming.popleft()
            news += self._turn(road, at_ns - 1, now_ns)
            held[index] = (at_ns, value)
            if not self._is_bad(index, at_ns) and not self._is_silent(index, at_ns):
                news.append(Reading(self.address[index], value, at_ns, now_ns))
        return news + self._turn(road, now_ns, now_ns)

    def _turn(self, road: Road, until_ns: int, now_ns: int) -> list[Item]:
        """Let values be called bad, or good again, up to an instant: each as it stands there and then."""
        news: list[Item] = []
        for outage in self.outages:
            if outage.kind == "bad_signal" and self._road_of[self._index(outage)] is road:
                index = self._index(outage)
                bad = outage.at(until_ns)
                if bad != road.bad.get(index, False):
                    road.bad[index] = bad
                    stamp_ns = outage.from_ns if bad else outage.to_ns
                    quality = Quality.BAD if bad else Quality.GOOD
                    value = road.held[index][1]
                    road.held[index] = (stamp_ns, value)
                    news.append(Reading(self.address[index], value, stamp_ns, now_ns, quality))
        return news

    def _reading(
        self, road: Road, index: int, at_ns: int | None, now_ns: int, *, standing: bool = False
    ) -> Reading:
        quality = Quality.BAD if road.bad.get(index) else Quality.GOOD
        stamp_ns = now_ns if at_ns is None else at_ns
        return Reading(self.address[index], road.held[index][1], stamp_ns, now_ns, quality, standing=standing)

    def _index(self, outage: Outage) -> int:
        return next(s.index for s in self.registry.signals if s.id == outage.target)

    def _is_bad(self, index: int, at_ns: int) -> bool:
        return any(o.kind == "bad_signal" and o.at(at_ns) and self._index(o) == index for o in self.outages)

    def _is_silent(self, index: int, at_ns: int) -> bool:
        return any(
            o.kind == "silence_sensor" and o.at(at_ns) and self._index(o) == index for o in self.outages
        )


def _reduced(registry: Registry, wanted: set[int]) -> Registry:
    """Return the same plant with only some signals on its connections, and a gateway that knocks sooner."""
    connections = {}
    for name, connection in registry.connections.items():
        signals = tuple(index for index in connection.signals if index in wanted)
        if signals:
            settings: Mapping[str, Any] = {**connection.settings, **PATIENT}
            connections[name] = replace(connection, signals=signals, settings=settings)
    return replace(registry, connections=connections)
