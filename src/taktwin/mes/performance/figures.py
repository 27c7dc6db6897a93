"""What a shift, a production day or a week of a machine or a line was, with the evidence of each figure.

Reads spans, stops, job orders, maintenance orders and counts; writes nothing.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from taktwin.measures import kpi
from taktwin.measures.kpi import Elements
from taktwin.measures.reliability import reliability
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import Routes
from taktwin.mes.execution import tables as execution
from taktwin.mes.execution.tables import JobOrder, Output
from taktwin.mes.maintenance.tables import MaintenanceOrder
from taktwin.mes.performance import elements
from taktwin.mes.performance.elements import Made, Piece, Stand
from taktwin.mes.performance.hearing import begun
from taktwin.mes.performance.runs import worked_on
from taktwin.mes.performance.states import DAY_NS, STOPS, Run, runs_of
from taktwin.mes.performance.stops import recommended
from taktwin.mes.performance.tables import MachineEdge, MachineSpan, Stop, StopChange
from taktwin.plant.calendars import Calendar
from taktwin.standards.iso22400 import TimeClass
from taktwin.storage.book import Reading

LONG_DAYS = 40  # a stop is looked for so far back from the window that it reaches into
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
FAR_NS = (1 << 63) - 1
LIVE_NS = 60 * SECOND_NS
UNCODED_SINCE_NS = 12 * 3_600 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Window:
    """A shift, a production day or a week; `to_ns` is its end, also while it still goes on."""

    name: str  # of the shift; "" = production days
    day: str  # the local day on which it starts
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class UnitTime:
    """All that is known of a work unit in a window."""

    work_unit: str
    pieces: Sequence[Piece]
    stops: Sequence[Stop]  # the parts, in order
    made: Sequence[tuple[Output, Made]]
    repairs: Sequence[MaintenanceOrder]


def window_of(
    calendar: Calendar | None, at_ns: int, *, whole_day: bool = False, whole_week: bool = False
) -> Window:
    """Return the shift that an instant lies in, its production day, or the week of those from Monday on.

    UTC days without a calendar.
    """
    if whole_week:
        return _week_of(calendar, at_ns)
    if calendar is None:
        begin_ns = at_ns // DAY_NS * DAY_NS
        return Window("", "", begin_ns, begin_ns + DAY_NS)
    shift = None if whole_day else calendar.shift_at(at_ns)
    if shift is not None:
        return Window(shift.name, shift.day.isoformat(), shift.from_ns, shift.to_ns)
    day = calendar.production_day(at_ns)
    return Window("", day.day.isoformat(), day.from_ns, day.to_ns)


def _week_of(calendar: Calendar | None, at_ns: int) -> Window:
    if calendar is None:
        day = at_ns // DAY_NS
        begin_ns = (day - (day + 3) % 7) * DAY_NS  # the first day of 1970 was a Thursday
        return Window("", "", begin_ns, begin_ns + 7 * DAY_NS)
    first = calendar.production_day(at_ns)
    while first.day.weekday():
        first = calendar.production_day(first.from_ns - 1)
    last = first
    for _ in range(6):  # day by day: one of them is longer or shorter when the clocks change
        last = calendar.production_day(last.to_ns)
    return Window("", first.day.isoformat(), first.from_ns, last.to_ns)


def unit_time(
    book: Reading, definitions: Definitions, work_unit: str, *, from_ns: int, to_ns: int, now_ns: int
) -> UnitTime:
    """Return what a work unit did in [from_ns, to_ns), every instant of it once."""
    spans = [
        Run(row.from_ns, row.to_ns, TimeClass(row.time_class))
        for row in begun(book, MachineSpan, work_unit, from_ns - DAY_NS, to_ns)
        if row.to_ns > from_ns
    ]  # fmt: skip
    routes = Routes(book, definitions)
    edge = book.get(MachineEdge, work_unit)
    edge_ns = edge.end_ns if edge is not None else 0
    rows = stops_in(book, work_unit, from_ns=from_ns, to_ns=to_ns)
    stands = [
        Stand(row.stop, row.from_ns, row.to_ns or max(edge_ns, row.from_ns),
              _element(definitions, row.reason), row.reason)
        for row in rows
    ]  # fmt: skip
    rows_of_jobs = [
        row for row in (
            *book.between(JobOrder, "ended_ns", from_ns, FAR_NS, work_unit=work_unit),
            *book.where(JobOrder, work_unit=work_unit, ended_ns=0),
        )  # not those of all the years
        if row.started_ns
    ]  # fmt: skip
    ran: dict[str, list[execution.Run]] = defaultdict(list)
    for run in book.among(execution.Run, "job", [row.job for row in rows_of_jobs]):
        ran[run.job].append(run)
    jobs = [
        (each, row.product) for row in rows_of_jobs
        for each in worked_on(row, ran[row.job], max(now_ns, to_ns))
    ]  # fmt: skip
    found = elements.pieces(runs_of(spans), stands, jobs, from_ns=from_ns, to_ns=to_ns)
    made = [
        (
            row,
            Made(
                row.product,
                row.good,
                row.scrap,
                _cycle_ns(routes, definitions, row),
                elements.seen_share(
                    found, from_ns=max(row.minute_ns, from_ns), to_ns=min(row.minute_ns + MINUTE_NS, to_ns)
                ),
            ),
        )
        for row in book.between(Output, "minute_ns", from_ns, to_ns - 1, work_unit=work_unit)
    ]
    repairs = [
        row for row in book.where(MaintenanceOrder, work_unit=work_unit)
        if row.started_ns and row.started_ns < to_ns and (row.ended_ns or now_ns) > from_ns
    ]  # fmt: skip
    return UnitTime(work_unit, found, rows, made, repairs)


def stops_in(book: Reading, work_unit: str, *, from_ns: int, to_ns: int) -> list[Stop]:
    """Return the stops that reach into [from_ns, to_ns), in order, without those that never were."""
    rows = begun(book, Stop, work_unit, from_ns, to_ns)
    for days in (2, LONG_DAYS):
        before = begun(book, Stop, work_unit, from_ns - days * DAY_NS, from_ns)
        reaching = [row for row in before if not row.to_ns or row.to_ns > from_ns]
        if reaching or before:
            rows = [*reaching, *rows]
            break
    return [row for row in rows if not row.withdrawn]


def _element(definitions: Definitions, code: str) -> TimeClass | None:
    reason = definitions.reasons.get(code)
    return None if reason is None else TimeClass(reason.element)


def _cycle_ns(routes: Routes, definitions: Definitions, row: Output) -> int | None:
    """Return the planned run time of one part (PRU): of its operation, else of the unit."""
    definition = routes.of(row)
    if definition is not None:
        for operation in definition.operations:
            if operation.number == row.operation:
                return round(operation.standard_time_s * SECOND_NS / operation.batch)
    cycle_s = definitions.cycles_s.get(row.work_unit)
    return None if cycle_s is None else round(cycle_s * SECOND_NS)


def elements_in(time: UnitTime, product: str | None = None) -> Elements:
    """Return the elements of a work unit, of one product or of all."""
    return elements.summed(time.pieces, [made for _, made in time.made], product=product)


# Answers


def performance(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return a shift or production day of a machine or a line: its stops, its elements, their evidence."""
    scope = str(wish["scope"])
    units = definitions.units_of.get(scope) or ((scope,) if scope in definitions.work_units else ())
    if not units:
        return {}
    at_ns = int(wish.get("at_ns") or 0) or now_ns
    calendar = definitions.calendars.get(units[0])
    window = window_of(
        calendar, at_ns, whole_day=wish.get("span") == "day", whole_week=wish.get("span") == "week"
    )
    # What the machines say now is a little old; a window that goes on ends where all that live are known.
    edges = [edge.end_ns for unit in units if (edge := book.get(MachineEdge, unit)) is not None]
    live = [end_ns for end_ns in edges if 0 <= now_ns - end_ns <= LIVE_NS]
    to_ns = max(min([window.to_ns, now_ns, *live]), window.from_ns)
    times = [
        unit_time(book, definitions, unit, from_ns=window.from_ns, to_ns=to_ns, now_ns=now_ns)
        for unit in units
    ]
    products = sorted(
        {p.product for t in times for p in t.pieces} | {m.product for t in times for _, m in t.made}
    )
    rows = [_unit(book, definitions, time, products, now_ns) for time in times]
    # A place whose machine says nothing would make every sum unknown: it is named beside the sum instead.
    told = [time for time in times if time.work_unit in definitions.machines] or times
    stops = [each for row in rows for each in row.pop("stops")]
    return {
        "scope": scope, "name": definitions.work_units.get(scope, scope),
        "lines": {line: list(here) for line, here in definitions.units_of.items()},
        "window": {
            **dataclasses.asdict(window), "until_ns": to_ns,
            "before_ns": window.from_ns - 1, "after_ns": window.to_ns if window.to_ns <= now_ns else 0,
        },
        "units": rows,
        "products": [
            {"product": product, **_figures([elements_in(time, product) for time in told])}
            for product in products
        ],
        **_figures([elements_in(time) for time in told]),
        "without": [time.work_unit for time in times if time not in told],
        "unknown_max": kpi.UNKNOWN_MAX,
        "too_fast": [each for time in told for each in _too_fast(time, products)],
        # What wants a reason comes first; waiting for a neighbour is that neighbour's.
        "stops": sorted(stops, key=lambda s: (not s["wants_reason"], -s["from_ns"])),
        "reasons": _tree(definitions, {definitions.classes.get(unit, "") for unit in units}),
        "at_ns": now_ns,
    }  # fmt: skip


def _unit(
    book: Reading, definitions: Definitions, time: UnitTime, products: Sequence[str], now_ns: int
) -> dict[str, Any]:
    machine = definitions.machines.get(time.work_unit)
    total = elements_in(time)
    counts: dict[tuple[str, str], list[int]] = {}
    for row, _ in time.made:
        sums = counts.setdefault((row.job, row.product), [0, 0])
        sums[0] += row.good
        sums[1] += row.scrap
    return {
        "work_unit": time.work_unit, "name": definitions.work_units[time.work_unit],
        "seen": machine is not None,
        "short_stop_s": 0.0 if machine is None else machine.short_stop_ns / SECOND_NS,
        **_figures([total]),
        "strip": [
            {"from_ns": piece.from_ns, "to_ns": piece.to_ns, "time_class": piece.told.value,
             "stop": piece.stop}
            for piece in _strip(time.pieces)
        ],
        "counts": [
            {"job": job, "product": product, "good": sums[0], "scrap": sums[1]}
            for (job, product), sums in sorted(counts.items())
        ],
        "reasons": _by_reason(time),
        "short_stops": _short(time.pieces),
        "reliability": _reliability(time, total),
        "repairs": [
            {"order": row.order, "about": row.about, "kind": row.kind, "down_ns": _down_ns(time, row, now_ns)}
            for row in time.repairs
        ],
        "products": [
            {"product": product, **_figures([elements_in(time, product)])} for product in products
        ] if len(products) > 1 else [],
        "stops": [
            stop_shown(book, definitions, [row for row in time.stops if row.part_of == name], time)
            for name in dict.fromkeys(row.part_of for row in time.stops)
        ],
    }  # fmt: skip


def _reliability(time: UnitTime, total: Elements) -> dict[str, Any]:
    """Return MTBF and MTTR of the stops whose time is the unit's own delay; a merged one is one failure."""
    part_of = {row.stop: row.part_of for row in time.stops}
    stood: dict[str, int] = {}
    for piece in time.pieces:
        if piece.stop and piece.time_class is TimeClass.DELAY_OWN:
            stood[part_of[piece.stop]] = stood.get(part_of[piece.stop], 0) + piece.to_ns - piece.from_ns
    found = reliability(stood_ns=list(stood.values()), at_work_ns=total.unit_processing_ns)
    known = total.unknown_ns <= kpi.UNKNOWN_MAX * total.calendar_ns
    between, repair = (found.between_ns, found.repair_ns) if known else (None, None)
    return {
        "failures": found.failures,
        "mtbf_s": None if between is None else between / SECOND_NS,
        "mttr_s": None if repair is None else repair / SECOND_NS,
    }  # fmt: skip


def _figures(parts: Sequence[Elements]) -> dict[str, Any]:
    """Return the sum of some work units with its figures."""
    found, units = kpi.total(parts), max(sum(1 for each in parts if each.produced), 1)
    return {
        "elements": {
            **dataclasses.asdict(found),
            "calendar_ns": found.calendar_ns, "planned_busy_ns": found.planned_busy_ns,
            "unit_busy_ns": found.unit_busy_ns, "delay_ns": found.delay_ns,
        },
        "figures": kpi.figures(found, units=units),
        "withheld": {name: reason.value for name, reason in kpi.withheld(found, units=units).items()},
    }  # fmt: skip


def _too_fast(time: UnitTime, products: Sequence[str]) -> list[dict[str, Any]]:
    """Return what was made faster than planned: why an effectiveness is above 100 %, and with it an OEE."""
    found = []
    whole = (kpi.figures(elements_in(time))["effectiveness"] or 0.0) > 1
    for product in products:
        mine = elements_in(time, product)
        pace, seen = kpi.effectiveness(mine), mine.produced - mine.unseen
        shown = whole or kpi.figures(mine)["effectiveness"] is not None
        if shown and pace is not None and pace > 1 and seen > 0:
            found.append({
                "work_unit": time.work_unit, "product": product, "parts": seen, "effectiveness": pace,
                "planned_ns": round(kpi.part_ns(mine)), "took_ns": round(mine.production_ns / seen),
            })  # fmt: skip
    return found


def _strip(found: Sequence[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in found:
        last = joined[-1] if joined else None
        if last is not None and (last.told, last.stop) == (piece.told, piece.stop):
            joined[-1] = dataclasses.replace(last, to_ns=piece.to_ns)
        else:
            joined.append(piece)
    return joined


def _by_reason(time: UnitTime) -> list[dict[str, Any]]:
    """Return how long which reason took: what the delays of the figures are made of."""
    reason = {row.stop: row.reason for row in time.stops}
    sums: dict[tuple[str, str], int] = {}
    for piece in time.pieces:
        if piece.stop:
            key = (reason[piece.stop], piece.time_class.value)
            sums[key] = sums.get(key, 0) + piece.to_ns - piece.from_ns
    return [
        {"reason": code, "time_class": time_class, "took_ns": took}
        for (code, time_class), took in sorted(sums.items(), key=lambda each: -each[1])
    ]


def _short(found: Sequence[Piece]) -> int:
    runs = _strip([dataclasses.replace(piece, stop="") for piece in found])
    return sum(1 for piece in runs if piece.told in STOPS and any(
        each.short and piece.from_ns <= each.from_ns < piece.to_ns for each in found
    ))  # fmt: skip


def _down_ns(time: UnitTime, row: MaintenanceOrder, now_ns: int) -> int:
    """Return for how long a machine did not produce while maintenance worked on it."""
    begin, end = row.started_ns, row.ended_ns or now_ns
    return sum(
        max(min(piece.to_ns, end) - max(piece.from_ns, begin), 0)
        for piece in time.pieces
        if piece.told not in (TimeClass.PRODUCTION, TimeClass.UNKNOWN)
    )


def stop_shown(
    book: Reading, definitions: Definitions, parts: Sequence[Stop], time: UnitTime | None = None
) -> dict[str, Any]:
    """Return a stop as a page shows it: its parts as one, with the reason that its code recommends."""
    leader = book.get(Stop, parts[0].part_of) or parts[0]
    edge = book.get(MachineEdge, leader.work_unit)
    edge_ns = edge.end_ns if edge is not None else 0
    best = recommended(definitions, leader.work_unit, next((p.code for p in parts if p.code), ""))
    begin, end = parts[0].from_ns, parts[-1].to_ns
    repair = next(
        (row.order for row in (time.repairs if time is not None else ())
         if row.started_ns < (end or edge_ns) and (not row.ended_ns or row.ended_ns > begin)), "",
    )  # fmt: skip
    return {
        **msgspec.structs.asdict(leader),
        "reason": parts[0].reason, "from_ns": begin, "to_ns": end,
        "known_ns": end or edge_ns,  # until when it is known to stand
        "stood_ns": sum(max((p.to_ns or max(edge_ns, p.from_ns)) - p.from_ns, 0) for p in parts),
        "parts": len(parts), "code": next((p.code for p in parts if p.code), ""),
        "recommended": "" if best is None else best.code,
        "wants_reason": not parts[0].reason and leader.time_class == TimeClass.DELAY_OWN,
        "repair": repair,
    }  # fmt: skip


def _tree(definitions: Definitions, classes: set[str]) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for reason in definitions.reasons.values():
        if not any(reason.asked_at(each) for each in classes):
            continue
        group = groups.setdefault(
            reason.group, {"group": reason.group, "name": reason.group_name, "reasons": []}
        )
        group["reasons"].append({
            "code": reason.code, "name": reason.name, "planned": reason.planned, "element": reason.element,
        })  # fmt: skip
    return list(groups.values())


def stop(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return a stop with all that ever became of it."""
    row = book.get(Stop, str(wish["stop"]))
    if row is None:
        return {}
    parts = sorted(book.where(Stop, part_of=row.part_of), key=lambda part: part.from_ns)
    shown = [part for part in parts if not part.withdrawn] or parts
    changes = [change for part in parts for change in book.where(StopChange, stop=part.stop)]
    return {
        "stop": stop_shown(book, definitions, shown),
        "history": [
            msgspec.structs.asdict(change)
            for change in sorted(changes, key=lambda change: (change.at_ns, change.stop, change.number))
        ],
    }


def standing(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return what a terminal asks about: the stop of now, and those that still have no reason."""
    unit = str(wish["work_unit"])
    if unit not in definitions.work_units:
        return {}
    rows = stops_in(book, unit, from_ns=now_ns - UNCODED_SINCE_NS, to_ns=now_ns)
    shown = [
        stop_shown(book, definitions, [row for row in rows if row.part_of == name])
        for name in dict.fromkeys(row.part_of for row in rows)
    ]
    return {
        "work_unit": unit,
        "stops": sorted(
            (s for s in shown if s["wants_reason"] or not s["to_ns"]), key=lambda s: -s["from_ns"]
        ),
        "reasons": _tree(definitions, {definitions.classes.get(unit, "")}),
        "at_ns": now_ns,
    }
