"""Parameters that may be the true ones as well: they hold what is true as often as they say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from taktwin.entropy import Entropy
from taktwin.simulation.distributions import Exponential, Fixed, Weibull
from taktwin.simulation.fitting import Candidate, Fitted, Sample, fit
from taktwin.simulation.parameters import Figure, ParameterSet
from taktwin.whatif import kept, uncertain, varying
from taktwin.whatif.backtest_run import others_of, predicted
from taktwin.whatif.model import Parameters, translated
from taktwin.whatif.observe import Seen
from taktwin.whatif.present import present, varied
from taktwin.whatif.uncertain import drawn
from taktwin.whatif.varying import WINDOW_NS, scrap_spread, spread_of_counts, spread_of_means, work_spread
from tests.unit.whatif.test_calibrate import MEASURED
from tests.unit.whatif.test_whatif import NOON, REGISTRY, order, picture

NAME = "until/press2/4302/working"


def stream(name: str) -> Any:
    """Return a named stream of numbers, the same each time."""
    return Entropy(11).generator(name)


def held(events: int, plants: int = 150, sets: int = 79) -> float:
    """Return in what share of plants 95 % of drawn sets hold the true mean, which few failures tell of."""
    data, draw = stream("data"), stream("draw").random
    found = 0
    for _ in range(plants):
        seen = fit(Sample(tuple(data.exponential(3600.0, events).tolist())), draw, replications=0)
        fitted = replace(seen, distribution=Exponential(float(seen.distribution.mean_s)))
        known = ParameterSet("x", {NAME: fitted})
        means = sorted(drawn(known, draw).fits[NAME].distribution.mean_s for _ in range(sets))
        found += means[1] <= 3600.0 <= means[-2]
    return found / plants


def test_what_few_failures_leave_open_holds_the_truth_as_often_as_it_says() -> None:
    assert 0.90 <= held(4) <= 0.99


def test_who_believes_the_numbers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncertain, "FACTOR_MAX", 1.0)  # as if what was fitted were the truth
    assert held(4) < 0.5


def of_mean(mean_s: float, n: int, error_s: float = 0.0) -> Fitted:
    """Return what some times of a mean say, with its standard error as a share."""
    seen = fit(Sample((mean_s,) * 20), stream("fit").random, replications=0)
    errors = {"mean_s": error_s} if error_s else {}
    return replace(seen, distribution=Exponential(mean_s), candidates=(), n=n, errors=errors)


@pytest.mark.parametrize(("level", "rate"), [(0.1, 0.1053605), (0.5, 0.6931472), (0.9, 2.3025851)])
def test_from_one_failure_its_rate_is_drawn_and_the_mean_is_its_inverse(level: float, rate: float) -> None:
    # Gamma(1) is the exponential distribution: below -log(1 - level) lies that share of it.
    [found] = drawn(ParameterSet("x", {NAME: of_mean(3600.0, 1)}), lambda n: np.full(n, level)).fits.values()
    assert found.distribution.mean_s == pytest.approx(3600.0 / rate)


def test_a_rate_is_drawn_about_the_law_without_memory_that_was_fitted_too() -> None:
    tried = (Candidate(Exponential(7200.0), 0.0, 0.0),)
    known = replace(of_mean(3600.0, 1), distribution=Weibull(3600.0, 3.0), candidates=tried)
    [found] = drawn(ParameterSet("x", {NAME: known}), lambda n: np.full(n, 0.5)).fits.values()
    assert found.distribution.mean_s == pytest.approx(7200.0 / math.log(2))


@pytest.mark.parametrize(
    ("level", "factor"), [(0.1586553, 0.5352614), (0.5, 0.8824969), (0.8413447, 1.4549914)]
)
def test_repairs_are_drawn_about_their_mean_and_keep_it(level: float, factor: float) -> None:
    # exp(0.5 z - 0.5^2 / 2) for z of -1, 0 and 1; over all levels that is 1.
    known = ParameterSet("x", {"repair/press2/1": of_mean(60.0, 9, 0.5)})
    [found] = drawn(known, lambda n: np.full(n, level)).fits.values()
    assert found.distribution.mean_s == pytest.approx(60.0 * factor)
    levels = ((np.arange(400) + 0.5) / 400).tolist()
    of_all = [drawn(known, lambda n, at=each: np.full(n, at)).fits.popitem()[1] for each in levels]
    assert np.mean([each.distribution.mean_s for each in of_all]) == pytest.approx(60.0, rel=2e-3)


def test_scrap_and_pace_are_those_of_another_shift() -> None:
    figures = {
        "scrap/leak2/EA-100": Figure(0.05, "1", 4000), "varies/scrap/leak2": Figure(0.8, "1", 30),
        "scrap/leak3/EA-200": Figure(0.05, "1", 4000), "varies/work/press2": Figure(0.1, "1", 30),
    }  # fmt: skip
    known = ParameterSet("x", MEASURED.fits, figures)
    draw = stream("draw").random
    sets = [drawn(known, draw) for _ in range(400)]
    burst, steady = (
        np.array([each.figures[name].value for each in sets])
        for name in ("scrap/leak2/EA-100", "scrap/leak3/EA-200")
    )
    assert burst.mean() == pytest.approx(0.05, rel=0.15) and burst.std() == pytest.approx(0.04, rel=0.2)
    assert steady.std() == pytest.approx(np.sqrt(0.05 * 0.95 / 4000), rel=0.2)
    paces = [
        next(each for each in translated(
            REGISTRY, kept.parameters_of(one), now_ns=NOON, horizon_s=3600.0
        ).centers if each.name == "press2").machines[1].pace
        for one in sets[:100]
    ]  # fmt: skip
    assert np.std([1 / pace for pace in paces if pace]) == pytest.approx(0.1, rel=0.3)


def shifts(n: int, parts: int, spread: float) -> Seen:
    """Return a unit whose shifts differ in pace and scrap by a spread."""
    chance = stream("shifts")
    seen = Seen("press2")
    for shift in range(n):
        level = float(chance.gamma(1 / spread**2, spread**2)) if spread else 1.0
        at_ns = shift * WINDOW_NS
        for part in range(parts):
            cycles = seen.cycles["A"]
            cycles.at_ns.append(at_ns + part)
            cycles.work_s.append(80.0 * (1 + (level - 1) / 4) * float(chance.normal(1.0, 0.03)))
            cycles.parts.append(1)
            seen.counts.at_ns.append(at_ns + part)
            seen.counts.parts.append(1)
            seen.counts.is_good.append(chance.random() > 0.04 * level)
    return seen


def test_what_shifts_have_of_their_own_is_told_from_chance() -> None:
    steady = shifts(60, 150, 0.0)
    assert (work_spread(steady) or (1, 0))[0] < 0.0015 and (scrap_spread(steady) or (1, 0))[0] < 0.25
    moved = shifts(60, 150, 0.6)
    assert work_spread(moved) == (pytest.approx(0.15, rel=0.35), 60)
    assert scrap_spread(moved) == (pytest.approx(0.6, rel=0.35), 60)
    assert work_spread(shifts(4, 150, 0.6)) is None and scrap_spread(shifts(4, 150, 0.6)) is None


def test_a_spread_of_nothing_and_of_what_never_varies_within() -> None:
    assert spread_of_counts(np.array([0, 0]), np.array([50, 60])) == 0.0
    alike = [np.full(30, 10.0), np.full(30, 12.0)]
    assert spread_of_means(alike) == pytest.approx(np.sqrt(2) / 11)
    assert varying.spread_of_means([np.array([1.0, 3.0] * 20)] * 5) == 0.0


def test_sets_come_from_the_calibration_alone_and_runs_are_dealt_out_to_them() -> None:
    assert others_of(Parameters()) == ()
    figures = {**MEASURED.figures, "varies/work/load2": Figure(0.5, "1", 30)}
    parameters = kept.parameters_of(ParameterSet("x", MEASURED.fits, figures))
    sets, again = others_of(parameters, 9), others_of(parameters, 9)
    assert [each.measured for each in sets] == [each.measured for each in again]
    here = present(REGISTRY, picture(load2="production"), {"lines": order("1", 60)}, parameters=parameters,
                   horizon_s=7200.0)  # fmt: skip
    plants = [varied(here, REGISTRY, each, horizon_s=7200.0) for each in sets]
    assert all(each.orders is here.plant.orders for each in plants)
    alone, _ = predicted(here, 7200.0, runs=20, seed=1, threads=1)
    dealt, _ = predicted(here, 7200.0, runs=20, seed=1, threads=1, others=plants)
    assert len(dealt["wip"]) == 20 and list(dealt["wip"][:2]) == list(alone["wip"][:2])
    assert dealt["parts_done"].std() > 2 * alone["parts_done"].std()
    thirds, _ = predicted(here, 7200.0, runs=20, seed=1, threads=1, others=plants[:2])
    assert len(thirds["wip"]) == 21, "as many to each as make up the runs at least"
    # The very same plant as another set has other luck.
    twice, _ = predicted(here, 7200.0, runs=20, seed=1, threads=1, others=[replace(here.plant)])
    assert list(twice["wip"][:10]) == list(alone["wip"][:10]) != list(twice["wip"][10:])


def test_what_does_not_vary_and_what_was_measured_value_by_value_stays() -> None:
    fitted = fit(
        Sample(tuple(stream("work").lognormal(4, 0.5, 30).tolist())), stream("f").random, replications=0
    )
    known = ParameterSet("x", {
        "work/press2/any": fitted, "repair/press2/1": fitted,
        "setup/press2/A/B": replace(fitted, distribution=Fixed(5.0)),
    })  # fmt: skip
    found = drawn(known, stream("draw").random)
    assert found.fits["work/press2/any"] == fitted
    assert found.fits["setup/press2/A/B"].distribution == Fixed(5.0)
    repair = found.fits["repair/press2/1"].distribution
    assert type(repair) is type(fitted.distribution) and repair != fitted.distribution
