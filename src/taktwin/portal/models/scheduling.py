"""Orders as they came in, and the schedule: in force, projected, proposed."""

from __future__ import annotations

from pydantic import Field

from taktwin.portal.models.base import Model, Request
from taktwin.portal.models.execution import PlaceModel


class ImportedModel(Model):
    """What became of one part of a message: an order, a job order, a definition."""

    request: str
    accepted: bool
    code: str
    reason: str
    remark: str  # of one that was accepted: what of it was not used


class ImportModel(Model):
    """What became of a message of an ERP."""

    rows: list[ImportedModel]


class OrderModel(Model):
    """An order as it came in."""

    request: str
    product: str
    quantity: int
    due_ms: int
    priority: int
    customer: str
    state: str
    received_ms: int
    version: int
    definition: str  # version of the product's definition; "": the plant folder's


class OrdersModel(Model):
    """A page of the orders, by number."""

    orders: list[OrderModel]
    next: str  # `after` of the next page; "" = that was all


class MoveModel(Request):
    """A job order that a planner puts somewhere: on a work unit, not before an instant."""

    job: str = Field(max_length=120)
    work_unit: str = Field(max_length=80)
    begin_ms: int = Field(ge=0, le=253_402_300_799_000)


class MovesModel(Request):
    """All moves of a planner since the schedule in force."""

    moves: list[MoveModel] = Field(max_length=500)


class PublishedModel(Model):
    """A schedule that was published: by whom, when, why."""

    schedule: str
    version: int
    published_ms: int
    by: str
    cause: str
    moved_on: bool  # job orders had changed since the planner looked
    inside: list[str]  # job orders that it changed within the frozen zone


class OffModel(Model):
    """A span in which nothing is planned to run."""

    from_ms: int
    to_ms: int


class ScheduledUnitModel(Model):
    """A row of the schedule."""

    work_unit: str
    name: str
    line: str
    frozen_until_ms: int  # 0: nothing is frozen there
    off: list[OffModel]


class ScheduledJobModel(Model):
    """A job order in the schedule: as planned, as it will be, as it is proposed."""

    job: str
    request: str
    operation: int
    name: str
    product: str
    quantity: int
    good: int
    state: str
    work_unit: str
    candidates: list[str]
    setup_family: str
    setup_s: float
    due_ms: int
    started_ms: int
    planned: PlaceModel | None
    proposed: PlaceModel | None
    projected: PlaceModel | None
    obstacle: str


class DecidesModel(Model):
    """What the end of an order waits for."""

    kind: str  # behind | work | nowhere, or an obstacle
    job: str
    subject: str
    work_unit: str


class ScheduledOrderModel(Model):
    """An order with its dates; 0: not all of it is planned."""

    request: str
    product: str
    quantity: int
    due_ms: int
    planned_end_ms: int
    projected_end_ms: int
    proposed_end_ms: int
    late: bool
    decides: DecidesModel


class InsideModel(Model):
    """A proposed change within the frozen zone."""

    job: str
    what: str
    until_ms: int


class ScheduleModel(Model):
    """The schedule in force, what it will come to, and what moves would make of it."""

    schedule: PublishedModel | None
    history: list[PublishedModel]
    state: str  # digest of the job orders that all this was made from
    work_units: list[ScheduledUnitModel]
    jobs: list[ScheduledJobModel]
    orders: list[ScheduledOrderModel]
    inside: list[InsideModel]
    unknown: list[str]  # moved job orders that are over, or never were
    at_ms: int
