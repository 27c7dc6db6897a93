"""The floor plan as geometry, and who stands beside and behind whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from taktwin.identity import EquipmentId
from taktwin.plant.registry import Buffer, Registry, Supply, Zone

Point = tuple[float, float]


class Neighbours(NamedTuple):
    """The work units before and behind one, and the buffers between."""

    before: tuple[EquipmentId, ...]
    after: tuple[EquipmentId, ...]
    buffers_before: tuple[Buffer, ...]
    buffers_after: tuple[Buffer, ...]


def contains(polygon: Sequence[Point], x_m: float, y_m: float) -> bool:
    """Return whether a point lies in a polygon; of a shared edge the north-west side owns the point."""
    inside = False
    previous_x, previous_y = polygon[-1]
    for corner_x, corner_y in polygon:
        if (corner_y > y_m) != (previous_y > y_m):
            crossing = (previous_x - corner_x) * (y_m - corner_y) / (previous_y - corner_y) + corner_x
            if x_m < crossing:
                inside = not inside
        previous_x, previous_y = corner_x, corner_y
    return inside


def zone_of(zones: Iterable[Zone], x_m: float | None, y_m: float | None) -> str:
    """Return the id of the zone of a point, "" outside all of them or without a point."""
    if x_m is None or y_m is None:
        return ""
    return next((zone.id for zone in zones if contains(zone.polygon, x_m, y_m)), "")


def neighbours(registry: Registry, equipment: EquipmentId) -> Neighbours:
    """Return who delivers to a work unit and whom it delivers to, by the plant's buffers."""
    before = tuple(b for b in registry.buffers if equipment in b.targets)
    after = tuple(b for b in registry.buffers if equipment in b.sources)
    return Neighbours(
        tuple(dict.fromkeys(unit for buffer in before for unit in buffer.sources)),
        tuple(dict.fromkeys(unit for buffer in after for unit in buffer.targets)),
        before,
        after,
    )


def served_by(registry: Registry, equipment: EquipmentId) -> tuple[Supply, ...]:
    """Return the supplies that serve equipment, itself or through what it belongs to."""
    chain = {str(equipment), *(str(above) for above in ancestors(registry, equipment))}
    return tuple(supply for supply in registry.supplies if chain.intersection(supply.targets))


def serves(registry: Registry, equipment: EquipmentId) -> tuple[Supply, ...]:
    """Return the supplies that come from equipment."""
    return tuple(supply for supply in registry.supplies if supply.source == equipment)


def ancestors(registry: Registry, equipment: EquipmentId) -> tuple[EquipmentId, ...]:
    """Return the equipment above one, nearest first."""
    found: list[EquipmentId] = []
    parent = registry.equipment[equipment].parent
    while parent is not None:
        found.append(parent)
        parent = registry.equipment[parent].parent
    return tuple(found)


def supplier(supplies: Mapping[str, Supply], chain: Sequence[str], medium: str) -> str:
    """Return the source that serves a chain of equipment (nearest first) with a medium, "" if none does."""
    for link in chain:
        for supply in supplies.values():
            if supply.medium == medium and link in supply.targets:
                return supply.source
    return ""
