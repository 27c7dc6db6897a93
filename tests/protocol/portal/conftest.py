"""The running portal that the tests of this folder share in kind, one each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.protocol.portal.support import Running, running


@pytest_asyncio.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Running]:
    """A running portal for one test."""
    async with running(tmp_path) as found:
        yield found
