"""The virtual plant as a whole: the flow, and the reports that its machines make of it.

`advance(to_ns)` lets everything happen up to an instant and returns what the machines report in
that time, in time order. Values that change by events carry their exact instant; physical values
are reported at instants of a grid of each signal's own period. Cutting time into other steps gives
the same reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from taktwin.entropy import Entropy
from taktwin.faces.job_list import JobList
from taktwin.identity import EquipmentId
from taktwin.plant.registry import Registry, Signal
from taktwin.virtual_plant import segments as seg
from taktwin.virtual_plant.chance import Floats, Ints, Noise
from taktwin.virtual_plant.crafts import SPECTRUM_POINTS, spectrum
from taktwin.virtual_plant.flow import Bell, Calendar, Lead, Space, World
from taktwin.virtual_plant.interlock import CellInterlock
from taktwin.virtual_plant.jobs import CellJobs
from taktwin.virtual_plant.physics import Physics, Unit
from taktwin.virtual_plant.senses import Moment, Sense, ambient, energy_kwh, peak_kw, sense_of
from taktwin.virtual_plant.surroundings import HOUR_NS, Surroundings
from taktwin.virtual_plant.truth import Fact, Truth, TruthHeld, TruthParameters, TruthWear
from taktwin.virtual_plant.unit import ServiceUnit, WorkUnit

# What the flow itself reports at the instant of the change; everything else is physics on a grid.
_EVENT_PATHS = """
state mode set_up blocked starved good_count reject_count cycle_time job serial product made_serial
alarm/code alarm/active alarm/text alarm/priority tool/number tool/life wheel/parts_since_dressing
jam_count charge/number bead_width strength lot force_peak force_curve torque angle torque_curve
pressure_decay score noise efficiency order_spectrum diameter runout
mtc/avail mtc/execution mtc/mode mtc/program mtc/part_count mtc/system
"""
EVENT_PATHS = frozenset(_EVENT_PATHS.split())
HELD_PREFIXES = ("interlock/", "set/")  # what cells ask, and what others write into them
# How often a machine reports physics where the plant model names no period: heat is slow.
_PERIODS_S = (
    ("factor", 10.0),
    ("filter", 10.0),
    ("temperature", 5.0),
    ("energy", 10.0),
    ("pressure", 2.0),
    ("diameter", 10.0),
    ("carbon", 5.0),
)
DEFAULT_PERIOD_S = 1.0
SPECTRUM_PERIOD_S = 600.0


class Report(NamedTuple):
    """One value that a machine reports."""

    source_ns: int
    signal: int  # index in the registry
    value: Any


class Column(NamedTuple):
    """Reports of one signal on its grid, as arrays."""

    signal: int
    source_ns: Ints
    values: Floats | list[Any]


Evaluate: TypeAlias = Callable[[Ints, Ints], Floats | list[Any]]  # (instants, sample numbers) -> values


@dataclass(frozen=True, slots=True)
class Gridded:
    """A signal that is reported on a grid: whose it is and how it is evaluated."""

    signal: Signal
    period_ns: int
    phase_ns: int
    evaluate: Evaluate
    segments: seg.Segments | None  # shared columns of the unit, if the sense wants them
    sense: Sense | None = None
    unit: Unit | None = None


class VirtualPlant:
    """One plant, from its start on."""

    def __init__(
        self,
        registry: Registry,
        physics: Physics,
        *,
        start_ns: int,
        seed: int,
        sink: Callable[[Fact], None] | None = None,
        roles: frozenset[str] | None = None,
        lead: Lead | None = None,
    ) -> None:
        """Build the plant as it is at its start: empty, all counters at 0.

        Parameters
        ----------
        start_ns : plant time at which it begins
        sink : takes the facts of the truth; without it they are kept in `truth.facts`
        roles : report only signals of these roles; None: all
        lead : an MES that says what is made; None: the plant works off its own list
        """
        self.registry = registry
        self.physics = physics
        self.now_ns = start_ns
        self.start_ns = start_ns
        entropy = Entropy(seed)
        self.truth = Truth(sink)
        self.noise = Noise(entropy)
        self.surroundings = Surroundings(
            physics, time_zone=registry.time_zone, start_ns=start_ns, entropy=entropy
        )
        self._roles = roles
        self._emitted: dict[tuple[int, int], Any] = {}
        self._quiet = False
        self._paths: dict[str, dict[str, int]] = {}
        for signal in registry.signals:
            if self._wanted(signal):
                self._paths.setdefault(str(signal.equipment), {})[signal.path] = signal.index
        self.last: dict[int, tuple[int, Any]] = {}
        self.world = World(
            physics,
            start_ns=start_ns,
            entropy=entropy,
            surroundings=self.surroundings,
            truth=self.truth,
            emit=self._emit,
            wants=self._wants,
            lead=lead,
        )
        self.truth.add(TruthParameters(at_ns=start_ns, seed=seed, physics=_plain(physics)))
        self.units: dict[str, WorkUnit] = {}
        self._build_flow(registry)
        self.meters = {
            name: unit
            for name, unit in self.physics.units.items()
            if unit.kind == "meter" and EquipmentId(name) in registry.equipment
        }
        self._grid = self._build_grid()
        self._grids = sorted({(item.period_ns, item.phase_ns) for item in self._grid})
        # Standing values are those of the last grid instants: what held then has to be known as well.
        self._longest_ns = max((period_ns for period_ns, _ in self._grids), default=0)
        self._next_wear_ns = start_ns

    # Building.

    def _wanted(self, signal: Signal) -> bool:
        return self._roles is None or signal.role in self._roles

    def _build_flow(self, registry: Registry) -> None:
        calendars: dict[str, list[str]] = {}
        for name, unit in sorted(self.physics.units.items()):
            equipment = registry.equipment.get(EquipmentId(name))
            if equipment is None or unit.kind == "meter":
                continue  # a plant model may hold but a part of what the physics describe
            calendar: Calendar | None = registry.calendars.get(equipment.calendar)
            made = ServiceUnit if unit.kind in ("compressor", "hvac") else WorkUnit
            self.units[name] = made(
                self.world, name, unit, calendar, standard_s=equipment.standard_cycle_s, zone=equipment.zone
            )
            if calendar is not None:
                calendars.setdefault(equipment.calendar, []).append(name)
        described = {buffer.id: buffer for buffer in registry.buffers}
        for name, space in self.physics.buffers.items():
            self._add_space(name, space.sources, space.targets, space.capacity)
        for name, buffer in described.items():
            if name not in self.physics.buffers:
                self._add_space(name, buffer.sources, buffer.targets, buffer.capacity)
        for name, unit_names in sorted(calendars.items()):
            rings = [self.units[each].on_calendar for each in unit_names]
            Bell(self.world, registry.calendars[name], rings)
        for unit_here in self.units.values():
            # Without a neighbour in this plant model material comes from, or goes to, outside.
            unit_here.from_outside = not unit_here.inputs
            unit_here.to_outside = not unit_here.outputs

    def _add_space(self, name: str, sources: Any, targets: Any, capacity: int) -> None:
        space = Space(name, capacity)
        before = [self.units[each] for each in sources if each in self.units]
        behind = [self.units[each] for each in targets if each in self.units]
        if not before or not behind:
            return
        space.sources.extend(before)
        space.targets.extend(behind)
        for unit in before:
            unit.outputs.append(space)
        for unit in behind:
            unit.inputs.append(space)
        self.world.spaces[name] = space

    def _build_grid(self) -> list[Gridded]:
        found = []
        for signal in self.registry.signals:
            if not self._wanted(signal):
                continue
            name = str(signal.equipment)
            if name in self.units and (signal.path in EVENT_PATHS or signal.path.startswith(HELD_PREFIXES)):
                continue
            made = self._gridded(signal, name)
            if made is not None:
                found.append(made)
        return found

    def _gridded(self, signal: Signal, name: str) -> Gridded | None:
        slow = next((seconds for word, seconds in _PERIODS_S if word in signal.path), DEFAULT_PERIOD_S)
        period_s = signal.period_s or slow
        segments: seg.Segments | None = None
        sense: Sense | None = None
        spec: Unit | None = None
        if signal.type == "bytes" or str(signal.options.get("decoder", "")).startswith("spectrum"):
            period_s = signal.period_s or SPECTRUM_PERIOD_S
            owner = self._owner(signal, name)
            if owner is None:
                return None
            evaluate: Evaluate = self._spectra(signal, owner)
        elif signal.type in ("string", "array", "datetime"):
            return None  # nothing that this plant could say there
        elif name in self.units:
            spec, segments = self.units[name].physics, self.units[name].segments
            sense = sense_of(signal, spec.kind)
            evaluate = _unused
        elif name in self.meters:
            evaluate = self._meter(signal, name)
        else:
            evaluate = self._ambient(signal, name)
        period_ns = max(1, round(period_s * 1000)) * 1_000_000
        # All signals of a unit share their phase, as they share the scan of one controller.
        phase_ns = (sum(name.encode()) * 7919 % 1000) * 1_000_000 % period_ns
        return Gridded(signal, period_ns, phase_ns, evaluate, segments, sense, spec)

    def _owner(self, signal: Signal, name: str) -> WorkUnit | None:
        if name in self.units:
            return self.units[name]
        parent = self.registry.equipment[signal.equipment].parent
        return self.units.get(str(parent)) if parent is not None else None

    def _spectra(self, signal: Signal, owner: WorkUnit) -> Callable[[Ints, Ints], list[Any]]:
        def evaluate(at_ns: Ints, numbers: Ints) -> list[Any]:
            columns = owner.segments.at(at_ns)
            made = []
            for place, number in enumerate(numbers.tolist()):
                salt = number * SPECTRUM_POINTS + np.arange(SPECTRUM_POINTS, dtype=np.int64)
                producing = float(columns[seg.PRODUCING][place])
                made.append(
                    spectrum(
                        rpm=owner.physics.spindle_rpm,
                        severity=float(columns[seg.SEVERITY][place]),
                        rise=self.physics.causes.bearing_wear.rise,
                        level=0.05 + 0.95 * producing,
                        noise=self.noise.at(signal.index * 11, salt),
                    )
                )
            return made

        return evaluate

    def _meter(self, signal: Signal, name: str) -> Callable[[Ints, Ints], Floats]:
        """Sum what the units draw that a meter serves."""
        behind = {name}
        members = [self.units[each] for each in sorted(self._metered(name, behind))]
        base_kw = sum(self.meters[each].power.production for each in behind)

        def power(at_ns: Ints, numbers: Ints) -> Floats:
            total = np.full(len(at_ns), base_kw)
            for unit in members:
                columns = unit.segments.at(at_ns)
                total += columns[seg.POWER]
                total += peak_kw(self._moment(signal, at_ns, numbers, columns, unit.physics))
            return np.asarray(total * (1.0 + 0.004 * self.noise.at(signal.index * 11, numbers)))

        def energy(at_ns: Ints, numbers: Ints) -> Floats:
            total = base_kw * (at_ns - self.start_ns) / HOUR_NS
            for unit in members:
                columns = unit.segments.at(at_ns)
                total += energy_kwh(self._moment(signal, at_ns, numbers, columns, unit.physics))
            return np.asarray(total)

        def factor(at_ns: Ints, numbers: Ints) -> Floats:
            return np.asarray(0.93 + 0.002 * self.noise.at(signal.index * 11, numbers))

        return energy if signal.role == "energy" else factor if "factor" in signal.path else power

    def _metered(self, name: str, seen: set[str]) -> set[str]:
        """Return the units behind a meter, through the meters behind it, which are added to `seen`."""
        seen.add(name)
        supplies = [supply for supply in self.registry.supplies if supply.medium == "power"]
        targets = [target for supply in supplies if supply.source == name for target in supply.targets]
        found = {unit for unit in self.units if set(targets) & self._above(unit)}
        for target in targets:
            if target in self.meters and target not in seen:
                found |= self._metered(target, seen)
        fed = {target for supply in supplies for target in supply.targets}
        if name not in fed:  # the first meter of the plant counts all, also what has no meter of its own
            found |= set(self.units)
        return found

    def _above(self, name: str) -> set[str]:
        """Return a unit and everything that it stands in."""
        found: set[str] = set()
        at: str | None = name
        while at is not None and at not in found:
            found.add(at)
            equipment = self.registry.equipment.get(EquipmentId(at))
            at = None if equipment is None or equipment.parent is None else str(equipment.parent)
        return found

    def _ambient(self, signal: Signal, name: str) -> Callable[[Ints, Ints], Floats]:
        equipment = self.registry.equipment[signal.equipment]
        zone = equipment.zone or name

        def evaluate(at_ns: Ints, numbers: Ints) -> Floats:
            return ambient(signal, zone, at_ns, numbers, self.surroundings, self.noise)

        return evaluate

    def _moment(self, signal: Signal, at_ns: Ints, numbers: Ints, columns: seg.Columns, spec: Unit) -> Moment:
        return Moment(signal, at_ns, numbers, columns, spec, self.physics, self.surroundings, self.noise)

    # Running.

    def skip(self, to_ns: int) -> None:
        """Let time pass without reports: the warm-up of a live plant."""
        self._quiet, self.world.keep_segments = True, False
        self.world.run_to(max(self.now_ns, to_ns - self._longest_ns))
        self.world.keep_segments = True
        self.world.run_to(to_ns)
        self._quiet = False
        for (at_ns, signal), value in self._emitted.items():
            self.last[signal] = (at_ns, value)
        self._emitted.clear()
        self.now_ns = to_ns

    def next_ns(self) -> int:
        """Return the next instant after now at which something happens or is reported."""
        following = self.world.env.peek()
        soonest = following if following != float("inf") else self.now_ns + HOUR_NS
        for period_ns, phase_ns in self._grids:
            at_ns = ((self.now_ns - phase_ns) // period_ns + 1) * period_ns + phase_ns
            soonest = min(soonest, at_ns)
        return int(soonest)

    def last_value(self, signal: int) -> Any:
        """Return the newest value of a signal, None where it never had one."""
        return next((report.value for report in self.current() if report.signal == signal), None)

    def take_jobs(self, lists: Mapping[str, JobList]) -> None:
        """Let cells work off job orders from now on."""
        for name, jobs in lists.items():
            unit = self.units.get(name)
            if unit is not None:
                unit.jobs = CellJobs(jobs, unit)

    def ask_before_building(self, speed: float) -> None:
        """Let the cells that have an interlock ask from now on; `speed`: plant seconds a second."""
        for name, interlock in self.registry.interlocks.items():
            unit = self.units.get(name)
            if unit is not None:
                unit.interlock = CellInterlock(unit, self.world, interlock, speed=speed)

    def written(self, signal: Signal, value: Any) -> None:
        """Let a cell hear what was written into it."""
        name = str(signal.equipment)
        self.last[signal.index] = (self.now_ns, value)
        self.truth.add(TruthHeld(unit=name, at_ns=self.world.now_ns, path=signal.path, value=value))
        unit = self.units.get(name)
        if unit is not None and unit.interlock is not None:
            unit.interlock.written(signal.path, value)

    def break_machine(self, unit: str, at_ns: int, lasting_ns: int, text: str) -> None:
        """Let a unit break at an instant that is not in the past, for a span."""
        broken = self.units[unit]
        self.world.call_at(at_ns, lambda: broken.break_down(lasting_ns, text))

    def worn_insert(self, unit: str, times: float) -> None:
        """Have the tool that is in wear so many times as fast, from its beginning on, until it is changed."""
        self.units[unit].insert_times = times

    def change_tool(self, unit: str) -> bool:
        """Let somebody put another tool in before the next part; return whether the unit has one."""
        there = self.units.get(unit)
        return there is not None and there.ask_for_tool()

    def current(self) -> list[Report]:
        """Return the newest report of every signal, as a machine answers its first reader.

        Physical values are those of the last instant of their grid, or of now where that was
        before the plant began.
        """
        found = [Report(at_ns, signal, value) for signal, (at_ns, value) in self.last.items()]
        for column in self._columns(None, self.now_ns):
            values = _tolist(column.values)
            found.extend(
                Report(int(at), column.signal, v) for at, v in zip(column.source_ns, values, strict=True)
            )
        return sorted(found)

    def advance(self, to_ns: int) -> list[Report]:
        """Let everything happen up to an instant and return the reports in time order."""
        events, columns = self.advance_columns(to_ns)
        for column in columns:
            values = _tolist(column.values)
            number = column.signal
            events.extend(
                Report(at, number, value) for at, value in zip(column.source_ns.tolist(), values, strict=True)
            )
        events.sort(key=lambda report: (report.source_ns, report.signal))
        return events

    def advance_columns(self, to_ns: int) -> tuple[list[Report], list[Column]]:
        """Do the same, and return events as they came and gridded signals as arrays."""
        from_ns = self.now_ns
        assert to_ns >= from_ns, "a plant runs forward"
        self.world.run_to(to_ns)
        self.now_ns = to_ns
        columns = self._columns(from_ns, to_ns)
        events = [Report(at_ns, signal, value) for (at_ns, signal), value in self._emitted.items()]
        for report in events:
            self.last[report.signal] = (report.source_ns, report.value)
        self._emitted.clear()
        for unit in self.units.values():
            unit.segments.forget_before(to_ns - self._longest_ns)
        self._tell_wear(to_ns)
        return events, columns

    def _columns(self, from_ns: int | None, to_ns: int) -> list[Column]:
        """Evaluate all gridded signals at their instants in (from, to]; at the last one for None."""
        made = []
        shared: dict[tuple[int, int, int], tuple[Ints, Ints, seg.Columns | None]] = {}
        for item in self._grid:
            last = (to_ns - item.phase_ns) // item.period_ns
            first = last if from_ns is None else (from_ns - item.phase_ns) // item.period_ns + 1
            if first > last:
                continue
            key = (id(item.segments), item.period_ns, item.phase_ns)
            known = shared.get(key)
            if known is None:
                numbers = np.arange(first, last + 1, dtype=np.int64)
                instants = numbers * item.period_ns + item.phase_ns
                if from_ns is None:
                    instants = np.maximum(instants, self.start_ns)
                columns = item.segments.at(instants) if item.segments is not None else None
                known = shared[key] = (numbers, instants, columns)
            numbers, instants, columns = known
            if item.sense is not None:
                assert columns is not None and item.unit is not None, "a sense belongs to a unit"
                values: Floats | list[Any] = item.sense(
                    self._moment(item.signal, instants, numbers, columns, item.unit)
                )
            else:
                values = item.evaluate(instants, numbers)
            made.append(Column(item.signal.index, instants, _typed(item.signal, values)))
        return made

    def said(self) -> list[Report]:
        """Return what machines have said by events before now, in the midst of an advance; once each.

        What happens at this very instant is not over yet: of two values of a signal only one is true.
        """
        found: list[Report] = []
        for at_ns, signal in list(self._emitted):
            if at_ns >= self.world.now_ns:
                break
            value = self._emitted.pop((at_ns, signal))
            self.last[signal] = (at_ns, value)
            found.append(Report(at_ns, signal, value))
        return found

    def finish(self) -> None:
        """Close the truth at now."""
        self.truth.close(self.now_ns)

    def _emit(self, unit: str, path: str, value: Any) -> None:
        paths = self._paths.get(unit)
        if paths is None:
            return
        index = paths.get(path)
        if index is None:
            return
        if self._quiet:
            self.last[index] = (self.world.now_ns, value)
            return
        # Of two values of one signal at one instant only the later one was ever true for any time.
        key = (self.world.now_ns, index)
        self._emitted.pop(key, None)
        self._emitted[key] = value

    def _wants(self, unit: str, path: str) -> bool:
        return path in self._paths.get(unit, ())

    def _tell_wear(self, to_ns: int) -> None:
        if to_ns < self._next_wear_ns:
            return
        self._next_wear_ns = (to_ns // HOUR_NS + 1) * HOUR_NS
        instants = np.array([to_ns], dtype=np.int64)
        for name, unit in self.units.items():
            values = {"tool": unit.tool_wear(), "bearing": unit.bearing_severity()}
            if any(values.values()):
                self.truth.add(TruthWear(unit=name, at_ns=to_ns, values=values))
        valve = self.physics.causes.compressor_valve
        if valve.on:
            values = {"valve": float(self.surroundings.valve_wear(instants)[0])}
            self.truth.add(TruthWear(unit=valve.unit, at_ns=to_ns, values=values))


def _unused(at_ns: Ints, numbers: Ints) -> Floats:
    raise AssertionError("signals of units are evaluated by their sense")


def _typed(signal: Signal, values: Floats | list[Any]) -> Floats | list[Any]:
    """Return values in the type and with the decimals that the device has."""
    if isinstance(values, list):
        return values
    if signal.type == "bool":
        return [bool(value) for value in values > 0.5]
    if "int" in signal.type:
        return [round(value) for value in values.tolist()]
    decimals = 3 if signal.decimals is None else signal.decimals + 1
    return np.round(values, decimals)


def _tolist(values: Floats | list[Any]) -> list[Any]:
    return values if isinstance(values, list) else values.tolist()


def _plain(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return made
