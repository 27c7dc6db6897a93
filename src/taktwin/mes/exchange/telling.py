"""What happened, as an ERP is told of it: entries of the journal, by class. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from taktwin.contracts.events import CATALOGUE
from taktwin.standards.b2mml import EventOut
from taktwin.storage.journal import Entry

TOLD_MAX = 1_000


@dataclass(frozen=True, slots=True)
class EventClass:
    """Facts that belong together for whoever is told of them."""

    types: tuple[str, ...]  # what the event type begins with
    operations_type: str  # B2MML's OperationsType
    function: str  # B2MML's MOMFunction
    alerts: tuple[str, ...] = ()  # event types that want somebody


CLASSES: Mapping[str, EventClass] = {
    "order": EventClass(("operations.request.",), "Production", "Detailed scheduling"),
    "schedule": EventClass(("schedule.",), "Production", "Detailed scheduling"),
    "job": EventClass(("job.order.",), "Production", "Execution management", ("job.order.aborted",)),
    "stop": EventClass(
        ("equipment.stop.", "equipment.stops."), "Production", "Performance analysis",
        ("equipment.stop.begun",),
    ),
    "hold": EventClass(
        ("unit.held", "unit.released", "lot.disposition.", "quality.suspects."), "Quality",
        "Execution management", ("unit.held", "quality.suspects.held"),
    ),
    "nonconformance": EventClass(
        ("quality.nonconformance.",), "Quality", "Execution management", ("quality.nonconformance.opened",)
    ),
    "scrap": EventClass(("material.scrap", "unit.scrapped"), "Production", "Data collection"),
    "maintenance": EventClass(
        ("maintenance.order.",), "Maintenance", "Execution management", ("maintenance.order.opened",)
    ),
    "material": EventClass(("lot.received", "lot.split", "lot.merged"), "Inventory", "Tracking"),
}  # fmt: skip
USUAL = ("stop", "hold", "nonconformance")  # where whoever asks names no class


def class_of(event_type: str, wanted: Iterable[str]) -> str:
    """Return the first of these classes to which an event belongs; "" = to none."""
    return next((name for name in wanted if event_type.startswith(CLASSES[name].types)), "")


def types_of(wanted: Iterable[str]) -> list[str]:
    """Return every event type of these classes."""
    names = list(wanted)
    return [event_type for event_type in sorted(CATALOGUE) if class_of(event_type, names)]


def told(entries: Iterable[Entry], wanted: Sequence[str]) -> list[EventOut]:
    """Return the entries that belong to these classes, in order."""
    found = []
    for entry in entries:
        name = class_of(entry.event_type, wanted)
        if name:
            found.append(_event(entry, name))
    return found


def _event(entry: Entry, category: str) -> EventOut:
    kind = CLASSES[category]
    said: dict[str, Any] = msgspec.json.decode(entry.content)
    return EventOut(
        sequence=entry.sequence, event_type=entry.event_type, category=category, subject=entry.subject,
        time_ns=entry.time_ns, recorded_ns=entry.recorded_ns, source=entry.on_behalf_of or entry.actor,
        work_unit=str(said.get("work_unit", "")), alert=entry.event_type in kind.alerts,
        operations_type=kind.operations_type, function=kind.function,
        fields={name: msgspec.json.encode(value).decode() for name, value in said.items()},
    )  # fmt: skip
