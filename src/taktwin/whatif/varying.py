"""By how much the shifts of a unit differ beyond chance: comes in what it did, go out spreads of levels.

Scrap comes in bursts, where a lot is bad or a tool worn, and air sags for days: what parts of one shift have
in common, a draw for each part by itself does not have, and a prediction without it is too sure. A spread is
the standard deviation of the level of a shift over its mean, by moments: what is left of the variance
between shifts once that of the parts within them is taken out. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taktwin.instants import SECOND_NS
from taktwin.simulation.distributions import FloatArray
from taktwin.whatif.observe import Seen

WINDOW_NS = 8 * 3600 * SECOND_NS  # a shift, or as long as one
WINDOWS_MIN = 5
PARTS_MIN = 20  # of a window, below which it tells nothing of a level


def spread_of_means(groups: Sequence[FloatArray]) -> float:
    """Return the spread of the levels of groups of values, relative to their mean; 0: chance explains it.

    Source: the estimator of DerSimonian and Laird, Controlled Clinical Trials 7 (1986), of the variance
    between groups.
    """
    means = np.array([group.mean() for group in groups])
    within = np.array([group.var(ddof=1) / len(group) for group in groups])
    if (within <= 0).any():
        return float(means.std(ddof=1) / means.mean())
    weights = 1 / within
    middle = float(weights @ means / weights.sum())
    q = float(weights @ (means - middle) ** 2)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    return float(np.sqrt(max(0.0, (q - (len(groups) - 1)) / scale)) / middle)


def spread_of_counts(bad: npt.NDArray[np.int64], parts: npt.NDArray[np.int64]) -> float:
    """Return the spread of the shares of groups, relative to their mean; 0: chance explains it."""
    share = bad.sum() / parts.sum()
    if share <= 0 or share >= 1:
        return 0.0
    expected = parts * share
    chance = expected * (1 - share)
    between = float(((bad - expected) ** 2 - chance).sum() / (expected**2).sum())
    return float(np.sqrt(max(0.0, between)))


def work_spread(seen: Seen) -> tuple[float, int] | None:
    """Return the spread of a unit's pace between shifts, and of how many; None: too few."""
    at_ns: list[npt.NDArray[np.int64]] = []
    ratios: list[FloatArray] = []
    for cycles in seen.cycles.values():
        work = np.array(cycles.work_s) / np.maximum(np.array(cycles.parts), 1)
        if len(work) < PARTS_MIN:
            continue
        # One that was told late says nothing of a level: what lies far out is cut off.
        middle = float(np.median(work))
        if middle > 0:
            at_ns.append(np.array(cycles.at_ns, np.int64))
            ratios.append(np.clip(work / middle, 0.5, 2.0))
    if not ratios:
        return None
    window = np.concatenate(at_ns) // WINDOW_NS
    values = np.concatenate(ratios)
    groups = [values[window == each] for each in np.unique(window)]
    groups = [group for group in groups if len(group) >= PARTS_MIN]
    return (spread_of_means(groups), len(groups)) if len(groups) >= WINDOWS_MIN else None


def scrap_spread(seen: Seen) -> tuple[float, int] | None:
    """Return the spread of a unit's share of scrap between shifts, and of how many; None: too few."""
    counts = seen.counts
    if not counts.at_ns:
        return None
    window = np.array(counts.at_ns, np.int64) // WINDOW_NS
    parts, bad = np.array(counts.parts, np.int64), 1 - np.array(counts.is_good, np.int64)
    places, inverse = np.unique(window, return_inverse=True)
    of_all = np.bincount(inverse, parts, len(places)).astype(np.int64)
    of_bad = np.bincount(inverse, parts * bad, len(places)).astype(np.int64)
    told = of_all >= PARTS_MIN
    if told.sum() < WINDOWS_MIN or not of_bad.sum():
        return None
    return spread_of_counts(of_bad[told], of_all[told]), int(told.sum())
