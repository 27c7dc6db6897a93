"""Values as typed columns, bit for bit, and back.

A value may be nothing, a bool, an integer of up to 64 bits, a float, text, bytes or a list. Each
stands in the column of its own kind and is null in all others; nothing is coerced: 5 stays an
integer beside 5.0, `-0.0` keeps its sign, a NaN its payload, `"00123"` its zeros. Lists travel as
MessagePack in the `bytes` column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import compress
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taktwin.contracts.samples import Value
from taktwin.errors import DomainError

ArrowArray: TypeAlias = Any  # pa.Array: its stubs want each element type spelt, and here it varies


class Kind(IntEnum):
    """Which typed column holds a value. The numbers stand in stored files and never change."""

    NOTHING = 0
    BOOL = 1  # in i64: 0 or 1
    INT64 = 2  # in i64
    UINT64 = 3  # in u64: only what is beyond the signed range
    FLOAT64 = 4  # in f64
    TEXT = 5  # in text
    BYTES = 6  # in bytes
    LIST = 7  # in bytes, as MessagePack


VALUE_COLUMNS = ("kind", "f64", "i64", "u64", "text", "bytes")
I64_MAX = 2**63 - 1
I64_MIN = -(2**63)
U64_MAX = 2**64 - 1

_CODES: dict[type, int] = {
    type(None): Kind.NOTHING,
    bool: Kind.BOOL,
    int: Kind.INT64,
    float: Kind.FLOAT64,
    str: Kind.TEXT,
    bytes: Kind.BYTES,
    list: Kind.LIST,
}
_pack_list = msgspec.msgpack.Encoder().encode
_unpack_list = msgspec.msgpack.Decoder().decode


@dataclass(frozen=True, slots=True)
class ValueColumns:
    """Values of n rows as Arrow arrays of length n; `kind` says which of the others is not null."""

    kind: ArrowArray  # uint8
    f64: ArrowArray
    i64: ArrowArray
    u64: ArrowArray
    text: ArrowArray
    bytes: ArrowArray

    def __len__(self) -> int:
        return len(self.kind)


def pack(values: Sequence[Value]) -> ValueColumns:
    """Return values as typed columns.

    Raises
    ------
    DomainError
        If a value is of no known type or an integer beyond 64 bits: the door should have refused it.
    """
    n = len(values)
    try:
        kind = np.fromiter(map(_CODES.__getitem__, map(type, values)), np.uint8, n)
    except KeyError as unknown:
        raise DomainError(f"a value of type {unknown}: expected {Value}") from None
    counts = np.bincount(kind, minlength=8)
    if counts[Kind.FLOAT64] == n:  # the usual batch: nothing but floats
        return pack_floats(np.array(values, dtype=np.float64))
    i64, u64, kind = _integers(values, kind, counts, n)
    return ValueColumns(
        kind=pa.array(kind),
        f64=_scattered(values, kind == Kind.FLOAT64, int(counts[Kind.FLOAT64]), np.float64, pa.float64()),
        i64=i64,
        u64=u64,
        text=_objects(values, kind == Kind.TEXT, int(counts[Kind.TEXT]), pa.string()),
        bytes=_binary(values, kind, counts, n),
    )


def pack_floats(values: npt.NDArray[np.float64]) -> ValueColumns:
    """Return an array of floats as typed columns."""
    n = len(values)
    return ValueColumns(
        kind=pa.array(np.full(n, Kind.FLOAT64, np.uint8)),
        f64=pa.array(values),
        i64=pa.nulls(n, pa.int64()),
        u64=pa.nulls(n, pa.uint64()),
        text=pa.nulls(n, pa.string()),
        bytes=pa.nulls(n, pa.binary()),
    )


def unpack(columns: pa.Table | pa.RecordBatch) -> list[Value]:
    """Return the values of a table that has the value columns, in row order, exactly as they came in."""
    kinds = columns["kind"].to_numpy(zero_copy_only=False) if columns.num_rows else np.empty(0, np.uint8)
    present = set(np.unique(kinds).tolist())
    out: list[Value] = [None] * columns.num_rows
    readers: list[tuple[Kind, str, Any]] = [
        (Kind.BOOL, "i64", bool),
        (Kind.INT64, "i64", None),
        (Kind.UINT64, "u64", None),
        (Kind.FLOAT64, "f64", None),
        (Kind.TEXT, "text", None),
        (Kind.BYTES, "bytes", None),
        (Kind.LIST, "bytes", _unpack_list),
    ]
    for kind, column, convert in readers:
        if kind not in present:
            continue
        rows = np.flatnonzero(kinds == kind)
        found = _flat(columns[column]).take(rows)
        # Through numpy, because Arrow's own scalars are slower and both keep the bits of a NaN.
        plain: Iterable[Any] = (
            found.to_numpy(zero_copy_only=False).tolist() if kind <= 4 else found.to_pylist()
        )
        for row, value in zip(rows.tolist(), plain, strict=True):
            out[row] = value if convert is None else convert(value)
    return out


def numbers(columns: pa.Table | pa.RecordBatch) -> npt.NDArray[np.float64]:
    """Return each row's value as a float for drawing; NaN where it is no number.

    Integers beyond 2**53 lose their last digits here: a curve does not show them.
    """
    n = columns.num_rows
    out = np.full(n, np.nan)
    for column in ("f64", "i64", "u64"):
        array = _flat(columns[column])
        if array.null_count == n:
            continue
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        out[valid] = array.drop_null().to_numpy(zero_copy_only=False)
    return out


def _flat(column: Any) -> ArrowArray:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _scattered(
    values: Sequence[Value], mask: npt.NDArray[np.bool_], count: int, dtype: type, arrow: Any
) -> ArrowArray:
    n = len(mask)
    if not count:
        return pa.nulls(n, arrow)
    column: npt.NDArray[Any] = np.zeros(n, dtype)
    column[mask] = list(compress(values, mask.tolist()))
    return pa.array(column, type=arrow, mask=~mask)


def _integers(
    values: Sequence[Value], kind: npt.NDArray[np.uint8], counts: npt.NDArray[np.int64], n: int
) -> tuple[ArrowArray, ArrowArray, npt.NDArray[np.uint8]]:
    """Return the signed and the unsigned column, and the kinds with what is beyond 63 bits marked."""
    if not counts[Kind.INT64] and not counts[Kind.BOOL]:
        return pa.nulls(n, pa.int64()), pa.nulls(n, pa.uint64()), kind
    mask = (kind == Kind.INT64) | (kind == Kind.BOOL)
    found: list[Any] = list(compress(values, mask.tolist()))
    try:
        column = np.zeros(n, np.int64)
        column[mask] = np.array(found, dtype=np.int64)
        return pa.array(column, mask=~mask), pa.nulls(n, pa.uint64()), kind
    except OverflowError:
        pass
    wrong = [value for value in found if not I64_MIN <= value <= U64_MAX]
    if wrong:
        raise DomainError(f"an integer of more than 64 bits: {wrong[0]}")
    kind = kind.copy()
    signed: list[int | None] = [None] * n
    unsigned: list[int | None] = [None] * n
    for row, value in zip(np.flatnonzero(mask).tolist(), found, strict=True):
        if value > I64_MAX:
            unsigned[row] = value
            kind[row] = Kind.UINT64
        else:
            signed[row] = int(value)
    return pa.array(signed, pa.int64()), pa.array(unsigned, pa.uint64()), kind


def _objects(values: Sequence[Value], mask: npt.NDArray[np.bool_], count: int, arrow: Any) -> ArrowArray:
    if not count:
        return pa.nulls(len(mask), arrow)
    return pa.array([v if m else None for v, m in zip(values, mask.tolist(), strict=True)], arrow)


def _binary(
    values: Sequence[Value], kind: npt.NDArray[np.uint8], counts: npt.NDArray[np.int64], n: int
) -> ArrowArray:
    if not counts[Kind.BYTES] and not counts[Kind.LIST]:
        return pa.nulls(n, pa.binary())
    out: list[bytes | None] = [None] * n
    for row in np.flatnonzero((kind == Kind.BYTES) | (kind == Kind.LIST)).tolist():
        value = values[row]
        out[row] = _pack_list(value) if isinstance(value, list) else value  # type: ignore[assignment]
    return pa.array(out, pa.binary())
