"""Results, nonconformances and their disposition: deciders, and the only writers of quality's tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.inspection import Characteristic
from taktwin.mes.quality import engine, rework
from taktwin.mes.quality.engine import Disposition, Verdict
from taktwin.mes.quality.tables import OPEN, OVER, REWORK, Inspection, Nonconformance, Result
from taktwin.mes.records.actions import signed
from taktwin.mes.resources.queries import signs
from taktwin.mes.tracking import actions as tracking
from taktwin.mes.tracking.tables import CLOSED, RESTRICTED, Unit
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

KIND, APPROVED = "nonconformance", "approved"  # what a disposition is signed as
NAME = "NC-"  # and a number: what people call a nonconformance


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with everything that collection found out about it."""

    result: str  # its id: the same value again is the same result
    characteristic: Characteristic
    product: str
    job: str
    operation: int
    work_unit: str
    unit: str  # serial number; "" = nobody said which part it was
    made: int  # good parts that the work unit has made for job orders
    at_ns: int
    verdict: Verdict
    value: float | None = None
    signal: str = ""
    person: str = ""
    gauge: str = ""


# What collection tells.


def record(book: Reading, found: Measured) -> Iterator[Fact]:
    """Yield what follows from a result: it is booked; what is not as specified is held, by itself."""
    if book.get(Result, found.result) is not None:
        return  # delivered again
    at_work = book.get(Inspection, f"{found.characteristic.id}:{found.work_unit}")
    bad = found.verdict is Verdict.NOK
    before = _open_of(book, found) if bad or found.unit else None
    number = 0 if before is not None or not bad else _next_number(book)
    name = before.nonconformance if before is not None else f"{NAME}{number}" if number else ""
    suspects = engine.suspects(made=found.made, good_made=at_work.good_made if at_work is not None else 0)
    plan = found.characteristic
    yield Fact(
        events.ResultRecorded(
            result=found.result, characteristic=plan.id, name=plan.name, product=found.product,
            job=found.job, operation=found.operation, work_unit=found.work_unit, unit=found.unit,
            verdict=found.verdict.value, value=found.value, unit_of_measure=plan.unit_of_measure,
            lower=plan.lower, upper=plan.upper, signal=found.signal, person=found.person,
            gauge=found.gauge, made=found.made, nonconformance=name, suspects=suspects if bad else 0,
        ),
        found.at_ns,
    )  # fmt: skip
    if number:
        cause = f"{name}: {engine.told(plan, found.value)}"
        yield Fact(
            events.NonconformanceOpened(
                nonconformance=name, number=number, result=found.result, characteristic=plan.id,
                cause=cause, product=found.product, job=found.job, operation=found.operation,
                work_unit=found.work_unit, unit=found.unit, suspects=suspects,
                good_ns=at_work.good_ns if at_work is not None else 0,
            ),
            found.at_ns,
        )  # fmt: skip
    yield from held(book, found.unit, found.at_ns)


def held(book: Reading, serial: str, at_ns: int) -> Iterator[Fact]:
    """Hold a unit on which something is left to decide, if it goes free: a value may come before the unit."""
    unit = book.get(Unit, serial) if serial else None
    if unit is None or unit.disposition in (RESTRICTED, CLOSED):
        return
    for row in book.where(Nonconformance, unit=serial):
        # What was decided before the unit was counted for the first time holds for it too.
        kept = row.decided_ns < unit.created_ns and row.disposition in (Disposition.SCRAP, Disposition.RETURN)
        if row.state != OVER or kept:
            yield Fact(events.UnitHeld(unit=serial, cause=row.cause), at_ns)
            return


def undecided(book: Reading, serial: str) -> Nonconformance | None:
    """Return what is left to decide on a unit, None where nothing is."""
    rows = book.where(Nonconformance, unit=serial) if serial else []
    return next((row for row in rows if row.state != OVER), None)


def refuse_undecided(book: Reading, serial: str) -> None:
    """Refuse what would anticipate the decision on a unit."""
    row = undecided(book, serial)
    if row is not None:
        raise Refused("state", f"unit {serial}", f"{row.nonconformance} is open ({row.cause})",
                      "a unit on which quality has decided (nonconformance.dispose)", row=row)  # fmt: skip


def _open_of(book: Reading, found: Measured) -> Nonconformance | None:
    if found.unit:
        rows = book.where(Nonconformance, unit=found.unit, characteristic=found.characteristic.id)
    else:
        rows = [
            row
            for row in book.where(Nonconformance, job=found.job, characteristic=found.characteristic.id)
            if not row.unit and row.work_unit == found.work_unit
        ]
    return next((row for row in rows if row.state != OVER), None)


def _next_number(book: Reading) -> int:
    last = book.newest(Nonconformance, "number", 1)
    return last[0].number + 1 if last else 1


# Deciders


def release(book: Reading, wish: commands.Release, asking: Asking) -> Iterator[Fact]:
    """Lift a restriction, unless a nonconformance is open: then its disposition does that."""
    if wish.kind == "unit":
        refuse_undecided(book, wish.id)
    yield from tracking.release(book, wish, asking)


def dispose(book: Reading, wish: commands.Dispose, asking: Asking) -> Iterator[Fact]:
    """Decide on a nonconformance, and do what was decided."""
    if not asking.person:
        raise Refused("invalid", "person", "a program", "a person: no program decides on a nonconformance",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    row = book.get(Nonconformance, wish.nonconformance)
    if row is None:
        raise unknown("nonconformance", wish.nonconformance)
    if row.version != wish.version:
        raise Refused("conflict", f"nonconformance {row.nonconformance}", f"version {row.version}",
                      f"version {wish.version}: somebody changed it meanwhile", row=row)  # fmt: skip
    if row.state == OVER:
        found = f"{row.disposition}, decided by {row.decided_by}"
        raise Refused("state", f"nonconformance {row.nonconformance}", found, "one that is open", row=row)
    if wish.disposition not in set(Disposition):
        raise Refused("invalid", "disposition", repr(wish.disposition), f"one of {', '.join(Disposition)}",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if not wish.cause.strip() or len(wish.cause) > 500:
        raise Refused("invalid", "reason", repr(wish.cause[:40]), "why it was decided so, 1 to 500 letters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    disposition = Disposition(wish.disposition)
    if wish.route and disposition is not Disposition.REWORK:
        raise Refused("invalid", "rework route", repr(wish.route), "none: only rework has one",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    quantity = _scrapped(row, disposition, wish.quantity)
    unit = book.get(Unit, row.unit) if row.unit else None
    if unit is not None and unit.disposition == CLOSED and disposition is not Disposition.SCRAP:
        raise Refused("state", f"unit {unit.unit}", f"scrap already ({unit.reason})",
                      "scrap: nothing else can become of it", row=row)  # fmt: skip
    # Every disposition passes here and nowhere else.
    decider = asking.person
    if signs(book):
        signature = signed(book, wish, asking, kind=KIND, record=row.nonconformance, meaning=APPROVED)
        assert isinstance(signature.event, events.RecordSigned), "a signature is one"
        yield signature
        decider = signature.event.person
    yield Fact(
        events.NonconformanceDisposed(
            nonconformance=row.nonconformance, disposition=disposition.value, cause=wish.cause,
            person=decider, quantity=quantity,
        ),
        asking.now_ns,
    )  # fmt: skip
    yield from rework.ordered(book, row, wish.route, asking)
    if disposition is not Disposition.REWORK:
        yield Fact(events.NonconformanceClosed(nonconformance=row.nonconformance), asking.now_ns)
    yield from _done(book, row, disposition, unit, quantity, wish.cause, asking.now_ns)


def _scrapped(row: Nonconformance, disposition: Disposition, quantity: int) -> int:
    if disposition is not Disposition.SCRAP:
        return 0
    if row.unit:
        return 1
    if not 0 < quantity <= row.suspects:
        raise Refused("invalid", "quantity", quantity, f"1 to {row.suspects}: the suspect parts",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    return quantity


def _done(
    book: Reading, row: Nonconformance, disposition: Disposition, unit: Unit | None, quantity: int,
    cause: str, at_ns: int,
) -> Iterator[Fact]:  # fmt: skip
    """Yield what a disposition does to the parts. What has no serial number nobody can hold or release."""
    why = f"{row.nonconformance}, {disposition.value}: {cause}"
    if disposition is Disposition.SCRAP and not (unit is not None and unit.disposition == CLOSED):
        # A reject of the machine was counted as scrap already.
        yield Fact(
            events.MaterialScrapped(
                report=row.nonconformance, job=row.job, quantity=quantity, cause=why, unit=row.unit
            ),
            at_ns,
        )
        if unit is not None:
            yield Fact(events.UnitScrapped(unit=unit.unit, cause=why), at_ns)
        return
    if unit is None or unit.disposition == CLOSED:
        return
    if disposition in (Disposition.REWORK, Disposition.RETURN):
        yield Fact(events.UnitHeld(unit=unit.unit, cause=why), at_ns)
        return
    if unit.disposition != RESTRICTED or not _ours(book, unit):
        return  # held by somebody else too, who has to let it go
    yield Fact(events.UnitReleased(unit=unit.unit, cause=why), at_ns)
    yield from held(book, unit.unit, at_ns)


def _ours(book: Reading, unit: Unit) -> bool:
    """Return whether a unit is held for a nonconformance, and not because a person or a lot said so."""
    rows = book.where(Nonconformance, unit=unit.unit)
    return any(unit.reason == row.cause or unit.reason.startswith(f"{row.nonconformance}, ") for row in rows)


# Projectors


def _recorded(book: Book, event: events.ResultRecorded, at_ns: int) -> None:
    book.put(Result(
        result=event.result, characteristic=event.characteristic, name=event.name, product=event.product,
        job=event.job, operation=event.operation, work_unit=event.work_unit, unit=event.unit,
        verdict=event.verdict, value=event.value, unit_of_measure=event.unit_of_measure, lower=event.lower,
        upper=event.upper, signal=event.signal, person=event.person, gauge=event.gauge,
        nonconformance=event.nonconformance, at_ns=at_ns,
    ))  # fmt: skip
    name = f"{event.characteristic}:{event.work_unit}"
    before = book.get(Inspection, name)
    if before is None or at_ns >= before.at_ns:  # a value that came late says nothing about the next one
        good = event.verdict == Verdict.OK
        book.put(Inspection(
            inspection=name, characteristic=event.characteristic, work_unit=event.work_unit,
            result=event.result, made=event.made, at_ns=at_ns,
            good_made=event.made if good else before.good_made if before is not None else 0,
            good_ns=at_ns if good else before.good_ns if before is not None else 0,
        ))  # fmt: skip
    row = book.get(Nonconformance, event.nonconformance) if event.nonconformance else None
    if row is not None:
        book.put(msgspec.structs.replace(row, results=row.results + 1, version=row.version + 1,
                                         suspects=max(row.suspects, event.suspects)))  # fmt: skip


def _opened(book: Book, event: events.NonconformanceOpened, at_ns: int) -> None:
    first = book.get(Result, event.result)
    assert first is not None, "a result opens a nonconformance"
    book.put(Nonconformance(
        nonconformance=event.nonconformance, number=event.number, characteristic=event.characteristic,
        cause=event.cause, product=event.product, job=event.job, operation=event.operation,
        work_unit=event.work_unit, unit=event.unit, result=event.result, results=1,
        suspects=event.suspects, good_ns=event.good_ns, opened_ns=at_ns, person=first.person,
        signal=first.signal, state=OPEN, disposition="", reason="", decided_by="", decided_ns=0, version=1,
    ))  # fmt: skip


def _changes(book: Book, name: str, **changes: object) -> None:
    row = book.get(Nonconformance, name)
    assert row is not None, "decided on a nonconformance that is there"
    book.put(msgspec.structs.replace(row, version=row.version + 1, **changes))


def _disposed(book: Book, event: events.NonconformanceDisposed, at_ns: int) -> None:
    state = REWORK if event.disposition == Disposition.REWORK else OPEN
    _changes(book, event.nonconformance, state=state, disposition=event.disposition, reason=event.cause,
             decided_by=event.person, decided_ns=at_ns)  # fmt: skip


def _closed(book: Book, event: events.NonconformanceClosed, at_ns: int) -> None:
    _changes(book, event.nonconformance, state=OVER)


RULES = Rules(
    deciders={commands.Release.command_name: release, commands.Dispose.command_name: dispose},
    projectors={
        events.ResultRecorded: _recorded,
        events.NonconformanceOpened: _opened,
        events.NonconformanceDisposed: _disposed,
        events.NonconformanceClosed: _closed,
    },
)
