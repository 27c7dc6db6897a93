"""From a change in a machine's OPC UA server to the twin's state, at 1,000 changes a second.

Real server, real gateway process, real backbone. The values are the monotonic instants of their own
change, so the whole way is measured, not summed; what we add starts where the gateway had the bytes.
This process is the twin: it decodes and applies each message as the twin's service does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._opcua_server import PER_UNIT, UNITS, URI
from taktwin import settings
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import samples, topics
from taktwin.instants import SECOND_NS
from taktwin.plant import open_plant
from taktwin.processes.backbone import Backbone
from taktwin.processes.ports import free_port
from taktwin.settings import Installation
from taktwin.twin.engine import TwinEngine

RATE = 1_000
SECONDS = 20.0
WARM_UP_S = 5.0
BARS = {50: (35.0, 75.0), 10: (12.0, 40.0)}  # publishing interval: p50, p99 of the whole way, ms
ADDED = (5.0, 20.0)
clock = SystemClock()


def run() -> list[dict[str, Any]]:
    """Return the rows of this benchmark."""
    rows: list[dict[str, Any]] = []
    for interval_ms, bars in BARS.items():
        with tempfile.TemporaryDirectory() as folder:
            whole, added = asyncio.run(_measure(Path(folder), interval_ms))
        name = f"latency, {interval_ms} ms publishing: machine to twin's state"
        rows += _rows(name, whole, bars)
        rows += _rows(f"latency, {interval_ms} ms publishing: what we add", added, ADDED)
    return rows


def _rows(name: str, measured: list[float], bars: tuple[float, float]) -> list[dict[str, Any]]:
    ordered = sorted(measured)
    found = {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100]}
    return [
        {
            "area": "spine", "name": f"{name}, {which}", "value": round(found[which], 2), "unit": "ms",
            "peer": f"{len(ordered):,} changes", "peer_value": None, "ratio": round(found[which] / bar, 3),
            "bar": f"<= {bar:g} ms", "met": found[which] <= bar,
        }
        for which, bar in zip(("p50", "p99"), bars, strict=True)
    ]  # fmt: skip


def _plant(folder: Path, port: int, interval_ms: int) -> Path:
    folder.mkdir(parents=True)
    signals = "".join(f"      value_{n:02}: {{role: process, type: int64}}\n" for n in range(PER_UNIT))
    text = (
        "enterprise: bench\nsite: latency\nname: Plant for latency\ntime_zone: UTC\n"
        f"classes:\n  unit:\n    name: Unit\n    signals:\n{signals}"
        f"connections:\n  plc:\n    connector: opcua\n    endpoint: opc.tcp://127.0.0.1:{port}\n"
        f'    address: "nsu={URI};s={{equipment}}.{{path.dotted}}"\n'
        f"    settings: {{publishing_interval_ms: {interval_ms}}}\n"
        "equipment:\n  line1: {level: ProductionLine, name: Line 1}\n"
    )
    for unit in range(UNITS):
        role = f"class: unit, level: WorkUnit, name: Unit {unit}, parent: line1, connection: plc"
        text += f"  unit{unit:03}: {{{role}}}\n"
    (folder / "plant.yaml").write_text(text, encoding="utf-8")
    return folder


async def _measure(folder: Path, interval_ms: int) -> tuple[list[float], list[float]]:
    async with heard(folder, interval_ms) as changes:
        await clock.wall_sleep(WARM_UP_S)
        return await changes.over(SECONDS)


class Changes:
    """What reached the twin's state of late."""

    def __init__(self) -> None:
        self.whole: list[float] = []  # ms from the change in the machine
        self.added: list[float] = []  # ms from when the gateway had its bytes

    async def over(self, seconds: float) -> tuple[list[float], list[float]]:
        """Return what is heard from now on for so long."""
        self.whole, self.added = [], []
        began_ns = clock.monotonic_ns()
        await clock.wall_sleep(seconds)
        took_s = (clock.monotonic_ns() - began_ns) / SECOND_NS
        a_second = len(self.whole) / took_s
        assert a_second > RATE * 0.9, f"{a_second:.0f} changes a second arrived, {RATE} were made"
        return self.whole, self.added


@contextlib.asynccontextmanager
async def heard(folder: Path, interval_ms: int) -> AsyncIterator[Changes]:
    """Run machines, gateway and backbone, with this process as the twin."""
    port = free_port()
    plant = _plant(folder / "plant", port, interval_ms)
    registry = open_plant(plant)
    installation = Installation(data_dir=str(folder / "data"), plant_dir=str(plant))
    backbone = Backbone(installation)
    await backbone.start()
    installation = msgspec.structs.replace(installation, nats_url=backbone.url)
    path = settings.write(installation)
    engine = TwinEngine(registry, speed=1.0)
    units = {topics.sample(e.place): str(e.id) for e in registry.work_units}
    changes = Changes()

    def hear(message: Message) -> None:
        scan = samples.decode(message.payload)
        received = int(message.headers.get(topics.H_RECEIVED_MONO, 0))
        published = int(message.headers.get(topics.H_PUBLISHED_MONO, 0))
        ingest = int(message.headers.get(topics.H_INGEST_NS, 0))
        engine.apply_scan(units[message.subject], scan, ingest, received, published, clock.monotonic_ns())
        now = clock.monotonic_ns()
        if scan.values:
            changes.whole.extend((now - changed) / 1e6 for changed in scan.values if changed)
            changes.added.append((now - received) / 1e6)

    bus = await backbone.connect("twin")
    await bus.subscribe(topics.SAMPLES, hear)
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks._opcua_server", str(port), str(RATE),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    await server.stdout.readline()
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "taktwin.processes.gateway", str(path), stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, settings.PASSWORD_VARIABLE: backbone.passwords["gateway"]},
    )  # fmt: skip
    try:
        yield changes
    finally:
        gateway.terminate()
        await gateway.wait()
        server.terminate()
        await server.wait()
        await bus.close()
        await backbone.stop()
