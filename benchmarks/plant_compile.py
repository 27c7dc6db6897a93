"""How fast a plant folder becomes a registry: 20,000 signals, against the bare YAML parser.

The plant is 100 lines of 8 units of 25 signals; a tenth of all signals has its address, range or
period by hand. The peer is PyYAML's C loader making plain Python values of the same files: what
nobody who reads this YAML can do without.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from taktwin.plant import open_plant

SIGNALS = 20_000
BAR_S = 2.0
LINES, UNITS, PER_UNIT = 100, 8, 25
ROUNDS = 5


def write_plant(folder: Path) -> list[Path]:
    """Write the plant and return its files."""
    signals = "".join(
        f"      group{n % 5}/value_{n}: {{name: Value {n}, role: process, type: float32, unit: Cel,"
        f" minimum: -50, maximum: {200 + n}, deadband: 0.1}}\n"
        for n in range(PER_UNIT - 2)
    )
    files = {
        "plant.yaml": "enterprise: bench\nsite: big\nname: Big plant\ntime_zone: UTC\n"
        "include: [classes.yaml, connections.yaml, lines/*.yaml]\n",
        "classes.yaml": "classes:\n  unit:\n    name: Unit\n    state_model: packml\n    signals:\n"
        "      state: {role: state, type: int32}\n"
        "      good_count: {role: good_count, type: uint32}\n" + signals,
        "connections.yaml": "connections:\n"
        + "".join(
            f"  plc{line}:\n    connector: opcua\n    endpoint: opc.tcp://10.0.0.{line}:4840\n"
            '    address: "ns=2;s={equipment}.{path.dotted}"\n'
            for line in range(LINES)
        ),
    }
    for line in range(LINES):
        text = f"equipment:\n  line{line}: {{level: ProductionLine, name: Line {line}}}\n"
        for unit in range(UNITS):
            text += (
                f"  unit{line}_{unit}:\n    class: unit\n    name: Unit {unit} of line {line}\n"
                f"    parent: line{line}\n    connection: plc{line}\n    standard_cycle_s: 45\n    signals:\n"
            )
            for n in range(PER_UNIT // 10 + (unit % 2)):
                address = f"ns=2;s=hand.{line}.{unit}.{n}"
                text += f'      group{n % 5}/value_{n}: {{address: "{address}", period_s: 5}}\n'
        files[f"lines/line{line}.yaml"] = text
    paths = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def run() -> list[dict[str, Any]]:
    """Return the rows of this benchmark: best of five, seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_plant(folder)
        registry = open_plant(folder)
        assert len(registry.signals) == SIGNALS, "the plant that the bar speaks of"
        ours_s = _best(lambda: open_plant(folder))
        peer_s = _best(lambda: [yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader) for path in files])
    return [
        {
            "area": "spine",
            "name": f"plant folder of {SIGNALS:,} signals checked and compiled",
            "value": round(ours_s, 3),
            "unit": "s",
            "peer": "PyYAML C loader alone on the same files",
            "peer_value": round(peer_s, 3),
            "ratio": round(peer_s / ours_s, 3),
            "bar": f"<= {BAR_S:g} s",
            "met": ours_s <= BAR_S,
        }
    ]


def _best(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    for row in run():
        print(row)
