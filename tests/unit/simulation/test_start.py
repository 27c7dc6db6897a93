"""A plant in the middle of its work: both engines begin alike, what is taken out goes on as it was."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from taktwin.errors import DomainError
from taktwin.simulation import kernel, streams
from taktwin.simulation import start as starts
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import Exponential, Fixed, LogNormal, Weibull, table, value
from taktwin.simulation.draws import _curve, residual
from taktwin.simulation.model import (
    Batch,
    ByOrder,
    Calendar,
    Closure,
    Failure,
    FailureClock,
    Machine,
    Operator,
    Order,
    Plant,
    Product,
    Step,
    WorkCenter,
)
from taktwin.simulation.run import advance
from taktwin.simulation.start import (
    BLOCK,
    Hand,
    JobStart,
    Placed,
    Start,
    Task,
    UnitStart,
    Wear,
    reference_from,
    start_of,
    state_from,
)
from taktwin.simulation.state import State, fresh
from tests.unit.simulation.plants import BOTH, KEY, Run, kernel_course, plants, reference_course

CUTS = (90, 160, 300)
_RANDOM = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def course(state: State) -> dict[str, Any]:
    """Return what both engines count, but for the number of events: to look at a calendar is one."""
    return {name: what for name, what in kernel_course(state).items() if name != "events"}


def forget(state: State) -> State:
    """Forget what was counted, also whom a start does not count."""
    state.forget()
    return state


def without(start: Start, seed: int) -> Start:
    """Return a start in which of every second unit only is known for how long its task lasts."""
    units = []
    for place, unit in enumerate(start.units):
        if (place + seed) % 2 and unit.task is not Task.SETUP:
            unit = replace(unit, left_s=None, elapsed_s=1.5, to_failure_s=None, worn_s=float(seed % 20),
                           repair_left_s=None, down_s=2.0)  # fmt: skip
        units.append(unit)
    return replace(start, units=tuple(units), arrivals={})


@_RANDOM
@given(plant=plants(), seed=st.integers(0, 2**32), at=st.integers(1, 120))
def test_a_start_taken_out_of_a_run_goes_on_as_the_run_does(plant: Plant, seed: int, at: int) -> None:
    built = compiled(plant)
    whole = advance(built, fresh(built, seed=seed), until=plant.ticks(at))
    document = json.loads(json.dumps(starts.as_json(start_of(built, whole))))
    start = starts.from_json(document)
    assert start == start_of(built, whole)
    forked = state_from(built, start, seed=seed)
    forget(whole)
    for cut in CUTS:
        whole = advance(built, whole, until=plant.ticks(at + cut))
        forked = advance(built, forked, until=plant.ticks(at + cut))
        assert course(forked) == course(whole)
    assert start_of(built, forked) == start_of(built, whole)


@_RANDOM
@given(plant=plants(), seed=st.integers(0, 2**32), at=st.integers(1, 120), exact=st.booleans())
def test_kernel_and_reference_begin_alike(plant: Plant, seed: int, at: int, exact: bool) -> None:
    built = compiled(plant)
    start = start_of(built, advance(built, fresh(built, seed=seed), until=plant.ticks(at)))
    if not exact:
        start = without(start, seed)
    state = state_from(built, start, seed=seed, replication=3)
    run = reference_from(plant, start, streams.replication_key(seed, 3))
    for cut in CUTS:
        state = advance(built, state, until=plant.ticks(at + cut))
        run.advance(until=plant.ticks(at + cut))
        assert kernel_course(state) == reference_course(run)


@_RANDOM
@given(plant=plants(), seed=st.integers(0, 2**32), at=st.integers(1, 120), worn=st.booleans())
def test_what_is_drawn_for_many_runs_at_once_is_what_is_drawn_for_each(
    plant: Plant, seed: int, at: int, worn: bool
) -> None:
    built = compiled(plant)
    start = without(start_of(built, advance(built, fresh(built, seed=seed), until=plant.ticks(at))), seed)
    if worn:
        start = replace(start, units=tuple(replace(unit, elapsed_s=0.0, wear=()) for unit in start.units))
    placed, used = Placed(built, start), None
    for replication in (0, 1, BLOCK - 1, BLOCK, 2):
        used = placed.state(seed=seed, replication=replication, into=used)
        key = streams.replication_key(seed, replication)
        assert used.digest() == placed.state_of(key).digest()
        run = reference_from(plant, start, key)
        # The reference has let who was idle begin already; the kernel does that with its first event.
        busy = [place for place, unit in enumerate(start.units) if unit.task is not Task.IDLE]
        rows, slots = used["units"][busy], used["units"]["job"][busy]
        jobs = [run._units[place].job for place in busy]
        modes = [mode for unit in run._units for mode in unit.modes if mode.failure]
        is_failure = np.isin(built.modes["clock"], (kernel.BY_WORKING, kernel.BY_CALENDAR))
        assert rows["left"].tolist() == [run._units[place].left for place in busy]
        assert used["units"]["repair_left"].tolist() == [unit.repair_left for unit in run._units]
        assert used["jobs"]["work"][slots[slots >= 0]].tolist() == [job.work for job in jobs if job]
        assert used["modes"]["left"][is_failure].tolist() == [mode.strikes for mode in modes]
        used.buffer[:] = 1  # nothing of it may be left in the next one


BITS = [(place << 64) // 4000 + 7 for place in range(4000)]  # numbers that cover the whole range evenly


@pytest.mark.parametrize("passed", [0.0, 0.3, 1.0, 2.5])
def test_what_has_no_memory_lasts_as_long_as_ever(passed: float) -> None:
    left = [residual(Exponential(5.0), passed, bits) for bits in BITS]
    assert np.mean(left) == pytest.approx(1.0, rel=0.02)
    assert np.median(left) == pytest.approx(np.log(2), rel=0.01)


def test_what_is_worn_has_less_left_by_the_law_of_its_wear() -> None:
    wears = Weibull(1.0, 3.0)
    scale = 1 / 0.8929795115692492  # 1 / gamma(1 + 1/3)
    for place in (400, 2000, 3600):
        survives = 1 - place / 4000
        exact = scale * ((0.8 / scale) ** 3 - np.log(survives)) ** (1 / 3) - 0.8
        assert residual(wears, 0.8, BITS[place]) == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("drawn", [Exponential(3.0), LogNormal(3.0, 0.4), Weibull(3.0, 1.6)])
def test_with_nothing_passed_what_is_left_is_what_would_be_drawn(drawn: Any) -> None:
    for bits in BITS[::97]:
        assert residual(drawn, 0.0, bits) == pytest.approx(
            value(table(drawn.shape), bits), rel=1e-6, abs=1e-9
        )


def test_of_a_fixed_time_the_rest_is_left_and_beyond_it_nothing() -> None:
    assert residual(Fixed(60.0), 0.25, 12345) == 0.75
    assert residual(Fixed(60.0), 1.5, 12345) == 0.0
    assert residual(LogNormal(60.0, 0.1), 50.0, 12345) == 0.0


def small() -> Plant:
    """Return a lathe and a mill, two orders, one of which is under way."""
    failure = Failure(Weibull(3600, 2), LogNormal(600, 1))
    steps = (Step("turn", "lathe", LogNormal(100, 0.2)), Step("mill", "mill", Fixed(50)))
    return Plant(
        (WorkCenter("lathe", 2, failure=failure), WorkCenter("mill", queue_max=2)),
        (Product("shaft", steps),),
        (Order("a", "shaft"), Order("b", "shaft"), Order("c", "shaft", release_s=500)),
        closures=(Closure("mill.1", 0, 1000),),
    )  # fmt: skip


def test_a_fault_that_stands_is_repaired_and_a_machine_that_is_closed_waits() -> None:
    plant = small()
    at_mill = JobStart("shaft", "mill", "a")
    start = Start(units=(UnitStart("mill.1", Task.WORKING, at_mill, elapsed_s=20.0),
                         UnitStart("lathe.1", is_down=True, down_s=300.0)))  # fmt: skip
    built = compiled(plant)
    state = state_from(built, start, seed=1)
    assert state["units"]["down"].tolist() == [2, 0, 0]
    state = advance(built, state, until=plant.ticks(5000))
    # Shut for 1000 s from now on, the mill then works the 30 s that are left.
    assert state["ended"].tolist()[0] == plant.ticks(1030)
    assert state["spent"][0, kernel.REPAIR] > 0
    assert all(state["ended"] > 0)


MILL = streams.entity("unit", "mill.1")
LAWS = [Fixed(100), Exponential(100), LogNormal(100, 0.5)]


def left_by_hand(law: Any, passed_s: float, bits: int) -> float:
    """Return what is left of a duration of which so much has passed, by the formula of its law; seconds."""
    u = streams.unit(bits)
    match law:
        case Fixed():
            return law.mean_s - passed_s
        case Exponential():  # has no memory
            return -law.mean_s * math.log(1 - u)
        case _:
            sigma = math.sqrt(math.log(1 + law.cv**2))
            middle, normal = math.log(law.mean_s) - sigma**2 / 2, NormalDist()
            below = normal.cdf((math.log(passed_s) - middle) / sigma) if passed_s else 0.0
            return math.exp(middle + sigma * normal.inv_cdf(below + u * (1 - below))) - passed_s


def begun(plant: Plant, start: Start) -> tuple[Any, Any]:
    """Return the only unit as both engines begin with it."""
    return Placed(compiled(plant), start).state_of(KEY), reference_from(plant, start, KEY)


@pytest.mark.parametrize("law", LAWS)
def test_a_machine_of_twice_the_pace_has_done_twice_as_much_and_needs_half_as_long(law: Any) -> None:
    plant = Plant(
        (WorkCenter("mill", machines={1: Machine(pace=2.0)}),),
        (Product("shaft", (Step("cut", "mill", law),)),), (Order("a", "shaft"),),
    )  # fmt: skip
    start = Start(units=(UnitStart("mill.1", Task.WORKING, JobStart("shaft", "cut", "a"), elapsed_s=20.0),))
    whom = (streams.entity("order", "a") + streams.entity("step", "shaft/cut")) % 2**64
    # In 20 s it did 40 s of work: of a fixed 100 s 60 are left, which take it 30.
    exact = left_by_hand(law, 40.0, streams.bits(KEY, streams.WORK, whom, 0)) / 2
    state, run = begun(plant, start)
    ends = advance(compiled(plant), state, until=plant.ticks(5000))["ended"][0]
    run.advance(until=plant.ticks(5000))
    assert [ends / 1000, run.ended["a"] / 1000] == pytest.approx([exact] * 2, rel=2e-3)


def failing(time_to: Any, repair: Any, **more: Any) -> tuple[Plant, Start]:
    """Return a mill that works without end."""
    plant = Plant(
        (WorkCenter("mill", failure=Failure(time_to, repair, FailureClock.CALENDAR)),),
        (Product("shaft", (Step("cut", "mill", Fixed(10)),), endless=True),),
    )  # fmt: skip
    return plant, Start(units=(UnitStart("mill.1", **more),))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("failures", [1, 2])
def test_each_failure_has_luck_of_its_own_and_the_first_that_of_a_fresh_plant(
    law: Any, failures: int
) -> None:
    plant, start = failing(law, Fixed(10), failures=failures, worn_s=30.0)
    exact = left_by_hand(law, 30.0, streams.bits(KEY, streams.FAILURE, MILL, failures - 1))
    state, run = begun(plant, start)
    assert state["modes"]["left"][0] / 1000 == pytest.approx(exact, rel=2e-3)
    assert run._units[0].modes[0].strikes / 1000 == pytest.approx(exact, rel=2e-3)
    assert run._units[0].modes[0].drawn == state["modes"]["count"][0] == failures  # the next one's number


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("failures", [1, 2])
def test_a_repair_under_way_goes_on_and_is_not_begun_anew(law: Any, failures: int) -> None:
    plant, start = failing(Fixed(10_000), law, failures=failures, is_down=True, down_s=40.0)
    exact = left_by_hand(law, 40.0, streams.bits(KEY, streams.REPAIR, MILL, failures - 1))
    state, run = begun(plant, start)
    assert state["units"]["repair_left"][0] / 1000 == pytest.approx(exact, rel=2e-3)
    assert run._units[0].repair_left / 1000 == pytest.approx(exact, rel=2e-3)
    state = advance(compiled(plant), state, until=plant.ticks(3000))
    assert state["spent"][0, kernel.REPAIR] / 1000 == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("law", LAWS)
def test_a_further_kind_of_failure_is_as_worn_as_it_is_and_has_luck_of_its_own(law: Any) -> None:
    spindle = Failure(law, Fixed(10), FailureClock.CALENDAR, name="spindle")
    plant, _ = failing(Fixed(10_000), Fixed(10))
    plant = replace(plant, centers=(replace(plant.centers[0], more_failures=(spindle,)),))
    worn = Wear("spindle", worn_s=30.0, failures=2)
    bits = streams.bits(KEY, streams.FAILURE, streams.entity("unit", "mill.1/spindle"), 1)
    exact = left_by_hand(law, 30.0, bits)
    state, run = begun(plant, Start(units=(UnitStart("mill.1", wear=(worn,)),)))
    assert state["modes"]["left"][1] / 1000 == pytest.approx(exact, rel=2e-3)
    assert run._units[0].modes[1].strikes / 1000 == pytest.approx(exact, rel=2e-3)


@BOTH
@pytest.mark.parametrize(("batch", "end"), [(None, 35_000), (Batch(4), 5000)])
def test_a_job_under_way_takes_as_long_as_all_its_parts_and_in_a_furnace_as_one(
    run: Run, batch: Batch | None, end: int
) -> None:
    # Four parts of 10 each, 5 of which have passed.
    plant = Plant(
        (WorkCenter("mill", batch=batch),), (Product("shaft", (Step("cut", "mill", Fixed(10)),)),),
        (Order("a", "shaft", 4),),
    )  # fmt: skip
    start = Start(units=(UnitStart("mill.1", Task.WORKING, JobStart("shaft", "cut", "a"), elapsed_s=5.0),))
    assert run(plant, 100, start)["ended"] == [end]


@BOTH
@pytest.mark.parametrize("passes", [0, 1, 2])
def test_a_step_under_way_again_has_the_luck_of_this_pass(run: Run, passes: int) -> None:
    law = LogNormal(100, 0.5)
    steps = (Step("cut", "mill", law, good=0.9, rework_to="cut"),)
    plant = Plant((WorkCenter("mill"),), (Product("shaft", steps),), (Order("a", "shaft"),))
    job = JobStart("shaft", "cut", "a", passes=passes)
    start = Start(units=(UnitStart("mill.1", Task.WORKING, job, elapsed_s=20.0),))
    whom = (streams.entity("order", "a") + streams.entity("step", "shaft/cut")) % 2**64
    exact = left_by_hand(law, 20.0, streams.bits(KEY, streams.WORK, whom, passes))
    # Until the pass is over the unit is at work, and nothing has come of it.
    before, after = (run(plant, exact * share, start) for share in (0.997, 1.003))
    assert before["spent"][0][kernel.WORKING] == plant.ticks(exact * 0.997)
    assert before["events"] < after["events"]


@BOTH
def test_the_next_part_arrives_by_the_number_of_those_that_came(run: Run) -> None:
    # Three came and went: the next is drawn by number 3 and so on. Nothing is ever done, so each is in work
    # from its arrival on.
    product = Product("shaft", (Step("cut", "mill", Fixed(1e6)),), Exponential(100))
    shaft = streams.entity("product", "shaft")
    waits = [
        left_by_hand(product.arrivals, 0, streams.bits(KEY, streams.ARRIVAL, shaft, n)) for n in range(3, 40)
    ]
    came = [at for at in np.cumsum(waits) if at < 1000]
    course = run(Plant((WorkCenter("mill"),), (product,)), 1000, Start(arrived={"shaft": 3}))
    assert course["made"][0]["arrived"] == 3 + len(came)
    assert course["in work ticks"] / 1000 == pytest.approx(sum(1000 - at for at in came), rel=2e-3)


@BOTH
@pytest.mark.parametrize(("now_s", "ends"), [(20.0, [20_000, 30_000]), (21.0, [21_000, 58_000])])
def test_whose_shift_ends_with_the_start_is_there_when_it_begins(
    run: Run, now_s: float, ends: list[int]
) -> None:
    # What is done at that instant frees him for the next part before he goes, as in a run that comes there.
    steps = (Step("cut", "mill", Fixed(10), skill="run"),)
    plant = Plant(
        (WorkCenter("mill"),), (Product("shaft", steps),), (Order("a", "shaft"), Order("b", "shaft")),
        (Operator("ann", frozenset({"run"}), "day"),), calendars=(Calendar("day", 48.0, ((0.0, 20.0),)),),
    )  # fmt: skip
    work = UnitStart("mill.1", Task.WORKING, JobStart("shaft", "cut", "a"), left_s=0.0, operator="ann")
    start = Start(now_s=now_s, units=(work,), queues={"mill": (JobStart("shaft", "cut", "b"),)})
    assert run(plant, 100, start)["ended"] == ends


WRONG = {
    "unknown unit 'mill.9'": Start(units=(UnitStart("mill.9"),)),
    "unknown step of shaft 'weld'": Start(queues={"mill": (JobStart("shaft", "weld", "a"),)}),
    "unknown order 'z'": Start(ended={"z": 1.0}),
    "unknown work center 'oven'": Start(queues={"oven": ()}),
    "unit mill.1 is working without a job": Start(units=(UnitStart("mill.1", Task.WORKING),)),
    "unit mill.1 is set up: expected how long": Start(
        units=(UnitStart("mill.1", Task.SETUP, JobStart("shaft", "mill", "a")),)
    ),
    "unit mill.1 is down: expected a failure": Start(units=(UnitStart("mill.1", is_down=True),)),
    "orders b are under way: expected those": Start(queues={"mill": (JobStart("shaft", "mill", "b"),)}),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_start_that_does_not_fit_the_plant_says_what_does_not(words: str) -> None:
    built = compiled(small())
    with pytest.raises(DomainError, match=words):
        Placed(built, WRONG[words])
    with pytest.raises(DomainError, match=words):
        reference_from(small(), WRONG[words], 1)


def ordered(unit: str, **more: Any) -> tuple[Plant, Start]:
    """Return mills by order: both lots of a wait, for one unit; b is turned for 20 s more, for mill.1."""
    steps = (Step("turn", "lathe", Fixed(30)), Step("mill", "mill", Fixed(5)))
    plant = Plant(
        (WorkCenter("lathe"), WorkCenter("mill", 2, by_order=ByOrder(10))), (Product("shaft", steps),),
        (Order("a", "shaft", 2, lots=2), Order("b", "shaft")),
    )  # fmt: skip
    return plant, Start(
        units=(UnitStart("lathe.1", Task.WORKING, JobStart("shaft", "turn", "b"), left_s=20.0),
               UnitStart("mill.1", **more)),
        queues={"mill": tuple(JobStart("shaft", "mill", "a", lot=lot) for lot in (1, 2))},
        bound={"a": {"mill": unit}, "b": {"mill": "mill.1"}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "hand", "ends"),
    [
        # The other mill begins a at once. The same one does too, if it has not b in hand; if so, it waits
        # for b until ten seconds have passed since it ran out, of which four had.
        ("mill.2", Hand("b", "mill", -4.0), [10, 25]),
        ("mill.1", None, [10, 25]),
        ("mill.1", Hand("b", "mill", -4.0), [16, 25]),
        ("mill.1", Hand("b", "mill"), [20, 25]),
    ],
)
def test_a_start_says_which_order_a_unit_has_in_hand(unit: str, hand: Hand | None, ends: list[int]) -> None:
    plant, start = ordered(unit, hand=hand)
    start = starts.from_json(json.loads(json.dumps(starts.as_json(start))))
    built = compiled(plant)
    state = advance(built, state_from(built, start, seed=1), until=plant.ticks(100))
    run = reference_from(plant, start, 1)
    run.advance(until=plant.ticks(100))
    assert [int(end) // 1000 for end in state["ended"]] == ends
    assert [run.ended[name] // 1000 for name in "ab"] == ends


@BOTH
def test_what_is_bound_at_the_start_goes_where_work_and_set_up_are_least(run: Run) -> None:
    # Orders of 6, 4, 3 and 3 parts wait, a set-up of 2 between families: A6 to the first mill, B4 to the
    # second, A3 to the first of two equals (6; 4 + 2), B3 to the second (4). Each part takes 1.
    mills = WorkCenter("mill", 2, setup_s={("A", "B"): 2, ("B", "A"): 2}, by_order=ByOrder())
    products = tuple(Product(name, (Step("mill", "mill", Fixed(1), family=name),)) for name in "AB")
    sizes = (("A", 6), ("B", 4), ("A", 3), ("B", 3))
    orders = tuple(Order(f"o{n}", each, parts) for n, (each, parts) in enumerate(sizes))
    start = Start(queues={"mill": tuple(JobStart(order.product, "mill", order.name) for order in orders)})
    assert run(Plant((mills,), products, orders), 100, start)["ended"] == [6000, 4000, 9000, 7000]


@pytest.mark.parametrize(
    ("unit", "hand", "words"),
    [
        ("lathe.1", None, "mill of order a at lathe.1: expected a unit of mill"),
        ("mill.2", Hand("a", "mill"), "mill of order a at mill.2 and mill.1"),
        ("mill.2", Hand("z", "mill"), "unknown order 'z'"),
        ("mill.2", Hand("a", "weld"), "unknown step of shaft 'weld'"),
    ],
)
def test_a_start_that_binds_an_order_amiss_is_refused(unit: str, hand: Hand | None, words: str) -> None:
    plant, start = ordered(unit, hand=hand)
    with pytest.raises(DomainError, match=words):
        Placed(compiled(plant), start)


def test_what_is_no_start_is_refused() -> None:
    with pytest.raises(DomainError, match="no start"):
        starts.from_json({"units": [{"unit": 3}]})


def test_a_change_of_the_plant_leaves_what_it_does_not_touch_to_the_same_luck() -> None:
    plant = small()
    start = Start(units=(UnitStart("lathe.1", Task.WORKING, JobStart("shaft", "turn", "a"), elapsed_s=40.0),))
    one, other = compiled(plant), compiled(replace(plant, closures=()))
    for replication in range(5):
        left = [
            int(state_from(built, start, seed=4, replication=replication)["units"]["left"][0])
            for built in (one, other)
        ]
        assert left[0] == left[1] > 0
    drawn = {int(state_from(one, start, seed=4, replication=r)["units"]["left"][0]) for r in range(20)}
    assert len(drawn) == 20


def test_a_run_that_came_to_need_more_places_lets_the_next_begin_with_them_and_end_as_ever() -> None:
    step = Step("turn", "lathe", Exponential(50))
    crowded = Plant((WorkCenter("lathe"),), (Product("shaft", (step,), arrivals=Exponential(1)),), tick_s=0.1)
    built, until = compiled(crowded), crowded.ticks(1000)
    placed, used, begun, ended = Placed(built, Start()), None, [], []
    for replication in range(4):
        used = placed.state(seed=3, replication=replication, into=used)
        begun.append(used.jobs)
        used = advance(built, used, until=until)
        ended.append(kernel_course(used))
    assert begun[0] < 900 < begun[1] and begun[1:] == [used.jobs] * 3
    for replication, course_of in enumerate(ended):
        alone = state_from(built, Start(), seed=3, replication=replication)
        assert kernel_course(advance(built, alone, until=until)) == course_of


def test_a_curve_is_made_once_and_nobody_can_write_to_it() -> None:
    levels, lasts = _curve(Weibull(100, 2.0).shape)
    assert _curve(Weibull(300, 2.0).shape)[0] is levels
    for each in (levels, lasts):
        with pytest.raises(ValueError, match="read-only"):
            each[0] = 0.0
