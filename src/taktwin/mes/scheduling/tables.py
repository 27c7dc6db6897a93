"""Rows of scheduling. Only scheduling's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Request(Row, frozen=True, kw_only=True):
    """An order (ISA-95 OperationsRequest); `state` is a word of B2MML's RequestState."""

    table: ClassVar[str] = "requests"
    request: str
    product: str
    quantity: int
    due_ns: int
    priority: int
    customer: str
    state: str  # Released | Completed | Cancelled
    received_ns: int
    version: int
