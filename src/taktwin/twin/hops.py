"""How long values were under way, hop by hop and connection by connection, over the last minutes.

`source`: from the machine's own stamp to the gateway (so it holds the publishing interval, and the
difference of the two clocks); `gateway`: in the gateway; `bus`: to this process; `twin`: into the
state. In milliseconds of wall time.
"""

from __future__ import annotations

from collections import deque

from taktwin.contracts.state import HopStatistics
from taktwin.instants import MILLISECOND_NS, SECOND_NS
from taktwin.plant.registry import Registry

NAMES = ("source", "gateway", "bus", "twin", "whole")
WINDOW_NS = 300 * SECOND_NS
ONE_EVERY_NS = 5 * MILLISECOND_NS  # a faster connection is sampled: the statistics stay small


class Hops:
    """Measured ways of messages, of each connection."""

    def __init__(self, registry: Registry) -> None:
        self._kept: dict[str, deque[tuple[int, float, float, float, float]]] = {
            name: deque(maxlen=4096) for name in registry.connections
        }
        self._last: dict[str, int] = dict.fromkeys(registry.connections, 0)

    def add(
        self, connector: str, *, now_mono: int, source_ms: float, gateway_ns: int, bus_ns: int, twin_ns: int
    ) -> None:
        """Note the way of one message."""
        if now_mono - self._last.get(connector, 0) < ONE_EVERY_NS:
            return
        self._last[connector] = now_mono
        kept = self._kept.setdefault(connector, deque(maxlen=4096))
        kept.append((now_mono, source_ms, gateway_ns / 1e6, bus_ns / 1e6, twin_ns / 1e6))

    def all(self) -> dict[str, list[HopStatistics]]:
        """Return the hops of each connection that was measured."""
        return {name: _statistics([kept]) for name, kept in self._kept.items() if kept}

    def overall(self) -> list[HopStatistics]:
        """Return the hops of all connections together."""
        return _statistics([kept for kept in self._kept.values() if kept])


def _statistics(measured: list[deque[tuple[int, float, float, float, float]]]) -> list[HopStatistics]:
    newest = max((kept[-1][0] for kept in measured), default=0)
    rows = [row[1:] for kept in measured for row in kept if row[0] >= newest - WINDOW_NS]
    if not rows:
        return []
    columns = [sorted(column) for column in zip(*rows, strict=True)]
    columns.append(sorted(sum(row) for row in rows))
    return [
        HopStatistics(
            hop=name,
            p50=column[len(column) // 2],
            p99=column[min(len(column) * 99 // 100, len(column) - 1)],
            max=column[-1],
            count=len(column),
        )
        for name, column in zip(NAMES, columns, strict=True)
    ]
