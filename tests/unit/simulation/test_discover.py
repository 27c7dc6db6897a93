"""What a log was made from is found in it, and the waits are told apart as by hand."""

from __future__ import annotations

import json

import pytest

from taktwin.entropy import Entropy
from taktwin.simulation.discover import (
    BUSY,
    FREE,
    HOUR_S,
    MONDAY_S,
    OFF,
    UNKNOWN,
    discover,
    in_progress,
    weekly,
)
from taktwin.simulation.distributions import LogNormal
from taktwin.simulation.eventlog import Log, Row

WEEK_H = 168.0


def row(
    case: str, activity: str, start_h: float, end_h: float, machine: str | None, worker: str | None = None
) -> Row:
    """Return a report; hours since a Monday."""
    return Row(
        1, case, activity, MONDAY_S + start_h * HOUR_S, MONDAY_S + end_h * HOUR_S, worker, machine, 10.0
    )


def made_log() -> Log:
    """Return 60 orders over 12 weeks: ann turns in the morning, bob mills, each third one twice."""
    numbers = iter(Entropy(5).generator("log").random(500).tolist())
    rows = []
    for n in range(60):
        day = (n % 5) * 24 + (n // 5) * WEEK_H
        turned = 6 + 2 * next(numbers)
        rows.append(row(f"o{n}", "turn", day + 6, day + turned, "lathe", "ann"))
        rows.append(row(f"o{n}", "mill", day + 10, day + 12, "mill", "bob"))
        if n % 3 == 0:
            rows.append(row(f"o{n}", "check", day + 12, day + 12.5, None, "ann"))
            rows.append(row(f"o{n}", "mill", day + 13, day + 14, "mill", "bob"))
    return Log(tuple(rows))


def found_in(log: Log):  # type: ignore[no-untyped-def]
    return discover("made", log, Entropy(1).generator("goodness").random, replications=0)


def test_the_model_of_a_log_is_what_the_log_was_made_from() -> None:
    found = found_in(made_log())
    assert found.variants == ((("turn", "mill"), 40), (("turn", "mill", "check", "mill"), 20))
    assert (found.transitions[None, "turn"].good, found.transitions[None, "turn"].n) == (60, 60)
    assert found.transitions["mill", "check"].good == 20 and found.transitions["mill", None].n == 80
    assert (found.returns["mill"].good, found.returns["mill"].n) == (20, 60)
    assert found.skills == {"ann": ("check", "turn"), "bob": ("mill",)}
    hours = [(a / HOUR_S % 24, b / HOUR_S % 24) for a, b in found.machine_hours["lathe"].on_s]
    assert hours == [(6, 8)] * 5
    turning = found.parameters.fits["work/turn/lathe"]
    assert turning.distribution.mean_s == pytest.approx(HOUR_S, rel=0.25)
    assert (turning.n, turning.level, turning.pooled) == (60, "turn on lathe", False)
    checking = found.parameters.fits["work/check"]
    assert checking.distribution.mean_s == 1800.0 and checking.n == 20
    assert found.parameters.fits["arrivals"].n == 59
    claims = " / ".join(each.claim for each in found.evidence)
    assert "200 operations of 60 orders" not in claims and "160 operations of 60 orders" in claims
    json.dumps(found.as_json(), allow_nan=False)


def test_an_activity_seen_rarely_is_pooled_and_says_so() -> None:
    log = made_log()
    found = found_in(Log((*log.rows, row("o0", "polish", 900, 901, "belt"))))
    rare = found.parameters.fits["work/polish/belt"]
    assert (rare.pooled, rare.level, rare.n_own) == (True, "all activities", 1)


def test_waits_are_told_apart_by_what_the_machine_did() -> None:
    # Mondays to Thursdays of four weeks the mill works 8 to 16; `late` waits from 7 to 30 h.
    rows = [
        row(f"f{week}{day}", "mill", week * WEEK_H + day * 24 + 8, week * WEEK_H + day * 24 + 16, "mill")
        for week in range(4)
        for day in range(4)
        if (week, day) != (0, 1)
    ]
    rows += [row("late", "turn", 6, 7, "lathe"), row("late", "mill", 34, 35, "mill")]
    rows += [row("hand", "turn", 0, 1, "lathe"), row("hand", "file", 4, 5, None)]
    waits = found_in(Log(tuple(rows))).waits
    # From 7 to 34: Monday 8 to 16 busy with another, then off till Tuesday 8, then 2 h free.
    assert waits == pytest.approx({BUSY: 8.0, OFF: 17.0, FREE: 2.0, UNKNOWN: 3.0})


def test_hours_are_those_of_a_quarter_of_the_weeks() -> None:
    rows = [row("a", "x", week * WEEK_H + 8, week * WEEK_H + 9.5, "m") for week in range(8)]
    rows.append(row("b", "x", 100, 101, "m"))  # once in eight weeks: overtime, not a working hour
    calendar = weekly("m", rows, rows[0].start_s, rows[7].end_s)
    assert calendar.on_s == ((8 * HOUR_S, 10 * HOUR_S),)
    (rare,) = weekly("m", [rows[-1]], rows[0].start_s, rows[7].end_s).on_s
    assert rare == (100 * HOUR_S, 101 * HOUR_S)
    rows.append(row("c", "x", 268, 269, "m"))  # twice, which is a quarter
    hours = weekly("m", rows, rows[0].start_s, rows[7].end_s).on_s
    assert hours == ((8 * HOUR_S, 10 * HOUR_S), (100 * HOUR_S, 101 * HOUR_S))


def test_what_was_under_way_at_an_instant() -> None:
    orders = found_in(made_log()).orders
    under = in_progress(orders, MONDAY_S + 11 * HOUR_S)
    assert {case: each.activity for case, each in under.items() if each} == {"o0": "mill"}
    assert in_progress(orders, MONDAY_S) == {}
    rows = [row(f"o{n}", "turn", 24.0 * n, 24.0 * n + 240, "lathe") for n in range(20)]
    found = found_in(Log(tuple(rows)))
    # On Mondays at 0, 168, 336, 504 and 672 h; each order lasts 240 h.
    assert [len(each) for each in found.as_json()["under_way"].values()] == [1, 8, 10, 8, 1]
    assert "1 to 10 orders are under way on Monday mornings" in [each.claim for each in found.evidence]
    assert found.parameters.from_ns == int(MONDAY_S) * 10**9
    assert found.parameters.to_ns == int(MONDAY_S + (19 * 24 + 240) * HOUR_S) * 10**9


def test_an_order_is_under_way_until_the_last_of_its_operations_has_ended() -> None:
    rows = (row("o", "age", 0, 48, "oven"), row("o", "mark", 2, 3, None))  # marked while it ages
    orders = found_in(Log(rows)).orders
    under = [in_progress(orders, MONDAY_S + at_h * HOUR_S) for at_h in (1, 24, 48)]
    told = [[each.activity for each in some.values() if each] for some in under]
    assert told == [["age"], ["mark"], []]


def test_another_sample_of_the_same_plant_gives_the_same_family() -> None:
    times = Entropy(9).generator("t").random(300)
    quantile = LogNormal(1.0, 0.5).shape.quantile()
    rows = tuple(
        row(f"o{n}", "turn", 10.0 * n, 10.0 * n + quantile(float(u)), "lathe") for n, u in enumerate(times)
    )
    fitted = found_in(Log(rows)).parameters.fits["work/turn/lathe"]
    assert isinstance(fitted.distribution, LogNormal)
    assert fitted.distribution.cv == pytest.approx(0.5, abs=0.1)
