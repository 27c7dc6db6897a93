"""Steps of power: those that a unit's own levels contradict are moved, and no others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taktwin.entropy import Entropy
from taktwin.measures.power_levels import FloatArray, fitted, levels
from taktwin.measures.time_classes import WAITING, band_of
from taktwin.plant.registry import PowerBand

BANDS = (
    PowerBand(1.2, "production"), PowerBand(0.7, WAITING), PowerBand(0.35, "delay_own"),
    PowerBand(0.0, "down_no_order"),
)  # fmt: skip
WORKS_KW, WAITS_KW, FAULT_KW, OFF_KW = 2.9, 0.8, 0.6, 0.08
MINUTE = 60.0


def lived(scale: float, *, faults: int = 20, parts: int = 600) -> tuple[FloatArray, list[str]]:
    """Return what a packing cell draws, a value a minute, and what it did."""
    noise = Entropy(5).generator("ripple").normal
    power: list[float] = []
    did: list[str] = []
    for part in range(parts):
        told = [("production", WORKS_KW)]
        if faults and part % (600 // faults) == 7:
            told += [("delay_own", FAULT_KW)] * 3
        told += [(WAITING, WAITS_KW)]
        if part % 100 == 99:
            told += [("down_no_order", OFF_KW)] * 200
        for word, kw in told:
            power.append(kw * scale * (1 + 0.03 * float(noise())))
            did.append(word)
    return np.array(power), did


def times(power: FloatArray) -> FloatArray:
    return np.full(len(power), MINUTE)


def test_levels_are_where_a_unit_stays() -> None:
    power, _ = lived(1.0)
    found = levels(power, times(power))
    assert [each.middle_kw for each in found] == pytest.approx([2.9, 0.8, 0.6, 0.08], rel=0.02)
    assert all(each.low_kw < each.middle_kw < each.high_kw for each in found)
    assert all(lower.high_kw < higher.low_kw for higher, lower in pairwise(found))
    assert levels(np.zeros(5), np.ones(5)) == [] and levels(np.array([]), np.array([])) == []


@pytest.mark.parametrize("scale", [0.8, 0.83, 0.88, 0.95, 1.1, 1.25])
def test_steps_that_run_through_a_level_or_beside_it_are_moved(scale: float) -> None:
    power, did = lived(scale)
    found = fitted(BANDS, power, times(power))
    wrong = [word for kw, word in zip(power, did, strict=True) if band_of(found, kw) != word]
    assert not wrong
    # As the plant has them much would be another: that is what it is for.
    before = [word for kw, word in zip(power, did, strict=True) if band_of(BANDS, kw) != word]
    assert bool(before) == (fitted(BANDS, power, times(power)) != BANDS)
    assert len(before) > 50 or 0.9 < scale < 1.2


def test_a_lower_way_of_waiting_stays_one() -> None:
    # Pumps off after a minute of waiting: entered from the other, never from work.
    power = np.array([2.9, 1.1, 0.8, 0.8] * 200)
    assert fitted(BANDS, power, times(power)) == BANDS


def test_what_waits_after_each_part_is_waiting_where_no_fault_was_seen() -> None:
    power, did = lived(0.82, faults=0)
    found = fitted(BANDS, power, times(power))
    assert all(band_of(found, kw) == word for kw, word in zip(power, did, strict=True))
    assert band_of(found, 0.82 * FAULT_KW * 0.8) == "delay_own"


def test_steps_that_fit_are_the_same_objects() -> None:
    power, _ = lived(1.0)
    assert all(mine is theirs for mine, theirs in zip(fitted(BANDS, power, times(power)), BANDS, strict=True))


def test_from_too_little_nothing_follows() -> None:
    power, _ = lived(0.82, parts=15)
    assert fitted(BANDS, power, times(power)) == BANDS
    assert fitted(BANDS, np.array([]), np.array([])) == BANDS
    # A machine that fails after every third part and waits after the others is not taken to wait.
    parts = [2.9, 0.8, 2.9, 0.8, 2.9, 0.5] * 100
    assert fitted(BANDS, np.array(parts), times(np.array(parts))) == BANDS
    plain = (PowerBand(1.2, "production"), PowerBand(0.0, "down_no_order"))
    assert fitted(plain, lived(0.82)[0], times(lived(0.82)[0])) == plain


@given(
    st.lists(st.floats(0.0, 100.0), max_size=60),
    st.lists(st.sampled_from([2.4, 0.66, 0.5, 0.07]), max_size=200),
)
def test_steps_always_fall_and_keep_their_classes(some: list[float], stays: list[float]) -> None:
    power = np.array(some + stays)
    found = fitted(BANDS, power, times(power))
    assert [each.time_class for each in found] == [each.time_class for each in BANDS]
    edges = [each.above_kw for each in found]
    assert edges == sorted(edges, reverse=True) and edges[-1] >= 0
