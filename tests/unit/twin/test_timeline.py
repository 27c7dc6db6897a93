"""Every instant in exactly one class: the rules, one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from taktwin.contracts.events import ConnectorStateChanged
from taktwin.twin.engine import ScanEvent, TwinEngine
from taktwin.twin.timeline import CalendarLike
from tests.support_days import fact
from tests.support_registry import SECOND, START, Speaker, TwoShifts, registry


class Bench:
    """One engine, and what its units are told second by second."""

    def __init__(self, calendar: CalendarLike | None = None) -> None:
        self.plant = registry(calendar=calendar)
        self.engine = TwinEngine(self.plant)
        self.speakers = {name: Speaker(self.plant, name) for name in ("line1", "line4")}
        self.told: list[Any] = []

    def say(
        self, second: float, unit: str = "turn1", *, qualities: list[int] | None = None, **values: Any
    ) -> None:
        connector = "line4" if unit == "grind1" else "line1"
        at = START + round(second * SECOND)
        scan = self.speakers[connector].scan(
            unit, at, {path.replace("__", "/"): value for path, value in values.items()}, qualities=qualities
        )
        self.told += self.engine.apply(ScanEvent(unit, scan)).intervals

    def quiet(self, first: int, last: int, unit: str = "turn1") -> None:
        for second in range(first, last + 1):
            self.say(second, unit)

    def shown(self, unit: str = "turn1") -> list[tuple[float, float | None, str]]:
        return [
            (
                (i.from_ns - START) / SECOND,
                None if i.to_ns is None else (i.to_ns - START) / SECOND,
                i.time_class,
            )
            for i in self.engine.timelines[unit].shown()
        ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"state": 6}, "production"),
        ({"state": 5, "blocked": True, "starved": False}, "blocked"),
        ({"state": 5, "blocked": False, "starved": True}, "starved"),
        ({"state": 11}, "delay_own"),
        ({"state": 4}, "down_no_order"),
        ({"state": 4, "mode": 3}, "set_up"),
        ({"state": 2, "set_up": True}, "set_up"),
        ({"state": 99}, "unknown"),
    ],
)
def test_a_packml_state_with_its_flags_has_one_class(values: dict[str, Any], expected: str) -> None:
    bench = Bench()
    bench.say(0, **values)
    assert bench.shown() == [(0, None, expected)]


def test_flags_of_the_same_instant_leave_no_interval_of_no_length() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.say(1, state=5)
    bench.say(1, blocked=True)
    assert bench.shown() == [(0, 1, "production"), (1, None, "blocked")]
    assert all(i.to_ns is None or i.to_ns > i.from_ns for i in bench.told)


def test_nobody_vouched_for_longer_than_the_gap_is_unknown_from_confirmation_to_confirmation() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.quiet(1, 3)
    bench.quiet(12, 14)
    assert bench.shown() == [(0, 3, "production"), (3, 12, "unknown"), (12, None, "production")]


def test_a_gap_of_exactly_the_limit_is_bridged() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.say(5)
    bench.say(10.000000001)
    assert [word for *_, word in bench.shown()] == ["production", "unknown", "production"]
    bench = Bench()
    bench.say(0, state=6)
    bench.say(5)
    bench.say(10)
    assert bench.shown() == [(0, None, "production")]


def test_samples_of_a_source_that_cannot_vouch_are_its_only_confirmations() -> None:
    bench = Bench()
    for second in (0, 4, 8, 20, 24):
        scan = bench.speakers["line1"].scan("turn1", START + second * SECOND, {"state": 6})
        bench.engine.apply(ScanEvent("turn1", msgspec.structs.replace(scan, as_of_ns=None)))
    assert bench.shown() == [(0, 8, "production"), (8, 20, "unknown"), (20, None, "production")]


def test_a_late_scan_closes_the_gap_and_the_correction_has_a_higher_revision() -> None:
    bench = Bench()
    bench.say(0, state=6)
    late = [bench.speakers["line1"].scan("turn1", START + s * SECOND) for s in (3, 6, 9)]
    bench.say(12)
    assert bench.shown() == [(0, 12, "unknown"), (12, None, "production")]
    for scan in late:
        bench.told += bench.engine.apply(ScanEvent("turn1", scan)).intervals
    assert bench.shown() == [(0, None, "production")]
    by_id: dict[str, list[Any]] = {}
    for message in bench.told:
        by_id.setdefault(message.id, []).append(message)
    assert all([m.revision for m in row] == list(range(1, len(row) + 1)) for row in by_id.values())
    assert by_id[f"turn1:{START + 12 * SECOND}"][-1].withdrawn
    assert (by_id[f"turn1:{START}"][-1].time_class, by_id[f"turn1:{START}"][-1].to_ns) == ("production", None)


def test_a_late_state_change_splits_the_interval_it_falls_into() -> None:
    bench = Bench()
    bench.say(0, state=6)
    late = bench.speakers["line1"].scan("turn1", START + 2 * SECOND, {"state": 11})
    bench.quiet(3, 6)
    bench.say(7, state=4)
    bench.engine.apply(ScanEvent("turn1", late))
    assert bench.shown() == [(0, 2, "production"), (2, 7, "delay_own"), (7, None, "down_no_order")]


def test_a_loss_makes_unknown_from_the_last_instant_it_was_alive_until_it_runs_again() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.quiet(1, 3)
    lost = ConnectorStateChanged(connector="line1", state="lost", reason="socket closed")
    bench.engine.apply(fact(lost, START + 3 * SECOND, 1))
    assert bench.shown() == [(0, 3, "production"), (3, None, "unknown")]
    back = ConnectorStateChanged(connector="line1", state="running")
    bench.engine.apply(fact(back, START + 5 * SECOND, 2))
    bench.quiet(5, 6)
    assert bench.shown() == [(0, 3, "production"), (3, 5, "unknown"), (5, None, "production")]
    assert "socket closed" in bench.engine.timelines["turn1"].intervals[1].reason


def test_a_loss_of_some_units_leaves_the_others_alone() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.say(0, "wash1", state=6)
    lost = ConnectorStateChanged(connector="line1", state="lost", work_units=["wash1"])
    bench.engine.apply(fact(lost, START, 1))
    assert (bench.shown()[-1][2], bench.shown("wash1")[-1][2]) == ("production", "unknown")


def test_what_a_restarted_gateway_could_not_see_is_unknown_however_short_it_was() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.quiet(1, 3)
    again = Speaker(bench.plant, "line1", epoch_ns=START + 6 * SECOND)
    # The value that stands is older than the new gateway: it does not show that somebody listened.
    standing = again.scan("turn1", START + 6 * SECOND, {"state": (-SECOND, 11)})
    bench.engine.apply(ScanEvent("turn1", standing))
    assert bench.shown() == [(0, 3, "production"), (3, 6, "unknown"), (6, None, "delay_own")]


def test_a_late_last_word_of_a_killed_gateway_makes_the_unknown_stretch_shorter() -> None:
    bench = Bench()
    bench.say(0, state=6)
    late = bench.speakers["line1"].scan("turn1", START + 2 * SECOND)
    again = Speaker(bench.plant, "line1", epoch_ns=START + 4 * SECOND)
    bench.engine.apply(ScanEvent("turn1", again.scan("turn1", START + 4 * SECOND, {"state": 6})))
    assert bench.shown() == [(0, 4, "unknown"), (4, None, "production")]
    bench.engine.apply(ScanEvent("turn1", late))
    assert bench.shown() == [(0, 2, "production"), (2, 4, "unknown"), (4, None, "production")]


def test_a_bad_state_is_unknown_until_the_next_one() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.say(2, state=6, qualities=[3])
    bench.say(4, state=6)
    assert bench.shown() == [(0, 2, "production"), (2, 4, "unknown"), (4, None, "production")]


def test_the_live_edge_is_unknown_once_nobody_vouched_for_the_gap_and_known_again_after() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.quiet(1, 3)
    assert not bench.engine.advance(START + 8 * SECOND).intervals
    told = bench.engine.advance(START + 8 * SECOND + 1).intervals
    assert [(i.time_class, i.to_ns is None) for i in told] == [("production", False), ("unknown", True)]
    assert bench.shown() == [(0, 3, "production"), (3, None, "unknown")]
    bench.quiet(4, 9)  # they were only late
    assert bench.shown() == [(0, None, "production")]


def test_the_calendar_cuts_an_idle_unit_at_its_edge_but_not_one_that_produces() -> None:
    bench = Bench(TwoShifts())
    for unit, state in (("turn1", 4), ("grind1", 6)):
        bench.say(2690, unit, state=state)
        bench.quiet(2691, 2710, unit)
    assert bench.shown() == [(2690, 2700, "down_no_order"), (2700, None, "planned_down")]
    assert bench.shown("grind1") == [(2690, None, "production")]


def test_unknown_beats_the_calendar() -> None:
    bench = Bench(TwoShifts())
    bench.say(2690, state=4)
    bench.say(2720)
    assert bench.shown() == [(2690, 2720, "unknown"), (2720, None, "planned_down")]


def test_a_unit_without_a_state_is_inferred_from_power_and_its_neighbours_counters() -> None:
    bench = Bench()
    bench.say(0, good_count=1)
    bench.say(0, "wash1", good_count=0, reject_count=0)
    bench.say(0, "deburr1", power=3.0, good_count=0)
    bench.say(2, "deburr1", power=1.0, good_count=1)  # turn1 made one, it took it: starved
    bench.say(4, good_count=2)  # the next one comes, and its power does not rise: its own trouble
    bench.say(7, "deburr1", power=0.0)
    assert bench.shown("deburr1") == [
        (0, 2, "production"),
        (2, 5, "starved"),
        (5, 7, "delay_own"),
        (7, None, "down_no_order"),
    ]


def test_an_inferred_unit_that_gets_a_part_waits_for_parts_until_its_power_had_time_to_rise() -> None:
    bench = Bench()
    bench.say(0, good_count=1)
    bench.say(0, "wash1", good_count=0, reject_count=0)
    bench.say(0, "deburr1", power=1.0, good_count=1)
    bench.say(4, good_count=2)
    assert bench.shown("deburr1") == [(0, None, "starved")]
    bench.say(4.8, "deburr1", power=3.0)
    assert bench.shown("deburr1") == [(0, 4.8, "starved"), (4.8, None, "production")]


def test_an_inferred_unit_that_was_starved_is_not_blocked_before_it_has_worked() -> None:
    bench = Bench()
    bench.say(0, good_count=6)
    bench.say(0, "wash1", good_count=2, reject_count=1)
    bench.say(0, "deburr1", power=1.0, good_count=6)  # nothing before it, and no room behind it
    bench.say(4, good_count=7)
    bench.say(4.8, "deburr1", power=3.0)
    bench.say(8, "deburr1", power=1.0)
    bench.say(9, "wash1", good_count=3)
    bench.say(9.9, "deburr1", power=3.0)
    assert bench.shown("deburr1") == [
        (0, 4.8, "starved"),
        (4.8, 8, "production"),
        (8, 9.9, "blocked"),
        (9.9, None, "production"),
    ]


def test_an_inferred_unit_is_planned_down_until_its_power_had_time_to_rise_at_the_start_of_work() -> None:
    bench = Bench(TwoShifts())
    bench.say(3596, "deburr1", power=0.0)
    bench.say(3600.5, "deburr1")
    assert bench.shown("deburr1") == [(3596, None, "planned_down")]
    bench.say(3602, "deburr1")
    assert bench.shown("deburr1") == [(3596, 3601, "planned_down"), (3601, None, "down_no_order")]


def test_an_inferred_unit_keeps_its_class_at_the_end_of_work_until_its_power_tells() -> None:
    """Seen on a generated plant: a part begun 0.36 s before a break was planned down for 0.09 s."""
    bench = Bench(TwoShifts())
    bench.say(2690, good_count=1)
    bench.say(2690, "wash1", good_count=0, reject_count=0)
    bench.say(2690, "deburr1", power=1.0, good_count=1)  # starved
    bench.quiet(2691, 2700, "deburr1")
    assert bench.shown("deburr1") == [(2690, None, "starved")]
    bench.say(2700.09, "deburr1", power=3.0)
    bench.say(2704.09, "deburr1", power=0.0)
    assert bench.shown("deburr1") == [
        (2690, 2700.09, "starved"),
        (2700.09, 2704.09, "production"),
        (2704.09, None, "planned_down"),
    ]


def test_an_inferred_unit_that_waits_is_planned_down_when_its_power_had_time_to_rise() -> None:
    bench = Bench(TwoShifts())
    bench.say(2690, good_count=1)
    bench.say(2690, "wash1", good_count=0, reject_count=0)
    bench.say(2690, "deburr1", power=1.0, good_count=1)
    bench.quiet(2691, 2705, "deburr1")
    assert bench.shown("deburr1") == [(2690, 2701, "starved"), (2701, None, "planned_down")]
    bench = Bench(TwoShifts())
    bench.say(2696, good_count=1)
    bench.say(2696, "wash1", good_count=0, reject_count=0)
    bench.say(2696, "deburr1", power=1.0, good_count=1)
    bench.say(2700.4, "deburr1", power=0.0)  # switched off: that is what the end of work looks like
    assert bench.shown("deburr1") == [(2696, 2700.4, "starved"), (2700.4, None, "planned_down")]


def test_a_full_buffer_behind_blocks_an_inferred_unit() -> None:
    bench = Bench()
    bench.say(0, good_count=9)
    bench.say(0, "wash1", good_count=2, reject_count=1)
    bench.say(0, "deburr1", power=1.0, good_count=6)  # b1 holds 3 of 4, b2 holds 3 of 3
    assert bench.shown("deburr1") == [(0, None, "blocked")]
    assert (bench.engine.buffer_content("b1"), bench.engine.buffer_content("b2")) == (3, 3)


def test_an_interval_says_job_and_reason_and_a_new_one_begins_where_they_change() -> None:
    bench = Bench()
    bench.say(0, state=11, job="J1", alarm__code=0)
    bench.say(1, alarm__code=17)
    bench.say(2, job="J2")
    kept = bench.engine.timelines["turn1"].intervals
    assert [(i.job, i.reason) for i in kept] == [("J1", ""), ("J1", "alarm 17"), ("J2", "alarm 17")]


def test_an_interval_that_reaches_into_the_kept_days_is_not_computed_without_its_facts() -> None:
    """Seen in a week: a standing value told again after a cut touched what was before the dropped facts."""
    bench = Bench()
    for second, power in enumerate((3.0, 3.1, 3.2, 3.1, 3.0)):
        bench.say(second, "deburr1", power=power)
    bench.say(5, "deburr1", power=0.0)
    bench.say(6, "deburr1", power=0.1)
    shown = [(0, 5, "production"), (5, None, "down_no_order")]
    assert bench.shown("deburr1") == shown
    timeline, cut_ns = bench.engine.timelines["deburr1"], START + 3 * SECOND
    timeline.drop_before(cut_ns)
    for series in bench.engine.state.series.values():
        series.drop_before(cut_ns)
    timeline.touch(START)
    timeline.settle()
    assert bench.shown("deburr1") == shown
