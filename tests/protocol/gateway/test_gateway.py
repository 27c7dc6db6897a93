"""The gateway over the real backbone: MQTT, SHDR, Modbus, mirror, quarantine, and the broker away."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import signal as signals
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest_asyncio

from taktwin import settings as installations
from taktwin.bus.memory import MemoryHub
from taktwin.clock import ScaledClock, SystemClock
from taktwin.contracts import events, quarantine, samples, state, topics
from taktwin.gateway.mirror import Mirror
from taktwin.gateway.service import GatewaySettings, encode_path
from taktwin.instants import rfc3339
from taktwin.plant.registry import Signal
from taktwin.processes.gateway import next_epoch_ns
from tests.contract.rigs.modbus_tcp import Rig as ModbusRig
from tests.contract.rigs.shdr import Rig as ShdrRig
from tests.support_bus import TestBackbone, backbone  # noqa: F401
from tests.support_gateway import ENTERPRISE, SITE, RunningGateway, registry, signal, until

CLOCK = SystemClock()
RAW = f"uns/v1/{ENTERPRISE}/{SITE}/area/line/mill1/_raw/sensors"
NIST = Path(__file__).parents[3] / "examples" / "plants" / "nist-testbed" / "mazak03_day_2017-05-01.shdr.gz"


class Sensor:
    """A third party's MQTT client."""

    def __init__(self, backbone: TestBackbone, user: str = "devices") -> None:  # noqa: F811
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self.client.username_pw_set(user, backbone.passwords[user])
        self.heard: dict[str, list[bytes]] = {}
        self.retained: list[str] = []
        self._urls = backbone.urls

    async def start(self, *filters: str) -> Sensor:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def on_message(_: object, __: object, message: paho.MQTTMessage) -> None:
            self.heard.setdefault(message.topic, []).append(bytes(message.payload))
            if message.retain:
                self.retained.append(message.topic)

        self.client.on_message = on_message
        self.client.on_connect = lambda c, *_: (
            c.subscribe([(f, 0) for f in filters]) if filters else loop.call_soon_threadsafe(ready.set)
        )
        self.client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready.set)
        self.client.connect(self._urls.mqtt_host, self._urls.mqtt_port)
        self.client.loop_start()
        await ready.wait()
        return self

    def say(self, topic: str, payload: bytes | str) -> None:
        self.client.publish(topic, payload, qos=1)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest_asyncio.fixture
async def sensor(backbone: TestBackbone) -> AsyncIterator[Sensor]:  # noqa: F811
    made = await Sensor(backbone).start()
    yield made
    made.stop()


def mqtt_settings(backbone: TestBackbone) -> GatewaySettings:  # noqa: F811
    return GatewaySettings(
        mqtt_endpoint=f"mqtt://127.0.0.1:{backbone.urls.mqtt_port}",
        mqtt_user="gateway",
        mqtt_password=backbone.passwords["gateway"],
        own_mqtt=True,
    )


def topic_signal(index: int, name: str, type: str = "float64", **more: Any) -> Signal:
    return signal(index, path=name, type=type, address=f"{RAW}/{name}", **more)


async def test_payloads_of_third_parties_become_samples_or_go_to_quarantine(
    backbone: TestBackbone,  # noqa: F811
    sensor: Sensor,
    tmp_path: Path,
) -> None:
    names = [
        topic_signal(0, "t", minimum=-50, maximum=100),
        topic_signal(1, "deep", options={"decoder": "json-path", "path": "a.1.b", "time_path": "at"}),
        topic_signal(2, "be", options={"decoder": "float64-be"}),
        topic_signal(3, "spectrum", "array", options={"decoder": "spectrum-4"}),
        topic_signal(4, "blob", "bytes", options={"decoder": "bytes"}),
        topic_signal(5, "n", "uint64"),
        topic_signal(6, "text", "string"),
        topic_signal(7, "yes", "bool"),
    ]
    plant = registry(names, {"plc": ("mqtt", {"endpoint": ""})})
    bus, reader = await backbone.connect("gateway"), await backbone.connect("historian")
    now_ms = CLOCK.now_ns() // 1_000_000
    good: list[tuple[str, bytes | str, Any]] = [
        ("t", json.dumps({"timestamp_ms": now_ms, "value": 21.5, "seq": 4}), 21.5),
        ("deep", json.dumps({"a": [0, {"b": 2.25}], "at": rfc3339(CLOCK.now_ns())}), 2.25),
        ("be", struct.pack(">d", 0.1), 0.1),
        ("spectrum", struct.pack("<4f", 1, 2, 3, 0.5), [1.0, 2.0, 3.0, 0.5]),
        ("blob", bytes(range(256)), bytes(range(256))),
        ("n", json.dumps({"timestamp_ms": now_ms, "value": 2**64 - 1}), 2**64 - 1),
        ("text", json.dumps({"timestamp_ms": now_ms, "value": "00123"}), "00123"),
        ("yes", json.dumps({"timestamp_ms": now_ms, "value": True}), True),
    ]
    bad: list[tuple[str, bytes | str, str]] = [
        ("t", '{"timestamp_ms": 1, "value": ', "malformed"),
        ("t", b"\xff\xfe", "malformed"),
        ("t", '{"timestamp_ms": 1, "value": NaN}', "malformed"),
        ("t", json.dumps({"timestamp_ms": now_ms, "value": 1.0, "extra": 1}), "schema"),
        ("t", json.dumps({"value": 1.0}), "schema"),
        ("t", json.dumps({"timestamp_ms": "soon", "value": 1.0}), "schema"),
        ("t", json.dumps({"timestamp_ms": now_ms, "value": 1.0, "q": "Super"}), "schema"),
        ("t", json.dumps({"timestamp_ms": now_ms, "value": "21.5"}), "wrong_type"),
        ("t", json.dumps({"timestamp_ms": now_ms, "value": True}), "wrong_type"),
        ("t", json.dumps({"timestamp_ms": now_ms, "value": 101}), "out_of_range"),
        ("t", json.dumps({"timestamp_ms": now_ms, "value": 1, "unit": "Cel"}), "wrong_unit"),
        ("be", b"1234567", "malformed"),
        ("spectrum", bytes(15), "malformed"),
        ("deep", json.dumps({"a": []}), "schema"),
        ("yes", json.dumps({"timestamp_ms": now_ms, "value": 1}), "wrong_type"),
        ("n", json.dumps({"timestamp_ms": now_ms, "value": 2**64}), "out_of_range"),
        ("n", json.dumps({"timestamp_ms": now_ms, "value": 5.0}), "wrong_type"),
        ("blob", bytes(1024 * 1024 + 1), "too_large"),
    ]
    async with RunningGateway(plant, bus, tmp_path, settings=mqtt_settings(backbone)) as running:
        await until(lambda: running.state() == "running")
        for name, payload, _ in good:
            sensor.say(f"{RAW}/{name}", payload)
        for name, payload, _ in bad:
            sensor.say(f"{RAW}/{name}", payload)
        await until(lambda: running.counts() == (26, 8, 18, 0, 0), why="everything counted")
        assert running.state() == "degraded"
        sensor.say(f"{RAW}/t", json.dumps({"timestamp_ms": now_ms, "value": 22.5}))
        await until(lambda: running.counts()[1] == 9)
        await until(lambda: running.forwarder.acknowledged >= 29)
    found: dict[int, list[Any]] = {}
    async for batch in reader.read_stream(topics.STREAM_SAMPLES, follow=False):
        for message in batch:
            scan = samples.decode(message.payload)
            assert scan.as_of_ns is None  # nobody vouches for a sensor that just publishes
            for index, value in zip(scan.signals, scan.values, strict=True):
                found.setdefault(index, []).append(value)
    for index, (_, _, value) in enumerate(good):
        assert found[index][0] == value
        assert type(found[index][0]) is type(value)
    refused = []
    async for batch in reader.read_stream(topics.STREAM_REJECTED, follow=False):
        for message in batch:
            rejection = quarantine.decode(message.payload)
            assert message.subject.endswith(f"._dlq_v1.{rejection.reason}")
            refused.append((rejection.origin.rpartition("/")[2], rejection.reason, rejection.original_size))
    assert refused == [(name, reason, len(payload)) for name, payload, reason in bad]


async def test_what_is_not_mapped_is_counted_and_asked_about_once(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    rig = ShdrRig(tmp_path)
    await rig.start()
    plant = registry([signal(0, address="v0")], {"plc": ("shdr", {"endpoint": rig.endpoint})})
    bus, portal = await backbone.connect("gateway"), await backbone.connect("portal")
    heard: list[tuple[str, dict[str, Any]]] = []
    await portal.subscribe(topics.RAW, lambda m: heard.append((m.subject, msgspec.json.decode(m.payload))))
    async with RunningGateway(plant, bus, tmp_path) as running:
        # Through the proxy we are connected before the adapter has us: it would say only what stands.
        await until(lambda: running.state() == "running" and rig.readers)
        for number in range(5):
            await rig.say("v0", float(number))
            await rig.say("new key.1", float(number))
        await until(lambda: running.counts()[0] == 10)
        assert running.counts() == (10, 5, 0, 0, 5)
        await until(lambda: heard)
    assert len(heard) == 1
    subject, document = heard[0]
    assert subject == f"uns.v1.{ENTERPRISE}.{SITE}.-.-.-._raw.plc.{encode_path('new key.1')}"
    assert document["address"] == "new key.1"
    assert document["value"] == "0.0"
    await rig.stop()


async def test_the_mirror_is_retained_json_and_says_only_what_changed(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    rig = ShdrRig(tmp_path)
    await rig.start()
    warm = signal(0, path="spindle/temperature", address="v0", unit="mill1")
    plant = registry([warm, signal(1, address="v1")], {"plc": ("shdr", {"endpoint": rig.endpoint})})
    mirror = Mirror(
        host=backbone.urls.mqtt_host, port=backbone.urls.mqtt_port, user="mirror",
        password=backbone.passwords["mirror"], clock=CLOCK,
    )  # fmt: skip
    mirror.start()
    topic = f"uns/v1/{ENTERPRISE}/{SITE}/area/line/mill1/_mill_v1/spindle/temperature"
    live = await Sensor(backbone, "viewer").start("uns/v1/#")
    bus = await backbone.connect("gateway")
    async with RunningGateway(plant, bus, tmp_path, mirror=mirror) as running:
        await until(lambda: running.state() == "running" and mirror._client.is_connected())
        for number in range(50):
            await rig.say("v0", float(number))
        await until(lambda: json.loads(live.heard.get(topic, [b'{"value": -1}'])[-1])["value"] == 49.0)
        assert len(live.heard[topic]) <= 3
        await until(lambda: mirror._changed == {})
    late = await Sensor(backbone, "viewer").start(topic)
    await until(lambda: late.retained)
    document = json.loads(late.heard[topic][0])
    assert document.keys() == {"timestamp_ms", "value", "q"}
    assert (document["value"], document["q"]) == (49.0, "Good")
    assert not [t for t in live.heard if t.endswith("/s1")]
    for each in (live, late):
        each.stop()
    mirror.stop()
    await rig.stop()
    assert not backbone.server.violations


async def test_while_the_broker_is_away_nothing_is_lost_and_nothing_doubled(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    rig = ShdrRig(tmp_path)
    await rig.start()
    plant = registry(
        [signal(n, address=f"v{n}") for n in range(3)], {"plc": ("shdr", {"endpoint": rig.endpoint})}
    )
    bus = await backbone.connect("gateway")
    async with RunningGateway(plant, bus, tmp_path) as running:
        await until(lambda: running.state() == "running" and rig.readers)
        for outage in range(3):
            for number in range(100):
                await rig.say(f"v{number % 3}", outage * 1000.0 + number)
            await until(lambda o=outage: running.counts()[0] >= o * 300 + 100)
            await (backbone.server.kill() if outage % 2 else backbone.server.stop())
            for number in range(100, 300):
                await rig.say(f"v{number % 3}", outage * 1000.0 + number)
            await until(lambda o=outage: running.counts()[0] == (o + 1) * 300)
            await until(lambda: running.forwarder.buffer.messages > 0)
            assert running.state() == "running"  # the machines are not away
            await backbone.server.start()
            await until(lambda: bus.connected and running.forwarder.buffer.messages == 0)
        await until(lambda: running.forwarder.waiting["plc"] == 0)
        assert running.counts() == (900, 900, 0, 0, 0)
    reader = await backbone.connect("historian")
    scans = []
    async for batch in reader.read_stream(topics.STREAM_SAMPLES, follow=False):
        scans += [samples.decode(message.payload) for message in batch]
    assert sorted(scan.sequence for scan in scans) == list(range(1, len(scans) + 1))
    by_key = sorted(scans, key=lambda scan: scan.sequence)
    for index in range(3):
        values = [v for scan in by_key for i, v in zip(scan.signals, scan.values, strict=True) if i == index]
        assert values == [o * 1000.0 + n for o in range(3) for n in range(300) if n % 3 == index]
    await rig.stop()


async def test_events_tell_when_a_source_was_last_known_alive(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    rig = ShdrRig(tmp_path)
    await rig.start()
    assert rig.proxy is not None
    plant = registry([signal(0, address="v0")], {"plc": ("shdr", {"endpoint": rig.endpoint, "ping_s": 0.2})})
    bus, reader = await backbone.connect("gateway"), await backbone.connect("historian")
    async with RunningGateway(plant, bus, tmp_path) as running:
        await until(lambda: running.state() == "running")
        rig.proxy.freeze()
        frozen_ns = CLOCK.now_ns()
        await until(lambda: running.state() == "lost", within_s=4)
        noticed_ns = CLOCK.now_ns()
        await rig.proxy.cut()
        await rig.proxy.restore()
        await until(lambda: running.state() == "running")
    told = []
    async for batch in reader.read_stream(topics.STREAM_EVENTS, follow=False):
        for message in batch:
            event = events.decode(message.payload)
            content = events.content_of(event)
            assert isinstance(content, events.ConnectorStateChanged)
            assert message.headers["ce-id"] == event.id
            assert event.source == f"/{ENTERPRISE}/{SITE}/gateway/plc"
            told.append((content.state, event.time_ns, event.sequence, content.work_units))
    assert [s for s, *_ in told] == ["connecting", "running", "lost", "running", "stopped"]
    assert [sequence for _, _, sequence, _ in told] == sorted(sequence for _, _, sequence, _ in told)
    lost_ns = told[2][1]
    assert frozen_ns - 1_000_000_000 < lost_ns < frozen_ns + 200_000_000
    assert noticed_ns - frozen_ns < 3_500_000_000
    assert told[2][3] == ["mill1"]
    await rig.stop()


async def test_a_fault_in_one_connector_never_hurts_another(tmp_path: Path, monkeypatch: Any) -> None:
    rig = ShdrRig(tmp_path)
    await rig.start()
    plant = registry(
        [signal(0, address="v0"), signal(1, unit="mill2", address="hr:1:int16", connection="broken")],
        {
            "plc": ("shdr", {"endpoint": rig.endpoint}),
            "broken": ("modbus-tcp", {"endpoint": "tcp://127.0.0.1:9"}),
        },
    )
    hub = MemoryHub(CLOCK)
    from taktwin.gateway.connectors.modbus_tcp import ModbusTcp

    async def fault(_: ModbusTcp) -> None:
        raise RuntimeError("our mistake")

    monkeypatch.setattr(ModbusTcp, "connect", fault)
    async with RunningGateway(plant, hub.connect(), tmp_path) as running:
        await until(lambda: running.state("broken") == "lost" and running.state() == "running")
        await rig.say("v0", 1.5)
        await until(lambda: running.counts() == (1, 1, 0, 0, 0))
        assert "our mistake" in running.gateway.running["broken"].lifecycle.reason
    await rig.stop()


async def test_neighbouring_registers_are_read_together_and_never_across_a_gap(tmp_path: Path) -> None:
    rig = ModbusRig(tmp_path)
    await rig.start()
    signals = [signal(n, address=wanted.address) for n, wanted in enumerate(rig.wanted)]
    plant = registry(signals, {"plc": ("modbus-tcp", {"endpoint": rig.endpoint, "poll_s": 0.1})})
    hub = MemoryHub(CLOCK)
    async with RunningGateway(plant, hub.connect(), tmp_path) as running:
        await until(lambda: running.counts()[0] >= 30)
        received, published, _, deadband, _ = running.counts()
        assert published == 3  # unchanged since: polled and the same is nothing new
        assert deadband == received - 3
        assert abs(rig.requests / 2 - received / 3) <= 2  # 100-107 in one request, 300-303 in another
    await rig.stop()


async def test_at_sixty_times_the_speed_a_quiet_unit_is_confirmed_four_times_a_wall_second(
    tmp_path: Path,
) -> None:
    rig = ShdrRig(tmp_path)
    await rig.start()
    clock = ScaledClock(epoch_ns=10**18, wall_epoch_ns=CLOCK.now_ns(), speed=60.0)
    plant = registry([signal(0, address="v0")], {"plc": ("shdr", {"endpoint": rig.endpoint})})
    hub = MemoryHub(CLOCK)
    stream = hub.streams[topics.STREAM_SAMPLES]
    async with RunningGateway(plant, hub.connect(), tmp_path, clock=clock) as running:
        await until(lambda: running.state() == "running")
        await until(lambda: len(stream.messages) >= 8)
    as_of = [samples.decode(m.payload).as_of_ns for m in stream.messages]
    gaps = [(b or 0) - (a or 0) for a, b in itertools.pairwise(as_of)]
    assert all(0 < gap < 60 * 600_000_000 for gap in gaps)
    assert sum(gap < 60 * 400_000_000 for gap in gaps) >= len(gaps) - 2
    await rig.stop()


async def test_every_observation_of_the_nist_day_is_counted(tmp_path: Path) -> None:
    lines = gzip.decompress(NIST.read_bytes()).splitlines(keepends=True)
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(lines), 997):
            writer.write(b"".join(lines[start : start + 997]))
            await writer.drain()
        served.set()
        while line := await reader.readline():
            if line.startswith(b"* PING"):
                writer.write(b"* PONG 10000\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    keys = sorted({line.split(b"|")[1].decode() for line in lines})
    known = [key for key in keys if key != "line"]
    plant = registry(
        [signal(n, type="string", address=key) for n, key in enumerate(known)],
        {"plc": ("shdr", {"endpoint": f"tcp://127.0.0.1:{port}", "clock_skew": "uncertain"})},
    )
    hub = MemoryHub(CLOCK)
    async with RunningGateway(plant, hub.connect(), tmp_path) as running:
        await until(lambda: running.counts()[0] >= len(lines), within_s=60)
        received, published, quarantined, deadband, unmapped = running.counts()
    assert (received, quarantined, deadband) == (96_336, 0, 0)
    assert unmapped == sum(line.split(b"|")[1] == b"line" for line in lines)
    assert published == received - unmapped
    expected: dict[str, list[str | None]] = {key: [] for key in known}
    for line in lines:
        _, key, rest = line.decode().rstrip("\n").split("|", 2)
        if key in expected:
            value = rest.rstrip("|")
            expected[key].append(None if value.casefold() == "unavailable" else value)
    got: dict[str, list[str | None]] = {key: [] for key in known}
    for message in hub.streams[topics.STREAM_SAMPLES].messages:
        scan = samples.decode(message.payload)
        for index, value in zip(scan.signals, scan.values, strict=True):
            got[known[index]].append(value)
    assert got == expected
    server.close()


def test_an_epoch_is_later_than_any_before_on_whatever_clock(tmp_path: Path) -> None:
    path = tmp_path / "epoch"
    first = next_epoch_ns(path, 1000)
    assert first == 1000
    assert next_epoch_ns(path, 500) > first
    assert next_epoch_ns(path, 10**18) == 10**18


async def test_the_process_runs_says_health_and_stops_in_time(
    backbone: TestBackbone,  # noqa: F811
    tmp_path: Path,
) -> None:
    installation = installations.Installation(
        data_dir=str(tmp_path / "data"),
        plant_dir=str(NIST.parent),
        nats_url=backbone.urls.nats,
        mqtt_port=backbone.urls.mqtt_port,
        endpoints={"mazak": "tcp://127.0.0.1:9"},
    )
    path = installations.write(installation)
    environment = {
        **os.environ,
        installations.PASSWORD_VARIABLE: backbone.passwords["gateway"],
        "TAKTWIN_MQTT_PASSWORD": backbone.passwords["mirror"],
    }
    supervisor = await backbone.connect("supervisor")
    heard: list[state.Health] = []
    await supervisor.subscribe(
        topics.HEALTH, lambda m: heard.append(msgspec.msgpack.decode(m.payload, type=state.Health))
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "taktwin.processes.gateway", str(path),
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await until(lambda: len(heard) >= 2, within_s=30)
        assert heard[-1].component == "gateway"
        assert heard[-1].pid == process.pid
        assert heard[-1].connectors[0].name == "mazak"
        assert heard[-1].memory_mb > 10
    finally:
        process.send_signal(signals.SIGTERM)
        async with asyncio.timeout(6):
            _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
