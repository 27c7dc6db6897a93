"""Shifts in local time, as instants: also in the two nights when the clocks change."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.plant import schema
from taktwin.plant.calendars import FAR_NS, Calendar

H = 3_600_000_000_000
VIENNA = ZoneInfo("Europe/Vienna")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
THREE_SHIFTS = msgspec.convert(
    {
        "name": "Three shifts",
        "production_day_starts": "06:00",
        "shifts": {
            "early": {"name": "Early", "from": "06:00", "to": "14:00", "days": list(WEEKDAYS[:5]),
                      "breaks": [{"from": "09:00", "to": "09:15"}]},
            "late": {"name": "Late", "from": "14:00", "to": "22:00", "days": list(WEEKDAYS[:5])},
            "night": {"name": "Night", "from": "22:00", "to": "06:00",
                      "days": ["sun", "mon", "tue", "wed", "thu", "fri"],
                      "breaks": [{"from": "01:00", "to": "01:30"}, {"from": "23:50", "to": "00:05"}]},
            "maintenance": {"name": "Maintenance", "from": "06:00", "to": "14:00", "days": ["sat"],
                            "planned": False},
        },
        "closed": ["2026-12-25"],
    },
    schema.Calendar,
)  # fmt: skip
EVERY_DAY = msgspec.convert(
    {"name": "Nights", "production_day_starts": "22:00",
     "shifts": {"night": {"name": "Night", "from": "22:00", "to": "06:00", "days": list(WEEKDAYS)}}},
    schema.Calendar,
)  # fmt: skip


def ns(*parts: int, zone: ZoneInfo = VIENNA, fold: int = 0) -> int:
    return int(datetime(*parts, tzinfo=zone, fold=fold).timestamp()) * 1_000_000_000


def calendar(definition: schema.Calendar = THREE_SHIFTS) -> Calendar:
    return Calendar("three_shifts", definition, "Europe/Vienna")


def wall_says_planned(at_ns: int) -> bool:
    """The rule read from the clock on the wall, minute by minute, without any instant arithmetic."""
    local = datetime.fromtimestamp(at_ns // 1_000_000_000, VIENNA)
    minute = local.hour * 60 + local.minute
    for shift in THREE_SHIFTS.shifts.values():
        start, end = _minutes(shift.start), _minutes(shift.end)
        started = local.date() if minute >= start else local.date() - timedelta(days=1)
        inside = start <= minute < end if start < end else minute >= start or minute < end
        if not inside or WEEKDAYS[started.weekday()] not in shift.days or not shift.planned:
            continue
        if started == date(2026, 12, 25):
            continue
        pauses = [(_minutes(p.start), _minutes(p.end)) for p in shift.breaks]
        return not any(a <= minute < b if a < b else minute >= a or minute < b for a, b in pauses)
    return False


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


@given(st.integers(0, 2 * 366 * 24 * 60 - 1))
@settings(derandomize=True, deadline=None, max_examples=3000)
def test_planned_is_what_the_clock_on_the_wall_says(minute: int) -> None:
    at_ns = ns(2026, 1, 1) + minute * 60 * 1_000_000_000 + 7
    assert CALENDAR.planned(at_ns) is wall_says_planned(at_ns)


CALENDAR = calendar()


@given(st.integers(0, 500 * 24 * 60), st.integers(0, 10 * 24 * 60))
@settings(derandomize=True, deadline=None, max_examples=400)
def test_intervals_changes_and_moments_tell_the_same(start_minute: int, length_minutes: int) -> None:
    from_ns = ns(2026, 1, 1) + start_minute * 60_000_000_000 + 1
    to_ns = from_ns + length_minutes * 60_000_000_000
    intervals = CALENDAR.planned_intervals(from_ns, to_ns)
    edges = [edge for interval in intervals for edge in interval]
    assert edges == sorted(set(edges)), "in order, none empty, none touching"
    assert all(from_ns <= edge <= to_ns for edge in edges)
    for start, end in intervals:
        assert CALENDAR.planned(start)
        assert CALENDAR.planned(end - 1)
        if end < to_ns:
            assert not CALENDAR.planned(end)
            assert CALENDAR.next_change_ns(start) == end
    for (_, end), (start, _) in pairwise(intervals):
        assert not CALENDAR.planned(end)
        assert CALENDAR.next_change_ns(end) == start


def test_night_shifts_have_seven_and_nine_hours_when_the_clocks_change() -> None:
    nights = Calendar("nights", EVERY_DAY, "Europe/Vienna")
    spring = nights.shift_at(ns(2026, 3, 29, 4))
    autumn = nights.shift_at(ns(2026, 10, 25, 4))
    usual = nights.shift_at(ns(2026, 7, 1, 23))
    assert spring is not None and autumn is not None and usual is not None
    assert (spring.to_ns - spring.from_ns, autumn.to_ns - autumn.from_ns) == (7 * H, 9 * H)
    assert usual.to_ns - usual.from_ns == 8 * H
    assert nights.planned_intervals(spring.from_ns, spring.to_ns) == [(spring.from_ns, spring.to_ns)]
    assert (spring.day, spring.name) == (date(2026, 3, 28), "Night")


def test_production_days_have_23_24_and_25_hours() -> None:
    for definition, edge_hour in ((THREE_SHIFTS, 6), (EVERY_DAY, 22)):
        days = Calendar("c", definition, "Europe/Vienna")
        lengths = {}
        at_ns = ns(2026, 1, 1, edge_hour)
        while at_ns < ns(2027, 1, 1):
            day = days.production_day(at_ns)
            assert day.from_ns == at_ns, "each begins where the last one ended"
            assert days.production_day(day.to_ns - 1) == day
            lengths[day.day] = (day.to_ns - day.from_ns) // H
            at_ns = day.to_ns
        assert sorted(set(lengths.values())) == [23, 24, 25]
        assert [d for d, hours in lengths.items() if hours == 23] == [date(2026, 3, 28)]
        assert [d for d, hours in lengths.items() if hours == 25] == [date(2026, 10, 24)]


def test_both_hours_of_the_doubled_hour_are_planned_once() -> None:
    nights = Calendar("nights", EVERY_DAY, "Europe/Vienna")
    first, second = ns(2026, 10, 25, 2, 30), ns(2026, 10, 25, 2, 30, fold=1)
    assert second - first == H
    assert nights.planned(first)
    assert nights.planned(second)


def test_the_week_runs_from_sunday_night_to_saturday_morning() -> None:
    assert not CALENDAR.planned(ns(2026, 7, 5, 21, 59))  # Sunday
    assert CALENDAR.planned(ns(2026, 7, 5, 22, 0))
    assert CALENDAR.planned(ns(2026, 7, 11, 5, 59))  # Saturday
    assert not CALENDAR.planned(ns(2026, 7, 11, 6, 0)), "maintenance is no production"
    shift = CALENDAR.shift_at(ns(2026, 7, 11, 7))
    assert shift is not None
    assert (shift.id, shift.planned) == ("maintenance", False)
    assert CALENDAR.shift_at(ns(2026, 7, 11, 15)) is None


def test_shifts_of_a_span_come_whole_and_in_order() -> None:
    spans = CALENDAR.shifts(ns(2026, 7, 6, 5), ns(2026, 7, 6, 23))
    assert [span.id for span in spans] == ["night", "early", "late", "night"]
    assert spans[0].from_ns == ns(2026, 7, 5, 22)


def test_a_closed_day_has_no_shift_of_its_own() -> None:
    assert not CALENDAR.planned(ns(2026, 12, 25, 10))
    assert CALENDAR.planned(ns(2026, 12, 25, 3)), "the night shift began on the day before"


def test_always_is_always_planned() -> None:
    always = Calendar("always", schema.Calendar(name="Through", always=True), "Europe/Vienna")
    assert always.planned(0)
    assert always.planned_intervals(5, 9) == [(5, 9)]
    assert always.next_change_ns(7) == FAR_NS


def test_a_calendar_that_is_never_planned_says_that_nothing_changes() -> None:
    never = msgspec.structs.replace(THREE_SHIFTS, shifts={"m": THREE_SHIFTS.shifts["maintenance"]})
    assert Calendar("m", never, "Europe/Vienna").next_change_ns(ns(2026, 1, 1)) == FAR_NS


def test_another_time_zone_has_its_own_instants() -> None:
    newyork = Calendar("c", THREE_SHIFTS, "America/New_York")
    assert newyork.planned(ns(2026, 7, 6, 6, 30, zone=ZoneInfo("America/New_York")))
    shift = newyork.shift_at(int(datetime(2026, 7, 6, 10, 0, tzinfo=UTC).timestamp()) * 1_000_000_000)
    assert shift is not None
    assert shift.id == "early"


def test_a_calendar_travels_between_processes() -> None:
    copy = pickle.loads(pickle.dumps(CALENDAR))
    assert copy == CALENDAR
    assert copy.planned(ns(2026, 7, 6, 10))
