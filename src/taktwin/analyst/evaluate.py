"""How good predictions are, on what the model has not seen: scores of distributions, and of whole back-tests.

A tool that is changed before its characteristic leaves the window has told that it would have lived at least
so long, and no more. Such outcomes are scored as far as they go: the score of min(remaining, what was seen),
which no dishonest prediction improves. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from taktwin.analyst.features import FloatArray, Trace
from taktwin.analyst.model import Came, Distribution, Model, NotEnough, Prediction

Predict = Callable[[Trace], Distribution]
LATEST_NS = 1 << 62


def crps(left: Distribution, value: float, *, is_whole: bool) -> float:
    """Return the continuous ranked probability score in the unit of the values; 0 is perfect.

    Source: Gneiting and Raftery (2007); over integers the integral is a sum. With `is_whole` False the value
    is a lower bound and both sides are cut there.
    """
    cdf = 1.0 - np.asarray(left.survival)
    last = int(value) if not is_whole else max(int(value), len(cdf)) - 1
    steps = np.arange(last + 1 if is_whole else last)
    predicted = cdf[np.minimum(steps, len(cdf) - 1)]
    return float(np.sum((predicted - (steps >= value)) ** 2))


def pinball(quantile: float, value: float, level: float) -> float:
    """Return the loss of a quantile: what is minimised by saying the true one."""
    return (level - (value < quantile)) * (value - quantile)


def covered(
    left: Distribution, value: float, *, is_whole: bool, low: float = 0.1, high: float = 0.9
) -> float:
    """Return whether a value lies between two quantiles, by its rank; a lower bound counts for the share that
    the rest of the distribution has between them."""
    at, before = left.happened(value), left.happened(value - 1)
    if is_whole:  # the rank of an integer is spread over its step
        return _overlap(before, at, low, high)
    return _overlap(at, 1.0, low, high)


def _overlap(begin: float, end: float, low: float, high: float) -> float:
    if end - begin < 1e-12:
        return float(low <= begin <= high)
    return max(0.0, min(end, high) - max(begin, low)) / (end - begin)


@dataclass(frozen=True, slots=True)
class Score:
    """What predictions came to."""

    name: str
    predictions: int
    subjects: int
    whole: int  # of the predictions: the outcome was seen, and is no lower bound
    crps: float
    coverage: float  # of the 80 % interval
    pinball: float  # mean of 10, 50 and 90 %, of outcomes that were seen
    bias: float  # mean of median less outcome, of outcomes that were seen


def together(scores: Sequence[Score]) -> Score:
    """Return the score of predictions that were judged in several parts, of the same name."""

    def mean(name: str, of: str) -> float:
        parts = [(getattr(each, name), getattr(each, of)) for each in scores if getattr(each, of)]
        counts = [count for _, count in parts]
        return float(np.average([value for value, _ in parts], weights=counts)) if parts else float("nan")

    return Score(
        scores[0].name, sum(each.predictions for each in scores), max(each.subjects for each in scores),
        sum(each.whole for each in scores), mean("crps", "predictions"), mean("coverage", "predictions"),
        mean("pinball", "whole"), mean("bias", "whole"),
    )  # fmt: skip


def lives(kind: type[Model], trace: Trace, *, after_ns: int, until_ns: int = LATEST_NS) -> list[list[Came]]:
    """Return what came of each life that began after an instant: of what was learnt until then, no part.

    By life and not by instant, and of each trace by itself: what was seen of the beginning of a life tells of
    its end, and a machine that stands says nothing about another one.
    """
    by_life = groupby(kind.outcomes(trace), key=lambda each: each.life_ns)
    return [list(life) for life_ns, life in by_life if after_ns < life_ns <= until_ns]


def judged(
    name: str, predict: Predict, traces: Sequence[Trace], *, kind: type[Model], after_ns: int,
    until_ns: int = LATEST_NS,
) -> Score:  # fmt: skip
    """Return how good predictions are at all instants with an outcome, of lives begun after `after_ns`, and
    not after `until_ns`."""
    scores: list[float] = []
    cover: list[float] = []
    losses: list[float] = []
    errors: list[float] = []
    whole, subjects = 0, set()
    for trace in traces:
        came = [each for life in lives(kind, trace, after_ns=after_ns, until_ns=until_ns) for each in life]
        for at_ns, value, is_whole, _ in came:
            try:
                left = predict(trace.until(at_ns))
            except NotEnough:
                continue
            subjects.add(trace.subject.id)
            scores.append(crps(left, value, is_whole=is_whole))
            cover.append(covered(left, value, is_whole=is_whole))
            if is_whole:
                whole += 1
                most = float(len(left.survival))
                told = [min(left.quantile(level), most) for level in (0.1, 0.5, 0.9)]
                loss = [pinball(q, value, p) for q, p in zip(told, (0.1, 0.5, 0.9), strict=True)]
                losses.append(sum(loss) / len(loss))
                errors.append(float(told[1] - value))
    return Score(
        name, len(scores), len(subjects), whole, _mean(scores), _mean(cover), _mean(losses), _mean(errors)
    )  # fmt: skip


def of_model(model: Model) -> Predict:
    """Return what predicts with a model whose detail has `left`."""

    def predict(trace: Trace) -> Distribution:
        made: Prediction = model.predict(trace)
        left = made.detail.left
        assert isinstance(left, Distribution), "such a model says how much is left"
        return left

    return predict


def _mean(values: Sequence[float] | FloatArray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
