"""An event log as its orders' operations: lines of CSV in, reports, operations and mistakes out.

One line is one report of work. A line that cannot be read is left out and said, by file, line and field;
one that is merely odd is kept and said.

Consecutive reports of one activity of an order are one operation: shops report the same operation shift by
shift. Operations overlap, so an order's way is cut at its *frontier*, the latest end so far: what an
operation begins after it is a wait, what it moves it by is an advance. Both add up to the cycle time,
whatever overlaps, which neither work nor gaps do.

Times of a log without zone are the plant's own; instants are seconds since 1970 of that clock.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from taktwin.errors import Mistake

# What columns are called: our own names, those of XES, and what exports are found to say.
NAMES = {
    "case": ("case", "case:concept:name", "case id", "order"),
    "activity": ("activity", "concept:name", "operation"),
    "start": ("start", "start_timestamp", "start timestamp", "time:start"),
    "end": ("end", "time:timestamp", "complete timestamp", "complete_timestamp", "end_timestamp"),
    "worker": ("worker", "worker id", "org:role", "operator"),
    "machine": ("machine", "org:resource", "resource"),
    "quantity": ("wo_qty", "work order qty", "quantity", "order_quantity"),
    "part": ("part", "part desc.", "product"),
}


REQUIRED = ("case", "activity", "start", "end")


@dataclass(frozen=True, slots=True)
class Row:
    """One report of work."""

    line: int
    case: str
    activity: str
    start_s: float
    end_s: float
    worker: str | None = None
    machine: str | None = None
    quantity: float | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """What was read, and what was wrong with it."""

    rows: tuple[Row, ...]
    left_out: tuple[Mistake, ...] = ()
    odd: tuple[Mistake, ...] = ()  # kept all the same


@dataclass(frozen=True, slots=True)
class Operation:
    """Consecutive reports of one activity of one order, on the way of that order."""

    case: str
    activity: str
    start_s: float
    end_s: float
    work_s: float  # the sum of its reports
    wait_s: float  # from the frontier to its start; 0 if it overlaps, or is the first
    advance_s: float  # by how much it moves the frontier, from its own start if it waited
    machine: str | None
    workers: tuple[str, ...]
    quantity: float | None


def instant(at_s: float) -> str:
    """Return an instant of the log's own clock as text."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")


def read(file: str, lines: Iterable[str]) -> Log:
    """Return the reports of a log; `file` is what mistakes call it. Columns are found by their names."""
    table = csv.reader(lines)
    header = next(table, [])
    found = {name.strip().lower(): place for place, name in enumerate(header)}
    places = {
        what: next((found[name] for name in names if name in found), None) for what, names in NAMES.items()
    }
    missing = [
        Mistake(file, 1, what, "no such column", f"one of {', '.join(NAMES[what])}")
        for what in REQUIRED
        if places[what] is None
    ]
    if missing:
        return Log((), tuple(missing))
    rows: list[Row] = []
    left_out: list[Mistake] = []
    odd: list[Mistake] = []
    seen: dict[tuple[str, ...], int] = {}
    for cells in table:
        line = table.line_num
        if not cells:
            continue
        if len(cells) != len(header):
            left_out.append(
                Mistake(file, line, "line", f"{len(cells)} fields", f"{len(header)}, as the header")
            )
            continue
        values = {what: cells[place].strip() for what, place in places.items() if place is not None}
        wrong = list(_mistakes(file, line, values))
        if wrong:
            left_out += wrong
            continue
        if tuple(cells) in seen:
            odd.append(
                Mistake(
                    file, line, "line", f"the same as line {seen[tuple(cells)]}", "each report once; kept"
                )
            )
        seen.setdefault(tuple(cells), line)
        quantity = values.get("quantity")
        row = Row(
            line, values["case"], values["activity"], _seconds(values["start"]), _seconds(values["end"]),
            values.get("worker") or None, values.get("machine") or None,
            float(quantity) if quantity else None, values.get("part") or None,
        )  # fmt: skip
        if row.end_s == row.start_s:
            odd.append(Mistake(file, line, "end", values["end"], "later than the start; kept as 0 s"))
        rows.append(row)
    return Log(tuple(rows), tuple(left_out), tuple(odd))


def operations(rows: Iterable[Row]) -> dict[str, tuple[Operation, ...]]:
    """Return the operations of each order, in the sequence in which they began."""
    by_case: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_case[row.case].append(row)
    return {case: tuple(_operations(by_case[case])) for case in sorted(by_case)}


def _mistakes(file: str, line: int, values: Mapping[str, str]) -> Iterator[Mistake]:
    for what in ("case", "activity"):
        if not values[what]:
            yield Mistake(file, line, what, "nothing", "a name")
    instants: list[float] = []
    for what in ("start", "end"):
        try:
            instants.append(_seconds(values[what]))
        except ValueError:
            yield Mistake(file, line, what, repr(values[what]), "an instant such as 2012-01-02 07:30:00")
    if len(instants) == 2 and instants[1] < instants[0]:
        yield Mistake(file, line, "end", values["end"], f"not before the start {values['start']}")
    if quantity := values.get("quantity"):
        try:
            if not 0 < float(quantity) < math.inf:
                raise ValueError(quantity)
        except ValueError:
            yield Mistake(file, line, "quantity", repr(quantity), "a number above 0, or nothing")


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _operations(rows: list[Row]) -> Iterator[Operation]:
    rows = sorted(rows, key=lambda row: (row.start_s, row.end_s, row.line))
    groups: list[list[Row]] = []
    for row in rows:
        if groups and groups[-1][0].activity == row.activity:
            groups[-1].append(row)
        else:
            groups.append([row])
    frontier = rows[0].start_s
    for group in groups:
        start, end = group[0].start_s, max(row.end_s for row in group)
        machines = Counter(row.machine for row in group if row.machine)
        yield Operation(
            group[0].case, group[0].activity, start, end,
            math.fsum(row.end_s - row.start_s for row in group),
            max(start - frontier, 0.0), max(end - max(start, frontier), 0.0),
            min(machines, key=lambda name: (-machines[name], name)) if machines else None,
            tuple(sorted({row.worker for row in group if row.worker})),
            next((row.quantity for row in group if row.quantity is not None), None),
        )  # fmt: skip
        frontier = max(frontier, end)


def cycle_s(way: Sequence[Operation]) -> float:
    """Return the time of an order from its first start to its last end, seconds."""
    return max(each.end_s for each in way) - way[0].start_s
