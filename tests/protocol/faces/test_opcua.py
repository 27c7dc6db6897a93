"""The OPC UA face, with a real client."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Node, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.server.binary_server_asyncio import BinaryServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from taktwin.faces.base import Shown
from taktwin.faces.opcua import CHILDREN_MAX, NAMESPACE, OpcUaFace, Security, machinery_item_state
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from tests.protocol.faces.support import until
from tests.unit.virtual_plant.plants import plant

NORTHFIELD = Path(__file__).resolve().parents[3] / "examples" / "plants" / "northfield"
AT_NS = 1_781_503_200_123_000_000
AT = datetime(2026, 6, 15, 6, 0, 0, 123000, tzinfo=UTC)


class Heard:
    def __init__(self) -> None:
        self.changes: list[tuple[str, Any, datetime]] = []

    def datachange_notification(self, node: Node, value: Any, data: Any) -> None:
        self.changes.append((node.nodeid.Identifier, value, data.monitored_item.Value.SourceTimestamp))


def url(face: OpcUaFace) -> str:
    return f"opc.tcp://127.0.0.1:{face.port}"


async def node(client: Client, name: str) -> Node:
    return client.get_node(ua.NodeId(name, await client.get_namespace_index(NAMESPACE)))


def shown(registry: Registry, signal: str, value: Any, at_ns: int = AT_NS) -> Shown:
    return Shown(registry.by_id[signal], at_ns, value)  # type: ignore[index]


@pytest.fixture
async def face() -> AsyncIterator[OpcUaFace]:
    registry = plant(("line1",))
    made = OpcUaFace(registry, "line1", endpoint="opc.tcp://127.0.0.1:0")
    await made.start([shown(registry, "turn1/state", 4), shown(registry, "turn1/serial", "00123")])
    yield made
    await made.stop()


async def test_every_address_of_the_registry_is_a_node_with_the_stamp_of_the_plant(face: OpcUaFace) -> None:
    async with Client(url(face)) as client:
        for signal in face.signals:
            found = await client.get_node(
                ua.NodeId(signal.address.partition(";s=")[2], await client.get_namespace_index(NAMESPACE))
            ).read_data_value(raise_on_bad_status=False)
            assert found.StatusCode.is_good(), signal.id
        value = await (await node(client, "turn1.state")).read_data_value()
        assert (value.Value.Value, value.SourceTimestamp) == (4, AT)
        assert await (await node(client, "turn1.serial")).read_value() == "00123"


async def test_a_subscription_hears_each_change_with_its_source_time(face: OpcUaFace) -> None:
    heard = Heard()
    async with Client(url(face)) as client:
        subscription = await client.create_subscription(20, heard)
        await subscription.subscribe_data_change([await node(client, "turn1.state")], queuesize=50)
        await until(lambda: len(heard.changes) == 1)
        for step in range(1, 11):
            await face.show([shown(face.registry, "turn1/state", 5 + step % 2, AT_NS + step * 1_000_000)])
        await until(lambda: len(heard.changes) == 11)
    assert [change[2] for change in heard.changes[1:]] == [
        AT + timedelta(milliseconds=s) for s in range(1, 11)
    ]


async def test_types_are_those_of_the_plant_model(face: OpcUaFace) -> None:
    kinds = {
        "turn1.state": ua.VariantType.Int32, "turn1.blocked": ua.VariantType.Boolean,
        "turn1.good_count": ua.VariantType.UInt32, "turn1.power": ua.VariantType.Float,
        "turn1.energy": ua.VariantType.Double, "turn1.job": ua.VariantType.String,
        "turn1.spindle.spectrum": ua.VariantType.ByteString,
    }  # fmt: skip
    async with Client(url(face)) as client:
        for name, kind in kinds.items():
            assert await (await node(client, name)).read_data_type_as_variant_type() == kind


async def test_cells_stand_in_folders_with_the_names_of_packml_and_machinery(face: OpcUaFace) -> None:
    async with Client(url(face)) as client:
        index = await client.get_namespace_index(NAMESPACE)

        async def at(*path: str) -> Node:
            return await client.nodes.objects.get_child([f"{index}:{name}" for name in path])

        await face.show([shown(face.registry, "turn1/state", 6)])
        assert await (await at("line1", "turn1", "Status", "StateCurrent")).read_value() == 6
        state = await at("line1", "turn1", "MachineryBuildingBlocks", "MachineryItemState")
        assert await state.read_value() == 3
        assert await (await at("line1", "turn1", "Identification", "ComponentName")).read_value() == "turn1"
        assert await (await at("line1", "turn1", "Admin", "ProdProcessedCount", "AccCount")).read_value() == 0


async def test_no_folder_has_more_than_a_hundred_children() -> None:
    small = plant(("line1",))
    first = small.by_id["turn1/power"]  # type: ignore[index]
    many = tuple(
        dataclasses.replace(first, index=i, id=f"turn1/x{i}", path=f"x{i}", address=f"nsu={NAMESPACE};s=x{i}")  # type: ignore[arg-type]
        for i in range(250)
    )
    connection = dataclasses.replace(small.connections["line1"], signals=tuple(range(250)))
    registry = dataclasses.replace(small, signals=many, connections={"line1": connection})
    made = OpcUaFace(registry, "line1", endpoint="opc.tcp://127.0.0.1:0")
    await made.start([])
    try:
        async with Client(url(made)) as client:
            index = await client.get_namespace_index(NAMESPACE)
            cell = await client.nodes.objects.get_child([f"{index}:line1", f"{index}:turn1"])
            folders = await cell.get_children()
            counts = [len(await folder.get_children()) for folder in folders]
            assert max(counts) <= CHILDREN_MAX
            assert sum(counts) >= 250
    finally:
        await made.stop()


async def test_a_machine_of_which_not_all_is_known_says_so_instead_of_a_zero() -> None:
    registry = plant(("line1",))
    made = OpcUaFace(registry, "line1", endpoint="opc.tcp://127.0.0.1:0", says_what_is_unknown=True)
    await made.start([shown(registry, "turn1/state", 4)])
    try:
        async with Client(url(made)) as client:
            known, unknown = await node(client, "turn1.state"), await node(client, "turn1.spindle.speed")
            assert await known.read_value() == 4
            found = await unknown.read_data_value(raise_on_bad_status=False)
            assert found.StatusCode.name == "BadWaitingForInitialData" and found.Value.Value is None
            await made.show([shown(registry, "turn1/spindle/speed", 12.5)])
            assert await unknown.read_value() == 12.5
    finally:
        await made.stop()


async def test_a_cut_server_drops_its_clients_refuses_new_ones_and_comes_back(face: OpcUaFace) -> None:
    client = Client(url(face), timeout=2)
    await client.connect()
    await face.cut()
    with pytest.raises((ConnectionError, TimeoutError, ua.UaError)):
        await client.nodes.server_state.read_value()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", face.port)
    await face.show([shown(face.registry, "turn1/state", 9)])
    await face.restore()
    async with Client(url(face)) as again:
        assert await (await node(again, "turn1.state")).read_value() == 9
    with contextlib.suppress(ConnectionError, TimeoutError, ua.UaError):
        await client.disconnect()


class Returning(asyncio.Protocol):
    """A client that is back as soon as it is thrown out."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.tasks: set[asyncio.Task[None]] = set()
        self.thrown_out = 0

    async def connect(self) -> None:
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self.port)

    def connection_lost(self, exc: Exception | None) -> None:
        self.thrown_out += 1
        task = asyncio.ensure_future(self.connect())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


async def test_nobody_slips_in_while_a_server_is_being_cut(
    face: OpcUaFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Leaving takes sessions a moment; who came back in that moment kept the cut from ever ending.
    leave = BinaryServer._close_tasks

    async def leave_slowly(server: BinaryServer) -> None:
        await asyncio.sleep(0.2)
        await leave(server)

    monkeypatch.setattr(BinaryServer, "_close_tasks", leave_slowly)
    returning = [Returning(face.port) for _ in range(3)]
    async with Client(url(face), timeout=5) as client:
        subscription = await client.create_subscription(20, Heard())
        await subscription.subscribe_data_change([await node(client, "turn1.state")], queuesize=50)
        for each in returning:
            await each.connect()
        await asyncio.wait_for(face.cut(), 5)
    assert all(each.thrown_out for each in returning)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", face.port)
    await asyncio.wait_for(face.restore(), 5)
    async with Client(url(face)) as again:
        await again.nodes.server_state.read_value()


async def test_a_frozen_server_keeps_the_session_and_says_nothing_until_it_thaws(face: OpcUaFace) -> None:
    heard = Heard()
    async with Client(url(face), timeout=5) as client:
        subscription = await client.create_subscription(20, heard)
        await subscription.subscribe_data_change([await node(client, "turn1.state")], queuesize=50)
        await until(lambda: len(heard.changes) == 1)
        face.freeze(True)
        await face.show([shown(face.registry, "turn1/state", 11)])
        await asyncio.sleep(0.3)
        assert len(heard.changes) == 1
        face.freeze(False)
        await until(lambda: len(heard.changes) == 2)
        assert heard.changes[-1][1] == 11


async def test_a_value_of_another_type_is_counted_and_not_shown(face: OpcUaFace) -> None:
    await face.show_malformed(face.registry.by_id["turn1/power"], AT_NS)  # type: ignore[index]
    async with Client(url(face)) as client:
        assert math.isnan(await (await node(client, "turn1.power")).read_value())


async def test_a_taken_port_is_an_error_of_the_world(face: OpcUaFace) -> None:
    second = OpcUaFace(face.registry, "line1", endpoint=url(face))
    with pytest.raises(OSError):
        await second.start([])


def certificate(folder: Path, name: str) -> Security:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(True, True, True, True, False, True, False, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:{name}")]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(usage, True)
        .sign(key, hashes.SHA256())
    )
    paths = Security(folder / f"{name}.pem", folder / f"{name}-key.pem")
    paths.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    paths.private_key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return paths


async def test_a_client_may_sign_and_encrypt_with_basic256sha256(tmp_path: Path) -> None:
    own = certificate(tmp_path, "client")
    registry = plant(("line1",))
    made = OpcUaFace(
        registry, "line1", endpoint="opc.tcp://127.0.0.1:0", security=certificate(tmp_path, "server")
    )
    await made.start([shown(registry, "turn1/state", 6)])
    try:
        client = Client(url(made))
        client.application_uri = "urn:client"
        await client.set_security(
            SecurityPolicyBasic256Sha256, certificate=str(own.certificate), private_key=str(own.private_key)
        )
        async with client:
            assert await (await node(client, "turn1.state")).read_value() == 6
    finally:
        await made.stop()


async def test_what_a_client_writes_bears_the_time_of_the_plant() -> None:
    """Seen: an answer bore the wall's time, two days after the demo's: to the twin all else was long ago."""
    registry = open_plant(NORTHFIELD)
    made = OpcUaFace(registry, "line2", endpoint="opc.tcp://127.0.0.1:0", now_ns=lambda: AT_NS)
    await made.start([shown(registry, "press2/interlock/answer", 0, AT_NS - 10**9)])
    handler = Heard()
    try:
        async with Client(url(made)) as client:
            answer = await node(client, "press2.interlock.answer")
            subscription = await client.create_subscription(20, handler)
            await subscription.subscribe_data_change(answer)
            kind = await answer.read_data_type_as_variant_type()
            told = ua.DataValue(ua.Variant(1, kind), SourceTimestamp=datetime.now(UTC))
            await answer.write_value(told)
            await until(lambda: len(handler.changes) == 2)
            assert handler.changes[-1][1:] == (1, AT)
            assert (await answer.read_data_value()).SourceTimestamp == AT
            await subscription.delete()
    finally:
        await made.stop()


def test_machinery_item_states_follow_packml() -> None:
    assert [machinery_item_state(state) for state in (6, 9, 8, 1, 4, 5, 11, 2)] == [3, 1, 1, 1, 2, 2, 2, 2]
