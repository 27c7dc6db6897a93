"""The twin on a real backbone: live road, catch-up from the streams, snapshots, answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from taktwin.bus.client import NatsBus
from taktwin.clock import SystemClock
from taktwin.contracts import events, samples, topics
from taktwin.contracts.samples import Scan
from taktwin.contracts.state import Frame, IntervalMessage
from taktwin.identity import EquipmentId
from taktwin.plant.registry import Registry
from taktwin.twin.service import TwinService
from tests.support_bus import TestBackbone, backbone  # noqa: F401
from tests.support_registry import SECOND, Speaker, registry

PLANT = registry()


@asynccontextmanager
async def running(bus: NatsBus, folder: Path, **settings: Any) -> AsyncIterator[TwinService]:
    service = TwinService(
        bus=bus, registry=PLANT, clock=SystemClock(), folder=folder, memory_mb=lambda: 1.0, pid=1, **settings
    )
    stop = asyncio.Event()
    task = asyncio.ensure_future(service.run(stop))
    try:
        await asyncio.wait_for(service.caught_up.wait(), 20)
        yield service
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def eventually(what: Callable[[], bool], deadline_s: float = 10.0) -> None:
    async with asyncio.timeout(deadline_s):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def send(bus: NatsBus, plant: Registry, unit: str, scan: Scan) -> int:
    subject = topics.sample(plant.equipment[EquipmentId(unit)].place)
    key = f"{scan.connector}:{unit}:{scan.epoch_ns}:{scan.sequence}"
    headers = {topics.H_INGEST_NS: str(scan.t0_ns), topics.H_RECEIVED_MONO: "1", topics.H_PUBLISHED_MONO: "2"}
    return await bus.publish_durable(subject, samples.encode(scan), message_id=key, headers=headers)


async def test_a_scan_reaches_state_frame_and_stream_of_intervals(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    gateway, twin, portal = [await backbone.connect(user) for user in ("gateway", "twin", "portal")]
    frames: list[Frame] = []
    decoder = msgspec.msgpack.Decoder(Frame)
    await portal.subscribe(
        topics.frame("aurora", "northfield"), lambda message: frames.append(decoder.decode(message.payload))
    )
    speaker = Speaker(PLANT, "line1")
    async with running(twin, tmp_path) as service:
        now = SystemClock().now_ns()
        await send(gateway, PLANT, "turn1", speaker.scan("turn1", now, {"state": 6, "good_count": 7}))
        await send(gateway, PLANT, "turn1", speaker.scan("turn1", now + SECOND // 100, {"state": 11}))
        index = PLANT.by_id["turn1/state"].index
        await eventually(lambda: service.engine.state.values[index] == 11)
        await eventually(lambda: any(u.time_class == "delay_own" for f in frames for u in f.units))
        answer = await portal.request(
            topics.query("aurora", "northfield", "twin", "snapshot"), msgspec.msgpack.encode({})
        )
        full = decoder.decode(answer)
        assert full.values[full.signals.index(index)] == 11
        assert len(full.state_hash) == 64
        await eventually(lambda: not service._outbox)
    stored: list[IntervalMessage] = []
    async for batch in portal.read_stream(topics.STREAM_INTERVALS, follow=False):
        stored += [msgspec.json.decode(m.payload, type=IntervalMessage) for m in batch]
    assert [(i.time_class, i.to_ns is None) for i in stored if i.unit == "turn1"][-2:] == [
        ("production", False),
        ("delay_own", True),
    ]


async def test_a_restarted_twin_goes_on_from_its_snapshot_and_reads_what_it_missed(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    gateway = await backbone.connect("gateway")
    speaker = Speaker(PLANT, "line1")
    start = SystemClock().now_ns() - 60 * SECOND
    twin = await backbone.connect("twin")
    async with running(twin, tmp_path) as first:
        for k in range(20):
            scan = speaker.scan("turn1", start + k * SECOND, {"state": 6 if k % 2 else 11})
            last = await send(gateway, PLANT, "turn1", scan)
        await eventually(lambda: first.engine.counters.scans == 20)
    for k in range(20, 40):
        scan = speaker.scan("turn1", start + k * SECOND, {"state": 6 if k % 3 else 11})
        last = await send(gateway, PLANT, "turn1", scan)
    async with running(await backbone.connect("twin"), tmp_path) as second:
        assert second.engine.generation == 1
        assert second.positions[topics.STREAM_SAMPLES] == last
        assert second.engine.counters.scans == 20
        from taktwin.twin.snapshot import state_hash

        restarted = state_hash(second.engine)
    async with running(await backbone.connect("twin"), tmp_path / "fresh") as fresh:
        assert fresh.engine.counters.scans == 40
        assert state_hash(fresh.engine) == restarted


async def test_the_twin_says_when_a_connection_falls_silent(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    gateway = await backbone.connect("gateway")
    speaker = Speaker(PLANT, "line4")
    async with running(await backbone.connect("twin"), tmp_path) as service:
        old = SystemClock().now_ns() - 30 * SECOND
        await send(gateway, PLANT, "grind1", speaker.scan("grind1", old, {"state": 6}))
        await eventually(lambda: "line4:silent" in service.engine.alarms)
        reader = await backbone.connect("supervisor")
        raised: list[events.CloudEvent] = []
        while not raised:  # it is known before it is said
            async for batch in gateway_events(reader):
                raised += [event for event in batch if event.name == "equipment.alarm.raised"]
    assert [(e.subject, e.id.split("@")[0]) for e in raised] == [("grind1", "line4:silent")]


async def gateway_events(bus: NatsBus) -> AsyncIterator[list[events.CloudEvent]]:
    async for batch in bus.read_stream(topics.STREAM_EVENTS, follow=False):
        yield [events.decode(message.payload) for message in batch]
