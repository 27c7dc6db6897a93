"""A scenario makes one plant of another, touches only what it names, and says what it could not do."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.simulation import changes as c
from taktwin.simulation.check import ModelError
from taktwin.simulation.compile import compiled
from taktwin.simulation.distributions import Empirical, Exponential, Fixed, LogNormal, Triangular, Weibull
from taktwin.simulation.model import (
    Calendar,
    Closure,
    Crew,
    Delivery,
    Failure,
    FailureClock,
    Machine,
    Material,
    Operator,
    Order,
    Plant,
    Product,
    Rule,
    Step,
    Tool,
    WorkCenter,
)
from taktwin.simulation.scenario import (
    Scenario,
    applied,
    digest,
    each,
    grid,
    scenario_from_json,
    scenario_json,
    unique,
)
from taktwin.simulation.written import as_json, read
from tests.unit.simulation.plants import plants
from tests.unit.simulation.test_state import workshop

H = 3600.0


def shop() -> Plant:
    """Return the workshop with material that is delivered and one closure."""
    steps = (Step("cut", "saw", Fixed(60.0), materials={"bar": 1}, tool="blade"),)
    plain = workshop()
    return replace(
        plain,
        centers=(*plain.centers, WorkCenter("saw", tools=(Tool("blade", 40, Fixed(60.0)),))),
        products=(*plain.products, Product("pin", steps, Exponential(3600.0))),
        materials=(Material("bar", 5), Material("nut", 1)),
        deliveries=(Delivery("bar", 10, 3600.0), Delivery("nut", 3, 7200.0)),
        closures=(Closure("saw.1", 10.0, 20.0),),
    )


def done(change: c.Change, plant: Plant | None = None) -> Plant:
    return applied(shop() if plant is None else plant, Scenario("s", (change,)))


# One of each kind, with what of the plant may differ by name.
PICKS: tuple[tuple[c.Change, set[str]], ...] = (
    (c.UnitDown("mill.2", 0.0, 8 * H), set()),
    (c.CenterDown("mill", 0.0, 8 * H), set()),
    (c.CalendarSet("mill", Calendar("night", 24 * H, ((0.0, 6 * H),))), {"mill"}),
    (c.ShiftAdded("lathe", 22 * H, 23 * H), {"lathe"}),
    (c.ShiftCut("lathe", 12 * H, 13 * H), {"lathe"}),
    (c.ShiftStretched("lathe", 1800.0), {"lathe"}),
    (c.OrderAdded(Order("rush", "axle", 9, 10.0, 20.0, 5)), set()),
    (c.OrderSeries("rush", "axle", 3), set()),
    (c.OrderRemoved("o7"), {"o7"}),
    (c.OrderChanged("o7", due_s=1.0), {"o7"}),
    (c.ReleaseShifted("axle", 60.0), {f"o{k}" for k in range(60)}),
    (c.DueShifted("axle", -60.0), {f"o{k}" for k in range(60)}),
    (c.LotSized("axle", 3), {f"o{k}" for k in range(3, 60, 4)}),
    (c.DemandScaled("axle", 1.5), {"axle"}),
    (c.DemandMix({"axle": 1, "shaft": 1}), {"axle", "shaft", *(f"o{k}" for k in range(60))}),  # type: ignore[dict-item]
    (c.DemandMoved("axle", "pin", 0.5), {f"o{k}" for k in range(1, 60, 2)}),
    (c.OperatorsAdded(frozenset({"mill"}), 2), set()),
    (c.OperatorAbsent("ann"), {"ann"}),
    (c.PeopleAbsent(0.34), {"cem"}),
    (c.SkillLearned("ann", "mill"), {"ann"}),
    (c.CrewSized("menders", 3), {"menders"}),
    (c.RuleSet("mill", Rule.SETUP), {"mill"}),
    (c.PaceScaled("mill", 1.1), {"mill"}),
    (c.QueueSized("mill", None), {"mill"}),
    (c.SetupScaled("lathe", 0.5), {"lathe"}),
    (c.FailureScaled("mill", 2.0, 0.5), {"mill"}),
    (c.ToolsScaled("saw", 0.5, 2.0), {"saw"}),
    (c.UptimeSet("bench", 0.92), {"bench"}),
    (c.UnitsAdded("mill", 1), {"mill"}),
    (c.CenterAdded(WorkCenter("new", 2)), set()),
    (c.ProductAdded(Product("p2", (Step("s", "mill", Fixed(5.0)),))), set()),
    (c.VariantAdded("shaft2", "shaft", 1.3, 0.9, "C"), {"lathe"}),
    (c.YieldSet("shaft", "test", 0.8), {"shaft"}),
    (c.YieldScaled("shaft", "test", 0.8), {"shaft"}),
    (c.ReworkSet("shaft", "test", None), {"shaft"}),
    (c.WorkScaled("shaft", "@longest", 1.3), {"shaft"}),
    (c.WorkSpread("shaft", "@all", 0.8), {"shaft"}),
    (c.StepMoved("shaft", "mill", "bench"), {"shaft"}),
    (c.AlternativeAdded("shaft", "mill", "saw"), {"shaft"}),
    (c.MoveSet("shaft", "turn", 0.0), {"shaft"}),
    (c.MoveScaled("shaft", "turn", 2.0), {"shaft"}),
    (c.DeliveryShifted("bar", 3 * 24 * H), {"bar"}),
    (c.DeliveryScaled("bar", 0.5), {"bar"}),
    (c.StockSet("bar", 0), {"bar"}),
)  # fmt: skip
PICK = [change for change, _ in PICKS]
ADDITIVE = (
    c.ReleaseShifted, c.DueShifted, c.DemandScaled, c.DemandMoved, c.OperatorsAdded, c.PaceScaled,
    c.SetupScaled, c.ToolsScaled, c.FailureScaled, c.UnitsAdded, c.YieldScaled, c.WorkScaled, c.MoveScaled,
    c.DeliveryShifted, c.DeliveryScaled, c.PeopleAbsent, c.OperatorAbsent, c.OrderRemoved, c.ShiftStretched,
    c.OrderAdded, c.OrderSeries,
    c.DemandMix,  # by whole orders, so the second time finds other shares
)  # fmt: skip


def test_the_same_order_again_is_another_order() -> None:
    rush = c.OrderAdded(Order("rush", "axle", 9, 10.0))
    series = c.OrderSeries("daily", "axle", count=2)
    plant = applied(workshop(), Scenario("twice", (rush, rush, series, rush, series)))
    names = [order.name for order in plant.orders[60:]]
    assert names == [
        "rush", "rush (2)", "daily.1", "daily.2", "rush (3)", "daily.1 (2)", "daily.2 (2)",
    ]  # fmt: skip
    assert [order.quantity for order in plant.orders[60:]] == [9, 9, 1, 1, 9, 1, 1]
    with pytest.raises(ModelError, match="'rush', which there is already: expected a new name"):
        applied(plant, Scenario("other", (c.OrderAdded(Order("rush", "axle", 8, 10.0)),)))


def test_the_picks_are_of_every_kind() -> None:
    assert {type(change) for change in PICK} == set(c.CHANGES)


@pytest.mark.parametrize(("change", "names"), PICKS, ids=[c.kind_of(type(each)) for each in PICK])
def test_a_change_touches_only_what_it_names(change: c.Change, names: set[str]) -> None:
    before = shop()
    after = done(change, before)
    assert after != before, "it changes nothing at all"
    for part in fields(Plant):
        old, new = getattr(before, part.name), getattr(after, part.name)
        if part.name not in change.touches:
            assert new is old, part.name
            continue
        if part.name in ("closures",):
            assert [each for each in new if each in old] == list(old)
            continue
        name = "material" if part.name == "deliveries" else "name"
        for each_ in old:
            if getattr(each_, name) not in names:
                assert any(each_ is other for other in new), f"{part.name}: {each_}"
    compiled(after)


@pytest.mark.parametrize(
    "change",
    [each for each in PICK if not isinstance(each, ADDITIVE)],
    ids=lambda each: c.kind_of(type(each)),
)
def test_what_is_set_twice_is_set_once(change: c.Change) -> None:
    once = done(change)
    assert done(change, once) == once


@pytest.mark.parametrize("change", PICK, ids=lambda each: c.kind_of(type(each)))
def test_a_scenario_comes_back_from_its_text(change: c.Change) -> None:
    told = Scenario("s", (change, change), "What if?")
    assert scenario_from_json(json.loads(json.dumps(scenario_json(told)))) == told


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(plant=plants())
def test_a_plant_comes_back_from_its_text_and_no_change_changes_nothing(plant: Plant) -> None:
    again = read(Plant, json.loads(json.dumps(as_json(plant))), "plant")
    assert again == plant
    assert digest(again) == digest(plant)
    assert applied(plant, Scenario("nothing")) == plant


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(plant=plants(), data=st.data())
def test_any_plant_answers_any_selector(plant: Plant, data: st.DataObject) -> None:
    asked = data.draw(
        st.sampled_from(
            [
                c.PaceScaled("@bottleneck", 1.1), c.UnitDown("@bottleneck", 0.0, 5.0),
                c.RuleSet("@all", Rule.DUE),
                c.CenterDown("@second", 0.0, 5.0) if len(plant.centers) > 1 else c.UnitsAdded("@idlest", 1),
                c.DemandScaled("@most", 1.3), c.WorkScaled("@longest", "@first", 1.2), c.LotSized("@all", 2),
                c.YieldScaled("@all", "@last", 0.9), c.PeopleAbsent(0.5), c.VariantAdded("v", "@least", 1.2),
                c.ShiftStretched("@all", 1.0), c.SkillLearned("@all", "@all"), c.UptimeSet("@all", 0.92, 3.0),
            ]
        )
    )  # fmt: skip
    after = applied(plant, Scenario("s", (asked,)))
    for part in fields(Plant):
        if part.name not in asked.touches:
            assert getattr(after, part.name) is getattr(plant, part.name)
    compiled(after)


@pytest.mark.parametrize(
    ("change", "place", "found", "right"),
    [
        (c.UnitDown("mil.2", 0.0, 1.0), "(unit_down), unit", "unknown unit 'mil.2'", "'mill.2', or one of"),
        (c.RuleSet("mil", Rule.DUE), "center", "unknown work center 'mil'", "'mill', or one of bench, lathe"),
        (c.OrderRemoved("o99"), "order", "unknown order 'o99'", "and 52 more"),
        (c.WorkScaled("shaft", "tern", 2.0), "step", "unknown step 'tern'", "'turn', or one of"),
        (c.WorkScaled("shaft", "turn", 0.0), "times", "0", "above 0"),
        (c.OperatorsAdded(frozenset({"mil"})), "skills", "unknown skill 'mil'", "'mill'"),
        (c.OperatorsAdded(frozenset({"mill"}), 0), "count", "0", "1 or more"),
        (c.UnitsAdded("mill", -2), "count", "-2 at mill, which has 2", "one unit that is left"),
        (c.UnitDown("mill.1", 5.0, 5.0), "to_s", "5", "later than from_s = 5"),
        (c.OrderAdded(Order("o1", "shaft")), "order.name", "'o1', which there is already", "a new name"),
        (c.OrderAdded(Order("x", "shift")), "order.product", "unknown product 'shift'", "'shaft'"),
        (c.ShiftCut("lathe", 0.0, 24 * H), "to_s", "no working time left", "some"),
        (c.ShiftAdded("lathe", 5 * H, 30 * H, 24 * H), "every_s", "86400", "that holds 108000"),
        (c.DemandMoved("axle", "axle", 0.5), "to", "'axle'", "another product"),
        (c.YieldSet("@all", "test", 1.5), "good", "1.5", "at most 1"),
        (c.CrewSized("menders", 0), "people", "0", "1 or more"),
        (c.StepMoved("shaft", "mill", "@all"), "center", "'@all'", "one work center"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_with_place_found_and_right(
    change: c.Change, place: str, found: str, right: str
) -> None:
    with pytest.raises(ModelError) as told:
        done(change)
    (finding,) = told.value.findings
    assert finding.place.startswith("scenario s, change 1 (") and finding.place.endswith(place)
    assert (finding.found, right in finding.expected) == (found, True), finding


def test_all_mistakes_of_a_scenario_are_told_at_once() -> None:
    wrong = Scenario("s", (c.RuleSet("a", Rule.DUE), c.PaceScaled("mill", 1.2), c.LotSized("b", 3)))
    with pytest.raises(ModelError) as told:
        applied(shop(), wrong)
    assert [f.place for f in told.value.findings] == [
        "scenario s, change 1 (rule_set), center", "scenario s, change 3 (lot_sized), product"
    ]  # fmt: skip


def test_the_last_one_who_can_do_something_does_not_go() -> None:
    plant = replace(
        shop(), operators=(Operator("ann", frozenset({"turn"})), Operator("cem", frozenset({"mill"})))
    )
    with pytest.raises(ModelError, match="nobody left with the skill 'mill'"):
        done(c.OperatorAbsent("cem"), plant)
    assert done(c.PeopleAbsent(1.0), plant) == plant
    assert [each.name for each in done(c.PeopleAbsent(1.0)).operators] == ["bob"]


def test_a_mistake_in_a_text_is_told_by_its_field() -> None:
    with pytest.raises(ModelError) as told:
        scenario_from_json(
            {
                "version": 1, "name": "s", "chnges": [],
                "changes": [
                    {"change": "pace_scale", "center": "mill", "times": 1},
                    {"change": "pace_scaled", "center": 3, "times": "fast"},
                    {"change": "pace_scaled", "centre": "mill", "times": 0},
                    {"change": "center_added", "center": {
                        "name": "x", "failure": {"time_to": {"distribution": "weibul"}, "repair": 1}}},
                    {"change": "rule_set", "center": "mill", "rule": "dew"},
                    {"change": "unit_down", "unit": "mill.1", "from_s": 0},
                    {"change": "yield_set", "product": "p", "step": "s", "good": 2},
                    {"change": "order_added", "order": {"name": "r", "product": "p", "quantity": 1.5}},
                ],
            }
        )  # fmt: skip
    assert [str(each) for each in told.value.findings] == [
        "scenario s.chnges: an unknown field: expected 'changes', or one of asks, changes, name, version",
        f"scenario s.changes[0].change: 'pace_scale': expected 'pace_scaled', or one of "
        f"{', '.join(sorted(c.KINDS)[:8])} and {len(c.KINDS) - 8} more",
        "scenario s.changes[1].center: 3: expected a text",
        "scenario s.changes[1].times: 'fast': expected a finite number",
        "scenario s.changes[2].centre: an unknown field: expected 'center', or one of center, times",
        "scenario s.changes[2].center: nothing: expected a value: there is no default",
        "scenario s.changes[3].center.failure.time_to.distribution: 'weibul': expected 'weibull', or one of "
        "empirical, exponential, fixed, gamma, lognormal, triangular, weibull",
        "scenario s.changes[3].center.failure.repair: 1: expected {'distribution': one of fixed, "
        "exponential, lognormal, weibull, gamma, triangular, empirical, ...}",
        "scenario s.changes[4].rule: 'dew': expected 'due', or one of due, fifo, priority, setup, shortest",
        "scenario s.changes[5].to_s: nothing: expected a value: there is no default",
        "scenario s.changes[6].good: 2: expected 0 or more, at most 1",
        "scenario s.changes[7].order.quantity: 1.5: expected a whole number",
    ]


def test_the_names_of_the_kinds_are_a_contract() -> None:
    assert sorted(c.KINDS) == [
        "alternative_added", "calendar_set", "center_added", "center_down", "crew_sized",
        "delivery_scaled", "delivery_shifted",
        "demand_mix", "demand_moved", "demand_scaled", "due_shifted", "failure_scaled", "lot_sized",
        "move_scaled", "move_set", "operator_absent", "operators_added", "order_added", "order_changed",
        "order_removed", "order_series", "pace_scaled", "people_absent", "product_added", "queue_sized",
        "release_shifted", "rework_set", "rule_set", "setup_scaled", "shift_added", "shift_cut",
        "shift_stretched", "skill_learned", "step_moved", "stock_set", "tools_scaled", "unit_down",
        "units_added", "uptime_set", "variant_added", "work_scaled", "work_spread", "yield_scaled",
        "yield_set",
    ]  # fmt: skip


# ---- what the changes make, by figures


def test_a_saturday_lengthens_the_day_to_a_week_once() -> None:
    after = done(c.ShiftAdded("lathe", 5 * 24 * H + 6 * H, 5 * 24 * H + 14 * H))
    (new,) = [each for each in after.calendars if each.name.endswith("+ 126-134 h")]
    assert new.period_s == 6 * 24 * H and len(new.on_s) == 12, "the shift was inside one that there is"
    wide = done(c.ShiftAdded("lathe", 5 * 24 * H, 5 * 24 * H + 4 * H, 7 * 24 * H))
    (new,) = [each for each in wide.calendars if each.name != "day"]
    assert new.period_s == 7 * 24 * H and len(new.on_s) == 15 and (120 * H, 124 * H) in new.on_s
    assert sum(b - a for a, b in new.on_s) == 7 * 16 * H + 4 * H


def test_a_break_is_cut_out_of_a_shift() -> None:
    (new,) = [each for each in done(c.ShiftCut("lathe", 12 * H, 13 * H)).calendars if each.name != "day"]
    assert new.on_s == ((6 * H, 12 * H), (13 * H, 14 * H), (14 * H, 22 * H))


def test_lots_keep_every_part_and_remember_their_order() -> None:
    after = done(c.LotSized("axle", 3))
    assert sum(o.quantity for o in after.orders) == sum(o.quantity for o in shop().orders)
    assert [(o.name, o.quantity) for o in after.orders if c.order_of(o.name) == "o3"] == [
        ("o3#1/2", 3),
        ("o3#2/2", 1),
    ]
    assert {c.order_of(o.name) for o in after.orders} == {o.name for o in shop().orders}
    assert c.order_of("part#2") == "part#2"


@pytest.mark.parametrize(("times", "orders"), [(1.2, 72), (0.8, 48), (2.0, 120), (0.0, 0), (1 / 3, 20)])
def test_demand_is_scaled_by_whole_orders(times: float, orders: int) -> None:
    after = done(c.DemandScaled("axle", times))
    assert len(after.orders) == orders
    assert len({o.name for o in after.orders}) == orders
    shafts = done(c.DemandScaled("shaft", 2.0)).products[0].arrivals
    assert shafts == Exponential(450.0)


def test_a_mix_keeps_the_whole() -> None:
    before = c.demand(shop())
    after = c.demand(done(c.DemandMix({"axle": 3, "shaft": 1})))
    assert after["pin"] == before["pin"]
    whole = before["axle"] + before["shaft"]
    assert after["axle"] + after["shaft"] == pytest.approx(whole, rel=0.02)
    assert after["axle"] == pytest.approx(whole * 3 / 4, rel=0.02)


def test_moved_demand_is_neither_lost_nor_doubled() -> None:
    before, after = c.demand(shop()), c.demand(done(c.DemandMoved("shaft", "pin", 0.25)))
    assert after["shaft"] == pytest.approx(before["shaft"] * 0.75)
    assert after["pin"] == pytest.approx(before["pin"] + before["shaft"] * 0.25)
    axles = c.demand(done(c.DemandMoved("axle", "pin", 0.5)))
    assert axles["axle"] + axles["pin"] == before["axle"] + before["pin"]


def test_an_uptime_is_what_repairs_and_failures_make_of_it() -> None:
    after = done(c.UptimeSet("@all", 0.92, 600.0))
    for center in after.centers:
        assert center.failure is not None
        up, down = center.failure.time_to.mean_s, center.failure.repair.mean_s
        assert up / (up + down) == pytest.approx(0.92)
    mill = after.centers[1].failure
    assert mill is not None and mill.repair == LogNormal(900.0, 1.0) and mill.crew == "menders"
    assert isinstance(mill.time_to, Weibull), "the shape was lost"
    assert all(center.failure is None for center in done(c.UptimeSet("@all", 1.0)).centers)


def test_units_that_differ_are_changed_with_the_others() -> None:
    own = Failure(Fixed(100.0), Fixed(50.0), name="spindle")
    more = Failure(Fixed(500.0), Fixed(50.0), name="belt")
    plain = shop()
    lathe = replace(
        plain.centers[0],
        more_failures=(more,),
        machines={1: Machine(0.5, (own,), "day"), 2: Machine(failures=())},
    )
    plant = replace(plain, centers=(lathe, *plain.centers[1:]))
    faster = done(c.PaceScaled("lathe", 2.0), plant).centers[0]
    assert (faster.pace, faster.pace_of(1), faster.pace_of(2)) == (2.0, 1.0, 2.0)
    rarer = done(c.FailureScaled("lathe", 2.0, 3.0), plant).centers[0]
    assert rarer.failures_of(1) == (replace(own, time_to=Fixed(200.0), repair=Fixed(150.0)),)
    assert rarer.more_failures == (replace(more, time_to=Fixed(1000.0), repair=Fixed(150.0)),)
    assert rarer.failures_of(2) == ()
    up = done(c.UptimeSet("lathe", 0.9), plant).centers[0]
    for kinds in (up.failures, up.failures_of(1), up.failures_of(2)):
        assert sum(each_.repair.mean_s / each_.time_to.mean_s for each_ in kinds) == pytest.approx(1 / 9)
    assert len(up.failures) == 2 and up.failures_of(1)[0].name == "spindle"
    longer = done(c.ShiftStretched("lathe", 1800.0), plant).centers[0]
    assert longer.calendar == longer.calendar_of(1) == "day by +0.5 h"
    assert done(c.UnitsAdded("lathe", -1), plant).centers[0].machines == {1: lathe.machines[1]}
    assert read(Plant, json.loads(json.dumps(as_json(plant))), "plant") == plant


def test_scaling_keeps_the_shape_of_every_distribution() -> None:
    for drawn in (Fixed(2), Exponential(2), LogNormal(2, 0.5), Weibull(2, 1.6), Triangular(1, 2, 4),
                  Empirical((1.0, 2.0, 5.0))):  # fmt: skip
        twice = c.scaled(drawn, 2)
        assert twice.mean_s == pytest.approx(2 * drawn.mean_s)
        assert twice.shape == drawn.shape


def test_a_variant_is_set_up_for() -> None:
    after = done(c.VariantAdded("shaft2", "shaft", 1.5, 0.5, "C"))
    new = after.products[-1]
    assert [step.family for step in new.steps] == ["C", None, None]
    assert new.steps[2].good == 0.45 and new.steps[0].work == LogNormal(300.0, 0.3)
    setup_s = after.centers[0].setup_s
    assert (setup_s["A", "C"], setup_s["C", "A"], setup_s["B", "C"], setup_s["C", "B"]) == (
        900,
        900,
        900,
        600,
    )


def test_selectors_mean_what_they_say() -> None:
    plant = Plant(
        (WorkCenter("a", 2), WorkCenter("b"),
         WorkCenter("c", failure=Failure(Fixed(1.0), Fixed(1.0), FailureClock.WORKING))),
        (Product("p", (Step("1", "a", Fixed(3.0)), Step("2", "b", Fixed(2.0)), Step("3", "c", Fixed(0.9)))),
         Product("q", (Step("1", "a", Fixed(1.0)),))),
        (Order("x", "p", 3, 50.0), Order("y", "p", 1), Order("z", "q", 9, 10.0)),
    )  # fmt: skip
    # a: (4 * 3 + 9 * 1) / 2 = 10.5; b: 4 * 2 = 8; c: 4 * 0.9 * (1 + 1) = 7.2
    assert c.loads(plant) == pytest.approx({"a": 10.5, "b": 8.0, "c": 7.2})
    assert c.named(plant, "work center", "@second", "x") == {"b"}
    assert c.named(plant, "unit", "@bottleneck", "x") == {"a.1"}
    assert c.named(plant, "work center", "@idlest", "x") == {"c"}
    assert c.named(plant, "product", "@most", "x") == {"q"}
    assert c.named(plant, "product", "@longest", "x") == {"p"}
    assert c.named(plant, "order", "@first", "x") == {"y"}
    assert c.named(plant, "order", "@last", "x") == {"x"}
    with pytest.raises(ModelError, match="'@first': expected a plant with one: operator"):
        c.named(plant, "operator", "@first", "x")


def test_scenarios_compose_and_multiply() -> None:
    lots = each(c.LotSized, product="@all", size=[2, 3])
    rules = each(c.RuleSet, center="mill", rule=[Rule.DUE, Rule.FIFO])
    told = grid(lots, rules)
    assert [s.name for s in told] == [
        "size 2, rule due",
        "size 2, rule fifo",
        "size 3, rule due",
        "size 3, rule fifo",
    ]
    assert told[1].changes == (c.LotSized("@all", 2), c.RuleSet("mill", Rule.FIFO))
    assert applied(shop(), told[1]) == done(told[1].changes[1], done(told[1].changes[0]))
    assert len(each(c.OrderChanged, order="o1", due_s=[1.0, 2.0], priority=[1, 2, 3])) == 6
    with pytest.raises(ModelError, match="scenario a: a second one of this name"):
        unique([Scenario("a"), Scenario("a")])


def test_crews_and_closures_follow_the_units() -> None:
    plant = replace(shop(), crews=(Crew("menders", 1), Crew("x", 1)))
    assert done(c.CrewSized("x", 4), plant).crews == (Crew("menders", 1), Crew("x", 4))
    down = done(c.UnitDown("mill.2", 0.0, 5.0), plant)
    assert down.closures == (Closure("saw.1", 10.0, 20.0), Closure("mill.2", 0.0, 5.0))
    assert done(c.UnitsAdded("mill", -1), down).closures == (Closure("saw.1", 10.0, 20.0),)
