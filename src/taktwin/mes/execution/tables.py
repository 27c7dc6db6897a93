"""Rows of execution. Only execution's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class JobOrder(Row, frozen=True, kw_only=True):
    """One operation of an order (ISA-95 JobOrder) with its state."""

    table: ClassVar[str] = "job_orders"
    job: str  # <request>-<operation>
    request: str
    operation: int
    name: str
    product: str
    equipment_class: str
    work_unit: str  # "": not yet dispatched
    quantity: int
    due_ns: int
    priority: int
    last_operation: bool
    state: str  # job_control.State
    sub_state: str  # job_control.SubState
    good: int
    scrap: int
    started_ns: int  # 0: not yet
    ended_ns: int
    reason: str
    version: int
    definition: str = ""  # version of the product's definition; "": the plant folder's


class Output(Row, frozen=True, kw_only=True):
    """What a work unit made within one minute, for one job order or for none."""

    table: ClassVar[str] = "outputs"
    output: str  # <work unit>:<minute>:<job order>
    work_unit: str
    minute_ns: int  # when the minute began
    job: str  # "" = no job order ran
    product: str
    operation: int
    good: int
    scrap: int  # rejected by the machine, or reported by a person
    definition: str = ""  # of the job order


class Run(Row, frozen=True, kw_only=True):
    """A span in which a job order was Running: from its begin, or from going on, to the next stop."""

    table: ClassVar[str] = "runs"
    run: str  # <job>:<nanoseconds>
    job: str
    work_unit: str
    from_ns: int
    to_ns: int  # 0: it runs


class ScrapReport(Row, frozen=True, kw_only=True):
    """Scrap as a person reported it."""

    table: ClassVar[str] = "scrap_reports"
    report: str  # id of the command
    job: str
    quantity: int
    reason: str
    unit: str
    at_ns: int
    undone: bool


class MachineReceiver(Row, frozen=True, kw_only=True):
    """Whether a machine that takes job orders can be reached, as the commander last said."""

    table: ClassVar[str] = "machine_receivers"
    work_unit: str
    reachable: bool
    cause: str
    since_ns: int


class MachineJob(Row, frozen=True, kw_only=True):
    """A job order as its machine has it."""

    table: ClassVar[str] = "machine_jobs"
    job: str
    work_unit: str
    state: str  # job_control.State; "": the machine does not have it (any more)
    sub_state: str
    said_ns: int
