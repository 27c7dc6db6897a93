"""Work that ends as soon as it is told to: of a start, which gives a result, or of a service."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The process was told to stop before it had begun: nothing is left to be done."""


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Return what some work of the start gives, or raise Stopped as soon as the process is told to stop."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Stopped
        return working.result()
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run one part of a service until it is told to stop; what the part raises goes on to the caller."""
    try:
        await unless(stop, work)
    except Stopped:
        return
