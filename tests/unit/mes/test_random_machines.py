"""Random questions of cells and random words of machines among all other commands, and planted mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from taktwin.contracts import commands, machine_commands
from taktwin.contracts.events import (
    CommandExecuted,
    CommandFailed,
    CommandGiven,
    InterlockAnswered,
    InterlockRequested,
    JobOrderStarted,
)
from taktwin.contracts.interlock import Answer
from taktwin.contracts.machine_commands import AnswerInterlock, MachineResult, Outcome, ReadBack, Values
from taktwin.mes import desk
from taktwin.mes.collection.actions import Heard
from taktwin.mes.desk import Desk, content_of
from taktwin.mes.enforcing import actions as enforcing
from taktwin.mes.enforcing import engine
from taktwin.mes.enforcing.engine import Here, Part, Verdict
from taktwin.mes.enforcing.tables import Question
from taktwin.mes.machines.actions import envelope
from taktwin.mes.machines.parameters import differing
from taktwin.mes.machines.tables import MachineOrder
from taktwin.mes.tracking.tables import CLOSED, RESTRICTED, Passage, Unit
from tests.unit.mes.conftest import SECOND
from tests.unit.mes.test_random_commands import FOUND_WITHIN, Plant, orders, run, serials


class Machines(Plant):
    """The shop in which anything may be asked, with machines that say what they like."""

    @initialize(left=st.sampled_from((3.0, 400.0)), begun=st.booleans())
    def open(self, left: float, begun: bool) -> None:  # type: ignore[override]
        """Open a shop in which machines obeyed once; from here on nobody does so by himself."""
        super().open(3, left, begun, "P01", False)
        self.shop.machines_obey = False
        self.number = 0
        for cell in (
            ("load2", "adhesive2") if begun else ()
        ):  # a part of the order that stands before the press
            self.make(cell, "A0", "good", 1, False, None, False)
        if not begun:
            self.shop.instruct("WI-40", actor="P01")
            self.shop.ask(commands.DispatchJob(job="1-40", work_unit="tighten2", version=1))

    @rule(serial=serials, late=st.sampled_from((0, 0, 0, 30)), again=st.booleans())
    def asks(self, serial: str, late: int, again: bool) -> None:
        self.number += 0 if again and self.number else 1
        self.shop.now_ns += SECOND
        at_ns = self.shop.now_ns - late * SECOND
        heard = [Heard("press2/interlock/serial", serial, at_ns),
                 Heard("press2/interlock/request", self.number, at_ns)]  # fmt: skip
        before = self.shop.store.book.get(Question, "press2")
        self.shop.desk.hear(heard, stream="SAMPLES", position=self.shop.now_ns)
        question = self.shop.store.book.get(Question, "press2")
        if question is None or question == before:
            return
        unit = self.shop.store.book.get(Unit, serial)
        passed = {row.operation for row in self.shop.store.book.where(Passage, unit=serial) if row.good}
        if Answer(question.code).may:
            assert unit is None or unit.disposition not in (RESTRICTED, CLOSED)
            assert not question.job or (unit is not None and 30 not in passed)
        assert bool(question.command) == (question.code not in (Answer.TOO_LATE, Answer.NONE))

    @rule(seconds=st.sampled_from((1, 3, 30)))
    def waits(self, seconds: int) -> None:
        self.shop.now_ns += seconds * SECOND
        self.shop.desk.tick()
        for row in self.shop.store.book.where(Question, code=int(Answer.NONE)):
            assert self.shop.now_ns - row.asked_ns < 2 * SECOND, "no cell waits longer"

    @invariant()
    def each_question_is_answered_once(self) -> None:
        events = [content_of(entry) for entry in self.shop.store.entries]
        asked = Counter((e.work_unit, e.number) for e in events if isinstance(e, InterlockRequested))
        told = Counter((e.work_unit, e.number) for e in events if isinstance(e, InterlockAnswered))
        for row in self.shop.store.book.where(Question, code=int(Answer.NONE)):
            told[row.work_unit, row.number] += 1
        assert asked == told

    @rule(order=orders)
    def tightens(self, order: str) -> None:
        self.shop.ask(commands.BeginJob(job=f"{order}-40"))

    @rule(serial=serials, comes=st.booleans())
    def holds(self, serial: str, comes: bool) -> None:
        held = self.shop.ask(commands.Hold(kind="unit", id=serial, cause="looked at"))
        if held.accepted and comes:  # it was on its way already
            self.asks(serial, 0, False)

    @rule(outcome=st.sampled_from((Outcome.DONE, Outcome.DONE, *Outcome)), twice=st.booleans())
    def says(self, outcome: Outcome, twice: bool) -> None:
        for row in self.shop.desk.open_commands()[:1]:
            wish = machine_commands.content_of(envelope(row))
            assert isinstance(wish, Values)
            same = outcome is Outcome.DONE
            values = [
                ReadBack(signal=each.signal, wanted=each.value, found=each.value if same else None, same=same)
                for each in [*wish.values, *wish.then]
            ]
            result = MachineResult(id=row.command, outcome=outcome, values=values)
            self.shop.now_ns += SECOND
            told = [self.shop.desk.told(result) for _ in range(2 if twice else 1)]
            assert told[0] > 0 and told[1:] in ([], [0])

    @invariant()
    def each_command_is_given_once_and_ends_once(self) -> None:
        events = [content_of(entry) for entry in self.shop.store.entries]
        given = Counter(event.command for event in events if isinstance(event, CommandGiven))
        ended = Counter(
            event.command for event in events if isinstance(event, CommandExecuted | CommandFailed)
        )
        assert all(number == 1 for number in (given | ended).values())
        rows = self.shop.store.book.where(MachineOrder)
        assert {row.command for row in rows} == set(given)
        assert {row.command for row in rows if row.outcome} == set(ended)
        questions = [row for row in rows if row.name == AnswerInterlock.command_name]
        assert len({row.command for row in questions}) == len(questions)

    @invariant()
    def what_runs_where_parameters_are_loaded_holds_them(self) -> None:
        events = [content_of(entry) for entry in self.shop.store.entries]
        loaded = {
            event.job for event in events
            if isinstance(event, CommandExecuted) and event.name == "parameters.load"
        }  # fmt: skip
        begun = [e.job for e in events if isinstance(e, JobOrderStarted) and e.work_unit == "tighten2"]
        assert set(begun) <= loaded
        for job in begun[-1:]:
            assert not differing(self.shop.store.book, "tighten2", job)


def test_random_words_of_machines_leave_the_mes_whole() -> None:
    run(Machines, 10, 20)


def _let_in(serial: str, part: Part | None, here: Here | None, *, without_job: str) -> Verdict:
    free = None if part is None else replace(part, disposition="")
    return engine.decide(serial, free, here, without_job=without_job)


def _whenever_it_is_told(self: Desk, result: MachineResult) -> int:
    row = self._store.book.get(MachineOrder, result.id)  # type: ignore[attr-defined]
    if row is not None:
        self._store.book.put(msgspec.structs.replace(row, outcome=""))  # type: ignore[attr-defined]
    return TOLD(self, result)


TOLD = Desk.told
MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a part on hold is let in": ("taktwin.mes.enforcing.actions.decide", _let_in),
    "what a machine says counts each time that it is told": (
        "taktwin.mes.desk.Desk.told",
        _whenever_it_is_told,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_words_of_machines_find_a_planted_mistake(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Machines, FOUND_WITHIN, 20, shrink=False)


def _begins_anyhow(book: Any, row: Any, result: MachineResult, asking: Any) -> Any:
    done = MachineResult(id=result.id, outcome=Outcome.DONE, values=result.values)
    return enforcing.parameters_loaded(book, row, done, asking)


@pytest.mark.parametrize("planted", [False, True])
def test_the_invariants_see_a_job_order_that_begins_whatever_the_machine_holds(
    planted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if planted:
        monkeypatch.setitem(desk.FOLLOWERS, "parameters.load", _begins_anyhow)
    state = Machines()
    state.open(400.0, False)
    state.tightens("1")
    state.says(Outcome.DIFFERS, False)
    if planted:
        with pytest.raises(AssertionError):
            state.what_runs_where_parameters_are_loaded_holds_them()
    else:
        state.what_runs_where_parameters_are_loaded_holds_them()
