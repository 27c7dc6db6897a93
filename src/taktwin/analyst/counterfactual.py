"""The measured span played again on the twin: without the action, and as it really was. Pure.

It begins with the state of the plant when the action was proven, in the same picture. What really happened
elsewhere happens again on both sides: each work unit stands when it really stood, and nothing fails by
chance. So what is left between the two is the action: its figures are differences, run by run, with the
same luck.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import pyarrow as pa

from taktwin.analyst import proving
from taktwin.analyst.proposal import Ahead, Course, Lived
from taktwin.contracts.recommendation import Effect, Observed, Outcome, Range, Recommendation, Words
from taktwin.contracts.whatif import CHANGES_MAX, Change, Comparison, Question, Scenario
from taktwin.instants import SECOND_NS
from taktwin.standards.iso22400 import TimeClass

NO_CHANCE: Change = {"change": "uptime_set", "center": "@all", "share": 1.0}


def lived(
    intervals: pa.Table, unit: str, group: Sequence[str], *, from_ns: int, to_ns: int,
    units: Collection[str],
) -> Lived:  # fmt: skip
    """Return what really happened in a span.

    Parameters
    ----------
    intervals : of work units, as the history has them: `unit`, `from_ns`, `to_ns`, `time_class`
    group : the units that stand in for `unit`, itself included
    units : those whose stops count
    """
    columns = (intervals[name].to_pylist() for name in ("unit", "from_ns", "to_ns", "time_class"))
    spans = [
        (name, max(begin, from_ns), min(to_ns if end is None else end, to_ns), kind)
        for name, begin, end, kind in zip(*columns, strict=True)
    ]
    spans = sorted(each for each in spans if each[1] < each[2])
    work = Ahead.of(spans, unit, group, at_ns=from_ns, end_ns=to_ns)
    stood = tuple(
        (who, begin, end) for who, begin, end, kind in spans if kind == TimeClass.DELAY_OWN and who in units
    )
    return Lived(work=work, stops=stood)


def question(
    courses: tuple[Course, Course], known: Lived, document: Recommendation, *, deadline_s: float
) -> Question:
    """Return what the twin is asked: the span without the action, in each way, and as it really was."""
    without, done = courses
    elsewhere = [
        NO_CHANCE,
        *({"change": "unit_down", "unit": who, "from_s": begin, "to_s": end}
          for who, begin, end in stops(courses, known, document)),
    ]  # fmt: skip
    scenarios = [
        Scenario(name=f"{without.name}/{way}", changes=[*elsewhere, *changes])
        for way, changes in enumerate(without.changes)
    ]
    scenarios += [
        Scenario(name=f"{done.name}/{way}", changes=[*elsewhere, *changes], against=f"{without.name}/{way}")
        for way, changes in enumerate(done.changes)
    ]
    names = {each.indicator for each in document.proposal.effects} - {proving.LOSS}
    work = known.work
    return Question(
        scenarios=scenarios, horizon_s=(work.end_ns - work.at_ns) / SECOND_NS, replications=proving.RUNS,
        seed=document.proposal.proof.seed, deadline_s=deadline_s, at_ns=work.at_ns, indicators=sorted(names),
    )  # fmt: skip


def stops(
    courses: tuple[Course, Course], known: Lived, document: Recommendation
) -> list[tuple[str, float, float]]:
    """Return the stops that happen on both sides, unit and from and to in seconds: of more than a question
    holds the longest, and not those for the action itself, by which the two sides differ."""
    without, done = courses
    unit = document.proposal.work_unit
    own = [
        (change["from_s"], change["to_s"])
        for each in done.changes for change in each if change.get("unit") == unit
    ]  # fmt: skip
    found = [
        (who, begin, end)
        for who, begin, end in ((who, *known.work.seconds(*span)) for who, *span in known.stops)
        if who != unit or not any(begin < to_s and from_s < end for from_s, to_s in own)
    ]
    most = CHANGES_MAX - 1 - max(len(each) for each in (*without.changes, *done.changes))
    return sorted(sorted(found, key=lambda stop: stop[1] - stop[2])[:most])


def told(
    found: Outcome, courses: tuple[Course, Course], known: Lived, document: Recommendation, answer: Comparison
) -> Outcome:
    """Return a measured effect with what the twin says that it meant for the plant."""
    without, done = courses
    ways = len(without.changes)
    played = proving.figures(answer, done.name, without.name, ways)
    there = {each.indicator for each in found.observed_effect}
    more = []
    for effect in document.proposal.effects:
        again = played.get(effect.indicator)
        if again is None or effect.indicator in there:
            continue
        more.append(Observed(
            indicator=effect.indicator, unit=effect.unit, promised=_range(effect), measured=_range(again),
        ))  # fmt: skip
    how, happened = found.measured_how, len(stops(courses, known, document))
    beside = {name: played[name].difference.mean for name in sorted(there & set(played))}
    checks = "".join(f" It finds {mean:+.3g} of {name}." for name, mean in beside.items())
    text = (
        f"{how.text} The twin played the plant again from the state of the proof, without it and with it, "
        f"with {happened} stops that really were.{checks}"
    )
    values = {**how.values, **{f"again_{name}": mean for name, mean in beside.items()}, "stops": happened}
    return msgspec.structs.replace(
        found, observed_effect=[*found.observed_effect, *more], counterfactual_id=answer.scenario_id,
        measured_how=Words(code=f"{how.code}_again", text=text, values=values),
    )  # fmt: skip


def untold(found: Outcome, why: str) -> Outcome:
    """Return a measured effect for which the twin did not play the plant again, with the reason."""
    how = found.measured_how
    return msgspec.structs.replace(found, measured_how=Words(
        code=how.code, text=f"{how.text} The plant was not played again: {why}.",
        values={**how.values, "why": why},
    ))  # fmt: skip


def _range(effect: Effect) -> Range:
    said = effect.difference
    return Range(mean=said.mean, p10=min(said.p10, said.mean), p90=max(said.p90, said.mean))
