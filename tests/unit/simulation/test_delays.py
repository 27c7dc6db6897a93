"""Coming orders go the ways of past ones, and orders that the log's end cut do not make the others short."""

from __future__ import annotations

import numpy as np
import pytest

from taktwin.entropy import Entropy
from taktwin.errors import DomainError
from taktwin.simulation.compile import compiled
from taktwin.simulation.delays import Coming, plant_of_delays, whole_weights
from taktwin.simulation.eventlog import Row, operations
from taktwin.simulation.run import advance
from taktwin.simulation.state import fresh


def past(quantities: dict[str, float], work_h: dict[str, float], wait_h: float) -> list[Row]:
    rows = []
    for case, quantity in quantities.items():
        end = work_h[case] * 3600
        rows.append(Row(0, case, f"turn {case}", 0.0, end, None, None, quantity))
        rows.append(
            Row(0, case, "pack", end + wait_h * 3600, end + (wait_h + 1) * 3600, None, None, quantity)
        )
    return rows


def ended_h(quantities: dict[str, float], asked: float | None, copies: int) -> list[float]:
    ways = operations(past(quantities, {"small": 2.0, "large": 50.0}, 7.0))
    weights = dict.fromkeys(ways, 1 / len(ways))
    coming = [Coming("next", 3600.0, asked)]
    made = compiled(
        plant_of_delays(ways, weights, coming, Entropy(1).generator("routes").random, copies=copies)
    )
    state = advance(made, fresh(made, seed=1))
    return [(tick - 3600) / 3600 for tick in state["ended"].tolist()]


def test_an_order_takes_what_its_kind_took() -> None:
    # Two ways: 2 h or 50 h of turning, then 7 h of waiting and 1 h of packing. What is turned only once is
    # drawn from all work of the log, so the sum lies between the parts; the waits are 7 h both.
    many = ended_h({"small": 3.0, "large": 3000.0}, 3.0, 200)
    assert len(many) == 200
    assert min(many) >= 7 + 2 and max(many) <= 7 + 2 * 50


def test_quantities_near_lend_their_way() -> None:
    ways = operations(past({"small": 3.0, "large": 3000.0}, {"small": 2.0, "large": 50.0}, 7.0))
    for asked, name in ((3.0, "small"), (3000.0, "large")):
        plant = plant_of_delays(
            ways,
            dict.fromkeys(ways, 0.5),
            [Coming("x", 0.0, asked)],
            Entropy(1).generator("r").random,
            copies=50,
        )
        assert {order.product for order in plant.orders} == {name}
    unknown = plant_of_delays(
        ways, dict.fromkeys(ways, 0.5), [Coming("x", 0.0)], Entropy(1).generator("r").random, copies=50
    )
    assert {order.product for order in unknown.orders} == {"small", "large"}
    none = plant_of_delays(
        ways,
        {"small": 1.0, "large": 0.0},
        [Coming("x", 0.0, 3000.0)],
        Entropy(1).generator("r").random,
        copies=50,
    )
    assert {order.product for order in none.orders} == {"small"}, "an order without weight lends nothing"


def test_nothing_cut_is_everything_alike() -> None:
    assert whole_weights(np.array([3.0, 1.0, 2.0, 2.0]), np.ones(4, bool)) == pytest.approx([0.25] * 4)


def test_the_share_of_what_was_cut_goes_to_what_lasted_longer() -> None:
    # Of four, the second was cut at 2: its quarter goes to the two that took longer.
    found = whole_weights(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, True]))
    assert found == pytest.approx([0.25, 0.0, 0.375, 0.375])
    tied = whole_weights(np.array([1.0, 2.0, 2.0]), np.array([True, True, False]))
    assert tied == pytest.approx([0.5, 0.5, 0.0]), "what was cut lends nothing, whoever took as long"
    with pytest.raises(DomainError, match="at least one whole one"):
        whole_weights(np.array([1.0]), np.array([False]))


def test_the_mean_of_a_cut_log_comes_out_unbiased_and_dropping_the_cut_ones_does_not() -> None:
    numbers = Entropy(3).generator("orders").random((2, 4000))
    cycles, windows = -10 * np.log(numbers[0]), 60 * numbers[1]
    seen, whole = np.minimum(cycles, windows), cycles <= windows
    assert float(whole_weights(seen, whole) @ seen) == pytest.approx(10.0, rel=0.06)
    assert float(seen[whole].mean()) < 8.8
