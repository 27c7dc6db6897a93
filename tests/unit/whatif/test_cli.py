"""`taktwin whatif` from its words to its lines, over the portal's models and the room's real answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from taktwin.cli import door, main
from taktwin.cli.whatif import axis, grid, written
from taktwin.cli.whatif_tables import comparison
from taktwin.contracts import whatif as contract
from taktwin.errors import ConfigError
from taktwin.portal.models import whatif as models
from taktwin.portal.routes import whatif as routes
from taktwin.whatif import api
from tests.unit.whatif.test_whatif import REGISTRY, order, picture

LINES = [*order("near", 20, (20, 20, 12), due_h=1.2), *order("far", 30, due_h=20)]


def now() -> api.Situation:
    """Return the demo plant on a Wednesday."""
    return api.Situation(REGISTRY, picture(press2="production"), {"lines": LINES}, lambda: 0.0)


def got(base: str, path: str) -> Any:
    """Answer as the portal does, from the room's own functions."""
    if path == "/whatif/library":
        return models.WhatIfLibrary.model_validate(routes._document(api.library(None, now()))).model_dump()
    assert path == "/whatif/changes"
    return models.WhatIfChanges.model_validate(routes._document(api.changes(None, now()))).model_dump()


def posted(base: str, path: str, body: dict[str, Any]) -> Any:
    """Answer what was sent as the portal does."""
    if path == "/whatif/sensitivity":
        asked = models.SensitivityQuestionModel.model_validate(body)
        answer = api.sensitivity(contract.SensitivityQuestion(
            question=routes._question(asked.question), scenario=asked.scenario, indicator=asked.indicator
        ), now())  # fmt: skip
        return models.SensitivityModel.model_validate(routes._document(answer)).model_dump()
    if path == "/whatif/replay":
        film = models.ReplayQuestionModel.model_validate(body)
        replay = api.replay(contract.ReplayQuestion(
            question=routes._question(film.question), scenario=film.scenario, replication=film.replication
        ), now())  # fmt: skip
        return models.ReplayModel.model_validate(routes._document(replay)).model_dump()
    answer_ = api.compare(routes._question(models.WhatIfQuestion.model_validate(body)), now())
    return models.ComparisonModel.model_validate(routes._document(answer_)).model_dump()


@pytest.fixture(autouse=True)
def _no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "base_url", lambda data: "")
    monkeypatch.setattr(door, "get", got)
    monkeypatch.setattr(door, "post", posted)


def lines(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[str]:
    """Return what the command prints."""
    assert main.run(["whatif", *words]) == code
    return capsys.readouterr().out.splitlines()


def test_a_machine_down_a_file_and_a_grid_are_one_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "rush.json"
    rush = {"change": "order_added", "order": {"name": "rush", "product": "EA-100", "quantity": 5}}
    path.write_text(json.dumps({"version": 1, "name": "a rush order", "changes": [rush]}))
    said = lines(
        capsys, "--down", "press2=2h@30min", "--scenario", str(path),
        "--grid", "pace_scaled center=press2 times=0.8,1.2", "--runs", "8", "--horizon", "12h",
        "--indicator", "parts_done", "--deadline", "30s",
    )  # fmt: skip
    assert said[0].startswith("the next 12 h of the plant as it was at 2026-11-11T09:30:00Z")
    rows = {line.split("  ")[0]: line for line in said if " +- " in line}
    assert list(rows) == ["doing nothing", "press2 down 2h@30min", "a rush order", "times 0.8", "times 1.2"]
    assert "5.00 +- 0.00" in rows["a rush order"]
    assert any(line.startswith("rush") and line.split()[1] == "-" for line in said)  # not there doing nothing
    assert any("NOT BACK-TESTED" in line for line in said)


def test_a_line_of_fewer_runs_than_doing_nothing_says_so() -> None:
    asked = {"scenarios": [{"name": name, "changes": []} for name in ("whole", "cut", "lost")],
             "replications": 8, "horizon_s": 3600.0, "deadline_s": 30.0,
             "indicators": ["parts_done"]}  # fmt: skip
    answer = posted("", "/whatif/compare", asked)
    _, cut, lost = answer["indicators"][0]["effects"]
    cut["replications"], lost["replications"], lost["out_after"] = 5, 6, 6
    ends = {
        line.split(" ")[0]: line.rsplit("%", 1)[1]
        for line in comparison(answer)
        if " +- " in line and "%" in line
    }
    assert ends == {"whole": "", "cut": "  5 runs compared", "lost": "  out after 6 runs"}


def test_what_it_depends_on_and_what_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(
        capsys, "--down", "press2=15min", "--sensitivity", "parts_done", "--horizon", "1h", "--runs", "4",
        "--deadline", "30s",
    )  # fmt: skip
    assert said[0].startswith("parts done of 'press2 down 15min': ")
    assert any(line.startswith("times at press2") and "10% longer" in line for line in said)
    listed = lines(capsys, "--library")
    assert "people and shifts" in listed and any("bottleneck + 1" in line for line in listed)
    kinds = lines(capsys, "--kinds")
    assert any(line.startswith("unit_down") for line in kinds)
    assert "                   unit (unit), from_s (s), to_s (s)" in kinds


def test_one_of_the_library_is_asked_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads("\n".join(lines(
        capsys, "--library", "bottleneck + 1", "--runs", "2", "--horizon", "2h", "--json"
    )))  # fmt: skip
    assert [each["name"] for each in answer["scenarios"]] == ["bottleneck + 1"]
    assert answer["scenarios"][0]["changes"] == [
        {"change": "units_added", "center": "@bottleneck", "count": 1}
    ]


def test_several_grids_multiply_and_are_named_after_what_differs() -> None:
    found = grid([axis("pace_scaled center=hob1,hob2 times=1.1"), axis("units_added center=lathe count=1,2")])
    assert [each["name"] for each in found] == [
        "center hob1, count 1", "center hob1, count 2", "center hob2, count 1", "center hob2, count 2",
    ]  # fmt: skip
    assert found[3]["changes"] == [
        {"change": "pace_scaled", "center": "hob2", "times": 1.1},
        {"change": "units_added", "center": "lathe", "count": 2},
    ]
    assert grid([axis("unit_down unit=hob1 from_s=30min to_s=2h")]) == [
        {"name": "unit_down", "changes": [
            {"change": "unit_down", "unit": "hob1", "from_s": 1800.0, "to_s": 7200.0}
        ]}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "--down, --scenario, --grid or --library"), (("--library", "nonsense"), "demand"),
     (("--grid", "pace_scaled center"), "FIELD=VALUE"), (("--scenario", "no.json"), "a file of JSON")],
)  # fmt: skip
def test_words_that_say_nothing_are_told_what_would(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert main.run(["whatif", *words]) != 0
    assert said in capsys.readouterr().err


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    file, said = tmp_path / "asked.json", {"name": "none", "changes": []}
    file.write_text(json.dumps([{"version": 1, **said}, said]))
    assert written(file) == [said, said]
    file.write_text(json.dumps([said, {"version": 2, **said}]))
    with pytest.raises(ConfigError, match=r"version.*2.*1"):
        written(file)


def test_a_film_goes_through_the_door(capsys: pytest.CaptureFixture[str]) -> None:
    change = {"change": "unit_down", "unit": "press2", "from_s": 0, "to_s": 600}
    question = {"scenarios": [{"name": "down", "changes": [change]}], "horizon_s": 3600}
    film = posted("", "/whatif/replay", {"question": question, "scenario": "down"})
    assert film["units"][0]["spans"][0]["from_ms"] == film["start_ms"]
    assert film["buffers"][0]["from_ms"][0] == film["start_ms"]
