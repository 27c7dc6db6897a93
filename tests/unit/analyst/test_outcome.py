"""What a tool change came to: against the old tool over the same parts, and taken by the real ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
import pytest

from taktwin.analyst.features import Column, Trace
from taktwin.analyst.maintenance import tool_outcome
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.maintenance.tool_outcome import came_true, spanned
from taktwin.analyst.maintenance.tool_runs import tool_runs
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.analyst.maintenance.wear_ways import PAIRED, Spent
from taktwin.analyst.proposal import NotYet
from taktwin.contracts.recommendation import (
    Carry,
    Effect,
    Measure,
    Outcome,
    Range,
    Recommendation,
    Result,
    State,
)
from taktwin.entropy import Entropy
from tests.support_advice import HOUR, SECOND, START_NS, Office, alternative, effect, proof, proposal
from tests.unit.whatif.test_whatif import REGISTRY

CYCLE = 90 * SECOND
CHANGED_NS = START_NS + 600 * SECOND
SUBJECT = ToolWear.subjects(REGISTRY)[0]


def lived(parts: list[int], *, drift_um: float) -> Trace:
    """Return tools one after the other, the last one put in at CHANGED_NS; `parts` of each."""
    draw = Entropy(3).generator("outcome")
    before = sum(parts[:-1])
    begin = CHANGED_NS - before * CYCLE
    ages = np.concatenate([np.arange(1, n + 1) for n in parts])
    at_ns = begin + np.arange(1, len(ages) + 1) * CYCLE - SECOND
    z = drift_um * (ages / 400) ** 1.5 + 3 * draw.standard_normal(len(ages))
    starts = begin + np.concatenate([[0], np.cumsum(parts[:-1])]) * CYCLE
    columns = {
        "measured": Column(at_ns, 30 + z / 1000),
        "good": Column(np.concatenate([[begin - 2], at_ns + 1]), np.arange(len(ages) + 1, dtype=np.float64)),
        "tool": Column(np.concatenate([[begin - 1], starts]), np.arange(len(parts) + 1, dtype=np.float64)),
    }
    return Trace(SUBJECT, columns, int(at_ns[-1] + CYCLE // 2))


def advised(office: Office, *, guards: Sequence[Effect] = (), **more: Any) -> None:
    """Propose what is measured here: a loss in money that rests on scrap, and what guards promise."""
    effects = [effect(350.0, indicator="loss"), effect(12.0), *guards]
    chosen = msgspec.structs.replace(alternative("next_setup", 1.0), effects=effects)
    tried = [alternative("nothing", 0.0, significant=False), chosen]
    whole = {
        "effects": effects,
        "proof": proof(office.now_ns + SECOND, alternatives=tried, horizon_s=6 * 3600.0),
    }
    assert office.propose("r1", **whole, **more).accepted


def carried(
    office: Office, trace: Trace, *, confirmed_ns: int = CHANGED_NS + 60 * SECOND,
    guards: Sequence[Effect] = (), place: int = -2,
) -> Recommendation:  # fmt: skip
    """Let the tool at a place be advised on, accepted, carried, and confirmed at the terminal."""
    begin_ns = tool_runs(trace)[place].begin_ns
    evidence = [
        msgspec.structs.replace(each, from_ns=begin_ns, to_ns=START_NS) for each in proposal().evidence
    ]
    advised(office, evidence=evidence, guards=guards)
    assert office.accept().accepted
    office.granted(Carry(recommendation="r1"))
    assert office.opened() == 1
    office.now_ns = confirmed_ns
    assert office.mes("maintenance.order.completed", "M1", order="M1", work_unit="turn1") == 1
    return office.of()


@pytest.mark.parametrize(
    ("drift_um", "result", "bad_less"), [(40.0, Result.EFFECTIVE, (90, 130)), (6.0, Result.HARMFUL, (-1, 1))]
)
def test_it_is_measured_against_the_old_tool_over_the_same_parts(
    drift_um: float, result: Result, bad_less: tuple[float, float]
) -> None:
    trace = lived([400, 400, 400, 400, 400, 240, 240], drift_um=drift_um)
    office = Office().begun()
    document = carried(office, trace)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    early = ToolChange.outcome(document, trace.until(CHANGED_NS + HOUR), model, REGISTRY)
    assert isinstance(early, NotYet) and early.says.code == "tool_change.waits_span", (
        "the span that was promised is not over"
    )
    assert (early.says.values, early.is_over) == ({"made": 40.0}, False)
    assert early.until_ns == document.proposal.proof.state_ns + 6 * HOUR
    found = ToolChange.outcome(document, trace, model, REGISTRY)
    assert isinstance(found, Outcome) and found.result is result
    scrap = found.observed_effect[1].measured
    assert bad_less[0] < -scrap.mean < bad_less[1]
    assert "5 tools that nobody changed early" in found.measured_how.text
    office.now_ns = trace.to_ns
    office.granted(Measure(recommendation="r1", outcome=found))
    assert office.of().state is State.MEASURED


def later(trace: Trace, by_ns: int) -> Trace:
    """Return a trace whose machine says all of it so much earlier or later."""
    columns = {name: Column(column.at_ns + by_ns, column.values) for name, column in trace.columns.items()}
    return replace(trace, columns=columns)


def test_a_machine_whose_instants_lie_before_those_of_the_ledger_is_measured_all_the_same() -> None:
    # Its clock, or a plant that is played and lags, says the change 20 min before anybody had decided on it.
    trace = later(lived([400, 400, 400, 400, 400, 240, 240], drift_um=40.0), -20 * 60 * SECOND)
    office = Office().begun()
    document = carried(office, trace)
    assert document.execution is not None
    assert tool_runs(trace)[-1].begin_ns < document.execution.dispatched_ns
    model = ToolWear.fit([trace.until(START_NS - HOUR)], seed=1)
    found = ToolChange.outcome(document, trace, model, REGISTRY)
    assert isinstance(found, Outcome) and found.result is Result.EFFECTIVE
    office.now_ns = trace.to_ns
    office.granted(Measure(recommendation="r1", outcome=found))


def test_only_parts_from_when_it_was_confirmed_count_against_the_old_tool_at_the_same_ages() -> None:
    trace = lived([400, 400, 400, 400, 400, 240, 240], drift_um=40.0)
    office = Office().begun()
    document = carried(office, trace, confirmed_ns=CHANGED_NS + HOUR)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    found = ToolChange.outcome(document, trace, model, REGISTRY)
    assert isinstance(found, Outcome)
    assert found.measured_how.values["parts"] == 233 - 40, "until the promised span is over"
    assert found.measured_how.values["without"] > 95


@pytest.mark.parametrize(
    ("parts", "confirmed_ns", "code", "is_over"),
    [
        ([400, 400, 400, 400, 415, 0], CHANGED_NS + 60 * SECOND, "too_late", True),
        ([400, 400, 400, 400, 240, 260], CHANGED_NS + 6 * HOUR, "no_part", True),
        ([400, 400, 400, 400, 240, 0], CHANGED_NS + 60 * SECOND, "waits_span", False),
    ],
)
def test_what_cannot_be_measured_says_why(
    parts: list[int], confirmed_ns: int, code: str, is_over: bool
) -> None:
    trace = lived(parts, drift_um=40.0)
    office = Office().begun()
    document = carried(office, trace, confirmed_ns=confirmed_ns)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    found = ToolChange.outcome(document, trace, model, REGISTRY)
    assert isinstance(found, NotYet) and (found.says.code, found.is_over) == (f"tool_change.{code}", is_over)


def test_a_change_that_nobody_saw_at_the_machine_is_not_measured() -> None:
    trace = lived([400, 400, 400, 400, 240, 240], drift_um=40.0)
    office = Office().begun()
    document = carried(office, trace)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    steady = replace(trace, columns={**trace.columns, "tool": trace["tool"].until(START_NS)})
    found = ToolChange.outcome(document, steady, model, REGISTRY)
    assert isinstance(found, NotYet) and found.says.code == "tool_change.waits_change" and not found.is_over
    forgotten = replace(trace, columns={name: Column(column.at_ns[-2:], column.values[-2:])
                                        for name, column in trace.columns.items()})  # fmt: skip
    found = ToolChange.outcome(document, forgotten, model, REGISTRY)
    assert isinstance(found, NotYet) and found.says.code == "tool_change.forgotten" and found.is_over


@pytest.mark.parametrize(
    ("drift_um", "seen_h", "foretold_h", "expected"),
    [
        (40.0, 4.0, (0.25, 3.0), True),
        (6.0, 4.0, (0.5, 3.0), False),
        (40.0, 0.2, (0.5, 3.0), None),
        (6.0, 1.0, (0.5, 3.0), None),
        (40.0, 4.0, (1.0, 3.0), False),  # it came sooner
    ],
)
def test_what_was_foretold_came_or_did_not_or_is_not_over(
    drift_um: float, seen_h: float, foretold_h: tuple[float, float], expected: bool | None
) -> None:
    office = Office().begun()
    # The tool that is in has made 250 parts when the advice is given; its first bad part comes at about 290.
    trace = lived([400, 400, 400, 400, 0], drift_um=drift_um)
    shift = Trace(SUBJECT, {
        name: Column(column.at_ns + (START_NS + 150 * CYCLE - CHANGED_NS), column.values)
        for name, column in trace.columns.items()
    }, START_NS + 150 * CYCLE)  # fmt: skip
    low, high = (each * 3600.0 for each in foretold_h)
    in_s = Range(mean=(low + high) / 2, p10=low, p90=high)
    advised(office, forecast=msgspec.structs.replace(proposal().forecast, in_s=in_s))
    found = came_true(office.of(), shift.until(START_NS + round(seen_h * HOUR)))
    assert (None if found is None else found[0]) == expected


def test_who_changes_the_next_tool_early_cuts_nothing_off_what_was_promised() -> None:
    # The tool that came is taken out after 60 parts; the third one spoils every part: another matter.
    whole = lived([400, 400, 400, 400, 400, 240, 60, 180], drift_um=40.0)
    values = whole["measured"].values.copy()
    values[-180:] = 40.0
    spoilt = {**whole.columns, "measured": Column(whole["measured"].at_ns, values)}
    trace = later(replace(whole, columns=spoilt), 60 * CYCLE)  # the second one goes in at CHANGED_NS
    trace = replace(trace, to_ns=whole.to_ns + 60 * CYCLE)
    office = Office().begun()
    document = carried(office, trace, place=-3)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    found = ToolChange.outcome(document, trace, model, REGISTRY)
    assert isinstance(found, Outcome) and found.result is Result.EFFECTIVE
    assert found.to_ns == document.proposal.proof.state_ns + 6 * HOUR, "the span that was promised"
    assert found.measured_how.values["parts"] > 200 and found.measured_how.values["bad"] <= 1
    assert 0 <= found.measured_how.values["kept"] < 10, "had it stayed in, its parts would have been good"
    assert -130 < found.observed_effect[1].measured.mean < -80


WORN = [400, 400, 400, 400, 400, 240, 240]


def spoilt(trace: Trace, part: slice) -> Trace:
    """Return a trace some of whose parts lie far outside of their window."""
    values = trace["measured"].values.copy()
    values[part] = 40.0
    return replace(
        trace, columns={**trace.columns, "measured": Column(trace["measured"].at_ns, values)}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dear", "result"),
    [(0.9, Result.EFFECTIVE), (0.99, Result.NEUTRAL), (1.01, Result.NEUTRAL), (1.1, Result.HARMFUL)],
)
def test_good_or_harm_is_what_lies_there_with_the_whole_80_percent_interval(
    dear: float, result: Result
) -> None:
    trace = lived(WORN, drift_um=40.0)
    document = carried(Office().begun(), trace)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)

    def loss(part_cost: float, tool_cost: float) -> tuple[Result, Range]:
        found = tool_outcome.outcome(document, trace, model, part_cost=part_cost, tool_cost=tool_cost)
        assert isinstance(found, Outcome)
        return found.result, found.observed_effect[0].measured

    parts, tools = loss(1.0, 0.0)[1], loss(0.0, 1.0)[1]
    assert parts.p10 == pytest.approx(1.07 * parts.mean, rel=0.01) and parts.p90 == pytest.approx(
        0.93 * parts.mean, rel=0.01
    )
    # At this price a change costs as much as it saves; what is dearer by a tenth is dearer beyond doubt.
    even = -parts.mean / tools.mean
    said, found = loss(1.0, even * dear)
    assert np.sign(found.mean) == np.sign(dear - 1)
    assert said is result, (found.p10, found.p90)


def test_parts_before_the_confirmation_age_the_tool_that_would_have_stayed_in() -> None:
    trace = lived(WORN, drift_um=40.0)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    soon, late = (
        spanned(carried(Office().begun(), trace, confirmed_ns=CHANGED_NS + after), trace, model)
        for after in (60 * SECOND, HOUR)
    )
    assert not isinstance(soon, NotYet) and not isinstance(late, NotYet)
    for one, other in zip(soon.without, late.without, strict=True):
        # 40 parts in an hour; the old tool, at age 240, makes 160 more until a fresh one comes.
        assert (one.changes, other.changes) == ((160,), (120,))
        assert other.chances == pytest.approx(one.chances[40:])


def test_what_was_measured_of_the_new_tool_says_nothing_of_the_old_one() -> None:
    trace = lived(WORN, drift_um=40.0)
    document = carried(Office().begun(), trace)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    found = [spanned(document, each, model) for each in (trace, spoilt(trace, slice(-240, None)))]
    assert not isinstance(found[0], NotYet) and not isinstance(found[1], NotYet)
    assert [each.bad for each in found] == [0.0, 233.0]  # type: ignore[union-attr]
    for one, other in zip(found[0].without, found[1].without, strict=True):
        assert (one.chances == other.chances).all()


def test_what_is_bad_by_chance_scatters_around_its_mean() -> None:
    # Of 100 parts that are bad with one half each 50 are bad, plus or minus 5.
    even = tool_outcome._bad(np.full(100, 0.5))
    assert (even.mean(), even.std()) == (pytest.approx(50.0), pytest.approx(5.0, rel=0.05))
    assert (even.min(), even.max()) == (pytest.approx(40.2, abs=0.01), pytest.approx(59.8, abs=0.01))
    assert (tool_outcome._bad(np.ones(7)) == 7.0).all(), "what is sure does not scatter"
    rare = tool_outcome._bad(np.full(100, 0.001))
    assert rare.min() == 0.0 and rare.max() < 1.0, "never fewer than none"


def test_only_tools_that_lived_their_life_are_what_nobody_changed_early() -> None:
    trace = lived([400, 240, 400, 400, 400, 240, 240], drift_um=40.0)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    found = ToolChange.outcome(carried(Office().begun(), trace), trace, model, REGISTRY)
    assert isinstance(found, Outcome) and found.measured_how.values["others"] == 4


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("from_s", "until_s", "code"),
    [
        (1200, 1800, "came"), (1790, 1800, "came"), (1797, 2400, "came_sooner"),
        (1200, 1790, "did_not_come"),
    ],
)  # fmt: skip
def test_it_came_true_where_the_first_bad_part_after_the_proof_lies_between_both_ends(
    from_s: int, until_s: int, code: str, before: bool
) -> None:
    # The tool that is in has made 250 parts when the advice is given; the 270th is the first bad one.
    whole = lived([400, 400, 400, 400, 0], drift_um=40.0)
    if before:
        whole = spoilt(whole, slice(-151, -150))  # but for its 250th: that was there when it was foretold
    trace = later(whole, START_NS + 150 * CYCLE - CHANGED_NS)
    trace = replace(trace, to_ns=START_NS + 150 * CYCLE)
    office = Office().begun()
    in_s = Range(mean=(from_s + until_s) / 2, p10=from_s, p90=until_s)
    advised(office, forecast=msgspec.structs.replace(proposal().forecast, in_s=in_s))
    first_s = (20 * CYCLE - SECOND - (office.of().proposal.proof.state_ns - START_NS)) / SECOND
    assert first_s == 1796
    found = came_true(office.of(), trace)
    assert found is not None and found[1].code == f"tool_change.{code}"
    assert found[0] == (code == "came")


def test_the_tool_that_came_is_of_the_same_class_on_both_sides_and_the_luck_of_single_parts_adds_up() -> None:
    # The new tool is taken out after 60 parts: had it stayed in, some of its parts would have been bad.
    whole = lived([400, 400, 400, 400, 400, 240, 60, 180], drift_um=80.0)
    trace = replace(later(whole, 60 * CYCLE), to_ns=whole.to_ns + 60 * CYCLE)
    document = carried(Office().begun(), trace, place=-3)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    span, found = spanned(document, trace, model), ToolChange.outcome(document, trace, model, REGISTRY)
    assert not isinstance(span, NotYet) and isinstance(found, Outcome)
    kept = [float(each.chances.sum()) for each in span.kept]
    assert [sorted(kept).index(each) for each in kept] == list(PAIRED)

    def sigma(spent: Spent) -> float:
        return float(np.sqrt((spent.chances * (1 - spent.chances)).sum()))

    # What is lucky with the one tool is unlucky with the other: the interval is as wide as it may be.
    likely = [
        span.bad + stays - float(without.chances.sum()) + z * (sigma(span.kept[way]) + sigma(without))
        for way, (stays, without) in enumerate(zip(kept, span.without, strict=True))
        for z in (NormalDist().inv_cdf((n + 0.5) / 20) for n in range(20))
    ]
    scrap = found.observed_effect[1].measured
    assert (scrap.p10, scrap.p90) == pytest.approx(tuple(np.quantile(likely, (0.1, 0.9))), abs=0.01)
    assert min(kept) > 20
