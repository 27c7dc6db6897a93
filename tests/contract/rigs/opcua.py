"""A small OPC UA server."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from asyncua import ua

from taktwin.gateway.connector import Wanted
from taktwin.processes.ports import free_port
from tests.contract.rigs.rig import DeviceRig
from tests.support_opcua import opcua_server

logging.getLogger("asyncua.server").setLevel(logging.ERROR)
URI = "urn:test:machine"


class Rig(DeviceRig):
    wanted = tuple(Wanted(f"nsu={URI};s=v{n}", "float64") for n in range(3))
    bad = Wanted(f"nsu={URI};s=nothing", "float64")
    settings: ClassVar[Mapping[str, Any]] = {"publishing_interval_ms": 20.0, "queue_size": 1000}

    @property
    def endpoint(self) -> str:
        return super().endpoint.replace("tcp://", "opc.tcp://") + "/test"

    async def listen(self) -> int:
        port = free_port()
        server = opcua_server()
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/test")
        index = await server.register_namespace(URI)
        folder = await server.nodes.objects.add_folder(index, "machine")
        self._nodes: dict[str, Any] = {}
        for wanted in self.wanted:
            name = wanted.address.rpartition("=")[2]
            node = await folder.add_variable(ua.NodeId(name, index), name, 0.0)
            self._nodes[wanted.address] = node
        await server.start()
        self._server = server
        return port

    async def end(self) -> None:
        await self._server.stop()

    async def say(self, address: str, value: float) -> None:
        await self._server.write_attribute_value(
            self._nodes[address].nodeid, ua.DataValue(ua.Variant(float(value), ua.VariantType.Double))
        )

    async def say_at(self, address: str, value: float, source_ns: int) -> bool:
        stamp = datetime.fromtimestamp(source_ns / 1e9, UTC)
        said = ua.DataValue(ua.Variant(float(value), ua.VariantType.Double), SourceTimestamp=stamp)
        await self._server.write_attribute_value(self._nodes[address].nodeid, said)
        return True

    async def say_no_data(self, address: str) -> bool:
        bad = ua.DataValue(ua.Variant(0.0, ua.VariantType.Double), StatusCode=ua.StatusCode(0x808B0000))
        await self._server.write_attribute_value(self._nodes[address].nodeid, bad)
        return True
