"""Rows of what machines were told. Only the actions of this room write them."""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class MachineOrder(Row, frozen=True, kw_only=True):
    """A command to a machine, from being given to what came of it."""

    table: ClassVar[str] = "machine_orders"
    command: str
    name: str
    work_unit: str
    request: str
    job: str
    by: str  # who
    why: str
    deadline_ns: int
    given_ns: int
    content: str  # JSON of the command's own struct
    outcome: str  # "": not known yet
    place: str
    found: str
    right: str
    read_back: str  # JSON: list of contracts.events.ValueReadBack
    ended_ns: int


class LoadedParameter(Row, frozen=True, kw_only=True):
    """What a machine was told to hold last, and what it said that it holds."""

    table: ClassVar[str] = "loaded_parameters"
    place: str  # <work unit>/<signal>
    work_unit: str
    parameter: str
    job: str
    product: str
    wanted: float
    found: float | None
    same: bool
    unit_of_measure: str
    by: str
    at_ns: int
