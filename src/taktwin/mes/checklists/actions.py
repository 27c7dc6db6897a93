"""Checklists and photos: the only writers of their tables. Who may answer what, collection decides."""

from __future__ import annotations

from taktwin.contracts import events
from taktwin.mes.checklists.tables import ChecklistAnswer, Photo
from taktwin.mes.decision import Rules
from taktwin.storage.book import Book


def _answered(book: Book, event: events.ChecklistAnswered, at_ns: int) -> None:
    book.put(ChecklistAnswer(
        answer=event.answer, checklist=event.checklist, item=event.item, question=event.question,
        job=event.job, operation=event.operation, work_unit=event.work_unit, person=event.person,
        verdict=event.verdict, done=event.done, value=event.value, text=event.text,
        unit_of_measure=event.unit_of_measure, lower=event.lower, upper=event.upper, at_ns=at_ns,
    ))  # fmt: skip


def _attached(book: Book, event: events.PhotoAttached, at_ns: int) -> None:
    book.put(Photo(
        photo=event.photo, file=event.file, record_kind=event.record_kind, record=event.record, job=event.job,
        work_unit=event.work_unit, caption=event.caption, person=event.person, checklist=event.checklist,
        item=event.item, at_ns=at_ns,
    ))  # fmt: skip


RULES = Rules(projectors={events.ChecklistAnswered: _answered, events.PhotoAttached: _attached})
