"""A storm over the real gateway: a machine speaks SHDR over TCP, and the gateway itself is killed too.

The machine lives in the test and is never disturbed; it knows what it said and when each gateway began
to listen. From that follows exactly what a gateway could see: what stood when it came, and all that was
said until it was killed. Only the last moments before a kill may be missing, and only as a whole.

Not tried: broker and gateway killed within the few seconds for which a gateway keeps what was
acknowledged. The broker may then have forgotten what nobody is left to say again.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from taktwin.bus.forward import KEEP_S
from taktwin.clock import Clock, ScaledClock
from taktwin.faces.shdr import ShdrServer, line_of
from taktwin.instants import MILLISECOND_NS, SECOND_NS
from taktwin.plant.registry import Registry
from tests.storm.real import check
from tests.storm.real.check import Facts, Span
from tests.storm.real.day import START
from tests.storm.real.house import ROOMS, House, until
from tests.storm.real.storm import Blow

SPEED = 10.0  # a silence is 20 s of plant time, 2 s of the wall
AWAY_S = 2.5  # wall: longer than a silence, however fast a gateway comes back
TICK_S = 0.02
CONNECTION = "mazak"
TAIL_S = 5.0  # wall: how much of its last words a killed gateway may take with it
STATES = ("ACTIVE", "ACTIVE", "ACTIVE", "READY", "INTERRUPTED", "STOPPED")
VICTIMS = ("gateway", "twin", "broker", "historian")
Observation = tuple[str, int, Any]  # key, stamp, value


@dataclass(frozen=True)
class Listener:
    """A conversation that a gateway opened: what stood then, and the place from which it heard all."""

    place: int
    at_ns: int
    standing: frozenset[Observation]


class Machine(ShdrServer):
    """An adapter that remembers what it said and to whom."""

    def __init__(self, clock: Clock, seed: int) -> None:
        super().__init__("tcp://127.0.0.1:0")
        self._clock = clock
        self._chance = random.Random(f"machine {seed}")
        self.said: list[Observation] = []
        self.said_mono_ns: list[int] = []
        self.listeners: list[Listener] = []
        self._parts = 0
        self._stamp_ns = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.listen_to()
        await super()._serve(reader, writer)

    def listen_to(self) -> None:
        """Note that somebody listens from now on."""
        newest = {key: (key, at_ns, value) for key, at_ns, value in self.said}
        self.listeners.append(Listener(len(self.said), self._clock.now_ns(), frozenset(newest.values())))

    def speak(self) -> None:
        """Say what changed: always the program line, sometimes the state, a part, the spindle."""
        # Two moments of one millisecond would be one observation.
        self._stamp_ns = max(
            self._clock.now_ns() // MILLISECOND_NS * MILLISECOND_NS, self._stamp_ns + MILLISECOND_NS
        )
        chance = self._chance
        said: list[tuple[str, Any]] = [("line", len(self.said))]
        if chance.random() < 0.05 or not self.said:
            said.append(("execution", chance.choice(STATES)))
        if chance.random() < 0.1:
            self._parts += 1
            said.append(("PartCountAct", self._parts))
        if chance.random() < 0.5:
            said.append(("Srpm", chance.uniform(0.0, 4000.0)))
        self.said += [(key, self._stamp_ns, value) for key, value in said]
        self.said_mono_ns += [self._clock.monotonic_ns()] * len(said)
        self.say([line_of(self._stamp_ns, key, value) for key, value in said])


def blows_of(seed: int, *, ticks: int, more: int) -> list[Blow]:
    """Return a fall of each victim, the gateway twice, and some more, at places that the seed chooses.

    The first gateway that falls stays away for longer than a silence; all others come back at once.
    """
    chance = random.Random(f"live {seed}")
    victims = [*VICTIMS, "gateway", *(chance.choice(VICTIMS) for _ in range(more))]
    chance.shuffle(victims)
    # Apart from each other, so that a gateway is there when the next falls; the rest is chance.
    slot = 0.8 * ticks / len(victims)
    long = victims.index("gateway")
    return [
        Blow(
            int(0.1 * ticks + slot * (number + 0.5 * chance.random())),
            "kill",
            victim,
            chance.uniform(0, 1) + (AWAY_S if number == long else 0.0),
        )
        for number, victim in enumerate(victims)
    ]


@dataclass
class LiveStorm:
    """A house with a real gateway in bad weather."""

    house: House
    machine: Machine
    blows: list[Blow]
    ticks: int
    kills_ns: list[int] = field(default_factory=list)  # monotonic, of each gateway that was killed

    async def rage(self) -> None:
        """Let the machine speak while one after the other falls, then end the gateway in order."""
        house, machine = self.house, self.machine
        machine.speak()
        await asyncio.gather(*(house.start(name) for name in ROOMS))
        await house.bus()
        await until(lambda: set(ROOMS) <= house.health.keys(), within_s=60, why=self.account)
        await until(lambda: machine.listeners, within_s=30, why=self.account)
        healing: list[asyncio.Task[None]] = []
        waiting = list(self.blows)
        tick = 0
        while waiting or tick < self.ticks:
            while waiting and waiting[0].place <= tick and self._can_fall(waiting[0].victim):
                healing.append(asyncio.create_task(self._strike(waiting.pop(0))))
                await asyncio.sleep(0)
            machine.speak()
            await asyncio.sleep(TICK_S)
            tick += 1
            assert tick < self.ticks + 3000, f"{waiting} did not fall: {self.account()}"
            assert not house.died(), house.died()
        await asyncio.gather(*healing)
        lives = len(self.kills_ns) + 1
        await until(lambda: len(machine.listeners) >= lives, within_s=60, why=self.account)
        for _ in range(10):  # the last gateway hears something too
            machine.speak()
            await asyncio.sleep(TICK_S)
        heard = len(machine.said)
        await until(
            lambda: self._received() >= heard - machine.listeners[-1].place, within_s=60, why=self.account
        )
        await house.end("gateway")

    def _can_fall(self, victim: str) -> bool:
        """Return whether a victim stands; a gateway has to have heard something, or it is no life."""
        if victim == "broker":
            # A broker may forget what it acknowledged in its last moments, and the gateway says it again.
            # Two killed within these seconds are one fault too many: that is a declared limit.
            since_ns = self.house.clock.monotonic_ns() - (self.kills_ns[-1] if self.kills_ns else 0)
            return self.house.broker.alive and since_ns > (KEEP_S + 1) * SECOND_NS
        return victim in self.house.processes and (victim != "gateway" or self._received() > 0)

    def _received(self) -> int:
        health, process = self.house.health.get("gateway"), self.house.processes.get("gateway")
        if health is None or process is None or health.pid != process.pid:
            return 0
        return sum(each.received for each in health.connectors)

    async def _strike(self, blow: Blow) -> None:
        house = self.house
        if blow.victim == "broker":
            await house.kill("broker")
            await asyncio.sleep(blow.for_s)
            await house.revive_broker()
            return
        house.kills.append(blow.victim)
        if blow.victim == "gateway":
            self.kills_ns.append(house.clock.monotonic_ns())
        await house.kill(blow.victim)
        await asyncio.sleep(blow.for_s)
        await house.start(blow.victim)

    def account(self) -> str:
        """Return how far it came, for a test that gave up."""
        logs = "\n".join(f"--- {name}\n{self.house.log_of(name)}" for name in ROOMS)
        heard = f"{len(self.machine.said)} said, {len(self.machine.listeners)} listeners"
        return f"{heard}, killed {self.house.kills}\n{logs}"


def heard_of(found: Facts, plant: Registry) -> dict[int, list[Observation]]:
    """Return what each gateway (by its epoch, in order) put into the stream, in its order."""
    lives: dict[int, list[tuple[int, list[Observation]]]] = {}
    for (_, _, epoch_ns, number), scan in found.scans.items():
        observations = [
            (plant.signals[index].address, scan.t0_ns + dt_ns, value)
            for index, dt_ns, value in zip(scan.signals, scan.dt_ns, scan.values, strict=True)
        ]
        lives.setdefault(epoch_ns, []).append((number, observations))
    return {
        epoch_ns: [each for _, part in sorted(parts, key=lambda part: part[0]) for each in part]
        for epoch_ns, parts in sorted(lives.items())
    }


def misheard(machine: Machine, heard: dict[int, list[Observation]], kills_ns: list[int]) -> list[str]:
    """Return in words what a gateway did not hear though it could, or heard though nobody said it."""
    if len(heard) != len(machine.listeners) or len(heard) != len(kills_ns) + 1:
        return [f"{len(heard)} gateways, {len(machine.listeners)} conversations, {len(kills_ns)} kills"]
    wrong = []
    ends_ns = [*kills_ns, None]
    for number, (listener, observations, end_ns) in enumerate(
        zip(machine.listeners, heard.values(), ends_ns, strict=True)
    ):
        stood, said = observations[: len(listener.standing)], observations[len(listener.standing) :]
        if observations and set(stood) != listener.standing:
            wrong.append(f"gateway {number} heard {len(stood)} standing values, and not those that stood")
        due = machine.said[listener.place :]
        if said != due[: len(said)]:
            first = next(n for n, (a, b) in enumerate(zip(said, due, strict=False)) if a != b)
            wrong.append(f"gateway {number}, value {first}: {said[first]} where {due[first]} was said")
        missing = len(due) - len(said)
        if end_ns is None:
            if missing:
                wrong.append(f"the last gateway missed {missing} of {len(due)} values")
        elif missing and machine.said_mono_ns[listener.place + len(said)] < end_ns - TAIL_S * 1e9:
            late_s = (end_ns - machine.said_mono_ns[listener.place + len(said)]) / 1e9
            wrong.append(f"gateway {number}: what was said {late_s:.1f} s before its end is not there")
    return wrong


def gaps_of(found: Facts, machine: Machine, *, gap_ns: int) -> tuple[list[Span], list[Span]]:
    """Return where the machine's timeline must be unknown and where it may be: between two gateways.

    It must be from the last instant that a gateway told or vouched for to the first of the next one; it
    may be between what they vouched for.
    """
    told: dict[int, list[int]] = {}
    vouched: dict[int, list[int]] = {}
    for (_, _, epoch_ns, _), scan in found.scans.items():
        told.setdefault(epoch_ns, []).extend(scan.t0_ns + dt_ns for dt_ns in scan.dt_ns)
        if scan.as_of_ns is not None:
            vouched.setdefault(epoch_ns, []).append(scan.as_of_ns)
    epochs = sorted(told)
    must, may = [], [(0, min(vouched[epochs[0]]))]
    for (before, after), listener in zip(pairwise(epochs), machine.listeners[1:], strict=True):
        # What stood already when it came is older than its own knowledge.
        news = [at_ns for at_ns in told[after] if at_ns >= listener.at_ns]
        must.append((max(told[before] + vouched[before]), min(news + vouched[after])))
        may.append((max(vouched[before]), min(vouched[after])))
    may.append((max(vouched[epochs[-1]]), check.EVER_NS))
    return [(a, b) for a, b in must if b - a > gap_ns], may


async def live_storm(plant: Registry, folder: Path, seed: int, *, ticks: int, more: int = 0) -> list[str]:
    """Run a storm with a real gateway from beginning to end and return what is wrong afterwards."""
    async with House(plant, folder, now_ns=START, gateway="taktwin.processes.gateway", speed=SPEED) as house:
        base = house.installation
        clock = ScaledClock(epoch_ns=base.epoch_ns, wall_epoch_ns=base.wall_epoch_ns, speed=SPEED)
        machine = Machine(clock, seed)
        await machine.listen()
        house.endpoints[CONNECTION] = f"tcp://127.0.0.1:{machine.port}"
        storm = LiveStorm(house, machine, blows_of(seed, ticks=ticks, more=more), ticks)
        try:
            await storm.rage()
            return await aftermath(storm, clock)
        finally:
            await machine.drop()


async def aftermath(storm: LiveStorm, clock: ScaledClock) -> list[str]:
    """Wait until everybody has caught up, and return in what the end differs from a calm day's."""
    house = storm.house

    async def caught_up() -> bool:
        assert not house.died(), house.died()
        return await check.settled(house)

    await until(caught_up, within_s=120, why=storm.account)
    found = await check.facts(house)
    calm = check.undisturbed(house.plant, found, now_ns=clock.now_ns(), speed=SPEED)
    # The twin, too, has to have noticed that nobody speaks any more.
    quiet_ns = calm.newest_fact_ns() + 2 * calm.gap_ns
    await until(lambda: clock.now_ns() > quiet_ns, within_s=30, why=storm.account)
    calm.advance(clock.now_ns())
    (unit,) = {key[1] for key in found.scans}
    wrong = misheard(storm.machine, heard_of(found, house.plant), storm.kills_ns)
    spans = gaps_of(found, storm.machine, gap_ns=calm.gap_ns)
    if len(spans[0]) < 1:
        wrong.append("no gateway was away for long enough to leave a gap: the storm was too mild")
    return wrong + await check.unlike(house, calm, found, {unit: spans})
