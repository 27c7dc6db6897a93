"""What can be done to a running plant: the catalogue, what each needs, and what was asked.

Pure: whoever serves the queries hands in requests and gets an answer or a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from taktwin.plant.registry import Registry


class Injection(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do to the plant."""

    kind: str
    target: str = ""  # a unit, zone, connection, signal or sensor, as the kind says
    duration_s: float = 60.0  # plant time
    parameters: dict[str, Any] = {}


class InjectionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it is done, or why not."""

    accepted: bool
    id: str = ""
    reason: str = ""
    from_ns: int = 0
    to_ns: int = 0


class InjectionKind(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the catalogue."""

    kind: str
    target: str  # unit | zone | connection | signal | sensor
    title: str
    parameters: dict[str, str] = {}  # name -> what it means
    targets: list[str] = []


class ActiveInjection(msgspec.Struct, frozen=True, kw_only=True):
    """What is being done now."""

    id: str
    kind: str
    target: str
    from_ns: int
    to_ns: int


class Injections(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "injections"."""

    kinds: list[InjectionKind]
    active: list[ActiveInjection]


@dataclass(frozen=True, slots=True)
class _Kind:
    target: str
    title: str
    parameters: dict[str, str]


_CATALOGUE: dict[str, _Kind] = {
    "break_machine": _Kind("unit", "Break a machine", {"text": "what the machine says"}),
    "heat_zone": _Kind("zone", "Heat a zone", {"kelvin": "how much, 8 if absent"}),
    "bad_lot": _Kind("unit", "Load a bad lot of bearings or adhesive", {}),
    "worn_insert": _Kind(
        "unit", "Put a worn insert in", {"times": "how much faster than others it wears, 2 if absent"}
    ),
    "change_tool": _Kind("unit", "Put another tool in, as somebody at the machine does", {}),
    "cut_server": _Kind("connection", "Cut a server's cable", {}),
    "freeze_session": _Kind("connection", "Freeze a server: connected, but silent", {}),
    "freeze_signal": _Kind("signal", "Freeze a signal at its value", {}),
    "silence_signal": _Kind("signal", "Silence one signal", {}),
    "cut_sensor": _Kind("sensor", "Cut all signals of one sensor or unit", {}),
    "skew_clock": _Kind("connection", "Set a source's clock wrong", {"seconds": "how much, 600 if absent"}),
    "malformed_payload": _Kind("signal", "Let a source send nonsense once", {}),
}
PHYSICAL = frozenset(("break_machine", "heat_zone", "bad_lot", "worn_insert", "change_tool"))


def targets_of(kind: str, registry: Registry) -> list[str]:
    """Return what a kind of injection can be done to in a plant."""
    target = _CATALOGUE[kind].target
    if kind == "bad_lot":
        with_lots = [e.id for e in registry.work_units if e.id.startswith(("press", "adhesive"))]
        return [str(each) for each in with_lots]
    if kind in ("worn_insert", "change_tool"):
        path = "diameter" if kind == "worn_insert" else "tool/number"  # where it shows
        there = {signal.equipment for signal in registry.signals if signal.path == path}
        return [str(e.id) for e in registry.work_units if e.id in there]
    if target == "unit":
        return [str(e.id) for e in registry.work_units]
    if target == "zone":
        return sorted(zone.id for zone in registry.zones)
    if target == "connection":
        return sorted(registry.connections)
    if target == "signal":
        return [str(signal.id) for signal in registry.signals]
    return sorted({str(signal.equipment) for signal in registry.signals})


def catalogue(registry: Registry, *, with_physics: bool = True) -> list[InjectionKind]:
    """Return all kinds with their targets; lists of signals are left out, they are in the registry."""
    return [
        InjectionKind(
            kind=kind,
            target=each.target,
            title=each.title,
            parameters=each.parameters,
            targets=[] if each.target == "signal" else targets_of(kind, registry),
        )
        for kind, each in _CATALOGUE.items()
        if with_physics or kind not in PHYSICAL
    ]


def refusal(injection: Injection, registry: Registry, *, with_physics: bool = True) -> str:
    """Return why an injection cannot be done, "" if it can."""
    if injection.kind not in _CATALOGUE:
        return f"kind {injection.kind!r}: expected one of {', '.join(_CATALOGUE)}"
    if injection.kind in PHYSICAL and not with_physics:
        return f"{injection.kind}: a recording cannot be changed, only its connection"
    if not 0 < injection.duration_s <= 7 * 86_400:
        return f"duration_s {injection.duration_s}: expected more than 0 and at most a week"
    if injection.target not in targets_of(injection.kind, registry):
        return f"target {injection.target!r}: expected a {_CATALOGUE[injection.kind].target} of this plant"
    for name in ("kelvin", "seconds", "times"):
        value = injection.parameters.get(name, 0.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"parameters.{name} {value!r}: expected a number"
    return ""
