"""A plant in the middle of its work, by names: what a run begins with instead of an empty plant.

Comes in: a `Start`, which says what each unit does and where each job lies; what is not known exactly
is said as what is known: for how long a task lasts already. Goes out: a state of the kernel, or a run
of the reference, which begin from it alike. What is left of a task, of a repair, and until a failure is
drawn under the condition of what has passed, from the very number that the whole would have been drawn
from: a fork neither renews what is worn nor loses the common luck of scenarios.

`start_of` takes a start out of a running state, with everything left known to the tick: what goes on
from it is what would have gone on anyway.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from taktwin.errors import DomainError
from taktwin.simulation import kernel, reference, streams
from taktwin.simulation.compile import Compiled, families_of, wholes_of
from taktwin.simulation.distributions import Distribution
from taktwin.simulation.draws import Draw, Draws, IntArray, Span, ticks
from taktwin.simulation.model import (
    Failure,
    FailureClock,
    Plant,
    Product,
    Step,
    Tool,
    WorkCenter,
    failure_entity,
    lots_of,
    reached,
    step_name,
    unit_name,
    whole_order,
)
from taktwin.simulation.reference import Doing, Kind, Reference
from taktwin.simulation.state import State, fresh, roomier


class Task(StrEnum):
    """What a unit does with a job, whether or not it is down or off meanwhile."""

    IDLE = "idle"
    CALLING = "calling"  # for an operator or material
    SETUP = "setup"
    WORKING = "working"
    BLOCKED = "blocked"


_TASKS = {Task.IDLE: kernel.IDLE, Task.CALLING: kernel.CALLING, Task.SETUP: kernel.SETUP,
          Task.WORKING: kernel.WORKING, Task.BLOCKED: kernel.BLOCKED}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobStart:
    """A job under way: at a unit, in a queue or on a move, on its way through or to a step."""

    product: str
    step: str
    order: str | None = None
    number: int = 0  # of a part without order: the how many-th of its product, from 1
    since_s: float = 0.0  # when it came into the plant; below 0 is before the start
    passes: int = 0  # times that it was sent back
    lot: int = 0  # of an order that goes in several, from 1
    quantity: int | None = None  # parts that are left of it; None: all of them
    joined_s: float | None = None  # the queue of a furnace; None: just now


MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Wear:
    """A further way in which a unit goes down: a failure by its name, `tool NAME`, or `maintenance`."""

    name: str
    worn_s: float = 0.0  # of what its time to failure counts, since its last repair
    to_failure_s: float | None = None  # below 0: struck already, while the unit was down
    failures: int = 1  # times drawn so far, the one that runs included
    parts: int | None = None  # that a tool is still good for; None: it is new
    owed_s: float = 0.0  # of maintenance that waits for the job in hand


@dataclass(frozen=True, slots=True)
class Hand:
    """What a unit that works by order has in hand: an order (`whole_order`) and one of its steps."""

    order: str
    step: str
    waits_since_s: float | None = (
        None  # since when nothing of it is there; None: something is, or until just now
    )


@dataclass(frozen=True, slots=True)
class UnitStart:
    """One unit. Where both are given, what is left counts, not what has passed.

    `worn_s`, `to_failure_s` and `failures` are of its only or first kind of failure, `wear` of the others, of
    tools and maintenance.
    """

    unit: str
    task: Task = Task.IDLE
    job: JobStart | None = None
    family: str | None = None  # what it is set up for, or being set up for
    operator: str | None = None  # who is with it
    elapsed_s: float = 0.0  # of its work, while it was not down or off
    left_s: float | None = None  # of its task; a set-up wants it
    worn_s: float = 0.0  # of what its time to failure counts, since its last repair
    to_failure_s: float | None = None
    failures: int = 1  # times to failure drawn so far, the one that runs included
    is_down: bool = False
    has_crew: bool = True  # somebody repairs it, where it is down
    down_s: float = 0.0  # for how long it is repaired already
    repair_left_s: float | None = None
    on_shift: bool | None = None  # None: as its calendar says
    wear: tuple[Wear, ...] = ()
    down_by: str | None = None  # a name as of `Wear`; None: the only or first failure
    others: tuple[JobStart, ...] = ()  # that are done together with its job
    hand: Hand | None = None  # None: what its job is of, if it has one that is not done
    bound_family: str | None = None  # of the last order that was bound to it; None: as follows from all else


@dataclass(frozen=True, slots=True)
class Moving:
    """A job on its way to its step."""

    job: JobStart
    arrives_s: float


@dataclass(frozen=True, slots=True)
class Start:
    """A plant at an instant. Sequences are those in which things happened; all times are seconds of the run.

    A unit that is not named stands idle and was never set up. Orders that have a job or an end were
    released; they are the first of the plant's orders by release.
    """

    now_s: float = 0.0
    units: tuple[UnitStart, ...] = ()
    queues: Mapping[str, tuple[JobStart, ...]] = field(default_factory=dict)  # work center -> who waits
    blocked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # work center -> units before it
    calling: tuple[str, ...] = ()  # units
    moves: tuple[Moving, ...] = ()  # as they set out
    crews: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # crew -> units that wait for it
    stock: Mapping[str, int] = field(default_factory=dict)  # what is not named: as the plant says
    ended: Mapping[str, float | None] = field(default_factory=dict)  # order -> second; None: it was scrapped
    lost: tuple[str, ...] = ()  # orders
    good: Mapping[str, int] = field(default_factory=dict)  # order -> good parts so far
    arrived: Mapping[str, int] = field(default_factory=dict)  # product -> jobs that came so far
    arrivals: Mapping[str, float] = field(default_factory=dict)  # product -> when the next part comes
    bound: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Order (`whole_order`) -> step -> unit, where work goes by order.

    Of an order that was released, what is not named here and what no unit works on is bound at the start.
    """
    unknowns: tuple[str, ...] = ()  # what was not known, in words, and what was taken instead

    @property
    def jobs(self) -> Iterator[JobStart]:
        """Return every job under way."""
        for unit in self.units:
            yield from (unit.job,) if unit.job else ()
            yield from unit.others
        yield from (job for queue in self.queues.values() for job in queue)
        yield from (move.job for move in self.moves)


def as_json(start: Start) -> dict[str, Any]:
    """Return the start as JSON has it; numbers keep every bit."""
    document: dict[str, Any] = msgspec.to_builtins(start)
    return document


def from_json(document: Mapping[str, Any]) -> Start:
    """Return the start that `as_json` wrote.

    Raises
    ------
    DomainError
        If it is none.
    """
    try:
        return msgspec.convert(document, Start)
    except msgspec.ValidationError as error:
        raise DomainError(f"no start: {error}") from error


# -- what both engines begin from


@dataclass(frozen=True, slots=True)
class _Spans:
    """What is drawn or known of one unit, in ticks."""

    left: Span
    work: Span  # of its step, as a whole: what follows a set-up or a call
    strikes: tuple[Span, ...]  # of each way to go down: ticks from now, or parts, or ticks of maintenance
    repair_left: Span


@dataclass(frozen=True, slots=True)
class _Way:
    """A way in which a unit goes down, in the sequence that both engines have."""

    name: str
    entity: int
    mends: Distribution | None
    crew: str | None
    failure: Failure | None = None
    tool: Tool | None = None

    @property
    def is_by_calendar(self) -> bool:
        return self.failure is not None and self.failure.clock is FailureClock.CALENDAR


def _ways(center: WorkCenter, number: int) -> tuple[_Way, ...]:
    unit = unit_name(center, number)
    failures = (
        _Way(f.name, streams.entity("unit", failure_entity(unit, f)), f.repair, f.crew, f)
        for f in center.failures_of(number)
    )
    tools = (
        _Way(f"tool {t.name}", streams.entity("tool", f"{unit}/{t.name}"), t.change, t.crew, None, t)
        for t in center.tools
    )
    return (*failures, *tools, _Way(MAINTENANCE, 0, None, None))


class _Places:
    """The names of a plant, and what the start says that no run could begin with."""

    def __init__(self, plant: Plant, start: Start) -> None:
        self.plant, self.start = plant, start
        self.now = plant.ticks(start.now_s)
        self.units: dict[str, WorkCenter] = {
            unit_name(center, place + 1): center for center in plant.centers for place in range(center.units)
        }
        self.numbers = {
            unit_name(center, place + 1): place + 1
            for center in plant.centers
            for place in range(center.units)
        }
        self.ways = {name: _ways(center, self.numbers[name]) for name, center in self.units.items()}
        self.products = {product.name: product for product in plant.products}
        self.steps = {product.name: {step.name: step for step in product.steps} for product in plant.products}
        self.orders = {order.name: order for order in plant.orders}
        self.centers = {center.name: center for center in plant.centers}
        self.product_of = {whole_order(order): order.product for order in plant.orders}
        said = {each.unit: each for each in start.units}
        self.said = {name: said.get(name, UnitStart(name)) for name in self.units}
        operators = [operator.name for operator in plant.operators]
        self.operator_of = {name: place for place, name in enumerate(operators)}
        self._look(said)
        released = [order.name for order in plant.orders_by_release]
        self.under_way = Counter(job.order for job in start.jobs if job.order)
        under_way = set(self.under_way) | set(start.ended) | set(start.lost)
        self.released = len(under_way)
        if set(released[: self.released]) != under_way:
            wrong = sorted(under_way - set(released[: self.released]))
            raise DomainError(f"orders {', '.join(wrong)} are under way: expected those released first")
        self.bound = self._said_bound()
        self.to_come: dict[tuple[str, str], int] = {}
        self.open_work = dict.fromkeys(self.units, 0)
        self.bound_family = {name: unit.family for name, unit in self.said.items()}
        if any(center.by_order for center in plant.centers):
            self._bind()

    def _look(self, said: Mapping[str, UnitStart]) -> None:
        start = self.start
        centers = [center.name for center in self.plant.centers]
        _known("unit", [*said, *start.calling, *(u for us in start.blocked.values() for u in us),
                        *(u for us in start.crews.values() for u in us)], self.units)  # fmt: skip
        _known("work center", [*start.queues, *start.blocked], centers)
        _known("crew", start.crews, [crew.name for crew in self.plant.crews])
        _known("material", start.stock, [material.name for material in self.plant.materials])
        _known("operator", [u.operator for u in start.units if u.operator], self.operator_of)
        _known(
            "product", [*start.arrived, *start.arrivals, *(job.product for job in start.jobs)], self.products
        )
        _known("order", [*start.ended, *start.lost, *(j.order for j in start.jobs if j.order)], self.orders)
        for job in start.jobs:
            _known(f"step of {job.product}", [job.step], self.steps[job.product])
            if job.order and self.orders[job.order].product != job.product:
                raise DomainError(
                    f"order {job.order} is of {self.orders[job.order].product}, not {job.product}"
                )
        for unit in start.units:
            if (unit.job is None) != (unit.task is Task.IDLE):
                raise DomainError(
                    f"unit {unit.unit} is {unit.task} {'with' if unit.job else 'without'} a job"
                )
            if unit.task is Task.SETUP and unit.left_s is None:
                raise DomainError(f"unit {unit.unit} is set up: expected how long it still takes")
            if unit.is_down and unit.down_by is None and not self.ways[unit.unit][0].failure:
                raise DomainError(
                    f"unit {unit.unit} is down: expected a failure that tells how it is repaired"
                )
            waited_for = any(each.unit == unit.unit and each.waits for each in self.plant.closures)
            ways = [way.name for way in self.ways[unit.unit] if waited_for or way.name != MAINTENANCE]
            _known(f"way down of {unit.unit}", [*(w.name for w in unit.wear), *filter(None, [unit.down_by])],
                   ways)  # fmt: skip

    def _said_bound(self) -> dict[tuple[str, str], str]:
        """Return the unit of each job order that is known: as said, and as units work on them."""
        found: dict[tuple[str, str], str] = {}
        hands = {name: hand for name, unit in self.said.items() if (hand := self.hand(unit))}
        _known("order", [*self.start.bound, *(hand.order for hand in hands.values())], self.product_of)
        told = [(order, step, unit) for order, at in self.start.bound.items() for step, unit in at.items()]
        told += [(hand.order, hand.step, name) for name, hand in hands.items()]
        for order, step, unit in told:
            product = self.product_of[order]
            _known(f"step of {product}", [step], self.steps[product])
            _known("unit", [unit], self.units)
            wanted = self.steps[product][step].center
            if self.units[unit].name != wanted or not self.units[unit].by_order:
                raise DomainError(f"start: {step} of order {order} at {unit}: expected a unit of {wanted}, "
                                  "if that works by order")  # fmt: skip
            if found.setdefault((order, step), unit) != unit:
                raise DomainError(f"start: {step} of order {order} at {found[order, step]} and {unit}")
        return found

    def _bind(self) -> None:
        """Tell what can still come to each job order; bind what is not bound, as the engines do."""
        orders = self.plant.orders_by_release
        parts: Counter[str] = Counter()
        for order in orders:
            parts[whole_order(order)] += order.quantity
        begun = {whole_order(order) for order in orders[: self.released]}
        steps = {
            (order, step.name): step
            for order in parts
            for step in self.products[self.product_of[order]].steps
            if self.centers[step.center].by_order
        }
        self.to_come = dict.fromkeys(steps, 0)
        coming = [(whole_order(order), order.product, 0, order.lots) for order in orders[self.released :]]
        for job in self.start.jobs:
            if job.order:
                place = list(self.steps[job.product]).index(job.step)
                low = reached(self.products[job.product], place)
                coming.append((whole_order(self.orders[job.order]), job.product, low, 1))
        for whole, product, low, lots in coming:
            for step in self.products[product].steps[low:]:
                if (whole, step.name) in steps:
                    self.to_come[whole, step.name] += lots

        def bind(job_order: tuple[str, str], unit: str) -> None:
            step = steps[job_order]
            if self.to_come[job_order]:
                work = step.work.mean_s / self.plant.tick_s * parts[job_order[0]]
                self.open_work[unit] += int(work + 0.5)
            if step.family is not None:
                self.bound_family[unit] = step.family

        for job_order in steps:
            if job_order in self.bound:
                bind(job_order, self.bound[job_order])
        for name, said in self.said.items():
            if said.bound_family is not None:
                self.bound_family[name] = said.bound_family
        for job_order, step in steps.items():
            if job_order[0] in begun and job_order not in self.bound:
                center = self.centers[step.center]
                units = [unit_name(center, n + 1) for n in range(center.units)]
                self.bound[job_order] = min(units, key=lambda unit: self._waits(unit, step))
                bind(job_order, self.bound[job_order])

    def _waits(self, unit: str, step: Step) -> int:
        """Return the open work of a unit, with the set-up that a step would want."""
        before, after = self.bound_family[unit], step.family
        setup_s = 0.0
        if before is not None and after is not None and before != after:
            setup_s = self.units[unit].setup_s.get((before, after), 0.0)
        return self.open_work[unit] + self.plant.ticks(setup_s)

    def hand(self, unit: UnitStart) -> Hand | None:
        """Return what a unit has in hand: as said, or as its job is of."""
        job = unit.job
        if unit.hand or not self.units[unit.unit].by_order:
            return unit.hand
        if job is None or job.order is None or unit.task is Task.BLOCKED:
            return None
        return Hand(whole_order(self.orders[job.order]), job.step)

    def waits_since(self, hand: Hand) -> int | None:
        """Return the tick since when nothing of a job order in hand is there."""
        return None if hand.waits_since_s is None else round(hand.waits_since_s / self.plant.tick_s)

    def wear(self, unit: UnitStart, place: int) -> Wear:
        """Return what is known of one of the ways in which a unit goes down."""
        way = self.ways[unit.unit][place]
        if place == 0 and way.failure:
            return Wear(way.name, unit.worn_s, unit.to_failure_s, unit.failures)
        return next((each for each in unit.wear if each.name == way.name), Wear(way.name))

    def down_by(self, unit: UnitStart) -> int:
        """Return the place of the way in which a unit is down."""
        names = [way.name for way in self.ways[unit.unit]]
        return 0 if unit.down_by is None else names.index(unit.down_by)

    def step(self, job: JobStart) -> Step:
        return self.steps[job.product][job.step]

    def lot(self, job: JobStart) -> tuple[str, int]:
        """Return the name of the lot that a job of an order is, and its parts in the beginning."""
        assert job.order
        lots = lots_of(self.orders[job.order])
        if not (0 < job.lot <= len(lots) or len(lots) == 1):
            raise DomainError(
                f"order {job.order} of {len(lots)} lots: lot {job.lot}: expected 1 to {len(lots)}"
            )
        return lots[max(job.lot - 1, 0)]

    def lots_left(self, order: str) -> int:
        """Return how many lots of an order are not over."""
        if order in self.start.ended or order in self.start.lost:
            return 0
        return self.under_way[order] or self.orders[order].lots

    def is_on(self, calendar: str | None) -> bool:
        """Return whether a calendar is on just before the start; it turns at its beginning, if it does."""
        if calendar is None:
            return True
        found = next(each for each in self.plant.calendars if each.name == calendar)
        phase = max(self.now - 1, 0) % self.plant.ticks(found.period_s)
        return any(self.plant.ticks(a) <= phase < self.plant.ticks(b) for a, b in found.on_s)

    def joined(self, job: JobStart) -> int:
        """Return the tick at which a job joined the queue that it stands in."""
        return self.now if job.joined_s is None else round(job.joined_s / self.plant.tick_s)

    def quantity(self, job: JobStart) -> int:
        if job.quantity is not None:
            return job.quantity
        return self.lot(job)[1] if job.order else 1

    def entity(self, job: JobStart) -> int:
        if job.order:
            return streams.entity("order", self.lot(job)[0])
        return streams.part(streams.entity("product", job.product), job.number)

    def spans(self, unit: UnitStart) -> _Spans:
        """Return what is left of a unit's task, until its failure and of its repair."""
        plant, pace = self.plant, self.units[unit.unit].pace_of(self.numbers[unit.unit])
        left: Span = 0
        work: Span = 0
        if unit.job:
            step = self.step(unit.job)
            whom = (self.entity(unit.job) + streams.entity("step", _name(self.products, unit.job))) % 2**64
            mean = step.work.mean_s / plant.tick_s
            mean *= 1 if self.units[unit.unit].batch else self.quantity(unit.job)
            work = Draw(streams.WORK, whom, unit.job.passes, step.work, mean, pace=pace)
            if unit.left_s is not None:
                left = plant.ticks(unit.left_s)
            elif unit.task is Task.WORKING and mean > 0:
                left = replace(work, passed=unit.elapsed_s / plant.tick_s * pace / mean)
        strikes: list[Span] = []
        for place, way in enumerate(self.ways[unit.unit]):
            wear = self.wear(unit, place)
            if way.failure and wear.to_failure_s is not None:
                strikes.append(round(wear.to_failure_s / plant.tick_s))
            elif way.failure:
                happening = streams.FAILURE, way.entity, wear.failures - 1
                strikes.append(_left(plant, way.failure.time_to, wear.worn_s, happening))
            elif way.tool:
                strikes.append(way.tool.life_parts if wear.parts is None else wear.parts)
            else:
                strikes.append(plant.ticks(wear.owed_s))
        repair_left: Span = 0
        if unit.is_down and unit.repair_left_s is not None:
            repair_left = plant.ticks(unit.repair_left_s)
        elif unit.is_down:
            way = self.ways[unit.unit][self.down_by(unit)]
            happening = streams.REPAIR, way.entity, self.wear(unit, self.down_by(unit)).failures - 1
            repair_left = _left(plant, way.mends, unit.down_s, happening) if way.mends else 0
        return _Spans(left, work, tuple(strikes), repair_left)

    def on_shift(self, unit: UnitStart) -> bool:
        name = self.units[unit.unit].calendar_of(self.numbers[unit.unit])
        if unit.on_shift is not None or name is None:
            return unit.on_shift is not False
        calendar = next(each for each in self.plant.calendars if each.name == name)
        phase = self.now % self.plant.ticks(calendar.period_s)
        return any(self.plant.ticks(a) <= phase < self.plant.ticks(b) for a, b in calendar.on_s)

    def closed(self, unit: str) -> list[int]:
        """Return the closures that a unit is in; one that begins now has not begun."""
        ticks = self.plant.ticks
        return [
            place
            for place, each in enumerate(self.plant.closures)
            if each.unit == unit and not each.waits
            if ticks(each.from_s) < self.now <= ticks(each.to_s)
        ]

    def next_arrival(self, product: Product) -> Span:
        """Return in how many ticks the next part of a product comes by itself."""
        if product.name in self.start.arrivals:
            return self.plant.ticks(self.start.arrivals[product.name]) - self.now
        assert product.arrivals
        whom = streams.entity("product", product.name)
        happening = streams.ARRIVAL, whom, self.arrived(product.name)
        return _left(self.plant, product.arrivals, 0.0, happening)

    def arrived(self, product: str) -> int:
        """Return how many jobs of a product came so far: at least those under way, each with its number."""
        here = [job for job in self.start.jobs if job.product == product]
        return max(self.start.arrived.get(product, 0), len(here), *(job.number for job in here), 0)

    def calling(self) -> list[str]:
        said = list(self.start.calling)
        return said + [n for n, unit in self.said.items() if unit.task is Task.CALLING and n not in said]


def _name(products: Mapping[str, Product], job: JobStart) -> str:
    product = products[job.product]
    return step_name(product, next(step for step in product.steps if step.name == job.step))


def _left(plant: Plant, law: Distribution, passed_s: float, happening: tuple[int, int, int]) -> Span:
    if law.mean_s <= 0:
        return 0
    passed = None if passed_s <= 0 else passed_s / law.mean_s
    return Draw(*happening, law, law.mean_s / plant.tick_s, passed)


def _known(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    there = set(known)
    for name in names:
        if name not in there:
            raise DomainError(f"start: unknown {kind} {name!r}: expected one of {', '.join(sorted(there))}")


# -- the kernel's


Bytes = npt.NDArray[np.uint8]
BLOCK = 32  # replications whose draws are made at once: one alone takes as long as a dozen


class Placed:
    """A start laid out for a compiled plant once; each replication only draws what is left of things.

    What is drawn is drawn for `BLOCK` replications at once, when the first of them is asked for.

    Raises
    ------
    DomainError
        If the start does not fit the plant; it names what, and what would.
    """

    def __init__(self, plant: Compiled, start: Start) -> None:
        self._plant = plant
        self._places = _Places(plant.plant, start)
        self._families = families_of(plant.plant)
        self._products = {each.name: place for place, each in enumerate(plant.plant.products)}
        self._orders = {name: place for place, name in enumerate(plant.order_names)}
        self._first_lots = np.searchsorted(plant.orders["order"], np.arange(len(plant.order_names)))
        self._base = self._laid_out(start)
        self._ask()
        self._block: tuple[int, int, list[int], Bytes] | None = None  # seed, first replication, keys, heads

    def state(self, *, seed: int, replication: int = 0, into: State | None = None) -> State:
        """Return the state in which a replication begins.

        Parameters
        ----------
        into : a state of this plant that nobody needs any more, to be written over if it has the size; if its
            run came to need more places for jobs, all runs from now on begin with as many
        """
        first = replication - replication % BLOCK
        block = self._block
        if block is None or block[:2] != (seed, first):  # two threads may both draw it: they draw the same
            numbers = range(first, first + BLOCK)
            keys = [streams.replication_key(seed, n) for n in numbers]
            block = self._block = seed, first, keys, self._drawn(keys)
        row = replication - first
        return self._state(block[2][row], block[3][row], into)

    def state_of(self, key: int) -> State:
        """Return the state in which the run of a key begins."""
        return self._state(key, self._drawn([key])[0])

    def _state(self, key: int, head: Bytes, into: State | None = None) -> State:
        base = self._base
        while into is not None and into.jobs > base.jobs:  # two threads may both grow it: they grow the same
            base = self._base = roomier(self._plant, base)
        if into is None or into.jobs != base.jobs:
            state = base.copy(key)
        else:
            state = into
            state.become(base, key)
        state.buffer[: len(head)] = head
        return state

    def _ask(self) -> None:
        """Tell what each replication draws, and which leaves and units that concerns."""
        plant, places, base = self._plant, self._places, self._base
        now, n_units = places.now, len(plant.units)
        spans = [places.spans(unit) for unit in places.said.values()]
        at_work = np.flatnonzero(base["units"]["job"] >= 0)
        self._slots = base["units"]["job"][at_work]
        jobs = base.place("jobs").start + base["jobs"].itemsize * (int(self._slots.max(initial=-1)) + 1)
        self._head = max(jobs, *(base.place(name).stop for name in ("tree", "units", "modes")))
        strikes = [
            strike
            for unit, each in zip(plant.units, spans, strict=True)  # but maintenance that nothing asks for
            for strike in each.strikes[: unit["mode_last"] - unit["mode_first"]]
        ]
        self._coming = np.array([k for k, p in enumerate(plant.plant.products) if p.arrivals], np.intp)
        asked: list[list[Span]] = [
            [each.left for each in spans], [spans[place].work for place in at_work],
            [each.repair_left for each in spans], strikes,
            [places.next_arrival(plant.plant.products[place]) for place in self._coming],
        ]  # fmt: skip
        self._draws = Draws([span for some in asked for span in some])
        self._cuts = np.cumsum([len(some) for some in asked])[:-1]
        clock = plant.modes["clock"]
        self._shift = np.where(clock == kernel.BY_CALENDAR, now, 0)
        said = list(places.said.values())
        is_down = np.array([unit.is_down for unit in said], np.bool_)
        is_mended = is_down & np.array([unit.has_crew for unit in said], np.bool_)
        self._mended = np.flatnonzero(is_mended & (base["units"]["on"] != 0))
        rows = list(enumerate(zip(plant.units["mode_first"].tolist(), plant.units["mode_last"].tolist(),
                                  strict=True)))  # fmt: skip
        self._by_working = _ranked(
            [[mode for mode in range(*modes) if clock[mode] == kernel.BY_WORKING] for _, modes in rows]
        )
        self._by_calendar = _ranked(
            [[mode for mode in range(*modes) if clock[mode] == kernel.BY_CALENDAR and not is_down[place]]
             for place, modes in rows]
        )  # fmt: skip
        self._agenda = np.full(plant.leaves, kernel.NEVER, np.int64)
        move = 2 * n_units + len(plant.products)
        if base["run"]["moving"][0]:
            self._agenda[move] = base["moves"][0, 0]
        for place, batch in enumerate(plant.batches):
            head = int(base["centers"]["head"][plant.units[batch["first"]]["center"]])
            if head >= 0 and batch["wait"] < kernel.FAR:
                self._agenda[plant.leaf_batch + place] = max(
                    now, base["jobs"]["joined"][head] + batch["wait"]
                )

    def _drawn(self, keys: Sequence[int]) -> Bytes:
        """Return the heads of the states in which the runs of keys begin, a row each: all that differs."""
        plant, now, n_units = self._plant, self._places.now, len(self._plant.units)
        left, work, repair, strikes, comes = np.split(self._draws.of(keys), self._cuts, axis=1)
        heads = np.tile(self._base.buffer[: self._head], (len(keys), 1))

        def records(name: str) -> npt.NDArray[Any]:
            return heads[:, self._base.place(name)].view(self._base[name].dtype)

        units, modes, first_job = records("units"), records("modes"), self._base.place("jobs").start
        heads[:, first_job:].view(self._base["jobs"].dtype)["work"][:, self._slots] = work
        units["left"], units["repair_left"] = left, repair
        modes["left"] = strikes + self._shift
        to_failure: IntArray = np.full(left.shape, kernel.FAR, np.int64)
        for mine, way in self._by_working:
            sooner = strikes[:, way] < to_failure[:, mine]
            units["due"][:, mine] = np.where(sooner, way, units["due"][:, mine])
            to_failure[:, mine] = np.minimum(to_failure[:, mine], strikes[:, way])
        units["to_failure"] = units["span"] = to_failure
        agenda = np.tile(self._agenda, (len(keys), 1))
        agenda[:, n_units + self._mended] = now + repair[:, self._mended]
        for mine, way in self._by_calendar:
            strikes_at = np.maximum(now, now + strikes[:, way])
            agenda[:, n_units + mine] = np.minimum(agenda[:, n_units + mine], strikes_at)
        agenda[:, 2 * n_units + self._coming] = now + comes
        leaves = np.arange(plant.leaves)
        agenda = np.where(agenda == kernel.NEVER, kernel.NEVER, agenda << kernel.SHIFT | leaves)
        records("tree")[:] = _trees(agenda)
        return heads

    def _laid_out(self, start: Start) -> State:
        plant, places = self._plant, self._places
        jobs = list(start.jobs)
        state = fresh(plant, seed=0, jobs=len(jobs) + 2 * len(plant.units) + 272)
        run = state["run"]
        run["now"] = run["in_work_since"] = places.now
        run["begun"] = kernel.PLACED
        run["in_work"] = len(jobs)
        run["next_order"] = int(np.sum(plant.orders["order"] < places.released))
        run["next_delivery"] = int(np.sum(plant.deliveries["at"] < places.now))
        run["next_closing"] = int(np.sum(plant.closings[:, 0] < places.now))
        run["next_opening"] = int(np.sum(plant.openings[:, 0] < places.now))
        for place, product in enumerate(plant.plant.products):
            state["made"]["arrived"][place] = places.arrived(product.name)
        for place, material in enumerate(plant.plant.materials):
            state["stock"][place] = start.stock.get(material.name, material.stock)
        for name, second in start.ended.items():
            ended = kernel.SCRAPPED_ORDER if second is None else plant.plant.ticks(second)
            state["ended"][self._orders[name]] = ended
        for name in start.lost:
            state["ended"][self._orders[name]] = kernel.LOST_ORDER
        for place, order in enumerate(plant.order_names[: places.released]):
            state["lots"]["left"][place] = places.lots_left(order)
            state["lots"]["good"][place] = start.good.get(order, 0)
        self._lay_hands(state)
        for place, operator in enumerate(plant.plant.operators):
            if operator.calendar and places.is_on(operator.calendar):
                run["present"] |= np.uint64(1 << place)
        state["crews"]["on"] = [places.is_on(crew.calendar) for crew in plant.plant.crews]
        slots = iter(range(len(jobs)))
        unit_of = {name: place for place, name in enumerate(places.said)}
        for name, unit in places.said.items():
            self._lay_unit(state, unit_of[name], unit, slots)
        self._lay_queues(state, start, slots)
        self._link(state, unit_of)
        moves = []
        for place, move in enumerate(start.moves):
            slot = self._lay_job(state, move.job, slots)
            state["jobs"][slot]["turn"] = place
            moves.append((plant.plant.ticks(move.arrives_s), place, slot))
        if moves:  # in sequence they are a heap already
            state["moves"][: len(moves)] = np.array(sorted(moves), np.int64)[:, ::2]
        run["turns"] = run["moving"] = len(start.moves)
        run["free"] = len(jobs)
        run["free_count"] = state.jobs - len(jobs)
        return state

    def _lay_hands(self, state: State) -> None:
        """Write what is bound to whom, what can still come, and what units have in hand."""
        plant, places = self._plant, self._places
        hands, bound, model = state["hands"], state["bound"], plant.plant
        base_of = dict(zip(wholes_of(model), plant.bases.tolist(), strict=True))
        firsts = {
            each.name: first for each, first in zip(model.products, plant.products["first"], strict=True)
        }
        place_of = {name: place for place, name in enumerate(plant.unit_names)}

        def number(order: str, step: str) -> int:
            product = places.product_of[order]
            return int(base_of[order] + firsts[product]) + list(places.steps[product]).index(step)

        for job_order, left in places.to_come.items():
            bound["left"][number(*job_order)] = left
        for job_order, unit in places.bound.items():
            bound["unit"][number(*job_order)] = place_of[unit]
        for row, place in zip(hands, plant.handed.tolist(), strict=True):
            name = plant.unit_names[place]
            row["open"] = places.open_work[name]
            row["family"] = self._families.index(places.bound_family[name])
            hand = places.hand(places.said[name])
            if hand:
                row["job_order"] = number(hand.order, hand.step)
                since = places.waits_since(hand)
                row["since"] = kernel.FAR if since is None else since

    def _lay_job(self, state: State, job: JobStart, slots: Iterator[int]) -> int:
        plant, places = self._plant, self._places
        slot = next(slots)
        row = state["jobs"][slot]
        product = self._products[job.product]
        steps = list(places.steps[job.product])
        row["product"], row["step"] = product, plant.products[product]["first"] + steps.index(job.step)
        row["since"] = round(job.since_s / plant.plant.tick_s)
        row["entity"], row["passes"], row["next"] = places.entity(job), job.passes, -1
        row["family"] = plant.steps[row["step"]]["family"]
        row["order"], row["quantity"], row["due"], row["priority"] = -1, 1, kernel.FAR, 0
        row["base"] = kernel.NO_BASE
        if job.order:
            row["order"] = place = self._orders[job.order]
            order = plant.orders[self._first_lots[place]]
            row["due"], row["priority"] = order["due"], order["priority"]
            row["base"] = plant.bases[order["whole"]]
        row["quantity"], row["joined"] = places.quantity(job), places.joined(job)
        return slot

    def _lay_unit(self, state: State, place: int, unit: UnitStart, slots: Iterator[int]) -> None:
        plant, places = self._plant, self._places
        row = state["units"][place]
        row["since"] = places.now
        row["task"] = _TASKS[unit.task]
        row["family"] = 0 if unit.family is None else self._families.index(unit.family)
        if unit.job:
            row["job"] = self._lay_job(state, unit.job, slots)
            before = -1
            for other in unit.others:
                slot = self._lay_job(state, other, slots)
                if before < 0:
                    row["next_in"] = slot
                else:
                    state["jobs"]["next"][before] = slot
                before = slot
        if unit.operator:
            row["operator"] = 1 << places.operator_of[unit.operator]
            state["run"]["operators"] &= ~np.uint64(row["operator"])
        row["shift"] = places.on_shift(unit)
        row["closed"] = len(places.closed(unit.unit))
        row["on"] = row["shift"] and not row["closed"]
        if unit.is_down:
            mode = plant.units[place]["mode_first"] + places.down_by(unit)
            is_failure = places.ways[unit.unit][places.down_by(unit)].failure
            row["down"] = (kernel.WAITS_FAILED if is_failure else kernel.WAITS_UPKEEP) + unit.has_crew
            if plant.modes[mode]["crew"] >= 0 and unit.has_crew:
                state["crews"]["free"][plant.modes[mode]["crew"]] -= 1
            row["mode"] = mode
        row["state"] = _shown(row)
        self._lay_modes(state, place, unit)

    def _lay_modes(self, state: State, place: int, unit: UnitStart) -> None:
        """Write how often each way down was drawn, and which tools and maintenance are due."""
        row, ways, spans = state["units"][place], self._places.ways[unit.unit], self._places.spans(unit)
        first, last = self._plant.units[place]["mode_first"], self._plant.units[place]["mode_last"]
        for number, mode in enumerate(range(first, last)):
            state["modes"][mode]["count"] = self._places.wear(unit, number).failures
            known = spans.strikes[number]
            if not ways[number].failure:
                assert isinstance(known, int), "only failures are drawn"
                row["upkeep"] += known <= 0 if ways[number].tool else known > 0

    def _lay_queues(self, state: State, start: Start, slots: Iterator[int]) -> None:
        plant = self._plant
        for g, center in enumerate(plant.plant.centers):
            before = -1
            for job in start.queues.get(center.name, ()):
                slot = self._lay_job(state, job, slots)
                row, step = state["jobs"][slot], plant.steps[state["jobs"][slot]["step"]]
                rule = plant.centers[g]["rule"]
                if rule == kernel.DUE:
                    row["rank"] = row["due"]
                elif rule == kernel.SHORTEST:
                    row["rank"] = int(step["work"] * row["quantity"] + 0.5)
                elif rule == kernel.PRIORITY:
                    row["rank"] = -row["priority"]
                if before < 0:
                    state["centers"]["head"][g] = slot
                else:
                    state["jobs"]["next"][before] = slot
                before = slot
            state["centers"]["tail"][g] = before
            count = len(start.queues.get(center.name, ()))
            state["centers"]["waiting"][g] = state["centers"]["longest"][g] = count

    def _link(self, state: State, unit_of: Mapping[str, int]) -> None:
        """Chain the units that are blocked, call, or wait for a crew, in their sequence."""
        plant, start = self._plant.plant, self._places.start
        chains: list[tuple[str, str, str, Any, Iterable[str]]] = [
            ("next_calling", "call_head", "call_tail", state["run"][0], self._places.calling())
        ]
        for place, center in enumerate(plant.centers):
            chains.append(("next_blocked", "blocked_head", "blocked_tail", state["centers"][place],
                           start.blocked.get(center.name, ())))  # fmt: skip
        for place, crew in enumerate(plant.crews):
            chains.append(
                ("next_down", "head", "tail", state["crews"][place], start.crews.get(crew.name, ()))
            )
        for follows, head, tail, row, names in chains:
            before = -1
            for name in names:
                if before < 0:
                    row[head] = unit_of[name]
                else:
                    state["units"][follows][before] = unit_of[name]
                before = unit_of[name]
            if before >= 0:
                row[tail] = before


def _shown(row: Any) -> int:
    """Return the state that a unit shows; what has to go on by itself is off until the first settling."""
    if not row["on"] or (not row["down"] and row["task"] in (kernel.IDLE, kernel.SETUP, kernel.WORKING)):
        return kernel.OFF
    if row["down"]:
        return kernel.UPKEEP if row["down"] >= kernel.WAITS_UPKEEP else kernel.BROKEN + int(row["down"]) - 1
    return int(row["task"])


def _ranked(modes_of: list[list[int]]) -> list[tuple[IntArray, IntArray]]:
    """Return units with a mode of each, in as many rounds as the most modes of a unit."""
    rounds: list[list[tuple[int, int]]] = []
    for place, modes in enumerate(modes_of):
        for rank, mode in enumerate(modes):
            if rank == len(rounds):
                rounds.append([])
            rounds[rank].append((place, mode))
    return [(np.array(each)[:, 0], np.array(each)[:, 1]) for each in rounds]


def _trees(keys: IntArray) -> IntArray:
    """Return in each row a tree: the keys of all leaves, and above each two the smaller one."""
    runs, above = keys.shape
    tree: IntArray = np.full((runs, 2 * above), kernel.NEVER, np.int64)
    tree[:, above:] = keys
    while above > 1:  # nodes from `low` on have both below them at or beyond `above`
        low = (above + 1) // 2
        tree[:, low:above] = np.minimum(tree[:, 2 * low : 2 * above : 2],
                                        tree[:, 2 * low + 1 : 2 * above : 2])  # fmt: skip
        above = low
    return tree


def state_from(plant: Compiled, start: Start, *, seed: int, replication: int = 0) -> State:
    """Return the state in which a replication begins; for many of them keep a `Placed`."""
    return Placed(plant, start).state_of(streams.replication_key(seed, replication))


# -- the reference's


def reference_from(plant: Plant, start: Start, key: int) -> Reference:
    """Return a run of the reference that begins from a start."""
    places = _Places(plant, start)
    run = Reference(plant, key)
    run.now = places.now
    run.in_work = sum(1 for _ in start.jobs)
    run._has_begun = True
    for name, count in run.counts.items():
        count.arrived = places.arrived(name)
    run.stock.update(start.stock)
    run.ended = {name: plant.ticks(s) for name, s in start.ended.items() if s is not None}
    run.scrapped = {name for name, s in start.ended.items() if s is None}
    run.lost = set(start.lost)
    for order in run._orders[: places.released]:
        run.lots_left[order.name] = places.lots_left(order.name)
        run.good[order.name] = start.good.get(order.name, 0)
    run._present = {k for k, each in enumerate(plant.operators) if places.is_on(each.calendar)}
    for crew_ in plant.crews:
        run._crews[crew_.name].is_there = places.is_on(crew_.calendar)
    units = {unit.name: unit for unit in run._units}
    for name, unit in units.items():
        said, spans = places.said[name], places.spans(places.said[name])
        repair_left = ticks(spans.repair_left, key)
        unit.task = Doing[said.task.name]
        unit.family, unit.left = said.family, ticks(spans.left, key)
        if said.job:
            unit.job = _reference_job(places, said.job)
            unit.job.work = ticks(spans.work, key)
        unit.others = [_reference_job(places, job) for job in said.others]
        if said.operator:
            unit.operator = places.operator_of[said.operator]
            run._free.remove(unit.operator)
        unit.on_shift = places.on_shift(said)
        unit.closures = set(places.closed(name))
        for number, (mode, span) in enumerate(zip(unit.modes, spans.strikes, strict=True)):
            mode.drawn, strikes = places.wear(said, number).failures, ticks(span, key)
            if mode.failure:
                mode.strikes = strikes + (places.now if mode.is_by_calendar else 0)
            elif mode.tool:
                mode.parts = strikes
            else:
                mode.owed = strikes
        if said.is_down:
            unit.down_by, unit.repair_left = unit.modes[places.down_by(said)], repair_left
            if said.has_crew:
                unit.crew_is_here = True
                if unit.down_by.crew:
                    run._crews[unit.down_by.crew].free -= 1
                if unit.is_on:
                    run._fault(unit, places.now + repair_left)
        else:
            run._await_fault(unit)
        unit.shown_since = places.now
        goes_on = unit.can_act and unit.task in (Doing.IDLE, Doing.SETUP, Doing.WORKING)
        unit.shown = Doing.OFF if goes_on else unit.state()
    for name, center in run._centers.items():
        center.queue = [_reference_job(places, job) for job in start.queues.get(name, ())]
        center.longest = len(center.queue)
        center.blocked = deque(units[each] for each in start.blocked.get(name, ()))
    run._to_come = dict(places.to_come)
    run._bound = {job_order: units[unit] for job_order, unit in places.bound.items()}
    for name, unit in units.items():
        unit.bound_work, unit.bound_family = places.open_work[name], places.bound_family[name]
        hand = places.hand(places.said[name])
        if hand:
            unit.hand, unit.waits_since = (hand.order, hand.step), places.waits_since(hand)
    for name, crew in run._crews.items():
        crew.waiting = deque(units[each] for each in start.crews.get(name, ()))
    run._calling = [units[name] for name in places.calling()]
    run._moves = [
        (plant.ticks(move.arrives_s), turn, _reference_job(places, move.job))
        for turn, move in enumerate(start.moves)
    ]
    run._moves.sort(key=lambda each: each[:2])
    run._moved = len(run._moves)
    _reference_agenda(run, places)
    run._coming_on = [unit for unit in run._units if unit.can_act and unit.shown is Doing.OFF]
    run._is_beginning = True
    run._settle()
    run._is_beginning = False
    return run


def _reference_job(places: _Places, job: JobStart) -> reference._Job:
    product = places.products[job.product]
    return reference._Job(
        places.lot(job)[0] if job.order else f"{job.product} {job.number}", places.entity(job), product,
        round(job.since_s / places.plant.tick_s), places.orders[job.order] if job.order else None,
        places.quantity(job), places.joined(job),
        step=list(places.steps[job.product]).index(job.step), passes=job.passes, mark=places.now,
    )  # fmt: skip


def _reference_agenda(run: Reference, places: _Places) -> None:
    plant, now = places.plant, places.now
    for place, product in enumerate(plant.products):
        if product.arrivals:
            run._at(Kind.SOURCE, place, now + ticks(places.next_arrival(product), run.key))
    if run._moves:
        run._at(Kind.MOVE, 0, run._moves[0][0])
    for place in range(len(plant.calendars)):
        run._at(Kind.CALENDAR, place, now)
    for place, closure in enumerate(plant.closures):
        for kind, second in ((Kind.CLOSING, closure.from_s), (Kind.OPENING, closure.to_s)):
            if plant.ticks(second) >= now and not (closure.waits and kind is Kind.OPENING):
                run._at(kind, place, plant.ticks(second))
    while run._deliveries and plant.ticks(run._deliveries[0].at_s) < now:
        run._deliveries.popleft()
    if run._deliveries:
        run._at(Kind.DELIVERY, 0, plant.ticks(run._deliveries[0].at_s))
    run._released = sum(order.lots for order in run._orders[: places.released])
    if run._released < len(run._lots):
        run._at(Kind.ORDER, 0, max(now, plant.ticks(run._lots[run._released][0].release_s)))
    if plant.tariff:
        run._at(Kind.TARIFF, 0, now)
    for center in run._centers.values():
        if center.model.batch and center.queue and not center.model.by_order:
            run._wake(center)


# -- out of a running state


def start_of(plant: Compiled, state: State) -> Start:
    """Return where a run stands, everything left known to the tick. What it has counted is not in it."""
    model, n_units = plant.plant, len(plant.units)
    tick_s, now = model.tick_s, state.now
    tree, families = state["tree"], families_of(model)

    def pending(leaf: int) -> int | None:
        key = int(tree[plant.leaves + leaf])
        return None if key == kernel.NEVER else key >> kernel.SHIFT

    numbers = {
        streams.part(streams.entity("product", product.name), number): number
        for place, product in enumerate(model.products)
        for number in range(1, int(state["made"]["arrived"][place]) + 1)
    }

    def job(slot: int, *, is_filled: bool = False) -> JobStart:
        row = state["jobs"][slot]
        product = model.products[row["product"]]
        step = product.steps[row["step"] - plant.products[row["product"]]["first"]]
        order = None if row["order"] < 0 else plant.order_names[row["order"]]
        number = lot = 0
        if order is None:
            number = numbers[int(row["entity"])]
        elif row["order"] in several:
            mine = plant.orders["order"] == row["order"]
            lot = 1 + int(np.argmax(plant.orders["entity"][mine] == row["entity"]))
        return JobStart(
            product.name, step.name, order, number, int(row["since"]) * tick_s, int(row["passes"]),
            lot, int(row["quantity"]), int(row["joined"]) * tick_s if is_filled else None,
        )  # fmt: skip

    several = [place for place, order in enumerate(model.orders_by_release) if order.lots > 1]

    def chain(head: int, follows: Any) -> Iterator[int]:
        while head >= 0:
            yield int(head)
            head = follows[head]

    bound: dict[str, dict[str, str]] = {}
    job_orders: dict[int, tuple[str, str]] = {}
    wholes = dict(zip(wholes_of(model), plant.bases.tolist(), strict=True))
    firsts = {
        each.name: int(first) for each, first in zip(model.products, plant.products["first"], strict=True)
    }
    product_of = {whole_order(order): order.product for order in model.orders}
    for whole, base in wholes.items():
        product = next(each for each in model.products if each.name == product_of[whole])
        for place, step in enumerate(product.steps if base != kernel.NO_BASE else ()):
            number = base + firsts[product.name] + place
            job_orders[number] = whole, step.name
            if state["bound"]["unit"][number] >= 0:
                bound.setdefault(whole, {})[step.name] = plant.unit_names[state["bound"]["unit"][number]]

    def hand(place: int) -> Hand | None:
        row = state["hands"][plant.units[place]["hand"]] if plant.units[place]["hand"] >= 0 else None
        if row is None or row["job_order"] < 0:
            return None
        since = None if row["since"] == kernel.FAR else int(row["since"]) * tick_s
        return Hand(*job_orders[int(row["job_order"])], since)

    numbered = [(center, n + 1) for center in model.centers for n in range(center.units)]
    tasks = {number: task for task, number in _TASKS.items()}
    units = []
    for place, name in enumerate(plant.unit_names):
        row = state["units"][place]
        ends, fault = pending(place), pending(n_units + place)
        unrun = 0 if ends is None else ends - now
        left = int(row["left"]) if ends is None else unrun + int(row["rest"])
        worked = int(row["span"] - row["to_failure"])
        if ends is not None and row["task"] == kernel.WORKING:
            worked -= unrun
        repair = int(row["repair_left"]) if fault is None else fault - now
        center, number = numbered[place]
        wear = []
        first = plant.units[place]["mode_first"]
        for mode, way in zip(state["modes"][first : plant.units[place]["mode_last"]], _ways(center, number),
                             strict=False):  # fmt: skip
            remains = int(mode["left"])
            wear.append(Wear(
                way.name, failures=int(mode["count"]),
                to_failure_s=(remains - (now if way.is_by_calendar else worked)) * tick_s
                if way.failure else None,
                parts=remains if way.tool else None,
                owed_s=0.0 if way.failure or way.tool else remains * tick_s,
            ))  # fmt: skip
        down_by = _ways(center, number)[row["mode"] - first].name if row["down"] else None
        main = wear.pop(0) if center.failures_of(number) else Wear("")
        operator = int(row["operator"])
        units.append(UnitStart(
            name, tasks[int(row["task"])], job(row["job"]) if row["job"] >= 0 else None,
            families[row["family"]],
            model.operators[operator.bit_length() - 1].name if operator else None,
            left_s=left * tick_s if row["task"] in (kernel.SETUP, kernel.WORKING) else None,
            to_failure_s=main.to_failure_s, failures=main.failures,
            is_down=bool(row["down"]), has_crew=row["down"] not in (kernel.WAITS_FAILED, kernel.WAITS_UPKEEP),
            repair_left_s=repair * tick_s if row["down"] else None,
            on_shift=bool(row["shift"]), wear=tuple(wear), down_by=down_by,
            others=tuple(job(slot) for slot in chain(row["next_in"], state["jobs"]["next"])),
            hand=hand(place), bound_family=None if (h := plant.units[place]["hand"]) < 0
            else families[state["hands"]["family"][h]],
        ))  # fmt: skip
    names = plant.unit_names
    centers, follows = state["centers"], state["jobs"]["next"]
    moving = state["moves"][: state["run"]["moving"][0]]
    under_way = sorted(moving.tolist(), key=lambda each: int(state["jobs"][each[1]]["turn"]))
    ended = {name: int(at) for name, at in zip(plant.order_names, state["ended"], strict=True)}
    source = 2 * n_units
    return Start(
        now_s=now * tick_s, units=tuple(units),
        queues={center.name: tuple(job(slot, is_filled=plant.centers["rule"][g] == kernel.BY_BATCH)
                                   for slot in chain(centers["head"][g], follows))
                for g, center in enumerate(model.centers) if centers["waiting"][g]},
        blocked={center.name: tuple(names[m] for m in chain(centers["blocked_head"][g],
                                                            state["units"]["next_blocked"]))
                 for g, center in enumerate(model.centers) if centers["blocked_head"][g] >= 0},
        calling=tuple(names[m] for m in chain(state["run"]["call_head"][0], state["units"]["next_calling"])),
        moves=tuple(Moving(job(slot), at * tick_s) for at, slot in under_way),
        crews={crew.name: tuple(names[m] for m in chain(state["crews"]["head"][c],
                                                        state["units"]["next_down"]))
               for c, crew in enumerate(model.crews) if state["crews"]["head"][c] >= 0},
        stock={material.name: int(state["stock"][p]) for p, material in enumerate(model.materials)},
        ended={name: at * tick_s if at >= 0 else None for name, at in ended.items()
               if at >= 0 or at == kernel.SCRAPPED_ORDER},
        lost=tuple(name for name, at in ended.items() if at == kernel.LOST_ORDER),
        good={name: int(good) for name, good in zip(plant.order_names, state["lots"]["good"], strict=True)
              if good},
        arrived={product.name: int(state["made"]["arrived"][p]) for p, product in enumerate(model.products)},
        arrivals={product.name: at * tick_s for p, product in enumerate(model.products)
                  if (at := pending(source + p)) is not None},
        bound=bound,
    )  # fmt: skip
