"""Whoever adds an event or a command writes one class: then both catalogues have it, under its own name."""

from __future__ import annotations

import pkgutil
import sys
from types import ModuleType
from typing import Any

import pytest

from taktwin.contracts import commands, events

CATALOGUES = [(events, events.EventData, "event_type"), (commands, commands.CommandData, "command_name")]


def declared(package: ModuleType, base: type, word: str) -> list[type]:
    """Return the classes that a package's modules declare with a name of their own."""
    modules = [
        sys.modules.get(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
    ]
    assert None not in modules, "a module of the folder is not part of the catalogue"
    return [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == module.__name__
        and hasattr(kind, word)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("package", "base", "word"), CATALOGUES, ids=lambda each: getattr(each, "__name__", "")
)
def test_a_catalogue_has_every_class_of_its_folder_under_a_name_of_its_own(
    package: Any, base: Any, word: str
) -> None:
    kinds = declared(package, base, word)
    assert all(word in vars(kind) for kind in kinds), "a class that says another one's name takes its place"
    assert len(kinds) > 60
    assert sorted(package.CATALOGUE) == sorted(getattr(kind, word) for kind in kinds)
    assert set(package.CATALOGUE.values()) == set(kinds)
