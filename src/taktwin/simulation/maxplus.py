"""Lines without events: comes in a compiled plant that is a line, goes out when each part leaves it.

In a line of single units, first come first served, every instant is the later of two others plus a
duration (max and plus). Working them out part by part takes a fifth of the time of an event loop and
comes to the same ticks, which a test compares. Everything else goes to the event loop.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from taktwin.errors import DomainError
from taktwin.simulation import kernel
from taktwin.simulation.compile import Compiled
from taktwin.simulation.model import FailureClock


def obstacle(plant: Compiled) -> str | None:
    """Return why a plant is no line, or None if it is one."""
    model = plant.plant
    if len(model.products) != 1 or model.orders:
        return "orders, or not exactly one product"
    if model.closures:
        return "units are closed for a while"
    (product,) = model.products
    if product.endless == (product.arrivals is not None) or product.balks:
        return "parts come in two ways, in none, or are lost"
    if len({step.center for step in product.steps}) != len(product.steps):
        return "a work center is visited twice"
    centers = {center.name: center for center in model.centers}
    for step in product.steps:
        center = centers[step.center]
        if center.units != 1 or center.calendar_of(1) is not None:
            return f"{center.name} has several units or a calendar"
        failures = center.failures_of(1)
        if len(failures) > 1 or center.tools:
            return f"{center.name} fails in several ways or has tools"
        if failures and (failures[0].clock is not FailureClock.WORKING or failures[0].crew):
            return f"{center.name} fails by the calendar or waits for a crew"
        if step.scrap > 0 or center.batch:
            return f"step {step.name} loses parts, or is done in batches"
        if step.alternatives:
            return f"step {step.name} has alternatives"
        if step.good < 1 or step.skill is not None or step.family is not None or step.materials:
            return f"step {step.name} has scrap, an operator, a set-up or material"
    return None


def departures(plant: Compiled, key: int, parts: int) -> npt.NDArray[np.int64]:
    """Return the ticks at which the first parts leave the line.

    Parameters
    ----------
    key : of the replication, as of `streams.replication_key`

    Raises
    ------
    DomainError
        If the plant is no line.
    """
    if why := obstacle(plant):
        raise DomainError(f"not a line: {why}")
    centers = plant.steps["center"]
    queue_max = plant.centers["queue_max"][centers].copy()
    finite = queue_max[queue_max < kernel.FAR]
    ring = 1 << int(finite.max(initial=0) + 2).bit_length()
    n = len(centers)
    ends = np.zeros(parts, np.int64)
    kernel.line(
        plant.units[plant.centers["first"][centers]], plant.modes, plant.steps, plant.products, queue_max,
        plant.tables, np.uint64(key), np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64),
        np.zeros((n, ring), np.int64), ends,
    )  # fmt: skip
    return ends
