"""The physics file: read strictly, every mistake named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from taktwin.errors import ConfigError, Mistake
from taktwin.virtual_plant import physics

NORTHFIELD = Path(__file__).parents[3] / "examples" / "plants" / "northfield" / "physics.yaml"


def mistakes(tmp_path: Path, text: str | bytes) -> list[Mistake]:
    path = tmp_path / "physics.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        physics.load(path)
    return caught.value.mistakes


def test_the_demo_plant_has_all_twelve_causes_switched_on() -> None:
    found = physics.load(NORTHFIELD)
    switches = {name: getattr(found.causes, name).on for name in physics.Causes.__dataclass_fields__}
    assert len(switches) == 12
    assert all(switches.values())


def test_a_unit_has_what_its_kind_says_and_its_own_word_wins() -> None:
    found = physics.load(NORTHFIELD)
    assert found.units["grind1"].load == found.kinds["grind"].load == 48
    assert found.units["grind2"].load == 30
    assert found.units["grind2"].failure == found.kinds["grind"].failure


def test_an_inner_field_of_a_unit_leaves_the_rest_of_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "physics.yaml"
    path.write_text(
        "kinds: {wash: {power: {production: 18, waiting: 7}}}\nunits: {w: {kind: wash, power: {waiting: 3}}}"
    )
    assert physics.load(path).units["w"].power == physics.Power(production=18, waiting=3)


CASES = [
    ("units: {turn1: {kind: lathe, lode: 3}}", 1, "units.turn1.lode", "'load'"),
    ("units:\n  turn1: {kind: lath}", 2, "units.turn1.kind", "one of adhesive, compressor"),
    ("units:\n  turn1: {kind: lathe, cycle_s: fast}", 2, "units.turn1.cycle_s", "a number"),
    ("units:\n  turn1:\n    kind: lathe\n    cycle_s: -4", 4, "units.turn1.cycle_s", "from 0 to"),
    ("units:\n  f: {kind: furnace, batch: 0}", 2, "units.f.batch", "at least 1"),
    ("units:\n  f: {kind: furnace, batch: 2.5}", 2, "units.f.batch", "a whole number"),
    ("causes:\n  insert_wear:\n    on: 1", 3, "causes.insert_wear.on", "true or false"),
    ("causes: {insert_ware: {on: true}}", 1, "causes.insert_ware", "'insert_wear'"),
    ("causes:\n  torque_drift: {unit: nobody}", 2, "causes.torque_drift.unit", "a unit of this file"),
    ("causes:\n  bearing_wear:\n    warning_h_min: 90", 3, "causes.bearing_wear.warning_h_min", "at most"),
    ("units: [a, b]", 1, "units", "a mapping"),
    ("orders: {families: 100}", 1, "orders.families", "a list"),
    ("orders:\n  families: [100, -1]", 2, "orders.families", "above 0"),
    ("orders:\n  lot: 24\n  lot: 25", 3, "orders.lot", "each field once"),
    (
        "units:\n  a: {kind: wash}\nbuffers:\n  b: {sources: [a], targets: [z]}",
        4,
        "buffers.b.targets",
        "a unit",
    ),
    ("physics: 2", 1, "physics", "1, the version"),
    ("ambient: {humidity: .nan}", 1, "ambient.humidity", "a number"),
    ("units: {a: {kind: wash, failure: {text: 5}}}", 1, "units.a.failure.text", "a text"),
    ("units: [\n", 2, "physics.yaml", "valid YAML"),
]


@pytest.mark.parametrize(("text", "line", "field", "expected"), CASES, ids=[case[2] for case in CASES])
def test_each_mistake_names_file_line_field_and_what_would_be_right(
    tmp_path: Path, text: str, line: int, field: str, expected: str
) -> None:
    found = mistakes(tmp_path, text)
    assert [(each.line, each.field) for each in found] == [(line, field)]
    assert expected in found[0].expected
    assert found[0].file.endswith("physics.yaml")


def test_a_file_that_is_not_there_or_no_text_is_a_mistake_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a readable file"):
        physics.load(tmp_path / "nothing.yaml")
    assert "UTF-8" in mistakes(tmp_path, b"units: \xff\xfe")[0].expected


def test_a_wrong_value_of_a_kind_is_told_once_at_its_own_line(tmp_path: Path) -> None:
    text = "kinds:\n  wash:\n    reject: 7\nunits:\n  a: {kind: wash}\n  b: {kind: wash}\n"
    found = mistakes(tmp_path, text)
    assert [(each.line, each.field) for each in found] == [(3, "kinds.wash.reject")]


def test_switching_causes_off_and_on() -> None:
    found = physics.load(NORTHFIELD)
    assert not physics.without(found, "insert_wear").causes.insert_wear.on
    assert physics.without(found, "insert_wear").causes.torque_drift.on
    alone = physics.only(found, "open_doors").causes
    on = [name for name in physics.Causes.__dataclass_fields__ if getattr(alone, name).on]
    assert on == ["open_doors"]
