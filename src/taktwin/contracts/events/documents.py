"""Work instructions: released, withdrawn, read."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.events.envelope import EventData


class DocumentStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a work instruction as it was released."""

    title: str
    text: str
    picture: str  # <SHA-256 of the file>.<suffix>; "": none


class DocumentReleased(EventData, frozen=True, kw_only=True):
    """A revision of a work instruction is in force from an instant on; the whole of it, for ever."""

    event_type: ClassVar[str] = "document.released"
    document: str
    revision: int  # 1, 2, 3
    title: str
    products: list[str]
    operation: str
    required: bool  # nobody begins who has not read it
    digest: str  # SHA-256 of content and files
    steps: list[DocumentStep]
    pdf: str  # <SHA-256 of the file>.pdf; "": none
    effective_from_ns: int
    effective_to_ns: int  # 0: until another revision


class DocumentWithdrawn(EventData, frozen=True, kw_only=True):
    """A revision is out of force, and no older one takes its place."""

    event_type: ClassVar[str] = "document.withdrawn"
    document: str
    revision: int
    cause: str


class DocumentAcknowledged(EventData, frozen=True, kw_only=True):
    """Somebody has read a revision."""

    event_type: ClassVar[str] = "document.acknowledged"
    document: str
    revision: int
    person: str
