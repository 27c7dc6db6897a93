"""Lots, and what may not be built in."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class ReceiveLot(CommandData, frozen=True, kw_only=True):
    """Take a material lot into stock."""

    command_name: ClassVar[str] = "lot.receive"
    lot: str
    product: str
    quantity: float
    location: str = ""  # a storage zone or unit; "" = nobody says where it lies


class LoadLot(CommandData, frozen=True, kw_only=True):
    """Put a lot at a work unit: the operator scanned it there.

    What of it lies in a store comes along: all of the one place, or that of the work unit's own line.
    """

    command_name: ClassVar[str] = "lot.load"
    lot: str
    work_unit: str
    source: str | None = None  # where it was taken from; None = the lot says it by itself
    quantity: float = 0.0  # that was brought; 0: all that lay there


class SplitLot(CommandData, frozen=True, kw_only=True):
    """Take a part of a lot away under a number of its own."""

    command_name: ClassVar[str] = "lot.split"
    lot: str
    into: str
    quantity: float
    location: str | None = None  # where it was taken; None = the lot says it by itself


class MergeLots(CommandData, frozen=True, kw_only=True):
    """Put what is left of a lot into another one of the same product."""

    command_name: ClassVar[str] = "lot.merge"
    lot: str
    into: str


class Hold(CommandData, frozen=True, kw_only=True):
    """Restrict a lot or a unit: nobody may build it in."""

    command_name: ClassVar[str] = "hold.set"
    kind: str  # lot | unit
    id: str
    cause: str


class Release(CommandData, frozen=True, kw_only=True):
    """Lift the restriction of a lot or a unit."""

    command_name: ClassVar[str] = "hold.release"
    kind: str  # lot | unit
    id: str
    cause: str
