"""What machines say of their job orders, brought to the MES: the newest of each, until it has taken it.

A machine that changes three times while the MES is away is told once, as it is then; what happened in
between is in what the MES makes of it, for it follows states and not messages.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.commander.job_control import MachineJobs
from taktwin.contracts import commands
from taktwin.contracts.commands import ReportMachineJobs, SaidJob
from taktwin.errors import BusError

RETRY_S = 1.0
ANSWER_S = 5.0
AGAIN_S = 30.0  # a MES that was restored from a backup hears it too
log = logging.getLogger(__name__)


class Reports:
    """The newest word of each machine, on its way to the MES."""

    def __init__(self, bus: Bus, clock: Clock, subject: str) -> None:
        self._bus = bus
        self._clock = clock
        self._subject = subject
        self._newest: dict[str, MachineJobs] = {}
        self._due: dict[str, None] = {}  # work units, in the order in which they changed
        self._wake = asyncio.Event()
        self.refused = 0

    def changed(self, work_unit: str, said: MachineJobs) -> None:
        """Note what a machine says now."""
        self._newest[work_unit] = said
        self._due[work_unit] = None
        self._wake.set()

    async def run(self) -> None:
        """Tell the MES, for ever."""
        while True:
            self._wake.clear()
            while self._due:
                await self._tell(next(iter(self._due)))
            try:
                async with self._clock.timeout(AGAIN_S):
                    await self._wake.wait()
            except TimeoutError:
                self._due.update(dict.fromkeys(self._newest))

    async def _tell(self, work_unit: str) -> None:
        said = self._newest[work_unit]
        wish = ReportMachineJobs(
            work_unit=work_unit, reachable=said.reachable, cause=said.reason,
            jobs=[
                SaidJob(job=job, state=state.value, sub_state=sub_state.value)
                for job, (state, sub_state) in said.jobs.items()
            ],
        )  # fmt: skip
        # By what is said and when: sent twice because an answer was lost, it is written down once.
        name = f"{work_unit}/{self._clock.now_ns()}"
        command = commands.make(wish, command_id=name, actor="commander", actor_type="service")
        while True:
            try:
                payload = await self._bus.request(
                    self._subject, commands.encode(command), timeout_s=ANSWER_S
                )  # fmt: skip
                answer = commands.decode_answer(payload)
            except (BusError, msgspec.DecodeError) as error:
                log.info("the MES does not hear of %s: %s", work_unit, error)
            else:
                if answer.code != "away":
                    break
            await self._clock.wall_sleep(RETRY_S)
        if not answer.accepted:
            self.refused += 1
            log.warning(
                "the MES does not take what %s says: %s, found %s", work_unit, answer.place, answer.found
            )
        if self._newest[work_unit] is said:
            del self._due[work_unit]
