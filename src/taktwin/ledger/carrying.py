"""How the MES says what became of a command: which event is its end, and which gives it up. Pure.

A class whose command is not here is done once the MES has taken it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MesFact:
    """An event of the MES, as far as the ledger looks at it."""

    event_type: str
    subject: str
    at_ns: int
    correlation: str  # id of the command that it came of
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """The end of what a command began: events about the same subject."""

    done: str
    given_up: tuple[str, ...]


WAYS: dict[str, CarriedOut] = {
    "maintenance.request": CarriedOut("maintenance.order.completed", ("maintenance.order.aborted",)),
}
# What a proof may rest on. Few, because the ledger remembers an hour of them.
WATCHABLE = (
    "tool.mounted", "tool.dismounted", "tool.serviced",
    "maintenance.order.opened", "maintenance.order.completed", "maintenance.order.aborted",
    "schedule.published", "operations.request.changed", "operations.request.cancelled",
    "job.order.updated", "job.order.revoked", "job.order.started", "job.order.ended", "job.order.aborted",
    "job.order.cancelled", "job.order.split", "job.order.merged",
)  # fmt: skip
