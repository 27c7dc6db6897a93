"""Orders and schedules: what a planner asks."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.commands.envelope import CommandData


class DropOrder(CommandData, frozen=True, kw_only=True):
    """Take an order in and make its job orders, one for each operation of the product's route."""

    command_name: ClassVar[str] = "order.drop"
    request: str
    product: str
    quantity: int
    due_ns: int
    priority: int = 0
    customer: str = ""
    definition: str = ""  # version of the product's definition; "": the one in force


class ChangeOrder(CommandData, frozen=True, kw_only=True):
    """Change dates and priority of an order. `version` is the one that the person saw."""

    command_name: ClassVar[str] = "order.change"
    request: str
    version: int  # 0: whatever it is now; an ERP owns its orders
    due_ns: int
    priority: int
    customer: str = ""


class PlannedJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and when a job order is to run."""

    job: str
    work_unit: str
    begin_ns: int
    end_ns: int


class PublishSchedule(CommandData, frozen=True, kw_only=True):
    """Put a schedule in force, whole. It is refused where it changes anything in the frozen zone."""

    command_name: ClassVar[str] = "schedule.publish"
    version: int  # of the schedule that it was made from; 0: there was none
    jobs: list[PlannedJob]  # a job order that is left out is planned no more
    cause: str  # why: for whoever reads it later
    state: str = ""  # digest of the job orders that it was made from, as the schedule's answer gives it


class PublishFrozen(PublishSchedule, frozen=True, kw_only=True):
    """Put a schedule in force that also changes what is in the frozen zone; the cause says why it must."""

    command_name: ClassVar[str] = "schedule.publish_frozen"
