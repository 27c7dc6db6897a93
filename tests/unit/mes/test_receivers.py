"""Machines that take job orders by themselves: what they say is written down, shown beside ours, followed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, ReportMachineJobs, SaidJob
from taktwin.mes.execution import receivers
from taktwin.mes.execution.engine import equal, following
from taktwin.mes.execution.tables import JobOrder, MachineJob, MachineReceiver
from taktwin.standards.job_control import BY_CAUSE, SUB_STATES, Cause, State, SubState
from tests.unit.mes.conftest import START_NS, Shop
from tests.unit.mes.test_random_commands import STEPS, Plant, cells, chained_and_rebuilt, orders, run


@pytest.fixture
def line(shop: Shop) -> Shop:
    """An order whose first job order may begin at `load2`, and its machine."""
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=2, due_ns=START_NS))
    shop.granted(commands.DispatchJob(job="1-10", work_unit="load2", version=1))
    return shop


def said(*jobs: tuple[str, State, SubState], work_unit: str = "load2") -> ReportMachineJobs:
    return ReportMachineJobs(
        work_unit=work_unit, reachable=True,
        jobs=[SaidJob(job=job, state=state.value, sub_state=sub.value) for job, state, sub in jobs],
    )  # fmt: skip


def report(shop: Shop, *jobs: tuple[str, State, SubState]) -> list[str]:
    return shop.granted(said(*jobs)).events


def state(shop: Shop, job: str = "1-10") -> tuple[str, str]:
    row = shop.store.book.get(JobOrder, job)
    assert row is not None
    return row.state, row.sub_state


def test_a_job_order_runs_when_its_machine_says_so_and_ends_with_it(line: Shop) -> None:
    assert report(line) == ["machine.receiver.changed"]
    assert report(line, ("1-10", State.RUNNING, SubState.NONE)) == [
        "machine.job.reported", "job.order.started"
    ]  # fmt: skip
    assert report(line, ("1-10", State.RUNNING, SubState.NONE)) == [], "no news"
    report(line, ("1-10", State.INTERRUPTED, SubState.HELD))
    assert state(line) == ("Interrupted", "Held")
    report(line, ("1-10", State.RUNNING, SubState.NONE))
    assert report(line, ("1-10", State.ENDED, SubState.COMPLETED))[1:] == ["job.order.ended"]
    assert state(line) == ("Ended", "Completed")
    assert report(line) == ["machine.job.reported"], "it has forgotten it"
    chained_and_rebuilt(line)


def test_what_was_missed_in_between_is_made_good(line: Shop) -> None:
    """The commander was away while the machine began and ended: it is told the end alone."""
    events = report(line, ("1-10", State.ENDED, SubState.COMPLETED))
    assert events[1:] == ["machine.job.reported", "job.order.started", "job.order.ended"]
    chained_and_rebuilt(line)


def test_a_count_does_not_end_what_the_machine_counts_itself(line: Shop) -> None:
    report(line, ("1-10", State.RUNNING, SubState.NONE))
    line.machine("load2", parts=2)
    assert state(line) == ("Running", ""), "the machine says when it has ended"
    report(line, ("1-10", State.ENDED, SubState.COMPLETED))
    row = line.store.book.get(JobOrder, "1-10")
    assert row is not None and (row.state, row.good) == ("Ended", 2)


def test_a_machine_that_is_not_reached_keeps_what_it_said_and_the_count_ends_it(line: Shop) -> None:
    report(line, ("1-10", State.RUNNING, SubState.NONE))
    line.granted(ReportMachineJobs(work_unit="load2", reachable=False, cause="no route"))
    row = line.store.book.get(MachineReceiver, "load2")
    assert row is not None and (row.reachable, row.cause) == (False, "no route")
    here = line.store.book.get(MachineJob, "1-10")
    assert here is not None and here.state == "Running"
    line.machine("load2", parts=2)
    assert state(line) == ("Ended", "Completed")


def test_what_cannot_be_followed_is_shown_and_stops_nothing(line: Shop) -> None:
    line.granted(commands.DropOrder(request="2", product="EA-100", quantity=2, due_ns=START_NS))
    line.begin("2-10", "load2")
    report(line, ("1-10", State.RUNNING, SubState.NONE), ("2-10", State.ALLOWED_TO_START, SubState.READY))
    assert state(line) == ("AllowedToStart", "Ready"), "2-10 runs there as far as we know"
    row = line.store.book.get(MachineJob, "1-10")
    assert row is not None and row.state == "Running"
    assert not equal(State.ALLOWED_TO_START, row.state, begun=False)


def test_another_clients_job_order_is_none_of_ours(line: Shop) -> None:
    assert report(line, ("X", State.RUNNING, SubState.NONE)) == ["machine.receiver.changed"]
    line.granted(commands.DropOrder(request="2", product="EA-100", quantity=2, due_ns=START_NS))
    assert report(line, ("2-10", State.RUNNING, SubState.NONE)) == [], "never dispatched there"


@pytest.mark.parametrize(
    "wish",
    [
        ReportMachineJobs(work_unit="hob1", reachable=True),
        ReportMachineJobs(work_unit="load2", reachable=True, jobs=[SaidJob(job="1-10", state="Asleep")]),
        ReportMachineJobs(work_unit="load2", reachable=True, jobs=[SaidJob(job="1-10", state="Interrupted")]),
    ],
)
def test_a_report_that_is_none_is_refused(line: Shop, wish: ReportMachineJobs) -> None:
    answer: Answer = line.ask(wish)
    assert not answer.accepted
    assert line.store.book.get(MachineJob, "1-10") is None


def test_following_a_machine_goes_over_arrows_that_exist_and_leads_to_its_state() -> None:
    for here, there in itertools.product(State, State):
        for sub in SUB_STATES[there]:
            at = here
            for _ in range(receivers.STEPS_MAX):
                cause = following(at, there, sub)
                if cause is None:
                    break
                at = BY_CAUSE[at, Cause(cause.value)].target
            assert following(at, there, sub) is None, "it comes to rest"
            led = here in (State.ALLOWED_TO_START, State.RUNNING, State.INTERRUPTED)
            if led and there.number >= State.RUNNING.number:
                assert at is there


class Receivers(Plant):
    """The plant of the random commands, whose machines say of job orders what they like."""

    @rule(order=orders, cell=cells, data=st.data(), reachable=st.sampled_from((True, True, True, False)),
          missed=st.booleans())  # fmt: skip
    def say(self, order: str, cell: str, data: st.DataObject, reachable: bool, missed: bool) -> None:
        job = f"{order}-{STEPS[cell]}"
        there = data.draw(st.sampled_from(State))
        sub = data.draw(st.sampled_from(SUB_STATES[there]))
        before = self.shop.store.book.get(JobOrder, job)
        others = [
            row for row in self.shop.store.book.where(JobOrder, work_unit=cell, state=State.RUNNING.value)
            if row.job != job
        ]  # fmt: skip
        wish = said(*([] if missed else [(job, there, sub)]), work_unit=cell)
        if not reachable:
            wish = ReportMachineJobs(work_unit=cell, reachable=False, cause="gone")
        assert self.shop.ask(wish).accepted
        if before is None or before.work_unit != cell or missed or not reachable:
            return
        row, after = self.shop.store.book.get(MachineJob, job), self.shop.store.book.get(JobOrder, job)
        assert row is not None and after is not None
        assert (row.state, row.sub_state) == (there.value, sub.value), "what it says is written down"
        follows = before.state in (State.ALLOWED_TO_START, State.RUNNING, State.INTERRUPTED)
        if follows and there.number >= State.RUNNING.number and not others:
            assert after.state == there.value, "a machine's own word is followed"


def test_random_reports_leave_no_illegal_state() -> None:
    run(Receivers, 40)


def test_the_random_reports_find_a_planted_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(here: State, there: State, sub: SubState) -> Cause | None:
        return None if there is State.ABORTED else following(here, there, sub)

    monkeypatch.setattr(receivers, "following", forgetful)
    with pytest.raises(AssertionError):
        run(Receivers, 300, shrink=False)
