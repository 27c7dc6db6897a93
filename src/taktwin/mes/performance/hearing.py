"""What machines say of their states is kept as spans, and their stops become facts.

The spans are no facts of ours: the historian holds what they come from. A stop is one, because people
give it its reason; what late data make of a stop is written down too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from taktwin.contracts import events
from taktwin.mes.decision import Asking, Fact
from taktwin.mes.definitions.routes import Machine
from taktwin.mes.performance import reconciling, states
from taktwin.mes.performance.reconciling import Record
from taktwin.mes.performance.states import DAY_NS, Run, Said, Span
from taktwin.mes.performance.tables import MachineEdge, MachineSpan, Stop
from taktwin.plant.calendars import FAR_NS
from taktwin.standards.iso22400 import TimeClass
from taktwin.storage.book import Book, Reading

LATE_DAYS_MAX = 8  # what comes later than that changes no figure any more


@dataclass(frozen=True, slots=True)
class Told:
    """What one machine said, and the instants for which its source vouched."""

    work_unit: str
    said: tuple[Said, ...] = ()
    vouched: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The runs of a work unit from an instant on at which one begins, and until when anything is known."""

    runs: tuple[Run, ...]
    edge_ns: int


B = TypeVar("B", MachineSpan, Stop)


def begun(book: Reading, kind: type[B], unit: str, low_ns: int, high_ns: int) -> list[B]:
    """Return the rows of a work unit that began in [low, high), in order."""
    found = book.between(kind, "from_ns", low_ns, high_ns - 1, work_unit=unit)
    return sorted(found, key=lambda row: row.from_ns)


def span_of(row: MachineSpan) -> Span:
    """Return the span of a row."""
    said = tuple(Said(int(at), role, value) for at, role, value in msgspec.json.decode(row.said))
    return Span(row.from_ns, row.to_ns, TimeClass(row.time_class), msgspec.json.decode(row.in_force), said)


def _row_of(work_unit: str, span: Span) -> MachineSpan:
    return MachineSpan(
        span=f"{work_unit}:{span.from_ns}", work_unit=work_unit, from_ns=span.from_ns, to_ns=span.to_ns,
        time_class=span.time_class.value, in_force=_json(dict(sorted(span.values.items()))),
        said=_json([[one.at_ns, one.role, one.value] for one in span.said]),
    )  # fmt: skip


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def hear(book: Book, told: Told, machine: Machine, asking: Asking, *, gap_ns: int) -> Outcome | None:
    """Keep what a machine said; None: nothing that could be a stop has begun, ended or changed."""
    unit = told.work_unit
    edge = book.get(MachineEdge, unit)
    last = book.get(MachineSpan, edge.span) if edge is not None and edge.span else None
    said, vouched = _not_too_late(told, edge)
    if not said and not vouched:
        return None
    oldest_ns = min([*(one.at_ns for one in said), *vouched])
    late = last is not None and oldest_ns < last.from_ns
    rows = [] if last is None else _since(book, unit, oldest_ns) if late else [last]
    before = [span_of(row) for row in rows]
    pending = [Said(*each) for each in msgspec.json.decode(edge.pending)] if edge is not None else []
    known = [edge.end_ns] if edge is not None else []
    instants = [*known, *vouched]
    after = states.told(before, [*pending, *said], instants, base={}, model=machine.model,
                        calendar=asking.definitions.calendars.get(unit), gap_ns=gap_ns)  # fmt: skip
    _keep(book, unit, rows, after)
    head = [] if late or edge is None or last is None or edge.run_from_ns >= last.from_ns else [
        Run(edge.run_from_ns, last.from_ns, TimeClass(edge.run_class), edge.run_code)
    ]  # fmt: skip
    runs = states.runs_of([*head, *after])
    end_ns = max(instants, default=0)
    covered_ns = after[-1].to_ns if after else 0
    final = runs[-1] if runs else Run(end_ns, end_ns, TimeClass.UNKNOWN)
    left = {(one.at_ns, one.role): one for one in (*pending, *said) if one.at_ns >= covered_ns}
    book.put(MachineEdge(
        work_unit=unit, end_ns=end_ns, span=f"{unit}:{after[-1].from_ns}" if after else "",
        run_from_ns=final.from_ns, run_class=final.time_class.value, run_code=final.code,
        pending=_json([[one.at_ns, one.role, one.value] for _, one in sorted(left.items())]),
    ))  # fmt: skip
    stood = edge is not None and edge.run_class in states.STOPS
    quiet = len(runs) == 1 and runs[0].time_class not in states.STOPS and not stood
    return None if not runs or (quiet and not late) else Outcome(tuple(runs), end_ns)


def _not_too_late(told: Told, edge: MachineEdge | None) -> tuple[list[Said], list[int]]:
    oldest_ns = 0 if edge is None else edge.end_ns - LATE_DAYS_MAX * DAY_NS
    said = [one for one in told.said if one.at_ns >= oldest_ns]
    return said, [at_ns for at_ns in told.vouched if at_ns >= oldest_ns]


def _since(book: Reading, unit: str, at_ns: int) -> list[MachineSpan]:
    """Return the spans from the begin of the run that an instant lies in, or that went before it."""
    rows: list[MachineSpan] = []
    for days in range(1, LATE_DAYS_MAX + 2):
        rows = begun(book, MachineSpan, unit, at_ns - days * DAY_NS, FAR_NS)
        # The first run may have begun before what was read.
        runs = [run for run in states.runs_of(map(span_of, rows))[1:] if run.from_ns <= at_ns]
        if runs:
            return [row for row in rows if row.from_ns >= runs[-1].from_ns]
    return rows


def _keep(book: Book, unit: str, before: Sequence[MachineSpan], after: Sequence[Span]) -> None:
    rows = {row.span: row for row in (_row_of(unit, span) for span in after)}
    old = {row.span: row for row in before}
    for key in old.keys() - rows.keys():
        book.remove(MachineSpan, key)
    for key, row in rows.items():
        if old.get(key) != row:
            book.put(row)


def stops(book: Reading, unit: str, outcome: Outcome, machine: Machine, asking: Asking) -> Iterator[Fact]:
    """Yield what has to be written down so that the records of stops tell of the runs."""
    rows = _recorded(book, unit, outcome.runs[0].from_ns)
    found = reconciling.changes(
        outcome.runs, [_record(row) for row in rows.values()], short_ns=machine.short_stop_ns,
        edge_ns=outcome.edge_ns,
    )  # fmt: skip
    for change in found:
        yield _fact(book, unit, change, outcome.edge_ns)


def _recorded(book: Reading, unit: str, from_ns: int) -> dict[str, Stop]:
    here = begun(book, Stop, unit, from_ns, FAR_NS)
    return {row.stop: row for row in (*here, *book.where(Stop, work_unit=unit, to_ns=0))}


def _record(row: Stop) -> Record:
    return Record(row.stop, row.from_ns, row.to_ns, TimeClass(row.time_class), row.code,
                  coded=bool(row.reason) or row.cut, withdrawn=row.withdrawn)  # fmt: skip


def _fact(book: Reading, unit: str, change: reconciling.Change, edge_ns: int) -> Fact:
    before, after = change.before, change.after
    if before is None:
        begun = events.StopBegun(
            stop=free_name(book, unit, after.from_ns), work_unit=unit, from_ns=after.from_ns,
            to_ns=after.to_ns, time_class=after.time_class.value, code=after.code, like=after.like,
        )  # fmt: skip
        return Fact(begun, after.from_ns)
    ended = before.to_ns == 0 and after.to_ns != 0
    same = (before.from_ns, before.time_class, before.code, before.withdrawn) == (
        after.from_ns, after.time_class, after.code, after.withdrawn,
    )  # fmt: skip
    if ended and same:
        return Fact(events.StopEnded(stop=after.stop, work_unit=unit, to_ns=after.to_ns), after.to_ns)
    corrected = events.StopCorrected(
        stop=after.stop, work_unit=unit, from_ns=after.from_ns, to_ns=after.to_ns,
        time_class=after.time_class.value, code=after.code, withdrawn=after.withdrawn,
    )  # fmt: skip
    return Fact(corrected, edge_ns)


def free_name(book: Reading, unit: str, from_ns: int) -> str:
    """Return a name for a stop that no other has: the work unit, and the second at which it begins."""
    name = f"{unit}-{from_ns // 1_000_000_000}"
    number = 1
    while book.get(Stop, name if number == 1 else f"{name}-{number}") is not None:
        number += 1
    return name if number == 1 else f"{name}-{number}"
