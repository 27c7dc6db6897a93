"""Lots between places: deciders of moves and counts, and what a lot brings along to a machine."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.tracking.keeping import SOME, lies, put_down, take_away, there
from taktwin.mes.tracking.stock import UNPLACED, Stock, StockCount, key
from taktwin.mes.tracking.tables import FREE, LoadedLot, Lot
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

QUANTITY_MAX = 1e9
NOWHERE = "a place that nobody named"


# Deciders


def move(book: Reading, wish: commands.MoveLot, asking: Asking) -> Iterator[Fact]:
    """Bring a lot, or a part of it, to another place; what is on hold goes to no machine."""
    lot = _lot(book, wish.lot)
    refuse_unknown_place(asking.definitions, wish.target)
    if wish.target in asking.definitions.work_units and lot.disposition != FREE:
        raise Refused("state", f"lot {lot.lot}", f"{lot.disposition} ({lot.reason})",
                      "a lot that is UnRestricted; one on hold goes to a store", row=lot)  # fmt: skip
    places = [row.location for row in lies(book, lot.lot)]
    if wish.source is None and not wish.quantity and places == [wish.target]:
        return  # scanned twice: it lies there already
    source = _source(wish.source, places, lot)
    if source == wish.target:
        raise Refused("invalid", "target", _named(wish.target), "another place than it lies in",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    yield _moved(book, lot, source, wish.target, wish.quantity, asking)


def brought(book: Reading, lot: Lot, wish: commands.LoadLot, asking: Asking) -> Iterator[Fact]:
    """Yield what of a lot comes along to the work unit at which it is loaded.

    What was said is looked at closely. Where nothing was, the lot says it by itself: what lies in its only
    store, or in that of the work unit's line.

    Raises
    ------
    Refused
        If it lies in several stores, of which none is meant.
    """
    if wish.source is not None or wish.quantity:
        places = [row.location for row in lies(book, lot.lot) if row.location != wish.work_unit]
        source = _source(wish.source, places, lot)
        if source == wish.work_unit:
            raise Refused("invalid", "source", source, "another place than the work unit itself",
                          status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
        yield _moved(book, lot, source, wish.work_unit, wish.quantity, asking)
        return
    rows = lies(book, lot.lot)
    if any(row.location == wish.work_unit for row in rows):
        return  # it was brought before
    stored = [row.location for row in rows if row.location not in asking.definitions.work_units]
    if len(stored) > 1:
        stored = [each for each in stored if _same_line(asking.definitions, each, wish.work_unit)] or stored
    if len(stored) > 1:
        if asking.late:
            return  # nobody is there any more who could say it
        raise Refused("invalid", f"lot {lot.lot}", f"in {' and in '.join(map(_named, stored))}",
                      "the place that it was taken from: scan that too",
                      status=ReturnStatus.INVALID_REQUEST, row=lot)  # fmt: skip
    if stored:
        yield _moved(book, lot, stored[0], wish.work_unit, 0.0, asking)


def count(book: Reading, wish: commands.CountStock, asking: Asking) -> Iterator[Fact]:
    """Note what was counted in a place, if nobody moved or used any of it since the person looked."""
    lot = _lot(book, wish.lot)
    if wish.location != UNPLACED:
        refuse_unknown_place(asking.definitions, wish.location)
    if not (math.isfinite(wish.quantity) and 0 <= wish.quantity < QUANTITY_MAX):
        raise Refused("invalid", "quantity", wish.quantity, "0 or more and less than 1,000,000,000",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if not wish.cause.strip() or len(wish.cause) > 200:
        raise Refused("invalid", "cause", f"{len(wish.cause)} letters", "why, in 1 to 200 letters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    row = book.get(Stock, key(wish.location, lot.lot))
    version = 0 if row is None else row.version
    if version != wish.version:
        raise Refused("conflict", f"lot {lot.lot} in {_named(wish.location)}", f"version {version}",
                      f"version {wish.version}: some of it was moved or used meanwhile", row=row)  # fmt: skip
    yield Fact(
        events.StockCounted(
            lot=lot.lot, product=lot.product, location=wish.location,
            before=0.0 if row is None else row.quantity, after=wish.quantity, cause=wish.cause.strip(),
            count=asking.command, person=asking.person,
        ),
        asking.now_ns,
    )  # fmt: skip


def refuse_unknown_place(definitions: Definitions, location: str) -> None:
    """Return only if it is a storage zone, a storage unit or a work unit of the plant."""
    if location not in definitions.stores and location not in definitions.work_units:
        raise unknown("storage place or work unit", location)


def refuse_unknown_store(definitions: Definitions, location: str) -> None:
    """Return only if it is a storage zone or unit of the plant."""
    if location not in definitions.stores:
        known = ", ".join(definitions.stores) or "none: the plant folder has no StorageZone or StorageUnit"
        raise Refused("unknown", "storage place", repr(location), f"one of {known}")


def _source(said: str | None, places: list[str], lot: Lot) -> str:
    if said is not None:
        return said
    if len(places) == 1:
        return places[0]
    where = " and in ".join(map(_named, places)) if places else "no place: nothing is left"
    raise Refused("invalid", f"lot {lot.lot}", f"in {where}", "the place that it was taken from",
                  status=ReturnStatus.INVALID_REQUEST, row=lot)  # fmt: skip


def _moved(
    book: Reading, lot: Lot, source: str, target: str, quantity: float, asking: Asking
) -> Fact:  # fmt: skip
    here = there(book, lot.lot, source)
    if here <= SOME:
        raise Refused(
            "state", f"lot {lot.lot} in {_named(source)}", "nothing", "a place where some of it lies"
        )
    if not (math.isfinite(quantity) and 0 <= quantity <= here + SOME):
        raise Refused("invalid", "quantity", quantity, f"at most {here:g}, which lies in {_named(source)}",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    return Fact(
        events.LotMoved(lot=lot.lot, product=lot.product, source=source, target=target,
                        quantity=min(quantity or here, here)),
        asking.now_ns,
    )  # fmt: skip


def _same_line(definitions: Definitions, location: str, work_unit: str) -> bool:
    place, unit = definitions.places.get(location, ""), definitions.places.get(work_unit, "")
    return bool(place) and place.rpartition("/")[0] == unit.rpartition("/")[0]


def _named(location: str) -> str:
    return location or NOWHERE


def _lot(book: Reading, name: str) -> Lot:
    lot = book.get(Lot, name)
    if lot is None:
        raise unknown("lot", name)
    return lot


# Projectors


def _was_moved(book: Book, event: events.LotMoved, at_ns: int) -> None:
    taken = take_away(book, lot=event.lot, location=event.source, quantity=event.quantity)
    put_down(book, lot=event.lot, product=event.product, location=event.target, quantity=taken, at_ns=at_ns)
    place = f"{event.source}:{event.product}"
    loaded = book.get(LoadedLot, place) if event.source else None
    if loaded is not None and loaded.lot == event.lot and there(book, event.lot, event.source) <= SOME:
        # All of it was taken away from the machine: what it uses from now on comes from another one.
        book.put(msgspec.structs.replace(loaded, lot="", loaded_ns=at_ns, before=event.lot))


def _was_counted(book: Book, event: events.StockCounted, at_ns: int) -> None:
    change = event.after - event.before
    if change >= 0:
        put_down(book, lot=event.lot, product=event.product, location=event.location, quantity=change,
                 at_ns=at_ns)  # fmt: skip
    else:
        take_away(book, lot=event.lot, location=event.location, quantity=-change)
    lot = book.get(Lot, event.lot)
    assert lot is not None, "decided on a lot that is there"
    book.put(
        msgspec.structs.replace(lot, remaining=max(0.0, lot.remaining + change), version=lot.version + 1)
    )
    book.put(StockCount(count=event.count, lot=event.lot, product=event.product, location=event.location,
                        before=event.before, after=event.after, cause=event.cause, person=event.person,
                        at_ns=at_ns))  # fmt: skip


RULES = Rules(
    deciders={
        commands.MoveLot.command_name: move,
        commands.CountStock.command_name: count,
    },
    projectors={events.LotMoved: _was_moved, events.StockCounted: _was_counted},
)
