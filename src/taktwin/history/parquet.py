"""Sealed hours: one sorted Parquet file each, and beside it the same hour as one row a minute.

A file is written aside, flushed and renamed; then one transaction of the hot part names it in
`segments` and takes the rows out of `samples`. A crash before that commit leaves a file that nobody
names, which the next start removes; a crash after it leaves nothing to do. Late rows of a sealed
hour become one more file of that hour, until `merge` makes one of them. A file is never changed.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from taktwin.errors import StoreError
from taktwin.history import layout
from taktwin.history.store import HOUR_NS, MINUTE_NS, ROW_COLUMNS

ROW_GROUP = 122_880
ASIDE = ".parquet.part"
_ROWS = ", ".join(ROW_COLUMNS)
_SORTED = f"ORDER BY signal, {layout.KEY}"
_FINITE = "CASE WHEN quality < 3 AND isfinite(number) THEN number END"


def seal(cursor: Any, root: Path, site: str, hour_ns: int) -> int:
    """Move an hour's hot rows into a new segment and return how many; 0 if there was none."""
    where = f"s.source_ns >= {hour_ns} AND s.source_ns < {hour_ns + HOUR_NS}"
    try:
        cursor.begin()
        ((rows,),) = cursor.execute(f"SELECT count(*) FROM samples s WHERE {where}").fetchall()
        if rows == 0:
            cursor.rollback()
            return 0
        source = f"SELECT {layout.ROW} FROM samples s {layout.ROW_JOINS} WHERE {where}"
        written = _write_segment(cursor, root, site, hour_ns, source)
        segment = written.segment
        cursor.execute(
            f"""INSERT INTO lasts
            WITH m AS (SELECT signal, min(source_ns) AS first_ns, max(source_ns) AS last_ns, count(*) AS rows
                       FROM samples s WHERE {where} GROUP BY signal)
            SELECT {segment}, m.first_ns, m.rows, s.* FROM samples s
            JOIN m ON m.signal = s.signal AND m.last_ns = s.source_ns JOIN origins o ON o.id = s.origin
            WHERE {where}
            QUALIFY row_number() OVER (PARTITION BY s.signal
                ORDER BY o.epoch_ns DESC, s.sequence DESC, s.position DESC) = 1"""
        )
        # The same transaction sees the same rows: what came meanwhile stays.
        cursor.execute(f"DELETE FROM samples s WHERE {where}")
        written.name_in(cursor)
        cursor.commit()
    except (duckdb.Error, OSError) as refused:
        _give_up(cursor)
        raise StoreError(f"hour {hour_ns} cannot be sealed: {refused}") from refused
    return int(rows)


def seal_before(cursor: Any, root: Path, site: str, new: pa.Table, before_ns: int) -> None:
    """Seal all hours before an instant at once: rows that nobody has stored yet, and the hot ones.

    Part of the caller's transaction, for a past of which many small hours come at a time: what is the same
    for each of them is asked once, and the new rows never go through the hot part.

    Parameters
    ----------
    new : rows as in `samples`; those at or after the instant are left out
    before_ns : the beginning of an hour
    """
    where = f"source_ns < {before_ns}"
    cursor.register("new_rows", new)
    source = f"(SELECT * FROM new_rows WHERE {where} UNION ALL BY NAME SELECT * FROM samples WHERE {where})"
    try:
        hour = layout.hour_sql("s.source_ns")
        sql = f"SELECT {layout.ROW} FROM {source} s {layout.ROW_JOINS} ORDER BY {hour}, n.name, {layout.KEY}"
        rows = cursor.sql(sql).to_arrow_table()
        if not rows.num_rows:
            return
        cursor.register("made", _write_hours(cursor, root, site, rows))
        cursor.execute(
            f"""INSERT INTO lasts
            WITH r AS (SELECT s.*, {hour} AS hour_ns FROM {source} s),
                 m AS (SELECT hour_ns, signal, min(source_ns) AS first_ns, max(source_ns) AS last_ns,
                              count(*) AS rows FROM r GROUP BY hour_ns, signal)
            SELECT g.segment, m.first_ns, m.rows, r.* EXCLUDE (hour_ns) FROM r
            JOIN m ON m.hour_ns = r.hour_ns AND m.signal = r.signal AND m.last_ns = r.source_ns
            JOIN origins o ON o.id = r.origin JOIN made g ON g.hour_ns = r.hour_ns
            QUALIFY row_number() OVER (PARTITION BY r.hour_ns, r.signal
                ORDER BY o.epoch_ns DESC, r.sequence DESC, r.position DESC) = 1"""
        )
        cursor.execute(f"DELETE FROM samples WHERE {where}")
        cursor.execute("INSERT INTO segments BY NAME FROM made")
        cursor.unregister("made")
    finally:
        cursor.unregister("new_rows")


def _write_hours(cursor: Any, root: Path, site: str, rows: pa.Table) -> pa.Table:
    """Write rows that are sorted by hour into a segment for each, and return these as in `segments`."""
    cursor.register("sorted_rows", rows)
    rollups = cursor.sql(rollup_sql("sorted_rows")).to_arrow_table()
    cursor.unregister("sorted_rows")
    rollups = rollups.take(np.argsort(_hours(rollups), kind="stable"))
    ((segment,),) = cursor.execute("SELECT coalesce(max(segment), 0) + 1 FROM segments").fetchall()
    made = []
    source_ns = rows["source_ns"].to_numpy()
    of_rows, of_rollups = _slices(rows), _slices(rollups)
    for hour_ns, (start, end) in of_rows.items():
        written = _files_of(root, site, segment, hour_ns)
        first, last = of_rollups[hour_ns]
        _write_table(root / written.file, rows.slice(start, end - start))
        _write_table(root / written.rollup, rollups.slice(first, last - first))
        made.append({
            "segment": segment, "hour_ns": hour_ns, "file": written.file, "rollup": written.rollup,
            "rows": end - start, "bytes": (root / written.file).stat().st_size,
            "rollup_bytes": (root / written.rollup).stat().st_size,
            "first_ns": int(source_ns[start:end].min()), "last_ns": int(source_ns[start:end].max()),
            "raw": True,
        })  # fmt: skip
        segment += 1
    return pa.Table.from_pylist(made)


def _hours(rows: pa.Table) -> Any:
    return rows["source_ns"].to_numpy() // HOUR_NS * HOUR_NS


def _slices(rows: pa.Table) -> dict[int, tuple[int, int]]:
    """Return of rows sorted by hour where each hour's begin and end."""
    hours = _hours(rows)
    edges = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
    return {int(hours[start]): (start, end) for start, end in itertools.pairwise(edges)}


def merge(cursor: Any, root: Path, site: str, hour_ns: int) -> int:
    """Make one segment of an hour's segments and return how many rows it has."""
    try:
        cursor.begin()
        old = cursor.execute(
            "SELECT segment, file, rollup FROM segments WHERE hour_ns = ? AND raw ORDER BY segment", [hour_ns]
        ).fetchall()
        if len(old) < 2:
            cursor.rollback()
            return 0
        files = quoted([str(root / file) for _, file, _ in old])
        source = f"SELECT {_ROWS} FROM read_parquet({files}, hive_partitioning=false)"
        written = _write_segment(cursor, root, site, hour_ns, source)
        numbers = ", ".join(str(segment) for segment, _, _ in old)
        cursor.execute(
            f"""INSERT INTO lasts
            WITH m AS (SELECT signal, min(first_ns) AS first_ns, sum(rows)::BIGINT AS rows FROM lasts
                       WHERE segment IN ({numbers}) GROUP BY signal)
            SELECT {written.segment}, m.first_ns, m.rows, l.* EXCLUDE (segment, first_ns, rows)
            FROM lasts l JOIN m ON m.signal = l.signal JOIN origins o ON o.id = l.origin
            WHERE l.segment IN ({numbers})
            QUALIFY row_number() OVER (PARTITION BY l.signal
                ORDER BY l.source_ns DESC, o.epoch_ns DESC, l.sequence DESC, l.position DESC) = 1"""
        )
        cursor.execute(f"DELETE FROM lasts WHERE segment IN ({numbers})")
        cursor.execute(f"DELETE FROM segments WHERE segment IN ({numbers})")
        written.name_in(cursor)
        cursor.commit()
    except (duckdb.Error, OSError) as refused:
        _give_up(cursor)
        raise StoreError(f"hour {hour_ns} cannot be merged: {refused}") from refused
    for _, file, rollup in old:
        _remove(root, file)
        _remove(root, rollup)
    return written.rows


def age_out(cursor: Any, root: Path, before_ns: int) -> int:
    """Drop raw files of hours that ended before an instant; return how many rows went with them."""
    try:
        cursor.begin()
        old = cursor.execute(
            "SELECT file, rows FROM segments WHERE raw AND hour_ns + ? <= ?", [HOUR_NS, before_ns]
        ).fetchall()
        if not old:
            cursor.rollback()
            return 0
        cursor.execute(
            "UPDATE segments SET raw = false, bytes = 0 WHERE raw AND hour_ns + ? <= ?", [HOUR_NS, before_ns]
        )
        cursor.commit()
    except duckdb.Error as refused:
        _give_up(cursor)
        raise StoreError(f"hours before {before_ns} cannot be aged out: {refused}") from refused
    for file, _ in old:
        _remove(root, file)
    return int(sum(rows for _, rows in old))


def remove_orphans(connection: Any, root: Path) -> list[str]:
    """Remove files that a crash left behind: half written, or named by no segment. Return their names."""
    cursor = connection.cursor()
    named = {row[0] for row in cursor.execute("SELECT file FROM segments WHERE raw").fetchall()}
    named |= {row[0] for row in cursor.execute("SELECT rollup FROM segments").fetchall()}
    removed = []
    for tree in (layout.SEALED, layout.ROLLUP):
        for path in sorted((root / tree).rglob("*.parquet*")):
            name = path.relative_to(root).as_posix()
            if name not in named:
                path.unlink()
                removed.append(name)
    return removed


class _Written:
    """A segment whose files are on disk but that no transaction has named yet."""

    def __init__(
        self, root: Path, segment: int, hour_ns: int, file: PurePosixPath, rollup: PurePosixPath
    ) -> None:
        self.root, self.segment, self.hour_ns = root, segment, hour_ns
        self.file, self.rollup, self.rows = str(file), str(rollup), 0

    def name_in(self, cursor: Any) -> None:
        """Make the segment part of history with the transaction of a cursor."""
        cursor.execute(
            """INSERT INTO segments
            SELECT ?, ?, ?, ?, sum(rows)::BIGINT, ?, ?, min(first_ns), max(source_ns), true
            FROM lasts WHERE segment = ?""",
            [
                self.segment, self.hour_ns, self.file, self.rollup,
                (self.root / self.file).stat().st_size, (self.root / self.rollup).stat().st_size,
                self.segment,
            ],
        )  # fmt: skip
        ((self.rows,),) = cursor.execute(
            "SELECT rows FROM segments WHERE segment = ?", [self.segment]
        ).fetchall()


def _write_segment(cursor: Any, root: Path, site: str, hour_ns: int, source: str) -> _Written:
    ((segment,),) = cursor.execute("SELECT coalesce(max(segment), 0) + 1 FROM segments").fetchall()
    written = _files_of(root, site, segment, hour_ns)
    _write(cursor, root / written.file, f"{source} {_SORTED}")
    sealed = f"read_parquet({quoted([str(root / written.file)])}, hive_partitioning=false)"
    _write(cursor, root / written.rollup, rollup_sql(sealed))
    return written


def _files_of(root: Path, site: str, segment: int, hour_ns: int) -> _Written:
    folder = layout.hour_folder(site, hour_ns)
    file = PurePosixPath(layout.SEALED) / folder / f"s{segment:08d}.parquet"
    rollup = PurePosixPath(layout.ROLLUP) / folder / f"r{segment:08d}.parquet"
    return _Written(root, segment, hour_ns, file, rollup)


def rollup_sql(source: str) -> str:
    """Return SQL for one row a minute and signal of sorted rows: its sums, and its last row in full."""
    minute = f"(source_ns - ((source_ns % {MINUTE_NS}) + {MINUTE_NS}) % {MINUTE_NS})"
    return f"""
    WITH raw AS (SELECT *, {minute} AS minute_ns,
                    {layout.NUMBER} AS number
                 FROM {source}),
    sums AS (SELECT signal, minute_ns, count(*) AS count, count({_FINITE}) AS finite, min({_FINITE}) AS min,
                max({_FINITE}) AS max, sum({_FINITE}) AS sum, max(quality) AS worst, max(source_ns) AS last_ns
             FROM raw GROUP BY signal, minute_ns)
    SELECT {", ".join("raw." + name for name in ROW_COLUMNS)}, raw.minute_ns,
        sums.count, sums.finite, sums.min, sums.max, sums.sum, sums.worst
    FROM raw JOIN sums ON raw.signal = sums.signal AND raw.minute_ns = sums.minute_ns
        AND raw.source_ns = sums.last_ns
    QUALIFY row_number() OVER (PARTITION BY raw.signal, raw.minute_ns
        ORDER BY raw.epoch_ns DESC, raw.sequence DESC, raw.position DESC) = 1
    ORDER BY raw.signal, raw.minute_ns"""


def quoted(texts: list[str]) -> str:
    """Return a SQL list of text literals."""
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"


def _write(cursor: Any, path: Path, query: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(ASIDE)
    target = str(aside).replace("'", "''")
    cursor.execute(
        f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )
    _put_in_place(aside, path)


def _write_table(path: Path, rows: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(ASIDE)
    pq.write_table(rows, aside, compression="zstd", row_group_size=ROW_GROUP)
    _put_in_place(aside, path)


def _put_in_place(aside: Path, path: Path) -> None:
    with aside.open("rb+") as written:
        os.fsync(written.fileno())
    aside.rename(path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and the rename is on disk by itself
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove(root: Path, name: str) -> None:
    (root / name).unlink(missing_ok=True)


def _give_up(cursor: Any) -> None:
    try:
        cursor.rollback()
    except duckdb.Error:  # the failed commit has rolled back already
        cursor.close()
