"""Projected dates: no machine does two things at once, nothing ends before it can, breaks are breaks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from taktwin.contracts import commands
from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.mes.dispatching.queries import board
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.forward import FAR_NS, Projected, Task, Timetable, after, project
from taktwin.plant.calendars import Calendar
from taktwin.plant.schema import Break, Shift
from taktwin.plant.schema import Calendar as Written
from tests.unit.mes.conftest import Shop

MINUTE = 60 * SECOND_NS
NOW = parse_rfc3339("2026-11-20T12:00:00Z")
DAY = Shift(name="Day", start="08:00", end="16:00", days=["mon", "tue", "wed", "thu", "fri"],
            breaks=[Break(start="12:30", end="13:00")])  # fmt: skip
ONE_SHIFT = Calendar("day", Written(name="Day", shifts={"day": DAY}), "UTC")


def task(job: str, *, left: int = 10, unit: str = "a", **more: object) -> Task:
    """Return the task of a job order `<request>-<operation>` with parts of a minute."""
    known = Task(job=job, request=job.partition("-")[0], left=left, made=0, part_ns=MINUTE, batch=1,
                 setup_ns=0, setup_family="", candidates=(unit,), running=False)  # fmt: skip
    return replace(known, **more)  # type: ignore[arg-type]


def minutes(found: Projected) -> tuple[float, float]:
    """Return begin and end in minutes from now."""
    return (found.begin_ns - NOW) / MINUTE, (found.end_ns - NOW) / MINUTE


def test_one_after_another_on_one_machine_side_by_side_on_two() -> None:
    found = project(
        [task("1-10"), task("2-10"), task("3-10", candidates=("a", "b"))], now_ns=NOW, calendars={}
    )
    assert {name: minutes(each) for name, each in found.items()} == {
        "1-10": (0, 10), "2-10": (10, 20), "3-10": (0, 10),
    }  # fmt: skip
    assert found["3-10"].work_unit == "b"


def test_a_part_goes_on_as_soon_as_it_is_made_and_the_last_one_comes_last() -> None:
    line = [
        task("1-10"),
        task("1-20", unit="b", part_ns=MINUTE // 2),
        task("1-30", unit="c", part_ns=2 * MINUTE),
    ]
    found = project(line, now_ns=NOW, calendars={})
    assert [minutes(found[each.job]) for each in line] == [(0, 10), (1, 10.5), (1.5, 21.5)]


def test_what_runs_keeps_its_machine_and_only_its_rest_counts() -> None:
    found = project(
        [task("9-10"), task("1-10", left=3, made=7, running=True)], now_ns=NOW, calendars={}
    )  # fmt: skip
    assert (minutes(found["1-10"]), minutes(found["9-10"])) == ((0, 3), (3, 13))


def test_a_change_of_family_costs_its_set_up_once() -> None:
    jobs = [
        task("1-10", running=True, setup_family="100"),
        task("2-10", setup_family="100", setup_ns=5 * MINUTE),
        task("3-10", setup_family="200", setup_ns=5 * MINUTE),
        task("4-10", setup_family="200", setup_ns=5 * MINUTE),
    ]
    found = project(jobs, now_ns=NOW, calendars={})
    assert [minutes(found[each.job])[1] for each in jobs] == [10, 20, 35, 45]


def test_a_furnace_takes_its_time_by_the_batch() -> None:
    (found,) = project([task("1-10", left=25, batch=24)], now_ns=NOW, calendars={}).values()
    assert minutes(found) == (0, 2)


@pytest.mark.parametrize(
    ("work_min", "ends"),
    [
        (20, "2026-11-20T12:20:00Z"),
        (30, "2026-11-20T12:30:00Z"),
        (31, "2026-11-20T13:01:00Z"),
        (3 * 60 + 30, "2026-11-20T16:00:00Z"),
        (3 * 60 + 31, "2026-11-23T08:01:00Z"),
    ],
)
def test_breaks_nights_and_weekends_are_no_working_time(work_min: int, ends: str) -> None:
    assert after(ONE_SHIFT, NOW, work_min * MINUTE) == parse_rfc3339(ends)


def test_in_the_night_of_the_clock_change_a_shift_has_an_hour_more() -> None:
    night = Shift(name="Night", start="22:00", end="06:00", days=["sat"])
    calendar = Calendar("night", Written(name="Night", shifts={"night": night}), "Europe/Vienna")
    begins = parse_rfc3339("2026-10-24T22:00:00+02:00")
    assert after(calendar, begins, 9 * 60 * MINUTE) == parse_rfc3339("2026-10-25T06:00:00+01:00")


def test_where_nothing_is_ever_planned_nothing_is_promised() -> None:
    closed = Calendar("never", Written(name="Never", shifts={"day": replace_days(DAY)}), "UTC")
    found = project([task("1-10")], now_ns=NOW, calendars={"a": closed})["1-10"]
    assert found.end_ns == FAR_NS


def replace_days(shift: Shift) -> Shift:
    """Return a shift that starts on no day."""
    return Shift(name=shift.name, start=shift.start, end=shift.end, days=[], breaks=[])


units = st.sets(st.sampled_from("abc"), min_size=1).map(lambda chosen: tuple(sorted(chosen)))
steps = st.tuples(st.integers(0, 20), st.integers(1, 5), units, st.sampled_from(("100", "200")))


@given(st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=5), st.booleans())
def test_no_machine_does_two_things_at_once_and_nothing_ends_before_it_can(
    orders: list[list[tuple[int, int, tuple[str, ...], str]]], shifts: bool
) -> None:
    tasks = [
        task(f"{order}-{10 * step}", left=left, part_ns=part * MINUTE, candidates=where, setup_family=family,
             setup_ns=3 * MINUTE)
        for order, route in enumerate(orders)
        for step, (left, part, where, family) in enumerate(route)
    ]  # fmt: skip
    calendar = ONE_SHIFT if shifts else None
    found = project(tasks, now_ns=NOW, calendars=dict.fromkeys("abc", calendar))
    assert found.keys() == {each.job for each in tasks}
    for unit in "abc":
        spans = sorted((p.begin_ns, p.end_ns) for p in found.values() if p.work_unit == unit)
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))
    for before, following in itertools.pairwise(tasks):
        now = found[following.job]
        assert now.end_ns >= after(calendar, now.begin_ns, following.work_ns)
        if before.request == following.request:
            first = after(calendar, found[before.job].begin_ns, before.part_ns)
            assert now.begin_ns >= first
            # What has all its parts waits for nobody.
            assert now.end_ns >= found[before.job].end_ns or not following.left


def test_the_board_says_when_each_order_will_be_done(shop: Shop) -> None:
    for name, priority in (("1", 0), ("2", 5)):
        shop.granted(commands.DropOrder(request=name, product="EA-100", quantity=20, due_ns=shop.now_ns,
                                        priority=priority))  # fmt: skip
    lines = {line.job.job: line for line in board(shop.store.book, shop.definitions, shop.now_ns)}
    rush, other = lines["2-80"], lines["1-80"]
    assert rush.projected is not None and other.projected is not None
    assert rush.order_end_ns == rush.projected.end_ns < other.order_end_ns, "priority goes first"
    assert lines["1-10"].order_end_ns == other.order_end_ns
    shop.begin("1-10", "load2")
    for _ in range(20):
        shop.machine("load2")
    job = shop.store.book.get(JobOrder, "1-10")
    assert job is not None and job.state == "Ended"
    lines = {line.job.job: line for line in board(shop.store.book, shop.definitions, shop.now_ns)}
    assert "1-10" not in lines and lines["1-20"].projected is not None


@given(
    st.lists(st.tuples(st.integers(-5 * 24 * 60, 60 * 24 * 60), st.integers(0, 20 * 24 * 60)), min_size=1,
             max_size=20),
    st.sampled_from([ONE_SHIFT, Calendar("night", Written(name="Night", shifts={"night": Shift(
        name="Night", start="22:00", end="06:00", days=["fri", "sat"], breaks=[])}), "Europe/Berlin"),
        Calendar("none", Written(name="None", shifts={}), "UTC"),
        Calendar("always", Written(name="Always", always=True), "UTC")]),
)  # fmt: skip
def test_a_timetable_says_what_a_walk_through_the_days_would_say(
    asked: list[tuple[int, int]], calendar: Calendar
) -> None:
    table = Timetable(calendar, NOW)
    for from_min, work_min in asked:
        begin, work = NOW + from_min * MINUTE, work_min * MINUTE
        assert table.after(begin, work) == after(calendar, begin, work)
        if from_min >= 0:
            opened = begin if calendar.planned(begin) else after(calendar, begin, 1) - 1
            assert table.opens(begin) == (FAR_NS if opened == FAR_NS - 1 else opened)
