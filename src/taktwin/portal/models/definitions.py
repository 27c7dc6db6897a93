"""How products are made: the version that new orders follow, and all that came in."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class DefinedLineModel(Model):
    """What goes into one part."""

    product: str
    quantity: float
    unit: str


class DefinedOperationModel(Model):
    """One operation of a routing."""

    number: int
    segment: str  # what its sender calls it; "": its number
    name: str
    equipment_class: str
    work_units: list[str]
    standard_time_s: float
    batch: int
    setup_s: float
    components: list[DefinedLineModel]
    skills: list[str]
    tools: list[str]
    parameters: list[str]  # that are loaded into the machine


class DifferenceModel(Model):
    """What a version says otherwise than the one before it."""

    what: str  # operation 20, Duration in s
    now: str
    before: str
    operation: int  # 20; 0: of the whole definition
    field: str  # standard_time_s


class DefinedVersionModel(Model):
    """A bill and routing in one version; `definition` "" is the plant folder's."""

    definition: str
    name: str
    state: str  # Received | Approved | Withdrawn; of the plant folder's: Approved
    in_force: bool  # new orders follow it
    from_ms: int  # new orders follow it from then on; 0: it was never approved, or it is the plant folder's
    effective_ms: int
    until_ms: int
    received_ms: int
    decided_ms: int
    reason: str  # why it was withdrawn
    version: int
    orders: int  # that follow it
    serialised: bool
    setup_family: str
    operations: list[DefinedOperationModel]
    before: str | None  # with which it is compared; None: nothing was before it
    differences: list[DifferenceModel]
    falls_away: list[str]  # what the plant folder has for operations of names that are no more


class DefinedProductModel(Model):
    """A product with all its versions, the newest first."""

    product: str
    name: str
    versions: list[DefinedVersionModel]


class DefinitionsModel(Model):
    """Every product that is made here."""

    products: list[DefinedProductModel]
    approves: bool  # somebody has to approve what comes in; false: whoever sends it owns it
    at_ms: int
