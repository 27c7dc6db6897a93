"""Whether a model still sees what it was trained on, and still errs as it did. Pure.

Errors: the ranks of outcomes in their predictions are even numbers in [0, 1] as long as the model holds;
Kolmogorov and Smirnov's distance says how rarely chance alone is as far from that. One outcome of each tool,
since those of one tool hang together. Inputs: the share of recent values beyond all that it was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import kolmogorov

from taktwin.analyst.features import FloatArray

RANKS_LEAST = 8
LEVEL = 0.01  # of false alarms a look
OUTSIDE_MOST = 0.2  # of recent values, beyond what it was trained on


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


def outside(values: FloatArray, low: float, high: float) -> float:
    """Return the share of values beyond what a model was trained on; 0.0 of none."""
    return float(np.mean((values < low) | (values > high))) if len(values) else 0.0
