"""`taktwin demo --headless`: exits 0, and every value is accounted for."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.product import ROOT, TAKTWIN

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("headless")
    target = folder / "report.json"
    done = subprocess.run(
        [TAKTWIN, "demo", "--headless", "--for", "25s", "--speed", "4", "--seed", "7",
         "--data", folder / "data", "--report", target],
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(target.read_text()))


def test_the_counts_add_up(report: dict[str, Any]) -> None:
    assert report["problems"] == []
    total = 0
    for name, source in report["sources"].items():
        parts = source["published"] + source["quarantined"] + source["deadband"] + source["unmapped"]
        assert source["received"] == parts, name
        total += source["published"]
    assert total > 5_000
    assert report["twin"]["samples"] == total
    assert report["historian"]["rows"] == total


def test_every_connection_of_the_plant_delivered(report: dict[str, Any]) -> None:
    assert {"line1", "line2", "line3", "line4", "line5", "furnace", "utilities", "sensors"} <= set(
        report["sources"]
    )
    for name, source in report["sources"].items():
        assert source["received"] > 0, name
        assert source["gaps"] == 0, name
        assert source["silences"] == [], name


def test_the_report_says_what_ran_and_how_it_ended(report: dict[str, Any]) -> None:
    assert len(report["state_hash"]) == 64
    assert len(report["plant"]["hash"]) == 64
    for name in ("gateway", "twin", "historian", "portal", "virtual_plant", "recorder"):
        assert report["memory_mb"][name] > 10
        assert report["exit_reasons"][name] == "stopped cleanly"
        assert report["restarts"][name] == 0
    assert sum(report["memory_mb"].values()) < 1_500
    for hop in ("gateway", "bus", "twin"):
        assert (
            report["latency_ms"][hop]["p50"]
            <= report["latency_ms"][hop]["p99"]
            <= report["latency_ms"][hop]["max"]
        )


def test_a_wrong_span_is_refused_with_what_would_be_right(tmp_path: Path) -> None:
    done = subprocess.run(
        [TAKTWIN, "demo", "--headless", "--for", "soon", "--data", tmp_path / "d"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "--for = 'soon': expected a span such as 120s" in done.stderr


def test_a_foreign_folder_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = subprocess.run(
        [TAKTWIN, "demo", "--headless", "--for", "1s", "--data", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "expected an empty folder or an earlier demo's" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"
