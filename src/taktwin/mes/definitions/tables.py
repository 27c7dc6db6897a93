"""Rows of definitions that came in as versions. Only mastering's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Master(Row, frozen=True, kw_only=True):
    """A product's bill and routing in one version (ISA-95 OperationsDefinition)."""

    table: ClassVar[str] = "operations_definitions"
    master: str  # <product>:<definition>
    product: str
    definition: str  # the version's name
    name: str
    serialised: bool
    setup_family: str
    operations: str  # JSON list of events.ReceivedOperation
    effective_ns: int  # 0: once it is approved
    until_ns: int  # 0: until another version
    state: str  # Received | Approved | Withdrawn
    from_ns: int  # new orders follow it from then on; 0: it was never approved
    received_ns: int
    decided_ns: int  # approved or withdrawn last; 0: not yet
    reason: str  # why it was withdrawn
    version: int
