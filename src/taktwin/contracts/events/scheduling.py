"""Orders as they come in, and the schedule in force."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.events.envelope import EventData


class OperationsRequestReceived(EventData, frozen=True, kw_only=True):
    """An order came in (ISA-95 OperationsRequest): so many of a product until an instant."""

    event_type: ClassVar[str] = "operations.request.received"
    request: str
    product: str
    quantity: int
    due_ns: int
    priority: int = 0  # higher runs first
    customer: str = ""
    definition: str = ""  # version of the product's definition; "": the plant folder's


class OperationsRequestChanged(EventData, frozen=True, kw_only=True):
    """An order is now wanted otherwise; the quantity of what runs already stays."""

    event_type: ClassVar[str] = "operations.request.changed"
    request: str
    due_ns: int
    priority: int
    customer: str


class OperationsRequestCompleted(EventData, frozen=True, kw_only=True):
    """Every job of an order has ended."""

    event_type: ClassVar[str] = "operations.request.completed"
    request: str


class OperationsRequestCancelled(EventData, frozen=True, kw_only=True):
    """No job of an order is left, and none has ended: nothing will be made of it."""

    event_type: ClassVar[str] = "operations.request.cancelled"
    request: str


class ScheduledJob(msgspec.Struct, frozen=True, kw_only=True):
    """Where, when and as which one there a job order is to run."""

    job: str
    work_unit: str
    sequence: int  # 1, 2, 3, ... on its work unit
    begin_ns: int
    end_ns: int


class SchedulePublished(EventData, frozen=True, kw_only=True):
    """A schedule is in force from here on, the whole of it, in the place of the one before."""

    event_type: ClassVar[str] = "schedule.published"
    schedule: str
    version: int  # 1, 2, 3, ...
    by: str
    cause: str
    state: str  # digest of the job orders that it was made from; "" = nobody said
    moved_on: bool  # they had changed since, and it was possible all the same
    inside: list[str]  # job orders that it changed within the frozen zone
    jobs: list[ScheduledJob]
