"""Orders as CSV: one order a row; a bad row keeps no good one out. Pure.

Columns: `order, product, quantity, due`, and if wanted `priority, customer, definition`. `due` is RFC 3339
with a zone, or a date: then its last second there.
"""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

from taktwin.mes.exchange.csv_rows import CsvFile, CsvRow, instant
from taktwin.standards.b2mml import NotRead, OrderIn

NEEDED = ("order", "product", "quantity", "due")
OPTIONAL = ("priority", "customer", "definition")
LAST_SECOND = time(23, 59, 59)


def read_orders(file: CsvFile, time_zone: str) -> list[OrderIn | NotRead]:
    """Return the orders of a file, each with the line it stands in where it cannot be read.

    Raises
    ------
    CsvError
        If its header lacks a column, or has one that nobody knows.
    """
    file.check(NEEDED, OPTIONAL)
    return [_order(row, len(file.header), ZoneInfo(time_zone)) for row in file.rows]


def _order(row: CsvRow, columns: int, zone: ZoneInfo) -> OrderIn | NotRead:
    cells, line = row.cells, row.line
    name = cells.get("order", "")

    def wrong(column: str, found: str, right: str) -> NotRead:
        return NotRead(name, f"line {line}, {column}" if column else f"line {line}", found, right)

    if row.count != columns:
        return wrong("", f"{row.count} cells", f"{columns}, as in the header")
    if not name:
        return wrong("order", "nothing", "the order's number")
    if not cells["product"]:
        return wrong("product", "nothing", "the product")
    numbers: dict[str, int] = {}
    for column in ("quantity", "priority"):
        text = cells.get(column) or ("0" if column == "priority" else "")
        if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 15:
            return wrong(column, repr(text), "a whole number")
        numbers[column] = int(text)
    due_ns = instant(cells["due"], zone, LAST_SECOND)
    if due_ns is None:
        return wrong("due", repr(cells["due"]), "2026-12-24, or 2026-12-24T14:00:00Z with its zone")
    return OrderIn(
        name,
        cells["product"],
        numbers["quantity"],
        due_ns,
        numbers["priority"],
        cells.get("customer", ""),
        definition=cells.get("definition", ""),
    )
