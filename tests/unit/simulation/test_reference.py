"""The reference tells a planner where the time of an order went."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from taktwin.simulation import streams
from taktwin.simulation.distributions import Fixed
from taktwin.simulation.model import (
    Calendar,
    Failure,
    Operator,
    Order,
    Plant,
    Product,
    Step,
    WorkCenter,
)
from taktwin.simulation.reference import Reference, explain

KEY = streams.replication_key(1, 0)
HOUR = 3600.0


def test_every_tick_of_an_order_is_told_with_place_and_cause() -> None:
    failure = Failure(Fixed(3 * HOUR), Fixed(2 * HOUR))
    steps = (
        Step("turn", "lathe", Fixed(2 * HOUR), family="A", move_s=HOUR),
        Step("mill", "mill", Fixed(HOUR), skill="mill"),
    )
    plant = Plant(
        (
            WorkCenter("lathe", failure=failure, calendar="day", setup_s={(None, "A"): HOUR}),
            WorkCenter("mill", 2),
        ),
        (Product("shaft", steps),),
        (Order("first", "shaft"), Order("second", "shaft", due_s=10 * HOUR)),
        (Operator("ann", frozenset({"mill"})),),
        calendars=(Calendar("day", 24 * HOUR, ((0, 8 * HOUR),)),),
    )
    # By hand: first is set up 0-1 and turned 1-3. Second is turned 3-4, breaks, is mended 4-6, turned 6-7,
    # moves 7-8, is milled 8-9.
    told = explain(plant, "second", KEY, until=plant.ticks(48 * HOUR))
    assert told.splitlines()[0] == "second: released 0.00 h, done 9.00 h, 1.00 h early"
    spans = sorted(
        (float(since), float(took), what)
        for took, what, since in re.findall(r"([\d.]+) h +\d+ %  (.*) from ([\d.]+) h", told)
    )
    assert spans == [
        (0, 3, "waiting lathe"), (3, 1, "working lathe.1"), (4, 2, "repair lathe.1"),
        (6, 1, "working lathe.1"), (7, 1, "moving to mill"), (8, 1, "working mill.1"),
    ]  # fmt: skip
    run = Reference(plant, KEY)
    run.advance(until=plant.ticks(48 * HOUR))
    for order, story in run.stories.items():
        assert sum(span.until - span.since for span in story) == run.ended[order]


def test_an_order_without_end_has_no_story_of_its_end() -> None:
    scrap = Product("p", (Step("s", "m", Fixed(10), good=0.0),))
    plant = Plant((WorkCenter("m"),), (scrap,), (Order("bad", "p"), Order("late", "p", 1, 9000.0)))
    assert explain(plant, "bad", KEY, until=1_000_000) == "bad: scrapped"
    assert explain(plant, "late", KEY, until=1_000_000) == "late: not done in time"
    with pytest.raises(KeyError):
        explain(plant, "none", KEY, until=1)


def test_the_example_of_the_page_runs() -> None:
    page = Path(__file__).parents[3] / "docs" / "explanation" / "simulation.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    ends = names["ends"]
    assert isinstance(ends, list) and len(ends) == 30 and (ends[0] > 0).all()
