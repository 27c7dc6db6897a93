"""Forks as Arrow: a row a state, a column for each field of its arrays, so that tools can look into them.

The way back loses no bit: every number is a whole one, and keeps its width. One table holds many forks, of
one plant, whatever their places for jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taktwin.errors import DomainError
from taktwin.simulation import streams
from taktwin.simulation.compile import Compiled
from taktwin.simulation.state import VERSION, State, columns_of


def _about(plant: Compiled) -> dict[bytes, bytes]:
    told = {"state": str(VERSION), "keys": str(streams.VERSION), "plant": plant.digest()}
    return {f"taktwin.{name}".encode(): value.encode() for name, value in told.items()}


def to_arrow(states: Sequence[State]) -> pa.Table:
    """Return forks of one plant as a table: `key`, `jobs`, and lists of all places by `array.field`.

    Raises
    ------
    DomainError
        If there is none, for nobody would know its columns, or if they are of several plants.
    """
    if not states:
        raise DomainError("no state: expected one at least")
    about = _about(states[0].plant)
    if any(_about(state.plant) != about for state in states[1:] if state.plant is not states[0].plant):
        raise DomainError("forks of several plants: expected those of one")
    rows = [columns_of(state) for state in states]
    lists: Any = pa.ListArray.from_arrays
    columns: dict[str, Any] = {
        "key": pa.array([state.key for state in states], pa.uint64()),
        "jobs": pa.array([state.jobs for state in states], pa.int64()),
    }
    for name in rows[0]:
        parts = [row[name].reshape(-1) for row in rows]
        ends = np.cumsum([0, *(len(part) for part in parts)]).astype(np.int32)
        columns[name] = lists(ends, pa.array(np.concatenate(parts)))
    return pa.table(columns).replace_schema_metadata(about)


def from_arrow(plant: Compiled, table: pa.Table) -> list[State]:
    """Return the forks of a table, for the same plant.

    Raises
    ------
    DomainError
        If they are of another version, of another key contract, or not of this plant.
    """
    about = table.schema.metadata or {}
    expected = _about(plant)
    found = {name: about.get(name, b"none") for name in expected}
    if found != expected:
        said = ", ".join(f"{name.decode()} {value.decode()}" for name, value in found.items())
        right = ", ".join(f"{name.decode()} {value.decode()}" for name, value in expected.items())
        raise DomainError(f"forks of {said}: expected {right}")
    states = [
        State(plant, int(jobs), int(key))
        for jobs, key in zip(
            _column(table, "jobs").to_pylist(), _column(table, "key").to_pylist(), strict=True
        )
    ]
    for place, state in enumerate(states):
        for name, array in columns_of(state).items():
            _fill(array, _column(table, name)[place].values, name)
    return states


def _column(table: pa.Table, name: str) -> Any:
    if name not in table.column_names:
        raise DomainError(f"forks without {name}: expected each column that `to_arrow` writes")
    return table.column(name)


def _fill(array: npt.NDArray[Any], given: Any, name: str) -> None:
    if given.type != pa.from_numpy_dtype(array.dtype):
        raise DomainError(f"{name}: {given.type}, expected {array.dtype}")
    if len(given) != array.size:
        raise DomainError(f"{name}: {len(given)} places, this plant has {array.size}")
    array[...] = given.to_numpy(zero_copy_only=False).reshape(array.shape)
