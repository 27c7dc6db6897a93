"""Questions to history: hot rows and sealed files as one, each question over one consistent picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from taktwin.contracts.vouching import SILENT_AFTER_NS
from taktwin.errors import StoreError
from taktwin.history import commit_state, layout
from taktwin.history.as_of import as_of_join_positions
from taktwin.history.parquet import quoted
from taktwin.history.spans import OpenSpans, joined
from taktwin.history.store import (
    EARLIEST_NS,
    I64,
    LATEST_NS,
    MINUTE_NS,
    ROW_COLUMNS,
    ROW_SCHEMA,
    Status,
    Vouched,
)
from taktwin.identity import SignalId

Answer = TypeVar("Answer")
ROLLUP_FROM_NS = 2 * MINUTE_NS  # buckets this wide are made of whole minutes
_ROWS = ", ".join(ROW_COLUMNS)
_FINITE = "CASE WHEN quality < 3 AND isfinite(number) THEN number END"


class Reader:
    """The reading half of the port over one DuckDB connection and the folder of sealed files."""

    def __init__(self, connection: Any, root: Path, site: str, *, join_ns: int = SILENT_AFTER_NS) -> None:
        self.join_ns = join_ns
        self._connection = connection
        self._root = root
        self._site = site
        self._indexed = True  # `lasts` tells which segment has which signal
        self._cursor_lock = threading.Lock()
        self._idle = threading.Condition()
        self._asking = 0

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._root

    def _cursor(self) -> Any:
        """Return a connection of its own for one piece of work; DuckDB refuses to make two at a time."""
        with self._cursor_lock:
            try:
                return self._connection.cursor()
            except duckdb.Error as closed:
                raise StoreError(f"history is closed: {closed}") from closed

    def _ask(self, question: Callable[[Any], Answer]) -> Answer:
        """Answer within one transaction, so that a row is seen hot or sealed, never both or neither."""
        with self._idle:
            self._asking += 1
        try:
            return self._try(question)
        finally:
            with self._idle:
                self._asking -= 1
                self._idle.notify_all()

    def _close(self) -> None:
        """Close the connection once nobody asks any more: DuckDB refuses to close what is in use."""
        with self._idle:
            self._idle.wait_for(lambda: self._asking == 0)
            self._connection.close()

    def _try(self, question: Callable[[Any], Answer]) -> Answer:
        for attempt in (1, 2, 3):
            cursor = self._cursor()
            try:
                cursor.begin()
                return question(cursor)
            except duckdb.IOException as gone:
                # A merge may have replaced a file between the look at the list and the read.
                if attempt == 3:
                    raise StoreError(f"history cannot be read: {gone}") from gone
            except duckdb.Error as refused:
                raise StoreError(f"history cannot answer: {refused}") from refused
            finally:
                cursor.close()
        raise AssertionError("the last attempt returns or raises")

    # Rows

    def range(
        self,
        signals: Sequence[SignalId] | None,
        from_ns: int = EARLIEST_NS,
        to_ns: int = LATEST_NS,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        by_time: bool = False,
    ) -> pa.Table:
        """Return rows with `from_ns <= source_ns < to_ns`; see the port."""
        return self.range_parts(
            signals, from_ns, to_ns, limit=limit, newest_first=newest_first, by_time=by_time
        )[0]

    def range_parts(
        self,
        signals: Sequence[SignalId] | None,
        from_ns: int = EARLIEST_NS,
        to_ns: int = LATEST_NS,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        by_time: bool = False,
        hot_only: bool = False,
    ) -> tuple[pa.Table, list[str]]:
        """Return rows and the sealed files that belong to the same picture, below the folder.

        With `hot_only` the rows of those files are left out: the asker reads them itself.
        """
        key = layout.KEY_DOWN if newest_first else layout.KEY
        order = f"{key}, signal" if by_time else f"signal, {key}"
        cut = "" if limit is None else f" LIMIT {int(limit)}"

        def question(cursor: Any) -> tuple[pa.Table, list[str]]:
            ids = self._ids_of(cursor, signals)
            if ids == []:
                return ROW_SCHEMA.empty_table(), []
            files = self._files(cursor, ids, from_ns, to_ns)
            parts = self._row_parts(cursor, signals, ids, [] if hot_only else files, from_ns, to_ns)
            sql = f"SELECT {_ROWS} FROM ({' UNION ALL '.join(parts)}) ORDER BY {order}{cut}"
            below = [Path(file).relative_to(self._root).as_posix() for file in files]
            return _rows(_table(cursor, sql)), below

        return self._ask(question)

    def _row_parts(
        self,
        cursor: Any,
        signals: Sequence[SignalId] | None,
        ids: list[int] | None,
        files: list[str],
        from_ns: int,
        to_ns: int,
    ) -> list[str]:
        window = f"source_ns >= {from_ns} AND source_ns < {to_ns}"
        hot = f"(FROM samples WHERE {window}{_among('signal', ids)})"
        parts = [f"SELECT {layout.ROW} FROM {hot} s {layout.ROW_JOINS}"]
        if files:
            sealed = f"SELECT {_ROWS} FROM {_parquet(files)} WHERE {window}"
            parts.append(self._sealed(cursor, sealed, signals))
        return parts

    def _sealed(self, cursor: Any, sql: str, signals: Sequence[SignalId] | None) -> str:
        """Return SQL for rows of sealed files, of the asked signals and under their names of today.

        `sql` ends with a WHERE clause and has `signal` as its first column.
        """
        former: list[str] = [] if signals is None else list(signals)
        renamed = cursor.execute("SELECT former, name FROM former_names").fetchall()
        former += [old for old, name in renamed if signals is not None and name in signals]
        sql += _among_names("signal", None if signals is None else former)
        if not renamed:
            return sql
        return (
            "SELECT coalesce(f.name, p.signal) AS signal, p.* EXCLUDE (signal) "
            f"FROM ({sql}) p LEFT JOIN former_names f ON f.former = p.signal"
        )

    def _ids_of(self, cursor: Any, signals: Sequence[SignalId] | None) -> list[int] | None:
        if signals is None:
            return None
        rows = cursor.execute(
            "SELECT id FROM signals WHERE name IN (SELECT unnest(?::VARCHAR[]))", [list(signals)]
        )
        return [row[0] for row in rows.fetchall()]

    def _files(self, cursor: Any, ids: list[int] | None, from_ns: int, to_ns: int) -> list[str]:
        sql = f"SELECT file FROM segments g WHERE raw AND last_ns >= {from_ns} AND first_ns < {to_ns}"
        if ids is not None and self._indexed:
            sql += (
                f" AND EXISTS (SELECT 1 FROM lasts l WHERE l.segment = g.segment AND l.source_ns >= {from_ns}"
                f" AND l.first_ns < {to_ns}{_among('l.signal', ids)})"
            )
        rows = cursor.execute(f"{sql} ORDER BY hour_ns, segment").fetchall()
        return [str(self._root / row[0]) for row in rows]

    # The value then

    def last(self, signals: Sequence[SignalId] | None = None) -> pa.Table:
        """Return the newest row of each signal."""
        return self.as_of(signals, LATEST_NS)

    def as_of(self, signals: Sequence[SignalId] | None, at_ns: int) -> pa.Table:
        """Return of each signal the newest row with `source_ns <= at_ns`; see the port."""

        def question(cursor: Any) -> pa.Table:
            ids = self._ids_of(cursor, signals)
            if ids == []:
                return ROW_SCHEMA.empty_table()
            parts = [_newest_hot("samples", ids, at_ns), _newest_hot("lasts", ids, at_ns)]
            for raw, column in ((True, "file"), (False, "rollup")):
                files = self._files_around(cursor, ids, at_ns, raw=raw, column=column)
                if files:
                    sealed = f"SELECT {_ROWS} FROM {_parquet(files)} WHERE source_ns <= {at_ns}"
                    parts.append(_newest_sealed(self._sealed(cursor, sealed, signals)))
            sql = (
                f"SELECT {_ROWS} FROM ({' UNION ALL '.join(parts)}) QUALIFY row_number() OVER "
                f"(PARTITION BY signal ORDER BY {layout.KEY_DOWN}) = 1 ORDER BY signal"
            )
            return _rows(_table(cursor, sql))

        return self._ask(question)

    def _files_around(
        self, cursor: Any, ids: list[int] | None, at_ns: int, *, raw: bool, column: str
    ) -> list[str]:
        """Return the files in which some asked signal goes on after the instant: the others end before it,
        and `lasts` has their last row."""
        sql = f"SELECT {column} FROM segments g WHERE raw = {raw} AND first_ns <= {at_ns}"
        if self._indexed:
            sql += (
                f" AND last_ns > {at_ns} AND EXISTS (SELECT 1 FROM lasts l WHERE l.segment = g.segment"
                f" AND l.first_ns <= {at_ns} AND l.source_ns > {at_ns}{_among('l.signal', ids)})"
            )
        return [str(self._root / row[0]) for row in cursor.execute(sql).fetchall()]

    def as_of_join(self, signals: Sequence[SignalId], times_ns: I64) -> pa.Table:
        """Return for each instant and signal the row that was true then; see the port."""
        times = np.asarray(times_ns, np.int64)
        if len(times) == 0:
            rows, instant, place = ROW_SCHEMA.empty_table(), times, times
        else:
            seed = self.as_of(signals, int(times.min()))
            since = self.range(signals, int(times.min()) + 1, int(times.max()) + 1)
            rows = pa.concat_tables([seed, since]).combine_chunks()
            rows = rows.take(pc.sort_indices(rows, [(n, "ascending") for n in ("signal", *_KEY)]))
            group: Any = pc.dictionary_encode(rows["signal"].combine_chunks())
            instant, place = as_of_join_positions(
                group=group.indices.to_numpy().astype(np.int64),
                source_ns=rows["source_ns"].to_numpy(),
                groups=len(group.dictionary),
                times_ns=times,
            )
        return (
            rows.take(place)
            .append_column("time_ns", pa.array(times[instant]))
            .append_column("row", pa.array(instant))
        )

    # Buckets

    def buckets(self, signals: Sequence[SignalId], from_ns: int, to_ns: int, *, columns: int) -> pa.Table:
        """Return at most `columns` buckets a signal, empty ones left out; see the port."""
        start_ns, end_ns, width_ns = bucket_grid(from_ns, to_ns, columns)
        from_rollup = width_ns >= ROLLUP_FROM_NS
        bucket = f"({start_ns} + ((source_ns - {start_ns}) // {width_ns}) * {width_ns})"
        window = f"source_ns >= {start_ns} AND source_ns < {end_ns}"

        def question(cursor: Any) -> pa.Table:
            ids = self._ids_of(cursor, signals)
            if not ids:
                return BUCKET_SCHEMA.empty_table()
            hot = (
                f"SELECT n.name AS signal, s.source_ns, s.quality, {layout.HOT_NUMBER} AS number "
                f"FROM (FROM samples WHERE {window}{_among('signal', ids)}) s "
                "JOIN signals n ON n.id = s.signal"
            )
            partial = [_partial(hot, bucket)]
            raw = [] if from_rollup else self._files(cursor, ids, start_ns, end_ns)
            if raw:
                sealed = (
                    f"SELECT signal, source_ns, quality, {layout.NUMBER} AS number "
                    f"FROM {_parquet(raw)} WHERE {window}"
                )
                partial.append(_partial(self._sealed(cursor, sealed, signals), bucket))
            if from_rollup or self._any_aged_out(cursor, start_ns, end_ns):
                rollups = self._rollups(cursor, ids, start_ns, end_ns, all_segments=from_rollup)
                if rollups:
                    minutes = f"SELECT signal, * EXCLUDE (signal) FROM {_parquet(rollups)} WHERE {window}"
                    minutes = self._sealed(cursor, minutes, signals)
                    partial.append(_partial_of_minutes(minutes, bucket))
            return _table(cursor, _combined(partial, width_ns))

        return self._ask(question).cast(BUCKET_SCHEMA)

    def _any_aged_out(self, cursor: Any, from_ns: int, to_ns: int) -> bool:
        sql = f"SELECT 1 FROM segments WHERE NOT raw AND last_ns >= {from_ns} AND first_ns < {to_ns} LIMIT 1"
        return _one(cursor, sql) is not None

    def _rollups(
        self, cursor: Any, ids: list[int], from_ns: int, to_ns: int, *, all_segments: bool
    ) -> list[str]:
        which = "" if all_segments else " AND NOT raw"
        sql = f"SELECT rollup FROM segments g WHERE last_ns >= {from_ns} AND first_ns < {to_ns}{which}"
        if self._indexed:
            sql += (
                f" AND EXISTS (SELECT 1 FROM lasts l WHERE l.segment = g.segment AND l.source_ns >= {from_ns}"
                f" AND l.first_ns < {to_ns}{_among('l.signal', ids)})"
            )
        return [str(self._root / row[0]) for row in cursor.execute(sql).fetchall()]

    # What is no sample

    def vouched(
        self, from_ns: int, to_ns: int, *, connector: str | None = None, unit: str | None = None
    ) -> pa.Table:
        """Return the spans (connector, unit, from_ns, to_ns) that touch a window; see the port."""

        def question(cursor: Any) -> list[Vouched]:
            who = [("connector", connector), ("unit", unit)]
            only = " AND ".join(f"{column} = {_text(name)}" for column, name in who if name is not None)
            rows = cursor.execute(f"FROM vouched WHERE {only or 'true'}").fetchall()
            state = _one(cursor, f"SELECT value FROM state WHERE key = {_text(commit_state.KEY)}")
            still_open = OpenSpans.decode(commit_state.decode(state[0] if state else None).open, self.join_ns)
            spans = [Vouched(*row) for row in rows] + still_open.all()
            return [
                span
                for span in joined(
                    (
                        s
                        for s in spans
                        if (connector is None or s.connector == connector)
                        and (unit is None or s.unit == unit)
                    ),
                    self.join_ns,
                )
                if span.to_ns >= from_ns and span.from_ns < to_ns
            ]

        return pa.Table.from_pylist([span._asdict() for span in self._ask(question)], schema=VOUCHED_SCHEMA)

    def events(
        self,
        from_ns: int = EARLIEST_NS,
        to_ns: int = LATEST_NS,
        *,
        types: Sequence[str] = (),
        subjects: Sequence[str] = (),
        limit: int | None = None,
        newest_first: bool = False,
    ) -> pa.Table:
        """Return events by time; see the port."""
        direction = "DESC" if newest_first else "ASC"
        cut = "" if limit is None else f" LIMIT {int(limit)}"
        sql = (
            f"SELECT * FROM events WHERE time_ns >= {from_ns} AND time_ns < {to_ns}"
            + _among_names("type", list(types) or None)
            + _among_names("subject", list(subjects) or None)
            + f" ORDER BY time_ns {direction}, source {direction}, sequence {direction}, id {direction}{cut}"
        )
        return self._ask(lambda cursor: _table(cursor, sql))

    def intervals(
        self, from_ns: int, to_ns: int, *, units: Sequence[str] = (), kind: str = "class"
    ) -> pa.Table:
        """Return the intervals that touch a window in their newest revision; see the port."""
        sql = (
            f"SELECT * FROM (SELECT * FROM intervals WHERE kind = {_text(kind)} AND from_ns < {to_ns}"
            + _among_names("unit", list(units) or None)
            + " QUALIFY row_number() OVER (PARTITION BY id "
            + "ORDER BY revision DESC, recorded_ns DESC, to_ns DESC NULLS LAST) = 1)"
            + f" WHERE NOT withdrawn AND (to_ns IS NULL OR to_ns > {from_ns}) ORDER BY unit, from_ns"
        )
        return self._ask(lambda cursor: _table(cursor, sql))

    def rejected(self, from_ns: int = EARLIEST_NS, to_ns: int = LATEST_NS, *, limit: int = 1000) -> pa.Table:
        """Return what was refused, newest first."""
        sql = (
            f"SELECT * FROM rejected WHERE at_ns >= {from_ns} AND at_ns < {to_ns} "
            f"ORDER BY at_ns DESC, key LIMIT {int(limit)}"
        )
        return self._ask(lambda cursor: _table(cursor, sql))

    def status(self) -> Status:
        """Return how much there is."""

        def question(cursor: Any) -> Status:
            hot = _one(cursor, "SELECT count(*), min(source_ns), max(source_ns) FROM samples")
            sealed = _one(
                cursor,
                """SELECT coalesce(sum(rows) FILTER (raw), 0)::BIGINT,
                coalesce(sum(rows) FILTER (NOT raw), 0)::BIGINT, min(first_ns), max(last_ns),
                count(*) FILTER (raw), coalesce(sum(bytes + rollup_bytes), 0)::BIGINT FROM segments""",
            )
            (events,) = _one(cursor, "SELECT count(*) FROM events")
            rows = cursor.execute("FROM positions WHERE NOT starts_with(stream, 'import:')").fetchall()
            positions = dict(rows)
            oldest = [at for at in (hot[1], sealed[2]) if at is not None]
            newest = [at for at in (hot[2], sealed[3]) if at is not None]
            return Status(
                rows=hot[0] + sealed[0],
                hot_rows=hot[0],
                sealed_rows=sealed[0],
                aged_out_rows=sealed[1],
                bytes=sealed[5] + _bytes_hot(self._root),
                oldest_ns=min(oldest, default=None),
                newest_ns=max(newest, default=None),
                segments=sealed[4],
                events=events,
                positions=positions,
            )

        return self._ask(question)


_KEY = ("source_ns", "epoch_ns", "sequence", "position")

_BUCKET_FIELDS: list[tuple[str, Any]] = [
    ("signal", pa.string()),
    ("bucket_ns", pa.int64()),
    ("width_ns", pa.int64()),
    ("count", pa.int64()),
    ("finite", pa.int64()),
    ("min", pa.float64()),
    ("max", pa.float64()),
    ("mean", pa.float64()),
    ("last", pa.float64()),
    ("last_ns", pa.int64()),
    ("quality", pa.uint8()),
]
BUCKET_SCHEMA = pa.schema(_BUCKET_FIELDS)
_VOUCHED_FIELDS: list[tuple[str, Any]] = [
    ("connector", pa.string()),
    ("unit", pa.string()),
    ("from_ns", pa.int64()),
    ("to_ns", pa.int64()),
]
VOUCHED_SCHEMA = pa.schema(_VOUCHED_FIELDS)


def bucket_grid(from_ns: int, to_ns: int, columns: int) -> tuple[int, int, int]:
    """Return start, end and width of the buckets of a window: at most `columns` of them.

    A width of two minutes and more is made of whole minutes, and start and end lie on minutes.
    """
    assert to_ns > from_ns, f"a window from {from_ns} to {to_ns} holds no instant"
    assert columns > 0, "at least one column"
    width = -(-(to_ns - from_ns) // columns)
    if width < ROLLUP_FROM_NS:
        return from_ns, to_ns, width
    start = from_ns // MINUTE_NS * MINUTE_NS
    end = -(-to_ns // MINUTE_NS) * MINUTE_NS
    width = -(-(end - start) // columns)
    return start, end, -(-width // MINUTE_NS) * MINUTE_NS


def _table(cursor: Any, sql: str) -> pa.Table:
    found: pa.Table = cursor.sql(sql).to_arrow_table()
    return found


def _partial(rows: str, bucket: str) -> str:
    return (
        f"SELECT signal, {bucket} AS bucket_ns, count(*) AS count, count({_FINITE}) AS finite, "
        f"min({_FINITE}) AS min, max({_FINITE}) AS max, sum({_FINITE}) AS sum, max(quality) AS quality, "
        "arg_max(coalesce(number, 'nan'::DOUBLE), source_ns) AS last, max(source_ns) AS last_ns "
        f"FROM ({rows}) GROUP BY ALL"
    )


def _partial_of_minutes(minutes: str, bucket: str) -> str:
    return (
        f"SELECT signal, {bucket} AS bucket_ns, sum(count)::BIGINT AS count, sum(finite)::BIGINT AS finite, "
        "min(min) AS min, max(max) AS max, sum(sum) AS sum, max(worst) AS quality, "
        f"arg_max(coalesce({layout.NUMBER}, 'nan'::DOUBLE), source_ns) AS last, "
        "max(source_ns) AS last_ns "
        f"FROM ({minutes}) GROUP BY ALL"
    )


def _combined(partial: list[str], width_ns: int) -> str:
    return (
        f"SELECT signal, bucket_ns, {width_ns}::BIGINT AS width_ns, sum(count)::BIGINT AS count, "
        "sum(finite)::BIGINT AS finite, min(min) AS min, max(max) AS max, sum(sum) / sum(finite) AS mean, "
        "arg_max(last, last_ns) AS last, max(last_ns) AS last_ns, max(quality) AS quality "
        f"FROM ({' UNION ALL '.join(partial)}) GROUP BY signal, bucket_ns ORDER BY signal, bucket_ns"
    )


def _newest_hot(table: str, ids: list[int] | None, at_ns: int) -> str:
    """Return SQL for the candidates of a table shaped like samples: rows at each signal's newest time."""
    among = _among("signal", ids)
    return (
        f"SELECT {layout.ROW} FROM {table} s JOIN (SELECT signal, max(source_ns) AS newest FROM {table} "
        f"WHERE source_ns <= {at_ns}{among} GROUP BY signal) m "
        f"ON m.signal = s.signal AND m.newest = s.source_ns {layout.ROW_JOINS}"
    )


def read_sealed(files: list[str], signals: Sequence[str] | None, from_ns: int, to_ns: int) -> pa.Table:
    """Return rows of sealed files without a historian; names are those at the time of sealing."""
    with duckdb.connect() as connection:
        sql = f"SELECT {_ROWS} FROM {_parquet(files)} WHERE source_ns >= {from_ns} AND source_ns < {to_ns}"
        sql += _among_names("signal", None if signals is None else list(signals))
        try:
            return _rows(_table(connection, f"{sql} ORDER BY signal, {layout.KEY}"))
        except duckdb.Error as refused:
            raise StoreError(f"sealed files cannot be read: {refused}") from refused


def _newest_sealed(rows: str) -> str:
    return (
        f"SELECT {_ROWS} FROM (SELECT *, max(source_ns) OVER (PARTITION BY signal) AS newest FROM ({rows})) "
        "WHERE source_ns = newest"
    )


def _parquet(files: list[str]) -> str:
    return f"read_parquet({quoted(files)}, hive_partitioning=false)"


def _rows(table: pa.Table) -> pa.Table:
    return table.select(ROW_COLUMNS).cast(ROW_SCHEMA)


def _one(cursor: Any, sql: str) -> Any:
    """Return the only row of an answer, None if there is none."""
    rows = cursor.execute(sql).fetchall()
    return rows[0] if rows else None


def _among(column: str, ids: list[int] | None) -> str:
    if ids is None:
        return ""
    return f" AND {column} IN ({', '.join(str(i) for i in ids)})"


def _among_names(column: str, names: list[str] | None) -> str:
    if names is None:
        return ""
    return f" AND {column} IN ({', '.join(_text(name) for name in names)})"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _bytes_hot(root: Path) -> int:
    total = 0
    for path in root.glob("*.duckdb*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # the log goes when it is folded into the file
            continue
    return total
