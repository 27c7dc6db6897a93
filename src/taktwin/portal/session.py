"""One browser on the stream: what it subscribed, what it has, what it may still be sent.

A browser never gets a queue. It has a version of the picture; whenever the line is free, and at
most ten times a second, it gets what changed since then. A slow browser so gets fewer and newer
frames. One that has stopped drawing (a tab in the background) gets one a second.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from taktwin.bus.port import Bus
from taktwin.clock import Clock
from taktwin.errors import BusError
from taktwin.instants import MILLISECOND_NS, SECOND_NS
from taktwin.portal import wire
from taktwin.portal.compose import Composer, Topics, parse_topics
from taktwin.portal.latency import ESTIMATED, FloatArray
from taktwin.portal.live import Hub
from taktwin.portal.models.live import Drawn, Seek, SetMode, SetSpeed, Step, Subscribe
from taktwin.portal.picture import Int64Array, Picture
from taktwin.portal.questions import Questions
from taktwin.portal.replay import Replay, Wish

FRAME_NS = SECOND_NS // 10
HEARTBEAT_NS = SECOND_NS
HOPS_NS = 2 * SECOND_NS
UNDRAWN_MAX = 30  # frames under way to a browser that tells what it has drawn
MEASURED_MAX = 200  # values of a frame whose way is measured
SPEED_MAX = 3600.0
KEEP_S = 20.0  # the recorder ends a session that it has not heard of for a minute
NOTHING = Topics()

Operation = Annotated[Subscribe | SetMode | Seek | SetSpeed | Step | Drawn, Field(discriminator="op")]
_operations: TypeAdapter[Operation] = TypeAdapter(Operation)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame that is under way: which new values were in it, and their way so far."""

    sent_mono: int
    index: Int64Array
    upto_sent_ms: FloatArray


class Session:
    """Serves one WebSocket until it closes."""

    def __init__(
        self,
        websocket: WebSocket,
        hub: Hub,
        bus: Bus,
        clock: Clock,
        questions: Questions,
        unique_id: Callable[[], str],
    ) -> None:
        self._websocket = websocket
        self._hub = hub
        self._bus = bus
        self._clock = clock
        self._questions = questions
        self._unique_id = unique_id
        self._topics: Topics | None = None
        self._replay: Replay | None = None
        self._wish: Wish | None = None
        self._wished = asyncio.Event()
        self._entering = False  # the recorder is being asked: what is steered meanwhile is done after it
        self._changed = asyncio.Event()
        self._seq = 0
        self._epoch = -1  # of the picture that the browser has
        self._version = 0
        self._picture_of_browser: Picture | None = None
        self._told_silent = False
        self._outbox: deque[bytes] = deque(maxlen=16)
        self._under_way: OrderedDict[int, _Sent] = OrderedDict()
        self._drawn = 0  # newest sequence number that the browser has drawn; 0: it never said
        self._frame_mono = 0

    def wake(self) -> None:
        """Be told that the picture changed."""
        self._changed.set()

    async def run(self) -> None:
        """Serve until the browser goes."""
        await self._websocket.accept()
        self._hub.add(self)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive())
                tasks.create_task(self._fulfil())
                tasks.create_task(self._send())
        except* WebSocketDisconnect:
            # The usual end of every session.
            pass
        finally:
            self._hub.remove(self)
            if self._replay is not None:
                await self._replay.close()

    # What the browser says

    async def _receive(self) -> None:
        while True:
            text = await self._websocket.receive_text()
            try:
                operation = _operations.validate_json(text)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(str(part) for part in first["loc"]) or "message"
                self._refuse("", place=place, found=text[:80], right=first["msg"])
                continue
            self._do(operation)

    def _do(self, operation: Operation) -> None:
        match operation:
            case Subscribe():
                self._subscribe(operation)
            case Drawn():
                self._take_drawn(operation)
            case SetMode(mode="live"):
                self._want(Wish("mode", live=True))
            case SetMode(at_ms=None):
                self._refuse("mode", place="at_ms", found="nothing", right="the instant to begin at")
            case SetMode(at_ms=int() as at_ms):
                self._want(Wish("mode", at_ns=wire.ns(at_ms), speed=_speed(operation.speed)))
            case Seek():
                self._steer(Wish("seek", at_ns=wire.ns(operation.at_ms)))
            case SetSpeed():
                self._steer(Wish("speed", speed=_speed(operation.speed)))
            case Step():
                self._steer(Wish("step", step=operation.step))

    def _subscribe(self, wish: Subscribe) -> None:
        try:
            self._topics = parse_topics(wish.topics, len(self._hub.registry.signals))
        except ValueError as error:
            right = "units, alarms, connections, hops, signals:* or signals:<index>,<index>"
            self._refuse("subscribe", place="topics", found=str(error), right=right)
            return
        self._epoch = -1  # another cut of the picture: everything again
        self.wake()

    def _steer(self, wish: Wish) -> None:
        if self._replay is None and self._wish is None and not self._entering:
            self._refuse(wish.op, place="mode", found="live", right="replay: only the past can be steered")
            return
        self._want(wish)

    def _want(self, wish: Wish) -> None:
        self._wish = wish if self._wish is None else self._wish.then(wish)
        self._wished.set()

    async def _fulfil(self) -> None:
        """Do what the page wants of the past, one wish after the other, and keep the session alive."""
        while True:
            try:
                async with self._clock.timeout(KEEP_S):
                    await self._wished.wait()
            except TimeoutError:
                await self._keep()
                continue
            self._wished.clear()
            wish, self._wish = self._wish, None
            if wish is not None:
                await self._go(wish)
            elif self._replay is not None and self._replay.lost.is_set():
                await self._go(Wish("seek", at_ns=self._replay.picture.at_ns))

    async def _keep(self) -> None:
        if self._replay is None:
            return
        try:
            await self._replay.keep()
        except BusError as error:
            self._refuse("keep", place="recorder", found=str(error), right="a recorder that plays")

    async def _go(self, wish: Wish) -> None:
        if wish.live:
            await self._leave_replay()
            return
        try:
            if self._replay is None:
                await self._enter_replay(wish)
            else:
                await self._replay.control(at_ns=wish.at_ns, speed=wish.speed, step=wish.step)
        except BusError as error:
            self._refuse(wish.op, place="recorder", found=str(error), right="an instant within the history")
            return
        if wish.speed is not None:
            self._epoch = -1  # the snapshot says the speed
        self.wake()

    async def _enter_replay(self, wish: Wish) -> None:
        if wish.at_ns is None:
            return  # steering that came after the page had gone back to live
        replay = Replay(
            self._hub.registry,
            self._bus,
            self._questions,
            session=self._unique_id(),
            changed=self._past_moved,
        )
        self._entering = True
        try:
            await replay.open(at_ns=wish.at_ns, speed=1.0 if wish.speed is None else wish.speed)
        except BusError:
            await replay.close()
            raise
        finally:
            self._entering = False
        self._replay = replay
        self._epoch = -1

    def _past_moved(self) -> None:
        if self._replay is not None and self._replay.lost.is_set():
            self._wished.set()
        self.wake()

    async def _leave_replay(self) -> None:
        replay, self._replay = self._replay, None
        self._epoch = -1
        self.wake()
        if replay is not None:
            await replay.close()

    def _refuse(self, op: str, *, place: str, found: str, right: str) -> None:
        title = "This cannot be done"
        self._say({"type": "problem", "op": op, "title": title, "place": place, "found": found,
                   "right": right})  # fmt: skip

    def _say(self, message: dict[str, Any]) -> None:
        self._outbox.append(wire.encode(message))
        self.wake()

    def _take_drawn(self, drawn: Drawn) -> None:
        if drawn.seq > self._seq:
            return
        self._drawn = max(self._drawn, drawn.seq)
        sent = self._under_way.get(drawn.seq)
        while self._under_way and next(iter(self._under_way)) <= drawn.seq:
            self._under_way.popitem(last=False)
        if sent is None:
            return
        round_trip_ms = (self._clock.monotonic_ns() - sent.sent_mono) / MILLISECOND_NS
        waited_ms = drawn.waited_ms
        if waited_ms is None or not 0 <= waited_ms <= round_trip_ms:
            screen_ms = round_trip_ms / 2
        else:
            # The browser knows its own part; of the rest, both ways, half is the way there.
            screen_ms = waited_ms + (round_trip_ms - waited_ms) / 2
        self._hub.measure_drawn(sent.index, sent.upto_sent_ms, screen_ms)

    # What the browser hears

    async def _send(self) -> None:
        heartbeat_mono = self._clock.monotonic_ns()
        hops_mono = heartbeat_mono
        while True:
            now = self._clock.monotonic_ns()
            if now >= heartbeat_mono:
                heartbeat_mono = now + HEARTBEAT_NS
                await self._put({"type": "heartbeat", "t": self._now_ms()})
            while self._outbox:
                await self._put_bytes(self._outbox.popleft())
            if self._topics is not None:
                await self._tell_twin()
                if self._topics.hops and now >= hops_mono:
                    hops_mono = now + HOPS_NS
                    await self._put({"type": "hops", "t": self._now_ms(), "hops": hops_document(self._hub)})
                await self._send_picture(self._topics)
            await self._wait(heartbeat_mono)

    async def _wait(self, heartbeat_mono: int) -> None:
        """Wait until the next heartbeat, or until something changed and another frame may go."""
        try:
            async with self._clock.timeout(max(heartbeat_mono - self._clock.monotonic_ns(), 0) / SECOND_NS):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()
        if not self._outbox:
            pause_ns = self._frame_mono + self._pace_ns() - self._clock.monotonic_ns()
            pause_ns = min(pause_ns, heartbeat_mono - self._clock.monotonic_ns())
            if pause_ns > 0:
                await self._clock.wall_sleep(pause_ns / SECOND_NS)

    def _pace_ns(self) -> int:
        behind = self._drawn and self._seq - self._drawn > UNDRAWN_MAX
        return HEARTBEAT_NS if behind else FRAME_NS

    async def _tell_twin(self) -> None:
        silent = self._hub.twin_silent and self._replay is None
        if silent != self._told_silent:
            self._told_silent = silent
            since = wire.ms(self._hub.twin_silent_since_ns if silent else self._hub.picture.at_ns)
            await self._put({"type": "twin", "state": "silent" if silent else "running", "since": since})

    async def _send_picture(self, topics: Topics) -> None:
        picture, composer = self._source()
        same = picture is self._picture_of_browser and picture.epoch == self._epoch
        if same and picture.version == self._version:
            return
        if same and self._clock.monotonic_ns() - self._frame_mono < self._pace_ns():
            self.wake()  # something else woke us; the frame's time comes
            return
        since, self._version = self._version, picture.version
        self._picture_of_browser, self._epoch = picture, picture.epoch
        self._frame_mono = self._clock.monotonic_ns()
        self._seq += 1
        if not same:
            mode, speed = ("replay", self._replay.speed) if self._replay else ("live", self._clock.speed)
            await self._put_bytes(
                composer.snapshot(topics, seq=self._seq, mode=mode, speed=speed, at_ms=self._now_ms())
            )
            return
        body = composer.frame(topics, since=since, seq=self._seq, always=self._replay is not None)
        if body is None:
            self._seq -= 1
            return
        if self._replay is None:
            self._measure(topics, composer, since)
        await self._put_bytes(body)

    def _measure(self, topics: Topics, composer: Composer, since: int) -> None:
        picture, sent_mono = self._hub.picture, self._clock.monotonic_ns()
        news = composer.only_wanted(topics, picture.valued > since)
        if not len(news):
            return
        self._hub.measure_sent(news, sent_mono)
        measured = news[:: max(len(news) // MEASURED_MAX, 1)]
        measured = measured[picture.received_mono[measured] > 0]
        inside_ms = (sent_mono - picture.received_mono[measured]) / MILLISECOND_NS
        way_ms = np.maximum(self._hub.source_ms(measured), 0.0) + inside_ms
        self._under_way[self._seq] = _Sent(sent_mono, measured, way_ms)
        while len(self._under_way) > 2 * UNDRAWN_MAX:
            self._under_way.popitem(last=False)

    def _source(self) -> tuple[Picture, Composer]:
        source: Replay | Hub = self._replay or self._hub
        return source.picture, source.composer

    def _now_ms(self) -> int:
        return wire.ms(self._clock.now_ns() if self._replay is None else self._replay.picture.at_ns)

    async def _put(self, message: dict[str, Any]) -> None:
        await self._put_bytes(wire.encode(message))

    async def _put_bytes(self, payload: bytes) -> None:
        # Waits while the browser's line is full: that is what keeps a slow browser from a queue.
        await self._websocket.send_text(payload.decode())


def _speed(wanted: float) -> float:
    return min(max(wanted, 0.0), SPEED_MAX)


def hops_document(hub: Hub) -> list[dict[str, Any]]:
    """Return the latency statistics of all connections for the browser."""
    return [
        {
            "connection": name,
            "protocol": hub.registry.connections[name].connector,
            "hops": [
                {"hop": h.hop, "p50": h.p50, "p99": h.p99, "max": h.max, "count": h.count,
                 "estimated": h.hop in ESTIMATED}
                for h in hub.hops_of(name)
            ],
        }
        for name in hub.connection_names
    ]  # fmt: skip
