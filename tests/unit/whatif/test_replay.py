"""A run as a film: to the tick what the kernel ran, without a gap, in the plant's names."""

from __future__ import annotations

from typing import Any

import pytest

from taktwin.contracts.whatif import Question, Replay, ReplayQuestion, Scenario
from taktwin.instants import SECOND_NS
from taktwin.simulation import kernel
from taktwin.simulation.compile import compiled
from taktwin.simulation.run import advance
from taktwin.simulation.scenario import Scenario as Simulated
from taktwin.simulation.scenario import applied
from taktwin.whatif.api import Situation, replay
from taktwin.whatif.model import Parameters
from taktwin.whatif.present import present
from taktwin.whatif.replay import told
from tests.unit.whatif.test_whatif import NOON, REGISTRY, order, picture

HOURS_S = 6 * 3600.0
LINES = [*order("near", 20, (20, 20, 12), due_h=1.2), *order("far", 30, due_h=20)]
FRAME = picture(press2="production", hob1="delay_own")
DOWN = {"change": "unit_down", "unit": "press2", "from_s": 600, "to_s": 3000}


def asked(scenario: str = "down", replication: int = 3, **more: Any) -> Replay:
    """Return a film of the scenario in which a machine is down."""
    scenarios = [Scenario(name="down", changes=[DOWN])]
    question = Question(scenarios=scenarios, horizon_s=HOURS_S, **more)
    whole = ReplayQuestion(question=question, scenario=scenario, replication=replication)
    return replay(whole, Situation(REGISTRY, FRAME, {"lines": LINES}, lambda: 0.0))


@pytest.mark.parametrize("changes", [[], [DOWN], [{"change": "units_added", "center": "lathe", "count": -1}]])
def test_the_film_is_the_kernels_run_to_the_tick(changes: list[dict[str, Any]]) -> None:
    here = present(REGISTRY, FRAME, {"lines": LINES}, parameters=Parameters(), horizon_s=HOURS_S)
    read = tuple(change for each in changes for change in here.names.read(each, "here"))
    plant = here.settled(applied(here.plant, Simulated("s", read))) if read else here.plant
    for replication in (0, 5):
        built = compiled(plant)
        state = advance(built, here.begin(built, 1, replication), until=plant.ticks(HOURS_S))
        run, course = told(here, plant, seed=1, replication=replication, horizon_s=HOURS_S)
        spent = [[0] * kernel.STATES for _ in built.unit_names]
        for place, unit in enumerate(built.unit_names):
            for stay in course.units[unit]:
                spent[place][stay.doing] += stay.until - stay.since
        assert spent == state["spent"].tolist()
        ended = {name: int(at) for name, at in zip(built.order_names, state["ended"], strict=True) if at >= 0}
        assert run.ended == ended and ended
        queues = [course.queues[center.name][-1][1] for center in plant.centers]
        assert queues == state["centers"]["waiting"].tolist()


def test_the_film_has_no_gap_and_speaks_of_the_plant() -> None:
    film = asked()
    assert film.state == "ready" and (film.start_ns, film.end_ns) == (NOON, NOON + round(HOURS_S) * SECOND_NS)
    assert {each.unit for each in film.units} <= {str(each.id) for each in REGISTRY.work_units}
    for unit in film.units:
        assert (unit.spans[0].from_ns, unit.spans[-1].to_ns) == (film.start_ns, film.end_ns)
        assert all(a.to_ns == b.from_ns for a, b in zip(unit.spans, unit.spans[1:], strict=False))
    press = next(each for each in film.units if each.unit == "press2")
    downs = [each for each in press.spans if each.time_class == "delay_own"]
    assert [((each.from_ns - NOON) / SECOND_NS, (each.to_ns - NOON) / SECOND_NS) for each in downs] == [
        (600.0, 3000.0)
    ]
    assert {each.order for each in press.spans if each.time_class == "production"} == {"near", "far"}
    hob = next(each for each in film.units if each.unit == "hob1")
    assert [each.time_class for each in hob.spans][:1] == ["delay_own"]
    assert {each.order: each.done_ns > 0 for each in film.orders} == {"near": True, "far": True}
    store = next(each for each in film.buffers if each.buffer == "adhesive_press2")
    assert len(store.from_ns) == len(store.content) and max(store.content) > 0
    assert sorted(store.from_ns) == store.from_ns


def test_doing_nothing_has_a_film_of_its_own_and_a_question_that_cannot_be_is_refused() -> None:
    nothing = asked("")
    press = next(each for each in nothing.units if each.unit == "press2")
    assert "delay_own" not in {each.time_class for each in press.spans}
    assert "'up', which the question does not have: expected one of down" in asked("up").reason
    assert "replication: 30: expected 0 to 29" in asked("down", 30).reason


def test_an_order_is_done_in_the_film_though_some_of_its_parts_are_scrapped() -> None:
    worse = {"change": "yield_set", "product": "EA-100", "step": "@last", "good": 0.5}
    question = Question(scenarios=[Scenario(name="worse", changes=[worse])], horizon_s=HOURS_S)
    film = replay(
        ReplayQuestion(question=question, scenario="worse", replication=0),
        Situation(REGISTRY, FRAME, {"lines": LINES}, lambda: 0.0),
    )
    assert {each.order: each.done_ns > 0 for each in film.orders} == {"near": True, "far": True}
