"""Physical assets: roles that they fulfil, where each was when; and fixtures, which are inspected."""

from __future__ import annotations

import itertools

import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import Answer, CommandData
from taktwin.mes.assets import folder
from taktwin.mes.assets.queries import asset, assets, stood_in
from taktwin.mes.assets.tables import Asset, AssetPlace, AssetStay
from taktwin.mes.desk import rebuilt
from taktwin.mes.dispatching.queries import board
from taktwin.mes.maintenance.queries import maintenance
from taktwin.plant import open_plant
from tests.unit.mes.conftest import PLANT, SECOND, START_NS, Shop

DAY_NS = 86_400 * SECOND


def refused(answer: Answer, *words: str) -> None:
    said = f"{answer.code} {answer.place} {answer.found} {answer.right}"
    assert not answer.accepted and all(word in said for word in words), said


def whole(shop: Shop) -> None:
    book = shop.store.book
    told = {key: row for key, row in book.rows.items() if key[0] not in ("readings", "positions")}
    assert rebuilt(shop.store.entries).rows == told


def obstacle(shop: Shop, job: str) -> tuple[str, str, str] | None:
    lines = {line.job.job: line.obstacle for line in board(shop.store.book, shop.definitions, shop.now_ns)}
    found = lines[job]
    return None if found is None else (found.kind.value, found.subject, found.detail)


@pytest.fixture
def hall(shop: Shop) -> Shop:
    """The demo plant's assets, taken in as at its first start."""
    for name, wish in folder.wishes(open_plant(PLANT)):
        answer = shop.ask(wish, command_id=name)
        assert answer.accepted, answer
    return shop


def shaft(shop: Shop) -> None:
    """An order of shafts whose first operation can run on turn1."""
    shop.granted(commands.DropOrder(request="1", product="SH-100", quantity=900, due_ns=START_NS))
    shop.granted(commands.ReceiveLot(lot="ST", product="ST-42", quantity=9000))
    shop.granted(commands.LoadLot(lot="ST", work_unit="turn1"))
    shop.granted(commands.DispatchJob(job="1-10", work_unit="turn1", version=1))


def test_the_folder_is_taken_in_once_and_the_mes_says_from_then_on_where_things_are(hall: Shop) -> None:
    found = assets(hall.store.book, hall.definitions, {}, hall.now_ns)
    roles = {row["role"]: row["asset"] for row in found["roles"]}
    assert roles["turn1/spindle"] == "SP-0417" and roles["furnace1"] == "FU-0001"
    assert {row["asset"]: row["location"] for row in found["assets"]}["SP-0420"] == "spare_room"
    hall.granted(commands.DismountAsset(asset="SP-0417", cause="worn", location="spare_room"))
    for name, wish in folder.wishes(open_plant(PLANT)):
        hall.ask(wish, command_id=name)
    row = hall.store.book.get(Asset, "SP-0417")
    assert row is not None and (row.role, row.location) == ("", "spare_room")
    whole(hall)


def test_a_spindle_is_changed_and_both_histories_say_so(hall: Shop) -> None:
    order = hall.granted(commands.RequestMaintenance(work_unit="turn1", about="noise")).subject
    before_ns = hall.now_ns
    hall.granted(
        commands.DismountAsset(asset="SP-0417", cause="bearing noise", location="spare_room", order=order)
    )
    out_ns = hall.now_ns
    assert stood_in(hall.store.book, "turn1/spindle", hall.now_ns) is None
    hall.granted(commands.MountAsset(asset="SP-0420", role="turn1/spindle", order=order))
    book = hall.store.book
    then = stood_in(book, "turn1/spindle", before_ns)
    now = stood_in(book, "turn1/spindle", hall.now_ns)
    assert then is not None and now is not None and (then.asset, now.asset) == ("SP-0417", "SP-0420")
    assert (then.to_ns, then.reason, now.order) == (out_ns, "bearing noise", order)
    hall.granted(commands.DismountAsset(asset="SP-0418", cause="overhaul"))
    hall.granted(commands.MountAsset(asset="SP-0417", role="turn2/spindle"))
    stays = asset(book, hall.definitions, {"asset": "SP-0417"}, hall.now_ns)["stays"]
    assert [row["role"] or row["location"] for row in stays] == [
        "turn2/spindle",
        "spare_room",
        "turn1/spindle",
        "",
    ]
    assert all(late["from_ns"] == early["to_ns"] for late, early in itertools.pairwise(stays))
    role = asset(book, hall.definitions, {"role": "turn1/spindle"}, hall.now_ns)
    assert [row["asset"] for row in role["stays"]] == ["SP-0420", "SP-0417"]
    at_turn1 = assets(book, hall.definitions, {"equipment": "turn1", "at_ns": before_ns}, hall.now_ns)
    assert {row["asset"] for row in at_turn1["assets"]} == {"SP-0417", "VS-0001"}
    whole(hall)


def test_a_change_may_be_said_later_and_never_before_the_last_one(hall: Shop) -> None:
    hall.now_ns += 3600 * SECOND
    then_ns = hall.now_ns - 1800 * SECOND
    hall.granted(commands.DismountAsset(asset="SP-0417", cause="noise", at_ns=then_ns))
    book = hall.store.book
    assert (
        stood_in(book, "turn1/spindle", then_ns - 1) is not None
        and stood_in(book, "turn1/spindle", then_ns) is None
    )
    early = commands.MountAsset(asset="SP-0420", role="turn1/spindle", at_ns=then_ns - SECOND)
    refused(hall.ask(early), "invalid", "instant", "the last change")
    refused(
        hall.ask(commands.MountAsset(asset="SP-0420", role="turn1/spindle", at_ns=hall.now_ns + DAY_NS)),
        "until now",
    )
    hall.granted(commands.MountAsset(asset="SP-0420", role="turn1/spindle", at_ns=then_ns))
    whole(hall)


def test_a_machine_without_its_spindle_lets_nothing_begin(hall: Shop) -> None:
    shaft(hall)
    hall.granted(commands.DismountAsset(asset="SP-0417", cause="noise"))
    hall.granted(commands.DismountAsset(asset="VS-0001", cause="battery"))
    assert obstacle(hall, "1-10") == ("asset", "turn1/spindle", "SP-0417")
    refused(hall.ask(commands.BeginJob(job="1-10")), "not_ready", "turn1/spindle", "SP-0417 was taken out")
    hall.granted(commands.MountAsset(asset="SP-0420", role="turn1/spindle"))
    assert obstacle(hall, "1-10") is None
    hall.granted(commands.BeginJob(job="1-10"))
    refused(hall.ask(commands.DismountAsset(asset="SP-0420", cause="x")), "state", "1-10 runs there")
    hall.granted(commands.MountAsset(asset="VS-0001", role="turn1/vibration_sensor"))
    whole(hall)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (commands.MountAsset(asset="SP-9", role="turn1/spindle"), ("unknown", "SP-9")),
        (commands.MountAsset(asset="SP-0420", role="turn1/robot"), ("unknown", "turn1/robot")),
        (commands.MountAsset(asset="SP-0420", role="line1"), ("unknown", "line1")),
        (
            commands.MountAsset(asset="SP-0420", role="turn1/spindle"),
            ("state", "SP-0417", "take that one out"),
        ),
        (commands.MountAsset(asset="SP-0418", role="turn1/spindle"), ("state", "turn2/spindle")),
        (commands.MountAsset(asset="PR-0004", role="turn1/spindle"), ("invalid", "servo_press", "spindle")),
        (commands.MountAsset(asset="SP-0420", role="turn1", order="M-99"), ("unknown", "M-99")),
        (commands.DismountAsset(asset="SP-0420", cause="x"), ("state", "not mounted")),
        (commands.DismountAsset(asset="SP-0417", cause=" "), ("invalid", "cause")),
        (
            commands.DismountAsset(asset="SP-0417", cause="x", location="turn2"),
            ("unknown", "turn2", "spare_room"),
        ),
        (commands.DismountAsset(asset="SP-0417", cause="x", order="M-99"), ("unknown", "M-99")),
        (commands.StoreAsset(asset="SP-0417", location="spare_room"), ("state", "turn1/spindle")),
        (commands.StoreAsset(asset="SP-0420", location="moon"), ("unknown", "moon")),
        (commands.RetireAsset(asset="SP-0417", cause="worn"), ("state", "take it out first")),
        (commands.RetireAsset(asset="SP-0420", cause=""), ("invalid", "cause")),
        (commands.RegisterAsset(asset="SP-0420", name="x"), ("conflict", "version 1")),
        (commands.RegisterAsset(asset="N", name="x", version=3), ("conflict", "no asset")),
        (commands.RegisterAsset(asset="N:1", name="x"), ("invalid", "colon")),
        (commands.RegisterAsset(asset="N", name=" "), ("invalid", "name")),
        (commands.RegisterAsset(asset="N", name="x" * 121), ("invalid", "nameplate")),
        (commands.RegisterAsset(asset="N", name="x", location="moon"), ("unknown", "moon")),
        (
            commands.RegisterAsset(asset="SP-0417", name="x", kind="robot", version=2),
            ("invalid", "robot", "spindle"),
        ),
        (
            commands.RegisterAsset(
                asset="N", name="x", manufacturer="Rotara", model="HS-112", serial_number="0420-2407"
            ),
            ("state", "SP-0420"),
        ),
    ],
)
def test_what_is_wrong_is_refused_with_what_would_be_right(
    hall: Shop, wish: CommandData, words: tuple[str, ...]
) -> None:
    written = len(hall.store.entries)
    refused(hall.ask(wish), *words)
    assert len(hall.store.entries) == written


def test_what_is_out_of_use_comes_back_nowhere(hall: Shop) -> None:
    hall.granted(commands.StoreAsset(asset="SP-0420", location="quarantine"))
    hall.granted(commands.RetireAsset(asset="SP-0420", cause="cracked"))
    for wish in (
        commands.MountAsset(asset="SP-0420", role="turn1"),
        commands.StoreAsset(asset="SP-0420", location="rack1"),
        commands.RetireAsset(asset="SP-0420", cause="again"),
    ):
        refused(hall.ask(wish), "out of use", "cracked")
    hall.granted(
        commands.RegisterAsset(asset="SP-0421", name="Main spindle", kind="spindle", location="spare_room")
    )
    hall.granted(commands.RegisterAsset(asset="SP-0421", name="Spindle", kind="spindle", version=1))
    row = hall.store.book.get(Asset, "SP-0421")
    assert row is not None and (row.name, row.location, row.version) == ("Spindle", "spare_room", 2)
    whole(hall)


# Fixtures


@pytest.fixture
def press(shop: Shop) -> Shop:
    """A job order that waits for press2, with its nest mounted."""
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=9000, due_ns=START_NS))
    for lot, product, unit in (("A", "AD-3", "adhesive2"), ("B", "BR-7", "press2")):
        shop.granted(commands.ReceiveLot(lot=lot, product=product, quantity=90000.0))
        shop.granted(commands.LoadLot(lot=lot, work_unit=unit))
    shop.granted(commands.MountTool(tool="T-press_nest-1", work_unit="press2"))
    shop.begin("1-20", "adhesive2")
    shop.machine("adhesive2")
    shop.granted(commands.DispatchJob(job="1-30", work_unit="press2", version=1))
    return shop


def line(shop: Shop) -> dict[str, object]:
    return dict(maintenance(shop.store.book, shop.definitions, {}, shop.now_ns)["tools"][0])


def test_a_fixture_wears_out_by_no_parts_and_is_due_for_inspection_by_parts(press: Shop) -> None:
    assert obstacle(press, "1-30") is None
    press.machine("press2", parts=4999)
    found = line(press)
    assert (found["life_parts"], found["share"], found["worn"]) == (None, 0.0, False)
    assert (found["fixture"], found["inspection_soon"], found["inspection_due"]) == (True, True, False)
    press.machine("press2")
    assert obstacle(press, "1-30") == ("tool", "press_nest", "T-press_nest-1 is due for inspection")
    refused(
        press.ask(commands.BeginJob(job="1-30")), "not_ready", "press_nest of press2", "due for inspection"
    )
    press.granted(commands.InspectTool(tool="T-press_nest-1", passed=True))
    press.granted(commands.BeginJob(job="1-30"))
    whole(press)


def test_a_fixture_is_due_by_days_and_one_that_failed_is_used_nowhere(press: Shop) -> None:
    press.now_ns += 30 * DAY_NS
    assert obstacle(press, "1-30") == ("tool", "press_nest", "T-press_nest-1 is due for inspection")
    refused(press.ask(commands.InspectTool(tool="T-press_nest-1", passed=False)), "invalid", "what is wrong")
    press.granted(commands.InspectTool(tool="T-press_nest-1", passed=False, found="pin bent"))
    assert obstacle(press, "1-30") == ("tool", "press_nest", "T-press_nest-1 failed its inspection: pin bent")
    refused(
        press.ask(commands.BeginJob(job="1-30")), "failed its inspection: pin bent", "passed its inspection"
    )
    press.granted(commands.DismountTool(tool="T-press_nest-1", cause="bent"))
    refused(press.ask(commands.MountTool(tool="T-press_nest-1", work_unit="press3")), "state", "pin bent")
    press.granted(commands.InspectTool(tool="T-press_nest-1", passed=True, found="new pin"))
    press.granted(commands.MountTool(tool="T-press_nest-1", work_unit="press2"))
    assert obstacle(press, "1-30") is None
    refused(press.ask(commands.InspectTool(tool="T-9", passed=True)), "unknown", "T-9")
    press.granted(commands.MountTool(tool="T-insert-1", work_unit="turn1"))
    refused(press.ask(commands.InspectTool(tool="T-insert-1", passed=True)), "state", "not inspected")
    whole(press)


def test_every_role_and_every_asset_is_in_one_place(hall: Shop) -> None:
    for place in hall.store.book.where(AssetPlace):
        open_now = [row for row in hall.store.book.where(AssetStay, role=place.role) if not row.to_ns]
        assert [row.asset for row in open_now] == [place.asset]
