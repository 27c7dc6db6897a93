"""Silence is noticed in time, and nothing is called silent that is not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from taktwin.contracts.events import ConnectorStateChanged
from taktwin.plant.registry import Registry
from taktwin.quality import Quality
from taktwin.twin.engine import ScanEvent, TwinEngine
from taktwin.twin.frames import Framer, alarm_documents
from taktwin.twin.staleness import gap_ns_of
from tests.support_days import fact
from tests.support_registry import SECOND, START, Speaker, registry

PLANT = registry()
STATE = PLANT.by_id["turn1/state"].index
LOAD = PLANT.by_id["turn1/spindle/load"].index
SENSOR = PLANT.by_id["zone_c/t0"].index


@pytest.mark.parametrize(
    ("speed", "seconds"), [(0.5, 5), (1, 5), (2, 5), (4, 8), (10, 20), (60, 120), (600, 1200)]
)
def test_silence_takes_five_seconds_of_the_plant_but_never_less_than_two_of_the_wall(
    speed: float, seconds: int
) -> None:
    assert gap_ns_of(speed) == seconds * SECOND
    assert gap_ns_of(speed) >= 2 * SECOND * speed
    assert gap_ns_of(speed) >= 3 * max(SECOND, int(0.25 * speed * SECOND))


def say(engine: TwinEngine, speaker: Speaker, unit: str, second: float, **values: object) -> None:
    named = {path.replace("__", "/"): value for path, value in values.items()}
    as_of = speaker.connector != "sensors"
    scan = speaker.scan(unit, START + round(second * SECOND), named, as_of=as_of)
    engine.apply(ScanEvent(unit, scan))


def stale(engine: TwinEngine, second: float) -> set[int]:
    engine.advance(START + round(second * SECOND))
    return engine.staleness.stale_now(START + round(second * SECOND))


def test_a_value_that_stays_the_same_is_not_old_as_long_as_its_source_confirms() -> None:
    engine = TwinEngine(PLANT)
    speaker = Speaker(PLANT, "line1")
    say(engine, speaker, "turn1", 0, state=6, spindle__load=4.0)
    for second in range(1, 120):
        say(engine, speaker, "turn1", second)
        assert stale(engine, second) == set()
    assert engine.staleness.confirmed_ns(STATE) == START + 119 * SECOND


def test_all_values_of_a_silent_source_are_old_right_after_the_gap() -> None:
    engine = TwinEngine(PLANT)
    speaker = Speaker(PLANT, "line1")
    say(engine, speaker, "turn1", 0, state=6, spindle__load=4.0)
    assert stale(engine, 5) == set()
    assert stale(engine, 5.000000001) == {STATE, LOAD}


def test_what_was_never_heard_is_not_old() -> None:
    engine = TwinEngine(PLANT)
    assert stale(engine, 1000) == set()


def test_a_loss_that_is_told_is_seen_at_once_and_ends_at_once() -> None:
    engine = TwinEngine(PLANT)
    speaker = Speaker(PLANT, "line1")
    say(engine, speaker, "turn1", 0, state=6)
    engine.apply(fact(ConnectorStateChanged(connector="line1", state="lost", reason="reset"), START, 1))
    assert stale(engine, 0.1) == {STATE}
    document = engine.staleness.connection("line1", START, 0)
    assert (document.state, document.reason, document.since_ns) == ("lost", "reset", START)
    assert "line1:silent" in alarm_documents(engine)
    back = ConnectorStateChanged(connector="line1", state="running")
    engine.apply(fact(back, START + SECOND, 2))
    say(engine, speaker, "turn1", 1)
    assert stale(engine, 1) == set()


@pytest.mark.parametrize(
    ("connection", "unit", "says"),
    [
        ("line1", "turn1", r"\d+ values of \d+ units are unknown\."),
        ("line4", "grind1", r"\d+ values of grind1 are unknown\."),
    ],
)
def test_an_alarm_of_a_lost_connection_says_whose_values_are_unknown(
    connection: str, unit: str, says: str
) -> None:
    engine = TwinEngine(PLANT)
    say(engine, Speaker(PLANT, connection), unit, 0, state=6)
    lost = ConnectorStateChanged(connector=connection, state="lost", reason="reset")
    engine.apply(fact(lost, START, 1))
    assert stale(engine, 0.1)
    assert re.fullmatch(says, alarm_documents(engine)[f"{connection}:silent"].consequence)


def test_a_confirmation_of_a_new_gateway_does_not_vouch_for_what_the_old_one_sent() -> None:
    engine = TwinEngine(PLANT)
    say(engine, Speaker(PLANT, "line1", epoch_ns=1), "turn1", 0, state=6, spindle__load=4.0)
    new = Speaker(PLANT, "line1", epoch_ns=2)
    say(engine, new, "turn1", 1, state=6)  # the load's node is gone
    for second in range(2, 10):
        say(engine, new, "turn1", second)
    assert stale(engine, 9) == {LOAD}


def test_a_sensor_with_a_period_is_old_after_three_of_them() -> None:
    engine = TwinEngine(PLANT)
    speaker = Speaker(PLANT, "sensors")
    say(engine, speaker, "zone_c", 0, t0=20.5)
    assert stale(engine, 30) == set()
    assert stale(engine, 30.1) == {SENSOR}
    assert "zone_c/t0:silent" in alarm_documents(engine)
    say(engine, speaker, "zone_c", 40, t0=20.5)
    assert stale(engine, 41) == set()
    assert alarm_documents(engine)["zone_c/t0:silent"].state == "RTNUN"


def test_a_sensor_whose_connection_said_it_is_lost_is_no_alarm_of_its_own() -> None:
    engine = TwinEngine(PLANT)
    speaker = Speaker(PLANT, "sensors")
    say(engine, speaker, "zone_c", 0, t0=20.5, t1=21.0)
    engine.apply(fact(ConnectorStateChanged(connector="sensors", state="lost"), START + SECOND, 1))
    assert len(stale(engine, 100)) == 2
    assert list(alarm_documents(engine)) == ["sensors:silent"]


def frozen_plant() -> Registry:
    signals = tuple(replace(s, must_move_s=20.0) if s.index == LOAD else s for s in PLANT.signals)
    return replace(PLANT, signals=signals)


def test_a_value_that_must_move_and_does_not_is_frozen_although_its_source_is_alive() -> None:
    engine = TwinEngine(frozen_plant())
    speaker = Speaker(PLANT, "line1")
    say(engine, speaker, "turn1", 0, spindle__load=4.0)
    for second in range(1, 22):
        say(engine, speaker, "turn1", second, spindle__load=4.0)
    assert stale(engine, 21) == {LOAD}
    assert alarm_documents(engine)["turn1/spindle/load:frozen"].since_ns == START + 20 * SECOND
    say(engine, speaker, "turn1", 22, spindle__load=4.1)
    assert stale(engine, 22) == set()


def test_a_frozen_value_is_not_called_so_while_nobody_confirms() -> None:
    engine = TwinEngine(frozen_plant())
    speaker = Speaker(PLANT, "line1")
    say(engine, speaker, "turn1", 0, spindle__load=4.0)
    engine.advance(START + 100 * SECOND)
    assert "turn1/spindle/load:frozen" not in alarm_documents(engine)


def test_the_next_deadline_is_when_the_first_silence_would_begin() -> None:
    engine = TwinEngine(PLANT)
    speaker = Speaker(PLANT, "line1")
    assert engine.next_deadline_ns() is None
    say(engine, speaker, "turn1", 0, state=6)
    engine.advance(START)
    deadline = engine.next_deadline_ns()
    assert deadline == START + 5 * SECOND + 1
    assert not engine.advance(deadline - 1)
    assert engine.advance(deadline)


def test_a_frame_shows_an_old_value_as_uncertain_and_says_how_old_the_oldest_is() -> None:
    engine = TwinEngine(PLANT)
    framer = Framer(engine)
    speaker = Speaker(PLANT, "line1")
    say(engine, speaker, "turn1", 0, state=6)
    first = framer.next(at_ns=START, mono_ns=SECOND)
    assert first is not None and (first.qualities, first.stale) == ([0], [False])
    engine.advance(START + 6 * SECOND)
    second = framer.next(at_ns=START + 6 * SECOND, mono_ns=7 * SECOND)
    assert second is not None
    assert (second.signals, second.qualities, second.stale) == ([STATE], [int(Quality.UNCERTAIN)], [True])
    assert (second.stale_count, second.oldest_stale_ns) == (1, START)
    assert second.units[0].time_class == "unknown"
    assert (second.units[0].last_known_class, second.units[0].confirmed_ns) == ("production", START)
