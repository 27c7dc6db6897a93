"""Pieces of time in which a unit does one thing, from which its physical signals are evaluated.

A segment holds what is needed to know power, energy, load, wear and temperatures at any instant in
it, in closed form: nothing is simulated between two reports.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from taktwin.virtual_plant.activity import Activity
from taktwin.virtual_plant.chance import Floats, Ints
from taktwin.virtual_plant.flow import Worker

TAU_SPINDLE_S = 900.0
TAU_COOLANT_S = 2400.0
_SECOND_NS = 1e9
_HOUR_NS = 3.6e12

(POWER, LOAD, PRODUCING, SEVERITY, SPINDLE_FROM, SPINDLE_TO, COOLANT_FROM, COOLANT_TO, ENERGY, CYCLE_S,
 RESTING, FAULT, TOOL_WEAR) = range(13)  # fmt: skip
WIDTH = 13


class Columns(NamedTuple):
    """The segments that hold at some instants: one row an instant."""

    since_s: Floats  # (n,) seconds since the segment began
    values: Floats  # (n, WIDTH) the segment's numbers

    def __getitem__(self, column: int) -> Floats:  # type: ignore[override]
        return np.asarray(self.values[:, column], dtype=np.float64)

    def temperature(self, start: int, end: int, tau_s: float) -> Floats:
        """Return a first-order approach from one column's value to another's."""
        target = self[end]
        return np.asarray(target + (self[start] - target) * np.exp(-self.since_s / tau_s))

    def energy_kwh(self) -> Floats:
        """Return the meter reading."""
        return np.asarray(self[ENERGY] + self[POWER] * self.since_s / 3600.0)


class Segments:
    """The segments of one unit that have not been reported in full."""

    def __init__(self, unit: Worker) -> None:
        self._unit = unit
        self._starts: list[int] = []
        self._rows: list[tuple[float, ...]] = []

    def open(self, power_kw: float) -> None:
        """Begin a segment now; heat and energy go on where the last one left them."""
        unit = self._unit
        now_ns = unit.world.now_ns
        spindle, coolant, energy = self._carried(now_ns)
        producing = unit.activity is Activity.PRODUCING
        wear = unit.world.physics.causes.insert_wear
        load = unit.physics.load if producing else 0.0
        if producing and wear.on and unit.physics.kind in wear.kinds:
            load *= 1.0 + wear.load_rise * unit.tool_wear()
            power_kw += unit.physics.spindle_kw * wear.load_rise * unit.tool_wear() * 0.5
        severity = unit.bearing_severity()
        resting = unit.activity is Activity.RESTING
        spindle_to = 27.0 + 0.45 * load + 9.0 * severity if producing else 23.0 if resting else 26.0
        coolant_to = 20.0 + 0.13 * load if producing else 19.5
        row = (
            power_kw, load, float(producing), severity, spindle, spindle_to, coolant, coolant_to, energy,
            max(unit.cycle_ns / _SECOND_NS, 1.0), float(resting),
            float(unit.activity in (Activity.BROKEN, Activity.JAMMED)), unit.tool_wear(),
        )  # fmt: skip
        if not unit.world.keep_segments:
            self._starts.clear()
            self._rows.clear()
        elif self._starts and self._starts[-1] == now_ns:
            self._starts.pop()
            self._rows.pop()
        self._starts.append(now_ns)
        self._rows.append(row)

    def _carried(self, now_ns: int) -> tuple[float, float, float]:
        if not self._starts:
            return 23.0, 19.5, 0.0
        last = self._rows[-1]
        since_s = (now_ns - self._starts[-1]) / _SECOND_NS
        spindle = last[SPINDLE_TO] + (last[SPINDLE_FROM] - last[SPINDLE_TO]) * math.exp(
            -since_s / TAU_SPINDLE_S
        )
        coolant = last[COOLANT_TO] + (last[COOLANT_FROM] - last[COOLANT_TO]) * math.exp(
            -since_s / TAU_COOLANT_S
        )
        return spindle, coolant, last[ENERGY] + last[POWER] * since_s / 3600.0

    def at(self, instants: Ints) -> Columns:
        """Return the segments that hold at instants, none of which may be before the first one."""
        starts = np.array(self._starts, dtype=np.int64)
        rows = np.array(self._rows, dtype=np.float64)
        place = np.searchsorted(starts, instants, side="right") - 1
        place = np.maximum(place, 0)
        return Columns((instants - starts[place]) / _SECOND_NS, rows[place])

    def forget_before(self, at_ns: int) -> None:
        """Drop what is over before an instant; the segment that holds then stays."""
        keep = 0
        starts = self._starts
        while keep + 1 < len(starts) and starts[keep + 1] <= at_ns:
            keep += 1
        if keep:
            del self._starts[:keep]
            del self._rows[:keep]
