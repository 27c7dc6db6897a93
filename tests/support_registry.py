"""A small plant built by hand: enough of everything that the twin decides about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from taktwin.contracts.samples import Scan
from taktwin.identity import EquipmentId, Place, SignalId
from taktwin.plant.registry import (
    Buffer,
    Connection,
    Equipment,
    Limit,
    PowerBand,
    Registry,
    Signal,
    Supply,
)

SECOND = 1_000_000_000
START = 1_794_470_400 * SECOND  # 2026-11-12 08:00 UTC, a Thursday
EPOCH = START - 3600 * SECOND


@dataclass(frozen=True)
class TwoShifts:
    """A calendar for tests: planned but for the last quarter of every hour."""

    def planned(self, at_ns: int) -> bool:
        return at_ns % (3600 * SECOND) < 2700 * SECOND

    def next_change_ns(self, at_ns: int) -> int:
        hour, rest = divmod(at_ns, 3600 * SECOND)
        return hour * 3600 * SECOND + (2700 * SECOND if rest < 2700 * SECOND else 3600 * SECOND)


def place_of(unit: str, line: str = "line1") -> Place:
    return Place("aurora", "northfield", "machining", line, unit)


UNIT_SIGNALS: dict[str, tuple[str, str]] = {
    "state": ("state", "int32"),
    "mode": ("mode", "int32"),
    "set_up": ("set_up", "bool"),
    "blocked": ("blocked", "bool"),
    "starved": ("starved", "bool"),
    "good_count": ("good_count", "uint32"),
    "reject_count": ("reject_count", "uint32"),
    "power": ("power", "float32"),
    "energy": ("energy", "float64"),
    "job": ("job", "string"),
    "serial": ("serial", "string"),
    "cycle_time": ("cycle_time", "float32"),
    "alarm/code": ("alarm_code", "int32"),
    "alarm/active": ("alarm_active", "bool"),
    "spindle/load": ("process", "float32"),
    "spindle/temperature": ("condition", "float32"),
}


def limit(signal: str, name: str, **changes: Any) -> Limit:
    base = Limit(
        id=f"{signal}:{name}",
        signal=0,
        kind="high",
        value=80.0,
        hysteresis=2.0,
        delay_s=3.0,
        priority=2,
        message=f"{signal} is high",
        consequence="The part is scrap.",
        response="Stop and look.",
        owner_role="line_operator",
    )
    return replace(base, **changes)


def plain_signals(unit: str, n: int, connection: str = "") -> dict[str, dict[str, Any]]:
    return {f"process/v{k:03d}": {"role": "process", "type": "float64"} for k in range(n)}


def registry(
    *,
    calendar: Any = None,
    limits: bool = True,
    extra: Mapping[str, int] | None = None,
    sensors: int = 2,
) -> Registry:
    """Return a line of three PackML units, one inferred unit between them, and plain sensors.

    turn1 -> b1 -> deburr1 (inferred) -> b2 -> wash1; grind1 is alone; zone_c has MQTT sensors.
    `extra` adds plain process signals to a unit.
    """
    rows: list[dict[str, Any]] = []
    units: dict[str, dict[str, Any]] = {
        "turn1": {"connection": "line1"},
        "wash1": {"connection": "line1"},
        "deburr1": {"connection": "line1", "inferred": True},
        "grind1": {"connection": "line4"},
    }
    for unit, about in units.items():
        for path, (role, kind) in UNIT_SIGNALS.items():
            if about.get("inferred") and role not in ("good_count", "power"):
                continue
            row: dict[str, Any] = {
                "id": f"{unit}/{path}",
                "equipment": unit,
                "path": path,
                "role": role,
                "type": kind,
                "connection": about["connection"],
            }
            if limits and path == "spindle/temperature":
                row["limits"] = (limit(f"{unit}/{path}", "high"),)
            if limits and path == "alarm/active":
                row["limits"] = (
                    limit(f"{unit}/{path}", "active", kind="machine", value=None, delay_s=0.0, priority=1),
                )
            rows.append(row)
        for k in range((extra or {}).get(unit, 0)):
            rows.append(
                {
                    "id": f"{unit}/process/v{k:03d}",
                    "equipment": unit,
                    "path": f"process/v{k:03d}",
                    "role": "process",
                    "type": "float64",
                    "connection": about["connection"],
                }
            )
    for k in range(sensors):
        rows.append(
            {
                "id": f"zone_c/t{k}",
                "equipment": "zone_c",
                "path": f"t{k}",
                "role": "ambient",
                "type": "float64",
                "connection": "sensors",
                "period_s": 10.0,
            }
        )
    rows.sort(key=lambda row: row["id"])
    places = {unit: place_of(unit, "line4" if unit == "grind1" else "line1") for unit in units}
    places["zone_c"] = Place("aurora", "northfield", "facility", "-", "zone_c")
    signals = tuple(
        Signal(
            index=index,
            id=SignalId(row["id"]),
            equipment=EquipmentId(row["equipment"]),
            place=places[row["equipment"]],
            path=row["path"],
            name=row["path"],
            role=row["role"],
            type=row["type"],
            connection=row["connection"],
            address=row["id"],
            period_s=row.get("period_s"),
            limits=tuple(replace(each, signal=index) for each in row.get("limits", ())),
        )
        for index, row in enumerate(rows)
    )
    equipment = {
        EquipmentId(unit): Equipment(
            id=EquipmentId(unit),
            level="WorkUnit",
            place=places[unit],
            name=unit,
            class_id="cell",
            class_name="Cell",
            parent=None,
            state_model="" if about.get("inferred") else "packml",
            bands=(PowerBand(0.5, "waiting"), PowerBand(2.0, "production")) if about.get("inferred") else (),
            calendar="shifts" if calendar is not None else "",
            signals=tuple(s.index for s in signals if s.equipment == unit),
        )
        for unit, about in units.items()
    }
    equipment[EquipmentId("zone_c")] = Equipment(
        id=EquipmentId("zone_c"),
        level="Other",
        place=places["zone_c"],
        name="Zone C",
        class_id="zone",
        class_name="Zone",
        parent=None,
        signals=tuple(s.index for s in signals if s.equipment == "zone_c"),
    )
    content = repr((signals, sorted(equipment.items())))
    return Registry(
        hash=hashlib.sha256(content.encode()).hexdigest(),
        valid_from_ns=0,
        enterprise="aurora",
        site="northfield",
        name="Northfield",
        time_zone="Europe/Vienna",
        folder="",
        equipment=equipment,
        signals=signals,
        connections={
            name: Connection(name, kind, {}, tuple(s.index for s in signals if s.connection == name))
            for name, kind in (("line1", "opcua"), ("line4", "opcua"), ("sensors", "mqtt"))
        },
        buffers=(
            Buffer("b1", (EquipmentId("turn1"),), (EquipmentId("deburr1"),), 4),
            Buffer("b2", (EquipmentId("deburr1"),), (EquipmentId("wash1"),), 3),
        ),
        supplies=(Supply("compressor1", "air", ("turn1",)),),
        limits=tuple(each for s in signals for each in s.limits),
        calendars={} if calendar is None else {"shifts": calendar},
        by_id={s.id: s for s in signals},
        by_address={(s.connection, s.address): s for s in signals},
    )


class Speaker:
    """One gateway's run of one connection: makes scans with keys that count up per unit."""

    def __init__(self, plant: Registry, connector: str, epoch_ns: int = EPOCH) -> None:
        self.plant = plant
        self.connector = connector
        self.epoch_ns = epoch_ns
        self.sequences: dict[str, int] = {}

    def scan(
        self,
        unit: str,
        at_ns: int,
        values: Mapping[str, Any] | None = None,
        *,
        as_of: bool = True,
        qualities: Iterable[int] | None = None,
    ) -> Scan:
        """Return a scan of `path -> value` (or `path -> (dt_ns, value)`), confirmed at its instant."""
        self.sequences[unit] = self.sequences.get(unit, 0) + 1
        signals, offsets, column = [], [], []
        for path, value in (values or {}).items():
            signals.append(self.plant.by_id[SignalId(f"{unit}/{path}")].index)
            offset, value = value if isinstance(value, tuple) else (0, value)
            offsets.append(offset)
            column.append(value)
        return Scan(
            registry=self.plant.prefix,
            connector=self.connector,
            epoch_ns=self.epoch_ns,
            sequence=self.sequences[unit],
            t0_ns=at_ns,
            signals=signals,
            dt_ns=offsets,
            values=column,
            qualities=None if qualities is None else list(qualities),
            as_of_ns=at_ns if as_of else None,
        )
