"""Readiness: may a job order run now, and if not, which one obstacle is first in its way? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class ObstacleKind(StrEnum):
    """What keeps a job order from running, in the order in which it is named."""

    HOLD = "hold"  # a lot at the work unit is restricted, or every part that waits for it
    MATERIAL = "material"  # nothing in the plant to build it from
    DOCUMENT = "document"  # how it is done is not in force
    LOAD = "load"  # it is in the plant, but not at the work unit
    MAINTENANCE = "maintenance"  # the work unit is under repair
    ASSET = "asset"  # something that the machine cannot do without was taken out
    TOOL = "tool"  # the tool or fixture that it needs may not be used or was taken out
    SKILL = "skill"  # nobody logged on there holds a certificate that it needs
    BEFORE = "before"  # the operation before has made nothing yet
    TURN = "turn"  # something else runs there


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One obstacle: of which kind, and whose name it has."""

    kind: ObstacleKind
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Supply:
    """What is known of one component of a job order."""

    product: str
    in_stock: float  # of lots that may be used
    loaded: str  # the lot at the work unit; "" = none
    loaded_left: float
    held_because: str  # "" = the loaded lot may be used


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What readiness looks at."""

    work_unit: str  # "" = not dispatched yet
    supplies: Sequence[Supply]
    before: str  # the job order of the operation before; "" = this is the first
    before_made: int
    documents: Sequence[str]  # work instructions that have to be in force, and are not
    running: str  # the other job order that runs on the work unit; "" = none
    skill_missing: str = ""  # that nobody at the work unit holds; "" = none
    under_repair: Obstacle | None = None  # the maintenance order that stops the work unit
    asset_missing: Obstacle | None = None  # a role of its machine that nothing fulfils
    tool_missing: Obstacle | None = None  # the first tool that it cannot do without
    held: str = ""  # a unit of the operation before, where all that wait there are restricted
    held_because: str = ""


def obstacle(now: Situation) -> Obstacle | None:
    """Return what is first in the way, None where a job order can run now."""
    for supply in now.supplies:
        if supply.loaded and supply.held_because:
            return Obstacle(ObstacleKind.HOLD, supply.loaded, supply.held_because)
    for supply in now.supplies:
        if supply.in_stock <= 0:
            return Obstacle(ObstacleKind.MATERIAL, supply.product)
    if now.documents:
        return Obstacle(ObstacleKind.DOCUMENT, now.documents[0])
    for supply in now.supplies:
        if now.work_unit and (not supply.loaded or supply.loaded_left <= 0):
            return Obstacle(ObstacleKind.LOAD, supply.product)
    if now.under_repair is not None:
        return now.under_repair
    if now.asset_missing is not None:
        return now.asset_missing
    if now.tool_missing is not None:
        return now.tool_missing
    if now.skill_missing:
        return Obstacle(ObstacleKind.SKILL, now.skill_missing, now.work_unit)
    if now.before and now.before_made == 0:
        return Obstacle(ObstacleKind.BEFORE, now.before)
    if now.held:
        return Obstacle(ObstacleKind.HOLD, now.held, now.held_because)
    if now.running:
        return Obstacle(ObstacleKind.TURN, now.running)
    return None
