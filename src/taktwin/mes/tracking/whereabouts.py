"""What lies where, what was counted, and whether a lot adds up. Writes nothing."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.tracking.keeping import SOME
from taktwin.mes.tracking.stock import UNPLACED, Stock, StockCount
from taktwin.mes.tracking.tables import Consumption, LoadedLot, Lot, LotTransfer
from taktwin.storage.book import Reading

COUNTS_SHOWN = 20
STORE, WORK_UNIT, NOWHERE = "store", "work_unit", "nowhere"


def stock(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return what lies where: in every place, or in one (`location`); stores first, then machines."""
    only = wish.get("location")
    if only is not None and only != UNPLACED and not _kind(definitions, str(only)):
        return {}
    equal = {} if only is None else {"location": str(only)}
    rows = book.between(Stock, "quantity", SOME, math.inf, **equal)
    lots = {lot.lot: lot for lot in book.among(Lot, "lot", {row.lot for row in rows})}
    loaded = {(row.work_unit, row.lot) for row in book.where(LoadedLot)}
    by_place: dict[str, list[dict[str, Any]]] = {}
    for place in definitions.stores if only is None else ():
        by_place[place] = []
    for row in rows:
        lot = lots[row.lot]
        line = {
            "lot": row.lot, "product": row.product, "name": definitions.materials.get(row.product, ""),
            "quantity": row.quantity, "disposition": lot.disposition, "reason": lot.reason,
            "loaded": (row.location, row.lot) in loaded, "since_ns": row.since_ns, "version": row.version,
        }  # fmt: skip
        by_place.setdefault(row.location, []).append(line)
    if only is not None:
        by_place.setdefault(str(only), [])
    order = [*definitions.stores, *definitions.work_units, UNPLACED]
    return {
        "places": [
            {
                "location": place, "kind": _kind(definitions, place) or NOWHERE,
                "name": definitions.stores.get(place) or definitions.work_units.get(place, ""),
                "part_of": definitions.places.get(place, ""),
                "lots": sorted(by_place[place], key=lambda line: (line["product"], line["lot"])),
            }
            for place in sorted(by_place, key=lambda each: order.index(each) if each in order else len(order))
        ],
        "counts": [msgspec.structs.asdict(row) for row in book.newest(StockCount, "at_ns", COUNTS_SHOWN)],
        "stores": dict(definitions.stores),
        "work_units": dict(definitions.work_units),
        "materials": dict(definitions.materials),
        "at_ns": now_ns,
    }  # fmt: skip


def _kind(definitions: Definitions, place: str) -> str:
    return STORE if place in definitions.stores else WORK_UNIT if place in definitions.work_units else ""


def balance(book: Reading, lot: Lot) -> float:
    """Return what of a lot nobody can account for: 0 where it adds up.

    What came in, was merged in and was found when it was counted, less what is left, was built in, was given
    to other lots.
    """
    built_in = sum(row.quantity for row in book.where(Consumption, lot=lot.lot))
    given = sum(row.quantity for row in book.where(LotTransfer, source=lot.lot))
    counted = sum(row.after - row.before for row in book.where(StockCount, lot=lot.lot))
    return lot.quantity + counted - lot.remaining - built_in - given
