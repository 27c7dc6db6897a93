"""From durations that were seen to a distribution that the simulation draws from, with its evidence.

Comes in a sample: durations that ended, and durations that still ran when nobody looked any more. Those
are not thrown away: a unit that has run for 300 hours and still runs says that 300 hours are possible, and
who leaves it out believes in machines that fail too often. Goes out a `Fitted`: the distribution, the others
that were tried, how well it fits, how much it was fitted to, and from how wide a group.

Nothing is silent: what lies far out is listed and kept unless the caller says otherwise, a group too small
to be fitted by itself says which wider one it was pooled from, and a poor fit has a small p.

Nobody fits a triangular distribution here: that is what a person estimates who has no sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import digamma, gammainc, gammaincc, gammaincinv, gammaln, log_ndtr, ndtr, ndtri

from taktwin.errors import DomainError
from taktwin.simulation.distributions import (
    CV_MAX,
    K_MIN,
    Distribution,
    Empirical,
    Exponential,
    Fixed,
    FloatArray,
    Gamma,
    LogNormal,
    Weibull,
)

Draw = Callable[[int], FloatArray]  # n even numbers in [0, 1), such as `Entropy.generator(name).random`

ENOUGH = 20  # ended durations, from which a group is fitted by itself
EMPIRICAL_MIN = 50  # ended durations, from which the measured values may stand for themselves
EMPIRICAL_MAX = 1000  # values kept of them: evenly spaced quantiles if there are more
P_MIN = 0.01  # below it no family fits
FENCE = 3.0  # interquartile ranges, of the logarithm: beyond it a value lies far out
K_MAX = 500.0
TINY = 1e-300
SHARES = tuple(n / 20 for n in range(1, 20))  # of durations, at which a person looks at a fit


@dataclass(frozen=True, slots=True)
class Sample:
    """Durations of one kind, in seconds, and the time in which they were seen."""

    ended_s: tuple[float, ...]
    running_s: tuple[float, ...] = ()
    """How long those had lasted that had not ended when they were seen last (right-censored)."""
    from_ns: int | None = None
    to_ns: int | None = None

    def __post_init__(self) -> None:
        for value in (*self.ended_s, *self.running_s):
            if not (math.isfinite(value) and value >= 0):
                raise DomainError(f"a duration of {value} s: expected a finite number, 0 or more")


def together(samples: Iterable[Sample]) -> Sample:
    """Return one sample of all durations of several."""
    some = list(samples)
    begins = [each.from_ns for each in some if each.from_ns is not None]
    ends = [each.to_ns for each in some if each.to_ns is not None]
    return Sample(
        tuple(value for each in some for value in each.ended_s),
        tuple(value for each in some for value in each.running_s),
        min(begins, default=None),
        max(ends, default=None),
    )


@dataclass(frozen=True, slots=True)
class Goodness:
    """How far the sample lies from what was fitted, and how often chance alone takes it that far.

    `statistic` is Anderson-Darling's A2 of a complete sample; with censored durations it is the greatest
    distance between the Kaplan-Meier curve and the fitted one. `p` comes from samples drawn of the fitted
    distribution and fitted again (parametric bootstrap), since the tables know no fitted parameters.
    """

    statistic: str
    value: float
    p: float
    replications: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One family at its greatest likelihood; the smallest AICc is chosen."""

    distribution: Distribution
    log_likelihood: float
    aicc: float


@dataclass(frozen=True, slots=True)
class Outliers:
    """Durations far from all others, and what became of them: `kept`, or `set aside` (not fitted)."""

    policy: str
    below_s: float
    above_s: float
    values_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A distribution with its evidence."""

    distribution: Distribution
    n: int  # durations that ended, of those fitted
    running: int  # censored ones among those fitted
    method: str
    candidates: tuple[Candidate, ...] = ()
    goodness: Goodness | None = None  # None: too few, or nothing varies
    errors: Mapping[str, float] = field(default_factory=dict)
    """Standard error of each parameter, by the curvature of the likelihood; relative, so 0.1 is 10 %."""
    outliers: Outliers | None = None
    level: str = "all"  # the group that was fitted
    pooled: bool = False  # the group asked for was too small: this is a wider one
    n_own: int = 0  # ended durations of the group asked for
    from_ns: int | None = None
    to_ns: int | None = None
    quantiles_s: tuple[float, ...] = ()
    """Of what was seen, at 1/20, 2/20 ... 19/20; fewer where what still ran hides the upper ones."""

    def mean_between_s(self, z: float = 1.96) -> tuple[float, float]:
        """Return the interval of the mean, z standard errors to either side in the logarithm."""
        reach = math.exp(z * self.errors.get("mean_s", 0.0))
        return self.distribution.mean_s / reach, self.distribution.mean_s * reach

    def told(self) -> str:
        """Return in one line what a person wants to know of it."""
        said = f"{named(self.distribution)}, n = {self.n}"
        if self.running:
            said += f" and {self.running} still running"
        if self.goodness:
            said += f", {self.goodness.statistic} p = {self.goodness.p:.2f}"
        if self.pooled:
            said += f", pooled from {self.level} (own: {self.n_own})"
        if self.outliers and self.outliers.values_s:
            said += f", {len(self.outliers.values_s)} far out {self.outliers.policy}"
        return said


def named(distribution: Distribution) -> str:
    """Return a distribution as a person writes it."""
    match distribution:
        case Fixed(mean_s):
            return f"always {mean_s:.4g} s"
        case Exponential(mean_s):
            return f"exponential, mean {mean_s:.4g} s"
        case LogNormal(mean_s, cv):
            return f"lognormal, mean {mean_s:.4g} s, cv {cv:.3g}"
        case Weibull(mean_s, k):
            return f"Weibull, mean {mean_s:.4g} s, shape {k:.3g}"
        case Gamma(mean_s, k):
            return f"gamma, mean {mean_s:.4g} s, shape {k:.3g}"
        case Empirical(samples_s):
            return f"{len(samples_s)} measured values, mean {distribution.mean_s:.4g} s"
        case _:
            return f"triangular {distribution.low_s:g}, {distribution.likely_s:g}, {distribution.high_s:g} s"


def fit(
    sample: Sample,
    draw: Draw,
    *,
    grain_s: float = 0.0,
    replications: int = 99,
    set_aside: bool = False,
) -> Fitted:
    """Return the best distribution of a sample.

    Parameters
    ----------
    draw : returns that many even numbers in [0, 1); with the same ones the same p comes out
    grain_s : what the durations were rounded to; 0 if they were not. Durations below half of it count as
        half of it, and the samples of the bootstrap are rounded likewise, else every rounded log fits badly.
    replications : of the bootstrap; 0 leaves the goodness out
    set_aside : durations beyond the fences are not fitted, and listed as such; otherwise listed and kept

    Raises
    ------
    DomainError
        If nothing ended: durations that all still run give a bound, no distribution. If a duration is 0
        and no grain is given.
    """
    ended, running = _ready(sample, grain_s)
    outliers = _outliers(ended, "set aside" if set_aside else "kept")
    if set_aside and outliers.values_s:
        ended = ended[(ended >= outliers.below_s) & (ended <= outliers.above_s)]
    base = Fitted(
        Fixed(0.0), len(ended), len(running), "", outliers=outliers, n_own=len(ended),
        from_ns=sample.from_ns, to_ns=sample.to_ns, quantiles_s=_quantiles(ended, running),
    )  # fmt: skip
    if np.ptp(ended) <= 1e-9 * ended[0] and not (running > ended[0]).any():
        return replace(base, distribution=Fixed(float(ended[0])), method="all alike")
    tried = [_candidate(family, ended, running) for family in FAMILIES if len(ended) >= family.parameters + 2]
    if not tried:
        only = _candidate(FAMILIES[0], ended, running)
        return replace(
            base, distribution=only.distribution, candidates=(only,), method="too few to choose a family",
            errors=_errors(only, ended, running),
        )  # fmt: skip
    tried.sort(key=lambda each: each.aicc)
    best = tried[0]
    method = "maximum likelihood, chosen by AICc" + (", censored" if len(running) else "")
    goodness = _goodness(best, ended, running, draw, grain_s, replications) if replications else None
    found: Distribution = best.distribution
    errors: Mapping[str, float] = _errors(best, ended, running)
    if goodness and goodness.p <= P_MIN:
        if len(running) == 0 and len(ended) >= EMPIRICAL_MIN:
            method = f"as measured: no family fits ({named(found)} came nearest)"
            found = _empirical(ended)
            errors = {"mean_s": float(np.std(ended, ddof=1) / math.sqrt(len(ended)) / np.mean(ended))}
        else:
            method += "; no family fits well"
    return replace(base, distribution=found, method=method, candidates=tuple(tried), goodness=goodness,
                   errors=errors)  # fmt: skip


def fit_levels(
    levels: Sequence[tuple[str, Sample]],
    draw: Draw,
    *,
    enough: int = ENOUGH,
    grain_s: float = 0.0,
    replications: int = 99,
    set_aside: bool = False,
) -> Fitted:
    """Return the fit of the narrowest group that has enough, and say which one it was.

    `levels` goes from the group asked for to ever wider ones (unit, work center, class, all). If none has
    enough, the widest is taken.

    Raises
    ------
    DomainError
        If nothing ended in any of them.
    """
    place = next((at for at, (_, each) in enumerate(levels) if len(each.ended_s) >= enough), len(levels) - 1)
    level, sample = levels[place]
    found = fit(sample, draw, grain_s=grain_s, replications=replications, set_aside=set_aside)
    return replace(found, level=level, pooled=place > 0, n_own=len(levels[0][1].ended_s))


def kaplan_meier(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Return the durations at which something ended, rising, and the share that lasts longer than each."""
    ended, running = np.array(sample.ended_s), np.array(sample.running_s)
    return _kaplan_meier(ended, running)


def _quantiles(ended: FloatArray, running: FloatArray) -> tuple[float, ...]:
    at_s, lasting = _kaplan_meier(ended, running)
    # A rounding below a share does not make it unreached.
    places = np.searchsorted(-lasting, -(1 - np.array(SHARES) + 1e-12))
    return tuple(at_s[places[places < len(at_s)]].tolist())


def cumulative(distribution: Distribution, at_s: FloatArray) -> FloatArray:
    """Return the share of durations up to each of `at_s`, for the families that are fitted."""
    return _family(distribution).cumulative(distribution.mean_s, _second(distribution), at_s)


def log_likelihood(distribution: Distribution, sample: Sample, *, grain_s: float = 0.0) -> float:
    """Return the logarithm of the likelihood of a sample under a distribution of a fitted family."""
    ended, running = _ready(sample, grain_s)
    return _likelihood(_family(distribution), distribution.mean_s, _second(distribution), ended, running)


def greatest_likelihood(
    distribution: Distribution, ended: FloatArray, running: FloatArray, *, second: bool = False
) -> tuple[float, float]:
    """Return the greatest log-likelihood that the family of `distribution` reaches, and the mean there.

    With `second`, the other parameter (cv or shape) instead of the mean. A family that is not fitted by
    likelihood (fixed, triangular, as measured) is stood for by the lognormal.
    """
    kind = distribution if isinstance(distribution, Exponential | LogNormal | Weibull | Gamma) else None
    best = _candidate(_family(kind) if kind else LOGNORMAL, ended, running)
    return best.log_likelihood, _second(best.distribution) if second else best.distribution.mean_s


# --- the families: each a function of its mean and of one further number ---


@dataclass(frozen=True, slots=True)
class _Family:
    make: Callable[[float, float], Distribution]
    parameters: int
    estimate: Callable[[FloatArray, FloatArray], tuple[float, float]]  # (ended, running) -> mean, second
    log_density: Callable[[float, float, FloatArray], FloatArray]
    log_survival: Callable[[float, float, FloatArray], FloatArray]
    cumulative: Callable[[float, float, FloatArray], FloatArray]
    quantile: Callable[[float, float, FloatArray], FloatArray]


def _exponential(ended: FloatArray, running: FloatArray) -> tuple[float, float]:
    return float((ended.sum() + running.sum()) / len(ended)), 1.0


def _weibull(ended: FloatArray, running: FloatArray) -> tuple[float, float]:
    everything = np.concatenate((ended, running))
    longest = everything.max()
    x = everything[everything > 0] / longest  # powers of numbers up to 1 do not overflow
    logs, of_ended = np.log(x), float(np.mean(np.log(ended / longest)))

    def slope(k: float) -> float:
        powers = x**k
        return float(powers @ logs / powers.sum() - 1 / k - of_ended)

    k = _root(slope, K_MIN, K_MAX)
    scale = longest * float((x**k).sum() / len(ended)) ** (1 / k)
    return scale * math.gamma(1 + 1 / k), k


def _lognormal(ended: FloatArray, running: FloatArray) -> tuple[float, float]:
    logs = np.log(ended)
    mu, sigma = float(logs.mean()), max(float(logs.std()), 1e-6)
    late = np.log(running[running > 0])
    if len(late):
        mu, sigma = _censored_normal(logs, late, mu, sigma)
    sigma = min(sigma, math.sqrt(math.log1p(CV_MAX**2)))
    return math.exp(mu + sigma**2 / 2), math.sqrt(math.expm1(sigma**2))


def _censored_normal(seen: FloatArray, late: FloatArray, mu: float, sigma: float) -> tuple[float, float]:
    """Return mean and spread of a normal sample of which `late` are known to be larger only.

    In 1 / sigma and mu / sigma the likelihood has one summit, so Newton's method with shorter steps where it
    would fall comes to it from anywhere. Source: Olsen, Econometrica 46 (1978).
    """

    def height(d: float, g: float) -> float:
        if g <= 0:
            return -math.inf
        off = g * seen - d
        return float(len(seen) * math.log(g) - 0.5 * off @ off + log_ndtr(d - g * late).sum())

    g, d = 1 / sigma, mu / sigma
    here = height(d, g)
    for _ in range(100):
        z, off = d - g * late, g * seen - d
        hazard = np.exp(-0.5 * z * z - 0.5 * math.log(2 * math.pi) - log_ndtr(z))
        bend = hazard * (z + hazard)
        slope = np.array([off.sum() + hazard.sum(), len(seen) / g - seen @ off - late @ hazard])
        cross = float(seen.sum() + late @ bend)
        curve = np.array(
            [[-len(seen) - bend.sum(), cross],
             [cross, -len(seen) / g**2 - seen @ seen - late * late @ bend]]
        )  # fmt: skip
        step = np.linalg.solve(curve, -slope)
        length = 1.0
        while (there := height(d + length * step[0], g + length * step[1])) < here and length > 1e-6:
            length /= 2
        if length <= 1e-6:
            break
        d, g, gained, here = d + length * step[0], g + length * step[1], there - here, there
        if gained < 1e-10:
            break
    return float(d / g), float(1 / g)


def _gamma(ended: FloatArray, running: FloatArray) -> tuple[float, float]:
    mean, logs = float(ended.mean()), np.log(ended)
    gap = math.log(mean) - float(logs.mean())
    k = _root(lambda k: -(math.log(k) - float(digamma(k)) - gap), K_MIN, K_MAX)
    late = running[running > 0]
    if len(late):

        def cost(point: FloatArray) -> float:
            shape = min(max(math.exp(min(point[1], 20.0)), K_MIN), K_MAX)
            scale = math.exp(min(max(point[0], -50.0), 50.0)) / shape
            density = (shape - 1) * logs - ended / scale - gammaln(shape) - shape * math.log(scale)
            survival = np.log(np.maximum(gammaincc(shape, late / scale), TINY))
            return -float(density.sum() + survival.sum())

        mean_log, k_log = _least(cost, np.array([math.log(mean), math.log(k)]))
        mean, k = math.exp(mean_log), min(max(math.exp(k_log), K_MIN), K_MAX)
    return mean, k


def _sigma(cv: float) -> float:
    return math.sqrt(math.log1p(cv * cv))


def _normal(mean: float, cv: float, x: FloatArray) -> FloatArray:
    sigma = _sigma(cv)
    found: FloatArray = (np.log(np.maximum(x, TINY)) - math.log(mean) + sigma**2 / 2) / sigma
    return found


def _power(mean: float, k: float, x: FloatArray) -> FloatArray:
    found: FloatArray = (x * (math.gamma(1 + 1 / k) / mean)) ** k
    return found


EXPONENTIAL = _Family(
    lambda mean, _: Exponential(mean), 1, _exponential,
    log_density=lambda mean, _, x: -x / mean - math.log(mean),
    log_survival=lambda mean, _, x: -x / mean,
    cumulative=lambda mean, _, x: -np.expm1(-x / mean),
    quantile=lambda mean, _, u: -mean * np.log1p(-u),
)  # fmt: skip
LOGNORMAL = _Family(
    LogNormal, 2, _lognormal,
    log_density=lambda mean, cv, x: (
        -0.5 * _normal(mean, cv, x) ** 2 - np.log(x) - math.log(_sigma(cv)) - 0.5 * math.log(2 * math.pi)
    ),
    log_survival=lambda mean, cv, x: np.asarray(log_ndtr(-_normal(mean, cv, x))),
    cumulative=lambda mean, cv, x: np.asarray(ndtr(_normal(mean, cv, x))),
    quantile=lambda mean, cv, u: np.exp(math.log(mean) - _sigma(cv) ** 2 / 2 + _sigma(cv) * ndtri(u)),
)  # fmt: skip
WEIBULL = _Family(
    Weibull, 2, _weibull,
    log_density=lambda mean, k, x: (
        math.log(k) - np.log(x) + np.log(np.maximum(_power(mean, k, x), TINY)) - _power(mean, k, x)
    ),
    log_survival=lambda mean, k, x: -_power(mean, k, x),
    cumulative=lambda mean, k, x: -np.expm1(-_power(mean, k, x)),
    quantile=lambda mean, k, u: mean / math.gamma(1 + 1 / k) * (-np.log1p(-u)) ** (1 / k),
)  # fmt: skip
GAMMA = _Family(
    Gamma, 2, _gamma,
    log_density=lambda mean, k, x: (
        (k - 1) * np.log(x) - x * k / mean - float(gammaln(k)) - k * math.log(mean / k)
    ),
    log_survival=lambda mean, k, x: np.log(np.maximum(gammaincc(k, x * k / mean), TINY)),
    cumulative=lambda mean, k, x: np.asarray(gammainc(k, x * k / mean)),
    quantile=lambda mean, k, u: np.asarray(gammaincinv(k, u)) * mean / k,
)  # fmt: skip
FAMILIES = (EXPONENTIAL, LOGNORMAL, WEIBULL, GAMMA)


def _family(distribution: Distribution) -> _Family:
    match distribution:
        case Exponential():
            return EXPONENTIAL
        case LogNormal():
            return LOGNORMAL
        case Weibull():
            return WEIBULL
        case Gamma():
            return GAMMA
        case _:
            raise DomainError(f"{named(distribution)}: expected a family that is fitted")


def _second(distribution: Distribution) -> float:
    match distribution:
        case LogNormal(_, second) | Weibull(_, second) | Gamma(_, second):
            return second
        case _:
            return 1.0


def _candidate(family: _Family, ended: FloatArray, running: FloatArray) -> Candidate:
    mean, second = family.estimate(ended, running)
    if family is LOGNORMAL:
        second = min(max(second, 1e-6), CV_MAX)
    reached = _likelihood(family, mean, second, ended, running)
    p, left = family.parameters, len(ended) - family.parameters - 1
    aicc = 2 * p - 2 * reached + (2 * p * (p + 1) / left if left > 0 else math.inf)
    return Candidate(family.make(mean, second), reached, aicc)


def _likelihood(family: _Family, mean: float, second: float, ended: FloatArray, running: FloatArray) -> float:
    reached = float(family.log_density(mean, second, ended).sum())
    if len(running):
        reached += float(family.log_survival(mean, second, running).sum())
    return reached


def _errors(best: Candidate, ended: FloatArray, running: FloatArray) -> Mapping[str, float]:
    """Return relative standard errors: of the logarithm of each parameter, by second differences."""
    family, step = _family(best.distribution), 1e-3
    point = np.log([best.distribution.mean_s, _second(best.distribution)][: family.parameters])

    def at(*moved: float) -> float:
        values = np.exp(point + np.array(moved) * step)
        return _likelihood(family, values[0], values[1] if len(values) > 1 else 1.0, ended, running)

    if family.parameters == 1:
        curvature = np.array([[at(1) + at(-1) - 2 * at(0)]])
    else:
        crossed = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
        middle = 2 * at(0, 0)
        curvature = np.array(
            [[at(1, 0) + at(-1, 0) - middle, crossed], [crossed, at(0, 1) + at(0, -1) - middle]]
        )
    try:
        variances = np.diag(np.linalg.inv(-curvature / step**2))
    except np.linalg.LinAlgError:
        return {}  # the likelihood is flat: no error can be told
    names = ("mean_s", "cv" if family is LOGNORMAL else "k")
    return {
        name: math.sqrt(value) for name, value in zip(names, variances.tolist(), strict=False) if value > 0
    }


def _root(slope: Callable[[float], float], low: float, high: float) -> float:
    """Return where a rising function is 0, or the end of the range that is nearest to it."""
    if slope(low) >= 0:
        return low
    if slope(high) <= 0:
        return high
    from scipy.optimize import brentq  # who only reads what was fitted does not pay for the import

    return float(brentq(slope, low, high, xtol=1e-10, rtol=1e-12))


def _least(cost: Callable[[FloatArray], float], start: FloatArray) -> tuple[float, float]:
    from scipy.optimize import minimize

    found: Any = minimize(
        cost, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000}
    )
    return float(found.x[0]), float(found.x[1])


# --- how well it fits ---


def _goodness(
    best: Candidate,
    ended: FloatArray,
    running: FloatArray,
    draw: Draw,
    grain_s: float,
    replications: int,
) -> Goodness:
    family = _family(best.distribution)
    mean, second = best.distribution.mean_s, _second(best.distribution)
    seen = _distance(family, mean, second, ended, running)
    # When one that still runs would have been seen last is itself a duration, which the ended ones censor.
    looks, left = _kaplan_meier(running, ended) if len(running) else (np.empty(0), np.empty(0))
    farther = drawn = 0
    for _ in range(replications):
        x = _grained(family.quantile(mean, second, draw(len(ended) + len(running))), grain_s)
        over = np.full(len(x), math.inf)
        if len(running):
            place = np.searchsorted(-left, -draw(len(x)))
            over = np.append(looks, math.inf)[place]
        some, cut = x[x <= over], over[x > over]
        if len(some) < family.parameters or np.ptp(some) == 0:
            continue
        drawn += 1
        again = family.estimate(some, cut)
        farther += _distance(family, *again, some, cut) >= seen
    name = "Kaplan-Meier" if len(running) else "Anderson-Darling"
    return Goodness(name, seen, (1 + farther) / (1 + drawn), drawn)


def _distance(family: _Family, mean: float, second: float, ended: FloatArray, running: FloatArray) -> float:
    if len(running):
        at, lasting = _kaplan_meier(ended, running)
        fitted = 1 - family.cumulative(mean, second, at)
        before = np.concatenate(([1.0], lasting[:-1]))
        return float(np.maximum(np.abs(lasting - fitted), np.abs(before - fitted)).max())
    u = np.clip(family.cumulative(mean, second, np.sort(ended)), 1e-12, 1 - 1e-12)
    n = len(u)
    weights = 2 * np.arange(1, n + 1) - 1
    return float(-n - (weights @ (np.log(u) + np.log1p(-u[::-1]))) / n)


def _kaplan_meier(ended: FloatArray, running: FloatArray) -> tuple[FloatArray, FloatArray]:
    at, deaths = np.unique(ended, return_counts=True)
    everything = np.sort(np.concatenate((ended, running)))
    at_risk = len(everything) - np.searchsorted(everything, at, side="left")
    lasting: FloatArray = np.cumprod(1 - deaths / at_risk, dtype=np.float64)
    return at, lasting


def _ready(sample: Sample, grain_s: float) -> tuple[FloatArray, FloatArray]:
    ended, running = np.array(sample.ended_s, float), np.array(sample.running_s, float)
    if not len(ended):
        raise DomainError(f"nothing of {len(running)} durations ended: expected at least one that did")
    if not grain_s and not ended.all():
        raise DomainError("a duration of 0 s: expected the grain that durations were rounded to")
    return np.maximum(ended, grain_s / 2), running


def _grained(x: FloatArray, grain_s: float) -> FloatArray:
    return np.maximum(np.round(x / grain_s) * grain_s, grain_s / 2) if grain_s else np.maximum(x, TINY)


def _outliers(ended: FloatArray, policy: str) -> Outliers:
    low, high = np.quantile(np.log(ended), (0.25, 0.75))
    reach = FENCE * (high - low)
    if reach == 0:  # more than half are alike: what differs is not far from a spread that nobody knows
        return Outliers(policy, 0.0, math.inf)
    below, above = math.exp(low - reach), math.exp(min(high + reach, 700.0))
    far = np.sort(ended[(ended < below) | (ended > above)])
    return Outliers(policy, below, above, tuple(far.tolist()))


def _empirical(ended: FloatArray) -> Empirical:
    values = np.sort(ended)
    if len(values) > EMPIRICAL_MAX:
        values = np.quantile(values, (np.arange(EMPIRICAL_MAX) + 0.5) / EMPIRICAL_MAX)
    return Empirical(tuple(values.tolist()))
