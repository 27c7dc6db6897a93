"""A disk that is really full under everything: said on the page, nothing spoilt, and on it goes with room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taktwin.processes.ports import free_port
from tests.system.product import Product, until
from tests.system.test_up import PLANT, Adapter, published, stored

pytestmark = pytest.mark.system

MIB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory: the historian wants 500 MB free of it."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(mounted)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a file system of its own needs Linux and root")
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system of its own: {done.stderr.decode().strip()}")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def fill(path: Path) -> None:
    """Take all the room that is left, as a program of somebody else would."""
    with path.open("wb") as file:
        at, step = 0, 64 * MIB
        while step >= 4096:
            try:
                os.posix_fallocate(file.fileno(), at, step)
                at += step
            except OSError:
                step //= 2


def said(product: Product, component: str) -> str:
    process = next(p for p in product.api("/system")["processes"] if p["component"] == component)
    return f"{process['state']} {process['reason']}"


def test_a_full_disk_is_said_loses_nothing_that_stood_and_ends_with_the_room(
    tmp_path: Path, disk: Path
) -> None:
    port = free_port()
    machine = Adapter(port)
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant" / "plant.yaml").write_text(PLANT.replace("PORT", str(port)))
    try:
        with Product(disk / "data", command="up", plant=str(tmp_path / "plant")) as product:
            machine.tell("count 200")
            until(lambda: stored(product) == list(range(1, 201)), 30, lambda: str(stored(product)[-3:]))

            fill(disk / "of somebody else")
            machine.tell("count 400")
            until(lambda: "disk_full" in said(product, "historian"), 20, lambda: said(product, "historian"))
            for component in ("supervisor", "backbone"):
                until(
                    lambda component=component: "disk is full" in said(product, component), 40,
                    lambda component=component: said(product, component),
                )  # fmt: skip
            assert product.api("/system")["history"]["state"].startswith("degraded: disk_full")
            until(lambda: published(product) >= 600, 20)

            (disk / "of somebody else").unlink()
            until(lambda: said(product, "supervisor").startswith("running"), 60)
            until(lambda: said(product, "historian").startswith("running"), 60)
            machine.tell("count 100")
            until(lambda: stored(product)[-1:] == [700], 60, lambda: str(stored(product)[-3:]))
            found = stored(product)
            assert found[:200] == list(range(1, 201)), "what stood before"
            assert found == sorted(set(found)), "twice, or out of order"
            assert found[-100:] == list(range(601, 701)), "what came with room again"
            given_up = 700 - len(found)
            assert given_up == 0 or "given up because the buffer was full" in said(product, "gateway")
            print(f"{given_up} of 400 values found no room")
            assert all(
                p["restarts"] == 0
                for p in product.api("/system")["processes"]
                if p["component"] not in ("backbone",)
            )
    finally:
        machine.end()
