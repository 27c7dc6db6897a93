"""Proof on the twin: a trial becomes one question of what-if, and its answer a verdict. Pure.

Each course is asked about in each of k ways that the unknown may be, beside doing nothing in the same way and
with the same luck in every run. So a difference has three causes only: what is done, how the tool really is
(between the k ways) and chance (within each); both of the latter are in the interval. A course is proposed if
its gain is beyond both, also when the most lucky of several is looked for (Bonferroni), and no guard is hurt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from taktwin.analyst.features import FloatArray
from taktwin.analyst.proposal import NOTHING, Course, Trial
from taktwin.contracts import recommendation as advice
from taktwin.contracts.recommendation import Alternative
from taktwin.contracts.whatif import Comparison, Question, Scenario, Spread
from taktwin.contracts.whatif import Effect as Seen

RUNS = 12  # of each course in each way
SEED = 1
DOTS = 20
LOSS = "loss"
GUARDS = ("parts_done", "late_orders")
BETTER_LEAST = 0.75  # of the likely outcomes
Z95 = 1.959964
UNMOVED: tuple[dict[str, object], ...] = ({"change": "pace_scaled", "center": "@all", "times": 1.0},)


def question(trial: Trial, *, deadline_s: float, at_ns: int = 0) -> Question:
    """Return what the twin is asked."""
    scenarios = [
        Scenario(
            name=f"{course.name}/{way}", changes=list(changes or UNMOVED),
            against="" if course.name == NOTHING else f"{NOTHING}/{way}",
        )
        for course in trial.courses
        for way, changes in enumerate(course.changes)
    ]  # fmt: skip
    return Question(
        scenarios=scenarios, horizon_s=trial.horizon_s, replications=RUNS, seed=SEED, deadline_s=deadline_s,
        at_ns=at_ns, indicators=sorted({*trial.weights, *GUARDS}),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Ways:
    """A course in all ways, as the question names them."""

    name: str
    ways: int

    @property
    def scenarios(self) -> list[str]:
        return [f"{self.name}/{way}" for way in range(self.ways)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a trial."""

    alternatives: tuple[Alternative, ...]  # as the ledger keeps them, doing nothing among them
    chosen: Course | None  # None: nothing is better than doing nothing beyond chance
    why: str  # in a sentence


def verdict(trial: Trial, answer: Comparison) -> Verdict:
    """Return the best course that is beyond chance better than doing nothing.

    Raises
    ------
    KeyError
        If the answer is not one to this trial's question.
    """
    of = {(each.name, effect.scenario): effect for each in answer.indicators for effect in each.effects}
    units = {each.name: (each.unit, each.more_is_better) for each in answer.indicators}
    nothing, *others = trial.courses
    z = _z(len(others))
    told = [
        Alternative(
            name=NOTHING, says=nothing.says, effects=[], replications=_runs(of, nothing), significant=False
        )
    ]
    best: tuple[float, Course] | None = None
    refused: list[str] = []
    for course in others:
        loss = _loss(trial, course, nothing, of)
        mine, other = (_Ways(each.name, len(each.changes)) for each in (course, nothing))
        names = sorted({*trial.weights, *GUARDS})
        effects = [loss, *(_figure(name, mine, other, of, units) for name in names)]
        hurt = [e.indicator for e in effects[1:] if e.indicator in GUARDS and _hurts(e)]
        gain, half = -loss.difference.mean, loss.difference.half_width * z / Z95
        is_sure = gain - half > 0 and gain >= trial.least_gain and loss.better >= BETTER_LEAST and not hurt
        told.append(Alternative(name=course.name, says=course.says, effects=effects,
                                replications=_runs(of, course), significant=is_sure))  # fmt: skip
        if is_sure and course.action is not None and (best is None or gain > best[0]):
            best = gain, course
        elif not is_sure:
            won = f"gains {_figure_of(gain)} ± {_figure_of(half)} {trial.unit}"
            reason = f"hurts {', '.join(hurt)}" if hurt else won
            refused.append(f"{course.name} {reason}")
    if best is None:
        return Verdict(tuple(told), None, f"nothing is better beyond chance: {'; '.join(refused)}")
    return Verdict(tuple(told), best[1], f"{best[1].name} gains {_figure_of(best[0])} {trial.unit}")


def figures(answer: Comparison, course: str, against: str, ways: int) -> dict[str, advice.Effect]:
    """Return each figure that was asked for, of a course beside another one, over all ways."""
    of = {(each.name, effect.scenario): effect for each in answer.indicators for effect in each.effects}
    units = {each.name: (each.unit, each.more_is_better) for each in answer.indicators}
    mine, other = _Ways(course, ways), _Ways(against, ways)
    return {name: _figure(name, mine, other, of, units) for name in units}


def _figure_of(value: float) -> str:
    """Return a figure as a person reads it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _z(tried: int) -> float:
    """Return the quantile of the normal distribution for 95 % in both directions over all that are tried."""
    return float(-ndtri(0.025 / max(tried, 1)))


def _runs(of: dict[tuple[str, str], Seen], course: Course) -> int:
    return sum(
        next(each.replications for (_, name), each in of.items() if name == f"{course.name}/{way}")
        for way in range(len(course.changes))
    )


def _loss(trial: Trial, course: Course, nothing: Course, of: dict[tuple[str, str], Seen]) -> advice.Effect:
    """Return the figure that decides: what the twin counts by what it costs, and what it does not count."""
    mine, theirs, less, means, halves = [], [], [], [], []
    for way, cost in enumerate(course.costs):
        first, half = 0.0, 0.0
        dots = [np.zeros(DOTS), np.zeros(DOTS), np.zeros(DOTS)]
        for name, weight in trial.weights.items():
            action, without = of[name, f"{course.name}/{way}"], of[name, f"{NOTHING}/{way}"]
            for place, spread in enumerate((action.outcome, without.outcome, action.difference)):
                dots[place] = dots[place] + weight * np.sort(spread.dots)
            first += weight * action.difference.mean
            half += abs(weight) * action.difference.half_width
        mine.append(dots[0] + cost)
        theirs.append(dots[1] + nothing.costs[way])
        less.append(dots[2] + cost - nothing.costs[way])
        means.append(first + cost - nothing.costs[way])
        halves.append(half)
    difference = _pooled(less, means, halves)
    all_less = np.concatenate(less)
    return advice.Effect(
        indicator=LOSS, unit=trial.unit, more_is_better=False, nothing=_pooled(theirs), action=_pooled(mine),
        difference=difference, better=float(np.mean(all_less < 0)), same=float(np.mean(all_less == 0)),
        worse=float(np.mean(all_less > 0)),
    )  # fmt: skip


def _figure(
    name: str, course: _Ways, against: _Ways, of: dict[tuple[str, str], Seen],
    units: dict[str, tuple[str, bool | None]],
) -> advice.Effect:  # fmt: skip
    """Return a figure of the twin over all ways."""
    action = [of[name, each] for each in course.scenarios]
    without = [of[name, each] for each in against.scenarios]
    unit, more = units[name]
    return advice.Effect(
        indicator=name, unit=unit, more_is_better=bool(more),
        nothing=_pooled([np.array(e.outcome.dots) for e in without]),
        action=_pooled([np.array(e.outcome.dots) for e in action]),
        difference=_pooled(
            [np.array(e.difference.dots) for e in action], [e.difference.mean for e in action],
            [e.difference.half_width for e in action],
        ),
        better=float(np.mean([e.better for e in action])), same=float(np.mean([e.same for e in action])),
        worse=float(np.mean([e.worse for e in action])),
    )  # fmt: skip


def _hurts(effect: advice.Effect) -> bool:
    difference = effect.difference.mean * (1 if effect.more_is_better else -1)
    return difference + effect.difference.half_width < 0 and effect.worse > effect.better


def _pooled(
    dots: Sequence[FloatArray], means: Sequence[float] | None = None, halves: Sequence[float] | None = None
) -> Spread:
    """Return the mixture of k equally likely ways; the half-width is that of its mean, ways and runs
    together."""
    values = np.sort(np.concatenate(dots))
    centres = np.array([float(np.mean(each)) for each in dots] if means is None else means)
    k = len(centres)
    between = float(np.var(centres, ddof=1)) if k > 1 else 0.0
    within = float(np.mean(np.square(np.zeros(k) if halves is None else np.array(halves) / Z95)))
    half = Z95 * math.sqrt((between + within) / k)
    p10, p25, p50, p75, p90 = (float(x) for x in np.quantile(values, (0.1, 0.25, 0.5, 0.75, 0.9)))
    levels = (np.arange(DOTS) + 0.5) / DOTS
    return Spread(
        mean=float(centres.mean()), half_width=half, p10=p10, p25=p25, p50=p50, p75=p75, p90=p90,
        dots=np.quantile(values, levels, method="inverted_cdf").tolist(),
    )  # fmt: skip
