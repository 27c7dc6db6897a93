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
