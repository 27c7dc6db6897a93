"""Values and qualities in exports of other historians, by the declared type of the signal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from taktwin.contracts.samples import Value
from taktwin.quality import BY_LABEL, Quality

# What historians write where a tag had no usable value.
NO_VALUE = frozenset(
    (
        "bad",
        "no data",
        "nodata",
        "i/o timeout",
        "bad input",
        "calc failed",
        "comm fail",
        "null",
        "none",
        "n/a",
    )
)
_INTEGER = re.compile(r"-?(0|[1-9]\d*)\Z")
_FLOAT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "infinity": float("inf"), "-inf": float("-inf"),
               "+inf": float("inf"), "-infinity": float("-inf")}  # fmt: skip
_TRUE = frozenset(("true", "1", "on", "yes", "t", "y", "wahr", "ein"))
_FALSE = frozenset(("false", "0", "off", "no", "f", "n", "falsch", "aus"))
_BITS = re.compile(r"u?int(8|16|32|64)\Z")
_OPC_DA = {0xC0: Quality.GOOD, 0x40: Quality.UNCERTAIN, 0x00: Quality.BAD}
_LABELS = {label.lower(): quality for label, quality in BY_LABEL.items()}


class ValueFault(ValueError):
    """Why a text is no value of its signal; the row goes to the rejects."""


def value_of(text: str, kind: str, decimal: str) -> Value:
    """Return the value of a text by a signal's declared type; "" means by its looks.

    By its looks, `00123` is text and not 123: leading zeros are somebody's identifier.

    Raises
    ------
    ValueFault
        If the text is no value of that type.
    """
    if kind in ("string", "datetime"):
        return text
    plain = text.strip()
    if kind.startswith("float"):
        return _float(plain, decimal)
    if kind == "bool":
        return _bool(plain)
    if _BITS.match(kind):
        return _integer(plain, kind, decimal)
    if kind == "bytes":
        return _bytes(plain)
    if kind == "array":
        return _array(plain)
    if _INTEGER.match(plain) and -(2**63) <= int(plain) < 2**64:
        return int(plain)
    number = plain.replace(",", ".") if decimal == "," else plain
    if _FLOAT.match(number) and not re.match(r"[+-]?0\d", number):
        return float(number)
    return text


def typed(value: Any, kind: str, decimal: str) -> Value:
    """Return a value that came typed (from Parquet) in the signal's declared type."""
    if isinstance(value, str):
        return value_of(value, kind, decimal)
    if kind.startswith("float") and type(value) is int:
        if float(value) != value:
            raise ValueFault(f"{value} has no exact float")
        return float(value)
    if _BITS.match(kind) and type(value) in (float, int):
        return _integer(repr(value), kind, ".")
    if kind == "bool" and value in (0, 1):
        return bool(value)
    if kind == "string" or (kind.startswith("float") and not isinstance(value, float)):
        raise ValueFault(f"{type(value).__name__} where {kind} was declared")
    if not isinstance(value, bool | int | float | bytes | list):
        raise ValueFault(f"a value of type {type(value).__name__}")
    return value


def quality_scale(texts: Iterable[str]) -> str:
    """Return how numbers stand for quality: `opc-da` (192 is good), `opc-ua` (0 is good, large codes),
    `taktwin` (0 good to 3 bad)."""
    numbers = [int(text) for text in texts if text.strip().isdigit()]
    if any(number > 255 for number in numbers):
        return "opc-ua"
    return "opc-da" if any(number > 3 for number in numbers) else "taktwin"


def quality_of(text: str, scale: str) -> int | None:
    """Return the quality code of a word or a number on a scale, None if it is not understood."""
    word = text.strip().lower()
    if not word:
        return int(Quality.GOOD)
    if word.isdigit():
        return _quality_number(int(word), scale)
    exact = _LABELS.get(word)
    if exact is not None:
        return int(exact)
    # `Bad_SensorFailure`, `Good, local override`: the first word counts.
    first = re.split(r"[^a-z]", word)[0]
    return int(Quality[first.upper()]) if first in ("good", "uncertain", "bad") else None


def _quality_number(number: int, scale: str) -> int | None:
    if scale == "opc-ua":
        return (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)[number >> 30 & 3]
    if scale == "opc-da":
        return _OPC_DA.get(number & 0xC0) if number <= 255 else None
    return number if number <= max(Quality) else None


def _float(text: str, decimal: str) -> float:
    number = text.replace(",", ".") if decimal == "," and "." not in text else text
    if _FLOAT.match(number):
        return float(number)
    special = _NOT_FINITE.get(number.lower())
    if special is None:
        raise ValueFault("no number")
    return special


def _integer(text: str, kind: str, decimal: str) -> int:
    bits = int(kind.removeprefix("u").removeprefix("int"))
    low, high = (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if re.match(r"[+-]?\d+\Z", text):
        number = int(text)
    else:
        # Exports print counters as 5.0; what has a rest is no integer and is refused.
        parsed = _float(text, decimal)
        if not parsed.is_integer() or abs(parsed) > 2**53:
            raise ValueFault("no integer")
        number = int(parsed)
    if not low <= number <= high:
        raise ValueFault(f"outside {kind}")
    return number


def _bool(text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueFault("no true or false")


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise ValueFault("no hexadecimal bytes") from None


def _array(text: str) -> list[Any]:
    try:
        return msgspec.json.decode(text, type=list[Any])
    except msgspec.MsgspecError:
        raise ValueFault("no JSON list") from None
