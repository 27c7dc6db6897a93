"""Random plants for the two engines, and the question whether both went the same way."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from taktwin.simulation import kernel
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import (
    Distribution,
    Empirical,
    Exponential,
    Fixed,
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
from taktwin.simulation.state import State, fresh

SKILLS = ("mill", "turn", "weld")
FAMILIES = ("A", "B", "C")


@st.composite
def durations(draw: st.DrawFn, mean: float) -> Distribution:
    """Draw a distribution about a mean; round means at coarse ticks make many ties."""
    kind = draw(st.integers(0, 6))
    times = draw(st.sampled_from((0.25, 0.5, 1.0, 1.0, 2.0)))
    mean = mean * times
    match kind:
        case 0:
            return Exponential(mean)
        case 1:
            return LogNormal(mean, draw(st.sampled_from((0.2, 1.0))))
        case 2:
            return Weibull(mean, draw(st.sampled_from((0.7, 1.6))))
        case 3:
            return Triangular(mean / 2, mean, 2 * mean)
        case 4:
            return Empirical((mean / 2, mean, mean, 3 * mean))
        case _:
            return Fixed(round(mean))


@st.composite
def routes(
    draw: st.DrawFn, centers: list[WorkCenter], skilled: bool, stocked: bool, rich: bool
) -> tuple[Step, ...]:
    """Draw the steps of a product."""
    count = draw(st.integers(1, 5))
    steps = []
    names = [center.name for center in centers]
    taken: tuple[dict[str, int], ...] = ({}, {}, {"x": 1}, {"y": 2, "x": 1})
    for place in range(count):
        tested = draw(st.integers(0, 4)) == 0
        center = draw(st.sampled_from(names))
        orderly = [each.name for each in centers if each.by_order]
        others = [name for name in names if name != center and name not in orderly]
        others = [] if center in orderly else others
        others = draw(st.lists(st.sampled_from(others), unique=True, max_size=2)) if others and rich else []
        tools = sorted({t.name for c in centers for t in c.tools if c.name in (center, *others)})
        back = draw(st.integers(0, place)) if tested and draw(st.booleans()) else None
        steps.append(
            Step(
                f"s{place}",
                center,
                draw(durations(4.0)),
                family=draw(st.sampled_from((None, *FAMILIES))),
                skill=draw(st.sampled_from((None, *SKILLS))) if skilled else None,
                move_s=draw(st.sampled_from((0.0, 0.0, 0.0, 2.0, 5.0))),
                good=draw(st.sampled_from((0.5, 0.8))) if tested else 1.0,
                rework_to=None if back is None else f"s{back}",
                rework_max=draw(st.sampled_from((None, 1, 3))),
                materials=draw(st.sampled_from(taken))
                if stocked and not any(c.batch for c in centers if c.name in (center, *others))
                else {},
                alternatives=tuple(others),
                tool=draw(st.sampled_from((None, *tools))),
                scrap=draw(st.sampled_from((0.0, 0.0, 0.0, 0.3))) if rich else 0.0,
            )
        )
    return tuple(steps)


@st.composite
def kinds_of_failure(draw: st.DrawFn, crews: tuple[Crew, ...], name: str) -> Failure:
    """Draw one kind of failure."""
    crew = draw(st.sampled_from((None, *(crew.name for crew in crews))))
    return Failure(
        draw(durations(30.0)), draw(durations(6.0)), draw(st.sampled_from(FailureClock)), crew, name
    )


@st.composite
def plants(draw: st.DrawFn, *, surely_by_order: bool = False) -> Plant:
    """Draw a plant with any of the features, from none to all; ticks are coarse, so ties abound."""
    calendars = tuple(
        Calendar(f"cal{k}", 48.0, draw(st.sampled_from((((6.0, 14.0),), ((0.0, 20.0), (30.0, 48.0))))))
        for k in range(draw(st.sampled_from((0, 1, 2, 2))))
    )
    shifts = st.sampled_from((None, None, *(each.name for each in calendars)))
    crews = tuple(
        Crew(f"crew{k}", draw(st.integers(1, 2)), draw(shifts)) for k in range(draw(st.integers(0, 2)))
    )
    skilled, stocked, rich = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    orderly = surely_by_order or draw(st.integers(0, 3)) == 0
    pairs = [(a, b) for a in (None, *FAMILIES) for b in FAMILIES if a != b]
    centers = []
    for place in range(draw(st.integers(1, 5))):
        failure = draw(kinds_of_failure(crews, "")) if draw(st.booleans()) else None
        more, tools, machines, batch, power = (), (), {}, None, {}
        units = draw(st.integers(1, 3))
        calendar_names = (None, *(each.name for each in calendars * 2))
        if rich:
            more = tuple(draw(kinds_of_failure(crews, f"f{k}")) for k in range(draw(st.integers(0, 2))))
            crew_names = (None, *(crew.name for crew in crews))
            tools = tuple(
                Tool(
                    f"t{k}", draw(st.integers(1, 9)), draw(durations(3.0)), draw(st.sampled_from(crew_names))
                )
                for k in range(draw(st.integers(0, 2)))
            )
            machines = {
                number: Machine(
                    draw(st.sampled_from((None, 1.0, 0.7))),
                    draw(st.sampled_from((None, (), more))),
                    draw(st.sampled_from(calendar_names)),
                )
                for number in range(1, units + 1)
                if draw(st.integers(0, 3)) == 0
            }
            power = {state: draw(st.sampled_from((0.0, 1.5))) for state in STATES}
            if draw(st.integers(0, 3)) == 0:
                most = draw(st.integers(1, 6))
                batch = Batch(most, draw(st.integers(1, most)), draw(st.sampled_from((None, 0.0, 7.0))))
        by_order = None
        if orderly and (surely_by_order or draw(st.booleans())):
            by_order = ByOrder(draw(st.sampled_from((None, 0.0, 3.0, 10.0))))
            batch = Batch(batch.parts_max) if batch else None
        free = not batch or by_order
        setups = {pair: float(draw(st.integers(0, 4))) for pair in pairs} if draw(st.booleans()) else {}
        centers.append(
            WorkCenter(
                f"c{place}",
                units,
                draw(st.sampled_from((None, None, 0, 1, 3))) if free else None,
                draw(st.sampled_from(Rule)) if free else Rule.FIFO,
                draw(st.sampled_from(calendar_names)),
                failure,
                draw(st.sampled_from((1.0, 1.0, 1.3))),
                setups,
                more,
                tools,
                machines,
                batch,
                power,
                by_order,
            )
        )
    products = []
    fed: set[str] = set()
    for place in range(draw(st.integers(1, 3))):
        steps = draw(routes(centers, skilled, stocked, rich))
        furnaces = {center.name for center in centers if center.batch}
        bare = not {step.center for step in steps} & {center.name for center in centers if center.by_order}
        endless = bare and steps[0].center not in fed | furnaces and draw(st.integers(0, 3)) == 0
        if endless:
            fed.add(steps[0].center)
        arrivals = draw(durations(12.0)) if bare and draw(st.booleans()) else None
        makes = draw(st.sampled_from((None, "x", "y"))) if stocked else None
        products.append(Product(f"p{place}", steps, arrivals, endless, draw(st.booleans()), makes))
    orders = tuple(
        Order(
            f"o{place}",
            product := draw(st.sampled_from(products)).name,
            quantity,
            float(draw(st.sampled_from((0, 50)) if orderly else st.integers(0, 150))),
            draw(st.sampled_from((None, 60.0, 120.0))),
            draw(st.integers(0, 2)),
            draw(st.sampled_from((1, 1, 2))) if quantity > 1 else 1,
            draw(st.sampled_from((None, f"{product}a", f"{product}b"))) if orderly else None,
        )
        for place, quantity in enumerate(draw(st.lists(st.integers(1, 4), max_size=20 if orderly else 8)))
    )
    people = [frozenset(SKILLS)] + [
        frozenset(draw(st.sets(st.sampled_from(SKILLS)))) for _ in range(draw(st.integers(0, 2)))
    ]
    operators = tuple(Operator(f"op{k}", skills, draw(shifts)) for k, skills in enumerate(people))
    materials = tuple(Material(name, draw(st.integers(0, 20))) for name in ("x", "y")) if stocked else ()
    deliveries = tuple(
        Delivery(draw(st.sampled_from("xy")), draw(st.integers(1, 9)), float(draw(st.integers(0, 200))))
        for _ in range(draw(st.integers(0, 5)) if stocked else 0)
    )
    names = [unit_name(center, n + 1) for center in centers for n in range(center.units)]
    spans = [(draw(st.sampled_from((0.0, 6.0, 14.0, 50.0, 100.0))), draw(st.sampled_from((8.0, 20.0, 50.0))))
             for _ in range(draw(st.sampled_from((0, 0, 1, 4))))]  # fmt: skip
    closures = tuple(
        Closure(draw(st.sampled_from(names)), since, since + span, rich and draw(st.booleans()))
        for since, span in spans
    )
    prices = st.sampled_from((None, Tariff(40.0, ((0.0, 0.3), (15.0, 0.1))), Tariff(7.0, ((0.0, -0.02),))))
    tick = draw(st.sampled_from((1.0, 0.5, 0.001)))
    parts = (
        tuple(centers), tuple(products), orders, operators, crews, calendars, materials, deliveries, closures,
        draw(prices),
    )  # fmt: skip
    return Plant(*parts, tick_s=tick)


def kernel_course(state: State) -> dict[str, object]:
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


def reference_course(run: Reference) -> dict[str, object]:
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
