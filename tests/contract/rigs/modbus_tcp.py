"""A small Modbus TCP device by hand: holding registers at some addresses, exception 2 elsewhere."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from typing import Any, ClassVar

from taktwin.gateway.connector import Wanted
from tests.contract.rigs.rig import DeviceRig

FLOATS = (100, 104, 300)


class Rig(DeviceRig):
    wanted = tuple(Wanted(f"hr:{start}:float64", "float64") for start in FLOATS)
    bad = Wanted("hr:108:float64", "float64")  # right behind the good ones: one request asks for both
    says_every_change = False
    settings: ClassVar[Mapping[str, Any]] = {"poll_s": 0.1}
    takes_s = 0.0  # until it answers

    async def listen(self) -> int:
        self._words = {start + n: 0 for start in FLOATS for n in range(4)}
        self._writers: set[asyncio.StreamWriter] = set()
        self.requests = 0
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                number, _, _, unit, code, start, count = struct.unpack(
                    ">HHHBBHH", await reader.readexactly(12)
                )
                self.requests += 1
                if code == 3 and all(start + n in self._words for n in range(count)):
                    words = [self._words[start + n] for n in range(count)]
                    body = struct.pack(f">BB{count}H", code, 2 * count, *words)
                else:
                    body = bytes([code | 0x80, 2])
                if self.takes_s:
                    await asyncio.sleep(self.takes_s)
                writer.write(struct.pack(">HHHB", number, 0, len(body) + 1, unit) + body)
        except (OSError, asyncio.IncompleteReadError):
            pass
        self._writers.discard(writer)
        writer.close()

    async def end(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def say(self, address: str, value: float) -> None:
        start = int(address.split(":")[1])
        for n, word in enumerate(struct.unpack(">4H", struct.pack(">d", value))):
            self._words[start + n] = word
