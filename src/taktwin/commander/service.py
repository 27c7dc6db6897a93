"""The commander talks: takes commands of the MES, asks the permits, tells machines, says what came of it.

One command of a work unit at a time, each id once: what runs is waited for, what ended is answered
again, what was begun by a process before this one is unknown and not repeated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from taktwin.bus.port import Bus, Message
from taktwin.clock import Clock
from taktwin.commander.begun import Begun
from taktwin.commander.driver import Driver, MachineAway, MachineRefused, MachineSilent
from taktwin.commander.permits import refusal
from taktwin.contracts import machine_commands, state, topics
from taktwin.contracts.machine_commands import (
    CATALOGUE,
    DEADLINE_NS_MAX,
    MachineCommand,
    MachineData,
    MachineResult,
    Outcome,
)
from taktwin.contracts.state import Health
from taktwin.errors import BusError
from taktwin.plant.registry import Registry
from taktwin.stopping import until

COMPONENT = "commander"
CARRY_S = 10.0  # wall: a driver that has not ended by then has no answer
log = logging.getLogger(__name__)


class CommanderService:
    """The commander of one site."""

    def __init__(
        self,
        *,
        bus: Bus,
        registry: Registry,
        clock: Clock,
        folder: Path,
        drivers: Sequence[Driver],
        memory_mb: Callable[[], float],
        pid: int,
    ) -> None:
        self._bus = bus
        self._registry = registry
        self._clock = clock
        self._begun = Begun(folder, clock.now_ns())
        self._drivers = drivers
        self._memory_mb = memory_mb
        self._pid = pid
        self._started_ns = clock.now_ns()
        self._locks: dict[str, asyncio.Lock] = {}
        self._running: dict[str, asyncio.Task[MachineResult]] = {}
        self._counts = dict.fromkeys((*(str(outcome) for outcome in Outcome), "repeated"), 0)
        self._counts[str(Outcome.UNKNOWN)] = self._begun.unknown
        self._broken = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; what was begun is ended and written down by then."""
        subject = topics.command(self._registry.enterprise, self._registry.site, COMPONENT, ">")
        served = await self._bus.serve(subject, self._take)
        await until(stop, self._beat())
        running = list(self._running.values())
        await asyncio.gather(*running, return_exceptions=True)
        await served.close()
        self._begun.close()
        await self._say("stopping")

    async def _take(self, message: Message) -> bytes:
        try:
            command = machine_commands.decode(message.payload)
        except msgspec.DecodeError as error:
            wrong = MachineResult(id="", outcome=Outcome.INVALID, place="command", found=str(error),
                                  right="the JSON of contracts.machine_commands.MachineCommand")  # fmt: skip
            return machine_commands.encode(wrong)
        return machine_commands.encode(await self.carry(command))

    async def carry(self, command: MachineCommand) -> MachineResult:
        """Return what came of a command: of the first time, however often it is asked."""
        first = self._begun.command(command.id)
        if first is not None and first != command:
            return _said(command, Outcome.INVALID, "id", "one that another command has", "a new id")
        known = self._begun.result(command.id)
        if known is not None:
            self._counts["repeated"] += 1
            return known
        task = self._running.get(command.id)
        if task is None:
            # A task of its own: whoever asked may go away, and the command still ends once.
            task = asyncio.create_task(self._carried(command), name=f"command {command.id}")
            self._running[command.id] = task
            task.add_done_callback(lambda _: self._running.pop(command.id, None))
        return await asyncio.shield(task)

    async def _carried(self, command: MachineCommand) -> MachineResult:
        result = await self._checked(command)
        self._counts[str(result.outcome)] += 1
        log.info("%s %s at %s for %s (%s): %s %s", command.name, command.id, command.work_unit, command.actor,
                 command.reason, result.outcome, result.found)  # fmt: skip
        return result

    async def _checked(self, command: MachineCommand) -> MachineResult:
        kind = CATALOGUE.get(command.name)
        if kind is None:
            names = ", ".join(sorted(CATALOGUE))
            return _said(command, Outcome.INVALID, "name", repr(command.name), f"one of {names}")
        try:
            wish = machine_commands.content_of(command)
        except msgspec.DecodeError as error:
            return _said(command, Outcome.INVALID, f"data of {command.name}", str(error), "its fields")
        refused = refusal(self._registry, command, wish)
        if refused is not None:
            return _said(command, refused.outcome, refused.place, refused.found, refused.right)
        driver = next((each for each in self._drivers if isinstance(wish, each.carries)), None)
        if driver is None:
            return _said(command, Outcome.INVALID, "name", command.name, "a command that a driver carries")
        lock = self._locks.setdefault(command.work_unit, asyncio.Lock())
        async with lock:
            now_ns = self._clock.now_ns()
            if not now_ns <= command.deadline_ns <= now_ns + DEADLINE_NS_MAX:
                late = command.deadline_ns < now_ns
                found = (
                    f"{(now_ns - command.deadline_ns) / 1e9:.1f} s ago" if late else "more than a day ahead"
                )
                return _said(command, Outcome.LATE if late else Outcome.INVALID, "deadline", found,
                             "an instant of the next day")  # fmt: skip
            try:
                await asyncio.to_thread(self._begun.begin, command, now_ns)
            except OSError as error:
                self._broken = f"commands cannot be written down: {error}"
                return _said(command, Outcome.AWAY, "commander", str(error), "room on its disk")
            self._broken = ""
            result = await self._told(driver, command, wish, now_ns)
            self._begun.end(result)
            return result

    async def _told(
        self, driver: Driver, command: MachineCommand, wish: MachineData, begun_ns: int
    ) -> MachineResult:
        try:
            async with self._clock.timeout(CARRY_S):
                carried = await driver.carry(command, wish)
        except MachineAway as error:
            said = _said(command, Outcome.AWAY, command.work_unit, str(error), "a machine that answers")
        except (MachineSilent, TimeoutError) as error:
            found, right = str(error) or "no answer in time", "look at the machine: what it did is not known"
            said = _said(command, Outcome.SILENT, command.work_unit, found, right)
        except MachineRefused as error:
            said = msgspec.structs.replace(
                _said(command, Outcome.REFUSED, error.place, error.status, error.right),
                status=error.status, values=list(error.values),
            )  # fmt: skip
        else:
            off = next((each for each in carried.values if not each.same), None)
            said = msgspec.structs.replace(
                _said(command, Outcome.DONE, "", "", "") if off is None
                else _said(command, Outcome.DIFFERS, f"{command.work_unit}/{off.signal}", str(off.found),
                           str(off.wanted)),
                status=carried.status, values=list(carried.values), returned=carried.returned,
            )  # fmt: skip
        return msgspec.structs.replace(said, begun_ns=begun_ns, ended_ns=self._clock.now_ns())

    # Heartbeat

    async def _beat(self) -> None:
        while True:
            await self._say("degraded" if self._broken else "running")
            await self._clock.wall_sleep(1.0)

    async def _say(self, how: str) -> None:
        health = Health(
            component=COMPONENT, state=how, reason=self._broken, started_ns=self._started_ns,
            at_ns=self._clock.now_ns(), pid=self._pid, memory_mb=self._memory_mb(),
            counters={name: float(value) for name, value in self._counts.items()},
        )  # fmt: skip
        subject = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        try:
            await self._bus.publish(subject, state.encode(health))
        except BusError:
            return  # the backbone is away; the next heartbeat is a second later


def _said(command: MachineCommand, outcome: Outcome, place: str, found: str, right: str) -> MachineResult:
    return MachineResult(id=command.id, outcome=outcome, place=place, found=found, right=right)
