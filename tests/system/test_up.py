"""`taktwin up` with a plant folder of one's own on a machine over TCP: one history over every kind of end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taktwin.processes.ports import free_port
from tests.system.product import ROOT, Product, until

pytestmark = pytest.mark.system

PLANT = """
enterprise: my
site: works
name: My works
time_zone: Europe/Vienna
floor: {width_m: 20, depth_m: 12}
connections:
  mill_adapter: {connector: shdr, endpoint: "tcp://127.0.0.1:PORT"}
classes:
  mill:
    name: Mill
    state_model: mtconnect
    signals:
      state: {role: state, type: string, address: execution}
      parts: {role: good_count, type: int64, unit: "{part}", address: PartCountAct}
equipment:
  hall: {level: Area, name: Hall}
  mill: {class: mill, name: Mill, parent: hall, connection: mill_adapter, position: {x_m: 10, y_m: 6}}
"""


class Adapter:
    """The machine's adapter, a process of its own."""

    def __init__(self, port: int) -> None:
        script = str(ROOT / "tests" / "system" / "adapter.py")
        self.process = subprocess.Popen([sys.executable, script, str(port)], stdin=subprocess.PIPE, text=True)

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def adapter() -> Iterator[tuple[Adapter, int]]:
    port = free_port()
    running = Adapter(port)
    yield running, port
    running.end()


def stored(product: Product) -> list[int]:
    """Return the numbers in history, oldest first."""
    values = product.api("/signals/mill/parts/values?limit=5000")["values"]
    return [int(v["value"]) for v in reversed(values)]


def published(product: Product) -> int:
    return int(sum(c["published"] for c in product.api("/system")["connections"]))


def alive(pid: int) -> bool:
    """Return whether a process runs; a dead one that nobody has fetched yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def process_ids(product: Product) -> dict[str, int]:
    found = {p["component"]: int(p["pid"]) for p in product.api("/system")["processes"]}
    found["backbone"] = int(json.loads((product.data / "backbone" / "nats.pid.json").read_text())["pid"])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="the leash of nats-server is Linux's")
def test_one_history_over_a_stop_a_killed_supervisor_and_every_new_start(
    tmp_path: Path, adapter: tuple[Adapter, int]
) -> None:
    machine, port = adapter
    plant = tmp_path / "plant"
    plant.mkdir()
    (plant / "plant.yaml").write_text(PLANT.replace("PORT", str(port)))

    def start() -> Product:
        return Product(tmp_path / "data", command="up", plant=str(plant))

    with start() as product:
        until(lambda: product.unit("mill")["time_class"] == "production", 20)
        machine.tell("count 100")
        until(lambda: stored(product) == list(range(1, 101)), 20, lambda: str(stored(product)[-3:]))
        password = (tmp_path / "data" / "backbone" / "accounts.json").read_bytes()
        assert product.stop() < 8
        assert product.process.returncode == 0

    with start() as product:
        until(lambda: product.unit("mill")["time_class"] == "production", 20)
        machine.tell("count 50")
        until(lambda: stored(product) == list(range(1, 151)), 20, lambda: str(stored(product)[-3:]))
        machine.tell("flow")
        until(lambda: published(product) >= 200, 20)
        ids = process_ids(product)
        assert {"supervisor", "backbone", "gateway", "twin", "historian", "recorder", "portal"} <= set(ids)
        acknowledged = len(stored(product))
        os.kill(product.process.pid, signal.SIGKILL)
        product.process.wait()
        until(
            lambda: not any(alive(pid) for pid in ids.values()), 10,
            lambda: f"left behind: {[name for name, pid in ids.items() if alive(pid)]}",
        )  # fmt: skip
        machine.tell("hold")

    with start() as product:
        until(lambda: product.unit("mill")["time_class"] == "production", 30)
        before = stored(product)
        assert before == list(range(1, len(before) + 1)), "lost, doubled or out of order"
        assert len(before) >= acknowledged
        machine.tell("count 50")
        until(lambda: len(stored(product)) == len(before) + 50, 20, lambda: str(stored(product)[-3:]))
        after = stored(product)
        # What was said to nobody is no part of it; what was heard is there once and in order.
        assert after[: len(before)] == before
        new = after[len(before) :]
        assert new == list(range(new[0], new[0] + 50))
        assert new[0] > before[-1]
        assert (tmp_path / "data" / "backbone" / "accounts.json").read_bytes() == password
        one_timeline(product)


def one_timeline(product: Product) -> None:
    def timeline() -> list[dict[str, Any]]:
        found = product.api("/units/mill/timeline?from_ms=0&to_ms=4102444800000")["intervals"]
        return list(found)

    def said() -> str:
        return f"each start has its production: {[i['time_class'] for i in timeline()]}"

    # Values are stored before the twin's intervals are.
    until(lambda: sum(i["time_class"] == "production" for i in timeline()) >= 3, 20, said)
    intervals = timeline()
    assert sum(i["time_class"] == "unknown" for i in intervals[1:]) >= 2, "nobody looked between them"
    for left, right in zip(intervals, intervals[1:], strict=False):  # noqa: RUF007
        assert left["to_ms"] == right["from_ms"], "a second belongs to no class, or to two"
