"""Tables of the hot part and names of the sealed files. What stands here stays readable for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from taktwin.history.store import HOUR_NS
from taktwin.history.values import Kind

FILE = "hot.duckdb"  # the hot part, in the historian's folder

# Every column costs 8 to 16 bytes a row in the write-ahead log, null or not. So the hot part has
# one column for all integers (UINT64 as the same 64 bits, signed) and one for text, bytes and lists.
_SAMPLE = """signal INTEGER, source_ns BIGINT, ingest_ns BIGINT, recorded_ns BIGINT,
    kind UTINYINT, f64 DOUBLE, i64 BIGINT, blob BLOB,
    quality UTINYINT, origin INTEGER, sequence BIGINT, position INTEGER"""

TABLES = f"""
CREATE TABLE IF NOT EXISTS samples({_SAMPLE});
CREATE TABLE IF NOT EXISTS signals(id INTEGER, name VARCHAR);
CREATE TABLE IF NOT EXISTS former_names(former VARCHAR, name VARCHAR);
CREATE TABLE IF NOT EXISTS registries(registry VARCHAR, index INTEGER, id INTEGER);
CREATE TABLE IF NOT EXISTS origins(id INTEGER, connector VARCHAR, unit VARCHAR, epoch_ns BIGINT);
CREATE TABLE IF NOT EXISTS positions(stream VARCHAR, sequence BIGINT);
CREATE TABLE IF NOT EXISTS state(key VARCHAR, value BLOB);
CREATE TABLE IF NOT EXISTS vouched(connector VARCHAR, unit VARCHAR, from_ns BIGINT, to_ns BIGINT);
CREATE TABLE IF NOT EXISTS events(time_ns BIGINT, recorded_ns BIGINT, source VARCHAR, id VARCHAR,
    type VARCHAR, subject VARCHAR, place VARCHAR, sequence VARCHAR, body BLOB);
CREATE TABLE IF NOT EXISTS intervals(kind VARCHAR, id VARCHAR, unit VARCHAR, from_ns BIGINT, to_ns BIGINT,
    time_class VARCHAR, reason VARCHAR, state VARCHAR, program VARCHAR, job VARCHAR, revision BIGINT,
    withdrawn BOOLEAN, recorded_ns BIGINT);
CREATE TABLE IF NOT EXISTS rejected(key VARCHAR, at_ns BIGINT, recorded_ns BIGINT, reason VARCHAR,
    found VARCHAR, expected VARCHAR, origin VARCHAR, connector VARCHAR, signal VARCHAR, original BLOB,
    original_size BIGINT);
CREATE TABLE IF NOT EXISTS segments(segment INTEGER, hour_ns BIGINT, file VARCHAR, rollup VARCHAR,
    rows BIGINT, bytes BIGINT, rollup_bytes BIGINT, first_ns BIGINT, last_ns BIGINT, raw BOOLEAN);
CREATE TABLE IF NOT EXISTS lasts(segment INTEGER, first_ns BIGINT, rows BIGINT, {_SAMPLE});
"""

# One row with its names spelt out, from a table `s` shaped like samples.
_U64 = "(i64::HUGEINT + 18446744073709551616)"
ROW = f"""n.name AS signal, s.source_ns, s.ingest_ns, s.recorded_ns, s.kind, s.f64,
    CASE WHEN s.kind <= {Kind.INT64} THEN s.i64 END AS i64,
    CASE WHEN s.kind = {Kind.UINT64} THEN {_U64}::UBIGINT END AS u64,
    CASE WHEN s.kind = {Kind.TEXT} THEN decode(s.blob) END AS text,
    CASE WHEN s.kind > {Kind.TEXT} THEN s.blob END AS bytes,
    s.quality, o.connector, o.unit, o.epoch_ns, s.sequence, s.position"""
# The value as a number to draw, of a hot row and of a row as it is answered and sealed.
HOT_NUMBER = f"coalesce(f64, CASE WHEN kind = {Kind.UINT64} THEN {_U64}::DOUBLE ELSE i64::DOUBLE END)"
NUMBER = "coalesce(f64, i64::DOUBLE, u64::DOUBLE)"
ROW_JOINS = "JOIN signals n ON n.id = s.signal JOIN origins o ON o.id = s.origin"
KEY = "source_ns, epoch_ns, sequence, position"
KEY_DOWN = "source_ns DESC, epoch_ns DESC, sequence DESC, position DESC"

SEALED = "sealed"
ROLLUP = "rollup"


def hour_sql(column: str) -> str:
    """Return SQL for the start of the hour of an instant, right before 1970 too."""
    return f"({column} - (({column} % {HOUR_NS}) + {HOUR_NS}) % {HOUR_NS})"


def hour_folder(site: str, hour_ns: int) -> PurePosixPath:
    """Return `site=<site>/date=YYYY-MM-DD/hour=HH` of an hour's start (UTC)."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour_ns // HOUR_NS)
    return PurePosixPath(f"site={site}", f"date={at:%Y-%m-%d}", f"hour={at:%H}")
