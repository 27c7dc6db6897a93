"""What was confirmed at a terminal is done by somebody's hands at the machine: once, and at no other one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from taktwin.contracts import events
from taktwin.contracts.events.tooling import ToolDismounted, ToolMounted
from taktwin.plant.schema import Tool
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.hands import Hands
from taktwin.virtual_plant.model import VirtualPlant
from tests.unit.virtual_plant.plants import HOUR_NS, MONDAY_NS, plant
from tests.unit.virtual_plant.test_service import FACTS

MINUTE_NS = HOUR_NS // 60
TOOLS = {
    "insert": Tool(name="Turning insert", life_parts=400), "hob": Tool(name="Gear hob", life_parts=3000),
    "press_nest": Tool(name="Press nest", fixture=True),
}  # fmt: skip


class Floor:
    """Line 1 with its lathes, and somebody who listens."""

    def __init__(self, *, start_h: float = 2.0) -> None:
        registry = dataclasses.replace(plant(("line1",)), tools=TOOLS)
        self.plant = VirtualPlant(registry, physics.only(FACTS, "insert_wear"), start_ns=MONDAY_NS, seed=3)
        self.hands = Hands(registry, self.plant.change_tool)
        self.plant.advance_columns(MONDAY_NS + round(start_h * HOUR_NS))
        self.said = 0

    def hears(self, content: events.EventData, *, number: int = 0) -> None:
        self.said += 1
        event = events.make(
            content, source="/acme/works/mes", sequence=number or self.said, time_ns=self.plant.now_ns
        )
        self.hands.heard(events.encode(event))

    def later(self, minutes: float) -> dict[str, list[Any]]:
        """Let time pass; return what was said of tools meanwhile."""
        names = {each.index: str(each.id) for each in self.plant.registry.signals}
        found: dict[str, list[Any]] = {}
        for each in self.plant.advance_columns(self.plant.now_ns + round(minutes * MINUTE_NS))[0]:
            if names[each.signal].endswith("tool/number"):
                found.setdefault(names[each.signal], []).append(each.value)
        return found


def mounted(unit: str = "turn1", kind: str = "insert") -> ToolMounted:
    return ToolMounted(tool=f"T-{kind}-M1", kind=kind, work_unit=unit)


def test_a_tool_that_was_confirmed_goes_into_that_machine_and_its_life_begins_anew() -> None:
    floor = Floor()
    used = floor.plant.units["turn1"].tool_used
    floor.hears(mounted())
    assert floor.later(15.0) == {"turn1/tool/number": [2]}
    assert used > 30 and floor.plant.units["turn1"].tool_used < 10
    assert floor.plant.units["turn2"].tool_number == 1


def test_what_is_said_twice_is_done_once() -> None:
    floor = Floor()
    floor.hears(mounted(), number=7)
    floor.later(15.0)
    floor.hears(mounted(), number=7)
    assert floor.later(15.0) == {}


@pytest.mark.parametrize(
    "content",
    [
        ToolDismounted(tool="T-insert-1", kind="insert", work_unit="turn1", cause="changed"),
        mounted("turn9"),  # of another plant
        mounted("turn1", "press_nest"),  # has no life that a machine counts
        mounted("wash1"),  # works without a tool
    ],
)
def test_nothing_else_moves_a_hand(content: events.EventData) -> None:
    floor = Floor()
    floor.hears(content)
    floor.hands.heard(b"{")
    assert floor.later(15.0) == {}


def test_a_machine_that_stands_gets_its_tool_at_once() -> None:
    floor = Floor()
    unit = floor.plant.units["hob1"]
    unit.inputs.clear()  # nothing comes to it any more
    floor.later(10.0)
    assert unit.activity.name == "STARVED"
    floor.hears(mounted("hob1", "hob"))
    assert floor.later(20.0) == {"hob1/tool/number": [2]}
