"""What an event of the MES is about: the first of these that it has."""

from __future__ import annotations

from functools import cache

from taktwin.contracts.events.envelope import EventData

SUBJECTS = (
    "booking", "command", "report", "schedule", "suspicion", "rework", "nonconformance", "unit", "job",
    "lot", "request", "signal", "document",
    "master", "asset", "order", "plan", "tool", "gauge", "spare", "record", "note", "certificate", "stop",
    "person", "work_unit", "account",
)  # fmt: skip


def subject_of(event: EventData) -> str:
    """Return what an event is about."""
    return next(str(found) for name in _named(type(event)) if (found := getattr(event, name)))


@cache
def _named(kind: type[EventData]) -> tuple[str, ...]:
    return tuple(name for name in SUBJECTS if name in kind.__struct_fields__)
