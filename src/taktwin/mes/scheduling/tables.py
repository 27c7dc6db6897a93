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
    definition: str = ""  # version of the product's definition; "": the plant folder's


class Schedule(Row, frozen=True, kw_only=True):
    """A schedule as it was published; the one with the highest version is in force."""

    table: ClassVar[str] = "schedules"
    schedule: str  # SCH-<version>
    version: int
    published_ns: int
    by: str
    cause: str
    state: str
    moved_on: bool
    inside: str  # JSON: the job orders that it changed within the frozen zone
    jobs: str  # JSON: events.ScheduledJob, by work unit and sequence
