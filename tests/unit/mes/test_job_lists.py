"""A job list of another program: placed through the door of the schedule, each bad job order by itself."""

from __future__ import annotations

import dataclasses

import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import ImportedRow, ImportReport
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.exchange import confirming, telling
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.exchange.queries import TRAILS
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.queries import plan_in_force, schedule_in_force
from taktwin.standards import b2mml
from taktwin.standards.b2mml import JobIn, JobOut
from taktwin.storage.journal import MemoryTrail
from tests.unit.mes.conftest import SECOND, Shop

HOUR = 3600 * SECOND


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A shop with two orders of an e-axle."""
    for name in ("1", "2"):
        shop.granted(commands.DropOrder(request=name, product="EA-100", quantity=2, due_ns=shop.now_ns))
    return shop


def job(shop: Shop, name: str, work_unit: str, at_h: float, **more: object) -> JobOut:
    """Return a job order of the list: an hour long."""
    begin_ns = shop.now_ns + round(at_h * HOUR)
    said = JobOut(name, "", "EA-100", 0, 0, "", work_unit, begin_ns, begin_ns + HOUR, 0)
    return dataclasses.replace(said, **more)  # type: ignore[arg-type]


def send(shop: Shop, *jobs: JobOut, verb: str = "Sync", action: str = "", bod: str = "") -> ImportReport:
    """Send a job list as another program does."""
    bod = bod or f"list-{len(shop.store.entries)}"
    message = b2mml.show_job_list(jobs, schedule="L", sender=bod, at_ns=shop.now_ns, verb=verb).decode()
    if action:
        expression = f'<b2mml:ActionExpression actionCode="{action}"/>'
        criteria = f"<b2mml:ActionCriteria>{expression}</b2mml:ActionCriteria>"
        message = message.replace(f"<b2mml:{verb} />", f"<b2mml:{verb}>{criteria}</b2mml:{verb}>")
    # A quantity of 0 is no quantity.
    message = message.replace(">0</b2mml:QuantityString>", ">2</b2mml:QuantityString>")
    importer = Importer(shop.desk, shop.store, shop.definitions, sender="n", time_zone="Europe/Vienna")
    return importer.take("b2mml", message.encode(), actor="aps", actor_type="service", at_ns=shop.now_ns)


def row(report: ImportReport, name: str) -> ImportedRow:
    """Return what became of one job order."""
    return next(each for each in report.rows if each.request == name)


def test_a_list_becomes_the_schedule_in_force(busy: Shop) -> None:
    report = send(busy, job(busy, "1-10", "load2", 9), job(busy, "1-20", "adhesive2", 10))
    assert [each.accepted for each in report.rows] == [True, True], report
    plan = plan_in_force(busy.store.book)
    assert (plan["1-10"].work_unit, plan["1-20"].work_unit) == ("load2", "adhesive2")
    row_ = schedule_in_force(busy.store.book)
    assert row_ is not None and row_.version == 1 and row_.by == "aps" and "job list" in row_.cause
    assert busy.store.entries[-1].event_type == "schedule.published"
    assert "AcknowledgeJobList" in report.document and report.document.count('"Accepted"') == 2
    assert rebuilt(busy.store.entries).rows == busy.store.book.rows


def test_what_the_list_does_not_name_keeps_its_place_and_what_it_deletes_leaves(busy: Shop) -> None:
    send(busy, job(busy, "1-10", "load2", 9), job(busy, "2-10", "load2", 11))
    send(busy, job(busy, "1-20", "adhesive2", 12), action="Change")
    assert sorted(plan_in_force(busy.store.book)) == ["1-10", "1-20", "2-10"]
    report = send(busy, job(busy, "2-10", "load2", 11), action="Delete")
    assert report.rows[0].accepted and sorted(plan_in_force(busy.store.book)) == ["1-10", "1-20"]


def test_good_job_orders_go_in_beside_each_kind_of_bad_one(busy: Shop) -> None:
    busy.now_ns += HOUR
    good = job(busy, "1-10", "load2", 20)
    report = send(
        busy, good,
        job(busy, "9-10", "load2", 20),  # nobody knows it
        job(busy, "1-20", "press2", 22),  # no press can bond
        job(busy, "2-10", "load2", 20.5),  # while 1-10 is there
        job(busy, "2-20", "adhesive2", 30),  # without the operation before it, then
        job(busy, "1-30", "", 30),  # nowhere
        job(busy, "1-40", "tighten2", 30, product="EA-200"),
        job(busy, "1-10", "load2", 40),  # named twice
    )  # fmt: skip
    assert [(each.request, each.accepted) for each in report.rows] == [
        ("1-10", True), ("9-10", False), ("1-20", False), ("2-10", False), ("2-20", False), ("1-30", False),
        ("1-40", False), ("1-10", False),
    ]  # fmt: skip
    assert list(plan_in_force(busy.store.book)) == ["1-10"]
    for name, words in (
        ("9-10", "'9-10'"), ("1-20", "'press2'"), ("2-10", "while 1-10 is there"), ("2-20", "without 2-10"),
        ("1-30", "the work unit"), ("1-40", "EA-200"),
    ):  # fmt: skip
        assert words in row(report, name).reason, row(report, name)
    assert "twice" in report.rows[-1].reason
    assert report.document.count('"Rejected"') == 7


def test_what_is_not_a_lists_to_say_is_named_and_not_taken(busy: Shop) -> None:
    report = send(busy, job(busy, "1-10", "load2", 9, priority=5, state="Running"))
    assert report.rows[0].accepted
    assert report.rows[0].remark == "not used: Priority 5 (it is 0), DispatchStatus Running (it is Waiting)"
    now = busy.store.book.get(JobOrder, "1-10")
    assert now is not None and (now.priority, now.state) == (0, "NotAllowedToStart")
    assert "not used: Priority 5" in report.document


def test_the_same_list_twice_publishes_once_and_somebody_elses_change_stays(busy: Shop) -> None:
    wanted = job(busy, "1-10", "load2", 9)
    first = send(busy, wanted, bod="same")
    entries = len(busy.store.entries)
    assert send(busy, wanted, bod="same").rows == first.rows and len(busy.store.entries) == entries
    moved = job(busy, "1-10", "load2", 15)
    send(busy, moved)
    # The first list once more, as a program does that had no answer: it was done, and is not done again.
    assert send(busy, wanted, bod="same").rows[0].accepted
    assert plan_in_force(busy.store.book)["1-10"].begin_ns == moved.begin_ns


def test_a_list_changes_nothing_in_the_frozen_zone(busy: Shop) -> None:
    zone_h = busy.definitions.frozen_ns["load2"] / HOUR
    assert zone_h > 0
    send(busy, job(busy, "1-10", "load2", zone_h / 2))
    report = send(busy, job(busy, "1-10", "load2", zone_h + 5), job(busy, "2-10", "load2", zone_h + 8))
    assert [each.accepted for each in report.rows] == [False, True]
    assert row(report, "1-10").code == "frozen" and "frozen" in row(report, "1-10").reason
    assert sorted(plan_in_force(busy.store.book)) == ["1-10", "2-10"]


def test_our_own_list_comes_back_as_it_left_in_another_mes(busy: Shop, definitions: Definitions) -> None:
    send(busy, job(busy, "1-10", "load2", 9), job(busy, "1-20", "adhesive2", 10))
    message = confirming.job_list(busy.store.book, sender="n", at_ns=busy.now_ns)
    listed = b2mml.job_list(b2mml.read(message))
    assert len(listed) > 10 and all(isinstance(each, JobIn) and not each.remark for each in listed)
    other = Shop(definitions)
    for name in ("1", "2"):
        other.granted(commands.DropOrder(request=name, product="EA-100", quantity=2, due_ns=other.now_ns))
    importer = Importer(other.desk, other.store, definitions, sender="o", time_zone="Europe/Vienna")
    report = importer.take("b2mml", message, actor="aps", actor_type="service", at_ns=other.now_ns)
    assert all(each.accepted for each in report.rows), [each for each in report.rows if not each.accepted]
    assert plan_in_force(other.store.book) == plan_in_force(busy.store.book)


def test_the_work_performance_says_who_made_what_where_and_from_what(
    busy: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy.granted(commands.ReceiveLot(lot="G1", product="AD-3", quantity=500.0))
    busy.granted(commands.LoadLot(lot="G1", work_unit="adhesive2"))
    busy.begin("1-20", "adhesive2")
    busy.machine("adhesive2", serial="A1")
    busy.machine("adhesive2", serial="A2", kind="reject")
    busy.now_ns += HOUR
    said = confirming.work_performance(
        busy.store.book, busy.definitions, "1", sender="n", at_ns=busy.now_ns
    )  # fmt: skip
    assert said is not None
    responses = {each.job: each for each in b2mml.read_work_performance(said)}
    assert len(responses) == len(busy.store.book.where(JobOrder, request="1"))
    bonded = responses["1-20"]
    assert (bonded.state, bonded.good, bonded.scrap, bonded.units) == ("Running", 1, 1, ("A1",))
    assert bonded.consumed[("AD-3", "G1")] == 28.0
    assert set(bonded.equipment) == {"adhesive2"} and bonded.equipment["adhesive2"] >= 3600
    assert responses["1-10"].state == "Waiting" and not responses["1-10"].started_ns
    assert confirming.work_performance(busy.store.book, busy.definitions, "9", sender="n", at_ns=0) is None
    monkeypatch.setattr(confirming, "UNITS_MAX", 1)
    said = confirming.work_performance(busy.store.book, busy.definitions, "1", sender="n", at_ns=0)
    assert said is not None and b"MaterialSubLotID" not in said and b">1<" in said


def test_events_are_told_by_class_in_order_and_from_any_sequence_on(busy: Shop) -> None:
    busy.granted(commands.ReceiveLot(lot="G1", product="AD-3", quantity=500.0))
    busy.granted(commands.Hold(kind="lot", id="G1", cause="it is <too> old\nand thin"))
    trail = MemoryTrail(busy.store.entries)

    def ask(after: int, *classes: str) -> dict[str, object]:
        wish = {"after": after, "classes": list(classes), "sender": "n"}
        return TRAILS["b2mml_events"](busy.store.book, trail, busy.definitions, wish, busy.now_ns)

    found = ask(0, "hold", "material")
    content = found["content"]
    assert isinstance(content, bytes)
    told = b2mml.read_operations_events(content)
    assert [(each.event_type, each.category, each.alert) for each in told] == [
        ("lot.received", "material", False), ("lot.disposition.changed", "hold", False),
    ]  # fmt: skip
    assert told[1].fields["cause"] == '"it is <too> old\\nand thin"' and told[1].sequence == found["last"]
    assert ask(told[1].sequence, "hold", "material") == {}
    assert ask(0, "stop") == {}


def test_every_event_type_of_a_class_is_one_that_we_say(busy: Shop) -> None:
    for name, kind in telling.CLASSES.items():
        types = telling.types_of([name])
        assert types, f"class {name} has no event"
        assert set(kind.alerts) <= set(types), name
        for prefix in kind.types:
            assert any(each.startswith(prefix) for each in types), f"{name}: nothing begins with {prefix}"
