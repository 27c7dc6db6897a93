"""Read a stream in order by pulling: position by position, resumed after cuts, gaps and restarts.

An ephemeral consumer without acknowledgements delivers what we ask for. Its own numbering shows a
lost delivery, its heartbeats a silent server; in both cases a new consumer starts after the last
position that was handed out. So each message is yielded once, in order, for ever; after a restart
of the server some are yielded again, because the newest may stand at other positions now.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from nats.aio.msg import Msg

from taktwin.bus.port import Message
from taktwin.bus.streams import is_of, sure_position
from taktwin.clock import Clock
from taktwin.errors import BusError, PermissionRefused
from taktwin.instants import MILLISECOND_NS, SECOND_NS

if TYPE_CHECKING:
    from taktwin.bus.port import Subscription

HEARTBEAT_NS = 1 * SECOND_NS
SILENCE_NS = 2_500 * MILLISECOND_NS
EXPIRES_NS = 30 * SECOND_NS
_numbers = itertools.count(1)


class Server(Protocol):
    """What reading needs of a connection."""

    @property
    def connected(self) -> bool: ...

    @property
    def inbox_prefix(self) -> str: ...

    @property
    def server_id(self) -> str: ...

    async def wait_connected(self) -> None: ...

    async def api(self, name: str, body: object = None, *, timeout_s: float = 5.0) -> dict[str, Any]: ...

    async def attach(self, subject: str, deliver: Callable[[Msg], None]) -> Subscription: ...

    async def ask_on(self, subject: str, body: object, reply: str) -> None: ...


class _Broken(Exception):
    """This consumer is of no further use: make a new one after the last position."""


class _Consumer:
    """One ephemeral consumer and what it has delivered so far."""

    def __init__(self, server: Server, clock: Clock, stream: str, batch: int) -> None:
        self._server = server
        self._clock = clock
        self._stream = stream
        self._batch = batch
        self._inbox = f"{server.inbox_prefix}.d.{next(_numbers)}"
        self._name = ""
        self._expected = 1
        self._outstanding = 0
        self._heard_ns = clock.monotonic_ns()
        self._ready: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._failure = ""
        self._subscription: Subscription | None = None
        self.pending = 0

    async def open(self, config: dict[str, object]) -> None:
        self._subscription = await self._server.attach(self._inbox, self._deliver)
        answer = await self._server.api(
            f"CONSUMER.CREATE.{self._stream}", {"stream_name": self._stream, "config": config}
        )
        self._name = str(answer["name"])
        self.pending = int(answer.get("num_pending", 0))
        self._heard_ns = self._clock.monotonic_ns()

    async def close(self) -> None:
        if self._subscription is not None:
            await self._subscription.close()

    def _deliver(self, message: Msg) -> None:
        self._heard_ns = self._clock.monotonic_ns()
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is not None and not message.reply.startswith("$JS.ACK"):
            if status == "100":
                return
            left = (message.headers or {}).get("Nats-Pending-Messages")
            self._outstanding = max(0, self._outstanding - int(left)) if left is not None else 0
            if status not in ("404", "408"):
                self._failure = (message.headers or {}).get("Description", status)
            self._wake.set()
            return
        tokens = message.reply.split(".")
        # $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>...; with a JetStream
        # domain two tokens more stand in front.
        at = 5 if len(tokens) == 9 else 7
        sequence, consumer_sequence = int(tokens[at]), int(tokens[at + 1])
        if consumer_sequence != self._expected:
            self._failure = f"delivery {consumer_sequence} came where {self._expected} was due"
        else:
            self._expected += 1
            self._outstanding -= 1
            self._ready.append(
                Message(message.subject, message.data, message.headers or {}, sequence, self._heard_ns)
            )
        self._wake.set()

    async def next_batch(self) -> list[Message]:
        """Return what has come, at least one message. Raises _Broken."""
        while True:
            if not self._failure and self._outstanding <= self._batch // 2:
                self._outstanding += self._batch
                await self._server.ask_on(
                    f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}",
                    {
                        "batch": self._batch,
                        "expires": EXPIRES_NS,
                        "idle_heartbeat": HEARTBEAT_NS,
                    },
                    self._inbox,
                )
            if self._ready:
                count = min(len(self._ready), self._batch)
                return [self._ready.popleft() for _ in range(count)]
            if self._failure:
                raise _Broken(self._failure)
            if not self._server.connected:
                raise _Broken("the connection is lost")
            self._wake.clear()
            try:
                async with self._clock.timeout(SILENCE_NS / SECOND_NS):
                    await self._wake.wait()
            except TimeoutError:
                if self._clock.monotonic_ns() - self._heard_ns >= SILENCE_NS:
                    raise _Broken("the consumer is silent") from None


async def read_stream(
    server: Server,
    clock: Clock,
    stream: str,
    *,
    from_sequence: int = 1,
    subjects: Sequence[str] = (),
    follow: bool = True,
    batch: int = 500,
    last_per_subject: bool = False,
) -> AsyncIterator[list[Message]]:
    """Yield batches of a stream in order; see `Bus.read_stream`.

    Raises
    ------
    PermissionRefused
        If this account may not read the stream.
    """
    position = max(1, from_sequence)
    target: int | None = None
    server_id = server.server_id
    delay_s = 0.05
    while True:
        consumer = _Consumer(server, clock, stream, batch)
        try:
            if not follow and target is None:
                info = await server.api(f"STREAM.INFO.{stream}")
                target = int(info["state"]["last_seq"])
            if server.server_id != server_id:
                server_id = server.server_id
                position = max(1, sure_position(stream, position))
            await consumer.open(_config(position, subjects, last_per_subject))
            if server.server_id != server_id:
                raise _Broken("the server was restarted meanwhile")
            delay_s = 0.05
            left = consumer.pending
            while follow or (left > 0 and target is not None and position <= target):
                messages = await consumer.next_batch()
                left -= len(messages)
                position = messages[-1].sequence + 1
                # A stream also keeps what somebody had another stream deliver on one of its subjects.
                kept = [
                    message
                    for message in messages
                    if (target is None or message.sequence <= target) and is_of(stream, message.subject)
                ]
                if kept:
                    yield kept
            return
        except PermissionRefused:
            raise
        except (BusError, _Broken):
            # A server that is away, restarting, or has forgotten the consumer: go on where we were.
            await server.wait_connected()
            await clock.wall_sleep(delay_s)
            delay_s = min(delay_s * 2, 1.0)
        finally:
            await consumer.close()


def _config(position: int, subjects: Sequence[str], last_per_subject: bool) -> dict[str, object]:
    config: dict[str, object] = {
        "ack_policy": "none",
        "replay_policy": "instant",
        "inactive_threshold": 60 * SECOND_NS,
        "mem_storage": True,
        "num_replicas": 1,
        "max_deliver": -1,
    }
    if last_per_subject:
        config["deliver_policy"] = "last_per_subject"
    else:
        config["deliver_policy"] = "by_start_sequence"
        config["opt_start_seq"] = position
    if len(subjects) == 1:
        config["filter_subject"] = subjects[0]
    elif subjects:
        config["filter_subjects"] = list(subjects)
    elif last_per_subject:
        config["filter_subject"] = ">"
    return config
