"""Rules of docs/explanation/simulation.md that a hand works out on paper, asked of each engine by itself.

That both go the same way is no evidence for a rule that both have wrong.
"""

from __future__ import annotations

import pytest

from taktwin.simulation import kernel
from taktwin.simulation.distributions import Fixed
from taktwin.simulation.model import (
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
    WorkCenter,
)
from taktwin.simulation.start import JobStart, Start, Task, UnitStart
from tests.unit.simulation.plants import BOTH, Run


def made_of(work_s: float) -> Product:
    """Return a product of one step at `m`, named by its time."""
    return Product(f"p{work_s:g}", (Step("s", "m", Fixed(work_s)),))


@BOTH
def test_shortest_counts_all_parts_of_a_job(run: Run) -> None:
    # One of 10 is at work. Of five of 2 and one of 3 the one goes first: from 10 to 13, then the five to 23.
    orders = (Order("first", "p10"), Order("five", "p2", 5), Order("one", "p3"))
    products = tuple(made_of(each) for each in (10, 2, 3))
    plant = Plant((WorkCenter("m", rule=Rule.SHORTEST),), products, orders)
    assert run(plant, 100)["ended"] == [10_000, 23_000, 13_000]


@BOTH
def test_by_due_date_what_has_none_comes_last(run: Run) -> None:
    orders = (Order("first", "p10"), Order("whenever", "p10"), Order("soon", "p10", due_s=50))
    plant = Plant((WorkCenter("m", rule=Rule.DUE),), (made_of(10),), orders)
    assert run(plant, 100)["ended"] == [10_000, 30_000, 20_000]
    # So it does where they stand in the queue already when the run begins.
    at_work, *queue = (JobStart("p10", "s", order.name) for order in orders)
    start = Start(units=(UnitStart("m.1", Task.WORKING, at_work, left_s=4),), queues={"m": tuple(queue)})
    assert run(plant, 100, start)["ended"] == [4000, 24_000, 14_000]


@BOTH
@pytest.mark.parametrize(
    ("people", "ends"), [(("ann", "bob"), [5000, 5000]), (("bob", "ann"), [5000, 10_000])]
)
def test_the_first_operator_declared_who_can_is_taken(
    run: Run, people: tuple[str, ...], ends: list[int]
) -> None:
    # Only Bob can weld. Where Ann is declared before him she turns, and he is free for the second order.
    skills = {"ann": frozenset({"turn"}), "bob": frozenset({"turn", "weld"})}
    products = (
        Product("turned", (Step("s", "lathe", Fixed(5), skill="turn"),)),
        Product("welded", (Step("s", "bench", Fixed(5), skill="weld"),)),
    )
    plant = Plant(
        (WorkCenter("lathe"), WorkCenter("bench")), products, (Order("a", "turned"), Order("b", "welded")),
        operators=tuple(Operator(name, skills[name]) for name in people),
    )  # fmt: skip
    assert run(plant, 100)["ended"] == ends


@BOTH
def test_a_crew_goes_to_who_has_waited_the_longest(run: Run) -> None:
    # Three units with jobs of 8 fail after 5, 6 and 7, each repair takes 10: mended from 5, 15 and 25 on.
    fails = {n: Machine(failures=(Failure(Fixed(4 + n), Fixed(10), crew="c"),)) for n in (1, 2, 3)}
    orders = tuple(Order(f"o{n}", "p8") for n in range(3))
    plant = Plant((WorkCenter("m", 3, machines=fails),), (made_of(8),), orders, crews=(Crew("c", 1),))
    course = run(plant, 100)
    assert course["ended"] == [18_000, 27_000, 36_000]
    assert [spent[kernel.BROKEN] for spent in course["spent"]] == [0, 9000, 18_000]


@BOTH
@pytest.mark.parametrize("places", [0, 1])
def test_who_is_blocked_first_moves_up_first(run: Run, places: int) -> None:
    # Parts come from feeders at 1, 2, 3 to a bench that takes 10 each: at 11 the second goes on, at 21 the
    # third. With a place to wait there is a fourth feeder: the second waits, third and fourth are blocked.
    feeders = range(1, 4 + places)
    products = tuple(
        Product(f"p{n}", (Step("feed", f"f{n}", Fixed(n)), Step("pack", "bench", Fixed(10)))) for n in feeders
    )
    centers = (*(WorkCenter(f"f{n}") for n in feeders), WorkCenter("bench", queue_max=places))
    course = run(Plant(centers, products, tuple(Order(f"o{n}", f"p{n}") for n in feeders)), 100)
    assert course["ended"] == [11_000, 21_000, 31_000, 41_000][: 3 + places]
    blocked = [spent[kernel.BLOCKED] for spent in course["spent"]]
    assert blocked == ([0, 9000, 18_000, 0] if places == 0 else [0, 0, 8000, 17_000, 0])


@BOTH
def test_of_two_kinds_of_failure_each_is_new_after_its_own_repair_alone(run: Run) -> None:
    # Work of 18: the belt goes after 10, mended in 1; the spindle after 15 worked in all, mended in 3.
    belt, spindle = Failure(Fixed(10), Fixed(1)), Failure(Fixed(15), Fixed(3), name="spindle")
    center = WorkCenter("m", failure=belt, more_failures=(spindle,))
    course = run(Plant((center,), (made_of(18),), (Order("o", "p18"),)), 100)
    assert course["ended"] == [22_000]
    assert course["spent"][0][kernel.REPAIR] == 4000


@BOTH
def test_a_set_up_that_a_failure_interrupts_goes_on_where_it_stopped(run: Run) -> None:
    # Set up for 6, struck by the calendar at 4 and mended until 14: set up until 16, work of 1.
    product = Product("p", (Step("s", "m", Fixed(1), family="A"),))
    failure = Failure(Fixed(4), Fixed(10), FailureClock.CALENDAR)
    plant = Plant(
        (WorkCenter("m", failure=failure, setup_s={(None, "A"): 6.0}),), (product,), (Order("o", "p"),)
    )
    assert run(plant, 100)["ended"] == [17_000]


@BOTH
def test_a_job_takes_material_for_each_of_its_parts(run: Run) -> None:
    # Ten bars, two to a part: the first three parts leave four of the six that the next three take. The two
    # that are short come at 50.
    product = Product("p", (Step("s", "m", Fixed(1), materials={"bar": 2}),))
    plant = Plant(
        (WorkCenter("m"),), (product,), (Order("a", "p", 3), Order("b", "p", 3)),
        materials=(Material("bar", 10),), deliveries=(Delivery("bar", 2, 50),),
    )  # fmt: skip
    course = run(plant, 100)
    assert (course["ended"], course["stock"]) == ([3000, 53_000], [0])


@BOTH
def test_a_job_brings_each_of_its_parts_into_the_store(run: Run) -> None:
    # Four wheels in one job, from 0 to 4; two carts take two each, the third has none.
    wheel = Product("wheel", (Step("s", "lathe", Fixed(1)),), makes="wheel")
    cart = Product("cart", (Step("s", "bench", Fixed(10), materials={"wheel": 2}),))
    plant = Plant(
        (WorkCenter("lathe"), WorkCenter("bench")), (wheel, cart),
        (Order("wheels", "wheel", 4), Order("a", "cart"), Order("b", "cart"), Order("c", "cart")),
        materials=(Material("wheel"),),
    )  # fmt: skip
    course = run(plant, 100)
    assert (course["ended"], course["stock"]) == ([4000, 14_000, 24_000, kernel.OPEN_ORDER], [0])
