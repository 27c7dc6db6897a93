"""The bus inside one process: the same port, the same contract suite, no server.

A `MemoryHub` is the backbone: streams by subject filters, live deliveries in order. `hub.down()`
and `hub.up()` cut and restore every connection, as a server that goes away and comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from taktwin.bus.port import Answerer, Handler, Message, MessageTooLarge, Sending, Subscription
from taktwin.bus.streams import StreamPlan, plans
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.entropy import unique_id
from taktwin.errors import BusError, TaktwinError

PAYLOAD_BYTES_MAX = 8 * 1024 * 1024


@dataclass(slots=True)
class _Stream:
    plan: StreamPlan
    messages: list[Message] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    last: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def store(self, subject: str, payload: bytes, headers: Mapping[str, str], message_id: str) -> int:
        if message_id and message_id in self.ids:
            return self.ids[message_id]
        self.last += 1
        if message_id:
            self.ids[message_id] = self.last
        if self.plan.max_msgs_per_subject == 1:
            self.messages = [m for m in self.messages if m.subject != subject]
        self.messages.append(Message(subject, payload, headers, self.last))
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()
        return self.last


class MemoryHub:
    """What all connections of one test share."""

    def __init__(self, clock: Clock, streams: Sequence[StreamPlan] | None = None) -> None:
        self.clock = clock
        self.id = unique_id()
        self.is_up = True
        self.streams = {plan.name: _Stream(plan) for plan in (plans() if streams is None else streams)}
        self._live: list[_Live] = []
        self._buses: list[MemoryBus] = []

    def connect(self) -> MemoryBus:
        """Return a new connection."""
        bus = MemoryBus(self)
        self._buses.append(bus)
        return bus

    def down(self) -> None:
        """Go away."""
        self.is_up = False
        for bus in list(self._buses):
            bus.tell(False)

    def up(self, *, restarted: bool = False) -> None:
        """Come back, as the same server or as a restarted one."""
        self.is_up = True
        if restarted:
            self.id = unique_id()
        for bus in list(self._buses):
            bus.tell(True)

    def stream_of(self, subject: str) -> _Stream | None:
        """Return the stream that takes a subject."""
        for stream in self.streams.values():
            if any(topics.matches(wanted, subject) for wanted in stream.plan.subjects):
                return stream
        return None

    def say(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        """Hand a message to everybody who listens."""
        message = Message(subject, payload, headers, 0, self.clock.monotonic_ns())
        for live in list(self._live):
            if topics.matches(live.subject, subject):
                live.deliver(message)

    def listen(self, live: _Live) -> None:
        """Begin deliveries."""
        self._live.append(live)

    def leave(self, live: _Live) -> None:
        """End deliveries."""
        if live in self._live:
            self._live.remove(live)

    def answerer(self, subject: str) -> _Live | None:
        """Return who answers a subject."""
        return next(
            (live for live in self._live if live.answer and topics.matches(live.subject, subject)), None
        )


@dataclass(eq=False)
class _Live:
    hub: MemoryHub
    subject: str
    handler: Handler | None = None
    answer: Answerer | None = None

    def deliver(self, message: Message) -> None:
        if self.handler is None:
            return
        try:
            self.handler(message)
        except Exception as error:  # noqa: BLE001
            # As over NATS: a fault of one handler is heard, and the others go on.
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"handler of {message.subject} failed", "exception": error}
            )

    async def close(self) -> None:
        """Stop deliveries."""
        self.hub.leave(self)


class MemoryBus:
    """One connection to a hub; see `Bus` for what each method promises."""

    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub
        self._clock = hub.clock
        self._mine: list[_Live] = []
        self._state: list[Callable[[bool], None]] = []
        self._slow: list[Callable[[], None]] = []
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether the backbone can be reached now."""
        return self._hub.is_up and not self._closed

    @property
    def server_id(self) -> str:
        """Which backbone this is."""
        return self._hub.id

    def tell(self, connected: bool) -> None:
        """Pass on that the hub went away or came back."""
        if self._closed:
            return
        for callback in self._state:
            callback(connected)
        if connected:
            for slow in self._slow:
                slow()

    def _require(self, subject: str, payload: bytes) -> None:
        if not self.connected:
            raise BusError(f"the backbone is away: {subject} was not sent")
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise MessageTooLarge(f"{subject}: {len(payload)} bytes are more than the backbone takes")

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send on the live road."""
        self._require(subject, payload)
        stream = self._hub.stream_of(subject)
        if stream is not None:
            stream.store(subject, payload, dict(headers or {}), "")
        self._hub.say(subject, payload, dict(headers or {}))

    async def send_durable(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> Awaitable[int]:
        """Send on the durable road; the future has the sequence."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stream = self._hub.stream_of(subject)
        try:
            self._require(subject, payload)
            if stream is None:
                raise BusError(f"no stream takes {subject}")
            named = {**({topics.H_MSG_ID: message_id} if message_id else {}), **(headers or {})}
            future.set_result(stream.store(subject, payload, named, message_id))
            self._hub.say(subject, payload, named)
        except BusError as error:
            future.set_exception(error)
            future.exception()
        return future

    async def publish_durable(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> int:
        """Send and return the stream's sequence."""
        return await (await self.send_durable(subject, payload, message_id=message_id, headers=headers))

    async def publish_together(self, messages: Sequence[Sending]) -> int:
        """Send to one stream, which stores all in this order, or none."""
        streams = [self._hub.stream_of(each.subject) for each in messages]
        for each, stream in zip(messages, streams, strict=True):
            self._require(each.subject, each.payload)
            if stream is None or stream is not streams[0] or not stream.plan.together:
                raise BusError(f"{each.subject}: no stream takes it together with {messages[0].subject}")
            if each.message_id in stream.ids:
                raise BusError(f"{each.subject}: refused by the stream: it knows the id {each.message_id}")
        sequence = 0
        for each in messages:
            sequence = await self.publish_durable(each.subject, each.payload, message_id=each.message_id)
        return sequence

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Hear a subject on the live road."""
        return self._listen(_Live(self._hub, subject, handler))

    def _listen(self, live: _Live) -> _Live:
        self._hub.listen(live)
        self._mine.append(live)
        return live

    def on_slow(self, callback: Callable[[], None]) -> None:
        """Be told after every cut that live messages were missed."""
        self._slow.append(callback)

    def on_state(self, callback: Callable[[bool], None]) -> None:
        """Be told when the connection is lost and made again."""
        self._state.append(callback)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Ask and return the answer."""
        self._require(subject, payload)
        live = self._hub.answerer(subject)
        if live is None or live.answer is None:
            raise BusError(f"no one answers {subject}")
        try:
            async with self._clock.timeout(timeout_s):
                return await live.answer(Message(subject, payload, {}, 0, self._clock.monotonic_ns()))
        except TimeoutError as error:
            raise BusError(f"no answer on {subject} within {timeout_s} s") from error
        except (TaktwinError, ValueError, KeyError) as error:
            raise BusError(f"{subject}: {type(error).__name__}: {error}") from error

    async def serve(self, subject: str, answer: Answerer) -> Subscription:
        """Answer requests on a subject."""
        return self._listen(_Live(self._hub, subject, None, answer))

    async def read_stream(
        self,
        stream: str,
        *,
        from_sequence: int = 1,
        subjects: Sequence[str] = (),
        follow: bool = True,
        batch: int = 500,
    ) -> AsyncIterator[list[Message]]:
        """Yield batches of a stream in order, from a position on."""
        kept = self._hub.streams[stream]
        position, target = max(1, from_sequence), kept.last
        while True:
            grown = kept.grown
            if self.connected:
                found = [
                    message
                    for message in kept.messages
                    if message.sequence >= position
                    and (follow or message.sequence <= target)
                    and (not subjects or any(topics.matches(wanted, message.subject) for wanted in subjects))
                ][:batch]
                if found:
                    position = found[-1].sequence + 1
                    yield [m._replace(received_mono_ns=self._clock.monotonic_ns()) for m in found]
                    continue
                if not follow:
                    return
            if not self.connected:
                await self._clock.wall_sleep(0.01)
            else:
                await grown.wait()

    async def last_sequence(self, stream: str) -> int:
        """Return the position of the newest message of a stream."""
        self._require(stream, b"")
        return self._hub.streams[stream].last

    async def last_values(self, stream: str, subject: str) -> list[Message]:
        """Return the newest message of each subject that matches."""
        newest: dict[str, Message] = {}
        for message in self._hub.streams[stream].messages:
            if topics.matches(subject, message.subject):
                newest[message.subject] = message
        return sorted(newest.values(), key=lambda message: message.sequence)

    async def flush(self) -> None:
        """Wait until the backbone has taken everything sent so far."""
        self._require("", b"")

    async def close(self) -> None:
        """End the connection."""
        self._closed = True
        for live in self._mine:
            self._hub.leave(live)
