"""The one door through which a schedule comes into force, for planners and for programs alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from taktwin.contracts import commands, events
from taktwin.contracts.events import ScheduledJob
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import Routes
from taktwin.mes.dispatching.queries import open_jobs
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.engine import Inside, at_once, changes_inside, in_sequence
from taktwin.mes.scheduling.queries import Plan, plan_of, schedule_in_force
from taktwin.mes.scheduling.tables import Schedule
from taktwin.plant.routes import STEP
from taktwin.standards.job_control import ReturnStatus, State
from taktwin.storage.book import Reading

JOBS_MAX = 10_000
PAST_NS = 900 * SECOND_NS  # a plan of a quarter of an hour ago can still be agreed on
AHEAD_NS = 2 * 366 * 86_400 * SECOND_NS
BEGUN = (State.RUNNING, State.INTERRUPTED)
PLACED = (*BEGUN, State.ALLOWED_TO_START)


def publish(book: Reading, wish: commands.PublishSchedule, asking: Asking) -> Iterator[Fact]:
    """Put a schedule in force, unless it changes what is frozen."""
    yield from _publish(book, wish, asking, may_change_frozen=False)


def publish_frozen(book: Reading, wish: commands.PublishFrozen, asking: Asking) -> Iterator[Fact]:
    """Put a schedule in force that changes what is frozen too, for a reason that is written down."""
    yield from _publish(book, wish, asking, may_change_frozen=True)


def _publish(
    book: Reading, wish: commands.PublishSchedule, asking: Asking, *, may_change_frozen: bool
) -> Iterator[Fact]:
    row = schedule_in_force(book)
    version = 0 if row is None else row.version
    _same_version(row, wish.version)
    if not wish.cause.strip() or len(wish.cause) > 500:
        raise _invalid("cause", repr(wish.cause[:40]), "why this schedule: 1 to 500 characters")
    if len(wish.jobs) > JOBS_MAX:
        raise _invalid("jobs", len(wish.jobs), f"{JOBS_MAX:,} at most")
    known = {job.job: job for job in open_jobs(book)}
    old = {} if row is None else plan_of(row.jobs)
    new = _checked(wish.jobs, known, old, asking, Routes(book, asking.definitions))
    _keeps_order(book, new, known)
    twice = at_once(new.values())
    if twice is not None:
        raise _invalid(f"{twice[1].job} on {twice[1].work_unit}",
                       f"begins {rfc3339(twice[1].begin_ns)}, while {twice[0].job} is there",
                       f"{rfc3339(twice[0].end_ns)} or later: one job order at a time")  # fmt: skip
    inside = changed_inside(old, new, known, asking.definitions, asking.now_ns) if row is not None else []
    if inside and not may_change_frozen:
        first = inside[0]
        raise Refused("frozen", f"job order {first.job}", first.what,
                      f"no change there before {rfc3339(first.until_ns)}: the plan is frozen; "
                      "who may change it gives a reason")  # fmt: skip
    state = digest(known.values())
    yield Fact(
        events.SchedulePublished(
            schedule=f"SCH-{version + 1}", version=version + 1, by=asking.person or asking.actor,
            cause=wish.cause, state=wish.state, moved_on=bool(wish.state) and wish.state != state,
            inside=[each.job for each in inside],
            jobs=[
                ScheduledJob(job=each.job, work_unit=each.work_unit, sequence=number,
                             begin_ns=each.begin_ns, end_ns=each.end_ns)
                for each, number in in_sequence(new.values())
            ],
        ),
        asking.now_ns,
    )  # fmt: skip


def _same_version(row: Schedule | None, version: int) -> None:
    now = 0 if row is None else row.version
    if version != now:
        # Its jobs stay out of the answer: whoever lost the race asks for the whole picture anyway.
        shown = None if row is None else msgspec.structs.replace(row, jobs="")
        raise Refused("conflict", "schedule", f"version {now} in force",
                      f"version {version}: somebody published meanwhile", row=shown)  # fmt: skip


def digest(jobs: Iterable[JobOrder]) -> str:
    """Return what tells one state of the open job orders from another: SHA-256 of their versions."""
    said = sorted((job.job, job.version) for job in jobs)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def frozen_until(definitions: Definitions, now_ns: int) -> dict[str, int]:
    """Return until when the schedule of each work unit stands."""
    return {unit: now_ns + ahead_ns for unit, ahead_ns in definitions.frozen_ns.items() if ahead_ns}


def changed_inside(
    old: Plan, new: Plan, known: Mapping[str, JobOrder], definitions: Definitions, now_ns: int
) -> list[Inside]:
    """Return what a plan changes in the frozen zone; what has begun, or is over, is no plan any more."""
    waiting = {name for name, job in known.items() if State(job.state) not in BEGUN}
    return changes_inside(
        {name: each for name, each in old.items() if name in waiting},
        {name: each for name, each in new.items() if name in waiting},
        frozen_until_ns=frozen_until(definitions, now_ns),
    )


def _checked(
    wished: Iterable[commands.PlannedJob], known: Mapping[str, JobOrder], old: Plan, asking: Asking,
    routes: Routes,
) -> Plan:  # fmt: skip
    """Return the new plan; what has begun keeps the place that it was planned to have."""
    new: Plan = {}
    for each in wished:
        job = known.get(each.job)
        if job is None:
            raise unknown("job order that is not over", each.job, status=ReturnStatus.UNKNOWN_JOB_ORDER)
        if each.job in new:
            raise _invalid(f"job order {each.job}", "twice", "each job order once")
        new[each.job] = ScheduledJob(job=each.job, work_unit=each.work_unit, sequence=0,
                                     begin_ns=each.begin_ns, end_ns=each.end_ns)  # fmt: skip
        was = old.get(each.job)
        if was is not None and _same(was, new[each.job]):
            continue  # it was agreed on before, and may lie behind us
        _possible(new[each.job], job, begun_as=was, asking=asking, routes=routes)
    for name, was in old.items():
        if name in known and State(known[name].state) in BEGUN:
            new.setdefault(name, was)
    return new


def _same(one: ScheduledJob, other: ScheduledJob) -> bool:
    return (one.work_unit, one.begin_ns, one.end_ns) == (other.work_unit, other.begin_ns, other.end_ns)


def _possible(
    each: ScheduledJob, job: JobOrder, *, begun_as: ScheduledJob | None, asking: Asking, routes: Routes
) -> None:
    place = f"job order {each.job}"
    definition = routes.of(job)
    if definition is None:
        raise unknown("product that is made here", job.product)
    candidates = definition.operation(job.operation).work_units
    if each.work_unit not in candidates:
        raise _invalid(f"work unit of {each.job}", repr(each.work_unit), f"one of {', '.join(candidates)}")
    if not each.begin_ns < each.end_ns:
        raise _invalid(place, "an end that is not after its begin", "begin before end")
    state = State(job.state)
    if state in BEGUN and begun_as is not None:
        raise Refused("state", place, f"{job.state} since {rfc3339(job.started_ns)}",
                      "the place that it had in the plan: it has begun", row=job)  # fmt: skip
    if state in PLACED and job.work_unit and each.work_unit != job.work_unit:
        raise Refused("state", place, f"{job.state} on {job.work_unit}",
                      f"planned on {job.work_unit}, or its permission taken back", row=job)  # fmt: skip
    if state not in BEGUN and each.begin_ns < asking.now_ns - PAST_NS:
        raise _invalid(place, f"begins {rfc3339(each.begin_ns)}", "a begin that is not in the past")
    if each.end_ns > asking.now_ns + AHEAD_NS:
        raise _invalid(place, f"ends {rfc3339(each.end_ns)}", "an end within two years")


def _keeps_order(book: Reading, new: Plan, known: Mapping[str, JobOrder]) -> None:
    """Refuse a plan in which an operation comes without, or before, the one before it."""
    for name, each in new.items():
        job = known[name]
        before = f"{job.request}-{job.operation - STEP}"
        if job.operation == STEP or before not in known or State(known[before].state) in BEGUN:
            continue  # the first one, or the one before is over or under way
        if before not in new:
            raise _invalid(f"job order {name}", f"planned without {before}", "the operation before it too")
        if State(job.state) not in BEGUN and each.begin_ns < new[before].begin_ns:
            raise _invalid(f"job order {name}",
                           f"begins {rfc3339(each.begin_ns)}, before {before} does",
                           f"{rfc3339(new[before].begin_ns)} or later")  # fmt: skip


def _invalid(place: str, found: object, right: str) -> Refused:
    return Refused("invalid", place, found, right, status=ReturnStatus.INVALID_REQUEST)


RULES = Rules(
    deciders={
        commands.PublishSchedule.command_name: publish,
        commands.PublishFrozen.command_name: publish_frozen,
    }
)
