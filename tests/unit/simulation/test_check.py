"""What is wrong with a plant is said before anything runs, with place, found and right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from taktwin.errors import DomainError
from taktwin.simulation.check import ModelError, capacity, check, checked, load, visits
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import Empirical, Exponential, Fixed, LogNormal, Triangular, Weibull
from taktwin.simulation.model import (
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
)

STEP = Step("turn", "lathe", Fixed(10))
GOOD = Plant(
    (WorkCenter("lathe"), WorkCenter("mill")),
    (Product("shaft", (STEP, Step("mill", "mill", Fixed(5)))),),
    (Order("o1", "shaft"),),
)


def steps(*changed: Step) -> Plant:
    return replace(GOOD, products=(Product("shaft", changed),))


def lathe(**changes: object) -> Plant:
    return replace(GOOD, centers=(WorkCenter("lathe", **changes), WorkCenter("mill")))  # type: ignore[arg-type]


def wearing(**changes: object) -> Plant:
    return lathe(failure=Failure(Exponential(100), Exponential(10), **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (lathe(rule="due"), "work center lathe, rule: 'due': expected a Rule: one of fifo, shortest, due"),
        (lathe(units=True), "work center lathe, units: True: expected a whole number"),
        (lathe(queue_max="3"), "work center lathe, queue_max: '3': expected a whole number"),
        (lathe(pace="2"), "work center lathe, pace: '2': expected a number"),
        (lathe(setup_s={("A", "B"): "5"}), "work center lathe, setup_s, ('A', 'B'): '5': expected a number"),
        (lathe(batch=Batch(True)), "work center lathe, batch, parts_max: True: expected a whole number"),
        (wearing(clock="calendar"), "work center lathe, failure, clock: 'calendar': expected a FailureClock"),
        (steps(replace(STEP, work=10.0)),  # type: ignore[arg-type]
         "product shaft, step turn, work: 10.0: expected one of Fixed, Exponential"),
        (steps(replace(STEP, work=Fixed(True))), "product shaft, step turn, work, mean_s: True: expected a"),
        (steps(replace(STEP, alternatives="mill")),  # type: ignore[arg-type]
         "product shaft, step turn, alternatives: 'mill': expected a tuple"),
        (replace(GOOD, orders=(Order("o1", "shaft", "2"),)),  # type: ignore[arg-type]
         "order o1, quantity: '2': expected a whole number"),
        (replace(GOOD, calendars=(Calendar("day", 24, ((0, "9"),)),)),  # type: ignore[arg-type]
         "calendar day, on_s[0][1]: '9': expected a number"),
        (steps(replace(STEP, center="lath")), "product shaft, step turn: unknown work center 'lath': "
         "expected one of lathe, mill"),
        (lathe(calendar="day"), "work center lathe: unknown calendar 'day': expected it to be declared"),
        (wearing(crew="menders"), "work center lathe: unknown crew 'menders': expected it to be declared"),
        (steps(replace(STEP, skill="turn")), "skill 'turn' that no operator has"),
        (steps(replace(STEP, good=0.9, rework_to="x")),
         "rework to the unknown step 'x': expected one of turn"),
        (replace(GOOD, orders=(Order("o1", "axle"),)),
         "order o1: unknown product 'axle': expected one of shaft"),
        (replace(GOOD, orders=GOOD.orders * 2), "order o1: declared 2 times: expected each name once"),
        (steps(STEP, STEP), "product shaft: step turn: declared 2 times"),
        (lathe(by_order=ByOrder(-1)), "work center lathe, by_order: patience_s -1: expected 0 or more"),
        (replace(lathe(by_order=ByOrder()), products=(Product("shaft", (STEP,), arrivals=Fixed(5)),)),
         "product shaft, step turn: parts without an order at lathe, which works by order: expected orders"),
        (replace(lathe(by_order=ByOrder()), products=(
            Product("shaft", (replace(STEP, center="mill", alternatives=("lathe",)),)),)),
         "product shaft, step turn: alternatives with lathe, which works by order: expected one work center"),
        (lathe(by_order=ByOrder(), batch=Batch(4, 2)), "parts_min 2, wait_max_s None: expected neither"),
        (replace(GOOD, products=(*GOOD.products, Product("axle", (STEP,))),
                 orders=(Order("o1", "shaft", belongs_to="o"), Order("o2", "axle", belongs_to="o"))),
         "order o2: axle, belongs to o: expected shaft, as o1"),
        (replace(GOOD, centers=()), "no work center"),
        (steps(), "product shaft: no step"),
        (lathe(units=0), "work center lathe: 0 units: expected 1 or more"),
        (lathe(queue_max=-1), "queue_max -1: expected 0 or more, or None"),
        (lathe(pace=0.0), "pace 0.0: expected a number above 0"),
        (lathe(setup_s={(None, "A"): -1.0}), "of -1.0 s: expected 0 or more"),
        (steps(replace(STEP, good=1.2)), "good = 1.2: expected a probability"),
        (replace(GOOD, orders=(Order("o1", "shaft", 0),)), "quantity 0: expected 1 or more"),
        (replace(GOOD, tick_s=0.0), "tick_s = 0.0: expected a number above 0"),
        (steps(replace(STEP, work=Fixed(1e12))), "up to 1e+15 ticks at once: expected fewer than 1.4e+14"),
        (replace(steps(replace(STEP, work=Fixed(1e9))), orders=(Order("o1", "shaft", 10**6),)),
         "order o1: quantity 1000000: expected fewer than 141"),
        (replace(GOOD, crews=(Crew("c", 0),)), "crew c: 0 people"),
        (steps(replace(STEP, materials={"bar": 1})), "unknown material 'bar'"),
        (replace(GOOD, products=(replace(GOOD.products[0], makes="bar"),)), "unknown material 'bar'"),
        (replace(GOOD, deliveries=(Delivery("bar", 1, 0),)), "delivery at 0 s: unknown material 'bar'"),
        (replace(GOOD, materials=(Material("bar", -1),)), "a stock of -1: expected 0 or more"),
        (replace(GOOD, materials=(Material("bar"),), deliveries=(Delivery("bar", 0, -1),)), "0 pieces"),
        (replace(GOOD, materials=(Material("bar"),), deliveries=(Delivery("bar", 1, -1),)), "at_s -1"),
        (replace(steps(replace(STEP, materials={"bar": 0})), materials=(Material("bar"),)), "0 of bar"),
        (replace(GOOD, calendars=(Calendar("day", 24, ((8, 6),)),)), "expected rising and apart"),
        (replace(GOOD, calendars=(Calendar("day", 24, ((6, 30),)),)), "within 0 and 24 s"),
        (replace(GOOD, calendars=(Calendar("day", 24, ()),)), "no interval"),
        (steps(replace(STEP, alternatives=("drill",))), "unknown work center 'drill'"),
        (steps(replace(STEP, alternatives=("mill", "lathe"))), "centers lathe, mill, lathe: expected each"),
        (lathe(batch=Batch(3, 5)), "work center lathe, batch: 5 to 3 parts: expected 1 or more"),
        (lathe(batch=Batch(3, wait_max_s=-1.0)), "wait_max_s -1.0: expected 0 or more, or None"),
        (lathe(batch=Batch(3), queue_max=4), "a queue of 4 by fifo: expected no limit, fifo"),
        (lathe(batch=Batch(3), rule=Rule.DUE), "a queue of None by due: expected no limit, fifo"),
        (replace(lathe(batch=Batch(3)), products=(Product("shaft", (STEP,), endless=True),), orders=()),
         "an endless product, or steps that take material: expected neither"),
        (lathe(power_kw={"running": 3.0}), "power in the unknown state 'running': expected one of idle,"),
        (lathe(power_kw={"idle": -3.0}), "-3.0 kW idle: expected 0 or more"),
        (replace(GOOD, tariff=Tariff(24, ((1, 0.3),))), "tariff: prices from [1000] ticks: expected rising"),
        (replace(GOOD, tariff=Tariff(24, ((0, 0.3), (24, 0.2)))), "below 24000"),
        (replace(GOOD, tariff=Tariff(24, ((0, float("nan")),))), "a price that is none: expected less"),
        (replace(GOOD, operators=(Operator("ann", frozenset(), "day"),)), "operator ann: unknown calendar"),
        (replace(GOOD, crews=(Crew("c", 1, "day"),)), "crew c: unknown calendar 'day'"),
        (replace(GOOD, orders=(Order("o1", "shaft", 2, lots=3),)), "order o1: 3 lots: expected 1 or more"),
        (steps(replace(STEP, scrap=1.0)), "scrap = 1.0: expected a probability below 1"),
        (steps(replace(STEP, tool="cutter")), "tool 'cutter' that none of its units has"),
        (lathe(tools=(Tool("cutter", 0, Fixed(1)),)), "tool cutter of 0 parts: expected 1 or more"),
        (lathe(tools=(Tool("cutter", 5, Fixed(1), "fitter"),)), "work center lathe: unknown crew 'fitter'"),
        (lathe(machines={2: Machine()}), "work center lathe: machine 2: expected 1 to 1"),
        (lathe(machines={1: Machine(pace=0.0)}), "pace 0.0: expected a number above 0"),
        (lathe(machines={1: Machine(calendar="day")}), "unit lathe.1: unknown calendar 'day'"),
        (lathe(more_failures=(Failure(Exponential(9), Fixed(1)),) * 2), "kinds of failure ['', '']"),
        (replace(GOOD, closures=(Closure("mill.2", 0, 5),)),
         "closure: unknown unit 'mill.2': expected one of lathe.1, mill.1"),
        (replace(GOOD, closures=(Closure("mill.1", 5, 5),)), "from 5 to 5 s: expected 0 <= from < to"),
        (replace(GOOD, operators=tuple(Operator(str(k), frozenset()) for k in range(65))), "65 operators"),
        (steps(replace(STEP, good=0.0), Step("mill", "mill", Fixed(5))),
         "step mill: nothing ever comes to it"),
        (replace(GOOD, products=(Product("a", (STEP,), endless=True), Product("b", (STEP,), endless=True)),
                 orders=()), "2 endless products begin here: expected one"),
        (replace(GOOD, products=(Product("shaft", (Step("s", "mill", Fixed(0)),), endless=True),)),
         "work without end that takes no time"),
    ],
)  # fmt: skip
def test_what_no_run_could_be_right_with_is_refused(plant: Plant, says: str) -> None:
    with pytest.raises(ModelError) as refused:
        compiled(plant)
    assert says in str(refused.value)
    # Beside a plant that was checked before it, of which most is the very same.
    assert [str(each) for each in check(plant, GOOD) if each.is_error] == str(refused.value).splitlines()


def test_every_error_is_said_at_once() -> None:
    plant = replace(lathe(calendar="day", pace=-1.0), orders=(Order("o1", "axle"),))
    assert len([each for each in check(plant) if each.is_error]) == 3


def test_a_plant_without_fault_has_no_finding() -> None:
    assert checked(GOOD) == ()


def test_more_work_than_time_is_a_warning() -> None:
    product = Product("shaft", (STEP,), Exponential(9))
    (warning,) = checked(replace(GOOD, products=(product,)))
    assert str(warning).startswith("work center lathe: a load of 1.11, its queue grows without end")


def test_the_load_counts_rework_failures_calendar_units_and_pace() -> None:
    route = (Step("a", "lathe", Fixed(10)), Step("b", "mill", Fixed(1), good=0.8, rework_to="a"))
    assert visits(Product("p", route)) == pytest.approx((1.25, 1.25))
    center = WorkCenter(
        "lathe", 2, calendar="half", pace=1.25, failure=Failure(Exponential(90), Exponential(10))
    )
    plant = Plant(
        (center, WorkCenter("mill")), (Product("p", route, Exponential(20)),),
        calendars=(Calendar("half", 24, ((0, 12),)),),
    )  # fmt: skip
    assert load(plant, center) == pytest.approx(1.25 * 10 / 20 * (100 / 90) / (2 * 1.25 * 0.5))
    standing = replace(center, failure=Failure(Exponential(90), Exponential(10), FailureClock.CALENDAR))
    assert load(plant, standing) == pytest.approx(load(plant, center))


def test_the_load_of_alternatives_is_shared_by_what_each_can_do() -> None:
    product = Product("p", (replace(STEP, alternatives=("mill",)),), Exponential(4))
    machines = {1: Machine(1.5, (Failure(Exponential(50), Exponential(50)),))}
    plant = Plant((WorkCenter("lathe"), WorkCenter("mill", 2, machines=machines)), (product,))
    for center, able in zip(plant.centers, (1.0, 0.75 + 1.0), strict=True):
        assert capacity(plant, center) == pytest.approx(able)
        assert load(plant, center) == pytest.approx(2.5 / 2.75)


def test_a_ring_of_finite_queues_is_a_warning() -> None:
    route = (STEP, Step("mill", "mill", Fixed(5)), Step("again", "lathe", Fixed(1)))
    ring = Plant((WorkCenter("lathe", queue_max=1), WorkCenter("mill", queue_max=1)), (Product("p", route),))
    (warning,) = checked(ring)
    assert "lathe > mill > lathe: a ring of finite queues that can lock up" in str(warning)
    open_ring = replace(ring, centers=(WorkCenter("lathe"), WorkCenter("mill", queue_max=1)))
    assert checked(open_ring) == ()
    way_out = replace(route[2], alternatives=("spare",))
    spare = replace(ring, centers=(*ring.centers, WorkCenter("spare")),
                    products=(Product("p", (*route[:2], way_out)),))  # fmt: skip
    assert checked(spare) == ()


def test_a_setup_of_a_family_that_nobody_has_is_a_warning() -> None:
    (warning,) = checked(lathe(setup_s={(None, "X"): 5.0}))
    assert "family 'X' that no step has" in str(warning)


def test_material_that_never_comes_is_a_warning() -> None:
    plant = replace(steps(replace(STEP, materials={"bar": 1})), materials=(Material("bar"),))
    (warning,) = checked(plant)
    assert str(warning).startswith("product shaft, step turn: bar that never comes")
    assert checked(replace(plant, deliveries=(Delivery("bar", 1, 5.0),))) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Fixed(-1), lambda: Exponential(0), lambda: LogNormal(1, 0),
        lambda: LogNormal(1, 101), lambda: Weibull(1, 0.05), lambda: Exponential(float("nan")),
        lambda: Triangular(3, 2, 5), lambda: Triangular(2, 2, 2), lambda: Empirical((1.0,)),
        lambda: Empirical((0.0, 0.0)),
    ],
)  # fmt: skip
def test_a_distribution_that_cannot_be_is_refused(wrong: object) -> None:
    with pytest.raises(DomainError):
        wrong()  # type: ignore[operator]
