"""What is wrong with a plant before anything runs: comes in a `Plant`, goes out what was found.

Errors are what no run could be right with: a name that nobody declares, a step that nothing reaches,
a skill that nobody has. Warnings are what a run will show, only later and at more cost: a work
center with more work than time, a ring of finite queues that can lock up.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from functools import cache, lru_cache
from itertools import pairwise
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from taktwin.errors import TaktwinError
from taktwin.simulation.distributions import Distribution, Shape, table
from taktwin.simulation.model import (
    STATES,
    Failure,
    FailureClock,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    WorkCenter,
    centers_of,
    unit_name,
    whole_order,
)

OPERATORS_MAX = 64  # a bit each
LEAVES_MAX = 1 << 14  # of the kernel's tree: what may have an event pending
TICKS_MAX = 1 << 47  # of any single span: 4,400 years of milliseconds
PRICE_MAX = 30.0  # of a kilowatt hour: millionths of it by ticks fit a word for 9 years of milliseconds
PRIORITY_MAX = 1e9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what was found, what would be right."""

    place: str
    found: str
    expected: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.found}: expected {self.expected}"


class ModelError(TaktwinError):
    """A plant that cannot be simulated; its text has a line for each error."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(each) for each in self.findings))


def check(plant: Plant, like: Plant | None = None) -> tuple[Finding, ...]:
    """Return all findings, errors first; names are looked at before anything is computed from them.

    What is the very same as in a plant `like` this one, which was checked already, is of the right kind there
    too, and such orders are not looked at again: there are many of them, and few scenarios change them.
    """
    orders = () if same_orders(plant, like) else plant.orders
    if odd := list(_kinds(Plant, plant, "plant", like)):
        return tuple(odd)  # nothing can be computed from them
    errors = [*_names(plant, orders), *_values(plant, orders)]
    if errors:
        return tuple(errors)
    return (
        *_unreachable(plant),
        *_timeless(plant),
        *_overload(plant),
        *_rings(plant),
        *_families(plant),
        *_missing(plant),
    )


def declared(kind: type) -> dict[str, Any]:
    """Return the declared type of each field of a class."""
    return _hints(kind)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _kinds(kind: Any, value: Any, place: str, like: Any = None) -> Iterator[Finding]:
    """Find what is of another kind than its field declares: `rule="due"` is no Rule, True no count.

    One engine might take it for what was meant and the other not. `like` is of the right kind; what is the
    very same in it is not looked at.
    """
    if type(value) is kind and not is_dataclass(value):
        return
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        choices = [each for each in inner if each is not NoneType]
        if value is None and len(choices) < len(inner):
            return
        kind = next((each for each in choices if type(value) is each), choices[0])
        if kind is not type(value) and len(choices) > 1:
            yield Finding(place, repr(value), _one_of([each.__name__ for each in choices]))
        else:
            yield from _kinds(kind, value, place)
    elif origin in (tuple, frozenset):
        if isinstance(value, str) or not isinstance(value, tuple | list | frozenset | set):
            yield Finding(place, repr(value), f"a {origin.__name__}")
            return
        pairs = origin is tuple and inner[-1] is not Ellipsis
        if pairs and len(value) != len(inner):
            yield Finding(place, repr(value), f"{len(inner)} values")
            return
        known = {id(each) for each in like} if isinstance(like, tuple) else ()
        for number, each in enumerate(value):
            if id(each) in known:
                continue
            yield from _kinds(inner[number] if pairs else inner[0], each, _inside(place, each, number))
    elif origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            yield Finding(place, repr(value), "a mapping")
            return
        for key, each in value.items():
            yield from _kinds(inner[0], key, f"{place}, key {key!r}")
            yield from _kinds(inner[1], each, f"{place}, {key!r}")
    elif isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, kind):
            yield Finding(place, repr(value), f"a {kind.__name__}")
            return
        for name, hint in declared(kind).items():
            said, same = getattr(value, name), getattr(like, name, None)
            if type(said) is not hint and (said is not same or same is None):
                yield from _kinds(hint, said, f"{place}, {name}", same)
    elif kind in (int, float):
        wanted = Integral if kind is int else Real
        if isinstance(value, bool) or not isinstance(value, wanted):
            yield Finding(place, repr(value), "a whole number" if kind is int else "a number")
    elif not isinstance(value, kind):
        members = [str(each) for each in kind] if issubclass(kind, StrEnum) else []
        right = f"a {kind.__name__}" + (f": {_one_of(members)}" if members else "")
        yield Finding(place, repr(value), right)


def _inside(place: str, value: Any, number: int) -> str:
    """Return the place of a value in a list: by its name if it has one."""
    name = getattr(value, "name", None)
    if not is_dataclass(value) or not name:
        return f"{place}[{number}]"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(value).__name__).lower()
    outer = place.rpartition(", ")[0]
    return f"{words} {name}" if outer == "plant" else f"{outer}, {words} {name}"


def same_orders(plant: Plant, like: Plant | None) -> bool:
    """Return whether the orders mean the same in both plants, seen without looking at each."""
    return (
        like is not None
        and plant.orders is like.orders
        and plant.tick_s == like.tick_s
        and [product.name for product in plant.products] == [product.name for product in like.products]
    )


def checked(plant: Plant, like: Plant | None = None) -> tuple[Finding, ...]:
    """Return the warnings of a plant.

    Raises
    ------
    ModelError
        If it has an error.
    """
    findings = check(plant, like)
    if any(each.is_error for each in findings):
        raise ModelError(each for each in findings if each.is_error)
    return findings


def _names(plant: Plant, orders: tuple[Order, ...]) -> Iterator[Finding]:
    kinds = {
        "work center": [each.name for each in plant.centers],
        "product": [each.name for each in plant.products],
        "order": [each.name for each in orders],
        "operator": [each.name for each in plant.operators],
        "crew": [each.name for each in plant.crews],
        "calendar": [each.name for each in plant.calendars],
        "material": [each.name for each in plant.materials],
        **{
            f"product {product.name}: step": [step.name for step in product.steps]
            for product in plant.products
        },
    }
    for kind, names in kinds.items():
        for name, times in Counter(names).items():
            if times > 1:
                yield Finding(f"{kind} {name}", f"declared {times} times", "each name once")

    def known(place: str, kind: str, name: str | None) -> Iterator[Finding]:
        if name is not None and name not in kinds[kind]:
            yield Finding(place, f"unknown {kind} {name!r}", _one_of(kinds[kind]))

    for center in plant.centers:
        place = f"work center {center.name}"
        yield from known(place, "calendar", center.calendar)
        for states in (center.power_kw, *(machine.power_kw or {} for machine in center.machines.values())):
            for state in states:
                if state not in STATES:
                    yield Finding(place, f"power in the unknown state {state!r}", _one_of(list(STATES)))
        for number, machine in center.machines.items():
            yield from known(f"unit {unit_name(center, number)}", "calendar", machine.calendar)
        for number in range(1, center.units + 1):
            kinds_of = [each.name for each in center.failures_of(number)]
            if len(set(kinds_of)) < len(kinds_of):
                yield Finding(f"unit {unit_name(center, number)}", f"kinds of failure {kinds_of}",
                              "a name each")  # fmt: skip
        crews = {each.crew for each in _all_failures(center)} | {tool.crew for tool in center.tools}
        for crew in sorted(each for each in crews if each is not None):
            yield from known(place, "crew", crew)
        for number in center.machines:
            if not 1 <= number <= center.units:
                yield Finding(place, f"machine {number}", f"1 to {center.units}")
        tools = [tool.name for tool in center.tools]
        if len(set(tools)) < len(tools):
            yield Finding(place, f"tools {tools}", "each name once")
    for operator in plant.operators:
        yield from known(f"operator {operator.name}", "calendar", operator.calendar)
    for each in plant.crews:
        yield from known(f"crew {each.name}", "calendar", each.calendar)
    skills = sorted({skill for operator in plant.operators for skill in operator.skills})
    for product in plant.products:
        steps = [step.name for step in product.steps]
        for step in product.steps:
            place = f"product {product.name}, step {step.name}"
            for name in centers_of(step):
                yield from known(place, "work center", name)
            if len(set(centers_of(step))) <= len(step.alternatives):
                yield Finding(place, f"work centers {', '.join(centers_of(step))}", "each one once")
            tools = sorted({t.name for c in plant.centers for t in c.tools if c.name in centers_of(step)})
            if step.tool is not None and step.tool not in tools:
                yield Finding(place, f"tool {step.tool!r} that none of its units has", _one_of(tools))
            for material in step.materials:
                yield from known(place, "material", material)
            if step.skill is not None and step.skill not in skills:
                yield Finding(place, f"skill {step.skill!r} that no operator has", _one_of(skills))
            if step.rework_to is not None and step.rework_to not in steps:
                yield Finding(place, f"rework to the unknown step {step.rework_to!r}", _one_of(steps))
        yield from known(f"product {product.name}", "material", product.makes)
    for delivery in plant.deliveries:
        yield from known(f"delivery at {delivery.at_s:g} s", "material", delivery.material)
    for order in orders:
        yield from known(f"order {order.name}", "product", order.product)
    units = [unit_name(center, n + 1) for center in plant.centers for n in range(center.units)]
    for closure in plant.closures:
        if closure.unit not in units:
            yield Finding("closure", f"unknown unit {closure.unit!r}", _one_of(units))


def _one_of(names: list[str]) -> str:
    return f"one of {', '.join(names)}" if names else "it to be declared: there is none"


def _all_failures(center: WorkCenter) -> Iterator[Failure]:
    for number in range(1, center.units + 1):
        yield from center.failures_of(number)


@lru_cache(maxsize=256)
def _top(shape: Shape) -> float:
    return float(table(shape).max())


def _values(plant: Plant, orders: tuple[Order, ...]) -> Iterator[Finding]:
    def wanted(place: str, holds: bool, found: str, expected: str) -> Iterator[Finding]:
        if not holds:
            yield Finding(place, found, expected)

    def drawable(place: str, drawn: Distribution, times: float = 1.0) -> Iterator[Finding]:
        longest = drawn.mean_s / plant.tick_s * _top(drawn.shape) * times
        yield from wanted(place, longest < TICKS_MAX, f"up to {longest:.2g} ticks at once",
                          f"fewer than {TICKS_MAX:.2g}: a coarser tick")  # fmt: skip

    yield from wanted("plant", bool(plant.centers), "no work center", "at least one")
    yield from wanted("plant", 0 < plant.tick_s < math.inf, f"tick_s = {plant.tick_s}", "a number above 0")
    if not 0 < plant.tick_s < math.inf:
        return
    yield from wanted("plant", len(plant.operators) <= OPERATORS_MAX, f"{len(plant.operators)} operators",
                      f"at most {OPERATORS_MAX}")  # fmt: skip
    units = sum(each.units for each in plant.centers)
    waits = sum(1 if each.batch else each.units for each in plant.centers if each.batch or each.by_order)
    leaves = 2 * units + len(plant.products) + len(plant.calendars) + 6 + waits
    yield from wanted(
        "plant", leaves <= LEAVES_MAX, f"{leaves} things with a time of their own", f"{LEAVES_MAX}"
    )
    for center in plant.centers:
        place = f"work center {center.name}"
        yield from wanted(place, center.units >= 1, f"{center.units} units", "1 or more")
        for number in range(1, center.units + 1):
            pace = center.pace_of(number)
            yield from wanted(place, 0 < pace < math.inf, f"pace {pace}", "a number above 0")
        limit = center.queue_max
        yield from wanted(place, limit is None or limit >= 0, f"queue_max {limit}", "0 or more, or None")
        for pair, setup_s in center.setup_s.items():
            yield from wanted(place, 0 <= setup_s < math.inf, f"set-up {pair} of {setup_s} s", "0 or more")
        for failure in _all_failures(center):
            yield from drawable(place, failure.time_to)
            yield from drawable(place, failure.repair)
            yield from wanted(place, plant.ticks(failure.time_to.mean_s) >= 1,
                              "a mean time to failure below a tick", "a tick or more")  # fmt: skip
        for tool in center.tools:
            yield from drawable(place, tool.change)
            yield from wanted(place, tool.life_parts >= 1, f"tool {tool.name} of {tool.life_parts} parts",
                              "1 or more")  # fmt: skip
    paces = [center.pace_of(n + 1) for center in plant.centers for n in range(center.units)]
    slowest = 1 / min((pace for pace in paces if pace > 0), default=1.0)
    parts_max: dict[str, float] = {}
    for product in plant.products:
        place = f"product {product.name}"
        longest = max((each.work.mean_s * _top(each.work.shape) for each in product.steps), default=0.0)
        ticks_a_part = longest * slowest / plant.tick_s
        parts_max[product.name] = TICKS_MAX / ticks_a_part if 0 < ticks_a_part < TICKS_MAX else math.inf
        yield from wanted(place, bool(product.steps), "no step", "at least one")
        if product.arrivals:
            yield from drawable(place, product.arrivals)
            yield from wanted(place, plant.ticks(product.arrivals.mean_s) >= 1,
                              "a mean time between arrivals below a tick", "a tick or more")  # fmt: skip
        for step in product.steps:
            place = f"product {product.name}, step {step.name}"
            yield from drawable(place, step.work, slowest)
            yield from wanted(place, 0 <= step.good <= 1, f"good = {step.good}", "a probability")
            yield from wanted(place, 0 <= step.scrap < 1, f"scrap = {step.scrap}", "a probability below 1")
            yield from wanted(place, 0 <= step.move_s < math.inf, f"move_s = {step.move_s}", "0 or more")
            for material, pieces in step.materials.items():
                yield from wanted(place, pieces >= 1, f"{pieces} of {material}", "1 or more")
    for material_ in plant.materials:
        place = f"material {material_.name}"
        yield from wanted(place, material_.stock >= 0, f"a stock of {material_.stock}", "0 or more")
    for delivery in plant.deliveries:
        place = f"delivery of {delivery.material}"
        yield from wanted(place, delivery.quantity >= 1, f"{delivery.quantity} pieces", "1 or more")
        is_instant = 0 <= delivery.at_s / plant.tick_s < TICKS_MAX
        yield from wanted(place, is_instant, f"at_s {delivery.at_s}", "an instant from 0 on")
    for closure in plant.closures:
        rises = 0 <= plant.ticks(closure.from_s) < plant.ticks(closure.to_s)
        yield from wanted(f"closure of {closure.unit}", rises and closure.to_s / plant.tick_s < TICKS_MAX,
                          f"from {closure.from_s:g} to {closure.to_s:g} s", "0 <= from < to")  # fmt: skip
    for crew in plant.crews:
        yield from wanted(f"crew {crew.name}", crew.people >= 1, f"{crew.people} people", "1 or more")
    for order in orders:
        place = f"order {order.name}"
        yield from wanted(place, order.quantity >= 1, f"quantity {order.quantity}", "1 or more")
        most = parts_max.get(order.product, math.inf)
        yield from wanted(place, order.quantity < most, f"quantity {order.quantity}",
                          f"fewer than {most:.0f}: more may take longer than the ticks count")  # fmt: skip
        yield from wanted(place, 1 <= order.lots <= max(1, order.quantity), f"{order.lots} lots",
                          "1 or more, none without a part")  # fmt: skip
        is_rank = -PRIORITY_MAX <= order.priority <= PRIORITY_MAX
        yield from wanted(place, is_rank, f"priority {order.priority}", f"within {PRIORITY_MAX:g} of 0")
        yield from wanted(place, 0 <= order.release_s < math.inf, f"release_s {order.release_s}", "0 or more")
        ends = max(order.release_s, order.due_s or 0) / plant.tick_s
        yield from wanted(place, ends < TICKS_MAX, "an instant beyond all ticks", "a coarser tick")
    for calendar in plant.calendars:
        place = f"calendar {calendar.name}"
        edges = [edge for interval in calendar.on_s for edge in interval]
        ticks = [plant.ticks(edge) for edge in edges]
        yield from wanted(place, bool(edges), "no interval", "at least one")
        rises = all(a < b for a, b in zip(ticks[::2], ticks[1::2], strict=True)) and ticks == sorted(ticks)
        inside = not ticks or (ticks[0] >= 0 and ticks[-1] <= plant.ticks(calendar.period_s))
        yield from wanted(place, rises and inside, f"intervals {calendar.on_s}",
                          f"rising and apart, within 0 and {calendar.period_s:g} s")  # fmt: skip
    yield from _furnaces(plant)
    yield from _by_order(plant, orders)
    yield from _prices(plant)
    endless = Counter(
        product.steps[0].center for product in plant.products if product.endless and product.steps
    )
    for name, times in endless.items():
        yield from wanted(f"work center {name}", times == 1, f"{times} endless products begin here", "one")


def _furnaces(plant: Plant) -> Iterator[Finding]:
    begins = {product.steps[0].center for product in plant.products if product.endless and product.steps}
    takes = {name for p in plant.products for step in p.steps if step.materials for name in centers_of(step)}
    for center in plant.centers:
        if not center.batch:
            continue
        place, batch = f"work center {center.name}, batch", center.batch
        if not 1 <= batch.parts_min <= batch.parts_max:
            yield Finding(
                place, f"{batch.parts_min} to {batch.parts_max} parts", "1 or more, least before most"
            )
        if batch.wait_max_s is not None and not 0 <= batch.wait_max_s / plant.tick_s < TICKS_MAX:
            yield Finding(place, f"wait_max_s {batch.wait_max_s}", "0 or more, or None")
        if center.by_order and (batch.parts_min != 1 or batch.wait_max_s is not None):
            yield Finding(place, f"parts_min {batch.parts_min}, wait_max_s {batch.wait_max_s}",
                          "neither: by order it goes full, or with all that still come")  # fmt: skip
        if not center.by_order and (center.queue_max is not None or center.rule is not Rule.FIFO):
            yield Finding(place, f"a queue of {center.queue_max} by {center.rule}", "no limit, fifo")
        if center.name in begins or center.name in takes:
            yield Finding(place, "an endless product, or steps that take material", "neither")


def _by_order(plant: Plant, orders: tuple[Order, ...]) -> Iterator[Finding]:
    by_order = {center.name for center in plant.centers if center.by_order}
    for center in plant.centers:
        patience_s = center.by_order.patience_s if center.by_order else None
        if patience_s is not None and not 0 <= patience_s / plant.tick_s < TICKS_MAX:
            yield Finding(f"work center {center.name}, by_order", f"patience_s {patience_s}", "0 or more")
    for product in plant.products:
        for step in product.steps:
            place, mixed = (
                f"product {product.name}, step {step.name}",
                by_order.intersection(centers_of(step)),
            )
            if mixed and step.alternatives:
                yield Finding(place, f"alternatives with {', '.join(sorted(mixed))}, which works by order",
                              "one work center")  # fmt: skip
            if mixed and (product.arrivals or product.endless):
                yield Finding(place, f"parts without an order at {step.center}, which works by order",
                              "orders only")  # fmt: skip
    made: dict[str, Order] = {}
    for order in orders:
        first = made.setdefault(whole_order(order), order)
        if first.product != order.product:
            yield Finding(f"order {order.name}", f"{order.product}, belongs to {whole_order(order)}",
                          f"{first.product}, as {first.name}")  # fmt: skip


def _prices(plant: Plant) -> Iterator[Finding]:
    for center in plant.centers:
        for number in range(1, center.units + 1):
            for state, power in center.power_of(number).items():
                if not 0 <= power < math.inf:
                    yield Finding(f"work center {center.name}", f"{power} kW {state}", "0 or more")
    if plant.tariff:
        edges = [plant.ticks(since) for since, _ in plant.tariff.prices]
        edges.append(plant.ticks(plant.tariff.period_s))
        if edges[0] != 0 or any(a >= b for a, b in pairwise(edges)):
            yield Finding("tariff", f"prices from {edges[:-1]} ticks", f"rising from 0, below {edges[-1]}")
        if not all(abs(price) < PRICE_MAX for _, price in plant.tariff.prices):
            yield Finding("tariff", "a price that is none", f"less than {PRICE_MAX}")


def visits(product: Product) -> tuple[float, ...]:
    """Return how often a job of the product comes to each of its steps, on average, rework unlimited."""
    n = len(product.steps)
    flow = np.eye(n)
    for place, step in enumerate(product.steps):
        if place + 1 < n:
            flow[place + 1, place] -= step.good
        if step.rework_to is not None:
            back = [each.name for each in product.steps].index(step.rework_to)
            flow[back, place] -= 1 - step.good
    entered = np.zeros(n)
    entered[0] = 1.0
    try:
        return tuple(float(each) for each in np.linalg.solve(flow, entered))
    except np.linalg.LinAlgError:
        return (math.inf,) * n  # nothing ever leaves: a closed plant


def _unreachable(plant: Plant) -> Iterator[Finding]:
    for product in plant.products:
        names = [step.name for step in product.steps]
        reached, todo = set[int](), [0]
        while todo:
            place = todo.pop()
            if place in reached:
                continue
            reached.add(place)
            step = product.steps[place]
            if step.good > 0 and place + 1 < len(names):
                todo.append(place + 1)
            if step.good < 1 and step.rework_to is not None:
                todo.append(names.index(step.rework_to))
        for place, name in enumerate(names):
            if place not in reached:
                yield Finding(f"product {product.name}, step {name}", "nothing ever comes to it",
                              "a step before it that passes something")  # fmt: skip


def _timeless(plant: Plant) -> Iterator[Finding]:
    """Find what would happen for ever within one tick."""
    for product in plant.products:
        least = min((plant.ticks(step.work.mean_s) for step in product.steps), default=0)
        circles = any(step.good == 0 and step.rework_to is not None for step in product.steps)
        if (product.endless and plant.ticks(product.steps[0].work.mean_s) < 1) or (circles and least < 1):
            yield Finding(
                f"product {product.name}", "work without end that takes no time", "a tick or more each"
            )


def _families(plant: Plant) -> Iterator[Finding]:
    """Find set-ups of families that no step has: a slip of the pen, or a product that is gone."""
    families = sorted({s.family for p in plant.products for s in p.steps if s.family is not None})
    for center in plant.centers:
        for family in sorted({each for pair in center.setup_s for each in pair if each is not None}):
            if family not in families:
                yield Finding(f"work center {center.name}, set-up", f"family {family!r} that no step has",
                              _one_of(families), is_error=False)  # fmt: skip


def _missing(plant: Plant) -> Iterator[Finding]:
    """Find material that steps take and that never comes."""
    comes = {each.name for each in plant.materials if each.stock}
    comes |= {each.material for each in plant.deliveries} | {each.makes or "" for each in plant.products}
    for product in plant.products:
        for step in product.steps:
            for material in sorted(set(step.materials) - comes):
                yield Finding(f"product {product.name}, step {step.name}", f"{material} that never comes",
                              "a stock, a delivery, or a product that makes it", is_error=False)  # fmt: skip


def share_on(plant: Plant, center: WorkCenter, number: int = 1) -> float:
    """Return the share of time in which a unit of the center could work: calendar and failures."""
    share = 1.0
    for calendar in plant.calendars:
        if calendar.name == center.calendar_of(number):
            share = sum(to - since for since, to in calendar.on_s) / calendar.period_s
    for failure in center.failures_of(number):
        if failure.clock is FailureClock.CALENDAR:
            up = failure.time_to.mean_s
            share *= up / (up + failure.repair.mean_s)
    return share


def capacity(plant: Plant, center: WorkCenter) -> float:
    """Return the work that a center can do in a second, without set-ups."""
    able = 0.0
    for number in range(1, center.units + 1):
        wear = sum(
            failure.repair.mean_s / failure.time_to.mean_s
            for failure in center.failures_of(number)
            if failure.clock is FailureClock.WORKING
        )
        able += center.pace_of(number) * share_on(plant, center, number) / (1 + wear)
    return able


def load(plant: Plant, center: WorkCenter) -> float:
    """Return the work that arrives by itself over what the center can do, without set-ups; 1 is full.

    Of a step with alternatives each center has its share, by what it can do.
    """
    able = {each.name: capacity(plant, each) for each in plant.centers}
    work_s = 0.0  # per second
    for product in plant.products:
        if product.arrivals and not product.balks:
            for step, times in zip(product.steps, visits(product), strict=True):
                if center.name in centers_of(step):
                    share = able[center.name] / sum(able[name] for name in centers_of(step))
                    together = center.batch.parts_max if center.batch else 1
                    work_s += share * times * step.work.mean_s / together / product.arrivals.mean_s
    return work_s / able[center.name]


def _overload(plant: Plant) -> Iterator[Finding]:
    if not any(product.arrivals for product in plant.products):
        return  # orders are as many as they are: nothing grows without end
    for center in plant.centers:
        loaded = load(plant, center)
        if loaded >= 1:
            yield Finding(f"work center {center.name}",
                          f"a load of {loaded:.2f}, its queue grows without end",
                          "less than 1", is_error=False)  # fmt: skip


def _next_steps(product: Product) -> Iterator[tuple[Step, Step]]:
    for place, step in enumerate(product.steps):
        if place + 1 < len(product.steps) and step.good > 0:
            yield step, product.steps[place + 1]
        if step.good < 1 and step.rework_to is not None:
            yield step, next(each for each in product.steps if each.name == step.rework_to)


def _rings(plant: Plant) -> Iterator[Finding]:
    """Find rings of work centers that hand over at once into finite queues: all full, none gives way."""
    finite = {center.name for center in plant.centers if center.queue_max is not None}
    after: dict[str, set[str]] = {}
    for product in plant.products:
        for step, then in _next_steps(product):
            if step.move_s == 0 and all(name in finite for name in centers_of(then)):
                for name in finite.intersection(centers_of(step)):
                    after.setdefault(name, set()).update(centers_of(then))
    told: set[frozenset[str]] = set()
    for start in sorted(after):
        path = _way_back(after, start)
        if path and frozenset(path) not in told:
            told.add(frozenset(path))
            yield Finding("work centers " + " > ".join((*path, start)),
                          "a ring of finite queues that can lock up",
                          "one queue without limit, or a move, in the ring", is_error=False)  # fmt: skip


def _way_back(after: dict[str, set[str]], start: str) -> tuple[str, ...]:
    """Return the shortest way from a center over its followers back to itself, or nothing."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = set[str]()
    while ways:
        way = ways.pop(0)
        for follower in sorted(after.get(way[-1], ())):
            if follower == start:
                return way
            if follower not in seen:
                seen.add(follower)
                ways.append((*way, follower))
    return ()
