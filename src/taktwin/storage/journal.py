"""The journal: every fact in order, never changed, each bound to the one before by a hash.

It is the log of events, the outbox and the audit in one table, written in the transaction that made
the facts true. `verify` needs nothing but the entries, so a stranger can run it without our server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

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
            return Verdict(expected - 1, previous, Break(expected, f"missing; next is {entry.sequence}"))
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
    connection.execute(f"INSERT INTO journal ({_COLUMNS}) VALUES ({marks})", values)
    connection.execute("UPDATE journal_head SET sequence = %s, hash = %s", [entry.sequence, entry.hash])


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
