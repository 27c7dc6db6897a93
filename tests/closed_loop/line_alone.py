"""A plant folder of one line alone: what the demo's folder says of it, and nothing of the rest.

The line makes parts from bar to where they leave it. Nothing is written by hand: what the demo's folder
changes, this one changes too.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from taktwin.virtual_plant.strict import StrictFile

NORTHFIELD = Path(__file__).resolve().parents[2] / "examples" / "plants" / "northfield"
WHOLE = ("calendars.yaml", "people.yaml", "stops.yaml", "physics.yaml")  # files that are true of a line too
KEPT_OF_PLANT = ("enterprise", "site", "time_zone")


def written(
    folder: Path, line: str = "line1", source: Path = NORTHFIELD, *, lives: Mapping[str, int] | None = None
) -> Path:
    """Write the plant folder of a line of another plant, and return it.

    `lives`: other lives of tools, in parts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source / "classes", folder / "classes", dirs_exist_ok=True)
    for path in sorted((folder / "classes").glob("*.yaml")):
        kinds = _of(path)
        for each in kinds["classes"].values():
            each.pop("infer", None)  # nobody plays the power of an old cell here: its counter is all it says
        path.write_text(yaml.safe_dump(kinds, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for name in WHOLE:
        shutil.copyfile(source / name, folder / name)
    equipment = _of(source / "equipment" / f"{line}.yaml")["equipment"]
    units = {name: each for name, each in equipment.items() if "class" in each}
    services = _of(source / "equipment" / "utilities.yaml")["equipment"]
    supplies = {
        name: {**each, "targets": [line]} for name, each in _of(source / "flow.yaml")["supplies"].items()
        if line in each["targets"] and services.get(each["source"], {}).get("class") == "compressor"
    }  # fmt: skip
    for each in units.values():
        each.pop("signals", None)  # what a single machine says through a second connection
    classes = {each["class"] for each in units.values()}
    products, tools, routings = _products(_of(source / "products.yaml"), classes)
    for name, parts in (lives or {}).items():
        tools[name]["life_parts"] = parts
    flow = {
        name: each for name, each in _of(source / "flow.yaml")["buffers"].items()
        if {*each["sources"], *each["targets"]} <= units.keys()
    }  # fmt: skip
    quality, money = _of(source / "quality.yaml"), _of(source / "economics.yaml")["economics"]
    made = {
        name: each
        for name, each in quality["characteristics"].items()
        if each["measured_by"] in classes and each.get("signal")
    }
    plant = _of(source / "plant.yaml")
    connections = _of(source / "connections.yaml")["connections"]
    whole: dict[str, Any] = {
        **{name: plant[name] for name in KEPT_OF_PLANT},
        "name": f"{equipment[line]['name']} of {plant['name']}",
        "include": ["classes/*.yaml", *WHOLE[:3]],
        "floor": {name: plant["floor"][name] for name in ("width_m", "depth_m")},
        "connections": {name: connections[name] for name in (line, "sensors", "utilities")},
        "equipment": {**equipment, **_with_parents(services, {each["source"] for each in supplies.values()})},
        "supplies": supplies, "buffers": flow, "products": products, "tools": tools, "routings": routings,
        "characteristics": made, "defects": {"dimension": quality["defects"]["dimension"]},
        "economics": {
            **money,
            "contribution_per_part": {},
            **{
                name: {key: value for key, value in money[name].items() if key in known}
                for name, known in (("scrap_cost_per_part", products), ("stop_cost_per_h", units),
                                    ("tool_cost", tools))
            },
        },
        "demo": {"physics": "physics.yaml"},
    }  # fmt: skip
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
    (folder / "plant.yaml").write_text(text, encoding="utf-8")
    return folder


def _with_parents(equipment: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    """Return equipment with all that it stands in."""
    found: dict[str, Any] = {}
    todo = sorted(wanted)
    while todo:
        name = todo.pop()
        if name in equipment and name not in found:
            found[name] = equipment[name]
            todo.append(str(equipment[name].get("parent", "")))
    return dict(reversed(found.items()))


def _of(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = StrictFile(path).document
    return document


def _products(whole: dict[str, Any], classes: set[str]) -> tuple[dict[str, Any], ...]:
    """Return products, tools and routings, each routing as far as the line does it."""
    routings = {
        name: {**each, "operations": [step for step in each["operations"] if step["class"] in classes]}
        for name, each in whole["routings"].items()
        if each["operations"][0]["class"] in classes
    }
    made = {name: each for name, each in whole["products"].items() if each.get("routing") in routings}
    bought = {item["product"] for each in made.values() for item in each["bill_of_material"]}
    products = {name: each for name, each in whole["products"].items() if name in made or name in bought}
    used = {
        tool for each in routings.values() for step in each["operations"] for tool in step.get("tools", ())
    }
    return products, {name: whole["tools"][name] for name in used}, routings
