"""From the model to arrays of records: comes in a `Plant`, goes out what the kernel reads.

The plant is checked first. A `Compiled` plant is the same for all runs and is never written to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from taktwin.simulation import kernel, streams
from taktwin.simulation.check import Finding, checked
from taktwin.simulation.distributions import Distribution, Fixed, Shape, table
from taktwin.simulation.model import FailureClock, Plant, Rule, step_name, unit_name

Records = npt.NDArray[Any]

_RULES = {
    Rule.FIFO: kernel.FIFO, Rule.SHORTEST: kernel.SHORTEST, Rule.DUE: kernel.DUE,
    Rule.PRIORITY: kernel.PRIORITY, Rule.SETUP: kernel.BY_SETUP,
}  # fmt: skip
_CLOCKS = {FailureClock.WORKING: kernel.BY_WORKING, FailureClock.CALENDAR: kernel.BY_CALENDAR}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plant as the kernel reads it; names lead back from indices."""

    plant: Plant
    warnings: tuple[Finding, ...]
    units: Records
    centers: Records
    steps: Records
    products: Records
    orders: Records
    setups: npt.NDArray[np.int64]
    families: int  # with family 0, which is none
    skills: npt.NDArray[np.uint64]
    calendars: npt.NDArray[np.int64]
    bill: Records
    deliveries: Records
    closings: npt.NDArray[np.int64]
    openings: npt.NDArray[np.int64]
    stock: tuple[int, ...]
    tables: npt.NDArray[np.float64]
    crew_people: tuple[int, ...]
    operators: int
    unit_names: tuple[str, ...]
    order_names: tuple[str, ...]

    @property
    def leaves(self) -> int:
        """Return how many things may have an event pending, rounded up to a power of 2."""
        count = 2 * len(self.units) + len(self.products) + 1 + len(self.calendars) + 4
        return 1 << (count - 1).bit_length()

    def arrays(self) -> tuple[Any, ...]:
        """Return the first arguments of `kernel.simulate`."""
        return (
            self.units, self.centers, self.steps, self.products, self.orders,
            self.setups, self.families, self.skills, self.calendars, self.bill, self.deliveries,
            self.closings, self.openings, self.tables,
        )  # fmt: skip


class _Tables:
    """Collects the tables of a plant, each shape once; row 0 is the fixed value."""

    def __init__(self) -> None:
        self.rows: dict[Shape, int] = {Fixed(1.0).shape: 0}

    def row(self, drawn: Distribution) -> int:
        return self.rows.setdefault(drawn.shape, len(self.rows))

    def array(self) -> npt.NDArray[np.float64]:
        return np.array([table(shape) for shape in self.rows])


def compiled(plant: Plant) -> Compiled:
    """Return the plant as the kernel reads it.

    Raises
    ------
    ModelError
        If the plant has an error; warnings are kept in the answer.
    """
    warnings = checked(plant)
    tables = _Tables()
    family_of = {name: place for place, name in enumerate(families_of(plant))}
    skills = sorted({skill for operator in plant.operators for skill in operator.skills})
    steps, products, endless = _routes(plant, tables, family_of, skills)
    bill = _bill(plant, steps, products)
    units, centers, setups = _centers(plant, tables, family_of, endless)
    closings, openings = _closures(plant)
    place_of = {product.name: place for place, product in enumerate(plant.products)}
    orders = np.zeros(len(plant.orders), kernel.ORDER)
    for row, order in zip(orders, plant.orders_by_release, strict=True):
        row["entity"] = streams.entity("order", order.name)
        row["release"] = plant.ticks(order.release_s)
        row["due"] = kernel.FAR if order.due_s is None else plant.ticks(order.due_s)
        row["priority"] = order.priority
        row["product"] = place_of[order.product]
        row["quantity"] = order.quantity
    return Compiled(
        plant=plant, warnings=warnings, units=units, centers=centers, steps=steps, products=products,
        orders=orders, setups=setups, families=len(family_of),
        skills=np.array(
            [sum(1 << place for place, each in enumerate(plant.operators) if skill in each.skills)
             for skill in skills] or [0], np.uint64),
        calendars=_calendars(plant), bill=bill, deliveries=_deliveries(plant),
        closings=closings, openings=openings,
        stock=tuple(each.stock for each in plant.materials), tables=tables.array(),
        crew_people=tuple(crew.people for crew in plant.crews), operators=len(plant.operators),
        unit_names=tuple(unit_name(c, place + 1) for c in plant.centers for place in range(c.units)),
        order_names=tuple(order.name for order in plant.orders_by_release),
    )  # fmt: skip


def families_of(plant: Plant) -> tuple[str | None, ...]:
    """Return the set-up families of a plant as they are numbered; the first is none."""
    named = {step.family for product in plant.products for step in product.steps}
    named |= {family for center in plant.centers for pair in center.setup_s for family in pair}
    return (None, *sorted(each for each in named if each is not None))


def _routes(
    plant: Plant, tables: _Tables, family_of: dict[str | None, int], skills: list[str]
) -> tuple[Records, Records, dict[str, int]]:
    """Return steps, products, and the endless product of a work center by its name."""
    center_of = {center.name: place for place, center in enumerate(plant.centers)}
    steps = np.zeros(sum(len(product.steps) for product in plant.products), kernel.STEP)
    products = np.zeros(len(plant.products), kernel.PRODUCT)
    endless: dict[str, int] = {}
    first = 0
    for place, product in enumerate(plant.products):
        row = products[place]
        row["entity"] = streams.entity("product", product.name)
        row["first"], row["last"] = first, first + len(product.steps)
        row["balks"] = product.balks
        if product.arrivals:
            row["table"] = tables.row(product.arrivals)
            row["arrival"] = product.arrivals.mean_s / plant.tick_s
        if product.endless:
            endless[product.steps[0].center] = place
        names = [step.name for step in product.steps]
        for number, step in enumerate(product.steps):
            row = steps[first + number]
            row["entity"] = streams.entity("step", step_name(product, step))
            row["center"] = center_of[step.center]
            row["table"] = tables.row(step.work)
            row["work"] = step.work.mean_s / plant.tick_s
            row["family"] = family_of[step.family]
            row["skill"] = -1 if step.skill is None else skills.index(step.skill)
            row["move"] = plant.ticks(step.move_s)
            row["good"] = step.good
            row["rework"] = -1 if step.rework_to is None else first + names.index(step.rework_to)
            row["rework_max"] = np.iinfo(np.int32).max if step.rework_max is None else step.rework_max
        first += len(names)
    return steps, products, endless


def _centers(
    plant: Plant, tables: _Tables, family_of: dict[str | None, int], endless: dict[str, int]
) -> tuple[Records, Records, npt.NDArray[np.int64]]:
    calendar_of = {calendar.name: place for place, calendar in enumerate(plant.calendars)}
    crew_of = {crew.name: place for place, crew in enumerate(plant.crews)}
    width = len(family_of)
    units = np.zeros(sum(center.units for center in plant.centers), kernel.UNIT)
    centers = np.zeros(len(plant.centers), kernel.CENTER)
    setups = np.zeros((len(plant.centers), width, width), np.int64)
    first = 0
    for place, center in enumerate(plant.centers):
        row = centers[place]
        row["first"], row["last"] = first, first + center.units
        row["rule"] = _RULES[center.rule]
        row["endless"] = endless.get(center.name, -1)
        row["queue_max"] = kernel.FAR if center.queue_max is None else center.queue_max
        row["setup"] = place * width * width
        for (before, after), setup_s in center.setup_s.items():
            setups[place, family_of[before], family_of[after]] = plant.ticks(setup_s)
        for number in range(center.units):
            row = units[first + number]
            row["entity"] = streams.entity("unit", unit_name(center, number + 1))
            row["center"] = place
            row["calendar"] = -1 if center.calendar is None else calendar_of[center.calendar]
            row["pace"] = center.pace
            row["crew"] = -1
            if center.failure:
                failure = center.failure
                row["crew"] = -1 if failure.crew is None else crew_of[failure.crew]
                row["clock"] = _CLOCKS[failure.clock]
                row["fail_table"] = tables.row(failure.time_to)
                row["fail_ticks"] = failure.time_to.mean_s / plant.tick_s
                row["repair_table"] = tables.row(failure.repair)
                row["repair_ticks"] = failure.repair.mean_s / plant.tick_s
        first += center.units
    return units, centers, setups.ravel()


def _bill(plant: Plant, steps: Records, products: Records) -> Records:
    """Return the lines of all bills of material, and write into steps and products where theirs are."""
    place_of = {material.name: place for place, material in enumerate(plant.materials)}
    lines: list[tuple[int, int]] = []
    routed = [step for product in plant.products for step in product.steps]
    for row, step in zip(steps, routed, strict=True):
        row["bill_first"] = len(lines)
        lines += [(place_of[name], pieces) for name, pieces in step.materials.items()]
        row["bill_last"] = len(lines)
        row["needs"] = step.skill is not None or bool(step.materials)
    for row, product in zip(products, plant.products, strict=True):
        row["makes"] = -1 if product.makes is None else place_of[product.makes]
    return np.array(lines, kernel.BILL)


def _deliveries(plant: Plant) -> Records:
    place_of = {material.name: place for place, material in enumerate(plant.materials)}
    rows = [(plant.ticks(d.at_s), d.quantity, place_of[d.material], 0) for d in plant.deliveries_by_time]
    return np.array(rows, kernel.DELIVERY)


def _closures(plant: Plant) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the tick and unit of all beginnings, and of all ends, in the sequence in which they come."""
    names = [unit_name(center, n + 1) for center in plant.centers for n in range(center.units)]
    place_of = {name: place for place, name in enumerate(names)}
    begins = sorted(
        (plant.ticks(each.from_s), place, place_of[each.unit]) for place, each in enumerate(plant.closures)
    )
    ends = sorted(
        (plant.ticks(each.to_s), place, place_of[each.unit]) for place, each in enumerate(plant.closures)
    )
    closings, openings = (np.array(rows, np.int64).reshape(-1, 3)[:, ::2] for rows in (begins, ends))
    return np.ascontiguousarray(closings), np.ascontiguousarray(openings)


def _calendars(plant: Plant) -> npt.NDArray[np.int64]:
    edges = max((2 * len(calendar.on_s) for calendar in plant.calendars), default=0)
    rows = np.zeros((len(plant.calendars), 2 + edges), np.int64)
    for row, calendar in zip(rows, plant.calendars, strict=True):
        row[0] = plant.ticks(calendar.period_s)
        row[1] = 2 * len(calendar.on_s)
        row[2 : 2 + row[1]] = [plant.ticks(edge) for interval in calendar.on_s for edge in interval]
    return rows
