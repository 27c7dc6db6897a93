"""Where material lies."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class MoveLot(CommandData, frozen=True, kw_only=True):
    """Bring a lot, or a part of it, from one place to another: storage zones and units, work units."""

    command_name: ClassVar[str] = "lot.move"
    lot: str
    target: str
    source: str | None = None  # None = the only place where it lies; "" = where nobody knows it
    quantity: float = 0.0  # 0: all that lies there


class CountStock(CommandData, frozen=True, kw_only=True):
    """Say how much of a lot was counted in a place, and why it was. `version` is the one that was seen."""

    command_name: ClassVar[str] = "stock.count"
    lot: str
    location: str  # "" = where nobody knows it
    quantity: float
    cause: str
    version: int = 0  # of what was said to lie there; 0 = nothing was
