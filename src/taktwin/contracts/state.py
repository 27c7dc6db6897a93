"""What the twin and the components say about now: frames, health, and the documents in them.

A `Frame` is a coalesced column message, at most ten a second: what changed since the last one.
Live and replay use the same frames; a listener does not know which clock it has, only its mode.
The full picture is the answer to the query `twin.snapshot` (the same struct with everything in it).
"""

from __future__ import annotations

from typing import Any

import msgspec


class UnitDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One work unit now."""

    unit: str  # equipment id
    time_class: str  # a value of standards.iso22400.TimeClass
    reason: str = ""  # blocked, starved, alarm text, silence: in words
    since_ns: int = 0  # since when the class holds
    state: str = ""  # PackML or MTConnect word as the machine says it; "" where it has none
    inferred: bool = False  # the class comes from counter and power, not from a state signal
    last_known_class: str = ""  # where the class is unknown: what it was before
    last_known_since_ns: int = 0
    confirmed_ns: int = 0  # until when this is vouched for
    job: str = ""
    serial: str = ""
    program: str = ""
    good_count: int | None = None
    reject_count: int | None = None
    cycle_time_s: float | None = None
    power_kw: float | None = None
    energy_kwh: float | None = None


class BufferDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One buffer between work units: what it holds by the counters on both sides."""

    buffer: str
    content: int | None
    capacity: int


class AlarmDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm with its ISA-18.2 state."""

    alarm: str
    equipment: str
    state: str  # NORM | UNACK | ACKED | RTNUN | SHLVD | DSUPR | OOSRV
    active: bool
    kind: str  # limit | machine | silence
    priority: int
    message: str
    response: str
    consequence: str
    owner_role: str
    cause: str = ""  # group id: a connection, a supplier, a zone; "" stands for itself
    signal: str = ""
    value: Any = None
    limit: float | None = None
    unit: str = ""
    since_ns: int = 0
    first_seen_ns: int = 0
    returned_ns: int = 0
    acknowledged_by: str = ""
    acknowledged_ns: int = 0
    comment: str = ""
    shelved_until_ns: int = 0
    machine_acknowledge: bool = False  # the machine wants an acknowledgement of its own


class ConnectionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One connection of the gateway, as the twin has heard of it."""

    connector: str
    state: str  # connecting | running | degraded | lost | stopped
    reason: str = ""
    since_ns: int = 0
    heard_ns: int = 0  # last confirmation or heartbeat
    fresh: int = 0  # signals that are fresh
    signals: int = 0


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What changed: signals as columns, documents as lists. Signals are registry indices."""

    sequence: int
    at_ns: int  # plant time of this picture
    mono_ns: int = 0  # monotonic wall time at which the twin sent it
    registry: str = ""
    signals: list[int] = []
    values: list[Any] = []
    qualities: list[int] = []  # effective quality: Uncertain where too old
    source_ns: list[int] = []
    confirmed_ns: list[int] = []
    stale: list[bool] = []
    # Monotonic wall stamps of the message that brought each value: received, published, applied.
    received_mono: list[int] = []
    published_mono: list[int] = []
    applied_mono: list[int] = []
    ingest_ns: list[int] = []
    units: list[UnitDocument] = []
    buffers: list[BufferDocument] = []
    alarms: list[AlarmDocument] = []
    connections: list[ConnectionDocument] = []
    stale_count: int = 0
    signal_count: int = 0
    oldest_stale_ns: int = 0  # confirmation time of the oldest stale signal
    state_hash: str = ""  # in full pictures only


class IntervalMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`_interval_v1/class`, JSON: one interval of a work unit's timeline. A correction has a higher
    revision."""

    id: str  # <unit>:<from_ns>
    unit: str
    from_ns: int = msgspec.field(name="from")
    to_ns: int | None = msgspec.field(name="to", default=None)  # None: still open
    time_class: str = msgspec.field(name="class")
    reason: str = ""
    state: str = ""
    program: str = ""
    job: str = ""
    revision: int = 1
    withdrawn: bool = False  # a late fact took this interval away


class HopStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Latency of one hop in milliseconds of wall time, over the last minutes."""

    hop: str  # source | gateway | bus | twin | frame | portal | screen | whole
    p50: float
    p99: float
    max: float
    count: int


class ConnectorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one connection since its gateway started. received = published + quarantined +
    deadband + unmapped, always."""

    name: str
    protocol: str
    endpoint: str
    state: str
    reason: str = ""
    received: int = 0
    published: int = 0
    quarantined: int = 0
    deadband: int = 0
    unmapped: int = 0
    gaps: int = 0
    reconnects: int = 0
    waiting: int = 0  # values in the edge buffer
    last_received_ns: int = 0
    clock_offset_ms: float | None = None
    work_units: list[str] = []
    bad_addresses: list[str] = []
    hops: list[HopStatistics] = []  # source, gateway
    last_minute: list[int] = []  # values received in each of the last 60 wall seconds, oldest first
    since_ns: int = 0  # since when the state holds


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A component's heartbeat, once a wall second."""

    component: str
    state: str  # starting | running | degraded | stopping
    reason: str = ""
    started_ns: int = 0
    at_ns: int = 0
    pid: int = 0
    memory_mb: float = 0.0
    counters: dict[str, float] = {}
    hops: list[HopStatistics] = []
    connectors: list[ConnectorHealth] = []


def encode(document: msgspec.Struct) -> bytes:
    """Return the MessagePack form of a document of this module; intervals alone travel as JSON."""
    return msgspec.msgpack.encode(document)
