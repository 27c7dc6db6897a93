"""The way out: pipelined, to disk and back in order, once each, over every kind of outage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from taktwin.bus.buffer import DiskBuffer, Record
from taktwin.bus.forward import Forwarder
from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import SystemClock
from taktwin.contracts import topics
from taktwin.identity import Place
from tests.support_gateway import until

SUBJECT = topics.sample(Place("acme", "works", "area", "line", "mill1"))


def record(number: int, size: int = 20) -> Record:
    return Record(SUBJECT, f"plc:mill1:0:{number}", {"Tw-X": "1"}, b"%d" % number + bytes(size), 3)


class Road:
    """A forwarder over the memory bus, started."""

    def __init__(self, folder: Path) -> None:
        self.hub = MemoryHub(SystemClock())
        self.bus: MemoryBus = self.hub.connect()
        self.folder = folder
        self.forwarder = Forwarder(self.bus, DiskBuffer(folder, bytes_max=10**8), SystemClock())
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self.forwarder.run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self.forwarder.close()

    def stored(self) -> list[int]:
        kept = self.hub.streams[topics.STREAM_SAMPLES].messages
        return [int(m.headers[topics.H_MSG_ID].rpartition(":")[2]) for m in kept]


@pytest_asyncio.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    made = Road(tmp_path)
    made.start()
    yield made
    await made.stop()


async def test_everything_leaves_in_order_with_the_time_of_its_leaving(road: Road) -> None:
    for number in range(500):
        road.forwarder.offer(record(number))
    await until(lambda: len(road.stored()) == 500)
    assert road.stored() == list(range(500))
    headers = road.hub.streams[topics.STREAM_SAMPLES].messages[0].headers
    assert int(headers[topics.H_PUBLISHED_MONO]) > 0
    assert headers["Tw-X"] == "1"
    assert road.forwarder.waiting["plc"] == 0


async def test_while_away_all_waits_on_disk_and_then_follows_in_order(road: Road) -> None:
    road.forwarder.offer(record(0))
    await until(lambda: road.stored() == [0])
    road.hub.down()
    for number in range(1, 3000):
        road.forwarder.offer(record(number))
    assert road.forwarder.buffer.messages == 3000, "the one acknowledged last waits with the others"
    assert road.forwarder.waiting["plc"] == 3 * 3000
    road.hub.up()
    road.forwarder.offer(record(3000))
    await until(lambda: len(road.stored()) == 3001 and road.forwarder.buffer.messages == 0)
    assert road.stored() == list(range(3001))
    assert (road.forwarder.buffer.messages, road.forwarder.waiting["plc"]) == (0, 0)


async def test_cuts_at_any_time_lose_nothing_and_double_nothing(road: Road) -> None:
    number = 0
    for cut in range(12):
        for _ in range(150):
            road.forwarder.offer(record(number))
            number += 1
            if number % 37 == cut:
                await asyncio.sleep(0)
        road.hub.down()
        for _ in range(20):
            road.forwarder.offer(record(number))
            number += 1
        await asyncio.sleep(0.001 * cut)
        road.hub.up(restarted=cut % 3 == 0)
    await until(lambda: len(road.stored()) == number and road.forwarder.buffer.messages == 0)
    assert road.stored() == list(range(number))


async def test_a_restarted_server_that_forgot_acknowledged_messages_gets_them_again(road: Road) -> None:
    for number in range(100):
        road.forwarder.offer(record(number))
    await until(lambda: road.forwarder.acknowledged == 100)
    road.hub.down()
    forget(road, 80)
    road.forwarder.offer(record(100))
    road.hub.up(restarted=True)
    await until(lambda: len(road.stored()) == 101)
    assert road.stored() == list(range(101))


async def test_what_was_acknowledged_is_sent_again_before_what_was_under_way(road: Road) -> None:
    for number in range(100):
        road.forwarder.offer(record(number))
    await until(lambda: road.forwarder.acknowledged == 100)
    for number in range(100, 105):
        road.forwarder.offer(record(number))
    road.hub.is_up = False  # the server is dead before anybody was told: these five fail on their way
    await until(lambda: road.forwarder.buffer.messages == 105)
    road.hub.down()
    forget(road, 80)
    road.hub.up(restarted=True)
    await until(lambda: len(road.stored()) == 105)
    assert road.stored() == list(range(105))


def forget(road: Road, kept: int) -> None:
    """Let the server lose what it stored last, as one that was killed does."""
    stream = road.hub.streams[topics.STREAM_SAMPLES]
    forgotten, stream.messages = stream.messages[kept:], stream.messages[:kept]
    for message in forgotten:
        del stream.ids[message.headers[topics.H_MSG_ID]]


async def test_a_message_that_no_stream_takes_is_given_up_and_counted(road: Road) -> None:
    road.forwarder.offer(record(0))
    road.forwarder.offer(record(1, size=9 * 1024 * 1024))
    road.forwarder.offer(record(2))
    await until(lambda: len(road.stored()) == 2)
    assert road.stored() == [0, 2]
    assert road.forwarder.too_large == 1
    assert road.forwarder.waiting["plc"] == 0


async def test_what_still_waits_at_a_stop_is_sent_after_the_next_start(tmp_path: Path) -> None:
    first = Road(tmp_path)
    first.start()
    first.hub.down()
    for number in range(40):
        first.forwarder.offer(record(number))
    await first.stop()
    second = Road(tmp_path)
    assert second.forwarder.buffer.messages == 40
    second.start()
    second.forwarder.offer(record(40))
    await until(lambda: len(second.stored()) == 41)
    assert second.stored() == list(range(41))
    await second.stop()
