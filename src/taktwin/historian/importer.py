"""Exports of other historians into history, through the same append as live data.

Each file is read in chunks of lines. A chunk's rows and its number are committed together, so a
run that was killed goes on after its last chunk, and a file that comes again stores nothing. Rows
that history has already (same signal, time, value, quality) are counted as duplicates and not
stored again. What cannot be read goes to a file of rejects with line and reason; the figures of a
report always add up: values = stored + duplicates + rejected + empty.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from taktwin.contracts.samples import Value
from taktwin.errors import ConfigError, Mistake
from taktwin.historian.columns import INSTANT_MAX_NS
from taktwin.historian.import_files import ImportOptions, Look, Record, look, records
from taktwin.historian.import_times import TimeFault, TimeParser
from taktwin.historian.import_values import NO_VALUE, ValueFault, quality_of, typed, value_of
from taktwin.history.door import ImportJob
from taktwin.history.hot import IMPORT_PREFIX, DuckHistory
from taktwin.history.store import (
    NOT_VOUCHED,
    Batch,
    HistoryStore,
    Origin,
    SampleColumns,
)
from taktwin.history.values import ValueColumns, pack, unpack
from taktwin.identity import SignalId
from taktwin.quality import Quality

CHUNK_LINES = 20_000
EXAMPLES = 20
UNIT = "import"
REPORTS = "imports"
Progress = Callable[[str, int, float], None]  # file, lines read, share of the file in [0, 1]


class Example(msgspec.Struct, frozen=True):
    """One refused value."""

    line: int
    reason: str
    text: str


class FileReport(msgspec.Struct, kw_only=True):
    """What became of one file. values_read = stored + duplicates + rejected + empty."""

    file: str
    key: str  # of content and options: the same key is stored once
    look: Look
    lines_read: int = 0
    values_read: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    empty: int = 0
    reasons: dict[str, int] = {}
    unmapped_tags: list[str] = []
    examples: list[Example] = []
    rejects_file: str = ""
    first_ns: int | None = None
    last_ns: int | None = None
    signals: int = 0
    ambiguous_times: int = 0  # local times of the night that has an hour twice
    already_imported: bool = False
    resumed_after_line: int = 0


def import_files(
    job: ImportJob,
    *,
    store: DuckHistory,
    types: Mapping[str, str],
    now_ns: Callable[[], int],
    progress: Progress | None = None,
) -> list[FileReport]:
    """Import the files of a job one after the other and return their reports, also written below
    `imports/` in the historian's folder.

    Raises
    ------
    ConfigError
        If something must be declared: nothing of any file was stored then.
    StoreError
        If the disk refused; asked again, the job goes on where it was.
    """
    options = msgspec.json.decode(job.options, type=ImportOptions)
    imports = [
        FileImport(
            Path(path),
            options=options,
            store=store,
            types=types,
            reports=store.folder / REPORTS,
            now_ns=now_ns,
        )
        for path in job.paths
    ]
    return [one.run(progress) for one in imports]


def one_scan(
    store: HistoryStore,
    *,
    origin: Origin,
    sequence: int,
    signals: Sequence[SignalId],
    signal: npt.NDArray[np.int32],
    source_ns: npt.NDArray[np.int64],
    values: ValueColumns | Sequence[Value],
    recorded_ns: int,
    quality: npt.NDArray[np.uint8] | None = None,
) -> SampleColumns:
    """Return n rows as one scan of an origin, the fast way for whoever has columns already.

    Parameters
    ----------
    sequence : number of this scan within the origin; one that was stored before is left out as a whole
    signals : names to which `signal` (n,) points
    source_ns : (n,); `quality` (n,), all Good if absent; `values` (n,) as typed columns or a list
    """
    n = len(source_ns)
    return SampleColumns(
        origins=[origin],
        scan_origin=np.zeros(1, np.int32),
        scan_sequence=np.array([sequence], np.int64),
        scan_rows=np.array([n], np.int32),
        scan_ingest_ns=np.array([recorded_ns], np.int64),
        scan_as_of_ns=np.array([NOT_VOUCHED], np.int64),
        signal=store.signal_ids(signals)[signal] if n else np.empty(0, np.int32),
        source_ns=source_ns,
        values=values if isinstance(values, ValueColumns) else pack(values),
        quality=np.zeros(n, np.uint8) if quality is None else quality,
        recorded_ns=recorded_ns,
    )


@dataclass
class _Rows:
    """Rows of a chunk that can be stored."""

    tags: list[SignalId] = field(default_factory=list)
    source_ns: list[int] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)


class FileImport:
    """One file on its way into history."""

    def __init__(
        self,
        path: Path,
        *,
        options: ImportOptions,
        store: HistoryStore,
        types: Mapping[str, str],
        reports: Path,
        now_ns: Callable[[], int],
    ) -> None:
        """`types`: signal id -> declared type. Raises ConfigError where something must be declared."""
        self._path = path
        self._options = options
        self._store = store
        self._now_ns = now_ns
        self._types = types
        self._targets = _mapping(options, types)
        self._look = look(path, options)
        zoned = self._look.format == "parquet" and self._look.time_format == "ns"
        # Parquet's own local times come as ISO texts; declared numbers keep their scale.
        self._times = TimeParser("iso" if zoned else self._look.time_format, options.time_zone)
        key = _key(path, options)
        self._stream = f"{IMPORT_PREFIX}{key}"
        self._last_ns: dict[str, int] = {}
        reports.mkdir(parents=True, exist_ok=True)
        self._rejects = reports / f"{path.name}.{key[:8]}.rejects.csv"
        self._state = reports / f"{path.name}.{key[:8]}.report.json"
        self.report = FileReport(file=str(path), key=key, look=self._look)
        self._signals: set[str] = set()

    def run(self, progress: Progress | None = None) -> FileReport:
        """Import the file, or the rest of it, and return its report (written to disk as well)."""
        done = self._store.positions().get(self._stream, 0)
        if done < 0:  # the mark of a file that was read to its end
            self.report = self._stored_report() or self.report
            self.report.already_imported = True
            return self.report
        if done and (before := self._stored_report()) is not None:
            self.report = before
            self.report.resumed_after_line = before.lines_read
        size = max(1, self._path.stat().st_size)
        with self._rejects.open("a" if done else "w", encoding="utf-8", newline="") as rejects:
            for number, lines in self._chunks(done):
                self._import_chunk(number, lines, rejects)
                if progress is not None:
                    progress(str(self._path), self.report.lines_read, self._share(lines, size))
        self._store.append(Batch(positions={self._stream: -1}))
        if self.report.rejected:
            self.report.rejects_file = str(self._rejects)
        else:
            self._rejects.unlink()
        self._keep_report()
        return self.report

    def _share(self, lines: Sequence[list[Record]], size: int) -> float:
        # Lines are of about the same length: good enough for a progress bar, and it cannot pass 1.
        width = sum(len(str(record)) for record in lines[-1]) + 1
        return min(1.0, self.report.lines_read * min(width, 40) / size)

    def _chunks(self, done: int) -> Iterator[tuple[int, list[list[Record]]]]:
        lines = records(self._path, self._options, self._look)
        number = 0
        while chunk := list(islice(lines, CHUNK_LINES)):
            number += 1
            if number > done:
                yield number, chunk

    def _import_chunk(self, number: int, lines: Sequence[list[Record]], rejects: IO[str]) -> None:
        report = self.report
        rows = _Rows()
        refused: list[tuple[Record, str]] = []
        for line in lines:
            report.lines_read += 1
            for record in line:
                report.values_read += 1
                self._take(record, rows, refused)
        stored = self._without_known(rows)
        report.duplicates += len(rows.tags) - len(stored.tags)
        names = list(dict.fromkeys(stored.tags))
        place = {name: at for at, name in enumerate(names)}
        scan = one_scan(
            self._store,
            origin=Origin(self._stream, UNIT, 0),
            sequence=number,
            signals=names,
            signal=np.array([place[name] for name in stored.tags], np.int32),
            source_ns=np.array(stored.source_ns, np.int64),
            values=stored.values,
            quality=np.array(stored.quality, np.uint8),
            recorded_ns=self._now_ns(),
        )
        done = self._store.append(Batch(samples=[scan], positions={self._stream: number}))
        report.stored += done.rows
        report.duplicates += done.duplicate_rows
        self._note(stored)
        self._reject(refused, rejects)
        self._keep_report()

    def _take(self, record: Record, rows: _Rows, refused: list[tuple[Record, str]]) -> None:
        reason = self._convert(record, rows)
        if reason == "empty":
            self.report.empty += 1
        elif reason:
            refused.append((record, reason))

    def _convert(self, record: Record, rows: _Rows) -> str:
        """Add a record's row; return "" or why there is none."""
        if record.fault:
            return record.fault
        target = self._target(record.tag)
        if target is None:
            return "unmapped tag"
        name, kind = target
        value = record.value
        ours = self._look.layout == "taktwin"  # typed and with its Nothing values, exactly
        if not ours and (
            value is None or (isinstance(value, str) and not value.strip() and kind != "string")
        ):
            return "empty"
        try:
            at_ns = self._instant(record)
            quality = quality_of(str(record.quality), self._look.quality_codes)
            if quality is None:
                return f"quality {str(record.quality)[:40]!r} is not understood"
            if not ours and isinstance(value, str):
                if _broken(value) or _broken(record.tag):
                    return f"bytes that are no {self._look.encoding}"
                if kind != "string" and value.strip().lower() in NO_VALUE:
                    value, quality = None, int(Quality.BAD)
                else:
                    value = value_of(value, kind, self._look.decimal)
            elif not ours and kind:
                value = typed(value, kind, self._look.decimal)
        except TimeFault as fault:
            return f"time: {fault}"
        except ValueFault as fault:
            return f"value: {fault} (declared {kind})"
        rows.tags.append(name)
        rows.source_ns.append(at_ns)
        rows.values.append(value)
        rows.quality.append(quality)
        return ""

    def _instant(self, record: Record) -> int:
        if isinstance(record.time, int):
            at_ns = record.time
        else:
            at_ns, later_ns = self._times.parse(str(record.time))
            if later_ns != at_ns:
                self.report.ambiguous_times += 1
                # In order, so the second time this local hour is told it is the later one.
                if at_ns < self._last_ns.get(record.tag, at_ns):
                    at_ns = later_ns
            self._last_ns[record.tag] = at_ns
        if abs(at_ns) > INSTANT_MAX_NS:
            raise TimeFault("beyond the years 1823 to 2116")
        return at_ns

    def _target(self, tag: str) -> tuple[SignalId, str] | None:
        target = self._targets.get(tag)
        if target is None:
            if tag in self._types:
                target = (SignalId(tag), self._types[tag])
            elif self._options.unmapped == "keep" and tag:
                target = (SignalId(f"import/{tag}"), "")
            else:
                return None
            self._targets[tag] = target
        return target

    def _without_known(self, rows: _Rows) -> _Rows:
        """Return the rows that are neither in history nor twice in the chunk."""
        if not rows.tags:
            return rows
        names = sorted(set(rows.tags))
        table = self._store.range(names, min(rows.source_ns), max(rows.source_ns) + 1)
        known = {
            (signal, source_ns, _exact(value), quality)
            for signal, source_ns, value, quality in zip(
                table["signal"].to_pylist(), table["source_ns"].to_pylist(), unpack(table),
                table["quality"].to_pylist(), strict=True,
            )
        }  # fmt: skip
        new = _Rows()
        for name, at_ns, value, quality in zip(
            rows.tags, rows.source_ns, rows.values, rows.quality, strict=True
        ):
            key = (name, at_ns, _exact(value), quality)
            if key not in known:
                known.add(key)
                new.tags.append(name)
                new.source_ns.append(at_ns)
                new.values.append(value)
                new.quality.append(quality)
        return new

    def _note(self, rows: _Rows) -> None:
        report = self.report
        if rows.source_ns:
            first, last = min(rows.source_ns), max(rows.source_ns)
            report.first_ns = first if report.first_ns is None else min(report.first_ns, first)
            report.last_ns = last if report.last_ns is None else max(report.last_ns, last)
        self._signals.update(rows.tags)
        report.signals = max(report.signals, len(self._signals))

    def _reject(self, refused: Sequence[tuple[Record, str]], rejects: IO[str]) -> None:
        report = self.report
        writer = csv.writer(rejects)
        counts = Counter(report.reasons)
        for record, reason in refused:
            text = f"{record.tag}|{record.time}|{record.value}|{record.quality}"
            text = text.encode("utf-8", "backslashreplace").decode("utf-8")
            writer.writerow((record.line, reason, text))
            counts[reason] += 1
            report.rejected += 1
            if len(report.examples) < EXAMPLES:
                report.examples.append(Example(record.line, reason, text[:200]))
            if reason == "unmapped tag" and record.tag not in report.unmapped_tags:
                report.unmapped_tags.append(record.tag.encode("utf-8", "backslashreplace").decode("utf-8"))
        report.reasons = dict(counts)
        rejects.flush()

    def _keep_report(self) -> None:
        aside = self._state.with_suffix(".part")
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(self.report)))
        aside.replace(self._state)

    def _stored_report(self) -> FileReport | None:
        if not self._state.exists():
            return None
        return msgspec.json.decode(self._state.read_bytes(), type=FileReport)


def _exact(value: Any) -> Any:
    """Return a value so that equal means the same type and the same bits."""
    if isinstance(value, float):
        return (float, np.float64(value).tobytes())
    return (type(value), msgspec.msgpack.encode(value))


def _broken(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _key(path: Path, options: ImportOptions) -> str:
    """Return the digest of a file's content and of how it is read."""
    digest = hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(options, mapping="")))
    if options.mapping:
        digest.update(Path(options.mapping).read_bytes())
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def _mapping(options: ImportOptions, types: Mapping[str, str]) -> dict[str, tuple[SignalId, str]]:
    """Return tag -> (signal, type) of the mapping file. Raises ConfigError naming file and line."""
    if not options.mapping:
        return {}
    targets: dict[str, tuple[SignalId, str]] = {}
    mistakes: list[Mistake] = []
    with Path(options.mapping).open(encoding="utf-8-sig", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            tag, signal = (row.get("tag") or "").strip(), (row.get("signal") or "").strip()
            if not tag or not signal:
                mistakes.append(
                    Mistake(options.mapping, line, "tag,signal", str(row), "both, in such columns")
                )
            elif signal not in types and not row.get("type") and types:
                mistakes.append(
                    Mistake(options.mapping, line, "signal", signal, "a signal of the plant, or a type")
                )
            else:
                targets[tag] = (SignalId(signal), (row.get("type") or "").strip() or types.get(signal, ""))
    if mistakes:
        raise ConfigError(mistakes)
    return targets
