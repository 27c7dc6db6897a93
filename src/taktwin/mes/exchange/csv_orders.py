"""Orders as CSV: a header, then one order a row; a bad row keeps no good one out. Pure.

Columns: `order, product, quantity, due`, and if wanted `priority, customer`, in any order, separated by
commas or semicolons, in UTF-8. `due` is RFC 3339 with a zone, or a date: then its last second there.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime, time
from zoneinfo import ZoneInfo

from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.standards.b2mml import NotRead, OrderIn

NEEDED = ("order", "product", "quantity", "due")
OPTIONAL = ("priority", "customer")


class CsvError(Exception):
    """A file that cannot be read at all: place, found, right."""

    def __init__(self, place: str, found: str, right: str) -> None:
        super().__init__(f"{place}: found {found}; expected {right}")
        self.place = place
        self.found = found
        self.right = right


def read_csv(payload: bytes, time_zone: str) -> list[OrderIn | NotRead]:
    """Return the orders of a file, each with the line it stands in where it cannot be read.

    Raises
    ------
    CsvError
        If it is no UTF-8, has no header, or a column that nobody knows, which would be lost silently.
    """
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = payload.count(b"\n", 0, error.start) + 1
        raise CsvError(
            f"line {line}", f"a byte that is no UTF-8 ({payload[error.start]:#x})", "UTF-8"
        ) from error
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        _check(header)
        found: list[OrderIn | NotRead] = []
        for row in rows:
            if any(cell.strip() for cell in row):
                found.append(_order(row, header, rows.line_num, ZoneInfo(time_zone)))
    except csv.Error as error:
        raise CsvError(f"line {rows.line_num}", str(error), "CSV with closed quotes") from error
    return found


def _check(header: list[str]) -> None:
    known = (*NEEDED, *OPTIONAL)
    for name in header:
        if name not in known:
            raise CsvError("line 1", f"column {name!r}", f"columns of {', '.join(known)}")
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise CsvError("line 1", f"no column {missing[0]}", f"a header with {', '.join(NEEDED)}")
    if len(set(header)) != len(header):
        raise CsvError("line 1", "a column twice", "each column once")


def _order(row: list[str], header: list[str], line: int, zone: ZoneInfo) -> OrderIn | NotRead:
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=False)}
    name = cells.get("order", "")

    def wrong(column: str, found: str, right: str) -> NotRead:
        return NotRead(name, f"line {line}, {column}" if column else f"line {line}", found, right)

    if len(row) != len(header):
        return wrong("", f"{len(row)} cells", f"{len(header)}, as in the header")
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
    due_ns = _due(cells["due"], zone)
    if due_ns is None:
        return wrong("due", repr(cells["due"]), "2026-12-24, or 2026-12-24T14:00:00Z with its zone")
    return OrderIn(
        name, cells["product"], numbers["quantity"], due_ns, numbers["priority"], cells.get("customer", "")
    )


def _due(text: str, zone: ZoneInfo) -> int | None:
    try:
        if len(text) == len("2026-12-24"):
            last = datetime.combine(datetime.fromisoformat(text).date(), time(23, 59, 59), zone)
            return int(last.timestamp()) * SECOND_NS
        return parse_rfc3339(text)
    except ValueError:
        return None
