"""Time. This module alone reads the wall clock; everybody else is handed a `Clock`.

Two kinds of time, never mixed. *Plant time* (`now_ns`, UTC, nanoseconds since 1970) stamps what
happens: source, ingest and record times, staleness, shifts. It may run faster than the wall
(`ScaledClock`). *Monotonic wall time* (`monotonic_ns`) measures how long something took; on one
machine it is the same in every process, so hops between processes can be subtracted.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from taktwin.instants import MILLISECOND_NS as MILLISECOND_NS
from taktwin.instants import SECOND_NS as SECOND_NS
from taktwin.instants import parse_rfc3339 as parse_rfc3339
from taktwin.instants import rfc3339 as rfc3339


class Clock(Protocol):
    """What every process is handed instead of the time module."""

    @property
    def speed(self) -> float:
        """Plant seconds per wall second."""
        ...

    def now_ns(self) -> int:
        """Return plant time."""
        ...

    def monotonic_ns(self) -> int:
        """Return monotonic wall time, for durations of our own work only."""
        ...

    async def sleep(self, plant_seconds: float) -> None:
        """Wait for a span of plant time."""
        ...

    async def sleep_until(self, at_ns: int) -> None:
        """Wait until plant time has reached an instant."""
        ...

    async def wall_sleep(self, seconds: float) -> None:
        """Wait for a span of wall time: back-off, frames, heartbeats."""
        ...

    def timeout(self, wall_seconds: float) -> AbstractAsyncContextManager[None]:
        """Raise TimeoutError in the block after a span of wall time."""
        ...


class ScaledClock:
    """Plant time that started at `epoch_ns` when the wall said `wall_epoch_ns`, times `speed`.

    Processes that share the three numbers share one clock.
    """

    def __init__(self, *, epoch_ns: int, wall_epoch_ns: int, speed: float = 1.0) -> None:
        assert speed > 0, "a clock runs forward"
        self._epoch_ns = epoch_ns
        self._wall_epoch_ns = wall_epoch_ns
        self._speed = speed

    @property
    def speed(self) -> float:
        return self._speed

    def now_ns(self) -> int:
        since = time.time_ns() - self._wall_epoch_ns
        return self._epoch_ns + (since if self._speed == 1.0 else int(since * self._speed))

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, plant_seconds: float) -> None:
        await asyncio.sleep(plant_seconds / self._speed)

    async def sleep_until(self, at_ns: int) -> None:
        left_ns = at_ns - self.now_ns()
        await asyncio.sleep(max(left_ns, 0) / SECOND_NS / self._speed)

    async def wall_sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def timeout(self, wall_seconds: float) -> AsyncIterator[None]:
        async with asyncio.timeout(wall_seconds):
            yield


class SystemClock(ScaledClock):
    """Plant time is wall time."""

    def __init__(self) -> None:
        super().__init__(epoch_ns=0, wall_epoch_ns=0, speed=1.0)


class VirtualClock:
    """Time that moves only when a test says so; sleepers wake in order of their instants."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @property
    def speed(self) -> float:
        return 1.0

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._now_ns

    async def sleep(self, plant_seconds: float) -> None:
        await self.sleep_until(self._now_ns + int(plant_seconds * SECOND_NS))

    async def sleep_until(self, at_ns: int) -> None:
        if at_ns <= self._now_ns:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at_ns, next(self._order), wake))
        await wake

    async def wall_sleep(self, seconds: float) -> None:
        await self.sleep(seconds)

    @asynccontextmanager
    async def timeout(self, wall_seconds: float) -> AsyncIterator[None]:
        async with asyncio.timeout(None) as scope:
            deadline_ns = self._now_ns + int(wall_seconds * SECOND_NS)
            watcher = asyncio.ensure_future(self._expire(scope, deadline_ns))
            try:
                yield
            finally:
                watcher.cancel()

    async def _expire(self, scope: asyncio.Timeout, deadline_ns: int) -> None:
        await self.sleep_until(deadline_ns)
        scope.reschedule(asyncio.get_running_loop().time())

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking each sleeper at its instant and letting it run."""
        end_ns = self._now_ns + int(seconds * SECOND_NS)
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= end_ns:
            at_ns, _, wake = heapq.heappop(self._sleepers)
            self._now_ns = max(self._now_ns, at_ns)
            if not wake.done():
                wake.set_result(None)
            await _settle()
        self._now_ns = end_ns
        await _settle()


async def _settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)
