"""The ledger's process: settings, plant, clock, bus, database, service, run until told to stop."""

from __future__ import annotations

import asyncio
import functools
import logging
import os

from taktwin.clock import Clock
from taktwin.ledger.service import COMPONENT, LedgerService
from taktwin.plant.compile import open_plant
from taktwin.processes import wiring
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import Installation
from taktwin.storage import database


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Keep the ledger of one site until `stop`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    registry = open_plant(installation.plant_dir)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    service = LedgerService(
        bus=bus,
        registry=registry,
        clock=clock,
        connect=functools.partial(
            database.connect,
            installation.ledger_database_url,
            password=os.environ.get(database.PASSWORD_VARIABLE, ""),
            application=COMPONENT,
        ),
        folder=installation.room(COMPONENT),
        memory_mb=memory_mb,
        pid=os.getpid(),
    )
    wiring.settle()
    try:
        await service.run(stop)
    finally:
        await bus.close()


if __name__ == "__main__":
    run(main)
