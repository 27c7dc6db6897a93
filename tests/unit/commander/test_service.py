"""A command is carried once, whatever ends in between, and what is not known is not claimed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import VirtualClock
from taktwin.commander.begun import FILE
from taktwin.commander.driver import Carried, MachineAway, MachineRefused, MachineSilent
from taktwin.commander.service import CommanderService
from taktwin.contracts.machine_commands import (
    DEADLINE_NS_MAX,
    LoadParameters,
    MachineCommand,
    MachineData,
    Outcome,
    ReadBack,
    Values,
    Wanted,
)
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from tests.unit.commander.test_permits import registry

NOW_NS = 1_700_000_000 * SECOND_NS


class Machine:
    """A machine that says what the test wants, and counts how often it was told."""

    carries: tuple[type[MachineData], ...] = (Values,)

    def __init__(self) -> None:
        self.told: list[str] = []
        self.says: Carried | Exception = Carried()
        self.waits: asyncio.Event | None = None
        self.heard = asyncio.Event()
        self.at_once = 0
        self.at_once_max = 0

    async def carry(self, command: MachineCommand, wish: MachineData) -> Carried:
        self.told.append(command.id)
        self.heard.set()
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        try:
            if self.waits is not None:
                await self.waits.wait()
            if isinstance(self.says, Exception):
                raise self.says
            return self.says
        finally:
            self.at_once -= 1


class Rig:
    """A commander over a folder that stays, with a new process whenever the test wants one."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock(NOW_NS)
        self.plant: Registry = registry(folder / "plant")
        self.folder = folder
        self.machine = Machine()
        self.service = self.born()

    def born(self) -> CommanderService:
        self.service = CommanderService(
            bus=MemoryBus(MemoryHub(self.clock)), registry=self.plant, clock=self.clock, folder=self.folder,
            drivers=[self.machine], memory_mb=lambda: 0.0, pid=1,
        )  # fmt: skip
        return self.service


def command(command_id: str = "c-1", **changes: Any) -> MachineCommand:
    wish = LoadParameters(values=[Wanted(signal="spindle/load", value=80.0)])
    made = MachineCommand(
        id=command_id, name=wish.command_name, work_unit="mill1", actor="P08", reason="it begins", job="A-10",
        deadline_ns=NOW_NS + 10 * SECOND_NS, data=msgspec.Raw(msgspec.json.encode(wish)),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_the_same_id_is_carried_once_and_answered_again(rig: Rig) -> None:
    first = await rig.service.carry(command())
    assert first.outcome == Outcome.DONE and first.begun_ns == NOW_NS
    assert await rig.service.carry(command()) == first
    assert await rig.born().carry(command()) == first, "and by the next process"
    assert rig.machine.told == ["c-1"]


async def test_two_at_once_under_one_id_are_one(rig: Rig) -> None:
    rig.machine.waits = asyncio.Event()
    both = [asyncio.create_task(rig.service.carry(command())) for _ in range(2)]
    await rig.machine.heard.wait()
    rig.machine.waits.set()
    first, second = await asyncio.gather(*both)
    assert first == second and rig.machine.told == ["c-1"]


async def test_whoever_asked_may_go_away_and_the_command_ends_all_the_same(rig: Rig) -> None:
    rig.machine.waits = asyncio.Event()
    asked = asyncio.create_task(rig.service.carry(command()))
    await rig.machine.heard.wait()
    asked.cancel()
    rig.machine.waits.set()
    assert (await rig.service.carry(command())).outcome == Outcome.DONE
    assert rig.machine.told == ["c-1"]


async def test_one_command_of_a_work_unit_at_a_time(rig: Rig) -> None:
    rig.machine.waits = asyncio.Event()
    both = [asyncio.create_task(rig.service.carry(command(name))) for name in ("c-1", "c-2")]
    await rig.machine.heard.wait()
    rig.machine.waits.set()
    await asyncio.gather(*both)
    assert sorted(rig.machine.told) == ["c-1", "c-2"] and rig.machine.at_once_max == 1


async def test_what_was_begun_and_not_ended_is_unknown_and_not_repeated(rig: Rig) -> None:
    rig.machine.waits = asyncio.Event()
    killed = asyncio.create_task(rig.service.carry(command()))
    await rig.machine.heard.wait()
    after = await rig.born().carry(command())  # the first process is gone, its file is there
    assert after.outcome == Outcome.UNKNOWN and "not repeated" in after.right
    assert (await rig.born().carry(command())).outcome == Outcome.UNKNOWN
    assert rig.machine.told == ["c-1"]
    killed.cancel()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:  # type: ignore[arg-type]
        task.cancel()


async def test_a_line_that_was_torn_never_reached_a_machine(rig: Rig) -> None:
    await rig.service.carry(command())
    with (rig.folder / FILE).open("ab") as file:
        file.write(b'{"id":"c-2","begun_ns":17')
    assert (await rig.born().carry(command("c-2"))).outcome == Outcome.DONE
    assert rig.machine.told == ["c-1", "c-2"]


async def test_an_id_that_another_command_has_is_refused(rig: Rig) -> None:
    await rig.service.carry(command())
    other = await rig.service.carry(command(reason="something else"))
    assert (other.outcome, other.place) == (Outcome.INVALID, "id")
    assert rig.machine.told == ["c-1"]


@pytest.mark.parametrize(
    ("changes", "outcome", "place"),
    [
        ({"deadline_ns": NOW_NS - 1}, Outcome.LATE, "deadline"),
        ({"deadline_ns": NOW_NS + DEADLINE_NS_MAX + 1}, Outcome.INVALID, "deadline"),
        ({"name": "machine.explode"}, Outcome.INVALID, "name"),
        ({"data": msgspec.Raw(b'{"volume":11}')}, Outcome.INVALID, "data of parameters.load"),
        ({"work_unit": "saw1"}, Outcome.FORBIDDEN, "permits.saw1"),
    ],
)
async def test_what_may_not_be_carried_reaches_no_machine(
    rig: Rig, changes: dict[str, Any], outcome: Outcome, place: str
) -> None:
    found = await rig.service.carry(command(**changes))
    assert (found.outcome, found.place) == (outcome, place)
    assert not rig.machine.told and not found.begun_ns


@pytest.mark.parametrize(
    ("says", "outcome", "found"),
    [
        (MachineAway("opc.tcp://x: no answer in time"), Outcome.AWAY, "no answer in time"),
        (MachineSilent("opc.tcp://x: no answer in time"), Outcome.SILENT, "no answer in time"),
        (
            MachineRefused("mill1/spindle/load", "BadNotWritable", "a value"),
            Outcome.REFUSED,
            "BadNotWritable",
        ),
        (Carried((ReadBack(signal="spindle/load", wanted=80.0, found=79.0),)), Outcome.DIFFERS, "79.0"),
        (Carried((ReadBack(signal="spindle/load", wanted=80.0, found=80.0, same=True),)), Outcome.DONE, ""),
    ],
)
async def test_what_the_machine_says_is_what_is_reported(
    rig: Rig, says: Carried | Exception, outcome: Outcome, found: str
) -> None:
    rig.machine.says = says
    result = await rig.service.carry(command())
    assert result.outcome == outcome and found in result.found
    assert await rig.born().carry(command()) == result, "also to whoever asks again"
    assert rig.machine.told == ["c-1"]


async def test_a_machine_that_says_nothing_is_said_to_be_silent(rig: Rig) -> None:
    rig.machine.waits = asyncio.Event()
    asked = asyncio.create_task(rig.service.carry(command(deadline_ns=NOW_NS + 60 * SECOND_NS)))
    await rig.machine.heard.wait()
    await rig.clock.advance(11.0)
    assert (await asked).outcome == Outcome.SILENT


async def test_what_cannot_be_written_down_is_not_sent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("taktwin.commander.begun.os.fsync", full)
    result = await rig.service.carry(command())
    assert result.outcome == Outcome.AWAY and "No space" in result.found
    assert not rig.machine.told
