"""The flow: nothing is lost, time is whole, and steps do not matter."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.standards import packml
from taktwin.standards.packml import State
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.model import Report, VirtualPlant
from taktwin.virtual_plant.truth import TruthInterval, TruthMiscount, TruthReject, TruthStop
from tests.unit.virtual_plant.plants import HOUR_NS, MONDAY_NS, Windows, plant

NORTHFIELD = Path(__file__).parents[3] / "examples" / "plants" / "northfield" / "physics.yaml"
FACTS = physics.load(NORTHFIELD)
SECOND_NS = 1_000_000_000


# What the flow itself says; physics would only make the runs long.
ROLES = frozenset(
    ("state", "mode", "set_up", "blocked", "starved", "good_count", "reject_count", "alarm_active")
)


def run(
    hours: float, *, seed: int = 1, roles: frozenset[str] | None = ROLES, calendar: Windows | None = None
) -> tuple[VirtualPlant, list[Report]]:
    made = VirtualPlant(plant(calendar=calendar), FACTS, start_ns=MONDAY_NS, seed=seed, roles=roles)
    reports = made.advance(MONDAY_NS + round(hours * HOUR_NS))
    made.finish()
    return made, reports


def series(made: VirtualPlant, reports: list[Report], signal: str) -> list[tuple[int, Any]]:
    index = made.registry.by_id[signal].index  # type: ignore[index]
    return [(report.source_ns, report.value) for report in reports if report.signal == index]


@settings(max_examples=8, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**31), hours=st.floats(0.5, 30.0))
def test_parts_are_conserved(seed: int, hours: float) -> None:
    made = VirtualPlant(plant(), FACTS, start_ns=MONDAY_NS, seed=seed)
    made.skip(MONDAY_NS + round(hours * HOUR_NS))
    inside = sum(len(unit.inside) for unit in made.units.values())
    between = sum(len(space.parts) for space in made.world.spaces.values())
    tally = made.world.tally
    assert tally.started == tally.finished + tally.scrapped + inside + between
    for space in made.world.spaces.values():
        assert len(space.parts) <= space.capacity


@settings(max_examples=5, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_truth_tiles_the_time_of_every_unit(seed: int) -> None:
    made, _ = run(20, seed=seed, calendar=Windows((MONDAY_NS + HOUR_NS, MONDAY_NS + 9 * HOUR_NS)))
    of: dict[str, list[TruthInterval]] = {}
    for fact in made.truth.facts:
        if isinstance(fact, TruthInterval):
            of.setdefault(fact.unit, []).append(fact)
    assert set(of) == set(made.units)
    for intervals in of.values():
        assert intervals[0].from_ns == MONDAY_NS
        assert intervals[-1].to_ns == MONDAY_NS + 20 * HOUR_NS
        for before, after in itertools.pairwise(intervals):
            assert before.to_ns == after.from_ns
            assert before.from_ns < before.to_ns


def test_the_same_seed_is_the_same_plant_and_another_seed_is_another() -> None:
    first, reports = run(5)
    second, again = run(5)
    assert reports == again
    assert first.truth.facts == second.truth.facts
    _, other = run(5, seed=2)
    assert reports != other


def test_small_steps_report_the_same_as_one_run() -> None:
    _, whole = run(0.5, roles=None)
    made = VirtualPlant(plant(), FACTS, start_ns=MONDAY_NS, seed=1)
    stepped: list[Report] = []
    at_ns, widths = MONDAY_NS, (37_000_000, 1_000_000_000, 250_000_000, 9_999_999_999)
    step = 0
    while at_ns < MONDAY_NS + HOUR_NS // 2:
        at_ns = min(at_ns + widths[step % 4], MONDAY_NS + HOUR_NS // 2)
        stepped.extend(made.advance(at_ns))
        step += 1
    assert len(stepped) == len(whole)
    assert stepped == whole


def test_skipping_the_warm_up_leads_to_the_same_plant() -> None:
    made, reports = run(6, roles=ROLES | {"power", "process"})
    other = VirtualPlant(plant(), FACTS, start_ns=MONDAY_NS, seed=1, roles=ROLES | {"power", "process"})
    other.skip(MONDAY_NS + 5 * HOUR_NS)
    rest = other.advance(MONDAY_NS + 6 * HOUR_NS)
    assert rest == [report for report in reports if report.source_ns > MONDAY_NS + 5 * HOUR_NS]
    assert {name: unit.good_count for name, unit in made.units.items()} == {
        name: unit.good_count for name, unit in other.units.items()
    }


def test_after_the_warm_up_the_standing_values_are_those_of_a_plant_that_was_watched() -> None:
    # Work ends exactly when somebody begins to look: the power of the last grid instant is that
    # of a running machine, although the machine is off now.
    end_ns = MONDAY_NS + 4 * HOUR_NS
    windows = Windows((MONDAY_NS, end_ns))
    roles = ROLES | {"power", "process"}
    watched = VirtualPlant(plant(calendar=windows), FACTS, start_ns=MONDAY_NS, seed=1, roles=roles)
    told = {report.signal: report for report in watched.advance(end_ns)}
    skipped = VirtualPlant(plant(calendar=windows), FACTS, start_ns=MONDAY_NS, seed=1, roles=roles)
    skipped.skip(end_ns)
    power = [report for report in told.values() if watched.registry.signals[report.signal].role == "power"]
    assert any(report.source_ns < end_ns for report in power), "a grid of its own"
    for made in (watched, skipped):
        assert [told[r.signal] for r in made.current() if r.signal in told] == [
            r for r in made.current() if r.signal in told
        ]


def test_counters_never_go_back_and_count_one_by_one() -> None:
    made, reports = run(10)
    for name in made.units:
        for path in ("good_count", "reject_count"):
            if f"{name}/{path}" not in made.registry.by_id:
                continue
            values = [value for _, value in series(made, reports, f"{name}/{path}")]
            if path == "good_count" and name != "furnace1":
                assert values == list(range(len(values))), name
            assert values == sorted(values)


def test_what_a_machine_says_means_what_really_happened() -> None:
    """The twin's rule, over the machine's own words, gives the class that the plant knows by cause."""
    window = Windows((MONDAY_NS, MONDAY_NS + 7 * HOUR_NS, MONDAY_NS + 7 * HOUR_NS + 900 * SECOND_NS))
    made, reports = run(16, calendar=window)
    checked = 0
    for name in made.units:
        if f"{name}/state" not in made.registry.by_id:
            continue
        flags: dict[str, Any] = {}
        paths = ("state", "set_up", "blocked", "starved")
        by_path = {path: dict(series(made, reports, f"{name}/{path}")) for path in paths}
        instants = sorted({at for each in by_path.values() for at in each})
        truth = {f.from_ns: f for f in made.truth.facts if isinstance(f, TruthInterval) and f.unit == name}
        following = iter(instants)
        pending = next(following, None)
        for from_ns in sorted(truth):
            while pending is not None and pending <= from_ns:
                flags |= {path: by_path[path][pending] for path in paths if pending in by_path[path]}
                pending = next(following, None)
            said = packml.time_class(
                flags["state"],
                set_up=flags["set_up"],
                blocked=flags["blocked"],
                starved=flags["starved"],
                planned=window.planned(from_ns),
            )
            assert said.value == truth[from_ns].time_class, (name, from_ns, flags, truth[from_ns])
            checked += 1
    assert checked > 1000


def test_outside_its_calendar_a_unit_stops_once_its_part_is_done() -> None:
    end_ns = MONDAY_NS + 3 * HOUR_NS
    made, reports = run(6, calendar=Windows((MONDAY_NS, end_ns)))
    states = series(made, reports, "turn1/state")
    assert states[-1][1] == State.STOPPED
    assert end_ns <= states[-1][0] <= end_ns + 200 * SECOND_NS


def test_a_repair_that_outlasts_the_shift_is_planned_downtime_from_then_on() -> None:
    end_ns = MONDAY_NS + 3 * HOUR_NS
    made = VirtualPlant(plant(calendar=Windows((MONDAY_NS, end_ns))), FACTS, start_ns=MONDAY_NS, seed=1)
    made.break_machine("wash1", end_ns - 600 * SECOND_NS, 1800 * SECOND_NS, "long")
    made.skip(end_ns + HOUR_NS)
    made.finish()
    found = [
        (fact.from_ns - end_ns, fact.to_ns - end_ns, fact.time_class)
        for fact in made.truth.facts
        if isinstance(fact, TruthInterval) and fact.unit == "wash1" and fact.activity == "broken"
    ]
    assert found == [
        (-600 * SECOND_NS, 0, "delay_own"),
        (0, 1200 * SECOND_NS, "planned_down"),
    ]


def test_blocked_and_starved_carry_the_same_instant_as_the_state() -> None:
    made, reports = run(10)
    state = dict(series(made, reports, "grind1/state"))
    for flag in ("blocked", "starved"):
        for at_ns, value in series(made, reports, f"grind1/{flag}"):
            if value:
                assert state[at_ns] == State.SUSPENDED


def test_no_signal_says_two_things_at_one_instant() -> None:
    _, reports = run(10)
    keys = [(report.source_ns, report.signal) for report in reports]
    assert len(keys) == len(set(keys))
    assert keys == sorted(keys)


def test_a_broken_machine_stops_at_once_and_repairs_in_the_given_time() -> None:
    made = VirtualPlant(plant(), FACTS, start_ns=MONDAY_NS, seed=1)
    made.skip(MONDAY_NS + 4 * HOUR_NS)
    at_ns = made.now_ns + 7 * SECOND_NS
    made.break_machine("hob1", at_ns, 300 * SECOND_NS, "injected")
    reports = made.advance(at_ns + 400 * SECOND_NS)
    states = [(at - at_ns, value) for at, value in series(made, reports, "hob1/state")]
    assert (0, State.ABORTED) in states
    assert (300 * SECOND_NS, State.CLEARING) in states
    alarms = series(made, reports, "hob1/alarm/active")
    assert alarms == [(at_ns, True), (at_ns + 300 * SECOND_NS, False)]
    stop = next(f for f in made.truth.facts if isinstance(f, TruthStop) and f.cause == "injected")
    assert stop.unit == "hob1"


def test_the_content_of_a_buffer_follows_from_the_counters_on_both_sides() -> None:
    """What leaves the sources and is neither done nor rejected behind lies between, or is being worked."""
    made, _ = run(12)
    for space in made.world.spaces.values():
        sources = [unit for unit in made.units.values() if space in unit.outputs]
        targets = [unit for unit in made.units.values() if space in unit.inputs]
        counted = sum(unit.good_count for unit in sources)
        counted -= sum(unit.good_count + unit.reject_count for unit in targets)
        assert counted == len(space.parts) + sum(len(unit.inside) for unit in targets), space.name


def test_every_reject_has_a_cause_in_the_truth() -> None:
    made, _ = run(30)
    rejects = [fact for fact in made.truth.facts if isinstance(fact, TruthReject)]
    assert len(rejects) == made.world.tally.scrapped > 20
    assert all(fact.cause for fact in rejects)


def test_some_rejects_are_told_late_or_twice_only_where_the_cause_is_on() -> None:
    counting = dataclasses.replace(FACTS.causes.mes_counting, one_of=3)
    often = dataclasses.replace(FACTS, causes=dataclasses.replace(FACTS.causes, mes_counting=counting))
    told = {}
    for name, facts in {"on": often, "off": physics.without(often, "mes_counting")}.items():
        made = VirtualPlant(plant(), facts, start_ns=MONDAY_NS, seed=1)
        made.skip(MONDAY_NS + 40 * HOUR_NS)
        told[name] = [fact for fact in made.truth.facts if isinstance(fact, TruthMiscount)]
    assert {fact.how for fact in told["on"]} == {"late", "twice"}
    assert all(fact.told_ns > fact.at_ns for fact in told["on"] if fact.how == "late")
    assert told["off"] == []


@pytest.mark.parametrize("unit", ["deburr1", "pack5"])
def test_power_of_a_silent_unit_tells_its_class_within_a_reporting_period(unit: str) -> None:
    """Bands of the plant model: production, waiting, off. A stop of its own looks like waiting."""
    window = Windows((MONDAY_NS, MONDAY_NS + 7 * HOUR_NS))
    made, reports = run(12, calendar=window, roles=frozenset(("power",)))
    bands = {"deburr1": (3.0, 0.5), "pack5": (1.2, 0.25)}[unit]
    truth = [f for f in made.truth.facts if isinstance(f, TruthInterval) and f.unit == unit]
    samples = series(made, reports, f"{unit}/power")
    place = 0
    seen = set()
    for at_ns, power in samples:
        while truth[place].to_ns <= at_ns and place + 1 < len(truth):
            place += 1
        level = "production" if power >= bands[0] else "waiting" if power >= bands[1] else "off"
        expected = {"production": "production", "planned_down": "off"}.get(truth[place].time_class, "waiting")
        assert level == expected, (at_ns, power, truth[place])
        seen.add(level)
    assert seen == {"production", "waiting", "off"}
