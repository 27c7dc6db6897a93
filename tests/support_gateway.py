"""What tests of the gateway share: a small plant by hand, and a gateway over a real or inner bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from taktwin.bus.buffer import DiskBuffer
from taktwin.bus.forward import Forwarder
from taktwin.bus.port import Bus
from taktwin.clock import Clock, SystemClock
from taktwin.entropy import Entropy
from taktwin.gateway.mirror import Mirror
from taktwin.gateway.service import Gateway, GatewaySettings
from taktwin.identity import EquipmentId, Place, SignalId
from taktwin.plant.registry import Connection, Equipment, Registry, Signal

ENTERPRISE, SITE = "acme", "works"


def signal(
    index: int,
    *,
    unit: str = "mill1",
    path: str | None = None,
    type: str = "float64",
    address: str = "",
    connection: str = "plc",
    **more: Any,
) -> Signal:
    """Return a signal of a work unit; everything that a test does not care about is plain."""
    path = path or f"s{index}"
    return Signal(
        index=index,
        id=SignalId(f"{unit}/{path}"),
        equipment=EquipmentId(unit),
        place=Place(ENTERPRISE, SITE, "area", "line", unit),
        path=path,
        name=path,
        role=more.pop("role", "process"),
        type=type,
        connection=connection,
        address=address or f"a{index}",
        class_id="mill",
        **more,
    )


def registry(signals: Sequence[Signal], connections: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Registry:
    """Return a compiled plant of these signals; `connections` is name -> (connector, settings)."""
    assert [s.index for s in signals] == list(range(len(signals)))
    units: dict[EquipmentId, list[Signal]] = {}
    for each in signals:
        units.setdefault(each.equipment, []).append(each)
    return Registry(
        hash="0123456789abcdef" * 4,
        valid_from_ns=0,
        enterprise=ENTERPRISE,
        site=SITE,
        name="Test works",
        time_zone="UTC",
        folder="",
        equipment={
            unit: Equipment(
                unit, "WorkUnit", owned[0].place, str(unit), "mill", "Mill", None,
                signals=tuple(s.index for s in owned),
            )
            for unit, owned in units.items()
        },
        signals=tuple(signals),
        connections={
            name: Connection(
                name, kind, settings, tuple(s.index for s in signals if s.connection == name), "plant.yaml:1"
            )
            for name, (kind, settings) in connections.items()
        },
        by_id={s.id: s for s in signals},
        by_address={(s.connection, s.address): s for s in signals},
    )  # fmt: skip


class RunningGateway:
    """A gateway with its forwarder, started and stopped as its process does it."""

    def __init__(
        self,
        plant: Registry,
        bus: Bus,
        folder: Path,
        *,
        clock: Clock | None = None,
        settings: GatewaySettings | None = None,
        mirror: Mirror | None = None,
        epoch_ns: int | None = None,
        bytes_max: int = 100_000_000,
    ) -> None:
        self.clock = clock or SystemClock()
        buffer = DiskBuffer(
            folder / "buffer", bytes_max=bytes_max, segment_bytes=min(1_000_000, bytes_max // 4)
        )
        self.forwarder = Forwarder(bus, buffer, self.clock)
        self.gateway = Gateway(
            plant,
            bus,
            self.forwarder,
            self.clock,
            Entropy(1),
            epoch_ns=self.clock.now_ns() if epoch_ns is None else epoch_ns,
            settings=settings or GatewaySettings(),
            mirror=mirror,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> RunningGateway:
        self._tasks = [
            asyncio.create_task(self.forwarder.run()),
            asyncio.create_task(self.gateway.run()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop as the process does: connections, forwarder, disk."""
        for task in reversed(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._tasks:
            self._tasks = []
            await self.forwarder.close()

    def counts(self, connection: str = "plc") -> tuple[int, int, int, int, int]:
        """Return received, published, quarantined, deadband, unmapped."""
        c = self.gateway.running[connection].resolver.counters
        return (c.received, c.published, c.quarantined, c.deadband, c.unmapped)

    def state(self, connection: str = "plc") -> str:
        """Return the state of a connection."""
        return self.gateway.running[connection].lifecycle.state.value


async def until(condition: Callable[[], object], *, within_s: float = 10.0, why: str = "") -> None:
    """Wait until a condition holds; fail when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline, f"not within {within_s} s: {why or condition}"
        await asyncio.sleep(0.01)
