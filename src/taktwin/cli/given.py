"""Words of a command line as values: each that cannot be is refused with what would be right."""

from __future__ import annotations

import math
from pathlib import Path

from taktwin.errors import ConfigError, Mistake
from taktwin.instants import parse_rfc3339

INSTANT = "RFC 3339 with a zone, such as 2026-11-12T14:32:07Z"


def refused(word: str, found: object, right: str) -> ConfigError:
    """Return the refusal of a word of the command line."""
    return ConfigError([Mistake("command line", 1, word, str(found), right)])


def instant(word: str, text: str) -> int:
    """Return an instant in nanoseconds since 1970. Raises ConfigError."""
    try:
        return parse_rfc3339(text)
    except ValueError as fault:
        raise refused(word, f"{text} ({fault})", INSTANT) from fault


def count(word: str, value: int, least: int = 0) -> int:
    """Return a whole number that is at least so many. Raises ConfigError."""
    if value < least:
        raise refused(word, value, f"{least} or more")
    return value


def speed(word: str, value: float) -> float:
    """Return how many seconds of the plant a second is. Raises ConfigError."""
    if not (math.isfinite(value) and value > 0):
        raise refused(word, f"{value:g}", "plant seconds a second, above 0")
    return value


def file_to_write(word: str, text: str) -> Path:
    """Return where a file is to be written, as soon as its folder is there. Raises ConfigError."""
    path = Path(text)
    if path.is_dir():
        raise refused(word, text, "a file, and no folder")
    if not path.absolute().parent.is_dir():
        raise refused(word, text, "a file in a folder that exists")
    return path
