"""The process as a whole: the demo plant on free ports, with the real backbone and its rights."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from asyncua import Client, ua

from taktwin import settings
from taktwin.bus.client import NatsBus
from taktwin.bus.port import Message
from taktwin.clock import ScaledClock, SystemClock
from taktwin.contracts import topics
from taktwin.contracts.state import Health
from taktwin.errors import ConfigError
from taktwin.faces.opcua import NAMESPACE
from taktwin.processes import virtual_plant
from taktwin.settings import Installation
from taktwin.virtual_plant.injections import Injection, InjectionAnswer, Injections
from taktwin.virtual_plant.truth import TruthInterval, TruthOutage, TruthStop, read
from tests.protocol.faces.support import until
from tests.support_bus import TestBackbone, backbone  # noqa: F401

FOLDER = Path(__file__).parents[3] / "examples" / "plants" / "northfield"
EPOCH_NS = 1_781_532_000_000_000_000  # Monday 2026-06-15 16:00 local: in the late shift
CONNECTIONS = {
    "line1": "opc.tcp://", "line2": "opc.tcp://", "line3": "opc.tcp://", "line4": "opc.tcp://",
    "line5": "opc.tcp://", "furnace": "tcp://", "utilities": "tcp://", "turn1-shdr": "tcp://",
}  # fmt: skip


def free_endpoints() -> dict[str, str]:
    found = {}
    for name, scheme in CONNECTIONS.items():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found[name] = f"{scheme}127.0.0.1:{probe.getsockname()[1]}"
    return found


@dataclass
class Playing:
    installation: Installation
    bus: NatsBus
    task: asyncio.Task[None]
    stop: asyncio.Event

    async def ask(self, name: str, payload: bytes = b"") -> bytes:
        return await self.bus.request(
            topics.query("aurora", "northfield", "virtual_plant", name), payload, timeout_s=20
        )

    async def inject(self, injection: Injection) -> InjectionAnswer:
        answer = await self.ask("inject", msgspec.msgpack.encode(injection))
        return msgspec.msgpack.decode(answer, type=InjectionAnswer)


@pytest.fixture
async def playing(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Playing]:
    wall_ns = SystemClock().now_ns()
    installation = Installation(
        data_dir=str(tmp_path / "data"), plant_dir=str(FOLDER), demo=True, seed=3, speed=1.0,
        epoch_ns=EPOCH_NS, wall_epoch_ns=wall_ns, nats_url=backbone.urls.nats,
        mqtt_host=backbone.urls.mqtt_host, mqtt_port=backbone.urls.mqtt_port, endpoints=free_endpoints(),
    )  # fmt: skip
    monkeypatch.setenv(settings.PASSWORD_VARIABLE, backbone.passwords["virtual_plant"])
    clock = ScaledClock(epoch_ns=EPOCH_NS, wall_epoch_ns=wall_ns, speed=1.0)
    stop = asyncio.Event()
    bus = await backbone.connect("portal")
    healths: list[Health] = []

    def heard(message: Message) -> None:
        healths.append(msgspec.msgpack.decode(message.payload, type=Health))

    await bus.subscribe(topics.HEALTH, heard)
    task = asyncio.create_task(virtual_plant.main(installation, clock, stop))
    # On a busy machine it first has to catch up with the clock, and says so: degraded.
    await until(lambda: (healths and healths[-1].state == "running") or task.done(), 60)
    if task.done():
        await task
    assert healths[-1].component == "virtual_plant"
    yield Playing(installation, bus, task, stop)
    stop.set()
    async with asyncio.timeout(20):
        await task


async def test_the_demo_plant_plays_is_disturbed_over_the_bus_and_ends_cleanly(playing: Playing) -> None:
    # A full garbage collection over the address spaces took 0.3 s, in which no server answered.
    assert gc.get_freeze_count() > 500_000
    listed = msgspec.msgpack.decode(await playing.ask("injections"), type=Injections)
    assert {"break_machine", "heat_zone", "cut_server", "freeze_session"} <= {k.kind for k in listed.kinds}
    assert "turn1" in next(k for k in listed.kinds if k.kind == "break_machine").targets
    refused = await playing.inject(Injection(kind="break_machine", target="nobody"))
    assert not refused.accepted and "expected a unit" in refused.reason
    assert not msgspec.msgpack.decode(await playing.ask("inject", b"\xc1"), type=InjectionAnswer).accepted

    endpoint = playing.installation.endpoints["line1"]
    client = Client(endpoint, timeout=3)
    async with client:
        index = await client.get_namespace_index(NAMESPACE)
        states = client.get_node(ua.NodeId("wash1.state", index))
        broken = await playing.inject(Injection(kind="break_machine", target="wash1", duration_s=600))
        assert broken.accepted
        async with asyncio.timeout(10):
            while (value := await states.read_data_value()).Value.Value != 9:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        stamp_ns = round(value.SourceTimestamp.timestamp() * 1000) * 1_000_000
        assert abs(stamp_ns - broken.from_ns) < 1_000_000
        cut = await playing.inject(Injection(kind="cut_server", target="line1", duration_s=2))
        assert cut.accepted
        with pytest.raises((ConnectionError, TimeoutError, ua.UaError)):
            await states.read_value()
        with contextlib.suppress(ConnectionError, TimeoutError, ua.UaError):
            await client.disconnect()
    host, _, port = endpoint.removeprefix("opc.tcp://").partition(":")
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.1)
    playing.stop.set()
    async with asyncio.timeout(20):
        await playing.task
    facts = read(playing.installation.room("virtual_plant") / "truth.jsonl")
    assert any(isinstance(f, TruthOutage) and f.injection == "cut_server" for f in facts)
    assert any(isinstance(f, TruthInterval) and f.unit == "wash1" and f.activity == "broken" for f in facts)
    assert not any(
        isinstance(f, TruthStop) and f.cause == "Emergency stop pressed" for f in facts
    )  # not over yet


async def test_a_plant_without_physics_or_recording_says_what_would_be_right(tmp_path: Path) -> None:
    nist = FOLDER.parent / "nist-testbed"
    for name in ("plant.yaml", "classes/turning_center.yaml"):
        target = tmp_path / "plant" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (nist / name).read_text()
        target.write_text(text.replace("  recording: mazak03_day_2017-05-01.shdr.gz\n", ""))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    installation = Installation(
        data_dir=str(tmp_path / "data"),
        plant_dir=str(tmp_path / "plant"),
        demo=True,
        endpoints={"mazak": endpoint},
    )
    with pytest.raises(ConfigError, match="physics, or recording"):
        await virtual_plant.main(installation, SystemClock(), asyncio.Event())
