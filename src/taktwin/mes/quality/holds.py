"""All that nobody may use now, each lot and unit with its reason. Writes nothing."""

from __future__ import annotations

from typing import Any

from taktwin.contracts import events
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import name_of
from taktwin.mes.quality.actions import undecided
from taktwin.mes.tracking.tables import RESTRICTED, Lot, Passage, Unit
from taktwin.storage.book import Reading
from taktwin.storage.journal import Entry, Trail

SHOWN_MAX = 200  # of each kind, by number; how many there are is said beside
HOLDING = (events.UnitHeld.event_type, events.LotDispositionChanged.event_type)


def on_hold(
    book: Reading, trail: Trail, definitions: Definitions, wish: dict[str, Any], now_ns: int
) -> dict[str, Any]:
    """Return lots and units on hold, the last held first, and how many there are in all.

    Each with its reason, since when, by whom, and the nonconformance that must be decided before it may go.
    """
    held_lots, held_units = book.where(Lot, disposition=RESTRICTED), book.where(Unit, disposition=RESTRICTED)
    lots, units = held_lots[:SHOWN_MAX], held_units[:SHOWN_MAX]
    last = {
        entry.subject: entry
        for entry in trail.about([*(row.lot for row in lots), *(row.unit for row in units)], HOLDING)
    }  # in order: the newest of each stays
    found = [_lot(book, definitions, row, last.get(row.lot)) for row in lots]
    found += [_unit(book, definitions, row, last.get(row.unit)) for row in units]
    found.sort(key=lambda each: (-each["since_ns"], each["kind"], each["id"]))
    return {"holds": found, "lots": len(held_lots), "units": len(held_units)}


def _lot(book: Reading, definitions: Definitions, row: Lot, held: Entry | None) -> dict[str, Any]:
    return {
        "kind": "lot", "id": row.lot, "remaining": row.remaining, "request": "", "work_unit": "",
        "nonconformance": "", **_said(book, definitions, row.product, row.reason, held),
    }  # fmt: skip


def _unit(book: Reading, definitions: Definitions, row: Unit, held: Entry | None) -> dict[str, Any]:
    last = book.newest(Passage, "at_ns", 1, unit=row.unit)
    open_ = undecided(book, row.unit)
    return {
        "kind": "unit", "id": row.unit, "remaining": 1.0, "request": row.request,
        "work_unit": last[0].work_unit if last else "",
        "nonconformance": open_.nonconformance if open_ is not None else "",
        **_said(book, definitions, row.product, row.reason, held),
    }  # fmt: skip


def _said(
    book: Reading, definitions: Definitions, product: str, reason: str, held: Entry | None
) -> dict[str, Any]:
    return {
        "product": product, "name": name_of(book, definitions, product) or "", "reason": reason,
        "since_ns": held.time_ns if held is not None else 0,
        "person": (held.on_behalf_of or held.actor) if held is not None else "",
        "is_person": held is not None and held.actor_type == "human",
    }  # fmt: skip
