"""A Modbus TCP server: registers that a controller would have, at the addresses of the registry.

An address is `<kind>:<zero-based address>:<type>`, kind one of hr ir co di. Only registers that some
signal has can be read; what lies between answers with exception 2, as in a real controller.
"""

from __future__ import annotations

import asyncio
import logging
import math
import struct
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from taktwin.faces.base import Shown, parted
from taktwin.plant.registry import Registry, Signal

KINDS = ("co", "di", "hr", "ir")
_FORMATS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
# Function codes by what they read; the rest are writes, and this device takes none.
_READS = {1: "co", 2: "di", 3: "hr", 4: "ir"}

Action = Callable[
    [int, int, int, int, list[int], list[int] | list[bool] | None], Coroutine[None, None, ExcCodes | None]
]


class Cell(NamedTuple):
    """Where one signal stands."""

    unit_id: int
    kind: str
    address: int
    value_type: str
    words: int
    order: str
    scale: float
    offset: float


def cell_of(signal: Signal) -> Cell:
    """Return where a signal stands.

    Raises
    ------
    ValueError
        If its address is none that Modbus has.
    """
    parts = signal.address.split(":")
    if len(parts) != 3 or parts[0] not in KINDS or not parts[1].isdigit():
        raise ValueError(f"{signal.id}: {signal.address!r} is no Modbus address; expected hr:100:float32")
    kind, address, value_type = parts[0], int(parts[1]), parts[2]
    words = 1 if value_type == "bool" else struct.calcsize(_FORMATS[value_type]) // 2
    options = signal.options
    return Cell(
        unit_id=int(options.get("unit_id", 1)),
        kind=kind,
        address=address,
        value_type=value_type,
        words=words,
        order=str(options.get("word_order", "ABCD")),
        scale=float(options.get("scale", 1.0)),
        offset=float(options.get("offset", 0.0)),
    )


def words_of(value: Any, cell: Cell) -> list[int]:
    """Return the registers of a value, in the word order of its cell."""
    raw = value
    if cell.scale != 1.0 or cell.offset != 0.0:
        raw = (value - cell.offset) / cell.scale
    if not cell.value_type.startswith("float"):
        raw = round(raw) if not isinstance(raw, bool) else int(raw)
    packed = struct.pack(">" + _FORMATS[cell.value_type], raw)
    words = [int.from_bytes(packed[i : i + 2], "big") for i in range(0, len(packed), 2)]
    if cell.order in ("CDAB", "DCBA"):
        words.reverse()
    if cell.order in ("BADC", "DCBA"):
        words = [(word >> 8) | ((word & 0xFF) << 8) for word in words]
    return words


class _Memory:
    """The registers of one device: 16-bit words by address, bits packed 16 to a word."""

    def __init__(self) -> None:
        self.words: dict[str, list[int]] = {kind: [0] * 16 for kind in KINDS}
        self.used: dict[str, set[int]] = {kind: set() for kind in KINDS}

    def reserve(self, cell: Cell) -> None:
        top = cell.address + cell.words
        words = self.words[cell.kind]
        need = top // 16 + 1 if cell.kind in ("co", "di") else top
        words.extend([0] * (need - len(words)))
        self.used[cell.kind].update(range(cell.address, top))

    def set(self, cell: Cell, value: Any) -> None:
        words = self.words[cell.kind]
        if cell.kind in ("co", "di"):
            bit = 1 << (cell.address % 16)
            word = words[cell.address // 16]
            words[cell.address // 16] = word | bit if value else word & ~bit
            return
        if cell.value_type == "bool":
            words[cell.address] = int(bool(value))
            return
        words[cell.address : cell.address + cell.words] = words_of(value, cell)

    def blocks(self) -> tuple[list[SimData], list[SimData], list[SimData], list[SimData]]:
        """Return what the library wants: one block for each run of registers that exist."""
        made: list[list[SimData]] = []
        for kind in KINDS:
            if kind in ("co", "di"):
                count = 16 * len(self.words[kind])
                made.append([SimData(0, values=[False] * count, datatype=DataType.BITS)])
                continue
            runs: list[SimData] = []
            used = sorted(self.used[kind]) or [0]
            start = used[0]
            for before, after in zip(used, [*used[1:], -1], strict=True):
                if after != before + 1:
                    values = [0] * (before - start + 1)
                    runs.append(SimData(start, values=values, datatype=DataType.REGISTERS))
                    start = after
            made.append(runs)
        return made[0], made[1], made[2], made[3]


class ModbusFace:
    """One Modbus TCP server."""

    def __init__(self, registry: Registry, connection: str, *, endpoint: str) -> None:
        self.connection = connection
        self.endpoint = endpoint
        self._cells: dict[int, Cell] = {}
        self._memories: dict[int, _Memory] = {}
        for index in registry.connections[connection].signals:
            signal = registry.signals[index]
            cell = self._cells[index] = cell_of(signal)
            self._memories.setdefault(cell.unit_id, _Memory()).reserve(cell)
        self._server: ModbusTcpServer | None = None
        self._address = parted(endpoint, 502)
        self._speaks = asyncio.Event()
        self._speaks.set()
        self.refused = 0

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self._address.port

    async def start(self, first: Sequence[Shown]) -> None:
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        await self.show(first)
        await self._listen()

    async def _listen(self) -> None:
        devices = [
            SimDevice(unit_id, simdata=memory.blocks(), action=self._action(memory))
            for unit_id, memory in sorted(self._memories.items())
        ]
        server = ModbusTcpServer(devices, address=(self._address.host, self._address.port))
        try:
            await server.serve_forever(background=True)
        except RuntimeError as refused:
            raise OSError(f"{self.connection}: cannot listen on {self.endpoint}: {refused}") from refused
        listener: Any = server.transport
        port = listener.sockets[0].getsockname()[1]
        self._address = self._address._replace(port=port)
        self._server = server

    def _action(self, memory: _Memory) -> Action:
        async def action(
            function: int,
            start: int,
            _address: int,
            _count: int,
            registers: list[int],
            values: list[int] | list[bool] | None,
        ) -> ExcCodes | None:
            await self._speaks.wait()
            kind = _READS.get(function)
            if kind is None or values is not None:
                return ExcCodes.ILLEGAL_FUNCTION
            now = memory.words[kind][start : start + len(registers)]
            registers[: len(now)] = now
            return None

        return action

    async def show(self, values: Sequence[Shown]) -> None:
        for signal, _, value in values:
            cell = self._cells.get(signal.index)
            if cell is None:
                continue
            try:
                self._memories[cell.unit_id].set(cell, value)
            except (struct.error, OverflowError, TypeError):
                self.refused += 1

    async def show_malformed(self, signal: Signal, source_ns: int) -> None:
        """Show what no sane device would: not a number where the register can hold it."""
        await self.show([Shown(signal, source_ns, math.nan)])

    async def cut(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown()  # type: ignore[no-untyped-call]

    async def restore(self) -> None:
        if self._server is None:
            await self._listen()

    def freeze(self, frozen: bool) -> None:
        if frozen:
            self._speaks.clear()
        else:
            self._speaks.set()

    async def stop(self) -> None:
        self._speaks.set()
        await self.cut()
