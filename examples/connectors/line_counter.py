"""A counter that says its number as a line of text over TCP: the smallest connector worth copying.

A light barrier at the end of a line counts parts. Each second it sends `<name> <count>\\n` for each of
its inputs. That is all it can do: no stamps, no questions, no way to say that a value is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from taktwin.errors import ConnectError
from taktwin.gateway.connector import Alive, Connector, Context, Item, Malformed, Reading, Settings
from taktwin.gateway.endpoints import host_and_port

LINE_BYTES_MAX = 1000


class LineCounterSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a line counter. What stands here is the schema, the form and the manual."""

    silence_s: float = 3.0  # it speaks once a second


class LineCounter(Connector, name="line-counter", settings=LineCounterSettings, vouches=False):
    """Counters that send `<name> <count>` lines over TCP; endpoint `tcp://host:port`.

    An address is the name of an input. The counter gives no stamps, so the source time of a count is
    the moment at which its line arrived; and it cannot vouch for anything, because a silent input and
    a broken one look the same.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        host, port = host_and_port(self.context.endpoint, 4001)
        self._reader, self._writer = await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX)

    async def read(self) -> AsyncIterator[list[Item]]:
        assert self._reader is not None, "connected before it is read"
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:  # a line without end: what came is given up
                yield [Malformed("line", "too_large", "a line without end", "<name> <count>", b"")]
                continue
            if not line:
                raise ConnectError(f"{self.context.endpoint}: the counter closed the connection")
            yield [self._item(line), Alive()]

    def _item(self, line: bytes) -> Item:
        name, _, count = line.decode("ascii", "replace").strip().partition(" ")
        if not name or not count.isdigit():
            return Malformed("line", "malformed", repr(line)[:100], "<name> <count>", line)
        return Reading(name, int(count), None, self.clock.monotonic_ns(), raw=line)

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
