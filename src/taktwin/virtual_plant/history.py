"""History as fast as possible: what a gateway would have kept of N days, as columns.

The same model as live, in steps of an hour. Values are reported as the live road would report them:
changes of state at their exact instant, physics on the grid of each signal, polled ones at the
instants of the polls, what lies within the deadband not at all; sensors that publish by themselves
in full, because nobody vouches for them in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taktwin.plant.registry import Registry, Signal
from taktwin.virtual_plant.chance import Floats, Ints
from taktwin.virtual_plant.model import Column, Report, VirtualPlant
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.surroundings import HOUR_NS
from taktwin.virtual_plant.truth import Fact

GOOD = 0
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class HistoryBatch:
    """What one connection said about one unit in a span of time, n rows in time order.

    The source was alive all the time: everything that it had said was vouched for up to `to_ns`,
    unless it is one that cannot vouch.
    """

    connection: str
    unit: str  # the equipment whose signals these are
    from_ns: int
    to_ns: int
    signals: Ints  # (n,) registry index
    source_ns: Ints  # (n,) ascending
    values: Floats | list[Any]  # (n,) an array where all are floats
    quality: int = GOOD
    vouched: bool = True

    def __len__(self) -> int:
        return len(self.signals)


@dataclass(slots=True)
class PlayStatistics:
    """What a run produced."""

    rows: int = 0
    evaluated: int = 0
    parts_started: int = 0
    parts_finished: int = 0
    parts_scrapped: int = 0


@dataclass(slots=True)
class _Road:
    """How the values of one signal travel."""

    signal: Signal
    poll_ns: int  # 0: the source reports changes by itself
    vouched: bool
    single: bool  # travels as float32
    last: Any = None
    known: bool = False


def play(
    registry: Registry,
    physics: Physics,
    *,
    from_ns: int,
    to_ns: int,
    seed: int,
    sink: Callable[[HistoryBatch], None],
    truth: Callable[[Fact], None] | None = None,
    roles: frozenset[str] | None = None,
    resume_ns: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> PlayStatistics:
    """Play a plant that starts empty at `from_ns`, and hand its history to a sink, hour by hour.

    Parameters
    ----------
    sink : takes the batches; those of one hour all come before those of the next
    truth : takes what really happened; without it the truth is thrown away
    roles : only signals of these roles; None: all
    resume_ns : batches that end at or before it are not handed over again; everything else is the
        same as in a run that was never broken off
    progress : told the plant time after each hour

    Returns
    -------
    The counts of the whole run. The same arguments give the same batches.
    """
    plant = VirtualPlant(registry, physics, start_ns=from_ns, seed=seed, sink=truth or _nobody, roles=roles)
    recorder = Recorder(registry)
    statistics = PlayStatistics()
    at_ns = from_ns
    while at_ns < to_ns:
        end_ns = min((at_ns // HOUR_NS + 1) * HOUR_NS, to_ns)
        events, columns = plant.advance_columns(end_ns)
        for batch in recorder.batches(events, columns, from_ns=at_ns, to_ns=end_ns):
            statistics.rows += len(batch)
            if resume_ns is None or batch.to_ns > resume_ns:
                sink(batch)
        statistics.evaluated += len(events) + sum(len(column.source_ns) for column in columns)
        at_ns = end_ns
        if progress is not None:
            progress(at_ns)
    plant.finish()
    tally = plant.world.tally
    statistics.parts_started = tally.started
    statistics.parts_finished = tally.finished
    statistics.parts_scrapped = tally.scrapped
    return statistics


def _nobody(_: Fact) -> None:
    """Throw a fact away."""


@dataclass(slots=True)
class _Gathered:
    """Rows of one (connection, unit) in one hour, floats apart from the rest."""

    signals: list[Ints] = field(default_factory=list)
    source_ns: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    others: list[tuple[int, int, Any]] = field(default_factory=list)


class Recorder:
    """Does what faces and gateway do to values on the live road."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._roads = [self._road(signal) for signal in registry.signals]
        self._pending: dict[tuple[int, int], Any] = {}  # (poll, signal) -> what that poll will find

    def _road(self, signal: Signal) -> _Road:
        connection = self._registry.connections.get(signal.connection)
        connector = "" if connection is None else connection.connector
        polled = connector == "modbus-tcp"
        poll_s = float(connection.settings.get("poll_s", 1.0)) if connection is not None and polled else 0.0
        return _Road(
            signal=signal,
            poll_ns=round(poll_s * SECOND_NS),
            vouched=connector != "mqtt",
            single=signal.type == "float32" and connector in ("opcua", "modbus-tcp"),
        )

    def batches(
        self, events: Sequence[Report], columns: Sequence[Column], *, from_ns: int, to_ns: int
    ) -> list[HistoryBatch]:
        """Return what one hour's reports leave, by connection and unit."""
        gathered: dict[tuple[str, str], _Gathered] = {}
        polled = self._pending
        self._pending = {}
        for report in events:
            road = self._roads[report.signal]
            if road.poll_ns:
                # Of two changes between two polls only the later one is ever seen.
                polled[_poll_after(report.source_ns, road.poll_ns), report.signal] = report.value
            else:
                self._keep_event(report, gathered)
        for column in columns:
            road = self._roads[column.signal]
            if road.poll_ns:
                instants = -(-column.source_ns // road.poll_ns) * road.poll_ns
                values = column.values if isinstance(column.values, list) else column.values.tolist()
                for at_ns, value in zip(instants.tolist(), values, strict=True):
                    polled[at_ns, column.signal] = value
            else:
                self._keep_column(column, gathered)
        for (at_ns, signal), value in sorted(polled.items(), key=lambda item: item[0]):
            if at_ns > to_ns:
                self._pending[at_ns, signal] = value  # that poll is still to come
            else:
                self._keep_event(Report(at_ns, signal, value), gathered)
        made: list[HistoryBatch] = []
        for (connection, unit), rows in sorted(gathered.items()):
            vouched = self._registry.connections[connection].connector != "mqtt"
            made.extend(_batches_of(connection, unit, rows, from_ns, to_ns, vouched))
        return made

    def _keep_event(self, report: Report, gathered: dict[tuple[str, str], _Gathered]) -> None:
        road = self._roads[report.signal]
        value = report.value
        if road.single and isinstance(value, float):
            value = float(np.float32(value))
        if road.known and road.vouched:
            if road.last == value and type(road.last) is type(value):
                return
            if _within(road, value):
                return
        road.last, road.known = value, True
        _of(gathered, road.signal).others.append((report.source_ns, report.signal, value))

    def _keep_column(self, column: Column, gathered: dict[tuple[str, str], _Gathered]) -> None:
        road = self._roads[column.signal]
        rows = _of(gathered, road.signal)
        if isinstance(column.values, list):
            self._keep_list(column, column.source_ns.tolist(), road, rows)
            return
        values = column.values
        if road.single:
            values = values.astype(np.float32).astype(np.float64)
        kept = self._kept(values, road)
        if len(kept):
            rows.signals.append(np.full(len(kept), column.signal, dtype=np.int64))
            rows.source_ns.append(column.source_ns[kept])
            rows.values.append(values[kept])

    def _keep_list(self, column: Column, instants: list[int], road: _Road, rows: _Gathered) -> None:
        for at_ns, value in zip(instants, column.values, strict=True):
            shown = value
            if isinstance(value, bytes) and road.signal.type == "array":
                shown = np.frombuffer(value, dtype="<f4").astype(np.float64).tolist()
            if road.known and road.vouched and (road.last == shown or _within(road, shown)):
                continue
            road.last, road.known = shown, True
            rows.others.append((at_ns, column.signal, shown))

    def _kept(self, values: Floats, road: _Road) -> Ints:
        """Return the places of the values that are news, and remember the last of them."""
        if not road.vouched:
            return np.arange(len(values), dtype=np.int64)
        kept: list[int] | Ints
        if road.signal.deadband <= 0.0:
            before = np.concatenate(([road.last if road.known else np.nan], values[:-1]))
            kept = np.flatnonzero(values != before)
        else:
            kept = _beyond(values.tolist(), road)
        if len(kept):
            road.last, road.known = float(values[kept[-1]]), True
        return np.asarray(kept, dtype=np.int64)


def _beyond(values: list[float], road: _Road) -> list[int]:
    """Return the places of values further than the deadband from the last one that was kept."""
    deadband = road.signal.deadband
    last = float(road.last) if road.known else float("inf")
    kept = []
    for place, value in enumerate(values):
        distance = value - last
        if distance > deadband or -distance > deadband:
            kept.append(place)
            last = value
    return kept


def _poll_after(at_ns: int, poll_ns: int) -> int:
    return -(-at_ns // poll_ns) * poll_ns


def _within(road: _Road, value: Any) -> bool:
    deadband = road.signal.deadband
    if deadband <= 0.0 or isinstance(value, (bool, str, bytes, list)):
        return False
    return bool(abs(value - road.last) <= deadband)


def _of(gathered: dict[tuple[str, str], _Gathered], signal: Signal) -> _Gathered:
    key = (signal.connection, str(signal.equipment))
    rows = gathered.get(key)
    if rows is None:
        rows = gathered[key] = _Gathered()
    return rows


def _batches_of(
    connection: str, unit: str, rows: _Gathered, from_ns: int, to_ns: int, vouched: bool
) -> list[HistoryBatch]:
    made = []
    if rows.values:
        signals = np.concatenate(rows.signals)
        source_ns = np.concatenate(rows.source_ns)
        values = np.concatenate(rows.values)
        order = np.lexsort((signals, source_ns))
        made.append(
            HistoryBatch(
                connection,
                unit,
                from_ns,
                to_ns,
                signals[order],
                source_ns[order],
                values[order],
                GOOD,
                vouched,
            )
        )
    if rows.others:
        rows.others.sort(key=lambda row: row[:2])
        times, numbers, others = zip(*rows.others, strict=True)
        made.append(
            HistoryBatch(
                connection,
                unit,
                from_ns,
                to_ns,
                np.array(numbers, dtype=np.int64),
                np.array(times, dtype=np.int64),
                list(others),
                GOOD,
                vouched,
            )
        )
    return made
