"""`/units/{id}`: one work unit, now or then, and its timeline."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from taktwin.history.values import unpack
from taktwin.identity import EquipmentId
from taktwin.plant.registry import Equipment, Registry
from taktwin.portal import neighbours, problems, tables, wire
from taktwin.portal.context import PersonOf, Portal, PortalOf
from taktwin.portal.models.objects import Timeline, UnitPage
from taktwin.portal.problems import Problem
from taktwin.portal.routes.plant import asset_document, inferred
from taktwin.portal.spans import Span, cover, sums_s

router = APIRouter(tags=["units"])

# Fields of a unit's document that are simply the value of the signal with that role.
BY_ROLE = {
    "job": "job", "serial": "serial", "program": "program", "good_count": "good_count",
    "reject_count": "reject_count", "cycle_time": "cycle_time_s", "power": "power_kw", "energy": "energy_kwh",
}  # fmt: skip


@router.get("/units/{unit}", response_model=UnitPage, response_model_by_alias=True)
async def unit_page(
    unit: str, portal: PortalOf, person: PersonOf, at_ms: int | None = None
) -> dict[str, Any]:
    """Return one equipment with what belongs to it; `at_ms` shows it as it was then."""
    registry = portal.registry
    equipment = equipment_of(registry, unit)
    if at_ms is None:
        now = portal.hub.picture.units.by_id.get(unit)
        document = None if now is None else wire.unit(now)
    else:
        document = await _document_at(portal, equipment, wire.ns(at_ms))
    before, after, buffers = neighbours.before_and_after(registry, equipment.id)
    come, go = neighbours.supplies(registry, equipment)
    return {
        "document": document,
        "signals": list(equipment.signals),
        "neighbours": {"before": before, "after": after, "buffers": buffers},
        "supplies": {
            "from": [{"medium": medium, "ids": ids} for medium, ids in sorted(come.items())],
            "to": [{"medium": medium, "ids": ids} for medium, ids in sorted(go.items())],
        },
        "assets": [asset_document(registry, a) for a in equipment.assets if a in registry.assets],
    }


@router.get("/units/{unit}/timeline", response_model=Timeline)
async def timeline(
    unit: str,
    portal: PortalOf,
    person: PersonOf,
    from_ms: Annotated[int, Query(description="begin of the window")],
    to_ms: Annotated[int, Query(description="end of the window; the future is cut off")],
) -> dict[str, Any]:
    """Return every second of a window in exactly one class."""
    equipment = equipment_of(portal.registry, unit)
    from_ns, to_ns = window(portal, from_ms, to_ms)
    covered = cover(await _spans(portal, equipment.id, from_ns, to_ns), from_ns=from_ns, to_ns=to_ns)
    return {
        "intervals": [
            {"from_ms": wire.ms(s.from_ns), "to_ms": wire.ms(s.to_ns or to_ns), "time_class": s.time_class,
             "reason": s.reason, "state": s.state, "program": s.program}
            for s in covered
        ],
        "sums": sums_s(covered),
        "from_ms": wire.ms(from_ns),
        "to_ms": wire.ms(to_ns),
    }  # fmt: skip


def equipment_of(registry: Registry, name: str) -> Equipment:
    """Return an equipment by its id, or raise the problem that names a similar one."""
    equipment = registry.equipment.get(EquipmentId(name))
    if equipment is None:
        raise problems.unknown("equipment", name, "an id of the plant's equipment, such as turn1")
    return equipment


def window(portal: Portal, from_ms: int, to_ms: int) -> tuple[int, int]:
    """Return a window in nanoseconds, cut at now; raise the problem of one that has no length."""
    from_ns, to_ns = wire.ns(from_ms), min(wire.ns(to_ms), portal.clock.now_ns())
    if from_ns >= to_ns:
        raise Problem(
            422, "The window is empty", place="from_ms, to_ms", found=f"{from_ms} to {to_ms}",
            right="from_ms before to_ms and before now",
        )  # fmt: skip
    return from_ns, to_ns


async def _spans(portal: Portal, unit: EquipmentId, from_ns: int, to_ns: int) -> list[Span]:
    table = await portal.questions.intervals(unit, from_ns=from_ns, to_ns=to_ns)
    return [
        Span(r["from_ns"], r["to_ns"], r["time_class"], r["reason"], r["state"], r["program"])
        for r in tables.rows(table)
    ]


async def _document_at(portal: Portal, equipment: Equipment, at_ns: int) -> dict[str, Any] | None:
    """Return a unit's document as of an instant, from its timeline and the signals of its roles."""
    spans = await _spans(portal, equipment.id, at_ns, at_ns + 1)
    if not spans:
        return None
    span = spans[-1]
    roles = {
        portal.registry.signals[i].id: BY_ROLE[portal.registry.signals[i].role]
        for i in equipment.signals
        if portal.registry.signals[i].role in BY_ROLE
    }
    found: dict[str, Any] = {}
    if roles:
        table = await portal.questions.as_of(list(roles), at_ns)
        found_rows = zip(tables.column(table, "signal"), unpack(table), strict=True)
        found = {roles[signal]: wire.safe(value) for signal, value in found_rows}
    texts = {name: str(found.get(name) or "") for name in ("job", "serial", "program")}
    return {
        "unit": equipment.id, "time_class": span.time_class, "reason": span.reason,
        "since_ms": wire.ms(span.from_ns), "state": span.state,
        "inferred": inferred(portal.registry, equipment.id), "last_known_class": "",
        "last_known_since_ms": 0, "confirmed_ms": wire.ms(at_ns),
        "good_count": found.get("good_count"), "reject_count": found.get("reject_count"),
        "cycle_time_s": found.get("cycle_time_s"), "power_kw": found.get("power_kw"),
        "energy_kwh": found.get("energy_kwh"), **texts, "program": texts["program"] or span.program,
    }  # fmt: skip
