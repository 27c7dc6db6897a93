"""The historian's process: settings, plant, clock, bus, store, service, run until told to stop."""

from __future__ import annotations

import asyncio
import os
import shutil

from taktwin.clock import Clock
from taktwin.contracts.vouching import silent_after_ns
from taktwin.historian.engine import Policy
from taktwin.historian.service import COMPONENT, HistorianService
from taktwin.history.hot import DuckHistory
from taktwin.plant.compile import open_plant
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import Installation


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Keep the history of one site until `stop`."""
    registry = open_plant(installation.plant_dir)
    folder = installation.room(COMPONENT)
    store = DuckHistory(folder, site=registry.site, join_ns=silent_after_ns(clock.speed))
    bus = await joined(installation, clock, stop, user=COMPONENT)
    service = HistorianService(
        bus=bus,
        store=store,
        registry=registry,
        clock=clock,
        policy=Policy(
            bytes_max=installation.history_bytes_max, disk_free_min=installation.disk_free_bytes_min
        ),
        disk_free=lambda: shutil.disk_usage(folder).free,
        memory_mb=memory_mb,
        pid=os.getpid(),
    )
    try:
        await service.run(stop)
    finally:
        await bus.close()
        store.close()


if __name__ == "__main__":
    run(main)
