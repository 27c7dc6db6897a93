"""What the components say about themselves, kept as the page shows it.

Comes in: heartbeats and refused messages from the bus. Goes out: the last word of each component
(`silent` where it stopped speaking), values per second of each connection over the last minute.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from taktwin.contracts import quarantine
from taktwin.contracts.quarantine import Rejection
from taktwin.contracts.state import ConnectorHealth, Health
from taktwin.instants import SECOND_NS

SILENT_AFTER_S = 4.0  # heartbeats come once a second; three missed and some slack
MINUTE = 60
SUPERVISOR = "supervisor"
SERVERS = ("backbone", "database")  # programs that are not ours: the supervisor tells of them

_healths = msgspec.msgpack.Decoder(Health)


def _server(name: str, supervisor: Health, state: str, reason: str) -> tuple[Health, str, str, int]:
    """Return the line of a server, which cannot speak for itself, from its supervisor's."""
    counters = supervisor.counters
    restarts = int(counters.get(f"restarts.{name}", 0))
    if state == "running" and restarts:
        reason = f"ended and was started again {restarts} times"
    pid = int(counters[f"pid.{name}"])
    if not pid:
        state = "silent"
    shown = Health(
        component=name,
        state=state,
        reason=reason,
        started_ns=supervisor.started_ns,
        at_ns=supervisor.at_ns,
        pid=pid,
        memory_mb=counters.get(f"memory_mb.{name}", 0.0),
    )
    return shown, state, reason, restarts


@dataclass
class _Component:
    health: Health
    heard_mono: int
    restarts: int = 0


@dataclass
class _Rate:
    received: int
    heard_mono: int
    by_second: dict[int, float] = field(default_factory=dict)


class HealthBook:
    """The last heartbeat of everybody."""

    def __init__(self) -> None:
        self._components: dict[str, _Component] = {}
        self._rates: dict[str, _Rate] = {}
        self.refused: deque[Rejection] = deque(maxlen=100)
        self.unreadable = 0

    def hear(self, payload: bytes, *, now_mono: int) -> None:
        """Take a heartbeat; what is none is counted."""
        try:
            health = _healths.decode(payload)
        except msgspec.DecodeError:
            self.unreadable += 1
            return
        known = self._components.get(health.component)
        restarts = 0
        if known is not None:
            another = known.health.pid != health.pid or known.health.started_ns != health.started_ns
            restarts = known.restarts + int(another)
        self._components[health.component] = _Component(health, now_mono, restarts)
        for connector in health.connectors:
            self._count(connector, now_mono)

    def hear_refused(self, payload: bytes) -> None:
        """Take a refused message; what is none is counted."""
        try:
            self.refused.append(quarantine.decode(payload))
        except msgspec.DecodeError:
            self.unreadable += 1

    def _count(self, connector: ConnectorHealth, now_mono: int) -> None:
        rate = self._rates.get(connector.name)
        if rate is None or connector.received < rate.received:  # a restarted gateway counts from zero
            self._rates[connector.name] = _Rate(connector.received, now_mono)
            return
        seconds = (now_mono - rate.heard_mono) / SECOND_NS
        if seconds < 0.5:
            return
        per_second = round((connector.received - rate.received) / seconds, 1)
        now = now_mono // SECOND_NS
        # A late heartbeat speaks for all seconds since the one before it.
        for second in range(max(rate.heard_mono // SECOND_NS + 1, now - MINUTE), now + 1):
            rate.by_second[second] = per_second
        for old in [second for second in rate.by_second if second <= now - MINUTE]:
            del rate.by_second[old]
        rate.received, rate.heard_mono = connector.received, now_mono

    def last_minute(self, connector: str, *, now_mono: int) -> list[float | None]:
        """Return the values received in each of the last 60 s, oldest first; None where nobody counted."""
        rate = self._rates.get(connector)
        now = now_mono // SECOND_NS
        by_second = rate.by_second if rate else {}
        return [by_second.get(second) for second in range(now - MINUTE, now)]

    def components(self, *, now_mono: int) -> list[tuple[Health, str, str, int]]:
        """Return health, state, reason and restarts of each component, by name."""
        found = []
        for name in sorted(self._components):
            known = self._components[name]
            silent_s = (now_mono - known.heard_mono) / SECOND_NS
            state, reason = known.health.state, known.health.reason
            if silent_s > SILENT_AFTER_S:
                state, reason = "silent", f"no heartbeat for {silent_s:.0f} s"
            found.append((known.health, state, reason, known.restarts))
            if name == SUPERVISOR:
                told = [server for server in SERVERS if f"pid.{server}" in known.health.counters]
                found.extend(_server(server, known.health, state, reason) for server in told)
        return sorted(found, key=lambda row: row[0].component)

    def connectors(self) -> list[ConnectorHealth]:
        """Return the counters of all connections, by name."""
        found = [c for known in self._components.values() for c in known.health.connectors]
        return sorted(found, key=lambda connector: connector.name)
