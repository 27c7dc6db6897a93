"""Routes as every room reads them: numbers of operations, who can do them, what goes in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from taktwin.plant import schema
from taktwin.plant.registry import Registry

STEP = 10  # operations are numbered 10, 20, 30: there is room between them


def number_of(place: int) -> int:
    """Return the number of the operation at a place of a route, counted from 0."""
    return (place + 1) * STEP


def place_of(number: int) -> int:
    """Return where the operation of a number stands in its route, counted from 0."""
    return number // STEP - 1


def work_units_of(registry: Registry, operation: schema.Operation) -> tuple[str, ...]:
    """Return the work units that can do an operation: those it names, else all of its class, by name."""
    if operation.equipment:
        return tuple(operation.equipment)
    return tuple(
        sorted(str(each.id) for each in registry.work_units if each.class_id == operation.equipment_class)
    )


def made_at(registry: Registry) -> dict[str, dict[str, str]]:
    """Return of each work unit what it may say that it works on -> the product of the routing.

    A cell at the head of an assembly may name the part that it takes instead of the product.
    """
    found: dict[str, dict[str, str]] = {}
    parts: dict[str, dict[str, set[str]]] = {}
    for name, product in sorted(registry.products.items()):
        if not (product.make and product.routing in registry.routings):
            continue
        for operation in registry.routings[product.routing].operations:
            for unit in work_units_of(registry, operation):
                found.setdefault(unit, {})[name] = name
                for item in product.bill_of_material:
                    parts.setdefault(unit, {}).setdefault(item.product, set()).add(name)
    for unit, taken in parts.items():
        for part, names in taken.items():
            if len(names) == 1 and part not in found[unit]:
                found[unit][part] = next(iter(names))
    return found


def stand_ins(registry: Registry, operations: Iterable[schema.Operation]) -> list[tuple[str, ...]]:
    """Return the work units that stand in for each other, directly or by way of others; each by name."""
    groups: list[set[str]] = []
    for units in {work_units_of(registry, each) for each in operations} - {()}:
        touched = [group for group in groups if group & set(units)]
        groups = [group for group in groups if group not in touched]
        groups.append(set(units).union(*touched))
    return sorted(tuple(sorted(group)) for group in groups)


def consumed(product: schema.Product, route: Sequence[schema.Operation], place: int) -> list[str]:
    """Return what of a product's bill of material goes in at a place of its route.

    Where no operation says so, the first takes all.
    """
    if any(each.consumes for each in route):
        return list(route[place].consumes)
    return [] if place else [item.product for item in product.bill_of_material]


def setups(done: Iterable[tuple[str, schema.Operation]]) -> dict[tuple[str | None, str], float]:
    """Return the seconds of set-up at a place by (family before, family after).

    A product without a family is of one too, as the MES schedules: the change to it and from it is one.

    Parameters
    ----------
    done : what is done at the place: the set-up family of the product, and the operation
    """
    done = list(done)
    families = {family for family, _ in done}
    return {
        (before, after): operation.setup_s
        for after, operation in done if operation.setup_s > 0
        for before in families - {after}
    }  # fmt: skip
