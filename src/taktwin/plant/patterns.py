"""Patterns in addresses: `nsu=urn:x;s={equipment}.{path.dotted}` -> one address per signal.

A pattern is compiled once and filled for every signal. In braces stand the words of `WORDS`, or a
variable of the equipment, to which a whole number may be added: `hr:{base+10}:float32`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from taktwin.identity import Place

_BRACES = re.compile(r"\{([^{}]*)\}")
_SUM = re.compile(r"([a-z][a-z0-9_]*)\s*(?:([+-])\s*([0-9]+))?\Z")


class Subject(NamedTuple):
    """What a pattern is filled for."""

    equipment: str
    place: Place
    path: str
    variables: Mapping[str, Any]


WORDS: dict[str, Callable[[Subject], str]] = {
    "equipment": lambda s: s.equipment,
    "path": lambda s: s.path,
    "path.dotted": lambda s: s.path.replace("/", "."),
    "path.underscored": lambda s: s.path.replace("/", "_"),
    "path.last": lambda s: s.path.rpartition("/")[2],
    "topic": lambda s: "uns/v1/" + "/".join(s.place),
    "enterprise": lambda s: s.place.enterprise,
    "site": lambda s: s.place.site,
    "area": lambda s: s.place.area,
    "line": lambda s: s.place.line,
    "cell": lambda s: s.place.cell,
}


class UnknownWord(Exception):
    """A pattern names something that this equipment does not have; the argument is the word."""


@lru_cache(maxsize=65536)
def compiled(pattern: str) -> Callable[[Subject], str]:
    """Return the function that fills a pattern. It raises UnknownWord with the word in braces."""
    parts: list[str | Callable[[Subject], str]] = []
    end = 0
    for match in _BRACES.finditer(pattern):
        if match.start() > end:
            parts.append(pattern[end : match.start()])
        parts.append(_word(match.group(1).strip()))
        end = match.end()
    if end < len(pattern):
        parts.append(pattern[end:])
    if all(isinstance(part, str) for part in parts):
        return lambda subject: pattern
    return lambda subject: "".join([part if isinstance(part, str) else part(subject) for part in parts])


def _word(text: str) -> Callable[[Subject], str]:
    if text in WORDS:
        return WORDS[text]
    match = _SUM.match(text)

    def fill(subject: Subject) -> str:
        if match is None or match.group(1) not in subject.variables:
            raise UnknownWord(text)
        value = subject.variables[match.group(1)]
        if match.group(2) is None:
            return str(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise UnknownWord(text)
        step = int(match.group(3))
        return str(value + step if match.group(2) == "+" else value - step)

    return fill
