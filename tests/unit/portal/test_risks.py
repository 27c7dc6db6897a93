"""What fails next: parts become instants by the schedule, and nothing is dated that nobody planned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taktwin.portal.models.analyst import RisksModel
from taktwin.portal.risks import AHEAD_MS, Ahead, Told, after, ahead, risk_by, rows, windows

NOW = 1_800_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE


def prediction(**changes: Any) -> dict[str, Any]:
    said = {
        "id": "tool_wear.turn1.insert.diameter", "model": "tool_wear", "version": "v1", "shadow": False,
        "work_unit": "turn1", "subject": "turn1.insert.diameter", "at_ms": NOW, "unit": "{part}",
        "median": 60.0, "low": 30.0, "high": 120.0, "reason": "", "pace_s": 60.0,
        "evidence": [{"code": "tool_wear.age", "text": "300 parts.", "values": {"value": 300.0}}],
        "facts": {"life_parts": 400.0},
        "names": {"tool": "insert", "tool_name": "Insert", "characteristic_name": "Diameter"},
    }  # fmt: skip
    return {**said, **changes}


def tool(name: str, **changes: Any) -> dict[str, Any]:
    said = {"tool": name, "kind": "insert", "name": "Insert", "work_unit": "turn1", "parts": 300,
            "life_parts": 400, "share": 0.75, "worn": False}  # fmt: skip
    return {**said, **changes}


def job(name: str, begin: int, end: int, setup_s: float = 0.0, unit: str = "turn1") -> dict[str, Any]:
    place = {"work_unit": unit, "sequence": 1, "begin_ms": NOW + begin, "end_ms": NOW + end}
    return {"job": name, "setup_s": setup_s, "projected": None, "planned": place}


def schedule(*jobs: dict[str, Any], off: list[tuple[int, int]] | None = None) -> dict[str, Any]:
    spans = [{"from_ms": NOW + a, "to_ms": NOW + b} for a, b in off or []]
    return {"jobs": list(jobs), "work_units": [{"work_unit": "turn1", "off": spans}]}


def maintenance(*tools: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tools": list(tools), "due": [], "orders": [], **more}


def test_parts_become_instants_while_the_machine_has_work() -> None:
    # It works half an hour, stands an hour, works an hour: the 60th part is made 30 min into the second job.
    told = Told(NOW, [prediction()], maintenance(tool("T1")), schedule(
        job("a", 0, 30 * MINUTE), job("b", 90 * MINUTE, 150 * MINUTE)
    ))  # fmt: skip
    [row] = rows(told)
    assert row["instants"] == {"low_ms": NOW + 30 * MINUTE, "median_ms": NOW + 120 * MINUTE, "high_ms": None}
    assert row["scheduled"] and (row["used"], row["parts"], row["life_parts"]) == (0.75, 300, 400)
    gap = next(each for each in row["windows"] if each["why"] == "gap")
    assert (gap["from_ms"], gap["to_ms"]) == (NOW + 30 * MINUTE, NOW + 90 * MINUTE)
    assert gap["risk"] == pytest.approx(0.1)


def test_without_a_schedule_it_works_without_a_stop_and_the_row_says_so() -> None:
    [row] = rows(Told(NOW, [prediction()], maintenance(tool("T1"))))
    assert row["instants"]["high_ms"] == NOW + 120 * MINUTE and not row["scheduled"] and row["windows"] == []


def test_what_is_not_counted_in_work_or_not_known_is_not_dated() -> None:
    silent = prediction(median=None, low=None, high=None, reason="too young", evidence=[], pace_s=None)
    [row] = rows(Told(NOW, [silent], maintenance(tool("T1"))))
    assert row["instants"] is None and row["used"] is None and row["parts"] == 300
    beyond = rows(Told(NOW, [prediction(high=None)], maintenance(tool("T1"))))[0]["instants"]
    assert beyond["high_ms"] is None and beyond["median_ms"] == NOW + HOUR


def test_what_was_made_since_the_prediction_counts_only_while_it_worked() -> None:
    old = prediction(at_ms=NOW - 10 * MINUTE)
    works = rows(Told(NOW, [old], maintenance(), schedule(job("a", -HOUR, 5 * HOUR))))[0]
    assert works["instants"]["low_ms"] == NOW + 20 * MINUTE
    stands = rows(Told(NOW, [old], maintenance(), schedule(job("a", HOUR, 5 * HOUR))))[0]
    assert stands["instants"]["low_ms"] == NOW + HOUR + 30 * MINUTE


def test_what_waits_for_a_decision_is_first_then_what_comes_soonest_then_what_is_used_up_most() -> None:
    late = prediction(id="p.late", work_unit="turn2", low=90.0)
    soon = prediction(id="p.soon", work_unit="turn3", low=10.0)
    plan = {"plan": "grease", "name": "Grease", "work_unit": "hob1", "order": "M3", "share": 0.9, "parts": 9,
            "every_parts": 10, "due_ms": 0}  # fmt: skip
    told = Told(
        NOW, [prediction(low=40.0), late, soon],
        maintenance(tool("T1"), tool("T9", work_unit="hob1", kind="hob", share=0.4), due=[plan]),
        waiting=[{"id": "r4", "work_unit": "turn1", "says": {"code": "c", "text": "t", "values": {}}}],
    )  # fmt: skip
    found = rows(told)
    assert [row["id"] for row in found] == [
        "tool_wear.turn1.insert.diameter", "p.soon", "p.late", "plan.grease.hob1", "tool.T9",
    ]  # fmt: skip
    assert found[0]["advice"] == "r4" and found[3]["order"] == "M3"
    RisksModel.model_validate({"rows": found, "old_after_ms": 1, "away": [], "at_ms": NOW})


def test_a_tool_that_a_model_speaks_about_stands_once_and_says_stock_and_order() -> None:
    open_order = {"order": "M7", "kind": "tool_change", "work_unit": "turn1", "tool_kind": "insert"}
    stock = [tool("T2", work_unit="", parts=0), tool("T3", work_unit="", worn=True)]
    [row] = rows(Told(NOW, [prediction()], maintenance(tool("T1"), *stock, orders=[open_order])))
    assert (row["order"], row["stock"], row["kind"]) == ("M7", 1, "prediction")


def test_a_set_up_is_a_window_and_no_work_and_short_stays_are_none() -> None:
    plan = ahead(schedule(
        job("a", 0, HOUR), job("b", HOUR + 2 * MINUTE, 3 * HOUR, setup_s=1200.0), off=[(4 * HOUR, 6 * HOUR)]
    ), NOW)["turn1"]  # fmt: skip
    none = {"low_ms": None, "median_ms": None, "high_ms": None}
    found = [(w["why"], w["from_ms"] - NOW, w["to_ms"] - NOW) for w in windows(plan, NOW, none)]
    assert found == [
        ("set-up", HOUR + 2 * MINUTE, HOUR + 22 * MINUTE), ("gap", 3 * HOUR, 4 * HOUR),
        ("off", 4 * HOUR, 6 * HOUR), ("gap", 6 * HOUR, AHEAD_MS),
    ]  # fmt: skip
    spans = [(begin, end) for _, begin, end in plan.work]
    assert after(61 * MINUTE, spans, NOW) == NOW + HOUR + 23 * MINUTE


SPANS = st.lists(st.tuples(st.integers(-500, 2000), st.integers(1, 600)), max_size=8)


@given(SPANS, st.lists(st.integers(0, 3000), min_size=3, max_size=3), st.integers(-10, 3000))
def test_the_chance_never_falls_with_time_and_windows_lie_outside_of_work(
    made: list[tuple[int, int]], parts: list[int], at: int
) -> None:
    begin, jobs = -500, []
    for number, (_, long) in enumerate(made):
        jobs.append(job(str(number), begin * MINUTE, (begin + long) * MINUTE))
        begin += long + 7
    plan = ahead(schedule(*jobs), NOW).get("turn1", Ahead())
    spans = [(b, e) for _, b, e in plan.work]
    low, median, high = (after(n * MINUTE, spans, NOW) for n in sorted(parts))
    instants = {"low_ms": low, "median_ms": median, "high_ms": high}
    chances = [risk_by(NOW + n * MINUTE, NOW, instants) for n in (at, at + 1, at + 600)]
    assert chances == sorted(chances) and chances[0] >= 0 and chances[-1] <= 0.9
    for window in windows(plan, NOW, instants):
        assert all(e <= window["from_ms"] or b >= window["to_ms"] for b, e in spans)
