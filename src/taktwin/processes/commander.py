"""The commander's process: settings, plant, clock, bus, drivers, service, run until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os

from taktwin.clock import Clock
from taktwin.commander.job_control import JobsDriver
from taktwin.commander.opcua import Sessions
from taktwin.commander.reports import Reports
from taktwin.commander.service import COMPONENT, CommanderService
from taktwin.commander.values import ValuesDriver
from taktwin.contracts import topics
from taktwin.contracts.commands import ReportMachineJobs
from taktwin.plant.compile import open_plant
from taktwin.processes.wiring import joined, memory_mb, run, secret
from taktwin.settings import Installation
from taktwin.stopping import until


async def main(installation: Installation, clock: Clock, stop: asyncio.Event) -> None:
    """Carry the commands of one site until `stop`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    registry = open_plant(installation.plant_dir)
    sessions = Sessions(registry, installation.endpoints, clock, secret)
    bus = await joined(installation, clock, stop, user=COMPONENT)
    subject = topics.command(
        registry.enterprise, registry.site, "mes", ReportMachineJobs.command_name
    )  # fmt: skip
    reports = Reports(bus, clock, subject)
    jobs = JobsDriver(registry, sessions, clock, changed=reports.changed)
    service = CommanderService(
        bus=bus,
        registry=registry,
        clock=clock,
        folder=installation.room(COMPONENT),
        drivers=[ValuesDriver(registry, sessions), jobs],
        memory_mb=memory_mb,
        pid=os.getpid(),
    )
    try:
        async with asyncio.TaskGroup() as group:
            for part in (jobs.watch(), reports.run()):
                group.create_task(until(stop, part))
            await service.run(stop)
    finally:
        await sessions.close()
        await bus.close()


if __name__ == "__main__":
    run(main)
