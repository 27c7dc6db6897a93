"""The live twin beside a what-if: how much later changes reach its state while the future is computed.

The whole way of `latency` goes on, at 50 and at 10 ms publishing; in every other window the study of 100
scenarios of (P1) runs on two threads, in a process that gives way as the what-if room does. Compared is the
p95 of each window with that of the one before it; the median of the windows counts.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency import clock, heard
from benchmarks.simulation import STUDY_KPIS, WEEK_S, plant_p1, row, study_scenarios
from taktwin.processes.whatif import NICER
from taktwin.simulation.experiment import compare
from taktwin.simulation.run import warm_up

AREA = "simulation"
INTERVALS_MS = (50, 10)
WINDOWS, WINDOW_S, WARM_UP_S = 8, 5.0, 5.0
BAR = 1.10


def run() -> list[dict[str, Any]]:
    """Return the rows of this benchmark."""
    return [_row(interval_ms) for interval_ms in INTERVALS_MS]


def _row(interval_ms: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        alone, beside = asyncio.run(_measure(Path(folder), interval_ms))
    ratio = statistics.median(there / before for before, there in zip(alone, beside, strict=True))
    return row(
        f"live twin, {interval_ms} ms publishing: machine to state, p95, while a what-if runs",
        statistics.median(beside), "ms", peer="without", peer_value=statistics.median(alone),
        ratio=round(ratio, 3), bar=f"<= {BAR:g} of without", met=ratio <= BAR,
    )  # fmt: skip


async def _measure(folder: Path, interval_ms: int) -> tuple[list[float], list[float]]:
    """Return the p95 of each window, without and with."""
    study = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.beside", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert study.stdin is not None and study.stdout is not None
    await study.stdout.readline()  # it is compiled, and waits
    p95: tuple[list[float], list[float]] = ([], [])
    try:
        async with heard(folder, interval_ms) as changes:
            await clock.wall_sleep(WARM_UP_S)
            for window in range(2 * WINDOWS):
                is_beside = window % 2
                if is_beside:
                    study.stdin.write(f"{WINDOW_S}\n".encode())
                    await study.stdin.drain()
                whole, _ = await changes.over(WINDOW_S)
                p95[is_beside].append(float(np.percentile(whole, 95)))
                if is_beside:
                    await study.stdout.readline()
    finally:
        study.stdin.close()
        await study.wait()
    return p95


def study_on_demand() -> None:
    """Run studies for as long as a line of the input says, again and again until it ends."""
    os.nice(NICER)
    warm_up()
    plant, asked = plant_p1(), study_scenarios()
    print("ready", flush=True)
    for line in sys.stdin:
        until_ns = clock.monotonic_ns() + int(float(line) * 1e9)
        seed = 0
        while clock.monotonic_ns() < until_ns:
            seed += 1
            compare(plant, asked, horizon_s=WEEK_S, kpis=STUDY_KPIS, seed=seed, threads=2, replications=30)
        print("done", flush=True)


if __name__ == "__main__":
    study_on_demand()
