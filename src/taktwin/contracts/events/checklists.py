"""Answers to checklists, and photos."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class ChecklistAnswered(EventData, frozen=True, kw_only=True):
    """Somebody did a step by hand, or answered a question of a checklist; with the limits of then."""

    event_type: ClassVar[str] = "checklist.answered"
    answer: str
    checklist: str
    item: str
    question: str
    job: str
    operation: int
    work_unit: str
    person: str
    verdict: str  # OK | NOK
    done: bool | None = None
    value: float | None = None
    text: str = ""
    unit_of_measure: str = ""
    lower: float | None = None
    upper: float | None = None


class PhotoAttached(EventData, frozen=True, kw_only=True):
    """A photo was kept under the hash of its content, without what the camera knew of the place."""

    event_type: ClassVar[str] = "photo.attached"
    photo: str
    file: str  # <SHA-256>.<suffix>
    record_kind: str  # unit | job | nonconformance
    record: str
    job: str  # "" = none
    work_unit: str
    caption: str
    person: str
    checklist: str = ""
    item: str = ""
