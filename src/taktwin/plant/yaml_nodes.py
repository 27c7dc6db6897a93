"""A YAML file as nodes that know their line, with the traps of YAML named instead of swallowed.

YAML 1.1 reads a plain `no` as false, `010` as eight and `14:00` as 840. Nothing is converted here
but where the schema says what is expected: text stays the text that the person wrote, and what
another YAML reader would take for something else has to be written so that all agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from taktwin.errors import Mistake

TRUE_OR_FALSE = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
SWITCHES = re.compile(r"(?:yes|no|on|off)\Z", re.IGNORECASE)
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.?[0-9]*(?:[eE][-+]?[0-9]+)?\Z")
LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+\Z|[-+]?0[xob][0-9a-fA-F_]+\Z")
NESTING_MAX = 30

Node = yaml.nodes.Node
Scalar = yaml.nodes.ScalarNode
Sequence = yaml.nodes.SequenceNode
Mapping = yaml.nodes.MappingNode


class _NodesOnly:
    """What the C parser asks of its other half: tags stay unresolved, the schema knows what is expected."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return ""

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


def _composer() -> Callable[[str], Any]:
    """Return what makes nodes of a text: the C parser, ten times as fast, where PyYAML has it."""
    if yaml.__with_libyaml__:
        parser: Any = vars(yaml.cyaml)["CParser"]
        return type("NodeComposer", (parser, _NodesOnly), {})
    return yaml.SafeLoader


_compose = _composer()


def compose(path: Path, shown: str) -> tuple[Node | None, list[Mistake]]:
    """Return the root node of a file (None if it is empty or unreadable) and what is wrong with it.

    `shown` is how the file is named in mistakes.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = path.read_bytes()[: bad.start].count(b"\n") + 1
        return None, [Mistake(shown, line, "file", f"byte 0x{bad.object[bad.start]:02x}", "text in UTF-8")]
    except OSError as failure:
        return None, [Mistake(shown, 1, "file", failure.strerror or "unreadable", "a file that can be read")]
    try:
        node: Node | None = _compose(text).get_single_node()
        return node, []
    except yaml.MarkedYAMLError as bad:
        return None, [_syntax_mistake(bad, text, shown)]
    except yaml.YAMLError as bad:
        return None, [Mistake(shown, 1, "file", str(bad).splitlines()[0], "YAML without control characters")]


def _syntax_mistake(bad: yaml.MarkedYAMLError, text: str, shown: str) -> Mistake:
    mark = bad.problem_mark or bad.context_mark
    at = mark.line if mark is not None else 0
    lines = text.splitlines()
    # The scanner often notices a tab only on a later line: look back for the one that indents.
    for number in range(min(at, len(lines) - 1), max(at - 3, -1), -1):
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        if "\t" in indent:
            return Mistake(shown, number + 1, "YAML", "a tab", "spaces: YAML may not be indented with tabs")
    problem = bad.problem or "broken syntax"
    return Mistake(shown, at + 1, "YAML", problem, f"valid YAML{f' ({bad.context})' if bad.context else ''}")


def line_of(node: Node) -> int:
    """Return the line on which a node starts, counted from 1."""
    return int(node.start_mark.line) + 1


def is_plain(node: Scalar) -> bool:
    """Return whether a scalar stands without quotes."""
    return node.style is None or node.style == ""


def is_null(node: Node) -> bool:
    """Return whether a node is YAML's nothing."""
    return isinstance(node, Scalar) and is_plain(node) and node.value in NULLS


def found_in(node: Node) -> str:
    """Return what a person sees at a node, in short."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if is_null(node):
        return "nothing"
    assert isinstance(node, Scalar), "YAML has three kinds of nodes"
    text: str = node.value
    if len(text) > 60:
        text = text[:57] + "..."
    if is_plain(node) and (DECIMAL.match(text) or LEADING_ZERO.match(text) or text in TRUE_OR_FALSE):
        return text
    return repr(text)


def entries(node: Mapping) -> Iterator[tuple[Node, Node]]:
    """Yield the keys and values of a mapping."""
    pairs: list[tuple[Node, Node]] = node.value
    return iter(pairs)


def text_trap(node: Scalar) -> str:
    """Return what is right where a plain scalar is no safe text, "" where it is."""
    text: str = node.value
    if not is_plain(node):
        return ""
    if text in TRUE_OR_FALSE or SWITCHES.match(text):
        return f'text; YAML reads {text} as a boolean, write "{text}"'
    if LEADING_ZERO.match(text):
        return f'text; YAML reads {text} as another number, write "{text}"'
    return ""


def number_of(node: Node, *, whole: bool) -> int | float | str:
    """Return a node's number, or as text what is right if it is none."""
    right = "a whole number" if whole else "a number"
    if not isinstance(node, Scalar):
        return right
    text: str = node.value
    if not is_plain(node):
        return f"{right} without quotes" if DECIMAL.match(text) and text else right
    if LEADING_ZERO.match(text):
        return f"{right} in decimal digits without a leading zero"
    if WHOLE.match(text):
        return int(text) if whole else float(text)
    if not whole and DECIMAL.match(text) and any(c.isdigit() for c in text):
        value = float(text)
        return value if abs(value) != float("inf") else right
    return right
