"""A PostgreSQL with the ledger's schema, for the tests of this folder."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from taktwin.processes.database import Database
from taktwin.settings import Installation
from taktwin.storage import database
from taktwin.storage.database import Connection

Connect = Callable[[], Connection]


class Server:
    """A PostgreSQL with the ledger's schema."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(Installation(data_dir=str(folder), plant_dir=""))

    @property
    def connect(self) -> Connect:
        """Return what connects as the ledger does."""
        return functools.partial(
            database.connect, self.database.url("ledger"), password=self.database.passwords["ledger"]
        )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    made = Server(tmp_path_factory.mktemp("ledger"))
    await made.database.start()
    yield made
    await made.database.stop()
