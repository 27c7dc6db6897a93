"""What the plant folder permits the commander, per machine and command. Pure.

Comes in: a command and the compiled plant. Goes out: the reason why it may not be carried, or nothing.
What the plant folder does not list is refused; there is no way around it and no exception for anybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from taktwin.contracts.machine_commands import Calls, MachineCommand, MachineData, Outcome, Values, Wanted
from taktwin.identity import EquipmentId, SignalId
from taktwin.plant.registry import Registry, Signal
from taktwin.plant.schema import NUMBER_TYPES, Permit

REASON_MAX = 500  # letters


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command is not carried: place, found, right."""

    outcome: Outcome  # forbidden | invalid
    place: str
    found: str
    right: str


def refusal(registry: Registry, command: MachineCommand, wish: MachineData) -> Refusal | None:
    """Return why a command may not be carried; None if it may."""
    return _who_and_why(command) or _permitted(registry, command, wish)


def _who_and_why(command: MachineCommand) -> Refusal | None:
    for place, text in (("actor", command.actor), ("reason", command.reason), ("id", command.id)):
        if not text.strip() or len(text) > REASON_MAX or not text.isprintable():
            return Refusal(Outcome.INVALID, place, repr(text[:80]), f"1 to {REASON_MAX} printable letters")
    return None


def _permitted(registry: Registry, command: MachineCommand, wish: MachineData) -> Refusal | None:
    permit = registry.permits.get(command.work_unit, {}).get(command.name)
    if permit is None:
        listed = ", ".join(sorted(registry.permits.get(command.work_unit, {}))) or "nothing"
        return Refusal(Outcome.FORBIDDEN, f"permits.{command.work_unit}", command.name,
                       f"what the plant folder permits there: {listed}")  # fmt: skip
    if isinstance(wish, Calls) and wish.method not in permit.methods:
        place = f"permits.{command.work_unit}.{command.name}.methods"
        right = f"one of {', '.join(permit.methods) or 'nothing'}"
        return Refusal(Outcome.FORBIDDEN, place, wish.method, right)
    if isinstance(wish, Values):
        wanted = [*wish.values, *wish.then]
        if not wanted:
            return Refusal(Outcome.INVALID, "values", "nothing", "what is to be written")
        for each in wanted:
            found = _value(registry, command, permit, each)
            if found is not None:
                return found
    return None


def _value(registry: Registry, command: MachineCommand, permit: Permit, wanted: Wanted) -> Refusal | None:
    place = f"permits.{command.work_unit}.{command.name}.writes"
    if wanted.signal not in permit.writes:
        return Refusal(
            Outcome.FORBIDDEN, place, wanted.signal, f"one of {', '.join(permit.writes) or 'nothing'}"
        )
    signal = signal_of(registry, command.work_unit, wanted.signal)
    right = "" if signal is None else expected(signal, wanted.value)
    if right:
        return Refusal(Outcome.FORBIDDEN, f"{command.work_unit}/{wanted.signal}", repr(wanted.value), right)
    return None


def signal_of(registry: Registry, work_unit: str, path: str) -> Signal | None:
    """Return a signal of a work unit; None where the plant has none of this path."""
    if EquipmentId(work_unit) not in registry.equipment:
        return None
    return registry.by_id.get(SignalId(f"{work_unit}/{path}"))


def expected(signal: Signal, value: Any) -> str:
    """Return what would be right where a value is none that a signal may have; "" if it is one."""
    if signal.type in NUMBER_TYPES:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"a number ({signal.type})"
        if not math.isfinite(value) or (not signal.type.startswith("float") and value != int(value)):
            return f"a number that a {signal.type} can hold"
        low, high = _range(signal)
        if not low <= value <= high:
            return f"a value from {low:g} to {high:g} {signal.unit}".rstrip()
        return ""
    if signal.type == "bool":
        return "" if isinstance(value, bool) else "true or false"
    if signal.type == "string":
        return "" if isinstance(value, str) and len(value) <= REASON_MAX else "a short text"
    return f"a signal of another type: a {signal.type} is never written"


def _range(signal: Signal) -> tuple[float, float]:
    low, high = _LIMITS.get(signal.type, (-math.inf, math.inf))
    return (
        low if signal.minimum is None else max(low, signal.minimum),
        high if signal.maximum is None else min(high, signal.maximum),
    )


_LIMITS: dict[str, tuple[float, float]] = {
    **{f"uint{bits}": (0.0, float(2**bits - 1)) for bits in (8, 16, 32, 64)},
    **{f"int{bits}": (-float(2 ** (bits - 1)), float(2 ** (bits - 1) - 1)) for bits in (8, 16, 32, 64)},
    "float32": (-3.4028235e38, 3.4028235e38),
}
