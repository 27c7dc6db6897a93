"""Old value beside new one: what a fact changed in rows that were there before it.

Comes in: the book that a projector writes. Goes out: a row a changed row, made of the journal alone like
all others, so that an auditor can make them anew. What a fact made new stands in the fact itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.storage.book import Book, R, Row, key_of

# Facts of machines in numbers: they say all that is new, and what they add to is a sum.
SUMS: frozenset[type[EventData]] = frozenset({
    events.MaterialCounted, events.CounterRestarted, events.UnitCreated, events.UnitMoved,
    events.UnitConsumed, events.ResultRecorded, events.InterlockRequested, events.InterlockAnswered,
})  # fmt: skip
UNSAID = frozenset({"version"})


class Change(Row, frozen=True, kw_only=True):
    """What one fact changed in one row."""

    table: ClassVar[str] = "changes"
    change: str  # <sequence, 20 digits>:<table>:<key>
    sequence: int  # of the journal's entry
    kind: str  # the row's table
    object: str  # the row's key
    fields: str  # JSON of Field


class Field(msgspec.Struct, frozen=True):
    """A field with its old and its new value."""

    field: str
    old: Any
    new: Any  # null: the row was taken out


class Recording:
    """A book that keeps what the first writing of each row found."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._before: dict[tuple[type[Row], str], Row | None] = {}

    def get(self, kind: type[R], key: str) -> R | None:
        """Return the row of a key, None where there is none."""
        return self._book.get(kind, key)

    def where(self, kind: type[R], **equal: Any) -> list[R]:
        """Return the rows whose fields equal these values, by key."""
        return self._book.where(kind, **equal)

    def newest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the greatest values of a field, the greatest first, then by key."""
        return self._book.newest(kind, by, limit, **equal)

    def oldest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the least values of a field, the least first, then by key."""
        return self._book.oldest(kind, by, limit, **equal)

    def page(self, kind: type[R], limit: int, after: str = "", **equal: Any) -> list[R]:
        """Return the next rows behind a key, by key."""
        return self._book.page(kind, limit, after, **equal)

    def among(self, kind: type[R], field: str, values: Iterable[str]) -> list[R]:
        """Return the rows whose field has one of some values, by key."""
        return self._book.among(kind, field, values)

    def count(self, kind: type[Row], distinct: str = "", **equal: Any) -> int:
        """Return how many rows have these values, or how many different values of a field they have."""
        return self._book.count(kind, distinct, **equal)

    def between(self, kind: type[R], by: str, low: float, high: float, **equal: Any) -> list[R]:
        """Return the rows with a field from `low` to `high`, both included, by key."""
        return self._book.between(kind, by, low, high, **equal)

    def put(self, row: Row) -> None:
        """Add a row, or replace the one of the same key."""
        self._keep(type(row), key_of(row))
        self._book.put(row)

    def remove(self, kind: type[Row], key: str) -> None:
        """Take a row out."""
        self._keep(kind, key)
        self._book.remove(kind, key)

    def _keep(self, kind: type[Row], key: str) -> None:
        if (kind, key) not in self._before:
            self._before[(kind, key)] = self._book.get(kind, key)

    def changes(self, sequence: int) -> list[Change]:
        """Return what was changed, by row."""
        found = []
        for (kind, key), before in self._before.items():
            if before is None:
                continue
            after = self._book.get(kind, key)
            fields = [
                Field(name, getattr(before, name), None if after is None else getattr(after, name))
                for name in kind.__struct_fields__
                if name not in UNSAID
                and (after is None or getattr(before, name) != getattr(after, name))
            ]  # fmt: skip
            if fields:
                name = f"{sequence:020d}:{kind.table}:{key}"
                text = msgspec.json.encode(fields).decode()
                found.append(Change(change=name, sequence=sequence, kind=kind.table, object=key, fields=text))
        return found
