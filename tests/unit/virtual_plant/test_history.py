"""History as fast as possible is what the live road would have kept, and can be taken up again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taktwin.plant.registry import Registry
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.history import HistoryBatch, PlayStatistics, play
from taktwin.virtual_plant.model import EVENT_PATHS, VirtualPlant
from taktwin.virtual_plant.truth import Fact, Truth, TruthFile, TruthInterval, read
from tests.unit.virtual_plant.plants import HOUR_NS, MONDAY_NS, plant

NORTHFIELD = Path(__file__).parents[3] / "examples" / "plants" / "northfield" / "physics.yaml"
FACTS = physics.load(NORTHFIELD)
SECOND_NS = 1_000_000_000


def with_deadbands(registry: Registry, deadband: float) -> Registry:
    signals = tuple(
        dataclasses.replace(signal, deadband=deadband) if signal.path == "power" else signal
        for signal in registry.signals
    )
    return dataclasses.replace(registry, signals=signals)


def played(registry: Registry, hours: float, **more: Any) -> tuple[list[HistoryBatch], PlayStatistics]:
    batches: list[HistoryBatch] = []
    to_ns = MONDAY_NS + round(hours * HOUR_NS)
    statistics = play(registry, FACTS, from_ns=MONDAY_NS, to_ns=to_ns, seed=5, sink=batches.append, **more)
    return batches, statistics


def rows(batches: list[HistoryBatch], signal: int | None = None) -> list[tuple[int, int, Any]]:
    found = []
    for batch in batches:
        values = batch.values.tolist() if isinstance(batch.values, np.ndarray) else batch.values
        found += zip(batch.source_ns.tolist(), batch.signals.tolist(), values, strict=True)
    return sorted(row for row in found if signal is None or row[1] == signal)


def test_the_same_arguments_give_the_same_history() -> None:
    registry = plant(("line1",))
    first, statistics = played(registry, 2.5)
    again, _ = played(registry, 2.5)
    assert rows(first) == rows(again)
    assert statistics.rows == sum(len(batch) for batch in first)


def test_batches_are_in_time_order_hour_by_hour_and_inside() -> None:
    batches, _ = played(plant(("line1",)), 3)
    starts = [batch.from_ns for batch in batches]
    assert starts == sorted(starts)
    for batch in batches:
        assert np.all(np.diff(batch.source_ns) >= 0)
        assert batch.from_ns <= batch.source_ns[0] and batch.source_ns[-1] <= batch.to_ns
        assert len(batch.source_ns) == len(batch.signals) == len(batch.values)


def test_history_is_what_a_gateway_keeps_of_the_live_reports() -> None:
    registry = with_deadbands(plant(("line1",)), 0.5)
    live = VirtualPlant(registry, FACTS, start_ns=MONDAY_NS, seed=5)
    kept: list[tuple[int, int, Any]] = []
    last: dict[int, Any] = {}
    at_ns = MONDAY_NS
    while at_ns < MONDAY_NS + HOUR_NS:
        at_ns += 10 * SECOND_NS
        for source_ns, index, reported in live.advance(at_ns):
            value = reported
            signal = registry.signals[index]
            if signal.type == "float32":
                value = float(np.float32(value))
            if index in last:
                before = last[index]
                if signal.deadband and abs(value - before) <= signal.deadband:
                    continue
                if before == value and type(before) is type(value):
                    continue
            last[index] = value
            kept.append((source_ns, index, value))
    assert rows(played(registry, 1)[0]) == sorted(kept)


def test_a_wider_deadband_keeps_less_and_never_moves_further_than_it() -> None:
    narrow, wide = (with_deadbands(plant(("line1",)), width) for width in (0.05, 1.0))
    power = narrow.by_id["turn1/power"].index  # type: ignore[index]
    fine, coarse = rows(played(narrow, 1)[0], power), rows(played(wide, 1)[0], power)
    assert len(coarse) < 0.5 * len(fine)
    steps = np.abs(np.diff([value for _, _, value in coarse]))
    assert steps.min() > 1.0


def test_polled_values_stand_at_the_instants_of_the_polls() -> None:
    registry = plant(("line1",), connector="modbus-tcp")
    polled = {
        name: dataclasses.replace(c, settings={"poll_s": 2.0}) for name, c in registry.connections.items()
    }
    registry = dataclasses.replace(registry, connections=polled)
    batches, _ = played(registry, 1)
    assert all(np.all(batch.source_ns % (2 * SECOND_NS) == 0) for batch in batches)
    found = rows(batches)
    assert len({row[:2] for row in found}) == len(found)


@pytest.mark.parametrize("poll_s", [1.0, 7.0])
def test_a_poll_finds_what_the_registers_hold_then(poll_s: float) -> None:
    """Also where the polls do not divide the hour, in which history is made."""
    registry = plant(("line1",), connector="modbus-tcp")
    polled = {
        name: dataclasses.replace(c, settings={"poll_s": poll_s}) for name, c in registry.connections.items()
    }
    registry = dataclasses.replace(registry, connections=polled)
    batches, _ = played(registry, 2.2)
    live = VirtualPlant(registry, FACTS, start_ns=MONDAY_NS, seed=5)
    wanted = {s.index for s in registry.signals if s.path in EVENT_PATHS and s.equipment != "zone_b"}
    poll_ns = round(poll_s * SECOND_NS)
    at_ns = -(-MONDAY_NS // poll_ns) * poll_ns
    expected: list[tuple[int, int, Any]] = []
    holds: dict[int, Any] = {}
    read_last: dict[int, Any] = {}
    while at_ns <= MONDAY_NS + round(2.2 * HOUR_NS):
        holds |= {r.signal: r.value for r in live.advance(at_ns) if r.signal in wanted}
        for index in sorted(holds):
            if read_last.get(index) != holds[index]:
                read_last[index] = holds[index]
                expected.append((at_ns, index, holds[index]))
        at_ns += poll_ns
    assert [row for row in rows(batches) if row[1] in wanted] == expected


def test_lists_hold_plain_values_that_history_can_store() -> None:
    batches, _ = played(plant(("line1",), connector="modbus-tcp"), 1)
    types = {type(v) for batch in batches if isinstance(batch.values, list) for v in batch.values}
    assert types and types <= {bool, int, float, str, bytes, list}


def test_what_publishes_by_itself_is_kept_in_full() -> None:
    registry = plant(("line1",), connector="mqtt")
    deaf = with_deadbands(registry, 1000.0)
    power = registry.by_id["turn1/power"].index  # type: ignore[index]
    batches, _ = played(deaf, 0.5)
    assert len(rows(batches, power)) == 1800
    assert not any(batch.vouched for batch in batches)


def test_a_broken_off_run_is_taken_up_where_it_was() -> None:
    registry = plant(("line1",))
    whole, _ = played(registry, 4)
    rest, _ = played(registry, 4, resume_ns=MONDAY_NS + 2 * HOUR_NS)
    assert rows(rest) == rows([batch for batch in whole if batch.to_ns > MONDAY_NS + 2 * HOUR_NS])
    assert rest and len(rows(rest)) < len(rows(whole))


def test_roles_restrict_the_signals_and_leave_the_plant_as_it_is() -> None:
    registry = plant()
    few, statistics = played(registry, 5, roles=frozenset(("state", "good_count")))
    all_batches, full = played(registry, 5)
    assert statistics.parts_finished == full.parts_finished > 0
    state = registry.by_id["hob1/state"].index  # type: ignore[index]
    assert rows(few, state) == rows(all_batches, state)
    assert {registry.signals[row[1]].role for row in rows(few)} == {"state", "good_count"}


def test_the_truth_of_a_run_goes_to_its_file_and_comes_back(tmp_path: Path) -> None:
    file = TruthFile(tmp_path / "truth.jsonl")
    seen: list[Fact] = []

    def both(fact: Fact) -> None:
        seen.append(fact)
        file(fact)

    played(plant(("line1",)), 2, truth=both)
    file.close()
    assert read(tmp_path / "truth.jsonl") == seen
    lengths: dict[str, int] = {}
    for fact in seen:
        if isinstance(fact, TruthInterval):
            lengths[fact.unit] = lengths.get(fact.unit, 0) + fact.to_ns - fact.from_ns
    assert set(lengths.values()) == {2 * HOUR_NS}


def test_a_truth_that_is_closed_goes_on_without_a_gap() -> None:
    truth = Truth()
    made = VirtualPlant(plant(("line1",)), FACTS, start_ns=MONDAY_NS, seed=1, sink=truth.facts.append)
    for hour in (1, 2):
        made.advance(MONDAY_NS + hour * HOUR_NS)
        made.finish()
    total = sum(f.to_ns - f.from_ns for f in truth.facts if isinstance(f, TruthInterval) and f.unit == "hob1")
    assert total == 2 * HOUR_NS


@pytest.mark.parametrize("seed", range(2))
def test_a_week_goes_by_without_a_stuck_line(seed: int) -> None:
    """Every line goes on making parts on the fifth day as on the first."""
    made = VirtualPlant(plant(), FACTS, start_ns=MONDAY_NS, seed=seed, roles=frozenset(("good_count",)))
    made.skip(MONDAY_NS + 96 * HOUR_NS)
    before = {name: unit.good_count for name, unit in made.units.items()}
    made.skip(MONDAY_NS + 120 * HOUR_NS)
    for name, unit in made.units.items():
        if name != "compressor1":
            assert unit.good_count > before[name] + 100, name
