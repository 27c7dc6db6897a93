"""Scrap, and what a terminal kept while the server was away."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from taktwin.portal.models.base import Model, Request


class ScrapModel(Model):
    """A report of scrap that can still be taken back."""

    report: str
    job: str
    quantity: int
    reason: str
    unit: str
    at_ms: int
    undone: bool


class ReasonModel(Model):
    """A defect code; without a name the page has its own word for it."""

    code: str
    name: str


class SetAsideModel(Model):
    """A late booking that somebody has to look at, or has looked at."""

    booking: str
    terminal: str
    terminal_sequence: int
    command: str
    content: str
    work_unit: str
    person: str
    said_ms: int
    booked: bool
    code: str
    place: str
    found: str
    right: str
    at_ms: int
    settled_by: str
    settled_ms: int
    settled: str


class LateModel(Model):
    """Late bookings to be looked at, the oldest first, and those that were looked at last."""

    waiting: list[SetAsideModel]
    settled: list[SetAsideModel]
    at_ms: int


class LateBookingModel(Request):
    """A command that a terminal kept while nobody answered it."""

    id: str = Field(pattern=r"^[!-~]{8,100}$")
    sequence: int = Field(ge=1, le=2**53)
    name: str = Field(pattern=r"^[^\x00]{1,60}$")
    at_ms: int = Field(ge=0, le=2**53)
    data: dict[str, Any]
    on_behalf_of: str = Field(default="", pattern=r"^[^\x00]{0,80}$")
    account: str = Field(default="", pattern=r"^[^\x00]{0,80}$")


class BroughtModel(Request):
    """Some of what a terminal kept, in any order. `first`: the lowest sequence that it still keeps."""

    first: int = Field(ge=1, le=2**53)
    bookings: list[LateBookingModel] = Field(max_length=200)


class BookedModel(Model):
    """What became of a late booking: booked, look (somebody has to), or waiting for one before it."""

    id: str
    state: str
    events: list[str]
    reason: str


class SyncModel(Model):
    """What became of what a terminal brought."""

    bookings: list[BookedModel]
