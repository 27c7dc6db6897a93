"""Machines that take job orders by themselves: what they say is written down, shown beside ours, followed."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import VirtualClock
from taktwin.contracts import commands, events, topics
from taktwin.contracts.commands import Answer, ReportMachineJobs, SaidJob
from taktwin.contracts.machine_commands import MachineResult, Outcome
from taktwin.mes.desk import content_of
from taktwin.mes.execution import actions, asking, receivers
from taktwin.mes.execution.asking import NAME, method_of
from taktwin.mes.execution.engine import equal, following
from taktwin.mes.execution.queries import MachineSide, machine_side
from taktwin.mes.execution.tables import JobOrder, MachineJob, MachineReceiver
from taktwin.mes.service import MesService
from taktwin.plant import open_plant
from taktwin.standards.job_control import BY_CAUSE, SUB_STATES, Cause, Method, State, SubState
from tests.system.product import until
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop
from tests.unit.mes.test_random_commands import DEFINITIONS, FOUND_WITHIN, chained_and_rebuilt, run

jobs = st.sampled_from(("1-10", "1-10", "2-10"))


@pytest.fixture
def line(shop: Shop) -> Shop:
    """An order whose first job order may begin at `load2`, and its machine."""
    shop.machines_obey = False
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
    line.machine("load2", parts=1)
    assert report(line, ("1-10", State.ENDED, SubState.COMPLETED))[1:] == [], (
        "its last part is not counted yet"
    )
    line.machine("load2", parts=1)
    assert state(line) == ("Ended", "Completed")
    assert report(line) == ["machine.job.reported"], "it has forgotten it"
    chained_and_rebuilt(line)


def test_what_was_missed_in_between_is_made_good(line: Shop) -> None:
    """The commander was away while the machine began and ended: it is told the end alone."""
    events = report(line, ("1-10", State.ENDED, SubState.CLOSED))
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


def test_whom_nobody_can_tell_anything_is_not_reachable_since_the_commander_was_heard_last(
    line: Shop,
) -> None:
    report(line, ("1-10", State.RUNNING, SubState.NONE))
    heard_ns = line.now_ns + 3 * SECOND
    line.now_ns += 9 * SECOND
    assert line.desk.unheard(heard_ns) == 1
    assert line.desk.unheard(heard_ns) == 0, "said once"
    there = side(line)
    assert (there.reachable, there.cause, there.since_ns) == (False, receivers.NOBODY_TELLS, heard_ns)
    assert there.state == "Running", "what it said last stands"
    answer = line.granted(commands.ControlJob(job="1-10", method="Pause"))
    assert answer.events == ["job.order.paused"], "nobody is waited for who cannot answer"
    # The commander is back: it says what the machine says, and the machine's word counts again.
    assert report(line, ("1-10", State.RUNNING, SubState.NONE)) == [
        "machine.receiver.changed", "job.order.resumed"
    ]  # fmt: skip
    assert side(line).equal
    chained_and_rebuilt(line)


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


def given(shop: Shop) -> list[tuple[str, str]]:
    """Return job and method of what machines are being told."""
    return [(row.job, method_of(row)) for row in shop.desk.open_commands() if row.name == NAME]


def tell(shop: Shop, outcome: Outcome, state: str = "", sub_state: str = "") -> None:
    """Let the commander say what came of the oldest command."""
    row = next(row for row in shop.desk.open_commands() if row.name == NAME)
    returned = {"state": state, "sub_state": sub_state} if state else {}
    shop.now_ns += SECOND
    shop.desk.told(MachineResult(id=row.command, outcome=outcome, found=outcome.value, returned=returned))


def side(shop: Shop, job: str = "1-10") -> MachineSide:
    row = shop.store.book.get(JobOrder, job)
    assert row is not None
    found = machine_side(shop.store.book, shop.definitions, row)
    assert found is not None
    return found


def test_a_machine_is_asked_first_and_the_job_order_begins_by_its_word(line: Shop) -> None:
    report(line)
    assert line.granted(commands.BeginJob(job="1-10")).events == ["command.given"]
    assert state(line) == ("AllowedToStart", "Ready") and given(line) == [("1-10", "StoreAndStart")]
    assert side(line).asked == "StoreAndStart" and not side(line).equal
    twice = line.ask(commands.BeginJob(job="1-10"))
    assert not twice.accepted and "was asked to StoreAndStart" in twice.found
    tell(line, Outcome.DONE, "Running")
    assert state(line) == ("Running", "") and side(line).equal and not side(line).asked
    chained_and_rebuilt(line)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in (Outcome.DONE, Outcome.DIFFERS)])
def test_a_start_that_a_machine_did_not_take_runs_nowhere_and_says_why(line: Shop, outcome: Outcome) -> None:
    report(line)
    line.granted(commands.BeginJob(job="1-10"))
    tell(line, outcome)
    assert state(line) == ("AllowedToStart", "Ready")
    assert side(line).failed == "StoreAndStart" and outcome.value in side(line).why
    line.granted(commands.BeginJob(job="1-10"))
    tell(line, Outcome.DONE, "Running")
    assert state(line)[0] == "Running" and not side(line).failed
    chained_and_rebuilt(line)


def test_pause_resume_and_stop_happen_when_the_machine_has_done_them(line: Shop) -> None:
    report(line)
    line.granted(commands.BeginJob(job="1-10"))
    tell(line, Outcome.DONE, "Running")
    for method, after in (("Pause", ("Interrupted", "Suspended")), ("Resume", ("Running", "")),
                          ("Stop", ("Ended", "Closed"))):  # fmt: skip
        before = state(line)
        line.granted(commands.ControlJob(job="1-10", method=method))
        assert state(line) == before and given(line) == [("1-10", method)]
        tell(line, Outcome.REFUSED)
        assert state(line) == before and side(line).failed == method
        line.granted(commands.ControlJob(job="1-10", method=method))
        tell(line, Outcome.DONE, *after)
        assert state(line) == after and side(line).equal
    report(line, ("1-10", State.ENDED, SubState.CLOSED))
    assert given(line) == [("1-10", "Clear")], "over on both sides: it may forget it"
    report(line, ("1-10", State.ENDED, SubState.CLOSED))
    assert given(line) == [("1-10", "Clear")], "asked once"
    tell(line, Outcome.REFUSED)
    report(line, ("1-10", State.ENDED, SubState.CLOSED))
    assert given(line) == []
    chained_and_rebuilt(line)


def test_who_aborts_need_not_wait_for_the_machine_and_both_sides_differ_until_it_has(line: Shop) -> None:
    report(line)
    line.granted(commands.BeginJob(job="1-10"))
    line.granted(commands.ControlJob(job="1-10", method="Abort"))
    assert state(line) == ("Aborted", "") and given(line)[1] == ("1-10", "Abort")
    tell(line, Outcome.DONE, "Running")
    assert state(line) == ("Aborted", "") and not side(line).equal
    tell(line, Outcome.DONE, "Aborted")
    assert side(line).equal


def test_a_machine_that_is_not_reached_is_not_asked_and_a_late_answer_changes_nothing(line: Shop) -> None:
    report(line)
    line.granted(commands.BeginJob(job="1-10"))
    line.now_ns += 121 * SECOND
    line.granted(ReportMachineJobs(work_unit="load2", reachable=False, cause="no route"))
    assert line.granted(commands.BeginJob(job="1-10")).events == ["job.order.started"]
    assert not side(line).reachable and not side(line).equal
    tell(line, Outcome.LATE)
    assert state(line) == ("Running", "")
    chained_and_rebuilt(line)


def begun_by_its_machines_word(shop: Shop) -> None:
    """Where a machine was reached, no job order began there before it said that it runs."""
    reached: dict[str, bool] = {}
    there: dict[str, str] = {}
    for entry in shop.store.entries:
        event = content_of(entry)
        if isinstance(event, events.MachineReceiverChanged):
            reached[event.work_unit] = event.reachable
        elif isinstance(event, events.MachineJobReported):
            there[event.job] = event.state
        elif isinstance(event, events.JobOrderStarted) and reached.get(event.work_unit):
            assert there.get(event.job) in ("Running", "Interrupted", "Ended"), "begun without its machine"


class Receivers(RuleBasedStateMachine):
    """Two job orders at one cell, whose machine says of them what it likes, or cannot be reached."""

    @initialize(reached=st.booleans())
    def open(self, reached: bool) -> None:
        self.shop = Shop(DEFINITIONS)
        self.shop.machines_obey = False
        for order in ("1", "2"):
            self.shop.granted(
                commands.DropOrder(request=order, product="EA-100", quantity=2, due_ns=START_NS)
            )
        self.shop.granted(commands.DispatchJob(job="1-10", work_unit="load2", version=1))
        if reached:
            report(self.shop)

    @rule(job=jobs, method=st.sampled_from(("begin", "begin", "dispatch", *Method)))
    def ask(self, job: str, method: str) -> None:
        row = self.shop.store.book.get(JobOrder, job)
        wish: commands.CommandData = commands.ControlJob(job=job, method=method)
        if method == "dispatch":
            version = 1 if row is None else row.version
            wish = commands.DispatchJob(job=job, work_unit="load2", version=version)
        elif method == "begin":
            wish = commands.BeginJob(job=job)
        self.shop.ask(wish)

    @rule(parts=st.integers(1, 3), kind=st.sampled_from(("good", "reject")))
    def count(self, parts: int, kind: str) -> None:
        self.shop.machine("load2", parts=parts, kind=kind)

    @rule(later_s=st.sampled_from((30, 200)))
    def wait(self, later_s: int) -> None:
        self.shop.now_ns += later_s * SECOND

    @rule(job=jobs, data=st.data(), how=st.sampled_from(("said", "said", "said", "missed", "away")))
    def say(self, job: str, data: st.DataObject, how: str) -> None:
        there = data.draw(st.sampled_from(State))
        sub = data.draw(st.sampled_from(SUB_STATES[there]))
        book = self.shop.store.book
        before = book.get(JobOrder, job)
        running = book.where(JobOrder, work_unit="load2", state=State.RUNNING.value)
        wish = said(*([(job, there, sub)] if how == "said" else []))
        if how == "away":
            wish = ReportMachineJobs(work_unit="load2", reachable=False, cause="gone")
        assert self.shop.ask(wish).accepted
        if before is None or before.work_unit != "load2" or how != "said":
            return
        row, after = book.get(MachineJob, job), book.get(JobOrder, job)
        assert row is not None and after is not None
        assert (row.state, row.sub_state) == (there.value, sub.value), "what it says is written down"
        follows = before.state in (State.ALLOWED_TO_START, State.RUNNING, State.INTERRUPTED)
        if before.good < before.quantity and sub is SubState.COMPLETED:
            return  # ended here by the count of its last part
        if follows and there.number >= State.RUNNING.number and all(other.job == job for other in running):
            assert after.state == there.value, "a machine's own word is followed"

    @rule(outcome=st.sampled_from((Outcome.DONE, *Outcome)), there=st.sampled_from((None, *State)))
    def answer(self, outcome: Outcome, there: State | None) -> None:
        if given(self.shop):
            sub = "" if there is None else SUB_STATES[there][0].value
            tell(self.shop, outcome, "" if there is None else there.value, sub)

    @invariant()
    def one_command_at_a_time(self) -> None:
        now = [row for row in self.shop.desk.open_commands() if row.deadline_ns >= self.shop.now_ns]
        asked = [row.job for row in now if method_of(row) not in ("Abort", "Pause")]
        assert len(asked) == len(set(asked))

    @invariant()
    def every_state_is_legal(self) -> None:
        rows = self.shop.store.book.where(JobOrder)
        assert all(SubState(row.sub_state) in SUB_STATES[State(row.state)] for row in rows)
        assert len([row for row in rows if row.state == State.RUNNING]) <= 1

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            chained_and_rebuilt(self.shop)
            begun_by_its_machines_word(self.shop)


def test_random_reports_leave_no_illegal_state() -> None:
    run(Receivers, 25)


@pytest.mark.parametrize(
    "mistake",
    [
        (receivers, "following", lambda *words: None),
        (actions, "asks", lambda *words: None),
        (asking, "under_way", lambda *words: None),
    ],
    ids=["does not follow", "does not ask", "asks twice"],
)  # fmt: skip
def test_the_random_reports_find_a_planted_mistake(
    mistake: tuple[Any, str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*mistake)
    with pytest.raises(AssertionError):
        run(Receivers, FOUND_WITHIN, shrink=False)


async def test_the_commander_is_silent_after_five_beats_and_heard_again_with_the_next(tmp_path: Path) -> None:
    clock = VirtualClock(START_NS)
    bus = MemoryBus(MemoryHub(clock))
    registry = open_plant(PLANT)
    service = MesService(
        bus=bus, registry=registry, clock=clock, connect=lambda: cast("Any", None), folder=tmp_path,
        memory_mb=lambda: 0.0, pid=1,
    )  # fmt: skip
    shop = Shop(DEFINITIONS)
    shop.granted(said())
    service._desk = shop.desk
    subject = topics.health(registry.enterprise, registry.site, "commander")
    await bus.subscribe(subject, service._hear_commander)
    watching = asyncio.create_task(service._watch_commander())

    def reachable() -> bool:
        row = shop.store.book.get(MachineReceiver, "load2")
        return row is not None and row.reachable

    for _ in range(9):
        await bus.publish(subject, b"beat")
        await clock.advance(1.0)
    heard_ns = clock.now_ns()
    await bus.publish(subject, b"beat")
    await clock.advance(4.0)
    assert reachable(), "a commander that starts again is not silent yet"
    await clock.advance(1.0)
    # The decision is made in a thread.
    until(lambda: not reachable(), 10)
    row = shop.store.book.get(MachineReceiver, "load2")
    assert row is not None and row.since_ns >= heard_ns and "beats" in service._reasons
    await bus.publish(subject, b"beat")
    await clock.advance(0.5)
    assert "beats" not in service._reasons
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
