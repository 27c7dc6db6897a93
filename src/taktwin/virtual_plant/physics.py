"""What is true in a virtual plant: rates, strengths and onsets of everything, as data.

In comes the physics file beside the plant folder (YAML); out comes a frozen `Physics`. The rest of
the product never reads this file: a twin has to learn from signals what stands here. Each hidden
cause has a switch `on`; off means that nothing in the plant depends on it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taktwin.virtual_plant.strict import StrictFile, bounded


@dataclass(frozen=True, slots=True)
class Power:
    """Mean electric power of a unit by what it does, kW."""

    production: float = bounded(8.0, 0.0, 5000.0)
    waiting: float = bounded(2.4, 0.0, 5000.0)
    fault: float = bounded(1.2, 0.0, 5000.0)
    off: float = bounded(0.6, 0.0, 5000.0)
    ripple: float = bounded(0.02, 0.0, 0.5)  # relative noise, one sigma


@dataclass(frozen=True, slots=True)
class Trouble:
    """Failures or jams: how often, how long, and what the machine says."""

    every_h: float = bounded(0.0, 0.0, 100_000.0)  # mean operating hours between two; 0: never
    minutes: float = bounded(15.0, 0.01, 10_000.0)  # median duration
    sigma: float = bounded(0.5, 0.0, 3.0)  # of the logarithm of the duration
    code: int = 0  # bounded by the protocol: int32
    text: str = ""
    priority: int = 2


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that wears by parts, and what changing and dressing it costs."""

    life: int = 0  # parts; 0: no tool
    change_s: float = bounded(240.0, 1.0, 7200.0)
    dress_every: int = 0
    dress_s: float = bounded(40.0, 1.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Unit:
    """One work unit of the flow, or one supporting machine (compressor, ventilation, meter)."""

    kind: str = ""
    cycle_s: float = bounded(0.0, 0.0, 100_000.0)  # 0: the standard time of the plant model
    cycle_cv: float = bounded(0.01, 0.0, 1.0)
    set_up_min: float = bounded(0.0, 0.0, 1000.0)
    batch: int = 1
    family: int = 0  # makes only this product family; 0: all
    source: bool = False  # takes new material from the order list
    sink: bool = False  # what leaves it leaves the plant
    reject: float = bounded(0.0, 0.0, 1.0)  # share of parts rejected without any hidden cause
    pneumatic: bool = False
    silent: bool = False  # no state of its own: nothing but a counter and power
    spindle_kw: float = bounded(6.0, 0.0, 500.0)
    spindle_rpm: float = bounded(1800.0, 0.0, 60_000.0)
    load: float = bounded(55.0, 0.0, 150.0)  # percent under production with a fresh tool
    power: Power = field(default_factory=Power)
    failure: Trouble = field(default_factory=Trouble)
    jam: Trouble = field(default_factory=Trouble)
    tool: Tool = field(default_factory=Tool)


@dataclass(frozen=True, slots=True)
class BufferSpace:
    """A buffer that the plant model does not describe."""

    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    capacity: int = 10


@dataclass(frozen=True, slots=True)
class Orders:
    """The plant's own order list, for as long as no MES leads it."""

    families: tuple[int, ...] = (100, 200)
    lot: int = 48  # parts of one job order
    campaign: int = 5  # job orders of one family in a row
    pause_every: int = 7  # job orders; then there is nothing to do for a while; 0: never
    pause_min: float = bounded(9.0, 0.0, 10_000.0)


@dataclass(frozen=True, slots=True)
class Demand:
    """What customers want of a plant that an MES leads: the orders of its ERP."""

    parts_per_week: dict[str, float] = field(default_factory=dict)  # finished product -> mean over a season
    lot: int = 24  # parts of one order
    season: float = bounded(0.08, 0.0, 0.9)  # relative, up and down
    season_weeks: float = bounded(26.0, 1.0, 520.0)
    mix: float = bounded(0.12, 0.0, 0.9)  # relative: products take turns
    week_sigma: float = bounded(0.04, 0.0, 1.0)  # of the logarithm of a week's factor
    rush_share: float = bounded(0.03, 0.0, 1.0)  # of all orders: they come between and are wanted soon
    due_h: float = bounded(60.0, 1.0, 5000.0)  # from the order to its due date
    rush_due_h: float = bounded(24.0, 1.0, 5000.0)
    stock_lots: float = bounded(2.0, 0.0, 100.0)  # of what goes into others, beyond what is wanted


@dataclass(frozen=True, slots=True)
class People:
    """How people of a plant that an MES leads work, without what they do at machines."""

    look_s: float = bounded(10.0, 1.0, 600.0)  # a cell that waits is seen at a multiple of it
    turn_min: float = bounded(10.0, 0.1, 600.0)  # so long an order waits before it goes first
    bring_s: float = bounded(32.0, 1.0, 3600.0)  # mean until a container is there
    containers: dict[str, float] = field(default_factory=dict)  # bought product -> parts it is for
    falls_every_h: float = bounded(1.5, 0.0, 10_000.0)  # a part falls down somewhere; 0: never
    uncoded: float = bounded(0.1, 0.0, 1.0)  # share of stops that nobody gives a reason
    miscoded: float = bounded(0.1, 0.0, 1.0)  # share that gets the reason for everything else
    answer_s: float = bounded(0.2, 0.0, 60.0)  # what an answer of the MES costs a cell


@dataclass(frozen=True, slots=True)
class Ambient:
    """Air in the hall, the same for all zones but for sun and injections."""

    temperature_c: float = bounded(23.5, -30.0, 60.0)
    day_swing_c: float = bounded(2.5, 0.0, 30.0)
    humidity: float = bounded(42.0, 0.0, 100.0)
    sun_zones: tuple[str, ...] = ("zone_a", "zone_c")  # at the west wall
    sun_c: float = bounded(7.5, 0.0, 40.0)


@dataclass(frozen=True, slots=True)
class InsertWear:
    """1: a worn insert drifts the diameter and raises the spindle load; a change resets both."""

    on: bool = True
    kinds: tuple[str, ...] = ("lathe",)
    drift_um: float = bounded(22.0, 0.0, 1000.0)  # at the end of the tool's life
    tolerance_um: float = bounded(25.0, 1.0, 1000.0)
    scatter_um: float = bounded(3.0, 0.0, 100.0)
    load_rise: float = bounded(0.35, 0.0, 3.0)  # relative, at the end of life
    spread: float = bounded(0.0, 0.0, 1.0)  # of the logarithm of how fast an insert wears; 0: all alike


@dataclass(frozen=True, slots=True)
class BearingWear:
    """2: spindle bearings age with load hours; vibration rises before they fail."""

    on: bool = True
    kinds: tuple[str, ...] = ("lathe", "hob", "grind")
    life_h: float = bounded(420.0, 1.0, 1e6)  # Weibull scale, load hours
    shape: float = bounded(3.0, 0.5, 20.0)
    first: dict[str, float] = field(default_factory=dict)  # unit -> load hours left at the start
    warning_h_min: float = bounded(20.0, 0.1, 1000.0)
    warning_h_max: float = bounded(60.0, 0.1, 1000.0)
    rise: float = bounded(4.0, 0.0, 100.0)  # relative to a good bearing, at failure
    repair_min: float = bounded(260.0, 1.0, 10_000.0)
    harmless: tuple[str, ...] = ()  # lightly loaded: the same rise, and nothing fails


@dataclass(frozen=True, slots=True)
class AdhesiveHeat:
    """3: adhesive weakens in a hot zone, much more with lots of one supplier batch."""

    on: bool = True
    zone: str = "zone_c"
    threshold_c: float = bounded(30.0, -30.0, 100.0)
    per_kelvin: float = bounded(0.02, 0.0, 1.0)  # loss of strength per kelvin above
    bad_batch: str = "AD-3-07"
    bad_factor: float = bounded(4.0, 1.0, 100.0)  # the loss is so much larger with the batch
    bad_share: float = bounded(0.2, 0.0, 1.0)  # share of adhesive lots
    lot_parts: int = 120
    leak_below: float = bounded(0.88, 0.0, 1.0)  # relative strength under which a joint leaks


@dataclass(frozen=True, slots=True)
class CompressorValve:
    """4: the compressor's valve wears: pressure sags, pneumatic steps slow down."""

    on: bool = True
    unit: str = "compressor1"
    onset_h: float = bounded(30.0, 0.0, 1e6)
    rise_h: float = bounded(120.0, 1.0, 1e6)  # from onset to the overhaul
    sag_bar: float = bounded(1.4, 0.0, 6.0)
    slow_per_bar: float = bounded(0.14, 0.0, 2.0)
    scatter_per_bar: float = bounded(1.2, 0.0, 10.0)


@dataclass(frozen=True, slots=True)
class TorqueDrift:
    """5: a torque tool drifts out of calibration over two weeks."""

    on: bool = True
    unit: str = "tighten2"
    onset_h: float = bounded(8.0, 0.0, 1e6)
    period_h: float = bounded(336.0, 1.0, 1e6)
    drift: float = bounded(0.09, 0.0, 1.0)  # relative, at the end of the period


@dataclass(frozen=True, slots=True)
class BearingLot:
    """6: some bearing lots are oversize: press force high, later noise high."""

    on: bool = True
    share: float = bounded(1 / 30, 0.0, 1.0)
    lot_parts: int = 40
    oversize_um: float = bounded(8.0, 0.0, 100.0)
    force_per_um: float = bounded(0.045, 0.0, 1.0)
    noise_db_per_um: float = bounded(0.55, 0.0, 10.0)


@dataclass(frozen=True, slots=True)
class DoorSide:
    """7: parts at the furnace's door side run cooler, and show runout after grinding."""

    on: bool = True
    places: int = 6  # of a charge
    cooler_k: float = bounded(6.0, 0.0, 200.0)
    runout_um_per_k: float = bounded(1.1, 0.0, 100.0)
    runout_limit_um: float = bounded(16.0, 0.1, 1000.0)


@dataclass(frozen=True, slots=True)
class OperatorMethod:
    """8: jams depend on how the operator loads, not on who the operator is."""

    on: bool = True
    units: tuple[str, ...] = ("load2", "load3")
    factor: float = bounded(5.0, 1.0, 100.0)  # jams with method B against method A


@dataclass(frozen=True, slots=True)
class OpenDoors:
    """9: the night shift washes with open doors: humidity, then false leak rejects."""

    on: bool = True
    zone: str = "zone_a"
    from_hour: int = 22
    to_hour: int = 6
    humidity: float = bounded(19.0, 0.0, 60.0)  # percentage points
    leak_kinds: tuple[str, ...] = ("leak",)
    false_reject: float = bounded(0.03, 0.0, 1.0)  # at full humidity


@dataclass(frozen=True, slots=True)
class IdleEnergy:
    """10: pumps of waiting machines run on; furnace and compressor start together."""

    on: bool = True
    saved: float = bounded(0.75, 0.0, 1.0)  # share of the waiting power that is pumps
    peak_hours: tuple[float, ...] = (6.0, 14.0, 22.0)
    peak_min: float = bounded(12.0, 0.1, 240.0)
    furnace_kw: float = bounded(90.0, 0.0, 5000.0)
    compressor_kw: float = bounded(32.0, 0.0, 5000.0)


@dataclass(frozen=True, slots=True)
class MesCounting:
    """11: people type one of so many rejects late or twice; the machine's counter is right."""

    on: bool = True
    one_of: int = 400
    late_min: float = bounded(35.0, 0.0, 10_000.0)


@dataclass(frozen=True, slots=True)
class StandardTimes:
    """12: the routing's standard times are wrong on some units: true time over standard."""

    on: bool = True
    factors: dict[str, float] = field(default_factory=lambda: {"hob1": 1.07, "pack5": 1 / 1.12})


@dataclass(frozen=True, slots=True)
class Causes:
    """The hidden causes, numbered as in the documentation of the demo plant."""

    insert_wear: InsertWear = field(default_factory=InsertWear)
    bearing_wear: BearingWear = field(default_factory=BearingWear)
    adhesive_heat: AdhesiveHeat = field(default_factory=AdhesiveHeat)
    compressor_valve: CompressorValve = field(default_factory=CompressorValve)
    torque_drift: TorqueDrift = field(default_factory=TorqueDrift)
    bearing_lot: BearingLot = field(default_factory=BearingLot)
    door_side: DoorSide = field(default_factory=DoorSide)
    operator_method: OperatorMethod = field(default_factory=OperatorMethod)
    open_doors: OpenDoors = field(default_factory=OpenDoors)
    idle_energy: IdleEnergy = field(default_factory=IdleEnergy)
    mes_counting: MesCounting = field(default_factory=MesCounting)
    standard_times: StandardTimes = field(default_factory=StandardTimes)


@dataclass(frozen=True, slots=True)
class Physics:
    """The whole truth about a virtual plant, before chance."""

    physics: int = 1  # version of this format
    warm_up_h: float = bounded(9.0, 0.0, 1000.0)  # a live plant has been running for so long
    kinds: dict[str, Unit] = field(default_factory=dict)  # what units of a kind have in common
    units: dict[str, Unit] = field(default_factory=dict)
    buffers: dict[str, BufferSpace] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    demand: Demand = field(default_factory=Demand)
    people: People = field(default_factory=People)
    ambient: Ambient = field(default_factory=Ambient)
    causes: Causes = field(default_factory=Causes)


_KINDS = """
lathe hob deburr wash furnace grind load adhesive press tighten leak vision eol pack compressor hvac meter
"""
KINDS = frozenset(_KINDS.split())


def load(path: str | Path) -> Physics:
    """Return the physics of a file.

    Raises
    ------
    ConfigError
        With every mistake: file, line, field, what was found, what would be right.
    """
    source = StrictFile(Path(path))
    document = source.document
    if isinstance(document, dict):
        _inherit(document, source)
    physics = source.build(Physics, document)
    if not source.mistakes:
        _check(physics, source)
    source.raise_mistakes()
    assert isinstance(physics, Physics)
    return physics


def without(physics: Physics, *names: str) -> Physics:
    """Return the same plant with some hidden causes switched off; all of them if none is named."""
    wanted = names or tuple(item.name for item in dataclasses.fields(Causes))
    off = {name: dataclasses.replace(getattr(physics.causes, name), on=False) for name in wanted}
    return dataclasses.replace(physics, causes=dataclasses.replace(physics.causes, **off))


def only(physics: Physics, *names: str) -> Physics:
    """Return the same plant with none but the named hidden causes."""
    others = [item.name for item in dataclasses.fields(Causes) if item.name not in names]
    return without(physics, *others) if others else physics


def _inherit(document: dict[str, Any], source: StrictFile) -> None:
    """Fill each unit with what its kind says, before it is checked."""
    kinds, units = document.get("kinds"), document.get("units")
    if not isinstance(kinds, dict) or not isinstance(units, dict):
        return
    for name, unit in units.items():
        if not isinstance(unit, dict):
            continue
        common = kinds.get(unit.get("kind"))
        if isinstance(common, dict):
            source.inherit(("units", name), ("kinds", str(unit.get("kind"))))
            units[name] = _merged(common, unit)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        merged[key] = _merged(lower, value) if isinstance(lower, dict) and isinstance(value, dict) else value
    return merged


def _check(physics: Physics, source: StrictFile) -> None:
    if physics.physics != 1:
        source.mistake(("physics",), physics.physics, "1, the version that this release reads")
    for name, unit in physics.units.items():
        if unit.kind not in KINDS:
            source.mistake(("units", name, "kind"), unit.kind, "one of " + ", ".join(sorted(KINDS)))
        if unit.batch < 1:
            source.mistake(("units", name, "batch"), unit.batch, "at least 1 part")
    for name, space in physics.buffers.items():
        for end in ("sources", "targets"):
            for unit_name in getattr(space, end):
                if unit_name not in physics.units:
                    source.mistake(("buffers", name, end), unit_name, "a unit of this file")
        if space.capacity < 1:
            source.mistake(("buffers", name, "capacity"), space.capacity, "at least 1 part")
    causes = physics.causes
    named = {
        ("compressor_valve", "unit"): (causes.compressor_valve.unit,) if causes.compressor_valve.on else (),
        ("torque_drift", "unit"): (causes.torque_drift.unit,) if causes.torque_drift.on else (),
        ("operator_method", "units"): causes.operator_method.units if causes.operator_method.on else (),
        ("bearing_wear", "first"): tuple(causes.bearing_wear.first) if causes.bearing_wear.on else (),
        ("bearing_wear", "harmless"): causes.bearing_wear.harmless if causes.bearing_wear.on else (),
        ("standard_times", "factors"): tuple(causes.standard_times.factors)
        if causes.standard_times.on
        else (),
    }
    for (cause, key), unit_names in named.items():
        for unit_name in unit_names:
            if unit_name not in physics.units and source.has(("causes", cause, key)):
                source.mistake(("causes", cause, key), unit_name, "a unit of this file")
    if causes.bearing_wear.warning_h_min > causes.bearing_wear.warning_h_max:
        source.mistake(
            ("causes", "bearing_wear", "warning_h_min"),
            causes.bearing_wear.warning_h_min,
            f"at most warning_h_max, {causes.bearing_wear.warning_h_max}",
        )
    for name, parts in physics.demand.parts_per_week.items():
        if parts < 0:
            source.mistake(("demand", "parts_per_week", name), parts, "0 or more parts")
    if physics.demand.lot < 1:
        source.mistake(("demand", "lot"), physics.demand.lot, "at least 1 part")
    for name, parts in physics.people.containers.items():
        if parts < 1:
            source.mistake(("people", "containers", name), parts, "at least 1 part")
    for family in physics.orders.families:
        if family <= 0:
            source.mistake(("orders", "families"), family, "a number above 0")
