"""`/alarms`: the list by cause, the journal, the health of the alarm system, decisions of people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pyarrow as pa
from fastapi import APIRouter, Query, Response

from taktwin.contracts import events
from taktwin.contracts.events import CloudEvent
from taktwin.errors import BusError
from taktwin.identity import EquipmentId, part_of
from taktwin.portal import journal as book
from taktwin.portal import wire
from taktwin.portal.context import PersonOf, Portal, PortalOf, require
from taktwin.portal.grouping import NOT_ANNOUNCED, counts_by_priority, group
from taktwin.portal.models.alarms import AlarmHealth, AlarmList, Decided, Decision, Journal
from taktwin.portal.roles import Action
from taktwin.portal.routes.units import window
from taktwin.portal.tables import column

router = APIRouter(tags=["alarms"])

WEEK_NS = 7 * book.DAY_NS
EVENTS_MAX = 50_000


@router.get("/alarms", response_model=AlarmList)
async def alarm_list(portal: PortalOf, person: PersonOf, at_ms: int | None = None) -> dict[str, Any]:
    """Return what stands or waits for a person, grouped by cause; `at_ms` shows it as it was then."""
    if at_ms is None:
        alarms = portal.hub.picture.standing_alarms()
        at_ns = portal.clock.now_ns()
    else:
        at_ns = wire.ns(at_ms)
        stored = await _stored(portal, from_ns=at_ns - WEEK_NS, to_ns=at_ns + 1)
        alarms = book.alarms_at(book.entries(stored, known(portal)), at_ns)
    groups = group(portal.registry, alarms)
    return {
        "alarms": [wire.alarm(a) for a in alarms],
        "groups": [
            {"cause": g.cause, "name": g.name, "priority": g.priority, "alarms": [a.alarm for a in g.alarms]}
            for g in groups
        ],
        "causes": len(groups),
        "count": sum(1 for a in alarms if a.state not in NOT_ANNOUNCED),
        "counts_by_priority": counts_by_priority(groups),
        "at_ms": wire.ms(at_ns),
    }


@router.get(
    "/alarms/journal",
    response_model=Journal,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def journal(
    portal: PortalOf,
    person: PersonOf,
    from_ms: int,
    to_ms: int,
    equipment: Annotated[str | None, Query(description="an equipment with all that is part of it")] = None,
    priority: Annotated[int | None, Query(ge=1, le=3)] = None,
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = 500,
    format: Literal["json", "csv"] = "json",
) -> Any:
    """Return every transition with who and when, newest first; `format=csv` as a file."""
    from_ns, to_ns = window(portal, from_ms, to_ms)
    stored = await _stored(portal, from_ns=from_ns, to_ns=to_ns)
    members = None if equipment is None else _members(portal, equipment)
    rows = [
        row
        for row in reversed(book.entries(stored, known(portal)))
        if (members is None or row.equipment in members) and (priority is None or row.priority == priority)
    ][:limit]
    if format == "csv":
        headers = {"Content-Disposition": 'attachment; filename="alarm-journal.csv"'}
        return Response(book.as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)
    return {
        "entries": [
            {"at_ms": wire.ms(r.at_ns), "alarm": r.alarm, "equipment": r.equipment, "event": r.event,
             "person": r.person, "comment": r.comment, "priority": r.priority, "message": r.message,
             "value": wire.safe(r.value), "id": r.id}
            for r in rows
        ]
    }  # fmt: skip


@router.get("/alarms/health", response_model=AlarmHealth)
async def health(portal: PortalOf, person: PersonOf) -> dict[str, Any]:
    """Return the figures of ISA-18.2: rate and floods of a day, worst offenders and priorities of a week."""
    now_ns = portal.clock.now_ns()
    stored = await _stored(portal, from_ns=now_ns - WEEK_NS, to_ns=now_ns + 1)
    since_ns = await recorded_since_ns(portal)
    rows = book.entries(stored, known(portal))
    found = book.figures(rows, recorded_since_ns=since_ns, now_ns=now_ns)
    standing = portal.hub.picture.standing_alarms()
    return {
        "rate_per_10_min": found.rate_per_10_min,
        "floods": [{"from_ms": wire.ms(f.from_ns), "count": f.count} for f in found.floods],
        "standing_over_24h": [
            {"alarm": a.alarm, "message": a.message, "since_ms": wire.ms(a.first_seen_ns or a.since_ns)}
            for a in standing
            if a.active and now_ns - (a.first_seen_ns or a.since_ns) > book.DAY_NS
        ],
        "worst": [
            {"alarm": alarm, "message": message, "count": count, "share": share}
            for alarm, message, count, share in found.worst
        ],
        "priorities": {str(p): n for p, n in found.priorities.items()},
        "rates": [{"from_ms": wire.ms(r.from_ns), "count": r.count} for r in found.rates],
        "shelved": sum(1 for a in standing if a.state == "SHLVD"),
        "median_acknowledge_s": {str(p): s for p, s in found.median_acknowledge_s.items()},
        "from_ms": wire.ms(max(now_ns - WEEK_NS, since_ns)),
        "to_ms": wire.ms(now_ns),
    }


@router.post("/alarms/{alarm:path}/acknowledge", response_model=Decided)
async def acknowledge(alarm: str, decision: Decision, portal: PortalOf, person: PersonOf) -> Decided:
    """Take notice of an alarm, under your name. This acknowledges nothing in the machine."""
    require(person, Action.ALARM_ACKNOWLEDGE, _place(portal, alarm))
    return Decided(event_id=await portal.decisions.decide(person, alarm, "acknowledge", decision))


@router.post("/alarms/{alarm:path}/shelve", response_model=Decided)
async def shelve(alarm: str, decision: Decision, portal: PortalOf, person: PersonOf) -> Decided:
    """Put an alarm aside until an instant, with a reason. It ends by itself."""
    require(person, Action.ALARM_SHELVE, _place(portal, alarm))
    return Decided(event_id=await portal.decisions.decide(person, alarm, "shelve", decision))


@router.post("/alarms/{alarm:path}/unshelve", response_model=Decided)
async def unshelve(alarm: str, decision: Decision, portal: PortalOf, person: PersonOf) -> Decided:
    """Bring a shelved alarm back."""
    require(person, Action.ALARM_SHELVE, _place(portal, alarm))
    return Decided(event_id=await portal.decisions.decide(person, alarm, "unshelve", decision))


@router.post("/alarms/{alarm:path}/comment", response_model=Decided)
async def comment(alarm: str, decision: Decision, portal: PortalOf, person: PersonOf) -> Decided:
    """Say something about an alarm."""
    require(person, Action.ALARM_COMMENT, _place(portal, alarm))
    return Decided(event_id=await portal.decisions.decide(person, alarm, "comment", decision))


def _place(portal: Portal, alarm: str) -> str:
    """Return the part of the plant in which an alarm stands, "" where nobody knows it."""
    found = portal.hub.picture.alarms.by_id.get(alarm)
    equipment = None if found is None else portal.registry.equipment.get(EquipmentId(found.equipment))
    return "" if equipment is None else part_of(equipment.place)


def known(portal: Portal) -> dict[str, book.Known]:
    """Return what the plant folder and the twin say of each alarm, apart from any event."""
    signals = portal.registry.signals
    declared = {
        limit.id: book.Known(signals[limit.signal].equipment, limit.priority, limit.message)
        for limit in portal.registry.limits
    }
    now = portal.hub.picture.alarms.by_id.values()
    return declared | {a.alarm: book.Known(a.equipment, a.priority, a.message) for a in now}


async def recorded_since_ns(portal: Portal) -> int:
    """Return since when the plant was recorded, 0 where the historian does not say.

    A demo begins at its epoch: standing values with stamps of hours before are no record of then.
    """
    begun_ns = portal.installation.epoch_ns if portal.installation.demo else 0
    try:
        return max((await portal.questions.history_status()).oldest_ns or 0, begun_ns)
    except BusError:
        return begun_ns


def events_of(table: pa.Table) -> list[CloudEvent]:
    """Return the stored events of a table of the historian."""
    return [events.decode(body) for body in column(table, "body")]


async def _stored(portal: Portal, *, from_ns: int, to_ns: int) -> list[CloudEvent]:
    table = await portal.questions.events(
        from_ns=from_ns, to_ns=to_ns, types=book.TYPES, limit=EVENTS_MAX, newest_first=True
    )
    stored = events_of(table)
    decided = portal.decisions.beside(stored, from_ns=from_ns, to_ns=to_ns)
    return sorted([*stored, *decided], key=lambda event: (event.time_ns, event.sequence))


def _members(portal: Portal, equipment: str) -> set[str]:
    members = {equipment}
    children: dict[str, list[str]] = {}
    for one in portal.registry.equipment.values():
        if one.parent is not None:
            children.setdefault(one.parent, []).append(one.id)
    waiting = [equipment]
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in members:
                members.add(child)
                waiting.append(child)
    return members
