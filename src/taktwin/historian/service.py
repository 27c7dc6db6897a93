"""Reads the streams, commits rows with their positions, answers questions, keeps house.

One task a stream reads in order from where the last commit ended; one commits every 0.25 s; one
seals, merges and ages out; one says how it is, once a wall second. When the disk is full the
readers wait, and everything goes on by itself once there is room: the streams keep what comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

import msgspec

from taktwin.bus.port import Bus, Message
from taktwin.bus.streams import sure_position
from taktwin.clock import Clock
from taktwin.contracts import state, topics
from taktwin.errors import BusError, StoreError, TaktwinError
from taktwin.historian.api import Api
from taktwin.historian.columns import Decoder, event_row, interval_row, placeholder, rejected_row
from taktwin.historian.engine import (
    DiskWatch,
    Policy,
    Room,
    commit_is_due,
    hours_to_merge,
    hours_to_seal,
    raw_ends_before,
)
from taktwin.historian.importer import import_files
from taktwin.history import door
from taktwin.history.hot import DuckHistory
from taktwin.history.requests import OWNER, REQUESTS, StatusAnswer, status_of
from taktwin.history.store import Appended, Batch, EventRow, IntervalRow, RejectedRow, Status
from taktwin.plant.registry import Registry
from taktwin.stopping import until

COMPONENT = "historian"
SAMPLES, EVENTS, INTERVALS, REJECTED = (
    topics.STREAM_SAMPLES,
    topics.STREAM_EVENTS,
    topics.STREAM_INTERVALS,
    topics.STREAM_REJECTED,
)
STREAMS = (SAMPLES, EVENTS, INTERVALS, REJECTED)
SERVER = "server"  # stands among the positions: the backbone that gave them
QUESTIONS_AT_ONCE = 2
HOUSEKEEPING_S = 2.0
RETRY_S = 1.0
DOOR_S = 0.2
MERGES_AT_ONCE = 4
log = logging.getLogger(__name__)


class HistorianService:
    """The historian of one site."""

    def __init__(
        self,
        *,
        bus: Bus,
        store: DuckHistory,
        registry: Registry,
        clock: Clock,
        policy: Policy,
        disk_free: Callable[[], int],
        memory_mb: Callable[[], float],
        pid: int,
    ) -> None:
        self._bus = bus
        self._store = store
        self._registry = registry
        self._clock = clock
        self._policy = policy
        self._disk_free = disk_free
        self._memory_mb = memory_mb
        self._pid = pid
        self._started_ns = clock.now_ns()
        self._decoder = Decoder(
            {topics.sample(e.place): e.id for e in registry.equipment.values() if e.signals}
        )
        self._events: list[EventRow] = []
        self._intervals: list[IntervalRow] = []
        self._rejected: list[RejectedRow] = []
        self._heard: dict[str, int] = {}
        self._waiting: Batch | None = None  # taken, but not yet committed
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._watch = DiskWatch(policy)
        self._reasons: dict[str, str] = {}  # what is wrong, by who found it: commit, room, tidy
        self._status: Status = store.status()
        self._questions = asyncio.Semaphore(QUESTIONS_AT_ONCE)
        self._committing = asyncio.Lock()
        self._counts: dict[str, float] = dict.fromkeys(
            ("events", "intervals", "rejected", "commits",
             "sealed_rows", "aged_out_rows", "questions"), 0
        )  # fmt: skip
        self._jobs: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._api = Api(store, registry, self._status_answer, now_ns=clock.now_ns)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop, then commit what is in hand."""
        for registry, ids in self._store.known_registries().items():
            self._decoder.learn(registry, ids)
        names = [signal.id for signal in self._registry.signals]
        self._decoder.learn(self._registry.prefix, self._store.learn(self._registry.prefix, names))
        served = [await self._bus.serve(self._subject(name), self._answerer(name)) for name in REQUESTS]
        work = [self._read(stream) for stream in STREAMS]
        work += [self._commit_for_ever(), self._keep_house(), self._beat(), self._mind_door(), self._import()]
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(until(stop, part))
        for subscription in served:
            await subscription.close()
        with contextlib.suppress(StoreError):  # what cannot be committed is still in the streams
            await self._commit()
        await self._say("stopping")

    def _subject(self, name: str) -> str:
        return topics.query(self._registry.enterprise, self._registry.site, OWNER, name)

    # Reading

    async def _read(self, stream: str) -> None:
        position = await self._start_of(stream)
        server, newest = self._server(), position
        async for messages in self._bus.read_stream(stream, from_sequence=position + 1):
            await self._room.wait()
            now_ns = self._clock.now_ns()
            if messages[0].sequence <= newest:
                server = self._server()  # another one, of which some is read again
            newest = messages[-1].sequence
            if stream == SAMPLES:
                self._decoder.hear(messages)
                self._heard[SERVER] = server
            else:
                self._hear(stream, messages, now_ns)
            self._heard[stream] = messages[-1].sequence
            if self._waiting_rows() >= self._policy.commit_rows:
                self._wake.set()
            self._gate()

    async def _start_of(self, stream: str) -> int:
        """Return the position after which to read: 0 if the stream is younger than our memory of it.

        If the server was restarted since, positions of the newest samples may mean others now.
        """
        stored = self._store.positions()
        while True:
            try:
                last = await self._bus.last_sequence(stream)
            except BusError:
                await self._clock.wall_sleep(RETRY_S)
                continue
            position = stored.get(stream, 0)
            if stored.get(SERVER) != self._server():
                position = sure_position(stream, position)
            return position if last >= position else 0

    def _server(self) -> int:
        """Return a number that stands for the running backbone, to be kept with the positions in it."""
        return int.from_bytes(hashlib.sha256(self._bus.server_id.encode()).digest()[:6])

    def _hear(self, stream: str, messages: Sequence[Message], now_ns: int) -> None:
        make = {EVENTS: event_row, INTERVALS: interval_row, REJECTED: rejected_row}[stream]
        for message in messages:
            match make(message, now_ns):
                case EventRow() as event:
                    self._events.append(event)
                case IntervalRow() as interval:
                    self._intervals.append(interval)
                case RejectedRow() as refused:
                    self._rejected.append(refused)

    def _waiting_rows(self) -> int:
        return self._decoder.rows + len(self._events) + len(self._intervals) + len(self._rejected)

    # Committing

    async def _commit_for_ever(self) -> None:
        while True:
            began_ns = self._clock.monotonic_ns()
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(self._policy.commit_s):
                    await self._wake.wait()
            self._wake.clear()
            waited_s = (self._clock.monotonic_ns() - began_ns) / 1e9
            if not commit_is_due(rows=self._waiting_rows(), waited_s=waited_s, policy=self._policy):
                continue
            try:
                await self._commit()
                self._went_well("commit")
            except StoreError as refused:
                self._went_wrong("commit", refused)
                await self._clock.wall_sleep(RETRY_S)
            self._gate()

    async def _commit(self) -> None:
        async with self._committing:
            if self._waiting is None:
                self._waiting = self._take()
            batch = self._waiting
            if batch is None:
                return
            if self._watch.full and self._judge_room() is Room.FULL:
                raise StoreError(f"no room by the declared policy: {self._room_report()}")
            done = await asyncio.to_thread(self._store.append, batch)
            self._waiting = None
            self._count(done)

    def _take(self) -> Batch | None:
        if self._decoder.empty and not (self._events or self._intervals or self._rejected):
            return None
        for registry, count in self._decoder.unexplained().items():
            names = [placeholder(registry, index) for index in range(count)]
            self._decoder.learn(registry, self._store.learn(registry, names))
        samples, refused = self._decoder.take(self._clock.now_ns())
        batch = Batch(
            samples=samples,
            events=self._events,
            intervals=self._intervals,
            rejected=self._rejected + refused,
            positions=dict(self._heard),
        )
        self._events, self._intervals, self._rejected = [], [], []
        return batch

    def _count(self, done: Appended) -> None:
        counts = self._counts
        counts["commits"] += 1
        counts["events"] += done.events
        counts["intervals"] += done.intervals
        counts["rejected"] += done.rejected

    def _gate(self) -> None:
        """Let the readers go on, or hold them: what they would bring is safe in the streams."""
        crowded = self._waiting_rows() >= self._policy.waiting_rows_max
        if crowded or self._watch.full or "commit" in self._reasons:
            self._room.clear()
        else:
            self._room.set()

    def _went_wrong(self, who: str, refused: StoreError | str) -> None:
        short = isinstance(refused, str) or self._disk_short()
        reason = f"{'disk_full' if short else 'store'}: {refused}"
        if who not in self._reasons:
            log.warning("history is degraded: %s", reason)
        self._reasons[who] = reason

    def _went_well(self, who: str) -> None:
        if self._reasons.pop(who, None) is not None:
            log.warning("history: %s works again", who)

    @property
    def _reason(self) -> str:
        return next(iter(self._reasons.values()), "")

    # Keeping house

    async def _keep_house(self) -> None:
        while True:
            try:
                await self._tidy()
                self._status = await asyncio.to_thread(self._store.status)
                await self._make_room()
                self._went_well("tidy")
            except StoreError as refused:
                self._went_wrong("tidy", refused)
            self._gate()
            await self._clock.wall_sleep(HOUSEKEEPING_S)

    async def _tidy(self) -> None:
        store, policy = self._store, self._policy
        hot = await asyncio.to_thread(store.hot_hours)
        for hour_ns in hours_to_seal(hot, now_ns=self._clock.now_ns(), policy=policy):
            self._counts["sealed_rows"] += await asyncio.to_thread(store.seal, hour_ns)
        sealed = await asyncio.to_thread(store.sealed_hours)
        due = hours_to_merge(sealed, hot, now_ns=self._clock.now_ns(), policy=policy)
        for hour_ns in due[:MERGES_AT_ONCE]:
            await asyncio.to_thread(store.merge, hour_ns)
        before_ns = raw_ends_before(now_ns=self._clock.now_ns(), policy=policy)
        if before_ns is not None:
            self._counts["aged_out_rows"] += await asyncio.to_thread(store.age_out, before_ns)

    async def _make_room(self) -> None:
        while (room := self._judge_room()) is Room.AGE_OUT:
            oldest = (await asyncio.to_thread(self._store.sealed_hours))[0]
            dropped = await asyncio.to_thread(self._store.age_out, oldest.hour_ns + 3_600_000_000_000)
            self._counts["aged_out_rows"] += dropped
            log.warning("disk is full: dropped %d raw rows of the oldest hour, kept its roll-ups", dropped)
            self._status = await asyncio.to_thread(self._store.status)
        if room is Room.FULL:
            self._went_wrong("room", self._room_report())
        else:
            self._went_well("room")

    def _judge_room(self) -> Room:
        return self._watch.judge(
            history_bytes=self._status.bytes,
            disk_free=self._disk_free(),
            sealed=self._store.sealed_hours() if self._policy.when_full == "age_out" else (),
        )

    def _disk_short(self) -> bool:
        return self._disk_free() < self._policy.disk_free_min or self._status.bytes > self._policy.bytes_max

    def _room_report(self) -> str:
        return (
            f"history has {self._status.bytes} of {self._policy.bytes_max} bytes, "
            f"the disk {self._disk_free()} free, {self._policy.disk_free_min} must stay free"
        )

    # Answering and telling

    def _answerer(self, name: str) -> Callable[[Message], Awaitable[bytes]]:
        async def answer(message: Message) -> bytes:
            self._counts["questions"] += 1
            async with self._questions:
                return await asyncio.to_thread(self._api.answer, name, message.payload)

        return answer

    async def _mind_door(self) -> None:
        """Answer tools on this machine that have no account on the bus."""
        while True:
            for number, ask in door.waiting(self._store.folder):
                if ask.name == "import":
                    self._jobs.put_nowait((number, ask.payload))
                else:
                    await asyncio.to_thread(self._answer_at_door, number, ask)
            await self._clock.wall_sleep(DOOR_S)

    def _answer_at_door(self, number: str, ask: door.Ask) -> None:
        try:
            door.put_answer(self._store.folder, number, self._api.answer(ask.name, ask.payload))
        except (TaktwinError, msgspec.MsgspecError, ValueError, KeyError) as fault:
            door.put_fault(self._store.folder, number, f"{type(fault).__name__}: {fault}")

    async def _import(self) -> None:
        """Import files one after the other, beside everything else."""
        while True:
            number, payload = await self._jobs.get()
            await asyncio.to_thread(self._run_import, number, payload)

    def _run_import(self, number: str, payload: bytes) -> None:
        store = self._store

        def tell(file: str, lines_read: int, share: float) -> None:
            door.put_progress(
                store.folder, number, door.Progress(file=file, lines_read=lines_read, share=share)
            )

        try:
            reports = import_files(
                msgspec.msgpack.decode(payload, type=door.ImportJob),
                store=store,
                types={signal.id: signal.type for signal in self._registry.signals},
                now_ns=self._clock.now_ns,
                progress=tell,
            )
            door.put_answer(store.folder, number, msgspec.json.encode(reports))
        except (TaktwinError, msgspec.MsgspecError, OSError, ValueError) as fault:
            door.put_fault(store.folder, number, str(fault))

    def _status_answer(self) -> StatusAnswer:
        return status_of(
            self._store.status(), policy=asdict(self._policy), disk_free=self._disk_free(),
            state=self._state(), reason=self._reason, folder=str(self._store.folder),
        )  # fmt: skip

    def _state(self) -> str:
        return "degraded" if self._reason else "running"

    async def _beat(self) -> None:
        while True:
            await self._say(self._state())
            await self._clock.wall_sleep(1.0)

    async def _say(self, word: str) -> None:
        health = state.Health(
            component=COMPONENT,
            state=word,
            reason=self._reason,
            started_ns=self._started_ns,
            at_ns=self._clock.now_ns(),
            pid=self._pid,
            memory_mb=self._memory_mb(),
            counters=self._counters(),
        )
        subject = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        with contextlib.suppress(BusError):  # the backbone is away: it is missed, and that says enough
            await self._bus.publish(subject, state.encode(health))

    def _counters(self) -> dict[str, float]:
        positions, counts = self._store.positions(), self._store.counts()
        return {
            **self._counts,
            # These four survive a restart: they are committed with the rows.
            "rows": counts.rows,
            "scans": counts.scans,
            "duplicates": counts.duplicate_scans,
            "duplicate_rows": counts.duplicate_rows,
            "stored_rows": self._status.rows,
            "bytes": self._status.bytes,
            "last_position": positions.get(SAMPLES, 0),
            "last_event_position": positions.get(EVENTS, 0),
            "last_interval_position": positions.get(INTERVALS, 0),
            "waiting": self._waiting_rows(),
            "disk_free": self._disk_free(),
        }
