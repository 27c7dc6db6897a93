"""What a terminal kept while the server was away, and what became of it."""

from __future__ import annotations

import msgspec


class LateBooking(msgspec.Struct, frozen=True, kw_only=True):
    """A command that a terminal kept while the server was away."""

    id: str  # the command's, made at the terminal
    sequence: int  # in which it was touched there, from 1; a terminal that lost its memory has a new name
    name: str
    at_ns: int  # by the terminal's clock, corrected by how far it was from the server's when last seen
    on_behalf_of: str = ""
    account: str = ""  # who was signed in when it was touched; "" = whoever brings it
    reason: str = ""
    denied: str = ""  # what whoever brings it has no right to; "" = they may
    reach: list[str] | None = None  # as that of a command
    data: msgspec.Raw


class BookLate(msgspec.Struct, frozen=True, kw_only=True):
    """The data of `terminal.sync`: some of what a terminal kept, in any order, as often as it likes."""

    terminal: str
    first: int  # the lowest sequence that the terminal still keeps: nothing below it will come
    bookings: list[LateBooking]


SYNC = "terminal.sync"


class BookedLate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a late booking."""

    id: str
    state: str  # booked | look (kept for somebody to look at) | waiting (for one that was touched before)
    events: list[str] = []
    reason: str = ""


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of what a terminal brought; place, found and right only where nothing of it was taken."""

    bookings: list[BookedLate] = []
    code: str = ""
    place: str = ""
    found: str = ""
    right: str = ""
