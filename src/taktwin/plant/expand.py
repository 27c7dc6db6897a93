"""Classes and instances become signals: inheritance, changes, places and addresses are resolved.

In: a plant as it was read. Out: one draft per signal of every piece of equipment, and the mistakes
that only show here (an address used twice, no connection, an unknown word in a pattern).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from taktwin.identity import ABSENT, Place
from taktwin.plant import patterns, schema
from taktwin.plant.load import Literally, Loaded, one_of
from taktwin.standards import isa95, packml
from taktwin.standards.isa95 import EquipmentLevel

_PACKML_WORDS = {str(int(state)): word for state, word in packml.WORDS.items()}
_PACKML_MODES = {str(int(mode)): mode.name.capitalize() for mode in packml.Mode}


@dataclass(frozen=True, slots=True)
class FlatClass:
    """An equipment class with everything that it inherits."""

    id: str
    definition: schema.EquipmentClass
    state_model: str
    infer: tuple[schema.PowerStep, ...]
    size: schema.Size | None
    properties: Mapping[str, Any]
    signals: Mapping[str, schema.SignalDefinition]
    origins: Mapping[str, str]  # signal path -> class that declares it
    asset_roles: Mapping[str, schema.AssetRole]


class Draft(NamedTuple):
    """One signal before it has its number."""

    equipment: str
    path: str
    definition: schema.SignalDefinition
    connection: str
    address: str
    options: Mapping[str, Any]
    declared: str  # path of the declaration, for mistakes


@dataclass(frozen=True)
class Expansion:
    """All equipment and signals of a plant."""

    classes: Mapping[str, FlatClass]
    places: Mapping[str, Place]
    levels: Mapping[str, EquipmentLevel]
    drafts: list[Draft]


def expand(loaded: Loaded) -> Expansion:
    """Return a plant's signals; mistakes are added to `loaded`."""
    plant = loaded.plant
    assert plant is not None, "a plant without its required fields is not expanded"
    classes = {class_id: flat for class_id in plant.classes if (flat := flatten(plant, class_id)) is not None}
    levels = {
        equipment_id: EquipmentLevel(_level(plant, equipment))
        for equipment_id, equipment in plant.equipment.items()
    }
    places = {equipment_id: _place(plant, levels, equipment_id) for equipment_id in plant.equipment}
    drafts: list[Draft] = []
    for equipment_id, equipment in plant.equipment.items():
        flat = classes.get(equipment.equipment_class)
        drafts += _drafts(loaded, plant, equipment_id, equipment, flat, places[equipment_id])
    _find_shared_addresses(loaded, drafts)
    return Expansion(classes, places, levels, drafts)


def flatten(plant: schema.Plant, class_id: str) -> FlatClass | None:
    """Return a class with all that it inherits; the last one named wins, its own words beat all.

    None if it extends something unknown or itself; `check.py` says so.
    """
    lineage: list[str] = []
    if not _collect(plant, class_id, lineage, ()):
        return None
    definition = plant.classes[class_id]
    signals: dict[str, schema.SignalDefinition] = {}
    origins: dict[str, str] = {}
    properties: dict[str, Any] = {}
    asset_roles: dict[str, schema.AssetRole] = {}
    state_model = ""
    infer: tuple[schema.PowerStep, ...] = ()
    size: schema.Size | None = None
    for name in lineage:
        part = plant.classes[name]
        signals.update(part.signals)
        origins.update(dict.fromkeys(part.signals, name))
        properties.update(part.properties)
        asset_roles.update(part.asset_roles)
        state_model = part.state_model or state_model
        infer = tuple(part.infer) or infer
        size = part.size or size
    return FlatClass(
        class_id, definition, state_model, infer, size, properties, signals, origins, asset_roles
    )


def _collect(plant: schema.Plant, class_id: str, lineage: list[str], above: tuple[str, ...]) -> bool:
    if class_id in above or class_id not in plant.classes:
        return False
    if class_id not in lineage:
        for parent in plant.classes[class_id].extends:
            if not _collect(plant, parent, lineage, (*above, class_id)):
                return False
        lineage.append(class_id)
    return True


def ancestors(plant: schema.Plant, equipment_id: str) -> Iterator[str]:
    """Yield the equipment above one, nearest first; a circle ends where it closes."""
    seen = {equipment_id}
    parent = plant.equipment[equipment_id].parent
    while parent and parent not in seen and parent in plant.equipment:
        yield parent
        seen.add(parent)
        parent = plant.equipment[parent].parent


def _level(plant: schema.Plant, equipment: schema.Equipment) -> str:
    if equipment.level is not None:
        return equipment.level
    known = plant.classes.get(equipment.equipment_class)
    return known.level if known is not None else "WorkUnit"


def _place(plant: schema.Plant, levels: Mapping[str, EquipmentLevel], equipment_id: str) -> Place:
    """Return where equipment stands; a module shares no level, so it takes its unit's cell and its own id."""
    area = line = cell = ABSENT
    for name in (*reversed(list(ancestors(plant, equipment_id))), equipment_id):
        depth = isa95.depth(levels[name])
        if depth == 2:
            area = name
        elif depth == 3:
            line = name
        else:
            cell = name
    return Place(plant.enterprise, plant.site, area, line, cell)


def _drafts(
    loaded: Loaded,
    plant: schema.Plant,
    equipment_id: str,
    equipment: schema.Equipment,
    flat: FlatClass | None,
    place: Place,
) -> list[Draft]:
    declared = dict(flat.signals) if flat is not None else {}
    changes = equipment.signals
    for path, change in changes.items():
        at = f"equipment.{equipment_id}.signals.{path}"
        definition = declared.get(path)
        if change.absent:
            if declared.pop(path, None) is None and flat is not None:
                loaded.add(at, path, f"a signal of class {flat.id}: {one_of(path, flat.signals)}")
        elif definition is not None:
            declared[path] = _changed(definition, change)
        elif change.role is not None and change.type is not None:
            declared[path] = _changed(schema.SignalDefinition(role=change.role, type=change.type), change)
        elif flat is not None:
            loaded.add(
                at,
                path,
                f"a signal of class {flat.id}, or role and type of a new one: {one_of(path, flat.signals)}",
            )
    drafts = []
    unbound: list[str] = []
    for path, definition in declared.items():
        connection = definition.connection or equipment.connection
        known = plant.connections.get(connection)
        if known is None:
            unbound.append(path)
            continue
        own = path in changes
        at = (
            f"equipment.{equipment_id}.signals.{path}"
            if own or flat is None
            else f"classes.{flat.origins[path]}.signals.{path}"
        )
        pattern = definition.address or known.address
        address = ""
        if pattern:
            try:
                address = patterns.compiled(pattern)(
                    patterns.Subject(equipment_id, place, path, equipment.variables)
                )
            except patterns.UnknownWord as unknown:
                where = f"{at}.address" if definition.address else f"connections.{connection}.address"
                words = (*patterns.WORDS, *equipment.variables)
                _once(
                    loaded,
                    where,
                    f"{{{unknown}}}",
                    f"for {equipment_id}/{path} {one_of(str(unknown), words)}",
                )
                continue
        else:
            loaded.add(
                f"equipment.{equipment_id}.signals.{path}.address",
                Literally("nothing"),
                f"an address, here, in the class, or as a pattern in connections.{connection}",
            )
        options = {**known.options, **definition.options} if definition.options else known.options
        drafts.append(Draft(equipment_id, path, definition, connection, address, options, at))
    _say_unbound(loaded, plant, equipment_id, equipment, declared, unbound)
    return drafts


def _say_unbound(
    loaded: Loaded,
    plant: schema.Plant,
    equipment_id: str,
    equipment: schema.Equipment,
    declared: Mapping[str, schema.SignalDefinition],
    unbound: list[str],
) -> None:
    at = f"equipment.{equipment_id}.connection"
    own = [path for path in unbound if not declared[path].connection]
    if own and f"connections.{equipment.connection}" not in loaded.broken:
        if equipment.connection:
            loaded.add(at, equipment.connection, one_of(equipment.connection, plant.connections))
        else:
            loaded.add(
                at, Literally("nothing"), f"a connection for {own[0]}: {one_of('', plant.connections)}"
            )
    for path in unbound:
        named = declared[path].connection
        if named and f"connections.{named}" not in loaded.broken:
            _once(
                loaded,
                _declaration(loaded, plant, equipment_id, path) + ".connection",
                named,
                one_of(named, plant.connections),
            )


def _declaration(loaded: Loaded, plant: schema.Plant, equipment_id: str, path: str) -> str:
    own = f"equipment.{equipment_id}.signals.{path}"
    if f"{own}.connection" in loaded.spots:
        return own
    flat = flatten(plant, plant.equipment[equipment_id].equipment_class)
    return f"classes.{flat.origins[path]}.signals.{path}" if flat and path in flat.origins else own


def _once(loaded: Loaded, path: str, found: str, expected: str) -> None:
    """Note a mistake of a class once, not for each of its members."""
    if not any(mistake.field == path for mistake in loaded.mistakes):
        loaded.add(path, found, expected)


def _changed(definition: schema.SignalDefinition, change: schema.SignalChange) -> schema.SignalDefinition:
    said: dict[str, Any] = {
        name: value
        for name in change.__struct_fields__
        if name != "absent" and (value := getattr(change, name)) is not None
    }
    if "alarms" in said:
        said["alarms"] = {**definition.alarms, **said["alarms"]}
    if "options" in said:
        said["options"] = {**definition.options, **said["options"]}
    return msgspec.structs.replace(definition, **said)


def words_of(definition: schema.SignalDefinition, state_model: str) -> Mapping[str, str]:
    """Return a signal's words; PackML numbers have theirs without being told."""
    if not definition.words and state_model == "packml":
        if definition.role == "state":
            return _PACKML_WORDS
        if definition.role == "mode":
            return _PACKML_MODES
    return definition.words


def _find_shared_addresses(loaded: Loaded, drafts: list[Draft]) -> None:
    seen: dict[tuple[str, str], Draft] = {}
    shared: dict[tuple[str, str], list[Draft]] = {}
    for draft in drafts:
        if not draft.address:
            continue
        key = (draft.connection, draft.address)
        first = seen.setdefault(key, draft)
        if first is draft:
            continue
        # One MQTT topic may carry many signals: each takes another part of it by its options.
        others = shared.setdefault(key, [first])
        twin = next((other for other in others if other.options == draft.options), None)
        others.append(draft)
        if twin is not None:
            _say_shared(loaded, draft, twin)


def signal_name(path: str, definition: schema.SignalDefinition) -> str:
    """Return what people call a signal: as declared, or its path as words."""
    return definition.name or path.replace("/", " ").replace("_", " ").capitalize()


def _say_shared(loaded: Loaded, draft: Draft, other: Draft) -> None:
    """Note an address that two signals have, at the one that was given it by hand."""
    at = f"equipment.{draft.equipment}.signals.{draft.path}.address"
    by_hand = f"equipment.{other.equipment}.signals.{other.path}.address"
    if at not in loaded.spots and by_hand in loaded.spots:
        draft, other, at = other, draft, by_hand
    owner = f"{other.equipment}/{other.path} has this one on connection {other.connection}"
    loaded.add(at, draft.address, f"an address of its own for {draft.equipment}/{draft.path}; {owner}")
