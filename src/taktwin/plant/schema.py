"""What a plant folder may say: the typed objects of its YAML, field by field.

`load.py` fills these from files, `check.py` compares them with each other, `compile.py` makes the
registry of them. Every section is a mapping by id, so the order of files and entries says nothing.
The words after `Annotated` tell the reader which texts a field takes.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal, get_args

import msgspec


class Kind(Enum):
    """Which texts a field takes; the value is how a person is told."""

    NAME = "a short name of small letters, digits, _ and -, such as turn1"
    IDENTIFIER = "a name of letters, digits, _ and -, such as EA-100"
    PATH = "small letters, digits and _, with / between levels, such as spindle/load"
    TIME_OF_DAY = "a time of day such as 06:00"
    DATE = "a date such as 2026-12-24"


Name = Annotated[str, Kind.NAME]
Identifier = Annotated[str, Kind.IDENTIFIER]
Path = Annotated[str, Kind.PATH]
TimeOfDay = Annotated[str, Kind.TIME_OF_DAY]
Date = Annotated[str, Kind.DATE]

Level = Literal[
    "Area", "ProcessCell", "Unit", "ProductionLine", "WorkCell", "ProductionUnit", "StorageZone",
    "StorageUnit", "WorkCenter", "WorkUnit", "EquipmentModule", "ControlModule", "Other",
]  # fmt: skip
Role = Literal[
    "state", "mode", "set_up", "blocked", "starved", "good_count", "reject_count", "power", "energy", "job",
    "serial", "made_serial", "product", "program", "cycle_time", "alarm_code", "alarm_active", "process",
    "condition", "ambient", "occupancy", "tool", "result", "heartbeat",
]  # fmt: skip
ValueType = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
    "string", "bytes", "datetime", "array",
]  # fmt: skip
StopElement = Literal["delay_own", "blocked", "starved", "set_up", "down_no_order", "planned_down"]
ROLES: dict[str, str] = {
    "state": "the unit's state: a PackML number or an MTConnect word; at most one",
    "mode": "the unit's mode: PackML UnitModeCurrent or MTConnect ControllerMode",
    "set_up": "true while the unit is being set up",
    "blocked": "true while it cannot hand on",
    "starved": "true while it waits for parts",
    "good_count": "good parts since ever: a counter that never resets",
    "reject_count": "rejected parts since ever",
    "power": "electric power now",
    "energy": "electric energy since ever",
    "job": "the job order in work",
    "serial": "the serial number in work",
    "made_serial": "the serial number of what a joining unit makes of the part in work",
    "product": "the product in work",
    "program": "the program in the controller",
    "cycle_time": "the time of the last cycle",
    "alarm_code": "the machine's own alarm number",
    "alarm_active": "true while the machine reports an alarm",
    "process": "a value of the process",
    "condition": "a value that tells how the asset is: vibration, temperature, a condition",
    "ambient": "a value of the surroundings",
    "occupancy": "how many people are here; counts, never identities",
    "tool": "a tool in use or its life",
    "result": "what was measured on one part: a number, a curve",
    "heartbeat": "a value that changes as long as the source lives",
}
VALUE_TYPES: tuple[str, ...] = get_args(ValueType)
NUMBER_TYPES = frozenset(
    {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"}
)
StateModel = Literal["packml", "mtconnect"]
InferredClass = Literal["production", "waiting", "down_no_order", "delay_own", "set_up", "planned_down"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything that a plant folder describes."""


class AlarmDefinition(Described, frozen=True, kw_only=True):
    """An alarm on a signal (ISA-18.2): exactly one of `high`, `low`, `machine`.

    Texts may hold `{equipment}`, `{name}`, `{signal}`, `{zone}`.
    """

    high: float | None = None  # alarm above this value
    low: float | None = None  # alarm below this value
    machine: bool = False  # the signal is a level-2 alarm bit
    hysteresis: float = 0.0  # how far back the value must be before the alarm ends
    delay_s: float = 0.0  # how long the value must be beyond the limit
    priority: Literal[1, 2, 3]  # 1 act now, 2 act soon, 3 look at it
    message: str  # what is wrong
    consequence: str  # what happens if nobody acts
    response: str  # what the owner has to do
    owner_role: Name  # personnel class
    medium: str = ""  # group with the source that serves this equipment with the medium
    cause: str = ""  # or with this equipment or supply
    machine_acknowledge: bool = False  # the machine wants an acknowledgement of its own
    suppress_planned_down: bool = False  # suppressed by design while the unit is planned down
    in_service: bool = True  # False: out of service, listed but never raised to anybody


class Position(Described, frozen=True, kw_only=True):
    """A point on the floor plan, metres from the north-west corner: x to the east, y to the south."""

    x_m: float
    y_m: float


class Size(Described, frozen=True, kw_only=True):
    """What a thing covers on the floor plan."""

    width_m: float
    depth_m: float


class SignalDefinition(Described, frozen=True, kw_only=True):
    """One signal as a class declares it, or as equipment adds it."""

    name: str = ""  # for people; "" = made from the path
    role: Role  # what it means, see Roles
    type: ValueType
    unit: str = ""  # UCUM
    minimum: float | None = None  # below it the value is refused
    maximum: float | None = None
    allow_not_finite: bool = False  # NaN and infinity are values
    period_s: float | None = None  # expected period; absent: on change, vouched for by the connection
    deadband: float = 0.0  # smaller changes are not sent on
    must_move_s: float | None = None  # frozen if it stays the same for longer
    decimals: int | None = None  # how many people read
    words: dict[str, str] = {}  # raw value -> word
    connection: str = ""  # "" = that of the equipment
    address: str = ""  # may be a pattern; "" = the connection's pattern
    options: dict[str, Any] = {}  # of the address: decoder, scale, word order
    supply: str = ""  # id of the supply whose health this signal measures
    position: Position | None = None  # of the sensor
    alarms: dict[Name, AlarmDefinition] = {}


class SignalChange(Described, frozen=True, kw_only=True):
    """What one equipment says otherwise about a signal of its class; what is absent stays.

    With `role` and `type` it is a signal that this equipment has on top of its class.
    """

    name: str | None = None
    role: Role | None = None
    type: ValueType | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    allow_not_finite: bool | None = None
    period_s: float | None = None
    deadband: float | None = None
    must_move_s: float | None = None
    decimals: int | None = None
    words: dict[str, str] | None = None
    connection: str | None = None
    address: str | None = None
    options: dict[str, Any] | None = None
    supply: str | None = None
    position: Position | None = None
    alarms: dict[Name, AlarmDefinition] | None = None
    absent: bool = False  # this equipment does not have the signal


class PowerStep(Described, frozen=True, kw_only=True):
    """At or above `above_kw` the unit is in `class`; `waiting` = starved or blocked, as neighbours show."""

    above_kw: float
    time_class: InferredClass = msgspec.field(name="class")


class AssetRole(Described, frozen=True, kw_only=True):
    """What a physical asset does in equipment of a class: its spindle, its robot, its drive."""

    name: str
    kinds: list[Name] = []  # of assets that fit; [] = any
    needed: bool = False  # no job order begins while the asset that was there is out


class EquipmentClass(Described, frozen=True, kw_only=True):
    """A class of equipment: what each of its members speaks."""

    name: str
    extends: list[Name] = []  # the last one wins, this class over all
    abstract: bool = False  # only for other classes to extend
    version: int = 1  # part of the mirror's topics: a breaking change is a new version
    level: Level = "WorkUnit"
    state_model: StateModel | None = None  # what its state signal speaks
    infer: list[PowerStep] = []  # for units without a state signal
    size: Size | None = None
    asset_roles: dict[Name, AssetRole] = {}  # what physical assets do in it
    properties: dict[str, Any] = {}  # batch_size, short_stop_s and the like
    signals: dict[Path, SignalDefinition] = {}


class Equipment(Described, frozen=True, kw_only=True):
    """One role in the hierarchy: an area, a line, a work unit, a module."""

    equipment_class: str = msgspec.field(name="class", default="")
    level: Level | None = None  # for equipment without a class
    parent: str = ""  # "" = directly below the site
    name: str  # what the floor calls it
    aliases: list[str] = []  # what else the floor calls it
    connection: str = ""  # for the signals that name none
    variables: dict[str, Any] = {}  # numbers and texts for address patterns
    calendar: str = ""  # "" = that of what it belongs to
    frozen_h: float | None = (
        None  # hours ahead for which a published schedule stands; None: as what it belongs to
    )
    standard_cycle_s: float | None = None
    # Node of its ISA-95 job order receiver, on the OPC UA server of its connection; "" = it has none.
    job_control: str = ""
    position: Position | None = None
    size: Size | None = None
    infer: list[PowerStep] = []
    properties: dict[str, Any] = {}
    signals: dict[Path, SignalChange] = {}  # what differs from the class, and what comes on top


class Connection(Described, frozen=True, kw_only=True):
    """One way in. `settings` belong to the connector; a secret in them is `env:NAME` or `file:NAME`."""

    connector: str  # opcua, modbus-tcp, mqtt, shdr, files, or one of your own
    name: str = ""
    endpoint: str = ""  # opc.tcp://..., tcp://..., mqtt://...
    address: str = ""  # pattern for the addresses of signals that declare none
    options: dict[str, Any] = {}  # for every address
    settings: dict[str, Any] = {}
    commander: dict[str, Any] = {}  # how the commander enters to write: user, password, certificate


class Asset(Described, frozen=True, kw_only=True):
    """A physical thing with a serial number (ISA-95 PhysicalAsset)."""

    name: str
    kind: str = ""  # what it is: spindle, robot, motor; a role of a class may want one kind
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    mounted_in: str = ""  # equipment
    role: str = ""  # which of its asset roles it fulfils; "" = it is the equipment itself, or hangs on it
    mounted_since: Date | None = None
    stored_in: str = ""  # a storage zone or unit, where it is not mounted


class Buffer(Described, frozen=True, kw_only=True):
    """Space for parts between work units."""

    name: str = ""
    sources: list[str]
    targets: list[str]
    capacity: int  # parts
    position: Position | None = None


class Supply(Described, frozen=True, kw_only=True):
    """An infrastructure relation: `source` serves `targets` with `medium`."""

    source: str  # equipment
    medium: str  # air, power, water, ...
    targets: list[str]  # equipment; a line stands for all that belongs to it


class Zone(Described, frozen=True, kw_only=True):
    """A polygon on the floor plan."""

    name: str
    polygon: list[list[float]]  # [[x, y], ...] in metres


class FloorPath(Described, frozen=True, kw_only=True):
    """An aisle or a dock: a line with a width."""

    name: str
    points: list[list[float]]
    width_m: float = 2.0


class Floor(Described, frozen=True, kw_only=True):
    """The building."""

    width_m: float
    depth_m: float
    drawing: str = ""  # SVG, PDF or image beside plant.yaml
    drawing_dxf: str = ""  # the same for CAD
    walls: list[list[list[float]]] = []  # lines of points
    paths: dict[Name, FloorPath] = {}


class Break(Described, frozen=True, kw_only=True):
    """A pause within a shift: nothing is planned."""

    start: TimeOfDay = msgspec.field(name="from")
    end: TimeOfDay = msgspec.field(name="to")


class Shift(Described, frozen=True, kw_only=True):
    """A shift by local time; one that ends at or before its start ends on the next day."""

    name: str
    start: TimeOfDay = msgspec.field(name="from")
    end: TimeOfDay = msgspec.field(name="to")
    days: list[Weekday]  # on which it starts
    planned: bool = True  # False: people are here, but production is not planned (maintenance)
    breaks: list[Break] = []


class Calendar(Described, frozen=True, kw_only=True):
    """When something is planned to run."""

    name: str
    always: bool = False
    production_day_starts: TimeOfDay = "00:00"  # local time
    shifts: dict[Name, Shift] = {}
    closed: list[Date] = []  # shifts that start on these days do not take place


class PersonnelClass(Described, frozen=True, kw_only=True):
    """A role of people: owner of alarms, operator of classes of equipment."""

    name: str
    people: int = 0
    qualified_for: list[str] = []  # equipment classes


class Person(Described, frozen=True, kw_only=True):
    """Somebody's qualifications, under a number and never a name."""

    classes: list[str]  # personnel classes
    shift_group: str = ""


class BillItem(Described, frozen=True, kw_only=True):
    """One line of a bill of material."""

    product: str
    quantity: float
    unit: str = "{part}"


class Product(Described, frozen=True, kw_only=True):
    """Something made or bought (ISA-95 MaterialDefinition)."""

    name: str
    make: bool  # false: it is bought
    serialised: bool = False  # each unit has a serial number
    lots: bool = False  # it is tracked by lot
    unit: str = "{part}"
    bill_of_material: list[BillItem] = []
    routing: str = ""
    setup_family: str = ""


class Parameter(Described, frozen=True, kw_only=True):
    """A parameter of an operation with its limits; with a `signal` it is loaded before a job order begins."""

    target: float
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    signal: str = ""  # path of the set point at the work units of the operation
    tolerance: float = 0.0  # how far what the machine says afterwards may be off
    at: dict[Name, float] = {}  # work unit -> its own target


class Operation(Described, frozen=True, kw_only=True):
    """One segment of a routing."""

    name: str
    equipment_class: str = msgspec.field(name="class")
    equipment: list[str] = []  # only these; [] = any of the class
    standard_time_s: float
    batch: int = 1  # parts at once
    setup_s: float = 0.0  # on a change of setup family
    skills: list[str] = []
    tools: list[str] = []
    consumes: list[str] = []  # of the bill of material; where no operation says so, the first takes all
    parameters: dict[str, Parameter] = {}


class Routing(Described, frozen=True, kw_only=True):
    """The operations that make a product, in order."""

    name: str
    operations: list[Operation]


class ReworkStep(Described, frozen=True, kw_only=True):
    """One step of a rework route."""

    name: str
    equipment_class: str = msgspec.field(name="class")  # where it is done


class ReworkRoute(Described, frozen=True, kw_only=True):
    """Steps that a unit takes out of its route, and the operation from which it goes on."""

    name: str
    products: list[str]
    steps: list[ReworkStep]
    back_to: str  # name of an operation of each product's routing: it and all behind it are passed again


class InstructionStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a work instruction."""

    title: str
    text: str = ""
    picture: str = ""  # a file beside the instruction: .svg, .png, .jpg, .webp


class WorkInstruction(msgspec.Struct, frozen=True, kw_only=True):
    """How an operation is done: a file of the folder `documents/`, whose name is the document's.

    No part of the plant and of its hash: a word put right in it changes no machine.
    """

    title: str
    products: list[str]
    operation: str  # its name in the routing
    required: bool = False  # nobody begins there who has not read the revision that is in force
    steps: list[InstructionStep]
    pdf: str = ""  # a file beside the instruction


class Tool(Described, frozen=True, kw_only=True):
    """A kind of tool with a life, or of fixture, which is inspected instead of worn out."""

    name: str
    life_parts: int | None = None  # absent: it does not wear out by parts
    service_every_parts: int | None = None  # dressing, regrinding in place
    fixture: bool = False  # it holds the part, and does not cut it
    inspect_every_parts: int | None = None  # nothing begins with it once its inspection is due
    inspect_every_days: int | None = None


class Gauge(Described, frozen=True, kw_only=True):
    """A kind of gauge: what measures, and for how long its calibration holds."""

    name: str
    calibrate_every_days: int


class SparePart(Described, frozen=True, kw_only=True):
    """A part number of the maintenance store."""

    name: str
    minimum: int = 0  # in stock; below it somebody has to order


class MaintenancePlan(Described, frozen=True, kw_only=True):
    """Preventive maintenance of work units: after so many parts, so many hours, or what comes first."""

    name: str  # what is to be done
    equipment: list[str]  # work units; each has its own interval
    every_parts: int | None = None  # good and rejected ones
    every_h: float | None = None  # of the calendar, standing still or not
    stops: bool = True  # no job order may begin there while it is done
    spare_parts: dict[str, int] = {}  # what it usually takes


class Characteristic(Described, frozen=True, kw_only=True):
    """A quality characteristic with its specification limits."""

    name: str
    products: list[str]
    unit: str = ""
    nominal: float | None = None
    lower: float | None = None
    upper: float | None = None
    measured_by: str = ""  # equipment class
    signal: str = ""  # path below that equipment
    sample_every: int = 1  # parts, where people measure
    attribute: bool = False  # a yes or no instead of a number: it has no limits
    minimum: float | None = None  # what nobody can have measured is refused:
    maximum: float | None = None  # absent = ten tolerance widths beyond the limits


class Defect(Described, frozen=True, kw_only=True):
    """A defect code: what people report scrap with, in the plant's own words."""

    name: str
    classes: list[str] = []  # equipment classes at which it is seen; [] = all
    products: list[str] = []  # products that have it; [] = all


class StopReason(Described, frozen=True, kw_only=True):
    """Why a machine stands, and to which element of ISO 22400 that time then belongs."""

    name: str
    planned: bool = False  # somebody meant it to stand
    element: StopElement = "delay_own"  # planned_down takes the time out of planned busy time
    classes: list[str] = []  # equipment classes at which it is asked for; [] = all
    machine_codes: list[str] = []  # the machine's own codes that recommend it


class StopGroup(Described, frozen=True, kw_only=True):
    """A branch of the tree of stop reasons: the first of the two touches at the terminal."""

    name: str
    reasons: dict[Name, StopReason]  # a code is unique in the plant


class ChecklistItem(Described, frozen=True, kw_only=True):
    """One thing that a person does or answers."""

    text: str  # what is to be done, or asked
    kind: Literal["step", "yes_no", "number", "text", "photo"] = "step"
    unit: str = ""  # UCUM, of a number
    lower: float | None = None  # of a number: what is beyond is not as it should be
    upper: float | None = None
    optional: bool = False


class Checklist(Described, frozen=True, kw_only=True):
    """What people do by hand at an operation, once a job order."""

    name: str
    operation: str  # its name in the routing
    products: list[str] = []  # [] = all
    required: bool = (
        False  # the job order is not completed before all but the optional ones are as they should be
    )
    items: dict[Name, ChecklistItem]  # in their order


class Economics(Described, frozen=True, kw_only=True):
    """Money, as far as it is known; what is absent is unknown, and figures then say so."""

    currency: str = "EUR"
    contribution_per_part: dict[str, float] = {}
    scrap_cost_per_part: dict[str, float] = {}
    labour_per_h: float | None = None
    energy_per_kwh: float | None = None
    peak_power_per_kw_month: float | None = None
    contract_power_kw: float | None = None
    stop_cost_per_h: dict[str, float] = {}  # equipment id -> money
    tool_cost: dict[str, float] = {}  # kind of tool -> money for a new one, or a new edge


class Permit(Described, frozen=True, kw_only=True):
    """What one command may do at one work unit. What is not listed, the commander refuses."""

    writes: list[Path] = []  # signals of the work unit that the command may write
    methods: list[str] = []  # of job control, for a command that calls them


class Interlock(Described, frozen=True, kw_only=True):
    """A work unit that asks before it builds a part in, and what its signals are called.

    It writes the serial number and then a new request number; the answer is written before the number
    that it answers. A cell that hears nothing in time builds nothing in.
    """

    request: Path = "interlock/request"  # a whole number: another one than before is a question
    serial: Path = "interlock/serial"  # of the part that it asks about
    answer: Path = "interlock/answer"  # 1 = it may be built in; see contracts.interlock
    answer_serial: Path = "interlock/answer_serial"  # the serial number that is answered
    answered: Path = "interlock/answered"  # the request number that is answered, written last
    patience_s: float = 5.0  # after so long the cell has given up, and is told nothing
    without_job: Literal["refuse", "let"] = "refuse"  # what is answered where no job order runs


class AuthorityRule(Described, frozen=True, kw_only=True):
    """Who is right about a domain of data."""

    authority: Literal["mes", "erp", "plm", "qms", "l2", "twin", "ai", "cmms"]
    peers: list[str] = []
    tolerance: dict[str, Any] = {}  # {abs: 1, rel: 0.002} | {zone: true}; {} = exact
    max_age_s: float | None = None
    window_s: float | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a work unit that nobody has measured yet; its times are the standard times."""

    good: float = 1.0  # share of the parts that pass
    work_cv: float = 0.1  # standard deviation of a part's time over its standard time; 0 = always the same
    fails_every_h: float | None = None  # of work, on the average; absent: it does not fail
    repair_min: float = 10.0  # on the average


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a plant that is not built yet: the file `plan.yaml` of a folder of its own.

    The files that it includes hold sections as those of a plant. An entry in them takes the place of the
    plant's entry of that id, whole, or is a new one.
    """

    of: str  # folder of the plant that it changes, seen from this one
    name: str  # what people call the change
    include: list[str] = []  # files or patterns, inside this folder
    planned: list[str] = []  # work units that it adds: they do not exist yet
    without: dict[str, list[str]] = {}  # section -> ids of the plant's entries that fall away
    expected: dict[Name, Expected] = {}  # work unit -> what is expected of it


class Plant(Described, frozen=True, kw_only=True):
    """A whole plant folder."""

    enterprise: Name  # first level of every topic
    site: Name  # second level of every topic
    name: str  # what people call the plant
    time_zone: str  # IANA, such as Europe/Vienna: for shifts and display
    description: str = ""
    include: list[str] = []  # files or patterns such as classes/*.yaml, inside the folder
    floor: Floor | None = None
    zones: dict[Name, Zone] = {}
    classes: dict[Name, EquipmentClass] = {}
    equipment: dict[Name, Equipment] = {}
    assets: dict[Identifier, Asset] = {}
    connections: dict[Name, Connection] = {}
    buffers: dict[Name, Buffer] = {}
    supplies: dict[Name, Supply] = {}
    calendars: dict[Name, Calendar] = {}
    personnel_classes: dict[Name, PersonnelClass] = {}
    people: dict[Identifier, Person] = {}
    products: dict[Identifier, Product] = {}
    routings: dict[Identifier, Routing] = {}
    rework_routes: dict[Name, ReworkRoute] = {}
    tools: dict[Name, Tool] = {}
    gauges: dict[Name, Gauge] = {}
    spare_parts: dict[Identifier, SparePart] = {}
    maintenance_plans: dict[Name, MaintenancePlan] = {}
    characteristics: dict[Name, Characteristic] = {}
    defects: dict[Name, Defect] = {}
    stop_reasons: dict[Name, StopGroup] = {}
    checklists: dict[Name, Checklist] = {}
    late_bookings_h: float = 72.0  # how old what a terminal kept may be when it comes
    economics: Economics | None = None
    authority: dict[str, AuthorityRule] = {}
    interlocks: dict[Name, Interlock] = {}  # work unit -> how it asks
    permits: dict[Name, dict[str, Permit]] = {}  # work unit -> command to machines -> what it may do
    demo: dict[str, Any] = {}  # how the demo plays this plant: physics, recording, people
