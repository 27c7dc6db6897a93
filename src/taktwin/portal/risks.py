"""What fails next, and when to do something about it: predictions, fixed lives, intervals in one list. Pure.

In come the answers of analyst, MES and ledger, times in ms; out go rows, the soonest first. A prediction
counts parts; when they will have been made follows from the schedule: a machine works while it has a job
order, at the pace that was seen. Without a schedule it is taken to work without a stop, and the row says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Span = tuple[int, int]
LEVELS = (("low", 0.1), ("median", 0.5), ("high", 0.9))
AHEAD_MS = 24 * 3600 * 1000
WINDOW_MS_MIN = 5 * 60 * 1000  # shorter stays between two job orders are no time to change anything
WINDOWS_MAX = 12
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the schedule brings to one work unit."""

    work: tuple[tuple[str, int, int], ...] = ()  # job order, begin, end; by begin
    set_ups: tuple[Span, ...] = ()
    off: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What the owners answered; what is missing is empty."""

    now_ms: int
    predictions: Sequence[Mapping[str, Any]] = ()
    maintenance: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    waiting: Sequence[Mapping[str, Any]] = ()  # rows of advice


def rows(told: Told) -> list[dict[str, Any]]:
    """Return everything that will need somebody, the soonest first; what nothing is predicted of behind."""
    plans = ahead(told.schedule, told.now_ms)
    tools = list(told.maintenance.get("tools", ()))
    found = [_predicted(each, told, plans, tools) for each in told.predictions]
    named = {(row["work_unit"], row["tool_kind"]) for row in found}
    found += [
        _tool(each, told, tools) for each in tools
        if each["work_unit"] and each["life_parts"] and (each["work_unit"], each["kind"]) not in named
    ]  # fmt: skip
    found += [_plan(each, told) for each in told.maintenance.get("due", ())]
    return sorted(found, key=_urgency)


def _urgency(row: Mapping[str, Any]) -> tuple[int, int, float, str]:
    instants = row["instants"] or {}
    # What is predicted comes by when it may be too late for one in ten; a fixed life is no such instant.
    soon = instants.get("low_ms")
    return (0 if row["advice"] else 1, NEVER if soon is None else soon, -(row["used"] or 0.0), row["id"])


def ahead(schedule: Mapping[str, Any], now_ms: int) -> dict[str, Ahead]:
    """Return what the schedule brings to each work unit from now on: what runs, and what is planned."""
    work: dict[str, list[tuple[str, int, int]]] = {}
    set_ups: dict[str, list[Span]] = {}
    for job in schedule.get("jobs", ()):
        place = job["projected"] or job["planned"]
        if place is None or place["end_ms"] <= now_ms:
            continue
        begin, end = max(place["begin_ms"], now_ms), place["end_ms"]
        ready = begin
        if place["begin_ms"] >= now_ms and job["setup_s"]:
            ready = min(end, begin + round(job["setup_s"] * 1000))
            set_ups.setdefault(place["work_unit"], []).append((begin, ready))
        work.setdefault(place["work_unit"], []).append((job["job"], ready, end))
    off = {
        unit["work_unit"]: tuple((each["from_ms"], each["to_ms"]) for each in unit["off"])
        for unit in schedule.get("work_units", ())
    }
    units = {*work, *off}
    return {
        unit: Ahead(
            tuple(sorted(work.get(unit, ()), key=lambda each: each[1:])),
            tuple(sorted(set_ups.get(unit, ()))),
            off.get(unit, ()),
        )
        for unit in units
    }  # fmt: skip


def after(work_ms: float, spans: Iterable[Span], now_ms: int) -> int | None:
    """Return when so much work has been done in spans; None: it is more than is planned."""
    left = work_ms
    for begin, end in spans:
        begin = max(begin, now_ms)
        if end > begin:
            if left <= end - begin:
                return begin + round(left)
            left -= end - begin
    return None


def risk_by(at_ms: int, now_ms: int, instants: Mapping[str, int | None]) -> float:
    """Return the chance that it is too late by an instant, straight between the three that are known.

    Beyond the last known one it stays: nothing is known there.
    """
    known = [(now_ms, 0.0)]
    known += [(at, level) for name, level in LEVELS if (at := instants[f"{name}_ms"]) is not None]
    for (begin, low), (end, high) in pairwise(known):
        if at_ms <= end:
            return high if end <= begin else low + (high - low) * max(0, at_ms - begin) / (end - begin)
    return known[-1][1]


def windows(plan: Ahead, now_ms: int, instants: Mapping[str, int | None]) -> list[dict[str, Any]]:
    """Return when the unit does not work by its schedule within a day: set-ups, gaps, hours that are off."""
    until = now_ms + AHEAD_MS
    found = [(begin, end, "set-up") for begin, end in plan.set_ups]
    found += [(max(begin, now_ms), min(end, until), "off") for begin, end in plan.off]
    busy = _merged([*((begin, end) for _, begin, end in plan.work), *plan.set_ups, *plan.off])
    edges = [(now_ms, now_ms), *busy, (until, until)]
    found += [(end, begin, "gap") for (_, end), (begin, _) in pairwise(edges) if begin - end >= WINDOW_MS_MIN]
    return [
        {"from_ms": begin, "to_ms": end, "why": why, "risk": risk_by(begin, now_ms, instants)}
        for begin, end, why in sorted(found) if now_ms <= begin < end and begin < until
    ][:WINDOWS_MAX]  # fmt: skip


def _merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _predicted(
    each: Mapping[str, Any], told: Told, plans: Mapping[str, Ahead], tools: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    unit, kind = each["work_unit"], each["names"].get("tool", "")
    mounted = next((tool for tool in tools if tool["work_unit"] == unit and tool["kind"] == kind), None)
    plan = plans.get(unit, Ahead())
    instants = None
    scheduled = bool(plan.work)
    if each["pace_s"] is not None and each["low"] is not None:
        # Parts are left since the prediction was made, and the unit has worked since then, if it did.
        spans = [(b, e) for _, b, e in plan.work] if scheduled else [(told.now_ms, NEVER)]
        since_ms = max(0, told.now_ms - each["at_ms"]) if _works(plan, told.now_ms, scheduled) else 0
        instants = {
            f"{name}_ms": None if each[name] is None
            else after(max(0.0, each[name] * each["pace_s"] * 1000 - since_ms), spans, told.now_ms)
            for name, _ in LEVELS
        }  # fmt: skip
    age = next((w["values"].get("value") for w in each["evidence"] if w["code"].endswith(".age")), None)
    life = each["facts"].get("life_parts")
    parts = mounted["parts"] if mounted is not None and age is None else round(float(age or 0))
    return _row(
        told, id=each["id"], kind="prediction", work_unit=unit, tool_kind=kind,
        name=each["names"].get("tool_name") or kind or each["subject"],
        about=each["names"].get("characteristic_name", ""),
        used=None if not life or age is None else float(age) / life, parts=parts,
        life_parts=None if life is None else round(life), stock=_stock(tools, kind) if kind else None,
        prediction=dict(each), instants=instants, scheduled=scheduled,
        windows=[] if instants is None or not scheduled else windows(plan, told.now_ms, instants),
        work=[
            {"job": job, "from_ms": begin, "to_ms": end} for job, begin, end in plan.work
            if begin < told.now_ms + AHEAD_MS
        ],
    )  # fmt: skip


def _works(plan: Ahead, now_ms: int, scheduled: bool) -> bool:
    return not scheduled or any(begin <= now_ms < end for _, begin, end in plan.work)


def _tool(each: Mapping[str, Any], told: Told, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return _row(
        told, id=f"tool.{each['tool']}", kind="tool", work_unit=each["work_unit"], tool_kind=each["kind"],
        name=each["name"], used=each["share"], parts=each["parts"], life_parts=each["life_parts"],
        stock=_stock(tools, each["kind"]),
    )  # fmt: skip


def _plan(each: Mapping[str, Any], told: Told) -> dict[str, Any]:
    return _row(
        told, id=f"plan.{each['plan']}.{each['work_unit']}", kind="plan", work_unit=each["work_unit"],
        name=each["name"], used=each["share"], parts=each["parts"], life_parts=each["every_parts"],
        due_ms=each["due_ms"], order=each["order"],
    )  # fmt: skip


def _row(told: Told, **known: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "about": "", "tool_kind": "", "due_ms": 0, "stock": None, "order": "", "prediction": None,
        "instants": None, "scheduled": False, "windows": [], "work": [], **known,
    }  # fmt: skip
    unit, kind = row["work_unit"], row["tool_kind"]
    if kind:
        row["order"] = next(
            (each["order"] for each in told.maintenance.get("orders", ())
             if (each["kind"], each["work_unit"], each["tool_kind"]) == ("tool_change", unit, kind)), "",
        )  # fmt: skip
    waits = None
    if row["kind"] == "prediction":
        waits = next((each for each in told.waiting if each["work_unit"] == unit), None)
    return {**row, "advice": waits["id"] if waits else "", "says": waits["says"] if waits else None}


def _stock(tools: Sequence[Mapping[str, Any]], kind: str) -> int:
    return sum(each["kind"] == kind and not each["work_unit"] and not each["worn"] for each in tools)
