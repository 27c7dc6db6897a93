"""What a machine says of itself becomes spans: each instant that somebody vouched for in one class. Pure.

Comes in: the spans of before, samples of the signals that tell a state, instants for which the machine's
source vouched. Goes out: the spans as they are now. A sample that comes late is put where it belongs, and
what follows from it is computed again, so that the order of arrival leaves no trace. Between two instants
that are further apart than the gap nothing is known, and no span is there: neither running nor stopped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from taktwin.instants import SECOND_NS
from taktwin.plant.calendars import Calendar
from taktwin.standards import mtconnect, packml
from taktwin.standards.iso22400 import TimeClass

STOPS = (TimeClass.DELAY_OWN, TimeClass.BLOCKED, TimeClass.STARVED)
DAY_NS = 86_400 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Said:
    """One value of a machine; None: the source said itself that it has none."""

    at_ns: int
    role: str
    value: int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch in one class. `values` were in force from its beginning on."""

    from_ns: int
    to_ns: int
    time_class: TimeClass
    values: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[Said, ...] = ()  # since the span before began

    @property
    def code(self) -> str:
        """Return the machine's own stop code, "" where it says none."""
        code = self.values.get("alarm_code")
        return "" if code in (None, 0, "", "0") or isinstance(code, bool) else str(code)


@dataclass(frozen=True, slots=True)
class Run:
    """Spans of one class without a gap between them."""

    from_ns: int
    to_ns: int
    time_class: TimeClass
    code: str = ""  # the first that the machine said within it


def class_of(values: Mapping[str, Any], *, model: str, planned: bool) -> TimeClass:
    """Return the class of a moment; a state that has no value is unknown, whatever the calendar says."""
    state, mode = values.get("state"), values.get("mode")
    if model == "mtconnect":
        word = state if isinstance(state, str) else None
        return mtconnect.time_class(word, mode if isinstance(mode, str) else None, planned)
    if not isinstance(state, int) or isinstance(state, bool):
        return TimeClass.UNKNOWN
    return packml.time_class(
        state,
        set_up=mode == packml.Mode.MANUAL or values.get("set_up") is True,
        blocked=values.get("blocked") is True,
        starved=values.get("starved") is True,
        planned=planned,
    )


def told(
    before: Sequence[Span],
    said: Iterable[Said],
    vouched: Iterable[int],
    *,
    base: Mapping[str, Any],
    model: str,
    calendar: Calendar | None,
    gap_ns: int,
) -> list[Span]:
    """Return the spans that take the place of those of before.

    Parameters
    ----------
    before : spans in order, from the first that may change on
    said : new samples, in any order, none before the first span
    vouched : instants at which the source said that all it had said was still true
    base : what was in force before the first of all this
    """
    # A delivery that came twice is one.
    once = {(one.at_ns, one.role): one for one in (*(one for span in before for one in span.said), *said)}
    samples = sorted(once.values(), key=lambda one: one.at_ns)
    ranges = _ranges([(span.from_ns, span.to_ns) for span in before], vouched, gap_ns)
    # What was said before anything that is kept still holds.
    first = before[0] if before else None
    own = set() if first is None else {one.role for one in first.said}
    held = {} if first is None else {r: v for r, v in first.values.items() if r not in own}
    values = {**held, **base}
    found: list[Span] = []
    place, begun = 0, 0
    for range_from, range_to in ranges:
        points = {range_from, *(s.at_ns for s in samples if range_from < s.at_ns < range_to)}
        points.update(_cuts(range_from, range_to, calendar))
        ordered = [*sorted(points), range_to]
        for at_ns, until_ns in itertools.pairwise(ordered):
            while place < len(samples) and samples[place].at_ns <= at_ns:
                values[samples[place].role] = samples[place].value
                place += 1
            if until_ns <= at_ns:
                continue
            planned = calendar is None or calendar.planned(at_ns)
            time_class = class_of(values, model=model, planned=planned)
            found.append(Span(at_ns, until_ns, time_class, dict(values), tuple(samples[begun:place])))
            begun = place
    return _joined(found)


def _ranges(covered: Iterable[tuple[int, int]], vouched: Iterable[int], gap_ns: int) -> list[tuple[int, int]]:
    """Return the stretches that somebody vouched for."""
    ranges: list[tuple[int, int]] = []
    for start, end in sorted([*covered, *((at, at) for at in vouched)]):
        if ranges and start - ranges[-1][1] <= gap_ns:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], end))
        else:
            ranges.append((start, end))
    return ranges


def _cuts(from_ns: int, to_ns: int, calendar: Calendar | None) -> Iterable[int]:
    """Yield where a span ends by itself: at a change of the calendar, and at midnight UTC."""
    yield from range((from_ns // DAY_NS + 1) * DAY_NS, to_ns, DAY_NS)
    if calendar is None:
        return
    at_ns = calendar.next_change_ns(from_ns)
    while at_ns < to_ns:
        yield at_ns
        at_ns = calendar.next_change_ns(at_ns)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans without cuts at which nothing was said and nothing changes, but for midnight's."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if (
            last is not None
            and last.to_ns == span.from_ns
            and last.time_class is span.time_class
            and not span.said
            and span.from_ns % DAY_NS
        ):
            found[-1] = replace(last, to_ns=span.to_ns)
        else:
            found.append(span)
    return found


def runs_of(spans: Iterable[Span | Run]) -> list[Run]:
    """Return the spans of one class that touch as one, with the machine's first stop code."""
    found: list[Run] = []
    for span in spans:
        last = found[-1] if found else None
        if last is not None and last.to_ns == span.from_ns and last.time_class is span.time_class:
            found[-1] = Run(last.from_ns, span.to_ns, last.time_class, last.code or span.code)
        else:
            found.append(Run(span.from_ns, span.to_ns, span.time_class, span.code))
    return found
