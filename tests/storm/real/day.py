"""A generated day of a few units of the demo plant: what their machines say, second by second.

The same seed makes the same day in every process, so nobody has to hand it over. What the gateway
makes of it (epochs, numbers of scans) is added by `scans`, from the place at which it began.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from taktwin.contracts import topics
from taktwin.contracts.samples import Scan
from taktwin.plant.registry import Registry

SECOND = 1_000_000_000
START = 1_794_470_400 * SECOND  # 2026-11-12 08:00 UTC, a Thursday
CONNECTIONS = ("line1", "line4")
EVERY_MS = 3000  # a scan of each unit; gaps begin at 5 s
STATES = (6, 6, 6, 6, 4, 5, 11, 9, 2, 3, 17)
EVENNESS = 60  # one value in so many is uncertain or bad


class Said(NamedTuple):
    """One scan as the machine meant it, without what a gateway adds."""

    at_ns: int
    connector: str
    unit: str
    signals: list[int]
    dt_ns: list[int]
    values: list[Any]
    qualities: list[int] | None


def units_of(plant: Registry) -> list[tuple[str, str]]:
    """Return the (connection, unit) pairs that speak in a day."""
    return sorted({(s.connection, str(s.equipment)) for s in plant.signals if s.connection in CONNECTIONS})


def sayings(plant: Registry, *, seed: int, seconds: int, every_ms: int = EVERY_MS) -> Iterator[Said]:
    """Yield what is said in so many seconds, in order of time; each unit speaks every so often."""
    chance = random.Random(f"day {seed}")
    speakers = units_of(plant)
    signals = {
        pair: [s for s in plant.signals if (s.connection, str(s.equipment)) == pair] for pair in speakers
    }
    counts: dict[int, int] = {}
    for turn in range(seconds * 1000 // every_ms):
        for number, (connector, unit) in enumerate(speakers):
            at_ns = START + (turn * every_ms + number * every_ms // len(speakers)) * 1_000_000
            index, dt_ns, values = [], [], []
            for signal in signals[connector, unit]:
                value = _value(chance, signal.role, signal.type, signal.index, counts)
                if value is not None:
                    index.append(signal.index)
                    dt_ns.append(-chance.randint(0, 900) * every_ms * 300)
                    values.append(value)
            qualities = None
            if index and chance.randrange(EVENNESS) == 0:
                qualities = [chance.choice((0, 2, 3)) for _ in index]
            yield Said(at_ns, connector, unit, index, dt_ns, values, qualities)


def _value(chance: random.Random, role: str, kind: str, index: int, counts: dict[int, int]) -> Any:
    roll = chance.random()
    if role == "state":
        return chance.choice(STATES) if roll < 0.12 else None
    if role in ("good_count", "reject_count"):
        if roll < (0.2 if role == "good_count" else 0.01):
            counts[index] = counts.get(index, 0) + 1
            return counts[index]
        return None
    if role == "power":
        return chance.choice((0.1, 0.8, 1.0, 2.5, 3.0, 3.0)) if roll < 0.7 else None
    if roll > 0.06:
        return None
    if kind == "bool":
        return chance.random() < 0.4
    if kind == "string":
        return chance.choice(("J-0017", "00123", "Välle 5", "", "a b"))
    if kind.startswith(("int", "uint")):
        return chance.choice((0, 1, 17, 23)) if kind != "int64" else 2**53 + 1
    if kind.startswith("float"):
        return chance.uniform(-40.0, 90.0)
    return None


def scans(
    said: Iterable[Said], plant: Registry, *, start: int, epoch_ns: int
) -> Iterator[tuple[int, str, Scan]]:
    """Yield (place in the day, message id, scan) of a gateway that began at a place of the day."""
    numbers: dict[tuple[str, str], int] = {}
    for place, one in enumerate(said):
        if place < start:
            continue
        pair = (one.connector, one.unit)
        numbers[pair] = numbers.get(pair, 0) + 1
        scan = Scan(
            registry=plant.prefix,
            connector=one.connector,
            epoch_ns=epoch_ns,
            sequence=numbers[pair],
            t0_ns=one.at_ns,
            signals=one.signals,
            dt_ns=one.dt_ns,
            values=one.values,
            qualities=one.qualities,
            as_of_ns=one.at_ns,
        )
        yield place, f"{one.connector}:{one.unit}:{epoch_ns}:{numbers[pair]}", scan


def subjects(plant: Registry) -> dict[str, str]:
    """Return the subject of the scans of each unit."""
    return {str(e.id): topics.sample(e.place) for e in plant.equipment.values()}
