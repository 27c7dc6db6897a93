"""Signatures."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class RecordSigned(EventData, frozen=True, kw_only=True):
    """A person signed something as it was at this place of the journal (21 CFR 11.50)."""

    event_type: ClassVar[str] = "record.signed"
    signature: str
    kind: str
    record: str
    meaning: str
    person: str
    printed_name: str
    digest: str = ""  # SHA-256 of what was looked at, where it has one
