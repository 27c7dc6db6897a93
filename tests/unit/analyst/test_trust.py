"""How far a class may be trusted is told to the ledger whenever it changes, and the class falls by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taktwin.analyst import advice, service
from taktwin.analyst.maintenance.tool_change import ToolChange
from taktwin.contracts import recommendation, topics
from taktwin.contracts.recommendation import ClassRecord, Level
from taktwin.ledger.autonomy import doubts_of
from tests.unit.analyst.lathe import values
from tests.unit.analyst.test_closed_loop import SITE, House
from tests.unit.analyst.test_watch import ABOUT

SECOND = 10**9
WHY = "what came of its last 20 lives lies where it rarely should (p 0.0001)"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house whose model a person has let go live, after a round with it."""
    made = House(tmp_path)
    await made.stand_in()
    async with made.open(
        values("turn1", drift_um=36.0, age=285, tools=22), values("turn2", drift_um=8.0, age=40)
    ):
        await made.until(lambda: bool(made.advice))
        await made.promote()
        await made.analyst.round()
        yield made


async def record(house: House) -> ClassRecord:
    """Return what the ledger has of the class."""
    wish = msgspec.msgpack.encode({"advice_class": ToolChange.name})
    said = await house.others.request(topics.query(*SITE, "ledger", recommendation.RECORD), wish)
    return msgspec.msgpack.decode(said, type=ClassRecord)


async def goes_live(house: House, *, later_s: int, error: float) -> None:
    """Let another version go live, that learnt up to a later instant and errs otherwise; and a round pass."""
    store = house.analyst._store
    first = store.versions("tool_wear")[0]
    data_to_ns = first.about.data_to_ns + later_s * SECOND
    store.add(msgspec.structs.replace(first.about, data_to_ns=data_to_ns, error=error), first.state)
    await house.promote()
    await house.analyst.round()


@pytest.mark.parametrize("error", [0.0, ToolChange.error_max, 0.11, 0.5, 7.0])
def test_the_ledger_hears_of_the_error_as_it_is(error: float) -> None:
    found = advice.past_error(ToolChange, msgspec.structs.replace(ABOUT, error=error))
    assert found is not None and (found.error, found.limit) == (error, ToolChange.error_max)


async def test_a_class_falls_once_the_version_in_use_drifts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await record(house)
    assert (before.level, before.trust.drifting, house.told.count("check")) == (Level.ADVISE, False, 1)
    looked: list[Any] = []

    def drifting(*about: Any, **more: Any) -> tuple[int, str]:
        looked.append(about)
        return 9, WHY

    monkeypatch.setattr(service, "drifting", drifting)
    await house.analyst.round()
    assert looked == [] and house.told.count("check") == 1, "it was looked at less than an hour ago"
    monkeypatch.setattr(service, "LOOK_EVERY_NS", 0)
    await house.analyst.round()
    after = await record(house)
    assert (after.level, after.trust.drifting, after.trust.why) == (Level.OBSERVE, True, WHY)
    assert after.trust.error == before.trust.error
    assert [each.code for each in doubts_of(after)] == ["autonomy.drift"]
    await house.analyst.round()
    assert len(looked) == 1 and house.told.count("check") == 2, "once is enough"


async def test_a_class_falls_by_the_error_of_the_version_that_goes_live_and_is_judged_by_the_next(
    house: House,
) -> None:
    good = (await record(house)).trust.error
    assert good is not None and 0 < good.error < ToolChange.error_max
    await goes_live(house, later_s=1, error=3 * ToolChange.error_max)
    bad = await record(house)
    assert bad.trust.error is not None and bad.trust.error.error == 3 * ToolChange.error_max
    assert bad.level is Level.OBSERVE and [each.code for each in doubts_of(bad)] == ["autonomy.backtest"]
    await goes_live(house, later_s=2, error=good.error)
    again = await record(house)
    assert again.trust.error == good and doubts_of(again) == []
    assert again.level is Level.OBSERVE, "it climbs by a person's hand alone"
    await house.analyst.round()
    assert house.told.count("check") == 3, "each once"
