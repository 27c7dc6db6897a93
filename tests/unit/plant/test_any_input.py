"""Whatever stands in a plant folder, the answer is a list of mistakes or a registry, never a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taktwin.plant import find_mistakes, open_plant
from tests.unit.plant import small_plant

SPOILERS = [
    *"{}[]:,-#\t\n'\"&*!|>%@`~?",
    "\x00", "é", "\ufeff", "&a ", "*a", "<<: ", "!!python/object:os.system ", "- - ", "0x1F", "1e999", ".nan",
    "null", "yes", "010", "{a: *b}", "---\n", "2024-01-01", "\u2028",
]  # fmt: skip


@given(
    st.sampled_from(sorted(small_plant.FILES)),
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(0, 6), st.sampled_from(SPOILERS)), min_size=1, max_size=4
    ),
)
@settings(derandomize=True, deadline=None, max_examples=400)
def test_a_spoiled_file_is_answered_with_mistakes(
    tmp_path_factory: Any, name: str, edits: list[tuple[int, int, str]]
) -> None:
    text = small_plant.FILES[name]
    for place, removed, added in edits:
        at = place % (len(text) + 1)
        text = text[:at] + added + text[at + removed :]
    folder = small_plant.write(tmp_path_factory.mktemp("p"), {**small_plant.FILES, name: text})
    mistakes = find_mistakes(folder)
    assert all(m.file.startswith(str(folder)) and m.line >= 1 and m.expected for m in mistakes)
    if not mistakes:
        assert open_plant(folder).hash


@pytest.mark.parametrize(
    "demo",
    [
        "demo: &a {inner: *a}",
        "demo: {x: &a [1, 2], y: &b [*a, *a], z: [*b, *b]}",
        "demo: " + "[" * 200 + "]" * 200,
        "demo:\n  a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"  {c}: &{c} [{', '.join(['*' + p] * 10)}]\n"
            for p, c in zip("abcdefgh", "bcdefghi", strict=True)
        ),
    ],
    ids=["a circle", "an alias", "too deep", "a thousand million"],
)
def test_aliases_neither_hang_nor_crash(tmp_path: Path, demo: str) -> None:
    files = {**small_plant.FILES, "plant.yaml": small_plant.PLANT + demo + "\n"}
    mistakes = find_mistakes(small_plant.write(tmp_path, files))
    assert bool(mistakes) is ("y: &b" not in demo)
