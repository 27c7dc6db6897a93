"""The alarm journal, the health of the alarm system, and the alarms of a past instant. Pure.

Comes in: stored CloudEvents about alarms, in order of time. Goes out: entries for people, and the
figures of ISA-18.2: how many per ten minutes, floods, what stands for a day, the worst offenders.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec

from taktwin.contracts import events
from taktwin.contracts.events import (
    AlarmAcknowledged,
    AlarmCleared,
    AlarmCommented,
    AlarmRaised,
    AlarmShelved,
    AlarmUnshelved,
    CloudEvent,
)
from taktwin.contracts.state import AlarmDocument
from taktwin.instants import SECOND_NS, rfc3339

TYPES = tuple(
    kind.event_type
    for kind in (AlarmRaised, AlarmCleared, AlarmAcknowledged, AlarmShelved, AlarmUnshelved, AlarmCommented)
)
TEN_MINUTES_NS = 600 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
FLOOD = 10  # more alarms than this in ten minutes nobody can follow
WORST = 10
CSV_COLUMNS = ("time", "event", "alarm", "equipment", "priority", "message", "person", "comment", "value")


@dataclass(frozen=True, slots=True)
class Entry:
    """One transition of one alarm."""

    at_ns: int
    alarm: str
    equipment: str
    event: str  # the last word of the event's type: raised, cleared, ...
    id: str
    person: str = ""
    comment: str = ""
    priority: int | None = None
    message: str = ""
    value: Any = None
    content: Any = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an alarm apart from the event that tells of it."""

    equipment: str
    priority: int
    message: str


def entries(stored: Iterable[CloudEvent], known: Mapping[str, Known]) -> list[Entry]:
    """Return the entries of stored events in the same order; what is no alarm event is left out.

    An event that says only the alarm's id gets message and priority from the raise before it, else
    from what is `known` of the alarm now.
    """
    learnt = dict(known)
    found = []
    for event in stored:
        content = events.content_of(event)
        if not isinstance(content, AlarmRaised | AlarmCleared | AlarmAcknowledged | AlarmShelved
                          | AlarmUnshelved | AlarmCommented):  # fmt: skip
            continue
        value: Any = None
        if isinstance(content, AlarmRaised):
            learnt[content.alarm] = Known(content.equipment, content.priority, content.message)
            value = content.value
        about = learnt.get(content.alarm)
        found.append(
            Entry(
                at_ns=event.time_ns,
                alarm=content.alarm,
                equipment=getattr(content, "equipment", "") or (about.equipment if about else ""),
                event=content.event_type.rpartition(".")[2],
                id=event.id,
                person=getattr(content, "person", ""),
                comment=getattr(content, "comment", ""),
                priority=about.priority if about else None,
                message=about.message if about else "",
                value=value,
                content=content,
            )
        )
    return found


def as_csv(rows: Iterable[Entry]) -> str:
    """Return entries as CSV with a header. Texts that a table program would run are made harmless."""
    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        value = "" if row.value is None else msgspec.json.encode(row.value).decode()
        texts = (
            row.event,
            row.alarm,
            row.equipment,
            row.priority or "",
            row.message,
            row.person,
            row.comment,
        )
        writer.writerow([rfc3339(row.at_ns), *(_harmless(str(text)) for text in texts), value])
    return sink.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@dataclass(frozen=True, slots=True)
class Rate:
    """Alarms raised in ten minutes."""

    from_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Health of the alarm system over a window that ends now."""

    rate_per_10_min: float
    rates: tuple[Rate, ...]
    floods: tuple[Rate, ...]
    worst: tuple[tuple[str, str, int, float], ...]  # alarm, message, count, share
    priorities: Mapping[int, int]
    median_acknowledge_s: Mapping[int, float]


def figures(rows: Sequence[Entry], *, recorded_since_ns: int, now_ns: int) -> Figures:
    """Return the figures: rates and floods over a day, the others over all rows.

    Where the records are younger than a day, the rate is over what there is: a plant that was
    switched on an hour ago has not had a quiet day.
    """
    raised = [row for row in rows if row.event == "raised"]
    day_from_ns = max(now_ns - DAY_NS, recorded_since_ns)
    spans = max(-(-(now_ns - day_from_ns) // TEN_MINUTES_NS), 1)
    first_ns = now_ns - spans * TEN_MINUTES_NS
    counts = Counter((row.at_ns - first_ns) // TEN_MINUTES_NS for row in raised if row.at_ns >= first_ns)
    rates = tuple(Rate(first_ns + k * TEN_MINUTES_NS, counts.get(k, 0)) for k in range(spans))
    by_alarm = Counter(row.alarm for row in raised)
    messages = {row.alarm: row.message for row in raised}
    return Figures(
        rate_per_10_min=round(sum(rate.count for rate in rates) / spans, 2),
        rates=rates,
        floods=_floods(sorted(row.at_ns for row in raised if row.at_ns >= first_ns)),
        worst=tuple(
            (alarm, messages[alarm], count, round(count / len(raised), 4))
            for alarm, count in sorted(by_alarm.items(), key=lambda item: (-item[1], item[0]))[:WORST]
        ),
        priorities={p: sum(1 for row in raised if row.priority == p) for p in (1, 2, 3)},
        median_acknowledge_s=_until_acknowledged(rows),
    )


def _floods(times_ns: Sequence[int]) -> tuple[Rate, ...]:
    """Return the floods: stretches in which any ten minutes saw more than ten alarms, joined."""
    floods: list[tuple[int, int]] = []  # index of the first and the last alarm
    first = 0
    for last, at_ns in enumerate(times_ns):
        while at_ns - times_ns[first] >= TEN_MINUTES_NS:
            first += 1
        if last - first + 1 > FLOOD:
            if floods and first <= floods[-1][1]:
                floods[-1] = (floods[-1][0], last)
            else:
                floods.append((first, last))
    return tuple(Rate(times_ns[a], b - a + 1) for a, b in floods)


def _until_acknowledged(rows: Sequence[Entry]) -> dict[int, float]:
    waiting: dict[str, Entry] = {}
    taken: dict[int, list[float]] = {}
    for row in rows:
        if row.event == "raised":
            waiting[row.alarm] = row
        elif row.event == "acknowledged" and row.alarm in waiting:
            begun = waiting.pop(row.alarm)
            taken.setdefault(begun.priority or 3, []).append((row.at_ns - begun.at_ns) / SECOND_NS)
    return {priority: round(median(spans), 1) for priority, spans in sorted(taken.items())}


def alarms_at(rows: Iterable[Entry], at_ns: int) -> list[AlarmDocument]:
    """Return the alarms that stood or waited for a person at an instant, folded from the journal."""
    standing: dict[str, AlarmDocument] = {}
    for row in rows:
        if row.at_ns > at_ns:
            break
        before = standing.get(row.alarm)
        after = _step(before, row)
        if after is not None:
            standing[row.alarm] = after
    return [
        msgspec.structs.replace(a, state=_word(a, at_ns))
        for _, a in sorted(standing.items())
        if _word(a, at_ns) != "NORM"
    ]


def _step(before: AlarmDocument | None, row: Entry) -> AlarmDocument | None:
    content = row.content
    if isinstance(content, AlarmRaised):
        over = before is None or (not before.active and before.acknowledged_ns > 0)
        return AlarmDocument(
            alarm=content.alarm, equipment=content.equipment, state="UNACK", active=True, kind=content.kind,
            priority=content.priority, message=content.message, response=content.response,
            consequence=content.consequence, owner_role=content.owner_role, cause=content.cause,
            signal=content.signal, value=content.value, limit=content.limit, since_ns=row.at_ns,
            first_seen_ns=row.at_ns if over or before is None else before.first_seen_ns,
        )  # fmt: skip
    if before is None:
        return None
    change = msgspec.structs.replace
    if isinstance(content, AlarmCleared):
        return change(before, active=False, returned_ns=row.at_ns)
    if isinstance(content, AlarmAcknowledged):
        return change(
            before, acknowledged_by=content.person, acknowledged_ns=row.at_ns,
            comment=content.comment or before.comment,
        )  # fmt: skip
    if isinstance(content, AlarmShelved):
        return change(before, shelved_until_ns=content.until_ns, comment=content.comment or before.comment)
    if isinstance(content, AlarmUnshelved):
        return change(before, shelved_until_ns=0)
    return change(before, comment=row.comment)


def _word(alarm: AlarmDocument, at_ns: int) -> str:
    if alarm.shelved_until_ns > at_ns:
        return "SHLVD"
    if alarm.active:
        return "ACKED" if alarm.acknowledged_ns else "UNACK"
    return "NORM" if alarm.acknowledged_ns else "RTNUN"
