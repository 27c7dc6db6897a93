"""Results, decisions on nonconformances, suspicions, rework."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData
from taktwin.contracts.commands.proving import Proving


class RecordResult(CommandData, frozen=True, kw_only=True):
    """Book what a person measured: a number with its unit, or yes or no; the command's id is the result's."""

    command_name: ClassVar[str] = "result.record"
    job: str
    characteristic: str
    value: float | None = None
    passed: bool | None = None  # of a characteristic that is a yes or no
    unit_of_measure: str = ""  # UCUM: what the person believes to have measured in
    unit: str = ""  # serial number, where the part has one
    gauge: str = ""  # what it was measured with


class Dispose(Proving, frozen=True, kw_only=True):
    """Decide on a nonconformance, and sign it. `version` is the one that the person saw."""

    command_name: ClassVar[str] = "nonconformance.dispose"
    nonconformance: str
    disposition: str  # use-as-is | rework | scrap | return
    cause: str
    version: int
    quantity: int = 0  # of scrap, where the parts have no serial number
    route: str = ""  # of rework: a rework route of the plant model


class HoldSuspects(CommandData, frozen=True, kw_only=True):
    """Hold at once all units that share a lot, a tool, a work unit's time, or a nonconformance."""

    command_name: ClassVar[str] = "hold.suspects"
    kind: str  # lot | tool | work_unit | nonconformance
    id: str
    cause: str
    from_ns: int = 0  # 0: from the beginning
    to_ns: int = 0  # 0: until now


class ReleaseSuspects(CommandData, frozen=True, kw_only=True):
    """Let all units go that a suspicion still holds."""

    command_name: ClassVar[str] = "hold.release_suspects"
    suspicion: str
    cause: str


class ReportRework(CommandData, frozen=True, kw_only=True):
    """Say that a step of a rework route was done."""

    command_name: ClassVar[str] = "rework.report"
    rework: str
    step: int  # 1, 2, 3
    work_unit: str
    good: bool = True  # false: it cannot be put right, and quality decides anew
