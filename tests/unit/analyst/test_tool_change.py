"""What is tried of a tool's change: when, at which stop of the unit, and for how long the advice stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from taktwin.analyst.features import Column, Trace
from taktwin.analyst.maintenance.tool_change import ToolChange, loads, watched
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.maintenance.wear_ways import LOADED, WAYS, Ways
from taktwin.analyst.proposal import Ahead, Course, Trial
from tests.unit.analyst.lathe import CYCLE_NS, values
from tests.unit.analyst.test_training import lathes
from tests.unit.whatif.test_whatif import NOON, REGISTRY

SECOND = 10**9
CHANGE_S = 3 * CYCLE_NS / SECOND  # so long these lathes stood for each of their changes: 264 s
SHIFT_END_S = 3.5 * 3600  # after noon UTC


@pytest.fixture(scope="module")
def lathe() -> Trace:
    """Return a lathe whose insert has made 250 parts of its 400."""
    return lathes(("turn1", values("turn1", drift_um=36.0, age=250, tools=12)))[0]


def eight_hours(*set_ups_s: tuple[int, int], share: float = 1.0) -> Ahead:
    """Return that there is work all the time, and some set-ups."""
    end_ns = NOON + 8 * 3600 * SECOND
    spans = tuple((NOON + begin * SECOND, NOON + end * SECOND) for begin, end in set_ups_s)
    return Ahead(NOON, end_ns, work=((NOON, end_ns),), set_ups=spans, share=share)


def tried(lathe: Trace, *set_ups_s: tuple[int, int], share: float = 1.0) -> Trial:
    """Return what is tried with eight hours of work and some set-ups ahead."""
    model = ToolWear.fit([lathe], seed=1)
    ahead = eight_hours(*set_ups_s, share=share)
    found = ToolChange.trial(model.predict(lathe), lathe, ahead, REGISTRY)
    assert found is not None
    return found


def of(trial: Trial, name: str) -> Course:
    """Return a course."""
    [found] = [each for each in trial.courses if each.name == name]
    return found


def stops(course: Course) -> Sequence[list[tuple[float, float]]]:
    """Return from when to when the unit stands for it, in seconds, in each way."""
    return [
        [(each["from_s"], each["to_s"]) for each in changes if each["change"] == "unit_down"]
        for changes in course.changes
    ]


def test_at_the_end_of_the_shift_it_is_done_when_the_shift_ends(lathe: Trace) -> None:
    course = of(tried(lathe), "shift_end")
    assert (course.at_ns - NOON) / SECOND == SHIFT_END_S - CHANGE_S
    for each in stops(course):
        assert each[0] == (SHIFT_END_S - CHANGE_S, SHIFT_END_S)


def test_in_a_set_up_that_is_long_enough_the_unit_does_not_stand_a_second_time(lathe: Trace) -> None:
    begin = 1800
    for lasts, more in ((263, True), (264, False), (600, False)):
        course = of(tried(lathe, (begin, begin + lasts)), "next_set_up")
        assert (course.at_ns - NOON) / SECOND == begin
        for each in stops(course):
            assert each[:1] == ([(begin, begin + CHANGE_S)] if more else [])
    running = of(tried(lathe, (begin, begin + 600)), "now")
    assert all(each[0] == (600.0, 600.0 + CHANGE_S) for each in stops(running)), "ten minutes to get there"


def test_it_stands_until_it_would_be_done_and_what_is_to_be_done_now_until_it_may_be_too_late(
    lathe: Trace,
) -> None:
    trial = tried(lathe, (1800, 2400))
    first_s = trial.forecast.in_s.p10
    assert 600 < first_s < 3600 and first_s < 0.5 * trial.forecast.in_s.p90
    assert trial.expires_ns["now"] == NOON + round(first_s * SECOND)
    for course in trial.courses[2:-1]:
        assert trial.expires_ns[course.name] == course.at_ns, course.name
    assert {each.name for each in trial.courses[2:-1]} == {"in_time", "next_set_up", "shift_end"}
    worn = lathes(("turn1", values("turn1", drift_um=36.0, age=285, tools=12)))[0]
    assert tried(worn).forecast.in_s.p10 < 300
    assert tried(worn).expires_ns["now"] == NOON + 600 * SECOND, "never less than it takes to get there"


def test_never_is_not_even_at_the_end_of_its_life(lathe: Trace) -> None:
    trial = tried(lathe)
    assert [len(each) for each in stops(of(trial, "nothing"))] == [1] * WAYS, "it goes at 400 parts"
    assert stops(of(trial, "never")) == [[]] * WAYS


def test_the_twin_scraps_as_many_parts_as_would_be_bad_of_those_that_the_unit_makes(lathe: Trace) -> None:
    # Lately the lathe worked three hours of each six; the schedule has time for all eight, and half of that
    # is another lathe's, which has no part in it.
    block = 3 * 3600 * SECOND

    def rested(column: Column) -> Column:
        ago = NOON - column.at_ns
        return Column(NOON - ago - ago // block * block, column.values)

    half = replace(lathe, columns={name: rested(column) for name, column in lathe.columns.items()})
    ahead, part_s = eight_hours(share=0.5), CYCLE_NS / SECOND
    load = loads(half, ahead, REGISTRY, part_s=part_s)
    assert load[0] < load[-1] and 0.4 < load.mean() < 0.6
    parts = int(8 * 3600 / part_s)
    made = [round(parts * load[place]) for place in LOADED]
    ways = Ways(ToolWear.fit([half], seed=1).predict(half).detail, made)
    for way, changes in enumerate(of(tried(half, share=0.5), "nothing").changes):
        scrapped = parts * (1 - changes[0]["times"])
        assert scrapped == pytest.approx(0.5 * ways.spent(way, None).chances.sum(), rel=0.01)


def test_an_hour_of_waiting_costs_the_parts_that_are_bad_in_it() -> None:
    worn = lathes(("turn1", values("turn1", drift_um=36.0, age=330, tools=12)))[0]
    trial, fresh = tried(worn), tried(lathes(("turn1", values("turn1", drift_um=36.0, age=60, tools=12)))[0])
    model = ToolWear.fit([worn], seed=1)
    load = loads(worn, eight_hours(), REGISTRY, part_s=CYCLE_NS / SECOND)
    in_hour = int(3600 / (CYCLE_NS / SECOND) * load.mean())
    survives = model.predict(worn).detail.left.survival
    assert trial.waiting.units is not None and fresh.waiting.units is not None
    assert 0 < trial.waiting.units.p10 <= trial.waiting.units.mean <= in_hour
    assert trial.waiting.units.mean >= 1 - survives[in_hour], "at least one is bad as often as one may be"
    assert fresh.waiting.units.mean < 0.05 * trial.waiting.units.mean


def test_a_change_at_fixed_life_is_paid_for_as_every_other(lathe: Trace) -> None:
    """Doing nothing is not free where the tool goes out at its life; nobody changing it ever is cheaper."""
    trial = tried(lathe)
    nothing, never, now = (of(trial, name).costs for name in ("nothing", "never", "now"))
    tool = max(never)  # what is left in is used up by then
    assert tool > 0 and all(cost > tool for cost in nothing), nothing
    assert all(cost <= tool for cost in never)
    assert all(abs(one - other) < tool for one, other in zip(now, nothing, strict=True)), "one tool each"


def test_it_is_void_by_everything_that_makes_a_change_of_that_tool_void() -> None:
    drifts = {unit: values(unit, drift_um=36.0, age=250, tools=12) for unit in ("turn1", "turn2")}
    for trace in lathes(*drifts.items()):
        watches = tried(trace).watches
        assert watches == watched(trace.subject.unit, "insert")
        assert {each.event_type for each in watches} == {
            "tool.mounted", "tool.dismounted", "maintenance.order.opened", "schedule.published",
            "operations.request.changed", "operations.request.cancelled", "job.order.revoked",
        }  # fmt: skip
