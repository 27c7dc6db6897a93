"""Where the recorder reads the past: a small port, and the historian's questions behind it.

Read is what happened in a stretch of source time: values in order with their keys, the stretches
over which sources vouched, and the events that the twin understands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from taktwin.bus.port import Bus
from taktwin.contracts import events, topics
from taktwin.contracts.events import CloudEvent
from taktwin.contracts.samples import Scan
from taktwin.history import requests
from taktwin.history.requests import (
    NAMES,
    AsOfRequest,
    EventsRequest,
    IntervalsRequest,
    RangeRequest,
    VouchedRequest,
)
from taktwin.history.values import unpack
from taktwin.identity import SignalId
from taktwin.plant.registry import Registry

UNDERSTOOD = [
    "connector.state.changed",
    "equipment.alarm.acknowledged",
    "equipment.alarm.shelved",
    "equipment.alarm.unshelved",
    "equipment.alarm.commented",
]
STEPS = [*UNDERSTOOD, "equipment.alarm.raised", "equipment.alarm.cleared"]
TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class PastValues:
    """Values of one scan within one instant of source time."""

    at_ns: int
    unit: str
    scan: Scan
    ingest_ns: int


@dataclass(frozen=True, slots=True)
class Vouched:
    """A stretch over which a source vouched for a unit without a gap."""

    connector: str
    unit: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened in [from_ns, to_ns)."""

    from_ns: int
    to_ns: int
    values: list[PastValues]
    vouched: list[Vouched]
    facts: list[CloudEvent]


class Past(Protocol):
    """What the recorder asks."""

    async def read(self, from_ns: int, to_ns: int) -> Stretch:
        """Return what happened in a stretch, in order of source time. Raises BusError."""
        ...

    async def standing(self, at_ns: int) -> list[PastValues]:
        """Return of each signal the value that stood at an instant. Raises BusError."""
        ...

    async def step(self, at_ns: int, *, forward: bool) -> int | None:
        """Return the instant of the next or previous event or change of class, None if there is none."""
        ...


class HistoryPast:
    """The past as the historian keeps it."""

    def __init__(self, bus: Bus, registry: Registry) -> None:
        self._bus = bus
        self._registry = registry

    async def _table(self, request: object) -> list[dict[str, object]]:
        table = await self._ask(request)
        rows: list[dict[str, object]] = table.to_pylist()
        return rows

    async def _ask(self, request: object):  # type: ignore[no-untyped-def]  # a pyarrow table
        name = NAMES[type(request)]  # type: ignore[index]
        subject = topics.query(self._registry.enterprise, self._registry.site, requests.OWNER, name)
        answer = await self._bus.request(
            subject,
            requests.encode(request),  # type: ignore[arg-type]
            timeout_s=TIMEOUT_S,
        )
        return requests.table_of(answer)

    async def read(self, from_ns: int, to_ns: int) -> Stretch:
        """Return what happened in a stretch."""
        values = await self._values(RangeRequest(from_ns=from_ns, to_ns=to_ns, by_time=True))
        spans = await self._table(VouchedRequest(from_ns=from_ns, to_ns=to_ns))
        rows = await self._table(EventsRequest(from_ns=from_ns, to_ns=to_ns, types=UNDERSTOOD))
        return Stretch(
            from_ns,
            to_ns,
            values,
            [Vouched(**span) for span in spans],  # type: ignore[arg-type]
            [events.decode(row["body"]) for row in rows],  # type: ignore[arg-type]
        )

    async def standing(self, at_ns: int) -> list[PastValues]:
        """Return of each signal the value that stood at an instant."""
        return sorted(await self._values(AsOfRequest(at_ns=at_ns)), key=lambda value: value.at_ns)

    async def _values(self, request: object) -> list[PastValues]:
        table = await self._ask(request)
        if table.num_rows == 0:
            return []
        by_id, prefix = self._registry.by_id, self._registry.prefix
        columns = {
            name: table[name].to_pylist()
            for name in (
                "signal",
                "source_ns",
                "ingest_ns",
                "quality",
                "connector",
                "unit",
                "epoch_ns",
                "sequence",
            )
        }
        found: list[PastValues] = []
        last: tuple[object, ...] = ()
        for signal, at_ns, ingest_ns, quality, connector, unit, epoch_ns, sequence, value in zip(
            *columns.values(), unpack(table), strict=True
        ):
            known = by_id.get(SignalId(signal))
            if known is None:
                continue  # the plant of then had it, the plant of now does not
            key = (at_ns, connector, unit, epoch_ns, sequence)
            if key != last:
                last = key
                scan = Scan(prefix, connector, epoch_ns, sequence, at_ns, qualities=[])
                found.append(PastValues(at_ns, unit, scan, ingest_ns))
            scan = found[-1].scan
            scan.signals.append(known.index)
            scan.dt_ns.append(0)
            scan.values.append(value)
            assert scan.qualities is not None
            scan.qualities.append(quality)
        return found

    async def step(self, at_ns: int, *, forward: bool) -> int | None:
        """Return the nearest event or change of class beside an instant."""
        day_ns = 86_400 * 1_000_000_000
        if forward:
            asked = EventsRequest(from_ns=at_ns + 1, types=STEPS, limit=1)
            window = IntervalsRequest(from_ns=at_ns, to_ns=at_ns + day_ns)
        else:
            asked = EventsRequest(to_ns=at_ns, types=STEPS, limit=1, newest_first=True)
            window = IntervalsRequest(from_ns=at_ns - day_ns, to_ns=at_ns)
        instants = [row["time_ns"] for row in await self._table(asked)]
        instants += [row["from_ns"] for row in await self._table(window)]
        beside = [i for i in instants if isinstance(i, int) and (i > at_ns if forward else i < at_ns)]
        if not beside:
            return None
        return min(beside) if forward else max(beside)
