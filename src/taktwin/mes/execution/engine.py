"""Two sides of one job order: what the MES makes of what its machine says of it. Pure.

Comes in: the state here and at the machine. Goes out: which cause brings ours to the machine's, and
whether the two are equal.
"""

from __future__ import annotations

from taktwin.standards.job_control import Cause, Method, State, SubState

OVER = (State.ENDED, State.ABORTED)
# What a machine is told when something happens to its job order here.
CARRIED: dict[Method | Cause, Method] = {
    Cause.BEGIN: Method.STORE_AND_START, Method.PAUSE: Method.PAUSE, Method.RESUME: Method.RESUME,
    Method.STOP: Method.STOP, Method.ABORT: Method.ABORT, Cause.INTERRUPT: Method.PAUSE,
}  # fmt: skip
# These happen here whatever the machine answers: a person gives it up, or works inside the machine.
AT_ONCE = frozenset({Method.ABORT, Cause.INTERRUPT})

NEVER_NS = 1 << 62


def soonest(due_ns: int) -> int:
    """Return by what due dates are sorted: who has none (0) waits for everybody who has one."""
    return due_ns or NEVER_NS


def following(here: State, there: State, sub_state: SubState) -> Cause | None:
    """Return by which cause a job order follows its machine, one step; None: there is nothing to follow."""
    if here is State.ALLOWED_TO_START and there in (State.RUNNING, State.INTERRUPTED, State.ENDED):
        return Cause.BEGIN
    if here in (State.ALLOWED_TO_START, State.RUNNING, State.INTERRUPTED) and there is State.ABORTED:
        return Cause.ABORT
    if here is State.RUNNING and there is State.INTERRUPTED:
        return Cause.INTERRUPT if sub_state is SubState.HELD else Cause.PAUSE
    if here is State.INTERRUPTED and there is State.RUNNING:
        return Cause.RESUME
    if here is State.RUNNING and there is State.ENDED:
        return Cause.FINISH if sub_state is SubState.COMPLETED else Cause.STOP
    if here is State.INTERRUPTED and there is State.ENDED:
        return Cause.STOP
    return None


def equal(here: State, there: str, *, begun: bool) -> bool:
    """Return whether both sides are in the same state.

    A machine without the job order is right where nothing has begun, and once it is over.
    """
    if not there:
        return here in OVER or not begun
    if here is State.NOT_ALLOWED_TO_START:
        return False
    return here.value == there
