"""What is missing, and why: each kind of resource, by the same rows that keep a job order from beginning."""

from __future__ import annotations

from typing import Any

from taktwin.contracts import commands
from taktwin.mes.assets import folder
from taktwin.mes.performance.availability import availability
from taktwin.plant import open_plant
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop

DAY_NS = 86_400 * SECOND


def lines(shop: Shop) -> dict[tuple[str, str], dict[str, Any]]:
    found = availability(shop.store.book, shop.definitions, {}, shop.now_ns)["resources"]
    return {(row["kind"], row["id"]): row for row in found}


def why(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["state"], row["reason"], row["subject"], row["detail"]


def test_each_kind_says_why_it_is_missing_and_who_needs_it(shop: Shop) -> None:
    for name, asset in folder.wishes(open_plant(PLANT)):
        shop.ask(asset, command_id=name)
    shop.granted(commands.DropOrder(request="1", product="SH-100", quantity=9, due_ns=START_NS))
    before = lines(shop)
    assert why(before["machine", "turn1"]) == ("free", "", "", "")
    assert before["machine", "turn1"]["needed_by"] == ["1-10"] and before["machine", "press2"]["needed"] == 0
    assert why(before["material", "ST-42"]) == ("missing", "none", "", "")
    assert why(before["person", "P02"]) == ("missing", "away", "", "") and before["person", "P02"]["needed"]
    shop.granted(commands.ReceiveLot(lot="ST", product="ST-42", quantity=50.0, location="rack1"))
    assert why(lines(shop)["material", "ST-42"]) == ("free", "", "", "50")
    shop.granted(commands.Hold(kind="lot", id="ST", cause="rust"))
    shop.granted(commands.DismountAsset(asset="SP-0417", cause="noise"))
    shop.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    shop.granted(commands.MountTool(tool="T-insert-2", work_unit="turn2"))
    shop.granted(commands.DismountTool(tool="T-insert-1", cause="x"))
    shop.granted(commands.CalibrateGauge(gauge="C1", kind="caliper", until_ns=shop.now_ns + DAY_NS))
    shop.granted(
        commands.GrantCertificate(person="P02", skill="machinist", valid_until_ns=shop.now_ns + DAY_NS)
    )
    order = shop.granted(commands.RequestMaintenance(work_unit="turn2", about="leak")).subject
    shop.granted(commands.StartMaintenance(order=order))
    shop.now_ns += 2 * DAY_NS
    found = lines(shop)
    assert why(found["material", "ST-42"]) == ("missing", "all_held", "ST", "")
    assert why(found["lot", "ST"]) == ("missing", "hold", "ST-42", "rust")
    assert why(found["machine", "turn1"]) == ("missing", "taken_out", "turn1/spindle", "SP-0417")
    assert found["asset", "turn1/spindle"]["needed_by"] == ["1-10"]
    assert why(found["machine", "turn2"]) == ("missing", "maintenance", order, "leak")
    assert (
        why(found["tool", "insert"]) == ("missing", "none", "insert", "")
        and found["tool", "insert"]["needed"]
    )
    assert why(found["tool", "T-insert-2"]) == ("in_use", "mounted", "turn2", "")
    assert found["gauge", "C1"]["reason"] == "expired"
    person = found["person", "P02"]
    assert (person["reason"], person["subject"]) == ("certificate", "machinist") and person["needed"]
