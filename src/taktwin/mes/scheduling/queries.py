"""The schedule in force, from its row. Writes nothing."""

from __future__ import annotations

import functools

import msgspec

from taktwin.contracts.events import ScheduledJob
from taktwin.mes.scheduling.tables import Schedule
from taktwin.storage.book import Reading

Plan = dict[str, ScheduledJob]  # job order -> where and when it is to run


def schedule_in_force(book: Reading) -> Schedule | None:
    """Return the schedule in force, None before the first one."""
    return next(iter(book.newest(Schedule, "version", 1)), None)


def plan_in_force(book: Reading) -> Plan:
    """Return what the schedule in force says of each job order; nothing before the first one."""
    row = schedule_in_force(book)
    return {} if row is None else plan_of(row.jobs)


def plan_of(jobs: str) -> Plan:
    """Return the plan of a schedule's text."""
    return dict(_read(jobs))


@functools.lru_cache(maxsize=8)  # a board asks every two seconds, a schedule changes some times a day
def _read(jobs: str) -> Plan:
    return {each.job: each for each in msgspec.json.decode(jobs, type=list[ScheduledJob])}
