"""The families of what can go wrong, each with its own way out.

*Our mistake*: `assert` with what was believed, or `DomainError` from a calculation; it crashes.
*The world fails* (socket, disk, peer): a `WorldError`; the service backs off and shows it.
*Bad configuration*: a `ConfigError` that names file, line, field, what was found and what is right.
*Bad input* at run time is no exception at all but a value: see `contracts.quarantine.Rejection`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class TaktwinError(Exception):
    """Anything that taktwin itself raises."""


class DomainError(TaktwinError):
    """A calculation was asked something that cannot be true, such as a second counted twice."""


class Refusal(DomainError):
    """A question that cannot be answered as it is: where, what was found there, what would be right."""

    def __init__(self, place: str, found: str, right: str) -> None:
        super().__init__(f"{place}: {found}: expected {right}")
        self.place = place
        self.found = found
        self.right = right


class WorldError(TaktwinError):
    """The world around us failed: socket, disk, peer. Worth a retry with back-off."""


class BusError(WorldError):
    """The backbone is away or refused something."""


class PermissionRefused(BusError):
    """The backbone refused a subject to this account: never worth a retry."""


class StoreError(WorldError):
    """A store on disk is away, full or damaged."""


class ConnectError(WorldError):
    """A machine, a server or a broker cannot be reached or ended the conversation."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file that a person wrote: where, what was found, what would be right."""

    file: str
    line: int
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field} = {self.found}: expected {self.expected}"


@dataclass
class ConfigError(TaktwinError):
    """One or more mistakes in configuration; its text has a line for each of them."""

    mistakes: list[Mistake] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)
