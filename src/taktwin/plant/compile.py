"""Schema objects -> the compiled, hashed registry that every process is handed.

In: a plant that `check.py` found no mistake in. Out: a `Registry` whose signals are numbered by
their sorted ids and whose hash depends on what is declared, and on nothing else: not on the order
of files or entries, the folder, comments or spelling.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from taktwin.errors import ConfigError, Mistake
from taktwin.identity import EquipmentId, SignalId
from taktwin.plant import layout, schema
from taktwin.plant.calendars import Calendar
from taktwin.plant.check import check
from taktwin.plant.check_plan import played_routes
from taktwin.plant.expand import Draft, Expansion, ancestors, signal_name, words_of
from taktwin.plant.instructions import read_drafts
from taktwin.plant.load import Loaded
from taktwin.plant.plan import read
from taktwin.plant.registry import (
    Asset,
    Buffer,
    Connection,
    Equipment,
    FloorPath,
    FloorPlan,
    Limit,
    PowerBand,
    Registry,
    Signal,
    Supply,
    Zone,
)

HASH_VERSION = 1  # raised when the canonical form itself changes its meaning


def open_plant(folder: str | Path, *, valid_from_ns: int = 0) -> Registry:
    """Return the registry of a plant folder, or of a plan's, valid from an instant of plant time.

    Raises
    ------
    ConfigError
        With all mistakes at once, each with file, line, field, found and expected.
    """
    loaded = read(folder)
    expansion = check(loaded)
    if loaded.mistakes or expansion is None:
        raise ConfigError(_sorted(loaded.mistakes))
    return _compile(loaded, expansion, valid_from_ns)


def find_mistakes(folder: str | Path) -> list[Mistake]:
    """Return every mistake in a plant folder, by file and line; an empty list if there is none."""
    loaded = read(folder)
    check(loaded)
    if loaded.plant is None:
        return _sorted(loaded.mistakes)
    drafts = read_drafts(loaded.folder, loaded.plant.products, loaded.plant.routings)
    return _sorted([*loaded.mistakes, *drafts.mistakes])


def content_hash(plant: schema.Plant, plan: schema.Plan | None = None) -> str:
    """Return the SHA-256 of what a plant declares, hex; of one as it would be, with what is expected of it.

    Mappings are sorted by key; which files said it (`include`) is left out.
    """
    content = msgspec.structs.replace(plant, include=[])
    parts: list[object] = [HASH_VERSION, content]
    if plan is not None:
        parts.append(msgspec.structs.replace(plan, of="", include=[]))
    encoded = msgspec.json.encode(parts, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()


def _sorted(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(dict.fromkeys(mistakes), key=lambda m: (m.file, m.line, m.field))


def _compile(loaded: Loaded, expansion: Expansion, valid_from_ns: int) -> Registry:
    plant = loaded.plant
    assert plant is not None, "a plant without mistakes was read"
    zones = tuple(
        Zone(zone_id, zone.name, tuple((point[0], point[1]) for point in zone.polygon))
        for zone_id, zone in sorted(plant.zones.items())
    )
    supplies = {
        supply_id: Supply(supply.source, supply.medium, tuple(supply.targets), supply_id)
        for supply_id, supply in sorted(plant.supplies.items())
    }
    signals = _signals(plant, expansion, supplies, zones)
    of_equipment: dict[str, list[int]] = {}
    of_connection: dict[str, list[int]] = {name: [] for name in plant.connections}
    by_address: dict[tuple[str, str], Signal] = {}
    for signal in signals:
        of_equipment.setdefault(signal.equipment, []).append(signal.index)
        of_connection[signal.connection].append(signal.index)
        by_address.setdefault((signal.connection, signal.address), signal)
    return Registry(
        hash=content_hash(plant, loaded.plan),
        valid_from_ns=valid_from_ns,
        enterprise=plant.enterprise,
        site=plant.site,
        name=plant.name,
        time_zone=plant.time_zone,
        folder=str(loaded.folder),
        equipment=_equipment(loaded, plant, expansion, zones, of_equipment),
        signals=signals,
        connections={
            name: Connection(
                name,
                connection.connector,
                {"endpoint": connection.endpoint, **connection.settings},
                tuple(of_connection[name]),
                _place_of(loaded, f"connections.{name}"),
                connection.commander,
            )
            for name, connection in sorted(plant.connections.items())
        },
        buffers=tuple(
            Buffer(
                buffer_id,
                tuple(EquipmentId(s) for s in buffer.sources),
                tuple(EquipmentId(t) for t in buffer.targets),
                buffer.capacity,
                *_point(buffer.position),
                name=buffer.name,
            )
            for buffer_id, buffer in sorted(plant.buffers.items())
        ),
        zones=zones,
        supplies=tuple(supplies.values()),
        assets={
            asset_id: Asset(
                asset_id, asset.name, asset.manufacturer, asset.model, asset.serial_number, asset.mounted_in,
                asset.mounted_since or "", asset.kind, asset.role, asset.stored_in,
            )
            for asset_id, asset in sorted(plant.assets.items())
        },
        floor=_floor(plant.floor),
        limits=tuple(limit for signal in signals for limit in signal.limits),
        calendars={
            calendar_id: Calendar(calendar_id, calendar, plant.time_zone)
            for calendar_id, calendar in sorted(plant.calendars.items())
        },
        products=dict(sorted(plant.products.items())),
        routings=dict(sorted(plant.routings.items())),
        rework_routes=dict(sorted(plant.rework_routes.items())),
        tools=dict(sorted(plant.tools.items())),
        gauges=dict(sorted(plant.gauges.items())),
        spare_parts=dict(sorted(plant.spare_parts.items())),
        maintenance_plans=dict(sorted(plant.maintenance_plans.items())),
        characteristics=dict(sorted(plant.characteristics.items())),
        defects=dict(sorted(plant.defects.items())),
        stop_reasons=dict(plant.stop_reasons),
        checklists=dict(sorted(plant.checklists.items())),
        late_bookings_h=plant.late_bookings_h,
        personnel_classes=dict(sorted(plant.personnel_classes.items())),
        people=dict(sorted(plant.people.items())),
        economics=plant.economics,
        authority=dict(sorted(plant.authority.items())),
        interlocks=dict(sorted(plant.interlocks.items())),
        permits=dict(sorted(plant.permits.items())),
        demo=plant.demo,
        plan=loaded.plan,
        plan_routes=()
        if loaded.plan is None
        else tuple(played_routes(plant, loaded.plan, loaded.changed.get("routings", frozenset()))),
        by_id={signal.id: signal for signal in signals},
        by_address=by_address,
    )  # fmt: skip


def _signals(
    plant: schema.Plant, expansion: Expansion, supplies: Mapping[str, Supply], zones: tuple[Zone, ...]
) -> tuple[Signal, ...]:
    drafts = sorted(expansion.drafts, key=lambda draft: f"{draft.equipment}/{draft.path}")
    chains = {name: [name, *ancestors(plant, name)] for name in plant.equipment}
    return tuple(
        [
            _signal(plant, expansion, supplies, zones, chains, index, draft)
            for index, draft in enumerate(drafts)
        ]
    )


def _signal(
    plant: schema.Plant,
    expansion: Expansion,
    supplies: Mapping[str, Supply],
    zones: tuple[Zone, ...],
    chains: Mapping[str, list[str]],
    index: int,
    draft: Draft,
) -> Signal:
    definition = draft.definition
    equipment = plant.equipment[draft.equipment]
    flat = expansion.classes.get(equipment.equipment_class)
    name = signal_name(draft.path, definition)
    x_m, y_m = _point(definition.position)
    limits: tuple[Limit, ...] = ()
    if definition.alarms:
        at_x, at_y = (x_m, y_m) if x_m is not None else _point(equipment.position)
        words = {
            "equipment": draft.equipment,
            "name": equipment.name,
            "signal": name,
            "zone": layout.zone_of(zones, at_x, at_y),
        }
        limits = tuple(
            _limit(
                f"{draft.equipment}/{draft.path}:{alarm_id}",
                index,
                alarm,
                words,
                supplies,
                chains[draft.equipment],
            )
            for alarm_id, alarm in sorted(definition.alarms.items())
        )
    return Signal(
        index=index,
        id=SignalId(f"{draft.equipment}/{draft.path}"),
        equipment=EquipmentId(draft.equipment),
        place=expansion.places[draft.equipment],
        path=draft.path,
        name=name,
        role=definition.role,
        type=definition.type,
        unit=definition.unit,
        minimum=definition.minimum,
        maximum=definition.maximum,
        allow_not_finite=definition.allow_not_finite,
        period_s=definition.period_s,
        deadband=definition.deadband,
        must_move_s=definition.must_move_s,
        decimals=definition.decimals,
        words=words_of(definition, flat.state_model if flat is not None else ""),
        class_id=flat.id if flat is not None else draft.equipment,
        class_version=flat.definition.version if flat is not None else 1,
        connection=draft.connection,
        address=draft.address,
        options=draft.options,
        limits=limits,
        supply_of=definition.supply,
        x_m=x_m,
        y_m=y_m,
    )


def _limit(
    limit_id: str,
    signal: int,
    alarm: schema.AlarmDefinition,
    words: dict[str, str],
    supplies: Mapping[str, Supply],
    chain: list[str],
) -> Limit:
    kind = "machine" if alarm.machine else "high" if alarm.high is not None else "low"
    cause = alarm.cause.format(**words) if alarm.cause else ""
    if alarm.medium:
        cause = layout.supplier(supplies, chain, alarm.medium)
    return Limit(
        id=limit_id,
        signal=signal,
        kind=kind,
        value=None if alarm.machine else alarm.high if alarm.high is not None else alarm.low,
        hysteresis=alarm.hysteresis,
        delay_s=alarm.delay_s,
        priority=alarm.priority,
        message=alarm.message.format(**words),
        consequence=alarm.consequence.format(**words),
        response=alarm.response.format(**words),
        owner_role=alarm.owner_role,
        cause=cause,
        machine_acknowledge=alarm.machine_acknowledge,
        suppress_planned_down=alarm.suppress_planned_down,
        in_service=alarm.in_service,
    )


def _equipment(
    loaded: Loaded,
    plant: schema.Plant,
    expansion: Expansion,
    zones: tuple[Zone, ...],
    signals: Mapping[str, list[int]],
) -> dict[EquipmentId, Equipment]:
    mounted: dict[str, list[str]] = {}
    for asset_id, asset in sorted(plant.assets.items()):
        mounted.setdefault(asset.mounted_in, []).append(asset_id)
    compiled: dict[EquipmentId, Equipment] = {}
    for name, equipment in sorted(plant.equipment.items()):
        flat = expansion.classes.get(equipment.equipment_class)
        x_m, y_m = _point(equipment.position)
        size = equipment.size or (flat.size if flat is not None else None)
        more: dict[str, Any] = {} if size is None else {"width_m": size.width_m, "depth_m": size.depth_m}
        bands = tuple(equipment.infer) or (flat.infer if flat is not None else ())
        compiled[EquipmentId(name)] = Equipment(
            id=EquipmentId(name),
            level=str(expansion.levels[name]),
            place=expansion.places[name],
            name=equipment.name,
            class_id=equipment.equipment_class,
            class_name=flat.definition.name if flat is not None else "",
            parent=EquipmentId(equipment.parent) if equipment.parent else None,
            state_model=flat.state_model if flat is not None else "",
            bands=tuple(
                PowerBand(step.above_kw, step.time_class) for step in sorted(bands, key=lambda s: -s.above_kw)
            ),
            standard_cycle_s=equipment.standard_cycle_s,
            connection=equipment.connection,
            job_control=equipment.job_control,
            calendar=_calendar(plant, name),
            frozen_h=_frozen_h(plant, name),
            assets=tuple(mounted.get(name, ())),
            # A zone of the hall can be equipment too: what its sensors hang on.
            zone=name if name in plant.zones else layout.zone_of(zones, x_m, y_m),
            x_m=x_m,
            y_m=y_m,
            signals=tuple(signals.get(name, ())),
            described_in=_place_of(loaded, f"equipment.{name}"),
            aliases=tuple(equipment.aliases),
            properties={**(flat.properties if flat is not None else {}), **equipment.properties},
            asset_roles=dict(sorted(flat.asset_roles.items())) if flat is not None else {},
            **more,
        )
    return compiled


def _frozen_h(plant: schema.Plant, name: str) -> float:
    """Return how far ahead a schedule stands there: its own word, else that of what it belongs to."""
    for link in (name, *ancestors(plant, name)):
        found = plant.equipment[link].frozen_h
        if found is not None:
            return found
    return 0.0


def _calendar(plant: schema.Plant, name: str) -> str:
    """Return the calendar of equipment: its own, else that of what it belongs to."""
    for link in (name, *ancestors(plant, name)):
        if plant.equipment[link].calendar:
            return plant.equipment[link].calendar
    return ""


def _floor(floor: schema.Floor | None) -> FloorPlan | None:
    if floor is None:
        return None
    return FloorPlan(
        floor.width_m,
        floor.depth_m,
        floor.drawing,
        tuple(tuple((p[0], p[1]) for p in wall) for wall in floor.walls),
        tuple(
            FloorPath(path_id, path.name, tuple((p[0], p[1]) for p in path.points), path.width_m)
            for path_id, path in sorted(floor.paths.items())
        ),
        floor.drawing_dxf,
    )


def _point(position: schema.Position | None) -> tuple[float | None, float | None]:
    return (None, None) if position is None else (position.x_m, position.y_m)


def _place_of(loaded: Loaded, path: str) -> str:
    spot = loaded.spot(path)
    file = Path(spot.file)
    inside = loaded.plan_folder if loaded.plan_folder and file.is_relative_to(loaded.plan_folder) else None
    return f"{file.relative_to(inside or loaded.folder).as_posix()}:{spot.line}"
