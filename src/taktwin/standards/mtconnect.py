"""MTConnect: execution states and controller modes, and what they mean in time.

Words are the standard's, compared without regard to case, because adapters write them in their own.
Source: MTConnect Part 2 (Execution, ControllerMode); the mapping to time classes is ours.
"""

from __future__ import annotations

from enum import StrEnum

from taktwin.standards.iso22400 import TimeClass

UNAVAILABLE = "UNAVAILABLE"


class Execution(StrEnum):
    """Values of the Execution data item."""

    READY = "READY"
    ACTIVE = "ACTIVE"
    INTERRUPTED = "INTERRUPTED"
    FEED_HOLD = "FEED_HOLD"
    STOPPED = "STOPPED"
    OPTIONAL_STOP = "OPTIONAL_STOP"
    PROGRAM_STOPPED = "PROGRAM_STOPPED"
    PROGRAM_COMPLETED = "PROGRAM_COMPLETED"
    PROGRAM_OPTIONAL_STOP = "PROGRAM_OPTIONAL_STOP"  # older spelling of OPTIONAL_STOP
    WAIT = "WAIT"


class ControllerMode(StrEnum):
    """Values of the ControllerMode data item."""

    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"
    MANUAL_DATA_INPUT = "MANUAL_DATA_INPUT"
    SEMI_AUTOMATIC = "SEMI_AUTOMATIC"
    EDIT = "EDIT"


class ConditionLevel(StrEnum):
    """Levels of a condition."""

    NORMAL = "NORMAL"
    WARNING = "WARNING"
    FAULT = "FAULT"
    UNAVAILABLE = "UNAVAILABLE"


_BY_HAND = frozenset({ControllerMode.MANUAL, ControllerMode.MANUAL_DATA_INPUT})
_OWN = frozenset(
    {
        Execution.INTERRUPTED,
        Execution.FEED_HOLD,
        Execution.STOPPED,
        Execution.OPTIONAL_STOP,
        Execution.PROGRAM_STOPPED,
        Execution.PROGRAM_OPTIONAL_STOP,
    }
)
_NOTHING_TO_DO = frozenset({Execution.READY, Execution.PROGRAM_COMPLETED})


def time_class(
    execution: str | None, controller_mode: str | None, planned: bool, *, blocked: bool = False
) -> TimeClass:
    """Return the class of a moment.

    ACTIVE is production whatever the calendar says: the physical fact wins. UNAVAILABLE, nothing
    and a word that the standard does not know are unknown, also outside the calendar: a machine
    that nobody saw was not seen to stand. Everything else outside the calendar is planned downtime.
    A stop or READY under MANUAL or MANUAL_DATA_INPUT is set-up. WAIT is starved unless `blocked`.
    An unavailable controller mode says nothing, so the execution alone decides.
    """
    word = (execution or UNAVAILABLE).strip().upper()
    mode = (controller_mode or UNAVAILABLE).strip().upper()
    if word == Execution.ACTIVE:
        return TimeClass.PRODUCTION
    if word not in _OWN and word not in _NOTHING_TO_DO and word != Execution.WAIT:
        return TimeClass.UNKNOWN
    if not planned:
        return TimeClass.PLANNED_DOWN
    if word == Execution.WAIT:
        return TimeClass.BLOCKED if blocked else TimeClass.STARVED
    if mode in _BY_HAND and word != Execution.PROGRAM_COMPLETED:
        return TimeClass.SET_UP
    return TimeClass.DELAY_OWN if word in _OWN else TimeClass.DOWN_NO_ORDER
