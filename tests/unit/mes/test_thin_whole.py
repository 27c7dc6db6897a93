"""One order for one product through the MES's decisions: dropped, dispatched, begun, counted, done."""

from __future__ import annotations

from taktwin.contracts import commands
from taktwin.contracts.events import MaterialCounted
from taktwin.mes.collection.tables import Counter
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import content_of, rebuilt
from taktwin.mes.execution.tables import JobOrder
from taktwin.mes.scheduling.tables import Request
from taktwin.mes.tracking.queries import genealogy, recall
from taktwin.mes.tracking.tables import Consumption, Lot, Passage, Unit
from taktwin.storage.journal import verify
from tests.unit.mes.conftest import SECOND, START_NS, Shop

CELLS = ("load2", "adhesive2", "press2", "tighten2", "leak2", "vision2", "eol1", "pack5")


def drop(shop: Shop, *, quantity: int = 2, request: str = "88263", product: str = "EA-100") -> None:
    shop.granted(
        commands.DropOrder(
            request=request, product=product, quantity=quantity, due_ns=START_NS, customer="Lund"
        )
    )


def job(shop: Shop, name: str) -> JobOrder:
    row = shop.store.book.get(JobOrder, name)
    assert row is not None
    return row


def test_an_order_becomes_a_job_order_for_each_operation_of_its_route(shop: Shop) -> None:
    drop(shop)
    jobs = shop.store.book.where(JobOrder, request="88263")
    assert sorted(each.operation for each in jobs) == [10, 20, 30, 40, 50, 60, 70, 80]
    assert {each.state for each in jobs} == {"NotAllowedToStart"}
    assert {each.sub_state for each in jobs} == {"Waiting"}


def test_an_order_runs_through_every_cell_and_each_unit_knows_what_it_is_made_of(shop: Shop) -> None:
    drop(shop)
    for lot, product, quantity, cell in (
        ("HS-1-330", "HS-1", 100, "load2"), ("AD-3-0712", "AD-3", 1000, "adhesive2"),
        ("BR-7-058", "BR-7", 50, "press2"), ("SC-12-901", "SC-12", 500, "tighten2"),
    ):  # fmt: skip
        shop.granted(commands.ReceiveLot(lot=lot, product=product, quantity=quantity))
        shop.granted(commands.LoadLot(lot=lot, work_unit=cell))
    shop.instruct("WI-40")
    for number, cell in enumerate(CELLS, start=1):
        shop.begin(f"88263-{number * 10}", cell)
        # The packer says no serial numbers; it only counts.
        for serial in ("EA-100-1", "EA-100-2"):
            shop.machine(cell, serial=serial if cell != "pack5" else "")
        assert job(shop, f"88263-{number * 10}").state == "Ended"
    request = shop.store.book.get(Request, "88263")
    assert request is not None and request.state == "Completed"
    eaten = {
        (row.component, row.lot): row.quantity for row in shop.store.book.where(Consumption, unit="EA-100-1")
    }
    assert eaten == {
        ("SH-100", ""): 1.0, ("HS-1", "HS-1-330"): 1.0, ("AD-3", "AD-3-0712"): 14.0,
        ("BR-7", "BR-7-058"): 2.0, ("SC-12", "SC-12-901"): 12.0,
    }  # fmt: skip
    lot = shop.store.book.get(Lot, "AD-3-0712")
    assert lot is not None and lot.remaining == 1000 - 2 * 14
    assert verify(shop.store.entries).broken is None
    facts_alone = rebuilt(shop.store.entries).rows
    told = {key: row for key, row in shop.store.book.rows.items() if key[0] not in ("readings", "positions")}
    assert facts_alone == told


def test_the_same_command_twice_is_done_once_and_answered_the_same(shop: Shop) -> None:
    wish = commands.DropOrder(request="1", product="EA-100", quantity=1, due_ns=START_NS)
    first, second = shop.ask(wish, command_id="x"), shop.ask(wish, command_id="x")
    assert first == second and first.accepted
    assert len(shop.store.entries) == 1 + 8


def test_a_refused_command_leaves_nothing_behind(shop: Shop) -> None:
    answer = shop.ask(commands.DropOrder(request="1", product="EA-900", quantity=1, due_ns=START_NS))
    assert not answer.accepted and answer.code == "unknown" and "EA-900" in answer.found
    for quantity in (0, -3, 10**9):
        answer = shop.ask(
            commands.DropOrder(request="1", product="EA-100", quantity=quantity, due_ns=START_NS)
        )
        assert not answer.accepted and answer.place == "quantity"
    assert shop.store.entries == [] and shop.store.book.rows == {}


def test_two_people_change_one_order_one_wins_and_the_other_sees_what_was_done(shop: Shop) -> None:
    drop(shop)
    change = commands.ChangeOrder(request="88263", version=1, due_ns=START_NS + 5, priority=1)
    assert shop.ask(change, actor="P01").accepted
    late = shop.ask(
        commands.ChangeOrder(request="88263", version=1, due_ns=START_NS + 9, priority=2), actor="P11"
    )
    assert not late.accepted and late.code == "conflict"
    assert late.changed_by == "P01"
    assert late.current["due_ns"] == START_NS + 5 and late.current["version"] == 2
    merged = commands.ChangeOrder(request="88263", version=2, due_ns=START_NS + 9, priority=1)
    assert shop.ask(merged, actor="P11").accepted


def test_counts_of_a_machine_come_again_and_out_of_order_and_are_booked_once(shop: Shop) -> None:
    from taktwin.mes.collection.actions import Heard

    drop(shop, quantity=50)
    shop.begin("88263-10", "load2")
    at = shop.now_ns
    heard = [Heard("load2/good_count", 100 + n, at + n * 1000) for n in range(6)]
    for some in (heard[:3], heard, heard[:4], heard[2:]):
        shop.desk.hear(some, stream="SAMPLES", position=1)
    assert job(shop, "88263-10").good == 5


def test_what_came_out_of_order_in_one_batch_is_booked_in_the_order_in_which_it_happened(shop: Shop) -> None:
    from taktwin.mes.collection.actions import Heard
    from taktwin.mes.tracking.tables import Unit

    drop(shop)
    shop.begin("88263-10", "load2")
    at = shop.now_ns
    # The serial number was said before the part was counted; the stream brings the count first.
    heard = [
        Heard("load2/good_count", 102, at + 40),
        Heard("load2/serial", "A100-2", at + 30),
        Heard("load2/good_count", 101, at + 20),
        Heard("load2/serial", "A100-1", at + 10),
        Heard("load2/good_count", 100, at),
    ]
    shop.desk.hear(heard, stream="SAMPLES", position=1)
    assert [shop.store.book.get(Unit, name) is not None for name in ("A100-1", "A100-2")] == [True, True]
    assert job(shop, "88263-10").good == 2


def test_how_far_the_stream_was_read_is_kept_with_what_came_of_it(shop: Shop) -> None:
    from taktwin.mes.collection.tables import Position

    for heard, position in (([], 5), ([], 9)):
        shop.desk.hear(heard, stream="SAMPLES", position=position)
        kept = shop.store.book.get(Position, "SAMPLES")
        assert kept is not None and kept.sequence == position


def test_parts_made_while_nothing_runs_belong_to_nobody_and_are_still_counted(shop: Shop) -> None:
    from taktwin.mes.collection.tables import Counter

    drop(shop)
    shop.machine("load2", parts=3)
    shop.begin("88263-10", "load2")
    shop.machine("load2")
    assert job(shop, "88263-10").good == 1
    counter = shop.store.book.get(Counter, "load2/good_count")
    assert counter is not None and (counter.booked, counter.loose) == (1, 3)


def test_a_machine_that_makes_another_product_books_nothing_on_this_job(shop: Shop) -> None:
    from taktwin.mes.collection.actions import Heard

    drop(shop)
    shop.begin("88263-10", "load2")
    said = [Heard("load2/product", "EA-200", shop.now_ns + 1)]
    shop.desk.hear(said, stream="SAMPLES", position=1)
    shop.machine("load2")
    assert job(shop, "88263-10").good == 0


def test_a_cell_that_names_the_part_it_was_given_counts_and_gives_nobody_a_number(shop: Shop) -> None:
    """As `load2` does: it says the shaft's number until the axle exists."""
    from taktwin.mes.collection.actions import Heard

    drop(shop)
    shop.begin("88263-10", "load2")
    shop.desk.hear([Heard("load2/product", "SH-100", shop.now_ns + 1)], stream="SAMPLES", position=1)
    shop.machine("load2", serial="S100-7")
    assert job(shop, "88263-10").good == 1
    assert shop.store.book.get(Unit, "S100-7") is None
    shop.begin("88263-20", "adhesive2")
    shop.machine("adhesive2", serial="A100-7")
    # What the cell before put in is known by kind, and its lot is not guessed.
    rows = shop.store.book.where(Consumption, unit="A100-7")
    assert {(row.component, row.lot) for row in rows} == {("SH-100", ""), ("HS-1", ""), ("AD-3", "")}


def test_a_lot_on_hold_is_loaded_nowhere_and_what_was_built_from_it_is_held(shop: Shop) -> None:
    drop(shop)
    shop.granted(commands.ReceiveLot(lot="HS-1-330", product="HS-1", quantity=10))
    shop.granted(commands.LoadLot(lot="HS-1-330", work_unit="load2"))
    shop.begin("88263-10", "load2")
    shop.granted(commands.Hold(kind="lot", id="HS-1-330", cause="porous"))
    refused = shop.ask(commands.LoadLot(lot="HS-1-330", work_unit="load3"))
    assert not refused.accepted and "porous" in refused.found
    shop.machine("load2", serial="A1")
    unit = shop.store.book.get(Unit, "A1")
    assert unit is not None and unit.disposition == "Restricted" and "HS-1-330" in unit.reason


def test_a_lot_gives_no_more_than_it_had_and_the_rest_is_from_nobody_knows_where(shop: Shop) -> None:
    drop(shop, quantity=5)
    shop.granted(commands.ReceiveLot(lot="AD-3-1", product="AD-3", quantity=20))
    shop.granted(commands.LoadLot(lot="AD-3-1", work_unit="adhesive2"))
    shop.begin("88263-20", "adhesive2")
    shop.machine("adhesive2", serial="A1")
    shop.machine("adhesive2", serial="A2")
    rows = shop.store.book.where(Consumption, component="AD-3", work_unit="adhesive2")
    assert [(row.unit, row.lot, row.quantity) for row in rows] == [
        ("A1", "AD-3-1", 14.0), ("A2", "", 8.0), ("A2", "AD-3-1", 6.0),
    ]  # fmt: skip


def test_scrap_is_booked_and_taken_back_and_both_stay_on_record(shop: Shop) -> None:
    drop(shop)
    shop.begin("88263-10", "load2")
    shop.machine("load2", serial="A1")
    assert shop.ask(commands.ReportScrap(job="88263-10", cause="dented", unit="A1"), command_id="s1").accepted
    assert job(shop, "88263-10").scrap == 1
    unit = shop.store.book.get(Unit, "A1")
    assert unit is not None and unit.disposition == "Closed"
    shop.granted(commands.UndoScrap(report="s1"))
    assert job(shop, "88263-10").scrap == 0
    assert not shop.ask(commands.UndoScrap(report="s1")).accepted
    assert [e.event_type for e in shop.store.entries if e.subject == "s1"] == [
        "material.scrapped",
        "material.scrap.undone",
    ]


def test_only_one_job_order_runs_on_a_work_unit(shop: Shop) -> None:
    drop(shop, request="1")
    drop(shop, request="2")
    shop.begin("1-10", "load2")
    shop.granted(commands.DispatchJob(job="2-10", work_unit="load2", version=1))
    refused = shop.ask(commands.BeginJob(job="2-10"))
    assert not refused.accepted and "1-10" in refused.found


def test_an_order_of_which_nothing_is_left_and_nothing_was_made_is_cancelled(shop: Shop) -> None:
    def state(request: str) -> str:
        row = shop.store.book.get(Request, request)
        assert row is not None
        return row.state

    drop(shop)
    for number in range(10, 80, 10):
        shop.granted(commands.ControlJob(job=f"88263-{number}", method="Cancel"))
        assert state("88263") == "Released"
    answer = shop.granted(commands.ControlJob(job="88263-80", method="Abort"))
    assert answer.events == ["job.order.aborted", "operations.request.cancelled"]
    assert state("88263") == "Cancelled"
    drop(shop, request="2")
    for number in range(20, 90, 10):
        shop.granted(commands.ControlJob(job=f"2-{number}", method="Cancel"))
    shop.begin("2-10", "load2")
    shop.granted(commands.ControlJob(job="2-10", method="Stop"))
    assert state("2") == "Completed", "one of its jobs ended"
    assert rebuilt(shop.store.entries).rows == shop.store.book.rows


def test_two_job_orders_that_take_turns_on_one_machine_each_get_the_parts_of_their_own_time(
    shop: Shop,
) -> None:
    from taktwin.mes.collection.actions import Heard

    for request in ("1", "2"):
        drop(shop, quantity=50, request=request)
    shop.begin("1-10", "load2")
    shop.machine("load2")
    paused_ns = shop.now_ns + SECOND
    shop.granted(commands.ControlJob(job="1-10", method="Pause"))
    shop.begin("2-10", "load2")
    shop.machine("load2")
    shop.granted(commands.ControlJob(job="2-10", method="Pause"))
    shop.granted(commands.ControlJob(job="1-10", method="Resume"))
    shop.machine("load2")
    assert [job(shop, name).good for name in ("1-10", "2-10")] == [2, 1]
    # What a machine makes while no job order runs there is nobody's.
    shop.granted(commands.ControlJob(job="1-10", method="Pause"))
    shop.machine("load2")
    assert [job(shop, name).good for name in ("1-10", "2-10")] == [2, 1]
    # A count of another machine that comes late belongs to what ran when the part was made.
    shop.begin("1-20", "adhesive2")
    shop.desk.hear([Heard("adhesive2/good_count", 5, shop.now_ns)], stream="SAMPLES", position=1)
    made_ns = shop.now_ns + 1
    shop.granted(commands.ControlJob(job="1-20", method="Pause"))
    shop.begin("2-20", "adhesive2")
    shop.desk.hear([Heard("adhesive2/good_count", 6, made_ns)], stream="SAMPLES", position=2)
    assert [job(shop, name).good for name in ("1-20", "2-20")] == [1, 0]
    assert paused_ns < shop.now_ns
    assert rebuilt(shop.store.entries).rows == {
        key: row for key, row in shop.store.book.rows.items() if key[0] not in ("readings", "positions")
    }


def test_a_part_counted_at_the_very_instant_of_a_change_was_made_for_the_job_order_before(shop: Shop) -> None:
    from taktwin.mes.collection.actions import Heard

    for request in ("1", "2"):
        drop(shop, quantity=50, request=request)
    row = job(shop, "2-20")
    shop.granted(commands.DispatchJob(job="2-20", work_unit="adhesive2", version=row.version))
    shop.begin("1-20", "adhesive2")
    shop.machine("adhesive2", serial="A1")
    shop.granted(commands.ControlJob(job="1-20", method="Pause"))
    shop.now_ns -= SECOND  # one touch: this is paused, that is begun
    shop.granted(commands.BeginJob(job="2-20"))
    shop.counters["adhesive2/good_count"] += 1
    count = Heard("adhesive2/good_count", shop.counters["adhesive2/good_count"], shop.now_ns)
    shop.desk.hear([count], stream="SAMPLES", position=shop.now_ns + 1)
    assert [job(shop, name).good for name in ("1-20", "2-20")] == [2, 0]
    shop.machine("adhesive2", serial="A2")
    assert [job(shop, name).good for name in ("1-20", "2-20")] == [2, 1]
    # Where nothing ended then, what is counted at the instant of the begin can only be its own.
    shop.granted(commands.ControlJob(job="2-20", method="Pause"))
    shop.granted(commands.ControlJob(job="1-20", method="Resume"))
    shop.counters["adhesive2/good_count"] += 1
    count = Heard("adhesive2/good_count", shop.counters["adhesive2/good_count"], shop.now_ns)
    shop.desk.hear([count], stream="SAMPLES", position=shop.now_ns + 2)
    assert [job(shop, name).good for name in ("1-20", "2-20")] == [3, 1]


def test_of_what_a_machine_makes_while_its_job_order_is_interrupted_only_the_part_in_its_hand_is_that_ones(
    shop: Shop,
) -> None:
    from taktwin.mes.collection.actions import Heard

    drop(shop, quantity=50)
    shop.begin("88263-20", "adhesive2")
    shop.machine("adhesive2", serial="A1")
    shop.desk.hear([Heard("adhesive2/serial", "A2", shop.now_ns + 1)], stream="SAMPLES", position=1)
    shop.granted(commands.ControlJob(job="88263-20", method="Pause"))
    shop.machine("adhesive2")  # the part that was in it
    assert job(shop, "88263-20").good == 2
    assert [row.job for row in shop.store.book.where(Passage, unit="A2")] == ["88263-20"]
    shop.machine("adhesive2", serial="A3")  # one that it began by itself
    assert job(shop, "88263-20").good == 2 and not shop.store.book.where(Passage, unit="A3")
    loose = [row.loose for row in shop.store.book.where(Counter, work_unit="adhesive2")]
    assert loose == [1], "named on the page as a part that no job order owns"
    shop.granted(commands.ControlJob(job="88263-20", method="Resume"))
    shop.machine("adhesive2", serial="A4")
    assert job(shop, "88263-20").good == 3
    assert rebuilt(shop.store.entries).rows == {
        key: row for key, row in shop.store.book.rows.items() if key[0] not in ("readings", "positions")
    }


def test_a_count_that_comes_late_is_of_the_lot_that_stood_there_when_the_part_was_made(shop: Shop) -> None:
    from taktwin.mes.collection.actions import Heard

    drop(shop, quantity=50)
    shop.begin("88263-20", "adhesive2")
    for name in ("AD-1", "AD-2"):
        shop.granted(commands.ReceiveLot(lot=name, product="AD-3", quantity=1000))
    shop.granted(commands.LoadLot(lot="AD-1", work_unit="adhesive2"))
    shop.machine("adhesive2", serial="A1")
    made_ns = shop.now_ns + 1
    shop.granted(commands.LoadLot(lot="AD-2", work_unit="adhesive2"))
    late = [Heard("adhesive2/serial", "A2", made_ns), Heard("adhesive2/good_count", 102, made_ns + 1)]
    shop.desk.hear(late, stream="SAMPLES", position=1)
    shop.machine("adhesive2", serial="A3", parts=1)
    lots = {row.unit: row.lot for row in shop.store.book.where(Consumption, component="AD-3")}
    assert lots["A2"] == "AD-1"


def test_a_cell_that_says_what_it_makes_of_which_part_tells_which_shaft_is_in_which_axle(
    shop: Shop, definitions: Definitions
) -> None:
    from taktwin.mes.collection.actions import Heard

    drop(shop, quantity=50)
    shop.begin("88263-10", "load2")
    at = shop.now_ns
    heard = [Heard("load2/good_count", 100, at), Heard("load2/product", "SH-100", at + 1)]
    for part in (1, 2, 3):
        # The next part begins at the very instant at which the one before is counted.
        at += 100
        heard += [Heard("load2/serial", f"S100-{part}", at), Heard("load2/made_serial", f"A100-{part}", at),
                  Heard("load2/good_count", 100 + part, at + 100)]  # fmt: skip
    shop.desk.hear(heard, stream="SAMPLES", position=1)
    shafts = {row.unit: row.lot for row in shop.store.book.where(Consumption, component="SH-100")}
    assert shafts == {"A100-1": "S100-1", "A100-2": "S100-2", "A100-3": "S100-3"}
    assert shop.store.book.get(Unit, "S100-1") is None, "the shaft is not an e-axle"
    seen = genealogy(shop.store.book, "A100-2")
    assert seen is not None and [each.row.lot for each in seen.eaten if each.row.lot] == ["S100-2"]
    assert [unit.unit for unit in recall(shop.store.book, "S100-2")] == ["A100-2"]
    assert not shop.ask(commands.ReceiveLot(lot="A100-1", product="AD-3", quantity=1)).accepted


def test_what_a_held_shaft_was_built_into_is_held_too(shop: Shop) -> None:
    from taktwin.mes.collection.actions import Heard

    drop(shop, quantity=50, request="7", product="SH-100")
    drop(shop, quantity=50)
    shop.begin("7-10", "turn1")
    shop.machine("turn1", serial="S100-1")
    shop.granted(commands.Hold(kind="unit", id="S100-1", cause="runout"))
    shop.begin("88263-10", "load2")
    at = shop.now_ns
    heard = [Heard("load2/good_count", 100, at), Heard("load2/product", "SH-100", at + 1),
             Heard("load2/serial", "S100-1", at + 2), Heard("load2/made_serial", "A100-1", at + 2),
             Heard("load2/good_count", 101, at + 9)]  # fmt: skip
    shop.desk.hear(heard, stream="SAMPLES", position=1)
    axle = shop.store.book.get(Unit, "A100-1")
    assert axle is not None and axle.disposition == "Restricted" and "S100-1" in axle.reason


def test_a_part_that_a_machine_calls_by_the_number_of_a_lot_is_counted_and_has_no_number(shop: Shop) -> None:
    drop(shop)
    shop.granted(commands.ReceiveLot(lot="AD-3-0712", product="AD-3", quantity=1000.0))
    shop.granted(commands.LoadLot(lot="AD-3-0712", work_unit="adhesive2"))
    shop.begin("88263-20", "adhesive2")
    shop.machine("adhesive2", serial="AD-3-0712")
    assert job(shop, "88263-20").good == 1, "it was made"
    book = shop.store.book
    assert book.get(Unit, "AD-3-0712") is None and recall(book, "AD-3-0712") == []
    (told,) = [content_of(e) for e in shop.store.entries if e.event_type == MaterialCounted.event_type]
    assert isinstance(told, MaterialCounted) and told.unit == ""
    shop.machine("adhesive2", serial="EA-100-2")
    assert [unit.unit for unit in recall(book, "AD-3-0712")] == ["EA-100-2"], "the next one has its own"
