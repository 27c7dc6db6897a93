"""Tools and gauges: mounted, worn by counts, changed, refused; and calibration that expires."""

from __future__ import annotations

import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, CommandData
from taktwin.mes.collection.actions import Heard
from taktwin.mes.decision import Asking, Refused
from taktwin.mes.desk import rebuilt
from taktwin.mes.dispatching.queries import board
from taktwin.mes.maintenance.queries import maintenance, upkeep
from taktwin.mes.maintenance.tables import MaintenanceOrder
from taktwin.mes.tooling.engine import kind_of, wear
from taktwin.mes.tooling.gauges import DAY_NS, refuse_uncalibrated
from taktwin.mes.tooling.tables import Gauge, Mounting, Tool
from taktwin.plant.schema import Tool as Kind
from tests.unit.mes.conftest import START_NS, Shop

LIFE = 400  # of an insert, in the demo plant


def tool(shop: Shop, name: str) -> Tool:
    row = shop.store.book.get(Tool, name)
    assert row is not None
    return row


def whole(shop: Shop) -> None:
    told = {key: row for key, row in shop.store.book.rows.items() if key[0] not in ("readings", "positions")}
    assert rebuilt(shop.store.entries).rows == told


def refused(answer: Answer, *words: str) -> None:
    said = f"{answer.code} {answer.place} {answer.found} {answer.right}"
    assert not answer.accepted and all(word in said for word in words), said


def obstacle(shop: Shop, job: str) -> tuple[str, str, str] | None:
    found = {line.job.job: line.obstacle for line in board(shop.store.book, shop.definitions, shop.now_ns)}[
        job
    ]
    return None if found is None else (found.kind.value, found.subject, found.detail)


def shaft(shop: Shop, request: str = "1") -> None:
    """An order of shafts whose first operation can run on turn1."""
    shop.granted(commands.DropOrder(request=request, product="SH-100", quantity=900, due_ns=START_NS))
    shop.granted(commands.ReceiveLot(lot=f"ST-{request}", product="ST-42", quantity=9000))
    shop.granted(commands.LoadLot(lot=f"ST-{request}", work_unit="turn1"))
    shop.granted(commands.DispatchJob(job=f"{request}-10", work_unit="turn1", version=1))


def test_a_plant_that_never_mounted_a_tool_is_asked_nothing(shop: Shop) -> None:
    shaft(shop)
    shop.machine("turn1", parts=3 * LIFE)
    assert obstacle(shop, "1-10") is None
    shop.granted(commands.BeginJob(job="1-10"))


def test_a_life_counts_good_and_rejected_parts_and_a_worn_tool_lets_nothing_begin(shop: Shop) -> None:
    shaft(shop)
    shop.machine("turn1")
    shop.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    shop.machine("turn1", parts=LIFE - 2)
    shop.machine("turn2", parts=5)
    assert tool(shop, "T-insert-1").parts == LIFE - 2
    line = maintenance(shop.store.book, shop.definitions, {}, shop.now_ns)["tools"][0]
    assert (line["soon"], line["worn"]) == (True, False)
    assert obstacle(shop, "1-10") is None
    shop.machine("turn1", kind="reject", parts=2)
    assert obstacle(shop, "1-10") == ("tool", "insert", f"T-insert-1 {LIFE}/{LIFE}")
    refused(shop.ask(commands.BeginJob(job="1-10")), "not_ready", "insert of turn1", "worn out")
    refused(shop.ask(commands.MountTool(tool="T-insert-1", work_unit="turn2")), "state", "turn1")
    whole(shop)


def test_a_change_order_is_confirmed_and_life_begins_anew_and_the_old_history_stays(shop: Shop) -> None:
    shaft(shop)
    shop.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    shop.machine("turn1", parts=LIFE)
    wish = commands.RequestMaintenance(work_unit="turn1", kind="tool_change", tool_kind="insert")
    name = shop.granted(wish).subject
    refused(shop.ask(wish), "state", name)
    refused(shop.ask(commands.StartMaintenance(order=name)), "tool change", "tool.change")
    here = upkeep(shop.store.book, shop.definitions, {"work_unit": "turn1"}, shop.now_ns)
    assert [row["order"] for row in here["orders"]] == [name]
    shop.granted(commands.ChangeTool(order=name))
    new = f"T-insert-{name}"
    assert (tool(shop, new).work_unit, tool(shop, new).parts) == ("turn1", 0)
    row = shop.store.book.get(MaintenanceOrder, name)
    assert row is not None and (row.state, row.done, row.person) == ("Ended", new, "P01")
    assert obstacle(shop, "1-10") is None
    old = shop.store.book.where(Mounting, tool="T-insert-1")[0]
    assert (old.parts, old.reason) == (LIFE, "changed") and old.dismounted_ns > old.mounted_ns
    refused(shop.ask(commands.ChangeTool(order=name)), "state", name, "Ended")
    refused(shop.ask(commands.MountTool(tool="T-insert-1", work_unit="turn2")), "worn out", "400 of 400")
    whole(shop)


def test_the_scan_of_the_new_tool_confirms_the_order_too_and_twice_is_once(shop: Shop) -> None:
    shop.granted(commands.MountTool(tool="T-hob-1", work_unit="hob1"))
    name = shop.granted(
        commands.RequestMaintenance(work_unit="hob1", kind="tool_change", tool_kind="hob")
    ).subject
    shop.granted(commands.MountTool(tool="T-hob-1", work_unit="hob1"))
    row = shop.store.book.get(MaintenanceOrder, name)
    assert row is not None and row.state == "NotAllowedToStart", "the old one was scanned"
    shop.granted(commands.MountTool(tool="T-hob-2", work_unit="hob1"))
    before = len(shop.store.entries)
    shop.granted(commands.MountTool(tool="T-hob-2", work_unit="hob1"))
    row = shop.store.book.get(MaintenanceOrder, name)
    assert row is not None and (row.state, row.done) == ("Ended", "T-hob-2")
    assert len(shop.store.entries) == before
    whole(shop)


def test_a_tool_takes_its_life_along_to_another_machine(shop: Shop) -> None:
    shop.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    shop.machine("turn1", parts=7)
    refused(shop.ask(commands.MountTool(tool="T-insert-1", work_unit="turn2")), "state", "turn1")
    shop.granted(commands.DismountTool(tool="T-insert-1", cause="needed at turn2"))
    refused(shop.ask(commands.DismountTool(tool="T-insert-1", cause="again")), "state", "not mounted")
    shop.machine("turn1", parts=5)
    shop.granted(commands.MountTool(tool="T-insert-1", work_unit="turn2"))
    shop.machine("turn2", parts=3)
    assert tool(shop, "T-insert-1").parts == 10
    rows = shop.store.book.where(Mounting, tool="T-insert-1")
    assert [(row.work_unit, row.parts) for row in rows] == [("turn1", 7), ("turn2", 3)]
    shaft(shop)
    assert obstacle(shop, "1-10") == ("tool", "insert", "none")
    whole(shop)


def test_a_count_that_comes_late_wears_the_tool_that_was_there(shop: Shop) -> None:
    shop.machine("turn1")
    shop.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    made_ns = shop.now_ns + 1
    shop.granted(commands.MountTool(tool="T-insert-2", work_unit="turn1"))
    value = shop.counters["turn1/good_count"] + 4
    shop.desk.hear([Heard("turn1/good_count", value, made_ns)], stream="SAMPLES", position=9)
    assert (tool(shop, "T-insert-1").parts, tool(shop, "T-insert-2").parts) == (4, 0)
    whole(shop)


def test_a_service_in_place_begins_its_own_count_and_leaves_the_life(shop: Shop) -> None:
    shop.granted(commands.MountTool(tool="T-grinding_wheel-1", work_unit="grind1"))
    shop.machine("grind1", parts=60)
    line = maintenance(shop.store.book, shop.definitions, {}, shop.now_ns)["tools"][0]
    assert line["service_due"] and not line["worn"]
    shop.granted(commands.ServiceTool(tool="T-grinding_wheel-1"))
    assert (tool(shop, "T-grinding_wheel-1").parts, tool(shop, "T-grinding_wheel-1").parts_since_service) == (
        60, 0)  # fmt: skip
    shop.granted(commands.MountTool(tool="T-hob-1", work_unit="hob1"))
    refused(shop.ask(commands.ServiceTool(tool="T-hob-1")), "state", "hob")


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (commands.MountTool(tool="T-insert-1", work_unit="nowhere"), ("unknown", "nowhere")),
        (commands.MountTool(tool="T-hob-1", work_unit="turn1"), ("invalid", "a hob", "insert")),
        (commands.MountTool(tool="17", work_unit="turn1"), ("unknown", "names none", "insert")),
        (commands.MountTool(tool="T-hob-1", kind="insert", work_unit="turn1"), ("invalid", "insert'", "hob")),
        (commands.MountTool(tool="T-insert-1", work_unit="pack5"), ("invalid", "no operation at pack5")),
        (commands.MountTool(tool=" ", work_unit="turn1"), ("invalid", "1 to 80")),
        (commands.MountTool(tool="T-insert-" + "1" * 90, work_unit="turn1"), ("invalid", "1 to 80")),
        (commands.DismountTool(tool="T-x", cause="x"), ("unknown", "T-x")),
        (commands.ChangeTool(order="M9"), ("unknown", "M9")),
        (commands.CalibrateGauge(gauge="C1", kind="ruler"), ("unknown", "ruler", "caliper")),
        (commands.CalibrateGauge(gauge="", kind="caliper"), ("invalid", "gauge")),
        (commands.CalibrateGauge(gauge="C1", kind="caliper", until_ns=START_NS + 999 * DAY_NS),
         ("invalid", "180 days")),
        (commands.CalibrateGauge(gauge="C1", kind="caliper", until_ns=-5), ("invalid", "-5")),
        (commands.UseGauge(gauge="C1"), ("unknown", "C1")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(shop: Shop, wish: CommandData, words: tuple[str, ...]) -> None:
    refused(shop.ask(wish), *words)
    assert shop.store.entries == []


def test_a_change_with_a_tool_of_another_kind_or_the_one_that_is_in_changes_nothing(shop: Shop) -> None:
    shop.granted(commands.MountTool(tool="T-hob-1", work_unit="hob1"))
    name = shop.granted(
        commands.RequestMaintenance(work_unit="hob1", kind="tool_change", tool_kind="hob")
    ).subject
    refused(shop.ask(commands.ChangeTool(order=name, tool="T-hob-1")), "state", "mounted there already")
    refused(shop.ask(commands.ChangeTool(order=name, tool="T-insert-1")), "invalid", "insert")
    repair = shop.granted(commands.RequestMaintenance(work_unit="hob1", about="leak")).subject
    refused(shop.ask(commands.ChangeTool(order=repair, tool="T-hob-2")), "state", "corrective")


def test_nobody_has_another_tool_changed_than_the_one_that_is_in(shop: Shop) -> None:
    """Whoever names a tool saw it there: where it was changed meanwhile, a new one would be thrown away."""

    def change(tool: str) -> commands.RequestMaintenance:
        return commands.RequestMaintenance(
            work_unit="turn1", kind="tool_change", tool_kind="insert", tool=tool
        )

    refused(shop.ask(change("T-insert-1")), "conflict", "insert of turn1", "none is mounted")
    shop.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    shop.granted(commands.MountTool(tool="T-insert-2", work_unit="turn2"))
    refused(shop.ask(change("T-insert-2")), "conflict", "insert of turn1", "T-insert-1", "meanwhile")
    shop.granted(commands.MountTool(tool="T-insert-3", work_unit="turn1"))
    refused(shop.ask(change("T-insert-1")), "conflict", "T-insert-3", "T-insert-1: it was changed meanwhile")
    assert shop.store.book.where(MaintenanceOrder) == []
    name = shop.granted(change("T-insert-3")).subject
    row = shop.store.book.get(MaintenanceOrder, name)
    assert row is not None and (row.work_unit, row.tool_kind) == ("turn1", "insert")


def test_a_gauge_out_of_calibration_is_refused_with_when_it_expired(shop: Shop) -> None:
    shop.granted(commands.CalibrateGauge(gauge="C1", kind="caliper"))
    shop.granted(commands.UseGauge(gauge="C1", work_unit="turn1"))
    row = shop.store.book.get(Gauge, "C1")
    assert row is not None and row.used_ns == shop.now_ns
    shop.now_ns = row.until_ns - 2_000_000_000
    shop.granted(commands.UseGauge(gauge="C1"))
    refused(shop.ask(commands.UseGauge(gauge="C1")), "not_ready", "C1", "expired 2027-07-14")
    shop.granted(commands.CalibrateGauge(gauge="C1"))
    shop.granted(commands.UseGauge(gauge="C1"))
    shop.granted(commands.CalibrateGauge(gauge="C1", passed=False))
    refused(shop.ask(commands.UseGauge(gauge="C1")), "not_ready", "failed its calibration")
    refused(shop.ask(commands.CalibrateGauge(gauge="C1", kind="torque_wrench")), "invalid", "caliper")
    refused(shop.ask(commands.UseGauge(gauge="C1", work_unit="nowhere")), "unknown", "nowhere")
    whole(shop)


def test_another_decider_may_ask_for_a_gauge(shop: Shop) -> None:
    shop.granted(commands.CalibrateGauge(gauge="C1", kind="caliper", until_ns=shop.now_ns + 10**9))
    asking = Asking(shop.definitions, shop.now_ns)
    with pytest.raises(Refused, match="expired"):
        refuse_uncalibrated(shop.store.book, "C1", asking)
    with pytest.raises(Refused, match="C2"):
        refuse_uncalibrated(shop.store.book, "C2", asking)


def test_a_code_names_the_longest_kind_that_it_begins_with() -> None:
    kinds = ("hob", "hob-fine", "insert")
    assert kind_of("T-hob-12", kinds) == "hob"
    assert kind_of("T-hob-fine-12", kinds) == "hob-fine"
    assert kind_of("hob-12", kinds) == kind_of("T-saw-1", kinds) == kind_of("AD-3-0712", kinds) == ""


def test_wear_goes_by_parts() -> None:
    kind = Kind(name="x", life_parts=10, service_every_parts=4)
    assert not wear(kind, parts=8, parts_since_service=3).soon
    assert wear(kind, parts=9, parts_since_service=4).soon
    worn = wear(kind, parts=12, parts_since_service=0)
    assert worn.worn and worn.parts_left == 0 and not worn.service_due
