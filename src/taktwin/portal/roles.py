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
    MES_PLAN = "mes.plan"  # orders in, their dates, the schedule
    MES_FROZEN = "mes.frozen"  # the schedule within its frozen zone: whoever answers for the floor now
    MES_DISPATCH = "mes.dispatch"  # what runs where; job control
    MES_WORK = "mes.work"  # begin, scrap, lots: at the machine
    MES_STOCK = "mes.stock"  # what was counted in a store, where it differs
    MES_HOLD = "mes.hold"
    MES_DOCUMENT = "mes.document"  # which work instruction is in force
    MES_DEFINE = "mes.define"  # which bill and routing new orders follow
    MES_RELEASE = "mes.release"  # who finds something may hold it; only quality lets it go
    MES_REQUEST = "mes.request"  # ask for maintenance: whoever sees that something is wrong
    MES_TOOL = "mes.tool"  # mount, change and take out tools, use gauges: at the machine
    MES_MAINTAIN = "mes.maintain"  # maintenance orders, spare parts
    MES_CALIBRATE = "mes.calibrate"
    MES_MEASURE = "mes.measure"  # results by hand, photos
    MES_SETTLE = "mes.settle"  # late bookings that somebody has to look at
    MES_RETRY = "mes.retry"  # book them after all: only who may do all that a terminal books
    MES_DISPOSE = "mes.dispose"  # what becomes of what is not as specified
    MES_STOP = "mes.stop"  # why a machine stood
    MES_PEOPLE = "mes.people"  # PINs, badges, certificates
    MES_SIGN = "mes.sign"  # who signs proves it each time
    ADVICE_DECIDE = "advice.decide"  # accept, reject; who accepts may also ask the MES for it by hand
    ADVICE_AUTONOMY = "advice.autonomy"  # how much a class of advice may do
    WHATIF_CALIBRATION = "whatif.calibration"  # which measured numbers what-if answers are made with
    MODEL_PROMOTE = "model.promote"  # which version of a model advice rests on
    ACCOUNTS = "accounts"  # who may sign in, with which roles


ROLES: dict[str, frozenset[Action]] = {
    "viewer": frozenset(),
    "operator": frozenset(
        {
            Action.ALARM_ACKNOWLEDGE,
            Action.ALARM_COMMENT,
            Action.MES_STOP,
            Action.MES_WORK,
            Action.MES_HOLD,
            Action.MES_REQUEST,
            Action.MES_TOOL,
            Action.MES_MEASURE,
            Action.MES_SIGN,
        }
    ),
    "leader": frozenset(
        {
            Action.ALARM_ACKNOWLEDGE,
            Action.ALARM_SHELVE,
            Action.ALARM_COMMENT,
            Action.MES_DISPATCH,
            Action.MES_STOP,
            Action.MES_FROZEN,
            Action.MES_STOCK,
            Action.MES_WORK,
            Action.MES_HOLD,
            Action.MES_REQUEST,
            Action.MES_TOOL,
            Action.MES_MEASURE,
            Action.MES_SETTLE,
            Action.MES_RETRY,
            Action.MES_PEOPLE,
            Action.MES_SIGN,
            Action.ADVICE_DECIDE,
        }
    ),
    "planner": frozenset(
        {
            Action.MES_PLAN,
            Action.MES_DISPATCH,
            Action.MES_STOCK,
            Action.MES_REQUEST,
            Action.ADVICE_DECIDE,
        }
    ),
    "quality": frozenset(
        {
            Action.MES_HOLD,
            Action.MES_RELEASE,
            Action.MES_DOCUMENT,
            Action.MES_MEASURE,
            Action.MES_SETTLE,
            Action.MES_DISPOSE,
            Action.MES_REQUEST,
            Action.MES_TOOL,
            Action.MES_CALIBRATE,
            Action.MES_SIGN,
        }
    ),
    "maintenance": frozenset(
        {
            Action.ALARM_ACKNOWLEDGE,
            Action.ALARM_SHELVE,
            Action.ALARM_COMMENT,
            Action.MES_STOP,
            Action.MES_REQUEST,
            Action.MES_TOOL,
            Action.MES_MAINTAIN,
            Action.MES_CALIBRATE,
            Action.ADVICE_DECIDE,
            Action.MODEL_PROMOTE,
        }
    ),
    "engineer": frozenset(
        {
            Action.ALARM_ACKNOWLEDGE,
            Action.ALARM_SHELVE,
            Action.ALARM_COMMENT,
            Action.MES_DOCUMENT,
            Action.MES_DEFINE,
            Action.WHATIF_CALIBRATION,
            Action.MODEL_PROMOTE,
            Action.MES_STOP,
            Action.MES_REQUEST,
        }
    ),
    "manager": frozenset(
        {
            Action.ALARM_COMMENT,
            Action.MES_HOLD,
            Action.MES_REQUEST,
            Action.MES_SIGN,
            Action.ADVICE_DECIDE,
            Action.ADVICE_AUTONOMY,
        }
    ),
    "admin": frozenset({Action.ACCOUNTS, Action.MES_PEOPLE}),
    "demo": frozenset(Action),
}


def allowed(roles: Iterable[str]) -> frozenset[Action]:
    """Return what the roles together may do; an unknown role adds nothing."""
    return frozenset[Action]().union(*(ROLES.get(role, frozenset()) for role in roles))
