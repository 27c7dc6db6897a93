"""Each typical mistake of a plant folder is said once, with file, line, field, found and expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from taktwin.errors import ConfigError, Mistake
from taktwin.plant import find_mistakes, open_plant
from tests.unit.plant import small_plant
from tests.unit.plant.mistake_cases import CASES, HIGH, C, Case, E, R


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_typical_mistake_is_said_with_place_found_and_expected(case: Case, tmp_path: Path) -> None:
    folder = small_plant.write(tmp_path, small_plant.spoiled(case.file, case.old, case.new))
    assert find_mistakes(folder) == [
        Mistake(
            f"{folder}/{case.file}",
            case.line,
            case.field,
            case.found,
            case.expected.replace("{folder}", str(folder)),
        )
    ]


def test_the_plant_that_is_spoiled_has_no_mistake_itself(tmp_path: Path) -> None:
    assert find_mistakes(small_plant.write(tmp_path)) == []


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    files = {
        **small_plant.FILES,
        C: small_plant.CLASSES.replace("priority: 2", "priority: 4").replace("unit: kW.h", "unit: kWh"),
        E: small_plant.EQUIPMENT.replace("class: saw", "class: sow").replace("x_m: 15", "x_m: 99"),
    }
    with pytest.raises(ConfigError) as raised:
        open_plant(small_plant.write(tmp_path, files))
    assert [(m.line, m.field) for m in raised.value.mistakes] == [
        (24, f"{HIGH}.priority"),
        (29, "classes.mill.signals.energy.unit"),
        (5, "equipment.saw1.class"),
        (16, "equipment.mill1.position.x_m"),
    ]
    assert (
        str(raised.value)
        .splitlines()[0]
        .endswith(f"parts/classes.yaml:24: {HIGH}.priority = 4: expected one of 1, 2, 3")
    )


def test_a_folder_without_a_plant_says_so(tmp_path: Path) -> None:
    assert find_mistakes(tmp_path) == [
        Mistake(f"{tmp_path}/plant.yaml", 1, "file", "nothing", "a plant folder with a plant.yaml")
    ]


def test_a_file_that_is_no_text_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    folder = small_plant.write(tmp_path)
    path = folder / E
    path.write_bytes(path.read_bytes().replace(b"Mill 1", b"M\xfchle"))
    mistake = find_mistakes(folder)[0]
    assert (mistake.file, mistake.line, mistake.found, mistake.expected) == (
        f"{folder}/{E}", 12, "byte 0xfc", "text in UTF-8",
    )  # fmt: skip


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    folder = small_plant.write(tmp_path, small_plant.spoiled(R, "env:PLC_PASSWORD", "hunter2"))
    assert not any("hunter2" in str(mistake) for mistake in find_mistakes(folder))


def test_stock_of_a_demo_is_of_products_and_lies_in_stores(tmp_path: Path) -> None:
    said = """
products:
  NUT: {name: Nut, make: false, lots: true}
demo:
  stock:
    L1: {product: NUT, quantity: 0, location: mill1}
    L2: {product: NUTS, quantity: .inf, location: nowhere}
    L3: {product: NUT, quantity: 4}
"""
    files = {**small_plant.FILES, "plant.yaml": small_plant.PLANT + said}
    found = {mistake.field: mistake.expected for mistake in find_mistakes(small_plant.write(tmp_path, files))}
    assert {name for name in found if name.startswith("demo.stock")} == {
        "demo.stock.L1.location", "demo.stock.L1.quantity", "demo.stock.L2.product", "demo.stock.L2.location",
        "demo.stock.L2.quantity", "demo.stock.L3",
    }  # fmt: skip


def test_people_of_a_demo_are_people_of_the_plant_and_their_proofs_are_not_said_again(tmp_path: Path) -> None:
    said = """
people:
  P1: {classes: [operator]}
demo:
  people:
    P1: {pin: 123498, badge: BADGE-1, certificates: {operator: soon, opera: 9}}
    P7: {pin: "1234"}
    P1x: 4
"""
    files = {**small_plant.FILES, "plant.yaml": small_plant.PLANT + said}
    mistakes = find_mistakes(small_plant.write(tmp_path, files))
    found = {mistake.field: mistake.expected for mistake in mistakes}
    assert found["demo.people.P1.pin"] == 'a text: pin: "..."'
    assert "days from the first start" in found["demo.people.P1.certificates.operator"]
    assert "operator" in found["demo.people.P1.certificates.opera"]
    assert "P1" in found["demo.people.P7"] and "demo.people.P1x" in found
    assert "123498" not in str(mistakes)
