"""A history that is nothing but a list, to compare the real ones with, and builders of batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taktwin.contracts.samples import Value
from taktwin.history.store import NOT_VOUCHED, Batch, HistoryStore, Origin, SampleColumns
from taktwin.history.values import pack, unpack
from taktwin.identity import SignalId

ORIGIN = Origin("line1", "turn1", 1)


@dataclass(frozen=True)
class ScanOf:
    """One scan with its rows: (signal, source time, value, quality)."""

    sequence: int
    rows: Sequence[tuple[str, int, Value, int]]
    origin: Origin = ORIGIN
    as_of_ns: int | None = None


def columns(store: HistoryStore, scans: Sequence[ScanOf], *, recorded_ns: int = 9) -> SampleColumns:
    """Return scans as the columns that a store takes."""
    origins = list(dict.fromkeys(scan.origin for scan in scans))
    rows = [row for scan in scans for row in scan.rows]
    return SampleColumns(
        origins=origins,
        scan_origin=np.array([origins.index(scan.origin) for scan in scans], np.int32),
        scan_sequence=np.array([scan.sequence for scan in scans], np.int64),
        scan_rows=np.array([len(scan.rows) for scan in scans], np.int32),
        scan_ingest_ns=np.full(len(scans), 7, np.int64),
        scan_as_of_ns=np.array(
            [NOT_VOUCHED if scan.as_of_ns is None else scan.as_of_ns for scan in scans], np.int64
        ),
        signal=store.signal_ids([SignalId(row[0]) for row in rows]),
        source_ns=np.array([row[1] for row in rows], np.int64),
        values=pack([row[2] for row in rows]),
        quality=np.array([row[3] for row in rows], np.uint8),
        recorded_ns=recorded_ns,
    )


def batch(store: HistoryStore, *scans: ScanOf, position: int = 0, recorded_ns: int = 9) -> Batch:
    """Return a batch of scans read up to a position."""
    return Batch(
        samples=[columns(store, scans, recorded_ns=recorded_ns)] if scans else [],
        positions={"SAMPLES": position},
    )


Row = tuple[str, int, Any, int, str, str, int, int, int]


@dataclass
class ListHistory:
    """Rows as (signal, source_ns, value, quality, connector, unit, epoch, sequence, position)."""

    rows: list[Row] = field(default_factory=list)
    seen: set[tuple[Origin, int]] = field(default_factory=set)

    def append(self, *scans: ScanOf) -> None:
        """Add scans that were not there before."""
        for scan in scans:
            if (scan.origin, scan.sequence) in self.seen:
                continue
            self.seen.add((scan.origin, scan.sequence))
            for position, (signal, source_ns, value, quality) in enumerate(scan.rows):
                self.rows.append(
                    (signal, source_ns, exact(value), quality, *scan.origin, scan.sequence, position)
                )

    def range(self, signals: set[str] | None, from_ns: int, to_ns: int) -> list[Row]:
        """Return the rows of a window in the order of the port."""
        found = [r for r in self.rows if from_ns <= r[1] < to_ns and (signals is None or r[0] in signals)]
        return sorted(found, key=order)

    def as_of(self, at_ns: int) -> list[Row]:
        """Return the newest row of each signal at an instant."""
        newest: dict[str, Row] = {}
        for row in sorted(self.rows, key=order):
            if row[1] <= at_ns:
                newest[row[0]] = row
        return [newest[name] for name in sorted(newest)]


def order(row: Row) -> tuple[Any, ...]:
    """Return the sort key of a row: signal, source time, epoch, sequence, position."""
    return (row[0], row[1], row[6], row[7], row[8])


def exact(value: Any) -> Any:
    """Return a value in a form in which equal means the same type and the same bits."""
    if isinstance(value, float):
        return ("float", np.float64(value).tobytes().hex())
    if isinstance(value, list):
        return ("list", [exact(item) for item in value])
    return (type(value).__name__, value)


def rows_of(table: Any) -> list[Row]:
    """Return a store's answer in the model's form."""
    names = ("signal", "source_ns", "quality", "connector", "unit", "epoch_ns", "sequence", "position")
    plain = {name: table[name].to_pylist() for name in names}
    return [
        (signal, source_ns, exact(value), quality, connector, unit, epoch_ns, sequence, position)
        for signal, source_ns, value, quality, connector, unit, epoch_ns, sequence, position in zip(
            plain["signal"], plain["source_ns"], unpack(table), plain["quality"], plain["connector"],
            plain["unit"], plain["epoch_ns"], plain["sequence"], plain["position"], strict=True,
        )
    ]  # fmt: skip
