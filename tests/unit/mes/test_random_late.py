"""Random sequences of all commands while a terminal is away: nothing is lost, nothing comes twice.

The same plant as in `test_random_commands`, whose rules go on; and mistakes that must be found. A
mistake with ids is found too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from taktwin.contracts import commands
from taktwin.contracts.commands import BookLate, CommandData, LateBooking
from taktwin.mes.checklists.queries import questions
from taktwin.mes.checklists.tables import Photo
from taktwin.mes.collection.tables import KeptBooking, SetAside
from taktwin.mes.execution.tables import JobOrder
from taktwin.plant.schema import Checklist, ChecklistItem
from taktwin.standards.job_control import State, SubState
from tests.unit.mes.conftest import SECOND
from tests.unit.mes.test_checklists import jpeg
from tests.unit.mes.test_random_commands import DEFINITIONS, STEPS, TRACKED, Plant, cells, lots, orders, run

ITEMS = {
    "wiped": ChecklistItem(text="Wiped"),
    "warm": ChecklistItem(text="Warm", kind="number", unit="Cel", lower=20, upper=28),
    "seen": ChecklistItem(text="Seen", kind="photo", optional=True),
}
BONDING = DEFINITIONS.products["EA-100"].operation(20).name
LISTED = replace(
    DEFINITIONS,
    checklists={
        "first": Checklist(
            name="First", required=True, items=ITEMS, operation=BONDING
        )
    },
)  # fmt: skip
offs = st.sampled_from((0, 0, 0, -5, 5000))
items = st.sampled_from(("wiped", "warm", "seen"))


class Afar(Plant):
    """The shop in which anything may be asked at any time, some of it at a terminal that is cut off."""

    definitions = LISTED

    @initialize(quantity=st.integers(1, 4), left=st.sampled_from((3.0, 20.0, 400.0)), begun=st.just(True),
                reader=st.sampled_from(("P01", "P02")), withdrawn=st.just(False))  # fmt: skip
    def open(self, quantity: int, left: float, begun: bool, reader: str, withdrawn: bool) -> None:
        super().open(quantity, left, begun, reader, withdrawn)
        self.kept: list[LateBooking] = []
        self.brought: set[str] = set()

    def keep(self, wish: CommandData, off_s: int = 0) -> None:
        """Keep what was touched at the terminal, whose clock may be wrong."""
        self.shop.now_ns += SECOND
        number = len(self.kept) + 1
        self.kept.append(LateBooking(
            id=f"kept-{number:04d}", sequence=number, name=wish.command_name,
            at_ns=self.shop.now_ns + off_s * SECOND, data=msgspec.Raw(msgspec.json.encode(wish)),
        ))  # fmt: skip

    @rule(
        order=orders, cell=cells, off_s=st.sampled_from((0, 0, 0, -5, 5000)), what=st.integers(0, 4), lot=lots
    )
    def touch(self, order: str, cell: str, off_s: int, what: int, lot: str) -> None:
        job = f"{order}-{STEPS[cell]}"
        wishes: tuple[CommandData, ...] = (
            commands.ReportScrap(job=job, cause="damaged"),
            commands.ControlJob(job=job, method="Pause"),
            commands.ControlJob(job=job, method="Abort"),  # needs the server
            commands.LoadLot(lot=f"{TRACKED[cell]}/{lot}", work_unit=cell),
            commands.BeginJob(job=job),
        )
        self.keep(wishes[what], off_s)

    @rule(order=orders, item=items, away=st.booleans(), warm=st.sampled_from((19.0, 24.0)))
    def answer(self, order: str, item: str, away: bool, warm: float) -> None:
        job = f"{order}-20"
        wish: CommandData
        if item == "seen":
            wish = commands.AttachPhoto(kind="job", record=job, content=jpeg(), checklist="first", item=item)
        elif item == "warm":
            wish = commands.AnswerChecklist(job=job, checklist="first", item=item, value=warm,
                                            unit_of_measure="Cel")  # fmt: skip
        else:
            wish = commands.AnswerChecklist(job=job, checklist="first", item=item, done=True)
        if away:
            self.keep(wish)
        else:
            self.shop.ask(wish)

    @rule(begin=st.integers(0, 8), count=st.integers(1, 9), backwards=st.booleans())
    def bring(self, begin: int, count: int, backwards: bool) -> None:
        part = self.kept[begin : begin + count]
        self.shop.now_ns += SECOND
        became = self.shop.desk.book_late(
            "P01", BookLate(terminal="T-1", first=1, bookings=part[::-1] if backwards else part)
        )
        self.brought |= {each.id for each in part}
        assert {each.id for each in became} == {each.id for each in part}

    @rule(number=st.integers(1, 6))
    def look(self, number: int) -> None:
        self.shop.ask(commands.SettleBooking(booking=f"kept-{number:04d}", cause="asked"))

    @rule(twice=st.booleans())
    def mend(self, twice: bool) -> None:
        """Put right what was in the way of a lot, as far as that is known, and try it again."""
        aside = self.shop.store.book.where(SetAside, command="lot.load", booked=False)
        for row in aside[:1]:
            lot = str(msgspec.json.decode(row.content)["lot"])
            self.shop.ask(commands.ReceiveLot(lot=lot, product=lot.partition("/")[0], quantity=400.0))
            for _ in range(1 + twice):
                now = self.shop.store.book.get(SetAside, row.booking)
                answer = self.shop.ask(commands.RetryBooking(booking=row.booking))
                assert now is not None and not (answer.accepted and now.settled_by), "booked twice"

    @invariant()
    def what_was_brought_is_booked_once_or_set_aside_or_waits(self) -> None:
        book = self.shop.store.book
        waiting = {row.booking for row in book.where(KeptBooking)}
        aside = {row.booking for row in book.where(SetAside) if not row.booked}
        entries = [e for e in self.shop.store.entries if not e.event_type.startswith("booking.")]
        caused = {e.correlation for e in entries}
        for booking in self.kept:
            done = self.shop.store.answers.get(booking.id)
            assert (done is not None) + (booking.id in waiting) == (booking.id in self.brought)
            if done is not None and not commands.decode_answer(done.encode()).accepted:
                assert booking.id in aside and booking.id not in caused
            if booking.name == "scrap.report":
                mine = [
                    e for e in entries if e.correlation == booking.id and e.event_type == "material.scrapped"
                ]
                assert len(mine) <= 1, "booked twice"
                assert all(e.time_ns <= e.recorded_ns for e in mine)
        turns = [booking.sequence for booking in self.kept if booking.id in waiting]
        assert not turns or min(turns) > 1 + sum(b.id in self.shop.store.answers for b in self.kept)

    @invariant()
    def nothing_is_completed_before_what_is_done_by_hand(self) -> None:
        book = self.shop.store.book
        for job in book.where(JobOrder, operation=20):
            if State(job.state) is State.ENDED and job.sub_state in (SubState.COMPLETED, SubState.CLOSED):
                found = questions(book, LISTED, job=job.job, product=job.product, operation=job.name)
                answered = {row.item for row in found if row.answer is not None}
                assert {"wiped", "warm"} <= answered
        for row in book.where(Photo):
            kept = LISTED.documents.files.get(row.file)
            assert kept is not None and b"GPS" not in kept


def test_random_commands_of_a_terminal_that_is_away_leave_the_mes_whole() -> None:
    run(Afar, 20)


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a refused booking is dropped": ("taktwin.mes.collection.late.set_aside", lambda *_, **__: iter(())),
    "what was booked is booked again": (
        "taktwin.storage.stores.MemoryTransaction.answer_of",
        lambda *_: None,
    ),
    "nobody waits for what is done by hand": ("taktwin.mes.execution.actions._waits_for", lambda *_: []),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_random_commands_find_a_planted_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, mistake = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        run(Afar, 1000, shrink=False)
