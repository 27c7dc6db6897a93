"""The rarer parts of a plant against exact results, or against what a hand works out on paper."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable

from taktwin.simulation import kernel
from taktwin.simulation.distributions import Exponential, Fixed
from taktwin.simulation.model import (
    Calendar,
    Closure,
    Crew,
    Failure,
    FailureClock,
    Machine,
    Order,
    Plant,
    Product,
    Step,
    Tool,
    WorkCenter,
)
from tests.unit.simulation import exact
from tests.unit.simulation.test_exact import (
    TICK,
    assert_exact,
    flow,
    measured,
    one,
    only,
    share,
    throughput,
)

ONE = Exponential(1)


def lost(state: object, span: float) -> float:
    made = state["made"]  # type: ignore[index]
    return float(made["lost"].sum() / (made["lost"].sum() + made["done"].sum()))


def test_alternatives_without_queues_lose_what_erlang_says() -> None:
    # Erlang B: three work centers that can all do it, none with a place to wait, are three servers.
    load = 2.0
    terms = [load**k / math.factorial(k) for k in range(4)]
    step = Step("s", "a", Exponential(1), alternatives=("b", "c"))
    product = Product("p", (step,), Exponential(1 / load), balks=True)
    plant = Plant(tuple(WorkCenter(name, queue_max=0) for name in "abc"), (product,), tick_s=TICK)
    (found,) = measured(plant, 40_000, lost)
    assert_exact(found, terms[-1] / sum(terms))


def test_alternatives_by_hand() -> None:
    # Jobs of 10 at 0, 1, 2, 3, 4; one may wait before a, two before b. First a, then b; both are busy and
    # nobody waits, so a, the preferred one; then b has the shorter queue; the fifth goes to b: a is full.
    step = Step("s", "a", Fixed(10), alternatives=("b",))
    orders = tuple(Order(f"o{k}", "p", release_s=k) for k in range(5))
    plant = Plant(
        (WorkCenter("a", queue_max=1), WorkCenter("b", queue_max=2)), (Product("p", (step,)),), orders
    )
    state = only(plant, 100)
    assert state["ended"].tolist() == [10000, 11000, 20000, 21000, 31000]
    assert state["centers"]["longest"].tolist() == [1, 2]


def test_units_that_differ_are_a_chain_of_their_own() -> None:
    # Two units of pace 1.5 and 0.5, the first idle one in the sequence of declaration: a chain of (fast busy,
    # slow busy, waiting), cut where next to nothing is left of it.
    arrivals, fast, slow, most = 1.2, 1.5, 0.5, 90
    states: list[Hashable] = [(0, 0, 0), (1, 0, 0), (0, 1, 0), *((1, 1, n) for n in range(most))]

    def out(state: Hashable) -> Iterable[tuple[Hashable, float]]:
        a, b, n = state  # type: ignore[misc]
        if not a:
            yield (1, b, 0), arrivals
        elif not b:
            yield (1, 1, 0), arrivals
        elif n + 1 < most:
            yield (1, 1, n + 1), arrivals
        if a:
            yield ((1, 1, n - 1) if n else (0, b, 0)), fast
        if b:
            yield ((1, 1, n - 1) if n else (a, 0, 0)), slow

    chances = exact.stationary(states, out)
    jobs = sum(p * (a + b + n) for (a, b, n), p in chances.items())  # type: ignore[misc]
    plant = one(Exponential(1), arrivals, units=2, machines={1: Machine(1.5), 2: Machine(0.5)})
    times, busy = measured(plant, 40_000, flow, share(kernel.WORKING, 1))
    assert_exact(times, jobs / arrivals, within=0.03)
    assert_exact(busy, sum(p * b for (_, b, _), p in chances.items()))  # type: ignore[misc]


def test_two_kinds_of_failure_add_up() -> None:
    belt = Failure(Exponential(50), Exponential(4))
    spindle = Failure(Exponential(200), Exponential(30), name="spindle")
    (made,) = measured(
        one_saturated(WorkCenter("m", failure=belt, more_failures=(spindle,))), 100_000, throughput
    )
    assert_exact(made, 1 / (1 + 4 / 50 + 30 / 200))


def test_kinds_of_failure_by_the_calendar_and_by_work() -> None:
    # While one is mended the clock of the other runs on, and its strike waits. Struck by work after 10,
    # mended for 5; by the calendar 12 after its last repair, mended for 2: 10 parts, mended 10 to 15, struck
    # at once and mended to 17; from there the same again.
    work, clock = Failure(Fixed(10), Fixed(5)), Failure(Fixed(12), Fixed(2), FailureClock.CALENDAR, name="c")
    plant = one_saturated(WorkCenter("m", failure=work, more_failures=(clock,)), Fixed(1))
    state = only(plant, 170)
    assert state["made"]["done"].tolist() == [100]
    assert state["spent"][0, kernel.REPAIR] == plant.ticks(70)


def one_saturated(center: WorkCenter, work: Exponential | Fixed = ONE, **step: object) -> Plant:
    """Return one work center that never starves."""
    steps = (Step("s", center.name, work, **step),)  # type: ignore[arg-type]
    return Plant((center,), (Product("p", steps, endless=True),), tick_s=TICK)


def test_one_unit_of_two_that_fails() -> None:
    failure = Failure(Exponential(50), Exponential(10))
    center = WorkCenter("m", 2, machines={2: Machine(failures=(failure,))})
    whole, part = measured(one_saturated(center), 50_000, share(kernel.WORKING, 0), share(kernel.WORKING, 1))
    assert (whole > 0.99999).all()
    assert_exact(part, 1 / 1.2)


def test_a_tool_costs_its_change_after_each_life() -> None:
    center = WorkCenter("m", tools=(Tool("drill", 20, Exponential(6)),))
    made, changing = measured(
        one_saturated(center, tool="drill"), 50_000, throughput, share(kernel.UPKEEP, 0)
    )
    assert_exact(made, 20 / (20 + 6))
    assert_exact(changing, 6 / 26)


def test_tools_by_hand() -> None:
    # Two units, a drill each for 5 parts, one fitter who takes 4, six lots of 3. Both have made 6 at 6; the
    # fitter changes the first until 10 and the second until 14, the first makes the rest and has it changed.
    center = WorkCenter("m", 2, tools=(Tool("drill", 5, Fixed(4), crew="fitter"),))
    product = Product("p", (Step("s", "m", Fixed(1), tool="drill"),))
    orders = tuple(Order(f"o{k}", "p", 3) for k in range(6))
    plant = Plant((center,), (product,), orders, crews=(Crew("fitter", 1),))
    state = only(plant, 100)
    assert [end // 1000 for end in state["ended"]] == [3, 3, 6, 6, 13, 16]
    assert state["spent"][:, kernel.UPKEEP].tolist() == [8000, 8000]
    assert state["modes"]["left"].tolist() == [5, 5]


def test_maintenance_that_waits_by_hand() -> None:
    # Planned for 4 to 10 with a job until 10: done 10 to 16. Planned again for 17 to 19 with a job until 26:
    # done 26 to 28. And from 40 on, when the unit stands idle, at once.
    product = Product("p", (Step("s", "m", Fixed(10)),))
    orders = (Order("a", "p"), Order("b", "p"), Order("c", "p", release_s=41))
    spans = ((4, 10), (17, 19), (40, 45))
    plant = Plant(
        (WorkCenter("m"),), (product,), orders,
        closures=tuple(Closure("m.1", since, until, waits=True) for since, until in spans),
    )  # fmt: skip
    state = only(plant, 100)
    assert [end // 1000 for end in state["ended"]] == [10, 26, 55]
    assert state["spent"][0, kernel.UPKEEP] == plant.ticks(13)
    # It rests in the night like any work: planned for 7 to 10 of a day of 8 hours, it goes on in the morning.
    day = Calendar("day", 24, ((0, 8),))
    night = Plant((WorkCenter("m", calendar="day"),), (product,), (Order("a", "p", release_s=8),),
                  calendars=(day,), closures=(Closure("m.1", 7, 10, waits=True),))  # fmt: skip
    state = only(night, 100)
    assert state["ended"].tolist() == [night.ticks(48 + 4)]
    assert state["spent"][0, kernel.UPKEEP] == night.ticks(3)
