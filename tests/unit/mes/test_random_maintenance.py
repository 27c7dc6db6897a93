"""Random sequences with maintenance and tools among all other commands: nothing is forgotten or invented.

The same plant as in `test_random_commands`, whose rules go on; and mistakes that must be found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from taktwin.contracts import commands
from taktwin.contracts.events import (
    EventData,
    JobOrderStarted,
    MaterialCounted,
    SpareConsumed,
    SpareCounted,
    SpareReceived,
    ToolDismounted,
    ToolInspected,
    ToolMounted,
)
from taktwin.mes.desk import content_of
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.maintenance.actions import OPEN
from taktwin.mes.maintenance.tables import MaintenanceOrder, Spare, SpareUse
from taktwin.mes.tooling.engine import DAY_NS, Inspection, objection
from taktwin.mes.tooling.tables import Gauge, Mounting, Tool
from taktwin.plant import schema
from taktwin.standards.job_control import SUB_STATES, State, SubState
from tests.unit.mes.test_random_commands import DEFINITIONS, Plant, cells, orders, run

# The cells of these tests work with a tool of short life, a plan of few parts, and one spare part; the
# first of them with a fixture that is often looked at.
KINDS_AT = {10: ("nest",), 20: ("tip",), 30: ("tip",)}
WORKSHOP = replace(
    DEFINITIONS,
    tools={"tip": schema.Tool(name="Tip", life_parts=3, service_every_parts=2),
           "nest": schema.Tool(name="Nest", inspect_every_parts=2, inspect_every_days=1)},
    tools_at={"adhesive2": ("tip",), "press2": ("tip",), "load2": ("nest",)},
    gauges={"caliper": schema.Gauge(name="Caliper", calibrate_every_days=1)},
    spare_parts={"B": schema.SparePart(name="Belt", minimum=2)},
    maintenance_plans={
        "look": schema.MaintenancePlan(name="Look", equipment=["load2", "press2"], every_parts=3, every_h=1.0)
    },
    products={
        name: replace(product, operations=tuple(
            replace(step, tools=KINDS_AT.get(step.number, step.tools)) for step in product.operations
        ))
        for name, product in DEFINITIONS.products.items()
    },
)  # fmt: skip
works = st.integers(1, 3).map(lambda n: f"M{n}")
tools = st.sampled_from(("T-tip-1", "T-tip-2", "T-tip-3", "T-nest-1", "T-saw-1"))
nests = st.sampled_from(("T-nest-1", "T-nest-1", "T-nest-2"))
counts = st.sampled_from((-1, 0, 1, 3))


class Workshop(Plant):
    """The shop in which anything may be asked at any time, with what wears and what is repaired."""

    definitions = WORKSHOP

    @initialize(quantity=st.integers(1, 4), left=st.sampled_from((3.0, 20.0, 400.0)), begun=st.booleans(),
                reader=st.sampled_from(("P01", "P02")), withdrawn=st.booleans())  # fmt: skip
    def open(self, quantity: int, left: float, begun: bool, reader: str, withdrawn: bool) -> None:
        """Open a shop in which plans count, a tool is in, a part is in the store, a repair is wanted."""
        super().open(quantity, left, begun, reader, withdrawn)
        self.shop.desk.tick()
        self.shop.ask(commands.ReceiveSpare(spare="B", quantity=1))
        self.shop.ask(commands.CalibrateGauge(gauge="G", kind="caliper"))
        self.shop.ask(commands.MountTool(tool="T-tip-1", work_unit="adhesive2"))
        self.shop.ask(commands.MountTool(tool="T-nest-1", work_unit="load2"))
        self.shop.ask(commands.RequestMaintenance(work_unit="adhesive2", about="noise"))

    @rule(cell=cells, about=st.sampled_from(("noise", "leak", "")), change=st.booleans())
    def want(self, cell: str, about: str, change: bool) -> None:
        kind, tool = ("tool_change", "tip") if change else ("corrective", "")
        self.shop.ask(commands.RequestMaintenance(work_unit=cell, about=about, kind=kind, tool_kind=tool))

    @rule(
        work=works, version=st.integers(0, 2), give=st.booleans(), stops=st.sampled_from((None, False, True))
    )
    def repair(self, work: str, version: int, give: bool, stops: bool | None) -> None:
        if give:
            self.shop.ask(commands.AssignMaintenance(order=work, person="P09", version=version))
        else:
            self.shop.ask(commands.StartMaintenance(order=work, stops=stops))

    @rule(work=works, done=st.booleans(), taken=counts, twice=st.booleans())
    def end(self, work: str, done: bool, taken: int, twice: bool) -> None:
        used = {"B": taken} if taken else {}
        if twice:
            self.shop.ask(commands.StartMaintenance(order=work))
        for _ in range(1 + twice):
            self.shop.ask(
                commands.CompleteMaintenance(order=work, done="turned it", spare_parts=used)
                if done
                else commands.AbortMaintenance(order=work, cause="not needed")
            )

    @rule(quantity=counts, count=st.booleans())
    def store(self, quantity: int, count: bool) -> None:
        wish = commands.CountSpare if count else commands.ReceiveSpare
        self.shop.ask(wish(spare="B", quantity=quantity))

    @rule(tool=tools, cell=cells, out=st.booleans())
    def tool(self, tool: str, cell: str, out: bool) -> None:
        if out:
            self.shop.ask(commands.DismountTool(tool=tool, cause="looked at it"))
        else:
            self.shop.ask(commands.MountTool(tool=tool, work_unit=cell))

    @rule(work=works, tool=tools | st.just(""), serve=st.booleans())
    def change_tool(self, work: str, tool: str, serve: bool) -> None:
        self.shop.ask(
            commands.ServiceTool(tool=tool) if serve else commands.ChangeTool(order=work, tool=tool)
        )

    @rule(nest=nests, passed=st.booleans(), found=st.sampled_from(("", "pin bent")), order=orders,
          then=st.sampled_from(("", "mount", "work", "work")))  # fmt: skip
    def inspect(self, nest: str, passed: bool, found: str, order: str, then: str) -> None:
        known = self.shop.store.book.get(Tool, nest) is not None
        answer = self.shop.ask(commands.InspectTool(tool=nest, passed=passed, found=found))
        assert answer.accepted == (known and (passed or found != ""))
        if then == "mount":
            self.shop.ask(commands.MountTool(tool=nest, work_unit="load2"))
        elif then == "work":
            self.work(order, "load2")

    @rule(hours=st.sampled_from((0.2, 1.0, 30.0)), passed=st.booleans(), renew=st.booleans())
    def let_time_pass(self, hours: float, passed: bool, renew: bool) -> None:
        self.shop.now_ns += round(hours * 3600) * 1_000_000_000
        self.shop.desk.tick()
        if renew:
            self.shop.ask(commands.CalibrateGauge(gauge="G", kind="caliper", passed=passed))
        answer = self.shop.ask(commands.UseGauge(gauge="G"))
        gauge = self.shop.store.book.get(Gauge, "G")
        valid = gauge is not None and gauge.passed and self.shop.now_ns < gauge.until_ns
        assert answer.accepted == valid

    @invariant()
    def a_plan_has_one_open_order_and_nothing_runs_under_a_repair(self) -> None:
        book = self.shop.store.book
        open_ones = [row for row in book.where(MaintenanceOrder) if State(row.state) in OPEN]
        planned = [(row.plan, row.work_unit) for row in open_ones if row.plan]
        assert len(planned) == len(set(planned))
        stopped = {row.work_unit for row in open_ones if row.state == State.RUNNING and row.stops}
        assert not stopped & {row.work_unit for row in book.where(JobOrder, state=State.RUNNING.value)}
        for row in book.where(MaintenanceOrder):
            assert SubState(row.sub_state) in SUB_STATES[State(row.state)]

    @invariant()
    def the_store_holds_what_came_in_and_is_not_built_in(self) -> None:
        spare = self.shop.store.book.get(Spare, "B")
        assert spare is None or spare.quantity >= 0
        used = sum(row.quantity for row in self.shop.store.book.where(SpareUse))
        gone = sum(-change for name, change in self._stock_changes() if name == "spare.consumed")
        assert used == gone
        assert (0 if spare is None else spare.quantity) == sum(
            change for _, change in self._stock_changes() if change
        )

    def _stock_changes(self) -> list[tuple[str, int]]:
        """Return each change of the store, as the journal tells it."""
        changes, now = [], 0
        for _, event in self._told("spare."):
            assert isinstance(event, SpareReceived | SpareCounted | SpareConsumed)
            sign = -1 if isinstance(event, SpareConsumed) else 1
            after = event.quantity if isinstance(event, SpareCounted) else now + sign * event.quantity
            changes.append((event.event_type, after - now))
            now = after
        return changes

    def _told(self, beginning: str) -> list[tuple[int, EventData]]:
        entries = self.shop.store.entries
        return [(e.time_ns, content_of(e)) for e in entries if e.event_type.startswith(beginning)]

    @invariant()
    def a_tool_is_in_one_place_and_wears_by_what_was_made_with_it(self) -> None:
        book = self.shop.store.book
        mountings = book.where(Mounting)
        inside = [(row.work_unit, row.kind) for row in mountings if not row.dismounted_ns]
        assert len(inside) == len(set(inside))
        for tool in book.where(Tool):
            mine = [row for row in mountings if row.tool == tool.tool]
            assert tool.parts == sum(row.parts for row in mine)
            assert len([row for row in mine if not row.dismounted_ns]) == bool(tool.work_unit)
        counted = self._told(MaterialCounted.event_type) if mountings else []
        for row in mountings:
            made = [
                event.quantity
                for at_ns, event in counted
                if isinstance(event, MaterialCounted)
                and event.work_unit == row.work_unit
                and row.mounted_ns <= at_ns
                and (not row.dismounted_ns or at_ns < row.dismounted_ns)
            ]
            assert row.parts == sum(made)

    @invariant()
    def nothing_begins_in_a_fixture_that_failed_or_is_due(self) -> None:
        """By the journal alone: what was said of each nest last, and what was made in it since."""
        state: dict[str, tuple[bool, int, int]] = {}  # nest -> passed, parts since, since when
        inside = ""
        for entry in self.shop.store.entries:
            event = content_of(entry)
            if isinstance(event, ToolMounted) and event.kind == "nest":
                inside = event.tool
                passed, parts, since_ns = state.setdefault(inside, (True, 0, entry.time_ns))
                assert passed, "mounted though it failed"
            elif isinstance(event, ToolDismounted) and event.tool == inside:
                inside = ""
            elif isinstance(event, ToolInspected):
                state[event.tool] = (event.passed, 0, entry.time_ns)
            elif isinstance(event, MaterialCounted) and event.work_unit == "load2" and inside:
                passed, parts, since_ns = state[inside]
                state[inside] = (passed, parts + event.quantity, since_ns)
            elif isinstance(event, JobOrderStarted) and event.work_unit == "load2":
                passed, parts, since_ns = state.get(inside, (not state, 0, entry.time_ns))
                assert passed and parts < 2 and entry.time_ns < since_ns + DAY_NS, "begun in a fixture"


def test_random_commands_with_maintenance_leave_the_mes_whole() -> None:
    run(Workshop, 40)


def _only_due(tool: Tool, kind: schema.Tool, now_ns: int) -> str:
    return objection(msgspec.structs.replace(tool, passed=True), kind, now_ns)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a repair does not interrupt what runs": ("taktwin.mes.execution.actions.stopped", lambda _: {}),
    "a plan forgets that its order is open": (
        "taktwin.mes.maintenance.actions._opened_by_plan",
        lambda *_: None,
    ),
    "a tool does not wear": ("taktwin.mes.tooling.actions._wears", lambda *_: None),
    "a fixture is never due": (
        "taktwin.mes.tooling.engine.inspection",
        lambda *_, **__: Inspection(0.0, 0),
    ),
    "nobody minds that a fixture failed": ("taktwin.mes.maintenance.readiness.objection", _only_due),
    "an expired gauge measures on": ("taktwin.mes.tooling.gauges._expired", lambda *_: False),
    "the store gives what it does not have": (
        "taktwin.mes.maintenance.actions._enough",
        lambda *_: None,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_commands_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Workshop, 1000, shrink=False)
