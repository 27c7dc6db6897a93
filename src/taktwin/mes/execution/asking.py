"""What a machine that takes job orders by itself is asked when something is to happen to one there.

Comes in: what is wanted of a job order that may have it. Goes out: the command to its machine, or
nothing where it is not concerned or cannot be reached; then the MES goes on alone, and says so.
"""

from __future__ import annotations

import msgspec

from taktwin.contracts.machine_commands import ControlMachineJob
from taktwin.mes.decision import Asking, Fact, Refused
from taktwin.mes.execution.engine import AT_ONCE, CARRIED, OVER
from taktwin.mes.execution.tables import JobOrder, MachineJob, MachineReceiver
from taktwin.mes.machines.actions import give
from taktwin.mes.machines.tables import MachineOrder
from taktwin.standards.job_control import Cause, Method, ReturnStatus, State
from taktwin.storage.book import Reading

NAME = ControlMachineJob.command_name
PATIENCE_NS = 120 * 1_000_000_000  # plant time: later nobody at the terminal waits for it
IN_HAND = (State.RUNNING, State.INTERRUPTED)


def asks(book: Reading, job: JobOrder, wish: Method | Cause, place: str, asking: Asking) -> Fact | None:
    """Return the command to the machine, None where it is not concerned. Refuses while one is open."""
    receiver, method = book.get(MachineReceiver, place), CARRIED.get(wish)
    if method is None or receiver is None or not receiver.reachable:
        return None
    waits = under_way(book, job.job, place, asking.now_ns)
    if waits is not None and wish not in AT_ONCE:
        raise Refused("state", f"job order {job.job}", f"{place} was asked to {method_of(waits)} it",
                      "the answer of the machine", status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    there = said_state(book, job.job, place)
    if method is Method.STORE_AND_START:
        if there is State.ALLOWED_TO_START:
            raise Refused("state", f"job order {job.job}", f"{place} has it and begins it by itself",
                          "a job order that its machine does not have yet",
                          status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
        if there in IN_HAND:
            return None  # it has begun already, and we follow
        if there is State.NOT_ALLOWED_TO_START:
            method = Method.START
    elif waits is None and (there is None or there in OVER):
        return None
    return ask(job.job, place, method, asking, job=job)


def ask(
    name: str, place: str, method: Method, asking: Asking, *, job: JobOrder | None, why: str = ""
) -> Fact:
    """Return the fact that a machine is to be told something about a job order."""
    wish = ControlMachineJob(
        method=method.value, job=name, product="" if job is None else job.product,
        quantity=0 if job is None else max(1, job.quantity - job.good),
        priority=0 if job is None else job.priority,
    )  # fmt: skip
    return give(
        wish, asking, command=f"job:{name}:{method.value}:{asking.now_ns}", work_unit=place, job=name,
        request="" if job is None else job.request, why=why or f"{method.value} of job order {name}",
        by=asking.person or "mes", deadline_ns=asking.now_ns + PATIENCE_NS,
    )  # fmt: skip


def said_state(book: Reading, job: str, place: str) -> State | None:
    """Return the state that a machine says of a job order; None: it does not have it."""
    row = book.get(MachineJob, job)
    return State(row.state) if row is not None and row.work_unit == place and row.state else None


def last_asked(book: Reading, job: str, place: str) -> MachineOrder | None:
    """Return the newest command to a machine about a job order."""
    found = book.newest(MachineOrder, "given_ns", 1, work_unit=place, job=job, name=NAME)
    return found[0] if found else None


def under_way(book: Reading, job: str, place: str, now_ns: int) -> MachineOrder | None:
    """Return the command of which nobody knows yet what came of it; None: none, or it is too late."""
    row = last_asked(book, job, place)
    return row if row is not None and not row.outcome and row.deadline_ns >= now_ns else None


def method_of(row: MachineOrder) -> str:
    """Return the method that a command calls."""
    return msgspec.json.decode(row.content, type=ControlMachineJob).method


def machine_counts(book: Reading, job: JobOrder) -> bool:
    """Return whether the machine itself counts towards the end of a job order."""
    receiver = book.get(MachineReceiver, job.work_unit)
    return (
        receiver is not None and receiver.reachable
        and said_state(book, job.job, job.work_unit) in IN_HAND
    )  # fmt: skip
