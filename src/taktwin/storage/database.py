"""PostgreSQL as the rooms see it: connections, roles, migrations.

Comes in: a URL and a password. Goes out: connections whose failures are `StoreError`s. A schema
belongs to nobody who can log in: a process's role may read and write its rows, but change no table
and no trigger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from taktwin.errors import StoreError

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
PASSWORD_VARIABLE = "TAKTWIN_DATABASE_PASSWORD"
APPEND_ONLY = ("journal",)  # tables that a process may add to and never change


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema, never changed once it ran anywhere."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Return the hash that tells whether it is still the step that ran."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# The first step of a schema that holds a journal and nothing older.
CHAIN = Migration(1, "journal", (Path(__file__).parent / "chain.sql").read_text(encoding="utf-8"))


def migrations_in(folder: Path, *before: Migration) -> tuple[Migration, ...]:
    """Return the steps `<number>_<name>.sql` of a folder, in order, behind those that come before."""
    found = list(before)
    for path in sorted(folder.glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text(encoding="utf-8")))
    assert [m.number for m in found] == list(range(1, len(found) + 1)), "steps are numbered without gaps"
    return tuple(found)


def connect(url: str, *, password: str = "", application: str = "taktwin") -> Connection:
    """Return a connection in autocommit mode; transactions are opened by name.

    Raises
    ------
    StoreError
        If the server is away or refuses the role.
    """
    try:
        connection = psycopg.connect(url, password=password or None, autocommit=True, connect_timeout=10,
                                     application_name=application)  # fmt: skip
    except psycopg.Error as error:
        raise StoreError(f"the database does not take us: {error}") from error
    return connection


@contextmanager
def transaction(connection: Connection, *, pipelined: bool = False) -> Iterator[Connection]:
    """Run a block as one transaction: all of it happened, or nothing.

    Parameters
    ----------
    pipelined : a statement is waited for only where its rows are read, else at the end, so that many
        take one way there and back; an error of one is then raised at a later one, or at the end

    Raises
    ------
    StoreError
        If the database failed; what was done is rolled back, or the server does that itself.
    """
    try:
        with connection.pipeline() if pipelined else nullcontext(), connection.transaction():
            yield connection
    except psycopg.Error as error:
        raise StoreError(f"the database failed: {error}") from error


def as_role(url: str, role: str) -> str:
    """Return a URL with another role and without a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}@{host}"))


def server_version(connection: Connection) -> str:
    """Return the server's version, such as 18.1."""
    row = connection.execute("SHOW server_version").fetchone()
    assert row is not None, "every server has a version"
    return str(row[0]).split()[0]


def ensure_role(connection: Connection, role: str, password: str) -> None:
    """Make a role that may log in and nothing more, or give it its password of this run.

    The database of our own server is made here too: statements of this kind stand outside transactions.
    """
    name = sql.Identifier(role)
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
            verb, name, sql.Literal(password)
        )
    )
    connection.execute(sql.SQL("ALTER ROLE {} SET search_path TO {}").format(name, name))


def ensure_database(connection: Connection, name: str) -> None:
    """Make a database unless it is there."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def migrate(connection: Connection, *, schema: str, role: str, migrations: Sequence[Migration]) -> int:
    """Bring a schema up to date, step by step, each in one transaction; return how many steps ran.

    Raises
    ------
    StoreError
        If a step that ran was changed since, or if the database is newer than this release.
    """
    name = sql.Identifier(schema)
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"taktwin migrate {schema}"])
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(name, sql.Identifier(role)))
            connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(name))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_steps (number integer PRIMARY KEY, name text NOT NULL,"
                " sha256 text NOT NULL, ran timestamptz NOT NULL DEFAULT now())"
            )
            ran: dict[int, str] = dict(
                connection.execute("SELECT number, sha256 FROM schema_steps").fetchall()
            )
            _refuse_strange(schema, ran, migrations)
            todo = [step for step in migrations if step.number not in ran]
            for step in todo:
                connection.execute(step.text.encode())
                connection.execute(
                    "INSERT INTO schema_steps (number, name, sha256) VALUES (%s, %s, %s)",
                    [step.number, step.name, step.sha256],
                )
            connection.execute(
                sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}").format(
                    name, sql.Identifier(role)
                )
            )
            for table in (*APPEND_ONLY, "schema_steps"):
                connection.execute(
                    sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(
                        sql.Identifier(schema, table), sql.Identifier(role)
                    )
                )
    except psycopg.Error as error:
        raise StoreError(f"the schema {schema} cannot be brought up to date: {error}") from error
    return len(todo)


def _refuse_strange(schema: str, ran: dict[int, str], migrations: Sequence[Migration]) -> None:
    known = {step.number: step for step in migrations}
    for number, sha256 in ran.items():
        if number not in known:
            raise StoreError(
                f"schema {schema} has step {number}; this release knows {len(known)}: "
                f"the database belongs to a newer release of taktwin"
            )
        if known[number].sha256 != sha256:
            raise StoreError(
                f"step {number} ({known[number].name}) of schema {schema} is not the one that ran here: "
                f"found sha256 {known[number].sha256[:12]}, expected {sha256[:12]}"
            )
