"""A plant as it would be: the plant's own folder with a change laid over it that is not built yet.

In: a folder with a `plant.yaml`, or one with a `plan.yaml` that names such a folder. Out: one plant, as if
it stood in one folder, that remembers what the plan says of it. Whatever is not built carries it in its
name, on every page.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import yaml

from taktwin.errors import Mistake
from taktwin.plant import schema
from taktwin.plant.load import MAIN_FILE, PLAN_FILE, Loaded, Overlay, Spot, load, load_overlay, one_of

SIGN = "(planned)"
# What a plan may say: all that is a mapping by id, and nothing that the plant is one of.
SECTIONS = tuple(
    f.name for f in msgspec.structs.fields(schema.Plant)
    if f.default_factory is dict and f.name not in ("demo", "authority")
)  # fmt: skip


def read(folder: str | Path) -> Loaded:
    """Return what a plant folder says, or a plant with the plan of another folder laid over it."""
    root = Path(folder)
    if (root / MAIN_FILE).is_file() or not (root / PLAN_FILE).is_file():
        return load(root)
    overlay = load_overlay(root, PLAN_FILE, schema.Plan)
    plan = overlay.head
    if not isinstance(plan, schema.Plan):
        return Loaded(root, None, overlay.spots, overlay.mistakes, overlay.broken, complete=False)
    base_folder = Path(os.path.normpath(root / plan.of))
    if not (base_folder / MAIN_FILE).is_file():
        spot = overlay.spots["of"]
        right = f"the folder of a plant, with a {MAIN_FILE}, seen from {PLAN_FILE}"
        mistake = Mistake(spot.file, spot.line, "of", repr(plan.of), right)
        return Loaded(root, None, overlay.spots, [mistake], complete=False)
    return _laid(load(base_folder), overlay, plan, root)


def is_plant(folder: Path) -> bool:
    """Return whether a folder holds a plant, or the plan of one."""
    return (folder / MAIN_FILE).is_file() or (folder / PLAN_FILE).is_file()


def copy(folder: str | Path, target: Path) -> Path:
    """Copy a plant folder; of a plan also the plant that it changes. Return the copy to be read."""
    root = Path(folder)
    if (root / MAIN_FILE).is_file():
        shutil.copytree(root, target)
        return target
    said: dict[str, Any] = yaml.safe_load((root / PLAN_FILE).read_text(encoding="utf-8"))
    shutil.copytree(root / said["of"], target / "plant")
    shutil.copytree(root, target / "plan")
    said["of"] = "../plant"
    text = yaml.safe_dump(said, allow_unicode=True, sort_keys=False)
    (target / "plan" / PLAN_FILE).write_text(text, encoding="utf-8")
    return target / "plan"


def _laid(base: Loaded, overlay: Overlay, plan: schema.Plan, root: Path) -> Loaded:
    loaded = Loaded(
        base.folder, None, dict(base.spots), [*base.mistakes, *overlay.mistakes],
        base.broken | overlay.broken, base.complete and overlay.complete, plan, root,
        {section: frozenset(value) for section, value in overlay.sections.items() if isinstance(value, dict)},
    )  # fmt: skip
    loaded.spots |= {path: spot for path, spot in overlay.spots.items() if _top(path) in _OWN}
    if base.plant is None:
        return loaded
    values = {f.name: getattr(base.plant, f.name) for f in msgspec.structs.fields(schema.Plant)}
    for section, names in plan.without.items():
        _drop(loaded, values, section, names)
    for section, entries in overlay.sections.items():
        if section not in SECTIONS:
            loaded.spots[section] = overlay.spots[section]
            loaded.add(section, section, f"a section that a plan may change: {one_of(section, SECTIONS)}")
            continue
        for entry in entries:
            _move_spots(loaded.spots, overlay.spots, f"{section}.{entry}")
        loaded.spots.setdefault(section, overlay.spots[section])
        values[section] = {**values[section], **entries}
    values["name"] = f"{values['name']} · {plan.name} {SIGN}"
    values["equipment"] = {
        name: msgspec.structs.replace(each, name=f"{each.name} {SIGN}") if name in plan.planned else each
        for name, each in values["equipment"].items()
    }
    loaded.plant = schema.Plant(**values)
    return loaded


# Fields of the plan that no plant has: their places stand beside those of the plant's own fields.
_OWN = {f.name for f in msgspec.structs.fields(schema.Plan)} - {
    f.name for f in msgspec.structs.fields(schema.Plant)
}


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _drop(loaded: Loaded, values: dict[str, Any], section: str, names: list[str]) -> None:
    """Leave entries of the plant out."""
    at = f"without.{section}"
    if section not in SECTIONS:
        loaded.add(at, section, f"a section that a plan may change: {one_of(section, SECTIONS)}")
        return
    for number, name in enumerate(names):
        if name not in values[section]:
            loaded.add(f"{at}[{number}]", name, one_of(name, values[section]))
    values[section] = {name: each for name, each in values[section].items() if name not in names}


def _move_spots(spots: dict[str, Spot], new: dict[str, Spot], entry: str) -> None:
    """Let an entry and all below it be described where the plan says it, and nowhere else."""
    for path in [each for each in spots if _is_below(each, entry)]:
        del spots[path]
    spots.update((path, spot) for path, spot in new.items() if _is_below(path, entry))


def _is_below(path: str, entry: str) -> bool:
    return path == entry or path.startswith((f"{entry}.", f"{entry}["))
