"""The board as of an instant, rebuilt from what the MES says, is the board that the MES had then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from taktwin.bus.memory import MemoryHub
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import commands, events, state, topics
from taktwin.contracts.commands import PlannedJob
from taktwin.contracts.events import ScheduledJob
from taktwin.history import requests
from taktwin.measures.time_classes import ClassSpan
from taktwin.mes.api import QUERIES
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.queries import schedule_in_force
from taktwin.whatif import past
from taktwin.whatif.past import Fact, Past, board, facts
from tests.unit.mes.conftest import SECOND, START_NS, Shop
from tests.unit.mes.test_random_commands import CELLS, DEFINITIONS, STEPS, Plant, cells, orders, run
from tests.unit.whatif.test_whatif import NOON, REGISTRY, picture

SITE = (REGISTRY.enterprise, REGISTRY.site)


def said(shop: Shop) -> list[tuple[int, str, bytes]]:
    """Return what history keeps of a shop: time, sequence and body of each of its events."""
    rows = []
    for entry in shop.store.entries:
        content = msgspec.json.decode(entry.content, type=events.CATALOGUE[entry.event_type])
        event = events.make(content, source="/a/b/mes", sequence=entry.sequence, time_ns=entry.time_ns)
        rows.append((entry.time_ns, event.sequence, events.encode(event)))
    return rows


def real(shop: Shop) -> dict[str, Any]:
    """Return the MES's own board, without what it works out when it is asked."""
    full = QUERIES["board"](shop.store.book, shop.definitions, {}, shop.now_ns)
    kept = (*JobOrder.__struct_fields__, "planned")
    lines = [{name: line[name] for name in kept} for line in full["lines"]]
    # Where no job order ever ran, only the MES can know it: history begins somewhere.
    free_since_ns = {unit: since_ns for unit, since_ns in full["free_since_ns"].items() if since_ns}
    return {"lines": lines, "over": full["over"], "free_since_ns": free_since_ns, "at_ns": full["at_ns"]}


class Told(Plant):
    """The shop of the random commands; what its board held is kept at every step."""

    @rule(order=orders, cell=cells, quantity=st.integers(0, 2))
    def split(self, order: str, cell: str, quantity: int) -> None:
        job = self.shop.store.book.get(JobOrder, f"{order}-{STEPS[cell]}")
        if job is not None:
            self.shop.ask(commands.SplitJob(job=job.job, quantity=quantity, version=job.version))

    @rule(order=orders, cell=cells)
    def merge(self, order: str, cell: str) -> None:
        job = self.shop.store.book.get(JobOrder, f"{order}-{STEPS[cell]}.2")
        if job is not None:
            wish = commands.MergeJobs(job=job.job, into=f"{order}-{STEPS[cell]}", version=job.version)
            self.shop.ask(wish)

    @rule(first=orders, behind=st.integers(0, 30))
    def publish(self, first: str, behind: int) -> None:
        begin_ns = self.shop.now_ns + behind * SECOND
        row = schedule_in_force(self.shop.store.book)
        jobs = [
            PlannedJob(job=f"{first}-{STEPS[cell]}", work_unit=cell, begin_ns=begin_ns,
                       end_ns=begin_ns + SECOND)
            for cell in CELLS if self.shop.store.book.get(JobOrder, f"{first}-{STEPS[cell]}") is not None
        ]  # fmt: skip
        version = 0 if row is None else row.version
        self.shop.ask(commands.PublishSchedule(version=version, jobs=jobs, cause="tried"))

    @invariant()
    def the_board_is_kept(self) -> None:
        if hasattr(self, "shop"):
            self.seen: dict[int, dict[str, Any]] = getattr(self, "seen", {})
            self.seen[self.shop.now_ns] = real(self.shop)

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            told = facts(said(self.shop))
            for at_ns, then in getattr(self, "seen", {}).items():
                assert board(told, at_ns) == then


def test_rebuilt_at_each_instant_it_is_the_board_that_was() -> None:
    run(Told, examples=6)


def _forgets_undone(content: Any, at_ns: int) -> dict[str, Any]:
    return {}


def _ignores_scrap(jobs: dict[str, past.Job], name: str, good: int, scrap: int) -> None:
    past._change(jobs, name, {"good": jobs[name].good + good})


def _keeps_quantity(jobs: dict[str, past.Job], split: events.JobOrderSplit) -> None:
    past._change(jobs, split.job, {})
    jobs[split.into] = msgspec.structs.replace(jobs[split.job], job=split.into)


def _unplanned(job: past.Job, plan: dict[str, ScheduledJob]) -> tuple[Any, ...]:
    return 1, -job.priority, job.due_ns or float("inf"), job.request, job.operation


def _never_free(said: list[Fact], jobs: dict[str, past.Job], at_ns: int) -> dict[str, int]:
    return {}


MUTANTS: dict[str, Callable[..., Any]] = {
    "_moved": _forgets_undone, "_book": _ignores_scrap, "_split": _keeps_quantity, "_turn": _unplanned,
    "_free_since_ns": _never_free,
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_board_that_forgets_something_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, name, MUTANTS[name])
    with pytest.raises((AssertionError, KeyError)):
        run(Told, examples=400, shrink=False)


def shop_of_the_past() -> tuple[Shop, list[tuple[int, str, bytes]], dict[str, Any], int]:
    """Return a shop, its events, its board of an instant in between, and that instant."""
    shop = Shop(DEFINITIONS)
    shop.granted(commands.DropOrder(request="old", product="EA-100", quantity=2, due_ns=START_NS))
    shop.begin("old-10", "load2")
    shop.machine("load2", serial="A1")
    then, at_ns = real(shop), shop.now_ns
    shop.machine("load2", serial="A2")
    shop.granted(commands.DropOrder(request="new", product="EA-100", quantity=3, due_ns=0))
    return shop, said(shop), then, at_ns


def test_a_booking_that_came_late_counts_from_when_it_was_touched() -> None:
    stored = events.JobOrderStored(
        job="1-10", request="1", operation=10, name="Load", product="EA-100", equipment_class="load",
        quantity=5, due_ns=0, priority=0, last_operation=False,
    )  # fmt: skip
    scrapped = events.MaterialScrapped(report="s1", job="1-10", quantity=1, cause="damaged")
    told = [Fact(1, 100, stored), Fact(9, 500, scrapped), Fact(12, 300, scrapped)]
    assert [board(told, at)["lines"][0]["scrap"] for at in (299, 300, 499, 500)] == [0, 1, 1, 2]
    assert board(told, 99)["lines"] == []


def test_since_when_no_job_order_runs_is_known_of_those_that_history_saw_begin() -> None:
    shop = Shop(DEFINITIONS)
    for request in ("old", "new"):
        shop.granted(commands.DropOrder(request=request, product="EA-100", quantity=2, due_ns=START_NS))
    shop.begin("old-10", "load2")
    began_ns = shop.now_ns

    def free() -> tuple[int | None, int | None]:
        """Return what the MES has of the machine, and what history has, which is the same where it tells."""
        told = board(facts(said(shop)), shop.now_ns)["free_since_ns"]
        return QUERIES["board"](shop.store.book, shop.definitions, {}, shop.now_ns)["free_since_ns"].get(
            "load2"
        ), told.get("load2")

    def tell(method: str) -> int:
        shop.granted(commands.ControlJob(job="old-10", method=method))
        return shop.now_ns

    assert free() == (None, None)  # one runs
    paused_ns = tell("Pause")
    assert free() == (paused_ns, paused_ns)
    tell("Resume")
    assert free() == (None, None)
    again_ns = tell("Pause")
    assert free() == (again_ns, again_ns)
    ended_ns = tell("Stop")
    assert free() == (ended_ns, ended_ns)
    tell("Clear")  # its spans stay when the list has it no more
    assert free() == (again_ns, again_ns)
    full = QUERIES["board"](shop.store.book, shop.definitions, {}, shop.now_ns)["free_since_ns"]
    assert full["press2"] == 0 and set(full) == set(shop.definitions.work_units)
    told = facts(said(shop))
    assert "press2" not in board(told, shop.now_ns)["free_since_ns"]
    # What began before history may still run for all that it says.
    later = [fact for fact in told if fact.at_ns > began_ns]
    assert board(later, paused_ns)["free_since_ns"] == {}


class Keeper:
    """A historian and a recorder on a hub, as far as the past asks them."""

    def __init__(self, rows: list[tuple[int, str, bytes]]) -> None:
        self.hub = MemoryHub(SystemClock())
        self.bus = self.hub.connect()
        self.rows = rows
        self.asked: list[requests.EventsRequest] = []
        self.sessions: list[str] = []
        self.classes = {"press2": "production"}  # what the recorder's picture says of work units

    async def serve(self) -> None:
        await self.bus.serve(topics.query(*SITE, "historian", "events"), self.events)
        await self.bus.serve(topics.query(*SITE, "historian", "intervals"), self.intervals)
        await self.bus.serve(topics.query(*SITE, "historian", "status"), self.status)
        await self.bus.serve(topics.query(*SITE, "twin", "snapshot"), self.snapshot)
        await self.bus.serve(topics.query(*SITE, "recorder", "open"), self.open)
        await self.bus.serve(topics.query(*SITE, "recorder", "close"), self.close)

    async def events(self, message: Message) -> bytes:
        wish = requests.decode("events", message.payload)
        assert isinstance(wish, requests.EventsRequest)
        self.asked.append(wish)
        found = [
            row for row in self.rows
            if wish.from_ns <= row[0] < wish.to_ns and events.decode(row[2]).name in wish.types
        ]  # fmt: skip
        found.sort(key=lambda row: row[:2], reverse=wish.newest_first)
        found = found[: wish.limit]
        columns = {name: [row[place] for row in found] for place, name in enumerate(("time_ns", "sequence"))}
        body = pa.array([row[2] for row in found], pa.binary())
        return requests.table_bytes(pa.table({
            "time_ns": pa.array(columns["time_ns"], pa.int64()),
            "sequence": pa.array(columns["sequence"], pa.string()), "body": body,
        }))  # fmt: skip

    async def intervals(self, message: Message) -> bytes:
        columns = {"unit": ["press2"], "from_ns": [NOON - 900 * SECOND], "to_ns": [NOON - 30 * SECOND],
                   "time_class": ["starved"]}  # fmt: skip
        return requests.table_bytes(pa.table(columns))

    async def status(self, message: Message) -> bytes:
        oldest_ns = min((row[0] for row in self.rows), default=None)
        counts = dict.fromkeys(("rows", "hot_rows", "sealed_rows", "aged_out_rows", "bytes", "segments"), 0)
        return msgspec.msgpack.encode(requests.StatusAnswer(
            **counts, oldest_ns=oldest_ns, newest_ns=NOON, events=len(self.rows), positions={}, policy={},
            disk_free=0, state="running",
        ))  # fmt: skip

    async def snapshot(self, message: Message) -> bytes:
        return state.encode(picture(NOON, press2="production", turn1="unknown"))

    async def open(self, message: Message) -> bytes:
        wish = msgspec.msgpack.decode(message.payload)
        assert wish["speed"] == 0, "it stands still, and sends nobody frames"
        self.sessions.append(wish["session"])
        return state.encode(picture(wish["at_ns"], **self.classes))

    async def close(self, message: Message) -> bytes:
        self.sessions.remove(msgspec.msgpack.decode(message.payload)["session"])
        return msgspec.msgpack.encode({})


async def test_recorder_and_history_give_the_plant_of_then() -> None:
    shop, rows, then, at_ns = shop_of_the_past()
    keeper = Keeper(rows)
    await keeper.serve()
    asked = Past(keeper.hub.connect(), REGISTRY)
    assert await asked.board(at_ns) == then
    assert await asked.board(shop.now_ns) == real(shop)
    frame = await asked.frame(at_ns)
    assert frame.at_ns == at_ns and not keeper.sessions
    assert (await asked.board(START_NS - 1))["lines"] == []


async def test_what_a_machine_still_does_is_known_from_the_twin_alone() -> None:
    keeper = Keeper([])
    await keeper.serve()
    asked = Past(keeper.hub.connect(), REGISTRY)
    stays = await asked.stays(NOON - 600 * SECOND, NOON)
    # Idle since half a minute before; what was before that, history does not say of most.
    assert stays["hob1"] == [ClassSpan(NOON - 30 * SECOND, None, "down_no_order")]
    assert stays["press2"] == [
        ClassSpan(NOON - 900 * SECOND, NOON - 30 * SECOND, "starved"),
        ClassSpan(NOON - 30 * SECOND, None, "production"),
    ]
    assert "unknown" not in [span.time_class for spans in stays.values() for span in spans]
    assert stays["turn1"] == []
    earlier = await asked.stays(NOON - 600 * SECOND, NOON - 60 * SECOND)
    assert earlier["hob1"] == []


async def test_counts_are_asked_for_from_the_oldest_open_order_on(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(DEFINITIONS)
    shop.granted(commands.DropOrder(request="gone", product="EA-100", quantity=1, due_ns=START_NS))
    for step in shop.store.book.where(JobOrder, request="gone"):
        shop.granted(commands.ControlJob(job=step.job, method="Cancel"))
    open_ns = shop.now_ns + SECOND
    shop.granted(commands.DropOrder(request="open", product="EA-100", quantity=1, due_ns=START_NS))
    shop.begin("open-10", "load2")
    shop.machine("load2", serial="A1")
    keeper = Keeper(said(shop))
    await keeper.serve()
    monkeypatch.setattr(past, "WINDOW_NS", SECOND)  # many windows: none is forgotten
    assert await Past(keeper.hub.connect(), REGISTRY).board(shop.now_ns) == real(shop)
    counts = [wish.from_ns for wish in keeper.asked if "material.counted" in wish.types]
    assert min(counts) == open_ns
