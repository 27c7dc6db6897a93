"""What can be said of replications: how sure a mean is, when there are enough, who is out, who is best.

Comes in: (n,) or (scenarios, n) values, one column a replication. Everything that compares does it pair by
pair, replication by replication, which is right for common random numbers and for any others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from taktwin.errors import DomainError
from taktwin.simulation import streams

FloatArray = npt.NDArray[np.float64]
LEVEL = 0.95  # of all intervals, unless another is said
RESAMPLES = 1000


def _beta_share(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, by its continued fraction after Lentz."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    whole = d
    for m in range(1, 1000):
        for even in (True, False):
            if even:
                term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            else:
                term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / c
            c = c if abs(c) > tiny else tiny
            whole *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * whole / a


@lru_cache(maxsize=4096)
def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t, 1/2 <= probability < 1, 1 degree of freedom or more.

    Source: Abramowitz and Stegun 26.7.1 with 26.5.8, solved by bisection to the last bits; from 100 degrees
    on 26.7.5, which is as exact there.
    """
    if not 0.5 <= probability < 1 or freedom < 1:
        raise DomainError(f"t at {probability}, {freedom}: expected 1/2 <= probability < 1, freedom >= 1")
    if freedom >= 100:
        z = NormalDist().inv_cdf(probability)
        return (
            z
            + (
                (z**3 + z) / 4
                + (
                    (5 * z**5 + 16 * z**3 + 3 * z) / 96
                    + (
                        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
                        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160 / freedom
                    )
                    / freedom
                )
                / freedom
            )
            / freedom
        )

    def above(t: float) -> float:
        return 0.5 * _beta_share(freedom / 2, 0.5, freedom / (freedom + t * t))

    low, high = 0.0, 2.0
    while above(high) > 1 - probability:
        low, high = high, 2 * high
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if above(middle) > 1 - probability else (low, middle)
    return high


def half_width(values: FloatArray, level: float = LEVEL) -> float:
    """Return half the width of the interval for the mean; NaN of fewer than two values."""
    n = len(values)
    if n < 2:
        return math.nan
    return t_quantile((1 + level) / 2, n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)


@dataclass(frozen=True, slots=True)
class Precision:
    """When there are enough replications: the half-width is small beside the mean, and stays so.

    Source: Hoad, Robinson and Davies, Automated selection of the number of replications for a
    discrete-event simulation, J. Oper. Res. Soc. 61 (2010): the look-ahead is 5 replications up to 100, and
    n * 5 / 100 from there on.
    """

    relative: float = 0.05  # of the mean
    absolute: float = 0.0  # or this much of the KPI's own unit, where a mean is about 0
    at_least: int = 5
    at_most: int = 1000
    look_ahead: int = 5
    level: float = LEVEL

    def __post_init__(self) -> None:
        if not (self.relative > 0 or self.absolute > 0) or self.relative < 0 or self.absolute < 0:
            raise DomainError(f"precision {self.relative}, {self.absolute}: expected one above 0, none below")
        if not 2 <= self.at_least <= self.at_most or self.look_ahead < 0 or not 0 < self.level < 1:
            raise DomainError(f"{self}: expected 2 <= at_least <= at_most, look_ahead >= 0, 0 < level < 1")

    def ahead(self, n: int) -> int:
        """Return over how many more replications a precision reached at n must hold."""
        return self.look_ahead if n <= 100 else n * self.look_ahead // 100

    def enough(self, values: FloatArray) -> int | None:
        """Return the replications that would have been enough, or None while nobody knows yet."""
        n = np.arange(1, len(values) + 1)
        means = np.cumsum(values) / n
        shifted = values - (values[0] if len(values) else 0.0)  # for the digits of large values
        squares = np.cumsum(shifted**2) - np.cumsum(shifted) ** 2 / n
        good = 0
        since = 0
        for k in range(self.at_least, len(values) + 1):
            spread = math.sqrt(max(0.0, squares[k - 1]) / (k - 1) / k)
            width = t_quantile((1 + self.level) / 2, k - 1) * spread
            if width <= max(self.relative * abs(means[k - 1]), self.absolute):
                since = since or k
                good = k
                if good - since >= self.ahead(since):
                    return since
            else:
                since = 0
        return None


@dataclass(frozen=True, slots=True)
class Racing:
    """How scenarios race for the best mean: who is behind the leader for sure gets no more replications."""

    first: int = 8
    step: int = 4
    level: float = LEVEL

    def __post_init__(self) -> None:
        if self.first < 3 or self.step < 1 or not 0.5 < self.level < 1:
            raise DomainError(f"{self}: expected first >= 3, step >= 1, 0.5 < level < 1")

    def kept(self, costs: FloatArray) -> npt.NDArray[np.bool_]:
        """Return who stays, of (scenarios, n) costs of the same replications; less is better.

        Out is whose paired distance to the leader is above 0 at the level, one-sided. The leader stays, and
        so does who equals it in every replication.
        """
        n = costs.shape[1]
        distance = costs - costs[np.argmin(costs.mean(1))]
        behind = distance.mean(1)
        error = distance.std(1, ddof=1) / math.sqrt(n)
        return np.asarray(behind <= t_quantile(self.level, n - 1) * error)


def probability_best(costs: FloatArray, seed: int) -> FloatArray:
    """Return for each scenario how often its mean is the least when replications are drawn anew.

    Whole replications are drawn, so what scenarios have in common stays in common. Equals share.

    Parameters
    ----------
    costs : (scenarios, n); less is better
    seed : of the drawing, which is the same each time
    """
    scenarios, n = costs.shape
    if n == 0:
        return np.full(scenarios, math.nan)
    drawn = _bits(RESAMPLES * n, seed) % np.uint64(n)
    cells = drawn.astype(np.int64).reshape(RESAMPLES, n) + np.arange(RESAMPLES)[:, None] * n
    weights = np.bincount(cells.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n)
    # Scenarios that are equal in every replication must stay equal: as distances they are exactly 0.
    leader = int(np.argmin(costs.mean(1)))
    means = weights @ (costs - costs[leader]).T
    best = means == means.min(1, keepdims=True)
    return np.asarray((best / best.sum(1, keepdims=True)).mean(0))


def _bits(count: int, seed: int) -> npt.NDArray[np.uint64]:
    """Return 64 random bits each, by the key contract's scrambling."""
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(streams.STEP_ENTITY)
    z += np.uint64(streams.replication_key(seed, 0))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(streams.MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(streams.MIX_2)
    return np.asarray(z ^ (z >> np.uint64(31)))
