"""Times in exports of other historians: found by a pattern, turned into UTC nanoseconds, never guessed.

A time without a zone needs one that a person named. On the night when clocks go back an hour, the
same local time comes twice: the second time of a tag that goes on in order is the later one. A
local time that never was (the hour that is skipped in spring) is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

SECOND_NS = 1_000_000_000
EPOCHS = {"s": SECOND_NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
# A number of these digits before the point is a time between 2001 and 2286 in that unit only.
EPOCH_BY_DIGITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
ISO = re.compile(
    r"(?P<Y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)(?:[T ]+(?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d)"
    r"(?:[.,](?P<f>\d{1,9}))?)?)?\s*(?P<z>Z|UTC|[+-]\d\d:?\d\d)?\Z"
)
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?\Z")
_TOKENS = {
    "Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d\d)", "m": r"(?P<m>\d\d?)", "d": r"(?P<d>\d\d?)",
    "H": r"(?P<H>\d\d?)", "I": r"(?P<H>\d\d?)", "M": r"(?P<M>\d\d)", "S": r"(?P<S>\d\d)",
    "f": r"(?P<f>\d{1,9})", "p": r"(?P<p>AM|PM|am|pm)", "z": r"(?P<z>Z|[+-]\d\d:?\d\d)",
    "b": r"(?P<b>[A-Za-z]{3})", "%": "%",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHAPES = (
    ("iso", ISO),
    ("%d.%m.%Y %H:%M:%S.%f", re.compile(r"\d\d?\.\d\d?\.\d{4} \d\d?:\d\d:\d\d[.,]\d+\Z")),
    ("%d.%m.%Y %H:%M:%S", re.compile(r"\d\d?\.\d\d?\.\d{4} \d\d?:\d\d:\d\d\Z")),
    ("%d.%m.%Y %H:%M", re.compile(r"\d\d?\.\d\d?\.\d{4} \d\d?:\d\d\Z")),
    ("%d-%b-%Y %H:%M:%S", re.compile(r"\d\d?-[A-Za-z]{3}-\d{4} \d\d?:\d\d:\d\d\Z")),
)
_SLASHED = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) \d\d?:\d\d(:\d\d)?([.,]\d+)?( [AaPp][Mm])?\Z")


class TimeFault(ValueError):
    """Why a text is no instant; the text goes to the rejects."""


class TimeParser:
    """Texts of one declared or detected form to UTC nanoseconds."""

    def __init__(self, form: str, zone: str) -> None:
        """`form`: iso, s, ms, us, ns, or a pattern with %Y and the like; `zone`: IANA name, "" for none."""
        self._scale = EPOCHS.get(form)
        self._pattern = ISO if form == "iso" else None if self._scale else _compiled(form)
        self._zone = ZoneInfo(zone) if zone else None
        self._minutes: dict[tuple[str | None, ...], tuple[int, int]] = {}

    def parse(self, text: str) -> tuple[int, int]:
        """Return the instant, and the later one if this local time came twice (else the same).

        Raises
        ------
        TimeFault
            If the text is no instant of this form, or names no zone and none was declared.
        """
        if self._scale is not None:
            return self._epoch(text)
        assert self._pattern is not None
        found = self._pattern.match(text)
        if found is None:
            raise TimeFault("no time of the declared form")
        part = found.groupdict()
        key = tuple(part.get(name) for name in ("Y", "y", "b", "m", "d", "H", "p", "M", "z"))
        base = self._minutes.get(key)
        if base is None:
            if len(self._minutes) > 100_000:
                self._minutes.clear()
            base = self._minutes[key] = self._minute(part)
        seconds = int(part.get("S") or 0)
        if seconds > 59:
            raise TimeFault(f"second {seconds}")
        fraction = part.get("f") or ""
        rest = seconds * SECOND_NS + (int((fraction + "000000000")[:9]) if fraction else 0)
        return base[0] + rest, base[1] + rest

    def _epoch(self, text: str) -> tuple[int, int]:
        if not _NUMBER.match(text):
            raise TimeFault("no number")
        assert self._scale is not None
        whole, _, fraction = text.replace(",", ".").partition(".")
        digits = len(str(self._scale)) - 1
        part = int((fraction + "0" * 9)[:digits] or 0) if digits else 0
        at = int(whole) * self._scale + (-part if whole.startswith("-") else part)
        return at, at

    def _minute(self, part: dict[str, str | None]) -> tuple[int, int]:
        try:
            year = int(part.get("Y") or 0) or 2000 + int(part.get("y") or 0)
            month = int(part["m"] or 0) if part.get("m") else _MONTHS.index((part.get("b") or "").lower()) + 1
            hour = int(part.get("H") or 0)
            if part.get("p"):
                hour = hour % 12 + (12 if (part["p"] or "").lower() == "pm" else 0)
            local = datetime(year, month, int(part["d"] or 0), hour, int(part.get("M") or 0))
        except ValueError as fault:
            raise TimeFault(str(fault)) from None
        zone = part.get("z")
        if zone is not None:
            at = _ns(local.replace(tzinfo=_offset(zone)))
            return at, at
        if self._zone is None:
            raise TimeFault("no time zone, and none was declared")
        first = local.replace(tzinfo=self._zone)
        if first.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != local:
            raise TimeFault(f"this local time does not exist in {self._zone.key}")
        return _ns(first), _ns(first.replace(fold=1))


def detect_form(texts: Sequence[str]) -> str:
    """Return the form that nine of ten times have, "" where none has them or where day and month
    cannot be told apart."""
    texts = [text for text in texts if text]
    enough = max(1, -(-len(texts) * 9 // 10))
    for form, shape in _SHAPES:
        if sum(bool(shape.match(text)) for text in texts) >= enough:
            return form
    digits = Counter(len(re.split("[.,]", text)[0]) for text in texts if _NUMBER.match(text))
    for length, count in digits.most_common(1):
        if count >= enough:
            return EPOCH_BY_DIGITS.get(length, "")
    return _slashed(texts, enough)


def _slashed(texts: Sequence[str], enough: int) -> str:
    found = [match for match in map(_SLASHED.match, texts) if match]
    if len(found) < enough:
        return ""
    first = max(int(match[1]) for match in found)
    second = max(int(match[2]) for match in found)
    one = found[0]
    clock = ("%I" if one[5] else "%H") + ":%M" + (":%S" if one[3] else "") + (".%f" if one[4] else "")
    tail = f"%Y {clock}" + (" %p" if one[5] else "")
    if first > 12 >= second:
        return f"%d/%m/{tail}"
    return f"%m/%d/{tail}" if second > 12 >= first else ""


def _compiled(form: str) -> re.Pattern[str]:
    out = ""
    parts = re.split(r"%(.)", form)
    for at, part in enumerate(parts):
        if at % 2 == 0:
            out += re.escape(part).replace(r"\.", "[.,]" if at and parts[at - 1] == "S" else r"\.")
        elif part in _TOKENS:
            out += _TOKENS[part]
        else:
            raise ValueError(f"%{part} in {form!r}: expected one of {', '.join('%' + t for t in _TOKENS)}")
    return re.compile(out + r"\Z")


def _offset(zone: str) -> timezone:
    if zone in ("Z", "UTC"):
        return UTC
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))


def _ns(moment: datetime) -> int:
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND_NS
