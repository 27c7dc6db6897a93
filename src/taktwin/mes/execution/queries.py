"""What is asked of job orders: the machine's side of one beside ours. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.execution.engine import equal
from taktwin.mes.execution.tables import JobOrder, MachineJob, MachineReceiver
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading


@dataclass(frozen=True, slots=True)
class MachineSide:
    """What a machine that takes job orders by itself says of one, and what it was asked."""

    reachable: bool
    cause: str  # why it is not reached
    since_ns: int  # since when it is reached, or not; 0: it never was
    state: str  # "": it does not have this job order
    sub_state: str
    said_ns: int  # 0: it has said nothing of it
    equal: bool
    asked: str  # method of which nobody knows yet what came of it; "" = none
    asked_ns: int
    failed: str  # method that the machine did not take, or of which it did not say so; "" = none
    why: str  # what came of that


def machine_side(book: Reading, definitions: Definitions, job: JobOrder) -> MachineSide | None:
    """Return the machine's side of a job order; None where its machine has no receiver."""
    if job.work_unit not in definitions.receivers:
        return None
    receiver = book.get(MachineReceiver, job.work_unit)
    row = book.get(MachineJob, job.job)
    if row is not None and row.work_unit != job.work_unit:
        row = None
    there = "" if row is None else row.state
    begun = State(job.state) in (State.RUNNING, State.INTERRUPTED)
    reachable = receiver is not None and receiver.reachable
    return MachineSide(
        reachable=reachable,
        cause="" if receiver is None else receiver.cause,
        since_ns=0 if receiver is None else receiver.since_ns,
        state=there, sub_state="" if row is None else row.sub_state,
        said_ns=0 if row is None else row.said_ns,
        equal=reachable and equal(State(job.state), there, begun=begun),
        asked="", asked_ns=0, failed="", why="",
    )  # fmt: skip
