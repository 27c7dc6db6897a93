"""Every kind of change in the plant's names: there and back, refused with place, found and right, and run."""

from __future__ import annotations

import math
import re
from dataclasses import fields, replace
from itertools import groupby
from typing import Any

import numpy as np
import pytest

from taktwin.contracts.state import BufferDocument
from taktwin.contracts.whatif import Scenario
from taktwin.errors import TaktwinError
from taktwin.simulation import changes as c
from taktwin.simulation import experiment, kernel
from taktwin.simulation.check import ModelError
from taktwin.simulation.compile import compiled
from taktwin.simulation.model import Delivery, Material, Plant
from taktwin.simulation.reference import Doing
from taktwin.simulation.result import Runs
from taktwin.simulation.scenario import Scenario as Simulated
from taktwin.simulation.scenario import applied, change_json
from taktwin.simulation.start import reference_from
from taktwin.whatif import asking, kinds, library
from taktwin.whatif.answering import bottleneck, orders
from taktwin.whatif.indicators import OrderEnds, Requests
from taktwin.whatif.model import Parameters
from taktwin.whatif.naming import Names
from taktwin.whatif.present import Present, present
from tests.unit.whatif.test_whatif import DAY_S, REGISTRY, SECOND, ask, effect, indicator, order, picture

LINES = [*order("near", 20, (20, 20, 12), due_h=1.2), *order("far", 30, due_h=20)]
FRAME = picture(press2="production", hob1="delay_own")


@pytest.fixture(scope="module")
def here() -> Present:
    return present(REGISTRY, FRAME, {"lines": LINES}, parameters=Parameters(), horizon_s=DAY_S)


# One of each kind, as a planner of the demo plant would say it.
SAID: dict[str, dict[str, Any]] = {
    "unit_down": {"unit": "hob1", "from_s": 0, "to_s": 7200},
    "center_down": {"center": "lathe", "from_s": 0, "to_s": 7200},
    "calendar_set": {"center": "hob1", "calendar": "always"},
    "shift_added": {"center": "@all", "from_s": 0, "to_s": 3600},
    "shift_cut": {"center": "hob1", "from_s": 600, "to_s": 3600},
    "shift_stretched": {"center": "@all", "by_s": 1800},
    "order_added": {"order": {"name": "rush", "product": "EA-100", "quantity": 5, "due_s": 7200}},
    "order_series": {"name": "rush", "product": "@most", "count": 2, "quantity": 3, "due_after_s": 7200},
    "order_removed": {"order": "far"},
    "order_changed": {"order": "far", "due_s": 3600},
    "release_shifted": {"product": "EA-100", "by_s": 3600},
    "due_shifted": {"product": "@all", "by_s": -3600},
    "lot_sized": {"product": "@all", "size": 1},
    "demand_scaled": {"product": "EA-100", "times": 1.2},
    "demand_mix": {"shares": {"EA-100": 1}},
    "demand_moved": {"product": "EA-100", "to": "EA-200", "share": 0.5},
    "operators_added": {"skills": ["@all"], "count": 1},
    "people_absent": {"share": 0.2},
    "skill_learned": {"operator": "@all", "skill": "@all"},
    "crew_sized": {"crew": "@all", "people": 2},
    "rule_set": {"center": "hob1", "rule": "due"},
    "pace_scaled": {"center": "press2", "times": 1.1},
    "queue_sized": {"center": "press2", "queue_max": 3},
    "setup_scaled": {"center": "@all", "times": 0.5},
    "failure_scaled": {"center": "@all", "repair_times": 2},
    "tools_scaled": {"center": "@all", "life_times": 2},
    "uptime_set": {"center": "@all", "share": 0.92},
    "units_added": {"center": "lathe", "count": 1},
    "center_added": {"center": {"name": "laser"}},
    "product_added": {
        "product": {
            "name": "new",
            "steps": [{"name": "10", "center": "hob1", "work": {"distribution": "fixed", "mean_s": 60}}],
        }
    },
    "variant_added": {"name": "new", "like": "EA-100", "work_times": 1.3},
    "yield_set": {"product": "EA-100", "step": "30", "good": 0.9},
    "yield_scaled": {"product": "EA-100", "step": "@last", "times": 0.9},
    "rework_set": {"product": "EA-100", "step": "30", "rework_to": "20"},
    "work_scaled": {"product": "EA-100", "step": "30", "times": 1.2},
    "work_spread": {"product": "@all", "step": "@all", "cv": 0.5},
    "step_moved": {"product": "EA-100", "step": "30", "center": "press3"},
    "alternative_added": {"product": "EA-100", "step": "30", "center": "press3"},
    "move_set": {"product": "EA-100", "step": "30", "move_s": 60},
    "move_scaled": {"product": "@all", "step": "@all", "times": 2},
    "delivery_shifted": {"material": "@all", "by_s": 3600},
    "delivery_scaled": {"material": "@all", "times": 0.5},
    "stock_set": {"material": "@all", "stock": 0},
}
NOBODY = {"operator_absent"}  # the plant's model has nobody who could be away


def test_there_is_an_example_of_every_kind() -> None:
    assert SAID.keys() | NOBODY == c.KINDS.keys()


@pytest.mark.parametrize("kind", SAID)
def test_a_change_can_be_run_from_the_present_of_the_plant(here: Present, kind: str) -> None:
    changes = here.names.read({"change": kind, **SAID[kind]}, "here")
    plant = here.settled(applied(here.plant, Simulated(kind, changes)))
    built = compiled(plant)
    here.begin(built, 1, 0)  # what is under way has a place in the other plant too


@pytest.mark.parametrize("kind", sorted(SAID.keys() - {"order_removed", "order_changed"}))
def test_a_change_goes_into_the_plants_names_and_back(here: Present, kind: str) -> None:
    for change in here.names.read({"change": kind, **SAID[kind]}, "here"):
        written = here.names.written(change)
        assert here.names.read(written, "here") == (change,)
        assert not re.search(r"\b(hob1|press2)\.1", str(written))
    if kind in ("unit_down", "pace_scaled", "queue_sized", "units_added", "step_moved"):
        assert written == {"change": kind, **SAID[kind]}
        assert change_json(change)["change"] == kind


def test_scenarios_that_change_nothing_differ_by_exactly_nothing() -> None:
    nothing: list[dict[str, Any]] = [
        {"change": "pace_scaled", "center": "@all", "times": 1.0},
        {"change": "delivery_shifted", "material": "@all", "by_s": 86_400},
        {"change": "demand_scaled", "product": "@all", "times": 1.0},
        {"change": "lot_sized", "product": "@all", "size": 1},
    ]
    asked = [Scenario(name=str(n), changes=[each]) for n, each in enumerate(nothing)]
    answer = ask(FRAME, LINES, scenarios=asked, replications=4)
    for figure in answer.indicators:
        for each in figure.effects:
            assert (each.difference.mean, each.difference.half_width, each.same) == (0.0, 0.0, 1.0)
            assert each.outcome == figure.base
    assert all(outlook.base == each for outlook in answer.orders for each in outlook.scenarios)


def test_each_scenario_has_its_own_answer_in_the_sequence_of_the_question() -> None:
    asked = [
        Scenario(name="down", changes=[{"change": "unit_down", "unit": "press2", "from_s": 0, "to_s": 7200}]),
        Scenario(name="rush", changes=[{"change": "order_added", "order": SAID["order_added"]["order"]}]),
        Scenario(name="half", changes=[{"change": "order_changed", "order": "far", "quantity": 15}]),
    ]
    answer = ask(FRAME, LINES, scenarios=asked, replications=8)
    parts = indicator(answer, "parts_done")
    assert [each.scenario for each in parts.effects] == ["down", "rush", "half"]
    assert [round(each.difference.mean) for each in parts.effects] == [0, 5, -15]
    near, far, rush = answer.orders
    assert (near.base.late, [each.late for each in near.scenarios]) == (0.0, [1.0, 0.0, 0.0])
    assert [each.is_there for each in (rush.base, *rush.scenarios)] == [False, False, True, False]
    assert rush.order == "rush" and rush.scenarios[1].done_ns > 0
    assert far.scenarios[2].done_ns < far.base.done_ns
    assert near.base.done_p10_ns <= near.base.done_ns <= near.base.done_p90_ns
    late = indicator(answer, "late_orders").effects
    assert late[0].best == 0.0 and late[0].worse == 1.0
    # The same names the other way round are the same answers the other way round.
    turned = ask(FRAME, LINES, scenarios=asked[::-1], replications=8)
    assert effect(turned, "parts_done", 2).outcome == parts.effects[0].outcome


def test_a_scenario_can_be_compared_with_another_one_of_the_question_run_by_run() -> None:
    down = {"change": "unit_down", "unit": "press2", "from_s": 0, "to_s": 40_000}
    worse = {"change": "yield_scaled", "product": "EA-100", "step": "30", "times": 0.8}
    asked = [
        Scenario(name="down", changes=[down, worse]),
        Scenario(name="same", changes=[down, worse], against="down"),
        Scenario(name="worse", changes=[worse], against="same"),
    ]  # fmt: skip
    answer = ask(FRAME, LINES, scenarios=asked, replications=8)
    parts, scrap = indicator(answer, "parts_done"), indicator(answer, "scrap")
    down_, same, worse_ = parts.effects
    assert (same.difference.mean, same.difference.half_width, same.same) == (0.0, 0.0, 1.0)
    assert same.outcome == down_.outcome and down_.difference.mean < 0
    gain = worse_.outcome.mean - same.outcome.mean
    assert worse_.difference.mean == pytest.approx(gain) and gain > 0
    # A plant without scrap has the figure as soon as a scenario brings some.
    assert scrap.base.mean == 0 and scrap.effects[0].outcome.mean > 0
    with pytest.raises(TaktwinError, match="against: 'nobody': expected another one of the question"):
        ask(FRAME, LINES, scenarios=[Scenario(name="a", changes=[down], against="nobody")], replications=8)


def test_what_units_do_adds_up_and_the_bottleneck_moves() -> None:
    slow = {"change": "pace_scaled", "center": "leak2", "times": 0.1}
    answer = ask(FRAME, LINES, scenarios=[Scenario(name="slow leak", changes=[slow])], replications=4)
    for unit in answer.units:
        for shares in (unit.base, *unit.scenarios):
            told = [getattr(shares, name) for name in shares.__struct_fields__]
            assert sum(told) == pytest.approx(1.0)
    assert answer.bottleneck.base != "leak2" and answer.bottleneck.scenarios == ["leak2"]


def test_a_machine_that_is_repaired_is_as_busy_as_one_that_works() -> None:
    # It works no longer than those around it, and is under repair twice as long as it works.
    asked = [Scenario(name="broken", changes=[
        {"change": "uptime_set", "center": "tighten2", "share": 1 / 3, "repair_s": 900.0},
    ])]  # fmt: skip
    answer = ask(FRAME, order("far", 300), scenarios=asked, replications=4)
    shares = {unit.unit: unit.scenarios[0] for unit in answer.units}
    assert shares["tighten2"].working < max(each.working for each in shares.values())
    assert answer.bottleneck.base != "tighten2" and answer.bottleneck.scenarios == ["tighten2"]


def test_the_bottleneck_is_busy_for_most_of_the_time_that_it_is_on(here: Present) -> None:
    answer = experiment.compare(here.plant, (), horizon_s=60.0, replications=1)
    [runs] = answer.runs.values()
    units = [here.names.work_unit(each) for each in runs.plant.unit_names]
    runs.spent[:] = 0
    runs.spent[:, :, kernel.IDLE] = 100
    for unit, working, off in (("press2", 40, 50), ("leak2", 60, 0)):  # 80 % of its time, and 60 %
        told = runs.spent[0, units.index(unit)]
        told[[kernel.WORKING, kernel.OFF, kernel.IDLE]] = working, off, 100 - working - off
    assert bottleneck(answer, here).base == "press2"


def test_an_order_is_done_by_the_middle_and_by_the_first_and_last_tenth_of_its_runs(here: Present) -> None:
    answer = experiment.compare(here.plant, (), horizon_s=60.0, replications=1)

    class Told(Requests):
        def ends(self, runs: Runs) -> OrderEnds:
            done_s = np.array([[100.0 * n if n < 10 else math.inf] for n in range(1, 11)])
            return OrderEnds(("near",), ("EA-100",), np.array([math.inf]), done_s, done_s > 800)

    near = next(each for each in orders(answer, here, Told({})) if each.order == "near").base
    # Of ten runs it is done after 100, 200, ... 900 s, and in the last one not at all.
    assert (near.done_p10_ns, near.done_ns, near.done_p90_ns) == tuple(
        here.at_ns + second * SECOND for second in (100, 500, 900)
    )
    assert near.late == 0.2


def test_a_race_leaves_behind_who_is_worse_for_sure() -> None:
    asked = [
        Scenario(name=f"down {hours}", changes=[
            {"change": "unit_down", "unit": "press2", "from_s": 0, "to_s": hours * 3600}
        ])
        for hours in (1, 6, 10)
    ]  # fmt: skip
    answer = ask(FRAME, LINES, scenarios=asked, replications=24, race=True, indicators=["lead_time_h"])
    (lead,) = answer.indicators
    assert [each.out_after > 0 for each in lead.effects[1:]] == [True, True]
    assert all(each.replications == each.out_after for each in lead.effects if each.out_after)


def test_an_order_of_which_all_is_begun_cannot_be_taken_back(here: Present) -> None:
    with pytest.raises(ModelError, match="near, of which every part is begun: expected an order with parts"):
        here.names.read({"change": "order_removed", "order": "near"}, "here")
    with pytest.raises(ModelError, match="quantity: 5: expected 20 or more: so many parts of near are begun"):
        begun = present(REGISTRY, FRAME, {"lines": order("near", 30, (20, 20, 12))}, parameters=Parameters(),
                        horizon_s=DAY_S)  # fmt: skip
        begun.names.read({"change": "order_changed", "order": "near", "quantity": 5}, "here")


def test_of_all_orders_those_are_taken_back_of_which_something_is_not_begun(here: Present) -> None:
    gone = here.names.read({"change": "order_removed", "order": "@all"}, "here")
    assert gone == tuple(c.OrderRemoved(f"far#{number + 1}") for number in range(30))
    lines = [*order("a", 20, (20, 5)), *order("b", 3, (3,))]
    begun = present(REGISTRY, FRAME, {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S)
    with pytest.raises(
        ModelError, match="order a, of which every part is begun: expected an order with parts"
    ):
        begun.names.read({"change": "order_removed", "order": "@all"}, "here")


def test_which_orders_stay_where_all_are_taken_back_the_answer_says() -> None:
    def stay(order: str) -> list[list[str]]:
        taken = {"change": "order_removed", "order": order}
        asked = [Scenario(name="less", changes=[{"change": "pace_scaled", "center": "press2", "times": 1}]),
                 Scenario(name="gone", changes=[taken])]  # fmt: skip
        answer = ask(FRAME, LINES, scenarios=asked, horizon_s=3600)
        assert answer.validity is not None
        return [note.subjects for note in answer.validity.notes if note.code == "stay"]

    assert stay("@all") == [["near"]]
    assert stay("far") == [] == stay("@last")


def test_a_change_that_finds_nothing_to_change_is_named_in_the_answer() -> None:
    def idle(lines: list[dict[str, Any]], *changes: dict[str, Any]) -> list[list[str]]:
        asked = [Scenario(name="slow", changes=[{"change": "pace_scaled", "center": "press2", "times": 0.9}]),
                 Scenario(name="s", changes=list(changes))]  # fmt: skip
        answer = ask(FRAME, lines, scenarios=asked, horizon_s=3600, replications=1)
        assert answer.validity is not None
        return [note.subjects for note in answer.validity.notes if note.code == "idle"]

    late = {"change": "delivery_shifted", "material": "@all", "by_s": 86_400}
    away = {"change": "people_absent", "share": 0.2}
    urgent = {"change": "order_changed", "order": "@first", "priority": 9}
    sooner = {"change": "due_shifted", "product": "EA-100", "by_s": -60}
    rush = {"change": "order_added", "order": SAID["order_added"]["order"]}
    assert idle(LINES, late, urgent, away) == [["s 1 (delivery_shifted)", "s 3 (people_absent)"]]
    assert idle([], urgent, sooner) == [["s 1 (order_changed)", "s 2 (due_shifted)"]]
    assert idle([], rush, sooner) == []  # there is one by then


SERIES = {"change": "order_series", "name": "rush", "product": "EA-100"}
TOO_MUCH: dict[str, list[dict[str, Any]]] = {
    "count: 1e+07: expected 1 or more, at most 16000": [{**SERIES, "count": 10_000_000}],
    "count: 200 orders, each in 1,000 jobs: expected at most 16: 16,000 jobs": [
        {**SERIES, "count": 200, "quantity": 2000}
    ],
    "scenario s: 24,000 jobs more: expected at most 16,000 more": [
        {**SERIES, "name": f"rush {n}", "count": 12_000} for n in range(2)
    ],
    "160,001 jobs that are changed or come, in the scenarios so far: expected at most 160,000": [
        {**SERIES, "name": f"rush {n}", "count": 16_000 if n < 10 else 1} for n in range(11)
    ],
    "times: 1e+06: expected 0 or more, at most 100": [
        {"change": "demand_scaled", "product": "@all", "times": 1e6}
    ],
    "1,000,000,000 jobs that are changed or come, in the scenarios so far": [{
        "change": "order_added",
        "order": {"name": "a", "product": "EA-100", "quantity": 1_000_000_000, "lots": 1_000_000_000}}],
    "count: 20000: expected -1000 or more, at most 1000": [
        {"change": "units_added", "center": "lathe", "count": 20_000}
    ],
    "scenario s: 1,500 units more: expected at most 1,000 more": [
        {"change": "units_added", "center": "lathe", "count": 750}] * 2,
    "scenario s: 1,000,000 units more": [
        {"change": "center_added", "center": {"name": "laser", "units": 1_000_000}}],
    "priority: 1e+30: expected -1e+09 or more, at most 1e+09": [
        {"change": "order_changed", "order": "far", "priority": 10**30}],
    "every_s: 1: expected 3600, an hour, or more": [
        {"change": "shift_added", "center": "@all", "from_s": 0, "to_s": 1, "every_s": 1}],
    "to_s: 1e+15: expected": [{"change": "shift_cut", "center": "hob1", "from_s": 0, "to_s": 1e15}],
    "product.arrivals: one every 0.001 s: expected one every": [{"change": "product_added", "product": {
        **SAID["product_added"]["product"], "arrivals": {"distribution": "fixed", "mean_s": 0.001}}}],
}  # fmt: skip


@pytest.mark.parametrize("words", TOO_MUCH)
def test_a_question_that_would_take_the_room_from_all_others_is_refused_before_it_is_built(
    here: Present, words: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(words)):
        [told] = asking.scenarios([Scenario(name="s", changes=TOO_MUCH[words])], here.names)
        applied(here.plant, told)


WRONG: dict[str, dict[str, Any]] = {
    "(pace_scaled), center: 'turn1': expected 'lathe': turn1, turn2 work from one queue": {
        "change": "pace_scaled", "center": "turn1", "times": 2
    },
    "(step_moved), step: unknown operation '35': expected": {
        "change": "step_moved", "product": "EA-100", "step": "35", "center": "press3"
    },
    "(order_changed), order: unknown order 'fra': expected 'far'": {
        "change": "order_changed", "order": "fra", "due_s": 1
    },
    "calendar: unknown calendar 'three_shfits': expected 'three_shifts'": {
        "change": "calendar_set", "center": "hob1", "calendar": "three_shfits"
    },
    "unknown product 'EA-900': expected 'EA-200', or one of EA-100": {
        "change": "order_series", "name": "rush", "product": "EA-900"
    },
    "share: 1.5: expected 0 or more, at most 1": {"change": "people_absent", "share": 1.5},
    "(queue_sized).queue_mox: an unknown field: expected 'queue_max'": {
        "change": "queue_sized", "center": "hob1", "queue_max": 1, "queue_mox": 2
    },
    "(order_added), name: 'near', which there is already: expected a new name": {
        "change": "order_added", "order": {"name": "near", "product": "EA-100"}
    },
    "-1 at hob1, which has 1: expected one unit that is left": {
        "change": "units_added", "center": "hob1", "count": -1
    },
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_what_the_plant_does_not_have_is_refused_with_place_found_and_right(words: str) -> None:
    with pytest.raises(ModelError, match=re.escape(words)) as refused:
        ask(FRAME, LINES, scenarios=[Scenario(name="s", changes=[WRONG[words]])])
    assert str(refused.value).startswith("scenario s, change 1 (")


def test_a_new_order_has_a_priority_that_the_kernel_can_count() -> None:
    far_off = {"change": "order_added", "order": {"name": "a", "product": "EA-100", "priority": 10**30}}
    with pytest.raises(ModelError, match=r"order a: priority 10+: expected within 1e\+09 of 0"):
        ask(FRAME, LINES, scenarios=[Scenario(name="s", changes=[far_off])])


def test_all_mistakes_of_a_question_are_told_at_once(here: Present) -> None:
    asked = [
        Scenario(name="a", changes=[{"change": "unit_down", "unit": "x9", "from_s": 0, "to_s": 1}]),
        Scenario(name="", changes=[]),
        Scenario(name="b", changes=[{"change": "nonsense"}]),
        Scenario(name="c", changes=[{**SERIES, "product": "EA-999", "quantity": -3}]),
    ]
    with pytest.raises(ModelError) as refused:
        asking.scenarios(asked, here.names)
    assert len(refused.value.findings) == 5
    assert "unknown product 'EA-999'" in str(refused.value) and "quantity: -3" in str(refused.value)


def test_a_unit_that_is_taken_away_hands_its_job_back_to_the_queue() -> None:
    lines = order("s", 6, (2,), product="SH-100")
    frame = picture(turn1="production", turn2="production")
    now = present(REGISTRY, frame, {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S)
    taken = here_units(now, {"change": "units_added", "center": "lathe", "count": -1})
    held = [unit.job.order for unit in now.fork.start.units if unit.unit == "lathe.2" and unit.job]
    assert held and [job.order for job in taken.queues["lathe"]][:1] == held
    assert not [unit for unit in taken.units if unit.unit == "lathe.2"]


def test_a_furnace_that_is_taken_away_hands_its_whole_charge_back_to_the_queue() -> None:
    frame = picture(furnace1="production")
    [buffer] = [n for n, each in enumerate(frame.buffers) if each.buffer == "wash_furnace"]
    frame.buffers[buffer] = BufferDocument(buffer="wash_furnace", content=30, capacity=96)
    lines = order("s", 40, (40, 40, 40, 40, 10), product="SH-100")
    one = present(REGISTRY, frame, {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S)
    [unit] = [each for each in one.fork.start.units if each.unit == "furnace1.1" and each.job]
    charge = [job.order for job in (unit.job, *unit.others) if job]
    assert len(charge) == 24
    # The same with a second furnace that has the charge: the first goes on, the second is taken away.
    units = tuple(replace(each, unit="furnace1.2") if each is unit else each for each in one.fork.start.units)
    fork = replace(one.fork, start=replace(one.fork.start, units=units))
    after = replace(one.plant, orders=tuple(one.plant.orders))
    taken = replace(one, fork=fork, plant=one.fork.plant).start_of(after)
    assert [job.order for job in taken.queues["furnace1"]][:24] == charge
    assert len(taken.queues["furnace1"]) == 24 + len(one.fork.start.queues["furnace1"])


def in_turn(now: Present, *changes: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Return what nobody has begun, in its turn: order, pieces one after the other, parts in them."""
    told = tuple(each for change in changes for each in now.names.read(change, "here"))
    plant = now.settled(applied(now.plant, Simulated("s", told)))
    begun = {job.order for job in now.fork.start.jobs}
    pieces = [
        (each.belongs_to or each.name, each.quantity // each.lots)
        for each in plant.orders if each.name not in begun for _ in range(each.lots)
    ]  # fmt: skip
    turns = [(name, [size for _, size in of]) for name, of in groupby(pieces, key=lambda piece: piece[0])]
    return [(name, len(sizes), sum(sizes)) for name, sizes in turns]


def test_an_order_in_one_piece_can_be_made_smaller_and_stays_one_piece_in_its_turn() -> None:
    lines = [line for number in range(40) for line in order(f"o{number}", 500)]
    now = present(REGISTRY, picture(), {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S)
    before = in_turn(now, {"change": "order_changed", "order": "o20", "due_s": 3600})
    assert before[20] == ("o20", 1, 500) and before[0] == ("o0", 500, 500)
    after = in_turn(now, {"change": "order_changed", "order": "o20", "quantity": 400, "due_s": 3600})
    assert after == [*before[:20], ("o20", 1, 400), *before[21:]]
    whole = in_turn(now, {"change": "order_changed", "order": "o0", "quantity": 400})
    assert whole == [("o0", 400, 400), *before[1:]]


@pytest.mark.parametrize("name", ["near", "far"])
def test_more_of_an_order_comes_in_its_turn_and_before_what_the_plant_makes_by_itself(name: str) -> None:
    # Of near all is begun, of far nothing; line 3 goes on without an order.
    frame = picture(press2="production", load3="production")
    lines = [*LINES, *order("last", 4)]
    now = present(REGISTRY, frame, {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S)
    few = {"near": 20, "far": 30}[name]
    after = in_turn(now, {"change": "order_changed", "order": name, "quantity": few + 5})
    ordered = {
        "near": [("near", 5, 5), ("far", 30, 30), ("last", 4, 4)],
        "far": [("far", 35, 35), ("last", 4, 4)],
    }[name]
    assert after[: len(ordered)] == ordered
    assert after[len(ordered) :] and all(each.startswith("-EA-200@") for each, *_ in after[len(ordered) :])


def test_of_several_orders_that_a_scenario_brings_the_most_urgent_goes_first() -> None:
    now = present(REGISTRY, picture(), {"lines": order("far", 30)}, parameters=Parameters(), horizon_s=DAY_S)
    rushes = [
        {"change": "order_added",
         "order": {"name": f"rush {n}", "product": "EA-100", "quantity": 2, "priority": n}}
        for n in (1, 3, 2)
    ]  # fmt: skip
    assert in_turn(now, *rushes) == [("rush 3", 2, 2), ("rush 2", 2, 2), ("rush 1", 2, 2), ("far", 30, 30)]


@pytest.mark.parametrize("name", ["near", "far"])
def test_more_of_an_order_is_due_and_as_urgent_as_the_order_unless_a_scenario_says_otherwise(
    here: Present, name: str
) -> None:
    few, due_s = {"near": (20, 1.2 * 3600), "far": (30, 20 * 3600.0)}[name]

    def of_order(before: Any = (), after: Any = (), **said: Any) -> tuple[set[tuple[float | None, int]], int]:
        change = {"change": "order_changed", "order": name, "quantity": few + 5, **said}
        told = tuple(each for one in (*before, change, *after) for each in here.names.read(one, "here"))
        plant = here.settled(applied(here.plant, Simulated("s", told)))
        parts = [each for each in plant.orders if each.belongs_to == name]
        return {(each.due_s, each.priority) for each in parts}, sum(each.quantity for each in parts)

    assert of_order() == ({(due_s, 0)}, few + 5)
    assert of_order(due_s=3600, priority=7) == ({(3600, 7)}, few + 5)
    sooner = {"change": "due_shifted", "product": "EA-100", "by_s": -1800}
    urgent = {"change": "order_changed", "order": name, "priority": 7}
    assert of_order(before=[sooner], after=[urgent]) == ({(due_s - 1800, 7)}, few + 5)


def test_more_of_an_order_comes_when_a_scenario_lets_the_order_come(here: Present) -> None:
    change = {"change": "order_changed", "order": "far", "quantity": 35, "release_s": 7200}
    plant = here.settled(applied(here.plant, Simulated("s", here.names.read(change, "here"))))
    assert {each.release_s for each in plant.orders if each.belongs_to == "far"} == {7200}


def test_a_larger_order_is_as_late_as_the_order_was() -> None:
    larger = [{"change": "order_changed", "order": "far", "quantity": 31}]
    lines = order("far", 30, due_h=0.2)
    answer = ask(picture(), lines, scenarios=[Scenario(name="larger", changes=larger)], replications=8)
    assert effect(answer, "late_orders").same == 1.0 and indicator(answer, "late_orders").base.mean == 1.0
    [far] = answer.orders
    assert (far.base.late, [each.late for each in far.scenarios]) == (1.0, [1.0])
    assert effect(answer, "parts_done").difference.mean == 1.0


def test_a_smaller_order_loses_its_last_parts(here: Present) -> None:
    change = {"change": "order_changed", "order": "far", "quantity": 27}
    gone = here.names.read(change, "here")
    assert gone == tuple(c.OrderRemoved(f"far#{number}") for number in (30, 29, 28))


def test_the_largest_order_is_the_one_with_the_most_parts_left(here: Present) -> None:
    changed = here.names.read({"change": "order_changed", "order": "@largest", "due_s": 1}, "here")
    assert {each.order.partition("#")[0] for each in changed if isinstance(each, c.OrderChanged)} == {"far"}


def test_a_shift_that_repeats_comes_in_every_turn_that_begins_within_the_horizon(here: Present) -> None:
    shift = {"change": "shift_added", "center": "hob1", "from_s": 0, "to_s": 3600, "every_s": 36_000}
    told = here.names.read(shift, "here")  # the horizon is a day: 2.4 turns
    assert told == tuple(c.ShiftAdded("hob1", at, at + 3600) for at in (0, 36_000, 72_000))


def test_the_first_order_of_a_series_comes_at_its_first_instant(here: Present) -> None:
    series = {"change": "order_series", "name": "rush", "product": "EA-100", "count": 3, "quantity": 2,
              "first_s": 600, "every_s": 3600, "due_after_s": 7200}  # fmt: skip
    told = [each.order for each in here.names.read(series, "here") if isinstance(each, c.OrderAdded)]
    assert [(each.name, each.release_s, each.due_s, each.lots) for each in told] == [
        ("rush.1", 600, 7800, 2), ("rush.2", 4200, 11_400, 2), ("rush.3", 7800, 15_000, 2)
    ]  # fmt: skip


def test_a_change_begins_before_the_horizon_ends(here: Present) -> None:
    def down(from_s: float) -> tuple[c.Change, ...]:
        told = {"change": "unit_down", "unit": "press2", "from_s": from_s, "to_s": DAY_S + 60}
        return here.names.read(told, "here")

    assert down(DAY_S - 1)
    with pytest.raises(ModelError, match="from_s: 86400: expected a time that begins within the horizon"):
        down(DAY_S)


def test_begun_parts_take_the_due_date_and_the_priority_that_a_scenario_gives_them(here: Present) -> None:
    change = {"change": "order_changed", "order": "near", "due_s": 3600, "priority": 7}
    before = {each.name for each in here.plant.orders if each.belongs_to == "near"}
    assert before == {job.order for job in here.fork.start.jobs if job.order in before}  # all are begun
    plant = here.settled(applied(here.plant, Simulated("s", here.names.read(change, "here"))))
    assert {(each.due_s, each.priority) for each in plant.orders if each.name in before} == {(3600, 7)}
    assert before <= {each.name for each in plant.orders}


def test_who_is_blocked_waits_for_room_where_a_scenario_has_the_next_step() -> None:
    lines = order("88263", 10, (10, 8, 5))
    now = present(
        REGISTRY, picture(press2="blocked"), {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S
    )
    moved = here_units(now, {"change": "step_moved", "product": "EA-100", "step": "40", "center": "tighten3"})
    assert (now.fork.start.blocked, moved.blocked) == (
        {"tighten2": ("press2.1",)}, {"tighten3": ("press2.1",)}
    )  # fmt: skip


def test_what_is_down_now_is_repaired_although_in_the_scenario_nothing_fails(here: Present) -> None:
    change = {"change": "uptime_set", "center": "@all", "share": 1.0}
    plant = here.settled(applied(here.plant, Simulated("s", here.names.read(change, "here"))))
    failing = [each.name for each in plant.centers if each.failures]
    assert failing == ["hob1"]  # it alone is down
    run = reference_from(plant, here.start_of(plant), 1)
    run.advance(until=plant.ticks(DAY_S / 2))
    [hob] = [each for each in run._units if each.name == "hob1.1"]
    assert hob.state() not in (Doing.BROKEN, Doing.REPAIR)


def here_units(now: Present, change: dict[str, Any]) -> Any:
    """Return where the plant with a change begins."""
    plant = now.settled(applied(now.plant, Simulated("s", now.names.read(change, "here"))))
    compiled(plant)
    return now.start_of(plant)


# -- what can be asked


def test_every_kind_of_change_is_described_with_all_its_fields() -> None:
    found = {each.change: each for each in kinds.kinds()}
    assert found.keys() == c.KINDS.keys()
    for kind in found.values():
        assert kind.label and kind.text.endswith(".")
        assert [each.name for each in kind.fields] == [each.name for each in fields(c.KINDS[kind.change])]
    down = {each.name: each for each in found["unit_down"].fields}
    assert (down["unit"].type, down["unit"].names, down["to_s"].unit) == ("name", "unit", "s")
    queue = {each.name: each for each in found["queue_sized"].fields}["queue_max"]
    assert (queue.type, queue.nullable, queue.least) == ("integer", True, 0)


def test_names_are_those_of_the_plant(here: Present) -> None:
    names = kinds.names(here.names)
    used = {each.names for kind in kinds.kinds() for each in kind.fields} - {""}
    assert used <= names.keys()
    assert {"hob1", "turn2", "@bottleneck"} <= {each.name for each in names["unit"]}
    assert {"lathe", "hob1"} <= {each.name for each in names["center"]}
    assert [each.name for each in names["order"]][:2] == ["near", "far"]
    assert "three_shifts" in {each.name for each in names["calendar"]}
    assert all(each.text for told in names.values() for each in told)


def test_late_or_less_can_be_only_what_is_delivered(here: Present) -> None:
    stocked = replace(here.fork.plant, materials=(Material("bar", 5), Material("oil", 1)))
    bars = replace(stocked, deliveries=(Delivery("bar", 10, 600.0),))

    def known(plant: Plant) -> Names:
        fork = replace(here.fork, plant=plant)
        return Names(REGISTRY, here.model, fork, {}, now_ns=here.at_ns, horizon_s=DAY_S)

    [asked] = {
        each.names for kind in kinds.kinds() if kind.group == "material" and kind.change != "stock_set"
        for each in kind.fields if each.label == "material"
    }  # fmt: skip
    told = [{each.name for each in kinds.names(known(plant))[asked]} for plant in (stocked, bars)]
    assert told == [{"@all"}, {"@all", "bar"}]  # the page offers no kind that could name only a selector
    late = {"change": "delivery_shifted", "material": "bar", "by_s": 3600}
    assert known(bars).read(late, "here") == (c.DeliveryShifted("bar", 3600),)
    with pytest.raises(ModelError, match="unknown delivered material 'oil': expected one of bar"):
        known(bars).read({**late, "material": "oil"}, "here")
    assert known(bars).read({"change": "stock_set", "material": "oil", "stock": 0}, "here")


def test_the_library_fits_the_plant_and_each_of_its_questions_can_be_asked(here: Present) -> None:
    found = library.scenarios(here, REGISTRY.time_zone)
    assert len(found) > 60 and {each.group for each in found} >= {"machines", "demand", "new model"}
    assert "supplier 1 day late" not in {each.name for each in found}  # no delivery is in the model
    for each in found:
        asked = [Scenario(name=each.name, changes=each.changes, asks=each.asks)]
        wide = present(REGISTRY, FRAME, {"lines": LINES}, parameters=Parameters(), horizon_s=each.horizon_s)
        assert asking.scenarios(asked, wide.names)


def test_a_shift_of_the_library_is_on_the_next_such_day(here: Present) -> None:
    saturday = next(
        each for each in library.scenarios(here, REGISTRY.time_zone) if each.name == "Saturday, all"
    )
    (shift,) = saturday.changes
    # The picture is of a Wednesday, 10:30 in Berlin: Saturday 6:00 is 67.5 hours away.
    assert (shift["from_s"], shift["to_s"]) == (67.5 * 3600, 75.5 * 3600)
    assert saturday.horizon_s >= shift["to_s"]


def test_a_new_product_goes_over_a_new_machine_and_its_order_is_done() -> None:
    work = {"distribution": "lognormal", "mean_s": 60, "cv": 0.1}
    laser = {"change": "center_added", "center": {"name": "laser", "units": 2, "queue_max": None, "pace": 1}}
    route = [{"name": "10", "center": "laser", "work": work}, {"name": "20", "center": "hob1", "work": work}]
    order = {"name": "rush", "product": "new", "quantity": 3, "release_s": 0, "due_s": 86_400, "priority": 0}
    changes = [
        laser, {"change": "product_added", "product": {"name": "new", "steps": route}},
        {"change": "order_added", "order": order},
    ]  # fmt: skip
    answer = ask(picture(), scenarios=[Scenario(name="new", changes=changes)])
    (rush,) = [each for each in answer.orders if each.order == "rush"]
    assert rush.scenarios[0].done_ns > 0 and not rush.base.is_there
    # Of another scenario it is none, and one that nobody adds is refused as before.
    with pytest.raises(TaktwinError, match="laser"):
        ask(picture(), scenarios=[Scenario(name="new", changes=changes[1:])])
