"""What-if talks: takes questions, fetches the present from twin and MES, lets the engine answer.

The engine's compiler takes seconds to load, on the first start of a machine many: that happens in a
thread after the start, and until then the answer is that there is none yet. One question is worked on
at a time, the next ones wait; the room may be slow, but it holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from taktwin.bus.port import Bus, Message
from taktwin.clock import Clock
from taktwin.contracts import state, topics
from taktwin.contracts.mistake import Mistake
from taktwin.contracts.state import Frame, Health
from taktwin.contracts.whatif import (
    CHANGES,
    COMPARE,
    LIBRARY,
    OWNER,
    REPLAY,
    SENSITIVITY,
    STATUS,
    WAITED_S,
    Changes,
    Comparison,
    Library,
    Note,
    PastError,
    Question,
    Replay,
    ReplayQuestion,
    Sensitivity,
    SensitivityQuestion,
    Status,
)
from taktwin.errors import BusError
from taktwin.instants import rfc3339
from taktwin.plant.registry import Registry
from taktwin.standards.iso22400 import TimeClass
from taktwin.stopping import until
from taktwin.whatif.past import Past
from taktwin.whatif.refusals import refused

COMPONENT = OWNER
ASK_S = 5.0  # twin and MES answer within that or are away
WAITING_MAX = 4
STARTING = "the simulation is being loaded"
# query -> what is asked, and the answer: each is a function of `api` of that name
QUERIES: dict[str, tuple[Any, Any]] = {
    COMPARE: (Question, Comparison), SENSITIVITY: (SensitivityQuestion, Sensitivity),
    REPLAY: (ReplayQuestion, Replay), LIBRARY: (None, Library), CHANGES: (None, Changes),
}  # fmt: skip
log = logging.getLogger(__name__)
T = TypeVar("T")


class Worker:
    """A thread that does one thing after the other, and that no end of the process waits for."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.is_busy = False
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            self.is_busy = True
            task()
            self.is_busy = False

    async def do(self, work: Callable[[], T]) -> T:
        """Return what some work gives; what it raises is raised here."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def tell(what: Callable[[], None]) -> None:
            if not done.done():  # nobody waits any more
                what()

        def task() -> None:
            try:
                found = work()
            except BaseException as failure:  # noqa: BLE001 - whoever waits gets it, as it is
                told, wrong = tell, failure
                with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
                    loop.call_soon_threadsafe(told, lambda: done.set_exception(wrong))
                return
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, lambda: done.set_result(found))

        self._tasks.put(task)
        return await done


def load() -> Any:
    """Return the module that answers, with everything compiled.

    By its name, so that nothing that only wants to start imports the compiler with it.
    """
    api = importlib.import_module("taktwin.whatif.api")
    api.warm_up()
    return api


class WhatIfService:
    """The what-if room of one site."""

    def __init__(
        self, *, bus: Bus, registry: Registry, clock: Clock, memory_mb: Callable[[], float], pid: int,
        load: Callable[[], Any] = load, errors: Callable[[], list[PastError]] = list,
        calibrations: Path | None = None,
    ) -> None:  # fmt: skip
        """Be ready to run.

        Parameters
        ----------
        errors : says how far predictions were off in back-tests; [] where nothing was compared
        calibrations : the folder of those that were made; None: answers rest on standard times
        """
        self._bus = bus
        self._registry = registry
        self._clock = clock
        self._memory_mb = memory_mb
        self._pid = pid
        self._load = load
        self._calibrations = calibrations
        self._errors = errors
        self._past = Past(bus, registry)
        self._api: Any = None
        self._reason = STARTING
        self._worker = Worker("whatif")
        self._waiting = 0
        self._started_ns = clock.now_ns()
        self._counts = {"ready": 0.0, "questions": 0.0, "refused": 0.0, "loaded_s": 0.0, "last_s": 0.0}

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until told to stop."""
        served = [
            await self._bus.serve(self._subject(OWNER, query), functools.partial(self._query, query))
            for query in QUERIES
        ]
        served.append(await self._bus.serve(self._subject(OWNER, STATUS), self._status))
        async with asyncio.TaskGroup() as group:
            group.create_task(until(stop, self._beat()))
            group.create_task(until(stop, self._begin()))
        for subscription in served:
            await subscription.close()

    @property
    def is_busy(self) -> bool:
        """Return whether the thread is loading or working: it keeps nothing that could be lost."""
        return self._worker.is_busy

    @property
    def api(self) -> Any:
        """Return the module that answers, None as long as it is being loaded."""
        return self._api

    @property
    def waiting(self) -> int:
        """Return how many questions are in the room, the one that is worked on among them."""
        return self._waiting

    async def do(self, work: Callable[[], T]) -> T:
        """Return what some work gives that is done in the room's thread, behind what waits for it."""
        return await self._worker.do(work)

    def _subject(self, owner: str, name: str) -> str:
        return topics.query(self._registry.enterprise, self._registry.site, owner, name)

    def _clock_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    async def _begin(self) -> None:
        began_s = self._clock_s()
        self._api = await self._worker.do(self._load)
        self._reason = ""
        self._counts["ready"], self._counts["loaded_s"] = 1.0, self._clock_s() - began_s
        log.info("the simulation was loaded in %.1f s", self._counts["loaded_s"])

    async def _status(self, message: Message) -> bytes:
        said = Status(state="starting" if self._api is None else "ready", reason=self._reason)
        return msgspec.msgpack.encode(said)

    async def _query(self, query: str, message: Message) -> bytes:
        asked, answers = QUERIES[query]
        try:
            question = None if asked is None else msgspec.msgpack.decode(message.payload, type=asked)
        except msgspec.DecodeError as error:
            wrong = Mistake(place="question", found=str(error), right=f"a {asked.__name__} of the contract")
            return msgspec.msgpack.encode(refused(answers, wrong))
        self._counts["questions"] += 1
        answer = await self._answer(query, question)
        self._counts["refused"] += answer.state != "ready"
        self._counts["last_s"] = getattr(answer, "took_s", 0.0)
        return msgspec.msgpack.encode(answer)

    async def _answer(self, query: str, question: Any) -> Any:
        answers = QUERIES[query][1]
        if self._api is None:
            return answers(state="starting", reason=self._reason)
        if self._waiting >= WAITING_MAX:
            return answers(state="busy", reason=f"{self._waiting} questions wait before it")
        self._waiting += 1
        try:
            return await self._present(query, question)
        finally:
            self._waiting -= 1

    async def _present(self, query: str, question: Any) -> Any:
        answers = QUERIES[query][1]
        came_s = self._clock_s()
        at_ns = _instant(question)
        if at_ns > self._clock.now_ns():
            right = f"an instant before {rfc3339(self._clock.now_ns())}, or 0: now"
            return refused(answers, Mistake(place="at_ns", found=rfc3339(at_ns), right=right))
        try:
            if at_ns and (why := await self._before_all(at_ns)):
                return refused(answers, Mistake(place="at_ns", found=rfc3339(at_ns), right=why))
            frame = await (self._past.frame(at_ns) if at_ns else self._frame())
            if at_ns and all(unit.time_class == TimeClass.UNKNOWN for unit in frame.units):
                right = "an instant at which the twin knew a work unit: of this one nothing was recorded"
                return refused(answers, Mistake(place="at_ns", found=rfc3339(at_ns), right=right))
            board = await (self._past.board(at_ns) if at_ns else self._board())
        except BusError as failure:
            who = "recorder or history do" if at_ns else "the twin does"
            return answers(state="no_picture", reason=f"{who} not answer: {failure}")
        errors = await asyncio.to_thread(self._errors)
        api = self._api

        def work() -> Any:
            if self._clock_s() - came_s > WAITED_S:  # nobody listens any more: the next one's turn
                return answers(state="busy", reason=f"{WAITED_S:g} s of other questions were before it")
            now = api.Situation(
                self._registry, frame, board or {}, self._clock_s, calibrations=self._calibrations,
                errors=errors,
            )  # fmt: skip
            return getattr(api, query)(question, now)

        answer = await self._worker.do(work)
        if board is None and isinstance(answer, Comparison) and answer.snapshot is not None:
            away = Note(code="mes", text="the MES does not answer: no order is in it")
            unknowns = [away, *answer.snapshot.unknowns]
            snapshot = msgspec.structs.replace(answer.snapshot, unknowns=unknowns)
            return msgspec.structs.replace(answer, snapshot=snapshot)
        return answer

    async def _before_all(self, at_ns: int) -> str:
        """Return which instant would be right where nothing is known of one; "": it is. Raises BusError."""
        begins_ns = await self._past.begins_ns()
        if begins_ns is None:
            return "0, now: there is no history yet"
        if at_ns < begins_ns:
            return f"{rfc3339(begins_ns)} or later: history begins then"
        return ""

    async def _frame(self) -> Frame:
        said = await self._bus.request(self._subject("twin", "snapshot"), b"", timeout_s=ASK_S)
        return msgspec.msgpack.decode(said, type=Frame)

    async def _board(self) -> dict[str, Any] | None:
        """Return the MES's open job orders, None where it is away."""
        try:
            said = await self._bus.request(self._subject("mes", "board"), b"", timeout_s=ASK_S)
        except BusError:
            return None
        found: dict[str, Any] = msgspec.msgpack.decode(said)
        return None if "away" in found else found

    async def _beat(self) -> None:
        subject = topics.health(self._registry.enterprise, self._registry.site, COMPONENT)
        while True:
            health = Health(
                component=COMPONENT, state="running", started_ns=self._started_ns,
                at_ns=self._clock.now_ns(), pid=self._pid, memory_mb=self._memory_mb(),
                counters=dict(self._counts),
            )  # fmt: skip
            with contextlib.suppress(BusError):  # the backbone is away: it is missed, and that says enough
                await self._bus.publish(subject, state.encode(health))
            await self._clock.wall_sleep(1.0)


def _instant(question: Any) -> int:
    """Return the instant that a question is about; 0: now."""
    asked = getattr(question, "question", question)
    return asked.at_ns if isinstance(asked, Question) else 0
