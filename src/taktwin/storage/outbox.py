"""The outbox: what stands in the journal is said to the backbone, each fact once and in order, for ever.

The journal is written in the transaction that made the facts true; this reads behind it and says them.
Killed anywhere it begins again where it had written down that it was; what is said twice by that has the
same id. Once a day the journal's end goes to a file outside of the database, which proves that nobody
wrote it anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from taktwin.clock import Clock
from taktwin.errors import BusError, StoreError
from taktwin.instants import rfc3339
from taktwin.storage import database, journal
from taktwin.storage.database import Connection
from taktwin.storage.journal import Entry
from taktwin.storage.stores import Store

BATCH = 200
TOGETHER_MIN = 8  # facts: fewer are faster one by one, for many at once cost the stream a file of its own
RETRY_S = 0.5
DAY_NS = 86_400_000_000_000
log = logging.getLogger(__name__)


class Outbox:
    """Says the facts of one journal."""

    def __init__(
        self, *, connect: Callable[[], Connection], store: Store, clock: Clock, folder: Path,
        say: Callable[[Entry], Awaitable[None]], say_together: Callable[[Sequence[Entry]], Awaitable[None]],
        reasons: dict[str, str], in_database: Callable[..., Awaitable[Any]],
    ) -> None:  # fmt: skip
        """Be ready to run.

        Parameters
        ----------
        say : publishes one fact; raises BusError where the backbone did not take it
        say_together : publishes many at once, all or none and in order; raises likewise
        reasons : why the process is degraded, by who found it; what the outbox finds stands there
        in_database : does some work again and again while the database is away
        """
        self._connect = connect
        self._store = store
        self._clock = clock
        self._folder = folder
        self._say = say
        self._say_together = say_together
        self._reasons = reasons
        self._in_database = in_database
        self._written = asyncio.Event()
        self.said = 0

    def wake(self) -> None:
        """Say soon that something was written."""
        self._written.set()

    async def run(self) -> None:
        """Say what is in the journal, and what comes into it."""
        connection: Connection | None = None
        told = 0  # the last entry that was said and of which nobody has written that down
        await self._in_database(self._anchor)
        day = self._clock.now_ns() // DAY_NS
        while True:
            try:
                if connection is None or connection.closed:
                    connection = await asyncio.to_thread(self._connect)
                self._written.clear()  # before it looks: what is written while it does wakes it again
                told = await self.tell_next(connection, told)
                self._reasons.pop("relay", None)
            except (StoreError, BusError) as error:
                if "relay" not in self._reasons:
                    log.warning("the relay waits: %s", error)
                self._reasons["relay"] = str(error)
                await self._clock.wall_sleep(RETRY_S)
                continue
            if self._clock.now_ns() // DAY_NS != day:
                day = self._clock.now_ns() // DAY_NS
                await self._in_database(self._anchor)
            if not told:
                # Another process of this role may write too: look again after a second at the latest.
                try:
                    async with self._clock.timeout(1.0):
                        await self._written.wait()
                except TimeoutError:
                    continue

    async def tell_next(self, connection: Connection, told_before: int) -> int:
        """Write down how far was told, and say the next facts in order; return the last, 0 = none is left.

        Many leave together, which the stream takes all or none of. Where there are few, or it refused them,
        each leaves when the stream has the one before: two under way at once would change places where it
        refuses the first of them, for want of room as an example, and takes the second. What it refuses is
        tried again and named; what it has by then is written down, so that nobody hears it again when the
        stream has forgotten its id.
        """
        told = 0
        entries = await asyncio.to_thread(_untold, connection, told_before)
        if len(entries) >= TOGETHER_MIN:
            # What refused them all is found by the single ones: an id that the stream knows is none.
            with contextlib.suppress(BusError):
                await self._say_together(entries)
                self.said += len(entries)
                return entries[-1].sequence
        for entry in entries:
            try:
                await self._say(entry)
            except BusError as error:
                if told:
                    break  # the next time begins with this one
                raise BusError(f"entry {entry.sequence} ({entry.event_type}): {error}") from error
            told = entry.sequence
            self.said += 1
        return told

    def _anchor(self) -> None:
        """Write the journal's end to a file outside of the database, once a day and at each start."""
        with self._store.begin() as transaction:
            sequence, digest = transaction.head()
        if not sequence:
            return
        line = {"sequence": sequence, "hash": digest, "at": rfc3339(self._clock.now_ns())}
        with (self._folder / "anchors.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")


def _untold(connection: Connection, told: int) -> list[Entry]:
    """Write down how far was told (0: as far as it is written), and return what comes next."""
    with database.transaction(connection):
        if told:
            # Nobody waits for the disk here: lost with the machine it is said again, under the same id.
            connection.execute("SET LOCAL synchronous_commit = off")
            connection.execute("UPDATE relay SET sequence = %s", [told])
        else:
            row = connection.execute("SELECT sequence FROM relay").fetchone()
            assert row is not None, "the first migration writes it"
            told = int(row[0])
        return journal.after(connection, told, limit=BATCH)
