"""The twin's answers. Requests are MessagePack maps, answers MessagePack of what each function returns.

| query | request | answer |
|---|---|---|
| `snapshot` | {} | a full `Frame` |
| `unit` | {unit} | a `UnitDocument` |
| `timeline` | {unit, from_ns, to_ns} | {intervals, sums: {class: seconds}, sums_ns, from_ns, to_ns} |
| `alarms` | {} | {alarms: [AlarmDocument], groups: [{cause, priority, alarms}]} |
| `hops` | {} | {connection: [HopStatistics]} |
| `hash` | {} | {state_hash, registry_hash, at_ns, newest_ns} |
"""

from __future__ import annotations

from typing import Any

from taktwin.contracts.state import AlarmDocument, IntervalMessage
from taktwin.instants import SECOND_NS
from taktwin.measures.time_classes import sums_ns
from taktwin.twin import frames, snapshot
from taktwin.twin.engine import TwinEngine
from taktwin.twin.timeline import Interval, spans


def timeline(engine: TwinEngine, unit: str, from_ns: int, to_ns: int) -> dict[str, Any]:
    """Return the intervals of a unit that touch a window, and how long each class lasted in it.

    The sums add up to the window; what was before the first fact is unknown. An unknown unit has
    no intervals and only unknown time.
    """
    engine.compute()
    line = engine.timelines.get(unit)
    shown: list[Interval] = [] if line is None else line.shown(from_ns)
    touched = [i for i in shown if i.from_ns < to_ns and (i.to_ns is None or i.to_ns > from_ns)]
    sums = sums_ns(spans(touched), from_ns=from_ns, to_ns=to_ns)
    return {
        "intervals": [message(unit, interval) for interval in touched],
        "sums": {name.value: total / SECOND_NS for name, total in sums.items()},
        "sums_ns": {name.value: total for name, total in sums.items()},
        "from_ns": from_ns,
        "to_ns": to_ns,
    }


def message(unit: str, interval: Interval) -> IntervalMessage:
    """Return an interval in its wire form."""
    return IntervalMessage(
        id=f"{unit}:{interval.from_ns}",
        unit=unit,
        from_ns=interval.from_ns,
        to_ns=interval.to_ns,
        time_class=interval.time_class,
        reason=interval.reason,
        state=interval.state,
        program=interval.program,
        job=interval.job,
    )


def alarms(engine: TwinEngine) -> dict[str, Any]:
    """Return what stands or waits for somebody, grouped by cause."""
    documents = list(frames.alarm_documents(engine).values())
    return {"alarms": documents, "groups": groups(documents)}


def groups(documents: list[AlarmDocument]) -> list[dict[str, Any]]:
    """Return one group a cause; it has the highest priority of its members. No cause: a group of its own."""
    found: dict[str, list[AlarmDocument]] = {}
    for document in documents:
        found.setdefault(document.cause or document.alarm, []).append(document)
    return [
        {
            "cause": cause,
            "priority": min(member.priority for member in members),
            "alarms": [member.alarm for member in members],
        }
        for cause, members in found.items()
    ]


def hashed(engine: TwinEngine, at_ns: int) -> dict[str, Any]:
    """Return the state hash and what it is of."""
    return {
        "state_hash": snapshot.state_hash(engine),
        "registry_hash": engine.registry.hash,
        "at_ns": at_ns,
        "newest_ns": engine.newest_fact_ns(),
    }
