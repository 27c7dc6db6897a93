"""An OPC UA server for one line: cells as objects in folders, PackML and Machinery names.

Node ids come from the addresses in the registry, so any plant model gets the nodes that it asks
for. Browse names follow PackML (Status, Admin) and OPC UA for Machinery (Identification,
MachineryItemState). No folder has more than a hundred children, because adding is quadratic in them.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from asyncua import Node, Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AddressSpace, AttributeService, AttributeValue, NodeData
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.internal_server import InternalServer

from taktwin.faces.base import Shown, parted
from taktwin.faces.job_list import JobList
from taktwin.faces.job_receiver import JobReceivers
from taktwin.identity import SignalId
from taktwin.plant.registry import Registry, Signal
from taktwin.standards.packml import State

NAMESPACE = "urn:taktwin:virtual-plant"
CHILDREN_MAX = 100

_VARIANTS = {
    "bool": ua.VariantType.Boolean, "int8": ua.VariantType.SByte, "uint8": ua.VariantType.Byte,
    "int16": ua.VariantType.Int16, "uint16": ua.VariantType.UInt16, "int32": ua.VariantType.Int32,
    "uint32": ua.VariantType.UInt32, "int64": ua.VariantType.Int64, "uint64": ua.VariantType.UInt64,
    "float32": ua.VariantType.Float, "float64": ua.VariantType.Double, "string": ua.VariantType.String,
    "bytes": ua.VariantType.ByteString, "datetime": ua.VariantType.DateTime, "array": ua.VariantType.Double,
}  # fmt: skip
_EMPTY: dict[str, Any] = {
    "string": "",
    "bytes": b"",
    "bool": False,
    "array": [],
    "float32": 0.0,
    "float64": 0.0,
}

# Where a signal stands and what it is called: (groups, browse name), by PackML's words.
_PACKML: dict[str, tuple[tuple[str, ...], str]] = {
    "state": (("Status",), "StateCurrent"),
    "mode": (("Status",), "UnitModeCurrent"),
    "blocked": (("Status",), "EquipmentBlocked"),
    "starved": (("Status",), "EquipmentStarved"),
    "set_up": (("Status",), "SetUp"),
    "job": (("Status",), "JobOrder"),
    "serial": (("Status",), "SerialNumber"),
    "product": (("Status",), "Product"),
    "good_count": (("Admin", "ProdProcessedCount"), "AccCount"),
    "reject_count": (("Admin", "ProdDefectiveCount"), "AccCount"),
    "cycle_time": (("Admin",), "CycleTime"),
    "alarm/code": (("Admin", "Alarm"), "ID"),
    "alarm/active": (("Admin", "Alarm"), "Trigger"),
    "alarm/text": (("Admin", "Alarm"), "Message"),
    "alarm/priority": (("Admin", "Alarm"), "Category"),
    "power": (("Energy",), "ActivePower"),
    "energy": (("Energy",), "ActiveEnergy"),
}
_NODE_ID = re.compile(r"(?:nsu=(?P<uri>[^;]+);|ns=(?P<ns>\d+);)?(?P<kind>[sig])=(?P<rest>.+)\Z", re.S)


class _Gate:
    """Holds back what a server says and hears while it is frozen; shared by all its connections.

    Nothing is dropped: a lost request would break the numbering of its session for good.
    """

    def __init__(self) -> None:
        self.frozen = False
        self._held: list[tuple[Any, bytes]] = []
        self._unheard: list[tuple[Callable[[bytes], None], bytes]] = []

    def hear(self, receive: Callable[[bytes], None], payload: bytes) -> None:
        if self.frozen:
            self._unheard.append((receive, payload))
        else:
            receive(payload)

    def write(self, transport: Any, payload: bytes) -> None:
        if self.frozen:
            self._held.append((transport, payload))
        else:
            transport.write(payload)

    def set(self, frozen: bool) -> None:
        self.frozen = frozen
        if not frozen:
            held, self._held = self._held, []
            for transport, payload in held:
                if not transport.is_closing():
                    transport.write(payload)
            unheard, self._unheard = self._unheard, []
            for receive, payload in unheard:
                receive(payload)


class _GatedTransport:
    """A transport whose writes pass a gate; all else is the transport's own."""

    def __init__(self, inner: Any, gate: _Gate) -> None:
        self._inner = inner
        self._gate = gate

    def write(self, payload: bytes) -> None:
        self._gate.write(self._inner, payload)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Protocol(OPCUAProtocol):
    gate: _Gate

    def connection_made(self, transport: Any) -> None:
        gated: Any = _GatedTransport(transport, self.gate)
        super().connection_made(gated)

    def data_received(self, data: bytes) -> None:
        self.gate.hear(super().data_received, data)


class _BinaryServer(BinaryServer):
    gate: _Gate

    async def stop(self) -> None:
        # First nobody comes in any more: sessions take a moment to leave, and the library waits in the
        # end for whoever came back in that moment, for ever.
        if self._server is not None:
            self._server.close()
        await super().stop()

    def _make_protocol(self) -> OPCUAProtocol:
        protocol = _Protocol(
            iserver=self.iserver,
            policies=self._policies,
            clients=self.clients,
            closing_tasks=self.closing_tasks,
            limits=self.limits,
        )
        protocol.gate = self.gate
        return protocol


class CopiedSpace(InternalServer):
    """An internal server that copies the standard address space of the first one of its process.

    Building it takes a second and 40 MB; a copy shares all values, which nobody changes in place.
    """

    _standard: ClassVar[dict[ua.NodeId, NodeData]] = {}

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        standard = type(self)._standard
        if not standard:
            await super().load_standard_address_space(shelf_file)
            standard.update({node_id: _copied(node) for node_id, node in self.aspace._nodes.items()})
            return
        self.aspace._nodes.update({node_id: _copied(node) for node_id, node in standard.items()})


def _copied(node: NodeData) -> NodeData:
    made = NodeData(node.nodeid)
    made.attributes = {key: AttributeValue(each.value) for key, each in node.attributes.items()}  # type: ignore[arg-type]
    made.references = list(node.references)
    made.call = node.call
    return made


class _Attributes(AttributeService):
    """What clients write bears the machine's time: the plant's, which may be far from the wall's."""

    def __init__(self, aspace: AddressSpace, now_ns: Callable[[], int]) -> None:
        super().__init__(aspace)
        self._now_ns = now_ns
        self.writable: set[ua.NodeId] = set()

    async def write(
        self,
        params: ua.WriteParameters,
        user: User = User(role=UserRole.Admin),  # noqa: B008
    ) -> list[ua.StatusCode]:
        stamp = _moment(self._now_ns())
        for each in params.NodesToWrite:
            if each.NodeId in self.writable and each.AttributeId == ua.AttributeIds.Value:
                each.Value = dataclasses.replace(each.Value, SourceTimestamp=stamp, SourcePicoseconds=None)
        return await super().write(params, user)


class _Server(Server):
    def __init__(self, gate: _Gate, now_ns: Callable[[], int]) -> None:
        super().__init__(iserver=CopiedSpace())
        self.attributes = _Attributes(self.iserver.aspace, now_ns)
        self.iserver.attribute_service = self.attributes
        self.gate = gate

    async def start(self) -> None:
        await self._setup_server_nodes()
        await self.iserver.start()
        host, port = self._get_bind_socket_info()
        assert host is not None and port is not None, "set before the start"
        self.bserver = _BinaryServer(self.iserver, host, port, self.limits)
        self.bserver.gate = self.gate
        self.bserver.set_policies(self._policies)
        try:
            await self.bserver.start()
        except OSError:
            await self.iserver.stop()
            raise


class Security(NamedTuple):
    """Certificate and key (PEM files) with which a server also offers Basic256Sha256."""

    certificate: Path
    private_key: Path


class _Slot(NamedTuple):
    node_id: ua.NodeId
    variant: ua.VariantType
    array: bool


class OpcUaFace:
    """One OPC UA server."""

    def __init__(
        self,
        registry: Registry,
        connection: str,
        *,
        endpoint: str,
        security: Security | None = None,
        jobs: Sequence[JobList] = (),
        now_ns: Callable[[], int] = lambda: 0,
        says_what_is_unknown: bool = False,
    ) -> None:
        self.registry = registry
        self.connection = connection
        self.endpoint = endpoint
        self.signals = [registry.signals[index] for index in registry.connections[connection].signals]
        self._security = security
        self._jobs = jobs  # of the cells that take job orders
        self._now_ns = now_ns
        self._says_what_is_unknown = says_what_is_unknown
        self._receivers: JobReceivers | None = None
        self._gate = _Gate()
        self._server: _Server | None = None
        self._slots: dict[int, _Slot] = {}
        self._last: dict[int, Any] = {}
        self._items: dict[str, _Slot] = {}  # cell -> MachineryItemState
        self._showing = False  # it is ourselves who write
        # Told of each value that a client has written; returns what the machine holds then, None: that.
        self.on_written: Callable[[Signal, Any], Any] = lambda signal, value: None
        self._cut = False
        self.refused = 0  # values whose type the node does not take: never shown, always counted

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        assert self._server is not None and self._server.bserver is not None, "started"
        return int(self._server.bserver.port)

    async def start(self, first: Sequence[Shown]) -> None:
        logging.getLogger("asyncua").setLevel(logging.ERROR)
        server = _Server(self._gate, self._now_ns)
        await server.init()
        server.set_endpoint(self.endpoint)
        server.set_server_name(f"{self.registry.name} {self.connection}")
        host, port = parted(self.endpoint, 4840)
        server.socket_address = (host, port)
        policies = [ua.SecurityPolicyType.NoSecurity]
        if self._security is not None:
            await server.load_certificate(self._security.certificate)
            await server.load_private_key(self._security.private_key)
            policies.append(ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt)
        server.set_security_policy(policies)
        self._server = server
        await self._build()
        await self.show(first)
        if self._says_what_is_unknown:
            await self._show_unknown()
        await server.start()

    async def show(self, values: Sequence[Shown]) -> None:
        assert self._server is not None, "started"
        write = self._server.iserver.aspace.write_attribute_value
        for signal, source_ns, value in values:
            slot = self._slots.get(signal.index)
            if slot is None or self._last.get(signal.index, self) == value:
                continue  # nothing of ours, or nothing new: a controller reports changes
            self._last[signal.index] = value
            stamp = _moment(source_ns)
            shown = ua.DataValue(
                ua.Variant(value, slot.variant, is_array=slot.array),
                SourceTimestamp=stamp,
                ServerTimestamp=stamp,
            )
            self._showing = True
            try:
                status = await write(slot.node_id, ua.AttributeIds.Value, shown)
            finally:
                self._showing = False
            if not status.is_good():
                self.refused += 1
            if signal.path == "state":
                await self._show_item(str(signal.equipment), value, stamp)

    async def _show_unknown(self) -> None:
        """Let each node that was shown no value say so: a zero would be believed."""
        assert self._server is not None, "made"
        stamp = _moment(self._now_ns())
        waiting = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadWaitingForInitialData))
        for index, slot in self._slots.items():
            if index not in self._last:
                nothing = ua.DataValue(StatusCode=waiting, SourceTimestamp=stamp, ServerTimestamp=stamp)
                await self._server.iserver.aspace.write_attribute_value(
                    slot.node_id, ua.AttributeIds.Value, nothing
                )

    async def show_malformed(self, signal: Signal, source_ns: int) -> None:
        """Show what no sane controller would: not a number, where the node can hold it."""
        await self.show([Shown(signal, source_ns, math.nan)])

    async def cut(self) -> None:
        assert self._server is not None and self._server.bserver is not None, "started"
        if self._cut:
            return
        self._cut = True
        for client in list(self._server.bserver.clients):
            if client.transport is not None:
                client.transport.abort()
        await self._server.bserver.stop()

    async def restore(self) -> None:
        if self._cut:
            assert self._server is not None and self._server.bserver is not None, "started"
            await self._server.bserver.start()
            self._cut = False

    def freeze(self, frozen: bool) -> None:
        self._gate.set(frozen)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._gate.set(False)
        if self._receivers is not None:
            await self._receivers.stop()
        if self._cut:
            await self._server.iserver.stop()
        else:
            await self._server.stop()
        self._server = None

    # The address space.

    async def _build(self) -> None:
        assert self._server is not None, "made"
        own = await self._server.register_namespace(NAMESPACE)
        tree = _Tree(self._server.nodes.objects, own)
        lines: dict[str, list[Signal]] = {}
        for signal in self.signals:
            lines.setdefault(signal.place.line if signal.place.line != "-" else signal.place.area, []).append(
                signal
            )
        writable = writable_signals(self.registry)
        cells_done: set[str] = set()
        for line, signals in sorted(lines.items()):
            for signal in signals:
                cell = str(signal.equipment)
                if cell not in cells_done:
                    cells_done.add(cell)
                    await self._build_machinery(tree, (line, cell), cell, own)
                groups, name = _PACKML.get(signal.path, _by_path(signal.path))
                node_id = await self._node_id(signal, own)
                variant = _VARIANTS[signal.type]
                array = signal.type == "array"
                await tree.variable((line, cell, *groups), name, node_id, _empty(signal.type), variant, array)
                self._slots[signal.index] = _Slot(node_id, variant, array)
                if signal.index in writable:
                    await self._let_write(signal, node_id)
        if self._jobs:
            await self._build_receivers(own)

    async def _let_write(self, signal: Signal, node_id: ua.NodeId) -> None:
        """Let clients write a node, and hear of it."""
        assert self._server is not None, "made"
        await self._server.get_node(node_id).set_writable()
        self._server.attributes.writable.add(node_id)
        held = self._server.iserver.aspace._nodes[node_id].attributes[ua.AttributeIds.Value]

        async def written(_: int, value: ua.DataValue) -> None:
            if self._showing or value.Value is None:
                return
            self._last[signal.index] = value.Value.Value
            instead = self.on_written(signal, value.Value.Value)
            if instead is not None:
                self._last[signal.index] = instead
                held.value = ua.DataValue(
                    ua.Variant(instead, self._slots[signal.index].variant),
                    SourceTimestamp=value.SourceTimestamp,
                )

        self._server.iserver.aspace.add_datachange_callback(node_id, ua.AttributeIds.Value, written)

    async def _build_receivers(self, own: int) -> None:
        """Give the cells that take job orders their receivers, in one folder of the server."""
        assert self._server is not None, "made"
        self._receivers = JobReceivers(self._server, own, self._now_ns)
        await self._receivers.start()
        folder = await self._server.nodes.objects.add_folder(
            _id("folder:JobManagement", own), f"{own}:JobManagement"
        )
        for jobs in self._jobs:
            cell = await folder.add_folder(
                _id(f"folder:JobManagement/{jobs.name}", own), f"{own}:{jobs.name}"
            )
            await self._receivers.add(cell, jobs)

    async def _build_machinery(self, tree: _Tree, at: tuple[str, ...], cell: str, own: int) -> None:
        equipment = self.registry.equipment[self.signals[0].equipment.__class__(cell)]
        asset = next(
            (self.registry.assets[each] for each in equipment.assets if each in self.registry.assets), None
        )
        texts = {
            "Manufacturer": asset.manufacturer if asset else "",
            "Model": asset.model if asset else equipment.class_name,
            "SerialNumber": asset.serial_number if asset else "",
            "ProductInstanceUri": f"{NAMESPACE}:{cell}",
            "AssetId": asset.id if asset else cell,
            "ComponentName": equipment.name,
        }
        for name, text in texts.items():
            node_id = _id(f"{cell}.Identification.{name}", own)
            await tree.variable(
                (*at, "Identification"), name, node_id, text, ua.VariantType.String, array=False
            )
        if any(s.path == "state" and s.equipment == cell for s in self.signals):
            node_id = _id(f"{cell}.MachineryItemState", own)
            await tree.variable(
                (*at, "MachineryBuildingBlocks"),
                "MachineryItemState",
                node_id,
                0,
                ua.VariantType.Int32,
                array=False,
            )
            self._items[cell] = _Slot(node_id, ua.VariantType.Int32, False)

    async def _node_id(self, signal: Signal, own: int) -> ua.NodeId:
        found = _NODE_ID.match(signal.address)
        if found is None:
            return _id(signal.address, own)
        assert self._server is not None, "made"
        uri, number = found["uri"], found["ns"]
        namespace = own
        if uri:
            namespace = await self._server.register_namespace(uri)
        elif number:
            namespace = int(number)
        rest = found["rest"]
        return _id(int(rest) if found["kind"] == "i" else rest, namespace)

    async def _show_item(self, cell: str, state: int, stamp: Any) -> None:
        slot = self._items.get(cell)
        if slot is None:
            return
        assert self._server is not None, "started"
        shown = ua.DataValue(
            ua.Variant(machinery_item_state(state), slot.variant),
            SourceTimestamp=stamp,
            ServerTimestamp=stamp,
        )
        await self._server.iserver.write_attribute_value(slot.node_id, shown)


class _Tree:
    """Folders made on demand; a full one goes on in a folder beside it."""

    def __init__(self, root: Node, namespace: int) -> None:
        self._namespace = namespace
        self._folders: dict[tuple[str, ...], list[Node]] = {(): [root]}
        self._children: dict[str, int] = {}

    async def _room(self, at: tuple[str, ...]) -> Node:
        """Return a folder of this path that takes one more child."""
        if at not in self._folders:
            self._folders[at] = [await self._add_folder(at, at[-1])]
        last = self._folders[at][-1]
        key = last.nodeid.to_string()
        if at and self._children.get(key, 0) >= CHILDREN_MAX:
            last = await self._add_folder(at, f"{at[-1]}_{len(self._folders[at]) + 1}")
            self._folders[at].append(last)
            key = last.nodeid.to_string()
        self._children[key] = self._children.get(key, 0) + 1
        return last

    async def _add_folder(self, at: tuple[str, ...], name: str) -> Node:
        above = await self._room(at[:-1])
        path = "/".join((*at[:-1], name))
        return await above.add_folder(_id(f"folder:{path}", self._namespace), f"{self._namespace}:{name}")

    async def variable(
        self,
        at: tuple[str, ...],
        name: str,
        node_id: ua.NodeId,
        value: Any,
        variant: ua.VariantType,
        array: bool,
    ) -> None:
        """Add a variable below a path of folders."""
        above = await self._room(at)
        await above.add_variable(
            node_id, f"{self._namespace}:{name}", ua.Variant(value, variant, is_array=array)
        )


def writable_signals(registry: Registry) -> frozenset[int]:
    """Return the signals that the plant folder permits anybody to write."""
    return frozenset(
        registry.by_id[SignalId(f"{work_unit}/{path}")].index
        for work_unit, permits in registry.permits.items()
        for permit in permits.values()
        for path in permit.writes
    )


def machinery_item_state(state: int) -> int:
    """Return the MachineryItemState of a PackML state: not available 0, out of service 1, idle 2, busy 3."""
    if state == State.EXECUTE:
        return 3
    if state in (State.ABORTED, State.ABORTING, State.CLEARING):
        return 1
    return 2


def _by_path(path: str) -> tuple[tuple[str, ...], str]:
    *groups, name = path.split("/")
    return (tuple(groups) if groups else ("Process",)), name


def _id(name: Any, namespace: Any) -> ua.NodeId:
    return ua.NodeId(name, namespace)


def _empty(value_type: str) -> Any:
    if value_type == "datetime":
        return datetime(1970, 1, 1, tzinfo=UTC)
    return _EMPTY.get(value_type, 0)


def _moment(at_ns: int) -> Any:
    """Return an instant for the wire; OPC UA counts 100 ns, Python's datetime microseconds."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
