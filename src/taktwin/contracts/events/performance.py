"""Stops of machines with their reasons, and notes from shift to shift."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class StopBegun(EventData, frozen=True, kw_only=True):
    """A machine stands for longer than its threshold, by its own states. Its time is when it began."""

    event_type: ClassVar[str] = "equipment.stop.begun"
    stop: str
    work_unit: str
    from_ns: int
    to_ns: int  # 0: it still stands
    time_class: str  # delay_own | blocked | starved
    code: str = ""  # the machine's own
    like: str = ""  # the stop that late data took this one from: its reason goes on


class StopEnded(EventData, frozen=True, kw_only=True):
    """A machine stands no longer, or nobody knows whether it does."""

    event_type: ClassVar[str] = "equipment.stop.ended"
    stop: str
    work_unit: str
    to_ns: int


class StopCorrected(EventData, frozen=True, kw_only=True):
    """Late data of the machine say otherwise; what people said of the stop is kept."""

    event_type: ClassVar[str] = "equipment.stop.corrected"
    stop: str
    work_unit: str
    from_ns: int
    to_ns: int
    time_class: str
    code: str = ""
    withdrawn: bool = False  # the machine did not stand


class StopRecoded(EventData, frozen=True, kw_only=True):
    """A person gave a stop its reason, or another one."""

    event_type: ClassVar[str] = "equipment.stop.recoded"
    stop: str
    work_unit: str
    before: str  # "" = it had none
    reason: str
    person: str
    cause: str = ""  # why it is another one


class StopSplit(EventData, frozen=True, kw_only=True):
    """A person cut a stop at an instant; what comes after it is a stop of its own."""

    event_type: ClassVar[str] = "equipment.stop.split"
    stop: str
    work_unit: str
    at_ns: int
    into: str
    person: str
    cause: str = ""


class StopsMerged(EventData, frozen=True, kw_only=True):
    """A person took two neighbours for one; each keeps its own times."""

    event_type: ClassVar[str] = "equipment.stops.merged"
    stop: str  # the one whose name goes on
    other: str
    work_unit: str
    reason: str
    person: str
    cause: str = ""


class ShiftNoteWritten(EventData, frozen=True, kw_only=True):
    """Somebody left a note for the next shift."""

    event_type: ClassVar[str] = "shift.note.written"
    note: str
    work_unit: str
    person: str
    text: str


class ShiftNoteRead(EventData, frozen=True, kw_only=True):
    """Somebody of the next shift has read a note."""

    event_type: ClassVar[str] = "shift.note.read"
    note: str
    work_unit: str
    person: str
