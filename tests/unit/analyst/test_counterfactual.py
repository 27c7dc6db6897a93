"""What was measured, played again by the real twin: the same plant on both sides but for what was done."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pyarrow as pa
import pytest

from taktwin.analyst import counterfactual
from taktwin.analyst.features import Trace
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.proposal import DONE, NOTHING, Lived
from taktwin.contracts.recommendation import Measure, Outcome, Recommendation, State
from taktwin.contracts.whatif import CHANGES_MAX, Comparison, Question
from taktwin.whatif.api import Situation
from taktwin.whatif.engine import answered
from tests.support_advice import HOUR, SECOND, START_NS, Office, effect
from tests.unit.analyst.test_outcome import CHANGED_NS, WORN, carried, lived, spoilt
from tests.unit.whatif.test_whatif import REGISTRY, order, picture

MODEL_TO_NS = START_NS
UNITS = frozenset({"turn1", "turn2", "hob1"})


def stays(document: Recommendation, *more: tuple[str, int, int, str]) -> pa.Table:
    """Return what history has of the span: both lathes at work, and more."""
    begin = document.proposal.proof.state_ns
    rows = [
        ("turn1", begin - HOUR, CHANGED_NS - 300 * SECOND, "production"),
        ("turn1", CHANGED_NS - 300 * SECOND, CHANGED_NS, "delay_own"),
        ("turn1", CHANGED_NS, begin + 9 * HOUR, "production"),
        ("turn2", begin - HOUR, begin + 9 * HOUR, "production"), *more,
    ]  # fmt: skip
    names = ("unit", "from_ns", "to_ns", "time_class")
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def measured(
    *more: tuple[str, int, int, str],
) -> tuple[Office, Recommendation, Trace, ToolWear, Outcome, Lived]:
    """Return a change that was carried out and measured, with what really happened beside it."""
    trace, office = lived([400, 400, 400, 400, 400, 240, 240], drift_um=40.0), Office().begun()
    guards = [effect(0.0, indicator="late_orders"), effect(-5.0, indicator="parts_done")]
    document = carried(office, trace, guards=guards)
    model = ToolWear.fit([trace.until(MODEL_TO_NS)], seed=1)
    found = ToolChange.outcome(document, trace, model, REGISTRY)
    assert isinstance(found, Outcome)
    table = stays(document, *more)
    span = {"from_ns": document.proposal.proof.state_ns, "to_ns": found.to_ns}
    known = counterfactual.lived(table, "turn1", ("turn1", "turn2"), **span, units=UNITS)
    return office, document, trace, model, found, known


def played(question: Question) -> Comparison:
    """Let the twin play it from the picture of the proof, with more to do than the span holds."""
    frame = picture(question.at_ns, turn1="production", turn2="production")
    board = {"lines": order("o1", 900, product="SH-100"), "over": [], "at_ns": question.at_ns}
    return answered(question, Situation(REGISTRY, frame, board, lambda: 0.0))


def test_the_twin_plays_the_span_of_the_promise_again_and_the_ledger_keeps_what_it_says() -> None:
    office, document, trace, model, found, known = measured()
    courses = ToolChange.again(document, trace, model, REGISTRY, known)
    assert courses is not None
    asked = counterfactual.question(courses, known, document, deadline_s=30.0)
    proof = document.proposal.proof
    assert (asked.at_ns, asked.horizon_s, asked.seed) == (proof.state_ns, proof.horizon_s, proof.seed)
    assert asked.indicators == ["late_orders", "parts_done", "scrap"]
    answer = played(asked)
    assert answer.state == "ready", answer.mistakes
    told = counterfactual.told(found, courses, known, document, answer)
    assert [each.indicator for each in told.observed_effect] == ["loss", "scrap", "late_orders", "parts_done"]
    assert told.counterfactual_id == answer.scenario_id and told.counterfactual_id != proof.scenario_id
    assert told.measured_how.code == "tool_change.measured_again"
    # By another road, over the parts that it makes itself, the twin finds about what the real parts say.
    by_parts, again = told.observed_effect[1].measured, told.measured_how.values["again_scrap"]
    assert isinstance(again, float) and 1.6 * by_parts.mean < again < 0.6 * by_parts.mean < -50
    [late] = [each for each in answer.indicators if each.name == "late_orders"]
    mine = [each.difference.mean for each in late.effects if each.scenario.startswith(DONE)]
    assert told.observed_effect[2].measured.mean == sum(mine) / len(mine)
    office.now_ns = trace.to_ns
    office.granted(Measure(recommendation="r1", outcome=told))
    assert office.of().state is State.MEASURED


def test_where_nothing_else_was_done_nothing_differs_whatever_stood_elsewhere() -> None:
    stop = ("hob1", START_NS + HOUR, START_NS + 3 * HOUR, "delay_own")
    _, document, trace, model, _, known = measured(stop)
    courses = ToolChange.again(document, trace, model, REGISTRY, known)
    assert courses is not None
    without, done = courses
    same = (replace(without, changes=done.changes), done)
    answer = played(counterfactual.question(same, known, document, deadline_s=30.0))
    for each in answer.indicators:
        for one in each.effects:
            if one.scenario.startswith(DONE):
                assert (one.difference.mean, set(one.difference.dots)) == (0.0, {0.0})
    # And the stop is there: without it the hobber would have gone on.
    calm = played(counterfactual.question(same, replace(known, stops=()), document, deadline_s=30.0))
    [shares] = [each for each in answer.units if each.unit == "hob1"]
    [without_it] = [each for each in calm.units if each.unit == "hob1"]
    assert shares.scenarios[0].off > without_it.scenarios[0].off + 0.2


def test_stops_happen_on_both_sides_and_that_of_the_change_itself_on_its_own() -> None:
    stops = [
        ("hob1", START_NS + HOUR, START_NS + 2 * HOUR, "delay_own"),
        ("turn1", START_NS + 2 * HOUR, START_NS + 2 * HOUR + 60 * SECOND, "delay_own"),
        ("turn2", START_NS - HOUR, START_NS + 600 * SECOND, "delay_own"),  # it stood already
        ("turn2", START_NS + 3 * HOUR, START_NS + 4 * HOUR, "starved"),  # by another's cause
        ("washer9", START_NS + HOUR, START_NS + 2 * HOUR, "delay_own"),  # no step is done there
    ]
    _, document, trace, model, _, known = measured(*stops)
    assert known.work.share == 0.5 or abs(known.work.share - 0.5) < 0.03
    courses = ToolChange.again(document, trace, model, REGISTRY, known)
    assert courses is not None
    asked = counterfactual.question(courses, known, document, deadline_s=30.0)
    ways = len(courses[0].changes)
    assert len(asked.scenarios) == 2 * ways
    state_ns = document.proposal.proof.state_ns
    for each in asked.scenarios:
        assert each.changes[0] == counterfactual.NO_CHANCE
        down = [(c["unit"], round(c["from_s"]), round(c["to_s"])) for c in each.changes
                if c["change"] == "unit_down"]  # fmt: skip
        after_s = (START_NS - state_ns) / SECOND
        assert ("hob1", round(3600 + after_s), round(7200 + after_s)) in down
        assert ("turn2", 0, round(600 + after_s)) in down
        assert ("turn1", round(7200 + after_s), round(7260 + after_s)) in down
        assert (
            not any(name == "washer9" for name, *_ in down) and len([d for d in down if d[0] == "turn2"]) == 1
        )
        change_s = (CHANGED_NS - state_ns) / SECOND
        at_change = [d for d in down if d[0] == "turn1" and d[1] < change_s < d[2] + 1]
        # As it really was the lathe stood for its insert then; without the advice when its life was over.
        assert len(at_change) == (1 if each.name.startswith(DONE) else 0)
        assert each.against == (f"{NOTHING}/{each.name[5:]}" if each.name.startswith(DONE) else "")
        lives_end = [d for d in down if d[0] == "turn1" and d[1] > 3.5 * 3600]
        assert len(lives_end) == (0 if each.name.startswith(DONE) else 1)


def test_of_more_stops_than_may_be_asked_the_longest_are_played() -> None:
    stops = [("hob1", START_NS + n * 60 * SECOND, START_NS + (n * 60 + 5 + n % 7) * SECOND, "delay_own")
             for n in range(CHANGES_MAX + 50)]  # fmt: skip
    _, document, trace, model, _, known = measured(*stops)
    courses = ToolChange.again(document, trace, model, REGISTRY, known)
    assert courses is not None
    asked = counterfactual.question(courses, known, document, deadline_s=30.0)
    assert max(len(each.changes) for each in asked.scenarios) == CHANGES_MAX
    kept = [c["to_s"] - c["from_s"] for c in asked.scenarios[0].changes if c.get("unit") == "hob1"]
    assert min(kept) > 5.5, "the shortest are left out"


def test_a_class_that_cannot_be_played_says_why() -> None:
    *_, found, _ = measured()
    told = counterfactual.untold(found, "the recorder has forgotten it")
    assert told.measured_how.text.endswith("The plant was not played again: the recorder has forgotten it.")
    assert told.measured_how.values["why"] == "the recorder has forgotten it"
    assert told.observed_effect == found.observed_effect
    assert msgspec.structs.replace(told, measured_how=found.measured_how) == found


def test_what_was_bad_before_it_was_confirmed_was_so_on_both_sides() -> None:
    *_, known = measured()
    trace = lived(WORN, drift_um=40.0)
    document = carried(Office().begun(), trace, confirmed_ns=CHANGED_NS + HOUR)
    model = ToolWear.fit([trace.until(MODEL_TO_NS)], seed=1)

    def good(trace: Trace) -> list[list[float]]:
        """Return the share of good parts, of each course in each way."""
        courses = ToolChange.again(document, trace, model, REGISTRY, known)
        assert courses is not None
        return [[float(each[0]["times"]) for each in course.changes] for course in courses]

    # Ten of the first parts of the new insert: not yet confirmed, they count for nobody. In the span that
    # is played there are 240 parts, 7 of the old insert and 233 of the new one.
    lost = known.work.share * 10 / 240
    for one, other in zip(good(trace), good(spoilt(trace, slice(-240, -230))), strict=True):
        assert [a - b for a, b in zip(one, other, strict=True)] == pytest.approx([lost] * len(one))
