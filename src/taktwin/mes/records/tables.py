"""Rows of signatures. Only the actions of this room write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Signature(Row, frozen=True, kw_only=True):
    """An electronic signature: printed name, time, meaning (21 CFR 11.50)."""

    table: ClassVar[str] = "signatures"
    signature: str  # id of the command
    kind: str  # of the record
    record: str
    meaning: str
    person: str
    printed_name: str
    at_ns: int
    digest: str = ""  # SHA-256 of the record that was looked at; "" = of none
