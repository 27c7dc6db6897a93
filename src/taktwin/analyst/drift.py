"""Whether a model still errs as it says. Pure.

The ranks of outcomes in their predictions are even numbers in [0, 1] as long as the model holds; Kolmogorov
and Smirnov's distance says how rarely chance alone is as far from that. It is asked again with each new
outcome, so each question may be wrong only so rarely that all of them together are (`level`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import kolmogorov

RANKS_LEAST = 8
LEVEL = 0.01  # of a false alarm, over all looks at one version


def ranks_drift(ranks: Sequence[float]) -> float:
    """Return how often chance makes even ranks as uneven: small: the model errs otherwise than it says.

    1.0 for fewer than RANKS_LEAST, which say nothing.
    """
    n = len(ranks)
    if n < RANKS_LEAST:
        return 1.0
    told = np.sort(np.asarray(ranks, np.float64))
    steps = np.arange(n + 1) / n
    distance = float(max(np.max(steps[1:] - told), np.max(told - steps[:-1])))
    return float(kolmogorov((np.sqrt(n) + 0.12 + 0.11 / np.sqrt(n)) * distance))  # Stephens (1970)


def level(look: int) -> float:
    """Return how rare something has to be to ring at a look, counted from 1.

    LEVEL is spent over all looks that there will ever be, as 6 / (pi k)^2 of it at the k-th: these sum up to
    one, so that by Bonferroni's inequality all looks together ring falsely with a chance of LEVEL at most,
    however the looks hang together. Source: alpha spending, Lan and DeMets (1983); the series is Euler's.
    """
    return LEVEL * 6 / (math.pi * look) ** 2
