"""The registry's hash is a function of what is declared: of all of it, and of nothing else."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.plant import open_plant, schema
from taktwin.plant.compile import content_hash
from taktwin.plant.load import load
from tests.unit.plant import small_plant

NORTHFIELD = Path(__file__).parents[3] / "examples/plants/northfield"
CANDIDATES: list[Any] = [
    True,
    False,
    1,
    2,
    3,
    7.5,
    "x",
    "x/y",
    "08:00",
    "2025-01-02",
    ["x"],
    [["x"]],
    [[1.5, 2.5]],
    [[[1.5, 2.5]]],
    {"x": "y"},
    {"x": 1.5},
    {"x_m": 1.5, "y_m": 2.5},
    {"width_m": 1.5, "depth_m": 2.5},
    "Area",
    "Unit",
    "packml",
    "mtconnect",
    "power",
    "energy",
    "bool",
    "string",
    "production",
    "waiting",
    "set_up",
    "mes",
    "step",
    "erp",
    "mon",
    ["fri"],
    [{"from": "10:00", "to": "10:05"}],
    [{"above_kw": 3, "class": "waiting"}],
    [{"product": "x", "quantity": 2}],
    {"x": {"name": "x", "points": [[0, 0]]}},
    {"x": {"name": "x", "polygon": [[0, 0]]}},
    {"x": {"target": 2.5}},
    {"x": 2},
    {"x": {"name": "x"}},
    {"x": {"role": "power", "type": "bool"}},
    {"x": {"absent": True}},
    {"x": {"priority": 1, "message": "m", "consequence": "c", "response": "r", "owner_role": "o"}},
    {"x": {"connector": "mqtt"}},
    {"x": {"sources": [], "targets": [], "capacity": 1}},
    {"x": {"source": "s", "medium": "m", "targets": []}},
    {"x": {"classes": []}},
    {"x": {"name": "x", "make": True}},
    {"x": {"name": "x", "operations": []}},
    {"x": {"name": "x", "reasons": {"y": {"name": "y"}}}},
    {"x": {"name": "x", "life_parts": 3}},
    {"x": {"name": "x", "products": []}},
    {"x": {"name": "x", "calibrate_every_days": 3}},
    {"x": {"name": "x", "equipment": []}},
    {"x": {"authority": "mes"}},
    {"x": {"x": {"writes": ["x"]}}},
    {"x": {"patience_s": 3.0}},
    "let",
    {"x": {"name": "x", "from": "08:00", "to": "09:00", "days": []}},
    {"x": {"name": "x", "operation": "Mill", "items": {"a": {"text": "A"}}}},
    {"x": {"text": "x"}},
    {"x": {"name": "x", "products": [], "steps": [], "back_to": "Mill"}},
    [{"name": "n", "class": "c"}],
    {"currency": "USD"},
    {"width_m": 7.5, "depth_m": 2.5},
    [{"name": "n", "class": "c", "standard_time_s": 3}],
]


def tree_of(plant: schema.Plant) -> dict[str, Any]:
    """Return a plant as plain mappings and lists, as a person would write it."""
    return without_nothing(msgspec.to_builtins(plant))


def without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nothing(inner) for key, inner in value.items() if inner is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def structs_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], msgspec.Struct]]:
    """Yield every object of a plant with its path in the tree."""
    if isinstance(value, msgspec.Struct):
        yield path, value
        for info in msgspec.structs.fields(type(value)):
            yield from structs_in(getattr(value, info.name), (*path, info.encode_name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from structs_in(inner, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from structs_in(item, (*path, number))


def rich_plant(folder: Path) -> schema.Plant:
    """The small plant with one object of every kind that the schema has."""
    tree = tree_of(
        load(small_plant.write(folder)).plant or schema.Plant(enterprise="", site="", name="", time_zone="")
    )
    tree["floor"]["paths"] = {"aisle": {"name": "Aisle", "points": [[0, 5], [40, 5]]}}
    tree["people"] = {"P1": {"classes": ["operator"]}}
    tree["defects"] = {"burr": {"name": "Burr"}}
    reasons = {"jam": {"name": "Jam", "machine_codes": ["7"]}}
    tree["stop_reasons"] = {"trouble": {"name": "Trouble", "reasons": reasons}}
    tree["tools"] = {"cutter": {"name": "Cutter", "life_parts": 100}}
    next(iter(tree["classes"].values()))["asset_roles"] = {
        "spindle": {"name": "Spindle", "kinds": ["spindle"]}
    }
    tree["gauges"] = {"caliper": {"name": "Caliper", "calibrate_every_days": 30}}
    tree["spare_parts"] = {"B-1": {"name": "Belt", "minimum": 4}}
    tree["maintenance_plans"] = {"grease": {"name": "Grease", "equipment": ["mill1"], "every_parts": 10}}
    tree["interlocks"] = {"mill1": {"patience_s": 2.0}}
    tree["checklists"] = {
        "first": {"name": "First", "operation": "Mill", "items": {"warm": {"text": "Warm", "kind": "number"}}}
    }
    tree["rework_routes"] = {
        "again": {
            "name": "Again", "products": ["part"], "steps": [{"name": "Clean", "class": "mill"}],
            "back_to": "Mill",
        }
    }  # fmt: skip
    tree["permits"] = {"mill1": {"parameters.load": {"writes": ["spindle/load"]}}}
    tree["routings"]["part"]["operations"][0]["parameters"] = {"feed": {"target": 2}}
    tree["equipment"]["mill1"]["size"] = {"width_m": 3, "depth_m": 3}
    return msgspec.convert(tree, schema.Plant)


def test_the_hash_changes_when_any_declared_thing_changes(tmp_path: Path) -> None:
    plant = rich_plant(tmp_path)
    tree, seen, tried = tree_of(plant), {content_hash(plant): plant}, set()
    for path, thing in structs_in(plant):
        tried.add(type(thing))
        for info in msgspec.structs.fields(type(thing)):
            if path == () and info.name == "include":
                continue
            changed = with_another_value(tree, (*path, info.encode_name), plant)
            assert changed is not None, f"no other value found for {type(thing).__name__}.{info.name}"
            digest = content_hash(changed)
            other = seen.setdefault(digest, changed)
            assert other == changed, f"{'.'.join(map(str, path))}.{info.name} is not in the hash"
    assert tried == set(schema.Described.__subclasses__()), "an object of every kind was changed"


def with_another_value(
    tree: dict[str, Any], path: tuple[Any, ...], plant: schema.Plant
) -> schema.Plant | None:
    for candidate in CANDIDATES:
        changed_tree = copy.deepcopy(tree)
        place = changed_tree
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = candidate
        try:
            changed = msgspec.convert(changed_tree, schema.Plant)
        except msgspec.ValidationError:
            continue
        if changed != plant:
            return changed
    return None


def test_a_name_that_changes_changes_the_hash(tmp_path: Path) -> None:
    plant = rich_plant(tmp_path)
    before = content_hash(plant)
    for section, entries in tree_of(plant).items():
        if isinstance(entries, dict) and section not in ("floor", "economics"):
            for name in entries:
                tree = tree_of(plant)
                tree[section] = {("other" if key == name else key): entry for key, entry in entries.items()}
                assert content_hash(msgspec.convert(tree, schema.Plant)) != before


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


def scattered(tree: dict[str, Any], chance: random.Random, files: int) -> dict[str, str]:
    """Return the same plant written by somebody else: other files, other order, other comments."""
    parts: list[dict[str, Any]] = [{} for _ in range(files)]
    main: dict[str, Any] = {"include": ["*/*.yaml"]}
    for section, value in tree.items():
        if section in ("include",):
            continue
        if isinstance(value, dict) and section not in ("floor", "economics", "demo"):
            for key, entry in value.items():
                chance.choice(parts).setdefault(section, {})[key] = entry
        else:
            main[section] = value
    texts = {"plant.yaml": dump(shuffled(main, chance))}
    for number, part in enumerate(parts):
        name = f"{chance.choice('abc')}/{chance.randrange(1000)}-{number}.yaml"
        texts[name] = f"# {chance.random()}\n{dump(shuffled(part, chance))}"
    return texts


def dump(value: Any) -> str:
    return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)


@given(st.integers(0, 10**9), st.integers(1, 7))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_the_hash_does_not_depend_on_files_order_folder_or_comments(
    tmp_path_factory: Any, seed: int, files: int
) -> None:
    reference = small_plant.write(tmp_path_factory.mktemp("reference"))
    plant = load(reference).plant
    assert plant is not None
    chance = random.Random(seed)
    other = small_plant.write(tmp_path_factory.mktemp("other"), scattered(tree_of(plant), chance, files))
    assert open_plant(other).hash == open_plant(reference).hash


def test_the_demo_plant_written_by_somebody_else_is_the_same_plant(tmp_path: Path) -> None:
    plant = load(NORTHFIELD).plant
    assert plant is not None
    files = scattered(tree_of(plant), random.Random(7), 9)
    files |= {name: (NORTHFIELD / name).read_text() for name in ("hall.svg", "hall.dxf", "physics.yaml")}
    other, ours = open_plant(small_plant.write(tmp_path, files)), open_plant(NORTHFIELD)
    assert other.hash == ours.hash
    assert other.signals == ours.signals
    assert other.calendars == ours.calendars


def test_validity_and_folder_are_not_in_the_hash(tmp_path: Path) -> None:
    first = open_plant(small_plant.write(tmp_path / "a"), valid_from_ns=1)
    second = open_plant(small_plant.write(tmp_path / "b"), valid_from_ns=2)
    assert first.hash == second.hash
    assert (first.valid_from_ns, second.valid_from_ns) == (1, 2)
