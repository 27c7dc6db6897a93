"""Binary columns: what a chart gets instead of JSON.

`application/vnd.taktwin.columns`: header length as uint32 little endian, header as UTF-8 JSON
`{"columns": [{"name", "type": "f64" | "u8", "length"}], ...}`, zeros up to a multiple of 8, then each
column raw, little endian, followed by zeros up to a multiple of 8. Everything counts from the first
byte, so a browser can lay typed arrays over the answer without a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from taktwin.portal import wire

MEDIA_TYPE = "application/vnd.taktwin.columns"
ALIGN = 8


def encode(columns: Mapping[str, npt.NDArray[Any]], more: Mapping[str, Any]) -> bytes:
    """Return columns as bytes: unsigned bytes stay what they are, everything else becomes float64."""
    header: list[dict[str, Any]] = []
    bodies: list[bytes] = []
    for name, column in columns.items():
        small = column.dtype == np.uint8
        header.append({"name": name, "type": "u8" if small else "f64", "length": len(column)})
        bodies.append(_padded(column.tobytes() if small else column.astype("<f8").tobytes()))
    text = wire.encode({"columns": header, **more})
    return b"".join([_padded(len(text).to_bytes(4, "little") + text), *bodies])


def _padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % ALIGN)
