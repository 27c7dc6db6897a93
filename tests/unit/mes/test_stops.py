"""Stops at the desk: found by themselves, with reasons of people, over shifts, breaks and clock changes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.contracts import commands
from taktwin.measures import kpi
from taktwin.mes.api import QUERIES
from taktwin.mes.definitions.routes import Definitions, compiled
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.performance import figures
from taktwin.mes.performance.hearing import Told
from taktwin.mes.performance.states import Said
from taktwin.mes.performance.tables import Stop, StopChange
from taktwin.plant import open_plant
from taktwin.standards.iso22400 import TimeClass
from tests.unit.mes.conftest import PLANT, SECOND, Shop

DEFINITIONS = compiled(open_plant(PLANT))
VIENNA = ZoneInfo("Europe/Vienna")
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
CELL = "adhesive2"
EXECUTE, HELD, SUSPENDED, IDLE = 6, 11, 5, 4


def local(*when: int) -> int:
    return int(datetime(*when, tzinfo=VIENNA).astimezone(UTC).timestamp()) * SECOND  # type: ignore[arg-type]


MORNING = local(2027, 1, 12, 7)  # a Tuesday, in the early shift


class Floor(Shop):
    """A shop whose machines say their state, vouched for every two seconds of a short time."""

    def __init__(self, definitions: Definitions = DEFINITIONS, at_ns: int = MORNING) -> None:
        super().__init__(definitions)
        self.now_ns = at_ns

    def say(self, unit: str = CELL, *, for_s: float = 0, gap: bool = False, late_by_s: float = 0,
            **values: Any) -> None:  # fmt: skip
        """Let a machine say something now, and vouch for it for a while."""
        said = tuple(Said(self.now_ns, role, value) for role, value in values.items())
        end = self.now_ns + int(for_s * SECOND)
        step = 4 * SECOND
        vouched = (self.now_ns, *range(self.now_ns + step, end, step), end)
        if gap:
            self.now_ns = end
            return
        self.tell(Told(unit, said, vouched))
        self.now_ns = end

    def tell(self, told: Told) -> None:
        self.desk.hear([], stream="SAMPLES", position=self.now_ns, told=[told])

    def stops(self, unit: str = CELL) -> list[Stop]:
        rows = [row for row in self.store.book.where(Stop, work_unit=unit) if not row.withdrawn]
        return sorted(rows, key=lambda row: row.from_ns)

    def asked(self, query: str, **wish: Any) -> dict[str, Any]:
        return QUERIES[query](self.store.book, self.definitions, wish, self.now_ns)

    def stood(self, minutes: float = 5, code: int = 4201) -> Stop:
        """Let the cell stand for a while between two runs."""
        self.say(state=EXECUTE, for_s=60)
        self.say(state=HELD, alarm_code=code, for_s=60 * minutes)
        self.say(state=EXECUTE, alarm_code=0, for_s=60)
        return self.stops()[-1]


def coded(floor: Floor, stop: Stop, reason: str, **more: Any) -> Any:
    return floor.ask(commands.RecodeStop(stop=stop.stop, reason=reason, version=stop.version, **more))


def test_a_stop_is_found_by_itself_and_the_machines_code_recommends_its_reason() -> None:
    floor = Floor()
    row = floor.stood()
    assert (row.to_ns - row.from_ns, row.time_class, row.code) == (5 * MINUTE, "delay_own", "4201")
    (shown,) = floor.asked("standing", work_unit=CELL)["stops"]
    assert (shown["recommended"], shown["wants_reason"]) == ("nozzle", True)
    assert coded(floor, row, "nozzle").accepted
    assert floor.asked("standing", work_unit=CELL)["stops"] == []
    assert not coded(floor, floor.stops()[0], "no such").accepted


def test_a_stop_that_still_stands_is_open_and_asked_for_after_its_threshold() -> None:
    floor = Floor()
    floor.say(state=EXECUTE, for_s=60)
    floor.say(state=HELD, for_s=110)
    assert floor.stops() == []  # two minutes
    floor.say(for_s=20)
    (row,) = floor.stops()
    assert row.to_ns == 0 and floor.asked("standing", work_unit=CELL)["stops"][0]["stop"] == row.stop


def test_waiting_for_a_neighbour_is_apart_and_wants_no_reason() -> None:
    floor = Floor()
    floor.say(state=SUSPENDED, starved=True, for_s=300)
    floor.say(starved=False, blocked=True, for_s=300)
    floor.say(state=HELD, for_s=300)
    floor.say(state=EXECUTE, for_s=10)
    assert [row.time_class for row in floor.stops()] == ["starved", "blocked", "delay_own"]
    page = floor.asked("performance", scope=CELL)
    assert [each["wants_reason"] for each in page["stops"]] == [True, False, False]
    found = page["elements"]
    assert (found["starved_ns"], found["blocked_ns"], found["delay_own_ns"]) == (300 * SECOND,) * 3


def test_dead_data_are_unknown_neither_running_nor_stopped() -> None:
    floor = Floor()
    floor.say(state=EXECUTE, for_s=60)
    floor.say(state=HELD, for_s=300)
    floor.say(gap=True, for_s=600)
    floor.say(for_s=300)  # back, and still held: another stop, never the same
    floor.say(state=EXECUTE, for_s=60)
    first, second = floor.stops()
    assert (first.to_ns - first.from_ns, second.to_ns - second.from_ns) == (300 * SECOND, 300 * SECOND)
    found = floor.asked("performance", scope=CELL)["elements"]
    assert found["unknown_ns"] == 600 * SECOND + (MORNING - local(2027, 1, 12, 6))
    assert found["delay_own_ns"] == 600 * SECOND and found["production_ns"] == 120 * SECOND


def test_a_break_is_no_stop_and_cuts_one() -> None:
    floor = Floor(at_ns=local(2027, 1, 12, 8, 50))
    floor.say(state=HELD, for_s=40 * 60)  # the break is from 09:00 to 09:15
    floor.say(state=EXECUTE, for_s=60)
    assert [(r.from_ns, r.to_ns) for r in floor.stops()] == [
        (local(2027, 1, 12, 8, 50), local(2027, 1, 12, 9)),
        (local(2027, 1, 12, 9, 15), local(2027, 1, 12, 9, 30)),
    ]  # fmt: skip
    assert floor.asked("performance", scope=CELL)["elements"]["planned_down_ns"] == 15 * MINUTE


def test_an_open_stop_across_shifts_is_cut_where_it_is_counted() -> None:
    floor = Floor(at_ns=local(2027, 1, 12, 13, 50))
    floor.say(state=HELD, for_s=20 * 60)
    (row,) = floor.stops()
    early = floor.asked("performance", scope=CELL, at_ns=local(2027, 1, 12, 13))
    late = floor.asked("performance", scope=CELL)
    assert early["elements"]["delay_own_ns"] == late["elements"]["delay_own_ns"] == 10 * MINUTE
    assert early["stops"][0]["stop"] == late["stops"][0]["stop"] == row.stop
    day = floor.asked("performance", scope=CELL, span="day")
    assert day["elements"]["delay_own_ns"] == 20 * MINUTE


@pytest.mark.parametrize(
    ("night", "hours"), [((2027, 3, 27), 7), ((2027, 10, 30), 9)], ids=["spring", "autumn"]
)
def test_the_nights_on_which_the_clocks_change(night: tuple[int, int, int], hours: int) -> None:
    always = DEFINITIONS.calendars[CELL]
    assert always is not None
    # The demo works from Sunday to Friday: this cell also on Saturday night.
    shifts = {
        name: _every_day(shift) for name, shift in always.definition.shifts.items() if name != "maintenance"
    }
    calendar = type(always)("seven", _with(always.definition, shifts=shifts, closed=[]), "Europe/Vienna")
    floor = Floor(
        replace(DEFINITIONS, calendars={**DEFINITIONS.calendars, CELL: calendar}), local(*night, 21, 55)
    )
    begin, end = local(*night, 22), local(night[0], night[1] + (night[2] == 31), night[2] % 31 + 1, 6)
    assert (end - begin) // HOUR == hours
    floor.say(state=HELD, for_s=300 + hours * 3600 + 300)
    shift = floor.asked("performance", scope=CELL, at_ns=begin + HOUR)
    found = shift["elements"]
    assert shift["window"]["name"] == "Night shift" and found["calendar_ns"] == hours * HOUR
    assert found["planned_down_ns"] == 45 * MINUTE  # its breaks
    assert found["delay_own_ns"] == hours * HOUR - 45 * MINUTE and found["unknown_ns"] == 0
    floor.now_ns = end + 24 * HOUR
    day = floor.asked("performance", scope=CELL, at_ns=begin, span="day")
    assert day["elements"]["calendar_ns"] == (16 + hours) * HOUR
    times = [_elements(floor, local(*night, 6) + n * 8 * HOUR, "shift") for n in range(3)]
    assert kpi.total(times) == _elements(floor, begin, "day")


def _every_day(shift: Any) -> Any:
    return _with(shift, days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"])


def _with(thing: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(thing, **changes)


def _elements(floor: Floor, at_ns: int, span: str) -> kpi.Elements:
    calendar = floor.definitions.calendars[CELL]
    window = figures.window_of(calendar, at_ns, whole_day=span == "day")
    time = figures.unit_time(floor.store.book, floor.definitions, CELL, from_ns=window.from_ns,
                             to_ns=window.to_ns, now_ns=floor.now_ns)  # fmt: skip
    return figures.elements_in(time)


def test_a_reason_moves_time_to_its_element_and_only_planned_leaves_busy_time() -> None:
    floor = Floor()
    row = floor.stood()
    before = floor.asked("performance", scope=CELL)["elements"]
    assert coded(floor, row, "change_over").accepted
    after = floor.asked("performance", scope=CELL)["elements"]
    assert after["set_up_ns"] - before["set_up_ns"] == 5 * MINUTE == before["delay_own_ns"]
    assert after["planned_busy_ns"] == before["planned_busy_ns"]
    assert coded(floor, floor.stops()[0], "cleaning", cause="it was the weekly one").accepted
    planned = floor.asked("performance", scope=CELL)["elements"]
    assert planned["planned_busy_ns"] == before["planned_busy_ns"] - 5 * MINUTE
    assert planned["calendar_ns"] == before["calendar_ns"]


def test_two_supervisors_recode_one_stop_and_the_second_sees_the_first() -> None:
    floor = Floor()
    seen = floor.stood()
    assert floor.ask(
        commands.RecodeStop(stop=seen.stop, reason="nozzle", version=seen.version), actor="P21"
    ).accepted
    at_ns = floor.now_ns
    wish = commands.RecodeStop(stop=seen.stop, reason="jam", version=seen.version)
    lost = floor.ask(wish, actor="P22")
    assert (lost.accepted, lost.code) == (False, "conflict")
    assert (lost.current["reason"], lost.current["person"], lost.current["coded_ns"]) == (
        "nozzle",
        "P21",
        at_ns,
    )
    # Decided anew, on what is there now; that it was another reason before stays on record.
    again = commands.RecodeStop(stop=seen.stop, reason="jam", version=lost.current["version"])
    assert floor.ask(again, actor="P22").code == "invalid"  # not without saying why
    again = commands.RecodeStop(
        stop=seen.stop, reason="jam", version=lost.current["version"], cause="I was there"
    )
    assert floor.ask(again, actor="P22").accepted
    steps = [
        (c.what, c.before, c.after, c.person, c.cause)
        for c in floor.store.book.where(StopChange, stop=seen.stop)
    ]
    assert steps[-2:] == [
        ("recoded", "", "nozzle", "P21", ""),
        ("recoded", "nozzle", "jam", "P22", "I was there"),
    ]


def test_who_splits_or_merges_what_somebody_changed_meanwhile_is_told_too() -> None:
    floor = Floor()
    seen = floor.stood(minutes=10)
    assert coded(floor, seen, "nozzle").accepted
    cut = commands.SplitStop(stop=seen.stop, at_ns=seen.from_ns + 4 * MINUTE, version=seen.version)
    lost = floor.ask(cut, actor="P22")
    assert (lost.code, lost.current["reason"]) == ("conflict", "nozzle")
    (coded_once,) = floor.stops()
    assert floor.ask(_with(cut, version=coded_once.version)).accepted
    assert coded(floor, coded_once, "jam", cause="stuck").code == "conflict"  # half of it is another stop now
    first, second = floor.stops()
    assert coded(floor, second, "jam", cause="stuck").accepted
    both = commands.MergeStops(stop=first.stop, other=second.stop, version=first.version,
                               other_version=second.version)  # fmt: skip
    lost = floor.ask(both)
    assert (lost.code, lost.current["stop"], lost.current["reason"]) == ("conflict", second.stop, "jam")
    _, recoded = floor.stops()
    both = _with(both, other_version=recoded.version)
    assert floor.ask(_with(both, version=first.version - 1)).code == "conflict"
    assert floor.ask(both).accepted
    assert coded(floor, first, "cleaning", cause="weekly").code == "conflict"  # it is longer now


def test_a_stop_is_split_and_merged_again() -> None:
    floor = Floor()
    row = floor.stood(minutes=10)
    assert coded(floor, row, "nozzle").accepted
    (row,) = floor.stops()
    middle = row.from_ns + 4 * MINUTE
    assert not floor.ask(commands.SplitStop(stop=row.stop, at_ns=row.to_ns, version=row.version)).accepted
    assert floor.ask(commands.SplitStop(stop=row.stop, at_ns=middle, version=row.version)).accepted
    first, second = floor.stops()
    assert (first.to_ns, second.from_ns, second.reason) == (middle, middle, "nozzle")
    assert coded(floor, second, "change_over", cause="they went on with the other variant").accepted
    found = floor.asked("performance", scope=CELL)
    assert (found["elements"]["delay_own_ns"], found["elements"]["set_up_ns"]) == (4 * MINUTE, 6 * MINUTE)
    first, second = floor.stops()
    wish = commands.MergeStops(stop=first.stop, other=second.stop, version=first.version,
                               other_version=second.version, cause="it was one")  # fmt: skip
    assert floor.ask(wish).accepted
    (shown,) = floor.asked("performance", scope=CELL)["stops"]
    assert (shown["parts"], shown["reason"], shown["stood_ns"]) == (2, "nozzle", 10 * MINUTE)
    assert floor.ask(wish).code in ("state", "conflict")  # it is one already
    history = floor.asked("stop", stop=shown["stop"])["history"]
    assert [step["what"] for step in history].count("merged") == 2


def test_only_neighbours_of_one_kind_are_merged() -> None:
    floor = Floor()
    a = floor.stood()
    floor.say(state=SUSPENDED, starved=True, for_s=300)
    floor.say(state=EXECUTE, starved=False, for_s=30)
    b, c = floor.stops()[-1], floor.stood()

    def merged(one: Stop, other: Stop) -> Any:
        return floor.ask(commands.MergeStops(stop=one.stop, other=other.stop, version=one.version,
                                             other_version=other.version))  # fmt: skip

    assert merged(a, b).place == "other stop"
    assert merged(a, c).found == b.stop  # something else stands between them
    assert merged(a, a).code == "invalid"


def test_late_data_never_lose_what_people_said() -> None:
    floor = Floor()
    row = floor.stood(minutes=10)
    assert coded(floor, row, "nozzle").accepted
    # An hour later the machine's buffer says that it ran for two minutes in between.
    middle = row.from_ns + 4 * MINUTE
    floor.say(for_s=3600)
    floor.tell(Told(CELL, (Said(middle, "state", EXECUTE), Said(middle + 2 * MINUTE, "state", HELD))))
    first, second = floor.stops()
    assert (first.to_ns, second.from_ns, second.to_ns) == (middle, middle + 2 * MINUTE, row.to_ns)
    assert first.reason == second.reason == "nozzle" and first.person == second.person == "P01"
    # And that it did not stand at all: it is withdrawn, with its reason.
    floor.tell(Told(CELL, (Said(row.from_ns, "state", EXECUTE), Said(middle + 2 * MINUTE, "state", EXECUTE))))
    assert floor.stops() == []
    gone = floor.store.book.where(Stop, work_unit=CELL)
    assert {each.reason for each in gone} == {"nozzle"}
    found = floor.asked("performance", scope=CELL)["elements"]
    assert found["delay_own_ns"] == 0
    assert not coded(floor, gone[0], "jam").accepted


def test_every_figure_opens_its_evidence_and_maintenance_is_in_it() -> None:
    floor = Floor()
    floor.ask(commands.DropOrder(request="7", product="EA-100", quantity=3, due_ns=MORNING + HOUR))
    floor.say(state=EXECUTE, for_s=60)
    floor.granted(commands.ReceiveLot(lot="A", product="AD-3", quantity=900.0))
    floor.granted(commands.LoadLot(lot="A", work_unit=CELL))
    floor.begin("7-20", CELL)
    floor.machine(CELL, serial="A1")
    floor.machine(CELL, serial="A2", kind="reject")
    floor.ask(commands.ReportScrap(job="7-20", cause="damaged"), command_id="s1")
    floor.ask(commands.RequestMaintenance(work_unit=CELL, about="nozzle drips"))
    floor.granted(commands.StartMaintenance(order="M1"))
    floor.say(state=HELD, for_s=480)
    floor.granted(commands.CompleteMaintenance(order="M1", done="cleaned"))
    floor.say(state=EXECUTE, for_s=60)
    page = floor.asked("performance", scope=CELL)
    (unit,) = page["units"]
    assert unit["counts"] == [{"job": "7-20", "product": "EA-100", "good": 1, "scrap": 2}]
    assert (unit["elements"]["produced"], unit["figures"]["quality_ratio"]) == (3, pytest.approx(1 / 3))
    assert unit["repairs"][0]["order"] == "M1" and unit["repairs"][0]["down_ns"] >= 470 * SECOND
    assert page["stops"][0]["repair"] == "M1"
    assert {row["product"] for row in page["products"]} == {"", "EA-100"}
    pru = next(op for op in DEFINITIONS.products["EA-100"].operations if op.number == 20).standard_time_s
    # The parts came while the state of the machine was silent for some seconds: their time counts as seen.
    assert 0 < unit["elements"]["planned_run_ns"] < round(3 * pru * SECOND)
    floor.granted(commands.UndoScrap(report="s1"))
    assert floor.asked("performance", scope=CELL)["elements"]["scrap"] == 1
    assert floor.store.book.get(JobOrder, "7-20").scrap == 1  # type: ignore[union-attr]


def test_the_time_of_a_machine_belongs_to_the_product_that_goes_on_again() -> None:
    floor = Floor()
    for request, product in (("7", "SH-100"), ("8", "SH-200")):
        floor.ask(commands.DropOrder(request=request, product=product, quantity=3, due_ns=MORNING + HOUR))
    floor.say("hob1", state=EXECUTE, for_s=30)
    floor.begin("7-20", "hob1")
    floor.say("hob1", state=EXECUTE, for_s=60)
    floor.granted(commands.ControlJob(job="7-20", method="Pause"))
    floor.begin("8-20", "hob1")
    floor.say("hob1", state=EXECUTE, for_s=60)
    floor.granted(commands.ControlJob(job="8-20", method="Pause"))
    floor.granted(commands.ControlJob(job="7-20", method="Resume"))
    floor.say("hob1", state=EXECUTE, for_s=600)
    page = floor.asked("performance", scope="hob1")
    ran = {row["product"]: row["elements"]["production_ns"] // MINUTE for row in page["products"]}
    assert ran == {"": 0, "SH-100": 11, "SH-200": 1}


def test_a_unit_that_tells_no_state_is_unknown_and_a_line_is_the_sum_of_its_units() -> None:
    floor = Floor()
    floor.stood()
    (unit,) = floor.asked("performance", scope="deburr1")["units"]
    assert not unit["seen"] and unit["figures"]["unknown_share"] == 1.0
    for place, silent in ((CELL, []), ("deburr1", ["deburr1"])):
        line = next(name for name, units in DEFINITIONS.units_of.items() if place in units)
        page = floor.asked("performance", scope=line)
        sums = [row["elements"] for row in page["units"] if row["work_unit"] not in silent]
        assert page["without"] == [row["work_unit"] for row in page["units"] if not row["seen"]] == silent
        for name, value in page["elements"].items():
            assert value == sum(each[name] for each in sums), name
    assert floor.asked("performance", scope="nowhere") == {}


def running(floor: Floor, parts: int, every_s: float) -> None:
    """Let a job order run at the cell, whose machine says its state, and parts come out of it."""
    floor.ask(commands.DropOrder(request="7", product="EA-100", quantity=500, due_ns=MORNING + 9 * HOUR))
    floor.granted(commands.ReceiveLot(lot="A", product="AD-3", quantity=90_000.0))
    floor.granted(commands.LoadLot(lot="A", work_unit=CELL))
    floor.begin("7-20", CELL)
    for number in range(parts):
        floor.say(state=EXECUTE, for_s=every_s)
        floor.now_ns -= SECOND  # `machine` goes on by a second
        floor.machine(CELL, serial=f"A{number}")


def test_a_few_seconds_of_a_shift_are_no_oee() -> None:
    floor = Floor(at_ns=local(2027, 1, 12, 13, 50))  # the early shift is all but over: nobody saw it
    running(floor, 8, 20)
    page = floor.asked("performance", scope=CELL)
    for row in (page, page["units"][0], *page["products"][-1:]):
        assert row["figures"]["quality_ratio"] == 1.0, "parts are parts, whoever saw the machine"
    (unit,) = page["units"]
    assert unit["figures"]["unknown_share"] > 0.9
    for name in ("availability", "effectiveness", "oee_index", "oee_common", "nee_index"):
        assert unit["figures"][name] is None and unit["withheld"][name] == "unknown", name
    assert page["unknown_max"] == 0.1 and page["too_fast"] == []


def test_parts_that_were_made_while_nobody_saw_the_machine_make_it_no_faster() -> None:
    pru = next(op for op in DEFINITIONS.products["EA-100"].operations if op.number == 20).standard_time_s
    floor = Floor(at_ns=local(2027, 1, 12, 6))
    running(floor, 60, pru)
    seen = floor.asked("performance", scope=CELL)
    pace = seen["figures"]["effectiveness"]
    assert pace == pytest.approx(1.0, abs=0.03)
    floor.now_ns += 8 * MINUTE  # nobody sees it, and the counter tells of its parts when it comes back
    floor.machine(CELL, serial="B1", parts=6)
    floor.say(state=EXECUTE, for_s=pru)
    page = floor.asked("performance", scope=CELL)
    (unit,) = page["units"]
    assert unit["elements"]["produced"] == 66 and unit["elements"]["unseen"] in (5, 6)
    assert unit["figures"]["effectiveness"] == pytest.approx(pace, abs=0.03)


def test_the_first_minutes_of_a_line_have_no_pace_as_those_of_its_machines_have_none() -> None:
    begin = local(2027, 1, 12, 6)
    floor = Floor(at_ns=begin)
    line, units = next((name, units) for name, units in DEFINITIONS.units_of.items() if CELL in units)
    end = begin + 4 * MINUTE
    for unit in units:
        floor.tell(Told(unit, (Said(begin, "state", EXECUTE),), tuple(range(begin, end + 1, 4 * SECOND))))
    for unit in units:
        floor.now_ns = end - 90 * SECOND
        floor.machine(unit, parts=4)
    floor.now_ns = end
    page = floor.asked("performance", scope=line)
    assert page["elements"]["unknown_ns"] == 0 and page["elements"]["produced"] == 4 * len(units)
    for row in (*page["units"], page, *page["products"]):
        assert row["withheld"]["effectiveness"] == "too_short" and row["figures"]["oee_index"] is None
        assert row["figures"]["availability"] == 1.0


def test_what_is_faster_than_planned_is_said_with_its_two_times() -> None:
    pru = next(op for op in DEFINITIONS.products["EA-100"].operations if op.number == 20).standard_time_s
    floor = Floor(at_ns=local(2027, 1, 12, 6))
    running(floor, 60, pru / 2)
    page = floor.asked("performance", scope=CELL)
    assert page["figures"]["effectiveness"] == pytest.approx(2.0, abs=0.1)
    (fast,) = page["too_fast"]
    assert (fast["work_unit"], fast["product"]) == (CELL, "EA-100")
    assert fast["planned_ns"] == pytest.approx(pru * SECOND, rel=0.01)
    assert fast["took_ns"] == pytest.approx(pru / 2 * SECOND, rel=0.1)


def test_what_goes_in_by_the_batch_is_planned_by_the_batch() -> None:
    """Four parts of a furnace that takes four are one planned time of it, not four."""
    product = DEFINITIONS.products["EA-100"]
    (step,) = [each for each in product.operations if each.number == 20]
    fours = replace(product, operations=tuple(
        replace(each, batch=4) if each is step else each for each in product.operations
    ))  # fmt: skip
    floor = Floor(replace(DEFINITIONS, products={**DEFINITIONS.products, "EA-100": fours}),
                  at_ns=local(2027, 1, 12, 6))  # fmt: skip
    running(floor, 40, step.standard_time_s / 4)
    page = floor.asked("performance", scope=CELL)
    assert page["figures"]["effectiveness"] == pytest.approx(1.0, abs=0.05)
    assert page["too_fast"] == []


def test_two_failures_have_a_mean_and_one_has_none() -> None:
    floor = Floor(at_ns=local(2027, 1, 12, 6))
    floor.stood(minutes=5)
    (unit,) = floor.asked("performance", scope=CELL)["units"]
    assert unit["reliability"] == {"failures": 1, "mtbf_s": None, "mttr_s": None}
    floor.stood(minutes=10)
    floor.say(state=SUSPENDED, starved=True, for_s=600)  # the neighbour's, and no failure
    (unit,) = floor.asked("performance", scope=CELL)["units"]
    assert unit["reliability"] == {"failures": 2, "mtbf_s": 4 * 60 / 3, "mttr_s": 15 * 60 / 3}
    assert coded(floor, floor.stops()[0], "change_over").accepted  # somebody meant it to stand
    (unit,) = floor.asked("performance", scope=CELL)["units"]
    assert unit["reliability"]["failures"] == 1


def test_failures_of_a_shift_of_which_little_was_seen_have_no_mean() -> None:
    floor = Floor(at_ns=local(2027, 1, 12, 13, 20))
    floor.stood()
    floor.stood()
    (unit,) = floor.asked("performance", scope=CELL)["units"]
    assert unit["reliability"] == {"failures": 2, "mtbf_s": None, "mttr_s": None}


def test_parts_for_which_nobody_has_said_a_time_make_no_pace() -> None:
    floor = Floor(replace(DEFINITIONS, cycles_s={}), local(2027, 1, 12, 6))
    for _ in range(20):
        floor.say(state=EXECUTE, for_s=60)
        floor.machine(CELL)  # for no job order
    (unit,) = floor.asked("performance", scope=CELL)["units"]
    assert unit["elements"]["unrated"] == unit["elements"]["produced"] >= 19
    assert unit["withheld"]["effectiveness"] == "unrated" and unit["figures"]["oee_index"] is None
    assert unit["figures"]["quality_ratio"] == 1.0


@pytest.mark.parametrize(
    ("at", "hours"), [((2027, 1, 17, 3), 168), ((2027, 3, 28, 12), 167), ((2026, 10, 25, 12), 169)]
)
def test_a_week_is_its_seven_production_days(at: tuple[int, ...], hours: int) -> None:
    calendar = DEFINITIONS.calendars[CELL]
    assert calendar is not None
    week = figures.window_of(calendar, local(*at), whole_week=True)
    assert (week.to_ns - week.from_ns) == hours * HOUR
    days, at_ns = [], week.from_ns
    while at_ns < week.to_ns:
        day = figures.window_of(calendar, at_ns, whole_day=True)
        days.append(day.day)
        at_ns = day.to_ns
    assert len(days) == 7 and days[0] == week.day and at_ns == week.to_ns
    assert week.from_ns <= local(*at) < week.to_ns
    utc = figures.window_of(None, local(*at), whole_week=True)
    assert datetime.fromtimestamp(utc.from_ns / SECOND, UTC).strftime("%a %H") == "Mon 00"


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_the_parts_of_a_production_day_add_up_exactly(data: st.DataObject) -> None:
    floor = Floor(at_ns=local(2027, 1, 12, 6) + data.draw(st.integers(0, 4)) * HOUR)
    for _ in range(data.draw(st.integers(1, 8))):
        floor.say(
            state=data.draw(st.sampled_from((EXECUTE, HELD, SUSPENDED, IDLE))),
            starved=data.draw(st.booleans()), gap=data.draw(st.sampled_from((False, False, False, True))),
            for_s=data.draw(st.integers(1, 9_000)),
        )  # fmt: skip
        rows = floor.stops()
        if rows and data.draw(st.booleans()):
            row = rows[-1]
            reason = data.draw(st.sampled_from(("nozzle", "cleaning", "no_order", "change_over")))
            coded(floor, row, reason, cause="seen")
    day = _elements(floor, local(2027, 1, 12, 12), "day")
    assert day.calendar_ns == 24 * HOUR
    shifts = [_elements(floor, local(2027, 1, 12, hour), "shift") for hour in (6, 14, 22)]
    assert kpi.total(shifts) == day
    begin = local(2027, 1, 12, 6)
    cuts = sorted({begin, begin + 24 * HOUR,
                   *(begin + data.draw(st.integers(1, 24 * HOUR - 1)) for _ in range(3))})  # fmt: skip
    parts = [
        figures.elements_in(
            figures.unit_time(
                floor.store.book, floor.definitions, CELL, from_ns=low, to_ns=high, now_ns=floor.now_ns
            )
        )
        for low, high in itertools.pairwise(cuts)
    ]
    assert kpi.total(parts) == day
    assert sum(day.by_class().get(each, 0) for each in TimeClass) == 24 * HOUR
