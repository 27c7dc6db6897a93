"""How products are made: what new orders follow, and every version with what is otherwise in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec

from taktwin.contracts.events import DefinitionReceived
from taktwin.mes.definitions.routes import Definition, Definitions
from taktwin.mes.definitions.tables import Master
from taktwin.mes.definitions.versions import APPROVED, RECEIVED, WITHDRAWN, in_force, set_points
from taktwin.mes.documents.tables import DocumentRevision
from taktwin.mes.mastering.actions import OUTSIDE, said
from taktwin.mes.mastering.comparing import differences, own
from taktwin.mes.scheduling.tables import Request
from taktwin.plant.routes import STEP
from taktwin.storage.book import Reading

Answer = dict[str, Any]


def definitions_of(book: Reading, definitions: Definitions, wish: Answer, now_ns: int) -> Answer:
    """Return every product that is made here with all its versions, the newest first."""
    masters: dict[str, list[Master]] = {}
    for row in book.where(Master):
        masters.setdefault(row.product, []).append(row)
    products = []
    for product in sorted({*definitions.products, *masters}):
        rows = sorted(masters.get(product, ()), key=lambda row: (row.received_ns, row.master), reverse=True)
        made = definitions.products.get(product)
        now = in_force(rows, now_ns)
        versions = [_version(book, definitions, row, _before(row, rows, made), now) for row in rows]
        if made is not None:
            versions.append(_plant(book, definitions, made, now))
        name = made.name if made is not None else rows[0].name
        products.append({"product": product, "name": name, "versions": versions})
    return {"products": products, "approves": definitions.owner not in OUTSIDE, "at_ns": now_ns}


def _before(row: Master, rows: list[Master], made: Definition | None) -> DefinitionReceived | None:
    """Return what a version is compared with: what orders followed before it, or would without it.

    Of one that waits, or was refused, that is the approved one with the latest beginning.
    """
    others = [
        each for each in rows
        if each is not row and each.state != RECEIVED and each.from_ns
        and (not row.from_ns or (each.from_ns, each.decided_ns) < (row.from_ns, row.decided_ns))
        and (row.from_ns or each.state != WITHDRAWN)
    ]  # fmt: skip
    newest = max(others, key=lambda each: (each.from_ns, each.decided_ns), default=None)
    if newest is not None:
        return said(newest)
    return None if made is None else own(made)


def _version(
    book: Reading, definitions: Definitions, row: Master, before: DefinitionReceived | None,
    now: Master | None,
) -> Answer:  # fmt: skip
    found = said(row)
    return {
        "definition": row.definition, "name": row.name, "state": row.state, "in_force": row is now,
        "from_ns": row.from_ns, "effective_ns": row.effective_ns, "until_ns": row.until_ns,
        "received_ns": row.received_ns, "decided_ns": row.decided_ns, "reason": row.reason,
        "version": row.version,
        "orders": book.count(Request, product=row.product, definition=row.definition),
        "serialised": row.serialised, "setup_family": row.setup_family,
        "operations": _operations(found, definitions),
        "before": None if before is None else before.definition,
        "differences": [] if before is None else [
            dataclasses.asdict(each) for each in differences(found, before, definitions)
        ],
        "falls_away": list(_falls_away(book, definitions, found)),
    }  # fmt: skip


def _plant(book: Reading, definitions: Definitions, made: Definition, now: Master | None) -> Answer:
    return {
        "definition": "", "name": made.name, "state": APPROVED, "in_force": now is None, "from_ns": 0,
        "effective_ns": 0, "until_ns": 0, "received_ns": 0, "decided_ns": 0, "reason": "", "version": 0,
        "orders": book.count(Request, product=made.product, definition=""),
        "serialised": made.serialised, "setup_family": made.setup_family,
        "operations": _operations(own(made), definitions), "before": None, "differences": [],
        "falls_away": [],
    }  # fmt: skip


def _operations(found: DefinitionReceived, definitions: Definitions) -> list[Answer]:
    return [
        {
            **msgspec.to_builtins(step), "number": number * STEP,
            "parameters": [each.name for each in set_points(found.product, step, definitions)],
        }
        for number, step in enumerate(found.operations, start=1)
    ]  # fmt: skip


def _falls_away(book: Reading, definitions: Definitions, found: DefinitionReceived) -> Iterator[str]:
    """Yield what the plant has for operations that a definition no longer has, or calls otherwise."""
    made = definitions.products.get(found.product)
    names = {step.name for step in found.operations}
    kept = {(step.name, step.equipment_class) for step in found.operations}
    classes = {step.equipment_class for step in found.operations}
    for step in () if made is None else made.operations:
        if (step.name, step.equipment_class) not in kept and step.set_points:
            yield f"{step.name}: parameters {', '.join(each.name for each in step.set_points)}"
        if step.equipment_class not in classes:
            for each in definitions.inspected(found.product, step.equipment_class):
                yield f"{step.name}: inspection {each.name}"
        if step.name in names:
            continue
        rows = book.where(DocumentRevision, operation=step.name)
        for document in sorted({row.document for row in rows if found.product in
                                msgspec.json.decode(row.products, type=list[str])}):  # fmt: skip
            yield f"{step.name}: instruction {document}"
        for name, checklist in definitions.checklists.items():
            if checklist.operation == step.name and (
                not checklist.products or found.product in checklist.products
            ):
                yield f"{step.name}: checklist {name}"
        for name, route in definitions.rework_routes.items():
            if route.back_to == step.name and found.product in route.products:
                yield f"{step.name}: rework route {name}"
