"""The MES over a real PostgreSQL: rights, tampering, a killed database, facts on the backbone in order."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.bus.port import Sending
from taktwin.cli.main import run
from taktwin.clock import SystemClock
from taktwin.contracts import commands, events, topics
from taktwin.contracts.commands import Answer, BookLate, CommandData, LateBooking
from taktwin.errors import BusError, StoreError
from taktwin.mes import MIGRATIONS
from taktwin.mes.api import TRAILS
from taktwin.mes.checklists.tables import Photo
from taktwin.mes.collection.actions import Heard
from taktwin.mes.collection.tables import KeptBooking, SetAside
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.definitions.tables import Master
from taktwin.mes.desk import Desk, rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance.tables import MaintenanceOrder, Number, PlanState, Spare, SpareUse
from taktwin.mes.performance.tables import ShiftNote
from taktwin.mes.quality.tables import Inspection, Nonconformance, Result
from taktwin.mes.records.changes import Change
from taktwin.mes.records.tables import Signature
from taktwin.mes.resources.tables import Attempts, Certificate, Credential, Stay
from taktwin.mes.scheduling.tables import Schedule
from taktwin.mes.service import MesService
from taktwin.mes.tooling.tables import Gauge, Mounting, Tool, ToolPlace
from taktwin.mes.tracking.tables import Consumption, LoadedLot, Lot, Passage, Unit
from taktwin.plant import open_plant
from taktwin.plant.schema import MaintenancePlan
from taktwin.processes.database import Database
from taktwin.processes.supervisor import Supervisor
from taktwin.settings import Installation
from taktwin.storage import database, journal
from taktwin.storage.book import SqlBook
from taktwin.storage.database import Connection, Migration
from taktwin.storage.stores import SqlStore
from tests.unit.mes.test_checklists import jpeg

PLANT = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"
REGISTRY = open_plant(PLANT)
DEFINITIONS = compiled(REGISTRY)
CLOCK = SystemClock()
PIN = "826409173350"  # as long as may be: no hash and no instant holds it by chance
KINDS = (JobOrder, Lot, LoadedLot, Unit, Passage, Consumption, Result, Nonconformance, Inspection, Schedule,
         Master)  # fmt: skip


class Server:
    """One PostgreSQL for the tests of this file."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(Installation(data_dir=str(folder), plant_dir=str(PLANT)))

    def connect(self) -> Connection:
        """Return a connection in the role of the MES."""
        return database.connect(self.database.url("mes"), password=self.database.passwords["mes"])

    def desk(self) -> Desk:
        """Return a desk over the database."""
        return Desk(SqlStore(self.connect), DEFINITIONS, CLOCK.now_ns)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("database")


@pytest.fixture
async def server(folder: Path) -> AsyncIterator[Server]:
    """The server on a folder that the tests share: its first start makes the files, later ones are quick."""
    one = Server(folder)
    await one.database.start()
    with one.database.connect() as root:
        root.execute("DROP SCHEMA mes CASCADE")
        database.migrate(root, schema="mes", role="mes", migrations=MIGRATIONS)
    yield one
    await one.database.stop()


def ask(desk: Desk, wish: CommandData, name: str) -> Answer:
    return desk.execute(commands.make(wish, command_id=name, actor="P01", reason="a test"))


def produce(desk: Desk, request: str = "7", parts: int = 3) -> None:
    """Let one order run at a cell, with a lot, a hold, and values of which every other one is bad."""
    now = CLOCK.now_ns()
    wishes: list[CommandData] = [
        commands.DropOrder(request=request, product="EA-100", quantity=parts, due_ns=now),
        commands.ReceiveLot(lot=f"AD-{request}", product="AD-3", quantity=20.0, location="goods_in"),
        commands.MoveLot(lot=f"AD-{request}", target="rack2"),
        commands.CountStock(lot=f"AD-{request}", location="rack2", quantity=19.0, cause="short", version=1),
        commands.LoadLot(lot=f"AD-{request}", work_unit="adhesive2", quantity=15.0),
        commands.RegisterAsset(asset=f"PR-{request}", name="Servo press", kind="servo_press"),
        commands.MountAsset(asset=f"PR-{request}", role="press2/press_unit"),
        commands.DismountAsset(asset=f"PR-{request}", cause="noise", location="spare_room"),
        commands.MountTool(tool=f"T-press_nest-{request}", work_unit="press2"),
        commands.InspectTool(tool=f"T-press_nest-{request}", passed=False, found="pin bent"),
        commands.DispatchJob(job=f"{request}-20", work_unit="adhesive2", version=1),
        commands.BeginJob(job=f"{request}-20"),
        commands.Hold(kind="lot", id=f"AD-{request}", cause="looked grey"),
        commands.ReceiveDefinition(
            product="EA-200",
            definition=request,
            operations=[
                commands.DefinedOperation(name="Pack", equipment_class="packer", standard_time_s=7.5)
            ],
        ),
        commands.ApproveDefinition(product="EA-200", definition=request, version=1),
    ]
    for number, wish in enumerate(wishes):
        answer = ask(desk, wish, f"{request}/{number}")
        assert answer.accepted, answer
    for part in range(parts + 1):
        at = CLOCK.now_ns()
        heard = [
            Heard("adhesive2/serial", f"A-{request}-{part}", at - 10),
            Heard("adhesive2/bead_width", 2.4 + part % 2, at - 5),
            Heard("adhesive2/good_count", 100 + part, at),
        ]
        desk.hear(heard, stream="SAMPLES", position=part + 1)


async def test_the_tables_hold_what_the_journal_alone_makes(server: Server) -> None:
    desk = server.desk()
    produce(desk)
    now = CLOCK.now_ns()
    place = commands.PlannedJob(job="7-10", work_unit="load2", begin_ns=now, end_ns=now + 1)
    assert ask(desk, commands.PublishSchedule(version=0, jobs=[place], cause="a test"), "plan").accepted
    with server.connect() as connection:
        entries = list(journal.everything(connection))
        book, alone = SqlBook(connection), rebuilt(entries)
        assert journal.verify(entries).broken is None
        for kind in KINDS:
            assert book.where(kind) == alone.where(kind) != []
            assert book.page(kind, 2) == alone.page(kind, 2) and book.count(kind) == alone.count(kind)
        first = alone.page(Consumption, 1)[0].consumption
        assert book.page(Consumption, 9, first, lot="AD-7") == alone.page(Consumption, 9, first, lot="AD-7")
        for lots in ([], ["AD-7"], ["AD-7", "", "none"]):
            assert book.among(Consumption, "lot", lots) == alone.among(Consumption, "lot", lots)
        assert book.count(Consumption, "unit", lot="AD-7") == alone.count(Consumption, "unit", lot="AD-7") > 1


async def test_what_a_terminal_kept_is_booked_once_and_in_the_tables_as_the_journal_makes_it(
    server: Server,
) -> None:
    desk = server.desk()
    produce(desk)
    at_ns = CLOCK.now_ns()
    note = commands.RequestMaintenance(work_unit="adhesive2", about="noise")
    photo = commands.AttachPhoto(kind="unit", record="A-7-1", content=jpeg())
    gone = commands.ReportScrap(job="none", cause="x")
    bookings = [
        LateBooking(id=f"late-{n:04d}", sequence=n, name=wish.command_name, at_ns=at_ns,
                    data=msgspec.Raw(msgspec.json.encode(wish)))
        for n, wish in enumerate((note, photo, gone), start=1)
    ]  # fmt: skip
    pieces = [bookings[2:], bookings[:1], bookings[1:]]
    # Two tabs at once, each twice, the last piece first.
    await asyncio.gather(*(
        asyncio.to_thread(desk.book_late, "P01", BookLate(terminal="T-1", first=1, bookings=piece))
        for piece in (*pieces, *pieces)
    ))  # fmt: skip
    became = desk.book_late("P01", BookLate(terminal="T-1", first=1, bookings=bookings))
    assert [each.state for each in became] == ["booked", "booked", "look"], became
    with server.connect() as connection:
        book, alone = SqlBook(connection), rebuilt(journal.everything(connection))
        for kind in (Photo, SetAside, MaintenanceOrder):
            assert book.where(kind) == alone.where(kind) != []
        assert len(book.where(Photo)) == len(book.where(MaintenanceOrder)) == 1
        assert book.where(KeptBooking) == []


async def test_people_are_rows_too_and_guesses_side_by_side_are_each_counted(server: Server) -> None:
    store = SqlStore(server.connect)
    desk = Desk(store, DEFINITIONS, CLOCK.now_ns)
    until_ns = CLOCK.now_ns() + 10**15
    wishes: list[CommandData] = [
        commands.SetCredentials(person="P07", pin=PIN, badge="BADGE-TEST-P07-1"),
        commands.GrantCertificate(person="P07", skill="tester", valid_until_ns=until_ns),
        commands.LogOn(badge="BADGE-TEST-P07-1", work_unit="eol1"),
        commands.WriteNote(person="P07", work_unit="eol1", text="cold"),
        commands.Sign(person="P07", pin=PIN, kind="note", record="people/3", meaning="reviewed"),
        commands.LogOn(person="P07", pin=PIN, work_unit="eol2"),
    ]
    for number, wish in enumerate(wishes):
        answer = ask(desk, wish, f"people/{number}")
        assert answer.accepted, answer
    guess = commands.LogOn(person="P07", pin="0000", work_unit="eol1")
    answers = await asyncio.gather(*(asyncio.to_thread(ask, desk, guess, f"guess/{n}") for n in range(9)))
    found = sorted(answer.found for answer in answers)
    assert sum(each.startswith("wrong") for each in found) == 5, found
    assert sum(each.startswith("locked") for each in found) == 4, found
    with server.connect() as connection:
        book, entries = SqlBook(connection), list(journal.everything(connection))
        alone = rebuilt(entries)
        for kind in (Certificate, Stay, ShiftNote, Signature, Attempts):
            assert book.where(kind) == alone.where(kind) != []
        assert book.where(Credential) and not alone.where(Credential)
        for table in ("journal", "answers", "certificates", "stays", "attempts", "signatures"):
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert rows and not [row for row in rows if PIN in row[0] or "BADGE-TEST" in row[0]]
    store.close()


async def test_tools_and_maintenance_are_in_the_tables_as_the_journal_makes_them(server: Server) -> None:
    plans = {"look": MaintenancePlan(name="Look", equipment=["hob1"], every_parts=3)}
    definitions = replace(DEFINITIONS, maintenance_plans=plans)
    desk = Desk(SqlStore(server.connect), definitions, CLOCK.now_ns)
    assert desk.tick() == 1
    wishes: list[CommandData] = [
        commands.MountTool(tool="T-hob-1", work_unit="hob1"),
        commands.RequestMaintenance(work_unit="hob1", kind="tool_change", tool_kind="hob"),
        commands.RequestMaintenance(work_unit="hob1", about="noise"),
        commands.CountSpare(spare="GR-2", quantity=5),
        commands.CalibrateGauge(gauge="C1", kind="caliper"),
        commands.UseGauge(gauge="C1"),
        commands.StartMaintenance(order="M2"),
        commands.CompleteMaintenance(order="M2", done="greased", spare_parts={"GR-2": 2}),
    ]
    for number, wish in enumerate(wishes):
        answer = ask(desk, wish, f"m{number}")
        assert answer.accepted, answer
    for part in range(5):
        desk.hear([Heard("hob1/good_count", 100 + part, CLOCK.now_ns())], stream="SAMPLES", position=part + 1)
    assert ask(desk, commands.ChangeTool(order="M1"), "c1").accepted
    with server.connect() as connection:
        book, alone = SqlBook(connection), rebuilt(journal.everything(connection))
        kinds = (MaintenanceOrder, PlanState, Number, Spare, SpareUse, Tool, ToolPlace, Mounting, Gauge)
        for kind in kinds:
            assert book.where(kind) == alone.where(kind) != []
        assert {row.tool: row.parts for row in book.where(Tool)} == {"T-hob-1": 4, "T-hob-M1": 0}
        assert [row.plan for row in book.where(MaintenanceOrder)] == ["", "", "look"]


async def test_two_desks_that_see_the_same_hour_pass_open_one_order(server: Server) -> None:
    units = [f"{name}{n}" for name in ("press", "leak", "vision") for n in (2, 3)]
    plans = {"look": MaintenancePlan(name="Look", equipment=units, every_h=1.0)}
    definitions = replace(DEFINITIONS, maintenance_plans=plans)
    assert Desk(SqlStore(server.connect), definitions, CLOCK.now_ns).tick() == len(units)
    later_ns = CLOCK.now_ns() + 2 * 3_600_000_000_000
    start, failed = threading.Barrier(4), list[BaseException]()

    def tick() -> None:
        desk = Desk(SqlStore(server.connect), definitions, lambda: later_ns)
        start.wait(10)
        try:
            desk.tick()
        except (StoreError, AssertionError) as error:
            failed.append(error)

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with server.connect() as connection:
        entries = [e for e in journal.everything(connection) if e.event_type == "maintenance.order.opened"]
        assert len(entries) == len(units) and not failed


async def test_of_two_desks_that_begin_on_one_machine_at_once_one_is_refused(server: Server) -> None:
    desk = server.desk()

    def placed(request: str) -> str:
        drop = commands.DropOrder(request=request, product="EA-100", quantity=9, due_ns=CLOCK.now_ns())
        assert ask(desk, drop, f"drop {request}").accepted
        job = f"{request}-20"
        place = commands.DispatchJob(job=job, work_unit="adhesive2", version=1)
        assert ask(desk, place, f"place {request}").accepted
        return job

    def begin(job: str, start: threading.Barrier, answers: dict[str, Answer]) -> None:
        own = server.desk()
        start.wait(10)
        answers[job] = ask(own, commands.BeginJob(job=job), f"begin {job}")

    for turn in range(6):
        start, answers = threading.Barrier(2), dict[str, Answer]()
        threads = [
            threading.Thread(target=begin, args=(placed(f"{name}{turn}"), start, answers)) for name in "ab"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        begun = [job for job, answer in answers.items() if answer.accepted]
        assert len(answers) == 2 and len(begun) == 1, answers
        assert ask(desk, commands.ControlJob(job=begun[0], method="Stop"), f"stop {turn}").accepted


async def test_both_kinds_of_book_say_the_newest_rows_alike(server: Server) -> None:
    produce(server.desk())
    with server.connect() as connection:
        book, alone = SqlBook(connection), rebuilt(journal.everything(connection))
        for limit in (1, 2, 100):
            same = {"characteristic": "bead_width"}
            found = book.newest(Result, "at_ns", limit, **same)
            assert found == alone.newest(Result, "at_ns", limit, **same)
            assert [row.at_ns for row in found] == sorted((row.at_ns for row in found), reverse=True) != []
        assert book.newest(Unit, "product", 100) == alone.newest(
            Unit, "product", 100
        )  # all are equal: by key
        assert [row.number for row in book.newest(Nonconformance, "number", 1)] == [2]


async def test_the_role_of_the_mes_changes_no_entry_and_no_table(server: Server) -> None:
    produce(server.desk())
    for statement in (
        "UPDATE journal SET actor = 'nobody'", "DELETE FROM journal", "TRUNCATE journal",
        "DROP TRIGGER journal_rows ON journal", "ALTER TABLE journal DISABLE TRIGGER ALL",
        "CREATE TABLE mine (a int)", "UPDATE schema_steps SET sha256 = ''",
    ):  # fmt: skip
        with server.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


async def test_what_the_superuser_changes_is_found_and_named(server: Server) -> None:
    produce(server.desk())
    with server.connect() as connection:
        head = journal.verify(journal.everything(connection))
    anchors = {head.entries: head.last_hash}
    for statement, where in (
        ("UPDATE journal SET actor = 'P99' WHERE sequence = 4", 4),
        ("UPDATE journal SET content = replace(content, 'EA-100', 'EA-200') WHERE sequence = 1", 1),
        ("DELETE FROM journal WHERE sequence = 6", 6),
        (f"DELETE FROM journal WHERE sequence > {head.entries - 2}", head.entries),
        ("UPDATE journal SET recorded_ns = recorded_ns - 86400000000000 WHERE sequence = 3", 3),
    ):
        with server.database.connect() as root:
            root.execute("SET search_path TO mes")
            with pytest.raises(psycopg.errors.RaiseException):  # the trigger stops an honest mistake
                root.execute(statement.encode())
            root.execute("BEGIN")
            root.execute("ALTER TABLE journal DISABLE TRIGGER ALL")
            root.execute(statement.encode())
            verdict = journal.verify(journal.everything(root), anchors)
            root.execute("ROLLBACK")
        assert verdict.broken is not None and verdict.broken.sequence == where
    with server.connect() as connection:
        assert journal.verify(journal.everything(connection), anchors).broken is None
        entry = next(iter(journal.everything(connection)))
    for name in entry.__struct_fields__[1:]:  # each column counts, also those that no statement above touches
        value = getattr(entry, name)
        changed = msgspec.structs.replace(
            entry, **{name: value + 1 if isinstance(value, int) else f"{value}x"}
        )
        broken = journal.verify([changed]).broken
        assert broken is not None and broken.sequence == 1, name


async def test_an_entry_between_two_others_and_a_chain_computed_anew_are_found_without_our_server(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    produce(server.desk())
    with server.connect() as connection:
        head = journal.verify(journal.everything(connection))
    anchors = tmp_path / "anchors.jsonl"
    anchors.write_text(f'{{"sequence": {head.entries}, "hash": "{head.last_hash}", "at": ""}}\n')

    def verified(connection: Connection, *words: str) -> tuple[int, str]:
        exported = tmp_path / "journal.jsonl"
        lines = [msgspec.json.encode(entry) + b"\n" for entry in journal.everything(connection)]
        exported.write_bytes(b"".join(lines))
        code = run(["verify-audit", str(exported), *words])
        return code, capsys.readouterr().out

    with server.database.connect() as root:
        root.execute("SET search_path TO mes")
        assert verified(root, "--anchors", str(anchors))[0] == 0
        root.execute("BEGIN")
        root.execute("ALTER TABLE journal DISABLE TRIGGER ALL")
        # Room is made for one more behind entry 4, a copy of another: "scrap" that nobody reported.
        root.execute("UPDATE journal SET sequence = -sequence - 1 WHERE sequence > 4")
        root.execute("UPDATE journal SET sequence = -sequence WHERE sequence < 0")
        columns = ", ".join(journal.Entry.__struct_fields__[1:])
        root.execute(f"INSERT INTO journal SELECT 5, {columns} FROM journal WHERE sequence = 3".encode())
        code, said = verified(root)
        assert code == 1 and "broken at entry 5" in said
        # Somebody who knows how computes the whole chain anew: only what was anchored outside tells.
        previous, entries = journal.START, list(journal.everything(root))
        for entry in entries:
            sealed = journal.sealed(entry, previous)
            statement = "UPDATE journal SET previous_hash = %s, hash = %s WHERE sequence = %s"
            root.execute(statement, [sealed.previous_hash, sealed.hash, entry.sequence])
            previous = sealed.hash
        assert verified(root)[0] == 0
        code, said = verified(root, "--anchors", str(anchors))
        assert code == 1 and f"broken at entry {head.entries}: it is not the entry that was anchored" in said
        with anchors.open("a") as file:
            file.write(f'{{"sequence": {head.entries}, "hash": "{previous}", "at": ""}}\n')
        code, said = verified(root, "--anchors", str(anchors))
        assert code == 1 and "anchored twice" in said
        root.execute("ROLLBACK")


async def test_the_audit_view_and_a_record_are_alike_from_both_kinds_of_book(server: Server) -> None:
    produce(server.desk())
    with server.connect() as connection:
        entries = list(journal.everything(connection))
        alone, told = rebuilt(entries), journal.MemoryTrail(entries)
        with connection.transaction():
            book, trail = SqlBook(connection), journal.SqlTrail(connection)
            assert book.where(Change) == alone.where(Change) != []
            for wish in (
                {}, {"subject": "7-20"}, {"subject": "AD-7", "limit": "1"}, {"person": "P01", "before": "6"},
                {"from_ns": str(entries[3].recorded_ns), "to_ns": str(entries[-2].recorded_ns)},
            ):  # fmt: skip
                found = TRAILS["trail"](book, trail, DEFINITIONS, wish, 0)
                assert found == TRAILS["trail"](alone, told, DEFINITIONS, wish, 0) and found["entries"]
            for row in alone.where(Unit):
                wish = {"unit": row.unit, "site": "x"}
                made = TRAILS["unit_record"](book, trail, DEFINITIONS, wish, 0)
                assert made == TRAILS["unit_record"](alone, told, DEFINITIONS, wish, 0) != {}


async def test_a_server_without_a_password_takes_nobody(server: Server) -> None:
    for role in ("mes", "postgres"):
        url = server.database.url(role)
        for password in ("", "postgres", "mes"):
            with pytest.raises(StoreError):
                database.connect(url, password=password)
    assert "first-password" not in {path.name for path in server.database.folder.iterdir()}


async def test_a_database_killed_in_a_transaction_loses_and_doubles_nothing(server: Server) -> None:
    desk = server.desk()
    produce(desk, "8")
    wish = commands.DropOrder(request="9", product="EA-100", quantity=1, due_ns=0)
    blocker = server.connect()
    with blocker.transaction():
        journal.head(blocker)  # the next writer stands inside its transaction, waiting
        waiting = asyncio.create_task(asyncio.to_thread(ask, desk, wish, "9/0"))
        with server.connect() as other:
            count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            async with CLOCK.timeout(20):
                while other.execute(count).fetchone() == (0,):
                    await CLOCK.wall_sleep(0.02)
        os.kill(server.database.pid, signal.SIGKILL)
        with pytest.raises(StoreError):
            await waiting
        with pytest.raises(psycopg.Error):
            blocker.execute("SELECT 1")
    # (the transaction above ends with its connection: psycopg does not complain a second time)
    await server.database.wait()
    await server.database.start()
    with server.connect() as connection:
        assert SqlBook(connection).get(JobOrder, "9-10") is None
        assert SqlBook(connection).get(JobOrder, "8-20") is not None
    first, again = ask(desk, wish, "9/0"), ask(desk, wish, "9/0")
    assert first.accepted and first == again
    with server.connect() as connection:
        entries = list(journal.everything(connection))
        assert journal.verify(entries).broken is None
        assert [e.event_type for e in entries if e.subject == "9"] == ["operations.request.received"]


async def test_what_was_accepted_stands_whatever_another_thread_does_on_the_same_store(
    server: Server,
) -> None:
    store = SqlStore(server.connect)
    desk = Desk(store, DEFINITIONS, CLOCK.now_ns)
    entered, leave = threading.Event(), threading.Event()

    def look_and_fail() -> None:
        with pytest.raises(RuntimeError), store.begin():
            entered.set()
            leave.wait(20)
            raise RuntimeError("the connection broke")

    looking = asyncio.create_task(asyncio.to_thread(look_and_fail))
    await asyncio.to_thread(entered.wait, 20)
    wish = commands.DropOrder(request="7", product="EA-100", quantity=1, due_ns=0)
    asking = asyncio.create_task(asyncio.to_thread(ask, desk, wish, "7/0"))
    await asyncio.wait((asking,), timeout=0.5)
    leave.set()
    await looking
    assert (await asking).accepted
    with server.connect() as connection:
        assert SqlBook(connection).get(JobOrder, "7-10") is not None, "accepted, and gone"
    store.close()


async def test_questions_that_fail_use_up_no_connection(server: Server, tmp_path: Path) -> None:
    service = MesService(
        bus=MemoryBus(MemoryHub(CLOCK)), registry=REGISTRY, clock=CLOCK, connect=server.connect,
        folder=tmp_path, memory_mb=lambda: 0.0, pid=os.getpid(),
    )  # fmt: skip
    for _ in range(80):  # more than the server has room for
        with pytest.raises(KeyError):
            service._ask("audit", {})
    with server.connect() as connection:
        mine = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mes'"
        assert connection.execute(mine).fetchone() == (2,)
    assert service._ask("audit", {"after": 0})


async def test_a_lock_file_that_a_crash_has_torn_does_not_keep_the_database_from_starting(
    folder: Path,
) -> None:
    one = Server(folder)
    await one.database.start()
    pid = one.database.pid
    assert pid > 0 and one.database.alive
    await one.database.stop()
    assert one.database.pid == 0
    (one.database.folder / "cluster" / "postmaster.pid").write_text("")
    await one.database.start()
    assert one.database.pid not in (0, pid)
    await one.database.stop()


async def test_a_database_that_cannot_start_is_tried_again_until_it_can(folder: Path) -> None:
    said: list[str] = []
    installation = Installation(data_dir=str(folder), plant_dir=str(PLANT))
    supervisor = Supervisor(installation, REGISTRY, CLOCK, say=said.append)
    server = supervisor.database
    await server.start()
    watching = asyncio.create_task(supervisor._watch_server("database", server, supervisor.database_exits))
    # Killed, and its cluster is not where it was: a disk that was pulled out.
    os.kill(server.pid, signal.SIGKILL)
    cluster, away = server.folder / "cluster", server.folder / "away"
    cluster.rename(away)
    cluster.write_text("no folder")
    try:
        async with CLOCK.timeout(30):
            while sum("does not start" in line for line in said) < 2:
                assert not watching.done(), watching
                await CLOCK.wall_sleep(0.05)
        cluster.unlink()
        away.rename(cluster)
        async with CLOCK.timeout(30):
            while not server.alive or not _answers(server):
                await CLOCK.wall_sleep(0.05)
        assert supervisor.database_exits != []
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await server.stop()


def _answers(server: Database) -> bool:
    try:
        server.connect().close()
    except StoreError:
        return False
    return True


async def test_the_backbone_hears_every_fact_once_and_in_sequence_over_killed_relays(
    server: Server, tmp_path: Path
) -> None:
    hub = MemoryHub(CLOCK)
    desk = server.desk()
    produce(desk, "1")
    for life in range(3):
        bus = MemoryBus(hub)
        service = MesService(
            bus=bus, registry=REGISTRY, clock=CLOCK, connect=server.connect, folder=tmp_path,
            memory_mb=lambda: 0.0, pid=os.getpid(),
        )  # fmt: skip
        running = asyncio.create_task(service.run(asyncio.Event()))
        wanted = 5 * (life + 1) if life < 2 else _last(server)
        async with CLOCK.timeout(20):
            while await bus.last_sequence(topics.STREAM_EVENTS) < wanted:
                await CLOCK.wall_sleep(0.01)
        running.cancel()  # as a kill: whatever was said last may not have been written down
        await asyncio.gather(running, return_exceptions=True)
        with server.connect() as connection:  # the worst case: all of the last batch is said again
            connection.execute("UPDATE relay SET sequence = greatest(0, sequence - 4)")
        produce(desk, str(life + 2))
    bus = MemoryBus(hub)
    heard = [
        events.decode(message.payload)
        async for batch in bus.read_stream(topics.STREAM_EVENTS, follow=False)
        for message in batch
    ]
    sequences = [int(event.sequence) for event in heard]
    assert sequences == list(range(1, len(sequences) + 1))
    assert {event.source for event in heard} == {"/aurora/northfield/mes"}
    # The plans of the plant folder begin with the first tick, in whichever life that comes.
    assert {event.authid for event in heard} - {"maintenance"} == {"P01", "collection"}


class Choosy(MemoryBus):
    """A connection to a stream that takes no message of some kind while it has no room for it."""

    refused: frozenset[int] = frozenset()  # sequences
    asked: list[int]
    together = 0

    async def publish_together(self, messages: Sequence[Sending]) -> int:
        self.together += 1
        if self.refused & {int(events.decode(each.payload).sequence) for each in messages}:
            raise BusError(f"{messages[0].subject}: refused by the stream: no room")
        return await super().publish_together(messages)

    async def send_durable(self, subject: str, payload: bytes, **more: Any) -> Awaitable[int]:
        sequence = int(events.decode(payload).sequence)
        self.asked.append(sequence)
        if sequence not in self.refused:
            return await super().send_durable(subject, payload, **more)
        refusal: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def refuse() -> None:  # its answer comes after others were sent, as a server's does
            if not refusal.done():
                refusal.set_exception(BusError(f"{subject}: refused by the stream: no room"))

        asyncio.get_running_loop().call_later(0.01, refuse)
        return refusal


async def test_what_the_stream_refuses_in_the_middle_nothing_overtakes(
    server: Server, tmp_path: Path
) -> None:
    produce(server.desk(), "1")
    bus = Choosy(MemoryHub(CLOCK))
    bus.asked, bus.refused = [], frozenset({7})
    service = MesService(
        bus=bus, registry=REGISTRY, clock=CLOCK, connect=server.connect, folder=tmp_path,
        memory_mb=lambda: 0.0, pid=os.getpid(),
    )  # fmt: skip

    async def heard() -> list[int]:
        batches = bus.read_stream(topics.STREAM_EVENTS, follow=False)
        return [int(events.decode(message.payload).sequence) async for batch in batches for message in batch]

    with server.connect() as connection:
        told = 0
        for _ in range(3):
            try:
                told = await service._outbox.tell_next(connection, told)
            except BusError as error:
                assert "entry 7 (" in str(error) and "no room" in str(error)
        assert bus.asked == [1, 2, 3, 4, 5, 6, 7, 7, 7], "the ones before are not said again and again"
        assert await heard() == [1, 2, 3, 4, 5, 6]
        (kept,) = connection.execute("SELECT sequence FROM relay").fetchone() or (0,)
        assert kept == 6, "a stream that forgets its ids hears none of them again"
        bus.refused = frozenset()
        bus.asked, bus.together = [], 0
        while told := await service._outbox.tell_next(connection, told):
            pass
    assert bus.together == 1 and bus.asked == list(range(7, _last(server) + 1)), "then all leave at once"
    assert await heard() == list(range(1, _last(server) + 1))


def _last(server: Server) -> int:
    with server.connect() as connection:
        return journal.head(connection)[0]


async def test_a_changed_step_and_a_newer_database_are_refused(server: Server) -> None:
    changed = (Migration(1, MIGRATIONS[0].name, MIGRATIONS[0].text + "-- "), *MIGRATIONS[1:])
    newer: tuple[Migration, ...] = ()
    with server.database.connect() as root:
        for steps, words in ((changed, "is not the one that ran"), (newer, "newer release")):
            with pytest.raises(StoreError, match=words):
                database.migrate(root, schema="mes", role="mes", migrations=steps)
        assert database.migrate(root, schema="mes", role="mes", migrations=MIGRATIONS) == 0
