"""Physics files that nobody has seen, out of a hash: other speeds, spreads, failures, yields, demand.

    python tools/physics_files.py <commit or any hash> --number 0 --out var/physics-0.yaml

Whatever claims to learn a plant from its history is judged on such files. The same hash and number give the
same file for ever; the hash of a commit that came after the code was written is one that its authors could
not tune to. All values stay within bounds that a plant of this kind may have, and the demand is set so that
the busiest unit has a load between two thirds and four fifths of what it could do.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import math
import sys
from pathlib import Path
from random import Random
from typing import Any

import yaml

from taktwin.entropy import Entropy
from taktwin.identity import EquipmentId
from taktwin.plant import open_plant
from taktwin.plant.registry import Registry
from taktwin.virtual_plant import physics
from taktwin.virtual_plant.physics import Physics, Trouble
from taktwin.virtual_plant.strict import StrictFile
from taktwin.virtual_plant.written.routes import routes_of

PLANT = Path(__file__).resolve().parents[1] / "examples" / "plants" / "northfield"
VERSION = 1  # of the way from a hash to a file: another one makes other files
LOAD = (0.66, 0.80)  # of the busiest unit
MONDAY_NS = 1_781_503_200_000_000_000  # 2026-06-15T06:00:00Z: any week without a holiday
WEEK_NS = 7 * 86_400 * 1_000_000_000
SHIFT_S = 8 * 3600.0
CHANGES_PER_SHIFT = 1.0  # of family, at a unit that makes both


def document(base: dict[str, Any], digest: str, number: int) -> dict[str, Any]:
    """Return the physics of a hash and a number, before its demand is set.

    Parameters
    ----------
    base : a physics file as YAML has it; it is not changed
    digest : any text; that of a commit as an example
    """
    seed = int.from_bytes(hashlib.sha256(f"{VERSION}/{digest}/{number}".encode()).digest()[:7])
    entropy = Entropy(seed)
    made = copy.deepcopy(base)
    for name, kind in sorted(made["kinds"].items()):
        _kind(kind, entropy.stream(f"kind/{name}"))
    factors: dict[str, float] = {}
    for name, unit in sorted(made["units"].items()):
        if unit["kind"] in ("compressor", "hvac", "meter"):
            continue
        chance = entropy.stream(f"unit/{name}")
        # Every other standard time is wrong: nobody has measured since the routing was written.
        if chance.random() < 0.5:
            factors[name] = round(chance.uniform(0.86, 1.16), 3)
        failure = made["kinds"][unit["kind"]].get("failure")
        if failure is not None and chance.random() < 0.3:  # machines of one kind that are not alike
            unit["failure"] = {"every_h": round(failure["every_h"] * math.exp(chance.uniform(-0.6, 0.6)), 1)}
    chance = entropy.stream("causes")
    causes = made["causes"]
    causes["standard_times"] = {"on": True, "factors": factors}
    causes["bearing_wear"] |= {
        "life_h": round(chance.uniform(300, 900)), "repair_min": round(chance.uniform(120, 300)),
        "first": {},
    }  # fmt: skip
    causes["compressor_valve"] |= {
        "on": chance.random() < 0.7, "slow_per_bar": round(chance.uniform(0.02, 0.16), 3),
        "onset_h": round(chance.uniform(10, 100)), "rise_h": round(chance.uniform(80, 240)),
    }  # fmt: skip
    causes["operator_method"] |= {"factor": round(chance.uniform(1.5, 6.0), 2)}
    causes["bearing_lot"] |= {"share": round(chance.uniform(0.0, 0.05), 4)}
    chance = entropy.stream("demand")
    made["demand"] |= {
        "season": round(chance.uniform(0.0, 0.12), 3), "mix": round(chance.uniform(0.0, 0.18), 3),
        "week_sigma": round(chance.uniform(0.0, 0.06), 3), "rush_share": round(chance.uniform(0.0, 0.06), 3),
        "due_h": round(chance.uniform(40, 90)),
    }  # fmt: skip
    made["people"] |= {"falls_every_h": round(chance.uniform(0.8, 5.0), 2)}
    return made


def _kind(kind: dict[str, Any], chance: Random) -> None:
    kind["cycle_cv"] = round(min(0.12, kind.get("cycle_cv", 0.01) * math.exp(chance.uniform(-0.5, 1.6))), 4)
    if "set_up_min" in kind:
        kind["set_up_min"] = round(kind["set_up_min"] * chance.uniform(0.6, 1.4), 1)
    kind["reject"] = round(chance.uniform(0.0, 0.012), 4)
    for what in ("failure", "jam"):
        if what in kind:
            kind[what] |= {
                "every_h": round(kind[what]["every_h"] * math.exp(chance.uniform(-0.7, 0.8)), 2),
                "minutes": round(kind[what]["minutes"] * math.exp(chance.uniform(-0.6, 0.6)), 2),
                "sigma": round(chance.uniform(0.3, 0.9), 2),
            }  # fmt: skip
    scale = chance.uniform(0.8, 1.25)
    for state, value in kind.get("power", {}).items():
        if state != "ripple":
            kind["power"][state] = round(value * scale, 2)


def loads(registry: Registry, plant: Physics) -> dict[str, float]:
    """Return how busy the demand makes each unit, over what it could do in a week; an estimate."""
    routes = routes_of(registry)
    parts = dict(plant.demand.parts_per_week)
    for name, wanted in list(parts.items()):
        for operation in routes[name].operations:
            for each in operation.components:
                if each.product in routes:
                    parts[each.product] = parts.get(each.product, 0.0) + wanted * each.quantity
    needed_s: dict[str, float] = {}
    for name, wanted in parts.items():
        for operation in routes[name].operations:
            places = [place for place in operation.work_units if place in plant.units]
            for place in places:
                needed_s[place] = needed_s.get(place, 0.0) + operation.each_s * wanted / len(places)
    found: dict[str, float] = {}
    times = plant.causes.standard_times
    for place, seconds in needed_s.items():
        unit = plant.units[place]
        calendar = registry.calendars.get(registry.equipment[EquipmentId(place)].calendar)
        spans = [(0, WEEK_NS)]
        if calendar is not None:
            spans = calendar.planned_intervals(MONDAY_NS, MONDAY_NS + WEEK_NS)
        planned_s = sum(to_ns - from_ns for from_ns, to_ns in spans) / 1e9
        lost = _lost(unit.failure) + _lost(unit.jam)
        busy_s = seconds * (times.factors.get(place, 1.0) if times.on else 1.0) * (1.0 + lost)
        set_ups_s = CHANGES_PER_SHIFT * planned_s / SHIFT_S * unit.set_up_min * 60
        found[place] = (busy_s + set_ups_s) / planned_s
    return found


def _lost(trouble: Trouble) -> float:
    """Return the hours of standing for each hour of working."""
    mean_h = trouble.minutes / 60 * math.exp(trouble.sigma**2 / 2)
    return mean_h / trouble.every_h if trouble.every_h > 0 else 0.0


def write(
    digest: str, number: int, path: Path, *, plant: Path = PLANT, registry: Registry | None = None
) -> Physics:
    """Write the physics file of a hash and a number for a plant, and return what is in it."""
    registry = registry or open_plant(plant)
    # Not as YAML 1.1 has it, for which the word `on` is true.
    base = StrictFile(plant / "physics.yaml").document
    made = document(base, digest, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), encoding="utf-8")
    busiest = max(loads(registry, physics.load(path)).values())
    chance = Entropy(
        int.from_bytes(hashlib.sha256(f"{VERSION}/load/{digest}/{number}".encode()).digest()[:7])
    )
    factor = chance.stream("load").uniform(*LOAD) / busiest
    wanted = made["demand"]["parts_per_week"]
    made["demand"]["parts_per_week"] = {name: round(parts * factor) for name, parts in wanted.items()}
    head = f"# Made by tools/physics_files.py, version {VERSION}, of {digest} number {number}.\n"
    text = head + yaml.safe_dump(made, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return physics.load(path)


def main() -> int:
    """Write one file, and print how busy its units are."""
    parser = argparse.ArgumentParser(description="physics files out of a hash")
    parser.add_argument("digest")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plant", type=Path, default=PLANT)
    options = parser.parse_args()
    made = write(options.digest, options.number, options.out, plant=options.plant)
    for unit, load in sorted(loads(open_plant(options.plant), made).items(), key=lambda each: -each[1]):
        print(f"{unit:<12} {load:6.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
