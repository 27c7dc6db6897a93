"""Bills and routings: a product defined anew, approved, withdrawn."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.commands.envelope import CommandData


class BillLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes into one part."""

    product: str
    quantity: float
    unit: str = ""  # "": parts


class DefinedOperation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One operation of a routing, as whoever defines it says it."""

    name: str
    equipment_class: str
    standard_time_s: float  # of a part, or of a batch
    work_units: list[str] = []  # only these; [] = any of the class
    batch: int = 1  # parts at once
    setup_s: float = 0.0  # on a change of set-up family
    components: list[BillLine] = []
    skills: list[str] = []
    tools: list[str] = []  # kinds
    segment: str = ""  # what whoever defines it calls it, such as 0010; here operations are 10, 20, 30


class ReceiveDefinition(CommandData, frozen=True, kw_only=True):
    """Take a product's bill and routing in, whole, as a new version; orders follow it once it is approved.

    A version says one thing for ever: the same again changes nothing, another under its name is refused.
    """

    command_name: ClassVar[str] = "definition.receive"
    product: str
    definition: str  # the version's name
    operations: list[DefinedOperation]
    name: str = ""  # of the product; "": as the plant folder has it
    serialised: bool | None = None  # each part has a serial number; None: as the plant folder has it
    setup_family: str | None = None  # None: as the plant folder has it
    effective_ns: int = 0  # 0: once it is approved
    until_ns: int = 0  # 0: until another version


class ApproveDefinition(CommandData, frozen=True, kw_only=True):
    """Let new orders of a product follow a version that was received."""

    command_name: ClassVar[str] = "definition.approve"
    product: str
    definition: str
    version: int  # of the record, as the person saw it


class WithdrawDefinition(CommandData, frozen=True, kw_only=True):
    """Refuse a version, or take it out of force; orders that follow it already keep it."""

    command_name: ClassVar[str] = "definition.withdraw"
    product: str
    definition: str
    version: int  # of the record, as the person saw it
    cause: str
