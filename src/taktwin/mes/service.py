"""The MES talks: takes commands, answers questions, hears the machines, tells the backbone what happened.

Seven things go on at once: commands and questions by request and reply; collection, which reads the
samples in order from where its last booking ended; the relay, which says each fact of the journal in
order, for ever; the folder into which an ERP drops its orders; the tick, which finds what falls due; the
cells that wait for an answer; and the heartbeat. All writing goes through one desk, one transaction after
another.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from taktwin.bus.port import Bus, Message, Sending
from taktwin.bus.streams import sure_position
from taktwin.clock import Clock
from taktwin.contracts import commands, events, machine_commands, samples, state, topics
from taktwin.contracts.commands import Answer, BookLate, ImportOrders, ImportReport, SyncReport
from taktwin.contracts.machine_commands import MachineCommand
from taktwin.contracts.state import Health
from taktwin.contracts.vouching import silent_after_ns
from taktwin.errors import BusError, StoreError
from taktwin.identity import EquipmentId, Place
from taktwin.mes.accounts import demo as demo_accounts
from taktwin.mes.api import QUERIES, TRAILS
from taktwin.mes.assets import folder
from taktwin.mes.collection.actions import Heard
from taktwin.mes.collection.listening import heard_in, listened
from taktwin.mes.collection.tables import Position
from taktwin.mes.definitions.instructions import FolderFiles
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import Desk, content_of, event_of
from taktwin.mes.exchange.drop import DropFolder
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.machines.actions import envelope
from taktwin.mes.performance.ear import Ear
from taktwin.mes.resources.demo import wishes
from taktwin.mes.tracking import demo as demo_stock
from taktwin.mes.turns import Turns
from taktwin.plant.registry import Registry
from taktwin.stopping import until
from taktwin.storage import database, journal
from taktwin.storage.book import SqlBook
from taktwin.storage.database import Connection
from taktwin.storage.journal import Entry
from taktwin.storage.outbox import Outbox
from taktwin.storage.stores import SqlStore

COMPONENT = "mes"
COMMANDER = "commander"
AUDIT = "audit"  # {after} -> the next entries of the journal, as they are
AUDIT_BATCH = 2_000
IDENTIFY = "identify"  # what was shown by a browser or a program -> whose it is
RETRY_S = 0.5
POSITION_EVERY_S = 5.0
LOOK_EVERY_S = 2.0  # a file that stood unchanged for that long is whole
COMMAND_S = 15.0  # longer than a command may take
COMMAND_LOOK_S = 1.0
BEATS_MISSED = 5  # of the commander, one a second: what it can reach is not known then
TICK_S = 5.0  # how late an order that falls due by the clock may be
RECONSIDER_S = 0.2  # how late a cell is told no that waits for what is not known of its part
log = logging.getLogger(__name__)


class MesService:
    """The MES of one site."""

    def __init__(
        self,
        *,
        bus: Bus,
        registry: Registry,
        clock: Clock,
        connect: Callable[[], Connection],
        folder: Path,
        memory_mb: Callable[[], float],
        pid: int,
        demo: bool = False,
        setup_code: str = "",
    ) -> None:
        self._bus = bus
        self._registry = registry
        self._clock = clock
        self._connect = connect
        self._folder = folder
        self._memory_mb = memory_mb
        self._pid = pid
        self._demo = demo
        self._started_ns = clock.now_ns()
        self._definitions = compiled(registry, FolderFiles(folder / "files"))
        self._store = SqlStore(connect)
        gap_ns = silent_after_ns(clock.speed)
        self._desk = Desk(
            self._store, self._definitions, clock.now_ns, speed=clock.speed, setup_code=setup_code
        )
        self._turns = Turns(self._desk)
        self._shown: dict[str, int] = {}  # sessions and tokens, by fingerprint: when they were shown last
        self._importer = Importer(
            self._desk, self._store, self._definitions, sender=registry.site, time_zone=registry.time_zone
        )
        self._site = Place(registry.enterprise, registry.site)
        self._source = f"/{registry.enterprise}/{registry.site}/{COMPONENT}"
        self._given = asyncio.Event()
        self._beats_missed = 0  # of the commander
        self._commander_ns = clock.now_ns()  # when it was heard last
        self._under_way: dict[str, asyncio.Task[None]] = {}  # commands that the commander has, by id
        self._reasons: dict[str, str] = {}  # what is wrong, by who found it
        self._outbox = Outbox(
            connect=connect, store=self._store, clock=clock, folder=folder, say=self._tell,
            say_together=self._tell_together, reasons=self._reasons, in_database=self._in_database,
        )  # fmt: skip
        names = ("accepted", "refused", "booked", "questions", "malformed", "foreign", "commanded")
        self._counts = dict.fromkeys(names, 0)
        self._readers: list[Connection] = []  # connections for questions that nobody uses now
        self._ears = {
            topics.sample(registry.equipment[EquipmentId(unit)].place): Ear(machine, registry, gap_ns=gap_ns)
            for unit, machine in self._definitions.machines.items()
        }
        self._listened = listened(self._definitions)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; what was accepted is in the database by then."""
        names = (*QUERIES, *TRAILS, AUDIT)
        served = [await self._bus.serve(self._query(name), self._answerer(name)) for name in names]
        everything = topics.command(self._registry.enterprise, self._registry.site, COMPONENT, ">")
        served.append(await self._bus.serve(everything, self._take))
        alive = topics.health(self._registry.enterprise, self._registry.site, COMMANDER)
        served.append(await self._bus.subscribe(alive, self._hear_commander))
        async with asyncio.TaskGroup() as group:
            for part in (
                self._outbox.run(), self._collect(), self._watch_drop(), self._tick(), self._beat(),
                self._command(), self._watch_commander(), self._reconsider(),
            ):  # fmt: skip
                group.create_task(until(stop, part))
        for task in list(self._under_way.values()):
            task.cancel()  # what is open is asked for again by the next process, under the same id
        for subscription in served:
            await subscription.close()
        self._turns.close()
        self._store.close()
        for connection in self._readers:
            connection.close()
        await self._say("stopping")

    def _wrote(self) -> None:
        """Wake those who wait for what is in the journal: who tells it, and who tells machines."""
        self._outbox.wake()
        self._given.set()

    def _seed(self) -> None:
        """Bring in the folder's assets, a demo's people and stock, each once: each by one id."""
        people = wishes(self._registry.demo, self._clock.now_ns())
        seeds = [
            *((name, wish, "plant") for name, wish in folder.wishes(self._registry)),
            *((name, wish, "demo") for name, wish in people),
            *((name, wish, "demo") for name, wish in demo_accounts.wishes(self._registry.demo)),
            *((name, wish, "demo") for name, wish in demo_stock.wishes(self._registry.demo)),
        ]
        for name, wish, actor in seeds:
            command = commands.make(wish, command_id=name, actor=actor, actor_type="service")
            answer = self._desk.execute(command)
            if not answer.accepted:
                # A certificate that somebody has changed since the first start stays as they left it.
                log.warning("%s of the plant folder: %s, found %s", name, answer.place, answer.found)

    def _query(self, name: str) -> str:
        return topics.query(self._registry.enterprise, self._registry.site, COMPONENT, name)

    # Commands and questions

    async def _take(self, message: Message) -> bytes:
        try:
            command = commands.decode(message.payload)
        except msgspec.DecodeError as error:
            wrong = Answer(accepted=False, code="invalid", place="command", found=str(error),
                           right="the JSON of contracts.commands.Command")  # fmt: skip
            return commands.encode(wrong)
        if command.name == commands.IMPORT_ORDERS:
            return await self._import(command)
        if command.name == commands.SYNC:
            return await self._sync(command)
        try:
            answer = await self._turns.ask(command)
        except StoreError as error:
            self._reasons["database"] = str(error)
            answer = Answer(accepted=False, code="away", place="database", found=str(error),
                            right="send the same command again: it is done once")  # fmt: skip
        else:
            self._reasons.pop("database", None)
            self._counts["accepted" if answer.accepted else "refused"] += 1
            if answer.events:
                self._wrote()
        return commands.encode(answer)

    async def _sync(self, command: commands.Command) -> bytes:
        """Take what a terminal kept while nobody answered it."""
        try:
            brought = msgspec.json.decode(command.data, type=BookLate)
        except msgspec.DecodeError as error:
            wrong = SyncReport(code="invalid", place="data of terminal.sync", found=str(error),
                               right="terminal, first and bookings")  # fmt: skip
            return commands.encode(wrong)
        try:
            booked = await asyncio.to_thread(
                self._desk.book_late, command.actor, brought, actor_type=command.actor_type
            )
        except StoreError as error:
            self._reasons["database"] = str(error)
            report = SyncReport(code="away", place="database", found=str(error),
                                right="bring the same again: what was booked stays so")  # fmt: skip
        else:
            self._reasons.pop("database", None)
            report = SyncReport(bookings=booked)
        self._wrote()
        return commands.encode(report)

    async def _import(self, command: commands.Command) -> bytes:
        """Take a message with orders; each becomes a command of its own."""
        try:
            wish = msgspec.json.decode(command.data, type=ImportOrders)
        except msgspec.DecodeError as error:
            wrong = ImportReport(place="data of order.import", found=str(error), right="format and content")
            return commands.encode(wrong)
        try:
            report = await asyncio.to_thread(
                self._importer.take, wish.format, wish.content,
                actor=command.actor, actor_type=command.actor_type, at_ns=self._clock.now_ns(),
            )  # fmt: skip
        except StoreError as error:
            self._reasons["database"] = str(error)
            report = ImportReport(place="database", found=str(error), right="send the same message again")
        else:
            self._count(report)
        return commands.encode(report)

    def _count(self, report: ImportReport) -> None:
        for row in report.rows:
            self._counts["accepted" if row.accepted else "refused"] += 1
        self._wrote()

    async def _watch_drop(self) -> None:
        """Take up the files that an ERP drops."""
        folder = DropFolder(
            self._folder / "erp",
            lambda kind, content: self._importer.take(
                kind, content, actor="erp", actor_type="service", at_ns=self._clock.now_ns()
            ),
        )
        while True:
            try:
                if await self._in_database(folder.look):
                    self._wrote()
                self._reasons.pop("erp", None)
            except OSError as error:
                self._reasons["erp"] = f"the folder for orders: {error}"
            await self._clock.wall_sleep(LOOK_EVERY_S)

    def _answerer(self, name: str) -> Callable[[Message], Awaitable[bytes]]:
        async def answer(message: Message) -> bytes:
            wish = msgspec.msgpack.decode(message.payload, type=dict[str, Any]) if message.payload else {}
            self._counts["questions"] += 1
            try:
                return await asyncio.to_thread(self._ask, name, wish)
            except StoreError as error:
                self._reasons["database"] = str(error)
                return msgspec.msgpack.encode({"away": str(error)})

        return answer

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
                elif name in TRAILS:
                    book, trail = SqlBook(connection), journal.SqlTrail(connection)
                    found = TRAILS[name](book, trail, self._definitions, wish, self._clock.now_ns())
                else:
                    found = QUERIES[name](SqlBook(connection), self._definitions, wish, self._clock.now_ns())
                    if name == IDENTIFY and found:
                        self._shown[str(wish["fingerprint"])] = self._clock.now_ns()
        finally:
            if not connection.closed:  # a refused question leaves its connection as good as it was
                self._readers.append(connection)
        return msgspec.msgpack.encode(found)

    # Collection

    async def _collect(self) -> None:
        if self._demo:
            await self._in_database(self._seed)
        stream = topics.STREAM_SAMPLES
        position = await self._in_database(self._position, stream)
        if position is None:
            # A new MES begins with what is made from now on; what was made before is not its business.
            position = await self._bus.last_sequence(stream)
            await self._in_database(functools.partial(self._desk.hear, (), stream=stream, position=position))
        places = {self._registry.by_id[s].place for s in self._listened}  # type: ignore[index]
        subjects = sorted({*(topics.sample(place) for place in places), *self._ears})
        kept_mono_ns = self._clock.monotonic_ns()
        begin = sure_position(stream, position) + 1
        async for batch in self._bus.read_stream(stream, from_sequence=begin, subjects=subjects):
            heard = [one for message in batch for one in self._heard(message)]
            now = self._clock.monotonic_ns()
            late = now - kept_mono_ns >= POSITION_EVERY_S * 1e9
            if not heard and not late and not any(ear.must_tell for ear in self._ears.values()):
                continue
            told = [each for ear in self._ears.values() if (each := ear.told()) is not None]
            kept_mono_ns = now
            hear = functools.partial(
                self._desk.hear, heard, stream=stream, position=batch[-1].sequence, told=told
            )
            booked = await self._in_database(hear)
            self._counts["booked"] += booked
            if booked:
                self._wrote()

    def _heard(self, message: Message) -> list[Heard]:
        try:
            scan = samples.decode(message.payload)
        except (msgspec.DecodeError, ValueError):
            self._counts["malformed"] += 1  # the twin keeps it with its reason; here nothing is booked of it
            return []
        reason = f"collection from {scan.connector}"
        if scan.registry != self._registry.prefix:
            self._counts["foreign"] += 1
            self._reasons[reason] = (
                f"{scan.connector} speaks by plant model {scan.registry}, this is "
                f"{self._registry.prefix}: nothing of it is booked"
            )
            return []
        self._reasons.pop(reason, None)
        ear = self._ears.get(message.subject)
        if ear is not None:
            ear.hear(scan)
        return heard_in(scan, self._registry, self._listened)

    def _position(self, stream: str) -> int | None:
        with self._store.begin() as transaction:
            row = transaction.book.get(Position, stream)
        return None if row is None else row.sequence

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

    # Machines

    async def _command(self) -> None:
        """Send what machines are to be told, until the commander has said what came of it."""
        while True:
            self._given.clear()
            for row in await self._in_database(self._desk.open_commands):
                if row.command not in self._under_way:
                    task = asyncio.create_task(self._tell_machine(envelope(row)), name=row.command)
                    self._under_way[row.command] = task
                    task.add_done_callback(functools.partial(self._no_more_under_way, row.command))
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(COMMAND_LOOK_S):
                    await self._given.wait()

    def _no_more_under_way(self, command: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(command, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("command %s", command, exc_info=task.exception())

    async def _tell_machine(self, command: MachineCommand) -> None:
        """Ask the commander once; under the same id it may be asked again, and carries it once."""
        subject = topics.command(
            self._registry.enterprise, self._registry.site, COMMANDER, command.name
        )  # fmt: skip
        payload = machine_commands.encode(command)
        try:
            answer = await self._bus.request(subject, payload, timeout_s=COMMAND_S)
        except BusError as error:
            self._reasons["commander"] = f"the commander does not answer: {error}"
            await self._clock.wall_sleep(RETRY_S)
            return  # it is open, and found again
        self._reasons.pop("commander", None)
        result = msgspec.structs.replace(machine_commands.decode_result(answer), id=command.id)
        if await self._in_database(self._desk.told, result):
            self._counts["commanded"] += 1
            self._wrote()

    def _hear_commander(self, message: Message) -> None:
        self._beats_missed = 0
        self._commander_ns = self._clock.now_ns()
        self._reasons.pop("beats", None)

    async def _watch_commander(self) -> None:
        """Say that no machine is reachable once the commander misses so many beats."""
        while True:
            await self._clock.wall_sleep(1.0)
            # Counted and not measured: a process that stood still itself has missed one at most.
            self._beats_missed += 1
            if self._beats_missed < BEATS_MISSED:
                continue
            self._reasons["beats"] = "the commander is silent: no machine can be told anything"
            if await self._in_database(self._desk.unheard, self._commander_ns):
                self._wrote()

    # Time

    async def _tick(self) -> None:
        while True:
            if await self._in_database(self._desk.tick):
                self._wrote()
            if self._shown:
                shown, self._shown = self._shown, {}
                await self._in_database(self._desk.shown, shown)
            await self._clock.wall_sleep(TICK_S)

    async def _reconsider(self) -> None:
        """Answer the cells that wait, also where no machine says anything meanwhile."""
        while True:
            if self._desk.undecided and await self._in_database(self._desk.reconsider):
                self._wrote()
            await self._clock.wall_sleep(RECONSIDER_S)

    # Relay

    async def _tell(self, entry: Entry) -> None:
        sending = self._sending(entry)
        # The id makes a second saying harmless where the relay was killed between the two steps.
        await self._bus.publish_durable(sending.subject, sending.payload, message_id=sending.message_id)

    async def _tell_together(self, entries: Sequence[Entry]) -> None:
        await self._bus.publish_together([self._sending(entry) for entry in entries])

    def _sending(self, entry: Entry) -> Sending:
        event = event_of(entry, self._source)
        return Sending(self._subject(entry), events.encode(event), f"{self._source}:{event.id}")

    def _subject(self, entry: Entry) -> str:
        work_unit = EquipmentId(getattr(content_of(entry), "work_unit", ""))
        equipment = self._registry.equipment.get(work_unit)
        return topics.event(self._site if equipment is None else equipment.place, entry.event_type)

    # Heartbeat

    async def _beat(self) -> None:
        while True:
            await self._say("degraded" if self._reasons else "running")
            await self._clock.wall_sleep(1.0)

    async def _say(self, how: str) -> None:
        health = Health(
            component=COMPONENT, state=how, reason="; ".join(self._reasons.values()),
            started_ns=self._started_ns, at_ns=self._clock.now_ns(), pid=self._pid,
            memory_mb=self._memory_mb(),
            counters={
                **{name: float(value) for name, value in self._counts.items()},
                "relayed": float(self._outbox.said),
            },
        )  # fmt: skip
        subject = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        try:
            await self._bus.publish(subject, state.encode(health))
        except BusError:
            return  # the backbone is away; the next heartbeat is a second later
