"""Back-tests on demand and every night: one at a time, caught up after a pause, kept over restarts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from taktwin.bus.memory import MemoryHub
from taktwin.clock import SystemClock, VirtualClock
from taktwin.contracts import topics
from taktwin.contracts.backtest import BACKTEST, BACKTESTS, BackTests, Begun, Epoch, Wish
from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import Note
from taktwin.errors import BusError
from taktwin.measures.time_classes import ClassSpan
from taktwin.whatif.backtest import DAYS, EPOCHS_MIN, scored
from taktwin.whatif.backtests import SETTLE_NS, Backtests
from taktwin.whatif.past import Fact
from tests.unit.whatif.test_whatif import REGISTRY, SECOND, picture

DAY = 86_400 * SECOND
MORNING = int(datetime(2026, 11, 12, 5, 0, tzinfo=UTC).timestamp()) * SECOND  # 6:00 there: a day begins
SITE = (REGISTRY.enterprise, REGISTRY.site)


class Asked:
    """The past, as far as it answers."""

    def __init__(self, begins_ns: int | None) -> None:
        self.begins = begins_ns
        self.is_away = False
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def frame(self, at_ns: int) -> Frame:
        if self.is_away:
            raise BusError("nobody answers recorder.open")
        await self.go_on.wait()
        return picture(at_ns)

    async def facts(self, from_ns: int, to_ns: int) -> list[Fact]:
        return []

    async def stays(self, from_ns: int, to_ns: int) -> dict[str, list[ClassSpan]]:
        return {}

    async def begins_ns(self) -> int | None:
        if self.is_away:
            raise BusError("nobody answers historian.status")
        return self.begins


class Foretold:
    """A model that is off by a share; it leaves out what begins at one of some instants."""

    def __init__(self, off: float = 0.0, version: str = "1", unseen: tuple[int, ...] = ()) -> None:
        self.version, self.calibration_id, self.calibrated_to_ns = version, "c", 0
        self.off, self.unseen = off, unseen
        self.asked: list[tuple[int, int]] = []

    def epoch(
        self, frame: Frame, told: Sequence[Fact], stays: Mapping[str, Sequence[ClassSpan]], *, to_ns: int,
        runs: int, seed: int,
    ) -> Epoch:  # fmt: skip
        self.asked.append((frame.at_ns, to_ns))
        empty = Epoch(epoch_id=f"{frame.at_ns}", from_ns=frame.at_ns, to_ns=to_ns)
        if frame.at_ns in self.unseen:
            return msgspec.structs.replace(empty, left_out=[Note(code="unseen", text="not seen")])
        values = np.linspace(90.0, 110.0, runs) * (1 + self.off)
        return msgspec.structs.replace(empty, scored=[scored("wip", "parts", values, 100.0, scale=100.0)])


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


def room(
    folder: Path, model: Foretold | None, past: Asked, clock: VirtualClock, limit: float = 0.1
) -> Backtests:
    return Backtests(
        registry=REGISTRY, clock=clock, past=past, folder=folder, do=at_once, model=lambda: model, limit=limit
    )


async def asleep(clock: VirtualClock) -> None:
    """Wait until whoever tests the nights waits for the next one, or for another try."""
    async with asyncio.timeout(20):
        while all(wake.done() for _, _, wake in clock._sleepers):  # noqa: ASYNC110 - its clock stands
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def working(tests: Backtests) -> AsyncIterator[None]:
    """Let what is asked for be run."""
    task = asyncio.ensure_future(tests.wishes())
    try:
        yield
    finally:
        task.cancel()


async def settled(tests: Backtests) -> BackTests:
    """Return what is known once nothing runs any more."""
    async with asyncio.timeout(20):
        while (known := tests.known()).state == "running":  # noqa: ASYNC110 - the answer is waited for
            await asyncio.sleep(0.002)
    return known


async def test_a_back_test_that_was_asked_for_is_run_kept_and_judged(tmp_path: Path) -> None:
    model, clock = Foretold(off=0.2), VirtualClock(MORNING)
    tests = room(tmp_path, model, Asked(MORNING - 30 * DAY), clock)
    assert not tests.known().back_tested and not tests.errors()
    wish = Wish(from_ns=MORNING - 10 * DAY, days=3.0, every_s=43_200.0, runs=39)
    assert await tests.begin(wish) == Begun(state="begun", of=6)
    assert (await tests.begin(wish)).state == "running"
    async with working(tests):
        known = await settled(tests)
    half = DAY // 2
    assert model.asked == [
        (MORNING - 10 * DAY + n * half, MORNING - 10 * DAY + (n + 1) * half) for n in range(6)
    ]
    assert known.back_tested and not known.may_recommend and known.last is not None
    assert known.last.by == "asked" and known.last.every_s == 43_200 and len(known.epochs) == 6
    assert [note.code for note in known.warnings] == ["above_limit"] and known.figures[
        0
    ].error == pytest.approx(0.2)
    again = room(tmp_path, model, Asked(None), clock)
    assert again.known() == known
    assert [(each.indicator, each.epochs) for each in again.errors()] == [("wip", 6)]
    # The limit is the plant's to set, and another model has not been tested by that.
    assert room(tmp_path, model, Asked(None), clock, limit=0.25).known().may_recommend
    assert not room(tmp_path, Foretold(version="2"), Asked(None), clock).known().back_tested


async def test_what_began_more_than_thirty_days_ago_counts_no_more(tmp_path: Path) -> None:
    clock = VirtualClock(MORNING)
    tests = room(tmp_path, Foretold(), Asked(MORNING - 40 * DAY), clock)
    async with working(tests):
        await tests.begin(Wish(from_ns=MORNING - 10 * DAY, days=6.0, every_s=86_400.0, runs=39))
        assert (await settled(tests)).figures[0].epochs == 6
    days = {}
    for day in (20, 21, 23, 25, 26):  # the epochs began 10, 9, 8, 7, 6 and 5 days before day 0
        await clock.advance((MORNING + day * DAY - clock.now_ns()) / SECOND)
        known = tests.known()
        days[day] = [(MORNING - each.from_ns) // DAY for each in known.epochs]
        assert known.days == 30 and known.may_recommend == (day < 22)
        assert known.back_tested == (day < 26)
    assert days == {20: [10, 9, 8, 7, 6, 5], 21: [9, 8, 7, 6, 5], 23: [7, 6, 5], 25: [5], 26: []}


WRONG = {
    "days": Wish(days=0.0), "every_s": Wish(every_s=60.0), "runs": Wish(runs=3),
    "expected an end before": Wish(from_ns=MORNING - DAY // 2, days=1.0), "0 epochs": Wish(days=0.5),
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
async def test_a_back_test_that_cannot_be_says_why(words: str, tmp_path: Path) -> None:
    tests = room(tmp_path, Foretold(), Asked(0), VirtualClock(MORNING))
    begun = await tests.begin(WRONG[words])
    assert begun.state == "refused" and words in begun.reason


async def test_before_the_simulation_is_loaded_there_is_none(tmp_path: Path) -> None:
    tests = room(tmp_path, None, Asked(0), VirtualClock(MORNING))
    assert (await tests.begin(Wish())).state == "starting" and tests.known().state == "starting"


async def test_each_night_is_tested_once_it_is_over_and_those_that_were_missed_too(tmp_path: Path) -> None:
    model, clock = Foretold(), VirtualClock(MORNING)
    past = Asked(MORNING - 3 * DAY - DAY // 2)
    nights = asyncio.ensure_future(room(tmp_path, model, past, clock).nights())
    await asleep(clock)
    # The day that ended just now is not settled; the one that history saw only half of is none.
    expected = [(MORNING - n * DAY, MORNING - (n - 1) * DAY) for n in (3, 2)]
    assert model.asked == expected
    await clock.advance(SETTLE_NS / SECOND + 1)
    await asleep(clock)
    assert model.asked == [*expected, (MORNING - DAY, MORNING)]
    await clock.advance(DAY / SECOND)
    await asleep(clock)
    assert model.asked[3:] == [(MORNING, MORNING + DAY)]
    nights.cancel()
    # A restart tests nothing again, a room that stood still for three days catches up.
    await clock.advance(3 * DAY / SECOND)
    other = Foretold()
    nights = asyncio.ensure_future(room(tmp_path, other, past, clock).nights())
    await asleep(clock)
    assert other.asked == [(MORNING + n * DAY, MORNING + (n + 1) * DAY) for n in (1, 2, 3)]
    nights.cancel()
    assert len(list((tmp_path / "backtests").glob("*.json"))) == 7


async def test_a_night_that_was_not_seen_is_left_out_and_not_tried_again(tmp_path: Path) -> None:
    model = Foretold(unseen=(MORNING - 2 * DAY,))
    clock = VirtualClock(MORNING + 2 * SETTLE_NS)
    tests = room(tmp_path, model, Asked(MORNING - 2 * DAY), clock)
    for _ in range(2):
        nights = asyncio.ensure_future(tests.nights())
        await asleep(clock)
        nights.cancel()
    assert len(model.asked) == 2
    known = tests.known()
    assert [len(epoch.left_out) for epoch in known.epochs] == [1, 0] and known.figures[0].epochs == 1


async def test_a_night_for_which_nobody_answers_is_tried_again(tmp_path: Path) -> None:
    model, clock = Foretold(), VirtualClock(MORNING + 2 * SETTLE_NS)
    past = Asked(MORNING - DAY)
    past.is_away = True
    nights = asyncio.ensure_future(room(tmp_path, model, past, clock).nights())
    await asleep(clock)
    assert not model.asked and not (tmp_path / "backtests").exists()
    past.is_away = False
    await clock.advance(61)
    await asleep(clock)
    assert model.asked == [(MORNING - DAY, MORNING)]
    nights.cancel()


async def test_what_was_asked_and_found_nobody_says_so(tmp_path: Path) -> None:
    past = Asked(0)
    past.is_away = True
    tests = room(tmp_path, Foretold(), past, VirtualClock(MORNING))
    await tests.begin(Wish())
    async with working(tests):
        known = await settled(tests)
    assert "recorder" in known.reason and known.last is None


async def test_what_nobody_thought_of_ends_the_room_and_is_seen(tmp_path: Path) -> None:
    model = Foretold()

    def torn(*_: Any, **__: Any) -> Epoch:
        raise ZeroDivisionError("an epoch of no length")

    model.epoch = torn  # type: ignore[method-assign]
    tests = room(tmp_path, model, Asked(None), VirtualClock(MORNING))
    await tests.begin(Wish())
    with pytest.raises(ExceptionGroup, match="unhandled") as failure:
        await asyncio.wait_for(tests.run(MemoryHub(SystemClock()).connect(), asyncio.Event()), 10)
    assert failure.group_contains(ZeroDivisionError, match="no length")


async def test_over_the_bus_it_says_how_far_it_is_and_ends_at_once(tmp_path: Path) -> None:
    past = Asked(MORNING - 30 * DAY)
    past.go_on.clear()
    hub = MemoryHub(SystemClock())
    asker, stop = hub.connect(), asyncio.Event()
    clock = VirtualClock(MORNING)
    tests = room(tmp_path, Foretold(), past, clock)
    running = asyncio.ensure_future(tests.run(hub.connect(), stop))

    async def ask(name: str, wish: Any, kind: Any) -> Any:
        said = await asker.request(topics.query(*SITE, "whatif", name), msgspec.msgpack.encode(wish))
        return msgspec.msgpack.decode(said, type=kind)

    past.go_on.set()
    await asleep(clock)  # the nights go first: one at a time
    past.go_on.clear()
    begun = await ask(BACKTEST, Wish(days=2.0), Begun)
    assert (begun.state, begun.of) == ("begun", 2)
    known = await ask(BACKTESTS, {}, BackTests)
    assert (known.state, known.done, known.of) == ("running", 0, 2) and known.next_ns > MORNING
    refused = await ask(BACKTEST, Wish(days=-1.0), Begun)
    assert refused.state == "running"
    stop.set()
    await asyncio.wait_for(running, 10)
    assert EPOCHS_MIN < DAYS
