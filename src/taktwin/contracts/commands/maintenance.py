"""Maintenance orders and spare parts."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class RequestMaintenance(CommandData, frozen=True, kw_only=True):
    """Ask for a repair, or for another tool at the next set-up."""

    command_name: ClassVar[str] = "maintenance.request"
    work_unit: str
    about: str = ""  # what is wrong; may be left out where a tool is to be changed
    kind: str = "corrective"  # corrective | tool_change
    tool_kind: str = ""  # of tool_change
    tool: str = ""  # of tool_change: the one that is to come out; refused where another one is mounted
    priority: int = 0  # higher comes first
    due_ns: int = 0  # 0: as soon as somebody can


class AssignMaintenance(CommandData, frozen=True, kw_only=True):
    """Give a maintenance order to somebody. `version` 0: whatever it is now."""

    command_name: ClassVar[str] = "maintenance.assign"
    order: str
    person: str
    version: int = 0


class StartMaintenance(CommandData, frozen=True, kw_only=True):
    """Begin work on a maintenance order; whoever begins it has it."""

    command_name: ClassVar[str] = "maintenance.start"
    order: str
    stops: bool | None = None  # whether job orders wait meanwhile; None: as the order says


class CompleteMaintenance(CommandData, frozen=True, kw_only=True):
    """Say what was found and done, and which spare parts it took."""

    command_name: ClassVar[str] = "maintenance.complete"
    order: str
    done: str
    found: str = ""
    spare_parts: dict[str, int] = {}


class AbortMaintenance(CommandData, frozen=True, kw_only=True):
    """Give a maintenance order up, with the reason. A plan then counts its interval anew."""

    command_name: ClassVar[str] = "maintenance.abort"
    order: str
    cause: str
    version: int = 0


class ReceiveSpare(CommandData, frozen=True, kw_only=True):
    """Put spare parts into the store."""

    command_name: ClassVar[str] = "spare.receive"
    spare: str
    quantity: int


class CountSpare(CommandData, frozen=True, kw_only=True):
    """Say how many of a spare part were counted in the store."""

    command_name: ClassVar[str] = "spare.count"
    spare: str
    quantity: int
