"""Where material lies: goods receipt, moves, what comes along to a machine, counts; the balance of a lot."""

from __future__ import annotations

import pytest

from taktwin.contracts import commands, events
from taktwin.contracts.commands import Answer, CommandData
from taktwin.mes.decision import Asking
from taktwin.mes.desk import rebuilt
from taktwin.mes.exchange import confirming
from taktwin.mes.tracking import demo
from taktwin.mes.tracking.actions import load_lot
from taktwin.mes.tracking.stock import Stock
from taktwin.mes.tracking.tables import LoadedLot, Lot
from taktwin.mes.tracking.whereabouts import balance, stock
from taktwin.plant import open_plant
from tests.unit.mes.conftest import PLANT, START_NS, Shop


def where(shop: Shop, lot: str) -> dict[str, float]:
    return {row.location: row.quantity for row in shop.store.book.where(Stock, lot=lot) if row.quantity > 0}


def refused(answer: Answer, *words: str) -> None:
    said = f"{answer.code} {answer.place} {answer.found} {answer.right}"
    assert not answer.accepted and all(word in said for word in words), said


def whole(shop: Shop) -> None:
    book = shop.store.book
    told = {key: row for key, row in book.rows.items() if key[0] not in ("readings", "positions")}
    assert rebuilt(shop.store.entries).rows == told
    for lot in book.where(Lot):
        assert abs(sum(where(shop, lot.lot).values()) - lot.remaining) < 1e-6
        assert abs(balance(book, lot)) < 1e-6


@pytest.fixture
def store(shop: Shop) -> Shop:
    """A lot of 400 screws in the goods receipt."""
    shop.granted(commands.ReceiveLot(lot="S1", product="SC-12", quantity=400.0, location="goods_in"))
    return shop


def test_what_lies_in_the_demos_stores_is_received_once(shop: Shop) -> None:
    said = open_plant(PLANT).demo
    for _ in range(2):
        for name, wish in demo.wishes(said):
            assert shop.ask(wish, command_id=name).accepted, name
    lots = shop.store.book.where(Lot)
    assert {lot.lot: lot.quantity for lot in lots} == {
        name: float(each["quantity"]) for name, each in said["stock"].items()
    }
    assert {lot.product for lot in lots} == {"ST-42", "HS-1", "BR-7", "AD-3", "SC-12"}, "all that is bought"
    assert where(shop, "AD-3-0705") == {"rack2": 9000.0}
    assert list(demo.wishes({})) == []
    whole(shop)


def test_a_lot_comes_in_at_a_place_and_goes_in_parts_to_others(store: Shop) -> None:
    assert where(store, "S1") == {"goods_in": 400.0}
    store.granted(commands.MoveLot(lot="S1", target="bay_a1"))
    store.granted(commands.MoveLot(lot="S1", target="rack2", source="bay_a1", quantity=150.0))
    assert where(store, "S1") == {"bay_a1": 250.0, "rack2": 150.0}
    store.granted(commands.MoveLot(lot="S1", target="rack2", source="bay_a1"))
    assert where(store, "S1") == {"rack2": 400.0}
    written = len(store.store.entries)
    store.granted(commands.MoveLot(lot="S1", target="rack2"))  # scanned twice
    assert len(store.store.entries) == written
    whole(store)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (
            commands.ReceiveLot(lot="S2", product="SC-12", quantity=1.0, location="bay_x9"),
            ("unknown", "bay_x9", "rack2"),
        ),
        (
            commands.ReceiveLot(lot="S2", product="SC-12", quantity=1.0, location="press2"),
            ("unknown", "press2"),
        ),
        (commands.MoveLot(lot="S9", target="rack2"), ("unknown", "S9")),
        (commands.MoveLot(lot="S1", target="moon"), ("unknown", "moon")),
        (commands.MoveLot(lot="S1", target="goods_in", source="goods_in"), ("invalid", "another place")),
        (commands.MoveLot(lot="S1", target="rack2", source="bay_a1"), ("state", "bay_a1", "nothing")),
        (commands.MoveLot(lot="S1", target="rack2", quantity=400.5), ("invalid", "at most 400")),
        (commands.MoveLot(lot="S1", target="rack2", quantity=-1.0), ("invalid", "at most 400")),
        (commands.CountStock(lot="S1", location="rack2", quantity=-1.0, cause="x"), ("invalid", "0 or more")),
        (commands.CountStock(lot="S1", location="rack2", quantity=1e9, cause="x"), ("invalid", "0 or more")),
        (
            commands.CountStock(lot="S1", location="goods_in", quantity=1.0, cause=" ", version=1),
            ("invalid", "why"),
        ),
        (commands.CountStock(lot="S1", location="moon", quantity=1.0, cause="x"), ("unknown", "moon")),
        (commands.CountStock(lot="S9", location="rack2", quantity=1.0, cause="x"), ("unknown", "S9")),
        (
            commands.CountStock(lot="S1", location="goods_in", quantity=1.0, cause="x"),
            ("conflict", "version 1"),
        ),
        (commands.SplitLot(lot="S1", into="S1b", quantity=5.0, location="rack2"), ("invalid", "at most 0")),
        (commands.LoadLot(lot="S1", work_unit="tighten2", source="rack2"), ("state", "rack2", "nothing")),
        (commands.LoadLot(lot="S1", work_unit="tighten2", quantity=900.0), ("invalid", "at most 400")),
        (commands.LoadLot(lot="S1", work_unit="tighten2", source="tighten2"), ("invalid", "another place")),
    ],
)
def test_what_is_wrong_is_refused_with_what_would_be_right(
    store: Shop, wish: CommandData, words: tuple[str, ...]
) -> None:
    written = len(store.store.entries)
    refused(store.ask(wish), *words)
    assert len(store.store.entries) == written
    whole(store)


def test_a_lot_on_hold_goes_to_the_cage_and_to_no_machine(store: Shop) -> None:
    store.granted(commands.Hold(kind="lot", id="S1", cause="rust"))
    refused(store.ask(commands.MoveLot(lot="S1", target="tighten2")), "state", "rust", "UnRestricted")
    store.granted(commands.MoveLot(lot="S1", target="quarantine"))
    assert where(store, "S1") == {"quarantine": 400.0}
    whole(store)


def test_what_is_loaded_comes_along_from_its_only_store_or_that_of_the_line(store: Shop) -> None:
    store.granted(commands.LoadLot(lot="S1", work_unit="tighten2"))
    assert where(store, "S1") == {"tighten2": 400.0}
    store.granted(
        commands.LoadLot(lot="S1", work_unit="tighten3")
    )  # it stands there too: nobody says how much
    assert where(store, "S1") == {"tighten2": 400.0}
    for name, places in (("S2", ("rack2", "bay_a1")), ("S3", ("bay_a1", "bay_a2"))):
        store.granted(commands.ReceiveLot(lot=name, product="SC-12", quantity=100.0, location=places[0]))
        store.granted(commands.MoveLot(lot=name, target=places[1], quantity=40.0))
    store.granted(commands.LoadLot(lot="S2", work_unit="tighten2"))
    assert where(store, "S2") == {"tighten2": 60.0, "bay_a1": 40.0}
    refused(store.ask(commands.LoadLot(lot="S3", work_unit="tighten2")), "bay_a1 and in bay_a2", "scan that")
    store.granted(commands.LoadLot(lot="S3", work_unit="tighten2", source="bay_a2", quantity=15.0))
    store.granted(commands.LoadLot(lot="S3", work_unit="tighten2", source="bay_a2", quantity=5.0))
    assert where(store, "S3") == {"tighten2": 20.0, "bay_a1": 60.0, "bay_a2": 20.0}
    whole(store)


def test_a_load_that_comes_late_is_not_refused_because_nobody_can_say_any_more_from_where(
    store: Shop,
) -> None:
    store.granted(commands.MoveLot(lot="S1", target="bay_a1", quantity=100.0))
    wish = commands.LoadLot(lot="S1", work_unit="tighten2")
    refused(store.ask(wish), "scan that too")
    late = Asking(store.definitions, store.now_ns, "late", late=True)
    facts = [fact.event for fact in load_lot(store.store.book, wish, late)]
    assert facts == [events.LotLoaded(lot="S1", product="SC-12", work_unit="tighten2")]


def making(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=9, due_ns=START_NS))
    shop.granted(commands.ReceiveLot(lot="AD", product="AD-3", quantity=100.0, location="rack2"))
    shop.granted(commands.LoadLot(lot="AD", work_unit="adhesive2", quantity=20.0))
    shop.begin("1-20", "adhesive2")


def test_a_machine_uses_what_lies_there_and_then_what_nobody_said_was_brought(shop: Shop) -> None:
    making(shop)
    shop.machine("adhesive2", serial="A1")  # 14 mL
    assert where(shop, "AD") == {"adhesive2": 6.0, "rack2": 80.0}
    shop.machine("adhesive2", serial="A2")
    assert where(shop, "AD") == {"rack2": 72.0}
    whole(shop)


def test_a_lot_that_is_carried_back_whole_no_longer_stands_at_the_machine(shop: Shop) -> None:
    making(shop)
    shop.granted(commands.MoveLot(lot="AD", source="adhesive2", target="rack2"))
    row = shop.store.book.get(LoadedLot, "adhesive2:AD-3")
    assert row is not None and (row.lot, row.before) == ("", "AD")
    shop.machine("adhesive2", serial="A1")
    assert where(shop, "AD") == {"rack2": 100.0}, "what the machine used came from another lot"
    shop.granted(commands.LoadLot(lot="AD", work_unit="adhesive2"))
    shop.machine("adhesive2", serial="A2")
    assert where(shop, "AD") == {"adhesive2": 86.0}
    whole(shop)


def test_a_count_puts_the_stock_right_and_two_people_do_not_both(store: Shop) -> None:
    wish = commands.CountStock(lot="S1", location="goods_in", quantity=380.0, cause="box torn", version=1)
    store.granted(wish)
    refused(store.ask(wish), "conflict", "version 2")
    lot = store.store.book.get(Lot, "S1")
    assert lot is not None and (lot.quantity, lot.remaining) == (400.0, 380.0)
    store.granted(
        commands.CountStock(lot="S1", location="rack3", quantity=30.0, cause="found behind the rack")
    )
    assert where(store, "S1") == {"goods_in": 380.0, "rack3": 30.0}
    page = stock(store.store.book, store.definitions, {}, store.now_ns)
    assert [(row["after"] - row["before"], row["person"]) for row in page["counts"]] == [
        (30.0, "P01"),
        (-20.0, "P01"),
    ]
    whole(store)


def test_splits_and_merges_stay_in_their_places(store: Shop) -> None:
    store.granted(commands.MoveLot(lot="S1", target="rack2", quantity=150.0))
    store.granted(commands.SplitLot(lot="S1", into="S1b", quantity=100.0, location="rack2"))
    assert where(store, "S1") == {"goods_in": 250.0, "rack2": 50.0} and where(store, "S1b") == {
        "rack2": 100.0
    }
    store.granted(commands.MergeLots(lot="S1", into="S1b"))
    assert where(store, "S1") == {} and where(store, "S1b") == {"goods_in": 250.0, "rack2": 150.0}
    whole(store)


def test_the_stock_leaves_by_lot_and_place(store: Shop) -> None:
    store.granted(commands.MoveLot(lot="S1", target="rack2", quantity=150.0))
    said = confirming.stock(store.store.book, sender="n", at_ns=store.now_ns)
    assert said is not None
    text = said.decode().replace("b2mml:", "")
    for place, quantity in (("goods_in", "250.0"), ("rack2", "150.0")):
        assert (
            f"<Location>{place}</Location>" in text and f"<QuantityString>{quantity}</QuantityString>" in text
        )
    assert "<QuantityString>400.0</QuantityString>" in text


def test_the_page_says_what_lies_where(store: Shop) -> None:
    store.granted(commands.ReceiveLot(lot="N1", product="SC-12", quantity=5.0))
    store.granted(commands.LoadLot(lot="S1", work_unit="tighten2", quantity=30.0))
    places = {
        each["location"]: each
        for each in stock(store.store.book, store.definitions, {}, store.now_ns)["places"]
    }
    assert [(row["lot"], row["quantity"], row["loaded"]) for row in places["tighten2"]["lots"]] == [
        ("S1", 30.0, True)
    ]
    assert [(row["lot"], row["quantity"]) for row in places[""]["lots"]] == [("N1", 5.0)]
    assert places["rack2"]["lots"] == [] and places["rack2"]["kind"] == "store"
    one = stock(store.store.book, store.definitions, {"location": "goods_in"}, store.now_ns)
    assert [row["quantity"] for row in one["places"][0]["lots"]] == [370.0] and len(one["places"]) == 1
    assert stock(store.store.book, store.definitions, {"location": "moon"}, store.now_ns) == {}
