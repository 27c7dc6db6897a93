"""What may be wrong with permits: work units, commands, signals and methods that the commander may use."""

from __future__ import annotations

from taktwin.contracts.machine_commands import CATALOGUE
from taktwin.plant import schema
from taktwin.plant.expand import Expansion
from taktwin.plant.load import Literally, Loaded
from taktwin.plant.references import known
from taktwin.standards.job_control import Method

WRITABLE = schema.NUMBER_TYPES | {"bool", "string"}
WRITERS = ("opcua",)  # connectors over which the commander can write


def check(loaded: Loaded, plant: schema.Plant, expansion: Expansion) -> None:
    """Note the mistakes of all permits."""
    signals: dict[str, dict[str, tuple[schema.SignalDefinition, str]]] = {}
    for draft in expansion.drafts:
        signals.setdefault(draft.equipment, {})[draft.path] = (draft.definition, draft.connection)
    for work_unit, permits in plant.permits.items():
        at = f"permits.{work_unit}"
        if not known(loaded, at, work_unit, "equipment", plant.equipment):
            continue
        for command, permit in permits.items():
            if known(loaded, f"{at}.{command}", command, "commands to machines", CATALOGUE):
                _check_permit(loaded, plant, f"{at}.{command}", permit, signals.get(work_unit, {}))


def _check_permit(
    loaded: Loaded, plant: schema.Plant, at: str, permit: schema.Permit,
    signals: dict[str, tuple[schema.SignalDefinition, str]],
) -> None:  # fmt: skip
    if not permit.writes and not permit.methods:
        loaded.add(at, Literally("nothing permitted"), "writes: [...] or methods: [...], or no entry at all")
    for number, path in enumerate(permit.writes):
        spot = f"{at}.writes[{number}]"
        if path in permit.writes[:number]:
            loaded.add(spot, path, "each signal once")
        if not known(loaded, spot, path, "signals", signals) or path not in signals:
            continue
        definition, connection = signals[path]
        if definition.type not in WRITABLE:
            loaded.add(spot, path, f"a signal that can be written; it is of type {definition.type}")
        connector = plant.connections[connection].connector if connection in plant.connections else ""
        if connector not in WRITERS:
            right = f"a signal over {' or '.join(WRITERS)}; {path} comes over {connector or 'no connection'}"
            loaded.add(spot, path, right)
    for number, method in enumerate(permit.methods):
        spot = f"{at}.methods[{number}]"
        known(loaded, spot, method, "methods", [str(each.value) for each in Method])
        if method in permit.methods[:number]:
            loaded.add(spot, method, "each method once")
