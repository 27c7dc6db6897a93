"""Which work instruction is in force where, and who has read it. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.documents.tables import Acknowledgement, DocumentRevision
from taktwin.storage.book import Reading


@dataclass(frozen=True, slots=True)
class Instruction:
    """A work instruction of an operation: the revision in force, or None where there has to be one."""

    document: str
    required: bool
    revision: DocumentRevision | None
    readers: tuple[str, ...]


def instructions(
    book: Reading, definitions: Definitions, product: str, operation: str, now_ns: int
) -> list[Instruction]:
    """Return the work instructions of an operation at an instant, by name.

    One that the plant folder requires and nobody has released yet is there without a revision.
    """
    newest: dict[str, DocumentRevision] = {}
    for row in book.where(DocumentRevision, operation=operation):
        known = newest.get(row.document)
        if product in _products(row) and (known is None or row.revision > known.revision):
            newest[row.document] = row
    required = {name: row.required for name, row in newest.items()}
    for name, draft in definitions.documents.drafts().good.items():
        content = draft.content
        here = content.operation == operation and product in content.products
        if here and content.required:
            required.setdefault(name, True)
    return [_instruction(book, name, needed, now_ns) for name, needed in sorted(required.items())]


def _instruction(book: Reading, document: str, required: bool, now_ns: int) -> Instruction:
    revision = in_force(book.where(DocumentRevision, document=document), now_ns)
    if revision is None:
        return Instruction(document, required, None, ())
    return Instruction(document, required, revision, tuple(row.person for row in readers(book, revision)))


def in_force(revisions: list[DocumentRevision], now_ns: int) -> DocumentRevision | None:
    """Return the revision by which one works at an instant.

    A newer revision ends the older one for good: where the newest was withdrawn or is over, there is none.
    One that was withdrawn before it began ended nothing.
    """
    begun = [
        row
        for row in revisions
        if row.effective_from_ns <= now_ns
        and not (row.withdrawn_ns and row.withdrawn_ns <= row.effective_from_ns)
    ]
    newest = max(begun, key=lambda row: row.revision, default=None)
    if newest is None or newest.withdrawn_ns or (newest.effective_to_ns and newest.effective_to_ns <= now_ns):
        return None
    return newest


def readers(book: Reading, revision: DocumentRevision) -> list[Acknowledgement]:
    """Return who has read a revision."""
    return book.where(Acknowledgement, document=revision.document, revision=revision.revision)


def _products(row: DocumentRevision) -> list[str]:
    return msgspec.json.decode(row.products, type=list[str])
