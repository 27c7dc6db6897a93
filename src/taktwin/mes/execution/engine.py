"""The job state machine: one decision for every method and cause, over the standard's table. Pure.

Comes in: what a job order is, and what is wanted. Goes out: the transition, or the return status
that a method gives. Nothing here knows rows, buses or clocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.standards.job_control import (
    BY_CAUSE,
    CANCELLABLE,
    CLEARABLE,
    Cause,
    Method,
    ReturnStatus,
    State,
    SubState,
)

REMOVING = {Method.CANCEL: CANCELLABLE, Method.CLEAR: CLEARABLE}
STORING = frozenset({Method.STORE, Method.STORE_AND_START})


@dataclass(frozen=True, slots=True)
class Step:
    """What a wish does to a job order."""

    status: ReturnStatus
    number: int = 0  # of the transition; 0: stored, removed, or nothing
    state: State | None = None  # the state afterwards; None: it is not in the list then
    sub_state: SubState = SubState.NONE

    @property
    def accepted(self) -> bool:
        """Whether it happens."""
        return self.status == ReturnStatus.NO_ERROR


def decide(state: State | None, sub_state: SubState, wish: Method | Cause, *, placed: bool) -> Step:
    """Return what a method or an inner cause does to a job order.

    Parameters
    ----------
    state : None if no job order of this id is in the list
    placed : whether it has a work unit
    """
    if state is None:
        return _of_nothing(wish, placed=placed)
    if wish in STORING:
        return Step(ReturnStatus.UNABLE_TO_ACCEPT)  # the id is in the list already
    if isinstance(wish, Method) and wish in REMOVING:
        allowed = state in REMOVING[wish]
        return Step(ReturnStatus.NO_ERROR if allowed else ReturnStatus.INVALID_STATE)
    transition = BY_CAUSE.get((state, Cause(wish.value)))
    if transition is None:
        return Step(ReturnStatus.INVALID_STATE)
    return Step(
        ReturnStatus.NO_ERROR, transition.number, transition.target,
        _sub_state(transition.target, sub_state, wish, placed=placed),
    )  # fmt: skip


def _of_nothing(wish: Method | Cause, *, placed: bool) -> Step:
    if wish in STORING:
        permitted = wish is Method.STORE_AND_START
        state = State.ALLOWED_TO_START if permitted else State.NOT_ALLOWED_TO_START
        return Step(ReturnStatus.NO_ERROR, 0, state, preparing(placed=placed))
    return Step(ReturnStatus.UNKNOWN_JOB_ORDER)


def preparing(*, placed: bool) -> SubState:
    """Return the sub-state of a job order that has not started."""
    return SubState.READY if placed else SubState.WAITING


def _sub_state(target: State, before: SubState, wish: Method | Cause, *, placed: bool) -> SubState:
    match target:
        case State.NOT_ALLOWED_TO_START | State.ALLOWED_TO_START:
            return before if before is SubState.LOADED else preparing(placed=placed)
        case State.INTERRUPTED:
            # A method comes from outside the machine, an inner cause is its own.
            return SubState.HELD if wish is Cause.INTERRUPT else SubState.SUSPENDED
        case State.ENDED:
            return SubState.COMPLETED if wish is Cause.FINISH else SubState.CLOSED
        case _:
            return SubState.NONE
