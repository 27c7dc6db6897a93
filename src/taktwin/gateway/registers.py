"""Modbus registers: addresses, ranges to read, words to values. Pure.

An address is `<kind>:<number>:<type>`: kind `hr` holding, `ir` input registers, `co` coils, `di`
discrete inputs; the number is zero-based; the type is bool, int16 ... uint64, float32, float64, or
`string<n>` (n bytes). Options: `unit_id`, `word_order` (ABCD, CDAB, BADC, DCBA), `scale`, `offset`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from taktwin.gateway.connector import Wanted

REGISTERS_MAX = 125
BITS_MAX = 2000
KINDS = ("hr", "ir", "co", "di")
ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
_FORMS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
          "float32": "f", "float64": "d"}  # fmt: skip


class Cell(NamedTuple):
    """Where one value stands, and how it is read."""

    address: str
    unit_id: int
    kind: str
    start: int
    width: int  # registers or bits
    type: str
    order: str
    scale: float
    offset: float


class Range(NamedTuple):
    """Neighbouring cells that one request reads; there is no gap between them."""

    unit_id: int
    kind: str
    start: int
    width: int
    cells: tuple[Cell, ...]


def cell_of(wanted: Wanted) -> Cell:
    """Return where an address stands.

    Raises
    ------
    ValueError
        If it cannot be read, with what would be right.
    """
    kind, _, rest = wanted.address.partition(":")
    number, _, value_type = rest.partition(":")
    if kind not in KINDS or not number.isdigit() or int(number) > 65_535:
        raise ValueError(f"{wanted.address!r}: expected <hr|ir|co|di>:<0 to 65535>:<type>")
    options = wanted.options
    order = str(options.get("word_order", "ABCD"))
    if order not in ORDERS:
        raise ValueError(f"word_order {order!r}: expected one of {', '.join(ORDERS)}")
    if kind in ("co", "di"):
        if value_type not in ("", "bool"):
            raise ValueError(f"{wanted.address!r}: a bit is a bool")
        count = 1
        value_type = "bool"
    elif value_type == "bool":
        count = 1
    elif value_type in _FORMS:
        count = struct.calcsize(_FORMS[value_type]) // 2
    elif value_type.startswith("string") and value_type[6:].isdigit() and 0 < int(value_type[6:]) <= 250:
        count = (int(value_type[6:]) + 1) // 2
    else:
        raise ValueError(f"{wanted.address!r}: expected a type bool, int16 ... float64 or string<n>")
    return Cell(
        wanted.address,
        int(options.get("unit_id", 1)),
        kind,
        int(number),
        count,
        value_type,
        order,
        float(options.get("scale", 1.0)),
        float(options.get("offset", 0.0)),
    )


def ranges_of(cells: Iterable[Cell]) -> list[Range]:
    """Return as few ranges as the protocol allows, never across a register that nobody asked for.

    A gap may be unreadable, and then the whole request fails.
    """
    ranges: list[Range] = []
    run: list[Cell] = []
    end = 0

    def close() -> None:
        if run:
            first = run[0]
            ranges.append(Range(first.unit_id, first.kind, first.start, end - first.start, tuple(run)))
            run.clear()

    for cell in sorted(cells, key=lambda c: (c.unit_id, c.kind, c.start, c.width)):
        most = BITS_MAX if cell.kind in ("co", "di") else REGISTERS_MAX
        if run and (
            (run[0].unit_id, run[0].kind) != (cell.unit_id, cell.kind)
            or cell.start > end
            or max(end, cell.start + cell.width) - run[0].start > most
        ):
            close()
        if not run:
            end = cell.start
        run.append(cell)
        end = max(end, cell.start + cell.width)
    close()
    return ranges


def halves(whole: Range) -> list[Range]:
    """Return the two parts of a range that failed as a whole."""
    middle = len(whole.cells) // 2
    return [part for half in (whole.cells[:middle], whole.cells[middle:]) for part in ranges_of(half)]


def value_of(cell: Cell, words: Sequence[int]) -> Any:
    """Return the value of a cell's registers, exactly; with a scale or an offset it is a float."""
    if cell.type == "bool":
        # A register that is neither 0 nor 1 is no truth: it stays what it is, and is refused later.
        return bool(words[0]) if words[0] in (0, 1) else words[0]
    swapped = (
        [((word & 0xFF) << 8) | (word >> 8) for word in words] if cell.order in ("BADC", "DCBA") else words
    )
    ordered = list(reversed(swapped)) if cell.order in ("CDAB", "DCBA") and cell.type in _FORMS else swapped
    packed = b"".join(word.to_bytes(2, "big") for word in ordered)
    if cell.type.startswith("string"):
        return packed[: int(cell.type[6:])].rstrip(b"\x00 ").decode("latin-1")
    value = struct.unpack(">" + _FORMS[cell.type], packed)[0]
    if cell.scale != 1.0 or cell.offset != 0.0:
        return value * cell.scale + cell.offset
    return value
