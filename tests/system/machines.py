"""Machines of a test's own, behind real protocols: an OPC UA server and a Modbus TCP device in a thread."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Awaitable, Coroutine
from datetime import datetime
from typing import Any

from asyncua import ua

from tests.support_opcua import opcua_server

NAMESPACE = "urn:test:machine"


class Machines:
    """Use as a context manager; every method may be called from the test's thread."""

    def __init__(self, *, opcua_port: int, modbus_port: int) -> None:
        self._ports = (opcua_port, modbus_port)
        self._loop = asyncio.new_event_loop()
        self._nodes: dict[str, ua.NodeId] = {}
        self._registers: dict[int, int] = {}

    def __enter__(self) -> Machines:
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        self._server = opcua_server()
        await self._server.init()
        self._server.set_endpoint(f"opc.tcp://127.0.0.1:{self._ports[0]}")
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        self._ns = await self._server.register_namespace(NAMESPACE)
        self._folder = await self._server.nodes.objects.add_folder(ua.NodeId("mill", self._ns), "mill")
        await self._server.start()
        self._device = await asyncio.start_server(self._serve, "127.0.0.1", self._ports[1])

    async def _close(self) -> None:
        self._device.close()
        await self._server.stop()

    def node(self, name: str, value: object, kind: ua.VariantType) -> None:
        """Add a variable `mill.<name>`."""

        async def add() -> None:
            made = await self._folder.add_variable(ua.NodeId(f"mill.{name}", self._ns), name, value, kind)
            self._nodes[name] = made.nodeid

        self._do(add())

    def write(
        self, name: str, value: object, kind: ua.VariantType, *, source: datetime | None = None
    ) -> None:
        """Let a variable take a value of any type, as a server with a fault would."""
        told = ua.DataValue(ua.Variant(value, kind), SourceTimestamp=source)
        work: Awaitable[None] = self._server.write_attribute_value(self._nodes[name], told)
        self._do(_awaited(work))

    def register(self, start: int, form: str, value: float) -> None:
        """Put a value of four registers, high word first, at an address."""
        for place, word in enumerate(struct.unpack(">4H", struct.pack(form, value))):
            self._registers[start + place] = word

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                number, _, _, unit, code, start, count = struct.unpack(
                    ">HHHBBHH", await reader.readexactly(12)
                )
                if code == 3 and all(start + place in self._registers for place in range(count)):
                    words = [self._registers[start + place] for place in range(count)]
                    body = struct.pack(f">BB{count}H", code, 2 * count, *words)
                else:
                    body = bytes([code | 0x80, 2])
                writer.write(struct.pack(">HHHB", number, 0, len(body) + 1, unit) + body)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


async def _awaited(work: Awaitable[None]) -> None:
    await work
