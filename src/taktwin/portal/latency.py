"""How long values take, hop by hop: sliding histograms per connection. Pure.

Comes in: wall milliseconds of single values. Goes out: median, 99th percentile and maximum of the
last five minutes. Quantiles are read from bins of 6 % width; the maximum is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taktwin.instants import SECOND_NS
from taktwin.portal.picture import Int64Array

HOPS = ("source", "gateway", "bus", "twin", "frame", "portal", "screen", "whole")
ESTIMATED = frozenset({"screen", "whole"})  # the browser's clock is part of them
SLOT_NS = 30 * SECOND_NS
SLOTS = 11  # ten whole slots and the one that is being filled
BINS_PER_DECADE = 40
LOW_MS, DECADES = 0.01, 7  # 10 microseconds to 100 seconds
BINS = BINS_PER_DECADE * DECADES

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistics:
    """One hop of one connection, milliseconds."""

    hop: str
    p50: float
    p99: float
    max: float
    count: int


class Latencies:
    """Sliding statistics of all hops of all connections."""

    def __init__(self, connections: int) -> None:
        self._counts = np.zeros((SLOTS, len(HOPS), connections, BINS), dtype=np.int32)
        self._max = np.zeros((SLOTS, len(HOPS), connections))
        self._slot_of = np.full(SLOTS, -1, dtype=np.int64)

    def record(self, hop: str, connection: Int64Array, taken_ms: FloatArray, *, now_mono: int) -> None:
        """Count values: `connection` and `taken_ms` are (n,); below zero counts as zero."""
        if not len(taken_ms):
            return
        slot, h = self._slot(now_mono), HOPS.index(hop)
        clipped = np.maximum(taken_ms, LOW_MS)
        bins = np.minimum((np.log10(clipped / LOW_MS) * BINS_PER_DECADE).astype(np.int64), BINS - 1)
        np.add.at(self._counts[slot, h].reshape(-1), connection * BINS + bins, 1)
        np.maximum.at(self._max[slot, h], connection, taken_ms)

    def statistics(self, connection: int | None, *, now_mono: int) -> list[Statistics]:
        """Return the hops of a connection (None: of all together) that were measured lately."""
        oldest = now_mono // SLOT_NS - (SLOTS - 1)
        alive = self._slot_of >= max(oldest, 0)
        counts, highest = self._counts[alive], self._max[alive]
        if connection is None:
            per_hop = counts.sum(axis=(0, 2))
            top = highest.max(axis=(0, 2), initial=0.0)
        else:
            per_hop = counts[:, :, connection].sum(axis=0)
            top = highest[:, :, connection].max(axis=0, initial=0.0)
        return [
            Statistics(
                hop, _quantile(row, 0.5), _quantile(row, 0.99), round(float(top[h]), 3), int(row.sum())
            )
            for h, (hop, row) in enumerate(zip(HOPS, per_hop, strict=True))
            if row.any()
        ]

    def _slot(self, now_mono: int) -> int:
        number = now_mono // SLOT_NS
        slot = int(number % SLOTS)
        if self._slot_of[slot] != number:
            self._slot_of[slot] = number
            self._counts[slot] = 0
            self._max[slot] = 0.0
        return slot


def _quantile(row: npt.NDArray[np.int64], q: float) -> float:
    cumulated = np.cumsum(row)
    wanted = q * cumulated[-1]
    position = int(np.searchsorted(cumulated, wanted))
    middle = LOW_MS * 10 ** ((position + 0.5) / BINS_PER_DECADE)
    return round(float(middle), 3)
