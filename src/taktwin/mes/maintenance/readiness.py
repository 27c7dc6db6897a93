"""What maintenance and tools have against a job order's beginning. Looks only.

The dispatch board shows it, `job.begin` refuses by it: one answer for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taktwin.mes.decision import Refused
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.maintenance.tables import MaintenanceOrder
from taktwin.mes.tooling.engine import FAILED, INSPECTION_DUE, objection
from taktwin.mes.tooling.tables import Tool, ToolPlace
from taktwin.standards.job_control import State
from taktwin.storage.book import Reading, Row

NONE = "none"  # in place of a tool: it was taken out


@dataclass(frozen=True, slots=True)
class Unready:
    """Whose fault it is, and why."""

    subject: str
    detail: str


def stopped(book: Reading) -> dict[str, Unready]:
    """Return the work units that maintenance stops now, with the order."""
    return {
        row.work_unit: Unready(row.order, row.about)
        for row in book.where(MaintenanceOrder, state=State.RUNNING.value)
        if row.stops
    }


def missing_tools(book: Reading, definitions: Definitions, now_ns: int) -> dict[tuple[str, str], Unready]:
    """Return, by work unit and kind, the watched places whose tool may not be used or was taken out."""
    found: dict[tuple[str, str], Unready] = {}
    for place in book.where(ToolPlace):
        kind = definitions.tools.get(place.kind)
        if kind is None:
            continue  # the plant folder no longer knows this kind: nothing can need it
        tool = book.get(Tool, place.tool) if place.tool else None
        if tool is None:
            found[place.work_unit, place.kind] = Unready(place.kind, NONE)
        elif why := objection(tool, kind, now_ns):
            found[place.work_unit, place.kind] = Unready(place.kind, why)
    return found


def refuse_stopped(book: Reading, work_unit: str, row: Row) -> None:
    """Raise `Refused` where maintenance stops a work unit; `row` is what wants to run there."""
    found = stopped(book).get(work_unit)
    if found is not None:
        raise Refused("not_ready", work_unit,
                      f"maintenance order {found.subject} is at work there ({found.detail})",
                      "a work unit on which no maintenance goes on", row=row)  # fmt: skip


def refuse_toolless(
    book: Reading, definitions: Definitions, work_unit: str, kinds: tuple[str, ...], row: Row, now_ns: int
) -> None:
    """Raise `Refused` where a kind of tool that is watched may not be used, or was taken out."""
    found = first_missing(missing_tools(book, definitions, now_ns), work_unit, kinds)
    if found is not None:
        looked = found.detail.endswith(INSPECTION_DUE) or f" {FAILED}" in found.detail
        how = found.detail if looked else f"worn out ({found.detail} parts)"
        how = "none is mounted" if found.detail == NONE else how
        right = "a fixture that passed its inspection" if looked else "a tool with life left, mounted there"
        raise Refused("not_ready", f"{found.subject} of {work_unit}", how, right, row=row)


def first_missing(
    missing: Mapping[tuple[str, str], Unready], work_unit: str, kinds: tuple[str, ...]
) -> Unready | None:
    """Return what is wrong with the first of some kinds of tools at a work unit."""
    return next((missing[work_unit, kind] for kind in kinds if (work_unit, kind) in missing), None)
