"""A plant of limited structure: past orders' routes, with work and waits as they were measured, no queues.

For logs that hold only a part of what loads the machines. A queue that is simulated from such a part is
too short; so what orders wait for, machines, people, material, a decision, is one named distribution of
delays by activity. It answers how long orders take if the plant goes on as it did. It cannot answer what
another machine would change: for that there must be queues.

Comes in the operations of past orders and the coming ones, goes out a plant for either engine, in which
every coming order is there several times, each on the way of another past order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taktwin.errors import DomainError
from taktwin.simulation.distributions import Distribution, Empirical, Fixed, FloatArray
from taktwin.simulation.eventlog import Operation
from taktwin.simulation.fitting import Draw, Sample, kaplan_meier
from taktwin.simulation.model import Order, Plant, Product, Step, WorkCenter

BoolArray = npt.NDArray[np.bool_]

WORK, OTHER = "work", "other delays"
FEW = 10  # durations of an activity below which those of all activities stand for it
NEAR = 1.2  # orders whose quantity differs by e**NEAR lend each other their route with a weight of 0.6


@dataclass(frozen=True, slots=True)
class Coming:
    """An order of which only the beginning and the quantity are known."""

    name: str
    release_s: float
    quantity: float | None = None


def whole_weights(cycles_s: FloatArray, is_whole: BoolArray) -> FloatArray:
    """Return the share of all orders that each of n stands for, if only the whole ones may lend their route.

    A log that ends cuts the orders that are under way, the long ones first. Each order that was cut hands its
    share on to the whole ones that took longer than it was seen, which are of its kind.

    Parameters
    ----------
    cycles_s : (n,) how long each was seen
    is_whole : (n,) False for those that the log's end cut

    Returns
    -------
    (n,) shares that add up to 1; 0 for those that were cut.

    Raises
    ------
    DomainError
        If none is whole.

    Source: the steps of the Kaplan-Meier curve; what is left beyond the longest whole order is handed to the
    whole ones alike, which is too short for them, and nothing in the log says by how much.
    """
    if not is_whole.any():
        raise DomainError("every order was cut by the log's end: expected at least one whole one")
    at, lasting = kaplan_meier(
        Sample(tuple(cycles_s[is_whole].tolist()), tuple(cycles_s[~is_whole].tolist()))
    )
    steps = -np.diff(lasting, prepend=1.0)
    shares = np.zeros(len(cycles_s))
    for value, step in zip(at, steps, strict=True):
        here = is_whole & (cycles_s == value)
        shares[here] = step / here.sum()
    shares /= shares.sum()
    return shares


def plant_of_delays(
    past: Mapping[str, Sequence[Operation]],
    weights: Mapping[str, float],
    coming: Sequence[Coming],
    draw: Draw,
    *,
    copies: int,
) -> Plant:
    """Return the plant with `copies` of each coming order, named `<order>#<copy>`.

    A copy goes the way of a past order drawn by its weight and by how near its quantity is; the time of each
    operation and the wait before it are drawn anew from those of all past orders, by activity.
    """
    waits, advances = _measured(past, skip_first=True), _measured(past, skip_first=False)
    products = tuple(Product(case, tuple(_steps(way, waits, advances))) for case, way in sorted(past.items()))
    names = [product.name for product in products]
    known = [_quantity(past[name]) for name in names]
    middle = float(np.mean([np.log(q) for q in known if q is not None] or [0.0]))
    logs = np.array([middle if q is None else np.log(q) for q in known])
    base = np.array([weights[name] for name in names])
    orders = []
    for each in coming:
        q = middle if each.quantity is None else float(np.log(each.quantity))
        chance = base * np.exp(-0.5 * ((logs - q) / NEAR) ** 2)
        edges = np.cumsum(chance / chance.sum())
        chosen = np.minimum(np.searchsorted(edges, draw(copies), side="right"), len(names) - 1)
        orders += [
            Order(f"{each.name}#{copy}", names[place], release_s=each.release_s)
            for copy, place in enumerate(chosen.tolist())
        ]
    ample = len(orders)
    return Plant((WorkCenter(WORK, ample), WorkCenter(OTHER, ample)), products, tuple(orders), tick_s=1.0)


def _steps(
    way: Sequence[Operation], waits: Mapping[str, Distribution], advances: Mapping[str, Distribution]
) -> list[Step]:
    steps = []
    for place, each in enumerate(way):
        if place:
            steps.append(Step(f"{place} wait for {each.activity}", OTHER, waits[each.activity]))
        steps.append(Step(f"{place} {each.activity}", WORK, advances[each.activity]))
    return steps


def _measured(past: Mapping[str, Sequence[Operation]], *, skip_first: bool) -> dict[str, Distribution]:
    """Return the waits before operations, or what they moved the frontier by, as measured, by activity."""
    values: dict[str, list[float]] = defaultdict(list)
    activities = {each.activity for way in past.values() for each in way}
    for _, way in sorted(past.items()):
        for each in way[1:] if skip_first else way:
            values[each.activity].append(each.wait_s if skip_first else each.advance_s)
    everything = [value for name in sorted(values) for value in values[name]]
    return {
        name: _as_measured(values[name] if len(values[name]) >= FEW else everything)
        for name in sorted(activities)
    }


def _as_measured(values: Sequence[float]) -> Distribution:
    if len(values) < 2 or not any(values):
        return Fixed(values[0] if values else 0.0)
    return Empirical(tuple(values))


def _quantity(way: Sequence[Operation]) -> float | None:
    return next((each.quantity for each in way if each.quantity), None)
