"""What gateway and twin say of what they watch: connections, alarms, snapshots."""

from __future__ import annotations

from typing import Any, ClassVar

from taktwin.contracts.events.envelope import EventData


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
