"""A planner changes something while the advice to change a tool is open: it is void, by its own watches."""

from __future__ import annotations

import msgspec
import pytest

from taktwin.analyst.maintenance.tool_change import watched
from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.contracts.events.subjects import subject_of
from taktwin.contracts.recommendation import State
from taktwin.ledger import actions
from taktwin.ledger.carrying import WATCHABLE, MesFact
from tests.support_advice import Office

UNIT, KIND = "turn1", "insert"
VOID: dict[str, EventData] = {
    "another insert is in": events.ToolMounted(tool="T-1", kind=KIND, work_unit=UNIT),
    "the insert is out": events.ToolDismounted(tool="T-1", kind=KIND, work_unit=UNIT, cause="broken"),
    "somebody asked for the same": events.MaintenanceOrderOpened(
        order="M7", number=7, kind="tool_change", work_unit=UNIT, about="", tool_kind=KIND,
        stops=True, by="P01",
    ),
    "a schedule is published": events.SchedulePublished(
        schedule="S1", version=2, by="P02", cause="", state="", moved_on=False, inside=[], jobs=[]
    ),
    "an order is wanted otherwise": events.OperationsRequestChanged(
        request="WO-1", due_ns=1, priority=5, customer=""
    ),
    "an order is given up": events.OperationsRequestCancelled(request="WO-1"),
    "a job may not start there any more": events.JobOrderRevoked(job="WO-1/10", work_unit=UNIT),
}  # fmt: skip
STANDS: dict[str, EventData] = {
    "an insert of another machine": events.ToolMounted(tool="T-1", kind=KIND, work_unit="turn2"),
    "another tool of this machine": events.ToolDismounted(tool="T-2", kind="drill", work_unit=UNIT, cause=""),
    "another tool is to be changed": events.MaintenanceOrderOpened(
        order="M7", number=7, kind="tool_change", work_unit=UNIT, about="", tool_kind="drill",
        stops=True, by="P01",
    ),
    "a job of another machine": events.JobOrderRevoked(job="WO-1/10", work_unit="turn2"),
    "a job is dispatched": events.JobOrderUpdated(job="WO-1/10", work_unit=UNIT, due_ns=1, priority=0),
    "a job is allowed": events.JobOrderAllowed(job="WO-1/10", work_unit=UNIT),
    "a job begins": events.JobOrderStarted(job="WO-1/10", work_unit=UNIT),
    "an order comes in": events.OperationsRequestReceived(
        request="WO-2", product="shaft", quantity=10, due_ns=1
    ),
}  # fmt: skip


def told(office: Office, event: EventData) -> int:
    """Tell the ledger what the MES says, as far as its ear lets it in."""
    data = msgspec.json.decode(msgspec.json.encode(event))
    if not actions.matters(MesFact(event.event_type, subject_of(event), office.now_ns, "", data)):
        return 0
    return office.mes(event.event_type, subject_of(event), **data)


@pytest.mark.parametrize("name", VOID)
def test_what_a_planner_changes_supersedes_the_open_advice(name: str) -> None:
    office = Office().begun()
    assert office.propose(watches=list(watched(UNIT, KIND))).accepted
    assert told(office, VOID[name]) == 1
    document = office.of()
    assert document.state is State.SUPERSEDED and document.ended_by is not None
    assert document.ended_by.values["event"] == VOID[name].event_type
    assert office.accept().code == "state", "never applied"


@pytest.mark.parametrize("name", STANDS)
def test_what_a_busy_plant_does_all_the_time_leaves_it(name: str) -> None:
    office = Office().begun()
    assert office.propose(watches=list(watched(UNIT, KIND))).accepted
    assert told(office, STANDS[name]) == 0 and office.of().state is State.PROPOSED


def test_every_watch_can_be_heard_and_names_fields_of_its_event() -> None:
    for watch in watched(UNIT, KIND):
        assert watch.event_type in WATCHABLE
        assert set(watch.where) <= set(events.CATALOGUE[watch.event_type].__struct_fields__)
