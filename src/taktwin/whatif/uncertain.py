"""Parameters as they might be as well: comes in a calibration, go out others that the same data allow.

An interval out of one set of numbers is too narrow by nature: from five failures nobody knows how often a
machine fails, and no shift is like another. So a prediction is made of several sets. In each, means are
drawn from what their samples leave open, and what was seen to differ from shift to shift beyond chance is
that of another shift. Pure: the same stream gives the same sets.

| drawn | from |
|---|---|
| rate of failures | its posterior: n of them in the time that was seen, Gamma(n) |
| repair, set-up | lognormal about the mean, by the fit's standard error |
| share of scrap | Jeffreys' posterior, Beta(k + 1/2, n - k + 1/2), times the level of a shift |
| pace of a unit | the level of a shift |
| level of a shift | Gamma of mean 1 with the spread between shifts, `varies/...` |

The shape of a distribution stays: a mean says nearly all of what a shift feels of it. What was measured value
by value (50 and more) stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import replace

from scipy.special import betaincinv, gammaincinv, ndtri

from taktwin.simulation.distributions import Distribution, Exponential, Gamma, LogNormal, Weibull
from taktwin.simulation.fitting import Draw, Fitted
from taktwin.simulation.parameters import Figure, ParameterSet
from taktwin.whatif.measured import memoryless

FACTOR_MAX = 20.0  # of one failure alone nobody believes that it comes so much more or less often
SCRAP_MAX = 0.5
UNTIL = "until"
DRAWN = (UNTIL, "repair", "setup")


def drawn(found: ParameterSet, draw: Draw) -> ParameterSet:
    """Return another set of parameters that the data of a calibration would allow."""
    fits = {
        name: replace(fit, distribution=_drawn(fit, draw, is_until=kind == UNTIL), candidates=())
        if (kind := name.split("/")[0]) in DRAWN
        else fit
        for name, fit in sorted(found.fits.items())
    }
    levels = {
        name: _level(figure.value, draw) for name, figure in sorted(found.figures.items())
        if name.startswith("varies/")
    }  # fmt: skip
    figures = {}
    for name, figure in sorted(found.figures.items()):
        kind, unit, *_ = name.split("/")
        if kind == "scrap":
            figures[name] = _scrap(figure, draw, levels.get(f"varies/scrap/{unit}", 1.0))
        else:
            figures[name] = figure
    for name, level in levels.items():
        _, kind, unit = name.split("/")
        if kind == "work":
            figures[f"level/{unit}"] = replace(found.figures[name], value=level)
    return ParameterSet(found.source, fits, figures)


def _level(spread: float, draw: Draw) -> float:
    if spread <= 0:
        return 1.0
    k = 1 / spread**2
    return float(gammaincinv(k, draw(1)[0])) / k


def _scrap(figure: Figure, draw: Draw, level: float) -> Figure:
    bad = figure.value * figure.n
    share = float(betaincinv(bad + 0.5, figure.n - bad + 0.5, draw(1)[0]))
    return replace(figure, value=min(SCRAP_MAX, share * level))


def _drawn(fit: Fitted, draw: Draw, *, is_until: bool) -> Distribution:
    level = min(max(float(draw(1)[0]), 1e-9), 1 - 1e-9)
    if is_until:
        # The rate has its posterior, whatever the family: its mean is the rate that was seen.
        n = max(fit.n, 1)
        return Exponential(memoryless(fit).mean_s * _within(n / float(gammaincinv(n, level))))
    error = fit.errors.get("mean_s", 0.0)
    factor = _within(math.exp(error * float(ndtri(level)) - error**2 / 2))
    if isinstance(fit.distribution, Exponential | LogNormal | Weibull | Gamma):
        return replace(fit.distribution, mean_s=fit.distribution.mean_s * factor)
    return fit.distribution


def _within(factor: float) -> float:
    return min(FACTOR_MAX, max(1 / FACTOR_MAX, factor))
