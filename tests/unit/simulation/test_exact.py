"""The kernel against exact results: fixed seeds, |z| < 4, and within 2 % of the truth.

A mean over independent replications has a normal error; z is its distance from the exact value in
standard errors. Seeds are fixed, so a test that passes passes for ever, until somebody changes a rule.
Each case takes about a million events. Beside z the relative distance is bounded, since z alone would
pass a simulation that is merely noisy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from taktwin.simulation import kernel
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import Distribution, Exponential, Fixed, LogNormal, Weibull
from taktwin.simulation.model import (
    Calendar,
    Closure,
    Crew,
    Delivery,
    Failure,
    FailureClock,
    Material,
    Operator,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    WorkCenter,
)
from taktwin.simulation.run import advance
from taktwin.simulation.state import State, fresh
from tests.unit.simulation import exact

TICK = 1e-6  # of a time unit: rounding stays far below what is measured
REPLICATIONS = 8
Measure = Callable[[State, float], float]
Values = npt.NDArray[np.float64]


def measured(plant: Plant, until: float, *measures: Measure) -> list[Values]:
    """Return each measure over independent replications, the first tenth of the time forgotten."""
    built = compiled(plant)
    rows = []
    for replication in range(REPLICATIONS):
        state = fresh(built, seed=4711, replication=replication)
        state = advance(built, state, until=plant.ticks(until / 10))
        state.forget()
        state = advance(built, state, until=plant.ticks(until))
        rows.append([measure(state, until * 0.9) for measure in measures])
    return list(np.array(rows).T)


def flow(state: State, span: float) -> float:
    made = state["made"]
    return float(made["flow"].sum() / made["done"].sum()) * TICK


def flow_of(product: int) -> Measure:
    return lambda state, span: float(state["made"]["flow"][product] / state["made"]["done"][product]) * TICK


def throughput(state: State, span: float) -> float:
    return float(state["made"]["done"].sum()) / span


def in_work(state: State, span: float) -> float:
    return float(state["run"]["in_work_ticks"][0]) * TICK / span


def share(doing: int, *units: int) -> Measure:
    return lambda state, span: float(state["spent"][list(units), doing].mean()) * TICK / span


def assert_exact(values: Values, truth: float, *, within: float = 0.02) -> None:
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    assert error > 0, "every replication came to the same: nothing was random"
    assert abs(mean - truth) < 4 * error, f"{mean} +- {error}, exact {truth}"
    assert abs(mean / truth - 1) < within, f"{mean} is not within {within:.0%} of {truth}"


def one(work: Distribution, arrivals: float, **center: object) -> Plant:
    """Return a single work center with Poisson arrivals."""
    return Plant(
        (WorkCenter("a", **center),),  # type: ignore[arg-type]
        (Product("p", (Step("s", "a", work),), Exponential(1 / arrivals)),),
        tick_s=TICK,
    )


def line(*works: Distribution, buffers: tuple[int, ...], failures: tuple[Failure | None, ...] = ()) -> Plant:
    """Return a saturated line of single machines; `buffers` are before the second and further ones."""
    queues = (None, *buffers)
    fails = failures or (None,) * len(works)
    return Plant(
        tuple(WorkCenter(f"m{k}", queue_max=queues[k], failure=fails[k]) for k in range(len(works))),
        (Product("p", tuple(Step(f"s{k}", f"m{k}", work) for k, work in enumerate(works)), endless=True),),
        tick_s=TICK,
    )


def test_mm1() -> None:
    times, busy, jobs = measured(one(Exponential(1), 0.8), 60_000, flow, share(kernel.WORKING, 0), in_work)
    assert_exact(times, 5.0, within=0.03)
    assert_exact(busy, 0.8)
    assert_exact(jobs, 4.0, within=0.04)


def test_mm3() -> None:
    (times,) = measured(one(Exponential(1), 2.4, units=3), 40_000, flow)
    assert_exact(times, exact.mmc_time(2.4, 1, 3))


def test_md1() -> None:
    (times,) = measured(one(Fixed(1), 0.8), 60_000, flow)
    assert_exact(times, exact.pollaczek_khinchine(0.8, 1, 1))


def test_m_lognormal_1() -> None:
    (times,) = measured(one(LogNormal(1, 1.5), 0.7), 100_000, flow)
    assert_exact(times, exact.pollaczek_khinchine(0.7, 1, 1 + 1.5**2), within=0.04)


def test_mm1k_loses_what_finds_it_full() -> None:
    plant = one(Exponential(1), 0.9, queue_max=4)
    product = plant.products[0]
    plant = Plant(plant.centers, (Product("p", product.steps, product.arrivals, balks=True),), tick_s=TICK)
    rho, places = 0.9, 5
    full = (1 - rho) * rho**places / (1 - rho ** (places + 1))
    mean = rho / (1 - rho) - (places + 1) * rho ** (places + 1) / (1 - rho ** (places + 1))
    lost, jobs = measured(
        plant, 60_000, lambda state, span: float(state["made"]["lost"].sum()) / span / 0.9, in_work
    )
    assert_exact(lost, full, within=0.03)
    assert_exact(jobs, mean)


def test_failures_while_working_lengthen_the_work() -> None:
    # Avi-Itzhak and Naor 1963: the time of completion has the moments below; then Pollaczek-Khinchine.
    rate, down = 1 / 100, 10.0
    mean = 1 + rate * down
    second = mean**2 * 2 + rate * 2 * down * down
    plant = one(Exponential(1), 0.6, failure=Failure(Exponential(1 / rate), Exponential(down)))
    times, broken = measured(plant, 200_000, flow, share(kernel.REPAIR, 0))
    assert_exact(times, exact.pollaczek_khinchine(0.6, mean, second), within=0.03)
    assert_exact(broken, 0.6 * rate * down, within=0.03)


@pytest.mark.parametrize("clock", list(FailureClock))
def test_a_saturated_machine_works_as_long_as_it_is_up(clock: FailureClock) -> None:
    failure = Failure(Exponential(100), Exponential(10), clock)
    (made,) = measured(line(Exponential(1), buffers=(), failures=(failure,)), 100_000, throughput)
    assert_exact(made, 1 / 1.1)


def test_weibull_wear() -> None:
    failure = Failure(Weibull(100 * math.gamma(1.5), 2.0), Exponential(10))
    (made,) = measured(line(Exponential(1), buffers=(), failures=(failure,)), 100_000, throughput)
    assert_exact(made, 1 / (1 + 10 / (100 * math.gamma(1.5))))


@pytest.mark.parametrize("buffer", [0, 5])
def test_two_machines_with_a_finite_buffer(buffer: int) -> None:
    (made,) = measured(line(Exponential(1), Exponential(1), buffers=(buffer,)), 50_000, throughput)
    assert_exact(made, exact.two_machines(1, 1, buffer))
    assert exact.two_machines(1, 1, buffer) == pytest.approx((buffer + 2) / (buffer + 3))


def test_three_machines_without_buffers() -> None:
    # Hunt 1956.
    plant = line(Exponential(1), Exponential(1), Exponential(1), buffers=(0, 0))
    (made,) = measured(plant, 50_000, throughput)
    assert_exact(made, 22 / 39)


def test_two_unreliable_machines() -> None:
    failures = (Failure(Exponential(100), Exponential(10)), Failure(Exponential(50), Exponential(1 / 0.15)))
    plant = line(Exponential(1), Exponential(1 / 1.2), buffers=(5,), failures=failures)
    (made,) = measured(plant, 150_000, throughput)
    assert_exact(made, exact.two_unreliable((1, 1.2), (0.01, 0.02), (0.1, 0.15), 5))


def test_a_tandem_of_queues() -> None:
    # Burke 1956: what leaves an M/M/1 is Poisson again.
    steps = (Step("s", "a", Exponential(1)), Step("t", "b", Exponential(0.8)))
    plant = Plant((WorkCenter("a"), WorkCenter("b")), (Product("p", steps, Exponential(2)),), tick_s=TICK)
    (times,) = measured(plant, 100_000, flow)
    assert_exact(times, 1 / (1 - 0.5) + 1 / (1 / 0.8 - 0.5), within=0.03)


def closed(centers: tuple[WorkCenter, ...], works: tuple[float, ...], jobs: int) -> Plant:
    """Return a plant that nothing ever leaves: what passes the last step begins anew."""
    steps = [
        Step(f"s{k}", c.name, Exponential(w)) for k, (c, w) in enumerate(zip(centers, works, strict=True))
    ]
    steps[-1] = Step("last", centers[-1].name, Exponential(works[-1]), good=0.0, rework_to="s0")
    orders = tuple(Order(f"o{k}", "p") for k in range(jobs))
    return Plant(centers, (Product("p", tuple(steps)),), orders, tick_s=TICK)


def test_a_closed_network() -> None:
    demands = (1.0, 0.7, 0.9, 0.4)
    plant = closed(tuple(WorkCenter(f"c{k}") for k in range(4)), demands, 8)
    (busy,) = measured(plant, 40_000, share(kernel.WORKING, 0))
    assert_exact(busy, exact.closed_network(8, demands))


def test_machine_repair_as_a_closed_network() -> None:
    plant = closed((WorkCenter("machines", 10), WorkCenter("crews", 2)), (20.0, 4.0), 10)
    (up,) = measured(plant, 100_000, share(kernel.WORKING, *range(10)))
    assert_exact(up, exact.repairman(10, 2, 20.0, 4.0))


def test_machine_repair_with_crews() -> None:
    # The same question asked of failures and crews: one road of the kernel against another.
    failure = Failure(Exponential(20), Exponential(4), crew="crew")
    plant = Plant(
        (WorkCenter("m", 10, failure=failure),),
        (Product("p", (Step("s", "m", Exponential(1)),), endless=True),),
        crews=(Crew("crew", 2),), tick_s=TICK,
    )  # fmt: skip
    (up,) = measured(plant, 20_000, share(kernel.WORKING, *range(10)))
    assert_exact(up, exact.repairman(10, 2, 20.0, 4.0))


def test_rework_is_a_network_of_jackson() -> None:
    steps = (Step("s", "a", Exponential(1)), Step("t", "b", Exponential(0.8), good=0.75, rework_to="s"))
    plant = Plant((WorkCenter("a"), WorkCenter("b")), (Product("p", steps, Exponential(2)),), tick_s=TICK)
    (times,) = measured(plant, 150_000, flow)
    inner = 0.5 / 0.75
    assert_exact(times, (1 / (1 - inner) + 1 / (1 / 0.8 - inner)) * inner / 0.5, within=0.03)


def test_five_machines_with_two_operators_are_two_servers() -> None:
    plant = Plant(
        (WorkCenter("a", 5),),
        (Product("p", (Step("s", "a", Exponential(1), skill="any"),), Exponential(1 / 1.6)),),
        operators=(Operator("ann", frozenset({"any"})), Operator("bob", frozenset({"any"}))), tick_s=TICK,
    )  # fmt: skip
    (times,) = measured(plant, 50_000, flow)
    assert_exact(times, exact.mmc_time(1.6, 1, 2), within=0.03)


def test_priorities_by_cobham() -> None:
    # Cobham 1954, two classes of 0.4 each with work of mean 1, not interrupted: waits of 4/3 and 20/3. The
    # rule "least expected work" tells the classes apart; their work differs by a millionth.
    steps = [(Step("s", "a", Exponential(work)),) for work in (1.0, 1.000001)]
    plant = Plant(
        (WorkCenter("a", rule=Rule.SHORTEST),),
        tuple(Product(f"p{k}", each, Exponential(2.5)) for k, each in enumerate(steps)),
        tick_s=TICK / 100,
    )
    first, second = measured(plant, 150_000, flow_of(0), flow_of(1))
    assert_exact(first / 100, 1 + 4 / 3)
    assert_exact(second / 100, 1 + 20 / 3, within=0.04)


def test_a_job_shop_of_kelly() -> None:
    # Six work centers, three re-entrant routes, FIFO, exponential: each center is an M/M/c.
    machines, means = (2, 2, 3, 2, 1, 2), (1.0, 0.7, 1.1, 0.9, 0.5, 0.8)
    routes = {"A": (0, 1, 3, 1, 4, 5), "B": (0, 2, 1, 2, 5), "C": (1, 2, 3, 0, 3, 4, 5)}
    rates = {"A": 0.58, "B": 0.57, "C": 0.52}
    plant = Plant(
        tuple(WorkCenter(f"g{k}", m) for k, m in enumerate(machines)),
        tuple(
            Product(name, tuple(Step(f"s{k}", f"g{g}", Exponential(means[g])) for k, g in enumerate(route)),
                    Exponential(1 / rates[name]))
            for name, route in routes.items()
        ), tick_s=TICK,
    )  # fmt: skip
    arrivals = [sum(rates[name] * route.count(g) for name, route in routes.items()) for g in range(6)]
    times = [exact.mmc_time(arrivals[g], 1 / means[g], machines[g]) for g in range(6)]
    found = measured(plant, 30_000, *(flow_of(k) for k in range(3)))
    for values, route in zip(found, routes.values(), strict=True):
        assert_exact(values, sum(times[g] for g in route), within=0.04)


def only(plant: Plant, until: float) -> State:
    """Return the end of a run in which nothing is random."""
    built = compiled(plant)
    return advance(built, fresh(built, seed=1), until=plant.ticks(until))


def test_a_calendar_of_eight_hours_a_day() -> None:
    plant = Plant(
        (WorkCenter("a", calendar="day"),),
        (Product("p", (Step("s", "a", Fixed(1)),), endless=True),),
        calendars=(Calendar("day", 24, ((6, 14),)),), tick_s=TICK,
    )  # fmt: skip
    state = only(plant, 24 * 1000 + 6.5)
    # The part that is begun at 13:00 is done at 14:00, before the calendar turns; nothing is cut.
    assert state["made"]["done"].tolist() == [8000]
    assert state["spent"][0, kernel.OFF] * TICK == pytest.approx(16 * 1000 + 6)


def test_equal_jobs_through_a_line_take_all_steps_and_the_longest_again_and_again() -> None:
    works = (3.0, 7.0, 2.0, 5.0)
    steps = tuple(Step(f"s{k}", f"c{k}", Fixed(work)) for k, work in enumerate(works))
    orders = tuple(Order(f"o{k}", "p") for k in range(40))
    plant = Plant(tuple(WorkCenter(f"c{k}") for k in range(4)), (Product("p", steps),), orders, tick_s=0.001)
    state = only(plant, 1e6)
    assert state["ended"].max() == plant.ticks(sum(works) + 39 * max(works))


def test_closures_by_hand() -> None:
    # Two mills, jobs of 10. The first is closed from 4 to 20 with a job in hand, which rests 16; the second
    # from the beginning to 5, so it begins then; closures that touch are one.
    orders = tuple(Order(f"o{k}", "p") for k in range(3))
    closures = (
        Closure("m.2", 0, 5), Closure("m.1", 4, 12), Closure("m.1", 12, 20), Closure("m.1", 15, 18),
    )  # fmt: skip
    product = Product("p", (Step("s", "m", Fixed(10)),))
    plant = Plant((WorkCenter("m", 2),), (product,), orders, closures=closures)
    state = only(plant, 50)
    assert state["ended"].tolist() == [26000, 15000, 25000]
    assert (state["spent"][:, kernel.OFF]).tolist() == [16000, 5000]
    # On top of a calendar, on 0 to 8 of 24: closed until 10 it stays off until 24, and goes on then.
    shifts = Calendar("day", 24, ((0, 8),))
    over = Plant(
        (WorkCenter("m", calendar="day"),), (product,), orders[:1], calendars=(shifts,),
        closures=(Closure("m.1", 6, 10), Closure("m.1", 30, 31)),
    )  # fmt: skip
    assert only(over, 50)["ended"].tolist() == [28000]


def test_a_closure_of_the_whole_night_changes_nothing() -> None:
    product = Product("p", (Step("s", "m", Exponential(1)),), endless=True)
    day = Calendar("day", 24, ((6, 14),))
    plant = Plant((WorkCenter("m", calendar="day"),), (product,), calendars=(day,))
    nights = tuple(Closure("m.1", 24 * n + 14, 24 * n + 30) for n in range(20))
    plain, closed = (only(each, 500) for each in (plant, replace(plant, closures=nights)))
    assert plain["made"].tolist() == closed["made"].tolist()
    assert plain["spent"].tolist() == closed["spent"].tolist()


def test_setups_by_hand() -> None:
    # A takes 2 from the start, B after A 3, A after B 4: in turns 2+5, 3+5, 4+5; sorted by set-up 2+5+5, 3+5.
    step_a, step_b = (Step("s", "m", Fixed(5), family=family) for family in ("A", "B"))
    setups = {(None, "A"): 2.0, (None, "B"): 2.0, ("A", "B"): 3.0, ("B", "A"): 4.0}
    orders = (Order("1", "a"), Order("2", "b"), Order("3", "a"))
    ends = {}
    for rule in (Rule.FIFO, Rule.SETUP):
        plant = Plant(
            (WorkCenter("m", rule=rule, setup_s=setups),),
            (Product("a", (step_a,)), Product("b", (step_b,))), orders,
        )  # fmt: skip
        ends[rule] = [int(each) for each in only(plant, 1000)["ended"]]
    assert ends == {Rule.FIFO: [7000, 15000, 24000], Rule.SETUP: [7000, 20000, 12000]}


def test_due_dates_and_priorities_by_hand() -> None:
    product = Product("p", (Step("s", "m", Fixed(10)),))
    orders = (
        Order("first", "p"), Order("late", "p", due_s=90, priority=1),
        Order("soon", "p", due_s=20), Order("rush", "p", due_s=95, priority=9),
    )  # fmt: skip
    turns = {}
    for rule in (Rule.FIFO, Rule.DUE, Rule.PRIORITY):
        state = only(Plant((WorkCenter("m", rule=rule),), (product,), orders), 1000)
        turns[rule] = [orders[k].name for k in np.argsort(state["ended"])]
    assert turns == {
        Rule.FIFO: ["first", "late", "soon", "rush"],
        Rule.DUE: ["first", "soon", "late", "rush"],
        Rule.PRIORITY: ["first", "rush", "late", "soon"],
    }


def test_little_holds_in_every_run() -> None:
    # What was in work over time is what the jobs were there, once all have left: to the tick.
    orders = tuple(Order(f"o{k}", "p", release_s=float(3 * k)) for k in range(50))
    steps = (Step("s", "a", Exponential(4), move_s=2), Step("t", "b", LogNormal(3, 0.5)))
    failure = Failure(Exponential(20), Exponential(5))
    plant = Plant(
        (WorkCenter("a", failure=failure), WorkCenter("b", 2, queue_max=1)), (Product("p", steps),), orders
    )
    state = only(plant, 1e5)
    assert state["made"]["done"].tolist() == [50]
    assert state["run"]["in_work_ticks"][0] == state["made"]["flow"].sum()
    assert state["spent"].sum(axis=1).tolist() == [plant.ticks(1e5)] * 3


def test_assembly_by_hand() -> None:
    # Frames leave the saw at 5, 10, 15, 20; four wheels are there and four more come at 30. A bicycle takes
    # a frame, two wheels and 4 s: begun at 5, 10, 30, 34.
    plant = Plant(
        (WorkCenter("saw"), WorkCenter("bench")),
        (
            Product("frame", (Step("cut", "saw", Fixed(5)),), makes="frame"),
            Product("bike", (Step("build", "bench", Fixed(4), materials={"frame": 1, "wheel": 2}),)),
        ),
        (*(Order(f"f{k}", "frame") for k in range(4)), *(Order(f"b{k}", "bike") for k in range(5))),
        materials=(Material("frame"), Material("wheel", 4)), deliveries=(Delivery("wheel", 4, 30),),
    )  # fmt: skip
    state = only(plant, 100)
    assert state["ended"].tolist() == [5000, 10000, 15000, 20000, 9000, 14000, 34000, 38000, -1]
    assert state["stock"].tolist() == [0, 0]
    assert state["spent"][1, kernel.CALLING] == plant.ticks(5 + 1 + 16 + 62)


def test_a_lot_waits_until_there_is_material_for_all_of_it_and_others_pass() -> None:
    # Two benches: the lot of three calls first and waits, singles take what there is; four pieces come at 10.
    steps = (Step("build", "bench", Fixed(2), materials={"part": 1}),)
    plant = Plant(
        (WorkCenter("bench", 2),), (Product("p", steps),),
        (Order("lot", "p", 3), Order("one", "p"), Order("two", "p"), Order("three", "p")),
        materials=(Material("part", 2),), deliveries=(Delivery("part", 4, 10),),
    )  # fmt: skip
    assert only(plant, 100)["ended"].tolist() == [16000, 2000, 4000, 12000]


def test_material_that_never_runs_out_changes_nothing() -> None:
    plant = one(Exponential(1), 0.8)
    (product,) = plant.products
    steps = (Step("s", "a", Exponential(1), materials={"x": 1}),)
    stocked = Plant(
        plant.centers,
        (Product("p", steps, product.arrivals),),
        materials=(Material("x", 10**9),),
        tick_s=TICK,
    )
    ends = [only(each, 5000) for each in (plant, stocked)]
    assert ends[0]["made"].tolist() == ends[1]["made"].tolist()
    assert ends[0]["spent"].tolist() == ends[1]["spent"].tolist()
