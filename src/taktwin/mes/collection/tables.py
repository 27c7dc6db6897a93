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
