"""The catalogue of facts: CloudEvents 1.0 with typed data.

`source`+`id` is the idempotency key, `sequence` is monotonic per source. An event enters this
catalogue when something emits it; a test enumerates the catalogue and finds the emitter.
Unknown enumeration values decode as `UNKNOWN`, never as an error.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from taktwin.instants import parse_rfc3339, rfc3339

PREFIX = "org.taktwin."


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all event data; a subclass names its type once."""

    event_type: ClassVar[str]
    major: ClassVar[int] = 1


class ConnectorStateChanged(EventData, frozen=True, kw_only=True):
    """A connection to a source was made, lost or refused. `time` is when it became so.

    For `lost` the time is the last instant at which the source was known to be alive.
    """

    event_type: ClassVar[str] = "connector.state.changed"
    connector: str
    state: str  # connecting | running | degraded | lost | stopped
    reason: str = ""
    work_units: list[str] = []


class AlarmRaised(EventData, frozen=True, kw_only=True):
    """An alarm condition became true: a level-2 alarm, a limit, a silence."""

    event_type: ClassVar[str] = "equipment.alarm.raised"
    alarm: str  # stable id: <signal or equipment id>:<condition>
    equipment: str
    kind: str  # limit | machine | silence
    priority: int  # 1, 2, 3
    message: str
    response: str
    consequence: str
    owner_role: str
    cause: str = ""  # the supply or source that it is grouped by
    signal: str = ""
    value: Any = None
    limit: float | None = None


class AlarmCleared(EventData, frozen=True, kw_only=True):
    """The condition is no longer true."""

    event_type: ClassVar[str] = "equipment.alarm.cleared"
    alarm: str
    equipment: str


class AlarmAcknowledged(EventData, frozen=True, kw_only=True):
    """A person took notice. This acknowledges nothing in the machine."""

    event_type: ClassVar[str] = "equipment.alarm.acknowledged"
    alarm: str
    person: str
    comment: str = ""


class AlarmShelved(EventData, frozen=True, kw_only=True):
    """A person put an alarm aside until an instant, with a reason."""

    event_type: ClassVar[str] = "equipment.alarm.shelved"
    alarm: str
    person: str
    until_ns: int
    comment: str = ""


class AlarmUnshelved(EventData, frozen=True, kw_only=True):
    """A person brought a shelved alarm back, or its time was over."""

    event_type: ClassVar[str] = "equipment.alarm.unshelved"
    alarm: str
    person: str = ""


class AlarmCommented(EventData, frozen=True, kw_only=True):
    """A person added a comment to an alarm."""

    event_type: ClassVar[str] = "equipment.alarm.commented"
    alarm: str
    person: str
    comment: str


class SnapshotTaken(EventData, frozen=True, kw_only=True):
    """The twin stored its state together with its stream positions."""

    event_type: ClassVar[str] = "twin.snapshot.taken"
    state_hash: str
    registry_hash: str
    positions: dict[str, int]


CATALOGUE: dict[str, type[EventData]] = {
    kind.event_type: kind
    for kind in (
        ConnectorStateChanged,
        AlarmRaised,
        AlarmCleared,
        AlarmAcknowledged,
        AlarmShelved,
        AlarmUnshelved,
        AlarmCommented,
        SnapshotTaken,
    )
}


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The envelope in structured mode, exactly the attributes of CloudEvents 1.0 plus ours."""

    id: str
    source: str  # /<enterprise>/<site>/<process>[/<connector>]
    type: str  # org.taktwin.<name>.v<major>
    time: str  # RFC 3339: when it happened at its source
    specversion: str  # "1.0", always written
    datacontenttype: str = "application/json"
    subject: str = ""  # equipment id, alarm id: what it is about
    sequence: str = ""  # 20 digits, zero-padded
    ingesttime: str = ""
    recordedtime: str = ""
    correlationid: str = ""
    causationid: str = ""
    authid: str = ""
    data: msgspec.Raw  # JSON of the event type's own struct

    @property
    def key(self) -> tuple[str, str]:
        """Return the idempotency key."""
        return (self.source, self.id)

    @property
    def name(self) -> str:
        """Return the catalogue name, without prefix and major version."""
        return self.type.removeprefix(PREFIX).rpartition(".v")[0]

    @property
    def time_ns(self) -> int:
        """Return when it happened, in nanoseconds."""
        return parse_rfc3339(self.time)


def make(
    content: EventData,
    *,
    source: str,
    sequence: int,
    time_ns: int,
    subject: str = "",
    event_id: str = "",
    authid: str = "",
) -> CloudEvent:
    """Return the event of some content. Its id defaults to the sequence, unique within the source."""
    return CloudEvent(
        id=event_id or f"{sequence:020d}",
        source=source,
        specversion="1.0",
        type=f"{PREFIX}{content.event_type}.v{content.major}",
        time=rfc3339(time_ns),
        subject=subject,
        sequence=f"{sequence:020d}",
        authid=authid,
        data=msgspec.Raw(msgspec.json.encode(content)),
    )


_decoder = msgspec.json.Decoder(CloudEvent)


def encode(event: CloudEvent) -> bytes:
    """Return the structured JSON of an event."""
    return msgspec.json.encode(event)


def decode(payload: bytes) -> CloudEvent:
    """Return the event of a payload. Raises msgspec.DecodeError where it is none."""
    return _decoder.decode(payload)


def content_of(event: CloudEvent) -> EventData | None:
    """Return the typed data, or None for a type that this release does not know."""
    kind = CATALOGUE.get(event.name)
    return None if kind is None else msgspec.json.decode(event.data, type=kind)
