"""A plant for load: some work units with twenty numbers each, all of which change in every scan."""

from __future__ import annotations

from pathlib import Path

UNITS = 100
PER_UNIT = 20


def write(folder: Path, *, units: int = UNITS) -> Path:
    """Write the plant folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    signals = "".join(
        f"      value_{n:02}: {{name: Value {n}, role: process, type: float64, unit: Cel}}\n"
        for n in range(PER_UNIT)
    )
    text = (
        "enterprise: bench\nsite: load\nname: Plant for load\ntime_zone: UTC\n"
        "classes:\n  unit:\n    name: Unit\n    signals:\n"
        + signals
        + "connections:\n  plc:\n    connector: opcua\n"
        '    endpoint: opc.tcp://127.0.0.1:4840\n    address: "ns=2;s={equipment}.{path.dotted}"\n'
        "equipment:\n  line1: {level: ProductionLine, name: Line 1}\n"
    )
    for unit in range(units):
        role = f"class: unit, level: WorkUnit, name: Unit {unit}, parent: line1, connection: plc"
        text += f"  unit{unit:03}: {{{role}}}\n"
    (folder / "plant.yaml").write_text(text, encoding="utf-8")
    return folder
