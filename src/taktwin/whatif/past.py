"""The plant as of an instant of the past: the twin's picture, and the MES's open job orders of then.

The picture comes from the recorder. The board is rebuilt from the events that history keeps: what had
happened by the instant, as it is known now, so a booking that came late counts from when it was touched.
Comes in: MES events; goes out: what `mes.board` would have answered, without what the MES only works out
when it is asked (obstacles, candidates, projections).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from taktwin.bus.port import Bus
from taktwin.contracts import events, topics
from taktwin.contracts.events import EventData, ScheduledJob
from taktwin.contracts.state import Frame
from taktwin.history import requests
from taktwin.history.requests import EventsRequest, IntervalsRequest, StatusAnswer, StatusRequest
from taktwin.instants import SECOND_NS
from taktwin.measures.time_classes import ClassSpan
from taktwin.plant.registry import Registry
from taktwin.standards.iso22400 import TimeClass
from taktwin.standards.job_control import State, SubState

ASK_S = 30.0  # the recorder plays up to half an hour of the plant before it has a picture
WINDOW_NS = 2 * 86_400 * SECOND_NS  # of counts, in one question: they are most of what an MES says
JOBS_WINDOW_NS = 14 * 86_400 * SECOND_NS
OVER_SHOWN = 12
OPEN = (State.RUNNING, State.INTERRUPTED, State.ALLOWED_TO_START, State.NOT_ALLOWED_TO_START)
JOB_EVENTS: tuple[type[EventData], ...] = (
    events.JobOrderStored, events.JobOrderUpdated, events.JobOrderAllowed, events.JobOrderRevoked,
    events.JobOrderStarted, events.JobOrderPaused, events.JobOrderResumed, events.JobOrderEnded,
    events.JobOrderAborted, events.JobOrderCancelled, events.JobOrderCleared, events.JobOrderSplit,
    events.JobOrderMerged,
)  # fmt: skip
COUNT_EVENTS: tuple[type[EventData], ...] = (
    events.MaterialCounted, events.MaterialScrapped, events.MaterialScrapUndone,
)  # fmt: skip
PLAN_EVENTS: tuple[type[EventData], ...] = (events.SchedulePublished,)
KINDS = {kind.event_type: kind for kind in (*JOB_EVENTS, *COUNT_EVENTS, *PLAN_EVENTS)}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job order as it stood: the fields of the MES's own, in its words."""

    job: str
    request: str
    operation: int
    name: str
    product: str
    equipment_class: str
    work_unit: str
    quantity: int
    due_ns: int
    priority: int
    last_operation: bool
    state: str
    sub_state: str
    good: int
    scrap: int
    started_ns: int
    ended_ns: int
    reason: str
    version: int
    definition: str


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """An event of the MES; in the sequence in which it was said, which is that in which it was decided."""

    sequence: int
    at_ns: int
    content: EventData


def facts(rows: Iterable[tuple[int, str, bytes]]) -> list[Fact]:
    """Return the facts of (time_ns, sequence, body), in their sequence; what is of no board is left out."""
    found = []
    for at_ns, sequence, body in rows:
        event = events.decode(body)
        kind = KINDS.get(event.name)
        if kind is not None:
            found.append(Fact(int(sequence or 0), at_ns, msgspec.json.decode(event.data, type=kind)))
    return sorted(found, key=lambda fact: (fact.sequence, fact.at_ns))


def board(said: Sequence[Fact], at_ns: int) -> dict[str, Any]:
    """Return what the MES's board held at an instant, the instant's own facts included.

    Parameters
    ----------
    said : facts in their sequence; at least all of every job order that was open then

    Returns
    -------
    {lines, over, free_since_ns, at_ns} as `mes.board` has them. A line has the job order's fields and
    `planned`. A work unit on which no job order ran that is known from its begin on is not in
    `free_since_ns`: one may have, before history begins.
    """
    jobs, plan = _folded(said, at_ns)
    rank = {state.value: place for place, state in enumerate(OPEN)}
    open_jobs = [job for job in jobs.values() if job.state in rank]
    open_jobs.sort(key=lambda job: (rank[job.state], *_turn(job, plan)))
    over = [job for job in jobs.values() if job.state not in rank]
    over.sort(key=lambda job: (-job.ended_ns, job.job))
    return {
        "lines": [_line(job, plan) for job in open_jobs],
        "over": [msgspec.structs.asdict(job) for job in over[:OVER_SHOWN]],
        "free_since_ns": _free_since_ns(said, jobs, at_ns),
        "at_ns": at_ns,
    }


def through(said: Sequence[Fact], at_ns: int) -> list[dict[str, Any]]:
    """Return the job orders of open orders that are over; a board shows only the last that are."""
    jobs, _ = _folded(said, at_ns)
    still = {job.request for job in jobs.values() if job.state in OPEN}
    return [
        msgspec.structs.asdict(job) for job in jobs.values() if job.request in still and job.state not in OPEN
    ]


def opened_ns(said: Sequence[Fact], at_ns: int) -> int | None:
    """Return since when counts matter for the board of an instant: the oldest order then open; None: none."""
    jobs, _ = _folded(said, at_ns)
    orders = {job.request for job in jobs.values() if job.state in OPEN}
    stored = [
        fact.at_ns for fact in said
        if isinstance(fact.content, events.JobOrderStored) and fact.content.request in orders
    ]  # fmt: skip
    return min(stored, default=None)


def _free_since_ns(said: Sequence[Fact], jobs: dict[str, Job], at_ns: int) -> dict[str, int]:
    """Return since when no job order runs on the work units on which one did."""
    running: dict[str, tuple[str, int]] = {}  # job order -> work unit, and since when
    last: dict[str, tuple[int, int, str]] = {}  # work unit -> begin and end of the last span, its job order
    for fact in said:
        if fact.at_ns > at_ns:
            continue
        match fact.content:
            case events.JobOrderStarted() | events.JobOrderResumed() as begun:
                running[begun.job] = begun.work_unit, fact.at_ns
            case events.JobOrderPaused() | events.JobOrderEnded() | events.JobOrderAborted() as stopped:
                if stopped.job in running:
                    unit, from_ns = running.pop(stopped.job)
                    # As the MES has it: a span is no shorter than a nanosecond.
                    span = from_ns, max(fact.at_ns, from_ns + 1), stopped.job
                    last[unit] = max(last.get(unit, span), span)
    busy = {unit for unit, _ in running.values()}
    return {
        unit: max(to_ns, jobs[job].ended_ns if job in jobs else 0)
        for unit, (_, to_ns, job) in last.items() if unit not in busy
    }  # fmt: skip


def _line(job: Job, plan: dict[str, ScheduledJob]) -> dict[str, Any]:
    planned = plan.get(job.job)
    return {
        **msgspec.structs.asdict(job),
        "planned": None if planned is None else {
            "work_unit": planned.work_unit, "sequence": planned.sequence,
            "begin_ns": planned.begin_ns, "end_ns": planned.end_ns,
        },
    }  # fmt: skip


def _turn(job: Job, plan: dict[str, ScheduledJob]) -> tuple[int, float, float, str, int]:
    """Return what the MES sorts by: the schedule in force first, then priority and due date."""
    planned = plan.get(job.job)
    if planned is not None:
        return 0, planned.begin_ns, 0, job.request, job.operation
    return 1, -job.priority, job.due_ns or float("inf"), job.request, job.operation


def _folded(said: Sequence[Fact], at_ns: int) -> tuple[dict[str, Job], dict[str, ScheduledJob]]:
    jobs: dict[str, Job] = {}
    reported: dict[str, tuple[str, int]] = {}  # scrap report -> job order and quantity
    plan: dict[str, ScheduledJob] = {}
    for fact in said:
        if fact.at_ns > at_ns:
            continue
        match fact.content:
            case events.JobOrderStored() as new:
                jobs[new.job] = _stored(new)
            case events.JobOrderCancelled() | events.JobOrderCleared() as gone:
                jobs.pop(gone.job, None)
            case events.JobOrderSplit() as split if split.job in jobs:
                _split(jobs, split)
            case events.JobOrderMerged() as merged if merged.into in jobs:
                jobs.pop(merged.job, None)
                whole = jobs[merged.into].quantity + merged.quantity
                _change(jobs, merged.into, {"quantity": whole})
            case events.MaterialCounted() as counted if counted.job in jobs:
                good = counted.quantity if counted.kind == "good" else 0
                _book(jobs, counted.job, good, counted.quantity - good)
            case events.MaterialScrapped() as scrapped if scrapped.job in jobs:
                reported[scrapped.report] = scrapped.job, scrapped.quantity
                _book(jobs, scrapped.job, 0, scrapped.quantity)
            case events.MaterialScrapUndone() as undone if undone.report in reported:
                job, quantity = reported.pop(undone.report)
                _book(jobs, job, 0, -quantity)
            case events.SchedulePublished() as published:
                plan = {each.job: each for each in published.jobs}
            case other if getattr(other, "job", "") in jobs:
                _change(jobs, other.job, _moved(other, fact.at_ns))  # type: ignore[attr-defined]
    return jobs, plan


def _stored(new: events.JobOrderStored) -> Job:
    return Job(
        job=new.job, request=new.request, operation=new.operation, name=new.name, product=new.product,
        equipment_class=new.equipment_class, work_unit="", quantity=new.quantity, due_ns=new.due_ns,
        priority=new.priority, last_operation=new.last_operation, state=State.NOT_ALLOWED_TO_START.value,
        sub_state=SubState.WAITING.value, good=0, scrap=0, started_ns=0, ended_ns=0, reason="", version=1,
        definition=new.definition,
    )  # fmt: skip


def _split(jobs: dict[str, Job], split: events.JobOrderSplit) -> None:
    job = jobs[split.job]
    _change(jobs, split.job, {"quantity": job.quantity - split.quantity})
    jobs[split.into] = msgspec.structs.replace(
        job, job=split.into, quantity=split.quantity, work_unit="", good=0, scrap=0, started_ns=0,
        ended_ns=0, reason="", state=State.NOT_ALLOWED_TO_START.value, sub_state=SubState.WAITING.value,
        version=1,
    )  # fmt: skip


def _book(jobs: dict[str, Job], name: str, good: int, scrap: int) -> None:
    job = jobs.get(name)
    if job is not None:
        _change(jobs, name, {"good": job.good + good, "scrap": job.scrap + scrap})


def _change(jobs: dict[str, Job], name: str, changes: dict[str, Any]) -> None:
    job = jobs[name]
    jobs[name] = msgspec.structs.replace(job, version=job.version + 1, **changes)


def _moved(content: EventData, at_ns: int) -> dict[str, Any]:
    """Return what an event changes at the job order that it names."""
    match content:
        case events.JobOrderUpdated() as updated:
            ready = SubState.READY if updated.work_unit else SubState.WAITING
            return {"work_unit": updated.work_unit, "due_ns": updated.due_ns, "priority": updated.priority,
                    "sub_state": ready.value}  # fmt: skip
        case events.JobOrderAllowed():
            return {"state": State.ALLOWED_TO_START.value, "sub_state": SubState.READY.value}
        case events.JobOrderRevoked():
            return {"state": State.NOT_ALLOWED_TO_START.value, "sub_state": SubState.READY.value}
        case events.JobOrderStarted():
            return {"state": State.RUNNING.value, "sub_state": "", "started_ns": at_ns}
        case events.JobOrderPaused() as paused:
            return {"state": State.INTERRUPTED.value, "sub_state": paused.sub_state}
        case events.JobOrderResumed():
            return {"state": State.RUNNING.value, "sub_state": ""}
        case events.JobOrderEnded() as ended:
            return {"state": State.ENDED.value, "sub_state": ended.sub_state, "ended_ns": at_ns}
        case events.JobOrderAborted():
            return {"state": State.ABORTED.value, "sub_state": "", "ended_ns": at_ns}
    raise AssertionError(f"{type(content).__name__} is none that a board is folded of")


class Past:
    """Asks recorder and historian for the plant as of an instant."""

    def __init__(self, bus: Bus, registry: Registry, *, session: str = "whatif-past") -> None:
        self._bus = bus
        self._registry = registry
        self._session = session

    async def frame(self, at_ns: int) -> Frame:
        """Return the twin's full picture as of an instant.

        Raises
        ------
        BusError
            If the recorder or history does not answer.
        """
        wish = {"session": self._session, "at_ns": at_ns, "speed": 0}
        said = await self._ask("recorder", "open", msgspec.msgpack.encode(wish))
        await self._ask("recorder", "close", msgspec.msgpack.encode({"session": self._session}))
        return msgspec.msgpack.decode(said, type=Frame)

    async def board(self, at_ns: int) -> dict[str, Any]:
        """Return the MES's board as of an instant, from history. Raises BusError."""
        return board(await self.facts(at_ns, at_ns), at_ns)

    async def facts(self, from_ns: int, to_ns: int) -> list[Fact]:
        """Return all that boards of [from_ns, to_ns] and counts in it are made of. Raises BusError."""
        said = await self._facts(JOB_EVENTS, 0, to_ns + 1, JOBS_WINDOW_NS)
        since_ns = opened_ns(said, from_ns)
        plan = EventsRequest(to_ns=from_ns + 1, types=_names(PLAN_EVENTS), limit=1, newest_first=True)
        counted_ns = from_ns if since_ns is None else min(since_ns, from_ns)
        found = [
            *said,
            *facts(await self._rows(plan)),
            *await self._facts(PLAN_EVENTS, from_ns + 1, to_ns + 1, JOBS_WINDOW_NS),
            *await self._facts(COUNT_EVENTS, counted_ns, to_ns + 1, WINDOW_NS),
        ]
        return sorted(found, key=lambda fact: (fact.sequence, fact.at_ns))

    async def stays(self, from_ns: int, to_ns: int) -> dict[str, list[ClassSpan]]:
        """Return the time classes of each work unit over a span, in their sequence. Raises BusError."""
        wish = IntervalsRequest(from_ns=from_ns, to_ns=to_ns)
        table = requests.table_of(await self._ask(requests.OWNER, "intervals", requests.encode(wish)))
        found: dict[str, list[ClassSpan]] = {}
        for row in table.select(["unit", "from_ns", "to_ns", "time_class"]).to_pylist():
            span = ClassSpan(row["from_ns"], row["to_ns"], row["time_class"])
            found.setdefault(row["unit"], []).append(span)
        for document in (await self._now()).units:
            spans = found.setdefault(document.unit, [])
            # What goes on is told to history when it is over; until then the twin alone knows.
            begun = not spans or (spans[-1].to_ns is not None and spans[-1].to_ns <= document.since_ns)
            if begun and document.since_ns < to_ns and document.time_class != TimeClass.UNKNOWN:
                spans.append(ClassSpan(document.since_ns, None, document.time_class))
        return found

    async def _now(self) -> Frame:
        return msgspec.msgpack.decode(await self._ask("twin", "snapshot", b""), type=Frame)

    async def begins_ns(self) -> int | None:
        """Return since when there is history; None: there is none. Raises BusError."""
        said = await self._ask(requests.OWNER, "status", requests.encode(StatusRequest()))
        return msgspec.msgpack.decode(said, type=StatusAnswer).oldest_ns

    async def _facts(
        self, kinds: tuple[type[EventData], ...], from_ns: int, to_ns: int, window_ns: int
    ) -> list[Fact]:
        first = EventsRequest(from_ns=from_ns, to_ns=to_ns, types=_names(kinds), limit=1)
        begins = await self._rows(first)
        if not begins:
            return []
        found: list[Fact] = []
        for a_ns, b_ns in _windows(begins[0][0], to_ns, window_ns):
            found += facts(await self._rows(EventsRequest(from_ns=a_ns, to_ns=b_ns, types=_names(kinds))))
        return found

    async def _rows(self, request: EventsRequest) -> list[tuple[int, str, bytes]]:
        table = requests.table_of(await self._ask(requests.OWNER, "events", requests.encode(request)))
        columns = (table[name].to_pylist() for name in ("time_ns", "sequence", "body"))
        return list(zip(*columns, strict=True))

    async def _ask(self, owner: str, name: str, payload: bytes) -> bytes:
        subject = topics.query(self._registry.enterprise, self._registry.site, owner, name)
        return await self._bus.request(subject, payload, timeout_s=ASK_S)


def _names(kinds: Iterable[type[EventData]]) -> list[str]:
    return [kind.event_type for kind in kinds]


def _windows(from_ns: int, to_ns: int, window_ns: int) -> Iterator[tuple[int, int]]:
    for at_ns in range(from_ns, to_ns, window_ns):
        yield at_ns, min(at_ns + window_ns, to_ns)
