"""Checks that many sections share: names, units, texts with braces, secrets in clear text."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import Any

from taktwin import units
from taktwin.plant.load import Loaded, one_of, suggestion

_SECRET_NAME = re.compile(r"password|passwd|passphrase|secret|token|api_?key|private_?key\Z|credential", re.I)
_REFERENCE = re.compile(r"(?:env|file):\S+\Z")
_USER_AND_PASSWORD = re.compile(r"\A[a-z][a-z0-9+.-]*://[^/@:]*:[^/@]+@", re.I)
HIDDEN = "***"
SECONDS_MAX = 10_000_000  # of one operation: a quarter of a year
PARTS_MAX = 1_000_000  # in one place, or in one charge


def known(loaded: Loaded, path: str, word: str, section: str, names: Iterable[str]) -> bool:
    """Return whether a name stands in a section, and note a mistake if not.

    An entry that stands there but could not be read counts: its own mistake is enough.
    """
    names = list(names)
    if word in names or f"{section}.{word}" in loaded.broken:
        return True
    loaded.add(path, word, one_of(word, names))
    return False


def secrets_in(loaded: Loaded, path: str, value: Any) -> None:
    """Note every secret in clear text in what a person wrote; the secret itself is not repeated."""
    if isinstance(value, dict):
        for key, inner in value.items():
            at = f"{path}.{key}"
            if (
                _SECRET_NAME.search(key)
                and isinstance(inner, (str, int, float))
                and not isinstance(inner, bool)
            ):
                if inner != "" and not _REFERENCE.match(str(inner)):
                    loaded.add(
                        at,
                        HIDDEN,
                        "a reference to the secret: env:NAME or file:NAME, never the secret itself",
                    )
            else:
                secrets_in(loaded, at, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            secrets_in(loaded, f"{path}[{number}]", inner)
    elif isinstance(value, str) and _USER_AND_PASSWORD.match(value):
        loaded.add(
            path, HIDDEN, "an address without a password; put it into settings as env:NAME or file:NAME"
        )


def fillable(loaded: Loaded, path: str, text: str, words: Iterable[str]) -> None:
    """Note a text whose braces name something that it cannot be filled with."""
    words = list(words)
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as broken:
        loaded.add(path, text, f"text with closed braces ({broken})")
        return
    for name in names:
        if name not in words:
            loaded.add(path, f"{{{name}}}", f"in braces {one_of(name, words)}")


def unit_expected(code: str) -> str:
    """Return what would be right in the place of an unknown unit."""
    meant = units.SPELLINGS.get(code)
    near = f"; did you mean {meant}?" if meant else suggestion(code, units.UNITS)
    return f"a UCUM code such as Cel, kW, mm/s, %{near}"


def known_unit(loaded: Loaded, path: str, code: str) -> None:
    """Note a unit that is no UCUM code; "" is none, and known."""
    if not units.is_unit(code):
        loaded.add(path, code, unit_expected(code))
