"""The product itself, with real servers, backbone and historian: what it stored equals the truth."""

from __future__ import annotations

import subprocess
from pathlib import Path

import duckdb
import pytest

from taktwin.contracts.state import IntervalMessage
from taktwin.instants import SECOND_NS
from taktwin.virtual_plant import truth
from taktwin.virtual_plant.truth import TruthInterval
from tests.system.product import ROOT, TAKTWIN
from tests.truth import compare
from tests.truth.cases import Bench

START = "2026-06-17T06:57:00Z"  # three minutes before a break
SPEED = 4
FIELDS = (
    "id", "unit", "from_ns", "to_ns", "time_class", "reason", "state", "program", "job", "revision",
    "withdrawn",
)  # fmt: skip


@pytest.mark.system
@pytest.mark.timeout(300)
def test_what_the_running_product_stored_equals_the_truth(tmp_path: Path) -> None:
    done = subprocess.run(
        [TAKTWIN, "demo", "--headless", "--for", "60s", "--speed", str(SPEED), "--seed", "7", "--at", START,
         "--data", tmp_path / "data", "--report", tmp_path / "report.json"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    true: dict[str, list[TruthInterval]] = {}
    for fact in truth.read(tmp_path / "data" / "virtual_plant" / "truth.jsonl"):
        if isinstance(fact, TruthInterval):
            true.setdefault(fact.unit, []).append(fact)
    stored = newest(tmp_path / "data" / "historian" / "hot.duckdb")
    # It takes a while until everything is connected; at the end machines and gateway go first.
    first_ns = [next(i.from_ns for i in each if i.time_class != compare.UNKNOWN) for each in stored.values()]
    from_ns = max(first_ns) + 8 * SECOND_NS
    to_ns = from_ns + 45 * SPEED * SECOND_NS

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
