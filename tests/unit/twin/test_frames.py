"""Frames: what changed, coalesced; a full picture has everything; sequences follow each other."""

from __future__ import annotations

from typing import Any

from taktwin.contracts.state import Frame
from taktwin.twin.engine import ScanEvent, TwinEngine
from taktwin.twin.frames import Framer
from tests.support_days import day, run
from tests.support_registry import SECOND, START, Speaker, registry

PLANT = registry()


def picture(frames: list[Frame]) -> dict[str, Any]:
    """Return what somebody sees who puts frames on top of each other."""
    seen: dict[str, Any] = {}
    for frame in frames:
        for row in zip(frame.signals, frame.values, frame.source_ns, strict=True):
            seen[f"signal {row[0]}"] = row[1:]
        for unit in frame.units:
            seen[f"unit {unit.unit}"] = unit
        for buffer in frame.buffers:
            seen[f"buffer {buffer.buffer}"] = buffer
        for alarm in frame.alarms:
            seen[f"alarm {alarm.alarm}"] = alarm
    return {
        name: what for name, what in seen.items() if not (name.startswith("alarm ") and what.state == "NORM")
    }


def test_frames_on_top_of_each_other_are_the_full_picture() -> None:
    made = day(PLANT, seed=3, seconds=60)
    engine = TwinEngine(PLANT)
    framer = Framer(engine)
    frames = []
    for at_ns, event in made.said:
        run(engine, [event], settle=0)
        engine.advance(at_ns)
        frame = framer.next(at_ns=at_ns, mono_ns=at_ns)
        if frame is not None:
            frames.append(frame)
    engine.advance(made.end_ns)
    last = framer.next(at_ns=made.end_ns, mono_ns=made.end_ns + SECOND)
    assert last is not None
    frames.append(last)
    full = framer.full(at_ns=made.end_ns, mono_ns=0, state_hash="x")
    assert picture(frames) == picture([full])
    assert [frame.sequence for frame in frames] == list(range(1, len(frames) + 1))
    assert full.sequence == last.sequence


def test_nothing_new_is_no_frame_and_a_heartbeat_goes_on_counting() -> None:
    engine = TwinEngine(PLANT)
    framer = Framer(engine)
    speaker = Speaker(PLANT, "line1")
    engine.apply(ScanEvent("turn1", speaker.scan("turn1", START, {"state": 6})))
    assert framer.next(at_ns=START, mono_ns=SECOND) is not None
    assert framer.next(at_ns=START, mono_ns=SECOND + 1) is None
    beat = framer.heartbeat(at_ns=START, mono_ns=SECOND + 2)
    assert (beat.sequence, beat.signals, beat.signal_count) == (2, [], len(PLANT.signals))


def test_a_value_comes_with_the_stamps_of_the_message_that_brought_it() -> None:
    engine = TwinEngine(PLANT)
    framer = Framer(engine)
    scan = Speaker(PLANT, "line1").scan("turn1", START, {"state": 6})
    engine.apply(ScanEvent("turn1", scan, ingest_ns=11, received_mono=12, published_mono=13, applied_mono=14))
    frame = framer.next(at_ns=START, mono_ns=SECOND)
    assert frame is not None
    stamps = (frame.ingest_ns, frame.received_mono, frame.published_mono, frame.applied_mono)
    assert stamps == ([11], [12], [13], [14])


def test_confirmed_values_are_listed_again_about_once_a_second() -> None:
    engine = TwinEngine(PLANT)
    framer = Framer(engine)
    speaker = Speaker(PLANT, "line1")
    index = PLANT.by_id["turn1/state"].index
    engine.apply(ScanEvent("turn1", speaker.scan("turn1", START, {"state": 6})))
    listed = []
    for tenth in range(1, 51):
        now = START + tenth * SECOND // 10
        engine.apply(ScanEvent("turn1", speaker.scan("turn1", now)))
        frame = framer.next(at_ns=now, mono_ns=now)
        if frame is not None and index in frame.signals:
            listed.append(frame.confirmed_ns[frame.signals.index(index)])
    assert 4 <= len(listed) <= 6
    assert listed == sorted(listed)
    assert START + 5 * SECOND - listed[-1] <= 2 * SECOND
