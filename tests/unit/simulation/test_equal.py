"""The compiled kernel and the plain reference go the same way, tick for tick, on any plant."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taktwin.simulation import reference
from taktwin.simulation.compile import compiled
from taktwin.simulation.model import Plant, Step
from taktwin.simulation.reference import Doing, Kind, Reference, _Center, _Job, _Mode, _Unit
from taktwin.simulation.state import fresh
from tests.unit.simulation.effects import EFFECTS, Observed
from tests.unit.simulation.plants import Choices, a_plant, assert_same_course, plants

PLANTS = int(os.environ.get("TAKTWIN_SIMULATION_PLANTS", "500"))
SAMPLE = 300
UNTIL_S = 300.0


def assert_same_way(number: int, *, surely_by_order: bool = False) -> None:
    """Compare both engines on the plant that a number makes."""
    plant = a_plant(Choices.of_seed(number), surely_by_order=surely_by_order)
    try:
        assert_same_course(plant, seed=number, until_s=UNTIL_S)
    except AssertionError as different:
        raise AssertionError(f"plant number {number}: {plant}\n{different}") from different


def test_kernel_and_reference_go_the_same_way() -> None:
    for number in range(PLANTS):
        assert_same_way(number)


@settings(
    max_examples=PLANTS // 5, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(plant=plants(), seed=st.integers(0, 2**32))
def test_they_do_on_the_smallest_plant_that_hypothesis_can_find(plant: Plant, seed: int) -> None:
    assert_same_course(plant, seed=seed, until_s=UNTIL_S)


def test_the_random_plants_do_what_they_are_there_for() -> None:
    # What a plant declares says little: of the plants before these a third never finished a job. So it is
    # counted what took effect, in each plant once.
    seen: Counter[str] = Counter()
    for number in range(SAMPLE):
        plant = a_plant(Choices.of_seed(number))
        run = Observed(plant, fresh(compiled(plant), seed=number).key)
        run.advance(until=plant.ticks(UNTIL_S))
        seen.update(run.effects())
    assert set(seen) <= set(EFFECTS)
    least = dict.fromkeys(EFFECTS, 0.05) | {"jobs done": 0.9, "rework": 0.3, "a furnace by order": 0.08}
    assert {name: seen[name] / SAMPLE for name in EFFECTS if seen[name] < least[name] * SAMPLE} == {}


def _first_in_queue_is_last(self: Reference, center: _Center, unit: _Unit) -> _Job:
    return center.queue[-1]


def _one_place_more(self: _Center) -> bool:
    return self.model.queue_max is not None and len(self.queue) > self.model.queue_max


def _pause_forgets(self: Reference, unit: _Unit) -> None:
    if unit.ends is not None:
        unit.left = unit.ends - self.now
        unit.worked -= unit.left
        unit.rest, unit.ends = 0, None
        self._at(Kind.UNIT, unit.place, None)


def _calls_in_sequence_of_units(self: Reference) -> None:
    self._calling.sort(key=lambda unit: -unit.place)
    _ANSWER(self)


def _operators_go_to_units_that_are_off(self: Reference) -> None:
    for unit in self._calling:
        assert unit.job
        if not unit.is_down and not self._lacking(unit.job):
            self._calling.remove(unit)
            self._begin = unit
            return
    self._is_called = False


def _repaired_and_as_worn_as_before(self: Reference, unit: _Unit, mode: _Mode) -> None:
    mode.drawn = max(mode.drawn - 1, 0)
    _RENEW(self, unit, mode)


def _material_for_one_part(self: Reference, unit: _Unit, job: _Job) -> None:
    _SERVE(self, unit, job)
    for name, pieces in job.at.materials.items():
        self.stock[name] += pieces * (job.quantity - 1)


def _on_when_two_closures_meet(self: _Unit) -> bool:
    return self.on_shift and len(self.closures) != 2


def _a_tool_for_one_part_more(self: _Mode) -> bool:
    return self.owed > 0 or (self.tool is not None and self.parts < 0)


def _the_last_failure_first(self: _Unit) -> _Mode | None:
    worn = [each for each in self.modes if each.failure and not each.is_by_calendar]
    return max(worn, key=lambda each: each.strikes, default=None)


def _least_preferred_first(step: Step) -> tuple[str, ...]:
    return (*step.alternatives, step.center)


def _a_furnace_that_never_waits_long(self: Reference, center: _Center) -> None:
    self._at(Kind.BATCH, self.plant.centers.index(center.model), None)


def _whoever_is_free(self: Reference, step: Step) -> list[int]:
    return [place for place in sorted(self._free) if step.skill in self.plant.operators[place].skills]


def _a_price_from_the_next_tick_on(self: Reference, since: int, until: int) -> int:
    return _PRICE(self, since + 1, until + 1) if self.plant.tariff else 0


def _a_lot_is_the_order(self: Reference, job: _Job, good: int, fate: set[str]) -> None:
    if job.order:
        self.lots_left[job.order.name] = 1
    _LOT_OVER(self, job, good, fate)


def _all_parts_of_a_job_alike(self: Reference, step: Step, whom: int, passes: int, part: int) -> bool:
    return _IS_LOST(self, step, whom, passes, 0)


def _any_order_at_once(self: Reference, unit: _Unit, job: _Job) -> bool:
    return unit.shown is Doing.IDLE


def _the_first_unit_is_the_best(self: Reference, unit: _Unit, step: Step) -> int:
    return 0


def _patience_from_now_on(self: Reference, unit: _Unit) -> list[_Job]:
    unit.waits_since = self.now
    return _NEXT_OF_ORDER(self, unit)


def _scrap_still_comes(self: Reference, job: _Job, follows: int | None, source: _Unit | None) -> None:
    if follows is not None:
        _PASSED(self, job, follows, source)


_NEXT_OF_ORDER, _PASSED = Reference._next_of_order, Reference._passed
_PRICE, _LOT_OVER, _IS_LOST = Reference._price_of, Reference._lot_over, Reference._is_lost
_SERVE = Reference._serve
_ANSWER, _RENEW = Reference._answer_a_call, Reference._renew

BY_ORDER = {
    "orders mixed at one unit": (Reference, "_takes_at_once", _any_order_at_once),
    "every order at the first unit": (Reference, "_open_work", _the_first_unit_is_the_best),
    "patience from the last look on": (Reference, "_next_of_order", _patience_from_now_on),
    "waiting for what was scrapped": (Reference, "_passed", _scrap_still_comes),
}
MISTAKES = BY_ORDER | {
    "the newest job first": (Reference, "_choose", _first_in_queue_is_last),
    "a place too many in each queue": (_Center, "is_full", property(_one_place_more)),
    "a pause that forgets the failure to come": (Reference, "_pause", _pause_forgets),
    "operators to the last unit first": (Reference, "_answer_a_call", _calls_in_sequence_of_units),
    "operators to units that are off": (Reference, "_answer_a_call", _operators_go_to_units_that_are_off),
    "material for one part of the job": (Reference, "_serve", _material_for_one_part),
    "two closures that cancel out": (_Unit, "is_on", property(_on_when_two_closures_meet)),
    "a tool for one part more": (_Mode, "is_due", property(_a_tool_for_one_part_more)),
    "the last of several failures": (_Unit, "wearing", property(_the_last_failure_first)),
    "alternatives the other way round": (reference, "centers_of", _least_preferred_first),
    "a furnace that never waits long": (Reference, "_wake", _a_furnace_that_never_waits_long),
    "operators who never go home": (Reference, "_able", _whoever_is_free),
    "prices a tick too late": (Reference, "_price_of", _a_price_from_the_next_tick_on),
    "a lot that is its order": (Reference, "_lot_over", _a_lot_is_the_order),
    "all parts of a job alike": (Reference, "_is_lost", _all_parts_of_a_job_alike),
    "each failure the first one": (Reference, "_renew", _repaired_and_as_worn_as_before),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, wrong = MISTAKES[mistake]
    monkeypatch.setattr(place, name, wrong)

    with pytest.raises(AssertionError, match="plant number"):
        for number in range(600):
            assert_same_way(number, surely_by_order=mistake in BY_ORDER)
