"""Where a curve has a gap: stretches for which nobody vouched, which must never be bridged by a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pyarrow as pa

from taktwin.history.store import EARLIEST_NS, LATEST_NS, HistoryReader
from taktwin.identity import SignalId
from taktwin.plant.registry import Registry, Signal

SECOND_NS = 1_000_000_000
PERIODS = 3  # a signal with a period of its own is late after three of them


def gaps_of(
    registry: Registry,
    history: HistoryReader,
    signals: Sequence[SignalId],
    from_ns: int,
    to_ns: int,
    *,
    silent_ns: int,
    now_ns: int,
) -> Mapping[str, list[tuple[int, int]]]:
    """Return the gaps of each signal within a window, as [from, to) in plant nanoseconds.

    A signal whose connection vouches for its unit has a gap between two vouched spans, and from the
    last one to now once that is more than `silent_ns` ago. Another one that has an expected period has
    a gap where samples are further apart than three periods, never less than `silent_ns`, and after
    its last sample likewise. A signal with neither has none: nobody said when it would speak again.
    Before the first fact and after now there is no gap either, only nothing.
    """
    out: dict[str, list[tuple[int, int]]] = {}
    for name in signals:
        signal = registry.by_id.get(name)
        if signal is not None:
            out[name] = _gaps(signal, history, from_ns, to_ns, silent_ns, now_ns)
    return out


def _gaps(
    signal: Signal, history: HistoryReader, from_ns: int, to_ns: int, silent_ns: int, now_ns: int
) -> list[tuple[int, int]]:
    # All spans and not only those that touch the window: it may lie within a gap as a whole.
    table = history.vouched(EARLIEST_NS, LATEST_NS, connector=signal.connection, unit=signal.equipment)
    if table.num_rows:
        spans = list(zip(_instants(table, "from_ns"), _instants(table, "to_ns"), strict=True))
        if now_ns - spans[-1][1] > silent_ns:
            spans.append((now_ns, now_ns))  # nobody spoke since: the gap is open and reaches to now
        return between(spans, from_ns, to_ns)
    if signal.period_s is None:
        return []
    apart_ns = max(silent_ns, int(PERIODS * signal.period_s * SECOND_NS))
    times = _instants(history.range([signal.id], from_ns, to_ns), "source_ns")
    if times:
        times.append(max(min(now_ns, to_ns), times[-1]))
    return [(a, b) for a, b in pairwise(times) if b - a > apart_ns]


def between(spans: Sequence[tuple[int, int]], from_ns: int, to_ns: int) -> list[tuple[int, int]]:
    """Return what lies between consecutive spans, cut to a window."""
    gaps = []
    for (_, end), (start, _) in pairwise(spans):
        first, last = max(end, from_ns), min(start, to_ns)
        if first < last:
            gaps.append((first, last))
    return gaps


def _instants(table: pa.Table, column: str) -> list[int]:
    instants: list[int] = table[column].to_numpy().tolist()
    return instants
