"""OperationsEvent: what happened, for whoever shall be told; out and read again. Pure.

Every value of the fact goes with it, as JSON, in an entry of the event's record: nothing is put into words
and lost in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from taktwin.instants import rfc3339
from taktwin.standards.b2mml.message import add, read, start, written

NOUN = "OperationsEvent"


@dataclass(frozen=True, slots=True)
class EventOut:
    """One fact of the journal; instants in nanoseconds since 1970 UTC."""

    sequence: int  # its place in the journal: every reader sees the same one
    event_type: str
    category: str  # the class under which it was asked for
    subject: str
    time_ns: int
    recorded_ns: int
    source: str  # under whose name it is written down
    work_unit: str  # "" = of the site
    alert: bool  # it wants somebody
    operations_type: str  # Production | Maintenance | Quality | Inventory
    function: str  # MOMFunction
    fields: Mapping[str, str]  # name -> JSON of its value


def notify_operations_events(events: Iterable[EventOut], *, sender: str, at_ns: int) -> bytes:
    """Return a NotifyOperationsEvent. The schema wants at least one event, and names its verb Sync."""
    told = list(events)
    bod = f"{sender}-events-{told[0].sequence}-{told[-1].sequence}" if told else f"{sender}-events"
    root, data = start(f"Notify{NOUN}", sender=sender, at_ns=at_ns, bod=bod, verb="Sync")
    for each in told:
        event = add(data, NOUN)
        add(event, "ID", str(each.sequence))
        add(event, "Description", f"{each.event_type} {each.subject}")
        if each.work_unit:
            scope = add(event, "HierarchyScope")
            add(scope, "EquipmentID", each.work_unit)
            add(scope, "EquipmentLevel", "WorkUnit")
        add(event, "EffectiveTimeStamp", rfc3339(each.time_ns))
        add(event, "RecordTimeStamp", rfc3339(each.recorded_ns))
        add(event, "OperationsEventType", "Alert" if each.alert else "Event")
        add(event, "OperationsEventLevel", "Level 3")
        add(event, "OperationsType", each.operations_type)
        add(event, "MOMFunction", each.function)
        add(event, "Category", each.category)
        add(event, "Source", each.source)
        record = add(event, "OperationsEventRecord")
        add(record, "ID", str(each.sequence))
        add(record, "Action", "Observed")
        for name, value in each.fields.items():
            entry = add(record, "OperationsRecordEntry")
            add(entry, "ID", name)
            add(entry, "Description", value)
            add(entry, "ExternalReferenceID", each.subject)
        add(record, "OperationsRecordSpecificationID", each.event_type)
    return written(root)


def read_operations_events(payload: bytes) -> tuple[EventOut, ...]:
    """Return the events of a NotifyOperationsEvent of ours. Raises B2mmlError or Unreadable."""
    found = []
    for noun in read(payload).nouns():
        event_type = noun.text("OperationsEventRecord/OperationsRecordSpecificationID")
        (record,) = noun.every("OperationsEventRecord")
        found.append(EventOut(
            sequence=noun.whole("ID", "a sequence"), event_type=event_type,
            category=noun.text("Category"),
            subject=noun.raw("Description").removeprefix(f"{event_type} "),
            time_ns=noun.instant("EffectiveTimeStamp", "an instant"),
            recorded_ns=noun.instant("RecordTimeStamp", "an instant"), source=noun.raw("Source"),
            work_unit=noun.text("HierarchyScope/EquipmentID"),
            alert=noun.text("OperationsEventType") == "Alert",
            operations_type=noun.text("OperationsType"), function=noun.text("MOMFunction"),
            fields={
                each.text("ID"): each.raw("Description") for each in record.every("OperationsRecordEntry")
            },
        ))  # fmt: skip
    return tuple(found)
