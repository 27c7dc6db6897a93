"""Learning on what was, judged on what came after: go in traces, comes out a version. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from taktwin.analyst import evaluate
from taktwin.analyst.evaluate import Score
from taktwin.analyst.features import Trace
from taktwin.analyst.model import Model, NotEnough
from taktwin.contracts.analyst import ScoreDocument, VersionDocument

HELD_OUT = 0.3  # of the time: the last of it, for judging
SEED = 1
WHOLE_LEAST = 5  # outcomes that are no lower bounds: fewer say nothing about the error


def learnt(
    kind: type[Model], traces: Sequence[Trace], *, now_ns: int, learnt_from: str = ""
) -> tuple[VersionDocument, dict[str, Any]]:
    """Return a version that has learnt from all traces, with the error of one that saw the first of them.

    `learnt_from`: which history that is, in words; "": the own one of the installation that learns.

    Raises
    ------
    NotEnough
        If there is too little to learn from.
    """
    model = kind.fit(traces, seed=SEED)
    from_ns, to_ns = span(traces)
    scores: list[Score] = []
    error, judged = None, 0
    cut_ns = to_ns - round(HELD_OUT * (to_ns - from_ns))
    seen = [trace.until(cut_ns) for trace in traces]
    try:
        before = kind.fit(seen, seed=SEED)
    except NotEnough:
        before = None
    if before is not None:
        unseen_ns = max(evaluate.unseen_from_ns(trace, cut_ns) for trace in traces)
        scores.append(
            evaluate.judged(kind.name, evaluate.of_model(before), traces, kind=kind, from_ns=unseen_ns)
        )
        for name, make in kind.rivals().items():
            try:
                scores.append(evaluate.judged(name, make(seen), traces, kind=kind, from_ns=unseen_ns))
            except NotEnough:
                continue
        error, judged = relative_error(before, traces, kind=kind, from_ns=unseen_ns)
    about = VersionDocument(
        model=kind.name, version="", stage="shadow", code_version=kind.code_version, data_from_ns=from_ns,
        data_to_ns=to_ns, made_ns=now_ns, error=error, judged=judged,
        scores=[_document(each) for each in scores], purpose=kind.card.purpose, not_for=kind.card.not_for,
        owner=kind.card.owner, source=kind.card.source,
        learnt_from=learnt_from,
    )  # fmt: skip
    return about, model.state()


def span(traces: Sequence[Trace]) -> tuple[int, int]:
    """Return from when to when traces say anything."""
    begins = [int(column.at_ns[0]) for trace in traces for column in trace.columns.values() if len(column)]
    return min(begins, default=0), max((trace.to_ns for trace in traces), default=0)


def relative_error(
    model: Model, traces: Sequence[Trace], *, kind: type[Model], from_ns: int
) -> tuple[float | None, int]:
    """Return the mean distance of the median from what came, as a share of what a subject's `whole` is.

    An outcome that is a lower bound counts as far as the median is below it. None
    where fewer than WHOLE_LEAST outcomes came: lower bounds alone do not tell when anything happens.
    """
    errors = []
    seen = 0
    for trace in traces:
        whole = kind.whole(trace.subject)
        for at_ns, value, is_whole in kind.outcomes(trace):
            if at_ns < from_ns:
                continue
            try:
                told = model.predict(trace.until(at_ns)).median
            except NotEnough:
                continue
            seen += is_whole
            if is_whole:
                errors.append(min(abs(told - value), whole) / whole)
            else:
                errors.append(max(0.0, value - told) / whole)
    return (float(np.mean(errors)) if seen >= WHOLE_LEAST else None), seen


def _document(score: Score) -> ScoreDocument:
    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    return ScoreDocument(
        name=score.name, predictions=score.predictions, whole=score.whole, crps=known(score.crps),
        coverage=known(score.coverage), pinball=known(score.pinball), bias=known(score.bias),
    )  # fmt: skip
