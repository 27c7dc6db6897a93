"""Judge the calibration on plants that nobody has seen: make, fit and predict them, one after the other.

    python tools/validation.py HASH FOLDER [--plants 20] [--full 3] [--only N ...] [--jobs 2]
    python tools/calibration.py report FOLDER/out/*.json --write

HASH is that of the last commit that touched what is judged, so that nobody can have tuned to the plants that
come out of it. Each plant: a physics file out of HASH and its number, a past (`taktwin generate`), a fit on
its first days and a prediction of each shift behind them (`tools/calibration.py one`). The first `--full`
plants have 26 weeks and 4 more, the others less; the short ones come first. What is done is not done again,
and what was stopped goes on: give the same words once more. The past of a short plant is removed once it is
judged.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
PLANT = ROOT / "examples" / "plants" / "northfield"
FIRST = datetime(2026, 1, 11, 22, tzinfo=ZoneInfo("Europe/Vienna"))  # a week begins
LATER_WEEKS = 23  # short pasts begin in one of so many weeks: other seasons, another clock, holidays
# What calibration and its judge read, and nothing else: a past of more costs more and tells them the same.
ROLES = "state,count,product,power"
UNREAD = (
    "equipment.stop.begun", "equipment.stop.ended", "equipment.stop.recoded", "labour.logged.on",
    "labour.logged.off", "lot.loaded", "lot.moved", "lot.received", "material.counter.restarted",
    "operations.request.completed", "operations.request.received", "unit.consumed", "unit.created",
    "unit.finished", "unit.moved", "unit.scrapped",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a past: how many are skipped, while the plant fills up, fitted on, predicted."""

    skip: float
    fit: float
    predict: float

    @property
    def days(self) -> float:
        """All of them."""
        return self.skip + self.fit + self.predict


FULL = Span(2, 26 * 7, 4 * 7)
SHORT = Span(2, 12, 7)


class Runner:
    """Takes plants one by one."""

    def __init__(self, digest: str, folder: Path, *, short: Span, full: Span) -> None:
        self._digest = digest
        self._folder = folder
        self._spans = {False: short, True: full}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def out(self, number: int) -> Path:
        """Return where a plant's verdict is."""
        return self._folder / "out" / f"plant-{number:02d}.json"

    def plant(self, number: int, *, full: bool) -> bool:
        """Make, fit and predict a plant; return whether its verdict is there."""
        span, out = self._spans[full], self.out(number)
        here = self._folder / f"plant-{number:02d}"
        if out.exists():
            print(f"plant {number:02d} is judged already", flush=True)
            return True
        here.mkdir(parents=True, exist_ok=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        physics = here / "physics.yaml"
        begin = FIRST if full else FIRST + timedelta(weeks=number % LATER_WEEKS)
        done = self._run(
            here,
            "physics",
            ["tools/physics_files.py", self._digest, "--number", str(number), "--out", str(physics)],
        )
        done = done and self._run(here, "generate", [
            "-m", "taktwin", "generate", str(PLANT), "--data", str(here / "data"), "--physics", str(physics),
            "--seed", str(1000 + number), "--from", begin.isoformat(), "--days", f"{span.days:g}",
            "--roles", ROLES, "--without", ",".join(UNREAD),
        ])  # fmt: skip
        done = done and self._run(here, "one", [
            "tools/calibration.py", "one", str(here / "data"), str(out),
            "--physics", f"number {number} of {self._digest[:12]}", "--skip-days", f"{span.skip:g}",
            "--fit-days", f"{span.fit:g}", "--days", f"{span.predict:g}",
        ])  # fmt: skip
        if done and not full:
            shutil.rmtree(here / "data")
        print(f"plant {number:02d} {'is judged' if done else 'is not done'}", flush=True)
        return done

    def _run(self, here: Path, name: str, words: Sequence[str]) -> bool:
        with self._lock:
            if self._stopped:
                return False
            with (here / f"{name}.log").open("ab") as log:
                child = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=log, stderr=log)
            self._running.add(child)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        with self._lock:
            self._running.discard(child)
        with (here / "cost.jsonl").open("a", encoding="utf-8") as log:
            spent = {"what": name, "code": child.returncode, "cpu_s": round(used.ru_utime + used.ru_stime, 1)}
            log.write(json.dumps(spent) + "\n")
        return child.returncode == 0

    def stop(self) -> None:
        """End what runs: it goes on where it was when it is asked for again."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                child.terminate()


def main(words: Sequence[str]) -> int:
    """Run them all, or those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("digest", help="hash of the last commit that touched calibration")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plants", type=int, default=20)
    parser.add_argument("--full", type=int, default=3, help="of them with 26 and 4 weeks: the first ones")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of plants")
    parser.add_argument("--jobs", type=int, default=2, help="plants at a time")
    parser.add_argument("--short", type=float, nargs=3, default=None, metavar=("SKIP", "FIT", "PREDICT"))
    options = parser.parse_args(words)
    short = Span(*options.short) if options.short else SHORT
    runner = Runner(options.digest, options.folder.resolve(), short=short, full=FULL)
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    signal.signal(signal.SIGINT, lambda *_: runner.stop())
    numbers = range(options.plants) if options.only is None else options.only
    turn = sorted(numbers, key=lambda number: (number < options.full, number))
    with ThreadPoolExecutor(options.jobs) as pool:
        done = list(pool.map(lambda number: runner.plant(number, full=number < options.full), turn))
    print(f"{sum(done)} of {len(done)} plants are judged")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
