"""Interlock: what follows from a cell's question, and from what the machine said to a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from taktwin.contracts import events
from taktwin.contracts.interlock import Answer
from taktwin.contracts.machine_commands import (
    AnswerInterlock,
    LoadParameters,
    MachineResult,
    Outcome,
    Wanted,
)
from taktwin.mes.collection.tables import ReadingRow
from taktwin.mes.decision import Asking, Fact, Refused, Rules
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.definitions.versions import followed
from taktwin.mes.enforcing.engine import Here, Part, Verdict, decide
from taktwin.mes.enforcing.tables import Question
from taktwin.mes.execution.actions import control
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.machines import parameters
from taktwin.mes.machines.actions import give
from taktwin.mes.machines.tables import MachineOrder
from taktwin.mes.quality.route_state import route_state
from taktwin.mes.tracking.tables import RESTRICTED, Consumption, LoadedLot, Lot, Passage, Unit
from taktwin.plant.schema import Interlock
from taktwin.standards.job_control import Cause, Method, State
from taktwin.storage.book import Book, Reading

SECOND_NS = 1_000_000_000
# What may only be missing yet: the count that makes the unit's record, or its step, comes another way.
NOT_YET = (Answer.UNKNOWN_SERIAL, Answer.OPERATION_MISSING)
OPEN_S = 2.0  # wall: by then another connection has said what it knew when the cell asked


def asked(
    book: Reading, signal: str, number: int, asked_ns: int, asking: Asking, *, speed: float
) -> Iterator[Fact]:
    """Yield what follows from a request number of a cell: a question, its answer, the command that says it.

    What is only missing yet may be said of the same instant by another connection, a moment later: such a
    question stays open for a while, and `reconsidered` answers it.

    Parameters
    ----------
    asked_ns : when the cell said so, by its own clock
    speed : plant seconds a second of the cell's patience
    """
    work_unit, interlock = asking.definitions.interlocks[signal]
    last = book.get(Question, work_unit)
    if last is not None and (asked_ns <= last.asked_ns or number == last.number):
        return  # heard before, or said again after the connection was cut
    if number == 0:
        return  # a cell that has asked nothing yet
    if last is not None and last.code == Answer.NONE:
        yield _withdrawn(last, "the cell asked about another part meanwhile", asking)
    serial = _serial(book, asking.definitions, work_unit, asked_ns)
    yield Fact(events.InterlockRequested(work_unit=work_unit, unit=serial, number=number), asked_ns)
    question = book.get(Question, work_unit)
    assert question is not None, "what was asked is a row now"
    yield from _decided(book, interlock, question, asking, speed=speed)


def reconsidered(book: Reading, asking: Asking, *, speed: float) -> Iterator[Fact]:
    """Yield the answers of those open questions that can be answered by now, or must be."""
    interlocks = dict(asking.definitions.interlocks.values())
    for question in undecided(book):
        interlock = interlocks.get(question.work_unit)
        if interlock is None:
            yield _withdrawn(question, "the plant folder has no interlock for it any more", asking)
        else:
            yield from _decided(book, interlock, question, asking, speed=speed)


def undecided(book: Reading) -> list[Question]:
    """Return the questions that are not answered yet."""
    return book.where(Question, code=int(Answer.NONE))


def _decided(
    book: Reading, interlock: Interlock, question: Question, asking: Asking, *, speed: float
) -> Iterator[Fact]:
    work_unit, serial, number = question.work_unit, question.unit, question.number
    deadline_ns = question.asked_ns + round(interlock.patience_s * speed * SECOND_NS)
    job = _running(book, work_unit)
    verdict = decide(
        serial, _part(book, serial), _here(book, asking.definitions, work_unit, job),
        without_job=interlock.without_job,
    )  # fmt: skip
    if verdict.answer is Answer.HELD:
        # Who decided on rework lets the unit in where its next step is done, and nowhere else.
        state = route_state(book, asking.definitions, serial, work_unit)
        if state.may and state.rework:
            verdict = Verdict(Answer.MAY, f"rework {state.rework}, {state.detail}")
    if verdict.answer in NOT_YET:
        wait_ns = round(min(interlock.patience_s / 2, OPEN_S) * speed * SECOND_NS)
        # Also behind it: the clock of a cell may run ahead of this one, and never keeps a question open long.
        if abs(asking.now_ns - question.asked_ns) < wait_ns:
            return
    late = asking.now_ns > deadline_ns
    if late:
        verdict = Verdict(Answer.TOO_LATE, "the cell had given up when the question was heard")
    command = "" if late else f"interlock:{work_unit}:{question.asked_ns}:{number}"
    yield Fact(
        events.InterlockAnswered(
            work_unit=work_unit, unit=serial, number=number, code=int(verdict.answer),
            may=verdict.answer.may, cause=verdict.cause, job="" if job is None else job.job, command=command,
        ),
        asking.now_ns,
    )  # fmt: skip
    if not late:
        yield give(
            _answer(interlock, verdict, serial, number), asking, command=command, work_unit=work_unit,
            why=f"{serial or 'a part'}: {verdict.cause or 'may be built in'}"[:400], deadline_ns=deadline_ns,
            job="" if job is None else job.job, request="" if job is None else job.request,
        )  # fmt: skip


def _withdrawn(question: Question, cause: str, asking: Asking) -> Fact:
    return Fact(
        events.InterlockAnswered(
            work_unit=question.work_unit, unit=question.unit, number=question.number,
            code=int(Answer.TOO_LATE), may=False, cause=cause,
        ),
        asking.now_ns,
    )  # fmt: skip


def _answer(interlock: Interlock, verdict: Verdict, serial: str, number: int) -> AnswerInterlock:
    return AnswerInterlock(
        values=[
            Wanted(signal=interlock.answer, value=int(verdict.answer)),
            Wanted(signal=interlock.answer_serial, value=serial),
        ],
        then=[Wanted(signal=interlock.answered, value=number)],
    )


def _serial(book: Reading, definitions: Definitions, work_unit: str, asked_ns: int) -> str:
    row = book.get(ReadingRow, definitions.asked_serials[work_unit])
    if row is None:
        return ""
    return row.value if row.source_ns <= asked_ns else row.before


def _running(book: Reading, work_unit: str) -> JobOrder | None:
    running = book.where(JobOrder, work_unit=work_unit, state=State.RUNNING.value)
    return running[0] if running else None


def _part(book: Reading, serial: str) -> Part | None:
    unit = book.get(Unit, serial) if serial else None
    if unit is None:
        return None
    held = {row.lot for row in book.where(Consumption, unit=serial) if row.lot}
    return Part(
        product=unit.product, request=unit.request, disposition=unit.disposition, reason=unit.reason,
        passed=frozenset(row.operation for row in book.where(Passage, unit=serial) if row.good),
        restricted_lots=_restricted(book, held),
    )  # fmt: skip


def _here(book: Reading, definitions: Definitions, work_unit: str, job: JobOrder | None) -> Here | None:
    definition = None if job is None else followed(book, definitions, job)
    if job is None or definition is None:
        return None
    standing = {row.lot for row in book.where(LoadedLot, work_unit=work_unit)}
    wanted = {each.product for each in definition.operation(job.operation).components}
    lots = {name for name in standing if (lot := book.get(Lot, name)) is not None and lot.product in wanted}
    return Here(
        job=job.job, product=job.product, request=job.request, operation=job.operation,
        route=[each.number for each in definition.operations], restricted_lots=_restricted(book, lots),
    )  # fmt: skip


def _restricted(book: Reading, lots: set[str]) -> tuple[str, ...]:
    rows = [book.get(Lot, name) for name in sorted(lots)]
    return tuple(row.lot for row in rows if row is not None and row.disposition == RESTRICTED)


# What follows from what a machine said to a command.


def parameters_loaded(
    book: Reading, row: MachineOrder, result: MachineResult, asking: Asking
) -> Iterator[Fact]:
    """Yield what the machine holds; if it holds all that is wanted the job order begins, or goes on."""
    job = book.get(JobOrder, row.job)
    if job is None:
        return  # taken out of the list meanwhile
    points = parameters.set_points(book, asking.definitions, job, job.operation)
    yield from parameters.written(row, result, points, product=job.product, asking=asking)
    if result.outcome is not Outcome.DONE:
        return
    cause = Method.RESUME if State(job.state) is State.INTERRUPTED else Cause.BEGIN
    try:
        begun = list(control(book, job, cause, asking))
    except Refused:
        return  # something else began there meanwhile: whoever asks again hears it
    yield from begun


Follower = Callable[[Reading, MachineOrder, MachineResult, Asking], Iterator[Fact]]
FOLLOWERS: dict[str, Follower] = {LoadParameters.command_name: parameters_loaded}


# Projectors


def _asked(book: Book, event: events.InterlockRequested, at_ns: int) -> None:
    book.put(Question(work_unit=event.work_unit, number=event.number, unit=event.unit, asked_ns=at_ns,
                      code=int(Answer.NONE), cause="", job="", command="", answered_ns=0))  # fmt: skip


def _answered(book: Book, event: events.InterlockAnswered, at_ns: int) -> None:
    row = book.get(Question, event.work_unit)
    assert row is not None, "asked before it is answered"
    book.put(Question(work_unit=event.work_unit, number=event.number, unit=event.unit, asked_ns=row.asked_ns,
                      code=event.code, cause=event.cause, job=event.job, command=event.command,
                      answered_ns=at_ns))  # fmt: skip


RULES = Rules(projectors={events.InterlockRequested: _asked, events.InterlockAnswered: _answered})
