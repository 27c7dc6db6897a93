"""Rows of what one shift leaves to the next. Only the actions of this room write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class ShiftNote(Row, frozen=True, kw_only=True):
    """What somebody left for the next shift."""

    table: ClassVar[str] = "shift_notes"
    note: str  # id of the command
    work_unit: str
    person: str
    text: str
    at_ns: int
    read_by: str  # "" = nobody yet
    read_ns: int


class MachineSpan(Row, frozen=True, kw_only=True):
    """One stretch of a work unit in one time class, as its machine told it. No fact of ours."""

    table: ClassVar[str] = "machine_spans"
    span: str  # <work unit>:<from>
    work_unit: str
    from_ns: int
    to_ns: int
    time_class: str  # standards.iso22400.TimeClass
    in_force: str  # JSON: role -> value
    said: str  # JSON: [at, role, value] of what was said since the span before


class MachineEdge(Row, frozen=True, kw_only=True):
    """Until when a machine was heard, and the run that reaches there. No fact of ours."""

    table: ClassVar[str] = "machine_edges"
    work_unit: str
    end_ns: int
    span: str  # the last one, "" = none yet
    run_from_ns: int
    run_class: str
    run_code: str
    pending: str  # JSON: what was said at the edge and beyond


class Stop(Row, frozen=True, kw_only=True):
    """A stop of a work unit: its times are the machine's, its reason is a person's."""

    table: ClassVar[str] = "stops"
    stop: str
    work_unit: str
    from_ns: int
    to_ns: int  # 0: it still stands
    time_class: str  # delay_own | blocked | starved
    code: str  # the machine's own
    reason: str  # "" = nobody said one
    person: str  # who changed it last
    coded_ns: int
    cause: str
    part_of: str  # the stop that it was merged into; itself, where it was not
    cut: bool  # a person split it
    withdrawn: bool  # late data say that the machine did not stand
    version: int  # of what people made of it
    changes: int


class StopChange(Row, frozen=True, kw_only=True):
    """One step in the history of a stop."""

    table: ClassVar[str] = "stop_changes"
    change: str  # <stop>:<number>
    stop: str
    number: int
    at_ns: int
    what: str  # begun | ended | corrected | withdrawn | recoded | split | merged | inherited
    before: str
    after: str
    person: str  # "" = the machine's data
    cause: str
