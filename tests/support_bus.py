"""A real backbone for tests: `backbone` starts one nats-server, `connect(user)` gives a connection.

Use it by importing the fixture: `from tests.support_bus import backbone  # noqa: F401`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest_asyncio

from taktwin.bus.client import NatsBus
from taktwin.bus.rights import STREAM_ANSWERS
from taktwin.clock import Clock, SystemClock
from taktwin.contracts import topics
from taktwin.entropy import unique_id
from taktwin.identity import Place
from taktwin.processes.backbone import Backbone, Urls
from taktwin.settings import Installation


def stored_by(user: str, place: Place) -> tuple[str, str]:
    """Return the stream and the subject under which a reader that is not the MES may store something."""
    if user == "twin":
        return topics.STREAM_EVENTS, topics.event(place, "equipment.alarm.raised")
    if user == "ledger":
        return topics.STREAM_EVENTS, topics.event(place, "recommendation.done")
    return STREAM_ANSWERS, f"$O.answers.C.{user}"


class TestBackbone:
    """A started backbone and the connections that a test opened on it."""

    __test__ = False

    def __init__(self, server: Backbone, clock: Clock) -> None:
        self.server = server
        self.clock = clock
        self._open: list[NatsBus] = []

    @property
    def urls(self) -> Urls:
        """Return where it listens."""
        return self.server.urls

    @property
    def passwords(self) -> dict[str, str]:
        """Return the password of each user."""
        return self.server.passwords

    async def connect(self, user: str = "supervisor") -> NatsBus:
        """Return a connection under a user's own account; closed at the end of the test."""
        bus = await self.server.connect(user)
        self._open.append(bus)
        return bus

    async def close(self) -> None:
        """Close all connections, then the server."""
        for bus in self._open:
            await bus.close()
        await self.server.stop()


async def start_backbone(folder: Path) -> TestBackbone:
    """Return a running backbone on free ports with its stores in a folder."""
    clock = SystemClock()
    server = Backbone(Installation(data_dir=str(folder), plant_dir=""), clock=clock)
    await server.start()
    return TestBackbone(server, clock)


@pytest_asyncio.fixture
async def backbone(tmp_path: Path) -> AsyncIterator[TestBackbone]:
    """A real nats-server with all streams and users, for one test."""
    running = await start_backbone(tmp_path)
    yield running
    await running.close()


async def delivered_on(
    bus: NatsBus, stream: str, subject: str, payload: bytes, targets: Sequence[str], *, by: str
) -> None:
    """Try what the server asks no rights for: have what one stored oneself delivered on others' subjects.

    Parameters
    ----------
    stream, subject : where this account may store something and read it again
    by : pull (the answers of a read go to the target) or push (the stream itself delivers there)
    """
    await bus.publish_durable(subject, payload, message_id=unique_id())
    config = {"deliver_policy": "last", "ack_policy": "none", "filter_subject": subject}
    for target in targets:
        where = {"deliver_subject": target} if by == "push" else {}
        made = await bus.api(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config | where})
        if by == "pull":
            await bus.ask_on(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{made['name']}", {"batch": 1}, target)
    await bus.flush()
