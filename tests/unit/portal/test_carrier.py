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


@pytest.mark.parametrize("events", [[], ["maintenance.order.opened"]])
def test_what_made_no_event_is_no_way_to_wait_on(events: list[str]) -> None:
    registry = open_plant(NORTHFIELD)
    clock = SystemClock()
    hub = MemoryHub(clock, [])
    bus, grants = hub.connect(), Grants(b"key")
    office = Office().begun()
    office.now_ns = clock.now_ns()
    office.propose()
    document = office.of()
    action = document.proposal.action
    told: list[Refuse] = []

    async def ledger(message: Message) -> bytes:
        said = contract.decode(message.payload)
        if said.name == Refuse.message_name:
            told.append(msgspec.json.decode(said.data, type=Refuse))
            return contract.encode(Answer(accepted=True))
        carried = Carried(
            recommendation="r1", command_id=contract.command_id("r1"), person="P66", reason="",
            action=action, grants=[grants.seal(document, "P01", None)],
        )  # fmt: skip
        return contract.encode(Answer(accepted=True, carried=carried))

    async def mes(message: Message) -> bytes:
        assert commands.decode(message.payload).actor == "P01", "by the seal, not by what the ledger says"
        return commands.encode(commands.Answer(accepted=True, events=events))

    async def carry() -> None:
        site = (registry.enterprise, registry.site)
        await bus.serve(topics.command(*site, contract.OWNER, ">"), ledger)
        await bus.serve(topics.command(*site, "mes", ">"), mes)
        await Carrier(registry, bus, clock, cast("Questions", None), grants).carry("r1")

    asyncio.run(carry())
    assert [each.recommendation for each in told] == ([] if events else ["r1"])
    assert not told or "nothing to do" in told[0].found
