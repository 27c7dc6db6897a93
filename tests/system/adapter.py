"""An MTConnect adapter for tests, a process of its own: it counts for whoever is connected.

`python adapter.py <port>`; its input takes `count <n>` (say the next n numbers), `say <line>`,
`flow` (numbers without end) and `hold`. Each number is said once, so what arrives can be counted.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime


def stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Adapter:
    """One machine and whoever listens to it."""

    def __init__(self) -> None:
        self.listeners: set[asyncio.StreamWriter] = set()
        self.number = 0
        self.left = 0.0
        self.rest = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{stamp()}|execution|ACTIVE\n".encode())
        self.listeners.add(writer)
        try:
            while line := await reader.readline():
                if line.strip().upper() == b"* PING":
                    writer.write(b"* PONG 1000\n")
        except OSError:
            pass
        finally:
            self.listeners.discard(writer)
            writer.close()

    async def count(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            if self.left > 0 and self.listeners:
                self.left -= 1
                self.number += 1
                self.say(f"{stamp()}|PartCountAct|{self.number}")

    def say(self, line: str) -> None:
        for writer in self.listeners:
            writer.write(line.encode() + b"\n")

    def hear(self) -> None:
        told = os.read(sys.stdin.fileno(), 1 << 20)
        if not told:
            asyncio.get_running_loop().stop()
        *lines, self.rest = (self.rest + told).split(b"\n")
        for line in lines:
            self.told(line.decode())

    def told(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "count":
            self.left += int(rest)
        elif word == "flow":
            self.left = float("inf")
        elif word == "hold":
            self.left = 0
        elif word == "say":
            # Control characters as Python writes them; {now} is this instant.
            self.say(rest.encode().decode("unicode_escape").replace("{now}", stamp()))


async def main(port: int) -> None:
    adapter = Adapter()
    asyncio.get_running_loop().add_reader(sys.stdin, adapter.hear)
    server = await asyncio.start_server(adapter.serve, "127.0.0.1", port)
    async with server:
        await adapter.count()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
