"""What a scenario may change of a plant: small frozen values, each of which makes one plant of another.

A name may be a selector that the plant answers: `@all`, `@bottleneck`, `@most` ... (`SELECTORS`), so that
the same change can be asked of any plant. An unknown name is a finding with the nearest right one. A change
touches only the parts of the plant that it declares in `touches`, and there only what it names.

Pieces of an order that was cut are named `o3#1/2`, copies of an order `o3+1`: luck goes by name, so the
orders that stay have the luck that they had.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

from taktwin.simulation.check import PRIORITY_MAX, Finding, ModelError, capacity, visits
from taktwin.simulation.distributions import Distribution, Exponential, LogNormal
from taktwin.simulation.model import (
    Calendar,
    Closure,
    Delivery,
    Failure,
    Machine,
    Operator,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    WorkCenter,
    centers_of,
    unit_name,
)
from taktwin.simulation.written import one_of

DAY_S = 86_400.0
JOBS_MAX = 16_000  # jobs that a scenario brings at most: as many as what-if lays out of a plant's orders
UNITS_MAX = 1_000  # units, and people, that a scenario brings at most
STRETCHES_MAX = 100_000  # stretches of a calendar that a shift may need
_PIECE = re.compile(r"#\d+/\d+$")
Named = TypeVar("Named", WorkCenter, Product, Order, Step, Operator, Calendar)


class Unfit(ModelError):
    """A change that this plant cannot have: the place is a field of the change."""

    def __init__(self, place: str, found: str, expected: str) -> None:
        super().__init__([Finding(place, found, expected)])


def order_of(job: str) -> str:
    """Return the order that a job is a piece of: `o3` of `o3#1/2`; other names are returned as they are."""
    return _PIECE.sub("", job)


# ---- what a plant answers when a change asks by selector


def demand(plant: Plant) -> dict[str, float]:
    """Return the parts of each product that the plant shall make while its orders come.

    Parts that come by themselves count for the span of the releases, or for a day if there are none; an
    endless product counts as many as its slowest step could make.
    """
    releases = [order.release_s for order in plant.orders]
    span_s = max(DAY_S, max(releases, default=0.0) - min(releases, default=0.0))
    wanted = dict.fromkeys((product.name for product in plant.products), 0.0)
    for order in plant.orders:
        wanted[order.product] = wanted.get(order.product, 0.0) + order.quantity
    centers = {center.name: center for center in plant.centers}
    for product in plant.products:
        if product.arrivals:
            wanted[product.name] += span_s / product.arrivals.mean_s
        if product.endless:
            slowest = max(
                step.work.mean_s / sum(capacity(plant, centers[each]) for each in centers_of(step))
                for step in product.steps
            )
            wanted[product.name] += span_s / slowest if slowest > 0 else 0.0
    return wanted


def loads(plant: Plant) -> dict[str, float]:
    """Return the hours of work of each work center over the hours that it has, up to a common factor."""
    wanted = demand(plant)
    able = {center.name: capacity(plant, center) for center in plant.centers}
    work_s = dict.fromkeys(able, 0.0)
    for product in plant.products:
        if wanted[product.name] > 0:
            for step, times in zip(product.steps, visits(product), strict=True):
                whole_s = wanted[product.name] * step.work.mean_s * min(times, 1e6)
                for center in centers_of(step):
                    work_s[center] += whole_s * able[center] / sum(able[each] for each in centers_of(step))
    return {name: work_s[name] / able[name] for name in able}


def _by(measure: Callable[[Plant], Mapping[str, float]], place: int) -> Callable[[Plant], Sequence[str]]:
    """Return the name at a place of a ranking, the highest first; equals as declared."""

    def pick(plant: Plant) -> Sequence[str]:
        found = measure(plant)
        ranked = sorted(found, key=lambda name: -found[name])
        return ranked[place:][:1] if place >= 0 else ranked[place:][-1:]

    return pick


def _units(plant: Plant, centers: Iterable[str] | None = None) -> list[str]:
    wanted = None if centers is None else set(centers)
    return [
        unit_name(center, place + 1)
        for center in plant.centers
        if wanted is None or center.name in wanted
        for place in range(center.units)
    ]


def _work(plant: Plant) -> dict[str, float]:
    return {product.name: sum(step.work.mean_s for step in product.steps) for product in plant.products}


def _quantities(plant: Plant) -> dict[str, float]:
    return {order.name: float(order.quantity) for order in plant.orders}


def _by_release(plant: Plant, *, last: bool) -> Sequence[str]:
    names = [each.name for each in plant.orders_by_release]
    return names[-1:] if last else names[:1]


_bottleneck, _second = _by(loads, 0), _by(loads, 1)

NAMES: dict[str, Callable[[Plant], list[str]]] = {
    "work center": lambda plant: [each.name for each in plant.centers],
    "unit": _units,
    "product": lambda plant: [each.name for each in plant.products],
    "order": lambda plant: [each.name for each in plant.orders],
    "operator": lambda plant: [each.name for each in plant.operators],
    "crew": lambda plant: [each.name for each in plant.crews],
    "calendar": lambda plant: [each.name for each in plant.calendars],
    "material": lambda plant: [each.name for each in plant.materials],
}
SELECTORS: dict[str, dict[str, Callable[[Plant], Sequence[str]]]] = {
    "work center": {"@bottleneck": _bottleneck, "@second": _second, "@idlest": _by(loads, -1)},
    "unit": {
        "@bottleneck": lambda plant: _units(plant, _bottleneck(plant))[:1],
        "@second": lambda plant: _units(plant, _second(plant))[:1],
    },
    "product": {
        "@most": _by(demand, 0), "@second": _by(demand, 1), "@least": _by(demand, -1),
        "@longest": _by(_work, 0),
    },
    "order": {
        "@first": lambda plant: _by_release(plant, last=False),
        "@last": lambda plant: _by_release(plant, last=True),
        "@largest": _by(_quantities, 0),
    },
    "operator": {
        "@first": lambda plant: [each.name for each in plant.operators[:1]],
        "@last": lambda plant: [each.name for each in plant.operators[-1:]],
    },
}  # fmt: skip
STEP_SELECTORS: dict[str, Callable[[Product], Sequence[Step]]] = {
    "@all": lambda product: product.steps,
    "@first": lambda product: product.steps[:1],
    "@last": lambda product: product.steps[-1:],
    "@longest": lambda product: [max(product.steps, key=lambda step: step.work.mean_s)],
}


def named(plant: Plant, kind: str, said: str, place: str) -> frozenset[str]:
    """Return the names of a kind that a name or a selector means; `@all` of none is none.

    Raises
    ------
    Unfit
        If there is none of that name, or nothing that the selector could mean.
    """
    known = NAMES[kind](plant)
    if said in known:
        return frozenset((said,))
    if said == "@all":
        return frozenset(known)
    picks = SELECTORS.get(kind, {})
    if said in picks:
        found = picks[said](plant)
        if not found:
            raise Unfit(place, repr(said), f"a plant with one: {kind}")
        return frozenset(found)
    raise Unfit(place, f"unknown {kind} {said!r}", one_of(said, known))


def _each(items: tuple[Named, ...], names: frozenset[str], change: Callable[[Named], Named]) -> Any:
    return tuple(change(each) if each.name in names else each for each in items)


def scaled(drawn: Distribution, times: float) -> Distribution:
    """Return the same shape with all its durations times a factor: the same luck, longer or shorter."""
    durations: dict[str, Any] = {}
    for each in fields(drawn):
        if each.name.endswith("_s"):
            said = getattr(drawn, each.name)
            durations[each.name] = tuple(x * times for x in said) if isinstance(said, tuple) else said * times
    return replace(drawn, **durations)


# ---- the changes


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different: `on` makes the plant with it of the plant without it."""

    touches: ClassVar[tuple[str, ...]] = ()  # fields of the plant; all others stay the very same values

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change.

        Raises
        ------
        Unfit
            If this plant cannot have it.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class UnitDown(Change):
    """A unit stands still from an instant to another, whatever its calendar says."""

    touches = ("closures",)
    unit: str
    from_s: float
    to_s: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        down = named(plant, "unit", self.unit, "unit")
        return _closed(plant, [each for each in _units(plant) if each in down], self.from_s, self.to_s)


@dataclass(frozen=True, slots=True)
class CenterDown(Change):
    """All units of a work center stand still from an instant to another."""

    touches = ("closures",)
    center: str
    from_s: float
    to_s: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        centers = named(plant, "work center", self.center, "center")
        return _closed(plant, _units(plant, centers), self.from_s, self.to_s)


def _closed(plant: Plant, units: Iterable[str], from_s: float, to_s: float) -> Plant:
    if not to_s > from_s:
        raise Unfit("to_s", f"{to_s:g}", f"later than from_s = {from_s:g}")
    new = tuple(Closure(unit, from_s, to_s) for unit in units)
    return replace(plant, closures=plant.closures + tuple(each for each in new if each not in plant.closures))


@dataclass(frozen=True, slots=True)
class CalendarSet(Change):
    """A work center works by another calendar, a new one or one that the plant has under that name."""

    touches = ("centers", "calendars")
    center: str
    calendar: Calendar

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        centers = named(plant, "work center", self.center, "center")
        kept = [each for each in plant.calendars if each.name == self.calendar.name]
        if kept and kept[0] != self.calendar:
            users = {each.name for each in plant.centers if self.calendar.name in _calendars(each)}
            if not users <= centers:
                raise Unfit("calendar", f"a calendar {self.calendar.name!r} that others work by too",
                            "a name of its own")  # fmt: skip
        others = tuple(each for each in plant.calendars if each.name != self.calendar.name)
        calendars = plant.calendars if self.calendar in kept else (*others, self.calendar)
        return replace(
            plant, calendars=calendars,
            centers=_each(plant.centers, centers, lambda c: _by_calendar(c, lambda _: self.calendar.name)),
        )  # fmt: skip


def _calendars(center: WorkCenter) -> list[str]:
    """Return the calendars that a work center and its units have by name, each once."""
    own = [machine.calendar for machine in center.machines.values()]
    return list(dict.fromkeys(each for each in (center.calendar, *own) if each is not None))


def _by_calendar(center: WorkCenter, change: Callable[[str | None], str | None]) -> WorkCenter:
    """Return the work center with other calendars, also of the units that have their own."""
    own = {
        number: machine if machine.calendar is None else replace(machine, calendar=change(machine.calendar))
        for number, machine in center.machines.items()
    }
    return replace(center, calendar=change(center.calendar), machines=own)


Intervals = tuple[tuple[float, float], ...]


def _merged(intervals: Iterable[tuple[float, float]]) -> Intervals:
    found: list[tuple[float, float]] = []
    for since, to in sorted(intervals):
        if found and since < found[-1][1]:
            found[-1] = (found[-1][0], max(to, found[-1][1]))
        else:
            found.append((since, to))
    return tuple(found)


def _without(intervals: Intervals, from_s: float, to_s: float) -> Intervals:
    rest = ((a, min(b, from_s)) for a, b in intervals), ((max(a, to_s), b) for a, b in intervals)
    return tuple(sorted((a, b) for part in rest for a, b in part if b > a))


def _recalled(
    plant: Plant, centers: frozenset[str], change: Callable[[Calendar], Calendar], mark: str
) -> Plant:
    """Return the plant in which these work centers have calendars of their own, changed."""
    made: dict[str, Calendar] = {}
    known = {each.name: each for each in plant.calendars}
    for name in (each for center in plant.centers if center.name in centers for each in _calendars(center)):
        if name not in made:
            old = known[name]
            new = change(old)
            same = (new.period_s, new.on_s) == (old.period_s, old.on_s)
            made[name] = old if same else replace(new, name=f"{name} {mark}")
    new_ones = {new.name: new for old, new in made.items() if new.name != old}
    taken = {name for name, new in new_ones.items() if name in known and known[name] != new}
    if taken:
        raise Unfit("center", f"a calendar {min(taken)!r} that there is already", "another name of it")
    calendars = plant.calendars + tuple(new for name, new in new_ones.items() if name not in known)
    if not new_ones:
        return plant

    def moved(center: WorkCenter) -> WorkCenter:
        return _by_calendar(center, lambda name: None if name is None else made[name].name)

    return replace(plant, calendars=calendars, centers=_each(plant.centers, centers, moved))


def _unrolled(calendar: Calendar, to_s: float, every_s: float | None) -> Calendar:
    """Return the calendar over a period that holds an instant."""
    period = calendar.period_s
    times = max(1, math.ceil(to_s / period - 1e-9)) if every_s is None else round(every_s / period)
    if times * len(calendar.on_s) > STRETCHES_MAX:
        most_s = STRETCHES_MAX // len(calendar.on_s) * period
        raise Unfit("to_s" if every_s is None else "every_s", f"{to_s if every_s is None else every_s:g}",
                    f"{most_s:g} or less: the calendar repeats every {period:g}")  # fmt: skip
    if every_s is not None and (times < 1 or abs(times * period - every_s) > 1e-6 or to_s > every_s + 1e-6):
        raise Unfit("every_s", f"{every_s:g}", f"a multiple of the calendar's {period:g} that holds {to_s:g}")
    on_s = tuple((a + k * period, b + k * period) for k in range(times) for a, b in calendar.on_s)
    return Calendar(calendar.name, times * period, _merged(on_s))


@dataclass(frozen=True, slots=True)
class ShiftAdded(Change):
    """A work center also works from an instant to another; it repeats every `every_s`.

    Without `every_s` that is the calendar's own period, or as many of it as hold the shift.
    """

    touches = ("centers", "calendars")
    center: str
    from_s: float
    to_s: float
    every_s: float | None = None

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        _span(self.from_s, self.to_s)

        def longer(calendar: Calendar) -> Calendar:
            if any(a <= self.from_s and self.to_s <= b for a, b in calendar.on_s):
                return calendar
            wide = _unrolled(calendar, self.to_s, self.every_s)
            return replace(wide, on_s=_merged((*wide.on_s, (self.from_s, self.to_s))))

        centers = named(plant, "work center", self.center, "center")
        return _recalled(plant, centers, longer, f"+ {_hours(self.from_s, self.to_s)}")


@dataclass(frozen=True, slots=True)
class ShiftCut(Change):
    """A work center does not work from an instant to another; it repeats as `ShiftAdded` does."""

    touches = ("centers", "calendars")
    center: str
    from_s: float
    to_s: float
    every_s: float | None = None

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        _span(self.from_s, self.to_s)

        def shorter(calendar: Calendar) -> Calendar:
            wide = _unrolled(calendar, self.to_s, self.every_s)
            rest = _without(wide.on_s, self.from_s, self.to_s)
            if rest == wide.on_s:
                return calendar
            if not rest:
                raise Unfit("to_s", "no working time left", "a shift that leaves some")
            return replace(wide, on_s=rest)

        centers = named(plant, "work center", self.center, "center")
        return _recalled(plant, centers, shorter, f"- {_hours(self.from_s, self.to_s)}")


@dataclass(frozen=True, slots=True)
class ShiftStretched(Change):
    """Every shift of a work center ends later, or sooner if `by_s` is below 0; never beyond the period."""

    touches = ("centers", "calendars")
    center: str
    by_s: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""

        def other(calendar: Calendar) -> Calendar:
            ends = [(a, min(b + self.by_s, calendar.period_s)) for a, b in calendar.on_s]
            if any(b <= a for a, b in ends):
                raise Unfit("by_s", f"{self.by_s:g}", "a shift that is left with some time")
            return replace(calendar, on_s=_merged(ends))

        centers = named(plant, "work center", self.center, "center")
        return _recalled(plant, centers, other, f"by {self.by_s / 3600:+g} h")


def _span(from_s: float, to_s: float) -> None:
    if not 0 <= from_s < to_s:
        raise Unfit("to_s", f"{from_s:g} to {to_s:g}", "0 <= from_s < to_s")


def _hours(from_s: float, to_s: float) -> str:
    return f"{from_s / 3600:g}-{to_s / 3600:g} h"


class Walk:
    """The orders of a plant, by name and in their sequence, while changes of single ones are made."""

    def __init__(self, plant: Plant) -> None:
        """Begin with the orders of a plant."""
        self._before = plant
        self.orders = {order.name: order for order in plant.orders}
        self._products: dict[str, str] = {}  # as somebody says it -> the one that is meant, of this walk

    @property
    def plant(self) -> Plant:
        """Return the plant with the orders as they are now."""
        return replace(self._before, orders=tuple(self.orders.values()))

    def product(self, said: str, place: str) -> str:
        """Return the product that a name or a selector means in the plant before the walk. Raises Unfit."""
        if said not in self._products:
            (self._products[said],) = named(self._before, "product", said, place)
        return self._products[said]

    def named(self, said: str, place: str) -> frozenset[str]:
        """Return the orders that a name or a selector means now. Raises Unfit."""
        return frozenset((said,)) if said in self.orders else named(self.plant, "order", said, place)


@dataclass(frozen=True, slots=True)
class OrderChange(Change):
    """What is different in the list of orders alone: of many of these thousands of orders are walked once."""

    def among(self, walk: Walk) -> None:
        """Change the orders in place.

        Raises
        ------
        Unfit
            If this plant cannot have it; the orders are as they were.
        """
        raise NotImplementedError

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        walk = Walk(plant)
        self.among(walk)
        return walk.plant


@dataclass(frozen=True, slots=True)
class OrderAdded(OrderChange):
    """One more order. The same one again is another: the second `rush` is called `rush (2)`."""

    touches = ("orders",)
    order: Order

    def among(self, walk: Walk) -> None:
        """Add the order as the last one."""
        orders = walk.orders
        order = replace(self.order, product=walk.product(self.order.product, "order.product"))
        if orders.get(order.name) == order:
            free = (f"{order.name} ({number})" for number in itertools.count(2))
            order = replace(order, name=next(name for name in free if name not in orders))
        elif order.name in orders:
            raise Unfit("order.name", f"{order.name!r}, which there is already", "a new name")
        orders[order.name] = order


@dataclass(frozen=True, slots=True)
class OrderSeries(Change):
    """Orders of a product at equal distances, each due the same time after its release: `name.1` ..."""

    touches = ("orders",)
    name: str
    product: str
    count: int = 1
    quantity: int = 1
    first_s: float = 0.0
    every_s: float = DAY_S
    due_after_s: float | None = None
    priority: int = 0

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        (product,) = named(plant, "product", self.product, "product")
        walk = Walk(plant)
        for k in range(self.count):
            at = self.first_s + k * self.every_s
            due = None if self.due_after_s is None else at + self.due_after_s
            order = Order(f"{self.name}.{k + 1}", product, self.quantity, at, due, self.priority)
            OrderAdded(order).among(walk)
        return walk.plant


@dataclass(frozen=True, slots=True)
class OrderRemoved(OrderChange):
    """An order that will not be made."""

    touches = ("orders",)
    order: str

    def among(self, walk: Walk) -> None:
        """Take the order out."""
        for name in walk.named(self.order, "order"):
            del walk.orders[name]


@dataclass(frozen=True, slots=True)
class OrderChanged(OrderChange):
    """An order with another due date, quantity, priority or release; what is not said stays."""

    touches = ("orders",)
    order: str
    due_s: float | None = None
    quantity: int | None = None
    priority: int | None = None
    release_s: float | None = None

    def among(self, walk: Walk) -> None:
        """Put the changed order in its place."""
        names = ("due_s", "quantity", "priority", "release_s")
        said: dict[str, Any] = {n: getattr(self, n) for n in names if getattr(self, n) is not None}
        for name in walk.named(self.order, "order"):
            walk.orders[name] = replace(walk.orders[name], **said)


@dataclass(frozen=True, slots=True)
class ReleaseShifted(Change):
    """The orders of a product come later or, below 0, sooner, never before the beginning; due stays due."""

    touches = ("orders",)
    product: str
    by_s: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        products = named(plant, "product", self.product, "product")
        return _orders_of(plant, products, lambda o: replace(o, release_s=max(0.0, o.release_s + self.by_s)))


@dataclass(frozen=True, slots=True)
class DueShifted(Change):
    """The orders of a product are due later or, below 0, sooner."""

    touches = ("orders",)
    product: str
    by_s: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        products = named(plant, "product", self.product, "product")
        return _orders_of(
            plant, products, lambda o: o if o.due_s is None else replace(o, due_s=o.due_s + self.by_s)
        )


def _orders_of(plant: Plant, products: frozenset[str], change: Callable[[Order], Order]) -> Plant:
    return replace(
        plant, orders=tuple(change(each) if each.product in products else each for each in plant.orders)
    )


@dataclass(frozen=True, slots=True)
class LotSized(Change):
    """Orders of a product are cut into jobs of at most `size` parts; the last one takes the rest."""

    touches = ("orders",)
    product: str
    size: int

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        products = named(plant, "product", self.product, "product")
        cut = [each for each in plant.orders if each.product in products and each.quantity > self.size]
        pieces = sum(math.ceil(each.quantity / self.size) for each in cut)
        _bring("size", f"{self.size}", pieces - sum(each.lots for each in cut))
        orders: list[Order] = []
        for order in plant.orders:
            if order.product not in products or order.quantity <= self.size:
                orders.append(order)
                continue
            pieces = math.ceil(order.quantity / self.size)
            for k in range(pieces):
                rest = order.quantity - k * self.size
                name = f"{order.name}#{k + 1}/{pieces}"
                orders.append(replace(order, name=name, quantity=min(self.size, rest), lots=1))
        return replace(plant, orders=tuple(orders))


@dataclass(frozen=True, slots=True)
class DemandScaled(Change):
    """More or fewer orders of a product, and more or fewer parts that come by themselves.

    Orders keep their size: at 1.2 each fifth one in the sequence of release comes twice, the copy right
    after it, at 0.8 each fifth one does not come.
    """

    touches = ("orders", "products")
    product: str
    times: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        products = named(plant, "product", self.product, "product")
        return _demanded(plant, dict.fromkeys(products, self.times), "times")


@dataclass(frozen=True, slots=True)
class DemandMix(Change):
    """The same parts in all, in other shares of the products named; others stay."""

    touches = ("orders", "products")
    shares: Mapping[str, float]

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        wanted: dict[str, float] = {}
        for said, share in self.shares.items():
            if not 0 <= share < math.inf:
                raise Unfit(f"shares.{said}", f"{share:g}", "0 or more")
            (product,) = named(plant, "product", said, "shares")
            wanted[product] = share
        now, whole = demand(plant), sum(wanted.values())
        for product in wanted:
            if now[product] <= 0:
                raise Unfit(f"shares.{product}", "a product that nobody wants now", "one with orders")
        if whole <= 0:
            raise Unfit("shares", "nothing", "at least one share above 0")
        parts = sum(now[product] for product in wanted)
        times = {product: share / whole * parts / now[product] for product, share in wanted.items()}
        return _demanded(plant, times, "shares")


def _bring(place: str, found: str, jobs: float) -> None:
    """Raise Unfit where a change would bring too many jobs, before any of them is made."""
    if jobs > JOBS_MAX:
        raise Unfit(place, f"{found}: {jobs:,.0f} jobs more", f"at most {JOBS_MAX:,} more in a scenario")


def _demanded(plant: Plant, times: Mapping[str, float], place: str) -> Plant:
    """Return the plant with that many times the demand of the products named; `place`: who says so."""
    if all(each == 1.0 for each in times.values()):
        return plant
    more = sum(order.lots * (times[order.product] - 1) for order in plant.orders if order.product in times)
    _bring(place, ", ".join(f"{times[product]:g} times {product}" for product in sorted(times)), more)
    owed = dict.fromkeys(times, 0.0)
    copies: dict[str, int] = {}
    for order in plant.orders_by_release:
        if order.product in times:
            # A little is forgiven, or five fifths would not make a whole.
            owed[order.product] += times[order.product]
            copies[order.name] = int(owed[order.product] + 1e-9)
            owed[order.product] -= copies[order.name]
    orders: list[Order] = []
    taken = set(NAMES["order"](plant))
    for order in plant.orders:
        if order.product not in times or copies[order.name] > 0:
            orders.append(order)
        number = 0
        for _ in range(copies.get(order.name, 1) - 1):
            number += 1
            while f"{order.name}+{number}" in taken:
                number += 1
            taken.add(f"{order.name}+{number}")
            orders.append(replace(order, name=f"{order.name}+{number}"))

    def fed(product: Product) -> Product:
        if product.arrivals is None:
            return product
        factor = times[product.name]
        return replace(product, arrivals=scaled(product.arrivals, 1 / factor) if factor > 0 else None)

    return replace(plant, orders=tuple(orders), products=_each(plant.products, frozenset(times), fed))


@dataclass(frozen=True, slots=True)
class DemandMoved(Change):
    """A share of the orders of a product, and of its parts that come by themselves, is another product's."""

    touches = ("orders", "products")
    product: str
    to: str
    share: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        (old,) = named(plant, "product", self.product, "product")
        (new,) = named(plant, "product", self.to, "to")
        if old == new:
            raise Unfit("to", repr(new), "another product than the one it comes from")
        owed, moved = 0.0, set[str]()
        for order in plant.orders_by_release:
            if order.product == old:
                owed += self.share
                if owed >= 1 - 1e-9:
                    owed -= 1
                    moved.add(order.name)
        products = plant.products
        source = next(each for each in products if each.name == old)
        if source.arrivals is not None and self.share > 0:
            rate = self.share / source.arrivals.mean_s
            rest = None if self.share >= 1 else scaled(source.arrivals, 1 / (1 - self.share))
            shape = source.arrivals

            def fed(target: Product) -> Product:
                if target.arrivals is None:
                    return replace(target, arrivals=scaled(shape, 1 / (rate * shape.mean_s)))
                mean = target.arrivals.mean_s
                return replace(target, arrivals=scaled(target.arrivals, 1 / (1 + rate * mean)))

            products = _each(products, frozenset((new,)), fed)
            products = _each(products, frozenset((old,)), lambda p: replace(p, arrivals=rest))
        orders = _each(plant.orders, frozenset(moved), lambda order: replace(order, product=new))
        return replace(plant, orders=orders, products=products)


@dataclass(frozen=True, slots=True)
class OperatorsAdded(Change):
    """More people with these skills, asked after everybody who is there already: `name.1` and so on."""

    touches = ("operators",)
    skills: frozenset[str]
    count: int = 1
    name: str = "extra"

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        skills = _skills(plant, self.skills)
        taken, people, number = set(NAMES["operator"](plant)), list(plant.operators), 0
        while len(people) < len(plant.operators) + self.count:
            number += 1
            if f"{self.name}.{number}" not in taken:
                people.append(Operator(f"{self.name}.{number}", skills))
        return replace(plant, operators=tuple(people))


def _skills(plant: Plant, said: frozenset[str]) -> frozenset[str]:
    known = {step.skill for product in plant.products for step in product.steps if step.skill is not None}
    known |= {skill for operator in plant.operators for skill in operator.skills}
    if said == {"@all"}:
        return frozenset(known)
    for skill in sorted(said - known):
        raise Unfit("skills", f"unknown skill {skill!r}", one_of(skill, known))
    return said


@dataclass(frozen=True, slots=True)
class OperatorAbsent(Change):
    """A person is not there at all."""

    touches = ("operators",)
    operator: str

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        gone = named(plant, "operator", self.operator, "operator")
        rest = tuple(each for each in plant.operators if each.name not in gone)
        needed = {step.skill for product in plant.products for step in product.steps} - {None}
        for skill in sorted(str(each) for each in needed):
            if not any(skill in each.skills for each in rest):
                raise Unfit("operator", f"nobody left with the skill {skill!r}", "somebody who has it too")
        return replace(plant, operators=rest)


@dataclass(frozen=True, slots=True)
class PeopleAbsent(Change):
    """That share of the people is away, rounded to the nearest, the last named first.

    Whoever alone has a skill that a step needs stays, so it may be fewer.
    """

    touches = ("operators",)
    share: float
    skill: str | None = None  # of those who have this one; None is everybody

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        if self.skill is not None:
            _skills(plant, frozenset((self.skill,)))
        asked = [each for each in plant.operators if self.skill is None or self.skill in each.skills]
        needed = {step.skill for product in plant.products for step in product.steps}
        left = Counter(skill for each in plant.operators for skill in each.skills if skill in needed)
        away, wanted = set[str](), int(self.share * len(asked) + 0.5)
        for person in reversed(asked):
            mine = [skill for skill in person.skills if skill in needed]
            if len(away) < wanted and all(left[skill] > 1 for skill in mine):
                away.add(person.name)
                left.subtract(mine)
        return replace(plant, operators=tuple(each for each in plant.operators if each.name not in away))


@dataclass(frozen=True, slots=True)
class SkillLearned(Change):
    """A person can do one thing more."""

    touches = ("operators",)
    operator: str
    skill: str  # @all: everything that a step needs

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        learned = _skills(plant, frozenset((self.skill,)))
        people = named(plant, "operator", self.operator, "operator")
        return replace(
            plant,
            operators=_each(plant.operators, people, lambda p: replace(p, skills=p.skills | learned)),
        )


@dataclass(frozen=True, slots=True)
class CrewSized(Change):
    """A repair crew of another size."""

    touches = ("crews",)
    crew: str
    people: int

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        crews = named(plant, "crew", self.crew, "crew")
        return replace(
            plant,
            crews=tuple(
                replace(each, people=self.people) if each.name in crews else each for each in plant.crews
            ),
        )


def _centers(plant: Plant, said: str, change: Callable[[WorkCenter], WorkCenter]) -> Plant:
    return replace(plant, centers=_each(plant.centers, named(plant, "work center", said, "center"), change))


def _machines(center: WorkCenter, change: Callable[[Machine], Machine]) -> dict[int, Machine]:
    return {number: change(machine) for number, machine in center.machines.items()}


def _failing(center: WorkCenter, change: Callable[[tuple[Failure, ...]], tuple[Failure, ...]]) -> WorkCenter:
    """Return the work center with other failures, also of the units that have their own."""
    kinds = change(center.failures)
    own = _machines(center, lambda m: m if m.failures is None else replace(m, failures=change(m.failures)))
    if center.failure is None and center.more_failures:
        return replace(center, more_failures=kinds, machines=own)
    return replace(center, failure=kinds[0] if kinds else None, more_failures=kinds[1:], machines=own)


def _but_furnaces(selector: str, **changed: Any) -> Callable[[WorkCenter], WorkCenter]:
    """Return a change of work centers that leaves out furnaces, unless one is asked for by name.

    The queue of a furnace has no limit and goes by who came first; by name it is an error that says so.
    """

    def other(center: WorkCenter) -> WorkCenter:
        return center if center.batch and selector.startswith("@") else replace(center, **changed)

    return other


@dataclass(frozen=True, slots=True)
class RuleSet(Change):
    """Another rule by which free units take their next job."""

    touches = ("centers",)
    center: str
    rule: Rule

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _centers(plant, self.center, _but_furnaces(self.center, rule=self.rule))


@dataclass(frozen=True, slots=True)
class PaceScaled(Change):
    """Units that work faster or slower: at 1.1 everything takes 1/1.1 of its time."""

    touches = ("centers",)
    center: str
    times: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""

        def other(center: WorkCenter) -> WorkCenter:
            own = _machines(center, lambda m: m if m.pace is None else replace(m, pace=m.pace * self.times))
            return replace(center, pace=center.pace * self.times, machines=own)

        return _centers(plant, self.center, other)


@dataclass(frozen=True, slots=True)
class QueueSized(Change):
    """Another number of jobs that may wait before a work center; null is without limit."""

    touches = ("centers",)
    center: str
    queue_max: int | None

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _centers(plant, self.center, _but_furnaces(self.center, queue_max=self.queue_max))


@dataclass(frozen=True, slots=True)
class SetupScaled(Change):
    """Set-ups that take longer or shorter."""

    touches = ("centers",)
    center: str
    times: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""

        def other(center: WorkCenter) -> WorkCenter:
            return replace(center, setup_s={p: s * self.times for p, s in center.setup_s.items()})

        return _centers(plant, self.center, other)


@dataclass(frozen=True, slots=True)
class FailureScaled(Change):
    """Failures further apart or closer, repairs longer or shorter; what never fails still does not."""

    touches = ("centers",)
    center: str
    time_to_times: float = 1.0
    repair_times: float = 1.0

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""

        def other(kinds: tuple[Failure, ...]) -> tuple[Failure, ...]:
            return tuple(
                replace(
                    each, time_to=scaled(each.time_to, self.time_to_times),
                    repair=scaled(each.repair, self.repair_times),
                )
                for each in kinds
            )  # fmt: skip

        return _centers(plant, self.center, lambda center: _failing(center, other))


@dataclass(frozen=True, slots=True)
class ToolsScaled(Change):
    """Tools that live longer or shorter, a part at least, and changes that take longer or shorter."""

    touches = ("centers",)
    center: str
    life_times: float = 1.0
    change_times: float = 1.0

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""

        def other(center: WorkCenter) -> WorkCenter:
            tools = tuple(
                replace(
                    tool, life_parts=max(1, round(tool.life_parts * self.life_times)),
                    change=scaled(tool.change, self.change_times),
                )
                for tool in center.tools
            )  # fmt: skip
            return replace(center, tools=tools)

        return _centers(plant, self.center, other)


@dataclass(frozen=True, slots=True)
class UptimeSet(Change):
    """A technical availability: a unit that always has work is up for this share of its time.

    Repairs stay as they are and failures of all kinds come accordingly. What never failed gets failures while
    working without memory, and lognormal repairs with the mean `repair_s` and as much spread.
    """

    touches = ("centers",)
    center: str
    share: float
    repair_s: float = 1800.0

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        if not 0 < self.share <= 1:
            raise Unfit("share", f"{self.share:g}", "above 0, at most 1")

        new = Failure(Exponential(1.0), LogNormal(self.repair_s, 1.0))

        def other(kinds: tuple[Failure, ...]) -> tuple[Failure, ...]:
            if self.share == 1:
                return ()
            known = kinds or (new,)
            wear = sum(each.repair.mean_s / each.time_to.mean_s for each in known)
            times = wear * self.share / (1 - self.share)
            return tuple(replace(each, time_to=scaled(each.time_to, times)) for each in known)

        return _centers(plant, self.center, lambda center: _failing(center, other))


@dataclass(frozen=True, slots=True)
class UnitsAdded(Change):
    """More units in a work center or, below 0, fewer: the last ones go; one must be left."""

    touches = ("centers", "closures")
    center: str
    count: int

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""

        def other(center: WorkCenter) -> WorkCenter:
            if center.units + self.count < 1:
                raise Unfit("count", f"{self.count} at {center.name}, which has {center.units}",
                            "one unit that is left")  # fmt: skip
            units = center.units + self.count
            own = {number: machine for number, machine in center.machines.items() if number <= units}
            return replace(center, units=units, machines=own)

        after = _centers(plant, self.center, other)
        there = set(_units(after))
        return replace(after, closures=tuple(each for each in plant.closures if each.unit in there))


@dataclass(frozen=True, slots=True)
class CenterAdded(Change):
    """A work center that was not there; `StepMoved` sends work to it."""

    touches = ("centers",)
    center: WorkCenter

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        if self.center in plant.centers:
            return plant
        if self.center.name in NAMES["work center"](plant):
            raise Unfit("center.name", f"{self.center.name!r}, which there is already", "a new name")
        return replace(plant, centers=(*plant.centers, self.center))


@dataclass(frozen=True, slots=True)
class ProductAdded(Change):
    """A product that was not there, with its route; `OrderAdded` or `DemandMoved` make somebody want it."""

    touches = ("products",)
    product: Product

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        if self.product in plant.products:
            return plant
        if self.product.name in NAMES["product"](plant):
            raise Unfit("product.name", f"{self.product.name!r}, which there is already", "a new name")
        for place, step in enumerate(self.product.steps):
            if step.center not in NAMES["work center"](plant):
                raise Unfit(f"product.steps[{place}].center", f"unknown work center {step.center!r}",
                            one_of(step.center, NAMES["work center"](plant)))  # fmt: skip
        return replace(plant, products=(*plant.products, self.product))


@dataclass(frozen=True, slots=True)
class VariantAdded(Change):
    """A product like another one, that takes longer, fails more and is set up for: a new model.

    With `family` its steps with set-up have a family of their own. From and to the families of the product
    it is like, a change takes as long as the longest of that work center; else as long as theirs.
    """

    touches = ("products", "centers")
    name: str
    like: str
    work_times: float = 1.0
    good_times: float = 1.0
    family: str | None = None

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        (like,) = named(plant, "product", self.like, "like")
        source = next(each for each in plant.products if each.name == like)

        def varied(step: Step) -> Step:
            family = step.family if self.family is None or step.family is None else self.family
            work, good = scaled(step.work, self.work_times), min(1.0, step.good * self.good_times)
            return replace(step, work=work, good=good, family=family)

        steps = tuple(varied(step) for step in source.steps)
        product = replace(source, name=self.name, steps=steps, arrivals=None, endless=False)
        plant = ProductAdded(product).on(plant)
        if self.family is None:
            return plant
        families = {step.family for step in source.steps if step.family is not None}
        centers = tuple(_with_family(center, families, self.family) for center in plant.centers)
        return replace(plant, centers=centers)


def _with_family(center: WorkCenter, like: set[str], new: str) -> WorkCenter:
    if not center.setup_s:
        return center
    longest = max(center.setup_s.values())
    setup_s = dict(center.setup_s)
    for (before, after), takes_s in center.setup_s.items():
        if after in like:
            setup_s.setdefault((before, new), takes_s)
        if before in like:
            setup_s.setdefault((new, after), takes_s)
    for family in sorted(like):
        setup_s[family, new] = setup_s[new, family] = longest
    setup_s.pop((new, new), None)
    return replace(center, setup_s=setup_s)


def _steps(plant: Plant, said: str, step: str, change: Callable[[Step], Step]) -> Plant:
    """Return the plant with steps changed; a step that only some of the products have is theirs alone."""
    products = named(plant, "product", said, "product")
    known: set[str] = set()
    hits = 0

    def other(product: Product) -> Product:
        nonlocal hits
        names = [each.name for each in product.steps]
        known.update(names)
        picked = names if step not in STEP_SELECTORS else [s.name for s in STEP_SELECTORS[step](product)]
        if step in names or step not in STEP_SELECTORS:
            picked = [step] if step in names else []
        hits += len(picked)
        return replace(product, steps=_each(product.steps, frozenset(picked), change))

    after = tuple(other(each) if each.name in products else each for each in plant.products)
    if not hits:
        raise Unfit("step", f"unknown step {step!r}", one_of(step, known))
    return replace(plant, products=after)


@dataclass(frozen=True, slots=True)
class YieldSet(Change):
    """Another probability that a job passes a step."""

    touches = ("products",)
    product: str
    step: str
    good: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _steps(plant, self.product, self.step, lambda step: replace(step, good=self.good))


@dataclass(frozen=True, slots=True)
class YieldScaled(Change):
    """A yield times a factor, at most 1."""

    touches = ("products",)
    product: str
    step: str
    times: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _steps(
            plant, self.product, self.step, lambda s: replace(s, good=min(1.0, s.good * self.times))
        )


@dataclass(frozen=True, slots=True)
class ReworkSet(Change):
    """Where what does not pass goes back to, and how often; null scraps it at once."""

    touches = ("products",)
    product: str
    step: str
    rework_to: str | None
    rework_max: int | None = None

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _steps(
            plant, self.product, self.step,
            lambda step: replace(step, rework_to=self.rework_to, rework_max=self.rework_max),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkScaled(Change):
    """Another standard time of a step: the same spread, longer or shorter."""

    touches = ("products",)
    product: str
    step: str
    times: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _steps(
            plant, self.product, self.step, lambda step: replace(step, work=scaled(step.work, self.times))
        )


@dataclass(frozen=True, slots=True)
class WorkSpread(Change):
    """Work of the same mean and another spread: lognormal with this standard deviation over the mean."""

    touches = ("products",)
    product: str
    step: str
    cv: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""

        def other(step: Step) -> Step:
            if step.work.mean_s == 0:
                return step
            return replace(step, work=LogNormal(step.work.mean_s, self.cv))

        return _steps(plant, self.product, self.step, other)


@dataclass(frozen=True, slots=True)
class StepMoved(Change):
    """A step is done at another work center, and nowhere else; a tool that is not there is not worn."""

    touches = ("products",)
    product: str
    step: str
    center: str

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        found = named(plant, "work center", self.center, "center")
        if len(found) != 1:
            raise Unfit("center", repr(self.center), "one work center")
        (center,) = found
        tools = {tool.name for each in plant.centers if each.name == center for tool in each.tools}

        def other(step: Step) -> Step:
            tool = step.tool if step.tool in tools else None
            return replace(step, center=center, alternatives=(), tool=tool)

        return _steps(plant, self.product, self.step, other)


@dataclass(frozen=True, slots=True)
class AlternativeAdded(Change):
    """One more work center that can do a step, the last in preference."""

    touches = ("products",)
    product: str
    step: str
    center: str

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        centers = sorted(named(plant, "work center", self.center, "center"))

        def other(step: Step) -> Step:
            new = tuple(each for each in centers if each not in centers_of(step))
            return replace(step, alternatives=step.alternatives + new)

        return _steps(plant, self.product, self.step, other)


@dataclass(frozen=True, slots=True)
class MoveSet(Change):
    """Another time to the next step; 0 hands over at once."""

    touches = ("products",)
    product: str
    step: str
    move_s: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _steps(plant, self.product, self.step, lambda step: replace(step, move_s=self.move_s))


@dataclass(frozen=True, slots=True)
class MoveScaled(Change):
    """Ways that take longer or shorter."""

    touches = ("products",)
    product: str
    step: str
    times: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _steps(
            plant, self.product, self.step, lambda step: replace(step, move_s=step.move_s * self.times)
        )


@dataclass(frozen=True, slots=True)
class DeliveryShifted(Change):
    """A supplier is late or, below 0, early: all deliveries of a material, never before the beginning."""

    touches = ("deliveries",)
    material: str
    by_s: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        return _delivered(
            plant, self.material, lambda each: replace(each, at_s=max(0.0, each.at_s + self.by_s))
        )


@dataclass(frozen=True, slots=True)
class DeliveryScaled(Change):
    """A supplier delivers more or less, in whole pieces, rounded down; nothing at all is no delivery."""

    touches = ("deliveries",)
    material: str
    times: float

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        after = _delivered(
            plant, self.material, lambda each: replace(each, quantity=int(each.quantity * self.times + 1e-9))
        )
        return replace(after, deliveries=tuple(each for each in after.deliveries if each.quantity > 0))


def _delivered(plant: Plant, said: str, change: Callable[[Delivery], Delivery]) -> Plant:
    materials = named(plant, "material", said, "material")
    return replace(
        plant,
        deliveries=tuple(change(each) if each.material in materials else each for each in plant.deliveries),
    )


@dataclass(frozen=True, slots=True)
class StockSet(Change):
    """Another stock at the beginning."""

    touches = ("materials",)
    material: str
    stock: int

    def on(self, plant: Plant) -> Plant:
        """Return the plant with this change."""
        materials = named(plant, "material", self.material, "material")
        return replace(
            plant,
            materials=tuple(
                replace(each, stock=self.stock) if each.name in materials else each
                for each in plant.materials
            ),
        )


CHANGES: tuple[type[Change], ...] = (
    UnitDown, CenterDown, CalendarSet, ShiftAdded, ShiftCut, ShiftStretched,
    OrderAdded, OrderSeries, OrderRemoved, OrderChanged, ReleaseShifted, DueShifted, LotSized,
    DemandScaled, DemandMix, DemandMoved,
    OperatorsAdded, OperatorAbsent, PeopleAbsent, SkillLearned, CrewSized,
    RuleSet, PaceScaled, QueueSized, SetupScaled, FailureScaled, ToolsScaled, UptimeSet, UnitsAdded,
    CenterAdded,
    ProductAdded, VariantAdded, YieldSet, YieldScaled, ReworkSet, WorkScaled, WorkSpread,
    StepMoved, AlternativeAdded, MoveSet, MoveScaled, DeliveryShifted, DeliveryScaled, StockSet,
)  # fmt: skip


def kind_of(change: type[Change]) -> str:
    """Return the name of a kind of change as it is written: `unit_down`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", change.__name__).lower()


KINDS: dict[str, type[Change]] = {kind_of(each): each for each in CHANGES}

# What a number may be, by the name of its field, which means the same everywhere: least, whether the least
# itself is allowed, most.
BOUNDS: dict[str, tuple[float, bool, float]] = {
    "times": (0, False, 1e6), "time_to_times": (1e-3, True, 1e6), "repair_times": (1e-3, True, 1e6),
    "life_times": (0, False, 1e6), "change_times": (0, False, 1e6),
    "work_times": (0, False, 1e6), "good_times": (0, False, 1e6),
    "share": (0, True, 1), "good": (0, True, 1), "cv": (0, False, 100),
    "size": (1, True, math.inf), "people": (1, True, UNITS_MAX), "quantity": (1, True, 1e9),
    "priority": (-PRIORITY_MAX, True, PRIORITY_MAX), "queue_max": (0, True, 1e9),
    "rework_max": (0, True, 1e9), "stock": (0, True, 1e9),
    "from_s": (0, True, math.inf), "to_s": (0, True, math.inf), "first_s": (0, True, math.inf),
    "release_s": (0, True, math.inf), "due_s": (0, True, math.inf), "move_s": (0, True, math.inf),
    "every_s": (0, False, math.inf), "repair_s": (0, False, math.inf),
}  # fmt: skip


def bound(kind: type[Change], field: str) -> tuple[float, bool, float] | None:
    """Return what a number of a kind of change may be: least, whether that one may, most; None: anything."""
    if field == "count":
        if issubclass(kind, UnitsAdded):
            return -UNITS_MAX, True, UNITS_MAX
        return 1, True, JOBS_MAX if issubclass(kind, OrderSeries) else UNITS_MAX
    if field == "times" and issubclass(kind, DemandScaled):
        return 0, True, 100
    if field == "times" and issubclass(kind, DeliveryScaled | SetupScaled | MoveScaled):
        return 0, True, BOUNDS[field][2]
    return BOUNDS.get(field)


def bounds(change: Change) -> list[Finding]:
    """Return what is wrong with the numbers of a change, whatever the plant."""
    found = []
    for each in fields(change):
        said, allowed = getattr(change, each.name), bound(type(change), each.name)
        if allowed is None or said is None:
            if isinstance(said, float) and not math.isfinite(said):
                found.append(Finding(each.name, f"{said:g}", "a finite number"))
            continue
        least, inclusive, most = allowed
        above = said >= least if inclusive else said > least
        if not (above and said <= most and math.isfinite(said)):
            words = f"{least:g} or more" if inclusive else f"above {least:g}"
            words += f", at most {most:g}" if most < math.inf else ""
            found.append(Finding(each.name, f"{said:g}", words))
    return found


def sizes(plant: Plant) -> dict[str, tuple[int, int]]:
    """Return how large a plant is: of what -> how many, and how many more a scenario may bring."""
    return {
        "jobs": (sum(order.lots for order in plant.orders), JOBS_MAX),
        "units": (sum(center.units for center in plant.centers), UNITS_MAX),
        "people": (len(plant.operators), UNITS_MAX),
    }
