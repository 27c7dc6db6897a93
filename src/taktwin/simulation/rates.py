"""Shares and rates with their intervals: yields, and how often a unit fails at which age."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import betaincinv, chdtrc, gammaincinv

from taktwin.errors import DomainError
from taktwin.simulation.distributions import Weibull
from taktwin.simulation.fitting import Sample, greatest_likelihood


@dataclass(frozen=True, slots=True)
class Share:
    """A share of trials that came out well, with the interval in which its true value lies."""

    good: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Return the share seen."""
        return self.good / self.n


def share(good: int, n: int, *, level: float = 0.95) -> Share:
    """Return a yield with Jeffreys' interval, which holds its promise also near 0 and 1 and for few trials.

    Raises
    ------
    DomainError
        If there are no trials, or not 0 <= good <= n.
    """
    if not (n >= 1 and 0 <= good <= n):
        raise DomainError(f"{good} good of {n}: expected 1 or more trials, and 0 to all of them good")
    tail = (1 - level) / 2
    low = 0.0 if good == 0 else float(betaincinv(good + 0.5, n - good + 0.5, tail))
    high = 1.0 if good == n else float(betaincinv(good + 0.5, n - good + 0.5, 1 - tail))
    return Share(good, n, low, high)


@dataclass(frozen=True, slots=True)
class AgeRate:
    """How often a unit of an age fails: failures over the time that units spent at that age."""

    from_s: float
    to_s: float
    failures: int
    at_risk_s: float
    low: float  # failures per second, 95 %
    high: float

    @property
    def rate(self) -> float:
        """Return failures per second; NaN where no unit ever was so old."""
        return self.failures / self.at_risk_s if self.at_risk_s else math.nan


@dataclass(frozen=True, slots=True)
class Wear:
    """Whether failing depends on age: the rate by age, and Weibull against the exponential."""

    ages: tuple[AgeRate, ...]
    k: float  # above 1 wears, below 1 fails early
    p: float  # how often a plant without any wear looks like this, for large samples


def wear(sample: Sample, edges_s: Sequence[float]) -> Wear:
    """Return the failure rate by age, and how sure wear is, from times to failure (censored ones too).

    Parameters
    ----------
    edges_s : rising ages, from 0 on, between which the rate is counted; the last may be infinite

    Raises
    ------
    DomainError
        If fewer than two failures are there, or the ages do not rise.
    """
    if len(sample.ended_s) < 2:
        raise DomainError(f"{len(sample.ended_s)} failures: expected 2 or more")
    if list(edges_s) != sorted(set(edges_s)) or len(edges_s) < 2 or edges_s[0] < 0:
        raise DomainError(f"ages {tuple(edges_s)}: expected two or more, rising, from 0 on")
    ended, running = np.array(sample.ended_s), np.array(sample.running_s)
    everything = np.concatenate((ended, running))
    ages = []
    for low, high in pairwise(edges_s):
        failures = int(((ended > low) & (ended <= high)).sum())
        at_risk = float(np.clip(np.minimum(everything, high) - low, 0, None).sum())
        # Garwood's exact interval of a count, over the time at risk.
        below = float(gammaincinv(failures, 0.025)) if failures else 0.0
        above = float(gammaincinv(failures + 1, 0.975))
        ages.append(
            AgeRate(low, high, failures, at_risk,
                    below / at_risk if at_risk else 0.0, above / at_risk if at_risk else math.inf)
        )  # fmt: skip
    worn, k = greatest_likelihood(Weibull(1.0, 1.0), ended, running, second=True)
    mean = float(everything.sum() / len(ended))
    ageless = -len(ended) * (math.log(mean) + 1)
    return Wear(tuple(ages), k, float(chdtrc(1, max(2 * (worn - ageless), 0.0))))
