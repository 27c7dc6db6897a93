"""What may be asked of an owner who can change something, the MES: a module for each function.

A `Command` says who asks, why, and which version of the thing they saw; its id makes asking twice
harmless. The `Answer` is the fact that came of it, or why not, with what would be right. Words of
job control are those of the standard (`standards.job_control`). A new command is one class in the
module of its function: it is in the catalogue by that.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from taktwin.contracts.commands.accounts import *
from taktwin.contracts.commands.assets import *
from taktwin.contracts.commands.checklists import *
from taktwin.contracts.commands.collection import *
from taktwin.contracts.commands.definitions import *
from taktwin.contracts.commands.documents import *
from taktwin.contracts.commands.envelope import *
from taktwin.contracts.commands.execution import *
from taktwin.contracts.commands.importing import *
from taktwin.contracts.commands.late import *
from taktwin.contracts.commands.maintenance import *
from taktwin.contracts.commands.performance import *
from taktwin.contracts.commands.proving import *
from taktwin.contracts.commands.quality import *
from taktwin.contracts.commands.records import *
from taktwin.contracts.commands.resources import *
from taktwin.contracts.commands.scheduling import *
from taktwin.contracts.commands.stock import *
from taktwin.contracts.commands.tooling import *
from taktwin.contracts.commands.tracking import *


def _named(kind: type[CommandData]) -> Iterator[type[CommandData]]:
    """Yield a kind of command, unless it is a base, and those that are made from it."""
    if hasattr(kind, "command_name"):
        yield kind
    for below in kind.__subclasses__():
        yield from _named(below)


CATALOGUE: dict[str, type[CommandData]] = {kind.command_name: kind for kind in _named(CommandData)}

_encoder = msgspec.json.Encoder()
_commands = msgspec.json.Decoder(Command)
_answers = msgspec.json.Decoder(Answer)


def encode(document: Command | Answer | ImportReport | SyncReport) -> bytes:
    """Return the JSON of a command, an answer or a report."""
    return _encoder.encode(document)


def decode(payload: bytes) -> Command:
    """Return the command of a payload. Raises msgspec.DecodeError where it is none."""
    return _commands.decode(payload)


def decode_answer(payload: bytes) -> Answer:
    """Return the answer of a payload. Raises msgspec.DecodeError where it is none."""
    return _answers.decode(payload)


def make(content: CommandData, *, command_id: str, actor: str, actor_type: str = "human",
         reason: str = "", on_behalf_of: str = "") -> Command:  # fmt: skip
    """Return the command of some content."""
    return Command(
        id=command_id, name=content.command_name, actor=actor, actor_type=actor_type, reason=reason,
        on_behalf_of=on_behalf_of,
        data=msgspec.Raw(msgspec.json.encode(content)),
    )  # fmt: skip
