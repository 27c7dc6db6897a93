"""Measurements with limits: whose part it was, what is held by itself, and who lets it go."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from taktwin.bus.memory import MemoryBus, MemoryHub
from taktwin.bus.port import Message
from taktwin.clock import VirtualClock
from taktwin.contracts import commands, samples
from taktwin.contracts.commands import Answer
from taktwin.identity import SignalId
from taktwin.mes.api import QUERIES, REASONS
from taktwin.mes.collection.actions import Heard
from taktwin.mes.definitions.inspection import Characteristic
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.quality import engine
from taktwin.mes.quality.tables import Nonconformance, Result
from taktwin.mes.records.tables import Signature
from taktwin.mes.service import MesService
from taktwin.mes.tracking.tables import Unit
from taktwin.plant import open_plant
from taktwin.storage.journal import verify
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop

BEAD = "adhesive2/bead_width"
GOOD = "adhesive2/good_count"
SERIAL = "adhesive2/serial"


@pytest.fixture
def cell(shop: Shop) -> Shop:
    """A shop whose bonding cell runs an order of twenty axles."""
    shop.granted(commands.DropOrder(request="88263", product="EA-100", quantity=20, due_ns=START_NS))
    shop.begin("88263-20", "adhesive2")
    hear(shop, (GOOD, 100))  # the counter's first word books nothing
    return shop


def hear(shop: Shop, *said: tuple[str, int | float | str], at_ns: int = 0) -> int:
    """Let machines say something, all at one instant; return it."""
    shop.now_ns += SECOND
    at = at_ns or shop.now_ns
    shop.desk.hear([Heard(signal, value, at) for signal, value in said], stream="SAMPLES", position=at)
    return at


def results(shop: Shop) -> list[tuple[str, float | None, str]]:
    """Return (unit, value, verdict) of each result, in order of time."""
    rows = sorted(shop.store.book.where(Result), key=lambda row: row.at_ns)
    return [(row.unit, row.value, row.verdict) for row in rows]


def unit(shop: Shop, serial: str) -> Unit:
    row = shop.store.book.get(Unit, serial)
    assert row is not None
    return row


def opened(shop: Shop, name: str = "NC-1") -> Nonconformance:
    row = shop.store.book.get(Nonconformance, name)
    assert row is not None
    return row


def part(shop: Shop, number: int, width: float = 2.4) -> str:
    """Let the cell make one axle: its number when it begins, its value and its count when it is done."""
    serial = f"A{number}"
    hear(shop, (SERIAL, serial))
    hear(shop, (BEAD, width), (GOOD, 100 + number))
    return serial


def dispose(shop: Shop, name: str, what: str, cause: str = "looked at it", **more: int) -> Answer:
    version = more.pop("version", opened(shop, name).version)
    wish = commands.Dispose(nonconformance=name, disposition=what, cause=cause, version=version, **more)
    return shop.ask(wish, actor="Q7")


def strength(shop: Shop, value: float | None, **more: object) -> Answer:
    wish = {"job": "88263-20", "characteristic": "adhesive_strength", "unit_of_measure": "MPa", **more}
    return shop.ask(commands.RecordResult(value=value, **wish))  # type: ignore[arg-type]


# The pure part.

SHAFT = Characteristic("shaft", "Shaft", ("S",), "grinder", "mm", 35.0, 34.992, 35.008)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(34.992, "OK"), (35.008, "OK"), (34.9919, "NOK"), (35.0081, "NOK"), (35.0, "OK")],
)
def test_a_value_on_its_limit_is_inside(value: float, verdict: str) -> None:
    assert engine.verdict(SHAFT, value) == verdict


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3.5, 350.0, -35.0, 35.17, 34.83])
def test_what_nobody_can_have_measured_is_told_from_a_bad_part(value: float) -> None:
    assert not engine.possible(SHAFT, value)
    assert engine.possible(SHAFT, 35.16)


def test_one_limit_reaches_ten_times_as_far_and_the_plant_model_has_the_last_word() -> None:
    runout = dataclasses.replace(SHAFT, nominal=None, lower=None, upper=12.0)
    assert engine.plausible(runout) == (12.0 - 120.0, 132.0)
    assert engine.plausible(dataclasses.replace(runout, minimum=0.0, maximum=50.0)) == (0.0, 50.0)
    assert engine.plausible(dataclasses.replace(runout, upper=0.0)) == (-math.inf, math.inf)


def test_limits_are_told_in_words() -> None:
    assert engine.told(SHAFT, 35.01) == "Shaft is 35.01 mm, not 34.992 to 35.008 mm"
    assert engine.limits(dataclasses.replace(SHAFT, lower=None)) == "at most 35.008 mm"
    assert engine.limits(dataclasses.replace(SHAFT, upper=None)) == "at least 34.992 mm"
    yes = dataclasses.replace(SHAFT, lower=None, upper=None, nominal=None, attribute=True)
    assert engine.told(yes, None) == "Shaft is no, not yes"


def test_a_machines_32_bit_number_is_told_with_the_digits_that_it_has() -> None:
    assert engine.told(SHAFT, 35.0099983215332) == "Shaft is 35.01 mm, not 34.992 to 35.008 mm"


def test_the_next_part_is_due_by_the_count_of_good_parts() -> None:
    assert [engine.parts_left(made=made, made_then=10, every=5) for made in (10, 14, 15, 18)] == [5, 1, 0, -3]


# What machines measure.


def test_a_value_belongs_to_the_part_in_work_whether_it_comes_before_at_or_after_the_count(
    cell: Shop,
) -> None:
    hear(cell, (SERIAL, "A1"))
    hear(cell, (BEAD, 2.41))
    hear(cell, (GOOD, 101))
    hear(cell, (SERIAL, "A2"))
    hear(cell, (BEAD, 2.42), (GOOD, 102))
    hear(cell, (SERIAL, "A3"))
    hear(cell, (GOOD, 103))
    hear(cell, (BEAD, 2.43))
    assert results(cell) == [("A1", 2.41, "OK"), ("A2", 2.42, "OK"), ("A3", 2.43, "OK")]


def test_the_next_part_begins_at_the_very_instant_at_which_this_one_is_done(cell: Shop) -> None:
    """In whatever order a scan holds what has one time stamp."""
    hear(cell, (SERIAL, "A1"))
    hear(cell, (SERIAL, "A2"), (BEAD, 2.41), (GOOD, 101))
    hear(cell, (BEAD, 2.42), (GOOD, 102), (SERIAL, "A3"))
    hear(cell, (GOOD, 103), (SERIAL, "A4"), (BEAD, 2.43))
    assert results(cell) == [("A1", 2.41, "OK"), ("A2", 2.42, "OK"), ("A3", 2.43, "OK")]
    assert sorted(row.unit for row in cell.store.book.where(Unit)) == ["A1", "A2", "A3"]


def test_a_value_that_comes_late_finds_the_part_before_and_an_older_one_nobody(cell: Shop) -> None:
    begun = hear(cell, (SERIAL, "A1"))
    done = hear(cell, (GOOD, 101))
    hear(cell, (SERIAL, "A2"))
    hear(cell, (BEAD, 2.41), at_ns=done)  # another road, slower
    hear(cell, (SERIAL, "A3"))
    hear(cell, (BEAD, 2.42), at_ns=begun + 1)
    assert results(cell) == [("", 2.42, "OK"), ("A1", 2.41, "OK")]


def test_the_value_of_the_last_part_comes_after_its_job_order_has_ended(cell: Shop) -> None:
    for number in range(1, 20):
        part(cell, number)
    hear(cell, (SERIAL, "A20"))
    hear(cell, (GOOD, 120))
    job = cell.store.book.get(JobOrder, "88263-20")
    assert job is not None and job.state == "Ended"
    hear(cell, (BEAD, 2.9))
    assert results(cell)[-1] == ("A20", 2.9, "NOK")
    assert unit(cell, "A20").disposition == "Restricted"
    # The next part is of no job order of ours: its values are nobody's.
    hear(cell, (SERIAL, "A21"))
    hear(cell, (BEAD, 2.9), (GOOD, 121))
    assert len(results(cell)) == 20


def test_the_same_delivery_again_is_the_same_result_and_no_number_is_none(cell: Shop) -> None:
    hear(cell, (SERIAL, "A1"))
    at = hear(cell, (BEAD, 2.9), (GOOD, 101))
    hear(cell, (BEAD, 2.9), (GOOD, 101), at_ns=at)
    for strange in (math.nan, math.inf, "wide", None, [2.4, 2.5], True):
        hear(cell, (BEAD, strange))  # type: ignore[arg-type]
    assert results(cell) == [("A1", 2.9, "NOK")]
    assert [row.nonconformance for row in cell.store.book.where(Nonconformance)] == ["NC-1"]


def test_values_while_nothing_runs_or_of_another_product_are_nobodys(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=5, due_ns=START_NS))
    hear(shop, (BEAD, 9.0))
    shop.begin("1-20", "adhesive2")
    hear(shop, ("adhesive2/product", "EA-200"))
    hear(shop, (BEAD, 9.0))
    assert results(shop) == []


def test_what_is_outside_its_limits_is_held_by_itself_also_if_the_unit_does_not_exist_yet(cell: Shop) -> None:
    part(cell, 1)
    hear(cell, (SERIAL, "A2"))
    hear(cell, (BEAD, 2.71))
    assert cell.store.book.get(Unit, "A2") is None
    hear(cell, (GOOD, 102))
    held = unit(cell, "A2")
    assert (held.disposition, held.reason) == ("Restricted", "NC-1: Bead width is 2.71 mm, not 2.2 to 2.6 mm")
    row = opened(cell)
    assert (row.unit, row.job, row.work_unit, row.signal) == ("A2", "88263-20", "adhesive2", BEAD)
    assert (row.state, row.suspects, row.person) == ("Open", 1, "")
    assert unit(cell, "A1").disposition == "In-Process"


def test_a_machine_that_builds_a_held_unit_in_is_believed_and_the_unit_stays_held(cell: Shop) -> None:
    serial = part(cell, 1, 2.71)
    cell.begin("88263-30", "press2")
    cell.machine("press2", serial=serial)
    row = unit(cell, serial)
    assert (row.operation, row.disposition) == (30, "Restricted")


def test_a_person_who_scans_a_held_unit_to_build_it_in_is_told_that_it_is_held(cell: Shop) -> None:
    part(cell, 1)
    free = cell.ask(commands.LoadLot(lot="A1", work_unit="press2"))
    assert not free.accepted and free.right == "a lot; which unit goes in, the machine says"
    part(cell, 2, 2.71)
    held = cell.ask(commands.LoadLot(lot="A2", work_unit="press2"))
    assert not held.accepted and "Restricted (NC-1: Bead width" in held.found
    assert (held.place, held.right) == ("unit A2", "a unit that is not held")


async def test_a_machine_that_says_it_does_not_know_has_said_nothing(tmp_path: Path) -> None:
    """A counter, a number, a value without one: what a source knows to be absent is Good, and is no value."""
    registry = open_plant(PLANT)
    clock = VirtualClock()
    service = MesService(
        bus=MemoryBus(MemoryHub(clock)), registry=registry, clock=clock, connect=lambda: cast("Any", None),
        folder=tmp_path, memory_mb=lambda: 0.0, pid=1,
    )  # fmt: skip
    signals = [registry.by_id[SignalId(name)].index for name in (GOOD, SERIAL, BEAD)]
    scan = samples.Scan(registry=registry.prefix, connector="line2", epoch_ns=1, sequence=1, t0_ns=5,
                        signals=signals * 2, dt_ns=[0] * 6, values=[None, None, None, 7, "A1", 2.4],
                        qualities=[1, 1, 1, 0, 0, 0])  # fmt: skip
    heard = service._heard(Message("", samples.encode(scan), {}))
    assert [(one.signal, one.value) for one in heard] == [(GOOD, 7), (SERIAL, "A1"), (BEAD, 2.4)]


async def test_what_a_gateway_of_another_plant_model_says_is_not_counted_and_said_so(tmp_path: Path) -> None:
    """Its numbers of signals mean others: nothing is booked, and nobody has to guess why."""
    registry = open_plant(PLANT)
    clock = VirtualClock()
    service = MesService(
        bus=MemoryBus(MemoryHub(clock)), registry=registry, clock=clock, connect=lambda: cast("Any", None),
        folder=tmp_path, memory_mb=lambda: 0.0, pid=1,
    )  # fmt: skip
    own = samples.Scan(
        registry=registry.prefix, connector="line2", epoch_ns=1, sequence=1, t0_ns=5,
        signals=[registry.by_id[SignalId(GOOD)].index], dt_ns=[0], values=[7], qualities=[0],
    )  # fmt: skip
    foreign = msgspec.structs.replace(own, registry="0" * len(registry.prefix))
    assert service._heard(Message("", samples.encode(foreign), {})) == []
    assert service._heard(Message("", b"not a scan", {})) == []
    assert (service._counts["foreign"], service._counts["malformed"]) == (1, 1)
    assert f"plant model {'0' * len(registry.prefix)}" in service._reasons["collection from line2"]
    assert len(service._heard(Message("", samples.encode(own), {}))) == 1
    assert "collection from line2" not in service._reasons


def test_the_next_operation_names_the_held_unit_while_all_that_waits_for_it_is_held(cell: Shop) -> None:
    from taktwin.mes.dispatching.queries import board

    for number, (product, work_unit) in enumerate((("BR-7", "press2"),)):
        cell.granted(commands.ReceiveLot(lot=f"L{number}", product=product, quantity=99))
        cell.granted(commands.LoadLot(lot=f"L{number}", work_unit=work_unit))

    def obstacle() -> tuple[str, str] | None:
        line = next(
            each
            for each in board(cell.store.book, cell.definitions, cell.now_ns)
            if each.job.job == "88263-30"
        )
        return None if line.obstacle is None else (line.obstacle.kind, line.obstacle.subject)

    assert obstacle() == ("before", "88263-20")
    part(cell, 1, 2.71)
    assert obstacle() == ("hold", "A1")
    part(cell, 2)
    assert obstacle() is None


# What people measure.


def test_a_result_by_hand_names_the_person_and_the_gauge(cell: Shop) -> None:
    part(cell, 1)
    kind = next(iter(cell.definitions.gauges))
    cell.granted(commands.CalibrateGauge(gauge="PULL-2", kind=kind))
    assert strength(cell, 14.1, unit="A1", gauge="PULL-2").accepted
    row = next(row for row in cell.store.book.where(Result, characteristic="adhesive_strength"))
    assert (row.unit, row.value, row.verdict, row.person, row.gauge) == ("A1", 14.1, "OK", "P01", "PULL-2")
    assert (row.lower, row.upper, row.job, row.operation) == (12.5, None, "88263-20", 20)


@pytest.mark.parametrize(
    ("value", "more", "place", "words"),
    [
        (14.0, {"unit_of_measure": "kPa"}, "unit of Adhesive strength", "'MPa'"),
        (14.0, {"unit_of_measure": ""}, "unit of Adhesive strength", "'MPa'"),
        (1400.0, {}, "Adhesive strength", "0 to 60 MPa: nobody can have measured anything else"),
        (-1.0, {}, "Adhesive strength", "0 to 60 MPa"),
        (None, {}, "Adhesive strength", "a number in MPa"),
        (14.0, {"passed": True}, "Adhesive strength", "a number in MPa"),
        (2.4, {"characteristic": "bead_width"}, "characteristic", "not adhesive2/bead_width"),
        (14.0, {"characteristic": "torque"}, "characteristic", "people measure: adhesive_strength"),
        (14.0, {"characteristic": "beauty"}, "characteristic", "exists"),
        (14.0, {"job": "88263-99"}, "job order", "exists"),
        (14.0, {"job": "88263-30"}, "characteristic", "people measure: none"),
        (14.0, {"unit": "A77"}, "unit", "exists"),
        (14.0, {"gauge": "x" * 81}, "gauge", "a gauge that exists"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_would_be_right(
    cell: Shop, value: float | None, more: dict[str, object], place: str, words: str
) -> None:
    before = len(cell.store.entries)
    answer = strength(cell, value, **more)
    assert not answer.accepted and answer.place == place, answer
    assert words in answer.right
    assert len(cell.store.entries) == before


def test_numbers_that_are_none_do_not_come_in(cell: Shop) -> None:
    for text in (b'{"job":"88263-20","characteristic":"adhesive_strength","value":NaN}',
                 b'{"job":"88263-20","characteristic":"adhesive_strength","value":1e999}',
                 b'{"job":"88263-20","characteristic":"adhesive_strength","value":"14"}'):  # fmt: skip
        wish = commands.Command(id=f"n{len(text)}", name="result.record", actor="P01", data=msgspec.Raw(text))
        answer = cell.desk.execute(wish)
        assert not answer.accepted and answer.code == "invalid"


def test_a_part_of_another_order_and_a_job_that_has_not_begun_are_refused(cell: Shop) -> None:
    cell.granted(commands.DropOrder(request="2", product="EA-100", quantity=1, due_ns=START_NS))
    part(cell, 1)
    answer = strength(cell, 14.0, job="2-20", unit="A1")
    assert not answer.accepted and answer.found == "NotAllowedToStart"
    cell.granted(commands.ControlJob(job="88263-20", method="Stop"))
    cell.begin("2-20", "adhesive2")
    answer = strength(cell, 14.0, job="2-20", unit="A1")
    assert not answer.accepted and answer.found == "a EA-100 of order 88263"
    assert strength(cell, 14.0, unit="A1").accepted  # its own order has ended: measured late, and booked


def test_a_yes_or_no(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=5, due_ns=START_NS))
    shop.begin("1-80", "pack5")
    for more, right in (({"passed": None}, "yes or no"), ({"value": 1.0, "passed": True}, "yes or no")):
        answer = shop.ask(commands.RecordResult(job="1-80", characteristic="label", **more))  # type: ignore[arg-type]
        assert not answer.accepted and answer.right == right
    shop.granted(commands.RecordResult(job="1-80", characteristic="label", passed=True))
    shop.granted(commands.RecordResult(job="1-80", characteristic="label", passed=False))
    assert [row[2] for row in results(shop)] == ["OK", "NOK"]
    assert opened(shop).cause == "NC-1: Label readable is no, not yes"


def test_without_a_serial_number_the_parts_since_the_last_good_result_are_suspect(cell: Shop) -> None:
    for number in range(1, 4):
        part(cell, number)
    assert strength(cell, 14.0).accepted
    for number in range(4, 8):
        part(cell, number)
    assert strength(cell, 11.0).accepted
    row = opened(cell)
    assert (row.unit, row.job, row.work_unit, row.suspects) == ("", "88263-20", "adhesive2", 4)
    page = QUERIES["nonconformance"](cell.store.book, cell.definitions, {"nonconformance": "NC-1"}, 0)
    assert page["suspect_units"] == ["A4", "A5", "A6", "A7"]
    part(cell, 8)
    assert strength(cell, 10.0).accepted  # while it is open: the same, and one more part
    assert len(cell.store.book.where(Nonconformance)) == 1
    assert (opened(cell).suspects, opened(cell).results) == (5, 2)


def test_the_terminal_says_when_the_next_part_is_due_and_the_board_what_is_late(
    shop: Shop, definitions: Definitions
) -> None:
    every = dataclasses.replace(definitions.plan["adhesive_strength"], sample_every=3)
    shop = Shop(dataclasses.replace(definitions, plan={**definitions.plan, every.id: every}), shop.store)
    shop.granted(commands.DropOrder(request="88263", product="EA-100", quantity=20, due_ns=START_NS))
    shop.begin("88263-20", "adhesive2")
    hear(shop, (GOOD, 100))
    seen = []
    for number in range(1, 6):
        part(shop, number)
        here = QUERIES["terminal"](shop.store.book, shop.definitions, {"work_unit": "adhesive2"}, 0)
        late = QUERIES["board"](shop.store.book, shop.definitions, {}, 0)["lines"][0]["overdue"]
        seen.append((here["checks"][0]["left"], here["last_unit"], [each["parts"] for each in late]))
    assert seen == [(2, "A1", []), (1, "A2", []), (0, "A3", []), (-1, "A4", [1]), (-2, "A5", [2])]
    assert strength(shop, 14.0, unit="A5").accepted
    here = QUERIES["terminal"](shop.store.book, shop.definitions, {"work_unit": "adhesive2"}, 0)
    assert (here["checks"][0]["left"], here["checks"][0]["last"]["value"]) == (3, 14.0)


def test_the_plants_own_defect_codes_stand_on_the_terminal(cell: Shop, definitions: Definitions) -> None:
    def reasons(known: Definitions) -> list[str]:
        here = QUERIES["terminal"](cell.store.book, known, {"work_unit": "adhesive2"}, 0)
        return [each["code"] for each in here["reasons"]]

    assert reasons(definitions) == ["bead_gap", "damaged", "other", "smeared"]
    assert reasons(dataclasses.replace(definitions, defects=())) == list(REASONS)


# What is decided.


def test_used_as_it_is_goes_free_scrap_is_scrap_and_rework_stays_held(cell: Shop) -> None:
    for number in range(1, 5):
        part(cell, number, 2.71)
    assert dispose(cell, "NC-1", "use-as-is").accepted
    assert dispose(cell, "NC-2", "scrap").accepted
    assert dispose(cell, "NC-3", "rework").accepted
    assert dispose(cell, "NC-4", "return").accepted
    now = {name: (unit(cell, name).disposition, unit(cell, name).reason) for name in ("A1", "A2", "A3", "A4")}
    assert now == {
        "A1": ("In-Process", ""),
        "A2": ("Closed", "NC-2, scrap: looked at it"),
        "A3": ("Restricted", "NC-3, rework: looked at it"),
        "A4": ("Restricted", "NC-4, return: looked at it"),
    }
    states = {
        row.nonconformance: (row.state, row.decided_by) for row in cell.store.book.where(Nonconformance)
    }
    assert states == {
        "NC-1": ("Closed", "Q7"),
        "NC-2": ("Closed", "Q7"),
        "NC-3": ("Rework", "Q7"),
        "NC-4": ("Closed", "Q7"),
    }
    job = cell.store.book.get(JobOrder, "88263-20")
    assert job is not None and job.scrap == 1
    # Reworked and measured again: the same nonconformance has the new result, and goes.
    assert strength(cell, 14.0, unit="A3").accepted
    assert dispose(cell, "NC-3", "use-as-is", "reworked, good").accepted
    assert unit(cell, "A3").disposition == "In-Process"
    told = {key: row for key, row in cell.store.book.rows.items() if key[0] not in ("readings", "positions")}
    assert rebuilt(cell.store.entries).rows == told
    assert verify(cell.store.entries).broken is None


def test_a_disposition_is_refused_without_a_reason_twice_and_to_who_saw_an_older_state(cell: Shop) -> None:
    part(cell, 1, 2.71)
    for wrong, place in ((dispose(cell, "NC-1", "use-as-is", "  "), "reason"),
                         (dispose(cell, "NC-1", "use-as-is", "x" * 501), "reason"),
                         (dispose(cell, "NC-1", "forget"), "disposition")):  # fmt: skip
        assert not wrong.accepted and wrong.place == place
    assert dispose(cell, "NC-1", "rework").accepted
    late = dispose(cell, "NC-1", "scrap", version=1)
    assert not late.accepted and (late.code, late.changed_by) == ("conflict", "Q7")
    assert dispose(cell, "NC-1", "use-as-is").accepted
    again = dispose(cell, "NC-1", "scrap")
    assert not again.accepted and again.found == "use-as-is, decided by Q7"
    wish = commands.Dispose(nonconformance="NC-9", disposition="scrap", cause="x", version=1)
    assert cell.ask(wish).code == "unknown"
    program = commands.make(wish, command_id="p1", actor="planner", actor_type="service")
    assert cell.desk.execute(program).found == "a program"


def test_nobody_anticipates_the_decision_by_a_release_or_by_scrap(cell: Shop) -> None:
    part(cell, 1, 2.71)
    for wish in (
        commands.Release(kind="unit", id="A1", cause="fine"),
        commands.ReportScrap(job="88263-20", cause="damaged", unit="A1"),
    ):
        refused = cell.ask(wish)
        assert not refused.accepted and "NC-1 is open" in refused.found
    assert unit(cell, "A1").disposition == "Restricted"


def test_scrap_of_quality_is_taken_back_at_no_terminal(cell: Shop) -> None:
    part(cell, 1, 2.71)
    assert dispose(cell, "NC-1", "scrap").accepted
    here = QUERIES["terminal"](cell.store.book, cell.definitions, {"work_unit": "adhesive2"}, cell.now_ns)
    assert here["reports"] == []
    refused = cell.ask(commands.UndoScrap(report="NC-1"))
    assert not refused.accepted and refused.found == "decided by quality"


def test_scrap_that_is_taken_back_is_held_where_its_value_came_afterwards(cell: Shop) -> None:
    hear(cell, (SERIAL, "A1"))
    hear(cell, (GOOD, 101))
    assert cell.ask(commands.ReportScrap(job="88263-20", cause="x", unit="A1"), command_id="s1").accepted
    hear(cell, (BEAD, 2.9))
    assert unit(cell, "A1").disposition == "Closed"
    cell.granted(commands.UndoScrap(report="s1"))
    assert unit(cell, "A1").disposition == "Restricted"


def test_a_unit_that_is_held_for_two_things_goes_free_after_both(cell: Shop) -> None:
    part(cell, 1, 2.71)
    assert strength(cell, 11.0, unit="A1").accepted
    assert dispose(cell, "NC-1", "use-as-is").accepted
    held = unit(cell, "A1")
    assert held.disposition == "Restricted" and held.reason.startswith("NC-2: Adhesive strength is 11 MPa")
    assert dispose(cell, "NC-2", "use-as-is").accepted
    assert unit(cell, "A1").disposition == "In-Process"


def test_what_a_person_or_a_lot_holds_too_a_disposition_does_not_free(cell: Shop) -> None:
    part(cell, 1)
    cell.granted(commands.Hold(kind="unit", id="A1", cause="dropped"))
    assert strength(cell, 11.0, unit="A1").accepted
    assert dispose(cell, "NC-1", "use-as-is").accepted
    assert (unit(cell, "A1").disposition, unit(cell, "A1").reason) == ("Restricted", "dropped")
    cell.granted(commands.Release(kind="unit", id="A1", cause="not dented"))


def test_a_reject_of_the_machine_is_scrap_once_and_its_nonconformance_is_closed_as_scrap(cell: Shop) -> None:
    hear(cell, ("adhesive2/reject_count", 7))
    hear(cell, (SERIAL, "A1"))
    hear(cell, (BEAD, 2.9), ("adhesive2/reject_count", 8))
    assert unit(cell, "A1").disposition == "Closed"
    refused = dispose(cell, "NC-1", "use-as-is")
    assert not refused.accepted and "scrap already" in refused.found
    assert dispose(cell, "NC-1", "scrap").accepted
    job = cell.store.book.get(JobOrder, "88263-20")
    assert job is not None and job.scrap == 1


def test_scrap_without_a_serial_number_says_how_many_of_the_suspects(cell: Shop) -> None:
    for number in range(1, 4):
        part(cell, number)
    assert strength(cell, 11.0).accepted
    for quantity in (0, -1, 4):
        refused = dispose(cell, "NC-1", "scrap", quantity=quantity)
        assert not refused.accepted and refused.right == "1 to 3: the suspect parts"
    assert dispose(cell, "NC-1", "scrap", quantity=2).accepted
    job = cell.store.book.get(JobOrder, "88263-20")
    assert job is not None and job.scrap == 2


def test_what_was_decided_before_the_unit_was_counted_holds_for_it(cell: Shop) -> None:
    hear(cell, (SERIAL, "A1"))
    hear(cell, (BEAD, 2.9))
    assert dispose(cell, "NC-1", "scrap").accepted
    hear(cell, (GOOD, 101))
    assert unit(cell, "A1").disposition == "Restricted"


def test_the_pages_answers_open_ones_first(cell: Shop) -> None:
    for number in range(1, 4):
        part(cell, number, 2.71)
    assert dispose(cell, "NC-3", "scrap").accepted
    page = QUERIES["quality"](cell.store.book, cell.definitions, {}, 7)
    assert [row["nonconformance"] for row in page["nonconformances"]] == ["NC-2", "NC-1", "NC-3"]
    plan = {each["characteristic"]: each for each in page["characteristics"]}
    assert [row["unit"] for row in plan["bead_width"]["results"]] == ["A1", "A2", "A3"]
    assert plan["label"]["attribute"] and not plan["torque"]["results"]
    own = QUERIES["unit"](cell.store.book, cell.definitions, {"unit": "A1"}, 0)["results"]
    assert [(row["value"], row["verdict"], row["signal"]) for row in own] == [(2.71, "NOK", BEAD)]
    assert QUERIES["nonconformance"](cell.store.book, cell.definitions, {"nonconformance": "x"}, 0) == {}


def test_a_gauge_out_of_calibration_measures_nothing(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="1", product="SH-100", quantity=20, due_ns=START_NS))
    grind = next(row for row in shop.store.book.where(JobOrder, request="1") if row.name == "Grind")
    shop.begin(grind.job, shop.definitions.products["SH-100"].operation(grind.operation).work_units[0])

    def measure(gauge: str) -> Answer:
        return shop.ask(commands.RecordResult(job=grind.job, characteristic="shaft_diameter", value=35.0,
                                              unit_of_measure="mm", gauge=gauge))  # fmt: skip

    assert measure("C1").code == "unknown"
    kind = next(iter(shop.definitions.gauges))
    shop.granted(commands.CalibrateGauge(gauge="C1", kind=kind, until_ns=shop.now_ns + 60 * SECOND))
    granted = measure("C1")
    assert granted.events == ["gauge.used", "quality.result.recorded"], granted
    shop.now_ns += 120 * SECOND
    refused = measure("C1")
    assert (refused.code, refused.place) == ("not_ready", "gauge C1") and "expired" in refused.found
    assert measure("").accepted, "nobody says with what: as before"
    assert len(shop.store.book.where(Result)) == 2


def test_where_people_have_pins_a_disposition_is_signed_or_it_is_none(cell: Shop) -> None:
    hear(cell, (SERIAL, "A1"))
    hear(cell, (BEAD, 2.9), (GOOD, 101))
    row = opened(cell)
    cell.granted(commands.SetCredentials(person="P32", pin="2132"))
    entries = len(cell.store.entries)

    def dispose(**proof: str) -> Answer:
        return cell.ask(commands.Dispose(nonconformance=row.nonconformance, disposition="use-as-is",
                                         cause="measured again", version=row.version, **proof))  # type: ignore[arg-type] # fmt: skip

    assert not dispose().accepted and not dispose(person="P32").accepted
    wrong = dispose(person="P32", pin="1111")
    assert (wrong.accepted, wrong.code) == (False, "denied")
    noted = [entry.event_type for entry in cell.store.entries[entries:]]
    assert noted == ["person.not.recognised"], "nothing was decided, and the attempt is on record"
    assert unit(cell, "A1").disposition == "Restricted"
    answer = dispose(person="P32", pin="2132")
    assert answer.events[:2] == ["record.signed", "quality.nonconformance.disposed"], answer
    decided = cell.store.book.get(Nonconformance, row.nonconformance)
    assert decided is not None and (decided.decided_by, decided.state) == ("P32", "Closed")
    (signature,) = cell.store.book.where(Signature)
    assert (signature.record, signature.person, signature.meaning) == (row.nonconformance, "P32", "approved")
    assert all("2132" not in entry.content for entry in cell.store.entries)
