"""100,000 samples a second from the gateway's way out over the backbone into twin and historian.

Real processes, every value changing, 20 values a message, everything acknowledged by the stream. The
limit of each process is one core. Ten minutes; `TAKTWIN_BENCH_SECONDS` makes it shorter.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import _plant
from taktwin import settings
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import topics
from taktwin.contracts.state import Health
from taktwin.plant import open_plant
from taktwin.processes.backbone import Backbone
from taktwin.settings import Installation

RATE = 100_000
SECONDS = float(os.environ.get("TAKTWIN_BENCH_SECONDS", "600"))
SETTLE_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def run() -> list[dict[str, Any]]:
    """Return the rows of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[dict[str, Any]]:
    plant = _plant.write(folder / "plant")
    registry = open_plant(plant)
    installation = Installation(data_dir=str(folder / "data"), plant_dir=str(plant))
    backbone = Backbone(installation)
    await backbone.start()
    installation = msgspec.structs.replace(installation, nats_url=backbone.url)
    path = settings.write(installation)
    heard: dict[str, Health] = {}

    def hear(message: Message) -> None:
        health = msgspec.msgpack.decode(message.payload, type=Health)
        heard[health.component] = health

    bus = await backbone.connect("supervisor")
    await bus.subscribe(topics.HEALTH, hear)
    children = {}
    clock = SystemClock()
    try:
        for name in ("twin", "historian"):
            children[name] = await _child(f"taktwin.processes.{name}", backbone.passwords[name], str(path))
        async with clock.timeout(30):
            while set(heard) < {"twin", "historian"}:
                await clock.wall_sleep(0.1)
        pids = {"twin": children["twin"].pid, "historian": children["historian"].pid, "broker": backbone.pid}
        before = {name: cpu_s(pid) for name, pid in pids.items()}
        publisher = await _child(
            "benchmarks._publisher", backbone.passwords["gateway"], str(path), str(RATE), str(SECONDS)
        )
        started = time.monotonic()
        output, _ = await publisher.communicate()
        sent = json.loads(output)
        all_sent = time.monotonic()
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until and heard["historian"].counters.get("rows", 0) < sent["values"]:
            await clock.wall_sleep(0.2)
        lag_s = time.monotonic() - all_sent
        took_s = time.monotonic() - started
        await clock.wall_sleep(1.5)  # one more heartbeat of each
        used = {name: (cpu_s(pid) - before[name]) / took_s for name, pid in pids.items()}
        memory = {name: heard[name].memory_mb for name in ("twin", "historian")}
        applied, stored = heard["twin"].counters["samples"], heard["historian"].counters["rows"]
    finally:
        for child in children.values():
            child.terminate()
            await child.wait()
        await bus.close()
        await backbone.stop()
    assert registry.hash, "the plant was read"
    rate = sent["values"] / sent["took_s"]
    span, total = f"{SECONDS:g} s", sent["values"]
    rows = [
        _row(f"ingest: values a second for {span}", rate, "1/s", "asked", RATE, rate / RATE, ">= 0.99",
             rate >= 0.99 * RATE),
        *(
            _row(f"ingest: lost by the {name}", total - got, "values", "sent", total, None, "0", got == total)
            for name, got in (("twin", applied), ("historian", stored))
        ),
        _row("ingest: historian behind at the end", lag_s, "s", "", None, None, "<= 2 s", lag_s <= 2),
    ]  # fmt: skip
    for name in ("twin", "historian"):
        rows.append(
            _row(
                f"ingest: cores of the {name}",
                used[name],
                "cores",
                "one core",
                1,
                used[name],
                "<= 1",
                used[name] <= 1,
            )
        )
        rows.append(_row(f"ingest: memory of the {name}", memory[name], "MB", "", None, None, "", None))
    rows.append(_row("ingest: cores of the broker", used["broker"], "cores", "", None, None, "", None))
    return rows


def _row(
    name: str, value: float, unit: str, peer: str, peer_value: float | None, ratio: float | None, bar: str,
    met: bool | None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "area": "spine", "name": name, "value": round(value, 3), "unit": unit, "peer": peer,
        "peer_value": peer_value, "ratio": None if ratio is None else round(ratio, 3), "bar": bar, "met": met,
    }  # fmt: skip


async def _child(module: str, password: str, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *words, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, settings.PASSWORD_VARIABLE: password},
    )  # fmt: skip
