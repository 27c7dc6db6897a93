"""The ledger's process over a real PostgreSQL: whom it hears, and that no yes is quicker than its ear."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import Clock, ScaledClock, SystemClock
from taktwin.contracts import events, topics
from taktwin.contracts import recommendation as contract
from taktwin.contracts.events import EventData, MaintenanceOrderOpened, ToolMounted
from taktwin.contracts.events.subjects import subject_of
from taktwin.contracts.recommendation import (
    AdviceMessage,
    Answer,
    Carry,
    Check,
    Decide,
    Declare,
    Propose,
    State,
)
from taktwin.entropy import unique_id
from taktwin.errors import StoreError
from taktwin.identity import Place
from taktwin.ledger import engine, service
from taktwin.ledger.desk import Desk
from taktwin.ledger.service import LedgerService
from taktwin.plant.compile import open_plant
from taktwin.storage.stores import SqlStore
from tests.protocol.ledger.conftest import Server
from tests.support_advice import CLASS, HOUR, SECOND, card, error, proposal

REGISTRY = open_plant(Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield")
SITE = (REGISTRY.enterprise, REGISTRY.site)
CLOCK = SystemClock()
MES = f"/{REGISTRY.enterprise}/{REGISTRY.site}/mes"


class House:
    """A ledger, and who talks to it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.hub = MemoryHub(CLOCK)
        self.bus = MemoryBus(self.hub)
        self.desk = Desk(SqlStore(server.connect), CLOCK.now_ns)
        self.numbers = iter(range(1, 1000))
        self.clock: Clock = CLOCK  # the ledger's

    @contextlib.asynccontextmanager
    async def ledger(self) -> AsyncIterator[None]:
        """Let the ledger work."""
        ledger = LedgerService(
            bus=MemoryBus(self.hub), registry=REGISTRY, clock=self.clock, connect=self.server.connect,
            folder=self.folder, memory_mb=lambda: 1.0, pid=1,
        )  # fmt: skip
        stop = asyncio.Event()
        task = asyncio.create_task(ledger.run(stop))
        anything = topics.command(*SITE, contract.OWNER, "anything")
        try:
            await self.until(lambda: self.hub.answerer(anything) is not None)
            yield
        finally:
            stop.set()
            await task

    async def say(self, content: AdviceMessage) -> Answer:
        """Tell it, as the analyst or a person does, once it is there."""
        kind = "ai" if content.sender == "analyst" else "human"
        said = contract.make(content, message_id=unique_id(), actor="P01", actor_type=kind)
        subject = topics.command(*SITE, contract.OWNER, said.name)
        return contract.decode_answer(await self.bus.request(subject, contract.encode(said), timeout_s=10.0))

    async def proposed(self, name: str, **changes: Any) -> None:
        """Have something proposed."""
        for content in (
            Declare(advice_class=card()), Check(advice_class=CLASS, error=error()),
            Propose(proposal=proposal(name, CLOCK.now_ns(), **changes)),
        ):  # fmt: skip
            answer = await self.say(content)
            assert answer.accepted, answer

    async def mounted(self, source: str = MES) -> None:
        """Let somebody say that another tool is in."""
        await self._told(ToolMounted(tool="T9", kind="insert", work_unit="turn1"), source=source)

    async def opened(self, name: str) -> None:
        """Let the MES say that it has what was recommended."""
        order = MaintenanceOrderOpened(
            order="M1", number=1, kind="tool_change", work_unit="turn1", about="", tool_kind="insert",
            stops=True, by="P01",
        )  # fmt: skip
        await self._told(order, correlation=contract.command_id(name))

    async def _told(self, content: EventData, *, source: str = MES, correlation: str = "") -> None:
        event = events.make(content, source=source, sequence=next(self.numbers), time_ns=CLOCK.now_ns(),
                            subject=subject_of(content))  # fmt: skip
        event = msgspec.structs.replace(event, correlationid=correlation)
        await self.bus.publish_durable(topics.event(Place(*SITE), event.name), events.encode(event))

    def accepts(self, name: str) -> Decide:
        """Return a yes to what is proposed."""
        document = self.desk.document(name)
        assert document is not None
        return Decide(recommendation=name, version=document.version, accept=True, grant="seal")

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(10.0):
            while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - nobody says when it does
                await asyncio.sleep(0.02)

    def state(self, name: str) -> State:
        """Return the state of a recommendation."""
        document = self.desk.document(name)
        assert document is not None
        return document.state


def deaf(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let no ledger take what it hears until the event that is returned is set."""
    hear, go = Desk.hear, asyncio.Event()

    def slowly(self: Desk, heard: Any, **where: Any) -> int:
        if list(heard) and not go.is_set():
            raise StoreError("not yet")
        return hear(self, heard, **where)

    monkeypatch.setattr(Desk, "hear", slowly)
    return go


@pytest.fixture
def house(server: Server, tmp_path: Path) -> House:
    return House(server, tmp_path)


async def test_only_the_mes_is_heard(house: House) -> None:
    async with house.ledger():
        await house.proposed("a1")
        others = [
            f"{MES}2", MES.replace("/mes", "/twin"), f"/{SITE[0]}/southfield/mes", f"/other/{SITE[1]}/mes",
            f"/x{MES}", MES.removeprefix("/"), "/mes", "",
        ]  # fmt: skip
        for source in others:
            await house.mounted(source=source)
        heard = house.hub.streams[topics.STREAM_EVENTS].last
        answer = await house.say(house.accepts("a1"))  # it waits for the ear
        assert answer.state == State.ACCEPTED and heard >= len(others)
        await house.mounted()
        await house.until(lambda: house.state("a1") is State.SUPERSEDED)


async def test_a_stream_made_anew_is_heard_from_its_beginning(house: House) -> None:
    async with house.ledger():
        await house.proposed("c1")
        for _ in range(5):
            await house.mounted(source=f"{MES}2")
    house.hub = MemoryHub(CLOCK)
    house.bus = MemoryBus(house.hub)
    await house.mounted()
    for _ in range(50):  # more than what it says itself afterwards
        await house.mounted(source=f"{MES}2")
    async with house.ledger():
        await house.until(lambda: house.state("c1") is State.SUPERSEDED)
        assert (await house.say(Carry(recommendation="c1"))).code == "state"  # all fifty are heard
        house.hub.streams[topics.STREAM_EVENTS].last = 0  # and again, behind its back
        await house.proposed("c2")
        answer = await house.say(house.accepts("c2"))
        assert (answer.code, "heard up to" in answer.found) == ("away", True), answer


async def test_no_yes_is_taken_before_the_ear_has_caught_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool is mounted while the ledger is away: whoever says yes as it starts is refused, not obeyed."""
    async with house.ledger():
        await house.proposed("b1")
    await house.mounted()
    wish = house.accepts("b1")
    go = deaf(monkeypatch)
    monkeypatch.setattr(service, "HEARD_S", 0.5)
    async with house.ledger():
        answer = await house.say(wish)
        assert (answer.accepted, answer.code, answer.place) == (False, "away", "the MES"), answer
        assert (await house.say(Carry(recommendation="b1"))).code == "away"
        assert house.state("b1") is State.PROPOSED
        go.set()
        await house.until(lambda: house.state("b1") is State.SUPERSEDED)
        assert (await house.say(wish)).code in ("state", "conflict")


async def test_a_store_is_closed_under_nobodys_hands(server: Server) -> None:
    """A thread outlives the task that waited for it: closing its connection meanwhile ended the process."""
    store = SqlStore(server.connect)
    begun, go = threading.Event(), threading.Event()

    def work() -> tuple[int, str]:
        with store.begin() as transaction:
            begun.set()
            go.wait(10.0)
            return transaction.head()

    working = asyncio.create_task(asyncio.to_thread(work))
    assert await asyncio.to_thread(begun.wait, 10.0)
    closing = asyncio.create_task(asyncio.to_thread(store.close))
    await asyncio.sleep(0.2)
    assert not closing.done()
    go.set()
    assert len(await working) == 2
    await closing
    with pytest.raises(service.StoreError, match="closed"), store.begin():
        pass


async def test_what_the_mes_may_have_said_is_waited_for_while_the_ear_is_behind(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger was away for two hours: what it has not heard yet is not what the MES never said."""
    async with house.ledger():
        for name, unit in (("d1", "turn1"), ("d2", "turn2")):
            await house.proposed(name, work_unit=unit)
            for content in (house.accepts(name), Carry(recommendation=name)):
                assert (await house.say(content)).accepted
    await house.opened("d1")
    now_ns, unheard_ns = CLOCK.now_ns(), SECOND // 5
    house.clock = ScaledClock(epoch_ns=now_ns + 2 * HOUR, wall_epoch_ns=now_ns)
    monkeypatch.setattr(engine, "UNHEARD_NS", unheard_ns)
    monkeypatch.setattr(service, "TICK_S", 0.02)
    monkeypatch.setattr(service, "HEARD_S", 0.02)
    go, tick, ticks = deaf(monkeypatch), Desk.tick, list[int]()

    def ticked(self: Desk, **how: Any) -> int:
        ticks.append(house.clock.now_ns())
        return tick(self, **how)

    monkeypatch.setattr(Desk, "tick", ticked)
    async with house.ledger():
        await house.until(lambda: bool(ticks) and ticks[-1] - ticks[0] > 3 * unheard_ns)
        assert [house.state(name) for name in ("d1", "d2")] == [State.DISPATCHED] * 2
        go.set()
        await house.until(lambda: house.state("d2") is State.FAILED)
        assert house.state("d1") is State.ACKNOWLEDGED
