"""Lots and units: deciders of their commands, and the only writers of tracking's tables."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.routes import Definition, Operation
from taktwin.mes.definitions.versions import name_of
from taktwin.mes.resources.engine import BADGE_PREFIX
from taktwin.mes.tracking.engine import take
from taktwin.mes.tracking.keeping import draw, put_down
from taktwin.mes.tracking.moves import brought, refuse_unknown_store
from taktwin.mes.tracking.tables import (
    CLOSED,
    FREE,
    IN_PROCESS,
    RESTRICTED,
    Consumption,
    LoadedLot,
    Lot,
    Passage,
    Unit,
)
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

HELD_LOT = "built with lot {lot}, which is restricted"
HELD_UNIT = "built with unit {unit}, which nobody may use"


# Deciders


def receive_lot(book: Reading, wish: commands.ReceiveLot, asking: Asking) -> Iterator[Fact]:
    """Take a lot into stock."""
    if name_of(book, asking.definitions, wish.product) is None:
        raise unknown("product", wish.product)
    if not 0 < wish.quantity < 1e9:
        raise Refused("invalid", "quantity", wish.quantity, "more than 0 and less than 1,000,000,000",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if not wish.lot or book.get(Lot, wish.lot) is not None or book.get(Unit, wish.lot) is not None:
        raise Refused("state", "lot", repr(wish.lot), "a lot number that is not in use")
    if wish.lot.startswith(BADGE_PREFIX):
        raise Refused("invalid", "lot", "a number that a scanner takes for a badge",
                      f"a lot number without {BADGE_PREFIX} before it",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if wish.location:
        refuse_unknown_store(asking.definitions, wish.location)
    event = events.LotReceived(
        lot=wish.lot, product=wish.product, quantity=wish.quantity, location=wish.location
    )
    yield Fact(event, asking.now_ns)


def load_lot(book: Reading, wish: commands.LoadLot, asking: Asking) -> Iterator[Fact]:
    """Put a lot at a work unit; a lot on hold is refused."""
    lot = book.get(Lot, wish.lot)
    if lot is None:
        raise _no_lot(book.get(Unit, wish.lot), wish.lot)
    if wish.work_unit not in asking.definitions.work_units:
        raise unknown("work unit", wish.work_unit)
    if lot.disposition != FREE:
        raise Refused(
            "state", f"lot {lot.lot}", f"{lot.disposition} ({lot.reason})", "a lot that is UnRestricted"
        )
    if lot.remaining <= 0:
        raise Refused("state", f"lot {lot.lot}", "nothing left", "a lot with something left")
    now = book.get(LoadedLot, f"{wish.work_unit}:{lot.product}")
    if now is not None and now.lot == lot.lot:
        if wish.source is not None or wish.quantity:
            yield from brought(book, lot, wish, asking)  # more of it
        return  # scanned twice: it stands there already
    if asking.late and now is not None and now.loaded_ns > asking.now_ns:
        raise Refused("state", f"lot {wish.lot} at {wish.work_unit}", f"lot {now.lot} was put there after it",
                      "one that still stands there")  # fmt: skip
    event = events.LotLoaded(lot=lot.lot, product=lot.product, work_unit=wish.work_unit)
    yield Fact(event, asking.now_ns)
    yield from brought(book, lot, wish, asking)


def _no_lot(unit: Unit | None, name: str) -> Refused:
    """Return why what was scanned is not loaded: nobody builds a held unit in."""
    if unit is None:
        return unknown("lot", name)
    if unit.disposition in (RESTRICTED, CLOSED):
        return Refused("state", f"unit {name}", f"{unit.disposition} ({unit.reason})",
                       "a unit that is not held", row=unit)  # fmt: skip
    return Refused("invalid", "lot", f"unit {name}", "a lot; which unit goes in, the machine says")


def hold(book: Reading, wish: commands.Hold, asking: Asking) -> Iterator[Fact]:
    """Restrict a lot or a unit."""
    if not wish.cause.strip():
        raise Refused(
            "invalid", "cause", "nothing", "why nobody may use it", status=ReturnStatus.INVALID_REQUEST
        )
    if wish.kind == "lot":
        lot = book.get(Lot, wish.id)
        if lot is None:
            raise unknown("lot", wish.id)
        if lot.disposition == RESTRICTED:
            raise Refused(
                "state", f"lot {wish.id}", f"held already ({lot.reason})", "a lot that is not held", row=lot
            )
        yield Fact(
            events.LotDispositionChanged(lot=wish.id, disposition=RESTRICTED, cause=wish.cause), asking.now_ns
        )
        return
    unit = _unit(book, wish)
    if unit.disposition in (RESTRICTED, CLOSED):
        raise Refused(
            "state",
            f"unit {wish.id}",
            f"{unit.disposition} ({unit.reason})",
            "a unit that is not held",
            row=unit,
        )
    yield Fact(events.UnitHeld(unit=wish.id, cause=wish.cause), asking.now_ns)


def release(book: Reading, wish: commands.Release, asking: Asking) -> Iterator[Fact]:
    """Lift the restriction of a lot or a unit. Quality asks first whether nothing is left to decide."""
    if wish.kind == "lot":
        lot = book.get(Lot, wish.id)
        if lot is None:
            raise unknown("lot", wish.id)
        if lot.disposition != RESTRICTED:
            raise Refused("state", f"lot {wish.id}", lot.disposition, "a lot that is held", row=lot)
        yield Fact(
            events.LotDispositionChanged(lot=wish.id, disposition=FREE, cause=wish.cause), asking.now_ns
        )
        return
    unit = _unit(book, wish)
    if unit.disposition != RESTRICTED:
        raise Refused("state", f"unit {wish.id}", unit.disposition, "a unit that is held", row=unit)
    yield Fact(events.UnitReleased(unit=wish.id, cause=wish.cause), asking.now_ns)


def _unit(book: Reading, wish: commands.Hold | commands.Release) -> Unit:
    if wish.kind != "unit":
        raise Refused("invalid", "kind", repr(wish.kind), "lot or unit", status=ReturnStatus.INVALID_REQUEST)
    unit = book.get(Unit, wish.id)
    if unit is None:
        raise unknown("unit", wish.id)
    return unit


# What collection tells of a unit at a machine; the machine is believed, whatever it did.


def passed(
    book: Reading, serial: str, definition: Definition, operation: Operation, *, request: str, job: str,
    work_unit: str, good: bool, at_ns: int, joined: str = "",
) -> Iterator[Fact]:  # fmt: skip
    """Yield what follows from a unit having passed an operation: created, consumed, moved, finished.

    joined : serial number of the one serialised component that went in; "" = the machine named none
    """
    unit = book.get(Unit, serial)
    if unit is None:
        created = events.UnitCreated(
            unit=serial,
            product=definition.product,
            request=request,
            job=job,
            work_unit=work_unit,
            definition=definition.version,
        )
        yield Fact(created, at_ns)
        yield from _unseen(serial, definition, operation, job=job, at_ns=at_ns)
    for component in operation.components:
        if joined and component.serialised:
            yield from _joined(book, serial, operation, component.product, joined, job=job,
                               work_unit=work_unit, at_ns=at_ns)  # fmt: skip
            continue
        yield from _consumed(book, serial, operation, component.product, component.quantity,
                             job=job, work_unit=work_unit, at_ns=at_ns)  # fmt: skip
    moved = events.UnitMoved(unit=serial, job=job, operation=operation.number, work_unit=work_unit, good=good)
    yield Fact(moved, at_ns)
    if not good:
        yield Fact(events.UnitScrapped(unit=serial, cause=f"rejected by {work_unit}"), at_ns)
    elif operation.last:
        yield Fact(events.UnitFinished(unit=serial, work_unit=work_unit), at_ns)


def _unseen(
    serial: str, definition: Definition, operation: Operation, *, job: str, at_ns: int
) -> Iterator[Fact]:
    """Yield what went in at operations before the first one that told the unit's number.

    It is known what, but not which: the cell that put it in did not say for which unit.
    """
    for earlier in definition.operations:
        if earlier.number >= operation.number:
            return
        for component in earlier.components:
            yield Fact(
                events.UnitConsumed(unit=serial, component=component.product, lot="",
                                    quantity=component.quantity, job=job, operation=earlier.number,
                                    work_unit=""),
                at_ns,
            )  # fmt: skip


def _consumed(
    book: Reading, serial: str, operation: Operation, component: str, quantity: float, *,
    job: str, work_unit: str, at_ns: int,
) -> Iterator[Fact]:  # fmt: skip
    here = f"{serial}:{operation.number}:{component}:"
    rows = book.where(Consumption, unit=serial)
    if any(row.work_unit and row.consumption.startswith(here) for row in rows):
        return  # the unit was here before, perhaps under another job order: what it holds, it holds
    loaded = book.get(LoadedLot, f"{work_unit}:{component}")
    # A count that comes late belongs to the lot that stood there when the part was made.
    name = "" if loaded is None else loaded.lot if at_ns >= loaded.loaded_ns else loaded.before
    lot = book.get(Lot, name) if name else None
    taking = take(wanted=quantity, remaining=lot.remaining if lot is not None else 0.0)
    for source, amount in ((lot.lot if lot is not None else "", taking.from_lot), ("", taking.unknown)):
        if amount > 0:
            yield Fact(
                events.UnitConsumed(unit=serial, component=component, lot=source, quantity=amount, job=job,
                                    operation=operation.number, work_unit=work_unit),
                at_ns,
            )  # fmt: skip
    if lot is not None and taking.from_lot > 0 and lot.disposition == RESTRICTED:
        yield Fact(events.UnitHeld(unit=serial, cause=HELD_LOT.format(lot=lot.lot)), at_ns)


def _joined(
    book: Reading, serial: str, operation: Operation, component: str, joined: str, *,
    job: str, work_unit: str, at_ns: int,
) -> Iterator[Fact]:  # fmt: skip
    """Yield that one unit of ours went into another, and hold that one if the first is held."""
    known = [row for row in book.where(Consumption, unit=serial, component=component) if row.job == job]
    if known:
        return
    yield Fact(
        events.UnitConsumed(unit=serial, component=component, lot=joined, quantity=1.0, job=job,
                            operation=operation.number, work_unit=work_unit),
        at_ns,
    )  # fmt: skip
    part = book.get(Unit, joined)
    if part is not None and part.disposition in (RESTRICTED, CLOSED):
        yield Fact(events.UnitHeld(unit=serial, cause=HELD_UNIT.format(unit=joined)), at_ns)


# Projectors


def _received(book: Book, event: events.LotReceived, at_ns: int) -> None:
    book.put(Lot(lot=event.lot, product=event.product, quantity=event.quantity, remaining=event.quantity,
                 disposition=FREE, reason="", received_ns=at_ns, version=1))  # fmt: skip
    put_down(book, lot=event.lot, product=event.product, location=event.location, quantity=event.quantity,
             at_ns=at_ns)  # fmt: skip


def _loaded(book: Book, event: events.LotLoaded, at_ns: int) -> None:
    place = f"{event.work_unit}:{event.product}"
    now = book.get(LoadedLot, place)
    book.put(LoadedLot(place=place, work_unit=event.work_unit, product=event.product, lot=event.lot,
                       loaded_ns=at_ns, before=now.lot if now is not None else ""))  # fmt: skip


def _disposed(book: Book, event: events.LotDispositionChanged, at_ns: int) -> None:
    lot = book.get(Lot, event.lot)
    assert lot is not None, "decided on a lot that is there"
    reason = event.cause if event.disposition == RESTRICTED else ""
    book.put(
        msgspec.structs.replace(lot, disposition=event.disposition, reason=reason, version=lot.version + 1)
    )


def _created(book: Book, event: events.UnitCreated, at_ns: int) -> None:
    book.put(Unit(unit=event.unit, product=event.product, request=event.request, disposition=IN_PROCESS,
                  reason="", operation=0, created_ns=at_ns, finished_ns=0, version=1,
                  definition=event.definition))  # fmt: skip


def _consume(book: Book, event: events.UnitConsumed, at_ns: int) -> None:
    book.put(Consumption(consumption=f"{event.unit}:{event.operation}:{event.component}:{event.lot}",
                         unit=event.unit, component=event.component, lot=event.lot, quantity=event.quantity,
                         job=event.job, work_unit=event.work_unit, at_ns=at_ns))  # fmt: skip
    lot = book.get(Lot, event.lot)
    if lot is not None:
        left = max(0.0, lot.remaining - event.quantity)
        book.put(msgspec.structs.replace(lot, remaining=left, version=lot.version + 1))
        draw(book, lot=lot.lot, first=event.work_unit, quantity=event.quantity)


def _moved(book: Book, event: events.UnitMoved, at_ns: int) -> None:
    book.put(Passage(passage=f"{event.unit}:{event.operation}:{at_ns}", unit=event.unit, job=event.job,
                     operation=event.operation, work_unit=event.work_unit, good=event.good,
                     at_ns=at_ns))  # fmt: skip
    unit = _known(book, event.unit)
    book.put(msgspec.structs.replace(unit, operation=event.operation, version=unit.version + 1))


def _finished(book: Book, event: events.UnitFinished, at_ns: int) -> None:
    unit = _known(book, event.unit)
    free = FREE if unit.disposition == IN_PROCESS else unit.disposition
    book.put(msgspec.structs.replace(unit, disposition=free, finished_ns=at_ns, version=unit.version + 1))


def _scrapped(book: Book, event: events.UnitScrapped, at_ns: int) -> None:
    unit = _known(book, event.unit)
    book.put(msgspec.structs.replace(unit, disposition=CLOSED, reason=event.cause, version=unit.version + 1))


def _held(book: Book, event: events.UnitHeld, at_ns: int) -> None:
    unit = _known(book, event.unit)
    if unit.disposition != CLOSED:
        book.put(
            msgspec.structs.replace(
                unit, disposition=RESTRICTED, reason=event.cause, version=unit.version + 1
            )
        )


def _released(book: Book, event: events.UnitReleased, at_ns: int) -> None:
    unit = _known(book, event.unit)
    free = FREE if unit.finished_ns else IN_PROCESS
    book.put(msgspec.structs.replace(unit, disposition=free, reason="", version=unit.version + 1))


def sent_back(book: Book, serial: str, operation: int) -> None:
    """Put a unit back behind an operation of its route: the projection of a rework that is done."""
    unit = _known(book, serial)
    book.put(msgspec.structs.replace(unit, operation=operation, finished_ns=0, version=unit.version + 1))


def _known(book: Book, serial: str) -> Unit:
    unit = book.get(Unit, serial)
    assert unit is not None, "a unit is created before anything happens to it"
    return unit


RULES = Rules(
    deciders={
        commands.ReceiveLot.command_name: receive_lot,
        commands.LoadLot.command_name: load_lot,
        commands.Hold.command_name: hold,
    },
    projectors={
        events.LotReceived: _received,
        events.LotLoaded: _loaded,
        events.LotDispositionChanged: _disposed,
        events.UnitCreated: _created,
        events.UnitConsumed: _consume,
        events.UnitMoved: _moved,
        events.UnitFinished: _finished,
        events.UnitScrapped: _scrapped,
        events.UnitHeld: _held,
        events.UnitReleased: _released,
    },
)
