"""What of what is needed is not available, and why: machines, assets, tools, gauges, people, material, lots.

Whoever opens a shift asks it. It looks at the same rows as the readiness of a job order, and at nothing else.
Writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from taktwin.instants import rfc3339
from taktwin.mes.assets.queries import unfulfilled
from taktwin.mes.definitions.routes import Definitions, Operation
from taktwin.mes.definitions.versions import Routes
from taktwin.mes.dispatching.queries import SOME, open_jobs
from taktwin.mes.execution.engine import soonest
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance.readiness import NONE, missing_tools, stopped
from taktwin.mes.performance.tables import Stop
from taktwin.mes.resources.queries import checked, lack
from taktwin.mes.resources.stays import crews
from taktwin.mes.tooling.tables import Gauge, Tool
from taktwin.mes.tracking.tables import FREE, RESTRICTED, Lot
from taktwin.standards.iso22400 import TimeClass
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading

FREE_NOW, IN_USE, MISSING = "free", "in_use", "missing"
WAITING = (TimeClass.BLOCKED, TimeClass.STARVED, TimeClass.DOWN_NO_ORDER)
NEEDED_SHOWN = 5  # job orders named with each


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it is now."""

    kind: str  # machine | asset | tool | gauge | person | material | lot
    id: str
    name: str
    where: str  # "" = nowhere in particular
    state: str  # free | in_use | missing
    reason: str = ""  # why: maintenance, stop, busy, taken_out, none, worn, inspection, failed, expired, ...
    subject: str = ""  # whose name the reason has
    detail: str = ""


@dataclass(slots=True)
class Needs:
    """Which job orders that are not over need what."""

    machines: dict[str, list[str]] = field(default_factory=dict)
    tools: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # work unit, kind
    skills: dict[str, list[str]] = field(default_factory=dict)
    materials: dict[str, list[str]] = field(default_factory=dict)


def needs(jobs: list[JobOrder], routes: Routes) -> Needs:
    """Return what open job orders need where they run or may run; what comes first stands first."""
    found = Needs()
    for job in sorted(
        jobs, key=lambda each: (each.state != State.RUNNING, -each.priority, soonest(each.due_ns), each.job)
    ):
        definition = routes.of(job)
        if definition is None:
            continue
        operation = definition.operation(job.operation)
        for unit in [job.work_unit] if job.work_unit else operation.work_units:
            found.machines.setdefault(unit, []).append(job.job)
            for kind in operation.tools:
                found.tools.setdefault((unit, kind), []).append(job.job)
        _of_operation(found, operation, job.job)
    return found


def _of_operation(found: Needs, operation: Operation, job: str) -> None:
    for skill in operation.skills:
        found.skills.setdefault(skill, []).append(job)
    for component in operation.components:
        if component.lots:
            found.materials.setdefault(component.product, []).append(job)


def availability(
    book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int
) -> dict[str, Any]:
    """Return every resource with its state, the reason, and which open job orders need it."""
    jobs = open_jobs(book)
    wanted = needs(jobs, Routes(book, definitions))
    lines = [
        *_machines(book, definitions, jobs, wanted),
        *_assets(book, definitions, wanted),
        *_tools(book, definitions, wanted, now_ns),
        *_gauges(book, definitions, now_ns),
        *_people(book, definitions, wanted, now_ns),
        *_materials(book, definitions, wanted),
    ]
    return {
        "resources": [
            {
                "kind": each.kind, "id": each.id, "name": each.name, "where": each.where, "state": each.state,
                "reason": each.reason, "subject": each.subject, "detail": each.detail,
                "needed_by": needed[:NEEDED_SHOWN], "needed": len(needed),
            }
            for each, needed in lines
        ],
        "at_ns": now_ns,
    }  # fmt: skip


Lines = Iterator[tuple[Resource, list[str]]]


def _machines(book: Reading, definitions: Definitions, jobs: list[JobOrder], wanted: Needs) -> Lines:
    repairs, absent = stopped(book), unfulfilled(book, definitions)
    running = {job.work_unit: job.job for job in jobs if job.state == State.RUNNING}
    standing = {row.work_unit: row for row in book.where(Stop, to_ns=0, withdrawn=False)}
    for unit, name in definitions.work_units.items():
        state, reason, subject, detail = FREE_NOW, "", "", ""
        if unit in repairs:
            state, reason, subject, detail = (
                MISSING,
                "maintenance",
                repairs[unit].subject,
                repairs[unit].detail,
            )
        elif unit in absent:
            state, reason, subject, detail = MISSING, "taken_out", absent[unit].role, absent[unit].before
        elif unit in standing:
            stop = standing[unit]
            waits = stop.time_class in WAITING  # it would run if its neighbours did
            state, reason = (IN_USE, "waits") if waits else (MISSING, "stop")
            subject, detail = stop.reason or stop.code, stop.time_class
        elif unit in running:
            state, reason, subject = IN_USE, "busy", running[unit]
        yield (
            Resource("machine", unit, name, unit, state, reason, subject, detail),
            wanted.machines.get(unit, []),
        )


def _assets(book: Reading, definitions: Definitions, wanted: Needs) -> Lines:
    for unit, place in unfulfilled(book, definitions).items():
        name = definitions.asset_roles[place.role].name
        line = Resource("asset", place.role, name, unit, MISSING, "taken_out", place.role, place.before)
        yield line, wanted.machines.get(unit, [])


def _tools(book: Reading, definitions: Definitions, wanted: Needs, now_ns: int) -> Lines:
    missing = missing_tools(book, definitions, now_ns)
    for (unit, kind), why in missing.items():
        tool = next((row for row in book.where(Tool, work_unit=unit) if row.kind == kind), None)
        name, reason = definitions.tools[kind].name, "unfit"
        if why.detail == NONE:
            reason = "none"
        yield (
            Resource("tool", kind if tool is None else tool.tool, name, unit, MISSING, reason, kind,
                     "" if why.detail == NONE else why.detail),
            wanted.tools.get((unit, kind), []),
        )  # fmt: skip
    for row in book.where(Tool):
        if row.work_unit and row.kind in definitions.tools and (row.work_unit, row.kind) not in missing:
            name = definitions.tools[row.kind].name
            yield (
                Resource("tool", row.tool, name, row.work_unit, IN_USE, "mounted", row.work_unit),
                wanted.tools.get((row.work_unit, row.kind), []),
            )


def _gauges(book: Reading, definitions: Definitions, now_ns: int) -> Lines:
    for row in book.where(Gauge):
        kind = definitions.gauges.get(row.kind)
        name = row.kind if kind is None else kind.name
        if not row.passed:
            yield (
                Resource(
                    "gauge", row.gauge, name, "", MISSING, "failed", row.kind, rfc3339(row.calibrated_ns)
                ),
                [],
            )
        elif now_ns >= row.until_ns:
            yield (
                Resource("gauge", row.gauge, name, "", MISSING, "expired", row.kind, rfc3339(row.until_ns)),
                [],
            )
        else:
            yield Resource("gauge", row.gauge, name, "", FREE_NOW), []


def _people(book: Reading, definitions: Definitions, wanted: Needs, now_ns: int) -> Lines:
    """Yield everybody for what is checked of them: who lacks no certificate and is here, is there to work."""
    skills = checked(book, definitions.skills)
    here = {person: unit for unit, people in crews(book).items() for person in people}
    for person, classes in definitions.people.items():
        needed = [job for skill in classes for job in wanted.skills.get(skill, [])]
        lacks = [(skill, lack(book, person, skill, now_ns)) for skill in classes if skill in skills]
        reason = next(((skill, why) for skill, why in lacks if why), None)
        name = ", ".join(definitions.skills.get(each, each) for each in classes)
        where = here.get(person, "")
        if reason is not None:
            yield Resource("person", person, name, where, MISSING, "certificate", *reason), needed
        elif where:
            yield Resource("person", person, name, where, IN_USE, "logged_on", where), needed
        else:
            yield Resource("person", person, name, "", MISSING, "away"), needed


def _materials(book: Reading, definitions: Definitions, wanted: Needs) -> Lines:
    free: dict[str, float] = {}
    for lot in book.between(Lot, "remaining", SOME, math.inf, disposition=FREE):
        free[lot.product] = free.get(lot.product, 0.0) + lot.remaining
    held = book.between(Lot, "remaining", SOME, math.inf, disposition=RESTRICTED)
    for product in sorted({*free, *wanted.materials, *(lot.product for lot in held)}):
        name, needed = definitions.materials.get(product, ""), wanted.materials.get(product, [])
        on_hold = [lot.lot for lot in held if lot.product == product]
        if free.get(product, 0.0) > 0:
            yield Resource("material", product, name, "", FREE_NOW, "", "", f"{free[product]:g}"), needed
        else:
            reason = "all_held" if on_hold else "none"
            yield Resource("material", product, name, "", MISSING, reason, ", ".join(on_hold)), needed
    for lot in held:
        name = definitions.materials.get(lot.product, "")
        line = Resource("lot", lot.lot, name, "", MISSING, "hold", lot.product, lot.reason)
        yield line, wanted.materials.get(lot.product, [])
