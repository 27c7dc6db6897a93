"""What may be wrong with a plan: a cell that nobody can reach, or that nobody can tell what to make.

In: a plant with a plan laid over it. Only what a commissioning would come to grief on is asked for here;
the plant as it would be has to pass all other checks too.
"""

from __future__ import annotations

from taktwin.contracts.machine_commands import ControlMachineJob
from taktwin.plant import schema
from taktwin.plant.load import Literally, Loaded, one_of
from taktwin.plant.references import known

STATE_AND_COUNT: tuple[schema.Role, ...] = ("state", "good_count")


def check(loaded: Loaded, plant: schema.Plant, roles: dict[str, set[str]]) -> None:
    """Note the mistakes of a plan; `roles` are those of the signals of each equipment."""
    plan = loaded.plan
    if plan is None:
        return
    for number, name in enumerate(plan.planned):
        _check_planned(loaded, plant, f"planned[{number}]", name, roles)
    for name, expected in plan.expected.items():
        if known(loaded, f"expected.{name}", name, "equipment", plant.equipment):
            _check_expected(loaded, f"expected.{name}", expected)
    routes = played_routes(plant, plan, loaded.changed.get("routings", frozenset()))
    if not routes:
        right = "a routing with an operation at a planned work unit, or a routing that the plan changes"
        loaded.add("planned", Literally("nothing that is ever made there"), right)
    reached = {
        unit for routing in routes for each in plant.routings[routing].operations
        for unit in units_of(plant, each)
    }  # fmt: skip
    for number, name in enumerate(plan.planned):
        if routes and name in plant.equipment and name not in reached:
            right = "a work unit at which some routing has an operation: nothing would ever be made there"
            loaded.add(f"planned[{number}]", name, right)
    for routing in routes:
        _check_route(loaded, plant, routing)


def units_of(plant: schema.Plant, operation: schema.Operation) -> list[str]:
    """Return the work units that can do an operation, by name."""
    if operation.equipment:
        return sorted(operation.equipment)
    return sorted(
        n for n, each in plant.equipment.items() if each.equipment_class == operation.equipment_class
    )


def played_routes(plant: schema.Plant, plan: schema.Plan, changed: frozenset[str]) -> list[str]:
    """Return the routings that the plan concerns, by name: those it says, or that pass what it plans."""
    return [
        name for name, routing in sorted(plant.routings.items())
        if name in changed
        or any(set(units_of(plant, each)) & set(plan.planned) for each in routing.operations)
    ]  # fmt: skip


def _check_planned(
    loaded: Loaded, plant: schema.Plant, at: str, name: str, roles: dict[str, set[str]]
) -> None:
    if not known(loaded, at, name, "equipment", plant.equipment):
        return
    if name not in loaded.changed.get("equipment", frozenset()):
        loaded.add(at, name, "a work unit that the plan itself adds: this one stands in the plant already")
        return
    for role in STATE_AND_COUNT:
        if role not in roles.get(name, set()):
            loaded.add(f"equipment.{name}", Literally(f"no {role}"),
                       f"a signal with role: {role}, without which nobody sees what it does")  # fmt: skip


def _check_expected(loaded: Loaded, at: str, expected: schema.Expected) -> None:
    if not 0 < expected.good <= 1:
        loaded.add(f"{at}.good", expected.good, "a share above 0, at most 1")
    if not 0 <= expected.work_cv <= 3:
        loaded.add(f"{at}.work_cv", expected.work_cv, "0 to 3")
    if expected.fails_every_h is not None and not 0.01 <= expected.fails_every_h <= 100_000:
        loaded.add(f"{at}.fails_every_h", expected.fails_every_h, "hours from 0.01 to 100000")
    if expected.fails_every_h is None and expected.repair_min != schema.Expected().repair_min:
        right = f"{at}.fails_every_h beside it: without that nothing fails, and nothing is repaired"
        loaded.add(f"{at}.repair_min", expected.repair_min, right)
    if not 0 < expected.repair_min <= 100_000:
        loaded.add(f"{at}.repair_min", expected.repair_min, "minutes above 0, at most 100000")


def _check_route(loaded: Loaded, plant: schema.Plant, name: str) -> None:
    operations = plant.routings[name].operations
    if not operations:
        loaded.add(f"routings.{name}.operations", [], "an operation at least: nothing is made on this route")
    made = {product for product, each in plant.products.items() if each.make}
    for number, operation in enumerate(operations):
        at = f"routings.{name}.operations[{number}]"
        units = units_of(plant, operation)
        if not units:
            continue  # said by the check of routings
        joined = sorted(set(operation.consumes) & made)
        if joined:
            loaded.add(f"{at}.consumes", joined, "bought material: a commissioning plays no joining yet")
        _check_alike(loaded, units)
        _check_receivers(loaded, plant, at, units)
        earlier = {unit for each in operations[:number] for unit in units_of(plant, each)}
        again = sorted(earlier & set(units))
        if again:
            right = "work units that parts of this route come to once: a commissioning plays no way back yet"
            loaded.add(at, again, right)
        if operation.batch > 1:
            loaded.add(f"{at}.batch", operation.batch, "1: a commissioning plays no furnace yet")
        if number == 0:
            _check_told(loaded, plant, at, units)
        else:
            _check_way(loaded, plant, at, units_of(plant, operations[number - 1]), units)


def _check_alike(loaded: Loaded, units: list[str]) -> None:
    """Parts take whichever of these is free: how good and how steady their work is, is played as one."""
    assert loaded.plan
    promised = {unit: loaded.plan.expected.get(unit, schema.Expected()) for unit in units}
    for field in ("good", "work_cv"):
        values = {unit: getattr(each, field) for unit, each in promised.items()}
        usual = getattr(schema.Expected(), field)
        odd = next((unit for unit, value in values.items() if value != usual), "")  # so the plan says it
        other = next((unit for unit, value in values.items() if odd and value != values[odd]), "")
        if other:
            right = f"{values[other]}, as expected of {other}: parts take either, and both are played alike"
            loaded.add(f"expected.{odd}.{field}", values[odd], right)


def _check_receivers(loaded: Loaded, plant: schema.Plant, at: str, units: list[str]) -> None:
    """Each receiver of job orders is one of its own: what one is told, another would take for its own."""
    for unit in units:
        mine = plant.equipment[unit]
        others = [
            name for name, each in plant.equipment.items()
            if mine.job_control and name != unit
            and (each.connection, each.job_control) == (mine.connection, mine.job_control)
        ]  # fmt: skip
        if others:
            right = f"a node of its own: {others[0]} has this one on {mine.connection} already"
            loaded.add(f"equipment.{unit}.job_control", mine.job_control, right)


def _check_told(loaded: Loaded, plant: schema.Plant, at: str, units: list[str]) -> None:
    """The first of a route begins parts by its job order alone: somebody has to tell it."""
    for unit in units:
        if not plant.equipment[unit].job_control:
            right = f"job_control at {unit}: the first of a route begins what its job order says"
            loaded.add(at, unit, right)
        elif ControlMachineJob.command_name not in plant.permits.get(unit, {}):
            right = (
                f"permits.{unit}.{ControlMachineJob.command_name}: else the commander gives it no job order"
            )
            loaded.add(at, unit, right)


def _check_way(loaded: Loaded, plant: schema.Plant, at: str, before: list[str], units: list[str]) -> None:
    """Parts have to get from each unit before to one of these."""
    for source in before:
        leads = {t for each in plant.buffers.values() if source in each.sources for t in each.targets}
        if not leads & set(units) and source not in units:
            right = f"a buffer from {source} to {one_of('', units)}, or parts have no way there"
            loaded.add(at, Literally("no way"), right)
