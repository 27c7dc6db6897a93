"""The stream: what the browser sends and what it hears on `/api/v1/live`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from taktwin.portal.models.base import Model, Value


class UnitModel(Model):
    """One work unit now."""

    unit: str
    time_class: str
    reason: str
    since_ms: int
    state: str
    inferred: bool
    last_known_class: str
    last_known_since_ms: int
    confirmed_ms: int
    job: str
    serial: str
    program: str
    good_count: int | None
    reject_count: int | None
    cycle_time_s: float | str | None
    power_kw: float | str | None
    energy_kwh: float | str | None


class BufferState(Model):
    """What a buffer holds, by the counters on both sides."""

    buffer: str
    content: int | None
    capacity: int


class AlarmModel(Model):
    """One alarm with its ISA-18.2 state. `version` changes with everything that a decision looks at."""

    alarm: str
    equipment: str
    state: str
    active: bool
    kind: str
    priority: int
    message: str
    response: str
    consequence: str
    owner_role: str
    cause: str
    signal: str
    value: Value
    limit: float | str | None
    unit: str
    since_ms: int
    first_seen_ms: int
    returned_ms: int
    acknowledged_by: str
    acknowledged_ms: int
    comment: str
    shelved_until_ms: int
    machine_acknowledge: bool
    version: str


class ConnectionState(Model):
    """One connection of the gateway, as the twin has heard of it."""

    connector: str
    state: str
    reason: str
    since_ms: int
    heard_ms: int
    fresh: int
    signals: int


class Fresh(Model):
    """How many signals are too old, since when the oldest, and whose connections are silent.

    Fresh are `signals - stale - never`: what was never received is neither fresh nor too old.
    """

    stale: int
    never: int
    signals: int
    oldest_ms: int
    silent: list[str]


class HopModel(Model):
    """Latency of one hop in wall milliseconds, over the last five minutes."""

    hop: str
    p50: float
    p99: float
    max: float
    count: int
    estimated: bool = Field(default=False, description="true where the browser's clock is part of it")


class ConnectionHops(Model):
    """The hops of one connection, in the order in which a value passes them."""

    connection: str
    protocol: str
    hops: list[HopModel]


class LiveSnapshot(Model):
    """The full picture of what was subscribed. A value never received has `q` 1 and `st` null."""

    type: Literal["snapshot"]
    seq: int
    t: int
    mode: Literal["live", "replay"]
    speed: float
    i: list[int]
    v: list[Value]
    q: list[int]
    st: list[int | None]
    cf: list[int | None]
    old: list[bool]
    units: list[UnitModel]
    alarms: list[AlarmModel]
    buffers: list[BufferState]
    connections: list[ConnectionState]
    fresh: Fresh


class LiveFrame(Model):
    """What changed since the last message: columns for signals, whole documents for the rest.

    An alarm with state NORM is over and acknowledged: it leaves the list.
    """

    type: Literal["frame"]
    seq: int
    t: int
    i: list[int]
    v: list[Value]
    q: list[int]
    dt: list[int | None] = Field(description="t minus source time, ms")
    cd: list[int | None] = Field(description="t minus last confirmation, ms")
    old: list[bool]
    units: list[UnitModel] | None = None
    alarms: list[AlarmModel] | None = None
    buffers: list[BufferState] | None = None
    connections: list[ConnectionState] | None = None
    fresh: Fresh | None = None


class LiveHops(Model):
    """Latency statistics, every two seconds to those who subscribed `hops`."""

    type: Literal["hops"]
    t: int
    hops: list[ConnectionHops]


class LiveHeartbeat(Model):
    """Every wall second; three missed mean that the page is not connected."""

    type: Literal["heartbeat"]
    t: int


class LiveTwin(Model):
    """The twin itself fell silent or came back: while it is silent everything is old."""

    type: Literal["twin"]
    state: Literal["running", "silent"]
    since: int


class LiveProblem(Model):
    """An operation of the client that could not be done; the mode stays as it was."""

    type: Literal["problem"]
    op: str
    title: str
    place: str
    found: str
    right: str


class Subscribe(Model):
    """What to hear. Topics: units, alarms, connections, hops, `signals:3,7,9`, `signals:*`."""

    op: Literal["subscribe"]
    topics: list[str]
    mode: Literal["latest", "all"] = "latest"


class SetMode(Model):
    """Live, or replay from an instant at a speed."""

    op: Literal["mode"]
    mode: Literal["live", "replay"]
    at_ms: int | None = None
    speed: float = 1.0


class Seek(Model):
    """Another instant of the replay."""

    op: Literal["seek"]
    at_ms: int


class SetSpeed(Model):
    """Another speed of the replay; 0 is pause."""

    op: Literal["speed"]
    speed: float


class Step(Model):
    """One event further in the replay, or one back."""

    op: Literal["step"]
    step: Literal[1, -1]


class Drawn(Model):
    """The page has drawn a message. `waited_ms`: from its arrival to the drawn picture, by the
    browser's own clock; without it half of the round trip stands for the hop."""

    op: Literal["drawn"]
    seq: int
    t: float
    waited_ms: float | None = None


MESSAGES: tuple[type[Model], ...] = (
    LiveSnapshot, LiveFrame, LiveHops, LiveHeartbeat, LiveTwin, LiveProblem,
    Subscribe, SetMode, Seek, SetSpeed, Step, Drawn,
)  # fmt: skip
