"""A plant's years in PostgreSQL: 20,000 orders, 1,000,000 serial units, 5 levels of genealogy.

Rows are those that the projectors would have written for 19,800 orders that are over and 200 that are
open: orders, job orders with their runs, lots, units, passages, consumptions. Each unit took two lots
and, above the first level, one unit of the level below: 200,000 chains of five. The journal holds one
chained entry for each unit, its creation: a million, though the plant's own would be some twenty
times as long. The entries are made here and come in by COPY, the rows are computed by the database.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import psycopg

from taktwin.mes.definitions.routes import Definitions
from taktwin.storage import journal
from taktwin.storage.journal import Entry, sealed

UNITS = 1_000_000
ORDERS = 20_000
OPEN = 200  # of the orders
LEVELS = 5
A_LOT = 400  # units that one lot went into
HOUR = 3_600_000_000_000
SPAN = 200 * 24 * HOUR  # all of it was made in so long
LAST = "units, passages, consumptions, lots, requests, job_orders, runs, journal"

_SERIAL = "'L' || ({n} / %(chains)s + 1) || '-' || lpad(({n} %% %(chains)s)::text, 6, '0')"


def serial(level: int, chain: int) -> str:
    """Return the serial number of a unit; level 1 is the lowest."""
    return f"L{level}-{chain:06d}"


def load(connection: psycopg.Connection[Any], definitions: Definitions, now_ns: int) -> None:
    """Fill an empty schema; returns when it is whole."""
    with connection.transaction():
        # What cannot be queried yet needs no index: made anew at the end, in one go.
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'mes' AND tablename = ANY(%s)"
            " AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
            [LAST.split(", ")],
        ).fetchall()
        connection.execute("SET LOCAL search_path TO mes")
        connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        _steps(connection, definitions)
        _rows(connection, now_ns)
        _journal(connection, now_ns)
        for _, definition in indexes:
            connection.execute(definition)
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")


def _steps(connection: psycopg.Connection[Any], definitions: Definitions) -> None:
    connection.execute(
        "CREATE TEMP TABLE steps (product text, number bigint, name text, class text, place text,"
        " last boolean) ON COMMIT DROP"
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO steps VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (product, step.number, step.name, step.equipment_class, step.work_units[0], step.last)
                for product in ("EA-100", "SH-100")
                for step in definitions.products[product].operations
            ],
        )


def _rows(connection: psycopg.Connection[Any], now_ns: int) -> None:
    begin_ns = now_ns - SPAN
    words = {
        "orders": ORDERS, "over": ORDERS - OPEN, "units": UNITS, "chains": UNITS // LEVELS,
        "begin": begin_ns, "step": SPAN // UNITS, "lot": A_LOT, "levels": LEVELS, "day": 24 * HOUR,
        "now": now_ns,
    }  # fmt: skip
    run = functools.partial(_run, connection, words)
    # A unit belongs to the order number n * over / units: 50 or 51 units each.
    run(f"""CREATE TEMP TABLE made ON COMMIT DROP AS
        SELECT n, {_SERIAL.format(n="n")} AS unit, n * %(over)s / %(units)s AS place,
               CASE WHEN n / %(chains)s = %(levels)s - 1 THEN 'EA-100' ELSE 'SH-100' END AS product,
               %(begin)s::bigint + n * %(step)s::bigint AS at_ns
        FROM generate_series(0::bigint, %(units)s - 1) n""")
    run("""CREATE TEMP TABLE counts ON COMMIT DROP AS
        SELECT place, max(product) AS product, count(*) AS parts, min(at_ns) AS from_ns, max(at_ns) AS to_ns
        FROM made GROUP BY place""")
    run("""INSERT INTO requests SELECT 'B' || lpad(place::text, 5, '0'), product, parts, to_ns + %(day)s, 0,
        'Customer ' || place %% 40, 'Completed', from_ns - %(day)s, 2 FROM counts""")
    run("""INSERT INTO requests SELECT 'B' || lpad(n::text, 5, '0'), 'EA-100', 100,
        %(now)s::bigint + (n - %(over)s) * %(day)s::bigint / 10, n %% 3, 'Customer ' || n %% 40, 'Released',
        %(now)s::bigint - %(day)s::bigint, 1
        FROM generate_series(%(over)s::bigint, %(orders)s - 1) n""")
    run("""INSERT INTO job_orders SELECT request || '-' || number, request, number, name, r.product, class,
        CASE WHEN r.state = 'Completed' THEN place ELSE '' END, quantity, due_ns, priority, last,
        CASE WHEN r.state = 'Completed' THEN 'Ended' ELSE 'NotAllowedToStart' END,
        CASE WHEN r.state = 'Completed' THEN 'Completed' ELSE 'Waiting' END,
        CASE WHEN r.state = 'Completed' THEN quantity ELSE 0 END, 0,
        CASE WHEN r.state = 'Completed' THEN received_ns + %(day)s ELSE 0 END,
        CASE WHEN r.state = 'Completed' THEN due_ns - %(day)s + 1 ELSE 0 END, '',
        CASE WHEN r.state = 'Completed' THEN quantity + 5 ELSE 1 END
        FROM requests r JOIN steps USING (product)""")
    run("""INSERT INTO runs SELECT job || ':' || started_ns, job, work_unit, started_ns, ended_ns
        FROM job_orders WHERE ended_ns > 0""")
    run("""INSERT INTO lots SELECT kind || '-' || place, kind, parts * each, 0, 'UnRestricted', '', from_ns,
        parts + 1
        FROM (SELECT n / %(lot)s AS place, count(*) AS parts, min(at_ns) AS from_ns FROM made GROUP BY 1) l,
        (VALUES ('AD-3', 14.0), ('SC-12', 12.0)) k (kind, each)""")
    run("""INSERT INTO units SELECT unit, m.product, 'B' || lpad(m.place::text, 5, '0'), 'UnRestricted', '',
        s.number, at_ns, at_ns + 1, 4
        FROM made m JOIN steps s ON s.product = m.product AND s.last""")
    run("""INSERT INTO passages SELECT unit || ':' || s.number || ':' || at_ns, unit,
        'B' || lpad(m.place::text, 5, '0') || '-' || s.number, s.number, s.place, true, at_ns
        FROM made m JOIN steps s ON s.product = m.product AND (s.number = 10 OR s.last)""")
    run("""INSERT INTO consumptions SELECT unit || ':10:' || kind || ':' || kind || '-' || n / %(lot)s, unit,
        kind, kind || '-' || n / %(lot)s, each, 'B' || lpad(m.place::text, 5, '0') || '-10', s.place, at_ns
        FROM made m JOIN steps s ON s.product = m.product AND s.number = 10,
        (VALUES ('AD-3', 14.0), ('SC-12', 12.0)) k (kind, each)""")
    below = _SERIAL.format(n="(n - %(chains)s)")
    run(f"""INSERT INTO consumptions SELECT unit || ':10:SH-100:' || {below}, unit, 'SH-100', {below}, 1,
        'B' || lpad(m.place::text, 5, '0') || '-10', s.place, at_ns
        FROM made m JOIN steps s ON s.product = m.product AND s.number = 10 WHERE n >= %(chains)s""")


def _run(connection: psycopg.Connection[Any], words: dict[str, Any], statement: str) -> None:
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(statement.encode(), words)


def _journal(connection: psycopg.Connection[Any], now_ns: int) -> None:
    last = (0, journal.START)
    fields = ", ".join(Entry.__struct_fields__)
    with connection.cursor() as cursor, cursor.copy(f"COPY journal ({fields}) FROM STDIN") as copy:
        for entry in _entries(now_ns):
            copy.write_row([getattr(entry, name) for name in Entry.__struct_fields__])
            last = (entry.sequence, entry.hash)
    connection.execute("UPDATE journal_head SET sequence = %s, hash = %s", last)
    connection.execute("UPDATE relay SET sequence = %s", last[:1])


def _entries(now_ns: int) -> Iterator[Entry]:
    previous, chains = journal.START, UNITS // LEVELS
    for n in range(UNITS):
        level, chain = n // chains + 1, n % chains
        at_ns = now_ns - SPAN + n * (SPAN // UNITS)
        request = f"B{n * (ORDERS - OPEN) // UNITS:05d}"
        unit, product = serial(level, chain), "EA-100" if level == LEVELS else "SH-100"
        place = "load2" if level == LEVELS else "turn1"
        content = {"unit": unit, "product": product, "request": request, "job": f"{request}-10",
                   "work_unit": place}  # fmt: skip
        entry = sealed(Entry(
            sequence=n + 1, event_type="unit.created", subject=unit, time_ns=at_ns, recorded_ns=at_ns,
            actor="collection", actor_type="service", on_behalf_of="", reason="", correlation=f"SAMPLES:{n}",
            content=json.dumps(content, separators=(",", ":")),
        ), previous)  # fmt: skip
        previous = entry.hash
        yield entry
