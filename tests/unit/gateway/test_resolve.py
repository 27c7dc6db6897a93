"""From what a device said to a sample or a rejection: bit for bit, and every reading counted once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.contracts.quarantine import REASONS, Rejection
from taktwin.gateway.connector import Malformed, Reading
from taktwin.gateway.resolve import INTEGERS, Ignored, Policy, Resolver, Sample
from taktwin.plant.registry import Signal
from taktwin.quality import Quality
from tests.support_gateway import signal

NOW = 1_700_000_000_000_000_000
MINUTE = 60_000_000_000


def resolver(*signals: Signal, **more: Any) -> Resolver:
    return Resolver("plc", signals, **more)


def reading(value: Any, *, address: str = "a0", source_ns: int | None = NOW - 1000, **more: Any) -> Reading:
    return Reading(address, value, source_ns, 7, **more)


def one(value: Any, kind: str, **more: Any) -> Sample | Rejection:
    outcome = resolver(signal(0, type=kind, **more)).resolve(reading(value), NOW)
    assert not isinstance(outcome, Ignored)
    return outcome


BIT_EXACT = [
    (-12, "int16"),
    (2**53 + 1, "uint64"),
    (2**64 - 1, "uint64"),
    (-(2**63), "int64"),
    (0.1 + 0.2, "float64"),
    (-0.0, "float64"),
    (5e-324, "float64"),
    ("00123", "string"),
    ("1e5", "string"),
    ("", "string"),
    ("naïve \u0000 \U0001f600", "string"),
    (True, "bool"),
    (False, "bool"),
    ([], "array"),
    ([1.5, -2, "x", b"y", True], "array"),
    (b"\x00\xff", "bytes"),
    (1_700_000_000_123_456_789, "datetime"),
]


@pytest.mark.parametrize(("value", "kind"), BIT_EXACT)
def test_a_value_of_its_signals_type_is_kept_bit_for_bit(value: Any, kind: str) -> None:
    sample = one(value, kind)
    assert isinstance(sample, Sample)
    assert type(sample.value) is type(value)
    assert sample.value == value
    if isinstance(value, float):
        assert math.copysign(1, sample.value) == math.copysign(1, value)
    assert (sample.source_ns, sample.quality, sample.received_mono_ns) == (NOW - 1000, Quality.GOOD, 7)


NEVER_COERCED = [
    (1, "bool"),
    (0, "bool"),
    ("true", "bool"),
    (True, "int16"),
    (5.0, "int32"),
    ("12", "int32"),
    (True, "float64"),
    ("1.5", "float64"),
    (2**53 + 1, "float64"),
    (10**400, "float64"),
    (12, "string"),
    (1.5, "string"),
    (b"x", "string"),
    ("x", "bytes"),
    (1.5, "array"),
    ([None], "array"),
    ([[1.0]], "array"),
    ({"a": 1}, "float64"),
    ("yesterday", "datetime"),
    ("2026-01-01T00:00:00", "datetime"),
]


@pytest.mark.parametrize(("value", "kind"), NEVER_COERCED)
def test_nothing_is_coerced(value: Any, kind: str) -> None:
    refused = one(value, kind)
    assert isinstance(refused, Rejection)
    assert refused.reason == "wrong_type"
    assert refused.original
    assert refused.expected
    assert refused.signal == "mill1/s0"
    assert refused.at_ns == NOW


def test_an_integer_is_a_float_where_it_is_exactly_one() -> None:
    sample = one(2**53, "float64")
    assert isinstance(sample, Sample)
    assert type(sample.value) is float
    assert sample.value == 2.0**53


@pytest.mark.parametrize(("kind", "bounds"), sorted(INTEGERS.items()))
def test_integers_have_the_range_of_their_type(kind: str, bounds: tuple[int, int]) -> None:
    low, high = bounds
    for value in (low, 0, high):
        assert isinstance(one(value, kind), Sample)
    for value in (low - 1, high + 1):
        refused = one(value, kind)
        assert isinstance(refused, Rejection)
        assert refused.reason == "out_of_range"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_needs_the_signals_permission(value: float) -> None:
    refused = one(value, "float64")
    assert isinstance(refused, Rejection)
    assert refused.reason == "not_finite"
    allowed = one(value, "float32", allow_not_finite=True, minimum=0, maximum=1)
    if math.isnan(value):
        assert isinstance(allowed, Sample)
        assert math.isnan(allowed.value)
    else:
        assert isinstance(allowed, Rejection)
        assert allowed.reason == "out_of_range"
    refused = one([1.0, value], "array")
    assert isinstance(refused, Rejection)
    assert refused.reason == "not_finite"
    assert isinstance(one([value], "array", allow_not_finite=True), Sample)


def test_float32_has_its_own_range() -> None:
    assert isinstance(one(3.4e38, "float32"), Sample)
    refused = one(3.5e38, "float32")
    assert isinstance(refused, Rejection)
    assert refused.reason == "out_of_range"


def test_out_of_range_is_refused_or_uncertain_as_the_connection_declares() -> None:
    oven = signal(0, minimum=0, maximum=100)
    refused = resolver(oven).resolve(reading(100.5), NOW)
    assert isinstance(refused, Rejection)
    assert (refused.reason, refused.found, refused.expected) == ("out_of_range", "100.5", "0 to 100")
    kept = resolver(oven, policy=Policy(out_of_range="uncertain")).resolve(reading(100.5), NOW)
    assert isinstance(kept, Sample)
    assert (kept.value, kept.quality) == (100.5, Quality.UNCERTAIN)
    for edge in (0.0, 100.0):
        assert isinstance(resolver(oven).resolve(reading(edge), NOW), Sample)


def test_no_data_is_never_a_zero() -> None:
    for said, value, expected in (
        (Quality.GOOD, None, Quality.GOOD_NO_DATA),
        (Quality.GOOD_NO_DATA, None, Quality.GOOD_NO_DATA),
        (Quality.BAD, 0.0, Quality.BAD),
        (Quality.BAD, "garbage", Quality.BAD),
    ):
        sample = resolver(signal(0)).resolve(reading(value, quality=said), NOW)
        assert isinstance(sample, Sample)
        assert (sample.value, sample.quality) == (None, expected)
    sample = resolver(signal(0)).resolve(reading(1.5, quality=Quality.UNCERTAIN), NOW)
    assert isinstance(sample, Sample)
    assert (sample.value, sample.quality) == (1.5, Quality.UNCERTAIN)


def test_a_unit_that_the_message_names_must_be_the_signals() -> None:
    for unit in ("Cel", "CEL"):  # UCUM, and its UNECE code
        assert isinstance(resolver(signal(0, unit="mill1")).resolve(reading(1.0), NOW), Sample)
        warm = Signal(**{**_fields(signal(0)), "unit": "Cel"})
        assert isinstance(resolver(warm).resolve(reading(1.0, unit=unit), NOW), Sample)
    refused = resolver(Signal(**{**_fields(signal(0)), "unit": "Cel"})).resolve(
        reading(1.0, unit="[degF]"), NOW
    )
    assert isinstance(refused, Rejection)
    assert refused.reason == "wrong_unit"
    refused = resolver(signal(0)).resolve(reading(1.0, unit="Cel"), NOW)
    assert isinstance(refused, Rejection)


def _fields(of: Signal) -> dict[str, Any]:
    return {name: getattr(of, name) for name in Signal.__dataclass_fields__}


def test_a_mebibyte_is_the_most() -> None:
    edge = 1024 * 1024
    for value, kind in ((b"x" * edge, "bytes"), ("x" * edge, "string")):
        assert isinstance(one(value, kind), Sample)
        refused = one(value + value[:1], kind)
        assert isinstance(refused, Rejection)
        assert refused.reason == "too_large"
        assert refused.original_size == edge + 1
        assert len(refused.original) == 64 * 1024
    refused = one([1.0] * 200_000, "array")
    assert isinstance(refused, Rejection)
    assert refused.reason == "too_large"


def test_a_stamp_from_the_future_is_a_wrong_clock() -> None:
    for policy, kind in ((Policy(), Sample), (Policy(clock_skew="quarantine"), Rejection)):
        ahead = resolver(signal(0), policy=policy)
        outcome = ahead.resolve(reading(1.0, source_ns=NOW + 11 * MINUTE), NOW)
        assert isinstance(outcome, kind)
        if isinstance(outcome, Sample):
            assert outcome.quality is Quality.UNCERTAIN
            assert outcome.source_ns == NOW + 11 * MINUTE
        else:
            assert outcome.reason == "clock_skew"
        fine = ahead.resolve(reading(1.0, source_ns=NOW + 9 * MINUTE), NOW)
        assert isinstance(fine, Sample)
        assert fine.quality is Quality.GOOD


def test_an_old_stamp_is_a_wrong_clock_only_if_no_recent_one_is_younger() -> None:
    behind = resolver(signal(0))
    for number in range(7):
        sample = behind.resolve(reading(float(number), source_ns=NOW - 11 * MINUTE), NOW)
        assert isinstance(sample, Sample)
        assert sample.quality is Quality.GOOD
    sample = behind.resolve(reading(8.0, source_ns=NOW - 11 * MINUTE), NOW)
    assert isinstance(sample, Sample)
    assert sample.quality is Quality.UNCERTAIN
    assert behind.clock_offset_ms == pytest.approx(-11 * 60_000)
    young = behind.resolve(reading(9.0, source_ns=NOW - 5), NOW)
    old = behind.resolve(reading(10.0, source_ns=NOW - 11 * MINUTE), NOW)
    assert isinstance(young, Sample)
    assert isinstance(old, Sample)
    assert (young.quality, old.quality) == (Quality.GOOD, Quality.GOOD)


def test_a_standing_value_may_be_as_old_as_it_is() -> None:
    mine = resolver(signal(0))
    for _ in range(20):
        sample = mine.resolve(reading(1.0, source_ns=NOW - 1000 * MINUTE, standing=True), NOW)
        assert isinstance(sample, Sample)
        assert sample.quality is Quality.GOOD
        assert sample.source_ns == NOW - 1000 * MINUTE


def test_a_reading_without_a_stamp_happened_when_we_heard_it() -> None:
    sample = resolver(signal(0)).resolve(reading(1.0, source_ns=None), NOW)
    assert isinstance(sample, Sample)
    assert sample.source_ns == NOW


def outcomes(mine: Resolver, *values: Any, **more: Any) -> list[str]:
    kinds = []
    for value in values:
        outcome = mine.resolve(reading(value, **more), NOW)
        kinds.append(outcome.name if isinstance(outcome, Ignored) else type(outcome).__name__)
    return kinds


def test_within_the_deadband_nothing_new_is_said() -> None:
    mine = resolver(signal(0, deadband=0.5))
    assert outcomes(mine, 1.0, 1.5, 0.5, 1.51, 1.2, 1.0) == [
        "Sample", "UNCHANGED", "UNCHANGED", "Sample", "UNCHANGED", "Sample",
    ]  # fmt: skip
    mine.forget()
    assert outcomes(mine, 1.0) == ["Sample"]


def test_what_comes_after_a_refused_value_is_news_though_it_is_the_same_as_before() -> None:
    mine = resolver(signal(0, deadband=0.5, maximum=10.0))
    assert outcomes(mine, 1.0, 99.0, 1.0, 1.0) == ["Sample", "Rejection", "Sample", "UNCHANGED"]
    polled = resolver(signal(0, maximum=10.0), polls=True)
    assert outcomes(polled, 1.0, 99.0, 1.0, 1.0) == ["Sample", "Rejection", "Sample", "UNCHANGED"]


def test_a_change_of_quality_is_said_within_the_deadband_too() -> None:
    mine = resolver(signal(0, deadband=0.5))
    assert outcomes(mine, 1.0) == ["Sample"]
    assert outcomes(mine, 1.1, quality=Quality.UNCERTAIN) == ["Sample"]
    assert outcomes(mine, 1.1, quality=Quality.BAD) == ["Sample"]
    assert outcomes(mine, 1.1) == ["Sample"]


def test_polled_and_the_same_is_unchanged_but_reported_and_the_same_is_news() -> None:
    assert outcomes(resolver(signal(0)), 1.0, 1.0) == ["Sample", "Sample"]
    assert outcomes(resolver(signal(0), polls=True), 1.0, 1.0, 1.1) == ["Sample", "UNCHANGED", "Sample"]


def test_where_nobody_vouches_each_repetition_is_proof_of_life() -> None:
    mine = resolver(signal(0, deadband=10.0), vouches=False)
    assert outcomes(mine, 1.0, 1.0, 2.0) == ["Sample", "Sample", "Sample"]


def test_not_a_number_is_news_within_any_deadband() -> None:
    mine = resolver(signal(0, deadband=1.0, allow_not_finite=True))
    assert outcomes(mine, math.nan, math.nan, 1.0, math.nan) == ["Sample"] * 4


def test_malformed_bytes_are_one_reading_and_one_rejection() -> None:
    mine = resolver(signal(0))
    refused = mine.malformed(Malformed("t", "malformed", "x" * 500, "JSON", b"{" * 100_000, "a0"), NOW)
    assert (refused.reason, refused.origin, refused.signal) == ("malformed", "t", "mill1/s0")
    assert (len(refused.found), len(refused.original), refused.original_size) == (200, 65_536, 100_000)
    assert (mine.counters.received, mine.counters.quarantined) == (1, 1)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5),
    st.binary(max_size=5), st.lists(st.one_of(st.floats(), st.integers(), st.none()), max_size=4),
)  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(["a0", "a1", "a2", "a3", "a4", "a5", "nobody"]),
            VALUES,
            st.sampled_from(list(Quality)),
            st.integers(-(10**13), 10**13),
        ),
        max_size=40,
    ),
    polls=st.booleans(),
    vouches=st.booleans(),
    policy=st.sampled_from([Policy(), Policy("uncertain", "quarantine", 1.0)]),
)
def test_received_is_published_quarantined_deadband_and_unmapped_always(
    said: list[tuple[str, Any, Quality, int]], polls: bool, vouches: bool, policy: Policy
) -> None:
    kinds = ("float64", "int16", "bool", "string", "array", "datetime")
    signals = [
        signal(i, type=kind, deadband=1.0 if i == 0 else 0.0, minimum=-5, maximum=50)
        for i, kind in enumerate(kinds)
    ]
    mine = resolver(*signals, polls=polls, vouches=vouches, policy=policy)
    found = {"Sample": 0, "Rejection": 0, "UNCHANGED": 0, "UNMAPPED": 0}
    for address, value, quality, ago in said:
        outcome = mine.resolve(Reading(address, value, NOW - ago, 0, quality), NOW)
        found[outcome.name if isinstance(outcome, Ignored) else type(outcome).__name__] += 1
        if isinstance(outcome, Sample):
            assert (
                outcome.value is None or outcome.value == value or value != value or isinstance(value, list)
            )
            assert outcome.quality >= quality
        elif isinstance(outcome, Rejection):
            assert outcome.reason in REASONS
    c = mine.counters
    assert c.received == len(said) == c.published + c.quarantined + c.deadband + c.unmapped
    assert found == {
        "Sample": c.published, "Rejection": c.quarantined, "UNCHANGED": c.deadband, "UNMAPPED": c.unmapped,
    }  # fmt: skip
