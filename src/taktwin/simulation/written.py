"""Values of the model as JSON and back: comes in a dataclass, goes out plain lists and mappings.

What is read is checked against the types of the fields, and every mistake is kept with its place, what was
found and what would be right, so that a person can mend a file in one go. A distribution names its
family: `{"distribution": "lognormal", "mean_s": 200, "cv": 0.3}`. A mapping whose key is a pair is a list of
`[before, after, value]`, since JSON has names as keys only.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Union, get_args, get_origin

from taktwin.errors import DomainError
from taktwin.simulation.check import Finding, ModelError, declared
from taktwin.simulation.distributions import Distribution

TAG = "distribution"
FAMILIES: dict[str, type] = {each.__name__.lower(): each for each in get_args(Distribution)}
SHOWN = 8  # names that a message lists; a plant may have thousands
_MISSING = object()


def one_of(found: object, names: Collection[str]) -> str:
    """Return what a name should have been: the nearest one, and the first of the others."""
    listed = sorted(names)
    if not listed:
        return "nothing: there is none"
    near = difflib.get_close_matches(str(found), listed, 1, 0.5)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return (f"{near[0]!r}, or " if near else "") + f"one of {', '.join(listed[:SHOWN])}{more}"


def as_json(value: Any) -> Any:
    """Return a value of the model as JSON has it; what a field has by default is left out."""
    if isinstance(value, tuple | list):
        return [as_json(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        if any(isinstance(key, tuple) for key in value):
            return [[*key, as_json(each)] for key, each in value.items()]
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, StrEnum):
        return value.value
    if dataclasses.is_dataclass(value):
        found: dict[str, Any] = {}
        if type(value) in FAMILIES.values():
            found[TAG] = type(value).__name__.lower()
        for each in dataclasses.fields(value):
            said = getattr(value, each.name)
            default = each.default_factory() if callable(each.default_factory) else each.default
            if default is dataclasses.MISSING or said != default:
                found[each.name] = as_json(said)
        return found
    return value


def read(kind: Any, document: Any, place: str) -> Any:
    """Return the value of a type that a document says.

    Raises
    ------
    ModelError
        With every mistake: its place, what was found, what would be right.
    """
    findings: list[Finding] = []
    value = _read(kind, document, place, findings)
    if findings:
        raise ModelError(findings)
    return value


def _read(kind: Any, document: Any, place: str, findings: list[Finding]) -> Any:
    """Return the value, or `_MISSING` after a finding."""

    def wrong(expected: str) -> Any:
        findings.append(Finding(place, repr(document), expected))
        return _MISSING

    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        choices = [each for each in inner if each is not type(None)]
        if document is None and len(choices) < len(inner):
            return None
        if len(choices) > 1:
            return _read_family(choices, document, place, findings)
        return _read(choices[0], document, place, findings)
    if kind is float:
        if isinstance(document, int | float) and not isinstance(document, bool) and math.isfinite(document):
            return float(document)
        return wrong("a finite number")
    if kind is int:
        is_whole = isinstance(document, int) and not isinstance(document, bool)
        return document if is_whole else wrong("a whole number")
    if kind is bool:
        return document if isinstance(document, bool) else wrong("true or false")
    if kind is str:
        return document if isinstance(document, str) else wrong("a text")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        values = [each.value for each in kind]
        return kind(document) if document in values else wrong(one_of(document, values))
    if origin in (tuple, frozenset):
        if not isinstance(document, list | tuple):
            return wrong("a list")
        if origin is tuple and inner[-1] is not Ellipsis:
            if len(document) != len(inner):
                return wrong(f"a list of {len(inner)}")
            of = inner
        else:
            of = (inner[0],) * len(document)
        read_ones = [
            _read(k, each, f"{place}[{n}]", findings)
            for n, (k, each) in enumerate(zip(of, document, strict=True))
        ]
        return _MISSING if _MISSING in read_ones else origin(read_ones)
    if origin is not None and issubclass(origin, Mapping):
        return _read_mapping(inner, document, place, findings)
    assert dataclasses.is_dataclass(kind), f"{kind} has no form in JSON"
    return _read_fields(kind, document, place, findings)


def _read_family(choices: list[Any], document: Any, place: str, findings: list[Finding]) -> Any:
    names = {each.__name__.lower(): each for each in choices}
    if not isinstance(document, Mapping):
        findings.append(Finding(place, repr(document), f"{{{TAG!r}: one of {', '.join(names)}, ...}}"))
        return _MISSING
    said = document.get(TAG)
    if said not in names:
        findings.append(Finding(f"{place}.{TAG}", repr(said), one_of(said, names)))
        return _MISSING
    rest = {key: each for key, each in document.items() if key != TAG}
    return _read_fields(names[said], rest, place, findings)


def _read_mapping(inner: tuple[Any, ...], document: Any, place: str, findings: list[Finding]) -> Any:
    if get_origin(inner[0]) is tuple:
        row = types.GenericAlias(tuple, (*get_args(inner[0]), inner[1]))
        rows = _read(types.GenericAlias(tuple, (row, ...)), document, place, findings)
        return rows if rows is _MISSING else {tuple(row[:-1]): row[-1] for row in rows}
    if not isinstance(document, Mapping):
        findings.append(Finding(place, repr(document), "a mapping"))
        return _MISSING
    if inner[0] is int:  # JSON has only texts as names
        wrong = [key for key in document if not str(key).isdecimal()]
        findings += [Finding(f"{place}.{key}", repr(key), "a whole number as its name") for key in wrong]
        if wrong:
            return _MISSING
        document = {int(key): each for key, each in document.items()}
    found = {key: _read(inner[1], each, f"{place}.{key}", findings) for key, each in document.items()}
    return _MISSING if any(each is _MISSING for each in found.values()) else found


def _read_fields(kind: Any, document: Any, place: str, findings: list[Finding]) -> Any:
    if not isinstance(document, Mapping):
        findings.append(Finding(place, repr(document), "a mapping of its fields"))
        return _MISSING
    fields = {each.name: each for each in dataclasses.fields(kind) if each.init}
    said: dict[str, Any] = {}
    before = len(findings)
    for name in document:
        if name not in fields:
            findings.append(Finding(f"{place}.{name}", "an unknown field", one_of(name, fields)))
    for name, each in fields.items():
        if name in document:
            said[name] = _read(declared(kind)[name], document[name], f"{place}.{name}", findings)
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            findings.append(Finding(f"{place}.{name}", "nothing", "a value: there is no default"))
    if len(findings) > before:
        return _MISSING
    try:
        return kind(**said)
    except DomainError as error:
        findings.append(Finding(place, str(error), "values that can be"))
        return _MISSING
