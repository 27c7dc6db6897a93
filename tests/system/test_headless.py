"""`taktwin demo --headless`: exits 0, every value is accounted for, and what it stored equals the truth.

The truth is compared with what the product itself left behind: real servers, backbone and historian.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from taktwin.contracts.state import IntervalMessage
from taktwin.instants import SECOND_NS
from taktwin.virtual_plant import truth
from taktwin.virtual_plant.truth import TruthInterval
from tests.system.product import ROOT, TAKTWIN
from tests.truth import compare
from tests.truth.cases import Bench

pytestmark = pytest.mark.system

START = "2026-06-17T06:58:00Z"  # two minutes before a break
SPEED = 4
FIELDS = (
    "id", "unit", "from_ns", "to_ns", "time_class", "reason", "state", "program", "job", "revision",
    "withdrawn",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("headless")
    done = subprocess.run(
        [TAKTWIN, "demo", "--headless", "--for", "45s", "--speed", str(SPEED), "--seed", "7", "--at", START,
         "--data", made / "data", "--report", made / "report.json"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report.json").read_text()))


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
    assert {"supervisor", "backbone", "database"} <= set(report["memory_mb"])
    for name in (
        "gateway", "twin", "historian", "portal", "virtual_plant", "recorder", "whatif", "analyst", "ledger",
    ):  # fmt: skip
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


@pytest.mark.timeout(300)
def test_what_the_running_product_stored_equals_the_truth(folder: Path) -> None:
    true: dict[str, list[TruthInterval]] = {}
    for fact in truth.read(folder / "data" / "virtual_plant" / "truth.jsonl"):
        if isinstance(fact, TruthInterval):
            true.setdefault(fact.unit, []).append(fact)
    stored = newest(folder / "data" / "historian" / "hot.duckdb")
    # It takes a while until everything is connected; at the end machines and gateway go first.
    first_ns = [next(i.from_ns for i in each if i.time_class != compare.UNKNOWN) for each in stored.values()]
    from_ns = max(first_ns) + 8 * SECOND_NS
    to_ns = from_ns + 30 * SPEED * SECOND_NS

    bench = Bench()
    compared = []
    for unit in sorted(set(true) & set(stored)):
        kind, tolerance_ns = bench.kind(unit)
        compared.append(
            compare.compare(
                unit,
                kind,
                compare.expected(true[unit], [], from_ns, to_ns),
                compare.published(stored[unit], from_ns, to_ns),
                tolerance_ns=tolerance_ns,
                shown_from_ns=0 if kind == "state" else tolerance_ns,
            )
        )
    assert {each.unit: [str(wrong) for wrong in each.wrong] for each in compared if each.wrong} == {}
    assert {each.unit: each.worst_ns for each in compared if each.kind == "state" and each.worst_ns} == {}
    assert {each.kind for each in compared} == {"state", "polled", "inferred"}
    assert sum(each.boundaries for each in compared) > 20
    assert sum(each.expected_ns["planned_down"] for each in compared) > 0, "the break was not reached"


def newest(path: Path) -> dict[str, list[IntervalMessage]]:
    """Return the newest revision of each stored interval that was not withdrawn, by unit, in order."""
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(f"SELECT {', '.join(FIELDS)} FROM intervals").fetchall()
    best: dict[str, IntervalMessage] = {}
    for row in rows:
        message = IntervalMessage(**dict(zip(FIELDS, row, strict=True)))
        known = best.get(message.id)
        if known is None or message.revision > known.revision:
            best[message.id] = message
    found: dict[str, list[IntervalMessage]] = {}
    for message in sorted(best.values(), key=lambda message: message.from_ns):
        if not message.withdrawn:
            found.setdefault(message.unit, []).append(message)
    return found
