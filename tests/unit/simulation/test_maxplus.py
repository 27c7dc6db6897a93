"""A line worked out by recursion is the line of the kernel, tick for tick, part for part."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.errors import DomainError
from taktwin.simulation import streams
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import Exponential, Fixed
from taktwin.simulation.maxplus import departures, obstacle
from taktwin.simulation.model import (
    Batch,
    Calendar,
    Closure,
    Crew,
    Failure,
    FailureClock,
    Machine,
    Material,
    Operator,
    Order,
    Plant,
    Product,
    Step,
    Tool,
    WorkCenter,
)
from taktwin.simulation.run import advance
from taktwin.simulation.state import fresh
from tests.unit.simulation.plants import durations

PARTS = 60


@st.composite
def lines(draw: st.DrawFn) -> Plant:
    """Draw a line of up to six units; ticks may be coarse."""
    centers, steps = [], []
    for place in range(draw(st.integers(1, 6))):
        fails = Failure(draw(durations(25.0)), draw(durations(6.0))) if draw(st.booleans()) else None
        centers.append(
            WorkCenter(
                f"m{place}",
                queue_max=draw(st.sampled_from((0, 1, 2, 5, None))),
                failure=fails,
                pace=draw(st.sampled_from((1.0, 1.2))),
                machines=draw(st.sampled_from(({}, {}, {1: Machine(0.8)}))),
            )
        )
        moves = draw(st.sampled_from((0.0, 0.0, 0.0, 3.0)))
        steps.append(Step(f"s{place}", f"m{place}", draw(durations(4.0)), move_s=moves))
    arrivals = draw(st.one_of(st.none(), durations(6.0)))
    product = Product("p", tuple(steps), arrivals, endless=arrivals is None)
    declared = draw(st.permutations(centers))
    return Plant(tuple(declared), (product,), tick_s=draw(st.sampled_from((1.0, 0.01))))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(plant=lines(), seed=st.integers(0, 999))
def test_every_part_leaves_at_the_tick_at_which_it_leaves_the_event_loop(plant: Plant, seed: int) -> None:
    built = compiled(plant)
    state = fresh(built, seed=seed)
    ends = departures(built, state.key, PARTS)
    for number in range(1, PARTS + 1):
        state = advance(built, state, enough=number)
        assert state.now == ends[number - 1], f"part {number}"


def test_many_parts_through_the_line_of_the_benchmark() -> None:
    from benchmarks.simulation import line_b

    built = compiled(line_b())
    state = fresh(built, seed=1)
    ends = departures(built, state.key, 20_000)
    assert advance(built, state, enough=20_000).now == ends[-1]


@pytest.mark.parametrize(("places", "ends"), [(0, [11, 21, 52]), (1, [11, 21, 43])])
def test_the_first_part_without_a_place_before_the_next_machine_blocks_its_own(
    places: int, ends: list[int]
) -> None:
    # a takes 1 s a part and fails after 2.5 s of work, within the third, for 30 s; b takes 10 s. Without a
    # place the second part leaves a only at 11, so the third is begun then: 0.5 + 30 + 0.5 + 10 s. With one
    # place it is begun at 2.
    plant = Plant(
        (WorkCenter("a", failure=Failure(Fixed(2.5), Fixed(30))), WorkCenter("b", queue_max=places)),
        (Product("p", (Step("s", "a", Fixed(1)), Step("t", "b", Fixed(10))), endless=True),),
    )  # fmt: skip
    found = departures(compiled(plant), streams.replication_key(1, 0), 3)
    assert (found * plant.tick_s).tolist() == ends


STEPS = (Step("s", "a", Fixed(1)), Step("t", "b", Fixed(1)))
LINE = Plant((WorkCenter("a"), WorkCenter("b")), (Product("p", STEPS, endless=True),))


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        (replace(LINE, orders=(Order("o", "p"),)), "orders"),
        (replace(LINE, products=(Product("p", STEPS),)), "in none"),
        (replace(LINE, closures=(Closure("a.1", 0, 5),)), "closed"),
        (replace(LINE, products=(Product("p", STEPS, Exponential(9), balks=True),)), "lost"),
        (replace(LINE, products=(Product("p", (*STEPS, Step("u", "a", Fixed(1))), endless=True),)), "twice"),
        (replace(LINE, centers=(WorkCenter("a", 2), WorkCenter("b"))), "several units"),
        (replace(LINE, centers=(WorkCenter("a", calendar="d"), WorkCenter("b")),
                 calendars=(Calendar("d", 9, ((0, 5),)),)), "calendar"),
        (replace(LINE, centers=(WorkCenter("a", failure=Failure(Fixed(9), Fixed(1), FailureClock.CALENDAR)),
                                WorkCenter("b"))), "by the calendar"),
        (replace(LINE, centers=(WorkCenter("a", failure=Failure(Fixed(9), Fixed(1), crew="c")),
                                WorkCenter("b")), crews=(Crew("c", 1),)), "crew"),
        (replace(LINE, centers=(WorkCenter("a", failure=Failure(Fixed(9), Fixed(1)),
                                           more_failures=(Failure(Fixed(9), Fixed(1), name="x"),)),
                                WorkCenter("b"))), "several ways"),
        (replace(LINE, products=(Product("p", (replace(STEPS[0], good=0.9), STEPS[1]), endless=True),)),
         "scrap"),
        (replace(LINE, products=(Product("p", (replace(STEPS[0], skill="x"), STEPS[1]), endless=True),),
                 operators=(Operator("ann", frozenset({"x"})),)), "operator"),
        (replace(LINE, products=(Product("p", (replace(STEPS[0], family="x"), STEPS[1]), endless=True),)),
         "set-up"),
        (replace(LINE, products=(Product("p", (replace(STEPS[0], materials={"x": 1}), STEPS[1]),
                                         endless=True),),
                 materials=(Material("x", 9),)), "material"),
        (replace(LINE, products=(Product("p", (replace(STEPS[0], scrap=0.1), STEPS[1]), endless=True),)),
         "loses parts"),
        (replace(LINE, centers=(WorkCenter("a"), WorkCenter("b", batch=Batch(2)))), "in batches"),
        (replace(LINE, centers=(WorkCenter("a", tools=(Tool("t", 5, Fixed(1)),)), WorkCenter("b")),
                 products=(Product("p", (replace(STEPS[0], tool="t"), STEPS[1]), endless=True),)), "tools"),
        (replace(LINE, centers=(*LINE.centers, WorkCenter("c")), products=(
            Product("p", (STEPS[0], replace(STEPS[1], alternatives=("c",))), endless=True),)),
         "alternatives"),
    ],
)  # fmt: skip
def test_what_is_no_line_is_said_to_be_none(plant: Plant, why: str) -> None:
    built = compiled(plant)
    assert why in (obstacle(built) or "")
    with pytest.raises(DomainError, match="not a line"):
        departures(built, streams.replication_key(1, 0), 3)
