"""Rows of collection. Only collection's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Counter(Row, frozen=True, kw_only=True):
    """A machine's counter as it was last booked."""

    table: ClassVar[str] = "counters"
    signal: str
    work_unit: str
    value: int
    source_ns: int
    booked: int  # parts that a job order got
    loose: int  # parts that were made while no job order ran


class ReadingRow(Row, frozen=True, kw_only=True):
    """A text that a machine said last: the serial number, the product in work; and the one before."""

    table: ClassVar[str] = "readings"
    signal: str
    value: str
    source_ns: int
    before: str = ""
    before_ns: int = 0  # 0: there was none
    counted: str = ""  # the serial number that a count used last


class Position(Row, frozen=True, kw_only=True):
    """How far a stream was read, stored with what came of it."""

    table: ClassVar[str] = "positions"
    stream: str
    sequence: int


class Terminal(Row, frozen=True, kw_only=True):
    """How far what a terminal kept was taken: no fact, and so not rebuilt from the journal."""

    table: ClassVar[str] = "terminals"
    terminal: str
    next_sequence: int
    last_ns: int  # when the last one that was taken was touched


class KeptBooking(Row, frozen=True, kw_only=True):
    """A late booking that waits for one that was touched before it: no fact yet."""

    table: ClassVar[str] = "kept_bookings"
    booking: str  # id of the command
    terminal: str
    sequence: int
    content: str  # JSON of commands.LateBooking
    actor: str
    actor_type: str


class SetAside(Row, frozen=True, kw_only=True):
    """A late booking that somebody has to look at, or has looked at."""

    table: ClassVar[str] = "bookings_set_aside"
    booking: str  # id of the command
    terminal: str
    terminal_sequence: int
    command: str
    content: str  # JSON of its data, without a photo
    work_unit: str
    person: str
    said_ns: int
    booked: bool
    code: str
    place: str
    found: str
    right: str
    at_ns: int  # when it came
    settled_by: str  # "": not yet
    settled_ns: int
    settled: str  # what was done about it
