"""The cell asks, the MES answers: each refusal by an example, and the way of an answer to the machine."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from taktwin.contracts import commands, machine_commands
from taktwin.contracts.interlock import Answer
from taktwin.contracts.machine_commands import AnswerInterlock, MachineResult, Outcome, ReadBack
from taktwin.mes.collection.actions import Heard
from taktwin.mes.desk import content_of, rebuilt
from taktwin.mes.enforcing.engine import Here, Part, decide
from taktwin.mes.enforcing.tables import Question
from taktwin.mes.machines.actions import envelope
from taktwin.mes.machines.tables import MachineOrder
from tests.unit.mes.conftest import SECOND, Shop

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
    assert (ask(pressing, "A1", 1).code, ask(pressing, "A7", 2).code) == (Answer.HELD, Answer.UNKNOWN_SERIAL)
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
