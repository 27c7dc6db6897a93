"""The twin's process: settings, plant, clock, bus, engine, service, run until told to stop."""

from __future__ import annotations

import asyncio
import os

from taktwin.clock import Clock
from taktwin.plant.compile import open_plant
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import Installation
from taktwin.twin.service import COMPONENT, TwinService


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Keep the twin of one site until `stop`."""
    registry = open_plant(installation.plant_dir)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    service = TwinService(
        bus=bus,
        registry=registry,
        clock=clock,
        folder=installation.room(COMPONENT),
        memory_mb=memory_mb,
        pid=os.getpid(),
    )
    try:
        await service.run(stop)
    finally:
        await bus.close()


if __name__ == "__main__":
    run(main)
