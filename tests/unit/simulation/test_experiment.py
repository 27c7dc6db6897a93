"""Scenarios side by side: the same luck, honest intervals, the same bits with any number of threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from taktwin.errors import DomainError
from taktwin.simulation import changes as c
from taktwin.simulation import kernel
from taktwin.simulation.check import ModelError
from taktwin.simulation.compile import Compiled, compiled
from taktwin.simulation.distributions import Exponential, Fixed
from taktwin.simulation.experiment import AS_IT_IS, Comparison, compare
from taktwin.simulation.inference import FloatArray, Precision, Racing, half_width
from taktwin.simulation.model import Calendar, Order, Plant, Product, Rule, Step, Tariff, WorkCenter
from taktwin.simulation.result import (
    HEADLINES,
    KPIS,
    Kpi,
    Runs,
    Validity,
    Watch,
    kpi,
    order_columns,
    unit_columns,
)
from taktwin.simulation.run import advance
from taktwin.simulation.scenario import Scenario, each
from taktwin.simulation.state import State, fresh
from tests.unit.simulation.test_state import workshop

DAY_S = 86_400.0
SOME = (
    Scenario("nothing else"),
    Scenario("faster", (c.PaceScaled("mill", 1.2),)),
    Scenario("down", (c.UnitDown("mill.1", 0.0, 8 * 3600.0),)),
    Scenario("less work", (c.DemandScaled("@all", 0.8),)),
    Scenario("lots", (c.LotSized("axle", 2),)),
)
ALL = tuple(KPIS)


def compared(**more: object) -> Comparison:
    told: dict[str, object] = {"horizon_s": DAY_S, "seed": 3, "replications": 9, "kpis": ALL} | more
    return compare(workshop(), SOME, **told)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain() -> Comparison:
    return compared()


def columns(answer: Comparison) -> dict[str, list[object]]:
    return {name: [repr(x) for x in column.tolist()] for name, column in answer.columns().items()}


# ---- the same luck


def test_a_scenario_that_changes_nothing_differs_by_exactly_nothing(plain: Comparison) -> None:
    for name in ALL:
        known = plain["nothing else", name]
        assert known.mean == plain[AS_IT_IS, name].mean or math.isnan(known.mean)
        if not math.isnan(known.mean):
            assert (known.difference, known.difference_half_width) == (0.0, 0.0)
        if kpi(name).better:
            assert known.better == known.worse == 0.0 or math.isnan(known.mean)


def test_luck_does_not_depend_on_who_else_is_compared(plain: Comparison) -> None:
    alone = compare(workshop(), SOME[2:3], horizon_s=DAY_S, seed=3, replications=9)
    for name in ("orders_late", "late_h"):
        assert alone.values("down", name).tolist() == plain.values("down", name).tolist()


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_change_not_a_bit(plain: Comparison, threads: int) -> None:
    assert columns(compared(threads=threads)) == columns(plain)


def test_threads_change_not_a_bit_of_a_race_to_a_precision() -> None:
    rules = {"racing": True, "precision": Precision(0.1, at_most=30), "kpis": ("flow_h", "wip")}
    one, two = compared(**rules), compared(**rules, threads=3)
    assert columns(one) == columns(two)
    assert one.eliminated == two.eliminated and one.eliminated


def test_another_seed_is_other_luck(plain: Comparison) -> None:
    other = compared(seed=4)
    assert other.values(AS_IT_IS, "flow_h").tolist() != plain.values(AS_IT_IS, "flow_h").tolist()


def test_more_replications_begin_with_the_same(plain: Comparison) -> None:
    more = compared(replications=12)
    assert more.values("down", "flow_h")[:9].tolist() == plain.values("down", "flow_h").tolist()


@pytest.mark.parametrize("rules", [{"racing": True}, {"precision": Precision(1e-9, at_most=25)}])
def test_later_rounds_go_on_with_luck_of_their_own(rules: dict[str, Any]) -> None:
    told: dict[str, Any] = {"horizon_s": DAY_S, "seed": 3, "replications": 25, "kpis": ("flow_h",)}
    looks: list[int] = []
    rounds = compare(
        workshop(), SOME[:1], **told, **rules, told=lambda answer: looks.append(answer.replications)
    )
    whole = compare(workshop(), SOME[:1], **told)
    assert len(looks) > 2 and not rounds.eliminated  # who equals the leader stays to the end
    for name in rounds.runs:
        assert rounds.values(name, "flow_h").tolist() == whole.values(name, "flow_h").tolist()
        assert len(set(rounds.values(name, "flow_h"))) == 25


def test_a_run_that_needs_more_places_for_jobs_is_no_other_run(plain: Comparison) -> None:
    plant = workshop(orders=tuple(Order(f"o{k}", "axle") for k in range(400)))
    (crowd,) = (compare(plant, (), horizon_s=DAY_S, replications=3, kpis=("wip", "jobs_done")),)
    built = compiled(plant)
    for number, wip in enumerate(crowd.values(AS_IT_IS, "wip_end")):
        end = advance(built, fresh(built, seed=0, replication=number, jobs=4096), until=plant.ticks(DAY_S))
        assert wip == end["run"]["in_work"][0] > 20


# ---- figures by hand


def two_jobs() -> Plant:
    """Return a plant where every number can be said beforehand: 10 s of work each, one unit."""
    steps = (Step("s", "a", Fixed(10.0)),)
    orders = (
        Order("in time", "p", 1, 0.0, 10.0), Order("late", "p", 2, 0.0, 25.0),
        Order("open", "p", 4, 0.0, 35.0), Order("open but not due", "p", 1, 0.0, 99.0),
        Order("later", "p", 1, 70.0, 75.0), Order("no due", "p"),
    )  # fmt: skip
    return Plant((WorkCenter("a"),), (Product("p", steps),), orders)


def test_kpis_are_what_a_pencil_says() -> None:
    # 0-10 in time, 10-30 late by 5 s, from 30 on open; the end at 60 s.
    answer = compare(two_jobs(), (), horizon_s=60.0, replications=2, kpis=ALL)
    told = {name: answer[AS_IT_IS, name].mean for name in ALL}
    hour = 3600.0
    assert told["orders_done"] == 2 and told["jobs_done"] == 2 and told["parts_done"] == 3
    assert told["orders_late"] == 2
    assert told["late_h"] == pytest.approx((5 + 25) / hour)
    assert told["lead_h"] == told["flow_h"] == pytest.approx((10 + 30) / 2 / hour)
    assert told["throughput_per_h"] == pytest.approx(3 / (60 / hour))
    assert told["wip_end"] == 3
    assert told["wip"] == pytest.approx((10 * 5 + 20 * 4 + 30 * 3) / 60)
    assert told["utilisation"] == 1.0 and told["idle_h"] == 0.0 and told["scrapped"] == 0
    assert told["scrap_share"] == 0.0


def test_orders_and_units_are_columns() -> None:
    answer = compare(two_jobs(), (), horizon_s=60.0, replications=2, kpis=("wip",))
    orders = answer.orders()
    assert orders["order"].tolist() == ["in time", "late", "open", "open but not due", "no due", "later"]
    assert orders["late"].tolist() == [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert orders["done"].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert orders["end_q50_s"].tolist() == [10.0, 30.0, math.inf, math.inf, math.inf, math.inf]
    assert math.isnan(orders["due_s"][4]) and orders["due_s"][0] == 10.0
    units = answer.units()
    assert (
        units["unit"].tolist() == ["a.1"]
        and units["working"].tolist() == [1.0]
        and units["off"].tolist() == [0.0]
    )
    assert answer.columns()["mean"].shape == (1,)


def test_a_kpi_may_be_of_one_work_center(plain: Comparison) -> None:
    runs = plain.runs[AS_IT_IS]
    mill = kpi("utilisation:mill").of(runs, slice(None))
    spent = runs.spent[:, 2:4].sum(1)
    assert mill.tolist() == (spent[:, kernel.WORKING] / (spent.sum(1) - spent[:, kernel.OFF])).tolist()
    for wrong, why in (("utilization", "'utilisation', or one of"), ("wip:mill", "work centers do not have")):
        with pytest.raises(ModelError, match=why):
            kpi(wrong)
    with pytest.raises(ModelError, match="unknown work center 'mil'"):
        kpi("utilisation:mil").of(runs, slice(None))


def test_pieces_count_as_their_order() -> None:
    cut = Scenario("cut", (c.LotSized("p", 1),))
    answer = compare(two_jobs(), (cut,), horizon_s=60.0, replications=2, kpis=ALL)
    # 0-10 in time; the two pieces of "late" at 20 and 30; of "open" two of four before 60.
    assert answer["cut", "jobs_done"].mean == 5 and answer["cut", "orders_done"].mean == 2
    assert answer["cut", "orders_late"].mean == 2
    assert answer["cut", "late_h"].mean == answer[AS_IT_IS, "late_h"].mean
    assert answer.orders("cut")["order"].tolist() == answer.orders()["order"].tolist()
    assert answer.orders("cut")["end_q50_s"].tolist() == answer.orders()["end_q50_s"].tolist()


def test_an_order_in_pieces_is_due_with_the_last_of_them() -> None:
    # The pieces of "late" are done at 20 and 30 s, due at 25 both, or one of them with the end of the other.
    for due_s, late in ((25.0, 2), (30.0, 1)):
        changes = c.LotSized("p", 1), c.OrderChanged("late#1/2", due_s=due_s)
        answer = compare(two_jobs(), (Scenario("cut", changes),), horizon_s=60.0, replications=1)
        assert answer.orders("cut")["due_s"][1] == due_s
        assert answer["cut", "orders_late"].mean == late


def test_a_unit_is_utilised_by_the_time_that_it_is_on() -> None:
    shift = Calendar("shift", 80.0, ((0.0, 40.0),))
    plant = replace(two_jobs(), centers=(WorkCenter("a", calendar="shift"),), calendars=(shift,))
    answer = compare(plant, (), horizon_s=60.0, replications=1, kpis=("utilisation", "utilisation:a"))
    assert answer[AS_IT_IS, "utilisation"].mean == answer[AS_IT_IS, "utilisation:a"].mean == 1.0
    assert answer.units()["off"].tolist() == pytest.approx([20 / 60])


def test_a_scrapped_order_is_late_once_it_is_due() -> None:
    plant = replace(two_jobs(), products=(Product("p", (Step("s", "a", Fixed(10.0), good=0.0),)),))
    answer = compare(
        plant, (), horizon_s=60.0, replications=1,
        kpis=("orders_late", "late_h", "scrapped", "scrap_share", "lead_h"),
    )  # fmt: skip
    assert answer[AS_IT_IS, "scrapped"].mean == 2 and answer[AS_IT_IS, "scrap_share"].mean == 1.0
    assert answer[AS_IT_IS, "orders_late"].mean == 3
    assert answer[AS_IT_IS, "late_h"].mean == pytest.approx((50 + 35 + 25) / 3600)
    assert math.isnan(answer[AS_IT_IS, "lead_h"].mean)


def test_only_what_happens_after_the_start_counts() -> None:
    def halfway(plant: Compiled, seed: int, replication: int, _: State | None) -> State:
        return advance(plant, fresh(plant, seed=seed, replication=replication), until=plant.plant.ticks(20.0))

    answer = compare(two_jobs(), (), start=halfway, horizon_s=40.0, replications=2, kpis=ALL)
    told = {name: answer[AS_IT_IS, name].mean for name in ALL}
    assert told["orders_done"] == 1 and told["parts_done"] == 2 and told["orders_late"] == 2
    assert told["throughput_per_h"] == pytest.approx(2 / (40 / 3600))
    assert told["wip"] == pytest.approx((10 * 4 + 30 * 3) / 40)
    assert told["utilisation"] == 1.0
    assert answer.runs[AS_IT_IS].until.tolist() == [60_000, 60_000]


def test_a_run_is_handed_the_state_of_the_one_before_with_all_the_places_that_it_came_to_need() -> None:
    crowd = Product("p", (Step("s", "a", Exponential(50)),), arrivals=Exponential(1))
    plant = Plant((WorkCenter("a"),), (crowd,), tick_s=0.1)
    handed: list[int] = []

    def start(plant: Compiled, seed: int, replication: int, used: State | None) -> State:
        handed.append(0 if used is None else used.jobs)
        return fresh(plant, seed=seed, replication=replication)

    compare(plant, (), start=start, horizon_s=1000.0, replications=3, kpis=("orders_done",), threads=1)
    assert handed[0] == 0 and all(jobs > 900 for jobs in handed[1:3])


# ---- intervals that are true


def test_intervals_of_a_queue_cover_its_exact_mean() -> None:
    # M/M/1 with lambda 0.5, mu 1: L = 1. Runs of 4,000 s from empty; 240 intervals of 8 replications each.
    # The start from empty lowers the mean of L by (rho (1 + rho)) / (1 - rho)^3 / mu / 4000 < 0.002.
    product = Product("p", (Step("s", "a", Exponential(1.0)),), Exponential(2.0))
    plant = Plant((WorkCenter("a"),), (product,), tick_s=1e-4)
    answer = compare(plant, (), horizon_s=4000.0, replications=1920, kpis=("wip",), seed=11, threads=2)
    values = answer.values(AS_IT_IS, "wip").reshape(240, 8)
    covered = np.mean([abs(row.mean() - 1.0) <= half_width(row) for row in values])
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 240))
    assert answer[AS_IT_IS, "wip"].mean == pytest.approx(
        1.0, abs=4 * answer[AS_IT_IS, "wip"].half_width / 1.96
    )


def test_differences_are_taken_pair_by_pair(plain: Comparison) -> None:
    for name in ("flow_h", "orders_late", "wip"):
        mine, base = plain.values("faster", name), plain.values(AS_IT_IS, name)
        known = plain["faster", name]
        assert known.difference == pytest.approx((mine - base).mean(), abs=1e-12)
        assert known.difference_half_width == pytest.approx(half_width(mine - base), abs=1e-12)
        better = kpi(name).better * (mine - base)
        assert (known.better, known.worse) == ((better > 0).mean(), (better < 0).mean())
        assert known.q10 <= known.q50 <= known.q90 and known.replications == 9
    flow = plain["faster", "flow_h"]
    assert flow.better == 1.0 and flow.difference_half_width < plain["faster", "flow_h"].half_width / 2
    assert plain["faster", "utilisation"].better != plain["faster", "utilisation"].better, (
        "neither way is better"
    )


def said(name: str, better: int, values: dict[float, tuple[float, ...]]) -> Kpi:
    """Return a KPI whose value in each replication is said beforehand, by the pace of the first center."""

    def of(runs: Runs, _: object) -> FloatArray:
        return np.array(values[runs.plant.plant.centers[0].pace][: len(runs)])

    return Kpi(name, "1", better, name, of)


PACES = each(c.PaceScaled, center="a", times=[0.4, 2.0])  # of `two_jobs`, where it is 1


def test_a_difference_is_of_the_same_replications_by_hand() -> None:
    # 3, 1, -1 and -3 more: 0 in the mean, spread by the root of 20/3, of which t(0.975, 3) = 3.182446
    # over the root of 4 is half the width. Without pairs they would be the same four figures.
    asked = said("x", 1, {1.0: (1.0, 2.0, 3.0, 4.0), 2.0: (4.0, 3.0, 2.0, 1.0)})
    answer = compare(two_jobs(), PACES[1:], horizon_s=60.0, replications=4, kpis=(asked,))
    known = answer["times 2.0", "x"]
    assert (known.difference, known.better, known.worse) == (0.0, 0.5, 0.5)
    assert known.difference_half_width == pytest.approx(3.182446 * math.sqrt(20 / 3) / 2, rel=1e-6)


def test_the_best_has_more_where_more_is_better_and_less_where_less_is() -> None:
    # Done by 60 s: 1 part at pace 0.4, 1 + 2 at 1, and at 2 all but the one that comes at 70 s, 9.
    less = Kpi("less", "", -1, "", KPIS["parts_done"].of)
    answer = compare(two_jobs(), PACES, horizon_s=60.0, replications=3, kpis=("parts_done", less))
    for name, parts, chances in (
        ("times 0.4", 1, (0.0, 1.0)), (AS_IT_IS, 3, (0.0, 0.0)), ("times 2.0", 9, (1.0, 0.0)),
    ):  # fmt: skip
        assert answer[name, "parts_done"].mean == parts
        assert (answer[name, "parts_done"].best, answer[name, "less"].best) == chances
    assert answer.best() == "times 2.0"


def test_quantiles_are_those_that_they_are_named_after() -> None:
    # Of eleven runs in order, a tenth lies below the second, a half below the sixth, nine below the tenth.
    answer = compared(replications=11, kpis=("flow_h",))
    ordered = np.sort(answer.values("faster", "flow_h"))
    known = answer["faster", "flow_h"]
    assert (known.q10, known.q50, known.q90) == pytest.approx(ordered[[1, 5, 9]], rel=1e-12)
    assert known.as_json()["quantiles"] == {"10": known.q10, "50": known.q50, "90": known.q90}


# ---- when it ends


def test_precision_ends_each_scenario_on_its_own() -> None:
    rule = Precision(0.05, at_most=60)
    answer = compare(workshop(), SOME[1:4], horizon_s=DAY_S, kpis=("flow_h",), precision=rule, seed=3)
    counts = {name: len(runs) for name, runs in answer.runs.items()}
    assert counts[AS_IT_IS] == max(counts.values()), "the others are held to it"
    assert len(set(counts.values())) > 1 and min(counts.values()) >= 10
    for name, count in counts.items():
        values = answer.values(name, "flow_h")
        assert name == AS_IT_IS or count == 60 or rule.enough(values) is not None
        assert name == AS_IT_IS or rule.enough(values[: count - 5]) is None


def test_precision_goes_on_until_all_that_was_asked_is_known() -> None:
    # The one is known after five and five more, the other, whose mean is about nothing, never.
    easy, hard = said("easy", 0, {1.0: (7.0,) * 20}), said("hard", 0, {1.0: (1.0, -1.0) * 10})
    rule = Precision(0.05, at_most=20)
    for asked, count in (((easy,), 10), ((hard,), 20), ((easy, hard), 20), ((hard, easy), 20)):
        answer = compare(two_jobs(), (), horizon_s=1.0, kpis=asked, precision=rule)
        assert answer.replications == count


def test_a_race_is_won_by_more_where_more_is_better() -> None:
    race = compare(
        two_jobs(), PACES, horizon_s=60.0, replications=20, racing=True, kpis=("parts_done", "flow_h")
    )
    assert race.eliminated == {AS_IT_IS: 8, "times 0.4": 8} and race.best() == "times 2.0"


def test_nobody_is_out_of_a_race_while_a_run_has_no_value() -> None:
    some = (math.nan, *(0.0,) * 19)
    asked = said("x", 1, {0.4: some, 1.0: (1.0,) * 20, 2.0: (2.0,) * 20})
    race = compare(two_jobs(), PACES, horizon_s=1.0, replications=20, racing=True, kpis=(asked,))
    assert race.eliminated == {} and {len(runs) for runs in race.runs.values()} == {20}
    assert race.best() == "times 2.0"


def test_a_race_names_the_best_with_fewer_runs() -> None:
    paces = each(c.PaceScaled, center="mill", times=[0.7, 0.8, 0.9, 1.1, 1.2, 1.3])
    whole = compare(workshop(), paces, horizon_s=DAY_S, kpis=("flow_h", "wip"), seed=1)
    race = compare(workshop(), paces, horizon_s=DAY_S, kpis=("flow_h", "wip"), seed=1, racing=True)
    assert race.best() == whole.best() == "times 1.3"
    assert race.replications < whole.replications / 2
    assert whole.replications == 7 * 30 and not whole.eliminated
    assert race.eliminated["times 0.7"] == 8 == race["times 0.7", "flow_h"].replications
    assert race["times 0.7", "flow_h"].best == 0.0
    assert sum(race[name, "flow_h"].best for name in race.runs) == pytest.approx(1.0)
    assert whole["times 1.3", "flow_h"].best > 0.95


def ticking(steps: int) -> Callable[[], float]:
    """Return a clock that is a second further at each look, and stands at the end."""
    looks: Iterator[int] = iter(range(10_000))
    return lambda: float(min(next(looks), steps + 1))


def test_a_deadline_gives_the_best_answer_so_far() -> None:
    told: list[bool] = []
    cut = compared(deadline_s=13.0, clock=ticking(13), told=lambda answer: told.append(answer.is_cut))
    assert cut.is_cut and told == [True]
    counts = {name: len(runs) for name, runs in cut.runs.items()}
    # Twelve chunks of four: six scenarios twice, in turns, so nobody is left behind.
    assert counts == dict.fromkeys(cut.runs, 8)
    whole = compared()
    for name in cut.runs:
        assert cut.values(name, "flow_h").tolist() == whole.values(name, "flow_h")[:8].tolist()
    assert not compared(deadline_s=1e9, clock=ticking(10)).is_cut


def test_a_deadline_that_has_passed_says_nothing_rather_than_something_wrong() -> None:
    cut = compared(deadline_s=0.0, clock=ticking(5))
    assert cut.is_cut and cut.replications == 0
    assert all(math.isnan(each_.mean) and math.isnan(each_.half_width) for each_ in cut.estimates.values())
    with pytest.raises(DomainError, match="nothing is known"):
        cut.best("flow_h")
    some = compared(deadline_s=3.0, clock=ticking(3))
    assert [len(runs) for runs in some.runs.values()] == [4, 4, 0, 0, 0, 0]
    assert some.best("flow_h") in (AS_IT_IS, "nothing else")


def test_a_round_tells_what_is_known_so_far() -> None:
    counts: list[int] = []
    equals = SOME[:1]  # who equals the leader stays in the race to its end
    compare(
        workshop(), equals, horizon_s=DAY_S, racing=True, replications=14, kpis=("flow_h",),
        told=lambda answer: counts.append(answer.replications),
    )  # fmt: skip
    assert counts == [16, 24, 28]


# ---- what is written down


def test_records_have_the_names_of_the_conventions(plain: Comparison) -> None:
    (asked, answered), *_, = plain.records(
        snapshot="s1", calibration="c1", validity={"flow_h": Validity(0.07, 14)}
    )[2:]  # fmt: skip
    assert set(asked) == {
        "scenarioId", "snapshotId", "modelVersion", "calibrationId", "name", "changes", "horizon", "warmup",
        "replications", "seed", "commonRandomNumbers",
    }  # fmt: skip
    assert asked["changes"] == [{"change": "pace_scaled", "center": "mill", "times": 1.2}]
    assert (asked["snapshotId"], asked["seed"], asked["horizon"]) == ("s1", 3, DAY_S)
    assert asked["commonRandomNumbers"] is True
    flow = answered["kpis"]["flow_h"]
    assert answered["scenarioId"] == asked["scenarioId"]
    assert flow["validity"] == {"error": 0.07, "days": 14} and answered["kpis"]["wip"]["validity"] is None
    assert flow["mean"] == plain["faster", "flow_h"].mean and set(flow["quantiles"]) == {"10", "50", "90"}
    assert flow["probabilityBetter"] == 1.0 and flow["halfWidth"] == plain["faster", "flow_h"].half_width
    ids = [record["scenarioId"] for record, _ in plain.records()]
    assert len(set(ids)) == len(ids) == 6
    assert (
        plain.records()[0][0]["modelVersion"]
        != compare(workshop(1.1), (), horizon_s=DAY_S, replications=1).records()[0][0]["modelVersion"]
    )


# ---- what is refused


def test_a_scenario_that_cannot_be_is_refused_before_anything_runs() -> None:
    with pytest.raises(
        ModelError, match=r"scenario x, change 1 \(rule_set\), center: unknown work center 'mil'"
    ):
        compare(workshop(), (Scenario("x", (c.RuleSet("mil", Rule.DUE),)),), horizon_s=DAY_S)
    with pytest.raises(ModelError, match="scenario x: a second one"):
        compare(workshop(), (Scenario("x"), Scenario("x")), horizon_s=DAY_S)
    with pytest.raises(ModelError, match="scenario x: product p2"):
        lost = Product("p2", (Step("s", "mill", Fixed(1.0), skill="fly"),))
        compare(workshop(), (Scenario("x", (c.ProductAdded(lost),)),), horizon_s=DAY_S)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kpis": ()}, {"horizon_s": 0.0}, {"replications": 0}, {"threads": 0}, {"deadline_s": 1.0},
        {"clock": lambda: 0.0}, {"racing": True, "kpis": ("utilisation",)},
    ],
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DomainError):
        compared(**wrong)


def test_the_best_of_what_has_no_way_is_nobody(plain: Comparison) -> None:
    with pytest.raises(DomainError, match="neither more nor less"):
        plain.best("utilisation")
    assert plain.best("flow_h") in ("faster", "less work", "lots")
    assert Racing().first == 8
    assert isinstance(plain.runs[AS_IT_IS], Runs)
    assert order_columns(plain.runs[AS_IT_IS])["order"].shape == (60,)
    assert unit_columns(plain.runs[AS_IT_IS])["working"].shape == (5,)


def test_energy_is_power_times_the_time_in_each_state() -> None:
    plain = two_jobs()
    plant = replace(plain, centers=(replace(plain.centers[0], power_kw={"working": 9.0, "idle": 1.0}),))
    short = (Scenario("short", (c.DemandScaled("@all", 0.5),)),)
    answer = compare(plant, short, horizon_s=120.0, replications=1, kpis=("energy_kwh", "idle_h"))
    # 10, 20, 40, 10, 10 and 10 s of work are 100 s, 20 s idle.
    assert answer[AS_IT_IS, "energy_kwh"].mean == pytest.approx((100 * 9 + 20 * 1) / 3600)
    assert answer["short", "energy_kwh"].mean < answer[AS_IT_IS, "energy_kwh"].mean


def test_an_order_in_lots_is_one_order() -> None:
    plain = two_jobs()
    plant = replace(plain, orders=(Order("late", "p", 2, 0.0, 15.0, 0, 2), Order("next", "p", 1, 0.0, 99.0)))
    answer = compare(plant, (), horizon_s=60.0, replications=1, kpis=("orders_done", "orders_late", "late_h"))
    told = {name: answer[AS_IT_IS, name].mean for name in ("orders_done", "orders_late", "late_h")}
    assert told["orders_done"] == 2 and told["orders_late"] == 1
    assert told["late_h"] == pytest.approx(5 / 3600)
    assert answer.orders()["order"].tolist() == ["late", "next"]


def test_what_ended_before_the_start_is_no_order_of_the_run() -> None:
    def later(plant: Compiled, seed: int, replication: int, _: State | None) -> State:
        return advance(plant, fresh(plant, seed=seed, replication=replication), until=plant.plant.ticks(40.0))

    answer = compare(two_jobs(), (), start=later, horizon_s=20.0, kpis=("orders_late", "orders_done"))
    # "late" ended at 30, five seconds late: that was before. "open" was due at 35 and still is not done.
    assert answer[AS_IT_IS, "orders_late"].mean == 1 and answer[AS_IT_IS, "orders_done"].mean == 0


# ---- looking into runs


def test_a_look_into_a_run_sees_it_as_it_goes_on_and_bends_nothing() -> None:
    # Jobs of 10, 20, 40, 10, 10 and 10 s at one unit; "later" comes at 70 s.
    watch = Watch(4, 1, lambda plant, state: (float(state["run"]["in_work"][0]),))
    mean = Kpi("mean", "jobs", -1, "", lambda runs, units: runs.seen[:, 1:, 0].mean(1))
    asked = ("wip_end", mean, *HEADLINES)
    answer = compare(two_jobs(), (), horizon_s=60.0, replications=2, kpis=asked, watch=watch)
    assert answer.runs[AS_IT_IS].seen[:, :, 0].tolist() == [[0.0, 4.0, 4.0, 3.0, 3.0]] * 2
    assert answer.values(AS_IT_IS, "mean").tolist() == [3.5, 3.5]
    plain = compare(two_jobs(), (), horizon_s=60.0, replications=2, kpis=("wip_end", *HEADLINES))
    for name in ("wip_end", *HEADLINES):
        assert answer.values(AS_IT_IS, name).tolist() == plain.values(AS_IT_IS, name).tolist()


def test_the_last_look_is_at_the_end_of_the_run_into_however_many_parts_it_is_cut() -> None:
    watch = Watch(7, 1, lambda plant, state: (state.now / 1000,))
    answer = compare(two_jobs(), (), horizon_s=60.0, replications=1, kpis=("wip",), watch=watch)
    assert answer.runs[AS_IT_IS].seen[0, :, 0] == pytest.approx([60 * k / 7 for k in range(8)], abs=0.001)
    assert answer.runs[AS_IT_IS].hours.tolist() == [60 / 3600]


def test_what_energy_costs_is_by_the_price_of_the_instant() -> None:
    # 10 s of work at 36 kW from 0, and from 10 s idle at 3.6 kW; the price is 2 up to 5 s, then 4.
    center = WorkCenter("a", power_kw={"working": 36.0, "idle": 3.6})
    plant = Plant(
        (center,), (Product("p", (Step("s", "a", Fixed(10.0)),)),), (Order("o", "p"),),
        tariff=Tariff(60.0, ((0.0, 2.0), (5.0, 4.0))),
    )  # fmt: skip
    answer = compare(plant, (), horizon_s=20.0, replications=1, kpis=("energy_kwh", "energy_cost"))
    assert answer[AS_IT_IS, "energy_kwh"].mean == pytest.approx((10 * 36 + 10 * 3.6) / 3600)
    assert answer[AS_IT_IS, "energy_cost"].mean == pytest.approx(
        (5 * 36 * 2 + 5 * 36 * 4 + 10 * 3.6 * 4) / 3600
    )


@pytest.mark.parametrize("racing", [False, True])  # in one round, and in rounds of which the first has 8
def test_so_many_runs_are_done_whatever_the_clock_says(racing: bool) -> None:
    ticking = iter(range(0, 100_000, 100))
    late = compare(
        two_jobs(), SOME[:1], horizon_s=60.0, replications=40, deadline_s=1.0, clock=lambda: next(ticking),
        at_least=8, racing=racing,
    )  # fmt: skip
    assert late.is_cut and {len(runs) for runs in late.runs.values()} == {8}


def test_what_settles_a_plant_settles_that_of_each_scenario() -> None:
    seen: list[int] = []

    def settle(plant: Plant) -> Plant:
        seen.append(len(plant.orders))
        return replace(plant, orders=plant.orders[:1])

    fewer = Scenario("fewer", (c.OrderRemoved("late"),))
    answer = compare(
        two_jobs(), (fewer,), horizon_s=60.0, replications=1, kpis=("orders_done",), settle=settle
    )
    assert seen[-1] == 5 and [answer[each, "orders_done"].mean for each in (AS_IT_IS, "fewer")] == [1.0, 1.0]
