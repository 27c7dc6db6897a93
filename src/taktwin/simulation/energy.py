"""What a run cost in energy: comes in a compiled plant with a state of it, goes out kWh and money per unit.

The kernel counts ticks in each state, and the same weighted with the price of the instant: whole numbers,
so both are exact to the tick whatever the state was cut or forked at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from taktwin.simulation.compile import Compiled
from taktwin.simulation.model import PRICE_UNITS
from taktwin.simulation.state import State

FloatArray = npt.NDArray[np.float64]


def energy_kwh(plant: Compiled, state: State) -> FloatArray:
    """Return what each unit took since the beginning, or since `State.forget`: (units,) kWh."""
    spent_h = state["spent"] * (plant.plant.tick_s / 3600)
    return np.asarray((plant.power_kw * spent_h).sum(axis=1), np.float64)


def energy_cost(plant: Compiled, state: State) -> FloatArray:
    """Return what that cost: (units,) in the money of the tariff; zeros without one."""
    priced_h = (state["priced"] + state["run"]["price"] * state["spent"]) * (
        plant.plant.tick_s / 3600 / PRICE_UNITS
    )
    return np.asarray((plant.power_kw * priced_h).sum(axis=1), np.float64)
