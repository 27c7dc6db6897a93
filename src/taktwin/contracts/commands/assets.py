"""Physical assets, which fulfil roles of equipment."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData


class RegisterAsset(CommandData, frozen=True, kw_only=True):
    """Take a physical asset into the list, or put its nameplate right."""

    command_name: ClassVar[str] = "asset.register"
    asset: str
    name: str
    kind: str = ""  # spindle, robot, motor; what a role of a class of equipment may want
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    location: str = ""  # of a new one: the storage zone or unit where it lies
    version: int = 0  # 0: it is new


class MountAsset(CommandData, frozen=True, kw_only=True):
    """Let a physical asset fulfil a role of equipment from an instant on."""

    command_name: ClassVar[str] = "asset.mount"
    asset: str
    role: str  # turn1/spindle; furnace1 = the equipment itself
    at_ns: int = 0  # 0: now; it may be said later
    order: str = ""  # the maintenance order in which it was done


class DismountAsset(CommandData, frozen=True, kw_only=True):
    """Take a physical asset out of the role that it fulfils, with the reason."""

    command_name: ClassVar[str] = "asset.dismount"
    asset: str
    cause: str
    location: str = ""  # the storage zone or unit where it lies now; "" = nobody says
    at_ns: int = 0
    order: str = ""


class StoreAsset(CommandData, frozen=True, kw_only=True):
    """Say where a physical asset lies that is not mounted."""

    command_name: ClassVar[str] = "asset.store"
    asset: str
    location: str


class RetireAsset(CommandData, frozen=True, kw_only=True):
    """Take a physical asset out of use for good; its history stays."""

    command_name: ClassVar[str] = "asset.retire"
    asset: str
    cause: str
