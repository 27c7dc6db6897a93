"""What lies where, which asset fulfils which role, what is not available: what the MES answers."""

from __future__ import annotations

from taktwin.portal.models.base import Model


class StockLine(Model):
    """So much of a lot in a place."""

    lot: str
    product: str
    name: str
    quantity: float
    disposition: str
    reason: str
    loaded: bool  # the machine takes from it
    since_ms: int
    version: int


class PlaceModel(Model):
    """A place with what lies there."""

    location: str  # "" = nobody said where
    kind: str  # store | work_unit | nowhere
    name: str
    part_of: str
    lots: list[StockLine]


class CountModel(Model):
    """What was counted in a place, and what the stock said before."""

    count: str
    lot: str
    product: str
    location: str
    before: float
    after: float
    cause: str
    person: str
    at_ms: int


class StockModel(Model):
    """What lies where."""

    places: list[PlaceModel]
    counts: list[CountModel]
    stores: dict[str, str]
    work_units: dict[str, str]
    materials: dict[str, str]
    at_ms: int


class PhysicalAssetModel(Model):
    """A physical asset with its nameplate, and where it was at the instant that was asked for."""

    asset: str
    name: str
    kind: str
    manufacturer: str
    model: str
    serial_number: str
    role: str  # "" = not mounted
    location: str
    since_ms: int  # 0: nobody knows
    retired: bool
    reason: str
    version: int


class AssetRoleModel(Model):
    """A role of equipment, and what fulfilled it then."""

    role: str
    equipment: str
    name: str
    kinds: list[str]
    needed: bool
    asset: str  # "" = nothing
    since_ms: int


class AssetsModel(Model):
    """Assets and roles at an instant."""

    assets: list[PhysicalAssetModel]
    roles: list[AssetRoleModel]
    free_roles: list[str]
    stores: dict[str, str]
    at_ms: int


class AssetStayModel(Model):
    """Where an asset was from when to when."""

    stay: str
    asset: str
    number: int
    role: str
    equipment: str
    location: str
    from_ms: int  # 0: nobody knows since when
    to_ms: int  # 0: it is still there
    order: str
    reason: str


class AssetHistory(Model):
    """All places of one asset, or all assets of one role."""

    asset: PhysicalAssetModel | None
    role: str
    stays: list[AssetStayModel]
    at_ms: int


class ResourceModel(Model):
    """One resource, whether it is available, and who needs it."""

    kind: str  # machine | asset | tool | gauge | person | material | lot
    id: str
    name: str
    where: str
    state: str  # free | in_use | missing
    reason: str
    subject: str
    detail: str
    needed_by: list[str]  # the first job orders
    needed: int  # how many


class AvailabilityModel(Model):
    """What is needed and not available, and why."""

    resources: list[ResourceModel]
    at_ms: int
