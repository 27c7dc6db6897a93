"""What is due, what was measured, what is left to decide. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.mes.definitions.inspection import Characteristic
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.quality.engine import parts_left
from taktwin.mes.quality.tables import OPEN, OVER, REWORK, Inspection, Nonconformance, Result
from taktwin.mes.tracking.tables import Passage
from taktwin.storage.book import Reading

RESULTS_SHOWN = 60
OVER_SHOWN = 40
SUSPECTS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Check:
    """A characteristic that people measure at a work unit, and when it is due."""

    characteristic: Characteristic
    left: int  # good parts until the one to measure: 1 = the next, 0 = this one, less = late
    last: Result | None


def checks(
    book: Reading, definitions: Definitions, *, product: str, equipment_class: str, work_unit: str, made: int
) -> list[Check]:
    """Return what people measure on a product at a work unit, the most urgent first."""
    found = []
    for each in definitions.inspected(product, equipment_class):
        if each.signal:
            continue
        row = book.get(Inspection, f"{each.id}:{work_unit}")
        left = parts_left(made=made, made_then=row.made if row is not None else 0, every=each.sample_every)
        found.append(Check(each, left, book.get(Result, row.result) if row is not None else None))
    return sorted(found, key=lambda check: (check.left, check.characteristic.id))


def nonconformances(book: Reading) -> list[Nonconformance]:
    """Return what is left to decide, the newest first, then what was decided last."""
    undecided = [row for state in (OPEN, REWORK) for row in book.where(Nonconformance, state=state)]
    undecided.sort(key=lambda row: -row.number)
    return [*undecided, *book.newest(Nonconformance, "number", OVER_SHOWN, state=OVER)]


def suspects(book: Reading, row: Nonconformance) -> list[str]:
    """Return the serial numbers that the job order made between the last good result and this one."""
    if row.suspects <= 1:
        return []
    stays = [
        stay
        for stay in book.where(Passage, job=row.job)
        if stay.work_unit == row.work_unit and row.good_ns < stay.at_ns <= row.opened_ns
    ]
    stays.sort(key=lambda stay: stay.at_ns)
    return list(dict.fromkeys(stay.unit for stay in stays if stay.unit != row.unit))[-SUSPECTS_SHOWN:]


def results_of(book: Reading, unit: str) -> list[Result]:
    """Return everything that was measured on a unit, in order of time."""
    return sorted(book.where(Result, unit=unit), key=lambda row: (row.at_ns, row.result))


def last_results(book: Reading, characteristic: str) -> list[Result]:
    """Return what was measured of a characteristic last, in order of time."""
    rows = book.newest(Result, "at_ns", RESULTS_SHOWN, characteristic=characteristic)
    return rows[::-1]
