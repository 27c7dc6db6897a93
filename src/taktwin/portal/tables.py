"""The historian's tables as plain values: the one place where Arrow's types end."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

FloatArray = npt.NDArray[np.float64]


def column(table: pa.Table, name: str) -> list[Any]:
    """Return a column as Python values, null as None."""
    values: list[Any] = table[name].to_pylist()
    return values


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows as dictionaries."""
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def floats(table: pa.Table, name: str) -> FloatArray:
    """Return a column as (n,) floats, null as NaN."""
    return np.array([np.nan if value is None else value for value in column(table, name)], dtype=np.float64)


def gaps_of(table: pa.Table) -> dict[str, list[tuple[int, int]]]:
    """Return the spans in which nobody vouched for a signal, of the historian's answer."""
    metadata = table.schema.metadata or {}
    if b"gaps" not in metadata:
        return {}
    return msgspec.json.decode(metadata[b"gaps"], type=dict[str, list[tuple[int, int]]])
