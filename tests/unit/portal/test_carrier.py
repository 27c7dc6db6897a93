"""Who is away is waited for; what the MES took and had nothing to do for, nobody waits for without end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import commands, topics
from taktwin.contracts import recommendation as contract
from taktwin.contracts.recommendation import Answer, Carried, Carry, Refuse
from taktwin.errors import BusError
from taktwin.plant import open_plant
from taktwin.portal.carrier import Carrier
from taktwin.portal.grants import Grants
from taktwin.portal.questions import Questions
from tests.support_advice import Office

NORTHFIELD = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"


class Carrying:
    """A portal that carries what a ledger of lies says, to an MES that answers in one way."""

    def __init__(self, *, command_id: str = "", events: list[str] | None = None) -> None:
        self.command_id, self.events = command_id, ["opened"] if events is None else events
        self.registry, self.clock = open_plant(NORTHFIELD), SystemClock()
        self.bus, self.grants = MemoryHub(self.clock, []).connect(), Grants(b"key")
        office = Office().begun()
        office.now_ns = self.clock.now_ns()
        office.propose()
        self.document = office.of()
        self.waiting: list[str] = []
        self.away: set[str] = set()  # message or command that is answered with the database being away
        self.told: list[Refuse] = []
        self.asked: list[str] = []

    async def ledger(self, message: Message) -> bytes:
        """Say what is to be carried, or hear that it is not."""
        said = contract.decode(message.payload)
        if said.id in self.away:
            return contract.encode(Answer(accepted=False, code="away", place="database", found="x"))
        if said.name == Refuse.message_name:
            self.told.append(msgspec.json.decode(said.data, type=Refuse))
            return contract.encode(Answer(accepted=True))
        name = msgspec.json.decode(said.data, type=Carry).recommendation
        document = msgspec.structs.replace(self.document, id=name)
        carried = Carried(
            recommendation=name, command_id=self.command_id or contract.command_id(name), person="P66",
            reason="", action=document.proposal.action, grants=[self.grants.seal(document, "P01", None)],
        )  # fmt: skip
        return contract.encode(Answer(accepted=True, carried=carried))

    async def queue(self, message: Message) -> bytes:
        """Say what waits to be carried."""
        return msgspec.msgpack.encode(self.waiting)

    async def mes(self, message: Message) -> bytes:
        """Take a command."""
        command = commands.decode(message.payload)
        if command.id in self.away:
            return commands.encode(commands.Answer(accepted=False, code="away", place="database", found="x"))
        self.asked.append(f"{command.actor} {command.id}")
        return commands.encode(commands.Answer(accepted=True, events=self.events))

    async def ready(self) -> Carrier:
        """Return what carries, with everybody there to be asked."""
        site = (self.registry.enterprise, self.registry.site)
        await self.bus.serve(topics.command(*site, contract.OWNER, ">"), self.ledger)
        await self.bus.serve(topics.query(*site, contract.OWNER, contract.UNCARRIED), self.queue)
        await self.bus.serve(topics.command(*site, "mes", ">"), self.mes)
        questions = Questions(self.bus, enterprise=site[0], site=site[1])
        return Carrier(self.registry, self.bus, self.clock, questions, self.grants)

    async def carry(self) -> Carrier:
        """Carry it."""
        carrier = await self.ready()
        await carrier.carry("r1")
        return carrier


@pytest.mark.parametrize("events", [[], ["maintenance.order.opened"]])
def test_what_made_no_event_is_no_way_to_wait_on(events: list[str]) -> None:
    made = Carrying(events=events)
    asyncio.run(made.carry())
    assert made.asked == ["P01 advice:r1"], "by the seal, not by what the ledger says"
    assert [each.recommendation for each in made.told] == ([] if events else ["r1"])
    assert not made.told or "nothing to do" in made.told[0].found


def test_what_is_to_go_under_another_id_goes_nowhere() -> None:
    """Under one of its own the MES would do the same a second time."""
    made = Carrying(command_id="advice:r1 ")
    carrier = asyncio.run(made.carry())
    assert made.asked == [] and carrier.forged == 1 and made.told[0].place == "seal"


@pytest.mark.parametrize("who", ["advice:r1", "carry:r1"])
def test_whoever_is_away_has_refused_nothing(who: str) -> None:
    """Neither the MES nor the ledger: it would fail for a database that is restarted."""
    made = Carrying()
    made.away = {who}
    with pytest.raises(BusError, match="database"):
        asyncio.run(made.carry())
    assert made.asked == [] and made.told == []


def test_a_refusal_that_the_ledger_could_not_hear_is_told_again() -> None:
    made = Carrying(events=[])
    made.away = {"refuse:r1"}
    with pytest.raises(BusError, match="the ledger"):
        asyncio.run(made.carry())
    made.away = set()
    asyncio.run(made.carry())
    assert [each.recommendation for each in made.told] == ["r1"]


async def test_the_others_do_not_wait_for_one_that_cannot_be_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taktwin.portal.carrier.LOOK_EVERY_S", 0.01)
    made = Carrying()
    made.waiting, made.away = ["r1", "r2", "r3"], {"advice:r1", "carry:r2"}
    running = asyncio.create_task((await made.ready()).run())

    async def until(asked: set[str]) -> None:
        async with made.clock.timeout(10.0):
            while not asked <= set(made.asked):
                assert not running.done(), running
                await made.clock.wall_sleep(0.01)

    try:
        await until({"P01 advice:r3"})
        assert set(made.asked) == {"P01 advice:r3"} and made.told == []
        made.away = set()
        await until({"P01 advice:r1", "P01 advice:r2"})
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
