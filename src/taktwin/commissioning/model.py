"""The routes that a plan concerns, in the simulation's words: in comes a plant as it would be, out a line.

Each operation has a work center of the work units that can do it; what the plan expects of them is their
luck, the standard times are their means. Parts go through one by one. Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from taktwin.errors import ConfigError, Mistake
from taktwin.plant import schema
from taktwin.plant.registry import Registry
from taktwin.plant.routes import number_of, setups, stand_ins, work_units_of
from taktwin.simulation.distributions import Distribution, Exponential, Fixed, LogNormal
from taktwin.simulation.model import Failure, Machine, Plant, Product, Step, WorkCenter, unit_name

REPAIR_CV = 1.0  # repairs are skewed: many short ones, few long ones

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line as the simulation plays it."""

    plant: Plant
    work_units: Mapping[str, str]  # unit of the simulation -> work unit
    products: tuple[str, ...]  # that are made on it


def planned_line(registry: Registry, *, failures: bool = True) -> PlannedLine:
    """Return the line that a plan concerns: every work unit of the routes that it says or passes.

    Raises
    ------
    ConfigError
        If the plant has no plan.
    """
    if registry.plan is None:
        found = f"{registry.name}, as it stands"
        raise ConfigError([Mistake(registry.folder, 1, "plan", found, "the folder of a plan: see plan.yaml")])
    routes = {
        name: registry.routings[product.routing].operations
        for name, product in sorted(registry.products.items())
        if product.make and product.routing in registry.plan_routes
    }
    groups = stand_ins(registry, [operation for route in routes.values() for operation in route])
    center_of = {unit: "+".join(group) for group in groups for unit in group}
    centers = tuple(_center(registry, routes, group, failures=failures) for group in groups)
    set_up = frozenset(center.name for center in centers if center.setup_s)
    products = tuple(_product(registry, name, route, center_of, set_up) for name, route in routes.items())
    return PlannedLine(
        Plant(centers, products),
        {
            unit_name(center, n + 1): unit
            for center, group in zip(centers, groups, strict=True) for n, unit in enumerate(group)
        },
        tuple(routes),
    )  # fmt: skip


def expected_of(registry: Registry, unit: str) -> schema.Expected:
    """Return what the plan expects of a work unit; where it says nothing, the usual."""
    expected: schema.Expected = registry.plan.expected.get(unit, schema.Expected())
    return expected


def _center(
    registry: Registry, routes: Mapping[str, list[schema.Operation]], group: Group, *, failures: bool
) -> WorkCenter:
    here = [
        (registry.products[product].setup_family, operation)
        for product, route in routes.items() for operation in route
        if set(work_units_of(registry, operation)) <= set(group)
    ]  # fmt: skip
    before = {
        unit
        for route in routes.values() for earlier, later in itertools.pairwise(route)
        if set(work_units_of(registry, later)) & set(group) for unit in work_units_of(registry, earlier)
    }  # fmt: skip
    # A buffer that no part of these routes comes through, such as that of the way so far, is no place.
    places = [
        each.capacity for each in registry.buffers
        if set(each.targets) & set(group) and (not before or set(each.sources) & before)
    ]  # fmt: skip
    return WorkCenter(
        "+".join(group), len(group), sum(places) if places else None, setup_s=setups(here),
        machines={
            n + 1: Machine(failures=_failures(expected_of(registry, unit)) if failures else ())
            for n, unit in enumerate(group)
        },
    )  # fmt: skip


def _failures(expected: schema.Expected) -> tuple[Failure, ...]:
    if expected.fails_every_h is None:
        return ()
    repair = LogNormal(expected.repair_min * 60, REPAIR_CV)
    return (Failure(Exponential(expected.fails_every_h * 3600), repair),)


def _product(
    registry: Registry, name: str, route: list[schema.Operation], center_of: Mapping[str, str],
    set_up: frozenset[str],
) -> Product:  # fmt: skip
    steps = []
    for place, operation in enumerate(route):
        units = work_units_of(registry, operation)
        expected = expected_of(registry, units[0])
        steps.append(Step(
            str(number_of(place)), center_of[units[0]], _work(operation.standard_time_s, expected.work_cv),
            family=registry.products[name].setup_family if center_of[units[0]] in set_up else None,
            scrap=1.0 - expected.good,
        ))  # fmt: skip
    return Product(name, tuple(steps))


def _work(mean_s: float, cv: float) -> Distribution:
    return LogNormal(mean_s, cv) if mean_s > 0 and cv > 0 else Fixed(mean_s)
