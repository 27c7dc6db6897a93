"""Rows of checklists and photos. Only this room's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class ChecklistAnswer(Row, frozen=True, kw_only=True):
    """What a person answered, with the limits of then. An item may be answered again: the newest counts."""

    table: ClassVar[str] = "checklist_answers"
    answer: str  # id of the command
    checklist: str
    item: str
    question: str
    job: str
    operation: int
    work_unit: str
    person: str
    verdict: str  # OK | NOK
    done: bool | None
    value: float | None
    text: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    at_ns: int


class Photo(Row, frozen=True, kw_only=True):
    """A photo: what it is of, and the name of its file."""

    table: ClassVar[str] = "photos"
    photo: str  # id of the command
    file: str  # <SHA-256>.<suffix>
    record_kind: str  # unit | job | nonconformance
    record: str
    job: str
    work_unit: str
    caption: str
    person: str
    checklist: str
    item: str
    at_ns: int
