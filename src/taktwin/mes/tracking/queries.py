"""What a unit is made of, what shares it, and where a lot went. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from taktwin.mes.tracking.tables import Consumption, Lot, LotTransfer, Passage, Unit
from taktwin.storage.book import Reading

LEVELS_MAX = 12  # a graph deeper than that is a circle in somebody's data


@dataclass(frozen=True, slots=True)
class Eaten:
    """One thing that went into a unit, and who else has of it."""

    row: Consumption
    lot: Lot | None
    sisters: int  # other units with the same lot
    origins: tuple[str, ...]  # lots that went into that lot
    below: tuple[Eaten, ...]  # where the lot is a unit of ours: what went into that


@dataclass(frozen=True, slots=True)
class Genealogy:
    """A unit with its way and all that went into it."""

    unit: Unit
    passages: tuple[Passage, ...]
    eaten: tuple[Eaten, ...]
    parents: tuple[str, ...]  # units that it went into


def genealogy(book: Reading, serial: str) -> Genealogy | None:
    """Return a unit's genealogy, None where nobody knows it."""
    unit = book.get(Unit, serial)
    if unit is None:
        return None
    passages = sorted(book.where(Passage, unit=serial), key=lambda row: row.at_ns)
    parents = sorted({row.unit for row in book.where(Consumption, lot=serial)})
    return Genealogy(unit, tuple(passages), _eaten(book, serial, LEVELS_MAX), tuple(parents))


def _eaten(book: Reading, serial: str, levels: int) -> tuple[Eaten, ...]:
    found = []
    for row in sorted(book.where(Consumption, unit=serial), key=lambda each: (each.at_ns, each.component)):
        lot = book.get(Lot, row.lot) if row.lot else None
        # A lot of screws is in a hundred thousand units: they are counted where they lie.
        sisters = book.count(Consumption, "unit", lot=row.lot) - 1 if row.lot else 0
        below = _eaten(book, row.lot, levels - 1) if row.lot and lot is None and levels else ()
        origins = () if lot is None else tuple(sorted(lots_before(book, row.lot)))
        found.append(Eaten(row, lot, sisters, origins, below))
    return tuple(found)


def recall(book: Reading, lot: str) -> list[Unit]:
    """Return every unit that a lot went into, through all levels: the recall list."""
    found: dict[str, Unit] = {}
    todo = {lot, *lots_after(book, lot)}
    while todo:  # a level at a time: as many questions as there are levels, not as there are units
        units = {row.unit for row in book.among(Consumption, "lot", todo)} - found.keys()
        level = {unit.unit: unit for unit in book.among(Unit, "unit", units)}
        found |= level
        todo = set(level)
    return [found[name] for name in sorted(found)]


def lots_after(book: Reading, lot: str) -> set[str]:
    """Return every lot that material of a lot went into, by splits and merges."""
    return _transferred(lot, lambda name: [row.target for row in book.where(LotTransfer, source=name)])


def lots_before(book: Reading, lot: str) -> set[str]:
    """Return every lot whose material went into a lot."""
    return _transferred(lot, lambda name: [row.source for row in book.where(LotTransfer, target=name)])


def _transferred(start: str, step: Callable[[str], list[str]]) -> set[str]:
    found: set[str] = set()
    todo = [start]
    while todo:
        new = set(step(todo.pop())) - found
        found |= new
        todo += sorted(new)
    return found - {start}
