"""Learning on what was, judged on what came after: go in traces, comes out a version. Pure."""

from __future__ import annotations

import contextlib
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
FURTHER = 0.1  # of the time: so much more, for as long as too few lives are judged
SEED = 1
LIVES_LEAST = 5  # that were seen to their end: fewer say nothing about the error


def learnt(
    kind: type[Model], traces: Sequence[Trace], *, now_ns: int, learnt_from: str = ""
) -> tuple[VersionDocument, dict[str, Any]]:
    """Return a version that has learnt from all traces, with the error of ones that saw the first of them.

    The last HELD_OUT of the time is judged by what was learnt before it. Where that are fewer than
    LIVES_LEAST lives, the FURTHER before it is judged too, by what was learnt before that, and so on: no life
    by anything that has seen a part of it.

    `learnt_from`: which history that is, in words; "": the own one of the installation that learns.

    Raises
    ------
    NotEnough
        If there is too little to learn from.
    """
    model = kind.fit(traces, seed=SEED)
    from_ns, to_ns = span(traces)
    votes: list[float] = []
    judged, until_ns, held_out = 0, to_ns, HELD_OUT
    parts: dict[str, list[Score]] = {}
    while judged < LIVES_LEAST and held_out < 1.0:
        after_ns = to_ns - round(held_out * (to_ns - from_ns))
        seen = [trace.until(after_ns) for trace in traces]
        try:
            ways = {kind.name: evaluate.of_model(before := kind.fit(seen, seed=SEED))}
        except NotEnough:
            break
        for name, make in kind.rivals().items():
            with contextlib.suppress(NotEnough):
                ways[name] = make(seen)
        for name, predict in ways.items():
            score = evaluate.judged(name, predict, traces, kind=kind, after_ns=after_ns, until_ns=until_ns)
            parts.setdefault(name, []).append(score)
        some, ended = voted(before, traces, kind=kind, after_ns=after_ns, until_ns=until_ns)
        votes, judged = [*votes, *some], judged + ended
        until_ns, held_out = after_ns, held_out + FURTHER
    error = float(np.mean(votes)) if judged >= LIVES_LEAST else None
    scores = [evaluate.together(each) for each in parts.values()]
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


def voted(
    model: Model, traces: Sequence[Trace], *, kind: type[Model], after_ns: int, until_ns: int
) -> tuple[list[float], int]:
    """Return how far the median was from what came, as a share of what a subject's `whole` is, of each life
    that says so; and how many of them were seen to their end.

    Of lives that began after an instant, and not after another one. Each has one vote, the mean of its
    instants: those of one life hang together. A lower bound says something only where the median lies below
    it, and then that it was off by at least so much; where it does not, nobody knows, and it has no vote.
    """
    votes: list[float] = []
    seen = 0
    for trace in traces:
        whole = kind.whole(trace.subject)
        for life in evaluate.lives(kind, trace, after_ns=after_ns, until_ns=until_ns):
            errors = []
            for at_ns, value, is_whole, _ in life:
                try:
                    told = model.predict(trace.until(at_ns)).median
                except NotEnough:
                    continue
                if is_whole or told < value:
                    errors.append(min(abs(told - value), whole) / whole)
            if errors:
                votes.append(float(np.mean(errors)))
                seen += life[0].is_whole
    return votes, seen


def _document(score: Score) -> ScoreDocument:
    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    return ScoreDocument(
        name=score.name, predictions=score.predictions, whole=score.whole, crps=known(score.crps),
        coverage=known(score.coverage), pinball=known(score.pinball), bias=known(score.bias),
    )  # fmt: skip
