"""Where the desk's transactions happen: in PostgreSQL, or in memory.

A transaction holds the rows, the journal behind its head and the answers; all of it is kept, or nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from taktwin.errors import StoreError
from taktwin.storage import database, journal
from taktwin.storage.book import Book, MemoryBook, SqlBook
from taktwin.storage.database import Connection
from taktwin.storage.journal import Entry


class Transaction(Protocol):
    """One transaction: all of it is kept, or nothing."""

    @property
    def book(self) -> Book:
        """Return the rows."""
        ...

    def head(self) -> tuple[int, str]:
        """Return sequence and hash of the journal's last entry; no other desk goes on until this one ends."""
        ...

    def append(self, entry: Entry) -> None:
        """Write an entry behind the head."""
        ...

    def answer_of(self, command: str) -> str | None:
        """Return what a command was answered before."""
        ...

    def look_up(self, commands: Sequence[str]) -> None:
        """Find the answers of some commands at once, so that `answer_of` need not ask for each."""
        ...

    def keep_answer(self, command: str, at_ns: int, answer: str) -> None:
        """Keep the answer of a command."""
        ...

    def last_of(self, subject: str) -> Entry | None:
        """Return the newest entry about something."""
        ...


class Store(Protocol):
    """Where transactions happen."""

    def begin(self) -> AbstractContextManager[Transaction]:
        """Open a transaction. Raises StoreError where the database failed: nothing happened then."""
        ...


class SqlStore:
    """Transactions in PostgreSQL; makes its connection anew after the database was away."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._one_at_a_time = threading.Lock()
        self._closed = False

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a transaction, once no other thread has one: two on one connection would be one inside
        the other, and what the inner one had accepted would go with the outer one.

        Raises
        ------
        StoreError
            If the database is away, or the store was closed.
        """
        with self._one_at_a_time:
            if self._closed:
                raise StoreError("the store is closed")
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            with database.transaction(self._connection, pipelined=True) as connection:
                transaction = SqlTransaction(connection)
                yield transaction
                transaction.flush()

    def close(self) -> None:
        """Give the connection back, once no thread works with it: it is closed under nobody's hands."""
        with self._one_at_a_time:
            self._closed = True
            if self._connection is not None:
                self._connection.close()


class SqlTransaction:
    """One transaction in PostgreSQL. What is written waits in memory for the end, as far as nobody asks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._head: tuple[int, str] | None = None
        self._book: SqlBook | None = None
        self._entries: list[Entry] = []  # not written yet
        self._answers: dict[str, str | None] = {}  # what is known of them
        self._kept: list[tuple[str, int, str]] = []  # answers that are not written yet

    @property
    def book(self) -> Book:
        """Return the rows. Once the head is locked nobody else writes any."""
        if self._book is None:
            self._book = SqlBook(self._connection, alone=self._head is not None)
        return self._book

    def head(self) -> tuple[int, str]:
        """Return sequence and hash of the journal's last entry, locked."""
        if self._head is None:
            self._head = journal.head(self._connection)
        return self._head

    def append(self, entry: Entry) -> None:
        """Write an entry behind the head."""
        self._entries.append(entry)
        self._head = (entry.sequence, entry.hash)

    def answer_of(self, command: str) -> str | None:
        """Return what a command was answered before."""
        if command not in self._answers:
            self.look_up([command])
        return self._answers[command]

    def look_up(self, commands: Sequence[str]) -> None:
        """Find the answers of some commands at once."""
        statement = "SELECT command, answer FROM answers WHERE command = ANY(%s)"
        found: dict[str, str] = dict(self._connection.execute(statement, [list(commands)]).fetchall())
        for command in commands:
            self._answers.setdefault(command, found.get(command))

    def keep_answer(self, command: str, at_ns: int, answer: str) -> None:
        """Keep the answer of a command."""
        self._answers[command] = answer
        self._kept.append((command, at_ns, answer))

    def flush(self) -> None:
        """Write what waits; whoever opened the transaction does so before its end."""
        self._flush_entries()
        if self._book is not None:
            self._book.flush()
        if self._kept:
            with self._connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO answers (command, at_ns, answer) VALUES (%s, %s, %s)", self._kept
                )
            self._kept = []

    def _flush_entries(self) -> None:
        journal.append_all(self._connection, self._entries)
        self._entries = []

    def last_of(self, subject: str) -> Entry | None:
        """Return the newest entry about something."""
        self._flush_entries()
        return journal.last_of(self._connection, subject)


class MemoryStore:
    """Transactions in memory: for proofs over many steps, and for whoever wants no database."""

    def __init__(self) -> None:
        self.book = MemoryBook()
        self.entries: list[Entry] = []
        self.answers: dict[str, str] = {}

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a transaction; what it did is taken back if it fails."""
        written, answered = len(self.entries), len(self.answers)
        self.book.begin()
        try:
            yield MemoryTransaction(self)
        except BaseException:
            self.book.roll_back()
            del self.entries[written:]
            while len(self.answers) > answered:
                self.answers.popitem()
            raise
        self.book.commit()


class MemoryTransaction:
    """One transaction in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.book: Book = store.book

    def head(self) -> tuple[int, str]:
        """Return sequence and hash of the journal's last entry."""
        last = self._store.entries[-1] if self._store.entries else None
        return (0, journal.START) if last is None else (last.sequence, last.hash)

    def append(self, entry: Entry) -> None:
        """Write an entry behind the head."""
        self._store.entries.append(entry)

    def answer_of(self, command: str) -> str | None:
        """Return what a command was answered before."""
        return self._store.answers.get(command)

    def look_up(self, commands: Sequence[str]) -> None:
        """Find nothing: all are in memory."""

    def keep_answer(self, command: str, at_ns: int, answer: str) -> None:
        """Keep the answer of a command."""
        self._store.answers[command] = answer

    def last_of(self, subject: str) -> Entry | None:
        """Return the newest entry about something."""
        return next((e for e in reversed(self._store.entries) if e.subject == subject), None)
