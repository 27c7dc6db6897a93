"""Who is where, what they may do there, and what their time was for, from the rows. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import followed
from taktwin.mes.execution import tables as execution
from taktwin.mes.execution.engine import soonest
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.performance.engine import Presence, shares
from taktwin.mes.performance.runs import worked_on
from taktwin.mes.performance.tables import ShiftNote
from taktwin.mes.resources.engine import ACTIVITIES, BADGE_PREFIX
from taktwin.mes.resources.queries import checked, lack
from taktwin.mes.resources.stays import DAY_NS
from taktwin.mes.resources.tables import Attempts, Certificate, Credential, Stay
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading, Row

HOUR_NS = 3_600_000_000_000
HOURS_MAX = 168
EXPIRES_SOON_NS = 30 * DAY_NS
# What a terminal shows: what runs there, else what may begin first.
SHOWN = (State.RUNNING, State.INTERRUPTED, State.ALLOWED_TO_START)


def _plain(row: Row) -> dict[str, Any]:
    return msgspec.structs.asdict(row)


def _oldest(note: ShiftNote) -> tuple[int, str]:
    return note.at_ns, note.note


def crew(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return who works at a work unit, and what the shift before left there."""
    work_unit = str(wish["work_unit"])
    if work_unit not in definitions.work_units:
        return {}
    needs = _needs(book, definitions, work_unit)
    people = []
    for stay in book.where(Stay, work_unit=work_unit, to_ns=0):
        whys = {skill: lack(book, stay.person, skill, now_ns) for skill in needs}
        lacks = next((skill for skill, why in whys.items() if why), "")
        people.append({
            "person": stay.person, "from_ns": stay.from_ns, "lacks": lacks, "why": whys.get(lacks, ""),
        })  # fmt: skip
    notes = book.where(ShiftNote, work_unit=work_unit, read_by="")
    return {
        "work_unit": work_unit,
        "people": sorted(people, key=lambda each: (each["from_ns"], each["person"])),
        "needs": needs,
        "notes": [_plain(note) for note in sorted(notes, key=_oldest)],
        "activities": list(ACTIVITIES),
        "badge_prefix": BADGE_PREFIX,
        "at_ns": now_ns,
    }


def _needs(book: Reading, definitions: Definitions, work_unit: str) -> list[str]:
    for state in SHOWN:
        jobs = book.where(JobOrder, work_unit=work_unit, state=state.value)
        for job in sorted(
            jobs, key=lambda job: (-job.priority, soonest(job.due_ns), job.request, job.operation)
        ):
            definition = followed(book, definitions, job)
            if definition is not None:
                return list(checked(book, definition.operation(job.operation).skills))
    return []


def people(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return everybody, the certificates that need somebody, and all notes that nobody has read."""
    stays = {stay.person: stay for stay in book.where(Stay, to_ns=0)}
    secrets = {row.person: row for row in book.where(Credential)}
    locked = {row.person: row.locked_until_ns for row in book.where(Attempts)}
    held: dict[str, list[dict[str, Any]]] = {}
    expiring = []
    for row in book.where(Certificate):
        shown = {**_plain(row), "why": lack(book, row.person, row.skill, now_ns)}
        held.setdefault(row.person, []).append(shown)
        if not row.revoked and row.valid_until_ns - now_ns <= EXPIRES_SOON_NS:
            expiring.append(shown)
    everybody = []
    for person, classes in definitions.people.items():
        stay, secret = stays.get(person), secrets.get(person)
        until_ns = locked.get(person, 0)
        everybody.append({
            "person": person, "classes": list(classes), "shift_group": definitions.shift_groups[person],
            "pin": secret is not None and bool(secret.pin),
            "badge": secret is not None and bool(secret.badge),
            "locked_until_ns": until_ns if until_ns > now_ns else 0,
            "stay": None if stay is None else _plain(stay),
            "certificates": held.get(person, []),
        })  # fmt: skip
    return {
        "people": everybody,
        "skills": dict(definitions.skills),
        "expiring": sorted(expiring, key=lambda each: each["valid_until_ns"]),
        "notes": [_plain(note) for note in sorted(book.where(ShiftNote, read_by=""), key=_oldest)],
        "at_ns": now_ns,
    }


def labour(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return who worked on what from when to when: of the last hours, or on one job order."""
    job = None
    if wish.get("job"):
        job = book.get(JobOrder, str(wish["job"]))
        if job is None:
            return {}
        from_ns, to_ns = job.started_ns or now_ns, job.ended_ns or now_ns
    else:
        hours = min(max(int(wish["hours"]), 1), HOURS_MAX)
        from_ns, to_ns = now_ns - hours * HOUR_NS, now_ns
    ended = _ended_since(book, from_ns, to_ns) if job is None else book.where(Stay, work_unit=job.work_unit)
    stays = {stay.stay: stay for stay in (*ended, *book.where(Stay, to_ns=0))}
    presences = [each for _, stay in sorted(stays.items()) for each in _within(stay, from_ns, to_ns, now_ns)]
    runs = [
        run
        for place in sorted({each.work_unit for each in presences if each.work_unit})
        for row in _ran(book, place, from_ns)
        for run in worked_on(row, book.where(execution.Run, job=row.job), now_ns)
    ]
    found = [each for each in shares(presences, runs) if job is None or each.job == job.job]
    return {
        "rows": [
            {
                "person": each.person, "work_unit": each.work_unit, "job": each.job,
                "activity": each.activity, "from_ns": each.from_ns, "to_ns": each.to_ns,
            }
            for each in sorted(found, key=lambda each: (each.from_ns, each.person))
        ],
        "at_ns": now_ns,
    }  # fmt: skip


def _ran(book: Reading, work_unit: str, from_ns: int) -> list[JobOrder]:
    """Return the job orders that ran on a work unit since an instant; a cell of many years has many."""
    limit = 64
    while True:
        last = book.newest(JobOrder, "ended_ns", limit, work_unit=work_unit)
        if len(last) < limit or last[-1].ended_ns < from_ns:
            break
        limit *= 4
    now = [
        row
        for state in (State.RUNNING, State.INTERRUPTED)
        for row in book.where(JobOrder, work_unit=work_unit, state=state.value)
    ]
    ended = [row for row in last if row.ended_ns >= from_ns and row.started_ns]
    return sorted({row.job: row for row in (*now, *ended)}.values(), key=lambda row: row.job)


def _ended_since(book: Reading, from_ns: int, to_ns: int) -> list[Stay]:
    days = range(from_ns // DAY_NS, to_ns // DAY_NS + 1)
    return [stay for day in days for stay in book.where(Stay, ended_day=day)]


def _within(stay: Stay, from_ns: int, to_ns: int, now_ns: int) -> Iterator[Presence]:
    begin, end = max(stay.from_ns, from_ns), min(stay.to_ns or now_ns, to_ns)
    if end > begin:
        yield Presence(stay.person, stay.work_unit, stay.activity, begin, end)
