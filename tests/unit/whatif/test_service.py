"""The room on a bus: it lives before it can answer, asks the owners when asked, and says who was away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import state, topics
from taktwin.contracts.whatif import WAITED_S, Comparison, Question, Status
from taktwin.whatif.api import Situation
from taktwin.whatif.service import WAITING_MAX, WhatIfService, load
from tests.unit.whatif.test_whatif import REGISTRY, down, order, picture

SITE = (REGISTRY.enterprise, REGISTRY.site)
QUESTION = Question(scenarios=down("press2", 7200), replications=8, horizon_s=6 * 3600, deadline_s=30.0)


class House:
    """A hub with a twin, an MES and the room, as far as a test wants them."""

    def __init__(self, load: Any = load, clock: SystemClock | None = None) -> None:
        self.hub = MemoryHub(SystemClock())
        self.asker = self.hub.connect()
        self.service = WhatIfService(
            bus=self.hub.connect(), registry=REGISTRY, clock=clock or SystemClock(), memory_mb=lambda: 1.0,
            pid=1, load=load,
        )  # fmt: skip

    async def serve(self, owner: str, name: str, answer: bytes) -> None:
        """Answer a query for ever."""

        async def answered(message: Message) -> bytes:
            return answer

        await self.asker.serve(topics.query(*SITE, owner, name), answered)

    async def ask(self, question: Question = QUESTION) -> Comparison:
        """Return the room's answer."""
        subject = topics.query(*SITE, "whatif", "compare")
        said = await self.asker.request(subject, msgspec.msgpack.encode(question), timeout_s=60)
        return msgspec.msgpack.decode(said, type=Comparison)

    async def status(self) -> Status:
        """Return whether the room can answer."""
        said = await self.asker.request(topics.query(*SITE, "whatif", "status"), b"")
        return msgspec.msgpack.decode(said, type=Status)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Let the room run."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.service.run(stop))
        heard = asyncio.Event()
        await self.asker.subscribe(topics.health(*SITE, "whatif"), lambda message: heard.set())
        try:
            await asyncio.wait_for(heard.wait(), 30)
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, 30)

    async def ready(self) -> None:
        """Wait until the simulation is loaded."""
        while (await self.status()).state != "ready":  # noqa: ASYNC110 - the answer is what is waited for
            await asyncio.sleep(0.01)


def lines(*orders: list[dict[str, Any]]) -> bytes:
    """Return the MES's board."""
    return msgspec.msgpack.encode(
        {"lines": [line for each in orders for line in each], "over": [], "at_ns": 1}
    )


async def test_it_lives_and_says_so_before_it_can_answer_and_ends_at_once() -> None:
    loaded = threading.Event()
    house = House(load=loaded.wait)
    async with house.open():
        assert (await house.status()).state == "starting"
        answer = await house.ask()
        assert answer.state == "starting" and answer.reason and not answer.indicators
    # It ended while its thread still loads; nobody waits for that.
    loaded.set()


async def test_it_answers_from_what_twin_and_mes_say_when_it_is_asked() -> None:
    house = House()
    await house.serve("twin", "snapshot", state.encode(picture(press2="production")))
    await house.serve("mes", "board", lines(order("near", 20, (20, 20, 12), due_h=1.2)))
    async with house.open():
        await house.ready()
        answer = await house.ask()
        assert answer.state == "ready" and answer.snapshot is not None
        (near,) = answer.orders
        assert (near.order, near.base.late, near.scenarios[0].late) == ("near", 0.0, 1.0)
        assert not answer.snapshot.unknowns
        refused = await house.ask(msgspec.structs.replace(QUESTION, scenarios=down("mill9", 1)))
        assert refused.state == "refused" and "mill9" in refused.reason


async def test_without_a_picture_there_is_no_answer_and_without_an_mes_one_that_says_so() -> None:
    house = House()
    async with house.open():
        await house.ready()
        assert (await house.ask()).state == "no_picture"
        await house.serve("twin", "snapshot", state.encode(picture()))
        answer = await house.ask()
        assert answer.snapshot is not None and [each.code for each in answer.snapshot.unknowns] == ["mes"]
        await house.serve("mes", "board", msgspec.msgpack.encode({"away": "no database"}))
        answer = await house.ask()
        assert answer.snapshot is not None and [each.code for each in answer.snapshot.unknowns] == ["mes"]


async def test_who_comes_when_too_many_wait_is_told_so() -> None:
    go_on = threading.Event()

    class Slow:
        Situation = Situation

        def compare(self, *_: Any) -> Comparison:
            go_on.wait()
            return Comparison(state="ready")

    house = House(load=Slow)
    await house.serve("twin", "snapshot", state.encode(picture()))
    await house.serve("mes", "board", lines())
    async with house.open():
        await house.ready()
        asked = [asyncio.create_task(house.ask()) for _ in range(WAITING_MAX + 1)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().state for task in done] == ["busy"]
        go_on.set()
        states = [answer.state for answer in await asyncio.gather(*asked)]
        assert sorted(states) == ["busy", *["ready"] * WAITING_MAX]


async def test_a_question_whose_asker_must_be_gone_when_its_turn_comes_is_not_worked_on() -> None:
    began, go_on, worked = threading.Event(), threading.Event(), []

    class Ahead(SystemClock):
        seconds = 0.0

        def monotonic_ns(self) -> int:
            return super().monotonic_ns() + round(self.seconds * 1e9)

    class Slow:
        Situation = Situation

        def compare(self, question: Question, *_: Any) -> Comparison:
            worked.append(question.seed)
            began.set()
            go_on.wait()
            return Comparison(state="ready")

    clock = Ahead()
    house = House(load=Slow, clock=clock)
    await house.serve("twin", "snapshot", state.encode(picture()))
    await house.serve("mes", "board", lines())
    async with house.open():
        await house.ready()
        first = asyncio.create_task(house.ask(msgspec.structs.replace(QUESTION, seed=1)))
        await asyncio.to_thread(began.wait)
        second = asyncio.create_task(house.ask(msgspec.structs.replace(QUESTION, seed=2)))
        while house.service.waiting < 2:  # noqa: ASYNC110 - it is on its way
            await asyncio.sleep(0.01)
        clock.seconds = WAITED_S + 1
        go_on.set()
        assert (await first).state == "ready"
        left = await second
        assert left.state == "busy" and left.reason == "40 s of other questions were before it"
        assert (await house.ask(msgspec.structs.replace(QUESTION, seed=3))).state == "ready"
    assert worked == [1, 3]
