"""Commands that are decided together come to what they would have come to one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.contracts import commands, events
from taktwin.contracts.commands import Answer, Command, CommandData
from taktwin.errors import StoreError
from taktwin.mes import desk as desks
from taktwin.mes.decision import Asking, Fact, Refused
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.turns import Turns
from taktwin.storage.book import Reading
from taktwin.storage.stores import MemoryStore
from tests.unit.mes.conftest import START_NS, Shop

SCRAP = commands.ReportScrap(job="7-10", cause="surface")
WISHES: tuple[CommandData, ...] = (
    SCRAP,
    commands.ReportScrap(job="7-10", cause=""),
    commands.ReportScrap(job="8-10", cause="surface"),
    commands.UndoScrap(report="0"),
    commands.ReceiveLot(lot="AD-7", product="AD-3", quantity=20.0),
    commands.Hold(kind="lot", id="AD-7", cause="looked grey"),
    commands.DropOrder(request="8", product="EA-100", quantity=2, due_ns=START_NS),
    commands.DispatchJob(job="8-10", work_unit="load2", version=1),
    commands.BeginJob(job="8-10"),
)


def a_shop(definitions: Definitions) -> Shop:
    shop = Shop(definitions)
    shop.granted(commands.DropOrder(request="7", product="EA-100", quantity=9, due_ns=START_NS))
    shop.granted(commands.DispatchJob(job="7-10", work_unit="load2", version=1))
    shop.granted(commands.BeginJob(job="7-10"))
    return shop


def named(wish: CommandData, name: object) -> Command:
    return commands.make(wish, command_id=str(name), actor="P01", reason="a test")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WISHES), st.integers(0, 9)), max_size=12))
def test_together_is_one_by_one(definitions: Definitions, drawn: list[tuple[CommandData, int]]) -> None:
    # A number that comes twice is a command that was sent twice, whatever it wants the second time.
    wanted = [named(wish, number) for wish, number in drawn]
    alone, together = a_shop(definitions), a_shop(definitions)
    single = [alone.desk.execute(each) for each in wanted]
    assert together.desk.execute_all(wanted) == single
    assert together.store.entries == alone.store.entries
    assert together.store.book.rows == alone.store.book.rows
    assert together.store.answers == alone.store.answers


def refuses_late(book: Reading, wish: Any, asking: Asking) -> Iterator[Fact]:
    """Write, and refuse then: what no decider should do, and one may."""
    yield Fact(events.MaterialScrapped(report=asking.command, job=wish.job, quantity=1, cause="x", unit=""),
               asking.now_ns)  # fmt: skip
    raise Refused("state", "a test", "too late", "earlier")


def breaks(book: Reading, wish: Any, asking: Asking) -> Iterator[Fact]:
    raise ZeroDivisionError("a mistake of ours")


async def asked(turns: Turns, wishes: list[CommandData]) -> list[Answer | BaseException]:
    found = await asyncio.gather(
        *(turns.ask(named(wish, number)) for number, wish in enumerate(wishes)), return_exceptions=True
    )
    turns.close()
    return found


@pytest.mark.parametrize("decider", [refuses_late, breaks])
def test_one_that_cannot_be_taken_back_alone_takes_no_other_with_it(
    definitions: Definitions, monkeypatch: pytest.MonkeyPatch, decider: Any
) -> None:
    shop = a_shop(definitions)
    before = len(shop.store.entries)
    monkeypatch.setitem(desks.RULES.deciders, commands.Hold.command_name, decider)
    wishes = [SCRAP, SCRAP, commands.Hold(kind="lot", id="7-10", cause="x"), SCRAP]
    if decider is refuses_late:
        wishes[2] = commands.Hold(kind="lot", id="AD-9", cause="x")
        monkeypatch.setattr(commands.Hold, "job", "7-10", raising=False)
    with pytest.raises((Refused, ZeroDivisionError)):
        shop.desk.execute_all([named(wish, number) for number, wish in enumerate(wishes)])
    assert len(shop.store.entries) == before, "nothing of it happened"
    first, second, third, fourth = asyncio.run(asked(Turns(shop.desk), wishes))
    for good in (first, second, fourth):
        assert isinstance(good, Answer) and good.accepted
    if decider is refuses_late:
        assert isinstance(third, Answer) and third.found == "too late"
    else:
        assert isinstance(third, ZeroDivisionError)
    assert len(shop.store.entries) == before + 3


def test_a_database_that_is_away_says_so_to_all_and_is_not_asked_for_each(definitions: Definitions) -> None:
    class Away(MemoryStore):
        asked = 0
        away = False

        def begin(self) -> Any:
            self.asked += 1
            if self.away:
                raise StoreError("gone")
            return super().begin()

    store = Away()
    shop = Shop(definitions, store)
    store.away, store.asked = True, 0
    found = asyncio.run(asked(Turns(shop.desk), [SCRAP] * 20))
    assert all(isinstance(each, StoreError) for each in found) and len(found) == 20
    # The first one went alone: nobody else had come yet. Then the others together, and two by themselves.
    assert store.asked <= 1 + 1 + 2


def test_what_waits_is_decided_together(definitions: Definitions) -> None:
    class Counting(MemoryStore):
        transactions = 0

        def begin(self) -> Any:
            self.transactions += 1
            return super().begin()

    store = Counting()
    shop = Shop(definitions, store)
    store.transactions = 0
    found = asyncio.run(asked(Turns(shop.desk), [SCRAP] * 64))
    assert [isinstance(each, Answer) for each in found] == [True] * 64
    assert store.transactions <= 2
