"""Rows of maintenance. Only maintenance's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class MaintenanceOrder(Row, frozen=True, kw_only=True):
    """An order of maintenance: ISA-95 JobOrder of OperationsType Maintenance, `kind` its WorkType.

    Its states are those of job control, through the same decision as a job order of production.
    """

    table: ClassVar[str] = "maintenance_orders"
    order: str  # M1, M2, ...
    kind: str  # corrective | preventive | tool_change
    work_unit: str
    about: str  # what is wrong, or what is to be done
    plan: str  # of preventive
    tool_kind: str  # of tool_change
    priority: int
    due_ns: int  # 0: as soon as somebody can
    stops: bool  # no job order may begin at the work unit while it is Running
    state: str  # job_control.State
    sub_state: str  # job_control.SubState
    person: str  # who does it; "" = nobody yet
    opened_by: str
    opened_ns: int
    started_ns: int  # 0: not yet
    ended_ns: int
    found: str
    done: str
    reason: str  # why it was given up
    version: int


class PlanState(Row, frozen=True, kw_only=True):
    """Where the interval of a plan stands at one work unit."""

    table: ClassVar[str] = "maintenance_plans"
    due: str  # <plan>:<work unit>
    plan: str
    work_unit: str
    since_ns: int  # the interval's begin
    parts: int  # good and rejected ones since then
    order: str  # the open order that came of it; "" = none: only then another one may come


class Spare(Row, frozen=True, kw_only=True):
    """What the store holds of a part number."""

    table: ClassVar[str] = "spare_parts"
    spare: str
    quantity: int
    version: int


class SpareUse(Row, frozen=True, kw_only=True):
    """Spare parts that an order took (ISA-95 MaterialActual, Consumed)."""

    table: ClassVar[str] = "spare_uses"
    use: str  # <order>:<spare>
    order: str
    spare: str
    quantity: int


class Number(Row, frozen=True, kw_only=True):
    """The last number that was given out."""

    table: ClassVar[str] = "numbers"
    name: str
    last: int
