"""Who stands before and behind a work unit, and who supplies it. Pure look-ups in the registry."""

from __future__ import annotations

from taktwin.identity import EquipmentId
from taktwin.plant.registry import Equipment, Registry


def before_and_after(registry: Registry, unit: EquipmentId) -> tuple[list[str], list[str], list[str]]:
    """Return the units before, the units after, and the ids of the buffers between."""
    before: set[str] = set()
    after: set[str] = set()
    buffers: list[str] = []
    for buffer in registry.buffers:
        if unit in buffer.targets:
            before.update(buffer.sources)
        if unit in buffer.sources:
            after.update(buffer.targets)
        if unit in buffer.targets or unit in buffer.sources:
            buffers.append(buffer.id)
    return sorted(before), sorted(after), buffers


def ancestry(registry: Registry, equipment: Equipment) -> list[str]:
    """Return an equipment's id and those of all that it is part of, inside out."""
    found: list[str] = []
    at: Equipment | None = equipment
    while at is not None and at.id not in found:
        found.append(at.id)
        at = registry.equipment.get(at.parent) if at.parent else None
    return found


def supplies(registry: Registry, equipment: Equipment) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return who supplies it and whom it supplies, by medium; what serves a line serves its units."""
    here = set(ancestry(registry, equipment))
    come: dict[str, list[str]] = {}
    go: dict[str, list[str]] = {}
    for supply in registry.supplies:
        if here & set(supply.targets):
            come.setdefault(supply.medium, []).append(supply.source)
        if supply.source == equipment.id:
            go.setdefault(supply.medium, []).extend(supply.targets)
    return come, go
