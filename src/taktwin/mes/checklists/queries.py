"""What is to be done by hand at an operation, what was answered, which photos there are. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from taktwin.mes.checklists.engine import OK
from taktwin.mes.checklists.tables import ChecklistAnswer, Photo
from taktwin.mes.definitions.routes import Definitions
from taktwin.plant.schema import ChecklistItem
from taktwin.storage.book import Reading


@dataclass(frozen=True, slots=True)
class Question:
    """An item of a checklist at a job order, with its newest answer."""

    checklist: str
    name: str  # of the checklist
    required: bool  # the job order waits for it
    item: str
    what: ChecklistItem
    answer: ChecklistAnswer | None

    @property
    def open(self) -> bool:
        """Whether the job order waits for it still."""
        return self.required and (self.answer is None or self.answer.verdict != OK)


def questions(
    book: Reading, definitions: Definitions, *, job: str, product: str, operation: str
) -> list[Question]:
    """Return what is done by hand at an operation of a product, in its order, with what was answered."""
    lists = [
        (name, each)
        for name, each in definitions.checklists.items()
        if each.operation == operation and (not each.products or product in each.products)
    ]
    if not lists:
        return []
    newest: dict[tuple[str, str], ChecklistAnswer] = {}
    for row in sorted(book.where(ChecklistAnswer, job=job), key=lambda row: (row.at_ns, row.answer)):
        newest[(row.checklist, row.item)] = row
    return [
        Question(name, each.name, each.required and not item.optional, key, item, newest.get((name, key)))
        for name, each in lists
        for key, item in each.items.items()
    ]


def shown(found: list[Question]) -> list[dict[str, Any]]:
    """Return questions as the page shows them."""
    return [
        {
            "checklist": each.checklist, "name": each.name, "required": each.required, "item": each.item,
            "text": each.what.text, "kind": each.what.kind, "unit_of_measure": each.what.unit,
            "lower": each.what.lower, "upper": each.what.upper,
            "answer": None if each.answer is None else msgspec.structs.asdict(each.answer),
        }
        for each in found
    ]  # fmt: skip


def answers(book: Reading, jobs: list[str]) -> list[dict[str, Any]]:
    """Return all that was answered at job orders, the oldest first."""
    rows = [row for job in sorted(set(jobs)) for row in book.where(ChecklistAnswer, job=job)]
    return [msgspec.structs.asdict(row) for row in sorted(rows, key=lambda row: (row.at_ns, row.answer))]


def photos(book: Reading, kind: str, record: str) -> list[dict[str, Any]]:
    """Return the photos of something, the oldest first."""
    rows = book.where(Photo, record_kind=kind, record=record)
    return [msgspec.structs.asdict(row) for row in sorted(rows, key=lambda row: (row.at_ns, row.photo))]
