"""One day of the demo plant: the twin's timeline equals the truth, for all work units."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from taktwin.instants import SECOND_NS, parse_rfc3339
from taktwin.plant import open_plant
from taktwin.twin.engine import TwinEngine
from tests.truth import cases, compare, harness, report
from tests.truth.cases import Bench, Case
from tests.truth.harness import Outage
from tests.truth.physics_generator import PLANT


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.mark.timeout(600)
def test_a_whole_day_equals_the_truth_and_is_unknown_for_exactly_the_outages(bench: Bench) -> None:
    case = cases.day()
    played = bench.play(case)
    result = bench.result(case, played)
    print(report.table(result))
    assert result.wrong == []

    # Everything that can be compared was compared, and there was something to compare.
    units = {unit.unit: unit for unit in result.units}
    assert set(units) == set(played.engine.timelines)
    assert {unit.kind for unit in result.units} == {"state", "polled", "inferred"}
    assert all(unit.compared_s == 86_400 for unit in result.units)
    for time_class in compare.CLASSES:
        assert sum(unit.true_s[time_class] for unit in result.units) > 1800, f"too little {time_class}"
    assert sum(unit.boundaries for unit in result.units) > 10_000
    assert {outage.kind for outage in case.outages} == {
        "cut_server", "freeze_server", "kill_gateway", "bad_signal", "silence_sensor",
    }  # fmt: skip
    # State signals carry the instant of each change: away from outages nothing is off at all.
    assert {unit.unit: unit.worst_s for unit in result.units if unit.kind == "state" and unit.worst_s} == {}
    assert all(unit.worst_unknown_s <= 1.0 for unit in result.units)


def test_no_other_signal_moves_a_class(bench: Bench) -> None:
    from_ns = parse_rfc3339("2026-06-17T06:50:00Z")  # a break begins at 09:00 by the clock in the hall
    case = Case(name="ten minutes", from_ns=from_ns, to_ns=from_ns + 720 * SECOND_NS, seed=3)
    few, all_of_them = bench.play(case), bench.play(case, everything=True)
    assert all_of_them.readings > 4 * few.readings
    for unit, intervals in few.intervals.items():
        others = [(i.from_ns, i.to_ns, i.time_class, i.reason) for i in all_of_them.intervals[unit]]
        assert others == [(i.from_ns, i.to_ns, i.time_class, i.reason) for i in intervals]


def test_a_night_shift_in_which_the_clocks_change_equals_the_truth(tmp_path: Path) -> None:
    # In Vienna clocks change on Sundays, when the lines rest. In Cairo they change in a night shift.
    shutil.copytree(PLANT, tmp_path / "plant")
    main = tmp_path / "plant" / "plant.yaml"
    text = re.sub(r"time_zone: \S+", "time_zone: Africa/Cairo", main.read_text(encoding="utf-8"))
    main.write_text(text, encoding="utf-8")
    bench = Bench(open_plant(tmp_path / "plant"))
    cairo = ZoneInfo("Africa/Cairo")

    def at(*clock: int) -> int:
        return int(datetime(*clock, tzinfo=cairo).timestamp()) * SECOND_NS  # type: ignore[misc, arg-type]

    from_ns, to_ns = at(2026, 4, 23, 21, 45), at(2026, 4, 24, 4, 30)
    # The hour after midnight does not exist, and the first break begins right with what is left.
    assert (to_ns - from_ns) // SECOND_NS == 5 * 3600 + 45 * 60
    calendar = bench.registry.calendars["three_shifts"]
    assert [calendar.planned(at(2026, 4, 24, 1, minute)) for minute in (0, 29, 30)] == [False, False, True]
    outage = Outage("kill_gateway", "", at(2026, 4, 23, 23, 59), at(2026, 4, 24, 1, 2))
    case = Case(name="cairo", from_ns=from_ns, to_ns=to_ns, seed=5, outages=[outage])
    result = bench.result(case, bench.play(case))
    assert result.wrong == []
    # Nobody produces in the second half of the break: 04:00 to 04:15 is in it, too.
    hob = next(unit for unit in result.units if unit.unit == "hob1")
    assert 30 * 60 < hob.true_s["planned_down"] + hob.true_s["production"] <= 5 * 3600 + 45 * 60


def test_the_same_day_gives_the_same_timeline(bench: Bench) -> None:
    from_ns = cases.DAY_FROM_NS
    case = Case(name="again", from_ns=from_ns, to_ns=from_ns + 600 * SECOND_NS, seed=11)
    heard: list[harness.Heard] = []
    first = bench.play(case, keep=heard)
    assert harness.hear_again(bench.registry, heard, TwinEngine) == first.intervals
    assert bench.play(case).intervals == first.intervals
