"""OPC UA for ISA-95 Job Control V2 (OPC 10031-4, 2.0.0): states, transitions, methods, return codes.

One table is the state machine of every job order, ours and a machine's, and `decide` is its one engine
on both sides: it knows no rows, buses or clocks. Source: the companion specification's NodeSet
`http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/`; the mapping to B2MML's words is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import NamedTuple


class State(StrEnum):
    """The six states; `number` is the standard's."""

    NOT_ALLOWED_TO_START = "NotAllowedToStart"
    ALLOWED_TO_START = "AllowedToStart"
    RUNNING = "Running"
    INTERRUPTED = "Interrupted"
    ENDED = "Ended"
    ABORTED = "Aborted"

    @property
    def number(self) -> int:
        """Return the standard's number of the state."""
        return list(State).index(self) + 1


class SubState(StrEnum):
    """States within a state."""

    NONE = ""
    WAITING = "Waiting"  # preparing: nobody has said where
    READY = "Ready"  # preparing: it has its place
    LOADED = "Loaded"  # preparing: material and set-up are there
    HELD = "Held"  # interrupted by a cause of its own
    SUSPENDED = "Suspended"  # interrupted by a cause from outside
    COMPLETED = "Completed"  # ended, and still looked at
    CLOSED = "Closed"  # ended for good


SUB_STATES: dict[State, tuple[SubState, ...]] = {
    State.NOT_ALLOWED_TO_START: (SubState.WAITING, SubState.READY, SubState.LOADED),
    State.ALLOWED_TO_START: (SubState.WAITING, SubState.READY, SubState.LOADED),
    State.RUNNING: (SubState.NONE,),
    State.INTERRUPTED: (SubState.HELD, SubState.SUSPENDED),
    State.ENDED: (SubState.COMPLETED, SubState.CLOSED),
    State.ABORTED: (SubState.NONE,),
}


class Method(StrEnum):
    """The eleven methods of a job order receiver."""

    STORE = "Store"
    STORE_AND_START = "StoreAndStart"
    UPDATE = "Update"
    START = "Start"
    REVOKE_START = "RevokeStart"
    PAUSE = "Pause"
    RESUME = "Resume"
    STOP = "Stop"
    ABORT = "Abort"
    CANCEL = "Cancel"
    CLEAR = "Clear"


class Cause(StrEnum):
    """Why a transition happens: a method, or something that the receiver itself knows."""

    UPDATE = "Update"
    START = "Start"
    REVOKE_START = "RevokeStart"
    PAUSE = "Pause"
    RESUME = "Resume"
    STOP = "Stop"
    ABORT = "Abort"
    BEGIN = "begin"  # the receiver begins execution: no method
    INTERRUPT = "interrupt"  # an internal cause stops execution: no method
    FINISH = "finish"  # the work is finished: no method


class Transition(NamedTuple):
    """One arrow of the state machine, under the standard's number."""

    number: int
    source: State
    target: State
    causes: tuple[Cause, ...]


_NOT, _ALLOWED = State.NOT_ALLOWED_TO_START, State.ALLOWED_TO_START
_RUN, _INT, _END, _ABORT = State.RUNNING, State.INTERRUPTED, State.ENDED, State.ABORTED
TRANSITIONS: tuple[Transition, ...] = (
    Transition(1, _NOT, _NOT, (Cause.UPDATE,)),
    Transition(2, _NOT, _ALLOWED, (Cause.START,)),
    Transition(3, _ALLOWED, _NOT, (Cause.REVOKE_START,)),
    Transition(4, _ALLOWED, _ALLOWED, (Cause.UPDATE,)),
    Transition(5, _ALLOWED, _RUN, (Cause.BEGIN,)),
    Transition(6, _RUN, _INT, (Cause.PAUSE, Cause.INTERRUPT)),
    Transition(7, _RUN, _END, (Cause.STOP, Cause.FINISH)),
    Transition(8, _RUN, _ABORT, (Cause.ABORT,)),
    Transition(9, _INT, _ABORT, (Cause.ABORT,)),
    Transition(10, _INT, _RUN, (Cause.RESUME,)),
    Transition(11, _INT, _END, (Cause.STOP,)),
    Transition(12, _NOT, _ABORT, (Cause.ABORT,)),
    Transition(13, _ALLOWED, _ABORT, (Cause.ABORT,)),
)
BY_CAUSE: dict[tuple[State, Cause], Transition] = {
    (transition.source, cause): transition for transition in TRANSITIONS for cause in transition.causes
}
CANCELLABLE = frozenset({_NOT, _ALLOWED})  # Cancel removes an order that has not started
CLEARABLE = frozenset({_END, _ABORT})  # Clear removes an ended or aborted order


class ReturnStatus(IntFlag):
    """What a method returns: a mask of bits; bits 33 to 63 are reserved."""

    NO_ERROR = 1 << 0
    UNKNOWN_JOB_ORDER = 1 << 1
    INVALID_COMMAND = 1 << 2
    INVALID_STATE = 1 << 3
    UNABLE_TO_ACCEPT = 1 << 4
    INVALID_REQUEST = 1 << 32


def b2mml(state: State, sub_state: SubState) -> str:
    """Return B2MML's word (JobState) for a state: what an ERP understands."""
    if state is State.INTERRUPTED or state is State.ENDED:
        return sub_state.value
    return {
        State.NOT_ALLOWED_TO_START: "Waiting",
        State.ALLOWED_TO_START: "Ready",
        State.RUNNING: "Running",
        State.ABORTED: "Aborted",
    }[state]


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
