"""Bills and routings that came in as versions, and which of them orders follow."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from taktwin.contracts.events.envelope import EventData


class ReceivedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into one part."""

    product: str
    quantity: float
    unit: str


class ReceivedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of a routing; operations are numbered 10, 20, 30 in their order."""

    name: str
    equipment_class: str
    standard_time_s: float
    work_units: list[str]  # only these; [] = any of the class
    batch: int
    setup_s: float
    components: list[ReceivedLine]
    skills: list[str]
    tools: list[str]
    segment: str  # what its sender calls it


class DefinitionReceived(EventData, frozen=True, kw_only=True):
    """A product's bill and routing came in as a version, whole and for ever. No order follows it yet."""

    event_type: ClassVar[str] = "operations.definition.received"
    master: str  # <product>:<definition>
    product: str
    definition: str  # the version's name
    name: str
    serialised: bool
    setup_family: str
    effective_ns: int  # 0: once it is approved
    until_ns: int  # 0: until another version
    operations: list[ReceivedOperation]


class DefinitionApproved(EventData, frozen=True, kw_only=True):
    """New orders of the product follow this version from an instant on; those of before keep theirs."""

    event_type: ClassVar[str] = "operations.definition.approved"
    master: str
    product: str
    definition: str
    from_ns: int


class DefinitionWithdrawn(EventData, frozen=True, kw_only=True):
    """No new order follows this version; those that follow it already keep it."""

    event_type: ClassVar[str] = "operations.definition.withdrawn"
    master: str
    product: str
    definition: str
    cause: str
