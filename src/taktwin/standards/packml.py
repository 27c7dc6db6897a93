"""PackML (ISA-TR88.00.02, OPC UA companion model 1.01): states, modes, and what they mean in time."""

from __future__ import annotations

from enum import IntEnum

from taktwin.standards.iso22400 import TimeClass


class State(IntEnum):
    """Numbers of the OPC UA companion model."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17


class Mode(IntEnum):
    """UnitModeCurrent."""

    INVALID = 0
    PRODUCE = 1
    MAINTENANCE = 2
    MANUAL = 3


WORDS = {state: state.name.capitalize() for state in State}

_OWN = (
    State.CLEARING, State.STOPPING, State.ABORTING, State.ABORTED, State.HOLDING, State.HELD, State.UNHOLDING,
)  # fmt: skip
_TRANSIENT = (State.STARTING, State.RESETTING, State.COMPLETING)
_OUTSIDE = (State.SUSPENDED, State.SUSPENDING, State.UNSUSPENDING)


def time_class(state: int, *, set_up: bool, blocked: bool, starved: bool, planned: bool) -> TimeClass:
    """Return the class of a moment in a PackML state.

    `set_up` is mode MANUAL or the unit's set-up flag; `planned` says whether the calendar wants the
    unit to run now. A unit that executes outside its calendar produces all the same: the physical
    fact wins. Everything else outside the calendar is planned downtime.
    Source: our mapping of PackML to ISO 22400.
    """
    if state == State.EXECUTE:
        return TimeClass.PRODUCTION
    if not planned:
        return TimeClass.PLANNED_DOWN
    if set_up:
        return TimeClass.SET_UP
    if state in _OUTSIDE:
        return TimeClass.BLOCKED if blocked and not starved else TimeClass.STARVED
    if state in _OWN or state in _TRANSIENT:
        return TimeClass.DELAY_OWN
    if state == State.STOPPED:
        return TimeClass.DELAY_OWN
    if state in (State.IDLE, State.COMPLETE):
        return TimeClass.DOWN_NO_ORDER
    return TimeClass.UNKNOWN
