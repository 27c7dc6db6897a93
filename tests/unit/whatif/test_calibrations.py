"""Calibrations that people look at: made by night or asked for, proposed, taken into use under a name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from taktwin.bus.memory import MemoryHub
from taktwin.clock import SystemClock, VirtualClock
from taktwin.contracts import topics
from taktwin.contracts.calibration import (
    CALIBRATE,
    CALIBRATION,
    CALIBRATION_USE,
    CALIBRATIONS,
    STANDARD_TIMES,
    CalibrationAsked,
    CalibrationBegun,
    Calibrations,
    CalibrationSet,
    CalibrationUse,
    CalibrationUsed,
    CalibrationWish,
)
from taktwin.entropy import Entropy
from taktwin.errors import BusError, DomainError
from taktwin.history import requests
from taktwin.history.client import HistoryClient
from taktwin.history.requests import StatusAnswer
from taktwin.history.values import VALUE_COLUMNS, pack
from taktwin.quality import Quality
from taktwin.simulation.distributions import Exponential, LogNormal
from taktwin.simulation.fitting import SHARES, Sample, fit
from taktwin.simulation.parameters import Figure, ParameterSet, from_json
from taktwin.whatif import chosen, evidence, kept, refit
from taktwin.whatif.backtests import SETTLE_NS
from taktwin.whatif.calibrations import Calibrator, Remembered
from taktwin.whatif.model import Parameters
from taktwin.whatif.observe import Seen
from tests.unit.whatif.test_backtests import DAY, MORNING, SITE, asleep, at_once
from tests.unit.whatif.test_calibrate import MEASURED, draw, fitted
from tests.unit.whatif.test_whatif import REGISTRY, SECOND

ROLES = {
    signal.role: str(signal.id) for signal in REGISTRY.signals
    if str(signal.id).startswith("hob1/") and signal.role in ("state", "good_count", "product")
}  # fmt: skip


class Remembers:
    """A history in which one machine makes parts; what they take is a function of the instant."""

    def __init__(self, begins_ns: int, takes_s: Callable[[int], float] = lambda at_ns: 60.0) -> None:
        self.begins_ns = begins_ns
        self.now_ns: Callable[[], int] = lambda: 0
        self.takes_s = takes_s
        self.is_away = False
        self.read: list[tuple[int, int]] = []

    def status(self) -> StatusAnswer:
        if self.is_away:
            raise BusError("nobody answers historian.status")
        return StatusAnswer(
            rows=1, hot_rows=1, sealed_rows=0, aged_out_rows=0, bytes=1, oldest_ns=self.begins_ns,
            newest_ns=self.now_ns(), segments=0, events=0, positions={}, policy={}, disk_free=0, state="",
            folder="",
        )  # fmt: skip

    def range(self, signals: Sequence[str], from_ns: int, to_ns: int) -> pa.Table:
        """Return an hour of work at the beginning of each day: more would only take longer."""
        rows: list[tuple[str, int, Any]] = []
        if ROLES["state"] in signals:
            self.read.append((from_ns, to_ns))
            rows = [row for row in self._said() if from_ns <= row[1] < to_ns]
        values = pack([value for *_, value in rows])
        return pa.table({
            "signal": pa.array([name for name, *_ in rows], pa.string()),
            "source_ns": pa.array([at for _, at, _ in rows], pa.int64()),
            "quality": pa.array([int(Quality.GOOD)] * len(rows), pa.uint8()),
            **{name: getattr(values, name) for name in VALUE_COLUMNS},
        })  # fmt: skip

    def events(self, from_ns: int, to_ns: int, *, types: Sequence[str]) -> pa.Table:
        """Return that no MES said anything."""
        return pa.table({name: pa.array([], kind) for name, kind in (
            ("sequence", pa.string()), ("time_ns", pa.int64()), ("body", pa.binary()))})  # fmt: skip

    def _said(self) -> Iterator[tuple[str, int, Any]]:
        generator, count = Entropy(3).generator("parts"), 0
        day_ns = self.begins_ns
        while day_ns < self.now_ns():
            yield ROLES["product"], day_ns, "SH-100"
            yield ROLES["good_count"], day_ns, count
            yield ROLES["state"], day_ns, 6
            at_ns = day_ns
            for _ in range(40):
                at_ns += round(self.takes_s(day_ns) * float(generator.lognormal(0, 0.01)) * SECOND)
                count += 1
                yield ROLES["good_count"], at_ns, count
            yield ROLES["state"], at_ns, 2
            day_ns += DAY


def room(
    folder: Path, past: Remembers, clock: VirtualClock, *, every_days: float = 7.0, is_automatic: bool = False
) -> Calibrator:
    past.now_ns = clock.now_ns
    return Calibrator(
        registry=REGISTRY, clock=clock, where=folder, history=past, do=at_once, every_days=every_days,
        is_automatic=is_automatic,
    )  # fmt: skip


async def settled(rooms: Calibrator) -> Calibrations:
    """Return what is known once what was asked for is made."""
    making = asyncio.ensure_future(rooms.wishes())
    async with asyncio.timeout(30):
        while (known := rooms.known()).state != "idle":  # noqa: ASYNC110 - the answer is waited for
            await asyncio.sleep(0.002)
    making.cancel()
    return known


# -- which one counts


def later(found: ParameterSet, days: int, **fits: Any) -> ParameterSet:
    """Return a set whose data end some days later."""
    moved = {name: replace(each, to_ns=(each.to_ns or 0) + days * DAY) for name, each in found.fits.items()}
    return replace(found, fits={**moved, **fits})


def test_a_proposed_set_changes_no_answer_until_somebody_takes_it_into_use(tmp_path: Path) -> None:
    assert chosen.in_use(tmp_path) == Parameters()
    kept.keep(MEASURED, tmp_path)  # as earlier releases did: nobody decided, the newest counts
    assert chosen.in_use(tmp_path) == kept.parameters_of(MEASURED)
    newer = later(MEASURED, 9)
    path = kept.keep(newer, chosen.proposed(tmp_path))
    assert chosen.in_use(tmp_path) == kept.parameters_of(MEASURED)
    assert list(chosen.files(tmp_path)) == [newer.hash[:12], MEASURED.hash[:12]]
    chosen.write(tmp_path, what="proposed", calibration=newer.hash[:12], by="night")
    assert chosen.entry_in_use(tmp_path) is None
    chosen.write(tmp_path, what="in_use", calibration=newer.hash[:12], by="person", who="Ada")
    assert chosen.in_use(tmp_path) == kept.parameters_of(newer)
    chosen.write(tmp_path, what="in_use", calibration=MEASURED.hash[:12], by="person", who="Ada")
    assert chosen.in_use(tmp_path) == kept.parameters_of(MEASURED)  # also back
    chosen.write(tmp_path, what="in_use", calibration=newer.hash[:12], by="person", who="Bob")
    entry = chosen.entry_in_use(tmp_path)
    assert entry is not None and (entry.who, entry.number) == ("Bob", 4)
    # What was chosen and is gone, or was changed by hand, counts no more: what was in use before it does.
    whole = path.read_text()
    path.write_text(whole.replace("44.94", "45.94"))
    assert chosen.in_use(tmp_path) == kept.parameters_of(MEASURED)
    path.unlink()
    assert chosen.in_use(tmp_path) == kept.parameters_of(MEASURED)
    chosen.write(tmp_path, what="in_use", calibration=STANDARD_TIMES, by="person", who="Ada")
    assert chosen.in_use(tmp_path) == Parameters()


def test_an_entry_that_was_cut_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for who in ("Ada", "Bob"):
        chosen.write(tmp_path, what="in_use", calibration=STANDARD_TIMES, by="person", who=who)
    last = max((tmp_path / chosen.JOURNAL).glob("*.json"))
    last.write_text(last.read_text()[:40])
    assert [entry.who for entry in chosen.journal(tmp_path)] == ["Ada"] and last.name in caplog.text


# -- what is shown of one


def test_each_parameter_says_what_it_rests_on(tmp_path: Path) -> None:
    values = np.exp(Entropy(1).generator("x").normal(4.0, 0.1, 199))
    measured = fit(Sample(tuple(values.tolist()), (), 1, 2), draw(), replications=19)
    pooled = replace(measured, pooled=True, level="class lathe", n_own=3, running=2)
    found = ParameterSet(
        "x", {
            "work/turn1/SH-100": replace(measured, method=f"{measured.method}; drifted: the last days alone"),
            "repair/turn1/2207": pooled, "work/turn1/SH-200": replace(measured, pooled=True, level="turn1"),
        }, {
            "scrap/turn1/SH-100": Figure(0.01, "1", 900, 0.005, 0.02),
            "batch/furnace1": Figure(24, "1", 9, 20),
        },
    )  # fmt: skip
    shown = evidence.evidence(found, REGISTRY, now_ns=MORNING)
    rows = {each.name: each for each in shown.parameters}
    work = rows["work/turn1/SH-100"]
    assert (work.kind, work.subjects, work.drifted, work.pooled) == ("work", ["turn1", "SH-100"], True, "")
    assert work.low is not None and work.high is not None and work.low < work.value < work.high
    assert work.p is not None and work.fits
    # The curve of what was fitted lies on the quantiles of what was seen: it was drawn from that family.
    assert len(work.seen) == len(work.fitted) == len(SHARES)
    assert np.allclose(work.seen, np.quantile(values, SHARES, method="inverted_cdf"))
    assert np.allclose(work.seen, work.fitted, rtol=0.05)
    repair = rows["repair/turn1/2207"]
    assert (repair.pooled, repair.pooled_of, repair.n_own, repair.running) == ("class", "lathe", 3, 2)
    assert repair.pooled_units == sum(unit.class_id == "lathe" for unit in REGISTRY.work_units) > 1
    assert (rows["work/turn1/SH-200"].pooled, rows["work/turn1/SH-200"].pooled_of) == ("unit", "turn1")
    assert (rows["scrap/turn1/SH-100"].low, rows["scrap/turn1/SH-100"].n) == (0.005, 900)
    assert rows["batch/furnace1"].low is None  # it is the smallest charge
    assert shown.head is not None and (shown.head.drifted, shown.head.pooled) == (1, 2)
    missing = {note.code: note for note in shown.missing}
    assert "hob1" in missing["times"].subjects and "turn1" not in missing["times"].subjects
    assert "turn1" in missing["failures"].subjects  # it never failed, and never does in an answer
    assert not any(note.code == "never_made" and note.subjects[0] == "turn1" for note in shown.missing)


def test_what_still_ran_hides_the_upper_quantiles() -> None:
    seen = fit(Sample((10.0, 20.0, 30.0), (35.0,) * 7), draw(), replications=0)
    assert seen.quantiles_s == (10.0, 10.0, 20.0, 20.0, 30.0, 30.0)
    found = ParameterSet("x", {"until/turn1/1/working": seen})
    assert from_json(found.as_json()) == found
    (row,) = evidence.parameters(found, REGISTRY).values()
    assert len(row.fitted) == len(SHARES) and row.running == 7


def test_a_set_from_before_there_were_quantiles_keeps_its_hash() -> None:
    assert "quantiles_s" not in MEASURED.as_json()["fits"]["work/hob1/SH-100"]
    assert from_json(MEASURED.as_json()) == MEASURED


def test_two_sets_are_held_against_each_other_by_their_intervals() -> None:
    def known(mean_s: float, error: float) -> Any:
        return replace(fitted(LogNormal(mean_s, 0.1)), errors={"mean_s": error})

    before = ParameterSet("x", {
        "work/hob1/SH-100": known(40.0, 0.01), "work/turn1/SH-100": known(40.0, 0.01),
        "repair/turn1/7": fitted(Exponential(100.0)), "repair/turn2/7": fitted(Exponential(100.0)),
        "work/turn2/SH-100": known(40.0, 0.01),
    }, {
        "scrap/hob1/SH-100": Figure(0.01, "1", 9, 0.0, 0.1), "share/hob1/working": Figure(0.9, "1", 0),
    })  # fmt: skip
    after = ParameterSet("x", {
        "work/hob1/SH-100": known(41.0, 0.01), "work/turn1/SH-100": known(43.0, 0.01),
        "repair/turn1/7": fitted(Exponential(109.0)), "repair/turn2/7": fitted(Exponential(120.0)),
        "work/hob1/SH-200": known(40.0, 0.01),
    }, {
        "scrap/hob1/SH-100": Figure(0.05, "1", 9, 0.0, 0.1), "share/hob1/working": Figure(0.1, "1", 0),
    })  # fmt: skip
    back, _, _ = evidence.moved(before, after, REGISTRY)
    assert sorted(back) == ["repair/turn2/7", "work/turn1/SH-100"]  # also one that has become shorter
    names, added, gone = evidence.moved(after, before, REGISTRY)
    assert (sorted(names), added, gone) == (["repair/turn2/7", "work/turn1/SH-100"], 1, 1)
    shown = evidence.evidence(after, REGISTRY, now_ns=MORNING, beside=before)
    beside = {each.name: (each.beside, each.moved) for each in shown.parameters}
    assert beside["work/turn1/SH-100"] == (40.0, True) and beside["work/hob1/SH-100"] == (40.0, False)
    assert beside["work/hob1/SH-200"] == (None, False) and shown.gone == ["work/turn2/SH-100"]


# -- when one is due


def reasons(
    newest_days_ago: float | None, *, history_days: float = 30.0, every_days: float = 7.0
) -> list[str]:
    newest = None if newest_days_ago is None else MORNING - round(newest_days_ago * DAY)
    found = refit.due(
        newest_to_ns=newest,
        oldest_ns=MORNING - round(history_days * DAY),
        now_ns=MORNING,
        every_days=every_days,
    )
    return [note.code for note in found]


def test_a_set_is_due_with_enough_new_history() -> None:
    assert reasons(None) == ["first"] and reasons(None, history_days=6.9) == []
    assert reasons(7.0) == ["history"] and reasons(6.9) == []
    assert reasons(None, every_days=0.0) == [] and reasons(99.0, every_days=0.0) == []


@pytest.mark.parametrize(("factor", "expected"), [(1.0, []), (1.03, ["hob1", "SH-100"])])
def test_work_that_is_unlike_the_days_before_is_drift(factor: float, expected: list[str]) -> None:
    split = MORNING - 2 * DAY
    past = Remembers(MORNING - 30 * DAY, lambda at_ns: 60.0 * (factor if at_ns >= split else 1.0))
    past.now_ns = lambda: MORNING
    found = refit.drifted(past, REGISTRY, split, MORNING)
    assert [name for note in found for name in note.subjects] == expected
    assert past.read[0][0] == split - 14 * DAY and past.read[-1][1] == MORNING


def test_the_part_of_the_instant_itself_is_of_the_days_since_and_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []
    drift = refit.drift

    def counting(family: Any, before: Sample, since: Sample, *more: Any, **options: Any) -> Any:
        asked.append((len(before.ended_s), len(since.ended_s)))
        return drift(family, before, since, *more, **options)

    seen = Seen("hob1")
    for n in range(100):
        seen.cycles["A"].at_ns.append(n)
        seen.cycles["A"].work_s.append(60.0 + n % 7)
        seen.cycles["A"].parts.append(1)
    monkeypatch.setattr(refit, "drift", counting)
    assert not refit.unlike([seen], 50, Entropy(1).generator("mix").random, mixings=19)
    assert asked == [(50, 50)]


# -- by night


async def test_a_night_with_enough_history_proposes_a_set_and_the_next_one_does_not(tmp_path: Path) -> None:
    clock = VirtualClock(MORNING)
    past = Remembers(MORNING - 6 * DAY)
    rooms = room(tmp_path, past, clock)
    nights = asyncio.ensure_future(rooms.nights())
    await asleep(clock)
    assert rooms.known().sets == [] and rooms.known().next_ns == MORNING + SETTLE_NS
    await clock.advance((DAY + 2 * SETTLE_NS) / SECOND)  # a week is full
    await asleep(clock)
    known = rooms.known()
    assert known.in_use == STANDARD_TIMES and known.newer is not None
    assert [note.code for note in known.newer.reasons] == ["first"] and known.sets[0].is_proposed
    assert known.sets[0].calibration == known.newer.calibration and known.newer.moved == []
    await clock.advance(DAY / SECOND)
    await asleep(clock)
    assert len(rooms.known().sets) == 1
    nights.cancel()


async def test_drift_proposes_a_set_long_before_a_week_is_full(tmp_path: Path) -> None:
    clock = VirtualClock(MORNING)
    past = Remembers(MORNING - 20 * DAY, lambda at_ns: 60.0 if at_ns < MORNING else 62.0)
    rooms = room(tmp_path, past, clock)
    nights = asyncio.ensure_future(rooms.nights())
    await asleep(clock)
    first = rooms.known().sets[0].calibration
    said = rooms.use(CalibrationUse(calibration=first, instead_of=STANDARD_TIMES, who="Ada", why="it fits"))
    assert said.state == "in_use" and rooms.known().newer is None
    await clock.advance((DAY + 2 * SETTLE_NS) / SECOND)
    await asleep(clock)
    known = rooms.known()
    assert known.newer is not None and known.newer.calibration != first and known.in_use == first
    (reason,) = known.newer.reasons
    assert (reason.code, reason.subjects) == ("drift", ["hob1", "SH-100"]) and "1.03" in reason.text
    nights.cancel()


async def test_a_configuration_takes_sets_of_the_night_into_use_and_never_what_somebody_asked_for(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(MORNING)
    rooms = room(tmp_path, Remembers(MORNING - 20 * DAY), clock, is_automatic=True)
    rooms.begin(CalibrationWish(days=2.0, who="Ada"))
    assert (await settled(rooms)).in_use == STANDARD_TIMES
    await clock.advance(9 * DAY / SECOND)
    nights = asyncio.ensure_future(rooms.nights())
    await asleep(clock)
    known = rooms.known()
    assert known.used is not None and (known.used.by, known.used.calibration) == (
        "configuration",
        known.in_use,
    )
    assert known.in_use == known.sets[0].calibration and len(known.sets) == 2
    nights.cancel()


async def test_a_night_without_history_is_tried_again(tmp_path: Path) -> None:
    clock, past = VirtualClock(MORNING), Remembers(MORNING - 20 * DAY)
    past.is_away = True
    rooms = room(tmp_path, past, clock)
    nights = asyncio.ensure_future(rooms.nights())
    await asleep(clock)
    assert rooms.known().sets == []
    past.is_away = False
    await clock.advance(61)
    await asleep(clock)
    assert len(rooms.known().sets) == 1
    nights.cancel()


# -- on demand


async def test_one_that_was_asked_for_is_made_of_the_days_asked_for_and_says_by_whom(tmp_path: Path) -> None:
    clock, past = VirtualClock(MORNING), Remembers(MORNING - 30 * DAY)
    rooms = room(tmp_path, past, clock)
    assert rooms.begin(CalibrationWish(days=3.0, who="Ada")) == CalibrationBegun(state="begun")
    assert rooms.begin(CalibrationWish(who="Bob")).state == "running"
    known = await settled(rooms)
    assert (past.read[0][0], past.read[-1][1]) == (MORNING + 1 - 3 * DAY, MORNING + 1)
    (made,) = known.sets
    # Nobody heard what the machine was at when the first of the three days began.
    assert made.parameters and made.observations == 80 and made.is_proposed and known.done == 0
    (entry,) = known.entries
    assert (entry.what, entry.by, entry.who, entry.at_ns) == ("proposed", "person", "Ada", MORNING)
    # The same history is the same set: nothing is written twice.
    rooms.begin(CalibrationWish(days=3.0, who="Bob"))
    assert len((await settled(rooms)).sets) == 1


async def test_one_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    clock, past = VirtualClock(MORNING), Remembers(MORNING - 30 * DAY)
    rooms = room(tmp_path, past, clock)
    [wrong] = rooms.begin(CalibrationWish(days=-1.0)).mistakes
    assert (wrong.place, wrong.found) == ("days", "-1") and wrong.right.endswith("to 366")
    past.is_away = True
    rooms.begin(CalibrationWish(who="Ada"))
    assert "historian" in (await settled(rooms)).reason
    past.is_away, past.begins_ns = False, MORNING
    rooms.begin(CalibrationWish(who="Ada"))
    assert "none of which made a part" in (await settled(rooms)).reason


async def test_what_nobody_thought_of_ends_the_room_and_is_seen(tmp_path: Path) -> None:
    past = Remembers(MORNING - 30 * DAY)

    def torn() -> StatusAnswer:
        raise ZeroDivisionError("a history of no length")

    past.status = torn  # type: ignore[method-assign]
    rooms = room(tmp_path, past, VirtualClock(MORNING), every_days=0)
    rooms.begin(CalibrationWish(who="Ada"))
    with pytest.raises(ExceptionGroup, match="unhandled") as failure:
        await asyncio.wait_for(rooms.run(MemoryHub(SystemClock()).connect(), asyncio.Event()), 10)
    assert failure.group_contains(ZeroDivisionError, match="no length")


def test_a_proposal_that_is_older_than_what_is_in_use_is_no_news(tmp_path: Path) -> None:
    rooms = room(tmp_path, Remembers(MORNING), VirtualClock(MORNING))
    kept.keep(MEASURED, chosen.proposed(tmp_path))
    assert rooms.known().newer is not None
    newer = later(MEASURED, 3)
    kept.keep(newer, tmp_path)
    chosen.write(tmp_path, what="in_use", calibration=newer.hash[:12], by="command")
    known = rooms.known()
    assert known.newer is None and [head.is_proposed for head in known.sets] == [False, True]


REFUSED: Mapping[str, dict[str, str]] = {
    "moved_on": {"instead_of": "0123456789ab"}, "whoever decides": {"who": ""},
    "a set that there is": {"calibration": "0123456789ab"}, "in use already": {"calibration": STANDARD_TIMES},
    "letters": {"why": "x" * 501},
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_taken_into_use_is_refused(words: str, tmp_path: Path) -> None:
    kept.keep(MEASURED, chosen.proposed(tmp_path))
    rooms = room(tmp_path, Remembers(MORNING), VirtualClock(MORNING))
    wish = {"calibration": MEASURED.hash[:12], "instead_of": STANDARD_TIMES, "who": "Ada", **REFUSED[words]}
    said = rooms.use(CalibrationUse(**wish))
    assert words in said.reason or words == said.state
    assert chosen.in_use(tmp_path) == Parameters()


def test_a_set_of_a_plant_that_is_another_one_by_now_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(*_: Any, **__: Any) -> Any:
        raise DomainError("operation 30 of EA-100: press9, which there is not")

    monkeypatch.setattr(evidence, "translated", other)
    kept.keep(MEASURED, chosen.proposed(tmp_path))
    rooms = room(tmp_path, Remembers(MORNING), VirtualClock(MORNING))
    shown = rooms.one(CalibrationAsked(calibration=MEASURED.hash[:12]))
    assert shown.state == "refused" and "press9" in shown.reason


async def test_over_the_bus_with_a_historian_that_is_asked_from_a_thread(tmp_path: Path) -> None:
    clock, past = VirtualClock(MORNING), Remembers(MORNING - 9 * DAY)
    past.now_ns = clock.now_ns
    hub = MemoryHub(SystemClock())
    historian, asker, stop = hub.connect(), hub.connect(), asyncio.Event()

    async def ranged(message: Any) -> bytes:
        wish = msgspec.msgpack.decode(message.payload, type=requests.RangeRequest)
        return requests.table_bytes(past.range(wish.signals or [], wish.from_ns, wish.to_ns))

    async def told(message: Any) -> bytes:
        wish = msgspec.msgpack.decode(message.payload, type=requests.EventsRequest)
        return requests.table_bytes(past.events(wish.from_ns, wish.to_ns, types=wish.types))

    async def status(message: Any) -> bytes:
        return msgspec.msgpack.encode(past.status())

    await historian.serve(topics.query(*SITE, "historian", "range"), ranged)
    await historian.serve(topics.query(*SITE, "historian", "events"), told)
    await historian.serve(topics.query(*SITE, "historian", "status"), status)
    client = HistoryClient(hub.connect(), enterprise=SITE[0], site=SITE[1])
    rooms = Calibrator(
        registry=REGISTRY, clock=clock, where=tmp_path, do=asyncio.to_thread, every_days=0.0,
        history=Remembered(client, asyncio.get_running_loop()), is_automatic=False,
    )  # fmt: skip
    running = asyncio.ensure_future(rooms.run(hub.connect(), stop))

    async def ask(name: str, wish: Any, kind: Any) -> Any:
        said = await asker.request(topics.query(*SITE, "whatif", name), msgspec.msgpack.encode(wish))
        return msgspec.msgpack.decode(said, type=kind)

    async with asyncio.timeout(30):
        while hub.answerer(topics.query(*SITE, "whatif", CALIBRATION_USE)) is None:  # noqa: ASYNC110 - it begins
            await asyncio.sleep(0)
        assert (await ask(CALIBRATE, CalibrationWish(who="Ada"), CalibrationBegun)).state == "begun"
        while (known := await ask(CALIBRATIONS, {}, Calibrations)).state != "idle":
            assert 0 <= known.done <= known.of
    (made,) = known.sets
    shown = await ask(CALIBRATION, CalibrationAsked(calibration=made.calibration), CalibrationSet)
    work = next(each for each in shown.parameters if each.name == "work/hob1/SH-100")
    assert work.value == pytest.approx(60.0, rel=0.01) and work.n == 9 * 40
    unknown = await ask(CALIBRATION, CalibrationAsked(calibration="x"), CalibrationSet)
    assert unknown.state == "refused" and made.calibration in unknown.reason
    use = CalibrationUse(
        calibration=made.calibration, instead_of=STANDARD_TIMES, who="Ada", why="as I saw it"
    )
    # Two people decide at once: one of them decides again.
    said = await asyncio.gather(*(ask(CALIBRATION_USE, use, CalibrationUsed) for _ in range(2)))
    assert sorted(each.state for each in said) == ["in_use", "moved_on"]
    assert [each.entry.why for each in said if each.entry] == ["as I saw it"]
    assert chosen.in_use(tmp_path).calibration == made.calibration
    stop.set()
    await asyncio.wait_for(running, 10)
