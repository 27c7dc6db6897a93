"""The present of the demo plant, run forward: what is laid out where, and what a machine down comes to."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from taktwin.contracts.state import BufferDocument, Frame, UnitDocument
from taktwin.contracts.whatif import Comparison, Effect, Indicator, Question, Scenario
from taktwin.errors import TaktwinError
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.simulation.changes import DemandScaled
from taktwin.simulation.check import checked
from taktwin.simulation.model import Batch
from taktwin.simulation.scenario import Scenario as SimulationScenario
from taktwin.simulation.scenario import applied
from taktwin.simulation.start import Task, reference_from
from taktwin.simulation.streams import replication_key
from taktwin.whatif.answering import spreads
from taktwin.whatif.api import Situation, compare
from taktwin.whatif.engine import answered
from taktwin.whatif.fork import Forked, forked
from taktwin.whatif.model import Parameters, Translated, translated
from taktwin.whatif.present import present

ROOT = Path(__file__).parents[3]
REGISTRY = open_plant(ROOT / "examples" / "plants" / "northfield")
SECOND = 10**9
NOON = int(datetime(2026, 11, 11, 9, 30, tzinfo=UTC).timestamp()) * SECOND  # a Wednesday, early shift
DAY_S = 86_400.0


def picture(at_ns: int = NOON, **classes: str) -> Frame:
    """Return what the twin says: everything idle without an order and empty, but for some classes."""
    units = [
        UnitDocument(unit=str(unit.id), time_class=classes.get(str(unit.id), "down_no_order"),
                     since_ns=at_ns - 30 * SECOND)
        for unit in REGISTRY.work_units
    ]  # fmt: skip
    empty = [BufferDocument(buffer=each.id, content=0, capacity=each.capacity) for each in REGISTRY.buffers]
    return Frame(sequence=1, at_ns=at_ns, units=units, buffers=empty, state_hash="ab" * 32)


def order(
    request: str, quantity: int, good: tuple[int, ...] = (), *, product: str = "EA-100", due_h: float = 0.0
) -> list[dict[str, Any]]:
    """Return the open job orders of an order with what they have made; those that are done are over."""
    operations = REGISTRY.routings[REGISTRY.products[product].routing].operations
    made = (*good, *[0] * len(operations))[: len(operations)]
    due_ns = NOON + round(due_h * 3600 * SECOND) if due_h else 0
    return [
        {"request": request, "product": product, "operation": (place + 1) * 10, "quantity": quantity,
         "good": made[place], "scrap": 0, "due_ns": due_ns,
         "state": "Running" if 0 < made[place] < quantity else "AllowedToStart",
         "work_unit": operation.equipment[0] if operation.equipment and made[place] else ""}
        for place, operation in enumerate(operations) if made[place] < quantity
    ]  # fmt: skip


def model(at_ns: int = NOON, horizon_s: float = DAY_S) -> Translated:
    """Return the demo plant in the simulation's words."""
    return translated(REGISTRY, Parameters(), now_ns=at_ns, horizon_s=horizon_s)


def fork(frame: Frame, *lines: list[dict[str, Any]]) -> Forked:
    """Return the demo plant as it stands in a picture."""
    board = {"lines": [line for each in lines for line in each]}
    return forked(REGISTRY, model(), frame, board, horizon_s=DAY_S)


def down(unit: str, for_s: float, from_s: float = 0.0) -> list[Scenario]:
    """Return the scenario of a machine that is down."""
    change = {"change": "unit_down", "unit": unit, "from_s": from_s, "to_s": from_s + for_s}
    return [Scenario(name="down", changes=[change])]


def ask(frame: Frame, *lines: list[dict[str, Any]], scenarios: list[Scenario], **question: Any) -> Comparison:
    """Return the answer about 12 runs."""
    told: dict[str, Any] = {"replications": 12, "horizon_s": DAY_S / 2, "deadline_s": 30.0, **question}
    asked = Question(scenarios=scenarios, **told)
    board = {"lines": [line for each in lines for line in each]}
    return answered(asked, Situation(REGISTRY, frame, board, lambda: 0.0))


def indicator(answer: Comparison, name: str) -> Indicator:
    """Return one figure of an answer."""
    return next(each for each in answer.indicators if each.name == name)


def effect(answer: Comparison, name: str, scenario: int = 0) -> Effect:
    """Return one figure of one of its scenarios."""
    return indicator(answer, name).effects[scenario]


# -- the plant


def test_the_demo_plant_has_a_model_without_mistakes() -> None:
    found = model()
    centers = {each.name: each for each in found.centers}
    assert centers["lathe"].units == 2 and found.unit_of["turn2"] == "lathe.2"
    assert centers["hob1"].queue_max == 20 and centers["lathe"].queue_max is None
    assert centers["hob1"].setup_s == {("100", "200"): 1500.0, ("200", "100"): 1500.0}
    assert "compressor1" not in found.unit_of
    forked_plant = fork(picture()).plant
    assert not checked(forked_plant)
    assert {note.code for note in found.notes} >= {"times", "failures", "batch", "people", "tools", "store"}


def test_who_needs_no_set_up_leaves_one_to_who_comes_after_it() -> None:
    route = REGISTRY.routings["shaft-200"]
    hob = msgspec.structs.replace(route.operations[1], setup_s=0.0)
    easy = msgspec.structs.replace(route, operations=[route.operations[0], hob, *route.operations[2:]])
    registry = replace(REGISTRY, routings={**REGISTRY.routings, "shaft-200": easy})
    found = translated(registry, Parameters(), now_ns=NOON, horizon_s=DAY_S)
    [hobber] = [each for each in found.centers if each.name == "hob1"]
    assert hobber.setup_s == {("200", "100"): 1500.0}
    assert [found.product(name).steps[1].family for name in ("SH-100", "SH-200")] == ["100", "200"]
    assert found.product("SH-100").steps[2].family is None, "nobody is set up for deburring"


def test_a_set_up_under_way_takes_what_set_ups_were_measured_to_take() -> None:
    found = model()
    centers = tuple(
        replace(each, setup_s={("100", "200"): 700.0, ("200", "100"): 900.0}) if each.name == "hob1" else each
        for each in found.centers
    )
    lines = {"lines": order("s", 10, (10, 2), product="SH-100")}
    there = forked(REGISTRY, replace(found, centers=centers), picture(hob1="set_up"), lines, horizon_s=DAY_S)
    [hob] = [each for each in there.start.units if each.unit == "hob1.1"]
    assert (hob.task, hob.left_s) == (Task.SETUP, 870.0), "it began 30 s ago"


def test_to_a_product_without_a_family_and_from_it_is_a_set_up_as_in_the_mes_schedule() -> None:
    bare = msgspec.structs.replace(REGISTRY.products["SH-100"], setup_family="")
    registry = replace(REGISTRY, products={**REGISTRY.products, "SH-100": bare})
    found = translated(registry, Parameters(), now_ns=NOON, horizon_s=DAY_S)
    [hobber] = [each for each in found.centers if each.name == "hob1"]
    assert hobber.setup_s == {("", "200"): 1500.0, ("200", ""): 1500.0}
    assert [found.product(name).steps[1].family for name in ("SH-100", "SH-200")] == ["", "200"]
    lines = order("s", 10, (10, 2), product="SH-100")
    there = forked(registry, found, picture(hob1="set_up"), {"lines": lines}, horizon_s=DAY_S)
    [hob] = [each for each in there.start.units if each.unit == "hob1.1"]
    assert (hob.task, hob.family) == (Task.SETUP, "")


def test_a_charge_takes_its_whole_time_and_as_many_parts_as_the_furnace_has_room_for() -> None:
    harden = model().product("SH-100").steps[4]
    assert (harden.work.mean_s, harden.move_s) == (1008, 0)
    [furnace] = [each for each in model().centers if each.name == harden.center]
    assert furnace.batch == Batch(24, 24, 1008) and furnace.queue_max is None


@pytest.mark.parametrize(
    ("at", "hours"),
    [("2026-10-24T22:00:00Z", 0.0), ("2026-03-29T00:00:00Z", 0.5), ("2026-10-25T20:00:00Z", 2.25)],
)
def test_calendars_are_those_of_the_plant_on_the_nights_of_clock_changes_too(at: str, hours: float) -> None:
    at_ns = int(datetime.fromisoformat(at).timestamp()) * SECOND
    calendar = next(each for each in model(at_ns, 12 * 3600.0).calendars if each.name == "three_shifts")
    planned = sum(min(b, 12 * 3600.0) - a for a, b in calendar.on_s if a < 12 * 3600.0)
    exact = REGISTRY.calendars["three_shifts"].planned_intervals(at_ns, at_ns + 12 * 3600 * SECOND)
    assert planned == sum(b - a for a, b in exact) / SECOND
    assert calendar.period_s > 12 * 3600


@pytest.mark.parametrize("name", ["late_orders", "parts_done", "wip", "lead_time_h", "scrap"])
def test_a_figure_that_is_asked_for_alone_is_the_one_among_all(name: str) -> None:
    asked = [Scenario(name="bad", changes=[
        {"change": "yield_scaled", "product": "SH-100", "step": "10", "times": 0.8},
        {"change": "unit_down", "unit": "hob1", "from_s": 0.0, "to_s": 7200.0},
    ])]  # fmt: skip
    lines = order("o1", 60, (30, 20, 10), product="SH-100", due_h=3.0)
    whole = indicator(ask(picture(), lines, scenarios=asked), name)
    alone = ask(picture(), lines, scenarios=asked, indicators=[name]).indicators
    assert alone == [whole]


# -- the present


def test_parts_of_an_order_lie_where_the_counts_have_them() -> None:
    found = fork(picture(tighten2="starved"), order("88263", 10, (10, 6, 5, 5, 2)))
    queues = {center: len(jobs) for center, jobs in found.start.queues.items()}
    assert queues == {"adhesive2": 4, "press2": 1, "leak2": 3, "vision2": 2}
    assert found.wanted[0].parts == 10
    assert found.request_of == (0,) * 10
    assert not found.notes


def test_parts_that_nobody_has_begun_wait_before_the_line_in_the_sequence_of_the_mes() -> None:
    found = fork(picture(), order("b", 3), order("a", 2))
    assert not found.start.queues
    assert [each.name for each in found.plant.orders] == ["b#1", "b#2", "b#3", "a#1", "a#2"]


def test_orders_that_nobody_gets_to_go_in_one_piece_and_what_is_near_part_by_part() -> None:
    # What is open at its last operation only takes nothing from the room that the first machine has.
    packed = [order(f"packed{number}", 200, (200,) * 7 + (20,)) for number in range(40)]
    waiting = [order(str(number), 500) for number in range(40)]
    begun = order("begun", 500, (100, 80))
    urgent = [{**line, "priority": 5} for line in order("urgent", 500)]
    found = fork(picture(), *packed, *waiting, begun, urgent)
    sizes: dict[str, list[int]] = {}
    for each in found.plant.orders:
        sizes.setdefault(each.name.partition("#")[0], []).append(each.quantity)
    assert {
        name: sum(each) for name, each in sizes.items() if not name.startswith("packed")
    } == dict.fromkeys([*map(str, range(40)), "begun", "urgent"], 500)
    whole = [name for name, each in sizes.items() if each == [500]]
    single = [name for name, each in sizes.items() if set(each) == {1}]
    assert set(whole) | set(single) == set(sizes)
    near = [name for name in single if name.isdigit()]
    assert {"begun", "urgent", "packed0", "packed39"} <= set(single)
    assert [*near, *whole] == [str(number) for number in range(40)]  # in the sequence of the MES
    first = model().product("EA-100").steps[0]
    units = next(each.units for each in model().centers if each.name == first.center)
    assert len(whole) > 10 and (len(near) + 1) * 500 >= 1.5 * units * DAY_S / first.work.mean_s


def test_each_machine_gets_to_what_is_bound_to_it_however_long_the_list_of_the_other_is() -> None:
    def bound(request: str, unit: str) -> list[dict[str, Any]]:
        first, *others = order(request, 500, product="SH-100")
        return [{**first, "work_unit": unit}, *others]

    lines = [bound(f"left{number}", "turn1") for number in range(40)]
    lines += [bound(f"right{number}", "turn2") for number in range(20)]
    found = fork(picture(), *lines)
    whole = {each.name.partition("#")[0] for each in found.plant.orders if each.quantity == 500}
    near = {each.name.partition("#")[0] for each in found.plant.orders if each.quantity == 1}
    assert "left0" in near and "right0" in near and {"left39", "right19"} <= whole
    assert sum(name.startswith("left") for name in near) == sum(name.startswith("right") for name in near)


@pytest.mark.parametrize(
    ("counted_s", "rejected_s", "elapsed_s"),
    [(12, 100, 12.0), (300, 300, 30.0), (25, 10, 10.0)],  # it works for 30 s
)
def test_what_a_machine_has_in_hand_is_worked_on_since_the_last_part_or_since_work_began(
    counted_s: int, rejected_s: int, elapsed_s: float
) -> None:
    role_of = {str(s.role): s.index for s in REGISTRY.signals if s.equipment == "press2"}
    frame = msgspec.structs.replace(
        picture(press2="production"), signals=[role_of["good_count"], role_of["reject_count"]], values=[7, 1],
        source_ns=[NOON - counted_s * SECOND, NOON - rejected_s * SECOND],
    )  # fmt: skip
    found = fork(frame, order("88263", 10, (10, 8, 5)))
    press = next(each for each in found.start.units if each.unit == "press2.1")
    assert press.task is Task.WORKING and press.elapsed_s == elapsed_s
    assert press.job is not None and press.job.step == "30"
    assert len(found.start.queues["press2"]) == 2


def test_parts_that_lie_nowhere_were_scrapped_where_the_order_is_over() -> None:
    # All 10 were bad at the leak test, whose job order is closed and off the board: nobody looks at them.
    found = fork(picture(), order("bad", 10, (10, 10, 10, 10, 10)), order("new", 3))
    assert "vision2" not in found.start.queues and found.wanted[0].parts == 0
    assert [(note.code, note.subjects) for note in found.notes] == [("nowhere", ["bad"]), ("gone", ["bad"])]
    # A buffer that holds them, or somebody who has begun, says that they are there.
    frame = picture()
    frame = msgspec.structs.replace(frame, buffers=[
        msgspec.structs.replace(each, content=10 if each.buffer == "leak_vision2" else 0)
        for each in frame.buffers
    ])  # fmt: skip
    assert len(fork(frame, order("bad", 10, (10, 10, 10, 10, 10))).start.queues["vision2"]) == 10
    assert len(fork(picture(), order("bad", 10, (10, 10, 10, 10, 10, 1))).start.queues["vision2"]) == 9


def test_a_machine_with_a_fault_is_under_repair_for_as_long_as_it_stands() -> None:
    found = fork(picture(hob1="delay_own"))
    assert [(each.is_down, each.down_s) for each in found.start.units if each.unit == "hob1.1"] == [
        (True, 30.0)
    ]


def test_what_is_bad_at_the_first_operation_is_made_again_and_what_is_bad_behind_it_is_gone() -> None:
    def left(*scrap: int) -> dict[str, int]:
        """Return how many parts of ten wait where: six are through the first operation, two through both."""
        lines = [
            {**line, "scrap": bad}
            for line, bad in zip(order("x", 10, (6, 2)), (*scrap, *[0] * 8), strict=False)
        ]
        found = fork(picture(), lines)
        assert found.wanted[0].parts == len(found.plant.orders)
        queues = {center: len(jobs) for center, jobs in found.start.queues.items()}
        return {"load2": len(found.plant.orders) - sum(queues.values()), **queues}

    assert left(0, 0) == {"load2": 4, "adhesive2": 4, "press2": 2}
    assert left(3, 0) == {"load2": 4, "adhesive2": 4, "press2": 2}
    assert left(3, 1) == {"load2": 4, "adhesive2": 3, "press2": 2}


@pytest.mark.parametrize(("since_s", "left_s"), [(30, 1470.0), (1500, 0.0), (9000, 0.0)])
def test_a_set_up_under_way_goes_on_for_what_is_left_of_its_standard(since_s: int, left_s: float) -> None:
    frame = picture(hob1="set_up")
    [place] = [n for n, each in enumerate(frame.units) if each.unit == "hob1"]
    frame.units[place] = msgspec.structs.replace(frame.units[place], since_ns=NOON - since_s * SECOND)
    found = fork(frame, order("s", 10, (10, 2), product="SH-100"))
    [hob] = [each for each in found.start.units if each.unit == "hob1.1"]
    assert hob.job is not None and (hob.task, hob.job.step, hob.left_s) == (Task.SETUP, "20", left_s)
    assert hob.family == "100", "it is set up for the parts behind it too"


def test_an_order_that_comes_later_is_in_nobodys_hand_yet() -> None:
    came_ns = NOON + 3600 * SECOND
    later = [{**line, "released_ns": came_ns} for line in order("later", 3)]
    found = fork(picture(load2="production"), later)
    [load] = [each for each in found.start.units if each.unit == "load2.1"]
    assert load.job is not None and load.job.order == "-EA-100#1"
    ordered = [each for each in found.plant.orders if each.belongs_to == "later"]
    assert [each.release_s for each in ordered] == [3600.0] * 3


def test_a_machine_that_is_off_by_plan_is_under_no_repair() -> None:
    found = fork(picture(hob1="planned_down"))
    assert [each.is_down for each in found.start.units if each.unit == "hob1.1"] == [False]


def test_a_store_of_which_nobody_says_what_it_holds_holds_its_products_alike() -> None:
    frame = picture()
    frame = msgspec.structs.replace(frame, buffers=[
        msgspec.structs.replace(each, content=5 if each.buffer == "shafts" else 0) for each in frame.buffers
    ])  # fmt: skip
    lines = [line for name in ("SH-100", "SH-200") for line in order(name, 1, product=name)]
    found = fork(frame, lines)
    assert [(each.name, each.stock) for each in found.plant.materials] == [("SH-100", 3), ("SH-200", 2)]
    assert [note.subjects for note in found.notes if note.code == "stock"] == [["SH-100", "SH-200"]]
    said = forked(REGISTRY, model(), frame, {"lines": lines, "stock": {"SH-200": 5}}, horizon_s=DAY_S)
    assert [each.stock for each in said.plant.materials] == [0, 5]
    assert not [note for note in said.notes if note.code == "stock"]


def named(
    frame: Frame, unit: str, serial_s: float, counted_s: float, rejected_s: float = 999.0, *,
    registry: Registry = REGISTRY,
) -> Frame:  # fmt: skip
    """Return a picture in which a machine named its last part, and counted one, so long ago."""
    roles = {str(s.role): s.index for s in registry.signals if s.equipment == unit}
    told = [("serial", "S1", serial_s), ("good_count", 7, counted_s), ("reject_count", 1, rejected_s)]
    return msgspec.structs.replace(
        frame, signals=[roles[role] for role, _, _ in told], values=[value for _, value, _ in told],
        source_ns=[NOON - round(ago * SECOND) for _, _, ago in told],
    )  # fmt: skip


@pytest.mark.parametrize("stands", ["delay_own", "planned_down"])
@pytest.mark.parametrize("counted_s", [50, 55])  # the next part may begin at the instant of the count
def test_a_part_that_a_fault_or_a_break_finds_in_a_machine_goes_on_where_it_stopped(
    stands: str, counted_s: float
) -> None:
    lines = order("88263", 10, (10, 8, 5))
    # It stands for 30 s; the part was named 50 s ago.
    found = fork(named(picture(press2=stands), "press2", 50, counted_s), lines)
    press = next(each for each in found.start.units if each.unit == "press2.1")
    assert (press.task, press.elapsed_s, press.is_down) == (Task.WORKING, 20.0, stands == "delay_own")
    assert press.job is not None and len(found.start.queues["press2"]) == 2 and not checked(found.plant)
    assert "anew" not in {note.code for note in found.notes}
    for ago in ((50.0, 40.0), (50.0, 55.0, 45.0)):  # counted since, as good or as bad: none is in it
        idle = fork(named(picture(press2=stands), "press2", *ago), lines)
        press = next(each for each in idle.start.units if each.unit == "press2.1")
        assert press.job is None and len(idle.start.queues["press2"]) == 3
    unsaid = fork(picture(press2=stands), lines)
    assert [note.subjects for note in unsaid.notes if note.code == "anew"] == [["press2"]]


def test_a_charge_that_a_fault_finds_in_the_furnace_has_the_rest_of_its_time_left() -> None:
    numbers = "furnace1/charge/number"  # here it is what names them; the demo's furnace names nothing
    signals = tuple(replace(s, role="serial") if s.id == numbers else s for s in REGISTRY.signals)
    registry = replace(REGISTRY, signals=signals)
    frame = named(picture(furnace1="delay_own"), "furnace1", 930, 940, registry=registry)
    [buffer] = [n for n, each in enumerate(frame.buffers) if each.buffer == "wash_furnace"]
    frame.buffers[buffer] = BufferDocument(buffer="wash_furnace", content=30, capacity=96)
    lines = order("s", 40, (40, 40, 40, 40, 10), product="SH-100")
    here = present(registry, frame, {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S)
    [furnace] = [each for each in here.fork.start.units if each.unit == "furnace1.1"]
    assert (furnace.task, len(furnace.others), furnace.elapsed_s) == (Task.WORKING, 23, 900.0)
    assert furnace.is_down and furnace.down_s == 30.0 and len(here.fork.start.queues["furnace1"]) == 6
    assert [note.subjects for note in fork(frame, lines).notes if note.code == "anew"] == [["furnace1"]]
    run = reference_from(here.plant, here.fork.start, replication_key(1, 0))
    unit = next(each for each in run._units if each.name == "furnace1.1")
    # The model's spread of a charge is 10 %: of 900 s of 1008 the rest is left, behind the repair.
    assert 0 < unit.left * here.plant.tick_s < 400


def test_a_blocked_machine_keeps_its_part_and_goes_on_when_there_is_room() -> None:
    lines = order("88263", 10, (10, 8, 5))
    found = fork(picture(press2="blocked"), lines)
    assert found.start.blocked == {"tighten2": ("press2.1",)}
    answer = ask(picture(press2="blocked"), lines, scenarios=down("hob1", 3600))
    assert indicator(answer, "parts_done").base.p10 == 10


def test_a_charge_in_the_furnace_comes_out_as_one() -> None:
    frame = picture(furnace1="production")
    [buffer] = [n for n, each in enumerate(frame.buffers) if each.buffer == "wash_furnace"]
    frame.buffers[buffer] = BufferDocument(buffer="wash_furnace", content=30, capacity=96)
    found = fork(frame, order("s", 40, (40, 40, 40, 40, 10), product="SH-100"))
    [furnace] = [each for each in found.start.units if each.unit == "furnace1.1"]
    assert (furnace.task, len(furnace.others), furnace.elapsed_s) == (Task.WORKING, 23, 30.0)
    assert len(found.start.queues["furnace1"]) == 6


def test_orders_are_due_when_the_mes_says_and_those_without_a_date_never() -> None:
    lines = [line for each in (order("dated", 2, due_h=2.0), order("free", 1)) for line in each]
    here = present(REGISTRY, picture(), {"lines": lines}, parameters=Parameters(), horizon_s=DAY_S)
    assert [(each.belongs_to, each.due_s) for each in here.plant.orders] == [
        ("dated", 7200.0), ("dated", 7200.0), ("free", None)
    ]  # fmt: skip


def test_an_order_is_as_urgent_as_its_most_urgent_job_order() -> None:
    lines = [{**line, "priority": n} for line, n in zip(order("x", 2), (1, 7, 3, 0, 0, 0, 0, 0), strict=True)]
    found = fork(picture(), lines)
    assert [each.priority for each in (*found.wanted, *found.plant.orders)] == [7, 7, 7]


def test_an_order_is_due_when_the_last_of_its_job_orders_is() -> None:
    hours = (2, 4, 3, 3, 3, 3, 3, 3)
    lines = [
        {**line, "due_ns": NOON + n * 3600 * SECOND} for line, n in zip(order("x", 2), hours, strict=True)
    ]
    assert [each.due_ns for each in fork(picture(), lines).wanted] == [NOON + 4 * 3600 * SECOND]


def test_who_is_silent_is_named_and_what_was_taken_instead() -> None:
    found = fork(picture(hob1="unknown"))
    assert [note.subjects for note in found.notes if note.code == "silent"] == [["hob1"]]
    assert found.start.unknowns == tuple(note.text for note in found.notes)


def test_work_without_an_order_goes_on_and_is_said_to() -> None:
    found = fork(picture(load2="production", press2="starved"))
    assert [note.subjects for note in found.notes if note.code == "own"] == [["EA-100"]]
    assert len(found.plant.orders) > DAY_S / 80
    assert set(found.request_of) == {-1}
    # An idle plant without orders does nothing.
    assert not fork(picture()).plant.orders


@pytest.mark.parametrize(
    ("shows", "goes_on"),
    [("production", True), ("set_up", True), ("blocked", True), ("starved", True), ("delay_own", True),
     ("down_no_order", False), ("planned_down", False), ("unknown", False)],
)  # fmt: skip
def test_a_line_that_is_held_up_is_at_work_and_one_without_an_order_is_not(shows: str, goes_on: bool) -> None:
    assert made_without(fork(picture(load2=shows))) == (["EA-100"] if goes_on else [])


def test_what_lies_before_a_machine_is_of_the_product_that_it_makes() -> None:
    # Line 1 makes both shafts by itself; of the four between lathes and hob nobody says which they are.
    frame = picture(turn1="production", turn2="production")
    frame = msgspec.structs.replace(frame, buffers=[
        msgspec.structs.replace(each, content=4 if each.buffer == "turn_hob" else 0)
        for each in frame.buffers
    ])  # fmt: skip
    for makes in ("SH-100", "SH-200"):
        found = fork(saying(frame, hob1=makes))
        assert made_without(found) == ["SH-100", "SH-200"]
        assert [job.product for job in found.start.queues["hob1"]] == [makes] * 4


@pytest.mark.parametrize(("says", "other"), [("SH-100", "SH-200"), ("EA-100", "EA-200")])
def test_an_order_that_nobody_has_begun_stops_no_machine_that_works_without_one(
    says: str, other: str
) -> None:
    """Ten parts are ordered of what line 2 makes by itself: it makes those, and goes on.

    The loading cell of the demo names the shaft that it takes; another one may name the axle that it makes.
    """
    [said] = [each.index for each in REGISTRY.signals if (each.equipment, each.role) == ("load2", "product")]
    at_work = msgspec.structs.replace(
        picture(load2="production"), signals=[said], values=[says], source_ns=[NOON]
    )
    found = fork(at_work, order("E5-1", 10))
    assert [note.subjects for note in found.notes if note.code == "own"] == [["EA-100"]]
    assert sum(place == 0 for place in found.request_of) == 10
    assert len(found.plant.orders) > DAY_S / 80
    # Of another product the machine says nothing.
    another = msgspec.structs.replace(at_work, values=[other])
    assert "EA-100" not in [
        name
        for note in fork(another, order("E5-1", 10)).notes
        if note.code == "own"
        for name in note.subjects
    ]


def saying(frame: Frame, counted_ns: int = NOON, **products: str) -> Frame:
    """Return a picture in which machines say what they make, and when they counted last."""
    found = {
        (str(each.equipment), each.role): each.index for each in REGISTRY.signals
        if each.equipment in products and each.role in ("product", "good_count")
    }  # fmt: skip
    told = [(found[unit, "product"], said, NOON) for unit, said in products.items()]
    told += [(found[unit, "good_count"], 7, counted_ns) for unit in products]
    indices, values, source_ns = map(list, zip(*told, strict=True))
    return msgspec.structs.replace(frame, signals=indices, values=values, source_ns=source_ns)


def made_without(found: Forked) -> list[str]:
    """Return the products that are made without an order, and check that their parts are there or not."""
    names = [name for note in found.notes if note.code == "own" for name in note.subjects]
    own = {o.product for o, place in zip(found.plant.orders, found.request_of, strict=True) if place < 0}
    assert own == set(names)
    return names


LINE = "load2", "adhesive2", "press2", "tighten2", "leak2", "vision2"


def at_work(*idle: str, counted_ns: int = NOON) -> Frame:
    """Return line 2 of the demo at work on what it makes by itself, but for some of its machines."""
    units = [unit for unit in LINE if unit not in idle]
    frame = picture(**dict.fromkeys(units, "production"))
    return saying(frame, counted_ns, **dict.fromkeys(units, "EA-100"))


# Where job orders of an order run: in the middle of the line, at its first machine, at its first three.
BEGUN: dict[str, list[dict[str, Any]]] = {
    "downstream": [{**line, "state": "Running" if line["operation"] == 40 else "AllowedToStart",
                    "work_unit": "tighten2" if line["operation"] == 40 else "",
                    "good": 3 if line["operation"] == 40 else 0} for line in order("E5-1", 10)],
    "at the first": order("E5-1", 10, (4,)),
    "along the line": order("E5-1", 10, (4, 2, 1)),
}  # fmt: skip


@pytest.mark.parametrize("begun", BEGUN)
def test_a_line_goes_on_by_itself_after_the_order_that_has_begun_at_it(begun: str) -> None:
    """The order in hand ends, the machines go on: they make the same part, and the MES counts it for none."""
    found = fork(at_work(), BEGUN[begun])
    assert made_without(found) == ["EA-100"] and not checked(found.plant)
    names = [each.name for each in found.plant.orders]
    assert names.index("E5-1#10") < names.index("-EA-100#2")  # its remaining parts come first
    assert len(names) > DAY_S / 80
    # Two hours without the press cost what the line makes in them, less a break and what is made up for.
    answer = ask(at_work(), BEGUN[begun], scenarios=down("press2", 7200))
    parts = effect(answer, "parts_done")
    assert parts.worse == 1.0 and -7200 / 82 < parts.difference.mean < -45


@pytest.mark.parametrize("begun", BEGUN)
def test_a_line_makes_nothing_twice_order_and_own_work_together(begun: str) -> None:
    """What of the day goes into the order comes off what the line makes by itself."""
    alone, with_order = (
        indicator(ask(at_work(), *lines, scenarios=down("hob1", 60)), "parts_done").base.mean
        for lines in ((), (BEGUN[begun],))
    )
    assert with_order == pytest.approx(alone, abs=8) and alone > 400


def test_a_line_that_makes_nothing_by_itself_gets_nothing_after_its_order() -> None:
    running = order("E5-1", 10, (4, 2, 1, 1, 1, 1))  # at each of its machines: nobody says what comes then
    found = fork(at_work(), running)
    assert made_without(found) == []
    assert [note.subjects for note in found.notes if note.code == "after"] == [["E5-1"]]
    first_at_work = order("E5-1", 10, (4,))
    stands = fork(at_work(*LINE[1:]), first_at_work)
    assert made_without(stands) == [] and "after" in {note.code for note in stands.notes}
    # The first machine stands without an order: what is worked on behind it comes to an end.
    assert made_without(fork(at_work("load2"), order("E5-1", 10, (10,)))) == []
    # What has stood since says what it made last: that is no work.
    last = saying(picture(load2="production"), load2="EA-100", press2="EA-100")
    assert made_without(fork(last, first_at_work)) == []
    full = saying(picture(load2="production", press2="blocked"), load2="EA-100", press2="EA-100")
    assert made_without(fork(full, first_at_work)) == ["EA-100"]
    # Another product is made without an order at the same machines: that is not this one.
    other = saying(at_work(), press2="EA-200", adhesive2="EA-200")
    assert "EA-100" not in made_without(fork(other, order("E5-1", 10, (4,))))


def test_the_last_part_of_an_order_that_was_interrupted_or_has_ended_is_of_that() -> None:
    interrupted = [
        {**line, "state": "Interrupted"} if line["operation"] == 10 else line
        for line in order("E5-1", 10, (4,))
    ]
    assert made_without(fork(at_work(*LINE[1:]), interrupted)) == []

    def after(counted_ns: int) -> Forked:
        board = {"lines": order("E5-1", 10, (10,)), "free_since_ns": {"load2": NOON - SECOND}}
        frame = at_work(*LINE[1:], counted_ns=counted_ns)
        return forked(REGISTRY, model(), frame, board, horizon_s=DAY_S)

    assert made_without(after(NOON - SECOND)) == []
    assert made_without(after(NOON)) == ["EA-100"]


REST_S = 30.0  # for so long `picture` has machines stand


def at_rest(counted_s: float, at_ns: int = NOON, *, says: str = "EA-100", count: int = 7) -> Frame:
    """Return line 2 off by plan for half a minute; its machines counted last so long before that."""
    frame = picture(at_ns, **dict.fromkeys(LINE, "planned_down"))
    counted_ns = at_ns - round((REST_S + counted_s) * SECOND)
    told = saying(frame, counted_ns, **dict.fromkeys(LINE, says))
    return msgspec.structs.replace(told, values=[count if each == 7 else each for each in told.values])


def rested(
    frame: Frame, free_since_ns: dict[str, int], *lines: list[dict[str, Any]], **said: Any
) -> list[str]:
    """Return what is made without an order where the MES says since when none runs on each machine."""
    board = {"lines": [line for each in lines for line in each], "free_since_ns": free_since_ns, **said}
    return made_without(forked(REGISTRY, model(), frame, board, horizon_s=DAY_S))


NEVER = dict.fromkeys(LINE, 0)  # no job order ever ran there


def ago(seconds: float) -> dict[str, int]:
    """Return that the last job order at each machine of line 2 was over so long before the break."""
    return dict.fromkeys(LINE, NOON - round((REST_S + seconds) * SECOND))


def test_what_a_line_made_by_itself_before_a_break_goes_on_after_it() -> None:
    assert rested(at_rest(1), NEVER) == ["EA-100"]
    assert rested(at_rest(1), ago(2)) == ["EA-100"]
    # That it stood before the break, broken or without a part, changes nothing of whose its last one was.
    assert rested(at_rest(1200), ago(1201)) == ["EA-100"]
    # Of an order that waits it makes the parts first, and goes on; so behind one that has begun.
    assert rested(at_rest(1), NEVER, order("E5-1", 10)) == ["EA-100"]
    begun = {unit: since_ns for unit, since_ns in NEVER.items() if unit != "load2"}  # one runs there
    assert rested(at_rest(1), begun, order("E5-1", 10, (4,))) == ["EA-100"]
    # It is what the machine names, and nothing else that it could make.
    assert rested(at_rest(1, says="EA-200"), NEVER) == []
    assert rested(at_rest(1, says=""), NEVER) == []
    lathe = saying(picture(turn1="planned_down"), NOON - 60 * SECOND, turn1="SH-200")
    assert rested(lathe, {"turn1": 0}) == ["SH-200"]


def test_a_line_that_made_the_parts_of_orders_makes_nothing_by_itself_after_the_night() -> None:
    assert rested(at_rest(1), ago(1)) == []  # the order ended by its last part
    assert rested(at_rest(1), ago(0.5)) == []  # somebody ended it
    assert rested(at_rest(1), ago(0.5), order("E5-1", 10)) == []
    # One that was interrupted is told of in its own words.
    interrupted = [
        {**line, "state": "Interrupted"} if line["operation"] == 10 else line
        for line in order("E5-1", 10, (4,))
    ]
    others = ago(0.5) | {"load2": NOON - 3600 * SECOND}
    assert rested(at_rest(1), others, interrupted) == []
    # A part that was not good was made too.
    [rejects] = [s.index for s in REGISTRY.signals if (s.equipment, s.role) == ("load2", "reject_count")]
    good = at_rest(1)
    with_reject = msgspec.structs.replace(
        good, signals=[*good.signals, rejects], values=[*good.values, 1],
        source_ns=[*good.source_ns, NOON - round(REST_S * SECOND)],
    )  # fmt: skip
    assert rested(with_reject, ago(0.5)) == ["EA-100"]
    # A counter that was set to nothing since counted nothing.
    assert rested(at_rest(-5, count=0), NEVER) == []


def test_of_whom_the_mes_does_not_say_when_its_last_order_was_over_nobody_knows() -> None:
    assert rested(at_rest(1), {}) == []
    assert rested(at_rest(1), {"press2": 0}) == []  # the first machine is not known
    assert rested(at_rest(1), {"load2": 0}) == ["EA-100"]
    assert made_without(fork(at_rest(1))) == []
    # A break says nothing of a machine that stood without an order, or one that was never heard.
    assert rested(saying(picture(), **dict.fromkeys(LINE, "EA-100")), NEVER) == []
    assert rested(picture(**dict.fromkeys(LINE, "planned_down")), NEVER) == []


def test_asked_on_a_sunday_the_line_makes_on_monday_what_it_made_on_friday() -> None:
    sunday_ns = int(datetime(2026, 11, 15, 20, 0, tzinfo=UTC).timestamp()) * SECOND  # an hour before work
    frame = at_rest(38 * 3600, sunday_ns)

    def made(free_since_ns: dict[str, int]) -> float:
        question = Question(scenarios=down("hob1", 60), replications=12, horizon_s=DAY_S / 2, deadline_s=30.0)
        board = {"lines": [], "free_since_ns": free_since_ns}
        answer = answered(question, Situation(REGISTRY, frame, board, lambda: 0.0))
        return indicator(answer, "parts_done").base.mean

    assert made(NEVER) > 300
    assert made(dict.fromkeys(LINE, sunday_ns - 3600 * SECOND)) == 0


def test_who_works_without_an_order_has_no_part_of_one_in_hand() -> None:
    found = fork(at_work(), order("E5-1", 10))
    load = next(each for each in found.start.units if each.unit == "load2.1")
    assert load.job is not None and load.job.order == "-EA-100#1"
    assert sum(place == 0 for place in found.request_of) == 10
    assert not {job.order for job in found.start.jobs} & {f"E5-1#{n}" for n in range(1, 11)}


def test_what_a_line_makes_by_itself_goes_on_where_its_order_is_taken_back_and_behind_one_that_comes() -> (
    None
):
    lines = BEGUN["at the first"]
    gone = [Scenario(name="gone", changes=[{"change": "order_removed", "order": "E5-1"}])]
    answer = ask(at_work(), lines, scenarios=gone)
    assert abs(effect(answer, "parts_done").difference.mean) < 3  # the line is as busy as before
    answer = ask(at_work(), lines, scenarios=rush("EA-100", priority=9, due_s=8 * 3600.0))
    ends = {each.order: each for each in answer.orders}
    assert 0 < ends["rush"].scenarios[0].done_ns < NOON + 2 * 3600 * SECOND
    assert abs(effect(answer, "parts_done").difference.mean) < 3


def test_two_buffers_before_one_machine_hold_parts_of_their_own() -> None:
    [buffer] = [each for each in REGISTRY.buffers if each.id == "adhesive_press2"]
    second = replace(REGISTRY, buffers=(*REGISTRY.buffers, replace(buffer, id="rack")))
    frame = picture(load2="production")
    frame = msgspec.structs.replace(frame, buffers=[
        BufferDocument(buffer=name, content=content, capacity=6)
        for name, content in (("adhesive_press2", 2), ("rack", 5))
    ])  # fmt: skip
    found_model = translated(second, Parameters(), now_ns=NOON, horizon_s=3600)
    found = forked(second, found_model, frame, {}, horizon_s=3600)
    assert len(found.start.queues["press2"]) == 7
    assert not checked(found.plant)


def test_a_plant_that_cannot_be_simulated_says_what_is_wrong() -> None:
    routings = {name: each for name, each in REGISTRY.routings.items() if name != "shaft-200"}
    first, *others = REGISTRY.routings["shaft-200"].operations
    odd = msgspec.structs.replace(first, equipment_class="laser")
    routings["shaft-200"] = msgspec.structs.replace(REGISTRY.routings["shaft-200"], operations=[odd, *others])
    question = Question(scenarios=down("hob1", 60))
    answer = compare(question, Situation(replace(REGISTRY, routings=routings), picture(), {}, lambda: 0.0))
    assert answer.state == "refused" and "unknown work center" in answer.reason
    [wrong] = answer.mistakes
    assert wrong.found.startswith("unknown work center") and str(wrong) == answer.reason


def test_counts_that_cannot_be_are_named() -> None:
    found = fork(picture(), order("88263", 10, (4, 6)))
    assert [note.subjects for note in found.notes if note.code == "counts"] == [["88263"]]


# -- the answer


def test_a_machine_down_delays_what_needs_it_and_nothing_else() -> None:
    lines = [*order("near", 20, (20, 20, 12), due_h=1.2), *order("far", 20, due_h=20)]
    frame = picture(press2="production")
    answer = ask(frame, lines, scenarios=down("press2", 2 * 3600))
    assert answer.state == "ready" and answer.replications == 12 and answer.orders_open == 2
    near, _ = answer.orders
    assert [each.base.late for each in answer.orders] == [0.0, 0.0]
    assert [each.scenarios[0].late for each in answer.orders] == [1.0, 0.0]
    late, then = indicator(answer, "late_orders"), effect(answer, "late_orders")
    assert (late.base.mean, then.outcome.mean, then.worse, then.better) == (0.0, 1.0, 1.0, 0.0)
    # What is down two hours delays by two hours at most, and by nearly that.
    assert 1.7 * 3600 < (near.scenarios[0].done_ns - near.base.done_ns) / SECOND < 2.01 * 3600
    other = ask(frame, lines, scenarios=down("hob1", 2 * 3600))
    unchanged = [each.effects[0] for each in other.indicators]
    assert all((each.better, each.same, each.worse) == (0.0, 1.0, 0.0) for each in unchanged)
    assert all(each.difference.mean == 0 for each in unchanged)


def test_down_later_changes_nothing_before() -> None:
    lines = order("near", 20, (20, 20, 12), due_h=1.2)
    answer = ask(picture(), lines, scenarios=down("press2", 7200, 4 * 3600))
    assert all(each.effects[0].same == 1 for each in answer.indicators)


def rush(product: str, **said: Any) -> list[Scenario]:
    """Return the scenario of an order that comes now."""
    brought = {"name": "rush", "product": product, "quantity": 20, **said}
    return [Scenario(name="rush", changes=[{"change": "order_added", "order": brought}])]


def test_a_rush_order_is_made_where_the_plant_works_on_its_own_list() -> None:
    busy = picture(turn1="production", turn2="production", hob1="production", load2="production")
    answer = ask(busy, scenarios=rush("SH-100", priority=9, due_s=8 * 3600.0))
    [end] = [each for each in answer.orders if each.order == "rush"]
    assert end.scenarios[0].late == 0 and 0 < end.scenarios[0].done_ns < NOON + 8 * 3600 * SECOND


def test_an_order_of_which_no_part_is_left_is_late_and_one_that_is_made_is_not() -> None:
    lost = [{**line, "scrap": 20} for line in order("lost", 20, (20,), due_h=2.0)[:1]]
    made = [{**line, "good": 20} for line in order("made", 20, due_h=1.0)[-1:]]
    lines = (lost, made, order("near", 20, due_h=11.0))
    answer = ask(picture(), *lines, scenarios=down("press2", 7200, 4 * 3600))
    assert answer.snapshot is not None
    codes = {note.code: note.subjects for note in answer.snapshot.unknowns}
    ends = {each.order: each for each in answer.orders}
    assert codes["unclosed"] == ["made"] and not ends["made"].base.is_there
    assert codes["gone"] == ["lost"] and ends["lost"].base.late == 1 and ends["lost"].base.done_ns == 0
    assert ends["near"].base.late == 0
    late = indicator(answer, "late_orders")
    assert late.base.mean == 1 and late.effects[0].same == 1
    more = [{"change": "order_changed", "order": "lost", "quantity": 30}]
    with pytest.raises(TaktwinError, match="no part of lost is left; or a new order"):
        ask(picture(), *lines, scenarios=[Scenario(name="more", changes=more)])


def test_the_same_order_twice_in_a_scenario_is_two_orders() -> None:
    changes = rush("SH-100", due_s=11 * 3600.0)[0].changes
    answer = ask(picture(), scenarios=[Scenario(name="twice", changes=[*changes, *changes])])
    assert [each.order for each in answer.orders] == ["rush", "rush (2)"]
    assert all(each.scenarios[0].done_ns > 0 for each in answer.orders)
    assert effect(answer, "parts_done").difference.mean == 40


def test_an_order_that_no_run_could_hold_is_refused_by_its_quantity() -> None:
    with pytest.raises(TaktwinError) as refused:
        ask(picture(), scenarios=rush("SH-100", quantity=100_000_000))
    wrong = r"scenario rush: order rush: quantity 100000000: expected fewer than \d+: more may take longer .*"
    assert re.fullmatch(wrong, str(refused.value))


def put_off(lines: Sequence[list[dict[str, Any]]], scenarios: list[Scenario]) -> dict[str, int]:
    """Return by how much later each order is done in a scenario, by its name."""
    answer = ask(picture(), *lines, scenarios=scenarios)
    ends = {each.order: each for each in answer.orders if each.order != "rush"}
    return {name: end.scenarios[0].done_ns - end.base.done_ns for name, end in ends.items()}


def test_a_rush_order_goes_behind_what_the_mes_has_as_more_urgent() -> None:
    lines = [order(f"o{number}", 24, product="SH-100", due_h=2.0) for number in range(3)]
    lines[0] = [{**line, "priority": 5} for line in lines[0]]
    later = put_off(lines, rush("SH-100", priority=3))
    assert abs(later["o0"]) < 60 * SECOND
    assert min(later["o1"], later["o2"]) > 600 * SECOND


def test_an_order_with_a_higher_priority_goes_before_and_one_without_goes_behind() -> None:
    lines = [order(f"o{number}", 48, product="SH-100", due_h=2.0) for number in range(4)]

    def done(scenarios: list[Scenario], name: str) -> int:
        return put_off(lines, scenarios)[name]

    change = {"change": "order_changed", "order": "o3", "priority": 9}
    assert done([Scenario(name="sooner", changes=[change])], "o3") < -0.5 * 3600 * SECOND
    assert abs(done(rush("SH-100"), "o3")) < 60 * SECOND  # of no priority: behind all of the MES


def test_a_copy_comes_right_after_the_order_that_it_is_of() -> None:
    lines = {"lines": [line for number in range(3) for line in order(f"o{number}", 4, product="SH-100")]}
    here = present(REGISTRY, picture(), lines, parameters=Parameters(), horizon_s=DAY_S)
    more = applied(here.plant, SimulationScenario("more", (DemandScaled("SH-100", 2.0),)))
    of = [each.name.partition("#")[0] for each in here.settled(more).orders]
    assert of == [f"o{number}" for number in range(3) for _ in range(8)]


def test_the_same_question_of_the_same_picture_has_the_same_answer() -> None:
    frame = picture(load2="production", load3="production", turn1="production")
    one, two = (ask(frame, scenarios=down("hob1", 7200)) for _ in range(2))
    assert one == two
    assert one.scenario_id != ask(frame, scenarios=down("hob1", 7200), seed=2).scenario_id
    parts = effect(one, "parts_done")
    assert parts.worse == 1.0 and parts.difference.mean < -60
    assert parts.outcome.p10 <= parts.outcome.p25 <= parts.outcome.p50 <= parts.outcome.p90


def test_nothing_hides_how_little_the_answer_is_proven() -> None:
    answer = ask(picture(hob1="unknown"), scenarios=down("hob1", 60))
    assert answer.validity is not None and answer.snapshot is not None
    trust = answer.validity
    assert not (trust.back_tested or trust.calibrated or trust.may_recommend or trust.errors)
    assert [note.code for note in answer.snapshot.unknowns] == ["silent"]
    assert answer.snapshot.hash == "ab" * 32 and answer.snapshot.state_ns == NOON


WRONG: dict[str, list[Scenario]] = {
    "scenario down, change 1 (unit_down), unit: unknown work unit 'mill9': expected one of": down(
        "mill9", 60
    ),
    "unknown work unit 'hob9': expected 'hob1', or": down("hob9", 60),
    "unknown work unit 'compressor1'": down("compressor1", 60),
    "to_s: 0: expected later than from_s": down("hob1", 0),
    "unit_down), from_s: 86400: expected a time that begins within the horizon of 43200 s": down(
        "hob1", 60, DAY_S
    ),
    "order_series), first_s: 90000: expected a time that begins within the horizon": [
        Scenario(
            name="s",
            changes=[
                {
                    "change": "order_series",
                    "name": "rush",
                    "product": "EA-100",
                    "quantity": 1,
                    "first_s": 90_000,
                    "every_s": 60,
                    "count": 1,
                }
            ],
        )
    ],
    "scenarios: 0: expected 1 to 200": [],
    "scenario full: 201 changes: expected at most 200": [
        Scenario(name="full", changes=down("hob1", 60)[0].changes * 201)
    ],
    "a second one of this name": [*down("hob1", 60), *down("hob1", 90)],
    "change 1.change: 'unit_dawn': expected 'unit_down'": [
        Scenario(name="s", changes=[{"change": "unit_dawn"}])
    ],
}


def test_a_scenario_without_a_change_is_doing_nothing_and_differs_by_exactly_nothing() -> None:
    lines = order("o1", 60, (30, 20, 10), product="SH-100", due_h=3.0)
    asked = [Scenario(name="as it is too", changes=[]), *down("hob1", 7200)]
    for each in ask(picture(), lines, scenarios=asked).indicators:
        same, other = each.effects
        assert same.outcome == each.base and set(same.difference.dots) == {0.0}
        assert (same.better, same.same, same.worse) == (0.0, 1.0, 0.0)
        assert each.name != "wip" or other.outcome != each.base


@pytest.mark.parametrize("words", WRONG)
def test_a_question_that_cannot_be_answered_says_why(words: str) -> None:
    with pytest.raises(TaktwinError, match=re.escape(words)):
        ask(picture(), scenarios=WRONG[words])


def test_one_run_alone_is_no_answer() -> None:
    with pytest.raises(TaktwinError, match=re.escape("replications: 1: expected 2 to 1000")):
        ask(picture(), scenarios=down("hob1", 60), replications=1)


def test_a_deadline_gives_what_is_done() -> None:
    late = iter(range(0, 1_000_000, 100))
    question = Question(scenarios=down("hob1", 60), replications=500, horizon_s=3600, deadline_s=1.0)
    answer = answered(question, Situation(REGISTRY, picture(), {}, lambda: next(late)))
    assert answer.replications == 8 and answer.is_cut


def test_a_spread_is_that_of_its_runs() -> None:
    found = spreads([np.arange(1.0, 21.0)])[0]
    assert found.dots == list(np.arange(1.0, 21.0))
    assert (found.mean, found.p50) == (10.5, 10.5)
    assert found.half_width == pytest.approx(2.093024 * np.std(np.arange(20), ddof=1) / np.sqrt(20), rel=1e-3)
    assert spreads([np.array([3.0])])[0].half_width == 0.0
    even = spreads([np.array([3.0]), np.arange(101.0), np.array([4.0])])[1]
    assert (even.p10, even.p25, even.p50, even.p75, even.p90) == pytest.approx((10, 25, 50, 75, 90))


def test_who_only_starts_does_not_pay_for_compiler_and_optimiser() -> None:
    code = "import sys, taktwin.processes.whatif, taktwin.portal.app, taktwin.cli.whatif\n"
    code += "sys.exit(bool({'numba', 'scipy.optimize', 'scipy.stats'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "src")})


def split(operation: int, good: tuple[int, ...], over: tuple[int, ...] = ()) -> tuple[Forked, list[str]]:
    """Return the plant with an order of 40 of which an operation was split into halves.

    `good`: what the halves that are open have made; `over`: what those made that are over.
    """
    lines = order("S-1", 40)
    last = max(int(each["operation"]) for each in lines)
    [whole] = [each for each in lines if each["operation"] == operation]
    halves = [
        {**whole, "job": f"S-1-{operation}.{n}", "quantity": 20, "good": made} for n, made in enumerate(good)
    ]
    before = [
        {**each, "job": f"S-1-{each['operation']}", "good": 40}
        for each in lines
        if each["operation"] < operation
    ]
    gone = [
        {**whole, "job": f"S-1-{operation}.{n + 5}", "quantity": 20, "good": n_} for n, n_ in enumerate(over)
    ]
    behind = [each for each in lines if operation < each["operation"] <= last]
    board = {"lines": [*halves, *behind], "over": gone, "through": [*before, *gone]}
    found = forked(REGISTRY, model(), picture(), board, horizon_s=DAY_S)
    return found, [note.text for note in found.notes if "S-1" in note.text]


@pytest.mark.parametrize(
    ("operation", "good", "over", "waiting"),
    [
        (10, (0, 0), (), {}),
        (10, (0,), (20,), {"adhesive2": 20}),
        (10, (5,), (20,), {"adhesive2": 25}),
        (10, (), (20, 20), {"adhesive2": 40}),
        (20, (0,), (20,), {"adhesive2": 20, "press2": 20}),
        (20, (), (20, 20), {"press2": 40}),
    ],
)
def test_parts_of_an_order_that_was_split_are_where_the_counts_of_all_its_job_orders_have_them(
    operation: int, good: tuple[int, ...], over: tuple[int, ...], waiting: dict[str, int]
) -> None:
    found, notes = split(operation, good, over)
    assert {center: len(parts) for center, parts in found.start.queues.items()} == waiting
    assert [(each.quantity, each.parts, each.made) for each in found.wanted] == [(40, 40, 0)] and not notes


def test_of_an_order_of_which_half_the_last_operation_is_over_the_other_half_is_to_come() -> None:
    last = max(int(each["operation"]) for each in order("S-1", 40))
    found, notes = split(last, (0,), (20,))
    assert [(each.quantity, each.parts, each.made) for each in found.wanted] == [(40, 20, 20)] and not notes


@pytest.mark.parametrize("family", ["", "a"])
def test_a_family_that_no_set_up_knows_keeps_nobody_from_asking(family: str) -> None:
    axle = msgspec.structs.replace(REGISTRY.products["EA-100"], setup_family=family)
    registry = replace(REGISTRY, products={**REGISTRY.products, "EA-100": axle})
    lines = order("s", 10, (10, 2))
    for line in lines:
        line["state"] = "Running" if line["work_unit"] else line["state"]
    question = Question(scenarios=down("hob1", 60), replications=2, horizon_s=3600, deadline_s=30.0)
    situation = Situation(registry, picture(adhesive2="production"), {"lines": lines}, lambda: 0.0)
    assert answered(question, situation).state == "ready"
