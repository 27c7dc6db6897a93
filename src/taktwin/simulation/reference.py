"""The same plant in plain Python, slow and readable: the kernel's oracle, and the one that can explain.

Comes in: a `Plant`, a replication's key. Goes out: the course of the run, tick for tick that of the
kernel, with a span for everything that happened to each job. It shares with the kernel the tables of
quantiles and the key contract, and nothing of its code: objects instead of records, a heap with
cancelled entries instead of a tree, a list of consequences instead of variables.

The rules are in docs/explanation/simulation.md; a rule that only one of the two knows is a red test.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from taktwin.simulation import streams
from taktwin.simulation.check import checked
from taktwin.simulation.distributions import Distribution, Fixed, table, value
from taktwin.simulation.model import (
    Calendar,
    Failure,
    FailureClock,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    Tool,
    WorkCenter,
    centers_of,
    failure_entity,
    lots_of,
    price_units,
    reached,
    step_name,
    unit_name,
    whole_order,
)


class Doing(IntEnum):
    """What a unit is found doing; the numbers are columns of the kernel's account too."""

    IDLE = 0
    CALLING = 1
    SETUP = 2
    WORKING = 3
    BLOCKED = 4
    BROKEN = 5  # and no crew has come yet
    REPAIR = 6
    OFF = 7
    UPKEEP = 8  # a tool is changed, or maintenance is done that waited for the job in hand


class Kind(IntEnum):
    """Kinds of events; at the same tick the lower one comes first, then who was declared first."""

    UNIT = 0
    FAULT = 1
    SOURCE = 2
    MOVE = 3
    CLOSING = 4
    CALENDAR = 5
    OPENING = 6
    DELIVERY = 7
    ORDER = 8
    TARIFF = 9
    BATCH = 10
    PATIENCE = 11


@dataclass(frozen=True, slots=True)
class Span:
    """What a job went through between two ticks, and where."""

    job: str
    what: str  # waiting, or the name of what its unit did with it, or moving
    where: str  # work center or unit
    since: int
    until: int
    note: str = ""


_JobOrder = tuple[str, str]  # an order, and one of its steps


@dataclass(slots=True, eq=False)
class _Job:
    name: str
    entity: int
    product: Product
    arrived: int
    order: Order | None = None
    quantity: int = 1
    joined: int = 0  # the queue it stands in
    step: int = 0
    passes: int = 0
    work: int = 0
    spans: list[Span] = field(default_factory=list)
    mark: int = 0  # since when the last span lasts
    note: str = ""

    @property
    def at(self) -> Step:
        return self.product.steps[self.step]

    @property
    def job_order(self) -> _JobOrder:
        assert self.order
        return whole_order(self.order), self.at.name

    def tell(self, what: str, where: str, now: int) -> None:
        if now > self.mark:
            self.spans.append(Span(self.name, what, where, self.mark, now, self.note))
        self.mark = now
        self.note = ""


@dataclass(slots=True, eq=False)
class _Mode:
    """A way in which a unit goes down: a failure, a tool that is used up, or maintenance that it owes."""

    entity: int
    crew: str | None = None
    failure: Failure | None = None
    tool: Tool | None = None
    drawn: int = 0  # times that it was drawn when it strikes
    strikes: float = math.inf  # a tick, or what the unit will have worked by then
    parts: int = 0  # that the tool is still good for
    owed: int = 0  # ticks of maintenance

    @property
    def is_due(self) -> bool:
        return self.owed > 0 or (self.tool is not None and self.parts <= 0)

    @property
    def is_by_calendar(self) -> bool:
        return self.failure is not None and self.failure.clock is FailureClock.CALENDAR


@dataclass(slots=True, eq=False)
class _Unit:
    name: str
    place: int
    center: _Center
    pace: float
    calendar: str | None
    modes: list[_Mode]
    task: Doing = Doing.IDLE
    job: _Job | None = None
    others: list[_Job] = field(default_factory=list)  # that are done together with it
    family: str | None = None
    operator: int | None = None
    on_shift: bool = True
    closures: set[int] = field(default_factory=set)
    shown: Doing = Doing.OFF
    shown_since: int = 0
    ends: int | None = None  # tick at which its task ends or breaks, while it goes on
    left: int = 0  # of its task, while it rests
    rest: int = 0  # of its work beyond the failure that will come before
    worked: int = 0  # in all, and for as long as it goes on now
    down_by: _Mode | None = None
    crew_is_here: bool = False
    repair_left: int = 0
    fault_at: int | None = None  # tick of the next fault by calendar, or of the end of the repair
    hand: _JobOrder | None = None  # what it works off, where work goes by order
    waits_since: int | None = None  # since when nothing of that is there
    bound_work: int = 0  # ticks of job orders that are not over
    bound_family: str | None = None  # of the last one
    spent: list[int] = field(default_factory=lambda: [0] * len(Doing))
    priced: list[int] = field(default_factory=lambda: [0] * len(Doing))  # millionths of a price by ticks

    @property
    def is_on(self) -> bool:
        return self.on_shift and not self.closures

    @property
    def is_down(self) -> bool:
        return self.down_by is not None

    @property
    def wearing(self) -> _Mode | None:
        """Return the failure by working time that comes first."""
        worn = [each for each in self.modes if each.failure and not each.is_by_calendar]
        return min(worn, key=lambda each: each.strikes, default=None)

    @property
    def is_busy(self) -> bool:
        return self.task in (Doing.SETUP, Doing.WORKING)

    @property
    def can_act(self) -> bool:
        return self.is_on and not self.is_down

    def state(self) -> Doing:
        if not self.is_on:
            return Doing.OFF
        if self.down_by and not self.down_by.failure:
            return Doing.UPKEEP
        if self.down_by:
            return Doing.REPAIR if self.crew_is_here else Doing.BROKEN
        return self.task

    def note(self, now: int) -> None:
        self.spent[self.shown] += now - self.shown_since
        self.priced[self.shown] += self.center.price_of(self.shown_since, now)
        if self.job and now > self.shown_since:
            self.job.tell(self.shown.name.lower(), self.name, now)
        self.shown, self.shown_since = self.state(), now


@dataclass(slots=True, eq=False)
class _Center:
    model: WorkCenter
    price_of: Callable[[int, int], int]  # what a kilowatt costs between two ticks, in millionths by ticks
    units: list[_Unit] = field(default_factory=list)
    queue: list[_Job] = field(default_factory=list)
    blocked: deque[_Unit] = field(default_factory=deque)
    endless: Product | None = None
    longest: int = 0

    @property
    def is_full(self) -> bool:
        return self.model.queue_max is not None and len(self.queue) >= self.model.queue_max


@dataclass(slots=True)
class _Crew:
    free: int
    is_there: bool
    waiting: deque[_Unit] = field(default_factory=deque)


@dataclass(slots=True)
class Count:
    """What became of a product; times in ticks."""

    arrived: int = 0
    done: int = 0
    parts: int = 0
    scrapped: int = 0
    reworked: int = 0
    lost: int = 0
    late: int = 0
    flow: int = 0
    late_ticks: int = 0
    bad: int = 0  # parts


class Reference:
    """One run; `advance` moves it on."""

    def __init__(self, plant: Plant, key: int) -> None:
        """Stand at tick 0 with an empty plant.

        Raises
        ------
        ModelError
            If the plant has an error.
        """
        checked(plant)
        self.plant = plant
        self.key = key
        self.now = 0
        self.events = 0
        self.done = 0
        self.counts = {product.name: Count() for product in plant.products}
        self.ended: dict[str, int] = {}  # order: tick
        self.scrapped: set[str] = set()
        self.lost: set[str] = set()
        self.stories: dict[str, list[Span]] = {}
        self.in_work = 0
        self.in_work_ticks = 0
        self._agenda: list[tuple[int, Kind, int]] = []
        self._pending: dict[tuple[Kind, int], int] = {}
        self._centers = {each.name: _Center(each, self._price_of) for each in plant.centers}
        self._units: list[_Unit] = []
        for center in self._centers.values():
            for number in range(1, center.model.units + 1):
                self._units.append(self._new_unit(center, number))
                center.units.append(self._units[-1])
        for product in plant.products:
            if product.endless:
                self._centers[product.steps[0].center].endless = product
        self._orders = plant.orders_by_release
        self._lots = [(o, name, parts) for o in self._orders for name, parts in lots_of(o)]
        self._released = 0
        self.lots_left = {order.name: order.lots for order in plant.orders}
        self.good = {order.name: 0 for order in plant.orders}
        self.last_lots: dict[str, str] = {}  # order: its lot that was over last
        self.stock = {material.name: material.stock for material in plant.materials}
        self._deliveries = deque(plant.deliveries_by_time)
        self._crews = {crew.name: _Crew(crew.people, crew.calendar is None) for crew in plant.crews}
        self._free = set(range(len(plant.operators)))
        self._present = {place for place, each in enumerate(plant.operators) if each.calendar is None}
        self._calling: list[_Unit] = []
        self._bound: dict[_JobOrder, _Unit] = {}
        self._to_come = {
            (whole_order(order), step.name): 0
            for order in self._orders
            for step in self._by_order_steps(order)
        }
        for order in self._orders:
            for step in self._by_order_steps(order):
                self._to_come[whole_order(order), step.name] += order.lots
        self._moves: list[tuple[int, int, _Job]] = []
        self._moved = 0
        self._has_begun = False
        self._is_beginning = False
        self.watched: Callable[[], None] | None = None  # after each event
        # What follows from the event in hand, worked off in this sequence.
        self._begin: _Unit | None = None
        self._is_called = False
        self._freed: _Unit | None = None
        self._coming_on: list[_Unit] = []
        self._looking: set[int] = set()  # places of units that work by order and may have something to take

    # -- numbers

    def _draw(self, drawn: Distribution, purpose: int, whom: int, count: int) -> float:
        """Return a value of the distribution over its mean."""
        if isinstance(drawn, Fixed):
            return 1.0
        return value(table(drawn.shape), streams.bits(self.key, purpose, whom, count))

    def _span(self, drawn: Distribution, purpose: int, whom: int, count: int) -> int:
        bits = streams.bits(self.key, purpose, whom, count)
        return int(drawn.mean_s / self.plant.tick_s * value(table(drawn.shape), bits) + 0.5)

    # -- the agenda

    def _at(self, kind: Kind, place: int, tick: int | None) -> None:
        if tick is None:
            self._pending.pop((kind, place), None)
        else:
            self._pending[kind, place] = tick
            heapq.heappush(self._agenda, (tick, kind, place))

    def _next(self) -> tuple[int, Kind, int] | None:
        while self._agenda:
            tick, kind, place = self._agenda[0]
            if self._pending.get((kind, place)) == tick:
                return self._agenda[0]
            heapq.heappop(self._agenda)
        return None

    # -- the run

    def advance(self, *, until: int, enough: float = math.inf) -> None:
        """Move on until a tick, whose own events are left, or until that many jobs are done in all."""
        if not self._has_begun:
            self._has_begun = True
            self._start()
            self._settle()
        while self.done < enough:
            found = self._next()
            if found is None or found[0] >= until:
                self._pass_to(max(self.now, until))
                break
            tick, kind, place = heapq.heappop(self._agenda)
            del self._pending[kind, place]
            self._pass_to(tick)
            self.events += 1
            if kind is Kind.UNIT:
                self._task_ends(self._units[place])
            elif kind is Kind.FAULT:
                unit = self._units[place]
                if unit.is_down:
                    self._repaired(unit)
                else:
                    self._pause(unit)
                    struck = (each for each in unit.modes if each.is_by_calendar and each.strikes <= tick)
                    self._break(unit, next(struck))
            elif kind is Kind.SOURCE:
                self._part_comes(place)
            elif kind is Kind.MOVE:
                _, _, job = heapq.heappop(self._moves)
                if self._moves:
                    self._at(Kind.MOVE, 0, self._moves[0][0])
                job.tell("moving", f"to {job.at.center}", tick)
                self._comes(job, None, may_balk=False)
            elif kind is Kind.CLOSING or kind is Kind.OPENING:
                self._closure_turns(place, begins=kind is Kind.CLOSING)
            elif kind is Kind.CALENDAR:
                self._calendar_turns(place)
            elif kind is Kind.DELIVERY:
                self._delivered()
            elif kind is Kind.TARIFF:
                self._at(Kind.TARIFF, 0, self._next_price())
            elif kind is Kind.BATCH:
                center = self._centers[self.plant.centers[place].name]
                self._freed = next((unit for unit in center.units if unit.shown is Doing.IDLE), None)
            elif kind is Kind.PATIENCE:
                self._freed = self._units[place] if self._units[place].shown is Doing.IDLE else None
            else:
                self._order_comes()
            self._settle()
            if self.watched:
                self.watched()
        for unit in self._units:
            unit.note(self.now)

    def _pass_to(self, tick: int) -> None:
        self.in_work_ticks += self.in_work * (tick - self.now)
        self.now = tick

    def _new_unit(self, center: _Center, number: int) -> _Unit:
        name, model = unit_name(center.model, number), center.model
        modes = [
            _Mode(streams.entity("unit", failure_entity(name, each)), each.crew, failure=each)
            for each in model.failures_of(number)
        ]
        modes += [
            _Mode(streams.entity("tool", f"{name}/{each.name}"), each.crew, tool=each, parts=each.life_parts)
            for each in model.tools
        ]
        modes.append(_Mode(0))
        calendar = model.calendar_of(number)
        place = len(self._units)
        return _Unit(name, place, center, model.pace_of(number), calendar, modes, on_shift=calendar is None)

    def _start(self) -> None:
        for unit in self._units:
            for mode in unit.modes:
                self._renew(unit, mode)
            self._await_fault(unit)
        for place, product in enumerate(self.plant.products):
            if product.arrivals:
                whom = streams.entity("product", product.name)
                self._at(Kind.SOURCE, place, self._span(product.arrivals, streams.ARRIVAL, whom, 0))
        for place in range(len(self.plant.calendars)):
            self._at(Kind.CALENDAR, place, 0)
        for place, closure in enumerate(self.plant.closures):
            begins, ends = self.plant.ticks(closure.from_s), self.plant.ticks(closure.to_s)
            if begins > 0:
                self._at(Kind.CLOSING, place, begins)
            elif closure.waits:
                self._named(closure.unit).modes[-1].owed += ends - begins
            else:
                self._named(closure.unit).closures.add(place)
            if not closure.waits:
                self._at(Kind.OPENING, place, ends)
        if self._deliveries:
            self._at(Kind.DELIVERY, 0, self.plant.ticks(self._deliveries[0].at_s))
        if self._orders:
            self._at(Kind.ORDER, 0, self.plant.ticks(self._orders[0].release_s))
        if self.plant.tariff:
            self._at(Kind.TARIFF, 0, 0)
        self._coming_on = [unit for unit in self._units if unit.is_on]

    def _price_of(self, since: int, until: int) -> int:
        """Return what a kilowatt costs between two ticks, in millionths by ticks: from edge to edge."""
        tariff, sum_ = self.plant.tariff, 0
        if tariff is None:
            return 0
        period = self.plant.ticks(tariff.period_s)
        edges = [(self.plant.ticks(at), price_units(price)) for at, price in tariff.prices]
        ends = [*(at for at, _ in edges[1:]), period]
        for turn in range(since // period, -(-until // period)):
            for (begins, price), stops in zip(edges, ends, strict=True):
                a, b = max(since, turn * period + begins), min(until, turn * period + stops)
                sum_ += price * max(0, b - a)
        return sum_

    def _next_price(self) -> int:
        tariff = self.plant.tariff
        assert tariff
        period = self.plant.ticks(tariff.period_s)
        phase = self.now % period
        later = [self.plant.ticks(at) for at, _ in tariff.prices if self.plant.ticks(at) > phase]
        return self.now - phase + (later[0] if later else period)

    def _named(self, name: str) -> _Unit:
        return next(each for each in self._units if each.name == name)

    def _renew(self, unit: _Unit, mode: _Mode) -> None:
        """Draw when the unit, as good as new, fails next."""
        if mode.failure:
            after = self._span(mode.failure.time_to, streams.FAILURE, mode.entity, mode.drawn)
            mode.strikes = after + (self.now if mode.is_by_calendar else unit.worked)
        mode.drawn += 1

    def _await_fault(self, unit: _Unit) -> None:
        strikes = [int(each.strikes) for each in unit.modes if each.is_by_calendar]
        self._fault(unit, max(min(strikes), self.now) if strikes else None)

    def _fault(self, unit: _Unit, tick: int | None) -> None:
        unit.fault_at = tick
        self._at(Kind.FAULT, unit.place, tick)

    # -- work

    def _go_on(self, unit: _Unit) -> None:
        """Let the unit's task run for what is left of it, or to the failure that comes before."""
        runs = unit.left
        if unit.task is Doing.WORKING:
            if unit.wearing and unit.worked + unit.left > unit.wearing.strikes:
                runs = int(unit.wearing.strikes) - unit.worked
                unit.rest = unit.left - runs
            unit.worked += runs
        unit.ends = self.now + runs
        self._at(Kind.UNIT, unit.place, unit.ends)
        unit.note(self.now)

    def _pause(self, unit: _Unit) -> None:
        """Stop a task that goes on, and keep what is left of it."""
        if unit.ends is None:
            return
        unrun = unit.ends - self.now
        unit.left = unrun + unit.rest
        if unit.task is Doing.WORKING:
            unit.worked -= unrun
        unit.rest, unit.ends = 0, None
        self._at(Kind.UNIT, unit.place, None)

    def _task_ends(self, unit: _Unit) -> None:
        assert unit.job
        unit.ends = None
        if unit.task is Doing.SETUP:
            unit.task, unit.left = Doing.WORKING, unit.job.work
            self._begin = unit
        elif unit.rest:
            unit.left, unit.rest = unit.rest, 0
            assert unit.wearing
            self._break(unit, unit.wearing)
        else:
            self._step_done(unit, unit.job)

    def _step_done(self, unit: _Unit, job: _Job) -> None:
        step, count = job.at, self.counts[job.product.name]
        for mode in unit.modes:
            if mode.tool and mode.tool.name == step.tool:
                mode.parts -= job.quantity
        if unit.operator is not None:
            self._free.add(unit.operator)
            unit.operator = None
            self._is_called = True
        follows: int | None = job.step + 1
        whom = (job.entity + streams.entity("step", step_name(job.product, step))) % 2**64
        if step.scrap > 0:
            bad = sum(self._is_lost(step, whom, job.passes, part) for part in range(job.quantity))
            count.bad += bad
            job.quantity -= bad
        if job.quantity == 0:
            follows = None
        elif step.good < 1 and self._fails(step, whom, job.passes):
            if step.rework_to is not None and (step.rework_max is None or job.passes < step.rework_max):
                follows = [each.name for each in job.product.steps].index(step.rework_to)
                job.passes += 1
                count.reworked += 1
            else:
                follows = None
        if job.order:
            self._passed(job, follows, unit)
        if follows is None:
            count.scrapped += 1
            count.bad += job.quantity
            self._lot_over(job, 0, self.scrapped)
        if follows is None or follows == len(job.product.steps):
            if follows is not None:
                self._job_done(job, count)
            self.in_work -= 1
            unit.note(self.now)
            self._keep(job)
            self._freed = unit
            return
        job.step = follows
        if step.move_s and self.plant.ticks(step.move_s) > 0:
            unit.note(self.now)
            job.mark = self.now
            heapq.heappush(self._moves, (self.now + self.plant.ticks(step.move_s), self._moved, job))
            self._moved += 1
            self._at(Kind.MOVE, 0, self._moves[0][0])
            self._freed = unit
        else:
            unit.note(self.now)
            self._comes(job, unit, may_balk=False)

    def _job_done(self, job: _Job, count: Count) -> None:
        self.done += 1
        count.done += 1
        count.parts += job.quantity
        count.flow += self.now - job.arrived
        if job.product.makes is not None:
            self.stock[job.product.makes] += job.quantity
            self._is_called = True
        if job.order:
            self._lot_over(job, job.quantity, self.scrapped)
            if job.order.due_s is not None and self.now > self.plant.ticks(job.order.due_s):
                count.late += 1
                count.late_ticks += self.now - self.plant.ticks(job.order.due_s)

    def _fails(self, step: Step, whom: int, passes: int) -> bool:
        return streams.unit(streams.bits(self.key, streams.QUALITY, whom, passes)) >= step.good

    def _is_lost(self, step: Step, whom: int, passes: int, part: int) -> bool:
        bits = streams.bits(self.key, streams.SCRAP, whom, passes << 32 | part)
        return streams.unit(bits) < step.scrap

    def _lot_over(self, job: _Job, good: int, fate: set[str]) -> None:
        """Count a lot of an order that is over; with the last one the order is."""
        if not job.order:
            return
        name = job.order.name
        self.lots_left[name] -= 1
        self.good[name] += good
        self.last_lots[name] = job.name
        if self.lots_left[name] == 0:
            if self.good[name]:
                self.ended[name] = self.now
            else:
                fate.add(name)

    def _keep(self, job: _Job) -> None:
        if job.order:
            self.stories[job.name] = job.spans

    def _delivered(self) -> None:
        came = self._deliveries.popleft()
        self.stock[came.material] += came.quantity
        self._is_called = True
        if self._deliveries:
            self._at(Kind.DELIVERY, 0, max(self.now, self.plant.ticks(self._deliveries[0].at_s)))

    # -- jobs come

    def _part_comes(self, place: int) -> None:
        product = self.plant.products[place]
        assert product.arrivals
        job = self._new_part(product)
        number = self.counts[product.name].arrived
        whom = streams.entity("product", product.name)
        after = self._span(product.arrivals, streams.ARRIVAL, whom, number)
        self._at(Kind.SOURCE, place, self.now + after)
        self._comes(job, None, may_balk=True)

    def _new_part(self, product: Product) -> _Job:
        self.counts[product.name].arrived += 1
        number = self.counts[product.name].arrived
        entity = streams.part(streams.entity("product", product.name), number)
        self.in_work += 1
        return _Job(f"{product.name} {number}", entity, product, self.now, mark=self.now)

    def _order_comes(self) -> None:
        order, name, parts = self._lots[self._released]
        self._released += 1
        if self._released < len(self._lots):
            tick = max(self.plant.ticks(self._lots[self._released][0].release_s), self.now)
            self._at(Kind.ORDER, 0, tick)
        product = next(each for each in self.plant.products if each.name == order.product)
        self.counts[product.name].arrived += 1
        self.in_work += 1
        job = _Job(name, streams.entity("order", name), product, self.now, order, parts, mark=self.now)
        self._bind(order)
        self._comes(job, None, may_balk=True)

    # -- order by order

    def _by_order_steps(self, order: Order) -> list[Step]:
        steps = next(each.steps for each in self.plant.products if each.name == order.product)
        return [step for step in steps if self._centers[step.center].model.by_order]

    def _bind(self, order: Order) -> None:
        """Bind what is not bound yet of an order to the units with the least open work."""
        for step in self._by_order_steps(order):
            job_order = whole_order(order), step.name
            if job_order not in self._bound:
                units = self._centers[step.center].units
                self._bind_to(min(units, key=lambda unit: self._open_work(unit, step)), job_order, step)

    def _open_work(self, unit: _Unit, step: Step) -> int:
        before, after = unit.bound_family, step.family
        setup_s = 0.0
        if before is not None and after is not None and before != after:
            setup_s = unit.center.model.setup_s.get((before, after), 0.0)
        return unit.bound_work + self.plant.ticks(setup_s)

    def _bind_to(self, unit: _Unit, job_order: _JobOrder, step: Step) -> None:
        self._bound[job_order] = unit
        if self._to_come[job_order]:
            unit.bound_work += self._work(job_order, step)
        if step.family is not None:
            unit.bound_family = step.family

    def _work(self, job_order: _JobOrder, step: Step) -> int:
        parts = sum(order.quantity for order in self._orders if whole_order(order) == job_order[0])
        return int(step.work.mean_s / self.plant.tick_s * parts + 0.5)

    def _passed(self, job: _Job, follows: int | None, source: _Unit | None) -> None:
        """Let a job come no more to the steps of its order that are behind it; who waits for it looks up."""
        assert job.order
        steps = job.product.steps
        is_over = follows is None or follows == len(steps)
        low = len(steps) if is_over else reached(job.product, follows)  # type: ignore[arg-type]
        for step in steps[reached(job.product, job.step) : low]:
            job_order = whole_order(job.order), step.name
            if job_order not in self._to_come:
                continue
            self._to_come[job_order] -= 1
            unit, left = self._bound[job_order], self._to_come[job_order]
            if not left:
                unit.bound_work -= self._work(job_order, step)
            is_waited_for = unit.hand == job_order and (not left or unit.center.model.batch)
            if is_waited_for and unit is not source and unit.shown is Doing.IDLE:
                self._looking.add(unit.place)

    def _takes_at_once(self, unit: _Unit, job: _Job) -> bool:
        """Return whether an idle unit that works by order takes a job without a look into the queue."""
        by_order, hand = unit.center.model.by_order, unit.hand
        assert by_order
        if unit.shown is not Doing.IDLE or unit.center.is_full:
            return unit.shown is Doing.IDLE
        if unit.center.model.batch:
            return False
        if hand is None or hand == job.job_order or not self._to_come[hand]:
            return True
        if by_order.patience_s is None or unit.waits_since is None:
            return False
        return self.now > unit.waits_since + self.plant.ticks(by_order.patience_s)

    def _queued(self, center: _Center, job: _Job) -> None:
        """Let the idle unit look up that a job in the queue is bound to, or all if that is full now."""
        for unit in center.units:
            if unit.shown is Doing.IDLE and (center.is_full or unit is self._bound[job.job_order]):
                self._looking.add(unit.place)

    def _looks(self, unit: _Unit) -> None:
        """Let who is blocked move up, one after the other, and then the unit see what it can take."""
        center = unit.center
        if center.blocked and not center.is_full:
            other = center.blocked.popleft()
            assert other.job
            other.note(self.now)
            self._join(center, other.job)
            self._queued(center, other.job)
            self._freed, other.job = other, None
            return
        self._looking.remove(unit.place)
        if unit.shown is Doing.IDLE:
            self._freed = unit

    def _next_of_order(self, unit: _Unit) -> list[_Job]:
        """Return what a free unit takes out of its queue: of the order in hand, else of another."""
        center, now = unit.center, self.now
        by_order, batch = center.model.by_order, center.model.batch
        assert by_order
        self._at(Kind.PATIENCE, unit.place, None)
        bound = [job for job in center.queue if self._bound[job.job_order] is unit]
        mine = [job for job in bound if job.job_order == unit.hand]
        if not mine:
            if unit.hand and self._to_come[unit.hand]:
                if unit.waits_since is None:
                    unit.waits_since = now
                if bound and not center.is_full:
                    if by_order.patience_s is None:
                        return []
                    turn = unit.waits_since + self.plant.ticks(by_order.patience_s)
                    # What ends just when a run begins has its event at the end of that tick.
                    if now - self._is_beginning < turn:
                        self._at(Kind.PATIENCE, unit.place, max(turn, now))
                        return []
            else:
                unit.hand = None
            if not bound:
                return []
            unit.hand = self._choose_order(center, unit, bound)
            mine = [job for job in bound if job.job_order == unit.hand]
        unit.waits_since = None
        assert unit.hand
        if not batch:
            return mine[:1]
        is_enough = sum(job.quantity for job in mine) >= batch.parts_max
        if not (is_enough or center.is_full or len(mine) == self._to_come[unit.hand]):
            return []
        charge: list[_Job] = []
        for job in mine:
            if not charge or sum(each.quantity for each in charge) + job.quantity <= batch.parts_max:
                charge.append(job)
        return charge

    def _choose_order(self, center: _Center, unit: _Unit, bound: list[_Job]) -> _JobOrder:
        if center.model.rule is not Rule.FIFO:
            return self._best(center, unit, bound).job_order

        def turn(job: _Job) -> tuple[float, ...]:
            assert job.order
            due = math.inf if job.order.due_s is None else self.plant.ticks(job.order.due_s)
            return -job.order.priority, due, self._orders.index(job.order)

        first = [job for job in bound if job.step == 0]
        return (min(first, key=turn) if first else bound[0]).job_order

    def _from_blocked(self, unit: _Unit) -> _Job | None:
        """Return what a free unit takes past a queue that is full of what is not bound to it."""
        center = unit.center
        for other in center.blocked if center.is_full else ():
            job = other.job
            assert job
            if self._bound[job.job_order] is unit:
                center.blocked.remove(other)
                other.note(self.now)
                unit.hand, unit.waits_since = job.job_order, None
                self._freed, other.job = other, None
                return job
        return None

    def _frees_by_order(self, unit: _Unit) -> None:
        center = unit.center
        jobs = self._next_of_order(unit)
        for job in jobs:
            center.queue.remove(job)
            job.tell("waiting", center.model.name, self.now)
        if jobs and center.blocked and not center.is_full:
            self._looking.add(unit.place)
        if not jobs and not any(self._bound[job.job_order] is unit for job in center.queue):
            past = self._from_blocked(unit)
            jobs = [past] if past else []
        if not jobs:
            unit.note(self.now)
            return
        for job in jobs:
            job.mark = self.now
        unit.job, *unit.others = jobs
        self._begin = unit

    def _comes(self, job: _Job, source: _Unit | None, *, may_balk: bool) -> None:
        """Bring a job to the work center of its step; `source` is the unit that hands it over."""
        able = [self._centers[name] for name in centers_of(job.at)]
        at_once = (unit for each in able if not each.model.batch for unit in each.units)
        idle = next((unit for unit in at_once if unit.shown is Doing.IDLE), None)
        center = min(able, key=lambda each: (each.is_full, len(each.queue)))
        if center.model.by_order:
            bound = self._bound[job.job_order]
            idle = bound if self._takes_at_once(bound, job) else None
            if idle:
                idle.hand, idle.waits_since = job.job_order, None
                self._at(Kind.PATIENCE, idle.place, None)
        if idle:
            if source:
                self._freed, source.job = source, None
            idle.note(self.now)
            idle.job, self._begin = job, idle
            job.mark = self.now
        elif center.is_full and source:
            source.task = Doing.BLOCKED
            source.note(self.now)
            center.blocked.append(source)
        elif center.is_full and may_balk and job.product.balks:
            self.counts[job.product.name].lost += 1
            self.in_work -= 1
            if job.order:
                self._passed(job, None, None)
            self._lot_over(job, 0, self.lost)
        else:
            if source:
                self._freed, source.job = source, None
            self._join(center, job)
            if center.model.by_order:
                self._queued(center, job)
            elif center.model.batch:
                free = next((unit for unit in center.units if unit.shown is Doing.IDLE), None)
                batch = self._batch(center) if free else []
                if free and batch:
                    self._take_in(free, center, batch)
                elif len(center.queue) == 1:
                    self._wake(center)

    def _batch(self, center: _Center) -> list[_Job]:
        """Return who would begin together now: nobody if there is not enough yet."""
        batch = center.model.batch
        assert batch
        for place, lead in enumerate(center.queue):
            fits, parts = [lead], lead.quantity
            for job in center.queue[place + 1 :]:
                if job.at.family == lead.at.family and parts + job.quantity <= batch.parts_max:
                    fits.append(job)
                    parts += job.quantity
            waited = self.now - lead.joined
            overdue = batch.wait_max_s is not None and waited >= self.plant.ticks(batch.wait_max_s)
            if parts >= batch.parts_min or (place == 0 and overdue):
                return fits
        return []

    def _take_in(self, unit: _Unit, center: _Center, batch: list[_Job]) -> None:
        for job in batch:
            center.queue.remove(job)
            job.tell("waiting", center.model.name, self.now)
        unit.note(self.now)
        unit.job, *unit.others = batch
        self._begin = unit
        self._wake(center)

    def _wake(self, center: _Center) -> None:
        """Wait for the instant at which the first in the queue has waited long enough."""
        batch, tick = center.model.batch, None
        assert batch
        if center.queue and batch.wait_max_s is not None:
            tick = max(self.now, center.queue[0].joined + self.plant.ticks(batch.wait_max_s))
        self._at(Kind.BATCH, self.plant.centers.index(center.model), tick)

    def _join(self, center: _Center, job: _Job) -> None:
        broken = sum(unit.is_down for unit in center.units)
        off = sum(not unit.is_on for unit in center.units)
        job.mark = job.joined = self.now
        job.note = ", ".join(
            text
            for count, text in (
                (len(center.queue), f"{len(center.queue)} before it"),
                (broken, f"{broken} of {len(center.units)} broken"),
                (off, f"{off} of {len(center.units)} off"),
            )
            if count
        )
        center.queue.append(job)
        center.longest = max(center.longest, len(center.queue))

    # -- faults, calendars

    def _break(self, unit: _Unit, mode: _Mode) -> None:
        unit.down_by = mode
        if mode.failure or mode.tool:
            takes = mode.failure.repair if mode.failure else mode.tool.change  # type: ignore[union-attr]
            unit.repair_left = self._span(takes, streams.REPAIR, mode.entity, mode.drawn - 1)
        else:
            unit.repair_left, mode.owed = mode.owed, 0
        if mode.tool:
            mode.parts = mode.tool.life_parts
        self._fault(unit, None)
        crew = self._crews[mode.crew] if mode.crew else None
        if crew and (crew.free == 0 or not crew.is_there):
            crew.waiting.append(unit)
            unit.note(self.now)
        else:
            if crew:
                crew.free -= 1
            self._crew_comes(unit)

    def _send(self, crew: _Crew) -> None:
        while crew.is_there and crew.free and crew.waiting:
            crew.free -= 1
            self._crew_comes(crew.waiting.popleft())

    def _crew_comes(self, unit: _Unit) -> None:
        unit.crew_is_here = True
        if unit.is_on:
            self._fault(unit, self.now + unit.repair_left)
        unit.note(self.now)

    def _repaired(self, unit: _Unit) -> None:
        mode = unit.down_by
        assert mode
        unit.down_by, unit.crew_is_here = None, False
        self._renew(unit, mode)
        self._await_fault(unit)
        if unit.task is Doing.IDLE:
            self._freed = unit
        elif unit.is_busy:
            self._begin = unit
        else:
            self._is_called |= unit.task is Doing.CALLING
            unit.note(self.now)
        if mode.crew:
            crew = self._crews[mode.crew]
            crew.free += 1
            self._send(crew)

    def _calendar_turns(self, place: int) -> None:
        calendar = self.plant.calendars[place]
        is_on, turns = self._calendar_at(calendar)
        self._at(Kind.CALENDAR, place, turns)
        people = {k for k, each in enumerate(self.plant.operators) if each.calendar == calendar.name}
        self._present = self._present | people if is_on else self._present - people
        self._is_called |= is_on and bool(people)
        for model in self.plant.crews:
            if model.calendar == calendar.name:
                self._crews[model.name].is_there = is_on
                self._send(self._crews[model.name])
        for unit in self._units:
            if unit.calendar == calendar.name:
                was_on, unit.on_shift = unit.is_on, is_on
                self._turn(unit, was_on=was_on)

    def _closure_turns(self, place: int, *, begins: bool) -> None:
        closure = self.plant.closures[place]
        unit = self._named(closure.unit)
        if closure.waits:
            unit.modes[-1].owed += self.plant.ticks(closure.to_s) - self.plant.ticks(closure.from_s)
            if unit.shown is Doing.IDLE:
                self._freed = unit
            return
        was_on = unit.is_on
        if begins:
            unit.closures.add(place)
        else:
            unit.closures.remove(place)
        self._turn(unit, was_on=was_on)

    def _turn(self, unit: _Unit, *, was_on: bool) -> None:
        """Let a unit rest that went off, or go on that came on."""
        if unit.is_on == was_on:
            return
        if was_on:
            if not unit.is_down:
                self._pause(unit)
            elif unit.crew_is_here:
                assert unit.fault_at is not None
                unit.repair_left = unit.fault_at - self.now
                self._fault(unit, None)
            unit.note(self.now)
        elif unit.is_down:
            if unit.crew_is_here:
                self._fault(unit, self.now + unit.repair_left)
            unit.note(self.now)
        elif unit.task in (Doing.CALLING, Doing.BLOCKED):
            self._is_called |= unit.task is Doing.CALLING
            unit.note(self.now)
        else:
            self._coming_on.append(unit)

    def _calendar_at(self, calendar: Calendar) -> tuple[bool, int]:
        """Return whether the calendar is on now, and the tick of its next edge, which may change nothing."""
        period = self.plant.ticks(calendar.period_s)
        phase = self.now % period
        intervals = [(self.plant.ticks(a), self.plant.ticks(b)) for a, b in calendar.on_s]
        is_on = any(a <= phase < b for a, b in intervals)
        later = [edge for interval in intervals for edge in interval if edge > phase]
        edge = min(later) if later else period + intervals[0][0]
        return is_on, self.now - phase + edge

    # -- what follows at one instant

    def _settle(self) -> None:
        while True:
            if self._begin:
                unit, self._begin = self._begin, None
                self._begins(unit)
            elif self._is_called:
                self._answer_a_call()
            elif self._freed:
                unit, self._freed = self._freed, None
                self._frees(unit)
            elif self._looking and min(self._looking) <= min(
                (unit.place for unit in self._coming_on), default=len(self._units)
            ):
                self._looks(self._units[min(self._looking)])
            elif self._coming_on:
                unit = self._coming_on.pop(0)
                if unit.is_busy:
                    self._begin = unit
                else:
                    self._freed = unit
            else:
                return

    def _begins(self, unit: _Unit) -> None:
        job = unit.job
        assert job
        if unit.task is Doing.IDLE:
            step = job.at
            whom = (job.entity + streams.entity("step", step_name(job.product, step))) % 2**64
            work = step.work.mean_s / self.plant.tick_s
            work *= 1 if unit.center.model.batch else job.quantity
            work *= self._draw(step.work, streams.WORK, whom, job.passes)
            job.work = int(work / unit.pace + 0.5)
            unit.task = Doing.CALLING
        if unit.task is Doing.CALLING:
            if self._lacking(job):
                self._calling.append(unit)
                unit.note(self.now)
                return
            self._serve(unit, job)
        if unit.task is Doing.CALLING:
            family = job.at.family
            unit.task, unit.left = Doing.WORKING, job.work
            if family is not None and family != unit.family:
                setup = self.plant.ticks(unit.center.model.setup_s.get((unit.family, family), 0.0))
                unit.family = family
                if setup:
                    unit.task, unit.left = Doing.SETUP, setup
        self._go_on(unit)

    def _able(self, step: Step) -> list[int]:
        """Return who is free and has the step's skill, in the sequence of declaration."""
        there = sorted(self._free & self._present)
        return [place for place in there if step.skill in self.plant.operators[place].skills]

    def _lacking(self, job: _Job) -> bool:
        """Return whether the step waits for an operator or for material."""
        if job.at.skill is not None and not self._able(job.at):
            return True
        wanted = job.at.materials.items()
        return any(self.stock[name] < pieces * job.quantity for name, pieces in wanted)

    def _serve(self, unit: _Unit, job: _Job) -> None:
        if job.at.skill is not None:
            unit.operator = self._able(job.at)[0]
            self._free.remove(unit.operator)
        for name, pieces in job.at.materials.items():
            self.stock[name] -= pieces * job.quantity

    def _answer_a_call(self) -> None:
        for unit in self._calling:
            assert unit.job
            if unit.can_act and not self._lacking(unit.job):
                self._calling.remove(unit)
                self._begin = unit
                return
        self._is_called = False

    def _frees(self, unit: _Unit) -> None:
        """Give a free unit its next job, and let who is blocked before its queue move up."""
        unit.note(self.now)
        if unit.others:  # of what was done together the next one leaves
            unit.job = unit.others.pop(0)
            unit.job.tell("in batch", unit.name, self.now)
            unit.task, unit.left = Doing.WORKING, 0
            if unit.can_act:
                self._begin = unit
            else:
                unit.note(self.now)
            return
        unit.task, unit.job = Doing.IDLE, None
        center = unit.center
        if not unit.can_act:
            unit.note(self.now)
            return
        due = next((mode for mode in unit.modes if mode.is_due), None)
        if due:
            self._break(unit, due)
            return
        if center.model.by_order:
            self._frees_by_order(unit)
            return
        if center.queue and center.model.batch:
            batch = self._batch(center)
            unit.note(self.now)
            if batch:
                self._take_in(unit, center, batch)
            return
        if center.queue:
            job = self._choose(center, unit)
            center.queue.remove(job)
            job.tell("waiting", center.model.name, self.now)
            if center.blocked and not center.is_full:
                other = center.blocked.popleft()
                assert other.job
                other.note(self.now)
                self._join(center, other.job)
                self._freed, other.job = other, None
        elif center.blocked:
            other = center.blocked.popleft()
            other.note(self.now)
            assert other.job
            job = other.job
            self._freed, other.job = other, None
        elif center.endless:
            job = self._new_part(center.endless)
        else:
            unit.note(self.now)
            return
        job.mark = self.now
        unit.job = job
        self._begin = unit

    def _choose(self, center: _Center, unit: _Unit) -> _Job:
        return self._best(center, unit, center.queue)

    def _best(self, center: _Center, unit: _Unit, queue: list[_Job]) -> _Job:
        rule = center.model.rule

        def setup(job: _Job) -> int:
            family = job.at.family
            if family is None or family == unit.family:
                return 0
            return self.plant.ticks(center.model.setup_s.get((unit.family, family), 0.0))

        def due(job: _Job) -> float:
            late = job.order.due_s if job.order else None
            return math.inf if late is None else self.plant.ticks(late)

        if rule is Rule.SETUP:
            return min(queue, key=setup)
        if rule is Rule.DUE:
            return min(queue, key=due)
        if rule is Rule.PRIORITY:
            return max(queue, key=lambda job: job.order.priority if job.order else 0)
        if rule is Rule.SHORTEST:
            ticks = self.plant.tick_s
            return min(queue, key=lambda job: int(job.at.work.mean_s / ticks * job.quantity + 0.5))
        return queue[0]

    # -- what came of it

    def spent(self) -> list[list[int]]:
        """Return the ticks that each unit spent in each state, as the kernel accounts them."""
        return [list(unit.spent) for unit in self._units]

    def priced(self) -> list[list[int]]:
        """Return what a kilowatt cost in each state of each unit, in millionths by ticks."""
        return [list(unit.priced) for unit in self._units]

    def longest(self) -> list[int]:
        """Return the longest queue of each work center so far."""
        return [center.longest for center in self._centers.values()]


def explain(plant: Plant, order: str, key: int, *, until: int) -> str:
    """Return in words where the time of an order went, the longest first; to be read by a planner.

    Raises
    ------
    KeyError
        If the plant has no such order.
    """
    wanted = {each.name: each for each in plant.orders}[order]
    run = Reference(plant, key)
    run.advance(until=until)
    hours = plant.tick_s / 3600
    if order not in run.ended:
        fate = "scrapped" if order in run.scrapped else "lost" if order in run.lost else "not done in time"
        return f"{order}: {fate}"
    ended = run.ended[order]
    lines = [f"{order}: released {wanted.release_s / 3600:.2f} h, done {ended * hours:.2f} h"]
    if wanted.due_s is not None:
        late = ended - plant.ticks(wanted.due_s)
        lines[0] += f", {abs(late) * hours:.2f} h {'late' if late > 0 else 'early'}"
    story = run.stories[run.last_lots[order]]  # of several lots the one that the order waited for
    whole = sum(span.until - span.since for span in story) or 1
    for span in sorted(story, key=lambda each: each.since - each.until):
        took = span.until - span.since
        note = f" ({span.note})" if span.note else ""
        lines.append(f"  {took * hours:8.2f} h {100 * took / whole:3.0f} %  {span.what} {span.where}"
                     f" from {span.since * hours:.2f} h{note}")  # fmt: skip
    return "\n".join(lines)
