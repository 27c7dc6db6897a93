"""The cell asks, the MES answers: each refusal by an example, and the way of an answer to the machine."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.clock import VirtualClock
from taktwin.contracts import commands, events, machine_commands
from taktwin.contracts.interlock import Answer
from taktwin.contracts.machine_commands import AnswerInterlock, MachineResult, Outcome, ReadBack
from taktwin.errors import StoreError
from taktwin.mes.collection.actions import Heard
from taktwin.mes.desk import Desk, content_of, rebuilt
from taktwin.mes.enforcing.engine import Here, Part, decide
from taktwin.mes.enforcing.queries import told
from taktwin.mes.enforcing.tables import Question
from taktwin.mes.machines.actions import envelope
from taktwin.mes.machines.tables import MachineOrder
from taktwin.mes.service import MesService
from taktwin.plant import open_plant
from taktwin.storage.stores import Transaction
from tests.system.product import until
from tests.unit.mes.conftest import PLANT, SECOND, Shop

ROUTE = (10, 20, 30, 40)
HERE = Here("O-30", "EA-100", "O", 30, ROUTE)
PART = Part("EA-100", "O", "In-Process", "", frozenset({10, 20}))


def part(**changes: Any) -> Part:
    return dataclasses.replace(PART, **changes)


@pytest.mark.parametrize(
    ("serial", "known", "here", "answer", "cause"),
    [
        ("A1", PART, HERE, Answer.MAY, ""),
        ("", None, HERE, Answer.NO_SERIAL, "no serial number"),
        ("A1", part(disposition="Restricted", reason="leaks"), HERE, Answer.HELD, "leaks"),
        ("A1", part(disposition="Closed", reason="rejected by leak2"), HERE, Answer.FAILED, "leak2"),
        ("A1", part(passed=frozenset({10})), HERE, Answer.OPERATION_MISSING, "operation 20"),
        ("A1", part(passed=frozenset({10, 20, 30})), HERE, Answer.DONE_ALREADY, "operation 30"),
        ("A1", part(passed=frozenset({20, 40})), HERE, Answer.DONE_ALREADY, "at operation 40"),
        ("A1", part(passed=frozenset({20})), HERE, Answer.MAY, ""),  # its number was said first at 20
        ("A9", None, HERE, Answer.UNKNOWN_SERIAL, "A9"),
        ("A9", None, dataclasses.replace(HERE, operation=10), Answer.MAY, ""),
        ("A1", part(request="P"), HERE, Answer.WRONG_JOB, "of order P"),
        ("A1", part(product="EA-200"), HERE, Answer.WRONG_JOB, "EA-200"),
        ("A1", part(restricted_lots=("L1",)), HERE, Answer.RESTRICTED_LOT, "L1"),
        ("A1", PART, dataclasses.replace(HERE, restricted_lots=("L2",)), Answer.RESTRICTED_LOT, "L2"),
        ("A1", PART, None, Answer.NO_JOB, "no job order"),
        ("A1", part(disposition="Restricted", reason="leaks"), None, Answer.HELD, "leaks"),
    ],
)
def test_each_reason_against_building_in(
    serial: str, known: Part | None, here: Here | None, answer: Answer, cause: str
) -> None:
    found = decide(serial, known, here, without_job="refuse")
    assert found.answer == answer and cause in found.cause
    assert found.answer.may == (answer is Answer.MAY)


def test_without_a_job_order_the_plant_folder_says_whether_it_is_enforced() -> None:
    assert decide("A9", None, None, without_job="let").answer is Answer.NOT_ENFORCED
    held = part(disposition="Restricted", reason="leaks")
    assert decide("A1", held, None, without_job="let").answer is Answer.HELD


def ask(shop: Shop, serial: str, number: int, *, work_unit: str = "press2", late_s: float = 0.0) -> Question:
    """Let a cell ask, as the gateway brings it: number and serial at one instant."""
    shop.now_ns += SECOND
    asked_ns = shop.now_ns - round(late_s * SECOND)
    heard = [
        Heard(f"{work_unit}/interlock/request", number, asked_ns),
        Heard(f"{work_unit}/interlock/serial", serial, asked_ns),
    ]
    shop.desk.hear(heard, stream="SAMPLES", position=shop.now_ns)
    question = shop.store.book.get(Question, work_unit)
    assert question is not None
    return question


@pytest.fixture
def pressing(shop: Shop) -> Shop:
    """An order whose unit A1 was bonded and whose press runs."""
    shop.granted(commands.DropOrder(request="O", product="EA-100", quantity=5, due_ns=shop.now_ns))
    shop.instruct("WI-20") if "WI-20" in shop.definitions.documents.drafts().good else None
    shop.begin("O-20", "adhesive2")
    shop.machine("adhesive2", serial="A1")
    shop.begin("O-30", "press2")
    shop.desk.tick()  # the plans of the folder begin
    return shop


def test_a_question_is_answered_through_a_command_with_the_number_last(pressing: Shop) -> None:
    question = ask(pressing, "A1", 7)
    assert (question.unit, question.code, question.job) == ("A1", Answer.MAY, "O-30")
    (row,) = pressing.desk.open_commands()
    command = envelope(row)
    assert command.id == question.command and command.work_unit == "press2" and command.job == "O-30"
    assert command.actor == "mes" and "A1" in command.reason
    wish = machine_commands.content_of(command)
    assert isinstance(wish, AnswerInterlock)
    assert [(each.signal, each.value) for each in wish.values] == [
        ("interlock/answer", 1), ("interlock/answer_serial", "A1"),
    ]  # fmt: skip
    assert [(each.signal, each.value) for each in wish.then] == [("interlock/answered", 7)]
    assert command.deadline_ns == question.asked_ns + 20 * SECOND


def test_who_holds_a_unit_keeps_it_from_being_built_in(pressing: Shop) -> None:
    pressing.granted(commands.Hold(kind="unit", id="A1", cause="leaks"))
    assert ask(pressing, "A1", 1).code == Answer.HELD
    pressing.granted(commands.Release(kind="unit", id="A1", cause="looked at"))
    assert ask(pressing, "A1", 3).code == Answer.MAY
    pressing.machine("press2", serial="A1")
    assert ask(pressing, "A1", 4).code == Answer.DONE_ALREADY


def test_a_restricted_lot_at_the_cell_keeps_everything_out(pressing: Shop) -> None:
    pressing.granted(commands.ReceiveLot(lot="B7", product="BR-7", quantity=90.0))
    pressing.granted(commands.LoadLot(lot="B7", work_unit="press2"))
    pressing.granted(commands.Hold(kind="lot", id="B7", cause="noise"))
    question = ask(pressing, "A1", 1)
    assert (question.code, question.cause) == (Answer.RESTRICTED_LOT, "lot B7 is restricted")


def test_a_question_is_answered_once_however_often_it_is_heard(pressing: Shop) -> None:
    first = ask(pressing, "A1", 7)
    again = [Heard("press2/interlock/request", 7, first.asked_ns)]
    assert pressing.desk.hear(again, stream="SAMPLES", position=1) == 0
    later = [Heard("press2/interlock/request", 7, first.asked_ns + SECOND)]  # after a cut of the connection
    assert pressing.desk.hear(later, stream="SAMPLES", position=2) == 0
    assert len(pressing.desk.open_commands()) == 1


def test_a_cell_that_has_given_up_is_told_nothing(pressing: Shop) -> None:
    question = ask(pressing, "A1", 7, late_s=21.0)
    assert (question.code, question.command) == (Answer.TOO_LATE, "")
    assert not pressing.desk.open_commands()


def answer_of(shop: Shop, work_unit: str = "press2") -> Question:
    """Return the last question of a cell as it stands now."""
    question = shop.store.book.get(Question, work_unit)
    assert question is not None
    return question


def counted(shop: Shop, cell: str, serial: str, at_ns: int) -> None:
    """Let another connection say that a part was made, as of an instant that is over."""
    signal = f"{cell}/good_count"
    heard = [] if signal in shop.counters else [Heard(signal, 100, at_ns - SECOND)]
    shop.counters[signal] = shop.counters.get(signal, 100) + 1
    heard += [Heard(f"{cell}/serial", serial, at_ns), Heard(signal, shop.counters[signal], at_ns)]
    shop.desk.hear(heard, stream="SAMPLES", position=shop.now_ns)


def answers(shop: Shop) -> list[tuple[int, int]]:
    """Return number and code of all answers in the journal."""
    told = [content_of(entry) for entry in shop.store.entries]
    return [(each.number, each.code) for each in told if isinstance(each, events.InterlockAnswered)]


def test_what_another_connection_says_of_the_same_instant_a_moment_later_counts(pressing: Shop) -> None:
    question = ask(pressing, "A7", 2)
    assert (question.code, question.command) == (Answer.NONE, "") and not pressing.desk.open_commands()
    pressing.now_ns += SECOND
    counted(pressing, "adhesive2", "A7", question.asked_ns)
    found = answer_of(pressing)
    assert (found.code, found.job, found.answered_ns) == (Answer.MAY, "O-30", pressing.now_ns)
    (row,) = pressing.desk.open_commands()
    assert row.command == found.command and row.deadline_ns == question.asked_ns + 20 * SECOND
    assert answers(pressing) == [(2, Answer.MAY)] and not pressing.desk.undecided


def test_an_operation_that_was_only_not_said_yet_is_none_that_is_missing(pressing: Shop) -> None:
    pressing.begin("O-10", "load2")
    counted(pressing, "load2", "A8", pressing.now_ns)
    question = ask(pressing, "A8", 2)
    assert question.code == Answer.NONE
    counted(pressing, "adhesive2", "A8", question.asked_ns)
    assert answer_of(pressing).code == Answer.MAY


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_what_nobody_says_in_time_is_a_no_within_the_patience_of_the_cell(
    pressing: Shop, speed: float
) -> None:
    pressing.desk = Desk(pressing.store, pressing.definitions, lambda: pressing.now_ns, speed=speed)
    question = ask(pressing, "A7", 2)
    pressing.now_ns = question.asked_ns + round(2 * speed * SECOND) - 1
    assert pressing.desk.tick() == 0 and pressing.desk.undecided
    pressing.now_ns += 1
    assert pressing.desk.tick() == 2  # the answer, and the command that says it
    found = answer_of(pressing)
    assert (found.code, found.cause) == (Answer.UNKNOWN_SERIAL, "nobody knows A7")
    (row,) = pressing.desk.open_commands()
    assert row.deadline_ns == question.asked_ns + round(20 * speed * SECOND) > pressing.now_ns
    assert pressing.desk.tick() == 0 and not pressing.desk.undecided


def test_a_mes_that_was_away_meanwhile_answers_what_it_left_open(pressing: Shop) -> None:
    question = ask(pressing, "A7", 2)
    pressing.desk = Desk(pressing.store, pressing.definitions, lambda: pressing.now_ns)
    counted(pressing, "adhesive2", "A7", question.asked_ns)
    assert answer_of(pressing).code == Answer.MAY
    again = ask(pressing, "A9", 3)
    pressing.now_ns = again.asked_ns + 21 * SECOND
    pressing.desk = Desk(pressing.store, pressing.definitions, lambda: pressing.now_ns)
    assert pressing.desk.tick() == 1
    assert (answer_of(pressing).code, answer_of(pressing).command) == (Answer.TOO_LATE, "")


def test_a_cell_that_asks_about_another_part_waits_for_the_first_no_more(pressing: Shop) -> None:
    ask(pressing, "A7", 2)
    assert ask(pressing, "A1", 3).code == Answer.MAY
    assert answers(pressing) == [(2, Answer.TOO_LATE), (3, Answer.MAY)]
    again = rebuilt(pressing.store.entries)
    assert again.where(Question) == pressing.store.book.where(Question)


@pytest.mark.parametrize("ahead_s", [2.0, 3600.0])
def test_a_clock_that_runs_ahead_keeps_no_question_open(pressing: Shop, ahead_s: float) -> None:
    assert ask(pressing, "A7", 2, late_s=-ahead_s).code == Answer.UNKNOWN_SERIAL
    pressing.now_ns += round(2 * ahead_s * SECOND)
    assert ask(pressing, "A8", 3, late_s=-1.0).code == Answer.NONE


def test_an_answer_that_the_database_took_back_is_given_again(pressing: Shop) -> None:
    question = ask(pressing, "A7", 2)
    pressing.now_ns = question.asked_ns + 3 * SECOND
    kept = pressing.store.begin

    @contextmanager
    def failing() -> Iterator[Transaction]:
        with kept() as transaction:
            yield transaction
            raise StoreError("the database went away before the end")

    pressing.store.begin = failing  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        pressing.desk.tick()
    pressing.store.begin = kept  # type: ignore[method-assign]
    assert answer_of(pressing).code == Answer.NONE
    assert pressing.desk.tick() == 2 and answer_of(pressing).code == Answer.UNKNOWN_SERIAL


def test_an_open_question_is_shown_as_one(pressing: Shop) -> None:
    ask(pressing, "A7", 2)
    shown = told(pressing.store.book, pressing.definitions, {"work_unit": "press2"}, pressing.now_ns)
    assert {name: shown["question"][name] for name in ("answer", "may", "outcome", "late")} == {
        "answer": "none", "may": False, "outcome": "", "late": False,
    }  # fmt: skip


async def test_a_cell_is_told_in_time_also_where_no_machine_says_anything(
    pressing: Shop, tmp_path: Path
) -> None:
    clock = VirtualClock(pressing.now_ns)
    service = MesService(
        bus=MemoryBus(MemoryHub(clock)), registry=open_plant(PLANT), clock=clock,
        connect=lambda: cast("Any", None), folder=tmp_path, memory_mb=lambda: 0.0, pid=1,
    )  # fmt: skip
    service._desk = pressing.desk
    question = ask(pressing, "A7", 2)
    pressing.now_ns = question.asked_ns + 3 * SECOND
    watching = asyncio.create_task(service._reconsider())
    await clock.advance(1.0)
    until(lambda: answer_of(pressing).code, 10)  # the decision is made in a thread
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert answer_of(pressing).code == Answer.UNKNOWN_SERIAL


def test_what_came_of_an_answer_is_written_once_and_the_tables_follow_from_the_journal(
    pressing: Shop,
) -> None:
    question = ask(pressing, "A1", 7)
    done = MachineResult(
        id=question.command, outcome=Outcome.DONE,
        values=[ReadBack(signal="interlock/answer", wanted=1, found=1, same=True)],
    )  # fmt: skip
    silent = msgspec.structs.replace(done, outcome=Outcome.SILENT, values=[])
    assert pressing.desk.told(done) == 1
    assert pressing.desk.told(done) == pressing.desk.told(silent) == 0
    assert pressing.desk.told(MachineResult(id="another", outcome=Outcome.DONE)) == 0
    row = pressing.store.book.get(MachineOrder, question.command)
    assert row is not None and row.outcome == "done"
    assert content_of(pressing.store.entries[-1]).event_type == "command.executed"
    again = rebuilt(pressing.store.entries)
    for kind in (MachineOrder, Question):
        assert again.where(kind) == pressing.store.book.where(kind)
