"""ISA-18.2 states from limits, machine alarms and silences, and from what people decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.contracts.events import (
    AlarmAcknowledged,
    AlarmCleared,
    AlarmCommented,
    AlarmRaised,
    AlarmShelved,
    AlarmUnshelved,
    EventData,
)
from taktwin.contracts.state import AlarmDocument
from taktwin.twin import api
from taktwin.twin.alarms import Activation, Condition, Effect, limit_activations, merged, over
from taktwin.twin.engine import ScanEvent, TwinEngine
from taktwin.twin.frames import alarm_documents
from taktwin.twin.state import NEVER, Series
from tests.support_days import fact
from tests.support_registry import SECOND, START, Speaker, TwoShifts, limit, registry

HOT = "turn1/spindle/temperature:high"  # over 80, hysteresis 2, delay 3 s
BIT = "turn1/alarm/active:active"


class Bench:
    """One engine that is told temperatures and alarm bits."""

    def __init__(self, **plant: Any) -> None:
        self.plant = registry(**plant)
        self.engine = TwinEngine(self.plant)
        self.speaker = Speaker(self.plant, "line1")
        self.effects: list[Effect] = []
        self.number = 0

    def say(self, second: float, *, qualities: list[int] | None = None, **values: Any) -> None:
        named = {path.replace("__", "/"): value for path, value in values.items()}
        scan = self.speaker.scan("turn1", START + round(second * SECOND), named, qualities=qualities)
        self.effects += self.engine.apply(ScanEvent("turn1", scan)).events

    def hot(self, second: float, temperature: Any, **more: Any) -> None:
        self.say(second, spindle__temperature=temperature, **more)

    def decide(self, second: float, content: EventData) -> bool:
        self.number += 1
        event = fact(content, START + round(second * SECOND), self.number, "/aurora/northfield/portal")
        return self.engine.apply_fact(event.event)

    def now(self, second: float) -> None:
        self.effects += self.engine.advance(START + round(second * SECOND)).events

    def word(self, alarm: str = HOT) -> str:
        return self.engine.alarms[alarm].word(self.engine.now_ns, planned_down=False)

    def document(self, alarm: str = HOT) -> AlarmDocument:
        return alarm_documents(self.engine)[alarm]

    def announced(self, kind: type[EventData]) -> list[float]:
        return [(e.time_ns - START) / SECOND for e in self.effects if isinstance(e.content, kind)]


def test_a_limit_is_an_alarm_once_it_was_exceeded_for_its_delay() -> None:
    bench = Bench()
    for second, temperature in enumerate((70, 85, 86, 84)):
        bench.hot(second, temperature)
    assert bench.word() == "NORM"
    bench.hot(4, 83)
    assert bench.word() == "UNACK"
    assert bench.announced(AlarmRaised) == [4.0]
    assert bench.document().value == 85


def test_a_pure_confirmation_lets_the_delay_pass_and_silence_does_not() -> None:
    bench = Bench()
    bench.hot(0, 90)
    bench.now(60)
    assert bench.word() == "NORM"  # nobody said that it stayed hot
    bench.say(4)
    assert bench.word() == "UNACK"


def test_between_limit_and_hysteresis_nothing_changes() -> None:
    bench = Bench()
    for second, temperature in enumerate((90, 90, 90, 90, 79, 78.1, 81, 78)):
        bench.hot(second, temperature)
    assert bench.announced(AlarmCleared) == []
    bench.hot(9, 77.9)
    assert bench.announced(AlarmCleared) == [9.0]
    assert bench.word() == "RTNUN"


@pytest.mark.parametrize(
    ("value", "quality"), [(None, 0), (float("nan"), 0), (95.0, 3), ("hot", 0), (b"x", 0)]
)
def test_what_is_no_number_neither_raises_nor_clears(value: Any, quality: int) -> None:
    bench = Bench()
    bench.hot(0, 90)
    bench.hot(4, 90)
    bench.hot(5, value, qualities=[quality])
    assert bench.word() == "UNACK"
    bench.hot(6, 70)
    bench.hot(7, value, qualities=[quality])
    bench.hot(20, value, qualities=[quality])
    assert bench.word() == "RTNUN"


def test_the_way_of_an_alarm_through_its_states() -> None:
    bench = Bench()
    bench.say(0, alarm__active=True)
    assert bench.word(BIT) == "UNACK"
    bench.decide(1, AlarmAcknowledged(alarm=BIT, person="eva", comment="on my way"))
    assert bench.word(BIT) == "ACKED"
    assert (bench.document(BIT).acknowledged_by, bench.document(BIT).comment) == ("eva", "on my way")
    bench.say(2, alarm__active=False)
    assert bench.word(BIT) == "NORM"
    bench.say(3, alarm__active=True)
    assert (bench.word(BIT), bench.document(BIT).acknowledged_by) == ("UNACK", "")
    bench.say(4, alarm__active=False)
    assert bench.word(BIT) == "RTNUN"
    bench.decide(5, AlarmAcknowledged(alarm=BIT, person="eva"))
    assert bench.word(BIT) == "NORM"
    assert BIT not in alarm_documents(bench.engine)


def test_first_seen_stays_and_since_restarts_while_nobody_acknowledged() -> None:
    bench = Bench()
    for second, active in ((0, True), (2, False), (5, True)):
        bench.say(second, alarm__active=active)
    document = bench.document(BIT)
    assert (document.first_seen_ns, document.since_ns) == (START, START + 5 * SECOND)


def test_a_shelved_alarm_comes_back_by_itself_and_says_so_once() -> None:
    bench = Bench()
    bench.say(0, alarm__active=True)
    until_ns = START + 10 * SECOND
    bench.decide(1, AlarmShelved(alarm=BIT, person="eva", until_ns=until_ns, comment="known"))
    bench.now(2)
    assert (bench.word(BIT), bench.document(BIT).comment) == ("SHLVD", "known")
    for second in (11, 12):
        bench.now(second)
    assert bench.word(BIT) == "UNACK"
    assert bench.announced(AlarmUnshelved) == [10.0]


def test_a_person_brings_a_shelved_alarm_back() -> None:
    bench = Bench()
    bench.say(0, alarm__active=True)
    bench.decide(1, AlarmShelved(alarm=BIT, person="eva", until_ns=START + 99 * SECOND))
    bench.decide(2, AlarmUnshelved(alarm=BIT, person="eva"))
    bench.now(3)
    assert bench.word(BIT) == "UNACK"


def test_a_decision_delivered_twice_counts_once_and_one_about_nothing_not_at_all() -> None:
    bench = Bench()
    bench.say(0, alarm__active=True)
    event = fact(AlarmCommented(alarm=BIT, person="ivo", comment="hm"), START + SECOND, 1).event
    assert bench.engine.apply_fact(event)
    assert not bench.engine.apply_fact(event)
    assert bench.engine.counters.duplicates_ignored == 1
    assert not bench.decide(2, AlarmCommented(alarm="nobody/knows:it", person="ivo", comment="hm"))


def test_an_acknowledgement_that_was_late_counts_for_what_stood_when_it_was_given() -> None:
    bench = Bench()
    bench.say(0, alarm__active=True)
    bench.say(2, alarm__active=False)
    bench.say(4, alarm__active=True)
    bench.decide(1, AlarmAcknowledged(alarm=BIT, person="eva"))
    assert (bench.word(BIT), bench.document(BIT).first_seen_ns) == ("UNACK", START + 4 * SECOND)


def test_a_late_sample_that_takes_an_alarm_away_calls_it_back() -> None:
    bench = Bench()
    bench.hot(0, 90)
    late = bench.speaker.scan("turn1", START + SECOND, {"spindle/temperature": 70.0})
    bench.hot(2, 90)
    bench.hot(4, 90)
    assert bench.announced(AlarmRaised) == [3.0]
    bench.effects += bench.engine.apply(ScanEvent("turn1", late)).events
    assert bench.announced(AlarmCleared) == [3.0]
    assert bench.word() == "NORM"
    bench.hot(5, 90)
    assert bench.announced(AlarmRaised) == [3.0, 5.0]


def test_an_alarm_of_a_unit_that_is_planned_down_is_suppressed_where_the_plant_says_so() -> None:
    bench = Bench(calendar=TwoShifts())
    alarm = bench.engine.alarms[BIT]
    alarm.declared = alarm.declared._replace(suppress_planned_down=True)
    bench.say(2698, state=4, alarm__active=True)
    assert bench.document(BIT).state == "UNACK"
    bench.say(2701)
    bench.now(2702)
    assert bench.document(BIT).state == "DSUPR"
    assert bench.document(BIT).active


def test_an_alarm_out_of_service_says_so() -> None:
    bench = Bench()
    alarm = bench.engine.alarms[BIT]
    alarm.declared = alarm.declared._replace(in_service=False)
    bench.say(0, alarm__active=True)
    assert bench.word(BIT) == "OOSRV"


def test_a_low_limit_and_a_machine_alarm_with_a_code() -> None:
    low = limit("a/b", "low", kind="low", value=10.0, hysteresis=1.0)
    assert [over(low, value) for value in (10.0, 10.5, 11.0, 11.1)] == [True, None, None, False]
    coded = replace(low, kind="machine", value=17)
    assert [over(coded, value) for value in (17, 16, 0)] == [True, False, False]


samples = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([70.0, 79.0, 85.0, None])),
    unique_by=lambda s: s[0],
    max_size=30,
)


@given(samples=samples, cut=st.integers(0, 60))
@settings(derandomize=True, deadline=None)
def test_a_series_cut_in_two_has_the_activations_of_the_whole(
    samples: list[tuple[int, float | None]], cut: int
) -> None:
    hot = limit("a/b", "high", delay_s=3e-9)

    def series(part: list[tuple[int, float | None]]) -> Series:
        made = Series()
        for at, value in part:
            made.add(at, 0, 0, value)
        return made

    whole, after = limit_activations(hot, series(samples), NEVER)
    first = [s for s in samples if s[0] <= cut]
    early, start = limit_activations(hot, series(first), NEVER)
    heard_ns = max((at for at, _ in samples), default=NEVER)
    late, end = limit_activations(hot, series([s for s in samples if s[0] > cut]), heard_ns, start)
    closed = [a for a in early if a.to_ns is not None]
    assert (sorted({*closed, *late}), end) == (whole, after)
    assert isinstance(start, Condition)


def test_stretches_that_touch_are_one() -> None:
    assert merged([(5, 7), (0, 3), (3, 5), (9, None), (20, 30)]) == [Activation(0, 7), Activation(9, None)]


def test_a_silent_connection_is_one_alarm_and_not_one_for_each_of_its_units_and_signals() -> None:
    bench = Bench()
    bench.say(0, state=6)
    bench.effects += bench.engine.apply(
        ScanEvent("wash1", bench.speaker.scan("wash1", START, {"state": 6}))
    ).events
    bench.now(60)
    standing = [d.alarm for d in alarm_documents(bench.engine).values()]
    assert standing == ["line1:silent"]
    assert bench.announced(AlarmRaised) == [5.0]
    document = bench.document("line1:silent")
    assert (document.kind, document.state, document.response != "") == ("silence", "UNACK", True)
    bench.say(61)
    bench.now(62)
    assert bench.document("line1:silent").state == "RTNUN"
    assert bench.announced(AlarmCleared) == [61.0]


def test_a_silent_unit_of_a_living_connection_is_an_alarm_of_its_own() -> None:
    bench = Bench()
    bench.engine.apply(ScanEvent("wash1", bench.speaker.scan("wash1", START, {"state": 6})))
    for second in range(20):
        bench.say(second, state=6)
        bench.now(second)
    assert [d.alarm for d in alarm_documents(bench.engine).values()] == ["line1/wash1:silent"]
    assert bench.document("line1/wash1:silent").cause == "line1"


def test_alarms_of_one_cause_are_one_group_with_the_highest_priority() -> None:
    bench = Bench()
    for second in range(5):
        bench.hot(second, 90, alarm__active=True)
    answer = api.alarms(bench.engine)
    assert {d.alarm for d in answer["alarms"]} == {HOT, BIT}
    assert len(answer["groups"]) == 2
    documents = [
        AlarmDocument(
            alarm=f"a{n}", equipment="x", state="UNACK", active=True, kind="limit", priority=n, message="",
            response="", consequence="", owner_role="", cause="compressor1",
        )
        for n in (3, 1, 2)
    ]  # fmt: skip
    assert api.groups(documents) == [{"cause": "compressor1", "priority": 1, "alarms": ["a3", "a1", "a2"]}]


def test_old_history_is_folded_and_nothing_is_announced_again() -> None:
    bench = Bench()
    bench.hot(0, 90)
    for second in range(1, 700):
        bench.hot(second, 90 if second < 300 or second > 310 else 70)
    bench.decide(305, AlarmAcknowledged(alarm=HOT, person="eva"))
    state = bench.engine.alarms[HOT].state
    raised = bench.announced(AlarmRaised)
    bench.now(700)  # prunes
    bench.hot(701, 90)
    bench.hot(2000, 90)
    bench.now(2001)
    bench.hot(2002, 90)
    assert bench.engine.alarms[HOT].state == state
    assert bench.announced(AlarmRaised)[: len(raised)] == raised == [3.0, 314.0]
    assert [at for at in bench.announced(AlarmRaised) if at not in raised] == [706.0]  # the silence, not HOT
