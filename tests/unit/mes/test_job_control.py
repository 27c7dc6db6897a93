"""The job state machine against the companion specification's own file, and every cell of its table."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from taktwin.standards import job_control
from taktwin.standards.job_control import Cause, Method, ReturnStatus, State, SubState, decide

NODE_SET = (
    Path(__file__).resolve().parents[2]
    / "data" / "standards" / "isa95_job_control_transitions.txt"
)  # fmt: skip
OK = ReturnStatus.NO_ERROR


def test_the_arrows_are_those_of_the_specification() -> None:
    """The file holds the `From...To...` nodes of the published NodeSet, one a line."""
    named = set(NODE_SET.read_text(encoding="utf-8").split())
    pairs = {(s, t) for s, t in itertools.product(State, State) if f"From{s}To{t}" in named}
    assert {(t.source, t.target) for t in job_control.TRANSITIONS} == pairs
    inner = {(s, t) for s, t in itertools.product(SubState, SubState) if f"From{s}To{t}" in named}
    assert len(pairs) + len(inner) == len(named)


def test_thirteen_transitions_and_eleven_methods() -> None:
    assert [t.number for t in job_control.TRANSITIONS] == list(range(1, 14))
    assert len(Method) == 11
    assert [state.number for state in State] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("transition", job_control.TRANSITIONS, ids=lambda t: str(t.number))
def test_each_transition_happens_by_each_of_its_causes(transition: job_control.Transition) -> None:
    before = job_control.SUB_STATES[transition.source][0]
    for cause in transition.causes:
        step = decide(transition.source, before, cause, placed=True)
        assert (step.status, step.number, step.state) == (OK, transition.number, transition.target)
        assert step.sub_state in job_control.SUB_STATES[transition.target]


ALLOWED = {  # method -> states in which it is accepted; 0 stands for "not in the list"
    Method.STORE: {0}, Method.STORE_AND_START: {0}, Method.UPDATE: {1, 2}, Method.START: {1},
    Method.REVOKE_START: {2}, Method.PAUSE: {3}, Method.RESUME: {4}, Method.STOP: {3, 4},
    Method.ABORT: {1, 2, 3, 4}, Method.CANCEL: {1, 2}, Method.CLEAR: {5, 6},
}  # fmt: skip


@pytest.mark.parametrize("method", Method, ids=str)
def test_each_method_in_each_state_returns_its_status(method: Method) -> None:
    for state in (None, *State):
        sub_state = SubState.NONE if state is None else job_control.SUB_STATES[state][0]
        step = decide(state, sub_state, method, placed=True)
        number = 0 if state is None else state.number
        if number in ALLOWED[method]:
            assert step.status == OK
        elif state is None:
            assert step.status == ReturnStatus.UNKNOWN_JOB_ORDER
        elif method in (Method.STORE, Method.STORE_AND_START):
            assert step.status == ReturnStatus.UNABLE_TO_ACCEPT
        else:
            assert step.status == ReturnStatus.INVALID_STATE


def test_what_only_the_receiver_knows_is_no_method() -> None:
    assert {c.value for c in Cause} - {m.value for m in Method} == {"begin", "interrupt", "finish"}


def test_every_state_has_a_word_of_b2mml() -> None:
    states = {s for s, t in itertools.product(State, SubState)}
    words = {job_control.b2mml(s, sub) for s in states for sub in job_control.SUB_STATES[s]}
    assert words == {"Waiting", "Ready", "Running", "Held", "Suspended", "Completed", "Closed", "Aborted"}
    assert all(re.fullmatch("[A-Z][a-z]+", word) for word in words)
