"""The dispatch board and the queue of a work unit, from the rows of others. Writes nothing."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from taktwin.contracts.events import ScheduledJob
from taktwin.mes.assets.queries import unfulfilled
from taktwin.mes.assets.tables import AssetPlace
from taktwin.mes.definitions.routes import Definition, Definitions, Operation
from taktwin.mes.definitions.versions import Routes
from taktwin.mes.dispatching.engine import Obstacle, ObstacleKind, Situation, Supply, obstacle
from taktwin.mes.documents.queries import Instruction, instructions
from taktwin.mes.execution.engine import soonest
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance.readiness import Unready, first_missing, missing_tools, stopped
from taktwin.mes.resources.queries import qualified
from taktwin.mes.resources.stays import crews
from taktwin.mes.scheduling.forward import Projected, Task, project
from taktwin.mes.scheduling.queries import Plan, plan_in_force
from taktwin.mes.tracking.tables import FREE, RESTRICTED, LoadedLot, Lot, Unit
from taktwin.plant.routes import STEP
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading

OPEN = (State.RUNNING, State.INTERRUPTED, State.ALLOWED_TO_START, State.NOT_ALLOWED_TO_START)


SOME = 1e-9  # of a lot, in whatever it is counted in: less is rounding


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the board."""

    job: JobOrder
    obstacle: Obstacle | None
    candidates: tuple[str, ...]  # work units on which it may run
    setup_family: str
    projected: Projected | None  # where and when it will run; None: on no work unit of this plant
    order_end_ns: int  # when its whole order will be done
    planned: ScheduledJob | None  # its place in the schedule in force


@dataclass(frozen=True, slots=True)
class _Unready:
    """What all job orders of an operation lack at a place alike."""

    documents: list[str]
    skill: str
    tool: Obstacle | None


def open_jobs(book: Reading) -> list[JobOrder]:
    """Return every job order that is not over."""
    return [job for state in OPEN for job in book.where(JobOrder, state=state.value)]


def board(book: Reading, definitions: Definitions, now_ns: int, at: str = "") -> list[Line]:
    """Return every job order that is not over: what runs first, then as the schedule in force says.

    What the schedule does not name comes after it, by priority and due date.

    Parameters
    ----------
    at : only what was dispatched to this work unit; "" = everything
    """
    jobs = open_jobs(book)
    plan = plan_in_force(book)
    routes = Routes(book, definitions)

    @functools.cache  # hundreds of lines share some ten operations
    def told(product: str, operation: str) -> list[Instruction]:
        return instructions(book, definitions, product, operation, now_ns)

    by_step: dict[tuple[str, int], list[JobOrder]] = {}
    for job in jobs:
        by_step.setdefault((job.request, job.operation), []).append(job)
    running = {job.work_unit: job.job for job in jobs if job.state == State.RUNNING}
    stock = _stock(book)

    def step(product: str, version: str, number: int) -> Operation:
        definition = routes.version(product, version)
        assert definition is not None, "a line has a definition"
        return definition.operation(number)

    @functools.cache
    def supplies(work_unit: str, product: str, version: str, number: int) -> list[Supply]:
        components = step(product, version, number).components
        return [_supply(book, work_unit, each.product, stock) for each in components if each.lots]

    holders, here = qualified(book, now_ns), crews(book)
    repairs, missing = stopped(book), missing_tools(book, definitions, now_ns)
    absent = unfulfilled(book, definitions)

    @functools.cache
    def unready(work_unit: str, product: str, version: str, number: int, name: str) -> _Unready:
        operation = step(product, version, number)
        return _Unready(
            documents=[
                each.document for each in told(product, name) if each.required and each.revision is None
            ],
            skill=_missing(operation.skills, holders, here.get(work_unit, set())) if work_unit else "",
            tool=_obstacle(ObstacleKind.TOOL, first_missing(missing, work_unit, operation.tools)),
        )

    restricted = _restricted(book)
    projected = projections(jobs, routes, definitions, now_ns, plan)
    ends: dict[str, int] = {}
    for job in jobs:
        if job.job in projected:
            ends[job.request] = max(ends.get(job.request, 0), projected[job.job].end_ns)
    lines = []
    for job in jobs:
        if at and job.work_unit != at:
            continue
        definition = routes.of(job)
        if definition is None:
            continue  # the plant model no longer knows this product: execution refuses it by name
        operation = definition.operation(job.operation)
        planned = plan.get(job.job)
        place = job.work_unit or (planned.work_unit if planned is not None else "")
        if not place and len(operation.work_units) == 1:
            place = operation.work_units[0]
        before = by_step.get((job.request, job.operation - STEP), ())
        shared = unready(place, job.product, job.definition, job.operation, job.name)
        situation = Situation(
            work_unit=place,
            supplies=supplies(place, job.product, job.definition, job.operation),
            before=before[0].job if before else "",  # one that is over is in nobody's way
            before_made=sum(each.good for each in before),
            documents=shared.documents,
            running=running.get(place, "") if running.get(place) != job.job else "",
            skill_missing=shared.skill,
            under_repair=_obstacle(ObstacleKind.MAINTENANCE, repairs.get(place)),
            asset_missing=_absent(absent.get(place)),
            tool_missing=shared.tool,
            **(_held_before(book, job, restricted) if restricted else {}),
        )
        lines.append(Line(
            job, None if job.state == State.RUNNING else obstacle(situation), operation.work_units,
            definition.setup_family, projected.get(job.job), ends.get(job.request, 0), planned,
        ))  # fmt: skip
    order = {state.value: place for place, state in enumerate(OPEN)}
    return sorted(lines, key=lambda line: (order[line.job.state], *turn(line.job, plan)))


def turn(job: JobOrder, plan: Plan) -> tuple[int, int, int, str, int]:
    """Return what job orders are sorted by: the schedule in force first, then priority and due date."""
    planned = plan.get(job.job)
    if planned is not None:
        return 0, planned.begin_ns, 0, job.request, job.operation
    return 1, -job.priority, soonest(job.due_ns), job.request, job.operation


def _obstacle(kind: ObstacleKind, found: Unready | None) -> Obstacle | None:
    return None if found is None else Obstacle(kind, found.subject, found.detail)


def _absent(place: AssetPlace | None) -> Obstacle | None:
    return None if place is None else Obstacle(ObstacleKind.ASSET, place.role, place.before)


def _restricted(book: Reading) -> dict[tuple[str, int], list[Unit]]:
    found: dict[tuple[str, int], list[Unit]] = {}
    for unit in book.where(Unit, disposition=RESTRICTED):
        found.setdefault((unit.request, unit.operation), []).append(unit)
    return found


def _held_before(
    book: Reading, job: JobOrder, restricted: dict[tuple[str, int], list[Unit]]
) -> dict[str, str]:
    """Return which unit is on hold, where everything that the operation before has made still is."""
    waiting = restricted.get((job.request, job.operation - 10), [])
    before = book.get(JobOrder, _name_before(job)) if waiting else None
    if before is None or before.good - len(waiting) > job.good + job.scrap:
        return {}
    return {"held": waiting[0].unit, "held_because": waiting[0].reason}


def projections(
    jobs: Iterable[JobOrder], routes: Routes, definitions: Definitions, now_ns: int, plan: Plan
) -> dict[str, Projected]:
    """Return where and when each open job order will run, in the turn of the board."""
    inner = sorted(jobs, key=lambda job: turn(job, plan))
    tasks = [task(job, made, plan) for job in inner if (made := routes.of(job)) is not None]
    return project(tasks, now_ns=now_ns, calendars=definitions.calendars)


def task(job: JobOrder, definition: Definition, plan: Plan) -> Task:
    """Return what is left of a job order, where it is planned or else where it may run."""
    planned = plan.get(job.job)
    place = job.work_unit or (planned.work_unit if planned is not None else "")
    operation = definition.operation(job.operation)
    return Task(
        job=job.job, request=job.request, left=max(0, job.quantity - job.good), made=job.good,
        part_ns=round(operation.standard_time_s * 1e9), batch=operation.batch,
        setup_ns=round(operation.setup_s * 1e9), setup_family=definition.setup_family,
        candidates=(place,) if place else operation.work_units,
        running=job.state == State.RUNNING,
    )  # fmt: skip


def _stock(book: Reading) -> dict[str, float]:
    stock: dict[str, float] = {}
    # Of the lots of many years most are used up.
    for lot in book.between(Lot, "remaining", SOME, math.inf, disposition=FREE):
        stock[lot.product] = stock.get(lot.product, 0.0) + lot.remaining
    return stock


def _supply(book: Reading, work_unit: str, product: str, stock: dict[str, float]) -> Supply:
    loaded = book.get(LoadedLot, f"{work_unit}:{product}") if work_unit else None
    lot = book.get(Lot, loaded.lot) if loaded is not None else None
    held = lot.reason if lot is not None and lot.disposition != FREE else ""
    return Supply(product, stock.get(product, 0.0), lot.lot if lot is not None else "",
                  lot.remaining if lot is not None else 0.0, held)  # fmt: skip


def _missing(skills: Iterable[str], holders: Mapping[str, set[str]], here: set[str]) -> str:
    return next((skill for skill in skills if skill in holders and not holders[skill] & here), "")


def _name_before(job: JobOrder) -> str:
    return f"{job.request}-{job.operation - 10}" if job.operation > 10 else ""
