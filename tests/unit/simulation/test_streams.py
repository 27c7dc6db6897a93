"""The key contract: the same key is the same number for ever, here and in the kernel."""

from __future__ import annotations

import hashlib
import math
from typing import Any

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
from taktwin.simulation.model import (
    Failure,
    FailureClock,
    Order,
    Plant,
    Product,
    Step,
    Tool,
    WorkCenter,
)
from tests.unit.simulation.plants import BOTH, KEY, Run


def test_version_1_draws_these_numbers_for_ever() -> None:
    # A change here is a new version of the contract: it gives every published figure a new value.
    assert streams.VERSION == 1
    key = streams.replication_key(seed=7, replication=3)
    assert (key, streams.entity("unit", "mill.1")) == (GOLDEN_KEY, GOLDEN_UNIT)
    drawn = [
        streams.bits(key, purpose, streams.entity("unit", "mill.1"), count)
        for purpose in (1, 2, 3, 4, 5, 6)
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
    0x0F6B4811B2C0AF2B,
    0x2231AC95DF8DD197,
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


def scrambled(z: int) -> int:
    """Return what SplitMix64 makes of its state (Steele, Lea, Flood 2014; Stafford's variant 13)."""
    for down, times in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z % 2**64 ^ z % 2**64 >> down) * times
    return z % 2**64 ^ z % 2**64 >> 31


def whom(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def luck(purpose: int, concerned: int, count: int) -> float:
    """Return a number in [0, 1) as the head of `streams` says, by nothing of its code."""
    golden, other = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03
    bits = scrambled(scrambled(KEY + concerned * golden) + (16 * count + purpose) * other)
    return (bits >> 11) / 2**53


def wait(purpose: int, concerned: int, count: int) -> float:
    """Return an exponential time of mean 100, in ticks."""
    return -100_000 * math.log(1 - luck(purpose, concerned, count))


DRAWN = Exponential(100)


def test_the_bits_are_those_of_splitmix64_and_of_the_key() -> None:
    # The first three that SplitMix64 gives from 1234567 on, as they are published.
    golden = 0x9E3779B97F4A7C15
    first = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [streams.mix((1234567 + n * golden) % 2**64) for n in (1, 2, 3)] == first
    assert [scrambled(1234567 + n * golden) for n in (1, 2, 3)] == first
    for purpose, count in ((1, 0), (4, 1), (6, 3 << 32 | 17)):
        concerned = streams.entity("unit", "mill.1")
        assert concerned == whom("unit:mill.1")
        assert streams.unit(streams.bits(KEY, purpose, concerned, count)) == luck(purpose, concerned, count)


@BOTH
def test_each_pass_of_an_order_draws_its_work_anew(run: Run) -> None:
    step = Step("s", "m", DRAWN, good=0.0, rework_to="s", rework_max=2)
    course = run(Plant((WorkCenter("m"),), (Product("p", (step,)),), (Order("o", "p"),)), 1e5)
    by_hand = sum(wait(1, whom("order:o") + whom("step:p/s"), passes) for passes in (0, 1, 2))
    assert course["spent"][0][kernel.WORKING] == pytest.approx(by_hand, rel=2e-3)


@BOTH
def test_each_lot_of_an_order_draws_for_itself(run: Run) -> None:
    plant = Plant(
        (WorkCenter("m", 2),), (Product("p", (Step("s", "m", DRAWN),)),), (Order("o", "p", 2, lots=2),)
    )
    course = run(plant, 1e5)
    by_hand = [wait(1, whom(f"order:o/{lot}") + whom("step:p/s"), 0) for lot in (1, 2)]
    assert [spent[kernel.WORKING] for spent in course["spent"]] == pytest.approx(by_hand, rel=2e-3)


@BOTH
@pytest.mark.parametrize(("come", "until_s"), [({"arrivals": Fixed(1000)}, 5000), ({"endless": True}, 700)])
def test_parts_without_an_order_draw_by_their_number_from_1_on(
    run: Run, come: dict[str, Any], until_s: int
) -> None:
    # None waits: the arrivals are further apart than any of these takes.
    parts = [scrambled(whom("product:p") + n) for n in range(1, 30)]
    works = np.array([wait(1, part + whom("step:p/s"), 0) for part in parts])
    ends = np.cumsum(works) if "endless" in come else np.arange(1, 30) * 1e6 + works
    done = int((ends < until_s * 1000).sum())
    course = run(Plant((WorkCenter("m"),), (Product("p", (Step("s", "m", DRAWN),), **come),)), until_s)
    assert done >= 3
    assert course["made"][0]["done"] == done
    assert course["made"][0]["flow"] == pytest.approx(works[:done].sum(), rel=2e-3)


@BOTH
def test_parts_arrive_by_the_number_of_those_before(run: Run) -> None:
    # Nothing is ever done: each is in work from its arrival on.
    plant = Plant((WorkCenter("m"),), (Product("p", (Step("s", "m", Fixed(1e6)),), DRAWN),))
    came = np.cumsum([wait(5, whom("product:p"), n) for n in range(50)])
    came = came[came < 1e6]
    assert run(plant, 1000)["in work ticks"] == pytest.approx((1e6 - came).sum(), rel=2e-3)


@BOTH
@pytest.mark.parametrize("name", ["", "spindle"])
def test_each_kind_of_failure_draws_by_its_own_name(run: Run, name: str) -> None:
    # The unit has nothing to do: it idles until it is struck, is mended, and idles on.
    failure = Failure(DRAWN, DRAWN, FailureClock.CALENDAR, name=name)
    plant = Plant((WorkCenter("m", more_failures=(failure,)),), (Product("p", (Step("s", "m", Fixed(1)),)),))
    concerned, idle, now, count = whom("unit:m.1/spindle" if name else "unit:m.1"), 0.0, 0.0, 0
    while now < 1e6:
        strikes = min(1e6, now + wait(2, concerned, count))
        idle += strikes - now
        now = strikes + wait(3, concerned, count)
        count += 1
    assert count > 3
    assert run(plant, 1000)["spent"][0][kernel.IDLE] == pytest.approx(idle, rel=2e-3)


@BOTH
def test_a_change_of_a_tool_draws_by_the_tool(run: Run) -> None:
    # A tool for one part of 10, changed until the end at 1000.
    center, step = WorkCenter("m", tools=(Tool("drill", 1, DRAWN),)), Step("s", "m", Fixed(10), tool="drill")
    course = run(Plant((center,), (Product("p", (step,), endless=True),)), 1000)
    now, changing, count = 0.0, 0.0, 0
    while now < 1e6:
        now += 10_000
        takes = min(wait(3, whom("tool:m.1/drill"), count), max(0.0, 1e6 - now))
        now, changing, count = now + takes, changing + takes, count + 1
    assert count > 3
    assert course["spent"][0][kernel.UPKEEP] == pytest.approx(changing, rel=2e-3)


@BOTH
def test_who_passes_is_drawn_by_order_and_step(run: Run) -> None:
    step = Step("s", "m", Fixed(1), good=0.5)
    orders = tuple(Order(f"o{n}", "p") for n in range(30))
    course = run(Plant((WorkCenter("m"),), (Product("p", (step,)),), orders), 100)
    fails = [luck(4, whom(f"order:o{n}") + whom("step:p/s"), 0) >= 0.5 for n in range(30)]
    assert [end == kernel.SCRAPPED_ORDER for end in course["ended"]] == fails
    assert 5 < sum(fails) < 25


@BOTH
def test_each_part_of_a_job_is_lost_by_its_own_number_at_each_pass(run: Run) -> None:
    # Of 40 parts some are lost at the saw; the test sends all others back, where again some are lost, and
    # then away. Each part takes 1: the saw is busy for 40 and those left of it, the test for both rests.
    steps = (
        Step("cut", "saw", Fixed(1), scrap=0.3),
        Step("test", "bench", Fixed(1), good=0.0, rework_to="cut", rework_max=1),
    )
    plant = Plant((WorkCenter("saw"), WorkCenter("bench")), (Product("p", steps),), (Order("o", "p", 40),))
    left = [40]
    for passes in (0, 1):
        numbers = (luck(6, whom("order:o") + whom("step:p/cut"), passes << 32 | n) for n in range(left[-1]))
        left.append(left[-1] - sum(number < 0.3 for number in numbers))
    busy = [spent[kernel.WORKING] // 1000 for spent in run(plant, 1000)["spent"]]
    assert busy == [40 + left[1], left[1] + left[2]]
    assert left[0] > left[1] > left[2] > 0


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
