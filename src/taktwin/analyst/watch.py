"""Whether a version in use still fits: by what came since it was learnt. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taktwin.analyst import drift, evaluate
from taktwin.analyst.features import Trace
from taktwin.analyst.model import Came, Distribution, Model, NotEnough
from taktwin.contracts.analyst import VersionDocument

LATEST = 20  # lives


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to look at. `number` counts looks at a version, from 1; 0: too little came yet."""

    number: int
    ranks: tuple[float, ...]


def look(kind: type[Model], model: Model, traces: Sequence[Trace], *, after_ns: int) -> Look:
    """Return the ranks of what came of the latest lives that began after an instant, by their beginning.

    A new look is there when a new life has begun, for then the one before it is over. The lives that are
    going on are looked at too, beside the latest that are over: among those that began last the short ones
    are over first, and alone they would look like drift.
    """
    found = [(trace, life) for trace in traces for life in evaluate.lives(kind, trace, after_ns=after_ns)]
    found.sort(key=lambda each: (each[1][0].life_ns, each[0].subject.id))
    going_on = len({trace.subject.id for trace, _ in found})
    number = max(0, len(found) - going_on - drift.RANKS_LEAST + 1)
    ranks = [rank(model, trace, life) for trace, life in found[-(LATEST + going_on) :]] if number else []
    return Look(number, tuple(each for each in ranks if each is not None))


def rank(model: Model, trace: Trace, life: Sequence[Came]) -> float | None:
    """Return where what came of a life lies in what was predicted at its first instant, 0 to 1: an even
    number as long as the model holds. None: nothing was predicted.

    At the first instant, for any later one is reached by those only that lived so long. Of a life that was
    ended early it is not known what would have come; it is drawn out of what the model said at the end, by
    the chances that are left. That is even too, also where the end was chosen by what was predicted, as
    advice chooses it: an even number between the rank of the end and one would not be, since a tool that goes
    soon is taken out soon. The draws follow from subject and beginning: the same data, the same ranks.

    Source: the randomised probability integral transform, Brockwell (2007), "Universal residuals"; imputation
    of what is censored out of its own predictive law, Rubin (1987).
    """
    first, last = life[0], life[-1]
    chance = [_even(f"{which}/{trace.subject.id}/{first.life_ns}") for which in ("end", "step")]
    try:
        left, value = _left(model, trace, first), first.value
        if not last.is_whole:
            value += _drawn(_left(model, trace, last), last.value, chance[0]) - last.value
    except NotEnough:
        return None
    low = left.happened(value - 1)
    most = len(left.survival) - 1
    high = left.happened(value) if value <= most else 1.0  # beyond, nothing is resolved
    return float(low + chance[1] * (high - low))


def _even(name: str) -> float:
    """Return an even number in [0, 1) that follows from a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def _left(model: Model, trace: Trace, came: Came) -> Distribution:
    left = model.predict(trace.until(came.at_ns)).detail.left
    assert isinstance(left, Distribution), "such a model says how much is left"
    return left


def _drawn(left: Distribution, least: float, chance: float) -> float:
    """Return how much is left in all, of what has not happened by `least`; one beyond the last if later."""
    before = left.happened(least)
    drawn = left.quantile(before + chance * (1.0 - before))
    return max(drawn, least + 1) if np.isfinite(drawn) else max(least, len(left.survival) - 1) + 1


def drifting(
    kind: type[Model], model: Model, about: VersionDocument, traces: Sequence[Trace], *, looked: int = 0
) -> tuple[int, str]:
    """Return the number of the latest look at a version, and why it is to be believed no longer, "" if
    nothing speaks against it, or nothing new came since the look `looked`."""
    found = look(kind, model, traces, after_ns=about.data_to_ns)
    if found.number <= looked:
        return looked, ""
    p = drift.ranks_drift(found.ranks)
    if p < drift.level(found.number):
        return (
            found.number,
            f"what came of its last {len(found.ranks)} lives lies where it rarely should (p {p:.2g})",
        )
    return found.number, ""
