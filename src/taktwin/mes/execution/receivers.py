"""Job orders at machines that take them by themselves: what each machine says, and how we follow it.

The commander tells what every receiver says and whether it can be reached. Where a machine can be
reached, its own word decides whether a job order runs; where it cannot, the MES goes on alone and says
so. What a machine does is never refused, only, where it cannot be followed, shown beside ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.execution.actions import control
from taktwin.mes.execution.engine import following
from taktwin.mes.execution.tables import JobOrder, MachineJob, MachineReceiver
from taktwin.standards.job_control import SUB_STATES, ReturnStatus, State, SubState
from taktwin.storage.book import Book, Reading

STEPS_MAX = 3  # from allowed to over


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
