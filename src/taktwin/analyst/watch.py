"""Whether a version in use still fits: its latest outcomes and its latest inputs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from taktwin.analyst import drift
from taktwin.analyst.features import Trace
from taktwin.analyst.model import Distribution, Model, NotEnough
from taktwin.contracts.analyst import VersionDocument

LATEST = 20  # outcomes


def latest_ranks(kind: type[Model], model: Model, traces: Sequence[Trace], *, from_ns: int) -> list[float]:
    """Return the ranks of what came since an instant in what was predicted, one of each life, oldest first.

    Outcomes of one life hang together; the one in the middle of it speaks for all. What is a lower bound
    only is left out.
    """
    ranks: list[tuple[int, float]] = []
    for trace in traces:
        for life in _lives(kind.outcomes(trace)):
            at_ns, value, is_whole = life[len(life) // 2]
            if life[0][0] <= from_ns or not is_whole:
                continue
            try:
                left = model.predict(trace.until(at_ns)).detail.left
            except NotEnough:
                continue
            assert isinstance(left, Distribution), "such a model says how much is left"
            ranks.append((at_ns, (left.happened(value - 1) + left.happened(value)) / 2))
    return [rank for _, rank in sorted(ranks)][-LATEST:]


def _lives(outcomes: Sequence[tuple[int, float, bool]]) -> list[list[tuple[int, float, bool]]]:
    """Return outcomes by life: within one, what is left falls."""
    found: list[list[tuple[int, float, bool]]] = []
    for each in outcomes:
        if not found or each[1] >= found[-1][-1][1]:
            found.append([])
        found[-1].append(each)
    return found


def drifting(kind: type[Model], model: Model, about: VersionDocument, traces: Sequence[Trace]) -> str:
    """Return why a version is to be believed no longer, "" if nothing speaks against it."""
    ranks = latest_ranks(kind, model, traces, from_ns=about.data_to_ns)
    p = drift.ranks_drift(ranks)
    if p < drift.LEVEL:
        return f"its last {len(ranks)} outcomes lie where they rarely should (p {p:.2g})"
    return ""
