"""Drift is found, and nothing that has not changed is called so more often than was promised."""

from __future__ import annotations

import numpy as np
import pytest

from taktwin.entropy import Entropy
from taktwin.errors import DomainError
from taktwin.simulation.distributions import Distribution, Exponential, LogNormal, Weibull
from taktwin.simulation.drift import Drift, alarms, drift
from taktwin.simulation.fitting import Sample


def seen(truth: Distribution, n: int, seed: int, looks_s: float = 1e9) -> Sample:
    numbers = Entropy(seed).generator("sample").random((2, n))
    values = truth.mean_s * np.vectorize(truth.shape.quantile())(numbers[0])
    looks = numbers[1] * looks_s
    return Sample(tuple(values[values <= looks]), tuple(looks[values > looks]))


@pytest.mark.parametrize(
    ("truth", "looks_s"),
    [(LogNormal(100.0, 0.8), 1e9), (Exponential(100.0), 300.0)],
    ids=["whole", "censored"],
)
def test_false_alarms_come_as_often_as_promised(truth: Distribution, looks_s: float) -> None:
    # Families whose fit is a formula where they are whole or a sum, so that 200 questions cost little.
    found = [
        drift(truth, seen(truth, 25, seed, looks_s), seen(truth, 12, 1000 + seed, looks_s),
              Entropy(seed).generator("mix").random, mixings=19).p
        for seed in range(200)
    ]  # fmt: skip
    # Of 200 at 10 %: 20, and three standard deviations are 13.
    assert 7 <= sum(p <= 0.1 for p in found) <= 33


def test_a_changed_mean_and_a_changed_spread_are_found() -> None:
    before = seen(LogNormal(100.0, 0.4), 80, 1)
    draw = Entropy(1).generator("mix").random
    slower = drift(LogNormal(1, 1), before, seen(LogNormal(130.0, 0.4), 30, 2), draw, mixings=99)
    assert slower.p <= 0.02
    assert 1.1 < slower.mean_ratio < 1.5
    assert (slower.n_before, slower.n_recent) == (80, 30)
    wilder = drift(LogNormal(1, 1), before, seen(LogNormal(100.0, 1.0), 30, 2), draw, mixings=99)
    assert wilder.p <= 0.02
    wear = drift(
        Weibull(1, 1),
        seen(Weibull(100.0, 1.0), 60, 3, 400),
        seen(Weibull(40.0, 1.0), 30, 4, 400),
        draw,
        mixings=49,
    )
    assert wear.p <= 0.04


def test_the_smallest_p_is_one_of_the_mixings_and_the_sample_itself() -> None:
    before, recent = Sample(tuple(range(100, 120))), Sample(tuple(range(900, 920)))
    assert drift(LogNormal(1, 1), before, recent, Entropy(1).generator("mix").random, mixings=9).p == 0.1


def test_many_questions_together_give_no_more_false_alarms_than_one() -> None:
    def at(p: float) -> Drift:
        return Drift(0.0, p, 1.0, 10, 10)

    quiet = {f"step {n}": at((n + 1) / 101) for n in range(100)}  # what chance alone gives
    assert alarms(quiet) == ()
    assert [name for name, each in quiet.items() if each.p <= 0.05] != []
    assert alarms({**quiet, "mill": at(0.0001)}) == ("mill",)
    # The second of two is held against the level itself once the first is out.
    assert alarms({"a": at(0.02), "b": at(0.04)}) == ("a", "b")
    assert alarms({"a": at(0.03), "b": at(0.04)}) == ()


def test_too_few_is_said() -> None:
    some = Sample((1.0, 2.0, 3.0))
    for bad in (Sample((1.0,), (4.0,)), Sample((0.0, 1.0))):
        with pytest.raises(DomainError, match="expected 2, all above 0"):
            drift(Exponential(1.0), some, bad, Entropy(1).generator("mix").random)
