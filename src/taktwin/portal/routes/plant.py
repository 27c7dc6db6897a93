"""`/plant` and `/me`: what does not change while the plant runs, and who is looking."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from taktwin.contracts import topics
from taktwin.identity import EquipmentId
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Equipment, Registry, Signal
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, Portal, PortalOf
from taktwin.portal.models.plant import MeModel, PlantModel

router = APIRouter(tags=["plant"])


@router.get("/me", response_model=MeModel)
async def me(portal: PortalOf, person: PersonOf) -> MeModel:
    """Return who is looking."""
    return MeModel(
        person=person.id, printed_name=person.printed_name, roles=list(person.roles),
        scoped=[{"role": role, "scope": part} for role, part in person.scoped],
        signed_in=bool(person.session), language=person.language, mode="live", may=person.actions(),
        loopback_only=portal.accounts.loopback_only, notice=person.notice,
    )  # fmt: skip


@router.get("/plant", response_model=PlantModel)
async def plant(request: Request, portal: PortalOf, person: PersonOf) -> Response:
    """Return the plant as the page draws it; the same until the registry or the day changes."""
    body = wire.encode(document(portal))
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def document(portal: Portal) -> dict[str, Any]:
    """Return the plant document."""
    registry = portal.registry
    return {
        "name": registry.name,
        "enterprise": registry.enterprise,
        "site": registry.site,
        "time_zone": registry.time_zone,
        "registry_hash": registry.hash,
        "valid_from_ms": wire.ms(registry.valid_from_ns),
        "demo": portal.installation.player == "virtual_plant",
        "makes": makes(registry),
        "floor": _floor(registry),
        "zones": [{"id": z.id, "name": z.name, "polygon": z.polygon} for z in registry.zones],
        "equipment": [_equipment(registry, e) for _, e in sorted(registry.equipment.items())],
        "signals": [signal_document(registry, s) for s in registry.signals],
        "connections": [
            {"name": c.name, "connector": c.connector, "endpoint": endpoint(portal, c.name)}
            for _, c in sorted(registry.connections.items())
        ],
        "buffers": [
            {"id": b.id, "name": b.name, "sources": b.sources, "targets": b.targets, "capacity": b.capacity,
             "x_m": b.x_m, "y_m": b.y_m}
            for b in registry.buffers
        ],
        "supplies": [
            {"id": s.id, "source": s.source, "medium": s.medium, "targets": s.targets}
            for s in registry.supplies
        ],
        "assets": [asset_document(registry, asset_id) for asset_id in sorted(registry.assets)],
        **_calendars(registry, portal.clock.now_ns()),
    }  # fmt: skip


def endpoint(portal: Portal, connection: str) -> str:
    """Return where a connection leads: what this installation says, else what the plant says."""
    chosen = portal.installation.endpoints.get(connection)
    if chosen:
        return chosen
    declared = portal.registry.connections[connection]
    settings = declared.settings
    if declared.connector == "mqtt" and portal.installation.mqtt_port:
        return f"mqtt://{portal.installation.mqtt_host}:{portal.installation.mqtt_port}"
    return str(settings.get("endpoint") or settings.get("url") or settings.get("host") or "")


def asset_document(registry: Registry, asset_id: str) -> dict[str, Any]:
    """Return a physical asset for the browser."""
    asset = registry.assets[asset_id]
    return {
        "id": asset.id, "name": asset.name, "manufacturer": asset.manufacturer, "model": asset.model,
        "serial_number": asset.serial_number, "mounted_in": asset.mounted_in,
        "mounted_since": asset.mounted_since,
    }  # fmt: skip


def signal_document(registry: Registry, signal: Signal) -> dict[str, Any]:
    """Return a declared signal for the browser."""
    return {
        "index": signal.index, "id": signal.id, "equipment": signal.equipment, "path": signal.path,
        "name": signal.name, "role": signal.role, "type": signal.type, "unit": signal.unit,
        "minimum": signal.minimum, "maximum": signal.maximum, "period_s": signal.period_s,
        "decimals": signal.decimals, "words": dict(signal.words), "connection": signal.connection,
        "address": signal.address, "topic": mirror_topic(signal), "x_m": signal.x_m, "y_m": signal.y_m,
        "limits": [
            {"id": limit.id, "kind": limit.kind, "value": limit.value, "priority": limit.priority,
             "message": limit.message, "response": limit.response, "consequence": limit.consequence,
             "owner_role": limit.owner_role}
            for limit in signal.limits
        ],
    }  # fmt: skip


def mirror_topic(signal: Signal) -> str:
    """Return the MQTT topic on which people and third parties read a signal."""
    return topics.mirror(signal.place, signal.class_id or "signal", signal.class_version, signal.path)


def _equipment(registry: Registry, equipment: Equipment) -> dict[str, Any]:
    connections = sorted({registry.signals[i].connection for i in equipment.signals} - {""})
    return {
        "id": equipment.id, "level": equipment.level, "name": equipment.name,
        "class_id": equipment.class_id, "class_name": equipment.class_name, "parent": equipment.parent,
        "place": str(equipment.place), "zone": equipment.zone, "x_m": equipment.x_m, "y_m": equipment.y_m,
        "width_m": equipment.width_m, "depth_m": equipment.depth_m, "state_model": equipment.state_model,
        "inferred": inferred(registry, equipment.id), "standard_cycle_s": equipment.standard_cycle_s,
        "calendar": equipment.calendar, "aliases": equipment.aliases, "connections": connections,
        "asset_ids": equipment.assets,
    }  # fmt: skip


def inferred(registry: Registry, equipment_id: EquipmentId) -> bool:
    """Return whether a unit's class comes from counter and power instead of a state signal."""
    equipment = registry.equipment[equipment_id]
    return equipment.level == "WorkUnit" and not equipment.state_model and bool(equipment.bands)


def makes(registry: Registry) -> bool:
    """Return whether the plant makes a product by a route of its own: without one nothing is scheduled."""
    return any(each.make and each.routing in registry.routings for each in registry.products.values())


def _floor(registry: Registry) -> dict[str, Any] | None:
    floor = registry.floor
    if floor is None:
        return None
    return {
        "width_m": floor.width_m,
        "depth_m": floor.depth_m,
        "drawing_svg": _drawing(str(Path(registry.folder) / floor.drawing)) if floor.drawing else None,
        "walls": floor.walls,
        "paths": [
            {"id": p.id, "name": p.name, "points": p.points, "width_m": p.width_m} for p in floor.paths
        ],
    }


@lru_cache(maxsize=4)
def _drawing(path: str) -> str | None:
    file = Path(path)
    return file.read_text(encoding="utf-8") if file.suffix == ".svg" and file.is_file() else None


def _calendars(registry: Registry, now_ns: int) -> dict[str, Any]:
    """Return the shifts of the present production day and what each calendar plans in it."""
    zone = ZoneInfo(registry.time_zone)
    shifts, calendars = [], []
    for calendar_id, calendar in sorted(registry.calendars.items()):
        day = calendar.production_day(now_ns)
        for span in calendar.shifts(day.from_ns, day.to_ns):
            shifts.append(
                {"id": span.id, "name": span.name, "calendar": calendar_id,
                 "from_ms": wire.ms(span.from_ns), "to_ms": wire.ms(span.to_ns),
                 "from": _local(span.from_ns, zone), "to": _local(span.to_ns, zone)}
            )  # fmt: skip
        planned = [(wire.ms(a), wire.ms(b)) for a, b in calendar.planned_intervals(day.from_ns, day.to_ns)]
        calendars.append({"id": calendar_id, "description": calendar.name, "planned": planned})
    return {"shifts": shifts, "calendars": calendars}


def _local(at_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, zone).strftime("%H:%M")
