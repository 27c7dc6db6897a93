"""The state hash, and the snapshot: state and stream positions in one file, written at once or not.

The hash is SHA-256 over a canonical encoding: each section has its name and length, numbers are
big-endian, there is one NaN. In it is what was: registry hash, values with source time and quality,
classes, jobs, counters, buffers, intervals of the last two production days, sums of their classes.
Left out is how we heard of it: ingest and record times, stream positions, confirmations as such,
past flags of staleness. Alarms are a view on the state and not in it.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from taktwin.errors import StoreError
from taktwin.twin.alarms import Activation, Alarm, Decision, Fold
from taktwin.twin.engine import TwinEngine
from taktwin.twin.state import Origin, Ranges, Seen, Series
from taktwin.twin.timeline import ConnectionFact, Interval

VERSION = 3
NAN = struct.pack(">Q", 0x7FF8_0000_0000_0000)
_INT = struct.Struct(">q")
_FLOAT = struct.Struct(">d")
_SIZE = struct.Struct(">I")
FAR_NS = 1 << 62
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1

Section = Callable[[TwinEngine, int], Iterator[bytes]]


# -- canonical encoding ------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """Return the one encoding of a value: a letter for its type, then big-endian bytes."""
    if value is None:
        return b"N"
    if value is True:
        return b"T"
    if value is False:
        return b"F"
    if isinstance(value, int):
        if INT64_MIN <= value <= INT64_MAX:
            return b"i" + _INT.pack(value)
        digits = str(value).encode()
        return b"I" + _SIZE.pack(len(digits)) + digits
    if isinstance(value, float):
        return b"d" + (NAN if math.isnan(value) else _FLOAT.pack(value))
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        return b"s" + _SIZE.pack(len(raw)) + raw
    if isinstance(value, bytes):
        return b"b" + _SIZE.pack(len(value)) + value
    if isinstance(value, list | tuple):
        return b"l" + _SIZE.pack(len(value)) + b"".join(map(canonical, value))
    if isinstance(value, dict):
        pairs = sorted((canonical(key), canonical(item)) for key, item in value.items())
        return b"m" + _SIZE.pack(len(pairs)) + b"".join(key + item for key, item in pairs)
    raise TypeError(f"a value of type {type(value).__name__} cannot be in the state")


def _registry(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    yield canonical(engine.registry.hash)


def _values(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    for index, value in enumerate(engine.state.values):
        yield canonical(index) + canonical(value)


def _source_times(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    for index, at_ns in enumerate(engine.state.source_ns):
        yield canonical(index) + canonical(at_ns)


def _qualities(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    for index, quality in enumerate(engine.state.qualities):
        yield canonical(index) + canonical(int(quality))


class Sealed:
    """The closed intervals of a unit, hashed and summed; a hundred thousand of them in two days.

    They hardly ever change, so the next hash goes on from here instead of from the beginning.
    """

    def __init__(self, from_ns: int) -> None:
        self.from_ns = from_ns
        self.count = 0
        self.digest = hashlib.sha256()
        self.sums: dict[str, int] = {}

    def add(self, interval: Interval) -> None:
        """Take the next closed interval."""
        assert interval.to_ns is not None, "only the last interval is open"
        self.digest.update(canonical(tuple(interval)))
        lasted_ns = interval.to_ns - interval.from_ns
        self.sums[interval.time_class] = self.sums.get(interval.time_class, 0) + lasted_ns
        self.count += 1


def _sealed(engine: TwinEngine, unit: str, cut_ns: int) -> tuple[Sealed, list[Interval]]:
    """Return the closed intervals that end after an instant, and the open one if there is one."""
    line = engine.timelines[unit]
    intervals = line.intervals
    first = bisect_right(intervals, cut_ns, key=lambda i: FAR_NS if i.to_ns is None else i.to_ns)
    is_open = bool(intervals) and intervals[-1].to_ns is None
    last = len(intervals) - is_open
    from_ns = intervals[first].from_ns if first < len(intervals) else cut_ns
    sealed = line.sealed
    if sealed is None or sealed.from_ns != from_ns or first + sealed.count > line.unsealed:
        sealed = Sealed(from_ns)
    for interval in intervals[first + sealed.count : last]:
        sealed.add(interval)
    line.sealed, line.unsealed = sealed, last
    return sealed, intervals[last:]


def _classes(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    """Yield each unit's class by the facts; what the live edge hides is no part of the state."""
    for unit, timeline in sorted(engine.timelines.items()):
        last = timeline.intervals[-1] if timeline.intervals else None
        yield canonical((unit, last.time_class if last else "", last.state if last else ""))


def _jobs(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    for unit, roles in engine.unit_roles.items():
        for role in ("job", "serial", "program", "product"):
            if role in roles:
                yield canonical((unit, role, engine.state.values[roles[role]]))


def _counters(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    for unit, roles in engine.unit_roles.items():
        for role in ("good_count", "reject_count", "energy"):
            if role in roles:
                yield canonical((unit, role, engine.state.values[roles[role]]))


def _buffers(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    for buffer in engine.registry.buffers:
        yield canonical((buffer.id, engine.buffer_content(buffer.id)))


def _intervals(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    for unit in sorted(engine.timelines):
        sealed, still_open = _sealed(engine, unit, cut_ns)
        yield canonical((unit, sealed.count, sealed.digest.digest()))
        for interval in still_open:
            yield canonical(tuple(interval))


def _elements(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
    """Yield the time elements of each unit: the sums of its classes over the closed, kept intervals."""
    for unit in sorted(engine.timelines):
        yield canonical((unit, _sealed(engine, unit, cut_ns)[0].sums))


# What is in the hash. A test leaves out each section and expects that somebody notices.
SECTIONS: dict[str, Section] = {
    "registry": _registry,
    "values": _values,
    "source_times": _source_times,
    "qualities": _qualities,
    "classes": _classes,
    "jobs": _jobs,
    "counters": _counters,
    "buffers": _buffers,
    "intervals": _intervals,
    "elements": _elements,
}


def state_hash(engine: TwinEngine, sections: dict[str, Section] | None = None) -> str:
    """Return the hash of the state, in hex. Facts that were applied but not settled are settled first."""
    engine.compute()
    cut_ns = engine.kept_from_ns()
    digest = hashlib.sha256()
    for name, section in (SECTIONS if sections is None else sections).items():
        body = b"".join(section(engine, cut_ns))
        digest.update(canonical(name) + struct.pack(">Q", len(body)))
        digest.update(body)
    return digest.hexdigest()


# -- snapshot ----------------------------------------------------------------------------------


class Snapshot(msgspec.Struct, kw_only=True):
    """Everything a twin needs to go on exactly where it was."""

    version: int = VERSION
    registry_hash: str
    state_hash: str
    at_ns: int  # plant time
    now_ns: int  # how far the engine's time had advanced
    speed: float
    generation: int
    event_sequence: int = 0
    positions: dict[str, int] = {}  # stream -> everything up to here is in the state
    newest_ns: int = 0
    values: list[Any]
    source_ns: list[int]
    qualities: list[int]
    origins: list[Any]
    series: list[Any]
    sources: list[Any]
    connections: list[Any]
    timelines: list[Any]
    watches: list[Any]
    alarms: list[Any]
    own_period: list[Any]
    must_move: list[Any]


def take(
    engine: TwinEngine,
    *,
    positions: dict[str, int],
    at_ns: int,
    event_sequence: int = 0,
    facts_from_ns: int | None = None,
) -> Snapshot:
    """Return the engine's content.

    With `facts_from_ns` older facts and intervals are left out: enough to show and go on from that
    instant (the recorder's pictures), but not for corrections of what was before.
    """
    hashed = state_hash(engine)
    origins: list[Any] = []
    numbers: dict[Origin, int] = {}
    for origin in engine.state.origins:
        if origin not in numbers:
            numbers[origin] = len(numbers)
            origins.append(list(origin))
    light = engine if facts_from_ns is None else _lightened(engine, facts_from_ns)
    state = light.state
    return Snapshot(
        registry_hash=engine.registry.hash,
        state_hash=hashed,
        at_ns=at_ns,
        now_ns=engine.now_ns,
        speed=engine.speed,
        generation=engine.generation,
        event_sequence=event_sequence,
        positions=positions,
        newest_ns=engine.newest_fact_ns(),
        values=state.values,
        source_ns=state.source_ns,
        qualities=[int(quality) for quality in state.qualities],
        origins=[origins, [numbers[origin] for origin in state.origins]],
        series=[[index, series.pack()] for index, series in state.series.items()],
        sources=[
            [
                source.connector,
                source.unit,
                [[epoch, seen.ranges] for epoch, seen in source.seen.items()],
                [[epoch, at] for epoch, at in source.as_of.items()],
                [[epoch, at] for epoch, at in source.first.items()],
                source.known.starts,
                source.known.ends,
                source.heard_ns,
            ]
            for source in state.sources.values()
        ],
        connections=[
            [name, [[list(key), list(fact)] for key, fact in facts.items()]]
            for name, facts in engine.connection_facts.items()
        ],
        timelines=[
            [
                timeline.unit,
                list(timeline.intervals),
                timeline.edge_ns,
                timeline.pruned_ns,
                dict(timeline.revisions),
                *timeline.untold(),
            ]
            for timeline in light.timelines.values()
        ],
        watches=[[index, watch.pack()] for index, watch in engine.watches.items()],
        alarms=[_pack_alarm(alarm) for alarm in engine.alarms.values()],
        own_period=[[i, r.starts, r.ends] for i, r in engine.staleness.own_period.items()],
        must_move=[[i, series.pack()] for i, series in engine.staleness.must_move.items()],
    )


def restore(engine: TwinEngine, snapshot: Snapshot) -> None:
    """Put a snapshot's content into a fresh engine of the same plant.

    Raises
    ------
    StoreError
        If the snapshot is of another version or of another plant: the twin then starts from the
        streams, which tell the same.
    """
    if snapshot.version != VERSION:
        raise StoreError(f"the snapshot has version {snapshot.version}, this release reads {VERSION}")
    if snapshot.registry_hash != engine.registry.hash:
        raise StoreError(
            f"the snapshot is of the plant {snapshot.registry_hash[:12]}, not of {engine.registry.prefix}"
        )
    state = engine.state
    state.values[:] = snapshot.values
    state.source_ns[:] = snapshot.source_ns
    state.qualities[:] = snapshot.qualities
    origins = [Origin(*fields) for fields in snapshot.origins[0]]
    state.origins[:] = [origins[number] for number in snapshot.origins[1]]
    for index, content in snapshot.series:
        # The tables hold on to the series: filled, not replaced.
        _fill(state.series[index], Series.unpack(content))
    for connector, unit, seen, as_of, first, starts, ends, heard_ns in snapshot.sources:
        source = state.sources[connector, unit]
        source.seen = {epoch: Seen([list(pair) for pair in ranges]) for epoch, ranges in seen}
        source.as_of, source.first = dict(as_of), dict(first)
        source.known = Ranges(engine.gap_ns, list(starts), list(ends))
        source.heard_ns = heard_ns
        if source.seen:
            source.epoch_ns = max(source.seen)
            source.last = source.seen[source.epoch_ns].ranges[-1]
    for name, facts in snapshot.connections:
        for key, fact in facts:
            at_ns, sequence, source_name, event_id, said, reason, units = fact
            made = ConnectionFact(at_ns, sequence, source_name, event_id, said, reason, tuple(units))
            engine.connection_facts[name][key[0], key[1]] = made
        engine.staleness.heard_of(name)
    for unit, intervals, edge_ns, pruned_ns, revisions, untold, told in snapshot.timelines:
        timeline = engine.timelines[unit]
        timeline.intervals[:] = [Interval(*fields) for fields in intervals]
        timeline.edge_ns = edge_ns
        timeline.pruned_ns = pruned_ns
        timeline.revisions = dict(revisions)
        timeline.was_told(untold, [Interval(*fields) for fields in told])
        if timeline.source is not None:
            timeline.losses = engine.staleness.losses_of(timeline.source.connector, unit)
        timeline.plan_ahead()
    for index, content in snapshot.watches:
        engine.watches[index].unpack(content)
        engine.look_again_at(index)  # samples may have been heard that no settling has looked at yet
    for fields in snapshot.alarms:
        _unpack_alarm(engine, fields)
    for index, starts, ends in snapshot.own_period:
        ranges = engine.staleness.own_period[index]
        ranges.starts[:], ranges.ends[:] = starts, ends
    for index, content in snapshot.must_move:
        _fill(engine.staleness.must_move[index], Series.unpack(content))
    engine.now_ns = snapshot.now_ns
    engine.tell_again()


def _fill(series: Series, content: Series) -> None:
    series.times, series.epochs = content.times, content.epochs
    series.sequences, series.values = content.sequences, content.values


def _lightened(engine: TwinEngine, facts_from_ns: int) -> TwinEngine:
    """Return a copy without what was before an instant; the values, sources and alarms are shared."""
    copy = TwinEngine(engine.registry, speed=engine.speed, generation=engine.generation)
    copy.state.values, copy.state.source_ns = engine.state.values, engine.state.source_ns
    copy.state.qualities, copy.state.origins = engine.state.qualities, engine.state.origins
    copy.state.sources = engine.state.sources
    for index, series in engine.state.series.items():
        _fill(copy.state.series[index], Series.unpack(series.pack()))
        copy.state.series[index].drop_before(facts_from_ns)
    for unit, timeline in engine.timelines.items():
        copied = copy.timelines[unit]
        copied.intervals = list(timeline.intervals)
        copied.edge_ns = timeline.edge_ns
        copied.revisions, copied.published = dict(timeline.revisions), dict(timeline.published)
        copied.published_order = list(timeline.published_order)
        copied.pruned_ns = timeline.pruned_ns
        copied.drop_before(facts_from_ns)
    return copy


def _pack_alarm(alarm: Alarm) -> list[Any]:
    return [
        alarm.declared.alarm,
        list(alarm.base),
        alarm.base_ns,
        [list(activation) for activation in alarm.activations],
        [list(decision) for decision in alarm.decisions],
        [[raised, cleared] for raised, cleared in alarm.announced.items()],
        alarm.unshelved_ns,
    ]


def _unpack_alarm(engine: TwinEngine, fields: list[Any]) -> None:
    alarm_id, base, base_ns, activations, decisions, announced, unshelved_ns = fields
    alarm = engine.alarms.get(alarm_id) or engine.staleness.alarms.get(alarm_id)
    if alarm is None:
        return
    engine.alarms[alarm_id] = alarm
    alarm.base, alarm.base_ns = Fold(*base), base_ns
    alarm.decisions = [Decision(*decision) for decision in decisions]
    alarm.announced = dict(announced)
    alarm.unshelved_ns = unshelved_ns
    alarm.remember([Activation(*activation) for activation in activations])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """Return the content of a snapshot file."""
    return _encoder.encode(snapshot)


def decode(content: bytes) -> Snapshot:
    """Return the snapshot of a file's content. Raises msgspec.DecodeError where it is none."""
    return _decoder.decode(content)


def write(content: bytes, path: Path) -> None:
    """Write a snapshot's content so that a reader finds the old file or the new one whole.

    Raises
    ------
    StoreError
        If the disk refuses; the old file still stands.
    """
    aside = path.with_suffix(".aside")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        if os.name == "posix":  # only there a folder can be flushed, and has to be
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise StoreError(f"{path}: the snapshot was not written: {error}") from error


def read(path: Path) -> Snapshot | None:
    """Return the snapshot of a file, None if there is none.

    Raises
    ------
    StoreError
        If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        return decode(path.read_bytes())
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise StoreError(f"{path}: not a snapshot: {error}") from error


__all__ = [
    "SECTIONS",
    "Snapshot",
    "canonical",
    "decode",
    "encode",
    "read",
    "restore",
    "state_hash",
    "take",
    "write",
]
