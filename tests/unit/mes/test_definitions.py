"""Definitions as versions: what an order follows from its first to its last part, and what it does not."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import BillLine, CommandData, DefinedOperation, ReceiveDefinition
from taktwin.mes.api import QUERIES, TRAILS
from taktwin.mes.definitions.routes import Definitions, compiled
from taktwin.mes.definitions.tables import Master
from taktwin.mes.desk import rebuilt
from taktwin.mes.dispatching.queries import board
from taktwin.mes.execution.tables import JobOrder, Output
from taktwin.mes.performance.figures import unit_time
from taktwin.mes.quality.route_state import route_state
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.tables import Consumption, Unit
from taktwin.plant import open_plant
from taktwin.portal.models.definitions import DefinitionsModel
from taktwin.portal.models.execution import BoardModel
from taktwin.portal.models.performance import PerformanceModel
from taktwin.portal.models.tracking import OrderPage, SerialPage
from taktwin.portal.routes.mes import _in_ms
from taktwin.storage.journal import MemoryTrail
from tests.unit.mes.conftest import PLANT, SECOND, Shop


def step(name: str, kind: str, **more: Any) -> DefinedOperation:
    """Return an operation of ten seconds."""
    return DefinedOperation(name=name, equipment_class=kind, **{"standard_time_s": 10.0, **more})


def received(definition: str = "B", **more: Any) -> ReceiveDefinition:
    """Return EA-100 in three operations, of which the second takes other adhesive than the plant folder's."""
    steps = [
        step("Load", "loader", work_units=["load2"], components=[BillLine(product="HS-1", quantity=1)]),
        step("Bond", "adhesive_cell", work_units=["adhesive2"], standard_time_s=99.0,
             components=[BillLine(product="AD-3", quantity=5, unit="mL")]),
        step("Look", "vision_cell", work_units=["vision2"]),
    ]  # fmt: skip
    whole: dict[str, Any] = {"product": "EA-100", "definition": definition, "operations": steps}
    return ReceiveDefinition(**{**whole, **more})


def approve(shop: Shop, definition: str = "B", version: int = 1) -> None:
    shop.granted(commands.ApproveDefinition(product="EA-100", definition=definition, version=version))


def drop(shop: Shop, request: str, **more: Any) -> list[JobOrder]:
    """Drop an order and return its job orders along the route."""
    shop.granted(commands.DropOrder(request=request, product="EA-100", quantity=2, due_ns=0, **more))
    return sorted(shop.store.book.where(JobOrder, request=request), key=lambda job: job.operation)


def follows(shop: Shop, request: str) -> str:
    found = shop.store.book.get(Request, request)
    assert found is not None
    return found.definition


def test_an_order_follows_what_was_in_force_when_it_came_and_keeps_it(shop: Shop) -> None:
    drop(shop, "1")
    shop.granted(received())
    assert len(drop(shop, "2")) == 8, "nobody has approved it"
    approve(shop)
    jobs = drop(shop, "3")
    assert [(job.name, job.definition, job.last_operation) for job in jobs] == [
        ("Load", "B", False), ("Bond", "B", False), ("Look", "B", True),
    ]  # fmt: skip
    shop.granted(commands.WithdrawDefinition(product="EA-100", definition="B", version=2, cause="bubbles"))
    drop(shop, "4")
    assert [follows(shop, name) for name in "1234"] == ["", "", "B", ""]
    lines = {line.job.job: line for line in board(shop.store.book, shop.definitions, shop.now_ns)}
    assert lines["3-20"].candidates == ("adhesive2",)
    spans = {
        name: line.projected.end_ns - line.projected.begin_ns
        for name in ("1-20", "3-20") if (line := lines[name]).projected is not None
    }  # fmt: skip
    assert spans["3-20"] >= 2 * 99 * SECOND > 2 * 82 * SECOND == spans["1-20"]


def test_parts_take_what_their_orders_version_says_and_go_its_way(shop: Shop) -> None:
    shop.granted(received())
    approve(shop)
    drop(shop, "1")
    shop.granted(commands.ReceiveLot(lot="A", product="AD-3", quantity=100.0))
    shop.granted(commands.LoadLot(lot="A", work_unit="adhesive2"))
    shop.begin("1-20", "adhesive2")
    shop.machine("adhesive2", serial="S1")
    unit = shop.store.book.get(Unit, "S1")
    assert unit is not None and unit.definition == "B"
    eaten = {(row.component, row.lot): row.quantity for row in shop.store.book.where(Consumption, unit="S1")}
    assert eaten == {("HS-1", ""): 1.0, ("AD-3", "A"): 5.0}
    may = route_state(shop.store.book, shop.definitions, "S1", "vision2")
    assert (may.may, may.operation) == (True, 30), "the plant folder has press, screws and leak test before"
    assert route_state(shop.store.book, shop.definitions, "S1", "press2").code == "elsewhere"
    (output,) = [row for row in shop.store.book.where(Output) if row.job == "1-20"]
    assert output.definition == "B"
    time = unit_time(shop.store.book, shop.definitions, "adhesive2", from_ns=output.minute_ns,
                     to_ns=shop.now_ns + 1, now_ns=shop.now_ns)  # fmt: skip
    assert [made.cycle_ns for _, made in time.made] == [99 * SECOND], "its planned run time is the version's"
    file = TRAILS["unit_record"](
        shop.store.book, MemoryTrail(shop.store.entries), shop.definitions, {"unit": "S1", "site": "n"}, 0
    )
    assert msgspec.json.decode(file["content"])["record"]["definition"] == "B"
    told = {key: row for key, row in shop.store.book.rows.items() if key[0] not in ("readings", "positions")}
    assert rebuilt(shop.store.entries).rows == told


def test_machine_parameters_stay_with_the_operation_of_that_name_and_its_machines(shop: Shop) -> None:
    steps = [step("Tighten", "tightener", work_units=["tighten2"])]
    shop.granted(received("B", operations=steps))
    approve(shop)
    drop(shop, "1")
    shop.instruct("WI-40")
    shop.granted(commands.DispatchJob(job="1-10", work_unit="tighten2", version=1))
    begun = shop.ask(commands.BeginJob(job="1-10"))
    assert "command.given" in begun.events, "set/torque and set/angle are loaded before it runs"
    anywhere = shop.ask(received("C", operations=[step("Tighten", "tightener")]))
    assert anywhere.place == "operation 10, work units" and "tighten2" in anywhere.right


@pytest.mark.parametrize(
    ("more", "place", "found"),
    [
        ({"product": "", "name": "x"}, "product", "''"),
        ({"product": "HS-1", "operations": [step("A", "packer")]}, "product", "'HS-1'"),
        ({"definition": "a:b"}, "Version", "'a:b'"),
        ({"definition": ""}, "Version", "''"),
        ({"serialised": False}, "Serialised", "False"),
        ({"effective_ns": 5, "until_ns": 5}, "EffectiveEndDate", "not after its beginning"),
        ({"operations": []}, "operations", "0"),
        ({"operations": [step("A", "packer"), step("A", "packer")]}, "operations, name", "'A' 2 times"),
        ({"operations": [step("A", "packer", segment="1"), step("B", "packer", segment="1")]},
         "operations, ID", "'1' 2 times"),
        ({"operations": [step("", "packer")]}, "operation 10, name", "''"),
        ({"operations": [step("A", "oracle")]}, "operation 10, equipment class", "'oracle'"),
        ({"operations": [step("A", "packer", work_units=["load2"])]}, "operation 10, work units", "'load2'"),
        ({"operations": [step("A", "packer", standard_time_s=0.0)]}, "operation 10, Duration in s", "0.0"),
        ({"operations": [step("A", "packer", setup_s=-1.0)]}, "operation 10, SetupTime in s", "-1.0"),
        ({"operations": [step("A", "packer", batch=0)]}, "operation 10, BatchSize", "0"),
        ({"operations": [step("A", "packer", skills=["poet"])]}, "operation 10, skills", "'poet'"),
        ({"operations": [step("A", "packer", tools=["insert"])]}, "operation 10, tools", "'insert'"),
        ({"operations": [step("A", "packer", components=[BillLine(product="X", quantity=1)])]},
         "operation 10, material", "'X'"),
        ({"operations": [step("A", "packer", components=[BillLine(product="AD-3", quantity=1, unit="L")])]},
         "operation 10, unit of AD-3", "'L'"),
        ({"operations": [step("A", "packer", components=[BillLine(product="HS-1", quantity=0)])]},
         "operation 10, quantity of HS-1", "0.0"),
        ({"operations": [step("A", "packer", components=[BillLine(product="HS-1", quantity=1)] * 2)]},
         "operation 10, material", "'HS-1' 2 times"),
        ({"operations": [step("A", "packer", components=[BillLine(product="EA-100", quantity=1)])]},
         "bill", "EA-100 > EA-100"),
        ({"product": "SH-100",
          "operations": [step("A", "lathe", components=[BillLine(product="EA-100", quantity=1)])]},
         "bill", "SH-100 > EA-100 > SH-100"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_nothing_is_taken(
    shop: Shop, more: dict[str, Any], place: str, found: str
) -> None:
    answer = shop.ask(received(**more))
    assert (answer.accepted, answer.code, answer.place, answer.found) == (False, "invalid", place, found)
    assert answer.right and not answer.also and not shop.store.entries


def test_all_mistakes_are_answered_at_once(shop: Shop) -> None:
    wrong = step("A", "packer", standard_time_s=-1.0, skills=["poet"],
                 components=[BillLine(product="X", quantity=1)])  # fmt: skip
    answer = shop.ask(received(serialised=False, operations=[wrong]))
    assert [answer.place, *(each.place for each in answer.also)] == [
        "Serialised", "operation 10, Duration in s", "operation 10, skills", "operation 10, material",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (received(setup_family="200"), "conflict"),
        (commands.ApproveDefinition(product="EA-100", definition="C", version=1), "unknown"),
        (commands.ApproveDefinition(product="EA-100", definition="B", version=2), "conflict"),
        (commands.WithdrawDefinition(product="EA-100", definition="B", version=1, cause=" "), "invalid"),
        (commands.DropOrder(request="1", product="EA-100", quantity=1, due_ns=0, definition="B"), "state"),
        (commands.DropOrder(request="1", product="EA-100", quantity=1, due_ns=0, definition="C"), "unknown"),
    ],
)
def test_a_version_says_one_thing_for_ever_and_is_decided_once(
    shop: Shop, wish: CommandData, code: str
) -> None:
    shop.granted(received())
    assert shop.granted(received()).events == [], "the same again"
    entries = len(shop.store.entries)
    assert shop.ask(wish).code == code
    assert len(shop.store.entries) == entries
    approve(shop)
    assert shop.ask(commands.ApproveDefinition(product="EA-100", definition="B", version=2)).code == "state"
    shop.granted(commands.WithdrawDefinition(product="EA-100", definition="B", version=2, cause="no"))
    again = commands.WithdrawDefinition(product="EA-100", definition="B", version=3, cause="no")
    assert shop.ask(again).code == "state" and shop.ask(received()).code == "state"


def test_what_began_to_count_last_counts_and_what_is_over_does_not(shop: Shop) -> None:
    hour = 3600 * SECOND
    now = shop.now_ns
    shop.granted(received("later", effective_ns=now + hour, until_ns=now + 2 * hour))
    approve(shop, "later")
    shop.granted(received("old", effective_ns=now - hour))
    approve(shop, "old")
    drop(shop, "1")
    shop.now_ns = now + hour
    drop(shop, "2")
    drop(shop, "3", definition="old")
    shop.now_ns = now + 2 * hour
    drop(shop, "4")
    assert [follows(shop, name) for name in "1234"] == ["old", "later", "old", "old"]
    shop.granted(received("over", until_ns=now + hour))
    assert (
        shop.ask(commands.ApproveDefinition(product="EA-100", definition="over", version=1)).code == "state"
    )


def test_whose_word_counts_says_the_plant_folder(definitions: Definitions) -> None:
    assert definitions.owner == "mes"
    registry = open_plant(PLANT)
    rule = msgspec.structs.replace(next(iter(registry.authority.values())), authority="erp", peers=["mes"])
    owned = dataclasses.replace(registry, authority={**registry.authority, "product.definition": rule})
    shop = Shop(compiled(owned))
    answer = shop.granted(received())
    assert answer.events == ["operations.definition.received", "operations.definition.approved"]
    drop(shop, "1")
    assert follows(shop, "1") == "B"


def test_a_plant_that_changed_makes_no_new_order_by_a_version_that_it_no_longer_fits(shop: Shop) -> None:
    shop.granted(received())
    approve(shop)
    drop(shop, "1")
    smaller = {unit: kind for unit, kind in shop.definitions.classes.items() if unit != "vision2"}
    after = Shop(dataclasses.replace(shop.definitions, classes=smaller), shop.store)
    after.now_ns = shop.now_ns
    wish = commands.DropOrder(request="2", product="EA-100", quantity=1, due_ns=0)
    answer = after.ask(wish, command_id="later")
    assert not answer.accepted and "vision2" in answer.found
    assert after.ask(commands.DispatchJob(job="1-10", work_unit="load2", version=1)).accepted, (
        "it keeps its own"
    )


def test_versions_are_shown_with_what_is_otherwise_and_what_falls_away(shop: Shop) -> None:
    shop.instruct("WI-40")
    shop.granted(received())
    asked = QUERIES["definitions"](shop.store.book, shop.definitions, {}, shop.now_ns)
    (product,) = [each for each in asked["products"] if each["product"] == "EA-100"]
    version, plant = product["versions"]
    assert (plant["definition"], plant["in_force"], version["in_force"]) == ("", True, False)
    found = {each["what"]: (each["now"], each["before"]) for each in version["differences"]}
    assert found["operation 20, Duration in s"] == ("99", "82")
    assert found["operation 20, material"] == ("5 mL of AD-3", "14 mL of AD-3")
    assert found["operations"][0] == "Load, Bond, Look"
    where = {each["what"]: (each["operation"], each["field"]) for each in version["differences"]}
    assert where["operation 20, Duration in s"] == (20, "standard_time_s")
    assert where["operation 20, material"] == (20, "components")
    assert where["operations"] == (0, "operations")
    assert "Tighten: parameters angle, torque" in version["falls_away"]
    assert "Tighten: instruction WI-40" in version["falls_away"]
    approve(shop)
    drop(shop, "1")
    asked = QUERIES["definitions"](shop.store.book, shop.definitions, {}, shop.now_ns)
    version, plant = next(each for each in asked["products"] if each["product"] == "EA-100")["versions"]
    assert version["in_force"] and not plant["in_force"] and (version["orders"], plant["orders"]) == (1, 0)
    row = shop.store.book.get(Master, "EA-100:B")
    assert row is not None and row.from_ns == version["from_ns"]


def test_nothing_that_is_otherwise_or_falls_away_is_kept_back(shop: Shop) -> None:
    load = step("Load", "loader", work_units=["load2"], batch=2, setup_s=60.0)
    shop.granted(received(operations=[load, step("Press", "press", work_units=["press2"])]))
    shop.granted(received("C", operations=[load]))
    asked = QUERIES["definitions"](shop.store.book, shop.definitions, {}, shop.now_ns)
    (product,) = [each for each in asked["products"] if each["product"] == "EA-100"]
    versions = {each["definition"]: each for each in product["versions"]}
    found = {each["what"]: (each["now"], each["before"]) for each in versions["B"]["differences"]}
    assert found["operation 10, BatchSize"] == ("2", "1")
    assert found["operation 10, SetupTime in s"] == ("60", "0")
    assert found["operation 10, skills"] == ("", "assembler")
    assert found["operation 20, tools"] == ("", "press_nest")
    away = set(versions["B"]["falls_away"])
    assert {"Bond: checklist bond_start", "Bond: inspection Bead width"} <= away
    assert "Press: rework route rebond" not in away
    assert "Press: rework route rebond" in versions["C"]["falls_away"]


def test_the_page_is_told_of_versions_in_its_own_shapes(shop: Shop) -> None:
    shop.granted(received())
    approve(shop)
    drop(shop, "1")
    shop.begin("1-20", "adhesive2")
    shop.machine("adhesive2", serial="S1")

    def asked(name: str, **wish: Any) -> Any:
        return _in_ms(QUERIES[name](shop.store.book, shop.definitions, wish, shop.now_ns))

    assert OrderPage.model_validate(asked("order", request="1")).order.definition == "B"
    assert SerialPage.model_validate(asked("unit", unit="S1")).unit.definition == "B"
    shown = BoardModel.model_validate(asked("board"))
    assert {line.definition for line in shown.lines} == {"B"}
    assert "adhesive2" not in shown.free_since_ms and shown.free_since_ms["adhesive3"] == 0
    assert _in_ms({"free_since_ns": {"press1": 2 * SECOND}}) == {"free_since_ms": {"press1": 2000}}
    shown = DefinitionsModel.model_validate(asked("definitions"))
    assert [each.product for each in shown.products] == list(shop.definitions.products) and shown.approves
    assert PerformanceModel.model_validate(asked("performance", scope="adhesive2"))
