"""Tools go in: deciders of mounting and changing, which an order to change a tool waits for."""

from __future__ import annotations

from collections.abc import Iterator

from taktwin.contracts import commands
from taktwin.mes.decision import Asking, Fact, Refused, Rules, unknown
from taktwin.mes.maintenance.actions import OPEN, TOOL_CHANGE, changed_tool, open_at
from taktwin.mes.maintenance.tables import MaintenanceOrder
from taktwin.mes.tooling.actions import kind_at, mounted
from taktwin.mes.tooling.engine import PREFIX
from taktwin.mes.tooling.tables import ToolPlace
from taktwin.standards.job_control import ReturnStatus, State
from taktwin.storage.book import Reading


def mount(book: Reading, wish: commands.MountTool, asking: Asking) -> Iterator[Fact]:
    """Mount a tool: the one of its kind that was there comes out, an order to change it is done."""
    if wish.work_unit not in asking.definitions.work_units:
        raise unknown("work unit", wish.work_unit)
    kind = kind_at(book, wish.tool, wish.kind, wish.work_unit, asking)
    if _is_there(book, wish.tool, kind, wish.work_unit):
        return  # scanned twice: nothing was changed
    yield from mounted(book, wish.tool, kind, wish.work_unit, asking)
    for row in open_at(book, wish.work_unit):
        if row.kind == TOOL_CHANGE and row.tool_kind == kind:
            yield from changed_tool(book, row, wish.tool, asking)


def change(book: Reading, wish: commands.ChangeTool, asking: Asking) -> Iterator[Fact]:
    """Confirm a tool change order; without a code the new tool is named after the order."""
    row = book.get(MaintenanceOrder, wish.order)
    if row is None:
        raise unknown("maintenance order", wish.order, status=ReturnStatus.UNKNOWN_JOB_ORDER)
    if row.kind != TOOL_CHANGE:
        raise Refused("state", f"order {row.order}", row.kind, "an order to change a tool",
                      status=ReturnStatus.INVALID_COMMAND, row=row)  # fmt: skip
    if State(row.state) not in OPEN:
        raise Refused("state", f"order {row.order}", f"{row.state} {row.sub_state}".strip(),
                      "one that is not over", status=ReturnStatus.INVALID_STATE, row=row)  # fmt: skip
    tool = wish.tool or f"{PREFIX}{row.tool_kind}-{row.order}"
    kind = kind_at(book, tool, "" if wish.tool else row.tool_kind, row.work_unit, asking)
    if kind != row.tool_kind:
        raise Refused("invalid", f"tool {tool}", kind, f"a {row.tool_kind}, which {row.order} asks for",
                      status=ReturnStatus.INVALID_REQUEST)  # fmt: skip
    if _is_there(book, tool, kind, row.work_unit):
        raise Refused("state", f"tool {tool}", "mounted there already", "the tool that comes in instead")
    yield from mounted(book, tool, kind, row.work_unit, asking)
    yield from changed_tool(book, row, tool, asking)


def _is_there(book: Reading, tool: str, kind: str, work_unit: str) -> bool:
    place = book.get(ToolPlace, f"{work_unit}:{kind}")
    return place is not None and place.tool == tool


RULES = Rules(
    deciders={
        commands.MountTool.command_name: mount,
        commands.ChangeTool.command_name: change,
    }
)
