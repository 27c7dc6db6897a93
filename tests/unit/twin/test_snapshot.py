"""The hash covers what was, field by field, and nothing of how we heard it; snapshots resume exactly."""

from __future__ import annotations

import hashlib
import math
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.errors import StoreError
from taktwin.twin import snapshot
from taktwin.twin.engine import TwinEngine
from taktwin.twin.snapshot import SECTIONS, Section, canonical, state_hash
from taktwin.twin.state import Origin
from taktwin.twin.timeline import Interval
from tests.support_days import alarms, day, disordered, feed, intervals, run
from tests.support_registry import SECOND, START, TwoShifts, registry

PLANT = registry(calendar=TwoShifts())
DAY = day(PLANT, seed=5, seconds=200)


def lived() -> TwinEngine:
    """Return an engine with a past."""
    engine = run(TwinEngine(PLANT), DAY.events())
    engine.compute()
    return engine


Mutation = Callable[[TwinEngine], None]
INDEX = PLANT.by_id["turn1/spindle/load"].index


def set_interval(field: str, value: object) -> Mutation:
    def mutate(engine: TwinEngine) -> None:
        kept = engine.timelines["turn1"].intervals
        kept[0] = kept[0]._replace(**{field: value})

    return mutate


def set_registry(engine: TwinEngine) -> None:
    engine.registry = replace(engine.registry, hash="0" * 64)


def set_last_class(engine: TwinEngine) -> None:
    kept = engine.timelines["turn1"].intervals
    kept[-1] = kept[-1]._replace(time_class="another")


def set_last_state(engine: TwinEngine) -> None:
    kept = engine.timelines["turn1"].intervals
    kept[-1] = kept[-1]._replace(state="Elsewhere")


def set_job(engine: TwinEngine) -> None:
    engine.state.values[PLANT.by_id["turn1/job"].index] = "J99"


def set_serial(engine: TwinEngine) -> None:
    engine.state.values[PLANT.by_id["turn1/serial"].index] = "S99"


def set_counter(path: str) -> Mutation:
    def mutate(engine: TwinEngine) -> None:
        engine.state.values[PLANT.by_id[f"turn1/{path}"].index] = 12345

    return mutate


def set_value(value: object) -> Mutation:
    def mutate(engine: TwinEngine) -> None:
        engine.state.values[INDEX] = value

    return mutate


def set_source_time(engine: TwinEngine) -> None:
    engine.state.source_ns[INDEX] += 1


def set_quality(engine: TwinEngine) -> None:
    engine.state.qualities[INDEX] ^= 1


# What is in the hash: the section that has to show it, a field's name, a change of that field alone.
FIELDS: list[tuple[str, str, Mutation]] = [
    ("registry", "registry hash", set_registry),
    ("values", "value", set_value(3.25)),
    ("values", "type of a value", set_value("00123")),
    ("source_times", "source time", set_source_time),
    ("qualities", "quality", set_quality),
    ("classes", "class", set_last_class),
    ("classes", "state word", set_last_state),
    ("jobs", "job", set_job),
    ("jobs", "serial", set_serial),
    ("counters", "good count", set_counter("good_count")),
    ("counters", "reject count", set_counter("reject_count")),
    ("counters", "energy", set_counter("energy")),
    ("buffers", "content", set_counter("good_count")),
    ("intervals", "from", set_interval("from_ns", START - 1)),
    ("intervals", "to", set_interval("to_ns", START + 1)),
    ("intervals", "class", set_interval("time_class", "set_up")),
    ("intervals", "reason", set_interval("reason", "because")),
    ("intervals", "state", set_interval("state", "Elsewhere")),
    ("intervals", "program", set_interval("program", "O1234")),
    ("intervals", "job", set_interval("job", "J99")),
    ("elements", "time element", set_interval("time_class", "set_up")),
]


def problems(sections: dict[str, Section]) -> list[str]:
    """Return the fields whose change a hash of these sections does not show as it should."""
    found = []
    before = lived()
    whole = state_hash(before, sections)
    for name, field, mutate in FIELDS:
        after = lived()
        mutate(after)
        section = sections.get(name)
        cut_ns = after.kept_from_ns()
        if section is None or list(section(after, cut_ns)) == list(section(before, cut_ns)):
            found.append(f"{name}: {field} is left out")
        elif digest_of(after, sections) == whole:
            found.append(f"{name}: {field} does not reach the hash")
    return found


def digest_of(engine: TwinEngine, sections: dict[str, Section]) -> str:
    return state_hash(engine, sections)


def test_changing_any_field_that_is_in_changes_the_hash() -> None:
    assert problems(SECTIONS) == []


@pytest.mark.parametrize("left_out", sorted(SECTIONS))
def test_a_hash_that_leaves_a_section_out_is_noticed(left_out: str) -> None:
    mutant = {name: section for name, section in SECTIONS.items() if name != left_out}
    assert any(problem.startswith(left_out) for problem in problems(mutant))


@pytest.mark.parametrize("left_out", Interval._fields)
def test_a_hash_that_leaves_a_field_of_the_intervals_out_is_noticed(left_out: str) -> None:
    place = Interval._fields.index(left_out)

    def without(engine: TwinEngine, cut_ns: int) -> Iterator[bytes]:
        for unit in sorted(engine.timelines):
            for interval in engine.timelines[unit].intervals:
                yield canonical([field for k, field in enumerate(interval) if k != place])

    found = problems({**SECTIONS, "intervals": without})
    assert [p for p in found if p.startswith("intervals")], f"{left_out} could be left out unnoticed"


def heard_elsewhen(engine: TwinEngine) -> None:
    engine.state.origins[INDEX] = Origin(1, 2, 3, 4, 5, 6)


def at_the_edge(engine: TwinEngine) -> None:
    engine.advance(DAY.end_ns + 60 * SECOND)


def told_before(engine: TwinEngine) -> None:
    engine.timelines["turn1"].revisions[START] = 99


def acknowledged(engine: TwinEngine) -> None:
    for alarm in engine.alarms.values():
        alarm.state = alarm.state._replace(acknowledged=True, comment="x")


def counted(engine: TwinEngine) -> None:
    engine.counters.duplicates_ignored += 7
    engine.generation += 1


@pytest.mark.parametrize("mutate", [heard_elsewhen, at_the_edge, told_before, acknowledged, counted])
def test_how_we_heard_of_it_is_not_in_the_hash(mutate: Mutation) -> None:
    engine = lived()
    before = state_hash(engine)
    mutate(engine)
    assert state_hash(engine) == before


def test_the_encoding_is_big_endian_and_knows_one_nan() -> None:
    assert canonical(1) == b"i" + bytes(7) + b"\x01"
    assert canonical(-1) == b"i" + b"\xff" * 8
    assert canonical(1.5) == b"d" + struct.pack(">d", 1.5)
    odd_nan = struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0]
    assert canonical(odd_nan) == canonical(math.nan) == b"d" + bytes.fromhex("7ff8000000000000")
    assert canonical(-0.0) != canonical(0.0)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(first=VALUES, second=VALUES)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_two_values_have_one_encoding_only_if_they_are_the_same(first: object, second: object) -> None:
    def identity(value: object) -> object:
        if isinstance(value, float):
            return ("f", "nan") if math.isnan(value) else ("f", struct.pack(">d", value))
        if isinstance(value, list):
            return ("l", tuple(identity(item) for item in value))
        return (type(value).__name__, value)

    assert (canonical(first) == canonical(second)) == (identity(first) == identity(second))


def test_the_hash_is_the_same_on_every_machine() -> None:
    # The encoding is a contract: this digest may only change with a new version of it.
    assert hashlib.sha256(canonical([1, "a", 2.5, None, True, b"x", {"k": -1}])).hexdigest() == GOLDEN


GOLDEN = "8065e1e7dabf1b00fefbb288edee88362db550db86dda145293e111ffd036a68"


@given(cut=st.integers(0, len(DAY.said)), seed=st.integers(0, 5))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_a_restart_at_any_point_resumes_exactly(cut: int, seed: int) -> None:
    events = disordered(DAY, seed=seed)
    straight = run(TwinEngine(PLANT), events, seed=seed)
    first = run(TwinEngine(PLANT), events[:cut], seed=seed)
    kept = snapshot.encode(snapshot.take(first, positions={"SAMPLES": cut}, at_ns=1))
    second = TwinEngine(PLANT, generation=1)
    found = snapshot.decode(kept)
    snapshot.restore(second, found)
    assert found.positions == {"SAMPLES": cut}
    assert state_hash(second) == found.state_hash
    # The road may tell some again: what was heard before the cut changes nothing.
    run(second, events[max(cut - random.Random(seed).randint(0, 50), 0) :], seed=seed)
    assert state_hash(second) == state_hash(straight)
    assert intervals(second) == intervals(straight)
    assert alarms(second, DAY.end_ns) == alarms(straight, DAY.end_ns)


def test_a_twin_that_died_before_it_told_of_an_interval_tells_it_after_the_restart() -> None:
    first = TwinEngine(PLANT)
    for event in DAY.events():
        feed(first, event)
    kept = snapshot.take(first, positions={}, at_ns=1)  # computed, but nothing was told
    second = TwinEngine(PLANT, generation=1)
    snapshot.restore(second, snapshot.decode(snapshot.encode(kept)))
    told = {(m.unit, m.from_ns) for m in second.settle().intervals}
    assert told == {(u, i[0]) for u, rows in intervals(first).items() for i in rows}


def test_a_picture_for_the_recorder_is_small_and_goes_on_alike() -> None:
    engine = lived()
    whole = snapshot.take(engine, positions={}, at_ns=1)
    picture = snapshot.take(engine, positions={}, at_ns=1, facts_from_ns=DAY.end_ns - 20 * SECOND)
    assert sum(len(row[1]) for row in picture.timelines) < sum(len(row[1]) for row in whole.timelines) / 2
    light = snapshot.encode(picture)
    assert len(light) < len(snapshot.encode(whole))
    again = TwinEngine(PLANT)
    snapshot.restore(again, snapshot.decode(light))
    for unit, line in again.timelines.items():
        assert line.intervals[-1] == engine.timelines[unit].intervals[-1]
    assert again.state.values == engine.state.values


def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "twin.snapshot"
    assert snapshot.read(path) is None
    old = snapshot.encode(snapshot.take(TwinEngine(PLANT), positions={"EVENTS": 3}, at_ns=1))
    snapshot.write(old, path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        snapshot.write(b"new", path)
    kept = snapshot.read(path)
    assert kept is not None and kept.positions == {"EVENTS": 3}


def test_a_snapshot_of_another_plant_version_or_damaged_is_refused(tmp_path: Path) -> None:
    taken = snapshot.take(TwinEngine(PLANT), positions={}, at_ns=1)
    with pytest.raises(StoreError, match="not of"):
        snapshot.restore(TwinEngine(registry(sensors=3)), taken)
    taken.version = 99
    with pytest.raises(StoreError, match="version 99"):
        snapshot.restore(TwinEngine(PLANT), taken)
    path = tmp_path / "twin.snapshot"
    path.write_bytes(b"\x81rubbish")
    with pytest.raises(StoreError, match="not a snapshot"):
        snapshot.read(path)


def test_only_the_last_two_production_days_are_in_the_hash() -> None:
    before = state_hash(lived())
    for lasts_s, is_in in ((1, False), (11, True)):
        engine = lived()
        old = engine.kept_from_ns() - 10 * SECOND
        engine.timelines["turn1"].intervals.insert(0, Interval(old, old + lasts_s * SECOND, "production"))
        assert (state_hash(engine) != before) == is_in


def test_a_hash_that_goes_on_from_the_last_one_is_the_hash_from_the_beginning() -> None:
    often, once = TwinEngine(PLANT), TwinEngine(PLANT)
    for place, event in enumerate(disordered(DAY, seed=9, late_s=30.0)):
        feed(often, event)
        feed(once, event)
        if place % 40 == 0:
            state_hash(often)
    assert state_hash(often) == state_hash(once)
