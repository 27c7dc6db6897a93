"""The formulas of ISO 22400-2: by worked examples, and as rules that hold for all sums."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taktwin.errors import DomainError
from taktwin.measures import kpi
from taktwin.measures.kpi import Elements
from taktwin.standards.iso22400 import TimeClass

SECOND, MINUTE = 1_000_000_000, 60_000_000_000
# An early shift of 480 min with 45 of breaks, 20 that nobody saw, 90 parts at 3 min, 4 of them scrap.
SHIFT = Elements(
    production_ns=300 * MINUTE, set_up_ns=25 * MINUTE, delay_own_ns=40 * MINUTE, blocked_ns=10 * MINUTE,
    starved_ns=15 * MINUTE, down_no_order_ns=25 * MINUTE, planned_down_ns=45 * MINUTE,
    unknown_ns=20 * MINUTE, short_ns=12 * MINUTE, produced=90, good=86, scrap=4,
    planned_run_ns=270 * MINUTE,
)  # fmt: skip
times = st.integers(0, 10**15)
parts = st.integers(0, 10**6)


@st.composite
def elements(draw: st.DrawFn) -> Elements:
    sums = {each: draw(times) for each in TimeClass}
    delays = sums[TimeClass.DELAY_OWN] + sums[TimeClass.BLOCKED] + sums[TimeClass.STARVED]
    good, scrap = draw(parts), draw(parts)
    made = kpi.elements_of(sums, short_ns=draw(st.integers(0, delays)))
    return made + Elements(produced=good + scrap, good=good, scrap=scrap, planned_run_ns=draw(times))


def test_the_worked_example_by_hand() -> None:
    assert SHIFT.calendar_ns == 480 * MINUTE
    assert SHIFT.planned_busy_ns == (480 - 45 - 20) * MINUTE
    found = kpi.figures(SHIFT)
    assert found["availability"] == pytest.approx(300 / 415)
    assert found["effectiveness"] == pytest.approx(270 / 300)
    assert found["quality_ratio"] == pytest.approx(86 / 90)
    assert found["oee_index"] == pytest.approx(300 / 415 * 0.9 * 86 / 90)
    assert found["nee_index"] == pytest.approx(325 / 415 * 0.9 * 86 / 90)
    assert found["allocation_efficiency"] == pytest.approx(390 / 415)
    assert found["utilization_efficiency"] == pytest.approx(300 / 390)
    assert found["setup_rate"] == pytest.approx(25 / 325)
    assert found["technical_efficiency"] == pytest.approx(300 / 365)
    assert found["scrap_ratio"] == pytest.approx(4 / 90)
    assert found["common_availability"] == pytest.approx(312 / 415)
    assert found["common_performance"] == pytest.approx(270 / 312)
    assert found["unknown_share"] == pytest.approx(20 / 480)
    assert kpi.throughput_rate_per_h(produced=90, order_execution_ns=450 * MINUTE) == pytest.approx(12.0)
    assert kpi.allocation_ratio(unit_busy_ns=390 * MINUTE, order_execution_ns=450 * MINUTE) == pytest.approx(
        390 / 450
    )
    assert kpi.production_process_ratio(
        production_ns=300 * MINUTE, order_execution_ns=450 * MINUTE
    ) == pytest.approx(300 / 450)
    assert kpi.worker_efficiency(personnel_work_ns=6 * MINUTE, attendance_ns=8 * MINUTE) == pytest.approx(
        0.75
    )


def test_of_nothing_there_is_no_ratio_and_none_is_not_zero() -> None:
    assert set(kpi.figures(Elements()).values()) == {None}
    stood = kpi.figures(Elements(delay_own_ns=MINUTE))
    assert stood["availability"] == 0.0
    assert stood["quality_ratio"] is None and stood["oee_index"] is None


def test_a_part_without_a_planned_run_time_has_no_effectiveness() -> None:
    found = kpi.figures(SHIFT + Elements(produced=1, good=1, unrated=1))
    assert found["effectiveness"] is None and found["oee_index"] is None and found["oee_common"] is None
    assert found["availability"] is not None and found["quality_ratio"] is not None


def test_what_was_counted_wrongly_is_no_figure() -> None:
    with pytest.raises(DomainError):
        kpi.quality_ratio(Elements(produced=-1))
    with pytest.raises(DomainError):
        kpi.ratio(float("nan"), 1.0)


@given(one=elements(), other=elements())
def test_elements_are_added_and_ratios_lie_between(one: Elements, other: Elements) -> None:
    both = kpi.total([one, other])
    assert both.calendar_ns == one.calendar_ns + other.calendar_ns
    assert both.planned_busy_ns == one.planned_busy_ns + other.planned_busy_ns
    for name in ("availability", "quality_ratio", "technical_efficiency", "unknown_share"):
        known = [value for each in (one, other) if (value := kpi.FIGURES[name](each)) is not None]
        found = kpi.FIGURES[name](both)
        if len(known) == 2:
            assert found is not None and min(known) - 1e-9 <= found <= max(known) + 1e-9


@given(e=elements())
def test_the_partition_is_whole_and_shares_are_shares(e: Elements) -> None:
    assert sum(e.by_class().values()) == e.calendar_ns
    assert e.planned_busy_ns + e.planned_down_ns + e.unknown_ns == e.calendar_ns
    found = kpi.figures(e)
    for name in ("availability", "quality_ratio", "allocation_efficiency", "common_availability"):
        assert found[name] is None or 0.0 <= found[name] <= 1.0  # type: ignore[operator]
    if found["oee_index"] is not None and found["oee_common"] is not None:
        assert found["oee_common"] == pytest.approx(found["oee_index"])
    if found["oee_index"] is not None and found["nee_index"] is not None:
        assert found["nee_index"] >= found["oee_index"] - 1e-12


TIMED = ("availability", "allocation_efficiency", "utilization_efficiency", "setup_rate",
         "technical_efficiency", "common_availability")  # fmt: skip


@st.composite
def evidence(draw: st.DrawFn) -> Elements:
    """Elements near the limits, where withholding begins."""
    e = draw(elements())
    share = draw(st.sampled_from((0.0, 0.05, 0.0999, 0.1001, 0.5, 0.998)))
    known = e.calendar_ns - e.unknown_ns
    unseen = draw(st.integers(0, e.produced))
    return dataclasses.replace(e, unknown_ns=round(known * share / (1 - share)), unseen=unseen)


@given(e=evidence())
def test_no_figure_claims_more_than_its_evidence_carries(e: Elements) -> None:
    found, why = kpi.figures(e), kpi.withheld(e)
    assert {name for name, value in found.items() if value is None} == set(why), "each gap says why"
    for name in (*TIMED, "quality_ratio", "scrap_ratio", "unknown_share"):
        value = found[name]
        assert value is None or 0.0 <= value <= 1.0, name
    if e.unknown_ns > 0.1 * e.calendar_ns:
        shown = {name for name, value in found.items() if value is not None}
        assert shown <= {"quality_ratio", "scrap_ratio", "unknown_share"}
    for name in ("oee_index", "nee_index", "oee_common"):
        value = found[name]
        if value is not None and value > 1.0 + 1e-9:
            assert found["effectiveness"] is not None and found["effectiveness"] > 1.0


def test_a_shift_of_which_seconds_were_seen_has_no_oee() -> None:
    # As it once stood on the page: 58 s of 8 h, three parts of 44 s in them, "227.6 %".
    e = Elements(production_ns=58 * SECOND, unknown_ns=480 * MINUTE - 58 * SECOND, produced=3, good=3,
                 planned_run_ns=132 * SECOND)  # fmt: skip
    assert kpi.oee_index(e) == pytest.approx(2.276, abs=0.001)
    assert kpi.figures(e)["oee_index"] is None
    assert kpi.withheld(e)["oee_index"] is kpi.Withheld.UNKNOWN
    assert kpi.withheld(e)["availability"] is kpi.Withheld.UNKNOWN
    assert kpi.figures(e)["unknown_share"] == pytest.approx(0.998, abs=0.001)


def test_the_first_minute_of_a_shift_has_no_pace() -> None:
    # One part came, begun before the shift: 60 s planned in 20 s of production are no 300 %.
    e = Elements(production_ns=20 * SECOND, produced=1, good=1, planned_run_ns=MINUTE)
    assert kpi.figures(e)["effectiveness"] is None
    assert kpi.withheld(e)["oee_index"] is kpi.Withheld.TOO_SHORT
    assert kpi.figures(e)["availability"] == 1.0
    ten = Elements(production_ns=10 * MINUTE, produced=11, good=11, planned_run_ns=11 * MINUTE)
    assert kpi.figures(ten)["effectiveness"] == pytest.approx(1.1)


def test_parts_that_nobody_saw_are_no_pace_either() -> None:
    for planned_run_ns in (0, 1):  # nothing is planned for what nobody saw; a nanosecond by rounding
        e = Elements(production_ns=60 * MINUTE, produced=90, good=90, unseen=90,
                     planned_run_ns=planned_run_ns)  # fmt: skip
        assert kpi.withheld(e)["effectiveness"] is kpi.Withheld.TOO_SHORT
        assert kpi.figures(e)["effectiveness"] is None and kpi.figures(e)["quality_ratio"] == 1.0


def test_no_part_is_no_pace_of_nothing() -> None:
    e = Elements(production_ns=20 * SECOND)  # the first part is in work: nobody was slow
    for name in ("effectiveness", "common_performance", "oee_index"):
        assert kpi.figures(e)[name] is None and kpi.withheld(e)[name] is kpi.Withheld.NOTHING
    assert kpi.figures(e)["availability"] == 1.0


def test_a_sum_of_machines_of_which_none_has_a_pace_has_none() -> None:
    one = Elements(production_ns=4 * MINUTE, produced=5, good=5, planned_run_ns=4 * MINUTE)
    assert kpi.withheld(one)["effectiveness"] is kpi.Withheld.TOO_SHORT
    line = kpi.total([one] * 6)
    assert kpi.withheld(line, units=6)["oee_index"] is kpi.Withheld.TOO_SHORT
    assert kpi.figures(line, units=6)["oee_index"] is None
    long = Elements(production_ns=40 * MINUTE, produced=50, good=50, planned_run_ns=40 * MINUTE)
    assert kpi.figures(kpi.total([long] * 6), units=6)["effectiveness"] == pytest.approx(1.0)
