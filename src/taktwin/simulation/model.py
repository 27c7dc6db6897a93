"""The plant as the simulation sees it: frozen values that an engineer writes and both engines read.

Times are seconds and names are unique within their kind. What is not said does not exist: a work
center without failure never fails, one without calendar always works, a queue without limit is endless.
The rules by which these things act on each other are in docs/explanation/simulation.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from taktwin.simulation.distributions import Distribution

# What a unit is found doing: the columns of both accounts.
STATES = ("idle", "calling", "setup", "working", "blocked", "broken", "repair", "off", "upkeep")

PRICE_UNITS = 1_000_000  # prices are counted in whole millionths


class Rule(StrEnum):
    """Which waiting job a free unit takes; ties go to the one that came first."""

    FIFO = "fifo"
    SHORTEST = "shortest"  # least expected work, of all parts of the job
    DUE = "due"  # earliest due date; what has none comes last
    PRIORITY = "priority"  # highest priority
    SETUP = "setup"  # least set-up from the family that the unit is set up for


class FailureClock(StrEnum):
    """What a time to failure counts."""

    WORKING = "working"  # the time that the unit processes: an idle unit does not fail
    CALENDAR = "calendar"  # all time, also while the unit idles, waits or is off


@dataclass(frozen=True, slots=True)
class Calendar:
    """When work is done: intervals [from, to) of a period that repeats from time 0 for ever."""

    name: str
    period_s: float
    on_s: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """How units of a work center fail and are repaired.

    Work goes on after the repair where it stopped. A repair rests while its unit is off, and keeps its
    crew meanwhile. Without a crew named, each repair begins at once. Of several kinds at one work center
    each has a name: its luck goes by it.
    """

    time_to: Distribution
    repair: Distribution
    clock: FailureClock = FailureClock.WORKING
    crew: str | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """What each unit of a work center has one of, and wears by parts.

    A job that is begun is finished with the tool that is in; if its life is used up then, it is changed
    before the next job begins.
    """

    name: str
    life_parts: int
    change: Distribution
    crew: str | None = None  # who changes it; None: it is changed at once


@dataclass(frozen=True, slots=True)
class Batch:
    """How a furnace is filled: jobs of one family begin together, and together they are done.

    It begins with as many as have room, once they are enough, or once the first in the queue has waited so
    long. One time, that of the first job, goes for all, whatever their number. A job with more parts than
    there is room for goes alone.
    """

    parts_max: int
    parts_min: int = 1
    wait_max_s: float | None = None  # None: it waits until there are enough


@dataclass(frozen=True, slots=True)
class ByOrder:
    """How a work center works off one order after the other, each of them at one of its units.

    Where an order is bound, and when a unit goes on to the next, is in docs/explanation/simulation.md. A
    furnace that works by order goes full, or with all parts that still come, or when its queue is full.
    """

    patience_s: float | None = None
    """For how long a unit that has run out of parts of its order lets those of others wait.

    None: until no part of its order can come any more.
    """


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a kilowatt hour costs: prices from an instant of the period on, the first from 0; for ever."""

    period_s: float
    prices: tuple[tuple[float, float], ...]  # (from_s, price), rising


@dataclass(frozen=True, slots=True)
class Machine:
    """In what a unit differs from the others of its work center; None: in nothing."""

    pace: float | None = None
    failures: tuple[Failure, ...] | None = None  # () never fails
    calendar: str | None = None
    power_kw: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class WorkCenter:
    """Units side by side that do the same work from one queue."""

    name: str
    units: int = 1
    queue_max: int | None = None  # jobs that may wait; a unit before it with no place to go is blocked
    rule: Rule = Rule.FIFO
    calendar: str | None = None
    failure: Failure | None = None
    pace: float = 1.0  # work per second: 1.1 does everything in 1/1.1 of the time
    setup_s: Mapping[tuple[str | None, str], float] = field(default_factory=dict)
    """Set-up by (family before, family after), seconds; None before is a unit that was never set up.

    A pair that is not named takes no time.
    """
    more_failures: tuple[Failure, ...] = ()  # kinds beside `failure`, each with a name
    tools: tuple[Tool, ...] = ()
    machines: Mapping[int, Machine] = field(default_factory=dict)  # units that differ, by number from 1
    batch: Batch | None = None
    power_kw: Mapping[str, float] = field(default_factory=dict)  # by STATES; what is not named takes nothing
    by_order: ByOrder | None = None  # None: jobs of all orders are taken as they come

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Return all kinds of failure that the work center has."""
        return (*((self.failure,) if self.failure else ()), *self.more_failures)

    def pace_of(self, number: int) -> float:
        """Return the pace of a unit, counted from 1."""
        own = self.machines.get(number, Machine()).pace
        return self.pace if own is None else own

    def failures_of(self, number: int) -> tuple[Failure, ...]:
        """Return the kinds of failure of a unit, counted from 1."""
        own = self.machines.get(number, Machine()).failures
        return self.failures if own is None else own

    def calendar_of(self, number: int) -> str | None:
        """Return the calendar of a unit, counted from 1."""
        own = self.machines.get(number, Machine()).calendar
        return self.calendar if own is None else own

    def power_of(self, number: int) -> Mapping[str, float]:
        """Return the power of a unit, counted from 1, in kW by state."""
        own = self.machines.get(number, Machine()).power_kw
        return self.power_kw if own is None else own


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a route."""

    name: str
    center: str
    work: Distribution  # of one part; a job of n parts takes n times the one value that it draws
    family: str | None = None  # what its unit must be set up for; None leaves the unit as it is
    skill: str | None = None  # an operator with it stays from set-up to the end
    move_s: float = 0.0  # to the next step, as a delay that never blocks; 0 hands over at once
    good: float = 1.0  # probability that a job passes
    rework_to: str | None = None  # a step of the route; None scraps what does not pass
    rework_max: int | None = None  # times that a job may be sent back at all; then it is scrap
    materials: Mapping[str, int] = field(default_factory=dict)  # pieces that each part takes when it begins
    alternatives: tuple[str, ...] = ()
    """Other work centers that can do it, in the sequence of preference behind `center`.

    A job goes to the first of them with an idle unit, else into the shortest queue that is not full.
    """
    tool: str | None = None  # the tool of its unit that it wears, one part after the other
    scrap: float = 0.0  # probability of each part by itself to be lost here; the job goes on with the others


@dataclass(frozen=True, slots=True)
class Product:
    """A route, and how work on it comes about beside the orders."""

    name: str
    steps: tuple[Step, ...]
    arrivals: Distribution | None = None  # time between single parts that arrive by themselves
    endless: bool = False  # the first work center never starves: a part is there whenever a unit is free
    balks: bool = False  # an arrival that finds the first queue full is lost; else it waits all the same
    makes: str | None = None  # the material that its good parts become: of what others are assembled


@dataclass(frozen=True, slots=True)
class Order:
    """A job of n equal parts that goes through the route as one."""

    name: str
    product: str
    quantity: int = 1
    release_s: float = 0.0
    due_s: float | None = None
    priority: int = 0
    lots: int = 1  # jobs that go their ways apart; the order is done when the last of them is
    belongs_to: str | None = None
    """The order of which it is a part, for work centers that work by order; None: it is one by itself.

    Orders that belong to the same one are of one product.
    """


@dataclass(frozen=True, slots=True)
class Material:
    """Pieces in stock, bought or made: what is there at the beginning."""

    name: str
    stock: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Pieces that come from outside."""

    material: str
    quantity: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Closure:
    """A unit that is off in [from, to) on top of its calendar: maintenance planned, or a machine down.

    What it has in hand rests, and goes on afterwards. One that waits is maintenance as it is done: it lets
    the unit finish its job first, and then takes as long as planned, in the working time of the unit.
    """

    unit: str  # as `unit_name` has it: mill.3
    from_s: float
    to_s: float
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """A person with skills; the first in the list who can, and is there, is taken.

    Who is with a unit when the calendar turns off stays until the step is done.
    """

    name: str
    skills: frozenset[str]
    calendar: str | None = None  # None is always there


@dataclass(frozen=True, slots=True)
class Crew:
    """People who repair, one unit each at a time, in the sequence of the failures.

    They come and go together; a repair that somebody is at is done to its end.
    """

    name: str
    people: int
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class Plant:
    """A whole plant; `tick_s` is the grain of time, which both engines count in whole numbers."""

    centers: tuple[WorkCenter, ...]
    products: tuple[Product, ...]
    orders: tuple[Order, ...] = ()
    operators: tuple[Operator, ...] = ()
    crews: tuple[Crew, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    materials: tuple[Material, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    closures: tuple[Closure, ...] = ()
    tariff: Tariff | None = None
    tick_s: float = 0.001

    def ticks(self, seconds: float) -> int:
        """Return a span in whole ticks, rounded to the nearest."""
        return int(seconds / self.tick_s + 0.5)

    @property
    def orders_by_release(self) -> tuple[Order, ...]:
        """Return the orders in the sequence in which they are released; equal times as declared."""
        return tuple(sorted(self.orders, key=lambda order: self.ticks(order.release_s)))

    @property
    def deliveries_by_time(self) -> tuple[Delivery, ...]:
        """Return the deliveries in the sequence in which they come; equal times as declared."""
        return tuple(sorted(self.deliveries, key=lambda delivery: self.ticks(delivery.at_s)))


def unit_name(center: WorkCenter, place: int) -> str:
    """Return the name of a unit of a work center, counted from 1: `mill.3`."""
    return f"{center.name}.{place}"


def price_units(price: float) -> int:
    """Return a price in whole millionths, which both engines count in."""
    return round(price * PRICE_UNITS)


def lots_of(order: Order) -> tuple[tuple[str, int], ...]:
    """Return the lots of an order, the name by which each draws its numbers and its parts."""
    if order.lots == 1:
        return ((order.name, order.quantity),)
    each, more = divmod(order.quantity, order.lots)
    return tuple((f"{order.name}/{n + 1}", each + (n < more)) for n in range(order.lots))


def whole_order(order: Order) -> str:
    """Return the order that work centers which work by order take an order for."""
    return order.name if order.belongs_to is None else order.belongs_to


def reached(product: Product, place: int) -> int:
    """Return the place of the first step that a job which has to do that one can still come to."""
    names = [step.name for step in product.steps]
    low = place
    for number in range(len(names) - 1, -1, -1):
        step = product.steps[number]
        if number >= low and step.good < 1 and step.rework_to is not None:
            low = min(low, names.index(step.rework_to))
    return low


def failure_entity(unit: str, failure: Failure) -> str:
    """Return the name by which a kind of failure draws its numbers: `mill.3`, or `mill.3/spindle`."""
    return f"{unit}/{failure.name}" if failure.name else unit


def centers_of(step: Step) -> tuple[str, ...]:
    """Return the work centers that can do a step, the preferred one first."""
    return (step.center, *step.alternatives)


def step_name(product: Product, step: Step) -> str:
    """Return the name by which a step draws its numbers: `bracket/turn`."""
    return f"{product.name}/{step.name}"
