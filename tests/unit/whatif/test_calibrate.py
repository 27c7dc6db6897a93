"""A plant's parameters out of what its units say: known ones come back, what nobody saw is not made up."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from taktwin.cli import calibrate as command
from taktwin.contracts.state import Frame, UnitDocument
from taktwin.entropy import Entropy
from taktwin.errors import DomainError
from taktwin.history.values import VALUE_COLUMNS, pack
from taktwin.identity import EquipmentId
from taktwin.plant import open_plant
from taktwin.plant.registry import Buffer, PowerBand
from taktwin.plant.routes import made_at
from taktwin.quality import Quality
from taktwin.simulation.check import checked
from taktwin.simulation.distributions import Exponential, Fixed, LogNormal, Weibull
from taktwin.simulation.fitting import Candidate, Fitted, Sample, fit, together
from taktwin.simulation.model import (
    Calendar,
    Failure,
    FailureClock,
    Order,
    Plant,
    Product,
    Step,
    Tool,
    WorkCenter,
)
from taktwin.simulation.parameters import Figure, ParameterSet
from taktwin.simulation.reference import Reference
from taktwin.simulation.start import reference_from
from taktwin.whatif import kept
from taktwin.whatif.calibrate import calibrated, clock_of, life_of, until
from taktwin.whatif.evidence import head, missing
from taktwin.whatif.fork import forked
from taktwin.whatif.handover import handover
from taktwin.whatif.measured import Measured, heard_share, range_told
from taktwin.whatif.model import Parameters, translated
from taktwin.whatif.observe import NO_CODE, Change, Hours, Row, Seen, Stop, Watch
from taktwin.whatif.remember import watched as past_watched

ROOT = Path(__file__).parents[3]
REGISTRY = open_plant(ROOT / "examples" / "plants" / "northfield")
SECOND = 10**9
PACK = EquipmentId("pack5")
T0 = int(datetime(2026, 11, 2, 5, 0, tzinfo=UTC).timestamp()) * SECOND
EVER = Hours([(T0, T0 + 10**9 * SECOND)])
DAY_S = 86_400.0


def draw() -> Any:
    """Return a stream of even numbers, the same each time."""
    return Entropy(1).generator("test").random


def at(second: float, **values: Any) -> list[Row]:
    """Return what a unit says at a second."""
    return [Row(T0 + round(second * SECOND), role, value) for role, value in values.items()]


def watched(*groups: list[Row], hours: Hours = EVER, end_s: float = 10_000.0, **more: Any) -> Seen:
    """Return what is seen of a unit that makes A and B."""
    watch = Watch("mill", hours, products=more.pop("products", {"A": "A", "B": "B"}), **more)
    for group in groups:
        watch.feed(group)
    return watch.finish(T0 + round(end_s * SECOND))


BEGIN = at(0, state=5, starved=True, good_count=7, reject_count=1, product="A", alarm_code=0, mode=1)


# -- what is seen


def test_work_is_a_parts_own_time_and_no_waiting() -> None:
    seen = watched(
        BEGIN, at(10, state=6, starved=False),
        at(70, good_count=8), at(131, good_count=9),  # one after the other, without a pause
        at(190, state=5, blocked=True),  # done, but there is no room: it counts when it leaves
        at(400, state=6, blocked=False, good_count=10), at(460, state=5, starved=True, reject_count=2),
    )  # fmt: skip
    assert list(seen.cycles["A"].work_s) == [60, 61, 59, 60]
    assert (seen.good, seen.rejected) == ({"A": 3}, {"A": 1})
    assert seen.spent_s["working"] == 240 and seen.spent_s["waiting"] == 10_000 - 240


def test_a_stop_lasts_and_the_part_goes_on_behind_it() -> None:
    seen = watched(
        BEGIN, at(100, state=6), at(130, state=9, alarm_code=77), at(430, state=6, alarm_code=0),
        at(460, good_count=8), at(520, good_count=9), at(560, state=11), at(600, state=6),
        at(700, state=9), at(705, alarm_code=77),
    )  # fmt: skip
    assert list(seen.cycles["A"].work_s) == [60, 60]
    first, jam, last = seen.stops
    assert (first.kind, first.lasted_s, first.over, first.worked_s, first.from_work) == (
        "77",
        300,
        True,
        30,
        True,
    )
    assert (jam.kind, jam.lasted_s, jam.parts) == (NO_CODE, 40, 2)
    # The code comes a moment after the state, and the stop is not over when the rows end.
    assert (last.kind, last.over, last.worked_s, last.passed_s) == ("77", False, 230, 270)
    assert seen.since == {NO_CODE: (100, 9400, 0)}


def test_a_break_is_no_stop_and_a_repair_rests_in_it() -> None:
    hours = Hours([(T0, T0 + 1000 * SECOND), (T0 + 2000 * SECOND, T0 + 9000 * SECOND)])
    seen = watched(
        BEGIN, at(980, state=6), at(1020, state=2, good_count=8), at(2000, state=15), at(2020, state=6),
        at(2080, state=9, alarm_code=5), at(2090, state=6, alarm_code=0), at(2100, good_count=9),
        at(8900, state=9, alarm_code=5), at(9500, state=5, alarm_code=0), hours=hours,
    )  # fmt: skip
    assert [stop.lasted_s for stop in seen.stops] == [10, 100]
    assert seen.spent_s["beyond"] == 20 and seen.spent_s["starting"] == 20
    assert seen.starts == 2
    assert list(seen.cycles["A"].work_s) == [40, 70]


def test_a_change_of_product_is_a_set_up_or_none() -> None:
    seen = watched(
        BEGIN, at(0, state=6), at(60, good_count=8, state=2, set_up=True),
        at(360, set_up=False, product="B", state=6),
        at(400, good_count=9), at(440, good_count=10, product="A"),  # behind B without a pause: it needs none
        at(500, good_count=11),
    )  # fmt: skip
    assert [(each.before, each.after, each.lasted_s) for each in seen.changes] == [
        ("A", "B", 300),
        ("B", "A", 0),
    ]
    assert {name: list(cycles.work_s) for name, cycles in seen.cycles.items()} == {
        "A": [60, 60],
        "B": [40, 40],
    }


def test_what_nobody_saw_is_dropped_and_not_taken_for_standing() -> None:
    lost = [Row(T0 + 30 * SECOND, "state", None, False)]
    seen = watched(
        BEGIN, at(0, state=6), lost, at(500, state=6), at(560, good_count=12), at(620, good_count=13)
    )
    assert list(seen.cycles["A"].work_s) == [60]
    assert (seen.unseen_s, seen.stops) == (470, [])
    # A counter that begins anew has made nothing.
    again = watched(BEGIN, at(0, state=6), at(60, good_count=0), at(120, good_count=1))
    assert list(again.cycles["A"].work_s) == [60] and again.good == {"A": 1}


# What a machine holds since the evening before comes with the connection, with the instant of its setting.
HELD = at(-DAY_S, good_count=7, reject_count=1, product="A", alarm_code=0, mode=1)


def test_the_range_begins_where_it_was_known_first_what_the_unit_did() -> None:
    seen = watched(HELD, at(0, state=6), at(60, good_count=8), at(160, state=9, alarm_code=4), end_s=720)
    assert (seen.from_ns, seen.to_ns, seen.unseen_s) == (T0, T0 + 720 * SECOND, 0)
    assert seen.spent_s == {"working": 160, "beyond": 0, "down": 560}
    assert [stop.passed_s for stop in seen.stops] == [160], "since the rows begin, and not since the evening"
    # A unit whose state nobody knows has counts all the same.
    silent = watched(HELD, at(60, good_count=8), end_s=720)
    assert (silent.from_ns, silent.good) == (T0 - round(DAY_S) * SECOND, {"A": 1})
    assert silent.unseen_s == DAY_S + 720


def test_a_set_says_how_much_of_its_range_was_heard() -> None:
    away = [Row(T0 + 360 * SECOND, "state", None, False)]
    some = watched(HELD, at(0, state=6), at(60, good_count=8), at(130, good_count=9), away, end_s=720)
    silent = replace(watched(HELD, end_s=720), unit="press")
    nothing = {"mill": "", "press": ""}
    found = calibrated([some, silent], nothing, nothing, draw(), source="here", replications=0)
    assert (found.from_ns, found.to_ns) == (T0, T0 + 720 * SECOND)
    assert [found.figures[f"heard/{unit}"].value for unit in ("mill", "press")] == [360, 0]
    assert heard_share(found) == 0.25 == head(found, is_proposed=False).heard
    said = (
        "from 2026-11-02T05:00Z to 2026-11-02T05:12Z (12 min; on average 25 % of it is known of a work unit)"
    )
    assert range_told(found) == said == command.told(found)[1]
    assert f"are measured {said}, calibration 1f" in Measured(found).said("1f")
    old = replace(found, figures={})  # of a release that did not write it down
    assert heard_share(old) is None and "(12 min)" in range_told(old)
    assert range_told(replace(old, fits={})) == ""


def test_an_old_cell_tells_by_its_power() -> None:
    bands = (PowerBand(3.0, "production"), PowerBand(1.05, "waiting"), PowerBand(0.5, "delay_own"))
    seen = watched(
        at(0, power=1.2, good_count=0), at(10, power=5.0), at(50, good_count=1), at(90, power=0.9),
        at(150, power=5.1), at(160, good_count=2), at(161, power=1.2),
        bands=bands, products={"A": "A", "B": "B"}, end_s=261,
    )  # fmt: skip
    assert list(seen.cycles[""].work_s) == [40, 50]
    assert [(stop.kind, stop.lasted_s) for stop in seen.stops] == [(NO_CODE, 60)]
    assert seen.energy_kws["waiting"] / seen.powered_s["waiting"] == pytest.approx(1.2)


class Weak:
    """The history of a packing cell that draws a fifth less than its class: it waits below the step."""

    parts = 300

    def range(self, signals: Sequence[str], from_ns: int, to_ns: int) -> pa.Table:
        """Return a value a minute: work, then a pause, and a fault out of each hundredth part."""
        names = {signal.role: str(signal.id) for signal in REGISTRY.signals if signal.equipment == PACK}
        rows: list[tuple[str, int, Any]] = []
        place = 0
        for part in range(self.parts):
            said = [2.32, 0.48, 0.64] if part % 100 == 99 else [2.32, 0.64]
            for power in said:
                rows.append((names["power"], T0 + place * 60 * SECOND, power))
                place += 1
            rows.append((names["good_count"], rows[-1][1], part))
        rows = [row for row in rows if row[0] in signals and from_ns <= row[1] < to_ns]
        values = pack([value for *_, value in rows])
        return pa.table({
            "signal": pa.array([name for name, *_ in rows], pa.string()),
            "source_ns": pa.array([at for _, at, _ in rows], pa.int64()),
            "quality": pa.array([int(Quality.GOOD)] * len(rows), pa.uint8()),
            **{name: getattr(values, name) for name in VALUE_COLUMNS},
        })  # fmt: skip

    def events(self, from_ns: int, to_ns: int, *, types: Sequence[str]) -> pa.Table:
        """Return nothing: no MES is asked here."""
        raise NotImplementedError


def test_a_cell_that_waits_below_its_step_is_not_taken_to_fail() -> None:
    seen = {each.unit: each for each in past_watched(Weak(), REGISTRY, T0, T0 + round(DAY_S) * SECOND)}[
        "pack5"
    ]
    assert [stop.lasted_s for stop in seen.stops] == [60.0] * 3
    found = calibrated([seen], {"pack5": "pack"}, {"pack5": ""}, draw(), source="power")
    figure = found.figures["band/pack5/waiting"]
    assert figure.low == 0.7 and 0.48 < figure.value <= 0.64 and "band/pack5/production" not in found.figures
    notes = {note.code: note for note in missing(found, REGISTRY, T0)}
    assert notes["band"].subjects[:3] == ["pack5", "waiting", "0.7"]
    # What begins from a picture goes by them too: the twin takes the cell to be down.
    power = next(s.index for s in REGISTRY.signals if s.equipment == PACK and s.role == "power")
    unit = UnitDocument(unit="pack5", time_class="delay_own", since_ns=T0)
    frame = Frame(sequence=1, at_ns=T0, units=[unit], state_hash="ab" * 32, signals=[power], values=[0.64],
                  source_ns=[T0])  # fmt: skip
    is_down = []
    for measured in (found, replace(found, figures={})):
        model = translated(REGISTRY, Parameters(measured=measured), now_ns=T0, horizon_s=DAY_S)
        fork = forked(REGISTRY, model, frame, {}, horizon_s=DAY_S)
        is_down.append([each.is_down for each in fork.start.units if each.unit == model.unit_of["pack5"]])
    assert is_down == [[False], [True]]


def test_a_loader_may_name_the_part_that_it_takes() -> None:
    made = made_at(REGISTRY)
    assert made["load2"]["SH-100"] == "EA-100" and made["turn1"] == {
        "SH-100": "SH-100", "SH-200": "SH-200"
    }  # fmt: skip
    assert "BR-7" not in made["eol1"]  # which of two it would be, nobody can say


# -- known parameters come back


def story(plant: Plant, key: int, until_s: float) -> Iterator[tuple[str, list[Row]]]:
    """Return what the units of a plant would say in a run of the reference engine."""
    run = Reference(plant, key)
    run.advance(until=plant.ticks(until_s))
    spans: dict[str, list[tuple[int, int, str, str]]] = {}
    product_of = {order.name: order.product for order in plant.orders}
    counted: dict[str, list[tuple[int, str]]] = {}
    for order, told in run.stories.items():
        last: dict[str, int] = {}
        for span in told:
            spans.setdefault(span.where, []).append((span.since, span.until, span.what, product_of[order]))
            last[span.where] = max(last.get(span.where, 0), span.until)
        for where, tick in last.items():
            counted.setdefault(where, []).append((tick, product_of[order]))
    states: dict[str, dict[str, Any]] = {
        "working": {"state": 6, "set_up": False, "alarm_code": 0, "starved": False},
        "setup": {"state": 2, "set_up": True, "alarm_code": 0},
        "repair": {"state": 9, "set_up": False, "alarm_code": 31},
        "broken": {"state": 9, "set_up": False, "alarm_code": 31},
        "off": {"state": 2, "set_up": False, "alarm_code": 0},
        "blocked": {"state": 5, "blocked": True, "starved": False, "alarm_code": 0},
    }
    names = {f"{center.name}.{n + 1}" for center in plant.centers for n in range(center.units)}
    for unit in sorted(names):
        rows: list[Row] = []
        mine = sorted(spans[unit])
        ends = {until for _, until, _, _ in mine}
        starts = {since for since, _, _, _ in mine}
        for since, _, what, product in mine:
            rows += at(since * plant.tick_s, product=product, **states[what])
        for tick in ends - starts:
            rows += at(tick * plant.tick_s, state=5, starved=True, blocked=False, set_up=False, alarm_code=0)
        for count, (tick, _) in enumerate(sorted(counted[unit]), 1):
            rows += at(tick * plant.tick_s, good_count=count)
        rows += at(0, good_count=0)
        yield unit, sorted(rows, key=lambda row: row.source_ns)


MTTF_S, REPAIR_S = 3 * 3600.0, 700.0


@pytest.fixture(scope="module")
def lived() -> tuple[Plant, list[Seen]]:
    """Six days of a plant whose parameters are known, seen from outside."""
    shift = Calendar("shift", DAY_S, ((0.0, 28_800.0), (30_600.0, 57_600.0)))
    plant = Plant(
        (
            WorkCenter("turn", calendar="shift", setup_s={("a", "b"): 600.0, ("b", "a"): 900.0},
                       failure=Failure(Exponential(MTTF_S), LogNormal(REPAIR_S, 0.8))),
            WorkCenter("wash", 1, 4, calendar="shift"),
        ),
        (
            *(
                Product(name, (Step("10", "turn", LogNormal(turn_s, 0.05), family=name.lower()),
                               Step("20", "wash", Fixed(wash_s))))
                for name, turn_s, wash_s in (("A", 60.0, 64.0), ("B", 75.0, 50.0))
            ),
        ),
        tuple(Order(f"o{n}", "AB"[n // 80 % 2], release_s=60.0 * n) for n in range(4_200)),
        calendars=(shift,),
    )  # fmt: skip
    end_s = 6 * DAY_S
    hours = Hours([
        (T0 + round((day * DAY_S + a) * SECOND), T0 + round((day * DAY_S + b) * SECOND))
        for day in range(6) for a, b in shift.on_s
    ])  # fmt: skip
    seen = []
    for unit, rows in story(plant, 7, end_s):
        watch = Watch(unit, hours, products={"A": "A", "B": "B"})
        watch.feed(rows)
        seen.append(watch.finish(T0 + round(end_s * SECOND)))
    return plant, seen


def test_parameters_of_a_simulated_plant_are_found_within_their_intervals(
    lived: tuple[Plant, list[Seen]],
) -> None:
    _, seen = lived
    found = calibrated(
        seen, {"turn.1": "lathe", "wash.1": "washer"}, dict.fromkeys(("turn.1", "wash.1"), "shift"), draw(),
        source="reference", replications=19,
    )  # fmt: skip
    for name, mean_s in (
        ("work/turn.1/A", 60.0), ("work/turn.1/B", 75.0),
        ("until/turn.1/31/working", MTTF_S), ("repair/turn.1/31", REPAIR_S),
    ):  # fmt: skip
        low, high = found.fits[name].mean_between_s(2.6)
        assert low < mean_s < high, name
        goodness = found.fits[name].goodness
        assert goodness is not None and goodness.p > 0.01, name
    assert found.fits["work/turn.1/A"].n_own > 1_000
    # Blocked behind a slower washer is not work; a set-up is planned time only.
    assert found.fits["work/wash.1/A"].distribution == Fixed(64.0)
    assert found.fits["setup/turn.1/A/B"].distribution.mean_s == pytest.approx(600.0, rel=0.01)
    assert found.fits["setup/turn.1/B/A"].distribution.mean_s == pytest.approx(900.0, rel=0.01)
    assert not found.fits["until/turn.1/31/working"].pooled
    assert found.figures["scrap/turn.1/A"].value == 0 and (found.figures["scrap/turn.1/A"].high or 0) > 0
    assert found.from_ns == seen[0].from_ns and found.to_ns == seen[0].to_ns


def test_the_time_of_its_own_and_the_time_of_its_neighbours_make_up_all(
    lived: tuple[Plant, list[Seen]],
) -> None:
    _, seen = lived
    for each in seen:
        planned_s = sum(spent for name, spent in each.spent_s.items() if name != "beyond")
        assert planned_s + each.spent_s["unknown"] == pytest.approx(6 * (57_600 - 1_800), abs=DAY_S / 2)
        assert each.spent_s["beyond"] == 0
    turn = seen[0]
    assert turn.spent_s["down"] == pytest.approx(sum(stop.lasted_s for stop in turn.stops))


def fleet(n: int, watched_s: float, mttf_s: float) -> list[Seen]:
    """Return units that work without a pause, most of which do not fail while they are watched."""
    generator = Entropy(5).generator("fleet")
    found = []
    for number in range(n):
        left_s, rows, stop = float(generator.exponential(mttf_s)), [*BEGIN, *at(0, state=6)], 0.0
        while stop + left_s < watched_s:
            stop += left_s
            rows += at(stop, state=9, alarm_code=9) + at(stop + 1e-3, state=6, alarm_code=0)
            left_s = float(generator.exponential(mttf_s))
        found.append(replace(watched(rows, end_s=watched_s), unit=f"mill{number}"))
    return found


def test_who_forgets_what_still_runs_believes_in_machines_that_fail_too_often() -> None:
    units = fleet(40, 50_000.0, 100_000.0)
    sample = together(until(each, "9", "working") for each in units)
    assert len(sample.running_s) == 40
    low, high = fit(sample, draw(), replications=0).mean_between_s(2.6)
    assert low < 100_000.0 < high
    forgetful = fit(Sample(sample.ended_s), draw(), replications=0)
    assert forgetful.mean_between_s(2.6)[1] < 100_000.0
    # A unit that never failed at all still says that it ran.
    spared = next(each for each in units if not each.stops)
    assert until(spared, "9", "working") == Sample((), (50_000.0,), spared.from_ns, spared.to_ns)
    classes = {each.unit: "mill" for each in units}
    units[0].cycles["A"] = cycling(1, 60.0, 60.0).cycles["A"]
    found = calibrated(units, classes, {}, draw(), source="fleet", replications=0, mixings=9)
    failing = next(each.unit for each in units if each.stops)
    fitted = found.fits[f"until/{failing}/9/working"]
    assert fitted.pooled and fitted.level == "class mill" and fitted.running == 40
    assert fitted.mean_between_s(2.6)[0] < 100_000.0 < fitted.mean_between_s(2.6)[1]


def test_a_repair_that_still_runs_when_the_data_end_counts_as_one() -> None:
    # Repairs of 1,000 s on average, watched for 1,000 s: more than a third of them are not over then. Without
    # those the ones that are over make a mean of 1,000 (1 - 1 / (e - 1)) = 418 s.
    lasted_s = Entropy(6).generator("repairs").exponential(1000.0, 60)
    units = []
    for number, takes_s in enumerate(lasted_s):
        rows = [*BEGIN, *at(0, state=6), *at(10, state=9, alarm_code=9)]
        rows += at(10 + takes_s, state=6, alarm_code=0) if takes_s < 1000 else []
        units.append(replace(watched(rows, end_s=1010.0), unit=f"mill{number}"))
    units[0].cycles["A"] = cycling(1, 60.0, 60.0).cycles["A"]
    classes = {each.unit: "mill" for each in units}
    found = calibrated(units, classes, {}, draw(), source="repairs", replications=0, mixings=9)
    fitted = found.fits["repair/mill1/9"]
    assert fitted.level == "class mill" and fitted.n == sum(lasted_s < 1000)
    assert fitted.running == sum(lasted_s >= 1000) >= 20
    low, high = fitted.mean_between_s(2.6)
    assert 700.0 < low < 1000.0 < high


def test_a_plant_at_which_nothing_was_made_is_refused() -> None:
    with pytest.raises(DomainError, match="expected signals of work"):
        calibrated(fleet(2, 100.0, 1e6), {"mill0": "mill", "mill1": "mill"}, {}, draw(), source="x")


def stop(**more: Any) -> Stop:
    """Return a stop out of work."""
    return Stop(**{"kind": "1", "at_ns": 0, "lasted_s": 60.0, "over": True, "worked_s": 1.0, "passed_s": 1.0,
                   "parts": 10, "from_work": True, **more})  # fmt: skip


def test_the_clock_of_a_failure_is_told_by_when_it_comes() -> None:
    unit = Seen("mill", 0, 1000 * SECOND, worked_s=400.0)
    assert clock_of([stop()] * 12, [unit]) == "working"
    assert clock_of([stop(from_work=n % 2 == 0) for n in range(12)], [unit]) == "calendar"
    assert clock_of([stop(from_work=n > 0) for n in range(30)], [unit]) == "working"


def test_of_stops_out_of_work_a_twentieth_are_told_late_and_more_speak_for_the_calendar() -> None:
    # A unit idle half the time. Of 12 stops n outside of work are as likely as 0.05^n 0.95^(12-n) out of
    # work, and 0.5^12 by the calendar: log 10 against log 1.9 each, so the calendar wins from 2.6 stops on.
    unit = Seen("mill", 0, 1000 * SECOND, worked_s=500.0)
    for outside, clock in ((2, "working"), (3, "calendar")):
        assert clock_of([stop(from_work=n >= outside) for n in range(12)], [unit]) == clock


def test_what_comes_after_so_many_parts_comes_by_parts() -> None:
    assert life_of([stop(parts=n) for n in (17, 400, 401, 400)]) == 400
    assert life_of([stop(parts=n) for n in (17, 400, 90, 1200, 30)]) is None
    assert life_of([stop(parts=n) for n in (400, 400)]) is None  # two are chance


def parameters(seen: Seen) -> ParameterSet:
    """Return the parameters of one unit on a calendar."""
    return calibrated(
        [seen], {"mill": "mill"}, {"mill": "shift"}, draw(), source="x", replications=0, mixings=9
    )


def test_a_stretch_begins_late_and_ends_late_by_figures_of_their_own() -> None:
    seen = cycling(1, 60.0, 60.0)
    seen.starts = 4
    seen.spent_s["starting"], seen.spent_s["beyond"] = 1200.0, 80.0
    figures = parameters(seen).figures
    late, beyond = figures["late/shift"], figures["beyond/shift"]
    assert (late.value, late.unit, late.n) == (300.0, "s", 4)
    assert (beyond.value, beyond.unit, beyond.n) == (20.0, "s", 4)


def test_a_full_charge_is_the_largest_that_was_seen() -> None:
    seen = cycling(1, 60.0, 60.0)
    cycles = seen.cycles["A"]
    cycles.parts[:] = array("q", [8] * 38 + [6, 12])
    seen.pauses_s.extend([30.0, 50.0, 40.0])
    figures = parameters(seen).figures
    full = figures["batch/mill"]
    assert (full.value, full.low, full.n) == (12.0, 6.0, 40)
    assert (figures["patience/mill"].value, figures["pause/mill"].value) == (50.0, pytest.approx(30.4))


def test_scrap_is_a_share_of_all_parts_the_good_and_the_bad() -> None:
    seen = cycling(1, 60.0, 60.0)
    seen.good, seen.rejected = {"A": 30, "B": 5}, {"A": 10}
    figures = parameters(seen).figures
    scrap = {name: (each.value, each.n) for name, each in figures.items() if name.startswith("scrap/")}
    assert scrap == {"scrap/mill/A": (0.25, 40), "scrap/mill/B": (0.0, 5)}


def test_power_is_a_mean_of_each_state_by_itself() -> None:
    seen = cycling(1, 60.0, 60.0)
    seen.energy_kws, seen.powered_s = (
        {"working": 1200.0, "waiting": 100.0},
        {"working": 100.0, "waiting": 50.0},
    )
    figures = parameters(seen).figures
    power = {name: (each.value, each.n) for name, each in figures.items() if name.startswith("power/")}
    assert power == {"power/mill/working": (12.0, 100), "power/mill/waiting": (2.0, 50)}


def test_a_set_up_that_nobody_saw_the_end_of_tells_no_time() -> None:
    seen = cycling(1, 60.0, 60.0)
    seen.changes = [Change("A", "B", 600.0, T0), Change("A", "B", 60.0, T0, over=False),
                    Change("B", "A", 60.0, T0, over=False)]  # fmt: skip
    fits = parameters(seen).fits
    setups = {name: each for name, each in fits.items() if name.startswith("setup/")}
    assert {name: (each.distribution.mean_s, each.n_own) for name, each in setups.items()} == {
        "setup/mill/A/B": (600.0, 1)
    }


def test_few_repairs_have_their_own_middle_and_the_spread_of_all() -> None:
    seen = cycling(1, 60.0, 60.0)
    e = math.exp(0.5)
    seen.stops += [stop(kind="1", lasted_s=100.0 * (e if n % 2 else 1 / e)) for n in range(24)]
    seen.stops += [stop(kind="2", lasted_s=100.0), stop(kind="2", lasted_s=400.0)]
    found = parameters(seen).fits["repair/mill/2"]
    # Logarithms stray by 1/2 in 24 of them and by ln 2 in two, two of the 26 went into the middles. The mean
    # of a log-normal time lies above its median, 200 s, by half of its spread squared.
    spread_2 = (24 * 0.25 + 2 * math.log(2) ** 2) / 24
    assert found.distribution.mean_s == pytest.approx(200.0 * math.exp(spread_2 / 2), rel=1e-9)
    assert isinstance(found.distribution, LogNormal)
    assert found.distribution.cv == pytest.approx(math.sqrt(math.exp(spread_2) - 1), rel=1e-9)
    assert "the spread of all repairs" in found.method


def cycling(days: int, mean_s: float, then_s: float) -> Seen:
    """Return a unit whose parts take another time in its last fortnight."""
    generator = Entropy(2).generator("drift")
    seen = watched(BEGIN, at(0, state=6), end_s=days * DAY_S)
    for day in range(days):
        for value in generator.normal(then_s if day >= days - 14 else mean_s, 0.5, 40):
            cycles = seen.cycles["A"]
            cycles.at_ns.append(T0 + round((day + 0.5) * DAY_S) * SECOND)
            cycles.work_s.append(float(value))
            cycles.parts.append(1)
    return seen


def test_what_has_drifted_is_fitted_to_its_last_days_and_says_so() -> None:
    classes, none = {"mill": "mill"}, {"mill": ""}
    moved = calibrated(
        [cycling(60, 80.0, 82.0)], classes, none, draw(), source="x", replications=0, mixings=199
    )
    fitted = moved.fits["work/mill/A"]
    assert fitted.distribution.mean_s == pytest.approx(82.0, abs=0.1)
    assert "drifted" in fitted.method and fitted.to_ns is not None and fitted.from_ns is not None
    assert fitted.to_ns - fitted.from_ns == 14 * 86_400 * SECOND
    same = calibrated(
        [cycling(60, 80.0, 80.0)], classes, none, draw(), source="x", replications=0, mixings=199
    )
    assert "drifted" not in same.fits["work/mill/A"].method
    assert same.fits["work/mill/A"].distribution.mean_s == pytest.approx(80.0, abs=0.1)


# -- waits between machines


def between(hold_s: float, lost_every: int = 0) -> tuple[Seen, Seen]:
    """Return two machines with a buffer between them, in which each part lies for a while before its turn.

    The second has one part after the other, first come first served, and stops now and then.
    """
    generator = Entropy(4).generator("buffer")
    came_s = np.cumsum(generator.exponential(70.0, 2_000))
    first, second = Watch("a", EVER, products={"A": "A"}), Watch("b", EVER, products={"A": "A"})
    rows_a, rows_b = [*BEGIN], [*BEGIN]
    free_s = 0.0
    for number, at_s in enumerate(came_s.tolist(), 1):
        rows_a += at(at_s - 0.5, state=6) + at(at_s, good_count=7 + number, state=5)
        if lost_every and number % lost_every == 0:
            continue  # somebody takes it away, and no counter hears of it
        begins_s = max(at_s + hold_s, free_s)
        rows_b += at(begins_s, state=6)
        if number % 100 == 0:
            rows_b += at(begins_s + 10, state=9) + at(begins_s + 310, state=6)
        free_s = begins_s + 50.0 + (300.0 if number % 100 == 0 else 0.0)
        rows_b += at(free_s, good_count=7 + number, state=5)
    for watch, rows in ((first, rows_a), (second, rows_b)):
        watch.feed(sorted(rows, key=lambda row: row.source_ns))
    end_ns = T0 + round((max(free_s, float(came_s[-1])) + 1) * SECOND)
    return first.finish(end_ns), second.finish(end_ns)


@pytest.mark.parametrize("lost_every", [0, 200])
def test_a_wait_that_a_queue_explains_is_no_delay_and_one_that_it_does_not_is(lost_every: int) -> None:
    queue = handover(*([each] for each in between(0.0, lost_every)))
    assert queue is not None and queue.queue_s > 80.0  # its work and a queue before it
    assert queue.delay_s < 0.1 * queue.queue_s
    held = handover(*([each] for each in between(400.0, lost_every)))
    assert held is not None and held.delay_s == pytest.approx(400.0, rel=0.1)


def test_too_few_parts_tell_of_no_wait() -> None:
    assert handover([watched(BEGIN)], [watched(BEGIN)]) is None


def test_a_delay_is_kept_where_a_buffer_has_room_and_lies_behind_the_step_before() -> None:
    units = list(between(400.0))
    roomy = Buffer("ab", ("a",), ("b",), 1_000)  # type: ignore[arg-type]
    classes, none = {"a": "x", "b": "x"}, {"a": "", "b": ""}
    for capacity, is_kept in ((1_000, True), (8, False)):
        found = calibrated(
            units, classes, none, draw(), source="x", replications=0, mixings=9,
            buffers=[replace(roomy, capacity=capacity)],
        )  # fmt: skip
        assert ("delay/ab" in found.figures) is is_kept
    waits = ParameterSet("x", MEASURED.fits, {"delay/hob_deburr": Figure(188, "s", 1000)})
    model = translated(REGISTRY, kept.parameters_of(waits), now_ns=T0, horizon_s=DAY_S)
    steps = {step.center: step.move_s for step in model.product("SH-200").steps}
    assert steps["hob1"] == 188 and sum(steps.values()) == 188


# -- into an answer


def fitted(distribution: Any, n: int = 100) -> Fitted:
    """Return a fit as if it had been measured."""
    return Fitted(distribution, n, 0, "a test", n_own=n, from_ns=T0, to_ns=T0 + 30 * 86_400 * SECOND)


MEASURED = ParameterSet("northfield", {
    "work/hob1/SH-100": fitted(LogNormal(44.94, 0.006)),
    "work/turn1/SH-100": fitted(LogNormal(84.0, 0.008), 400),
    "work/turn2/SH-100": fitted(LogNormal(88.2, 0.008), 300),
    "work/furnace1/any": fitted(LogNormal(1000.0, 0.01)),
    "setup/hob1/SH-100/SH-200": fitted(Fixed(1540.0)),
    "setup/grind1/SH-100/SH-200": fitted(Fixed(0.0)),
    "setup/grind1/SH-200/SH-100": fitted(Fixed(0.0)),
    "until/turn1/2207/working": fitted(Exponential(10_000.0)),
    "repair/turn1/2207": fitted(LogNormal(96.0, 0.3)),
    "repair/grind1/without-code": fitted(Fixed(45.0)),
    "repair/grind2/without-code": fitted(Fixed(45.0)),
    "repair/turn1/without-code": fitted(Fixed(240.0)),
}, {
    "life/grind1/without-code": Figure(60, "1", 10), "life/grind2/without-code": Figure(60, "1", 10),
    "life/turn1/without-code": Figure(400, "1", 10),
    "scrap/hob1/SH-100": Figure(0.005, "1", 1000), "power/hob1/working": Figure(14.0, "kW", 1000),
    "batch/furnace1": Figure(24, "1", 60, 20), "patience/furnace1": Figure(7200, "s", 60),
    "pause/furnace1": Figure(50, "s", 60),
    "late/three_shifts": Figure(18, "s", 154), "beyond/three_shifts": Figure(25, "s", 154),
})  # fmt: skip


def test_measured_parameters_are_in_the_model_and_the_answer_says_which() -> None:
    parameters = kept.parameters_of(MEASURED)
    model = translated(REGISTRY, parameters, now_ns=T0, horizon_s=DAY_S)
    centers = {each.name: each for each in model.centers}
    steps = {step.center: step for step in model.product("SH-100").steps}
    assert steps["hob1"].work == LogNormal(44.94, 0.006) and steps["hob1"].scrap == 0.005
    assert steps["furnace1"].work.mean_s == 1050 and centers["furnace1"].batch is not None
    assert (centers["furnace1"].batch.parts_min, centers["furnace1"].batch.wait_max_s) == (20, 7200)
    # What nobody has seen is the standard's, and what needs no set-up needs none.
    assert steps["wash1"].work == LogNormal(38.0, 0.1)
    assert centers["hob1"].setup_s == {("100", "200"): 1540.0, ("200", "100"): 1500.0}
    assert not centers["grinder"].setup_s
    lathes = centers["lathe"]
    assert lathes.pace_of(1) == 1 and lathes.pace_of(2) == pytest.approx(84.0 / 88.2)
    names = {each.name: each for each in lathes.failures_of(1)}
    assert names["2207"].clock is FailureClock.WORKING and names["2207"].repair == LogNormal(96.0, 0.3)
    # A tool that only one of two lathes has seen wears with the work of that one.
    assert names["without-code"].time_to == Fixed(400 * 84.0) and not lathes.tools
    assert [(tool.life_parts, tool.change) for tool in centers["grinder"].tools] == [(60, Fixed(45.0))]
    assert steps["grinder"].tool == "without-code"
    assert centers["hob1"].power_of(1) == {"working": 14.0}
    [calendar] = [each for each in model.calendars if each.name == "three_shifts"]
    plain = translated(REGISTRY, Parameters(), now_ns=T0, horizon_s=DAY_S).calendars
    assert calendar.on_s[1] == (plain[0].on_s[1][0] + 18, plain[0].on_s[1][1] + 25)
    notes = {note.code: note.text for note in model.notes}
    assert MEASURED.hash[:12] in notes["measured"] and "30.0 days" in notes["measured"]
    assert "wash1" in notes["times"] and "standard times" in notes["times"] and "people" in notes
    assert parameters.is_calibrated and not Parameters().is_calibrated


def test_a_set_up_that_was_seen_where_the_plan_has_none_is_made() -> None:
    seen = {**MEASURED.fits, "setup/deburr1/SH-100/SH-200": fitted(Fixed(300.0))}
    parameters = kept.parameters_of(replace(MEASURED, fits=seen))
    model = translated(REGISTRY, parameters, now_ns=T0, horizon_s=DAY_S)
    [center] = [each for each in model.centers if each.name == "deburr1"]
    assert center.setup_s == {("100", "200"): 300.0}
    families = [
        step.family
        for name in ("SH-100", "SH-200")
        for step in model.product(name).steps
        if step.center == "deburr1"
    ]
    assert families == ["100", "200"]


def test_a_fault_that_stands_is_repaired_as_its_kind_is_and_coming_up_is_none() -> None:
    parameters = kept.parameters_of(MEASURED)
    codes = {signal.equipment: signal.index for signal in REGISTRY.signals if signal.role == "alarm_code"}
    units = [
        UnitDocument(unit=str(unit.id), time_class="down_no_order", since_ns=T0)
        for unit in REGISTRY.work_units
    ]
    said = {
        "turn1": ("Aborted", 2207),
        "turn2": ("Held", 4),
        "grind2": ("Held", 0),  # its wheel is dressed: no code, a tool of all grinders
        "hob1": ("Resetting", 0),
        "wash1": ("Stopped", 3),
    }
    units = [
        UnitDocument(
            unit=each.unit, time_class="delay_own", since_ns=T0 - 30 * SECOND, state=said[each.unit][0]
        )
        if each.unit in said else each for each in units
    ]  # fmt: skip
    frame = Frame(
        sequence=1, at_ns=T0, units=units, state_hash="ab" * 32,
        signals=[codes[EquipmentId(name)] for name in said],
        values=[code for _, code in said.values()], source_ns=[T0] * len(said),
    )  # fmt: skip
    model = translated(REGISTRY, parameters, now_ns=T0, horizon_s=DAY_S)
    fork = forked(REGISTRY, model, frame, {}, horizon_s=DAY_S)
    down = {each.unit: each.down_by for each in fork.start.units if each.is_down}
    assert down == {
        "lathe.1": "2207", "lathe.2": None, "grinder.2": "tool without-code", "wash1.1": None
    }  # fmt: skip
    assert not checked(fork.plant)
    run = reference_from(fork.plant, fork.start, 1)  # would refuse a way down that it does not know
    run.advance(until=fork.plant.ticks(3600))


def test_the_newest_calibration_is_asked_and_one_that_was_changed_by_hand_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert kept.newest(tmp_path) == Parameters()
    older = replace(
        MEASURED, fits={"work/hob1/SH-100": replace(fitted(Fixed(40.0)), to_ns=T0 + SECOND)}, figures={}
    )
    old = kept.keep(older, tmp_path)
    new = kept.keep(MEASURED, tmp_path)
    assert old.name < new.name
    assert kept.newest(tmp_path) == kept.parameters_of(MEASURED)
    document = json.loads(new.read_text())
    document["figures"]["scrap/hob1/SH-100"]["value"] = 0.0
    new.write_text(json.dumps(document) + " ")
    assert kept.newest(tmp_path).calibration == older.hash[:12]
    assert "changed by hand" in caplog.text
    new.write_text("{")
    assert kept.newest(tmp_path).calibration == older.hash[:12]


def test_what_is_begun_anew_at_each_instant_fails_without_memory() -> None:
    worn = fitted(Weibull(10_000.0, 3.0))
    known = {"until/mill/9/working": worn, "repair/mill/9": fitted(Fixed(60.0))}
    [failure] = Measured(ParameterSet("x", known)).failures("mill")
    assert (failure.time_to, failure.repair, failure.name) == (Exponential(10_000.0), Fixed(60.0), "9")
    # Of several laws that were tried, the one without memory was fitted too: what still ran counts in it.
    tried = replace(worn, candidates=(Candidate(Exponential(12_000.0), 0.0, 0.0),))
    [failure] = Measured(ParameterSet("x", {**known, "until/mill/9/working": tried})).failures("mill")
    assert failure.time_to == Exponential(12_000.0)


def test_a_group_is_set_up_as_long_as_all_its_set_ups_took_on_average() -> None:
    found = Measured(ParameterSet("x", {
        "setup/turn1/SH-100/SH-200": fitted(Fixed(600.0), 30),
        "setup/turn2/SH-100/SH-200": fitted(Fixed(1000.0), 10),
        "setup/hob1/SH-100/SH-200": fitted(Fixed(9999.0), 100),
    }))  # fmt: skip
    families = {"SH-100": "100", "SH-200": "200"}
    standard = {("100", "200"): 720.0, ("200", "100"): 720.0}
    setups = found.setups(("turn1", "turn2"), families, standard)
    assert setups == {("100", "200"): (30 * 600 + 10 * 1000) / 40, ("200", "100"): 720.0}


def test_a_part_is_lost_that_is_counted_bad_or_of_the_others_goes_without_a_count() -> None:
    found = Measured(ParameterSet("x", {}, {
        "scrap/grind1/A": Figure(0.1, "1", 300), "scrap/grind2/A": Figure(0.3, "1", 100),
        "lost/grind1": Figure(0.04, "1", 400),
    }))  # fmt: skip
    # Counted bad are 60 of 400; of the 85 % that are left, 4 % go too.
    assert found.scrap(("grind1", "grind2"), "A") == pytest.approx(0.15 + 0.85 * 0.04)
    assert found.scrap(("grind1", "grind2"), "B") == pytest.approx(0.04)


def test_a_shift_is_begun_late_and_worked_beyond_but_what_is_cut_stays_cut() -> None:
    found = Measured(ParameterSet("x", {}, {
        "late/days": Figure(18, "s", 9), "beyond/days": Figure(25, "s", 9)
    }))  # fmt: skip
    assert found.lived("days", [(0.0, 100.0), (200.0, 300.0), (350.0, 400.0)], 400.0) == (
        (0.0, 125.0), (218.0, 325.0), (368.0, 400.0),
    )  # fmt: skip
    assert found.lived("nights", [(0.0, 100.0)], 400.0) == ((0.0, 100.0),)


def test_of_several_tools_the_dearest_for_a_part_is_changed_as_most_changes_of_it_took() -> None:
    found = Measured(ParameterSet("x", {
        "work/grind1/A": fitted(Fixed(50.0)), "work/grind2/A": fitted(Fixed(50.0)),
        "repair/grind1/wheel": fitted(Fixed(45.0), 10), "repair/grind2/wheel": fitted(Fixed(60.0), 90),
        "repair/grind1/belt": fitted(Fixed(300.0)), "repair/grind2/belt": fitted(Fixed(300.0)),
    }, {
        "life/grind1/wheel": Figure(60, "1", 10), "life/grind2/wheel": Figure(90, "1", 90),
        "life/grind1/belt": Figure(1000, "1", 9), "life/grind2/belt": Figure(1000, "1", 9),
    }))  # fmt: skip
    center = found.equipped(WorkCenter("grinder", units=2), ("grind1", "grind2"), ("A",))
    assert center.tools == (Tool("wheel", 75, Fixed(60.0)),), "it lives as long as in the middle of all"


@pytest.mark.parametrize(
    ("group", "paces"), [(("grind1", "grind2"), [1.0, 50 / 60 / 1.25]), (("grind2",), [1 / 1.25])]
)
def test_the_level_of_a_shift_slows_a_unit_on_top_of_its_own_pace(
    group: tuple[str, ...], paces: list[float]
) -> None:
    found = Measured(ParameterSet("x", {
        "work/grind1/A": fitted(Fixed(50.0), 200), "work/grind2/A": fitted(Fixed(60.0)),
    }, {"level/grind2": Figure(1.25, "1", 30)}))  # fmt: skip
    center = found.equipped(WorkCenter("grinder", units=len(group)), group, ("A",))
    assert [center.pace_of(n + 1) for n in range(len(group))] == pytest.approx(paces)


def test_an_empirical_charge_is_longer_by_its_pause() -> None:
    from taktwin.simulation.distributions import Empirical

    values = ParameterSet(
        "x", {"work/oven/any": fitted(Empirical((10.0, 20.0)))}, {"pause/oven": Figure(5, "s", 3)}
    )
    assert Measured(values).work(["oven"], "A", 1.0) == Empirical((15.0, 25.0))
    assert np.isclose(Measured(values).scrap(["oven"], "A"), 0.0)
