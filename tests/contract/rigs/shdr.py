"""A small MTConnect adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from taktwin.clock import SystemClock
from taktwin.gateway.connector import Wanted
from taktwin.instants import rfc3339
from tests.contract.rigs.rig import DeviceRig


class Rig(DeviceRig):
    wanted = tuple(Wanted(f"v{n}", "float64") for n in range(3))
    bad = Wanted("nothing", "float64")
    reports_bad = False  # a key that an adapter never says is no mistake that it could know
    settings: ClassVar[Mapping[str, Any]] = {"ping_s": 0.3}

    async def listen(self) -> int:
        self._writers: set[asyncio.StreamWriter] = set()
        self._newest: dict[str, str] = {}
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in self._newest.values():
            writer.write(line.encode())
        self._writers.add(writer)
        try:
            while line := (await reader.readline()).decode():
                if line.startswith("* PING"):
                    writer.write(b"* PONG 10000\n")
        except OSError:
            pass
        self._writers.discard(writer)
        writer.close()

    @property
    def readers(self) -> int:
        """Return how many it speaks to."""
        return len(self._writers)

    async def end(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def say(self, address: str, value: float) -> None:
        self._say(address, repr(value))

    async def say_at(self, address: str, value: float, source_ns: int) -> bool:
        self._say(address, repr(value), source_ns)
        return True

    def _say(self, address: str, text: str, source_ns: int | None = None) -> None:
        line = f"{rfc3339(source_ns or SystemClock().now_ns())}|{address}|{text}\n"
        self._newest[address] = line
        for writer in self._writers:
            writer.write(line.encode())

    async def say_no_data(self, address: str) -> bool:
        self._say(address, "UNAVAILABLE")
        return True
