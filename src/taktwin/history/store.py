"""The port: what a history can do, and the batches that it takes.

A *row* is one value of one signal at one source time. It keeps who said it: the origin
`(connector, unit, epoch)`, the sequence of the scan within that origin and its position in the scan.
Of rows with the same source time the later key `(epoch, sequence, position)` counts, as in the twin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taktwin.history.values import ValueColumns
from taktwin.identity import SignalId

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

HOUR_NS = 3_600 * 1_000_000_000
MINUTE_NS = 60 * 1_000_000_000
NOT_VOUCHED = -(2**63)  # a scan without `as_of`
EARLIEST_NS = -(2**63)
LATEST_NS = 2**63 - 1

# What a row has, in the order of every answer and of the sealed files.
ROW_COLUMNS = (
    "signal", "source_ns", "ingest_ns", "recorded_ns", "kind", "f64", "i64", "u64", "text", "bytes",
    "quality", "connector", "unit", "epoch_ns", "sequence", "position",
)  # fmt: skip
_FIELDS: list[tuple[str, Any]] = [
    ("signal", pa.string()),
    ("source_ns", pa.int64()),
    ("ingest_ns", pa.int64()),
    ("recorded_ns", pa.int64()),
    ("kind", pa.uint8()),
    ("f64", pa.float64()),
    ("i64", pa.int64()),
    ("u64", pa.uint64()),
    ("text", pa.string()),
    ("bytes", pa.binary()),
    ("quality", pa.uint8()),
    ("connector", pa.string()),
    ("unit", pa.string()),
    ("epoch_ns", pa.int64()),
    ("sequence", pa.int64()),
    ("position", pa.int32()),
]
ROW_SCHEMA = pa.schema(_FIELDS)


class Origin(NamedTuple):
    """Whose scans are numbered together."""

    connector: str
    unit: str
    epoch_ns: int


@dataclass(frozen=True, slots=True)
class SampleColumns:
    """Scans as columns: k scans from some origins, and their n rows one after the other."""

    origins: Sequence[Origin]
    scan_origin: I32  # (k,) index into origins
    scan_sequence: I64  # (k,)
    scan_rows: I32  # (k,) rows of each scan, 0 for a pure confirmation; sums to n
    scan_ingest_ns: I64  # (k,)
    scan_as_of_ns: I64  # (k,) until when the source vouched, or NOT_VOUCHED
    signal: I32  # (n,) ids that the store gave out
    source_ns: I64  # (n,)
    values: ValueColumns  # (n,)
    quality: U8  # (n,)
    recorded_ns: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """One CloudEvent as it came; `(source, id)` is its idempotency key."""

    time_ns: int
    recorded_ns: int
    source: str
    id: str
    type: str  # catalogue name, such as equipment.alarm.raised
    subject: str
    place: str  # five levels with slashes
    sequence: str
    body: bytes  # the whole event, structured JSON


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One revision of one interval; `(kind, id, revision)` is its idempotency key."""

    kind: str
    id: str
    unit: str
    from_ns: int
    to_ns: int | None
    time_class: str
    reason: str
    state: str
    program: str
    job: str
    revision: int
    withdrawn: bool
    recorded_ns: int


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One refused message; `key` is its message id or the digest of its bytes."""

    key: str
    at_ns: int
    recorded_ns: int
    reason: str
    found: str
    expected: str
    origin: str
    connector: str
    signal: str
    original: bytes
    original_size: int


class Vouched(NamedTuple):
    """A span over which a source vouched for a unit's values without a gap."""

    connector: str
    unit: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What is committed at once: facts, and the stream positions up to which they were read."""

    samples: Sequence[SampleColumns] = ()
    events: Sequence[EventRow] = ()
    intervals: Sequence[IntervalRow] = ()
    rejected: Sequence[RejectedRow] = ()
    vouched: Sequence[Vouched] = ()
    positions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Appended:
    """What a commit did: rows that are new, and what had been there before."""

    rows: int = 0
    scans: int = 0
    duplicate_scans: int = 0
    duplicate_rows: int = 0
    events: int = 0
    intervals: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class HourState:
    """One hour of source time that still has rows in the hot part."""

    hour_ns: int
    rows: int
    newest_recorded_ns: int
    segments: int  # sealed files that it has already


@dataclass(frozen=True, slots=True)
class SealedHour:
    """One hour of source time with sealed files."""

    hour_ns: int
    rows: int
    segments: int


@dataclass(frozen=True, slots=True)
class Status:
    """How much there is."""

    rows: int  # in raw form, hot and sealed
    hot_rows: int
    sealed_rows: int
    aged_out_rows: int  # kept as roll-ups only
    bytes: int
    oldest_ns: int | None
    newest_ns: int | None
    segments: int
    events: int
    positions: Mapping[str, int]


class HistoryReader(Protocol):
    """The reading half. Tables of rows have ROW_SCHEMA; names that never had a value give no rows."""

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
        """Return rows with `from_ns <= source_ns < to_ns`; `signals=None` means all.

        Ordered by signal, then source time and key; with `by_time` by source time and key first.
        With `newest_first` the order of time is reversed. `limit` counts rows in all.
        """
        ...

    def buckets(self, signals: Sequence[SignalId], from_ns: int, to_ns: int, *, columns: int) -> pa.Table:
        """Return at most `columns` buckets a signal, empty ones left out.

        Columns: signal, bucket_ns (its start), width_ns, count, finite, min, max, mean (of finite
        numbers of quality below Bad; null where there is none), last (float, NaN where no number),
        last_ns, quality (the worst). Where a bucket is 2 min and wider, buckets are aligned to
        whole minutes, so that roll-ups and raw rows give the same figures.
        """
        ...

    def last(self, signals: Sequence[SignalId] | None = None) -> pa.Table:
        """Return the newest row of each signal."""
        ...

    def as_of(self, signals: Sequence[SignalId] | None, at_ns: int) -> pa.Table:
        """Return of each signal the newest row with `source_ns <= at_ns`."""
        ...

    def as_of_join(self, signals: Sequence[SignalId], times_ns: I64) -> pa.Table:
        """Return for each instant and signal the row that was true then: a row's columns plus `time_ns`
        (and `row`, the instant's place in `times_ns`), ordered by row and signal. Never looks ahead;
        where nothing was known yet there is no row."""
        ...

    def vouched(
        self, from_ns: int, to_ns: int, *, connector: str | None = None, unit: str | None = None
    ) -> pa.Table:
        """Return the spans (connector, unit, from_ns, to_ns) that touch a window, not clipped by it."""
        ...

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
        """Return events by time: time_ns, recorded_ns, source, id, type, subject, place, sequence, body."""
        ...

    def intervals(
        self, from_ns: int, to_ns: int, *, units: Sequence[str] = (), kind: str = "class"
    ) -> pa.Table:
        """Return the intervals that touch a window, each in its newest revision, withdrawn ones left out."""
        ...

    def rejected(self, from_ns: int = EARLIEST_NS, to_ns: int = LATEST_NS, *, limit: int = 1000) -> pa.Table:
        """Return what was refused, newest first."""
        ...

    def status(self) -> Status:
        """Return how much there is."""
        ...


class HistoryStore(HistoryReader, Protocol):
    """The whole port. One writer; readers may ask from other threads meanwhile."""

    def signal_ids(self, names: Sequence[SignalId]) -> I32:
        """Return the store's own id of each name, given out on first sight and kept for ever."""
        ...

    def learn(self, registry: str, names: Sequence[SignalId]) -> I32:
        """Remember what the indices of a registry version mean, and return the ids by index."""
        ...

    def known_registries(self) -> Mapping[str, I32]:
        """Return the ids by index of each registry version that was ever learnt."""
        ...

    def append(self, batch: Batch) -> Appended:
        """Commit a batch as a whole, or nothing of it.

        Scans, events, intervals and rejections that are stored already are left out by their keys.

        Raises
        ------
        StoreError
            If the disk refused; nothing was stored and the same batch may be tried again.
        """
        ...

    def append_past(self, batch: Batch, *, sealed_to_ns: int) -> Appended:
        """Commit a batch as a whole, or nothing of it, and with it seal all hours before an instant.

        For who writes a past in the order of time, from a position that is kept here: nothing comes later
        for an hour that is over, and no event comes twice, so events are not held against what is there.
        """
        ...

    def positions(self) -> Mapping[str, int]:
        """Return the stream positions of the last commit."""
        ...

    def hot_hours(self) -> Sequence[HourState]:
        """Return the hours that have rows in the hot part, oldest first."""
        ...

    def sealed_hours(self) -> Sequence[SealedHour]:
        """Return the hours that have sealed raw files, oldest first."""
        ...

    def seal(self, hour_ns: int) -> int:
        """Move an hour's hot rows into a file of their own and return how many; 0 if there was none."""
        ...

    def merge(self, hour_ns: int) -> int:
        """Make one file of an hour's files and return how many rows it has."""
        ...

    def age_out(self, before_ns: int) -> int:
        """Drop the raw rows of sealed hours that ended before an instant, keep their roll-ups."""
        ...

    def close(self) -> None:
        """Close files. What was appended is on disk already."""
        ...
