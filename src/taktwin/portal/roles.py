"""Which role may do what. Pure; the portal asks before it passes a person's wish on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Action(StrEnum):
    """Everything that changes something. Looking needs no action."""

    ALARM_ACKNOWLEDGE = "alarm.acknowledge"
    ALARM_SHELVE = "alarm.shelve"
    ALARM_COMMENT = "alarm.comment"
    DEMO_INJECT = "demo.inject"


ROLES: dict[str, frozenset[Action]] = {
    "viewer": frozenset(),
    "operator": frozenset({Action.ALARM_ACKNOWLEDGE, Action.ALARM_COMMENT}),
    "shift_lead": frozenset({Action.ALARM_ACKNOWLEDGE, Action.ALARM_SHELVE, Action.ALARM_COMMENT}),
    "maintenance": frozenset({Action.ALARM_ACKNOWLEDGE, Action.ALARM_SHELVE, Action.ALARM_COMMENT}),
    "engineer": frozenset({Action.ALARM_ACKNOWLEDGE, Action.ALARM_SHELVE, Action.ALARM_COMMENT}),
    "demo": frozenset(Action),
}


def allowed(roles: Iterable[str]) -> frozenset[Action]:
    """Return what the roles together may do; an unknown role adds nothing."""
    return frozenset[Action]().union(*(ROLES.get(role, frozenset()) for role in roles))
