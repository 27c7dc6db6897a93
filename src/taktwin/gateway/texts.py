"""Values that a source writes as text: read by what the signal is, and only where that is exact. Pure."""

from __future__ import annotations

import re
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_NOT_FINITE = {
    "nan": float("nan"),
    "inf": float("inf"),
    "+inf": float("inf"),
    "infinity": float("inf"),
    "-inf": float("-inf"),
    "-infinity": float("-inf"),
}
_FLOATS = frozenset({"float32", "float64"})
_TEXTS = frozenset({"", "string", "bytes", "datetime"})


def text_value(said: str, value_type: str) -> Any:
    """Return the value that a text means for a signal of a type, or the text itself where it means none.

    Texts stay as they are for text signals ("00123" keeps its zeros) and for addresses without a
    signal (type ""); what is no number for a number signal stays text, and is refused as such.
    """
    if value_type in _TEXTS:
        return said
    text = said.strip()
    if value_type in _FLOATS:
        return float(text) if _NUMBER.match(text) else _NOT_FINITE.get(text.casefold(), said)
    if value_type == "bool":
        lowered = text.casefold()
        return lowered == "true" if lowered in ("true", "false") else said
    if value_type == "array":
        elements = text.split()
        return [float(e) for e in elements] if all(_NUMBER.match(e) for e in elements) else said
    return int(text) if _INTEGER.match(text) and len(text) < 40 else said
