"""Every mistake that shows between the entries of a plant, with place, found and right.

`load.py` says what one field shows by itself; here entries are compared with each other. Each
section has its function in a `check_*` module; all add to the same list, none stops at the first.
"""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from taktwin.plant import (
    check_assets,
    check_floor,
    check_permits,
    check_plan,
    check_signals,
    check_work,
    schema,
)
from taktwin.plant.expand import Expansion, expand, flatten
from taktwin.plant.load import Literally, Loaded, one_of, suggestion
from taktwin.plant.references import known, secrets_in
from taktwin.standards import isa95
from taktwin.standards.isa95 import EquipmentLevel

FROZEN_H_MAX = 336  # two weeks
# Where a connection leads, as far as it is no file: a port is told by digits behind the host.
ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:[^\s/@]+@)?(?:[^\s/:@\[\]]+|\[[0-9a-fA-F:.%]+\])(?::\d{1,5})?(?:/\S*)?"
)
RECEIVER = re.compile(r"(?:nsu=[^;]+;)?[sigb]=.+")


def check(loaded: Loaded) -> Expansion | None:
    """Add all mistakes of a plant to `loaded`; return its expansion, None if it could not be read.

    Where a file could not be read, entries are not compared: half of them would seem to be missing.
    """
    plant = loaded.plant
    if plant is None or not loaded.complete:
        return None
    if plant.time_zone not in available_timezones():
        near = suggestion(plant.time_zone, available_timezones())
        loaded.add("time_zone", plant.time_zone, f"an IANA time zone such as Europe/Vienna{near}")
    for class_id, definition in plant.classes.items():
        _check_class(loaded, plant, class_id, definition)
    for equipment_id, equipment in plant.equipment.items():
        _check_equipment(loaded, plant, equipment_id, equipment)
    expansion = expand(loaded)
    _check_places(loaded, expansion)
    check_signals.check(loaded, plant, expansion)
    for name, connection in plant.connections.items():
        _check_connection(loaded, name, connection)
    check_assets.check(loaded, plant, expansion)
    check_floor.check(loaded, plant)
    check_work.check(loaded, plant)
    check_permits.check(loaded, plant, expansion)
    roles: dict[str, set[str]] = {}
    for draft in expansion.drafts:
        roles.setdefault(draft.equipment, set()).add(draft.definition.role)
    check_plan.check(loaded, plant, roles)
    return expansion


def _check_class(
    loaded: Loaded, plant: schema.Plant, class_id: str, definition: schema.EquipmentClass
) -> None:
    at = f"classes.{class_id}"
    unknown = False
    for number, parent in enumerate(definition.extends):
        unknown |= not known(loaded, f"{at}.extends[{number}]", parent, "classes", plant.classes)
    flat = flatten(plant, class_id)
    if flat is None:
        if not unknown and class_id in _circle(plant, class_id):
            loaded.add(f"{at}.extends", class_id, "classes that do not lead back to this one")
        return
    if definition.version < 1:
        loaded.add(f"{at}.version", definition.version, "1 or more")
    if definition.size is not None:
        check_floor.check_size(loaded, f"{at}.size", definition.size)
    if definition.abstract:
        return
    roles = [signal.role for signal in flat.signals.values()]
    states = [path for path, signal in flat.signals.items() if signal.role == "state"]
    if len(states) > 1:
        loaded.add(f"{at}.signals.{states[1]}.role", "state", f"one state signal; {states[0]} is one already")
    if states and not flat.state_model:
        loaded.add(f"{at}.state_model", Literally("nothing"), "packml or mtconnect: it has a state signal")
    if flat.state_model and not states and not _broken_signals(loaded, class_id):
        loaded.add(
            f"{at}.state_model", flat.state_model, "a signal with role: state, or infer: and no state model"
        )
    _check_inference(loaded, at, flat.infer, roles, has_state=bool(states))


def _broken_signals(loaded: Loaded, class_id: str) -> bool:
    return any(path.startswith(f"classes.{class_id}.signals.") for path in loaded.broken)


def _check_inference(
    loaded: Loaded, at: str, infer: tuple[schema.PowerStep, ...], roles: list[schema.Role], *, has_state: bool
) -> None:
    if not infer:
        return
    if has_state:
        loaded.add(f"{at}.infer", "a list", "no infer where a state signal tells the state")
    for role in ("power", "good_count"):
        if role not in roles:
            right = f"a signal with role: {role}, which the state is inferred from"
            loaded.add(f"{at}.infer", Literally(f"no {role}"), right)
    limits = [step.above_kw for step in infer]
    if len(set(limits)) < len(limits):
        loaded.add(f"{at}.infer", limits, "each above_kw once")
    if min(limits) > 0:
        loaded.add(
            f"{at}.infer", min(limits), "a last step with above_kw: 0, so that every power has a class"
        )


def _circle(plant: schema.Plant, class_id: str) -> set[str]:
    reached: set[str] = set()
    waiting = list(plant.classes[class_id].extends)
    while waiting:
        name = waiting.pop()
        if name not in reached and name in plant.classes:
            reached.add(name)
            waiting += plant.classes[name].extends
    return reached


def _check_equipment(
    loaded: Loaded, plant: schema.Plant, equipment_id: str, equipment: schema.Equipment
) -> None:
    at = f"equipment.{equipment_id}"
    if equipment.equipment_class:
        if known(loaded, f"{at}.class", equipment.equipment_class, "classes", plant.classes):
            definition = plant.classes.get(equipment.equipment_class)
            if definition is not None and definition.abstract:
                concrete = [name for name, c in plant.classes.items() if not c.abstract]
                right = f"a class that is not abstract: {one_of(equipment.equipment_class, concrete)}"
                loaded.add(f"{at}.class", equipment.equipment_class, right)
    elif equipment.level is None:
        loaded.add(f"{at}.class", Literally("nothing"), "a class, or a level such as Area or ProductionLine")
    if equipment.calendar:
        known(loaded, f"{at}.calendar", equipment.calendar, "calendars", plant.calendars)
    if equipment.standard_cycle_s is not None and equipment.standard_cycle_s <= 0:
        loaded.add(f"{at}.standard_cycle_s", equipment.standard_cycle_s, "seconds above 0")
    if equipment.frozen_h is not None and not 0 <= equipment.frozen_h <= FROZEN_H_MAX:
        loaded.add(f"{at}.frozen_h", equipment.frozen_h, f"hours from 0 to {FROZEN_H_MAX}")
    if equipment.job_control:
        _check_job_control(loaded, plant, at, equipment)
    if equipment.parent:
        _check_parent(loaded, plant, equipment_id, equipment)


def _check_job_control(loaded: Loaded, plant: schema.Plant, at: str, equipment: schema.Equipment) -> None:
    if not RECEIVER.fullmatch(equipment.job_control):
        right = "a node by its namespace's URI: nsu=<uri>;s=<id> (or i=, g=, b=)"
        loaded.add(f"{at}.job_control", equipment.job_control, right)
    connection = plant.connections.get(equipment.connection)
    if connection is None or connection.connector != "opcua":
        right = "equipment on an OPC UA connection: that is where its job order receiver is"
        loaded.add(f"{at}.job_control", equipment.connection or Literally("no connection"), right)


def _check_parent(
    loaded: Loaded, plant: schema.Plant, equipment_id: str, equipment: schema.Equipment
) -> None:
    at = f"equipment.{equipment_id}.parent"
    if not known(loaded, at, equipment.parent, "equipment", plant.equipment):
        return
    chain = [equipment_id]
    above = equipment.parent
    while above in plant.equipment and above not in chain:
        chain.append(above)
        above = plant.equipment[above].parent
    if above in chain:
        # Whoever only leads into a circle is not to blame; the circle is said once.
        if above == equipment_id == min(chain):
            way = " > ".join([*chain, equipment_id])
            loaded.add(at, equipment.parent, f"a parent that does not lead back to itself ({way})")
        return
    parent, child = _level(plant, equipment.parent), _level(plant, equipment_id)
    if not isa95.may_contain(parent, child):
        loaded.add(at, equipment.parent, f"something above a {child}; {equipment.parent} is a {parent}")


def _level(plant: schema.Plant, equipment_id: str) -> EquipmentLevel:
    equipment = plant.equipment.get(equipment_id)
    if equipment is None:
        return EquipmentLevel.AREA  # it stands there, but could not be read
    if equipment.level is not None:
        return EquipmentLevel(equipment.level)
    definition = plant.classes.get(equipment.equipment_class)
    return EquipmentLevel(definition.level if definition is not None else "WorkUnit")


def _check_places(loaded: Loaded, expansion: Expansion) -> None:
    """Samples carry the place of their equipment: two pieces with signals may not share one."""
    owners: dict[object, str] = {}
    for draft in expansion.drafts:
        place = expansion.places[draft.equipment]
        owner = owners.setdefault(place, draft.equipment)
        if owner != draft.equipment:
            owners[place] = draft.equipment
            loaded.add(
                f"equipment.{draft.equipment}", str(place), f"a place of its own; {owner} stands there"
            )


def _check_connection(loaded: Loaded, name: str, connection: schema.Connection) -> None:
    at = f"connections.{name}"
    if not connection.connector:
        loaded.add(
            f"{at}.connector", "", "the name of a connector: opcua, modbus-tcp, mqtt, shdr, files, ..."
        )
    secrets_in(loaded, f"{at}.settings", connection.settings)
    secrets_in(loaded, f"{at}.options", connection.options)
    secrets_in(loaded, f"{at}.commander", connection.commander)
    secrets_in(loaded, f"{at}.endpoint", connection.endpoint)
    endpoint = connection.endpoint
    if ":" in endpoint and not endpoint.startswith("file:") and not ADDRESS.fullmatch(endpoint):
        loaded.add(f"{at}.endpoint", endpoint, "scheme://host:port, or a file")
