"""Job orders: deciders of their commands, bookings on them, and the only writers of their tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from taktwin.contracts import commands, events
from taktwin.mes.assets.queries import refuse_unfulfilled
from taktwin.mes.checklists.queries import Question, questions
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.definitions.routes import Definition
from taktwin.mes.definitions.tables import Master
from taktwin.mes.definitions.versions import Routes, followed, in_force, in_force_of
from taktwin.mes.documents.queries import instructions
from taktwin.mes.execution.asking import asks, machine_counts
from taktwin.mes.execution.engine import AT_ONCE, OVER
from taktwin.mes.execution.tables import JobOrder, Output, Run, ScrapReport
from taktwin.mes.machines import parameters
from taktwin.mes.maintenance import actions as maintenance
from taktwin.mes.maintenance.readiness import refuse_stopped, refuse_toolless, stopped
from taktwin.mes.mastering.actions import refuse_unmakeable
from taktwin.mes.quality import actions as quality
from taktwin.mes.quality.tables import Nonconformance
from taktwin.mes.records.actions import signed
from taktwin.mes.resources.queries import checked, lack, signs
from taktwin.mes.resources.stays import people_at
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.tables import CLOSED, Passage, Unit
from taktwin.standards.job_control import (
    CANCELLABLE,
    SUB_STATES,
    Cause,
    Method,
    ReturnStatus,
    State,
    SubState,
    decide,
)
from taktwin.storage.book import Book, Reading

UNDO_WITHIN_NS = 600 * 1_000_000_000
MINUTE_NS = 60_000_000_000
RUNS_BACK = 50  # how many runs of a machine a count may be late


# Deciders


def drop_order(book: Reading, wish: commands.DropOrder, asking: Asking) -> Iterator[Fact]:
    """Take an order in: one job order for each operation of its product's route."""
    definition = _to_follow(book, wish, asking)
    if not 0 < wish.quantity <= 1_000_000:
        raise Refused("invalid", "quantity", wish.quantity, "a whole number from 1 to 1,000,000",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if not wish.request.strip() or len(wish.request) > 80 or not wish.request.isprintable():
        raise Refused("invalid", "order number", repr(wish.request), "1 to 80 printable characters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if len(wish.customer) > 200 or not wish.customer.isprintable():
        raise Refused("invalid", "customer", repr(wish.customer[:80]), "200 printable characters at most",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if book.get(Request, wish.request) is not None:
        raise Refused("state", "order number", repr(wish.request), "an order number that is not in use")
    yield Fact(
        events.OperationsRequestReceived(
            request=wish.request, product=wish.product, quantity=wish.quantity, due_ns=wish.due_ns,
            priority=wish.priority, customer=wish.customer, definition=definition.version,
        ),
        asking.now_ns,
    )  # fmt: skip
    for step in definition.operations:
        yield Fact(
            events.JobOrderStored(
                job=f"{wish.request}-{step.number}", request=wish.request, operation=step.number,
                name=step.name, product=wish.product, equipment_class=step.equipment_class,
                quantity=wish.quantity, due_ns=wish.due_ns, priority=wish.priority,
                last_operation=step.last, definition=definition.version,
            ),
            asking.now_ns,
        )  # fmt: skip


def _to_follow(book: Reading, wish: commands.DropOrder, asking: Asking) -> Definition:
    """Return the definition that an order follows from now on: the one that it names, else that in force."""
    if wish.definition:
        key = f"{wish.product}:{wish.definition}"
        named = book.get(Master, key)
        if named is None:
            raise unknown("definition", key)
        row = in_force([named], asking.now_ns)
        if row is None:
            raise Refused("state", f"definition {key}", named.state, "one that counts now", row=named)
    else:
        row = in_force_of(book, wish.product, asking.now_ns)
    if row is not None:
        refuse_unmakeable(book, row, asking)
    found = Routes(book, asking.definitions).version(wish.product, "" if row is None else row.definition)
    if found is None:
        raise unknown("product that is made here", wish.product)
    return found


def dispatch_job(book: Reading, wish: commands.DispatchJob, asking: Asking) -> Iterator[Fact]:
    """Give a job order its work unit, and permit it to start."""
    job = _job(book, wish.job)
    _same_version(job, wish.version)
    yield from control(book, job, Method.UPDATE, asking, work_unit=wish.work_unit)
    yield from control(book, _job(book, wish.job), Method.START, asking)


def control_job(book: Reading, wish: commands.ControlJob, asking: Asking) -> Iterator[Fact]:
    """Call a method of job control."""
    if wish.method not in set(Method):
        raise Refused("invalid", "method", repr(wish.method), f"one of {', '.join(Method)}",
                      status=ReturnStatus.INVALID_COMMAND)  # fmt: skip
    method = Method(wish.method)
    job = book.get(JobOrder, wish.job)
    if job is None or method in (Method.STORE, Method.STORE_AND_START):
        step = decide(None if job is None else State(job.state), SubState.NONE, method, placed=False)
        status = step.status if not step.accepted else ReturnStatus.UNABLE_TO_ACCEPT
        raise Refused("unknown" if job is None else "state", f"job order {wish.job}",
                      "not in the list" if job is None else "in the list already",
                      "a job order of the list; orders come in by order.drop", status=status)  # fmt: skip
    if wish.version:
        _same_version(job, wish.version)
    if method is Method.RESUME:
        yield from _with_parameters(book, job, method, asking, work_unit=wish.work_unit)
    else:
        yield from control(book, job, method, asking, work_unit=wish.work_unit)


def split_job(book: Reading, wish: commands.SplitJob, asking: Asking) -> Iterator[Fact]:
    """Give a part of a job order's quantity to a new one."""
    job = _job(book, wish.job)
    _same_version(job, wish.version)
    if State(job.state) in OVER:
        raise Refused("state", f"job order {job.job}", job.state, "one that is not over",
                      status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    left = job.quantity - job.good
    if not 0 < wish.quantity < left:
        raise Refused("invalid", "quantity", wish.quantity, f"1 to {left - 1}: {left} are left to make",
                      status=ReturnStatus.INVALID_REQUEST, row=job)  # fmt: skip
    number = 2
    while _was_used(book, into := f"{job.request}-{job.operation}.{number}"):
        number += 1
    yield Fact(events.JobOrderSplit(job=job.job, into=into, quantity=wish.quantity), asking.now_ns)


def _was_used(book: Reading, name: str) -> bool:
    # One that was cleared from the list has left its units.
    return book.get(JobOrder, name) is not None or bool(book.newest(Passage, "at_ns", 1, job=name))


def merge_jobs(book: Reading, wish: commands.MergeJobs, asking: Asking) -> Iterator[Fact]:
    """Put a job order that has not started into another one of the same operation."""
    job, into = _job(book, wish.job), _job(book, wish.into)
    _same_version(job, wish.version)
    if job.job == into.job or (job.request, job.operation) != (into.request, into.operation):
        raise Refused("invalid", "into", into.job, f"another one of {job.request}, operation {job.operation}",
                      status=ReturnStatus.INVALID_REQUEST, row=into)  # fmt: skip
    if State(job.state) not in CANCELLABLE or job.good or job.scrap:
        raise Refused("state", f"job order {job.job}", job.state, "one that has not started",
                      status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    if State(into.state) in OVER:
        raise Refused("state", f"job order {into.job}", into.state, "one that is not over",
                      status=ReturnStatus.INVALID_STATE, row=into)  # fmt: skip
    yield Fact(events.JobOrderMerged(job=job.job, into=into.job, quantity=job.quantity), asking.now_ns)


def begin_job(book: Reading, wish: commands.BeginJob, asking: Asking) -> Iterator[Fact]:
    """Begin execution: permitted, placed, and nothing else runs there.

    Where the operation has parameters for the machine, they are loaded first; what the machine says to
    them lets the job order begin, or not.
    """
    job = _job(book, wish.job)
    _instructions_are_known(book, job, asking)
    yield from _with_parameters(book, job, Cause.BEGIN, asking)


def _with_parameters(
    book: Reading, job: JobOrder, wish: Method | Cause, asking: Asking, *, work_unit: str = ""
) -> Iterator[Fact]:
    """Yield what lets a job order run, or what loads its parameters first: it runs once they are held."""
    running = control(book, job, wish, asking, work_unit=work_unit)
    points = parameters.set_points(book, asking.definitions, job, job.operation)
    loaded = not points or parameters.verified(book, points, job=job.job, work_unit=job.work_unit)
    # Each begin is loaded anew; who only paused has them still, unless somebody else ran there.
    if loaded and (not points or wish is Method.RESUME or asking.late):
        yield from running
        return
    next(running)  # refused now, before the machine is told anything
    if asking.late:
        raise Refused("not_ready", f"parameters of {job.work_unit}", "not loaded without the server",
                      "a machine that has said what it holds", row=job)  # fmt: skip
    yield from parameters.load(
        book, asking, points, job=job.job, request=job.request, work_unit=job.work_unit
    )


def control(
    book: Reading, job: JobOrder, wish: Method | Cause, asking: Asking, *, work_unit: str = "",
    told: bool = False,
) -> Iterator[Fact]:  # fmt: skip
    """Yield what a method or an inner cause does to a job order, or refuse it with its status.

    At a machine that takes job orders the machine is asked first, and it happens when the machine says
    so: `told` is that word.
    """
    place = work_unit or job.work_unit
    step = decide(State(job.state), SubState(job.sub_state), wish, placed=bool(place))
    if not step.accepted:
        raise Refused("state", f"job order {job.job}", f"{job.state} {job.sub_state}".strip(),
                      f"a state in which {wish.value} is possible", status=step.status, row=job)  # fmt: skip
    if wish is Method.UPDATE and work_unit:
        _may_run_there(book, job, work_unit, asking)
    if wish in (Method.START, Cause.BEGIN) and not place:
        raise Refused(
            "not_ready", f"job order {job.job}", "no work unit", "a work unit to run on (dispatch it)"
        )
    if wish in (Method.STOP, Cause.STOP) or (told and wish is Cause.FINISH):
        _by_hand_is_done(book, job, asking)
    if told and wish is Cause.FINISH and job.good < job.quantity:
        # Its word comes sooner than its counters: the count of the last part ends it here.
        raise Refused("not_ready", f"job order {job.job}", f"{job.good} counted", f"{job.quantity}", row=job)
    if asking.late:
        _as_it_was(book, job, wish, asking)
    if wish in (Cause.BEGIN, Method.RESUME):
        _nothing_else_runs(book, job)
    if wish in (Cause.BEGIN, Method.RESUME) and not told:
        _somebody_may(book, job, place, asking)
        refuse_stopped(book, job.work_unit, job)
        refuse_unfulfilled(book, asking.definitions, job.work_unit, job)
    definition = followed(book, asking.definitions, job) if wish is Cause.BEGIN and not told else None
    if definition is not None:
        # A worn tool keeps a job order from beginning, not from going on: it is in the machine's hand.
        tools = definition.operation(job.operation).tools
        refuse_toolless(book, asking.definitions, job.work_unit, tools, job, asking.now_ns)
    ask = None if told or asking.late else asks(book, job, wish, place, asking)
    if ask is not None:
        yield ask
        if wish not in AT_ONCE:
            return
    event = _event(job, wish, step.sub_state, place)
    yield Fact(event, asking.now_ns)
    if isinstance(event, events.JobOrderEnded | events.JobOrderAborted | events.JobOrderCancelled):
        yield from _order_is_over(book, job, asking.now_ns)


def _event(job: JobOrder, wish: Method | Cause, sub_state: SubState, place: str) -> events.EventData:
    match wish:
        case Method.UPDATE | Cause.UPDATE:
            return events.JobOrderUpdated(
                job=job.job, work_unit=place, due_ns=job.due_ns, priority=job.priority
            )
        case Method.START | Cause.START:
            return events.JobOrderAllowed(job=job.job, work_unit=place)
        case Method.REVOKE_START | Cause.REVOKE_START:
            return events.JobOrderRevoked(job=job.job, work_unit=place)
        case Method.PAUSE | Cause.PAUSE | Cause.INTERRUPT:
            return events.JobOrderPaused(job=job.job, work_unit=place, sub_state=sub_state)
        case Method.RESUME | Cause.RESUME:
            return events.JobOrderResumed(job=job.job, work_unit=place)
        case Method.STOP | Cause.STOP | Cause.FINISH:
            return events.JobOrderEnded(
                job=job.job, work_unit=place, sub_state=sub_state, good=job.good, scrap=job.scrap
            )
        case Method.ABORT | Cause.ABORT:
            return events.JobOrderAborted(job=job.job, work_unit=place)
        case Method.CANCEL:
            return events.JobOrderCancelled(job=job.job)
        case Method.CLEAR:
            return events.JobOrderCleared(job=job.job)
        case Cause.BEGIN:
            return events.JobOrderStarted(job=job.job, work_unit=place)
        case _:
            raise AssertionError(f"{wish} stores a job order, which drop_order does")


def _order_is_over(book: Reading, job: JobOrder, at_ns: int) -> Iterator[Fact]:
    request = book.get(Request, job.request)
    assert request is not None, "every job order is of an order"
    if request.state != "Released":
        return
    jobs = book.where(JobOrder, request=job.request)
    if not all(State(each.state) in OVER for each in jobs):
        return
    # A job that ended may have been cleared since; its units tell of it.
    made = any(State(each.state) is State.ENDED for each in jobs) or book.where(Unit, request=job.request)
    yield Fact(
        events.OperationsRequestCompleted(request=job.request) if made
        else events.OperationsRequestCancelled(request=job.request),
        at_ns,
    )  # fmt: skip


def _may_run_there(book: Reading, job: JobOrder, work_unit: str, asking: Asking) -> None:
    definition = followed(book, asking.definitions, job)
    if definition is None:
        raise unknown("product that is made here", job.product)
    allowed = definition.operation(job.operation).work_units
    if work_unit not in allowed:
        raise Refused("invalid", f"work unit of {job.job}", repr(work_unit), f"one of {', '.join(allowed)}",
                      status=ReturnStatus.UNABLE_TO_ACCEPT)  # fmt: skip


def _nothing_else_runs(book: Reading, job: JobOrder) -> None:
    running = book.where(JobOrder, work_unit=job.work_unit, state=State.RUNNING.value)
    if running:
        raise Refused("not_ready", job.work_unit, f"{running[0].job} is running there",
                      "a work unit on which nothing runs", row=job)  # fmt: skip


def _as_it_was(book: Reading, job: JobOrder, wish: Method | Cause, asking: Asking) -> None:
    """Return only if what comes late fits between what is known of then and of since."""
    if job.started_ns > asking.now_ns:
        raise Refused("state", f"job order {job.job}", "not begun then", "one that had begun",
                      status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    since = [
        other.job
        for other in book.where(JobOrder, work_unit=job.work_unit)
        if other.job != job.job and max(other.started_ns, other.ended_ns) > asking.now_ns
    ]
    if wish is Cause.BEGIN and since:
        raise Refused("not_ready", job.work_unit, f"{since[0]} ran there since",
                      "a work unit on which nothing ran since then", row=job)  # fmt: skip


def _waits_for(book: Reading, job: JobOrder, asking: Asking) -> list[Question]:
    found = questions(
        book, asking.definitions, job=job.job, product=job.product, operation=job.name
    )  # fmt: skip
    return [each for each in found if each.open]


def _by_hand_is_done(book: Reading, job: JobOrder, asking: Asking) -> None:
    waits = _waits_for(book, job, asking)
    if waits:
        what = "; ".join(
            f"{each.what.text} ({'not done' if each.answer is None else 'not as it should be'})"
            for each in waits[:3]
        )
        raise Refused("not_ready", f"checklist {waits[0].name} of {job.job}",
                      what + (f"; and {len(waits) - 3} more" if len(waits) > 3 else ""),
                      "all of it done, and as it should be", row=job)  # fmt: skip


def _somebody_may(book: Reading, job: JobOrder, work_unit: str, asking: Asking) -> None:
    """Return only if the skills of the operation are there: of whoever asks, or of anybody logged on."""
    definition = followed(book, asking.definitions, job)
    skills = () if definition is None else checked(book, definition.operation(job.operation).skills)
    for skill in skills:
        people = [asking.logged_on] if asking.logged_on else people_at(book, work_unit, asking)
        whys = {person: lack(book, person, skill, asking.now_ns) for person in people}
        if not people or all(whys.values()):
            found = "; ".join(f"{person} {why}" for person, why in whys.items()) or "nobody is logged on"
            raise Refused("not_ready", f"skill {skill} at {work_unit}", found,
                          "somebody logged on there with a valid certificate", row=job)  # fmt: skip


def _instructions_are_known(book: Reading, job: JobOrder, asking: Asking) -> None:
    """Refuse to begin without the instruction that is required, or before the person has read it."""
    for each in instructions(book, asking.definitions, job.product, job.name, asking.now_ns):
        if not each.required:
            continue
        if each.revision is None:
            raise Refused("not_ready", f"document {each.document}", "no revision in force",
                          "a released work instruction", row=job)  # fmt: skip
        if asking.person and asking.person not in each.readers:
            raise Refused("not_ready", f"revision {each.revision.revision} of {each.document}",
                          f"not read by {asking.person}", "read and acknowledged", row=job)  # fmt: skip


def _job(book: Reading, name: str) -> JobOrder:
    job = book.get(JobOrder, name)
    if job is None:
        raise unknown("job order", name, status=ReturnStatus.UNKNOWN_JOB_ORDER)
    return job


def _same_version(job: JobOrder, version: int) -> None:
    if job.version != version:
        raise Refused("conflict", f"job order {job.job}", f"version {job.version}",
                      f"version {version}: somebody changed it meanwhile", row=job)  # fmt: skip


def report_scrap(book: Reading, wish: commands.ReportScrap, asking: Asking) -> Iterator[Fact]:
    """Book scrap that a person reports; of a serialised unit, that unit."""
    job = _job(book, wish.job)
    if not under_way(job, asking):
        raise Refused("state", f"job order {job.job}", job.state, "one that is Running or Interrupted",
                      status=ReturnStatus.INVALID_STATE, row=job)  # fmt: skip
    if not wish.cause.strip():
        raise Refused("invalid", "reason", "nothing", "why it is scrap", status=ReturnStatus.INVALID_REQUEST)
    if not 0 < wish.quantity <= 1000:
        raise Refused("invalid", "quantity", wish.quantity, "1 to 1000 parts a report",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if wish.unit:
        unit = book.get(Unit, wish.unit)
        if unit is None:
            raise unknown("unit", wish.unit)
        quality.refuse_undecided(book, wish.unit)
        if unit.disposition == "Closed":
            raise Refused(
                "state", f"unit {wish.unit}", f"scrap already ({unit.reason})", "a unit that is no scrap yet"
            )
    yield Fact(
        events.MaterialScrapped(report=asking.command, job=job.job, quantity=wish.quantity,
                                cause=wish.cause, unit=wish.unit),
        asking.now_ns,
    )  # fmt: skip
    if wish.unit:
        yield Fact(events.UnitScrapped(unit=wish.unit, cause=wish.cause), asking.now_ns)


def under_way(job: JobOrder, asking: Asking) -> bool:
    """Return whether a job order has begun and is not over, or was so when what comes late was asked."""
    if State(job.state) in (State.RUNNING, State.INTERRUPTED):
        return not asking.late or job.started_ns <= asking.now_ns
    return asking.late and bool(job.started_ns) and job.started_ns <= asking.now_ns <= job.ended_ns


def undo_scrap(book: Reading, wish: commands.UndoScrap, asking: Asking) -> Iterator[Fact]:
    """Take a report back within its ten minutes; a unit that was scrapped is held until quality looks."""
    report = book.get(ScrapReport, wish.report)
    if report is None:
        raise unknown("scrap report", wish.report)
    if book.get(Nonconformance, report.report) is not None:
        raise Refused(
            "state", f"scrap report {wish.report}", "decided by quality", "one that a person reported"
        )
    if report.undone:
        raise Refused("state", f"scrap report {wish.report}", "taken back already", "one that stands")
    if asking.now_ns - report.at_ns > UNDO_WITHIN_NS:
        raise Refused(
            "state", f"scrap report {wish.report}", "older than 10 minutes", "a report of the last 10 minutes"
        )
    yield Fact(events.MaterialScrapUndone(report=report.report, job=report.job), asking.now_ns)
    if report.unit:
        yield Fact(events.UnitReleased(unit=report.unit, cause="scrap taken back"), asking.now_ns)
        yield from quality.held(book, report.unit, asking.now_ns)


def restore_scrap(book: Reading, wish: commands.RestoreScrap, asking: Asking) -> Iterator[Fact]:
    """Take a report back at any time, with a reason and a signature; its unit is held from then on."""
    report = book.get(ScrapReport, wish.report)
    if report is None:
        raise unknown("scrap report", wish.report)
    if report.undone:
        raise Refused("state", f"scrap report {wish.report}", "taken back already", "one that stands")
    if not asking.person:
        raise Refused("invalid", "person", "a program", "a person: no program takes scrap back",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if not wish.cause.strip() or len(wish.cause) > 500:
        raise Refused("invalid", "reason", repr(wish.cause[:40]), "why it is no scrap, 1 to 500 letters",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if signs(book):
        yield signed(book, wish, asking, kind="scrap", record=report.report, meaning="approved")
    yield Fact(events.MaterialScrapUndone(report=report.report, job=report.job), asking.now_ns)
    unit = book.get(Unit, report.unit) if report.unit else None
    if unit is not None and unit.disposition == CLOSED:
        why = f"scrap taken back: {wish.cause}"
        yield Fact(events.UnitReleased(unit=unit.unit, cause=why), asking.now_ns)
        yield Fact(events.UnitHeld(unit=unit.unit, cause=why), asking.now_ns)


def start_maintenance(book: Reading, wish: commands.StartMaintenance, asking: Asking) -> Iterator[Fact]:
    """Begin maintenance; the job order that runs there is interrupted if the work stops the work unit."""
    yield from maintenance.start(book, wish, asking)
    for work_unit, found in stopped(book).items():
        if found.subject == wish.order:
            for job in book.where(JobOrder, work_unit=work_unit, state=State.RUNNING.value):
                yield from control(book, job, Cause.INTERRUPT, asking)


# What collection tells.


def running_at(book: Reading, work_unit: str, at_ns: int, *, begun_ns: int = 0) -> JobOrder | None:
    """Return the job order that ran on a work unit at an instant; None: none did.

    A count that comes late belongs to what ran when the part was made, also if that has ended since. Of a
    job order that is interrupted it is only the part that the machine had in its hand then: what it
    begins afterwards nobody has ordered.

    Parameters
    ----------
    begun_ns : when the machine began the part, by its own word; 0: it names no parts
    """
    now = [run for run in book.where(Run, work_unit=work_unit, to_ns=0) if run.from_ns <= at_ns]
    if not any(run.from_ns < at_ns for run in now):
        past = [run for run in book.newest(Run, "from_ns", RUNS_BACK, work_unit=work_unit)
                if run.to_ns and run.from_ns <= at_ns]  # fmt: skip
        # At the instant of a change it is of the job order before: a part is made before it is counted.
        within = [run for run in past if run.from_ns < at_ns <= run.to_ns]
        now = within or now or [run for run in past if at_ns <= run.to_ns]
        for run in past[:1] if not now else ():
            job = book.get(JobOrder, run.job)
            in_hand = 0 < begun_ns <= run.to_ns
            return job if in_hand and job is not None and job.state == State.INTERRUPTED else None
    last = max(now, key=lambda run: run.from_ns, default=None)
    return None if last is None else book.get(JobOrder, last.job)


def free_since_ns(book: Reading, work_units: Iterable[str]) -> dict[str, int]:
    """Return since when no job order runs on each work unit; 0: none ever did. Where one runs is left out.

    One that was interrupted before it ended may have got a part until its end.
    """
    found = dict.fromkeys(work_units, 0)
    for unit in tuple(found):
        for run in book.newest(Run, "from_ns", 1, work_unit=unit):
            job = book.get(JobOrder, run.job)  # None: it was cleared from the list
            found[unit] = max(run.to_ns, 0 if job is None else job.ended_ns)
            if not run.to_ns:
                del found[unit]
    return found


def finish(book: Reading, name: str, asking: Asking) -> Iterator[Fact]:
    """End a job order by itself once it has its good parts and nothing is left to do by hand."""
    job = _job(book, name)
    if State(job.state) is not State.RUNNING or job.good < job.quantity:
        return
    if not machine_counts(book, job) and not _waits_for(book, job, asking):
        yield from control(book, job, Cause.FINISH, asking)


# Projectors


def _stored(book: Book, event: events.JobOrderStored, at_ns: int) -> None:
    book.put(JobOrder(
        job=event.job, request=event.request, operation=event.operation, name=event.name,
        product=event.product, equipment_class=event.equipment_class, work_unit="",
        quantity=event.quantity, due_ns=event.due_ns, priority=event.priority,
        last_operation=event.last_operation, state=State.NOT_ALLOWED_TO_START, sub_state=SubState.WAITING,
        good=0, scrap=0, started_ns=0, ended_ns=0, reason="", version=1, definition=event.definition,
    ))  # fmt: skip


def _changes(book: Book, name: str, **changes: object) -> None:
    job = book.get(JobOrder, name)
    assert job is not None, "decided on a job order that is there"
    changed = msgspec.structs.replace(job, version=job.version + 1, **changes)
    assert SubState(changed.sub_state) in SUB_STATES[State(changed.state)], "a sub-state of its state"
    book.put(changed)


def _updated(book: Book, event: events.JobOrderUpdated, at_ns: int) -> None:
    ready = SubState.READY if event.work_unit else SubState.WAITING
    _changes(book, event.job, work_unit=event.work_unit, due_ns=event.due_ns, priority=event.priority,
             sub_state=ready.value)  # fmt: skip


def _allowed(book: Book, event: events.JobOrderAllowed, at_ns: int) -> None:
    _changes(book, event.job, state=State.ALLOWED_TO_START.value, sub_state=SubState.READY.value)


def _revoked(book: Book, event: events.JobOrderRevoked, at_ns: int) -> None:
    _changes(book, event.job, state=State.NOT_ALLOWED_TO_START.value, sub_state=SubState.READY.value)


def _started(book: Book, event: events.JobOrderStarted, at_ns: int) -> None:
    _changes(book, event.job, state=State.RUNNING.value, sub_state="", started_ns=at_ns)
    _runs(book, event.job, at_ns)


def _paused(book: Book, event: events.JobOrderPaused, at_ns: int) -> None:
    _changes(book, event.job, state=State.INTERRUPTED.value, sub_state=event.sub_state)
    _rests(book, event.job, at_ns)


def _resumed(book: Book, event: events.JobOrderResumed, at_ns: int) -> None:
    _changes(book, event.job, state=State.RUNNING.value, sub_state="")
    _runs(book, event.job, at_ns)


def _ended(book: Book, event: events.JobOrderEnded, at_ns: int) -> None:
    _changes(book, event.job, state=State.ENDED.value, sub_state=event.sub_state, ended_ns=at_ns)
    _rests(book, event.job, at_ns)


def _aborted(book: Book, event: events.JobOrderAborted, at_ns: int) -> None:
    _changes(book, event.job, state=State.ABORTED.value, sub_state="", ended_ns=at_ns)
    _rests(book, event.job, at_ns)


def _runs(book: Book, name: str, at_ns: int) -> None:
    job = book.get(JobOrder, name)
    assert job is not None, "what runs is a job order"
    book.put(Run(run=f"{name}:{at_ns}", job=name, work_unit=job.work_unit, from_ns=at_ns, to_ns=0))


def _rests(book: Book, name: str, at_ns: int) -> None:
    for run in book.where(Run, job=name, to_ns=0):
        book.put(msgspec.structs.replace(run, to_ns=max(at_ns, run.from_ns + 1)))


def _removed(book: Book, event: events.JobOrderCancelled | events.JobOrderCleared, at_ns: int) -> None:
    book.remove(JobOrder, event.job)


def _split_off(job: JobOrder, quantity: int) -> int:
    return job.quantity - quantity


def _split(book: Book, event: events.JobOrderSplit, at_ns: int) -> None:
    job = book.get(JobOrder, event.job)
    assert job is not None, "decided on a job order that is there"
    _changes(book, event.job, quantity=_split_off(job, event.quantity))
    book.put(msgspec.structs.replace(
        job, job=event.into, quantity=event.quantity, work_unit="", good=0, scrap=0, started_ns=0, ended_ns=0,
        reason="", state=State.NOT_ALLOWED_TO_START.value, sub_state=SubState.WAITING.value, version=1,
    ))  # fmt: skip


def _merged(book: Book, event: events.JobOrderMerged, at_ns: int) -> None:
    into = book.get(JobOrder, event.into)
    assert into is not None, "decided on a job order that is there"
    _changes(book, event.into, quantity=into.quantity + event.quantity)
    book.remove(JobOrder, event.job)


def booked(book: Book, name: str, *, good: int = 0, scrap: int = 0) -> None:
    """Add counted parts to a job order: the projection of `material.counted`."""
    job = book.get(JobOrder, name)
    if job is not None:
        _changes(book, name, good=job.good + good, scrap=job.scrap + scrap)


def made(book: Book, work_unit: str, name: str, at_ns: int, *, good: int = 0, scrap: int = 0) -> None:
    """Add parts to what a work unit made within a minute: what its figures of performance count."""
    minute_ns = at_ns // MINUTE_NS * MINUTE_NS
    key = f"{work_unit}:{minute_ns}:{name}"
    row = book.get(Output, key)
    if row is None:
        job = book.get(JobOrder, name) if name else None
        row = Output(output=key, work_unit=work_unit, minute_ns=minute_ns, job=name, good=0, scrap=0,
                     product="" if job is None else job.product,
                     operation=0 if job is None else job.operation,
                     definition="" if job is None else job.definition)  # fmt: skip
    book.put(msgspec.structs.replace(row, good=row.good + good, scrap=row.scrap + scrap))


def _scrapped(book: Book, event: events.MaterialScrapped, at_ns: int) -> None:
    book.put(ScrapReport(report=event.report, job=event.job, quantity=event.quantity, reason=event.cause,
                         unit=event.unit, at_ns=at_ns, undone=False))  # fmt: skip
    booked(book, event.job, scrap=event.quantity)
    job = book.get(JobOrder, event.job)
    if job is not None:
        made(book, job.work_unit, job.job, at_ns, scrap=event.quantity)


def _undone(book: Book, event: events.MaterialScrapUndone, at_ns: int) -> None:
    report = book.get(ScrapReport, event.report)
    assert report is not None, "decided on a report that is there"
    book.put(msgspec.structs.replace(report, undone=True))
    booked(book, event.job, scrap=-report.quantity)
    # In its own minute, so that a figure of before and one of after differ by this part alone.
    for row in book.where(Output, job=report.job, minute_ns=report.at_ns // MINUTE_NS * MINUTE_NS):
        if row.scrap >= report.quantity:
            made(book, row.work_unit, row.job, report.at_ns, scrap=-report.quantity)
            break


RULES = Rules(
    deciders={
        commands.DropOrder.command_name: drop_order,
        commands.DispatchJob.command_name: dispatch_job,
        commands.ControlJob.command_name: control_job,
        commands.BeginJob.command_name: begin_job,
        commands.ReportScrap.command_name: report_scrap,
        commands.UndoScrap.command_name: undo_scrap,
        commands.StartMaintenance.command_name: start_maintenance,
        commands.RestoreScrap.command_name: restore_scrap,
        commands.SplitJob.command_name: split_job,
        commands.MergeJobs.command_name: merge_jobs,
    },
    projectors={
        events.JobOrderStored: _stored,
        events.JobOrderUpdated: _updated,
        events.JobOrderAllowed: _allowed,
        events.JobOrderRevoked: _revoked,
        events.JobOrderStarted: _started,
        events.JobOrderPaused: _paused,
        events.JobOrderResumed: _resumed,
        events.JobOrderEnded: _ended,
        events.JobOrderAborted: _aborted,
        events.JobOrderCancelled: _removed,
        events.JobOrderCleared: _removed,
        events.MaterialScrapped: _scrapped,
        events.MaterialScrapUndone: _undone,
        events.JobOrderSplit: _split,
        events.JobOrderMerged: _merged,
    },
)
