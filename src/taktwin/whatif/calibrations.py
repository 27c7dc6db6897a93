"""Calibrations talk: they say which sets there are, make new ones by night or on demand, take one into use.

A new set is proposed and changes no answer: a person takes it into use, under their name, or the
configuration says that sets of the night are. One is made at a time, in a thread of its own, so that
questions do not wait for it. It looks at the start and after each production day; a night that was missed
is not made up for, since the next one has its data too.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import pyarrow as pa

from taktwin.bus.port import Bus, Message
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.contracts.calibration import (
    CALIBRATE,
    CALIBRATION,
    CALIBRATION_USE,
    CALIBRATIONS,
    CONFIGURATION,
    DAYS_MAX,
    IN_USE,
    NIGHT,
    PERSON,
    PROPOSED,
    STANDARD_TIMES,
    WHY_MAX,
    CalibrationAsked,
    CalibrationBegun,
    Calibrations,
    CalibrationSet,
    CalibrationUse,
    CalibrationUsed,
    CalibrationWish,
    Head,
    Newer,
)
from taktwin.contracts.mistake import Mistake
from taktwin.contracts.whatif import OWNER, Note
from taktwin.errors import Refusal, TaktwinError, WorldError
from taktwin.history.client import HistoryClient
from taktwin.history.requests import StatusAnswer
from taktwin.identity import SignalId
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.simulation.parameters import ParameterSet
from taktwin.stopping import until
from taktwin.whatif import chosen, evidence, kept, refit, remember
from taktwin.whatif.backtests import SETTLE_NS, production_days
from taktwin.whatif.refusals import mistakes_of, refused
from taktwin.whatif.wishes import Wishes

DAY_NS = 86_400 * SECOND_NS
HISTORY_DAYS = 182.0  # of history at most: half a year fits into memory
ENTRIES_SHOWN = 30
AGAIN_S = 60.0  # of wall time: until history is looked at again that did not answer
log = logging.getLogger(__name__)
T = TypeVar("T")


class History(remember.Past, Protocol):
    """What is asked of the history; both raise WorldError where nobody answers."""

    def status(self) -> StatusAnswer:
        """Return how much there is."""
        ...


class Remembered:
    """History for a thread, asked over the bus of the loop: nobody else opens the historian's files."""

    def __init__(self, client: HistoryClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def range(self, signals: list[SignalId], from_ns: int, to_ns: int) -> pa.Table:
        """Return rows with `from_ns <= source_ns < to_ns`, by signal and time."""
        return self._told(self._client.range(signals, from_ns, to_ns))

    def events(self, from_ns: int, to_ns: int, *, types: Sequence[str]) -> pa.Table:
        """Return events of [from, to) by time."""
        return self._told(self._client.events(from_ns, to_ns, types=types))

    def status(self) -> StatusAnswer:
        """Return how much there is."""
        return self._told(self._client.status())

    def _told(self, asking: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()


class Calibrator:
    """The calibrations of one site."""

    def __init__(
        self, *, registry: Registry, clock: Clock, where: Path, history: History,
        do: Callable[[Callable[[], Any]], Awaitable[Any]], every_days: float, is_automatic: bool,
    ) -> None:  # fmt: skip
        """Be ready to run.

        Parameters
        ----------
        where : the folder of calibrations
        do : runs something in a thread of its own
        every_days : so much new history makes a new set by itself; 0: none is made by itself
        is_automatic : a set of the night is taken into use at once
        """
        self._registry = registry
        self._clock = clock
        self._where = where
        self._history = history
        self._do = do
        self._every_days = every_days
        self._is_automatic = is_automatic
        self._days = production_days(registry)
        self._one = asyncio.Lock()
        self._deciding = asyncio.Lock()
        self._wishes: Wishes[CalibrationWish] = Wishes()
        self._done = self._of = 0
        self._reason = ""
        self._next_ns = 0
        self._heads: dict[str, Head | None] = {}
        self._newer: dict[tuple[str, str], Newer] = {}

    async def run(self, bus: Bus, stop: asyncio.Event) -> None:
        """Answer queries and look at each night, where any is looked at, until told to stop."""
        subject = functools.partial(topics.query, self._registry.enterprise, self._registry.site, OWNER)
        served = [
            await bus.serve(subject(CALIBRATIONS), self._asked_which),
            await bus.serve(subject(CALIBRATION), self._asked_for_one),
            await bus.serve(subject(CALIBRATE), self._asked_to_begin),
            await bus.serve(subject(CALIBRATION_USE), self._asked_to_use),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(until(stop, self.nights()))
                group.create_task(until(stop, self.wishes()))
        finally:
            for subscription in served:
                await subscription.close()

    async def _asked_which(self, message: Message) -> bytes:
        return msgspec.msgpack.encode(await asyncio.to_thread(self.known))

    async def _asked_for_one(self, message: Message) -> bytes:
        asked = msgspec.msgpack.decode(message.payload, type=CalibrationAsked)
        return msgspec.msgpack.encode(await asyncio.to_thread(self.one, asked))

    async def _asked_to_begin(self, message: Message) -> bytes:
        wish = msgspec.msgpack.decode(message.payload, type=CalibrationWish)
        return msgspec.msgpack.encode(self.begin(wish))

    async def _asked_to_use(self, message: Message) -> bytes:
        wish = msgspec.msgpack.decode(message.payload, type=CalibrationUse)
        async with self._deciding:  # one after the other: the second sees what the first has decided
            return msgspec.msgpack.encode(await asyncio.to_thread(self.use, wish))

    # -- on demand

    def begin(self, wish: CalibrationWish) -> CalibrationBegun:
        """Begin what somebody asked for, or say why not."""
        if not 0 <= wish.days <= DAYS_MAX:
            right = f"0 (all that there is) to {DAYS_MAX:g}"
            return refused(CalibrationBegun, Mistake(place="days", found=f"{wish.days:g}", right=right))
        if self._one.locked() or self._wishes.is_under_way:
            return CalibrationBegun(state="running", reason="a calibration is being made: one at a time")
        self._wishes.take(wish)
        return CalibrationBegun(state="begun")

    async def wishes(self) -> None:
        """Make what was asked for, one after the other, for ever; what a stop ends is lost."""
        await self._wishes.done(self._as_asked)

    async def _as_asked(self, wish: CalibrationWish) -> None:
        self._reason = ""
        try:
            async with self._one:
                asked = Note(code="asked", text=f"{wish.who or 'somebody'} asked for it", subjects=[wish.who])
                await self._made(wish.days or HISTORY_DAYS, PERSON, wish.who, [asked])
        except (TaktwinError, OSError) as failure:
            self._reason = str(failure)
            log.warning("no calibration came of it: %s", failure)

    # -- every night

    async def nights(self) -> None:
        """Look at history, now and once each production day is over, and make a set where one is due.

        Returns at once where none is made by itself.
        """
        while self._every_days > 0:
            self._next_ns = self._days.production_day(self._clock.now_ns() - SETTLE_NS).to_ns + SETTLE_NS
            if await self._looked():
                await self._clock.sleep_until(self._next_ns)
            else:
                await self._clock.wall_sleep(AGAIN_S)

    async def _looked(self) -> bool:
        """Make a set where one is due; return False where history did not answer."""
        try:
            async with self._one:
                reasons = await self._do(self._due)
                if reasons:
                    await self._made(HISTORY_DAYS, NIGHT, "", reasons)
        except WorldError as failure:
            log.warning("history was not looked at yet: %s", failure)
            return False
        except (TaktwinError, OSError) as failure:
            log.warning("no calibration came of the night: %s", failure)
        return True

    def _due(self) -> list[Note]:
        oldest_ns, now_ns = self._history.status().oldest_ns, self._clock.now_ns()
        if oldest_ns is None:
            return []
        ends = [head.to_ns for head in self._sets() if head.to_ns]
        newest_to_ns = max(ends, default=None)
        reasons = refit.due(
            newest_to_ns=newest_to_ns, oldest_ns=oldest_ns, now_ns=now_ns, every_days=self._every_days
        )
        if reasons or newest_to_ns is None or now_ns - newest_to_ns < refit.DRIFT_DAYS * DAY_NS:
            return reasons
        return refit.drifted(self._history, self._registry, newest_to_ns, now_ns)

    # -- one calibration

    async def _made(self, days: float, by: str, who: str, reasons: Sequence[Note]) -> None:
        try:
            found = await self._do(lambda: self._fitted(days))
            name = found.hash[: kept.SHORT]
            if name not in chosen.files(self._where):
                await asyncio.to_thread(kept.keep, found, chosen.proposed(self._where))
            chosen.write(
                self._where, what=PROPOSED, calibration=name, by=by, at_ns=self._clock.now_ns(), who=who,
                reasons=reasons,
            )  # fmt: skip
            if by == NIGHT and self._is_automatic:
                chosen.write(
                    self._where, what=IN_USE, calibration=name, by=CONFIGURATION, at_ns=self._clock.now_ns()
                )
        finally:
            self._done = self._of = 0

    def _fitted(self, days: float) -> ParameterSet:
        status = self._history.status()
        if status.oldest_ns is None or status.newest_ns is None:
            raise Refusal("history", "0 rows", "signals of work units")
        to_ns = status.newest_ns + 1
        from_ns = max(status.oldest_ns, to_ns - round(days * DAY_NS))
        self._done, self._of = 0, math.ceil((to_ns - from_ns) / DAY_NS)

        def heard(until_ns: int) -> None:
            self._done = math.ceil((until_ns - from_ns) / DAY_NS)

        return refit.calibration(self._history, self._registry, from_ns, to_ns, heard=heard)

    # -- taken into use

    def use(self, wish: CalibrationUse) -> CalibrationUsed:
        """Take a set into use, or say why not."""
        now = self._in_use()
        if not wish.who:
            return refused(CalibrationUsed, Mistake(place="who", found="''", right="whoever decides"))
        if len(wish.why) > WHY_MAX:
            found = f"{len(wish.why)} letters"
            return refused(CalibrationUsed, Mistake(place="why", found=found, right=f"{WHY_MAX} at most"))
        if wish.instead_of != now:
            return CalibrationUsed(state="moved_on", reason=f"{now} is in use, not {wish.instead_of}")
        if wish.calibration == now:
            found = f"{now}, which is in use already"
            return refused(CalibrationUsed, Mistake(place="calibration", found=found, right="another one"))
        if wish.calibration != STANDARD_TIMES:
            path = chosen.files(self._where).get(wish.calibration)
            if path is None or chosen.read(path) is None:
                right = f"a set that there is, or {STANDARD_TIMES}"
                return refused(
                    CalibrationUsed, Mistake(place="calibration", found=repr(wish.calibration), right=right)
                )
        entry = chosen.write(
            self._where, what=IN_USE, calibration=wish.calibration, by=PERSON, at_ns=self._clock.now_ns(),
            who=wish.who, why=wish.why,
        )  # fmt: skip
        return CalibrationUsed(state="in_use", entry=entry)

    def _in_use(self) -> str:
        return chosen.in_use(self._where).calibration

    # -- what is known

    def known(self) -> Calibrations:
        """Return which sets there are, and which one answers are made with."""
        # In this order: who hears that nothing runs any more sees what came of it.
        running = self._one.locked() or self._wishes.is_under_way
        sets, in_use = self._sets(), self._in_use()
        return Calibrations(
            state="idle" if not running else "fitting" if self._of and self._done == self._of else "reading",
            reason=self._reason, done=self._done, of=self._of, at_ns=self._clock.now_ns(), in_use=in_use,
            used=chosen.entry_in_use(self._where), sets=sets, newer=self._newer_than(in_use, sets),
            entries=chosen.journal(self._where)[:ENTRIES_SHOWN], every_days=self._every_days,
            is_automatic=self._is_automatic, next_ns=self._next_ns,
            damaged=sorted(name for name, head in self._heads.items() if head is None),
        )  # fmt: skip

    def one(self, asked: CalibrationAsked) -> CalibrationSet:
        """Return one set with its evidence, beside another if it was asked for."""
        files = chosen.files(self._where)
        found = []
        for name in filter(None, (asked.calibration, asked.beside)):
            measured = chosen.read(files[name]) if name in files else None
            if measured is None:
                place = "calibration" if name == asked.calibration else "beside"
                right = f"one of {', '.join(files)}" if files else "none: nothing was measured yet"
                return refused(CalibrationSet, Mistake(place=place, found=repr(name), right=right))
            found.append(measured)
        beside = found[1] if asked.beside else None
        is_proposed = self._is_proposed(asked.calibration, files[asked.calibration])
        now_ns = self._clock.now_ns()
        try:
            return evidence.evidence(
                found[0], self._registry, now_ns=now_ns, beside=beside, is_proposed=is_proposed
            )
        except TaktwinError as wrong:  # of a plant that is another one by now
            return refused(CalibrationSet, *mistakes_of(wrong))

    def _is_proposed(self, name: str, path: Path) -> bool:
        entries = chosen.journal(self._where)
        used = any(entry.what == IN_USE and entry.calibration == name for entry in entries)
        return path.parent == chosen.proposed(self._where) and not used

    def _sets(self) -> list[Head]:
        files, before = chosen.files(self._where), self._heads
        # Two threads may look at once: each lays out the same, and what was read once is not read again.
        heads = {name: before[name] if name in before else _head(path) for name, path in files.items()}
        self._heads = heads
        return [
            msgspec.structs.replace(head, is_proposed=self._is_proposed(name, files[name]))
            for name, head in heads.items() if head is not None
        ]  # fmt: skip

    def _newer_than(self, in_use: str, sets: Sequence[Head]) -> Newer | None:
        """Return the newest proposed set if its data are newer than those of the one in use."""
        to_ns = next((head.to_ns for head in sets if head.calibration == in_use), 0)
        head = next((head for head in sets if head.is_proposed and head.to_ns > to_ns), None)
        if head is None:
            return None
        key = (head.calibration, in_use)
        if key not in self._newer:
            self._newer = {key: self._moved(head, in_use)}
        return self._newer[key]

    def _moved(self, head: Head, in_use: str) -> Newer:
        files = chosen.files(self._where)
        mine = chosen.read(files[head.calibration])
        before = chosen.read(files[in_use]) if in_use in files else None
        names: list[str] = []
        added = gone = 0
        if mine is not None and before is not None:
            names, added, gone = evidence.moved(mine, before, self._registry)
        entry = next(
            (
                each for each in chosen.journal(self._where)
                if each.what == PROPOSED and each.calibration == head.calibration
            ),
            None,
        )  # fmt: skip
        return Newer(
            calibration=head.calibration, at_ns=0 if entry is None else entry.at_ns,
            reasons=[] if entry is None else entry.reasons, moved=names, added=added, gone=gone,
        )  # fmt: skip


def _head(path: Path) -> Head | None:
    found = chosen.read(path)
    return None if found is None else evidence.head(found, is_proposed=False)
