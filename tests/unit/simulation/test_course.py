"""The course of a run: who did what from when to when, by hand."""

from __future__ import annotations

from taktwin.simulation.course import Stay, course
from taktwin.simulation.distributions import Fixed
from taktwin.simulation.model import Closure, Order, Plant, Product, Step, WorkCenter
from taktwin.simulation.reference import Doing, Reference
from tests.unit.simulation.plants import KEY


def test_what_a_unit_does_for_no_time_at_all_is_no_stay() -> None:
    # The mill is done with the order at the tick at which it is closed: it never stands there idle.
    plant = Plant(
        (WorkCenter("mill"),), (Product("p", (Step("cut", "mill", Fixed(50.0)),)),),
        (Order("o", "p"),), closures=(Closure("mill.1", 50.0, 80.0),), tick_s=1.0,
    )  # fmt: skip
    seen = course(Reference(plant, KEY), until=100)
    assert seen.units["mill.1"] == [
        Stay(0, 50, Doing.WORKING, "o", "p"),
        Stay(50, 80, Doing.OFF, closures=frozenset({0})),
        Stay(80, 100, Doing.IDLE),
    ]


def test_a_run_that_is_new_begins_before_it_is_looked_at() -> None:
    plant = Plant(
        (WorkCenter("mill"),), (Product("p", (Step("cut", "mill", Fixed(50.0)),)),),
        (Order("o", "p", release_s=50.0),), tick_s=1.0,
    )  # fmt: skip
    assert course(Reference(plant, KEY), until=60).units["mill.1"] == [
        Stay(0, 50, Doing.IDLE), Stay(50, 60, Doing.WORKING, "o", "p"),
    ]  # fmt: skip
