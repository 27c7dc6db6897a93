"""OPC UA against real servers: what the checklist of other people's bugs asks for."""

from __future__ import annotations

import asyncio
import datetime
import logging
import math
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from asyncua import Server, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.server.monitored_item_service import MonitoredItemService
from cryptography.x509.oid import ExtendedKeyUsageOID

from taktwin.bus.memory import MemoryHub
from taktwin.clock import SystemClock
from taktwin.contracts import samples, topics
from taktwin.gateway.connector import Context, Wanted
from taktwin.gateway.connectors.opcua import OpcUa, OpcUaSettings, address_of, node_id_of
from taktwin.processes.ports import free_port
from taktwin.quality import Quality
from tests.support_gateway import RunningGateway, registry, signal, until
from tests.support_opcua import opcua_server

logging.getLogger("asyncua.server").setLevel(logging.ERROR)
CLOCK = SystemClock()
URI = "urn:test:machine"
DATE = "2026-01-02T03:04:05.678901+00:00"
TYPES: list[tuple[str, str, ua.VariantType, Any]] = [
    ("i16", "int16", ua.VariantType.Int16, -12),
    ("u64", "uint64", ua.VariantType.UInt64, 2**53 + 1),
    ("i64", "int64", ua.VariantType.Int64, -(2**63)),
    ("nan", "float64", ua.VariantType.Double, math.nan),
    ("inf", "float32", ua.VariantType.Float, -math.inf),
    ("text", "string", ua.VariantType.String, "00123"),
    ("exp", "string", ua.VariantType.String, "1e5"),
    ("yes", "bool", ua.VariantType.Boolean, True),
    ("empty", "array", ua.VariantType.Double, []),
    ("curve", "array", ua.VariantType.Double, [0.1, -2.5, 3.0]),
    ("bytes", "bytes", ua.VariantType.ByteString, b"\x00\xff"),
    ("date", "datetime", ua.VariantType.DateTime, datetime.datetime.fromisoformat(DATE)),
]  # fmt: skip


class Machine:
    """A server that can be stopped and started again at its port, with other namespaces before its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.nodes: dict[str, Any] = {}
        self._server: Server | None = None

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/m"

    async def start(
        self, count: int = 5, *, before: tuple[str, ...] = (), typed: bool = False, secure: Path | None = None
    ) -> None:
        server = self._server = opcua_server()
        await server.init()
        server.set_endpoint(self.endpoint)
        if secure is not None:
            await server.set_application_uri("urn:test:server")
            server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
            await server.load_certificate(str(secure / "server.der"))
            await server.load_private_key(str(secure / "server.pem"))
        for other in before:
            await server.register_namespace(other)
        index = await server.register_namespace(URI)
        for start in range(0, count, 100):
            folder = await server.nodes.objects.add_folder(index, f"f{start}")
            for n in range(start, min(start + 100, count)):
                self.nodes[f"v{n}"] = await folder.add_variable(ua.NodeId(f"v{n}", index), f"v{n}", float(n))
        if typed:
            folder = await server.nodes.objects.add_folder(index, "typed")
            for name, _, variant, value in TYPES:
                self.nodes[name] = await folder.add_variable(
                    ua.NodeId(name, index), name, ua.Variant(value, variant, is_array=isinstance(value, list))
                )
        await server.start()

    async def write(self, name: str, value: ua.DataValue | float) -> None:
        assert self._server is not None
        if isinstance(value, float):
            value = ua.DataValue(ua.Variant(value), SourceTimestamp=datetime.datetime.now(datetime.UTC))
        await self._server.write_attribute_value(self.nodes[name].nodeid, value)

    async def stand_still(self) -> None:
        """Let the server's clock stand while it goes on answering: a frozen session."""
        assert self._server is not None
        task = self._server.iserver.time_task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._server.iserver.time_task = asyncio.ensure_future(asyncio.sleep(0))  # what a stop waits for

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()


@pytest_asyncio.fixture
async def machine() -> AsyncIterator[Machine]:
    made = Machine()
    yield made
    await made.stop()


class Run:
    """A gateway with one OPC UA connection over the memory bus."""

    def __init__(
        self,
        machine: Machine,
        folder: Path,
        names: Mapping[str, str],
        *,
        units: int = 1,
        settings: Mapping[str, Any] | None = None,
        plant_folder: str = "",
        **of_signal: Any,
    ) -> None:
        signals = [
            signal(
                n, unit=f"mill{n % units}", type=kind, address=f"nsu={URI};s={name}", path=name, **of_signal
            )
            for n, (name, kind) in enumerate(names.items())
        ]
        self.plant = registry(
            signals,
            {
                "plc": (
                    "opcua",
                    {"endpoint": machine.endpoint, "publishing_interval_ms": 20.0, **(settings or {})},
                )
            },
        )
        object.__setattr__(self.plant, "folder", plant_folder)
        self.hub = MemoryHub(CLOCK)
        self.running = RunningGateway(self.plant, self.hub.connect(), folder)

    @property
    def scans(self) -> list[samples.Scan]:
        kept = self.hub.streams[topics.STREAM_SAMPLES].messages
        return [samples.decode(message.payload) for message in kept]

    def newest(self, name: str) -> tuple[Any, int, int]:
        index = self.plant.by_id[f"mill0/{name}"].index  # type: ignore[index]
        found: tuple[Any, int, int] = (None, -1, 0)
        for scan in self.scans:
            for at, i in enumerate(scan.signals):
                if i == index:
                    quality = 0 if scan.qualities is None else scan.qualities[at]
                    found = (scan.values[at], quality, scan.t0_ns + scan.dt_ns[at])
        return found


def floats(count: int) -> dict[str, str]:
    return {f"v{n}": "float64" for n in range(count)}


async def test_every_type_reaches_the_consumer_bit_for_bit(machine: Machine, tmp_path: Path) -> None:
    await machine.start(0, typed=True)
    run = Run(machine, tmp_path, {name: kind for name, kind, _, _ in TYPES}, allow_not_finite=True)
    async with run.running:
        for name, kind, _, value in TYPES:
            await until(lambda n=name: run.newest(n)[1] >= 0, why=name)
            got = run.newest(name)[0]
            if kind == "datetime":
                assert got == 1_767_323_045_678_901_000
            elif value != value:
                assert math.isnan(got)
            else:
                assert got == value
                assert type(got) is type(value)
    assert run.running.counts()[2] == 0


async def test_status_codes_become_qualities_and_bad_is_no_value(machine: Machine, tmp_path: Path) -> None:
    await machine.start(3)
    run = Run(machine, tmp_path, floats(3))
    async with run.running:
        await until(lambda: run.newest("v2")[0] == 2.0)
        for status, expected, value in (
            (ua.StatusCodes.BadSensorFailure, Quality.BAD, None),
            (ua.StatusCodes.BadWaitingForInitialData, Quality.GOOD_NO_DATA, None),
            (ua.StatusCodes.UncertainLastUsableValue, Quality.UNCERTAIN, 7.5),
            (ua.StatusCodes.Good, Quality.GOOD, 7.5),
        ):
            await machine.write("v1", ua.DataValue(ua.Variant(7.5), StatusCode=ua.StatusCode(status)))
            await until(lambda v=value, q=expected: run.newest("v1")[:2] == (v, q), why=str(expected))


async def test_one_bad_node_among_a_thousand_is_reported_and_the_others_flow(
    machine: Machine, tmp_path: Path
) -> None:
    await machine.start(999)
    names = {**floats(500), "nothing": "float64", **{f"v{n}": "float64" for n in range(500, 999)}}
    run = Run(machine, tmp_path, names, units=7)
    async with run.running as running:
        await until(lambda: running.counts()[1] == 999)
        assert running.state() == "degraded"
        (told,) = running.gateway.health().connectors[0].bad_addresses
        assert told.startswith(f"nsu={URI};s=nothing: BadNodeIdUnknown: the node id refers to a node that")


async def test_a_call_that_fails_as_a_whole_is_halved(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.start(40)
    original = MonitoredItemService.create_monitored_items
    calls: list[int] = []

    async def picky(self: Any, params: Any) -> Any:
        names = [str(item.ItemToMonitor.NodeId.Identifier) for item in params.ItemsToCreate]
        calls.append(len(names))
        if "v17" in names or len(names) > 16:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadTooManyOperations)
        return await original(self, params)

    monkeypatch.setattr(MonitoredItemService, "create_monitored_items", picky)
    run = Run(machine, tmp_path, floats(40))
    async with run.running as running:
        await until(lambda: running.counts()[1] == 39)
        (told,) = running.gateway.health().connectors[0].bad_addresses
        assert told.startswith(f"nsu={URI};s=v17: ")
    assert max(calls) == 40


async def test_calls_keep_to_the_servers_limit(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.start(50)
    original = MonitoredItemService.create_monitored_items
    calls: list[int] = []

    async def counting(self: Any, params: Any) -> Any:
        calls.append(len(params.ItemsToCreate))
        return await original(self, params)

    monkeypatch.setattr(MonitoredItemService, "create_monitored_items", counting)
    run = Run(machine, tmp_path, floats(50), settings={"items_per_call": 7})
    async with run.running as running:
        await until(lambda: running.counts()[1] == 50)
    assert calls == [1, 7, 7, 7, 7, 7, 7, 7, 1]


async def test_a_server_that_comes_back_with_another_namespace_order_is_read_again(
    machine: Machine, tmp_path: Path
) -> None:
    await machine.start(3)
    run = Run(machine, tmp_path, floats(3))
    async with run.running as running:
        await until(lambda: run.newest("v2")[0] == 2.0)
        await machine.stop()
        await until(lambda: running.state() == "lost", within_s=4)
        await machine.start(3, before=("urn:other:1", "urn:other:2"))
        await until(lambda: running.state() == "running")
        await machine.write("v2", 42.0)
        await until(lambda: run.newest("v2")[0] == 42.0)
    events = [m.payload for m in run.hub.streams[topics.STREAM_EVENTS].messages]
    states = [msgspec.json.decode(event)["data"]["state"] for event in events]
    assert states == ["connecting", "running", "lost", "running", "stopped"]


async def test_a_frozen_server_clock_is_a_loss_though_the_socket_answers(
    machine: Machine, tmp_path: Path
) -> None:
    await machine.start(3)
    run = Run(machine, tmp_path, floats(3))
    async with run.running as running:
        await until(lambda: run.newest("v2")[0] == 2.0)
        await machine.stand_still()
        await until(lambda: running.state() == "lost", within_s=5)
        assert "clock stands still" in running.gateway.running["plc"].lifecycle.reason


async def test_an_unchanging_value_is_vouched_for_and_a_unit_confirmed_each_second(
    machine: Machine, tmp_path: Path
) -> None:
    await machine.start(4)
    run = Run(machine, tmp_path, floats(4), units=2)
    async with run.running as running:
        await until(lambda: running.counts()[1] == 4)
        begin = len(run.scans)
        await until(lambda: len(run.scans) >= begin + 6)
        quiet = run.scans[begin:]
        assert all(scan.values == [] and scan.as_of_ns is not None for scan in quiet)
        vouched = [scan.as_of_ns for scan in quiet if scan.as_of_ns]
        gaps = [b - a for a, b in zip(vouched[::2], vouched[2::2], strict=False)]
        assert all(gap < 1_300_000_000 for gap in gaps)


async def test_source_times_are_the_servers_and_old_ones_stay_old(machine: Machine, tmp_path: Path) -> None:
    await machine.start(1)
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    await machine.write("v0", ua.DataValue(ua.Variant(1.25), SourceTimestamp=old))
    run = Run(machine, tmp_path, floats(1))
    async with run.running:
        await until(lambda: run.newest("v0")[0] == 1.25)
        assert run.newest("v0")[1:] == (Quality.GOOD, 1_577_836_800_000_000_000)
        ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=20)
        await machine.write("v0", ua.DataValue(ua.Variant(2.5), SourceTimestamp=ahead))
        await until(lambda: run.newest("v0")[0] == 2.5)
        assert run.newest("v0")[1] == Quality.UNCERTAIN


async def test_an_encrypted_session_reads_as_an_open_one(machine: Machine, tmp_path: Path) -> None:
    for name, uri in (("server", "urn:test:server"), ("client", "urn:taktwin:gateway")):
        await setup_self_signed_certificate(
            tmp_path / f"{name}.pem",
            tmp_path / f"{name}.der",
            uri,
            "127.0.0.1",
            [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH],
            {"commonName": name},
        )
    await machine.start(3, secure=tmp_path)
    secure = {
        "security_policy": "Basic256Sha256",
        "certificate": "client.der",
        "private_key": "client.pem",
        "server_certificate": "server.der",
    }
    run = Run(machine, tmp_path, floats(3), settings=secure, plant_folder=str(tmp_path))
    async with run.running as running:
        await until(lambda: run.newest("v2")[0] == 2.0)
        assert running.state() == "running"
    refused = Run(machine, tmp_path / "open", floats(3))
    async with refused.running as running:
        await until(lambda: running.state() == "lost")


async def test_changes_faster_than_the_interval_are_all_kept_by_the_queue(
    machine: Machine, tmp_path: Path
) -> None:
    await machine.start(1)
    run = Run(machine, tmp_path, floats(1), settings={"queue_size": 500, "publishing_interval_ms": 100.0})
    async with run.running as running:
        await until(lambda: running.counts()[1] == 1)
        for number in range(1, 301):
            await machine.write("v0", float(number))
        await until(lambda: run.newest("v0")[0] == 300.0)
        values = [value for scan in run.scans for value in scan.values]
        assert values == [float(number) for number in range(301)]


async def test_browse_names_every_variable_by_its_namespaces_uri(machine: Machine) -> None:
    await machine.start(120)
    client = OpcUa(Context("plc", machine.endpoint, OpcUaSettings(), (), CLOCK))
    await client.connect()
    found = [address async for address, _ in client.browse()]
    await client.close()
    assert sorted(found) == sorted(f"nsu={URI};s=v{n}" for n in range(120))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("nsu=urn:b;s=turn1.spindle.load", "ns=2;s=turn1.spindle.load"),
        ("nsu=urn:a;i=42", "ns=1;i=42"),
        ("i=2258", "i=2258"),
        ("nsu=urn:b;s=with;semicolon=and=equals", "ns=2;s=with;semicolon=and=equals"),
    ],
)
def test_addresses_name_namespaces_by_uri(address: str, expected: str) -> None:
    uris = ["http://opcfoundation.org/UA/", "urn:a", "urn:b"]
    node_id = node_id_of(address, uris)
    assert node_id == ua.NodeId.from_string(expected)
    assert address_of(node_id, uris) == address


@pytest.mark.parametrize(
    "address", ["nsu=urn:nobody;s=x", "ns=2;s=x", "nsu=urn:a", "x", "nsu=urn:a;q=1", "i=x"]
)
def test_an_address_that_means_nothing_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"expected|namespace"):
        node_id_of(address, ["http://opcfoundation.org/UA/", "urn:a"])


async def test_bad_addresses_in_words_reach_the_health(machine: Machine, tmp_path: Path) -> None:
    await machine.start(1)
    client = OpcUa(
        Context("plc", machine.endpoint, OpcUaSettings(), (Wanted("ns=2;s=v0", "float64"),), CLOCK)
    )
    await client.connect()
    items = await anext(client.read())
    await client.close()
    assert "by its URI" in items[0].reason  # type: ignore[union-attr]
