"""Latency of a hop over the last minutes: logarithmic buckets in two turns, constant memory."""

from __future__ import annotations

import math

from taktwin.contracts.state import HopStatistics

_STEP = math.log(1.08)  # each bucket is 8 % wide: the error of a quantile is at most 4 %
_LOWEST_MS = 0.001
_BUCKETS = 280  # up to about 40 minutes


class Hop:
    """One hop's histogram. `turn` begins a new half window; a report covers the last one or two."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._now = [0] * _BUCKETS
        self._before = [0] * _BUCKETS
        self._max_now = 0.0
        self._max_before = 0.0

    def add(self, milliseconds: float) -> None:
        """Count one latency; a negative one (clocks of two machines) counts as none."""
        ms = max(milliseconds, _LOWEST_MS)
        bucket = min(int(math.log(ms / _LOWEST_MS) / _STEP), _BUCKETS - 1)
        self._now[bucket] += 1
        self._max_now = max(self._max_now, ms)

    def turn(self) -> None:
        """Begin a new half window."""
        self._before, self._now = self._now, [0] * _BUCKETS
        self._max_before, self._max_now = self._max_now, 0.0

    def statistics(self) -> HopStatistics | None:
        """Return what was measured, None where nothing was."""
        counts = [a + b for a, b in zip(self._now, self._before, strict=True)]
        total = sum(counts)
        if total == 0:
            return None
        return HopStatistics(
            hop=self.name,
            p50=_quantile(counts, total, 0.50),
            p99=_quantile(counts, total, 0.99),
            max=max(self._max_now, self._max_before),
            count=total,
        )


def _quantile(counts: list[int], total: int, share: float) -> float:
    left = share * total
    for bucket, count in enumerate(counts):
        left -= count
        if left <= 0:
            return _LOWEST_MS * math.exp((bucket + 0.5) * _STEP)
    return _LOWEST_MS * math.exp(_BUCKETS * _STEP)
