"""What a schedule must keep to: no work unit does two things at once, the frozen zone stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


class Placed(Protocol):
    """A job order's place in a plan."""

    @property
    def job(self) -> str:
        """Return its job order."""
        ...

    @property
    def work_unit(self) -> str:
        """Return where it is to run."""
        ...

    @property
    def begin_ns(self) -> int:
        """Return from when on."""
        ...

    @property
    def end_ns(self) -> int:
        """Return until when."""
        ...


@dataclass(frozen=True, slots=True)
class Inside:
    """A change within the frozen zone: of which job order, what, and until when the zone stands there."""

    job: str
    what: str
    until_ns: int


def in_sequence(jobs: Iterable[Placed]) -> list[tuple[Placed, int]]:
    """Return all places by work unit and begin, each with its number on its work unit."""
    found: list[tuple[Placed, int]] = []
    number, unit = 0, ""
    for each in sorted(jobs, key=lambda each: (each.work_unit, each.begin_ns, each.end_ns, each.job)):
        number = number + 1 if each.work_unit == unit else 1
        unit = each.work_unit
        found.append((each, number))
    return found


def at_once(jobs: Iterable[Placed]) -> tuple[Placed, Placed] | None:
    """Return the first two that want one work unit at the same time, None where there are none."""
    before: Placed | None = None
    for each, number in in_sequence(jobs):
        if before is not None and number > 1 and each.begin_ns < before.end_ns:
            return before, each
        before = each
    return None


def changes_inside(
    old: Mapping[str, Placed], new: Mapping[str, Placed], *, frozen_until_ns: Mapping[str, int]
) -> list[Inside]:
    """Return what a plan changes within the frozen zone of another, by job order.

    A job order is inside where it was to begin, or is now to begin, before the zone of that work unit ends.

    Parameters
    ----------
    old, new : job order -> its place, without job orders that have begun: those are facts, not plans
    frozen_until_ns : work unit -> end of its zone
    """
    found = []
    for job in sorted({*old, *new}):
        was, now = old.get(job), new.get(job)
        if was and now and (was.work_unit, was.begin_ns) == (now.work_unit, now.begin_ns):
            continue
        for place, what in ((was, "leaves its place"), (now, "comes in")):
            until_ns = frozen_until_ns.get(place.work_unit, 0) if place is not None else 0
            if place is not None and place.begin_ns < until_ns:
                found.append(Inside(job, f"{what} on {place.work_unit}", until_ns))
                break
    return found
