"""The last hours in DuckDB, and the one writer of all history.

A commit holds rows, what was seen, and the stream positions up to which they were read, in one
transaction that is on disk when `append` returns. So a killed historian reads on where its last
commit ended, and a message that comes twice, or is twice in the stream, is stored once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from taktwin.contracts.vouching import SILENT_AFTER_NS
from taktwin.errors import StoreError
from taktwin.history import commit_state, layout, parquet
from taktwin.history.commit_state import CommitState, Counts
from taktwin.history.reading import Reader
from taktwin.history.seen import SeenRanges
from taktwin.history.spans import OpenSpans, joined
from taktwin.history.store import (
    I32,
    NOT_VOUCHED,
    Appended,
    Batch,
    HourState,
    Origin,
    SampleColumns,
    SealedHour,
    Vouched,
)
from taktwin.identity import SignalId

DAY_NS = 86_400 * 1_000_000_000
# Streams keep 7 days, so what is older does not come twice. Only a gateway that was restarted very
# often has so many origins that old ones are forgotten at all; imports are remembered for ever.
SEEN_FOR_NS = 9 * DAY_NS
SEEN_KEYS = 2000
IMPORT_PREFIX = "import:"
# A revision that is sent again with the same content is the same; should a sender ever change
# the content without a new number, both are kept and the later one counts.
INTERVAL_KEY = ("kind", "id", "revision", "to_ns", "time_class", "withdrawn")


class DuckHistory(Reader):
    """History in a folder: `hot.duckdb`, `sealed/` and `rollup/`. Nobody else writes there."""

    def __init__(
        self,
        folder: Path,
        *,
        site: str,
        memory_mb: int = 384,
        threads: int = 2,
        join_ns: int = SILENT_AFTER_NS,
    ) -> None:
        """Open or create the history of a site.

        Confirmations at most `join_ns` apart are kept as one span: it is the smallest gap that anybody
        calls unknown at the speed of this plant, so none is lost by joining.

        Raises
        ------
        StoreError
            If another process has it open, or the disk refuses.
        """
        self._write_lock = threading.RLock()
        self._maintenance_lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(folder, memory_mb=memory_mb, threads=threads)
        except (duckdb.Error, OSError) as refused:
            raise StoreError(f"history in {folder} cannot be opened: {refused}") from refused
        super().__init__(self._connection, folder, site, join_ns=join_ns)
        self._writer = self._cursor()
        self._load()
        parquet.remove_orphans(self._connection, folder)

    def _load(self) -> None:
        rows = self._writer.execute("SELECT name, max(id) FROM signals GROUP BY name").fetchall()
        self._ids: dict[str, int] = dict(rows)
        ((last_id,),) = self._writer.execute("SELECT coalesce(max(id), -1) FROM signals").fetchall()
        self._next_signal = last_id + 1
        rows = self._writer.execute("SELECT id, connector, unit, epoch_ns FROM origins").fetchall()
        self._origins: dict[Origin, int] = {Origin(c, u, e): i for i, c, u, e in rows}
        self._positions: dict[str, int] = dict(self._writer.execute("FROM positions").fetchall())
        stored: dict[str, bytes] = dict(self._writer.execute("FROM state").fetchall())
        state = commit_state.decode(stored.get(commit_state.KEY))
        self._seen = SeenRanges.decode(state.seen)
        self._open = OpenSpans.decode(state.open, self.join_ns)
        self._counts = state.counts

    # Names and registries

    def signal_ids(self, names: Sequence[SignalId]) -> I32:
        """Return the store's own id of each name, given out on first sight and kept for ever."""
        with self._write_lock:
            new = list(dict.fromkeys(str(name) for name in names if name not in self._ids))
            if new:
                given = {name: self._next_signal + at for at, name in enumerate(new)}
                table = pa.table({"id": pa.array(given.values(), pa.int32()), "name": list(given)})
                self._transaction(lambda: self._insert("signals", table))
                self._ids.update(given)
                self._next_signal += len(new)
            return np.fromiter((self._ids[name] for name in names), np.int32, len(names))

    def learn(self, registry: str, names: Sequence[SignalId]) -> I32:
        """Remember what the indices of a registry version mean, and return the ids by index.

        Rows that came under this version before it was known take their right names now.
        """
        with self._write_lock:
            known = self.known_registries().get(registry)
            if known is not None:
                self._rename(known, names)
            ids = self.signal_ids(names) if known is None else self._ids_by_index(known, names)
            table = pa.table(
                {
                    "registry": [registry] * len(ids),
                    "index": pa.array(range(len(ids)), pa.int32()),
                    "id": pa.array(ids),
                }
            )

            def write() -> None:
                self._writer.execute("DELETE FROM registries WHERE registry = ?", [registry])
                self._insert("registries", table)

            if known is None or not np.array_equal(known, ids):
                self._transaction(write)
            return ids

    def _ids_by_index(self, known: I32, names: Sequence[SignalId]) -> I32:
        more = self.signal_ids(names[len(known) :])
        return np.concatenate([known[: len(names)], more]).astype(np.int32)

    def _rename(self, known: I32, names: Sequence[SignalId]) -> None:
        by_id = {i: name for name, i in self._ids.items()}
        changes = [
            (by_id[int(i)], str(name), int(i))
            for i, name in zip(known, names, strict=False)
            if int(i) in by_id and by_id[int(i)] != name
        ]
        if not changes:
            return

        def write() -> None:
            for former, name, signal in changes:
                self._writer.execute("UPDATE signals SET name = ? WHERE id = ?", [name, signal])
                self._writer.execute("INSERT INTO former_names VALUES (?, ?)", [former, name])

        self._transaction(write)
        for former, name, signal in changes:
            del self._ids[former]
            self._ids.setdefault(name, signal)

    def known_registries(self) -> Mapping[str, I32]:
        """Return the ids by index of each registry version that was ever learnt."""
        with self._write_lock:
            rows = self._writer.execute("FROM registries ORDER BY registry, index").fetchall()
        by_registry: dict[str, list[int]] = {}
        for registry, _, signal in rows:
            by_registry.setdefault(registry, []).append(signal)
        return {registry: np.array(ids, np.int32) for registry, ids in by_registry.items()}

    # Append

    def append(self, batch: Batch) -> Appended:
        """Commit a batch as a whole, or nothing of it; see the port."""
        with self._write_lock:
            return self._append(batch, lambda: self._write(batch))

    def append_past(self, batch: Batch, *, sealed_to_ns: int) -> Appended:
        """Commit a batch as a whole, and with it seal all hours before an instant; see the port."""
        with self._maintenance_lock, self._write_lock:
            return self._append(batch, lambda: self._write(batch, sealed_to_ns))

    def _append(self, batch: Batch, write: Callable[[], Appended]) -> Appended:
        origins_before = dict(self._origins)
        open_before, counts_before = self._open.copy(), self._counts
        try:
            done: Appended = self._transaction(write)
        except StoreError:
            self._seen.undo()
            self._origins, self._open, self._counts = origins_before, open_before, counts_before
            raise
        self._seen.keep()
        self._positions.update(batch.positions)
        return done

    def _write(self, batch: Batch, sealed_to_ns: int | None = None) -> Appended:
        scans = rows = duplicate_scans = duplicate_rows = 0
        closed: list[Vouched] = []
        for columns in batch.samples:
            table, new, again = self._new_rows(columns, closed)
            scans += len(columns.scan_sequence) - again
            duplicate_scans += again
            rows += new
            duplicate_rows += len(columns.signal) - new
            if table is None or not new:
                continue
            if sealed_to_ns is not None:
                parquet.seal_before(self._writer, self._root, self._site, table, sealed_to_ns)
                table = table.filter(pa.array(table["source_ns"].to_numpy() >= sealed_to_ns))
            self._insert("samples", table)
        for span in batch.vouched:
            closed.extend(self._open.add_span(span))
        if closed:
            self._insert(
                "vouched",
                pa.table(
                    [list(column) for column in zip(*joined(closed, self.join_ns), strict=True)],
                    names=["connector", "unit", "from_ns", "to_ns"],
                ),
            )
        heard = Appended(
            rows=rows, scans=scans, duplicate_scans=duplicate_scans, duplicate_rows=duplicate_rows
        )
        if batch.samples or batch.vouched:
            self._keep_state(heard, batch)
        for stream, position in batch.positions.items():
            self._put("positions", "stream", "sequence", stream, position)
        return replace(
            heard,
            events=self._insert_new("events", ("source", "id"), batch.events)
            if sealed_to_ns is None
            else self._insert_rows("events", batch.events),
            intervals=self._insert_new("intervals", INTERVAL_KEY, batch.intervals),
            rejected=self._insert_new("rejected", ("key",), batch.rejected),
        )

    def _keep_state(self, done: Appended, batch: Batch) -> None:
        newest_ns = max((columns.recorded_ns for columns in batch.samples), default=0)
        imports = frozenset(n for o, n in self._origins.items() if o.connector.startswith(IMPORT_PREFIX))
        self._seen.forget_before(newest_ns - SEEN_FOR_NS, keep=imports, above=SEEN_KEYS)
        counts = self._counts
        if batch.samples and not _is_import(batch):
            self._counts = Counts(
                rows=counts.rows + done.rows,
                scans=counts.scans + done.scans,
                duplicate_scans=counts.duplicate_scans + done.duplicate_scans,
                duplicate_rows=counts.duplicate_rows + done.duplicate_rows,
            )
        state = CommitState(seen=self._seen.encode(), open=self._open.encode(), counts=self._counts)
        self._put("state", "key", "value", commit_state.KEY, commit_state.encode(state))

    def _new_rows(self, columns: SampleColumns, closed: list[Vouched]) -> tuple[pa.Table | None, int, int]:
        """Return the new rows of scans, their number, and how many scans had been stored before."""
        origin_ids = np.fromiter((self._origin(o) for o in columns.origins), np.int32, len(columns.origins))
        scan_origin = origin_ids[columns.scan_origin]
        now_ns = columns.recorded_ns
        add = self._seen.add
        fresh = [
            add(origin, number, now_ns)
            for origin, number in zip(scan_origin.tolist(), columns.scan_sequence.tolist(), strict=True)
        ]
        again = len(fresh) - sum(fresh)
        self._vouch(columns, closed)
        n = len(columns.signal)
        if n == 0:
            return None, 0, again
        counts = columns.scan_rows
        ends = np.cumsum(counts)
        position = np.arange(n, dtype=np.int32) - np.repeat((ends - counts).astype(np.int32), counts)
        values = columns.values
        table = pa.table(
            {
                "signal": columns.signal,
                "source_ns": columns.source_ns,
                "ingest_ns": np.repeat(columns.scan_ingest_ns, counts),
                "recorded_ns": np.full(n, now_ns, np.int64),
                "kind": values.kind,
                "f64": values.f64,
                "i64": _either(values.i64, values.u64, lambda u64: u64.view(pa.int64())),
                "blob": _either(values.bytes, values.text, lambda text: text.cast(pa.binary())),
                "quality": columns.quality,
                "origin": np.repeat(scan_origin, counts),
                "sequence": np.repeat(columns.scan_sequence, counts),
                "position": position,
            }
        )
        if again:
            table = table.filter(pa.array(np.repeat(np.array(fresh, np.bool_), counts)))
        return table, table.num_rows, again

    def _vouch(self, columns: SampleColumns, closed: list[Vouched]) -> None:
        spoken = columns.scan_as_of_ns != NOT_VOUCHED
        if not spoken.any():
            return
        # Runs of confirmations of one origin without a gap are noted as one span.
        origin, as_of_ns = columns.scan_origin[spoken], columns.scan_as_of_ns[spoken]
        order = np.lexsort((as_of_ns, origin))
        origin, as_of_ns = origin[order], as_of_ns[order]
        cut = (np.diff(origin) != 0) | (np.diff(as_of_ns) > self.join_ns)
        first = np.concatenate(([0], np.flatnonzero(cut) + 1))
        last = np.concatenate((first[1:] - 1, [len(order) - 1]))
        for who, from_ns, to_ns in zip(
            origin[first].tolist(), as_of_ns[first].tolist(), as_of_ns[last].tolist(), strict=True
        ):
            source = columns.origins[who]
            closed.extend(self._open.add_span(Vouched(source.connector, source.unit, from_ns, to_ns)))

    def _origin(self, origin: Origin) -> int:
        number = self._origins.get(origin)
        if number is None:
            number = self._origins[origin] = len(self._origins)
            self._writer.execute("INSERT INTO origins VALUES (?, ?, ?, ?)", [number, *origin])
        return number

    def _insert_new(self, table: str, key: Sequence[str], rows: Sequence[Any]) -> int:
        """Insert rows whose key is not there yet, nor earlier in the same batch; return how many."""
        if not rows:
            return 0
        unique = {tuple(getattr(row, name) for name in key): row for row in reversed(rows)}
        fields = type(rows[0]).__dataclass_fields__
        ordered = list(reversed(unique.values()))
        batch = pa.table({name: [getattr(row, name) for row in ordered] for name in fields})
        same = " AND ".join(f"t.{name} IS NOT DISTINCT FROM b.{name}" for name in key)
        self._writer.register("batch", batch)
        try:
            before = self._rows_in(table)
            self._writer.execute(
                f"INSERT INTO {table} BY NAME SELECT * FROM batch b "
                f"WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE {same})"
            )
            after = self._rows_in(table)
        finally:
            self._writer.unregister("batch")
        return after - before

    def _insert_rows(self, table: str, rows: Sequence[Any]) -> int:
        if rows:
            fields = type(rows[0]).__dataclass_fields__
            self._insert(table, pa.table({name: [getattr(row, name) for row in rows] for name in fields}))
        return len(rows)

    def _rows_in(self, table: str) -> int:
        ((found,),) = self._writer.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(found)

    def _insert(self, table: str, rows: pa.Table) -> None:
        self._writer.register("batch", rows)
        try:
            self._writer.execute(f"INSERT INTO {table} BY NAME SELECT * FROM batch")
        finally:
            self._writer.unregister("batch")

    def _put(self, table: str, key: str, column: str, name: str, value: object) -> None:
        self._writer.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [value, name])
        if self._writer.fetchall() == [(0,)]:
            self._writer.execute(f"INSERT INTO {table} VALUES (?, ?)", [name, value])

    def _transaction(self, write: Any) -> Any:
        try:
            self._writer.begin()
            done = write()
            self._writer.commit()
        except (duckdb.Error, OSError) as refused:
            self._roll_back()
            raise StoreError(f"history did not take a commit: {refused}") from refused
        return done

    def _roll_back(self) -> None:
        try:
            self._writer.rollback()
        except duckdb.Error:  # the failed commit has rolled back already
            self._writer = self._cursor()

    def counts(self) -> Counts:
        """Return what was appended by streams since this history began."""
        with self._write_lock:
            return self._counts

    def positions(self) -> Mapping[str, int]:
        """Return the stream positions of the last commit."""
        with self._write_lock:
            return dict(self._positions)

    # Sealing

    def hot_hours(self) -> Sequence[HourState]:
        """Return the hours that have rows in the hot part, oldest first."""
        hour = layout.hour_sql("source_ns")
        rows = self._look(
            f"""SELECT h.hour_ns, h.rows, h.newest, count(g.segment)
                FROM (SELECT {hour} AS hour_ns, count(*) AS rows, max(recorded_ns) AS newest
                      FROM samples GROUP BY 1) h
                LEFT JOIN segments g ON g.hour_ns = h.hour_ns AND g.raw
                GROUP BY ALL ORDER BY 1"""
        )
        return [HourState(*row) for row in rows]

    def _look(self, sql: str) -> list[Any]:
        rows: list[Any] = self._ask(lambda cursor: cursor.execute(sql).fetchall())
        return rows

    def sealed_hours(self) -> Sequence[SealedHour]:
        """Return the hours that have sealed raw files, oldest first."""
        rows = self._look(
            "SELECT hour_ns, sum(rows)::BIGINT, count(*) FROM segments WHERE raw GROUP BY 1 ORDER BY 1"
        )
        return [SealedHour(*row) for row in rows]

    def seal(self, hour_ns: int) -> int:
        """Move an hour's hot rows into a file of their own and return how many; 0 if there was none."""
        with self._maintenance_lock:
            return parquet.seal(self._cursor(), self._root, self._site, hour_ns)

    def merge(self, hour_ns: int) -> int:
        """Make one file of an hour's files and return how many rows it has."""
        with self._maintenance_lock:
            return parquet.merge(self._cursor(), self._root, self._site, hour_ns)

    def age_out(self, before_ns: int) -> int:
        """Drop the raw rows of sealed hours that ended before an instant, keep their roll-ups."""
        with self._maintenance_lock:
            return parquet.age_out(self._cursor(), self._root, before_ns)

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and give the room of deleted rows back."""
        with self._write_lock:
            try:
                self._writer.execute("CHECKPOINT")
            except duckdb.Error as busy:
                raise StoreError(f"history did not fold its log: {busy}") from busy

    def close(self) -> None:
        """Close files. What was appended is on disk already."""
        with self._maintenance_lock, self._write_lock:
            self._writer.close()
            self._close()


def _connect(folder: Path, *, memory_mb: int, threads: int) -> Any:
    connection = duckdb.connect(
        str(folder / layout.FILE),
        config={
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(folder / "spill"),
            # A plant's network has no extension server, and nothing here needs one.
            "autoinstall_known_extensions": False,
            "checkpoint_threshold": "64MB",
        },
    )
    connection.execute(layout.TABLES)
    return connection


def _either(usual: Any, other: Any, convert: Callable[[Any], Any]) -> Any:
    """Return one column of two of which at most one is not null in a row."""
    if other.null_count == len(other):
        return usual
    converted = convert(other)
    return converted if usual.null_count == len(usual) else pc.coalesce(usual, converted)


def _is_import(batch: Batch) -> bool:
    return all(
        origin.connector.startswith(IMPORT_PREFIX) for columns in batch.samples for origin in columns.origins
    )
