"""The present that every future begins from: the forked plant with due dates, and where each scenario starts.

A scenario makes another plant of it, but what is under way stays what it is: begun parts keep their
product and come first, a job whose step is done elsewhere now waits there, a unit that is taken away hands
its job back to the queue. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from taktwin.contracts.state import Frame
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.simulation.changes import order_of
from taktwin.simulation.compile import Compiled
from taktwin.simulation.distributions import Fixed
from taktwin.simulation.model import Order, Plant, WorkCenter, centers_of, unit_name, whole_order
from taktwin.simulation.start import MAINTENANCE, JobStart, Placed, Start, Task, UnitStart
from taktwin.simulation.state import State
from taktwin.whatif.fork import Forked, forked, products_of
from taktwin.whatif.indicators import Requests
from taktwin.whatif.model import NEVER_S, Parameters, Translated, translated
from taktwin.whatif.naming import Names, request_of


@dataclass(frozen=True, slots=True)
class Present:
    """A plant as it stands at an instant, ready to be run."""

    frame: Frame
    model: Translated
    fork: Forked
    plant: Plant  # the fork's, with due dates
    names: Names
    request_of: Mapping[str, str]  # job -> order of the MES, "" of none; and each order to itself
    _placed: dict[int, tuple[Compiled, Placed]] = field(default_factory=dict)

    @property
    def requests(self) -> Requests:
        """Return what puts the jobs of a run together to orders."""
        return Requests(self.request_of, self.fork.wanted, self.at_ns)

    @property
    def at_ns(self) -> int:
        """Return the instant that is second 0."""
        return self.frame.at_ns

    def settled(self, plant: Plant) -> Plant:
        """Return what a scenario made of the plant, with what is under way as it is."""
        if plant is self.plant:
            return plant
        if plant.orders is not self.plant.orders:
            plant = replace(plant, orders=self._due_together(plant.orders))
        plant = _apart(plant, self.plant)
        centers = self._mendable(plant)
        if centers != plant.centers:
            plant = replace(plant, centers=centers)
        begun = {job.order for job in self.fork.start.jobs}
        if plant.orders is self.plant.orders:
            return plant
        after = {order.name: order for order in plant.orders}
        first = []
        for order in self.plant.orders:
            if order.name in begun:
                now = after.get(order.name, order)
                first.append(replace(order, due_s=now.due_s, priority=now.priority))
        rest = [each for each in plant.orders if order_of(each.name) not in begun]
        return replace(plant, orders=(*first, *self._in_turn(rest)))

    def _due_together(self, orders: Sequence[Order]) -> tuple[Order, ...]:
        """Return orders in which what a scenario adds to an order is due, and as urgent, as that one.

        Whatever changes these, and in whatever sequence: the order is late when the last of it is.
        """
        known = {each.belongs_to: each for each in orders if each.belongs_to and each.name in self.request_of}

        def dated(order: Order) -> Order:
            like = known.get(order.belongs_to or "")
            if like is None or order.name in self.request_of:
                return order
            return replace(order, due_s=like.due_s, priority=like.priority)

        return tuple(dated(each) for each in orders)

    def _in_turn(self, orders: Sequence[Order]) -> Iterator[Order]:
        """Return orders with what a scenario brings, or gives another priority, before what is less urgent.

        The others stay in the sequence of the MES; copies, pieces and what is more of an order are where that
        one is. What the plant goes on with by itself comes after all orders: nobody waits for it.
        """
        known = {self.request_of[each.name]: each.priority for each in self.plant.orders}
        requests = {id(each): request_of(each.name, self.request_of) for each in orders}
        turn = {each.request: place for place, each in enumerate(self.fork.wanted)}
        orders = sorted(orders, key=lambda each: turn.get(requests[id(each)], len(turn)))
        moved = [each for each in orders if known.get(requests[id(each)]) != each.priority]
        moved.sort(key=lambda each: -each.priority)
        moves, place = {id(each) for each in moved}, 0
        for each in orders:
            if id(each) in moves:
                continue
            urgency = each.priority if requests[id(each)] else -math.inf
            while place < len(moved) and moved[place].priority > urgency:
                yield moved[place]
                place += 1
            yield each
        yield from moved[place:]

    def _mendable(self, plant: Plant) -> tuple[WorkCenter, ...]:
        """Return work centers in which what is down now can be repaired, also if nothing fails any more."""
        down = {unit.unit for unit in self.fork.start.units if unit.is_down}
        before = {center.name: center for center in self.plant.centers}

        def mendable(center: WorkCenter) -> WorkCenter:
            mine = {unit_name(center, n + 1) for n in range(center.units)}
            if center.failures or not mine & down or center.name not in before:
                return center
            kinds = tuple(replace(each, time_to=Fixed(NEVER_S)) for each in before[center.name].failures)
            return replace(center, failure=kinds[0], more_failures=kinds[1:])

        found = tuple(mendable(center) for center in plant.centers)
        return plant.centers if found == plant.centers else found

    def start_of(self, plant: Plant) -> Start:
        """Return where a run of a settled plant begins."""
        return self.fork.start if plant is self.plant else _moved(self.fork.start, plant)

    def begin(self, plant: Compiled, seed: int, replication: int, used: State | None = None) -> State:
        """Return the state in which a replication begins, in place of a used one of the plant if there is."""
        known = self._placed.get(id(plant))
        if known is None:  # two threads may both lay it out: they lay out the same
            known = self._placed[id(plant)] = (plant, Placed(plant, self.start_of(plant.plant)))
        return known[1].state(seed=seed, replication=replication, into=used)


def varied(here: Present, registry: Registry, parameters: Parameters, *, horizon_s: float) -> Plant:
    """Return the plant of a present with other parameters: the same orders, and everything where it is."""
    model = translated(registry, parameters, now_ns=here.at_ns, horizon_s=horizon_s)
    in_plant = {order.product for order in here.plant.orders}
    return replace(
        here.plant, centers=model.centers, products=products_of(model, in_plant), calendars=model.calendars
    )


def present(
    registry: Registry, frame: Frame, board: Mapping[str, Any], *, parameters: Parameters, horizon_s: float
) -> Present:
    """Return the plant as it stands.

    Parameters
    ----------
    frame : the twin's full picture
    board : the MES's open job orders; {} where there is no MES
    """
    model = translated(registry, parameters, now_ns=frame.at_ns, horizon_s=horizon_s)
    fork = forked(registry, model, frame, board, horizon_s=horizon_s)
    due_s = [(each.due_ns - frame.at_ns) / SECOND_NS if each.due_ns else None for each in fork.wanted]
    orders = tuple(
        order if place < 0 or due_s[place] is None else replace(order, due_s=due_s[place])
        for order, place in zip(fork.plant.orders, fork.request_of, strict=True)
    )
    ordered: dict[str, int] = {}
    for line in board.get("lines", ()):
        name = str(line["request"])
        ordered[name] = max(ordered.get(name, 0), int(line["quantity"]))
    requests = {
        order.name: fork.wanted[place].request if place >= 0 else ""
        for order, place in zip(fork.plant.orders, fork.request_of, strict=True)
    }
    requests |= {each.request: each.request for each in fork.wanted}
    names = Names(registry, model, fork, ordered, now_ns=frame.at_ns, horizon_s=horizon_s)
    return Present(frame, model, fork, replace(fork.plant, orders=orders), names, requests)


def _apart(plant: Plant, before: Plant) -> Plant:
    """Return the plant in which parts of an order that became another product are an order of their own."""
    first = {whole_order(order): order.product for order in before.orders}
    orders = tuple(
        order
        if first.setdefault(whole_order(order), order.product) == order.product
        else replace(order, belongs_to=f"{whole_order(order)}/{order.product}")
        for order in plant.orders
    )  # fmt: skip
    return plant if orders == plant.orders else replace(plant, orders=orders)


def _moved(start: Start, plant: Plant) -> Start:
    """Return a start in which everything is where this plant can have it."""
    steps = {product.name: {step.name: step for step in product.steps} for product in plant.products}
    center_of = {
        unit_name(center, n + 1): center.name for center in plant.centers for n in range(center.units)
    }

    def home(job: JobStart, now: str) -> str:
        able = centers_of(steps[job.product][job.step])
        return now if now in able else able[0]

    by_order = {center.name for center in plant.centers if center.by_order}
    orders = {whole_order(order) for order in plant.orders}
    units: list[UnitStart] = []
    queues: dict[str, list[JobStart]] = {}
    for unit in start.units:
        if unit.unit in center_of:
            able = _able(unit, plant, center_of[unit.unit])
            if able.hand and (able.hand.order not in orders or center_of[unit.unit] not in by_order):
                able = replace(able, hand=None)
            units.append(able)
        elif unit.job is not None:
            for job in (unit.job, *unit.others):
                queues.setdefault(home(job, unit.unit.rpartition(".")[0]), []).append(job)
    for center, jobs in start.queues.items():
        for job in jobs:
            queues.setdefault(home(job, center), []).append(job)
    product_of = {whole_order(order): order.product for order in plant.orders}

    def can(order: str, step: str, unit: str) -> bool:
        here = steps.get(product_of.get(order, ""), {})
        at = center_of.get(unit, "")
        return step in here and at in centers_of(here[step]) and at in by_order

    bound = {
        order: {step: unit for step, unit in at.items() if can(order, step, unit)}
        for order, at in start.bound.items() if order in product_of
    }  # fmt: skip
    there = {unit.unit: unit for unit in units}
    blocked: dict[str, list[str]] = {}
    for center, names in start.blocked.items():
        for name in names:
            if name in there and there[name].task is Task.BLOCKED:
                held = there[name].job
                assert held is not None, "who is blocked holds what it cannot hand on"
                blocked.setdefault(home(held, center), []).append(name)
    return replace(
        start, units=tuple(units), bound=bound,
        queues={center: tuple(jobs) for center, jobs in queues.items()},
        blocked={center: tuple(names) for center, names in blocked.items()},
        calling=tuple(each for each in start.calling if each in center_of),
        crews={
            crew: tuple(each for each in names if each in center_of) for crew, names in start.crews.items()
        },
    )  # fmt: skip


def _able(unit: UnitStart, plant: Plant, at: str) -> UnitStart:
    """Return a unit with what it can have here: nothing of what does not fail, nobody who is away."""
    center = next(each for each in plant.centers if each.name == at)
    number = int(unit.unit.rpartition(".")[2])
    ways = {MAINTENANCE, *(each.name for each in center.failures_of(number))}
    ways |= {f"tool {tool.name}" for tool in center.tools}
    people = {each.name for each in plant.operators}
    return replace(
        unit, wear=tuple(each for each in unit.wear if each.name in ways),
        operator=unit.operator if unit.operator in people else None,
        down_by=unit.down_by if unit.down_by in ways else None,
    )  # fmt: skip
