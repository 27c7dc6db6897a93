"""What is drawn at the start of a run: whole spans, and what is left of those that have lasted a while.

Comes in: a law, whom it concerns, and what has passed already. Goes out: whole ticks, one by one for
the reference (`Draw.of`), or for all runs and all that is drawn at once for the kernel (`Draws.of`): the same
arithmetic in the same sequence, so the same ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from taktwin.simulation import streams
from taktwin.simulation.distributions import (
    CELLS,
    KNOTS,
    Distribution,
    FloatArray,
    Shape,
    table,
    value,
    values,
)

IntArray = npt.NDArray[np.int64]


@lru_cache(maxsize=256)
def _curve(shape: Shape) -> tuple[FloatArray, FloatArray]:
    """Return levels and values of a distribution at mean 1, its tails in full; nobody may write to them."""
    tabled = table(shape)
    fine = 1 / CELLS**2
    levels = np.concatenate((np.arange(KNOTS) * fine, np.arange(2, CELLS - 1) / CELLS,
                             1 - np.arange(CELLS, -1, -1) * fine))  # fmt: skip
    lasts = np.concatenate((tabled[KNOTS : 2 * KNOTS], tabled[2 : CELLS - 1], tabled[2 * KNOTS :]))
    levels.flags.writeable = lasts.flags.writeable = False
    return levels, lasts


def residual(drawn: Distribution, passed: float, random_bits: int) -> float:
    """Return what is left of a duration of which so much has passed, both over its mean; 0 or more.

    A fixed duration has its rest left, or nothing. With nothing passed it is, but for rounding, the
    duration that the same bits draw.
    """
    levels, lasts = _curve(drawn.shape)
    if lasts[0] == lasts[-1]:
        return max(0.0, float(lasts[0]) - passed)
    below = float(np.interp(passed, lasts, levels, left=0.0))
    level = below + streams.unit(random_bits) * (1.0 - below)
    return max(0.0, float(np.interp(level, levels, lasts)) - passed)


@dataclass(frozen=True, slots=True)
class Draw:
    """A span that a run draws: `mean` ticks long on average, worked off at a pace.

    purpose, whom, count : of the key contract (`streams`)
    passed : what of it has passed, over its mean; None: it is drawn as a whole, as the engines draw it
    """

    purpose: int
    whom: int
    count: int
    law: Distribution
    mean: float
    passed: float | None = None
    pace: float = 1.0

    def of(self, key: int) -> int:
        """Return its ticks in the run of a key."""
        bits = streams.bits(key, self.purpose, self.whom, self.count)
        shape = self.law.shape
        share = value(table(shape), bits) if self.passed is None else residual(self.law, self.passed, bits)
        return int(self.mean * share / self.pace + 0.5)


Span = int | Draw
"""Ticks that are known, or drawn."""


def ticks(span: Span, key: int) -> int:
    """Return the ticks of a span in the run of a key."""
    return span if isinstance(span, int) else span.of(key)


class Draws:
    """Many spans, drawn for many runs at once."""

    def __init__(self, spans: Sequence[Span]) -> None:
        """Sort out what is drawn from which table; what is known, and fixed, is known in all runs."""
        self._known = np.zeros(len(spans), np.int64)
        drawn: list[tuple[int, Draw]] = []
        for place, span in enumerate(spans):
            if isinstance(span, Draw) and span.law.shape.family != "fixed":
                drawn.append((place, span))
            else:
                self._known[place] = ticks(span, 0)
        self._places = np.array([place for place, _ in drawn], np.intp)
        self._mean = np.array([each.mean for _, each in drawn])
        self._pace = np.array([each.pace for _, each in drawn])
        self._purpose, self._whom, self._count = (
            np.array([getattr(each, name) for _, each in drawn], np.uint64)
            for name in ("purpose", "whom", "count")
        )
        alike: dict[tuple[Shape, bool], list[int]] = {}
        for place, (_, each) in enumerate(drawn):
            alike.setdefault((each.law.shape, each.passed is None), []).append(place)
        self._wholes = [
            (np.array(places), table(shape)) for (shape, is_whole), places in alike.items() if is_whole
        ]
        self._rests = []
        for (shape, is_whole), places in alike.items():
            if not is_whole:
                levels, lasts = _curve(shape)
                passed = np.array([drawn[place][1].passed for place in places])
                if lasts[0] == lasts[-1]:  # nothing that luck could change
                    levels, lasts = np.array([0.0, 1.0]), lasts[[0, -1]]
                    below: FloatArray = np.zeros(len(places))
                else:
                    below = np.interp(passed, lasts, levels, left=0.0)
                self._rests.append((np.array(places), levels, lasts, passed, below))

    def of(self, keys: Sequence[int]) -> IntArray:
        """Return (runs, spans) ticks in the runs of keys."""
        bits = streams.bits(np.array(keys, np.uint64)[:, None], self._purpose, self._whom, self._count)
        share: FloatArray = np.empty(bits.shape)
        for places, tabled in self._wholes:
            share[:, places] = values(tabled, bits[:, places])
        for places, levels, lasts, passed, below in self._rests:
            level = below + streams.unit(bits[:, places]) * (1.0 - below)
            share[:, places] = np.maximum(0.0, np.interp(level, levels, lasts) - passed)
        found = np.tile(self._known, (len(keys), 1))
        found[:, self._places] = (self._mean * share / self._pace + 0.5).astype(np.int64)
        return found
