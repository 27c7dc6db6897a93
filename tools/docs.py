"""Write what is generated from the code: released schemas, the AsyncAPI and OpenAPI documents, the
reference of the plant model and of the connectors, the tree in ARCHITECTURE.md.

A released schema is written once and then only guarded: a file that exists is never overwritten,
unless the new version does not break its readers.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import plant_reference

from taktwin import __version__
from taktwin.contracts import export
from taktwin.gateway.connector import connectors, reference
from taktwin.portal import openapi

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "taktwin"
TREE_BEGIN, TREE_END = "<!-- tree -->", "<!-- /tree -->"
LINE = 150


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(path.relative_to(ROOT))


def tree() -> str:
    """Return every module of the product with the first sentence of its docstring."""
    lines = ["```text"]
    for path in sorted(SOURCE.rglob("*.py"), key=lambda p: (p.parent.parts, p.name != "__init__.py", p.name)):
        depth = len(path.relative_to(SOURCE).parts) - 1
        is_package = path.name == "__init__.py"
        name = f"{path.parent.name}/" if is_package else path.name
        indent = "  " * (depth - 1 if is_package else depth)
        about = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
        sentence = " ".join(about.split())
        head = f"{indent}{name}"
        lines.append(f"{head:<30} {sentence[: LINE - 32].rstrip('.')}".rstrip())
    return "\n".join([*lines, "```"])


def architecture() -> str:
    """Return ARCHITECTURE.md with the tree of today."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    head, _, rest = text.partition(TREE_BEGIN)
    _, _, tail = rest.partition(TREE_END)
    return f"{head}{TREE_BEGIN}\n{tree()}\n{TREE_END}{tail}"


def main() -> None:
    for name in sorted(export.MESSAGES):
        path = export.RELEASED / f"{name}.json"
        new = export.schema_of(name)
        broken = export.breaks(json.loads(path.read_text(encoding="utf-8")), new) if path.exists() else []
        if broken:
            sys.exit(f"{name} breaks its readers and needs a new major: {'; '.join(broken)}")
        write(path, new)
    write(REFERENCE / "asyncapi.json", export.asyncapi(__version__))
    (REFERENCE / "connectors.md").write_text(reference(connectors()), encoding="utf-8")
    plant_reference.PAGE.write_text(plant_reference.page(), encoding="utf-8")
    (ROOT / "ui" / "openapi.json").write_text(openapi.text(), encoding="utf-8")
    (ROOT / "ARCHITECTURE.md").write_text(architecture(), encoding="utf-8")


if __name__ == "__main__":
    main()
