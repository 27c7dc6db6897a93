"""What a machine may be told, through the commander and by nobody else; and what came of it.

A `MachineCommand` says who wants it, why, for which order and work unit, what, and until when it makes
sense. Its id is that of the fact in the MES's journal that gave it: asked twice under one id it is done
once. A `MachineResult` says what became of it, and never more than is known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

import msgspec

DEADLINE_NS_MAX = 86_400 * 1_000_000_000  # a command that would make sense for longer is a plan, no command


class Outcome(StrEnum):
    """What became of a command."""

    DONE = "done"  # and what was read back is what was wanted
    DIFFERS = "differs"  # the machine took it, and says something else when asked
    FORBIDDEN = "forbidden"  # the plant folder does not permit it: nothing was sent
    INVALID = "invalid"  # no command that could be carried: nothing was sent
    LATE = "late"  # its deadline had passed: nothing was sent
    AWAY = "away"  # the machine could not be reached: nothing was sent
    REFUSED = "refused"  # the machine said no, with its status
    SILENT = "silent"  # it was sent, and the machine did not answer: what it did is not known
    UNKNOWN = "unknown"  # the commander ended while it was under way: not known, and not repeated


# After these it is sure that the machine was told nothing.
NOTHING_SENT = frozenset({Outcome.FORBIDDEN, Outcome.INVALID, Outcome.LATE, Outcome.AWAY})


class MachineData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a command wants; a subclass names its command once."""

    command_name: ClassVar[str]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a signal of the machine shall have."""

    signal: str  # path below the work unit: interlock/answer
    value: bool | int | float | str
    tolerance: float = 0.0  # how far what is read back may be off, of numbers


class Values(MachineData, frozen=True, kw_only=True):
    """Base of commands that write values. `then` is written once `values` were read back as wanted."""

    values: list[Wanted]
    then: list[Wanted] = []


class Calls(MachineData, frozen=True, kw_only=True):
    """Base of commands that call a method of the machine; a subclass adds what the method is given."""

    method: str  # of job control: Store, Start, ...


class AnswerInterlock(Values, frozen=True, kw_only=True):
    """Answer a cell that asked whether a part may be built in."""

    command_name: ClassVar[str] = "interlock.answer"


class LoadParameters(Values, frozen=True, kw_only=True):
    """Load the parameter set of a product."""

    command_name: ClassVar[str] = "parameters.load"


class ControlMachineJob(Calls, frozen=True, kw_only=True):
    """Call a method of a machine's job order receiver."""

    command_name: ClassVar[str] = "job.control"
    job: str
    product: str = ""  # what is made, and how many: of Store, StoreAndStart and Update
    quantity: int = 0
    priority: int = 0


CATALOGUE: dict[str, type[MachineData]] = {
    kind.command_name: kind for kind in (AnswerInterlock, LoadParameters, ControlMachineJob)
}


class MachineCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of a command to a machine."""

    id: str
    name: str
    work_unit: str
    actor: str  # who
    actor_type: str = "human"  # human | service
    reason: str  # why
    request: str = ""  # of which order; "" = of none
    job: str = ""
    deadline_ns: int  # plant time: it is not begun after this instant
    data: msgspec.Raw  # JSON of the command's own struct


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """What was wanted of a signal, and what the machine said when it was asked afterwards."""

    signal: str
    wanted: bool | int | float | str
    found: bool | int | float | str | None = None  # None: it was not read back
    same: bool = False
    status: str = ""  # the machine's own word where it took the value badly


class MachineResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command. Where it was not done, place, found and right say why."""

    id: str
    outcome: Outcome
    place: str = ""
    found: str = ""
    right: str = ""
    status: str = ""  # what the machine answered, in its own words
    values: list[ReadBack] = []
    returned: dict[str, Any] = {}  # what a method gave back
    begun_ns: int = 0  # plant time; 0: never begun
    ended_ns: int = 0


_encoder = msgspec.json.Encoder()
_commands = msgspec.json.Decoder(MachineCommand)
_results = msgspec.json.Decoder(MachineResult)


def encode(document: MachineCommand | MachineResult) -> bytes:
    """Return the JSON of a command or a result."""
    return _encoder.encode(document)


def decode(payload: bytes) -> MachineCommand:
    """Return the command of a payload. Raises msgspec.DecodeError where it is none."""
    return _commands.decode(payload)


def decode_result(payload: bytes) -> MachineResult:
    """Return the result of a payload. Raises msgspec.DecodeError where it is none."""
    return _results.decode(payload)


def content_of(command: MachineCommand) -> MachineData:
    """Return what a command wants. Raises KeyError or msgspec.DecodeError where it is none."""
    return msgspec.json.decode(command.data, type=CATALOGUE[command.name])
