"""`/bar`: the time bar: how many good parts in each span, and which alarms were raised."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Query

from taktwin.contracts.events import AlarmRaised
from taktwin.history.values import numbers
from taktwin.plant.registry import Registry
from taktwin.portal import journal as book
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, PortalOf
from taktwin.portal.models.objects import Bar
from taktwin.portal.picture import Int64Array
from taktwin.portal.routes.alarms import events_of, recorded_since_ns
from taktwin.portal.routes.units import window
from taktwin.portal.tables import column, gaps_of, rows

router = APIRouter(tags=["time bar"])

MARKS_MAX = 300


@router.get("/bar", response_model=Bar)
async def bar(
    portal: PortalOf,
    person: PersonOf,
    from_ms: int,
    to_ms: int,
    columns: Annotated[int, Query(ge=1, le=500)] = 60,
) -> dict[str, Any]:
    """Return the time bar's columns and marks.

    Good parts are those of the units at the ends of the flow: a part is counted once, where it
    leaves. `good` is null in a column in which nobody vouched for any of their counters, 0 where one
    was known to stand still.
    """
    from_ns, to_ns = window(portal, from_ms, to_ms)
    edges = np.linspace(from_ns, to_ns, columns + 1).astype(np.int64)
    good = await _good(portal, edges)
    table = await portal.questions.events(
        from_ns=from_ns, to_ns=to_ns, types=[AlarmRaised.event_type], limit=MARKS_MAX, newest_first=True
    )
    raised = book.entries(reversed(events_of(table)), {})
    return {
        "columns": [
            {"from_ms": wire.ms(int(a)), "to_ms": wire.ms(int(b)), "good": count}
            for a, b, count in zip(edges[:-1], edges[1:], good, strict=True)
        ],
        "marks": [
            {"at_ms": wire.ms(r.at_ns), "priority": r.priority or 3, "alarm": r.alarm, "message": r.message}
            for r in raised
        ],
        "start_ms": wire.ms(await recorded_since_ns(portal)),
        "now_ms": wire.ms(portal.clock.now_ns()),
    }


def last_counters(registry: Registry) -> list[str]:
    """Return the good-part counters at the ends of the flow: units that feed no buffer.

    Where no unit that counts stands at an end, all counters are taken.
    """
    feeding = {source for buffer in registry.buffers for source in buffer.sources}
    fed = {target for buffer in registry.buffers for target in buffer.targets}
    counters = [s for s in registry.signals if s.role == "good_count"]
    ends = [s.id for s in counters if s.equipment in fed - feeding]
    return [str(s) for s in ends or [s.id for s in counters]]


async def _good(portal: PortalOf, edges: Int64Array) -> list[int | None]:
    counters = last_counters(portal.registry)
    totals: list[int | None] = [None] * (len(edges) - 1)
    if not counters:
        return totals
    # As many columns again, because the historian aligns its own to whole minutes.
    table = await portal.questions.buckets(
        counters, from_ns=int(edges[0]), to_ns=int(edges[-1]), columns=(len(edges) - 1) * 2
    )
    before = await portal.questions.as_of(counters, int(edges[0]))
    stood = dict(zip(column(before, "signal"), _counts(before), strict=True))
    gaps, now_ns = gaps_of(table), portal.clock.now_ns()
    known_ns = {row["signal"]: row["bucket_ns"] for row in reversed(rows(table)) if row["max"] is not None}
    known_ns |= {counter: int(edges[0]) for counter, count in stood.items() if count is not None}
    for place in range(len(totals)):
        span = (int(edges[place]), int(edges[place + 1]))
        # Standing still is 0 where somebody saw it: not before a counter's first value, nor after now.
        seen = (c for c in counters if known_ns.get(c, span[1]) < span[1] and span[0] < now_ns)
        if any(not covered(span, gaps.get(counter, [])) for counter in seen):
            totals[place] = 0
    for counter in counters:
        for place, made in increments(table, counter, stood.get(counter), edges).items():
            totals[place] = (totals[place] or 0) + made
    return totals


def covered(span: tuple[int, int], gaps: list[tuple[int, int]]) -> bool:
    """Return whether gaps, in order and apart, leave nothing of a span."""
    left = span[0]
    for begin, end in gaps:
        if begin <= left < end:
            left = end
    return left >= span[1]


def increments(table: pa.Table, counter: str, stood: int | None, edges: Int64Array) -> dict[int, int]:
    """Return how far a counter went in each column in which it was heard.

    `stood` is what it was when the window began; unknown means that its first value begins the
    count. A counter never resets; should one fall all the same, nothing is subtracted.
    """
    found: dict[int, int] = {}
    for row in rows(table):
        if row["signal"] != counter or row["max"] is None:
            continue
        low, high = int(row["min"]), int(row["max"])
        start = low if stood is None else stood
        place = min(max(int(np.searchsorted(edges, row["bucket_ns"], "right")) - 1, 0), len(edges) - 2)
        found[place] = found.get(place, 0) + max(high - start, 0)
        stood = max(high, start)
    return found


def _counts(table: pa.Table) -> list[int | None]:
    return [None if n != n else int(n) for n in numbers(table).tolist()]
