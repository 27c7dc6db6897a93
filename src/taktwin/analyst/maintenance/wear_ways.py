"""The ways that a tool and the one after it may go, as a few that are equally likely; what each would scrap.

Comes in what the model knows of the tool that is in and of a fresh one, goes out the share of bad parts over
a span for any instant of a change. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taktwin.analyst.features import FloatArray
from taktwin.analyst.maintenance.degradation import Paths
from taktwin.analyst.maintenance.tool_wear import Outlook

WAYS = 8
# A fresh tool is as likely to be a bad one behind a good as behind a bad one: van der Corput's sequence.
PAIRED = (0, 4, 2, 6, 1, 5, 3, 7)
# And how much is to do has nothing to do with either: uncorrelated with both, no two of them near each other.
LOADED = (2, 6, 3, 1, 7, 4, 0, 5)


def strata(paths: Paths, ages: FloatArray, *, scale: float) -> FloatArray:
    """Return the chance of a bad part at ages (k,) in WAYS equally likely classes of tools, the best first.

    Each is the mean of its class, so that the mean over all of them is that of the model.
    """
    outside = paths.outside(ages, scale=scale)
    order = np.argsort(outside.sum(1), kind="stable")
    edges = np.concatenate([[0.0], np.cumsum(paths.weights[order])])
    edges /= edges[-1]
    found = np.empty((WAYS, len(ages)))
    for way in range(WAYS):
        low, high = way / WAYS, (way + 1) / WAYS
        inside = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0.0, None)
        found[way] = inside @ outside[order] / inside.sum()
    return found


@dataclass(frozen=True, slots=True)
class Spent:
    """What a span comes to in one way."""

    chances: FloatArray  # (parts,) of each part to be bad
    bad: float  # share of its parts that are bad
    changes: tuple[int, ...]  # after how many parts of the span a tool is changed
    used: float  # tools used up: each that went out whole, and the share of life of the one that is in


class Ways:
    """Tool, tool after tool, part by part, in each way."""

    def __init__(self, outlook: Outlook, parts: Sequence[int]) -> None:
        """Look at so many parts from now, in each way."""
        self.age, self.life, self.parts = int(outlook.age), int(outlook.life), tuple(parts)
        ages = np.arange(1, self.age + max(self.life, *parts) + 2, dtype=np.float64)
        self._present = strata(outlook.present, ages, scale=outlook.scale)
        self._fresh = strata(outlook.fresh, ages, scale=outlook.scale)[list(PAIRED)]
        mean = self._fresh.mean(0)
        gone = np.nonzero(1 - np.cumprod(1 - mean) >= 0.5)[0]
        self.useful = float(min(self.life, int(gone[0]) + 1 if len(gone) else self.life))

    def spent(self, way: int, change: int | None, *, by_life: bool = True) -> Spent:
        """Return what the span comes to if the tool is changed after so many parts; None: not by a decision.

        `by_life`: a tool that reaches its life is changed anyway.
        """
        parts = self.parts[way]
        ages = np.empty(parts, np.int64)
        fresh = np.zeros(parts, np.bool_)
        at, age, is_fresh, changes = 0, self.age, False, []
        while at < parts:
            left = max(self.life - age, 0) if by_life else parts
            until = min(parts, at + left)
            if change is not None and not is_fresh:
                until = min(until, max(change, at))
            ages[at:until] = age + 1 + np.arange(until - at)
            fresh[at:until] = is_fresh
            age += until - at
            at = until
            if at < parts:
                changes.append(at)
                age, is_fresh = 0, True
        bad = np.where(fresh, self._fresh[way][ages - 1], self._present[way][ages - 1])
        mean = float(bad.mean()) if parts else 0.0
        return Spent(bad, mean, tuple(changes), len(changes) + self.share(age))

    def share(self, age: float) -> float:
        """Return how much of a tool is used up that has made so many parts."""
        return min(age / self.useful, 1.0)

    def bad_within(self, parts: int) -> FloatArray:
        """Return how many of the next parts are bad in each way, if nothing is done."""
        last = min(self.age + parts, self._present.shape[1])
        return np.asarray(self._present[:, self.age : last].sum(1))
