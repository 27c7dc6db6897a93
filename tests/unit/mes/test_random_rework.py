"""Random splits, merges, rework, suspects and scrap taken back: nothing lost, nothing free that is suspect.

Beside the machine of all commands, which seldom stays at one lot or unit for long enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from taktwin.contracts import commands
from taktwin.mes.collection.actions import Heard
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.execution.tables import JobOrder, ScrapReport
from taktwin.mes.quality.engine import Disposition
from taktwin.mes.quality.rework import ORDERED, steps_of
from taktwin.mes.quality.route_state import RouteState, route_state
from taktwin.mes.quality.suspicions import because
from taktwin.mes.quality.tables import OVER, Nonconformance, Rework, Suspicion
from taktwin.mes.tracking.queries import lots_after, recall
from taktwin.mes.tracking.tables import Consumption, Lot, LotTransfer, Unit
from taktwin.plant import open_plant
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop
from tests.unit.mes.test_random_commands import chained_and_rebuilt, traced_both_ways

DEFINITIONS = compiled(open_plant(PLANT))
QUANTITY = 12
serials = st.sampled_from(("A0", "A1"))
lots = st.sampled_from(("L0", "L1", "L2"))
jobs = st.sampled_from(("1-20", "1-20.2", "1-30", "1-30.2", "1-30.3"))


def reached(links: list[tuple[str, str]], start: str) -> set[str]:
    """Return everything that something went into, through all levels: a model beside the product's."""
    found: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        new = {target for source, target in links if source == name} - found
        found |= new
        todo.extend(new)
    return found


class Floor(RuleBasedStateMachine):
    """One bonding cell, its lots, its parts and what people decide on them."""

    @initialize(bad=st.booleans(), then=st.sampled_from(("rework", "suspect", "split", "")))
    def open(self, bad: bool, then: str) -> None:
        """Begin an order with a lot and a part, good or bad."""
        self.shop = Shop(DEFINITIONS)
        self.received = 0.0
        self.count = 100
        self.shop.granted(
            commands.DropOrder(request="1", product="EA-100", quantity=QUANTITY, due_ns=START_NS)
        )
        self.receive("L0")
        self.shop.granted(commands.LoadLot(lot="L0", work_unit="adhesive2"))
        self.shop.begin("1-20", "adhesive2")
        self.shop.desk.hear([Heard("adhesive2/good_count", 100, self.shop.now_ns)], stream="S", position=1)
        self.make("A0", 3.9 if bad else 2.4)
        if then == "rework":
            self.decide(1, Disposition.REWORK, "rebond")
        elif then == "suspect":
            self.suspect("lot", "L0")
            self.make("A0", 3.9)  # and fails while it is held
        elif then == "split":
            self.split("L0", "L1", 0.3)
            self.load("L1")
            self.make("A1", 2.4)

    @rule(lot=lots)
    def receive(self, lot: str) -> None:
        wish = commands.ReceiveLot(lot=lot, product="AD-3", quantity=60.0)
        self.received += 60.0 if self.shop.ask(wish).accepted else 0.0

    @rule(lot=lots)
    def load(self, lot: str) -> None:
        self.shop.ask(commands.LoadLot(lot=lot, work_unit="adhesive2"))

    @rule(serial=serials, value=st.sampled_from((2.4, 3.9)))
    def make(self, serial: str, value: float) -> None:
        self.shop.now_ns += SECOND
        at = self.shop.now_ns
        self.count += 1
        said: list[tuple[str, int | float | str]] = [
            ("serial", serial), ("bead_width", value), ("good_count", self.count),
        ]  # fmt: skip
        for name, each in said:
            at += 1
            self.shop.desk.hear([Heard(f"adhesive2/{name}", each, at)], stream="S", position=at)
        self.shop.now_ns = at

    @rule(lot=lots, into=lots, share=st.sampled_from((0.0, 0.3, 1.0)))
    def split(self, lot: str, into: str, share: float) -> None:
        row = self.shop.store.book.get(Lot, lot)
        left = 1.0 if row is None else row.remaining
        answer = self.shop.ask(commands.SplitLot(lot=lot, into=into, quantity=left * share))
        assert not answer.accepted or 0 < share < 1

    @rule(lot=lots, into=lots)
    def merge(self, lot: str, into: str) -> None:
        self.shop.ask(commands.MergeLots(lot=lot, into=into))

    @rule(job=jobs, into=jobs, quantity=st.integers(-1, QUANTITY), split=st.booleans())
    def part_jobs(self, job: str, into: str, quantity: int, split: bool) -> None:
        row = self.shop.store.book.get(JobOrder, job)
        version = 1 if row is None else row.version
        if split:
            self.shop.ask(commands.SplitJob(job=job, quantity=quantity, version=version))
        else:
            self.shop.ask(commands.MergeJobs(job=job, into=into, version=version))

    @rule(number=st.integers(1, 2), what=st.sampled_from(Disposition), route=st.sampled_from(("", "rebond")))
    def decide(self, number: int, what: Disposition, route: str) -> None:
        row = self.shop.store.book.get(Nonconformance, f"NC-{number}")
        version = 1 if row is None else row.version
        self.shop.ask(
            commands.Dispose(nonconformance=f"NC-{number}", disposition=what.value, cause="looked at it",
                             version=version, route=route, quantity=1)
        )  # fmt: skip

    @rule(number=st.integers(1, 2), turn=st.integers(1, 2), step=st.integers(1, 3), good=st.booleans(),
          place=st.sampled_from(("wash1", "adhesive2")))  # fmt: skip
    def rework(self, number: int, turn: int, step: int, good: bool, place: str) -> None:
        name = f"NC-{number}-R{turn}"
        row = self.shop.store.book.get(Rework, name)
        may = self.state(row.unit, place) if row is not None else None
        answer = self.shop.ask(commands.ReportRework(rework=name, step=step, work_unit=place, good=good))
        if answer.accepted:
            assert row is not None and row.state == ORDERED and step == row.done + 1 <= len(steps_of(row))
            assert may is not None and may.may and may.code == "rework"

    def state(self, serial: str, place: str) -> RouteState:
        return route_state(self.shop.store.book, DEFINITIONS, serial, place)

    @rule(number=st.sampled_from((1, 1, 2)))
    def release(self, number: int) -> None:
        self.shop.ask(commands.ReleaseSuspects(suspicion=f"SU-{number}", cause="looked at it"))

    @rule(kind=st.sampled_from(("lot", "lot", "work_unit", "nonconformance")), lot=lots)
    def suspect(self, kind: str, lot: str) -> None:
        book = self.shop.store.book
        name = {"lot": lot, "work_unit": "adhesive2", "nonconformance": "NC-1"}[kind]
        if self.shop.ask(commands.HoldSuspects(kind=kind, id=name, cause="grey")).accepted and kind == "lot":
            for unit in recall(book, lot):
                assert unit.disposition in ("Restricted", "Closed"), "a suspect goes free"
            for each in (lot, *lots_after(book, lot)):
                row = book.get(Lot, each)
                assert row is not None and row.disposition == "Restricted", "a suspect lot goes free"

    @rule(serial=serials, what=st.sampled_from(("hold", "release", "scrap", "restore")))
    def touch(self, serial: str, what: str) -> None:
        if what == "scrap":
            self.shop.ask(commands.ReportScrap(job="1-20", cause="damaged", unit=serial))
        elif what == "restore":
            for row in self.shop.store.book.where(ScrapReport, unit=serial, undone=False):
                if self.shop.ask(commands.RestoreScrap(report=row.report, cause="only dust")).accepted:
                    unit = self.shop.store.book.get(Unit, serial)
                    assert unit is None or unit.disposition != "In-Process", "free without a decision"
        else:
            wish = commands.Hold if what == "hold" else commands.Release
            self.shop.ask(wish(kind="unit", id=serial, cause="looked at it"))

    @invariant()
    def what_came_in_is_left_or_built_in(self) -> None:
        book = self.shop.store.book
        used: dict[str, float] = {}
        for row in book.where(Consumption):
            used[row.lot] = used.get(row.lot, 0.0) + row.quantity
        given: dict[str, float] = {}
        for each in book.where(LotTransfer):
            given[each.source] = given.get(each.source, 0.0) + each.quantity
        rows = book.where(Lot)
        for lot in rows:
            gone = used.get(lot.lot, 0.0) + given.get(lot.lot, 0.0)
            assert lot.remaining >= 0 and abs(lot.quantity - lot.remaining - gone) < 1e-6
        built_in = sum(used.get(lot.lot, 0.0) for lot in rows)
        assert abs(self.received - sum(lot.remaining for lot in rows) - built_in) < 1e-6

    @invariant()
    def the_parts_of_an_operation_are_the_orders(self) -> None:
        for number in (20, 30):
            rows = self.shop.store.book.where(JobOrder, request="1", operation=number)
            assert sum(row.quantity for row in rows) == QUANTITY and all(row.quantity > 0 for row in rows)

    @invariant()
    def what_is_left_to_decide_goes_nowhere(self) -> None:
        book = self.shop.store.book
        for row in book.where(Nonconformance):
            unit = book.get(Unit, row.unit) if row.unit else None
            if unit is not None and row.state != OVER:
                assert unit.disposition in ("Restricted", "Closed"), "a failed part goes free"
        for suspicion in book.where(Suspicion, released=True):
            for unit in book.where(Unit):
                assert unit.reason != because(suspicion.suspicion, suspicion.cause) or any(
                    nc.state != OVER for nc in book.where(Nonconformance, unit=unit.unit)
                ), "held by a suspicion that is over"
        for serial in ("A0", "A1"):
            found = self.state(serial, "press2")
            here = book.get(Unit, serial)
            free = here is not None and here.disposition == "In-Process" and here.operation == 20
            assert found.may == free, found

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        chained_and_rebuilt(self.shop)
        book = self.shop.store.book
        traced_both_ways(book)
        # And with a list of links beside the product: both could forget the same thing.
        links = [(r.lot, r.unit) for r in book.where(Consumption) if r.lot]
        links += [(r.source, r.target) for r in book.where(LotTransfer)]
        for lot in book.where(Lot):
            told = {unit.unit for unit in recall(book, lot.lot)}
            assert told == {name for name in reached(links, lot.lot) if book.get(Unit, name) is not None}


def run(examples: int, *, shrink: bool = True) -> None:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    run_state_machine_as_test(
        Floor,
        settings=settings(max_examples=examples, stateful_step_count=20, deadline=None, derandomize=True,
                          database=None, phases=phases, suppress_health_check=list(HealthCheck)),
    )  # fmt: skip


def test_random_splits_rework_and_suspects_lose_nothing_and_free_nothing() -> None:
    run(25)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a recall forgets what was split off": ("taktwin.mes.tracking.queries.lots_after", lambda *_: set()),
    "a genealogy forgets what was split off": (
        "taktwin.mes.tracking.queries.lots_before",
        lambda *_: set(),
    ),
    "suspects forget what was split off": ("taktwin.mes.quality.suspicions.lots_after", lambda *_: set()),
    "a suspicion lets go what quality has to decide": (
        "taktwin.mes.quality.suspicions.undecided",
        lambda *_: None,
    ),
    "rework is done anywhere and in any state": (
        "taktwin.mes.quality.route_state.under_way",
        lambda *_: None,
    ),
    "a job order that is split keeps its parts": (
        "taktwin.mes.execution.actions._split_off",
        lambda job, quantity: job.quantity,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_splits_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(2_000, shrink=False)
