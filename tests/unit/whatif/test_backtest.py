"""A plant that is predicted by itself is in order, and one that is slower than its model is caught.

The plant that plays what really came is the same kernel with other luck: then every figure of the
judgement is known beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import kstest

from taktwin.contracts.backtest import Epoch, Figure, Record, Scored
from taktwin.simulation.compile import Compiled, compiled
from taktwin.simulation.distributions import LogNormal
from taktwin.simulation.inference import FloatArray
from taktwin.simulation.model import Order, Plant, Product, Step, WorkCenter
from taktwin.simulation.run import replicate
from taktwin.whatif import backtest
from taktwin.whatif.backtest import crps, figures, inside, rank, ranks, scored, that_count, uniform_p
from taktwin.whatif.backtest_files import Records

EPOCHS, RUNS, HOURS = 120, 39, 6.0
UNITS = {"late_orders": "orders", "parts_done": "parts", "wip": "parts", "lead_time_h": "h"}


@cache
def line(orders: int, slower: float = 1.0) -> Compiled:
    """Return a small line in which two machines share the work of the second step."""
    steps = (
        Step("cut", "saw", LogNormal(300.0 * slower, 0.3)),
        Step("turn", "lathe", LogNormal(560.0 * slower, 0.5)),
        Step("pack", "bench", LogNormal(240.0 * slower, 0.3)),
    )  # fmt: skip
    return compiled(Plant(
        (WorkCenter("saw"), WorkCenter("lathe", 2), WorkCenter("bench")), (Product("p", steps),),
        tuple(Order(f"o{n}", "p", release_s=400.0 * n, due_s=400.0 * n + 2600.0) for n in range(orders)),
    ))  # fmt: skip


def values(plant: Compiled, seed: int, count: int) -> dict[str, FloatArray]:
    """Return the figures of some runs."""

    def of(number: int, state: Any) -> tuple[float, ...]:
        ends = state["ended"] * plant.plant.tick_s
        took = ends - np.array([order.release_s for order in plant.plant.orders])
        late = sum(
            due < HOURS * 3600 and not 0 <= end <= due
            for end, due in zip(ends, (order.due_s or 0.0 for order in plant.plant.orders), strict=True)
        )
        done = float(state["made"]["done"].sum())
        return float(late), done, float(state["run"]["in_work"][0]), float(took[ends >= 0].mean() / 3600)

    found = replicate(plant, of, seed=seed, replications=range(count), until_s=HOURS * 3600)
    return dict(zip(UNITS, np.array(found).T, strict=True))


def compared(slower: float = 1.0) -> list[Epoch]:
    """Return epochs in which the plant itself is slower than the model by a factor."""
    found = []
    for number in range(EPOCHS):
        orders = 40 + number % 15
        runs = values(line(orders), 1000 + number, RUNS)
        came = values(line(orders, slower), 5000 + number, 1)
        found.append(Epoch(
            epoch_id=str(number), from_ns=number, to_ns=number + 1,
            scored=[
                scored(name, unit, runs[name], actual, scale=orders if unit == "orders" else actual)
                for name, unit in UNITS.items() for actual in came[name]
            ],
        ))  # fmt: skip
    return found


@pytest.fixture(scope="module")
def right() -> list[Epoch]:
    return compared()


@pytest.fixture(scope="module")
def wrong() -> list[Epoch]:
    return compared(slower=1.2)


def of(found: list[Figure], name: str) -> Figure:
    return next(each for each in found if each.indicator == name)


def in_order(found: list[Figure]) -> bool:
    """Return whether figures are those of a model that is right; of thousands hardly one is not."""
    spread = 4 / math.sqrt(EPOCHS)
    return all(
        abs(each.covered_80 - 0.8) < 0.4 * spread and abs(each.covered_95 - 0.95) < 0.22 * spread
        and each.uniform_p > 1e-3 and each.error < 0.05 and each.half_width is not None
        and each.error < 2 * each.half_width
        for each in found
    )  # fmt: skip


@pytest.mark.parametrize("n", [5, 10, 40])
@pytest.mark.parametrize("moved", [0.0, 0.3])
def test_how_uneven_places_are_is_known_for_few_of_them_too(n: int, moved: float) -> None:
    places = np.clip((np.arange(n) + 0.5) / n + moved, 0.0, 1.0)
    assert uniform_p(places) == pytest.approx(kstest(places, "uniform").pvalue, abs=0.01)


def test_a_plant_that_is_predicted_by_itself_is_in_order(right: list[Epoch]) -> None:
    found = figures(right)
    assert [each.indicator for each in found] == list(UNITS)
    assert in_order(found), found
    assert all(sum(each.ranks) == pytest.approx(EPOCHS) for each in found)
    assert backtest.may_recommend(found) and not backtest.warnings(found)


def test_a_plant_that_is_a_fifth_slower_than_its_model_is_caught(wrong: list[Epoch]) -> None:
    found = figures(wrong)
    assert not backtest.may_recommend(found)
    lead = of(found, "lead_time_h")
    assert lead.error > lead.limit and lead.bias < 0 and lead.covered_80 < 0.5 and lead.uniform_p < 1e-6
    said = next(each.text for each in backtest.warnings(found) if each.subjects == ["lead_time_h"])
    assert said == (
        f"I do not advise on lead time today: my error was {lead.error * 100:.0f} %, the limit is 10 %."
    )


def _too_narrow(each: Scored) -> tuple[float, float]:
    low, high = rank(each)
    return 0.5 + (low - 0.5) * 1.4, 0.5 + (high - 0.5) * 1.4


def _off(each: Scored) -> tuple[float, float]:
    return (each.below + 8) / (each.runs + 1), (each.below + each.equal + 9) / (each.runs + 1)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "ranks are drawn apart": ("rank", _too_narrow),
    "ranks are counted from eight on": ("rank", _off),
    "an interval is narrower than its level": ("inside", lambda each, level: inside(each, level**2)),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_judgement_that_is_bent_is_found(
    name: str, right: list[Epoch], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(backtest, place, mistake)
    assert not in_order(figures(right))


def test_an_error_that_is_not_held_against_its_limit_is_found(
    wrong: list[Epoch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest, "above", lambda found: [])
    with pytest.raises(AssertionError):
        test_a_plant_that_is_a_fifth_slower_than_its_model_is_caught(wrong)


# -- the pieces, by hand


def test_figures_by_hand() -> None:
    one = scored("wip", "parts", np.arange(1.0, 20.0), 18.0, scale=18.0)  # 1 to 19
    assert (one.mean, one.p50, one.low_80, one.high_80) == (10.0, 10.0, 2.0, 18.0)
    assert (one.below, one.equal, rank(one)) == (17, 1, (17 / 20, 19 / 20))
    assert inside(one, 0.95) == 1.0 and inside(one, 0.8) == pytest.approx(0.5)
    assert ranks([one]) == pytest.approx([0] * 8 + [0.5, 0.5])
    other = scored("wip", "parts", np.arange(1.0, 20.0), 22.0, scale=22.0)
    [found] = figures([
        Epoch(epoch_id="a", from_ns=0, to_ns=1, scored=[one]),
        Epoch(epoch_id="b", from_ns=1, to_ns=2, scored=[other]),
    ])  # fmt: skip
    assert found.bias == pytest.approx(-10 / 20) and found.error == pytest.approx(0.5)
    assert found.apart == pytest.approx(0.5) and found.epochs == 2
    # Too high once and too low once is no bias, and all the same apart.
    level = scored("wip", "parts", np.full(19, 20.0), 10.0, scale=20.0)
    [both] = figures([
        Epoch(epoch_id="a", from_ns=0, to_ns=1, scored=[level]),
        Epoch(epoch_id="b", from_ns=1, to_ns=2, scored=[msgspec.structs.replace(level, actual=30.0)]),
    ])  # fmt: skip
    assert both.error == 0 and both.apart == 0.5


def judged(*actual: float, predicted: float = 20.0, scale: float = 20.0, limit: float = 0.1) -> Figure:
    """Return the figure of epochs of which each run says the same, and each actual is another epoch's."""
    [found] = figures([
        Epoch(epoch_id=str(n), from_ns=n, to_ns=n + 1, scored=[
            scored("wip", "parts", np.full(19, predicted), each, scale=scale)
        ]) for n, each in enumerate(actual)
    ], limit=limit)  # fmt: skip
    return found


def test_one_epoch_far_off_is_in_the_bias_by_its_part_of_all() -> None:
    # Too high by 0, 0 and 15 are 5 each, a quarter of 20.
    assert judged(20.0, 20.0, 5.0).bias == pytest.approx(0.25)


def test_an_error_at_its_limit_is_not_above_it() -> None:
    at = judged(*[15.0] * 5, limit=0.25)
    assert at.error == 0.25 and not backtest.above([at]) and backtest.may_recommend([at])
    over = judged(*[15.0] * 5, limit=0.24)
    assert backtest.above([over]) == [over] and not backtest.may_recommend([over])


def test_each_coverage_is_of_its_own_interval() -> None:
    # Above all of 19 runs is the last twentieth of the ranks: half of it is in the middle 95 %, none in 90 %.
    one = scored("wip", "parts", np.arange(1.0, 20.0), 19.5, scale=20.0)
    [found] = figures([Epoch(epoch_id="a", from_ns=0, to_ns=1, scored=[one])])
    assert (found.covered_80, found.covered_95) == (0.0, pytest.approx(0.5))


def test_the_score_of_runs_is_that_of_all_their_pairs() -> None:
    runs = np.array([1.0, 4.0, 4.0, 9.0])
    pairs = [abs(a - b) for k, a in enumerate(runs) for b in runs[:k]]
    assert crps(runs, 5.0) == pytest.approx(np.mean(np.abs(runs - 5)) - np.mean(pairs) / 2)
    assert crps(np.array([3.0]), 1.0) == 2.0 and crps(np.full(9, 2.0), 2.0) == 0


def test_even_places_are_likely_and_crowded_ones_are_not() -> None:
    assert uniform_p((np.arange(50) + 0.5) / 50) > 0.99
    assert uniform_p(np.full(50, 0.5)) < 1e-9
    # Table of Kolmogorov: with 20 places a distance of 0.294 is reached in 5 of 100 cases.
    places = np.concatenate([np.full(6, 1e-9 + 0.3 - 0.3), np.linspace(0.3, 1.0, 14)])
    assert uniform_p(places) == pytest.approx(0.05, abs=0.012)


def test_nothing_is_recommended_before_enough_was_compared(right: list[Epoch]) -> None:
    few = figures(right[:4])
    assert not backtest.may_recommend(few) and not backtest.may_recommend([])
    assert {note.code for note in backtest.warnings(few)} >= {"few_epochs"}
    assert [note.code for note in backtest.warnings([])] == ["never_tested"]


def test_one_figure_that_was_compared_too_seldom_is_enough_to_recommend_nothing() -> None:
    said = scored("wip", "parts", np.full(19, 20.0), 20.0, scale=20.0)
    seldom = msgspec.structs.replace(said, indicator="scrap")
    epochs = [
        Epoch(epoch_id=f"{n}", from_ns=n, to_ns=n + 1, scored=[said, seldom] if n < 4 else [said])
        for n in range(5)
    ]
    fewer = [
        msgspec.structs.replace(each, scored=[said] if n else [said, seldom])
        for n, each in enumerate(epochs[:4])
    ]
    [of_both] = backtest.warnings(figures(fewer))
    assert of_both.subjects == ["wip", "scrap"]
    assert of_both.text.startswith("Unproven: 1 predictions"), "what was compared least is said"
    found = figures(epochs)
    assert [(each.indicator, each.epochs, each.error) for each in found] == [("wip", 5, 0), ("scrap", 4, 0)]
    assert backtest.may_recommend(found[:1]) and not backtest.may_recommend(found)
    [note] = backtest.warnings(found)
    assert (note.code, note.subjects) == ("few_epochs", ["scrap"])
    assert note.text == "Unproven: 4 predictions were compared with what came, 5 are wanted."


def test_what_was_predicted_and_never_came_is_off_and_nothing_of_nothing_is_not() -> None:
    nothing = scored("scrap", "parts", np.zeros(19), 0.0, scale=0.0)
    much = scored("scrap", "parts", np.full(19, 3.0), 0.0, scale=0.0)
    epoch = Epoch(epoch_id="a", from_ns=0, to_ns=1)
    assert figures([msgspec.structs.replace(epoch, scored=[nothing])])[0].error == 0
    assert figures([msgspec.structs.replace(epoch, scored=[much])])[0].error == backtest.ERROR_MAX


# -- what counts, and where it is kept


def record(made_ns: int, spans: list[tuple[int, int]], **words: Any) -> Record:
    told = {"model_version": "1", "calibration_id": "c", **words}
    epochs = [Epoch(epoch_id=f"{made_ns}", from_ns=a, to_ns=b) for a, b in spans]
    return Record(made_ns=made_ns, epochs=epochs, **told)


def test_only_epochs_of_this_model_on_unseen_data_count_and_each_span_once() -> None:
    records = [
        record(2, [(10, 20), (20, 30)]), record(1, [(10, 20), (0, 10)]),
        record(3, [(30, 40)], calibration_id="d"), record(4, [(40, 50)], model_version="2"),
        record(5, [(50, 60), (60, 70)], calibrated_to_ns=60),
    ]  # fmt: skip
    found = that_count(records, model_version="1", calibration_id="c", since_ns=5)
    assert [(each.from_ns, each.epoch_id) for each in found] == [(10, "2"), (20, "2"), (60, "5")]


def test_records_survive_a_restart_and_what_was_changed_counts_nowhere(tmp_path: Path) -> None:
    kept = Records(tmp_path).keep(record(1, [(10, 20)]))
    other = Records(tmp_path).keep(record(2, [(20, 30)]))
    again = Records(tmp_path)
    assert again.all() == [kept, other] and not again.damaged
    [first, second] = sorted((tmp_path / "backtests").glob("*.json"))
    first.write_text(first.read_text().replace('"to_ns": 20', '"to_ns": 21'))
    second.write_text(second.read_text()[:100])
    third = Records(tmp_path)
    assert third.all() == [] and third.damaged == [first.name, second.name]
    first.unlink()
    assert third.all() == [] and third.damaged == [second.name]


def test_an_answer_carries_each_coverage_under_its_own_name() -> None:
    narrow = scored("wip", "parts", np.arange(39, dtype=float), 36.5, scale=20.0)  # in 95 %, not in 80 %
    [found] = figures([Epoch(epoch_id="a", from_ns=0, to_ns=1, scored=[narrow])])
    [told] = backtest.errors([found])
    assert told.covered_80 == found.covered_80 < told.covered_95 == found.covered_95
