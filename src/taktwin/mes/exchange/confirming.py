"""Orders and confirmations as an ERP reads them, from the rows of others. Writes nothing."""

from __future__ import annotations

import math

from taktwin.contracts.events import ScheduledJob
from taktwin.instants import SECOND_NS
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.dispatching.queries import SOME, open_jobs, turn
from taktwin.mes.execution.tables import JobOrder, Run
from taktwin.mes.performance.queries import labour
from taktwin.mes.scheduling.queries import plan_of, schedule_in_force
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.stock import Stock
from taktwin.mes.tracking.tables import FREE, RESTRICTED, Consumption, Lot, Passage
from taktwin.standards import b2mml
from taktwin.standards.b2mml import JobOut, JobResponse, LotOut, OrderOut, SegmentOut
from taktwin.standards.job_control import State, SubState
from taktwin.standards.job_control import b2mml as b2mml_state
from taktwin.storage.book import Reading

UNITS_MAX = 2_000  # serial numbers of one job order; of more the answer would not fit on the backbone
UNPLANNED = "unplanned"  # the schedule's name before the first one


def orders(book: Reading, *, sender: str, at_ns: int) -> bytes:
    """Return all orders as a B2MML ShowOperationsSchedule."""
    return b2mml.show_operations_schedule(
        [_order(row) for row in book.where(Request)], sender=sender, at_ns=at_ns
    )


def performance(book: Reading, request: str, *, sender: str, at_ns: int) -> bytes | None:
    """Return what was made of an order as a B2MML ShowOperationsPerformance; None: nobody knows it."""
    row = book.get(Request, request)
    if row is None:
        return None
    jobs = sorted(book.where(JobOrder, request=request), key=lambda job: job.operation)
    segments = [_segment(book, job) for job in jobs]
    return b2mml.show_operations_performance(_order(row), segments, sender=sender, at_ns=at_ns)


def work_performance(
    book: Reading, definitions: Definitions, request: str, *, sender: str, at_ns: int
) -> bytes | None:
    """Return what became of each job order of an order, as a B2MML ShowWorkPerformance.

    None: nobody knows the order, or all its job orders were cleared from the list: the schema wants one.
    """
    row = book.get(Request, request)
    jobs = sorted(book.where(JobOrder, request=request), key=lambda job: (job.operation, job.job))
    if row is None or not jobs:
        return None
    schedule = schedule_in_force(book)
    return b2mml.show_work_performance(
        _order(row), [_response(book, definitions, job, at_ns) for job in jobs],
        schedule=schedule.schedule if schedule is not None else UNPLANNED, sender=sender, at_ns=at_ns,
    )  # fmt: skip


def _response(book: Reading, definitions: Definitions, job: JobOrder, at_ns: int) -> JobResponse:
    ran: dict[str, int] = {}
    for run in book.where(Run, job=job.job):
        ran[run.work_unit] = ran.get(run.work_unit, 0) + (run.to_ns or at_ns) - run.from_ns
    worked: dict[str, int] = {}
    for share in labour(book, definitions, {"job": job.job}, at_ns)["rows"] if job.started_ns else ():
        worked[share["person"]] = worked.get(share["person"], 0) + share["to_ns"] - share["from_ns"]
    few = book.count(Passage, job=job.job) <= UNITS_MAX
    units = {row.unit for row in book.where(Passage, job=job.job) if row.good} if few else set()
    return JobResponse(
        job=job.job, name=job.name, product=job.product, definition=job.definition,
        state=b2mml_state(State(job.state), SubState(job.sub_state)), started_ns=job.started_ns,
        ended_ns=job.ended_ns, good=job.good, scrap=job.scrap, units=tuple(sorted(units)),
        equipment={unit: span_ns / SECOND_NS for unit, span_ns in ran.items()},
        people={person: span_ns / SECOND_NS for person, span_ns in worked.items()},
        consumed=_consumed(book, job),
    )  # fmt: skip


def _consumed(book: Reading, job: JobOrder) -> dict[tuple[str, str], float]:
    consumed: dict[tuple[str, str], float] = {}
    for row in book.where(Consumption, job=job.job):
        key = (row.component, row.lot)
        consumed[key] = consumed.get(key, 0.0) + row.quantity
    return consumed


def job_list(book: Reading, *, sender: str, at_ns: int) -> bytes:
    """Return the job orders that are not over as a B2MML ShowJobList, as the schedule in force says."""
    row = schedule_in_force(book)
    plan = {} if row is None else plan_of(row.jobs)
    jobs = [_job(job, plan.get(job.job)) for job in sorted(open_jobs(book), key=lambda job: turn(job, plan))]
    return b2mml.show_job_list(
        jobs, schedule=row.schedule if row is not None else UNPLANNED, sender=sender, at_ns=at_ns
    )


def stock(book: Reading, *, sender: str, at_ns: int) -> bytes | None:
    """Return what is left of every lot, and how much of it lies where, as a B2MML ShowMaterialLot.

    None where nothing is left: the schema knows no empty stock.
    """
    places: dict[str, dict[str, float]] = {}
    for lying in book.between(Stock, "quantity", SOME, math.inf):
        if lying.location:
            places.setdefault(lying.lot, {})[lying.location] = lying.quantity
    lots = [
        LotOut(row.lot, row.product, row.remaining, row.disposition, places.get(row.lot, {}))
        for disposition in (FREE, RESTRICTED)
        for row in book.between(Lot, "remaining", SOME, math.inf, disposition=disposition)
    ]
    lots.sort(key=lambda lot: (lot.product, lot.lot))
    return b2mml.show_material_lots(lots, sender=sender, at_ns=at_ns) if lots else None


def _job(job: JobOrder, planned: ScheduledJob | None) -> JobOut:
    return JobOut(
        job=job.job, name=job.name, product=job.product, quantity=job.quantity, priority=job.priority,
        state=b2mml_state(State(job.state), SubState(job.sub_state)),
        equipment=job.work_unit or (planned.work_unit if planned is not None else ""),
        begin_ns=planned.begin_ns if planned is not None else 0,
        end_ns=planned.end_ns if planned is not None else 0, version=job.version,
        definition=job.definition,
    )  # fmt: skip


def _order(row: Request) -> OrderOut:
    return OrderOut(row.request, row.product, row.quantity, row.due_ns, row.priority, row.customer, row.state,
                    row.definition)  # fmt: skip


def _segment(book: Reading, job: JobOrder) -> SegmentOut:
    return SegmentOut(
        segment=job.job, name=job.name, state=b2mml_state(State(job.state), SubState(job.sub_state)),
        equipment=job.work_unit, started_ns=job.started_ns, ended_ns=job.ended_ns, good=job.good,
        scrap=job.scrap, consumed=_consumed(book, job),
    )  # fmt: skip
