"""Job orders take turns at a cell: the rule is found in what an MES said, and is in the plant that is run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.contracts.state import Frame
from taktwin.measures.time_classes import ClassSpan
from taktwin.simulation.check import checked
from taktwin.simulation.model import Batch, ByOrder, unit_name
from taktwin.simulation.parameters import Figure, ParameterSet
from taktwin.simulation.start import Hand, Task
from taktwin.whatif import kept, lost, turns
from taktwin.whatif.actual import came
from taktwin.whatif.fork import Forked, forked
from taktwin.whatif.lost import losses
from taktwin.whatif.model import translated
from taktwin.whatif.observe import Seen
from taktwin.whatif.past import Fact
from taktwin.whatif.present import present
from tests.unit.whatif.test_calibrate import MEASURED
from tests.unit.whatif.test_whatif import NOON, REGISTRY, SECOND, order, picture

Said = list[tuple[int, EventData]]
JOB: dict[str, Any] = {"work_unit": "hob1"}


def cell(
    patience_s: float, *, full_every: int = 0, together: bool = False, orders: int = 24
) -> tuple[Said, Seen]:
    """Return what was said of a cell at which one job order waits for its parts until another goes first.

    Every so many-th time the place before it is full, and nobody waits at all.
    """
    said: Said = []
    seen = Seen("hob1")
    at = 0.0

    def say(content: EventData) -> None:
        said.append((round(at * SECOND), content))

    for number in range(orders):
        say(events.JobOrderStarted(job=f"{number}-20", **JOB))
        for _ in range(5):
            at += 45.0
            seen.counts.at_ns.append(round(at * SECOND))
            seen.counts.parts.append(1)
            seen.counts.is_good.append(1)
        at += 7.0 if full_every and number % full_every == 0 else patience_s + number % 10
        if together:
            say(events.JobOrderStarted(job=f"{number}-20.2", **JOB))
            at += 300.0
        say(events.JobOrderPaused(job=f"{number}-20", sub_state="Suspended", **JOB))
        if together:
            say(events.JobOrderEnded(job=f"{number}-20.2", sub_state="Completed", good=1, scrap=0, **JOB))
    return said, seen


def test_patience_is_found_though_pauses_have_other_causes_too() -> None:
    said, seen = cell(600.0, full_every=3)
    found = turns.turns(said, {"hob1": seen})["hob1"]
    assert found.one_at_a_time and found.orders == 24
    assert found.patience_s == pytest.approx(605, abs=6)


def test_who_works_on_several_orders_and_who_was_hardly_seen_has_no_turns() -> None:
    said, seen = cell(600.0, together=True)
    assert not turns.turns(said, {"hob1": seen})["hob1"].one_at_a_time
    said, seen = cell(600.0, orders=5)
    assert not turns.turns(said, {"hob1": seen})["hob1"].one_at_a_time
    said, seen = cell(600.0, orders=3)
    assert turns.turns(said, {"hob1": seen})["hob1"].patience_s is None


def test_a_wait_counts_from_the_last_part_and_not_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    said, seen = cell(600.0)
    monkeypatch.setattr(turns, "_last", lambda seen, at_ns: 0)
    assert turns.turns(said, {"hob1": seen})["hob1"].patience_s == pytest.approx(830, abs=6)


def test_a_job_order_that_is_taken_up_again_waits_anew() -> None:
    said: Said = [(0, events.JobOrderStarted(job="1-20", **JOB))]
    for pause in range(1, 4):
        at_ns = pause * 1000 * SECOND
        said.append((at_ns, events.JobOrderPaused(job="1-20", sub_state="Suspended", **JOB)))
        said.append((at_ns + 400 * SECOND, events.JobOrderResumed(job="1-20", **JOB)))
    found = turns.turns(said, {"hob1": Seen("hob1")})["hob1"]
    assert found.waits_s == (1000.0, 600.0, 600.0) and found.orders == 1


def test_a_part_that_is_counted_as_a_job_order_pauses_is_no_part_before_it() -> None:
    seen = Seen("hob1")
    for at_s in (100, 700):  # the last one as it pauses, by the machine's clock half a second later
        seen.counts.at_ns.append(at_s * SECOND + SECOND // 2)
    said: Said = [
        (0, events.JobOrderStarted(job="1-20", **JOB)),
        (700 * SECOND, events.JobOrderPaused(job="1-20", sub_state="Suspended", **JOB)),
    ]
    assert turns.turns(said, {"hob1": seen})["hob1"].waits_s == (599.5,)


def test_waits_far_from_the_others_are_no_patience() -> None:
    close, far = [600.0, 602.0, 604.0, 606.0, 608.0], [900.0, 1300.0, 1900.0, 2700.0, 3900.0, 5500.0, 7900.0]
    assert turns.cluster(np.array([*far, *close])) == 604.0


def ended(request: str, good: tuple[int, ...], scrap: tuple[int, ...], whole: int = 24) -> Said:
    """Return an order whose job orders ended one after the other."""
    at_ns = int(request) * SECOND
    units = ["turn1", "hob1", "deburr1"]
    stored = [
        events.JobOrderStored(
            job=f"{request}-{10 * n + 10}", request=request, operation=10 * n + 10, name="", product="SH-100",
            equipment_class="", quantity=whole, due_ns=0, priority=0, last_operation=n == len(good) - 1,
        ) for n in range(len(good))
    ]  # fmt: skip
    over = [
        events.JobOrderEnded(
            job=f"{request}-{10 * n + 10}", work_unit=units[n], good=good[n], scrap=scrap[n],
            sub_state="Completed" if good[n] == whole else "Closed",
        ) for n in range(len(good))
    ]  # fmt: skip
    return [(at_ns, each) for each in (*stored, *over)]


def test_what_no_counter_saw_is_lost_all_the_same_and_what_is_bad_at_first_is_made_again() -> None:
    said = [row for n in range(20) for row in ended(str(n + 1), (24, 23, 22), (2, 1, 0))]
    found = losses(said)
    assert (found["hob1"].came, found["hob1"].lost) == (480, 20)
    assert (found["deburr1"].came, found["deburr1"].lost) == (460, 20)
    assert found["turn1"].is_remade and found["turn1"].came == 0 and not found["hob1"].is_remade
    none = losses([row for n in range(20) for row in ended(str(n + 1), (24, 24, 24), (0, 0, 0))])
    assert (none["hob1"].came, none["hob1"].lost) == (480, 0), "who loses nothing counts in the share"
    given_up = losses([row for n in range(20) for row in ended(str(n + 1), (22, 22, 22), (2, 0, 0))])
    assert not given_up["turn1"].is_remade
    evenly = losses([
        row for n in range(20) for row in ended(str(n + 1), (24 if n % 2 else 22, 22, 22), (2, 0, 0))
    ])  # fmt: skip
    assert evenly["turn1"].spoilt == 20 and not evenly["turn1"].is_remade, "half of them is no rule"


def split_in_two(number: int, made: tuple[int, int], behind: int) -> Said:
    """Return an order of 24 whose second operation was split; what the halves made, and what came behind."""
    told = [each for _, each in ended(str(number), (24, sum(made), behind), (0, 0, 0))]
    halves: list[EventData] = [
        events.JobOrderSplit(job=f"{number}-20", into=f"{number}-20.2", quantity=12),
        *(
            events.JobOrderEnded(
                job=f"{number}-20{into}", work_unit="hob1", sub_state="Completed", good=good, scrap=0
            )
            for into, good in zip(("", ".2"), made, strict=True)
        ),
    ]
    whole = [
        n
        for n, each in enumerate(told)
        if isinstance(each, events.JobOrderEnded) and each.job == f"{number}-20"
    ]
    told[whole[0] : whole[0] + 1] = halves
    return [(number * SECOND, each) for each in told]


def test_what_was_split_lost_nothing_where_its_halves_made_all() -> None:
    found = losses([row for n in range(1, 6) for row in split_in_two(n, (12, 12), 24)])
    assert "hob1" not in found or found["hob1"].lost == 0
    assert (found["deburr1"].came, found["deburr1"].lost) == (5 * 24, 0)
    short = losses([row for n in range(1, 6) for row in split_in_two(n, (12, 10), 20)])
    assert (short["deburr1"].came, short["deburr1"].lost) == (5 * 22, 5 * 2)
    told = split_in_two(1, (12, 12), 10)
    [late] = [n for n, (_, each) in enumerate(told) if getattr(each, "job", "") == "1-20.2"]
    told.append(told.pop(late))
    assert losses(told)["deburr1"].came == 0, "half of what comes to it was not over yet"


def merged_again(number: int, made: int, behind: int) -> Said:
    """Return an order of 24 whose second operation was split and merged before it began."""
    told = [each for _, each in ended(str(number), (24, made, behind), (0, 0, 0))]
    told[3:3] = [
        events.JobOrderSplit(job=f"{number}-20", into=f"{number}-20.2", quantity=12),
        events.JobOrderMerged(job=f"{number}-20.2", into=f"{number}-20", quantity=12),
    ]
    return [(number * SECOND, each) for each in told]


def test_what_was_split_and_merged_again_is_one_job_order() -> None:
    found = losses([row for n in range(1, 6) for row in merged_again(n, 22, 20)])
    assert (found["hob1"].came, found["hob1"].lost) == (5 * 24, 5 * 2)
    assert (found["deburr1"].came, found["deburr1"].lost) == (5 * 22, 5 * 2)


@pytest.mark.parametrize(
    ("made", "behind", "scrap"), [((12, 12), 24, 0), ((12, 10), 22, 2), ((12, 12), 21, 3)]
)
def test_what_was_split_is_gone_uncounted_only_where_its_halves_together_miss_it(
    made: tuple[int, int], behind: int, scrap: int
) -> None:
    model = translated(REGISTRY, BY_ORDER, now_ns=NOON, horizon_s=3600.0)
    told = [Fact(n, NOON + at_ns, each) for n, (at_ns, each) in enumerate(split_in_two(1, made, behind), 1)]
    waits = [ClassSpan(NOON - SECOND, NOON + 3600 * SECOND, "starved")]
    stays = dict.fromkeys(model.unit_of, waits)
    seen = came(model, told, stays, passed=24, from_ns=NOON, to_ns=NOON + 3600 * SECOND)
    assert seen.figures["scrap"] == scrap


def test_parts_that_go_without_a_count_are_in_work_no_more() -> None:
    model = translated(REGISTRY, BY_ORDER, now_ns=NOON, horizon_s=3600.0)
    told = [
        Fact(n, NOON + at_ns, each) for n, (at_ns, each) in enumerate(ended("1", (24, 24, 20), (0, 0, 1)), 1)
    ]
    waits = [ClassSpan(NOON - SECOND, NOON + 3600 * SECOND, "starved")]
    stays = dict.fromkeys(model.unit_of, waits)
    with_loss = came(model, told, stays, passed=24, from_ns=NOON, to_ns=NOON + 3600 * SECOND)
    assert with_loss.figures["scrap"] == 3 and with_loss.figures["wip"] == pytest.approx(21)


FIGURES = {
    **MEASURED.figures, "turn/any": Figure(611.0, "s", 300),
    **{f"orders/{unit}": Figure(0.0, "1", 100) for unit in (
        "turn1", "turn2", "hob1", "deburr1", "wash1", "furnace1", "grind1", "grind2")},
    "lost/deburr1": Figure(0.02, "1", 1000), "remade/turn1": Figure(1.0, "1", 30),
    "scrap/turn1/SH-100": Figure(0.1, "1", 1000),
}  # fmt: skip
BY_ORDER = kept.parameters_of(ParameterSet("x", MEASURED.fits, FIGURES))


def test_turns_and_losses_are_in_the_plant_that_is_run() -> None:
    found = translated(REGISTRY, BY_ORDER, now_ns=NOON, horizon_s=3600.0)
    centers = {each.name: each for each in found.centers}
    assert centers["hob1"].by_order == ByOrder(611.0) and centers["load2"].by_order is None
    assert centers["furnace1"].batch == Batch(24) and centers["furnace1"].queue_max == 96
    steps = {step.center: step for step in found.product("SH-100").steps}
    assert steps["deburr1"].scrap == pytest.approx(0.02)
    assert steps["lathe"].scrap == 0 and steps["lathe"].work.mean_s == pytest.approx(84.0 / 0.9)


def lines(request: str, good: tuple[int, ...], units: dict[int, str], running: int = 0, **more: Any) -> Any:
    """Return the open job orders of an order of shafts, dispatched to units."""
    found = order(request, 24, good, product="SH-100")
    return [
        {**line, "work_unit": units.get(line["operation"], ""), "priority": 1,
         "state": "Running" if line["operation"] == running else "Interrupted", **more}
        for line in found
    ]  # fmt: skip


def fork(frame: Frame, *some: Any, through: Any = ()) -> Forked:
    """Return the plant in which cells take turns, as it stands."""
    model = translated(REGISTRY, BY_ORDER, now_ns=NOON, horizon_s=3600.0)
    board = {"lines": [line for each in some for line in each], "through": through}
    return forked(REGISTRY, model, frame, board, horizon_s=3600.0)


FIRST = lines("a", (24, 10), {20: "hob1", 30: "deburr1", 60: "grind2"}, started_ns=1)
SECOND_ORDER = lines("b", (24, 4, 4), {20: "hob1", 60: "grind1"}, running=20, started_ns=2)


def test_each_order_is_where_it_was_dispatched_to_and_the_cell_has_that_in_hand_which_runs() -> None:
    found = fork(picture(hob1="production"), FIRST, SECOND_ORDER)
    assert not checked(found.plant)
    assert found.start.bound["a"] == {"20": "hob1.1", "30": "deburr1.1", "60": "grinder.2"}
    assert {each.belongs_to for each in found.plant.orders} == {"a", "b"}
    hob = next(each for each in found.start.units if each.unit == "hob1.1")
    # Of both that wait it takes a part of the one that runs, which is not the first on the board.
    assert hob.task is Task.WORKING and hob.job is not None and (hob.job.order or "").startswith("b#")
    waiting = [str(job.order).split("#")[0] for job in found.start.queues["hob1"]]
    assert waiting == ["a"] * 14 + ["b"] * 19


def test_a_cell_that_waits_for_its_order_is_as_impatient_as_it_has_waited() -> None:
    empty = lines("c", (24, 10, 10), {20: "hob1", 30: "deburr1"}, running=30)
    found = fork(picture(deburr1="starved"), empty)
    deburr = next(each for each in found.start.units if each.unit == "deburr1.1")
    assert deburr.hand == Hand("c", "30", -30.0) and deburr.task is Task.IDLE


def test_what_was_lost_where_the_operation_is_over_lies_nowhere() -> None:
    over = [{"request": "d", "operation": 10 * n, "good": good} for n, good in ((10, 24), (2, 24), (3, 22))][
        1:
    ]
    some = [each for each in lines("d", (24, 24, 24, 5), {40: "wash1"}) if each["operation"] > 30]
    assert len(fork(picture(), some).start.queues["wash1"]) == 19
    assert len(fork(picture(), some, through=over).start.queues["wash1"]) == 17


def test_a_scenario_without_a_machine_takes_its_orders_off_it() -> None:
    board = {"lines": [*FIRST, *SECOND_ORDER]}
    here = present(REGISTRY, picture(), board, parameters=BY_ORDER, horizon_s=3600.0)
    centers = tuple(
        replace(each, units=1, machines={}) if each.name == "grinder" else each for each in here.plant.centers
    )
    moved = here.start_of(replace(here.plant, centers=centers))
    units = {unit_name(each, n + 1) for each in centers for n in range(each.units)}
    assert moved.bound["a"] == {"20": "hob1.1", "30": "deburr1.1"}
    assert all(unit in units for at in moved.bound.values() for unit in at.values())
    gone = here.start_of(replace(here.plant, orders=tuple(
        each for each in here.plant.orders if each.belongs_to == "b")))  # fmt: skip
    assert set(gone.bound) == {"b"}


def test_facts_of_other_kinds_tell_nothing() -> None:
    other = events.JobOrderAllowed(job="1-10", work_unit="hob1")
    assert turns.turns([(0, other)], {}) == {} and lost.losses([(0, other)]) == {}
