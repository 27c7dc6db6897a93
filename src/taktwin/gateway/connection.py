"""Run one connection: converse, watch, come back. One of them failing never hurts another.

The decisions are the engine's (`Lifecycle`); here they are carried out, and what the connector says
goes through the resolver into scans.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from taktwin.bus.buffer import Record
from taktwin.clock import Clock
from taktwin.contracts.quarantine import Rejection
from taktwin.errors import ConnectError
from taktwin.gateway.attention import Attention
from taktwin.gateway.connector import (
    Alive,
    BadAddress,
    Confirmed,
    Connector,
    Context,
    Item,
    Malformed,
    Reading,
)
from taktwin.gateway.engine import Close, Connect, Effect, Lifecycle, Report, State
from taktwin.gateway.hops import Hop
from taktwin.gateway.resolve import Ignored, Resolver, Sample
from taktwin.gateway.scans import Scans
from taktwin.instants import SECOND_NS

CLOSE_S = 2.0
log = logging.getLogger("taktwin.gateway")


class Sink(Protocol):
    """Where a connection's results go; nothing of it waits."""

    def scan(self, record: Record) -> None: ...

    def sample(self, sample: Sample) -> None: ...

    def rejected(self, connection: Running, rejection: Rejection) -> None: ...

    def unmapped(self, connection: Running, reading: Reading) -> None: ...

    def state(self, connection: Running, report: Report) -> None: ...


@dataclass(slots=True)
class Rates:
    """Values received in each of the last 60 wall seconds, oldest first."""

    seconds: deque[int]
    at_last_turn: int = 0

    def turn(self, received: int) -> None:
        """Close a second."""
        self.seconds.append(received - self.at_last_turn)
        self.at_last_turn = received


class Running:
    """One connection and everything that belongs to it."""

    def __init__(
        self,
        *,
        name: str,
        kind: type[Connector],
        context: Callable[[], Context],
        endpoint: str,
        resolver: Resolver,
        lifecycle: Lifecycle,
        scans: Scans,
        sink: Sink,
        clock: Clock,
        attention: Attention,
    ) -> None:
        self.name = name
        self.kind = kind
        self.endpoint = endpoint
        self.resolver = resolver
        self.lifecycle = lifecycle
        self.scans = scans
        self.source_hop = Hop("source")
        self.gateway_hop = Hop("gateway")
        self.rates = Rates(deque([0] * 60, maxlen=60))
        self.last_received_ns = 0
        self.addresses_unmapped: dict[str, int] = {}
        self._context = context
        self._sink = sink
        self._clock = clock
        self._attention = attention
        self._nudge = asyncio.Event()
        self._conversation: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._finished = False

    async def run(self) -> None:
        """Connect, read, watch and come back until cancelled; then close in time."""
        clock, attention = self._clock, self._attention
        self._perform(self.lifecycle.start(clock.now_ns(), attention.listened_ns()))
        try:
            while True:
                self._nudge.clear()
                deadline = self.lifecycle.next_deadline_mono_ns()
                with contextlib.suppress(TimeoutError):
                    if deadline is None:
                        await self._nudge.wait()
                    else:
                        left_s = max(0.0, (deadline - attention.listened_ns()) / SECOND_NS)
                        async with clock.timeout(left_s):
                            await self._nudge.wait()
                self._perform(self.lifecycle.advance(clock.now_ns(), attention.listened_ns()))
        finally:
            self._perform(self.lifecycle.stop(clock.now_ns()))
            if self._conversation is not None:
                self._conversation.cancel()
            tasks = [task for task in (self._conversation, *self._closing) if task is not None]
            if tasks:
                await asyncio.wait(tasks, timeout=CLOSE_S + 1.0)

    def confirm(self, now_ns: int, *, period_ns: int) -> None:
        """Vouch for the units about which nothing was said for a period."""
        for record in self.scans.confirmations(now_ns, period_ns=period_ns):
            self._sink.scan(record)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Connect():
                    self._conversation = asyncio.create_task(self._converse(), name=f"connection {self.name}")
                case Close():
                    for record in self.scans.end(self._clock.now_ns()):
                        self._sink.scan(record)
                    task, self._conversation = self._conversation, None
                    if task is not None and task is not asyncio.current_task() and not task.done():
                        task.cancel()
                        self._closing.add(task)
                        task.add_done_callback(self._closing.discard)
                case Report():
                    self._tell(effect)

    def _tell(self, report: Report) -> None:
        # Once on the way down, once on the way up: a storm of failures must not fill the log.
        log.log(
            logging.WARNING if report.state in (State.LOST, State.DEGRADED) else logging.INFO,
            "%s: %s%s",
            self.name,
            report.state.value,
            f" ({report.reason})" if report.reason else "",
        )
        self._sink.state(self, report)

    async def _converse(self) -> None:
        clock, attention = self._clock, self._attention
        connector = self.kind(self._context())
        reason = "the source ended the conversation"
        try:
            await connector.connect()
            self.resolver.forget()
            self._perform(self.lifecycle.connected(clock.now_ns(), attention.listened_ns()))
            self._nudge.set()
            async for items in connector.read():
                self._take(items)
            if self.kind.ends:
                self._perform(self.lifecycle.stop(clock.now_ns()))
                return
        except (ConnectError, OSError, TimeoutError, EOFError) as error:
            reason = str(error) or type(error).__name__
        except Exception as error:
            # A plug-in with a fault is a connection that does not work, and nothing worse.
            log.exception("%s: fault in the connector %r", self.name, self.kind.name)
            reason = f"fault in the connector: {type(error).__name__}: {error}"
        finally:
            await self._end(connector)
        self._perform(self.lifecycle.failed(reason, clock.now_ns(), attention.listened_ns()))
        self._nudge.set()

    async def _end(self, connector: Connector) -> None:
        try:
            async with self._clock.timeout(CLOSE_S):
                await connector.close()
        except (ConnectError, OSError, TimeoutError):
            return  # the other side is gone already
        except Exception:
            log.exception("%s: fault while closing %r", self.name, self.kind.name)

    def _take(self, items: list[Item]) -> None:
        clock = self._clock
        now_ns, mono_ns = clock.now_ns(), clock.monotonic_ns()
        listened_ns = self._attention.listened_ns()
        effects: list[Effect] = []
        stamps_ns: list[int] = []
        earliest_mono: int | None = None
        for item in items:
            match item:
                case Reading():
                    outcome = self.resolver.resolve(item, now_ns)
                    if isinstance(outcome, Sample):
                        self.scans.add(outcome)
                        self._sink.sample(outcome)
                        if earliest_mono is None or item.received_mono_ns < earliest_mono:
                            earliest_mono = item.received_mono_ns
                        if item.source_ns is not None and not item.standing:
                            stamps_ns.append(item.source_ns)
                    elif isinstance(outcome, Rejection):
                        self._sink.rejected(self, outcome)
                        effects += self.lifecycle.quarantined(_words(outcome), now_ns, listened_ns)
                    elif outcome is Ignored.UNMAPPED:
                        self._sink.unmapped(self, item)
                    self.last_received_ns = now_ns
                case Confirmed():
                    self.scans.confirm(item.as_of_ns)
                case BadAddress():
                    effects += self.lifecycle.refused(item.address, item.reason, now_ns)
                case Malformed():
                    rejection = self.resolver.malformed(item, now_ns)
                    self._sink.rejected(self, rejection)
                    effects += self.lifecycle.quarantined(_words(rejection), now_ns, listened_ns)
                    self.last_received_ns = now_ns
                case Alive():
                    pass
        if items:
            self.lifecycle.heard(now_ns, listened_ns)
        for record in self.scans.take(now_ns):
            self._sink.scan(record)
        if earliest_mono is not None:
            self._measure(now_ns, mono_ns, stamps_ns, earliest_mono)
        self._perform(effects)

    def _measure(self, now_ns: int, mono_ns: int, stamps_ns: list[int], earliest_mono: int) -> None:
        self.gateway_hop.add((self._clock.monotonic_ns() - earliest_mono) / 1e6)
        waited_ns = mono_ns - earliest_mono
        for stamp_ns in stamps_ns:
            self.source_hop.add(((now_ns - stamp_ns) / self._clock.speed - waited_ns) / 1e6)


def _words(rejection: Rejection) -> str:
    return f"{rejection.origin}: {rejection.reason}: found {rejection.found}, expected {rejection.expected}"
