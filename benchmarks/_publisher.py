"""The gateway's way out under load, as a process of its own: scans of 20 changing values at a rate.

`python -m benchmarks._publisher <installation.json> <values a second> <seconds>` prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from benchmarks._plant import PER_UNIT
from taktwin import settings
from taktwin.bus.buffer import DiskBuffer, Record
from taktwin.bus.client import connect
from taktwin.bus.forward import Forwarder
from taktwin.clock import SystemClock
from taktwin.contracts import samples, topics
from taktwin.instants import SECOND_NS
from taktwin.plant import open_plant

TICK_S = 0.02


async def main(path: str, rate: float, seconds: float) -> None:
    """Publish for a while, wait until everything is acknowledged, print what was sent."""
    installation = settings.read(path)
    registry = open_plant(installation.plant_dir)
    clock = SystemClock()
    bus = await connect(installation.nats_url, clock=clock, user="gateway", password=settings.bus_password())
    forwarder = Forwarder(
        bus, DiskBuffer(Path(installation.data_dir) / "bench-buffer", bytes_max=10**9), clock
    )
    sending = asyncio.create_task(forwarder.run())
    epoch_ns = clock.now_ns()
    units = [(e.id, topics.sample(e.place), list(e.signals)) for e in registry.work_units]
    begun = clock.monotonic_ns()
    scans, behind_s = 0, 0.0
    zeros = [0] * PER_UNIT
    while (elapsed_s := (clock.monotonic_ns() - begun) / SECOND_NS) < seconds:
        due = int(min(elapsed_s + TICK_S, seconds) * rate / PER_UNIT)
        while scans < due:
            unit, subject, signals = units[scans % len(units)]
            n = scans // len(units) + 1
            now_ns = clock.now_ns()
            values = [n + 0.25 + position for position in range(PER_UNIT)]
            scan = samples.Scan(
                registry.prefix, "plc", epoch_ns, n, now_ns, signals, zeros, values, None, now_ns
            )
            headers = {topics.H_INGEST_NS: str(now_ns), topics.H_RECEIVED_MONO: str(clock.monotonic_ns())}
            key = f"plc:{unit}:{epoch_ns}:{n}"
            forwarder.offer(Record(subject, key, headers, samples.encode(scan), PER_UNIT))
            scans += 1
        left_s = begun / SECOND_NS + due * PER_UNIT / rate - clock.monotonic_ns() / SECOND_NS
        behind_s = max(behind_s, -left_s)
        await clock.wall_sleep(max(left_s, 0.0))
    took_s = (clock.monotonic_ns() - begun) / SECOND_NS
    while forwarder.acknowledged < scans:
        await clock.wall_sleep(0.05)
    sending.cancel()
    await forwarder.close()
    await bus.close()
    print(json.dumps({"values": scans * PER_UNIT, "scans": scans, "took_s": took_s, "behind_s": behind_s}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
