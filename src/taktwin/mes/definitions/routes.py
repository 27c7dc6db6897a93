"""Products and routes: the registry's operations with their work units and what goes in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taktwin.identity import part_of
from taktwin.instants import SECOND_NS
from taktwin.mes.definitions.inspection import Characteristic, Defect, characteristic
from taktwin.mes.definitions.instructions import DocumentFolder, Files, MemoryFiles
from taktwin.plant.calendars import Calendar
from taktwin.plant.check_assets import STORES
from taktwin.plant.registry import Asset, Registry
from taktwin.plant.routes import consumed, number_of, place_of, work_units_of
from taktwin.plant.schema import (
    AssetRole,
    Checklist,
    Gauge,
    Interlock,
    MaintenancePlan,
    ReworkRoute,
    SparePart,
    Tool,
)

SHORT_STOP_S = 120.0  # where the plant says nothing: after two minutes a stop wants a reason
TELLS = ("state", "mode", "set_up", "blocked", "starved", "alarm_code")  # roles that tell a unit's state
HOLDERS = ("Area", "ProductionLine", "WorkCenter", "ProcessCell", "ProductionUnit")  # no things, but places
HOUR_NS = 3_600_000_000_000
DOMAIN = "product.definition"  # of the plant folder's authority


@dataclass(frozen=True, slots=True)
class Component:
    """Something that goes into one part."""

    product: str
    quantity: float
    unit: str
    lots: bool  # tracked by lot
    serialised: bool = False  # each has a number of its own


@dataclass(frozen=True, slots=True)
class SetPoint:
    """A parameter that a machine must hold before a job order begins there."""

    name: str
    signal: str  # path below the work unit
    unit: str
    target: float
    tolerance: float
    at: Mapping[str, float]  # work unit -> its own target

    def wanted(self, work_unit: str) -> float:
        """Return the target at a work unit."""
        return self.at.get(work_unit, self.target)


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a route."""

    number: int
    name: str
    equipment_class: str
    work_units: tuple[str, ...]
    standard_time_s: float  # of a part, or of a batch
    batch: int  # parts at once
    setup_s: float  # on a change of set-up family
    components: tuple[Component, ...]
    skills: tuple[str, ...]
    last: bool
    tools: tuple[str, ...] = ()  # kinds of tools that it needs
    set_points: tuple[SetPoint, ...] = ()  # loaded before a job order begins
    segment: str = ""  # what its sender calls it; "": its number


@dataclass(frozen=True, slots=True)
class Definition:
    """One product that is made here."""

    product: str
    name: str
    serialised: bool
    setup_family: str
    operations: tuple[Operation, ...]
    version: str = ""  # "": the plant folder's

    def operation(self, number: int) -> Operation:
        """Return the operation of a number, which a job order of ours always has."""
        place = place_of(number)  # where our own numbering puts it
        if 0 <= place < len(self.operations) and self.operations[place].number == number:
            return self.operations[place]
        return next(each for each in self.operations if each.number == number)


@dataclass(frozen=True, slots=True)
class Machine:
    """What tells the state of a work unit; one without such a signal is not here."""

    work_unit: str
    model: str  # packml | mtconnect
    connection: str
    signals: Mapping[str, str]  # signal id -> its role
    short_stop_ns: int  # a stop below it needs no reason


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason of a stop, as the plant folder has it."""

    code: str
    name: str
    group: str
    group_name: str
    planned: bool
    element: str  # the time class to which the stop's time then belongs
    classes: tuple[str, ...]  # () = all
    machine_codes: tuple[str, ...]

    def asked_at(self, equipment_class: str) -> bool:
        """Return whether it is asked for at a class of equipment."""
        return not self.classes or equipment_class in self.classes


@dataclass(frozen=True, slots=True)
class Role:
    """What a physical asset does in equipment: `turn1/spindle`, or `furnace1`, the whole of it."""

    role: str
    equipment: str
    name: str
    kinds: tuple[str, ...]  # that fit; () = any
    needed: bool  # nothing begins there while what fulfilled it is out


@dataclass(frozen=True, slots=True)
class Tracking:
    """How a product is counted and followed, as the plant folder has it."""

    made: bool  # here; else it is bought
    unit: str
    lots: bool
    serialised: bool


@dataclass(frozen=True, slots=True)
class Definitions:
    """All that the MES knows of the plant, from the compiled registry."""

    products: Mapping[str, Definition]
    materials: Mapping[str, str]  # every product, bought ones too -> its name
    work_units: Mapping[str, str]  # id -> the floor's name
    counters: Mapping[str, tuple[str, str]]  # signal id -> (work unit, good | reject)
    serials: Mapping[str, str]  # signal id of the serial number -> work unit
    joined: Mapping[str, str]  # signal id of the serial number of what a joining cell makes -> work unit
    made: Mapping[str, str]  # signal id of the product in work -> work unit
    people: Mapping[str, tuple[str, ...]]  # number -> personnel classes
    shift_groups: Mapping[str, str]  # number -> shift group
    skills: Mapping[str, str]  # personnel class -> its name
    calendars: Mapping[str, Calendar | None]  # work unit -> when it is planned to run; None: always
    documents: DocumentFolder  # the work instructions as they are written now
    plan: Mapping[str, Characteristic]  # the inspection plan, by characteristic
    measures: Mapping[str, tuple[str, tuple[str, ...]]]  # signal id -> (work unit, its characteristics)
    defects: tuple[Defect, ...]  # () = the plant lists none
    tools: Mapping[str, Tool] = field(default_factory=dict)  # kinds of tools
    tools_at: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # work unit -> kinds it works with
    gauges: Mapping[str, Gauge] = field(default_factory=dict)  # kinds of gauges
    receivers: frozenset[str] = frozenset()  # work units whose machine takes job orders by itself
    spare_parts: Mapping[str, SparePart] = field(default_factory=dict)  # part number -> what it is
    maintenance_plans: Mapping[str, MaintenancePlan] = field(default_factory=dict)
    machines: Mapping[str, Machine] = field(default_factory=dict)  # work unit -> what tells its state
    reasons: Mapping[str, Reason] = field(default_factory=dict)  # code -> why a machine stands
    units_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # line -> its work units
    cycles_s: Mapping[str, float] = field(default_factory=dict)  # work unit -> its standard cycle
    places: Mapping[str, str] = field(default_factory=dict)  # equipment -> part of the hierarchy
    site: str = ""  # enterprise/site
    interlocks: Mapping[str, tuple[str, Interlock]] = field(default_factory=dict)  # signal of the request
    asked_serials: Mapping[str, str] = field(default_factory=dict)  # work unit -> signal of the serial number
    classes: Mapping[str, str] = field(default_factory=dict)  # work unit -> its equipment class
    rework_routes: Mapping[str, ReworkRoute] = field(default_factory=dict)
    checklists: Mapping[str, Checklist] = field(default_factory=dict)
    late_ns_max: int = 72 * HOUR_NS  # how old what a terminal kept may be when it comes
    frozen_ns: Mapping[str, int] = field(default_factory=dict)  # work unit -> so far ahead its plan stands
    lines: Mapping[str, str] = field(default_factory=dict)  # work unit -> the name of what it belongs to

    stores: Mapping[str, str] = field(default_factory=dict)  # storage zones and units -> the floor's name
    asset_roles: Mapping[str, Role] = field(default_factory=dict)
    assets: Mapping[str, Asset] = field(default_factory=dict)  # that the plant folder names
    tracking: Mapping[str, Tracking] = field(default_factory=dict)  # every product, bought ones too
    owner: str = "mes"  # of definitions: `erp` or `plm` where what they send needs no approval

    def inspected(self, product: str, equipment_class: str) -> tuple[Characteristic, ...]:
        """Return what is measured on a product at work units of a class."""
        return tuple(
            each
            for each in self.plan.values()
            if each.equipment_class == equipment_class and product in each.products
        )


def compiled(registry: Registry, files: Files | None = None) -> Definitions:
    """Return the definitions of a plant; `files` keeps what released documents show (None: in memory)."""
    units = {unit.id: unit for unit in registry.work_units}
    by_class: dict[str, list[str]] = {}
    for unit in units.values():
        by_class.setdefault(unit.class_id, []).append(unit.id)
    products: dict[str, Definition] = {}
    for name, product in sorted(registry.products.items()):
        if not product.make or product.routing not in registry.routings:
            continue
        items = {item.product: item for item in product.bill_of_material}
        route = registry.routings[product.routing].operations
        operations = []
        for number, step in enumerate(route):
            components = tuple(
                Component(
                    each,
                    items[each].quantity,
                    items[each].unit,
                    registry.products[each].lots,
                    registry.products[each].serialised,
                )
                for each in consumed(product, route, number)
            )
            operations.append(
                Operation(
                    number=number_of(number), name=step.name, equipment_class=step.equipment_class,
                    work_units=work_units_of(registry, step),
                    standard_time_s=step.standard_time_s, batch=step.batch, setup_s=step.setup_s,
                    components=components,
                    skills=tuple(step.skills), last=number == len(route) - 1, tools=tuple(step.tools),
                    set_points=tuple(
                        SetPoint(key, each.signal, each.unit, each.target, each.tolerance, each.at)
                        for key, each in sorted(step.parameters.items()) if each.signal
                    ),
                )
            )  # fmt: skip
        products[name] = Definition(name, product.name, product.serialised, product.setup_family,
                                    tuple(operations))  # fmt: skip
    tools_at: dict[str, tuple[str, ...]] = {}
    for step in (step for made in products.values() for step in made.operations if step.tools):
        for unit_id in step.work_units:
            tools_at[unit_id] = tuple(sorted({*tools_at.get(unit_id, ()), *step.tools}))
    plan = {name: characteristic(name, each) for name, each in sorted(registry.characteristics.items())}
    measures: dict[str, tuple[str, tuple[str, ...]]] = {}
    for each in plan.values():
        for place in by_class.get(each.equipment_class, []) if each.signal else []:
            before = measures.get(f"{place}/{each.signal}", (place, ()))[1]
            measures[f"{place}/{each.signal}"] = (place, (*before, each.id))
    roles = {"good_count": "good", "reject_count": "reject"}
    return Definitions(
        products=products,
        materials={name: product.name for name, product in sorted(registry.products.items())},
        work_units={unit.id: unit.name for unit in registry.work_units},
        counters={s.id: (s.equipment, roles[s.role]) for s in registry.signals if s.role in roles},
        serials={s.id: s.equipment for s in registry.signals if s.role == "serial"},
        joined={s.id: s.equipment for s in registry.signals if s.role == "made_serial"},
        made={s.id: s.equipment for s in registry.signals if s.role == "product"},
        plan=plan,
        measures=measures,
        defects=tuple(
            Defect(code, each.name, tuple(each.classes), tuple(each.products))
            for code, each in registry.defects.items()
        ),
        people={number: tuple(person.classes) for number, person in sorted(registry.people.items())},
        shift_groups={number: person.shift_group for number, person in sorted(registry.people.items())},
        skills={name: each.name for name, each in sorted(registry.personnel_classes.items())},
        calendars={
            unit.id: registry.calendars[unit.calendar] if unit.calendar else None
            for unit in registry.work_units
        },
        receivers=frozenset(unit.id for unit in registry.work_units if unit.job_control),
        tools=registry.tools, tools_at=tools_at, gauges=registry.gauges,
        spare_parts=registry.spare_parts, maintenance_plans=registry.maintenance_plans,
        interlocks={f"{unit}/{each.request}": (unit, each) for unit, each in registry.interlocks.items()},
        asked_serials={unit: f"{unit}/{each.serial}" for unit, each in registry.interlocks.items()},
        classes={unit.id: unit.class_id for unit in registry.work_units},
        rework_routes=registry.rework_routes,
        checklists=registry.checklists, late_ns_max=int(registry.late_bookings_h * HOUR_NS),
        frozen_ns={unit.id: round(unit.frozen_h * 3600e9) for unit in registry.work_units},
        lines={
            each.id: registry.equipment[each.parent].name if each.parent else ""
            for each in registry.work_units
        },
        documents=DocumentFolder(registry, files or MemoryFiles()),
        machines=_machines(registry), reasons=_reasons(registry),
        units_of={
            line: tuple(unit.id for unit in registry.work_units if unit.parent == line)
            for line in sorted({unit.parent for unit in registry.work_units if unit.parent})
        },
        cycles_s={
            unit.id: unit.standard_cycle_s for unit in registry.work_units
            if unit.standard_cycle_s is not None
        },
        places={name: part_of(each.place) for name, each in sorted(registry.equipment.items())},
        site=f"{registry.enterprise}/{registry.site}",
        stores={name: each.name for name, each in sorted(registry.equipment.items()) if each.level in STORES},
        asset_roles=_asset_roles(registry), assets=registry.assets,
        tracking={
            name: Tracking(each.make, each.unit, each.lots, each.serialised)
            for name, each in sorted(registry.products.items())
        },
        owner=registry.authority[DOMAIN].authority if DOMAIN in registry.authority else "mes",
    )  # fmt: skip


def _asset_roles(registry: Registry) -> dict[str, Role]:
    found: dict[str, Role] = {}
    for name, each in sorted(registry.equipment.items()):
        if each.level in STORES or each.level in HOLDERS:
            continue
        found[name] = Role(name, name, each.name, (), needed=False)
        for role_id, role in each.asset_roles.items():
            assert isinstance(role, AssetRole), "the schema says so"
            key = f"{name}/{role_id}"
            found[key] = Role(key, name, role.name, tuple(role.kinds), role.needed)
    return found


def _machines(registry: Registry) -> dict[str, Machine]:
    found: dict[str, Machine] = {}
    for unit in registry.work_units:
        here = [registry.signals[index] for index in unit.signals]
        state = next((signal for signal in here if signal.role == "state"), None)
        if state is None or not state.connection:
            continue
        # What comes another way is vouched for by another source: it cannot tell of this one.
        tells = {str(s.id): s.role for s in here if s.role in TELLS and s.connection == state.connection}
        short_s = float(unit.properties.get("short_stop_s", SHORT_STOP_S))
        found[unit.id] = Machine(unit.id, unit.state_model, state.connection, tells, int(short_s * SECOND_NS))
    return found


def _reasons(registry: Registry) -> dict[str, Reason]:
    return {
        code: Reason(
            code, reason.name, group_id, group.name, reason.planned, reason.element, tuple(reason.classes),
            tuple(reason.machine_codes),
        )
        for group_id, group in registry.stop_reasons.items()
        for code, reason in group.reasons.items()
    }  # fmt: skip
