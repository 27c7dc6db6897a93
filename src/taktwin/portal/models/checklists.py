"""Checklists, their answers, and photos."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class AnswerModel(Model):
    """What a person answered to an item of a checklist, with the limits of then."""

    answer: str
    checklist: str
    item: str
    question: str
    job: str
    operation: int
    work_unit: str
    person: str
    verdict: str
    done: bool | None
    value: float | None
    text: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    at_ms: int


class QuestionModel(Model):
    """An item of a checklist at a job order. `required`: the job order is not completed without it."""

    checklist: str
    name: str
    required: bool
    item: str
    text: str
    kind: str
    unit_of_measure: str
    lower: float | None
    upper: float | None
    answer: AnswerModel | None


class PhotoModel(Model):
    """A photo: what it is of, and its file (`/mes/files/{file}`)."""

    photo: str
    file: str
    record_kind: str
    record: str
    job: str
    work_unit: str
    caption: str
    person: str
    checklist: str
    item: str
    at_ms: int
