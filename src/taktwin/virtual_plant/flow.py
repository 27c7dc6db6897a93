"""The flow of material on SimPy: buffers, orders, and the world that the units share.

Times are whole nanoseconds of plant time, so that stamps are exact and runs in small steps equal
runs in one. Units wait on one event of their own and look at the world again when woken; whoever
changes something that others may wait for wakes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from heapq import heappop
from random import Random  # noqa: TID251 - the type of a stream that Entropy gave
from typing import Any, Protocol, TypeAlias

import simpy

from taktwin.entropy import Entropy
from taktwin.virtual_plant.activity import Activity
from taktwin.virtual_plant.physics import Orders, Physics, Unit
from taktwin.virtual_plant.surroundings import Surroundings
from taktwin.virtual_plant.truth import Truth, TruthTakenOut

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
_NEVER_NS = (1 << 63) - 1
Process = Generator[simpy.Event, Any, Any]


class Calendar(Protocol):
    """When a unit should run."""

    def planned(self, at_ns: int) -> bool:
        """Return whether an instant is inside a shift and outside its breaks."""
        ...

    def next_change_ns(self, at_ns: int) -> int:
        """Return the next instant, after the given one, at which `planned` changes; 2**63 - 1: never."""
        ...


class Waiter(Protocol):
    """Something that can be woken: a work unit."""

    family: int

    def wake(self) -> None:
        """Look at the world again, at this same instant."""
        ...


@dataclass(slots=True, eq=False)
class Part:
    """One piece with what hidden causes did to it."""

    serial: str
    family: int
    job: str  # of the plant's own list; under a lead the order that it is made for
    product: str
    born_ns: int
    runout_um: float = 0.0
    oversize_um: float = 0.0
    adhesive_strength: float = 1.0
    torque_error: float = 0.0
    flaws: list[str] = field(default_factory=list)


class Space:
    """A buffer: a finite place between units."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self.parts: deque[Part] = deque()
        self.sources: list[Waiter] = []
        self.targets: list[Waiter] = []

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return len(self.parts) >= self.capacity

    def accepts(self, part: Part) -> bool:
        """Return whether somebody behind this buffer can use the part."""
        return any(target.family in (0, part.family) for target in self.targets)

    def take_where(self, fits: Callable[[Part], bool]) -> Part | None:
        """Remove and return the oldest part that fits, or None."""
        for place, part in enumerate(self.parts):
            if fits(part):
                del self.parts[place]
                for source in self.sources:
                    source.wake()
                return part
        return None

    def put(self, part: Part) -> None:
        """Add a part and wake those who wait for one."""
        assert not self.full, f"{self.name} overflowed"
        self.parts.append(part)
        for target in self.targets:
            target.wake()

    def take(self, family: int) -> Part | None:
        """Remove and return the oldest part of a family (0: any), or None."""
        if not self.parts:
            return None
        if family == 0 or self.parts[0].family == family:
            part = self.parts.popleft()
        else:
            place = next((i for i, each in enumerate(self.parts) if each.family == family), None)
            if place is None:
                return None
            part = self.parts[place]
            del self.parts[place]
        for source in self.sources:
            source.wake()
        return part


class OrderList:
    """The plant's own orders: campaigns of one family after the other, with pauses between."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._released = 0
        self._pause_until_ns = 0
        self._paused_at = -1

    def next(self, now_ns: int) -> tuple[int, str] | int:
        """Return family and job of the next part to start, or the instant until which there is none."""
        orders = self._orders
        number = self._released // orders.lot
        boundary = self._released % orders.lot == 0 and number > 0
        if orders.pause_every and boundary and number % orders.pause_every == 0 and self._paused_at != number:
            self._paused_at = number
            self._pause_until_ns = now_ns + round(orders.pause_min * 60) * SECOND_NS
        if now_ns < self._pause_until_ns:
            return self._pause_until_ns
        self._released += 1
        family = orders.families[(number // orders.campaign) % len(orders.families)]
        return family, f"JO-{number + 1:06d}"


@dataclass(frozen=True, slots=True)
class Task:
    """What a unit is to make now: a job order of an order."""

    job: str
    order: str
    product: str


Used: TypeAlias = tuple[tuple[str, str, float], ...]  # (product, lot or serial number, quantity)


class Lead(Protocol):
    """An MES that leads the plant in place of its own list. A unit asks, and waits for the answer.

    While it is asked, plant time stands still; what an answer costs is charged to the unit.
    """

    answer_s: float

    def task(self, unit: str) -> Task | None:
        """Return what a unit is to make; None: nothing now."""
        ...

    def may_take(self, unit: str, task: Task, part: Part) -> bool:
        """Return whether a unit may work on a part for its task."""
        ...

    def charge(self, unit: str, task: Task, inside: int) -> int:
        """Return how many parts a unit that works on many at once waits for, those inside included."""
        ...

    def stocked(self, unit: str, task: Task) -> bool:
        """Return whether the material of one part lies at a unit."""
        ...

    def use(self, unit: str, task: Task) -> Used:
        """Take the material of one part from what lies at a unit."""
        ...


@dataclass(slots=True)
class Tally:
    """Parts that came in, went out and were scrapped: with those inside they always add up."""

    started: int = 0
    finished: int = 0
    scrapped: int = 0


class Clockwork(simpy.Environment):
    """SimPy's events in SimPy's order; only its loop is written out, for weeks are millions of events."""

    def run_to(self, to_ns: int, world: World) -> None:
        """Let everything happen up to and at an instant, as `step` does; `world` is told the time."""
        queue = self._queue
        while queue and queue[0][0] <= to_ns:
            now, _, _, event = heappop(queue)
            self._now = now
            world.now_ns = int(now)
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)
            if not event._ok and not event.defused:
                raise event._value


class World:
    """What the units of a plant share."""

    def __init__(
        self,
        physics: Physics,
        *,
        start_ns: int,
        entropy: Entropy,
        surroundings: Surroundings,
        truth: Truth,
        emit: Callable[[str, str, object], None],
        wants: Callable[[str, str], bool],
        lead: Lead | None = None,
    ) -> None:
        self.physics = physics
        self.env = Clockwork(initial_time=start_ns)
        self.now_ns = start_ns  # plant time of the event that is happening
        self.entropy = entropy
        self.surroundings = surroundings
        self.truth = truth
        self.emit = emit  # (unit, path, value) now
        self.wants = wants  # (unit, path): whether anybody would hear it
        self.orders = OrderList(physics.orders)
        self.lead = lead  # None: the plant works off its own list
        self.spaces: dict[str, Space] = {}
        self.tally = Tally()
        self.bad_lots_until_ns: dict[str, int] = {}  # injected, by unit
        self.keep_segments = True

    def run_to(self, to_ns: int) -> None:
        """Let everything happen that happens up to and at an instant."""
        self.env.run_to(to_ns, self)

    def take_out(self, space: Space, part: Part, unit: str, cause: str) -> None:
        """Let a person take a part out of a buffer before a unit, for good."""
        space.take_where(lambda each: each is part)
        self.tally.scrapped += 1
        self.truth.add(
            TruthTakenOut(unit=unit, at_ns=self.now_ns, serial=part.serial, order=part.job, cause=cause)
        )

    def call_at(self, at_ns: int, action: Callable[[], None]) -> None:
        """Do something at an instant that is not in the past of the flow."""
        event = self.env.timeout(max(0, at_ns - self.now_ns))
        assert event.callbacks is not None, "a new event has callbacks"
        event.callbacks.append(lambda _: action())


class Bell:
    """Tells units when their calendar begins and ends."""

    def __init__(self, world: World, calendar: Calendar, ring: Sequence[Callable[[bool], None]]) -> None:
        self._world = world
        self._calendar = calendar
        self._ring = ring
        world.env.process(self._run())

    def _run(self) -> Process:
        while True:
            now_ns = self._world.now_ns
            following_ns = self._calendar.next_change_ns(now_ns)
            if following_ns >= _NEVER_NS:
                return
            yield self._world.env.timeout(following_ns - now_ns)
            planned = self._calendar.planned(following_ns)
            for ring in self._ring:
                ring(planned)


class Worker(Protocol):
    """What crafts and segments need to know of a work unit."""

    name: str
    zone: str
    world: World
    physics: Unit
    activity: Activity
    cycle_ns: int
    chance: Random
    lots: dict[str, tuple[int, Any]]
    tool_number: int
    insert_times: float

    def say(self, path: str, value: object) -> None:
        """Report a value of this unit now."""
        ...

    def flag(self, path: str, value: object) -> None:
        """Report a value of this unit now, if it is another one than before."""
        ...

    def lot_in_hand(self, product: str) -> str:
        """Return the lot of which a lead had the unit take for this part; "" = nobody leads."""
        ...

    def task_in_hand(self) -> Task | None:
        """Return what a lead has the unit make now."""
        ...

    def tool_wear(self) -> float:
        """Return the wear of the tool, 0 to 1."""
        ...

    def bearing_severity(self) -> float:
        """Return how far a bearing is towards failure, 0 to 1."""
        ...
