"""The planned line itself: the simulation's run, whose units take parts only as machines with a receiver do.

All that moves it is the reference engine's: times, set-ups, failures, yield, blocking, starving, the same to
the tick (a test compares them). What is here is what the simulation has no word for: a unit begins parts
under its job order alone, asks before it builds one in, and says what it does as a machine says it.
Comes in: time, calls of its job lists, what was written into it. Goes out: what the machines say. Pure.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from taktwin.commissioning.model import PlannedLine
from taktwin.contracts.interlock import Answer
from taktwin.faces.job_list import Job, JobList
from taktwin.plant.schema import Interlock
from taktwin.simulation.model import Product
from taktwin.simulation.reference import Doing, Reference, _Center, _Job, _Unit
from taktwin.standards.job_control import Cause, State
from taktwin.standards.packml import State as PackMl

# The reference engine is extended from within, so that there is no third way in which a line goes.
NO_PERMISSION = -1  # stands among the closures of a unit that may not take a part
ANY = ""  # product of a unit that nobody tells what to make
ALARM_FAULT, ALARM_NO_ANSWER, ALARM_REFUSED = 9001, 8001, 8002
ASIDE_S = 15.0  # until somebody has put a refused part aside
NUMBERS = 2_000_000_000  # of questions; they are whole numbers of 32 bits


class Shows(StrEnum):
    """What a unit of the line shows."""

    NO_ORDER = "no_order"
    STARVED = "starved"
    SET_UP = "set_up"
    WORKING = "working"
    BLOCKED = "blocked"
    BROKEN = "broken"
    ASKING = "asking"  # the interlock, and nobody has answered yet
    UNANSWERED = "unanswered"  # the interlock
    REFUSED = "refused"  # a part, by the interlock


STATE = {
    Shows.NO_ORDER: PackMl.IDLE, Shows.STARVED: PackMl.SUSPENDED, Shows.SET_UP: PackMl.STOPPED,
    Shows.WORKING: PackMl.EXECUTE, Shows.BLOCKED: PackMl.SUSPENDED, Shows.BROKEN: PackMl.ABORTED,
    Shows.ASKING: PackMl.SUSPENDED, Shows.UNANSWERED: PackMl.HELD, Shows.REFUSED: PackMl.HELD,
}  # fmt: skip
_ALARM = {
    Shows.BROKEN: (ALARM_FAULT, "A fault, as the plan expects them", 1),
    Shows.UNANSWERED: (ALARM_NO_ANSWER, "Interlock: nobody answers", 2),
    Shows.REFUSED: (ALARM_REFUSED, "Interlock: the part may not be built in", 2),
}


class Said(NamedTuple):
    """What a machine says from an instant on: by the role of a signal, or by its path."""

    tick: int
    work_unit: str
    word: str
    value: Any


@dataclass(slots=True)
class _Question:
    number: int
    serial: str
    silent: bool = False  # it was asked again already
    held: dict[str, object] = field(default_factory=dict)  # what was written


@dataclass(slots=True)
class Cell:
    """What a work unit has beside its unit of the simulation."""

    name: str
    jobs: JobList | None
    interlock: Interlock | None
    shows: Shows | None = None
    part: _Job | None = None  # in its hand
    question: _Question | None = None
    asked: int = 0
    good: int = 0
    rejected: int = 0
    cycles: list[float] = field(default_factory=list)  # seconds of work
    answered: int = 0  # questions
    refused: Counter[str] = field(default_factory=Counter)  # answer of the interlock -> parts
    unanswered: int = 0
    since: int = 0  # tick since when it shows what it shows
    spent: Counter[Shows] = field(default_factory=Counter)  # ticks
    flags: dict[str, object] = field(default_factory=dict)


class Line(Reference):
    """A planned line in time."""

    def __init__(
        self,
        planned: PlannedLine,
        key: int,
        *,
        jobs: Mapping[str, JobList],
        interlocks: Mapping[str, Interlock],
        serials: str,
        patience: float = 1.0,
    ) -> None:
        """Stand at tick 0, empty.

        Parameters
        ----------
        serials : what the serial numbers of the line begin with, another one at each start
        patience : plant seconds of a second for which a cell waits for an answer: who answers does not
            live faster when the plant does
        """
        super().__init__(planned.plant, key)
        self.on_wish: Callable[[], None] = lambda: None  # told when somebody wants something of the line
        self._serials = serials
        self._patience = patience
        self.cells = [
            Cell(name, jobs.get(name), interlocks.get(name), asked=abs(hash_of(serials)))
            for name in (planned.work_units[unit.name] for unit in self._units)
        ]
        self._by_name = {cell.name: unit for cell, unit in zip(self.cells, self._units, strict=True)}
        self._firsts = {
            (product.steps[0].center, product.name): product for product in planned.plant.products
        }
        self._said: list[Said] = []
        self._wishes: set[str] = set()
        self._written: list[tuple[str, str, object]] = []
        self._waiting: set[int] = set()  # parts about which somebody is being asked
        self._wakes: list[tuple[int, int, int]] = []  # tick, place of the unit, number of its question
        for cell in self.cells:
            if cell.jobs is not None:
                cell.jobs.listeners.append(_Listener(self, cell))
        self._announce()
        super().advance(until=0)
        self._look()

    # -- what the world wants of it

    def wishes(self, work_unit: str) -> None:
        """Note that a job list changed; it is looked at with the next advance."""
        self._wishes.add(work_unit)
        self.on_wish()

    def written(self, work_unit: str, path: str, value: object) -> None:
        """Note what was written into a machine."""
        self._written.append((work_unit, path, value))
        self.on_wish()

    def center_of(self, place: int) -> str:
        """Return the work center of a unit."""
        return self._units[place].center.model.name

    # -- time

    def next_tick(self) -> int | None:
        """Return the tick of what happens next by itself; None: nothing does."""
        event = self._next()
        ticks = ([event[0]] if event else []) + ([self._wakes[0][0]] if self._wakes else [])
        return min(ticks, default=None)

    def advance_to(self, tick: int) -> list[Said]:
        """Move on to a tick, its own events included, and return what the machines said since."""
        while (due := self.next_tick()) is not None and due <= tick:
            if self._wakes and self._wakes[0][0] == due:
                super().advance(until=due)
                _, place, number = heapq.heappop(self._wakes)
                self._wake_up(self._units[place], number)
                self._settle()
            else:
                super().advance(until=due + 1)
            self._look(due)
        super().advance(until=max(tick, self.now))
        written, self._written = self._written, []
        for work_unit, path, value in written:
            self._hear(work_unit, path, value)
        wishes, self._wishes = self._wishes, set()
        for name in sorted(wishes):
            unit = self._by_name[name]
            if unit.task is Doing.IDLE:
                self._freed = unit
                self._settle()
        self._look()
        said, self._said = self._said, []
        return said

    # -- who may take what

    def _allowed(self, cell: Cell) -> str | None:
        """Return the product that a unit may begin now; None: none."""
        if cell.jobs is None:
            return ANY
        job = cell.jobs.running
        return None if job is None or job.state is not State.RUNNING else job.order.product

    def _may(self, unit: _Unit, job: _Job | None) -> bool:
        allowed = self._allowed(self.cells[unit.place])
        return allowed is not None and job is not None and allowed in (ANY, job.product.name)

    def _can_take(self, unit: _Unit) -> bool:
        center = unit.center
        if center.queue:
            return any(self._may(unit, job) for job in center.queue)
        return bool(center.blocked) and self._may(unit, center.blocked[0].job)

    def _choose(self, center: _Center, unit: _Unit) -> _Job:
        return next(job for job in center.queue if self._may(unit, job))

    def _feed(self, unit: _Unit) -> None:
        """Give the first of a route a part to begin, as many as its job order wants."""
        cell = self.cells[unit.place]
        allowed = None if self._can_take(unit) else self._allowed(cell)
        product = self._firsts.get((unit.center.model.name, allowed)) if allowed else None
        if product is not None:
            self._join(unit.center, self._begun(product))

    def _begun(self, product: Product) -> _Job:
        part = self._new_part(product)
        part.name = f"{self._serials}-{product.name}-{self.counts[product.name].arrived:05d}"
        return part

    def _frees(self, unit: _Unit) -> None:
        self._left(unit)
        self._feed(unit)
        if not self._can_take(unit):
            unit.closures.add(NO_PERMISSION)
        super()._frees(unit)
        self._open(unit)

    def _comes(self, job: _Job, source: _Unit | None, *, may_balk: bool) -> None:
        center = self._centers[job.at.center]
        shut = [each for each in center.units if each.shown is Doing.IDLE and not self._may(each, job)]
        for each in shut:
            each.closures.add(NO_PERMISSION)
            each.note(self.now)
        super()._comes(job, source, may_balk=may_balk)
        for each in shut:
            self._open(each)

    def _open(self, unit: _Unit) -> None:
        """Let a unit be asked again whether it takes a part."""
        if NO_PERMISSION in unit.closures:
            unit.closures.remove(NO_PERMISSION)
            unit.note(self.now)

    # -- parts

    def _begins(self, unit: _Unit) -> None:
        cell, part = self.cells[unit.place], unit.job
        assert part
        if unit.task is Doing.IDLE:
            cell.part = part
            if cell.interlock is not None:
                self._ask(unit, cell, cell.interlock)
            else:
                self._tell_part(cell)
        super()._begins(unit)

    def _step_done(self, unit: _Unit, job: _Job) -> None:
        cell = self.cells[unit.place]
        seconds = job.work * self.plant.tick_s
        cell.cycles.append(seconds)
        self._say(cell, "cycle_time", round(seconds, 3))
        super()._step_done(unit, job)

    def _left(self, unit: _Unit) -> None:
        """Count the part that left a unit, if one did."""
        cell = self.cells[unit.place]
        part, cell.part = cell.part, None
        if part is None:
            return
        passed = part.quantity > 0
        if passed:
            cell.good += 1
            self._say(cell, "good_count", cell.good)
        else:
            cell.rejected += 1
            self._say(cell, "reject_count", cell.rejected)
        if cell.jobs is not None:
            cell.jobs.count(good=int(passed), scrap=int(not passed))

    def _tell_part(self, cell: Cell) -> None:
        assert cell.part
        running = None if cell.jobs is None else cell.jobs.running
        self._flag(cell, "job", "" if running is None else running.order.job)
        self._flag(cell, "serial", cell.part.name)
        self._flag(cell, "product", cell.part.product.name)

    # -- the interlock

    def _lacking(self, job: _Job) -> bool:
        return job.entity in self._waiting or super()._lacking(job)

    def _ask(self, unit: _Unit, cell: Cell, interlock: Interlock, *, silent: bool = False) -> None:
        assert cell.part
        cell.asked = cell.asked % NUMBERS + 1
        cell.question = _Question(cell.asked, cell.part.name, silent)
        self._waiting.add(cell.part.entity)
        self._say(cell, interlock.serial, cell.part.name)
        self._say(cell, interlock.request, cell.asked)
        patience = self.plant.ticks(interlock.patience_s * self._patience)
        heapq.heappush(self._wakes, (self.now + max(patience, 1), unit.place, cell.asked))

    def _hear(self, work_unit: str, path: str, value: object) -> None:
        """Take what was written; the echo of the question comes last and makes it an answer."""
        unit = self._by_name.get(work_unit)
        cell = None if unit is None else self.cells[unit.place]
        if unit is None or cell is None or cell.question is None or cell.interlock is None:
            return
        question, paths = cell.question, cell.interlock
        question.held[path] = value
        if path != paths.answered or value != question.number:
            return
        answer = question.held.get(paths.answer)
        if question.held.get(paths.answer_serial) == question.serial and isinstance(answer, int) and answer:
            self._answered(unit, cell, answer)

    def _answered(self, unit: _Unit, cell: Cell, answer: int) -> None:
        assert cell.part and unit.job is cell.part
        cell.question = None
        cell.answered += 1
        known = {int(each): each for each in Answer}
        if answer in known and known[answer].may:
            self._waiting.discard(cell.part.entity)
            self._tell_part(cell)
            self._is_called = True
            self._settle()
            return
        cell.refused[known[answer].name.lower() if answer in known else f"answer {answer}"] += 1
        # The part is put aside by whoever stands there: it is in nobody's hand any more.
        self._calling.remove(unit)
        self._waiting.discard(cell.part.entity)
        cell.part = None
        self.in_work -= 1
        heapq.heappush(self._wakes, (self.now + self.plant.ticks(ASIDE_S), unit.place, 0))

    def _wake_up(self, unit: _Unit, number: int) -> None:
        cell = self.cells[unit.place]
        if number == 0:  # the refused part is aside
            self._freed = unit
        elif cell.question is not None and cell.question.number == number:
            assert cell.interlock
            cell.unanswered += 1
            self._ask(unit, cell, cell.interlock, silent=True)

    # -- what they show

    def _announce(self) -> None:
        for cell in self.cells:
            for word, value in (
                ("good_count", 0), ("reject_count", 0), ("job", ""), ("serial", ""), ("product", ""),
                ("cycle_time", 0.0),
            ):  # fmt: skip
                self._say(cell, word, value)
            self._alarm(cell, 0, "", 0)
            if cell.interlock is not None:
                paths = cell.interlock
                for path, value in (
                    (paths.serial, ""), (paths.request, 0), (paths.answer, 0), (paths.answer_serial, ""),
                    (paths.answered, 0),
                ):  # fmt: skip
                    self._say(cell, path, value)

    def _look(self, tick: int | None = None) -> None:
        """Say of each unit what it does now, if it is another thing than before."""
        for cell, unit in zip(self.cells, self._units, strict=True):
            shows, before = self._shows(cell, unit), cell.shows
            if shows is not before:
                cell.shows = shows
                self._changes(cell, before, self.now if tick is None else tick)

    def _shows(self, cell: Cell, unit: _Unit) -> Shows:
        if unit.is_down:
            return Shows.BROKEN
        if unit.task is Doing.CALLING:
            if cell.question is None:
                return Shows.REFUSED
            return Shows.UNANSWERED if cell.question.silent else Shows.ASKING
        if unit.task is Doing.IDLE:
            return Shows.NO_ORDER if self._allowed(cell) is None else Shows.STARVED
        return {Doing.SETUP: Shows.SET_UP, Doing.WORKING: Shows.WORKING, Doing.BLOCKED: Shows.BLOCKED}[
            unit.task
        ]

    def _changes(self, cell: Cell, before: Shows | None, tick: int) -> None:
        shows = cell.shows
        assert shows
        if before is not None:
            cell.spent[before] += tick - cell.since
        cell.since = tick
        self._flag(cell, "blocked", shows is Shows.BLOCKED, tick)
        self._flag(cell, "starved", shows is Shows.STARVED, tick)
        self._flag(cell, "set_up", shows is Shows.SET_UP, tick)
        self._flag(cell, "mode", 3 if shows is Shows.SET_UP else 1, tick)
        self._flag(cell, "state", int(STATE[shows]), tick)
        self._alarm(cell, *_ALARM.get(shows, (0, "", 0)), tick=tick)

    def _alarm(self, cell: Cell, code: int, text: str, priority: int, *, tick: int | None = None) -> None:
        self._flag(cell, "alarm_code", code, tick)
        self._flag(cell, "alarm/text", text, tick)
        self._flag(cell, "alarm/priority", priority, tick)
        self._flag(cell, "alarm_active", code != 0, tick)

    def _flag(self, cell: Cell, word: str, value: object, tick: int | None = None) -> None:
        if cell.flags.get(word) != value or word not in cell.flags:
            cell.flags[word] = value
            self._say(cell, word, value, tick)

    def _say(self, cell: Cell, word: str, value: object, tick: int | None = None) -> None:
        self._said.append(Said(self.now if tick is None else tick, cell.name, word, value))


@dataclass(frozen=True, slots=True)
class _Listener:
    """Takes up the next job order when a machine has none in its hand, and has the line look."""

    line: Line
    cell: Cell

    def __call__(self, before: Job | None, after: Job | None) -> None:
        jobs = self.cell.jobs
        assert jobs
        waiting = jobs.next
        if waiting is not None:
            jobs.happens(waiting.order.job, Cause.BEGIN)  # the list refuses it while another is in hand
        self.line.wishes(self.cell.name)


def hash_of(text: str) -> int:
    """Return a small number of a text, the same in every process."""
    return sum(place * ord(letter) for place, letter in enumerate(text, 1)) % 100_000 * 1000
