"""Where material lies."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class LotMoved(EventData, frozen=True, kw_only=True):
    """So much of a lot lies in another place from here on: a storage zone or unit, or a work unit."""

    event_type: ClassVar[str] = "lot.moved"
    lot: str
    product: str
    source: str  # "" = where nobody knew it
    target: str
    quantity: float


class StockCounted(EventData, frozen=True, kw_only=True):
    """What of a lot was counted in a place; a difference puts the stock right."""

    event_type: ClassVar[str] = "stock.counted"
    lot: str
    product: str
    location: str
    before: float
    after: float
    cause: str
    count: str  # id of the command
    person: str = ""
