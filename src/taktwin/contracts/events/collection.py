"""What was made, counted by machines or reported by people, at once or late."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class MaterialCounted(EventData, frozen=True, kw_only=True):
    """A machine's own counter went on. Without a job the parts are counted, and nobody's."""

    event_type: ClassVar[str] = "material.counted"
    work_unit: str
    signal: str
    kind: str  # good | reject
    quantity: int
    counter: int  # what the machine's counter said
    job: str = ""
    unit: str = ""  # serial number, where the machine said one


class CounterRestarted(EventData, frozen=True, kw_only=True):
    """A machine's counter was heard for the first time, or fell: nothing is booked for it."""

    event_type: ClassVar[str] = "material.counter.restarted"
    work_unit: str
    signal: str
    counter: int


class MaterialScrapped(EventData, frozen=True, kw_only=True):
    """A person reported scrap that no machine had counted."""

    event_type: ClassVar[str] = "material.scrapped"
    report: str
    job: str
    quantity: int
    cause: str
    unit: str = ""


class MaterialScrapUndone(EventData, frozen=True, kw_only=True):
    """A report of scrap was taken back; both stay on record."""

    event_type: ClassVar[str] = "material.scrap.undone"
    report: str
    job: str


class BookingSetAside(EventData, frozen=True, kw_only=True):
    """A late booking of a terminal is to be looked at: it was not booked, or something came of it."""

    event_type: ClassVar[str] = "booking.set_aside"
    booking: str
    terminal: str
    terminal_sequence: int
    command: str
    content: str  # its data, without a photo
    work_unit: str
    person: str
    said_ns: int  # when it was touched, by the terminal
    booked: bool
    code: str
    place: str
    found: str
    right: str


class BookingSettled(EventData, frozen=True, kw_only=True):
    """Somebody has looked at a late booking and said what was done about it."""

    event_type: ClassVar[str] = "booking.settled"
    booking: str
    person: str
    cause: str
