"""Bills and routings: the plant folder's leave as B2MML, and an ERP's are compared with them, not taken."""

from __future__ import annotations

import pytest

from taktwin.contracts.commands import ImportReport
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.exchange.queries import QUERIES
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
        ("PT82.0S", "PT84S", "operation 20, Duration in s: found 84.0; expected 82.0"),
        (">14.0<", ">15<", "operation 20, material: found ['15 mL of AD-3']; expected ['14 mL of AD-3']"),
        (">load2<", ">load3<", "operation 10, work units: found ['load3']; expected ['load2']"),
        (">Bond<", ">Glue<", "operations: found ['Load', 'Glue'"),
        (">100<", ">200<", "SetupFamily: found 200; expected 100"),
    ],
)
def test_each_difference_from_the_plant_is_named_and_nothing_is_taken(
    shop: Shop, old: str, new: str, words: str
) -> None:
    whole = shown(shop)
    at = whole.index(">EA-100<")
    assert old in whole[at:]
    report = send(shop, whole[:at] + whole[at:].replace(old, new, 1))
    refused = {row.request: row for row in report.rows if not row.accepted}
    assert list(refused) == ["EA-100"], "the others are the plant's"
    assert refused["EA-100"].code == "owner" and words in refused["EA-100"].reason, refused
    assert "Rejected" in report.document and not shop.store.entries


def test_a_product_that_the_plant_does_not_define_is_refused_by_name(shop: Shop) -> None:
    report = send(shop, shown(shop).replace(">EA-100<", ">PU-1<", 1))
    (refused,) = [row for row in report.rows if not row.accepted]
    assert (refused.request, refused.code) == ("PU-1", "owner") and "the plant folder" in refused.reason
    expression = '<b2mml:ActionCriteria><b2mml:ActionExpression actionCode="Delete"/></b2mml:ActionCriteria>'
    report = send(shop, shown(shop).replace("<b2mml:Show />", f"<b2mml:Show>{expression}</b2mml:Show>"))
    assert not any(row.accepted for row in report.rows) and "Delete" in report.rows[0].reason


def test_the_plants_definitions_are_valid_by_the_official_schema(shop: Shop) -> None:
    valid(shown(shop))
    valid(send(shop, shown(shop)).document)
    assert len(b2mml.definitions(b2mml.read(shown(shop).encode()))) == len(shop.definitions.products)
