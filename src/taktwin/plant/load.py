"""A folder of YAML -> the schema's objects, each field remembering its file and line.

In: the folder. Out: a `Plant` (as far as it could be read), the place of every field, and all
mistakes that one file shows by itself. What is wrong between entries is `check.py`'s business.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from taktwin.errors import Mistake
from taktwin.identity import is_level_name
from taktwin.plant import schema, yaml_nodes
from taktwin.plant.schema import Kind
from taktwin.plant.yaml_nodes import Mapping, Node, Scalar, Sequence, found_in, line_of

MAIN_FILE = "plant.yaml"
PLAN_FILE = "plan.yaml"  # of a change that is not built yet
FREE_MAX = 200_000  # values in settings, options and properties of a whole plant
BROKEN = object()  # what a reader returns after it has said what is wrong


class Spot(NamedTuple):
    """Where something is described."""

    file: str  # as shown to people: below the folder as it was given
    line: int


@dataclass
class Loaded:
    """A plant folder as it was read."""

    folder: Path
    plant: schema.Plant | None
    spots: dict[str, Spot]  # dotted path of a field -> where it is described
    mistakes: list[Mistake]
    broken: set[str] = field(default_factory=set)  # entries that exist but could not be read
    complete: bool = True  # False: a file could not be read, so what it declares is not known
    plan: schema.Plan | None = None  # the change that was laid over the plant
    plan_folder: Path | None = None
    changed: dict[str, frozenset[str]] = field(default_factory=dict)  # section -> ids that the plan says

    def spot(self, path: str) -> Spot:
        """Return where a path is described; for a field that is absent, where its owner is."""
        while path:
            spot = self.spots.get(path)
            if spot is not None:
                return spot
            path = path.rpartition(".")[0]
        return Spot(str(self.folder / MAIN_FILE), 1)

    def add(self, path: str, found: object, expected: str) -> None:
        """Note a mistake at a field."""
        spot = self.spot(path)
        shown = found if isinstance(found, Literally) else repr(found)
        self.mistakes.append(Mistake(spot.file, spot.line, path, shown, expected))


class Literally(str):
    """A found thing that is told as it is, without quotes: `nothing`, `a list`."""

    __slots__ = ()


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean x?` for the nearest known word, or "" if none is near."""
    near = difflib.get_close_matches(word, [k for k in known if k], n=1, cutoff=0.6)
    if not near:
        near = difflib.get_close_matches(word.lower(), [k for k in known if k], n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def one_of(word: str, known: Iterable[str]) -> str:
    """Return `one of a, b, c; did you mean b?`, cut short where there are many."""
    words = list(known)
    listed = ", ".join(words[:16]) + (f" and {len(words) - 16} more" if len(words) > 16 else "")
    return f"one of {listed or 'nothing: none is declared'}{suggestion(word, words)}"


def load(folder: str | Path) -> Loaded:
    """Return what a plant folder says. Nothing is raised: mistakes are in the result."""
    root = Path(folder)
    reader = _Reader(root)
    if not (root / MAIN_FILE).is_file():
        reader.mistake(MAIN_FILE, 1, "file", "nothing", f"a plant folder with a {MAIN_FILE}")
        return Loaded(root, None, {}, reader.mistakes, complete=False)
    values = reader.read_file(MAIN_FILE, main=True)
    for name in reader.included(values):
        for section, value in reader.read_file(name, main=False).items():
            reader.merge(values, section, value)
    required = [f.name for f in msgspec.structs.fields(schema.Plant) if f.required]
    for name in required:
        if name not in values and name not in reader.broken:
            reader.mistake(MAIN_FILE, 1, name, "nothing", f"{name}: {_REQUIRED_HINT[name]}")
    plant = schema.Plant(**values) if all(name in values for name in required) else None
    return Loaded(root, plant, reader.spots, reader.mistakes, reader.broken, reader.complete)


class Alone(NamedTuple):
    """A file that stands for itself, as it was read."""

    value: msgspec.Struct | None  # None: something that has to be there is missing or broken
    mistakes: list[Mistake]
    spots: dict[str, Spot]


def load_alone(root: Path, name: str, kind: type[msgspec.Struct]) -> Alone:
    """Return what one file of a plant folder says that belongs to no section of the plant."""
    reader = _Reader(root)
    values = reader.read_file(name, main=False, kind=kind)
    missing = [f.encode_name for f in msgspec.structs.fields(kind) if f.required and f.name not in values]
    for field_name in missing:
        if field_name not in reader.broken:
            reader.mistake(name, 1, field_name, "nothing", f"{field_name} of {_WHAT[kind]}")
    return Alone(None if missing or reader.mistakes else kind(**values), reader.mistakes, reader.spots)


class Overlay(NamedTuple):
    """A file that says how a plant is changed, and the sections of the files that it includes."""

    head: msgspec.Struct | None  # None: something that has to be there is missing or broken
    sections: dict[str, Any]
    spots: dict[str, Spot]
    mistakes: list[Mistake]
    broken: set[str]
    complete: bool


def load_overlay(root: Path, name: str, kind: type[msgspec.Struct]) -> Overlay:
    """Return what a folder of changes says: its main file, and sections of a plant in the others."""
    reader = _Reader(root)
    values = reader.read_file(name, main=True, kind=kind)
    missing = [f.encode_name for f in msgspec.structs.fields(kind) if f.required and f.name not in values]
    for field_name in missing:
        if field_name not in reader.broken:
            reader.mistake(name, 1, field_name, "nothing", f"{field_name} of {_WHAT[kind]}")
    head = None if missing or reader.mistakes else kind(**values)
    sections: dict[str, Any] = {}
    for file in reader.included(values):
        if file != name:
            for section, value in reader.read_file(file, main=False).items():
                reader.merge(sections, section, value)
    return Overlay(head, sections, reader.spots, reader.mistakes, reader.broken, reader.complete)


_HINTS: dict[type[msgspec.Struct], tuple[str, str]] = {
    schema.Plant: ("classes", "equipment"),
    schema.WorkInstruction: ("title", "steps"),
    schema.Plan: ("of", "planned"),
}
_WHAT: dict[type[msgspec.Struct], str] = {
    schema.Plant: "a plant",
    schema.WorkInstruction: "a work instruction",
    schema.Plan: "a plan",
}
_REQUIRED_HINT = {
    "enterprise": "the first level of every topic",
    "site": "the second level of every topic",
    "name": "what people call the plant",
    "time_zone": "an IANA time zone such as Europe/Vienna",
}


class _Field(NamedTuple):
    name: str  # in YAML
    attribute: str
    required: bool
    read: Callable[[_Reader, Node, str], Any]


class _Reader:
    """Reads nodes by the schema; all mistakes of all files are collected in one list."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = MAIN_FILE
        self.shown = str(root / MAIN_FILE)
        self.mistakes: list[Mistake] = []
        self.spots: dict[str, Spot] = {}
        self.broken: set[str] = set()
        self.complete = True
        self.free_left = FREE_MAX

    def mistake(self, file: str, line: int, path: str, found: str, expected: str) -> None:
        self.mistakes.append(Mistake(str(self.root / file), line, path, found, expected))

    def wrong(self, node: Node, path: str, expected: str, found: str = "") -> Any:
        """Note a mistake at a node and return BROKEN."""
        spot = self.spots.get(path)
        # Where a value starts below its key, the key's line is the one to look at.
        line = spot.line if spot is not None and spot.file == self.shown else line_of(node)
        self.mistakes.append(Mistake(self.shown, line, path, found or found_in(node), expected))
        self.broken.add(path)
        return BROKEN

    def read_file(
        self, name: str, *, main: bool, kind: type[msgspec.Struct] = schema.Plant
    ) -> dict[str, Any]:
        """Return the sections of one file, which are the fields of a schema object."""
        self.file, self.shown = name, str(self.root / name)
        root, mistakes = yaml_nodes.compose(self.root / name, self.shown)
        self.mistakes += mistakes
        self.complete &= not mistakes
        if root is None or yaml_nodes.is_null(root):
            return {}
        if not isinstance(root, Mapping):
            self.wrong(root, "file", f"sections such as {' and '.join(f'{name}:' for name in _HINTS[kind])}")
            return {}
        values: dict[str, Any] = {}
        fields = _fields(kind)
        for key, line, node in self.keys(root, ""):
            entry = fields.get(key)
            if entry is None:
                self.wrong(node, key, f"a section of {_WHAT[kind]}: {one_of(key, fields)}", found=repr(key))
            elif key == "include" and not main:
                self.wrong(node, key, f"include only in {MAIN_FILE}", found="an include")
            else:
                self.spots.setdefault(key, Spot(self.shown, line))
                value = entry.read(self, node, key)
                if value is not BROKEN:
                    values[entry.attribute] = value
        return values

    def included(self, values: dict[str, Any]) -> list[str]:
        """Return the files that the patterns of `include` name, each once, sorted."""
        names: dict[str, None] = {}
        for number, pattern in enumerate(values.get("include", [])):
            path = f"include[{number}]"
            spot = self.spots[path]
            if pattern.startswith("/") or ".." in pattern.split("/"):
                self.mistakes.append(
                    Mistake(
                        spot.file, spot.line, path, repr(pattern), "a file or pattern inside the plant folder"
                    )
                )
                continue
            found = sorted(p for p in self.root.glob(pattern) if p.is_file()) if pattern else []
            if not found:
                self.complete = False
                near = suggestion(
                    pattern, (p.relative_to(self.root).as_posix() for p in self.root.rglob("*.yaml"))
                )
                self.mistakes.append(
                    Mistake(
                        spot.file,
                        spot.line,
                        path,
                        repr(pattern),
                        f"a file or pattern that matches a file{near}",
                    )
                )
            names.update((p.relative_to(self.root).as_posix(), None) for p in found)
        names.pop(MAIN_FILE, None)
        return list(names)

    def merge(self, values: dict[str, Any], section: str, value: Any) -> None:
        """Add a section of an included file. Entries that stand twice were found by their spots."""
        before = values.get(section)
        if before is None:
            values[section] = value
        elif isinstance(before, dict) and isinstance(value, dict):
            values[section] = {**value, **before}
        else:
            spot = self.spots[section]
            self.mistakes.append(
                Mistake(
                    self.shown,
                    1,
                    section,
                    "a second time",
                    f"{section} once; it stands in {spot.file}:{spot.line}",
                )
            )

    def keys(self, node: Mapping, path: str) -> Iterable[tuple[str, int, Node]]:
        """Yield a mapping's keys as text with their line, saying which stand twice or are no text."""
        seen: dict[str, int] = {}
        for key, value in yaml_nodes.entries(node):
            if not isinstance(key, Scalar):
                self.wrong(key, path or "file", "a name before the colon")
                continue
            name: str = key.value
            at = f"{path}.{name}" if path else name
            line = line_of(key)
            trap = yaml_nodes.text_trap(key)
            if trap:
                self.said(line, at, found_in(key), trap)
            elif name in seen:
                self.said(line, at, "a second time", f"each key once; {name} stands in line {seen[name]} too")
            else:
                seen[name] = line
                yield name, line, value

    def said(self, line: int, path: str, found: str, expected: str) -> None:
        """Note a mistake on a line of the file that is being read."""
        self.mistakes.append(Mistake(self.shown, line, path, found, expected))


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, _Field]:
    """Return the YAML fields of a schema object with their readers."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return {
        info.encode_name: _Field(
            info.encode_name, info.name, info.required, _reader(hints[info.name], info.encode_name)
        )
        for info in msgspec.structs.fields(struct)
    }


def _reader(hint: Any, name: str) -> Callable[[_Reader, Node, str], Any]:
    """Return the function that reads a type."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _named(get_args(hint)[1])
    if origin in (Union, types.UnionType):
        inner = [a for a in get_args(hint) if a is not type(None)]
        assert len(inner) == 1, f"{name}: a union of one type and None"
        return _reader(inner[0], name)
    if origin is Literal:
        return _literal(get_args(hint))
    if origin is list:
        return _list(_reader(get_args(hint)[0], name))
    if origin is dict:
        return _dict(get_args(hint)[0], _reader(get_args(hint)[1], name))
    if hint is Any:
        return _free
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct(hint)
    return {str: _text, bool: _boolean, int: _whole, float: _number}[hint]


def _text(reader: _Reader, node: Node, path: str) -> Any:
    if not isinstance(node, Scalar) or yaml_nodes.is_null(node):
        return reader.wrong(node, path, "text")
    trap = yaml_nodes.text_trap(node)
    return reader.wrong(node, path, trap) if trap else node.value


def _boolean(reader: _Reader, node: Node, path: str) -> Any:
    if isinstance(node, Scalar) and yaml_nodes.is_plain(node) and node.value in yaml_nodes.TRUE_OR_FALSE:
        return yaml_nodes.TRUE_OR_FALSE[node.value]
    return reader.wrong(node, path, "true or false")


def _whole(reader: _Reader, node: Node, path: str) -> Any:
    value = yaml_nodes.number_of(node, whole=True)
    return reader.wrong(node, path, value) if isinstance(value, str) else value


def _number(reader: _Reader, node: Node, path: str) -> Any:
    value = yaml_nodes.number_of(node, whole=False)
    return reader.wrong(node, path, value) if isinstance(value, str) else value


def _named(kind: Kind) -> Callable[[_Reader, Node, str], Any]:
    fits = _FITS[kind]

    def read(reader: _Reader, node: Node, path: str) -> Any:
        # A time such as 14:00 is a number to YAML 1.1 readers and text here: the raw text counts.
        value = _text(reader, node, path)
        if value is BROKEN or fits(value):
            return value
        return reader.wrong(node, path, kind.value)

    return read


def _is_path(text: str) -> bool:
    return all(part.replace("-", "_").isidentifier() or is_level_name(part) for part in text.split("/")) and (
        text == text.lower() and text.isascii()
    )


def is_identifier(text: str) -> bool:
    """Return whether a text can be the name of a product or a document."""
    return text.isascii() and bool(text) and text.replace("-", "").replace("_", "").isalnum()


def _is_time_of_day(text: str) -> bool:
    hours, colon, minutes = text.partition(":")
    return (
        colon == ":" and len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal()
        and int(hours) < 24 and int(minutes) < 60
    )  # fmt: skip


def _is_date(text: str) -> bool:
    import datetime

    try:
        return len(text) == 10 and datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


_FITS: dict[Kind, Callable[[str], bool]] = {
    Kind.NAME: is_level_name,
    Kind.IDENTIFIER: is_identifier,
    Kind.PATH: _is_path,
    Kind.TIME_OF_DAY: _is_time_of_day,
    Kind.DATE: _is_date,
}


def _literal(allowed: tuple[Any, ...]) -> Callable[[_Reader, Node, str], Any]:
    by_text = {str(value): value for value in allowed}

    def read(reader: _Reader, node: Node, path: str) -> Any:
        if isinstance(node, Scalar) and node.value in by_text:
            return by_text[node.value]
        word = node.value if isinstance(node, Scalar) else ""
        return reader.wrong(node, path, one_of(word, by_text))

    return read


def _list(item: Callable[[_Reader, Node, str], Any]) -> Callable[[_Reader, Node, str], Any]:
    def read(reader: _Reader, node: Node, path: str) -> Any:
        if not isinstance(node, Sequence):
            return reader.wrong(node, path, "a list such as [a, b]")
        values = []
        for number, child in enumerate(node.value):
            at = f"{path}[{number}]"
            reader.spots[at] = Spot(reader.shown, line_of(child))
            values.append(item(reader, child, at))
        return BROKEN if any(v is BROKEN for v in values) else values

    return read


def _dict(key_hint: Any, item: Callable[[_Reader, Node, str], Any]) -> Callable[[_Reader, Node, str], Any]:
    kind: Kind | None = get_args(key_hint)[1] if get_origin(key_hint) is Annotated else None

    def read(reader: _Reader, node: Node, path: str) -> Any:
        if yaml_nodes.is_null(node):
            return {}
        if not isinstance(node, Mapping):
            return reader.wrong(node, path, "a mapping such as name: value")
        values = {}
        for key, line, child in reader.keys(node, path):
            at = f"{path}.{key}"
            if kind is not None and not _FITS[kind](key):
                reader.said(line, at, repr(key), kind.value)
                continue
            spot = Spot(reader.shown, line)
            before = reader.spots.setdefault(at, spot)
            if before is not spot:  # a key that stands twice in one file was said already
                right = f"each once; it stands in {before.file}:{before.line} too"
                reader.said(line, at, "a second time", right)
                continue
            value = item(reader, child, at)
            if value is BROKEN:
                reader.broken.add(at)
            else:
                values[key] = value
        return values

    return read


def _struct(struct: type[msgspec.Struct]) -> Callable[[_Reader, Node, str], Any]:
    def read(reader: _Reader, node: Node, path: str) -> Any:
        if not isinstance(node, Mapping):
            return reader.wrong(node, path, f"fields such as {', '.join(list(_fields(struct))[:3])}")
        fields = _fields(struct)
        values: dict[str, Any] = {}
        named: set[str] = set()
        spots, shown = reader.spots, reader.shown
        for key, line, child in reader.keys(node, path):
            entry = fields.get(key)
            at = f"{path}.{key}"
            if entry is None:
                reader.said(line, at, repr(key), f"a known field: {one_of(key, fields)}")
                continue
            named.add(key)
            spots[at] = Spot(shown, line)
            value = entry.read(reader, child, at)
            if value is not BROKEN:
                values[entry.attribute] = value
        whole = True
        for entry in fields.values():
            if entry.required and entry.attribute not in values:
                whole = False
                if entry.name not in named:
                    line = spots[path].line if path in spots else line_of(node)
                    reader.said(line, f"{path}.{entry.name}", "nothing", f"{entry.name}, which is required")
        return struct(**values) if whole else BROKEN

    return read


def _free(reader: _Reader, node: Node, path: str, depth: int = 0) -> Any:
    """Read what a plug-in or a formula understands: plain values, lists and mappings of them."""
    reader.free_left -= 1
    if depth > yaml_nodes.NESTING_MAX or reader.free_left < 0:
        # An alias may contain itself, or aliases of aliases a million values.
        return reader.wrong(node, path, f"at most {yaml_nodes.NESTING_MAX} levels and {FREE_MAX:,} values")
    if isinstance(node, Mapping):
        values = {}
        for key, line, child in reader.keys(node, path):
            at = f"{path}.{key}"
            reader.spots[at] = Spot(reader.shown, line)
            values[key] = _free(reader, child, at, depth + 1)
        return BROKEN if any(v is BROKEN for v in values.values()) else values
    if isinstance(node, Sequence):
        items = [_free(reader, child, f"{path}[{i}]", depth + 1) for i, child in enumerate(node.value)]
        return BROKEN if any(v is BROKEN for v in items) else items
    assert isinstance(node, Scalar), "YAML has three kinds of nodes"
    if yaml_nodes.is_null(node):
        return None
    if yaml_nodes.is_plain(node):
        if node.value in yaml_nodes.TRUE_OR_FALSE:
            return yaml_nodes.TRUE_OR_FALSE[node.value]
        trap = yaml_nodes.text_trap(node)
        if trap:
            return reader.wrong(node, path, trap)
        if yaml_nodes.WHOLE.match(node.value):
            return int(node.value)
        value = yaml_nodes.number_of(node, whole=False)
        return value if isinstance(value, float) else node.value
    return node.value
