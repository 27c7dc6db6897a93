"""Search over everything that has a page: machines, signals, connections, alarms, places. Pure.

All entries stand in one text, one line each, so that the search itself is Python's own substring
search. Only the rarest word of a query is looked up there; the others are tried on the lines that it
found. A word that stands nowhere is replaced by those that differ from it in one letter.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest

WORDS = re.compile(r"[^\W_]+")
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüß0123456789"
# A word that stands in more lines than this means everything; the first ones are as good as any.
LINES_MAX = 5000
NEARLY_LENGTH_MIN = 4

# Of two equal hits the more general thing stands first.
KINDS = ("page", "command", "machine", "connection", "alarm", "signal")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be found; `also` are further words that lead to it."""

    kind: str
    id: str
    title: str
    subtitle: str
    href: str
    also: str = ""


class SearchIndex:
    """Finds entries by the beginnings, parts or near misses of words."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        # In the order in which equal hits are shown, so that the first lines are the better ones.
        self._entries = sorted(entries, key=lambda e: (KINDS.index(e.kind), len(e.title), e.id))
        self._identities = [" ".join(_words(e.id)) for e in self._entries]
        self._lines = [_line(e) for e in self._entries]
        self._starts: list[int] = []
        at = 0
        for line in self._lines:
            self._starts.append(at)
            at += len(line) + 1
        self._text = "\n".join(self._lines)
        self._vocabulary = frozenset(word for line in self._lines for word in line.split())

    def find(self, query: str, *, limit: int = 20, further: Iterable[Entry] = ()) -> list[Entry]:
        """Return the best entries, best first. `further` are entries that come and go, such as alarms."""
        asked = _words(query)
        if not asked:
            return []
        found: list[tuple[int, int, Entry]] = []
        for words in self._meant(asked):
            rarest = min(words, key=self._text.count)
            whole = " ".join(words)
            for position in self._lines_with(rarest):
                distance = _distance(words, self._lines[position])
                if distance is not None:
                    identity = self._identities[position]
                    distance = 0 if identity == whole else distance + (not identity.startswith(whole))
                    found.append((distance, position, self._entries[position]))
        for entry in further:
            distance = _distance(asked, _line(entry))
            if distance is not None:
                found.append((distance, -1, entry))
        best = nsmallest(limit, found, key=lambda hit: hit[:2])
        return list(dict.fromkeys(entry for _, _, entry in best))

    def _meant(self, asked: Sequence[str]) -> Iterator[list[str]]:
        """Yield the query, or what it may mean where a word of it stands nowhere."""
        unknown = [word for word in asked if word not in self._text]
        if not unknown:
            yield list(asked)
        elif len(unknown) == 1 and len(unknown[0]) >= NEARLY_LENGTH_MIN:
            for near in sorted(_nearly(unknown[0]) & self._vocabulary):
                yield [near if word == unknown[0] else word for word in asked]

    def _lines_with(self, word: str) -> list[int]:
        """Return the lines that hold a word; first those in which a word begins with it."""
        lines: dict[int, None] = {}
        for needle in (f" {word}", word) if len(word) > 1 else (f" {word}",):
            at = self._text.find(needle)
            while at >= 0 and len(lines) < LINES_MAX:
                line = bisect_right(self._starts, at) - 1
                lines[line] = None
                # One hit a line is enough: go on behind its end.
                at = self._text.find(needle, self._starts[line] + len(self._lines[line]))
        return list(lines)


def _words(text: str) -> list[str]:
    return WORDS.findall(text.casefold())


def _line(entry: Entry) -> str:
    """Return all words of an entry in lower case, a space on both sides of each."""
    return f" {' '.join(_words(f'{entry.id} {entry.title} {entry.subtitle} {entry.also}'))} "


def _distance(words: Sequence[str], line: str) -> int | None:
    """Return how far a line is from the words, None if one is missing: per word 0 it is there, 2 a word
    begins with it, 4 it is somewhere inside."""
    distance = 1
    for word in words:
        if f" {word} " in line:
            continue
        if f" {word}" in line:
            distance += 2
        elif len(word) > 1 and word in line:
            distance += 4
        else:
            return None
    return distance


def _nearly(word: str) -> set[str]:
    """Return all texts that differ in one letter: one more, one less, another one, two swapped."""
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    return {
        *(a + b[1:] for a, b in splits if b),
        *(a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1),
        *(a + letter + b[1:] for a, b in splits if b for letter in LETTERS),
        *(a + letter + b for a, b in splits for letter in LETTERS),
    }
