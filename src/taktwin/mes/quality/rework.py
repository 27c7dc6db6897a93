"""Rework routes: out of the route, step by step, and back to where the route goes on.

A unit in rework stays restricted: only the steps of its rework are open to it. When they are done it is
back before an operation of its route, and quality decides on its nonconformance anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.events import ReworkStepPlanned
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.versions import followed
from taktwin.mes.quality.tables import Nonconformance, Rework
from taktwin.mes.tracking.actions import sent_back
from taktwin.mes.tracking.tables import RESTRICTED, Unit
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

ORDERED, DONE, ENDED = "Ordered", "Done", "Ended"  # states of a rework


def ordered(book: Reading, row: Nonconformance, route: str, asking: Asking) -> Iterator[Fact]:
    """Yield what sends a unit to a rework route; "" = no route: it is put right without one."""
    for before in book.where(Rework, unit=row.unit) if row.unit else []:
        if before.nonconformance == row.nonconformance and before.state == ORDERED:
            cause = f"{row.nonconformance} was decided anew"
            ended = events.ReworkEnded(rework=before.rework, unit=row.unit, done=False, cause=cause)
            yield Fact(ended, asking.now_ns)
    if not route:
        return
    found = asking.definitions.rework_routes.get(route)
    unit = book.get(Unit, row.unit) if row.unit else None
    definition = (
        asking.definitions.products.get(row.product)
        if unit is None
        else followed(book, asking.definitions, unit)
    )
    if found is None or definition is None or row.product not in found.products:
        fit = [
            name for name, each in asking.definitions.rework_routes.items() if row.product in each.products
        ]
        raise Refused("unknown", "rework route", repr(route),
                      f"one of {row.product}: {', '.join(fit) or 'the plant folder has none'}")  # fmt: skip
    if unit is None:
        raise Refused("invalid", "rework route", repr(route), "a part with a serial number that was counted",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    numbers = [step.number for step in definition.operations]
    back_to = next((step.number for step in definition.operations if step.name == found.back_to), 0)
    if not back_to:
        names = ", ".join(step.name for step in definition.operations)
        raise Refused("state", f"rework route {route}", f"back to {found.back_to}",
                      f"a route back to an operation by which {row.unit} is made: {names}",
                      row=row)  # fmt: skip
    behind = numbers[numbers.index(back_to) - 1] if back_to != numbers[0] else 0
    count = len([each for each in book.where(Rework, unit=row.unit)
                 if each.nonconformance == row.nonconformance])  # fmt: skip
    yield Fact(
        events.ReworkOrdered(
            rework=f"{row.nonconformance}-R{count + 1}", nonconformance=row.nonconformance, unit=row.unit,
            route=route, back_to=back_to, operation=behind,
            steps=[ReworkStepPlanned(name=step.name, equipment_class=step.equipment_class)
                   for step in found.steps],
        ),
        asking.now_ns,
    )  # fmt: skip


def under_way(book: Reading, serial: str) -> Rework | None:
    """Return the rework that a unit is in, None where it is in none."""
    rows = book.where(Rework, unit=serial) if serial else []
    return next((row for row in rows if row.state == ORDERED), None)


def steps_of(row: Rework) -> list[ReworkStepPlanned]:
    """Return the steps of a rework."""
    return msgspec.json.decode(row.steps, type=list[ReworkStepPlanned])


def report_rework(book: Reading, wish: commands.ReportRework, asking: Asking) -> Iterator[Fact]:
    """Book a step of a rework route: the next one, where it may be done."""
    row = book.get(Rework, wish.rework)
    if row is None:
        raise unknown("rework", wish.rework)
    if row.state != ORDERED:
        raise Refused("state", f"rework {row.rework}", row.state, "one that is under way", row=row)
    unit = book.get(Unit, row.unit)
    if unit is None or unit.disposition != RESTRICTED:
        found = "nothing" if unit is None else f"{unit.disposition} ({unit.reason})"
        raise Refused("state", f"unit {row.unit}", found, "a unit that waits for its rework", row=unit)
    steps = steps_of(row)
    if wish.step != row.done + 1:
        raise Refused("state", f"rework {row.rework}", f"step {wish.step}",
                      f"step {row.done + 1} ({steps[row.done].name}): none is left out or done twice",
                      row=row)  # fmt: skip
    if wish.work_unit not in asking.definitions.work_units:
        raise unknown("work unit", wish.work_unit)
    step = steps[row.done]
    if asking.definitions.classes.get(wish.work_unit) != step.equipment_class:
        raise Refused("invalid", f"work unit of step {wish.step}", repr(wish.work_unit),
                      f"one of class {step.equipment_class}",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    yield Fact(
        events.ReworkStepDone(rework=row.rework, unit=row.unit, step=wish.step, name=step.name,
                              work_unit=wish.work_unit, good=wish.good),
        asking.now_ns,
    )  # fmt: skip
    if not wish.good or wish.step == len(steps):
        cause = "" if wish.good else f"step {wish.step} ({step.name}) failed"
        ended = events.ReworkEnded(rework=row.rework, unit=row.unit, done=wish.good, cause=cause)
        yield Fact(ended, asking.now_ns)


def _ordered(book: Book, event: events.ReworkOrdered, at_ns: int) -> None:
    book.put(Rework(
        rework=event.rework, nonconformance=event.nonconformance, unit=event.unit, route=event.route,
        steps=msgspec.json.encode(event.steps).decode(), done=0, back_to=event.back_to,
        operation=event.operation, state=ORDERED, ordered_ns=at_ns, version=1,
    ))  # fmt: skip


def _step_done(book: Book, event: events.ReworkStepDone, at_ns: int) -> None:
    row = _known(book, event.rework)
    done = event.step if event.good else row.done
    book.put(msgspec.structs.replace(row, done=done, version=row.version + 1))


def _ended(book: Book, event: events.ReworkEnded, at_ns: int) -> None:
    row = _known(book, event.rework)
    state = DONE if event.done else ENDED
    book.put(msgspec.structs.replace(row, state=state, version=row.version + 1))
    if event.done:
        sent_back(book, row.unit, row.operation)


def _known(book: Book, name: str) -> Rework:
    row = book.get(Rework, name)
    assert row is not None, "decided on a rework that is there"
    return row


RULES = Rules(
    deciders={commands.ReportRework.command_name: report_rework},
    projectors={
        events.ReworkOrdered: _ordered,
        events.ReworkStepDone: _step_done,
        events.ReworkEnded: _ended,
    },
)
