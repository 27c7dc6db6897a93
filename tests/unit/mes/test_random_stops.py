"""Random machine states, late and twice, among recodes, splits and merges: no second is counted twice.

The same plant as in `test_random_commands`, whose rules go on; and mistakes that must be found.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taktwin.contracts import commands
from taktwin.contracts.events import StopRecoded, StopsMerged, StopSplit
from taktwin.mes.definitions.routes import Machine
from taktwin.mes.desk import content_of
from taktwin.mes.performance import figures, reconciling
from taktwin.mes.performance.hearing import Told
from taktwin.mes.performance.states import STOPS, Said, Span, runs_of
from taktwin.mes.performance.tables import MachineEdge, MachineSpan, Stop, StopChange
from taktwin.standards.iso22400 import TimeClass
from tests.unit.mes.conftest import SECOND, START_NS, Shop
from tests.unit.mes.test_random_commands import DEFINITIONS, Plant, chained_and_rebuilt, run

SHORT_NS = 10 * SECOND
UNITS = ("adhesive2", "press2")
# Machines whose stops count after ten seconds, in a plant that always works.
FLOOR = replace(
    DEFINITIONS,
    machines={
        name: Machine(name, "packml", machine.connection, machine.signals, SHORT_NS)
        for name, machine in DEFINITIONS.machines.items()
    },
    calendars=dict.fromkeys(DEFINITIONS.calendars),
)
units = st.sampled_from(UNITS)
numbers = st.integers(0, 5)
reasons = st.sampled_from(("nozzle", "cleaning", "change_over", "no_order", "no such", ""))


class Stands:
    """What is asked about machines that stand, and what must always hold of them."""

    shop: Shop

    @rule(unit=units, state=st.sampled_from((6, 11, 11, 5)), starved=st.booleans(), length=st.integers(1, 40),
          gap=st.booleans(), again=st.booleans())  # fmt: skip
    def say(self, unit: str, state: int, starved: bool, length: int, gap: bool, again: bool) -> None:
        at_ns = self.shop.now_ns
        end_ns = at_ns + length * SECOND
        said = (Said(at_ns, "state", state), Said(at_ns, "starved", starved))
        vouched = (at_ns, end_ns) if gap else (*range(at_ns, end_ns, 4 * SECOND), end_ns)
        for _ in range(1 + again):
            self.tell(Told(unit, said, vouched))
        self.shop.now_ns = end_ns

    @rule(unit=units, back=st.integers(0, 120), state=st.sampled_from((6, 11, None)))
    def say_late(self, unit: str, back: int, state: int | None) -> None:
        self.tell(Told(unit, (Said(max(self.shop.now_ns - back * SECOND, START_NS), "state", state),)))

    def tell(self, told: Told) -> None:
        self.shop.desk.hear([], stream="SAMPLES", position=0, told=[told])

    def chosen(self, unit: str, number: int) -> Stop | None:
        rows = self.shop.store.book.where(Stop, work_unit=unit)
        return rows[number % len(rows)] if rows else None

    @rule(unit=units, number=numbers, reason=reasons, stale=st.booleans(), why=st.booleans(),
          who=st.sampled_from(("P21", "P22")))  # fmt: skip
    def recode(self, unit: str, number: int, reason: str, stale: bool, why: bool, who: str) -> None:
        row = self.chosen(unit, number)
        if row is None:
            return
        wish = commands.RecodeStop(stop=row.stop, reason=reason, version=row.version - stale,
                                   cause="looked at it" if why else "")  # fmt: skip
        answer = self.shop.ask(wish, actor=who)
        if stale:
            assert not answer.accepted
        now = self.shop.store.book.get(Stop, row.stop)
        assert now is not None
        if answer.accepted:
            assert (now.reason, now.person) == (reason, who) and now.version > row.version
        else:
            assert (now.reason, now.version) == (row.reason, row.version)
            if answer.code == "conflict":
                assert (answer.current["reason"], answer.current["person"]) == (now.reason, now.person)

    @rule(unit=units, number=numbers, share=st.integers(-1, 9))
    def split(self, unit: str, number: int, share: int) -> None:
        row = self.chosen(unit, number)
        if row is not None:
            end_ns = row.to_ns or self.shop.now_ns  # also beyond what is known
            at_ns = row.from_ns + (end_ns - row.from_ns) * share // 8
            self.shop.ask(commands.SplitStop(stop=row.stop, at_ns=at_ns, version=row.version))

    @rule(unit=units, number=numbers, other=numbers, stale=st.booleans())
    def merge(self, unit: str, number: int, other: int, stale: bool) -> None:
        one, two = self.chosen(unit, number), self.chosen(unit, other)
        if one is not None and two is not None:
            self.shop.ask(commands.MergeStops(stop=one.stop, other=two.stop, version=one.version - stale,
                                              other_version=two.version))  # fmt: skip

    @invariant()
    def stops_of_one_unit_tell_of_its_machine_and_never_overlap(self) -> None:
        book = self.shop.store.book
        for unit in UNITS:
            rows = [row for row in book.where(Stop, work_unit=unit) if not row.withdrawn]
            edge = book.get(MachineEdge, unit)
            spans = [
                Span(row.from_ns, row.to_ns, TimeClass(row.time_class))
                for row in sorted(book.where(MachineSpan, work_unit=unit), key=lambda row: row.from_ns)
            ]
            ends = [(row.from_ns, row.to_ns or (edge.end_ns if edge else 0)) for row in rows]
            for one, other in itertools.pairwise(sorted(ends)):
                assert one[0] < one[1] <= other[0]
            for each in runs_of(spans):
                covered = sum(end - begin for begin, end in ends if each.from_ns <= begin < each.to_ns)
                if each.time_class not in STOPS:
                    assert covered == 0
                elif each.to_ns - each.from_ns >= SHORT_NS:
                    assert covered == each.to_ns - each.from_ns

    @invariant()
    def the_history_of_a_stop_is_complete(self) -> None:
        book = self.shop.store.book
        told = [content_of(entry) for entry in self.shop.store.entries if ".stop" in entry.event_type]
        for row in book.where(Stop):
            steps = sorted(book.where(StopChange, stop=row.stop), key=lambda step: step.number)
            assert [step.number for step in steps] == list(range(1, row.changes + 1))
            reason = row.reason if row.cut and not steps else ""
            for step in steps:
                if step.what in ("recoded", "merged"):
                    assert step.person and (step.before == reason or row.cut)
                if step.what in ("recoded", "merged", "inherited"):
                    reason = step.after
            assert reason == row.reason or row.cut
        by_people = [each for each in told if isinstance(each, StopRecoded | StopSplit | StopsMerged)]
        assert all(each.person for each in by_people)
        for each in told:
            if isinstance(each, StopRecoded):
                steps = book.where(StopChange, stop=each.stop)
                assert (each.before, each.reason, each.person) in {
                    (step.before, step.after, step.person) for step in steps if step.what == "recoded"
                }

    @invariant()
    def the_sum_of_the_elements_is_the_calendar_time(self) -> None:
        low_ns, high_ns = START_NS - 60 * SECOND, self.shop.now_ns + 60 * SECOND
        for unit in UNITS:
            time = figures.unit_time(self.shop.store.book, FLOOR, unit, from_ns=low_ns, to_ns=high_ns,
                                     now_ns=self.shop.now_ns)  # fmt: skip
            found = figures.elements_in(time)
            assert found.calendar_ns == high_ns - low_ns
            assert found.short_ns <= found.delay_ns
            ran = [
                row.to_ns - row.from_ns
                for row in self.shop.store.book.where(MachineSpan, work_unit=unit)
                if row.time_class == TimeClass.PRODUCTION
            ]
            assert found.production_ns == sum(ran)  # no reason makes parts


class Floor(Stands, Plant):
    """The shop in which anything may be asked at any time, with machines that stand."""

    definitions = FLOOR


class Bench(Stands, RuleBasedStateMachine):
    """Machines that stand and nothing else: where a mistake is found in seconds."""

    @initialize()
    def open(self) -> None:
        self.shop = Shop(FLOOR)

    @invariant()
    def it_is_what_the_journal_says(self) -> None:
        chained_and_rebuilt(self.shop)


def test_random_commands_with_stops_leave_the_mes_whole() -> None:
    run(Floor, 15)
    run(Bench, 40)


def _whole(runs: Any, records: Any, *, short_ns: int, edge_ns: int) -> Any:
    return [
        reconciling.Change(None, reconciling.Record("", run.from_ns, run.to_ns, run.time_class))
        for run in runs
        if run.time_class in STOPS and run.to_ns - run.from_ns >= short_ns
    ]


MUTANTS: dict[str, tuple[str, Any]] = {
    "the last who recodes wins": ("taktwin.mes.performance.stops._same_version", lambda *_: None),
    "a stop is recorded anew each time": ("taktwin.mes.performance.reconciling.changes", _whole),
    "what was before is forgotten": (
        "taktwin.mes.performance.stops._noted",
        lambda book, row, *_: row,
    ),
    "a reason makes parts": ("taktwin.mes.performance.elements.STOPS", tuple(TimeClass)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_commands_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Bench, 1000, shrink=False)
