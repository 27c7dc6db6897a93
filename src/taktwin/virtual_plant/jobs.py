"""A cell that takes job orders: it makes what the order says, as many as it says, and ends it by itself.

Without a job order a cell works off the plant's own list, as one without a receiver does. An interrupted
one lets the cell finish the part in its hand, and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from taktwin.faces.job_list import Job, JobList, Order
from taktwin.identity import EquipmentId
from taktwin.plant.registry import Registry
from taktwin.standards.job_control import Cause, State


class Sleeper(Protocol):
    """A work unit, as far as its job orders know it."""

    name: str
    family: int

    def wake(self) -> None:
        """Look at the world again."""
        ...


class CellJobs:
    """What one cell asks of its job orders, and tells them."""

    def __init__(self, jobs: JobList, cell: Sleeper) -> None:
        self._jobs = jobs
        self._cell = cell
        jobs.listeners.append(self._changed)

    def _changed(self, before: Job | None, after: Job | None) -> None:
        self._cell.wake()

    @property
    def halt(self) -> str:
        """Return why the cell may not take a part; "" if it may."""
        job = self._jobs.running
        if job is None or job.state is not State.INTERRUPTED:
            return ""
        return f"job order {job.order.job} is interrupted"

    def begin(self, *, job: str, product: str) -> tuple[str, str]:
        """Begin the order whose turn it is; return job and product that the part is made for."""
        waiting = self._jobs.next
        if self._jobs.running is None and waiting is not None:
            self._jobs.happens(waiting.order.job, Cause.BEGIN)
        running = self._jobs.running
        if running is None:
            return job, product
        return running.order.job, running.order.product or product

    def count(self, *, good: int = 0, scrap: int = 0) -> None:
        """Count what came out of the cell."""
        self._jobs.count(good=good, scrap=scrap)


def lists(registry: Registry, now_ns: Callable[[], int]) -> dict[str, JobList]:
    """Return an empty list of job orders for each cell whose plant model names a receiver."""
    return {
        str(name): JobList(str(name), now_ns, takes=_takes(registry, name))
        for name, equipment in sorted(registry.equipment.items())
        if equipment.job_control
    }


def _takes(registry: Registry, name: EquipmentId) -> Callable[[Order], str]:
    """Return what says why a cell cannot make a product: it is on none of its product's operations."""
    equipment = registry.equipment[name]

    def takes(order: Order) -> str:
        product = registry.products.get(order.product)
        routing = None if product is None else registry.routings.get(product.routing)
        if routing is None:
            return f"{order.product or 'nothing'} is not made here"
        for operation in routing.operations:
            if str(name) in operation.equipment or (
                not operation.equipment and operation.equipment_class == equipment.class_id
            ):
                return ""
        return f"{order.product} has no operation at {name}"

    return takes
