"""Alarms grouped by cause: one compressor, not twelve grippers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taktwin.contracts.state import AlarmDocument
from taktwin.identity import EquipmentId
from taktwin.plant.registry import Registry

# What was put aside by a person, by design or for good: listed and countable, never announced.
NOT_ANNOUNCED = frozenset({"SHLVD", "DSUPR", "OOSRV", "NORM"})


@dataclass(frozen=True, slots=True)
class Group:
    """Alarms of one cause; the priority is the highest of its members (1 is the highest)."""

    cause: str
    name: str
    priority: int
    alarms: tuple[AlarmDocument, ...]


def group(registry: Registry, alarms: Iterable[AlarmDocument]) -> list[Group]:
    """Return announced alarms by cause, most urgent and newest first; one without a cause is its own."""
    by_cause: dict[str, list[AlarmDocument]] = {}
    for alarm in alarms:
        if alarm.state not in NOT_ANNOUNCED:
            by_cause.setdefault(alarm.cause or alarm.alarm, []).append(alarm)
    groups = [
        Group(
            cause=cause,
            name=_name(registry, cause, members),
            priority=min(member.priority for member in members),
            alarms=tuple(sorted(members, key=lambda a: (a.priority, -a.since_ns, a.alarm))),
        )
        for cause, members in by_cause.items()
    ]
    return sorted(groups, key=lambda g: (g.priority, -max(a.since_ns for a in g.alarms), g.cause))


def counts_by_priority(groups: Iterable[Group]) -> dict[str, int]:
    """Return how many causes have each priority: what the top bar says."""
    counts = {"1": 0, "2": 0, "3": 0}
    for one in groups:
        counts[str(one.priority)] = counts.get(str(one.priority), 0) + 1
    return counts


def _name(registry: Registry, cause: str, members: list[AlarmDocument]) -> str:
    if len(members) == 1 and cause == members[0].alarm:
        return members[0].message
    equipment = registry.equipment.get(EquipmentId(cause))
    if equipment is not None:
        return equipment.name
    names = {zone.id: zone.name for zone in registry.zones}
    names |= {supply.id: supply.id.replace("_", " ") for supply in registry.supplies if supply.id}
    return names.get(cause, cause)
