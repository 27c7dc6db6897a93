"""No command is left out: each one of the catalogue is asked by a machine that asks at random."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from taktwin.contracts import commands

HERE = Path(__file__).parent
MACHINE = "RuleBasedStateMachine"


def machines(trees: Iterable[ast.Module]) -> Iterator[ast.ClassDef]:
    """Yield each class that is a machine of hypothesis, also one made from another, and what they share."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    bases: dict[str, set[str]] = {}
    for each in classes:  # two files may have a class of one name
        bases.setdefault(each.name, set()).update(ast.unparse(base) for base in each.bases)
    known = {MACHINE}
    while new := {name for name, above in bases.items() if above & known} - known:
        known |= new
    while new := set[str]().union(*(bases.get(name, set()) for name in known)) - known:
        known |= new
    yield from (each for each in classes if each.name in known)


def asked(machine: ast.ClassDef) -> set[str]:
    """Return the names that occur in a machine."""
    found: set[str] = set()
    for node in ast.walk(machine):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


def left_out(catalogue: Iterable[type[commands.CommandData]], trees: Iterable[ast.Module]) -> list[str]:
    """Return the commands that no machine asks."""
    names = set[str]().union(*(asked(machine) for machine in machines(trees)))
    return sorted(kind.command_name for kind in catalogue if kind.__name__ not in names)


@pytest.fixture(scope="module")
def trees() -> list[ast.Module]:
    """The files of this folder."""
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("test_*.py"))]


def test_each_command_is_asked_at_random(trees: list[ast.Module]) -> None:
    assert len(list(machines(trees))) >= 12, "fewer machines than there are: this test looks past them"
    assert left_out(commands.CATALOGUE.values(), trees) == []


def test_a_command_that_no_machine_asks_is_named(trees: list[ast.Module]) -> None:
    class Knock(commands.CommandData, frozen=True, kw_only=True):
        pass

    Knock.command_name = "knock"
    assert left_out([*commands.CATALOGUE.values(), Knock], trees) == ["knock"]
