"""The ledger talks: hears what is proposed, decided and done, answers questions, tells what came of it.

Five things go on at once: messages and questions by request and reply; the ear, which reads the MES's
events in order from where it last stopped; the outbox, which says each fact of the journal, for ever; the
tick, which lets expire what nobody decided on; and the heartbeat. It has no way to ask anybody for
anything but a signature: what a person accepted waits here until the portal comes for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from taktwin.bus.port import Bus, Message, Sending
from taktwin.bus.streams import sure_position
from taktwin.clock import Clock
from taktwin.contracts import events, state, topics
from taktwin.contracts import recommendation as contract
from taktwin.contracts.events import CloudEvent
from taktwin.contracts.recommendation import AUDIT, OWNER, TRAIL, Answer, Carry, Decide, Trail
from taktwin.contracts.state import Health
from taktwin.errors import BusError, StoreError
from taktwin.identity import EquipmentId, Place
from taktwin.instants import rfc3339
from taktwin.ledger import actions
from taktwin.ledger.api import QUERIES
from taktwin.ledger.carrying import MesFact
from taktwin.ledger.desk import Desk, content_of
from taktwin.ledger.engine import Told
from taktwin.ledger.trail import anchors_in, trail, unreadable
from taktwin.plant.registry import Registry
from taktwin.stopping import until
from taktwin.storage import database, journal
from taktwin.storage.book import SqlBook
from taktwin.storage.database import Connection
from taktwin.storage.journal import Entry
from taktwin.storage.outbox import Outbox
from taktwin.storage.stores import SqlStore

COMPONENT = OWNER
MES = "mes"
AUDIT_BATCH = 2_000
RETRY_S = 0.5
TICK_S = 2.0  # how late something that expires by the clock may be noted; nobody can decide on it before that
POSITION_EVERY_S = 5.0
ASK_S = 5.0
HEARD_S, HEARD_EVERY_S = 2.0, 0.02  # how long a person waits for the ear, and how often it is looked
DECIDED_ON_ALL = (Decide.message_name, Carry.message_name)  # what rests on all that the MES has said
log = logging.getLogger(__name__)


class LedgerService:
    """The ledger of one site."""

    def __init__(
        self, *, bus: Bus, registry: Registry, clock: Clock, connect: Callable[[], Connection], folder: Path,
        memory_mb: Callable[[], float], pid: int,
    ) -> None:  # fmt: skip
        self._bus = bus
        self._registry = registry
        self._clock = clock
        self._connect = connect
        self._memory_mb = memory_mb
        self._pid = pid
        self._folder = folder
        self._started_ns = clock.now_ns()
        self._store = SqlStore(connect)
        self._desk = Desk(self._store, clock.now_ns)
        self._site = Place(registry.enterprise, registry.site)
        self._source = f"/{registry.enterprise}/{registry.site}/{COMPONENT}"
        self._mes = f"/{registry.enterprise}/{registry.site}/{MES}"
        self._reasons: dict[str, str] = {}  # what is wrong, by who found it
        self._outbox = Outbox(
            connect=connect, store=self._store, clock=clock, folder=folder, say=self._tell,
            say_together=self._tell_together, reasons=self._reasons, in_database=self._in_database,
        )  # fmt: skip
        self._heard_to = -1  # position in the stream up to which all was heard; -1: not begun yet
        self._readers: list[Connection] = []  # connections for questions that nobody uses now
        self._counts = dict.fromkeys(("accepted", "refused", "heard", "questions", "malformed"), 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; what was accepted is in the database by then."""
        served = [
            await self._bus.serve(self._query(name), functools.partial(self._answer, name))
            for name in (*QUERIES, AUDIT, TRAIL)
        ]
        everything = topics.command(self._registry.enterprise, self._registry.site, COMPONENT, ">")
        served.append(await self._bus.serve(everything, self._take))
        async with asyncio.TaskGroup() as group:
            for part in (self._outbox.run(), self._listen(), self._tick(), self._beat()):
                group.create_task(until(stop, part))
        for subscription in served:
            await subscription.close()
        self._store.close()
        for connection in self._readers:
            connection.close()

    def _query(self, name: str, owner: str = COMPONENT) -> str:
        return topics.query(self._registry.enterprise, self._registry.site, owner, name)

    # Messages and questions

    async def _take(self, message: Message) -> bytes:
        try:
            said = contract.decode(message.payload)
        except msgspec.DecodeError as error:
            wrong = Answer(accepted=False, code="invalid", place="message", found=str(error),
                           right="the JSON of contracts.recommendation.Message")  # fmt: skip
            return contract.encode(wrong)
        try:
            signer = await self._signer(said)
            if said.name in DECIDED_ON_ALL:  # the last thing before it is decided
                await self._heard_all()
            answer = await asyncio.to_thread(self._desk.execute, said, signer=signer)
        except StoreError as error:
            self._reasons["database"] = str(error)
            return _away("database", error)
        except BusError as error:
            return _away("the MES", error)
        self._reasons.pop("database", None)
        self._counts["accepted" if answer.accepted else "refused"] += 1
        self._outbox.wake()
        return contract.encode(answer)

    async def _heard_all(self) -> None:
        """Wait until everything that the MES has said by now is heard: it may make a yes void.

        Raises
        ------
        BusError
            If that takes longer than a person waits, such as while a ledger that was away catches up.
        """
        last = await self._bus.last_sequence(topics.STREAM_EVENTS)
        until_ns = self._clock.monotonic_ns() + round(HEARD_S * 1e9)
        while self._heard_to != last:
            # It may have gone on meanwhile; one that is shorter than what was heard is another stream.
            if (
                self._heard_to > last
                and await self._bus.last_sequence(topics.STREAM_EVENTS) >= self._heard_to
            ):
                return
            if self._clock.monotonic_ns() > until_ns:
                raise BusError(f"its events are heard up to {max(self._heard_to, 0)} of {last}")
            await self._clock.wall_sleep(HEARD_EVERY_S)

    async def _signer(self, said: contract.Message) -> str:
        """Return whose signature an acceptance names, by what the MES says of it; "" if nobody's."""
        if said.name != Decide.message_name:
            return ""
        try:
            wish = msgspec.json.decode(said.data, type=Decide)
        except msgspec.DecodeError:
            return ""  # the desk says what is wrong with it
        if not (wish.accept and wish.signature):
            return ""
        document = await asyncio.to_thread(self._desk.document, wish.recommendation)
        if document is None:
            return ""
        question = {"kind": "recommendation", "record": wish.recommendation}
        found = await self._bus.request(
            self._query("signatures", MES), msgspec.msgpack.encode(question), timeout_s=ASK_S
        )
        try:
            signatures = msgspec.msgpack.decode(found, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise BusError(f"the MES answered something else: {error}") from error
        if "away" in signatures:
            raise BusError(f"the MES's database: {signatures['away']}")
        return actions.signer_of(signatures["signatures"], document, wish.signature)

    async def _answer(self, name: str, message: Message) -> bytes:
        wish = msgspec.msgpack.decode(message.payload, type=dict[str, Any]) if message.payload else {}
        self._counts["questions"] += 1
        try:
            return await asyncio.to_thread(self._ask, name, wish)
        except StoreError as error:
            self._reasons["database"] = str(error)
            return msgspec.msgpack.encode({"away": str(error)})

    def _ask(self, name: str, wish: dict[str, Any]) -> bytes:
        try:
            connection = self._readers.pop()
        except IndexError:  # all are in use: questions come side by side
            connection = self._connect()
        try:
            with database.transaction(connection):
                # One consistent picture for all rows of an answer, and never a write.
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                found: Any
                if name == AUDIT:
                    found = journal.after(connection, int(wish["after"]), limit=AUDIT_BATCH)
                elif name == TRAIL:
                    found = self._trail(connection, str(wish.get("recommendation", "")))
                else:
                    found = QUERIES[name](SqlBook(connection), wish, self._clock.now_ns())
        finally:
            if not connection.closed:
                self._readers.append(connection)
        return msgspec.msgpack.encode(found)

    def _trail(self, connection: Connection, recommendation: str) -> Trail:
        try:
            anchors = list(anchors_in(self._folder))
        except msgspec.DecodeError as wrong:
            return unreadable(wrong)
        return trail(journal.everything(connection), anchors, recommendation)

    # What the MES says

    async def _listen(self) -> None:
        stream = topics.STREAM_EVENTS
        position = await self._in_database(self._desk.position, stream)
        last = await self._last(stream)
        if position is None or position > last:
            # A new ledger begins with what happens from now on; a new stream is heard from its beginning.
            position = last if position is None else 0
            await self._in_database(functools.partial(self._desk.hear, (), stream=stream, position=position))
        self._heard_to = position
        kept_mono_ns = self._clock.monotonic_ns()
        begin = sure_position(stream, position) + 1
        async for batch in self._bus.read_stream(stream, from_sequence=begin):
            heard = [each for message in batch if (each := self._heard(message)) is not None]
            now = self._clock.monotonic_ns()
            if not heard and now - kept_mono_ns < POSITION_EVERY_S * 1e9:
                self._heard_to = batch[-1].sequence
                continue
            kept_mono_ns = now
            hear = functools.partial(self._desk.hear, heard, stream=stream, position=batch[-1].sequence)
            self._counts["heard"] += len(heard)
            facts = await self._in_database(hear)
            self._heard_to = batch[-1].sequence
            if facts:
                self._outbox.wake()

    async def _last(self, stream: str) -> int:
        while True:
            try:
                return await self._bus.last_sequence(stream)
            except BusError as away:
                self._reasons["events"] = str(away)
                await self._clock.wall_sleep(RETRY_S)

    def _heard(self, message: Message) -> tuple[int, Told] | None:
        """Return a fact of the MES that may have to do with a recommendation."""
        try:
            event = events.decode(message.payload)
            if event.source != self._mes:
                return None
            data = msgspec.json.decode(event.data, type=dict[str, Any])
            fact = MesFact(event.name, event.subject, event.time_ns, event.correlationid, data)
        except (msgspec.DecodeError, ValueError):
            self._counts["malformed"] += 1  # whoever keeps events keeps it with its reason
            return None
        if not actions.matters(fact):
            return None
        return message.sequence, Told(fact, f"{event.source}:{event.id}")

    # Time

    async def _tick(self) -> None:
        while True:
            try:
                await self._heard_all()
            except BusError as behind:
                self._reasons["events"], hears = str(behind), False
            else:
                self._reasons.pop("events", None)
                hears = True
            if await self._in_database(functools.partial(self._desk.tick, hears=hears)):
                self._outbox.wake()
            await self._clock.wall_sleep(TICK_S)

    async def _in_database(self, work: Callable[..., Any], *words: Any) -> Any:
        """Do something in the database, again and again while it is away."""
        while True:
            try:
                done = await asyncio.to_thread(work, *words)
            except StoreError as error:
                if "database" not in self._reasons:
                    log.warning("the database is away: %s", error)
                self._reasons["database"] = str(error)
                await self._clock.wall_sleep(RETRY_S)
            else:
                if self._reasons.pop("database", None):
                    log.warning("the database is back")
                return done

    # Outbox

    async def _tell(self, entry: Entry) -> None:
        sending = self._sending(entry)
        await self._bus.publish_durable(sending.subject, sending.payload, message_id=sending.message_id)

    async def _tell_together(self, entries: Sequence[Entry]) -> None:
        await self._bus.publish_together([self._sending(entry) for entry in entries])

    def _sending(self, entry: Entry) -> Sending:
        event = self._event(entry)
        work_unit = EquipmentId(getattr(content_of(entry), "work_unit", ""))
        equipment = self._registry.equipment.get(work_unit)
        place = self._site if equipment is None else equipment.place
        return Sending(
            topics.event(place, entry.event_type), events.encode(event), f"{self._source}:{event.id}"
        )

    def _event(self, entry: Entry) -> CloudEvent:
        event = events.make(
            content_of(entry), source=self._source, sequence=entry.sequence, time_ns=entry.time_ns,
            subject=entry.subject, authid=entry.actor,
        )  # fmt: skip
        return msgspec.structs.replace(
            event, recordedtime=rfc3339(entry.recorded_ns), correlationid=entry.correlation
        )

    # Heartbeat

    async def _beat(self) -> None:
        subject = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        while True:
            health = Health(
                component=COMPONENT, state="degraded" if self._reasons else "running",
                reason="; ".join(self._reasons.values()), started_ns=self._started_ns,
                at_ns=self._clock.now_ns(), pid=self._pid, memory_mb=self._memory_mb(),
                counters={
                    **{name: float(value) for name, value in self._counts.items()},
                    "relayed": float(self._outbox.said),
                },
            )  # fmt: skip
            with contextlib.suppress(BusError):  # the backbone is away; the next one is a second later
                await self._bus.publish(subject, state.encode(health))
            await self._clock.wall_sleep(1.0)


def _away(place: str, error: Exception) -> bytes:
    right = "send the same message again: it is done once"
    return contract.encode(Answer(accepted=False, code="away", place=place, found=str(error), right=right))
