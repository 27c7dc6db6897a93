"""What may be wrong in physical assets and in the tools and fixtures of a plant."""

from __future__ import annotations

from taktwin.plant import schema
from taktwin.plant.expand import Expansion
from taktwin.plant.load import Literally, Loaded
from taktwin.plant.references import known

STORES = frozenset({"StorageZone", "StorageUnit"})
DAYS_MAX = 10_000


def check(loaded: Loaded, plant: schema.Plant, expansion: Expansion) -> None:
    """Note the mistakes of assets, which fulfil roles, and of kinds of tools."""
    taken: dict[tuple[str, str], str] = {}
    for asset_id, asset in plant.assets.items():
        _check_asset(loaded, plant, expansion, asset_id, asset)
        if asset.mounted_in and asset.role:
            first = taken.setdefault((asset.mounted_in, asset.role), asset_id)
            if first != asset_id:
                right = f"a role that nothing fulfils; {first} is there already"
                loaded.add(f"assets.{asset_id}.role", asset.role, right)
    for kind_id, kind in plant.tools.items():
        _check_tool(loaded, f"tools.{kind_id}", kind)


def _check_asset(
    loaded: Loaded, plant: schema.Plant, expansion: Expansion, asset_id: str, asset: schema.Asset
) -> None:
    at = f"assets.{asset_id}"
    if asset.mounted_in and not known(
        loaded, f"{at}.mounted_in", asset.mounted_in, "equipment", plant.equipment
    ):
        return
    if asset.role:
        equipment = plant.equipment.get(asset.mounted_in)
        flat = expansion.classes.get(equipment.equipment_class) if equipment is not None else None
        roles = flat.asset_roles if flat is not None else {}
        if equipment is None:
            loaded.add(f"{at}.role", asset.role, "no role: it is mounted nowhere")
        elif asset.role not in roles:
            right = f"one of {', '.join(sorted(roles))}" if roles else "none: its class has no asset_roles"
            loaded.add(f"{at}.role", asset.role, right)
        elif roles[asset.role].kinds and asset.kind not in roles[asset.role].kinds:
            right = f"one of {', '.join(roles[asset.role].kinds)}, which fit the role {asset.role}"
            loaded.add(f"{at}.kind", asset.kind or Literally("nothing"), right)
    if asset.stored_in:
        if asset.mounted_in:
            loaded.add(f"{at}.stored_in", asset.stored_in, f"nothing: it is mounted in {asset.mounted_in}")
        elif known(loaded, f"{at}.stored_in", asset.stored_in, "equipment", plant.equipment):
            level = str(expansion.levels[asset.stored_in])
            if level not in STORES:
                loaded.add(
                    f"{at}.stored_in", asset.stored_in, f"a StorageZone or StorageUnit; it is a {level}"
                )


def _check_tool(loaded: Loaded, at: str, kind: schema.Tool) -> None:
    if kind.life_parts is None and not kind.fixture:
        loaded.add(f"{at}.life_parts", Literally("nothing"), "1 part or more, or fixture: true")
    if kind.life_parts is not None and kind.life_parts < 1:
        loaded.add(f"{at}.life_parts", kind.life_parts, "1 part or more")
    if kind.inspect_every_parts is not None and kind.inspect_every_parts < 1:
        loaded.add(f"{at}.inspect_every_parts", kind.inspect_every_parts, "1 part or more")
    if kind.inspect_every_days is not None and not 1 <= kind.inspect_every_days <= DAYS_MAX:
        loaded.add(f"{at}.inspect_every_days", kind.inspect_every_days, f"days from 1 to {DAYS_MAX}")
