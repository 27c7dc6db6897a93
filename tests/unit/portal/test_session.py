"""One browser in virtual time: its pace, a line that is shut, drawing that stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from taktwin.bus.port import Bus, Message
from taktwin.clock import VirtualClock
from taktwin.contracts.state import encode
from taktwin.portal.live import Hub
from taktwin.portal.questions import Questions
from taktwin.portal.session import UNDRAWN_MAX, Session
from tests.unit.portal.support import Browser, DeadBus, frame, plant

START_NS = 1_000_000_000_000


class Stage:
    """A hub whose picture the test moves, a browser, and the clock of both."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START_NS)
        self.bus = DeadBus()
        bus = cast(Bus, self.bus)
        self.questions = Questions(bus, enterprise="aurora", site="northfield")
        self.hub = Hub(plant(), bus, self.clock, self.questions)
        self.hub.picture.replace(frame(1, {0: 0}, at_ns=START_NS))
        self.hub.twin_silent = False
        self.browser = Browser()
        self.session = Session(
            self.browser.socket(), self.hub, bus, self.clock, self.questions, lambda: "session"
        )

    def move(self, value: Any, **more: Any) -> None:
        """Let the twin say another value of signal 0."""
        now = self.clock.now_ns()
        self.hub._apply(frame(self.hub.picture.sequence + 1, {0: value}, at_ns=now, **more))


@asynccontextmanager
async def stage(*topics: str) -> AsyncIterator[Stage]:
    """Run a session that subscribed some topics and has its snapshot."""
    found = Stage()
    running = asyncio.create_task(found.session.run())
    found.browser.say(op="subscribe", topics=list(topics))
    await found.clock.advance(0.2)
    assert len(found.browser.of("snapshot")) == 1
    try:
        yield found
    finally:
        found.browser.open.set()
        found.browser.leave()
        await found.clock.advance(0)
        await running


async def test_a_line_that_is_shut_keeps_one_message_and_then_gets_the_newest() -> None:
    async with stage("signals:0") as s:
        s.move("before")
        await s.clock.advance(0.2)
        s.browser.open.clear()
        for value in range(300):
            s.move(value)
            await s.clock.advance(0.1)
        assert s.browser.sending == 1, "one message waits in the line, none behind it"
        s.browser.open.set()
        await s.clock.advance(0.3)
        heard = [f["v"] for f in s.browser.of("frame")]
        assert heard[-1] == [299]
        assert len(heard) <= 4
        assert s.browser.sending_most == 1
        sequences = [f["seq"] for f in s.browser.of("frame")]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences))), "no gap is shown"


async def test_at_most_ten_frames_a_second_and_the_last_one_always() -> None:
    async with stage("signals:0") as s:
        for value in range(1000):
            s.move(value)
            await s.clock.advance(0.01)
        await s.clock.advance(0.2)
        frames = s.browser.of("frame")
        assert 90 <= len(frames) <= 102, "ten seconds"
        assert frames[-1]["v"] == [999]


async def test_a_frame_goes_at_once_when_the_line_was_quiet() -> None:
    async with stage("signals:0") as s:
        await s.clock.advance(5)
        s.move(1)
        await s.clock.advance(0)
        assert len(s.browser.of("frame")) == 1


async def test_a_heartbeat_comes_every_second_and_with_nothing_else() -> None:
    async with stage("signals:0") as s:
        before = len(s.browser.heard)
        await s.clock.advance(10)
        assert {m["type"] for m in s.browser.heard[before:]} == {"heartbeat"}
        assert 9 <= len(s.browser.heard) - before <= 11


async def test_a_page_that_stopped_drawing_gets_one_frame_a_second() -> None:
    async with stage("signals:0") as s:
        s.browser.say(op="drawn", seq=1, t=0)
        for value in range(UNDRAWN_MAX * 10 + 500):
            s.move(value)
            await s.clock.advance(0.01)
        slow = len(s.browser.of("frame"))
        for value in range(500):
            s.move(value)
            await s.clock.advance(0.01)
        assert len(s.browser.of("frame")) - slow <= 6
        last = s.browser.of("frame")[-1]["seq"]
        s.browser.say(op="drawn", seq=last, t=0)
        for value in range(200):
            s.move(value)
            await s.clock.advance(0.01)
        assert len(s.browser.of("frame")) - slow > 12, "who draws again gets its ten a second"


async def test_the_screen_is_estimated_from_what_the_browser_knows() -> None:
    async with stage("signals:0") as s:
        await s.clock.advance(5)
        now = s.clock.monotonic_ns()
        s.move(
            1, received_mono=[now - 9_000_000], published_mono=[now - 8_000_000],
            applied_mono=[now - 7_000_000], ingest_ns=[now + 1_000_000], mono_ns=now - 2_000_000,
        )  # fmt: skip
        await s.clock.advance(0)
        seq = s.browser.of("frame")[-1]["seq"]
        await s.clock.advance(0.030)
        s.browser.say(op="drawn", seq=seq, t=0, waited_ms=20)
        await s.clock.advance(0)
        assert s.hub.screen_ms == 25, "its own 20 ms, and half of the 10 ms of the way both ways"
        whole = next(h for h in s.hub.hops() if h.hop == "whole")
        assert whole.max == 1 + 9 + 25
        s.browser.say(op="drawn", seq=seq, t=0, waited_ms=0)
        s.browser.say(op="drawn", seq=seq + 1000, t=0)
        await s.clock.advance(0)
        assert next(h for h in s.hub.hops() if h.hop == "whole").count == 1, "told once, counted once"


async def test_a_silent_twin_is_told_and_its_return_too() -> None:
    async with stage("signals:0") as s:
        s.hub.twin_silent, s.hub.twin_silent_since_ns = True, START_NS
        s.hub._wake()
        await s.clock.advance(0)
        s.hub._hear_twin()
        await s.clock.advance(0)
        assert [(m["state"], m["since"]) for m in s.browser.of("twin")] == [
            ("silent", START_NS // 1_000_000), ("running", START_NS // 1_000_000),
        ]  # fmt: skip


async def test_pages_with_the_same_wishes_share_one_encoding() -> None:
    async with stage("signals:0") as s:
        other = Browser()
        second = Session(other.socket(), s.hub, cast(Bus, DeadBus()), s.clock, s.questions, lambda: "second")
        running = asyncio.create_task(second.run())
        other.say(op="subscribe", topics=["signals:0"])
        await s.clock.advance(0.5)
        composer = s.hub.composer
        s.move(1)
        await s.clock.advance(0.2)
        assert s.browser.of("frame")[-1]["v"] == other.of("frame")[-1]["v"] == [1]
        assert len(composer._made) == 1
        other.leave()
        await s.clock.advance(0)
        await running
        assert s.hub.viewers == 1


async def test_a_twin_that_speaks_of_another_plant_is_no_twin_of_ours() -> None:
    async with stage("signals:0") as s:
        await s.hub.start()
        hear = next(h for subject, h in s.bus.handlers.items() if subject.endswith("_frame_v1.live"))
        for number in range(50):
            other = frame(number, {0: 1}, registry="ffffffffffff")
            hear(Message("", encode(other), {}))
            await s.clock.advance(0.1)
        assert s.hub.other_registry == "ffffffffffff"
        assert s.browser.of("twin")[-1]["state"] == "silent", "what the page shows grows old"
        assert s.hub.picture.values[0] == 0
        await s.hub.close()


async def test_a_twin_that_speaks_is_not_called_silent() -> None:
    async with stage("signals:0") as s:
        await s.hub.start()
        s.hub._synced = True
        for value in range(100):
            s.move(value)
            await s.clock.advance(0.1)
        assert s.browser.of("twin") == []
        await s.clock.advance(4)
        assert [m["state"] for m in s.browser.of("twin")] == ["silent"]
        await s.hub.close()


async def test_a_value_that_is_too_old_says_so_in_every_message() -> None:
    async with stage("signals:*") as found:
        assert found.browser.of("snapshot")[0]["old"] == [False] * len(found.browser.of("snapshot")[0]["i"])
        found.move(0, stale=[True])
        await found.clock.advance(0.2)
        (told,) = found.browser.of("frame")[-1:]
        assert dict(zip(told["i"], told["old"], strict=True))[0] is True
        found.browser.say(op="subscribe", topics=["signals:0"])
        await found.clock.advance(0.2)
        assert found.browser.of("snapshot")[-1]["old"] == [True]
