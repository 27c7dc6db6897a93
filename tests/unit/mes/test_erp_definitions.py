"""Bills and routings: those in force leave as B2MML, an ERP's come in as versions, whole or not at all."""

from __future__ import annotations

import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import ImportReport
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.tables import Master
from taktwin.mes.definitions.versions import Routes, operations_of
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.exchange.queries import QUERIES
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.tables import Request
from taktwin.standards import b2mml
from tests.support_b2mml import valid
from tests.unit.mes.conftest import Shop


def shown(shop: Shop) -> str:
    """Return the plant's definitions as they leave."""
    asked = QUERIES["b2mml_definitions"](shop.store.book, shop.definitions, {"sender": "n"}, shop.now_ns)
    return str(asked["content"].decode())


def send(shop: Shop, message: str) -> ImportReport:
    """Send definitions as an ERP does."""
    importer = Importer(shop.desk, shop.store, shop.definitions, sender="n", time_zone="Europe/Vienna")
    return importer.take("b2mml", message.encode(), actor="erp", actor_type="service", at_ns=shop.now_ns)


def test_what_leaves_comes_back_as_the_same_and_changes_nothing(shop: Shop, definitions: Definitions) -> None:
    report = send(shop, shown(shop))
    assert [(row.request, row.accepted, row.remark) for row in report.rows] == [
        (name, True, "") for name in definitions.products
    ]
    assert "AcknowledgeOperationsDefinition" in report.document and not shop.store.entries


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("PT82.0S", "PT84S", "operation 20, Duration in s: found 84; expected 82"),
        (">14.0<", ">15<", "operation 20, material: found 15 mL of AD-3; expected 14 mL of AD-3"),
        (">load2<", ">load3<", "operation 10, work units: found load3; expected load2"),
        (">Bond<", ">Glue<", "operations: found Load, Glue"),
        (">100<", ">200<", "SetupFamily: found 200; expected 100"),
    ],
)
def test_what_says_no_version_is_compared_and_nothing_of_it_is_taken(
    shop: Shop, old: str, new: str, words: str
) -> None:
    whole = shown(shop)
    at = whole.index(">EA-100<")
    assert old in whole[at:]
    report = send(shop, whole[:at] + whole[at:].replace(old, new, 1))
    refused = {row.request: row for row in report.rows if not row.accepted}
    assert list(refused) == ["EA-100"], "the others are the plant's"
    assert refused["EA-100"].code == "invalid" and words in refused["EA-100"].reason, refused
    assert "Version: found nothing" in refused["EA-100"].reason
    assert "Rejected" in report.document and not shop.store.entries


def anew(shop: Shop, version: str = "B") -> str:
    """Return the definition of EA-100 alone, as an ERP's new version, with another time and bill."""
    (only,) = [each for each in b2mml.definitions(b2mml.read(shown(shop).encode()))
               if isinstance(each, b2mml.DefinitionIn) and each.definition.product == "EA-100"]  # fmt: skip
    message = b2mml.show_operations_definitions([only.definition], sender="erp", at_ns=shop.now_ns).decode()
    said = f"<b2mml:Version>{version}</b2mml:Version><b2mml:OperationsType>"
    return (
        message.replace(">82.0<", ">84<").replace("PT82.0S", "PT84S").replace(">14.0<", ">15<")
        .replace("<b2mml:OperationsType>", said, 1)
        .replace(">20<", ">0025<", 1)
    )  # fmt: skip


def test_a_version_comes_in_and_leaves_as_it_came_once_it_is_in_force(shop: Shop) -> None:
    came = anew(shop)
    report = send(shop, came)
    assert [(row.request, row.accepted, row.remark) for row in report.rows] == [("EA-100", True, "")]
    assert ">B<" not in shown(shop), "nobody approved it"
    shop.granted(commands.ApproveDefinition(product="EA-100", definition="B", version=1))
    left = shown(shop)
    valid(left)
    entries = len(shop.store.entries)
    again = send(shop, left)
    assert all(row.accepted for row in again.rows) and len(shop.store.entries) == entries, again.rows
    (wanted,) = b2mml.definitions(b2mml.read(came.encode()))
    assert wanted in b2mml.definitions(b2mml.read(left.encode()))
    (bond,) = [each for each in _made(shop) if each.segment == "0025"]
    assert (bond.name, bond.time_s, bond.components[0].quantity) == ("Bond", 84.0, 15.0)


def _made(shop: Shop) -> tuple[b2mml.Segment, ...]:
    found = b2mml.definitions(b2mml.read(shown(shop).encode()))
    return next(each.definition.segments for each in found
                if isinstance(each, b2mml.DefinitionIn) and each.definition.product == "EA-100")  # fmt: skip


def test_each_mistake_of_a_version_is_named_and_nothing_of_it_is_taken(shop: Shop) -> None:
    bad = anew(shop).replace(">assembler<", ">poet<").replace(">press2<", ">press9<").replace("PT84S", "PT0S")
    (row,) = send(shop, bad).rows
    assert not row.accepted and row.code == "invalid"
    for words in ("operation 10, skills: found 'poet'", "operation 20, Duration in s: found 0.0",
                  "operation 30, work units: found 'press9'; expected some of press2, press3"):  # fmt: skip
        assert words in row.reason, row.reason
    assert not shop.store.entries and not shop.store.book.where(Master)


def test_an_order_and_its_job_orders_leave_with_the_version_that_they_follow(shop: Shop) -> None:
    send(shop, anew(shop))
    shop.granted(commands.ApproveDefinition(product="EA-100", definition="B", version=1))
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=1, due_ns=shop.now_ns))
    answers = [
        QUERIES[name](shop.store.book, shop.definitions, {"sender": "n", "request": "1"}, shop.now_ns)
        for name in ("b2mml_orders", "b2mml_jobs", "b2mml_work")
    ]
    for answer in answers:
        valid(answer["content"].decode())
    (order,) = b2mml.read_operations_schedule(answers[0]["content"]).requests
    assert isinstance(order, b2mml.OrderIn) and order.definition == "B"
    job = b2mml.job_list(b2mml.read(answers[1]["content"]))[0]
    assert isinstance(job, b2mml.JobIn) and job.job.definition == "B"
    assert {each.definition for each in b2mml.read_work_performance(answers[2]["content"])} == {"B"}
    again = answers[0]["content"].decode().replace("1</b2mml:ID>", "2</b2mml:ID>")
    assert all(row.accepted for row in send(shop, again).rows)
    found = shop.store.book.get(Request, "2")
    assert found is not None and found.definition == "B"
    assert (
        not send(shop, again.replace(">B<", ">C<").replace("2</b2mml:ID>", "3</b2mml:ID>")).rows[0].accepted
    )


def test_a_product_that_only_the_erp_knows_is_made_of_equipment_that_is_here(shop: Shop) -> None:
    new = anew(shop).replace(">EA-100<", ">EA-300<").replace(">E-axle 100 kW<", ">E-axle 300 kW<")
    (row,) = send(shop, new).rows
    assert row.accepted, row.reason
    order = commands.DropOrder(request="7", product="EA-300", quantity=2, due_ns=shop.now_ns)
    assert shop.ask(order).code == "unknown", "not before it is approved"
    shop.granted(commands.ApproveDefinition(product="EA-300", definition="B", version=1))
    shop.granted(order)
    jobs = shop.store.book.where(JobOrder, request="7")
    assert [job.operation for job in sorted(jobs, key=lambda job: job.operation)] == list(range(10, 90, 10))
    refused = send(shop, shown(shop).replace(">EA-100<", ">PU-1<", 1))
    assert "PU-1" in [each.request for each in refused.rows if not each.accepted]


def test_what_goes_in_comes_in_before_what_it_goes_into(shop: Shop) -> None:
    part = anew(shop).replace(">EA-100<", ">SUB-1<").replace(">SH-100<", ">HS-1<", 99)
    whole = anew(shop).replace(">EA-100<", ">TOP-1<").replace(">SH-100<", ">SUB-1<")

    def noun(text: str) -> str:
        return text[text.index("<b2mml:OperationsDefinition>") : text.index("</b2mml:DataArea>")]

    part = (
        noun(part)
        .replace("<b2mml:MaterialSpecification>", "<!--", 1)
        .replace("</b2mml:MaterialSpecification>", "-->", 1)
    )
    both = whole.replace(noun(whole), noun(whole) + part)
    report = send(shop, both)
    assert [(row.request, row.accepted) for row in report.rows] == [("TOP-1", True), ("SUB-1", True)], (
        report.rows
    )
    early = shop.ask(commands.ApproveDefinition(product="TOP-1", definition="B", version=1))
    assert "SUB-1" in early.found and not early.accepted, "what goes in cannot be made yet"
    for name in ("SUB-1", "TOP-1"):
        shop.granted(commands.ApproveDefinition(product=name, definition="B", version=1))


def test_an_erp_takes_back_what_nobody_approved_and_nothing_else(shop: Shop) -> None:
    expression = '<b2mml:ActionCriteria><b2mml:ActionExpression actionCode="Delete"/></b2mml:ActionCriteria>'

    def deleted(text: str) -> str:
        return text.replace("<b2mml:Show />", f"<b2mml:Show>{expression}</b2mml:Show>")

    assert not any(row.accepted for row in send(shop, deleted(shown(shop))).rows), "the plant folder's"
    assert not shop.store.entries
    for version in ("B", "C"):
        send(shop, anew(shop, version))
    assert send(shop, deleted(anew(shop, "B"))).rows[0].accepted
    shop.granted(commands.ApproveDefinition(product="EA-100", definition="C", version=1))
    (row,) = send(shop, deleted(anew(shop, "C"))).rows
    assert not row.accepted and row.code == "owner"
    assert {row.definition: row.state for row in shop.store.book.where(Master)} == {
        "B": "Withdrawn", "C": "Approved"
    }  # fmt: skip


def test_the_plants_definitions_are_valid_by_the_official_schema(shop: Shop) -> None:
    valid(shown(shop))
    valid(send(shop, shown(shop)).document)
    assert len(b2mml.definitions(b2mml.read(shown(shop).encode()))) == len(shop.definitions.products)


HEADER = "product;definition;operation;name;class;time_s;work_units;skills;component;quantity;unit;effective"
ROWS = """EA-100;B;10;Load;loader;80;load2;assembler;SH-100;1;;2027-01-01
EA-100;B;10;;;;;;HS-1;1;;
EA-100;B;20;Bond;adhesive_cell;84.5;adhesive2 adhesive3;;AD-3;15;mL;
EA-200;9;0010;Load;loader;80;;assembler;;;;"""


def send_csv(shop: Shop, text: str) -> ImportReport:
    importer = Importer(shop.desk, shop.store, shop.definitions, sender="n", time_zone="Europe/Vienna")
    return importer.take("csv", text.encode(), actor="erp", actor_type="service", at_ns=shop.now_ns)


def test_definitions_come_in_as_csv_an_operation_a_row(shop: Shop) -> None:
    report = send_csv(shop, f"{HEADER}\n{ROWS}")
    assert [(row.request, row.accepted, row.reason) for row in report.rows] == [
        ("EA-100", True, ""), ("EA-200", True, ""),
    ]  # fmt: skip
    row = shop.store.book.get(Master, "EA-100:B")
    assert row is not None and row.effective_ns == 1_798_758_000_000_000_000, "midnight in Vienna"
    assert (row.name, row.serialised, row.setup_family) == ("E-axle 100 kW", True, "100"), (
        "not said: as it is"
    )
    load, bond = operations_of(row)
    assert [(line.product, line.quantity) for line in load.components] == [("SH-100", 1.0), ("HS-1", 1.0)]
    assert (bond.standard_time_s, bond.work_units) == (84.5, ["adhesive2", "adhesive3"])
    other = shop.store.book.get(Master, "EA-200:9")
    assert other is not None and operations_of(other)[0].segment == "0010"
    assert len(send_csv(shop, f"{HEADER}\n{ROWS}").rows) == 2 and len(shop.store.entries) == 2, "done once"


WHOLE = """product;definition;operation;name;class;time_s;work_units;batch;setup_s;skills;tools;component;\
quantity;unit;setup_family;serialised;effective;until
SUB-9;9;0010;Turn;lathe;80;turn1 turn2;2;700;machinist;insert;ST-42;2.5;kg;110;Yes;2026-01-01;2099-01-01
SUB-9;9;20;Harden;furnace;1000;;24;;;;;;;;;;"""


def test_all_that_a_csv_can_say_is_followed_and_leaves_again(shop: Shop) -> None:
    assert [(row.accepted, row.reason) for row in send_csv(shop, WHOLE).rows] == [(True, "")]
    shop.granted(commands.ApproveDefinition(product="SUB-9", definition="9", version=1))
    made = Routes(shop.store.book, shop.definitions).version("SUB-9", "9")
    assert made is not None and (made.setup_family, made.serialised) == ("110", True)
    turn, harden = made.operations
    assert (turn.batch, turn.setup_s, turn.skills, turn.tools) == (2, 700.0, ("machinist",), ("insert",))
    assert (turn.work_units, turn.segment) == (("turn1", "turn2"), "0010")
    assert (harden.batch, harden.setup_s, harden.segment) == (24, 0.0, "")
    left = shown(shop)
    (said,) = [each.definition for each in b2mml.definitions(b2mml.read(left.encode()))
               if isinstance(each, b2mml.DefinitionIn) and each.definition.product == "SUB-9"]  # fmt: skip
    assert (said.version, said.setup_family, said.serialised) == ("9", "110", True)
    assert (said.effective_ns, said.until_ns) == (1_767_222_000_000_000_000, 4_070_905_200_000_000_000)
    assert [(each.batch, each.setup_s, each.skills, each.tools) for each in said.segments] == [
        (2, 700.0, ("machinist",), ("insert",)), (24, 0.0, (), ()),
    ]  # fmt: skip
    valid(left)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (";84.5;", ";84,5;", "line 4, time_s: found '84,5'; expected a number"),
        (";84.5;", ";-1;", "operation 20, Duration in s: found -1.0"),
        ("HS-1;1", "HS-1;some", "line 3, quantity: found 'some'"),
        (";;;;;;HS-1;1;;", ";;;;;;;;;", "line 3, component: found nothing"),
        (";;;;;;HS-1", ";Lead;;;;;HS-1", "line 3, name: found 'Lead'; expected 'Load'"),
        ("EA-100;B;20", "EA-100;;20", "line 4, definition: found nothing"),
        ("EA-100;B;10;;", "EA-100;B;15;;", "line 3, name: found nothing"),
        ("2027-01-01", "soon", "line 2, effective: found 'soon'"),
        ("adhesive_cell", "oracle", "operation 20, equipment class: found 'oracle'"),
        ("HS-1;1;;", "HS-1;1;;2028-01-01", "line 3, effective: found '2028-01-01'; expected '2027-01-01'"),
        ("mL;", "mL;\nEA-100;B;10;;;;;;BR-7;2;;", "line 5, operation: found '10' again, behind '20'"),
    ],
)
def test_a_bad_row_keeps_its_definition_out_and_no_other_one(
    shop: Shop, old: str, new: str, words: str
) -> None:
    assert old in ROWS
    report = send_csv(shop, f"{HEADER}\n{ROWS.replace(old, new, 1)}")
    assert words in "; ".join(row.reason for row in report.rows), report.rows
    assert "EA-200" in [row.request for row in report.rows if row.accepted]
    assert shop.store.book.get(Master, "EA-100:B") is None


@pytest.mark.parametrize(("old", "new"), [("EA-100;B;20;", ";B;20;"), (";AD-3;15;mL;", ";AD-3;15")])
def test_a_row_of_which_nobody_knows_whose_it_is_keeps_all_out(shop: Shop, old: str, new: str) -> None:
    assert old in ROWS
    report = send_csv(shop, f"{HEADER}\n{ROWS.replace(old, new, 1)}")
    assert not any(row.accepted for row in report.rows) and not shop.store.entries
    assert any("line 4" in row.reason for row in report.rows), report.rows


def test_a_column_that_nobody_knows_is_refused(shop: Shop) -> None:
    report = send_csv(shop, f"{HEADER};colour\n")
    assert (report.place, report.found) == ("line 1", "column 'colour'")
