"""A cell under a job order: it makes the order's product, counts to its quantity, and ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from taktwin.faces.job_list import JobList, Order, lists
from taktwin.plant import open_plant
from taktwin.standards.job_control import Method, ReturnStatus, State
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.model import VirtualPlant
from tests.unit.virtual_plant.plants import HOUR_NS, MONDAY_NS, plant

NORTHFIELD = Path(__file__).parents[3] / "examples" / "plants" / "northfield"
FACTS = physics.load(NORTHFIELD / "physics.yaml")
OK = ReturnStatus.NO_ERROR


class Cell:
    """Line 2 alone, whose first cell takes job orders."""

    def __init__(self) -> None:
        self.plant = VirtualPlant(plant(("line2",)), FACTS, start_ns=MONDAY_NS, seed=3)
        self.jobs = JobList("load2", lambda: self.plant.world.now_ns)
        self.plant.take_jobs({"load2": self.jobs})
        self.said: dict[str, list[Any]] = {"job": [], "good_count": []}
        self.index = {self.plant.registry.by_id[f"load2/{name}"].index: name for name in self.said}  # type: ignore[index]

    def runs(self, hours: float) -> None:
        for report in self.plant.advance(self.plant.now_ns + round(hours * HOUR_NS)):
            if report.signal in self.index:
                self.said[self.index[report.signal]].append(report.value)

    def call(self, method: Method, order: Order | None = None) -> ReturnStatus:
        return self.jobs.call(method, "A-10", order)

    @property
    def state(self) -> State:
        return self.jobs.jobs["A-10"].state


def test_a_cell_makes_what_its_job_order_says_and_ends_it() -> None:
    cell = Cell()
    cell.runs(0.5)
    assert cell.call(Method.STORE, Order("A-10", "EA-100", 12)) == OK
    cell.runs(0.2)
    assert cell.state is State.NOT_ALLOWED_TO_START, "Start permits it; storing does not"
    assert "A-10" not in cell.said["job"]
    assert cell.call(Method.START) == OK
    cell.runs(2)
    job = cell.jobs.jobs["A-10"]
    assert (job.state, job.good) == (State.ENDED, 12)
    assert MONDAY_NS + 0.6 * HOUR_NS <= job.started_ns < job.ended_ns < cell.plant.now_ns
    assert "A-10" in cell.said["job"] and cell.said["job"][-1] != "A-10", "its own list again"


def test_an_interrupted_cell_finishes_the_part_in_its_hand_and_no_more() -> None:
    cell = Cell()
    cell.runs(0.5)
    assert cell.call(Method.STORE_AND_START, Order("A-10", "EA-100", 500)) == OK
    cell.runs(0.5)
    assert cell.state is State.RUNNING and cell.call(Method.PAUSE) == OK
    cell.runs(0.1)
    made = len(cell.said["good_count"])
    cell.runs(1)
    assert len(cell.said["good_count"]) == made
    assert cell.call(Method.RESUME) == OK
    cell.runs(0.5)
    assert len(cell.said["good_count"]) > made and cell.state is State.RUNNING
    assert cell.call(Method.ABORT) == OK
    cell.runs(0.2)
    assert cell.said["job"][-1] != "A-10"


def test_without_job_orders_a_cell_with_a_receiver_runs_as_one_without() -> None:
    with_receiver, without = Cell(), VirtualPlant(plant(("line2",)), FACTS, start_ns=MONDAY_NS, seed=3)
    to_ns = MONDAY_NS + HOUR_NS
    assert with_receiver.plant.advance(to_ns) == without.advance(to_ns)


@pytest.mark.parametrize(
    ("product", "status"),
    [("EA-100", OK), ("EA-200", "no operation"), ("HS-1", "not made"), ("XX", "not made"), ("", "not made")],
)
def test_a_cell_takes_only_what_is_made_on_it(product: str, status: Any) -> None:
    found = lists(open_plant(NORTHFIELD), lambda: 0)
    assert sorted(found) == ["adhesive2", "leak2", "load2", "press2", "tighten2", "vision2"]
    answered = found["load2"].call(Method.STORE, "A", Order("A", product, 1))
    assert answered == (OK if status is OK else ReturnStatus.UNABLE_TO_ACCEPT)
