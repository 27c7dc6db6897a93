"""What a tool change came to: against the old tool over the same parts, and taken by the real ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from taktwin.analyst.features import Column, Trace
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.analyst.maintenance.tool_outcome import came_true
from taktwin.analyst.maintenance.tool_wear import ToolWear
from taktwin.contracts.recommendation import Carry, Measure, Range, Recommendation, Result, State
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


def advised(office: Office, **more: Any) -> None:
    """Propose what is measured here: a loss in money that rests on scrap."""
    effects = [effect(350.0, indicator="loss"), effect(12.0)]
    chosen = msgspec.structs.replace(alternative("next_setup", 1.0), effects=effects)
    tried = [alternative("nothing", 0.0, significant=False), chosen]
    whole = {
        "effects": effects,
        "proof": proof(office.now_ns + SECOND, alternatives=tried, horizon_s=6 * 3600.0),
    }
    assert office.propose("r1", **whole, **more).accepted


def carried(office: Office) -> Recommendation:
    """Let it be accepted, carried, and confirmed at the terminal a minute after the change."""
    advised(office)
    assert office.accept().accepted
    office.granted(Carry(recommendation="r1"))
    assert office.opened() == 1
    office.now_ns = CHANGED_NS + 60 * SECOND
    assert office.mes("maintenance.order.completed", "M1", order="M1", work_unit="turn1") == 1
    return office.of()


@pytest.mark.parametrize(
    ("drift_um", "result", "bad_less"), [(40.0, Result.EFFECTIVE, (90, 130)), (6.0, Result.HARMFUL, (-1, 1))]
)
def test_it_is_measured_against_the_old_tool_over_the_same_parts(
    drift_um: float, result: Result, bad_less: tuple[float, float]
) -> None:
    office = Office().begun()
    document = carried(office)
    trace = lived([400, 400, 400, 400, 400, 240, 175], drift_um=drift_um)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    early = trace.until(CHANGED_NS + HOUR)
    assert ToolChange.outcome(document, early, model, REGISTRY) is None, "the new tool has not made enough"
    found = ToolChange.outcome(document, trace, model, REGISTRY)
    assert found is not None and found.result is result
    scrap = found.observed_effect[1].measured
    assert bad_less[0] < -scrap.mean < bad_less[1]
    assert "5 tools that nobody changed early" in found.measured_how.text
    office.now_ns = trace.to_ns
    office.granted(Measure(recommendation="r1", outcome=found))
    assert office.of().state is State.MEASURED


def test_a_change_that_nobody_saw_at_the_machine_is_not_measured() -> None:
    office = Office().begun()
    document = carried(office)
    trace = lived([400, 400, 400, 400, 415, 0], drift_um=40.0)
    model = ToolWear.fit([trace.until(START_NS)], seed=1)
    steady = replace(trace, columns={**trace.columns, "tool": trace["tool"].until(START_NS)})
    assert ToolChange.outcome(document, steady, model, REGISTRY) is None


@pytest.mark.parametrize(
    ("drift_um", "seen_h", "expected"),
    [(40.0, 4.0, True), (6.0, 4.0, False), (40.0, 0.2, None), (6.0, 1.0, None)],
)
def test_what_was_foretold_came_or_did_not_or_is_not_over(
    drift_um: float, seen_h: float, expected: bool | None
) -> None:
    office = Office().begun()
    # The tool that is in has made 250 parts when the advice is given; its first bad part comes at about 290.
    trace = lived([400, 400, 400, 400, 0], drift_um=drift_um)
    shift = Trace(SUBJECT, {
        name: Column(column.at_ns + (START_NS + 150 * CYCLE - CHANGED_NS), column.values)
        for name, column in trace.columns.items()
    }, START_NS + 150 * CYCLE)  # fmt: skip
    in_s = Range(mean=3600.0, p10=1800.0, p90=3 * 3600.0)
    advised(office, forecast=msgspec.structs.replace(proposal().forecast, in_s=in_s))
    found = came_true(office.of(), shift.until(START_NS + round(seen_h * HOUR)))
    assert (None if found is None else found[0]) == expected
