"""The compiled plant: hashed, valid from an instant, address -> signal in memory.

`compile.py` makes it from the schema objects; every process is handed the same value and looks up
identities here, never over the network. Tuples and mappings are read only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taktwin.identity import EquipmentId, Place, SignalId

HASH_PREFIX = 12  # digits of the hash that a scan carries


@dataclass(frozen=True, slots=True)
class Limit:
    """An alarm on a signal: a limit, or the truth of a level-2 alarm bit (ISA-18.2)."""

    id: str  # unique in the plant: <signal id>:<name>
    signal: int
    kind: str  # high | low | machine
    value: float | None
    hysteresis: float
    delay_s: float
    priority: int  # 1, 2, 3
    message: str
    consequence: str
    response: str
    owner_role: str
    cause: str = ""  # a supplier, a zone: alarms of one cause are grouped
    machine_acknowledge: bool = False
    suppress_planned_down: bool = False  # suppressed by design while its unit is planned down
    in_service: bool = True


@dataclass(frozen=True, slots=True)
class Signal:
    """One declared signal. `index` is its place in every array of this registry version."""

    index: int
    id: SignalId
    equipment: EquipmentId
    place: Place
    path: str  # below the equipment, with slashes: spindle/load
    name: str  # for people
    role: str  # see schema.ROLES: state, good_count, power, process, ambient, ...
    type: str  # see schema.VALUE_TYPES: bool, int8..uint64, float32, float64, string, bytes, datetime, array
    unit: str = ""  # UCUM code, "" for none
    minimum: float | None = None
    maximum: float | None = None
    allow_not_finite: bool = False
    period_s: float | None = None  # expected period; None: reported on change, vouched for by the connection
    deadband: float = 0.0
    must_move_s: float | None = None  # frozen if the value stays the same for longer
    decimals: int | None = None
    words: Mapping[str, str] = field(default_factory=dict)  # raw value as text -> word (state names)
    class_id: str = ""
    class_version: int = 1
    connection: str = ""
    address: str = ""  # as the connector knows it
    options: Mapping[str, Any] = field(default_factory=dict)  # decoder, word order, scale of the address
    limits: tuple[Limit, ...] = ()
    supply_of: str = ""  # id of the supply whose health it measures
    x_m: float | None = None  # where the sensor sits; None: at its equipment
    y_m: float | None = None


@dataclass(frozen=True, slots=True)
class PowerBand:
    """One step of a class inferred from power: at or above `above_kw` the unit is in `time_class`."""

    above_kw: float
    time_class: str  # a TimeClass value, or "waiting": starved or blocked, decided by the neighbours


@dataclass(frozen=True, slots=True)
class Equipment:
    """One role in the hierarchy; a work unit if `level` is WorkUnit."""

    id: EquipmentId
    level: str  # ISA-95 EquipmentLevel
    place: Place
    name: str  # what the floor calls it
    class_id: str
    class_name: str
    parent: EquipmentId | None
    state_model: str = ""  # packml | mtconnect | "" (inferred)
    bands: tuple[PowerBand, ...] = ()  # for units without a state signal
    standard_cycle_s: float | None = None
    connection: str = ""  # of the signals that name none, and of its job order receiver
    job_control: str = ""  # node of its job order receiver, as OPC UA writes it; "" = it has none
    calendar: str = ""  # id of its calendar; "" = always planned
    frozen_h: float = 0.0  # so far ahead a published schedule stands
    assets: tuple[str, ...] = ()
    zone: str = ""
    x_m: float | None = None  # centre on the floor plan, metres
    y_m: float | None = None
    width_m: float = 4.0
    depth_m: float = 3.0
    signals: tuple[int, ...] = ()
    described_in: str = ""  # file:line
    aliases: tuple[str, ...] = ()  # what else the floor calls it
    properties: Mapping[str, Any] = field(default_factory=dict)  # batch_size and the like
    asset_roles: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.AssetRole


@dataclass(frozen=True, slots=True)
class Buffer:
    """Space between work units. Its content follows from the good counts on both sides."""

    id: str
    sources: tuple[EquipmentId, ...]
    targets: tuple[EquipmentId, ...]
    capacity: int
    x_m: float | None = None
    y_m: float | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """One way in: a server, a broker, a device, a recorded file."""

    name: str
    connector: str  # name of the plug-in: opcua, mqtt, shdr, modbus-tcp, files
    settings: Mapping[str, Any]
    signals: tuple[int, ...]
    described_in: str = ""
    commander: Mapping[str, Any] = field(default_factory=dict)  # how the commander enters to write


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon on the floor plan, in metres."""

    id: str
    name: str
    polygon: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Supply:
    """An infrastructure relation: `source` serves `targets` with `medium` (air, power, data)."""

    source: str
    medium: str
    targets: tuple[str, ...]
    id: str = ""


@dataclass(frozen=True, slots=True)
class FloorPath:
    """An aisle or a dock: a line with a width."""

    id: str
    name: str
    points: tuple[tuple[float, float], ...]
    width_m: float


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """The building: size in metres and the drawing that lies under our own shapes."""

    width_m: float
    depth_m: float
    drawing: str = ""  # file beside plant.yaml
    walls: tuple[tuple[tuple[float, float], ...], ...] = ()
    paths: tuple[FloorPath, ...] = ()
    drawing_dxf: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """A physical thing with a serial number, and where it is mounted since when."""

    id: str
    name: str
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    mounted_in: str = ""
    mounted_since: str = ""
    kind: str = ""
    role: str = ""  # of the asset roles of what it is mounted in; "" = the equipment itself, or hung on it
    stored_in: str = ""  # where it lies, if it is not mounted


@dataclass(frozen=True)
class Registry:
    """The whole plant as one hashed value."""

    hash: str  # SHA-256 of the canonical content, hex
    valid_from_ns: int
    enterprise: str
    site: str
    name: str
    time_zone: str  # IANA
    folder: str
    equipment: Mapping[EquipmentId, Equipment]
    signals: tuple[Signal, ...]
    connections: Mapping[str, Connection]
    buffers: tuple[Buffer, ...] = ()
    zones: tuple[Zone, ...] = ()
    supplies: tuple[Supply, ...] = ()
    assets: Mapping[str, Asset] = field(default_factory=dict)
    floor: FloorPlan | None = None
    limits: tuple[Limit, ...] = ()
    calendars: Mapping[str, Any] = field(default_factory=dict)  # id -> plant.calendars.Calendar
    products: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.Product
    routings: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.Routing
    rework_routes: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.ReworkRoute
    tools: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.Tool
    gauges: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.Gauge
    spare_parts: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.SparePart
    maintenance_plans: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.MaintenancePlan
    characteristics: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.Characteristic
    defects: Mapping[str, Any] = field(default_factory=dict)  # code -> schema.Defect
    stop_reasons: Mapping[str, Any] = field(default_factory=dict)  # group -> schema.StopGroup
    checklists: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.Checklist
    late_bookings_h: float = 72.0
    personnel_classes: Mapping[str, Any] = field(default_factory=dict)  # id -> schema.PersonnelClass
    people: Mapping[str, Any] = field(default_factory=dict)  # number -> schema.Person
    economics: Any = None  # schema.Economics; None: nothing is known about money
    authority: Mapping[str, Any] = field(default_factory=dict)  # domain -> schema.AuthorityRule
    interlocks: Mapping[str, Any] = field(default_factory=dict)  # work unit -> schema.Interlock
    permits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # unit -> command -> schema.Permit
    demo: Mapping[str, Any] = field(default_factory=dict)  # how the demo plays this plant: physics, recording
    plan: Any = None  # schema.Plan; None: the plant as it stands
    plan_routes: tuple[str, ...] = ()  # routings that the plan concerns
    by_id: Mapping[SignalId, Signal] = field(default_factory=dict)
    by_address: Mapping[tuple[str, str], Signal] = field(default_factory=dict)  # (connection, address)

    @property
    def prefix(self) -> str:
        """Return the first digits of the hash, as scans carry them."""
        return self.hash[:HASH_PREFIX]

    @property
    def work_units(self) -> tuple[Equipment, ...]:
        """Return all work units, by id."""
        return tuple(e for _, e in sorted(self.equipment.items()) if e.level == "WorkUnit")
