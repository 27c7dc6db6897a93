"""Over which spans a source vouched for a unit, kept as spans although it says so every second."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from taktwin.contracts.vouching import SILENT_AFTER_NS
from taktwin.history.store import Vouched


class OpenSpans:
    """The newest span of each (connector, unit), growing with each confirmation.

    What is at most `join_ns` apart belongs together.
    """

    def __init__(self, join_ns: int = SILENT_AFTER_NS) -> None:
        self._join_ns = join_ns
        self._spans: dict[tuple[str, str], tuple[int, int]] = {}

    def add_span(self, span: Vouched) -> list[Vouched]:
        """Note a whole span; return spans that are closed by it, to be stored."""
        who = (span.connector, span.unit)
        known = self._spans.get(who)
        if known is None:
            self._spans[who] = (span.from_ns, span.to_ns)
            return []
        from_ns, to_ns = known
        if span.from_ns > to_ns + self._join_ns:
            self._spans[who] = (span.from_ns, span.to_ns)
            return [Vouched(*who, from_ns, to_ns)]
        if span.to_ns < from_ns - self._join_ns:
            return [span]  # late: it stands for itself, and readers join what touches
        self._spans[who] = (min(from_ns, span.from_ns), max(to_ns, span.to_ns))
        return []

    def all(self) -> list[Vouched]:
        """Return the open spans."""
        return [Vouched(*who, *span) for who, span in list(self._spans.items())]

    def copy(self) -> OpenSpans:
        """Return the same spans, apart from these."""
        other = OpenSpans(self._join_ns)
        other._spans = dict(self._spans)
        return other

    def encode(self) -> bytes:
        """Return all of it as bytes."""
        return msgspec.msgpack.encode(self.all())

    @classmethod
    def decode(cls, stored: bytes, join_ns: int = SILENT_AFTER_NS) -> OpenSpans:
        """Return what was encoded; empty bytes give an empty one."""
        spans = cls(join_ns)
        if stored:
            for span in msgspec.msgpack.decode(stored, type=list[Vouched]):
                spans._spans[(span.connector, span.unit)] = (span.from_ns, span.to_ns)
        return spans


def joined(spans: Iterable[Vouched], join_ns: int = SILENT_AFTER_NS) -> list[Vouched]:
    """Return spans of each (connector, unit) in order, with those joined that are at most so far apart."""
    out: list[Vouched] = []
    for span in sorted(spans):
        last = out[-1] if out else None
        if last is not None and last[:2] == span[:2] and span.from_ns <= last.to_ns + join_ns:
            out[-1] = last._replace(to_ns=max(last.to_ns, span.to_ns))
        else:
            out.append(span)
    return out
