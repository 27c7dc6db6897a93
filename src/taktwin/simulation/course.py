"""The course of one run, to be looked at: comes in a run of the reference, goes out who did what when.

What a unit shows and how many wait is taken down after each event; the run is the one that it would have
been anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

from taktwin.simulation import reference
from taktwin.simulation.reference import Doing, Reference


@dataclass(frozen=True, slots=True)
class Stay:
    """What a unit does in [since, until), ticks."""

    since: int
    until: int
    doing: Doing
    job: str = ""  # in its hand
    product: str = ""
    closures: frozenset[int] = frozenset()  # by which it is off, as places in the plant's
    is_tool: bool = False  # of upkeep: a tool is changed


@dataclass(frozen=True, slots=True)
class Course:
    """Units with their stays without a gap; queues with (tick, jobs) where they change."""

    since: int
    until: int
    units: dict[str, list[Stay]]
    queues: dict[str, list[tuple[int, int]]]


_Look = tuple[Doing, str, str, frozenset[int], bool]


def course(run: Reference, *, until: int) -> Course:
    """Move a run on until a tick, and return what happened on the way."""
    since = run.now
    run.advance(until=since)  # one that is new begins: until then its units are off
    looks: list[tuple[int, _Look]] = [(since, _look(unit)) for unit in run._units]
    units: dict[str, list[Stay]] = {unit.name: [] for unit in run._units}
    queues = {name: [(since, len(center.queue))] for name, center in run._centers.items()}

    def look() -> None:
        for place, unit in enumerate(run._units):
            began, before = looks[place]
            now = _look(unit)
            if now != before:
                if run.now > began:
                    units[unit.name].append(Stay(began, run.now, *before))
                looks[place] = (run.now, now)
        for name, center in run._centers.items():
            if len(center.queue) != queues[name][-1][1]:
                queues[name].append((run.now, len(center.queue)))

    run.watched = look
    run.advance(until=until)
    run.watched = None
    for unit, (began, last) in zip(run._units, looks, strict=True):
        if until > began:
            units[unit.name].append(Stay(began, until, *last))
    return Course(since, until, units, queues)


def _look(unit: reference._Unit) -> _Look:
    doing, job = unit.shown, unit.job
    return (
        doing,
        job.name if job else "",
        job.product.name if job else "",
        frozenset(unit.closures) if doing is Doing.OFF and unit.on_shift else frozenset(),
        doing is Doing.UPKEEP and unit.down_by is not None and unit.down_by.tool is not None,
    )
