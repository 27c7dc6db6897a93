"""Lots and serialised units: where they are, what went into them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class LotReceived(EventData, frozen=True, kw_only=True):
    """A material lot is in the plant."""

    event_type: ClassVar[str] = "lot.received"
    lot: str
    product: str
    quantity: float
    location: str = ""  # a storage zone or unit; "" = nobody said where it lies


class LotLoaded(EventData, frozen=True, kw_only=True):
    """A lot stands at a work unit: what is built there takes from it."""

    event_type: ClassVar[str] = "lot.loaded"
    lot: str
    product: str
    work_unit: str


class LotDispositionChanged(EventData, frozen=True, kw_only=True):
    """A lot may be used (UnRestricted) or not (Restricted)."""

    event_type: ClassVar[str] = "lot.disposition.changed"
    lot: str
    disposition: str
    cause: str


class LotSplit(EventData, frozen=True, kw_only=True):
    """A part of a lot has a number of its own from here on."""

    event_type: ClassVar[str] = "lot.split"
    lot: str
    into: str
    quantity: float
    transfer: str
    location: str | None = None  # where it was taken and lies; None = from wherever the lot lay


class LotMerged(EventData, frozen=True, kw_only=True):
    """What was left of a lot is part of another one from here on."""

    event_type: ClassVar[str] = "lot.merged"
    lot: str
    into: str
    quantity: float
    transfer: str


class UnitCreated(EventData, frozen=True, kw_only=True):
    """A serialised unit exists from here on."""

    event_type: ClassVar[str] = "unit.created"
    unit: str
    product: str
    request: str
    job: str
    work_unit: str
    definition: str = ""  # version of the product's definition that it is made by; "": the plant folder's


class UnitMoved(EventData, frozen=True, kw_only=True):
    """A serialised unit passed an operation."""

    event_type: ClassVar[str] = "unit.moved"
    unit: str
    job: str
    operation: int
    work_unit: str
    good: bool


class UnitConsumed(EventData, frozen=True, kw_only=True):
    """Material went into a unit. Without a lot it is known what, but not which."""

    event_type: ClassVar[str] = "unit.consumed"
    unit: str
    component: str
    lot: str
    quantity: float
    job: str
    operation: int
    work_unit: str


class UnitFinished(EventData, frozen=True, kw_only=True):
    """A unit passed its last operation."""

    event_type: ClassVar[str] = "unit.finished"
    unit: str
    work_unit: str


class UnitScrapped(EventData, frozen=True, kw_only=True):
    """A unit is scrap."""

    event_type: ClassVar[str] = "unit.scrapped"
    unit: str
    cause: str


class UnitHeld(EventData, frozen=True, kw_only=True):
    """A unit may not go on until somebody has decided."""

    event_type: ClassVar[str] = "unit.held"
    unit: str
    cause: str


class UnitReleased(EventData, frozen=True, kw_only=True):
    """A unit that was held may go on."""

    event_type: ClassVar[str] = "unit.released"
    unit: str
    cause: str
