"""Labour: who worked on which job order for how long. Pure.

A person's stay at a work unit is cut where job orders began and ended there. Each second of a stay
belongs to one job order, to none, or to an activity that is no work on an order: never to two.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Presence:
    """A person somewhere, from when to when."""

    person: str
    work_unit: str  # "" = indirect
    activity: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Run:
    """A job order at a work unit, from when it began or went on, interruptions after it included."""

    job: str
    work_unit: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Share:
    """A piece of a presence, and what it was for."""

    person: str
    work_unit: str
    job: str  # "" = nothing ran there, or indirect
    activity: str
    from_ns: int
    to_ns: int


def shares(presences: Iterable[Presence], runs: Iterable[Run]) -> list[Share]:
    """Return every presence, cut into what it was for; the pieces of each add up to it.

    Where one job order is interrupted and another runs meanwhile, the one that began or went on last counts.
    """
    by_place: dict[str, list[Run]] = {}
    for run in runs:
        by_place.setdefault(run.work_unit, []).append(run)
    return [piece for each in presences for piece in _cut(each, by_place.get(each.work_unit, []))]


def _cut(presence: Presence, runs: Sequence[Run]) -> Iterator[Share]:
    begin, end = presence.from_ns, presence.to_ns
    there = [] if presence.activity else [run for run in runs if run.from_ns < end and run.to_ns > begin]
    edges = {begin, end} | {at for run in there for at in (run.from_ns, run.to_ns) if begin < at < end}
    marks = sorted(edges)
    open_from, open_job = begin, ""
    for at, after in itertools.pairwise(marks):
        covering = [run for run in there if run.from_ns <= at and run.to_ns >= after]
        job = max(covering, key=lambda run: (run.from_ns, run.job)).job if covering else ""
        if job != open_job and at > open_from:
            yield _share(presence, open_job, open_from, at)
            open_from = at
        open_job = job
    if end > open_from:
        yield _share(presence, open_job, open_from, end)


def _share(presence: Presence, job: str, from_ns: int, to_ns: int) -> Share:
    return Share(presence.person, presence.work_unit, job, presence.activity, from_ns, to_ns)
