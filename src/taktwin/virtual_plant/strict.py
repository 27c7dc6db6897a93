"""A YAML file read strictly into frozen dataclasses; each mistake is named with its line.

The dataclass is the schema: its field names are the allowed keys, its types the allowed types,
`bounded` the range. Nothing is coerced but an integer where a float is wanted.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from pathlib import Path
from typing import Any

import yaml

from taktwin.errors import ConfigError, Mistake

Where = tuple[str, ...]


def bounded(default: float, minimum: float, maximum: float) -> float:
    """Return a dataclass field for a number in a closed range."""
    made: float = dataclasses.field(default=default, metadata={"range": (minimum, maximum)})
    return made


class StrictFile:
    """One file: its content as plain Python, the line of each field, the mistakes found so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mistakes: list[Mistake] = []
        self._lines: dict[Where, int] = {(): 1}
        self._inherited: dict[Where, Where] = {}
        self.document: Any = None
        try:
            node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
        except OSError as failure:
            self._add(1, str(path.name), failure.strerror or "not readable", "a readable file")
        except UnicodeDecodeError:
            self._add(1, str(path.name), "bytes that are not UTF-8", "a UTF-8 text")
        except yaml.YAMLError as failure:
            mark = getattr(failure, "problem_mark", None)
            self._add(
                1 if mark is None else mark.line + 1,
                str(path.name),
                str(getattr(failure, "problem", failure)),
                "valid YAML",
            )
        else:
            self.document = {} if node is None else self._plain(node, ())
        self.raise_mistakes()

    def raise_mistakes(self) -> None:
        """Raise ConfigError if anything was found wrong."""
        if self.mistakes:
            # What a kind says wrong is found once for each unit of the kind; it is told once.
            once = {(found.line, found.found, found.expected): found for found in reversed(self.mistakes)}
            raise ConfigError(sorted(once.values(), key=lambda found: found.line))

    def has(self, where: Where) -> bool:
        """Return whether the file itself names a field."""
        return where in self._lines

    def inherit(self, where: Where, from_where: Where) -> None:
        """Note that fields below `where` may stand below another one."""
        self._inherited[where] = from_where

    def mistake(self, where: Where, found: object, expected: str) -> None:
        """Note a mistake at a field."""
        shown = repr(found) if isinstance(found, str) else str(found)
        self._add(self.line(where), ".".join(where), shown, expected)

    def line(self, where: Where) -> int:
        """Return the line of a field, or of the nearest thing around it that stands in the file."""
        if where in self._lines:
            return self._lines[where]
        for lower, upper in self._inherited.items():
            if where[: len(lower)] == lower:
                found = self._lines.get(upper + where[len(lower) :])
                if found is not None:
                    return found
        return self.line(where[:-1])

    def build(self, kind: Any, value: Any, where: Where = ()) -> Any:
        """Return the value as the wanted type; a mistake is noted and the value returned as it is."""
        origin = typing.get_origin(kind)
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return self._build_dataclass(kind, value, where)
        if origin is dict:
            if not isinstance(value, dict):
                self.mistake(where, value, "a mapping")
                return value
            inner = typing.get_args(kind)[1]
            return {key: self.build(inner, item, (*where, key)) for key, item in value.items()}
        if origin is tuple:
            if not isinstance(value, list):
                self.mistake(where, value, "a list")
                return value
            inner = typing.get_args(kind)[0]
            return tuple(self.build(inner, item, (*where, str(i))) for i, item in enumerate(value))
        return self._build_scalar(kind, value, where)

    def _build_dataclass(self, kind: type, value: Any, where: Where) -> Any:
        if not isinstance(value, dict):
            self.mistake(where, value, "a mapping")
            return value
        hints = typing.get_type_hints(kind)
        fields = {item.name: item for item in dataclasses.fields(kind)}
        built: dict[str, Any] = {}
        for key, item in value.items():
            if key not in fields:
                near = difflib.get_close_matches(str(key), fields, n=1)
                hint = f"'{near[0]}'" if near else "one of " + ", ".join(fields)
                self.mistake((*where, key), "an unknown field", hint)
                continue
            made = self.build(hints[key], item, (*where, key))
            limits = fields[key].metadata.get("range")
            if (
                limits
                and isinstance(made, (int, float))
                and not isinstance(made, bool)
                and math.isfinite(made)
                and not limits[0] <= made <= limits[1]
            ):
                self.mistake((*where, key), made, f"a number from {limits[0]:g} to {limits[1]:g}")
            built[key] = made
        return kind(**built)

    def _build_scalar(self, kind: Any, value: Any, where: Where) -> Any:
        assert not isinstance(kind, types.UnionType), "physics has no unions"
        if kind is float:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                self.mistake(where, value, "a number")
                return value
            return float(value)
        if kind is int and (isinstance(value, bool) or not isinstance(value, int)):
            self.mistake(where, value, "a whole number")
        elif kind is bool and not isinstance(value, bool):
            self.mistake(where, value, "true or false")
        elif kind is str and not isinstance(value, str):
            self.mistake(where, value, "a text")
        return value

    def _add(self, line: int, name: str, found: str, expected: str) -> None:
        self.mistakes.append(
            Mistake(file=str(self.path), line=line, field=name, found=found, expected=expected)
        )

    def _plain(self, node: yaml.Node, where: Where) -> Any:
        if isinstance(node, yaml.MappingNode):
            made: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                below = (*where, key)
                if below in self._lines:
                    self._add(
                        key_node.start_mark.line + 1, ".".join(below), "a second time", "each field once"
                    )
                self._lines[below] = key_node.start_mark.line + 1
                made[key] = self._plain(value_node, below)
            return made
        if isinstance(node, yaml.SequenceNode):
            items = []
            for place, item in enumerate(node.value):
                below = (*where, str(place))
                self._lines[below] = item.start_mark.line + 1
                items.append(self._plain(item, below))
            return items
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node, deep=True)
        finally:
            loader.dispose()
