"""The state of one run: all arrays in one buffer, so that a fork is one copy and a snapshot is bytes.

`as_json` and `from_json` carry a state through text and into another process without losing a bit:
every number in it is an integer.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from taktwin.errors import DomainError
from taktwin.simulation import kernel, streams
from taktwin.simulation.compile import Compiled

VERSION = 8


def _layout(plant: Compiled, jobs: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Return the arrays of a state in the sequence in which `kernel.simulate` takes them."""
    long = np.dtype(np.int64)
    return {
        "tree": (long, (2 * plant.leaves,)),
        "units": (kernel.UNIT_STATE, (len(plant.units),)),
        "modes": (kernel.MODE_STATE, (len(plant.modes),)),
        "centers": (kernel.CENTER_STATE, (len(plant.centers),)),
        "crews": (kernel.CREW_STATE, (len(plant.crew_people),)),
        "jobs": (kernel.JOB_STATE, (jobs,)),
        "run": (kernel.RUN_STATE, (1,)),
        "moves": (long, (jobs, 2)),
        "spent": (long, (len(plant.units), kernel.STATES)),
        "priced": (long, (len(plant.units), kernel.STATES)),
        "made": (kernel.PRODUCT_STATE, (len(plant.products),)),
        "ended": (long, (len(plant.order_names),)),
        "lots": (kernel.ORDER_STATE, (len(plant.order_names),)),
        "stock": (long, (len(plant.stock),)),
        "hands": (kernel.HAND_STATE, (len(plant.handed),)),
        "bound": (kernel.BOUND_STATE, (len(plant.shares),)),
    }


class State:
    """One run at one instant. Arrays are views into `buffer`; all times are ticks."""

    __slots__ = ("_arrays", "buffer", "jobs", "key", "plant")

    def __init__(self, plant: Compiled, jobs: int, key: int) -> None:
        """Lay out zeros; `fresh` and `from_json` fill them."""
        self.plant = plant
        self.jobs = jobs
        self.key = key
        layout = _layout(plant, jobs)
        sizes = [dtype.itemsize * math.prod(shape) for dtype, shape in layout.values()]
        self.buffer: npt.NDArray[np.uint8] = np.zeros(sum(sizes), np.uint8)
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        place = 0
        for (name, (dtype, shape)), size in zip(layout.items(), sizes, strict=True):
            self._arrays[name] = self.buffer[place : place + size].view(dtype).reshape(shape)
            place += size

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return an array by its name."""
        return self._arrays[name]

    def place(self, name: str) -> slice:
        """Return where in `buffer` an array lies."""
        names = list(self._arrays)
        first = sum(self._arrays[each].nbytes for each in names[: names.index(name)])
        return slice(first, first + self._arrays[name].nbytes)

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Return the arrays in the sequence in which `kernel.simulate` takes them."""
        return tuple(self._arrays.values())

    @property
    def now(self) -> int:
        """Return the tick at which the run stands."""
        return int(self["run"]["now"][0])

    @property
    def events(self) -> int:
        """Return how many events the run has worked off."""
        return int(self["run"]["events"][0])

    def become(self, other: State, key: int | None = None) -> None:
        """Take over another state of the same plant and size: the fork, one copy of memory.

        With `key` the run goes on with other random numbers than the original would.
        """
        self.buffer[:] = other.buffer
        self.key = other.key if key is None else key

    def copy(self, key: int | None = None) -> State:
        """Return a state of its own that is the same; with `key` it goes on with other random numbers."""
        copy = State.__new__(State)
        copy.plant = self.plant
        copy.jobs, copy.key = self.jobs, self.key if key is None else key
        copy.buffer = self.buffer.copy()
        copy._arrays = {}
        place = 0
        for name, array in self._arrays.items():
            copy._arrays[name] = np.ndarray(array.shape, array.dtype, copy.buffer, place)
            place += array.nbytes
        return copy

    def digest(self) -> str:
        """Return the hash of everything that the future of the run depends on, and of its past.

        It counts the places for jobs too: the same run with more of them has another digest.
        """
        return hashlib.blake2b(
            self.buffer.tobytes() + self.key.to_bytes(8, "little"), digest_size=16
        ).hexdigest()

    def forget(self) -> None:
        """Set what was counted so far to 0, as after a warm-up; what is going on stays.

        How many jobs of a product came stays too: parts and their arrivals draw their numbers by it.
        """
        self["spent"][:] = self["priced"][:] = 0
        self["made"]["late"] = self["made"]["late_ticks"] = self["made"]["flow"] = 0
        for name in ("done", "parts", "scrapped", "reworked", "lost", "bad"):
            self["made"][name] = 0
        self["run"]["done"] = self["run"]["in_work_ticks"] = 0
        self["centers"]["longest"] = self["centers"]["waiting"]

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON has it: lists by field, whole numbers only."""
        arrays = {
            name: {field: array[field].tolist() for field in array.dtype.names}
            if array.dtype.names
            else array.tolist()
            for name, array in self._arrays.items()
        }
        return {
            "version": VERSION, "keys": streams.VERSION, "plant": self.plant.digest(), "key": self.key,
            "jobs": self.jobs, "arrays": arrays,
        }  # fmt: skip


def columns_of(state: State) -> dict[str, npt.NDArray[Any]]:
    """Return views of all arrays by `array.field`; an array without fields by its name."""
    return {
        f"{name}.{field}" if field else name: array[field] if field else array
        for name, array in state._arrays.items()
        for field in array.dtype.names or ("",)
    }


def fresh(plant: Compiled, *, seed: int, replication: int = 0, jobs: int = 256) -> State:
    """Return an empty plant at time 0.

    Parameters
    ----------
    seed, replication : name the random numbers; the same pair is the same luck in every scenario
    jobs : places for jobs to begin with; a run that needs more gets more
    """
    state = State(plant, max(jobs, 2 * len(plant.units) + 16), streams.replication_key(seed, replication))
    state["tree"][:] = kernel.NEVER
    units = state["units"]
    for name in ("job", "next_blocked", "next_calling", "next_down", "next_in"):
        units[name] = -1
    units["state"] = kernel.OFF
    units["on"] = units["shift"] = plant.units["calendar"] < 0
    for name in ("head", "tail", "blocked_head", "blocked_tail"):
        state["centers"][name] = -1
    state["crews"]["free"] = plant.crew_people
    state["crews"]["on"] = plant.crew_calendars < 0
    state["lots"]["left"] = np.bincount(plant.orders["order"], minlength=len(plant.order_names))
    state["crews"]["head"] = state["crews"]["tail"] = -1
    run = state["run"]
    run["call_head"] = run["call_tail"] = -1
    run["operators"] = (1 << plant.operators) - 1
    run["present"] = run["operators"] & ~np.bitwise_or.reduce(plant.people, initial=np.uint64(0))
    state["modes"]["left"] = plant.modes["life"]
    state["ended"][:] = kernel.OPEN_ORDER
    state["stock"][:] = plant.stock
    state["hands"]["job_order"] = state["bound"]["unit"] = -1
    state["hands"]["since"] = kernel.FAR
    state["bound"]["left"] = _lots_to_come(plant)
    _link_free(state, 0)
    return state


def _lots_to_come(plant: Compiled) -> npt.NDArray[np.int64]:
    """Return for each job order how many lots the order has."""
    left = np.zeros(len(plant.shares), np.int64)
    if len(left):
        wholes, leads, lots = np.unique(plant.orders["whole"], return_index=True, return_counts=True)
        for whole, product, count in zip(wholes, plant.orders["product"][leads], lots, strict=True):
            if plant.bases[whole] != kernel.NO_BASE:
                first, last = plant.products["first"][product], plant.products["last"][product]
                left[plant.bases[whole] + first : plant.bases[whole] + last] = count
    return left


def _link_free(state: State, since: int) -> None:
    """Make the places for jobs from `since` on free, before those that are free already."""
    jobs = state["jobs"]
    jobs["next"][since:] = np.arange(since + 1, state.jobs + 1)
    jobs["next"][-1] = state["run"]["free"][0] if since else -1
    state["run"]["free"] = since
    state["run"]["free_count"] += state.jobs - since


def roomier(plant: Compiled, state: State) -> State:
    """Return the same state with twice the places for jobs."""
    more = State(plant, 2 * state.jobs, state.key)
    for name, array in state._arrays.items():
        more[name][: len(array)] = array
    _link_free(more, state.jobs)
    return more


def from_json(plant: Compiled, document: Mapping[str, Any]) -> State:
    """Return a state that `as_json` wrote, for the same plant.

    Raises
    ------
    DomainError
        If it is of another version, of another key contract, or of another plant.
    """
    found = (document.get("version"), document.get("keys"))
    if found != (VERSION, streams.VERSION):
        raise DomainError(
            f"snapshot of version {found[0]}, keys {found[1]}: expected {VERSION}, {streams.VERSION}"
        )
    theirs, ours = document.get("plant"), plant.digest()
    if theirs != ours:
        raise DomainError(f"snapshot of the plant {theirs}: expected {ours}, the plant it is read for")
    state = State(plant, int(document["jobs"]), int(document["key"]))
    for name, array in state._arrays.items():
        given = document["arrays"][name]
        columns = {name: array[name] for name in array.dtype.names} if array.dtype.names else {"": array}
        for field, column in columns.items():
            values = np.array(given[field] if field else given, dtype=column.dtype).reshape(-1)
            if values.size != column.size:
                raise DomainError(f"snapshot: {values.size} of {name}.{field}, this plant has {column.size}")
            column[...] = values.reshape(column.shape)
    return state
