"""A planned line's process: a plant as it would be, played by the simulation behind real protocols.

`python -m taktwin.processes.commissioning <installation.json>`
"""

from __future__ import annotations

import asyncio
import contextlib
import os

import msgspec

from taktwin.bus.client import NatsBus
from taktwin.bus.port import Message
from taktwin.clock import Clock
from taktwin.commissioning.engine import Line
from taktwin.commissioning.model import planned_line
from taktwin.commissioning.service import LineService
from taktwin.contracts import topics
from taktwin.contracts.state import Health, encode
from taktwin.errors import BusError
from taktwin.faces.job_list import lists
from taktwin.identity import EquipmentId
from taktwin.instants import SECOND_NS
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.processes.faces import for_ever, make_faces
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import Installation
from taktwin.simulation import streams
from taktwin.stopping import unless

NAME = "commissioning"


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Play the planned line of the installation's plan until told to stop."""
    registry = open_plant(installation.plant_dir)
    planned = planned_line(registry, failures=installation.failures)
    played = sorted(planned.work_units.values())
    start_ns = clock.now_ns()
    jobs = {unit: each for unit, each in lists(registry, clock.now_ns).items() if unit in played}
    line = Line(
        planned, streams.replication_key(installation.seed, 0), jobs=jobs, interlocks=registry.interlocks,
        serials=f"PLAN{start_ns // SECOND_NS % 100_000_000:08d}", patience=clock.speed,
    )  # fmt: skip
    connections = {
        registry.signals[index].connection
        for unit in played for index in registry.equipment[EquipmentId(unit)].signals
    }  # fmt: skip
    faces = make_faces(
        registry, installation, NAME, jobs, clock.now_ns, connections=connections,
        says_what_is_unknown=True,
    )  # fmt: skip
    service = LineService(
        registry=registry, clock=clock, faces=faces, line=line, jobs=jobs, start_ns=start_ns
    )
    bus = await joined(installation, clock, stop, user=NAME)
    try:
        with for_ever():
            await unless(stop, service.open())
        await _serve(bus, registry, service)
        beat = asyncio.create_task(_heartbeat(bus, registry, clock, service, played, stop))
        try:
            await service.run(stop)
        finally:
            beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beat
    finally:
        await service.close()
        path = installation.room(NAME) / "account.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(service.account())))
        await bus.close()


async def _serve(bus: NatsBus, registry: Registry, service: LineService) -> None:
    async def account(_: Message) -> bytes:
        return msgspec.msgpack.encode(service.account())

    await bus.serve(topics.query(registry.enterprise, registry.site, NAME, "account"), account)


async def _heartbeat(
    bus: NatsBus, registry: Registry, clock: Clock, service: LineService, played: list[str],
    stop: asyncio.Event,
) -> None:  # fmt: skip
    started_ns = clock.now_ns()
    subject = topics.health(registry.enterprise, registry.site, NAME)
    sign = f"planned, not real: the simulation plays {', '.join(played)}"
    while not stop.is_set():
        late = service.behind_s > 5.0 * clock.speed
        health = Health(
            component=NAME,
            state="degraded" if late else "running",
            reason=f"{service.behind_s:.0f} s behind the clock; {sign}" if late else sign,
            started_ns=started_ns,
            at_ns=clock.now_ns(),
            pid=os.getpid(),
            memory_mb=memory_mb(),
            counters={"values_shown": float(service.values_shown), "behind_s": service.behind_s},
        )
        with contextlib.suppress(BusError):  # the next beat tells again
            await bus.publish(subject, encode(health))
        await clock.wall_sleep(1.0)


if __name__ == "__main__":
    run(main)
