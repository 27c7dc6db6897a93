"""Generated days of a small plant: facts in their natural order, and what disorder does to them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from taktwin.contracts.events import (
    AlarmAcknowledged,
    AlarmCommented,
    AlarmShelved,
    CloudEvent,
    ConnectorStateChanged,
    EventData,
    make,
)
from taktwin.plant.registry import Registry
from taktwin.twin import snapshot
from taktwin.twin.engine import FactEvent, ScanEvent, TwinEngine
from tests.support_registry import SECOND, START, Speaker

Event = ScanEvent | FactEvent
STATES = (6, 6, 6, 4, 5, 11, 9, 2, 3, 17)


@dataclass
class Day:
    """What was said, in the order in which it was said, each with the instant of saying it."""

    said: list[tuple[int, Event]] = field(default_factory=list)
    end_ns: int = START

    def events(self) -> list[Event]:
        """Return the events in their natural order."""
        return [event for _, event in self.said]


def fact(
    content: EventData, at_ns: int, number: int, source: str = "/aurora/northfield/gateway"
) -> FactEvent:
    """Return an event of the durable road."""
    return FactEvent(make(content, source=source, sequence=number, time_ns=at_ns))


def day(plant: Registry, *, seed: int, seconds: int = 400, kills: bool = True) -> Day:
    """Return a day of a few minutes: cycles, states, drifting temperatures, cuts, kills, people."""
    chance = random.Random(seed)
    made = Day(end_ns=START + seconds * SECOND)
    speakers = {name: Speaker(plant, name) for name in ("line1", "line4", "sensors")}
    units = {"turn1": "line1", "wash1": "line1", "deburr1": "line1", "grind1": "line4"}
    state = dict.fromkeys(units, 6)
    good = dict.fromkeys(units, 0)
    temperature = dict.fromkeys(units, 70.0)
    silent_until = dict.fromkeys(speakers, 0)
    number = 0

    def say(at_ns: int, event: Event) -> None:
        made.said.append((at_ns, event))

    def tell(content: EventData, at_ns: int, source: str = "/aurora/northfield/gateway") -> CloudEvent:
        nonlocal number
        number += 1
        event = fact(content, at_ns, number, source)
        say(at_ns, event)
        return event.event

    for second in range(seconds):
        now = START + second * SECOND
        for name in list(speakers):
            if silent_until[name] > second:
                continue
            if kills and chance.random() < 0.004:
                # A killed gateway says nothing; a cut connection says so, and when it is back.
                pause = chance.randint(1, 40)
                silent_until[name] = second + pause
                if chance.random() < 0.5:
                    speakers[name] = Speaker(plant, name, epoch_ns=now)
                else:
                    lost = ConnectorStateChanged(connector=name, state="lost", reason="socket closed")
                    tell(lost, now - chance.randint(0, SECOND))
                    back = ConnectorStateChanged(connector=name, state="running")
                    tell(back, now + pause * SECOND)
        for unit, name in units.items():
            if silent_until[name] > second:
                continue
            values: dict[str, Any] = {}
            qualities = None
            jitter = chance.randint(-900_000_000, 0)
            if unit == "deburr1":
                values["power"] = (jitter, chance.choice((0.1, 0.8, 1.0, 2.5, 3.0, 3.0)))
            else:
                if chance.random() < 0.15:
                    state[unit] = chance.choice(STATES)
                    values["state"] = (jitter, state[unit])
                    values["blocked"] = (jitter, chance.random() < 0.5)
                    values["starved"] = (jitter, chance.random() < 0.3)
                if chance.random() < 0.02:
                    values["mode"] = (jitter, chance.choice((1, 1, 3)))
                temperature[unit] += chance.uniform(-3, 3.2)
                values["spindle/temperature"] = (jitter, round(temperature[unit], 1))
                if chance.random() < 0.05:
                    values["alarm/active"] = (jitter, chance.random() < 0.4)
                    values["alarm/code"] = (jitter, chance.choice((0, 17, 23)))
                if chance.random() < 0.02:
                    values["job"] = (jitter, f"J{chance.randint(1, 5)}")
            if chance.random() < 0.1:
                good[unit] += 1
                values["good_count"] = (jitter, good[unit])
            if chance.random() < 0.02:
                qualities = [chance.choice((0, 2, 3)) for _ in values]
            scan = speakers[name].scan(unit, now, values, qualities=qualities)
            say(now, ScanEvent(unit, scan))
        if second % 10 == 0 and silent_until["sensors"] <= second:
            scan = speakers["sensors"].scan("zone_c", now, {"t0": 21.0, "t1": 22.0}, as_of=False)
            say(now, ScanEvent("zone_c", scan))
        if chance.random() < 0.03:
            alarm = chance.choice(list(plant.limits)).id
            decisions: Sequence[EventData] = (
                AlarmAcknowledged(alarm=alarm, person="eva", comment="seen"),
                AlarmShelved(alarm=alarm, person="eva", until_ns=now + 30 * SECOND),
                AlarmCommented(alarm=alarm, person="ivo", comment="again"),
            )
            tell(chance.choice(decisions), now, "/aurora/northfield/portal")
    return made


def disordered(made: Day, *, seed: int, late_s: float = 3.0, duplicated: float = 0.08) -> list[Event]:
    """Return a day's events late by up to `late_s`, so in another order, and some of them twice."""
    chance = random.Random(seed)
    arrivals: list[tuple[float, int, Event]] = []
    for place, (at_ns, event) in enumerate(made.said):
        arrivals.append((at_ns + chance.random() * late_s * SECOND, place, event))
        while chance.random() < duplicated:
            arrivals.append((at_ns + chance.random() * 5 * late_s * SECOND, place, event))
    return [event for _, _, event in sorted(arrivals, key=lambda row: row[:2])]


def run(
    engine: TwinEngine, events: Iterable[Event], *, restarts: float = 0.0, seed: int = 0, settle: float = 0.2
) -> TwinEngine:
    """Apply events, settling now and then, and restarting from snapshots with some probability.

    A restart forgets all since the snapshot and hears it again, as from the stream.
    """
    chance = random.Random(seed)
    since: list[Event] = []
    kept: bytes | None = None
    for event in events:
        since.append(event)
        feed(engine, event)
        if chance.random() < settle:
            engine.settle()
        if restarts and chance.random() < restarts:
            if chance.random() < 0.5:
                kept = snapshot.encode(snapshot.take(engine, positions={}, at_ns=0))
                since.clear()
            else:
                engine = type(engine)(engine.registry, speed=engine.speed, generation=engine.generation + 1)
                if kept is not None:
                    snapshot.restore(engine, snapshot.decode(kept))
                    engine.generation += 1
                for again in since:
                    feed(engine, again)
    return engine


def feed(engine: TwinEngine, event: Event) -> None:
    """Apply one event without settling."""
    if isinstance(event, ScanEvent):
        engine.apply_scan(event.unit, event.scan, event.ingest_ns)
    else:
        engine.apply_fact(event.event)


def intervals(engine: TwinEngine) -> dict[str, list[tuple[Any, ...]]]:
    """Return all intervals of all units."""
    engine.compute()
    return {unit: [tuple(i) for i in line.intervals] for unit, line in engine.timelines.items()}


def alarms(engine: TwinEngine, now_ns: int) -> dict[str, Any]:
    """Return the state of all alarms that ever were anything but normal."""
    engine.advance(now_ns)
    return {
        name: (alarm.word(now_ns, planned_down=False), alarm.state, alarm.activations)
        for name, alarm in sorted(engine.alarms.items())
        if alarm.activations or alarm.decisions or alarm.base_ns > 0
    }
