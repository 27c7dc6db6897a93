"""Units of measure: UCUM codes with their UNECE code, what people read, and conversion.

A number in taktwin is never without its unit: a signal declares a UCUM code, wires that speak
UNECE Recommendation 20 (OPC UA, B2MML) get the common code, screens get the symbol.
Conversion is linear within one dimension: `base = value * factor + offset`.
Sources: UCUM 2.1 (codes), UNECE Recommendation 20 revision 17 (common codes).
"""

from __future__ import annotations

from typing import NamedTuple

from taktwin.errors import DomainError


class Unit(NamedTuple):
    """One unit; `factor` and `offset` lead to the base unit of its dimension."""

    code: str  # UCUM, case sensitive
    unece: str  # common code of Recommendation 20, "" where it has none
    symbol: str  # what people read
    dimension: str
    factor: float = 1.0
    offset: float = 0.0


_ALL = (
    Unit("", "C62", "", "number"),
    Unit("1", "C62", "", "number"),
    Unit("%", "P1", "%", "number", 0.01),
    Unit("[ppm]", "59", "ppm", "number", 1e-6),
    Unit("{part}", "C62", "parts", "number"),
    Unit("{count}", "C62", "", "number"),
    Unit("s", "SEC", "s", "time"),
    Unit("ms", "C26", "ms", "time", 1e-3),
    Unit("us", "B98", "µs", "time", 1e-6),
    Unit("min", "MIN", "min", "time", 60.0),
    Unit("h", "HUR", "h", "time", 3600.0),
    Unit("d", "DAY", "d", "time", 86400.0),
    Unit("m", "MTR", "m", "length"),
    Unit("cm", "CMT", "cm", "length", 1e-2),
    Unit("mm", "MMT", "mm", "length", 1e-3),
    Unit("um", "4H", "µm", "length", 1e-6),
    Unit("[in_i]", "INH", "in", "length", 0.0254),
    Unit("m2", "MTK", "m²", "area"),
    Unit("m3", "MTQ", "m³", "volume"),
    Unit("L", "LTR", "l", "volume", 1e-3),
    Unit("mL", "MLT", "ml", "volume", 1e-6),
    Unit("kg", "KGM", "kg", "mass"),
    Unit("g", "GRM", "g", "mass", 1e-3),
    Unit("t", "TNE", "t", "mass", 1e3),
    Unit("K", "KEL", "K", "temperature"),
    Unit("Cel", "CEL", "°C", "temperature", 1.0, 273.15),
    Unit("[degF]", "FAH", "°F", "temperature", 5 / 9, 459.67 * 5 / 9),
    Unit("Pa", "PAL", "Pa", "pressure"),
    Unit("kPa", "KPA", "kPa", "pressure", 1e3),
    Unit("MPa", "MPA", "MPa", "pressure", 1e6),
    Unit("bar", "BAR", "bar", "pressure", 1e5),
    Unit("mbar", "MBR", "mbar", "pressure", 1e2),
    Unit("[psi]", "PS", "psi", "pressure", 6894.757293168),
    Unit("N", "NEW", "N", "force"),
    Unit("kN", "B47", "kN", "force", 1e3),
    Unit("N.m", "NU", "N·m", "torque"),
    Unit("W", "WTT", "W", "power"),
    Unit("kW", "KWT", "kW", "power", 1e3),
    Unit("MW", "MAW", "MW", "power", 1e6),
    Unit("V.A", "D46", "VA", "apparent power"),
    Unit("kV.A", "KVA", "kVA", "apparent power", 1e3),
    Unit("J", "JOU", "J", "energy"),
    Unit("kJ", "KJO", "kJ", "energy", 1e3),
    Unit("W.h", "WHR", "Wh", "energy", 3600.0),
    Unit("kW.h", "KWH", "kWh", "energy", 3.6e6),
    Unit("MW.h", "MWH", "MWh", "energy", 3.6e9),
    Unit("A", "AMP", "A", "current"),
    Unit("mA", "4K", "mA", "current", 1e-3),
    Unit("V", "VLT", "V", "voltage"),
    Unit("mV", "2Z", "mV", "voltage", 1e-3),
    Unit("Hz", "HTZ", "Hz", "frequency"),
    Unit("kHz", "KHZ", "kHz", "frequency", 1e3),
    Unit("/min", "RPM", "1/min", "frequency", 1 / 60),
    Unit("m/s", "MTS", "m/s", "velocity"),
    Unit("mm/s", "C16", "mm/s", "velocity", 1e-3),
    Unit("m/min", "2X", "m/min", "velocity", 1 / 60),
    Unit("mm/min", "H81", "mm/min", "velocity", 1e-3 / 60),
    Unit("m/s2", "MSK", "m/s²", "acceleration"),
    Unit("mm/s2", "M38", "mm/s²", "acceleration", 1e-3),
    Unit("[g]", "K40", "g", "acceleration", 9.80665),
    Unit("deg", "DD", "°", "angle", 0.017453292519943295),
    Unit("rad", "C81", "rad", "angle"),
    Unit("deg/s", "E96", "°/s", "angular velocity", 0.017453292519943295),
    Unit("rad/s", "2A", "rad/s", "angular velocity"),
    Unit("L/min", "L2", "l/min", "flow", 1e-3 / 60),
    Unit("m3/h", "MQH", "m³/h", "flow", 1 / 3600),
    Unit("m3/min", "G53", "m³/min", "flow", 1 / 60),
    Unit("mL/min", "41", "ml/min", "flow", 1e-6 / 60),
    Unit("Pa/s", "", "Pa/s", "pressure rate"),
    Unit("mbar/s", "", "mbar/s", "pressure rate", 1e2),
    Unit("ug/m3", "GQ", "µg/m³", "concentration", 1e-9),
    Unit("mg/m3", "GP", "mg/m³", "concentration", 1e-6),
    Unit("dB", "2N", "dB", "level"),
    Unit("dB[SPL]", "2N", "dB", "level"),
    Unit("lx", "LUX", "lx", "illuminance"),
)
UNITS = {unit.code: unit for unit in _ALL}
BY_UNECE = {unit.unece: unit for unit in reversed(_ALL) if unit.unece}

# What people write for a unit, and the code that they mean: for suggestions only, never accepted.
SPELLINGS = {
    "°C": "Cel", "C": "Cel", "degC": "Cel", "celsius": "Cel", "F": "[degF]", "°F": "[degF]", "rpm": "/min",
    "1/min": "/min", "kWh": "kW.h", "Wh": "W.h", "MWh": "MW.h", "Nm": "N.m", "psi": "[psi]", "sec": "s",
    "percent": "%", "pct": "%", "l/min": "L/min", "l": "L", "m³/h": "m3/h", "µm": "um", "micron": "um",
    "µg/m³": "ug/m3", "°": "deg", "in": "[in_i]", "inch": "[in_i]", "ppm": "[ppm]", "hour": "h",
    "kVA": "kV.A", "pcs": "{part}", "pieces": "{part}", "hz": "Hz", "KW": "kW", "kw": "kW",
    "MPA": "MPa", "Bar": "bar",
}  # fmt: skip


def is_unit(code: str) -> bool:
    """Return whether a text is the UCUM code of a unit that taktwin knows."""
    return code in UNITS


def symbol(code: str) -> str:
    """Return what people read for a code (`Cel` -> `°C`); an unknown code stands for itself."""
    unit = UNITS.get(code)
    return code if unit is None else unit.symbol


def convert(value: float, *, from_unit: str, to_unit: str) -> float:
    """Return a value in another unit of the same dimension.

    Raises
    ------
    DomainError
        If a code is unknown or the two measure different things.
    """
    if from_unit == to_unit:
        return value
    try:
        source, target = UNITS[from_unit], UNITS[to_unit]
    except KeyError as unknown:
        raise DomainError(
            f"unit {unknown.args[0]!r} is unknown; expected a UCUM code such as Cel, kW, mm/s"
        ) from None
    if source.dimension != target.dimension:
        raise DomainError(
            f"{from_unit} measures {source.dimension}, {to_unit} measures {target.dimension}: no conversion"
        )
    return (value * source.factor + source.offset - target.offset) / target.factor
