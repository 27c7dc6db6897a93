"""What came, counted from what MES and machines say, is what the run that played it counted of itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from taktwin.contracts import events
from taktwin.contracts.backtest import Epoch
from taktwin.contracts.events import EventData
from taktwin.contracts.state import Frame
from taktwin.measures.time_classes import ClassSpan
from taktwin.plant.registry import Registry
from taktwin.whatif import actual
from taktwin.whatif.actual import Actual, came, unseen
from taktwin.whatif.backtest import above, figures, may_recommend
from taktwin.whatif.backtest_run import epoch, passed, predicted
from taktwin.whatif.model import Parameters
from taktwin.whatif.past import Fact
from tests.unit.whatif.played import HOUR, Played, Told, came_in, counted, facts, over, played
from tests.unit.whatif.test_whatif import NOON, REGISTRY, SECOND, at_rest, picture

HOURS = 6
TO = NOON + HOURS * HOUR
BUSY = picture(load2="production", press2="production", turn1="production", turn2="production")
ASSEMBLY = picture(load2="production", press2="production")
# Orders with parts under way, one that comes later, one that is late before it begins.
ORDERS: Told = [
    *came_in("a", 40, at_ns=NOON - HOUR, good=(30, 26, 20, 15, 12), due_h=2.0),
    *came_in("b", 60, at_ns=NOON - HOUR, due_h=3.0),
    *came_in("c", 30, at_ns=NOON + HOUR, due_h=3.2),
    *came_in("d", 10, at_ns=NOON + 2 * HOUR, due_h=1.0),
    *(SHAFTS := came_in("s", 60, at_ns=NOON - HOUR, product="SH-100", good=(40, 30, 20))),
]
LAST = len(SHAFTS)


def what_came(found: Played) -> Actual:
    return came(found.here.model, found.told, found.stays, passed=passed(found.here), from_ns=NOON, to_ns=TO)


def predicted_then(found: Played, frame: Frame = BUSY, *, runs: int = 19, seed: int = 3) -> Epoch:
    """Return the epoch of a course, as the room predicts it."""
    return epoch(
        REGISTRY, frame, found.told, found.stays, parameters=Parameters(), to_ns=TO, runs=runs, seed=seed
    )  # fmt: skip


@pytest.fixture(scope="module")
def course() -> Played:
    return played(BUSY, ORDERS, to_ns=TO)


@pytest.fixture(scope="module")
def itself(course: Played) -> dict[str, float]:
    """What the run that played the course counted of itself."""
    values, _ = predicted(course.here, HOURS * 3600.0, runs=1, seed=7)
    return {name: float(runs[0]) for name, runs in values.items()}


def test_what_came_is_counted_as_a_run_counts_itself(course: Played, itself: dict[str, float]) -> None:
    seen = what_came(course)
    assert {name: seen.figures[name] for name in itself} == pytest.approx(itself)
    assert seen.orders_due == 4 and itself["late_orders"] == 3


MUTANTS: dict[str, tuple[str, Any]] = {
    "who has a part in hand is not looked at": ("_has_part", lambda spans, at_ns: False),
    "who is blocked has it twice": ("IN_HAND", actual.IN_HAND | {"blocked"}),
    "every place is the first": ("_place", lambda here, job: actual._Place(True, False, False)),
    "no order is late": ("_late", lambda told, from_ns, to_ns: (0, 4, [])),
    "parts are counted at fewer instants": ("CUTS", 3),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_what_is_counted_otherwise_is_found(
    name: str, course: Played, itself: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actual, *MUTANTS[name])
    seen = what_came(course).figures
    assert {name: seen[name] for name in itself} != pytest.approx(itself)


def test_an_epoch_is_predicted_from_then_and_with_the_orders_that_came_since() -> None:
    found = played(ASSEMBLY, ORDERS[:-LAST], to_ns=TO)
    judged = predicted_then(found, ASSEMBLY)
    assert [each.indicator for each in judged.scored] == ["late_orders", "parts_done", "wip", "lead_time_h"]
    values, _ = predicted(found.here, HOURS * 3600.0, runs=19, seed=3)
    assert {each.indicator: each.mean for each in judged.scored} == {
        name: pytest.approx(runs.mean()) for name, runs in values.items()
    }
    assert judged.snapshot == ASSEMBLY.state_hash and not judged.left_out


def pooled(slower: float) -> list[Epoch]:
    """Return epochs in which machines need longer than the model has it, by a factor."""
    found = []
    registry = slowed(slower)
    for number in range(5):
        course = played(ASSEMBLY, ORDERS[:-LAST], to_ns=TO, seed=50 + number, registry=registry)
        found.append(predicted_then(course, ASSEMBLY, runs=19, seed=number))
    return found


def slowed(factor: float) -> Registry:
    """Return the demo plant with other standard times."""
    routings = {
        name: msgspec.structs.replace(routing, operations=[
            msgspec.structs.replace(each, standard_time_s=each.standard_time_s * factor)
            for each in routing.operations
        ])
        for name, routing in REGISTRY.routings.items()
    }  # fmt: skip
    return replace(REGISTRY, routings=routings)


def test_the_demo_plant_played_by_itself_may_recommend() -> None:
    found = figures(pooled(1.0))
    assert may_recommend(found), found


def test_machines_that_need_a_fifth_longer_are_caught() -> None:
    found = figures(pooled(1.2))
    assert not may_recommend(found)
    assert "lead_time_h" in {each.indicator for each in above(found)}


# -- what is left out


def test_what_was_not_seen_is_named_and_never_scored(course: Played) -> None:
    found = replace(course, stays=dict(course.stays))
    spans = found.stays["press2"]
    found.stays["press2"] = [*spans[:6], ClassSpan(spans[6].from_ns, spans[7].to_ns, "unknown"), *spans[8:]]
    del found.stays["hob1"]
    judged = epoch(
        REGISTRY, BUSY, found.told, found.stays, parameters=Parameters(), to_ns=TO, runs=19, seed=3
    )
    assert not judged.scored and [note.subjects for note in judged.left_out] == [["hob1", "press2"]]
    assert judged.left_out[0].code == "unseen" and judged.left_out[0].text.endswith(
        "hob1 360 min, press2 30 min"
    )
    assert not figures([judged])


def test_a_moment_unseen_is_no_reason() -> None:
    spans = [ClassSpan(0, 995, "production"), ClassSpan(1000, None, "starved")]
    assert not unseen({"a": spans}, ["a"], 0, 1000)
    assert unseen({"a": [ClassSpan(0, 980, "production")]}, ["a"], 0, 1000)


def test_a_closed_plant_is_no_epoch() -> None:
    sunday = NOON + 4 * 24 * HOUR
    judged = epoch(
        REGISTRY, picture(sunday), [], {unit: [ClassSpan(0, None, "planned_down")] for unit in map(str, (
            each.id for each in REGISTRY.work_units))},
        parameters=Parameters(), to_ns=sunday + HOUR, runs=19, seed=1,
    )  # fmt: skip
    assert [note.code for note in judged.left_out] == ["closed"]


def test_an_epoch_that_begins_in_a_break_knows_since_when_no_order_ran() -> None:
    order = came_in("x", 2, at_ns=NOON - HOUR, good=(1,))
    job = next(each.job for _, each in order if isinstance(each, events.JobOrderStarted))
    [unit] = {each.work_unit for _, each in order if isinstance(each, events.JobOrderStarted)}
    stays = {str(each.id): [ClassSpan(0, None, "planned_down")] for each in REGISTRY.work_units}

    def own(ended_ns: int) -> list[str]:
        """Return what is made without an order where the line rests and its last one was over then."""
        judged = epoch(
            REGISTRY, at_rest(60), facts([*order, (ended_ns, over(job))]), stays, parameters=Parameters(),
            to_ns=NOON + HOUR, runs=19, seed=1,
        )  # fmt: skip
        assert not judged.left_out
        return [name for note in judged.notes if note.code == "own" for name in note.subjects]

    assert unit == "load2"
    assert own(NOON - 600 * SECOND) == ["EA-100"]
    assert own(NOON - 60 * SECOND) == []


# -- by hand


def late(told: Told) -> tuple[int, int, list[Any]]:
    return actual._late(facts(told), NOON, TO)


def test_late_is_who_was_due_and_not_done_then() -> None:
    order = came_in("x", 1, at_ns=NOON - HOUR, due_h=2.0)
    jobs = [each.job for _, each in order if isinstance(each, events.JobOrderStored)]
    ended = [(NOON + HOUR, over(job)) for job in jobs]
    assert late(order)[:2] == (1, 1)
    assert late([*order, *ended])[:2] == (0, 1)
    assert late([*order, *ended[:-1]])[:2] == (1, 1)
    assert late([*order, *ended[:-1], (NOON + 3 * HOUR, over(jobs[-1]))])[:2] == (1, 1)
    later = [
        (NOON + HOUR, events.JobOrderUpdated(job=job, work_unit="", due_ns=TO, priority=0)) for job in jobs
    ]
    assert late([*order, *later])[:2] == (1, 1), "a date that is moved in the span changes nothing"
    gone = [(NOON + HOUR, events.JobOrderCancelled(job=job)) for job in jobs]
    found = late([*order, *gone])
    assert found[:2] == (0, 0) and [note.subjects for note in found[2]] == [["x"]]
    assert late([*order, *ended[:-1], gone[-1]]) == (0, 1, []), "what was made of it is an end"
    assert late(came_in("y", 1, at_ns=NOON - HOUR))[:2] == (0, 0)
    assert late(came_in("z", 1, at_ns=NOON - HOUR, due_h=HOURS + 1.0))[:2] == (0, 0)


def test_an_order_is_due_by_the_latest_date_of_its_job_orders_and_done_by_their_latest_end() -> None:
    order = came_in("x", 1, at_ns=NOON - HOUR, due_h=2.0)
    first, *others = (each.job for _, each in order if isinstance(each, events.JobOrderStored))
    for job in (first, others[-1]):
        moved = events.JobOrderUpdated(job=job, work_unit="", due_ns=TO + HOUR, priority=9)
        assert late([*order, (NOON - HOUR // 2, moved)])[:2] == (0, 0)
    # An MES may tell late what was early.
    told = [(NOON + 3 * HOUR, over(first)), *((NOON + HOUR, over(job)) for job in others)]
    known = [*facts(order), *(Fact(100 + n, *each) for n, each in enumerate(told))]
    assert actual._late(known, NOON, TO)[:2] == (1, 1)


def test_what_was_over_before_and_what_has_lost_its_date_are_not_due() -> None:
    made = came_in("x", 1, at_ns=NOON - HOUR, good=(1,) * 8, due_h=2.0)
    assert late(made) == (0, 0, [])
    order = came_in("y", 1, at_ns=NOON - HOUR, due_h=2.0)
    jobs = [each.job for _, each in order if isinstance(each, events.JobOrderStored)]
    undated = [(NOON - HOUR // 2, events.JobOrderUpdated(job=job, work_unit="", due_ns=0, priority=0))
               for job in jobs]  # fmt: skip
    assert late(order) == (1, 1, []) and late([*order, *undated]) == (0, 0, [])


def left_open(request: str, quantity: int, *good: int, at_ns: int = NOON - HOUR, due_h: float = 2.0) -> Told:
    """Return what the MES says of an order whose later job orders nobody ends; the first two are over."""
    told = [
        each for each in came_in(request, quantity, at_ns=at_ns, good=good, due_h=due_h)
        if not isinstance(each[1], events.JobOrderEnded)
    ]  # fmt: skip
    return [*told, *((at_ns + 5 * SECOND, over(f"{request}-{number}")) for number in (10, 20))]


def test_what_is_made_and_never_closed_is_done_when_it_was_made() -> None:
    last = len(REGISTRY.routings[REGISTRY.products["EA-100"].routing].operations)
    order = left_open("x", 2, *[2] * (last - 1))
    made = (NOON + HOUR, counted("pack5", 2, f"x-{last * 10}"))
    assert late(order)[:2] == (1, 1)
    assert late([*order, made])[:2] == (0, 1)
    assert late([*order, (NOON + 3 * HOUR, made[1])])[:2] == (1, 1)
    assert late([*order, (NOON + HOUR, counted("pack5", 1, f"x-{last * 10}"))])[:2] == (1, 1), "one is short"
    found = late([*order, (NOON - HOUR // 2, made[1])])
    assert found[:2] == (0, 0) and [(note.code, note.subjects) for note in found[2]] == [
        ("made_before", ["x"])
    ]


def test_orders_of_which_no_part_is_left_are_foretold_as_they_come() -> None:
    # Two of `gone` are lost before the third machine, so nobody will ever end it; `made` is all there; `due`
    # is on its way in time, as the runs have it.
    last = len(REGISTRY.routings[REGISTRY.products["EA-100"].routing].operations)
    told: Told = [
        *left_open("gone", 2, 2),
        *left_open("made", 2, *[2] * last),
        *left_open("later", 2, 2, due_h=HOURS + 1.0),
        *came_in("due", 1, at_ns=NOON - HOUR, due_h=5.5),
    ]
    judged = predicted_then(played(ASSEMBLY, told, to_ns=TO), ASSEMBLY)
    score = next(each for each in judged.scored if each.indicator == "late_orders")
    assert (score.actual, score.mean) == (1.0, 1.0)
    assert {(note.code, *note.subjects) for note in judged.notes} >= {
        ("gone", "gone", "later"),
        ("unclosed", "made"),
    }


def test_scrap_leaves_the_work_and_is_counted(course: Played) -> None:
    model = course.here.model
    told: Told = [
        (NOON + SECOND, counted("adhesive2", 1, "x-20", is_good=False)),
        (NOON + SECOND, events.MaterialScrapped(report="r", job="x-30", quantity=2, cause="damaged")),
    ]
    idle = {unit: [ClassSpan(0, None, "starved")] for unit in model.unit_of}
    seen = came(model, facts(told), idle, passed=4, from_ns=NOON, to_ns=TO)
    assert seen.figures["scrap"] == 3 and seen.figures["wip"] == 1


def of_scrap(course: Played, *told: EventData) -> tuple[float, float]:
    """Return scrap and parts in work of a span in which four of them stand, and this is told after a second.

    One thing a second; nobody works, so that nothing else comes or goes.
    """
    idle = {unit: [ClassSpan(0, None, "starved")] for unit in course.here.model.unit_of}
    said = [(NOON + (n + 1) * SECOND, each) for n, each in enumerate(told)]
    seen = came(course.here.model, facts(said), idle, passed=4, from_ns=NOON, to_ns=TO).figures
    return seen["scrap"], seen["wip"]


def test_a_report_of_scrap_that_is_taken_back_brings_its_parts_back(course: Played) -> None:
    report = events.MaterialScrapped(report="r", job="x-30", quantity=2, cause="damaged")
    assert of_scrap(course, report) == (2, 2)
    assert of_scrap(course, report, events.MaterialScrapUndone(report="r", job="x-30")) == (0, 4)


@pytest.mark.parametrize("job", ["x-10", "x-10.2"])
def test_scrap_reported_of_a_first_operation_was_never_in_work_behind_it(course: Played, job: str) -> None:
    report = events.MaterialScrapped(report="r", job=job, quantity=2, cause="damaged")
    assert of_scrap(course, report) == (2, 4)
    assert of_scrap(course, report, events.MaterialScrapUndone(report="r", job=job)) == (0, 4)


@pytest.mark.parametrize(
    ("classes", "parts"),
    [
        (["production"], 1), (["set_up"], 1), (["delay_own"], 1), (["blocked"], 0), (["starved"], 0),
        (["down_no_order"], 0), (["delay_own", "planned_down"], 1), (["starved", "planned_down"], 0),
        (["planned_down"], 0), (["production", "starved"], 0),
    ],
)  # fmt: skip
def test_a_part_is_in_work_from_when_its_first_machine_has_it_in_hand(
    course: Played, classes: list[str], parts: int
) -> None:
    stays = {unit: [ClassSpan(0, None, "starved")] for unit in course.here.model.unit_of}
    starts = [NOON - (len(classes) - n) * SECOND for n in range(len(classes))]
    stays["load2"] = [
        ClassSpan(*span) for span in zip(starts, [*starts[1:], None], classes, strict=True)
    ]  # fmt: skip
    seen = came(course.here.model, [], stays, passed=4, from_ns=NOON, to_ns=TO).figures
    assert seen["wip"] == 4 + parts


def test_what_a_first_machine_rejects_was_never_in_work_behind_it(course: Played) -> None:
    assert of_scrap(course, counted("load2", 1, "x-10", is_good=False)) == (1, 4)
    assert of_scrap(course, counted("adhesive2", 1, "x-20", is_good=False)) == (1, 3)
