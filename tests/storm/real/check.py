"""What must be equal after a storm, and the undisturbed run that it is compared with.

The undisturbed run is one pure engine that hears the facts of the sample and event streams once, in
order of their time. Rows are not taken from any engine: they are written down from the scans.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from taktwin.contracts import events, samples, topics
from taktwin.contracts.events import CloudEvent
from taktwin.contracts.samples import Scan
from taktwin.history.client import History
from taktwin.plant.registry import Registry
from taktwin.twin import api, snapshot
from taktwin.twin.engine import TwinEngine
from tests.storm.real.day import SECOND
from tests.storm.real.feeder import Wishes, disordered
from tests.storm.real.house import House

GAP_NS = 5 * SECOND
EVER_NS = 1 << 62
Span = tuple[int, int]
Key = tuple[str, str, int, int]  # connector, unit, epoch, number


@dataclass
class Facts:
    """What the streams hold at the end, each fact once."""

    scans: dict[Key, Scan] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)  # in the order of their first arrival
    copies: int = 0  # messages of the sample stream
    events: dict[tuple[str, str], CloudEvent] = field(default_factory=dict)


async def facts(house: House) -> Facts:
    """Read both streams to their ends."""
    bus = await house.bus()
    units = {topics.sample(e.place): str(e.id) for e in house.plant.equipment.values()}
    found = Facts()
    async for batch in bus.read_stream(topics.STREAM_SAMPLES, follow=False, batch=2000):
        for message in batch:
            scan = samples.decode(message.payload)
            found.scans[scan.connector, units[message.subject], scan.epoch_ns, scan.sequence] = scan
            found.ids.setdefault(message.headers[topics.H_MSG_ID], message.sequence)
            found.copies += 1
    async for batch in bus.read_stream(topics.STREAM_EVENTS, follow=False):
        for message in batch:
            event = events.decode(message.payload)
            found.events[event.key] = event
    return found


def undisturbed(plant: Registry, found: Facts, *, now_ns: int, speed: float = 1.0) -> TwinEngine:
    """Return the engine of a run in which nothing happened."""
    engine = TwinEngine(plant, speed=speed)
    for (_, unit, _, _), scan in sorted(found.scans.items(), key=lambda item: (item[1].t0_ns, item[0])):
        engine.apply_scan(unit, scan)
    for event in found.events.values():
        engine.apply_fact(event)
    engine.advance(now_ns)
    return engine


def expected_rows(found: Facts, plant: Registry) -> Counter[tuple[Any, ...]]:
    """Return the rows that a history of these facts has, each exactly once."""
    rows: Counter[tuple[Any, ...]] = Counter()
    for (connector, unit, epoch_ns, number), scan in found.scans.items():
        for position, index in enumerate(scan.signals):
            quality = 0 if scan.qualities is None else scan.qualities[position]
            rows[
                str(plant.signals[index].id), scan.t0_ns + scan.dt_ns[position],
                _bits(scan.values[position]), quality, connector, unit, epoch_ns, number, position,
            ] += 1  # fmt: skip
    return rows


def stored_rows(table: pa.Table) -> Counter[tuple[Any, ...]]:
    """Return the rows of a history in the same form."""
    rows: Counter[tuple[Any, ...]] = Counter()
    names = ("signal", "source_ns", "kind", "f64", "i64", "u64", "text", "bytes", "quality", "connector",
             "unit", "epoch_ns", "sequence", "position")  # fmt: skip
    columns = [table[name].to_pylist() for name in names]
    for signal, at_ns, kind, f64, i64, u64, text, raw, quality, *key in zip(*columns, strict=True):
        value = next((v for v in (f64, i64, u64, text, raw) if v is not None), None)
        if kind == BOOL and value is not None:
            value = bool(value)
        rows[signal, at_ns, _bits(value), quality, *key] += 1
    return rows


BOOL = 1


def _bits(value: Any) -> bytes:
    if isinstance(value, float):
        return b"d" + struct.pack(">d", value)
    return msgspec.msgpack.encode(value)


def timelines(engine: TwinEngine, end_ns: int) -> dict[str, list[tuple[Any, ...]]]:
    """Return the intervals of all units up to an instant, without the open end."""
    return {
        unit: _closed(
            (
                (i.from_ns, i.to_ns, i.time_class, i.reason, i.state, i.program, i.job)
                for i in api.timeline(engine, unit, 0, end_ns)["intervals"]
            ),
            end_ns,
        )
        for unit in engine.timelines
    }


def _closed(intervals: Iterable[tuple[Any, ...]], end_ns: int) -> list[tuple[Any, ...]]:
    shown = [(start, min(to or end_ns, end_ns), *rest) for start, to, *rest in intervals if start < end_ns]
    return sorted(shown)


async def twin_timelines(house: House, units: Iterable[str], end_ns: int) -> dict[str, list[tuple[Any, ...]]]:
    """Return the same from the running twin."""
    found = {}
    for unit in units:
        answer = await house.ask("twin", "timeline", unit=unit, from_ns=1, to_ns=end_ns)
        found[unit] = _closed(
            (
                (i["from"], i.get("to"), i["class"], i.get("reason", ""), i.get("state", ""),
                 i.get("program", ""), i.get("job", ""))
                for i in answer["intervals"]
            ),
            end_ns,
        )  # fmt: skip
    return found


def stored_timelines(history: History, units: Iterable[str], end_ns: int) -> dict[str, list[tuple[Any, ...]]]:
    """Return the same from the published intervals as the history keeps them."""
    table = history.intervals(0, end_ns + 10**18)
    names = ("unit", "from_ns", "to_ns", "time_class", "reason", "state", "program", "job")
    rows = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    return {unit: _closed((row[1:] for row in rows if row[0] == unit), end_ns) for unit in units}


@dataclass
class Run:
    """One life of the feeder: what it was asked, and how it ended."""

    wishes: Wishes
    killed: bool = False
    seen: int = 0  # place in the day up to which it had offered when it ended


def promised(folder: Path, run: int) -> set[str]:
    """Return what a life of the feeder was promised."""
    path = folder / f"promised.{run}"
    text = path.read_text() if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return set(whole.split())


def lost(plant: Registry, found: Facts, runs: list[Run], folder: Path) -> list[str]:
    """Return what should be in the stream and is not, in words.

    Of a gateway that was killed only the last that it offered may be missing: what it was not promised
    yet. Promises come in the order of offering, so nothing before the last promise may be.
    """
    wrong = []
    for run in runs:
        number, promises = run.wishes.run, promised(folder, run.wishes.run)
        gone = sorted(name for name in promises - found.ids.keys() if ":event:" not in name)
        if gone:
            wrong.append(f"life {number}: {len(gone)} acknowledged messages are lost, e.g. {gone[0]}")
        offered = [record.message_id for _, record in disordered(run.wishes, plant)]
        due = offered
        if run.killed:
            last = max((at for at, name in enumerate(offered) if name in promises), default=-1)
            due = offered[: last + 1]
        missing = [name for name in due if name not in found.ids]
        if missing:
            wrong.append(f"life {number}: {len(missing)} of {len(due)} never arrived, e.g. {missing[0]}")
    return wrong


def unseen(found: Facts, plant: Registry) -> dict[str, tuple[list[Span], list[Span]]]:
    """Return for each unit with a state signal where its timeline must be unknown, and where it may be.

    It must be where nobody vouched for longer than the gap; it may be wherever a number is missing, or
    the gateway was another one, and before the first word and after the last.
    """
    state = {
        str(s.equipment): s.index
        for s in plant.signals
        if s.role == "state" and s.connection.startswith("line")
    }
    of_unit: dict[str, list[Scan]] = {}
    for (_, unit, _, _), scan in found.scans.items():
        if unit in state:
            of_unit.setdefault(unit, []).append(scan)
    result = {}
    for unit, said in of_unit.items():
        said.sort(key=lambda scan: (scan.epoch_ns, scan.sequence))
        vouched = [scan.t0_ns for scan in said]
        changed = [
            scan.t0_ns + scan.dt_ns[scan.signals.index(state[unit])]
            for scan in said
            if state[unit] in scan.signals
        ]
        must = [(a, b) for a, b in pairwise(sorted(vouched + changed)) if b - a > GAP_NS]
        may = [
            (a.t0_ns, b.t0_ns)
            for a, b in pairwise(said)
            if b.t0_ns - a.t0_ns > GAP_NS or (b.epoch_ns, b.sequence) != (a.epoch_ns, a.sequence + 1)
        ]
        result[unit] = (must, _joined([(0, vouched[0]), *may, (max(vouched + changed), EVER_NS)]))
    return result


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans with those joined that touch: a single word between two gaps is no known time."""
    found: list[Span] = []
    for start, end in spans:
        if found and found[-1][1] >= start:
            start = found.pop()[0]
        found.append((start, end))
    return found


def bridged(
    lines: Mapping[str, list[tuple[Any, ...]]], spans: Mapping[str, tuple[list[Span], list[Span]]]
) -> list[str]:
    """Return the gaps that a timeline does not show as unknown, and unknown time that is no gap."""
    wrong = []
    for unit, (must, may) in spans.items():
        for start, end in must:
            over = [i for i in lines[unit] if i[0] < end and i[1] > start]
            if not over or any(i[2] != "unknown" for i in over):
                wrong.append(f"{unit}: nobody vouched from {start} to {end}, shown is {over}")
        for i in lines[unit]:
            silent = i[2] == "unknown" and i[3].startswith("no data")
            if silent and not any(a <= i[0] and i[1] <= b for a, b in may):
                wrong.append(f"{unit}: unknown from {i[0]} to {i[1]}, but somebody vouched")
    return wrong


def first_differences(what: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    """Return in words where two timelines differ first."""
    wrong = []
    for unit in sorted({*left, *right}):
        a, b = left.get(unit, []), right.get(unit, [])
        if a != b:
            at = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            wrong.append(
                f"{what}: {unit}[{at}] of {len(a)}/{len(b)}: {a[at : at + 2]} against {b[at : at + 2]}"
            )
    return wrong


async def settled(house: House) -> bool:
    """Return whether twin and historian have everything that the streams hold."""
    bus = await house.bus()
    last = {name: await bus.last_sequence(name) for name in (topics.STREAM_SAMPLES, topics.STREAM_EVENTS)}
    positions = (await house.ask("historian", "status"))["positions"]
    twin = house.health.get("twin")
    return bool(
        all(positions.get(name, 0) >= at for name, at in last.items())
        and twin is not None
        and twin.pid == house.processes["twin"].pid
        and twin.state == "running"
        and twin.counters["last_position"] >= last[topics.STREAM_SAMPLES]
        and twin.counters["outbox"] == 0
    )


async def differences(house: House, runs: list[Run], found: Facts, *, now_ns: int) -> list[str]:
    """Return in what a storm's end differs from an undisturbed run; ends twin and historian."""
    wrong = lost(house.plant, found, runs, house.folder)
    calm = undisturbed(house.plant, found, now_ns=now_ns)
    return wrong + await unlike(house, calm, found, unseen(found, house.plant))


async def unlike(
    house: House, calm: TwinEngine, found: Facts, spans: Mapping[str, tuple[list[Span], list[Span]]]
) -> list[str]:
    """Return in what twin and history differ from an engine that heard the facts in peace; ends both.

    `spans` are the stretches of each unit that must be unknown, and those that may be.
    """
    wrong: list[str] = []
    calm_hash = snapshot.state_hash(calm)
    end_ns = calm.newest_fact_ns()
    lines = timelines(calm, end_ns)
    hashed = await house.ask("twin", "hash")
    if hashed["state_hash"] != calm_hash:
        wrong.append(f"the twin's hash is {hashed['state_hash'][:12]}, undisturbed {calm_hash[:12]}")
    wrong += first_differences("twin", await twin_timelines(house, calm.timelines, end_ns), lines)
    wrong += bridged(lines, spans)
    for name in ("twin", "historian"):
        await _drained(house, name)
    history = History.open(house.data)
    assert not history.asks, "the historian has ended"
    rows, due = stored_rows(history.range(None)), expected_rows(found, house.plant)
    if rows != due:
        more, less = rows - due, due - rows
        wrong.append(
            f"{rows.total()} rows are stored, {due.total()} are due; {more.total()} too many "
            f"{list(more.items())[:1]}, {less.total()} missing {list(less.items())[:1]}"
        )
    kept = {
        (source, number)
        for source, number in zip(
            *(history.events()[name].to_pylist() for name in ("source", "id")), strict=True
        )
    }
    later = {key for key in kept if key[0].endswith("/twin")}
    if kept - later != {key for key in found.events if not key[0].endswith("/twin")}:
        wrong.append(f"{len(kept)} events are stored, {len(found.events)} were told")
    wrong += first_differences("stored", stored_timelines(history, calm.timelines, end_ns), lines)
    return wrong


async def _drained(house: House, name: str) -> None:
    """End a process; the historian first hears what the twin said last."""
    if name == "historian":
        bus = await house.bus()
        last = await bus.last_sequence(topics.STREAM_INTERVALS)
        for _ in range(200):
            status = await house.ask("historian", "status")
            if status["positions"].get(topics.STREAM_INTERVALS, 0) >= last:
                break
            await house.clock.wall_sleep(0.1)
    await house.end(name)
