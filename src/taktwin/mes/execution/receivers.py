"""Job orders at machines that take them by themselves: what each machine says, and how we follow it.

The commander tells what every receiver says and whether it can be reached. Where a machine can be
reached, its own word decides whether a job order runs; where it cannot, the MES goes on alone and says
so. What a machine does is never refused, only, where it cannot be followed, shown beside ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from taktwin.contracts import commands, events
from taktwin.contracts.machine_commands import ControlMachineJob, MachineResult
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.execution.actions import control
from taktwin.mes.execution.asking import ask, last_asked, method_of, under_way
from taktwin.mes.execution.engine import OVER, following
from taktwin.mes.execution.tables import JobOrder, MachineJob, MachineReceiver
from taktwin.mes.machines import parameters
from taktwin.mes.machines.tables import MachineOrder
from taktwin.standards.job_control import SUB_STATES, Cause, Method, ReturnStatus, State, SubState
from taktwin.storage.book import Book, Reading

STEPS_MAX = 3  # from allowed to over
NOBODY_TELLS = "the commander is silent: nothing reaches the machine"


def report(book: Reading, wish: commands.ReportMachineJobs, asking: Asking) -> Iterator[Fact]:
    """Write down what a machine says, and follow it."""
    if wish.work_unit not in asking.definitions.receivers:
        raise unknown("machine that takes job orders", wish.work_unit)
    _are_states((each.state, each.sub_state) for each in wish.jobs)
    before = book.get(MachineReceiver, wish.work_unit)
    if before is None or (before.reachable, before.cause) != (wish.reachable, wish.cause):
        yield Fact(
            events.MachineReceiverChanged(
                work_unit=wish.work_unit, reachable=wish.reachable, cause=wish.cause
            ),
            asking.now_ns,
        )
    if not wish.reachable:
        return  # what it said last stands, with its age
    said = {each.job for each in wish.jobs}
    for each in wish.jobs:
        yield from heard(book, wish.work_unit, each.job, each.state, each.sub_state, asking)
    for row in book.where(MachineJob, work_unit=wish.work_unit):
        if row.state and row.job not in said:
            yield Fact(_reported(row.job, row.work_unit, "", ""), asking.now_ns)
        elif row.job in said:
            yield from _cleared(book, row, asking)


def unheard(book: Reading, since_ns: int) -> Iterator[Fact]:
    """Yield that machines cannot be reached: the commander says nothing, and nobody else may tell them.

    It says what each machine says as soon as it is there again.
    """
    for row in book.where(MachineReceiver, reachable=True):
        changed = events.MachineReceiverChanged(work_unit=row.work_unit, reachable=False, cause=NOBODY_TELLS)
        yield Fact(changed, max(since_ns, row.since_ns))


def _are_states(said: Iterable[tuple[str, str]]) -> None:
    for state, sub_state in said:
        known = state in set(State) and sub_state in set(SubState)
        if not known or SubState(sub_state) not in SUB_STATES[State(state)]:
            raise Refused("invalid", "state of a job order", f"{state} {sub_state}".strip(),
                          "a state of ISA-95 job control", status=ReturnStatus.INVALID_REQUEST)  # fmt: skip


def heard(
    book: Reading, work_unit: str, name: str, state: str, sub_state: str, asking: Asking
) -> Iterator[Fact]:
    """Yield what a machine says of a job order where it is news, and how ours follows."""
    row, job = book.get(MachineJob, name), book.get(JobOrder, name)
    if row is None and (job is None or job.work_unit != work_unit):
        return  # another client's job order, or one that we never gave it
    if row is None or (row.work_unit, row.state, row.sub_state) != (work_unit, state, sub_state):
        yield Fact(_reported(name, work_unit, state, sub_state), asking.now_ns)
    for _ in range(STEPS_MAX):
        job = book.get(JobOrder, name)
        if job is None or job.work_unit != work_unit:
            return
        cause = following(State(job.state), State(state), SubState(sub_state))
        if cause is None:
            return
        facts = control(book, job, cause, asking, told=True)
        try:
            first = next(facts)  # whoever refuses has yielded nothing
        except Refused:
            return  # such as two running at once: both sides are shown, and they differ
        yield first
        yield from facts
        if cause in (Cause.BEGIN, Cause.RESUME) and state == State.RUNNING.value:
            yield from _paused_without_parameters(book, job, asking)


def _paused_without_parameters(book: Reading, job: JobOrder, asking: Asking) -> Iterator[Fact]:
    """Pause a machine that runs by itself without what the product wants; whoever resumes it loads that."""
    points = parameters.set_points(book, asking.definitions, job, job.operation)
    held = parameters.verified(book, points, job=job.job, work_unit=job.work_unit)
    waits = under_way(book, job.job, job.work_unit, asking.now_ns)
    if held or (waits is not None and method_of(waits) == Method.PAUSE):
        return
    why = f"{job.job} runs at {job.work_unit} by itself, and its parameters are not loaded"
    yield ask(job.job, job.work_unit, Method.PAUSE, asking, job=job, why=why)


def _cleared(book: Reading, row: MachineJob, asking: Asking) -> Iterator[Fact]:
    """Ask the machine to forget what is over on both sides, once: its list has an end."""
    job = book.get(JobOrder, row.job)
    over = job is None or State(job.state) in OVER
    last = last_asked(book, row.job, row.work_unit)
    if over and State(row.state) in OVER and last is not None and last.outcome and (
        method_of(last) != Method.CLEAR
    ):  # fmt: skip
        yield ask(row.job, row.work_unit, Method.CLEAR, asking, job=job)


def answered(book: Reading, row: MachineOrder, result: MachineResult, asking: Asking) -> Iterator[Fact]:
    """Yield what follows from what a machine answered: the state that it said then."""
    state, sub_state = str(result.returned.get("state", "")), str(result.returned.get("sub_state", ""))
    if state in set(State) and sub_state in {each.value for each in SUB_STATES[State(state)]}:
        yield from heard(book, row.work_unit, row.job, state, sub_state, asking)


FOLLOWERS = {ControlMachineJob.command_name: answered}


def _reported(job: str, work_unit: str, state: str, sub_state: str) -> events.MachineJobReported:
    return events.MachineJobReported(job=job, work_unit=work_unit, state=state, sub_state=sub_state)


# Projectors


def _receiver(book: Book, event: events.MachineReceiverChanged, at_ns: int) -> None:
    book.put(MachineReceiver(work_unit=event.work_unit, reachable=event.reachable, cause=event.cause,
                             since_ns=at_ns))  # fmt: skip


def _said(book: Book, event: events.MachineJobReported, at_ns: int) -> None:
    book.put(MachineJob(job=event.job, work_unit=event.work_unit, state=event.state,
                        sub_state=event.sub_state, said_ns=at_ns))  # fmt: skip


RULES = Rules(
    deciders={commands.ReportMachineJobs.command_name: report},
    projectors={events.MachineReceiverChanged: _receiver, events.MachineJobReported: _said},
)
