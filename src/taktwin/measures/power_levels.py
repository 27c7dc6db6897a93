"""At which powers a work unit really stays, and where the steps between its classes lie by that.

The steps that somebody wrote down for a class of machines may run through the middle of a level of one of
them, or beyond it: then each pause looks like a fault. What a machine does tells which level is which: after
most of its parts it waits for the next one. Comes in: powers and how long each lasted. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from taktwin.measures.time_classes import WAITING, Band, band_of
from taktwin.standards.iso22400 import TimeClass

FloatArray = npt.NDArray[np.float64]

BIN = 0.01  # of the logarithm of a power
SMOOTH_BINS = 3.0
DEPTH = 5.0  # between two levels it is seldom: so many times less than at either
FLOOR = 1e-5  # of the time: what is rarer is no level
EDGE = 0.001  # of the time at a level that lies beyond its ends
ENDS_MIN = 20  # ends of work from which it is known where they lead to
MOST = 0.5  # of them
BROKEN = 0.25  # of the beginnings of a fault at least come out of work, also where power is said seldom


@dataclass(frozen=True, slots=True)
class Level:
    """A range of powers in which a unit stays, kW."""

    low_kw: float
    middle_kw: float
    high_kw: float


@dataclass(frozen=True, slots=True)
class Step:
    """A `Band` whose place was found."""

    above_kw: float
    time_class: str


def levels(power_kw: FloatArray, lasted_s: FloatArray) -> list[Level]:
    """Return the powers at which a unit stays, the highest first: where a smoothed histogram has its hills.

    Parameters
    ----------
    power_kw, lasted_s : (n,) values and for how long each of them held
    """
    # Who only reads what was fitted does not pay 50 MB for them.
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    is_seen = (power_kw > 0) & (lasted_s > 0)
    if not is_seen.any():
        return []
    logs, lasted_s = np.log(power_kw[is_seen]), lasted_s[is_seen]
    first = math.floor(logs.min() / BIN) - 10
    places = np.floor(logs / BIN).astype(np.int64) - first
    # Levels far below, as of a machine that is off, cost bins and nothing else.
    density = np.bincount(places, weights=lasted_s, minlength=int(places.max()) + 10)
    smooth = gaussian_filter1d(density / lasted_s.sum(), SMOOTH_BINS, mode="constant")
    tops, _ = find_peaks(np.log(smooth + FLOOR), prominence=math.log(DEPTH))
    valleys = [int(left + np.argmin(smooth[left : right + 1])) for left, right in pairwise(tops)]
    found = []
    for low, high in zip([0, *valleys], [*valleys, len(smooth)], strict=True):
        here = (places >= low) & (places < high)
        if here.any():
            order = np.argsort(logs[here])
            share = np.cumsum(lasted_s[here][order])
            ends = np.searchsorted(share, share[-1] * np.array([EDGE, 0.5, 1 - EDGE]))
            found.append(Level(*np.exp(logs[here][order][np.minimum(ends, len(order) - 1)]).tolist()))
    return found[::-1]


def fitted(bands: Sequence[Band], power_kw: FloatArray, lasted_s: FloatArray) -> tuple[Band, ...]:
    """Return the steps of a unit, those moved that its own levels contradict; as they are if none is.

    Parameters
    ----------
    bands : as the plant has them
    power_kw, lasted_s : (n,) what was seen, in its sequence
    """
    steps = sorted(bands, key=lambda band: -band.above_kw)
    words = [band.time_class for band in steps]
    found = levels(power_kw, lasted_s)
    if not found:
        return tuple(bands)
    ranks = _ranks(steps, words, found, power_kw)
    if ranks is None:
        return tuple(bands)
    moved: list[Band] = []
    below_kw = 0.0
    for place in range(len(steps) - 1, -1, -1):
        edge_kw = steps[place].above_kw
        over = [each.low_kw for each, rank in zip(found, ranks, strict=True) if rank <= place]
        under = [each.high_kw for each, rank in zip(found, ranks, strict=True) if rank > place]
        low_kw = max([below_kw, *under])
        if over and not low_kw < edge_kw <= min(over):
            edge_kw = math.sqrt(low_kw * min(over)) if low_kw > 0 else 0.0
        moved.append(Step(edge_kw, words[place]) if edge_kw != steps[place].above_kw else steps[place])
        below_kw = edge_kw
    return tuple(moved[::-1])


def _ranks(
    steps: Sequence[Band], words: Sequence[str], found: Sequence[Level], power_kw: FloatArray
) -> list[int] | None:
    """Return of each level the place of its step; None where nothing says that a step is wrong."""
    if WAITING not in words or TimeClass.PRODUCTION not in words:
        return None
    waits, works = words.index(WAITING), words.index(TimeClass.PRODUCTION)
    outside = len(steps)  # below all steps
    ranks = []
    for level in found:
        word = band_of(steps, level.middle_kw)
        ranks.append(words.index(word) if word in words else outside)
    # Where each value belongs: levels fall, so do their lower ends.
    ends = np.array([each.low_kw for each in found])
    place = np.searchsorted(-ends, -power_kw, side="left").clip(max=len(found) - 1)
    is_working = np.array(ranks) <= works
    is_work = is_working[place]
    goes = Counter(place[1:][is_work[:-1] & ~is_work[1:]].tolist())
    if goes.total() < ENDS_MIN:
        return None
    main, times = goes.most_common(1)[0]
    if times < MOST * goes.total():
        return None
    ranks = [waits if works < rank and at <= main else rank for at, rank in enumerate(ranks)]
    for at in range(main + 1, len(found)):
        # What is below and comes out of work as well is no way of waiting, which comes after it.
        begins = place[:-1][(place[1:] == at) & (place[:-1] != at)]
        if ranks[at] == waits and is_working[begins].sum() >= BROKEN * max(1, len(begins)):
            ranks[at] = waits + 1
    return ranks
