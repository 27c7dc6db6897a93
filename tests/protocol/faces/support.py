"""What the tests of the faces share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until something is true. Raises TimeoutError where it does not become so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - real servers and clients tell no event of ours
            await asyncio.sleep(0.02)
