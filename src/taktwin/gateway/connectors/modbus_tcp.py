"""Modbus TCP: registers and bits, polled."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException, ModbusIOException

from taktwin.errors import ConnectError
from taktwin.gateway.attention import LATE_NS_MAX
from taktwin.gateway.connector import (
    Alive,
    BadAddress,
    Confirmed,
    Connector,
    Context,
    Item,
    Reading,
    Settings,
)
from taktwin.gateway.endpoints import host_and_port
from taktwin.gateway.registers import Range, cell_of, halves, ranges_of, value_of
from taktwin.instants import SECOND_NS

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledge",
    6: "busy",
    8: "parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}
PASSING = frozenset({5, 6, 11})  # ask again with the next poll
RETRY_BAD_S = 60.0
TELL_NS = SECOND_NS // 4  # a poll that takes longer is told piece by piece

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what matters is told by our own states


class ModbusSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a Modbus TCP connection."""

    silence_s: float = 3.0
    poll_s: float = 1.0  # plant seconds between two polls, at least 0.1 s of wall time
    timeout_s: float = 2.0  # for one answer


class _Excepted(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(EXCEPTIONS.get(code, f"exception {code}"))
        self.code = code


class ModbusTcp(Connector, name="modbus-tcp", settings=ModbusSettings, polls=True):
    """Modbus TCP client: holding and input registers, coils, discrete inputs; endpoint `tcp://host:502`.

    An address is `hr:100:float32`: kind (`hr`, `ir`, `co`, `di`), zero-based number, type (`bool`,
    `int16` to `uint64`, `float32`, `float64`, `string<n>`). Options: `unit_id` (1), `word_order`
    (`ABCD` big-endian, `CDAB` low word first, `BADC`, `DCBA`), `scale`, `offset`.

    Neighbouring registers are read together, at most 125 registers or 2,000 bits, never across a gap:
    one may be unreadable. A range that the device refuses is halved until the bad address stands
    alone; it is reported, tried again every minute, and all others flow. Each answer is a sign of life;
    the connection vouches for its values as of the instant at which the range that was read longest ago
    was asked for. Modbus has no stamps: the source time is when the answer came.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._settings: ModbusSettings = context.settings
        self._client: Any = None
        self._first: list[Item] = []
        self._bad: dict[str, int] = {}  # address -> monotonic instant of its next trial
        self._asked_ns: dict[Range, int] = {}  # plant time at which what was answered last was asked
        self._cells = {}
        for wanted in context.wanted:
            try:
                self._cells[wanted.address] = cell_of(wanted)
            except ValueError as error:
                self._first.append(BadAddress(wanted.address, str(error)))
        self._ranges = ranges_of(self._cells.values())
        self._by_kind: dict[str, str] = {
            "hr": "read_holding_registers",
            "ir": "read_input_registers",
            "co": "read_coils",
            "di": "read_discrete_inputs",
        }

    async def connect(self) -> None:
        """Open the socket."""
        host, port = host_and_port(self.context.endpoint, 502)
        client = AsyncModbusTcpClient(
            host, port=port, timeout=self._settings.timeout_s, retries=0, reconnect_delay=0
        )
        self._client = client
        if not await client.connect():
            raise ConnectError(f"{self.context.endpoint}: no connection")

    async def read(self) -> AsyncIterator[list[Item]]:
        """Yield the values of each poll and what its answers prove; a slow poll piece by piece."""
        if self._first:
            yield list(self._first)
        pause_s = max(self._settings.poll_s / self.clock.speed, 0.1)
        next_ns = self.clock.monotonic_ns()
        while True:
            items: list[Item] = []
            told_ns = self.clock.monotonic_ns()
            for part in [*self._ranges, *self._trials()]:
                await self._read(part, items)
                # A poll of many ranges may take seconds, and each of its answers is a sign of life.
                if self.clock.monotonic_ns() - told_ns > TELL_NS:
                    yield [*items, self._proof()]
                    items, told_ns = [], self.clock.monotonic_ns()
            yield [*items, self._proof()]
            next_ns = max(next_ns + int(pause_s * SECOND_NS), self.clock.monotonic_ns())
            await self.clock.wall_sleep((next_ns - self.clock.monotonic_ns()) / SECOND_NS)

    def _proof(self) -> Item:
        """Return since when no range has been read again; nothing is vouched for before all were read."""
        asked_ns = [self._asked_ns.get(part) for part in self._ranges]
        known_ns = [each for each in asked_ns if each is not None]
        return Confirmed(min(known_ns)) if known_ns and len(known_ns) == len(asked_ns) else Alive()

    async def _read(self, part: Range, items: list[Item]) -> None:
        """Read a range into readings; what is refused is halved until the bad address stands alone."""
        asked_ns = self.clock.now_ns()
        try:
            values = await self._ask(part)
        except _Excepted as error:
            if error.code in PASSING:
                return
            if part in self._ranges:
                self._ranges.remove(part)
            self._asked_ns.pop(part, None)
            if len(part.cells) > 1:
                pieces = halves(part)
                self._ranges += pieces
                for piece in pieces:
                    await self._read(piece, items)
                return
            address = part.cells[0].address
            self._bad[address] = self.clock.monotonic_ns() + int(RETRY_BAD_S * SECOND_NS)
            items.append(BadAddress(address, f"exception {error.code}: {error}"))
            return
        self._asked_ns[part] = asked_ns
        if part not in self._ranges:  # a bad one that was tried again
            self._ranges.append(part)
        received, now_ns = self.clock.monotonic_ns(), self.clock.now_ns()
        for cell in part.cells:
            if self._bad.pop(cell.address, None) is not None:
                items.append(BadAddress(cell.address, ""))
            at = cell.start - part.start
            words = values[at : at + cell.width]
            items.append(Reading(cell.address, value_of(cell, words), now_ns, received))

    async def _ask(self, part: Range) -> list[int]:
        ask = getattr(self._client, self._by_kind[part.kind])
        while True:
            begun_ns = self.clock.monotonic_ns()
            try:
                answer = await ask(part.start, count=part.width, device_id=part.unit_id)
                break
            except (ModbusException, OSError) as error:
                late_ns = self.clock.monotonic_ns() - begun_ns - int(self._settings.timeout_s * SECOND_NS)
                unanswered = isinstance(error, ModbusIOException) and self._client.connected
                if not unanswered or late_ns < LATE_NS_MAX:
                    raise ConnectError(f"{self.context.endpoint}: {error}") from error
                # The timer itself was late: we had no turn, and so could not hear the answer.
        if answer.isError():
            raise _Excepted(int(getattr(answer, "exception_code", 0)))
        found = answer.bits if part.kind in ("co", "di") else answer.registers
        if len(found) < part.width:
            raise ConnectError(f"{self.context.endpoint}: {len(found)} values where {part.width} were asked")
        return [int(value) for value in found[: part.width]]

    def _trials(self) -> list[Range]:
        """Return the bad addresses that are due to be tried again, as ranges of their own."""
        now = self.clock.monotonic_ns()
        due = [address for address, again_ns in self._bad.items() if now >= again_ns]
        return [part for address in due for part in ranges_of([self._cells[address]])]

    async def close(self) -> None:
        """Close the socket."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
