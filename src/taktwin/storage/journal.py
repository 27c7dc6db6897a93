"""The journal: every fact in order, never changed, each bound to the one before by a hash.

It is the log of events, the outbox and the audit in one table, written in the transaction that made
the facts true. `verify` needs nothing but the entries, so a stranger can run it without our server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from taktwin.storage.database import Connection

START = "0" * 64  # the hash before the first entry


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One fact: who did it, why, when it happened and when it was written down."""

    sequence: int  # 1, 2, 3, ... without gaps
    event_type: str  # name in the catalogue of events
    subject: str  # what it is about
    time_ns: int  # when it happened
    recorded_ns: int  # when it was written
    actor: str
    actor_type: str  # human | service | ai
    on_behalf_of: str
    reason: str
    correlation: str  # id of the command that it came of
    content: str  # JSON of the event's own struct, as it was written
    previous_hash: str = ""
    hash: str = ""


class Anchor(msgspec.Struct, frozen=True):
    """One line of the file of anchors: where the journal ended at an instant."""

    sequence: int
    hash: str
    at: str = ""


def sealed(entry: Entry, previous_hash: str) -> Entry:
    """Return an entry bound to the one before."""
    bound = msgspec.structs.replace(entry, previous_hash=previous_hash, hash="")
    return msgspec.structs.replace(bound, hash=_digest(bound))


def _digest(entry: Entry) -> str:
    # An array of all fields in their order: no two entries have the same text.
    fields = [getattr(entry, name) for name in entry.__struct_fields__ if name != "hash"]
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold."""

    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found."""

    entries: int
    last_hash: str
    broken: Break | None = None


def verify(entries: Iterable[Entry], anchors: Mapping[int, str] | None = None) -> Verdict:
    """Prove a chain, or name its first broken link.

    Parameters
    ----------
    anchors : sequence -> hash, as written to a file outside of the database. They find what the chain
        alone cannot: an end that was cut off, or a whole chain that was computed anew.
    """
    expected, previous = 1, START
    wanted = dict(anchors or {})
    for entry in entries:
        if entry.sequence != expected:
            return Verdict(expected - 1, previous, Break(expected, f"is missing; next is {entry.sequence}"))
        if entry.previous_hash != previous:
            return Verdict(expected - 1, previous, Break(expected, "does not continue the entry before"))
        if entry.hash != _digest(entry):
            return Verdict(expected - 1, previous, Break(expected, "was changed after it was written"))
        if wanted.pop(expected, entry.hash) != entry.hash:
            return Verdict(expected - 1, previous, Break(expected, "is not the entry that was anchored"))
        expected, previous = expected + 1, entry.hash
    if wanted:
        return Verdict(expected - 1, previous, Break(min(wanted), "was anchored and is missing"))
    return Verdict(expected - 1, previous)


def anchored(anchors: Iterable[Anchor]) -> tuple[dict[int, str], Break | None]:
    """Return the hash of each sequence that was anchored, and where two chains were: then none is proven."""
    found: dict[int, str] = {}
    for anchor in anchors:
        if found.setdefault(anchor.sequence, anchor.hash) != anchor.hash:
            # The journal was cut or taken from a backup, and written on anew.
            return found, Break(anchor.sequence, "was anchored twice, with two hashes")
    return found, None


_COLUMNS = ", ".join(Entry.__struct_fields__)


def head(connection: Connection) -> tuple[int, str]:
    """Return sequence and hash of the last entry, locked: the next writer waits for this transaction."""
    row = connection.execute("SELECT sequence, hash FROM journal_head FOR UPDATE").fetchone()
    assert row is not None, "the first migration writes the head"
    return int(row[0]), str(row[1])


def append(connection: Connection, entry: Entry) -> None:
    """Write an entry behind the head."""
    marks = ", ".join(["%s"] * len(Entry.__struct_fields__))
    values = [getattr(entry, name) for name in Entry.__struct_fields__]
    # One statement, for one way there and back: the desk writes as many entries a second as it gets answers.
    connection.execute(
        f"WITH written AS (INSERT INTO journal ({_COLUMNS}) VALUES ({marks}))"
        " UPDATE journal_head SET sequence = %s, hash = %s",
        [*values, entry.sequence, entry.hash],
    )


def append_all(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write entries behind the head, in order."""
    if len(entries) == 1:
        append(connection, entries[0])
    elif entries:
        marks = ", ".join(["%s"] * len(Entry.__struct_fields__))
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO journal ({_COLUMNS}) VALUES ({marks})",
                [[getattr(entry, name) for name in Entry.__struct_fields__] for entry in entries],
            )
        last = [entries[-1].sequence, entries[-1].hash]
        connection.execute("UPDATE journal_head SET sequence = %s, hash = %s", last)


def after(connection: Connection, sequence: int, *, limit: int) -> list[Entry]:
    """Return the entries behind a sequence, in order."""
    statement = f"SELECT {_COLUMNS} FROM journal WHERE sequence > %s ORDER BY sequence LIMIT %s"
    rows = connection.execute(statement, [sequence, limit])
    return [Entry(**dict(zip(Entry.__struct_fields__, row, strict=True))) for row in rows]


def everything(connection: Connection, *, batch: int = 5_000) -> Iterator[Entry]:
    """Yield all entries in order, some at a time."""
    sequence = 0
    while found := after(connection, sequence, limit=batch):
        yield from found
        sequence = found[-1].sequence


def last_of(connection: Connection, subject: str) -> Entry | None:
    """Return the newest entry about something: who changed it last."""
    statement = f"SELECT {_COLUMNS} FROM journal WHERE subject = %s ORDER BY sequence DESC LIMIT 1"
    row = connection.execute(statement, [subject]).fetchone()
    return None if row is None else Entry(**dict(zip(Entry.__struct_fields__, row, strict=True)))


def intact(entry: Entry) -> bool:
    """Return whether an entry is as it was written, by its own hash."""
    return entry.hash == _digest(entry)


class Trail(Protocol):
    """The journal as whoever asks reads it: about things, or newest first."""

    def about(self, subjects: Iterable[str], types: Iterable[str] = ()) -> list[Entry]:
        """Return the entries about some things, in order; `types` empty: of all types."""
        ...

    def newest(
        self, *, before: int, limit: int, subject: str = "", sequences: Iterable[int] = (),
        person: str = "", from_ns: int = 0, to_ns: int = 0,
    ) -> list[Entry]:  # fmt: skip
        """Return entries before a sequence (0: from the end), the newest first.

        subject : what they are about; the entries of `sequences` are about it too
        person : who did it, or on whose behalf
        from_ns, to_ns : when it was written down, the end not included; 0: any
        """
        ...

    def following(self, sequence: int, *, types: Iterable[str], limit: int) -> list[Entry]:
        """Return the next entries of some types behind a sequence, in order."""
        ...


class MemoryTrail:
    """A journal that lies in memory."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def about(self, subjects: Iterable[str], types: Iterable[str] = ()) -> list[Entry]:
        """Return the entries about some things, in order."""
        names, kinds = set(subjects), set(types)
        return [e for e in self._entries if e.subject in names and (not kinds or e.event_type in kinds)]

    def newest(
        self, *, before: int, limit: int, subject: str = "", sequences: Iterable[int] = (),
        person: str = "", from_ns: int = 0, to_ns: int = 0,
    ) -> list[Entry]:  # fmt: skip
        """Return entries before a sequence, the newest first."""
        also = set(sequences)
        found = [
            e for e in reversed(self._entries)
            if (not before or e.sequence < before)
            and (not subject or e.subject == subject or e.sequence in also)
            and (not person or person in (e.actor, e.on_behalf_of))
            and (not from_ns or e.recorded_ns >= from_ns)
            and (not to_ns or e.recorded_ns < to_ns)
        ]  # fmt: skip
        return found[:limit]

    def following(self, sequence: int, *, types: Iterable[str], limit: int) -> list[Entry]:
        """Return the next entries of some types behind a sequence, in order."""
        kinds = set(types)
        return [e for e in self._entries if e.sequence > sequence and e.event_type in kinds][:limit]


class SqlTrail:
    """The journal in PostgreSQL, for the length of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def about(self, subjects: Iterable[str], types: Iterable[str] = ()) -> list[Entry]:
        """Return the entries about some things, in order."""
        words: list[Any] = [list(subjects)]
        tests = "subject = ANY(%s)"
        kinds = list(types)
        if kinds:
            words.append(kinds)
            tests += " AND event_type = ANY(%s)"
        return self._found(f"{tests} ORDER BY sequence", words)

    def newest(
        self, *, before: int, limit: int, subject: str = "", sequences: Iterable[int] = (),
        person: str = "", from_ns: int = 0, to_ns: int = 0,
    ) -> list[Entry]:  # fmt: skip
        """Return entries before a sequence, the newest first."""
        tests, words = ["true"], list[Any]()
        if subject:
            tests.append("(subject = %s OR sequence = ANY(%s))")
            words += [subject, list(sequences)]
        for test, word in (
            ("sequence < %s", before), ("recorded_ns >= %s", from_ns), ("recorded_ns < %s", to_ns),
        ):  # fmt: skip
            if word:
                tests.append(test)
                words.append(word)
        if person:
            tests.append("(actor = %s OR on_behalf_of = %s)")
            words += [person, person]
        return self._found(f"{' AND '.join(tests)} ORDER BY sequence DESC LIMIT %s", [*words, limit])

    def following(self, sequence: int, *, types: Iterable[str], limit: int) -> list[Entry]:
        """Return the next entries of some types behind a sequence, in order."""
        tests = "sequence > %s AND event_type = ANY(%s) ORDER BY sequence LIMIT %s"
        return self._found(tests, [sequence, list(types), limit])

    def _found(self, tests: str, words: list[Any]) -> list[Entry]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM journal WHERE {tests}".encode(), words)
        return [Entry(**dict(zip(Entry.__struct_fields__, row, strict=True))) for row in rows]
