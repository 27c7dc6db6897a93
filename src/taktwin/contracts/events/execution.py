"""Job orders from their beginning to their end, and what a machine that takes them says of them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class JobOrderStored(EventData, frozen=True, kw_only=True):
    """A job order exists: one operation of an order. It may not start yet."""

    event_type: ClassVar[str] = "job.order.stored"
    job: str
    request: str
    operation: int  # 10, 20, 30, ... along the route
    name: str
    product: str
    equipment_class: str
    quantity: int
    due_ns: int
    priority: int
    last_operation: bool
    definition: str = ""  # version of the product's definition, as its order has it; "": the plant folder's


class JobOrderUpdated(EventData, frozen=True, kw_only=True):
    """A job order that has not started has a place, or other dates."""

    event_type: ClassVar[str] = "job.order.updated"
    job: str
    work_unit: str
    due_ns: int
    priority: int


class JobOrderAllowed(EventData, frozen=True, kw_only=True):
    """A job order may start. This starts no machine."""

    event_type: ClassVar[str] = "job.order.allowed"
    job: str
    work_unit: str


class JobOrderRevoked(EventData, frozen=True, kw_only=True):
    """A job order may not start any more."""

    event_type: ClassVar[str] = "job.order.revoked"
    job: str
    work_unit: str


class JobOrderStarted(EventData, frozen=True, kw_only=True):
    """Execution of a job order began."""

    event_type: ClassVar[str] = "job.order.started"
    job: str
    work_unit: str


class JobOrderPaused(EventData, frozen=True, kw_only=True):
    """Execution was interrupted: Held by a cause of its own, Suspended by one from outside."""

    event_type: ClassVar[str] = "job.order.paused"
    job: str
    work_unit: str
    sub_state: str


class JobOrderResumed(EventData, frozen=True, kw_only=True):
    """Execution goes on."""

    event_type: ClassVar[str] = "job.order.resumed"
    job: str
    work_unit: str


class JobOrderEnded(EventData, frozen=True, kw_only=True):
    """Execution ended: Completed with all its parts, Closed before that by a person."""

    event_type: ClassVar[str] = "job.order.ended"
    job: str
    work_unit: str
    sub_state: str
    good: int
    scrap: int


class JobOrderAborted(EventData, frozen=True, kw_only=True):
    """A job order was given up."""

    event_type: ClassVar[str] = "job.order.aborted"
    job: str
    work_unit: str


class JobOrderCancelled(EventData, frozen=True, kw_only=True):
    """A job order that had not started was taken out of the list."""

    event_type: ClassVar[str] = "job.order.cancelled"
    job: str


class JobOrderCleared(EventData, frozen=True, kw_only=True):
    """A job order that had ended was taken out of the list."""

    event_type: ClassVar[str] = "job.order.cleared"
    job: str


class JobOrderSplit(EventData, frozen=True, kw_only=True):
    """A part of a job order's quantity is a job order of its own from here on."""

    event_type: ClassVar[str] = "job.order.split"
    job: str
    into: str
    quantity: int


class JobOrderMerged(EventData, frozen=True, kw_only=True):
    """A job order that had not started is part of another one from here on."""

    event_type: ClassVar[str] = "job.order.merged"
    job: str
    into: str
    quantity: int


class MachineReceiverChanged(EventData, frozen=True, kw_only=True):
    """A machine that takes job orders is reached again, or no longer."""

    event_type: ClassVar[str] = "machine.receiver.changed"
    work_unit: str
    reachable: bool
    cause: str  # why it is not reached


class MachineJobReported(EventData, frozen=True, kw_only=True):
    """What a machine says of a job order; no state: it does not have it (any more)."""

    event_type: ClassVar[str] = "machine.job.reported"
    job: str
    work_unit: str
    state: str
    sub_state: str
