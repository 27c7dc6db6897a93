"""What the MES took and had nothing to do for is told to the ledger: nobody waits for it without end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import msgspec
import pytest

from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import commands, topics
from taktwin.contracts import recommendation as contract
from taktwin.contracts.recommendation import Answer, Carried, Refuse
from taktwin.plant import open_plant
from taktwin.portal.carrier import Carrier
from taktwin.portal.grants import Grants
from taktwin.portal.questions import Questions
from tests.support_advice import Office

NORTHFIELD = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"


class Carrying:
    """A portal that carries what a ledger of lies says, to an MES that answers in one way."""

    def __init__(self, *, command_id: str = "advice:r1", events: list[str] | None = None) -> None:
        self.command_id, self.events = command_id, events or []
        self.registry, self.clock = open_plant(NORTHFIELD), SystemClock()
        self.bus, self.grants = MemoryHub(self.clock, []).connect(), Grants(b"key")
        office = Office().begun()
        office.now_ns = self.clock.now_ns()
        office.propose()
        self.document = office.of()
        self.told: list[Refuse] = []
        self.asked: list[str] = []

    async def ledger(self, message: Message) -> bytes:
        """Say what is to be carried, or hear that it is not."""
        said = contract.decode(message.payload)
        if said.name == Refuse.message_name:
            self.told.append(msgspec.json.decode(said.data, type=Refuse))
            return contract.encode(Answer(accepted=True))
        carried = Carried(
            recommendation="r1", command_id=self.command_id, person="P66", reason="",
            action=self.document.proposal.action, grants=[self.grants.seal(self.document, "P01", None)],
        )  # fmt: skip
        return contract.encode(Answer(accepted=True, carried=carried))

    async def mes(self, message: Message) -> bytes:
        """Take a command."""
        self.asked.append(commands.decode(message.payload).actor)
        return commands.encode(commands.Answer(accepted=True, events=self.events))

    async def carry(self) -> Carrier:
        """Carry it."""
        site = (self.registry.enterprise, self.registry.site)
        await self.bus.serve(topics.command(*site, contract.OWNER, ">"), self.ledger)
        await self.bus.serve(topics.command(*site, "mes", ">"), self.mes)
        carrier = Carrier(self.registry, self.bus, self.clock, cast("Questions", None), self.grants)
        await carrier.carry("r1")
        return carrier


@pytest.mark.parametrize("events", [[], ["maintenance.order.opened"]])
def test_what_made_no_event_is_no_way_to_wait_on(events: list[str]) -> None:
    made = Carrying(events=events)
    asyncio.run(made.carry())
    assert made.asked == ["P01"], "by the seal, not by what the ledger says"
    assert [each.recommendation for each in made.told] == ([] if events else ["r1"])
    assert not made.told or "nothing to do" in made.told[0].found


def test_what_is_to_go_under_another_id_goes_nowhere() -> None:
    """Under one of its own the MES would do the same a second time."""
    made = Carrying(command_id="advice:r1 ")
    carrier = asyncio.run(made.carry())
    assert made.asked == [] and carrier.forged == 1 and made.told[0].place == "seal"
