"""The what-if room's process: settings, plant, clock, bus, service, run until told to stop.

It gives way to everybody else on the machine: a question about the future never slows the present.
"""

from __future__ import annotations

import asyncio
import logging
import os

from taktwin.clock import Clock
from taktwin.history.client import HistoryClient
from taktwin.history.requests import OWNER as HISTORIAN
from taktwin.plant.compile import open_plant
from taktwin.processes.wiring import joined, memory_mb, run
from taktwin.settings import Installation
from taktwin.whatif import kept
from taktwin.whatif.backtests import Backtests
from taktwin.whatif.calibrations import Calibrator, Remembered
from taktwin.whatif.past import Past
from taktwin.whatif.service import COMPONENT, WhatIfService, Worker

NICER = 10


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Answer what if, for one site, until `stop`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if hasattr(os, "nice"):  # Windows has another way, and what runs there has no neighbours to spare
        os.nice(NICER)
    registry = open_plant(installation.plant_dir)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    calibrations = kept.folder(installation.room(COMPONENT))
    service = WhatIfService(
        bus=bus, registry=registry, clock=clock, memory_mb=memory_mb, pid=os.getpid(),
        calibrations=calibrations,
        errors=lambda: backtests.errors(),
    )  # fmt: skip
    backtests = Backtests(
        registry=registry, clock=clock, past=Past(bus, registry, session="whatif-backtest"),
        folder=installation.room(COMPONENT), do=service.do, limit=installation.backtest_error_max,
        model=lambda: None if service.api is None else service.api.predictor(registry, calibrations),
    )  # fmt: skip
    history = HistoryClient(
        bus, enterprise=registry.enterprise, site=registry.site, folder=installation.room(HISTORIAN)
    )
    beside = Worker("calibration")  # half a year is read and fitted for minutes: questions do not wait for it
    calibrator = Calibrator(
        registry=registry, clock=clock, where=calibrations, do=beside.do,
        history=Remembered(history, asyncio.get_running_loop()), every_days=installation.calibration_days,
        is_automatic=installation.calibration_automatic,
    )  # fmt: skip
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run(stop))
            group.create_task(backtests.run(bus, stop))
            group.create_task(calibrator.run(bus, stop))
    finally:
        await bus.close()
    if service.is_busy or beside.is_busy:
        # A thread in the middle of the compiler lets go of the interpreter late: seconds on a busy machine,
        # and it has the lowest priority. It leaves nothing behind, so nobody waits for it.
        logging.shutdown()
        os._exit(0)


if __name__ == "__main__":
    run(main)
