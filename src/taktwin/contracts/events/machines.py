"""Commands to machines, what came of them, and the questions of cells."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.events.envelope import EventData


class CommandGiven(EventData, frozen=True, kw_only=True):
    """The MES gave the commander a command for a machine, which may not have heard of it yet."""

    event_type: ClassVar[str] = "command.given"
    command: str
    name: str
    work_unit: str
    by: str  # who wants it
    why: str
    deadline_ns: int
    content: str  # JSON of the command's own struct
    request: str = ""
    job: str = ""


class ValueReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was wanted of a signal and what the machine said afterwards."""

    signal: str
    wanted: bool | int | float | str
    found: bool | int | float | str | None = None  # None: it was not read back
    same: bool = False
    status: str = ""


class CommandExecuted(EventData, frozen=True, kw_only=True):
    """A machine did what it was told, and said so when it was asked afterwards."""

    event_type: ClassVar[str] = "command.executed"
    command: str
    name: str
    work_unit: str
    job: str = ""
    values: list[ValueReadBack] = []


class CommandFailed(EventData, frozen=True, kw_only=True):
    """A machine was not told, said no, said something else afterwards, or did not answer."""

    event_type: ClassVar[str] = "command.failed"
    command: str
    name: str
    work_unit: str
    outcome: str  # contracts.machine_commands.Outcome
    place: str
    found: str
    right: str
    job: str = ""
    values: list[ValueReadBack] = []


class InterlockRequested(EventData, frozen=True, kw_only=True):
    """A cell asked whether a part may be built in."""

    event_type: ClassVar[str] = "equipment.interlock.requested"
    work_unit: str
    unit: str  # serial number as the cell said it
    number: int  # of the request


class InterlockAnswered(EventData, frozen=True, kw_only=True):
    """The MES decided on a question of a cell. Whether the answer reached it, its command says."""

    event_type: ClassVar[str] = "equipment.interlock.answered"
    work_unit: str
    unit: str
    number: int
    code: int  # contracts.interlock.Answer
    may: bool
    cause: str
    job: str = ""
    command: str = ""  # "": the cell had given up by then, and was told nothing


class ParameterWritten(EventData, frozen=True, kw_only=True):
    """A parameter of an operation was loaded into a machine, or not: wanted and found say which."""

    event_type: ClassVar[str] = "equipment.parameter.written"
    work_unit: str
    signal: str
    parameter: str
    job: str
    product: str
    wanted: float
    found: float | None
    same: bool
    unit_of_measure: str
    by: str
