"""Scrap, and late bookings that were looked at."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData
from taktwin.contracts.commands.proving import Proving


class ReportScrap(CommandData, frozen=True, kw_only=True):
    """Report scrap that no machine counted; the command's id is the report's."""

    command_name: ClassVar[str] = "scrap.report"
    job: str
    cause: str
    quantity: int = 1
    unit: str = ""


class UndoScrap(CommandData, frozen=True, kw_only=True):
    """Take a report of scrap back."""

    command_name: ClassVar[str] = "scrap.undo"
    report: str


class RestoreScrap(Proving, frozen=True, kw_only=True):
    """Take a report of scrap back at any time, signed; its unit is held until quality lets it go."""

    command_name: ClassVar[str] = "scrap.restore"
    report: str
    cause: str


class RetryBooking(CommandData, frozen=True, kw_only=True):
    """Try a late booking again that could not be booked, after what was in its way has been mended."""

    command_name: ClassVar[str] = "booking.retry"
    booking: str


class SettleBooking(CommandData, frozen=True, kw_only=True):
    """Say what was done about a late booking that was to be looked at."""

    command_name: ClassVar[str] = "booking.settle"
    booking: str
    cause: str
