"""Values become results: tied to the job order that ran and the part that was measured.

A machine is believed; what a person types is refused where nobody can have measured it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from taktwin.contracts import commands, events
from taktwin.mes.collection.actions import Heard, said_ns, serial_at, whose
from taktwin.mes.collection.tables import Counter
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.inspection import Characteristic
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import followed
from taktwin.mes.execution.actions import running_at
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.quality import actions as quality
from taktwin.mes.quality import engine
from taktwin.mes.quality.actions import Measured
from taktwin.mes.quality.engine import Verdict
from taktwin.mes.tooling.gauges import refuse_uncalibrated
from taktwin.mes.tracking.tables import Passage, Unit
from taktwin.standards.job_control import ReturnStatus, State
from taktwin.storage.book import Reading

LATE_NS = 2_000_000_000  # so long after a job order has ended by its last part, a value is still that part's
LAST_ENDED = 50  # job orders that can have ended at a work unit within that time
MEASURABLE = (State.RUNNING, State.INTERRUPTED, State.ENDED)


def measured(book: Reading, heard: Heard, asking: Asking) -> Iterator[Fact]:
    """Yield what follows from a value that a machine measured."""
    work_unit, names = asking.definitions.measures[heard.signal]
    value = heard.value
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return  # no number, no measurement
    at_ns = heard.source_ns
    serial = serial_at(book, asking.definitions.serials, work_unit, at_ns)
    begun_ns = said_ns(book, asking.definitions, work_unit, at_ns)
    job = running_at(book, work_unit, at_ns, begun_ns=begun_ns) or _ended_with(book, work_unit, serial, at_ns)
    owner = whose(book, asking.definitions, work_unit, job) if job is not None else "other"
    if job is None or owner == "other":
        return
    definition = followed(book, asking.definitions, job)
    serialised = definition is not None and definition.serialised and owner == "job"
    for name in names:
        characteristic = asking.definitions.plan[name]
        if job.product not in characteristic.products:
            continue
        yield from quality.record(
            book,
            Measured(
                result=f"{name}:{work_unit}:{at_ns}", characteristic=characteristic, product=job.product,
                job=job.job, operation=job.operation, work_unit=work_unit,
                unit=serial if serialised else "", made=made(book, asking.definitions, work_unit),
                at_ns=at_ns, verdict=engine.verdict(characteristic, value), value=float(value),
                signal=heard.signal,
            ),
        )  # fmt: skip


def _ended_with(book: Reading, work_unit: str, serial: str, at_ns: int) -> JobOrder | None:
    """Return the job order whose last part a value that came after it is about."""
    if serial:
        stays = [row for row in book.where(Passage, unit=serial) if row.work_unit == work_unit]
        return book.get(JobOrder, max(stays, key=lambda row: row.at_ns).job) if stays else None
    last = book.newest(JobOrder, "ended_ns", LAST_ENDED, work_unit=work_unit)
    ended = [job for job in last if 0 <= at_ns - job.ended_ns <= LATE_NS]
    return max(ended, key=lambda job: job.ended_ns, default=None)


def made(book: Reading, definitions: Definitions, work_unit: str) -> int:
    """Return how many good parts a work unit has made for job orders, by its own counter."""
    return sum(
        row.booked
        for row in book.where(Counter, work_unit=work_unit)
        if definitions.counters.get(row.signal, ("", ""))[1] == "good"
    )


def record_result(book: Reading, wish: commands.RecordResult, asking: Asking) -> Iterator[Fact]:
    """Book what a person measured."""
    job = book.get(JobOrder, wish.job)
    if job is None:
        raise unknown("job order", wish.job, status=ReturnStatus.UNKNOWN_JOB_ORDER)
    characteristic = asking.definitions.plan.get(wish.characteristic)
    if characteristic is None:
        raise unknown("characteristic", wish.characteristic)
    plan = asking.definitions.inspected(job.product, job.equipment_class)
    if characteristic not in plan:
        own = ", ".join(each.id for each in plan if not each.signal) or "none"
        raise _invalid("characteristic", repr(wish.characteristic),
                       f"one of the inspection plan of {job.job} that people measure: {own}")  # fmt: skip
    if characteristic.signal:
        says = f"{job.work_unit}/{characteristic.signal}"
        raise _invalid("characteristic", repr(wish.characteristic), f"one that people measure, not {says}")
    if State(job.state) not in MEASURABLE or (asking.late and job.started_ns > asking.now_ns):
        raise Refused("state", f"job order {job.job}", job.state, "one that has begun",
                      status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    if wish.gauge:
        refuse_uncalibrated(book, wish.gauge, asking)
    _its_part(book, wish.unit, job)
    if wish.gauge:
        yield Fact(events.GaugeUsed(gauge=wish.gauge, work_unit=job.work_unit), asking.now_ns)
    yield from quality.record(
        book,
        Measured(
            result=asking.command, characteristic=characteristic, product=job.product, job=job.job,
            operation=job.operation, work_unit=job.work_unit, unit=wish.unit,
            made=made(book, asking.definitions, job.work_unit), at_ns=asking.now_ns,
            verdict=_verdict(characteristic, wish), value=wish.value, person=asking.person, gauge=wish.gauge,
        ),
    )  # fmt: skip


def _verdict(characteristic: Characteristic, wish: commands.RecordResult) -> Verdict:
    if characteristic.attribute:
        if wish.passed is None or wish.value is not None:
            raise _invalid(
                characteristic.name, "a number" if wish.value is not None else "nothing", "yes or no"
            )
        return Verdict.OK if wish.passed else Verdict.NOK
    if wish.value is None or wish.passed is not None:
        found = "nothing" if wish.value is None else "yes or no"
        raise _invalid(characteristic.name, found, f"a number in {characteristic.unit_of_measure or '1'}")
    if wish.unit_of_measure != characteristic.unit_of_measure:
        raise _invalid(f"unit of {characteristic.name}", repr(wish.unit_of_measure),
                       repr(characteristic.unit_of_measure))  # fmt: skip
    if not engine.possible(characteristic, wish.value):
        least, greatest = engine.plausible(characteristic)
        raise _invalid(
            characteristic.name, f"{wish.value:.7g}",
            f"{least:.6g} to {greatest:.6g} {characteristic.unit_of_measure}".strip()
            + ": nobody can have measured anything else",
        )  # fmt: skip
    return engine.verdict(characteristic, wish.value)


def _its_part(book: Reading, serial: str, job: JobOrder) -> None:
    if not serial:
        return
    unit = book.get(Unit, serial)
    if unit is None:
        raise unknown("unit", serial)
    if unit.request != job.request:
        raise Refused("invalid", f"unit {serial}", f"a {unit.product} of order {unit.request}",
                      f"a {job.product} of order {job.request}", status=ReturnStatus.INVALID_REQUEST,
                      row=unit)  # fmt: skip


def _invalid(place: str, found: str, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


RULES = Rules(deciders={commands.RecordResult.command_name: record_result})
