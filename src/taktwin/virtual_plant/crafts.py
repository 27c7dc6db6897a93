"""What each kind of unit does to a part, what it measures, and whether the part is good.

A craft is called once for each part when its cycle is over. It reports the measurements of that
part and returns the true cause of a reject, "" for a good part.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from taktwin.virtual_plant.flow import Part, Worker

Craft = Callable[[Worker, Part, int], str]

CURVE_POINTS = 64
_STROKE = np.linspace(0.0, 1.0, CURVE_POINTS)
_PRESS_SHAPE = 0.08 * _STROKE + 0.55 * _STROKE**3 + 0.37 * _STROKE**14
_ORDERS = 30.0 + 22.0 * np.exp(-np.arange(CURVE_POINTS) / 9.0)
_BEARING_ORDERS = np.isin(np.arange(CURVE_POINTS), (4, 9, 13, 18)).astype(np.float64)
_TORQUE_SHAPE = np.where(_STROKE < 0.55, 0.09 * _STROKE / 0.55, 0.09 + 0.91 * (_STROKE - 0.55) / 0.45)


def lot_of(unit: Worker, kind: str, parts: int, draw: Callable[[], Any]) -> Any:
    """Return the lot that a unit takes its next part from, opening a new one when it is used up."""
    left, lot = unit.lots.get(kind, (0, None))
    if left <= 0:
        left, lot = parts, draw()
    unit.lots[kind] = (left - 1, lot)
    return lot


def _bad_lot_injected(unit: Worker) -> bool:
    return unit.world.now_ns < unit.world.bad_lots_until_ns.get(unit.name, 0)


def _lathe(unit: Worker, part: Part, _place: int) -> str:
    wear = unit.world.physics.causes.insert_wear
    error_um = unit.chance.gauss(0.0, wear.scatter_um)
    if wear.on and unit.physics.kind in wear.kinds:
        error_um += wear.drift_um * _speed_of_insert(unit) * unit.tool_wear() ** 1.5
    unit.say("diameter", round(30.0 + error_um / 1000.0, 4))
    return "insert_wear" if wear.on and abs(error_um) > wear.tolerance_um else ""


def _speed_of_insert(unit: Worker) -> float:
    """Return how fast the insert that is in wears, 1 in the middle: each has a number of its own."""
    spread = unit.world.physics.causes.insert_wear.spread
    if not spread:
        return unit.insert_times
    own = unit.world.entropy.stream(f"insert/{unit.name}/{unit.tool_number}")
    return unit.insert_times * math.exp(spread * own.gauss(0.0, 1.0))


def _furnace(unit: Worker, part: Part, place: int) -> str:
    door = unit.world.physics.causes.door_side
    if door.on and place < door.places:
        part.runout_um = door.cooler_k * door.runout_um_per_k
    return ""


def _grind(unit: Worker, part: Part, _place: int) -> str:
    door = unit.world.physics.causes.door_side
    runout_um = abs(unit.chance.gauss(0.0, 3.2)) + part.runout_um
    unit.say("runout", round(runout_um, 2))
    if runout_um > door.runout_limit_um:
        return "door_side" if part.runout_um else "runout"
    return ""


def _load(unit: Worker, part: Part, _place: int) -> str:
    # From here on the part is an e-axle with a serial number of its own.
    part.serial = f"A{part.serial[1:]}"
    part.product = f"EA-{part.family}"
    task = unit.task_in_hand()
    if task is not None:
        part.job = task.order
    return ""


def _adhesive(unit: Worker, part: Part, _place: int) -> str:
    world = unit.world
    cause = world.physics.causes.adhesive_heat
    width = 2.4 + unit.chance.gauss(0.0, 0.05)
    unit.say("bead_width", round(width, 3))

    def draw() -> str:
        number = unit.chance.randrange(1, 900)
        bad = unit.chance.random() < cause.bad_share
        return f"{cause.bad_batch if bad else 'AD-3-05'}-{number:03d}"

    lot = unit.lot_in_hand("AD-3") or lot_of(unit, "adhesive", cause.lot_parts, draw)
    unit.flag("lot", lot)
    strength = 1.0 + unit.chance.gauss(0.0, 0.015)
    if cause.on and unit.zone in ("", cause.zone):  # a unit that the plant model places nowhere counts
        air_c = world.surroundings.temperature_c_now(cause.zone, world.now_ns)
        above = max(0.0, air_c - cause.threshold_c)
        bad = lot.startswith(cause.bad_batch) or _bad_lot_injected(unit)
        strength -= above * cause.per_kelvin * (cause.bad_factor if bad else 1.0)
    part.adhesive_strength = strength
    unit.say("strength", round(strength * 20.0, 3))  # MPa
    return ""


def _press(unit: Worker, part: Part, _place: int) -> str:
    world = unit.world
    cause = world.physics.causes.bearing_lot
    valve = world.physics.causes.compressor_valve

    def draw() -> bool:
        return unit.chance.random() < cause.share

    led = unit.lot_in_hand("BR-7")
    if led and led not in unit.lots:
        unit.lots[led] = (0, draw())
    drawn = unit.lots[led][1] if led else lot_of(unit, "bearing", cause.lot_parts, draw)
    oversized = drawn and cause.on
    if oversized or _bad_lot_injected(unit):
        part.oversize_um = cause.oversize_um
    sag = world.surroundings.sag_bar_now(world.now_ns) if valve.on else 0.0
    scatter = 0.25 * (1.0 + valve.scatter_per_bar * sag)
    force = 18.0 * (1.0 + cause.force_per_um * part.oversize_um) + unit.chance.gauss(0.0, scatter)
    unit.say("force_peak", round(force, 3))
    if unit.world.wants(unit.name, "force_curve"):
        curve = _PRESS_SHAPE * force
        unit.say("force_curve", [round(value, 3) for value in curve.tolist()])
    if force > 26.0 or force < 14.0:
        return "bearing_lot" if part.oversize_um else "press_force"
    return ""


def _tighten(unit: Worker, part: Part, _place: int) -> str:
    error = unit.world.surroundings.torque_error(unit.name, unit.world.now_ns)
    part.torque_error = error
    shown = 42.0 + unit.chance.gauss(0.0, 0.22)
    angle = 68.0 * (1.0 - 0.85 * error) + unit.chance.gauss(0.0, 0.9)
    unit.say("torque", round(shown, 3))
    unit.say("angle", round(angle, 2))
    if unit.world.wants(unit.name, "torque_curve"):
        unit.say("torque_curve", [round(value, 3) for value in (_TORQUE_SHAPE * shown).tolist()])
    return "torque_drift" if error and angle < 60.0 else ""


def _leak(unit: Worker, part: Part, _place: int) -> str:
    world = unit.world
    causes = world.physics.causes
    decay = 0.9 + abs(unit.chance.gauss(0.0, 0.16))
    cause = ""
    if causes.adhesive_heat.on and part.adhesive_strength < causes.adhesive_heat.leak_below:
        decay += 1.2 + 4.0 * (causes.adhesive_heat.leak_below - part.adhesive_strength)
        cause = "adhesive_heat"
    doors = causes.open_doors
    if doors.on and unit.physics.kind in doors.leak_kinds:
        humid = world.surroundings.doors_open_now(world.now_ns)
        decay += 0.12 * humid
        if unit.chance.random() < doors.false_reject * humid:
            decay += 1.0
            cause = cause or "open_doors"
    unit.say("pressure_decay", round(decay, 3))
    return (cause or "leak") if decay > 1.9 else ""


def _vision(unit: Worker, part: Part, _place: int) -> str:
    score = min(1.0, max(0.0, 0.968 + unit.chance.gauss(0.0, 0.009)))
    flawed = unit.chance.random() < 0.004
    if flawed:
        score -= 0.3
    unit.say("score", round(score * 100.0, 2))
    return "vision" if flawed else ""


def _eol(unit: Worker, part: Part, _place: int) -> str:
    cause = unit.world.physics.causes.bearing_lot
    noise = 62.0 + unit.chance.gauss(0.0, 0.8) + cause.noise_db_per_um * part.oversize_um
    noise += 14.0 * part.torque_error
    efficiency = 95.6 - 2.5 * part.torque_error + unit.chance.gauss(0.0, 0.12)
    unit.say("noise", round(noise, 2))
    if unit.world.wants(unit.name, "order_spectrum"):
        orders = _ORDERS + 0.55 * cause.noise_db_per_um * part.oversize_um * _BEARING_ORDERS
        unit.say("order_spectrum", [round(value, 2) for value in orders.tolist()])
    unit.say("efficiency", round(efficiency, 3))
    if noise > 67.5:
        return "bearing_lot" if part.oversize_um else "noise"
    return ""


CRAFTS: dict[str, Craft] = {
    "lathe": _lathe,
    "furnace": _furnace,
    "grind": _grind,
    "load": _load,
    "adhesive": _adhesive,
    "press": _press,
    "tighten": _tighten,
    "leak": _leak,
    "vision": _vision,
    "eol": _eol,
}

SPECTRUM_POINTS = 1024


def spectrum(*, rpm: float, severity: float, rise: float, level: float, noise: np.ndarray[Any, Any]) -> bytes:
    """Return a vibration spectrum as 1,024 little-endian float32, mm/s, 0 to 5,115 Hz in 5 Hz steps.

    Lines at the rotation and twice it, the outer ring's frequency with harmonics that grow with the
    bearing's severity (0 to 1), on a noise floor.

    noise : (1024,) normal numbers
    """
    frequency = np.arange(SPECTRUM_POINTS) * 5.0
    amplitude = 0.004 * level * (1.0 + 0.25 * np.abs(noise))
    turn_hz = rpm / 60.0
    for order, height in ((1.0, 0.30), (2.0, 0.11)):
        amplitude += height * level * np.exp(-(((frequency - order * turn_hz) / 6.0) ** 2))
    outer_hz = 4.42 * turn_hz
    for harmonic in (1, 2, 3, 4):
        height = (0.012 + 0.25 * rise / 4.0 * severity) / math.sqrt(harmonic)
        amplitude += height * level * np.exp(-(((frequency - harmonic * outer_hz) / 7.0) ** 2))
    return bytes(amplitude.astype("<f4").tobytes())
