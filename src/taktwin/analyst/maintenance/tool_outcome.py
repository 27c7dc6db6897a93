"""What a tool change really came to, and whether what was foretold came where nobody acted. Pure.

The counterfactual is the old tool, with all that was measured of it until it went out, over the very
parts that the new one made: as many as the old one still had of its life. So what else happened (stops,
orders, pace) is the same on both sides. Its bad parts are those of the model in each way that the tool may
have gone, with the chance of single parts; it is no re-simulation of the plant, and says so. Beside it: what
tools here that nobody changed early had at these ages.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from taktwin.analyst.features import FloatArray, Trace
from taktwin.analyst.maintenance.tool_runs import AROUND_NS, ToolRun, tool_runs
from taktwin.analyst.maintenance.wear_ways import strata
from taktwin.analyst.model import Model, NotEnough
from taktwin.analyst.proposal import NotYet
from taktwin.contracts.recommendation import Effect, Observed, Outcome, Range, Recommendation, Result, Words
from taktwin.instants import SECOND_NS

LIVED = 0.97  # of its life: who made so many parts was changed by nobody's advice
DOTS = 20


def outcome(document: Recommendation, trace: Trace, model: Model, *, part_cost: float) -> Outcome | NotYet:
    """Return the measured effect, or what it still waits for.

    Parameters
    ----------
    document : one that was carried out
    part_cost : of a bad part, in the unit of the loss
    """
    execution, promised = document.execution, document.proposal.effects[0]
    scrap = next((e for e in document.proposal.effects if e.indicator == "scrap"), None)
    assert execution is not None and scrap is not None, (
        "it was carried out, and its class promises less scrap"
    )
    runs = tool_runs(trace)
    pair = _changed(runs, document, trace)
    if isinstance(pair, NotYet):
        return pair
    old, new = pair
    facts = trace.subject.facts
    left = facts["life_parts"] - old.parts
    if left < 1:
        life = facts["life_parts"]
        text = (
            f"The tool had lived its whole life of {life:.0f} parts when it was changed: nothing to compare."
        )
        return _not_yet("too_late", text, {"life": life}, is_over=True)
    end_ns = document.proposal.proof.state_ns + round(document.proposal.proof.horizon_s * SECOND_NS)
    goes_on = new.parts < left and new.is_in
    if goes_on and trace.to_ns < end_ns:
        text = f"The new tool has made {new.parts:.0f} of the {left:.0f} parts that the old one had left."
        return _not_yet("waits_parts", text, {"made": new.parts, "left": left}, end_ns)
    from_ns = max(execution.done_ns, new.begin_ns)
    chosen = (new.ages <= left) & (new.at_ns > from_ns)
    parts = int(chosen.sum())
    if not parts and goes_on:
        return _not_yet("waits_part", "No part was measured since it was confirmed.")
    if not parts:
        text = f"When it was confirmed, the {left:.0f} parts that would be compared were made already."
        return _not_yet("confirmed_late", text, {"left": left}, is_over=True)
    values = new.values[chosen]
    bad = float(np.sum((values < facts["lower"]) | (values > facts["upper"])))
    try:
        outlook = model.predict(trace.until(new.begin_ns - 1)).detail
    except NotEnough as lack:
        return _not_yet("no_old_tool", f"How the old tool would have gone on cannot be said: {lack}.",
                        {"why": str(lack)})  # fmt: skip
    ages = old.parts + new.ages[chosen]
    chances = strata(outlook.present, ages, scale=outlook.scale)
    difference = bad - _without(chances)
    extra = promised.difference.mean - part_cost * scrap.difference.mean  # of the tool, as it was promised
    loss = _range(part_cost * difference + extra)
    result = Result.EFFECTIVE if loss.p90 < 0 else Result.HARMFUL if loss.p10 > 0 else Result.NEUTRAL
    return Outcome(
        result=result,
        observed_effect=[
            _observed(promised, loss), _observed(scrap, _range(difference)),
        ],
        measured_how=_how(runs, trace, old, new, ages=ages, bad=bad, without=float(chances.sum(1).mean())),
        counterfactual_id=f"{document.proposal.proof.scenario_id}/{document.proposal.model.version}/old-tool",
        from_ns=from_ns, to_ns=int(new.at_ns[chosen][-1]),
    )  # fmt: skip


def came_true(document: Recommendation, trace: Trace) -> tuple[bool, Words] | None:
    """Return whether a part lay outside of its window by the end of the interval that was foretold.

    None: that is not over yet, or the tool went out before it could show.
    """
    state_ns = document.proposal.proof.state_ns
    until_ns = state_ns + round(document.proposal.forecast.in_s.p90 * SECOND_NS)
    run = next((r for r in tool_runs(trace) if r.begin_ns <= state_ns < r.end_ns), None)
    if run is None:
        return None
    lower, upper = trace.subject.facts["lower"], trace.subject.facts["upper"]
    outside = ((run.values < lower) | (run.values > upper)) & (run.at_ns > state_ns)
    first = run.at_ns[outside]
    if len(first) and first[0] <= until_ns:
        after_min = round((int(first[0]) - state_ns) / SECOND_NS / 60)
        text = f"The first part outside of its window came after {after_min} min."
        return True, Words(code="tool_change.came", text=text, values={"minutes": after_min})
    if trace.to_ns < until_ns or run.end_ns < until_ns:
        return None
    return False, Words(
        code="tool_change.did_not_come", text="No part lay outside of its window in that time."
    )


def _changed(runs: list[ToolRun], document: Recommendation, trace: Trace) -> tuple[ToolRun, ToolRun] | NotYet:
    """Return the tool that the advice is about and the one that came after it."""
    begin_ns = document.proposal.evidence[0].from_ns
    place = min(range(len(runs)), key=lambda each: abs(runs[each].begin_ns - begin_ns), default=-1)
    if place < 0 or abs(runs[place].begin_ns - begin_ns) > AROUND_NS or not runs[place].is_whole:
        text = "The life of the tool that it is about is not remembered: nothing can be compared."
        return _not_yet("forgotten", text, is_over=True)
    if runs[place].is_in:
        unit = trace.subject.unit
        return _not_yet("waits_change", f"{unit} has not said that another tool is in.", {"unit": unit})
    return runs[place], runs[place + 1]


def _not_yet(
    code: str, text: str, values: dict[str, str | int | float] | None = None, until_ns: int = 0, *,
    is_over: bool = False,
) -> NotYet:  # fmt: skip
    says = Words(code=f"tool_change.{code}", text=text, values=values or {})
    return NotYet(says, until_ns=until_ns, is_over=is_over)


def _without(chances: FloatArray) -> FloatArray:
    """Return how many parts would have been bad, as equally likely numbers over all ways."""
    luck = ndtri((np.arange(DOTS) + 0.5) / DOTS)
    mean, sigma = chances.sum(1), np.sqrt((chances * (1 - chances)).sum(1))
    return np.asarray(np.clip(mean[:, None] + sigma[:, None] * luck[None, :], 0.0, chances.shape[1]).ravel())


def _how(
    runs: list[ToolRun], trace: Trace, old: ToolRun, new: ToolRun, *, ages: FloatArray, bad: float,
    without: float,
) -> Words:  # fmt: skip
    facts, parts = trace.subject.facts, len(ages)
    found = []
    for run in runs:
        if run in (old, new) or not run.is_whole or run.parts < LIVED * facts["life_parts"]:
            continue
        there = (run.ages >= ages[0]) & (run.ages <= ages[-1])
        outside = (run.values < facts["lower"]) | (run.values > facts["upper"])
        found.append(int(np.sum(there & outside)))
    beside = "no tool to compare with"
    if found:
        beside = f"{np.mean(found):.1f} on {len(found)} tools that nobody changed early"
    return Words(
        code="tool_change.measured",
        text=f"{bad:.0f} of {parts} parts were bad; with the old tool {without:.1f} would have been, by "
        f"what was measured of it, over the same parts; at these ages {beside}. The plant was not "
        "simulated again.",
        values={"bad": bad, "parts": parts, "without": without, "others": len(found)},
    )  # fmt: skip


def _observed(effect: Effect, measured: Range) -> Observed:
    said = effect.difference
    promised = Range(mean=said.mean, p10=said.p10, p90=said.p90)
    return Observed(indicator=effect.indicator, unit=effect.unit, promised=promised, measured=measured)


def _range(values: FloatArray) -> Range:
    """Return mean and 10 to 90 %, wide enough to hold the mean where a few ways are far off."""
    mean, low, high = float(np.mean(values)), float(np.quantile(values, 0.1)), float(np.quantile(values, 0.9))
    return Range(mean=mean, p10=min(low, mean), p90=max(high, mean))
