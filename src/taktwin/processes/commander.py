"""The commander's process: settings, plant, clock, bus, drivers, service, run until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os

from taktwin.clock import Clock
from taktwin.commander.opcua import Sessions
from taktwin.commander.service import COMPONENT, CommanderService
from taktwin.commander.values import ValuesDriver
from taktwin.plant.compile import open_plant
from taktwin.processes.wiring import joined, memory_mb, run, secret
from taktwin.settings import Installation


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Carry the commands of one site until `stop`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    registry = open_plant(installation.plant_dir)
    sessions = Sessions(registry, installation.endpoints, clock, secret)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    service = CommanderService(
        bus=bus,
        registry=registry,
        clock=clock,
        folder=installation.room(COMPONENT),
        drivers=[ValuesDriver(registry, sessions)],
        memory_mb=memory_mb,
        pid=os.getpid(),
    )
    try:
        await service.run(stop)
    finally:
        await sessions.close()
        await bus.close()


if __name__ == "__main__":
    run(main)
