"""What the maintenance page and a terminal show: orders, what falls due, tools, gauges, spare parts."""

from __future__ import annotations

from typing import Any

import msgspec

from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.maintenance.actions import OPEN, open_at
from taktwin.mes.maintenance.engine import standing
from taktwin.mes.maintenance.tables import MaintenanceOrder, PlanState, Spare, SpareUse
from taktwin.mes.tooling.engine import inspection, wear
from taktwin.mes.tooling.tables import Gauge, Mounting, Tool, ToolPlace
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading

# What people see at any machine, as the first word of a request.
FAULTS = ("standstill", "noise", "leak", "bad_parts", "sensor", "other")
OVER_SHOWN = 12
MOUNTINGS_SHOWN = 40
GAUGE_SOON_NS = 14 * 86_400_000_000_000


def maintenance(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return everything that maintenance looks at, the most urgent first."""
    orders = [row for state in OPEN for row in book.where(MaintenanceOrder, state=state.value)]
    over = [
        row
        for state in (State.ENDED, State.ABORTED)
        for row in book.newest(MaintenanceOrder, "ended_ns", OVER_SHOWN, state=state.value)
    ]  # fmt: skip
    over.sort(key=lambda row: -row.ended_ns)
    mountings = book.newest(Mounting, "mounted_ns", MOUNTINGS_SHOWN)
    return {
        "orders": [_order(book, row) for row in sorted(orders, key=urgency)],
        "over": [_order(book, row) for row in over[:OVER_SHOWN]],
        "due": _due(book, definitions, now_ns),
        "tools": _tools(book, definitions, now_ns),
        "mountings": [_plain(row) for row in mountings],
        "gauges": [_gauge(row, definitions, now_ns) for row in book.where(Gauge)],
        "gauge_kinds": {name: kind.name for name, kind in definitions.gauges.items()},
        "spare_parts": _spares(book, definitions),
        "faults": list(FAULTS),
        "work_units": dict(definitions.work_units),
        "tools_at": {unit: list(kinds) for unit, kinds in definitions.tools_at.items()},
        "at_ns": now_ns,
    }


def upkeep(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return what is open at one work unit, and the tools that it works with."""
    work_unit = str(wish["work_unit"])
    if work_unit not in definitions.work_units:
        return {}
    tools = []
    for kind in definitions.tools_at.get(work_unit, ()):
        place = book.get(ToolPlace, f"{work_unit}:{kind}")
        tool = book.get(Tool, place.tool) if place is not None and place.tool else None
        tools.append({
            "kind": kind, "name": definitions.tools[kind].name, "watched": place is not None,
            "mounted": None if tool is None else _tool(tool, definitions, now_ns),
        })  # fmt: skip
    return {
        "work_unit": work_unit,
        "orders": [_order(book, row) for row in sorted(open_at(book, work_unit), key=urgency)],
        "tools": tools,
        "faults": list(FAULTS),
        "at_ns": now_ns,
    }


def urgency(row: MaintenanceOrder) -> tuple[int, int, int, int]:
    """Return what open orders are sorted by: at work, priority, due date, age."""
    running = 0 if row.state == State.RUNNING else 1
    return running, -row.priority, row.due_ns or row.opened_ns, row.opened_ns


def _order(book: Reading, row: MaintenanceOrder) -> dict[str, Any]:
    uses = book.where(SpareUse, order=row.order) if row.ended_ns else []
    used = {use.spare: use.quantity for use in uses}
    return {**_plain(row), "spare_parts": used}


def _due(book: Reading, definitions: Definitions, now_ns: int) -> list[dict[str, Any]]:
    lines = []
    for row in book.where(PlanState):
        plan = definitions.maintenance_plans.get(row.plan)
        if plan is None or row.work_unit not in plan.equipment:
            continue  # the plant folder no longer has this plan
        found = standing(plan, parts=row.parts, since_ns=row.since_ns, now_ns=now_ns)
        lines.append({
            "plan": row.plan, "name": plan.name, "work_unit": row.work_unit, "order": row.order,
            "share": found.share, "soon": found.soon, "parts": row.parts, "every_parts": plan.every_parts,
            "every_h": plan.every_h, "since_ns": row.since_ns, "due_ns": found.due_ns or 0,
            "spare_parts": dict(plan.spare_parts),
        })  # fmt: skip
    return sorted(lines, key=lambda line: (-line["share"], line["plan"], line["work_unit"]))


def _tools(book: Reading, definitions: Definitions, now_ns: int) -> list[dict[str, Any]]:
    """Return the tools that are mounted or have life left; the others stand in the mountings."""
    tools = [_tool(row, definitions, now_ns) for row in book.where(Tool) if row.kind in definitions.tools]
    shown = [tool for tool in tools if tool["work_unit"] or not tool["worn"]]
    return sorted(shown, key=lambda tool: (not tool["work_unit"], -tool["share"], tool["tool"]))


def _tool(row: Tool, definitions: Definitions, now_ns: int) -> dict[str, Any]:
    kind = definitions.tools[row.kind]
    found = wear(kind, parts=row.parts, parts_since_service=row.parts_since_service)
    looked = inspection(
        kind, parts_since=row.parts_since_inspection, since_ns=row.inspected_ns, now_ns=now_ns
    )
    return {
        **_plain(row), "name": kind.name, "life_parts": kind.life_parts, "share": found.share,
        "worn": found.worn, "soon": found.soon, "service_every_parts": kind.service_every_parts,
        "service_due": found.service_due, "fixture": kind.fixture,
        "inspected": kind.inspect_every_parts is not None or kind.inspect_every_days is not None,
        "inspect_every_parts": kind.inspect_every_parts, "inspection_due": looked.due,
        "inspection_soon": looked.soon, "inspection_due_ns": looked.due_ns,
    }  # fmt: skip


def _gauge(row: Gauge, definitions: Definitions, now_ns: int) -> dict[str, Any]:
    kind = definitions.gauges.get(row.kind)
    return {
        **_plain(row), "name": row.kind if kind is None else kind.name,
        "valid": row.passed and now_ns < row.until_ns, "soon": row.until_ns - now_ns <= GAUGE_SOON_NS,
    }  # fmt: skip


def _spares(book: Reading, definitions: Definitions) -> list[dict[str, Any]]:
    lines = []
    for name, part in definitions.spare_parts.items():
        row = book.get(Spare, name)
        quantity = 0 if row is None else row.quantity
        lines.append({"spare": name, "name": part.name, "minimum": part.minimum, "quantity": quantity,
                      "below": quantity < part.minimum})  # fmt: skip
    return sorted(lines, key=lambda line: (not line["below"], line["spare"]))


def _plain(row: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(row)
