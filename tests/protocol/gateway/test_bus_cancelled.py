"""Whoever gives up waiting for the backbone is let go at once, whatever the client library does then."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from taktwin.bus.client import NatsBus
from taktwin.clock import SystemClock
from tests.support_bus import TestBackbone, backbone  # noqa: F401


@pytest.fixture
def refusing() -> Iterator[str]:
    """An address at which nobody listens: connecting to it is refused at once."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: nobody else gets the port
        yield f"nats://127.0.0.1:{taken.getsockname()[1]}"


async def test_a_connecting_that_is_cancelled_ends_in_whatever_turn_of_the_loop(refusing: str) -> None:
    """In one of these turns the refusal and the cancellation come together."""
    for turns in range(80):
        bus = NatsBus(clock=SystemClock(), url=refusing)
        connecting = asyncio.create_task(bus.connect())
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.wait((connecting,), timeout=1.0)
        assert connecting.done(), f"cancelled after {turns} turns, it goes on connecting"
        assert connecting.cancelled()


async def test_a_bus_that_comes_back_is_closed_at_once_in_whatever_turn(
    backbone: TestBackbone,  # noqa: F811
) -> None:
    """The backbone is gone; the way back is under way when the end comes."""
    waiting = [await backbone.connect("twin") for _ in range(20)]
    await backbone.server.kill()
    for turns, bus in enumerate(waiting):
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await bus.close()
