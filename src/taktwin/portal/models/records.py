"""Signatures, the device history record and the audit view, as the page takes them."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class DeviationModel(Model):
    """Something that a reviewer has to look at."""

    kind: str
    subject: str
    detail: str
    at: str  # RFC 3339; "" = it has no instant
    by: str


class LookedModel(Model):
    """What was looked at, how often, and how often it was an exception."""

    check: str
    looked_at: int
    exceptions: int


class ReviewModel(Model):
    """A signature under a record; `current`: the record that was looked at is the one of now."""

    printed_name: str
    person: str
    meaning: str
    at: str
    current: bool


class RecordModel(Model):
    """A device history record as its reviewer begins to read it; the whole of it is a download."""

    unit: str
    digest: str
    exceptions: list[DeviationModel]
    looked: list[LookedModel]
    reviews: list[ReviewModel]


class SaidModel(Model):
    """A field of a fact."""

    field: str
    value: str


class FieldChangeModel(Model):
    """The old value beside the new one; new "" may be nothing: the thing was taken out."""

    kind: str
    object: str
    field: str
    old: str
    new: str


class AuditEntryModel(Model):
    """An entry of the journal with what it said and what it changed."""

    sequence: int
    event_type: str
    subject: str
    time_ms: int
    recorded_ms: int
    actor: str
    actor_type: str
    person: str  # on whose behalf; "" = nobody was named
    reason: str
    hash: str
    said: list[SaidModel]
    changes: list[FieldChangeModel]


class AuditModel(Model):
    """Entries of the journal, the newest first."""

    entries: list[AuditEntryModel]
    more: bool


class SignatureModel(Model):
    """An electronic signature."""

    signature: str
    kind: str
    record: str
    meaning: str
    person: str
    printed_name: str
    at_ms: int
    digest: str  # SHA-256 of the record that was looked at; "" = of none


class SignaturesModel(Model):
    """The signatures of a record."""

    signatures: list[SignatureModel]
