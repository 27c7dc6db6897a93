"""What every command and every answer has in common."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from taktwin.contracts.mistake import Mistake


class CommandData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all command data; a subclass names its command once."""

    command_name: ClassVar[str]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a command."""

    id: str  # made by whoever asks: asking again under the same id changes nothing
    name: str
    actor: str
    actor_type: str = "human"  # human | service | ai
    on_behalf_of: str = ""  # the person who stands at the terminal that asks; must be logged on
    reason: str = ""
    reach: list[str] | None = None  # parts of the plant in which the actor may ask this; None: everywhere
    data: msgspec.Raw  # JSON of the command's own struct


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a command. Refused: place, found and right say why; `current` is what another
    person made of the thing meanwhile, and `changed_by` who."""

    accepted: bool
    status: int = 0  # job control's ReturnStatus, where a method was called
    code: str = ""  # unknown | state | conflict | invalid | not_ready | denied
    place: str = ""
    found: str = ""
    right: str = ""
    sequence: int = 0  # of the last event that came of it
    events: list[str] = []  # types of the events that came of it, in order
    subject: str = ""
    current: dict[str, Any] = {}
    changed_by: str = ""
    changed_ns: int = 0
    also: list[Mistake] = []  # what else is wrong, where place, found and right are the first of several
