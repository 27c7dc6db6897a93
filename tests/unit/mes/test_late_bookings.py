"""A terminal works a shift without the server: 500 bookings, brought once, twice, shuffled, in pieces.

Whatever happens to them on the way, tables and facts are those of a terminal that was never alone.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from taktwin.contracts import commands
from taktwin.contracts.commands import BookedLate, BookLate, CommandData, LateBooking
from taktwin.errors import StoreError
from taktwin.mes.api import QUERIES
from taktwin.mes.collection import late
from taktwin.mes.collection.tables import Counter, KeptBooking, SetAside
from taktwin.mes.definitions.routes import Definitions
from taktwin.mes.desk import rebuilt
from taktwin.mes.execution.tables import JobOrder, ScrapReport
from taktwin.mes.resources.tables import Stay
from taktwin.mes.tracking.tables import LoadedLot, Lot
from taktwin.plant.schema import Checklist, ChecklistItem
from taktwin.storage.journal import verify
from taktwin.storage.stores import MemoryTransaction
from tests.unit.mes.conftest import SECOND, START_NS, Shop
from tests.unit.mes.test_checklists import jpeg

TERMINAL = "T-adhesive2-1"
SHIFT_S = 8 * 3600
UNTOLD = ("readings", "positions", "credentials", "terminals", "kept_bookings")
CHECKLIST = Checklist(
    name="Before the first part", operation="Adhesive and housing",
    items={
        "nozzle": ChecklistItem(text="Nozzle wiped"),
        "pot": ChecklistItem(text="Pot temperature", kind="number", unit="Cel", lower=20, upper=28),
        "said": ChecklistItem(text="What was seen", kind="text", optional=True),
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def listed(definitions: Definitions) -> Definitions:
    """The demo plant with a checklist at adhesive2."""
    operation = definitions.products["EA-100"].operation(20).name
    return replace(definitions, checklists={"first": msgspec.structs.replace(CHECKLIST, operation=operation)})


def morning(definitions: Definitions) -> Shop:
    """Return a shop as the terminal saw it last: a job order under way, P05 logged on, lots in stock."""
    shop = Shop(definitions)
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=900, due_ns=START_NS))
    for n in range(6):
        shop.granted(commands.ReceiveLot(lot=f"AD-3/{n}", product="AD-3", quantity=5000.0))
    shop.granted(commands.SetCredentials(person="P05", pin="5555"))
    shop.granted(commands.LogOn(person="P05", pin="5555", work_unit="adhesive2"))
    shop.begin("1-20", "adhesive2")
    return shop


def shift(seed: int, count: int = 500) -> list[tuple[int, str, CommandData]]:
    """Return what hands touched in eight hours: (when, id, wish), in that order."""
    draw = random.Random(seed)
    at = sorted(draw.sample(range(60, SHIFT_S), count))
    touched: list[tuple[int, str, CommandData]] = []
    scraps: list[tuple[int, str]] = []
    for n, second in enumerate(at):
        name = f"booking-{n:04d}"
        undoable = [report for when, report in scraps if second - when < 540]
        wish: CommandData
        match draw.choice(
            ("scrap", "scrap", "undo", "lot", "result", "step", "note", "pot", "help", "pause")
        ):
            case "scrap":
                wish = commands.ReportScrap(job="1-20", cause=draw.choice(("damaged", "bead_gap")),
                                            quantity=draw.randint(1, 3))  # fmt: skip
                scraps.append((second, name))
            case "undo" if undoable:
                wish = commands.UndoScrap(report=draw.choice(undoable))  # also one that was undone already
            case "lot":
                wish = commands.LoadLot(lot=f"AD-3/{draw.randrange(8)}", work_unit="adhesive2")  # two unknown
            case "result":
                value = draw.choice((11.0, 14.0, 15.5))
                wish = commands.RecordResult(job="1-20", characteristic="adhesive_strength", value=value,
                                             unit_of_measure="MPa")  # fmt: skip
            case "pot":
                value = draw.choice((19.0, 23.5))
                wish = commands.AnswerChecklist(job="1-20", checklist="first", item="pot", value=value,
                                                unit_of_measure="Cel")  # fmt: skip
            case "step":
                wish = commands.AnswerChecklist(job="1-20", checklist="first", item="nozzle", done=True)
            case "help":
                wish = commands.RequestMaintenance(work_unit="adhesive2", about="noise")
            case "pause":
                wish = commands.ControlJob(job="1-20", method=draw.choice(("Pause", "Resume")))
            case _:
                wish = commands.WriteNote(
                    work_unit="adhesive2", person="P05", text=f"{second} s: bead is thin"
                )
        touched.append((second, name, wish))
    return touched


def machine(shop: Shop, begun_ns: int, seed: int) -> Iterator[tuple[int, Callable[[], None]]]:
    """Yield what the machine says meanwhile: the server hears it, whoever else is cut off."""
    draw = random.Random(seed + 1)
    for second in sorted(draw.sample(range(60, SHIFT_S), 120)):

        def says(at_ns: int = begun_ns + second * SECOND + SECOND // 2) -> None:
            shop.now_ns = at_ns - SECOND
            shop.machine("adhesive2")

        yield second, says


def kept(begun_ns: int, touched: list[tuple[int, str, CommandData]]) -> list[LateBooking]:
    """Return the same as the terminal keeps it."""
    return [
        LateBooking(id=name, sequence=n, name=wish.command_name, at_ns=begun_ns + second * SECOND,
                    on_behalf_of="P05", data=msgspec.Raw(msgspec.json.encode(wish)))
        for n, (second, name, wish) in enumerate(touched, start=1)
    ]  # fmt: skip


def facts(shop: Shop) -> list[tuple[Any, ...]]:
    """Return what is on record, but for when and in which turn it came: that differs, and is no fact."""
    return sorted(
        (e.time_ns, e.event_type, e.subject, e.actor, e.on_behalf_of, e.correlation, e.content)
        for e in shop.store.entries
        if not e.event_type.startswith("booking.") and not e.event_type.startswith("material.counted")
    )


def tables(shop: Shop) -> dict[tuple[str, str], Any]:
    """Return the rows, but for what says how and in which turn they came."""
    aside = (*UNTOLD, "bookings_set_aside", "changes")
    return {key: row for key, row in shop.store.book.rows.items() if key[0] not in aside}


def online(definitions: Definitions, seed: int, *, counting: bool) -> tuple[Shop, set[str]]:
    """Return the shop of a terminal that was never alone, and what was refused there."""
    shop = morning(definitions)
    begun_ns = shop.now_ns
    refused: set[str] = set()

    def ask(second: int, name: str, wish: CommandData) -> None:
        shop.now_ns = begun_ns + (second - 1) * SECOND
        if not shop.ask(wish, command_id=name, on_behalf_of="P05").accepted:
            refused.add(name)

    todo: list[tuple[int, Callable[[], None]]] = list(machine(shop, begun_ns, seed)) if counting else []
    for second, name, wish in shift(seed):
        todo.append((second, lambda s=second, n=name, w=wish: ask(s, n, w)))  # type: ignore[misc]
    for _, does in sorted(todo, key=lambda each: each[0]):
        does()
    return shop, refused


def alone(
    definitions: Definitions, seed: int, bring: Callable[[Shop, list[LateBooking]], None], *, counting: bool
) -> Shop:
    """Return the shop of a terminal that was alone for the shift, and brought its bookings so."""
    shop = morning(definitions)
    begun_ns = shop.now_ns
    for _, says in machine(shop, begun_ns, seed) if counting else ():
        says()
    shop.now_ns = begun_ns + (SHIFT_S + 600) * SECOND
    shop.granted(commands.LogOff(person="P05"))  # the shift is over for the server, and was not then
    bring(shop, kept(begun_ns, shift(seed)))
    return shop


def sync(shop: Shop, bookings: list[LateBooking], first: int = 1) -> list[BookedLate]:
    """Bring some, as whoever is signed in at the terminal."""
    shop.now_ns += SECOND
    return shop.desk.book_late("P01", BookLate(terminal=TERMINAL, first=first, bookings=bookings))


def pieces(bookings: list[LateBooking], draw: random.Random) -> list[list[LateBooking]]:
    """Cut into pieces of any size."""
    cuts = sorted(draw.sample(range(1, len(bookings)), 20))
    return [bookings[a:b] for a, b in zip([0, *cuts], [*cuts, len(bookings)], strict=True)]


def once(shop: Shop, bookings: list[LateBooking]) -> None:
    """All at once."""
    sync(shop, bookings)


def twice(shop: Shop, bookings: list[LateBooking]) -> None:
    """All, and all again: the answer was lost on its way. And a third time from another tab."""
    for _ in range(3):
        sync(shop, bookings)


def shuffled(shop: Shop, bookings: list[LateBooking]) -> None:
    """In pieces, the last ones first or in between, each piece shuffled, none said twice."""
    draw = random.Random(7)
    parts = pieces(bookings, draw)
    draw.shuffle(parts)
    for part in parts:
        draw.shuffle(part)
        sync(shop, part)


def storm(shop: Shop, bookings: list[LateBooking]) -> None:
    """In pieces, out of order, repeated, and the database goes away in the middle of each third of them."""
    draw = random.Random(11)
    parts = [part for part in pieces(bookings, draw) for _ in range(2)]
    draw.shuffle(parts)
    for number, part in enumerate(parts):
        if number % 3 == 0:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(MemoryTransaction, "append", fails_after(draw.randrange(1, 40)))
                with contextlib.suppress(StoreError):
                    sync(shop, part)
        sync(shop, part)


def fails_after(count: int) -> Callable[..., None]:
    """Return a journal that breaks after some entries."""
    left = [count]

    def append(self: MemoryTransaction, entry: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StoreError("the database is away")
        self._store.entries.append(entry)

    return append


ROADS: dict[str, Callable[[Shop, list[LateBooking]], None]] = {
    "once": once, "twice": twice, "shuffled": shuffled, "storm": storm,
}  # fmt: skip


def compare(definitions: Definitions, road: str, seed: int, *, counting: bool = False) -> None:
    """Bring a shift along a road, and insist that nothing came of it but what an hour online would have."""
    there, refused = online(definitions, seed, counting=counting)
    here = alone(definitions, seed, ROADS[road], counting=counting)
    stay = next(row for row in here.store.book.where(Stay, person="P05"))
    here.store.book.put(msgspec.structs.replace(stay, to_ns=0, ended_day=0))  # the one log-off of `alone`
    logged_off = [fact for fact in facts(here) if fact[1] == "labour.logged.off"]
    assert facts(there) == [fact for fact in facts(here) if fact not in logged_off]
    assert tables(here) == tables(there)
    aside = here.store.book.where(SetAside)
    assert {row.booking for row in aside if not row.booked} == refused, "nothing is dropped in silence"
    assert here.store.book.where(KeptBooking) == []
    assert verify(here.store.entries).broken is None


@pytest.mark.parametrize("road", ROADS)
def test_a_shift_of_500_bookings_comes_to_the_same_along_every_road(listed: Definitions, road: str) -> None:
    compare(listed, road, seed=3)


def test_the_machine_counts_meanwhile_and_each_booking_belongs_to_its_own_moment(listed: Definitions) -> None:
    there, _ = online(listed, 5, counting=True)
    here = alone(listed, 5, shuffled, counting=True)
    [job] = here.store.book.where(JobOrder, job="1-20")
    [same] = there.store.book.where(JobOrder, job="1-20")
    assert (job.scrap, job.state) == (same.scrap, same.state)
    # Nobody knew of the pauses while the machine counted: its parts stay with the job order, and are named.
    [counter] = there.store.book.where(Counter, work_unit="adhesive2")
    assert job.good == same.good + counter.loose and same.good > 0 and counter.loose > 0
    paused = [row for row in here.store.book.where(SetAside) if "while it was paused" in row.found]
    assert paused and {row.command for row in paused} == {"job.control"}
    reports = {row.report: row for row in there.store.book.where(ScrapReport)}
    assert {row.report: row for row in here.store.book.where(ScrapReport)} == reports
    told = {key: row for key, row in here.store.book.rows.items() if key[0] not in UNTOLD}
    assert rebuilt(here.store.entries).rows == told
    # A lot that was put there late: parts were counted from the one before. Somebody is told.
    doubts = [row for row in here.store.book.where(SetAside) if row.booked]
    assert doubts and all("counted there" in row.found for row in doubts)
    assert any("counted there since" in row.found for row in doubts)


def _forgets(self: MemoryTransaction, command: str) -> None:
    return None


def _by_arrival(booking: LateBooking, last_ns: int, *, now_ns: int, late_ns_max: int) -> int:
    return now_ns


def _in_no_order(transaction: Any, name: str) -> Any:
    from taktwin.mes.collection.tables import Terminal

    return Terminal(terminal=name, next_sequence=2**50, last_ns=0)


MUTANTS: dict[str, tuple[str, Any, str]] = {
    "what was booked is booked again": (
        "taktwin.storage.stores.MemoryTransaction.answer_of",
        _forgets,
        "twice",
    ),
    "a booking counts when it comes": ("taktwin.mes.collection.late.touched_ns", _by_arrival, "once"),
    "they are booked as they come": ("taktwin.mes.desk._terminal", _in_no_order, "shuffled"),
    "who is there now was there then": (
        "taktwin.mes.performance.actions.stay_when",
        lambda book, person, asking: next(iter(book.where(Stay, person=person, to_ns=0)), None),
        "once",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_roads_find_a_planted_mistake(
    name: str, listed: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, mistake, road = MUTANTS[name]
    monkeypatch.setattr(place, mistake)
    with pytest.raises(AssertionError):
        compare(listed, road, seed=3)


def test_what_cannot_be_booked_any_more_comes_back_with_its_reason_and_is_settled_once(
    listed: Definitions,
) -> None:
    shop = morning(listed)
    begun_ns = shop.now_ns
    touched: list[tuple[int, str, CommandData]] = [
        (10, "scrap-early", commands.ReportScrap(job="1-20", cause="damaged")),
        (20, "lot-on-hold", commands.LoadLot(lot="AD-3/1", work_unit="adhesive2")),
        (
            30,
            "sign-it",
            commands.Sign(kind="lot", record="AD-3/1", meaning="reviewed", person="P05", pin="5555"),
        ),
        (40, "gone", commands.AnswerChecklist(job="9-20", checklist="first", item="nozzle", done=True)),
        (900, "scrap-late", commands.ReportScrap(job="1-20", cause="damaged")),
    ]
    shop.now_ns += 600 * SECOND
    shop.granted(commands.Hold(kind="lot", id="AD-3/1", cause="thin"))
    shop.granted(commands.ControlJob(job="1-20", method="Abort"))
    shop.now_ns += 600 * SECOND
    became = {each.id: each for each in sync(shop, kept(begun_ns, touched))}
    assert became["scrap-early"].state == "booked", "the job order was under way then"
    assert [became[name].state for name in ("lot-on-hold", "sign-it", "gone", "scrap-late")] == ["look"] * 4
    assert "Restricted (thin)" in became["lot-on-hold"].reason
    assert "record.sign" in became["sign-it"].reason
    assert "Aborted" in became["scrap-late"].reason
    shown = QUERIES["late"](shop.store.book, listed, {}, shop.now_ns)
    assert {row["booking"] for row in shown["waiting"]} == {"lot-on-hold", "sign-it", "gone", "scrap-late"}
    assert "5555" not in repr((shop.store.entries, shop.store.answers, shop.store.book.where(SetAside)))
    at_terminal = QUERIES["terminal"](shop.store.book, listed, {"work_unit": "adhesive2"}, shop.now_ns)
    assert {row["booking"] for row in at_terminal["set_aside"]} == {"lot-on-hold", "scrap-late"}
    shop.granted(commands.SettleBooking(booking="lot-on-hold", cause="taken out again by P05"))
    again = shop.ask(commands.SettleBooking(booking="lot-on-hold", cause="taken out again"))
    assert not again.accepted and "looked at by P01" in again.found
    assert not shop.ask(commands.SettleBooking(booking="gone", cause=" ")).accepted
    assert sync(shop, kept(begun_ns, touched))[1].state == "look", "the same answer again"
    told = {key: row for key, row in shop.store.book.rows.items() if key[0] not in UNTOLD}
    assert rebuilt(shop.store.entries).rows == told


def test_what_whoever_brings_it_may_not_is_set_aside_and_the_rest_is_booked(listed: Definitions) -> None:
    shop = morning(listed)
    wishes = kept(
        shop.now_ns, [(n, f"scrap-{n:04d}", commands.ReportScrap(job="1-20", cause="x")) for n in (1, 2)]
    )
    shop.now_ns += 60 * SECOND
    brought = [msgspec.structs.replace(wishes[0], denied="mes.work"), wishes[1]]
    assert [each.state for each in sync(shop, brought)] == ["look", "booked"]
    [aside] = shop.store.book.where(SetAside)
    assert aside.code == "denied" and "mes.work" in aside.right


def test_a_command_that_was_done_before_its_answer_was_lost_is_not_done_again(listed: Definitions) -> None:
    shop = morning(listed)
    wish = commands.ReportScrap(job="1-20", cause="damaged")
    assert shop.ask(wish, command_id="booking-0000", on_behalf_of="P05").accepted
    [became] = sync(shop, kept(shop.now_ns - SECOND, [(0, "booking-0000", wish)]))
    assert became.state == "booked"
    assert len(shop.store.book.where(ScrapReport)) == 1


def test_nothing_waits_for_what_the_terminal_no_longer_has(listed: Definitions) -> None:
    shop = morning(listed)
    wishes = kept(shop.now_ns, [(n, f"note-{n:05d}", commands.ReportScrap(job="1-20", cause="damaged"))
                                for n in range(1, 5)])  # fmt: skip
    shop.now_ns += 100 * SECOND
    assert [each.state for each in sync(shop, [wishes[3], wishes[2]])] == ["waiting", "waiting"]
    assert [each.state for each in sync(shop, wishes[3:], first=3)] == ["booked"]
    assert len(shop.store.book.where(ScrapReport)) == 2


def test_what_comes_long_after_its_turn_holds_up_nothing_that_follows(listed: Definitions) -> None:
    shop = morning(listed)
    wishes = kept(shop.now_ns, [(n, f"note-{n:05d}", commands.ReportScrap(job="1-20", cause="damaged"))
                                for n in range(1, 5)])  # fmt: skip
    shop.now_ns += 100 * SECOND
    assert [each.state for each in sync(shop, [wishes[2]], first=3)] == ["booked"]
    assert [each.state for each in sync(shop, [wishes[0]])] == ["booked"]  # from a tab that slept
    assert [each.state for each in sync(shop, [wishes[3]])] == ["booked"]


@pytest.mark.parametrize(
    ("off_s", "words"),
    [(3600, "in the future"), (-80 * 3600, "h at most"), (30, ""), (-600, "")],
)
def test_an_absurd_time_is_refused_and_kept_and_a_small_error_is_none(
    listed: Definitions, off_s: int, words: str
) -> None:
    shop = morning(listed)
    shop.now_ns += 700 * SECOND
    booking = kept(
        shop.now_ns + off_s * SECOND, [(0, "off-clock", commands.ReportScrap(job="1-20", cause="x"))]
    )
    [became] = sync(shop, booking)
    assert became.state == ("look" if words else "booked") and words in became.reason
    if not words:
        [report] = shop.store.book.where(ScrapReport)
        assert report.at_ns <= shop.now_ns


def test_a_clock_that_is_set_back_in_the_night_changes_no_order(listed: Definitions) -> None:
    """The night on which an hour comes twice: a tablet that took its hour back says earlier instants."""
    zone = ZoneInfo("Europe/Vienna")
    two = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)  # 02:30 in summer: at 03:00 it is 02:00 again
    start_ns = int(two.timestamp()) * SECOND
    assert two.astimezone(zone).fold == 0
    shop = morning(listed)
    shift_ns = start_ns - shop.now_ns
    shop.now_ns = start_ns
    before = kept(
        start_ns, [(n * 60, f"before-{n}", commands.ReportScrap(job="1-20", cause="x")) for n in range(1, 40)]
    )
    after = [
        msgspec.structs.replace(
            each, id=f"after-{n}00", sequence=40 + n, at_ns=each.at_ns + 40 * 60 * SECOND - 3600 * SECOND
        )
        for n, each in enumerate(before)
    ]
    assert shift_ns and after[0].at_ns < before[-1].at_ns
    shop.now_ns += 3 * 3600 * SECOND
    late_ones = [msgspec.structs.replace(each, on_behalf_of="") for each in (*before, *after)]
    assert {each.state for each in sync(shop, late_ones[::-1])} == {"booked"}
    times = {row.report: row.at_ns for row in shop.store.book.where(ScrapReport)}
    in_order = [times[each.id] for each in late_ones]
    assert in_order == sorted(in_order) and len(times) == 78


def test_a_clock_ten_minutes_wrong_is_put_right_by_what_was_measured(listed: Definitions) -> None:
    """The page sends corrected instants; one that was not corrected would lie in the future."""
    assert late.AHEAD_NS < 600 * SECOND
    shop = morning(listed)
    offset_s = -600  # the server's clock less the terminal's, as the terminal measured it when online
    touched_by_terminal_ns = shop.now_ns + 100 * SECOND - offset_s * SECOND
    shop.now_ns += 200 * SECOND
    wish = commands.ReportScrap(job="1-20", cause="x")
    raw = kept(touched_by_terminal_ns, [(0, "not-corrected", wish)])
    right = kept(touched_by_terminal_ns + offset_s * SECOND, [(0, "corrected1", wish)])
    assert sync(shop, raw)[0].state == "look" and sync(shop, right)[0].state == "booked"
    [report] = shop.store.book.where(ScrapReport)
    assert shop.now_ns - report.at_ns < 110 * SECOND


def test_a_late_start_and_a_late_lot_say_what_was_counted_meanwhile(listed: Definitions) -> None:
    shop = Shop(listed)
    shop.granted(commands.DropOrder(request="1", product="EA-100", quantity=9, due_ns=START_NS))
    shop.granted(commands.DispatchJob(job="1-20", work_unit="adhesive2", version=1))
    begun = shop.now_ns
    shop.machine("adhesive2", parts=2)
    shop.machine("adhesive2")
    shop.now_ns += 60 * SECOND
    booking = kept(begun, [(1, "begin-it", commands.BeginJob(job="1-20"))])
    [became] = sync(shop, [msgspec.structs.replace(booking[0], on_behalf_of="")])
    assert became.state == "booked" and became.events == ["job.order.started", "booking.set_aside"]
    [doubt] = shop.store.book.where(SetAside)
    assert doubt.booked and "belong to no job order" in doubt.found
    [job] = shop.store.book.where(JobOrder, job="1-20")
    assert (job.state, job.started_ns) == ("Running", begun + SECOND)
    assert shop.store.book.where(LoadedLot) == [] and shop.store.book.where(Lot) == []


def test_what_was_set_aside_is_booked_on_another_try_once_at_its_own_time(listed: Definitions) -> None:
    shop = morning(listed)
    begun_ns = shop.now_ns
    shop.granted(commands.Hold(kind="lot", id="AD-3/1", cause="thin"))
    shop.now_ns += 600 * SECOND
    touched: list[tuple[int, str, CommandData]] = [
        (20, "lot-on-hold", commands.LoadLot(lot="AD-3/1", work_unit="adhesive2")),
        (30, "a-photo", commands.AttachPhoto(kind="unit", record="none", content=jpeg())),
        (
            40,
            "to-sign",
            commands.Sign(kind="lot", record="AD-3/1", meaning="reviewed", person="P05", pin="5"),
        ),
        (50, "scrapped", commands.ReportScrap(job="1-20", cause="damaged")),
    ]
    assert [each.state for each in sync(shop, kept(begun_ns, touched))] == ["look", "look", "look", "booked"]
    retry = commands.RetryBooking(booking="lot-on-hold")
    refused = shop.ask(retry)
    assert not refused.accepted and "Restricted (thin)" in refused.found, "still in its way"
    shop.granted(commands.Release(kind="lot", id="AD-3/1", cause="measured again"))
    answer = shop.granted(retry)
    assert answer.events[0] == "lot.loaded" and answer.events[-1] == "booking.settled"
    booked = shop.store.entries[-len(answer.events) :]
    loaded, settled = booked[0], booked[-1]
    assert (loaded.time_ns, loaded.actor) == (begun_ns + 20 * SECOND, "P01"), "as of the touch, by who tried"
    row = shop.store.book.get(SetAside, "lot-on-hold")
    assert row is not None and (row.person, row.settled_by) == ("P05", "P01")
    assert row.settled.startswith("booked on another try") and settled.actor == "P01"
    for name, words in (
        ("lot-on-hold", "looked at by P01"), ("a-photo", "a photo"), ("to-sign", "record.sign"),
        ("scrapped", "scrapped"), ("none", "none"),
    ):  # fmt: skip
        answer = shop.ask(commands.RetryBooking(booking=name))
        assert not answer.accepted and words in answer.found, (name, answer)
    shop.granted(commands.SettleBooking(booking="a-photo", cause="taken again"))
    told = {key: row for key, row in shop.store.book.rows.items() if key[0] not in UNTOLD}
    assert rebuilt(shop.store.entries).rows == told


def test_what_is_too_old_is_not_tried_again(listed: Definitions) -> None:
    shop = morning(listed)
    begun_ns = shop.now_ns
    lot: CommandData = commands.LoadLot(lot="none", work_unit="adhesive2")
    sync(shop, kept(begun_ns, [(20, "no-such-lot", lot)]))
    shop.granted(commands.ReceiveLot(lot="none", product="AD-3", quantity=5.0))
    shop.now_ns += listed.late_ns_max + 60 * SECOND
    answer = shop.ask(commands.RetryBooking(booking="no-such-lot"))
    assert not answer.accepted and answer.right == "72 h at most"


def test_a_booking_carries_whose_hands_it_was_and_who_brought_it(listed: Definitions) -> None:
    shop = morning(listed)
    begun_ns = shop.now_ns
    shop.now_ns += 600 * SECOND
    scrap: CommandData = commands.ReportScrap(job="1-20", cause="damaged")
    late = [
        msgspec.structs.replace(each, on_behalf_of="", account=account)
        for each, account in zip(kept(begun_ns, [(10, "of-other", scrap), (20, "of-mine", scrap)]),
                                 ("P09", "P01"), strict=True)
    ]  # fmt: skip
    shop.desk.book_late("P01", BookLate(terminal="T-1", first=1, bookings=late))
    booked = {e.correlation: e for e in shop.store.entries if e.event_type == "material.scrapped"}
    assert (booked["of-other"].actor, booked["of-other"].on_behalf_of) == ("P01", "P09")
    assert (booked["of-mine"].actor, booked["of-mine"].on_behalf_of) == ("P01", "")
    gone: CommandData = commands.ReportScrap(job="none", cause="damaged")
    (lost,) = kept(begun_ns, [(30, "of-nobody", gone)])
    lost = msgspec.structs.replace(lost, on_behalf_of="", account="P09", sequence=3)
    shop.desk.book_late("P01", BookLate(terminal="T-1", first=1, bookings=[lost]))
    row = shop.store.book.get(SetAside, "of-nobody")
    assert row is not None and row.person == "P09", "who may be asked about it"
