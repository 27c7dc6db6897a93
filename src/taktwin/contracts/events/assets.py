"""Physical assets, which fulfil roles of equipment."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.events.envelope import EventData


class AssetRegistered(EventData, frozen=True, kw_only=True):
    """A physical asset is known, or its nameplate was put right."""

    event_type: ClassVar[str] = "asset.registered"
    asset: str
    name: str
    kind: str
    manufacturer: str
    model: str
    serial_number: str
    location: str = ""  # of a new one


class AssetMounted(EventData, frozen=True, kw_only=True):
    """A physical asset fulfils a role of equipment (ISA-95 EquipmentAssetMapping)."""

    event_type: ClassVar[str] = "asset.mounted"
    asset: str
    role: str
    equipment: str
    since_ns: int  # from then on; it may be said later than it was done
    order: str = ""  # the maintenance order in which it was done


class AssetDismounted(EventData, frozen=True, kw_only=True):
    """A physical asset no longer fulfils the role that it did."""

    event_type: ClassVar[str] = "asset.dismounted"
    asset: str
    role: str
    equipment: str
    since_ns: int
    cause: str
    location: str = ""  # where it lies now
    order: str = ""


class AssetStored(EventData, frozen=True, kw_only=True):
    """A physical asset that is not mounted lies in another place."""

    event_type: ClassVar[str] = "asset.stored"
    asset: str
    location: str


class AssetRetired(EventData, frozen=True, kw_only=True):
    """A physical asset is out of use for good."""

    event_type: ClassVar[str] = "asset.retired"
    asset: str
    cause: str
