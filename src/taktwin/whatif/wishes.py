"""What people ask a room to do beside its own work: one wish at a time, done by a task of the room's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

W = TypeVar("W")


class Wishes(Generic[W]):
    """At most one wish, that waits or is being done; what a stop ends is lost."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[W] = asyncio.Queue(1)
        self._under_way = False

    @property
    def is_under_way(self) -> bool:
        """Return whether one waits or is being done: no other is taken."""
        return self._under_way

    def take(self, wish: W) -> None:
        """Take a wish while none is under way."""
        self._waiting.put_nowait(wish)
        self._under_way = True

    async def done(self, do: Callable[[W], Awaitable[None]]) -> None:
        """Do one after the other, for ever; an error that `do` does not expect ends the room, seen by all."""
        while True:
            wish = await self._waiting.get()
            try:
                await do(wish)
            finally:
                self._under_way = False
