"""A store that an earlier release has written is brought up to date with all that is in it.

`tests/data/mes/store-at-<step>.json` is what the code of those days made of some commands, over memory: its
journal and its rows. They are put into a database that has run the steps of those days only; after the
others the tables have to be what today's code makes of the journal alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from psycopg import sql

from taktwin.contracts import commands
from taktwin.mes import MIGRATIONS
from taktwin.mes.desk import rebuilt
from taktwin.mes.tracking.stock import Stock
from taktwin.storage import database, journal
from taktwin.storage.book import MemoryBook, Row, SqlBook
from taktwin.storage.database import Connection
from taktwin.storage.journal import Entry
from tests.protocol.mes.test_database import Server, ask
from tests.unit.mes.test_random_commands import UNTOLD

DATA = Path(__file__).resolve().parents[2] / "data" / "mes"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server without the schema of the MES."""
    one = Server(tmp_path)
    await one.database.start()
    yield one
    await one.database.stop()


def kinds(kind: type[Row] = Row) -> Iterator[type[Row]]:
    """Yield each kind of row that has a table."""
    for below in kind.__subclasses__():
        if hasattr(below, "table") and below.__module__.startswith("taktwin."):
            yield below
        yield from kinds(below)


def put(connection: Connection, table: str, row: dict[str, Any]) -> None:
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier("mes", table), sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join([sql.Placeholder()] * len(row)),
        ),
        list(row.values()),
    )  # fmt: skip


def fill(connection: Connection, step: int) -> list[Entry]:
    """Make the store of an earlier step, with its data; return its journal."""
    connection.execute("DROP SCHEMA IF EXISTS mes CASCADE")
    database.migrate(connection, schema="mes", role="mes", migrations=MIGRATIONS[:step])
    kept = json.loads((DATA / f"store-at-{step:04}.json").read_text(encoding="utf-8"))
    entries = [msgspec.convert(each, Entry) for each in kept["entries"]]
    for table, rows in kept["rows"].items():
        for row in rows:
            put(connection, table, row)
    for entry in entries:
        put(connection, "journal", msgspec.to_builtins(entry))
    connection.execute(
        "UPDATE mes.journal_head SET sequence = %s, hash = %s", [entries[-1].sequence, entries[-1].hash]
    )
    return entries


# What came with a later step and was not filled for the time before it: old values of the audit view, and
# what was made in which minute. Both lie in the journal; nobody has asked for them of that time yet.
NOT_FILLED = {5: {"changes", "outputs"}, 16: set[str]()}


def differing(connection: Connection, entries: list[Entry]) -> set[str]:
    """Return the tables that are not what a journal makes."""
    book, alone = SqlBook(connection), rebuilt(entries)
    # The ledger has a store of its own; its tables are known here if another test has asked for them.
    told = [
        kind for kind in kinds() if kind.table not in UNTOLD and kind.__module__.startswith("taktwin.mes.")
    ]
    assert len(told) > 40, "fewer tables than there are: this test looks past them"

    def rows(of: SqlBook | MemoryBook, kind: type[Row]) -> list[Row]:
        found = of.where(kind)
        # How often the stock of a lot had changed before there was stock, was not counted.
        return [replace(row, version=0) for row in found] if kind is Stock else found

    return {kind.table for kind in told if rows(book, kind) != rows(alone, kind)}


async def test_what_earlier_releases_have_written_is_today_what_their_journal_makes(server: Server) -> None:
    for step, not_filled in NOT_FILLED.items():
        with server.database.connect() as root:
            entries = fill(root, step)
            ran = database.migrate(root, schema="mes", role="mes", migrations=MIGRATIONS)
            assert ran == len(MIGRATIONS) - step
        with server.connect() as connection:
            kept = list(journal.everything(connection))
            assert kept == entries and journal.verify(kept).broken is None, "nobody wrote in the journal"
            assert differing(connection, kept) == not_filled
        desk = server.desk()
        for number, wish in enumerate((
            commands.LoadLot(lot="AD-7", work_unit="adhesive2"),
            commands.MoveLot(lot="AD-8", source="", target="rack2", quantity=5.0),
            commands.DispatchJob(job="8-20", work_unit="adhesive2", version=1),
            commands.BeginJob(job="8-20"),
        )):  # fmt: skip
            answer = ask(desk, wish, f"after/{step}/{number}")
            assert answer.accepted, answer
        with server.connect() as connection:
            kept = list(journal.everything(connection))
            assert len(kept) > len(entries) and differing(connection, kept) == not_filled
