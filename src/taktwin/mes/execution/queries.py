"""What is asked of job orders: the machine's side of one beside ours. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.contracts.machine_commands import Outcome
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.execution.asking import last_asked, method_of
from taktwin.mes.execution.engine import equal
from taktwin.mes.execution.tables import JobOrder, MachineJob, MachineReceiver
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading

DONE = (Outcome.DONE.value, Outcome.DIFFERS.value)


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
    last = last_asked(book, job.job, job.work_unit)
    waits = last is not None and not last.outcome
    failed = last is not None and bool(last.outcome) and last.outcome not in DONE
    begun = State(job.state) in (State.RUNNING, State.INTERRUPTED)
    reachable = receiver is not None and receiver.reachable
    return MachineSide(
        reachable=reachable,
        cause="" if receiver is None else receiver.cause,
        since_ns=0 if receiver is None else receiver.since_ns,
        state=there, sub_state="" if row is None else row.sub_state,
        said_ns=0 if row is None else row.said_ns,
        equal=reachable and not waits and equal(State(job.state), there, begun=begun),
        asked=method_of(last) if last is not None and waits else "",
        asked_ns=last.given_ns if last is not None and waits else 0,
        failed=method_of(last) if last is not None and failed else "",
        why=f"{last.outcome}: {last.found}" if last is not None and failed else "",
    )  # fmt: skip
