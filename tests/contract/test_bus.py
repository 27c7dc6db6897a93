"""One suite for every implementation of the port `Bus`: NATS with a real server, and memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from taktwin.bus.client import NatsBus
from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Bus, Message, MessageTooLarge, Sending
from taktwin.clock import SystemClock
from taktwin.contracts import topics
from taktwin.errors import BusError
from taktwin.identity import Place
from tests.support_bus import TestBackbone, start_backbone
from tests.support_gateway import until
from tests.support_proxy import Proxy

UNIT = Place("acme", "works", "area", "line", "mill1")
OTHER = Place("acme", "works", "area", "line", "mill2")
SITE = Place("acme", "works")


class World(Protocol):
    """A backbone of either kind that can go away and come back."""

    async def connect(self, user: str) -> Bus: ...
    async def down(self) -> None: ...
    async def up(self) -> None: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.hub = MemoryHub(SystemClock())

    async def connect(self, user: str) -> Bus:
        return self.hub.connect()

    async def down(self) -> None:
        self.hub.down()

    async def up(self) -> None:
        self.hub.up(restarted=True)


class NatsWorld:
    def __init__(self, backbone: TestBackbone) -> None:
        self.backbone = backbone

    async def connect(self, user: str) -> Bus:
        return await self.backbone.connect(user)

    async def down(self) -> None:
        await self.backbone.server.kill()

    async def up(self) -> None:
        await self.backbone.server.start()


@pytest_asyncio.fixture(params=["memory", "nats"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
    else:
        backbone = await start_backbone(tmp_path)
        yield NatsWorld(backbone)
        await backbone.close()


async def read(bus: Bus, stream: str, **how: object) -> list[Message]:
    found: list[Message] = []
    async for batch in bus.read_stream(stream, follow=False, **how):  # type: ignore[arg-type]
        found += batch
    return found


async def test_who_is_back_hears_all_that_is_said_from_then_on(tmp_path: Path) -> None:
    # Over a slow line: what another says at once is faster than the word of what is to be heard again.
    backbone = await start_backbone(tmp_path)
    port = int(backbone.urls.nats.rpartition(":")[2])
    line = Proxy("127.0.0.1", port)
    await line.start()
    heard: list[bytes] = []
    gateway = await backbone.connect("gateway")
    twin = NatsBus(
        clock=SystemClock(), url=f"nats://127.0.0.1:{line.port}", user="twin",
        password=backbone.passwords["twin"],
    )  # fmt: skip
    try:
        await twin.connect()
        await twin.subscribe(topics.SAMPLES, lambda m: heard.append(m.payload))
        missed: list[asyncio.Future[None]] = []
        twin.on_slow(lambda: missed.append(asyncio.ensure_future(gateway.publish(topics.sample(UNIT), b"1"))))
        await line.cut()
        await until(lambda: not twin.connected)
        line.late_s = 0.2
        await line.restore()
        await until(lambda: missed)
        await until(lambda: heard == [b"1"], within_s=5.0)
    finally:
        await twin.close()
        await line.stop()
        await backbone.close()


async def test_a_live_message_reaches_every_listener_in_order(world: World) -> None:
    gateway, twin, historian = [await world.connect(user) for user in ("gateway", "twin", "historian")]
    heard: dict[str, list[bytes]] = {"twin": [], "historian": []}
    await twin.subscribe(topics.SAMPLES, lambda m: heard["twin"].append(m.payload))
    await historian.subscribe(topics.sample(UNIT), lambda m: heard["historian"].append(m.payload))
    for number in range(200):
        await gateway.publish(topics.sample(UNIT), str(number).encode())
    await gateway.publish(topics.sample(OTHER), b"other")
    expected = [str(number).encode() for number in range(200)]
    await until(lambda: len(heard["twin"]) == 201)
    assert heard["twin"] == [*expected, b"other"]
    assert heard["historian"] == expected


async def test_a_durable_message_is_stored_once_per_id_and_heard_live(world: World) -> None:
    gateway, twin = await world.connect("gateway"), await world.connect("twin")
    heard: list[Message] = []
    await twin.subscribe(topics.SAMPLES, heard.append)
    first = await gateway.publish_durable(
        topics.sample(UNIT), b"a", message_id="plc:1", headers={"Tw-X": "7"}
    )
    again = await gateway.publish_durable(topics.sample(UNIT), b"a", message_id="plc:1")
    second = await gateway.publish_durable(topics.sample(UNIT), b"b", message_id="plc:2")
    assert (first, again, second) == (1, 1, 2)
    stored = await read(twin, topics.STREAM_SAMPLES)
    assert [(m.sequence, m.payload) for m in stored] == [(1, b"a"), (2, b"b")]
    assert stored[0].headers["Tw-X"] == "7"
    assert stored[0].headers[topics.H_MSG_ID] == "plc:1"
    await until(lambda: heard)
    assert heard[0].payload == b"a"
    assert heard[0].headers["Tw-X"] == "7"
    assert heard[0].sequence == 0
    assert heard[0].received_mono_ns > 0


async def test_messages_that_are_sent_together_are_stored_side_by_side_or_not_at_all(world: World) -> None:
    mes, twin = await world.connect("mes"), await world.connect("twin")
    heard: list[bytes] = []
    await twin.subscribe(topics.EVENTS, lambda m: heard.append(m.payload))
    subjects = [topics.event(place, "material.counted") for place in (UNIT, OTHER)]

    def some(first: int, last: int) -> list[Sending]:
        return [Sending(subjects[n % 2], str(n).encode(), f"m{n}") for n in range(first, last)]

    assert await mes.publish_durable(subjects[0], b"0", message_id="m0") == 1
    assert await mes.publish_together(some(1, 201)) == 201
    with pytest.raises(BusError, match="refused by the stream"):
        await mes.publish_together(some(200, 210))  # the first of them is there
    assert await mes.publish_together(some(201, 202)) == 202
    stored = await read(twin, topics.STREAM_EVENTS)
    assert [m.payload for m in stored] == [str(n).encode() for n in range(202)]
    assert [m.headers[topics.H_MSG_ID] for m in stored] == [f"m{n}" for n in range(202)]
    await until(lambda: set(heard) >= {str(n).encode() for n in range(202)})


async def test_a_stream_that_takes_nothing_together_says_so(world: World) -> None:
    gateway = await world.connect("gateway")
    sendings = [Sending(topics.sample(UNIT), b"x", f"plc:{n}") for n in range(3)]
    with pytest.raises(BusError):
        await gateway.publish_together(sendings)


async def test_many_durable_messages_are_under_way_at_once(world: World) -> None:
    gateway = await world.connect("gateway")
    waiting = [
        await gateway.send_durable(topics.sample(UNIT), b"x" * 100, message_id=str(number))
        for number in range(6000)
    ]
    assert [await future for future in waiting] == list(range(1, 6001))


async def test_a_subject_without_a_stream_is_no_durable_road(world: World) -> None:
    supervisor = await world.connect("supervisor")
    with pytest.raises(BusError, match="no stream takes"):
        await supervisor.publish_durable(topics.health("acme", "works", "supervisor"), b"")


async def test_a_message_that_is_too_large_is_refused_as_such(world: World) -> None:
    gateway = await world.connect("gateway")
    with pytest.raises(MessageTooLarge):
        await gateway.publish_durable(topics.sample(UNIT), bytes(8 * 1024 * 1024 + 1))
    assert await gateway.publish_durable(topics.sample(UNIT), b"still here") == 1


async def test_reading_starts_anywhere_filters_and_ends_at_what_was_last(world: World) -> None:
    gateway, historian = await world.connect("gateway"), await world.connect("historian")
    for number in range(1, 1201):
        place = OTHER if number % 3 == 0 else UNIT
        await gateway.send_durable(topics.sample(place), str(number).encode())
    await until_last(gateway, historian, 1200)
    everything = await read(historian, topics.STREAM_SAMPLES, batch=100)
    assert [m.sequence for m in everything] == list(range(1, 1201))
    late = await read(historian, topics.STREAM_SAMPLES, from_sequence=1100)
    assert [m.sequence for m in late] == list(range(1100, 1201))
    others = await read(historian, topics.STREAM_SAMPLES, subjects=[topics.sample(OTHER)])
    assert [m.sequence for m in others] == list(range(3, 1201, 3))
    assert await read(historian, topics.STREAM_SAMPLES, from_sequence=5000) == []


async def until_last(writer: Bus, reader: Bus, last: int) -> None:
    await writer.flush()
    deadline = asyncio.get_running_loop().time() + 10
    while await reader.last_sequence(topics.STREAM_SAMPLES) < last:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def test_an_empty_stream_has_no_last_message(world: World) -> None:
    historian = await world.connect("historian")
    assert await historian.last_sequence(topics.STREAM_EVENTS) == 0
    assert await read(historian, topics.STREAM_EVENTS) == []


async def test_everything_up_to_the_last_sequence_was_heard_live(world: World) -> None:
    gateway, twin = await world.connect("gateway"), await world.connect("twin")
    heard: list[bytes] = []
    await twin.subscribe(topics.SAMPLES, lambda m: heard.append(m.payload))
    for number in range(3000):
        await gateway.send_durable(topics.sample(UNIT), str(number).encode())
        if number % 250 == 0:
            last = await twin.last_sequence(topics.STREAM_SAMPLES)
            assert len(heard) >= last


async def test_a_follower_reads_on_over_a_restart_without_loss_or_repetition(world: World) -> None:
    gateway, historian = await world.connect("gateway"), await world.connect("historian")
    seen: list[int] = []

    async def follow() -> None:
        async for batch in historian.read_stream(topics.STREAM_EVENTS, batch=50):
            seen.extend(message.sequence for message in batch)

    reading = asyncio.create_task(follow())
    subject = topics.event(SITE, "connector.state.changed")
    for number in range(120):
        await gateway.publish_durable(subject, b"e", message_id=f"a{number}")
    await until(lambda: len(seen) >= 100)
    await world.down()
    await until(lambda: not gateway.connected)
    await world.up()
    await until(lambda: gateway.connected)
    for number in range(80):
        await gateway.publish_durable(subject, b"e", message_id=f"b{number}")
    await until(lambda: len(seen) >= 200)
    reading.cancel()
    assert seen == list(range(1, 201))


async def test_while_the_backbone_is_away_sending_fails_at_once_and_later_works(world: World) -> None:
    gateway, twin = await world.connect("gateway"), await world.connect("twin")
    states: list[bool] = []
    slow: list[str] = []
    heard: list[bytes] = []
    gateway.on_state(states.append)
    twin.on_slow(lambda: slow.append("resync"))
    await twin.subscribe(topics.SAMPLES, lambda m: heard.append(m.payload))
    before = gateway.server_id
    await world.down()
    await until(lambda: not gateway.connected)
    with pytest.raises(BusError):
        await gateway.publish(topics.sample(UNIT), b"lost")
    with pytest.raises(BusError):
        await gateway.publish_durable(topics.sample(UNIT), b"lost")
    with pytest.raises(BusError):
        await gateway.flush()
    await world.up()
    await until(lambda: gateway.connected and twin.connected)
    assert states == [False, True]
    assert slow == ["resync"]
    assert gateway.server_id != before
    await gateway.publish_durable(topics.sample(UNIT), b"back")
    await until(lambda: heard == [b"back"])


async def test_the_newest_message_of_each_subject(world: World) -> None:
    twin, historian = await world.connect("twin"), await world.connect("historian")
    for number in range(5):
        for unit in ("a", "b"):
            await twin.publish_durable(topics.state(UNIT, "unit", unit), f"{unit}{number}".encode())
    found = await historian.last_values(topics.STREAM_STATES, topics.STATES)
    assert [m.payload for m in found] == [b"a4", b"b4"]
    one = await historian.last_values(topics.STREAM_STATES, topics.state(UNIT, "unit", "b"))
    assert [m.payload for m in one] == [b"b4"]


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 3_000_000])
async def test_a_question_gets_its_answer_of_any_size(world: World, size: int) -> None:
    portal, historian = await world.connect("portal"), await world.connect("historian")
    subject = topics.query("acme", "works", "historian", "range")

    async def answer(message: Message) -> bytes:
        return message.payload + bytes(size)

    await historian.serve(subject, answer)
    assert await portal.request(subject, b"q") == b"q" + bytes(size)


async def test_questions_are_answered_side_by_side(world: World) -> None:
    portal, twin = await world.connect("portal"), await world.connect("twin")
    subject = topics.query("acme", "works", "twin", "snapshot")
    gate = asyncio.Event()

    async def answer(message: Message) -> bytes:
        if message.payload == b"first":
            await gate.wait()
        gate.set()
        return message.payload

    await twin.serve(subject, answer)
    first = asyncio.create_task(portal.request(subject, b"first"))
    assert await portal.request(subject, b"second") == b"second"
    assert await first == b"first"


async def test_a_question_that_nobody_answers_or_that_fails_is_an_error(world: World) -> None:
    portal, twin = await world.connect("portal"), await world.connect("twin")
    subject = topics.query("acme", "works", "twin", "snapshot")
    with pytest.raises(BusError, match="no one answers"):
        await portal.request(subject, b"", timeout_s=2)

    async def refuse(_: Message) -> bytes:
        raise ValueError("no such unit: mill9")

    async def never(_: Message) -> bytes:
        await asyncio.Event().wait()
        return b""

    await twin.serve(subject, refuse)
    with pytest.raises(BusError, match="no such unit: mill9"):
        await portal.request(subject, b"")
    other = topics.query("acme", "works", "twin", "other")
    await twin.serve(other, never)
    with pytest.raises(BusError, match="within"):
        await portal.request(other, b"", timeout_s=0.2)


async def test_after_a_flush_everything_sent_has_reached_the_listeners(world: World) -> None:
    gateway, twin = await world.connect("gateway"), await world.connect("twin")
    heard: list[bytes] = []
    await twin.subscribe(topics.SAMPLES, lambda m: heard.append(m.payload))
    for round_ in range(1, 201):
        for _ in range(5):
            await gateway.publish(topics.sample(UNIT), b"x")
        await gateway.flush()
        await twin.flush()
        assert len(heard) == 5 * round_


async def test_a_closed_subscription_hears_nothing_more(world: World) -> None:
    gateway, twin = await world.connect("gateway"), await world.connect("twin")
    heard: list[bytes] = []
    subscription = await twin.subscribe(topics.SAMPLES, lambda m: heard.append(m.payload))
    await gateway.publish(topics.sample(UNIT), b"1")
    await until(lambda: heard)
    await subscription.close()
    await twin.flush()
    await gateway.publish(topics.sample(UNIT), b"2")
    await gateway.flush()
    await twin.flush()
    assert heard == [b"1"]


async def test_a_handler_with_a_fault_is_heard_of_and_the_next_message_comes(world: World) -> None:
    gateway, twin = await world.connect("gateway"), await world.connect("twin")
    faults: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    heard: list[bytes] = []

    def fails_once(message: Message) -> None:
        heard.append(message.payload)
        if len(heard) == 1:
            raise RuntimeError("our mistake")

    await twin.subscribe(topics.SAMPLES, fails_once)
    await gateway.publish(topics.sample(UNIT), b"1")
    await gateway.publish(topics.sample(UNIT), b"2")
    await until(lambda: len(heard) == 2)
    assert [str(fault) for fault in faults] == ["our mistake"]


@pytest.mark.parametrize(
    ("wanted", "subject", "fits"),
    [
        ("a.*.c", "a.b.c", True),
        ("a.*.c", "a.b.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("a.b", "a.b.c", False),
        ("*", "a", True),
    ],
)
def test_subjects_are_matched_as_nats_does(wanted: str, subject: str, fits: bool) -> None:
    assert topics.matches(wanted, subject) is fits
