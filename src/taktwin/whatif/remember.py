"""The plant's past as the historian keeps it, handed unit by unit to whoever calibrates.

Reads state, counts, job, product, alarm code and power of each work unit that has an operation, a week at a
time, so that half a year fits into memory. Nothing else is asked: no other signal, and no file beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taktwin.history.values import numbers, unpack
from taktwin.identity import SignalId
from taktwin.instants import SECOND_NS
from taktwin.measures.time_classes import Band
from taktwin.plant.registry import Equipment, Registry
from taktwin.quality import Quality
from taktwin.whatif.observe import ROLES, Hours, Row, Seen, Watch

WEEK_NS = 7 * 86_400 * SECOND_NS
POWERED_NS = 2 * 86_400 * SECOND_NS  # of the end of the range: power is said often, and differs little


class Past(Protocol):
    """What is asked of the history (`history.client.History`)."""

    def range(self, signals: list[SignalId], from_ns: int, to_ns: int) -> pa.Table:
        """Return rows with `from_ns <= source_ns < to_ns`, by signal and time."""
        ...


def watched(
    past: Past, registry: Registry, from_ns: int, to_ns: int, *, portion_ns: int = WEEK_NS
) -> Iterator[Seen]:
    """Return what each work unit that has an operation did in [from, to)."""
    made = made_at(registry)
    for unit in registry.work_units:
        if str(unit.id) in made:
            yield _watched(past, registry, unit, made[str(unit.id)], from_ns, to_ns, portion_ns)


def made_at(registry: Registry) -> dict[str, dict[str, str]]:
    """Return of each work unit what it may say that it works on -> the product of the routing.

    A cell at the head of an assembly may name the part that it takes instead of the product.
    """
    found: dict[str, dict[str, str]] = {}
    parts: dict[str, dict[str, set[str]]] = {}
    for name, product in sorted(registry.products.items()):
        if not (product.make and product.routing in registry.routings):
            continue
        for operation in registry.routings[product.routing].operations:
            units = operation.equipment or [
                str(each.id) for each in registry.work_units if each.class_id == operation.equipment_class
            ]
            for unit in units:
                found.setdefault(unit, {})[name] = name
                for item in product.bill_of_material:
                    parts.setdefault(unit, {}).setdefault(item.product, set()).add(name)
    for unit, taken in parts.items():
        for part, names in taken.items():
            if len(names) == 1 and part not in found[unit]:
                found[unit][part] = next(iter(names))
    return found


def _watched(
    past: Past, registry: Registry, unit: Equipment, products: Mapping[str, str], from_ns: int, to_ns: int,
    portion_ns: int,
) -> Seen:  # fmt: skip
    calendar = registry.calendars.get(unit.calendar)
    spans = [(from_ns, to_ns)] if calendar is None else calendar.planned_intervals(from_ns, to_ns)
    roles = {
        registry.signals[index].id: registry.signals[index].role
        for index in unit.signals if registry.signals[index].role in ROLES
    }  # fmt: skip
    watch = Watch(
        str(unit.id), Hours(spans), products=products, state_model=unit.state_model,
        bands=() if unit.state_model else unit.bands, powered_ns=to_ns - POWERED_NS,
    )  # fmt: skip
    start_ns = from_ns
    while start_ns < to_ns:
        end_ns = min(start_ns + portion_ns, to_ns)
        asked = [
            name for name, role in roles.items()
            if role != "power" or unit.bands or end_ns > to_ns - POWERED_NS
        ]  # fmt: skip
        table = past.range(asked, start_ns, end_ns)
        watch.feed(_rows(table, roles, () if unit.state_model else unit.bands, to_ns - POWERED_NS))
        start_ns = end_ns
    return watch.finish(to_ns)


def _rows(
    table: pa.Table, roles: Mapping[SignalId, str], bands: Sequence[Band], powered_ns: int
) -> Iterable[Row]:
    at_ns = table["source_ns"].to_numpy()
    order = np.argsort(at_ns, kind="stable")
    if len(order):
        kept = _telling(table, roles, bands, powered_ns)
        order = order[kept[order]]
    table = table.take(order)
    names = [str(name) for name in table["signal"].to_pylist()]
    qualities = table["quality"].to_pylist()
    for source_ns, name, value, quality in zip(
        at_ns[order].tolist(), names, unpack(table), qualities, strict=True
    ):
        yield Row(source_ns, roles[SignalId(name)], value, quality == Quality.GOOD)


def _telling(
    table: pa.Table, roles: Mapping[SignalId, str], bands: Sequence[Band], powered_ns: int
) -> npt.NDArray[np.bool_]:
    """Return which rows say something: of power before the last days only that its class changes."""
    power = [str(name) for name, role in roles.items() if role == "power"]
    is_power = pc.is_in(table["signal"], pa.array(power, pa.string())).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(is_power)
    kept = ~is_power
    at_ns = table["source_ns"].to_numpy()[places]
    kept[places[at_ns >= powered_ns]] = True
    if bands and len(places):
        edges = np.array(sorted({band.above_kw for band in bands}))
        good = table["quality"].to_numpy()[places] == Quality.GOOD
        level = np.where(good, np.searchsorted(edges, numbers(table)[places], side="right"), -1)
        kept[places[np.concatenate(([True], level[1:] != level[:-1]))]] = True
    return kept
