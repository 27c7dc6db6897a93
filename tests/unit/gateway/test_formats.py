"""The pure parts beside the connectors: registers, payloads, SHDR lines, texts, hops, scans."""

from __future__ import annotations

import itertools
import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.contracts import samples
from taktwin.gateway.connector import Malformed, Reading, Wanted
from taktwin.gateway.endpoints import host_and_port
from taktwin.gateway.hops import Hop
from taktwin.gateway.payloads import Unreadable, decoder_of
from taktwin.gateway.registers import BITS_MAX, REGISTERS_MAX, Cell, cell_of, halves, ranges_of, value_of
from taktwin.gateway.resolve import Sample
from taktwin.gateway.scans import VALUES_MAX, Scans
from taktwin.gateway.service import encode_path
from taktwin.gateway.shdr_lines import LINE_BYTES_MAX, Lines, parse
from taktwin.gateway.texts import text_value
from taktwin.quality import Quality
from tests.support_gateway import signal

# Registers


def cell(address: str, **options: Any) -> Cell:
    return cell_of(Wanted(address, "float64", options))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("ABCD", [0x4148, 0xF5C3]),
        ("CDAB", [0xF5C3, 0x4148]),
        ("BADC", [0x4841, 0xC3F5]),
        ("DCBA", [0xC3F5, 0x4841]),
    ],
)
def test_word_orders(order: str, words: list[int]) -> None:
    value = value_of(cell("hr:0:float32", word_order=order), words)
    assert value == struct.unpack(">f", bytes.fromhex("4148F5C3"))[0]


@pytest.mark.parametrize(
    ("address", "options", "words", "value"),
    [
        ("hr:0:int16", {}, [0xFFF4], -12),
        ("hr:0:uint16", {}, [0xFFF4], 65524),
        ("ir:7:int32", {}, [0xFFFF, 0xFFFF], -1),
        ("hr:0:uint64", {}, [0x0020, 0, 0, 1], 2**53 + 1),
        ("hr:0:uint64", {"word_order": "CDAB"}, [1, 0, 0, 0x0020], 2**53 + 1),
        ("hr:0:int16", {"scale": 0.1, "offset": -5}, [250], 20.0),
        ("hr:0:bool", {}, [1], True),
        ("hr:0:bool", {}, [2], 2),
        ("co:3", {}, [0], False),
        ("di:3:bool", {}, [1], True),
        ("hr:0:string5", {}, [0x4142, 0x4300, 0], "ABC"),
    ],
)
def test_registers_become_values_exactly(
    address: str, options: dict[str, Any], words: list[int], value: Any
) -> None:
    got = value_of(cell(address, **options), words)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "bad", ["hr", "xx:1:int16", "hr:-1:int16", "hr:70000:int16", "hr:1:int12", "co:1:int16"]
)
def test_an_address_that_no_register_has_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"expected|bool"):
        cell(bad)
    with pytest.raises(ValueError, match="word_order"):
        cell("hr:1:int16", word_order="DABC")


CELLS = st.lists(
    st.builds(
        lambda unit, kind, start, type: cell(
            f"{kind}:{start}:{'bool' if kind in ('co', 'di') else type}", unit_id=unit
        ),
        st.integers(1, 2),
        st.sampled_from(["hr", "ir", "co", "di"]),
        st.integers(0, 400),
        st.sampled_from(["int16", "float32", "float64"]),
    ),
    max_size=120,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(cells=CELLS)
def test_ranges_read_every_cell_once_and_no_register_that_nobody_asked_for(cells: list[Cell]) -> None:
    ranges = ranges_of(cells)
    assert sorted(c for part in ranges for c in part.cells) == sorted(cells)
    for part in ranges:
        assert part.width <= (BITS_MAX if part.kind in ("co", "di") else REGISTERS_MAX)
        asked = {c.start + n for c in part.cells for n in range(c.width)}
        assert asked == set(range(part.start, part.start + part.width))
        assert {(c.unit_id, c.kind) for c in part.cells} == {(part.unit_id, part.kind)}
        if len(part.cells) > 1:
            assert sorted(c for half in halves(part) for c in half.cells) == sorted(part.cells)
    # As few as possible: two ranges of one kind that touch would have been too wide together.
    for a, b in itertools.pairwise(ranges):
        if (a.unit_id, a.kind) == (b.unit_id, b.kind) and b.start <= a.start + a.width:
            assert b.cells[0].start + b.cells[0].width - a.start > REGISTERS_MAX


# Payloads (the rest is tried over a real broker)


def test_decoders_that_do_not_exist_are_refused_with_those_that_do() -> None:
    for options in (
        {"decoder": "xml"},
        {"decoder": "float64"},
        {"decoder": "spectrum-x"},
        {"decoder": "int12-be"},
    ):
        with pytest.raises(ValueError, match="expected"):
            decoder_of(options, "float64")


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    payload=st.binary(max_size=40),
    decoder=st.sampled_from(["json", "json-path", "text", "bytes", "float64-be", "uint16-le", "spectrum-2"]),
    kind=st.sampled_from(["float64", "string", "array", "bytes", "int16"]),
)
def test_any_bytes_decode_or_are_unreadable_and_nothing_else(payload: bytes, decoder: str, kind: str) -> None:
    try:
        decoder_of({"decoder": decoder}, kind)(payload)
    except Unreadable as error:
        assert error.expected
        assert error.reason in ("malformed", "schema")


# SHDR

T = {"x": "float64", "n": "int32", "name": "string", "cond": "string", "on": "bool", "curve": "array"}


def said(line: str) -> list[Reading]:
    found = parse(line.encode(), 5, types=T)
    assert all(isinstance(item, Reading) for item in found), found
    return found  # type: ignore[return-value]


def test_every_pair_of_a_line_is_one_observation() -> None:
    found = said("2026-01-02T03:04:05.678Z|x|1.5|n|7|name| 00123 |new|whatever")
    assert [(r.address, r.value) for r in found] == [
        ("x", 1.5), ("n", 7), ("name", " 00123 "), ("new", "whatever"),
    ]  # fmt: skip
    assert {r.source_ns for r in found} == {1_767_323_045_678_000_000}


@pytest.mark.parametrize(
    ("line", "value", "quality"),
    [
        ("|x|UNAVAILABLE", None, Quality.GOOD_NO_DATA),
        ("|x|unavailable", None, Quality.GOOD_NO_DATA),
        ("|x|1e5", 1e5, Quality.GOOD),
        ("|x|abc", "abc", Quality.GOOD),
        ("|x|0x10", "0x10", Quality.GOOD),
        ("|n|12.0", "12.0", Quality.GOOD),
        ("|n|-12", -12, Quality.GOOD),
        ("|on|TRUE", True, Quality.GOOD),
        ("|on|1", "1", Quality.GOOD),
        ("|curve|1 2.5 -3", [1.0, 2.5, -3.0], Quality.GOOD),
        ("|cond|Normal||||", "Normal", Quality.GOOD),
        ("|cond|FAULT|1234|HIGH||Coolant low", "FAULT|1234|HIGH||Coolant low", Quality.GOOD),
        ("|cond|Unavailable||||", None, Quality.GOOD_NO_DATA),
        ("|dev:x|2", 2.0, Quality.GOOD),
        ("|@ASSET@|id|type|<a|b>", "id|type|<a|b>", Quality.GOOD),
    ],
)
def test_what_a_line_says(line: str, value: Any, quality: Quality) -> None:
    (reading,) = said(line)
    assert (reading.value, reading.quality) == (value, quality)
    assert type(reading.value) is type(value)
    assert reading.source_ns is None


def test_three_pairs_are_no_condition() -> None:
    assert [r.address for r in said("|name|Normal|x|1|n|2")] == ["name", "x", "n"]


@pytest.mark.parametrize(
    "line", [b"garbage", b"2026-13-01T00:00:00Z|x|1", b"|x", b"||1", b"|x|1|n", b"|x|\xff", b"yesterday|x|1"]
)
def test_a_line_that_is_none_is_malformed(line: bytes) -> None:
    (found,) = parse(line, 5, types=T)
    assert isinstance(found, Malformed)
    assert found.original == line


def test_commands_and_empty_lines_are_no_observations() -> None:
    assert parse(b"* PONG 10000", 5, types=T) == parse(b"", 5, types=T) == parse(b"  ", 5, types=T) == []


def test_stamps_may_lack_their_zone_or_carry_a_duration() -> None:
    assert said("2026-01-02T03:04:05|x|1")[0].source_ns == 1_767_323_045_000_000_000
    assert said("2026-01-02T03:04:05.5Z@100.0|x|1")[0].source_ns == 1_767_323_045_500_000_000


@settings(derandomize=True, deadline=None, max_examples=100)
@given(lines=st.lists(st.binary(max_size=30), max_size=20), cuts=st.lists(st.integers(1, 9), max_size=60))
def test_lines_do_not_depend_on_how_the_bytes_arrive(lines: list[bytes], cuts: list[int]) -> None:
    lines = [line.replace(b"\n", b"").replace(b"\r", b"") for line in lines]
    stream = b"".join(line + b"\r\n" for line in lines)
    pieces, found = Lines(), []
    for cut in [*cuts, len(stream)]:
        found += list(pieces.feed(stream[:cut]))
        stream = stream[cut:]
    found += list(pieces.feed(stream))
    assert found == lines


def test_a_line_without_end_is_given_up_and_the_next_one_read() -> None:
    pieces = Lines()
    found: list[Any] = []
    for _ in range(40):
        found += pieces.feed(b"x" * 65536)
    found += pieces.feed(b"end\n|x|1\n")
    assert isinstance(found[0], Malformed)
    assert found[0].reason == "too_large"
    assert found[1:] == [b"|x|1"]
    whole = list(Lines().feed(b"y" * (LINE_BYTES_MAX + 1) + b"\n"))
    assert isinstance(whole[0], Malformed)
    assert list(Lines().feed(b"y" * LINE_BYTES_MAX + b"\n")) == [b"y" * LINE_BYTES_MAX]


def test_texts_are_read_by_what_the_signal_is() -> None:
    assert text_value("00123", "string") == "00123"
    assert text_value("00123", "int32") == 123
    assert math.isnan(text_value("NaN", "float64"))
    assert text_value("-Infinity", "float32") == -math.inf
    assert text_value("12", "") == "12"
    assert text_value("", "float64") == ""
    assert text_value("1_000", "float64") == "1_000"
    assert text_value("9" * 50, "int64") == "9" * 50


# Scans


def sample(index: int, value: Any = 1.0, *, source_ns: int = 1000, quality: Quality = Quality.GOOD) -> Sample:
    return Sample(signal(index, unit=f"mill{index % 2}"), value, source_ns, quality, 70 + index)


def scans(count: int = 4) -> Scans:
    return Scans("plc", "abc", 99, [signal(n, unit=f"mill{n % 2}") for n in range(count)])


def test_one_scan_a_unit_numbered_from_one_with_its_identity() -> None:
    mine = scans()
    for n in (3, 0, 2):
        mine.add(sample(n, float(n), source_ns=1000 - n))
    records = mine.take(5000)
    assert [r.message_id for r in records] == ["plc:mill1:99:1", "plc:mill0:99:1"]
    second = samples.decode(records[1].payload)
    assert (second.signals, second.values, second.t0_ns, second.dt_ns) == ([0, 2], [0.0, 2.0], 1000, [0, -2])
    assert (second.qualities, second.as_of_ns, records[1].values) == (None, None, 2)
    assert records[1].headers["Tw-Received-Mono-Ns"] == "70"
    assert mine.take(6000) == []
    mine.add(sample(0, quality=Quality.UNCERTAIN))
    (third,) = mine.take(7000)
    assert samples.decode(third.payload).sequence == 2
    assert samples.decode(third.payload).qualities == [2]


def test_quiet_units_are_confirmed_once_a_period_and_only_while_somebody_vouches() -> None:
    mine = scans()
    assert mine.confirmations(1000, period_ns=100) == []
    mine.confirm(1000)
    assert len(mine.confirmations(1000, period_ns=100)) == 2
    assert mine.confirmations(1050, period_ns=100) == []
    assert mine.confirmations(1200, period_ns=100) == []  # nothing newer was vouched for
    mine.confirm(1190)
    mine.confirm(1150)  # an older one changes nothing
    mine.add(sample(0))
    (said_now,) = mine.take(1200)
    assert samples.decode(said_now.payload).as_of_ns == 1190
    (other,) = mine.confirmations(1200, period_ns=100)
    assert ":mill1:" in other.message_id
    mine.confirm(1195)
    # What was vouched for and not yet said is said when the source goes, and nothing after it.
    assert [samples.decode(record.payload).as_of_ns for record in mine.end(1201)] == [1195, 1195]
    assert mine.end(1202) == []
    assert mine.confirmations(9000, period_ns=100) == []


def test_a_large_batch_is_several_messages_and_only_the_last_vouches() -> None:
    mine = scans(2)
    mine.confirm(500)
    for n in range(2 * VALUES_MAX + 1):
        mine.add(sample(0, float(n)))
    parts = [samples.decode(record.payload) for record in mine.take(1000)]
    assert [len(part.values) for part in parts] == [VALUES_MAX, VALUES_MAX, 1]
    assert [part.as_of_ns for part in parts] == [None, None, 500]
    assert [value for part in parts for value in part.values] == [float(n) for n in range(2 * VALUES_MAX + 1)]
    for _ in range(5):
        mine.add(sample(0, bytes(1024 * 1024)))
    records = mine.take(2000)
    assert len(records) > 1
    assert all(len(record.payload) < 8 * 1024 * 1024 for record in records)


# The rest


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("tcp://127.0.0.1:7878", ("127.0.0.1", 7878)),
        ("host:1", ("host", 1)),
        ("mqtt://broker", ("broker", 1883)),
        ("tcp://[::1]:5/path", ("::1", 5)),
    ],
)
def test_endpoints(endpoint: str, expected: tuple[str, int]) -> None:
    assert host_and_port(endpoint, 1883) == expected


def test_a_hop_tells_its_quantiles_within_its_bucket() -> None:
    hop = Hop("gateway")
    assert hop.statistics() is None
    for n in range(1, 1001):
        hop.add(n / 10)
    found = hop.statistics()
    assert found is not None
    assert found.p50 == pytest.approx(50, rel=0.08)
    assert found.p99 == pytest.approx(99, rel=0.08)
    assert (found.max, found.count) == (100.0, 1000)
    hop.turn()
    assert hop.statistics() == found
    hop.turn()
    assert hop.statistics() is None


@settings(derandomize=True, deadline=None)
@given(address=st.text(min_size=1, max_size=20))
def test_any_address_becomes_one_level_of_a_subject(address: str) -> None:
    encoded = encode_path(address)
    assert encoded
    assert not set(encoded) & set(" .*>/+#")
    assert encoded.isascii()
