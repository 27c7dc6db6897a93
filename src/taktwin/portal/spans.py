"""A work unit's timeline cut to a window: every second in exactly one class. Pure.

Comes in: stored intervals of one unit. Goes out: intervals without holes or overlaps, and sums that
add up to the window. What nobody recorded is `unknown`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from taktwin.standards.iso22400 import TimeClass

NOT_RECORDED = "not recorded"


class Span(NamedTuple):
    """One interval; `to_ns` None: still open."""

    from_ns: int
    to_ns: int | None
    time_class: str
    reason: str = ""
    state: str = ""
    program: str = ""


def cover(spans: Iterable[Span], *, from_ns: int, to_ns: int) -> list[Span]:
    """Return the spans cut to [from_ns, to_ns), holes filled; a later start ends what was before."""
    ordered = sorted(spans, key=lambda span: span.from_ns)
    covered: list[Span] = []
    at_ns = from_ns
    for position, span in enumerate(ordered):
        following_ns = ordered[position + 1].from_ns if position + 1 < len(ordered) else to_ns
        start = max(span.from_ns, at_ns)
        end = min(to_ns if span.to_ns is None else span.to_ns, following_ns, to_ns)
        if end <= start:
            continue
        if start > at_ns:
            covered.append(Span(at_ns, start, TimeClass.UNKNOWN, NOT_RECORDED))
        covered.append(span._replace(from_ns=start, to_ns=end))
        at_ns = end
    if at_ns < to_ns:
        covered.append(Span(at_ns, to_ns, TimeClass.UNKNOWN, NOT_RECORDED))
    return covered


def sums_s(covered: Iterable[Span]) -> dict[str, float]:
    """Return the seconds of each class, all classes named, in the order of the standard."""
    total_ns = {time_class.value: 0 for time_class in TimeClass}
    for span in covered:
        assert span.to_ns is not None, "covered spans have ends"
        total_ns[span.time_class] = total_ns.get(span.time_class, 0) + span.to_ns - span.from_ns
    return {name: ns / 1e9 for name, ns in total_ns.items()}
