"""The language on the bus: bit-exact round trips, addresses that parse back, schemas that hold."""

import copy
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.contracts import events, export, quarantine, samples, topics
from taktwin.identity import Place, is_level_name

EXACT = settings(derandomize=True, deadline=None)

values = st.one_of(
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**64 - 1),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(),
    st.binary(),
    st.none(),
    st.lists(st.floats(allow_nan=False)),
)


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    return bool(left == right)


@EXACT
@given(column=st.lists(values, max_size=20))
def test_a_scan_comes_back_bit_for_bit(column: list[Any]) -> None:
    n = len(column)
    scan = samples.Scan("abc", "line1", 5, 1, 2**62, list(range(n)), [-3] * n, column, [0] * n, None)
    back = samples.decode(samples.encode(scan))
    assert all(same(a, b) for a, b in zip(column, back.values, strict=True))
    assert (back.sequence, back.t0_ns, back.dt_ns) == (1, 2**62, [-3] * n)


def test_text_that_looks_like_a_number_stays_text() -> None:
    scan = samples.Scan("abc", "line1", 5, 1, 0, [0, 1], [0, 0], ["00123", "1e5"])
    assert samples.decode(samples.encode(scan)).values == ["00123", "1e5"]


def test_columns_of_different_length_are_refused() -> None:
    scan = samples.Scan("abc", "line1", 5, 1, 0, [0, 1], [0], [1.0, 2.0])
    with pytest.raises(ValueError, match="columns of different length: i 2, dt 1, v 2"):
        samples.decode(samples.encode(scan))


def test_a_confirmation_is_small() -> None:
    scan = samples.Scan("0123456789ab", "line1", 2**60, 7, 2**60, as_of_ns=2**60)
    assert len(samples.encode(scan)) < 64


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)


@EXACT
@given(levels=st.lists(names, min_size=5, max_size=5), event=st.sampled_from(sorted(events.CATALOGUE)))
def test_every_address_parses_back_to_its_parts(levels: list[str], event: str) -> None:
    place = Place(*levels)
    assert topics.parse(topics.event(place, event)) == (place, "_evt_v1", tuple(event.split(".")))
    assert topics.parse(topics.sample(place)) == (place, "_sample_v1", ())
    assert topics.to_subject(topics.to_topic(topics.sample(place))) == topics.sample(place)
    assert all(is_level_name(level) for level in levels)


@pytest.mark.parametrize("bad", ["", "uns.v1.a", "uns.v2.a.b.c.d.e._sample_v1", "x.v1.a.b.c.d.e._sample_v1"])
def test_a_foreign_subject_is_refused_with_what_would_be_right(bad: str) -> None:
    with pytest.raises(ValueError, match=r"expected uns\.v1"):
        topics.parse(bad)


@pytest.mark.parametrize("bad", ["", "Line1", "line 1", "line.1", "a/b", "a+b", "#", "-a", "line1\n"])
def test_names_that_would_break_a_topic_are_no_level_names(bad: str) -> None:
    assert not is_level_name(bad)


def test_an_event_keeps_the_attributes_of_cloudevents() -> None:
    content = events.ConnectorStateChanged(connector="line1", state="lost", reason="socket closed")
    event = events.make(
        content, source="/aurora/northfield/gateway", sequence=7, time_ns=1_700_000_000_123_456_789
    )
    wire = json.loads(events.encode(event))
    assert wire["specversion"] == "1.0"
    assert wire["type"] == "org.taktwin.connector.state.changed.v1"
    assert wire["time"] == "2023-11-14T22:13:20.123456789Z"
    assert wire["sequence"] == "00000000000000000007"
    back = events.decode(events.encode(event))
    assert back.key == ("/aurora/northfield/gateway", "00000000000000000007")
    assert back.time_ns == 1_700_000_000_123_456_789
    assert events.content_of(back) == content
    assert all(name == name.lower() and name.isalnum() and len(name) <= 20 for name in wire)


def test_an_event_of_a_later_release_is_unknown_and_no_error() -> None:
    later = events.decode(
        b'{"id":"1","source":"/x","type":"org.taktwin.unit.teleported.v1","time":"2026-01-01T00:00:00Z","specversion":"1.0","data":{}}'
    )
    assert events.content_of(later) is None


def test_a_rejection_keeps_the_original_bytes() -> None:
    rejection = quarantine.Rejection(
        reason="malformed",
        found="not JSON",
        expected="JSON",
        origin="a/b",
        connector="sensors",
        original=b"\x00\xff{",
    )
    assert quarantine.decode(quarantine.encode(rejection)) == rejection


@pytest.mark.parametrize("name", sorted(export.MESSAGES))
def test_no_released_schema_is_broken_without_a_new_major(name: str) -> None:
    released = export.RELEASED / f"{name}.json"
    assert released.exists(), f"{released.name} is missing: python tools/docs.py writes it"
    assert export.breaks(json.loads(released.read_text()), export.schema_of(name)) == []


def changed(change: str) -> dict[str, Any]:
    schema = copy.deepcopy(export.schema_of("interval.v1"))
    fields = schema["$defs"]["IntervalMessage"]
    if change == "field gone":
        del fields["properties"]["class"]
    elif change == "type changed":
        fields["properties"]["from"] = {"type": "string"}
    elif change == "type widened":
        fields["properties"]["from"] = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    elif change == "became required":
        fields["required"] = [*fields["required"], "reason"]
    elif change == "became optional":
        fields["required"] = [name for name in fields["required"] if name != "unit"]
    elif change == "new required field":
        fields["properties"]["shift"] = {"type": "string"}
        fields["required"] = [*fields["required"], "shift"]
    elif change == "new optional field":
        fields["properties"]["shift"] = {"type": "string", "default": ""}
    return schema


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("nothing", False), ("new optional field", False), ("field gone", True), ("type changed", True),
        ("type widened", True), ("became required", True), ("became optional", True),
        ("new required field", True),
    ],
)  # fmt: skip
def test_the_gate_tells_a_breaking_change_from_a_harmless_one(change: str, broken: bool) -> None:
    assert bool(export.breaks(export.schema_of("interval.v1"), changed(change))) is broken


def test_the_asyncapi_document_names_every_message_once() -> None:
    document = export.asyncapi("1")
    assert set(document["components"]["messages"]) == set(export.MESSAGES)
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
