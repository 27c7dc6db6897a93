"""MTConnect SHDR: the text lines of a machine tool's adapter over TCP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from taktwin.errors import ConnectError
from taktwin.gateway.connector import Alive, Confirmed, Connector, Context, Item, Malformed, Settings
from taktwin.gateway.endpoints import host_and_port
from taktwin.gateway.shdr_lines import Lines, parse
from taktwin.instants import SECOND_NS

CHUNK = 64 * 1024
UNANSWERED_S = 2.0


class ShdrSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of an SHDR connection."""

    ping_s: float = 1.0  # wall seconds between two PINGs, less where plant time runs faster


class Shdr(Connector, name="shdr", settings=ShdrSettings):
    """MTConnect SHDR adapter, endpoint `tcp://host:port` (usually 7878).

    An address is a data item's key: `execution`, `Srpm`, `system_cond`. A condition's value is its
    level and, where there are any, the native fields behind it: `Fault|1234|HIGH||Coolant low`.
    `UNAVAILABLE` is no data. Stamps are kept as they are, also those that run backwards.

    The adapter is asked with `* PING`; each `* PONG` vouches for everything said before it. An
    adapter that does not know PING is read all the same, but nothing vouches for its silence.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings: ShdrSettings = context.settings
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._types = {wanted.address: wanted.type for wanted in context.wanted}
        self._pinged: list[tuple[int, int]] = []  # (plant time, monotonic) of unanswered PINGs
        self._answers = False
        self._standing = True

    async def connect(self) -> None:
        """Open the socket and ask for a first sign of life."""
        host, port = host_and_port(self.context.endpoint, 7878)
        try:
            self._reader, self._writer = await asyncio.open_connection(host, port, limit=CHUNK)
        except OSError as error:
            raise ConnectError(f"{self.context.endpoint}: {error}") from error

    async def read(self) -> AsyncIterator[list[Item]]:
        """Yield the observations of what has arrived, piece by piece."""
        reader, lines = self._reader, Lines()
        assert reader is not None, "connected before it is read"
        pause_s = min(self._settings.ping_s, max(0.2, 1.0 / self.clock.speed))
        next_ping = self.clock.monotonic_ns()
        while True:
            now = self.clock.monotonic_ns()
            if now >= next_ping:
                next_ping = now + int(pause_s * SECOND_NS)
                await self._ping()
                if not self._answers and now - self._pinged[0][1] > UNANSWERED_S * SECOND_NS:
                    self._pinged = self._pinged[-1:]
                    self._standing = False
                    yield [Alive()]  # it does not know PING: the open socket is all there is
            try:
                async with self.clock.timeout(max(0.0, (next_ping - now) / SECOND_NS)):
                    data = await reader.read(CHUNK)
            except TimeoutError:
                continue
            except OSError as error:
                raise ConnectError(f"{self.context.endpoint}: {error}") from error
            if not data:
                raise ConnectError(f"{self.context.endpoint}: the adapter closed the connection")
            items = self._items(lines, data)
            if items:
                yield items

    async def _ping(self) -> None:
        assert self._writer is not None, "connected before it is read"
        self._pinged.append((self.clock.now_ns(), self.clock.monotonic_ns()))
        self._pinged = self._pinged[:1] + self._pinged[1:][-63:]
        try:
            self._writer.write(b"* PING\n")
            await self._writer.drain()
        except OSError as error:
            raise ConnectError(f"{self.context.endpoint}: {error}") from error

    def _items(self, lines: Lines, data: bytes) -> list[Item]:
        received = self.clock.monotonic_ns()
        items: list[Item] = []
        for line in lines.feed(data):
            if isinstance(line, Malformed):
                items.append(line)
            elif line.startswith(b"*"):
                if line[1:].strip().upper().startswith(b"PONG"):
                    items.append(self._pong())
            else:
                items += parse(line, received, types=self._types, standing=self._standing)
        return items

    def _pong(self) -> Item:
        self._answers = True
        self._standing = False
        if not self._pinged:
            return Alive()
        # What had been said before this PING was answered was said before the PONG: it held then.
        at_ns, _ = self._pinged.pop(0)
        return Confirmed(at_ns)

    async def close(self) -> None:
        """Close the socket."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
