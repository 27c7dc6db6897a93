"""What a plant folder may say of gauges, spare parts and maintenance plans, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from taktwin.plant import find_mistakes
from tests.unit.plant import small_plant

RIGHT = """\
gauges: {caliper: {name: Caliper, calibrate_every_days: 30}}
spare_parts: {B-1: {name: Belt, minimum: 2}}
maintenance_plans:
  grease: {name: Grease, equipment: [mill1], every_parts: 100, every_h: 48, spare_parts: {B-1: 1}}
"""


def mistakes(folder: Path, text: str) -> list[tuple[str, str, str]]:
    written = small_plant.write(folder, {**small_plant.FILES, "parts/upkeep.yaml": text})
    return [(each.field, each.found, each.expected) for each in find_mistakes(written)]


def test_plans_gauges_and_spare_parts_are_read(tmp_path: Path) -> None:
    assert mistakes(tmp_path, RIGHT) == []


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("every_days: 30", "every_days: 0", "gauges.caliper.calibrate_every_days", "1 to 10000"),
        ("minimum: 2", "minimum: -1", "spare_parts.B-1.minimum", "0 or more"),
        ("[mill1]", "[mill9]", "maintenance_plans.grease.equipment[0]", "mill1"),
        ("[mill1]", "[line1]", "maintenance_plans.grease.equipment[0]", "a work unit; it is a"),
        ("[mill1]", "[mill1, mill1]", "maintenance_plans.grease.equipment[1]", "each work unit once"),
        ("[mill1]", "[]", "maintenance_plans.grease.equipment", "the work units"),
        ("every_parts: 100, every_h: 48, ", "", "maintenance_plans.grease", "every_parts, every_h or both"),
        ("every_parts: 100", "every_parts: 0", "maintenance_plans.grease.every_parts", "1 part"),
        ("every_h: 48", "every_h: -3", "maintenance_plans.grease.every_h", "hours from 0.1"),
        ("{B-1: 1}", "{B-9: 1}", "maintenance_plans.grease.spare_parts.B-9", "B-1"),
        ("{B-1: 1}", "{B-1: 0}", "maintenance_plans.grease.spare_parts.B-1", "1 or more"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_once_with_its_place(
    tmp_path: Path, old: str, new: str, field: str, words: str
) -> None:
    assert old in RIGHT
    found = mistakes(tmp_path, RIGHT.replace(old, new))
    assert [each[0] for each in found] == [field] and words in found[0][2], found
