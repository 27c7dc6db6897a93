"""The past through the same engine: any instant, any speed, the same picture as then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.clock import SystemClock
from taktwin.contracts import topics
from taktwin.contracts.samples import Scan
from taktwin.contracts.state import Frame
from taktwin.errors import BusError
from taktwin.twin import snapshot
from taktwin.twin.engine import FactEvent, ScanEvent, TwinEngine
from taktwin.twin.frames import alarm_documents, unit_document
from taktwin.twin.past import PastValues, Stretch, Vouched
from taktwin.twin.recorder import Playback, RecorderService
from tests.support_bus import TestBackbone, backbone  # noqa: F401
from tests.support_days import Day, day, feed
from tests.support_registry import SECOND, START, Speaker, TwoShifts, registry

PLANT = registry(calendar=TwoShifts())
DAY = day(PLANT, seed=21, seconds=300)


class RememberedPast:
    """A history of one generated day, as the historian would tell it."""

    def __init__(self, made: Day) -> None:
        self.values = sorted(_values(made), key=lambda value: (value.at_ns, value.scan.sequence))
        self.facts = [event.event for event in made.events() if isinstance(event, FactEvent)]
        self.asked: list[tuple[int, int]] = []
        self.spans: list[Vouched] = []
        latest: dict[tuple[str, str], tuple[int, int]] = {}
        for _, event in made.said:
            if isinstance(event, ScanEvent) and event.scan.as_of_ns is not None:
                key, at_ns = (event.scan.connector, event.unit), event.scan.as_of_ns
                first, last = latest.get(key, (at_ns, at_ns))
                if at_ns - last > 5 * SECOND:
                    self.spans.append(Vouched(*key, first, last))
                    first = at_ns
                latest[key] = (first, at_ns)
        self.spans += [Vouched(*key, *span) for key, span in latest.items()]

    async def read(self, from_ns: int, to_ns: int) -> Stretch:
        self.asked.append((from_ns, to_ns))
        return Stretch(
            from_ns,
            to_ns,
            [v for v in self.values if from_ns <= v.at_ns < to_ns],
            [s for s in self.spans if s.to_ns >= from_ns and s.from_ns < to_ns],
            [e for e in self.facts if from_ns <= e.time_ns < to_ns],
        )

    async def standing(self, at_ns: int) -> list[PastValues]:
        return [v for v in self.values if v.at_ns <= at_ns]

    async def step(self, at_ns: int, *, forward: bool) -> int | None:
        times = [e.time_ns for e in self.facts]
        beside = [t for t in times if (t > at_ns if forward else t < at_ns)]
        return (min if forward else max)(beside, default=None)


def _values(made: Day) -> Iterator[PastValues]:
    for _, event in made.said:
        if isinstance(event, ScanEvent):
            scan = event.scan
            qualities = scan.qualities or [0] * len(scan.signals)
            for index, dt_ns, value, quality in zip(
                scan.signals, scan.dt_ns, scan.values, qualities, strict=True
            ):
                at_ns = scan.t0_ns + dt_ns
                row = Scan(
                    scan.registry, scan.connector, scan.epoch_ns, scan.sequence, at_ns, [index], [0], [value],
                    [quality],
                )  # fmt: skip
                yield PastValues(at_ns, event.unit, row, event.ingest_ns)


def as_it_was(at_ns: int) -> TwinEngine:
    """Return the engine of one who had heard, at an instant, all that had happened until then."""
    engine = TwinEngine(PLANT)
    past = RememberedPast(DAY)
    for value in past.values:
        if value.at_ns <= at_ns:
            engine.replay(value.unit, value.scan)
    for span in past.spans:
        if span.from_ns <= at_ns:
            engine.vouch_span(span.connector, span.unit, span.from_ns, min(span.to_ns, at_ns))
    for event in past.facts:
        if event.time_ns <= at_ns:
            engine.apply_fact(event)
    engine.advance(at_ns)
    return engine


def seen(engine: TwinEngine) -> dict[str, Any]:
    return {
        "values": engine.state.values,
        "units": [unit_document(engine, unit) for unit in engine.unit_roles],
        "alarms": sorted(alarm_documents(engine)),
    }


@given(second=st.integers(1, 299))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_a_picture_from_history_alone_is_the_plant_as_it_was(second: int) -> None:
    playback = Playback(PLANT, RememberedPast(DAY), Path("nowhere"), speed=1.0)
    asyncio.run(playback.seek(START + second * SECOND))
    assert seen(playback.engine) == seen(as_it_was(START + second * SECOND))


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a picture every 100 s, as the twin keeps them."""
    folder = tmp_path_factory.mktemp("moments")
    engine = TwinEngine(PLANT)
    next_ns = START + 100 * SECOND
    for at_ns, event in DAY.said:
        if at_ns >= next_ns:
            engine.advance(next_ns)
            taken = snapshot.take(engine, positions={}, at_ns=next_ns, facts_from_ns=next_ns - 60 * SECOND)
            snapshot.write(snapshot.encode(taken), folder / f"{next_ns:020d}.moment")
            next_ns += 100 * SECOND
        feed(engine, event)
    return folder


@given(second=st.integers(100, 299))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_a_picture_from_the_nearest_kept_one_is_the_same(moments: Path, second: int) -> None:
    past = RememberedPast(DAY)
    playback = Playback(PLANT, past, moments, speed=1.0)
    asyncio.run(playback.seek(START + second * SECOND))
    assert seen(playback.engine) == seen(as_it_was(START + second * SECOND))
    # Not the whole history was read, only from a minute before the picture on.
    assert past.asked[0][0] == START + (second // 100 * 100 - 60) * SECOND


@given(steps=st.lists(st.integers(1, 40), min_size=1, max_size=6))
@settings(derandomize=True, deadline=None, max_examples=15)
def test_playing_on_is_the_same_as_going_there(moments: Path, steps: list[int]) -> None:
    async def play() -> Playback:
        playback = Playback(PLANT, RememberedPast(DAY), moments, speed=1.0)
        await playback.seek(START + 20 * SECOND)
        for step in steps:
            await playback.advance(playback.at_ns + step * SECOND, speed=float(step))
        return playback

    playback = asyncio.run(play())
    there = START + (20 + sum(steps)) * SECOND
    assert playback.at_ns == there
    assert seen(playback.engine) == seen(as_it_was(there))


def test_standing_values_that_were_told_after_the_picture_are_in_it_with_their_old_stamps(
    tmp_path: Path,
) -> None:
    """A gateway that connects tells what stands since long; the picture was kept before it did."""
    made = Day(end_ns=START + 60 * SECOND)
    speaker = Speaker(PLANT, "line1")
    standing = speaker.scan(
        "turn1", START + 10 * SECOND, {"state": (-7200 * SECOND, 6), "job": (-900 * SECOND, "J1")}
    )
    made.said.append((START + 10 * SECOND, ScanEvent("turn1", standing)))
    for second in range(11, 40):
        made.said.append(
            (START + second * SECOND, ScanEvent("turn1", speaker.scan("turn1", START + second * SECOND)))
        )
    empty = snapshot.take(TwinEngine(PLANT), positions={}, at_ns=START)
    snapshot.write(snapshot.encode(empty), tmp_path / f"{START:020d}.moment")
    playback = Playback(PLANT, RememberedPast(made), tmp_path, speed=1.0)
    asyncio.run(playback.seek(START + 30 * SECOND))
    document = unit_document(playback.engine, "turn1")
    assert (document.time_class, document.since_ns) == ("production", START + 10 * SECOND)
    assert document.job == "J1"


def test_a_damaged_picture_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / f"{START + 90 * SECOND:020d}.moment").write_bytes(b"rubbish")
    playback = Playback(PLANT, RememberedPast(DAY), tmp_path, speed=1.0)
    asyncio.run(playback.seek(START + 100 * SECOND))
    assert seen(playback.engine) == seen(as_it_was(START + 100 * SECOND))


async def test_a_session_plays_pauses_steps_and_ends(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    portal, bus = await backbone.connect("portal"), await backbone.connect("recorder")
    service = RecorderService(
        bus=bus, registry=PLANT, clock=SystemClock(), moments=tmp_path, memory_mb=lambda: 1.0, pid=1,
        past=RememberedPast(DAY), idle_after_s=3.0,
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.ensure_future(service.run(stop))
    frames: list[Frame] = []
    decoder = msgspec.msgpack.Decoder(Frame)

    async def ask(name: str, **request: Any) -> bytes:
        subject = topics.query("aurora", "northfield", "recorder", name)
        return await portal.request(subject, msgspec.msgpack.encode({"session": "s1", **request}))

    async def until(what: Any) -> None:
        async with asyncio.timeout(10):
            while not what():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    try:
        await portal.subscribe(
            topics.frame("aurora", "northfield", "s1"), lambda m: frames.append(decoder.decode(m.payload))
        )
        await portal.flush()
        full = decoder.decode(await ask("open", at_ns=START + 50 * SECOND, speed=60))
        assert full.at_ns == START + 50 * SECOND
        assert full.values and full.state_hash
        await until(lambda: frames and frames[-1].at_ns > START + 65 * SECOND)
        assert [f.sequence for f in frames] == list(
            range(frames[0].sequence, frames[0].sequence + len(frames))
        )
        paused = msgspec.msgpack.decode(await ask("control", speed=0))["at_ns"]
        beats = len(frames)
        await until(lambda: len(frames) > beats)  # it says that it still stands
        assert frames[-1].at_ns == paused
        stepped = decoder.decode(await ask("control", step=1))
        assert stepped.at_ns == min(e.time_ns for e in RememberedPast(DAY).facts if e.time_ns > paused)
        await ask("keep")
        await until(lambda: not service.sessions)  # nobody asks any more
        with pytest.raises(BusError, match="not open"):
            await ask("control", speed=1)
        with pytest.raises(BusError, match="session"):
            await ask("open", session="live")
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)
