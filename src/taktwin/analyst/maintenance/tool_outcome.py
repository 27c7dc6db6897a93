"""What a tool change really came to, and whether what was foretold came where nobody acted. Pure.

The counterfactual is the old tool, with all that was measured of it until it went out, and the one that
would have come after its life, over the very parts that were really made until the end of the span that
was promised. So what else happened (stops, orders, pace) is the same on both sides, to the part. Its bad
parts are those of the model in each way that the tools may have gone, with the chance of single parts. What
that means for the plant, the twin says, which plays the span again (`taktwin.analyst.counterfactual`).
Beside it: what tools here that nobody changed early had at these ages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from taktwin.analyst.features import FloatArray, IntArray, Trace
from taktwin.analyst.maintenance.tool_runs import AROUND_NS, ToolRun, tool_runs
from taktwin.analyst.maintenance.wear_ways import PAIRED, WAYS, Spent, Ways
from taktwin.analyst.model import Model, NotEnough
from taktwin.analyst.proposal import NotYet, range_of
from taktwin.analyst.proving import DOTS
from taktwin.contracts.recommendation import Effect, Observed, Outcome, Range, Recommendation, Result, Words
from taktwin.instants import SECOND_NS

LIVED = 0.97  # of its life: who made so many parts was changed by nobody's advice


@dataclass(frozen=True, slots=True)
class Span:
    """The parts that were really made since a tool was changed by advice, and what they would have been."""

    from_ns: int  # when the change was confirmed
    cut_ns: int  # when somebody changed the next tool early; NEVER: nobody did
    to_ns: int  # the end of what was promised
    old: ToolRun
    after: tuple[ToolRun, ...]  # the tool that came, and those after it by their life, until to_ns or the cut
    at_ns: IntArray  # (n,) the parts that count
    bad: float  # of those until the cut
    bad_before: float  # from the proof until the change was confirmed: the same on both sides
    parts_before: int
    without: tuple[Spent, ...]  # all of these parts if the tool had not been changed, in each way
    kept: tuple[Spent, ...]  # those behind the cut, if the next tool had stayed in, in each way
    used: float  # tools used up by the change and after it, until the cut


def outcome(
    document: Recommendation, trace: Trace, model: Model, *, part_cost: float, tool_cost: float
) -> Outcome | NotYet:
    """Return the measured effect, or what it still waits for.

    Parameters
    ----------
    document : one that was carried out
    part_cost, tool_cost : of a bad part, and of a tool with its change, in the unit of the loss
    """
    promised = document.proposal.effects[0]
    scrap = next((e for e in document.proposal.effects if e.indicator == "scrap"), None)
    assert scrap is not None, "its class promises less scrap"
    span = spanned(document, trace, model)
    if isinstance(span, NotYet):
        return span
    # (ways, dots): with the action is what was seen, and behind a cut what the next tool would have done.
    action = span.bad + np.stack([_bad(each.chances)[::-1] for each in span.kept])
    difference = action - np.stack([_bad(each.chances) for each in span.without])
    tools = span.used + np.array([each.used for each in span.kept])
    tools -= np.array([each.used for each in span.without])
    loss = range_of((part_cost * difference + tool_cost * tools[:, None]).ravel())
    result = Result.EFFECTIVE if loss.p90 < 0 else Result.HARMFUL if loss.p10 > 0 else Result.NEUTRAL
    return Outcome(
        result=result,
        observed_effect=[_observed(promised, loss), _observed(scrap, range_of(difference.ravel()))],
        measured_how=_how(trace, span),
        counterfactual_id=f"{document.proposal.proof.scenario_id}/{document.proposal.model.version}/old-tool",
        from_ns=span.from_ns, to_ns=span.to_ns,
    )  # fmt: skip


def spanned(document: Recommendation, trace: Trace, model: Model) -> Span | NotYet:
    """Return the parts over which a change that was carried out is measured, or what that waits for."""
    execution, proof = document.execution, document.proposal.proof
    assert execution is not None, "it was carried out"
    pair = _changed(tool_runs(trace), document, trace)
    if isinstance(pair, NotYet):
        return pair
    old, after, next_ns = pair
    life = trace.subject.facts["life_parts"]
    if old.parts >= life:
        text = (
            f"The tool had lived its whole life of {life:.0f} parts when it was changed: nothing to compare."
        )
        return _not_yet("too_late", text, {"life": life}, is_over=True)
    to_ns = proof.state_ns + round(proof.horizon_s * SECOND_NS)
    from_ns = max(execution.done_ns, after[0].begin_ns)
    if trace.to_ns < to_ns:
        made = after[0].parts
        text = (
            f"The new tool has made {made:.0f} parts; it is measured over the whole span that was promised."
        )
        return _not_yet("waits_span", text, {"made": made}, to_ns)
    later = [run for run in tool_runs(trace) if run.begin_ns > after[-1].begin_ns]
    at_ns = np.concatenate([run.at_ns for run in (*after, *later)])
    outside = np.concatenate([_outside(run, trace) for run in (*after, *later)])
    counts = (at_ns > from_ns) & (at_ns <= to_ns)
    seen = counts & (at_ns <= next_ns)
    if not seen.any():
        text = "No part was measured between its confirmation and the end of the span that was promised."
        return _not_yet("no_part", text, is_over=True)
    try:
        outlook = model.predict(trace.until(after[0].begin_ns - 1)).detail
        rest = int((counts & ~seen).sum())
        kept = None if not rest else model.predict(trace.until(next_ns - 1)).detail
    except NotEnough as lack:
        return _not_yet("no_old_tool", f"How the old tool would have gone on cannot be said: {lack}.",
                        {"why": str(lack)})  # fmt: skip
    skipped = int((at_ns <= from_ns).sum())  # made before it was confirmed: they age the tool on both sides
    ways = Ways(replace(outlook, age=outlook.age + skipped), (int(counts.sum()),) * WAYS)
    there = [run for run in after if run.begin_ns <= to_ns]
    age = float((there[-1].at_ns <= to_ns).sum())
    share = ways.share(age)
    if kept is None:
        stays = (Spent(np.empty(0), 0.0, (), 0.0),) * WAYS
    else:
        # The tool that somebody took out early stays in: its share is in what `spent` says is used.
        goes_on = Ways(kept, (rest,) * WAYS)
        stays, share = tuple(goes_on.spent(PAIRED[way], None) for way in range(WAYS)), 0.0
    before = (old.at_ns > proof.state_ns, at_ns <= from_ns)
    return Span(
        from_ns=from_ns, cut_ns=next_ns, to_ns=to_ns, old=old, after=tuple(there),
        at_ns=at_ns[counts], bad=float(outside[seen].sum()),
        bad_before=float(_outside(old, trace)[before[0]].sum() + outside[before[1]].sum()),
        parts_before=int(before[0].sum() + before[1].sum()),
        without=tuple(ways.spent(way, None) for way in range(WAYS)), kept=stays,
        used=len(there) + share,
    )  # fmt: skip


def came_true(document: Recommendation, trace: Trace) -> tuple[bool, Words] | None:
    """Return whether the first part outside of its window came within the interval that was foretold.

    What comes sooner was not foretold either. None: that is not over yet, or the tool went out before it
    could show.
    """
    state_ns, foretold = document.proposal.proof.state_ns, document.proposal.forecast.in_s
    from_ns, until_ns = (state_ns + round(each * SECOND_NS) for each in (foretold.p10, foretold.p90))
    run = next((r for r in tool_runs(trace) if r.begin_ns <= state_ns < r.end_ns), None)
    if run is None:
        return None
    lower, upper = trace.subject.facts["lower"], trace.subject.facts["upper"]
    outside = ((run.values < lower) | (run.values > upper)) & (run.at_ns > state_ns)
    first = run.at_ns[outside]
    if len(first) and first[0] <= until_ns:
        after_min = round((int(first[0]) - state_ns) / SECOND_NS / 60)
        sooner = first[0] < from_ns
        text = f"The first part outside of its window came after {after_min} min"
        return not sooner, Words(
            code="tool_change.came_sooner" if sooner else "tool_change.came",
            text=f"{text}: sooner than was foretold." if sooner else f"{text}.",
            values={"minutes": after_min},
        )  # fmt: skip
    if trace.to_ns < until_ns or run.end_ns < until_ns:
        return None
    return False, Words(
        code="tool_change.did_not_come", text="No part lay outside of its window in that time."
    )


def _changed(
    runs: list[ToolRun], document: Recommendation, trace: Trace
) -> tuple[ToolRun, tuple[ToolRun, ...], int] | NotYet:
    """Return the tool that the advice is about, those that came after it until somebody changed one early,
    and when that was."""
    begin_ns = document.proposal.evidence[0].from_ns
    place = min(range(len(runs)), key=lambda each: abs(runs[each].begin_ns - begin_ns), default=-1)
    if place < 0 or abs(runs[place].begin_ns - begin_ns) > AROUND_NS or not runs[place].is_whole:
        text = "The life of the tool that it is about is not remembered: nothing can be compared."
        return _not_yet("forgotten", text, is_over=True)
    if runs[place].is_in:
        unit = trace.subject.unit
        return _not_yet("waits_change", f"{unit} has not said that another tool is in.", {"unit": unit})
    after: list[ToolRun] = []
    for run in runs[place + 1 :]:
        after.append(run)
        if run.parts < LIVED * trace.subject.facts["life_parts"]:
            return runs[place], tuple(after), run.end_ns
    return runs[place], tuple(after), runs[-1].end_ns


def _not_yet(
    code: str, text: str, values: dict[str, str | int | float] | None = None, until_ns: int = 0, *,
    is_over: bool = False,
) -> NotYet:  # fmt: skip
    says = Words(code=f"tool_change.{code}", text=text, values=values or {})
    return NotYet(says, until_ns=until_ns, is_over=is_over)


def _outside(run: ToolRun, trace: Trace) -> npt.NDArray[np.bool_]:
    """Return which of its parts (n,) lay outside of their window."""
    return np.asarray(
        (run.values < trace.subject.facts["lower"]) | (run.values > trace.subject.facts["upper"])
    )


def _bad(chances: FloatArray) -> FloatArray:
    """Return how many of some parts are bad, as DOTS equally likely numbers."""
    luck = ndtri((np.arange(DOTS) + 0.5) / DOTS)
    mean, sigma = chances.sum(), np.sqrt((chances * (1 - chances)).sum())
    return np.asarray(np.clip(mean + sigma * luck, 0.0, len(chances)))


def _how(trace: Trace, span: Span) -> Words:
    facts, parts = trace.subject.facts, len(span.at_ns)
    from_age, to_age = span.old.parts + 1, min(span.old.parts + parts, facts["life_parts"])
    found, theirs = [], {span.old.begin_ns, *(run.begin_ns for run in span.after)}
    for run in tool_runs(trace):
        if run.begin_ns in theirs or not run.is_whole or run.parts < LIVED * facts["life_parts"]:
            continue
        there = (run.ages >= from_age) & (run.ages <= to_age)
        found.append(int(np.sum(there & _outside(run, trace))))
    beside = "no tool to compare with"
    if found:
        beside = f"{np.mean(found):.1f} on {len(found)} tools that nobody changed early"
    without = float(np.mean([each.chances.sum() for each in span.without]))
    kept = float(np.mean([each.chances.sum() for each in span.kept]))
    cut = f" The next tool was changed early; had it stayed in, {kept:.1f} more." if kept else ""
    return Words(
        code="tool_change.measured",
        text=f"{span.bad:.0f} of {parts} parts were bad; with the old tool, and the next one after its life, "
        f"{without:.1f} would have been, by what was measured of it, over the same parts; at these ages "
        f"{beside}.{cut}",
        values={"bad": span.bad, "parts": parts, "without": without, "others": len(found),
                "others_bad": float(np.mean(found)) if found else 0.0, "kept": kept},
    )  # fmt: skip


def _observed(effect: Effect, measured: Range) -> Observed:
    said = effect.difference
    promised = Range(mean=said.mean, p10=said.p10, p90=said.p90)
    return Observed(indicator=effect.indicator, unit=effect.unit, promised=promised, measured=measured)
