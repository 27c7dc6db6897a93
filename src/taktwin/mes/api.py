"""The MES's answers. Requests are MessagePack maps, answers MessagePack of what each function returns.

| query | request | answer |
|---|---|---|
| `board` | {} | {lines, over, at_ns} |
| `terminal` | {work_unit} | what runs there, what is next, and all that a person does or says there |
| `orders` | {} | {orders} |
| `order` | {request} | {order, jobs, units} |
| `unit` | {unit} | {unit, passages, eaten, parents, results, answers, photos} |
| `late` | {} | {waiting, settled, at_ns} |
| `lots` | {} | {lots} |
| `stock` | {} or {location} | {places, counts, stores, work_units, materials, at_ns} |
| `assets` | {at_ns, equipment} | {assets, roles, free_roles, stores, at_ns} |
| `asset` | {asset} or {role} | {asset, role, stays, at_ns} |
| `availability` | {} | {resources, at_ns} |
| `recall` | {lot} | {lot, lots, units, orders} |
| `crew` | {work_unit} | {work_unit, people, needs, notes, activities, badge_prefix, at_ns} |
| `people` | {} | {people, skills, expiring, notes, at_ns} |
| `labour` | {hours} or {job} | {rows, at_ns} |
| `signatures` | {kind, record} | {signatures} |
| `documents` | {} | {documents, mistakes, at_ns} |
| `file` | {name} | {content}: bytes |
| `b2mml_orders`, `b2mml_jobs`, `b2mml_stock`, `b2mml_definitions` | {sender} | {content}: XML |
| `b2mml_performance`, `b2mml_work` | {request, sender} | {content}: XML |
| `b2mml_events` | {after, classes, sender} | {content, last}: XML |
| `maintenance` | {} | {orders, over, due, tools, mountings, gauges, spare_parts, faults, work_units, at_ns} |
| `upkeep` | {work_unit} | {work_unit, orders, tools, faults, at_ns} |
| `told` | {work_unit} | {work_unit, asks, question, parameters, commands, at_ns} |
| `quality` | {} | {nonconformances, characteristics, at_ns} |
| `performance` | {scope, at_ns, span} | {scope, window, units, products, elements, figures, stops, reasons} |
| `stop` | {stop} | {stop, history} |
| `standing` | {work_unit} | {work_unit, stops, reasons, at_ns} |
| `nonconformance` | {nonconformance} | {nonconformance, results, suspect_units} |
| `suspicions` | {} | {suspicions} |
| `holds` | {} | {holds, lots, units}: what nobody may use now |
| `route_state` | {unit, work_unit} | {may, code, detail, operation, rework} |
| `trail` | {subject, person, from_ns, to_ns, before, limit} | {entries, more} |
| `unit_record` | {unit, site} | {content}: JSON of contracts.device_history |
| `unit_record_pdf` | {unit, site, language} | {content}: PDF |

A name that nobody knows is answered with {}.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec

from taktwin.contracts import device_history as contract
from taktwin.mes.accounts.queries import accounts, entrance, identify, token_of
from taktwin.mes.assets.queries import asset, assets
from taktwin.mes.checklists.queries import answers, photos, questions, shown
from taktwin.mes.collection.measuring import made
from taktwin.mes.collection.tables import SetAside
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import followed, name_of
from taktwin.mes.dispatching.proposing import schedule
from taktwin.mes.dispatching.queries import SOME, Line, board
from taktwin.mes.documents.queries import in_force, instructions, readers
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.mes.dossier.history import device_history
from taktwin.mes.enforcing.queries import told
from taktwin.mes.exchange import queries as exchange
from taktwin.mes.execution.actions import free_since_ns
from taktwin.mes.execution.queries import machine_side
from taktwin.mes.execution.tables import JobOrder, ScrapReport
from taktwin.mes.maintenance.queries import maintenance, upkeep
from taktwin.mes.mastering.queries import definitions_of
from taktwin.mes.performance.availability import availability
from taktwin.mes.performance.figures import performance, standing, stop
from taktwin.mes.performance.queries import crew, labour, people
from taktwin.mes.quality.holds import on_hold
from taktwin.mes.quality.queries import (
    RESULTS_SHOWN,
    Check,
    checks,
    last_results,
    nonconformances,
    results_of,
    suspects,
)
from taktwin.mes.quality.rework import steps_of, under_way
from taktwin.mes.quality.route_state import route_state
from taktwin.mes.quality.suspicions import still_held
from taktwin.mes.quality.tables import Nonconformance, Result, Suspicion
from taktwin.mes.records.queries import signatures
from taktwin.mes.records.trail import audit_view
from taktwin.mes.resources.queries import signs
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.queries import Eaten, genealogy, lots_after, recall
from taktwin.mes.tracking.tables import FREE, LoadedLot, Lot, Passage, Unit
from taktwin.mes.tracking.whereabouts import stock
from taktwin.plant.instructions import Draft
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading, Row, key_of
from taktwin.storage.journal import Trail

# Where the plant model lists no defect codes of its own: what people at any machine see.
REASONS = ("damaged", "dimension", "surface", "wrong_part", "incomplete", "other")
OVER_SHOWN = 12
UNITS_SHOWN = 200
PAGE, PAGE_MAX = 200, 1000
REPORTS_SHOWN = 50
SUSPICIONS_SHOWN = 20
LATE_SHOWN = 50

Trails = Callable[[Reading, Trail, Definitions, dict[str, Any], int], dict[str, Any]]
Answers = Callable[[Reading, Definitions, dict[str, Any], int], dict[str, Any]]


def _plain(row: Row) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


def _line(line: Line, book: Reading, definitions: Definitions) -> dict[str, Any]:
    found = line.obstacle
    side = machine_side(book, definitions, line.job)
    return {
        **_plain(line.job),
        "candidates": list(line.candidates),
        "setup_family": line.setup_family,
        "projected_begin_ns": 0 if line.projected is None else line.projected.begin_ns,
        "projected_end_ns": 0 if line.projected is None else line.projected.end_ns,
        "order_end_ns": line.order_end_ns,
        "planned": None if line.planned is None else {
            "work_unit": line.planned.work_unit, "sequence": line.planned.sequence,
            "begin_ns": line.planned.begin_ns, "end_ns": line.planned.end_ns,
        },
        "obstacle": None if found is None else
        {"kind": found.kind.value, "subject": found.subject, "detail": found.detail},
        # A machine that runs is believed: what is late is said, and stops nothing.
        "machine": None if side is None else asdict(side),
        "overdue": [
            {"characteristic": late.characteristic.id, "name": late.characteristic.name, "parts": -late.left}
            for late in _checks(line.job, book, definitions) if late.left < 0
        ] if line.job.state in (State.RUNNING, State.INTERRUPTED) else [],
    }  # fmt: skip


def _checks(job: JobOrder, book: Reading, definitions: Definitions) -> list[Check]:
    return checks(book, definitions, product=job.product, equipment_class=job.equipment_class,
                  work_unit=job.work_unit, made=made(book, definitions, job.work_unit))  # fmt: skip


def _check(check: Check) -> dict[str, Any]:
    plan = check.characteristic
    return {
        "characteristic": plan.id, "name": plan.name, "unit_of_measure": plan.unit_of_measure,
        "lower": plan.lower, "upper": plan.upper, "nominal": plan.nominal, "attribute": plan.attribute,
        "sample_every": plan.sample_every, "left": check.left,
        "last": None if check.last is None else _plain(check.last),
    }  # fmt: skip


def _reasons(definitions: Definitions, job: JobOrder | None) -> list[dict[str, str]]:
    listed = [
        {"code": each.code, "name": each.name}
        for each in definitions.defects
        if job is not None and each.seen_at(job.equipment_class, job.product)
    ]
    return listed or [{"code": code, "name": ""} for code in REASONS]


def _board(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    over = [
        job
        for state in (State.ENDED, State.ABORTED)
        for job in book.newest(JobOrder, "ended_ns", OVER_SHOWN, state=state.value)
    ]  # fmt: skip
    over.sort(key=lambda job: -job.ended_ns)
    return {
        "lines": [_line(line, book, definitions) for line in board(book, definitions, now_ns)],
        "over": [_plain(job) for job in over[:OVER_SHOWN]],
        # Whose parts the last ones were is asked of every machine, also where its orders are listed no more.
        "free_since_ns": free_since_ns(book, definitions.work_units),
        "at_ns": now_ns,
    }


def _terminal(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    work_unit = str(wish["work_unit"])
    if work_unit not in definitions.work_units:
        return {}
    here = board(book, definitions, now_ns, work_unit)
    now = next((line for line in here if line.job.state in (State.RUNNING, State.INTERRUPTED)), None)
    waiting = [line for line in here if line is not now and line.job.state == State.ALLOWED_TO_START]
    first = now or (waiting[0] if waiting else None)
    reports: list[ScrapReport] = []
    if now is not None:
        reports = [
            row for row in book.newest(ScrapReport, "at_ns", REPORTS_SHOWN, job=now.job.job)
            if not row.undone and now_ns - row.at_ns <= 600_000_000_000
            and book.get(Nonconformance, row.report) is None
        ]  # fmt: skip
    return {
        "work_unit": work_unit,
        "name": definitions.work_units[work_unit],
        "job": None if now is None else _line(now, book, definitions),
        "next": [_line(line, book, definitions) for line in waiting],
        "lots": [] if first is None else _lots_here(book, definitions, first.job, work_unit),
        "reports": [_plain(row) for row in sorted(reports, key=lambda row: -row.at_ns)],
        "reasons": _reasons(definitions, None if now is None else now.job),
        "checks": [] if now is None else [_check(each) for each in _checks(now.job, book, definitions)],
        "last_unit": "" if now is None else _last_unit(book, now.job),
        "documents": [] if first is None else _instructions(book, definitions, first.job, now_ns),
        "checklists": [] if now is None else _checklists(book, definitions, now.job),
        "set_aside": [_plain(row) for row in book.where(SetAside, settled_by="", work_unit=work_unit)],
        "at_ns": now_ns,
    }


def _checklists(book: Reading, definitions: Definitions, job: JobOrder) -> list[dict[str, Any]]:
    return shown(questions(book, definitions, job=job.job, product=job.product, operation=job.name))


def _late(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    newest = book.newest(SetAside, "at_ns", LATE_SHOWN)
    waiting = book.where(SetAside, settled_by="")
    return {
        "waiting": [_plain(row) for row in sorted(waiting, key=lambda row: (row.at_ns, row.booking))],
        "settled": [_plain(row) for row in newest if row.settled_by],
        "at_ns": now_ns,
    }


def _last_unit(book: Reading, job: JobOrder) -> str:
    last = book.newest(Passage, "at_ns", 1, job=job.job)
    return last[0].unit if last else ""


def _lots_here(
    book: Reading, definitions: Definitions, job: JobOrder, work_unit: str
) -> list[dict[str, Any]]:
    found = []
    definition = followed(book, definitions, job)
    for component in () if definition is None else definition.operation(job.operation).components:
        loaded = book.get(LoadedLot, f"{work_unit}:{component.product}")
        lot = book.get(Lot, loaded.lot) if loaded is not None else None
        found.append({
            "product": component.product, "name": name_of(book, definitions, component.product) or "",
            "quantity": component.quantity, "unit": component.unit, "tracked": component.lots,
            "lot": lot.lot if lot is not None else "",
            "remaining": lot.remaining if lot is not None else 0.0,
            "disposition": lot.disposition if lot is not None else "",
            "in_stock": [
                row.lot for row in book.between(
                    Lot, "remaining", SOME, math.inf, product=component.product, disposition=FREE
                )
            ][:6],
        })  # fmt: skip
    return found


def _page(book: Reading, kind: type[Row], name: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Return the next rows behind a key; `next` is where the page after them begins, "" = nowhere."""
    limit = min(max(int(wish.get("limit", PAGE)), 1), PAGE_MAX)
    rows = book.page(kind, limit + 1, str(wish.get("after", "")))
    shown = rows[:limit]
    return {name: [_plain(row) for row in shown], "next": key_of(shown[-1]) if len(rows) > limit else ""}


def _orders(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    return _page(book, Request, "orders", wish)


def _order(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    request = book.get(Request, str(wish["request"]))
    if request is None:
        return {}
    jobs = sorted(book.where(JobOrder, request=request.request), key=lambda job: job.operation)
    units = book.page(Unit, UNITS_SHOWN, request=request.request)
    return {
        "order": _plain(request),
        "jobs": [_plain(job) for job in jobs],
        "units": [_plain(unit) for unit in units],
        "unit_count": book.count(Unit, request=request.request),
        "answers": answers(book, [job.job for job in jobs]),
        "photos": [photo for job in jobs for photo in photos(book, "job", job.job)],
    }


def _unit(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    found = genealogy(book, str(wish["unit"]))
    if found is None:
        return {}
    return {
        "unit": _plain(found.unit),
        "passages": [_plain(row) for row in found.passages],
        "eaten": [_eaten(each, definitions) for each in found.eaten],
        "parents": list(found.parents),
        "results": [_plain(row) for row in results_of(book, found.unit.unit)],
        "rework": _rework(book, definitions, found.unit.unit),
        "scrap": [_plain(row) for row in book.where(ScrapReport, unit=found.unit.unit) if not row.undone],
        "answers": answers(book, [row.job for row in found.passages]),
        "photos": _photos_of(book, found.unit.unit, {row.job for row in found.passages}),
    }


def _rework(book: Reading, definitions: Definitions, unit: str) -> dict[str, Any] | None:
    row = under_way(book, unit)
    if row is None:
        return None
    steps = [
        {
            "name": step.name,
            "work_units": sorted(
                n for n, kind in definitions.classes.items() if kind == step.equipment_class
            ),
        }
        for step in steps_of(row)
    ]
    return {**_plain(row), "steps": steps}


def _photos_of(book: Reading, unit: str, jobs: set[str]) -> list[dict[str, Any]]:
    """Return the photos of a unit, of what was wrong with it, and of the job orders that made it."""
    wrong = [row.nonconformance for row in book.where(Nonconformance, unit=unit)]
    of = [
        ("unit", unit),
        *(("nonconformance", name) for name in wrong),
        *(("job", job) for job in sorted(jobs)),
    ]
    return [photo for kind, name in of for photo in photos(book, kind, name)]


def _eaten(each: Eaten, definitions: Definitions) -> dict[str, Any]:
    return {
        **_plain(each.row),
        "name": definitions.materials.get(each.row.component, ""),
        "disposition": each.lot.disposition if each.lot is not None else "",
        "reason": each.lot.reason if each.lot is not None else "",
        "sisters": each.sisters,
        "origins": list(each.origins),
        "below": [_eaten(below, definitions) for below in each.below],
    }


def _lots(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    return _page(book, Lot, "lots", wish)


def _recall(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    lot = book.get(Lot, str(wish["lot"]))
    if lot is None:
        return {}
    orders: dict[str, Request | None] = {}
    units: dict[str, int] = {}
    listed = []
    for unit in recall(book, lot.lot):
        if unit.request not in orders:
            orders[unit.request] = book.get(Request, unit.request)
        order = orders[unit.request]
        units[unit.request] = units.get(unit.request, 0) + 1
        listed.append({**_plain(unit), "customer": "" if order is None else order.customer})
    customers = [
        {"request": name, "customer": "" if order is None else order.customer, "units": units[name]}
        for name, order in sorted(orders.items())
    ]
    return {
        "lot": _plain(lot), "lots": sorted(lots_after(book, lot.lot)), "units": listed, "orders": customers,
    }  # fmt: skip


def _instructions(
    book: Reading, definitions: Definitions, job: JobOrder, now_ns: int
) -> list[dict[str, Any]]:
    return [
        {
            "document": each.document,
            "required": each.required,
            "readers": list(each.readers),
            "revision": 0 if each.revision is None else each.revision.revision,
            "title": "" if each.revision is None else each.revision.title,
            "steps": [] if each.revision is None else msgspec.json.decode(each.revision.steps),
            "pdf": "" if each.revision is None else each.revision.pdf,
        }
        for each in instructions(book, definitions, job.product, job.name, now_ns)
    ]


def _documents(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    drafts = definitions.documents.drafts()
    by_name: dict[str, list[DocumentRevision]] = {}
    for row in book.where(DocumentRevision):
        by_name.setdefault(row.document, []).append(row)
    found = []
    for name in sorted({*by_name, *drafts.good}):
        revisions = sorted(by_name.get(name, []), key=lambda row: -row.revision)
        draft = drafts.good.get(name)
        now = in_force(revisions, now_ns)
        newest = revisions[0] if revisions else None
        written = draft is not None and (
            newest is None or newest.digest != draft.digest or newest.withdrawn_ns != 0
        )
        found.append({
            "document": name,
            **_about(draft, newest),
            "draft": _draft(draft) if draft is not None and written else None,
            "in_force": 0 if now is None else now.revision,
            "revisions": [
                {
                    **{key: value for key, value in _plain(row).items() if key not in ("key", "products")},
                    "steps": msgspec.json.decode(row.steps),
                    "readers": [{"person": each.person, "at_ns": each.at_ns} for each in readers(book, row)],
                }
                for row in revisions
            ],
        })  # fmt: skip
    mistakes = [
        {"file": m.file.rpartition("/")[2], "line": m.line, "field": m.field, "found": m.found,
         "expected": m.expected}
        for m in drafts.mistakes
    ]  # fmt: skip
    return {"documents": found, "mistakes": mistakes, "at_ns": now_ns}


def _draft(draft: Draft) -> dict[str, Any]:
    steps = [
        {"title": step.title, "text": step.text, "picture": draft.kept(step.picture)}
        for step in draft.content.steps
    ]
    return {"digest": draft.digest, "steps": steps, "pdf": draft.kept(draft.content.pdf)}


def _about(draft: Draft | None, newest: DocumentRevision | None) -> dict[str, Any]:
    """Return what a document is about: as it is written now, else as it was released last."""
    if draft is not None:
        content = draft.content
        return {"title": content.title, "operation": content.operation, "products": content.products,
                "required": content.required}  # fmt: skip
    assert newest is not None, "a document has a draft or a revision"
    return {"title": newest.title, "operation": newest.operation,
            "products": msgspec.json.decode(newest.products), "required": newest.required}  # fmt: skip


def _file(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    content = definitions.documents.file(str(wish["name"]))
    return {} if content is None else {"content": content}


def _quality(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    return {
        "nonconformances": [_plain(row) for row in nonconformances(book)],
        "signed": signs(book),
        "characteristics": [
            {
                "characteristic": plan.id, "name": plan.name, "unit_of_measure": plan.unit_of_measure,
                "lower": plan.lower, "upper": plan.upper, "nominal": plan.nominal,
                "attribute": plan.attribute, "equipment_class": plan.equipment_class,
                "signal": plan.signal, "sample_every": plan.sample_every, "products": list(plan.products),
                "results": [_plain(row) for row in last_results(book, plan.id)],
            }
            for plan in definitions.plan.values()
        ],
        "at_ns": now_ns,
    }  # fmt: skip


def _nonconformance(
    book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int
) -> dict[str, Any]:
    row = book.get(Nonconformance, str(wish["nonconformance"]))
    if row is None:
        return {}
    results = book.newest(Result, "at_ns", RESULTS_SHOWN, nonconformance=row.nonconformance)
    return {
        "nonconformance": _plain(row),
        "results": [_plain(each) for each in results],
        "suspect_units": suspects(book, row),
        "routes": [
            {"route": name, "name": each.name}
            for name, each in definitions.rework_routes.items()
            if row.unit and row.product in each.products
        ],
        "photos": photos(book, "nonconformance", row.nonconformance),
    }


def _suspicions(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    rows = book.newest(Suspicion, "number", SUSPICIONS_SHOWN)
    return {
        "suspicions": [
            {**_plain(row), "units": [unit.unit for unit in ([] if row.released else still_held(book, row))]}
            for row in rows
        ]
    }


def _route_state(
    book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int
) -> dict[str, Any]:
    work_unit = str(wish["work_unit"])
    if work_unit not in definitions.work_units:
        return {}
    found = route_state(book, definitions, str(wish["unit"]), work_unit)
    return {"may": found.may, "code": found.code, "detail": found.detail, "operation": found.operation,
            "rework": found.rework}  # fmt: skip


def _record(
    book: Reading, trail: Trail, definitions: Definitions, wish: dict[str, Any], now_ns: int
) -> dict[str, Any]:
    file = device_history(book, trail, definitions, str(wish["unit"]), site=str(wish["site"]))
    return {} if file is None else {"content": contract.encode(file)}


def _record_pdf(
    book: Reading, trail: Trail, definitions: Definitions, wish: dict[str, Any], now_ns: int
) -> dict[str, Any]:
    from taktwin.mes.dossier.printed import printed  # fonts and tables: half a second, when first asked for

    file = device_history(book, trail, definitions, str(wish["unit"]), site=str(wish["site"]))
    return (
        {} if file is None else {"content": printed(file, str(wish["language"]), definitions.documents.file)}
    )


QUERIES: dict[str, Answers] = {
    "board": _board, "terminal": _terminal, "orders": _orders, "order": _order, "unit": _unit,
    "lots": _lots, "recall": _recall, "documents": _documents, "file": _file,
    "crew": crew, "people": people, "labour": labour, "signatures": signatures,
    **exchange.QUERIES,
    "maintenance": maintenance, "upkeep": upkeep, "told": told,
    "quality": _quality, "nonconformance": _nonconformance,
    "performance": performance, "stop": stop, "standing": standing,
    "identify": identify, "accounts": accounts, "entrance": entrance, "token": token_of,
    "definitions": definitions_of, "suspicions": _suspicions, "route_state": _route_state,
    "late": _late,
    "stock": stock, "assets": assets, "asset": asset, "availability": availability,
    "schedule": schedule,
}  # fmt: skip

# Questions that look into the journal too.
TRAILS: dict[str, Trails] = {
    "trail": audit_view, "holds": on_hold, "unit_record": _record, "unit_record_pdf": _record_pdf,
    **exchange.TRAILS,
}  # fmt: skip
