"""The rarer parts of a plant against exact results, or against what a hand works out on paper."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import replace

import numpy as np
import pytest

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
from taktwin.simulation.energy import energy_cost, energy_kwh
from taktwin.simulation.model import (
    Batch,
    ByOrder,
    Calendar,
    Closure,
    Crew,
    Failure,
    FailureClock,
    Machine,
    Operator,
    Order,
    Plant,
    Product,
    Step,
    Tariff,
    Tool,
    WorkCenter,
)
from taktwin.simulation.reference import Reference
from taktwin.simulation.result import Runs
from taktwin.simulation.run import advance
from taktwin.simulation.state import State, fresh
from tests.unit.simulation import exact
from tests.unit.simulation.test_exact import (
    TICK,
    assert_exact,
    closed,
    flow,
    line,
    measured,
    one,
    only,
    share,
    throughput,
)

ONE = Exponential(1)


def lost(state: State, span: float) -> float:
    """Return the share of those who came that was turned away."""
    made = state["made"]
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


def bulk(arrivals: float, service: float, least: int, most: int) -> float:
    """Return the mean time in M/M(a,b)/1: a server takes up to `most` together, once there are `least`.

    A chain of (server busy, number waiting), cut where next to nothing is left of it.
    """
    cut = 120
    states: list[Hashable] = [(busy, n) for busy in (0, 1) for n in range(cut) if busy or n < least]

    def out(state: Hashable) -> Iterable[tuple[Hashable, float]]:
        busy, n = state  # type: ignore[misc]
        if n + 1 < cut:
            yield ((1, n + 1) if busy else (0, n + 1) if n + 1 < least else (1, 0)), arrivals
        if busy:
            yield ((1, max(0, n - most)) if n >= least else (0, n)), service

    chances = exact.stationary(states, out)
    # Who is inside with the server stays for 1/service on average, whoever it is.
    waiting = sum(chance * n for (_, n), chance in chances.items())  # type: ignore[misc]
    return waiting / arrivals + 1 / service


@pytest.mark.parametrize(("least", "most", "arrivals"), [(1, 4, 2.0), (3, 5, 1.5), (4, 4, 2.5)])
def test_a_furnace_is_a_queue_with_bulk_service(least: int, most: int, arrivals: float) -> None:
    (times,) = measured(one(Exponential(1), arrivals, batch=Batch(most, least)), 60_000, flow)
    assert_exact(times, bulk(arrivals, 1.0, least, most), within=0.03)


def test_a_furnace_by_hand() -> None:
    # Room for four, begun with three, or once the first has waited 10. Three of A at 0, 1, 2: begun at 2;
    # the B that came at 1 does not go with them. It is taken in at 12, when it has waited 10 and the furnace
    # is free; the A of 5 parts, more than there is room for, goes alone at 22, the last two at 33 + 10.
    bake = {family: Step("bake", "oven", Fixed(10), family=family) for family in "AB"}
    orders = (
        Order("a1", "A"), Order("b", "B", release_s=1), Order("a2", "A", release_s=1),
        Order("a3", "A", release_s=2), Order("big", "A", 5, release_s=3),
        Order("a4", "A", release_s=33), Order("a5", "A", release_s=34),
    )  # fmt: skip
    plant = Plant(
        (WorkCenter("oven", batch=Batch(4, 3, 10)),),
        tuple(Product(family, (step,)) for family, step in bake.items()), orders,
    )  # fmt: skip
    state = only(plant, 200)
    ends = dict(zip((order.name for order in plant.orders_by_release), state["ended"] // 1000, strict=True))
    assert ends == {"a1": 12, "a2": 12, "a3": 12, "b": 22, "big": 32, "a4": 53, "a5": 53}
    assert state["spent"][0, kernel.WORKING] == plant.ticks(40)


def test_a_full_furnace_that_nobody_relieves_stays_shut() -> None:
    # Three are done at 10; the next center has one place and takes 7 each: they leave at 10, 10, 17, and the
    # next three begin then.
    steps = (Step("bake", "oven", Fixed(10)), Step("pack", "bench", Fixed(7)))
    plant = Plant(
        (WorkCenter("oven", batch=Batch(3, 3)), WorkCenter("bench", queue_max=1)),
        (Product("p", steps),), tuple(Order(f"o{k}", "p") for k in range(6)),
    )  # fmt: skip
    state = only(plant, 200)
    assert [end // 1000 for end in state["ended"]] == [17, 24, 31, 38, 45, 52]
    assert state["spent"][0, kernel.BLOCKED] == plant.ticks(7 + 4 + 7)


def fed(center: WorkCenter, *orders: Order) -> list[int]:
    """Return when orders end, by release, of which a feeder hands over a part each 4 from 5 on."""
    steps = (Step("feed", "feeder", Fixed(4)), Step("mill", center.name, Fixed(1)))
    products = tuple(Product(name, (steps[0], replace(steps[1], family=name))) for name in "AB")
    state = only(Plant((WorkCenter("feeder"), center), products, orders), 300)
    return [int(end) // 1000 for end in state["ended"]]


def test_order_by_order_by_hand() -> None:
    # Parts a b a b come to the mill at 5, 9, 13, 17, each takes 1: done at 6, 10, 14, 18 as they come.
    parts = [Order(f"{each}{n}", each, 1, n, belongs_to=each) for n in (1, 2) for each in "AB"]
    mill = WorkCenter("mill")
    assert fed(mill, *parts) == [6, 10, 14, 18]
    # By order b waits for the second a: 14, then b is begun at 14.
    patient = replace(mill, by_order=ByOrder())
    assert fed(patient, *parts) == [6, 15, 14, 18]
    # With patience of 5 since 6 it is begun at 11. The second a comes at 13 and waits for 5 from the end of b
    # at 12 on, until 17, when the second b is there too: that comes first, since it is of the order in hand.
    assert fed(replace(mill, by_order=ByOrder(5)), *parts) == [6, 12, 19, 18]
    # Full with one job in it, the queue makes the mill change at once.
    assert fed(replace(patient, queue_max=1), *parts) == [6, 10, 14, 18]


def test_orders_go_to_the_unit_with_the_least_work_set_ups_included() -> None:
    # Four orders of 6, 4, 3 and 3 parts at two mills, a set-up of 2 between families: A6 to the first, B4 to
    # the second (0 open); A3 to the second would be 4 + 2, as much as the 6 of the first, which comes first;
    # B3: the second has 4 and no set-up. Each part takes 1: the first is done at 6 and 9, the second at 4, 7.
    mills = WorkCenter("mill", 2, setup_s={("A", "B"): 2, ("B", "A"): 2}, by_order=ByOrder())
    products = tuple(Product(name, (Step("mill", "mill", Fixed(1), family=name),)) for name in "AB")
    sizes = (("A", 6), ("B", 4), ("A", 3), ("B", 3))
    orders = tuple(Order(f"o{n}", each, parts, lots=parts) for n, (each, parts) in enumerate(sizes))
    state = only(Plant((mills,), products, orders), 100)
    assert [int(end) // 1000 for end in state["ended"]] == [6, 4, 9, 7]
    # Among orders that wait at their first step priority goes first, then what is due first.
    urgent = (
        replace(orders[0], quantity=1, lots=1), replace(orders[2], due_s=50), replace(orders[3], due_s=40),
        replace(orders[1], priority=1),
    )  # fmt: skip
    state = only(Plant((replace(mills, units=1),), products, urgent), 100)
    assert [int(end) // 1000 for end in state["ended"]] == [1, 15, 10, 7]


def test_a_furnace_by_order_goes_full_or_with_all_that_come() -> None:
    # Room for three, parts each 4 from 5 on: a a b a a. Three of a are there at 17 and done at 27. Then the
    # last a is alone, all that still comes: in at 27, out at 37, and b after it.
    steps = (Step("feed", "feeder", Fixed(4)), Step("bake", "oven", Fixed(10)))
    products = tuple(Product(name, steps) for name in "AB")
    orders = tuple(
        Order(f"o{n}", name, 1, 1, belongs_to=name) for n, name in enumerate("AABAA")
    )  # fmt: skip
    oven = WorkCenter("oven", batch=Batch(3), by_order=ByOrder())
    plant = Plant((WorkCenter("feeder"), oven), products, orders)
    assert [int(end) // 1000 for end in only(plant, 100)["ended"]] == [27, 27, 47, 27, 37]
    # With two places it is full with a and a at 9: they go alone.
    tight = replace(plant, centers=(plant.centers[0], replace(oven, queue_max=2)))
    assert [int(end) // 1000 for end in only(tight, 100)["ended"]][:2] == [19, 19]


def test_who_goes_home_finishes_the_step() -> None:
    # An operator from 0 to 8 of 24, steps of 3: begun at 0, 3 and 6, the last done at 9. A second one from 4
    # to 12 on another unit: 4, 7, 10, done at 13.
    day = (Calendar("early", 24, ((0, 8),)), Calendar("late", 24, ((4, 12),)))
    product = Product("p", (Step("s", "m", Fixed(3), skill="any"),), endless=True)
    for shifts, parts in ((("early",), 3), (("early", "late"), 6)):
        people = tuple(Operator(name, frozenset({"any"}), name) for name in shifts)
        plant = Plant((WorkCenter("m", 2),), (product,), operators=people, calendars=day)
        state = only(plant, 240)
        assert state["made"]["done"].tolist() == [parts * 10]
        assert state["spent"][:, kernel.WORKING].sum() == plant.ticks(parts * 30)


def test_a_crew_comes_in_the_morning_and_finishes_what_it_began() -> None:
    # Struck after 7 of work, mended in 4 by a crew of 0 to 8: 7 to 11; worked 11 to 18, waits until 24,
    # mended until 28; then works 28 to 35, and waits until 48.
    failure = Failure(Fixed(7), Fixed(4), crew="menders")
    plant = Plant(
        (WorkCenter("m", failure=failure),), (Product("p", (Step("s", "m", Fixed(1)),), endless=True),),
        crews=(Crew("menders", 1, "day"),), calendars=(Calendar("day", 24, ((0, 8),)),),
    )  # fmt: skip
    state = only(plant, 48)
    assert state["made"]["done"].tolist() == [21]
    assert state["spent"][0, kernel.BROKEN] == plant.ticks(6 + 13)
    assert state["spent"][0, kernel.REPAIR] == plant.ticks(4 + 4)


def test_lots_pass_each_other_on() -> None:
    # Twelve parts over 2 and 3 for each part: as one job 24 + 36; as four lots the first step hands on after
    # 6, and the second, slower one never waits again: 6 + 36. In two uneven lots of 3 and 2 parts of five.
    steps = (Step("a", "a", Fixed(2)), Step("b", "b", Fixed(3)))
    ends = {}
    for lots in (1, 4):
        plant = Plant((WorkCenter("a"), WorkCenter("b")), (Product("p", steps),),
                      (Order("o", "p", 12, lots=lots),))  # fmt: skip
        state = only(plant, 200)
        ends[lots] = state["ended"].tolist()
        assert (state["lots"]["left"][0], state["lots"]["good"][0]) == (0, 12)
    assert ends == {1: [60000], 4: [42000]}
    uneven = replace(plant, orders=(Order("o", "p", 5, lots=2),))
    assert only(uneven, 200)["ended"].tolist() == [plant.ticks(6 + 9 + 6)]


def test_parts_that_are_lost_one_by_one() -> None:
    # Each part passes both steps with .9 and .8; a lot of ten is never quite lost in this many runs.
    steps = (Step("a", "a", Fixed(1), scrap=0.1), Step("b", "b", Fixed(1), scrap=0.2))
    orders = tuple(Order(f"o{k}", "p", 10) for k in range(400))
    plant = Plant((WorkCenter("a"), WorkCenter("b")), (Product("p", steps),), orders, tick_s=TICK)
    built = compiled(plant)
    found = []
    for replication in range(8):
        state = advance(built, fresh(built, seed=4711, replication=replication))
        (made,) = state["made"]
        assert made["parts"] + made["bad"] == 4000
        assert made["parts"] == state["lots"]["good"].sum()
        found.append(made["parts"] / 4000)
    assert_exact(np.array(found), 0.72)


def test_a_job_without_a_part_left_is_scrap() -> None:
    steps = (Step("a", "a", Fixed(1), scrap=0.999999), Step("b", "b", Fixed(1)))
    plant = Plant((WorkCenter("a"), WorkCenter("b")), (Product("p", steps),), (Order("o", "p", 6, lots=2),))
    state = only(plant, 100)
    assert state["ended"].tolist() == [kernel.SCRAPPED_ORDER]
    assert state["made"][["done", "scrapped", "bad"]].tolist() == [(0, 2, 6)]


def test_rework_at_most_so_often_by_hand() -> None:
    # A test that nobody passes, 3 for each try: one way back is two tries and 6, two are three tries and 9.
    # The limit counts all ways back of a job, wherever they began: two tests that half of the jobs pass, one
    # way back in all. Without one at the first (.5) the second is passed by .5 and half of the rest, with one
    # (.25) by .5 alone: .5 * .75 + .25 * .5. With two ways back: .5 * .875 + .25 * .75 + .125 * .5.
    def tested(good: float, most: int, tests: int = 1) -> Plant:
        steps = tuple(Step(f"s{k}", "a", Fixed(3), good=good, rework_to=f"s{k}", rework_max=most)
                      for k in range(tests))  # fmt: skip
        orders = tuple(Order(f"o{k}", "p") for k in range(4 if good == 0 else 2000))
        return Plant((WorkCenter("a"),), (Product("p", steps),), orders)

    for most in (1, 2):
        plant = tested(0.0, most)
        state = only(plant, 100)
        assert state["made"][["done", "scrapped", "reworked"]].tolist() == [(0, 4, 4 * most)]
        assert state["spent"][0, kernel.WORKING] == plant.ticks(4 * 3 * (most + 1))
        run = Reference(plant, state.key)
        run.advance(until=plant.ticks(100))
        assert (run.counts["p"].scrapped, run.counts["p"].reworked) == (4, 4 * most)
    for most, truth in ((1, 0.5), (2, 0.6875)):
        built = compiled(tested(0.5, most, tests=2))
        found = []
        for replication in range(8):
            state = advance(built, fresh(built, seed=4711, replication=replication))
            found.append(state["made"]["done"][0] / 2000)
        assert_exact(np.array(found), truth, within=0.03)


def test_late_is_what_ends_after_the_tick_at_which_it_is_due_by_hand() -> None:
    # Work of 10 each, ended at 10, 20, 30: due at that very tick, one tick before, and one tick after it.
    product = Product("p", (Step("s", "m", Fixed(10)),))
    orders = (
        Order("just", "p", due_s=10),
        Order("late", "p", due_s=19.999),
        Order("early", "p", due_s=30.001),
    )
    plant = Plant((WorkCenter("m"),), (product,), orders)
    state = only(plant, 100)
    assert state["ended"].tolist() == [10000, 20000, 30000]
    assert state["made"][["late", "late_ticks"]].tolist() == [(1, 1)]
    run = Reference(plant, state.key)
    run.advance(until=plant.ticks(100))
    assert (run.counts["p"].late, run.counts["p"].late_ticks) == (1, 1)
    runs = Runs(compiled(plant), 1)
    runs.put(0, state)
    assert runs.orders.late.tolist() == [[False, True, False]]
    assert runs.orders.late_ticks.tolist() == [[0, 1, 0]]


def test_energy_by_hand() -> None:
    # Work of 2 h from 5:00 and from 12:00, 10 kW; 1 kW while it idles; 0.30 from 6:00 to 20:00, else 0.10.
    product = Product("p", (Step("s", "m", Fixed(7200)),))
    orders = (Order("a", "p", release_s=5 * 3600), Order("b", "p", release_s=12 * 3600))
    prices = ((0.0, 0.1), (6 * 3600, 0.3), (20 * 3600, 0.1))
    center = WorkCenter("m", 2, power_kw={"working": 10, "idle": 1}, machines={2: Machine(power_kw={})})
    plant = Plant((center,), (product,), orders, tariff=Tariff(86_400, prices))
    built = compiled(plant)
    state = advance(built, fresh(built, seed=1), until=plant.ticks(86_400))
    assert energy_kwh(built, state).tolist() == pytest.approx([4 * 10 + 20, 0])
    cost = 10 * (0.1 + 0.3) + 5 * 0.1 + 5 * 0.3 + 10 * 2 * 0.3 + 6 * 0.3 + 4 * 0.1
    assert energy_cost(built, state).tolist() == pytest.approx([cost, 0])
    # The second day has no work; what was counted before is forgotten in the middle of a price.
    state = advance(built, state, until=plant.ticks(86_400 + 7 * 3600))
    state.forget()
    state = advance(built, state, until=plant.ticks(2 * 86_400))
    assert energy_kwh(built, state).tolist() == pytest.approx([17, 0])
    assert energy_cost(built, state).tolist() == pytest.approx([13 * 0.3 + 4 * 0.1, 0])


def test_energy_of_a_queue_is_its_load() -> None:
    # At 80 % load, 5 kW at work and 1 kW idle: 4.2 kW; the price changes so often that its mean counts.
    tariff = Tariff(3.0, ((0.0, 0.2), (1.0, 0.5)))
    plant = replace(one(Exponential(1), 0.8, power_kw={"working": 5, "idle": 1}), tariff=tariff)
    built = compiled(plant)
    power, price = measured(
        plant, 20_000,
        lambda state, span: float(energy_kwh(built, state)[0]) / span * 3600,
        lambda state, span: float(energy_cost(built, state)[0]) / span * 3600,
    )  # fmt: skip
    assert_exact(power, 0.8 * 5 + 0.2)
    assert_exact(price, (0.8 * 5 + 0.2) * 0.4)


@pytest.mark.parametrize("servers", [1, 3])
def test_erlang_s_loss_does_not_know_the_shape_of_the_work(servers: int) -> None:
    plant = one(LogNormal(1, 1.2), 2.0, units=servers, queue_max=0)
    plant = replace(plant, products=(replace(plant.products[0], balks=True),))
    terms = [2.0**k / math.factorial(k) for k in range(servers + 1)]
    (found,) = measured(plant, 30_000, lost)
    assert_exact(found, terms[-1] / sum(terms))


@pytest.mark.parametrize("buffer", [2, 20])
def test_two_equal_unreliable_machines(buffer: int) -> None:
    # Gershwin and Berman 1981, with the parameters of their deterministic line.
    failure = Failure(Exponential(100), Exponential(10))
    plant = line(Exponential(1), Exponential(1), buffers=(buffer,), failures=(failure, failure))
    (made,) = measured(plant, 150_000, throughput)
    assert_exact(made, exact.two_unreliable((1, 1), (0.01, 0.01), (0.1, 0.1), buffer))


@pytest.mark.parametrize(("work", "second"), [
    (Weibull(1, 0.7), 1 + 1.4624**2), (Triangular(0.2, 0.8, 2.0), 1.14), (Empirical((0.5, 1.5)), 7 / 6),
])  # fmt: skip
def test_the_mean_wait_knows_two_moments_of_the_work(work: Distribution, second: float) -> None:
    # Pollaczek-Khinchine. A table of two samples is straight between their quarters: half the time even from
    # .5 to 1.5, else the one or the other.
    (times,) = measured(one(work, 0.7), 80_000, flow)
    assert_exact(times, exact.pollaczek_khinchine(0.7, 1, second), within=0.04)


def test_a_closed_network_of_three_jobs() -> None:
    demands = (1.0, 0.7, 0.9, 0.4)
    plant = closed(tuple(WorkCenter(f"c{k}") for k in range(4)), demands, 3)
    busy = measured(plant, 40_000, *(share(kernel.WORKING, k) for k in range(4)))
    for values, demand in zip(busy, demands, strict=True):
        assert_exact(values, exact.closed_network(3, demands) * demand)


def by_cycles(chance: float) -> Empirical:
    """Return a duration that ends with a chance in each cycle, as a run with ticks of a cycle draws it.

    A tick is what a drawn time is rounded to, half up, so half a tick on top of an exponential time makes the
    next whole one of it: P(n) = chance (1 - chance)^(n - 1), from 1 on.
    """
    count, mean = 20_000, -1 / math.log1p(-chance)
    drawn = -mean * np.log1p(-(np.arange(count) + 0.5) / count)
    return Empirical(tuple((drawn * (mean / drawn.mean()) + 0.5).tolist()))


# Gershwin 1994: efficiency with failures of .01 and repairs of .1 for both machines; then .01 and .1 for the
# first, .02 and .15 for the second; by the storage.
EQUAL = {2: 0.83370, 4: 0.84094, 10: 0.85617, 20: 0.87054, 50: 0.88784, 100: 0.89694}
UNEQUAL = {4: 0.82057, 10: 0.83889, 20: 0.85485}
LINES = [((0.01, 0.01), (0.1, 0.1), storage, found) for storage, found in EQUAL.items()]
LINES += [((0.01, 0.02), (0.1, 0.15), storage, found) for storage, found in UNEQUAL.items()]


@pytest.mark.parametrize(("fails", "repairs", "storage", "published"), LINES)
def test_the_deterministic_line_of_buzacott_and_gershwin(
    fails: tuple[float, float], repairs: tuple[float, float], storage: int, published: float
) -> None:
    truth = exact.deterministic_line(fails, repairs, storage)
    assert truth == pytest.approx(published, abs=6e-6)
    failures = tuple(Failure(by_cycles(p), by_cycles(r)) for p, r in zip(fails, repairs, strict=True))
    plant = line(Fixed(1), Fixed(1), buffers=(storage - 2,), failures=failures)
    (made,) = measured(replace(plant, tick_s=1.0), 200_000, throughput)
    assert_exact(made, truth)


def test_inside_the_deterministic_line_probabilities_are_a_product() -> None:
    # Gershwin 1994: away from the ends of the store p(n, a, b) = C X^n Y1^a Y2^b.
    (p1, p2), (r1, r2) = (0.01, 0.02), (0.1, 0.15)
    y1 = (r1 + r2 - r1 * r2 - r1 * p2) / (p1 + p2 - p1 * p2 - p1 * r2)
    y2 = (r1 + r2 - r1 * r2 - p1 * r2) / (p1 + p2 - p1 * p2 - r1 * p2)
    chances = exact.deterministic_chain((p1, p2), (r1, r2), 10)
    whole = [chances[n, a, b] / ((y2 / y1) ** n * y1**a * y2**b)
             for n in range(2, 9) for a in (0, 1) for b in (0, 1)]  # fmt: skip
    assert whole == pytest.approx([whole[0]] * len(whole), rel=1e-9)


def test_four_machines_without_buffers_stop_together() -> None:
    # Buzacott 1967, in the limit of short cycles: up while all are.
    downs = ((500.0, 50.0), (1000.0, 120.0), (800.0, 40.0), (400.0, 52.0))
    failures = tuple(Failure(Exponential(up), Exponential(down)) for up, down in downs)
    plant = line(*(Fixed(0.05),) * 4, buffers=(0, 0, 0), failures=failures)
    (made,) = measured(plant, 60_000, throughput)
    assert_exact(made * 0.05, 1 / (1 + sum(down / up for up, down in downs)), within=0.03)
