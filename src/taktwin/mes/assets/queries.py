"""What stood in a role then, where an asset was, and which role nothing fulfils. Writes nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from taktwin.mes.assets.tables import Asset, AssetPlace, AssetStay
from taktwin.mes.decision import Refused
from taktwin.mes.definitions.routes import Definitions
from taktwin.storage.book import Reading, Row

STAYS_SHOWN = 200


def stood_in(book: Reading, role: str, at_ns: int) -> AssetStay | None:
    """Return the stay of the asset that fulfilled a role at an instant, None where nothing did."""
    rows = book.where(AssetStay, role=role) if role else []
    return next((row for row in rows if _then(row, at_ns)), None)


def _then(row: AssetStay, at_ns: int) -> bool:
    return row.from_ns <= at_ns and (not row.to_ns or at_ns < row.to_ns)


def unfulfilled(book: Reading, definitions: Definitions) -> dict[str, AssetPlace]:
    """Return, by work unit, a needed role whose asset was taken out."""
    found: dict[str, AssetPlace] = {}
    for place in book.where(AssetPlace, asset=""):
        role = definitions.asset_roles.get(place.role)
        if role is not None and role.needed:
            found.setdefault(place.equipment, place)
    return found


def refuse_unfulfilled(book: Reading, definitions: Definitions, work_unit: str, row: Row) -> None:
    """Raise `Refused` where something that a machine cannot do without was taken out."""
    place = unfulfilled(book, definitions).get(work_unit)
    if place is not None:
        raise Refused("not_ready", place.role, f"nothing: {place.before} was taken out",
                      "an asset that fulfils this role", row=row)  # fmt: skip


def assets(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return all assets and roles as they are now, or were then (`at_ns`).

    {equipment} : only what concerns one piece of equipment
    """
    at_ns = int(wish.get("at_ns") or 0) or now_ns
    equipment = str(wish.get("equipment") or "")
    roles = [
        role for role in definitions.asset_roles.values() if not equipment or role.equipment == equipment
    ]
    then = [row for row in book.where(AssetStay) if _then(row, at_ns)]
    in_role, of_asset = {row.role: row for row in then}, {row.asset: row for row in then}
    there = {role.role: in_role.get(role.role) for role in roles}
    watched = {row.role for row in book.where(AssetPlace)}
    shown = []
    for row in book.where(Asset):
        stay = of_asset.get(row.asset)
        if equipment and (stay is None or stay.equipment != equipment):
            continue
        shown.append({
            **msgspec.structs.asdict(row),
            "role": "" if stay is None else stay.role,
            "location": "" if stay is None else stay.location,
            "since_ns": 0 if stay is None else stay.from_ns,
        })  # fmt: skip
    return {
        "assets": shown,
        "roles": [
            {
                "role": role.role, "equipment": role.equipment, "name": role.name, "kinds": list(role.kinds),
                "needed": role.needed, "asset": _asset(there[role.role]),
                "since_ns": _since(there[role.role]),
            }
            for role in roles
            # A machine that nobody ever said is one thing asks for none.
            if "/" in role.role or role.role in watched
        ],
        "free_roles": sorted(role.role for role in roles if there[role.role] is None),
        "stores": dict(definitions.stores),
        "at_ns": at_ns,
    }  # fmt: skip


def _asset(stay: AssetStay | None) -> str:
    return "" if stay is None else stay.asset


def _since(stay: AssetStay | None) -> int:
    return 0 if stay is None else stay.from_ns


def asset(book: Reading, definitions: Definitions, wish: dict[str, Any], now_ns: int) -> dict[str, Any]:
    """Return one asset with all its places, or all that ever fulfilled a role, the newest first."""
    name, role = str(wish.get("asset") or ""), str(wish.get("role") or "")
    row = book.get(Asset, name) if name else None
    if row is None and role not in definitions.asset_roles:
        return {}
    rows = book.where(AssetStay, asset=name) if row is not None else book.where(AssetStay, role=role)
    rows = sorted(rows, key=lambda each: (-each.from_ns, -each.number))[:STAYS_SHOWN]
    return {
        "asset": None if row is None else msgspec.structs.asdict(row),
        "role": "" if row is not None else role,
        "stays": [msgspec.structs.asdict(each) for each in rows],
        "at_ns": now_ns,
    }
