"""Work instructions: released, withdrawn, read."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class ReleaseDocument(CommandData, frozen=True, kw_only=True):
    """Put the draft of a work instruction in force: from then on it is what the floor works by."""

    command_name: ClassVar[str] = "document.release"
    document: str
    digest: str  # of the draft that the person looked at
    effective_from_ns: int = 0  # 0: at once
    effective_to_ns: int = 0  # 0: until another revision


class WithdrawDocument(CommandData, frozen=True, kw_only=True):
    """Take a revision out of force: nobody works by it any more, nor by an older one."""

    command_name: ClassVar[str] = "document.withdraw"
    document: str
    revision: int
    cause: str


class AcknowledgeDocument(CommandData, frozen=True, kw_only=True):
    """Say that one has read a revision."""

    command_name: ClassVar[str] = "document.acknowledge"
    document: str
    revision: int
