"""What anybody would do without a model of wear, as distributions: what a model must beat.

`fixed_life`: every tool lives as the plant folder says. `earlier_tools`: as earlier tools lived (Kaplan and
Meier 1958, so that tools that came out in time count as such). `age_regression`: one line through all values
over age, the same for every tool. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtr

from taktwin.analyst.features import FloatArray, Subject, Trace
from taktwin.analyst.maintenance.tool_runs import tool_runs, whole
from taktwin.analyst.model import Distribution, NotEnough

AHEAD = 2.0  # lives that are looked ahead
PARTS_LEAST = 30  # of a tool that is learnt from


Predict = Callable[[Trace], Distribution]


def deviation(values: FloatArray, subject: Subject) -> FloatArray:
    """Return values as distances from the middle of their window, in half widths of it."""
    lower, upper = subject.facts["lower"], subject.facts["upper"]
    return (values - (lower + upper) / 2) / ((upper - lower) / 2)


def _age(trace: Trace) -> float:
    runs = tool_runs(trace)
    if not runs or not runs[-1].is_whole:
        raise NotEnough(f"{trace.subject.id}: how old the tool is has not been seen")
    return runs[-1].parts


def _steps(trace: Trace) -> int:
    return int(AHEAD * trace.subject.facts["life_parts"])


def fixed_life(_: Sequence[Trace]) -> Predict:
    """Return what predicts that a tool lives exactly its life."""

    def predict(trace: Trace) -> Distribution:
        left = max(1.0, trace.subject.facts["life_parts"] - _age(trace))
        return Distribution((np.arange(_steps(trace) + 1) < left).astype(np.float64))

    return predict


def earlier_tools(traces: Sequence[Trace]) -> Predict:
    """Return what predicts that a tool lives as earlier ones did that had reached its age."""
    lives: list[tuple[float, bool]] = []
    for trace in traces:
        facts = trace.subject.facts
        for run in whole(tool_runs(trace), least=1):
            first = run.leaves(facts["lower"], facts["upper"])
            lives.append((run.parts if first is None else first, first is not None))
    most = int(max((life for life, _ in lives), default=0)) + 1
    alive = np.ones(most + 1)
    for age in range(1, most + 1):
        at_risk = sum(life >= age for life, _ in lives)
        out = sum(life == age for life, is_out in lives if is_out)
        alive[age] = alive[age - 1] * (1 - out / at_risk if at_risk else 1.0)

    def predict(trace: Trace) -> Distribution:
        ages = np.minimum(_age(trace) + np.arange(_steps(trace) + 1), most).astype(np.int64)
        now = alive[ages[0]]
        return Distribution(alive[ages] / now if now > 0 else (np.arange(len(ages)) < 1).astype(np.float64))

    return predict


def age_regression(traces: Sequence[Trace]) -> Predict:
    """Return what predicts by one straight line over age for all tools, with its scatter."""
    ages, values = [], []
    for trace in traces:
        for run in whole(tool_runs(trace), least=PARTS_LEAST):
            ages.append(run.ages)
            values.append(deviation(run.values, trace.subject))
    if not ages:
        raise NotEnough("no tool that was seen from its beginning")
    x, z = np.concatenate(ages), np.concatenate(values)
    slope, level = np.polyfit(x, z, 1)
    sigma = float(np.std(z - level - slope * x))

    def predict(trace: Trace) -> Distribution:
        centre = level + slope * (_age(trace) + np.arange(1, _steps(trace) + 1))
        outside = ndtr((centre - 1) / sigma) + ndtr((-1 - centre) / sigma)
        return Distribution(np.concatenate([[1.0], np.cumprod(1 - outside)]))

    return predict


RIVALS = {"fixed life": fixed_life, "earlier tools": earlier_tools, "regression on age": age_regression}
