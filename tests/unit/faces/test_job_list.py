"""A machine's list of job orders: every method in every state, and what is refused for other reasons."""

from __future__ import annotations

import pytest

from taktwin.faces.job_list import Job, JobList, Order
from taktwin.standards.job_control import TRANSITIONS, Cause, Method, ReturnStatus, State, SubState

OK, UNABLE, REQUEST = ReturnStatus.NO_ERROR, ReturnStatus.UNABLE_TO_ACCEPT, ReturnStatus.INVALID_REQUEST
WITH_ORDER = {Method.STORE, Method.STORE_AND_START, Method.UPDATE}
WAYS: dict[State, tuple[Method | Cause, ...]] = {
    State.NOT_ALLOWED_TO_START: (Method.STORE,),
    State.ALLOWED_TO_START: (Method.STORE_AND_START,),
    State.RUNNING: (Method.STORE_AND_START, Cause.BEGIN),
    State.INTERRUPTED: (Method.STORE_AND_START, Cause.BEGIN, Cause.INTERRUPT),
    State.ENDED: (Method.STORE_AND_START, Cause.BEGIN, Cause.FINISH),
    State.ABORTED: (Method.STORE, Method.ABORT),
}
ACCEPTED = {  # method -> states in which it is accepted, and where it leads; None: it is out of the list
    Method.STORE: {None: State.NOT_ALLOWED_TO_START},
    Method.STORE_AND_START: {None: State.ALLOWED_TO_START},
    Method.UPDATE: {s: s for s in (State.NOT_ALLOWED_TO_START, State.ALLOWED_TO_START)},
    Method.START: {State.NOT_ALLOWED_TO_START: State.ALLOWED_TO_START},
    Method.REVOKE_START: {State.ALLOWED_TO_START: State.NOT_ALLOWED_TO_START},
    Method.PAUSE: {State.RUNNING: State.INTERRUPTED},
    Method.RESUME: {State.INTERRUPTED: State.RUNNING},
    Method.STOP: dict.fromkeys((State.RUNNING, State.INTERRUPTED), State.ENDED),
    Method.ABORT: dict.fromkeys(list(State)[:4], State.ABORTED),
    Method.CANCEL: dict.fromkeys((State.NOT_ALLOWED_TO_START, State.ALLOWED_TO_START)),
    Method.CLEAR: dict.fromkeys((State.ENDED, State.ABORTED)),
}


def listed(state: State | None, **more: object) -> JobList:
    jobs = JobList("cell", lambda: 7, **more)  # type: ignore[arg-type]
    for step in () if state is None else WAYS[state]:
        assert does(jobs, step) == OK
    return jobs


def does(jobs: JobList, step: Method | Cause, job: str = "A", quantity: int = 5) -> ReturnStatus:
    if isinstance(step, Cause):
        return jobs.happens(job, step)
    return jobs.call(step, job, Order(job, "P", quantity) if step in WITH_ORDER else None)


@pytest.mark.parametrize("state", (None, *State), ids=str)
@pytest.mark.parametrize("method", Method, ids=str)
def test_every_method_in_every_state_returns_its_status(method: Method, state: State | None) -> None:
    jobs = listed(state)
    before = dict(jobs.jobs)
    told: list[tuple[Job | None, Job | None]] = []
    jobs.listeners.append(lambda was, is_now: told.append((was, is_now)))
    status = does(jobs, method)
    if state in ACCEPTED[method]:
        after = ACCEPTED[method][state]
        assert status == OK
        assert (jobs.jobs["A"].state if "A" in jobs.jobs else None) is after
        assert told == [(before.get("A"), jobs.jobs.get("A"))]
        return
    if state is None:
        assert status == ReturnStatus.UNKNOWN_JOB_ORDER
    elif method in (Method.STORE, Method.STORE_AND_START):
        assert status == UNABLE, "the id is in the list already"
    else:
        assert status == ReturnStatus.INVALID_STATE
    assert jobs.jobs == before and not told, "what is refused changes nothing"


def test_all_thirteen_arrows_happen_to_a_list() -> None:
    seen = set()
    for state in State:
        for step in (*Method, Cause.BEGIN, Cause.INTERRUPT, Cause.FINISH):
            jobs = listed(state)
            if does(jobs, step) == OK and "A" in jobs.jobs:
                seen.add(jobs.jobs["A"].transition)
    assert seen == {transition.number for transition in TRANSITIONS}


def test_what_a_machine_cannot_do_it_does_not_take() -> None:
    refuses = listed(None, takes=lambda order: "not made here")
    assert does(refuses, Method.STORE) == UNABLE
    full = listed(None, jobs_max=1)
    assert does(full, Method.STORE, "A") == OK
    assert does(full, Method.STORE, "B") == UNABLE
    without = listed(State.RUNNING, methods=frozenset(Method) - {Method.PAUSE})
    assert does(without, Method.PAUSE) == ReturnStatus.INVALID_COMMAND


@pytest.mark.parametrize("job", ("", "  ", "x" * 201))
def test_an_id_that_is_none_is_an_invalid_request(job: str) -> None:
    jobs = listed(None)
    assert does(jobs, Method.STORE, job) == REQUEST
    assert does(jobs, Method.START, job) == REQUEST
    assert jobs.call(Method.STORE, "A") == REQUEST, "no order"
    assert jobs.call(Method.STORE, "A", Order("B")) == REQUEST, "another one's order"
    assert does(jobs, Method.STORE, "A", -1) == REQUEST
    assert not jobs.jobs


def test_one_job_is_in_the_machines_hand_and_its_last_part_ends_it() -> None:
    jobs = listed(State.RUNNING)
    assert does(jobs, Method.STORE_AND_START, "B") == OK
    assert jobs.happens("B", Cause.BEGIN) == UNABLE
    jobs.count(good=4, scrap=2)
    assert jobs.jobs["A"].state is State.RUNNING
    jobs.count(good=1)
    done = jobs.jobs["A"]
    assert (done.state, done.good, done.scrap, done.ended_ns) == (State.ENDED, 5, 2, 7)
    assert jobs.happens("B", Cause.BEGIN) == OK
    assert jobs.happens("nobody", Cause.BEGIN) == ReturnStatus.UNKNOWN_JOB_ORDER


def test_what_is_interrupted_stays_in_the_machines_hand_and_a_change_of_it_is_looked_at() -> None:
    now = [1]
    jobs = JobList("cell", lambda: now[0], takes=lambda order: "" if order.product == "P" else "not here")
    assert does(jobs, Method.STORE_AND_START) == OK
    assert jobs.call(Method.UPDATE, "A", Order("A", "Q", 3)) == UNABLE
    assert jobs.call(Method.UPDATE, "A", Order("A", "P", 3)) == OK and jobs.jobs["A"].order.quantity == 3
    assert does(jobs, Cause.BEGIN) == OK and does(jobs, Method.PAUSE) == OK
    assert does(jobs, Method.STORE_AND_START, "B") == OK and jobs.happens("B", Cause.BEGIN) == UNABLE
    jobs.count(good=3)
    assert jobs.jobs["A"].state is State.INTERRUPTED, "nothing finishes that does not run"
    now[0] = 2
    assert does(jobs, Method.RESUME) == OK and jobs.jobs["A"].started_ns == 1
    assert does(jobs, Method.STOP) == OK
    assert (jobs.jobs["A"].sub_state, jobs.jobs["A"].ended_ns) == (SubState.CLOSED, 2)


def test_without_a_quantity_a_job_goes_on_until_it_is_stopped() -> None:
    jobs = JobList("cell", lambda: 7)
    assert does(jobs, Method.STORE_AND_START, quantity=0) == OK
    assert does(jobs, Cause.BEGIN) == OK
    jobs.count(good=1000)
    assert jobs.jobs["A"].state is State.RUNNING
    assert does(jobs, Method.STOP) == OK
