"""The analyst's process: settings, plant, clock, bus, service, run until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from taktwin.analyst.model_store import BROUGHT
from taktwin.analyst.service import COMPONENT, AnalystService
from taktwin.clock import Clock
from taktwin.plant.compile import open_plant
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import Installation


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Predict and propose for one site, until `stop`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    registry = open_plant(installation.plant_dir)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    service = AnalystService(
        bus=bus, registry=registry, clock=clock, folder=installation.room(COMPONENT) / "models",
        brought=Path(installation.plant_dir) / BROUGHT, memory_mb=memory_mb, pid=os.getpid(),
    )  # fmt: skip
    try:
        await service.run(stop)
    finally:
        await bus.close()


if __name__ == "__main__":
    run(main)
