"""The twin's ceiling: receive, decode and apply, against a bare loop that only receives and decodes.

Both hear the same messages of one broker: 20 MessagePack values each, every value changing, headers
as the gateway sets them. Time is the CPU time of this process alone, so that the publisher and the
broker, which share the machine, do not count. `run` returns the rows of the table.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats

from taktwin.bus.client import NatsBus
from taktwin.bus.port import Message
from taktwin.clock import SystemClock
from taktwin.contracts import samples, topics
from taktwin.identity import EquipmentId
from taktwin.plant.registry import Registry
from taktwin.processes.backbone import Backbone
from taktwin.settings import Installation
from taktwin.twin.engine import TwinEngine
from taktwin.twin.service import TwinService

ROOT = Path(__file__).resolve().parent.parent
VALUES = 20
MESSAGES = 20_000
ROUNDS = 3
BAR_CEILING = 0.25
BAR_CORES = 1.0


def messages(plant: Registry) -> list[tuple[str, bytes]]:
    """Return subjects and payloads of scans in which every value is new."""
    from tests.support_registry import Speaker

    chance = random.Random(1)
    units = {"turn1": "line1", "wash1": "line1", "grind1": "line4"}
    speakers = {unit: Speaker(plant, name) for unit, name in units.items()}
    subjects = {unit: topics.sample(plant.equipment[EquipmentId(unit)].place) for unit in units}
    start = time.time_ns()
    made = []
    for k in range(MESSAGES):
        unit = list(units)[k % 3]
        values = {f"process/v{(k // 3 * VALUES + j) % 200:03d}": chance.random() for j in range(VALUES)}
        scan = speakers[unit].scan(unit, start + k * 200_000, values)
        made.append((subjects[unit], samples.encode(scan)))
    return made


def row(name: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """Return one row of the table."""
    return {
        "area": "spine", "name": name, "value": round(value, 3), "unit": unit, "peer": "", "peer_value": None,
        "ratio": None, "bar": None, "met": None, **more,
    }  # fmt: skip


async def _publish(url: str, user: str, password: str, made: list[tuple[str, bytes]]) -> None:
    connection = await nats.connect(url, user=user, password=password)
    now = str(time.time_ns())
    headers = {topics.H_INGEST_NS: now, topics.H_RECEIVED_MONO: "1000", topics.H_PUBLISHED_MONO: "2000"}
    for place, (subject, payload) in enumerate(made):
        await connection.publish(subject, payload, headers=headers)
        if place % 500 == 499:
            await connection.flush()
    await connection.flush()
    await connection.close()


async def _cpu_us(send: Callable[[], Any], heard: Callable[[], int]) -> float:
    """Return the CPU time of this process per message, while another process publishes."""
    before_messages, before = heard(), time.process_time()
    sender = await send()
    deadline = time.monotonic() + 60
    while heard() - before_messages < MESSAGES and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    used = time.process_time() - before
    await sender.wait()
    assert heard() - before_messages == MESSAGES, f"only {heard() - before_messages} of {MESSAGES} came"
    return used / MESSAGES * 1e6


async def _measure(folder: Path) -> dict[str, float]:
    from tests.support_registry import registry

    plant = registry(extra={"turn1": 200, "wash1": 200, "grind1": 200})
    clock = SystemClock()
    backbone = Backbone(Installation(data_dir=str(folder), plant_dir=""), clock=clock)
    await backbone.start()
    url, password = backbone.urls.nats, backbone.passwords

    async def send() -> Any:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.twin", "--publish", url, password["gateway"], cwd=ROOT
        )

    try:
        count = 0

        async def bare_handler(message: Any) -> None:
            nonlocal count
            samples.decode(message.data)
            count += 1

        bare = await nats.connect(url, user="twin", password=password["twin"])
        await bare.subscribe(topics.SAMPLES, cb=bare_handler)
        await bare.flush()
        bare_us = min([await _cpu_us(send, lambda: count) for _ in range(ROUNDS)])
        await bare.close()

        bus = NatsBus(clock=clock, url=url, user="twin", password=password["twin"])
        await bus.connect()
        twin_us = []
        for _ in range(ROUNDS):
            service = TwinService(
                bus=bus, registry=plant, clock=clock, folder=folder / "none", memory_mb=lambda: 0.0, pid=0
            )

            def hear(message: Message, service: TwinService = service) -> None:
                service.hear_sample(message)

            subscription = await bus.subscribe(topics.SAMPLES, hear)
            await bus.flush()
            twin_us.append(await _cpu_us(send, lambda s=service: s.engine.counters.scans))  # type: ignore[misc]
            await subscription.close()
            assert service.engine.counters.samples == MESSAGES * VALUES
        await bus.close()
    finally:
        await backbone.stop()

    made = [(plant_unit(plant, subject), payload) for subject, payload in messages(plant)]
    return {"bare_us": bare_us, "twin_us": min(twin_us), "apply_us": _apply_us(plant, made)}


def plant_unit(plant: Registry, subject: str) -> str:
    """Return the unit of a subject."""
    return next(str(e.id) for e in plant.equipment.values() if topics.sample(e.place) == subject)


def _apply_us(plant: Registry, made: list[tuple[str, bytes]]) -> float:
    decoded = [(unit, samples.decode(payload)) for unit, payload in made]
    best = float("inf")
    for _ in range(ROUNDS):
        engine = TwinEngine(plant)
        before = time.process_time()
        for unit, scan in decoded:
            engine.apply_scan(unit, scan, 1, 2, 3, 4)
        best = min(best, time.process_time() - before)
    return best / len(made) * 1e6


def run() -> list[dict[str, Any]]:
    """Return the rows of the twin."""
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(_measure(Path(folder)))
    bare, twin = measured["bare_us"], measured["twin_us"]
    ratio = bare / twin
    cores = 100_000 / VALUES * twin / 1e6
    return [
        row(
            "twin: values a second and core, received, decoded, applied",
            VALUES / twin * 1e6, "1/s", peer="nats-py receive and msgspec decode of the same messages",
            peer_value=round(VALUES / bare * 1e6, 3), ratio=round(ratio, 3), bar=f">= {BAR_CEILING}",
            met=ratio >= BAR_CEILING,
        ),
        row(
            "twin: cores at 100,000 values a second", cores, "cores", peer="one core", peer_value=1.0,
            ratio=round(cores, 3), bar=f"<= {BAR_CORES}", met=cores <= BAR_CORES,
        ),
        row("twin: apply alone, a message of 20 values", measured["apply_us"], "us"),
    ]  # fmt: skip


if __name__ == "__main__":
    if "--publish" in sys.argv:
        from tests.support_registry import registry as _registry

        _plant = _registry(extra={"turn1": 200, "wash1": 200, "grind1": 200})
        asyncio.run(_publish(sys.argv[2], "gateway", sys.argv[3], messages(_plant)))
    else:
        for line in run():
            print(line)
