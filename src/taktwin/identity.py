"""Names of things, kept apart by type: the role is not the thing, the thing is not the signal.

An `EquipmentId` is the short name of a role, unique within a plant (`turn1`); its `Place` says
where it stands in the ISA-95 hierarchy. A `SignalId` is `<equipment id>/<path>` (`turn1/spindle/load`).
"""

from __future__ import annotations

import re
from typing import NamedTuple, NewType

EquipmentId = NewType("EquipmentId", str)
PhysicalAssetId = NewType("PhysicalAssetId", str)
SignalId = NewType("SignalId", str)

LEVEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
ABSENT = "-"


class Place(NamedTuple):
    """The five levels of a topic; a level that a thing does not have is `-`."""

    enterprise: str
    site: str
    area: str = ABSENT
    line: str = ABSENT
    cell: str = ABSENT

    def __str__(self) -> str:
        return "/".join(self)


def is_level_name(name: str) -> bool:
    """Return whether a name may be one level of a topic: `[a-z0-9][a-z0-9_-]*`."""
    return LEVEL_NAME.match(name) is not None


def reaches(scope: str, place: str) -> bool:
    """Return whether a part of the hierarchy (`aurora/northfield/machining`) holds a place, or is it."""
    levels = scope.split("/")
    return bool(scope) and place.split("/")[: len(levels)] == levels


def part_of(place: Place) -> str:
    """Return a place as a part of the hierarchy: without the levels that it does not have at its end."""
    text = str(place)
    while text.endswith(f"/{ABSENT}"):
        text = text.removesuffix(f"/{ABSENT}")
    return text
