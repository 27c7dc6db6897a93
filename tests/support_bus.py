"""A real backbone for tests: `backbone` starts one nats-server, `connect(user)` gives a connection.

Use it by importing the fixture: `from tests.support_bus import backbone  # noqa: F401`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from taktwin.bus.client import NatsBus
from taktwin.clock import Clock, SystemClock
from taktwin.processes.backbone import Backbone, Urls
from taktwin.settings import Installation


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
