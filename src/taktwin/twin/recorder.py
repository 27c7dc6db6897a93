"""The flight recorder: the plant as of any instant, played at any speed, through the twin's own engine.

A `Playback` is one replay: the nearest picture that the twin kept before the instant, then what
happened since, as history tells it. Only the source of events and the clock differ from live. The
`RecorderService` keeps one playback a session and sends its frames like the live ones.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from taktwin.bus.port import Bus, Message, Subscription
from taktwin.clock import Clock
from taktwin.contracts import state, topics
from taktwin.contracts.state import Frame, Health
from taktwin.errors import BusError, StoreError
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.twin import snapshot
from taktwin.twin.engine import TwinEngine
from taktwin.twin.frames import Framer
from taktwin.twin.past import HistoryPast, Past, PastValues, Stretch, Vouched

COMPONENT = "recorder"
FRAME_S = 0.1
IDLE_AFTER_S = 900.0  # a session that nobody asked anything for so long is closed; `keep` asks for nothing
MARGIN_NS = 60 * SECOND_NS  # read again before a picture: what was late when it was taken
WITHOUT_PICTURE_NS = 1800 * SECOND_NS
AHEAD_NS = 30 * SECOND_NS
AHEAD_WALL_S = 3.0


class Playback:
    """The plant at one instant of the past, and on from there."""

    def __init__(self, registry: Registry, past: Past, moments: Path, *, speed: float) -> None:
        self._registry = registry
        self._past = past
        self._moments = moments
        self._plant_speed = speed  # of the installation: it decides what counts as silent
        self.at_ns = 0
        self.engine = TwinEngine(registry, speed=speed)
        self.framer = Framer(self.engine)
        self._values: list[PastValues] = []
        self._next = 0
        self._vouched: list[Vouched] = []
        self._facts: list[Any] = []
        self._read_to_ns = 0

    async def seek(self, at_ns: int) -> None:
        """Stand at an instant.

        Raises
        ------
        BusError
            If history does not answer.
        """
        engine, from_ns = self._from_picture(at_ns)
        if engine is None:
            engine = TwinEngine(self._registry, speed=self._plant_speed)
            from_ns = at_ns - WITHOUT_PICTURE_NS
        # What stood then may have been heard later than the picture: a gateway that connects tells
        # standing values with their old stamps.
        for value in await self._past.standing(from_ns):
            engine.replay(value.unit, value.scan, value.ingest_ns)
        self.engine = engine
        self._values, self._next, self._vouched, self._facts = [], 0, [], []
        self._take(await self._past.read(from_ns, at_ns + 1))
        self._play_to(at_ns)
        sequence = self.framer.sequence
        self.framer = Framer(engine)
        self.framer.sequence = sequence

    def _from_picture(self, at_ns: int) -> tuple[TwinEngine | None, int]:
        """Return an engine filled from the newest picture at or before an instant, if there is one."""
        paths = sorted(self._moments.glob("*.moment"))
        place = bisect_right(paths, at_ns, key=lambda path: int(path.stem))
        for path in reversed(paths[max(place - 3, 0) : place]):
            if at_ns - int(path.stem) > WITHOUT_PICTURE_NS:
                break  # the twin was away: history is the shorter way
            engine = TwinEngine(self._registry, speed=self._plant_speed)
            try:
                found = snapshot.read(path)
                if found is None:
                    continue
                snapshot.restore(engine, found)
            except StoreError:
                continue  # another plant or another release: history tells the same
            return engine, found.at_ns - MARGIN_NS
        return None, 0

    def _take(self, stretch: Stretch) -> None:
        del self._values[: self._next]
        self._next = 0
        self._values.extend(stretch.values)
        self._vouched = [v for v in self._vouched if v.to_ns > self.at_ns] + stretch.vouched
        self._facts.extend(stretch.facts)
        self._read_to_ns = stretch.to_ns

    async def advance(self, to_ns: int, *, speed: float) -> None:
        """Play on to an instant, reading ahead of it. Raises BusError."""
        if to_ns >= self._read_to_ns:
            ahead_ns = to_ns + max(AHEAD_NS, int(AHEAD_WALL_S * speed * SECOND_NS))
            self._take(await self._past.read(self._read_to_ns, ahead_ns))
        self._play_to(to_ns)

    def _play_to(self, at_ns: int) -> None:
        engine, values = self.engine, self._values
        while self._next < len(values) and values[self._next].at_ns <= at_ns:
            value = values[self._next]
            engine.replay(value.unit, value.scan, value.ingest_ns)
            self._next += 1
        for span in self._vouched:
            if span.from_ns <= at_ns:
                engine.vouch_span(span.connector, span.unit, span.from_ns, min(span.to_ns, at_ns))
        later = []
        for event in self._facts:
            if event.time_ns <= at_ns:
                engine.apply_fact(event)
            else:
                later.append(event)
        self._facts = later
        self.at_ns = at_ns
        engine.advance(at_ns)

    async def step(self, *, forward: bool) -> bool:
        """Go to the next or previous event; return False if there is none. Raises BusError."""
        at_ns = await self._past.step(self.at_ns, forward=forward)
        if at_ns is None:
            return False
        await self.seek(at_ns)
        return True

    def picture(self, mono_ns: int) -> Frame:
        """Return the full picture of the instant."""
        return self.framer.full(
            at_ns=self.at_ns, mono_ns=mono_ns, state_hash=snapshot.state_hash(self.engine)
        )


@dataclass
class Session:
    """One replay that somebody watches."""

    name: str
    playback: Playback
    speed: float = 1.0
    asked_mono: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None


class RecorderService:
    """Answers `recorder.open {session, at_ns, speed}`, `.control {session, at_ns?, speed?, step?}`,
    `.keep {session}` and `.close {session}`; plays each session on its own subject.

    `open`, and `control` with `at_ns` or `step`, answer the full picture of the instant.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        registry: Registry,
        clock: Clock,
        moments: Path,
        memory_mb: Callable[[], float],
        pid: int,
        past: Past | None = None,
        idle_after_s: float = IDLE_AFTER_S,
    ) -> None:
        self._bus = bus
        self._registry = registry
        self._clock = clock
        self._moments = moments
        self._memory_mb = memory_mb
        self._pid = pid
        self._past: Past = past if past is not None else HistoryPast(bus, registry)
        self._idle_after_s = idle_after_s
        self._started_ns = clock.now_ns()
        self.sessions: dict[str, Session] = {}
        self._frames = 0

    async def _answer(self, name: str, request: dict[str, Any]) -> bytes:
        session_name = str(request.get("session", ""))
        if not session_name or session_name == "live":
            raise BusError(f"recorder.{name}: session = {session_name!r}: expected the id of a session")
        if name == "close":
            await self._close(session_name)
            return msgspec.msgpack.encode({})
        session = self.sessions.get(session_name)
        if name == "open":
            if session is not None:
                await self._close(session_name)
            session = self._open(session_name)
        if session is None:
            raise BusError(f"recorder.{name}: session {session_name!r} is not open")
        session.asked_mono = self._clock.monotonic_ns()
        async with session.lock:
            return await self._control(session, request)

    def _open(self, name: str) -> Session:
        playback = Playback(self._registry, self._past, self._moments, speed=self._clock.speed)
        session = Session(name, playback)
        self.sessions[name] = session
        session.task = asyncio.ensure_future(self._play(session))
        return session

    async def _control(self, session: Session, request: dict[str, Any]) -> bytes:
        playback = session.playback
        if request.get("speed") is not None:
            session.speed = max(float(request["speed"]), 0.0)
        moved = True
        if request.get("step"):
            moved = await playback.step(forward=int(request["step"]) > 0)
        elif request.get("at_ns") is not None:
            await playback.seek(min(int(request["at_ns"]), self._clock.now_ns()))
        elif playback.at_ns == 0:
            await playback.seek(self._clock.now_ns())
        else:
            moved = False
        if not moved:
            return msgspec.msgpack.encode({"at_ns": playback.at_ns, "speed": session.speed})
        return state.encode(playback.picture(self._clock.monotonic_ns()))

    async def _close(self, name: str) -> None:
        session = self.sessions.pop(name, None)
        if session is not None and session.task is not None:
            session.task.cancel()
            await asyncio.gather(session.task, return_exceptions=True)

    async def _play(self, session: Session) -> None:
        """Send the frames of a session at its pace, until it is closed or nobody cares any more."""
        subject = topics.frame(self._registry.enterprise, self._registry.site, session.name)
        last_mono = self._clock.monotonic_ns()
        quiet_mono = last_mono
        while True:
            await self._clock.wall_sleep(FRAME_S)
            mono = self._clock.monotonic_ns()
            passed_ns, last_mono = mono - last_mono, mono
            playback = session.playback
            async with session.lock:
                if playback.at_ns == 0:
                    continue
                if session.speed > 0:
                    to_ns = playback.at_ns + int(passed_ns * session.speed)
                    # The past ends where the present begins.
                    to_ns = min(to_ns, self._clock.now_ns() - int(SECOND_NS * self._clock.speed))
                    try:
                        if to_ns > playback.at_ns:
                            await playback.advance(to_ns, speed=session.speed)
                    except BusError:
                        continue  # history is away: the picture stands still until it is back
                frame = playback.framer.next(at_ns=playback.at_ns, mono_ns=mono)
                if frame is None and mono - quiet_mono >= SECOND_NS:
                    frame = playback.framer.heartbeat(at_ns=playback.at_ns, mono_ns=mono)
            if frame is None:
                continue
            quiet_mono = mono
            self._frames += 1
            try:
                await self._bus.publish(subject, state.encode(frame))
            except BusError:
                continue  # the live road keeps nothing

    async def _close_idle(self) -> None:
        health = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        while True:
            await self._clock.wall_sleep(1.0)
            before = self._clock.monotonic_ns() - int(self._idle_after_s * SECOND_NS)
            for session in [s for s in self.sessions.values() if s.asked_mono < before]:
                await self._close(session.name)
            try:
                await self._bus.publish(health, state.encode(self.health()))
            except BusError:
                continue

    def health(self) -> Health:
        """Return the heartbeat."""
        return Health(
            component=COMPONENT,
            state="running",
            started_ns=self._started_ns,
            at_ns=self._clock.now_ns(),
            pid=self._pid,
            memory_mb=self._memory_mb(),
            counters={"sessions": len(self.sessions), "frames": self._frames},
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`."""
        serving: list[Subscription] = []
        for name in ("open", "control", "keep", "close"):
            subject = topics.query(self._registry.enterprise, self._registry.site, COMPONENT, name)

            async def answer(message: Message, name: str = name) -> bytes:
                request = msgspec.msgpack.decode(message.payload) if message.payload else {}
                return await self._answer(name, request)

            serving.append(await self._bus.serve(subject, answer))
        idle = asyncio.ensure_future(self._close_idle())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            done, _ = await asyncio.wait({idle, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if idle in done:
                idle.result()
        finally:
            for task in (idle, stopping):
                task.cancel()
            await asyncio.gather(idle, stopping, return_exceptions=True)
            for session in list(self.sessions):
                await self._close(session)
            for subscription in serving:
                await subscription.close()
