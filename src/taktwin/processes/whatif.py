"""The what-if room's process: settings, plant, clock, bus, service, run until told to stop.

It gives way to everybody else on the machine: a question about the future never slows the present.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from taktwin.clock import Clock
from taktwin.plant.compile import open_plant
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import Installation
from taktwin.whatif import kept, validity
from taktwin.whatif.service import COMPONENT, WhatIfService

NICER = 10


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Answer what if, for one site, until `stop`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if hasattr(os, "nice"):  # Windows has another way, and what runs there has no neighbours to spare
        os.nice(NICER)
    registry = open_plant(installation.plant_dir)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    service = WhatIfService(
        bus=bus, registry=registry, clock=clock, memory_mb=memory_mb, pid=os.getpid(),
        calibrations=kept.folder(installation.room(COMPONENT)),
        backtest=Path(installation.data_dir) / validity.FILE,
    )  # fmt: skip
    try:
        await service.run(stop)
    finally:
        await bus.close()
    if service.is_busy:
        # A thread in the middle of the compiler lets go of the interpreter late: seconds on a busy machine,
        # and it has the lowest priority. It leaves nothing behind, so nobody waits for it.
        logging.shutdown()
        os._exit(0)


if __name__ == "__main__":
    run(main)
