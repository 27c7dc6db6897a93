"""Words of the command line that cannot be are refused before anything is done, with what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from taktwin import settings
from taktwin.cli import main

ROOT = Path(__file__).parents[2]
PLANTS = ROOT / "examples" / "plants"
NORTHFIELD = str(PLANTS / "northfield")
LOG = "log.csv"
DEMO = ["demo", "--plant", NORTHFIELD, "--headless"]

WRONG = {
    "an instant to commission at": (["commission", "plan", "--at", "garbage"], "--at = garbage", "RFC 3339"),
    "an instant to play from": ([*DEMO, "--at", "soon"], "--at = soon", "RFC 3339"),
    "no speed": (["commission", "plan", "--speed", "0"], "--speed = 0", "above 0"),
    "a speed backwards": ([*DEMO, "--speed", "-3"], "--speed = -3", "above 0"),
    "a speed that is no number": (["commission", "plan", "--speed", "nan"], "--speed = nan", "above 0"),
    "fewer than no runs": (
        ["calibrate", "--plant", NORTHFIELD, "--replications", "-1"], "--replications = -1", "0 or more",
    ),
    "fewer than no draws": (
        ["simulate", "fit", LOG, "--replications", "-5"], "--replications = -5", "0 or more",
    ),
    "a model in a folder that is not there": (
        ["simulate", "fit", LOG, "--out", "away/x.json"], "--out = away/x.json", "a folder that exists",
    ),
    "a report as a folder": (["commission", "plan", "--report", "."], "--report = .", "no folder"),
}  # fmt: skip


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command says that does nothing."""
    assert main.run(words) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize("name", WRONG)
def test_a_word_that_cannot_be_is_refused_with_what_would_be_right(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words, found, right = WRONG[name]
    said = refused(words, capsys)
    assert f"command line:1: {found}" in said and right in said
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_a_history_is_not_calibrated_by_the_folder_of_another_plant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write(settings.Installation(data_dir=str(tmp_path), plant_dir=NORTHFIELD))
    words = ["calibrate", "--data", str(tmp_path), "--plant"]
    assert "that of the installation in" in refused([*words, str(PLANTS / "eastgate")], capsys)
    assert "that of the installation in" not in refused([*words, NORTHFIELD], capsys)  # but it has no history
