"""The tutorial: an own OPC UA server, live in ten minutes; the page's file is the example's file."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from taktwin.processes.ports import free_port
from tests.system.product import ROOT, Product, until

pytestmark = pytest.mark.system

EXAMPLE = ROOT / "examples" / "own-server"


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "tutorial" / "own-server.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    kept = (EXAMPLE / "plant" / "plant.yaml").read_text(encoding="utf-8")
    assert shown == kept.partition("\n")[2], "the tutorial's plant.yaml is not the example's"


def test_the_own_server_lives_on_the_plan_is_missed_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    plant = tmp_path / "plant"
    plant.mkdir()
    text = (EXAMPLE / "plant" / "plant.yaml").read_text(encoding="utf-8")
    (plant / "plant.yaml").write_text(text.replace("127.0.0.1:4840", f"127.0.0.1:{port}"), encoding="utf-8")
    command = [sys.executable, str(EXAMPLE / "server.py"), str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with Product(tmp_path / "data", command="up", plant=str(plant)) as product:
            until(lambda: product.unit("press")["time_class"] in ("production", "starved"), 20)
            seen = {product.unit("press")["time_class"]}
            until(
                lambda: seen.add(product.unit("press")["time_class"]) or len(seen) == 2, 40, lambda: str(seen)
            )
            assert seen == {"production", "starved"}
            server.send_signal(signal.SIGKILL)
            server.wait()
            until(lambda: product.unit("press")["time_class"] == "unknown", 5)
            server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            until(lambda: product.unit("press")["time_class"] != "unknown", 30)
    finally:
        server.kill()
        server.wait()
