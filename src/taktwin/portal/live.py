"""One hub: keeps the twin's picture for all browsers of this portal, and what they cost in time.

Comes in: the twin's frames on the live subject, the full picture on request. A gap in the frames'
sequence, a restart of the twin or a cut of the bus asks for the full picture again; frames that
come meanwhile wait. Goes out: a wake-up to every viewer, which cuts the picture to its own wishes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import numpy as np

from taktwin.bus.port import Bus, Message, Subscription
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.contracts.state import Frame, HopStatistics
from taktwin.errors import BusError
from taktwin.instants import MILLISECOND_NS, SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.portal.compose import Composer
from taktwin.portal.latency import HOPS, FloatArray, Latencies
from taktwin.portal.picture import Int64Array, Picture
from taktwin.portal.questions import Questions, decode_frame

TWIN_SILENT_S = 3.0
WATCH_S = 0.25
HOPS_PAUSE_S = 5.0
RESYNC_PAUSE_S = 0.5  # a twin that is starting must not be asked in a loop
WAITING_FRAMES_MAX = 50
STANDING_S = 10.0  # a value that was older on arrival stood in the source: it says nothing of the way


class Viewer(Protocol):
    """Who looks at the picture."""

    def wake(self) -> None:
        """Be told that something changed."""
        ...


class Hub:
    """The live picture and everybody who looks at it."""

    def __init__(self, registry: Registry, bus: Bus, clock: Clock, questions: Questions) -> None:
        self.registry = registry
        self.picture = Picture(len(registry.signals), registry.prefix)
        self.composer = Composer(self.picture)
        names = sorted(registry.connections)
        number = {name: position for position, name in enumerate(names)}
        self.connection_names = names
        # The last number stands for signals without a connection.
        self._connection_of = np.array(
            [number.get(s.connection, len(names)) for s in registry.signals], dtype=np.int64
        )
        self.latencies = Latencies(len(names) + 1)
        self.sent_mono = np.zeros(len(registry.signals), dtype=np.int64)
        self.screen_ms: float | None = None  # the newest estimate of any browser
        self.twin_silent = True
        self.twin_silent_since_ns = clock.now_ns()
        self.other_registry = ""  # the twin speaks of another version of the plant than ours
        self.resyncs = 0
        self.unreadable = 0
        self._bus = bus
        self._clock = clock
        self._questions = questions
        self._viewers: set[Viewer] = set()
        self._waiting: deque[Frame] = deque(maxlen=WAITING_FRAMES_MAX)
        self._resync_wanted = asyncio.Event()
        self._synced = False
        self._twin_hops: dict[str, list[HopStatistics]] = {}
        self._heard_mono = 0
        self._subscription: Subscription | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to listen; returns at once, the picture follows when the twin answers."""
        self._heard_mono = self._clock.monotonic_ns()
        subject = topics.frame(self.registry.enterprise, self.registry.site)
        self._subscription = await self._bus.subscribe(subject, self._hear)
        self._bus.on_slow(self.want_resync)
        self._resync_wanted.set()
        self._tasks = [
            asyncio.create_task(self._ask_hops(), name="portal-hops"),
            asyncio.create_task(self._resync(), name="portal-resync"),
            asyncio.create_task(self._watch(), name="portal-twin-watch"),
        ]

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._subscription is not None:
            await self._subscription.close()

    def failure(self) -> BaseException | None:
        """Return why a task of the hub ended, None while all run."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                return task.exception()
        return None

    def add(self, viewer: Viewer) -> None:
        """Wake a viewer from now on."""
        self._viewers.add(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Wake a viewer no more."""
        self._viewers.discard(viewer)

    @property
    def viewers(self) -> int:
        """Return how many look."""
        return len(self._viewers)

    def want_resync(self) -> None:
        """Ask the twin for the full picture soon."""
        self._synced = False
        self._resync_wanted.set()

    def _hear(self, message: Message) -> None:
        try:
            frame = decode_frame(message.payload)
        except BusError:
            self.unreadable += 1
            return
        self.other_registry = "" if self.picture.fits(frame) else frame.registry
        if self.other_registry:
            self.want_resync()
        elif not self._synced:
            self._waiting.append(frame)
        elif self.picture.follows(frame):
            self._apply(frame)
        else:
            self._waiting.append(frame)
            self.want_resync()

    def _apply(self, frame: Frame) -> None:
        # Only what became part of the picture counts as heard: a twin that speaks of another plant, or
        # never answers, leaves the page as old as one that is away.
        self._heard_mono = now_mono = self._clock.monotonic_ns()
        news = self.picture.apply(frame)
        self._measure(news, now_mono)
        self._wake()

    def _wake(self) -> None:
        for viewer in self._viewers:
            viewer.wake()

    async def _resync(self) -> None:
        while True:
            await self._resync_wanted.wait()
            self._resync_wanted.clear()
            try:
                frame = await self._questions.snapshot()
            except BusError:
                # The twin is away or starting; the watch tells the pages, and we ask again.
                self._resync_wanted.set()
                await self._clock.wall_sleep(RESYNC_PAUSE_S)
                continue
            if not self.picture.fits(frame):
                self.other_registry = frame.registry
                self._resync_wanted.set()
                await self._clock.wall_sleep(RESYNC_PAUSE_S)
                continue
            self._take(frame)
            await self._clock.wall_sleep(RESYNC_PAUSE_S)

    def _take(self, full: Frame) -> None:
        """Take a full picture, and the frames that came since the twin made it."""
        self.resyncs += 1
        self.picture.replace(full)
        self._heard_mono = self._clock.monotonic_ns()
        self._synced = True
        while self._waiting:
            frame = self._waiting.popleft()
            if frame.sequence <= full.sequence and frame.at_ns <= full.at_ns:
                continue
            if not self.picture.follows(frame):
                self._waiting.clear()
                self.want_resync()
                break
            self.picture.apply(frame)
        self._hear_twin()
        self._wake()

    async def _ask_hops(self) -> None:
        """Keep the twin's own statistics: it alone can tell the bus from its own work."""
        while True:
            try:
                self._twin_hops = await self._questions.twin_hops()
            except BusError:
                self._twin_hops = {}
            await self._clock.wall_sleep(HOPS_PAUSE_S)

    async def _watch(self) -> None:
        while True:
            await self._clock.wall_sleep(WATCH_S)
            quiet_s = (self._clock.monotonic_ns() - self._heard_mono) / SECOND_NS
            if quiet_s > TWIN_SILENT_S and not self.twin_silent:
                self.twin_silent = True
                self.twin_silent_since_ns = self.picture.at_ns
                self.want_resync()
                self._wake()
            elif quiet_s <= TWIN_SILENT_S and self._synced:
                self._hear_twin()

    def _hear_twin(self) -> None:
        if self.twin_silent:
            self.twin_silent = False
            self._wake()

    def _measure(self, news: Int64Array, now_mono: int) -> None:
        """Count the hops up to the frame for signals that a new message brought."""
        picture = self.picture
        measured = news[(picture.received_mono[news] > 0) & (picture.applied_mono[news] > 0)]
        if not len(measured):
            return
        connection = self._connection_of[measured]
        received, published = picture.received_mono[measured], picture.published_mono[measured]
        applied, framed = picture.applied_mono[measured], picture.framed_mono[measured]
        for hop, begin, end in (
            ("gateway", received, published), ("bus", published, applied), ("frame", applied, framed),
        ):  # fmt: skip
            self.latencies.record(hop, connection, (end - begin) / MILLISECOND_NS, now_mono=now_mono)
        source_ms = self.source_ms(measured)
        lately = source_ms < STANDING_S * 1000 / self._clock.speed
        self.latencies.record("source", connection[lately], source_ms[lately], now_mono=now_mono)

    def source_ms(self, index: Int64Array) -> FloatArray:
        """Return how long values took from their source to our door, wall milliseconds.

        The source's stamp is plant time, and the clock of the source: a skew is part of it.
        """
        plant_ns = self.picture.ingest_ns[index] - self.picture.source_ns[index]
        taken_ms: FloatArray = plant_ns / MILLISECOND_NS / self._clock.speed
        return taken_ms

    def measure_sent(self, index: Int64Array, sent_mono: int) -> None:
        """Count the hop through the portal for signals whose new message went to a browser."""
        self.sent_mono[index] = sent_mono
        measured = index[self.picture.framed_mono[index] > 0]
        taken_ms = (sent_mono - self.picture.framed_mono[measured]) / MILLISECOND_NS
        self.latencies.record("portal", self._connection_of[measured], taken_ms, now_mono=sent_mono)

    def measure_drawn(self, index: Int64Array, upto_sent_ms: FloatArray, screen_ms: float) -> None:
        """Count the last hop, and the whole way, for signals that a browser has drawn."""
        now_mono = self._clock.monotonic_ns()
        self.screen_ms = screen_ms
        connection = self._connection_of[index]
        self.latencies.record("screen", connection, np.full(len(index), screen_ms), now_mono=now_mono)
        lately = upto_sent_ms < STANDING_S * 1000
        whole_ms = upto_sent_ms[lately] + screen_ms
        self.latencies.record("whole", connection[lately], whole_ms, now_mono=now_mono)

    def hops_of(self, connection: str) -> list[HopStatistics]:
        """Return the latency statistics of a connection, hop by hop, in the order of the way.

        Where the twin has measured the way into its state, its figures stand for `bus` and `twin`;
        else `bus` is all from the gateway into the twin's state, as the frames tell it.
        """
        own = self._statistics(self.connection_names.index(connection))
        twins = [h for h in self._twin_hops.get(connection, ()) if h.hop in ("bus", "twin") and h.count]
        if not twins:
            return own
        merged = {h.hop: h for h in own} | {h.hop: h for h in twins}
        return [merged[hop] for hop in HOPS if hop in merged]

    def hops(self) -> list[HopStatistics]:
        """Return the latency statistics of all connections together."""
        return self._statistics(None)

    def _statistics(self, connection: int | None) -> list[HopStatistics]:
        found = self.latencies.statistics(connection, now_mono=self._clock.monotonic_ns())
        return [HopStatistics(hop=s.hop, p50=s.p50, p99=s.p99, max=s.max, count=s.count) for s in found]
