"""Rework routes, suspects, split and merge, scrap taken back later; who may be built in where."""

from __future__ import annotations

from typing import Any

import pytest

from taktwin.contracts import commands
from taktwin.mes.api import QUERIES
from taktwin.mes.collection.actions import Heard
from taktwin.mes.execution.tables import JobOrder, ScrapReport
from taktwin.mes.quality.tables import Nonconformance, Rework, Suspicion
from taktwin.mes.tracking.tables import Lot, Unit
from tests.unit.mes.conftest import SECOND, START_NS, Shop
from tests.unit.mes.test_random_commands import chained_and_rebuilt

PIN = "2132"


@pytest.fixture
def cell(shop: Shop) -> Shop:
    """A bonding cell with a lot, under an order of twenty."""
    shop.granted(
        commands.DropOrder(request="7", product="EA-100", quantity=20, due_ns=START_NS, customer="Lund")
    )
    shop.granted(commands.ReceiveLot(lot="AD-1", product="AD-3", quantity=900.0))
    shop.granted(commands.LoadLot(lot="AD-1", work_unit="adhesive2"))
    shop.begin("7-20", "adhesive2")
    return shop


def part(shop: Shop, serial: str, width: float = 2.4, work_unit: str = "adhesive2") -> None:
    if work_unit == "adhesive2":
        shop.now_ns += SECOND
        said = [
            Heard("adhesive2/serial", serial, shop.now_ns - 1),
            Heard("adhesive2/bead_width", width, shop.now_ns),
        ]
        shop.desk.hear(said, stream="SAMPLES", position=shop.now_ns)
    shop.machine(work_unit, serial=serial)


def unit(shop: Shop, serial: str) -> Unit:
    row = shop.store.book.get(Unit, serial)
    assert row is not None
    return row


def lot(shop: Shop, name: str) -> Lot:
    row = shop.store.book.get(Lot, name)
    assert row is not None
    return row


def job(shop: Shop, name: str) -> JobOrder:
    row = shop.store.book.get(JobOrder, name)
    assert row is not None
    return row


def ask(shop: Shop, query: str, **wish: Any) -> dict[str, Any]:
    return QUERIES[query](shop.store.book, shop.definitions, wish, shop.now_ns)


def at(shop: Shop, serial: str, work_unit: str) -> tuple[bool, str]:
    found = ask(shop, "route_state", unit=serial, work_unit=work_unit)
    return found["may"], found["code"]


def decide(shop: Shop, disposition: str, route: str = "", name: str = "NC-1") -> Any:
    row = shop.store.book.get(Nonconformance, name)
    assert row is not None
    return shop.ask(commands.Dispose(nonconformance=name, disposition=disposition, cause="looked at it",
                                     version=row.version, route=route))  # fmt: skip


def test_a_unit_goes_on_where_its_route_goes_on_and_nowhere_else(cell: Shop) -> None:
    part(cell, "A1")
    assert at(cell, "A1", "press2") == (True, "ok")
    assert at(cell, "A1", "adhesive2") == (False, "repeated")
    assert at(cell, "A1", "tighten2") == (False, "skipped")
    assert at(cell, "A1", "turn1") == (False, "elsewhere")
    assert at(cell, "A9", "press2") == (False, "unknown")
    assert ask(cell, "route_state", unit="A1", work_unit="cat") == {}
    cell.granted(commands.Hold(kind="unit", id="A1", cause="x"))
    assert at(cell, "A1", "press2") == (False, "held")
    cell.granted(commands.ReportScrap(job="7-20", cause="x", unit="A1"))
    assert at(cell, "A1", "press2") == (False, "scrap")


def test_rework_takes_its_route_step_by_step_and_comes_back(cell: Shop) -> None:
    part(cell, "A1", 3.9)
    assert decide(cell, "scrap", "rebond").code == "invalid"
    assert "rebond" in decide(cell, "rework", "polish").right
    assert decide(cell, "rework", "rebond").accepted
    assert at(cell, "A1", "press2") == (False, "held") and at(cell, "A1", "wash1") == (True, "rework")
    step = {"rework": "NC-1-R1", "work_unit": "adhesive2"}
    assert "step 1 (Clean)" in cell.ask(commands.ReportRework(**step, step=2)).right
    assert cell.ask(commands.ReportRework(**step, step=1)).code == "invalid"  # not where parts are washed
    cell.granted(commands.ReportRework(rework="NC-1-R1", work_unit="wash1", step=1))
    assert at(cell, "A1", "adhesive2") == (True, "rework")
    assert cell.ask(commands.ReportRework(rework="NC-1-R1", work_unit="wash1", step=1)).code == "state"
    shown = ask(cell, "unit", unit="A1")["rework"]
    assert (shown["done"], [s["name"] for s in shown["steps"]]) == (1, ["Clean", "Bond again"])
    cell.granted(commands.ReportRework(**step, step=2))
    assert unit(cell, "A1").disposition == "Restricted"  # quality decides, not the washer
    assert decide(cell, "use-as-is").accepted
    assert at(cell, "A1", "press2") == (True, "ok") and at(cell, "A1", "adhesive2") == (False, "repeated")
    chained_and_rebuilt(cell)


def test_rework_that_fails_or_is_decided_anew_is_over(cell: Shop) -> None:
    part(cell, "A1", 3.9)
    assert decide(cell, "rework", "rebond").accepted
    assert decide(cell, "rework", "rebond").accepted
    rows = {row.rework: row.state for row in cell.store.book.where(Rework)}
    assert rows == {"NC-1-R1": "Ended", "NC-1-R2": "Ordered"}
    cell.granted(commands.ReportRework(rework="NC-1-R2", work_unit="wash1", step=1, good=False))
    assert at(cell, "A1", "wash1") == (False, "held")
    assert decide(cell, "scrap").accepted
    assert cell.ask(commands.ReportRework(rework="NC-1-R2", work_unit="wash1", step=2)).code == "state"


def test_a_finished_unit_in_rework_passes_the_end_of_its_route_again(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="7", product="EA-100", quantity=9, due_ns=START_NS))
    shop.begin("7-20", "adhesive2")
    part(shop, "A1", 3.9)
    row = unit(shop, "A1")
    import msgspec

    shop.store.book.put(msgspec.structs.replace(row, operation=80, finished_ns=shop.now_ns))
    assert decide(shop, "rework", "rebond").accepted
    for step, place in ((1, "wash1"), (2, "adhesive2")):
        shop.granted(commands.ReportRework(rework="NC-1-R1", work_unit=place, step=step))
    assert decide(shop, "use-as-is").accepted
    assert (unit(shop, "A1").disposition, unit(shop, "A1").finished_ns) == ("In-Process", 0)


def test_all_that_share_a_lot_are_held_and_let_go_together(cell: Shop) -> None:
    for n in range(4):
        part(cell, f"A{n}")
    cell.granted(commands.Hold(kind="unit", id="A3", cause="dropped"))
    cell.granted(commands.HoldSuspects(kind="lot", id="AD-1", cause="grey"))
    assert lot(cell, "AD-1").disposition == "Restricted"
    assert [unit(cell, f"A{n}").reason for n in range(4)] == ["SU-1: grey"] * 3 + ["dropped"]
    assert cell.ask(commands.HoldSuspects(kind="lot", id="AD-1", cause="grey")).code == "state"
    cell.granted(commands.Release(kind="unit", id="A0", cause="looked at"))
    (row,) = ask(cell, "suspicions")["suspicions"]
    assert (row["suspects"], row["held"], row["units"]) == (4, 3, ["A1", "A2"])
    cell.granted(commands.ReleaseSuspects(suspicion="SU-1", cause="lab says good"))
    assert [unit(cell, f"A{n}").disposition for n in range(4)] == ["In-Process"] * 3 + ["Restricted"]
    assert lot(cell, "AD-1").disposition == "UnRestricted"
    assert cell.ask(commands.ReleaseSuspects(suspicion="SU-1", cause="x")).code == "state"
    chained_and_rebuilt(cell)


def test_suspects_of_a_tool_and_of_a_time_are_those_made_then(cell: Shop) -> None:
    part(cell, "A0")
    begin_ns = cell.now_ns + 1
    part(cell, "A1")
    end_ns = cell.now_ns
    part(cell, "A2")
    window = commands.HoldSuspects(
        kind="work_unit", id="adhesive2", cause="cold", from_ns=begin_ns, to_ns=end_ns
    )
    cell.granted(window)
    assert [unit(cell, f"A{n}").disposition == "Restricted" for n in range(3)] == [False, True, False]
    for wish, code in (
        (commands.HoldSuspects(kind="work_unit", id="cat", cause="x"), "unknown"),
        (commands.HoldSuspects(kind="tool", id="T-9", cause="x"), "unknown"),
        (commands.HoldSuspects(kind="moon", id="x", cause="x"), "invalid"),
        (commands.HoldSuspects(kind="work_unit", id="adhesive2", cause=" "), "invalid"),
        (commands.HoldSuspects(kind="work_unit", id="adhesive2", cause="x", from_ns=9, to_ns=1), "invalid"),
    ):  # fmt: skip
        assert cell.ask(wish).code == code
    cell.granted(commands.DropOrder(request="8", product="SH-100", quantity=9, due_ns=START_NS))
    cell.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    cell.begin("8-10", "turn1")
    cell.machine("turn1", serial="S1")
    cell.granted(commands.MountTool(tool="T-insert-2", work_unit="turn1"))
    cell.machine("turn1", serial="S2")
    cell.granted(commands.HoldSuspects(kind="tool", id="T-insert-1", cause="chipped"))
    assert [unit(cell, name).disposition == "Restricted" for name in ("S1", "S2")] == [True, False]


def test_a_suspicion_lets_nothing_go_that_quality_has_to_decide(cell: Shop) -> None:
    part(cell, "A1")
    cell.granted(commands.HoldSuspects(kind="lot", id="AD-1", cause="grey"))
    wish = commands.RecordResult(job="7-20", characteristic="adhesive_strength", value=11.0,
                                 unit_of_measure="MPa", unit="A1")  # fmt: skip
    cell.granted(wish)
    cell.granted(commands.ReleaseSuspects(suspicion="SU-1", cause="good"))
    assert unit(cell, "A1").disposition == "Restricted"
    assert cell.store.book.where(Suspicion)[0].released


def test_a_recall_names_the_customers_and_follows_splits_and_merges(cell: Shop) -> None:
    cell.granted(commands.ReceiveLot(lot="AD-0", product="AD-3", quantity=100.0))
    cell.granted(commands.SplitLot(lot="AD-0", into="AD-0b", quantity=40.0))
    cell.granted(commands.MergeLots(lot="AD-0b", into="AD-1"))
    assert (lot(cell, "AD-0").remaining, lot(cell, "AD-1").remaining) == (60.0, 940.0)
    part(cell, "A1")
    found = ask(cell, "recall", lot="AD-0")
    assert found["lots"] == ["AD-0b", "AD-1"]
    assert [(u["unit"], u["customer"]) for u in found["units"]] == [("A1", "Lund")]
    assert found["orders"] == [{"request": "7", "customer": "Lund", "units": 1}]
    eaten = {each["component"]: each for each in ask(cell, "unit", unit="A1")["eaten"]}
    assert eaten["AD-3"]["origins"] == ["AD-0", "AD-0b"]


def test_a_lot_is_split_and_merged_only_where_nothing_gets_lost_or_hidden(cell: Shop) -> None:
    cell.granted(commands.ReceiveLot(lot="AD-2", product="AD-3", quantity=50.0))
    cell.granted(commands.ReceiveLot(lot="SC-1", product="SC-12", quantity=50.0))
    part(cell, "A1")
    for wish, code in (
        (commands.SplitLot(lot="AD-2", into="AD-3x", quantity=50.0), "invalid"),
        (commands.SplitLot(lot="AD-2", into="AD-3x", quantity=-1.0), "invalid"),
        (commands.SplitLot(lot="AD-2", into="AD-3x", quantity=float("inf")), "invalid"),
        (commands.SplitLot(lot="AD-2", into="AD-1", quantity=5.0), "state"),
        (commands.SplitLot(lot="AD-2", into="A1", quantity=5.0), "state"),  # a unit's number
        (commands.SplitLot(lot="AD-9", into="AD-3x", quantity=5.0), "unknown"),
        (commands.SplitLot(lot="AD-2", into="BADGE-12345678", quantity=5.0), "invalid"),
        (commands.MergeLots(lot="AD-2", into="SC-1"), "invalid"),
        (commands.MergeLots(lot="AD-2", into="AD-2"), "invalid"),
        (commands.MergeLots(lot="AD-1", into="AD-2"), "state"),  # it stands at a machine
    ):
        assert cell.ask(wish).code == code, wish
    cell.granted(commands.Hold(kind="lot", id="AD-2", cause="grey"))
    assert cell.ask(commands.MergeLots(lot="AD-2", into="AD-1")).code == "state"
    cell.granted(commands.SplitLot(lot="AD-2", into="AD-2b", quantity=5.0))
    assert (lot(cell, "AD-2b").disposition, lot(cell, "AD-2b").reason) == ("Restricted", "grey")


def test_a_job_order_runs_in_two_parts_and_becomes_one_again(cell: Shop) -> None:
    version = job(cell, "7-30").version
    assert cell.ask(commands.SplitJob(job="7-30", quantity=20, version=version)).code == "invalid"
    assert cell.ask(commands.SplitJob(job="7-30", quantity=5, version=9)).code == "conflict"
    cell.granted(commands.SplitJob(job="7-30", quantity=5, version=version))
    assert (job(cell, "7-30").quantity, job(cell, "7-30.2").quantity) == (15, 5)
    part(cell, "A1")
    lines = {line["job"]: line for line in ask(cell, "board")["lines"]}
    assert lines["7-30.2"]["obstacle"]["kind"] != "before", "the operation before has made one"
    cell.begin("7-30.2", "press2")
    assert (
        cell.ask(commands.MergeJobs(job="7-30.2", into="7-30", version=job(cell, "7-30.2").version)).code
        == "state"
    )
    assert (
        cell.ask(commands.MergeJobs(job="7-30", into="7-40", version=job(cell, "7-30").version)).code
        == "invalid"
    )
    cell.granted(commands.MergeJobs(job="7-30", into="7-30.2", version=job(cell, "7-30").version))
    assert job(cell, "7-30.2").quantity == 20 and cell.store.book.get(JobOrder, "7-30") is None
    chained_and_rebuilt(cell)


def test_scrap_is_taken_back_later_by_quality_with_a_reason_and_a_signature(cell: Shop) -> None:
    cell.granted(commands.SetCredentials(person="P32", pin=PIN))
    part(cell, "A1")
    cell.ask(commands.ReportScrap(job="7-20", cause="damaged", unit="A1"), command_id="s1")
    cell.now_ns += 3_600 * SECOND
    assert cell.ask(commands.UndoScrap(report="s1")).code == "state"
    assert cell.ask(commands.RestoreScrap(report="s1", cause="")).code == "invalid"
    assert cell.ask(commands.RestoreScrap(report="s1", cause="only dust", person="P32")).code == "denied"
    cell.granted(commands.RestoreScrap(report="s1", cause="only dust", person="P32", pin=PIN))
    assert (unit(cell, "A1").disposition, job(cell, "7-20").scrap) == ("Restricted", 0)
    assert cell.ask(commands.RestoreScrap(report="s1", cause="again", person="P32", pin=PIN)).code == "state"
    cell.granted(commands.Release(kind="unit", id="A1", cause="looked at"))
    assert unit(cell, "A1").disposition == "In-Process"
    row = cell.store.book.get(ScrapReport, "s1")
    assert row is not None and row.undone
    chained_and_rebuilt(cell)


def test_a_unit_that_comes_again_under_another_order_takes_its_material_once(cell: Shop) -> None:
    part(cell, "A1")
    left = lot(cell, "AD-1").remaining
    cell.granted(commands.ControlJob(job="7-20", method="Stop"))
    cell.granted(commands.DropOrder(request="8", product="EA-100", quantity=9, due_ns=START_NS))
    cell.begin("8-20", "adhesive2")
    part(cell, "A1")
    assert lot(cell, "AD-1").remaining == left
