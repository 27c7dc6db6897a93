"""Each hidden cause shows in the signals when it is on, and nowhere when it is off."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from taktwin.standards.packml import State
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.model import Report, VirtualPlant
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.truth import TruthReject, TruthStop
from tests.unit.virtual_plant.plants import HOUR_NS, MONDAY_NS, plant

NORTHFIELD = Path(__file__).parents[3] / "examples" / "plants" / "northfield" / "physics.yaml"
FACTS = physics.load(NORTHFIELD)
NOTHING = physics.without(FACTS)


def changed(facts: Physics, cause: str, **values: Any) -> Physics:
    there = dataclasses.replace(getattr(facts.causes, cause), **values)
    return dataclasses.replace(facts, causes=dataclasses.replace(facts.causes, **{cause: there}))


class Run:
    """One run of the plant with the values of each signal."""

    def __init__(self, facts: Physics, hours: float, lines: tuple[str, ...] | None = None) -> None:
        registry = plant() if lines is None else plant(lines)
        self.plant = VirtualPlant(registry, facts, start_ns=MONDAY_NS, seed=3)
        self.events, self._columns = self.plant.advance_columns(MONDAY_NS + round(hours * HOUR_NS))
        self.plant.finish()
        self._of: dict[int, list[Report]] = {}
        for report in self.events:
            self._of.setdefault(report.signal, []).append(report)

    def values(self, signal: str, from_h: float = 0.0, to_h: float = 1e5) -> np.ndarray[Any, Any]:
        index = self.plant.registry.by_id[signal].index  # type: ignore[index]
        low, high = MONDAY_NS + round(from_h * HOUR_NS), MONDAY_NS + round(to_h * HOUR_NS)
        for column in self._columns:
            if column.signal == index:
                inside = (column.source_ns >= low) & (column.source_ns < high)
                return np.array(column.values, dtype=object if isinstance(column.values, list) else None)[
                    inside
                ]
        return np.array([r.value for r in self._of.get(index, []) if low <= r.source_ns < high])

    def rejects(self) -> Counter[str]:
        return Counter(fact.cause for fact in self.plant.truth.facts if isinstance(fact, TruthReject))


@cache
def quiet_day() -> Run:
    """A day without any hidden cause."""
    return Run(NOTHING, 24)


def test_1_a_worn_insert_drifts_the_diameter_and_raises_the_load_until_it_is_changed() -> None:
    on = Run(physics.only(FACTS, "insert_wear"), 16, ("line1",))
    fresh, worn = on.values("turn1/diameter")[5:60], on.values("turn1/diameter")[340:400]
    after = on.values("turn1/diameter")[405:460]
    assert np.mean(worn) - np.mean(fresh) > 0.010
    assert abs(np.mean(after) - np.mean(fresh)) < 0.003
    load = on.values("turn1/spindle/load")
    cutting = load[load > 30]
    assert np.mean(cutting[-4000:-2000]) > 0 and np.max(cutting) > 1.25 * np.median(cutting[:2000])
    off = quiet_day()
    first, last = off.values("turn1/diameter")[5:60], off.values("turn1/diameter")[340:400]
    assert abs(np.mean(last) - np.mean(first)) < 0.003


def test_1_inserts_differ_where_the_physics_says_so_and_a_worn_one_shows_until_somebody_changes_it() -> None:
    alike, differ = (
        Run(changed(physics.only(FACTS, "insert_wear"), "insert_wear", spread=spread), 14, ("line1",))
        for spread in (0.0, 0.5)
    )  # fmt: skip
    assert np.array_equal(alike.values("turn1/tool/number"), differ.values("turn1/tool/number"))
    assert (
        abs(
            np.mean(alike.values("turn1/diameter")[300:380])
            - np.mean(differ.values("turn1/diameter")[300:380])
        )
        > 0.002
    )

    plant_of = VirtualPlant(plant(("line1",)), physics.only(FACTS, "insert_wear"), start_ns=MONDAY_NS, seed=3)
    diameter = plant_of.registry.by_id["turn1/diameter"].index  # type: ignore[index]
    number = plant_of.registry.by_id["turn1/tool/number"].index  # type: ignore[index]

    def hours(to_h: float) -> list[Report]:
        return plant_of.advance_columns(MONDAY_NS + round(to_h * HOUR_NS))[0]

    def said(reports: list[Report], signal: int) -> list[Any]:
        return [each.value for each in reports if each.signal == signal]

    before = said(hours(6), diameter)
    plant_of.worn_insert("turn1", 3.0)
    worn = said(hours(8), diameter)
    assert np.mean(worn[:20]) - np.mean(before[-20:]) > 0.010
    plant_of.change_tool("turn1")
    after = hours(9)
    assert len(said(after, number)) == 1, "once, and with the next part"
    assert abs(np.mean(said(after, diameter)[-15:]) - 30.0) < 0.004


def test_2_vibration_rises_before_a_bearing_fails_but_means_nothing_on_a_light_machine() -> None:
    facts = changed(
        physics.only(FACTS, "bearing_wear"), "bearing_wear", first={"turn1": 9.0, "grind2": 5.0},
        warning_h_min=6.0, warning_h_max=6.0,
    )  # fmt: skip
    on = Run(facts, 22)
    failed = [f for f in on.plant.truth.facts if isinstance(f, TruthStop) and "bearing" in f.cause]
    assert [fact.unit for fact in failed] == ["turn1"]
    at_h = (failed[0].from_ns - MONDAY_NS) / HOUR_NS
    early, late = (
        on.values("turn1/spindle/vibration", 1, 3),
        on.values("turn1/spindle/vibration", at_h - 0.5, at_h),
    )
    assert np.quantile(late, 0.9) > 3.0 * np.quantile(early, 0.9)
    fresh = on.values("turn1/spindle/vibration", at_h + 5)
    assert np.quantile(fresh, 0.9) < 1.3 * np.quantile(early, 0.9)
    hourly = [np.quantile(on.values("grind2/spindle/vibration", h, h + 1), 0.98) for h in range(3, 21)]
    assert max(hourly) > 2.5 * min(hourly)
    spectra = on.values("turn1/spindle/spectrum", at_h - 1, at_h)
    assert all(len(each) == 4096 for each in spectra)
    off = quiet_day().values("turn1/spindle/vibration")
    assert np.quantile(off[-20000:], 0.9) < 1.1 * np.quantile(off[5000:25000], 0.9)


def test_3_heat_weakens_adhesive_and_a_bad_batch_much_more() -> None:
    facts = changed(
        physics.only(FACTS, "adhesive_heat"), "adhesive_heat", threshold_c=24.0, lot_parts=30, bad_share=0.5
    )
    on = Run(facts, 30)
    index = {path: on.plant.registry.by_id[f"adhesive2/{path}"].index for path in ("lot", "strength")}  # type: ignore[index]
    lot, strengths = "", {"AD-3-05": [], "AD-3-07": []}  # type: dict[str, list[float]]
    air = on.values("zone_c/temperature_west")
    assert air.max() > 27
    zone = on.plant.surroundings
    for report in on.events:
        if report.signal == index["lot"]:
            lot = str(report.value)
        elif report.signal == index["strength"]:
            hot = float(zone.temperature_c("zone_c", np.array([report.source_ns]))[0]) > 27.0
            if hot:
                strengths[lot[:7]].append(report.value)
    assert len(strengths["AD-3-05"]) > 20 and len(strengths["AD-3-07"]) > 5
    assert np.mean(strengths["AD-3-07"]) < np.mean(strengths["AD-3-05"]) - 1.0
    assert on.rejects()["adhesive_heat"] > 0
    off = quiet_day()
    assert off.values("adhesive2/strength").min() > 18.5
    assert off.rejects()["adhesive_heat"] == 0


def test_4_a_worn_valve_lets_pressure_sag_slows_pneumatic_steps_and_scatters_press_force() -> None:
    facts = changed(physics.only(FACTS, "compressor_valve"), "compressor_valve", onset_h=6, rise_h=16)
    on, off = Run(facts, 22), quiet_day()
    assert (
        on.values("compressor1/pressure", 0, 6).mean() - on.values("compressor1/pressure", 20, 22).mean()
        > 1.0
    )
    assert off.values("compressor1/pressure").std() < 0.1
    early, late = on.values("load2/cycle_time", 2, 6), on.values("load2/cycle_time", 18, 22)
    assert np.median(late) > 1.1 * np.median(early)
    assert abs(np.median(off.values("load2/cycle_time", 18, 22)) / np.median(early) - 1) < 0.02
    leak_early, leak_late = on.values("leak2/cycle_time", 2, 6), on.values("leak2/cycle_time", 18, 22)
    assert abs(np.median(leak_late) / np.median(leak_early) - 1) < 0.02  # not on compressed air
    assert on.values("press2/force_peak", 18, 22).std() > 1.8 * on.values("press2/force_peak", 1, 6).std()


def test_5_a_torque_tool_drifts_it_shows_the_same_torque_at_a_smaller_angle() -> None:
    facts = changed(physics.only(FACTS, "torque_drift"), "torque_drift", onset_h=2, period_h=30)
    on, off = Run(facts, 24), quiet_day()
    assert abs(on.values("tighten2/torque", 20).mean() - on.values("tighten2/torque", 0, 3).mean()) < 0.1
    assert on.values("tighten2/angle", 0, 3).mean() - on.values("tighten2/angle", 20).mean() > 2.0
    assert abs(on.values("tighten3/angle", 6, 12).mean() - on.values("tighten3/angle", 20).mean()) < 0.6
    assert abs(off.values("tighten2/angle", 0, 3).mean() - off.values("tighten2/angle", 20).mean()) < 0.6


def test_6_an_oversize_lot_presses_hard_and_gets_loud_at_the_end_of_the_line() -> None:
    on = Run(changed(physics.only(FACTS, "bearing_lot"), "bearing_lot", share=0.2), 24)
    off = quiet_day()
    assert np.sum(on.values("press2/force_peak") > 21.5) > 20
    assert np.sum(off.values("press2/force_peak") > 21.5) == 0
    assert np.sum(on.values("eol1/noise") > 65.5) + np.sum(on.values("eol2/noise") > 65.5) > 20
    assert np.sum(off.values("eol1/noise") > 65.5) == 0


def test_7_the_door_side_is_cooler_and_its_parts_run_out_after_grinding() -> None:
    on, off = Run(physics.only(FACTS, "door_side"), 16), quiet_day()
    cooler = on.values("furnace1/zone2/temperature").mean() - on.values("furnace1/zone4/temperature").mean()
    assert 5.0 < cooler < 9.0
    high_on = np.mean(np.concatenate([on.values("grind1/runout"), on.values("grind2/runout")]) > 7.0)
    high_off = np.mean(np.concatenate([off.values("grind1/runout"), off.values("grind2/runout")]) > 7.0)
    assert 0.18 < high_on < 0.35  # six of 24 places, and chance
    assert high_off < 0.06


def test_8_jams_depend_on_the_method_of_the_shift() -> None:
    def jams(run: Run) -> dict[str, list[int]]:
        unit = run.plant.units["load2"]
        index = run.plant.registry.by_id["load2/state"].index  # type: ignore[index]
        counts: dict[int, int] = {}
        for report in run.events:
            if report.signal == index and report.value == State.HELD:
                shift = (report.source_ns + 2 * HOUR_NS) // (8 * HOUR_NS)
                counts[shift] = counts.get(shift, 0) + 1
        first = (MONDAY_NS + 2 * HOUR_NS) // (8 * HOUR_NS)
        by_method: dict[str, list[int]] = {"A": [], "B": []}
        for shift in range(first + 1, first + 14):
            draw = run.plant.world.entropy.stream(f"method/load2/{shift}").random()
            by_method["B" if draw < 0.35 else "A"].append(counts.get(shift, 0))
        assert unit.name == "load2"
        return by_method

    on = jams(Run(physics.only(FACTS, "operator_method"), 112, ("line2",)))
    off = jams(Run(NOTHING, 112, ("line2",)))
    assert on["A"] and on["B"]
    assert np.mean(on["B"]) > 2.5 * np.mean(on["A"])
    assert np.mean(off["B"]) < 2.0 * np.mean(off["A"])


def test_9_open_doors_at_night_raise_humidity_and_then_false_leak_rejects() -> None:
    facts = changed(physics.only(FACTS, "open_doors"), "open_doors", zone="zone_b", false_reject=0.2)
    on, off = Run(facts, 24), quiet_day()
    # The plant is in Vienna: 22 to 6 local time is 20 to 4 UTC, and it starts at 6 UTC.
    night, day = on.values("zone_b/humidity_north", 16, 21), on.values("zone_b/humidity_north", 4, 10)
    assert night.mean() - day.mean() > 12
    quiet = (
        off.values("zone_b/humidity_north", 16, 21).mean() - off.values("zone_b/humidity_north", 4, 10).mean()
    )
    assert abs(quiet) < 8
    assert on.rejects()["open_doors"] > 10
    assert off.rejects()["open_doors"] == 0


def test_10_waiting_machines_draw_much_and_peaks_come_three_times_a_day() -> None:
    on, off = Run(physics.only(FACTS, "idle_energy"), 24), quiet_day()

    def waiting_kw(run: Run) -> float:
        power = run.values("adhesive3/power")
        return float(np.median(power[power < 1.5]))

    assert waiting_kw(on) > 2.5 * waiting_kw(off)
    main_on, main_off = on.values("meter_main/power"), off.values("meter_main/power")
    # 6, 14 and 22 local are 4, 12 and 20 UTC; the plant starts at 6 UTC.
    peak, beside = on.values("meter_main/power", 6.02, 6.18), on.values("meter_main/power", 6.3, 6.45)
    assert peak.mean() - beside.mean() > 80
    assert main_on.max() > main_off.max() + 60


def test_12_true_cycle_times_are_not_the_standard_times() -> None:
    on, off = Run(physics.only(FACTS, "standard_times"), 8), quiet_day()
    assert abs(np.median(on.values("hob1/cycle_time")) / 42.0 - 1.07) < 0.01
    assert abs(np.median(off.values("hob1/cycle_time")) / 42.0 - 1.0) < 0.01
    assert on.plant.units["pack5"].standard_factor < 0.9
    assert off.plant.units["pack5"].standard_factor == 1.0
