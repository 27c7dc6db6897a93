"""Shifts: under whose name a terminal asks, and what one shift leaves to the next; the writer of notes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.commands import CommandData
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.performance.tables import ShiftNote
from taktwin.mes.resources.stays import stay_at, stay_when
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

TEXT_MAX = 1000


# Deciders


def present(book: Reading, wish: CommandData, asking: Asking) -> None:
    """Return only if whoever is named as standing at the terminal is logged on where the wish is about.

    Without a name nothing is looked at: a plant that logs nobody on works as if this were not here.
    """
    if not asking.logged_on:
        return
    now = stay_when(book, asking.logged_on, asking)
    if now is None or not now.work_unit:
        raise Refused("denied", "on behalf of", f"{asking.logged_on}, who is logged on nowhere",
                      "somebody who is logged on")  # fmt: skip
    job = book.get(JobOrder, str(getattr(wish, "job", "")))
    place = str(getattr(wish, "work_unit", "")) or ("" if job is None else job.work_unit)
    if place and place != now.work_unit:
        raise Refused("denied", "on behalf of", f"{asking.logged_on}, who is logged on at {now.work_unit}",
                      f"somebody who is logged on at {place}")  # fmt: skip


def write_note(book: Reading, wish: commands.WriteNote, asking: Asking) -> Iterator[Fact]:
    """Leave a note at a work unit; who leaves it is logged on there."""
    if wish.work_unit not in asking.definitions.work_units:
        raise unknown("work unit", wish.work_unit)
    stay_at(book, wish.person, wish.work_unit, asking)
    if not wish.text.strip() or len(wish.text) > TEXT_MAX:
        raise _invalid("text", f"{len(wish.text)} letters", f"1 to {TEXT_MAX} letters")
    event = events.ShiftNoteWritten(note=asking.command, work_unit=wish.work_unit, person=wish.person,
                                    text=wish.text)  # fmt: skip
    yield Fact(event, asking.now_ns)


def read_note(book: Reading, wish: commands.ReadNote, asking: Asking) -> Iterator[Fact]:
    """Acknowledge a note by name; somebody else than its writer, who is logged on there."""
    note = book.get(ShiftNote, wish.note)
    if note is None:
        raise unknown("note", wish.note)
    stay_at(book, wish.person, note.work_unit, asking)
    if note.read_by:
        raise Refused("state", "note", f"read already by {note.read_by}", "a note that nobody has read",
                      row=note)  # fmt: skip
    if note.person == wish.person:
        raise Refused("state", "note", f"written by {wish.person}", "somebody else who reads it")
    event = events.ShiftNoteRead(note=note.note, work_unit=note.work_unit, person=wish.person)
    yield Fact(event, asking.now_ns)


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


# Projectors


def _written(book: Book, event: events.ShiftNoteWritten, at_ns: int) -> None:
    book.put(ShiftNote(note=event.note, work_unit=event.work_unit, person=event.person, text=event.text,
                       at_ns=at_ns, read_by="", read_ns=0))  # fmt: skip


def _read(book: Book, event: events.ShiftNoteRead, at_ns: int) -> None:
    note = book.get(ShiftNote, event.note)
    assert note is not None, "decided on a note that is there"
    book.put(msgspec.structs.replace(note, read_by=event.person, read_ns=at_ns))


RULES = Rules(
    deciders={
        commands.WriteNote.command_name: write_note,
        commands.ReadNote.command_name: read_note,
    },
    projectors={
        events.ShiftNoteWritten: _written,
        events.ShiftNoteRead: _read,
    },
)
