"""NATS behind the port `Bus`: live road, durable road, questions and answers, ordered reading.

One `NatsBus` is one connection of one process under its own account. It comes back for ever after
a cut, with all its subscriptions; what was sent durable and not acknowledged fails at once with
`BusError`, so that the caller sends it again with the same id. Durable sends are pipelined: many
acknowledgements are under way at a time (`send_durable`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from taktwin.bus.port import Answerer, Handler, Message, MessageTooLarge, Sending, Subscription
from taktwin.bus.reader import read_stream
from taktwin.bus.rights import INBOXES, STREAM_ANSWERS, inbox
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.entropy import unique_id
from taktwin.errors import BusError, PermissionRefused, TaktwinError
from taktwin.instants import SECOND_NS

ANSWER_BYTES_MAX = 256 * 1024
CHUNK_BYTES = 128 * 1024
H_ANSWER_REFERENCE = "Tw-Answer-Reference"
H_ANSWER_CHUNKS = "Tw-Answer-Chunks"
H_ERROR = "Tw-Error"
ACK_TIMEOUT_S = 10.0
H_BATCH, H_BATCH_SEQUENCE, H_BATCH_COMMIT = "Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"


class _ApiError(msgspec.Struct):
    code: int = 0
    description: str = ""


class _Ack(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    count: int = 0  # of messages that were sent together
    error: _ApiError | None = None


_ack_decoder = msgspec.json.Decoder(_Ack)


@dataclass(slots=True)
class _Waiting:
    """One reply that is under way."""

    future: asyncio.Future[Any]
    subject: str
    deadline_mono_ns: int
    durable: bool
    together: int = 0  # messages that this one is the last of


class _Hand:
    """Stands where a subscription of nats-py has its queue and hands each delivery over at once.

    A queue and a task per subscription would cost a loop turn a message, and `last_sequence` could
    not promise that everything before it has been handed over.
    """

    def __init__(self, deliver: Callable[[Msg], None]) -> None:
        self._deliver = deliver

    def put_nowait(self, message: Msg) -> None:
        """Hand over one message."""
        self._deliver(message)


@dataclass(eq=False)
class _Live:
    """One subscription that outlives connections."""

    bus: NatsBus
    subject: str
    deliver: Callable[[Msg], None]
    inner: Any = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def close(self) -> None:
        """Stop deliveries and what they started."""
        await self.bus._drop(self)
        for task in self.tasks:
            task.cancel()


class NatsBus:
    """One connection to NATS; see `Bus` for what each method promises."""

    def __init__(
        self,
        *,
        clock: Clock,
        url: str,
        user: str = "",
        password: str = "",
        in_flight_max: int = 4096,
    ) -> None:
        self._clock = clock
        self._url = url
        self._user = user
        self._password = password
        self._inbox = f"{inbox(user or 'anyone')}.{unique_id()[:16]}"
        self._nc: Client | None = None
        self._live: list[_Live] = []
        self._waiting: dict[str, _Waiting] = {}
        self._tokens = itertools.count(1)
        self._room = asyncio.Semaphore(in_flight_max)
        self._slow: list[Callable[[], None]] = []
        self._state: list[Callable[[bool], None]] = []
        self._closing = False
        self._kept = False
        self._returning = False
        self._back = asyncio.Event()
        self._gone = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server_id = ""
        self.violations: deque[str] = deque(maxlen=100)  # what the backbone refused us, newest last
        self.reconnects = 0

    async def connect(self, *, wait_s: float = 10.0) -> None:
        """Connect, trying again for `wait_s`.

        Raises
        ------
        PermissionRefused
            If the account or its password is wrong.
        BusError
            If the backbone could not be reached in time.
        """
        deadline = self._clock.monotonic_ns() + int(wait_s * SECOND_NS)
        while True:
            try:
                await self._open()
                break
            except BusError as error:
                if isinstance(error, PermissionRefused) or self._clock.monotonic_ns() > deadline:
                    raise
                await self._clock.wall_sleep(0.1)
        self.keep_trying()

    def keep_trying(self) -> None:
        """Go on by itself from here, connected or not yet: for a process that works without."""
        if not self._kept:
            self._kept = True
            self._spawn(self._sweep())
            if self._nc is None:
                self._spawn(self._return())

    async def _open(self) -> None:
        nc = Client()
        cancelled = _cancellations()
        refused: list[str] = []
        closed = asyncio.Event()

        async def on_error(error: Exception) -> None:
            text = str(error)
            if "permissions violation" in text.lower():
                self._on_violation(text)
            elif "authorization violation" in text.lower():
                refused.append(text)

        async def on_closed() -> None:
            closed.set()
            self._on_lost(nc)

        try:
            async with self._clock.timeout(5.0):
                await nc.connect(
                    self._url,
                    user=self._user or None,
                    password=self._password or None,
                    name=self._user,
                    error_cb=on_error,
                    closed_cb=on_closed,
                    # Ours, below: one way back, with everything restored. Without the limit the library
                    # would try an address that refuses again and again inside of this very call.
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=2,
                    ping_interval=2,
                    max_outstanding_pings=2,
                    pending_size=8 * 1024 * 1024,
                    inbox_prefix=self._inbox,
                )
        except (nats.errors.Error, OSError, TimeoutError) as error:
            _raise_if_cancelled(since=cancelled)
            if refused or "authorization" in str(error).lower():
                raise PermissionRefused(f"{self._url} refused the account {self._user!r}: {error}") from error
            raise BusError(f"cannot reach the backbone at {self._url}: {error!r}") from error
        try:
            await self._attach(nc, f"{self._inbox}.r.*", self._on_reply)
            restored: set[_Live] = set()
            while rest := [live for live in self._live if live not in restored]:  # also added meanwhile
                for live in rest:
                    live.inner = await self._attach(nc, live.subject, live.deliver)
                restored.update(rest)
                # Not back before the backbone knows them: what another says at once would pass by, and
                # whoever reads anew what was missed would read too early.
                await _taken(nc, closed)
            if not nc.is_connected:
                raise BusError(f"the backbone at {self._url} went away at once")
            _raise_if_cancelled(since=cancelled)
        except (BusError, asyncio.CancelledError):
            await self._drop_connection(nc)
            raise
        self._nc = nc
        self._server_id = str(nc._server_info.get("server_id", ""))
        self._gone.clear()
        self._back.set()

    async def _drop_connection(self, nc: Client) -> None:
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            async with self._clock.timeout(1.0):
                await nc.close()

    async def _attach(self, nc: Client, subject: str, deliver: Callable[[Msg], None]) -> Any:
        try:
            inner: Any = await nc.subscribe(subject, pending_bytes_limit=0)
        except (nats.errors.Error, OSError) as error:
            raise BusError(f"cannot subscribe to {subject}: {error!r}") from error
        inner._pending_queue = _Hand(self._guarded(subject, deliver))
        return inner

    def _guarded(self, subscribed: str, deliver: Callable[[Msg], None]) -> Callable[[Msg], None]:
        # What streams deliver to an inbox of ours stands under the subject that it was stored under.
        own = subscribed.startswith(f"{self._inbox}.")

        def hand_over(message: Msg) -> None:
            if not own and not topics.matches(subscribed, message.subject):
                # Somebody had a stream deliver here what was never said here: the server does not ask
                # whether they could have said it themselves.
                self._on_lent(f"{message.subject} was delivered on {subscribed}: not handed over")
                return
            try:
                deliver(message)
            except Exception as error:  # noqa: BLE001
                # A fault of a handler must be heard, but not end the reading of all the others.
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"handler of {message.subject} failed", "exception": error}
                )

        return hand_over

    def _on_lost(self, nc: Client) -> None:
        if nc is not self._nc:
            return
        self._nc = None
        self._back.clear()
        self._gone.set()
        for waiting in list(self._waiting.values()):
            self._fail(waiting, BusError(f"the backbone went away while {waiting.subject} was under way"))
        if self._closing:
            return
        self._tell(False)
        self._spawn(self._return())

    async def _return(self) -> None:
        if self._returning:
            return
        self._returning = True
        delay_s = 0.02
        while not self._closing:
            try:
                await self._open()
            except BusError:
                await self._clock.wall_sleep(delay_s)
                delay_s = min(delay_s * 2, 1.0)
                continue
            break
        self._returning = False
        if self._nc is None:
            return  # closing
        self.reconnects += 1
        self._tell(True)
        for callback in self._slow:  # what was said meanwhile on the live road is gone
            callback()

    def _tell(self, connected: bool) -> None:
        for callback in self._state:
            callback(connected)

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            task.get_loop().call_exception_handler(
                {"message": "a task of the bus failed", "exception": task.exception(), "task": task}
            )

    async def _sweep(self) -> None:
        while True:
            await self._clock.wall_sleep(1.0)
            nc = self._nc
            if nc is not None and not nc.is_connected:
                # The library does not say so when an error comes in between of its closing.
                self._on_lost(nc)
            now = self._clock.monotonic_ns()
            late = [w for w in self._waiting.values() if w.deadline_mono_ns < now]
            for waiting in late:
                self._fail(waiting, BusError(f"no answer on {waiting.subject} in time"))

    def _fail(self, waiting: _Waiting, error: BusError) -> None:
        if not waiting.future.done():
            waiting.future.set_exception(error)
            waiting.future.exception()  # whoever does not wait for it has lost nothing by that

    def _on_lent(self, text: str) -> None:
        if text not in self.violations:
            asyncio.get_running_loop().call_exception_handler({"message": text})
        self.violations.append(text)

    def _on_violation(self, text: str) -> None:
        self.violations.append(text)
        lowered = text.lower()
        if "publish" not in lowered:
            return
        for waiting in list(self._waiting.values()):
            if f'"{waiting.subject.lower()}"' in lowered:
                self._fail(waiting, PermissionRefused(f"{self._user!r} may not publish to {waiting.subject}"))

    def _on_reply(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject[message.subject.rindex(".") + 1 :])
        if waiting is None or waiting.future.done():
            return
        headers = message.headers
        if headers is not None and not message.data and headers.get("Status") == "503":
            who = "stream takes" if waiting.durable else "one answers"
            self._fail(waiting, BusError(f"no {who} {waiting.subject}"))
            return
        if not waiting.durable:
            waiting.future.set_result(message)
            return
        try:
            ack = _ack_decoder.decode(message.data)
        except msgspec.DecodeError as error:
            self._fail(waiting, BusError(f"{waiting.subject}: unreadable acknowledgement: {error}"))
            return
        if ack.error is not None:
            self._fail(
                waiting, BusError(f"{waiting.subject}: refused by the stream: {ack.error.description}")
            )
        elif ack.count != waiting.together:
            expected = f"{waiting.together} messages at once from NATS 2.12 on"
            self._fail(
                waiting, BusError(f"{waiting.subject}: {ack.count} stored at once: expected {expected}")
            )
        else:
            waiting.future.set_result(ack.seq)

    async def _ask(
        self,
        subject: str,
        payload: bytes,
        headers: Mapping[str, str] | None,
        *,
        timeout_s: float,
        durable: bool,
        together: int = 0,
    ) -> asyncio.Future[Any]:
        token = str(next(self._tokens))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        deadline = self._clock.monotonic_ns() + int(timeout_s * SECOND_NS)
        self._waiting[token] = _Waiting(future, subject, deadline, durable, together)

        def done(_: asyncio.Future[Any]) -> None:
            del self._waiting[token]
            if durable:
                self._room.release()

        future.add_done_callback(done)
        try:
            await self._send(subject, payload, headers, reply=f"{self._inbox}.r.{token}")
        except BusError as error:
            self._fail(self._waiting[token], error)
        return future

    async def _send(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None, *, reply: str = ""
    ) -> None:
        nc = self._nc
        if nc is None or not nc.is_connected:
            raise BusError(f"the backbone is away: {subject} was not sent")
        cancelled = _cancellations()
        try:
            await nc.publish(
                subject, payload, reply=reply, headers=None if headers is None else dict(headers)
            )
        except nats.errors.MaxPayloadError as error:
            raise MessageTooLarge(
                f"{subject}: {len(payload)} bytes are more than the backbone takes"
            ) from error
        except (nats.errors.Error, OSError) as error:
            raise BusError(f"{subject} was not sent: {error!r}") from error
        _raise_if_cancelled(since=cancelled)

    @property
    def server_id(self) -> str:
        """Which backbone this is: another one after the server was restarted."""
        return self._server_id

    @property
    def connected(self) -> bool:
        """Whether the backbone can be reached now."""
        return self._nc is not None and self._nc.is_connected

    @property
    def inbox_prefix(self) -> str:
        """Return the prefix under which this connection, and nobody else, may hear answers."""
        return self._inbox

    async def ask_on(self, subject: str, body: object, reply: str) -> None:
        """Send a request whose answers go to a subscription of our own."""
        await self._send(subject, msgspec.json.encode(body), None, reply=reply)

    async def wait_connected(self) -> None:
        """Wait until the connection is there (again)."""
        await self._back.wait()

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send on the live road."""
        await self._send(subject, payload, headers)

    async def send_durable(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> asyncio.Future[int]:
        """Send on the durable road without waiting; the future has the stream's sequence or BusError.

        Waits only while too many acknowledgements are under way.
        """
        await self._room.acquire()
        named = headers
        if message_id:
            named = {topics.H_MSG_ID: message_id, **(headers or {})}
        return await self._ask(subject, payload, named, timeout_s=ACK_TIMEOUT_S, durable=True)

    async def publish_durable(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> int:
        """Send and wait until the stream has stored it; return its sequence."""
        return await (await self.send_durable(subject, payload, message_id=message_id, headers=headers))

    async def publish_together(self, messages: Sequence[Sending]) -> int:
        """Send to one stream, which stores all in this order, or none (ADR-50 of NATS)."""
        batch = unique_id()
        *before, last = (
            (each, {topics.H_MSG_ID: each.message_id, H_BATCH: batch, H_BATCH_SEQUENCE: str(number)})
            for number, each in enumerate(messages, 1)
        )
        for each, headers in before:
            await self._send(each.subject, each.payload, headers)
        await self._room.acquire()
        each, headers = last
        waiting = await self._ask(
            each.subject, each.payload, {**headers, H_BATCH_COMMIT: "1"},
            timeout_s=ACK_TIMEOUT_S, durable=True, together=len(messages),
        )  # fmt: skip
        return int(await waiting)

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Hear a subject on the live road."""
        clock = self._clock

        def deliver(message: Msg) -> None:
            handler(Message(message.subject, message.data, message.headers or {}, 0, clock.monotonic_ns()))

        return await self.attach(subject, deliver)

    async def attach(self, subject: str, deliver: Callable[[Msg], None]) -> _Live:
        """Subscribe with the client library's own message; restored after each cut."""
        live = _Live(self, subject, deliver)
        await self._begin(live)
        return live

    async def _begin(self, live: _Live) -> None:
        self._live.append(live)
        nc = self._nc
        if nc is None:
            return
        try:
            live.inner = await self._attach(nc, live.subject, live.deliver)
        except BusError:
            if nc is self._nc and nc.is_connected:
                raise
        # Else a message sent right after by another could still pass by. Should the connection be lost
        # meanwhile, the next one restores this subscription with all the others.
        with contextlib.suppress(BusError):
            await self.flush()

    async def _drop(self, live: _Live) -> None:
        if live in self._live:
            self._live.remove(live)
        if live.inner is not None:
            with contextlib.suppress(nats.errors.Error):
                await live.inner.unsubscribe()

    def on_slow(self, callback: Callable[[], None]) -> None:
        """Be told that deliveries of the live road were lost: after every cut, also by the server."""
        self._slow.append(callback)

    def on_state(self, callback: Callable[[bool], None]) -> None:
        """Be told when the connection is lost (False) and made again (True)."""
        self._state.append(callback)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        """Ask and return the answer. Raises BusError where none comes or the answerer failed."""
        message = await self.ask(subject, payload, timeout_s=timeout_s)
        headers = message.headers or {}
        if H_ERROR in headers:
            raise BusError(f"{subject}: {headers[H_ERROR]}")
        if H_ANSWER_REFERENCE in headers:
            return await self._fetch(headers[H_ANSWER_REFERENCE], int(headers[H_ANSWER_CHUNKS]), timeout_s)
        return message.data

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float) -> Msg:
        """Ask and return the client library's own message: also for the server's API."""
        future = await self._ask(subject, payload, None, timeout_s=timeout_s + 1.0, durable=False)
        try:
            async with self._clock.timeout(timeout_s):
                answer: Msg = await future
                return answer
        except TimeoutError as error:
            raise BusError(f"no answer on {subject} within {timeout_s} s") from error

    async def api(self, name: str, body: object = None, *, timeout_s: float = 5.0) -> dict[str, Any]:
        """Ask JetStream's API and return its answer. Raises BusError with the server's own words."""
        payload = b"" if body is None else msgspec.json.encode(body)
        reply = await self.ask(f"$JS.API.{name}", payload, timeout_s=timeout_s)
        answer: dict[str, Any] = msgspec.json.decode(reply.data)
        if "error" in answer:
            raise BusError(f"{name}: {answer['error'].get('description', answer['error'])}")
        return answer

    async def _fetch(self, reference: str, chunks: int, timeout_s: float) -> bytes:
        parts: list[bytes] = []
        try:
            async with self._clock.timeout(max(timeout_s, 10.0)):
                async for batch in read_stream(
                    self, self._clock, STREAM_ANSWERS, subjects=(f"$O.answers.C.{reference}",), batch=64
                ):
                    parts.extend(message.payload for message in batch)
                    if len(parts) >= chunks:
                        break
        except TimeoutError as error:
            raise BusError(f"answer {reference}: {len(parts)} of {chunks} parts came in time") from error
        return b"".join(parts)

    async def serve(self, subject: str, answer: Answerer) -> Subscription:
        """Answer requests on a subject; each runs in a task of its own."""
        live: _Live

        def deliver(message: Msg) -> None:
            task = self._spawn(self._answer(message, answer))
            live.tasks.add(task)
            task.add_done_callback(live.tasks.discard)

        live = _Live(self, subject, deliver)
        await self._begin(live)
        return live

    async def _answer(self, message: Msg, answer: Answerer) -> None:
        asked = Message(message.subject, message.data, message.headers or {}, 0, self._clock.monotonic_ns())
        headers: dict[str, str] | None = None
        try:
            payload = await answer(asked)
            if len(payload) > ANSWER_BYTES_MAX:
                headers = await self._store(payload)
                payload = b""
        except (TaktwinError, msgspec.MsgspecError, ValueError, KeyError) as error:
            headers, payload = {H_ERROR: f"{type(error).__name__}: {error}".replace("\n", " ")[:1000]}, b""
        if topics.matches(INBOXES, message.reply):  # our rights are not lent to who asks
            with contextlib.suppress(BusError):  # the asker has gone or the backbone is away
                await self._send(message.reply, payload, headers)

    async def _store(self, payload: bytes) -> dict[str, str]:
        reference = unique_id()
        acks = [
            await self.send_durable(f"$O.answers.C.{reference}", payload[at : at + CHUNK_BYTES])
            for at in range(0, len(payload), CHUNK_BYTES)
        ]
        await asyncio.gather(*acks)
        return {H_ANSWER_REFERENCE: reference, H_ANSWER_CHUNKS: str(len(acks))}

    def read_stream(
        self,
        stream: str,
        *,
        from_sequence: int = 1,
        subjects: Sequence[str] = (),
        follow: bool = True,
        batch: int = 500,
    ) -> AsyncIterator[list[Message]]:
        """Yield batches of a stream in order, from a position on, over cuts of the connection."""
        return read_stream(
            self,
            self._clock,
            stream,
            from_sequence=from_sequence,
            subjects=subjects,
            follow=follow,
            batch=batch,
        )

    async def last_sequence(self, stream: str) -> int:
        """Return the position of the newest message of a stream, 0 if it is empty."""
        info = await self.api(f"STREAM.INFO.{stream}")
        await self.flush()  # live messages before it are on the way in front of the server's PONG
        return int(info["state"]["last_seq"])

    async def last_values(self, stream: str, subject: str) -> list[Message]:
        """Return the newest message of each subject that matches, in order of the stream."""
        found: list[Message] = []
        async for batch in read_stream(
            self, self._clock, stream, subjects=(subject,), follow=False, last_per_subject=True
        ):
            found.extend(batch)
        return found

    async def flush(self) -> None:
        """Wait until the backbone has taken everything sent so far."""
        nc = self._nc
        if nc is None:
            raise BusError("the backbone is away")
        await _taken(nc, self._gone)

    async def close(self) -> None:
        """End the connection, sending what is still waiting."""
        if self._closing:
            return
        self._closing = True
        nc = self._nc
        if nc is not None and nc.is_connected:
            with contextlib.suppress(nats.errors.Error, OSError):
                await nc.flush(1)  # a backbone that hangs must not keep us from ending in time
            await nc.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _taken(nc: Client, gone: asyncio.Event) -> None:
    """Wait until the backbone has taken everything sent so far, or the connection is gone: BusError."""
    flushing = asyncio.ensure_future(_flush(nc))
    going = asyncio.ensure_future(gone.wait())  # the library would wait for the answer all the same
    try:
        await asyncio.wait((flushing, going), return_when=asyncio.FIRST_COMPLETED)
        if not flushing.done():
            raise BusError("the backbone went away while it was to take what was sent")
        flushing.result()
    except (nats.errors.Error, OSError) as error:
        raise BusError(f"the backbone did not take what was sent: {error!r}") from error
    finally:
        flushing.cancel()
        going.cancel()
        await asyncio.gather(flushing, going, return_exceptions=True)


async def _flush(nc: Client) -> None:
    # The library's own flush writes its PING past what still waits to be written.
    cancelled = _cancellations()
    await nc._flush_pending(force_flush=True)
    _raise_if_cancelled(since=cancelled)
    await nc.flush(5)


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _raise_if_cancelled(*, since: int) -> None:
    """End this task if it was cancelled meanwhile.

    The library swallows a cancellation that comes while it waits for a slow backbone, and so does
    `asyncio.wait_for` of Python 3.11 if the connection is refused at the same moment. A task that
    publishes or connects for ever would then never end, nor a process that waits for it.
    """
    if _cancellations() > since:
        raise asyncio.CancelledError


async def connect(
    url: str, *, clock: Clock, user: str = "", password: str = "", wait_s: float = 10.0
) -> NatsBus:
    """Return a connected bus. Raises BusError (PermissionRefused for a wrong account)."""
    bus = NatsBus(clock=clock, url=url, user=user, password=password)
    await bus.connect(wait_s=wait_s)
    return bus
