"""The picture and what is cut from it: values bit for bit, versions, gaps, disappearance."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taktwin.contracts.state import AlarmDocument, Frame, UnitDocument
from taktwin.portal import wire
from taktwin.portal.compose import Composer, Topics, parse_topics
from taktwin.portal.picture import Picture
from tests.unit.portal.support import frame

ALL = Topics(units=True, alarms=True, connections=True, signals="*")

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=10,
)


@given(value=values)
@example(value=2**53 + 1)
@example(value=-(2**63))
@example(value=2**53)
@example(value=[math.nan, math.inf, -math.inf, -0.0])
@example(value=bytes(2000))
@settings(derandomize=True, deadline=None)
def test_every_value_survives_json_and_javascript(value: Any) -> None:
    safe = wire.safe(value)
    found = json.loads(wire.encode(safe), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert _same(value, found)


def _same(value: Any, found: Any) -> bool:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return found == value and type(found) is type(value)
    if isinstance(value, int):
        exact = abs(value) <= 2**53
        return type(found) is (int if exact else str) and int(found) == value
    if isinstance(value, float):
        if math.isnan(value):
            return bool(found == "NaN")
        if math.isinf(value):
            return bool(found == ("Infinity" if value > 0 else "-Infinity"))
        return float(found) == value and math.copysign(1, float(found)) == math.copysign(1, value)
    if isinstance(value, bytes):
        return bool(found == {"hex": value[:1024].hex(), "size": len(value)})
    return len(value) == len(found) and all(_same(a, b) for a, b in zip(value, found, strict=True))


@st.composite
def days(draw: st.DrawFn) -> list[dict[int, int]]:
    """Return some frames: which signals changed to which value."""
    return draw(st.lists(st.dictionaries(st.integers(0, 7), st.integers(), max_size=8), max_size=12))


@given(day=days(), stops=st.sets(st.integers(0, 11)))
@settings(derandomize=True, deadline=None)
def test_who_hears_only_some_of_the_frames_sees_the_same_in_the_end(
    day: list[dict[int, int]], stops: set[int]
) -> None:
    """A page that is sent a frame only now and then has the values of one that got all of them."""
    picture, seen, version = Picture(8, "r"), dict.fromkeys(range(8)), 0
    picture.replace(frame(0, {}))
    version = picture.version
    composer = Composer(picture)
    for number, changes in enumerate(day):
        picture.apply(frame(number + 1, changes, at_ns=number))
        if number in stops or number == len(day) - 1:
            message = composer.frame(ALL, since=version, seq=1)
            version = picture.version
            if message is not None:
                heard = json.loads(message)
                seen.update(zip(heard["i"], heard["v"], strict=True))
    assert seen == dict(enumerate(picture.values))


def test_a_full_picture_takes_away_what_is_not_in_it() -> None:
    picture = Picture(3, "r")
    picture.replace(
        frame(5, {0: 1.0, 1: 2.0}, at_ns=9, units=[UnitDocument(unit="a", time_class="production")])
    )
    epoch = picture.epoch
    picture.replace(frame(2, {1: 3.0}, at_ns=10))
    assert picture.epoch == epoch + 1
    assert (picture.values, picture.units.by_id) == ([None, 3.0, None], {})
    assert picture.quality.tolist() == [1, 0, 1]
    assert picture.follows(frame(3, {}))
    assert not picture.follows(frame(4, {}))
    assert not picture.follows(frame(2, {}))


def test_only_a_new_message_counts_for_latency() -> None:
    picture = Picture(2, "r")
    picture.replace(frame(0, {0: 1}, at_ns=7, received_mono=[5]))
    assert not picture.valued.any(), "what stood already says nothing about the way"
    assert picture.apply(frame(1, {0: 1}, at_ns=8, received_mono=[5])).tolist() == []
    assert picture.apply(frame(2, {0: 1}, at_ns=9, received_mono=[6])).tolist() == [0]
    assert picture.apply(frame(3, {1: 1}, at_ns=9, received_mono=[7])).tolist() == [], "its first one"
    assert picture.apply(frame(4, {1: 1}, at_ns=9, received_mono=[8])).tolist() == [1]


def test_a_frame_of_another_registry_does_not_fit() -> None:
    picture = Picture(1, "abcdef012345")
    assert picture.fits(Frame(sequence=1, at_ns=0, registry="abcdef012345"))
    assert not picture.fits(Frame(sequence=1, at_ns=0, registry="ffffff012345"))


def test_an_alarm_that_is_over_is_told_once_and_leaves_the_snapshot() -> None:
    known = {
        "kind": "limit",
        "priority": 1,
        "message": "",
        "response": "",
        "consequence": "",
        "owner_role": "",
    }
    standing = AlarmDocument(alarm="a", equipment="e", state="UNACK", active=True, **known)  # type: ignore[arg-type]
    over = AlarmDocument(alarm="a", equipment="e", state="NORM", active=False, **known)  # type: ignore[arg-type]
    picture = Picture(0, "r")
    composer = Composer(picture)
    picture.replace(frame(0, {}, alarms=[standing]))
    before = picture.version
    picture.apply(frame(1, {}, alarms=[over]))
    told = composer.frame(ALL, since=before, seq=1)
    assert told is not None
    assert json.loads(told)["alarms"][0]["state"] == "NORM"
    assert composer.frame(ALL, since=picture.version, seq=2) is None
    assert json.loads(composer.snapshot(ALL, seq=3, mode="live", speed=1, at_ms=0))["alarms"] == []


def test_the_version_of_an_alarm_changes_with_each_field_that_a_decision_looks_at() -> None:
    base = {"alarm": "a", "equipment": "e", "kind": "limit", "priority": 1, "message": "", "response": "",
            "consequence": "", "owner_role": "", "state": "UNACK", "active": True}  # fmt: skip
    changes = [{}, {"state": "ACKED"}, {"active": False}, {"since_ns": 1}, {"acknowledged_by": "k"},
               {"acknowledged_ns": 1}, {"comment": "c"}, {"shelved_until_ns": 1}]  # fmt: skip
    versions = {wire.alarm_version(AlarmDocument(**(base | c))) for c in changes}  # type: ignore[arg-type]
    assert len(versions) == len(changes)
    louder = AlarmDocument(**(base | {"value": 5}))  # type: ignore[arg-type]
    assert wire.alarm_version(louder) in versions, "a moving value must not spoil a decision"


@pytest.mark.parametrize(
    ("names", "right"),
    [
        (["signals:*"], Topics(signals="*")),
        (["signals:3,1", "signals:2"], Topics(signals=(1, 2, 3))),
        (["units", "hops", "signals:"], Topics(units=True, hops=True)),
        (["signals:1", "signals:*"], Topics(signals="*")),
        ([], Topics()),
    ],
)
def test_topics_mean(names: list[str], right: Topics) -> None:
    assert parse_topics(names, 4) == right


@pytest.mark.parametrize("name", ["signals:4", "signals:-1", "signals:x", "unit", "signals", ""])
def test_a_topic_that_means_nothing_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"signal|topic"):
        parse_topics([name], 4)
