"""Publish for ever: pipelined while the backbone is there, to disk while it is away, then in order.

`offer` never waits. Records leave in the order in which they were offered; while older ones wait on
disk, newer ones queue behind them there. What was sent and not acknowledged when the backbone went
away is sent again under the same id, so the stream keeps one copy.

Samples are acknowledged before they are flushed. If the *server* was killed, a tail of what it had
acknowledged may be lost with it; so the last acknowledged records are kept for a while, and sent
again when the server was away. Those that it has, it drops by id.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable

from taktwin.bus.buffer import DiskBuffer, Record
from taktwin.bus.port import Bus, MessageTooLarge
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.errors import BusError
from taktwin.instants import SECOND_NS

KEEP_S = 5.0
KEEP_MAX = 20_000
WINDOW = 2048
MEMORY_MAX = 8192  # records that may wait in memory while the backbone is there but slow


class Forwarder:
    """The way out of a process whose messages must not be lost."""

    def __init__(self, bus: Bus, buffer: DiskBuffer, clock: Clock) -> None:
        self._bus = bus
        self._buffer = buffer
        self._clock = clock
        self._fresh: deque[Record] = deque()
        self._sending: Record | None = None  # between the two: the bus has no room at the moment
        self._flying: deque[tuple[Record, asyncio.Future[int]]] = deque()
        self._acked: deque[tuple[int, Record]] = deque()
        self._wake = asyncio.Event()
        self._broken = False
        self._server_id = bus.server_id
        self._in_memory: Counter[str] = Counter()  # values not yet acknowledged, by connection
        self.acknowledged = 0
        self.too_large = 0  # messages that no stream takes: given up, counted
        self.resent = 0
        self.last_error = ""
        for_disk = buffer.messages
        self._on_disk = for_disk > 0
        bus.on_state(self._state_changed)

    @property
    def buffer(self) -> DiskBuffer:
        """Return the log on disk, for its counters."""
        return self._buffer

    @property
    def waiting(self) -> Counter[str]:
        """Return the values that are not yet acknowledged, in memory or on disk, by connection."""
        return self._in_memory + self._buffer.waiting

    @property
    def resting(self) -> bool:
        """Whether all is acknowledged by the server that runs now: nothing waits, nothing is sent again."""
        memory = self._fresh or self._flying or self._sending is not None or self._broken
        return not memory and not self._on_disk and self._bus.server_id == self._server_id

    def offer(self, record: Record) -> None:
        """Take a record; it leaves after all that were offered before it."""
        if self._on_disk or self._broken or not self._bus.connected or len(self._fresh) >= MEMORY_MAX:
            if not self._on_disk and not self._flying and self._sending is None:
                self._spill([])
            if self._on_disk:
                self._buffer.append([record], mono_ns=self._clock.monotonic_ns())
            else:  # what is under way must fail or arrive first: order is kept
                self._keep(record)
        else:
            self._keep(record)
        self._wake.set()

    def _keep(self, record: Record) -> None:
        self._fresh.append(record)
        self._in_memory[record.connection] += record.values

    async def run(self) -> None:
        """Send for ever; ends by cancellation, then `close`."""
        while True:
            if self._broken:
                await self._after_break()
            elif self._on_disk:
                await self._drain_disk()
            elif self._fresh:
                await self._send_fresh()
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _send_fresh(self) -> None:
        while self._fresh and not self._broken:
            record = self._sending = self._fresh.popleft()
            future = asyncio.ensure_future(await self._send(record))
            self._flying.append((record, future))
            self._sending = None
            future.add_done_callback(self._landed)

    async def _send(self, record: Record) -> Awaitable[int]:
        headers = {**record.headers, topics.H_PUBLISHED_MONO: str(self._clock.monotonic_ns())}
        return await self._bus.send_durable(
            record.subject, record.payload, message_id=record.message_id, headers=headers
        )

    def _landed(self, _: asyncio.Future[int]) -> None:
        while self._flying and self._flying[0][1].done():
            record, future = self._flying[0]
            error = None if future.cancelled() else future.exception()
            if isinstance(error, MessageTooLarge):
                self._give_up(error)
            elif error is not None or future.cancelled():
                self.last_error = str(error)
                self._broken = True
                self._wake.set()
                return
            else:
                self._arrived(record)
            self._in_memory[record.connection] -= record.values
            self._flying.popleft()

    def _arrived(self, record: Record) -> None:
        self.acknowledged += 1
        now = self._clock.monotonic_ns()
        self._acked.append((now, record))
        oldest_ns = now - int(KEEP_S * SECOND_NS)
        while self._acked[0][0] < oldest_ns or len(self._acked) > KEEP_MAX:
            self._acked.popleft()

    def _give_up(self, error: BusError) -> None:
        self.too_large += 1
        self.last_error = str(error)

    async def _after_break(self) -> None:
        """Wait until everything under way has failed or arrived, then put the rest on disk."""
        await asyncio.gather(*(future for _, future in self._flying), return_exceptions=True)
        again = [record for record, _ in self._flying]
        self._flying.clear()
        self._spill(again)
        self._broken = False

    def _spill(self, first: list[Record]) -> None:
        """Put on disk what was under way and what had not left yet.

        When the server is away, what it acknowledged last goes first: should it have been killed, and
        we be killed before it is back, nobody else would know of that.
        """
        acknowledged: list[Record] = []
        if self._broken or not self._bus.connected:
            acknowledged = [record for _, record in self._acked]
            self.resent += len(acknowledged)
            self._acked.clear()
        self._buffer.append([*acknowledged, *first, *self._fresh], mono_ns=self._clock.monotonic_ns())
        self._fresh.clear()
        self._in_memory.clear()  # all of it has arrived or is on disk now
        self._on_disk = True

    async def _drain_disk(self) -> None:
        if not self._bus.connected:
            self._wake.clear()
            if not self._bus.connected:  # the state may have changed between the two lines
                await self._wake.wait()
            return
        if self._bus.server_id != self._server_id:
            await self._resend_acknowledged()
            return
        batch = self._buffer.peek(WINDOW)
        if not batch:
            self._on_disk = False
            return
        futures = [asyncio.ensure_future(await self._send(record)) for record in batch]
        results = await asyncio.gather(*futures, return_exceptions=True)
        done: list[Record] = []
        for record, result in zip(batch, results, strict=True):
            if isinstance(result, MessageTooLarge):
                self._give_up(result)
            elif isinstance(result, BusError):
                self.last_error = str(result)
                break
            elif isinstance(result, BaseException):
                raise result
            else:
                self._arrived(record)
            done.append(record)
        self._buffer.done(done)
        if len(done) < len(batch):
            await self._clock.wall_sleep(0.2)

    async def _resend_acknowledged(self) -> None:
        records = [record for _, record in self._acked]
        futures = [asyncio.ensure_future(await self._send(record)) for record in records]
        results = await asyncio.gather(*futures, return_exceptions=True)
        if any(isinstance(result, BusError) for result in results):
            await self._clock.wall_sleep(0.2)
            return
        self.resent += len(records)
        self._server_id = self._bus.server_id

    def _state_changed(self, connected: bool) -> None:
        if connected and self._bus.server_id != self._server_id:
            self._broken = True  # go by the disk, so that what was acknowledged comes first
        self._wake.set()

    async def close(self, *, patience_s: float = 2.0) -> None:
        """Give what is under way a moment, put the rest on disk, close it. After `run` has ended."""
        self._take_back()
        try:
            async with self._clock.timeout(patience_s):
                while self._bus.connected and not self._on_disk and (self._fresh or self._flying):
                    await self._send_fresh()
                    await asyncio.gather(*(future for _, future in self._flying), return_exceptions=True)
                    await self._clock.wall_sleep(0)  # the callbacks of what has arrived
        except TimeoutError:
            self.last_error = "the backbone did not acknowledge everything before the stop"
        self._take_back()
        left = [record for record, future in self._flying if not _arrived(future)]
        if left or self._fresh:
            self._spill(left)
        self._buffer.close()

    def _take_back(self) -> None:
        """Put back what a cancellation interrupted while it waited for room."""
        if self._sending is not None:
            self._fresh.appendleft(self._sending)
            self._sending = None


def _arrived(future: asyncio.Future[int]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
