"""The place System: processes, connections, latency, quarantine, registry, history; the demo's panel."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from taktwin.portal.models.base import Model, Request
from taktwin.portal.models.live import ConnectionHops


class ProcessModel(Model):
    """One process by its own heartbeat; `silent` where that stopped."""

    component: str
    state: str
    reason: str
    pid: int
    memory_mb: float
    started_ms: int
    restarts: int


class ConnectionHealthModel(Model):
    """Counters of one connection since its gateway started."""

    name: str
    protocol: str
    endpoint: str
    state: str
    reason: str
    received: int
    published: int
    quarantined: int
    deadband: int
    unmapped: int
    gaps: int
    reconnects: int
    waiting: int
    last_received_ms: int
    clock_offset_ms: float | None
    work_units: list[str]
    bad_addresses: list[str]
    since_ms: int
    last_minute: list[float | None] = Field(
        description="values received per second, oldest first; null: not heard"
    )


class RefusedModel(Model):
    """One refused message or value."""

    at_ms: int
    reason: str
    found: str
    expected: str
    origin: str
    connector: str
    signal: str
    original_hex: str
    original_text: str
    original_size: int


class RegistryModel(Model):
    """Which model of the plant is in force."""

    hash: str
    valid_from_ms: int
    signals: int
    equipment: int


class HistoryModel(Model):
    """What the historian keeps; all zero with `state` silent where it does not answer."""

    state: str
    rows: int
    bytes: int
    oldest_ms: int
    newest_ms: int
    policy: str
    disk_free_bytes: int


class SnapshotModel(Model):
    """The proof that the twin's state is this and no other."""

    state_hash: str
    at_ms: int


class SystemModel(Model):
    """All of it."""

    processes: list[ProcessModel]
    connections: list[ConnectionHealthModel]
    hops: list[ConnectionHops]
    quarantine: list[RefusedModel]
    registry: RegistryModel
    history: HistoryModel
    snapshot: SnapshotModel
    at_ms: int


class Inject(Request):
    """What the virtual plant should suffer."""

    kind: str
    target: str = ""
    duration_s: float = Field(default=60.0, gt=0, description="plant time")
    parameters: dict[str, Any] = Field(default_factory=dict)


class Injected(Model):
    """It suffers: from when to when."""

    id: str
    from_ms: int
    to_ms: int


class InjectionKind(Model):
    """One thing that can be done to the virtual plant."""

    kind: str
    target: str = Field(description="unit | zone | connection | signal | sensor")
    title: str
    parameters: dict[str, str]
    targets: list[str] = Field(description="empty where any signal will do")


class ActiveInjection(Model):
    """What is being done now."""

    id: str
    kind: str
    target: str
    from_ms: int
    to_ms: int


class Injections(Model):
    """What can be injected, and what is in force now."""

    kinds: list[InjectionKind]
    active: list[ActiveInjection]
