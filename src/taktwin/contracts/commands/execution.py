"""Job orders: dispatched, controlled, begun, split."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.commands.envelope import CommandData


class DispatchJob(CommandData, frozen=True, kw_only=True):
    """Give a job order its work unit and permit it to start (Update, then Start)."""

    command_name: ClassVar[str] = "job.dispatch"
    job: str
    work_unit: str
    version: int


class ControlJob(CommandData, frozen=True, kw_only=True):
    """Call a method of job control on a job order."""

    command_name: ClassVar[str] = "job.control"
    job: str
    method: str  # standards.job_control.Method
    work_unit: str = ""  # of Update: where; "" = unchanged
    version: int = 0  # 0: whatever it is now


class BeginJob(CommandData, frozen=True, kw_only=True):
    """Begin execution at the work unit: the operator's one touch, or a machine's own word."""

    command_name: ClassVar[str] = "job.begin"
    job: str


class SplitJob(CommandData, frozen=True, kw_only=True):
    """Give a part of a job order's quantity to a new one, which may run elsewhere."""

    command_name: ClassVar[str] = "job.split"
    job: str
    quantity: int  # of the new one
    version: int


class MergeJobs(CommandData, frozen=True, kw_only=True):
    """Put a job order that has not started into another one of the same operation."""

    command_name: ClassVar[str] = "job.merge"
    job: str  # is gone afterwards
    into: str
    version: int


class SaidJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job order as a machine has it."""

    job: str
    state: str
    sub_state: str = ""


class ReportMachineJobs(CommandData, frozen=True, kw_only=True):
    """Tell what a machine says of its job orders: the commander's word, of its subscription."""

    command_name: ClassVar[str] = "machine.jobs.report"
    work_unit: str
    reachable: bool
    cause: str = ""  # why it is not reached
    jobs: list[SaidJob] = []
