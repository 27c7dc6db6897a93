"""What each kind of change makes of a plant: before and after by hand, and not a figure more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any, get_args

import pytest

from taktwin.simulation import changes as c
from taktwin.simulation.distributions import Distribution, Exponential, Fixed, LogNormal
from taktwin.simulation.model import (
    Calendar,
    Closure,
    Crew,
    Delivery,
    Failure,
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
from taktwin.simulation.scenario import Scenario, applied

H = 3600.0
DAY, NIGHT = Calendar("day", 24 * H, ((0.0, 8 * H),)), Calendar("night", 24 * H, ((20 * H, 24 * H),))
O1 = Order("o1", "p", 2, 100.0, 500.0, 1)
O2 = Order("o2", "p", 3, 200.0)
O3 = Order("o3", "q", 4, 300.0, 900.0)
CUT = Step("cut", "a", Fixed(10.0), "A", "run", 5.0, 0.8, tool="drill")
JOIN = Step("join", "b", Fixed(4.0), good=0.5, rework_to="cut", rework_max=2, materials={"bar": 1})
P = Product("p", (CUT, JOIN), Exponential(28_800.0))  # three a day, beside five in orders
CLOSED = Closure("a.2", 10.0, 20.0)
CEM, BOB = Operator("cem", frozenset({"run"})), Operator("bob", frozenset({"run", "fix"}))
FAST = Machine(4.0)
PLANT = Plant(
    (
        WorkCenter("a", 2, 3, Rule.FIFO, "day", Failure(Exponential(900.0), Fixed(100.0)), 2.0,
                   {("A", "B"): 40.0, ("B", "A"): 60.0}, tools=(Tool("drill", 40, Fixed(30.0)),),
                   machines={2: FAST}),
        WorkCenter("b"),
    ),
    (P, Product("q", (Step("cut", "a", Fixed(20.0), "B", "run"),))),
    (O1, O2, O3), (Operator("ann", frozenset({"run"})), BOB, CEM), (Crew("menders", 1),), (DAY,),
    (Material("bar", 5),), (Delivery("bar", 10, 600.0), Delivery("bar", 20, 900.0)), (CLOSED,),
)  # fmt: skip


def differences(old: Any, new: Any, place: str = "") -> dict[str, tuple[Any, Any]]:
    """Return what differs as place -> (before, after); things with a name are held to those of that name.

    Where the names or their sequence differ, that is a difference too, as are the things that came or went.
    """
    if old == new:
        return {}
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = {f"{place}[{key}]": (old.get(key), new.get(key)) for key in {**old, **new}}
    elif _is_part(old) and _is_part(new):
        dot = f"{place}." if place else ""
        pairs = {dot + each.name: (getattr(old, each.name), getattr(new, each.name)) for each in fields(old)}
    elif _are_parts(old) and _are_parts(new) and hasattr((old + new)[0], "name"):
        mine, other = ({each.name: each for each in some} for some in (old, new))
        found = {place: (tuple(mine), tuple(other))} if tuple(mine) != tuple(other) else {}
        for name in {**mine, **other}:
            found |= differences(mine.get(name), other.get(name), f"{place}.{name}")
        return found
    elif _are_parts(old) and _are_parts(new) and len(old) == len(new):
        pairs = {f"{place}[{n}]": pair for n, pair in enumerate(zip(old, new, strict=True))}
    else:
        return {place: (old, new)}
    return {k: v for at, (mine, other) in pairs.items() for k, v in differences(mine, other, at).items()}


def _is_part(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, get_args(Distribution))


def _are_parts(value: object) -> bool:
    return isinstance(value, tuple) and all(_is_part(each) for each in value)


def came(where: str, names: tuple[str, ...], *things: Any) -> dict[str, tuple[Any, Any]]:
    """Return the difference that things make that come after those that were there."""
    all_of = (*names, *(each.name for each in things))
    return {where: (names, all_of)} | {f"{where}.{each.name}": (None, each) for each in things}


def left(where: str, names: tuple[str, ...], *things: Any) -> dict[str, tuple[Any, Any]]:
    """Return the difference that things make that are gone."""
    rest = tuple(each for each in names if each not in {thing.name for thing in things})
    return {where: (names, rest)} | {f"{where}.{each.name}": (each, None) for each in things}


def recalled(name: str, period_s: float, *on_s: tuple[float, float]) -> dict[str, tuple[Any, Any]]:
    """Return the difference that another calendar of `a` makes, a new one."""
    return {"centers.a.calendar": ("day", name)} | came("calendars", ("day",), Calendar(name, period_s, on_s))


ORDERS, PEOPLE, PRODUCTS, CENTERS = ("o1", "o2", "o3"), ("ann", "bob", "cem"), ("p", "q"), ("a", "b")
VARIANT = replace(P, name="p2", arrivals=None)
ROWS: tuple[tuple[c.Change, dict[str, tuple[Any, Any]]], ...] = (
    (c.UnitDown("b.1", 5.0, 15.0), {"closures": ((CLOSED,), (CLOSED, Closure("b.1", 5.0, 15.0)))}),
    (c.CenterDown("a", 5.0, 15.0),
     {"closures": ((CLOSED,), (CLOSED, Closure("a.1", 5.0, 15.0), Closure("a.2", 5.0, 15.0)))}),
    (c.CalendarSet("b", NIGHT), {"centers.b.calendar": (None, "night")} | came("calendars", ("day",), NIGHT)),
    (c.ShiftAdded("a", 10 * H, 12 * H), recalled("day + 10-12 h", 24 * H, (0.0, 8 * H), (10 * H, 12 * H))),
    (c.ShiftAdded("a", 10 * H, 12 * H, 48 * H),
     recalled("day + 10-12 h", 48 * H, (0.0, 8 * H), (10 * H, 12 * H), (24 * H, 32 * H))),
    (c.ShiftCut("a", 2 * H, 3 * H), recalled("day - 2-3 h", 24 * H, (0.0, 2 * H), (3 * H, 8 * H))),
    (c.ShiftCut("a", 2 * H, 3 * H, 48 * H),
     recalled("day - 2-3 h", 48 * H, (0.0, 2 * H), (3 * H, 8 * H), (24 * H, 32 * H))),
    (c.ShiftStretched("a", 0.5 * H), recalled("day by +0.5 h", 24 * H, (0.0, 8.5 * H))),
    (c.ShiftStretched("a", -0.5 * H), recalled("day by -0.5 h", 24 * H, (0.0, 7.5 * H))),
    (c.OrderAdded(Order("rush", "q", 9, 10.0, 20.0, 5)),
     came("orders", ORDERS, Order("rush", "q", 9, 10.0, 20.0, 5))),
    # From 100 s on each 50 s, due 30 s after the release.
    (c.OrderSeries("d", "q", 2, 5, 100.0, 50.0, 30.0, 7),
     came("orders", ORDERS, Order("d.1", "q", 5, 100.0, 130.0, 7), Order("d.2", "q", 5, 150.0, 180.0, 7))),
    (c.OrderRemoved("o2"), left("orders", ORDERS, O2)),
    (c.OrderChanged("o1", due_s=700.0), {"orders.o1.due_s": (500.0, 700.0)}),
    (c.OrderChanged("o1", 700.0, 5, 9, 50.0),
     {"orders.o1.due_s": (500.0, 700.0), "orders.o1.quantity": (2, 5), "orders.o1.priority": (1, 9),
      "orders.o1.release_s": (100.0, 50.0)}),
    (c.ReleaseShifted("p", 150.0),
     {"orders.o1.release_s": (100.0, 250.0), "orders.o2.release_s": (200.0, 350.0)}),
    (c.ReleaseShifted("p", -150.0),
     {"orders.o1.release_s": (100.0, 0.0), "orders.o2.release_s": (200.0, 50.0)}),
    (c.DueShifted("p", 60.0), {"orders.o1.due_s": (500.0, 560.0)}),
    (c.DueShifted("p", -60.0), {"orders.o1.due_s": (500.0, 440.0)}),
    (c.LotSized("q", 3),
     {"orders": (ORDERS, ("o1", "o2", "o3#1/2", "o3#2/2")), "orders.o3": (O3, None),
      "orders.o3#1/2": (None, replace(O3, name="o3#1/2", quantity=3)),
      "orders.o3#2/2": (None, replace(O3, name="o3#2/2", quantity=1))}),
    (c.DemandScaled("p", 2.0),
     {"orders": (ORDERS, ("o1", "o1+1", "o2", "o2+1", "o3")),
      "orders.o1+1": (None, replace(O1, name="o1+1")), "orders.o2+1": (None, replace(O2, name="o2+1")),
      "products.p.arrivals": (Exponential(28_800.0), Exponential(14_400.0))}),
    (c.DemandScaled("p", 0.5),
     left("orders", ORDERS, O1) | {"products.p.arrivals": (Exponential(28_800.0), Exponential(57_600.0))}),
    # 8 of p and 4 of q a day become 4 and 8: half as many, and twice as many.
    (c.DemandMix({"p": 1.0, "q": 2.0}),
     {"orders": (ORDERS, ("o2", "o3", "o3+1")), "orders.o1": (O1, None),
      "orders.o3+1": (None, replace(O3, name="o3+1")),
      "products.p.arrivals": (Exponential(28_800.0), Exponential(57_600.0))}),
    # Of two orders the second, and of three parts a day that come by themselves a half.
    (c.DemandMoved("p", "q", 0.5),
     {"orders.o2.product": ("p", "q"), "products.p.arrivals": (Exponential(28_800.0), Exponential(57_600.0)),
      "products.q.arrivals": (None, Exponential(57_600.0))}),
    (c.OperatorsAdded(frozenset({"fix"}), 2, "temp"),
     came("operators", PEOPLE, *(Operator(f"temp.{n}", frozenset({"fix"})) for n in (1, 2)))),
    (c.OperatorAbsent("bob"), left("operators", PEOPLE, BOB)),
    (c.PeopleAbsent(0.34), left("operators", PEOPLE, CEM)),
    (c.PeopleAbsent(0.6), left("operators", PEOPLE, BOB, CEM)),  # 1.8 of three are two
    (c.PeopleAbsent(1.0, "fix"), left("operators", PEOPLE, BOB)),
    (c.SkillLearned("ann", "fix"),
     {"operators.ann.skills": (frozenset({"run"}), frozenset({"run", "fix"}))}),
    (c.CrewSized("menders", 3), {"crews.menders.people": (1, 3)}),
    (c.RuleSet("a", Rule.DUE), {"centers.a.rule": (Rule.FIFO, Rule.DUE)}),
    (c.PaceScaled("a", 1.5), {"centers.a.pace": (2.0, 3.0), "centers.a.machines[2].pace": (4.0, 6.0)}),
    (c.QueueSized("a", 7), {"centers.a.queue_max": (3, 7)}),
    (c.QueueSized("a", None), {"centers.a.queue_max": (3, None)}),
    (c.SetupScaled("a", 0.5),
     {"centers.a.setup_s[('A', 'B')]": (40.0, 20.0), "centers.a.setup_s[('B', 'A')]": (60.0, 30.0)}),
    (c.FailureScaled("a", 2.0, 3.0),
     {"centers.a.failure.time_to": (Exponential(900.0), Exponential(1800.0)),
      "centers.a.failure.repair": (Fixed(100.0), Fixed(300.0))}),
    (c.ToolsScaled("a", 0.5, 3.0),
     {"centers.a.tools.drill.life_parts": (40, 20),
      "centers.a.tools.drill.change": (Fixed(30.0), Fixed(90.0))}),
    # Up for three quarters: 300 s to each repair of 100, 180 to each of 60.
    (c.UptimeSet("a", 0.75), {"centers.a.failure.time_to": (Exponential(900.0), Exponential(300.0))}),
    (c.UptimeSet("b", 0.75, 60.0),
     {"centers.b.failure": (None, Failure(Exponential(180.0), LogNormal(60.0, 1.0)))}),
    (c.UnitsAdded("a", 1), {"centers.a.units": (2, 3)}),
    (c.UnitsAdded("a", -1),
     {"centers.a.units": (2, 1), "centers.a.machines[2]": (FAST, None), "closures": ((CLOSED,), ())}),
    (c.CenterAdded(WorkCenter("new", 3)), came("centers", CENTERS, WorkCenter("new", 3))),
    (c.ProductAdded(Product("r", (CUT,))), came("products", PRODUCTS, Product("r", (CUT,)))),
    (c.VariantAdded("p2", "p", 1.5, 0.5),
     came("products", PRODUCTS, replace(VARIANT, steps=(
         replace(CUT, work=Fixed(15.0), good=0.4), replace(JOIN, work=Fixed(6.0), good=0.25))))),
    # To and from B it takes as long as A does, to and from A as long as anything.
    (c.VariantAdded("p2", "p", family="C"),
     came("products", PRODUCTS, replace(VARIANT, steps=(replace(CUT, family="C"), JOIN)))
     | {f"centers.a.setup_s[('{before}', '{after}')]": (None, takes_s) for before, after, takes_s in (
         ("C", "B", 40.0), ("B", "C", 60.0), ("A", "C", 60.0), ("C", "A", 60.0))}),
    (c.YieldSet("p", "join", 0.9), {"products.p.steps.join.good": (0.5, 0.9)}),
    (c.YieldScaled("p", "cut", 0.5), {"products.p.steps.cut.good": (0.8, 0.4)}),
    (c.YieldScaled("p", "cut", 2.0), {"products.p.steps.cut.good": (0.8, 1.0)}),
    (c.ReworkSet("p", "join", "join", 4),
     {"products.p.steps.join.rework_to": ("cut", "join"), "products.p.steps.join.rework_max": (2, 4)}),
    (c.ReworkSet("p", "join", None),
     {"products.p.steps.join.rework_to": ("cut", None), "products.p.steps.join.rework_max": (2, None)}),
    (c.WorkScaled("p", "cut", 1.5), {"products.p.steps.cut.work": (Fixed(10.0), Fixed(15.0))}),
    (c.WorkSpread("p", "cut", 0.3), {"products.p.steps.cut.work": (Fixed(10.0), LogNormal(10.0, 0.3))}),
    (c.StepMoved("p", "cut", "b"),
     {"products.p.steps.cut.center": ("a", "b"), "products.p.steps.cut.tool": ("drill", None)}),
    (c.AlternativeAdded("p", "cut", "b"), {"products.p.steps.cut.alternatives": ((), ("b",))}),
    (c.MoveSet("p", "cut", 9.0), {"products.p.steps.cut.move_s": (5.0, 9.0)}),
    (c.MoveScaled("p", "cut", 3.0), {"products.p.steps.cut.move_s": (5.0, 15.0)}),
    (c.DeliveryShifted("bar", 60.0),
     {"deliveries[0].at_s": (600.0, 660.0), "deliveries[1].at_s": (900.0, 960.0)}),
    (c.DeliveryShifted("bar", -700.0),
     {"deliveries[0].at_s": (600.0, 0.0), "deliveries[1].at_s": (900.0, 200.0)}),
    (c.DeliveryScaled("bar", 0.35), {"deliveries[0].quantity": (10, 3), "deliveries[1].quantity": (20, 7)}),
    (c.DeliveryScaled("bar", 0.09), {"deliveries": (PLANT.deliveries, (Delivery("bar", 1, 900.0),))}),
    (c.StockSet("bar", 2), {"materials.bar.stock": (5, 2)}),
)  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), ROWS, ids=[c.kind_of(type(each)) for each, _ in ROWS])
def test_a_change_makes_of_each_figure_what_a_pencil_makes_of_it(
    change: c.Change, expected: dict[str, tuple[Any, Any]]
) -> None:
    assert differences(PLANT, applied(PLANT, Scenario("s", (change,)))) == expected


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


@pytest.mark.parametrize("kind", c.CHANGES, ids=[c.kind_of(each) for each in c.CHANGES])
def test_each_kind_has_a_row_in_which_each_of_its_words_is_said(kind: type[c.Change]) -> None:
    mine = [change for change, _ in ROWS if type(change) is kind]
    silent = [
        field.name
        for field in fields(kind)
        if not any(getattr(change, field.name) != _default(field) for change in mine)
    ]
    assert mine and not silent, f"say by hand what {silent or 'it'} makes"


BOTH = c.AlternativeAdded("p", "cut", "b"), c.AlternativeAdded("p", "cut", "aa")


def cut(*changes: c.Change) -> tuple[str, tuple[str, ...]]:
    """Return where P is cut after some changes, and what may do it instead, in a plant with a center `aa`."""
    plant = applied(PLANT, Scenario("s", (c.CenterAdded(WorkCenter("aa")), *changes)))
    step = plant.products[0].steps[0]
    return step.center, step.alternatives


def test_an_alternative_comes_behind_those_that_were_there() -> None:
    assert cut(*BOTH) == ("a", ("b", "aa"))
    assert cut(*reversed(BOTH)) == ("a", ("aa", "b"))


def test_a_step_that_is_moved_has_no_alternatives_left() -> None:
    assert cut(*BOTH, c.StepMoved("p", "cut", "b")) == ("b", ())


def test_whatever_differs_is_seen_and_what_is_alike_is_not() -> None:
    assert differences(PLANT, PLANT) == {} == differences(PLANT, replace(PLANT))
    other = replace(PLANT, orders=(O2, O1, O3), closures=(replace(CLOSED, to_s=21.0),), tick_s=0.01)
    assert differences(PLANT, other) == {
        "orders": (ORDERS, ("o2", "o1", "o3")), "closures[0].to_s": (20.0, 21.0), "tick_s": (0.001, 0.01),
    }  # fmt: skip


@pytest.mark.parametrize("change, words", [
    (c.LotSized("p", 1), "size, 1: 19,998 jobs more"),
    (c.DemandScaled("p", 100.0), "times, 100 times p: 19,800 jobs more"),
    (c.DemandMix({"p": 1.0, "q": 0.001}), "shares"),
])  # fmt: skip
def test_a_change_that_would_bring_too_many_jobs_is_refused_before_one_is_made(
    change: c.Change, words: str
) -> None:
    small = tuple(Order(f"s{n}", "p", 1) for n in range(200))
    orders = {
        c.LotSized: (Order("large", "p", 10_000), Order("other", "p", 10_000)), c.DemandScaled: small,
        c.DemandMix: (*small, Order("large", "q", 1_000_000)),
    }[type(change)]  # fmt: skip
    plant = replace(PLANT, products=(replace(P, arrivals=None), *PLANT.products[1:]), orders=orders)
    with pytest.raises(c.Unfit, match="expected at most 16,000 more in a scenario") as refused:
        change.on(plant)
    [finding] = refused.value.findings
    assert f"{finding.place}, {finding.found}".startswith(words)


def test_changes_of_single_orders_see_those_before_them_in_one_walk_as_one_by_one() -> None:
    told = (
        c.OrderAdded(Order("o4", "@most", 9)), c.OrderChanged("@largest", priority=5), c.OrderRemoved("o4"),
        c.OrderAdded(Order("o4", "q", 1)), c.OrderAdded(Order("o4", "q", 1)),
        c.OrderChanged("@all", due_s=7.0),
    )  # fmt: skip
    one_by_one = PLANT
    for change in told:
        one_by_one = change.on(one_by_one)
    assert applied(PLANT, Scenario("s", told)) == one_by_one
    assert [each.name for each in one_by_one.orders] == ["o1", "o2", "o3", "o4", "o4 (2)"]


def test_the_work_of_a_step_is_shared_by_what_each_can_do_of_those_that_may_do_it() -> None:
    # 10 parts of 8 s at three units or at one: a quarter of the 80 s for each unit.
    step = Step("cut", "a", Fixed(8.0), alternatives=("b",))
    plant = Plant((WorkCenter("a", 3), WorkCenter("b")), (Product("p", (step,)),), (Order("o", "p", 10),))
    assert c.loads(plant) == {"a": 20.0, "b": 20.0}


@pytest.mark.parametrize(
    ("good", "back", "loads"),
    [(1.0, "join", [15.0, 10.0]), (0.5, "join", [15.0, 20.0]), (0.0, "cut", [15e6, 10e6])],
    ids=["once", "twice", "for ever"],
)
def test_the_work_of_a_step_is_as_often_as_parts_come_to_it(
    good: float, back: str, loads: list[float]
) -> None:
    # Where nothing ever leaves that is a million times, so that the loads can still be held to each other.
    steps = (Step("cut", "a", Fixed(15.0)), Step("join", "b", Fixed(10.0), good=good, rework_to=back))
    plant = Plant((WorkCenter("b"), WorkCenter("a")), (Product("p", steps),), (Order("o", "p"),))
    assert [c.loads(plant)[name] for name in "ab"] == pytest.approx(loads)
