"""One storm: a day is fed while processes are killed, networks cut and frozen, by a seed."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from tests.storm.real import check
from tests.storm.real.day import EVERY_MS, START, sayings, units_of
from tests.storm.real.feeder import DUPLICATED, WINDOW, Wishes
from tests.storm.real.house import ROOMS, House, until

KINDS = ("kill", "kill", "kill", "cut", "freeze")
VICTIMS = ("twin", "historian", "gateway", "broker")


@dataclass(frozen=True)
class Blow:
    """One thing that happens when the day has come to a place."""

    place: int
    kind: str  # kill | cut | freeze
    victim: str
    for_s: float  # wall


@dataclass
class Weather:
    """What a storm is made of; everything follows from the seed."""

    seed: int
    seconds: int = 1200
    pace: float = 800.0  # scans a second of wall time
    blows: list[Blow] = field(default_factory=list)
    duplicated: float = DUPLICATED
    window: int = WINDOW
    every_ms: int = EVERY_MS


def weather(
    seed: int, plant: Registry, *, seconds: int = 1200, blows: int = 8, pace: float = 800.0
) -> Weather:
    """Return a storm with so many blows; each victim is killed at least once if there are four or more."""
    chance = random.Random(f"weather {seed}")
    length = seconds * 1000 // EVERY_MS * len(units_of(plant))
    made = Weather(seed, seconds, pace)
    for number in range(blows):
        place = int(length * chance.uniform(0.05, 0.85))
        if number < len(VICTIMS):
            kind, victim = "kill", VICTIMS[number]
        else:
            kind = chance.choice(KINDS)
            victim = chance.choice(VICTIMS if kind == "kill" else ROOMS)
        made.blows.append(Blow(place, kind, victim, chance.uniform(0.0, 1.5)))
    made.blows.sort(key=lambda blow: blow.place)
    return made


class Storm:
    """A house in bad weather."""

    def __init__(self, house: House, sky: Weather) -> None:
        self.house = house
        self.sky = sky
        self.runs: list[check.Run] = []
        self.found = check.Facts()
        self._chance = random.Random(f"storm {sky.seed}")
        said = sayings(house.plant, seed=sky.seed, seconds=sky.seconds, every_ms=sky.every_ms)
        self._times_ns = [one.at_ns for one in said]

    async def _feed(self, start: int) -> None:
        start = min(start, len(self._times_ns) - 1)
        before_ns = self.runs[-1].wishes.epoch_ns if self.runs else 0
        epoch_ns = max(self._times_ns[start] - 500_000_000, before_ns + 1_000_000)
        wishes = Wishes(
            seed=self.sky.seed, seconds=self.sky.seconds, start=start, epoch_ns=epoch_ns, pace=self.sky.pace,
            folder=str(self.house.folder), run=len(self.runs), duplicated=self.sky.duplicated,
            window=self.sky.window, every_ms=self.sky.every_ms,
        )  # fmt: skip
        self.runs.append(check.Run(wishes, seen=start))
        await self.house.feed(wishes)

    def progress(self) -> tuple[int, bool]:
        """Return the place in the day up to which the gateway has offered, and whether all arrived."""
        run = self.runs[-1]
        path = self.house.folder / f"progress.{run.wishes.run}"
        words = path.read_text().split() if path.exists() else []
        if len(words) < 3:
            return run.seen, False
        run.seen = int(words[0])
        return run.seen, words[2] == "1"

    async def rage(self) -> None:
        """Feed the whole day; every blow falls at its place."""
        await asyncio.gather(*(self.house.start(name) for name in ("twin", "historian")))
        await self.house.bus()
        await until(lambda: {"twin", "historian"} <= self.house.health.keys(), within_s=60, why=self.account)
        await self._feed(0)
        healing: list[asyncio.Task[None]] = []
        for blow in self.sky.blows:
            await until(lambda b=blow: self._came_to(b.place), within_s=120, why=self.account)
            healing.append(asyncio.create_task(self._strike(blow)))
            await asyncio.sleep(0)
        await asyncio.gather(*healing)
        await until(lambda: self._came_to(1 << 60), within_s=120, why=self.account)

    def _came_to(self, place: int) -> bool:
        assert not self.house.died(), self.house.died()
        seen, finished = self.progress()
        return finished or seen >= place

    async def _strike(self, blow: Blow) -> None:
        house = self.house
        if blow.kind == "kill":
            down = not house.broker.alive if blow.victim == "broker" else blow.victim not in house.processes
            if down:
                return  # it is down already
            house.kills.append(blow.victim)
            seen = self.progress()[0]
            await house.kill(blow.victim)
            await asyncio.sleep(blow.for_s)
            if blow.victim == "broker":
                await house.revive_broker()
            elif blow.victim == "gateway":
                self.runs[-1].killed = True
                seen = max(seen, self.progress()[0])
                # What the machines said while nobody listened is gone; how much is up to the seed.
                await self._feed(seen + WINDOW + self._chance.randint(0, 120))
            else:
                await house.start(blow.victim)
        else:
            network = house.networks[blow.victim]
            if blow.kind == "cut":
                await network.cut()
                await asyncio.sleep(blow.for_s)
                await network.restore()
            else:
                network.freeze()
                await asyncio.sleep(blow.for_s * 3)
                network.thaw()

    def account(self) -> str:
        """Return how far it came, for a test that gave up."""
        logs = "\n".join(f"--- {name}\n{self.house.log_of(name)}" for name in ROOMS)
        return f"seed {self.sky.seed}, at {self.progress()}, killed {self.house.kills}\n{logs}"

    async def aftermath(self) -> list[str]:
        """Wait until everybody has caught up, and return in what the end differs from a calm day's."""
        house = self.house

        async def caught_up() -> bool:
            assert not house.died(), house.died()
            return await check.settled(house)

        await until(caught_up, within_s=120, why=self.account)
        self.found = await check.facts(house)
        return await check.differences(house, self.runs, self.found, now_ns=end_ns(self.sky))


def end_ns(sky: Weather) -> int:
    """Return an instant after the day."""
    return START + (sky.seconds + 600) * SECOND_NS


async def storm(
    plant: Registry, folder: Path, sky: Weather, *, modules: dict[str, str] | None = None, **environment: str
) -> list[str]:
    """Run a storm from beginning to end and return what is wrong afterwards."""
    async with House(plant, folder, now_ns=end_ns(sky)) as house:
        house.modules.update(modules or {})
        house.environment.update(environment)
        raging = Storm(house, sky)
        await raging.rage()
        return await raging.aftermath()
