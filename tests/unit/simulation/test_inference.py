"""What is said of replications is true as often as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from taktwin.errors import DomainError
from taktwin.simulation.inference import (
    Precision,
    Racing,
    half_width,
    probability_best,
    t_quantile,
)


@pytest.mark.parametrize(
    ("probability", "freedom", "t"),
    [
        (0.975, 1, 12.706205), (0.975, 2, 4.302653), (0.975, 4, 2.776445), (0.975, 29, 2.045230),
        (0.95, 7, 1.894579), (0.95, 29, 1.699127), (0.995, 9, 3.249836), (0.975, 1000, 1.962339),
        (0.999, 3, 10.214532), (0.5, 5, 0.0), (0.975, 1_000_000, 1.959966),
    ],
)  # fmt: skip
def test_t_is_the_table(probability: float, freedom: int, t: float) -> None:
    # Source: any table of Student's t, here Abramowitz and Stegun 26.10 with more digits.
    assert t_quantile(probability, freedom) == pytest.approx(t, abs=2e-6)


def test_both_roads_to_t_meet() -> None:
    for probability in (0.9, 0.975, 0.995):
        steps = [t_quantile(probability, freedom) for freedom in range(94, 106)]
        bends = np.diff(steps, 2)
        assert (bends[:-1] / bends[1:] < 1.05).all() and (bends > 0).all(), "a step between 99 and 100"


def test_a_quantile_that_cannot_be_is_refused() -> None:
    for probability, freedom in ((0.4, 3), (1.0, 3), (0.9, 0)):
        with pytest.raises(DomainError):
            t_quantile(probability, freedom)


def test_an_interval_covers_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(1).normal(10.0, 3.0, (4000, 6))
    covered = np.mean([abs(row.mean() - 10.0) <= half_width(row) for row in drawn])
    # The standard error of the share is 0.0034; with the normal quantile it would be 0.89.
    assert covered == pytest.approx(0.95, abs=4 * 0.0034)


def test_one_value_says_nothing_of_its_mean() -> None:
    assert math.isnan(half_width(np.array([3.0])))


# ---- enough replications


def runs(cv: float, seed: int, count: int = 700) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(100.0, 100.0 * cv, count)


def test_precision_stops_where_the_formula_expects() -> None:
    # n with t * cv / sqrt(n) = 5 %: 18 at a cv of 10 %, 64 at 20 %, 386 at 50 %; the first passage is early.
    for cv, expected in ((0.1, 18), (0.2, 64), (0.5, 386)):
        found = [Precision(0.05).enough(runs(cv, seed)) for seed in range(40)]
        stops = np.array([n for n in found if n is not None])
        assert len(stops) == 40
        assert 0.7 * expected < np.mean(stops) < 1.1 * expected, f"{np.mean(stops)} for {expected}"


def test_the_interval_at_the_stop_covers() -> None:
    # Hoad, Robinson and Davies found coverage near the level with a look-ahead of 5, and less without.
    def coverage(rule: Precision) -> float:
        hits = 0
        for seed in range(400):
            values = runs(0.25, seed, 600)
            n = rule.enough(values)
            assert n is not None
            hits += abs(values[:n].mean() - 100.0) <= half_width(values[:n])
        return hits / 400

    assert coverage(Precision(0.05)) > 0.91
    assert coverage(Precision(0.05)) >= coverage(Precision(0.05, look_ahead=0))


def test_a_precision_that_was_luck_does_not_count() -> None:
    # Five values by chance alike, then the truth: the look-ahead sees it.
    values = np.array([10.0, 10.01, 9.99, 10.0, 10.0, 30.0, -10.0, 25.0, 5.0, 12.0, 8.0])
    assert Precision(0.05, look_ahead=0).enough(values) == 5
    assert Precision(0.05).enough(values) is None


def test_the_look_ahead_grows_with_the_replications() -> None:
    rule = Precision()
    assert [rule.ahead(n) for n in (5, 100, 101, 200, 1000)] == [5, 5, 5, 10, 50]


def test_nothing_is_enough_before_five() -> None:
    same = np.full(20, 7.0)
    assert Precision().enough(same) == 5
    assert Precision().enough(same[:9]) is None, "the look-ahead was not awaited"
    assert Precision().enough(same[:10]) == 5
    assert Precision(0.05, at_least=8).enough(same) == 8


def test_a_mean_of_nothing_is_known_by_its_own_unit() -> None:
    values = np.tile([0.5, -0.5], 50)
    assert Precision(0.05).enough(values) is None
    assert Precision(0.05, absolute=0.2).enough(values) is not None


# ---- races


def race(
    costs: np.ndarray[tuple[int, int], np.dtype[np.float64]], rule: Racing, most: int = 30
) -> tuple[int, int]:
    """Return who wins and the replications that it took, as `experiment` does it."""
    alive = np.arange(len(costs))
    n, used = rule.first, rule.first * len(costs)
    while n < most and len(alive) > 1:
        alive = alive[rule.kept(costs[alive, :n])]
        n += rule.step
        used += len(alive) * rule.step
    return int(alive[costs[alive, :n].mean(1).argmin()]), used


def contenders(seed: int, shared: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return 60 contenders a tenth apart, of which the noise of a replication is shared to a part."""
    draw = np.random.default_rng(seed)
    luck = math.sqrt(shared) * draw.normal(size=30) + math.sqrt(1 - shared) * draw.normal(size=(60, 30))
    return draw.permutation(60)[:, None] * 0.1 + luck


def test_a_race_finds_the_best_with_a_part_of_the_work() -> None:
    # Common luck is what makes races short: measured with and without.
    hits = {0.0: 0, 0.95: 0}
    used = {0.0: 0, 0.95: 0}
    for shared in hits:
        for seed in range(100):
            costs = contenders(seed, shared)
            winner, took = race(costs, Racing())
            hits[shared] += winner == int(np.argmin(np.round(costs.mean(1) * 0 + _truth(seed))))
            used[shared] += took
    assert hits[0.95] >= 90 and used[0.95] < 100 * 60 * 30 * 0.36
    assert hits[0.0] < hits[0.95] and used[0.0] > used[0.95]


def _truth(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    draw = np.random.default_rng(seed)
    draw.normal(size=30)
    draw.normal(size=(60, 30))
    return np.asarray(draw.permutation(60), np.float64)


def test_equals_and_the_leader_stay_in_the_race() -> None:
    luck = np.random.default_rng(1).normal(size=8)
    costs = np.array([luck, luck, luck + 1.0, luck + 1e-9])
    assert Racing().kept(costs).tolist() == [True, True, False, False]


def test_a_race_compares_pair_by_pair() -> None:
    # One unit apart in each replication, under luck of ten: only pairs can tell.
    luck = 10 * np.random.default_rng(1).normal(size=8)
    wobble = 0.1 * np.random.default_rng(2).normal(size=8)
    assert Racing().kept(np.array([luck, luck + 1 + wobble])).tolist() == [True, False]


@pytest.mark.parametrize(("behind", "stays"), [(2.3, True), (2.4, False), (3.1, False)])
def test_a_race_is_lost_at_the_level_to_one_side(behind: float, stays: bool) -> None:
    # Four pairs, in the mean 1 apart, spread so that this is so many standard errors; t(0.95, 3) = 2.353,
    # and 3.182 would be t of an interval of both sides.
    off = math.sqrt(3) / behind
    costs = np.array([[5.0] * 4, [6.0 - off, 6.0 - off, 6.0 + off, 6.0 + off]])
    assert Racing(level=0.95).kept(costs).tolist() == [True, stays]


# ---- who is best


def test_who_is_best_is_as_likely_as_it_is() -> None:
    # Two of a normal mean apart by d standard errors: the better one has the probability Phi(d).
    draw = np.random.default_rng(3)
    shares = [
        probability_best(np.array([np.zeros(40), draw.normal(0.1, 1.0, 40)]), seed)[0] for seed in range(300)
    ]
    # Mean of Phi(z) for z ~ N(0.1 * sqrt(40), 1): Phi(0.632 / sqrt 2) = 0.673, of standard error 0.016.
    assert np.mean(shares) == pytest.approx(0.673, abs=0.065)


def test_who_is_worse_in_every_replication_is_never_best() -> None:
    # Drawn anew, the two replications are both the first in a quarter of the cases: then 0, -6 and -4, else
    # the first leads. Were each drawn by itself, the third would be best in 3/16 of the cases.
    chances = probability_best(np.array([[0.0, 0.0], [-3.0, 5.0], [-2.0, 6.0]]), 1)
    assert chances[2] == 0.0
    # Of 1000 drawings, the standard error of a quarter is 0.0137.
    assert chances.tolist() == pytest.approx([0.75, 0.25, 0.0], abs=4 * 0.0137)


def test_equals_share_being_best_and_all_is_one() -> None:
    luck = np.random.default_rng(4).normal(size=30)
    chances = probability_best(np.array([luck, luck, luck + 0.001, luck + 5.0]), 1)
    assert chances.tolist() == [0.5, 0.5, 0.0, 0.0]
    some = np.random.default_rng(5).normal(size=(7, 12))
    assert probability_best(some, 1).sum() == pytest.approx(1.0)
    assert (probability_best(some, 1) == probability_best(some, 1)).all()
    assert np.isnan(probability_best(np.zeros((2, 0)), 1)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Precision(0.0), lambda: Precision(-1.0), lambda: Precision(at_least=1),
        lambda: Precision(at_least=9, at_most=8), lambda: Precision(look_ahead=-1),
        lambda: Precision(level=1.0), lambda: Racing(first=2), lambda: Racing(step=0),
        lambda: Racing(level=0.3),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(wrong: object) -> None:
    with pytest.raises(DomainError):
        wrong()  # type: ignore[operator]
