"""Distributions of durations as tables of quantiles: comes in a family with its mean, goes out a table.

Every family is standardised to mean 1, so that all durations of one shape share one table and differ
by a factor. A table is read by linear interpolation, which is IEEE arithmetic alone: the kernel and
the reference get the same value to the last bit, and a value only ever rises with the random number,
which common random numbers live on.

A table has three parts of 1,024 cells: the whole range, the lowest cell once more, and the highest
cell once more, since a tail is where a straight line errs. Measured against the formulas: the mean
is exact by construction, the variance within 0.1 % for the families below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from taktwin.errors import DomainError

FloatArray = npt.NDArray[np.float64]

CELLS = 1024
KNOTS = CELLS + 1
WIDTH = 3 * KNOTS  # values of one table
CV_MAX, K_MIN = 100.0, 0.1  # beyond them a table says nothing true about the tail any more


def _positive(**named: float) -> None:
    for name, value in named.items():
        if not (math.isfinite(value) and value > 0):
            raise DomainError(f"{name} = {value}: expected a finite number above 0")


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same duration, seconds; 0 is allowed."""

    mean_s: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean_s) and self.mean_s >= 0):
            raise DomainError(f"mean_s = {self.mean_s}: expected a finite number, 0 or more")

    @property
    def shape(self) -> Shape:
        """Return what all distributions of this shape share."""
        return Shape("fixed")


@dataclass(frozen=True, slots=True)
class Exponential:
    """Without memory: the time to the next of independent rare happenings."""

    mean_s: float

    def __post_init__(self) -> None:
        _positive(mean_s=self.mean_s)

    @property
    def shape(self) -> Shape:
        """Return what all distributions of this shape share."""
        return Shape("exponential")


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Work of people and most repairs: skewed to the right; cv is standard deviation over mean."""

    mean_s: float
    cv: float

    def __post_init__(self) -> None:
        _positive(mean_s=self.mean_s, cv=self.cv)
        if self.cv > CV_MAX:
            raise DomainError(f"cv = {self.cv}: expected at most {CV_MAX:g}")

    @property
    def shape(self) -> Shape:
        """Return what all distributions of this shape share."""
        return Shape("lognormal", (self.cv,))


@dataclass(frozen=True, slots=True)
class Weibull:
    """Times to failure; a shape above 1 wears, 1 is exponential, below 1 fails early."""

    mean_s: float
    k: float

    def __post_init__(self) -> None:
        _positive(mean_s=self.mean_s, k=self.k)
        if self.k < K_MIN:
            raise DomainError(f"k = {self.k}: expected at least {K_MIN:g}")

    @property
    def shape(self) -> Shape:
        """Return what all distributions of this shape share."""
        return Shape("weibull", (self.k,))


@dataclass(frozen=True, slots=True)
class Gamma:
    """Waits and work made of several parts; k is how many, roughly: 1 is exponential."""

    mean_s: float
    k: float

    def __post_init__(self) -> None:
        _positive(mean_s=self.mean_s, k=self.k)
        if self.k < K_MIN:
            raise DomainError(f"k = {self.k}: expected at least {K_MIN:g}")

    @property
    def shape(self) -> Shape:
        """Return what all distributions of this shape share."""
        return Shape("gamma", (self.k,))


@dataclass(frozen=True, slots=True)
class Triangular:
    """An estimate of a person: at least, most likely, at most, in seconds."""

    low_s: float
    likely_s: float
    high_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.low_s <= self.likely_s <= self.high_s < math.inf or self.high_s == self.low_s:
            raise DomainError(
                f"triangular {self.low_s}, {self.likely_s}, {self.high_s}: "
                "expected 0 <= low <= likely <= high, and low < high"
            )

    @property
    def mean_s(self) -> float:
        """Return the mean, seconds."""
        return (self.low_s + self.likely_s + self.high_s) / 3

    @property
    def shape(self) -> Shape:
        """Return what all distributions of this shape share."""
        mean = self.mean_s
        return Shape("triangular", (self.low_s / mean, self.likely_s / mean, self.high_s / mean))


@dataclass(frozen=True, slots=True)
class Empirical:
    """What was measured, as it is: every sample counts alike, with straight lines between them."""

    samples_s: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.samples_s) < 2 or not all(math.isfinite(x) and x >= 0 for x in self.samples_s):
            raise DomainError("an empirical distribution wants two or more finite samples, 0 or more")
        if sum(self.samples_s) <= 0:
            raise DomainError("an empirical distribution of zeros only: expected Fixed(0)")

    @property
    def mean_s(self) -> float:
        """Return the mean of the samples, seconds."""
        return math.fsum(self.samples_s) / len(self.samples_s)

    @property
    def shape(self) -> Shape:
        """Return what all distributions of this shape share."""
        mean = self.mean_s
        return Shape("empirical", tuple(sorted(x / mean for x in self.samples_s)))


Distribution = Fixed | Exponential | LogNormal | Weibull | Gamma | Triangular | Empirical


@dataclass(frozen=True, slots=True)
class Shape:
    """A family with its parameters at mean 1: what has a table of its own."""

    family: str
    parameters: tuple[float, ...] = ()

    def quantile(self) -> Callable[[float], float]:
        """Return the quantile function at mean 1, defined for 0 < u < 1."""
        return _QUANTILES[self.family](*self.parameters)


def _fixed() -> Callable[[float], float]:
    return lambda u: 1.0


def _exponential() -> Callable[[float], float]:
    return lambda u: -math.log1p(-u)


def _lognormal(cv: float) -> Callable[[float], float]:
    variance = math.log1p(cv * cv)
    inverse = NormalDist(-variance / 2, math.sqrt(variance)).inv_cdf
    return lambda u: math.exp(inverse(u))


def _weibull(k: float) -> Callable[[float], float]:
    scale = 1 / math.gamma(1 + 1 / k)
    return lambda u: scale * (-math.log1p(-u)) ** (1 / k)


def _gamma(k: float) -> Callable[[float], float]:
    from scipy.special import gammaincinv  # a plant without a gamma does not pay for the import

    return lambda u: float(gammaincinv(k, u)) / k


def _triangular(low: float, likely: float, high: float) -> Callable[[float], float]:
    turn = (likely - low) / (high - low)

    def quantile(u: float) -> float:
        if u < turn:
            return low + math.sqrt(u * (high - low) * (likely - low))
        return high - math.sqrt((1 - u) * (high - low) * (high - likely))

    return quantile


def _empirical(*samples: float) -> Callable[[float], float]:
    places = (np.arange(len(samples)) + 0.5) / len(samples)
    values = np.array(samples)
    return lambda u: float(np.interp(u, places, values))


_QUANTILES: dict[str, Callable[..., Callable[[float], float]]] = {
    "fixed": _fixed, "exponential": _exponential, "lognormal": _lognormal,
    "weibull": _weibull, "gamma": _gamma, "triangular": _triangular, "empirical": _empirical,
}  # fmt: skip


@lru_cache(maxsize=256)
def _table(shape: Shape) -> bytes:
    quantile = shape.quantile()
    fine = 1 / CELLS**2
    # The outermost knots stand for u = 0 and u = 1, where some quantiles are infinite: they lie a
    # quarter of the finest cell inside.
    edge = fine / 4
    whole = [place / CELLS for place in range(KNOTS)]
    low = [place * fine for place in range(KNOTS)]
    high = [1 - (CELLS - place) * fine for place in range(KNOTS)]
    values = np.array([quantile(min(max(u, edge), 1 - edge)) for u in (*whole, *low, *high)])

    def mean_of(knots: FloatArray) -> float:
        return float(np.mean((knots[1:] + knots[:-1]) / 2))

    inner = (values[1 : CELLS - 1] + values[2:CELLS]) / 2  # the cells that have no finer part
    mean = (float(np.sum(inner)) + mean_of(values[KNOTS : 2 * KNOTS]) + mean_of(values[2 * KNOTS :])) / CELLS
    return np.asarray(values / mean, dtype=np.float64).tobytes()


def quantiles(distribution: Distribution, shares: Sequence[float]) -> FloatArray:
    """Return the durations below which so many lie, seconds, by the formulas; 0 < share < 1."""
    quantile = distribution.shape.quantile()
    return np.array([distribution.mean_s * quantile(share) for share in shares])


def table(shape: Shape) -> FloatArray:
    """Return the table of a shape: (WIDTH,) values that never fall within a part, mean 1.

    Parts of KNOTS values each: the whole range, the lowest cell, the highest cell.
    """
    return np.frombuffer(_table(shape), dtype=np.float64)


def value(table_: FloatArray, bits: int) -> float:
    """Return the table's value at 64 random bits: the plain twin of the kernel's `_value`."""
    cell = bits >> 54
    if cell in (0, CELLS - 1):
        part = KNOTS if cell == 0 else 2 * KNOTS
        place, rest = part + ((bits >> 44) & (CELLS - 1)), float(bits & ((1 << 44) - 1)) * 2.0**-44
    else:
        place, rest = cell, float(bits & ((1 << 54) - 1)) * 2.0**-54
    below = float(table_[place])
    return below + rest * (float(table_[place + 1]) - below)


def values(table_: FloatArray, bits: npt.NDArray[np.uint64]) -> FloatArray:
    """Return the table's values at many times 64 random bits, each to the last bit as `value` has it."""
    cell = (bits >> 54).astype(np.intp)
    is_low, is_high = cell == 0, cell == CELLS - 1
    is_fine = is_low | is_high
    fine = ((bits >> 44) & (CELLS - 1)).astype(np.intp)
    place = np.where(is_fine, np.where(is_low, KNOTS, 2 * KNOTS) + fine, cell)
    rest = np.where(is_fine, (bits & ((1 << 44) - 1)) * 2.0**-44, (bits & ((1 << 54) - 1)) * 2.0**-54)
    below = table_[place]
    return np.asarray(below + rest * (table_[place + 1] - below), np.float64)
