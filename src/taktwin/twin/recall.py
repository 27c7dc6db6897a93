"""What an earlier life of this twin has told of intervals, read back before anything new is told.

A twin that was killed may have published more than its last snapshot knows of: an open end, a
silence at the live edge. The next life computes the same facts in other steps, so that an interval
that it never had would stand in history for ever, and a revision could be given out twice.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

import msgspec

from taktwin.contracts.state import IntervalMessage
from taktwin.twin.engine import TwinEngine
from taktwin.twin.state import NEVER
from taktwin.twin.timeline import Interval, UnitTimeline

# A twin without any snapshot reads back so much: some weeks of a busy plant.
RECALLED_MAX = 1_000_000
_decoder = msgspec.json.Decoder(IntervalMessage)


def recall(engine: TwinEngine, payloads: Iterable[bytes]) -> int:
    """Note what was told, in the order in which it was told; return how many messages made no sense."""
    strange = 0
    for payload in payloads:
        try:
            message = _decoder.decode(payload)
        except msgspec.DecodeError:
            strange += 1
            continue
        timeline = engine.timelines.get(message.unit)
        if timeline is not None:
            _note(timeline, message)
    return strange


def forget(engine: TwinEngine) -> None:
    """Forget what was told: the stream that held it is gone, so all of it has to be told again."""
    for timeline in engine.timelines.values():
        timeline.published.clear()
        timeline.published_order.clear()


def _note(timeline: UnitTimeline, message: IntervalMessage) -> None:
    at_ns = message.from_ns
    if timeline.pruned_ns != NEVER and timeline.intervals and at_ns < timeline.intervals[0].from_ns:
        return  # history keeps it; this twin does not correct it any more
    timeline.revisions[at_ns] = max(timeline.revisions.get(at_ns, 0), message.revision)
    known = at_ns in timeline.published
    if message.withdrawn:
        if known:
            del timeline.published[at_ns]
            del timeline.published_order[bisect_left(timeline.published_order, at_ns)]
        return
    if not known:
        insort(timeline.published_order, at_ns)
    timeline.published[at_ns] = Interval(
        at_ns, message.to_ns, message.time_class, message.reason, message.state, message.program, message.job
    )
