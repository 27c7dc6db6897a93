"""Which job order a work unit was there for, of two that take turns."""

from __future__ import annotations

from collections.abc import Iterable

from taktwin.mes.execution import tables as execution
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.performance.engine import Run


def worked_on(job: JobOrder, ran: Iterable[execution.Run], now_ns: int) -> list[Run]:
    """Return a job order from its begin to its end, cut where it went on: the one that did last counts.

    Parameters
    ----------
    ran : the spans in which this job order ran
    now_ns : where one that is not over ends
    """
    begins = sorted(run.from_ns for run in ran)
    ends = [*begins[1:], job.ended_ns or now_ns]
    return [Run(job.job, job.work_unit, from_ns, to_ns) for from_ns, to_ns in zip(begins, ends, strict=True)]
