"""Figures of a what-if by hand, on plants that are small enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from taktwin.errors import DomainError
from taktwin.simulation import experiment
from taktwin.simulation.changes import PaceScaled
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import Fixed
from taktwin.simulation.model import Batch, Order, Plant, Product, Step, Tariff, WorkCenter
from taktwin.simulation.result import Kpi
from taktwin.simulation.run import advance
from taktwin.simulation.scenario import Scenario
from taktwin.simulation.state import fresh
from taktwin.whatif import answering, indicators
from taktwin.whatif.fork import Wanted
from taktwin.whatif.indicators import Requests

HOUR_S = 3600.0


def measured(plant: Plant, horizon_s: float, request_of: dict[str, str]) -> dict[str, float]:
    """Return each indicator of one run."""
    requests = Requests(request_of)
    kpis = indicators.chosen([], indicators.figures(plant, requests))
    answer = experiment.compare(
        plant,
        (),
        horizon_s=horizon_s,
        kpis=kpis,
        replications=1,
        watch=indicators.watch(plant, horizon_s, kpis),
    )
    return {each.name: float(answer.values(experiment.AS_IT_IS, each.name)[0]) for each in kpis}


def plant(**more: object) -> Plant:
    """Return two orders of two and one parts, an hour of work each, one machine; a part of none behind."""
    orders = (
        Order("a#1", "p", due_s=1.5 * HOUR_S), Order("a#2", "p", due_s=1.5 * HOUR_S),
        Order("b#1", "p", due_s=3 * HOUR_S), Order("-own", "p"),
    )  # fmt: skip
    center = WorkCenter("m", power_kw=more.pop("power_kw", {}))  # type: ignore[arg-type]
    return Plant((center,), (Product("p", (Step("10", "m", Fixed(HOUR_S)),)),), orders, **more)  # type: ignore[arg-type]


PARTS = {"a#1": "a", "a#2": "a", "b#1": "b", "-own": "", "a": "a", "b": "b"}


def test_an_order_is_late_when_its_last_part_is() -> None:
    # a is done at 2 h and was due at 1.5, b at 3 h when it was due.
    told = measured(plant(), 6 * HOUR_S, PARTS)
    assert told["late_orders"] == 1.0 and told["parts_done"] == 4.0
    # In work is one part for 4 of 6 hours: what waits at the entry is not begun.
    assert told["wip"] == pytest.approx(4 / 6, abs=1 / 24)
    assert told["lead_time_h"] == pytest.approx(1.0, abs=0.1)
    assert told.keys() == {"late_orders", "parts_done", "wip", "lead_time_h"}
    # Of a run that ends before, what is due by then and open is late, and the rest is not.
    assert measured(plant(), 2 * HOUR_S - 1, PARTS)["late_orders"] == 1.0
    assert measured(plant(), HOUR_S, PARTS)["late_orders"] == 0.0


def test_what_is_due_at_the_end_of_a_run_is_late_if_it_is_not_done_then() -> None:
    # a is due at 1.5 h and done at 2, b at 3 h when it is due: a tick later that was in time.
    for hours, late in ((1.4, 0.0), (1.5, 1.0), (3.0 + 1e-6, 1.0)):
        assert measured(plant(), hours * HOUR_S, PARTS)["late_orders"] == late
        answer = experiment.compare(
            plant(), (), horizon_s=hours * HOUR_S, kpis=("orders_late",), replications=1
        )
        # As the simulation has it the two parts of a are two orders.
        assert float(answer.values(experiment.AS_IT_IS, "orders_late")[0]) == late


def test_an_effect_is_of_the_same_futures_by_hand() -> None:
    # 3, 1, 0 and -4 more: without pairs they would be the same four figures, and no effect at all.
    by_pace = {1.0: (1.0, 2.0, 3.0, 5.0), 2.0: (4.0, 3.0, 3.0, 1.0)}
    asked = Kpi("x", "1", -1, "", lambda runs, _: np.array(by_pace[runs.plant.plant.centers[0].pace]))
    faster = Scenario("faster", (PaceScaled("m", 2.0),))
    answer = experiment.compare(plant(), (faster,), horizon_s=HOUR_S, kpis=(asked,), replications=4)
    (effect,) = answering.indicator(answer, asked).effects
    assert (effect.better, effect.same, effect.worse) == (0.25, 0.25, 0.5)
    assert (effect.difference.mean, effect.difference.p50) == (0.0, 0.5)
    # Spread by the root of 26/3, of which t(0.975, 3) = 3.182446 over the root of 4 is half the width.
    assert effect.difference.half_width == pytest.approx(3.182446 * math.sqrt(26 / 3) / 2, rel=1e-6)


def test_parts_in_work_are_parts_also_where_they_go_in_lots_or_cross_an_entry() -> None:
    steps = (Step("10", "m", Fixed(HOUR_S)), Step("20", "n", Fixed(HOUR_S)), Step("30", "m", Fixed(HOUR_S)))
    centers = (WorkCenter("m"), WorkCenter("n", units=2))
    lots = (Order("a#1", "p", 3), Order("a#2", "p", 2), Order("b", "p", 4, release_s=90 * HOUR_S))
    built = compiled(Plant(centers, (Product("p", steps),), lots))
    state = fresh(built, seed=1)
    seen = []
    for hours in (0.5, 3.5, 5.5, 7.5, 8.5, 10.5, 14.5, 90.5, 103.5):
        state = advance(built, state, until=round(hours * HOUR_S * 1000))
        seen.append(indicators.in_work(built, state))
    # Three at m until 3 h, two until 5; at n until 6 and 7; at m again until 9 and 11; four of b until 102.
    assert seen == [3, 5, 5, 5, 5, 2, 0, 4, 0]


def test_all_parts_of_a_charge_are_in_work() -> None:
    furnace = WorkCenter("m", batch=Batch(3, parts_min=3))
    orders = tuple(Order(f"a#{n}", "p") for n in range(5))
    built = compiled(Plant((furnace,), (Product("p", (Step("10", "m", Fixed(HOUR_S)),)),), orders))
    state = advance(built, fresh(built, seed=1), until=round(0.5 * HOUR_S * 1000))
    assert indicators.in_work(built, state) == 3, "the two that wait at the entry are not begun"


@pytest.mark.parametrize(("hours", "looks"), [(1, 24), (24, 96), (24 * 7, 192)])
def test_a_run_is_looked_into_as_often_as_a_meter_counts_a_peak(hours: int, looks: int) -> None:
    metered, bare = plant(power_kw={"working": 10.0}), plant()
    for asked, least in ((metered, looks), (bare, 24)):
        kpis = indicators.figures(asked, Requests(PARTS)).values()
        found = indicators.watch(asked, hours * HOUR_S, kpis)
        assert found is not None and found.looks == least


def test_energy_its_price_and_its_peak_are_there_where_the_plant_carries_them() -> None:
    tariff = Tariff(24 * HOUR_S, ((0.0, 0.1), (2 * HOUR_S, 0.3)))
    told = measured(plant(power_kw={"working": 10.0, "idle": 2.0}, tariff=tariff), 6 * HOUR_S, PARTS)
    assert told["energy_kwh"] == pytest.approx(44.0)
    assert told["energy_cost"] == pytest.approx(20 * 0.1 + 24 * 0.3)
    assert told["peak_kw"] == pytest.approx(10.0)
    assert "energy_cost" not in measured(plant(power_kw={"working": 10.0}), 6 * HOUR_S, PARTS)
    assert [each.code for each in indicators.missing(plant())] == ["no-power"]


def test_scrap_is_there_where_something_is_scrapped_and_a_scrapped_part_is_over() -> None:
    bad = plant()
    steps = (Step("10", "m", Fixed(HOUR_S), good=0.0),)
    bad = Plant(bad.centers, (Product("p", steps),), bad.orders)
    told = measured(bad, 6 * HOUR_S, PARTS)
    assert (told["scrap"], told["parts_done"]) == (4.0, 0.0)
    # Of a nothing is made, so it is never done; of b a part was through before.
    before = Wanted("b", "p", 0, parts=1, quantity=2, made=1)
    requests = Requests(PARTS, [before, Wanted("c", "p", 2 * 3600 * 10**9, parts=0, quantity=1)])
    kpis = (indicators.figures(bad, requests)["late_orders"],)
    # a is due at 1.5 h; c, without a part, at 2 h
    for hours, late in ((1.4, 0.0), (1.9, 1.0), (2.0, 2.0), (6.0, 2.0)):
        answer = experiment.compare(bad, (), horizon_s=hours * HOUR_S, kpis=kpis, replications=1)
        assert float(answer.values(experiment.AS_IT_IS, "late_orders")[0]) == late
    with pytest.raises(DomainError, match="'scrap', which this plant does not have: expected"):
        indicators.chosen(["scrap"], indicators.figures(plant(), Requests(PARTS)))


def test_copies_and_pieces_of_a_part_are_its_orders_and_what_is_new_is_an_order_of_its_own() -> None:
    more = (*plant().orders, Order("b#1+1", "p"), Order("b+more", "p"), Order("rush", "p", 2, lots=2))
    known = Requests(PARTS)
    requests = Requests(PARTS)
    kpis = tuple(indicators.figures(plant(), requests).values())
    answer = experiment.compare(
        Plant(plant().centers, plant().products, more), (), horizon_s=12 * HOUR_S, kpis=kpis, replications=1,
        watch=indicators.watch(plant(), HOUR_S, kpis),
    )  # fmt: skip
    ends = known.ends(answer.runs[experiment.AS_IT_IS])
    assert dict(zip(ends.names, ends.done_s[0] / HOUR_S, strict=True)) == {"a": 2.0, "b": 6.0, "rush": 8.0}
