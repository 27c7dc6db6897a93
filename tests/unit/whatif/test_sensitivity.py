"""What an answer depends on: bars whose sign and size are known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from taktwin.contracts.state import BufferDocument, Frame
from taktwin.contracts.whatif import Bar, Question, Scenario, Sensitivity, SensitivityQuestion
from taktwin.simulation.changes import Change
from taktwin.simulation.model import Operator, Plant, WorkCenter
from taktwin.whatif import kept
from taktwin.whatif.api import Situation, sensitivity
from taktwin.whatif.guesses import guesses
from taktwin.whatif.model import Parameters
from taktwin.whatif.present import present
from tests.unit.whatif.test_calibrate import MEASURED
from tests.unit.whatif.test_whatif import REGISTRY, order, picture

LINES = order("near", 20, (20, 20, 12), due_h=1.2)


def asked(
    frame: Frame, indicator: str = "parts_done", scenario: str = "", horizon_s: float = 3600.0, **more: Any
) -> Sensitivity:
    """Return the tornado of the line that has 8 parts before its press and nothing else to do."""
    down = {"change": "unit_down", "unit": "press2", "from_s": 0, "to_s": 7200}
    question = Question(
        scenarios=[Scenario(name="down", changes=[down])], horizon_s=horizon_s, replications=8, deadline_s=30
    )
    whole = SensitivityQuestion(question=question, scenario=scenario, indicator=indicator)
    board = {"lines": more.pop("lines", LINES)}
    return sensitivity(whole, Situation(REGISTRY, frame, board, lambda: 0.0))


def bar(answer: Sensitivity, code: str, subject: str = "") -> Bar:
    """Return the bar of a guess."""
    return next(each for each in answer.bars if each.code == code and subject in ("", *each.subjects))


def test_longer_times_make_fewer_parts_in_the_time_and_more_of_them_wait() -> None:
    # 12 of 20 are through the press, and a quarter of an hour is too short for the others.
    answer = asked(picture(), horizon_s=900.0)
    for each in answer.bars:
        if each.code == "times":
            assert each.low >= answer.mean >= each.high
    most = answer.bars[0]
    assert most.code == "times" and most.low > most.high
    assert [abs(each.high - each.low) for each in answer.bars] == sorted(
        (abs(each.high - each.low) for each in answer.bars), reverse=True
    )


def test_who_is_silent_may_be_broken_and_then_nothing_comes_through() -> None:
    answer = asked(picture(press2="unknown"), horizon_s=1800.0)
    silent = bar(answer, "silent", "press2")
    assert (silent.low_says, silent.high_says) == ("it can work", "it has a fault")
    assert silent.low == answer.mean > silent.high
    assert "silent" not in {each.code for each in asked(picture(), horizon_s=900.0).bars}


def test_an_unknown_buffer_may_be_full() -> None:
    frame = picture(load2="production")
    buffers = [
        BufferDocument(buffer=each.buffer, content=-1, capacity=each.capacity)
        if each.buffer == "adhesive_press2" else each
        for each in frame.buffers
    ]  # fmt: skip
    answer = asked(msgspec.structs.replace(frame, buffers=buffers), lines=[], indicator="wip")
    guess = bar(answer, "buffer", "adhesive_press2")
    assert guess.low == answer.mean and guess.high > guess.low
    own = bar(answer, "own")
    assert own.low < own.high == answer.mean  # without work of its own the plant runs empty


def test_each_guess_is_wrong_the_way_that_it_says() -> None:
    here = present(
        REGISTRY, picture(load2="production"), {"lines": LINES}, parameters=kept.parameters_of(MEASURED),
        horizon_s=3600.0,
    )  # fmt: skip
    said = {each.code: each for each in guesses(here)}

    def center(changes: Sequence[Change], name: str) -> WorkCenter:
        plant = here.plant
        for change in changes:
            plant = change.on(plant)
        return next(each for each in plant.centers if each.name == name)

    def failing(changes: Sequence[Change]) -> tuple[float, float]:
        """Return how long the first lathe runs until its alarm, and how long that takes."""
        [alarm] = [each for each in center(changes, "lathe").failures_of(1) if each.name == "2207"]
        return alarm.time_to.mean_s, alarm.repair.mean_s

    to_s, repair_s = failing(())
    often, long, tools = said["failures"], said["repairs"], said["tools"]
    assert (often.low_says, often.high_says) == ("half as often", "twice as often")
    assert (failing(often.low), failing(often.high)) == ((2 * to_s, repair_s), (to_s / 2, repair_s))
    assert (long.low_says, long.high_says) == ("half as long", "twice as long")
    assert (failing(long.low), failing(long.high)) == ((to_s, repair_s / 2), (to_s, 2 * repair_s))
    assert (tools.low_says, tools.high_says) == ("half as long", "twice as long")
    assert [center(each, "grinder").tools[0].life_parts for each in (tools.low, tools.high)] == [30, 120]


def test_half_as_much_scrap_is_half_of_all_that_is_lost_and_one_less_is_one_person() -> None:
    here = present(REGISTRY, picture(), {"lines": LINES}, parameters=Parameters(), horizon_s=3600.0)
    first, *others = here.plant.products
    bad = replace(first, steps=(replace(first.steps[0], scrap=0.1, good=0.8), *first.steps[1:]))
    people = tuple(Operator(name, frozenset({"x"})) for name in "abcd")
    plant = replace(here.plant, products=(bad, *others), operators=people)
    said = {each.code: each for each in guesses(replace(here, plant=plant))}

    def made(changes: Sequence[Change]) -> Plant:
        whole = plant
        for change in changes:
            whole = change.on(whole)
        return whole

    low, high = (made(each).products[0].steps[0] for each in (said["scrap"].low, said["scrap"].high))
    assert (low.scrap, low.good) == pytest.approx((0.05, 0.9))
    assert (high.scrap, high.good) == pytest.approx((0.2, 0.6))
    assert [len(made(each).operators) for each in (said["people"].low, said["people"].high)] == [3, 5]


def test_the_scenario_is_what_is_varied() -> None:
    nothing, down = asked(picture(), horizon_s=3600.0), asked(picture(), scenario="down", horizon_s=3600.0)
    assert nothing.mean == 20 > down.mean
    # Down for longer than the horizon: no time of the press matters any more.
    assert bar(down, "times", "press2").low == bar(down, "times", "press2").high == down.mean


@pytest.mark.parametrize(
    ("more", "words"),
    [({"indicator": "happiness"}, "'happiness', which this plant does not have: expected"),
     ({"scenario": "up"}, "'up', which the question does not have")],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(more: dict[str, Any], words: str) -> None:
    answer = asked(picture(), **more)
    assert answer.state == "refused" and words in answer.reason
