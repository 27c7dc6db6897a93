"""The twin talks: hears both roads, applies, publishes frames, intervals and alarms, keeps snapshots.

Live messages come on core NATS and carry no position; the streams have every message and its
position. At start, after a cut and where a source's numbers show a gap, the streams are read from
the last position below which all is surely applied; what comes twice is ignored by its key.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from taktwin.bus.port import Bus, Message, Subscription
from taktwin.bus.streams import sure_position
from taktwin.clock import Clock
from taktwin.contracts import events, samples, state, topics
from taktwin.contracts.events import SnapshotTaken
from taktwin.contracts.state import Health, IntervalMessage
from taktwin.errors import BusError, StoreError
from taktwin.identity import EquipmentId, Place
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.twin import api, frames, snapshot
from taktwin.twin.alarms import Effect
from taktwin.twin.engine import Effects, TwinEngine
from taktwin.twin.frames import Framer
from taktwin.twin.hops import Hops
from taktwin.twin.recall import RECALLED_MAX, forget, recall
from taktwin.twin.snapshot import Snapshot

COMPONENT = "twin"
FRAME_S = 0.1
SETTLE_S = 0.05
HEARTBEAT_FRAMES = 10
SNAPSHOT_EVERY_S = 30.0
MOMENT_EVERY_NS = 300 * SECOND_NS  # plant time between two pictures for the recorder
MOMENT_WALL_S_MIN = 5.0
MOMENT_FACTS_NS = 1800 * SECOND_NS  # facts that a picture keeps: enough to go on from it
MOMENTS_KEPT_NS = 8 * 86_400 * SECOND_NS
STREAMS = (topics.STREAM_SAMPLES, topics.STREAM_EVENTS)


class TwinService:
    """One twin of one site."""

    def __init__(
        self,
        *,
        bus: Bus,
        registry: Registry,
        clock: Clock,
        folder: Path,
        memory_mb: Callable[[], float],
        pid: int,
        snapshot_every_s: float = SNAPSHOT_EVERY_S,
    ) -> None:
        self._bus = bus
        self._registry = registry
        self._clock = clock
        self._folder = folder
        self._memory_mb = memory_mb
        self._pid = pid
        self._snapshot_every_s = snapshot_every_s
        self.engine, restored = load(registry, folder / "twin.snapshot", speed=clock.speed)
        self.refused = "" if not isinstance(restored, str) else restored
        self.positions: dict[str, int] = dict.fromkeys(STREAMS, 0)
        self._server_id = ""  # whose positions these are
        self._event_sequence = 0
        if isinstance(restored, Snapshot):
            self.positions.update(restored.positions)
            self._event_sequence = restored.event_sequence
        self.framer = Framer(self.engine)
        self.hops = Hops(registry)
        self._units = {topics.sample(e.place): str(e.id) for e in registry.equipment.values()}
        self._site = Place(registry.enterprise, registry.site)
        self._listening = False
        self._behind = True  # something may be missing: the streams have to be read
        self._outbox: deque[tuple[str, bytes, str]] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._subscriptions: list[Subscription] = []
        self._started_ns = clock.now_ns()
        self._last_moment = 0
        self._known_missing = 0
        self._snapshot_mono = 0
        self._store_refused = ""
        self.caught_up = asyncio.Event()
        self.snapshots = 0
        self.bad_messages = 0
        self.bad_message = ""

    # -- hearing -------------------------------------------------------------------------------

    def hear_sample(self, message: Message) -> None:
        """Apply one message of the sample road; what is no scan is counted and let go."""
        unit = self._units.get(message.subject)
        try:
            scan = samples.decode(message.payload)
        except (msgspec.DecodeError, ValueError) as error:
            return self._bad(f"{message.subject}: {error}")
        if unit is None:
            return self._bad(f"{message.subject}: no equipment of this plant stands there")
        headers = message.headers
        received = _stamp(headers, topics.H_RECEIVED_MONO)
        published = _stamp(headers, topics.H_PUBLISHED_MONO)
        ingest_ns = _stamp(headers, topics.H_INGEST_NS)
        applied = self._clock.monotonic_ns()
        new = self.engine.apply_scan(unit, scan, ingest_ns, received, published, applied)
        if not (new and received and scan.signals) or message.sequence:
            return None
        source_ns = scan.t0_ns + scan.dt_ns[-1]
        # What stood already when the gateway came carries an old stamp, and was not under way so long.
        if source_ns >= scan.epoch_ns:
            source_ms = (ingest_ns - source_ns) / 1e6 / self._clock.speed
            self.hops.add(
                scan.connector,
                now_mono=applied,
                source_ms=source_ms,
                gateway_ns=published - received,
                bus_ns=(message.received_mono_ns or applied) - published,
                twin_ns=self._clock.monotonic_ns() - (message.received_mono_ns or applied),
            )
        return None

    def hear_event(self, message: Message) -> None:
        """Apply one message of the event road."""
        try:
            self.engine.apply_fact(events.decode(message.payload))
        except (msgspec.DecodeError, ValueError) as error:
            self._bad(f"{message.subject}: {error}")

    def _bad(self, why: str) -> None:
        self.bad_messages += 1
        self.bad_message = why[:200]

    def _hear_live(self, handler: Callable[[Message], None]) -> Callable[[Message], None]:
        def hear(message: Message) -> None:
            if self._listening:
                handler(message)

        return hear

    async def catch_up(self) -> None:
        """Read the streams from where all is surely applied, and join the live road without a gap.

        The first pass may be long; the live road is not heard meanwhile. The second one is short
        and overlaps with it, so that nothing falls between the two.
        """
        await self._read_streams()
        self._listening = True
        self._behind = False
        await self._read_streams()
        await self._note_positions()
        if not self.caught_up.is_set():
            self.caught_up.set()
            self._emit(self.engine.settle())

    async def _read_streams(self) -> None:
        if self._bus.server_id != self._server_id:
            self._server_id = self._bus.server_id
            sure = {stream: sure_position(stream, self.positions[stream]) for stream in STREAMS}
            self.positions.update(sure)
        for stream, handler in zip(STREAMS, (self.hear_sample, self.hear_event), strict=True):
            async for batch in self._bus.read_stream(
                stream, from_sequence=self.positions[stream] + 1, follow=False
            ):
                for message in batch:
                    handler(message)
                if batch:
                    self.positions[stream] = max(self.positions[stream], batch[-1].sequence)
                if self.caught_up.is_set():
                    self._emit(self.engine.settle())
                else:
                    # Half of the past is no news: what was told of the rest would be taken back.
                    self.engine.compute()

    async def _recall(self) -> None:
        """Read back what earlier lives have told of intervals since the snapshot."""
        stream = topics.STREAM_INTERVALS
        last, known = await self._bus.last_sequence(stream), self.positions.get(stream, 0)
        if last < known:
            forget(self.engine)
            known = 0
        first = max(known, last - RECALLED_MAX) + 1
        async for batch in self._bus.read_stream(stream, from_sequence=first, follow=False, batch=2000):
            self.bad_messages += recall(self.engine, (message.payload for message in batch))
        self.engine.tell_again()

    async def _note_positions(self) -> dict[str, int]:
        """Return positions below which all is applied: the bus handed it over before it answers."""
        streams = (*STREAMS, topics.STREAM_INTERVALS)
        last = {stream: await self._bus.last_sequence(stream) for stream in streams}
        if not self._behind:
            self.positions.update(last)
        return dict(self.positions)

    def _fell_behind(self) -> None:
        self._behind = True

    # -- telling -------------------------------------------------------------------------------

    def _emit(self, effects: Effects) -> None:
        for interval in effects.intervals:
            self._post_interval(interval)
        for effect in effects.events:
            self._post_event(effect)

    def _place(self, equipment: str) -> Place:
        known = self._registry.equipment.get(EquipmentId(equipment))
        return known.place if known is not None else self._site

    def _post_interval(self, interval: IntervalMessage) -> None:
        subject = topics.interval(self._place(interval.unit), "class")
        self._post(subject, msgspec.json.encode(interval), f"{interval.id}:{interval.revision}")

    def _post_event(self, effect: Effect) -> None:
        self._event_sequence += 1
        source = f"/{self._registry.enterprise}/{self._registry.site}/{COMPONENT}"
        event = events.make(
            effect.content,
            source=source,
            sequence=self._event_sequence,
            time_ns=effect.time_ns,
            subject=effect.equipment,
            event_id=effect.event_id,
        )
        subject = topics.event(self._place(effect.equipment), effect.content.event_type)
        self._post(subject, events.encode(event), f"{source}:{event.id}")

    def _post(self, subject: str, payload: bytes, message_id: str) -> None:
        self._outbox.append((subject, payload, message_id))
        self._empty.clear()
        self._wake.set()

    async def _send_outbox(self) -> None:
        """Send what waits, in order; what the backbone did not take is sent again with the same id."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                part = [self._outbox[place] for place in range(min(len(self._outbox), 100))]
                results = await asyncio.gather(
                    *(self._bus.publish_durable(s, p, message_id=i) for s, p, i in part),
                    return_exceptions=True,
                )
                failed = [r for r in results if isinstance(r, BaseException)]
                if any(not isinstance(error, BusError) for error in failed):
                    raise next(error for error in failed if not isinstance(error, BusError))
                if failed:
                    # All of them again: a correction must not overtake what it corrects.
                    await self._clock.wall_sleep(0.5)
                    continue
                for _ in part:
                    self._outbox.popleft()
            self._empty.set()

    async def _send_frames(self) -> None:
        subject = topics.frame(self._registry.enterprise, self._registry.site)
        quiet = 0
        while True:
            await self._clock.wall_sleep(SETTLE_S)
            if not self.caught_up.is_set():
                continue
            self._emit(self.engine.advance(self._clock.now_ns()))
            await self._clock.wall_sleep(FRAME_S - SETTLE_S)
            now_ns = self._clock.now_ns()
            self._emit(self.engine.advance(now_ns))
            frame = self.framer.next(at_ns=now_ns, mono_ns=self._clock.monotonic_ns())
            if frame is None:
                quiet += 1
                if quiet < HEARTBEAT_FRAMES:
                    continue
                frame = self.framer.heartbeat(at_ns=now_ns, mono_ns=self._clock.monotonic_ns())
            quiet = 0
            await self._try_publish(subject, state.encode(frame))

    async def _try_publish(self, subject: str, payload: bytes) -> None:
        try:
            await self._bus.publish(subject, payload)
        except BusError:
            return  # the live road keeps nothing: the next frame or heartbeat says it again

    async def _send_health(self) -> None:
        subject = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        while True:
            if self.caught_up.is_set() and self._bus.connected:
                try:
                    if self._behind or self._missing():
                        self._behind = True
                        await self.catch_up()
                    else:
                        await self._note_positions()
                except BusError:
                    self._behind = True
            await self._try_publish(subject, state.encode(self.health()))
            await self._clock.wall_sleep(1.0)

    def _missing(self) -> bool:
        """Return whether more scans are missing than at the last look: the live road lost some."""
        missing = sum(source.missing for source in self.engine.state.sources.values())
        grew = missing > self._known_missing
        self._known_missing = missing
        return grew

    def health(self) -> Health:
        """Return the heartbeat."""
        counters = self.engine.counters
        running = self.caught_up.is_set()
        return Health(
            component=COMPONENT,
            state=("degraded" if self._behind or self._store_refused else "running")
            if running
            else "starting",
            reason=self._store_refused or self.refused or counters.rejected_why or self.bad_message,
            started_ns=self._started_ns,
            at_ns=self._clock.now_ns(),
            pid=self._pid,
            memory_mb=self._memory_mb(),
            counters={
                "samples": counters.samples,
                "scans": counters.scans,
                "events": counters.events,
                "duplicates_ignored": counters.duplicates_ignored,
                "rejected": counters.rejected + self.bad_messages,
                "last_position": self.positions[topics.STREAM_SAMPLES],
                "frames": self.framer.sequence,
                "snapshots": self.snapshots,
                "outbox": len(self._outbox),
            },
            hops=self.hops.overall(),
        )

    # -- snapshots -----------------------------------------------------------------------------

    async def _keep_snapshots(self) -> None:
        await self.caught_up.wait()
        while True:
            await self._clock.wall_sleep(min(self._snapshot_every_s, MOMENT_WALL_S_MIN))
            try:
                await self.keep_moment()
                if self._clock.monotonic_ns() - self._snapshot_mono >= self._snapshot_every_s * SECOND_NS:
                    await self.take_snapshot()
                self._store_refused = ""
            except BusError:
                continue  # without positions there is nothing to keep; the streams have it all
            except StoreError as error:
                # A full disk ends nothing: the twin goes on, says so, and tries again.
                self._store_refused = str(error)

    async def take_snapshot(self) -> Snapshot:
        """Keep the state with positions below which all of it was heard, and say so.

        What followed from the state is told before the file stands, so that a twin that dies here
        has either told it or will find it again in the streams.

        Raises
        ------
        BusError
            If the backbone is away.
        StoreError
            If the file cannot be written.
        """
        positions = await self._note_positions()
        self._emit(self.engine.settle())
        taken = snapshot.take(
            self.engine,
            positions=positions,
            at_ns=self._clock.now_ns(),
            event_sequence=self._event_sequence,
        )
        content = snapshot.encode(taken)
        await self._empty.wait()
        snapshot.write(content, self._folder / "twin.snapshot")
        self._snapshot_mono = self._clock.monotonic_ns()
        self.snapshots += 1
        said = SnapshotTaken(
            state_hash=taken.state_hash, registry_hash=taken.registry_hash, positions=positions
        )
        self._post_event(Effect(said, taken.at_ns, f"snapshot@{taken.at_ns}", ""))
        return taken

    async def keep_moment(self) -> None:
        """Keep a picture for the recorder once in a while of plant time."""
        now_ns = self._clock.now_ns()
        if self._last_moment and now_ns - self._last_moment < MOMENT_EVERY_NS:
            return
        positions = await self._note_positions()
        self._emit(self.engine.settle())
        taken = snapshot.take(
            self.engine,
            positions=positions,
            at_ns=now_ns,
            event_sequence=self._event_sequence,
            facts_from_ns=now_ns - MOMENT_FACTS_NS,
        )
        self._last_moment = now_ns
        folder = self._folder / "moments"
        snapshot.write(snapshot.encode(taken), folder / f"{now_ns:020d}.moment")
        for path in sorted(folder.glob("*.moment")):
            if int(path.stem) >= now_ns - MOMENTS_KEPT_NS:
                break
            path.unlink(missing_ok=True)

    # -- answering -----------------------------------------------------------------------------

    async def _answer(self, name: str, request: dict[str, Any]) -> Any:
        if not self.caught_up.is_set():
            raise BusError("the twin is still reading what it missed")
        now_ns = self._clock.now_ns()
        engine = self.engine
        if name == "snapshot":
            self._emit(engine.advance(now_ns))
            return self.framer.full(
                at_ns=now_ns,
                mono_ns=self._clock.monotonic_ns(),
                state_hash=snapshot.state_hash(engine),
            )
        if name == "unit":
            self._emit(engine.advance(now_ns))
            return frames.unit_document(engine, str(request.get("unit", "")))
        if name == "timeline":
            self._emit(engine.advance(now_ns))
            to_ns = int(request.get("to_ns") or now_ns)
            from_ns = int(request.get("from_ns") or to_ns - 3600 * SECOND_NS)
            return api.timeline(engine, str(request.get("unit", "")), from_ns, to_ns)
        if name == "alarms":
            self._emit(engine.advance(now_ns))
            return api.alarms(engine)
        if name == "hops":
            return self.hops.all()
        return api.hashed(engine, now_ns)

    async def _serve(self) -> None:
        for name in ("snapshot", "unit", "timeline", "alarms", "hops", "hash"):
            subject = topics.query(self._registry.enterprise, self._registry.site, COMPONENT, name)

            async def answer(message: Message, name: str = name) -> bytes:
                request = msgspec.msgpack.decode(message.payload) if message.payload else {}
                return msgspec.msgpack.encode(await self._answer(name, request))

            self._subscriptions.append(await self._bus.serve(subject, answer))

    # -- life ----------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; end with a snapshot, so that the next start has little to read."""
        self._bus.on_slow(self._fell_behind)
        self._bus.on_state(lambda connected: None if connected else self._fell_behind())
        for subject, handler in ((topics.SAMPLES, self.hear_sample), (topics.EVENTS, self.hear_event)):
            self._subscriptions.append(await self._bus.subscribe(subject, self._hear_live(handler)))
        await self._serve()
        tasks = [
            asyncio.ensure_future(work)
            for work in (
                self._send_outbox(),
                self._send_frames(),
                self._send_health(),
                self._keep_snapshots(),
                self._first_catch_up(),
            )
        ]
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await _until_first_fails(tasks, stopping)
            if self.caught_up.is_set() and self._bus.connected:
                async with self._clock.timeout(3.0):
                    await self.take_snapshot()
                    await self._empty.wait()
        except (BusError, StoreError, TimeoutError) as error:
            self.refused = f"no snapshot at the end: {error}"
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            for subscription in self._subscriptions:
                await subscription.close()

    async def _first_catch_up(self) -> None:
        while not self.caught_up.is_set():
            try:
                await self._recall()
                await self.catch_up()
            except BusError:
                await self._clock.wall_sleep(0.5)


async def _until_first_fails(tasks: Sequence[asyncio.Future[None]], stopping: asyncio.Future[Any]) -> None:
    """Wait for the stop; a task that ends with an error ends the service with that error."""
    running: set[asyncio.Future[Any]] = {*tasks, stopping}
    while not stopping.done():
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def load(registry: Registry, path: Path, *, speed: float) -> tuple[TwinEngine, Snapshot | str | None]:
    """Return the engine of a snapshot file, and the snapshot; or a fresh engine, and why (None: no file)."""
    try:
        found = snapshot.read(path)
        if found is None:
            return TwinEngine(registry, speed=speed), None
        engine = TwinEngine(registry, speed=speed, generation=found.generation + 1)
        snapshot.restore(engine, found)
        return engine, found
    except StoreError as error:
        return TwinEngine(registry, speed=speed), f"started from the streams: {error}"


def _stamp(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name)
    return int(text) if text and text.isdecimal() else 0
