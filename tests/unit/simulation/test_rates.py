"""Yields and failure rates lie within their intervals as often as promised."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from taktwin.entropy import Entropy
from taktwin.errors import DomainError
from taktwin.simulation.distributions import Exponential, Weibull
from taktwin.simulation.fitting import Sample
from taktwin.simulation.rates import share, wear


@pytest.mark.parametrize("n", [5, 40, 400])
@pytest.mark.parametrize("truth", [0.5, 0.9, 0.98])
def test_a_yield_lies_within_its_interval(n: int, truth: float) -> None:
    # Over all outcomes, weighted by how likely each is: no chance in it.
    held = sum(
        stats.binom.pmf(good, n, truth)
        for good in range(n + 1)
        if share(good, n).low <= truth <= share(good, n).high
    )
    assert held > 0.89
    assert share(n - 1, n).low == pytest.approx(stats.beta.ppf(0.025, n - 0.5, 1.5))


def test_all_good_is_no_proof_of_perfection() -> None:
    assert (share(20, 20).high, share(0, 20).low) == (1.0, 0.0)
    assert 0.85 < share(20, 20).low < 0.92
    assert share(3, 4).value == 0.75
    for good, n in ((1, 0), (5, 4), (-1, 4)):
        with pytest.raises(DomainError, match="expected 1 or more trials"):
            share(good, n)


def lives(truth: Exponential | Weibull, n: int, seed: int) -> Sample:
    numbers = Entropy(seed).generator("lives").random((2, n))
    ends = truth.mean_s * np.vectorize(truth.shape.quantile())(numbers[0])
    looks = numbers[1] * 3 * truth.mean_s
    return Sample(tuple(ends[ends <= looks]), tuple(looks[ends > looks]))


def test_wear_is_seen_and_none_is_seen_where_there_is_none() -> None:
    worn = wear(lives(Weibull(100.0, 2.5), 200, 1), (0.0, 50.0, 100.0, math.inf))
    rates = [age.rate for age in worn.ages]
    assert rates == sorted(rates) and worn.p < 1e-6 and worn.k > 2
    assert sum(wear(lives(Exponential(100.0), 60, seed), (0.0, 100.0)).p <= 0.05 for seed in range(100)) <= 12


def test_the_rate_by_age_is_counted_by_hand() -> None:
    found = wear(Sample((30.0, 80.0), (60.0,)), (0.0, 50.0, 100.0, 200.0))
    assert [(age.failures, age.at_risk_s) for age in found.ages] == [(1, 130.0), (1, 40.0), (0, 0.0)]
    assert found.ages[0].low == pytest.approx(stats.chi2.ppf(0.025, 2) / 2 / 130)
    assert found.ages[0].high == pytest.approx(stats.chi2.ppf(0.975, 4) / 2 / 130)
    assert math.isnan(found.ages[2].rate) and found.ages[2].high == math.inf


def test_who_fails_at_the_end_of_an_age_fails_in_it() -> None:
    ages = wear(Sample((50.0, 100.0)), (0.0, 50.0, 100.0, math.inf)).ages
    assert [(age.failures, age.at_risk_s) for age in ages] == [(1, 100.0), (1, 50.0), (0, 0.0)]


def test_the_true_rate_lies_within_the_interval() -> None:
    held = []
    for seed in range(200):
        (age,) = wear(lives(Exponential(100.0), 20, seed), (0.0, math.inf)).ages
        held.append(age.low <= 0.01 <= age.high)
    assert 0.91 <= np.mean(held) <= 0.995


def test_what_cannot_be_asked() -> None:
    with pytest.raises(DomainError, match="1 failures"):
        wear(Sample((1.0,), (2.0,)), (0.0, 5.0))
    for edges in ((0.0,), (5.0, 1.0), (-1.0, 4.0)):
        with pytest.raises(DomainError, match="rising"):
            wear(Sample((1.0, 2.0)), edges)
