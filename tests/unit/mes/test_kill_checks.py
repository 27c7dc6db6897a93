"""The checks of the kills in the running product find each planted mistake, and nothing where there is none.

The same checks look at a desk over memory here, in which what a kill leaves is laid out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from taktwin.contracts import commands, events
from taktwin.contracts.commands import CommandData
from taktwin.contracts.events import CloudEvent
from taktwin.contracts.machine_commands import MachineResult, Outcome
from taktwin.errors import StoreError
from taktwin.mes.collection import engine as counting
from taktwin.mes.desk import content_of
from taktwin.mes.execution.tables import JobOrder
from taktwin.storage.journal import Entry
from taktwin.storage.stores import MemoryStore, MemoryTransaction, Transaction
from taktwin.virtual_plant.truth import TruthTold
from tests.support_kills import (
    Asked,
    booked_wrongly,
    miscounted,
    orders_wrongly,
    out_of_sequence,
    told_wrongly,
)
from tests.unit.mes.conftest import START_NS, Shop
from tests.unit.mes.test_random_commands import DEFINITIONS


class Killed(MemoryStore):
    """A database that is killed in the transaction, or after it, before anybody hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.kill = ""  # in | after

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with super().begin() as transaction:
            yield transaction
            if self.kill == "in":
                self.kill = ""
                raise StoreError("the database failed: killed")
        if self.kill == "after":
            self.kill = ""
            raise StoreError("the database failed: killed")


class Careless(Killed):
    """The mistake: what is accepted is said so before it is kept."""

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        kill, self.kill = self.kill, ""
        entries, answers = len(self.entries), len(self.answers)
        with super().begin() as transaction:
            yield transaction
        if kill:
            del self.entries[entries:]
            while len(self.answers) > answers:
                self.answers.popitem()


def asked(shop: Shop, one: Asked, wish: CommandData) -> None:
    """Ask as people do, and note what was answered; None where nobody answered."""
    try:
        answer = shop.ask(wish, command_id=one.key)
    except StoreError:
        one.answers.append(None)
        return
    words = {"events": answer.events, "sequence": answer.sequence} if answer.accepted else answer.found
    one.answers.append((answer.accepted, words))


def a_day(store: Killed) -> tuple[Shop, list[Asked]]:
    """Return a shop whose database was killed in every second wish, and what each person was answered."""
    shop, day = Shop(DEFINITIONS, store), list[Asked]()
    for number in range(12):
        wish = commands.DropOrder(request=f"{number}", product="EA-100", quantity=1, due_ns=START_NS)
        one = Asked(f"k-{number}", wish.command_name, {"request": wish.request})
        day.append(one)
        store.kill = ("in", "", "after", "")[number % 4]
        for _ in range(3):
            asked(shop, one, wish)
    return shop, day


def jobs_of(shop: Shop) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in shop.store.book.where(JobOrder):
        found.setdefault(row.request, []).append(row.job)
    return found


def test_what_was_killed_and_asked_again_is_there_once() -> None:
    shop, day = a_day(Killed())
    assert [each.answers[0] is None for each in day[:4]] == [True, False, True, False]
    assert booked_wrongly(day, shop.store.entries) == []
    orders = {str(number): 8 for number in range(12)}
    assert orders_wrongly(orders, shop.store.entries, jobs_of(shop)) == []


def test_an_answer_before_it_is_kept_is_found() -> None:
    shop, day = a_day(Careless())
    assert any("written []" in words for words in booked_wrongly(day, shop.store.entries))


def test_an_id_that_nobody_looks_at_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryTransaction, "answer_of", lambda *_: None)
    shop = Shop(DEFINITIONS)
    wish = commands.ReceiveLot(lot="L", product="AD-3", quantity=1.0)
    note = commands.RequestMaintenance(work_unit="adhesive2", about="noise")
    day = [Asked("k-1", "lot.receive", {}), Asked("k-2", "maintenance.request", {})]
    for one, each in zip(day, (wish, note), strict=True):
        asked(shop, one, each)
        asked(shop, one, each)
    assert booked_wrongly(day, shop.store.entries)


def test_an_order_that_is_lost_or_doubled_is_found() -> None:
    shop, _ = a_day(Killed())
    jobs = jobs_of(shop)
    assert orders_wrongly({"0": 8, "gone": 8}, shop.store.entries, jobs)
    assert orders_wrongly({"0": 8}, shop.store.entries, {**jobs, "0": jobs["0"][1:]})
    twice = [entry for entry in shop.store.entries if entry.subject == "0"]
    assert orders_wrongly({"0": 8}, [*shop.store.entries, *twice], jobs)


def said(entries: list[Entry]) -> list[CloudEvent]:
    return [
        events.make(content_of(entry), source="/a/b/mes", sequence=entry.sequence, time_ns=entry.time_ns)
        for entry in entries
    ]


RELAYS: dict[str, Callable[[list[CloudEvent]], list[CloudEvent]]] = {
    "a relay that forgets its position": lambda whole: [*whole[:5], *whole],
    "a relay that keeps it before it has spoken": lambda whole: [*whole[:5], *whole[8:]],
    "two relays at once": lambda whole: [*whole[:5], whole[6], whole[5], *whole[7:]],
    "a journal that was written anew": lambda whole: [*whole[:5], whole[6], *whole[6:]],
}


def test_a_relay_that_says_each_fact_once_in_order_is_right() -> None:
    shop, _ = a_day(Killed())
    assert out_of_sequence(said(shop.store.entries), shop.store.entries) == []


@pytest.mark.parametrize("mistake", RELAYS)
def test_a_relay_with_a_mistake_is_found(mistake: str) -> None:
    shop, _ = a_day(Killed())
    assert out_of_sequence(RELAYS[mistake](said(shop.store.entries)), shop.store.entries)


def test_a_position_that_is_kept_apart_from_the_counts_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(DEFINITIONS)
    for _ in range(3):
        shop.machine("load2")
    assert miscounted(shop.store.entries) == []
    assert miscounted([*shop.store.entries, shop.store.entries[-1]])
    monkeypatch.setattr("taktwin.mes.collection.actions.step", lambda **_: counting.Step(2))
    shop.machine("load2")
    assert miscounted(shop.store.entries)


def told_day() -> tuple[Shop, list[TruthTold]]:
    """Return a shop that told a machine four things, with each outcome, and what the machine heard."""
    shop, heard = Shop(DEFINITIONS), list[TruthTold]()
    shop.machines_obey = False
    outcomes = (Outcome.DONE, Outcome.UNKNOWN, Outcome.AWAY, Outcome.DONE)
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=9, due_ns=START_NS))
    shop.granted(commands.DispatchJob(job="1-10", work_unit="load2", version=1))
    shop.granted(commands.ReportMachineJobs(work_unit="load2", reachable=True))
    for outcome in outcomes:
        shop.granted(commands.BeginJob(job="1-10"))
        (row,) = shop.desk.open_commands()
        if outcome is not Outcome.AWAY:
            heard.append(TruthTold(unit="load2", at_ns=0, what="StoreAndStart", about="1-10"))
        shop.desk.told(MachineResult(id=row.command, outcome=outcome))
    return shop, heard


def test_a_commander_that_tells_each_thing_once_is_right() -> None:
    shop, heard = told_day()
    assert told_wrongly(shop.store.entries, heard) == []
    assert told_wrongly(shop.store.entries, heard[:2]) == [], "what is unknown may have been told, or not"


def test_a_commander_with_a_mistake_is_found() -> None:
    shop, heard = told_day()
    twice = told_wrongly(shop.store.entries, [*heard, heard[0]])
    assert twice == ["load2 StoreAndStart 1-10: told 4 times, by 3 commands"], "it was sent again"
    assert told_wrongly(shop.store.entries, heard[:1]), "said to be done, and the machine never heard of it"
    by_nobody = TruthTold(unit="load2", at_ns=0, what="Abort", about="1-10")
    assert told_wrongly(shop.store.entries, [*heard, by_nobody])
    open_one = [e for e in shop.store.entries if e.event_type != "command.failed"]
    assert any("nobody says" in words for words in told_wrongly(open_one, heard))
