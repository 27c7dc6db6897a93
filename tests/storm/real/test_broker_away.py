"""The broker is away for many thousand messages: they wait on the gateway's disk, in order, bounded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from taktwin.bus.buffer import DiskBuffer
from taktwin.bus.forward import Forwarder
from taktwin.contracts import topics
from taktwin.plant.registry import Registry
from taktwin.processes import wiring
from tests.storm.real.day import EVERY_MS, sayings, scans, units_of
from tests.storm.real.house import House, until
from tests.storm.real.storm import Storm, Weather, end_ns
from tests.support_bus import start_backbone
from tests.support_gateway import until as until_here
from tests.unit.bus.test_forward import record

RESULTS = Path(__file__).resolve().parents[3] / "var" / "soak" / "broker-away.json"
MEMORY_MB_MAX = 250.0  # the whole process, at its worst moment: with the broker away, and as it drains
GROWN_MB_MAX = 80.0  # of it, what 60,000 messages or 600,000 may add: less than they are


async def away(plant: Registry, folder: Path, messages: int, *, pace: float) -> dict[str, float]:
    """Let a day of so many scans be said while the broker is away for all but its begin and its end.

    Returns figures: seconds away and until all had left, megabytes of the gateway's process.
    """
    every_ms = EVERY_MS // 10
    sky = Weather(
        seed=3, seconds=messages * every_ms // 7000, pace=pace, duplicated=0.0, window=0, every_ms=every_ms
    )
    async with House(plant, folder, now_ns=end_ns(sky)) as house:
        storm = Storm(house, sky)
        for name in ("twin", "historian"):
            await house.start(name)
        await storm._feed(0)
        await until(lambda: storm.progress()[0] > 500, within_s=60, why=storm.account)
        pid = house.processes["gateway"].pid
        began_mb = worst_mb = wiring.memory_mb(pid)

        def watched(true: bool) -> bool:
            nonlocal worst_mb
            worst_mb = max(worst_mb, wiring.memory_mb(pid))
            return true

        loop = asyncio.get_running_loop()
        left_s = loop.time()
        await house.kill("broker")
        length = sky.seconds * 1000 // every_ms * len(units_of(plant))
        await until(
            lambda: watched(storm.progress()[0] >= length - 500),
            within_s=3 * messages / pace + 120,
            why=storm.account,
        )
        waiting = int((house.folder / "progress.0").read_text().split()[3])
        assert waiting > length - 20_000, "it all waits on disk, but what had left before"
        disk_mb = sum(p.stat().st_size for p in (house.data / "gateway" / "buffer").glob("*.log")) / 1e6
        came_s = loop.time()
        await house.revive_broker()
        await until(lambda: watched(storm.progress()[1]), within_s=messages / 500 + 60, why=storm.account)
        all_s = loop.time()
        assert worst_mb < MEMORY_MB_MAX, f"{waiting} messages on disk, and {worst_mb} MB in memory"
        assert worst_mb - began_mb < GROWN_MB_MAX, f"{began_mb} MB before, {worst_mb} MB at worst"

        said = sayings(plant, seed=3, seconds=sky.seconds, every_ms=every_ms)
        order = [name for _, name, _ in scans(said, plant, start=0, epoch_ns=storm.runs[0].wishes.epoch_ns)]
        assert await storm.aftermath() == []
        assert list(storm.found.ids) == order, "the stream has them all, once, in the order of the machines"
        return {
            "waiting": waiting, "disk_mb": round(disk_mb, 1), "away_s": round(came_s - left_s, 1),
            "drained_s": round(all_s - came_s, 1), "settled_s": round(loop.time() - all_s, 1),
            "began_mb": round(began_mb, 1), "worst_mb": round(worst_mb, 1),
        }  # fmt: skip


@pytest.mark.timeout(280)
async def test_what_was_said_while_the_broker_was_away_arrives_in_order_and_changes_nothing(
    plant: Registry, tmp_path: Path
) -> None:
    await away(plant, tmp_path, 60_000, pace=12_000)


@pytest.mark.soak
async def test_the_broker_may_be_away_for_600_000_messages(plant: Registry, tmp_path: Path) -> None:
    figures = await away(plant, tmp_path, 600_000, pace=12_000)
    print(figures)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1))


async def test_a_full_disk_buffer_gives_up_the_oldest_says_which_and_never_grows(tmp_path: Path) -> None:
    backbone = await start_backbone(tmp_path / "data")
    bus = await backbone.connect("gateway")
    folder = tmp_path / "buffer"
    buffer = DiskBuffer(folder, bytes_max=1_000_000, segment_bytes=100_000)
    forwarder = Forwarder(bus, buffer, backbone.clock)
    await backbone.server.kill()
    await until_here(lambda: not bus.connected)
    for number in range(20_000):
        forwarder.offer(record(number))
        if number % 1000 == 0:
            assert sum(path.stat().st_size for path in folder.glob("*.log")) <= 1_100_000
    gone = sum(gap.messages for gap in buffer.gaps)
    assert gone == buffer.dropped == 20_000 - buffer.messages > 0
    assert buffer.gaps[0].first_id == "plc:mill1:0:0", "the oldest went"
    first_kept = int(buffer.peek(1)[0].message_id.rpartition(":")[2])
    assert first_kept == gone
    await backbone.server.start()
    running = asyncio.create_task(forwarder.run())
    await until_here(lambda: forwarder.resting, within_s=60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await forwarder.close()
    reader = await backbone.connect("historian")
    kept = [
        int(message.headers[topics.H_MSG_ID].rpartition(":")[2])
        async for batch in reader.read_stream(topics.STREAM_SAMPLES, follow=False)
        for message in batch
    ]
    assert kept == list(range(first_kept, 20_000))
    await backbone.close()
