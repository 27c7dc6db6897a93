"""May this unit be built in, or worked on, here? One answer from one look: no step skipped or repeated."""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.mes.definitions.routes import Definition, Definitions
from taktwin.mes.definitions.versions import followed
from taktwin.mes.quality.rework import steps_of, under_way
from taktwin.mes.tracking.tables import CLOSED, RESTRICTED, Unit
from taktwin.storage.book import Reading


@dataclass(frozen=True, slots=True)
class RouteState:
    """Whether a unit may be worked on at a work unit, and why not."""

    may: bool
    code: str  # ok | rework | unknown | held | scrap | finished | elsewhere | repeated | skipped
    detail: str = ""
    operation: int = 0  # that it would be; 0: none of its route
    rework: str = ""  # and not its route: the rework of which this is the next step


def route_state(book: Reading, definitions: Definitions, unit: str, work_unit: str) -> RouteState:
    """Return whether a unit may be worked on at a work unit now.

    A unit that nobody has counted yet is `unknown`: whether the first operation that tells a number may
    begin with it says the job order that runs there, not the unit.
    """
    row = book.get(Unit, unit)
    if row is None:
        return RouteState(False, "unknown", f"nobody knows {unit}")
    if row.disposition == CLOSED:
        return RouteState(False, "scrap", row.reason)
    if row.disposition == RESTRICTED:
        return _restricted(book, definitions, row, work_unit)
    if row.finished_ns:
        return RouteState(False, "finished", "it has passed its last operation")
    definition = followed(book, definitions, row)
    return (
        RouteState(False, "unknown", f"the plant model has no route of {row.product}")
        if definition is None
        else on_route(definition, passed=row.operation, work_unit=work_unit)
    )


def _restricted(book: Reading, definitions: Definitions, row: Unit, work_unit: str) -> RouteState:
    rework = under_way(book, row.unit)
    if rework is not None:
        step = steps_of(rework)[rework.done]
        if definitions.classes.get(work_unit) == step.equipment_class:
            return RouteState(True, "rework", f"step {rework.done + 1}: {step.name}", rework=rework.rework)
    return RouteState(False, "held", row.reason)


def on_route(definition: Definition, *, passed: int, work_unit: str) -> RouteState:
    """Return whether the next operation of a route may be done at a work unit. Pure.

    passed : the last operation that the unit has passed; 0: none
    """
    here = [step for step in definition.operations if work_unit in step.work_units]
    if not here:
        return RouteState(False, "elsewhere", f"no operation of {definition.product} is done at {work_unit}")
    following = next((step for step in definition.operations if step.number > passed), None)
    if following is None:
        return RouteState(False, "finished", "it has passed its last operation")
    if following in here:
        return RouteState(True, "ok", following.name, following.number)
    if all(step.number <= passed for step in here):
        step = here[-1]
        return RouteState(False, "repeated", f"{step.name} is done; {following.name} is next", step.number)
    step = next(each for each in here if each.number > passed)
    missing = [each.name for each in definition.operations if passed < each.number < step.number]
    return RouteState(False, "skipped", f"{', '.join(missing)} before {step.name}", step.number)
