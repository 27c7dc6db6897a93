"""The page's sentences for changes: each gap is a field of the change, and each needed field has its gap."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from taktwin.simulation.changes import KINDS

MESSAGES = Path(__file__).parents[3] / "ui" / "src" / "messages"
# Their values are plants, products, orders or tables: more than a sentence can ask for.
NOT_IN_A_SENTENCE = {"order_added", "product_added", "center_added", "demand_mix"}


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_change_has_a_name_and_a_sentence_with_a_gap_for_each_field_it_needs(language: str) -> None:
    texts = json.loads((MESSAGES / f"mes.{language}.json").read_text("utf-8"))
    wrong = []
    for name, kind in KINDS.items():
        if name in NOT_IN_A_SENTENCE:
            continue
        if f"whatif.kind-{name}" not in texts:
            wrong.append(f"{name}: no name")
        gaps = set(re.findall(r"\{(\w+)\}", texts.get(f"whatif.change-{name}", "")))
        known = {field.name: field for field in dataclasses.fields(kind)}
        needed = {name for name, field in known.items() if field.default is dataclasses.MISSING}
        if not (needed <= gaps <= set(known)):
            wrong.append(f"{name}: gaps {sorted(gaps)}, needed {sorted(needed)}, known {sorted(known)}")
    assert wrong == []
