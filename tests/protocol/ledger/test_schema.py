"""The ledger's schema in PostgreSQL: what has no proof cannot be kept, whoever writes."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
import pytest

from taktwin.contracts.recommendation import Decide, State
from taktwin.ledger import MIGRATIONS
from taktwin.ledger.api import QUERIES
from taktwin.ledger.desk import rebuilt
from taktwin.ledger.tables import ClassRow, RecommendationRow, row_of
from taktwin.storage import journal
from taktwin.storage.book import SqlBook
from taktwin.storage.stores import SqlStore
from tests.protocol.ledger.conftest import Server
from tests.support_advice import CLASS, START_NS, Office, alternative, error, of_tool, proof

UNPROVEN: dict[str, dict[str, Any]] = {
    "no scenario": {"scenario_id": ""},
    "no snapshot": {"snapshot_id": ""},
    "no hash of it": {"snapshot_hash": ""},
    "no instant": {"state_ns": 0},
    "other luck in each": {"common_random_numbers": False},
    "never back-tested": {"validity": msgspec.structs.replace(error(), epochs=0)},
    "above its limit": {"validity": error(0.2)},
    "an error that is no number": {"validity": error(float("nan"))},
    "nothing tried": {"alternatives": []},
    "not against doing nothing": {"alternatives": [alternative("next_setup", 12.0)]},
    "not tried itself": {"chosen": "tomorrow"},
    "doing nothing": {"chosen": "nothing"},
    "by chance": {
        "alternatives": [alternative("nothing", 0), alternative("next_setup", 12.0, significant=False)]
    },
    "too few runs": {"alternatives": [alternative("nothing", 0), alternative("next_setup", 12.0, runs=19)]},
    "no effect": {
        "alternatives": [
            alternative("nothing", 0),
            msgspec.structs.replace(alternative("next_setup", 12.0), effects=[]),
        ]
    },
}


def test_the_schema_refuses_what_is_not_proven(server: Server) -> None:
    office = Office().begun()
    office.propose("r1")
    good = row_of(office.of("r1"))
    entry = office.store.entries[-2]  # type: ignore[attr-defined]
    assert entry.event_type == "recommendation.validated"
    with server.connect() as connection:
        for name, changes in UNPROVEN.items():
            wrong = msgspec.json.encode(proof(**changes)).decode()
            row = msgspec.structs.replace(good, recommendation=name, proof=wrong)
            with pytest.raises(psycopg.errors.CheckViolation):
                SqlBook(connection).put(row)
            content = msgspec.json.decode(entry.content)
            content["proposal"]["proof"] = msgspec.json.decode(wrong)
            told = msgspec.structs.replace(entry, content=msgspec.json.encode(content).decode(), sequence=1)
            with pytest.raises(psycopg.errors.CheckViolation):
                journal.append(connection, told)
        for column in ("proof", "effect_p10", "document"):
            with pytest.raises(psycopg.errors.NotNullViolation):
                connection.execute(
                    f"INSERT INTO recommendations SELECT (r).* FROM (SELECT jsonb_populate_record("
                    f"NULL::recommendations, %s::jsonb - '{column}') AS r) x",
                    [msgspec.json.encode(good).decode()],
                )
        drafts = msgspec.structs.replace(good, recommendation="draft", state=State.DRAFT.value)
        nobody = msgspec.structs.replace(good, recommendation="nobody", state=State.ACCEPTED.value)
        unmeasured = msgspec.structs.replace(good, recommendation="x", state=State.MEASURED.value)
        upside_down = msgspec.structs.replace(good, recommendation="y", effect_p10=1.0, effect_p90=0.0)
        for row in (drafts, nobody, unmeasured, upside_down):
            with pytest.raises(psycopg.errors.CheckViolation):
                SqlBook(connection).put(row)
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO advice_classes VALUES ('x', 'auto-with-veto', '{}')")
        assert SqlBook(connection).count(RecommendationRow) == 0
        SqlBook(connection).put(good)
        connection.execute("DELETE FROM recommendations")


def test_rows_of_an_older_release_say_since_when_they_are_due_and_what_they_are_about(server: Server) -> None:
    office = Office().begun()
    office.carried_out("measured", "M1", evidence=of_tool(START_NS))
    office.propose("compared", work_unit="turn2")
    office.granted(Decide(recommendation="compared", version=2, accept=False, reason="We wait."))
    office.propose("open", work_unit="turn3")
    rows = office.store.book.where(RecommendationRow)  # type: ignore[attr-defined]
    [step] = [each for each in MIGRATIONS if each.number == 3]
    with server.connect() as connection:
        connection.execute("CREATE TEMP TABLE recommendations (LIKE recommendations INCLUDING ALL)")
        connection.execute("ALTER TABLE recommendations DROP COLUMN due_ns, DROP COLUMN life")
        connection.execute("CREATE INDEX recommendations_due ON pg_temp.recommendations (due)")
        for row in rows:
            names = [name for name in row.__struct_fields__ if name not in ("due_ns", "life")]
            connection.execute(
                f"INSERT INTO recommendations ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",
                [getattr(row, name) for name in names],
            )
        connection.execute(step.text)
        assert SqlBook(connection).where(RecommendationRow) == rows
        connection.execute("DROP TABLE pg_temp.recommendations")
    assert [(row.due_ns > 0, row.life != "") for row in rows] == [(True, True), (True, True), (False, True)]


def test_the_same_life_in_postgresql_as_in_memory_and_nobody_changes_its_journal(server: Server) -> None:
    store = SqlStore(server.connect)
    real, memory = Office(store), Office()
    for office in (real, memory):
        office.begun()
        office.measured("r1", -9.0, "M1")
        office.propose("r2")
        office.accept("r2")
        office.propose("r3", work_unit="turn2")
    with server.connect() as connection:
        entries = list(journal.everything(connection))
        assert entries == memory.store.entries  # type: ignore[attr-defined]
        assert journal.verify(entries).broken is None
        book, other = SqlBook(connection), memory.store.book  # type: ignore[attr-defined]
        for kind in (RecommendationRow, ClassRow):
            assert book.where(kind) == other.where(kind) == rebuilt(entries).where(kind)
        for name, ask in QUERIES.items():
            for wish in ({}, {"recommendation": "r1", "advice_class": CLASS}):
                now_ns = memory.now_ns
                assert ask(book, wish, now_ns) == ask(other, wish, now_ns), name
        for statement in (
            "UPDATE journal SET actor = 'x'", "DELETE FROM journal", "TRUNCATE journal",
            "DROP TABLE recommendations", "ALTER TABLE recommendations DROP COLUMN proof",
            "SELECT * FROM mes.journal",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    store.close()
