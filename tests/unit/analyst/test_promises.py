"""A promise carries how earlier ones of its class came out."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from taktwin.analyst.promises import ASSUMED_SD, FACTOR_MOST, LAST, Promises
from taktwin.contracts.recommendation import Cost, Effect, InboxRow, Range, State, Words
from taktwin.contracts.whatif import Spread

LEVELS = (np.arange(20) + 0.5) / 20


def spread(mean: float, half: float) -> Spread:
    """Return a difference that lies evenly between mean - half and mean + half."""
    p10, p25, p50, p75, p90 = (mean + half * (2 * level - 1) for level in (0.1, 0.25, 0.5, 0.75, 0.9))
    return Spread(mean=mean, half_width=1.0, p10=p10, p25=p25, p50=p50, p75=p75, p90=p90,
                  dots=[mean + half * (2 * float(level) - 1) for level in LEVELS])  # fmt: skip


def effect(mean: float, half: float) -> Effect:
    whole = spread(mean, half)
    return Effect(indicator="loss", unit="EUR", more_is_better=False, nothing=whole, action=whole,
                  difference=whole, better=1.0, same=0.0, worse=0.0)  # fmt: skip


def came(promised: float | None, measured: float | None) -> InboxRow:
    def known(value: float | None) -> Range | None:
        return None if value is None else Range(mean=value, p10=value, p90=value)

    return InboxRow(
        id="a", advice_class="tool_change", work_unit="turn1", state=State.MEASURED, version=1,
        says=Words(code="c", text="t"), effect=effect(-1.0, 0.0), waiting=Cost(), expires_ns=0,
        signature_needed=False, changed_ns=0, promised=known(promised), measured=known(measured),
    )  # fmt: skip


def test_before_anything_is_measured_the_assumption_alone_widens() -> None:
    none = Promises.of([])
    low, high = none.range()
    assert len(none.measured) == 0 and low * high == pytest.approx(1.0, rel=0.02)
    assert math.log(high) == pytest.approx(1.28 * ASSUMED_SD, rel=0.15)
    wide = none.widened(effect(-100.0, 0.0))
    assert (wide.difference.p10, wide.difference.p90) == pytest.approx((-100 * high, -100 * low), rel=0.1)
    assert wide.difference.mean == -100.0 and wide.difference.half_width == 1.0
    assert wide.nothing == effect(-100.0, 0.0).nothing, "what is without action is no promise"


def test_what_came_takes_over_also_where_all_of_it_was_less_or_harm() -> None:
    true = Promises.of([came(-100.0, -100.0)] * LAST)
    assert len(true.measured) == LAST and true.range() == pytest.approx((1.0, 1.0), abs=0.12)
    half = Promises.of([came(-100.0, -50.0)] * LAST)
    assert half.range() == pytest.approx((0.5, 1.0), abs=0.2)
    assert "lies between 50% and" in half.says().text
    low = half.widened(effect(-100.0, 20.0)).difference
    assert low.p50 == pytest.approx(-50.0) and low.p90 == pytest.approx(-50.0) and low.p10 > -130.0
    harm = Promises.of([came(-100.0, 100.0)] * LAST)
    assert harm.range()[0] == -1.0 and harm.widened(effect(-100.0, 20.0)).difference.p90 == 100.0
    rough = Promises.of([came(-100.0, -100.0 * times) for times in (0.3, 3.0)] * LAST)
    assert rough.range() == pytest.approx((0.3, 3.0))
    assert {round(float(each), 1) for each in rough.measured} == {0.3, 3.0}


@pytest.mark.parametrize("share", [-1.0, 0.1, 0.5, 0.9, 1.0, 2.0])
def test_the_more_it_disappoints_the_less_is_promised(share: float) -> None:
    some, many = (
        Promises.of([came(-100.0, -100.0 * share)] * n).widened(effect(-100.0, 20.0)).difference
        for n in (10, LAST)
    )
    assert abs(many.p50 + 100.0 * share) <= abs(some.p50 + 100.0 * share) + 1e-9
    assert many.p50 == pytest.approx(-100.0 * share)


def test_what_luck_did_is_counted_once() -> None:
    # Forty promises erred by their luck alone: a promise is as wide as that, and not by its luck once more.
    lucky = [came(-100.0, float(-80 - 40 * level)) for level in (np.arange(LAST) + 0.5) / LAST]
    wide = Promises.of(lucky).widened(effect(-100.0, 20.0)).difference
    assert wide.p90 - wide.p10 == pytest.approx(32.0, rel=0.35)


def test_an_old_outcome_and_one_without_promise_say_nothing_and_none_says_everything() -> None:
    old = [came(-100.0, -100.0)] * LAST + [came(-1.0, -900.0)] * 500
    assert Promises.of(old).range() == Promises.of(old[:LAST]).range()
    assert not len(Promises.of([came(None, None), came(0.0, -3.0), came(-5.0, None)]).measured)
    wild = Promises.of([came(-1.0, 1000.0), came(-1.0, -1000.0)] * 20)
    assert wild.range() == (-FACTOR_MOST, FACTOR_MOST)


@pytest.mark.parametrize("sd", [0.1, 0.35, 0.7])
def test_promises_of_any_roughness_hold_four_of_five_once_they_were_measured(sd: float) -> None:
    chance, told, held = random.Random(1), [], 0
    for number in range(600):
        promised = effect(-100.0, 20.0)
        wide = Promises.of(reversed(told)).widened(promised).difference
        true = -100.0 * math.exp(chance.gauss(0.0, sd)) * chance.uniform(0.8, 1.2)
        held += number >= 100 and wide.p10 <= true <= wide.p90
        told.append(came(-100.0, true))
    assert 0.72 <= held / 500 <= 0.9
