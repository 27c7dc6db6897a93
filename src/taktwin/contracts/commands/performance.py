"""Reasons of stops, and notes from shift to shift."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class RecodeStop(CommandData, frozen=True, kw_only=True):
    """Give a stop a reason of the plant folder, or another one. `version` is the one that was seen."""

    command_name: ClassVar[str] = "stop.recode"
    stop: str
    reason: str  # "" = take it away
    version: int
    cause: str = ""  # why, where it had another one


class SplitStop(CommandData, frozen=True, kw_only=True):
    """Cut a stop at an instant: it had two reasons, one after the other."""

    command_name: ClassVar[str] = "stop.split"
    stop: str
    at_ns: int
    version: int
    cause: str = ""


class MergeStops(CommandData, frozen=True, kw_only=True):
    """Take a stop and its neighbour for one."""

    command_name: ClassVar[str] = "stop.merge"
    stop: str
    other: str
    version: int
    other_version: int
    cause: str = ""


class WriteNote(CommandData, frozen=True, kw_only=True):
    """Leave a note for the next shift at a work unit."""

    command_name: ClassVar[str] = "shift.note.write"
    work_unit: str
    person: str
    text: str


class ReadNote(CommandData, frozen=True, kw_only=True):
    """Say that one has read a note of the shift before."""

    command_name: ClassVar[str] = "shift.note.read"
    note: str
    person: str
