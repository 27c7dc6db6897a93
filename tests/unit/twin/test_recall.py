"""A twin that died before its snapshot has told more than the snapshot knows: nothing of it stays wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from taktwin.contracts.state import IntervalMessage
from taktwin.twin import snapshot
from taktwin.twin.engine import TwinEngine
from taktwin.twin.recall import forget, recall
from tests.support_days import Day, day, feed
from tests.support_registry import SECOND, START, registry

PLANT = registry()


def life(
    engine: TwinEngine, made: Day, *, until_s: int, step: int, told: list[IntervalMessage], late_s: int = 0
) -> TwinEngine:
    """Let an engine hear the first part of a day in steps, telling after each; return it."""
    events = [event for at_ns, event in made.said if at_ns < START + until_s * SECOND]
    for at in range(0, len(events), step):
        for event in events[at : at + step]:
            feed(engine, event)
        told += engine.advance(START + (at // step * 5 + late_s) * SECOND).intervals
    told += engine.advance(START + until_s * SECOND + 60 * SECOND).intervals
    return engine


def history(told: list[IntervalMessage]) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a historian shows: of each interval the newest revision, unless it was withdrawn."""
    newest: dict[str, IntervalMessage] = {}
    for message in told:
        if message.id not in newest or message.revision > newest[message.id].revision:
            newest[message.id] = message
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for m in newest.values():
        if not m.withdrawn:
            rows.setdefault(m.unit, []).append((m.from_ns, m.to_ns, m.time_class, m.state))
    return {unit: sorted(of_unit, key=lambda row: row[0]) for unit, of_unit in rows.items()}


def shown(engine: TwinEngine) -> dict[str, list[tuple[Any, ...]]]:
    return {
        unit: [(i.from_ns, i.to_ns, i.time_class, i.state) for i in line.shown()]
        for unit, line in engine.timelines.items()
        if line.shown()
    }


@pytest.mark.parametrize("seed", range(8))
def test_after_lives_that_ended_without_a_snapshot_history_shows_what_the_twin_shows(seed: int) -> None:
    made = day(PLANT, seed=seed, seconds=240)
    told: list[IntervalMessage] = []
    first = life(TwinEngine(PLANT), made, until_s=60, step=7, told=told)
    kept = snapshot.encode(snapshot.take(first, positions={}, at_ns=0))
    known = len(told)
    # Two lives that are killed: each starts from the same snapshot, so under the same generation.
    for step, until_s in ((3, 120), (11, 150), (5, 240)):
        restored = snapshot.decode(kept)
        engine = TwinEngine(PLANT, generation=restored.generation + 1)
        snapshot.restore(engine, restored)
        assert recall(engine, [msgspec.json.encode(message) for message in told[known:]]) == 0
        engine.tell_again()
        life(engine, made, until_s=until_s, step=step, told=told)
    assert history(told) == shown(engine)
    ids = [(message.id, message.revision) for message in told]
    assert len(set(ids)) == len(ids), "a revision was given out twice: the backbone would drop the second"


def test_a_twin_without_a_snapshot_takes_back_what_was_never_true(
    seed: int = 3,
) -> None:
    made = day(PLANT, seed=seed, seconds=120)
    told: list[IntervalMessage] = []
    life(TwinEngine(PLANT), made, until_s=60, step=7, told=told)
    engine = TwinEngine(PLANT)
    recall(engine, [msgspec.json.encode(message) for message in told])
    life(engine, made, until_s=120, step=4, told=told)
    assert history(told) == shown(engine)


def test_when_the_stream_is_gone_all_is_told_again() -> None:
    made = day(PLANT, seed=1, seconds=60)
    told: list[IntervalMessage] = []
    engine = life(TwinEngine(PLANT), made, until_s=60, step=7, told=told)
    assert not engine.settle().intervals
    forget(engine)
    engine.tell_again()
    again = engine.settle().intervals
    assert history(again) == shown(engine)


def test_what_is_no_interval_or_of_no_unit_of_ours_changes_nothing() -> None:
    engine = TwinEngine(PLANT)
    foreign = IntervalMessage(id="x:1", unit="x", from_ns=1, time_class="production")
    assert recall(engine, [b"{", b"\xff", msgspec.json.encode(foreign)]) == 2
    assert all(not line.published for line in engine.timelines.values())
