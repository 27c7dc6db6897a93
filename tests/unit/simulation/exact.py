"""Exact results of queueing theory: formulas and chains solved to the last digit, each with its source."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np


def erlang_c(arrivals: float, service: float, servers: int) -> float:
    """Return the probability of waiting in M/M/c."""
    load = arrivals / service
    terms = sum(load**k / math.factorial(k) for k in range(servers))
    last = load**servers / math.factorial(servers) / (1 - load / servers)
    return last / (terms + last)


def mmc_time(arrivals: float, service: float, servers: int) -> float:
    """Return the mean time in an M/M/c system."""
    return erlang_c(arrivals, service, servers) / (servers * service - arrivals) + 1 / service


def pollaczek_khinchine(arrivals: float, mean: float, second_moment: float) -> float:
    """Return the mean time in an M/G/1 system."""
    return arrivals * second_moment / 2 / (1 - arrivals * mean) + mean


def closed_network(jobs: int, demands: Sequence[float]) -> float:
    """Return the throughput of a closed network of single servers: exact mean value analysis."""
    work, queues, throughput = np.array(demands), np.zeros(len(demands)), 0.0
    for n in range(1, jobs + 1):
        times = work * (1 + queues)
        throughput = n / float(times.sum())
        queues = throughput * times
    return throughput


def repairman(machines: int, crews: int, to_failure: float, repair: float) -> float:
    """Return the availability of machines that share crews: a chain of births and deaths."""
    chances = [1.0]
    for broken in range(machines):
        rate = (machines - broken) / to_failure / (min(broken + 1, crews) / repair)
        chances.append(chances[-1] * rate)
    weights = np.array(chances) / sum(chances)
    return float(1 - (weights * np.arange(machines + 1)).sum() / machines)


def two_machines(first: float, second: float, buffer: int) -> float:
    """Return the throughput of two exponential machines, blocked after service: M/M/1/(N+2)."""
    weights = np.array([(first / second) ** n for n in range(buffer + 3)])
    return float(first * (1 - weights[-1] / weights.sum()))


def stationary(
    states: Sequence[Hashable], rates: Callable[[Hashable], Iterable[tuple[Hashable, float]]]
) -> dict[Hashable, float]:
    """Return the stationary probabilities of a chain in continuous time."""
    place = {state: k for k, state in enumerate(states)}
    flow = np.zeros((len(states), len(states)))
    for state in states:
        for then, rate in rates(state):
            flow[place[state], place[then]] += rate
            flow[place[state], place[state]] -= rate
    system = np.vstack([flow.T, np.ones(len(states))])
    right = np.zeros(len(states) + 1)
    right[-1] = 1
    return dict(zip(states, np.linalg.lstsq(system, right, rcond=None)[0], strict=True))


def two_unreliable(
    rates: tuple[float, float], fails: tuple[float, float], repairs: tuple[float, float], buffer: int
) -> float:
    """Return the throughput of two unreliable exponential machines that fail while they work.

    Source: Gershwin and Berman 1981; n counts the parts past the first and not yet past the second machine.
    """
    states = [(n, a, b) for n in range(buffer + 3) for a in (0, 1) for b in (0, 1)]

    def out(state: Hashable) -> Iterable[tuple[Hashable, float]]:
        n, a, b = state  # type: ignore[misc]
        if a and n < buffer + 2:
            yield (n + 1, a, b), rates[0]
            yield (n, 0, b), fails[0]
        if not a:
            yield (n, 1, b), repairs[0]
        if b and n > 0:
            yield (n - 1, a, b), rates[1]
            yield (n, a, 0), fails[1]
        if not b:
            yield (n, a, 1), repairs[1]

    chances = stationary(states, out)
    return sum(p * rates[1] for (n, a, b), p in chances.items() if b and n > 0)  # type: ignore[misc]


def deterministic_line(fails: tuple[float, float], repairs: tuple[float, float], storage: int) -> float:
    """Return the parts a cycle of two machines of one cycle time that fail and are mended by whole cycles.

    Source: Buzacott 1967; Gershwin 1994, chapter 3. A machine that can work fails with `fails` at the
    beginning of a cycle, one that is down is up again with `repairs`; `storage` counts the part in the second
    machine and the one that the first cannot hand over. The chain is solved as it is.
    """
    chances = deterministic_chain(fails, repairs, storage)
    works = {
        state: sum(p for then, p in _cycle(state, fails, repairs, storage) if then[3]) for state in chances
    }
    return sum(p * works[state] for state, p in chances.items())


Line = tuple[int, int, int]  # parts in store, first up, second up


def deterministic_chain(
    fails: tuple[float, float], repairs: tuple[float, float], storage: int
) -> dict[Line, float]:
    """Return the probabilities of (parts in store, first up, second up) at the end of a cycle."""
    states: list[Line] = [(n, a, b) for n in range(storage + 1) for a in (0, 1) for b in (0, 1)]

    def out(state: Hashable) -> Iterable[tuple[Hashable, float]]:
        for then, chance in _cycle(state, fails, repairs, storage):  # type: ignore[arg-type]
            yield then[:3], chance

    return stationary(states, out)  # type: ignore[return-value]


def _cycle(
    state: Line, fails: tuple[float, float], repairs: tuple[float, float], storage: int
) -> Iterable[tuple[tuple[int, int, int, int], float]]:
    """Return what a cycle may lead to: store, first up, second up, whether a part left; with its chance."""
    n, *up = state
    able = (n < storage, n > 0)
    for a in (0, 1):
        for b in (0, 1):
            chance = 1.0
            for machine, then in enumerate((a, b)):
                if up[machine]:
                    falls = fails[machine] if able[machine] else 0.0
                    chance *= 1 - falls if then else falls
                else:
                    chance *= repairs[machine] if then else 1 - repairs[machine]
            if chance > 0:
                made, left = a and able[0], b and able[1]
                yield (n + made - left, a, b, int(left)), chance
