"""People: what proves who they are, what they may do, where they work."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class CredentialsChanged(EventData, frozen=True, kw_only=True):
    """What proves that somebody is a person was set or withdrawn; what it is, no event says."""

    event_type: ClassVar[str] = "person.credentials.changed"
    person: str
    pin: bool  # a PIN was set
    badge: bool  # a badge was set
    withdrawn: bool


class PersonNotRecognised(EventData, frozen=True, kw_only=True):
    """A wrong PIN was given for a person."""

    event_type: ClassVar[str] = "person.not.recognised"
    person: str
    wrong: int  # in a row
    locked_until_ns: int  # 0: not locked
    work_unit: str = ""


class CertificateGranted(EventData, frozen=True, kw_only=True):
    """A person is certified for a skill until an instant."""

    event_type: ClassVar[str] = "person.certificate.granted"
    certificate: str
    person: str
    skill: str
    valid_until_ns: int


class CertificateRevoked(EventData, frozen=True, kw_only=True):
    """A certificate was taken away before its end."""

    event_type: ClassVar[str] = "person.certificate.revoked"
    certificate: str
    person: str
    skill: str
    cause: str


class LabourLoggedOn(EventData, frozen=True, kw_only=True):
    """A person works at a work unit from here on."""

    event_type: ClassVar[str] = "labour.logged.on"
    stay: str
    person: str
    work_unit: str
    proof: str  # badge | pin


class LabourIndirectStarted(EventData, frozen=True, kw_only=True):
    """A person does something from here on that is no work on an order."""

    event_type: ClassVar[str] = "labour.indirect.started"
    stay: str
    person: str
    activity: str


class LabourLoggedOff(EventData, frozen=True, kw_only=True):
    """A stay of a person ended: at a work unit, or in indirect time."""

    event_type: ClassVar[str] = "labour.logged.off"
    stay: str
    person: str
    work_unit: str
