"""What the plant document says of a plant as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from taktwin.mes.definitions import routes
from taktwin.plant.compile import open_plant
from taktwin.portal.routes.plant import makes

PLANTS = Path(__file__).parents[3] / "examples" / "plants"


@pytest.mark.parametrize(("plant", "expected"), [("northfield", True), ("nist-testbed", False)])
def test_a_plant_makes_something_where_the_mes_knows_a_route(plant: str, expected: bool) -> None:
    registry = open_plant(PLANTS / plant)
    assert makes(registry) is expected
    assert bool(routes.compiled(registry).products) is expected
