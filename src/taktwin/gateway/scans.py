"""Samples into scans: one message per work unit and batch, numbered, vouched for. Pure.

The first scan of a unit has sequence 1; `(connection, unit, epoch_ns, sequence)` is its identity
for ever. A unit of which nothing new is known gets an empty scan once a period while somebody
vouches for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from taktwin.bus.buffer import Record
from taktwin.contracts import samples, topics
from taktwin.gateway.resolve import Sample
from taktwin.identity import EquipmentId, Place
from taktwin.plant.registry import Signal
from taktwin.quality import Quality

VALUES_MAX = 500
SCAN_BYTES_MAX = 2 * 1024 * 1024


@dataclass(slots=True)
class _Unit:
    subject: str
    sequence: int = 0
    vouched_ns: int = 0  # newest as_of that was published
    said_ns: int = 0  # plant time of the last scan that vouched
    samples: list[Sample] = field(default_factory=list)


class Scans:
    """The outgoing scans of one connection."""

    def __init__(
        self, connection: str, registry_prefix: str, epoch_ns: int, signals: Iterable[Signal]
    ) -> None:
        self._connection = connection
        self._prefix = registry_prefix
        self._epoch_ns = epoch_ns
        self._units: dict[EquipmentId, _Unit] = {}
        places: dict[EquipmentId, Place] = {signal.equipment: signal.place for signal in signals}
        for unit, place in sorted(places.items()):
            self._units[unit] = _Unit(topics.sample(place))
        self._touched: list[EquipmentId] = []
        self._as_of_ns: int | None = None

    @property
    def work_units(self) -> list[str]:
        """Return the equipment that this connection speaks for."""
        return [str(unit) for unit in self._units]

    def add(self, sample: Sample) -> None:
        """Put a sample into the batch of its unit."""
        unit = self._units[sample.signal.equipment]
        if not unit.samples:
            self._touched.append(sample.signal.equipment)
        unit.samples.append(sample)

    def confirm(self, as_of_ns: int) -> None:
        """Note that everything said so far was still true at an instant."""
        if self._as_of_ns is None or as_of_ns > self._as_of_ns:
            self._as_of_ns = as_of_ns

    def end(self, now_ns: int) -> list[Record]:
        """Stop vouching: the source is lost or stopped. Return what it vouched for and nobody said yet."""
        records = self.confirmations(now_ns, period_ns=0)
        self._as_of_ns = None
        return records

    def take(self, now_ns: int) -> list[Record]:
        """Return the scans of the batch, and begin the next one."""
        records: list[Record] = []
        for name in self._touched:
            unit = self._units[name]
            batch, unit.samples = unit.samples, []
            for part in _parts(batch):
                last = part is batch or part[-1] is batch[-1]
                records.append(self._record(name, unit, part, now_ns, vouch=last))
        self._touched.clear()
        return records

    def confirmations(self, now_ns: int, *, period_ns: int) -> list[Record]:
        """Return empty scans for the units about which nothing was said for a period."""
        as_of_ns = self._as_of_ns
        if as_of_ns is None:
            return []
        return [
            self._record(name, unit, [], now_ns, vouch=True)
            for name, unit in self._units.items()
            if as_of_ns > unit.vouched_ns and now_ns - unit.said_ns >= period_ns
        ]

    def _record(
        self, name: EquipmentId, unit: _Unit, batch: list[Sample], now_ns: int, *, vouch: bool
    ) -> Record:
        unit.sequence += 1
        as_of_ns = self._as_of_ns if vouch else None
        if as_of_ns is not None:
            unit.vouched_ns, unit.said_ns = as_of_ns, now_ns
        t0_ns = batch[0].source_ns if batch else now_ns
        good = all(sample.quality is Quality.GOOD for sample in batch)
        scan = samples.Scan(
            registry=self._prefix,
            connector=self._connection,
            epoch_ns=self._epoch_ns,
            sequence=unit.sequence,
            t0_ns=t0_ns,
            signals=[sample.signal.index for sample in batch],
            dt_ns=[sample.source_ns - t0_ns for sample in batch],
            values=[sample.value for sample in batch],
            qualities=None if good else [int(sample.quality) for sample in batch],
            as_of_ns=as_of_ns,
        )
        headers = {topics.H_INGEST_NS: str(now_ns)}
        if batch:
            headers[topics.H_RECEIVED_MONO] = str(min(sample.received_mono_ns for sample in batch))
        return Record(
            subject=unit.subject,
            message_id=f"{self._connection}:{name}:{self._epoch_ns}:{unit.sequence}",
            headers=headers,
            payload=samples.encode(scan),
            values=len(batch),
        )


def _parts(batch: list[Sample]) -> list[list[Sample]]:
    """Return the batch in pieces that fit a message; mostly one."""
    if len(batch) <= VALUES_MAX and not any(isinstance(s.value, (str, bytes, list)) for s in batch):
        return [batch]
    parts: list[list[Sample]] = [[]]
    size = 0
    for sample in batch:
        value = sample.value
        weight = 10 + (len(value) * (9 if isinstance(value, list) else 4) if _is_long(value) else 0)
        if parts[-1] and (size + weight > SCAN_BYTES_MAX or len(parts[-1]) >= VALUES_MAX):
            parts.append([])
            size = 0
        parts[-1].append(sample)
        size += weight
    return parts


def _is_long(value: object) -> bool:
    return isinstance(value, (str, bytes, list))
