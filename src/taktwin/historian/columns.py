"""Messages become rows: scans as columns, events, intervals and rejections one by one.

What does not fit its contract becomes a rejection with its original bytes; a signal index that no
known registry explains is kept under `unmapped/<registry>/<index>` until that registry is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from taktwin.contracts import events, quarantine, samples, topics
from taktwin.contracts.samples import Scan
from taktwin.contracts.state import IntervalMessage
from taktwin.errors import DomainError
from taktwin.history.store import (
    I32,
    NOT_VOUCHED,
    EventRow,
    IntervalRow,
    Origin,
    RejectedRow,
    SampleColumns,
)
from taktwin.history.values import pack
from taktwin.identity import SignalId

# Far enough for any plant, and near enough that hours and minutes can be computed in 64 bits.
INSTANT_MAX_NS = 2**62
INDEX_MAX = 1_000_000
ORIGINAL_MAX = 65_536
QUALITY_WORST = 3


class Heard(Protocol):
    """One delivery of a stream."""

    @property
    def subject(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(slots=True)
class Scans:
    """Scans that wait for a commit, decoded, with their unit and ingest time."""

    scans: list[Scan] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    ingest_ns: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    rows: int = 0

    def without(self, wrong: set[int]) -> Scans:
        """Return the same without the scans at some places."""
        keep = [at for at in range(len(self.scans)) if at not in wrong]
        return Scans(
            scans=[self.scans[at] for at in keep],
            units=[self.units[at] for at in keep],
            ingest_ns=[self.ingest_ns[at] for at in keep],
            payloads=[self.payloads[at] for at in keep],
            subjects=[self.subjects[at] for at in keep],
            rows=sum(len(self.scans[at].signals) for at in keep),
        )


class Decoder:
    """Decodes the messages of the sample stream and gathers them into columns."""

    def __init__(self, units: Mapping[str, str]) -> None:
        """`units`: subject of the sample road -> equipment id."""
        self._units = dict(units)
        self._ids: dict[str, I32] = {}
        self._waiting = Scans()
        self._rejected: list[tuple[str, str, bytes]] = []

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._waiting.rows + len(self._rejected)

    @property
    def empty(self) -> bool:
        """Whether nothing at all waits: no row, no confirmation, no rejection."""
        return not self._waiting.scans and not self._rejected

    def learn(self, registry: str, ids: I32) -> None:
        """Use the store's ids for the indices of a registry version."""
        self._ids[registry] = ids

    def hear(self, messages: Sequence[Heard]) -> None:
        """Take messages of the sample stream in."""
        waiting = self._waiting
        for message in messages:
            payload = message.payload
            try:
                scan = samples.decode(payload)
            except (msgspec.DecodeError, ValueError) as fault:
                self._rejected.append((message.subject, str(fault), payload))
                continue
            waiting.scans.append(scan)
            waiting.units.append(self._units.get(message.subject) or _unit(message.subject))
            waiting.ingest_ns.append(_ingest_ns(message.headers))
            waiting.payloads.append(payload)
            waiting.subjects.append(message.subject)
            waiting.rows += len(scan.signals)

    def unexplained(self) -> dict[str, int]:
        """Return registry versions whose ids are missing, with how many indices must be known."""
        needed: dict[str, int] = {}
        for scan in self._waiting.scans:
            if scan.signals:
                known = self._ids.get(scan.registry)
                top = max(scan.signals) + 1
                if (known is None or top > len(known)) and top <= INDEX_MAX:
                    needed[scan.registry] = max(needed.get(scan.registry, 0), top)
        return needed

    def known(self, registry: str) -> int:
        """Return how many indices of a registry version have ids."""
        return len(self._ids.get(registry, ()))

    def take(self, now_ns: int) -> tuple[list[SampleColumns], list[RejectedRow]]:
        """Return what waited as columns, and what was wrong with the rest; nothing waits afterwards."""
        waiting, refused = self._waiting, self._rejected
        self._waiting, self._rejected = Scans(), []
        if waiting.scans:
            try:
                columns = [self._columns(waiting, now_ns)]
            except (OverflowError, DomainError, IndexError, TypeError, ValueError):
                # Some scan is wrong inside: find out which, and keep the others.
                wrong = {
                    at: why for at, scan in enumerate(waiting.scans) if (why := self._fault(scan, now_ns))
                }
                refused += [(waiting.subjects[at], why, waiting.payloads[at]) for at, why in wrong.items()]
                waiting = waiting.without(set(wrong))
                columns = [self._columns(waiting, now_ns)] if waiting.scans else []
        else:
            columns = []
        return columns, [rejection(subject, why, payload, now_ns) for subject, why, payload in refused]

    def _columns(self, waiting: Scans, now_ns: int) -> SampleColumns:
        scans = waiting.scans
        origins: dict[Origin, int] = {}
        scan_origin = [
            origins.setdefault(Origin(scan.connector, unit, scan.epoch_ns), len(origins))
            for scan, unit in zip(scans, waiting.units, strict=True)
        ]
        counts = np.fromiter((len(scan.signals) for scan in scans), np.int32, len(scans))
        # The epoch is stored as 64 signed bits; one that is wider must not get as far as the store.
        np.array([scan.epoch_ns for scan in scans], dtype=np.int64)
        indices: list[int] = []
        after_ns: list[int] = []
        values: list[samples.Value] = []
        for scan in scans:
            indices += scan.signals
            after_ns += scan.dt_ns
            values += scan.values
        n = len(indices)
        t0_ns = np.array([scan.t0_ns for scan in scans], dtype=np.int64)
        source_ns = np.repeat(t0_ns, counts) + np.array(after_ns, dtype=np.int64)
        _check_instants(t0_ns, source_ns, after_ns)
        ingest_ns = np.array(waiting.ingest_ns, dtype=np.int64)
        as_of_ns = [NOT_VOUCHED if scan.as_of_ns is None else scan.as_of_ns for scan in scans]
        if any(abs(at) > INSTANT_MAX_NS and at != NOT_VOUCHED for at in as_of_ns):
            raise OverflowError("a confirmation beyond what an instant can be")
        return SampleColumns(
            origins=list(origins),
            scan_origin=np.array(scan_origin, np.int32),
            scan_sequence=np.array([scan.sequence for scan in scans], dtype=np.int64),
            scan_rows=counts,
            scan_ingest_ns=np.where(ingest_ns == 0, now_ns, ingest_ns),
            scan_as_of_ns=np.array(as_of_ns, dtype=np.int64),
            signal=self._signal_ids(scans, counts, indices),
            source_ns=source_ns,
            values=pack(values),
            quality=_qualities(scans, counts, n),
            recorded_ns=now_ns,
        )

    def _signal_ids(self, scans: Sequence[Scan], counts: npt.NDArray[np.int32], indices: list[int]) -> I32:
        index = np.array(indices, dtype=np.int64)
        if len(index) and (index.min() < 0):
            raise IndexError("a negative signal index")
        registries = {scan.registry for scan in scans if scan.signals}
        if len(registries) <= 1:
            return self._ids[registries.pop()][index] if registries else np.empty(0, np.int32)
        out = np.empty(len(index), np.int32)
        of_row = np.repeat(np.array([scan.registry for scan in scans]), counts)
        for registry in registries:
            rows = of_row == registry
            out[rows] = self._ids[registry][index[rows]]
        return out

    def _fault(self, scan: Scan, now_ns: int) -> str:
        """Return what is wrong with a scan, "" if nothing is."""
        if scan.signals and not 0 <= max(scan.signals) < len(self._ids.get(scan.registry, ())):
            return f"signal index {max(scan.signals)}: expected 0 to {INDEX_MAX - 1}"
        try:
            self._columns(Scans([scan], [""], [0], [b""], [""]), now_ns)
        except (OverflowError, DomainError, IndexError, TypeError, ValueError) as fault:
            return f"{type(fault).__name__}: {fault}"
        return ""


def placeholder(registry: str, index: int) -> SignalId:
    """Return the name of a signal whose registry version is not known."""
    return SignalId(f"unmapped/{registry}/{index}")


def _unit(subject: str) -> str:
    """Return a name for the unit of a subject that the registry does not have: its place."""
    try:
        return str(topics.parse(subject).place)
    except ValueError:
        return subject


def _ingest_ns(headers: Mapping[str, str]) -> int:
    try:
        return int(headers.get(topics.H_INGEST_NS, 0))
    except ValueError:
        return 0


def _check_instants(
    t0_ns: npt.NDArray[np.int64], source_ns: npt.NDArray[np.int64], after_ns: list[int]
) -> None:
    if len(t0_ns) and int(np.abs(t0_ns).max()) > INSTANT_MAX_NS:
        raise OverflowError("t0 beyond what an instant can be")
    if len(source_ns) and (
        int(np.abs(source_ns).max()) > INSTANT_MAX_NS or max(map(abs, after_ns)) > INSTANT_MAX_NS
    ):
        raise OverflowError("a source time beyond what an instant can be")


def _qualities(scans: Sequence[Scan], counts: npt.NDArray[np.int32], n: int) -> npt.NDArray[np.uint8]:
    quality = np.zeros(n, np.uint8)
    if all(scan.qualities is None for scan in scans):
        return quality
    ends = np.cumsum(counts)
    for scan, end, count in zip(scans, ends.tolist(), counts.tolist(), strict=True):
        if scan.qualities is not None:
            quality[end - count : end] = np.array(scan.qualities, dtype=np.uint8)
    if n and int(quality.max()) > QUALITY_WORST:
        raise ValueError(f"quality {int(quality.max())}: expected 0 to {QUALITY_WORST}")
    return quality


def rejection(subject: str, why: str, payload: bytes, now_ns: int) -> RejectedRow:
    """Return the row of a message that does not fit its contract."""
    return RejectedRow(
        key=_digest(payload),
        at_ns=now_ns,
        recorded_ns=now_ns,
        reason="schema",
        found=why[:200],
        expected="a message of its contract",
        origin=subject,
        connector="historian",
        signal="",
        original=payload[:ORIGINAL_MAX],
        original_size=len(payload),
    )


def event_row(message: Heard, now_ns: int) -> EventRow | RejectedRow:
    """Return the row of an event, or its rejection."""
    try:
        event = events.decode(message.payload)
        address = topics.parse(message.subject)
        return EventRow(
            time_ns=event.time_ns,
            recorded_ns=now_ns,
            source=event.source,
            id=event.id,
            type=event.name,
            subject=event.subject,
            place=str(address.place),
            sequence=event.sequence,
            body=message.payload,
        )
    except (msgspec.DecodeError, ValueError) as fault:
        return rejection(message.subject, str(fault), message.payload, now_ns)


_interval_decoder = msgspec.json.Decoder(IntervalMessage)


def interval_row(message: Heard, now_ns: int) -> IntervalRow | RejectedRow:
    """Return the row of an interval, or its rejection."""
    try:
        interval = _interval_decoder.decode(message.payload)
        kind = ".".join(topics.parse(message.subject).rest)
    except (msgspec.DecodeError, ValueError) as fault:
        return rejection(message.subject, str(fault), message.payload, now_ns)
    return IntervalRow(
        kind=kind,
        id=interval.id,
        unit=interval.unit,
        from_ns=interval.from_ns,
        to_ns=interval.to_ns,
        time_class=interval.time_class,
        reason=interval.reason,
        state=interval.state,
        program=interval.program,
        job=interval.job,
        revision=interval.revision,
        withdrawn=interval.withdrawn,
        recorded_ns=now_ns,
    )


def rejected_row(message: Heard, now_ns: int) -> RejectedRow:
    """Return the row of a rejection that somebody else made."""
    try:
        refused = quarantine.decode(message.payload)
    except (msgspec.DecodeError, ValueError) as fault:
        return rejection(message.subject, str(fault), message.payload, now_ns)
    return RejectedRow(
        key=message.headers.get(topics.H_MSG_ID) or _digest(message.payload),
        at_ns=refused.at_ns,
        recorded_ns=now_ns,
        reason=refused.reason,
        found=refused.found,
        expected=refused.expected,
        origin=refused.origin,
        connector=refused.connector,
        signal=refused.signal,
        original=refused.original,
        original_size=refused.original_size,
    )


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
