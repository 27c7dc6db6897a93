"""A model out of an event log: routes, work, waits, weekly hours, skills, arrivals, each with its evidence.

What of it may be believed is said beside it: fits with their goodness and pooling, shares with intervals,
and what the waiting was for as far as the log can tell. A week begins on Monday 0:00.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from taktwin.errors import Mistake
from taktwin.instants import SECOND_NS
from taktwin.simulation.eventlog import Log, Operation, Row, cycle_s, instant, operations
from taktwin.simulation.fitting import ENOUGH, Draw, Fitted, Sample, fit_levels
from taktwin.simulation.model import Calendar
from taktwin.simulation.parameters import ParameterSet
from taktwin.simulation.rates import Share, share

BUSY, OFF = "the machine works on something else", "outside the machine's hours"
FREE, UNKNOWN = "the machine is free", "no machine is known"
SCHEMA = "taktwin.discovered.v1"
HOUR_S, WEEK_S, MONDAY_S = 3600.0, 604_800.0, 345_600.0  # 1970-01-05 was a Monday
ON_SHARE = 0.25  # of the weeks seen: an hour in which something happened that often is a working hour


@dataclass(frozen=True, slots=True)
class Evidence:
    """One inference and what it rests on."""

    claim: str
    seen: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """The model of a log."""

    source: str
    rows: int
    from_s: float
    to_s: float
    orders: Mapping[str, tuple[Operation, ...]]
    variants: tuple[tuple[tuple[str, ...], int], ...]  # routes, the most frequent first
    transitions: Mapping[tuple[str | None, str | None], Share]  # None is before the first and after the last
    returns: Mapping[str, Share]  # orders that come back to an activity, of those that had it
    parameters: ParameterSet  # work/..., wait/..., arrivals
    machine_hours: Mapping[str, Calendar]
    worker_hours: Mapping[str, Calendar]
    skills: Mapping[str, tuple[str, ...]]
    waits: Mapping[str, float]  # hours of waiting by what the machine did meanwhile
    evidence: tuple[Evidence, ...]
    left_out: tuple[Mistake, ...] = ()
    odd: tuple[Mistake, ...] = ()

    @property
    def mondays(self) -> tuple[float, ...]:
        """Return the instants within the log at which a week begins."""
        first = math.ceil((self.from_s - MONDAY_S) / WEEK_S)
        last = math.floor((self.to_s - MONDAY_S) / WEEK_S)
        return tuple(MONDAY_S + week * WEEK_S for week in range(first, last + 1))

    def as_json(self) -> dict[str, Any]:
        """Return the document: all but the single operations."""
        return {
            "schema": SCHEMA, "source": self.source, "rows": self.rows, "orders": len(self.orders),
            "from": instant(self.from_s), "to": instant(self.to_s),
            "variants": [{"route": list(route), "orders": times} for route, times in self.variants],
            "transitions": [
                {"from": a, "to": b, "n": each.good, "of": each.n, "low": each.low, "high": each.high}
                for (a, b), each in self.transitions.items()
            ],
            "returns": {name: {"n": each.good, "of": each.n} for name, each in self.returns.items()},
            "parameters": self.parameters.as_json(),
            "machine_hours": {name: _hours(each) for name, each in self.machine_hours.items()},
            "worker_hours": {name: _hours(each) for name, each in self.worker_hours.items()},
            "skills": {name: list(each) for name, each in self.skills.items()},
            "waits_h": dict(self.waits),
            "under_way": {instant(at_s): sorted(in_progress(self.orders, at_s)) for at_s in self.mondays},
            "evidence": [{"claim": each.claim, "seen": each.seen} for each in self.evidence],
            "left_out": [str(each) for each in self.left_out],
            "odd": [str(each) for each in self.odd],
        }  # fmt: skip


def discover(
    source: str, log: Log, draw: Draw, *, enough: int = ENOUGH, replications: int = 99
) -> Discovered:
    """Return the model of a log with one row or more.

    Parameters
    ----------
    draw : even numbers in [0, 1), for the goodness of fit
    enough : durations from which an activity on a machine is fitted by itself
    replications : of each goodness of fit; 0 leaves it out
    """
    assert log.rows, "a log without a row has no model: ask Log.left_out first"
    orders = operations(log.rows)
    every = [each for way in orders.values() for each in way]
    from_s, to_s = min(row.start_s for row in log.rows), max(row.end_s for row in log.rows)
    seen = round(from_s) * SECOND_NS, round(to_s) * SECOND_NS
    routes = Counter(tuple(each.activity for each in way) for way in orders.values())
    work = _fits(
        "work",
        [((each.activity, each.machine), each.work_s) for each in every],
        draw,
        enough,
        replications,
        seen,
    )
    waiting = [((each.activity, None), each.wait_s) for way in orders.values() for each in way[1:]]
    waits = _fits("wait", waiting, draw, enough, replications, seen)
    arrivals = _arrivals(orders, draw, replications, seen)
    spent = _spent_waiting(log.rows, orders)
    without = Discovered(
        source, len(log.rows), from_s, to_s, orders,
        tuple(sorted(routes.items(), key=lambda item: (-item[1], item[0]))),
        _transitions(orders), _returns(orders),
        ParameterSet(source, {**work, **waits, **arrivals}),
        {name: weekly(name, [row for row in log.rows if row.machine == name], from_s, to_s)
         for name in sorted({row.machine for row in log.rows if row.machine})},
        {name: weekly(name, [row for row in log.rows if row.worker == name], from_s, to_s)
         for name in sorted({row.worker for row in log.rows if row.worker})},
        {name: tuple(sorted({row.activity for row in log.rows if row.worker == name}))
         for name in sorted({row.worker for row in log.rows if row.worker})},
        spent, (), log.left_out, log.odd,
    )  # fmt: skip
    return replace(without, evidence=tuple(_evidence(without)))


def weekly(name: str, rows: Sequence[Row], from_s: float, to_s: float) -> Calendar:
    """Return the hours of the week in which something was worked in a quarter of the weeks, or more.

    Where no hour was worked that often, those that were worked at all: a machine used twice has hours too.
    """
    first, last = math.floor((from_s - MONDAY_S) / WEEK_S), math.ceil((to_s - MONDAY_S) / WEEK_S)
    weeks = max(last - first, 1)
    worked: set[int] = set()  # hours since the first Monday
    origin = MONDAY_S + first * WEEK_S
    for row in rows:
        low = math.floor((row.start_s - origin) / HOUR_S)
        worked.update(range(low, max(math.ceil((row.end_s - origin) / HOUR_S), low + 1)))
    times = Counter(hour % 168 for hour in worked)
    on = sorted(hour for hour, n in times.items() if n >= ON_SHARE * weeks) or sorted(times)
    intervals: list[tuple[float, float]] = []
    for hour in on:
        if intervals and intervals[-1][1] == hour * HOUR_S:
            intervals[-1] = (intervals[-1][0], (hour + 1) * HOUR_S)
        else:
            intervals.append((hour * HOUR_S, (hour + 1) * HOUR_S))
    return Calendar(name, WEEK_S, tuple(intervals))


def in_progress(orders: Mapping[str, tuple[Operation, ...]], at_s: float) -> dict[str, Operation | None]:
    """Return the orders that were under way at an instant, with the operation begun last before it."""
    found: dict[str, Operation | None] = {}
    for case, way in orders.items():
        if way[0].start_s <= at_s < max(each.end_s for each in way):
            found[case] = max((each for each in way if each.start_s <= at_s), key=lambda each: each.start_s)
    return found


def _fits(
    kind: str,
    durations: Sequence[tuple[tuple[str, str | None], float]],
    draw: Draw,
    enough: int,
    replications: int,
    seen_ns: tuple[int, int],
) -> dict[str, Fitted]:
    """Fit by activity and machine, pooled by activity and by all; durations of 0 are told as a share."""
    by_both: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    by_activity: dict[str, list[float]] = defaultdict(list)
    for (activity, machine), seconds in durations:
        if seconds > 0:
            by_both[activity, machine].append(seconds)
            by_activity[activity].append(seconds)
    everything = Sample(tuple(value for each in by_activity.values() for value in each), (), *seen_ns)
    found = {}
    for activity, machine in sorted(by_both, key=str):
        levels = [
            (activity, Sample(tuple(by_activity[activity]), (), *seen_ns)),
            ("all activities", everything),
        ]
        name = f"{kind}/{activity}"
        if machine is not None:
            levels.insert(
                0, (f"{activity} on {machine}", Sample(tuple(by_both[activity, machine]), (), *seen_ns))
            )
            name += f"/{machine}"
        found[name] = fit_levels(levels, draw, enough=enough, grain_s=60.0, replications=replications)
    return found


def _arrivals(
    orders: Mapping[str, tuple[Operation, ...]], draw: Draw, replications: int, seen_ns: tuple[int, int]
) -> dict[str, Fitted]:
    begins = sorted(way[0].start_s for way in orders.values())
    gaps = tuple(b - a for a, b in pairwise(begins))
    if not gaps:
        return {}
    return {
        "arrivals": fit_levels(
            [("all", Sample(gaps, (), *seen_ns))], draw, grain_s=60.0, replications=replications
        )
    }


def _transitions(
    orders: Mapping[str, tuple[Operation, ...]],
) -> dict[tuple[str | None, str | None], Share]:
    counted: Counter[tuple[str | None, str | None]] = Counter()
    for way in orders.values():
        names = [None, *(each.activity for each in way), None]
        counted.update(pairwise(names))
    out: Counter[str | None] = Counter()
    for (a, _), times in counted.items():
        out[a] += times
    pairs = sorted(counted, key=lambda pair: (str(pair[0] or ""), -counted[pair], str(pair[1] or "")))
    return {pair: share(counted[pair], out[pair[0]]) for pair in pairs}


def _returns(orders: Mapping[str, tuple[Operation, ...]]) -> dict[str, Share]:
    had: Counter[str] = Counter()
    again: Counter[str] = Counter()
    for way in orders.values():
        times = Counter(each.activity for each in way)
        had.update(times.keys())
        again.update(name for name, n in times.items() if n > 1)
    return {name: share(again[name], had[name]) for name in sorted(had)}


def _spent_waiting(rows: Sequence[Row], orders: Mapping[str, tuple[Operation, ...]]) -> dict[str, float]:
    """Split the hours of waiting by what the machine of the operation did: for others, off, or free.

    A free machine does not explain a wait: something else did, which the log does not hold.
    """
    by_machine: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.machine:
            by_machine[row.machine].append(row)
    from_s, to_s = min(row.start_s for row in rows), max(row.end_s for row in rows)
    hours = {name: weekly(name, some, from_s, to_s) for name, some in by_machine.items()}
    busy = {name: _merged([(row.start_s, row.end_s) for row in some]) for name, some in by_machine.items()}
    found = dict.fromkeys((BUSY, OFF, FREE, UNKNOWN), 0.0)
    for way in orders.values():
        for each in way:
            if each.wait_s == 0:
                continue
            if each.machine is None:
                found[UNKNOWN] += each.wait_s / HOUR_S
                continue
            low, high = each.start_s - each.wait_s, each.start_s
            working = sum(
                max(min(b, high) - max(a, low), 0.0) for a, b in busy[each.machine] if a < high and b > low
            )
            idle = [
                (a, b)
                for a, b in pairwise(sorted({low, high, *(
                    edge for pair in busy[each.machine] for edge in pair if low < edge < high)}))
                if not any(p <= a and b <= q for p, q in busy[each.machine])
            ]  # fmt: skip
            free = math.fsum(_inside(hours[each.machine], a, b) for a, b in idle)
            found[BUSY] += working / HOUR_S
            found[FREE] += free / HOUR_S
            found[OFF] += (each.wait_s - working - free) / HOUR_S
    return found


def _merged(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for a, b in sorted(intervals):
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], b))
        else:
            merged.append((a, b))
    return merged


def _inside(calendar: Calendar, low: float, high: float) -> float:
    """Return the seconds of [low, high) that lie in a weekly calendar."""
    place, length, inside = (low - MONDAY_S) % WEEK_S, high - low, 0.0
    for week in range(math.ceil((place + length) / WEEK_S)):
        for a, b in calendar.on_s:
            a, b = a + week * WEEK_S, b + week * WEEK_S
            inside += max(min(b, place + length) - max(a, place), 0.0)
    return inside


def _evidence(found: Discovered) -> Iterator[Evidence]:
    every = [each for way in found.orders.values() for each in way]
    waiting_h = sum(found.waits.values())
    whole_h = sum(cycle_s(way) for way in found.orders.values()) / HOUR_S
    yield Evidence(
        f"{len(every)} operations of {len(found.orders)} orders",
        f"{found.rows} reports, {instant(found.from_s)} to {instant(found.to_s)}; "
        "consecutive reports of one activity are one operation",
    )
    if whole_h and waiting_h:
        yield Evidence(
            f"waiting is {waiting_h / whole_h:.0%} of the time of orders",
            f"{waiting_h / 24:.0f} of {whole_h / 24:.0f} order days lie between operations",
        )
        yield Evidence(
            f"during {found.waits[BUSY] / waiting_h:.0%} of the waiting the machine works on something else",
            ", ".join(f"{name} {hours:.0f} h" for name, hours in found.waits.items())
            + "; a machine is busy while any report of this log runs on it",
        )
    span_h = (found.to_s - found.from_s) / HOUR_S
    if span_h:
        yield Evidence(
            f"{whole_h / span_h:.1f} orders are under way on average",
            "sum of cycle times over the time of the log (Little); fewer at both of its ends",
        )
    if weeks := [len(in_progress(found.orders, at_s)) for at_s in found.mondays]:
        yield Evidence(
            f"{min(weeks)} to {max(weeks)} orders are under way on Monday mornings",
            "week by week: " + ", ".join(str(each) for each in weeks),
        )
    alone = sum(times for _, times in found.variants if times == 1)
    yield Evidence(
        f"{len(found.variants)} routes",
        f"{alone} orders go a way that no other goes; the most frequent is that of {found.variants[0][1]}",
    )
    if gaps := found.parameters.fits.get("arrivals"):
        yield Evidence(f"an order begins every {gaps.distribution.mean_s / HOUR_S:.1f} h", gaps.told())
    for activity in sorted({each.activity for each in every}):
        pairs = [
            (each.work_s, each.quantity)
            for each in every
            if each.activity == activity and each.work_s > 0 and each.quantity
        ]
        if len(pairs) >= ENOUGH:
            logs = np.log(np.array(pairs))
            r = float(np.corrcoef(logs[:, 0], logs[:, 1])[0, 1]) if np.ptp(logs, axis=0).all() else 0.0
            yield Evidence(
                f"{activity}: work {'grows' if r > 0.3 else 'hardly grows'} with the quantity",
                f"correlation of the logarithms {r:.2f} over {len(pairs)} operations; "
                f"median {median(work for work, _ in pairs) / 60:.0f} min",
            )


def _hours(calendar: Calendar) -> list[list[float]]:
    return [[low / HOUR_S, high / HOUR_S] for low, high in calendar.on_s]
