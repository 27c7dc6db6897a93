"""Physical signals of units as functions of the segments that hold: evaluated at reporting instants.

Each sense takes what is known at n instants and returns n values. A path that no sense knows gets a
quiet value inside the signal's range, so that any plant model can be played.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from taktwin.plant.registry import Signal
from taktwin.virtual_plant import segments as seg
from taktwin.virtual_plant.chance import Floats, Ints, Noise
from taktwin.virtual_plant.physics import Physics
from taktwin.virtual_plant.physics import Unit as UnitPhysics
from taktwin.virtual_plant.segments import Columns
from taktwin.virtual_plant.surroundings import Surroundings

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known about one unit at n instants, for one signal."""

    signal: Signal
    at_ns: Ints  # (n,)
    numbers: Ints  # (n,) number of the sample, for noise
    columns: Columns
    unit: UnitPhysics
    physics: Physics
    surroundings: Surroundings
    noise: Noise

    def normal(self, salt: int = 0) -> Floats:
        """Return noise of this signal's own."""
        return self.noise.at(self.signal.index * 11 + salt, self.numbers)

    @property
    def producing(self) -> Floats:
        """1 where the unit produces, else 0."""
        return self.columns[seg.PRODUCING]

    @property
    def cutting(self) -> Floats:
        """1 in the middle of a producing cycle, where the tool is in the material, else 0."""
        phase = (self.columns.since_s / self.columns[seg.CYCLE_S]) % 1.0
        return np.asarray(self.producing * ((phase > 0.12) & (phase < 0.90)))


Sense = Callable[[Moment], Floats]


def power_kw(moment: Moment) -> Floats:
    """Return electric power: the segment's mean with a ripple, and the peaks of cause 10."""
    mean = moment.columns[seg.POWER]
    value = mean * (1.0 + moment.unit.power.ripple * np.clip(moment.normal(), -3.0, 3.0))
    return np.asarray(np.maximum(value, 0.0) + peak_kw(moment))


def peak_kw(moment: Moment) -> Floats:
    """Return what furnace and compressor draw more while they run up together."""
    extra = _peak_of(moment)
    if not extra:
        return np.zeros(len(moment.at_ns))
    return np.asarray(extra * moment.surroundings.starting_together(moment.at_ns))


def _peak_of(moment: Moment) -> float:
    idle = moment.physics.causes.idle_energy
    return {"furnace": idle.furnace_kw, "compressor": idle.compressor_kw}.get(moment.unit.kind, 0.0)


def _speed(moment: Moment) -> Floats:
    return np.asarray(moment.unit.spindle_rpm * moment.producing * (1.0 + 0.002 * moment.normal()))


def _load(moment: Moment) -> Floats:
    share = 0.10 + 0.90 * moment.cutting
    value = moment.columns[seg.LOAD] * share * (1.0 + 0.04 * moment.normal())
    return np.maximum(value, 0.0)


def _vibration(moment: Moment) -> Floats:
    wear = moment.physics.causes.bearing_wear
    level = moment.producing * (0.55 + 0.45 * moment.cutting) * moment.unit.load / 55.0
    value = level * (1.0 + wear.rise * moment.columns[seg.SEVERITY]) + 0.05
    return np.asarray(value * (1.0 + 0.07 * np.clip(moment.normal(), -3.0, 3.0)))


def _spindle_temperature(moment: Moment) -> Floats:
    base = moment.columns.temperature(seg.SPINDLE_FROM, seg.SPINDLE_TO, seg.TAU_SPINDLE_S)
    return np.asarray(base + 0.15 * moment.normal())


def _coolant_temperature(moment: Moment) -> Floats:
    base = moment.columns.temperature(seg.COOLANT_FROM, seg.COOLANT_TO, seg.TAU_COOLANT_S)
    return np.asarray(base + 0.08 * moment.normal())


def _furnace_zone(moment: Moment) -> Floats:
    found = re.search(r"(\d)", moment.signal.path)
    number = int(found.group(1)) if found else 1
    door = moment.physics.causes.door_side
    target = 925.0 - (door.cooler_k if door.on and number == 4 else 0.0)
    dip = np.zeros(len(moment.at_ns))
    if number in (1, 4):  # the cold charge comes in at one end and the door opens at the other
        dip += 7.0 * np.exp(-moment.columns.since_s / 240.0) * moment.producing
    return np.asarray(
        target - dip - 60.0 * moment.columns[seg.FAULT] * _cooling(moment) + 0.6 * moment.normal()
    )


def _cooling(moment: Moment) -> Floats:
    return np.asarray(1.0 - np.exp(-moment.columns.since_s / 1800.0))


def _atmosphere(moment: Moment) -> Floats:
    return np.asarray(0.82 + 0.008 * moment.normal())


def _cartridge_pressure(moment: Moment) -> Floats:
    return np.asarray(4.6 + 0.8 * moment.cutting + 0.02 * moment.normal())


def _compressor_pressure(moment: Moment) -> Floats:
    return np.asarray(7.2 - moment.surroundings.sag_bar(moment.at_ns) + 0.04 * moment.normal())


def _compressor_flow(moment: Moment) -> Floats:
    sag = moment.surroundings.sag_bar(moment.at_ns)
    return np.maximum(10.5 - 1.1 * sag + 0.25 * moment.normal(), 0.0)


def _motor_current(moment: Moment) -> Floats:
    wear = moment.surroundings.valve_wear(moment.at_ns)
    peak = 30.0 * moment.surroundings.starting_together(moment.at_ns)
    return np.asarray((78.0 + 9.0 * wear + peak) * moment.producing + 0.8 * np.abs(moment.normal()))


def _compressor_vibration(moment: Moment) -> Floats:
    wear = moment.surroundings.valve_wear(moment.at_ns)
    return np.asarray(1.6 * (1.0 + 0.8 * wear) * (1.0 + 0.05 * np.clip(moment.normal(), -3.0, 3.0)))


def _around(centre: float, spread: float, *, working: float = 0.0) -> Sense:
    """Return a sense with a steady value, higher by `working` while the unit produces."""

    def sense(moment: Moment) -> Floats:
        return np.asarray(centre + working * moment.producing + spread * moment.normal())

    return sense


def _with_work(height: float, spread: float) -> Sense:
    """Return a sense that is 0 unless the tool works."""

    def sense(moment: Moment) -> Floats:
        return np.asarray(moment.cutting * height * (1.0 + spread * moment.normal()))

    return sense


def _air_pressure(moment: Moment) -> Floats:
    sag = moment.surroundings.sag_bar(moment.at_ns)
    return np.maximum(6.6 - 0.9 * sag - 0.15 * moment.cutting + 0.04 * moment.normal(), 0.0)


def _door_open(moment: Moment) -> Floats:
    if moment.unit.kind == "wash":
        return (moment.surroundings.doors_open(moment.at_ns) >= 1.0).astype(np.float64)
    return np.asarray((moment.columns.since_s < 45.0) * moment.producing)  # the furnace takes its charge


def _wheel_diameter(moment: Moment) -> Floats:
    return np.asarray(450.0 - 12.0 * moment.columns[seg.TOOL_WEAR] + 0.0003 * moment.normal())


def _outside(moment: Moment) -> Floats:
    inside = moment.surroundings.temperature_c("", moment.at_ns)
    return np.asarray(1.8 * (inside - 23.5) + 16.0 + 0.1 * moment.normal())


def _inside(moment: Moment) -> Floats:
    return np.asarray(moment.surroundings.temperature_c("", moment.at_ns) + 0.08 * moment.normal())


def _position(moment: Moment) -> Floats:
    phase = (moment.columns.since_s / moment.columns[seg.CYCLE_S]) % 1.0
    far = 180.0 if "x_" in moment.signal.path else 420.0
    return np.asarray(far - moment.cutting * far * 0.6 * np.sin(phase * np.pi * 7.0) ** 2)


def _program_line(moment: Moment) -> Floats:
    phase = (moment.columns.since_s / moment.columns[seg.CYCLE_S]) % 1.0
    return np.floor(moment.producing * phase * 180.0) * 10.0


def energy_kwh(moment: Moment) -> Floats:
    """Return the reading of a unit's own meter: its segments, and the peaks of cause 10."""
    extra = _peak_of(moment)
    reading = moment.columns.energy_kwh()
    if extra:
        reading = reading + extra * moment.surroundings.hours_together(moment.at_ns)
    return reading


# The first pattern that fits a path decides; a kind before a slash restricts it to that kind.
_SENSES: tuple[tuple[str, str, Sense], ...] = (
    ("", r"power", power_kw),
    ("", r"energy", energy_kwh),
    ("compressor", r"pressure", _compressor_pressure),
    ("compressor", r"flow", _compressor_flow),
    ("compressor", r"(motor_)?current", _motor_current),
    ("compressor", r"(.*/)?vibration", _compressor_vibration),
    ("compressor", r"(oil_)?temperature", _around(58.0, 0.4, working=20.0)),
    ("hvac", r"outside.*temperature", _outside),
    ("hvac", r"return.*temperature", _inside),
    ("hvac", r"supply.*temperature", _around(19.5, 0.1)),
    ("hvac", r"fan.*speed", _around(1.0, 0.3, working=61.0)),
    ("hvac", r"filter.*", _around(118.0, 1.2)),
    ("eol", r"load_torque", _with_work(168.0, 0.02)),
    ("eol", r"speed", _with_work(8000.0, 0.004)),
    ("", r"air[/_]pressure", _air_pressure),
    ("", r"door[/_]open", _door_open),
    ("", r"nozzle.*temperature", _around(38.0, 0.15)),
    ("", r"test_pressure", _with_work(120.0, 0.002)),
    ("", r"exposure", _around(12.0, 0.05)),
    ("", r"bath.*temperature", _around(62.0, 0.2)),
    ("", r"bath.*pressure", _around(0.4, 0.03, working=5.8)),
    ("", r"wheel.*diameter", _wheel_diameter),
    ("", r"mtc/[xyz]_position", _position),
    ("", r"mtc/line", _program_line),
    ("", r"mtc/feed_override", _around(100.0, 0.0)),
    ("furnace", r"zone_?\d.*|.*zone_?\d", _furnace_zone),
    ("furnace", r"atmosphere.*", _atmosphere),
    ("", r"(.*/)?spindle[/_]speed|.*rpm", _speed),
    ("", r"(.*/)?spindle[/_]load", _load),
    ("", r"(.*/)?(spindle[/_])?vibration", _vibration),
    ("", r"(.*/)?spindle[/_]temperature", _spindle_temperature),
    ("", r"(.*/)?coolant[/_]temperature", _coolant_temperature),
    ("", r"(.*/)?cartridge_pressure", _cartridge_pressure),
)


def sense_of(signal: Signal, kind: str) -> Sense:
    """Return the function that gives a signal its values."""
    for wanted, pattern, sense in _SENSES:
        if wanted in ("", kind) and re.fullmatch(pattern, signal.path):
            return sense
    return quiet


def quiet(moment: Moment) -> Floats:
    """Return a steady value with a little noise, inside the signal's range."""
    signal = moment.signal
    low = signal.minimum if signal.minimum is not None else 0.0
    high = signal.maximum if signal.maximum is not None else low + 100.0
    middle = 0.6 * low + 0.4 * high
    spread = 0.004 * (high - low)
    return np.clip(middle + spread * moment.normal(), low, high)


# Air and people: signals of zones, which no unit makes.


def ambient(
    signal: Signal, zone: str, at_ns: Ints, numbers: Ints, surroundings: Surroundings, noise: Noise
) -> Floats:
    """Return a facility sensor's values: temperature, humidity, particles, people in a zone."""
    own = noise.at(signal.index * 11, numbers)
    path, unit = signal.path, signal.unit
    if "temperature" in path or unit == "Cel":
        west = 0.6 if "west" in path else 0.0
        return np.asarray(surroundings.temperature_c(zone, at_ns) + west + 0.06 * own)
    if "humidity" in path or path.endswith("rh"):
        return np.clip(surroundings.humidity(zone, at_ns) + 0.3 * own, 0.0, 100.0)
    if "partic" in path or path.startswith("pm"):
        doors = surroundings.doors_open(at_ns)
        return np.maximum(18.0 + 9.0 * doors + 1.2 * own, 0.0)
    if "occupancy" in path or signal.role == "occupancy":
        hours = surroundings.local_hours(at_ns)
        people = np.where((hours >= 22) | (hours < 6), 2.2, 5.0)
        return np.maximum(np.round(people + 0.9 * own), 0.0)
    if "vibration" in path:
        return np.asarray(0.35 * (1.0 + 0.08 * np.clip(own, -3.0, 3.0)))
    low = signal.minimum if signal.minimum is not None else 0.0
    high = signal.maximum if signal.maximum is not None else low + 100.0
    return np.clip(0.6 * low + 0.4 * high + 0.004 * (high - low) * own, low, high)
