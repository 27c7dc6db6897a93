"""The key contract: the same key is the same number for ever, here and in the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from taktwin.simulation import kernel, streams
from taktwin.simulation.distributions import (
    CELLS,
    Distribution,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    LogNormal,
    Triangular,
    Weibull,
    table,
    value,
)


def test_version_1_draws_these_numbers_for_ever() -> None:
    # A change here is a new version of the contract: it gives every published figure a new value.
    assert streams.VERSION == 1
    key = streams.replication_key(seed=7, replication=3)
    assert (key, streams.entity("unit", "mill.1")) == (GOLDEN_KEY, GOLDEN_UNIT)
    drawn = [
        streams.bits(key, purpose, streams.entity("unit", "mill.1"), count)
        for purpose in (streams.WORK, streams.FAILURE, streams.REPAIR, streams.QUALITY, streams.ARRIVAL)
        for count in (0, 1)
    ]
    assert drawn == GOLDEN_BITS


GOLDEN_KEY = 0x156890D7581F4D77
GOLDEN_UNIT = 0xDE00B2D6E6EA11AF
GOLDEN_BITS = [
    0xCBD79B808F6CC52E,
    0xFF59BD557E8938F3,
    0x20C1F492A445F56C,
    0x8BBB58567C373292,
    0x978A5779467608CF,
    0x829D446291E7006C,
    0x18EF13C173160EDD,
    0x4A3F8F5797CB307D,
    0x695D6BC358837ABA,
    0x90AF9A87CEC364F0,
]


def test_a_number_depends_on_everything_that_its_key_has() -> None:
    draws = {
        streams.bits(streams.replication_key(seed, replication), purpose, streams.entity("unit", name), count)
        for seed in (0, 1, -1)
        for replication in (0, 1)
        for purpose in (1, 2, 5)
        for name in ("a.1", "a.2")
        for count in (0, 1, 15, 16, 17)
    }
    assert len(draws) == 3 * 2 * 3 * 2 * 5


def test_numbers_are_even_and_apart() -> None:
    # Chi-square of 64 bins and of 16 x 16 pairs, over counts, over entities and over replications.
    roads = [
        [streams.bits(5, 1, 7, k) for k in range(16384)],
        [streams.bits(5, 1, streams.part(99, k), 0) for k in range(16384)],
        [streams.bits(streams.replication_key(1, k), 1, 7, 0) for k in range(16384)],
    ]
    for drawn in roads:
        units = np.array([streams.unit(bits) for bits in drawn])
        bins = np.histogram(units, 64, (0, 1))[0]
        assert ((bins - 256) ** 2 / 256).sum() < 63 + 4 * np.sqrt(2 * 63)
        pairs = np.histogram2d(units[::2], units[1::2], 16, ((0, 1), (0, 1)))[0]
        assert ((pairs - 32) ** 2 / 32).sum() < 255 + 4 * np.sqrt(2 * 255)


@njit  # type: ignore[untyped-decorator]
def _of_the_kernel(key, purpose, whom, count, tables):  # type: ignore[no-untyped-def]
    z = kernel._bits(key, purpose, whom, count)
    return z, kernel._value(tables, 0, z)


def test_the_kernel_draws_the_same_bits_and_the_same_values() -> None:
    values = table(LogNormal(1, 0.7).shape)
    tables = np.array([values])
    for count in range(3000):
        whom = streams.part(3, count)
        bits, drawn = _of_the_kernel(np.uint64(11), 1 + count % 5, np.uint64(whom), count, tables)
        assert int(bits) == streams.bits(11, 1 + count % 5, whom, count)
        assert drawn == value(values, int(bits))


SHAPES = [
    (Fixed(3), 0.0), (Exponential(3), 1.0), (LogNormal(3, 0.2), 0.2), (LogNormal(3, 1.5), 1.5),
    (Weibull(3, 1.6), 0.6399), (Weibull(3, 0.7), 1.4624), (Triangular(1, 2, 6), 0.3600),
    (Gamma(3, 4.0), 0.5), (Gamma(3, 0.5), 1.4142), (Empirical((1.0, 2.0, 2.0, 7.0)), 0.7005),
]  # fmt: skip


@pytest.mark.parametrize(("drawn", "cv"), SHAPES, ids=lambda each: getattr(each, "shape", ""))
def test_a_table_has_the_mean_and_the_spread_of_its_family(drawn: Distribution, cv: float) -> None:
    values = table(drawn.shape)
    parts = values.reshape(3, -1)
    assert (np.diff(parts, axis=1) >= 0).all(), "a larger random number never gives a shorter time"
    # Integrate the piecewise straight line exactly, cell by cell.
    low, high = parts[:, :-1], parts[:, 1:]
    weights = np.array([1 / CELLS, 1 / CELLS**2, 1 / CELLS**2])[:, None] * np.ones_like(low)
    weights[0, 0] = weights[0, -1] = 0
    mean = (weights * (low + high) / 2).sum()
    second = (weights * (low * low + low * high + high * high) / 3).sum()
    assert mean == pytest.approx(1, abs=1e-12)
    assert np.sqrt(max(second - 1, 0)) == pytest.approx(cv, rel=2e-3)


def test_tails_are_as_long_as_they_should_be() -> None:
    # One in a million of an exponential lasts 13.8 means; a table without finer tails stops at 6.9.
    longest = value(table(Exponential(1).shape), 2**64 - 2**44)
    assert longest == pytest.approx(13.86, abs=0.05)
