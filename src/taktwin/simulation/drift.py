"""Whether what is seen lately still comes from what was fitted: the question before a refit.

Comes in the sample that was fitted and a recent one, goes out how often chance alone makes two such
samples as different. The likelihood of one distribution for both is held against that of two; what the
ratio is under chance is not taken from a table for large samples but by mixing the durations of both anew,
which holds for any number of them. So the rate of false alarms is the level asked for, censored or not,
as long as both were censored in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from taktwin.errors import DomainError
from taktwin.simulation.distributions import Distribution, FloatArray
from taktwin.simulation.fitting import Draw, Sample, greatest_likelihood


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the recent sample lies from the fitted one."""

    ratio: float  # twice the gain in log-likelihood of two distributions over one
    p: float
    mean_ratio: float  # recent over before, of the mean duration
    n_before: int
    n_recent: int


def drift(
    distribution: Distribution, before: Sample, recent: Sample, draw: Draw, *, mixings: int = 199
) -> Drift:
    """Return how far `recent` has drifted from `before`, in the family of `distribution`.

    Parameters
    ----------
    distribution : what was fitted; its family is the one that both are held against
    draw : returns that many even numbers in [0, 1)
    mixings : times that the durations are dealt anew; the smallest p is 1 / (mixings + 1)

    Raises
    ------
    DomainError
        If either has fewer than two ended durations, or one of them is 0: nothing can be told then.
    """
    for sample in (before, recent):
        if len(sample.ended_s) < 2 or min(sample.ended_s) <= 0:
            raise DomainError(
                f"{len(sample.ended_s)} ended durations, too few or 0 s among them: expected 2, all above 0"
            )
    values = np.array([*before.ended_s, *before.running_s, *recent.ended_s, *recent.running_s])
    ends = np.repeat(
        [True, False, True, False],
        [len(before.ended_s), len(before.running_s), len(recent.ended_s), len(recent.running_s)],
    )
    n = len(before.ended_s) + len(before.running_s)

    def apart(order: FloatArray) -> tuple[float, float]:
        x, e = values[order.astype(np.int64)], ends[order.astype(np.int64)]
        reached, means = 0.0, []
        for part in (slice(None, n), slice(n, None)):
            if not e[part].any():
                return 0.0, 1.0  # all that ended fell to the other side: nothing says that they differ
            likelihood, mean = greatest_likelihood(distribution, x[part][e[part]], x[part][~e[part]])
            reached += likelihood
            means.append(mean)
        return reached, means[1] / means[0]

    seen, mean_ratio = apart(np.arange(len(values), dtype=np.float64))
    one, _ = greatest_likelihood(distribution, values[ends], values[~ends])
    as_far = sum(
        apart(np.argsort(draw(len(values)), kind="stable").astype(np.float64))[0] >= seen - 1e-9
        for _ in range(mixings)
    )
    return Drift(
        2 * (seen - one), (1 + as_far) / (1 + mixings), mean_ratio, len(before.ended_s), len(recent.ended_s)
    )


def alarms(drifts: Mapping[str, Drift], *, level: float = 0.05) -> tuple[str, ...]:
    """Return the names that have drifted, so that all of them together give a false alarm at `level` at most.

    Source: Holm's step-down of Bonferroni. Who asks about a hundred parameters at 5 % each hears five alarms
    a night of a plant in which nothing has changed.
    """
    found = []
    by_p = sorted(drifts, key=lambda name: (drifts[name].p, name))
    for place, name in enumerate(by_p):
        if drifts[name].p > level / (len(by_p) - place):
            break
        found.append(name)
    return tuple(found)
