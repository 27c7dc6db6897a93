"""Rows of the stores. Only the stores' own functions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row

UNPLACED = ""  # nobody said where it lies


class Stock(Row, frozen=True, kw_only=True):
    """How much of a lot lies in a place. All places of a lot together are what is left of it."""

    table: ClassVar[str] = "stock"
    stock: str  # <location>:<lot>
    lot: str
    product: str
    location: str  # a storage zone or unit, a work unit, or UNPLACED
    quantity: float
    since_ns: int  # when some of it came there last
    version: int


class StockCount(Row, frozen=True, kw_only=True):
    """What was counted in a place, and what it changed."""

    table: ClassVar[str] = "stock_counts"
    count: str  # id of the command
    lot: str
    product: str
    location: str
    before: float
    after: float
    cause: str
    person: str
    at_ns: int


def key(location: str, lot: str) -> str:
    """Return the key of a lot in a place; no name of a place holds a colon."""
    return f"{location}:{lot}"
