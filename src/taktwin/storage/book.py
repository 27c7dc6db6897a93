"""A book of rows: typed, keyed, read by key or by equal fields; in memory and in PostgreSQL alike.

A row is a frozen struct whose first field is its key and whose `table` names where it lies; its
fields are the columns. Deciders are handed a `Reading`, only the functions that apply events a `Book`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec
from psycopg import sql

from taktwin.storage.database import Connection


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all rows."""

    table: ClassVar[str]


R = TypeVar("R", bound=Row)


class Reading(Protocol):
    """What may be looked at."""

    def get(self, kind: type[R], key: str) -> R | None:
        """Return the row of a key, None where there is none."""
        ...

    def where(self, kind: type[R], **equal: Any) -> list[R]:
        """Return the rows whose fields equal these values, by key."""
        ...

    def newest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the greatest values of a field, the greatest first, then by key."""
        ...

    def oldest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the least values of a field, the least first, then by key."""
        ...

    def page(self, kind: type[R], limit: int, after: str = "", **equal: Any) -> list[R]:
        """Return the next rows behind a key, by key: a list is turned page by page."""
        ...

    def among(self, kind: type[R], field: str, values: Iterable[str]) -> list[R]:
        """Return the rows whose field has one of some values, by key."""
        ...

    def count(self, kind: type[Row], distinct: str = "", **equal: Any) -> int:
        """Return how many rows have these values, or how many different values of a field they have."""
        ...

    def between(self, kind: type[R], by: str, low: float, high: float, **equal: Any) -> list[R]:
        """Return the rows with a field from `low` to `high`, both included, by key."""
        ...


class Book(Reading, Protocol):
    """What may be written too."""

    def put(self, row: Row) -> None:
        """Add a row, or replace the one of the same key."""
        ...

    def remove(self, kind: type[Row], key: str) -> None:
        """Take a row out; nothing happens if it is not there."""
        ...


def key_of(row: Row) -> str:
    """Return a row's key: its first field."""
    return str(getattr(row, row.__struct_fields__[0]))


class MemoryBook:
    """A book in memory, for rebuilding from events and for tests of millions of steps.

    What is asked for once by some fields is found by an index from then on, as in a database.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self._tables: dict[str, dict[str, Row]] = {}
        self._indexes: dict[str, dict[tuple[str, ...], dict[tuple[Any, ...], dict[str, Row]]]] = {}
        self._before: list[tuple[str, str, Row | None]] | None = None  # what a transaction has replaced

    def get(self, kind: type[R], key: str) -> R | None:
        """Return the row of a key, None where there is none."""
        row = self.rows.get((kind.table, key))
        assert row is None or isinstance(row, kind), "a table holds rows of one kind"
        return row

    def where(self, kind: type[R], **equal: Any) -> list[R]:
        """Return the rows whose fields equal these values, by key."""
        found: dict[str, Any] = self._tables.get(kind.table, {})
        if equal:
            found = self._index(kind.table, tuple(equal)).get(tuple(equal.values()), {})
        if len(found) < 2:  # most questions: there is nothing to sort
            return list(found.values())
        return [found[key] for key in sorted(found)]

    def newest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the greatest values of a field, the greatest first, then by key."""
        return sorted(self.where(kind, **equal), key=lambda row: getattr(row, by), reverse=True)[:limit]

    def oldest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the least values of a field, the least first, then by key."""
        return sorted(self.where(kind, **equal), key=lambda row: getattr(row, by))[:limit]

    def page(self, kind: type[R], limit: int, after: str = "", **equal: Any) -> list[R]:
        """Return the next rows behind a key, by key."""
        return [row for row in self.where(kind, **equal) if key_of(row) > after][:limit]

    def among(self, kind: type[R], field: str, values: Iterable[str]) -> list[R]:
        """Return the rows whose field has one of some values, by key."""
        found = [row for value in set(values) for row in self.where(kind, **{field: value})]
        return sorted(found, key=key_of)

    def count(self, kind: type[Row], distinct: str = "", **equal: Any) -> int:
        """Return how many rows have these values, or how many different values of a field they have."""
        rows = self.where(kind, **equal)
        return len({getattr(row, distinct) for row in rows}) if distinct else len(rows)

    def between(self, kind: type[R], by: str, low: float, high: float, **equal: Any) -> list[R]:
        """Return the rows with a field from `low` to `high`, both included, by key."""
        return [row for row in self.where(kind, **equal) if low <= getattr(row, by) <= high]

    def put(self, row: Row) -> None:
        """Add a row, or replace the one of the same key."""
        self._set(row.table, key_of(row), row)

    def remove(self, kind: type[Row], key: str) -> None:
        """Take a row out; nothing happens if it is not there."""
        self._set(kind.table, key, None)

    def begin(self) -> None:
        """Remember from now on what is replaced."""
        assert self._before is None, "one transaction at a time"
        self._before = []

    def commit(self) -> None:
        """Keep what was done since `begin`."""
        self._before = None

    def roll_back(self) -> None:
        """Take back what was done since `begin`."""
        before, self._before = self._before or [], None
        for table, key, row in reversed(before):
            self._set(table, key, row)

    def _set(self, table: str, key: str, row: Row | None) -> None:
        old = self.rows.get((table, key))
        if self._before is not None:
            self._before.append((table, key, old))
        if row is not None:
            self.rows[table, key] = self._tables.setdefault(table, {})[key] = row
        elif old is not None:
            del self.rows[table, key], self._tables[table][key]
        for fields, index in self._indexes.get(table, {}).items():
            was = None if old is None else tuple(getattr(old, field) for field in fields)
            now = None if row is None else tuple(getattr(row, field) for field in fields)
            if was is not None and was != now:
                index[was].pop(key, None)
            if now is not None:
                index.setdefault(now, {})[key] = row  # type: ignore[assignment]

    def _index(self, table: str, fields: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Row]]:
        indexes = self._indexes.setdefault(table, {})
        if fields not in indexes:
            index: dict[tuple[Any, ...], dict[str, Row]] = {}
            for key, row in self._tables.get(table, {}).items():
                index.setdefault(tuple(getattr(row, field) for field in fields), {})[key] = row
            indexes[fields] = index
        return indexes[fields]


class SqlBook:
    """A book in PostgreSQL, for the length of one transaction.

    Parameters
    ----------
    alone : nobody else writes meanwhile, so that a row that was looked at is not asked for again, and
        what is put waits in memory: until rows of its table are searched, or for `flush`, which whoever
        opened the transaction calls before its end. A row that is put ten times is then written once.
        The order within a table stays: what is unique in it besides its key may pass from row to row.
    """

    def __init__(self, connection: Connection, *, alone: bool = False) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], Row | None] | None = {} if alone else None
        self._waiting: dict[type[Row], list[tuple[str, Row | None]]] = {}  # key and row, None: removed

    def get(self, kind: type[R], key: str) -> R | None:
        """Return the row of a key, None where there is none."""
        if self._known is not None and (kind.table, key) in self._known:
            known = self._known[kind.table, key]
            assert known is None or isinstance(known, kind), "a table holds rows of one kind"
            return known
        found = self._connection.execute(_by(kind, (kind.__struct_fields__[0],), ""), [key]).fetchone()
        row = None if found is None else _row(kind, found)
        if self._known is not None:
            self._known[kind.table, key] = row
        return row

    def where(self, kind: type[R], **equal: Any) -> list[R]:
        """Return the rows whose fields equal these values, by key."""
        self._settle(kind)
        # Byte order, as Python sorts: the two kinds of book must agree in all they say.
        statement = _by(kind, tuple(equal), "key")
        return [_row(kind, found) for found in self._connection.execute(statement, list(equal.values()))]

    def newest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the greatest values of a field, the greatest first, then by key."""
        self._settle(kind)
        statement, words = _by(kind, tuple(equal), by), [*equal.values(), limit]
        return [_row(kind, found) for found in self._connection.execute(statement, words)]

    def oldest(self, kind: type[R], by: str, limit: int, **equal: Any) -> list[R]:
        """Return the rows with the least values of a field, the least first, then by key."""
        self._settle(kind)
        statement, words = _by(kind, tuple(equal), by, rising=True), [*equal.values(), limit]
        return [_row(kind, found) for found in self._connection.execute(statement, words)]

    def page(self, kind: type[R], limit: int, after: str = "", **equal: Any) -> list[R]:
        """Return the next rows behind a key, by key."""
        self._settle(kind)
        key = sql.Identifier(kind.__struct_fields__[0])
        behind = sql.SQL('{} {} COLLATE "C" > %s ORDER BY {} COLLATE "C" LIMIT %s').format(
            sql.SQL(" AND") if equal else sql.SQL(" WHERE"), key, key
        )
        words = [*equal.values(), after, limit]
        return [_row(kind, found) for found in self._connection.execute(_where(kind, equal) + behind, words)]

    def among(self, kind: type[R], field: str, values: Iterable[str]) -> list[R]:
        """Return the rows whose field has one of some values, by key."""
        self._settle(kind)
        test = sql.SQL(' WHERE {} = ANY(%s) ORDER BY {} COLLATE "C"').format(
            sql.Identifier(field), sql.Identifier(kind.__struct_fields__[0])
        )
        rows = self._connection.execute(_select(kind) + test, [list(values)])
        return [_row(kind, found) for found in rows]

    def count(self, kind: type[Row], distinct: str = "", **equal: Any) -> int:
        """Return how many rows have these values, or how many different values of a field they have."""
        self._settle(kind)
        what = sql.SQL("DISTINCT {}").format(sql.Identifier(distinct)) if distinct else sql.SQL("*")
        counted = sql.SQL("SELECT count({}) FROM ({}) found").format(what, _where(kind, equal))
        found = self._connection.execute(counted, list(equal.values())).fetchone()
        assert found is not None, "a count is always there"
        return int(found[0])

    def between(self, kind: type[R], by: str, low: float, high: float, **equal: Any) -> list[R]:
        """Return the rows with a field from `low` to `high`, both included, by key."""
        self._settle(kind)
        statement = _by(kind, tuple(equal), "key", between=by)
        found = self._connection.execute(statement, [*equal.values(), low, high])
        return [_row(kind, values) for values in found]

    def put(self, row: Row) -> None:
        """Add a row, or replace the one of the same key."""
        if self._known is None:
            self._connection.execute(_upsert(type(row)), _values(row))
            return
        key = key_of(row)
        self._known[row.table, key] = row
        self._wait(type(row), key, row)

    def remove(self, kind: type[Row], key: str) -> None:
        """Take a row out; nothing happens if it is not there."""
        if self._known is None:
            self._connection.execute(_delete(kind), [key])
            return
        self._known[kind.table, key] = None
        self._wait(kind, key, None)

    def flush(self) -> None:
        """Write what waits, table by table: no table of ours refers to another."""
        for kind in list(self._waiting):
            self._settle(kind)

    def _wait(self, kind: type[Row], key: str, row: Row | None) -> None:
        waiting = self._waiting.setdefault(kind, [])
        if waiting and waiting[-1][0] == key:
            waiting.pop()
        waiting.append((key, row))

    def _settle(self, kind: type[Row]) -> None:
        """Write what waits for a table: it is about to be searched, or the transaction ends."""
        for removed, group in itertools.groupby(
            self._waiting.pop(kind, ()), key=lambda each: each[1] is None
        ):
            if removed:
                _many(self._connection, _delete(kind), [[key] for key, _ in group])
            else:
                _many(self._connection, _upsert(kind), [_values(row) for _, row in group if row is not None])


def _select(kind: type[Row]) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, kind.__struct_fields__))
    return sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(kind.table))


def _where(kind: type[Row], fields: Iterable[str]) -> sql.Composed:
    tests = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in fields]
    return _select(kind) + (sql.SQL(" WHERE ") + sql.SQL(" AND ").join(tests) if tests else sql.SQL(""))


# A statement is composed once: that took longer than the database needs to answer it.


@functools.cache
def _by(
    kind: type[Row], fields: tuple[str, ...], order: str, *, between: str = "", rising: bool = False
) -> bytes:
    """Return what reads rows by equal fields, and by one with its limits.

    order : "" = any, "key" = by key, else a field: so many rows with the greatest values of it, or, rising,
        with the least
    """
    key, statement = sql.Identifier(kind.__struct_fields__[0]), _select(kind)
    tests = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in fields]
    if between:
        tests.append(sql.SQL("{} BETWEEN %s AND %s").format(sql.Identifier(between)))
    if tests:
        statement += sql.SQL(" WHERE ") + sql.SQL(" AND ").join(tests)
    if order == "key":
        statement += sql.SQL(' ORDER BY {} COLLATE "C"').format(key)
    elif order:
        first = sql.SQL(' ORDER BY {} {}, {} COLLATE "C" LIMIT %s')
        statement += first.format(sql.Identifier(order), sql.SQL("ASC" if rising else "DESC"), key)
    return statement.as_bytes(None)


@functools.cache
def _upsert(kind: type[Row]) -> bytes:
    names = kind.__struct_fields__
    changes = sql.SQL(", ").join(
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in names[1:]
    )
    return (
        sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}")
        .format(
            sql.Identifier(kind.table), sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join([sql.Placeholder()] * len(names)), sql.Identifier(names[0]), changes,
        )
        .as_bytes(None)
    )  # fmt: skip


@functools.cache
def _delete(kind: type[Row]) -> bytes:
    table, key = sql.Identifier(kind.table), sql.Identifier(kind.__struct_fields__[0])
    return sql.SQL("DELETE FROM {} WHERE {} = %s").format(table, key).as_bytes(None)


def _values(row: Row) -> list[Any]:
    return [getattr(row, name) for name in row.__struct_fields__]


def _many(connection: Connection, statement: bytes, rows: list[list[Any]]) -> None:
    """Execute a statement for each row, on one way there and back."""
    if len(rows) == 1:
        connection.execute(statement, rows[0])
        return
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _row(kind: type[R], values: tuple[Any, ...]) -> R:
    return kind(**dict(zip(kind.__struct_fields__, values, strict=True)))
