"""What is made here and how: the registry's routings with their work units and what goes in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taktwin.plant.registry import Registry
from taktwin.plant.routes import consumed, number_of, work_units_of


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
    found: dict[str, Route] = {}
    for name, product in sorted(registry.products.items()):
        if not product.make or product.routing not in registry.routings:
            continue
        steps = registry.routings[product.routing].operations
        items = {item.product: item for item in product.bill_of_material}
        operations = []
        for place, step in enumerate(steps):
            operations.append(
                Operation(
                    number=number_of(place), name=step.name, equipment_class=step.equipment_class,
                    work_units=work_units_of(registry, step),
                    each_s=step.standard_time_s / step.batch, setup_s=step.setup_s,
                    components=tuple(
                        Component(each, items[each].quantity, registry.products[each].serialised)
                        for each in consumed(product, steps, place)
                    ),
                    skills=tuple(step.skills), last=place == len(steps) - 1,
                )
            )  # fmt: skip
        found[name] = Route(name, product.setup_family, tuple(operations))
    return found
