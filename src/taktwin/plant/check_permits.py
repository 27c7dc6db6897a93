"""What may be wrong with what machines are told: permits, interlocks, set points of parameters."""

from __future__ import annotations

from taktwin.contracts.machine_commands import CATALOGUE, AnswerInterlock, LoadParameters
from taktwin.plant import schema
from taktwin.plant.expand import Expansion
from taktwin.plant.load import Literally, Loaded, one_of
from taktwin.plant.references import known
from taktwin.standards.job_control import Method

WRITABLE = schema.NUMBER_TYPES | {"bool", "string"}
TEXTS = frozenset({"string"})
WHOLE = frozenset({"int16", "int32", "int64", "uint16", "uint32", "uint64"})
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

    for work_unit, interlock in plant.interlocks.items():
        _check_interlock(loaded, plant, f"interlocks.{work_unit}", work_unit, interlock, signals)
    for routing_id, routing in plant.routings.items():
        for number, operation in enumerate(routing.operations):
            at = f"routings.{routing_id}.operations[{number}].parameters"
            for name, parameter in operation.parameters.items():
                _check_parameter(loaded, plant, f"{at}.{name}", operation, parameter, signals)


Signals = dict[str, dict[str, tuple[schema.SignalDefinition, str]]]


def _check_interlock(
    loaded: Loaded, plant: schema.Plant, at: str, work_unit: str, interlock: schema.Interlock,
    signals: Signals,
) -> None:  # fmt: skip
    if not known(loaded, at, work_unit, "equipment", plant.equipment):
        return
    own = signals.get(work_unit, {})
    for field in ("request", "serial", "answer", "answer_serial", "answered"):
        path = getattr(interlock, field)
        wanted = TEXTS if field in ("serial", "answer_serial") else WHOLE
        if known(loaded, f"{at}.{field}", path, "signals", own) and path in own:
            kind = own[path][0].type
            if kind not in wanted:
                right = f"a signal of type {' or '.join(sorted(wanted))}; it is of type {kind}"
                loaded.add(f"{at}.{field}", path, right)
    permit = plant.permits.get(work_unit, {}).get(AnswerInterlock.command_name, schema.Permit())
    for field in ("answer", "answer_serial", "answered"):
        path = getattr(interlock, field)
        if path not in permit.writes and path in own:
            right = f"a signal that permits.{work_unit}.{AnswerInterlock.command_name}.writes lists"
            loaded.add(f"{at}.{field}", path, right)
    if not 0.1 <= interlock.patience_s <= 600.0:
        loaded.add(f"{at}.patience_s", interlock.patience_s, "seconds from 0.1 to 600")


def _check_parameter(
    loaded: Loaded, plant: schema.Plant, at: str, operation: schema.Operation, parameter: schema.Parameter,
    signals: Signals,
) -> None:  # fmt: skip
    places = operation.equipment or [
        name for name, each in plant.equipment.items() if each.equipment_class == operation.equipment_class
    ]
    if parameter.tolerance < 0:
        loaded.add(f"{at}.tolerance", parameter.tolerance, "0 or more")
    for name, target in parameter.at.items():
        if name not in places:
            loaded.add(f"{at}.at.{name}", name, f"a work unit of the operation: {', '.join(places)}")
        low, high = parameter.minimum, parameter.maximum
        if (low is not None and target < low) or (high is not None and target > high):
            loaded.add(f"{at}.at.{name}", target, "a target inside the limits of the parameter")
    if not parameter.signal:
        return
    for name in places:
        if name not in plant.equipment:
            continue
        own = signals.get(name, {})
        if parameter.signal not in own:
            loaded.add(f"{at}.signal", parameter.signal, one_of(parameter.signal, own) + f" of {name}")
            continue
        definition = own[parameter.signal][0]
        if definition.type not in schema.NUMBER_TYPES:
            loaded.add(f"{at}.signal", parameter.signal, f"a signal of a number type, not {definition.type}")
        elif definition.unit != parameter.unit:
            right = f"{definition.unit!r}, the unit of {name}/{parameter.signal}"
            loaded.add(f"{at}.unit", parameter.unit, right)
        permit = plant.permits.get(name, {}).get(LoadParameters.command_name, schema.Permit())
        if parameter.signal not in permit.writes:
            right = f"a signal that permits.{name}.{LoadParameters.command_name}.writes lists"
            loaded.add(f"{at}.signal", parameter.signal, right)


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
