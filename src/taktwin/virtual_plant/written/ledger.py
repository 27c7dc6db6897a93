"""The journal that an MES would have kept, as the events that it would have said, in order.

In comes content of the catalogue of events; out go rows as the historian stores them: the same source,
numbers, subjects and places as those of the running MES.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from taktwin.contracts.events.envelope import PREFIX, CloudEvent, EventData
from taktwin.contracts.events.subjects import subject_of
from taktwin.history.store import EventRow
from taktwin.identity import EquipmentId, Place
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.plant.registry import Registry

SENDER = "mes"


class Ledger:
    """Numbers events and hands them on."""

    def __init__(self, registry: Registry, sink: Callable[[EventRow], None]) -> None:
        self._sink = sink
        self._source = f"/{registry.enterprise}/{registry.site}/{SENDER}"
        self._site = str(Place(registry.enterprise, registry.site))
        self._places = {name: str(each.place) for name, each in registry.equipment.items()}
        self._encoder = msgspec.json.Encoder()
        self._second = (-1, "")
        self.written = 0

    def write(
        self, content: EventData, at_ns: int, *, recorded_ns: int, actor: str, correlation: str = ""
    ) -> None:
        """Write down a fact: when it happened, when that was noticed, by whom."""
        self.written += 1
        number = f"{self.written:020d}"
        subject = subject_of(content)
        event = CloudEvent(
            id=number, source=self._source, specversion="1.0",
            type=f"{PREFIX}{content.event_type}.v{content.major}", time=self._text(at_ns), subject=subject,
            sequence=number, authid=actor, data=msgspec.Raw(self._encoder.encode(content)),
            recordedtime=self._text(recorded_ns), correlationid=correlation,
        )  # fmt: skip
        place = self._places.get(EquipmentId(getattr(content, "work_unit", "")), self._site)
        self._sink(EventRow(
            time_ns=at_ns, recorded_ns=recorded_ns, source=self._source, id=number, type=content.event_type,
            subject=subject, place=place, sequence=number, body=self._encoder.encode(event),
        ))  # fmt: skip

    def _text(self, at_ns: int) -> str:
        second, rest = divmod(at_ns, SECOND_NS)
        if second != self._second[0]:
            self._second = (second, rfc3339(second * SECOND_NS)[:-10])
        return f"{self._second[1]}{rest:09d}Z"
