"""Back-tests talk: they fetch the past from recorder, history and MES events, and keep what came of it.

One runs at a time: somebody asked for it, or a production day is over. Each night is tested once for each
model and calibration; one that was missed, because nothing ran or history was away, is caught up. Between two
epochs whoever asks what would be has the thread: the past can wait.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from taktwin.bus.port import Bus, Message
from taktwin.clock import Clock
from taktwin.contracts import topics
from taktwin.contracts.backtest import (
    ASKED,
    BACKTEST,
    BACKTESTS,
    DAYS_MAX,
    EPOCHS_MAX,
    EVERY_S_MAX,
    EVERY_S_MIN,
    NIGHT,
    RUNS_MAX,
    RUNS_MIN,
    BackTests,
    Begun,
    Epoch,
    Record,
    Wish,
)
from taktwin.contracts.mistake import Mistake
from taktwin.contracts.state import Frame
from taktwin.contracts.whatif import OWNER, PastError
from taktwin.errors import BusError
from taktwin.instants import SECOND_NS, rfc3339
from taktwin.measures.time_classes import ClassSpan
from taktwin.plant.calendars import ProductionDay
from taktwin.plant.registry import Registry
from taktwin.stopping import until
from taktwin.whatif import backtest
from taktwin.whatif.backtest_files import Records
from taktwin.whatif.past import Fact
from taktwin.whatif.refusals import refused
from taktwin.whatif.wishes import Wishes

DAY_NS = 86_400 * SECOND_NS
SETTLE_NS = 600 * SECOND_NS  # after a production day: what came late is in history by then
LAG_S = 5.0  # of wall time: so long history needs for what happens now
AGAIN_S = 60.0  # of wall time: until a night is tried again for which somebody did not answer
RUNS = 199
SHOWN_MAX = 400
log = logging.getLogger(__name__)


class Model(Protocol):
    """What predicts; a new translation or calibration is another one."""

    @property
    def version(self) -> str:
        """Return the model's version."""
        ...

    @property
    def calibration_id(self) -> str:
        """Return what its times are taken from."""
        ...

    @property
    def calibrated_to_ns(self) -> int:
        """Return the end of the data that it was fitted on; 0: it was not."""
        ...

    def epoch(
        self, frame: Frame, told: Sequence[Fact], stays: Mapping[str, Sequence[ClassSpan]], *, to_ns: int,
        runs: int, seed: int,
    ) -> Epoch:  # fmt: skip
        """Return one epoch, judged."""
        ...


class Past(Protocol):
    """Whom the past is asked of; each raises BusError where nobody answers."""

    async def frame(self, at_ns: int) -> Frame:
        """Return the twin's picture."""
        ...

    async def facts(self, from_ns: int, to_ns: int) -> list[Fact]:
        """Return the MES's facts."""
        ...

    async def stays(self, from_ns: int, to_ns: int) -> dict[str, list[ClassSpan]]:
        """Return the time classes of all work units."""
        ...

    async def begins_ns(self) -> int | None:
        """Return since when there is history; None: there is none."""
        ...


class Backtests:
    """The back-tests of one site."""

    def __init__(
        self, *, registry: Registry, clock: Clock, past: Past, folder: Path,
        do: Callable[[Callable[[], Any]], Awaitable[Any]], model: Callable[[], Model | None],
        limit: float = backtest.LIMIT,
    ) -> None:  # fmt: skip
        """`do` runs something in the room's thread; `model` is None as long as it is being loaded."""
        self._registry = registry
        self._clock = clock
        self._past = past
        self._records = Records(folder)
        self._do = do
        self._model = model
        self._limit = limit
        self._calendar = production_days(registry)
        self._one = asyncio.Lock()
        self._wishes: Wishes[tuple[Wish, list[tuple[int, int]]]] = Wishes()
        self._done = self._of = 0  # epochs of what was asked for; 0: nothing was
        self._reason = ""
        self._next_ns = 0

    async def run(self, bus: Bus, stop: asyncio.Event) -> None:
        """Answer queries and test the nights until told to stop."""
        subject = functools.partial(topics.query, self._registry.enterprise, self._registry.site, OWNER)
        served = [
            await bus.serve(subject(BACKTEST), self._asked_to_begin),
            await bus.serve(subject(BACKTESTS), self._asked_what_is_known),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(until(stop, self.nights()))
                group.create_task(until(stop, self.wishes()))
        finally:
            for subscription in served:
                await subscription.close()

    async def _asked_to_begin(self, message: Message) -> bytes:
        wish = msgspec.msgpack.decode(message.payload or b"\x80", type=Wish)
        return msgspec.msgpack.encode(await self.begin(wish))

    async def _asked_what_is_known(self, message: Message) -> bytes:
        return msgspec.msgpack.encode(await asyncio.to_thread(self.known))

    # -- on demand

    async def begin(self, wish: Wish) -> Begun:
        """Begin what somebody asked for, or say why not."""
        if self._model() is None:
            return Begun(state="starting", reason="the simulation is being loaded")
        if self._one.locked() or self._wishes.is_under_way:
            return Begun(state="running", reason="a back-test runs: one at a time")
        found = self.spans(wish)
        if isinstance(found, Mistake):
            return refused(Begun, found)
        self._done, self._of, self._reason = 0, len(found), ""
        self._wishes.take((wish, found))
        return Begun(state="begun", of=len(found))

    def spans(self, wish: Wish) -> list[tuple[int, int]] | Mistake:
        """Return the epochs of a wish, or what is wrong with it."""
        now_ns = self._clock.now_ns() - round(LAG_S * self._clock.speed * SECOND_NS)
        if not 0 < wish.days <= DAYS_MAX:
            return Mistake(place="days", found=f"{wish.days:g}", right=f"above 0, {DAYS_MAX:g} at most")
        if not EVERY_S_MIN <= wish.every_s <= EVERY_S_MAX:
            return Mistake(
                place="every_s", found=f"{wish.every_s:g}", right=f"{EVERY_S_MIN:g} to {EVERY_S_MAX:g}"
            )
        if not RUNS_MIN <= wish.runs <= RUNS_MAX:
            return Mistake(place="runs", found=str(wish.runs), right=f"{RUNS_MIN} to {RUNS_MAX}")
        from_ns = wish.from_ns or now_ns - round(wish.days * DAY_NS)
        to_ns = from_ns + round(wish.days * DAY_NS)
        if to_ns > now_ns:
            return Mistake(place="from_ns", found=f"{rfc3339(from_ns)}, for {wish.days:g} days",
                           right=f"an end before {rfc3339(now_ns)}")  # fmt: skip
        every_ns = round(wish.every_s * SECOND_NS)
        count = (to_ns - from_ns) // every_ns
        if not 1 <= count <= EPOCHS_MAX:
            return Mistake(place="every_s", found=f"{wish.every_s:g} in {wish.days:g} days: {count} epochs",
                           right=f"1 to {EPOCHS_MAX} epochs")  # fmt: skip
        return [(from_ns + n * every_ns, from_ns + (n + 1) * every_ns) for n in range(count)]

    async def wishes(self) -> None:
        """Run what was asked for, one after the other, for ever; what a stop ends is lost."""
        await self._wishes.done(self._as_asked)

    async def _as_asked(self, asked: tuple[Wish, list[tuple[int, int]]]) -> None:
        wish, spans = asked
        try:
            async with self._one:
                await self._tested(ASKED, spans, wish.runs, wish.seed)
        except (BusError, OSError) as failure:
            self._reason = str(failure)
            log.warning("the back-test ended early: %s", failure)
        finally:
            self._done = self._of = 0

    # -- every night

    async def nights(self) -> None:
        """Test each production day once it is over, for ever."""
        while True:
            self._next_ns = self._next_night()
            if not await self._caught_up():
                await self._clock.wall_sleep(AGAIN_S)
                continue
            await self._clock.sleep_until(self._next_ns)

    async def _caught_up(self) -> bool:
        """Test the nights that nobody has tested; return False where somebody did not answer."""
        model = self._model()
        if model is None:
            return False
        try:
            for day in await self.missing(model):
                async with self._one:
                    await self._tested(NIGHT, [(day.from_ns, day.to_ns)], RUNS, 1)
        except (BusError, OSError) as failure:
            log.warning("a night is not back-tested yet: %s", failure)
            return False
        return True

    async def missing(self, model: Model) -> list[ProductionDay]:
        """Return the production days that are over and not tested, the oldest first. Raises BusError."""
        begins_ns = await self._past.begins_ns()
        if begins_ns is None:
            return []
        now_ns = self._clock.now_ns()
        tested = {
            (epoch.from_ns, epoch.to_ns)
            for record in self._records.all()
            if record.by == NIGHT and (record.model_version, record.calibration_id)
            == (model.version, model.calibration_id)
            for epoch in record.epochs
        }  # fmt: skip
        first_ns = max(begins_ns, now_ns - backtest.DAYS * DAY_NS, model.calibrated_to_ns)
        found = []
        day = self._day(now_ns - SETTLE_NS)
        while (day := self._day(day.from_ns - 1)).from_ns >= first_ns:
            if (day.from_ns, day.to_ns) not in tested:
                found.append(day)
        return found[::-1]

    def _next_night(self) -> int:
        return self._day(self._clock.now_ns() - SETTLE_NS).to_ns + SETTLE_NS

    def _day(self, at_ns: int) -> ProductionDay:
        return self._calendar.production_day(at_ns)

    # -- one back-test

    async def _tested(self, by: str, spans: Sequence[tuple[int, int]], runs: int, seed: int) -> Record:
        model = self._model()
        assert model is not None, "asked before anything is tested"
        began_s = self._clock.monotonic_ns() / SECOND_NS
        epochs = []
        for from_ns, to_ns in spans:
            frame = await self._past.frame(from_ns)
            told = await self._past.facts(from_ns, to_ns)
            stays = await self._past.stays(from_ns, to_ns)

            def judge(
                frame: Frame = frame, told: Sequence[Fact] = told,
                stays: Mapping[str, Sequence[ClassSpan]] = stays, to_ns: int = to_ns,
            ) -> Epoch:  # fmt: skip
                return model.epoch(frame, told, stays, to_ns=to_ns, runs=runs, seed=seed)

            epochs.append(await self._do(judge))
            self._done += by == ASKED
        record = Record(
            by=by, made_ns=self._clock.now_ns(), model_version=model.version,
            calibration_id=model.calibration_id, calibrated_to_ns=model.calibrated_to_ns,
            every_s=(spans[0][1] - spans[0][0]) / SECOND_NS, runs=runs, seed=seed, epochs=epochs,
            took_s=self._clock.monotonic_ns() / SECOND_NS - began_s,
        )  # fmt: skip
        return await asyncio.to_thread(self._records.keep, record)

    # -- what is known

    def known(self) -> BackTests:
        """Return what is known of how good predictions are."""
        model = self._model()
        if model is None:
            return BackTests(state="starting", reason="the simulation is being loaded", limit=self._limit)
        # In this order: who hears that nothing runs any more sees what came of it.
        running = self._one.locked() or self._wishes.is_under_way
        epochs = self._that_count(model)
        found = backtest.figures(epochs, limit=self._limit)
        asked = [record for record in self._records.all() if record.by == ASKED]
        return BackTests(
            state="running" if running else "idle", reason=self._reason, done=self._done, of=self._of,
            limit=self._limit, days=backtest.DAYS, model_version=model.version,
            calibration_id=model.calibration_id, back_tested=bool(found),
            may_recommend=backtest.may_recommend(found), warnings=backtest.warnings(found), figures=found,
            epochs=epochs[-SHOWN_MAX:], last=asked[-1] if asked else None, next_ns=self._next_ns,
            damaged=self._records.damaged,
        )  # fmt: skip

    def errors(self) -> list[PastError]:
        """Return how far predictions were off, as what-if answers carry it; [] where nothing was compared."""
        model = self._model()
        if model is None:
            return []
        return backtest.errors(backtest.figures(self._that_count(model), limit=self._limit))

    def _that_count(self, model: Model) -> list[Epoch]:
        return backtest.that_count(
            self._records.all(), model_version=model.version, calibration_id=model.calibration_id,
            since_ns=self._clock.now_ns() - backtest.DAYS * DAY_NS,
        )  # fmt: skip


class Days(Protocol):
    """What knows when production days begin."""

    def production_day(self, at_ns: int) -> ProductionDay:
        """Return the production day of an instant."""
        ...


class _Utc:
    """Days of UTC, where the plant has no calendar."""

    def production_day(self, at_ns: int) -> ProductionDay:
        """Return the day of an instant."""
        from_ns = at_ns // DAY_NS * DAY_NS
        day = datetime.fromtimestamp(from_ns // SECOND_NS, UTC).date()
        return ProductionDay(day, from_ns, from_ns + DAY_NS)


def production_days(registry: Registry) -> Days:
    """Return the calendar that most work units follow; one that never closes only where none does."""
    used = Counter(each.calendar for each in registry.work_units if each.calendar in registry.calendars)
    ranked = sorted(used, key=lambda name: (registry.calendars[name].always, -used[name], name))
    return registry.calendars[ranked[0]] if ranked else _Utc()
