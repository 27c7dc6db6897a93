"""A class of proposals in one file: found, tried on the twin, taken by the ledger; nothing else touched."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from taktwin.analyst import advice, proving
from taktwin.analyst.features import Tape
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.promises import Promises
from taktwin.analyst.proposal import CLASSES, Ahead, ProposalClass, classes
from taktwin.analyst.training import learnt
from taktwin.contracts import recommendation
from taktwin.contracts.recommendation import AdviceMessage, Answer, Check, Declare, Propose
from taktwin.instants import SECOND_NS
from taktwin.ledger.desk import Desk
from taktwin.storage.stores import MemoryStore
from taktwin.whatif.api import Situation, compare
from tests.unit.analyst.lathe import values
from tests.unit.whatif.test_whatif import NOON, REGISTRY, order, picture

FILE = Path(__file__).parents[3] / "examples" / "proposals" / "tool_at_hand.py"


@pytest.fixture
def added() -> Iterator[type[ProposalClass]]:
    """Load the example as a plug-in is loaded, and forget it again."""
    spec = importlib.util.spec_from_file_location("tool_at_hand", FILE)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    yield classes()["tool_at_hand"]
    del CLASSES["tool_at_hand"]


def test_a_class_is_one_file(added: type[ProposalClass]) -> None:
    subjects = ToolWear.subjects(REGISTRY)
    tape = Tape([signal for each in subjects for signals in each.signals.values() for signal in signals])
    for unit, age in (("turn1", 380), ("turn2", 100)):
        for signal, at_ns, value in values(unit, drift_um=30.0, age=age, tools=22):
            tape.add(signal, at_ns, value)
    traces = [tape.trace(subject, NOON) for subject in subjects]
    about, state = learnt(ToolWear, traces, now_ns=NOON)
    model = ToolWear.restored(state)
    predictions = [model.predict(trace) for trace in traces]
    assert [added.worth_asking(each) for each in predictions] == [True, False]

    trace, prediction = traces[0], predictions[0]
    end_ns = NOON + 3 * 3600 * SECOND_NS
    ahead = Ahead(NOON, end_ns, work=((NOON, end_ns),), set_ups=(), share=0.5)
    trial = added.trial(prediction, trace, ahead, REGISTRY)
    assert trial is not None
    board = {"lines": order("o1", 60, product="SH-100")}
    twin = Situation(REGISTRY, picture(turn1="production"), board, time.monotonic)
    answer = compare(proving.question(trial, deadline_s=30.0), twin)
    verdict = proving.verdict(trial, answer)
    assert verdict.chosen is not None and verdict.chosen.name == "at_hand"
    error = advice.past_error(added, about)
    assert error is not None
    proposal = advice.composed(
        added, trial, verdict, verdict.chosen, answer, prediction, about, error, Promises.of([])
    )
    assert proposal.effects[0].difference.mean == pytest.approx(-10.0)  # minutes
    assert proposal.inaction.units is None and proposal.inaction.minutes is not None, "no minute is a part"
    counted = replace(
        trial, courses=tuple(replace(each, changes=((), ())) for each in trial.courses), unit="1"
    )
    told = advice.composed(
        added, counted, verdict, verdict.chosen, answer, prediction, about, error, Promises.of([])
    ).inaction
    assert (
        told.minutes is None
        and told.units is not None
        and told.units.mean == pytest.approx(proposal.effects[0].nothing.mean)
    )

    # A class's own figure of the plant: what is lost without the action, whatever is lost with it.
    changed = msgspec.structs.replace
    told_of = replace(verdict, alternatives=tuple(
        changed(each, effects=[
            changed(e, indicator="scrap", nothing=changed(e.nothing, p10=6.0, mean=7.0, p90=8.0))
            if e.indicator == "late_orders" else e for e in each.effects
        ]) for each in verdict.alternatives
    ))  # fmt: skip
    in_parts = advice.composed(
        added, replace(trial, weights={"scrap": 1.0}, unit="1"), told_of, verdict.chosen, answer, prediction,
        about, error, Promises.of([]),
    ).inaction  # fmt: skip
    assert in_parts.units == recommendation.Range(mean=7.0, p10=6.0, p90=8.0)
    ledger = Desk(MemoryStore(), lambda: NOON + SECOND_NS)

    def say(content: AdviceMessage) -> Answer:
        number = str(time.monotonic_ns())
        message = recommendation.make(content, message_id=number, actor="analyst", actor_type="ai")
        return ledger.execute(message)

    assert say(Declare(advice_class=added.declared())).accepted
    assert say(Check(advice_class=added.name, error=error)).accepted
    answered = say(Propose(proposal=proposal))
    assert answered.accepted, (answered.place, answered.found, answered.right)
