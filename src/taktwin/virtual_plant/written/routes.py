"""What is made here and how: the registry's routings with their work units and what goes in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taktwin.plant.registry import Registry

STEP = 10  # operations are numbered 10, 20, 30


@dataclass(frozen=True, slots=True)
class Component:
    """Something that goes into one part."""

    product: str
    quantity: float
    serialised: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a route."""

    number: int
    name: str
    equipment_class: str
    work_units: tuple[str, ...]
    each_s: float  # standard time of one part
    setup_s: float
    components: tuple[Component, ...]
    skills: tuple[str, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class Route:
    """How one product is made."""

    product: str
    setup_family: str
    operations: tuple[Operation, ...]


def routes_of(registry: Registry) -> Mapping[str, Route]:
    """Return the route of each product that is made here."""
    by_class: dict[str, list[str]] = {}
    for unit in registry.work_units:
        by_class.setdefault(unit.class_id, []).append(str(unit.id))
    found: dict[str, Route] = {}
    for name, product in sorted(registry.products.items()):
        if not product.make or product.routing not in registry.routings:
            continue
        steps = registry.routings[product.routing].operations
        items = {item.product: item for item in product.bill_of_material}
        told = any(step.consumes for step in steps)
        operations = []
        for place, step in enumerate(steps):
            consumed = step.consumes if told else ([] if place else list(items))
            operations.append(
                Operation(
                    number=(place + 1) * STEP, name=step.name, equipment_class=step.equipment_class,
                    work_units=tuple(step.equipment or sorted(by_class.get(step.equipment_class, []))),
                    each_s=step.standard_time_s / step.batch, setup_s=step.setup_s,
                    components=tuple(
                        Component(each, items[each].quantity, registry.products[each].serialised)
                        for each in consumed
                    ),
                    skills=tuple(step.skills), last=place == len(steps) - 1,
                )
            )  # fmt: skip
        found[name] = Route(name, product.setup_family, tuple(operations))
    return found
