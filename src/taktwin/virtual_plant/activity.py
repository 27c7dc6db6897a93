"""What a unit does, and how the machine shows it: PackML state, flags, class of time, power."""

from __future__ import annotations

from enum import StrEnum

from taktwin.standards.iso22400 import TimeClass
from taktwin.standards.packml import State
from taktwin.virtual_plant.physics import Power


class Activity(StrEnum):
    """What really goes on in a unit."""

    PRODUCING = "producing"
    SETTING_UP = "setting_up"
    STARVED = "starved"
    BLOCKED = "blocked"
    JAMMED = "jammed"
    BROKEN = "broken"
    CLEARING = "clearing"
    RESETTING = "resetting"
    DRESSING = "dressing"
    TOOL_CHANGE = "tool_change"
    NO_ORDER = "no_order"
    RESTING = "resting"


STATE = {
    Activity.PRODUCING: State.EXECUTE,
    Activity.SETTING_UP: State.STOPPED,
    Activity.STARVED: State.SUSPENDED,
    Activity.BLOCKED: State.SUSPENDED,
    Activity.JAMMED: State.HELD,
    Activity.BROKEN: State.ABORTED,
    Activity.CLEARING: State.CLEARING,
    Activity.RESETTING: State.RESETTING,
    Activity.DRESSING: State.HELD,
    Activity.TOOL_CHANGE: State.HELD,
    Activity.NO_ORDER: State.IDLE,
    Activity.RESTING: State.STOPPED,
}

# By cause, as the plant knows it: the plant never asks the rule by which the twin classifies.
_CLASS = {
    Activity.PRODUCING: TimeClass.PRODUCTION,
    Activity.SETTING_UP: TimeClass.SET_UP,
    Activity.STARVED: TimeClass.STARVED,
    Activity.BLOCKED: TimeClass.BLOCKED,
    Activity.JAMMED: TimeClass.DELAY_OWN,
    Activity.BROKEN: TimeClass.DELAY_OWN,
    Activity.CLEARING: TimeClass.DELAY_OWN,
    Activity.RESETTING: TimeClass.DELAY_OWN,
    Activity.DRESSING: TimeClass.DELAY_OWN,
    Activity.TOOL_CHANGE: TimeClass.DELAY_OWN,
    Activity.NO_ORDER: TimeClass.DOWN_NO_ORDER,
    Activity.RESTING: TimeClass.PLANNED_DOWN,
}

_FAULT = frozenset((Activity.JAMMED, Activity.BROKEN, Activity.CLEARING))

# What the MTConnect face of a machine calls the same.
EXECUTION = {
    Activity.PRODUCING: "ACTIVE",
    Activity.SETTING_UP: "STOPPED",
    Activity.STARVED: "WAIT",
    Activity.BLOCKED: "WAIT",
    Activity.JAMMED: "FEED_HOLD",
    Activity.BROKEN: "INTERRUPTED",
    Activity.CLEARING: "INTERRUPTED",
    Activity.RESETTING: "READY",
    Activity.DRESSING: "FEED_HOLD",
    Activity.TOOL_CHANGE: "PROGRAM_STOPPED",
    Activity.NO_ORDER: "READY",
    Activity.RESTING: "STOPPED",
}


NAME = {activity: activity.value for activity in Activity}  # `value` of an Enum is a slow question


def true_class(activity: Activity, *, planned: bool) -> TimeClass:
    """Return the class of time by cause: who produces produces, else the calendar decides first."""
    if activity is not Activity.PRODUCING and not planned:
        return TimeClass.PLANNED_DOWN
    return _CLASS[activity]


def mean_power_kw(power: Power, activity: Activity, *, waiting_share: float) -> float:
    """Return the mean power of an activity; `waiting_share` scales what a waiting unit draws."""
    if activity is Activity.PRODUCING:
        return power.production
    if activity in _FAULT:
        return power.fault
    if activity is Activity.RESTING:
        return power.off
    return power.waiting * waiting_share
