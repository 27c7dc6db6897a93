"""The described plant in the simulation's words: comes in a registry and what is known of durations.

Goes out: work centers, routes and calendars over the horizon, the way back to the plant's own names, and
a note for everything that the simulation does not take over. Orders and the present are `fork`'s. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from taktwin.contracts.whatif import Note
from taktwin.instants import SECOND_NS
from taktwin.measures.time_classes import Band
from taktwin.plant import schema
from taktwin.plant.registry import Registry
from taktwin.plant.routes import number_of, setups, stand_ins, work_units_of
from taktwin.simulation.distributions import Distribution, Fixed, LogNormal
from taktwin.simulation.model import Batch, Calendar, Failure, Product, Rule, Step, WorkCenter
from taktwin.simulation.parameters import ParameterSet
from taktwin.whatif.measured import Measured, Setups, longer

NEVER_S = 10 * 365 * 86_400.0
VERSION = "4"  # of this translation: another one gives the same plant other figures


@dataclass(frozen=True, slots=True)
class Parameters:
    """What no plant folder says: as it was measured, and assumptions where nobody has."""

    work_cv: float = 0.1  # standard deviation of a part's time over its standard time
    repair_s: float = 1200.0  # mean of what a fault that stands now takes
    repair_cv: float = 1.0
    calibration: str = "standard-times"  # else the first digits of the hash of `measured`
    measured: ParameterSet | None = None

    @property
    def is_calibrated(self) -> bool:
        """Return whether anything was measured."""
        return self.measured is not None


@dataclass(frozen=True, slots=True)
class Translated:
    """A plant without orders and without a present."""

    centers: tuple[WorkCenter, ...]
    products: tuple[Product, ...]  # in the sequence of their names; materials are not in the steps yet
    calendars: tuple[Calendar, ...]
    unit_of: Mapping[str, str]  # work unit -> unit of the simulation
    center_of: Mapping[str, str]  # work unit -> work center
    makes: frozenset[str]  # products that others are assembled of
    takes: Mapping[
        str, tuple[int, Mapping[str, int]]
    ]  # product -> place of the step, made parts that it takes
    notes: tuple[Note, ...]
    ways_down: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # work unit -> code -> its name
    bands: Mapping[str, tuple[Band, ...]] = field(default_factory=dict)  # work unit -> where found otherwise

    def product(self, name: str) -> Product:
        """Return a product by its name."""
        return next(each for each in self.products if each.name == name)


def translated(registry: Registry, parameters: Parameters, *, now_ns: int, horizon_s: float) -> Translated:
    """Return a plant in the simulation's words, from an instant on."""
    routes = {
        name: registry.routings[product.routing].operations
        for name, product in sorted(registry.products.items())
        if product.make and product.routing in registry.routings
    }
    notes: list[Note] = []
    groups = _groups(registry, routes, notes)
    name_of = _center_names(registry, groups)
    center_of = {unit: name_of[group] for group in groups for unit in group}
    known = Measured(parameters.measured) if parameters.measured else None
    centers = tuple(
        _center(registry, routes, group, name_of[group], parameters, known, notes) for group in groups
    )
    tool_of = {center.name: center.tools[0].name for center in centers if center.tools}
    set_up = frozenset(center.name for center in centers if center.setup_s)
    return Translated(
        centers=centers,
        products=tuple(
            _product(registry, name, routes[name], center_of, tool_of, set_up, parameters, known)
            for name in routes
        ),
        calendars=_calendars(registry, groups, now_ns, horizon_s, known),
        ways_down={} if known is None else {
            unit: _ways_down(center, number)
            for group, center in zip(groups, centers, strict=True) for number, unit in enumerate(group, 1)
        },
        bands={} if known is None else {
            unit: steps for unit in center_of
            if (steps := known.bands(unit, registry.equipment[unit].bands))  # type: ignore[index]
        },
        unit_of={unit: f"{name_of[group]}.{n + 1}" for group in groups for n, unit in enumerate(group)},
        center_of=center_of,
        makes=frozenset(item.product for name in routes for item in registry.products[name].bill_of_material
                        if item.product in routes),
        takes={name: found for name in routes if (found := _takes(registry, routes, name))},
        notes=(
            *{note.text: note for note in notes}.values(),
            *_left_out(registry, routes, parameters, known),
        ),
    )  # fmt: skip


Routes = Mapping[str, list[schema.Operation]]


def _groups(registry: Registry, routes: Routes, notes: list[Note]) -> list[tuple[str, ...]]:
    """Return the work units that stand in for each other: one queue each."""
    operations = [operation for route in routes.values() for operation in route]
    wanted = {frozenset(work_units_of(registry, each)) for each in operations} - {frozenset()}
    groups = stand_ins(registry, operations)
    for group in groups:
        if any(units < set(group) for units in wanted):
            notes.append(Note(
                code="joined", subjects=list(group),
                text=f"{', '.join(group)} are taken to do each other's work: "
                "some operations may run on some of them only",
            ))  # fmt: skip
    return groups


def _center_names(registry: Registry, groups: list[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    classes = [registry.equipment[group[0]].class_id for group in groups]  # type: ignore[index]
    return {
        group: group[0] if len(group) == 1 else kind if classes.count(kind) == 1 else "+".join(group)
        for group, kind in zip(groups, classes, strict=True)
    }


def _center(
    registry: Registry, routes: Routes, group: tuple[str, ...], name: str, parameters: Parameters,
    known: Measured | None, notes: list[Note],
) -> WorkCenter:  # fmt: skip
    here = [
        (product, operation) for product, route in routes.items() for operation in route
        if set(work_units_of(registry, operation)) <= set(group)
    ]  # fmt: skip
    family_of = {product: registry.products[product].setup_family for product, _ in here}
    setup_s: Setups = setups((family_of[product], operation) for product, operation in here)
    if known is not None:
        setup_s = known.setups(group, family_of, setup_s)
    capacity: int | None = None
    for buffer in registry.buffers:
        if not set(buffer.targets) & set(group):
            continue
        if set(buffer.targets) <= set(group):
            capacity = (capacity or 0) + buffer.capacity
        else:
            notes.append(Note(
                code="store", subjects=[buffer.id],
                text=f"the {buffer.capacity} places of {buffer.id} are taken to be enough",
            ))  # fmt: skip
    calendars = {registry.equipment[unit].calendar for unit in group}  # type: ignore[index]
    if len(calendars) > 1:
        notes.append(Note(
            code="calendars", subjects=list(group),
            text=f"{', '.join(group)} are taken to work by the calendar of {group[0]}",
        ))  # fmt: skip
    calendar = registry.equipment[group[0]].calendar  # type: ignore[index]
    planned = calendar in registry.calendars and not registry.calendars[calendar].always
    batch = _batch(here, group, known)
    by_order = None if known is None else known.by_order(group)
    if batch is not None and capacity is not None and by_order is None:
        notes.append(Note(
            code="furnace_queue", subjects=list(group),
            text=f"the {capacity} places before {', '.join(group)} are taken to be enough",
        ))  # fmt: skip
        capacity = None
    if batch is not None and by_order is not None:
        batch = Batch(batch.parts_max)  # what it waits for is its order
    center = WorkCenter(
        name, len(group), capacity,
        Rule.SETUP if any(setup_s.values()) and capacity and by_order is None else Rule.FIFO,
        calendar if planned else None,
        # Of which nobody knows why it stands now is repaired too.
        Failure(Fixed(NEVER_S), LogNormal(parameters.repair_s, parameters.repair_cv)),
        setup_s=setup_s, batch=batch, by_order=by_order,
    )  # fmt: skip
    return center if known is None else known.equipped(center, group, [product for product, _ in here])


def _ways_down(center: WorkCenter, number: int) -> dict[str, str]:
    """Return what a unit may stand by: the code that was measured, and what a start calls it."""
    failures = {each.name: each.name for each in center.failures_of(number) if each.name}
    return failures | {tool.name: f"tool {tool.name}" for tool in center.tools}


def _batch(
    here: list[tuple[str, schema.Operation]], group: tuple[str, ...], known: Measured | None
) -> Batch | None:
    sizes = {operation.batch: operation.standard_time_s for _, operation in here if operation.batch > 1}
    if not sizes:
        return None
    size = max(sizes)
    seen = None if known is None else known.charge(group)
    # Parts at the end of all orders must not wait for ever for others that fill the charge.
    return Batch(size, size, sizes[size]) if seen is None else seen


def _work(mean_s: float, parameters: Parameters) -> Distribution:
    return LogNormal(mean_s, parameters.work_cv) if mean_s > 0 and parameters.work_cv > 0 else Fixed(mean_s)


def _product(
    registry: Registry, name: str, route: list[schema.Operation], center_of: Mapping[str, str],
    tool_of: Mapping[str, str], set_up: frozenset[str], parameters: Parameters, known: Measured | None,
) -> Product:  # fmt: skip
    steps = []
    for place, operation in enumerate(route):
        units = work_units_of(registry, operation)
        center = center_of[units[0]] if units else ""
        step = Step(
            step_of(place), center, _work(operation.standard_time_s, parameters),
            # Also of what needs no set-up itself: whoever comes after it may need one.
            family=registry.products[name].setup_family if center in set_up else None,
            tool=tool_of.get(center),
        )  # fmt: skip
        if known is not None:
            group = [unit for unit, at in center_of.items() if at == center]
            work = known.work(group, name, operation.standard_time_s)
            follows = work_units_of(registry, route[place + 1]) if place + 1 < len(route) else ()
            move_s = sum(
                known.delay_s(buffer.id)
                for buffer in registry.buffers
                if set(units) & set(buffer.sources) and set(follows) & set(buffer.targets)
            )
            step = replace(step, work=work or step.work, scrap=known.scrap(group, name), move_s=move_s)
            if place == 0 and known.is_remade(group):
                # Nothing is missing behind it; making it again takes its time.
                again_s = step.work.mean_s * step.scrap / (1 - step.scrap)
                step = replace(step, work=longer(step.work, again_s), scrap=0.0)
        steps.append(step)
    return Product(name, tuple(steps))


def step_of(place: int) -> str:
    """Return the name of a route's step by its place from 0: the operation's number."""
    return str(number_of(place))


def _takes(registry: Registry, routes: Routes, name: str) -> tuple[int, Mapping[str, int]] | None:
    """Return at which step a product takes what is made here too, and how many pieces."""
    made = {item.product: math.ceil(item.quantity) for item in registry.products[name].bill_of_material
            if item.product in routes}  # fmt: skip
    if not made:
        return None
    places = [place for place, each in enumerate(routes[name]) if set(each.consumes) & set(made)]
    return (places[0] if places else 0), made


def _calendars(
    registry: Registry, groups: Iterable[tuple[str, ...]], now_ns: int, horizon_s: float,
    known: Measured | None,
) -> tuple[Calendar, ...]:  # fmt: skip
    """Return each calendar over the horizon, hour by hour as it will be: nights of clock changes too.

    Where it was measured, planned stretches begin and end as late as people really do.
    """
    names = {registry.equipment[group[0]].calendar for group in groups}  # type: ignore[index]
    planned = sorted(
        each for each in names if each in registry.calendars and not registry.calendars[each].always
    )
    return tuple(calendar_over(registry, each, now_ns, horizon_s, known) for each in planned)


def calendar_over(
    registry: Registry, name: str, now_ns: int, horizon_s: float, known: Measured | None = None
) -> Calendar:
    """Return a calendar of the plant from an instant on; it does not repeat within the horizon."""
    to_ns = now_ns + round(horizon_s * SECOND_NS)
    spans = registry.calendars[name].planned_intervals(now_ns, to_ns)
    on = tuple(((a - now_ns) / SECOND_NS, (b - now_ns) / SECOND_NS) for a, b in spans)
    on = on if known is None else known.lived(name, on, horizon_s)
    # The period ends after the horizon; where nothing is planned within it, an hour beyond stands in.
    return Calendar(name, horizon_s + 7200, on or ((horizon_s + 3600, horizon_s + 7200),))


def _left_out(
    registry: Registry, routes: Routes, parameters: Parameters, known: Measured | None
) -> Iterable[Note]:
    operations = [operation for route in routes.values() for operation in route]
    charges = sorted(
        {unit for each in operations if each.batch > 1 for unit in work_units_of(registry, each)}
    )
    if known is None:
        yield Note(code="times", text="times are the standard times of the routings, not measured ones")
        yield Note(code="failures", text="no machine fails by itself: the intervals are too narrow")
        if charges:
            yield Note(code="batch", subjects=charges,
                       text=f"{', '.join(charges)}: a charge that is not full is taken to wait as long as "
                       "one takes")  # fmt: skip
        if any(each.tools for each in operations):
            yield Note(code="tools", text="tools are taken not to wear out")
        yield Note(code="scrap", text="every part is taken to be good")
    else:
        yield Note(code="measured", text=known.said(parameters.calibration))
        units = sorted({unit for each in operations for unit in work_units_of(registry, each)})
        yield from known.missing(units)
        yield Note(
            code="wear",
            text="machines and tools are taken to be as after a repair: how worn they are now is not known",
        )
    if any(each.skills for each in operations):
        yield Note(code="people", text="people are taken to be there")
    if any(
        not registry.products[i.product].make for n in routes for i in registry.products[n].bill_of_material
    ):
        yield Note(code="material", text="bought material is taken to be there")
    if registry.rework_routes:
        yield Note(code="rework", text="rework is not in it: what is not good is lost")
    if registry.maintenance_plans:
        yield Note(code="maintenance", text="planned maintenance is not in it")
