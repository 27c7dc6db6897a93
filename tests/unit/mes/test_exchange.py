"""Orders from an ERP: the good ones go in beside the bad ones, once, however often they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import ImportReport
from taktwin.errors import StoreError
from taktwin.instants import parse_rfc3339
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.exchange import confirming
from taktwin.mes.exchange.drop import DropFolder
from taktwin.mes.exchange.importing import Importer
from taktwin.mes.scheduling.tables import Request
from taktwin.standards import b2mml
from taktwin.storage.stores import MemoryStore, Transaction
from tests.unit.mes.conftest import Shop

CSV = b"""order,product,quantity,due,priority,customer
1,EA-100,3,2026-12-24,2,"Lund, S."
2,EA-900,1,2026-12-24,,
3,EA-200,many,2026-12-24,,
4,EA-200,5,2026-12-24T14:00:00Z,,
5,EA-200,5,tomorrow,,
6,EA-200
"""


def importer(shop: Shop) -> Importer:
    """Return the importer of a shop in Vienna."""
    return Importer(shop.desk, shop.store, shop.definitions, sender="northfield", time_zone="Europe/Vienna")


def take(shop: Shop, content: bytes, kind: str = "csv") -> ImportReport:
    """Take a message as the ERP sends it."""
    return importer(shop).take(kind, content, actor="erp", actor_type="service", at_ns=shop.now_ns)


def test_good_rows_go_in_and_each_bad_one_says_where_and_why(shop: Shop) -> None:
    report = take(shop, CSV)
    assert [(row.request, row.accepted) for row in report.rows] == [
        ("1", True), ("2", False), ("3", False), ("4", True), ("5", False), ("6", False),
    ]  # fmt: skip
    reasons = [row.reason for row in report.rows]
    assert "EA-900" in reasons[1] and "line 4, quantity: found 'many'" in reasons[2]
    assert "line 6, due" in reasons[4] and "line 7: found 2 cells" in reasons[5]
    one = shop.store.book.get(Request, "1")
    assert one is not None and (one.quantity, one.priority, one.customer) == (3, 2, "Lund, S.")
    assert one.due_ns == parse_rfc3339("2026-12-24T23:59:59+01:00"), "the end of that day where the plant is"
    assert {entry.actor for entry in shop.store.entries} == {"erp"}


def test_the_same_file_twice_changes_nothing(shop: Shop) -> None:
    first, entries = take(shop, CSV), len(shop.store.entries)
    assert take(shop, CSV) == first and len(shop.store.entries) == entries
    other = take(shop, CSV.replace(b"1,EA-100,3", b"1,EA-100,4"))
    assert not other.rows[0].accepted and "not in use" in other.rows[0].reason, "another order, same number"


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"", "line 1", "no column order"),
        (b"order;product;quantity;due;colour\n1;EA-100;1;2026-12-24;red\n", "line 1", "column 'colour'"),
        (b"order,product,quantity\n", "line 1", "no column due"),
        (b"order,order,product,quantity,due\n", "line 1", "twice"),
        (b'order,product,quantity,due\n"1,EA-100,3,2026-12-24\n', "line", ""),
        (b"order,product,quantity,due\n1,EA-100,3,2026-12-24\n\xff,x\n", "line 3", "0xff"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    shop: Shop, content: bytes, place: str, words: str
) -> None:
    report = take(shop, content)
    assert report.place.startswith(place) and words in report.found and report.right
    assert not shop.store.entries


def test_a_file_of_a_spreadsheet_is_read(shop: Shop) -> None:
    content = "\ufefforder;product;quantity;due\r\n7;EA-100;2;2026-12-24\r\n;;;\r\n".encode()
    (row,) = take(shop, content).rows
    assert (row.request, row.accepted) == ("7", True)


def test_a_change_by_the_erp_needs_no_version_and_may_go_back_and_forth(shop: Shop) -> None:
    def message(bod: str, priority: int, *, change: bool) -> bytes:
        order = b2mml.OrderOut("1", "EA-100", 3, shop.now_ns, priority, "Lund", "Released")
        xml = b2mml.show_operations_schedule([order], sender=bod, at_ns=1).decode()
        action = (
            '<b2mml:Process><b2mml:ActionCriteria><b2mml:ActionExpression actionCode="Change"/>'
            "</b2mml:ActionCriteria></b2mml:Process>"
        )
        return (xml.replace("<b2mml:Show />", action) if change else xml).encode()

    for bod, priority, change in (("a", 1, False), ("b", 2, True), ("c", 1, True), ("d", 2, True)):
        (row,) = take(shop, message(bod, priority, change=change), "b2mml").rows
        order = shop.store.book.get(Request, "1")
        assert row.accepted and order is not None and order.priority == priority, row
    (row,) = take(shop, message("e", 1, change=True).replace(b">1<", b">9<"), "b2mml").rows
    assert (row.accepted, row.code) == (False, "unknown")


def test_an_order_that_is_over_elsewhere_is_not_made_here(shop: Shop) -> None:
    done = [b2mml.OrderOut(name, "EA-100", 3, shop.now_ns, 0, "", state)
            for name, state in (("1", "Completed"), ("2", "Released"), ("3", "Cancelled"))]  # fmt: skip
    report = take(shop, b2mml.show_operations_schedule(done, sender="old", at_ns=1), "b2mml")
    assert [(row.request, row.accepted) for row in report.rows] == [("1", False), ("2", True), ("3", False)]
    assert "RequestState: found 'Completed'" in report.rows[0].reason
    assert [row.request for row in shop.store.book.where(Request)] == ["2"]


def test_all_orders_leave_as_b2mml_and_make_the_same_orders_in_another_mes(
    shop: Shop, definitions: Definitions
) -> None:
    take(shop, CSV)
    message = confirming.orders(shop.store.book, sender="northfield", at_ns=shop.now_ns)
    other = Shop(definitions)
    report = take(other, message, "b2mml")
    assert [row.accepted for row in report.rows] == [True, True]
    known = [shop.store.book.get(Request, name) for name in ("1", "4")]
    again = [other.store.book.get(Request, name) for name in ("1", "4")]
    assert [(o.product, o.quantity, o.due_ns, o.priority, o.customer) for o in known if o] == [
        (o.product, o.quantity, o.due_ns, o.priority, o.customer) for o in again if o
    ]


def test_the_confirmation_says_what_was_made_where_and_from_which_lot(shop: Shop) -> None:
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=2, due_ns=shop.now_ns))
    shop.granted(commands.ReceiveLot(lot="G1", product="AD-3", quantity=500.0))
    shop.granted(commands.LoadLot(lot="G1", work_unit="adhesive2"))
    shop.begin("1-20", "adhesive2")
    shop.machine("adhesive2", serial="A1")
    shop.machine("adhesive2", serial="A2", kind="reject")
    said = confirming.performance(shop.store.book, "1", sender="n", at_ns=shop.now_ns)
    assert said is not None
    text = said.decode().replace("b2mml:", "")
    segment = text[text.index("<ID>1-20<") : text.index("<ID>1-30<")]
    for words in (
        "<SegmentState>Running<", "<EquipmentID>adhesive2<", "<MaterialLotID>G1<",
        "<QuantityString>28.0<", '<MaterialUse OtherValue="Scrap">Other<', "<ActualStartTime>",
    ):  # fmt: skip
        assert words in segment, words
    assert "<ResponseState>Running<" in text
    assert confirming.performance(shop.store.book, "9", sender="n", at_ns=0) is None


class Drop:
    """A folder that an ERP drops files into, and the shop behind it."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop = shop
        self.root = folder
        self.folder = DropFolder(folder, lambda kind, content: take(shop, content, kind))

    def files(self, name: str) -> list[str]:
        """Return the names in one of the folders."""
        return sorted(path.name for path in (self.root / name).iterdir())


@pytest.fixture
def drop(shop: Shop, tmp_path: Path) -> Drop:
    """An empty folder."""
    return Drop(shop, tmp_path / "erp")


def test_a_dropped_file_is_taken_up_once_it_stands_still_and_is_answered(drop: Drop) -> None:
    path = drop.root / "in" / "monday.csv"
    path.write_bytes(CSV[:60])
    assert drop.folder.look() == 0
    path.write_bytes(CSV)
    assert drop.folder.look() == 0, "it has grown since"
    assert drop.folder.look() == 1 and drop.folder.look() == 0
    assert (drop.files("in"), drop.files("failed"), drop.files("out")) == (
        [], ["monday.csv"], ["monday.csv.report.csv"],
    )  # fmt: skip
    lines = (drop.root / "out" / "monday.csv.report.csv").read_text().splitlines()
    assert lines[:2] == ["order,accepted,code,reason", "1,yes,,"] and len(lines) == 7
    path.write_bytes(CSV)
    drop.folder.look()
    drop.folder.look()
    assert drop.files("failed") == ["monday-2.csv", "monday.csv"], "no file is written over"
    assert drop.files("out") == ["monday-2.csv.report.csv", "monday.csv.report.csv"], "nor is an answer"


def test_a_file_of_another_kind_is_answered_and_an_unfinished_one_is_left_alone(drop: Drop) -> None:
    for name in ("orders.txt", "orders", ".hidden.csv", "big.csv.part", "big.xml.tmp"):
        (drop.root / "in" / name).write_bytes(CSV)
    drop.folder.look()
    assert drop.folder.look() == 2
    assert drop.files("in") == [".hidden.csv", "big.csv.part", "big.xml.tmp"]
    assert drop.files("failed") == ["orders", "orders.txt"]
    report = (drop.root / "out" / "orders.txt.report.csv").read_text()
    assert "a name that ends in '.txt'" in report and ".csv, .xml" in report
    assert not drop.shop.store.entries


def test_a_file_that_is_taken_away_again_is_none(drop: Drop) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (drop.root / "in" / name).write_bytes(CSV.replace(b"\n1,", b"\n" + name[:1].encode() + b"1,"))

    def take_and_lose(kind: str, content: bytes) -> ImportReport:
        (drop.root / "in" / "b.csv").unlink(missing_ok=True)
        return take(drop.shop, content, kind)

    folder = DropFolder(drop.root, take_and_lose)
    assert folder.look() == 0 and folder.look() == 2
    assert drop.files("in") == [] and drop.files("failed") == ["a.csv", "c.csv"]


def test_a_file_that_the_disk_refuses_keeps_no_other_one_waiting(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv"):
        (drop.root / "in" / name).write_bytes(CSV)
    drop.folder.look()
    read = Path.read_bytes

    def refuse(self: Path) -> bytes:
        if self.name == "a.csv":
            raise PermissionError("not yours")
        return read(self)

    with monkeypatch.context() as patched, pytest.raises(PermissionError):
        patched.setattr(Path, "read_bytes", refuse)
        drop.folder.look()
    assert drop.files("in") == ["a.csv"] and drop.files("failed") == ["b.csv"]
    assert drop.folder.look() == 1 and drop.files("in") == [], "and it is taken up once it can be read"


def test_a_file_that_is_too_large_is_answered_and_set_aside(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taktwin.mes.exchange.drop.BYTES_MAX", len(CSV) - 1)
    (drop.root / "in" / "a.csv").write_bytes(CSV)
    drop.folder.look()
    assert drop.folder.look() == 1 and drop.files("failed") == ["a.csv"]
    assert f"{len(CSV) - 1:,} at most" in (drop.root / "out" / "a.csv.report.csv").read_text()
    assert not drop.shop.store.entries


def test_a_mes_that_was_killed_in_between_takes_the_file_up_again_and_doubles_nothing(
    drop: Drop, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop.root / "in" / "a.xml"
    order = b2mml.OrderOut("1", "EA-100", 3, shop.now_ns, 0, "", "Released")
    path.write_bytes(b2mml.show_operations_schedule([order], sender="erp", at_ns=1))
    drop.folder.look()

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", killed)
        drop.folder.look()
    entries = len(shop.store.entries)
    assert entries and drop.files("in") == ["a.xml"]
    again = Drop(shop, drop.root)
    assert again.folder.look() == 0 and again.folder.look() == 1
    assert len(shop.store.entries) == entries
    assert "Accepted" in (drop.root / "out" / "a.xml.acknowledge.xml").read_text()
    assert rebuilt(shop.store.entries).rows == shop.store.book.rows


def test_a_database_that_goes_away_in_the_middle_leaves_the_file_for_later(
    definitions: Definitions, tmp_path: Path
) -> None:
    class Failing(MemoryStore):
        left = 3

        @contextmanager
        def begin(self) -> Iterator[Transaction]:
            self.left -= 1
            if self.left == 0:
                raise StoreError("gone")
            with super().begin() as transaction:
                yield transaction

    shop = Shop(definitions, Failing())
    drop = Drop(shop, tmp_path / "erp")
    (drop.root / "in" / "b.csv").write_bytes(CSV)
    drop.folder.look()
    with pytest.raises(StoreError):
        drop.folder.look()
    assert drop.files("in") == ["b.csv"] and drop.files("out") == []
    assert drop.folder.look() == 1
    assert [row.request for row in shop.store.book.where(Request)] == ["1", "4"]
