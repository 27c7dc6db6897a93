"""What an ERP orders: two or more products with seasons, weeks that differ, and orders that are in a hurry.

In come the physics of the demand and instants; out go orders. Pure but for its own random streams.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from taktwin.entropy import Entropy
from taktwin.virtual_plant.physics import Demand

HOUR_NS = 3_600_000_000_000
WEEK_NS = 168 * HOUR_NS
CUSTOMERS = 7
RUSH = 9  # priority
USUAL = 3  # priorities 0, 1, 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """One order as an ERP sends it."""

    product: str
    quantity: int
    due_ns: int
    priority: int
    customer: str


class Customers:
    """Those who order."""

    def __init__(self, demand: Demand, *, start_ns: int, entropy: Entropy) -> None:
        self._demand = demand
        self._start_ns = start_ns
        self._entropy = entropy
        stream = entropy.stream("demand/phase")
        self._season_phase, self._mix_phase = (stream.random() * 2 * math.pi for _ in range(2))
        self._chance = entropy.stream("demand/orders")
        self._owed = dict.fromkeys(sorted(demand.parts_per_week), 0.0)
        self._customers = 0

    def factor(self, product: str, at_ns: int) -> float:
        """Return how much of a product is wanted in a week, over its mean."""
        demand = self._demand
        turn = 2 * math.pi * (at_ns - self._start_ns) / WEEK_NS / demand.season_weeks
        season = 1.0 + demand.season * math.sin(turn + self._season_phase)
        place = sorted(demand.parts_per_week).index(product)
        angle = 2 * turn + self._mix_phase + 2 * math.pi * place / len(demand.parts_per_week)
        week = self._entropy.stream(f"demand/week/{(at_ns - self._start_ns) // WEEK_NS}/{product}")
        return season * (1.0 + demand.mix * math.sin(angle)) * math.exp(demand.week_sigma * week.gauss(0, 1))

    def orders(self, at_ns: int, *, share: float) -> list[Wanted]:
        """Return the orders of a share of a week, product by product; what makes no whole lot waits."""
        demand = self._demand
        found: list[Wanted] = []
        for product, parts in sorted(demand.parts_per_week.items()):
            self._owed[product] += parts * share * self.factor(product, at_ns) * (1.0 - demand.rush_share)
            while self._owed[product] >= demand.lot:
                self._owed[product] -= demand.lot
                late_h = demand.due_h * self._chance.uniform(0.8, 1.2)
                found.append(self._order(product, at_ns, late_h, self._chance.randrange(USUAL)))
        return found

    def next_rush_s(self, at_ns: int) -> float:
        """Return the seconds until the next order in a hurry; infinite: there is none."""
        lots = sum(self._demand.parts_per_week.values()) * self._demand.rush_share / self._demand.lot
        return self._chance.expovariate(lots / (WEEK_NS / 1e9)) if lots > 0 else math.inf

    def rush(self, at_ns: int) -> Wanted:
        """Return an order in a hurry."""
        products = sorted(self._demand.parts_per_week)
        weights = [self._demand.parts_per_week[each] for each in products]
        product = self._chance.choices(products, weights)[0]
        return self._order(product, at_ns, self._demand.rush_due_h, RUSH)

    def _order(self, product: str, at_ns: int, due_h: float, priority: int) -> Wanted:
        self._customers += 1
        due_ns = at_ns + round(due_h * 60) * 60_000_000_000
        return Wanted(product, self._demand.lot, due_ns, priority, f"Customer {self._customers % CUSTOMERS}")
