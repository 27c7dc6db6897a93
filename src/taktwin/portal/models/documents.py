"""Work instructions: as they are written, as they were released, who has read them."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class DocumentStepModel(Model):
    """One step of a work instruction."""

    title: str
    text: str
    picture: str  # name of a file of /mes/files; "": none


class InstructionModel(Model):
    """The work instruction that is in force for the job order at a work unit; revision 0: none is."""

    document: str
    revision: int
    title: str
    required: bool
    readers: list[str]
    steps: list[DocumentStepModel]
    pdf: str


class ReaderModel(Model):
    """Who has read a revision, and when."""

    person: str
    at_ms: int


class RevisionModel(Model):
    """A revision of a work instruction, as it was released."""

    document: str
    revision: int
    title: str
    operation: str
    required: bool
    digest: str
    steps: list[DocumentStepModel]
    pdf: str
    effective_from_ms: int
    effective_to_ms: int  # 0: until another revision
    released_ms: int
    withdrawn_ms: int  # 0: never
    reason: str
    readers: list[ReaderModel]


class DraftModel(Model):
    """A work instruction as it is written now; its digest says to a release what was looked at."""

    digest: str
    steps: list[DocumentStepModel]
    pdf: str


class DocumentModel(Model):
    """A work instruction: its draft, if that differs from the newest revision, and its revisions."""

    document: str
    title: str
    operation: str
    products: list[str]
    required: bool
    draft: DraftModel | None  # null: nothing to release
    in_force: int  # revision; 0: none
    revisions: list[RevisionModel]


class MistakeModel(Model):
    """What is wrong with a draft, and what would be right."""

    file: str
    line: int
    field: str
    found: str
    expected: str


class DocumentsModel(Model):
    """All work instructions."""

    documents: list[DocumentModel]
    mistakes: list[MistakeModel]
    at_ms: int
