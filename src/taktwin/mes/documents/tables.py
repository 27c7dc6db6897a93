"""Rows of documents. Only documents' own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class DocumentRevision(Row, frozen=True, kw_only=True):
    """A revision of a work instruction, as it was released."""

    table: ClassVar[str] = "document_revisions"
    key: str  # <document>:<revision>
    document: str
    revision: int
    title: str
    products: str  # JSON list
    operation: str  # its name in the routing
    required: bool
    digest: str
    steps: str  # JSON list of events.DocumentStep
    pdf: str  # "": none
    effective_from_ns: int
    effective_to_ns: int  # 0: until another revision
    released_ns: int
    withdrawn_ns: int  # 0: never
    reason: str  # why it was withdrawn


class Acknowledgement(Row, frozen=True, kw_only=True):
    """Somebody has read a revision."""

    table: ClassVar[str] = "acknowledgements"
    acknowledgement: str  # <document>:<revision>:<person>
    document: str
    revision: int
    person: str
    at_ns: int
