"""Rows of tracking. Only tracking's own actions write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row

# Words of ISA-95's Disposition.
FREE, RESTRICTED, IN_PROCESS, CLOSED = "UnRestricted", "Restricted", "In-Process", "Closed"


class Lot(Row, frozen=True, kw_only=True):
    """A material lot: what came in, and what is left of it."""

    table: ClassVar[str] = "lots"
    lot: str
    product: str
    quantity: float  # that ever came into it
    remaining: float
    disposition: str  # UnRestricted | Restricted
    reason: str
    received_ns: int
    version: int


class LotTransfer(Row, frozen=True, kw_only=True):
    """Material that went from one lot into another: split off, or merged into it."""

    table: ClassVar[str] = "lot_transfers"
    transfer: str  # id of the command
    source: str
    target: str
    quantity: float
    at_ns: int


class LoadedLot(Row, frozen=True, kw_only=True):
    """The lot of a product that stands at a work unit, and the one that stood there before."""

    table: ClassVar[str] = "loaded_lots"
    place: str  # <work unit>:<product>
    work_unit: str
    product: str
    lot: str
    loaded_ns: int
    before: str = ""  # a count that comes late is of that one


class Unit(Row, frozen=True, kw_only=True):
    """A serialised unit (ISA-95 MaterialSubLot)."""

    table: ClassVar[str] = "units"
    unit: str
    product: str
    request: str
    disposition: str  # In-Process | UnRestricted | Restricted | Closed (scrap)
    reason: str
    operation: int  # the last one that it passed
    created_ns: int
    finished_ns: int  # 0: not yet
    version: int
    definition: str = ""  # version of the product's definition that it is made by; "": the plant folder's


class Passage(Row, frozen=True, kw_only=True):
    """A unit at an operation: where, when, good or not."""

    table: ClassVar[str] = "passages"
    passage: str  # <unit>:<operation>:<nanoseconds>
    unit: str
    job: str
    operation: int
    work_unit: str
    good: bool
    at_ns: int


class Consumption(Row, frozen=True, kw_only=True):
    """Material that went into a unit."""

    table: ClassVar[str] = "consumptions"
    consumption: str  # <unit>:<operation>:<component>:<lot>
    unit: str
    component: str
    lot: str  # "": which one is not known
    quantity: float
    job: str
    work_unit: str
    at_ns: int
