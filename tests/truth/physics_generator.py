"""Physics files that nobody chose, and days of outages: both follow from one text, such as a commit.

Whatever the plant model says stays as it is; everything that it does not say may be different:
rates and lengths of stops, cycle times, set-ups, orders, tools, rejects, causes. Two things bind a
plant that is described truly: the two cells without a state signal draw powers between the steps of
the plant model, and they have no set-ups and reject no parts, which nothing of theirs could tell.
"""

from __future__ import annotations

import hashlib
import math
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from taktwin.instants import SECOND_NS
from taktwin.plant.registry import Registry
from taktwin.virtual_plant.strict import StrictFile
from tests.truth.harness import Outage, deciding_signal

ROOT = Path(__file__).parents[2]
PLANT = ROOT / "examples/plants/northfield"
TWIN = ("src/taktwin/twin", "src/taktwin/measures")

# Lowest and highest mean power in each step of the plant model that noise (3 sigma of 3 %) and the
# deadband cannot carry over its edge, kW.
SILENT_KW: dict[str, dict[str, tuple[float, float]]] = {
    "deburr": {"production": (3.6, 9.0), "waiting": (1.2, 1.35), "fault": (0.6, 0.92), "off": (0.0, 0.4)},
    "pack": {"production": (1.5, 4.5), "waiting": (0.8, 0.95), "fault": (0.43, 0.61), "off": (0.0, 0.26)},
}
ODD_DAYS = ("2026-03-29", "2026-10-25", "2026-05-01", "2026-10-26")  # clocks change; holidays


def twin_commit() -> str:
    """Return the last commit that touched the twin or its measures; without git a hash of their content."""
    done = subprocess.run(
        ["git", "log", "-1", "--format=%H", "--", *TWIN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 and done.stdout.strip():
        return done.stdout.strip()
    content = hashlib.sha256()
    for folder in TWIN:
        for path in sorted((ROOT / folder).rglob("*.py")):
            content.update(path.read_bytes())
    return content.hexdigest()


def write_physics(commit: str, number: int, folder: Path) -> Path:
    """Write a physics file that follows from a commit and a number, and return where it is."""
    document = StrictFile(PLANT / "physics.yaml").document
    vary(document, random.Random(f"{commit}/physics/{number}"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"physics-{number:02d}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def vary(document: dict[str, Any], chance: random.Random) -> None:
    """Change a physics document in place."""
    document["warm_up_h"] = chance.choice((0, 2, 9))
    document["orders"] = {
        "families": chance.choice(([100, 200], [200, 100, 100], [100])),
        "lot": chance.randint(2, 60),
        "campaign": chance.randint(1, 12),
        "pause_every": chance.choice((0, 1, 3, 7, 15)),
        "pause_min": round(_log(chance, 0.05, 90.0), 2),
    }
    for name, kind in document["kinds"].items():
        if name in ("compressor", "hvac", "meter"):
            continue
        silent = bool(kind.get("silent"))
        kind["cycle_cv"] = round(_log(chance, 0.001, 0.3), 4)
        kind["reject"] = 0.0 if silent else round(chance.choice((0.0, 0.0, _log(chance, 0.001, 0.1))), 4)
        kind["set_up_min"] = 0.0 if silent else round(chance.choice((0.0, _log(chance, 0.1, 60.0))), 2)
        kind["failure"] = _trouble(chance, kind.get("failure"), every_h=(0.3, 60.0), minutes=(0.02, 120.0))
        # A second of trouble every few minutes, or an hour of it once a day.
        kind["jam"] = _trouble(chance, kind.get("jam"), every_h=(0.05, 12.0), minutes=(0.02, 6.0))
        if name in ("lathe", "hob", "grind"):
            kind["tool"] = {
                "life": chance.randint(5, 900),
                "change_s": round(_log(chance, 1.0, 1200.0), 1),
                "dress_every": chance.choice((0, 7, 60)),
                "dress_s": round(_log(chance, 1.0, 120.0), 1),
            }
        if silent:
            bands = SILENT_KW[name]
            kind["power"] = {key: round(chance.uniform(*bands[key]), 3) for key in bands} | {"ripple": 0.03}
    document["kinds"]["furnace"]["batch"] = chance.choice((1, 12, 24, 48))
    for unit in document["units"].values():
        if unit["kind"] not in ("compressor", "hvac", "meter", "furnace"):
            unit["cycle_s"] = round(_log(chance, 6.0, 160.0), 1)
    document["units"]["furnace1"]["cycle_s"] = round(_log(chance, 60.0, 2400.0), 1)
    causes = document["causes"]
    for cause in causes.values():
        cause["on"] = chance.random() < 0.7
    causes["operator_method"]["factor"] = round(_log(chance, 1.0, 40.0), 1)
    causes["bearing_wear"] |= {"life_h": round(_log(chance, 30.0, 600.0)), "first": {"turn1": 5, "grind2": 2}}
    causes["bearing_wear"]["repair_min"] = round(_log(chance, 2.0, 400.0), 1)
    causes["compressor_valve"] |= {"onset_h": 2, "rise_h": chance.choice((3, 40))}


def _trouble(
    chance: random.Random,
    known: dict[str, Any] | None,
    *,
    every_h: tuple[float, float],
    minutes: tuple[float, float],
) -> dict[str, Any]:
    trouble = dict(known or {"code": 9, "text": "stopped", "priority": 3})
    trouble["every_h"] = 0.0 if chance.random() < 0.2 else round(_log(chance, *every_h), 3)
    trouble["minutes"] = round(_log(chance, *minutes), 3)
    trouble["sigma"] = round(chance.uniform(0.0, 1.2), 2)
    return trouble


def _log(chance: random.Random, low: float, high: float) -> float:
    """Return a number of any order of magnitude in between."""
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def day_of(commit: str, number: int) -> int:
    """Return the start of a day for a physics file: any hour of any day, some of them odd ones."""
    chance = random.Random(f"{commit}/day/{number}")
    if number % 7 == 3:
        day = datetime.fromisoformat(chance.choice(ODD_DAYS)).replace(tzinfo=UTC) - timedelta(hours=12)
    else:
        day = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chance.randint(0, 364))
    return int((day + timedelta(hours=chance.randint(0, 23))).timestamp()) * SECOND_NS


def outages_of(
    registry: Registry, chance: random.Random, from_ns: int, to_ns: int, count: int
) -> list[Outage]:
    """Return outages anywhere in a window, of all kinds, from seconds to hours; they may overlap."""
    servers = sorted(
        name for name, c in registry.connections.items() if c.connector in ("opcua", "modbus-tcp")
    )
    signals = [deciding_signal(registry, str(unit.id)) for unit in registry.work_units]
    deciding = sorted(str(signal.id) for signal in signals if signal is not None)
    sensors = [str(s.id) for s in registry.signals if s.connection == "sensors" and s.type != "array"]
    chance.shuffle(deciding)
    found = []
    for _ in range(count):
        kind = chance.choice(
            ("cut_server", "cut_server", "freeze_server", "kill_gateway", "bad_signal", "silence_sensor")
        )
        least_s = {"freeze_server": 6.0, "kill_gateway": 1.5, "cut_server": 2.5}.get(kind, 5.0)
        lasting_ns = int(_log(chance, least_s, 1800.0) * 1000) * 1_000_000
        start_ns = chance.randrange(from_ns + 60 * SECOND_NS, to_ns - 3660 * SECOND_NS, 1_000_000)
        if kind == "bad_signal":
            target = deciding.pop()  # each once
        elif kind == "silence_sensor":
            target = chance.choice(sensors)
        else:
            target = "" if kind == "kill_gateway" else chance.choice(servers)
        found.append(Outage(kind, target, start_ns, start_ns + lasting_ns))
    return sorted(found, key=lambda outage: outage.from_ns)
