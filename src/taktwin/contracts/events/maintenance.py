"""Maintenance orders and spare parts."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class MaintenancePlanBegun(EventData, frozen=True, kw_only=True):
    """A plan of the plant folder was seen for the first time: its interval counts from here."""

    event_type: ClassVar[str] = "maintenance.plan.begun"
    plan: str
    work_unit: str


class MaintenanceOrderOpened(EventData, frozen=True, kw_only=True):
    """A maintenance order exists (ISA-95 JobOrder, OperationsType Maintenance)."""

    event_type: ClassVar[str] = "maintenance.order.opened"
    order: str
    number: int
    kind: str  # WorkType: corrective | preventive | tool_change
    work_unit: str
    about: str
    plan: str = ""  # of preventive
    tool_kind: str = ""  # of tool_change
    priority: int = 0
    due_ns: int = 0
    stops: bool
    by: str  # who asked


class MaintenanceOrderAssigned(EventData, frozen=True, kw_only=True):
    """A maintenance order is somebody's, and may start."""

    event_type: ClassVar[str] = "maintenance.order.assigned"
    order: str
    work_unit: str
    person: str


class MaintenanceOrderStarted(EventData, frozen=True, kw_only=True):
    """Work on a maintenance order began; while it `stops` its work unit, no job order begins there."""

    event_type: ClassVar[str] = "maintenance.order.started"
    order: str
    work_unit: str
    stops: bool


class MaintenanceOrderCompleted(EventData, frozen=True, kw_only=True):
    """The work was done: what was found, what was done."""

    event_type: ClassVar[str] = "maintenance.order.completed"
    order: str
    work_unit: str
    found: str
    done: str


class MaintenanceOrderAborted(EventData, frozen=True, kw_only=True):
    """A maintenance order was given up."""

    event_type: ClassVar[str] = "maintenance.order.aborted"
    order: str
    work_unit: str
    cause: str


class SpareReceived(EventData, frozen=True, kw_only=True):
    """Spare parts came into the store."""

    event_type: ClassVar[str] = "spare.received"
    spare: str
    quantity: int


class SpareCounted(EventData, frozen=True, kw_only=True):
    """Somebody counted what is in the store."""

    event_type: ClassVar[str] = "spare.counted"
    spare: str
    quantity: int


class SpareConsumed(EventData, frozen=True, kw_only=True):
    """Spare parts went into a work unit (ISA-95 MaterialActual of the maintenance order)."""

    event_type: ClassVar[str] = "spare.consumed"
    spare: str
    quantity: int
    order: str
    work_unit: str
