"""What nobody may use now: all that is restricted, why, since when, by whom, what is to be decided first."""

from __future__ import annotations

from typing import Any

from taktwin.contracts import commands
from taktwin.mes.api import TRAILS
from taktwin.mes.quality import holds
from taktwin.mes.quality.tables import Nonconformance
from taktwin.storage.journal import MemoryTrail
from tests.unit.mes.conftest import Shop
from tests.unit.mes.test_rework import cell as cell
from tests.unit.mes.test_rework import part


def on_hold(shop: Shop) -> dict[str, Any]:
    return TRAILS["holds"](
        shop.store.book, MemoryTrail(shop.store.entries), shop.definitions, {}, shop.now_ns
    )


def test_nothing_is_on_hold_at_first(cell: Shop) -> None:
    part(cell, "S1")
    assert on_hold(cell) == {"holds": [], "lots": 0, "units": 0}


def test_a_unit_and_a_lot_that_a_person_holds_are_listed_until_they_are_released(cell: Shop) -> None:
    part(cell, "S1")
    cell.granted(commands.Hold(kind="unit", id="S1", cause="bead too thin"))
    since_ns = cell.now_ns
    cell.granted(commands.Hold(kind="lot", id="AD-1", cause="the lab found water"))
    found = on_hold(cell)
    assert (found["lots"], found["units"]) == (1, 1)
    lot, unit = found["holds"]  # the last held first
    assert (lot["kind"], lot["id"], lot["product"], lot["reason"], lot["person"], lot["is_person"]) == (
        "lot", "AD-1", "AD-3", "the lab found water", "P01", True
    )  # fmt: skip
    assert 0 < lot["remaining"] <= 900
    assert (unit["id"], unit["since_ns"], unit["request"], unit["work_unit"], unit["nonconformance"]) == (
        "S1", since_ns, "7", "adhesive2", ""
    )  # fmt: skip

    cell.granted(commands.Release(kind="unit", id="S1", cause="measured again"))
    assert [each["id"] for each in on_hold(cell)["holds"]] == ["AD-1"]


def test_what_was_held_again_is_on_hold_since_the_second_time(cell: Shop) -> None:
    part(cell, "S1")
    cell.granted(commands.Hold(kind="unit", id="S1", cause="first"))
    cell.granted(commands.Release(kind="unit", id="S1", cause="looked at"))
    cell.granted(commands.Hold(kind="unit", id="S1", cause="second"))
    (found,) = on_hold(cell)["holds"]
    assert (found["reason"], found["since_ns"]) == ("second", cell.now_ns)


def test_a_unit_that_failed_names_what_is_to_be_decided_and_that_no_person_held_it(cell: Shop) -> None:
    part(cell, "S1", width=9.0)
    (found,) = on_hold(cell)["holds"]
    (row,) = cell.store.book.where(Nonconformance, unit="S1")
    assert found["nonconformance"] == row.nonconformance
    assert not found["is_person"]


def test_more_than_are_shown_are_counted(cell: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(holds, "SHOWN_MAX", 2)
    for serial in ("S1", "S2", "S3"):
        part(cell, serial)
        cell.granted(commands.Hold(kind="unit", id=serial, cause="bead too thin"))
    found = on_hold(cell)
    assert [each["id"] for each in found["holds"]] == ["S2", "S1"]
    assert found["units"] == 3
