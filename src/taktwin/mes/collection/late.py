"""What a terminal kept while the server was away: when it counts, and what somebody has to look at.

A late booking is decided by what was when it was touched, and in the order in which it was touched at its
terminal. One that cannot be booked is never dropped: it is set aside with the reason, until somebody says
what was done about it, or tries it again once what was in its way has been mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.commands import CommandData, LateBooking
from taktwin.mes.collection.tables import Counter, SetAside, Terminal
from taktwin.mes.decision import Asking, Decider, Fact, Refused, Rules, unknown
from taktwin.mes.execution.actions import MINUTE_NS
from taktwin.mes.execution.tables import JobOrder, Output, Run
from taktwin.standards.job_control import Method, ReturnStatus
from taktwin.storage.book import Book, Reading

AHEAD_NS = 60_000_000_000  # so far a clock that was measured a shift ago may be ahead
TEXT_MAX = 1000
# What makes sense without the server: no signature, no PIN, nothing that others decide on meanwhile.
BOOKABLE = frozenset(
    kind.command_name
    for kind in (
        commands.BeginJob, commands.ControlJob, commands.ReportScrap, commands.UndoScrap, commands.LoadLot,
        commands.RecordResult, commands.AnswerChecklist, commands.AttachPhoto, commands.WriteNote,
        commands.ReadNote, commands.RequestMaintenance,
    )
)  # fmt: skip
METHODS = (Method.PAUSE, Method.RESUME)


def touched_ns(booking: LateBooking, last_ns: int, *, now_ns: int, late_ns_max: int) -> int:
    """Return when a booking counts: when it was touched, and never before the one that was touched before it.

    A clock that was set back meanwhile does not change the order of what hands did.

    Raises
    ------
    Refused
        If it was touched in the future, or longer ago than the plant permits.
    """
    if booking.at_ns > now_ns + AHEAD_NS:
        ahead = (booking.at_ns - now_ns) / 1e9
        raise _invalid(
            "time of the booking", f"{ahead:.0f} s in the future", "a terminal whose clock is right"
        )
    if booking.at_ns < now_ns - late_ns_max:
        raise _too_old(now_ns - booking.at_ns, late_ns_max)
    return max(last_ns, min(booking.at_ns, now_ns))


def person_of(booking: LateBooking, brought_by: str) -> str:
    """Return whose a booking is: of whoever was logged on at the terminal, or signed in there when it was
    touched; "" where that is who brings it."""
    account = "" if booking.account == brought_by else booking.account
    return booking.on_behalf_of or account


def refuse_unbookable(name: str) -> None:
    """Return only if it may be asked without the server."""
    if name not in BOOKABLE:
        raise _invalid("command", name, f"one of {', '.join(sorted(BOOKABLE))}")


def refuse_method(wish: CommandData) -> None:
    """Return only if a method of job control makes sense without the server, where it is one."""
    if isinstance(wish, commands.ControlJob) and wish.method not in METHODS:
        raise _invalid("method", wish.method, " or ".join(METHODS))


def set_aside(
    book: Reading, terminal: str, booking: LateBooking, asking: Asking, why: Refused, *, booked: bool
) -> Iterator[Fact]:
    """Keep a late booking for somebody to look at."""
    content = _without_photo(booking)
    yield Fact(
        events.BookingSetAside(
            booking=booking.id, terminal=terminal, terminal_sequence=booking.sequence, command=booking.name,
            content=msgspec.json.encode(content).decode(), work_unit=_work_unit(book, content),
            person=booking.on_behalf_of or booking.account, said_ns=booking.at_ns, booked=booked,
            code=why.code, place=why.place, found=why.found, right=why.right,
        ),
        asking.now_ns,
    )  # fmt: skip


def _without_photo(booking: LateBooking) -> dict[str, object]:
    try:
        content = msgspec.json.decode(booking.data, type=dict[str, object])
    except msgspec.DecodeError:
        return {}
    return {name: value for name, value in content.items() if name != "content"}


def _work_unit(book: Reading, content: dict[str, object]) -> str:
    job = book.get(JobOrder, str(content.get("job") or content.get("record") or ""))
    return str(content.get("work_unit") or ("" if job is None else job.work_unit))


def remark(book: Reading, wish: CommandData, asking: Asking) -> Refused | None:
    """Return what somebody has to know of a booking that was booked: what was counted since was not its."""
    if isinstance(wish, commands.LoadLot):
        work_unit, found = wish.work_unit, "parts were counted there since, from what stood there before"
    elif isinstance(wish, commands.BeginJob):
        job = book.get(JobOrder, wish.job)
        work_unit = "" if job is None else job.work_unit
        found = "parts were counted there since, and belong to no job order"
    elif isinstance(wish, commands.ControlJob) and wish.method == Method.RESUME:
        return _counted_while_paused(book, wish.job)
    else:
        return None
    counters = book.where(Counter, work_unit=work_unit)
    if not any(row.source_ns > asking.now_ns for row in counters):
        return None
    return Refused("look", work_unit, found, "somebody who looks whether that is so")


def _counted_while_paused(book: Reading, name: str) -> Refused | None:
    """Return that a job order was given parts in a pause that nobody knew of then; None: it was not.

    What a work unit made is known by the minute: the minutes of the pause's two ends count too.
    """
    job, runs = book.get(JobOrder, name), book.newest(Run, "from_ns", 2, job=name)
    if job is None or len(runs) < 2:
        return None
    from_ns, to_ns = runs[1].to_ns, runs[0].from_ns
    made = book.between(Output, "minute_ns", from_ns - MINUTE_NS, to_ns, work_unit=job.work_unit, job=name)
    if not any(row.minute_ns + MINUTE_NS > from_ns and row.good for row in made):
        return None
    found = f"parts were counted there for {name} while it was paused, or in the same minutes"
    return Refused("look", job.work_unit, found, "somebody who looks whether that is so")


def retries(deciders: Mapping[str, Decider]) -> Rules:
    """Return the rule that decides a booking again that was set aside, by these `deciders`."""

    def retry(book: Reading, wish: commands.RetryBooking, asking: Asking) -> Iterator[Fact]:
        """Book it as it was then; what is still in its way is said, and it stays on the list.

        Whoever tries it again answers for it under their own name, also that somebody was there then.
        """
        row = _on_the_list(book, wish.booking)
        if row.booked:
            raise Refused("state", "late booking", "booked, and to be looked at", "one that was not booked",
                          row=row)  # fmt: skip
        again = _again(row)
        at_ns = min(row.said_ns, asking.now_ns)
        if at_ns < asking.now_ns - asking.definitions.late_ns_max:
            raise _too_old(asking.now_ns - at_ns, asking.definitions.late_ns_max)
        then = replace(asking, now_ns=at_ns, command=row.booking, person=row.person or asking.person,
                       logged_on="", late=True)  # fmt: skip
        yield from deciders[row.command](book, again, then)
        doubt = remark(book, again, then)
        said = "booked on another try" + ("" if doubt is None else f"; {doubt.place}: {doubt.found}")
        settled = events.BookingSettled(booking=row.booking, person=asking.person, cause=said)
        yield Fact(settled, asking.now_ns)

    return Rules(deciders={commands.RetryBooking.command_name: retry})


def _again(row: SetAside) -> CommandData:
    """Return what a booking wanted. Raises Refused where that was not kept, or needs the server."""
    refuse_unbookable(row.command)
    if row.command == commands.AttachPhoto.command_name:
        raise _invalid("late booking", "a photo, which is not kept here", "the photo, taken again")
    try:
        again = msgspec.json.decode(row.content, type=commands.CATALOGUE[row.command])
    except msgspec.DecodeError as error:
        raise _invalid(f"data of {row.command}", str(error), "its fields") from error
    refuse_method(again)
    return again


def _on_the_list(book: Reading, booking: str) -> SetAside:
    row = book.get(SetAside, booking)
    if row is None:
        raise unknown("late booking", booking)
    if row.settled_by:
        raise Refused("state", "late booking", f"looked at by {row.settled_by}", "one that nobody looked at",
                      row=row)  # fmt: skip
    return row


def settle(book: Reading, wish: commands.SettleBooking, asking: Asking) -> Iterator[Fact]:
    """Say what was done about a late booking."""
    row = _on_the_list(book, wish.booking)
    if not wish.cause.strip() or len(wish.cause) > TEXT_MAX:
        raise _invalid(
            "cause", f"{len(wish.cause)} letters", f"what was done about it, in 1 to {TEXT_MAX} letters"
        )
    yield Fact(
        events.BookingSettled(booking=row.booking, person=asking.person, cause=wish.cause.strip()),
        asking.now_ns,
    )


def _too_old(age_ns: int, late_ns_max: int) -> Refused:
    hours = age_ns / 3.6e12
    return _invalid("time of the booking", f"{hours:.1f} h ago", f"{late_ns_max / 3.6e12:.0f} h at most")


def _invalid(place: str, found: str, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


# Projectors


def _set_aside(book: Book, event: events.BookingSetAside, at_ns: int) -> None:
    book.put(SetAside(
        booking=event.booking, terminal=event.terminal, terminal_sequence=event.terminal_sequence,
        command=event.command, content=event.content, work_unit=event.work_unit, person=event.person,
        said_ns=event.said_ns, booked=event.booked, code=event.code, place=event.place, found=event.found,
        right=event.right, at_ns=at_ns, settled_by="", settled_ns=0, settled="",
    ))  # fmt: skip


def _settled(book: Book, event: events.BookingSettled, at_ns: int) -> None:
    row = book.get(SetAside, event.booking)
    assert row is not None, "decided on a booking that is there"
    book.put(msgspec.structs.replace(
        row, settled_by=event.person or "somebody", settled_ns=at_ns, settled=event.cause
    ))  # fmt: skip


def taken(book: Book, terminal: str, *, next_sequence: int, last_ns: int) -> None:
    """Keep how far what a terminal kept was taken, in the transaction that took it."""
    book.put(Terminal(terminal=terminal, next_sequence=next_sequence, last_ns=last_ns))


RULES = Rules(
    deciders={commands.SettleBooking.command_name: settle},
    projectors={events.BookingSetAside: _set_aside, events.BookingSettled: _settled},
)
