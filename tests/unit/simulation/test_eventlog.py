"""A log is read whole or says why not, and the way of an order adds up to its time."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.simulation.eventlog import Row, cycle_s, operations, read

HEADER = "case,activity,worker,start,end,machine,wo_qty,part"
GOOD = "A1,Turning,ann,2012-01-02 07:00:00,2012-01-02 09:30:00,M1,40,shaft"


def test_a_line_becomes_a_report() -> None:
    log = read("log.csv", [HEADER, GOOD, "A1,Packing,,2012-01-02 10:00:00,2012-01-02 10:30:00,,,"])
    assert log.left_out == log.odd == ()
    first, second = log.rows
    assert (first.line, first.case, first.activity, first.worker, first.machine) == (
        2,
        "A1",
        "Turning",
        "ann",
        "M1",
    )
    assert (first.end_s - first.start_s, first.quantity, first.part) == (9000.0, 40.0, "shaft")
    assert (second.worker, second.machine, second.quantity) == (None, None, None)


def test_columns_are_found_by_the_names_of_other_tools() -> None:
    header = "case:concept:name,concept:name,org:resource,start_timestamp,time:timestamp"
    log = read("log.csv", [header, "7,Mill,M2,2012-01-02T07:00:00+00:00,2012-01-02T08:00:00+00:00"])
    assert [(row.case, row.activity, row.machine, row.end_s - row.start_s) for row in log.rows] == [
        ("7", "Mill", "M2", 3600.0)
    ]
    missing = read("log.csv", ["case,activity,start", "1,a,2012-01-02"])
    assert missing.rows == ()
    assert [str(each) for each in missing.left_out] == [
        "log.csv:1: end = no such column: expected one of end, time:timestamp, complete timestamp, "
        "complete_timestamp, end_timestamp"
    ]


def test_what_cannot_be_read_is_named_and_nothing_else_is_lost() -> None:
    bad = [
        ",Turning,ann,2012-01-02 07:00:00,2012-01-02 09:30:00,M1,40,shaft",
        "A1,,ann,2012-01-02 07:00:00,2012-01-02 09:30:00,M1,40,shaft",
        "A1,Turning,ann,second of May,2012-01-02 09:30:00,M1,40,shaft",
        "A1,Turning,ann,2012-01-02 07:00:00,,M1,40,shaft",
        "A1,Turning,ann,2012-01-02 07:00:00,2012-01-02 06:30:00,M1,40,shaft",
        "A1,Turning,ann,2012-01-02 07:00:00,2012-01-02 09:30:00,M1,many,shaft",
        "A1,Turning,ann,2012-01-02 07:00:00,2012-01-02 09:30:00,M1,-3,shaft",
        "A1,Turning",
    ]
    log = read("log.csv", [HEADER, *bad, GOOD])
    assert [row.line for row in log.rows] == [10]
    assert [(each.line, each.field) for each in log.left_out] == [
        (2, "case"), (3, "activity"), (4, "start"), (5, "end"), (6, "end"),
        (7, "quantity"), (8, "quantity"), (9, "line"),
    ]  # fmt: skip
    assert str(log.left_out[2]) == (
        "log.csv:4: start = 'second of May': expected an instant such as 2012-01-02 07:30:00"
    )


def test_what_is_odd_is_named_and_kept() -> None:
    log = read("log.csv", [HEADER, GOOD, GOOD, GOOD.replace("09:30", "07:00"), ""])
    assert len(log.rows) == 3
    assert [(each.line, each.field) for each in log.odd] == [(3, "line"), (4, "end")]
    assert "the same as line 2" in str(log.odd[0])


def row(activity: str, start_h: float, end_h: float, machine: str | None = None, case: str = "A") -> Row:
    return Row(0, case, activity, start_h * 3600, end_h * 3600, None, machine)


def test_an_order_by_hand() -> None:
    (way,) = operations(
        [
            row("turn", 0, 2),
            row("turn", 10, 13),
            row("inspect", 12, 12.5),
            row("mill", 12, 20),
            row("pack", 30, 31),
        ]
    ).values()
    found = [(each.activity, each.work_s / 3600, each.wait_s / 3600, each.advance_s / 3600) for each in way]
    assert found == [("turn", 5, 0, 13), ("inspect", 0.5, 0, 0), ("mill", 8, 0, 7), ("pack", 1, 10, 1)]


reports = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("XY"), st.integers(0, 200), st.integers(0, 30)),
    min_size=1,
)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(reports)
def test_waits_and_advances_add_up_to_the_cycle_time_whatever_overlaps(
    some: list[tuple[str, str, int, int]],
) -> None:
    rows = [row(activity, start, start + lasts, case=case) for activity, case, start, lasts in some]
    ways = operations(rows)
    for case, way in ways.items():
        mine = [each for each in rows if each.case == case]
        whole = max(each.end_s for each in mine) - min(each.start_s for each in mine)
        assert cycle_s(way) == whole
        assert math.isclose(sum(each.wait_s + each.advance_s for each in way), whole, abs_tol=1e-6)
        assert all(each.wait_s >= 0 and each.advance_s >= 0 for each in way)
    assert math.isclose(
        sum(each.work_s for way in ways.values() for each in way),
        sum(r.end_s - r.start_s for r in rows),
        abs_tol=1e-6,
    )
