"""Rows of physical assets. Only `mounting` writes them.

The equipment is a role (ISA-95 Equipment), the asset is the thing: orders, states and figures belong to the
role, the nameplate and the history of where it was belong to the thing.
"""

from __future__ import annotations

from typing import ClassVar

from taktwin.storage.book import Row


class Asset(Row, frozen=True, kw_only=True):
    """One physical asset with its nameplate, and where it is now."""

    table: ClassVar[str] = "assets"
    asset: str
    name: str
    kind: str
    manufacturer: str
    model: str
    serial_number: str
    role: str  # that it fulfils; "" = it is not mounted
    location: str  # where it lies, if it is not mounted; "" = nobody says
    since_ns: int
    retired: bool
    reason: str  # why it came out of its last role, or out of use
    version: int


class AssetPlace(Row, frozen=True, kw_only=True):
    """A role that an asset ever fulfilled. Only such a role is watched: one that was never filled is not."""

    table: ClassVar[str] = "asset_places"
    role: str
    equipment: str
    asset: str  # "" = it was taken out
    since_ns: int
    before: str  # the asset that was there before


class AssetStay(Row, frozen=True, kw_only=True):
    """Where an asset was from when to when (ISA-95 EquipmentAssetMapping, and between two of them)."""

    table: ClassVar[str] = "asset_stays"
    stay: str  # <asset>:<number>
    asset: str
    number: int
    role: str  # "" = it was not mounted
    equipment: str
    location: str
    from_ns: int
    to_ns: int  # 0: it is still there
    order: str  # the maintenance order in which it came there
    reason: str  # why it went away
