"""The page's sentences for changes: each gap is a field of the change, and each needed field has its gap."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from taktwin.simulation.changes import KINDS
from taktwin.simulation.library import LIBRARY
from taktwin.whatif.kinds import LABELS

MESSAGES = Path(__file__).parents[3] / "ui" / "src" / "messages"
# Their value is a thing of its own: the page lays its parts out, and its sentence is as long as they are.
A_THING = {"order_added", "product_added", "center_added", "demand_mix"}


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
