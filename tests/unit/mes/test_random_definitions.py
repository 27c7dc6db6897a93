"""Random bills and routings that come, are approved and withdrawn while orders run by others of them.

The test keeps a book of its own: which version an order was dropped with, and what that version says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from taktwin.contracts import commands
from taktwin.contracts.commands import BillLine, DefinedOperation
from taktwin.mes.definitions.routes import Definition
from taktwin.mes.definitions.tables import Master
from taktwin.mes.definitions.versions import Following, Routes
from taktwin.mes.dispatching.queries import board
from taktwin.mes.enforcing.actions import _here
from taktwin.mes.execution.tables import JobOrder, Output
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.tables import Consumption, Unit
from tests.unit.mes.conftest import SECOND, Shop
from tests.unit.mes.test_random_commands import DEFINITIONS, FOUND_WITHIN, chained_and_rebuilt, run

PLANT = DEFINITIONS.products["EA-100"]
# A version by its number: the adhesive in mL, seconds of bonding, and whether it is looked at afterwards.
SAYS = {"A": (5.0, 50.0, False), "B": (6.0, 60.0, True), "C": (7.0, 70.0, False)}
versions = st.sampled_from(tuple(SAYS))
orders = st.sampled_from(("1", "2", "3"))
cells = st.sampled_from(("load2", "adhesive2", "vision2"))


def said(version: str) -> list[DefinedOperation]:
    """Return the operations of a version."""
    quantity, seconds, look = SAYS[version]
    bond = DefinedOperation(name="Bond", equipment_class="adhesive_cell", standard_time_s=seconds,
                            work_units=["adhesive2"],
                            components=[BillLine(product="AD-3", quantity=quantity, unit="mL")])  # fmt: skip
    load = DefinedOperation(name="Load", equipment_class="loader", standard_time_s=9.0, work_units=["load2"])
    eye = DefinedOperation(name="Look", equipment_class="vision_cell", standard_time_s=9.0)
    return [load, bond, eye] if look else [load, bond]


class Definitions(RuleBasedStateMachine):
    """A shop whose product is defined anew again and again."""

    @initialize(begun=st.booleans(), withdrawn=st.booleans())
    def open(self, begun: bool, withdrawn: bool) -> None:
        """Open a shop in which something is in force already, so that few steps lead far."""
        self.shop = Shop(DEFINITIONS)
        self.from_ns: dict[
            str, tuple[int, int]
        ] = {}  # approved and not withdrawn -> when it begins, was approved
        self.withdrawn: set[str] = set()
        self.follows: dict[str, str] = {}  # order -> version, "" = the plant folder's
        self.shop.ask(commands.ReceiveLot(lot="L", product="AD-3", quantity=500.0))
        self.shop.ask(commands.LoadLot(lot="L", work_unit="adhesive2"))
        if begun:
            self.receive("A", 0, bad=False)
            self.decide("A", stale=False, withdraw=False)
            self.drop(0)
        if begun and withdrawn:
            self.decide("A", stale=False, withdraw=True)

    def in_force(self) -> str:
        """Return what a new order follows, as we know it."""
        now = [(*at, name) for name, at in self.from_ns.items() if at[0] <= self.shop.now_ns + SECOND]
        return max(now)[2] if now else ""

    @rule(version=versions, later_s=st.sampled_from((0, 0, 30)), bad=st.booleans())
    def receive(self, version: str, later_s: int, bad: bool) -> None:
        steps = said(version)
        if bad:
            steps[0] = DefinedOperation(name="Load", equipment_class="oracle", standard_time_s=math.pi)
        at_ns = self.shop.now_ns + later_s * SECOND if later_s else 0
        wish = commands.ReceiveDefinition(product="EA-100", definition=version, operations=steps,
                                          effective_ns=at_ns)  # fmt: skip
        answer = self.shop.ask(wish)
        assert not (bad and answer.accepted), "nothing of a bad one is taken"

    @rule(version=versions, stale=st.booleans(), withdraw=st.sampled_from((False, False, True)))
    def decide(self, version: str, stale: bool, withdraw: bool) -> None:
        row = self.shop.store.book.get(Master, f"EA-100:{version}")
        seen = 1 if row is None else row.version - stale
        if withdraw:
            gone = commands.WithdrawDefinition(product="EA-100", definition=version, version=seen, cause="x")
            if self.shop.ask(gone).accepted:
                self.from_ns.pop(version, None)
                self.withdrawn.add(version)
            return
        wish = commands.ApproveDefinition(product="EA-100", definition=version, version=seen)
        if self.shop.ask(wish).accepted:
            assert row is not None and version not in self.withdrawn and not stale
            self.from_ns[version] = (max(row.effective_ns, self.shop.now_ns), self.shop.now_ns)

    @rule(later_s=st.sampled_from((0, 0, 40)))
    def drop(self, later_s: int) -> None:
        order = str(len(self.follows) + 1)
        self.shop.now_ns += later_s * SECOND
        follows = self.in_force()
        wish = commands.DropOrder(request=order, product="EA-100", quantity=9, due_ns=0)
        assert self.shop.ask(wish).accepted
        self.follows[order] = follows

    @rule(order=orders, cell=cells, serial=st.integers(0, 4))
    def make(self, order: str, cell: str, serial: int) -> None:
        self.shop.ask(commands.ControlJob(job=f"{order}-20", method="Pause"))
        for job in self.shop.store.book.where(JobOrder, state="Running", work_unit=cell):
            self.shop.ask(commands.ControlJob(job=job.job, method="Pause"))
        found = [job for job in self.shop.store.book.where(JobOrder, request=order)
                 if job.equipment_class == DEFINITIONS.classes[cell]]  # fmt: skip
        for job in found[:1]:
            self.shop.ask(commands.DispatchJob(job=job.job, work_unit=cell, version=job.version))
            self.shop.ask(commands.BeginJob(job=job.job))
            self.shop.ask(commands.ControlJob(job=job.job, method="Resume"))
        self.shop.machine(cell, serial=f"{order}/{serial}")

    @invariant()
    def each_order_is_made_as_the_version_says_that_it_was_dropped_with(self) -> None:
        book = self.shop.store.book
        candidates = {line.job.job: line for line in board(book, DEFINITIONS, self.shop.now_ns)}
        for order, follows in self.follows.items():
            row = book.get(Request, order)
            assert row is not None and row.definition == follows
            names = [step.name for step in (said(follows) if follows else PLANT.operations)]
            jobs = sorted(book.where(JobOrder, request=order), key=lambda job: job.operation)
            assert [job.name for job in jobs] == names and jobs[-1].last_operation
            for job in jobs:
                assert job.definition == follows and job.last_operation == (job is jobs[-1])
                here = _here(book, DEFINITIONS, job.work_unit, job)
                assert here is not None and here.route == [job.operation for job in jobs], "the interlock's"
            line = candidates.get(f"{order}-20")
            if line is not None and line.projected is not None and not line.job.good:
                seconds = 9 * (SAYS[follows][1] if follows else PLANT.operations[1].standard_time_s)
                assert line.projected.end_ns - line.projected.begin_ns >= seconds * SECOND

    @invariant()
    def each_part_took_what_its_orders_version_says(self) -> None:
        book = self.shop.store.book
        for row in book.where(Consumption, component="AD-3"):
            follows = self.follows[row.job.partition("-")[0]]
            assert row.quantity == (SAYS[follows][0] if follows else 14.0)
        for unit in book.where(Unit):
            assert unit.definition == self.follows[unit.request]
        for output in book.where(Output):
            assert not output.job or output.definition == self.follows[output.job.partition("-")[0]]

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            chained_and_rebuilt(self.shop)


def test_random_definitions_leave_orders_as_they_were_dropped() -> None:
    run(Definitions, 30, 20)


def _newest(rows: Sequence[Master], at_ns: int) -> Master | None:
    return max((row for row in rows if row.from_ns), key=lambda row: row.from_ns, default=None)


def _any_state(rows: Sequence[Master], at_ns: int) -> Master | None:
    return max(rows, key=lambda row: row.received_ns, default=None)


def _plants(self: Routes, each: Following) -> Definition | None:
    return DEFINITIONS.products.get(each.product)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a withdrawn version stays in force": ("taktwin.mes.definitions.versions.in_force", _newest),
    "nobody has to approve": ("taktwin.mes.definitions.versions.in_force", _any_state),
    "all orders run by the plant folder": ("taktwin.mes.definitions.versions.Routes.of", _plants),
    "whatever comes in is right": ("taktwin.mes.mastering.actions.mistakes", lambda *_: iter(())),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_definitions_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Definitions, FOUND_WITHIN, shrink=False)
