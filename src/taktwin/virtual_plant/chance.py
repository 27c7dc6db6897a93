"""Noise that is a function of (signal, sample number): the same however the time is cut into steps.

Two tables of normal numbers whose lengths share no factor are added with different offsets, so the
sum repeats only after billions of samples, and one look-up costs no state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taktwin.entropy import Entropy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LONG, _SHORT = 65_521, 32_749  # both prime


class Noise:
    """Standard normal noise for all signals of a plant."""

    def __init__(self, entropy: Entropy) -> None:
        generator = entropy.generator("noise/tables")
        self._long = generator.standard_normal(_LONG) * np.sqrt(0.5)
        self._short = generator.standard_normal(_SHORT) * np.sqrt(0.5)

    def at(self, salt: int, numbers: Ints) -> Floats:
        """Return the noise of a signal at its samples.

        Parameters
        ----------
        salt : a number of the signal's own
        numbers : (n,) numbers of the samples since 1970, any order

        Returns
        -------
        (n,) normal with mean 0 and deviation 1.
        """
        first = self._long[(numbers + salt * 7919) % _LONG]
        second = self._short[(numbers * 3 + salt * 104_729) % _SHORT]
        return np.asarray(first + second, dtype=np.float64)
