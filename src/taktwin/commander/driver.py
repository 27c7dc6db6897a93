"""The port to machines that take commands: a driver is one way of telling them something.

A driver is asked only for what the plant folder permits, for one command of a work unit at a time, and
never twice for the same command. It returns what the machine said, or raises one of three errors that
keep apart what is known: nothing was sent, the machine said no, or it did not answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from taktwin.contracts.machine_commands import MachineCommand, MachineData, ReadBack


class MachineAway(Exception):
    """The machine could not be reached: nothing was sent."""


class MachineSilent(Exception):
    """Something was sent and no answer came: what the machine did is not known."""


class MachineRefused(Exception):
    """The machine said no."""

    def __init__(self, place: str, status: str, right: str, values: tuple[ReadBack, ...] = ()) -> None:
        super().__init__(f"{place}: {status}")
        self.place = place
        self.status = status
        self.right = right
        self.values = values


@dataclass(frozen=True, slots=True)
class Carried:
    """What a machine said to a command that it took."""

    values: tuple[ReadBack, ...] = ()  # one that is not the same makes the command `differs`
    status: str = ""
    returned: dict[str, Any] = field(default_factory=dict)


class Driver(Protocol):
    """One way of telling machines something."""

    @property
    def carries(self) -> tuple[type[MachineData], ...]:
        """Return the kinds of commands that it carries, subclasses included."""
        ...

    async def carry(self, command: MachineCommand, wish: MachineData) -> Carried:
        """Tell the machine. Raises MachineAway, MachineSilent or MachineRefused."""
        ...
