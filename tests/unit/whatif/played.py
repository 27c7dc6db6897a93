"""One run of the reference engine on the demo plant, told as MES and twin would have told it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from taktwin.contracts import events
from taktwin.contracts.events import EventData
from taktwin.contracts.state import Frame
from taktwin.measures.time_classes import ClassSpan
from taktwin.plant.registry import Registry
from taktwin.simulation import streams
from taktwin.simulation.reference import Doing, Reference
from taktwin.simulation.start import reference_from
from taktwin.whatif.actual import CUTS, released_since
from taktwin.whatif.model import Parameters
from taktwin.whatif.past import Fact, board, through
from taktwin.whatif.present import Present, present
from tests.unit.whatif.test_whatif import NOON, REGISTRY, SECOND

HOUR = 3600 * SECOND
CLASSES = {
    Doing.IDLE: "starved", Doing.CALLING: "production", Doing.SETUP: "set_up", Doing.WORKING: "production",
    Doing.BLOCKED: "blocked", Doing.BROKEN: "delay_own", Doing.REPAIR: "delay_own", Doing.UPKEEP: "delay_own",
}  # fmt: skip
Told = list[tuple[int, EventData]]


def facts(told: Told) -> list[Fact]:
    """Return what was told as facts of the MES."""
    ordered = sorted(told, key=lambda each: each[0])
    return [Fact(number, at_ns, content) for number, (at_ns, content) in enumerate(ordered)]


def came_in(
    request: str, quantity: int, *, at_ns: int, product: str = "EA-100", good: tuple[int, ...] = (),
    due_h: float = 0.0,
) -> Told:  # fmt: skip
    """Return what the MES says of an order that came in, and of what was made of it within a minute."""
    route = REGISTRY.routings[REGISTRY.products[product].routing].operations
    told: Told = []
    due_ns = NOON + round(due_h * HOUR) if due_h else 0
    for place, operation in enumerate(route):
        job, made = f"{request}-{(place + 1) * 10}", good[place] if place < len(good) else 0
        told.append((at_ns, events.JobOrderStored(
            job=job, request=request, operation=(place + 1) * 10, name=operation.name, product=product,
            equipment_class=operation.equipment_class, quantity=quantity,
            due_ns=due_ns, priority=0,
            last_operation=place == len(route) - 1,
        )))  # fmt: skip
        if made:
            able = operation.equipment or [
                str(each.id) for each in REGISTRY.work_units if each.class_id == operation.equipment_class
            ]
            placed = events.JobOrderUpdated(job=job, work_unit=able[0], due_ns=due_ns, priority=0)
            begun = events.JobOrderStarted(job=job, work_unit=able[0])
            told += [(at_ns + SECOND, placed), (at_ns + 2 * SECOND, begun)]
            told.append((at_ns + 3 * SECOND, counted(able[0], made, job)))
        if made == quantity:
            told.append((at_ns + 4 * SECOND, over(job)))
    return told


def counted(unit: str, quantity: int, job: str, *, is_good: bool = True) -> EventData:
    """Return that a machine has counted parts."""
    return events.MaterialCounted(
        work_unit=unit, signal=f"{unit}/good_count", kind="good" if is_good else "reject", quantity=quantity,
        counter=0, job=job,
    )  # fmt: skip


def over(job: str) -> EventData:
    """Return that a job order has ended."""
    return events.JobOrderEnded(job=job, work_unit="", sub_state="Completed", good=0, scrap=0)


@dataclass
class Played:
    """What came: the facts of the MES, and the time classes of the machines."""

    here: Present
    told: list[Fact]
    stays: dict[str, list[ClassSpan]]


def played(
    frame: Frame, before: Told, *, to_ns: int, seed: int = 7, replication: int = 0,
    registry: Registry = REGISTRY,
) -> Played:  # fmt: skip
    """Return how one run goes on from a picture; `before` holds the orders of later too.

    `registry`: of the plant that really runs, where it is not the one that its folder says.
    """
    known = facts(before)
    lines = [*board(known, NOON)["lines"], *released_since(known, NOON, to_ns)]
    horizon_s = (to_ns - NOON) / SECOND
    orders = {"lines": lines, "through": through(known, NOON)}
    here = present(registry, frame, orders, parameters=Parameters(), horizon_s=horizon_s)
    told = list(before)
    stays: dict[str, list[ClassSpan]] = {unit: [] for unit in here.model.unit_of}
    unit_of = {name: unit for unit, name in here.model.unit_of.items()}
    with _telling(here, told, unit_of):
        run = reference_from(here.plant, here.fork.start, streams.replication_key(seed, replication))
        for cut in range(CUTS + 1):
            run.advance(until=here.plant.ticks(horizon_s) * cut // CUTS)
            a_ns, b_ns = (NOON + (to_ns - NOON) * each // CUTS for each in (cut, cut + 1))
            for unit in run._units:
                state = unit.state()
                shown = "planned_down" if state is Doing.OFF else CLASSES[state]
                if state is Doing.OFF and unit.job is not None:
                    shown = "production"  # a break within a part: the class before it says so
                stays[unit_of[unit.name]].append(ClassSpan(a_ns, b_ns, shown))
    return Played(here, facts(told), stays)


@contextmanager
def _telling(here: Present, told: Told, unit_of: dict[str, str]) -> Iterator[None]:
    left: dict[str, int] = {}
    for order in here.plant.orders:
        request = here.request_of.get(order.name, "")
        left[request] = left.get(request, 0) + 1
    step_done = Reference._step_done

    def tell(self: Reference, unit: Any, job: Any) -> None:
        steps, place = job.product.steps, job.step
        request = here.request_of.get(job.order.name, "") if job.order else ""
        at_ns = here.at_ns + round(self.now * here.plant.tick_s * SECOND)
        name = f"{request}-{(place + 1) * 10}" if request else ""
        told.append((at_ns, counted(unit_of[unit.name], job.quantity, name)))
        if request and place == len(steps) - 1:
            left[request] -= 1
            if not left[request]:
                told.extend((at_ns, over(f"{request}-{(n + 1) * 10}")) for n in range(len(steps)))
        step_done(self, unit, job)

    Reference._step_done = tell  # type: ignore[method-assign]
    try:
        yield
    finally:
        Reference._step_done = step_done  # type: ignore[method-assign]
