"""The models of the benchmark in SimPy, in its natural fast form: one process a machine, `random`, no extras.

Times are in units of the model; P1 counts in minutes. Each function returns what it simulated, so that the
kernel's answer can be laid beside it. `reference_plant` describes P1 for both.
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from typing import Any

import simpy

Process = Generator[Any, Any, Any]

MM1 = 0.8, 1.0  # rates of arrival and service
LINE, BUFFER, MTTF, MTTR, CV = 10, 5, 100.0, 10.0, 0.5
MACHINES = (2, 2, 3, 2, 1, 2)
MEANS = (1.0, 0.7, 1.1, 0.9, 0.5, 0.8)
ROUTES = {"A": (0, 1, 3, 1, 4, 5), "B": (0, 2, 1, 2, 5), "C": (1, 2, 3, 0, 3, 4, 5)}
RATES = {"A": 0.58, "B": 0.57, "C": 0.52}


def logarithmic(mean: float, cv: float) -> tuple[float, float]:
    """Return the two parameters of a lognormal as `random` takes them."""
    variance = math.log(1 + cv * cv)
    return math.log(mean) - variance / 2, math.sqrt(variance)


def single_server(customers: int, seed: int) -> float:
    """Return the mean time in an M/M/1 system: a process for each customer."""
    chance = random.Random(seed).expovariate
    world = simpy.Environment()
    server = simpy.Resource(world, 1)
    total = 0.0

    def customer() -> Process:
        nonlocal total
        came = world.now
        with server.request() as turn:
            yield turn
            yield world.timeout(chance(MM1[1]))
        total += world.now - came

    def source() -> Process:
        for _ in range(customers):
            yield world.timeout(chance(MM1[0]))
            world.process(customer())

    world.process(source())
    world.run()
    return total / customers


def line(parts: int, seed: int) -> float:
    """Return the throughput of a saturated line with buffers, blocking and failures while working."""
    draw = random.Random(seed)
    world = simpy.Environment()
    buffers = [simpy.Store(world, BUFFER) for _ in range(LINE - 1)]
    done, finished = 0, world.event()
    mu, sigma = logarithmic(1.0, CV)

    def machine(place: int) -> Process:
        nonlocal done
        before = buffers[place - 1] if place else None
        after = buffers[place] if place < LINE - 1 else None
        to_failure = draw.expovariate(1 / MTTF)
        while True:
            part = (yield before.get()) if before is not None else world.now
            work = draw.expovariate(1.0) if place % 2 == 0 else draw.lognormvariate(mu, sigma)
            while work > to_failure:
                yield world.timeout(to_failure)
                work -= to_failure
                yield world.timeout(draw.expovariate(1 / MTTR))
                to_failure = draw.expovariate(1 / MTTF)
            yield world.timeout(work)
            to_failure -= work
            if after is not None:
                yield after.put(part)
            else:
                done += 1
                if done == parts:
                    finished.succeed()

    for place in range(LINE):
        world.process(machine(place))
    world.run(until=finished)
    return parts / float(world.now)


def shop(jobs: int, seed: int) -> float:
    """Return the mean flow time of a job shop with three re-entrant routes."""
    chance = random.Random(seed).expovariate
    world = simpy.Environment()
    groups = [simpy.Resource(world, machines) for machines in MACHINES]
    total, done = 0.0, 0

    def job(route: tuple[int, ...]) -> Process:
        nonlocal total, done
        came = world.now
        for group in route:
            with groups[group].request() as turn:
                yield turn
                yield world.timeout(chance(1 / MEANS[group]))
        total += world.now - came
        done += 1

    def source(name: str) -> Process:
        for _ in range(int(jobs * RATES[name] / sum(RATES.values()))):
            yield world.timeout(chance(RATES[name]))
            world.process(job(ROUTES[name]))

    for name in ROUTES:
        world.process(source(name))
    world.run()
    return total / done


def reference_plant(seed: int = 7, orders: int = 560) -> dict[str, Any]:
    """Return P1, minutes: 25 machines in 10 groups, 8 products, a week of orders, two shifts, 17 people."""
    draw = random.Random(seed)
    names = ("saw", "turn", "mill", "drill", "grind", "heat", "wash", "weld", "assembly", "test")
    machines = (2, 4, 4, 2, 2, 2, 1, 3, 3, 2)
    limits = (None, None, None, 6, 6, None, 4, None, None, None)
    rules = ("fifo", "setup", "setup", "fifo", "due", "due", "fifo", "due", "due", "due")
    skills = (0, 1, 1, 0, 1, -1, -1, 2, 3, 3)
    groups = [
        {
            "name": name,
            "machines": m,
            "limit": limit,
            "rule": rule,
            "mttf": 2400.0,
            "shape": 1.6,
            "mttr": 75.0,
        }
        for name, m, limit, rule in zip(names, machines, limits, rules, strict=True)
    ]
    groups[6]["mttf"] = 4800.0
    routes = (
        (0, 1, 2, 6, 8, 9), (0, 1, 3, 4, 6, 9), (0, 2, 3, 5, 4, 6, 8, 9), (1, 2, 1, 4, 6, 9),
        (0, 7, 2, 6, 8, 9), (0, 1, 2, 5, 4, 2, 6, 8, 9), (7, 2, 3, 6, 8, 9), (1, 3, 5, 4, 9),
    )  # fmt: skip
    minutes = (1.0, 3.6, 4.2, 1.6, 2.4, 2.0, 0.6, 3.2, 3.4, 1.5)
    products = []
    for number, route in enumerate(routes):
        steps = [
            {
                "group": group,
                "mean": minutes[group] * draw.uniform(0.7, 1.3),
                "family": number % 4 if group in (1, 2, 7) else -1,
                "skill": skills[group],
                "move": draw.choice([5, 10, 15]),
                "good": 1.0,
                "rework": -1,
            }
            for group in route
        ]
        steps[-1].update(good=0.96, rework=max(0, len(route) - 3))
        products.append(steps)
    people = [
        {0}, {0, 1}, {0}, {1}, {1}, {1, 2}, {1}, {1}, {1}, {2}, {2}, {2, 3}, {3}, {3}, {3, 0}, {1}, {1},
    ]  # fmt: skip
    day, horizon = 1440, 7 * 1440
    made = [
        {"release": draw.uniform(0, horizon * 5 / 7 * 0.9), "product": draw.randrange(8),
         "quantity": draw.choice([4, 6, 8, 10, 14])}
        for _ in range(orders)
    ]  # fmt: skip
    made.sort(key=lambda order: order["release"])
    for order in made:
        order["due"] = order["release"] + draw.uniform(1.0, 3.0) * day
    return {
        "groups": groups, "products": products, "people": people, "orders": made, "horizon": horizon,
        "cv": 0.2, "setup": [[0 if a == b else 12 + 8 * abs(a - b) for b in range(4)] for a in range(4)],
        "shifts": [(d * day + 360, d * day + 1320) for d in range(5)],
    }  # fmt: skip


class WeekOfP1:
    """One week of P1 in SimPy; `run` returns orders done, late, their flow in hours, and reworks."""

    def __init__(self, plant: dict[str, Any], seed: int) -> None:
        """Build the plant's machines and people."""
        self.plant = plant
        self.draw = random.Random(seed)
        self.world = simpy.Environment()
        self.groups = [{**group, "queue": [], "idle": [], "blocked": []} for group in plant["groups"]]
        self.people = simpy.FilterStore(self.world)
        self.people.items.extend(range(len(plant["people"])))
        self.able = [
            {place for place, skills in enumerate(plant["people"]) if skill in skills} for skill in range(4)
        ]
        self.edges = [edge for shift in plant["shifts"] for edge in shift]
        self.done, self.late, self.flow, self.reworks = 0, 0, 0.0, 0
        mu, self.sigma = logarithmic(1.0, plant["cv"])
        self.mu = mu

    def run(self) -> tuple[int, int, float, int]:
        """Simulate the week."""
        for group in self.groups:
            for _ in range(group["machines"]):
                self.world.process(self.machine(group))
        self.world.process(self.release())
        self.world.run(until=self.plant["horizon"])
        return self.done, self.late, self.flow / self.done / 60, self.reworks

    def shift(self) -> tuple[bool, float]:
        """Return whether it is on, and how long until that turns."""
        week = self.plant["horizon"]
        phase = self.world.now % week
        for place, edge in enumerate(self.edges):
            if phase < edge:
                return place % 2 == 1, edge - phase
        return False, week - phase + self.edges[0]

    def working(self, minutes: float) -> Process:
        """Spend minutes of shift time."""
        while True:
            is_on, rest = self.shift()
            if is_on and minutes <= rest:
                yield self.world.timeout(minutes)
                return
            yield self.world.timeout(rest)
            if is_on:
                minutes -= rest

    def step(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the step that a job is at."""
        found: dict[str, Any] = self.plant["products"][job["product"]][job["step"]]
        return found

    def take(self, group: dict[str, Any], family: int) -> dict[str, Any]:
        """Take the next job from a queue and let a blocked machine move up."""
        queue = group["queue"]
        if group["rule"] == "fifo":
            place = 0
        elif group["rule"] == "due":
            place = min(range(len(queue)), key=lambda k: queue[k]["due"])
        else:
            row = self.plant["setup"][max(family, 0)]

            def takes(k: int) -> int:
                wanted = self.step(queue[k])["family"]
                return 0 if wanted == family else int(row[wanted])

            place = min(range(len(queue)), key=takes)
        job: dict[str, Any] = queue.pop(place)
        if group["blocked"]:
            other, gone = group["blocked"].pop(0)
            queue.append(other)
            gone.succeed()
        return job

    def enter(self, job: dict[str, Any], waits: bool = True) -> Any:
        """Bring a job to its group; return an event to wait for if its machine is blocked."""
        group = self.groups[self.step(job)["group"]]
        if group["idle"]:
            group["idle"].pop(0).succeed(job)
        elif not waits or group["limit"] is None or len(group["queue"]) < group["limit"]:
            group["queue"].append(job)
        else:
            gone = self.world.event()
            group["blocked"].append((job, gone))
            return gone
        return None

    def move(self, job: dict[str, Any], minutes: float) -> Process:
        """Carry a job to its next group."""
        yield self.world.timeout(minutes)
        self.enter(job, waits=False)

    def next_job(self, group: dict[str, Any], family: int) -> Process:
        """Wait for a job, in shifts only."""
        is_on, rest = self.shift()
        if not is_on:
            yield self.world.timeout(rest)
        if group["queue"]:
            return self.take(group, family)
        wake = self.world.event()
        group["idle"].append(wake)
        while True:
            _, rest = self.shift()
            got = yield wake | self.world.timeout(rest)
            if wake in got:
                return wake.value
            if wake in group["idle"]:
                group["idle"].remove(wake)
            yield self.world.timeout(self.shift()[1])
            if group["queue"]:
                return self.take(group, family)
            group["idle"].append(wake)

    def machine(self, group: dict[str, Any]) -> Process:
        """Work for ever."""
        family = -1
        to_failure = self.lifetime(group)
        while True:
            job = yield from self.next_job(group, family)
            step = self.step(job)
            operator = None
            if step["skill"] >= 0:
                able = self.able[step["skill"]]
                operator = yield self.people.get(lambda who, able=able: who in able)
            if step["family"] >= 0 and step["family"] != family:
                setup = self.plant["setup"][max(family, 0)][step["family"]]
                family = step["family"]
                if setup:
                    yield from self.working(setup)
            work = step["mean"] * self.draw.lognormvariate(self.mu, self.sigma) * job["quantity"]
            while work > to_failure:
                yield from self.working(to_failure)
                work -= to_failure
                yield from self.working(self.draw.expovariate(1 / group["mttr"]))
                to_failure = self.lifetime(group)
            yield from self.working(work)
            to_failure -= work
            if operator is not None:
                yield self.people.put(operator)
            blocked = self.pass_on(job, step)
            if blocked is not None:
                yield blocked

    def lifetime(self, group: dict[str, Any]) -> float:
        """Draw a working time to failure."""
        return float(group["mttf"] * (-math.log(1 - self.draw.random())) ** (1 / group["shape"]))

    def pass_on(self, job: dict[str, Any], step: dict[str, Any]) -> Any:
        """Send a job on its way after a step; return an event to wait for if its machine is blocked."""
        follows = job["step"] + 1
        if step["good"] < 1 and self.draw.random() > step["good"]:
            follows = step["rework"]
            self.reworks += 1
        if follows == len(self.plant["products"][job["product"]]):
            self.done += 1
            self.flow += self.world.now - job["came"]
            self.late += self.world.now > job["due"]
            return None
        job["step"] = follows
        if step["move"]:
            self.world.process(self.move(job, step["move"]))
            return None
        return self.enter(job)

    def release(self) -> Process:
        """Release the orders when their time has come."""
        for order in self.plant["orders"]:
            if order["release"] > self.world.now:
                yield self.world.timeout(order["release"] - self.world.now)
            self.enter({**order, "step": 0, "came": self.world.now}, waits=False)
