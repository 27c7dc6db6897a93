"""What is proposed is better beyond chance, beyond not knowing the tool, and hurts nobody; else nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from taktwin.analyst import proving
from taktwin.analyst.proposal import NOTHING, Course, Trial
from taktwin.contracts.recommendation import Action, Cost, Evidence, Forecast, Range, Watch, Words
from taktwin.contracts.whatif import Comparison, Effect, Indicator, Spread

WAYS = 4


def words(text: str = "x") -> Words:
    return Words(code="test", text=text)


def spread(mean: float, half: float) -> Spread:
    return Spread(mean=mean, half_width=half, p10=mean - half, p25=mean, p50=mean, p75=mean, p90=mean + half,
                  dots=[mean + half * (n - 9.5) / 19 for n in range(20)])  # fmt: skip


def trial(**costs: float) -> Trial:
    """Return doing nothing and two courses, each with what it costs beside the twin's count."""
    act = Action(command="maintenance.request", data={}, says=words())
    courses = tuple(
        Course(
            name, words(), 1, ((),) * WAYS, (costs.get(name, 0.0),) * WAYS, None if name == NOTHING else act
        )
        for name in (NOTHING, "now", "later")
    )
    return Trial(
        courses=courses, horizon_s=3600.0, weights={"scrap": 10.0}, unit="EUR", least_gain=5.0,
        forecast=Forecast(says=words(), indicator="d", in_s=Range(mean=1, p10=1, p90=1)),
        evidence=(Evidence(says=words(), kind="tool", reference="T1", from_ns=1),), against=(),
        headline=dict.fromkeys(("now", "later"), words()), roll_back=words(),
        watches=(Watch(event_type="tool.mounted"),), expires_ns=dict.fromkeys(("now", "later"), 1),
        waiting=Cost(), ahead_s=1.0,
        currency="EUR",
    )  # fmt: skip


def answer(
    now: list[float], later: list[float], *, half: float = 0.2, parts: float = 0.0, late: float = 0.0
) -> Comparison:
    """Return the twin's answer: scrap less than with nothing in each way; what guards lose by `now`."""

    def indicator(name: str, more: bool, of: dict[str, list[float]], half: float) -> Indicator:
        effects = [
            Effect(
                scenario=f"{course}/{way}", outcome=spread(20 + mean, half), difference=spread(mean, half),
                better=float(mean != 0 and (mean > 0) == more), same=float(mean == 0),
                worse=float(mean != 0 and (mean > 0) != more), best=0.0, replications=12,
            )
            for course, means in of.items() for way, mean in enumerate(means)
        ]  # fmt: skip
        return Indicator(name=name, unit="parts", more_is_better=more, base=spread(20, half), effects=effects)

    none = [0.0] * WAYS
    guard = {NOTHING: none, "later": none}
    return Comparison(state="ready", indicators=[
        indicator("scrap", False, {NOTHING: none, "now": now, "later": later}, half),
        indicator("parts_done", True, {**guard, "now": [-parts] * WAYS}, 0.1),
        indicator("late_orders", False, {**guard, "now": [late] * WAYS}, 0.1),
    ])  # fmt: skip


def test_the_best_of_what_is_better_beyond_chance_is_chosen() -> None:
    found = proving.verdict(trial(), answer([-5.0, -6, -5, -6], [-3.0, -3, -4, -3]))
    assert found.chosen is not None and found.chosen.name == "now"
    [nothing, now, later] = found.alternatives
    assert nothing.effects == [] and (now.significant, later.significant) == (True, True)
    assert now.replications == WAYS * 12
    assert now.effects[0].difference.mean == pytest.approx(-55.0)


@pytest.mark.parametrize(
    ("changes", "costs", "why"),
    [
        ({"half": 12.0}, {}, "chance within the runs"),
        ({"now": [-40.0, 2.0, 2.0, 2.0]}, {}, "one way of four: not known beyond the tool"),
        ({"now": [-0.3] * 4}, {}, "not worth anybody's attention"),
        ({}, {"now": 60.0}, "it costs more than it gains"),
        ({"parts": 3.0}, {}, "fewer parts leave the plant"),
        ({"late": 1.0}, {}, "orders come late"),
    ],
)
def test_nothing_is_proposed_where_it_is_not_better_beyond_doubt(
    changes: dict[str, object], costs: dict[str, float], why: str
) -> None:
    told = {"now": [-5.0, -6, -5, -6], "later": [0.0] * WAYS, **changes}
    found = proving.verdict(trial(**costs), answer(**told))  # type: ignore[arg-type]
    assert found.chosen is None and "nothing is better beyond chance" in found.why, why


def test_doing_nothing_costs_the_minutes_that_the_unit_stands_for_it_anyway() -> None:
    def stands(*spans_s: tuple[float, float]) -> tuple[dict[str, object], ...]:
        return tuple({"change": "unit_down", "unit": "turn1", "from_s": a, "to_s": b} for a, b in spans_s)

    of, other = trial(), {"change": "unit_down", "unit": "turn2", "from_s": 0.0, "to_s": 6000.0}
    ways = (stands((0, 300)), stands((0, 300), (900, 1500)), stands((600, 900)), (*stands((0, 900)), other))
    nothing = replace(of.courses[0], changes=ways)
    found = replace(of, courses=(nothing, *of.courses[1:])).stands_min("turn1")
    assert found is not None and found.mean == pytest.approx((5 + 15 + 5 + 15) / 4)
    assert (found.p10, found.p90) == (pytest.approx(5), pytest.approx(15))
    assert of.stands_min("turn1") is None


def test_each_course_is_asked_about_in_each_way_beside_nothing_in_the_same_way() -> None:
    asked = proving.question(trial(), deadline_s=5.0)
    assert {(each.name, each.against) for each in asked.scenarios if each.name.endswith("/2")} == {
        ("nothing/2", ""), ("now/2", "nothing/2"), ("later/2", "nothing/2"),
    }  # fmt: skip
    assert all(each.changes for each in asked.scenarios) and len(asked.scenarios) == 3 * WAYS


def test_not_knowing_the_tool_widens_the_interval() -> None:
    alike = proving.verdict(trial(), answer([-5.0] * 4, [0.0] * 4)).alternatives[1].effects[0].difference
    apart = (
        proving.verdict(trial(), answer([-9.0, -1, -9, -1], [0.0] * 4)).alternatives[1].effects[0].difference
    )
    assert apart.mean == alike.mean and apart.half_width > 10 * alike.half_width


def test_who_looks_for_the_most_lucky_of_several_must_be_surer() -> None:
    told = answer([-1.0] * WAYS, [-1.0] * WAYS, half=1.9)
    two = trial()
    one = replace(two, courses=two.courses[:2])
    alone, beside = (proving.verdict(each, told) for each in (one, two))
    # Each gains 10; four ways of +-19 each halve it: +-9.5 for one in twenty, +-10.9 for one in forty.
    assert alone.alternatives[1].effects[0].difference.half_width == pytest.approx(9.5)
    assert alone.chosen is not None and alone.chosen.name == "now"
    assert beside.chosen is None and "gains 10 ± 10.9" in beside.why, beside.why


def seen(told: Comparison, name: str, course: str, **changes: object) -> Comparison:
    """Return an answer in which a figure of a course is otherwise in each way; `dots`: of its difference."""
    dots = changes.pop("dots", None)
    found = []
    for indicator in told.indicators:
        effects = []
        for each in indicator.effects:
            if (indicator.name, each.scenario[:-2]) == (name, course):
                more = {} if dots is None else {"dots": dots}
                difference = msgspec.structs.replace(each.difference, **more)
                each = msgspec.structs.replace(each, difference=difference, **changes)
            effects.append(each)
        found.append(msgspec.structs.replace(indicator, effects=effects))
    return msgspec.structs.replace(told, indicators=found)


@pytest.mark.parametrize(
    ("dots", "better"),
    [([-10.0] * 15 + [10.0] * 5, 0.75), ([-10.0] * 14 + [20 / 3] * 6, 0.7)],  # the mean of both is -5
)
def test_what_is_worse_in_more_than_a_quarter_of_the_likely_outcomes_is_not_proposed(
    dots: list[float], better: float
) -> None:
    told = seen(answer([-5.0] * WAYS, [0.0] * WAYS), "scrap", "now", dots=dots)
    found = proving.verdict(trial(), told)
    loss = found.alternatives[1].effects[0]
    assert (loss.difference.mean, loss.better) == (pytest.approx(-50.0), pytest.approx(better))
    assert (found.chosen is not None) == (better >= 0.75)


def test_what_doing_nothing_costs_is_gained_by_not_doing_it() -> None:
    # A change now costs 20 in the mean, that at the end of its life 8; less scrap saves 55.
    of = trial(nothing=8.0)
    now = replace(of.courses[1], costs=(0.0, 20.0, 40.0, 20.0))
    of = replace(of, courses=(of.courses[0], now, of.courses[2]))
    loss = proving.verdict(of, answer([-5.0, -6, -5, -6], [0.0] * WAYS)).alternatives[1].effects[0]
    assert (loss.nothing.mean, loss.action.mean) == (pytest.approx(208.0), pytest.approx(165.0))
    assert loss.difference.mean == pytest.approx(165.0 - 208.0)
    # The way that costs least has it 58 better, the dearest 18 better.
    assert min(loss.difference.dots) == pytest.approx(-58.0, abs=1.1)
    assert max(loss.difference.dots) == pytest.approx(-18.0, abs=1.1)


@pytest.mark.parametrize(("better", "worse"), [(0.5, 0.3), (0.4, 0.4), (0.3, 0.5)])
def test_a_guard_is_hurt_where_more_runs_are_worse_than_better(better: float, worse: float) -> None:
    told = answer([-5.0, -6, -5, -6], [0.0] * WAYS, late=1.0)  # in the mean one more order is late
    told = seen(told, "late_orders", "now", better=better, worse=worse, same=1 - better - worse)
    found = proving.verdict(trial(), told)
    assert (found.chosen is None) == (worse > better)
    assert ("hurts late_orders" in found.why) == (worse > better)


def _courses(**changed: Any) -> tuple[Course, ...]:
    """Return the three courses with one of them changed: `now`, `later` or `nothing`."""
    ((name, changes),) = changed.items()
    return tuple(replace(each, **changes) if each.name == name else each for each in trial().courses)


WRONG_TRIALS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to try": ({"courses": ()}, "first, without an action"),
    "doing nothing is not first": ({"courses": trial().courses[1:]}, "first, without an action"),
    "doing nothing asks for something": (
        {"courses": _courses(nothing={"action": trial().courses[1].action})}, "first, without an action",
    ),
    "a name twice": ({"courses": _courses(later={"name": "now"})}, "each name once"),
    "more ways than others": (
        {"courses": _courses(now={"changes": ((),) * 5, "costs": (0.0,) * 5})}, "equally many",
    ),
    "other costs than ways": ({"courses": _courses(now={"costs": (0.0,) * 3})}, "equally many"),
    "one way": (
        {"courses": tuple(replace(each, changes=((),), costs=(0.0,)) for each in trial().courses)},
        "at least 2",
    ),
    "no headline": ({"headline": {"now": words()}}, "headline ['now']: expected one of the course 'later'"),
    "no end": ({"expires_ns": {"later": 1}}, "expires_ns ['later']: expected one of the course 'now'"),
    "no evidence": ({"evidence": ()}, "evidence or watches"),
    "rests on nothing": ({"watches": ()}, "evidence or watches"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_TRIALS)
def test_what_does_not_fit_together_is_refused_with_what_would_be_right(name: str) -> None:
    changes, why = WRONG_TRIALS[name]
    with pytest.raises(ValueError, match=re.escape(why)):
        replace(trial(), **changes)
