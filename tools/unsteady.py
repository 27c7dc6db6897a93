"""The second chance of a test that starts the product or a browser: who has one, and what came of it.

Such a test waits for processes, sockets and deadlines of a machine that others use too. Where few of them
fail, they run once more on a fresh product; whatever fails again has failed. What passes only then is no
success to be silent about: `tools/check.py` names it in the end, and somebody finds out why.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FAILED_AT_MOST = 3  # more are no accident
TESTS_FAILED = 1  # pytest's exit code where tests failed, and nothing worse happened


class Failed(NamedTuple):
    """One test that failed, or whose set-up or end did."""

    path: str  # from the root, with slashes
    name: str  # as pytest selects it within the file
    why: str  # the first line of what was said


def failures(report: Path) -> list[Failed]:
    """Return the tests that failed by pytest's report, each once; none where there is no whole report."""
    try:
        cases = list(ET.parse(report).getroot().iter("testcase"))
    except (OSError, ET.ParseError):
        return []
    found: dict[tuple[str, str], Failed] = {}
    for case in cases:
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        if bad is not None:
            path, within = place(case.get("classname", ""))
            name = "::".join((*within, case.get("name", "")))
            lines = (bad.get("message") or bad.text or "").strip().splitlines()
            found.setdefault((path, name), Failed(path, name, lines[0] if lines else ""))
    return list(found.values())


def place(dotted: str) -> tuple[str, tuple[str, ...]]:
    """Return the file of a dotted test module, and the classes within it.

    >>> place("tests.unit.test_units.TestUnits")
    ('tests/unit/test_units.py', ('TestUnits',))
    """
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        path = "/".join(parts[:end]) + ".py"
        if (ROOT / path).is_file():
            return path, tuple(parts[end:])
    return "/".join(parts) + ".py", ()


def second_chance(
    code: int, failed: Sequence[Failed], places: Sequence[str], *, files: bool
) -> list[str] | None:
    """Return what to run once more, None where nothing has a second chance.

    Parameters
    ----------
    code : pytest's exit code of the first run
    places : folders and files whose tests have one; one failed test elsewhere, and none has
    files : whole files, because their tests build on each other; else the failed tests alone
    """
    if code != TESTS_FAILED or not 0 < len(failed) <= FAILED_AT_MOST:
        return None
    if not all(any((each.path + "/").startswith(one.rstrip("/") + "/") for one in places) for each in failed):
        return None
    if files:
        return sorted({each.path for each in failed})
    return [f"{each.path}::{each.name}" for each in failed]


def told(unsteady: Sequence[Failed]) -> str:
    """Return what the check says of tests that passed only the second time, '' where there is none."""
    if not unsteady:
        return ""
    names = [f"{each.path}::{each.name}" for each in unsteady]
    width = max(len(name) for name in names)
    lines = [
        f"  {name:{width}}  {each.why[:200]}".rstrip() for name, each in zip(names, unsteady, strict=True)
    ]
    return "\n".join(
        [f"== UNSTEADY: {', '.join(names)}", "Failed once and passed once; first it said:", *lines]
    )
