"""The schedule in force, what it will come to, and what it would be after some moves. Writes nothing.

What a planner moves is all that they decide: the rest keeps its place, is pushed back where something
now stands in its way, or follows by a forward pass where no schedule names it yet. Publishing is
another step: `publishing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from taktwin.contracts.events import ScheduledJob
from taktwin.instants import SECOND_NS
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import Routes
from taktwin.mes.dispatching.publishing import BEGUN, changed_inside, digest, frozen_until
from taktwin.mes.dispatching.queries import Line, board, task, turn
from taktwin.mes.execution.engine import soonest
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.engine import in_sequence
from taktwin.mes.scheduling.forward import FAR_NS, Projected, Task, project
from taktwin.mes.scheduling.queries import Plan, plan_of, schedule_in_force
from taktwin.mes.scheduling.tables import Schedule
from taktwin.plant.routes import STEP
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading

HISTORY = 10
OFF_SPANS = 60
WINDOW_NS = 7 * 86_400 * SECOND_NS


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A job order that a planner puts somewhere: on a work unit, not before an instant."""

    job: str
    work_unit: str
    begin_ns: int


def schedule(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return the schedule in force beside what it will come to, and what some moves would make of it."""
    row = schedule_in_force(book)
    plan = {} if row is None else plan_of(row.jobs)
    moves = msgspec.convert(wish.get("moves") or [], list[Move])
    routes = Routes(book, definitions)
    lines = board(book, definitions, now_ns)
    jobs = {line.job.job: line.job for line in lines}
    unknown = [move.job for move in moves if move.job not in jobs]
    proposed = propose(
        jobs.values(), routes, definitions, plan, [move for move in moves if move.job in jobs], now_ns,
        first=row is None,
    )  # fmt: skip
    inside = changed_inside(plan, proposed, jobs, definitions, now_ns) if row is not None else []
    until = frozen_until(definitions, now_ns)
    used = sorted({unit for line in lines for unit in (line.job.work_unit, *line.candidates) if unit})
    return {
        "schedule": None if row is None else _about(row),
        "history": [_about(each) for each in book.newest(Schedule, "version", HISTORY)],
        "state": digest(jobs.values()),
        "work_units": [
            {
                "work_unit": unit, "name": definitions.work_units.get(unit, unit),
                "line": definitions.lines.get(unit, ""),
                "frozen_until_ns": until.get(unit, 0) if row is not None else 0,
                "off": _off(definitions, unit, now_ns),
            }
            for unit in used
        ],
        "jobs": [_job(line, proposed.get(line.job.job), routes) for line in lines],
        "orders": _orders(lines, plan, proposed, now_ns),
        "inside": [{"job": each.job, "what": each.what, "until_ns": each.until_ns} for each in inside],
        "unknown": unknown,
        "at_ns": now_ns,
    }  # fmt: skip


def propose(
    jobs: Iterable[JobOrder], routes: Routes, definitions: Definitions, plan: Plan, moves: Iterable[Move],
    now_ns: int, *, first: bool,
) -> Plan:  # fmt: skip
    """Return the plan after some moves: as near to the one in force as it can be.

    Parameters
    ----------
    first : no schedule is in force yet, so that nothing is frozen
    """
    # In whole seconds: what people and files write back is then the same instant.
    now_ns = -(-now_ns // SECOND_NS) * SECOND_NS
    wanted = {move.job: move for move in moves}
    until = {} if first else frozen_until(definitions, now_ns)
    made = [(job, definition) for job in jobs if (definition := routes.of(job)) is not None]
    known = [job for job, _ in made]
    # A planner moves what they see: what no schedule names yet stands where the forward pass had put it.
    seen = propose(known, routes, definitions, plan, (), now_ns, first=first) if wanted else {}
    loose: set[str] = set()  # what cannot keep its place, because what comes before it in its order moves
    while True:
        opened = _opened(plan, wanted, loose, until)
        tasks = [
            (job, _wanted(task(job, definition, plan), job, wanted, plan, seen, loose, opened, now_ns))
            for job, definition in made
        ]
        placed = project(
            [each for _, each in _in_turn(tasks, plan)], now_ns=now_ns, calendars=definitions.calendars,
            free_ns=opened,
        )  # fmt: skip
        more = _overtaking(tasks, placed)
        if not more:
            break
        loose |= more
    begun = {job.job for job in known if State(job.state) in BEGUN}
    places = [
        ScheduledJob(job=name, work_unit=each.work_unit, sequence=0, begin_ns=_up(each.begin_ns),
                     end_ns=_up(each.end_ns))
        for name, each in placed.items()
        if name not in begun and each.end_ns < FAR_NS
    ]  # fmt: skip
    # What has begun keeps the place that it was planned to have: plan and fact are compared by it.
    places += [plan[name] for name in sorted(begun) if name in plan]
    return {
        each.job: ScheduledJob(job=each.job, work_unit=each.work_unit, sequence=number,
                               begin_ns=each.begin_ns, end_ns=each.end_ns)
        for each, number in in_sequence(places)
    }  # fmt: skip


def _wanted(
    found: Task, job: JobOrder, wanted: Mapping[str, Move], plan: Plan, seen: Plan, loose: set[str],
    opened: Mapping[str, int], now_ns: int,
) -> Task:  # fmt: skip
    """Return a task with what is wanted of it: fixed, not before an instant, or whenever there is room."""
    move, was = wanted.get(job.job), plan.get(job.job)
    if State(job.state) in BEGUN:
        # It holds its work unit until it is done, whatever its plan was.
        return replace(found, running=True)
    if move is not None:
        return replace(found, candidates=(move.work_unit,), earliest_ns=move.begin_ns)
    if was is None:
        then = seen.get(job.job)
        return found if then is None else replace(
            found, candidates=(then.work_unit,), earliest_ns=then.begin_ns
        )  # fmt: skip
    if job.job not in loose and was.begin_ns < max(now_ns, opened.get(was.work_unit, 0)):
        # Frozen, or due: what has slipped keeps its place until somebody moves it.
        return replace(found, fixed=Projected(was.work_unit, was.begin_ns, was.end_ns))
    return replace(found, earliest_ns=was.begin_ns)


def _overtaking(tasks: Iterable[tuple[JobOrder, Task]], placed: Mapping[str, Projected]) -> set[str]:
    """Return what is fixed before the operation that comes before it."""
    begins = {(job.request, job.operation): placed[job.job].begin_ns for job, _ in tasks if job.job in placed}
    return {
        job.job
        for job, each in tasks
        if each.fixed is not None and each.fixed.begin_ns < begins.get((job.request, job.operation - STEP), 0)
    }


def _opened(
    plan: Plan, wanted: Mapping[str, Move], loose: Iterable[str], until: Mapping[str, int]
) -> dict[str, int]:
    """Return until when each work unit stands as it is planned: to its zone's end, or to what moves in it."""
    moved = [(move.work_unit, move.begin_ns) for move in wanted.values()]
    left = [(plan[name].work_unit, plan[name].begin_ns) for name in (*wanted, *loose) if name in plan]
    opened = dict(until)
    for unit, at_ns in (*moved, *left):
        if unit in opened:
            opened[unit] = min(opened[unit], at_ns)
    return opened


def _in_turn(tasks: list[tuple[JobOrder, Task]], plan: Plan) -> list[tuple[JobOrder, Task]]:
    """Return tasks by when they are wanted, of one order by operation; what nothing names comes last."""
    keys: dict[str, tuple[Any, ...]] = {}
    wanted: dict[str, int] = {}  # order -> the latest of its operations so far
    for job, each in sorted(tasks, key=lambda pair: pair[0].operation):
        named = each.earliest_ns or (each.fixed.begin_ns if each.fixed is not None else 0)
        at_ns = max(named, wanted.get(job.request, 0))
        wanted[job.request] = at_ns
        # A task that no schedule names follows the others of its order, or comes last.
        keys[job.job] = (0, at_ns, job.request, job.operation) if named else (1, *turn(job, {})[1:])
    return sorted(tasks, key=lambda pair: keys[pair[0].job])


def _up(at_ns: int) -> int:
    return -(-at_ns // SECOND_NS) * SECOND_NS


def _about(row: Schedule) -> dict[str, Any]:
    return {
        "schedule": row.schedule, "version": row.version, "published_ns": row.published_ns, "by": row.by,
        "cause": row.cause, "moved_on": row.moved_on, "inside": msgspec.json.decode(row.inside),
    }  # fmt: skip


def _place(each: ScheduledJob | None) -> dict[str, Any] | None:
    return None if each is None else {
        "work_unit": each.work_unit, "sequence": each.sequence, "begin_ns": each.begin_ns,
        "end_ns": each.end_ns,
    }  # fmt: skip


def _job(line: Line, proposed: ScheduledJob | None, routes: Routes) -> dict[str, Any]:
    job = line.job
    definition = routes.of(job)
    assert definition is not None, "a line of the board has a definition"
    operation = definition.operation(job.operation)
    return {
        "job": job.job, "request": job.request, "operation": job.operation, "name": job.name,
        "product": job.product, "quantity": job.quantity, "good": job.good, "state": job.state,
        "work_unit": job.work_unit, "candidates": list(line.candidates), "setup_family": line.setup_family,
        "setup_s": operation.setup_s, "due_ns": job.due_ns, "started_ns": job.started_ns,
        "planned": _place(line.planned), "proposed": _place(proposed),
        "projected": None if line.projected is None else {
            "work_unit": line.projected.work_unit, "sequence": 0, "begin_ns": line.projected.begin_ns,
            "end_ns": line.projected.end_ns,
        },
        "obstacle": "" if line.obstacle is None else line.obstacle.kind.value,
    }  # fmt: skip


def _orders(lines: Iterable[Line], plan: Plan, proposed: Plan, now_ns: int) -> list[dict[str, Any]]:
    """Return each open order with its due date, and when it is planned, will be, and would be done."""
    by_request: dict[str, list[Line]] = {}
    for line in lines:
        by_request.setdefault(line.job.request, []).append(line)
    found = []
    for request, own in sorted(by_request.items()):
        due_ns = min((line.job.due_ns for line in own), key=soonest)
        will_ns = max((line.order_end_ns for line in own), default=0)
        last = max(
            own, key=lambda line: (0 if line.projected is None else line.projected.end_ns, line.job.job)
        )
        found.append({
            "request": request, "product": own[0].job.product, "quantity": own[0].job.quantity,
            "due_ns": due_ns, "planned_end_ns": _end(plan, own), "projected_end_ns": will_ns,
            "proposed_end_ns": _end(proposed, own), "late": 0 < due_ns < max(will_ns, now_ns),
            "decides": _decides(last, lines),
        })  # fmt: skip
    return sorted(found, key=lambda each: (soonest(each["due_ns"]), each["request"]))


def _end(plan: Plan, lines: Iterable[Line]) -> int:
    """Return when a plan ends the last of some job orders; 0 where it does not name them all."""
    ends = [plan[line.job.job].end_ns if line.job.job in plan else 0 for line in lines]
    return max(ends) if ends and all(ends) else 0


def _decides(last: Line, lines: Iterable[Line]) -> dict[str, str]:
    """Return what the end of an order waits for: the job order before it on its work unit, or an obstacle."""
    if last.projected is None:
        return {"kind": "nowhere", "job": last.job.job, "subject": "", "work_unit": ""}
    unit = last.projected.work_unit
    if last.obstacle is not None:
        return {"kind": last.obstacle.kind.value, "job": last.job.job, "subject": last.obstacle.subject,
                "work_unit": unit}  # fmt: skip
    before = [
        line for line in lines
        if line.projected is not None and line.projected.work_unit == unit
        and line.projected.begin_ns < last.projected.begin_ns and line.job.request != last.job.request
    ]  # fmt: skip
    ahead = max(before, key=lambda line: line.projected.begin_ns if line.projected else 0, default=None)
    kind, subject = ("work", "") if ahead is None else ("behind", ahead.job.job)
    return {"kind": kind, "job": last.job.job, "subject": subject, "work_unit": unit}


def _off(definitions: Definitions, unit: str, now_ns: int) -> list[dict[str, int]]:
    """Return the spans of the next week in which nothing is planned to run on a work unit."""
    calendar = definitions.calendars.get(unit)
    if calendar is None:
        return []
    found: list[dict[str, int]] = []
    at_ns, end_ns = now_ns - 86_400 * SECOND_NS, now_ns + WINDOW_NS
    while at_ns < end_ns and len(found) < OFF_SPANS:
        change_ns = min(calendar.next_change_ns(at_ns), end_ns)
        if not calendar.planned(at_ns):
            found.append({"from_ns": at_ns, "to_ns": change_ns})
        at_ns = change_ns
    return found
