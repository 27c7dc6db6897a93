"""Payloads of third parties' messages: bytes to a value, by a decoder that the plant model names. Pure.

`json` is our own convention (`{"timestamp_ms", "value"}` and its optional keys,
no others); `json-path` picks a value out of any document; the rest are plain or binary values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from taktwin.instants import MILLISECOND_NS, parse_rfc3339
from taktwin.quality import BY_LABEL, Quality

_FIELDS = {"timestamp_ms", "value", "q", "src_ts_ms", "seq", "unit"}
_BINARY = {
    "int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint8": "B", "uint16": "H", "uint32": "I",
    "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip
DECODERS = ("json", "json-path", "text", "bytes", "spectrum-<n>", *(f"{name}-be|le" for name in _BINARY))


class Decoded(NamedTuple):
    """What a payload says."""

    value: Any
    source_ns: int | None = None
    quality: Quality = Quality.GOOD
    unit: str = ""


class Unreadable(Exception):
    """The payload is not what its decoder expects: a value for quarantine, not a failure."""

    def __init__(self, reason: str, found: str, expected: str) -> None:
        super().__init__(found)
        self.reason, self.found, self.expected = reason, found, expected


Decoder = Callable[[bytes], Decoded]


def decoder_of(options: Mapping[str, Any], value_type: str) -> Decoder:
    """Return the decoder that an address names, `json` where it names none.

    Raises
    ------
    ValueError
        If there is no such decoder, with those that exist.
    """
    name = str(options.get("decoder", "json"))
    if name == "json":
        return _plain_json
    if name == "json-path":
        path = tuple(str(options.get("path", "value")).split("."))
        time_path = tuple(str(options.get("time_path", "timestamp_ms")).split("."))
        return lambda payload: _json_path(payload, path, time_path)
    if name in ("text", "plain"):
        return lambda payload: Decoded(_text(payload, value_type))
    if name == "bytes":
        return Decoded
    if name.startswith("spectrum"):
        return _spectrum(name, value_type, str(options.get("element", "float32-le")))
    base, _, order = name.partition("-")
    if base in _BINARY and order in ("be", "le"):
        form = struct.Struct((">" if order == "be" else "<") + _BINARY[base])
        return lambda payload: Decoded(_one(form, name, payload))
    raise ValueError(f"decoder {name!r}; expected one of {', '.join(DECODERS)}")


def _document(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable("malformed", f"{error}: {payload[:80]!r}", "JSON") from error


def _plain_json(payload: bytes) -> Decoded:
    document = _document(payload)
    if not isinstance(document, dict) or "value" not in document or "timestamp_ms" not in document:
        raise Unreadable("schema", repr(document)[:120], '{"timestamp_ms": ..., "value": ...}')
    unknown = document.keys() - _FIELDS
    if unknown:
        raise Unreadable("schema", f"unknown keys {sorted(unknown)}", f"only {sorted(_FIELDS)}")
    word = document.get("q", "Good")
    quality = BY_LABEL.get(word) if isinstance(word, str) else None
    if quality is None:
        raise Unreadable("schema", f"q {word!r}", f"one of {', '.join(BY_LABEL)}")
    unit = document.get("unit") or ""
    if not isinstance(unit, str):
        raise Unreadable("schema", f"unit {unit!r}", "a unit code")
    stamp = document.get("src_ts_ms")
    return Decoded(
        document["value"], _instant(document["timestamp_ms"] if stamp is None else stamp), quality, unit
    )


def _json_path(payload: bytes, path: tuple[str, ...], time_path: tuple[str, ...]) -> Decoded:
    document = _document(payload)
    value = _at(document, path)
    if value is _ABSENT:
        raise Unreadable("schema", repr(document)[:120], f"a value at {'.'.join(path)}")
    stamp = _at(document, time_path)
    return Decoded(value, None if stamp is _ABSENT else _instant(stamp))


_ABSENT = object()


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _ABSENT
    return document


def _instant(stamp: Any) -> int:
    if type(stamp) is int and abs(stamp) < 2**53:
        return stamp * MILLISECOND_NS
    if type(stamp) is float and abs(stamp) < 2**53:
        return round(stamp * 1e6)
    if isinstance(stamp, str):
        try:
            return parse_rfc3339(stamp)
        except ValueError:
            pass
    raise Unreadable("schema", f"timestamp {stamp!r}"[:120], "milliseconds since 1970 as an integer")


def _text(payload: bytes, value_type: str) -> Any:
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable("malformed", f"not UTF-8: {error}", "text") from error
    if value_type in ("string", "datetime"):
        return text
    try:
        value = msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise Unreadable("malformed", text[:80], f"a {value_type} as text") from error
    return value


def _one(form: struct.Struct, name: str, payload: bytes) -> Any:
    if len(payload) != form.size:
        raise Unreadable("malformed", f"{len(payload)} bytes", f"{name}: {form.size} bytes")
    return form.unpack(payload)[0]


def _spectrum(name: str, value_type: str, element: str) -> Decoder:
    base, _, order = element.partition("-")
    count_text = name.partition("-")[2]
    if base not in _BINARY or not count_text.isdigit():
        raise ValueError(f"decoder {name!r} of {element!r}; expected spectrum-<n> of float32-le")
    count = int(count_text)
    form = struct.Struct(f"{'<' if order == 'le' else '>'}{count}{_BINARY[base]}")

    def decode(payload: bytes) -> Decoded:
        if len(payload) != form.size:
            raise Unreadable("malformed", f"{len(payload)} bytes", f"{name}: {form.size} bytes")
        return Decoded(payload if value_type == "bytes" else list(form.unpack(payload)))

    return decode
