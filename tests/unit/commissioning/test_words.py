"""A plan is run by its own command, and by no other: nothing that is not built reaches a real machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from taktwin.cli.main import run
from taktwin.plant import open_plant
from taktwin.processes import installations

PLAN = Path(__file__).parents[3] / "examples" / "plans" / "eastgate-polish"


@pytest.mark.parametrize("words", [["up", str(PLAN)], ["demo", "--plant", str(PLAN)]], ids=["up", "demo"])
def test_a_plan_is_no_plant_to_connect_to(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert run([*words, "--data", str(data), "--no-browser"]) == 1
    assert f"taktwin commission {PLAN}" in capsys.readouterr().err
    assert not data.exists(), "nothing was started"


def test_an_unknown_plan_is_told_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["commission", "atlantis"]) == 1
    said = capsys.readouterr().err
    assert "plan = atlantis" in said
    assert "a folder with a plan.yaml, or one of eastgate-polish" in said


def test_its_installation_plays_all_machines_and_keeps_the_plan(tmp_path: Path) -> None:
    folder = installations.plan_folder("eastgate-polish")
    assert folder == PLAN.resolve()
    made = installations.commissioning(
        open_plant(folder), folder=folder, data_dir=tmp_path / "data", speed=2.0, seed=3, failures=False
    )
    assert (made.player, made.plant_dir, made.failures) == ("commissioning", str(folder), False)
    assert not made.endpoints, "free ports, chosen when it starts"
