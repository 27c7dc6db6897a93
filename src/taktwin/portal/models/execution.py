"""Job orders: as they are, on the board, and what their machines say of them."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class ObstacleModel(Model):
    """The one thing in the way of a job order."""

    kind: str  # hold | material | document | load | maintenance | tool | skill | before | turn
    subject: str
    detail: str


class JobModel(Model):
    """A job order: one operation of an order. States are words of ISA-95 job control."""

    job: str
    request: str
    operation: int
    name: str
    product: str
    equipment_class: str
    work_unit: str
    quantity: int
    due_ms: int
    priority: int
    last_operation: bool
    state: str
    sub_state: str
    good: int
    scrap: int
    started_ms: int
    ended_ms: int
    reason: str
    version: int
    definition: str  # version of the product's definition; "": the plant folder's


class OverdueModel(Model):
    """A measurement that should have been made so many parts ago."""

    characteristic: str
    name: str
    parts: int


class PlaceModel(Model):
    """Where and when a job order is to run, and as which one there; sequence 0: in no schedule."""

    work_unit: str
    sequence: int
    begin_ms: int
    end_ms: int


class MachineSideModel(Model):
    """What a machine that takes job orders by itself says of one, and what it was asked."""

    reachable: bool
    cause: str  # why it is not reached
    since_ms: int  # since when it is reached, or not; 0: it never was
    state: str  # "": it does not have this job order
    sub_state: str
    said_ms: int
    equal: bool  # to ours
    asked: str  # method of which nobody knows yet what came of it; "" = none
    asked_ms: int
    failed: str  # method that it did not take, or of which it did not say so; "" = none
    why: str


class LineModel(JobModel):
    """A job order on the board: where it may run, what is in its way, and what is late while it runs."""

    candidates: list[str]
    setup_family: str
    projected_begin_ms: int  # by a forward pass over finite capacity; 0: it can run nowhere
    projected_end_ms: int
    order_end_ms: int  # when its whole order will be done; 0: it will not
    planned: PlaceModel | None  # its place in the schedule in force
    obstacle: ObstacleModel | None
    machine: MachineSideModel | None  # None: its machine takes no job orders by itself
    overdue: list[OverdueModel]


class BoardModel(Model):
    """The dispatch board."""

    lines: list[LineModel]
    over: list[JobModel]
    free_since_ms: dict[str, int]  # machine -> since when no job order runs there; 0: none ever did
    at_ms: int
