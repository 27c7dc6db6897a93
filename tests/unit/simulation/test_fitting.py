"""What is fitted to samples of a known distribution is that distribution, and its evidence is true."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from taktwin.entropy import Entropy
from taktwin.errors import DomainError
from taktwin.simulation import fitting
from taktwin.simulation.distributions import (
    Distribution,
    Empirical,
    Exponential,
    Fixed,
    FloatArray,
    Gamma,
    LogNormal,
    Weibull,
)
from taktwin.simulation.fitting import Sample, fit, fit_levels, kaplan_meier, together


def draw(seed: int) -> Callable[[int], FloatArray]:
    return Entropy(seed).generator("fitting").random


def drawn(truth: Distribution, n: int, seed: int) -> FloatArray:
    quantile = np.vectorize(truth.shape.quantile())
    return np.asarray(truth.mean_s * quantile(Entropy(seed).generator("sample").random(n)))


def cut(values: FloatArray, seed: int, looks_s: float) -> Sample:
    """Return the sample as it is if each duration is looked at once, at a time of its own."""
    looks = Entropy(seed).generator("looks").random(len(values)) * looks_s
    return Sample(tuple(values[values <= looks]), tuple(looks[values > looks]))


TRUTHS = [
    Exponential(400.0),
    LogNormal(400.0, 0.6),
    Weibull(400.0, 1.8),
    Weibull(400.0, 0.7),
    Gamma(400.0, 3.0),
]


def second(distribution: Distribution) -> float:
    return fitting._second(distribution)


def of_family(truth: Distribution, sample: Sample) -> fitting.Candidate:
    ended, running = np.array(sample.ended_s), np.array(sample.running_s)
    return fitting._candidate(fitting._family(truth), ended, running)


def z_of(truth: Distribution, sample: Sample) -> list[float]:
    """Return how many standard errors each parameter lies from the truth."""
    best = of_family(truth, sample)
    errors = fitting._errors(best, np.array(sample.ended_s), np.array(sample.running_s))
    pairs = [(best.distribution.mean_s, truth.mean_s, errors["mean_s"])]
    if len(errors) > 1:
        (name,) = set(errors) - {"mean_s"}
        pairs.append((second(best.distribution), second(truth), errors[name]))
    return [math.log(found / true) / error for found, true, error in pairs]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    truth=st.sampled_from(TRUTHS), n=st.integers(60, 800), seed=st.integers(0, 10**6), is_cut=st.booleans()
)
def test_the_parameters_come_back(truth: Distribution, n: int, seed: int, is_cut: bool) -> None:
    values = drawn(truth, n, seed)
    sample = cut(values, seed, 2 * truth.mean_s) if is_cut else Sample(tuple(values))
    assert max(abs(z) for z in z_of(truth, sample)) < 4.5


def coverage(truth: Distribution, spoil: Callable[[Sample], Sample] = lambda sample: sample) -> float:
    """Return how often the truth lies within 1.96 standard errors, over all parameters of 80 samples."""
    inside = [
        abs(z) < 1.96
        for seed in range(80)
        for z in z_of(truth, spoil(cut(drawn(truth, 150, seed), seed, 2 * truth.mean_s)))
    ]
    return float(np.mean(inside))


@pytest.mark.parametrize("truth", TRUTHS, ids=str)
def test_intervals_hold_what_they_promise_also_with_censored_ones(truth: Distribution) -> None:
    # 80 or 160 trials at 95 %: three standard errors of the share are 7.3 or 5.2 %.
    assert coverage(truth) >= 0.877


def test_who_drops_what_still_runs_is_found() -> None:
    assert coverage(Weibull(400.0, 1.8), lambda sample: Sample(sample.ended_s)) < 0.5


def test_the_likelihood_is_that_of_a_known_library() -> None:
    values = drawn(Weibull(400.0, 1.8), 200, 5)
    sample = cut(values, 5, 900.0)
    censored = stats.CensoredData.right_censored(
        [*sample.ended_s, *sample.running_s], [False] * len(sample.ended_s) + [True] * len(sample.running_s)
    )
    for truth, theirs in (
        (Exponential(1.0), stats.expon), (LogNormal(1.0, 1.0), stats.lognorm),
        (Weibull(1.0, 1.0), stats.weibull_min), (Gamma(1.0, 1.0), stats.gamma),
    ):  # fmt: skip
        best = of_family(truth, sample)
        fitted = theirs.fit(censored, floc=0)
        reached = -theirs.nnlf(fitted, np.array(sample.ended_s))
        reached += theirs.logsf(np.array(sample.running_s), *fitted).sum()
        assert best.log_likelihood == pytest.approx(reached, abs=2e-3)
        assert best.log_likelihood >= reached - 1e-6, "theirs searches too: ours may not be below it"
        assert fitting.log_likelihood(best.distribution, sample) == pytest.approx(best.log_likelihood)
        places = np.array([50.0, 400.0, 900.0])
        assert fitting.cumulative(best.distribution, places) == pytest.approx(
            theirs.cdf(places, *fitted), abs=1e-3
        )


def test_the_curve_of_kaplan_and_meier_is_that_of_a_known_library() -> None:
    sample = cut(np.round(drawn(LogNormal(40.0, 1.0), 120, 3)), 3, 100.0)
    theirs = stats.ecdf(
        stats.CensoredData.right_censored(
            [*sample.ended_s, *sample.running_s],
            [False] * len(sample.ended_s) + [True] * len(sample.running_s),
        )
    ).sf
    at, lasting = kaplan_meier(sample)
    assert lasting == pytest.approx(theirs.evaluate(at))


def test_the_evidence_of_few_of_which_one_still_runs_is_what_a_pencil_says() -> None:
    # Three of 10, 20 and 30 s ended and one still runs at 30: too few for any but the exponential, whose mean
    # is 90 s over the three. The curve goes from 1 to 3/4, 1/2 and 1/4, so the fit is farthest off just
    # before the first end. Who still runs is no observation by which the few are corrected for.
    found = fit(Sample((10.0, 20.0, 30.0), (30.0,)), draw(1), replications=1)
    assert found.goodness is not None and found.goodness.value == pytest.approx(1 - math.exp(-1 / 3))
    [only] = found.candidates
    assert only.distribution == Exponential(30.0)
    assert only.log_likelihood == pytest.approx(-3 * (math.log(30.0) + 1))
    assert only.aicc == pytest.approx(2 + 6 * (math.log(30.0) + 1) + 2 * 2 / (3 - 1 - 1))


@pytest.mark.parametrize("is_cut", [False, True])
def test_p_is_even_under_the_truth_and_small_under_another(is_cut: bool) -> None:
    truth = LogNormal(400.0, 0.9)

    def p_of(values: FloatArray, seed: int) -> float:
        sample = cut(values, seed, 2000.0) if is_cut else Sample(tuple(values))
        ended, running = np.array(sample.ended_s), np.array(sample.running_s)
        best = fitting._candidate(fitting.LOGNORMAL, ended, running)
        return fitting._goodness(best, ended, running, draw(seed), 0.0, 19).p

    n = 40 if is_cut else 80
    right = [p_of(drawn(truth, n, seed), seed) for seed in range(40)]
    # 40 even numbers: the share up to 0.1 is 0.1 +- 0.14 at three standard errors.
    assert np.mean(np.array(right) <= 0.1) <= 0.24
    assert 0.35 < np.mean(right) < 0.65
    two_kinds = [
        np.concatenate((drawn(Fixed(50.0), 60, 1), drawn(LogNormal(500.0, 0.1), 60, seed)))
        for seed in range(5)
    ]
    assert max(p_of(values, seed) for seed, values in enumerate(two_kinds)) <= 0.05


def test_the_family_is_chosen_and_the_others_are_shown() -> None:
    for truth in (LogNormal(400.0, 0.9), Weibull(400.0, 2.5), Gamma(400.0, 0.5)):
        found = fit(Sample(tuple(drawn(truth, 700, 1))), draw(1))
        assert type(found.distribution) is type(truth)
        assert [each.aicc for each in found.candidates] == sorted(each.aicc for each in found.candidates)
        assert len(found.candidates) == 4
        assert found.goodness is not None and found.goodness.p > 0.01
        low, high = found.mean_between_s()
        assert low < found.distribution.mean_s < high
        assert f"n = {found.n}" in found.told()
        assert found == fit(Sample(tuple(drawn(truth, 700, 1))), draw(1)), "the same seed, the same evidence"


def test_what_no_family_fits_stands_for_itself() -> None:
    values = np.concatenate((drawn(LogNormal(60, 0.05), 100, 1), drawn(LogNormal(600, 0.05), 100, 2)))
    found = fit(Sample(tuple(values)), draw(1))
    assert isinstance(found.distribution, Empirical)
    assert "no family fits" in found.method
    assert found.goodness is not None and found.goodness.p == 0.01
    assert found.distribution.mean_s == pytest.approx(float(values.mean()))


def test_a_log_of_whole_minutes_is_not_called_a_bad_fit() -> None:
    minutes = np.round(drawn(LogNormal(200.0, 0.8), 400, 4) / 60) * 60
    rounded = fit(Sample(tuple(minutes)), draw(1), grain_s=60.0)
    assert rounded.goodness is not None and rounded.goodness.p > 0.05
    assert rounded.distribution.mean_s == pytest.approx(200.0, rel=0.15)
    naive = fit(Sample(tuple(np.maximum(minutes, 30.0))), draw(1))
    assert naive.goodness is not None and naive.goodness.p <= 0.02


def test_what_lies_far_out_is_listed_and_kept_unless_one_says_otherwise() -> None:
    values = (*drawn(LogNormal(400.0, 0.3), 50, 1), 90_000.0)
    kept = fit(Sample(values), draw(1))
    assert kept.outliers is not None
    assert (kept.outliers.policy, kept.outliers.values_s, kept.n) == ("kept", (90_000.0,), 51)
    aside = fit(Sample(values), draw(1), set_aside=True)
    assert aside.outliers is not None
    assert (aside.outliers.policy, aside.outliers.values_s, aside.n) == ("set aside", (90_000.0,), 50)
    assert "far out set aside" in aside.told()
    assert aside.distribution.mean_s < 450 < kept.distribution.mean_s


def test_a_group_too_small_is_pooled_and_says_so() -> None:
    few, some, many = (Sample(tuple(drawn(LogNormal(400.0, 0.5), n, n))) for n in (4, 12, 60))
    levels = [("mill.1", few), ("mill", together([few, some])), ("all", together([few, some, many]))]
    found = fit_levels(levels, draw(1))
    assert (found.level, found.pooled, found.n, found.n_own) == ("all", True, 76, 4)
    assert "pooled from all (own: 4)" in found.told()
    found = fit_levels(levels, draw(1), enough=10)
    assert (found.level, found.pooled, found.n) == ("mill", True, 16)
    found = fit_levels(levels[2:], draw(1))
    assert (found.level, found.pooled, found.n_own) == ("all", False, 76)
    assert "pooled" not in found.told()


def test_together_keeps_everything_and_the_widest_range() -> None:
    both = together([Sample((1.0,), (5.0,), 10, 20), Sample((2.0,), (), 5, 15), Sample(())])
    assert both == Sample((1.0, 2.0), (5.0,), 5, 20)


def test_small_and_odd_samples() -> None:
    assert fit(Sample((30.0, 30.0, 30.0)), draw(1)).distribution == Fixed(30.0)
    assert fit(Sample((30.0,)), draw(1)).method == "all alike"
    one = fit(Sample((30.0,), (90.0, 90.0)), draw(1))
    assert one.distribution == Exponential(210.0)
    assert one.method == "too few to choose a family"
    with pytest.raises(DomainError, match="nothing of 2 durations ended"):
        fit(Sample((), (3.0, 4.0)), draw(1))
    with pytest.raises(DomainError, match="expected the grain"):
        fit(Sample((0.0, 4.0)), draw(1))
    assert fit(Sample((0.0, 60.0, 120.0, 60.0)), draw(1), grain_s=60.0).distribution.mean_s > 0
    with pytest.raises(DomainError, match="-1"):
        Sample((-1.0,))
    with pytest.raises(DomainError, match="expected a family that is fitted"):
        fitting.cumulative(Fixed(3.0), np.array([1.0]))
