"""Lots into lots: split and merged, nothing lost and nothing from nowhere."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.resources.engine import BADGE_PREFIX
from taktwin.mes.tracking.keeping import SOME, draw, put_down, there
from taktwin.mes.tracking.stock import UNPLACED
from taktwin.mes.tracking.tables import FREE, LoadedLot, Lot, LotTransfer, Unit
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading


def split_lot(book: Reading, wish: commands.SplitLot, asking: Asking) -> Iterator[Fact]:
    """Take a part of a lot away; what is on hold stays so under both numbers."""
    lot = _lot(book, wish.lot)
    if not (math.isfinite(wish.quantity) and 0 < wish.quantity < lot.remaining):
        raise Refused("invalid", "quantity", wish.quantity, f"more than 0 and less than {lot.remaining:g}",
                      status=ReturnStatus.INVALID_REQUEST, row=lot)  # fmt: skip
    into = wish.into
    if not into.strip() or len(into) > 80 or not into.isprintable() or into.startswith(BADGE_PREFIX):
        raise Refused("invalid", "lot number", repr(into[:80]), "1 to 80 printable characters, of no badge",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if book.get(Lot, into) is not None or book.get(Unit, into) is not None:
        raise Refused("state", "lot", repr(into), "a lot number that is not in use")
    if wish.location is not None and wish.quantity > there(book, lot.lot, wish.location) + SOME:
        here = there(book, lot.lot, wish.location)
        raise Refused("invalid", "quantity", wish.quantity, f"at most {here:g}, which lies in that place",
                      status=ReturnStatus.INVALID_REQUEST, row=lot)  # fmt: skip
    yield Fact(
        events.LotSplit(
            lot=lot.lot, into=into, quantity=wish.quantity, transfer=asking.command, location=wish.location
        ),
        asking.now_ns,
    )


def merge_lots(book: Reading, wish: commands.MergeLots, asking: Asking) -> Iterator[Fact]:
    """Put what is left of a lot into another one. Refused where one is on hold: that would hide it."""
    lot, into = _lot(book, wish.lot), _lot(book, wish.into)
    if lot.lot == into.lot or lot.product != into.product:
        raise Refused("invalid", "into", f"{into.lot} ({into.product})", f"another lot of {lot.product}",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    for each in (lot, into):
        if each.disposition != FREE:
            raise Refused("state", f"lot {each.lot}", f"{each.disposition} ({each.reason})",
                          "a lot that is UnRestricted", row=each)  # fmt: skip
    if lot.remaining <= 0:
        raise Refused("state", f"lot {lot.lot}", "nothing left", "a lot with something left", row=lot)
    loaded = [row for row in book.where(LoadedLot, product=lot.product) if row.lot == lot.lot]
    if loaded:
        raise Refused("state", f"lot {lot.lot}", f"stands at {loaded[0].work_unit}",
                      "a lot that stands nowhere: load the other one there first", row=lot)  # fmt: skip
    yield Fact(
        events.LotMerged(lot=lot.lot, into=into.lot, quantity=lot.remaining, transfer=asking.command),
        asking.now_ns,
    )


def _lot(book: Reading, name: str) -> Lot:
    lot = book.get(Lot, name)
    if lot is None:
        raise unknown("lot", name)
    return lot


def _split(book: Book, event: events.LotSplit, at_ns: int) -> None:
    lot = _given(book, event, at_ns)
    book.put(Lot(lot=event.into, product=lot.product, quantity=event.quantity, remaining=event.quantity,
                 disposition=lot.disposition, reason=lot.reason, received_ns=lot.received_ns,
                 version=1))  # fmt: skip
    first = UNPLACED if event.location is None else event.location
    taken = draw(book, lot=event.lot, first=first, quantity=event.quantity)
    _put_down(book, lot, event.into, taken, at_ns)


def _merged(book: Book, event: events.LotMerged, at_ns: int) -> None:
    lot = _given(book, event, at_ns)
    taken = draw(book, lot=event.lot, first=UNPLACED, quantity=event.quantity)
    _put_down(book, lot, event.into, taken, at_ns)
    into = book.get(Lot, event.into)
    assert into is not None, "decided on a lot that is there"
    book.put(msgspec.structs.replace(into, quantity=into.quantity + event.quantity,
                                     remaining=into.remaining + event.quantity,
                                     version=into.version + 1))  # fmt: skip


def _given(book: Book, event: events.LotSplit | events.LotMerged, at_ns: int) -> Lot:
    lot = book.get(Lot, event.lot)
    assert lot is not None, "decided on a lot that is there"
    left = max(0.0, lot.remaining - event.quantity)
    book.put(msgspec.structs.replace(lot, remaining=left, version=lot.version + 1))
    book.put(LotTransfer(transfer=event.transfer, source=event.lot, target=event.into,
                         quantity=event.quantity, at_ns=at_ns))  # fmt: skip
    return lot


def _put_down(book: Book, lot: Lot, into: str, taken: dict[str, float], at_ns: int) -> None:
    for location, quantity in taken.items():
        put_down(book, lot=into, product=lot.product, location=location, quantity=quantity, at_ns=at_ns)


RULES = Rules(
    deciders={
        commands.SplitLot.command_name: split_lot,
        commands.MergeLots.command_name: merge_lots,
    },
    projectors={events.LotSplit: _split, events.LotMerged: _merged},
)
