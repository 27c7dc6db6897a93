"""When each order will be done: a forward pass over finite capacity. Pure.

In the order in which the board lists them, every job order takes the work unit on which it ends first,
within the planned time of that unit's calendar. A part goes on as soon as it is made: an operation may
begin when the one before has its first part, and ends at the earliest one part after it. What a plant
cannot know in advance (stops, scrap, missing material) is not in it: a date that is missed tells of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import msgspec

FAR_NS = (1 << 63) - 1


class WorkingTime(Protocol):
    """When a work unit is planned to run: a `plant.calendars.Calendar`."""

    def planned(self, at_ns: int) -> bool:
        """Return whether production is planned at an instant."""
        ...

    def next_change_ns(self, at_ns: int) -> int:
        """Return the first instant after this one at which `planned` has another answer."""
        ...


# Both are made by the thousand for each board: a struct is made in a fifth of a dataclass's time.


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one job order; times in nanoseconds."""

    job: str
    request: str
    left: int  # parts
    made: int
    part_ns: int  # standard time of a part, or of a batch
    batch: int
    setup_ns: int  # on a change of set-up family
    setup_family: str
    candidates: tuple[str, ...]  # work units; the one it was given, or those on which it may run
    running: bool
    earliest_ns: int = 0  # it is not wanted before
    fixed: Projected | None = None  # where and when it stands whatever comes

    @property
    def work_ns(self) -> int:
        """Return the working time that is left, without set-up."""
        return -(-self.left // self.batch) * self.part_ns


class Projected(msgspec.Struct, frozen=True):
    """Where and when a job order will run. `FAR_NS`: no time is planned there within two years."""

    work_unit: str
    begin_ns: int
    end_ns: int


def project(
    tasks: Sequence[Task], *, now_ns: int, calendars: Mapping[str, WorkingTime | None],
    free_ns: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Projected]:  # fmt: skip
    """Return when each job order will run.

    Parameters
    ----------
    tasks : first those that take their turn first; of one order by operation
    calendars : work unit -> its calendar, None: always planned
    free_ns : work unit -> instant before which it takes nothing that is not fixed
    """
    free = dict(free_ns)
    tables: dict[int, Timetable] = {}  # of each calendar one: hundreds of job orders ask it
    times = {
        unit: None if calendar is None else tables.setdefault(id(calendar), Timetable(calendar, now_ns))
        for unit, calendar in calendars.items()
    }
    families: dict[str, str] = {}
    first: dict[str, tuple[int, int]] = {}  # order -> first part and end of the operation before
    found: dict[str, Projected] = {}
    # What runs holds its machine; only the end of its job waits for the operation before.
    for task in tasks:
        if task.running:
            unit = task.candidates[0]
            end_ns = _after(times.get(unit), now_ns, task.work_ns)
            free[unit] = max(end_ns, free.get(unit, 0))
            families[unit] = task.setup_family
            found[task.job] = Projected(unit, now_ns, end_ns)
    for task in tasks:
        if task.fixed is not None:
            found[task.job] = task.fixed
            free[task.fixed.work_unit] = max(task.fixed.end_ns, free.get(task.fixed.work_unit, 0))
            families[task.fixed.work_unit] = task.setup_family
    for task in tasks:
        part_ns, before_ns = first.get(task.request, (now_ns, now_ns))
        stands = task.running or task.fixed is not None
        options = [found[task.job]] if stands else [
            _on(task, unit, max(free.get(unit, now_ns), part_ns, task.earliest_ns), families.get(unit),
                times.get(unit))
            for unit in task.candidates
        ]  # fmt: skip
        if not options:
            continue  # no work unit of the plant can do it: the board says so
        if task.fixed is None:
            options = [_not_before(task, each, before_ns, times) for each in options]
        best = min(options, key=lambda each: (each.end_ns, each.work_unit))
        if not stands:
            free[best.work_unit] = best.end_ns
            families[best.work_unit] = task.setup_family
        found[task.job] = best
        made_ns = now_ns if task.made else _after(times.get(best.work_unit), best.begin_ns, task.part_ns)
        first[task.request] = (max(made_ns, part_ns), max(best.end_ns, before_ns))
    return found


def _on(task: Task, unit: str, begin_ns: int, family: str | None, times: Timetable | None) -> Projected:
    changes = family is not None and family != task.setup_family
    work_ns = task.work_ns + (task.setup_ns if changes else 0)
    begin_ns = begin_ns if times is None else times.opens(begin_ns)
    return Projected(unit, min(FAR_NS, begin_ns), _after(times, begin_ns, work_ns))


def _not_before(
    task: Task, found: Projected, before_ns: int, times: Mapping[str, Timetable | None]
) -> Projected:
    """Let its last part come after the last one of the operation before."""
    if found.end_ns > before_ns or not task.left:
        return found
    end_ns = _after(times.get(found.work_unit), before_ns, task.part_ns)
    return Projected(found.work_unit, found.begin_ns, max(found.end_ns, end_ns))


def after(calendar: WorkingTime | None, from_ns: int, work_ns: int) -> int:
    """Return when so much working time after an instant is over; `FAR_NS` where none is planned."""
    if calendar is None or from_ns >= FAR_NS:
        return min(FAR_NS, from_ns + work_ns)
    at_ns, left_ns = from_ns, work_ns
    while True:
        change_ns = calendar.next_change_ns(at_ns)
        if calendar.planned(at_ns):
            if at_ns + left_ns <= change_ns:
                return at_ns + left_ns
            left_ns -= change_ns - at_ns
        if change_ns >= FAR_NS:
            return FAR_NS
        at_ns = change_ns


def _after(times: Timetable | None, from_ns: int, work_ns: int) -> int:
    return min(FAR_NS, from_ns + work_ns) if times is None else times.after(from_ns, work_ns)


class Timetable:
    """The working time of one calendar with its sums, so that a question costs no walk through the days.

    Expanded as far as somebody asks. `opens` is asked from the begin on; what slipped may have begun before.
    """

    def __init__(self, calendar: WorkingTime, begin_ns: int) -> None:
        self._calendar = calendar
        self._begins: list[int] = []  # of the spans of working time, in order
        self._ends: list[int] = []
        self._before: list[int] = []  # working time before each span
        self._begin_ns = begin_ns
        self._known_ns = begin_ns  # FAR_NS: all is expanded

    def opens(self, from_ns: int) -> int:
        """Return the first instant of working time from an instant on; `FAR_NS` where none is planned."""
        place = self._span(from_ns)
        return FAR_NS if place is None else max(from_ns, self._begins[place])

    def after(self, from_ns: int, work_ns: int) -> int:
        """Return when so much working time after an instant is over; `FAR_NS` where none is planned."""
        if from_ns < self._begin_ns:
            return after(self._calendar, from_ns, work_ns)
        place = self._span(from_ns)
        if place is None:
            return FAR_NS
        begin_ns = max(from_ns, self._begins[place])
        if begin_ns + work_ns <= self._ends[place]:
            return begin_ns + work_ns
        wanted = self._before[place] + begin_ns - self._begins[place] + work_ns
        while self._known_ns < FAR_NS and self._sum() < wanted:
            self._expand()
        if self._sum() < wanted:
            return FAR_NS
        place = bisect_left(self._before, wanted) - 1  # the last span that begins with less behind it
        return self._begins[place] + wanted - self._before[place]

    def _span(self, from_ns: int) -> int | None:
        """Return the first span that ends after an instant; None where there is none."""
        assert from_ns >= self._begin_ns, "nothing that is still to begin begins in the past"
        if from_ns >= FAR_NS:
            return None
        while self._known_ns < FAR_NS and (not self._ends or self._ends[-1] <= from_ns):
            self._expand()
        place = bisect_right(self._ends, from_ns)
        return place if place < len(self._ends) else None

    def _sum(self) -> int:
        return self._before[-1] + self._ends[-1] - self._begins[-1] if self._ends else 0

    def _expand(self) -> None:
        begin_ns = self._known_ns
        end_ns = min(FAR_NS, self._calendar.next_change_ns(begin_ns))
        if self._calendar.planned(begin_ns):
            self._before.append(self._sum())
            self._begins.append(begin_ns)
            self._ends.append(end_ns)
        self._known_ns = end_ns
