"""Runs of a compiled plant: one on its own, or many side by side in threads.

`warm_up` compiles the kernel, or loads it from the cache of the checkout, and closes it: from then on
nothing compiles any more, and a call that would need it fails instead of holding up whoever asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from taktwin.simulation import kernel, maxplus, streams
from taktwin.simulation.compile import Compiled, compiled
from taktwin.simulation.distributions import Fixed
from taktwin.simulation.model import Plant, Product, Step, WorkCenter
from taktwin.simulation.state import State, fresh, roomier

UNLIMITED = 1 << 62
_WARMING = threading.Lock()
Answer = TypeVar("Answer")


def advance(
    plant: Compiled, state: State, *, until: int = kernel.TICKS_END, enough: int = UNLIMITED
) -> State:
    """Return the state moved on until a tick, or until that many jobs are done; it may be a larger one.

    Parameters
    ----------
    until : tick; events at that very tick are not worked off yet
    enough : jobs done since the beginning of the run, or since `State.forget`
    """
    assert until <= kernel.TICKS_END, "the keys of the tree have no room for later ticks"
    while True:
        why = kernel.simulate(*plant.arrays(), *state.arrays(), np.uint64(state.key), until, enough)
        if why != kernel.NO_ROOM:
            return state
        state = roomier(plant, state)


def replicate(
    plant: Compiled,
    answer: Callable[[int, State], Answer],
    *,
    seed: int,
    replications: Iterable[int],
    until_s: float,
    threads: int = 1,
) -> list[Answer]:
    """Return the answers of runs from the empty plant, in the sequence of the replications.

    `answer` sees the number of the replication and the state at its end, which is written over by the
    next run of the same thread: it must take out what it wants. The answers do not depend on `threads`.
    """
    numbers = list(replications)
    until = plant.plant.ticks(until_s)

    def some(mine: list[int]) -> list[Answer]:
        start = state = fresh(plant, seed=seed)
        answers = []
        for number in mine:
            if state.jobs != start.jobs:  # it ran out of places: begin with as many from now on
                start = fresh(plant, seed=seed, jobs=state.jobs)
            elif state is start:
                state = State(plant, start.jobs, start.key)
            state.become(start, streams.replication_key(seed, number))
            state = advance(plant, state, until=until)
            answers.append(answer(number, state))
        return answers

    if threads == 1 or len(numbers) < 2:
        return some(numbers)
    shares = [numbers[place::threads] for place in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(some, shares))
    return [found[place % threads][place // threads] for place in range(len(numbers))]


def warm_up() -> None:
    """Compile the kernel or load it, then let nothing compile any more; the second call costs nothing.

    Threads that come at once wait for the first: what one has closed another could not compile any more.
    """
    with _WARMING:
        _warm_up()


def _warm_up() -> None:
    plant = compiled(
        Plant((WorkCenter("a"),), (Product("p", (Step("s", "a", Fixed(1.0)),), arrivals=Fixed(2.0)),))
    )
    advance(plant, fresh(plant, seed=0), until=10_000)
    maxplus.departures(plant, 0, 1)
    for compiled_function in (kernel.simulate, kernel.line):
        compiled_function.disable_compile()
