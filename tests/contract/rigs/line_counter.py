"""The light barrier of the example connector."""

from __future__ import annotations

import asyncio

from taktwin.gateway.connector import Wanted
from tests.contract.rigs.rig import DeviceRig


class Rig(DeviceRig):
    wanted = tuple(Wanted(f"v{n}", "float64") for n in range(3))
    bad = Wanted("nothing", "float64")
    reports_bad = False
    repeats = True

    async def listen(self) -> int:
        self._writers: set[asyncio.StreamWriter] = set()
        self._newest: dict[str, int] = {}
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._beat = asyncio.create_task(self._speak())
        return int(self._server.sockets[0].getsockname()[1])

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            for name, count in self._newest.items():
                self._send(name, count)

    def _send(self, name: str, count: int) -> None:
        for writer in self._writers:
            writer.write(f"{name} {count}\n".encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        for name, count in (self._newest or {"v0": 0}).items():
            writer.write(f"{name} {count}\n".encode())
        await reader.read()
        self._writers.discard(writer)
        writer.close()

    async def end(self) -> None:
        self._beat.cancel()
        self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def say(self, address: str, value: float) -> None:
        self._newest[address] = int(value)
        self._send(address, int(value))
