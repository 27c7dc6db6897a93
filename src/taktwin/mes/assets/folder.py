"""The assets that a plant folder names, as commands: each is taken in once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from taktwin.contracts import commands
from taktwin.contracts.commands import CommandData
from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry


def wishes(registry: Registry) -> Iterator[tuple[str, CommandData]]:
    """Yield a name of its own and the command for every asset of the plant folder.

    A name is the same at each start, so that what was done is done once: from then on the MES says where an
    asset is, and the folder no more.
    """
    for name, asset in sorted(registry.assets.items()):
        yield (
            f"plant-asset:{name}",
            commands.RegisterAsset(
                asset=name, name=asset.name, kind=asset.kind, manufacturer=asset.manufacturer,
                model=asset.model, serial_number=asset.serial_number, location=asset.stored_in,
            ),
        )  # fmt: skip
        if asset.mounted_in:
            role = f"{asset.mounted_in}/{asset.role}" if asset.role else asset.mounted_in
            since_ns = _midnight_ns(asset.mounted_since, registry.time_zone)
            yield f"plant-asset:{name}:mounted", commands.MountAsset(asset=name, role=role, at_ns=since_ns)


def _midnight_ns(date: str, time_zone: str) -> int:
    if not date:
        return 0
    return int(datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(time_zone)).timestamp()) * SECOND_NS
