"""The MES's process: settings, plant, clock, bus, database, service, run until told to stop."""

from __future__ import annotations

import asyncio
import functools
import os
import sys

from taktwin.clock import Clock
from taktwin.mes.service import COMPONENT, MesService
from taktwin.plant.compile import open_plant
from taktwin.processes import wiring
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import SETUP_VARIABLE, Installation
from taktwin.storage import database


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Keep the MES of one site until `stop`."""
    registry = open_plant(installation.plant_dir)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    service = MesService(
        bus=bus,
        registry=registry,
        clock=clock,
        connect=functools.partial(
            database.connect,
            installation.mes_database_url,
            password=os.environ.get(database.PASSWORD_VARIABLE, ""),
            application=COMPONENT,
        ),
        folder=installation.room(COMPONENT),
        memory_mb=memory_mb,
        pid=os.getpid(),
        demo=installation.demo,
        setup_code=os.environ.get(SETUP_VARIABLE, ""),
    )
    wiring.settle()
    # A page that computes gives way to a booking each millisecond, and not only each fifth.
    sys.setswitchinterval(0.001)
    try:
        await service.run(stop)
    finally:
        await bus.close()


if __name__ == "__main__":
    run(main)
