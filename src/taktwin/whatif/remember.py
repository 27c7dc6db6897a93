"""The plant's past as the historian keeps it, handed unit by unit to whoever calibrates.

Reads state, counts, job, product, alarm code and power of each work unit that has an operation, a day at a
time, so that half a year fits into memory, and what the MES said of its job orders. Nothing else is asked: no
other signal, and no file beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.history.values import numbers, unpack
from taktwin.identity import SignalId
from taktwin.instants import SECOND_NS
from taktwin.measures.power_levels import fitted
from taktwin.measures.time_classes import Band
from taktwin.plant.registry import Equipment, Registry
from taktwin.plant.routes import made_at
from taktwin.quality import Quality
from taktwin.whatif import pieces, turns
from taktwin.whatif.observe import ROLES, Hours, Row, Seen, Watch

DAY_NS = 86_400 * SECOND_NS
POWERED_NS = 2 * DAY_NS  # of the end of the range: power is said often, and differs little
LEVELS_NS = 14 * DAY_NS  # of the end of the range: in them a unit is at all its powers
HELD_NS = 600 * SECOND_NS  # a power that was said holds for no longer


class Past(Protocol):
    """What is asked of the history (`history.client.History`)."""

    def range(self, signals: list[SignalId], from_ns: int, to_ns: int) -> pa.Table:
        """Return rows with `from_ns <= source_ns < to_ns`, by signal and time."""
        ...

    def events(self, from_ns: int, to_ns: int, *, types: Sequence[str]) -> pa.Table:
        """Return events of [from, to) by time."""
        ...


def said(past: Past, from_ns: int, to_ns: int) -> list[tuple[int, EventData]]:
    """Return what the MES said of job orders in [from, to), in its sequence: instants and facts."""
    kinds = {kind.event_type: kind for kind in (*turns.KINDS, *pieces.KINDS)}
    found: list[tuple[str, int, EventData]] = []
    start_ns = from_ns
    while start_ns < to_ns:
        end_ns = min(start_ns + 7 * DAY_NS, to_ns)
        table = past.events(start_ns, end_ns, types=sorted(kinds))
        for sequence, at_ns, body in zip(
            *(table[name].to_pylist() for name in ("sequence", "time_ns", "body")), strict=True
        ):
            event = events.decode(body)
            content = msgspec.json.decode(event.data, type=kinds[event.name])
            found.append((str(sequence or ""), int(at_ns), content))
        start_ns = end_ns
    found.sort(key=lambda each: each[:2])
    return [(at_ns, content) for _, at_ns, content in found]


def watched(
    past: Past, registry: Registry, from_ns: int, to_ns: int, *, portion_ns: int = DAY_NS
) -> Iterator[Seen]:
    """Return what each work unit that has an operation did in [from, to).

    All units are asked for together, a portion after the other: a history is many files of an hour, and
    opening one costs more than reading a unit out of it.
    """
    made = made_at(registry)
    here = [unit for unit in registry.work_units if str(unit.id) in made]
    levels = _levels(past, registry, here, max(from_ns, to_ns - LEVELS_NS), to_ns, portion_ns)
    units = [
        _Unit(registry, unit, made[str(unit.id)], from_ns, to_ns, levels.get(str(unit.id), unit.bands))
        for unit in here
    ]
    start_ns = from_ns
    while start_ns < to_ns:
        end_ns = min(start_ns + portion_ns, to_ns)
        table = past.range([name for unit in units for name in unit.asked(end_ns)], start_ns, end_ns)
        for unit, rows in zip(units, _by_unit(table, units), strict=True):
            unit.feed(rows)
        start_ns = end_ns
    for unit in units:
        yield unit.watch.finish(to_ns)


def _levels(
    past: Past, registry: Registry, units: Sequence[Equipment], from_ns: int, to_ns: int, portion_ns: int
) -> dict[str, tuple[Band, ...]]:  # fmt: skip
    """Return the steps of power of those units that tell their state by nothing else, as they show them."""
    signal_of = {
        str(unit.id): registry.signals[index].id
        for unit in units if unit.bands and not unit.state_model
        for index in unit.signals if registry.signals[index].role == "power"
    }  # fmt: skip
    said: dict[str, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]] = {}
    for start_ns in range(from_ns, to_ns, portion_ns) if signal_of else ():
        table = past.range(list(signal_of.values()), start_ns, min(start_ns + portion_ns, to_ns))
        for unit, signal in signal_of.items():
            own = table.filter(pc.equal(table["signal"], pa.scalar(str(signal))))
            at_ns, power_kw = own["source_ns"].to_numpy(), numbers(own)
            good = own["quality"].to_numpy() == Quality.GOOD
            order = np.argsort(at_ns[good], kind="stable")
            said.setdefault(unit, []).append((at_ns[good][order], power_kw[good][order]))
    found = {}
    for unit, some in said.items():
        at_ns = np.concatenate([each[0] for each in some])
        held_ns = np.minimum(np.diff(at_ns, append=to_ns), HELD_NS)
        power_kw = np.concatenate([each[1] for each in some])
        found[unit] = fitted(registry.equipment[unit].bands, power_kw, held_ns / SECOND_NS)  # type: ignore[index]
    return found


class _Unit:
    """One work unit that is followed, and what is asked of it."""

    def __init__(
        self, registry: Registry, unit: Equipment, products: Mapping[str, str], from_ns: int, to_ns: int,
        bands: Sequence[Band],
    ) -> None:  # fmt: skip
        calendar = registry.calendars.get(unit.calendar)
        spans = [(from_ns, to_ns)] if calendar is None else calendar.planned_intervals(from_ns, to_ns)
        self._bands = () if unit.state_model else tuple(bands)
        self._has_bands = bool(unit.bands)
        self._powered_ns = to_ns - POWERED_NS
        self.roles = {
            registry.signals[index].id: registry.signals[index].role
            for index in unit.signals if registry.signals[index].role in ROLES
        }  # fmt: skip
        self.watch = Watch(
            str(unit.id), Hours(spans), products=products, state_model=unit.state_model, bands=self._bands,
            powered_ns=self._powered_ns,
        )  # fmt: skip
        self.watch.seen.moved = tuple(
            (band, before.above_kw)
            for band, before in zip(self._bands, unit.bands, strict=False)
            if band.above_kw != before.above_kw
        )

    def asked(self, end_ns: int) -> list[SignalId]:
        """Return the signals that are read of a portion that ends then."""
        powered = self._has_bands or end_ns > self._powered_ns
        return [name for name, role in self.roles.items() if role != "power" or powered]

    def feed(self, table: pa.Table) -> None:
        """Follow the rows of a portion."""
        self.watch.feed(_rows(table, self.roles, self._bands, self._powered_ns))


def _by_unit(table: pa.Table, units: Sequence[_Unit]) -> Iterator[pa.Table]:
    """Return the rows of each unit, in their order."""
    signal: Any = pc.dictionary_encode(table["signal"].combine_chunks())
    place = {str(name): number for number, unit in enumerate(units) for name in unit.roles}
    whose = np.array([place[str(name)] for name in signal.dictionary.to_pylist()], np.int64)
    of_row = whose[signal.indices.to_numpy()] if table.num_rows else whose
    for number in range(len(units)):
        yield table.take(np.flatnonzero(of_row == number))


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
