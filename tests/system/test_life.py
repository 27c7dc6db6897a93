"""Start, kill, cut, restart, stop: the product lives through it and says so."""

from pathlib import Path
from typing import Any

import pytest

from tests.system.product import Product, until

pytestmark = pytest.mark.system

SERVERS = ("line1", "line2", "line3", "line4", "line5")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Product(tmp_path_factory.mktemp("life") / "data", "--seed", "3") as running:
        until(lambda: fresh(running), 60, lambda: str(running.api("/system")["connections"]))
        yield running


def fresh(product: Product) -> bool:
    connections = product.api("/system")["connections"]
    return all(c["state"] == "running" and c["received"] > 0 for c in connections)


def unknown_units(product: Product) -> set[str]:
    plant = product.api("/plant")
    units = [e["id"] for e in plant["equipment"] if e["level"] == "WorkUnit"]
    return {unit for unit in units if product.unit(unit)["time_class"] == "unknown"}


def test_all_processes_run_under_their_own_names(product: Product) -> None:
    processes = {p["component"]: p for p in product.api("/system")["processes"]}
    assert {"gateway", "twin", "recorder", "historian", "portal", "virtual_plant"} <= set(processes)
    assert len({p["pid"] for p in processes.values()}) == len(processes)


def test_a_cut_server_makes_its_cells_unknown_and_no_others_and_comes_back(product: Product) -> None:
    before = unknown_units(product)
    product.api(
        "/demo/injections", {"kind": "cut_server", "target": "line2", "duration_s": 15, "parameters": {}}
    )
    cells = {"load2", "adhesive2", "press2", "tighten2", "leak2", "vision2"}
    until(lambda: cells <= unknown_units(product), 7, lambda: str(unknown_units(product)))
    assert unknown_units(product) - before == cells
    until(lambda: not cells & unknown_units(product), 40, lambda: str(unknown_units(product)))
    assert all(p["restarts"] == 0 for p in product.api("/system")["processes"])


@pytest.mark.parametrize("name", ["historian", "twin", "gateway", "recorder"])
def test_a_killed_process_is_started_again_and_catches_up(product: Product, name: str) -> None:
    before = product.process_id(name)
    product.kill(name)

    def is_back() -> bool:
        found = {p["component"]: p for p in product.api("/system")["processes"]}
        return bool(found[name]["pid"] != before and found[name]["state"] == "running")

    until(is_back, 45, lambda: str(product.api("/system")["processes"]))
    until(lambda: fresh(product) and not unknown_units(product), 45, lambda: str(unknown_units(product)))


def test_a_killed_gateway_leaves_a_marked_gap(product: Product) -> None:
    timeline = product.api("/units/turn1/timeline?from_ms=0&to_ms=4102444800000")["intervals"]
    assert any(i["time_class"] == "unknown" for i in timeline[1:]), "the killed gateway's gap is nowhere"
    for left, right in zip(timeline, timeline[1:], strict=False):  # noqa: RUF007
        assert left["to_ms"] == right["from_ms"], "a second belongs to no class, or to two"


def test_it_stops_cleanly_in_under_eight_seconds(tmp_path: Path) -> None:
    with Product(tmp_path / "data") as product:
        took_s = product.stop()
        assert product.process.returncode == 0
        assert took_s < 8
        assert product.lines[-1] == "stopped"
        assert not any("killed" in line for line in product.lines)
