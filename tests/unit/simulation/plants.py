"""Random plants for the two engines, and the question whether both went the same way."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import strategies as st

from taktwin.simulation import kernel, streams
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import (
    Distribution,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    LogNormal,
    Triangular,
    Weibull,
)
from taktwin.simulation.model import (
    STATES,
    Batch,
    ByOrder,
    Calendar,
    Closure,
    Crew,
    Delivery,
    Failure,
    FailureClock,
    Machine,
    Material,
    Operator,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    Tariff,
    Tool,
    WorkCenter,
    unit_name,
)
from taktwin.simulation.reference import Count, Reference
from taktwin.simulation.run import advance
from taktwin.simulation.start import Placed, Start, reference_from
from taktwin.simulation.state import State, fresh

SKILLS = ("mill", "turn", "weld")
FAMILIES = ("A", "B", "C")
Choice = TypeVar("Choice")


class Choices:
    """Where the choices that make a plant come from: hypothesis, which can make them smaller, or a seed.

    Hypothesis repeats on purpose what it has drawn: among 500 plants of its own there were 200 different
    sets of work centers. Those of seeds are all different, and take a fiftieth of the time.
    """

    def __init__(self, below: Callable[[int], int]) -> None:
        """Choose by whole numbers from 0 up to below the one given; 0 is the simplest."""
        self.below = below

    @classmethod
    def of_seed(cls, seed: int) -> Choices:
        """Return choices that a seed makes."""
        return cls(random.Random(seed).randrange)

    def one(self, *options: Choice) -> Choice:
        """Return one of some values, each as likely as the others; the first is the simplest."""
        return options[self.below(len(options))]

    def whole(self, least: int, most: int) -> int:
        """Return a whole number, both ends included."""
        return least + self.below(most - least + 1)

    def is_so(self) -> bool:
        """Return yes in half of the cases."""
        return self.below(2) == 1

    def some(self, options: Sequence[Choice], most: int) -> list[Choice]:
        """Return up to so many of some values, none twice."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in range(self.whole(0, min(most, len(left))))]


def a_duration(choose: Choices, mean: float) -> Distribution:
    """Return a distribution about a mean; round means at coarse ticks make many ties."""
    kind = choose.one(
        "fixed", "fixed", "exponential", "lognormal", "weibull", "gamma", "triangular", "empirical"
    )
    mean = mean * choose.one(1.0, 1.0, 0.25, 0.5, 2.0)
    match kind:
        case "exponential":
            return Exponential(mean)
        case "lognormal":
            return LogNormal(mean, choose.one(0.2, 1.0))
        case "weibull":
            return Weibull(mean, choose.one(1.6, 0.7))
        case "gamma":
            return Gamma(mean, choose.one(0.5, 4.0))
        case "triangular":
            return Triangular(mean / 2, mean, 2 * mean)
        case "empirical":
            return Empirical((mean / 2, mean, mean, 3 * mean))
        case _:
            return Fixed(round(mean))


def a_route(
    choose: Choices, centers: list[WorkCenter], *, skilled: bool, stocked: bool, rich: bool, oven: bool
) -> tuple[Step, ...]:
    """Return the steps of a product; with an oven the first of them is done in the first work center."""
    steps: list[Step] = []
    names = [center.name for center in centers]
    orderly = [each.name for each in centers if each.by_order]
    taken: tuple[dict[str, int], ...] = ({}, {"x": 1}, {"y": 2, "x": 1})
    path = [choose.one(*names) for _ in range(choose.whole(1, 5))]
    if choose.one(True, True, False):  # else jobs may come to a work center again, and be in each other's way
        path = sorted(dict.fromkeys(path))
    if oven and path[0] != names[0]:
        path = [names[0], *path]
    for place, center in enumerate(path):
        tested = choose.one(False, False, True)
        others = [name for name in names if name != center and name not in orderly]
        others = [] if center in orderly or not rich else choose.some(others, 2)
        at = [each for each in centers if each.name in (center, *others)]
        tools = sorted({tool.name for each in at for tool in each.tools})
        back = choose.whole(0, place) if tested and choose.one(True, True, False) else None
        steps.append(
            Step(
                f"s{place}",
                center,
                a_duration(choose, 3.0),
                family=choose.one(None, *FAMILIES, *FAMILIES),
                skill=choose.one(None, *SKILLS) if skilled else None,
                move_s=choose.one(0.0, 0.0, 0.0, 2.0, 5.0),
                good=choose.one(0.8, 0.5) if tested else 1.0,
                rework_to=None if back is None else f"s{back}",
                rework_max=choose.one(None, 1, 3),
                materials=choose.one(*taken) if stocked and not any(each.batch for each in at) else {},
                alternatives=tuple(others),
                tool=choose.one(None, *tools, *tools),
                scrap=choose.one(0.0, 0.0, 0.3) if rich else 0.0,
            )
        )
    return tuple(steps)


def a_kind_of_failure(choose: Choices, crews: tuple[Crew, ...], name: str) -> Failure:
    """Return one kind of failure."""
    crew = choose.one(None, *(crew.name for crew in crews))
    return Failure(a_duration(choose, 30.0), a_duration(choose, 4.0), choose.one(*FailureClock), crew, name)


def a_work_center(
    choose: Choices, name: str, crews: tuple[Crew, ...], calendars: tuple[Calendar, ...], *,
    rich: bool, tight: bool, orderly: bool, oven: bool,
) -> WorkCenter:  # fmt: skip
    """Return a work center; an orderly one works by order, an oven by order and full."""
    failure = a_kind_of_failure(choose, crews, "") if choose.is_so() else None
    more, tools, machines, batch, power = (), (), {}, None, {}
    units = choose.whole(1, 3)
    shifts = (None, *(each.name for each in calendars))
    if rich:
        more = tuple(a_kind_of_failure(choose, crews, f"f{k}") for k in range(choose.whole(0, 2)))
        crew_names = (None, *(crew.name for crew in crews))
        tools = tuple(
            Tool(f"t{k}", choose.whole(1, 9), a_duration(choose, 3.0), choose.one(*crew_names))
            for k in range(choose.whole(0, 2))
        )
        machines = {
            number: Machine(choose.one(None, 1.0, 0.7), choose.one(None, (), more), choose.one(*shifts))
            for number in range(1, units + 1)
            if choose.one(False, False, False, True)
        }
        power = {state: choose.one(0.0, 1.5) for state in STATES}
        if choose.one(False, False, True):
            most = choose.whole(2, 6)
            batch = Batch(most, choose.whole(1, most), choose.one(7.0, 7.0, 0.0, None))
    by_order = ByOrder(choose.one(None, 0.0, 3.0, 10.0)) if orderly else None
    if by_order and (batch or oven):
        batch = Batch(choose.whole(2, 6))
    free = not batch or by_order
    rule = choose.one(*Rule, *Rule, Rule.FIFO, Rule.SETUP, Rule.SETUP) if free else Rule.FIFO
    pairs = [(a, b) for a in (None, *FAMILIES) for b in FAMILIES if a != b]
    is_set_up = rule is Rule.SETUP or choose.is_so()
    return WorkCenter(
        name,
        units,
        choose.one(None, None, 1, 3, 0) if free and tight else None,
        rule,
        choose.one(*shifts),
        failure,
        choose.one(1.0, 1.0, 1.3),
        {pair: float(choose.whole(0, 4)) for pair in pairs} if is_set_up else {},
        more,
        tools,
        machines,
        batch,
        power,
        by_order,
    )


def a_plant(choose: Choices, *, surely_by_order: bool = False) -> Plant:
    """Return a plant with any of the features, from none to all; ticks are coarse, so ties abound."""
    edges = ((0.0, 20.0), (30.0, 48.0)), ((6.0, 14.0), (20.0, 40.0)), ((6.0, 20.0),)
    calendars = tuple(Calendar(f"cal{k}", 48.0, choose.one(*edges)) for k in range(choose.one(0, 1, 2, 2)))
    shifts = (None, None, *(each.name for each in calendars))
    crews = tuple(
        Crew(f"crew{k}", choose.whole(1, 2), choose.one(*shifts)) for k in range(choose.whole(0, 2))
    )
    skilled, stocked, rich, tight = (choose.is_so() for _ in range(4))
    orderly = choose.one(False, False, True) or surely_by_order
    oven = orderly and choose.is_so()  # the first work center is a furnace by order, and all begin there
    centers = []
    for place in range(choose.whole(1, 5)):
        is_oven = oven and not place
        by_order = orderly and (choose.is_so() or surely_by_order or is_oven)
        centers.append(
            a_work_center(
                choose, f"c{place}", crews, calendars, rich=rich, tight=tight, orderly=by_order, oven=is_oven
            )
        )
    products: list[Product] = []
    fed: set[str] = set()
    for place in range(choose.whole(1, 3)):
        steps = a_route(choose, centers, skilled=skilled, stocked=stocked, rich=rich, oven=oven)
        furnaces = {center.name for center in centers if center.batch}
        bare = not {step.center for step in steps} & {center.name for center in centers if center.by_order}
        endless = bare and steps[0].center not in fed | furnaces and choose.one(False, False, False, True)
        if endless:
            fed.add(steps[0].center)
        arrivals = a_duration(choose, 12.0) if bare and choose.is_so() else None
        makes = choose.one(None, "x", "y") if stocked else None
        products.append(Product(f"p{place}", steps, arrivals, endless, choose.one(False, False, True), makes))
    orders = []
    for place in range(choose.whole(6, 20 if orderly else 14)):
        product, quantity = choose.one(*products).name, choose.whole(1, 4)
        release = float(choose.one(0, 50) if orderly else choose.whole(0, 150))
        due, priority = choose.one(None, 60.0, 120.0), choose.whole(0, 2)
        lots = choose.one(1, 1, 2) if quantity > 1 else 1
        whole = choose.one(None, f"{product}a", f"{product}b") if orderly else None
        orders.append(Order(f"o{place}", product, quantity, release, due, priority, lots, whole))
    people = [frozenset(SKILLS)] + [frozenset(choose.some(SKILLS, 3)) for _ in range(choose.whole(0, 2))]
    operators = tuple(Operator(f"op{k}", skills, choose.one(*shifts)) for k, skills in enumerate(people))
    materials = tuple(Material(name, choose.one(80, 40, 20, 10)) for name in ("x", "y")) if stocked else ()
    deliveries = tuple(
        Delivery(choose.one("x", "y"), choose.whole(3, 30), float(choose.whole(0, 150)))
        for _ in range(choose.whole(1, 5) if stocked else 0)
    )
    names = [unit_name(center, n + 1) for center in centers for n in range(center.units)]
    closures = []
    for _ in range(choose.one(0, 0, 1, 4)):
        since, span = choose.one(0.0, 6.0, 14.0, 50.0, 100.0), choose.one(8.0, 20.0, 50.0)
        closures.append(Closure(choose.one(*names), since, since + span, rich and choose.is_so()))
    tariff = choose.one(None, Tariff(40.0, ((0.0, 0.3), (15.0, 0.1))), Tariff(7.0, ((0.0, -0.02),)))
    parts = (
        tuple(centers), tuple(products), tuple(orders), operators, crews, calendars, materials, deliveries,
        tuple(closures), tariff,
    )  # fmt: skip
    return Plant(*parts, tick_s=choose.one(1.0, 0.5, 0.001))


@st.composite
def durations(draw: st.DrawFn, mean: float) -> Distribution:
    """Draw a distribution about a mean."""
    return a_duration(Choices(lambda count: draw(st.integers(0, count - 1))), mean)


@st.composite
def plants(draw: st.DrawFn, *, surely_by_order: bool = False) -> Plant:
    """Draw a plant, which hypothesis can make smaller once it shows a mistake."""
    choose = Choices(lambda count: draw(st.integers(0, count - 1)))
    return a_plant(choose, surely_by_order=surely_by_order)


def kernel_course(state: State) -> dict[str, Any]:
    """Return everything that both engines count, of the kernel."""
    made = state["made"]
    return {
        "now": state.now,
        "events": state.events,
        "in work": int(state["run"]["in_work"][0]),
        "in work ticks": int(state["run"]["in_work_ticks"][0]),
        "made": [{name: int(row[name]) for name in made.dtype.names or ()} for row in made],
        "spent": state["spent"].tolist(),
        "longest": state["centers"]["longest"].tolist(),
        "priced": (state["priced"] + state["run"]["price"] * state["spent"]).tolist(),
        "good": state["lots"]["good"].tolist(),
        "ended": state["ended"].tolist(),
        "stock": state["stock"].tolist(),
    }


def reference_course(run: Reference) -> dict[str, Any]:
    """Return the same of the reference."""

    def end(order: str) -> int:
        if order in run.scrapped:
            return kernel.SCRAPPED_ORDER
        return kernel.LOST_ORDER if order in run.lost else run.ended.get(order, kernel.OPEN_ORDER)

    return {
        "now": run.now,
        "events": run.events,
        "in work": run.in_work,
        "in work ticks": run.in_work_ticks,
        "made": [{name: getattr(c, name) for name in Count.__slots__} for c in run.counts.values()],
        "spent": run.spent(),
        "longest": run.longest(),
        "priced": run.priced(),
        "good": [run.good[order.name] for order in run.plant.orders_by_release],
        "ended": [end(order.name) for order in run.plant.orders_by_release],
        "stock": list(run.stock.values()),
    }


def assert_same_course(plant: Plant, *, seed: int, until_s: float, cuts: int = 4) -> None:
    """Run both engines side by side and compare all that they count at several instants."""
    built = compiled(plant)
    state = fresh(built, seed=seed)
    run = Reference(plant, state.key)
    for cut in np.linspace(0, plant.ticks(until_s), cuts + 1)[1:]:
        state = advance(built, state, until=int(cut))
        run.advance(until=int(cut))
        assert kernel_course(state) == reference_course(run)


KEY = streams.replication_key(9, 2)


def by_kernel(plant: Plant, until_s: float, start: Start | None = None) -> dict[str, Any]:
    """Return what the kernel counts until then, from the empty plant or from a start, with `KEY`."""
    built = compiled(plant)
    state = Placed(built, start).state_of(KEY) if start else fresh(built, seed=9, replication=2)
    return kernel_course(advance(built, state, until=plant.ticks(until_s)))


def by_reference(plant: Plant, until_s: float, start: Start | None = None) -> dict[str, Any]:
    """Return what the reference counts until then, from the empty plant or from a start, with `KEY`."""
    run = reference_from(plant, start, KEY) if start else Reference(plant, KEY)
    run.advance(until=plant.ticks(until_s))
    return reference_course(run)


Run = Callable[..., dict[str, Any]]
BOTH = pytest.mark.parametrize("run", [by_kernel, by_reference])  # two engines can be wrong together
