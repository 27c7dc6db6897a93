"""A wall that slows down while somebody computes or asks, in the processes that are shown it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.closed_loop import pace

if not sys.platform.startswith("linux"):
    pytest.skip("who computes is read from /proc", allow_module_level=True)

MEASURES = """
import time
from taktwin.clock import SystemClock

def shown(work):
    shown_ns, real_ns = SystemClock().now_ns(), time.monotonic_ns()
    work(real_ns)
    print((SystemClock().now_ns() - shown_ns) / (time.monotonic_ns() - real_ns))

def computes(began_ns):
    while time.monotonic_ns() < began_ns + 3_000_000_000:
        pass

time.sleep(0.3)
shown(lambda began_ns: time.sleep(1.0))
shown(computes)
"""
PASSES_ON = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"


def test_a_process_that_computes_sees_the_wall_all_but_stand_still_and_one_that_waits_does_not(
    tmp_path: Path,
) -> None:
    wall = pace.hung(tmp_path / "wall")
    words = [sys.executable, "-c", PASSES_ON, MEASURES]
    family = subprocess.Popen(
        words, env=pace.environment(tmp_path / "wall"), stdout=subprocess.PIPE, text=True
    )
    with pace.Brake(wall, family.pid) as brake:
        said = family.communicate(timeout=30)[0]
    waited, computed = map(float, said.split())
    assert waited > 0.8 and computed < 0.6, f"{waited} {computed}"
    assert sum(brake.slow_s.values()) > 1.0 and brake.told().startswith("python")
    assert time.time_ns.__module__ == "time", "ours is the real one"


def test_it_slows_down_for_who_asks_and_never_goes_back(tmp_path: Path) -> None:
    wall = pace.hung(tmp_path / "wall")
    brake = pace.Brake(wall, ancestor=0)
    seen = [wall.now_ns()]
    for _ in range(3):
        began_ns, shown_ns = time.monotonic_ns(), wall.now_ns()
        with brake.asking():
            threading.Event().wait(0.1)
        assert wall.now_ns() - shown_ns < 0.5 * (time.monotonic_ns() - began_ns)
        seen += [wall.now_ns() for _ in range(1000)]
    began_ns, shown_ns = time.monotonic_ns(), wall.now_ns()
    threading.Event().wait(0.1)
    assert wall.now_ns() - shown_ns == pytest.approx(time.monotonic_ns() - began_ns, rel=0.2)
    assert seen == sorted(seen)


def test_who_read_it_before_it_was_slowed_sees_it_stand_still_and_not_go_back(tmp_path: Path) -> None:
    wall = pace.hung(tmp_path / "wall")
    seen = wall.now_ns()
    now_ns = time.time_ns()
    (tmp_path / "wall").write_bytes(pace.LAYOUT.pack(1, now_ns, seen - 10**9, 1.0, 1))
    assert wall.now_ns() == seen
