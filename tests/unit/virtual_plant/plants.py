"""A small plant for the tests of the virtual plant, without files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from taktwin.identity import EquipmentId, Place, SignalId
from taktwin.plant.registry import Buffer, Connection, Equipment, Registry, Signal, Zone

MONDAY_NS = 1_781_503_200_000_000_000  # 2026-06-15T06:00:00Z
HOUR_NS = 3_600_000_000_000

CELL = (
    ("state", "state", "int32"), ("mode", "mode", "int32"), ("set_up", "set_up", "bool"),
    ("blocked", "blocked", "bool"), ("starved", "starved", "bool"), ("good_count", "good_count", "uint32"),
    ("reject_count", "reject_count", "uint32"), ("cycle_time", "cycle_time", "float64"),
    ("power", "power", "float32"), ("energy", "energy", "float64"), ("job", "job", "string"),
    ("serial", "serial", "string"), ("product", "product", "string"), ("alarm/code", "alarm_code", "int32"),
    ("alarm/active", "alarm_active", "bool"), ("alarm/text", "text", "string"),
    ("alarm/priority", "process", "int32"),
)  # fmt: skip
SPINDLE = (
    ("spindle/speed", "process", "float32"), ("spindle/load", "process", "float32"),
    ("spindle/vibration", "condition", "float32"), ("spindle/temperature", "condition", "float32"),
    ("coolant/temperature", "process", "float32"), ("tool/number", "tool", "int32"),
    ("tool/life", "tool", "int32"), ("spindle/spectrum", "result", "bytes"),
)  # fmt: skip
SILENT = (("good_count", "good_count", "uint32"), ("power", "power", "float32"))
MORE = {
    "turn": (("diameter", "process", "float64"),),
    "grind": (("runout", "process", "float64"),),
    "press": (("force_peak", "process", "float64"), ("force_curve", "result", "array")),
    "tighten": (
        ("torque", "process", "float64"), ("angle", "process", "float64"),
        ("torque_curve", "result", "array"),
    ),
    "leak": (("pressure_decay", "process", "float64"),),
    "eol": (("noise", "process", "float64"), ("efficiency", "process", "float64")),
    "adhesive": (
        ("bead_width", "process", "float64"), ("strength", "process", "float64"),
        ("lot", "process", "string"),
    ),
    "furnace": tuple((f"zone{i}/temperature", "process", "float32") for i in (1, 2, 3, 4)),
}  # fmt: skip
LINES: dict[str, tuple[str, ...]] = {
    "line1": ("turn1", "turn2", "hob1", "deburr1", "wash1"),
    "furnace1": ("furnace1",),
    "line4": ("grind1", "grind2"),
    "line2": ("load2", "adhesive2", "press2", "tighten2", "leak2", "vision2"),
    "line3": ("load3", "adhesive3", "press3", "tighten3", "leak3", "vision3"),
    "line5": ("eol1", "eol2", "pack5"),
}
BUFFERS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], int], ...] = (
    ("b_turn", ("turn1", "turn2"), ("hob1",), 12),
    ("b_hob", ("hob1",), ("deburr1",), 6),
    ("b_deburr", ("deburr1",), ("wash1",), 6),
    ("b_wash", ("wash1",), ("furnace1",), 48),
    ("b_furnace", ("furnace1",), ("grind1", "grind2"), 48),
    ("b_store", ("grind1", "grind2"), ("load2", "load3"), 120),
    *(
        (f"b_{a}{n}", (f"{a}{n}",), (f"{b}{n}",), 4)
        for n in (2, 3)
        for a, b in (
            ("load", "adhesive"), ("adhesive", "press"), ("press", "tighten"), ("tighten", "leak"),
            ("leak", "vision"),
        )
    ),
    ("b_eol", ("vision2", "vision3"), ("eol1", "eol2"), 20),
    ("b_pack", ("eol1", "eol2"), ("pack5",), 8),
)  # fmt: skip

STANDARD_S = {"turn": 84.0, "hob": 42.0, "deburr": 36.0, "wash": 38.0, "furnace": 1008.0, "pack": 40.0}


@dataclass(frozen=True)
class Windows:
    """A calendar for tests: planned within given windows, for ever without any."""

    edges: tuple[int, ...] = ()  # first edge: begins

    def planned(self, at_ns: int) -> bool:
        return not self.edges or sum(1 for edge in self.edges if edge <= at_ns) % 2 == 1

    def next_change_ns(self, at_ns: int) -> int:
        return next((edge for edge in self.edges if edge > at_ns), (1 << 63) - 1)


def plant(
    lines: tuple[str, ...] = tuple(LINES), *, calendar: Windows | None = None, connector: str = "opcua"
) -> Registry:
    """Return a registry of some lines of the demo plant, one connection a line, and its facility."""
    equipment: dict[EquipmentId, Equipment] = {}
    rows: list[tuple[str, str, str, str, Place, str]] = []
    for line in lines:
        for cell in LINES[line]:
            kind = cell.rstrip("12345")
            place = Place("aurora", "northfield", "hall", line, cell)
            equipment[EquipmentId(cell)] = _equipment(
                cell,
                "WorkUnit",
                place,
                calendar="shifts" if calendar else "",
                standard_cycle_s=STANDARD_S.get(kind, 80.0),
            )
            signals: tuple[tuple[str, str, str], ...]
            if kind in ("deburr", "pack"):
                signals = SILENT
            else:
                spindle = SPINDLE if kind in ("turn", "hob", "grind") else ()
                signals = (*CELL, *spindle, *MORE.get(kind, ()))
            rows.extend((cell, path, role, kind_of, place, line) for path, role, kind_of in signals)
    for name, paths in {
        "zone_b": ("temperature_north", "humidity_north"),
        "zone_c": ("temperature_west",),
        "compressor1": ("pressure", "flow", "power"),
        "meter_main": ("power", "energy"),
    }.items():
        place = Place("aurora", "northfield", "facility", "-", name)
        equipment[EquipmentId(name)] = _equipment(
            name, "StorageUnit", place, zone=name if "zone" in name else ""
        )
        rows.extend((name, path, "ambient", "float32", place, "sensors") for path in paths)
    rows.sort(key=lambda row: f"{row[0]}/{row[1]}")
    signals_made = tuple(
        Signal(
            index=index,
            id=SignalId(f"{name}/{path}"),
            equipment=EquipmentId(name),
            place=place,
            path=path,
            name=path,
            role=role,
            type=value_type,
            connection=connection,
            address=f"nsu=urn:taktwin:virtual-plant;s={name}.{path.replace('/', '.')}",
            decimals=4,
        )
        for index, (name, path, role, value_type, place, connection) in enumerate(rows)
    )
    names = sorted({signal.connection for signal in signals_made})
    return Registry(
        hash="0" * 64,
        valid_from_ns=0,
        enterprise="aurora",
        site="northfield",
        name="Northfield in tests",
        time_zone="Europe/Vienna",
        folder="",
        equipment=equipment,
        signals=signals_made,
        connections={
            name: Connection(
                name, connector, {}, tuple(s.index for s in signals_made if s.connection == name)
            )
            for name in names
        },
        buffers=tuple(
            Buffer(name, tuple(map(EquipmentId, sources)), tuple(map(EquipmentId, targets)), capacity)
            for name, sources, targets, capacity in BUFFERS
        ),
        zones=tuple(Zone(zone, zone, ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0))) for zone in ("zone_b", "zone_c")),
        calendars={} if calendar is None else {"shifts": calendar},
        by_id={signal.id: signal for signal in signals_made},
        by_address={(signal.connection, signal.address): signal for signal in signals_made},
    )


def _equipment(name: str, level: str, place: Place, **more: Any) -> Equipment:
    return Equipment(
        id=EquipmentId(name),
        level=level,
        place=place,
        name=name,
        class_id=name.rstrip("12345"),
        class_name=name,
        parent=None,
        **more,
    )
