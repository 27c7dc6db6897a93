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


class Rule(StrEnum):
    """Which waiting job a free unit takes; ties go to the one that came first."""

    FIFO = "fifo"
    SHORTEST = "shortest"  # least expected work
    DUE = "due"  # earliest due date
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
    crew meanwhile. Without a crew named, each repair begins at once.
    """

    time_to: Distribution
    repair: Distribution
    clock: FailureClock = FailureClock.WORKING
    crew: str | None = None


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

    What it has in hand rests, and goes on afterwards.
    """

    unit: str  # as `unit_name` has it: mill.3
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Operator:
    """A person with skills, always there; the first in the list who can is taken."""

    name: str
    skills: frozenset[str]


@dataclass(frozen=True, slots=True)
class Crew:
    """People who repair, one unit each at a time, in the sequence of the failures."""

    name: str
    people: int


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


def step_name(product: Product, step: Step) -> str:
    """Return the name by which a step draws its numbers: `bracket/turn`."""
    return f"{product.name}/{step.name}"
