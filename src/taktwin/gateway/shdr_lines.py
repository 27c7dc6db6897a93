"""SHDR, the line protocol of MTConnect adapters: bytes to readings. Pure.

A line: `<stamp>|<key>|<value>|<key>|<value>...`. A condition stands alone on its line and has five
fields: level, native code, native severity, qualifier, text. Its value is the level, followed by
the other fields where there are any: `Fault|1234|HIGH||Coolant low`. `UNAVAILABLE` is no data.
Each pair and each condition is one observation; each is counted, mapped or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from taktwin.gateway.connector import Malformed, Reading
from taktwin.gateway.texts import text_value
from taktwin.instants import parse_rfc3339
from taktwin.quality import Quality

LINE_BYTES_MAX = 1024 * 1024
LEVELS = frozenset({"normal", "warning", "fault", "unavailable"})


class Lines:
    """Bytes in pieces of any size into whole lines; a line without end is given up, and said so."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = 0

    def feed(self, data: bytes) -> Iterator[bytes | Malformed]:
        """Yield the lines that are whole now, without their ends."""
        pieces = (self._rest + data).split(b"\n")
        self._rest = pieces.pop()
        for piece in pieces:
            if self._skipping:
                yield self._too_long(piece)
                self._skipping = 0
            elif len(piece) > LINE_BYTES_MAX:
                yield self._too_long(piece)
            else:
                yield piece.rstrip(b"\r")
        if len(self._rest) > LINE_BYTES_MAX:
            self._skipping += len(self._rest)
            self._start = self._rest[: 64 * 1024]
            self._rest = b""

    _start = b""

    def _too_long(self, end: bytes) -> Malformed:
        size = self._skipping + len(end)
        return Malformed(
            "line", "too_large", f"a line of {size} bytes", f"at most {LINE_BYTES_MAX}", self._start or end
        )


def parse(
    line: bytes, received_mono_ns: int, *, types: Mapping[str, str], standing: bool = False
) -> list[Reading | Malformed]:
    """Return the observations of one line, none for a command (`* ...`) or an empty line.

    `types` maps the keys that are wanted to their signals' types: a number is read as a number only
    for a signal that is one.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return [Malformed("line", "malformed", f"not UTF-8: {error}", "UTF-8", line)]
    if not text.strip() or text.startswith("*"):
        return []
    fields = text.split("|")
    stamp = fields[0].strip().partition("@")[0]  # after @ stands a duration
    source_ns: int | None = None
    if stamp:
        try:
            source_ns = instant_ns(stamp)
        except ValueError as error:
            return [Malformed("line", "malformed", f"stamp {stamp!r}: {error}", "RFC 3339", line)]
    if len(fields) < 3 or not fields[1].strip():
        return [Malformed("line", "malformed", text[:200], "<stamp>|<key>|<value>", line)]
    if _is_condition(fields, types):
        pairs = [(fields[1], "|".join(fields[2:]).rstrip("|"))]
    elif fields[1].startswith("@"):  # an asset: one document, its text may hold bars
        pairs = [(fields[1], "|".join(fields[2:]))]
    elif len(fields) % 2 == 0:
        return [Malformed("line", "malformed", f"{len(fields) - 1} fields", "pairs of key and value", line)]
    else:
        pairs = list(zip(fields[1::2], fields[2::2], strict=True))
    readings: list[Reading | Malformed] = []
    for key, said in pairs:
        name = key.strip().rpartition(":")[2]  # <device>:<key>
        value, quality = _value(said, types.get(name, ""))
        readings.append(
            Reading(name, value, source_ns, received_mono_ns, quality, standing=standing, raw=line)
        )
    return readings


def instant_ns(stamp: str) -> int:
    """Return the instant of a stamp; MTConnect's are UTC also where no zone is written."""
    if stamp[-1] not in "Zz" and "+" not in stamp and "-" not in stamp[10:]:
        stamp += "Z"
    return parse_rfc3339(stamp)


def _is_condition(fields: list[str], types: Mapping[str, str]) -> bool:
    # Three pairs have as many fields as a condition; the level and the second key tell them apart.
    return len(fields) == 7 and fields[2].strip().casefold() in LEVELS and fields[3].strip() not in types


def _value(said: str, kind: str) -> tuple[Any, Quality]:
    text = said.strip()
    if text.casefold() == "unavailable":
        return None, Quality.GOOD_NO_DATA
    return text_value(said, kind), Quality.GOOD
