"""Rows of interlocks. Only the actions of this room write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Question(Row, frozen=True, kw_only=True):
    """The last question of a cell, and what it was answered."""

    table: ClassVar[str] = "interlock_questions"
    work_unit: str
    number: int
    unit: str
    asked_ns: int
    code: int  # contracts.interlock.Answer
    cause: str
    job: str
    command: str  # "": it was told nothing
    answered_ns: int
