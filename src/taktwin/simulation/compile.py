"""From the model to arrays of records: comes in a `Plant`, goes out what the kernel reads.

The plant is checked first. A `Compiled` plant is the same for all runs and is never written to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from taktwin.simulation import kernel, streams
from taktwin.simulation.check import Finding, checked, same_orders
from taktwin.simulation.distributions import Distribution, Fixed, Shape, table
from taktwin.simulation.model import (
    STATES,
    FailureClock,
    Plant,
    Rule,
    WorkCenter,
    failure_entity,
    lots_of,
    price_units,
    reached,
    step_name,
    unit_name,
    whole_order,
)

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
    modes: Records
    others: npt.NDArray[np.int64]
    batches: Records
    pools: Records
    handed: npt.NDArray[np.int64]
    bases: npt.NDArray[np.int64]
    shares: npt.NDArray[np.int64]
    people: npt.NDArray[np.uint64]
    crew_calendars: npt.NDArray[np.int64]
    tariff: npt.NDArray[np.int64]
    power_kw: npt.NDArray[np.float64]  # (units, STATES)
    stock: tuple[int, ...]
    tables: npt.NDArray[np.float64]
    crew_people: tuple[int, ...]
    operators: int
    unit_names: tuple[str, ...]
    order_names: tuple[str, ...]

    @property
    def leaf_batch(self) -> int:
        """Return the first leaf of the furnaces."""
        return 2 * len(self.units) + len(self.products) + len(self.calendars) + 6

    @property
    def leaf_wait(self) -> int:
        """Return the first leaf of the units that work by order."""
        return self.leaf_batch + len(self.batches)

    @property
    def leaves(self) -> int:
        """Return how many things may have an event pending."""
        return self.leaf_wait + len(self.handed)

    def digest(self) -> str:
        """Return the hash of all that a run reads, and of the names of units and orders."""
        found = hashlib.blake2b(digest_size=16)
        for each in (*self.arrays(), *self.unit_names, *self.order_names):
            text = each.tobytes() if isinstance(each, np.ndarray) else str(each).encode()
            found.update(len(text).to_bytes(8, "little") + text)
        return found.hexdigest()

    def arrays(self) -> tuple[Any, ...]:
        """Return the first arguments of `kernel.simulate`."""
        return (
            self.units, self.centers, self.steps, self.products, self.orders,
            self.setups, self.families, self.skills, self.calendars, self.bill, self.deliveries,
            self.closings, self.openings, self.modes, self.others, self.batches, self.pools, self.handed,
            self.bases, self.shares, self.people, self.crew_calendars, self.tariff, self.tables,
        )  # fmt: skip


class _Tables:
    """Collects the tables of a plant, each shape once; row 0 is the fixed value."""

    def __init__(self) -> None:
        self.rows: dict[Shape, int] = {Fixed(1.0).shape: 0}

    def row(self, drawn: Distribution) -> int:
        return self.rows.setdefault(drawn.shape, len(self.rows))

    def array(self) -> npt.NDArray[np.float64]:
        return np.array([table(shape) for shape in self.rows])


def compiled(plant: Plant, like: Compiled | None = None) -> Compiled:
    """Return the plant as the kernel reads it.

    Parameters
    ----------
    like : a plant that differs little; what is the very same there is neither checked nor made again

    Raises
    ------
    ModelError
        If the plant has an error; warnings are kept in the answer.
    """
    warnings = checked(plant, like.plant if like else None)
    tables = _Tables()
    family_of = {name: place for place, name in enumerate(families_of(plant))}
    skills = sorted({skill for operator in plant.operators for skill in operator.skills})
    tools = sorted({tool.name for center in plant.centers for tool in center.tools})
    steps, products, others, endless = _routes(plant, tables, family_of, skills, tools)
    bill = _bill(plant, steps, products)
    units, centers, setups = _centers(plant, family_of, endless)
    modes = _modes(plant, units, tables, tools)
    closings, openings = _closures(plant)
    place_of = {product.name: place for place, product in enumerate(plant.products)}
    if like is not None and same_orders(plant, like.plant):
        orders, order_names = like.orders, like.order_names
    else:
        orders, order_names = _orders(plant, place_of)
    batches = _batches(plant, centers)
    pools, handed = _pools(plant, units, centers, steps)
    bases, shares = _job_orders(steps, products, orders)
    return Compiled(
        plant=plant, warnings=warnings, units=units, centers=centers, steps=steps, products=products,
        orders=orders, setups=setups, families=len(family_of),
        skills=np.array(
            [sum(1 << place for place, each in enumerate(plant.operators) if skill in each.skills)
             for skill in skills] or [0], np.uint64),
        calendars=_calendars(plant), bill=bill, deliveries=_deliveries(plant),
        closings=closings, openings=openings, modes=modes, others=others,
        batches=batches, pools=pools, handed=handed, bases=bases, shares=shares,
        people=_people(plant), crew_calendars=_crew_calendars(plant),
        tariff=_tariff(plant), power_kw=_power(plant),
        stock=tuple(each.stock for each in plant.materials), tables=tables.array(),
        crew_people=tuple(crew.people for crew in plant.crews), operators=len(plant.operators),
        unit_names=tuple(unit_name(c, place + 1) for c in plant.centers for place in range(c.units)),
        order_names=order_names,
    )  # fmt: skip


def _orders(plant: Plant, place_of: dict[str, int]) -> tuple[Records, tuple[str, ...]]:
    sequence = plant.orders_by_release
    lots = [(place, order, *lot) for place, order in enumerate(sequence) for lot in lots_of(order)]
    told = [order for _, order, _, _ in lots]
    orders = np.zeros(len(lots), kernel.ORDER)
    orders["order"] = [place for place, _, _, _ in lots]
    orders["entity"] = np.array([streams.entity("order", name) for _, _, name, _ in lots], np.uint64)
    orders["release"] = [plant.ticks(order.release_s) for order in told]
    orders["due"] = [kernel.FAR if o.due_s is None else plant.ticks(o.due_s) for o in told]
    orders["priority"] = [order.priority for order in told]
    orders["product"] = [place_of[order.product] for order in told]
    orders["quantity"] = [parts for _, _, _, parts in lots]
    wholes = {name: place for place, name in enumerate(wholes_of(plant))}
    orders["whole"] = [wholes[whole_order(order)] for order in told]
    return orders, tuple(order.name for order in sequence)


def wholes_of(plant: Plant) -> tuple[str, ...]:
    """Return the orders as work centers by order see them, in the sequence in which they are released."""
    return tuple(dict.fromkeys(whole_order(order) for order in plant.orders_by_release))


def families_of(plant: Plant) -> tuple[str | None, ...]:
    """Return the set-up families of a plant as they are numbered; the first is none."""
    named = {step.family for product in plant.products for step in product.steps}
    named |= {family for center in plant.centers for pair in center.setup_s for family in pair}
    return (None, *sorted(each for each in named if each is not None))


def _routes(
    plant: Plant, tables: _Tables, family_of: dict[str | None, int], skills: list[str], tools: list[str]
) -> tuple[Records, Records, npt.NDArray[np.int64], dict[str, int]]:
    """Return steps, products, alternatives, and the endless product of a work center by its name."""
    center_of = {center.name: place for place, center in enumerate(plant.centers)}
    steps = np.zeros(sum(len(product.steps) for product in plant.products), kernel.STEP)
    products = np.zeros(len(plant.products), kernel.PRODUCT)
    endless: dict[str, int] = {}
    others: list[int] = []
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
            row["tool"] = -1 if step.tool is None else tools.index(step.tool)
            if step.alternatives:
                row["other_first"] = len(others)
                others += [center_of[name] for name in step.alternatives]
                row["other_last"] = len(others)
            row["scrap"] = step.scrap
            row["ends"] = step.tool is not None or step.scrap > 0
            row["move"] = plant.ticks(step.move_s)
            row["good"] = step.good
            row["rework"] = -1 if step.rework_to is None else first + names.index(step.rework_to)
            row["rework_max"] = np.iinfo(np.int32).max if step.rework_max is None else step.rework_max
            row["pool"] = -1
            row["low"] = first + reached(product, number)
        first += len(names)
    return steps, products, np.array(others, np.int64), endless


def _centers(
    plant: Plant, family_of: dict[str | None, int], endless: dict[str, int]
) -> tuple[Records, Records, npt.NDArray[np.int64]]:
    calendar_of = {calendar.name: place for place, calendar in enumerate(plant.calendars)}
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
        row["pool"] = -1
        for (before, after), setup_s in center.setup_s.items():
            setups[place, family_of[before], family_of[after]] = plant.ticks(setup_s)
        for number in range(center.units):
            row = units[first + number]
            row["center"] = place
            calendar = center.calendar_of(number + 1)
            row["calendar"] = -1 if calendar is None else calendar_of[calendar]
            row["pace"] = center.pace_of(number + 1)
            row["is_batch"] = center.batch is not None
            row["hand"] = -1
        first += center.units
    return units, centers, setups.ravel()


def _modes(plant: Plant, units: Records, tables: _Tables, tools: list[str]) -> Records:
    """Return all ways in which units go down, and write into the units where theirs are."""
    crew_of: dict[str | None, int] = {crew.name: place for place, crew in enumerate(plant.crews)}
    crew_of[None] = -1
    waited_for = {each.unit for each in plant.closures if each.waits}
    rows: list[tuple[Any, ...]] = []

    def draws(drawn: Distribution) -> tuple[int, float]:
        return tables.row(drawn), drawn.mean_s / plant.tick_s

    def modes_of(center: WorkCenter, number: int) -> Iterator[tuple[Any, ...]]:
        name = unit_name(center, number)
        for failure in center.failures_of(number):
            entity = streams.entity("unit", failure_entity(name, failure))
            (fails, fail_ticks), (repair, repair_ticks) = draws(failure.time_to), draws(failure.repair)
            yield (entity, _CLOCKS[failure.clock], crew_of[failure.crew], fails, repair, fail_ticks,
                   repair_ticks, -1, 0)  # fmt: skip
        for tool in center.tools:
            change, ticks = draws(tool.change)
            entity = streams.entity("tool", f"{name}/{tool.name}")
            yield (entity, kernel.BY_PARTS, crew_of[tool.crew], 0, change, 0.0, ticks,
                   tools.index(tool.name), tool.life_parts)  # fmt: skip
        if name in waited_for:  # the last one: the kernel finds it there
            yield (0, kernel.BY_CLOSURE, -1, 0, 0, 0.0, 0.0, -1, 0)

    numbered = [(center, n + 1) for center in plant.centers for n in range(center.units)]
    for row, (center, number) in zip(units, numbered, strict=True):
        row["mode_first"] = len(rows)
        rows += modes_of(center, number)
        row["mode_last"] = len(rows)
    return np.array(rows, kernel.MODE)


def _batches(plant: Plant, centers: Records) -> Records:
    """Return how furnaces are filled, and take their units from those that a job may go to at once."""
    rows: list[tuple[int, ...]] = []
    for row, center in zip(centers, plant.centers, strict=True):
        if center.batch and not center.by_order:
            wait = kernel.FAR if center.batch.wait_max_s is None else plant.ticks(center.batch.wait_max_s)
            row["batch"], row["rule"] = len(rows), kernel.BY_BATCH
            rows.append(
                (
                    int(row["first"]),
                    int(row["last"]),
                    center.batch.parts_max,
                    center.batch.parts_min,
                    int(wait),
                )
            )
            row["first"] = row["last"] = 0
    return np.array(rows, kernel.BATCH)


def _pools(
    plant: Plant, units: Records, centers: Records, steps: Records
) -> tuple[Records, npt.NDArray[np.int64]]:
    """Return the work centers by order and their units, which no job may go to at once."""
    rows: list[tuple[int, ...]] = []
    handed: list[int] = []
    for place, (row, center) in enumerate(zip(centers, plant.centers, strict=True)):
        if center.by_order:
            patience_s, first, last = center.by_order.patience_s, int(row["first"]), int(row["last"])
            patience = kernel.FAR if patience_s is None else plant.ticks(patience_s)
            row["pool"] = len(rows)
            steps["pool"][steps["center"] == place] = len(rows)
            units["hand"][first:last] = np.arange(len(handed), len(handed) + last - first)
            most = center.batch.parts_max if center.batch else 0
            rows.append((first, last, len(handed), int(patience), most))
            handed += range(first, last)
            row["first"] = row["last"] = 0
    return np.array(rows, kernel.POOL), np.array(handed, np.int64)


def _job_orders(
    steps: Records, products: Records, orders: Records
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the job orders of each order begin, less the place of its first step; and their work."""
    shares: list[int] = []
    bases: list[int] = []
    if (steps["pool"] < 0).all():
        count = int(orders["whole"].max(initial=-1)) + 1
        return np.full(count, kernel.NO_BASE, np.int64), np.array(shares, np.int64)
    wholes, leads = np.unique(orders["whole"], return_index=True)
    parts = np.bincount(orders["whole"], orders["quantity"], minlength=len(wholes))
    for whole, lead in enumerate(leads):
        first, last = products[orders["product"][lead]][["first", "last"]].tolist()
        if (steps["pool"][first:last] < 0).all():
            bases.append(kernel.NO_BASE)
            continue
        bases.append(len(shares) - first)
        shares += (int(work * parts[whole] + 0.5) for work in steps["work"][first:last])
    return np.array(bases, np.int64), np.array(shares, np.int64)


def _people(plant: Plant) -> npt.NDArray[np.uint64]:
    sets = [
        sum(1 << place for place, each in enumerate(plant.operators) if each.calendar == calendar.name)
        for calendar in plant.calendars
    ]
    return np.array(sets, np.uint64)


def _crew_calendars(plant: Plant) -> npt.NDArray[np.int64]:
    place_of: dict[str | None, int] = {each.name: place for place, each in enumerate(plant.calendars)}
    place_of[None] = -1
    return np.array([place_of[crew.calendar] for crew in plant.crews], np.int64)


def _tariff(plant: Plant) -> npt.NDArray[np.int64]:
    if plant.tariff is None:
        return np.zeros((0, 2), np.int64)
    rows = [(plant.ticks(since), price_units(price)) for since, price in plant.tariff.prices]
    return np.array([*rows, (plant.ticks(plant.tariff.period_s), 0)], np.int64)


def _power(plant: Plant) -> npt.NDArray[np.float64]:
    return np.array(
        [[center.power_of(n + 1).get(state, 0.0) for state in STATES]
         for center in plant.centers for n in range(center.units)]
    )  # fmt: skip


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
    begins = [
        (plant.ticks(each.from_s), place_of[each.unit],
         plant.ticks(each.to_s) - plant.ticks(each.from_s) if each.waits else 0)
        for each in plant.closures
    ]  # fmt: skip
    ends = [(plant.ticks(each.to_s), place_of[each.unit]) for each in plant.closures if not each.waits]
    by_time = itemgetter(0)  # equal times stay as they are declared
    closings = np.array(sorted(begins, key=by_time), np.int64).reshape(-1, 3)
    return closings, np.array(sorted(ends, key=by_time), np.int64).reshape(-1, 2)


def _calendars(plant: Plant) -> npt.NDArray[np.int64]:
    edges = max((2 * len(calendar.on_s) for calendar in plant.calendars), default=0)
    rows = np.zeros((len(plant.calendars), 2 + edges), np.int64)
    for row, calendar in zip(rows, plant.calendars, strict=True):
        row[0] = plant.ticks(calendar.period_s)
        row[1] = 2 * len(calendar.on_s)
        row[2 : 2 + row[1]] = [plant.ticks(edge) for interval in calendar.on_s for edge in interval]
    return rows
