"""The demo plant itself: what its machines say fits its plant model, and means what happened."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taktwin.plant import open_plant
from taktwin.plant.registry import Registry, Signal
from taktwin.standards import packml
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.history import HistoryBatch, PlayStatistics, play
from taktwin.virtual_plant.model import VirtualPlant
from taktwin.virtual_plant.truth import Fact, TruthInterval
from tests.unit.virtual_plant.plants import HOUR_NS

FOLDER = Path(__file__).parents[3] / "examples" / "plants" / "northfield"
# Monday 2026-06-15 06:00 local time; 26 h hold all three shifts with their breaks.
START_NS = 1_781_496_000_000_000_000
HOURS = 26


@cache
def northfield() -> Registry:
    return open_plant(FOLDER)


@cache
def day() -> tuple[list[HistoryBatch], list[Fact], PlayStatistics]:
    batches: list[HistoryBatch] = []
    facts: list[Fact] = []
    statistics = play(
        northfield(), physics.load(FOLDER / "physics.yaml"), from_ns=START_NS,
        to_ns=START_NS + HOURS * HOUR_NS, seed=11, sink=batches.append, truth=facts.append,
    )  # fmt: skip
    return batches, facts, statistics


def intervals(unit: str) -> list[TruthInterval]:
    return [fact for fact in day()[1] if isinstance(fact, TruthInterval) and fact.unit == unit]


def rows(signal: str) -> list[tuple[int, Any]]:
    index = northfield().by_id[signal].index  # type: ignore[index]
    found: list[tuple[int, Any]] = []
    for batch in day()[0]:
        places = np.flatnonzero(batch.signals == index).tolist()
        found += [(int(batch.source_ns[place]), batch.values[place]) for place in places]
    return found


def fits(signal: Signal, value: Any) -> bool:
    if signal.type == "bool":
        return isinstance(value, bool)
    if signal.type == "string":
        return isinstance(value, str)
    if signal.type == "array":
        return isinstance(value, list) and all(isinstance(each, float) for each in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if "int" in signal.type and not isinstance(value, int):
        return False
    low, high = signal.minimum, signal.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def test_every_signal_of_the_plant_model_speaks() -> None:
    heard: set[int] = set()
    for batch in day()[0]:
        heard |= set(np.unique(batch.signals).tolist())
    missing = [signal.id for signal in northfield().signals if signal.index not in heard]
    assert missing == []


def test_no_value_is_outside_what_the_plant_model_allows() -> None:
    signals = northfield().signals
    wrong: dict[str, Any] = {}
    for batch in day()[0]:
        if isinstance(batch.values, np.ndarray):
            for index in np.unique(batch.signals).tolist():
                values = batch.values[batch.signals == index]
                for value in (float(values.min()), float(values.max())):
                    if not fits(signals[index], value):
                        wrong[signals[index].id] = value
        else:
            for index, value in zip(batch.signals.tolist(), batch.values, strict=True):
                if not fits(signals[index], value):
                    wrong[signals[index].id] = value
    assert wrong == {}


def test_at_most_five_million_values_are_kept_a_day() -> None:
    assert day()[2].rows * 24 / HOURS < 5_000_000


def test_the_truth_tiles_the_time_of_every_work_unit() -> None:
    for unit in northfield().work_units:
        found = intervals(str(unit.id))
        assert found[0].from_ns == START_NS and found[-1].to_ns == START_NS + HOURS * HOUR_NS, unit.id
        assert all(before.to_ns == after.from_ns for before, after in itertools.pairwise(found))


@pytest.mark.parametrize("unit", ["turn1", "hob1", "grind2", "load2", "press3", "eol1", "compressor1"])
def test_the_state_on_the_wire_means_what_the_truth_says_at_every_instant(unit: str) -> None:
    registry = northfield()
    equipment = registry.equipment[unit]  # type: ignore[index]
    calendar = registry.calendars.get(equipment.calendar)
    flags: dict[str, Any] = {"set_up": False, "blocked": False, "starved": False}
    changes: dict[int, dict[str, Any]] = {}
    for path in ("state", "set_up", "blocked", "starved"):
        if f"{unit}/{path}" in registry.by_id:
            for at_ns, value in rows(f"{unit}/{path}"):
                changes.setdefault(at_ns, {})[path] = value
    instants = iter(sorted(changes))
    pending = next(instants, None)
    seen = set()
    # A polled state is known at the poll after it changed; all others at their exact instant.
    polled = equipment.signals and registry.signals[equipment.signals[0]].connection in (
        "furnace",
        "utilities",
    )
    for interval in intervals(unit):
        while pending is not None and pending <= interval.from_ns:
            flags |= changes[pending]
            pending = next(instants, None)
        if polled and "state" not in flags:
            continue
        planned = calendar is None or calendar.planned(interval.from_ns)
        flag = {name: bool(flags[name]) for name in ("set_up", "blocked", "starved")}
        said = packml.time_class(flags["state"], planned=planned, **flag)
        assert said.value == interval.time_class, (interval, flags)
        seen.add(said.value)
    assert "production" in seen


def test_a_live_plant_has_been_running_when_it_is_first_seen() -> None:
    facts = physics.load(FOLDER / "physics.yaml")
    made = VirtualPlant(northfield(), facts, start_ns=START_NS, seed=1)
    made.skip(START_NS + round(facts.warm_up_h * HOUR_NS))
    shown = {report.signal for report in made.current()}
    assert shown == {signal.index for signal in northfield().signals}
    busy = [name for name, unit in made.units.items() if unit.activity.value == "producing"]
    assert len(busy) > 12
    assert made.world.tally.finished > 100


def test_the_main_meter_reads_what_the_lines_draw_together() -> None:
    lines = [f"meter_line{number}" for number in range(1, 6)]
    at_ns = START_NS + 20 * HOUR_NS

    def reading(meter: str) -> float:
        return max((at, value) for at, value in rows(f"{meter}/energy") if at <= at_ns)[1]

    total = sum(reading(meter) for meter in (*lines, "meter_furnace"))
    hours = 20.0
    # The compressor (42 kW), the ventilation (24 kW) and the main meter's own base (6 kW) come on top.
    assert reading("meter_main") == pytest.approx(total + hours * (42 + 24 + 6), rel=0.01)
