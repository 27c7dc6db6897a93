"""A process that starts while the backbone goes and comes still hears everything that it asked for."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from taktwin.bus import client
from taktwin.bus.port import Message
from taktwin.contracts import topics
from taktwin.errors import BusError
from tests.support_bus import TestBackbone, backbone  # noqa: F401
from tests.support_gateway import until

NAMES = [f"q{number}" for number in range(10)]


async def answers(asker: client.NatsBus, name: str) -> bool:
    try:
        return await asker.request(topics.query("acme", "works", "historian", name), b"", timeout_s=2) == b"x"
    except BusError:
        return False


@pytest.mark.parametrize("seed", range(8))
async def test_all_subscriptions_stand_although_the_server_was_killed_while_they_were_made(
    backbone: TestBackbone,  # noqa: F811
    seed: int,
) -> None:
    chance = random.Random(seed)
    asker = await backbone.connect("supervisor")

    async def answer(_: Message) -> bytes:
        return b"x"

    async def begin() -> client.NatsBus:
        bus = await backbone.connect("historian")
        for name in NAMES:
            await bus.serve(topics.query("acme", "works", "historian", name), answer)
        return bus

    beginning = asyncio.create_task(begin())
    await asyncio.sleep(chance.random() * 0.03)
    for _ in range(chance.randint(1, 2)):
        await backbone.server.kill()
        await asyncio.sleep(chance.random() * 0.2)
        await backbone.server.start()
    async with asyncio.timeout(20):
        await beginning
    await until(lambda: asker.connected)
    for name in NAMES:
        async with asyncio.timeout(10):
            while not await answers(asker, name):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_what_waits_for_an_answer_ends_when_the_connection_does(backbone: TestBackbone) -> None:  # noqa: F811
    bus = await backbone.connect("gateway")
    process = backbone.server._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    stat = Path(f"/proc/{process.pid}/stat")
    # A busy machine stops it a little later: until then it would answer.
    await until(lambda: stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T")
    flushing = asyncio.create_task(bus.flush())
    await asyncio.sleep(0.05)
    await backbone.server.kill()
    with pytest.raises(BusError):
        async with asyncio.timeout(3):
            await flushing
    await backbone.server.start()
    await until(lambda: bus.connected)
    await bus.flush()
