"""Random parts, values and decisions at one cell: nothing that failed goes free, nothing is decided twice.

Beside the machine of all commands, which seldom stays at one cell for long enough to decide anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from taktwin.contracts import commands
from taktwin.mes.collection.actions import Heard
from taktwin.mes.decision import Fact
from taktwin.mes.definitions.routes import compiled
from taktwin.mes.desk import rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.quality.engine import Disposition
from taktwin.mes.quality.tables import OVER, Nonconformance, Result
from taktwin.mes.tracking.tables import Unit
from taktwin.plant import open_plant
from taktwin.storage.journal import verify
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop

DEFINITIONS = compiled(open_plant(PLANT))
JOB = "1-20"
serials = st.sampled_from(("A0", "A1", "A2"))
Said = tuple[str, int | float | str]


class Cell(RuleBasedStateMachine):
    """One bonding cell that works, measures and is measured."""

    @initialize()
    def open(self) -> None:
        """Begin an order that is long enough."""
        self.shop = Shop(DEFINITIONS)
        self.shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=900, due_ns=START_NS))
        self.shop.begin(JOB, "adhesive2")
        self.count = 100
        self.said: list[tuple[tuple[Said, ...], int]] = []
        self.hear(("good_count", 100))

    def hear(self, *said: Said, at_ns: int = 0) -> None:
        self.shop.now_ns += SECOND
        at = at_ns or self.shop.now_ns
        heard = [Heard(f"adhesive2/{name}", value, at) for name, value in said]
        self.shop.desk.hear(heard, stream="SAMPLES", position=at)
        self.said.append((said, at))

    @rule(serial=serials, value=st.sampled_from((1.0, 2.4)), order=st.permutations(range(3)))
    def make(self, serial: str, value: float, order: list[int]) -> None:
        self.hear(("serial", serial))
        self.count += 1
        steps: list[Said] = [("bead_width", value), ("good_count", self.count), ("bead_width", 2.5)]
        for step in order:
            self.hear(steps[step])

    @rule(back=st.integers(1, 6))
    def deliver_again(self, back: int) -> None:
        if back <= len(self.said):
            said, at = self.said[-back]
            self.hear(*said, at_ns=at)

    @rule(serial=serials | st.just(""), value=st.sampled_from((1.0, 14.0, 900.0)))
    def measure_by_hand(self, serial: str, value: float) -> None:
        self.shop.ask(
            commands.RecordResult(job=JOB, characteristic="adhesive_strength", value=value,
                                  unit_of_measure="MPa", unit=serial)
        )  # fmt: skip

    @rule(number=st.integers(1, 3), what=st.sampled_from((*Disposition, "forget")), stale=st.booleans(),
          quantity=st.integers(0, 2))  # fmt: skip
    def decide(self, number: int, what: str, stale: bool, quantity: int) -> None:
        row = self.shop.store.book.get(Nonconformance, f"NC-{number}")
        version = 1 if row is None else row.version - stale
        answer = self.shop.ask(
            commands.Dispose(nonconformance=f"NC-{number}", disposition=what, cause="looked at it",
                             version=version, quantity=quantity)
        )  # fmt: skip
        assert not answer.accepted or (row is not None and row.state != OVER and not stale)

    @rule(serial=serials, what=st.sampled_from(("hold", "release", "scrap")))
    def touch(self, serial: str, what: str) -> None:
        if what == "scrap":
            self.shop.ask(commands.ReportScrap(job=JOB, cause="damaged", unit=serial))
        else:
            wish = commands.Hold if what == "hold" else commands.Release
            self.shop.ask(wish(kind="unit", id=serial, cause="looked at it"))

    @invariant()
    def what_is_left_to_decide_goes_nowhere(self) -> None:
        book = self.shop.store.book
        for row in book.where(Nonconformance):
            unit = book.get(Unit, row.unit) if row.unit else None
            if unit is not None and row.state != OVER:
                assert unit.disposition in ("Restricted", "Closed"), "a failed part goes free"

    @invariant()
    def each_value_that_failed_is_in_one_nonconformance(self) -> None:
        book = self.shop.store.book
        named = {row.nonconformance: row for row in book.where(Nonconformance)}
        assert sorted(row.number for row in named.values()) == list(range(1, len(named) + 1))
        for result in book.where(Result):
            if result.verdict == "NOK":
                assert named[result.nonconformance].unit == result.unit
        job = book.get(JobOrder, JOB)
        assert job is not None and job.good == self.count - 100

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        store = self.shop.store
        told = {key: row for key, row in store.book.rows.items() if key[0] not in ("readings", "positions")}
        assert rebuilt(store.entries).rows == told
        assert verify(store.entries).broken is None


def run(*, shrink: bool = True) -> None:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    run_state_machine_as_test(
        Cell,
        settings=settings(max_examples=25, stateful_step_count=15, deadline=None, derandomize=True,
                          database=None, phases=phases, suppress_health_check=list(HealthCheck)),
    )  # fmt: skip


def test_random_values_and_decisions_leave_nothing_that_failed_free() -> None:
    run()


def _nobody_held(*_: object) -> Iterator[Fact]:
    return iter(())


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a failed part is not held when it is counted": ("taktwin.mes.collection.actions.held", _nobody_held),
    "a release asks nobody": ("taktwin.mes.quality.actions.refuse_undecided", lambda *_: None),
    "each value that fails opens one more": ("taktwin.mes.quality.actions._next_number", lambda _: 1),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_decisions_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(shrink=False)
