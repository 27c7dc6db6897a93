"""The compiled kernel and the plain reference go the same way, tick for tick, on any plant."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taktwin.simulation.model import Plant
from tests.unit.simulation.plants import assert_same_course, plants

PLANTS = int(os.environ.get("TAKTWIN_SIMULATION_PLANTS", "100"))


@settings(
    max_examples=PLANTS, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(plant=plants(), seed=st.integers(0, 2**32))
def test_kernel_and_reference_go_the_same_way(plant: Plant, seed: int) -> None:
    assert_same_course(plant, seed=seed, until_s=300.0)
