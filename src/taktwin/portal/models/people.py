"""People: what they may do, where they work, what they were there for."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class CertificateModel(Model):
    """A certificate. `why` is why it does not count now, "" where it does."""

    certificate: str
    person: str
    skill: str
    valid_until_ms: int
    granted_ms: int
    revoked: bool
    reason: str
    version: int
    why: str


class StayModel(Model):
    """Where a person is: a work unit, or an activity that is no work on an order."""

    stay: str
    person: str
    work_unit: str
    activity: str
    proof: str
    from_ms: int
    to_ms: int
    ended_day: int


class CrewMember(Model):
    """Somebody logged on at a work unit, and the first skill that they lack for what is next there."""

    person: str
    from_ms: int
    lacks: str
    why: str


class NoteModel(Model):
    """What somebody left for the next shift."""

    note: str
    work_unit: str
    person: str
    text: str
    at_ms: int
    read_by: str
    read_ms: int


class CrewModel(Model):
    """Who works at a work unit. `needs` are the skills that are checked for what runs or is next."""

    work_unit: str
    people: list[CrewMember]
    needs: list[str]
    notes: list[NoteModel]
    activities: list[str]
    badge_prefix: str
    at_ms: int


class PersonModel(Model):
    """A person by number."""

    person: str
    classes: list[str]
    shift_group: str
    pin: bool
    badge: bool
    locked_until_ms: int
    stay: StayModel | None
    certificates: list[CertificateModel]


class PeopleModel(Model):
    """Everybody. `expiring` ends within 30 days or has ended and was not revoked; `notes` nobody read."""

    people: list[PersonModel]
    skills: dict[str, str]
    expiring: list[CertificateModel]
    notes: list[NoteModel]
    at_ms: int


class ShareModel(Model):
    """A piece of somebody's time, and what it was for."""

    person: str
    work_unit: str
    job: str
    activity: str
    from_ms: int
    to_ms: int


class LabourModel(Model):
    """Labour time, the oldest first. What goes on ends now."""

    rows: list[ShareModel]
    at_ms: int
