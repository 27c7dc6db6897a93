"""Commands take their turn: what comes while the desk is busy is decided together next.

Comes in: commands, each whenever it comes. Goes out: the answer of each, after what it wrote is on the
disk. One at a time they would wait for the disk one at a time; together they share one transaction, so
that a desk that is behind gets faster.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from taktwin.contracts.commands import Answer, Command
from taktwin.errors import StoreError
from taktwin.mes.desk import Desk, slow

T = TypeVar("T")
TOGETHER = 64


class Turns:
    """The way to the desk for those who wait for an answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: list[tuple[Command, asyncio.Future[Answer]]] = []
        self._working: asyncio.Task[None] | None = None
        # A thread of its own: pages that take long must not keep a booking from being begun.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk")

    async def ask(self, command: Command) -> Answer:
        """Return the answer to a command. Raises StoreError where the database failed: it did not happen."""
        if slow(command):
            return await asyncio.to_thread(self._desk.execute, command)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await future

    def close(self) -> None:
        """Wait for what the desk has begun; nothing is taken any more."""
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            wanted = [command for command, _ in taken]
            found = await self._together(wanted) if len(wanted) > 1 else None
            away = 0
            for place, (command, future) in enumerate(taken):
                if found is not None:
                    _tell(future, found[place])
                    continue
                if away < 2:  # twice in a row: it is the database, and not what one of them wants
                    said = await self._settled(functools.partial(self._desk.execute, command))
                    away = away + 1 if isinstance(said, StoreError) else 0
                _tell(future, said)

    async def _together(self, wanted: list[Command]) -> list[Answer] | None:
        """Return the answers; None where nothing happened, because one of them could not be done so."""
        said = await self._settled(functools.partial(self._desk.execute_all, wanted))
        return None if isinstance(said, BaseException) else said

    async def _settled(self, work: Callable[[], T]) -> T | BaseException:
        """Return what some work in the desk's thread gave, or what it raised."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        (said,) = await asyncio.gather(running, return_exceptions=True)
        return said


def _tell(future: asyncio.Future[Answer], said: Answer | BaseException) -> None:
    if future.done():
        return  # whoever asked waits no more
    if isinstance(said, BaseException):
        future.set_exception(said)
    else:
        future.set_result(said)
