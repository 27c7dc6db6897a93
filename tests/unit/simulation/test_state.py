"""A run in pieces is the run in one piece: bit for bit, through JSON, and in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.errors import DomainError
from taktwin.simulation import kernel
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import Exponential, Fixed, LogNormal, Weibull
from taktwin.simulation.model import (
    Calendar,
    Crew,
    Failure,
    Machine,
    Operator,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    WorkCenter,
)
from taktwin.simulation.run import UNLIMITED, advance, replicate
from taktwin.simulation.state import State, fresh, from_json
from tests.unit.simulation.effects import EFFECTS, Observed
from tests.unit.simulation.plants import Choices, a_plant, kernel_course, plants

ROOT = Path(__file__).parents[3]


def workshop(mill_pace: float = 1.0, repair_s: float = 900.0, **changes: object) -> Plant:
    """Return a plant with some of everything, eight hours of work."""
    day = Calendar("day", 86_400, ((6 * 3600, 14 * 3600), (14 * 3600, 22 * 3600)))
    failure = Failure(Weibull(4 * 3600, 1.6), LogNormal(repair_s, 1.0), crew="menders")
    steps = (
        Step("turn", "lathe", LogNormal(200, 0.3), family="A", skill="turn", move_s=300),
        Step("mill", "mill", LogNormal(150, 0.3), skill="mill"),
        Step("test", "bench", Exponential(60), move_s=60, good=0.9, rework_to="mill", rework_max=2),
    )
    other = tuple(replace(step, family="B" if step.family else None) for step in steps[:2])
    plant = Plant(
        (
            WorkCenter("lathe", 2, rule=Rule.SETUP, calendar="day", failure=failure,
                       setup_s={("A", "B"): 600, ("B", "A"): 900, (None, "A"): 300}),
            WorkCenter("mill", 2, queue_max=3, rule=Rule.DUE, failure=failure, pace=mill_pace),
            WorkCenter("bench", queue_max=2),
        ),
        (Product("shaft", steps, Exponential(900)), Product("axle", other)),
        tuple(Order(f"o{k}", "axle", 1 + k % 4, 600.0 * k, 600.0 * k + 20_000) for k in range(60)),
        (Operator("ann", frozenset({"turn"})), Operator("bob", frozenset({"turn", "mill"})),
         Operator("cem", frozenset({"mill"}))),
        (Crew("menders", 1),), (day,),
    )  # fmt: skip
    return replace(plant, **changes)  # type: ignore[arg-type]


END = 86_400_000


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(plant=plants(), seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_a_run_in_pieces_is_the_run_in_one_piece(plant: Plant, seed: int, cuts: list[int]) -> None:
    built = compiled(plant)
    whole = advance(built, fresh(built, seed=seed), until=plant.ticks(300))
    pieces = fresh(built, seed=seed)
    for cut in sorted(cuts):
        pieces = advance(built, pieces, until=plant.ticks(cut))
        pieces = from_json(built, json.loads(json.dumps(pieces.as_json())))
    pieces = advance(built, pieces, until=plant.ticks(300))
    assert pieces.digest() == whole.digest()


def test_enough_jobs_end_a_run_that_goes_on_as_if_nothing_had_been() -> None:
    built = compiled(workshop())
    whole = advance(built, fresh(built, seed=1), until=END)
    part = advance(built, fresh(built, seed=1), until=END, enough=40)
    assert part["run"]["done"][0] == 40
    assert advance(built, part, until=END).digest() == whole.digest()


def with_all_effects() -> list[int]:
    """Return the numbers of random plants in which, taken together, everything takes effect."""
    seen: set[str] = set()
    numbers = []
    for number in range(500):
        plant = a_plant(Choices.of_seed(number))
        run = Observed(plant, fresh(compiled(plant), seed=number).key)
        run.advance(until=plant.ticks(CUT_S))
        if run.effects() - seen:
            seen |= run.effects()
            numbers.append(number)
        if seen == set(EFFECTS):
            break
    assert seen == set(EFFECTS)
    return numbers


CUT_S, END_S = 150, 300
CONTINUED = """
import json, sys
from tests.unit.simulation.plants import Choices, a_plant
from tests.unit.simulation.test_state import END_S
from taktwin.simulation.compile import compiled
from taktwin.simulation.run import advance
from taktwin.simulation.state import from_json
for number, document in json.load(sys.stdin):
    plant = a_plant(Choices.of_seed(number))
    built = compiled(plant)
    print(advance(built, from_json(built, document), until=plant.ticks(END_S)).digest())
"""


def test_another_process_goes_on_to_the_same_bits() -> None:
    # Furnaces, tools, material, tariffs, work by order and all else: each took effect before the cut.
    told, ends = [], []
    for number in with_all_effects():
        plant = a_plant(Choices.of_seed(number))
        built = compiled(plant)
        state = advance(built, fresh(built, seed=number), until=plant.ticks(CUT_S))
        told.append((number, state.as_json()))
        end = advance(built, state, until=plant.ticks(END_S))
        assert end.events > told[-1][1]["arrays"]["run"]["events"][0]
        ends.append(end.digest())
    done = subprocess.run(
        [sys.executable, "-c", CONTINUED], input=json.dumps(told), capture_output=True, text=True,
        check=True, cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )  # fmt: skip
    assert done.stdout.split() == ends


def test_a_snapshot_of_another_plant_or_version_is_refused() -> None:
    built = compiled(workshop())
    document = fresh(built, seed=1).as_json()
    with pytest.raises(DomainError, match="version 8, keys 2: expected 8, 1"):
        from_json(built, {**document, "keys": 2})
    with pytest.raises(DomainError, match="version 7, keys 1: expected 8, 1"):
        from_json(built, {**document, "version": 7})
    small = workshop()
    larger = compiled(replace(small, orders=(), centers=(*small.centers, WorkCenter("x", 9))))
    slower = compiled(replace(small, centers=(replace(small.centers[0], pace=0.5), *small.centers[1:])))
    for other in (larger, slower):  # also one of the same sizes
        expected = f"of the plant {built.digest()}: expected {other.digest()}"
        with pytest.raises(DomainError, match=expected):
            from_json(other, document)
    with pytest.raises(DomainError, match=r"of tree|of units|of centers"):
        from_json(larger, {**document, "plant": larger.digest()})


def test_a_run_that_needs_more_places_for_jobs_gets_them_and_is_the_same_run() -> None:
    plant = workshop(orders=tuple(Order(f"o{k}", "axle") for k in range(400)))
    built = compiled(plant)
    few = advance(built, fresh(built, seed=1, jobs=1), until=END)
    many = advance(built, fresh(built, seed=1, jobs=4096), until=END)
    assert few.jobs < many.jobs
    assert few["run"]["in_work"][0] > 20, "the plant never held more jobs than it had places for"
    assert kernel_course(few) == kernel_course(many)


def test_there_is_room_for_all_that_one_event_may_begin() -> None:
    # Twenty units begin a part each at 10, when forty of 58 places for jobs are taken: some are free, and too
    # few. The last takes 1 for each part, the one before it 2, and so on: until 14.5 the last four have made
    # 4, 2, 1 and 1, which were there for 4, 4, 3 and 4; two parts in one place would spoil these times.
    paces = {n: Machine(pace=1 / (21 - n)) for n in range(1, 21)}
    plant = Plant(
        (WorkCenter("m", 20, calendar="late", machines=paces), WorkCenter("slow")),
        (Product("p", (Step("s", "m", Fixed(1)),), endless=True),
         Product("q", (Step("s", "slow", Fixed(1000)),))),
        tuple(Order(f"o{k}", "q") for k in range(40)),
        calendars=(Calendar("late", 100, ((10, 90),)),),
    )  # fmt: skip
    built = compiled(plant)
    state = fresh(built, seed=1, jobs=1)
    assert 40 < state.jobs < 40 + 20
    state = advance(built, state, until=plant.ticks(14.5))
    assert state["made"][["arrived", "done", "flow"]].tolist() == [(28, 8, 15_000), (40, 0, 0)]
    assert int(state["run"]["in_work"][0]) == 20 + 40


def test_without_room_nothing_is_done_until_there_is_more() -> None:
    plant = workshop(orders=tuple(Order(f"o{k}", "axle") for k in range(400)))
    built = compiled(plant)
    state = fresh(built, seed=1, jobs=1)

    def simulate() -> int:
        more = kernel.simulate(*built.arrays(), *state.arrays(), np.uint64(state.key), END, UNLIMITED)
        return int(more)

    assert simulate() == kernel.NO_ROOM
    assert state["run"]["free_count"][0] > 0
    before = state.digest()
    assert simulate() == kernel.NO_ROOM
    assert state.digest() == before


def test_what_was_counted_is_forgotten_but_not_by_what_numbers_are_drawn() -> None:
    built = compiled(workshop())
    state = advance(built, fresh(built, seed=1), until=END)
    counted = [name for name in kernel.PRODUCT_STATE.names or () if name != "arrived"]
    for name in counted:  # whatever comes to be counted is to be forgotten too
        state["made"][name] = 7
    arrived, waiting = state["made"]["arrived"].tolist(), state["centers"]["waiting"].tolist()
    assert min(arrived) > 0
    state.forget()
    assert {name: state["made"][name].tolist() for name in counted} == {name: [0, 0] for name in counted}
    assert state["made"]["arrived"].tolist() == arrived
    assert state["centers"]["longest"].tolist() == waiting
    assert not state["spent"].any() and not state["priced"].any()
    assert state["run"][["done", "in_work_ticks"]].tolist() == [(0, 0)]


def test_a_fork_leaves_its_origin_alone() -> None:
    built = compiled(workshop())
    origin = advance(built, fresh(built, seed=1), until=END // 3)
    before = origin.digest()
    fork = State(built, origin.jobs, origin.key)
    fork.become(origin)
    fork = advance(built, fork, until=END)
    assert origin.digest() == before
    assert fork.digest() == advance(built, origin, until=END).digest()


def outcome(number: int, state: State) -> tuple[int, list[int], str]:
    return number, state["ended"].tolist(), state.digest()


def test_threads_and_sequence_change_nothing() -> None:
    built = compiled(workshop())
    alone = replicate(built, outcome, seed=3, replications=range(7), until_s=86_400)
    side_by_side = replicate(built, outcome, seed=3, replications=range(7), until_s=86_400, threads=2)
    backwards = replicate(built, outcome, seed=3, replications=reversed(range(7)), until_s=86_400)
    assert alone == side_by_side == backwards[::-1]
    assert len({digest for _, _, digest in alone}) == 7


def ends(plant: Plant, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    built = compiled(plant)
    state = advance(built, fresh(built, seed=seed), until=3 * END)
    return np.array(state["ended"])


def test_an_unchanged_scenario_differs_by_exactly_nothing() -> None:
    assert (ends(workshop()) - ends(workshop()) == 0).all()
    # Neither does one that only adds what nobody uses, wherever it is declared: luck goes by name.
    plain = workshop()
    more = replace(
        plain,
        centers=(WorkCenter("new", failure=Failure(Exponential(100), Exponential(100))), *plain.centers),
        products=(Product("never", (Step("s", "new", Exponential(9)),)), *plain.products),
        operators=(Operator("zoe", frozenset({"weld"})), *plain.operators),
    )
    assert (ends(more) - ends(plain) == 0).all()


def test_a_change_leaves_what_stands_before_it_alone() -> None:
    def passed(state: State) -> tuple[object, ...]:
        worn = tuple(state["units"][name][:2].tolist() for name in ("to_failure", "family"))
        return (*worn, state["modes"][:2].tolist())

    # Without limit before the mill, nothing of it reaches back to the lathes.
    slow, fast = (
        replace(plant, centers=tuple(replace(c, queue_max=None) for c in plant.centers), operators=(
            Operator("ann", frozenset({"turn"})), Operator("cem", frozenset({"mill"})),
        ), crews=(Crew("menders", 9),))
        for plant in (workshop(), workshop(mill_pace=1.2))
    )  # fmt: skip
    states = []
    for plant in (slow, fast):
        built = compiled(plant)
        states.append(advance(built, fresh(built, seed=0), until=END))
    assert passed(states[0]) == passed(states[1])
    assert states[0]["spent"][:2].tolist() == states[1]["spent"][:2].tolist()
    assert states[0]["spent"][2:4].tolist() != states[1]["spent"][2:4].tolist()


def test_common_numbers_make_differences_small() -> None:
    def flow(number: int, state: State) -> float:
        return float(state["made"]["flow"].sum() / state["made"]["done"].sum())

    plain, better = compiled(workshop()), compiled(workshop(repair_s=700.0))
    runs = range(40)
    same = [np.array(replicate(p, flow, seed=1, replications=runs, until_s=172_800)) for p in (plain, better)]
    other = np.array(replicate(better, flow, seed=2, replications=runs, until_s=172_800))
    paired, apart = np.var(same[1] - same[0]), np.var(other - same[0])
    assert apart / paired > 20, f"only {apart / paired:.1f} times"


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(plant=plants(), seed=st.integers(0, 99), until_s=st.integers(1, 600))
def test_a_place_for_a_job_is_free_where_it_holds_no_parts(plant: Plant, seed: int, until_s: int) -> None:
    state = advance(compiled(plant), fresh(compiled(plant), seed=seed), until=plant.ticks(until_s))
    free, slot = set(), int(state["run"]["free"][0])
    while slot >= 0:
        free.add(slot)
        slot = int(state["jobs"]["next"][slot])
    assert {int(each) for each in np.flatnonzero(state["jobs"]["quantity"] == 0)} == free


def test_nothing_compiles_after_the_warm_up() -> None:
    assert len(kernel.simulate.signatures) == 1
    with pytest.raises(TypeError, match="No matching definition"):
        kernel.simulate(*(1.5,) * kernel.simulate.py_func.__code__.co_argcount)
