"""Maintenance orders, plans and spare parts: asked for, due by themselves, started, done, refused."""

from __future__ import annotations

import msgspec
import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, CommandData
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.dispatching.queries import board
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance.engine import HOUR_NS, standing
from taktwin.mes.maintenance.queries import maintenance, upkeep
from taktwin.mes.maintenance.tables import MaintenanceOrder, PlanState, Spare, SpareUse
from taktwin.plant.schema import MaintenancePlan, SparePart
from tests.unit.mes.conftest import START_NS, Shop

PLANS = {
    "nozzle": MaintenancePlan(name="Change the nozzle", equipment=["adhesive2"], every_parts=3,
                              spare_parts={"NZ": 1}),
    "seal": MaintenancePlan(name="Look at the seal", equipment=["press2", "press3"], every_h=10.0,
                            stops=False),
}  # fmt: skip


@pytest.fixture
def shop(definitions: Definitions) -> Shop:
    """A shop with two plans and one spare part, whatever the demo plant has."""
    from dataclasses import replace

    parts = {"NZ": SparePart(name="Nozzle", minimum=2)}
    return Shop(replace(definitions, maintenance_plans=PLANS, spare_parts=parts))


def order(shop: Shop, name: str) -> MaintenanceOrder:
    row = shop.store.book.get(MaintenanceOrder, name)
    assert row is not None
    return row


def request(shop: Shop, *, about: str = "noise", work_unit: str = "adhesive2") -> str:
    return shop.granted(commands.RequestMaintenance(work_unit=work_unit, about=about)).subject


def whole(shop: Shop) -> None:
    """The rows are what the journal alone makes."""
    told = {key: row for key, row in shop.store.book.rows.items() if key[0] not in ("readings", "positions")}
    assert rebuilt(shop.store.entries).rows == told


def refused(answer: Answer, *words: str) -> None:
    said = f"{answer.code} {answer.place} {answer.found} {answer.right}"
    assert not answer.accepted and all(word in said for word in words), said


def test_a_repair_from_the_request_to_what_was_found_and_done(shop: Shop) -> None:
    name = request(shop, about="noise at the spindle")
    assert (order(shop, name).state, order(shop, name).sub_state) == ("NotAllowedToStart", "Waiting")
    shop.granted(commands.AssignMaintenance(order=name, person="P09"))
    assert (order(shop, name).state, order(shop, name).person) == ("AllowedToStart", "P09")
    shop.granted(commands.StartMaintenance(order=name))
    shop.granted(commands.ReceiveSpare(spare="NZ", quantity=3))
    shop.now_ns += HOUR_NS
    shop.granted(commands.CompleteMaintenance(order=name, found="bearing dry", done="greased",
                                              spare_parts={"NZ": 2}))  # fmt: skip
    row = order(shop, name)
    assert (row.state, row.sub_state, row.found, row.done) == ("Ended", "Completed", "bearing dry", "greased")
    assert HOUR_NS < row.ended_ns - row.started_ns < 2 * HOUR_NS
    spare, used = shop.store.book.get(Spare, "NZ"), shop.store.book.get(SpareUse, f"{name}:NZ")
    assert spare is not None and used is not None and (spare.quantity, used.quantity) == (1, 2)
    assert row.opened_by == "P01"
    whole(shop)


def test_who_starts_what_nobody_has_takes_it(shop: Shop) -> None:
    name = request(shop)
    assert shop.ask(commands.StartMaintenance(order=name), actor="P09").accepted
    assert order(shop, name).person == "P09"
    refused(shop.ask(commands.StartMaintenance(order=name), actor="P10"), "state", name, "Running")
    assert order(shop, name).person == "P09"


def test_who_starts_what_another_has_is_the_one_who_did_it(shop: Shop) -> None:
    name = request(shop)
    shop.granted(commands.AssignMaintenance(order=name, person="P09"))
    assert shop.ask(commands.StartMaintenance(order=name), actor="P10").accepted
    assert order(shop, name).person == "P10"
    whole(shop)


def test_a_repair_that_goes_on_lets_no_job_order_begin_and_interrupts_what_runs(shop: Shop) -> None:
    for number in ("1", "2"):
        shop.granted(commands.DropOrder(request=number, product="EA-100", quantity=9, due_ns=START_NS))
    shop.begin("1-20", "adhesive2")
    shop.granted(commands.DispatchJob(job="2-20", work_unit="adhesive2", version=1))
    name = request(shop, about="leak")
    shop.granted(commands.StartMaintenance(order=name))
    job = shop.store.book.get(JobOrder, "1-20")
    assert job is not None and (job.state, job.sub_state) == ("Interrupted", "Held")
    refused(shop.ask(commands.ControlJob(job="1-20", method="Resume")), "not_ready", "adhesive2", name)
    refused(shop.ask(commands.BeginJob(job="2-20")), "not_ready", "adhesive2", name, "leak")
    shop.granted(commands.ReceiveLot(lot="A", product="AD-3", quantity=900))
    shop.granted(commands.LoadLot(lot="A", work_unit="adhesive2"))
    found = {line.job.job: line.obstacle for line in board(shop.store.book, shop.definitions, shop.now_ns)}[
        "2-20"
    ]
    assert found is not None and (found.kind, found.subject, found.detail) == ("maintenance", name, "leak")
    shop.granted(commands.CompleteMaintenance(order=name, done="sealed"))
    shop.granted(commands.ControlJob(job="1-20", method="Resume"))
    whole(shop)


def test_a_look_that_stops_nothing_stops_nothing(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=9, due_ns=START_NS))
    name = request(shop)
    shop.granted(commands.StartMaintenance(order=name, stops=False))
    shop.begin("1-20", "adhesive2")


def test_what_is_asked_for_twice_is_one_order(shop: Shop) -> None:
    name = request(shop, about="leak")
    refused(shop.ask(commands.RequestMaintenance(work_unit="adhesive2", about=" leak ")), "state", name)
    request(shop, about="noise")
    assert len(shop.store.book.where(MaintenanceOrder)) == 2


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (commands.RequestMaintenance(work_unit="nowhere", about="x"), ("unknown", "nowhere")),
        (commands.RequestMaintenance(work_unit="turn1", about="  "), ("invalid", "what is wrong")),
        (commands.RequestMaintenance(work_unit="turn1", about="x" * 501), ("invalid", "501", "500")),
        (commands.RequestMaintenance(work_unit="turn1", about="x", kind="odd"), ("invalid", "odd")),
        (commands.RequestMaintenance(work_unit="turn1", about="x", tool_kind="hob"), ("invalid", "hob")),
        (commands.RequestMaintenance(work_unit="turn1", about="x", priority=10**9), ("invalid", "priority")),
        (commands.RequestMaintenance(work_unit="turn1", about="x", due_ns=-1), ("invalid", "due", "-1")),
        (commands.RequestMaintenance(work_unit="turn1", kind="tool_change", tool_kind="hob"),
         ("invalid", "hob", "insert")),
        (commands.RequestMaintenance(work_unit="pack5", kind="tool_change", tool_kind="hob"),
         ("invalid", "works with tools")),
        (commands.AssignMaintenance(order="M9", person="P09"), ("unknown", "M9")),
        (commands.AssignMaintenance(order="M1", person=" "), ("invalid", "person")),
        (commands.AssignMaintenance(order="M1", person="P09", version=7), ("conflict", "version 7")),
        (commands.StartMaintenance(order="M9"), ("unknown", "M9")),
        (commands.CompleteMaintenance(order="M1", done="x"), ("state", "M1", "NotAllowedToStart")),
        (commands.AbortMaintenance(order="M1", cause=""), ("invalid", "reason")),
        (commands.ReceiveSpare(spare="??", quantity=1), ("unknown", "??")),
        (commands.ReceiveSpare(spare="NZ", quantity=-2), ("invalid", "-2")),
        (commands.CountSpare(spare="NZ", quantity=10**9), ("invalid", "quantity")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(shop: Shop, wish: CommandData, words: tuple[str, ...]) -> None:
    request(shop)
    before = len(shop.store.entries)
    refused(shop.ask(wish), *words)
    assert len(shop.store.entries) == before


def test_the_store_gives_no_more_than_it_has_and_then_nothing_of_the_end_happened(shop: Shop) -> None:
    name = request(shop)
    shop.granted(commands.StartMaintenance(order=name))
    shop.granted(commands.CountSpare(spare="NZ", quantity=1))
    wish = commands.CompleteMaintenance(order=name, done="x", spare_parts={"NZ": 2})
    refused(shop.ask(wish), "not_ready", "NZ", "1 in the store")
    assert order(shop, name).state == "Running"
    wrong = commands.CompleteMaintenance(order=name, done="x", spare_parts={"NZ": 1, "??": 1})
    refused(shop.ask(wrong), "unknown", "??")
    spare = shop.store.book.get(Spare, "NZ")
    assert spare is not None and spare.quantity == 1
    refused(shop.ask(commands.CompleteMaintenance(order=name, done="")), "invalid", "what was done")


def test_a_plan_counts_from_when_it_was_first_seen_and_its_order_comes_once(shop: Shop) -> None:
    shop.machine("adhesive2", parts=50)  # before anybody knew of the plan
    assert shop.desk.tick() == 3 and shop.desk.tick() == 0
    shop.machine("adhesive2", parts=2)
    assert shop.store.book.where(MaintenanceOrder) == []
    shop.machine("adhesive2", kind="reject", parts=2)
    assert [row.plan for row in shop.store.book.where(MaintenanceOrder)] == ["nozzle"]
    for _ in range(3):
        shop.machine("adhesive2", parts=9)
        assert shop.desk.tick() == 0
    row = order(shop, "M1")
    assert (row.kind, row.work_unit, row.about, row.opened_by, row.stops) == (
        "preventive", "adhesive2", "Change the nozzle", "", True)  # fmt: skip
    shop.granted(commands.StartMaintenance(order="M1"))
    shop.granted(commands.CompleteMaintenance(order="M1", done="changed"))
    assert shop.desk.tick() == 0  # the interval begins with the end of the work
    shop.machine("adhesive2", parts=3)
    assert [row.state for row in shop.store.book.where(MaintenanceOrder)] == ["Ended", "NotAllowedToStart"]
    whole(shop)


def test_hours_go_by_without_a_part_and_each_work_unit_has_its_own(shop: Shop) -> None:
    shop.desk.tick()
    shop.now_ns += 10 * HOUR_NS - 1
    assert shop.desk.tick() == 0
    shop.now_ns += 1
    assert shop.desk.tick() == 2 and shop.desk.tick() == 0
    assert {row.work_unit for row in shop.store.book.where(MaintenanceOrder)} == {"press2", "press3"}
    shop.granted(commands.AbortMaintenance(order="M1", cause="done on Monday"))
    assert shop.desk.tick() == 0
    shop.now_ns += 10 * HOUR_NS
    assert shop.desk.tick() == 1  # the other one is still open
    whole(shop)


def test_a_desk_that_was_away_finds_what_fell_due_meanwhile_once(shop: Shop) -> None:
    shop.desk.tick()
    shop.now_ns += 95 * HOUR_NS  # nine intervals: nobody was there for any of them
    again = Shop(shop.definitions, shop.store)
    again.now_ns = shop.now_ns
    assert again.desk.tick() == 2 and shop.desk.tick() == 0


def test_what_falls_due_is_shown_before_it_is(shop: Shop) -> None:
    shop.desk.tick()
    shop.now_ns += 8 * HOUR_NS
    found = maintenance(shop.store.book, shop.definitions, {}, shop.now_ns)
    first = found["due"][0]
    assert (first["plan"], first["soon"], first["order"], round(first["share"], 2)) == ("seal", True, "", 0.8)
    assert first["due_ns"] == first["since_ns"] + 10 * HOUR_NS
    assert [line["spare"] for line in found["spare_parts"] if line["below"]] == ["NZ"]


def test_a_plan_that_left_the_plant_folder_is_neither_shown_nor_due(shop: Shop) -> None:
    from dataclasses import replace

    shop.desk.tick()
    shop.now_ns += 99 * HOUR_NS
    without = Shop(replace(shop.definitions, maintenance_plans={}), shop.store)
    without.now_ns = shop.now_ns
    assert without.desk.tick() == 0
    assert maintenance(shop.store.book, without.definitions, {}, shop.now_ns)["due"] == []
    assert len(shop.store.book.where(PlanState)) == 3


def test_a_terminal_shows_what_is_open_at_its_machine_and_the_page_the_urgent_first(shop: Shop) -> None:
    request(shop, about="noise")
    shop.granted(commands.RequestMaintenance(work_unit="turn1", about="leak", priority=5))
    shop.granted(commands.StartMaintenance(order=request(shop, about="sensor", work_unit="turn2")))
    here = upkeep(shop.store.book, shop.definitions, {"work_unit": "turn1"}, shop.now_ns)
    assert [row["about"] for row in here["orders"]] == ["leak"]
    assert [(tool["kind"], tool["watched"], tool["mounted"]) for tool in here["tools"]] == [
        ("insert", False, None)
    ]
    found = maintenance(shop.store.book, shop.definitions, {}, shop.now_ns)
    assert [row["about"] for row in found["orders"]] == ["sensor", "leak", "noise"]
    assert upkeep(shop.store.book, shop.definitions, {"work_unit": "nowhere"}, 0) == {}


def test_an_interval_goes_by_whichever_comes_first_and_a_clock_set_back_makes_nothing_due() -> None:
    plan = MaintenancePlan(name="x", equipment=["a"], every_parts=10, every_h=1.0)
    assert standing(plan, parts=10, since_ns=0, now_ns=0).due
    assert standing(plan, parts=0, since_ns=0, now_ns=HOUR_NS).due
    assert not standing(plan, parts=9, since_ns=HOUR_NS, now_ns=0).due
    only_parts = msgspec.structs.replace(plan, every_h=None)
    assert not standing(only_parts, parts=9, since_ns=0, now_ns=10**6 * HOUR_NS).due
