"""Work instructions of a plant folder: a file each in `documents/`, with their pictures beside them.

They are no part of the registry: a word that is put right in an instruction changes no machine, and the
plant goes on. What counts on the floor is what the MES released, a copy; the folder holds the drafts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import msgspec

from taktwin.errors import Mistake
from taktwin.plant import schema
from taktwin.plant.load import is_identifier, load_alone, one_of
from taktwin.plant.schema import WorkInstruction

Wrong: TypeAlias = Callable[[str, object, str], None]  # field, found, right
FOLDER = "documents"
MEDIA_TYPES: Mapping[str, str] = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
}
PICTURE_BYTES_MAX = 1_000_000  # it has to be there before the operator's eyes are
PDF_BYTES_MAX = 5_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A work instruction as the folder has it now."""

    document: str
    content: WorkInstruction
    files: Mapping[str, Path]  # SHA-256 -> where it lies
    digests: Mapping[str, str]  # name in the instruction -> SHA-256
    digest: str  # of the content and of all its files

    def kept(self, name: str) -> str:
        """Return the name under which a file of the instruction is kept: `<SHA-256>.<suffix>`; "" of ""."""
        return f"{self.digests[name]}{Path(name).suffix}" if name else ""


@dataclass(frozen=True, slots=True)
class Drafts:
    """All work instructions of a plant folder, and what is wrong with the rest."""

    good: Mapping[str, Draft] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()


def read_drafts(
    folder: str | Path, products: Mapping[str, schema.Product], routings: Mapping[str, schema.Routing]
) -> Drafts:
    """Return the work instructions of a plant folder; one with a mistake is left out, and it is said."""
    root = Path(folder)
    good: dict[str, Draft] = {}
    mistakes: list[Mistake] = []
    for path in sorted((root / FOLDER).glob("*.yaml")):
        draft, wrong = _read(root, path, products, routings)
        mistakes += wrong
        if draft is not None:
            good[draft.document] = draft
    return Drafts(good, tuple(mistakes))


def _read(
    root: Path, path: Path, products: Mapping[str, schema.Product], routings: Mapping[str, schema.Routing]
) -> tuple[Draft | None, list[Mistake]]:
    name = f"{FOLDER}/{path.name}"
    alone = load_alone(root, name, WorkInstruction)
    mistakes = list(alone.mistakes)

    def wrong(at: str, found: object, right: str) -> None:
        spot = alone.spots.get(at)
        mistakes.append(Mistake(str(root / name), spot.line if spot else 1, at, repr(found), right))

    if not is_identifier(path.stem):
        wrong("file", path.name, "a name of letters, digits, _ and -, such as WI-20.yaml")
    if not isinstance(alone.value, WorkInstruction):
        return None, mistakes
    _check(alone.value, products, routings, wrong)
    files = _files(path.parent, alone.value, wrong)
    return (None if mistakes else _draft(path.stem, alone.value, files)), mistakes


def _check(
    content: WorkInstruction,
    products: Mapping[str, schema.Product],
    routings: Mapping[str, schema.Routing],
    wrong: Wrong,
) -> None:
    if not content.steps:
        wrong("steps", [], "one step or more")
    for number, name in enumerate(content.products):
        product = products.get(name)
        if product is None or product.routing not in routings:
            wrong(
                f"products[{number}]", name, f"a product that is made here: {one_of(name, _made(products))}"
            )
            continue
        steps = [operation.name for operation in routings[product.routing].operations]
        if content.operation not in steps:
            wrong(
                "operation", content.operation, f"an operation of {name}: {one_of(content.operation, steps)}"
            )
    if not content.products:
        wrong("products", [], "the products that it is for")


def _made(products: Mapping[str, schema.Product]) -> list[str]:
    return [name for name, product in products.items() if product.make and product.routing]


def _files(folder: Path, content: WorkInstruction, wrong: Wrong) -> dict[str, Path]:
    """Return the files that an instruction names, each by the name it gives them."""
    named = [(f"steps[{number}].picture", step.picture) for number, step in enumerate(content.steps)]
    files: dict[str, Path] = {}
    for at, name in (*named, ("pdf", content.pdf)):
        if not name:
            continue
        path = folder / name
        kinds = [".pdf"] if at == "pdf" else [kind for kind in MEDIA_TYPES if kind != ".pdf"]
        most = PDF_BYTES_MAX if at == "pdf" else PICTURE_BYTES_MAX
        # A link out of the folder would show the floor what nobody put there.
        if "/" in name or path.is_symlink() or not path.is_file():
            wrong(at, name, "a file beside the instruction")
        elif path.suffix not in kinds:
            wrong(at, name, f"a file of the kind {', '.join(kinds)}")
        elif path.stat().st_size > most:
            wrong(at, f"{name}: {path.stat().st_size:,} bytes", f"{most:,} bytes at most")
        else:
            files[name] = path
    return files


def _draft(name: str, content: WorkInstruction, files: Mapping[str, Path]) -> Draft:
    digests = {each: hashlib.sha256(path.read_bytes()).hexdigest() for each, path in files.items()}
    encoded = msgspec.json.encode([content, digests], order="deterministic")
    return Draft(
        document=name,
        content=content,
        files={digests[each]: path for each, path in files.items()},
        digests=digests,
        digest=hashlib.sha256(encoded).hexdigest(),
    )
