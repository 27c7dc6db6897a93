"""All suspects at once: who shares a bad lot, tool, time at a work unit; held together, let go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.quality.actions import undecided
from taktwin.mes.quality.queries import suspects
from taktwin.mes.quality.tables import Nonconformance, Suspicion
from taktwin.mes.tooling.tables import Mounting
from taktwin.mes.tracking.queries import lots_after, recall
from taktwin.mes.tracking.tables import CLOSED, FREE, RESTRICTED, Lot, Passage, Unit
from taktwin.standards.job_control import ReturnStatus
from taktwin.storage.book import Book, Reading

SUSPECTS_MAX = 5_000  # of one transaction: while it writes, nobody else does
FAR_NS = (1 << 63) - 1
KINDS = ("lot", "tool", "work_unit", "nonconformance")


def suspected(
    book: Reading, kind: str, name: str, *, from_ns: int, to_ns: int, work_units: Iterable[str]
) -> list[str]:
    """Return the serial numbers that share something, by name.

    Raises
    ------
    Refused
        If nobody knows the thing.
    """
    if kind == "lot":
        if book.get(Lot, name) is None and book.get(Unit, name) is None:
            raise unknown("lot", name)
        return [unit.unit for unit in recall(book, name)]
    if kind == "nonconformance":
        row = book.get(Nonconformance, name)
        if row is None:
            raise unknown("nonconformance", name)
        return sorted({*suspects(book, row), *([row.unit] if row.unit else [])})
    if kind == "tool":
        mountings = book.where(Mounting, tool=name)
        if not mountings:
            raise unknown("tool", name)
        spans = [
            (row.work_unit, max(row.mounted_ns, from_ns), min(row.dismounted_ns or FAR_NS, to_ns))
            for row in mountings
        ]
    elif kind == "work_unit":
        if name not in work_units:
            raise unknown("work unit", name)
        spans = [(name, from_ns, to_ns)]
    else:
        raise Refused("invalid", "kind", repr(kind), f"one of {', '.join(KINDS)}",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    found = {
        stay.unit
        for work_unit, low, high in spans
        if low <= high
        for stay in book.between(Passage, "at_ns", low, high, work_unit=work_unit)
    }
    return sorted(found)


def hold_suspects(book: Reading, wish: commands.HoldSuspects, asking: Asking) -> Iterator[Fact]:
    """Hold all that share something; a lot and what was split off it too."""
    if not wish.cause.strip() or len(wish.cause) > 500:
        raise Refused("invalid", "cause", repr(wish.cause[:40]), "why they are suspect, 1 to 500 letters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    to_ns = wish.to_ns or asking.now_ns
    if wish.from_ns < 0 or to_ns < wish.from_ns:
        raise Refused("invalid", "time", f"{wish.from_ns} to {wish.to_ns}", "a begin before its end",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    names = suspected(book, wish.kind, wish.id, from_ns=wish.from_ns, to_ns=to_ns,
                      work_units=asking.definitions.work_units)  # fmt: skip
    if len(names) > SUSPECTS_MAX:
        raise Refused("invalid", "suspects", len(names), f"{SUSPECTS_MAX} at most: narrow the time",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    free = [unit for name in names if (unit := book.get(Unit, name)) is not None
            and unit.disposition not in (RESTRICTED, CLOSED)]  # fmt: skip
    lots = [] if wish.kind != "lot" else [
        lot for name in (wish.id, *sorted(lots_after(book, wish.id)))
        if (lot := book.get(Lot, name)) is not None and lot.disposition == FREE
    ]  # fmt: skip
    if not free and not lots:
        raise Refused("state", f"suspects of {wish.kind} {wish.id}", f"{len(names)} units, none of them free",
                      "something that is not held yet")  # fmt: skip
    last = book.newest(Suspicion, "number", 1)
    number = last[0].number + 1 if last else 1
    name = f"SU-{number}"
    yield Fact(
        events.SuspectsHeld(
            suspicion=name, number=number, kind=wish.kind, about=wish.id, cause=wish.cause,
            from_ns=wish.from_ns, to_ns=to_ns, suspects=len(names), held=len(free),
        ),
        asking.now_ns,
    )  # fmt: skip
    why = because(name, wish.cause)
    for lot in lots:
        held_lot = events.LotDispositionChanged(lot=lot.lot, disposition=RESTRICTED, cause=why)
        yield Fact(held_lot, asking.now_ns)
    for unit in free:
        yield Fact(events.UnitHeld(unit=unit.unit, cause=why), asking.now_ns)


def release_suspects(book: Reading, wish: commands.ReleaseSuspects, asking: Asking) -> Iterator[Fact]:
    """Let go what the suspicion still holds. Where a nonconformance is open, that one decides."""
    row = book.get(Suspicion, wish.suspicion)
    if row is None:
        raise unknown("suspicion", wish.suspicion)
    if row.released:
        raise Refused("state", f"suspicion {row.suspicion}", "released already", "one that stands", row=row)
    if not wish.cause.strip() or len(wish.cause) > 500:
        raise Refused("invalid", "cause", repr(wish.cause[:40]), "why they may go, 1 to 500 letters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    units = [each for each in still_held(book, row) if undecided(book, each.unit) is None]
    released = events.SuspectsReleased(suspicion=row.suspicion, cause=wish.cause, released=len(units))
    yield Fact(released, asking.now_ns)
    for lot in book.where(Lot, disposition=RESTRICTED):
        if lot.reason == because(row.suspicion, row.cause):
            free = events.LotDispositionChanged(lot=lot.lot, disposition=FREE, cause=wish.cause)
            yield Fact(free, asking.now_ns)
    for unit in units:
        yield Fact(events.UnitReleased(unit=unit.unit, cause=wish.cause), asking.now_ns)


def because(suspicion: str, cause: str) -> str:
    """Return what stands at a unit that a suspicion holds."""
    return f"{suspicion}: {cause}"


def still_held(book: Reading, row: Suspicion) -> list[Unit]:
    """Return the units that a suspicion still holds, by name."""
    why = because(row.suspicion, row.cause)
    return [unit for unit in book.where(Unit, disposition=RESTRICTED) if unit.reason == why]


def _held(book: Book, event: events.SuspectsHeld, at_ns: int) -> None:
    book.put(Suspicion(
        suspicion=event.suspicion, number=event.number, kind=event.kind, about=event.about,
        cause=event.cause, from_ns=event.from_ns, to_ns=event.to_ns, suspects=event.suspects,
        held=event.held, held_ns=at_ns, released=False, version=1,
    ))  # fmt: skip


def _released(book: Book, event: events.SuspectsReleased, at_ns: int) -> None:
    row = book.get(Suspicion, event.suspicion)
    assert row is not None, "decided on a suspicion that is there"
    book.put(msgspec.structs.replace(row, released=True, version=row.version + 1))


RULES = Rules(
    deciders={
        commands.HoldSuspects.command_name: hold_suspects,
        commands.ReleaseSuspects.command_name: release_suspects,
    },
    projectors={events.SuspectsHeld: _held, events.SuspectsReleased: _released},
)
