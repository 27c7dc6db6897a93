"""The journal that an MES would have kept, as the events that it would have said, in order.

In comes content of the catalogue of events; out go rows as the historian stores them: the same source,
numbers, subjects and places as those of the running MES.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from taktwin.contracts.events.envelope import PREFIX, EventData
from taktwin.contracts.events.subjects import subject_of
from taktwin.history.store import EventRow
from taktwin.identity import Place
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.plant.registry import Registry

SENDER = "mes"
HOUR_NS = 3600 * SECOND_NS


class Ledger:
    """Numbers events and hands them on."""

    def __init__(
        self, registry: Registry, sink: Callable[[EventRow], None], *, without: frozenset[str] = frozenset()
    ) -> None:
        """`without`: types of events that get their number and are not handed on."""
        self._sink = sink
        self._without = without
        self._source = f"/{registry.enterprise}/{registry.site}/{SENDER}"
        self._site = str(Place(registry.enterprise, registry.site))
        self._places = {str(name): str(each.place) for name, each in registry.equipment.items()}
        self._encode = msgspec.json.Encoder().encode
        self._heads: dict[type[EventData], bytes] = {}
        self._hour = (-1, "")
        self.written = 0

    def write(
        self, content: EventData, at_ns: int, *, recorded_ns: int, actor: str, correlation: str = ""
    ) -> None:
        """Write down a fact: when it happened, when that was noticed, by whom."""
        self.written += 1
        kind = type(content)
        if kind.event_type in self._without:
            return
        number = f"{self.written:020d}"
        subject = subject_of(content)
        time = self._text(at_ns)
        recorded = time if recorded_ns == at_ns else self._text(recorded_ns)
        place = self._places.get(getattr(content, "work_unit", ""), self._site)
        self._sink(EventRow(
            time_ns=at_ns, recorded_ns=recorded_ns, source=self._source, id=number, type=kind.event_type,
            subject=subject, place=place, sequence=number,
            body=self._body(content, number, subject, time, recorded, actor, correlation),
        ))  # fmt: skip

    def _body(
        self, content: EventData, number: str, subject: str, time: str, recorded: str, actor: str,
        correlation: str,
    ) -> bytes:  # fmt: skip
        """Return what `envelope.encode` makes of the event; put together here, for there are millions."""
        kind = type(content)
        head = self._heads.get(kind)
        if head is None:
            head = self._heads[kind] = (
                f'","source":"{self._source}","type":"{PREFIX}{kind.event_type}.v{kind.major}","time":"'
            ).encode()
        more = b""
        if correlation:
            more += b',"correlationid":' + self._encode(correlation)
        if actor:
            more += b',"authid":' + self._encode(actor)
        sequence = number.encode()
        return b"".join((
            b'{"id":"', sequence, head, time.encode(), b'","specversion":"1.0","subject":',
            self._encode(subject), b',"sequence":"', sequence, b'","recordedtime":"', recorded.encode(), b'"',
            more, b',"data":', self._encode(content), b"}",
        ))  # fmt: skip

    def _text(self, at_ns: int) -> str:
        hour, rest_ns = divmod(at_ns, HOUR_NS)
        if hour != self._hour[0]:
            self._hour = (hour, rfc3339(hour * HOUR_NS)[: len("2026-01-11T22:")])
        seconds, ns = divmod(rest_ns, SECOND_NS)
        minute, second = divmod(seconds, 60)
        return f"{self._hour[1]}{minute:02d}:{second:02d}.{ns:09d}Z"
