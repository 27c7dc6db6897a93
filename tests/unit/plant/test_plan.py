"""A plan is laid over a plant entry by entry, and what would keep it from being commissioned is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from taktwin.errors import ConfigError
from taktwin.identity import EquipmentId
from taktwin.plant import find_mistakes, open_plant
from taktwin.plant.plan import copy
from tests.unit.commissioning.test_service import SECOND_PRODUCT, with_second_cell

EXAMPLES = Path(__file__).parents[3] / "examples"
EASTGATE = EXAMPLES / "plants" / "eastgate"
POLISH = EXAMPLES / "plans" / "eastgate-polish"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    shutil.copytree(EASTGATE, tmp_path / "plants" / "eastgate")
    shutil.copytree(POLISH, tmp_path / "plans" / "polish")
    return tmp_path / "plans" / "polish"


def changed(file: Path, old: str, new: str) -> int:
    """Replace a text that stands once in a file; return its line."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_what_the_plan_says_takes_the_place_of_what_the_plant_says_and_all_else_stays(plan: Path) -> None:
    before, after = open_plant(EASTGATE), open_plant(plan)
    assert before.plan is None and after.plan.planned == ["polish1"]
    assert [o.name for o in before.routings["shaft-8"].operations] == ["Turn", "Wash"]
    assert [o.name for o in after.routings["shaft-8"].operations] == ["Turn", "Polish", "Wash"]
    assert {b.id for b in after.buffers} == {"turn_polish", "polish_wash"}
    assert set(after.equipment) - set(before.equipment) == {"polish1"}
    assert after.products == before.products and after.folder == str(plan.parents[1] / "plants" / "eastgate")
    assert after.plan_routes == ("shaft-8",)
    described = after.equipment[EquipmentId("polish1")].described_in
    assert described.startswith("cell.yaml:"), described
    assert after.equipment[EquipmentId("turn1")].described_in.startswith("plant.yaml:")


def test_whatever_is_not_built_says_so_in_its_name(plan: Path) -> None:
    registry = open_plant(plan)
    assert registry.name == "Eastgate shaft works · Polishing cell (planned)"
    names = {str(unit.id): unit.name for unit in registry.work_units}
    assert names == {"polish1": "Polishing cell (planned)", "turn1": "Lathe", "wash1": "Washing machine"}


def test_the_hash_knows_the_plan_and_not_where_it_lies(plan: Path) -> None:
    first = open_plant(plan).hash
    assert first == open_plant(POLISH).hash != open_plant(EASTGATE).hash
    changed(plan / "plan.yaml", "good: 0.9", "good: 0.8")
    assert open_plant(plan).hash != first


def test_a_copy_needs_neither_folder_any_more(plan: Path, tmp_path: Path) -> None:
    kept = open_plant(plan).hash
    copied = copy(plan, tmp_path / "frozen")
    shutil.rmtree(plan)
    shutil.rmtree(tmp_path / "plants")
    assert open_plant(copied).hash == kept


def _unknown_unit(plan: Path) -> tuple[str, int]:
    return "plan.yaml", changed(plan / "plan.yaml", "planned: [polish1]", "planned: [polish2]")


def _stands_already(plan: Path) -> tuple[str, int]:
    return "plan.yaml", changed(plan / "plan.yaml", "planned: [polish1]", "planned: [polish1, wash1]")


def _luck(plan: Path) -> tuple[str, int]:
    return "plan.yaml", changed(plan / "plan.yaml", "good: 0.9", "good: 1.9")


def _no_such_entry(plan: Path) -> tuple[str, int]:
    return "plan.yaml", changed(plan / "plan.yaml", "[turn_wash]", "[turn_wahs]")


def _no_section(plan: Path) -> tuple[str, int]:
    text = "# The new sequence, and where shafts wait in it."
    return "route.yaml", changed(plan / "route.yaml", text, "site: elsewhere")


def _no_way(plan: Path) -> tuple[str, int]:
    changed(plan / "route.yaml", "sources: [polish1], targets: [wash1]", "sources: [turn1], targets: [wash1]")
    line = (plan / "route.yaml").read_text(encoding="utf-8").partition("{name: Wash")[0].count("\n") + 1
    return "route.yaml", line


def _nobody_tells(plan: Path) -> tuple[str, int]:
    plant = plan.parents[1] / "plants" / "eastgate" / "plant.yaml"
    changed(plant, "  turn1: {job.control: &jobs {", "  turn1: {}\n  wash1: {job.control: &jobs {")
    changed(plant, "  wash1: {job.control: *jobs}\n", "")
    line = (plan / "route.yaml").read_text(encoding="utf-8").partition("{name: Turn, class")[0].count(
        "\n"
    ) + 1
    return "route.yaml", line


def _furnace(plan: Path) -> tuple[str, int]:
    changed(plan / "route.yaml", "standard_time_s: 50}", "standard_time_s: 50, batch: 8}")
    line = (plan / "route.yaml").read_text(encoding="utf-8").partition("{name: Polish, class")[0].count("\n")
    return "route.yaml", line + 1


def _other_yield(plan: Path) -> tuple[str, int]:
    with_second_cell(plan, "good: 0.99, work_cv: 0.15")
    line = (plan / "plan.yaml").read_text(encoding="utf-8").partition("  polish1: {good")[0].count("\n")
    return "plan.yaml", line + 1


def _idle_for_ever(plan: Path) -> tuple[str, int]:
    with_second_cell(plan, "good: 0.9, work_cv: 0.15, fails_every_h: 5, repair_min: 3")
    changed(plan / "route.yaml", "standard_time_s: 50}", "standard_time_s: 50, equipment: [polish1]}")
    line = (plan / "plan.yaml").read_text(encoding="utf-8").partition("planned: [")[0].count("\n")
    return "plan.yaml", line + 1


def _comes_back(plan: Path) -> tuple[str, int]:
    wash = "      - {name: Wash, class: washer, standard_time_s: 40}"
    again = "      - {name: Turn again, class: lathe, standard_time_s: 60}"
    changed(plan / "route.yaml", "targets: [wash1]", "targets: [wash1, turn1]")
    return "route.yaml", changed(plan / "route.yaml", wash, f"{again}\n")


def _no_operation(plan: Path) -> tuple[str, int]:
    route = plan / "route.yaml"
    head = route.read_text(encoding="utf-8").partition("    operations:")[0]
    other = "  other:\n    name: Other\n    operations: []\n"
    tail = route.read_text(encoding="utf-8").partition("    operations:\n")[2]
    route.write_text(f"{head}    operations:\n{tail.rstrip()}\n{other}", encoding="utf-8")
    return "route.yaml", route.read_text(encoding="utf-8").partition("    operations: []")[0].count("\n") + 1


def _repaired_and_never_broken(plan: Path) -> tuple[str, int]:
    return "plan.yaml", changed(plan / "plan.yaml", "fails_every_h: 2, repair_min: 6", "repair_min: 6")


def _nothing_made_there(plan: Path) -> tuple[str, int]:
    (plan / "route.yaml").write_text("supplies: {}\n", encoding="utf-8")
    line = (plan / "plan.yaml").read_text(encoding="utf-8").partition("planned:")[0].count("\n") + 1
    return "plan.yaml", line


def _no_plant(plan: Path) -> tuple[str, int]:
    return "plan.yaml", changed(plan / "plan.yaml", "plants/eastgate", "plants/westgate")


@pytest.mark.parametrize(
    ("spoil", "field", "expected"),
    [
        (_unknown_unit, "planned[0]", "did you mean polish1?"),
        (_stands_already, "planned[1]", "a work unit that the plan itself adds"),
        (_luck, "expected.polish1.good", "a share above 0, at most 1"),
        (_no_such_entry, "without.buffers[0]", "did you mean turn_wash?"),
        (_no_section, "site", "a section that a plan may change"),
        (_no_way, "routings.shaft-8.operations[2]", "a buffer from polish1 to one of wash1"),
        (_nobody_tells, "routings.shaft-8.operations[0]", "permits.turn1.job.control"),
        (_furnace, "routings.shaft-8.operations[1].batch", "no furnace yet"),
        (_other_yield, "expected.polish1.good", "0.99, as expected of polish2"),
        (_comes_back, "routings.shaft-8.operations[2]", "plays no way back yet"),
        (_no_operation, "routings.other.operations", "an operation at least"),
        (_repaired_and_never_broken, "expected.polish1.repair_min", "fails_every_h beside it"),
        (_nothing_made_there, "planned", "a routing with an operation at a planned work unit"),
        (_idle_for_ever, "planned[1]", "a work unit at which some routing has an operation"),
        (_no_plant, "of", "the folder of a plant"),
    ],
    ids=lambda each: each.__name__.strip("_") if callable(each) else "",
)
def test_what_would_keep_it_from_being_commissioned_is_said_with_its_place(
    plan: Path, spoil: Callable[[Path], tuple[str, int]], field: str, expected: str
) -> None:
    file, line = spoil(plan)
    (found,) = find_mistakes(plan)
    assert (found.file, found.line, found.field) == (str(plan / file), line, field)
    assert expected in found.expected
    with pytest.raises(ConfigError):
        open_plant(plan)


def test_two_cells_with_one_receiver_of_job_orders_are_said_at_both(plan: Path) -> None:
    with_second_cell(plan, "good: 0.9, work_cv: 0.15")
    changed(plan / "second.yaml", "s=polish2.JobOrder", "s=polish1.JobOrder")
    found = find_mistakes(plan)
    assert [each.field for each in found] == [f"equipment.polish{n}.job_control" for n in (1, 2)]
    assert "polish2 has this one on polisher already" in found[0].expected


@pytest.mark.parametrize(("odd", "other"), [("polish1", "polish2"), ("polish2", "polish1")])
def test_what_cells_promise_apart_is_said_once_where_it_is_said(plan: Path, odd: str, other: str) -> None:
    with_second_cell(plan, "good: 0.9, work_cv: 0.15")
    changed(plan / "plan.yaml", f"{other}: {{good: 0.9, ", f"{other}: {{")  # of good nothing: all of them
    route = plan / "route.yaml"  # two routes pass them
    kept = route.read_text(encoding="utf-8").partition("routings:")[0]
    route.write_text(kept + SECOND_PRODUCT, encoding="utf-8")
    (found,) = find_mistakes(plan)
    assert (found.field, found.found) == (f"expected.{odd}.good", "0.9")
    assert found.expected.startswith(f"1.0, as expected of {other}")


def test_a_mistake_of_the_plant_itself_is_said_where_it_stands(plan: Path) -> None:
    plant = plan.parents[1] / "plants" / "eastgate" / "plant.yaml"
    line = changed(plant, "time_zone: Europe/Vienna", "time_zone: Europe/Wien")
    (found,) = find_mistakes(plan)
    assert (found.file, found.line, found.field) == (str(plant), line, "time_zone")
