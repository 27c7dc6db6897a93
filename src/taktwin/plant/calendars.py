"""When something is planned to run: shifts and breaks in local time, as instants in plant time.

A calendar is written in local time and asked in UTC nanoseconds. Days are expanded once and kept,
so that the engines may ask at every event. On the nights when the clocks change, a night shift has
7 or 9 hours and the production day 23 or 25, because ends are local times too.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from taktwin.plant import schema

SECOND_NS = 1_000_000_000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CHUNK_DAYS = 28
FAR_NS = (1 << 63) - 1  # "it does not change": later than any instant that a stamp can hold


class Span(NamedTuple):
    """One shift that takes place."""

    id: str
    name: str
    from_ns: int
    to_ns: int
    planned: bool  # production is planned; False: maintenance, cleaning
    day: date  # the local day on which it starts


class ProductionDay(NamedTuple):
    """A production day: 24 h long, but 23 or 25 when the clocks change in it."""

    day: date
    from_ns: int
    to_ns: int


class Calendar:
    """One calendar of the plant in its time zone. Immutable but for what it remembers of its own answers."""

    def __init__(self, calendar_id: str, definition: schema.Calendar, time_zone: str) -> None:
        self.id = calendar_id
        self.name = definition.name
        self.always = definition.always
        self.time_zone = time_zone
        self.definition = definition
        self._zone = ZoneInfo(time_zone)
        self._day_starts = _time(definition.production_day_starts)
        self._closed = frozenset(date.fromisoformat(day) for day in definition.closed)
        # The answer to the last question with the time in which it holds: most questions repeat.
        self._last: tuple[int, int, bool] = (0, 0, False)
        self._planned_chunk = lru_cache(maxsize=64)(self._plan_chunk)
        self._shifts_of_day = lru_cache(maxsize=512)(self._shifts_that_start)

    def planned(self, at_ns: int) -> bool:
        """Return whether production is planned at an instant."""
        if self.always:
            return True
        start, end, answer = self._last
        if start <= at_ns < end:
            return answer
        return self._look_up(at_ns)[2]

    def next_change_ns(self, at_ns: int) -> int:
        """Return the first instant after `at_ns` at which `planned` has another answer.

        `FAR_NS` if it never changes again within two years.
        """
        if self.always:
            return FAR_NS
        _, end, answer = self._look_up(at_ns)
        limit_ns = at_ns + 730 * 86_400 * SECOND_NS
        while end < limit_ns:
            _, next_end, next_answer = self._look_up(end)
            if next_answer is not answer:
                return end
            end = next_end
        return FAR_NS

    def planned_intervals(self, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """Return the planned intervals within [from_ns, to_ns), in order, cut at both ends, none touching."""
        if to_ns <= from_ns:
            return []
        if self.always:
            return [(from_ns, to_ns)]
        found: list[tuple[int, int]] = []
        at_ns = from_ns
        while at_ns < to_ns:
            _, end, planned = self._look_up(at_ns)
            if planned:
                if found and found[-1][1] == at_ns:
                    found[-1] = (found[-1][0], min(end, to_ns))
                else:
                    found.append((at_ns, min(end, to_ns)))
            at_ns = end
        return found

    def shifts(self, from_ns: int, to_ns: int) -> list[Span]:
        """Return the shifts that overlap [from_ns, to_ns), whole, by their start."""
        first = self._local_day(from_ns) - timedelta(days=2)
        last = self._local_day(to_ns) + timedelta(days=1)
        found = [
            span
            for offset in range((last - first).days + 1)
            for span in self._shifts_of_day(first + timedelta(days=offset))
            if span.from_ns < to_ns and span.to_ns > from_ns
        ]
        return sorted(found, key=lambda span: (span.from_ns, span.id))

    def shift_at(self, at_ns: int) -> Span | None:
        """Return the shift that an instant lies in, None between shifts."""
        return next(iter(self.shifts(at_ns, at_ns + 1)), None)

    def production_day(self, at_ns: int) -> ProductionDay:
        """Return the production day of an instant; it begins at `production_day_starts` local time."""
        day = self._local_day(at_ns)
        start = self._instant(day, self._day_starts)
        if at_ns < start:
            day -= timedelta(days=1)
            start = self._instant(day, self._day_starts)
        end = self._instant(day + timedelta(days=1), self._day_starts)
        if at_ns >= end:  # the local day can lag behind where clocks go back over midnight
            day += timedelta(days=1)
            start, end = end, self._instant(day + timedelta(days=1), self._day_starts)
        return ProductionDay(day, start, end)

    def _look_up(self, at_ns: int) -> tuple[int, int, bool]:
        chunk = at_ns // (CHUNK_DAYS * 86_400 * SECOND_NS)
        edges, answers = self._planned_chunk(chunk)
        place = bisect_right(edges, at_ns) - 1
        self._last = (edges[place], edges[place + 1], answers[place])
        return self._last

    def _plan_chunk(self, chunk: int) -> tuple[list[int], list[bool]]:
        """Return the edges of one chunk of UTC days, and the answer after each edge but the last."""
        start_ns = chunk * CHUNK_DAYS * 86_400 * SECOND_NS
        end_ns = start_ns + CHUNK_DAYS * 86_400 * SECOND_NS
        pieces: list[tuple[int, int]] = []
        for span in self.shifts(start_ns, end_ns):
            if not span.planned:
                continue
            at_ns = span.from_ns
            for pause_from, pause_to in self._breaks(span):
                if pause_from > at_ns:
                    pieces.append((at_ns, pause_from))
                at_ns = max(at_ns, pause_to)
            if span.to_ns > at_ns:
                pieces.append((at_ns, span.to_ns))
        merged: list[tuple[int, int]] = []
        for piece_from, piece_to in sorted(pieces):
            piece_from, piece_to = max(piece_from, start_ns), min(piece_to, end_ns)
            if piece_from >= piece_to:
                continue
            if merged and piece_from <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(piece_to, merged[-1][1]))
            else:
                merged.append((piece_from, piece_to))
        edges, answers = [], []
        at_ns = start_ns
        for piece_from, piece_to in merged:
            if piece_from > at_ns:
                edges.append(at_ns)
                answers.append(False)
            edges.append(piece_from)
            answers.append(True)
            at_ns = piece_to
        if at_ns < end_ns:
            edges.append(at_ns)
            answers.append(False)
        return [*edges, end_ns], answers

    def _breaks(self, span: Span) -> list[tuple[int, int]]:
        found = []
        shift = self.definition.shifts[span.id]
        shift_start = _time(shift.start)
        for pause in shift.breaks:
            start, end = _time(pause.start), _time(pause.end)
            day = span.day if start >= shift_start else span.day + timedelta(days=1)
            from_ns = self._instant(day, start)
            to_ns = self._instant(day if end > start else day + timedelta(days=1), end)
            found.append((max(from_ns, span.from_ns), min(to_ns, span.to_ns)))
        return sorted(found)

    def _shifts_that_start(self, day: date) -> tuple[Span, ...]:
        if day in self._closed:
            return ()
        word = WEEKDAYS[day.weekday()]
        found = []
        for shift_id, shift in self.definition.shifts.items():
            if word not in shift.days:
                continue
            start, end = _time(shift.start), _time(shift.end)
            last_day = day if end > start else day + timedelta(days=1)
            found.append(
                Span(
                    shift_id,
                    shift.name,
                    self._instant(day, start),
                    self._instant(last_day, end),
                    shift.planned,
                    day,
                )
            )
        return tuple(found)

    def _local_day(self, at_ns: int) -> date:
        return datetime.fromtimestamp(at_ns // SECOND_NS, self._zone).date()

    def _instant(self, day: date, at: time) -> int:
        """Return a local time of day as an instant.

        Of a doubled hour the first one is meant; an hour that does not exist is counted on from
        the time before the change (02:30 is then 03:30).
        """
        moment = datetime.combine(day, at, tzinfo=self._zone).astimezone(UTC)
        return int(moment.timestamp()) * SECOND_NS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and (self.id, self.time_zone, self.definition) == (
            other.id,
            other.time_zone,
            other.definition,
        )

    def __hash__(self) -> int:
        return hash((self.id, self.time_zone))

    def __reduce__(self) -> tuple[type[Calendar], tuple[str, schema.Calendar, str]]:
        return Calendar, (self.id, self.definition, self.time_zone)


def _time(text: str) -> time:
    return time(int(text[:2]), int(text[3:5]))
