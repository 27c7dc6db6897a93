"""Facts of the durable road as the engine takes them: what connections say of themselves, what people decide.

Comes in: a CloudEvent. Goes out: a fact with a key made of `source` and `id`, or None where the event
means nothing to the twin (its own alarms come back to it, too).
"""

from __future__ import annotations

from typing import NamedTuple

from taktwin.contracts.events import (
    AlarmAcknowledged,
    AlarmCommented,
    AlarmShelved,
    AlarmUnshelved,
    CloudEvent,
    ConnectorStateChanged,
    content_of,
)
from taktwin.twin.alarms import BY_TIME, Decision
from taktwin.twin.timeline import ConnectionFact


class OfConnection(NamedTuple):
    """What a connection said of itself."""

    connector: str
    fact: ConnectionFact


class OfAlarm(NamedTuple):
    """What a person decided about an alarm."""

    alarm: str
    decision: Decision


def understand(event: CloudEvent) -> OfConnection | OfAlarm | None:
    """Return what an event means to the twin, None if nothing.

    Raises
    ------
    msgspec.DecodeError
        If its data do not fit its type.
    ValueError
        If its time is none.
    """
    content = content_of(event)
    if isinstance(content, ConnectorStateChanged):
        fact = ConnectionFact(
            event.time_ns,
            event.sequence,
            event.source,
            event.id,
            content.state,
            content.reason,
            tuple(content.work_units),
        )
        return OfConnection(content.connector, fact)
    if isinstance(content, AlarmAcknowledged):
        kind, until_ns, comment = "acknowledge", 0, content.comment
    elif isinstance(content, AlarmShelved):
        kind, until_ns, comment = "shelve", content.until_ns, content.comment
    elif isinstance(content, AlarmUnshelved) and content.person != BY_TIME:
        kind, until_ns, comment = "unshelve", 0, ""
    elif isinstance(content, AlarmCommented):
        kind, until_ns, comment = "comment", 0, content.comment
    else:
        return None
    decision = Decision(event.time_ns, event.source, event.id, kind, content.person, comment, until_ns)
    return OfAlarm(content.alarm, decision)
