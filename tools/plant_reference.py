"""Write docs/reference/plant-model.md from the schema itself: every object, every field.

What a field is for stands once, as the comment beside it in `src/taktwin/plant/schema.py`.
"""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import get_args

import msgspec

from taktwin import units
from taktwin.plant import schema
from taktwin.plant.patterns import WORDS
from taktwin.plant.schema import Kind

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "plant-model.md"

HEAD = """# The plant model, field by field

This page is generated from `src/taktwin/plant/schema.py` by `tools/plant_reference.py`. How to write
a plant is told in [Describe a plant](../how-to/describe-a-plant.md).

A plant is a folder with a `plant.yaml`. Its sections may stand in that file or in any file that its `include`
patterns match; a section is a mapping by id, so neither the order of files nor of entries says anything. An
unknown field is a mistake, and so is an id that stands twice.

Texts are taken as they are written. Where YAML readers disagree (`no`, `on`, `010`), quotes are required.

| a field that takes | wants |
|---|---|
"""
ADDRESSES = """
## Words in address patterns

`address` of a signal or of a connection may hold these words in braces, and any of the equipment's
`variables`, to which a whole number may be added: `hr:{base+10}:float32`.

"""


def comments() -> dict[int, str]:
    """Return the comment of each line of the schema's source."""
    source = Path(schema.__file__).read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}


def page() -> str:
    """Return the page as it should stand."""
    text = HEAD + "".join(f"| {kind.name.lower().replace('_', ' ')} | {kind.value} |\n" for kind in Kind)
    tree = ast.parse(Path(schema.__file__).read_text(encoding="utf-8"))
    said = comments()
    objects = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name not in ("Kind", "Described")
    ]
    for node in [objects[-1], *objects[:-1]]:
        text += section(node, said)
    text += "\n## Roles\n\n| role | a signal that tells |\n|---|---|\n"
    text += "".join(f"| `{role}` | {meaning} |\n" for role, meaning in schema.ROLES.items())
    for name in ("ValueType", "Level", "StateModel", "InferredClass", "Weekday"):
        text += f"\n## {name}\n\n{', '.join(f'`{word}`' for word in get_args(getattr(schema, name)))}\n"
    text += "\n## Units\n\n| UCUM code | UNECE | people read | measures |\n|---|---|---|---|\n"
    text += "".join(
        f"| `{unit.code}` | {unit.unece} | {unit.symbol} | {unit.dimension} |\n"
        for unit in units.UNITS.values()
        if unit.code
    )
    words = "".join(f"- `{{{word}}}`\n" for word in WORDS)
    return text + ADDRESSES + words


def section(node: ast.ClassDef, said: dict[int, str]) -> str:
    """Return the part of the page that describes one object."""
    required = {info.name: info.required for info in msgspec.structs.fields(getattr(schema, node.name))}
    names = {info.name: info.encode_name for info in msgspec.structs.fields(getattr(schema, node.name))}
    text = f"\n## {node.name}\n\n{ast.get_docstring(node)}\n\n"
    text += "| field | takes | default | meaning |\n|---|---|---|---|\n"
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            name = line.target.id
            default = "required" if required[name] else _default(line.value)
            takes = ast.unparse(line.annotation).replace("|", "or").replace(" or None", "")
            text += f"| `{names[name]}` | {takes} | {default} | {said.get(line.lineno, '')} |\n"
    return text


def _default(value: ast.expr | None) -> str:
    if isinstance(value, ast.Call):
        value = next((k.value for k in value.keywords if k.arg == "default"), None)
    shown = "" if value is None else ast.unparse(value)
    return "" if shown in ("None", "''", "{}", "[]") else f"`{shown}`"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
