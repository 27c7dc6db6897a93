"""What is shown: the engine's state as documents, and as frames of what changed since the last one.

A `Framer` remembers what one audience was told (the live pages, or one replay), so that live and
replay speak the same frames. Ages ride along: a source that confirmed again has its signals listed
again about once a second, at most `LISTED_PER_S` signals a second in all.
"""

from __future__ import annotations

from typing import Any

from taktwin.contracts.state import (
    AlarmDocument,
    BufferDocument,
    ConnectionDocument,
    Frame,
    UnitDocument,
)
from taktwin.instants import SECOND_NS
from taktwin.quality import Quality
from taktwin.standards.iso22400 import TimeClass
from taktwin.twin.engine import TwinEngine
from taktwin.twin.state import NEVER, NO_ORIGIN

LISTED_PER_S = 5000
LOOK_EVERY_NS = SECOND_NS // 4  # wall time between two looks at the ages of all signals


def unit_document(engine: TwinEngine, unit: str) -> UnitDocument:
    """Return what is known of a work unit now."""
    values = engine.state.values
    roles = engine.unit_roles.get(unit, {})

    def value(role: str) -> Any:
        index = roles.get(role)
        return None if index is None else values[index]

    timeline = engine.timelines.get(unit)
    shown = [] if timeline is None else timeline.shown(engine.now_ns)[-2:]
    time_class, reason, since_ns, state, program = TimeClass.UNKNOWN.value, "never heard", 0, "", ""
    last_class, last_since_ns, confirmed_ns, inferred = "", 0, 0, False
    if timeline is None:
        reason = "it declares neither a state signal nor power steps"
    else:
        inferred = timeline.inferred
        confirmed_ns = max(timeline.end_ns, 0)
    if timeline is not None and shown:
        current = shown[-1]
        time_class, reason, since_ns = current.time_class, current.reason, current.from_ns
        state, program = current.state, current.program
        if time_class == TimeClass.UNKNOWN:
            known = timeline.last_known(before_ns=since_ns)
            if known is not None:
                last_class, last_since_ns = known.time_class, known.from_ns
    return UnitDocument(
        unit=unit,
        time_class=time_class,
        reason=reason,
        since_ns=since_ns,
        state=state,
        inferred=inferred,
        last_known_class=last_class,
        last_known_since_ns=last_since_ns,
        confirmed_ns=confirmed_ns,
        job=_text(value("job")),
        serial=_text(value("serial")),
        program=program or _text(value("program")),
        good_count=_whole(value("good_count")),
        reject_count=_whole(value("reject_count")),
        cycle_time_s=_number(value("cycle_time")),
        power_kw=_number(value("power")),
        energy_kwh=_number(value("energy")),
    )


def alarm_documents(engine: TwinEngine) -> dict[str, AlarmDocument]:
    """Return the alarms that stand, wait for a person, or are put aside."""
    down = {
        unit
        for unit, timeline in engine.timelines.items()
        if timeline.intervals and timeline.intervals[-1].time_class == TimeClass.PLANNED_DOWN
    }
    found = {}
    for name, alarm in engine.alarms.items():
        state = alarm.state
        if not state.active and state.acknowledged and not alarm.shelved(engine.now_ns):
            continue
        planned_down = alarm.declared.equipment in down
        found[name] = alarm.document(engine.now_ns, planned_down=planned_down)
    return found


class Framer:
    """Makes the frames of one audience."""

    def __init__(self, engine: TwinEngine) -> None:
        self.engine = engine
        self.sequence = 0
        self._units: dict[str, UnitDocument] = {}
        self._alarms: dict[str, AlarmDocument] = {}
        self._buffers: dict[str, BufferDocument] = {}
        self._connections: dict[str, ConnectionDocument] = {}
        self._stale: set[int] = set()
        self._looked_mono = 0
        self._units_mono = 0
        self._listed: dict[tuple[str, str], tuple[int, int]] = {}
        engine.changed.clear()
        self._relist_ns = max(SECOND_NS, len(engine.registry.signals) * SECOND_NS // LISTED_PER_S)

    def full(self, *, at_ns: int, mono_ns: int, state_hash: str) -> Frame:
        """Return the full picture. Its sequence is that of the last frame: the next one follows it."""
        engine = self.engine
        stale = engine.staleness.stale_now(at_ns)
        return Frame(
            sequence=self.sequence,
            at_ns=at_ns,
            mono_ns=mono_ns,
            registry=engine.prefix,
            **self._columns([i for i, at in enumerate(engine.state.source_ns) if at != NEVER], stale),
            units=[unit_document(engine, unit) for unit in engine.unit_roles],
            buffers=list(self._buffer_documents().values()),
            alarms=list(alarm_documents(engine).values()),
            connections=list(self._connection_documents(at_ns, stale).values()),
            **self._ages(stale),
            state_hash=state_hash,
        )

    def next(self, *, at_ns: int, mono_ns: int) -> Frame | None:
        """Return what changed since the last frame, None if nothing did."""
        engine = self.engine
        changed = engine.changed
        engine.changed = set()
        units_of = {engine.unit_of_signal[index] for index in changed} | engine.changed_units
        engine.changed_units = set()
        if mono_ns - self._looked_mono >= LOOK_EVERY_NS:
            self._looked_mono = mono_ns
            stale = engine.staleness.stale_now(at_ns)
            changed |= stale ^ self._stale
            self._stale = stale
            changed |= self._confirmed_again(mono_ns)
        if mono_ns - self._units_mono >= SECOND_NS:
            self._units_mono = mono_ns
            units_of |= set(engine.unit_roles)
        units = self._news(
            self._units, {u: unit_document(engine, u) for u in units_of if u in engine.unit_roles}
        )
        alarms = alarm_documents(engine)
        gone = [
            engine.alarms[name].document(at_ns) for name in self._alarms if name not in alarms
        ]  # back to normal: told once, so that it leaves the list
        for document in gone:
            del self._alarms[document.alarm]
        news = self._news(self._alarms, alarms)
        buffers = self._news(self._buffers, self._buffer_documents())
        connections = self._news(self._connections, self._connection_documents(at_ns, self._stale))
        engine.changed_alarms.clear()
        if not (changed or units or gone or news or buffers or connections):
            return None
        return self._frame(
            at_ns,
            mono_ns,
            **self._columns(sorted(changed), self._stale),
            units=units,
            alarms=[*gone, *news],
            buffers=buffers,
            connections=connections,
        )

    def heartbeat(self, *, at_ns: int, mono_ns: int) -> Frame:
        """Return a frame without news."""
        return self._frame(at_ns, mono_ns)

    def _frame(self, at_ns: int, mono_ns: int, **content: Any) -> Frame:
        self.sequence += 1
        return Frame(
            sequence=self.sequence,
            at_ns=at_ns,
            mono_ns=mono_ns,
            registry=self.engine.prefix,
            **content,
            **self._ages(self._stale),
        )

    def _columns(self, signals: list[int], stale: set[int]) -> dict[str, Any]:
        state, staleness = self.engine.state, self.engine.staleness
        origins = [state.origins[index] for index in signals]
        uncertain = int(Quality.UNCERTAIN)
        return {
            "signals": signals,
            "values": [state.values[index] for index in signals],
            "qualities": [
                max(state.qualities[index], uncertain) if index in stale else state.qualities[index]
                for index in signals
            ],
            "source_ns": [max(state.source_ns[index], 0) for index in signals],
            "confirmed_ns": [max(staleness.confirmed_ns(index), 0) for index in signals],
            "stale": [index in stale for index in signals],
            "received_mono": [origin.received_mono for origin in origins],
            "published_mono": [origin.published_mono for origin in origins],
            "applied_mono": [origin.applied_mono for origin in origins],
            "ingest_ns": [0 if origin is NO_ORIGIN else origin.ingest_ns for origin in origins],
        }

    def _ages(self, stale: set[int]) -> dict[str, Any]:
        staleness = self.engine.staleness
        return {
            "stale_count": len(stale),
            "signal_count": len(self.engine.registry.signals),
            "oldest_stale_ns": max(min((staleness.confirmed_ns(index) for index in stale), default=0), 0),
        }

    def _confirmed_again(self, mono_ns: int) -> set[int]:
        """Return the signals of sources that confirmed since they were listed, each about once a second."""
        found: set[int] = set()
        source_ns = self.engine.state.source_ns
        for key, source in self.engine.state.sources.items():
            listed_mono, listed_end = self._listed.get(key, (0, NEVER))
            end_ns = source.known.end_ns
            if end_ns != listed_end and mono_ns - listed_mono >= self._relist_ns:
                self._listed[key] = (mono_ns, end_ns)
                found.update(index for index in source.signals if source_ns[index] != NEVER)
        return found

    def _buffer_documents(self) -> dict[str, BufferDocument]:
        engine = self.engine
        return {
            b.id: BufferDocument(buffer=b.id, content=engine.buffer_content(b.id), capacity=b.capacity)
            for b in engine.registry.buffers
        }

    def _connection_documents(self, at_ns: int, stale: set[int]) -> dict[str, ConnectionDocument]:
        engine = self.engine
        source_ns = engine.state.source_ns
        found = {}
        for name, connection in engine.registry.connections.items():
            fresh = sum(1 for i in connection.signals if source_ns[i] != NEVER and i not in stale)
            found[name] = engine.staleness.connection(name, at_ns, fresh)
        return found

    def _news(self, told: dict[str, Any], now: dict[str, Any]) -> list[Any]:
        news = [document for name, document in now.items() if told.get(name) != document]
        for name, document in now.items():
            told[name] = document
        return news


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value == value else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
