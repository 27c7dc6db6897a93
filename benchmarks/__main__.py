"""Run the benchmarks, print the table, write docs/benchmarks.md and benchmarks/results.json.

`python -m benchmarks [--area AREA] [name ...]` runs those named, else those of the area, else all;
rows of benchmarks that did not run are kept from the last results. Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"

Row = dict[str, Any]


def modules() -> list[str]:
    """Return the names of all benchmarks."""
    return sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("_"))


def area_of(name: str) -> str:
    """Return the area of a benchmark: the word `AREA` of its module; those of the first part have none."""
    found = re.search(r'^AREA = "(.+)"$', (HERE / f"{name}.py").read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else "spine"


def asked_for(words: list[str]) -> list[str]:
    """Return the names of the benchmarks that somebody asked for."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("names", nargs="*", metavar="name")
    parser.add_argument("--area")
    asked = parser.parse_args(words)
    if asked.names:
        return list(asked.names)
    areas = {area_of(name) for name in modules()}
    if asked.area and asked.area not in areas:
        parser.error(f"no area {asked.area}: expected one of {', '.join(sorted(areas))}")
    return [name for name in modules() if asked.area in (None, area_of(name))]


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in _lines(Path("/proc/cpuinfo"))
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = next(
        (int(line.split()[1]) for line in _lines(Path("/proc/meminfo")) if line.startswith("MemTotal")), 0
    )
    return {
        "cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory * 1024 / 1e9, 1),
        "system": platform.system(), "python": platform.python_version(),
    }  # fmt: skip


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def commit() -> str:
    """Return the commit that was measured, marked if the tree had changes."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def figure(value: Any) -> str:
    """Return a number as people read it."""
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def page(results: dict[str, Any]) -> str:
    """Return docs/benchmarks.md: what was missed first."""
    about = results["machine"]
    commits = ", ".join(f"`{commit}`" for commit in sorted({row["commit"] for row in results["rows"]}))
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; read ratios first, absolute figures second. What was missed stands first.",
        "",
        f"Measured at {commits} (`results.json` says which figure where) on {about['cores']} cores of "
        f"{about['cpu']}, {about['memory_gb']} GB, Python {about['python']}.",
        "",
        *(f"{note}\n" for note in dict.fromkeys(row.get("note", "") for row in results["rows"]) if note),
        "| | area | figure | value | unit | peer or limit | its value | ratio | bar |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(results["rows"], key=lambda r: (r["met"] is not False, r["area"], r["name"])):
        verdict = {True: "met", False: "**missed**", None: ""}[row["met"]]
        cells = [
            verdict, row["area"], row["name"], figure(row["value"]), row["unit"], row["peer"] or "",
            figure(row["peer_value"]), figure(row["ratio"]), str(row["bar"] or ""),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(rows: list[Row], measured: str) -> None:
    """Write the results and their page."""
    results = {"machine": machine(), "commit": measured, "rows": rows}  # the newest; each row has its own
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")


def main() -> int:
    """Run what was named and return the exit code."""
    names = asked_for(sys.argv[1:])
    unknown = [name for name in names if name not in modules()]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}: expected some of {', '.join(modules())}", file=sys.stderr)
        return 2
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    rows: list[Row] = [
        row for row in before if row["benchmark"] not in names and row["benchmark"] in modules()
    ]
    measured = commit()  # before our own results change the tree
    for name in names:
        print(f"{name} ...", flush=True)
        found = importlib.import_module(f"benchmarks.{name}").run()
        for row in found:
            row["benchmark"], row["commit"] = name, measured
            verdict = {True: "met", False: "MISSED", None: "-"}[row["met"]]
            against = (
                f"{row['peer']}: {figure(row['peer_value'])}, ratio {figure(row['ratio'])}, bar {row['bar']}"
            )
            print(f"  {verdict:<7} {row['name']}: {figure(row['value'])} {row['unit']} ({against})")
        rows += found
        write(rows, measured)  # after each: a later one that fails takes nothing with it
    missed = [row["name"] for row in rows if row["met"] is False]
    print(f"{len(rows)} figures, {len(missed)} bars missed{': ' + '; '.join(missed) if missed else ''}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
