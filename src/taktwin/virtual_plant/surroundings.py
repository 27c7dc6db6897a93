"""What surrounds the machines and depends on time alone: air in the zones, compressed air, drift.

All functions take instants (ns) and give the same answer whenever they are asked, so they cost
nothing until a signal is reported. Injected heat is a list of ramps that is added on top.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from taktwin.entropy import Entropy
from taktwin.virtual_plant.chance import Floats, Ints
from taktwin.virtual_plant.physics import Physics

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS


@dataclass(frozen=True, slots=True)
class Ramp:
    """An injected offset: rises and falls with a time constant of two minutes."""

    target: str
    from_ns: int
    to_ns: int
    amount: float


class Surroundings:
    """The hall and its supplies, as functions of time."""

    def __init__(self, physics: Physics, *, time_zone: str, start_ns: int, entropy: Entropy) -> None:
        self._physics = physics
        self._zone = ZoneInfo(time_zone)
        self._start_ns = start_ns
        self._offsets: dict[int, int] = {}
        self._clouds: dict[int, float] = {}
        self._entropy = entropy
        stream = entropy.stream("weather/phases")
        self._phases = [stream.random() * 2 * np.pi for _ in range(4)]
        self.ramps: list[Ramp] = []

    def local_offset_ns(self, at_ns: int) -> int:
        """Return what local time is ahead of UTC; it only ever changes at full hours."""
        hour = at_ns // HOUR_NS
        offset = self._offsets.get(hour)
        if offset is None:
            moment = datetime.fromtimestamp(hour * 3600, UTC).astimezone(self._zone)
            delta = moment.utcoffset()
            assert delta is not None, "an aware datetime knows its offset"
            offset = self._offsets[hour] = int(delta.total_seconds()) * 1_000_000_000
        return offset

    def local_hours(self, at_ns: Ints) -> Floats:
        """Return the local time of day of instants, hours in [0, 24)."""
        if len(at_ns) == 0:
            return np.zeros(0)
        first, last = int(at_ns[0]) // HOUR_NS, int(at_ns[-1]) // HOUR_NS
        if first == last:
            local = at_ns + self.local_offset_ns(int(at_ns[0]))
        else:
            hours = np.arange(first, last + 1)
            offsets = np.array([self.local_offset_ns(int(hour) * HOUR_NS) for hour in hours])
            local = at_ns + offsets[at_ns // HOUR_NS - first]
        return np.asarray((local % DAY_NS) / HOUR_NS, dtype=np.float64)

    def local_hour(self, at_ns: int) -> float:
        """Return the local time of day of one instant."""
        return ((at_ns + self.local_offset_ns(at_ns)) % DAY_NS) / HOUR_NS

    def temperature_c(self, zone: str, at_ns: Ints) -> Floats:
        """Return the air temperature in a zone."""
        ambient = self._physics.ambient
        hours = self.local_hours(at_ns)
        days = (at_ns - self._start_ns) / DAY_NS
        slow = 0.8 * np.sin(0.9 * days + self._phases[0]) + 0.5 * np.sin(2.3 * days + self._phases[1])
        value = ambient.temperature_c + slow + ambient.day_swing_c * np.sin((hours - 9.0) / 24 * 2 * np.pi)
        if zone in ambient.sun_zones:
            height = np.clip(np.sin((hours - 12.5) / 8.5 * np.pi), 0.0, None)
            height[(hours < 12.5) | (hours > 21.0)] = 0.0
            value = value + ambient.sun_c * height * self._cloud(at_ns)
        return np.asarray(value + self._ramped(f"temperature:{zone}", at_ns), dtype=np.float64)

    def temperature_c_now(self, zone: str, at_ns: int) -> float:
        """Return the same for one instant; asked for each bead of adhesive, so without arrays."""
        if self.ramps:
            return float(self.temperature_c(zone, np.array([at_ns]))[0])
        ambient = self._physics.ambient
        hours = self.local_hour(at_ns)
        days = (at_ns - self._start_ns) / DAY_NS
        slow = 0.8 * np.sin(0.9 * days + self._phases[0]) + 0.5 * np.sin(2.3 * days + self._phases[1])
        value = ambient.temperature_c + slow + ambient.day_swing_c * np.sin((hours - 9.0) / 24 * 2 * np.pi)
        if zone in ambient.sun_zones:
            up = 12.5 <= hours <= 21.0
            height = max(0.0, float(np.sin((hours - 12.5) / 8.5 * np.pi))) if up else 0.0
            value = value + ambient.sun_c * height * self._cloud_of(at_ns // DAY_NS)
        return float(value)

    def humidity(self, zone: str, at_ns: Ints) -> Floats:
        """Return the relative humidity in a zone, percent."""
        days = (at_ns - self._start_ns) / DAY_NS
        value = self._physics.ambient.humidity + 4.0 * np.sin(1.7 * days + self._phases[2])
        value = value + 3.0 * np.sin((self.local_hours(at_ns) - 4.0) / 24 * 2 * np.pi)
        doors = self._physics.causes.open_doors
        if doors.on and zone == doors.zone:
            value = value + doors.humidity * self.doors_open(at_ns)
        return np.clip(value, 5.0, 100.0)

    def doors_open(self, at_ns: Ints) -> Floats:
        """Return how far the air of open doors has come in, 0 to 1; 0 where the cause is off."""
        doors = self._physics.causes.open_doors
        if not doors.on:
            return np.zeros(len(at_ns))
        length = (doors.to_hour - doors.from_hour) % 24
        inside = (self.local_hours(at_ns) - doors.from_hour) % 24
        rising = np.clip(inside / 0.75, 0.0, 1.0)
        falling = np.clip((length + 0.75 - inside) / 0.75, 0.0, 1.0)
        return np.minimum(rising, falling)

    def doors_open_now(self, at_ns: int) -> float:
        """Return the same for one instant; asked at each test for leaks, so without arrays."""
        doors = self._physics.causes.open_doors
        if not doors.on:
            return 0.0
        length = (doors.to_hour - doors.from_hour) % 24
        inside = (self.local_hour(at_ns) - doors.from_hour) % 24
        rising = min(1.0, max(0.0, inside / 0.75))
        return min(rising, min(1.0, max(0.0, (length + 0.75 - inside) / 0.75)))

    def valve_wear(self, at_ns: Ints) -> Floats:
        """Return the wear of the compressor's valve, 0 to 1."""
        valve = self._physics.causes.compressor_valve
        if not valve.on:
            return np.zeros(len(at_ns))
        hours = ((at_ns - self._start_ns) / HOUR_NS) % (valve.onset_h + valve.rise_h)
        return np.clip((hours - valve.onset_h) / valve.rise_h, 0.0, 1.0)

    def sag_bar(self, at_ns: Ints) -> Floats:
        """Return how far the air pressure is below what it should be."""
        sag = self._physics.causes.compressor_valve.sag_bar * self.valve_wear(at_ns)
        return np.asarray(sag + self._ramped("pressure", at_ns), dtype=np.float64)

    def sag_bar_now(self, at_ns: int) -> float:
        """Return the same for one instant; asked at each cycle of a pneumatic unit, so without arrays."""
        if self.ramps:
            return float(self.sag_bar(np.array([at_ns]))[0])
        valve = self._physics.causes.compressor_valve
        if not valve.on:
            return 0.0
        hours = (float(at_ns - self._start_ns) / HOUR_NS) % (valve.onset_h + valve.rise_h)
        return valve.sag_bar * min(1.0, max(0.0, (hours - valve.onset_h) / valve.rise_h))

    def torque_error(self, unit: str, at_ns: int) -> float:
        """Return the relative error of a torque tool: what it applies is lower than what it shows."""
        drift = self._physics.causes.torque_drift
        if not drift.on or unit != drift.unit:
            return 0.0
        hours = (at_ns - self._start_ns) / HOUR_NS - drift.onset_h
        return drift.drift * ((hours / drift.period_h) % 1.0) if hours > 0 else 0.0

    def starting_together(self, at_ns: Ints) -> Floats:
        """Return 1 while furnace and compressor run up together, else 0."""
        idle = self._physics.causes.idle_energy
        if not idle.on:
            return np.zeros(len(at_ns))
        hours = self.local_hours(at_ns)
        peak = np.zeros(len(at_ns))
        for start in idle.peak_hours:
            peak = np.maximum(peak, ((hours - start) % 24 < idle.peak_min / 60).astype(float))
        return peak

    def hours_together(self, at_ns: Ints) -> Floats:
        """Return for how many hours furnace and compressor have run up together since the start."""
        idle = self._physics.causes.idle_energy
        total = np.zeros(len(at_ns))
        if not idle.on or len(at_ns) == 0:
            return total
        began = np.array([self._start_ns], dtype=np.int64)
        for start in idle.peak_hours:
            total += self._hours_after(at_ns, start, idle.peak_min / 60)
            total -= self._hours_after(began, start, idle.peak_min / 60)[0]
        return total

    def _hours_after(self, at_ns: Ints, start: float, length: float) -> Floats:
        """Return the hours inside a daily window since 1970, local time."""
        offsets = np.array([self.local_offset_ns(int(each)) for each in at_ns.tolist()])
        since = (at_ns + offsets) / HOUR_NS - start
        return np.asarray(np.floor(since / 24.0) * length + np.minimum(since % 24.0, length))

    def _cloud(self, at_ns: Ints) -> Floats:
        days = at_ns // DAY_NS
        factors = np.empty(len(at_ns))
        for day in np.unique(days):
            factors[days == day] = self._cloud_of(int(day))
        return factors

    def _cloud_of(self, day: int) -> float:
        if day not in self._clouds:
            self._clouds[day] = 0.35 + 0.75 * self._entropy.stream(f"weather/sun/{day}").random()
        return self._clouds[day]

    def _ramped(self, target: str, at_ns: Ints) -> Floats:
        total = np.zeros(len(at_ns))
        for ramp in self.ramps:
            if ramp.target != target:
                continue
            tau_ns = 120e9
            rising = 1.0 - np.exp(-np.clip(at_ns - ramp.from_ns, 0, None) / tau_ns)
            left = 1.0 - np.exp(-(ramp.to_ns - ramp.from_ns) / tau_ns)
            falling = left * np.exp(-np.clip(at_ns - ramp.to_ns, 0, None) / tau_ns)
            total += ramp.amount * np.where(at_ns <= ramp.to_ns, rising, falling)
        return total
