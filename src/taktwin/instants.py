"""Instants as numbers and as text: integer nanoseconds since 1970 UTC inside, RFC 3339 on the wire.

Pure, so that engines may import it; who reads the wall clock is `clock.py` alone.
"""

from __future__ import annotations

from datetime import UTC, datetime

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000


def rfc3339(at_ns: int) -> str:
    """Return an instant as RFC 3339 in UTC with nanoseconds, the form of all our JSON."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"


def parse_rfc3339(text: str) -> int:
    """Return the instant of an RFC 3339 text, in nanoseconds; the zone is required.

    Raises
    ------
    ValueError
        If the text is no instant, or names no zone: guessing one would move history by hours.
    """
    body, fraction = text, ""
    if "." in text:
        head, tail = text.split(".", 1)
        digits = len(tail) - len(tail.lstrip("0123456789"))
        fraction, body = tail[:digits], head + tail[digits:]
    moment = datetime.fromisoformat(body)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; expected RFC 3339 such as 2026-11-12T14:32:07Z")
    whole = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return whole * SECOND_NS + int((fraction + "000000000")[:9])
