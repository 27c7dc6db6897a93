"""The page's sentences say what the room says: of changes gap by gap, of notes word by word."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from taktwin.simulation.changes import KINDS
from taktwin.simulation.library import LIBRARY
from taktwin.whatif.kinds import LABELS

MESSAGES = Path(__file__).parents[3] / "ui" / "src" / "messages"
# Their value is a thing of its own: the page lays its parts out, and its sentence is as long as they are.
A_THING = {"order_added", "product_added", "center_added", "demand_mix"}
ROOM = Path(importlib.import_module("taktwin.whatif").__file__ or "").parent
# The page says these in its own voice, its figures beside them in the table of errors.
OWN_VOICE = {"above_limit", "never_tested", "few_epochs"}
# Notes of back-tests and of calibrations' reasons: other pages show them, in words of their own.
ELSEWHERE = {
    "unseen", "closed", "given_up", "made_before", "refused", "first", "history", "drift", "asked",
    "never_made", "band",
}  # fmt: skip
ANY = "\0"


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_change_has_a_name_and_a_sentence_with_a_gap_for_each_field_it_needs(language: str) -> None:
    texts = json.loads((MESSAGES / f"mes.{language}.json").read_text("utf-8"))
    wrong = []
    for name, kind in KINDS.items():
        if f"whatif.kind-{name}" not in texts:
            wrong.append(f"{name}: no name")
        if name in A_THING:
            continue
        gaps = set(re.findall(r"\{(\w+)\}", texts.get(f"whatif.change-{name}", "")))
        known = {field.name: field for field in dataclasses.fields(kind)}
        needed = {name for name, field in known.items() if field.default is dataclasses.MISSING}
        if not (needed <= gaps <= set(known)):
            wrong.append(f"{name}: gaps {sorted(gaps)}, needed {sorted(needed)}, known {sorted(known)}")
    assert wrong == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_field_and_every_prepared_scenario_has_words(language: str) -> None:
    texts = json.loads((MESSAGES / f"mes.{language}.json").read_text("utf-8"))
    # `shares` is one field for each product.
    assert [name for name in LABELS if f"whatif.field-{name}" not in texts and name != "shares"] == []
    wrong = []
    for prepared in (each for group in LIBRARY.values() for each in group):
        numbers = re.findall(r"\d+(?:\.\d+)?", prepared.name)
        bare = re.sub(r"\d+(\.\d+)?", "#", prepared.name.lower()).replace("+", " plus ")
        bare = re.sub(r"[^a-z#]+", "-", re.sub(r"-(?=#)", " minus ", bare)).replace("#", "n").strip("-")
        text = texts.get(f"whatif.library-{bare}", "")
        if sorted(set(re.findall(r"\{(\w)\}", text))) != ["a", "b"][: len(numbers)]:
            wrong.append(f"{prepared.name}: {text!r} ({bare})")
    assert wrong == []


def _template(text: ast.expr, module: str, scope: dict[str, ast.expr]) -> str | None:
    """Return a text of the code with ANY for what is put in; None where it is worked out elsewhere."""
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return text.value
    if isinstance(text, ast.FormattedValue):
        return _template(text.value, module, scope) or ANY
    if isinstance(text, ast.Name):
        if text.id in scope:
            return _template(scope[text.id], module, {})
        constant = getattr(importlib.import_module(module), text.id, None)
        return str(constant) if isinstance(constant, int | str) else None
    if isinstance(text, ast.JoinedStr):
        return "".join(_template(part, module, scope) or ANY for part in text.values)
    return None


def _room_says() -> Iterator[tuple[str, str]]:
    """Yield code and text of each note that the room's code has the words of."""
    for path in sorted(ROOM.glob("*.py")):
        module = f"taktwin.whatif.{path.stem}"
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            scope = {
                node.targets[0].id: node.value for node in ast.walk(function)
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
                and isinstance(node.value, ast.Constant | ast.JoinedStr)
            }  # fmt: skip
            for call in ast.walk(function):
                if not isinstance(call, ast.Call):
                    continue
                named = {each.arg: each.value for each in call.keywords}
                if isinstance(call.func, ast.Name) and call.func.id == "Note":
                    code, text = named["code"], named["text"]
                elif isinstance(call.func, ast.Attribute) and call.func.attr == "_note":
                    code, _, text = call.args
                else:
                    continue
                if isinstance(code, ast.Constant) and (said := _template(text, module, scope)) is not None:
                    yield str(code.value), said


def _ways(message: str) -> list[str]:
    """Return the sentences of a message: two where it is another one without subjects."""
    plural = re.fullmatch(r"\{n, plural, =0 \{(.*)\} other \{(.*)\}\}", message)
    return [message] if plural is None else [plural[1], plural[2]]


def test_a_note_is_said_on_the_page_as_the_room_says_it() -> None:
    texts = json.loads((MESSAGES / "mes.en.json").read_text("utf-8"))
    said = sorted(set(_room_says()))
    wrong = []
    for code, template in said:
        if code in OWN_VOICE | ELSEWHERE:
            continue
        parts = [re.escape(part.strip()) for part in template.rstrip(".").split(ANY)]
        pattern = re.compile(r"\s*.*?\s*".join(parts), re.IGNORECASE)
        if not any(pattern.fullmatch(way) for way in _ways(texts.get(f"whatif.note-{code}", ""))):
            wrong.append(f"{code}: the room {template!r}, the page {texts.get(f'whatif.note-{code}')!r}")
    assert wrong == []
    # The walk over the code saw it all: notes of the model, of its start and of what has no figure.
    assert {"batch", "own", "store", "wear", "pooled", "silent", "no-power", "mes"} <= {c for c, _ in said}


def test_a_note_has_the_same_gaps_and_numbers_in_both_languages() -> None:
    english, german = (
        {
            name: (
                set(re.findall(r"\{(subjects|first|n)\b", text)), re.findall(r"\d+", text), len(_ways(text))
            )
            for name, text in json.loads((MESSAGES / f"mes.{language}.json").read_text("utf-8")).items()
            if name.startswith("whatif.note-")
        }
        for language in ("en", "de")
    )  # fmt: skip
    assert english == german
