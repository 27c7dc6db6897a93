"""Who is where: deciders of log-on, log-off and indirect time, and the only writers of stays."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.resources import actions as resources
from taktwin.mes.resources.engine import ACTIVITIES
from taktwin.mes.resources.tables import Stay
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

DAY_NS = 86_400_000_000_000


# Deciders


def stay_of(book: Reading, person: str) -> Stay | None:
    """Return where a person is now, None where they are logged on nowhere."""
    return next(iter(book.where(Stay, person=person, to_ns=0)), None)


def stay_when(book: Reading, person: str, asking: Asking) -> Stay | None:
    """Return where a person is, or was when something was asked that comes late."""
    if not asking.late:
        return stay_of(book, person)
    stays = [stay for stay in book.where(Stay, person=person) if _during(stay, asking.now_ns)]
    return max(stays, key=lambda stay: stay.from_ns, default=None)


def people_at(book: Reading, work_unit: str, asking: Asking | None = None) -> list[str]:
    """Return who is logged on at a work unit, or was when something was asked that comes late, by number."""
    if asking is None or not asking.late:
        return sorted(stay.person for stay in book.where(Stay, work_unit=work_unit, to_ns=0))
    stays = book.where(Stay, work_unit=work_unit)
    return sorted({stay.person for stay in stays if _during(stay, asking.now_ns)})


def _during(stay: Stay, at_ns: int) -> bool:
    return stay.from_ns <= at_ns and (not stay.to_ns or at_ns < stay.to_ns)


def crews(book: Reading) -> dict[str, set[str]]:
    """Return who is logged on, by work unit."""
    found: dict[str, set[str]] = {}
    for stay in book.where(Stay, to_ns=0):
        found.setdefault(stay.work_unit, set()).add(stay.person)
    return found


def log_on(book: Reading, wish: commands.LogOn, asking: Asking) -> Iterator[Fact]:
    """Log a person on at a work unit; wherever they were before ends with it."""
    if wish.work_unit not in asking.definitions.work_units:
        raise unknown("work unit", wish.work_unit)
    person = resources.proven(book, wish, asking, pin_always=False, work_unit=wish.work_unit).person
    before = stay_of(book, person)
    if before is not None and before.work_unit == wish.work_unit:
        return  # scanned twice: they are here already
    if before is not None:
        yield _over(before, asking)
    event = events.LabourLoggedOn(stay=asking.command, person=person, work_unit=wish.work_unit,
                                  proof="badge" if wish.badge else "pin")  # fmt: skip
    yield Fact(event, asking.now_ns)


def log_off(book: Reading, wish: commands.LogOff, asking: Asking) -> Iterator[Fact]:
    """End a person's stay."""
    yield _over(stay_at(book, wish.person, wish.work_unit), asking)


def start_indirect(book: Reading, wish: commands.StartIndirect, asking: Asking) -> Iterator[Fact]:
    """End a person's stay at a work unit, and begin an activity that is no work on an order."""
    if wish.activity not in ACTIVITIES:
        raise Refused("invalid", "activity", repr(wish.activity), f"one of {', '.join(ACTIVITIES)}",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    before = stay_at(book, wish.person, wish.work_unit)
    if before.activity == wish.activity:
        return
    yield _over(before, asking)
    event = events.LabourIndirectStarted(stay=asking.command, person=wish.person, activity=wish.activity)
    yield Fact(event, asking.now_ns)


def stay_at(book: Reading, person: str, work_unit: str, asking: Asking | None = None) -> Stay:
    """Return a person's stay at a work unit, "" = wherever. Raises Refused where they are elsewhere."""
    now = stay_of(book, person) if asking is None else stay_when(book, person, asking)
    if now is None:
        raise Refused("state", person or "person", "logged on nowhere", "somebody who is logged on")
    if work_unit and now.work_unit != work_unit:
        raise Refused("state", person, f"at {now.work_unit or now.activity}", f"at {work_unit}")
    return now


def _over(stay: Stay, asking: Asking) -> Fact:
    event = events.LabourLoggedOff(stay=stay.stay, person=stay.person, work_unit=stay.work_unit)
    return Fact(event, asking.now_ns)


# Projectors


def _logged_on(book: Book, event: events.LabourLoggedOn, at_ns: int) -> None:
    book.put(Stay(stay=event.stay, person=event.person, work_unit=event.work_unit, activity="",
                  proof=event.proof, from_ns=at_ns, to_ns=0, ended_day=0))  # fmt: skip
    if event.proof == "pin":
        resources.recognised(book, event.person)


def _indirect(book: Book, event: events.LabourIndirectStarted, at_ns: int) -> None:
    book.put(Stay(stay=event.stay, person=event.person, work_unit="", activity=event.activity, proof="",
                  from_ns=at_ns, to_ns=0, ended_day=0))  # fmt: skip


def _logged_off(book: Book, event: events.LabourLoggedOff, at_ns: int) -> None:
    stay = book.get(Stay, event.stay)
    assert stay is not None, "decided on a stay that is there"
    to_ns = max(at_ns, stay.from_ns)
    book.put(msgspec.structs.replace(stay, to_ns=to_ns, ended_day=to_ns // DAY_NS))


RULES = Rules(
    deciders={
        commands.LogOn.command_name: log_on,
        commands.LogOff.command_name: log_off,
        commands.StartIndirect.command_name: start_indirect,
    },
    projectors={
        events.LabourLoggedOn: _logged_on,
        events.LabourIndirectStarted: _indirect,
        events.LabourLoggedOff: _logged_off,
    },
)
