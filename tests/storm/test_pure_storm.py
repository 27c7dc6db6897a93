"""A storm in virtual time: kills, gaps, duplicates, disorder, restarts. Each run equals the calm one.

The checker is itself checked: engines that are broken on purpose are run through it, and it has to
notice each of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from taktwin.contracts.samples import Scan
from taktwin.twin.engine import ScanEvent, TwinEngine
from taktwin.twin.snapshot import SECTIONS, Section, state_hash
from taktwin.twin.state import Origin, Series, Source
from tests.support_days import Day, alarms, day, disordered, intervals, run
from tests.support_registry import TwoShifts, registry

PLANT = registry(calendar=TwoShifts())
SEEDS = 200
SECONDS = 120


def differences(
    made: Day,
    seed: int,
    *,
    engine: type[TwinEngine] = TwinEngine,
    sections: dict[str, Section] | None = None,
) -> list[str]:
    """Return in what a stormy run differs from a calm one of the same facts."""
    calm = run(TwinEngine(PLANT), made.events())
    storm = run(engine(PLANT), disordered(made, seed=seed), seed=seed)
    broken = run(engine(PLANT), disordered(made, seed=seed + 1), restarts=0.01, seed=seed)
    distinct = {
        (e.unit, e.scan.connector, e.scan.epoch_ns, e.scan.sequence)
        for e in made.events()
        if isinstance(e, ScanEvent)
    }
    found = []
    if storm.counters.scans != len(distinct):
        found.append(f"{storm.counters.scans} scans were applied, {len(distinct)} were said")
    if storm.counters.samples != calm.counters.samples:
        found.append(f"{storm.counters.samples} values were applied, {calm.counters.samples} were said")
    if storm.counters.events != calm.counters.events:
        found.append(f"{storm.counters.events} events were applied, {calm.counters.events} were said")
    calm_hash, calm_intervals = state_hash(calm, sections), intervals(calm)
    calm_alarms = alarms(calm, made.end_ns)
    for name, other in (("storm", storm), ("restarts", broken)):
        if state_hash(other, sections) != calm_hash:
            found.append(f"{name}: another hash")
        if intervals(other) != calm_intervals:
            found.append(f"{name}: other intervals")
        if alarms(other, made.end_ns) != calm_alarms:
            found.append(f"{name}: other alarms")
    return found


@pytest.mark.parametrize("block", range(10))
def test_a_storm_leaves_what_a_calm_day_leaves(block: int) -> None:
    for seed in range(block * SEEDS // 10, (block + 1) * SEEDS // 10):
        made = day(PLANT, seed=seed, seconds=SECONDS)
        assert differences(made, seed) == [], f"seed {seed}"


# -- mutants: what the checker has to notice ---------------------------------------------------


class CountsTwice(TwinEngine):
    """Takes a scan that it heard already as a new one."""

    def apply_scan(self, unit: str, scan: Scan, *stamps: Any) -> bool:
        source = self.state.sources[scan.connector, unit]
        source.seen.pop(scan.epoch_ns, None)
        source.last = [0, -1]
        return super().apply_scan(unit, scan, *stamps)


class LastHeardWins(TwinEngine):
    """Takes the value that arrived last instead of the one with the highest key."""

    def _take(self, source: Source, scan: Scan, origin: Origin) -> None:
        for index in scan.signals:
            self.state.source_ns[index] = 0
        super()._take(source, scan, origin)


class ForgetsLateFacts(TwinEngine):
    """Computes a timeline only from the newest fact on."""

    def compute(self) -> None:
        for line in self.timelines.values():
            if line.dirty_ns is not None and line.intervals:
                line.dirty_ns = max(line.dirty_ns, line.intervals[-1].from_ns)
        super().compute()


class BridgesGaps(TwinEngine):
    """Does not look back to where a gap begins."""

    def _vouch(self, source: Source, epoch_ns: int, as_of_ns: int) -> None:
        if source.vouch(epoch_ns, as_of_ns):
            self.staleness.dirty.add(source.connector)


class HearsPeopleTwice(TwinEngine):
    """Takes a person's word each time it is delivered."""

    def apply_fact(self, event: Any) -> bool:
        super().apply_fact(event)
        self.counters.events += 1
        return True


class AppendsFacts(TwinEngine):
    """Keeps facts in order of arrival."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for series in self.state.series.values():
            series.__class__ = _Appended


class _Appended(Series):
    __slots__ = ()

    def add(self, at_ns: int, epoch_ns: int, sequence: int, value: Any) -> bool:
        later = self.times[-1] + 1 if self.times and at_ns <= self.times[-1] else at_ns
        return super().add(later, epoch_ns, sequence, value)


@pytest.mark.parametrize(
    "mutant", [CountsTwice, LastHeardWins, ForgetsLateFacts, BridgesGaps, HearsPeopleTwice, AppendsFacts]
)
def test_the_storm_notices_an_engine_that_is_broken(mutant: type[TwinEngine]) -> None:
    noticed = [
        seed for seed in range(6) if differences(day(PLANT, seed=seed, seconds=90), seed, engine=mutant)
    ]
    assert noticed, f"{mutant.__name__}: {mutant.__doc__} Nobody noticed."


@pytest.mark.parametrize("left_out", ["values", "source_times", "qualities"])
def test_a_hash_without_a_part_of_the_state_would_call_a_wrong_engine_right(left_out: str) -> None:
    """Why each section is there: without it the hash of a broken engine equals the calm one's."""

    class Spoils(TwinEngine):
        def compute(self) -> None:
            super().compute()
            index = PLANT.by_id["turn1/spindle/load"].index
            column = {
                "values": self.state.values,
                "source_times": self.state.source_ns,
                "qualities": self.state.qualities,
            }
            column[left_out][index] = 2

    made = day(PLANT, seed=1, seconds=30, kills=False)
    without = {name: section for name, section in SECTIONS.items() if name != left_out}
    assert [d for d in differences(made, 1, engine=Spoils) if "hash" in d]
    assert not [d for d in differences(made, 1, engine=Spoils, sections=without) if "hash" in d]
