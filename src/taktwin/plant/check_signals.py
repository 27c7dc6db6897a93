"""What may be wrong with signals and their alarms: units, ranges, types, texts, owners."""

from __future__ import annotations

from dataclasses import dataclass

from taktwin import units
from taktwin.plant import check_floor, schema
from taktwin.plant.expand import Expansion
from taktwin.plant.load import Literally, Loaded, one_of
from taktwin.plant.references import fillable, known, unit_expected

ALARM_WORDS = ("equipment", "name", "signal", "zone")
INTEGER_RANGES = {
    f"{sign}int{bits}": (0 if sign else -(2 ** (bits - 1)), 2**bits - 1 if sign else 2 ** (bits - 1) - 1)
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}
# What a role is read as: a state may be a number or a word, a counter only a whole number.
_TYPES_OF_ROLE: dict[str, frozenset[str]] = {
    "good_count": frozenset(INTEGER_RANGES),
    "reject_count": frozenset(INTEGER_RANGES),
    "set_up": frozenset({"bool"}),
    "blocked": frozenset({"bool"}),
    "starved": frozenset({"bool"}),
    "alarm_active": frozenset({"bool"}),
    "power": schema.NUMBER_TYPES,
    "energy": schema.NUMBER_TYPES,
    "cycle_time": schema.NUMBER_TYPES,
    "state": frozenset({*INTEGER_RANGES, "string"}),
}


@dataclass(frozen=True)
class _Where:
    """A declaration, and whether all of it stands there or only what differs from the class."""

    loaded: Loaded
    at: str
    whole: bool

    def say(self, field: str, found: object, expected: str) -> None:
        if self.whole or f"{self.at}.{field}" in self.loaded.spots:
            self.loaded.add(f"{self.at}.{field}", found, expected)


def check(loaded: Loaded, plant: schema.Plant, expansion: Expansion) -> None:
    """Note the mistakes of all declared signals, each declaration once."""
    for class_id, definition in plant.classes.items():
        for path, signal in definition.signals.items():
            _check_signal(
                loaded, plant, _Where(loaded, f"classes.{class_id}.signals.{path}", whole=True), signal
            )
    for draft in expansion.drafts:
        if draft.declared.startswith("equipment."):
            flat = expansion.classes.get(plant.equipment[draft.equipment].equipment_class)
            whole = flat is None or draft.path not in flat.signals
            _check_signal(loaded, plant, _Where(loaded, draft.declared, whole), draft.definition)


def _check_signal(
    loaded: Loaded, plant: schema.Plant, where: _Where, signal: schema.SignalDefinition
) -> None:
    numeric = signal.type in schema.NUMBER_TYPES
    if not units.is_unit(signal.unit):
        where.say("unit", signal.unit, unit_expected(signal.unit))
    elif signal.unit and not numeric and signal.type != "array":
        where.say("unit", signal.unit, f"no unit: a {signal.type} is no quantity")
    allowed = _TYPES_OF_ROLE.get(signal.role)
    if allowed is not None and signal.type not in allowed:
        where.say("type", signal.type, f"for role {signal.role} {one_of(signal.type, sorted(allowed))}")
    _check_range(where, signal, numeric)
    if signal.deadband < 0:
        where.say("deadband", signal.deadband, "0 or more")
    elif signal.deadband > 0 and not numeric:
        where.say("deadband", signal.deadband, f"no deadband: a {signal.type} has no distance")
    for field in ("period_s", "must_move_s"):
        value = getattr(signal, field)
        if value is not None and value <= 0:
            where.say(field, value, "seconds above 0")
    if signal.decimals is not None and not 0 <= signal.decimals <= 9:
        where.say("decimals", signal.decimals, "0 to 9")
    if signal.supply:
        known(loaded, f"{where.at}.supply", signal.supply, "supplies", plant.supplies)
    if signal.position is not None:
        check_floor.check_position(loaded, plant, f"{where.at}.position", signal.position)
    for alarm_id, alarm in signal.alarms.items():
        at = f"{where.at}.alarms.{alarm_id}"
        if where.whole or at in loaded.spots:
            _check_alarm(loaded, plant, at, alarm, signal)


def _check_range(where: _Where, signal: schema.SignalDefinition, numeric: bool) -> None:
    for field in ("minimum", "maximum"):
        value = getattr(signal, field)
        if value is None:
            continue
        if not numeric:
            where.say(field, value, f"no {field}: a {signal.type} has no range")
        elif signal.type in INTEGER_RANGES:
            low, high = INTEGER_RANGES[signal.type]
            if not low <= value <= high:
                where.say(field, value, f"{low} to {high}, what a {signal.type} can hold")
    if signal.minimum is not None and signal.maximum is not None and signal.minimum >= signal.maximum:
        field = "maximum" if f"{where.at}.maximum" in where.loaded.spots else "minimum"
        other = "minimum" if field == "maximum" else "maximum"
        side = "above" if field == "maximum" else "below"
        where.say(field, getattr(signal, field), f"{side} the {other}, {getattr(signal, other):g}")


def _check_alarm(
    loaded: Loaded,
    plant: schema.Plant,
    at: str,
    alarm: schema.AlarmDefinition,
    signal: schema.SignalDefinition,
) -> None:
    kinds = [k for k in ("high", "low") if getattr(alarm, k) is not None] + (
        ["machine"] if alarm.machine else []
    )
    if len(kinds) != 1:
        found = Literally(" and ".join(kinds) or "none of them")
        loaded.add(at, found, "exactly one of high, low, machine: true")
    elif kinds == ["machine"]:
        if signal.type != "bool":
            loaded.add(
                f"{at}.machine", True, f"a limit: machine: true is for bool signals, this is {signal.type}"
            )
    elif signal.type not in schema.NUMBER_TYPES:
        loaded.add(
            f"{at}.{kinds[0]}", getattr(alarm, kinds[0]), f"machine: true; a {signal.type} has no limit"
        )
    else:
        value = getattr(alarm, kinds[0])
        low, high = signal.minimum, signal.maximum
        if low is not None and high is not None and low >= high:
            low = high = None  # the range itself is wrong, and said
        if (low is not None and value < low) or (high is not None and value > high):
            told = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"
            loaded.add(f"{at}.{kinds[0]}", value, f"a limit inside the signal's range, {told}")
    for field in ("message", "consequence", "response"):
        text: str = getattr(alarm, field)
        if not text.strip():
            right = {
                "message": "what is wrong, in a sentence",
                "consequence": "what happens if nobody acts",
                "response": "what the owner has to do: without a response it is an event and no alarm",
            }[field]
            loaded.add(f"{at}.{field}", text, right)
        fillable(loaded, f"{at}.{field}", text, ALARM_WORDS)
    fillable(loaded, f"{at}.cause", alarm.cause, ALARM_WORDS)
    if alarm.cause and "{" not in alarm.cause and alarm.cause not in plant.supplies:
        known(loaded, f"{at}.cause", alarm.cause, "equipment", plant.equipment)
    if alarm.medium:
        media = dict.fromkeys(supply.medium for supply in plant.supplies.values())
        known(loaded, f"{at}.medium", alarm.medium, "supplies", media)
    for field in ("hysteresis", "delay_s"):
        if getattr(alarm, field) < 0:
            loaded.add(f"{at}.{field}", getattr(alarm, field), "0 or more")
    known(loaded, f"{at}.owner_role", alarm.owner_role, "personnel_classes", plant.personnel_classes)
