"""What an event of the MES or the ledger is about: the first of these that it has."""

from __future__ import annotations

from functools import cache

from taktwin.contracts.events.envelope import EventData

SUBJECTS = (
    "recommendation", "advice_class",
    "booking", "command", "report", "schedule", "suspicion", "rework", "nonconformance", "unit", "job",
    "lot", "request", "signal", "document",
    "master", "asset", "order", "plan", "tool", "gauge", "spare", "record", "note", "certificate", "stop",
    "person", "work_unit", "account",
)  # fmt: skip


def subject_of(event: EventData) -> str:
    """Return what an event is about."""
    for name in _named(type(event)):
        found = getattr(event, name)
        if found:
            return str(found)
    raise ValueError(f"{type(event).__name__} does not say what it is about")


@cache
def _named(kind: type[EventData]) -> tuple[str, ...]:
    return tuple(name for name in SUBJECTS if name in kind.__struct_fields__)
