"""Orders and confirmations as an ERP reads them, from the rows of others. Writes nothing."""

from __future__ import annotations

from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.tables import Consumption
from taktwin.standards import b2mml
from taktwin.standards.b2mml import OrderOut, SegmentOut
from taktwin.standards.job_control import State, SubState
from taktwin.standards.job_control import b2mml as b2mml_state
from taktwin.storage.book import Reading


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


def _order(row: Request) -> OrderOut:
    return OrderOut(row.request, row.product, row.quantity, row.due_ns, row.priority, row.customer, row.state)


def _segment(book: Reading, job: JobOrder) -> SegmentOut:
    consumed: dict[tuple[str, str], float] = {}
    for row in book.where(Consumption, job=job.job):
        key = (row.component, row.lot)
        consumed[key] = consumed.get(key, 0.0) + row.quantity
    return SegmentOut(
        segment=job.job, name=job.name, state=b2mml_state(State(job.state), SubState(job.sub_state)),
        equipment=job.work_unit, started_ns=job.started_ns, ended_ns=job.ended_ns, good=job.good,
        scrap=job.scrap, consumed=consumed,
    )  # fmt: skip
