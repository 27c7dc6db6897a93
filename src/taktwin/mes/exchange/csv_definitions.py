"""Bills and routings as CSV: an operation a row, and a further row for each further thing that goes in. Pure.

Columns: `product, definition, operation, name, class, time_s`, and if wanted `work_units, batch, setup_s,
skills, tools, component, quantity, unit, setup_family, serialised, effective, until`. Several names in a cell
stand with spaces between them. Rows of one product and definition are one definition: with one bad row
nothing of it is taken, and each bad row is named. A row of which nobody can say whose it is keeps out all
whose it may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import time
from zoneinfo import ZoneInfo

from taktwin.mes.exchange.csv_rows import CsvFile, CsvRow, instant
from taktwin.standards.b2mml import DefinitionIn, Line, NotRead, ProductDefinition, Segment, number

NEEDED = ("product", "definition", "operation", "name", "class", "time_s")
OPTIONAL = (
    "work_units", "batch", "setup_s", "skills", "tools", "component", "quantity", "unit", "setup_family",
    "serialised", "effective", "until",
)  # fmt: skip
OF_OPERATION = ("name", "class", "time_s", "work_units", "batch", "setup_s", "skills", "tools")
OF_WHOLE = ("setup_family", "serialised", "effective", "until")
YES = {"yes": True, "true": True, "no": False, "false": False}
STEP = 10


class _Wrong(Exception):
    """A row that cannot be read: column, found, right."""

    def __init__(self, column: str, found: str, right: str) -> None:
        super().__init__(column)
        self.column = column
        self.found = found
        self.right = right


@dataclass(slots=True)
class _Draft:
    """What the rows of one definition have said so far."""

    whole: dict[str, str] = field(default_factory=dict)
    steps: dict[str, dict[str, str]] = field(default_factory=dict)  # operation -> its cells
    lines: dict[str, list[Line]] = field(default_factory=dict)  # operation -> what goes in
    wrong: list[NotRead] = field(default_factory=list)


def is_definitions(file: CsvFile) -> bool:
    """Return whether a file is about definitions and not about orders: it has operations."""
    return "operation" in file.header


def read_definitions(file: CsvFile, time_zone: str) -> list[DefinitionIn | NotRead]:
    """Return the definitions of a file, and each row that cannot be read, with its line.

    Raises
    ------
    CsvError
        If its header lacks a column, or has one that nobody knows.
    """
    file.check(NEEDED, OPTIONAL)
    drafts: dict[tuple[str, str], _Draft] = {}
    for row in file.rows:
        product, definition = row.cells.get("product", ""), row.cells.get("definition", "")
        draft = drafts.setdefault((product, definition), _Draft())
        try:
            _take(draft, row, len(file.header), ZoneInfo(time_zone))
        except _Wrong as wrong:
            place = f"line {row.line}, {wrong.column}" if wrong.column else f"line {row.line}"
            draft.wrong.append(NotRead(product, place, wrong.found, wrong.right))
    whose = {product for product, definition in drafts if not (product and definition)}
    anybodys = "" in whose or any(row.count != len(file.header) for row in file.rows)
    found: list[DefinitionIn | NotRead] = []
    for (product, definition), draft in drafts.items():
        if draft.wrong:
            found += draft.wrong
        elif anybodys or product in whose:
            found.append(NotRead(product, f"definition {definition}", "a row that may be of it",
                                 "each row with its product and definition, and all its cells"))  # fmt: skip
        else:
            found.append(DefinitionIn(_definition(product, definition, draft, ZoneInfo(time_zone))))
    return found


def _take(draft: _Draft, row: CsvRow, columns: int, zone: ZoneInfo) -> None:
    cells = row.cells
    if row.count != columns:
        raise _Wrong("", f"{row.count} cells", f"{columns}, as in the header")
    for name, right in (("product", "the product"), ("definition", "the name of the version"),
                        ("operation", "the operation, such as 10")):  # fmt: skip
        if not cells[name]:
            raise _Wrong(name, "nothing", right)
    if cells.get("serialised", "").lower() not in ("", *YES):
        raise _Wrong("serialised", repr(cells["serialised"]), "yes or no, or nothing")
    for name in ("effective", "until"):
        if cells.get(name) and instant(cells[name], zone, time()) is None:
            right = "2026-12-24, or 2026-12-24T14:00:00Z with its zone"
            raise _Wrong(name, repr(cells[name]), right)
    _same(draft.whole, cells, OF_WHOLE)
    step = draft.steps.get(cells["operation"])
    if step is None:
        for name in ("name", "class", "time_s"):
            if not cells[name]:
                raise _Wrong(name, "nothing", f"{name} of operation {cells['operation']} in its first row")
        _number(cells, "time_s", "")
        _number(cells, "setup_s", "0")
        if not _number(cells, "batch", "1").is_integer():
            raise _Wrong("batch", repr(cells["batch"]), "a whole number")
        step = draft.steps[cells["operation"]] = {}
    elif next(reversed(draft.steps)) != cells["operation"]:
        raise _Wrong("operation", f"{cells['operation']!r} again, behind {next(reversed(draft.steps))!r}",
                     "the rows of an operation behind each other")  # fmt: skip
    elif not cells.get("component"):
        raise _Wrong("component", "nothing", "what else goes in: the operation stands in a row before")
    _same(step, cells, OF_OPERATION)
    if cells.get("component"):
        line = Line(cells["component"], _number(cells, "quantity", ""), cells.get("unit", ""))
        draft.lines.setdefault(cells["operation"], []).append(line)
    elif cells.get("quantity") or cells.get("unit"):
        raise _Wrong("component", "nothing", "what the quantity is of")


def _same(said: dict[str, str], cells: dict[str, str], names: Iterable[str]) -> None:
    """Keep what the first row says; another one says the same, or nothing."""
    for name in names:
        text = cells.get(name, "")
        if text and said.setdefault(name, text) != text:
            raise _Wrong(name, repr(text), f"{said[name]!r}, as in a row before, or nothing")


def _number(cells: dict[str, str], name: str, otherwise: str) -> float:
    value = number(cells.get(name) or otherwise)
    if value is None:
        raise _Wrong(name, repr(cells.get(name, "")), "a number, with a point")
    return value


def _definition(product: str, definition: str, draft: _Draft, zone: ZoneInfo) -> ProductDefinition:
    whole = draft.whole
    said = whole.get("serialised", "").lower()
    from_ns, until_ns = (instant(whole.get(name, ""), zone, time()) or 0 for name in ("effective", "until"))
    return ProductDefinition(
        product=product, version=definition, name="", effective_ns=from_ns, until_ns=until_ns,
        serialised=YES[said] if said else None, setup_family=whole.get("setup_family"),
        segments=tuple(
            Segment(
                name=step["name"], equipment_class=step["class"],
                work_units=tuple(step.get("work_units", "").split()), time_s=_number(step, "time_s", ""),
                batch=int(_number(step, "batch", "1")), setup_s=_number(step, "setup_s", "0"),
                components=tuple(draft.lines.get(name, ())), skills=tuple(step.get("skills", "").split()),
                tools=tuple(step.get("tools", "").split()),
                segment="" if name == str(place * STEP) else name,
            )
            for place, (name, step) in enumerate(draft.steps.items(), start=1)
        ),
    )  # fmt: skip
