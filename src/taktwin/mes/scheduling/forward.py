"""When each order will be done: a forward pass over finite capacity. Pure.

In the order in which the board lists them, every job order takes the work unit on which it ends first,
within the planned time of that unit's calendar. A part goes on as soon as it is made: an operation may
begin when the one before has its first part, and ends at the earliest one part after it. What a plant
cannot know in advance (stops, scrap, missing material) is not in it: a date that is missed tells of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

FAR_NS = (1 << 63) - 1


class WorkingTime(Protocol):
    """When a work unit is planned to run: a `plant.calendars.Calendar`."""

    def planned(self, at_ns: int) -> bool:
        """Return whether production is planned at an instant."""
        ...

    def next_change_ns(self, at_ns: int) -> int:
        """Return the first instant after this one at which `planned` has another answer."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
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


@dataclass(frozen=True, slots=True)
class Projected:
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
    families: dict[str, str] = {}
    first: dict[str, tuple[int, int]] = {}  # order -> first part and end of the operation before
    found: dict[str, Projected] = {}
    # What runs holds its machine; only the end of its job waits for the operation before.
    for task in tasks:
        if task.running:
            unit = task.candidates[0]
            end_ns = after(calendars.get(unit), now_ns, task.work_ns)
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
                calendars.get(unit))
            for unit in task.candidates
        ]  # fmt: skip
        if not options:
            continue  # no work unit of the plant can do it: the board says so
        if task.fixed is None:
            options = [_not_before(task, each, before_ns, calendars) for each in options]
        best = min(options, key=lambda each: (each.end_ns, each.work_unit))
        if not stands:
            free[best.work_unit] = best.end_ns
            families[best.work_unit] = task.setup_family
        found[task.job] = best
        made_ns = now_ns if task.made else after(calendars.get(best.work_unit), best.begin_ns, task.part_ns)
        first[task.request] = (max(made_ns, part_ns), max(best.end_ns, before_ns))
    return found


def _on(task: Task, unit: str, begin_ns: int, family: str | None, calendar: WorkingTime | None) -> Projected:
    changes = family is not None and family != task.setup_family
    work_ns = task.work_ns + (task.setup_ns if changes else 0)
    begin_ns = opens(calendar, begin_ns)
    return Projected(unit, begin_ns, after(calendar, begin_ns, work_ns))


def _not_before(
    task: Task, found: Projected, before_ns: int, calendars: Mapping[str, WorkingTime | None]
) -> Projected:
    """Let its last part come after the last one of the operation before."""
    if found.end_ns > before_ns or not task.left:
        return found
    end_ns = after(calendars.get(found.work_unit), before_ns, task.part_ns)
    return Projected(found.work_unit, found.begin_ns, max(found.end_ns, end_ns))


def opens(calendar: WorkingTime | None, from_ns: int) -> int:
    """Return the first instant of working time from an instant on; `FAR_NS` where none is planned."""
    if from_ns >= FAR_NS or calendar is None or calendar.planned(from_ns):
        return min(FAR_NS, from_ns)
    opened_ns = after(calendar, from_ns, 1)
    return opened_ns if opened_ns >= FAR_NS else opened_ns - 1


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
