"""Two roads to one state: shuffled, duplicated, late, split by restarts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.instants import SECOND_NS
from taktwin.standards.iso22400 import TimeClass
from taktwin.twin import api
from taktwin.twin.engine import FactEvent, ScanEvent, TwinEngine
from taktwin.twin.snapshot import state_hash
from tests.support_days import alarms, day, disordered, feed, intervals, run
from tests.support_registry import START, TwoShifts, registry

PLANT = registry(calendar=TwoShifts())
SECONDS = st.integers(20, 240)
SEEDS = st.integers(0, 10_000)


@given(seed=SEEDS, disorder=SEEDS, seconds=SECONDS, late_s=st.floats(0.1, 40.0), twice=st.floats(0, 0.5))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_duplicates_and_late_events_leave_the_same_state(
    seed: int, disorder: int, seconds: int, late_s: float, twice: float
) -> None:
    made = day(PLANT, seed=seed, seconds=seconds)
    noisy = disordered(made, seed=disorder, late_s=late_s, duplicated=twice)
    calm, storm = run(TwinEngine(PLANT), made.events()), run(TwinEngine(PLANT), noisy, seed=disorder)
    assert state_hash(storm) == state_hash(calm)
    assert intervals(storm) == intervals(calm)
    assert alarms(storm, made.end_ns) == alarms(calm, made.end_ns)


@given(seed=SEEDS, disorder=SEEDS, restarts=st.floats(0.001, 0.05))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_restarts_from_snapshots_leave_the_same_state(seed: int, disorder: int, restarts: float) -> None:
    made = day(PLANT, seed=seed, seconds=150)
    calm = run(TwinEngine(PLANT), made.events())
    often = run(TwinEngine(PLANT), disordered(made, seed=disorder), restarts=restarts, seed=disorder)
    assert state_hash(often) == state_hash(calm)
    assert intervals(often) == intervals(calm)
    assert alarms(often, made.end_ns) == alarms(calm, made.end_ns)


@given(seed=SEEDS, how=st.sampled_from([0.0, 0.05, 1.0]))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_how_often_the_engine_settles_does_not_matter(seed: int, how: float) -> None:
    made = day(PLANT, seed=seed, seconds=100)
    each = TwinEngine(PLANT)
    for event in made.events():
        each.apply(event)
    other = run(TwinEngine(PLANT), made.events(), settle=how)
    assert (state_hash(other), intervals(other)) == (state_hash(each), intervals(each))


@given(seed=SEEDS)
@settings(derandomize=True, deadline=None, max_examples=20)
def test_a_live_twin_that_watched_the_clock_has_the_hash_of_one_that_read_it_later(seed: int) -> None:
    made = day(PLANT, seed=seed, seconds=150)
    live = TwinEngine(PLANT)
    for at_ns, event in made.said:
        live.advance(at_ns)
        live.apply(event)
    later = run(TwinEngine(PLANT), made.events())
    assert state_hash(live) == state_hash(later)
    assert intervals(live) == intervals(later)


@given(seed=SEEDS, now_s=st.integers(0, 300))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_every_instant_of_a_unit_is_in_exactly_one_class(seed: int, now_s: int) -> None:
    made = day(PLANT, seed=seed, seconds=120)
    engine = run(TwinEngine(PLANT), made.events())
    now_ns = START + now_s * SECOND_NS
    engine.advance(now_ns)
    for unit, line in engine.timelines.items():
        shown = line.shown()
        assert all(a.to_ns == b.from_ns for a, b in pairwise(shown)), unit
        assert all(i.to_ns is None or i.to_ns > i.from_ns for i in shown)
        assert [i.to_ns is None for i in shown] == [False] * (len(shown) - 1) + [True]
        window = api.timeline(engine, unit, START - SECOND_NS, now_ns)
        assert sum(window["sums_ns"].values()) == now_ns - START + SECOND_NS
        assert set(window["sums_ns"]) == {c.value for c in TimeClass}


@given(seed=SEEDS, disorder=SEEDS)
@settings(derandomize=True, deadline=None, max_examples=20)
def test_the_published_corrections_add_up_to_the_timeline(seed: int, disorder: int) -> None:
    """Whoever keeps of each interval the highest revision has the timeline, whatever the disorder."""
    made = day(PLANT, seed=seed, seconds=100)
    engine = TwinEngine(PLANT)
    told: dict[str, tuple[int, object]] = {}
    for event in disordered(made, seed=disorder):
        at_ns = event.scan.t0_ns if isinstance(event, ScanEvent) else event.event.time_ns
        for message in [*engine.advance(at_ns).intervals, *engine.apply(event).intervals]:
            assert message.revision > told.get(message.id, (0, None))[0]
            told[message.id] = (message.revision, message)
    kept: dict[str, list[tuple[int, int | None, str]]] = {}
    for _, message in told.values():
        if not message.withdrawn:
            kept.setdefault(message.unit, []).append((message.from_ns, message.to_ns, message.time_class))
    shown = {
        unit: [(i.from_ns, i.to_ns, i.time_class) for i in line.shown()]
        for unit, line in engine.timelines.items()
        if line.intervals
    }
    assert {unit: sorted(rows, key=lambda r: r[0]) for unit, rows in kept.items()} == shown


def test_announced_alarms_have_the_same_ids_in_a_replay() -> None:
    made = day(PLANT, seed=11, seconds=200)

    def announced(events: list[ScanEvent | FactEvent]) -> set[str]:
        engine = TwinEngine(PLANT)
        found: set[str] = set()
        for event in events:
            feed(engine, event)
        for effect in engine.settle().events:
            assert effect.event_id not in found
            found.add(effect.event_id)
        return found

    once = announced(made.events())
    assert once
    assert announced([*made.events(), *made.events()]) == once
