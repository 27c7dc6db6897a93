"""ISA-95 (IEC 62264): levels of the equipment hierarchy and the five levels of a place.

Spelling as in the enumerations of B2MML V0701.
"""

from __future__ import annotations

from enum import StrEnum


class EquipmentLevel(StrEnum):
    """`EquipmentLevel` of the role-based equipment hierarchy."""

    ENTERPRISE = "Enterprise"
    SITE = "Site"
    AREA = "Area"
    PROCESS_CELL = "ProcessCell"
    UNIT = "Unit"
    PRODUCTION_LINE = "ProductionLine"
    WORK_CELL = "WorkCell"
    PRODUCTION_UNIT = "ProductionUnit"
    STORAGE_ZONE = "StorageZone"
    STORAGE_UNIT = "StorageUnit"
    WORK_CENTER = "WorkCenter"
    WORK_UNIT = "WorkUnit"
    EQUIPMENT_MODULE = "EquipmentModule"
    CONTROL_MODULE = "ControlModule"
    OTHER = "Other"


# The third level of the hierarchy: what stands between an area and its units.
WORK_CENTERS = frozenset(
    {
        EquipmentLevel.WORK_CENTER,
        EquipmentLevel.PRODUCTION_LINE,
        EquipmentLevel.PROCESS_CELL,
        EquipmentLevel.PRODUCTION_UNIT,
        EquipmentLevel.STORAGE_ZONE,
    }
)
# The fourth level, and what has a topic level of its own like it.
WORK_UNITS = frozenset(
    {
        EquipmentLevel.WORK_UNIT,
        EquipmentLevel.WORK_CELL,
        EquipmentLevel.UNIT,
        EquipmentLevel.STORAGE_UNIT,
        EquipmentLevel.OTHER,
    }
)
MODULES = frozenset({EquipmentLevel.EQUIPMENT_MODULE, EquipmentLevel.CONTROL_MODULE})

# What may stand below what. A module may hang below a unit or another module; everything may skip
# a level, except that nothing but an area stands directly below the site.
_DEPTH = (
    {EquipmentLevel.ENTERPRISE: 0, EquipmentLevel.SITE: 1, EquipmentLevel.AREA: 2}
    | dict.fromkeys(WORK_CENTERS, 3)
    | dict.fromkeys(WORK_UNITS, 4)
    | dict.fromkeys(MODULES, 5)
)


def depth(level: EquipmentLevel) -> int:
    """Return the level's depth in the hierarchy: 0 enterprise ... 4 work unit, 5 module."""
    return _DEPTH[level]


def may_contain(parent: EquipmentLevel, child: EquipmentLevel) -> bool:
    """Return whether equipment of one level may stand directly below equipment of another."""
    if depth(child) == 5:
        return depth(parent) >= 2
    return depth(parent) < depth(child)
