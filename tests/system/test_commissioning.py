"""A cell that nobody has built runs an order of the MES: the how-to's own commands, and what a person does.

One start of the product on the example plan: the planned line behind OPC UA, gateway, twin, MES with its
PostgreSQL and commander as a real plant has them.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from taktwin.plant import open_plant
from tests.system.product import ROOT, TAKTWIN, Product, until

pytestmark = pytest.mark.system

PLAN = "examples/plans/eastgate-polish"
ROUTE = ((10, "turn1"), (20, "polish1"), (30, "wash1"))
QUANTITY = 4


def commands() -> dict[str, list[str]]:
    """Return the commands of the how-to by their first word, without `taktwin`."""
    page = (ROOT / "docs" / "how-to" / "commission-a-cell.md").read_text(encoding="utf-8")
    said = [shlex.split(block) for block in re.findall(r"```sh\n(.*?)\n```", page, re.S)]
    assert all(words[0] == "taktwin" for words in said)
    return {words[1]: words[2:] for words in said}


def test_the_how_to_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "how-to" / "commission-a-cell.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n# plan.yaml\n(.*?)```", page, re.S)
    kept = (ROOT / PLAN / "plan.yaml").read_text(encoding="utf-8")
    assert _bare(shown) == _bare(kept)


def _bare(text: str) -> list[str]:
    lines = [re.sub(r"\s*#.*", "", line).rstrip() for line in text.splitlines()]
    return [line for line in lines if line]


def test_the_mes_runs_an_order_over_a_cell_before_it_exists(tmp_path: Path) -> None:
    said = commands()
    checked = subprocess.run(
        [TAKTWIN, "check", *said["check"]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0 and "no mistake found" in checked.stdout, checked.stdout + checked.stderr

    report = tmp_path / "findings.json"
    plan, *words = said["commission"]
    assert (plan, words[-2]) == (PLAN, "--report")
    with Product(tmp_path / "data", *words[:-1], str(report), command="commission", plant=plan) as product:
        plant = product.api("/plant")
        assert plant["name"].endswith("(planned)") and not plant["demo"]
        names = {each["id"]: each["name"] for each in plant["equipment"]}
        assert names["polish1"] == "Polishing cell (planned)" and names["turn1"] == "Lathe"
        declared = open_plant(ROOT / PLAN).connections
        for each in plant["connections"]:
            assert each["endpoint"] != declared[each["name"]].settings["endpoint"], "no real address"
        until(lambda: product.unit("polish1")["time_class"] == "down_no_order", 30)

        _do(product, "order.drop", request="V-1", product="SH-8", quantity=QUANTITY, due_ms=0)
        for operation, unit in ROUTE:
            _do(product, "job.dispatch", job=f"V-1-{operation}", work_unit=unit, version=1)
        # What is begun while the commander has not reached a cell yet is begun in the MES alone, as it says.
        until(lambda: _reached(product) == {unit for _, unit in ROUTE}, 60)
        # The planned cell first, while it has nothing to make: what it is told depends on nobody's speed.
        _do(product, "job.begin", job="V-1-20")
        until(lambda: _state(product, "V-1-20") == "Running", 30)
        for method, state in (("Pause", "Interrupted"), ("Resume", "Running")):
            _do(product, "job.control", job="V-1-20", method=method)
            until(lambda state=state: _state(product, "V-1-20") == state, 30)
        for job in ("V-1-10", "V-1-30"):
            _do(product, "job.begin", job=job)
        order = until(lambda: _completed(product), 90, lambda: str(product.api("/mes/orders/V-1")["jobs"]))

        assert [(j["work_unit"], j["state"], j["good"]) for j in order["jobs"]] == [
            (unit, "Ended", QUANTITY) for _, unit in ROUTE
        ]
        assert len(order["units"]) == QUANTITY
        for each in order["units"]:
            assert each["unit"].startswith("PLAN")
            way = product.api(f"/mes/units/{each['unit']}")["passages"]
            assert [step["work_unit"] for step in way] == [unit for _, unit in ROUTE]
        window = f"from_ms={order['jobs'][1]['started_ms']}&to_ms={1 << 42}"
        produced_s = until(lambda: _produced_s(product, window), 30)
        played = [p for p in product.api("/system")["processes"] if p["component"] == "commissioning"]
        assert [(p["state"], p["restarts"]) for p in played] == [("running", 0)]
        assert "planned, not real" in played[0]["reason"]
        took_s = product.stop()
    assert took_s < 15
    found = json.loads(report.read_bytes())
    assert found["gateway_refused"] == {} == found["commands_failed"]
    line = found["line"]
    assert line["products"] == {"SH-8": QUANTITY}
    units = {each["work_unit"]: each for each in line["units"]}
    assert {name for name, each in units.items() if each["planned"]} == {"polish1"}
    assert units["polish1"]["interlock_asked"] == QUANTITY and not units["polish1"]["interlock_refused"]
    worked_s = units["polish1"]["cycle_s"] * QUANTITY
    assert produced_s == pytest.approx(worked_s, abs=0.1), "the twin saw what the simulation did"
    calls = [(call["work_unit"], call["method"]) for call in line["calls"]]
    assert {unit for unit, method in calls if method == "StoreAndStart"} == {unit for _, unit in ROUTE}
    assert [method for unit, method in calls if unit == "polish1"][:3] == ["StoreAndStart", "Pause", "Resume"]
    assert all(call["status"] == "NO_ERROR" for call in line["calls"]), line["calls"]
    assert line["without_value"] == ["polish1/belt/speed", "wash1/bath/temperature"]
    text = "\n".join(product.lines)
    assert "the gateway refused: nothing" in text and "polish1 (planned)" in text


def _do(product: Product, name: str, /, **data: Any) -> None:
    key = "-".join((name, data.get("job", data.get("request")), data.get("method", "once")))
    product.api(f"/mes/commands/{name}", {"data": data, "idempotency_key": key})


def _state(product: Product, job: str) -> str:
    return next(str(j["state"]) for j in product.api("/mes/orders/V-1")["jobs"] if j["job"] == job)


def _reached(product: Product) -> set[str]:
    """Return the cells whose receivers the commander has reached, as the board says it."""
    lines = product.api("/mes/board")["lines"]
    return {
        line["work_unit"] for line in lines if line["machine"] is not None and line["machine"]["reachable"]
    }


def _produced_s(product: Product, window: str) -> float:
    """Return how long the twin saw the cell produce; 0 while it still does."""
    found = product.api(f"/units/polish1/timeline?{window}")
    over = found["intervals"][-1]["time_class"] == "down_no_order"
    return float(found["sums"].get("production", 0.0)) if over else 0.0


def _completed(product: Product) -> dict[str, Any] | None:
    order = product.api("/mes/orders/V-1")
    return dict(order) if order["order"]["state"] == "Completed" else None
