"""The timeline of a work unit: every instant in exactly one class, as a function of the set of facts.

Comes in: the series of the unit's signals, the confirmations of its source, the losses of its
connection, its calendar. Goes out: intervals. A late fact marks the instant from which the
intervals are computed again; what changed is told as corrections with a higher revision.

The facts alone decide the intervals up to the last confirmation. What lies beyond it at the live
edge depends on now: it is an overlay (`edge`), shown and published, but not part of the state.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from taktwin.contracts.state import IntervalMessage
from taktwin.measures import time_classes
from taktwin.measures.time_classes import ClassSpan, Content
from taktwin.plant.registry import Equipment
from taktwin.standards import mtconnect, packml
from taktwin.standards.iso22400 import TimeClass
from taktwin.twin.state import NEVER, Series, Source

GENERATION_STEP = 1_000_000  # revisions of a restarted twin begin above those it may have forgotten


class CalendarLike(Protocol):
    """What the timeline asks a calendar (`plant.calendars.Calendar`)."""

    def planned(self, at_ns: int) -> bool:
        """Return whether production is planned at an instant."""
        ...

    def next_change_ns(self, at_ns: int) -> int:
        """Return the first instant after `at_ns` with another answer."""
        ...


class Interval(NamedTuple):
    """One stretch of a unit in one class, state, program and job; `to_ns` None: it still goes on."""

    from_ns: int
    to_ns: int | None
    time_class: str
    reason: str = ""
    state: str = ""
    program: str = ""
    job: str = ""


class Loss(NamedTuple):
    """A stretch for which a connection said itself that it was lost; `to_ns` None: still."""

    from_ns: int
    to_ns: int | None
    reason: str

    def ends_by(self, at_ns: int) -> bool:
        """Return whether it is over at an instant."""
        return self.to_ns is not None and self.to_ns <= at_ns


class ConnectionFact(NamedTuple):
    """One `connector.state.changed`, ordered by when it was so."""

    time_ns: int
    sequence: str
    source: str
    id: str
    state: str
    reason: str
    work_units: tuple[str, ...]


ALIVE = ("running", "degraded")
DEAD = ("lost", "stopped")


def losses(facts: Iterable[ConnectionFact], unit: str = "") -> list[Loss]:
    """Return the stretches between `lost` or `stopped` and the next `running`, for one unit or all."""
    found: list[Loss] = []
    open_from, reason = NEVER, ""
    for fact in facts:
        if unit and fact.work_units and unit not in fact.work_units:
            continue
        if fact.state in DEAD and open_from == NEVER:
            open_from, reason = fact.time_ns, fact.reason or fact.state
        elif fact.state in ALIVE and open_from != NEVER:
            if fact.time_ns > open_from:
                found.append(Loss(open_from, fact.time_ns, reason))
            open_from = NEVER
    if open_from != NEVER:
        found.append(Loss(open_from, None, reason))
    return found


class UnitFacts(NamedTuple):
    """The series that decide a unit's class; None where the unit has no such signal."""

    state: Series | None = None
    mode: Series | None = None
    set_up: Series | None = None
    blocked: Series | None = None
    starved: Series | None = None
    program: Series | None = None
    job: Series | None = None
    alarm: Series | None = None
    power: Series | None = None

    def all(self) -> list[Series]:
        """Return those that exist."""
        return [series for series in self if series is not None]


class Neighbour(NamedTuple):
    """A buffer beside a unit: the counters that fill it and those that empty it."""

    buffer: str
    capacity: int
    fills: tuple[Series, ...]
    empties: tuple[Series, ...]

    def content_at(self, at_ns: int) -> int | None:
        """Return what it held at an instant, None where a counter was not heard yet."""
        total = 0
        for sign, counters in ((1, self.fills), (-1, self.empties)):
            for counter in counters:
                count = counter.at(at_ns)
                if not isinstance(count, int | float):
                    return None
                total += sign * int(count)
        return total


class UnitTimeline:
    """The intervals of one work unit and the facts they come from."""

    def __init__(
        self,
        equipment: Equipment,
        facts: UnitFacts,
        source: Source | None,
        calendar: CalendarLike | None,
        *,
        gap_ns: int,
        lag_ns: int,
        words: Mapping[str, str],
        alarm_words: Mapping[str, str],
        before: tuple[Neighbour, ...] = (),
        after: tuple[Neighbour, ...] = (),
    ) -> None:
        self.equipment = equipment
        self.unit = str(equipment.id)
        self.facts = facts
        self.source = source
        self.calendar = calendar
        self.gap_ns = gap_ns
        self.lag_ns = lag_ns  # how much later power tells what neighbours and calendar tell at once
        self.before = before
        self.after = after
        self.inferred = facts.state is None
        self.main = facts.power if self.inferred else facts.state
        self.losses: list[Loss] = []
        self.intervals: list[Interval] = []
        self.edge_ns: int | None = None  # live edge: unknown from here on
        self.dirty_ns: int | None = None
        self.next_change_ns = 1 << 62  # of the calendar, beyond what is in the intervals
        self.revisions: dict[int, int] = {}
        self.published: dict[int, Interval] = {}
        self.published_order: list[int] = []
        self.pruned_ns = NEVER  # facts before this were dropped
        self.unsealed = 0  # intervals before this place did not change since somebody sealed them
        self.sealed: Any = None  # what the state hash remembers of them
        self._words = words
        self._alarm_words = alarm_words
        self._classify = self._classifier()
        counters = [series for n in (*before, *after) for series in (*n.fills, *n.empties)]
        self.counters = counters if self.inferred else []
        self.series = facts.all() + self.counters

    # -- what is known -------------------------------------------------------------------------

    @property
    def end_ns(self) -> int:
        """Return the last confirmation: of the source, or a sample of the deciding signal."""
        end = self.source.known.end_ns if self.source is not None else NEVER
        if self.main is not None and self.main.times:
            end = max(end, self.main.times[-1])
        return end

    def unknown_gaps(self, from_ns: int) -> list[tuple[int, int]]:
        """Return the stretches after an instant for which nobody vouched, in order.

        Confirmations are those of the source and the samples of the deciding signal; between two
        that are further apart than the gap, nothing is known.
        """
        times: Sequence[int] = self.main.times if self.main is not None else ()
        known = self.source.known if self.source is not None else None
        gaps: list[tuple[int, int]] = []
        if known is None or not known.starts:
            self._gaps_between(times, from_ns, None, None, gaps)
            return gaps
        first = max(bisect_left(known.ends, from_ns) - 1, 0)
        if first == 0:
            self._gaps_between(times, from_ns, None, known.starts[0], gaps)
        for place in range(first, len(known.starts)):
            following = known.starts[place + 1] if place + 1 < len(known.starts) else None
            self._gaps_between(times, from_ns, known.ends[place], following, gaps)
        return gaps

    def _gaps_between(
        self,
        times: Sequence[int],
        from_ns: int,
        start: int | None,
        end: int | None,
        gaps: list[tuple[int, int]],
    ) -> None:
        if end is not None and end <= from_ns:
            return
        low = 0 if start is None else bisect_right(times, start)
        if start is None or start < from_ns:
            # Samples well before the instant cannot open a gap that reaches beyond it.
            low = max(low, bisect_right(times, from_ns) - 1)
        high = len(times) if end is None else bisect_left(times, end)
        last = start
        for place in range(low, high):
            at_ns = times[place]
            if last is not None and at_ns - last > self.gap_ns and at_ns > from_ns:
                gaps.append((last, at_ns))
            last = at_ns
        if end is not None and last is not None and end - last > self.gap_ns:
            gaps.append((last, end))

    # -- computing -----------------------------------------------------------------------------

    def touch(self, from_ns: int) -> None:
        """Say that a fact of this instant is new: all from there on is computed again."""
        if self.dirty_ns is None or from_ns < self.dirty_ns:
            self.dirty_ns = from_ns

    def touch_confirmation(self, at_ns: int) -> None:
        """Say that a confirmation of this instant comes: a gap that it ends or splits begins earlier."""
        before_ns = NEVER
        if self.source is not None:
            known = self.source.known
            place = bisect_left(known.starts, at_ns) - 1
            if place >= 0:
                before_ns = min(known.ends[place], at_ns)
        if self.main is not None:
            place = bisect_left(self.main.times, at_ns) - 1
            if place >= 0:
                before_ns = max(before_ns, self.main.times[place])
        self.touch(at_ns if before_ns == NEVER else before_ns)

    def settle(self) -> int | None:
        """Compute what is dirty; return the instant from which intervals may have changed, or None."""
        end_ns = self.end_ns
        if self.next_change_ns <= end_ns:
            self.touch(self.next_change_ns)
        if self.dirty_ns is None:
            return None
        changed_ns = self._recompute(self.dirty_ns)
        self.dirty_ns = None
        return changed_ns

    def _recompute(self, dirty_ns: int) -> int | None:
        start_ns = self._first_ns()
        if start_ns is None:
            return None
        intervals = self.intervals
        if intervals and self.pruned_ns != NEVER:
            # What was before the kept days is told by the historian and not computed again: its facts are
            # gone, also those of the interval that reaches into the kept days.
            start_ns = intervals[0].from_ns
            dirty_ns = max(dirty_ns, start_ns, self.pruned_ns)
        # What began before the instant stands, and its last interval goes on for as long as nothing
        # in it changes. But the reason of an unknown stretch lies at its beginning.
        keep = bisect_left(intervals, dirty_ns, key=lambda interval: interval.from_ns)
        while keep and intervals[keep - 1].time_class == TimeClass.UNKNOWN:
            keep -= 1
            dirty_ns = intervals[keep].from_ns
        del intervals[keep:]
        self.unsealed = min(self.unsealed, max(keep - 1, 0))
        if keep:
            start_ns = dirty_ns
            intervals[-1] = intervals[-1]._replace(to_ns=None)
        self._sweep(start_ns)
        return start_ns

    def plan_ahead(self) -> None:
        """Find the next change that needs no fact after a snapshot was put in."""
        end_ns = self.end_ns
        self.next_change_ns = 1 << 62
        if end_ns != NEVER:
            self._planned_points(end_ns, end_ns)

    def _first_ns(self) -> int | None:
        first = None
        if self.source is not None and self.source.known.starts:
            first = self.source.known.starts[0]
        if self.main is not None and self.main.times:
            first = self.main.times[0] if first is None else min(first, self.main.times[0])
        return first

    def _sweep(self, start_ns: int) -> None:
        horizon_ns = self.end_ns
        points = {start_ns}
        for series in self.series:
            points.update(series.times[bisect_right(series.times, start_ns) :])
        spans = self._unknown_spans(start_ns)
        for span_from, span_to, _ in spans:
            if span_from > start_ns:
                points.add(span_from)
            if span_to is not None and span_to > start_ns:
                points.add(span_to)
        points.update(self._planned_points(start_ns, horizon_ns))
        self._cut(sorted(points), spans)

    def _planned_points(self, start_ns: int, horizon_ns: int) -> list[int]:
        """Return the instants in (start, horizon] at which something changes without a fact of its own.

        These are the changes of the calendar and, where the class is inferred, the ends of the lag
        after them and after each count of a neighbour. The first one beyond is kept for later.
        """
        points: list[int] = []
        later_ns = 1 << 62
        lag_ns = self.lag_ns if self.inferred else 0
        if self.calendar is not None:
            change_ns = self.calendar.next_change_ns(start_ns - lag_ns)
            while change_ns <= horizon_ns:
                points.extend((change_ns, change_ns + lag_ns))
                change_ns = self.calendar.next_change_ns(change_ns)
            later_ns = change_ns
        for series in self.counters:
            times = series.times
            points.extend(at_ns + lag_ns for at_ns in times[bisect_right(times, start_ns - lag_ns) :])
        self.next_change_ns = min((at_ns for at_ns in points if at_ns > horizon_ns), default=later_ns)
        self.next_change_ns = min(self.next_change_ns, later_ns)
        return [at_ns for at_ns in points if start_ns < at_ns <= horizon_ns]

    def _unknown_spans(self, from_ns: int) -> list[Loss]:
        """Return where nothing is known, disjoint and in order; what the connection said gives the reason."""
        spans = [Loss(start, end, "") for start, end in self.unknown_gaps(from_ns)]
        if self.source is not None:
            spans.extend(Loss(start, end, "") for start, end in self.source.unheard(from_ns))
        spans.extend(loss for loss in self.losses if loss.to_ns is None or loss.to_ns > from_ns)
        merged: list[Loss] = []
        for span in sorted(spans, key=lambda span: span.from_ns):
            if not merged or (merged[-1].to_ns is not None and span.from_ns > merged[-1].to_ns):
                merged.append(span)
                continue
            last = merged[-1]
            end_ns = None if last.to_ns is None or span.to_ns is None else max(last.to_ns, span.to_ns)
            merged[-1] = Loss(last.from_ns, end_ns, last.reason or span.reason)
        return merged

    def _cut(self, points: list[int], spans: list[Loss]) -> None:
        intervals, place = self.intervals, 0
        for at_ns in points:
            while place < len(spans) and spans[place].ends_by(at_ns):
                place += 1
            unknown = None
            if place < len(spans) and spans[place].from_ns <= at_ns:
                reason = spans[place].reason
                unknown = f"{self._source_name()} lost: {reason}" if reason else self._silent()
            content = self._content_at(at_ns, unknown)
            if intervals and intervals[-1].to_ns is None:
                last = intervals[-1]
                if last[2:] == content:
                    continue
                intervals[-1] = last._replace(to_ns=at_ns)
            intervals.append(Interval(at_ns, None, *content))

    def _content_at(self, at_ns: int, unknown: str | None) -> tuple[str, str, str, str, str]:
        if unknown is not None:
            return TimeClass.UNKNOWN.value, unknown, "", "", ""
        facts = self.facts
        program = _text(facts.program.at(at_ns)) if facts.program is not None else ""
        job = _text(facts.job.at(at_ns)) if facts.job is not None else ""
        time_class, reason, state = self._classify(at_ns, self._planned(at_ns))
        return time_class.value, reason, state, program, job

    def _planned(self, at_ns: int) -> bool:
        return self.calendar is None or self.calendar.planned(at_ns)

    # -- the three ways to a class -------------------------------------------------------------

    def _classifier(self) -> Callable[[int, bool], tuple[TimeClass, str, str]]:
        if self.inferred:
            return self._inferred
        return self._mtconnect if self.equipment.state_model == "mtconnect" else self._packml

    def _packml(self, at_ns: int, planned: bool) -> tuple[TimeClass, str, str]:
        facts = self.facts
        assert facts.state is not None
        number = facts.state.at(at_ns)
        if not isinstance(number, int):
            return TimeClass.UNKNOWN, "the state signal has no value", ""
        mode = facts.mode.at(at_ns) if facts.mode is not None else None
        set_up = mode == packml.Mode.MANUAL or _is_set(facts.set_up, at_ns)
        time_class = packml.time_class(
            number,
            set_up=set_up,
            blocked=_is_set(facts.blocked, at_ns),
            starved=_is_set(facts.starved, at_ns),
            planned=planned,
        )
        reason = self._alarm_at(at_ns) if time_class is TimeClass.DELAY_OWN else ""
        return time_class, reason, self._word(number)

    def _mtconnect(self, at_ns: int, planned: bool) -> tuple[TimeClass, str, str]:
        facts = self.facts
        assert facts.state is not None
        execution = facts.state.at(at_ns)
        if not isinstance(execution, str):
            return TimeClass.UNKNOWN, "the state signal has no value", ""
        mode = _text(facts.mode.at(at_ns)) if facts.mode is not None else ""
        time_class = mtconnect.time_class(execution, mode, planned)
        reason = self._alarm_at(at_ns) if time_class is TimeClass.DELAY_OWN else ""
        return time_class, reason, self._words.get(execution, execution)

    def _inferred(self, at_ns: int, planned: bool) -> tuple[TimeClass, str, str]:
        power = self.main.at(at_ns) if self.main is not None else None
        bands, power_kw = self.equipment.bands, float(power) if isinstance(power, int | float) else None
        planned = planned or self._has_just_ended(at_ns)
        time_class = time_classes.inferred_class(bands, power_kw, planned=planned, before=(), after=())
        if not planned or power_kw is None:
            return time_class, "", ""
        if time_classes.band_of(bands, power_kw) == time_classes.WAITING:
            time_class = self._waits_for(at_ns)
        elif time_class is TimeClass.DOWN_NO_ORDER and not self._planned(at_ns - self.lag_ns):
            # Work has just begun: whether the unit was switched on, its next power tells.
            time_class = TimeClass.PLANNED_DOWN
        return time_class, "", ""

    def _has_just_ended(self, at_ns: int) -> bool:
        """Return whether work ended so lately that the unit's power did not tell of it yet.

        A part begun just before the end keeps the unit at work beyond it; only its next power says so.
        """
        if not self._planned(at_ns - self.lag_ns) or self.main is None:
            return False
        place = bisect_right(self.main.times, at_ns)
        return place > 0 and self._planned(self.main.times[place - 1])

    def _waits_for(self, at_ns: int) -> TimeClass:
        """Return what a unit waits for whose power says that it waits.

        When a part comes, or room for one, the neighbours' counters tell it at once, and the unit's
        own power a little later that it works again: until then it waits for what it waited for. And
        one that was starved cannot be blocked before it has worked.
        """
        since_ns = at_ns - self.lag_ns
        instants = {at_ns, since_ns + 1}
        for series in self.counters:
            instants.update(
                series.times[bisect_right(series.times, since_ns) : bisect_left(series.times, at_ns)]
            )
        found = TimeClass.DELAY_OWN
        for before_ns in sorted(instants, reverse=True):
            missed = time_classes.waiting_class(
                (Content(n.content_at(before_ns), n.capacity) for n in self.before),
                (Content(n.content_at(before_ns), n.capacity) for n in self.after),
            )
            if missed is TimeClass.STARVED:
                return missed
            if missed is TimeClass.BLOCKED:
                found = missed
        return found

    def _word(self, number: int) -> str:
        word = self._words.get(str(number))
        if word is not None:
            return word
        return (
            packml.WORDS[packml.State(number)] if number in packml.State._value2member_map_ else str(number)
        )

    def _alarm_at(self, at_ns: int) -> str:
        code = self.facts.alarm.at(at_ns) if self.facts.alarm is not None else None
        if not isinstance(code, int | str) or not code:
            return ""
        return self._alarm_words.get(str(code), f"alarm {code}")

    def _source_name(self) -> str:
        return self.source.connector if self.source is not None else self.unit

    def _silent(self) -> str:
        return f"no data from {self._source_name()}"

    # -- what is shown and published -----------------------------------------------------------

    def shown(self, from_ns: int = NEVER) -> list[Interval]:
        """Return the intervals that reach beyond an instant, with the live edge laid over the last."""
        place = bisect_right(self.intervals, from_ns, key=lambda i: i.from_ns)
        part = self.intervals[max(place - 1, 0) :]
        if self.edge_ns is None or not part or part[-1].time_class == TimeClass.UNKNOWN:
            return part
        last = part.pop()
        edge_ns = max(self.edge_ns, last.from_ns)
        if edge_ns > last.from_ns:
            part.append(last._replace(to_ns=edge_ns))
        part.append(Interval(edge_ns, None, TimeClass.UNKNOWN.value, self._silent()))
        return part

    def last_known(self, *, before_ns: int) -> Interval | None:
        """Return the last interval that was known and began before an instant."""
        place = bisect_left(self.intervals, before_ns, key=lambda i: i.from_ns)
        for interval in reversed(self.intervals[:place][-50:]):
            if interval.time_class != TimeClass.UNKNOWN:
                return interval
        if self.intervals and self.intervals[-1].from_ns == before_ns != NEVER:
            last = self.intervals[-1]  # the live edge lies over the whole of it
            return last if last.time_class != TimeClass.UNKNOWN else None
        return None

    def look_at_edge(self, now_ns: int) -> int | None:
        """Move the live edge to now; return the instant from which what is shown changed, or None."""
        end_ns = self.end_ns
        edge = end_ns if end_ns != NEVER and now_ns - end_ns > self.gap_ns else None
        if edge == self.edge_ns:
            return None
        changed = min(e for e in (edge, self.edge_ns) if e is not None)
        self.edge_ns = edge
        return changed

    def corrections(self, from_ns: int, generation: int) -> list[IntervalMessage]:
        """Return what has to be told of the intervals from an instant on: new, changed, withdrawn."""
        # The interval before the instant may have got another end.
        place = bisect_left(self.intervals, from_ns, key=lambda i: i.from_ns)
        if place:
            from_ns = min(from_ns, self.intervals[place - 1].from_ns)
        desired = {
            interval.from_ns: interval for interval in self.shown(from_ns) if interval.from_ns >= from_ns
        }
        order = self.published_order
        gone = [at_ns for at_ns in order[bisect_left(order, from_ns) :] if at_ns not in desired]
        messages = []
        for at_ns in gone:
            del order[bisect_left(order, at_ns)]
            messages.append(self._message(self.published.pop(at_ns), generation, withdrawn=True))
        for at_ns, interval in desired.items():
            if self.published.get(at_ns) != interval:
                if at_ns not in self.published:
                    insort(order, at_ns)
                self.published[at_ns] = interval
                messages.append(self._message(interval, generation, withdrawn=False))
        return messages

    def untold(self) -> tuple[list[int], list[Interval]]:
        """Return in what the published intervals differ from the shown ones: not told yet, told otherwise."""
        shown = {interval.from_ns: interval for interval in self.shown()}
        missing = [from_ns for from_ns in shown if from_ns not in self.published]
        other = [told for from_ns, told in self.published.items() if shown.get(from_ns) != told]
        return missing, other

    def was_told(self, missing: list[int], other: list[Interval]) -> None:
        """Take a snapshot's account of what was published; the counterpart of `untold`."""
        self.published = {interval.from_ns: interval for interval in self.shown()}
        for from_ns in missing:
            del self.published[from_ns]
        for told in other:
            self.published[told.from_ns] = told
        self.published_order = sorted(self.published)

    def _message(self, interval: Interval, generation: int, *, withdrawn: bool) -> IntervalMessage:
        from_ns = interval.from_ns
        revision = max(self.revisions.get(from_ns, 0), generation * GENERATION_STEP) + 1
        self.revisions[from_ns] = revision
        return IntervalMessage(
            id=f"{self.unit}:{from_ns}",
            unit=self.unit,
            from_ns=from_ns,
            to_ns=interval.to_ns,
            time_class=interval.time_class,
            reason=interval.reason,
            state=interval.state,
            program=interval.program,
            job=interval.job,
            revision=revision,
            withdrawn=withdrawn,
        )

    def drop_before(self, cut_ns: int) -> None:
        """Forget what ended before an instant; the facts before it are dropped beside."""
        if self.intervals and self.intervals[0].from_ns < cut_ns:
            self.pruned_ns = cut_ns + self.lag_ns  # up to there a class may rest on a dropped fact
        drop = bisect_right(self.intervals, cut_ns, key=lambda i: i.to_ns if i.to_ns is not None else 1 << 62)
        if not drop:
            return
        del self.intervals[:drop]
        self.unsealed, self.sealed = 0, None
        keep_ns = self.intervals[0].from_ns if self.intervals else cut_ns
        for at_ns in [at_ns for at_ns in self.revisions if at_ns < keep_ns]:
            del self.revisions[at_ns]
            self.published.pop(at_ns, None)
        del self.published_order[: bisect_left(self.published_order, keep_ns)]


def spans(intervals: Iterable[Interval]) -> list[ClassSpan]:
    """Return intervals as the spans that `measures.time_classes` sums."""
    return [ClassSpan(interval.from_ns, interval.to_ns, interval.time_class) for interval in intervals]


def _is_set(series: Series | None, at_ns: int) -> bool:
    return series is not None and bool(series.at(at_ns))


def _text(value: Any) -> str:
    return "" if value is None else str(value)
