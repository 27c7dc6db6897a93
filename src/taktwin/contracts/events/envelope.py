"""CloudEvents 1.0 with typed data: what every event has in common.

`source`+`id` is the idempotency key, `sequence` is monotonic per source.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.instants import parse_rfc3339, rfc3339

PREFIX = "org.taktwin."


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all event data; a subclass names its type once."""

    event_type: ClassVar[str]
    major: ClassVar[int] = 1


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
