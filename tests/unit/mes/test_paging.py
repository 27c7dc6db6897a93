"""Lists are turned page by page, and a trace asks a level at a time: the same over memory and PostgreSQL."""

from __future__ import annotations

from taktwin.contracts import commands
from taktwin.mes.api import QUERIES
from taktwin.mes.tracking.queries import genealogy, recall
from taktwin.mes.tracking.tables import Consumption, Unit
from tests.unit.mes.conftest import Shop


def test_the_pages_of_a_list_hold_each_row_once(shop: Shop) -> None:
    for number in range(7):
        shop.granted(commands.ReceiveLot(lot=f"L{number}", product="AD-3", quantity=1.0))
    found, after, pages = [], "", 0
    while pages == 0 or after:
        wish = {"after": after, "limit": 3}
        page = QUERIES["lots"](shop.store.book, shop.definitions, wish, shop.now_ns)
        found += [row["lot"] for row in page["lots"]]
        after, pages = page["next"], pages + 1
    assert found == [f"L{number}" for number in range(7)] and pages == 3


def test_a_page_is_never_without_end(shop: Shop) -> None:
    shop.granted(commands.ReceiveLot(lot="L", product="AD-3", quantity=1.0))
    for limit in (-1, 0, 10**9):
        page = QUERIES["lots"](shop.store.book, shop.definitions, {"limit": limit}, shop.now_ns)
        assert [row["lot"] for row in page["lots"]] == ["L"] and page["next"] == ""


def test_a_lot_is_traced_through_units_that_went_into_units(shop: Shop) -> None:
    book = shop.store.book
    for name in ("A1", "A2", "B1", "C1"):
        book.put(Unit(unit=name, product="EA-100", request="1", disposition="In-Process", reason="",
                      operation=10, created_ns=1, finished_ns=0, version=1))  # fmt: skip
    for unit, lot in (("A1", "L"), ("A2", "L"), ("B1", "A1"), ("C1", "B1"), ("C1", "L")):
        book.put(Consumption(consumption=f"{unit}:{lot}", unit=unit, component="x", lot=lot, quantity=1.0,
                             job="1-10", work_unit="load2", at_ns=1))  # fmt: skip
    assert [unit.unit for unit in recall(book, "L")] == ["A1", "A2", "B1", "C1"]
    assert [unit.unit for unit in recall(book, "A1")] == ["B1", "C1"]
    found = genealogy(book, "C1")
    assert found is not None and {each.row.lot: each.sisters for each in found.eaten} == {"L": 2, "B1": 0}
